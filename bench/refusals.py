"""``python -m bench.refusals``: what it takes to refuse a document, beside parsing one that is as long as may be.

CPU of the thread, best of several, of what stands between the text and the refusal: no HTTP, no database.
"""

import time
from collections.abc import Callable
from functools import partial
from typing import Annotated

import typer
from graphql import parse
from rich.console import Console
from rich.table import Table

from lxbc_graph.http.server import settle
from lxbc_graph.read.document import Documents, Refused
from lxbc_graph.read.limits import Limits
from lxbc_graph.schema.build import build
from lxbc_graph.schema.declare import CATALOGUE

LIMITS = Limits()


def times(number: int, text: str) -> str:
    """Return the text so and so often, with the place of each as ``@``."""
    return " ".join(text.replace("@", str(place)) for place in range(number))


LEGAL = f"{{ city {{ {times(664, 'name id code')} }} }}"
"""Of 2,000 tokens: to parse it is what nobody can be spared."""


def chains(number: int, length: int) -> str:
    """Return a fragment F that spreads so many others, each the first of so many in one another."""
    starts = times(number, "...C@x0")
    links = "".join(
        times(number, f" fragment C@x{place} on Query {{ ...C@x{place + 1} }}") for place in range(length)
    )
    ends = times(number, f" fragment C@x{length} on Query {{ __typename }}")
    return f" fragment F on Query {{ {starts} }}{links}{ends}"


UNIT_TYPES = "... on County { parent { name } } ... on City { parent { name } }"
REFUSED = {
    "20,000 aliases": f"{{ {times(20_000, 'a@: __typename')} }}",
    "100,000 tokens": f"{{ {'a ' * 100_000} }}",
    "2,001 tokens": f"{{ {'a ' * 2_001} }}",
    "60 × 60 aliases": f"{{ {times(60, 'a@: city { ...F }')} }} fragment F on City {{ {times(60, 'b@: name')} }}",
    "25 fragments deep": "{ ...F0 } "
    + " ".join(f"fragment F{place} on Query {{ ...F{place + 1} ...F{place + 1} }}" for place in range(25))
    + " fragment F25 on Query { __typename }",
    "fragments in a circle": "{ ...F0 } "
    + " ".join(f"fragment F{place} on Query {{ ...F{(place + 1) % 240} }}" for place in range(240)),
    "280 directives": f"{{ __typename {'@skip(if: true) ' * 280} }}",
    "990 directives": f"{{ __typename {'@a ' * 990} }}",
    "1,980 fields": f"{{ {'id ' * 1_980} }}",
    "640 fields nobody asks for": f"{{ __typename }} fragment F on Query {{ {times(640, 'a@: __typename')} }}",
    "270 fragments nobody spreads": "{ __typename } " + times(270, "fragment F@ on Query { __typename }"),
    "390 operations, none named": times(390, "query N@ { __typename }"),
    "950 fields that cost too much": "{ issues(first: 100) { nodes {"
    + "unit { parent { name } } " * 240
    + " assignments(first: 100) { nodes { id clocks(first: 100) { nodes { kind } } } } } } }",
    "types that cost too much": f"{{ issues(first: 100) {{ nodes {{ unit {{ {UNIT_TYPES * 90} }}"
    " assignments(first: 100) { nodes { id } } } } }",
    "99 pages of 101": f"{{ {times(99, 'a@: issues(first: 101) { nodes { unit { name } } }')} }}",
    "1,980 ids": "{ nodes(ids: [" + '"a" ' * 1_980 + "]) { id } }",
    "1,950 ids by default": "query($i: [ID!] = [" + '"a" ' * 1_950 + "]) { nodes(ids: $i) { id } }",
    "200 fields of differing arguments": "{ " + times(200, 'unit(code: "@") { name }') + " }",
    "600 fields of an input that has none of them": "mutation { reportIssue(input: {"
    + times(600, "x@: 1")
    + "}) { errors { code } } }",
    "an argument 600 times": f"{{ issues({'first: 1 ' * 600}) {{ totalCount }} }}",
    "110 operations of 4 chains of 36 fragments": times(110, "query Q@ { ...F }") + chains(4, 36),
    "1 of 110 operations that there is not": times(110, "query Q@ { ...F }")
    + chains(4, 36)
    + " query Z { z }",
    "80 operations of 500 variables in a directive": times(80, "query Q@($a: Int) { ...F }")
    + f" fragment F on Query {{ __typename @include(if: [{'$a ' * 500}]) }}",
    "60 aliases of 8 chains of 18 fragments": f"{{ {times(60, 'a@: city { ...F }')} }} {chains(8, 18)}".replace(
        "on Query", "on City"
    ),
    "390 operations that there are not": times(390, "query Q@ { z }"),
    "6 operations of 4 chains of 36 fragments": times(6, "query Q@ { ...F z }") + chains(4, 36),
    "150 subscriptions, none of which there is": times(150, "subscription Q@ { z }")
    + " query Z { ...F }"
    + chains(2, 40),
    "what types hold 90 times": f"{{ __schema {{ types {{ {times(90, 'a@: fields { type { ...F } }')} }} }} }}"
    " fragment F on __Type { fields { name description isDeprecated args { name description } } }",
    "types of fields of types 90 times": "{ __schema { types {"
    + times(90, "a@: fields { type { fields { name } } }")
    + " } } }",
    "types of an interface 50 times": "{ __schema { types {"
    + times(50, "a@: possibleTypes { fields { args { type { enumValues { name } } } } }")
    + " } } }",
    "introspection that there is not": "{ __schema { types { " + times(100, "a@: fields { z }") + " } } }",
    "990 fields that there are not": f"{{ {times(990, 'x@')} }}",
}


def main(rounds: Annotated[int, typer.Option(min=1, help="Of how many the best is told.")] = 8) -> None:
    """Measure each refusal, and print the longest first."""
    schema = build()._schema  # noqa: SLF001 - Strawberry offers no other way to it
    settle()

    def refusal(text: str) -> str:
        try:
            named = "Q0" if " Q0" in text and " Q1" in text else None
            Documents(schema, CATALOGUE, LIMITS).operation(text, named).variables(None)
        except Refused as refused:
            return refused.errors[0].message
        raise AssertionError(f"not refused: {text[:100]}")

    parsing = best(lambda: parse(LEGAL), rounds)
    found = [(best(partial(refusal, text), rounds), name, refusal(text)) for name, text in REFUSED.items()]
    table = Table("refused", "ms", "× parsing", "why")
    for spent, name, why in sorted(found, reverse=True):
        table.add_row(name, f"{spent * 1000:.1f}", f"{spent / parsing:.1f}", why[:60])
    table.add_row("2,000 tokens parsed", f"{parsing * 1000:.1f}", "1.0", "")
    Console().print(table)


def best(work: Callable[[], object], rounds: int) -> float:
    """Return the least CPU of this thread, in seconds, that the work took."""

    def once() -> float:
        began = time.thread_time()
        work()
        return time.thread_time() - began

    return min(once() for _ in range(rounds))


if __name__ == "__main__":
    typer.run(main)
