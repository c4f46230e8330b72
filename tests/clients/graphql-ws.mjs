import { createClient } from "graphql-ws";
import WebSocket from "ws";
import { options, query, say, soon, token, url, variables } from "./asked.mjs";

const client = createClient({
  url: url.replace("http", "ws"),
  webSocketImpl: WebSocket,
  connectionParams: () => ({ token: token() }),
  retryAttempts: Infinity,
  retryWait: soon,
  shouldRetry: () => true,
  on: {
    connected: () => say("connected"),
    closed: ({ code }) => say({ closed: code }),
    pong: (received) => received && say("pong"),
  },
  ...options,
});
if (query) {
  client.subscribe(
    { query, variables },
    {
      next({ data, errors }) {
        if (data?.issueEvents) variables.after = data.issueEvents.cursor;
        say({ next: data, errors });
      },
      error: (error) => say(Array.isArray(error) ? { errors: error } : { error: error.code }),
      complete: () => say("complete"),
    },
  );
}
