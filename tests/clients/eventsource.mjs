// What browsers have built in; theirs cannot send a token.
import { EventSource } from "eventsource";
import { query, say, token, url, variables } from "./asked.mjs";

const Authorization = `Bearer ${token()}`;
const parameters = new URLSearchParams({ query, variables: JSON.stringify(variables) });
const source = new EventSource(`${url}?${parameters}`, {
  fetch: (input, init) => fetch(input, { ...init, headers: { ...init.headers, Authorization } }),
});
source.addEventListener("next", ({ data, lastEventId }) => {
  const { data: next, errors } = JSON.parse(data);
  say({ next, errors, lastEventId });
});
source.addEventListener("complete", () => {
  source.close();
  say("complete");
});
source.addEventListener("error", ({ code }) => {
  if (source.readyState === source.CLOSED) say({ error: "closed", status: code });
});
