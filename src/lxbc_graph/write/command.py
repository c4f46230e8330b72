"""What a command is, and what comes of one."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

from lxbc_graph.domain.errors import CommandError

from .unit_of_work import UnitOfWork


class Command(Protocol):
    """A frozen request to change one issue, or one row of another kind."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    def problems(self) -> Iterator[CommandError]:
        """Yield what is wrong with the input by itself."""
        ...

    async def handle(self, work: UnitOfWork) -> int:
        """Do it inside the transaction and return the id of the row; raise Refused to change nothing."""
        ...


@dataclass(frozen=True, slots=True)
class Outcome:
    """The row that was written, or why nothing was."""

    row_id: int | None
    errors: tuple[CommandError, ...] = ()
