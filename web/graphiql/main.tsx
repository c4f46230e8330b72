/** GraphiQL under a token bar, at the address of the API itself. */
import "./workers";
import "@graphiql/react/font/fira-code.css";
import "@graphiql/react/style.css";
import "@graphiql/plugin-doc-explorer/style.css";
import "@graphiql/plugin-history/style.css";
import "graphiql/graphiql.css";
import "./page.css";

import { DOC_EXPLORER_PLUGIN } from "@graphiql/plugin-doc-explorer";
import { GraphiQL } from "graphiql";
import { useMemo } from "react";
import { createRoot } from "react-dom/client";

import { EXAMPLES } from "./examples";
import { createFetcher } from "./server";
import { useToken } from "./token";
import { TokenBar } from "./TokenBar";

/** `/graphql?query=…` opens with that document; it runs when somebody runs it. */
const linked = new URLSearchParams(location.search).get("query");

function Page() {
  const token = useToken();
  const fetcher = useMemo(createFetcher, [token]);
  return (
    <>
      <TokenBar />
      <GraphiQL
        fetcher={fetcher}
        defaultTabs={EXAMPLES.map((query) => ({ query }))}
        {...(linked === null ? {} : { initialQuery: linked })}
        visiblePlugin={DOC_EXPLORER_PLUGIN}
        inputValueDeprecation
        schemaDescription
      >
        <GraphiQL.Logo>{null}</GraphiQL.Logo>
      </GraphiQL>
    </>
  );
}

createRoot(document.getElementById("page")!).render(<Page />);
