"""The table of the workflow in the documentation is the table that the machine obeys."""

import re
from collections import defaultdict
from pathlib import Path

from lxbc_graph.domain.machine import TRANSITIONS
from lxbc_graph.schema.declare import camel
from lxbc_graph.schema.mutation import COMMANDS, SHOWS

WORKFLOW = (Path(__file__).parents[1] / "docs" / "workflow.md").read_text(encoding="utf-8")


def _table() -> dict[str, dict[str, set[str]]]:
    """Mutation → state → the states that it can lead to."""
    found: dict[str, dict[str, set[str]]] = {}
    for line in WORKFLOW.splitlines():
        if not (cells := re.match(r"\| (`[a-zA-Z`, ]+`) \| ([A-Z, –]+) \| ([A-Z, a-z]+) \|", line)):
            continue
        names, before, after = cells.groups()
        for name in re.findall(r"`(\w+)`", names):
            found[name] = {
                state: {state} if after.strip() == "the same" else set(after.strip().split(", "))
                for state in before.split(", ")
            }
    return found


def test_the_table_names_every_mutation_of_an_issue() -> None:
    told = _table()
    assert told.keys() == COMMANDS.keys() - SHOWS.keys()


def test_the_table_says_what_may_follow_what() -> None:
    told = _table()
    del told["reportIssue"]
    obeyed: dict[str, dict[str, set[str]]] = defaultdict(dict)
    for (state, verb), leads_to in TRANSITIONS.items():
        obeyed[camel(verb.value.lower())][state.value] = {one.value for one in leads_to}
    assert told == obeyed
