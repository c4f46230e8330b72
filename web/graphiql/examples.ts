/** What the first visit finds in the editor: one tab for each thing that a client does most. */
export const EXAMPLES = [
  /* GraphQL */ `# How far is each county?
# 各县(市、区)问题整改率
#
# Log in above as city_office
# (demo password: lxbc-demo) and
# press ▶ or Ctrl-Enter. Then log
# in as portal-411024 and run it
# again: one county is left.
query Overview {
  viewer {
    displayName
  }
  units(
    filter: { level: [COUNTY] }
  ) {
    nodes {
      name
      metrics {
        rectificationRate {
          numerator
          denominator
          percent
        }
      }
    }
  }
}
`,
  /* GraphQL */ `# What is overdue, the longest
# first, and what you may do
# with it 超期问题与可办操作
query Overdue($after: String) {
  issues(
    first: 10
    after: $after
    filter: { light: RED }
    orderBy: { field: NEXT_DUE_AT }
  ) {
    totalCount
    nodes {
      number
      title
      state
      light
      nextDueAt
      viewerActions
      unit {
        name
      }
      assignments {
        nodes {
          kind
          state
          responsibleName
          viewerActions
        }
      }
    }
    pageInfo {
      hasNextPage
      endCursor
    }
  }
}
`,
  /* GraphQL */ `# Each change, as it happens
# 问题动态
#
# Run it, keep the tab, and move an
# issue in another one. The cursor,
# given back as after:, resumes.
subscription Live {
  issueEvents {
    cursor
    event {
      kind
      fromState
      toState
      at
      actorName
      issue {
        number
        title
        unit {
          name
        }
      }
    }
  }
}
`,
];
