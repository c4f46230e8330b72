"""From a command to a committed change: who asks, may they, what follows, rows and event, one commit.

Control passes ``commands`` (the way in for each ``command``) → ``inputs`` (texts that are none) →
``unit_of_work`` (the transaction, and the only commit) → ``idempotency`` (claim the key, or give the first answer) →
the verb's file → ``locked_issue`` (lock the issue under the read scope, or it does not exist) → ``scoped`` (does a
posting allow the action here, are the other ids of the input visible) → ``domain.machine`` (the decision) →
``record`` (rows and event; ``numbers`` for a new issue).

One verb, one file: ``report_issue``, ``judge_issue``, ``assign_issue``, ``accept_assignment``,
``report_progress``, ``submit_feedback``, ``inspect_issue``, ``look_back``, ``send_back``, ``reopen_issue``.
Each holds a frozen dataclass with fields of plain Python in snake_case; the path of an error spells them as
the API does, in camelCase. An id that could not be decoded is passed as 0, which no row bears.

``add_attachment`` notes a file that was uploaded; ``evidence`` makes it part of the event that refers to it.

Errors are met in this order: INVALID_INPUT of texts, IDEMPOTENCY_MISMATCH, NOT_FOUND of the issue, FORBIDDEN,
CONFLICT, then NOT_FOUND or INVALID_INPUT of other ids, ILLEGAL_TRANSITION, and FORBIDDEN for a handler.
"""

from .accept_assignment import AcceptAssignment
from .add_attachment import AddAttachment, Uploads
from .assign_issue import AssignIssue, PartyInput
from .command import Command, Outcome
from .commands import Commands
from .inspect_issue import InspectIssue
from .judge_issue import JudgeIssue
from .look_back import LookBack
from .reopen_issue import ReopenIssue
from .report_issue import ReportIssue
from .report_progress import ReportProgress
from .send_back import SendBack
from .submit_feedback import SubmitFeedback

__all__ = [
    "AcceptAssignment",
    "AddAttachment",
    "AssignIssue",
    "Command",
    "Commands",
    "InspectIssue",
    "JudgeIssue",
    "LookBack",
    "Outcome",
    "PartyInput",
    "ReopenIssue",
    "ReportIssue",
    "ReportProgress",
    "SendBack",
    "SubmitFeedback",
    "Uploads",
]
