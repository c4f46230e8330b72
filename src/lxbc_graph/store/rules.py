"""Rules as rows: which are in force on a unit's path, and their settings as a ``domain.rules.Rule``.

Settings are JSON with the fields of ``Rule`` in camelCase, all optional. A rule's row is never changed, so what a
list of rule ids means is settled once; a lower unit's settings replace, field by field, those of the units above.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields, replace
from functools import lru_cache
from typing import Any, NamedTuple, get_type_hints

from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model
from pydantic.alias_generators import to_camel

from lxbc_graph.domain.rules import DEFAULT, Rule
from lxbc_graph.domain.words import InspectionLevel

from .copying import Connection

_HINTS = get_type_hints(Rule)
_MOST = 20  # of anything that a setting lists
_HOURS = (-30 * 24, 366 * 24)
_TOGETHER = {"opens", "closes"}
_INSPECTIONS = (
    (InspectionLevel.OFFICE,),
    (InspectionLevel.TOWNSHIP,),
    (InspectionLevel.TOWNSHIP, InspectionLevel.OFFICE),
)

Settings: type[BaseModel] = create_model(
    "Settings",
    __config__=ConfigDict(extra="forbid", alias_generator=to_camel, strict=True),
    **{
        spec.name: (_HINTS[spec.name], Field(default=None, **spec.metadata))
        for spec in fields(Rule)  # type: ignore[call-overload] # made of the fields of Rule
    },
)
"""What a rule may say; its JSON schema is the documentation of ``Rule.settings``."""

IN_FORCE = """
select coalesce(array_agg(newest.id order by newest.place), '{}')
from (
    select distinct on (o.place) o.place, r.id
    from unnest(cast($1 as bigint[])) with ordinality o (unit_id, place)
    join rule r on r.unit_id = o.unit_id and r.valid_from <= $2
    order by o.place, r.valid_from desc, r.version desc
) newest
"""
"""Ids of the rules in force on the units ``$1``, given from the city down, on the day ``$2``."""

IS_IN_FORCE = """(
    {a}.id = (
        select r.id from rule r
        where r.unit_id = {a}.unit_id and r.valid_from <= (now() at time zone 'Asia/Shanghai')::date
        order by r.valid_from desc, r.version desc
        limit 1
    )
) is true"""
"""Whether the rule at the alias ``{a}`` is the one in force on its unit today."""

MERGED = """(
    select jsonb_object_agg(s.key, s.value order by o.place)
    from unnest({ids}) with ordinality o (id, place)
    join rule r on r.id = o.id
    cross join lateral jsonb_each(r.settings) s
)"""
"""SQL of the settings of the rules ``{ids}``, a lower one's over those above it; null for none."""


class Problem(NamedTuple):
    """What is wrong with settings, and where in them."""

    path: tuple[str, ...]
    message: str
    message_zh: str


class BadSettings(ValueError):
    """Settings that no rule can have."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("; ".join(f"{'.'.join(one.path)}: {one.message}" for one in problems))
        self.problems = problems


def check(settings: Mapping[str, Any]) -> None:
    """Raise BadSettings for settings that a rule may not give.

    Good ones merge to good ones, whatever is above or below: what only makes sense together is given together.
    """
    _parse(json.dumps(settings, sort_keys=True))
    given = _TOGETHER & settings.keys()
    if len(given) == 1:
        raise BadSettings(
            [Problem(tuple(given), "Opens and closes are given together.", "上班时间和下班时间须同时填写。")]
        )


def rule_of(settings: Mapping[str, Any] | None) -> Rule:
    """Return the rule of merged settings, the programme's proposal where they say nothing; raises BadSettings."""
    return rule_written(json.dumps(settings, sort_keys=True) if settings else None)


def rule_written(settings: str | None) -> Rule:
    """Return the rule of merged settings as PostgreSQL writes them: always alike, so that they are parsed once."""
    return _parse(settings) if settings else DEFAULT


@lru_cache(maxsize=1024)
def _parse(text: str) -> Rule:
    try:
        given = Settings.model_validate_json(text)
    except ValidationError as error:
        raise BadSettings([_problem(one) for one in error.errors()]) from None
    rule = replace(DEFAULT, **{name: getattr(given, name) for name in given.model_fields_set})
    if problems := list(_problems(rule)):
        raise BadSettings(problems)
    return rule


