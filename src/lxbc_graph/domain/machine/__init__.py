"""The life of an issue as pure functions: facts in, facts and one event out, or a typed refusal.

``facts`` are the records. ``transitions`` says what may follow what, ``guards`` who may do what when, ``clocks`` by
when. The verbs stand where an issue meets them: ``judging``, ``handing_over``, ``working``, ``checking``; each is
``verb(issue, actor, at, …) -> (issue, event)`` and knows nothing of rows, or of what the policy allows. The command
handlers apply one verb to a locked issue. Whoever builds many issues at once folds verbs over ``report()``, then
copies the last facts and all the events: the fields of ``IssueFacts`` and ``AssignmentFacts`` are columns, and an
assignment is named by its position, since its id is the database's affair.
"""

from .checking import decide_exclusion, flags, inspect, look_back, reopen, send_back
from .clocks import next_due, running
from .facts import Actor, AssignmentFacts, EventDraft, IssueFacts, Party, Step, names
from .handing_over import accept_assignment, assign, insist, reassign, return_assignment
from .judging import accept, dismiss, merge, report, request_verification, transfer, verify, withdraw
from .transitions import TRANSITIONS
from .working import PlanStep, decide_plan, feed_back, progress, propose_plan, supervise, urge

__all__ = [
    "TRANSITIONS",
    "Actor",
    "AssignmentFacts",
    "EventDraft",
    "IssueFacts",
    "Party",
    "PlanStep",
    "Step",
    "accept",
    "accept_assignment",
    "assign",
    "decide_exclusion",
    "decide_plan",
    "dismiss",
    "feed_back",
    "flags",
    "insist",
    "inspect",
    "look_back",
    "merge",
    "names",
    "next_due",
    "progress",
    "propose_plan",
    "reassign",
    "reopen",
    "report",
    "request_verification",
    "return_assignment",
    "running",
    "send_back",
    "supervise",
    "transfer",
    "urge",
    "verify",
    "withdraw",
]
