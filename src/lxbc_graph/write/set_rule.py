"""SetRule: an office says how its unit works from a day on, as a new version; none is ever changed."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import func, insert, select

from lxbc_graph.domain.deadlines import shanghai_date
from lxbc_graph.domain.errors import CommandError, Conflict, InvalidInput
from lxbc_graph.policy import rows
from lxbc_graph.policy.actions import Action
from lxbc_graph.store import tables
from lxbc_graph.store.rules import BadSettings, check

from . import inputs, scoped
from .unit_of_work import UnitOfWork

MOST_CHARACTERS = 20_000


@dataclass(frozen=True, slots=True)
class SetRule:
    """Set a unit's rule; ``valid_from`` is a day in Shanghai, today where it is not said.

    ``expected_version`` is that of the unit's newest rule, 0 for none yet.
    """

    unit_id: int
    name: str
    settings: dict[str, Any]
    valid_from: date | None = None
    expected_version: int | None = None

    def problems(self) -> Iterator[CommandError]:
        """Yield what is wrong with the name, and each setting that is none.

        The rule that holds in the end is then good too: whatever is good by itself stays so when it is merged.
        """
        yield from inputs.text(self.name, inputs.TITLE, "name")
        try:
            text = json.dumps(self.settings)
        except (RecursionError, ValueError):
            yield inputs.invalid("Cannot be stored as JSON.", "无法作为数据保存。", "settings")
            return
        if len(text) > MOST_CHARACTERS:
            yield inputs.invalid(
                f"Must not be longer than {MOST_CHARACTERS} characters.",
                f"不能超过 {MOST_CHARACTERS} 个字符。",
                "settings",
            )
            return
        try:
            check(self.settings)
        except BadSettings as bad:
            for problem in bad.problems:
                yield inputs.invalid(problem.message, problem.message_zh, "settings", *problem.path)

    async def handle(self, work: UnitOfWork) -> int:
        """Append the version; raise NotFound, Forbidden, Conflict or InvalidInput, in this order."""
        # Locked: two at once get versions of their own, one after the other.
        unit = await scoped.visible(
            work, "unit", self.unit_id, Action.UNIT_READ, rows.UNIT, "unitId", columns="x.*", lock=True
        )
        (posting, _), *_ = await scoped.permitted(work, "unit", self.unit_id, rows.UNIT, Action.RULE_SET)
        actor = work.actor(posting)
        at = work.now()
        newest = await self._newest(work)
        scoped.check_open(unit, at, "unitId")
        written = await work.connection.execute(
            insert(tables.rule)
            .values(
                **scoped.path_of(unit),
                version=newest + 1,
                name=self.name,
                valid_from=self._first_day(shanghai_date(at)),
                settings=self.settings,
                account_id=actor.account_id,
                author_name=actor.name,
                created_at=at,
            )
            .returning(tables.rule.c.id)
        )
        rule_id: int = written.scalar_one()
        return rule_id

    async def _newest(self, work: UnitOfWork) -> int:
        """Return the newest version of the unit; raise Conflict if the client read another one."""
        statement = select(func.coalesce(func.max(tables.rule.c.version), 0))
        found = await work.connection.execute(statement.where(tables.rule.c.unit_id == self.unit_id))
        newest: int = found.scalar_one()
        if self.expected_version is not None and self.expected_version != newest:
            raise Conflict(
                f"The unit's newest rule is version {newest}, not {self.expected_version}: read it again.",
                f"该单位的规则已有新版本（当前版本 {newest}），请刷新后重试。",
                "expectedVersion",
            )
        return newest

    def _first_day(self, today: date) -> date:
        first = today if self.valid_from is None else self.valid_from
        if first < today:
            raise InvalidInput("Holds from today on, or later.", "生效日期不能早于今天。", "validFrom")
        if first > today + inputs.FARTHEST:
            raise InvalidInput("Holds within five years.", "生效日期不能晚于五年之后。", "validFrom")
        return first
