"""How a command that failed says why; imported when one has, for it knows the errors of every room."""

import asyncpg
from pydantic import ValidationError

from lxbc_graph.demo.build import Excerpt
from lxbc_graph.domain.errors import Refused
from lxbc_graph.policy.administration import NotDone
from lxbc_graph.policy.api_keys import NoKey
from lxbc_graph.policy.source import PolicyError
from lxbc_graph.read.trusted import TrustedError
from lxbc_graph.reports.rules import BadRules
from lxbc_graph.reports.units import OlderEdition
from lxbc_graph.store.database import DatabaseError
from lxbc_graph.store.embedded import EmbeddedServerError
from lxbc_graph.store.files import FilesError

from .running import TOLD, Failure

REFUSALS = (
    Failure,
    NotDone,
    NoKey,
    Refused,
    Excerpt,
    BadRules,
    OlderEdition,
    EmbeddedServerError,
    DatabaseError,
    FilesError,
    PolicyError,
    TrustedError,
    OSError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
)
"""What says itself, in its text, why nothing was done."""


def tell(error: Exception) -> int:
    """Say what was wrong, and return the status to exit with: 1, or 2 for a setting; raises what is no refusal."""
    if isinstance(error, ValidationError):
        for problem in error.errors():
            name = "LXBC_" + "_".join(str(part) for part in problem["loc"]).upper()
            TOLD.print(f"{name}: {problem['msg']}", style="red")
        return 2
    if not isinstance(error, REFUSALS):
        raise error
    TOLD.print(str(error) or type(error).__name__, style="red")
    return 1
