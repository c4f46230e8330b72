import { Client, cacheExchange, fetchExchange, gql, subscriptionExchange } from "@urql/core";
import { createClient } from "graphql-ws";
import WebSocket from "ws";
import { options, query, say, token, url, variables } from "./asked.mjs";

const { socket, ...given } = options;
const sockets = createClient({
  url: url.replace("http", "ws"),
  webSocketImpl: WebSocket,
  connectionParams: () => ({ token: token() }),
});
const overSocket = subscriptionExchange({
  forwardSubscription: ({ query, variables }) => ({
    subscribe: (sink) => ({ unsubscribe: sockets.subscribe({ query, variables }, sink) }),
  }),
});
const client = new Client({
  url,
  exchanges: [cacheExchange, ...(socket ? [overSocket] : []), fetchExchange],
  fetchSubscriptions: !socket,
  fetchOptions: () => ({ headers: { Authorization: `Bearer ${token()}` } }),
  ...given,
});

const document = gql(query);
const { operation } = document.definitions[0];
client[operation](document, variables).subscribe(({ data, error }) =>
  say(error ? { error: error.name, errors: error.graphQLErrors, status: error.response?.status } : { next: data }),
);
