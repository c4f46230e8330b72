// node's graphql-ws over ws; `POST /events?count=N` publishes what the body, one of our frames, holds.
import { createServer } from "node:http";
import { text } from "node:stream/consumers";
import { setImmediate as nextTurn } from "node:timers/promises";

import { buildSchema } from "graphql";
import { useServer } from "graphql-ws/use/ws";
import { WebSocketServer } from "ws";

const schema = buildSchema(`
  type Query { eventCursor: String! }
  type Subscription { issueEvents(filter: EventFilter): IssueEventPayload! }
  input EventFilter { unit: String }
  type IssueEventPayload { cursor: String!, event: Event! }
  type Event { kind: String!, toState: String!, at: String!, issue: Issue }
  type Issue { id: ID!, number: String!, title: String!, state: String!, unit: Unit }
  type Unit { name: String! }
`);

const subscribers = new Set();

/** What one subscriber has yet to be sent, as an async iterator without end. */
function follow() {
  const waiting = [];
  let wake = null;
  const subscriber = (event) => {
    if (wake) {
      wake({ value: event, done: false });
      wake = null;
    } else waiting.push(event);
  };
  subscribers.add(subscriber);
  return {
    [Symbol.asyncIterator]() {
      return this;
    },
    next: () =>
      waiting.length
        ? Promise.resolve({ value: waiting.shift(), done: false })
        : new Promise((resolve) => (wake = resolve)),
    return: () => {
      subscribers.delete(subscriber);
      wake?.({ value: undefined, done: true });
      return Promise.resolve({ value: undefined, done: true });
    },
  };
}

const server = createServer(async (request, response) => {
  const count = Number(new URL(request.url, "http://bench").searchParams.get("count"));
  const { data } = JSON.parse(await text(request)).payload;
  for (let sent = 0; sent < count; sent++) {
    for (const subscriber of subscribers) subscriber(data);
    await nextTurn();
  }
  response.writeHead(200, { "Content-Length": 0 }).end();
});

useServer(
  { schema, roots: { subscription: { issueEvents: follow } } },
  new WebSocketServer({ server, path: "/graphql" }),
);
server.listen({ fd: Number(process.argv[2]) }, () => console.log("ready"));