def _problem(error: Any) -> Problem:
    """Tell what pydantic found."""
    path = tuple(str(part) for part in error["loc"])
    say = _SAY.get(error["type"])
    if say is None:
        return Problem(path, f"{error['msg']}.", "格式不正确。")
    message, message_zh = say(error.get("ctx", {}))
    return Problem(path, message, message_zh)


_SAY: Mapping[str, Callable[[Mapping[str, Any]], tuple[str, str]]] = {
    "extra_forbidden": lambda _: ("There is no such setting.", "没有此设置项。"),
    "unexpected_keyword_argument": lambda _: ("There is no such setting.", "没有此设置项。"),
    "missing": lambda _: ("Must be given.", "必须填写。"),
    "missing_argument": lambda _: ("Must be given.", "必须填写。"),
    "enum": lambda of: (f"Is one of {of['expected']}.", "不在可选值之内。"),
    "greater_than_equal": lambda of: (f"Is at least {of['ge']}.", f"不能小于 {of['ge']}。"),
    "less_than_equal": lambda of: (f"Is at most {of['le']}.", f"不能大于 {of['le']}。"),
    "int_type": lambda _: ("Is a whole number.", "须为整数。"),
    "bool_type": lambda _: ("Is true or false.", "须为是或否。"),
    "tuple_type": lambda _: ("Is a list.", "须为列表。"),
    "time_type": lambda _: ("Is a time of day, such as 08:00.", "须为时刻，如 08:00。"),
    "time_parsing": lambda _: ("Is a time of day, such as 08:00.", "须为时刻，如 08:00。"),
}
"""What is said of the errors of pydantic, by their type."""


def _problems(rule: Rule) -> Iterator[Problem]:
    """Yield what is wrong although each value is of its type."""
    for spec in fields(Rule):
        value = getattr(rule, spec.name)
        if isinstance(value, tuple) and len(value) > _MOST:
            yield Problem((to_camel(spec.name),), f"Names at most {_MOST}.", f"最多 {_MOST} 项。")
        elif isinstance(value, tuple) and len(set(value)) < len(value):
            yield Problem((to_camel(spec.name),), "Names something twice.", "有重复项。")
    if not rule.required_kinds:
        yield Problem(("requiredKinds",), "Names at least one side.", "至少须有一方。")
    if rule.inspection_levels not in _INSPECTIONS:
        yield Problem(
            ("inspectionLevels",),
            "Is OFFICE, TOWNSHIP, or TOWNSHIP and then OFFICE.",
            "须为活动办核验、镇级初验，或先镇级初验后活动办核验。",
        )
    zoned = [name for name in ("opens", "closes") if getattr(rule, name).tzinfo is not None]
    for name in zoned:
        yield Problem((name,), "Is what a clock in Shanghai shows, without an offset.", "不要填写时区。")
    if not zoned and not rule.opens < rule.closes:
        yield Problem(("closes",), "Is after opens.", "下班时间须晚于上班时间。")
    yield from _problems_inside(rule)


def _problems_inside(rule: Rule) -> Iterator[Problem]:
    for index, rung in enumerate(rule.ladder):
        # The ladder tries each clock that a rung names: thousands of them would hold up those of all units.
        if len(set(rung.clocks)) < len(rung.clocks):
            yield Problem(("ladder", str(index), "clocks"), "Names something twice.", "有重复项。")
    for setting, index, key, value, (least, most) in _nested(rule):
        if value is not None and not least <= value <= most:
            yield Problem(
                (setting, str(index), key), f"Is from {least} to {most}.", f"须在 {least} 到 {most} 之间。"
            )


def _nested(rule: Rule) -> Iterator[tuple[str, int, str, int | None, tuple[int, int]]]:
    for index, rung in enumerate(rule.ladder):
        yield "ladder", index, "afterHours", rung.after_hours, _HOURS
        yield "ladder", index, "replyDays", rung.reply_days, (1, 366)
    for index, routine in enumerate(rule.routines):
        yield "routines", index, "weekday", routine.weekday, (1, 7)
        yield "routines", index, "day", routine.day, (1, 31)


_FETCH = f"select {MERGED.format(ids='cast($1 as bigint[])')}::text"


async def fetch(connection: Connection, ids: Sequence[int]) -> Rule:
    """Return what the rules say together, by way of a connection of the database's pool; raises BadSettings."""
    return rule_written(await connection.fetchval(_FETCH, ids))
