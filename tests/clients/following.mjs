// What docs/clients.md shows, where time goes twenty times as fast.
import WebSocket from "ws";
import { query, say, token, url, variables } from "./asked.mjs";
import { follow } from "./follow.mjs";

const later = setTimeout;
globalThis.setTimeout = (act, milliseconds, ...given) => later(act, milliseconds / 20, ...given);
globalThis.WebSocket = class extends WebSocket {
  constructor(...given) {
    super(...given);
    say("connecting");
  }
};

async function readAnew() {
  const body = JSON.stringify({ query: "{ eventCursor }" });
  const headers = { Authorization: `Bearer ${token()}`, "Content-Type": "application/json" };
  const { data } = await (await fetch(url, { method: "POST", headers, body })).json();
  say("read anew");
  return data.eventCursor;
}

follow({
  url: url.replace("http", "ws"),
  currentToken: token,
  query,
  after: variables.after,
  readAnew,
  show: (event) => say({ shown: event.issue.title }),
  forget: (id) => say({ forgotten: id }),
  gaveUp: (reason) => say({ gaveUp: reason[0]?.extensions.code ?? reason.code }),
});
