import type { CodegenConfig } from "@graphql-codegen/cli";

const scalars = { ID: "string", Date: "string", DateTime: "string", JSON: "unknown" };

const config: CodegenConfig = {
  schema: "schema/schema.graphql",
  documents: "schema/operations/**/*.graphql",
  config: { strictScalars: true, scalars, dedupeOperationSuffix: true },
  generates: {
    "schema.ts": { plugins: ["typescript"] },
    "possible-types.ts": { plugins: ["fragment-matcher"] },
    "operations.ts": { plugins: ["typescript-operations", "typed-document-node"] },
  },
};

export default config;
