/** The one server this page talks to: its own, at its own address. */
import { createGraphiQLFetcher, type Fetcher } from "@graphiql/toolkit";
import { createClient } from "graphql-ws";

import { credentials } from "./token";

const ENDPOINT = new URL(location.pathname, location.origin);
const SOCKET = new URL(ENDPOINT.pathname, location.origin.replace(/^http/, "ws"));

const post: typeof fetch = (url, init) =>
  fetch(url, { ...init, headers: { ...credentials(), ...(init?.headers as Record<string, string>) } });

/** A fetcher of its own for each token, so that GraphiQL reads the schema again as the new account. */
export function createFetcher(): Fetcher {
  return createGraphiQLFetcher({
    url: ENDPOINT.href,
    fetch: post,
    enableIncrementalDelivery: false,
    wsClient: createClient({
      url: SOCKET.href,
      connectionParams: credentials,
      // A silent reconnect would hide the events missed meanwhile; whoever wants them passes `after`.
      retryAttempts: 0,
    }),
  });
}
