import { createClient } from "graphql-ws";

const pause = (retries) => new Promise((done) => setTimeout(done, Math.random() * Math.min(30_000, 1_000 * 2 ** retries)));

export function follow({ url, currentToken, query, after, show, forget, readAnew, gaveUp }) {
  let noPong;
  const client = createClient({
    url,
    connectionParams: async () => ({ token: await currentToken() }),
    retryAttempts: Infinity,
    retryWait: pause,
    shouldRetry: () => true,
    keepAlive: 10_000, // or nobody notices that the network has vanished
    connectionAckWaitTimeout: 10_000,
    on: {
      ping: (received) => {
        if (!received) noPong = setTimeout(() => client.terminate(), 5_000);
      },
      pong: (received) => received && clearTimeout(noPong),
      closed: () => clearTimeout(noPong),
    },
  });
  const variables = { after };
  const subscribe = () =>
    client.subscribe({ query, variables }, {
      next({ data }) {
        const { cursor, event, gone } = data.issueEvents;
        if (event) show(event);
        if (gone) forget(gone); // an id; often without an event
        variables.after = cursor;
      },
      async error(reason) {
        const code = reason[0]?.extensions.code; // errors of GraphQL are an array; anything else has closed the socket
        if (code === "INVALID_CURSOR" || code === "CURSOR_EXPIRED") variables.after = await readAnew();
        else if (code === "UNAVAILABLE") await pause(3);
        else if (code !== "ACCESS_REVOKED") return gaveUp(reason);
        subscribe();
      },
      complete() {},
    });
  subscribe();
}
