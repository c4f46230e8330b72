"""Issue numbers: ``<city code>-<year>-<six digits>``, without gaps or doubles in a city and year."""

from datetime import datetime

from sqlalchemy import text

from lxbc_graph.domain.deadlines import shanghai_date

from .unit_of_work import UnitOfWork

_NEXT = text(
    "update issue_number set last = last + 1 where city_id = :city_id and year = :year returning last"
)

# The first of a year counts on from what was loaded in bulk; two firsts at once meet at the primary key.
_FIRST = text(
    """
    insert into issue_number (city_id, year, last)
    select :city_id, :year, 1 + coalesce(max(cast(substring(number from '[0-9]+$') as bigint)), 0)
    from issue
    where city_id = :city_id and starts_with(number, :prefix)
      and substring(number from length(:prefix) + 1) ~ '^[0-9]{1,18}$'
    on conflict (city_id, year) do update set last = issue_number.last + 1
    returning last
    """
)


async def next_number(work: UnitOfWork, city_id: int, at: datetime) -> str:
    """Take the city's next number. Its row stays locked until the commit, so ask last."""
    year = shanghai_date(at).year
    code = (
        await work.connection.execute(text("select code from unit where id = :id"), {"id": city_id})
    ).scalar_one()
    prefix = f"{code}-{year}-"
    key = {"city_id": city_id, "year": year}
    last = (await work.connection.execute(_NEXT, key)).scalar_one_or_none()
    if last is None:
        last = (await work.connection.execute(_FIRST, {**key, "prefix": prefix})).scalar_one()
    return f"{prefix}{last:06d}"
