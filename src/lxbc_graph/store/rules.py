"""Rules as rows: which are in force on a unit's path, and their settings as a ``domain.rules.Rule``.

Settings are JSON with the fields of ``Rule`` in camelCase, all optional. A rule's row is never changed, so what a
list of rule ids means is settled once; a lower unit's settings replace, field by field, those of the units above.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, replace
from functools import lru_cache
from typing import Any, get_type_hints

from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model
from pydantic.alias_generators import to_camel

from lxbc_graph.domain.rules import DEFAULT, Rule
from lxbc_graph.domain.words import InspectionLevel

from .copying import Connection

_HINTS = get_type_hints(Rule)
_MOST = 20  # of anything that a setting lists
_HOURS = (-30 * 24, 366 * 24)
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

MERGED = """(
    select jsonb_object_agg(s.key, s.value order by o.place)
    from unnest({ids}) with ordinality o (id, place)
    join rule r on r.id = o.id
    cross join lateral jsonb_each(r.settings) s
)"""
"""SQL of the settings of the rules ``{ids}``, a lower one's over those above it; null for none."""


class BadSettings(ValueError):
    """Settings that no rule can have; ``problems`` are pairs of path and message."""

    def __init__(self, problems: list[tuple[tuple[str, ...], str]]) -> None:
        super().__init__("; ".join(f"{'.'.join(path)}: {message}" for path, message in problems))
        self.problems = problems


def check(settings: Mapping[str, Any]) -> None:
    """Raise BadSettings for settings that are not of a rule."""
    _parse(json.dumps(settings, sort_keys=True))


def rule_of(settings: Mapping[str, Any] | None) -> Rule:
    """Return the rule of merged settings, the programme's proposal where they say nothing; raises BadSettings."""
    return _parse(json.dumps(settings, sort_keys=True)) if settings else DEFAULT


@lru_cache(maxsize=1024)
def _parse(text: str) -> Rule:
    try:
        given = Settings.model_validate_json(text)
    except ValidationError as error:
        raise BadSettings(
            [(tuple(str(part) for part in one["loc"]), str(one["msg"])) for one in error.errors()]
        ) from None
    rule = replace(DEFAULT, **{name: getattr(given, name) for name in given.model_fields_set})
    if problems := list(_problems(rule)):
        raise BadSettings(problems)
    return rule


def _problems(rule: Rule) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield what is wrong although each value is of its type."""
    for spec in fields(Rule):
        value = getattr(rule, spec.name)
        if isinstance(value, tuple) and len(value) > _MOST:
            yield (to_camel(spec.name),), f"at most {_MOST}"
        elif isinstance(value, tuple) and len(set(value)) < len(value):
            yield (to_camel(spec.name),), "names something twice"
    if not rule.required_kinds:
        yield ("requiredKinds",), "names at least one side"
    if rule.inspection_levels not in _INSPECTIONS:
        yield ("inspectionLevels",), "is OFFICE, TOWNSHIP, or TOWNSHIP and then OFFICE"
    if not rule.opens < rule.closes:
        yield ("closes",), "is after opens"
    for setting, index, key, value, (least, most) in _nested(rule):
        if value is not None and not least <= value <= most:
            yield (setting, str(index), key), f"is from {least} to {most}"


def _nested(rule: Rule) -> Iterator[tuple[str, int, str, int | None, tuple[int, int]]]:
    for index, rung in enumerate(rule.ladder):
        yield "ladder", index, "after", rung.after, _HOURS
        yield "ladder", index, "reply", rung.reply, (1, 366)
    for index, routine in enumerate(rule.routines):
        yield "routines", index, "weekday", routine.weekday, (1, 7)
        yield "routines", index, "day", routine.day, (1, 31)


_FETCH = f"select {MERGED.format(ids='cast($1 as bigint[])')}::text"


async def fetch(connection: Connection, ids: Sequence[int]) -> Rule:
    """Return what the rules say together, by way of a connection of the database's pool; raises BadSettings."""
    merged = await connection.fetchval(_FETCH, ids)
    return rule_of(None if merged is None else json.loads(merged))
