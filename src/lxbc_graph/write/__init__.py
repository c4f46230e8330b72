"""From a command to a committed change: who asks, may they, what follows, rows and event, one commit.

Control passes ``commands`` (the way in for each ``command``) → ``inputs`` (texts that are none) →
``unit_of_work`` (the transaction, and the only commit) → ``idempotency`` (claim the key, or give the first answer) →
the verb's file → ``locked_issue`` (lock the issue under the read scope, or it does not exist; which of the ``ways``
to do the verb is open) → ``scoped`` (does a posting allow the action here, are the other ids of the input visible)
and ``evidence`` (its attachments) → ``domain.machine`` (the decision) → ``record`` (rows and event; ``numbers`` for
a new issue). ``ways`` also says what a viewer is offered: it is what the command would ask.

One verb, one file, in the order of an issue's life: ``report_issue``, ``request_verification``, ``verify_issue``,
``judge_issue``, ``merge_issue``, ``withdraw_issue``, ``transfer_issue``, ``assign_issue``, ``accept_assignment``,
``return_assignment``, ``arbitrate_assignment``, ``report_progress``, ``propose_plan``, ``approve_plan``,
``supervise_issue``, ``urge_issue``, ``submit_feedback``, ``inspect_issue``, ``look_back``, ``decide_exclusion``,
``send_back``, ``reopen_issue``. Beside them stand ``set_rule``, under which issues begin, and ``grant_posting`` and
``end_posting``, which say by their ``postings`` who may do all this.
Each holds a frozen dataclass with fields of plain Python in snake_case; the path of an error spells them as
the API does, in camelCase. An id that could not be decoded is passed as 0, which no row bears.

``add_attachment`` notes a file that was uploaded; ``evidence`` makes it part of the event that refers to it.

Errors are met in this order: INVALID_INPUT of texts, IDEMPOTENCY_MISMATCH, NOT_FOUND of the issue or unit, FORBIDDEN,
CONFLICT, then NOT_FOUND or INVALID_INPUT of other ids, ILLEGAL_TRANSITION, and FORBIDDEN for a handler.
"""

from .accept_assignment import AcceptAssignment
from .add_attachment import AddAttachment, Uploads
from .approve_plan import ApprovePlan
from .arbitrate_assignment import ArbitrateAssignment
from .assign_issue import AssignIssue, PartyInput
from .command import Command, Outcome
from .commands import Commands
from .decide_exclusion import DecideExclusion
from .end_posting import EndPosting
from .grant_posting import GrantPosting
from .inspect_issue import InspectIssue
from .judge_issue import JudgeIssue
from .look_back import LookBack
from .merge_issue import MergeIssue
from .propose_plan import PlanStepInput, ProposePlan
from .reopen_issue import ReopenIssue
from .report_issue import ReportIssue
from .report_progress import ReportProgress
from .request_verification import RequestVerification
from .return_assignment import ReturnAssignment
from .send_back import SendBack
from .set_rule import SetRule
from .submit_feedback import SubmitFeedback
from .supervise_issue import SuperviseIssue
from .transfer_issue import TransferIssue
from .urge_issue import UrgeIssue
from .verify_issue import VerifyIssue
from .withdraw_issue import WithdrawIssue

__all__ = [
    "AcceptAssignment",
    "AddAttachment",
    "ApprovePlan",
    "ArbitrateAssignment",
    "AssignIssue",
    "Command",
    "Commands",
    "DecideExclusion",
    "EndPosting",
    "GrantPosting",
    "InspectIssue",
    "JudgeIssue",
    "LookBack",
    "MergeIssue",
    "Outcome",
    "PartyInput",
    "PlanStepInput",
    "ProposePlan",
    "ReopenIssue",
    "ReportIssue",
    "ReportProgress",
    "RequestVerification",
    "ReturnAssignment",
    "SendBack",
    "SetRule",
    "SubmitFeedback",
    "SuperviseIssue",
    "TransferIssue",
    "Uploads",
    "UrgeIssue",
    "VerifyIssue",
    "WithdrawIssue",
]
