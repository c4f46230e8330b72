"""Filters as SQL: one predicate for each term that was given."""

from collections.abc import Iterator, Mapping

from graphql import GraphQLError

from lxbc_graph.domain.codes import LENGTHS
from lxbc_graph.policy.actions import TERMS
from lxbc_graph.policy.rows import NOTHING
from lxbc_graph.store.tables import ANCESTOR

from . import ids
from .arguments import Argument, Value
from .catalogue import (
    AsOf,
    Between,
    Bound,
    Contains,
    Entity,
    Has,
    Is,
    OneOf,
    OpenTerm,
    Private,
    Refers,
    Within,
)
from .sql import Parameters, Request, any_of

_WORDS = 200
"""Characters of what is searched for: nothing that is searched has more."""
UNIT_LEVELS = {digits: ANCESTOR[level] for level, digits in LENGTHS.items()}
"""Digits of a unit's code → the ancestor column of its level."""


def write_filter(
    parameters: Parameters, entity: Entity, given: Mapping[str, Argument], alias: str
) -> list[str]:
    """Return the predicates that keep the rows of ``alias`` which the filter names."""
    moment = given.get("asOf")
    at = parameters.value(moment, "timestamptz") if isinstance(moment, Value) else None
    return [
        predicate
        for name, argument in given.items()
        for predicate in _write_given(parameters, entity, name, argument, alias, at)
    ]


def _write_given(
    parameters: Parameters, entity: Entity, name: str, argument: Argument, alias: str, at: str | None
) -> Iterator[str]:
    term = entity.filters[name]
    if isinstance(term, Private):
        reached = parameters.rows(term.rows or entity.rows, term.requires, alias)
        if reached == NOTHING:
            raise GraphQLError(
                f"You may not filter by {name}: no posting of yours allows {term.requires}.",
                extensions={
                    "code": "FORBIDDEN",
                    "messageZh": f"您的岗位没有“{TERMS[term.requires]}”权限，不能按此筛选。",
                },
            )
        yield reached
        term = term.term
    yield from _write_term(parameters, term, argument, alias, at)


def _write_term(
    parameters: Parameters, term: OpenTerm, argument: Argument, alias: str, at: str | None
) -> Iterator[str]:
    match term, argument:
        case AsOf(), Value():
            yield f"{term.sql.format(a=alias)} <= {at}"
        case OneOf(), Value():
            yield from _bound(parameters, term.bound, argument, alias)
            yield f"{_at(term, alias, at)} = any({parameters.value(argument, term.cast)})"
        case Is(), Value():
            yield f"({_at(term, alias, at)})" + " is not true" * (not argument.now)
        case Has(), Value():
            found = f"exists ({_visible_rows(parameters, term.entity, '1', term.sql.replace('{a}', alias))})"
            yield found if argument.now else f"not {found}"
        case Between(), dict():
            yield from _between(parameters, term.sql.format(a=alias), argument)
        case Within(), Value():
            level = UNIT_LEVELS.get(len(argument.now))
            if level is None:
                yield NOTHING
            else:
                code = parameters.value(argument, "text")
                yield term.sql.format(
                    a=alias, level=level, unit=_named(parameters, "Unit", "code", f"= {code}")
                )
        case Contains(), Value():
            words = _pattern(parameters, argument)
            yield any_of(f"{sql.format(a=alias)} ilike {words}" for sql in term.sql)
        case Refers(), Value():
            ids_ = _ids(parameters, argument, term.entity)
            yield f"{term.sql.format(a=alias)} in {_named(parameters, term.entity, 'id', f'= any({ids_})')}"


def _between(parameters: Parameters, sql: str, limits: Mapping[str, Argument]) -> Iterator[str]:
    for bound, sign in (("from", ">="), ("to", "<")):
        limit = limits.get(bound)
        if isinstance(limit, Value):
            yield f"{sql} {sign} {parameters.value(limit, 'timestamptz')}"


def _bound(parameters: Parameters, bound: Bound | None, value: Value, alias: str) -> Iterator[str]:
    if bound is None:
        return
    get = value.get

    def most(request: Request) -> int:
        return max((bound.numbers[one] for one in get(request.variables)), default=0)

    number = parameters.bind(parameters.of(value, "most"), most, "integer")
    yield bound.sql.format(a=alias, most=number)


def _at(term: OneOf | Is, alias: str, at: str | None) -> str:
    return (term.sql if at is None or term.then is None else term.then).format(a=alias, at=at)


def _named(parameters: Parameters, name: str, column: str, condition: str) -> str:
    """Select the ids of other rows that a filter names; one that the viewer may not see names nothing."""
    return f"({_visible_rows(parameters, name, '{c}.id', f'{{c}}.{column} {condition}')})"


def _visible_rows(parameters: Parameters, name: str, selected: str, where: str) -> str:
    """Select from the rows of an entity that the viewer may see; ``{c}`` is their alias."""
    entity, alias = parameters.entity(name), parameters.alias()
    visible = parameters.visible(entity, alias)
    return f"select {selected} from {entity.table} {{c}} where {where} and".format(c=alias) + f" {visible}"


def _pattern(parameters: Parameters, value: Value) -> str:
    get = value.get

    def pattern(request: Request) -> str:
        words = str(get(request.variables))
        if len(words) > _WORDS:
            raise GraphQLError(
                f"Words that are searched for have at most {_WORDS} characters; these: {len(words)}.",
                extensions={"code": "BAD_USER_INPUT", "messageZh": f"搜索词不能超过 {_WORDS} 个字符。"},
            )
        escaped = "".join("\\" + c if c in "%_\\" else c for c in words)
        return f"%{escaped}%"

    return parameters.bind(parameters.of(value, "pattern"), pattern, "text")


def _ids(parameters: Parameters, value: Value, name: str) -> str:
    get = value.get

    def numbers(request: Request) -> list[int | None]:
        return [ids.parse(id_, name) for id_ in get(request.variables)]

    return parameters.bind(parameters.of(value, "ids"), numbers, "bigint[]")
