"""JudgeIssue: take a reported issue up, with category and complexity, or dismiss it with a reason."""

from collections.abc import Iterator
from dataclasses import dataclass

from lxbc_graph.domain import machine
from lxbc_graph.domain.deadlines import shanghai_date
from lxbc_graph.domain.errors import CommandError, InvalidInput
from lxbc_graph.domain.terms import term
from lxbc_graph.domain.words import CategoryScheme, Complexity, Dismissal, Verb
from lxbc_graph.policy import rows
from lxbc_graph.policy.actions import Action

from . import inputs, scoped
from .locked_issue import LockedIssue, open_issue
from .record import record
from .unit_of_work import UnitOfWork


@dataclass(frozen=True, slots=True)
class JudgeIssue:
    """Judge a report: dismiss it or accept it.

    The one takes ``dismissal`` and ``reason`` (a DUPLICATE: of what), the other ``category_id`` and ``complexity``.
    """

    issue_id: int
    category_id: int | None = None
    work_content_id: int | None = None
    complexity: Complexity | None = None
    city_identified: bool = False
    multi_department: bool = False
    dismissal: Dismissal | None = None
    duplicate_of_id: int | None = None
    reason: str | None = None
    expected_version: int | None = None

    def problems(self) -> Iterator[CommandError]:
        """Yield what the judgement lacks, and what belongs to the other one."""
        accepted, duplicate = self.dismissal is None, self.dismissal is Dismissal.DUPLICATE
        check = inputs.optional_text if accepted else inputs.required_text
        yield from check(self.reason, inputs.REASON, "reason")
        for name, value, needed, fits in (
            ("categoryId", self.category_id, accepted, accepted),
            ("workContentId", self.work_content_id, False, accepted),
            ("complexity", self.complexity, accepted, accepted),
            ("cityIdentified", self.city_identified or None, False, accepted),
            ("multiDepartment", self.multi_department or None, False, accepted),
            ("duplicateOfId", self.duplicate_of_id, duplicate, duplicate),
        ):
            if needed and value is None:
                yield inputs.invalid("Must be given for this judgement.", "此研判结论须填写。", name)
            if not fits and value is not None:
                yield inputs.invalid("Does not go with this judgement.", "与研判结论不符。", name)

    async def handle(self, work: UnitOfWork) -> int:
        """Accept or dismiss; raise NotFound for a category or issue out of scope."""
        if self.duplicate_of_id is not None:
            await scoped.hold(
                work, "issue", (self.issue_id, self.duplicate_of_id), Action.ISSUE_READ, rows.ISSUE
            )
        issue, actor, _, _ = await open_issue(work, self.issue_id, self.expected_version, Verb.JUDGE_ISSUE)
        at = work.now()
        match self:
            case JudgeIssue(dismissal=Dismissal() as dismissal, reason=str(reason)):
                if self.duplicate_of_id is not None:
                    await scoped.original(
                        work, self.issue_id, issue.path["city_id"], self.duplicate_of_id, "duplicateOfId"
                    )
                step = machine.dismiss(
                    issue.facts,
                    actor,
                    at,
                    dismissal=dismissal,
                    reason=reason,
                    duplicate_of_id=self.duplicate_of_id,
                )
            case JudgeIssue(category_id=int(category_id), complexity=Complexity() as complexity):
                await _check_category(work, issue, category_id, CategoryScheme.ISSUE_CLASS, "categoryId")
                if self.work_content_id is not None:
                    await _check_category(
                        work, issue, self.work_content_id, CategoryScheme.WORK_CONTENT, "workContentId"
                    )
                step = machine.accept(
                    issue.facts,
                    actor,
                    at,
                    category_id=category_id,
                    complexity=complexity,
                    work_content_id=self.work_content_id,
                    city_identified=self.city_identified,
                    multi_department=self.multi_department,
                    reason=self.reason,
                )
            case _:
                raise TypeError("a command is handled after its problems were asked for")
        return await record(work, issue, step)


async def _check_category(
    work: UnitOfWork, issue: LockedIssue, category_id: int, scheme: CategoryScheme, field: str
) -> None:
    category = await scoped.visible(
        work,
        "category",
        category_id,
        Action.CATEGORY_READ,
        rows.CATEGORY,
        field,
        columns="x.city_id, x.scheme, x.valid_to",
    )
    if category.city_id != issue.path["city_id"]:
        raise InvalidInput("Not a category of the issue's city.", "不是问题所在市的类别。", field)
    if category.scheme != scheme:
        raise InvalidInput(f"Not a category of {scheme.value}.", f"不是“{term(scheme)}”的类别。", field)
    if category.valid_to is not None and category.valid_to <= shanghai_date(work.now()):
        raise InvalidInput("The category is no longer in use.", "该类别已停用。", field)
