import { createClient } from "graphql-sse";
import { options, query, say, soon, token, url, variables } from "./asked.mjs";

const client = createClient({
  url,
  headers: () => ({ Authorization: `Bearer ${token()}` }),
  retryAttempts: Infinity,
  retry: soon,
  ...options,
});
client.subscribe(
  { query, variables },
  {
    next({ data, errors }) {
      if (data?.issueEvents) variables.after = data.issueEvents.cursor;
      say({ next: data, errors });
    },
    error: (error) => say({ error: error.name, status: error.response?.status }),
    complete: () => say("complete"),
  },
);
