// The audit of GraphQL over HTTP, in the words of graphql-http: each of its points, and what became of it.
import { auditServer } from "graphql-http";
import { say, url } from "./asked.mjs";

say((await auditServer({ url, fetchFn: fetch })).map(({ name, status, reason }) => ({ name, status, reason })));
