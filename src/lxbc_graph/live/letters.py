"""Reminder letters that nobody answered: enough of them to one cadre make a proposal of accountability (问责建议).

A letter is answered by the party's progress or feedback on that assignment, after it and by its time to reply.
Letters that led to a proposal are not counted again, so a set of them is proposed once, on the issue of its newest.
"""

from collections.abc import Awaitable, Callable, Iterable, Iterator
from datetime import datetime, timedelta
from itertools import groupby
from operator import attrgetter
from typing import NamedTuple

from lxbc_graph.domain.deadlines import Calendar, is_within
from lxbc_graph.domain.rules import Rule
from lxbc_graph.store import tables
from lxbc_graph.store.copying import Connection

RuleOf = Callable[[tuple[int, ...]], Awaitable[Rule | None]]

_LONGEST = timedelta(days=2 * 366)
"""Twice the longest period that a rule counts in: what was proposed of a set is then seen beside all of it."""
_BATCH = 500

_KEY = "'letter:' || {id} || ':ACCOUNTABILITY_PROPOSAL'"

_UNANSWERED = f"""
select l.id, a.responsible_id as cadre_id, i.rules, l.at as sent_at,
       exists (select from event p where p.key = {_KEY.format(id="l.id")}) as proposed
from event l
join assignment a on a.id = l.assignment_id
join issue i on i.id = l.issue_id
where l.data ->> 'rung' = 'REMINDER_LETTER' and l.kind = 'ALERTED' and l.at > $2
  and a.responsible_id is not null
  and (l.data ->> 'replyDueAt')::timestamptz < $1
  and not exists (
      select from event r
      where r.issue_id = l.issue_id and r.assignment_id = l.assignment_id
        and r.kind in ('PROGRESS_REPORTED', 'FEEDBACK_SUBMITTED')
        and r.at > l.at and r.at <= (l.data ->> 'replyDueAt')::timestamptz
  )
order by cadre_id, sent_at, l.id
"""

# Neither to whom it goes is said, nor how many letters there were: some may be of another county. Who may see the
# cadre finds there by whom it is managed.
_PROPOSE = f"""
with written as (
    insert into event
        (issue_id, assignment_id, kind, from_state, to_state, actor_name, at, data, key, {", ".join(tables.PATH)})
    select l.issue_id, l.assignment_id, 'ALERTED', i.state, i.state, '系统', $1,
           jsonb_build_object(
               'rung', 'ACCOUNTABILITY_PROPOSAL', 'clock', l.data -> 'clock', 'dueAt', l.data -> 'dueAt',
               'proposal', true, 'to', '干部管理单位'
           ),
           {_KEY.format(id="l.id")}, {", ".join(f"i.{name}" for name in tables.PATH)}
    from event l
    join issue i on i.id = l.issue_id
    where l.id = any($2::bigint[])
    order by l.at, l.id
    on conflict (key) where key is not null do nothing
    returning 1
)
select count(*) from written
"""


class Letter(NamedTuple):
    """A letter left unanswered; ``proposed`` where it is the newest of a set that led to a proposal."""

    id: int
    cadre_id: int
    rules: tuple[int, ...]
    sent_at: datetime
    proposed: bool


class Read(NamedTuple):
    """How many proposals were written, and whether some must wait for working hours."""

    proposals: int
    waiting: bool


async def read(connection: Connection, at: datetime, calendar: Calendar, rule_of: RuleOf) -> Read:
    """Write a proposal for each set of unanswered letters that has come together, where people work now."""
    found = await connection.fetch(_UNANSWERED, at, at - _LONGEST)
    unanswered = [Letter(id_, cadre, tuple(ids), sent, proposed) for id_, cadre, ids, sent, proposed in found]
    rules = {ids: await rule_of(ids) for ids in {letter.rules for letter in unanswered}}
    open_ = {ids for ids, rule in rules.items() if rule and is_within(at, rule.opens, rule.closes, calendar)}
    sets = list(_sets(unanswered, rules))
    ready = [newest.id for newest in sets if newest.rules in open_]
    proposals = 0
    for start in range(0, len(ready), _BATCH):
        proposals += await connection.fetchval(_PROPOSE, at, ready[start : start + _BATCH])
    return Read(proposals, waiting=len(ready) < len(sets))


def _sets(unanswered: Iterable[Letter], rules: dict[tuple[int, ...], Rule | None]) -> Iterator[Letter]:
    """Yield the newest letter of each set that makes a proposal, by the rule of its issue."""
    for _, letters in groupby(unanswered, attrgetter("cadre_id")):
        counted: list[Letter] = []
        for letter in letters:
            rule = rules[letter.rules]
            if letter.proposed:
                counted = []
            elif rule is not None:
                since = letter.sent_at - timedelta(days=rule.letter_days)
                counted = [one for one in counted if one.sent_at >= since] + [letter]
                if len(counted) >= rule.letters:
                    yield letter
                    counted = []
