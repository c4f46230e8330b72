// Apollo Client over HTTP, as in docs/clients.md.
import { ApolloClient, ApolloLink, CombinedProtocolErrors, HttpLink, InMemoryCache, ServerError, gql } from "@apollo/client";
import { RetryLink } from "@apollo/client/link/retry";
import { tap } from "rxjs";
import { options, query, say, token, url, variables } from "./asked.mjs";

const isFinal = (error) => CombinedProtocolErrors.is(error) || (ServerError.is(error) && error.statusCode < 500);
const retry = new RetryLink({
  delay: { initial: 50, max: 50 },
  attempts: { max: Infinity, retryIf: (error) => !isFinal(error) },
});
const resume = new ApolloLink((operation, forward) =>
  forward(operation).pipe(
    tap(({ data }) => {
      if (data?.issueEvents) operation.variables.after = data.issueEvents.cursor;
    }),
  ),
);
const { possibleTypes, ...given } = options;
const http = new HttpLink({ uri: url, headers: { Authorization: `Bearer ${token()}` }, ...given });
const cache = new InMemoryCache({ possibleTypes });
const client = new ApolloClient({ link: ApolloLink.from([retry, resume, http]), cache });

const failed = ({ name, errors, statusCode }) => say({ error: name, errors, status: statusCode });
const document = gql(query);
switch (document.definitions[0].operation) {
  case "query":
    client
      .query({ query: document, variables })
      .then(({ data }) => say({ next: data, kept: Object.keys(cache.extract()) }), failed);
    break;
  case "mutation":
    client.mutate({ mutation: document, variables }).then(({ data }) => say({ next: data }), failed);
    break;
  case "subscription":
    client.subscribe({ query: document, variables }).subscribe({
      next: ({ data, error }) => (error ? failed(error) : say({ next: data })),
      complete: () => say("complete"),
    });
}
