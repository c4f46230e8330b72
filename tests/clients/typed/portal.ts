// A portal on what is generated, with Apollo Client and with urql; what must not compile is marked, or it would not.
import { ApolloClient, HttpLink, InMemoryCache } from "@apollo/client";
import { Client, fetchExchange } from "@urql/core";
import * as documents from "./operations.js";
import matching from "./possible-types.js";
import type { City } from "./schema.js";

const uri = "/graphql";
const cache = new InMemoryCache({ possibleTypes: matching.possibleTypes });
const apollo = new ApolloClient({ link: new HttpLink({ uri }), cache });
const urql = new Client({ url: uri, exchanges: [fetchExchange] });

export async function overdue(unit: string): Promise<[string, string | null][]> {
  const filter: documents.IssueFilter = { unit, light: ["RED"] };
  const { data } = await apollo.query({ query: documents.IssueListQueryDocument, variables: { filter } });
  // @ts-expect-error - there may be no data
  data.issues;
  return data ? data.issues.nodes.map((issue) => [issue.title, issue.dueAt]) : [];
}

export async function report(input: documents.ReportIssueInput): Promise<string | undefined> {
  const { data } = await urql.mutation(documents.ReportIssueMutationDocument, { input });
  // @ts-expect-error - this is no way to find an issue
  await urql.mutation(documents.ReportIssueMutationDocument, { input: { ...input, source: "HEARSAY" } });
  return data?.reportIssue?.errors[0]?.messageZh;
}

export function follow(county: string, show: (title: string) => void): void {
  urql.subscription(documents.IssueEventsSubscriptionDocument, { county }).subscribe(({ data }) => {
    const issue = data?.issueEvents.event?.issue;
    // @ts-expect-error - the issue may be out of scope
    show(issue.title);
    if (issue) show(issue.title);
  });
}

// @ts-expect-error - a city has no telephone
export const none = (city: City) => city.phone;
