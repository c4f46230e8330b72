"""GrantPosting: a cadre or an account is something somewhere, from now on (授予岗位)."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row

from lxbc_graph.domain.errors import CommandError, Forbidden, NotFound
from lxbc_graph.domain.principal import Path
from lxbc_graph.domain.words import AuditKind, Role
from lxbc_graph.policy import audit, rows
from lxbc_graph.policy.actions import TERMS, Action
from lxbc_graph.policy.granting import excess, lent_to_itself
from lxbc_graph.store.tables import ANCESTORS

from . import inputs, scoped
from .postings import Holder, held, note, open_posting
from .unit_of_work import UnitOfWork


@dataclass(frozen=True, slots=True)
class GrantPosting:
    """Post a cadre or an account at a unit, or as ``department`` at a department."""

    role: Role
    cadre_id: int | None = None
    account: str | None = None
    unit_id: int | None = None
    department_id: int | None = None
    lead: bool = False

    def problems(self) -> Iterator[CommandError]:
        """Yield what is wrong with holder and place, each of which is one of two."""
        yield from inputs.optional_text(self.account, inputs.TITLE, "account")
        if (self.cadre_id is None) == (self.account is None):
            for name in ("cadreId", "account"):
                yield inputs.invalid(
                    "Name a cadre or an account, one of them.", "请指定干部或账号之一。", name
                )
        at_department = self.role is Role.DEPARTMENT
        if at_department != (self.department_id is not None):
            yield inputs.invalid(
                "A department is named for its role, and for no other.",
                "仅责任单位岗位须指定责任单位。",
                "departmentId",
            )
        if at_department == (self.unit_id is not None):
            yield inputs.invalid(
                "A unit is named for every role but that of a department.",
                "除责任单位岗位外，须指定单位。",
                "unitId",
            )

    async def handle(self, work: UnitOfWork) -> int:
        """Insert the posting; raise NotFound, Forbidden, InvalidInput or Conflict."""
        place = await self._place(work)
        path = Path(*(getattr(place, name) for name in ANCESTORS))
        if (action := excess(work.enforcer, work.principal, self.role, path)) is not None:
            raise Forbidden(
                f"Nobody grants more than they hold: as {self.role} one could {action} beyond what you may.",
                f"不得授予超出自身的权限：该岗位的“{TERMS[action]}”超出您的权限。",
                "role",
            )
        at = work.now()
        scoped.check_open(place, at, "unitId" if self.department_id is None else "departmentId")
        holder = await self._holder(work, path.city_id)
        others = await held(work.connection, holder, at)
        if (action := lent_to_itself(work.enforcer, others, self.role, path)) is not None:
            raise Forbidden(
                f"Who grants postings is lent nothing there: the holder could grant, and {action} as well.",
                f"可授予岗位者不得兼任须由他人履行职责的岗位：“{TERMS[action]}”须由他人履行。",
                "role",
            )
        unit = {name: getattr(place, name) for name in ("unit_id", *ANCESTORS)}
        posting_id = await open_posting(
            work.connection, holder, self.role, unit, self.department_id, lead=self.lead, at=at
        )
        said = {
            "role": self.role.value,
            "unit": place.unit_code,
            "department": place.department_code,
            **holder,
        }
        entry = audit.by(work.principal, AuditKind.POSTING_GRANTED, f"Posting:{posting_id}", **said)
        await note(work.connection, entry)
        return posting_id

    async def _place(self, work: UnitOfWork) -> Row[Any]:
        """Return the unit, also that of the department, where the principal may grant."""
        if self.department_id is None:
            unit_id = self.unit_id or 0
            columns = "x.*, x.id as unit_id, x.code as unit_code, null as department_code"
            place = await scoped.visible(
                work, "unit", unit_id, Action.UNIT_READ, rows.UNIT, "unitId", columns=columns
            )
            await scoped.permitted(work, "unit", unit_id, rows.UNIT, Action.POSTING_GRANT)
            return place
        columns = (
            "x.*, x.code as department_code, (select code from unit u where u.id = x.unit_id) as unit_code,"
            " (select valid_to from unit u where u.id = x.unit_id) as valid_to"
        )
        place = await scoped.visible(
            work,
            "department",
            self.department_id,
            Action.DEPARTMENT_READ,
            rows.DEPARTMENT,
            "departmentId",
            columns=columns,
        )
        await scoped.permitted(work, "department", self.department_id, rows.DEPARTMENT, Action.POSTING_GRANT)
        return place

    async def _holder(self, work: UnitOfWork, city_id: int) -> Holder:
        """Lock who is posted: of another city they do not exist here."""
        if self.account is not None:
            return {"account_id": await scoped.account(work, self.account, city_id, "account")}
        cadre_id = self.cadre_id or 0
        columns = "x.id, x.city_id"
        found = await scoped.visible(
            work, "cadre", cadre_id, Action.CADRE_READ, rows.CADRE, "cadreId", columns=columns, lock=True
        )
        if found.city_id != city_id:
            raise NotFound("cadreId")
        return {"cadre_id": cadre_id}
