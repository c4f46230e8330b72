"""Events as a stream: what a subscriber is to see of a batch of them, in one statement.

Of each event it answers its number, the JSON of each selection, null where the event is hidden or filtered out, and
the id of its issue if with it the issue left what the subscriber follows: the scope, or the filter.
"""

from collections.abc import Mapping, Sequence

from lxbc_graph.policy.actions import Action
from lxbc_graph.policy.rows import DEPARTURE, ISSUE

from .arguments import Argument, Value
from .catalogue import Entity, OneOf
from .filters import write_filter
from .sql import Parameters, Request, all_of, any_of


def write_stream(
    parameters: Parameters,
    event: Entity,
    alias: str,
    joins: Sequence[str],
    answers: Sequence[str],
    filter_: Mapping[str, Argument],
) -> str:
    """Return the query of the events that the request names, in their order; the answers are over ``alias``."""
    numbers = parameters.bind(("numbers",), _numbers, "bigint[]")
    ids = parameters.bind(("ids",), _ids, "bigint[]")
    shown = all_of([parameters.visible(event, alias), *write_filter(parameters, event, filter_, alias)])
    gone = _gone(parameters, event, alias, filter_)
    columns = ", ".join(f"case when seen.shown then convert_to({answer}, 'UTF8') end" for answer in answers)
    return (
        f"select head.seq, case when seen.gone then {alias}.issue_id end{', ' if columns else ''}{columns}"
        f" from unnest({numbers}, {ids}) as head(seq, id) join {event.table} {alias} on {alias}.id = head.id"
        # Offset keeps PostgreSQL from working each out as often as it is used.
        f" cross join lateral (select ({shown}) as shown, ({gone}) as gone offset 0) seen"
        f"{''.join(joins)} where seen.shown or seen.gone order by head.seq"
    )


def _numbers(request: Request) -> list[int]:
    return [seq for seq, _ in request.rows]


def _ids(request: Request) -> list[int]:
    return [id_ for _, id_ in request.rows]


def _gone(parameters: Parameters, event: Entity, alias: str, filter_: Mapping[str, Argument]) -> str:
    """Whether the issue was followed before the event, and is no longer."""
    issue = parameters.alias()
    unit = {name: filter_[name] for name in ("unit",) if name in filter_}
    was_within = write_filter(parameters, event, unit, alias)
    is_within = write_filter(parameters, event, unit, issue)
    is_seen = parameters.rows(ISSUE, Action.ISSUE_READ, issue)
    left = parameters.rows(DEPARTURE, Action.ISSUE_READ, alias)

    def of_issue(predicate: str) -> str:
        return f"coalesce((select {predicate} from issue {issue} where {issue}.id = {alias}.issue_id), false)"

    is_followed = of_issue(all_of([is_seen, *is_within]))
    ways = [all_of([left, *was_within, f"not {is_followed}"])]
    if unit:  # of whom it is still seen, as by a party or by who found it
        moved = f"{alias}.kind = 'TRANSFERRED' and {alias}.data ? 'left'"
        ways.append(all_of([moved, *was_within, of_issue(f"{is_seen} and not ({all_of(is_within)})")]))
    states = event.filters["toState"]
    wanted = filter_.get("toState")
    if isinstance(wanted, Value) and isinstance(states, OneOf):
        among = f"any({parameters.value(wanted, states.cast)})"
        ways.append(
            all_of(
                [
                    f"{alias}.from_state = {among} and not {alias}.to_state = {among}",
                    *was_within,
                    is_followed,
                ]
            )
        )
    return any_of(ways)
