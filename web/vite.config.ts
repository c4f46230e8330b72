import { defineConfig } from "vite";

/** Pages go into the Python package; the server hands their assets out under /graphql/assets/. */
export default defineConfig({
  base: "/graphql/",
  logLevel: "warn",
  build: {
    outDir: "../src/lxbc_graph/http/pages",
    emptyOutDir: true,
    target: "es2022",
    reportCompressedSize: false,
    chunkSizeWarningLimit: 4096,
    // "use client" means nothing in a page that no server renders.
    rolldownOptions: { input: "graphiql.html", checks: { moduleLevelDirective: false } },
  },
});
