// A unit's issues, a page at a time; one of them again, by its id; one more, in front; and all that happens.
import { graphql } from "relay-runtime";

export const query = graphql`
  query IssuePagesQuery($unit: String!) {
    unit(code: $unit) {
      name
      ...IssuePages_unit
    }
  }
`;

export const pages = graphql`
  fragment IssuePages_unit on Unit
  @argumentDefinitions(first: { type: "Int", defaultValue: 20 }, after: { type: "String" })
  @refetchable(queryName: "IssuePagesPaginationQuery") {
    issues(first: $first, after: $after, orderBy: { field: DUE_AT }) @connection(key: "IssuePages_issues") {
      totalCount
      edges {
        node {
          ...IssuePages_issue
        }
      }
    }
  }
`;

export const issue = graphql`
  fragment IssuePages_issue on Issue @refetchable(queryName: "IssuePagesRefetchQuery") {
    number
    title
    state
    dueAt
    viewerActions
    unit {
      name
    }
  }
`;

export const report = graphql`
  mutation IssuePagesReportMutation($input: ReportIssueInput!, $connections: [ID!]!) {
    reportIssue(input: $input) {
      issue @prependNode(connections: $connections, edgeTypeName: "IssueEdge") {
        ...IssuePages_issue
      }
      errors {
        code
        message
      }
    }
  }
`;

export const events = graphql`
  subscription IssuePagesSubscription($unit: String!, $after: String) {
    issueEvents(filter: { unit: $unit }, after: $after) {
      cursor
      gone
      event {
        issue {
          ...IssuePages_issue
        }
      }
    }
  }
`;
