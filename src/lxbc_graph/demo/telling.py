"""What each issue of the demo is about and who acts in it: a slot in time becomes a script."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import accumulate
from random import Random
from typing import NamedTuple

from lxbc_graph.domain.deadlines import shanghai_date
from lxbc_graph.domain.machine import Actor, Party, PlanStep
from lxbc_graph.domain.words import (
    AssignmentKind,
    CategoryScheme,
    ContactKind,
    LookBackStep,
    Satisfaction,
    Source,
    Subject,
)

from .cast import Cast, Person
from .lives import Script, Side
from .people import WorkContent, work_contents
from .schedule import Slot
from .stories import STORIES, Story

_SOURCES = (Source.VISIT, Source.SYMPOSIUM, Source.ON_SITE_OFFICE, Source.SUPERVISION, Source.HOTLINE)
_SOURCE_WEIGHTS = tuple(accumulate((70, 12, 8, 5, 5)))
_SPOTS = (
    "东头",
    "西头",
    "南片",
    "北片",
    "中心街",
    "学校旁",
    "老街",
    "一组",
    "二组",
    "三组",
    "四组",
    "五组",
    "六组",
)
_MONTHS = {
    "秋粮抢收": (9, 10),
    "冬小麦播种": (10, 11),
    "河道防汛": (7, 10),
    "灾毁修复": (8, 11),
    "排涝沟渠": (7, 11),
}
"""Work contents that have their season."""


MOST_SIDES = 3
"""The territory, a department, and the one that got what that returned."""


class Tale(NamedTuple):
    """An issue to be written: its words, its finder, and the script of its life."""

    title: str
    description: str
    finder: Person
    subject: Subject
    source: Source
    script: Script


class Teller:
    """Tells one tale for each slot; the stories come at the first slots that fit them."""

    def __init__(self, cast: Cast, random: Random) -> None:
        self._cast = cast
        self._random = random
        self._contents = work_contents()
        self._by_name = {content.name: content for content in self._contents}
        self._stories = list(STORIES)

    def tell(self, slot: Slot) -> Tale:
        """Return what happens in the slot."""
        for story in self._stories if slot.plain else ():
            if story.after <= slot.reported_at and story.complexity is slot.complexity:
                self._stories.remove(story)
                return self._story(slot, story)
        return self._ordinary(slot)

    def _ordinary(self, slot: Slot) -> Tale:
        random = self._random
        finder = random.choice(self._cast.finders)
        content = self._in_season(slot.reported_at)
        where = finder.unit.spoken
        words = {
            "place": random.choice(_SPOTS),
            "n": random.randrange(2, 40),
            "m": random.randrange(3, 90) * 10,
        }
        script = self._script(
            slot,
            finder,
            content,
            f"{finder.unit.code[:6]}-{content.department}",
            ("组织村干部包户到人，配合做好现场工作。", content.measure.format(**words)),
            ("已到现场核实，正在协调推进。", "已安排人员进场，按计划推进。"),
            ("属地工作已完成，群众知晓。", content.feedback.format(**words)),
        )
        return Tale(
            where + content.title.format(**words),
            where + content.problem.format(**words),
            finder,
            Subject.ENTERPRISE if content.name.startswith(("企业", "融资", "用地")) else Subject.VILLAGE,
            random.choices(_SOURCES, cum_weights=_SOURCE_WEIGHTS)[0],
            script._replace(
                mass_interest=random.random() < 0.05,  # noqa: PLR2004 - one in twenty
                post_disaster=content.major == "15",
            ),
        )

    def _in_season(self, at: datetime) -> WorkContent:
        month = shanghai_date(at).month
        while True:
            content = self._random.choice(self._contents)
            first, last = _MONTHS.get(content.name, (1, 12))
            if first <= month <= last:
                return content

    def _story(self, slot: Slot, story: Story) -> Tale:
        finder = next(person for person in self._cast.finders if person.unit.code == story.unit)
        script = self._script(
            slot,
            finder,
            self._by_name[story.content],
            story.department,
            *(story.measures, story.progress, story.feedback),
        )._replace(
            reviewer=finder.actor,
            reviewed_by=LookBackStep.CADRE,
            satisfaction=Satisfaction.SATISFIED,
            judgement=story.judgement,
            handover=story.handover,
            inspection=story.inspection,
            visit=story.visit,
        )
        return Tale(story.title, story.description, finder, story.subject, story.source, script)

    def _script(
        self,
        slot: Slot,
        finder: Person,
        content: WorkContent,
        department: str,
        *said: tuple[str, str],
    ) -> Script:
        """``said`` are the measures, the progress and the feedback, each of the territory and of the department."""
        random, cast = self._random, self._cast
        county, township = finder.unit.code[:6], finder.unit.code[:9]
        supervisor = cast.accounts[f"inspector-{county}"]
        reviewers = (finder.actor, finder.actor, supervisor)
        satisfied = random.random() < 0.86  # noqa: PLR2004
        reviewer = random.choice(reviewers)
        return Script(
            reporter=finder.actor,
            office=cast.accounts["city_office" if finder.from_city else f"county_office-{county}"],
            reviewer=reviewer,
            reported_at=slot.reported_at,
            judged_at=slot.judged_at,
            handed_over_at=slot.handed_over_at,
            initially_inspected_at=slot.initially_inspected_at,
            sent_back_at=slot.sent_back_at,
            first_rectified_at=slot.first_rectified_at,
            first_closed_at=slot.first_closed_at,
            reopened_at=slot.reopened_at,
            rectified_at=slot.rectified_at,
            closed_at=slot.closed_at,
            inspector=cast.accounts[f"township_inspector-{township}"],
            supervisor=supervisor,
            reviewed_by=LookBackStep.INSPECTOR if reviewer is supervisor else LookBackStep.CADRE,
            contacts=frozenset(ContactKind if random.random() < 0.1 else ()),  # noqa: PLR2004
            sides=tuple(self._sides(slot, finder, department, said)),
            category_id=cast.categories[CategoryScheme.ISSUE_CLASS.value, content.issue_class],
            work_content_id=cast.categories[CategoryScheme.WORK_CONTENT.value, content.code],
            complexity=slot.complexity,
            city_identified=finder.from_city,
            multi_department=random.random() < 0.08,  # noqa: PLR2004
            satisfaction=Satisfaction.SATISFIED if satisfied else Satisfaction.FAIRLY_SATISFIED,
        )

    def _sides(
        self, slot: Slot, finder: Person, department: str, said: tuple[tuple[str, str], ...]
    ) -> Iterator[Side]:
        """The territory and the department; if that returned its part, it stands before the one that was given it."""
        cast, township = self._cast, finder.unit.code[:9]
        party = Party(AssignmentKind.TERRITORIAL, None, cast.units[township].id)
        account, staff = cast.accounts[f"township_office-{township}"], cast.staff_in.get(township)
        yield self._side(slot, 0, party, account, staff, finder, said)
        given_at = slot.given_at
        if slot.returned_at:
            returned = Party(AssignmentKind.DEPARTMENT, cast.departments[department])
            yield Side(returned, cast.accounts[f"department-{department}"], returned_at=slot.returned_at)
            if given_at is None:
                return
            department = self._another(department)
        party = Party(AssignmentKind.DEPARTMENT, cast.departments[department])
        account, staff = cast.accounts[f"department-{department}"], cast.staff_of.get(department)
        yield self._side(slot, 1, party, account, staff, finder, said)._replace(
            instead_of=1 if given_at else None,
            given_at=given_at,
            urged_at=slot.urged_at,
            supervised_at=slot.supervised_at,
            plan=_plan(slot),
            proposed_at=slot.proposed_at,
            decided_at=slot.decided_at,
        )

    def _another(self, department: str) -> str:
        """Return another department of the same county."""
        county = department.partition("-")[0] + "-"
        others = [code for code in self._cast.departments if code.startswith(county) and code != department]
        return self._random.choice(sorted(others))

    def _side(
        self,
        slot: Slot,
        place: int,
        party: Party,
        actor: Actor,
        staff: list[Person] | None,
        finder: Person,
        said: tuple[tuple[str, str], ...],
    ) -> Side:
        """A party under one of its cadres, never the finder: who handles an issue does not look back at it."""
        chosen = self._random.choice(staff).actor if staff else finder.actor
        responsible = None if chosen == finder.actor else chosen
        measure, progress, feedback = (words[place] for words in said)
        return Side(
            party,
            actor,
            responsible_id=responsible.cadre_id if responsible else None,
            responsible_name=responsible.name if responsible else actor.name,
            measure=measure,
            progress=progress,
            feedback=feedback,
            accepted_at=slot.accepted_at[place],
            progressed_at=slot.progressed_at[place],
            feedback_at=slot.feedback_at[place],
            again_at=slot.again_at,
        )


def _plan(slot: Slot) -> tuple[PlanStep, ...]:
    if slot.proposed_at is None:
        return ()
    day = shanghai_date(slot.proposed_at)
    steps = (("制定实施方案，落实资金。", 15), ("组织施工，逐项推进。", 40), ("完工验收，交付使用。", 60))
    return tuple(PlanStep(text, day + timedelta(days=days)) for text, days in steps)
