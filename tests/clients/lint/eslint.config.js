// The rules of graphql-eslint, as they come but for what is said below.
import graphql from "@graphql-eslint/eslint-plugin";

const config = { schema: "schema/schema.graphql", documents: "schema/operations/**/*.graphql" };

const linted = (files, sets, rules) => ({
  files: [files],
  languageOptions: { parser: graphql.parser, parserOptions: { graphQLConfig: config } },
  plugins: { "@graphql-eslint": graphql },
  rules: Object.assign({}, ...sets.map((set) => graphql.configs[`flat/${set}`].rules), rules),
});

export default [
  linted(config.schema, ["schema-recommended", "schema-relay"], {
    // What has an id can be asked for by `node`; these are answers, or parts of what has one.
    "@graphql-eslint/strict-id-in-types": [
      "error",
      {
        exceptions: {
          types: [
            "AccessExplanation",
            "AccessGrant",
            "Clock",
            "Metric",
            "PageInfo",
            "PolicyRow",
            "UnitMetrics",
            "UserError",
            "Viewer",
          ],
          suffixes: ["Connection", "Edge", "Payload"],
        },
      },
    ],
    // `nodes` beside `edges` saves a level to whoever needs no cursors; clocks are listed, and have no id.
    "@graphql-eslint/relay-edge-types": ["error", { listTypeCanWrapOnlyEdgeType: false, shouldImplementNode: false }],
  }),
  linted(config.documents, ["operations-recommended"], {
    // The operations are named as Relay's compiler demands: FileQuery, File_part.
    "@graphql-eslint/naming-convention": [
      "error",
      {
        VariableDefinition: "camelCase",
        OperationDefinition: { style: "PascalCase", requiredSuffixes: ["Query", "Mutation", "Subscription"] },
        FragmentDefinition: { requiredPattern: /^[A-Z][A-Za-z]+_[a-z][A-Za-z]*$/ },
      },
    ],
  }),
];
