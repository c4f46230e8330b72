"""What the viewer may do now with an issue or with one of its assignments: computed by the code that would do it."""

from collections.abc import Collection, Mapping
from typing import Any

from lxbc_graph.domain.machine import Actor
from lxbc_graph.domain.principal import Viewer
from lxbc_graph.domain.words import Verb
from lxbc_graph.policy.actions import Action
from lxbc_graph.policy.rows import ISSUE, PARTY
from lxbc_graph.read.catalogue import Computed
from lxbc_graph.store.issue_facts import found, gather
from lxbc_graph.write.ways import ON_ASSIGNMENT, ON_ISSUE, actions_of, offered


def _of_issue(facts: Mapping[str, Any], granted: Collection[Action], viewer: Viewer) -> list[Verb]:
    if viewer.reads_only:
        return []
    return offered(ON_ISSUE, found(facts).facts, _actor(viewer), granted)


def _of_assignment(facts: Mapping[str, Any], granted: Collection[Action], viewer: Viewer) -> list[Verb]:
    if viewer.reads_only:
        return []
    issue, ids = found(facts["issue"])
    return offered(ON_ASSIGNMENT, issue, _actor(viewer), granted, ids.index(facts["id"]))


def _actor(viewer: Viewer) -> Actor:
    return Actor(viewer.account_id, "", viewer.cadre_id)  # no name: it decides nothing


def _one_line(sql: str) -> str:
    return " ".join(sql.split())


ON_THE_ISSUE = Computed(
    Verb,
    "What the viewer may do now with the issue, as far as that is known before the input (可办操作).",
    _one_line(gather("{a}", texts=False)),
    actions_of(ON_ISSUE),
    ISSUE,
    _of_issue,
)
ON_THE_ASSIGNMENT = Computed(
    Verb,
    "What the viewer may do now with the assignment, as far as that is known before the input (可办操作).",
    _one_line(
        "(select json_build_object('id', {a}.id, 'issue', "
        + gather("fi", texts=False)
        + ") from issue fi where fi.id = {a}.issue_id)"
    ),
    actions_of(ON_ASSIGNMENT),
    PARTY,
    _of_assignment,
)
