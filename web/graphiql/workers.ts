/** The editors' background workers, bundled, so that the page asks nobody else for them. */
import type { Environment } from "monaco-editor";
import EditorWorker from "monaco-editor/esm/vs/editor/editor.worker.js?worker";
import JsonWorker from "monaco-editor/esm/vs/language/json/json.worker.js?worker";
import GraphQLWorker from "monaco-graphql/esm/graphql.worker.js?worker";

window.MonacoEnvironment = {
  getWorker(_id, label) {
    if (label === "graphql") return new GraphQLWorker();
    return label === "json" ? new JsonWorker() : new EditorWorker();
  },
} satisfies Environment;
