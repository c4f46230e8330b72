"""How events are made for this server: all but the last by SQL, the last by a mutation, which wakes the relay.

So a single one is the real way from a request to the screens; and of many, the server is not busy with making them.
"""

import asyncpg
import orjson

from bench.load import ask, request

from .publishing import Make

COUNTY = "411024"
ACCOUNT = f"county_office-{COUNTY}"

# As commands leave them: the change of the issue and its event commit together, and the event has no number yet.
_MANY = """
    with changed as (
        update issue set version = version + 1, updated_at = now()
        where id in (
            select id from issue
            where county_id = (select id from unit where code = $1) and state = 'RECTIFYING' order by id limit $2)
        returning *)
    insert into event (issue_id, kind, from_state, to_state, actor_name, reason, at, unit_id, city_id, county_id,
                       township_id, village_id)
    select id, 'URGED', state, state, 'bench', 'bench', updated_at, unit_id, city_id, county_id,
           township_id, village_id
    from changed"""
_ASSIGNMENT = """
    select a.id from assignment a join issue i on i.id = a.issue_id
    where i.county_id = (select id from unit where code = $1) and i.state = 'RECTIFYING' and a.state = 'ACCEPTED'
    order by a.id desc limit 1"""
_URGE = """mutation($assignment: ID!) {
    urgeIssue(input: {assignmentId: $assignment, text: "bench"}) { errors { code message } }
}"""


async def committed(port: int, token: str, admin: asyncpg.Connection) -> Make:
    """Return how events are made in the county; of many at once, each is of another issue."""
    assignment = f"Assignment:{await admin.fetchval(_ASSIGNMENT, COUNTY)}"
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
    body = orjson.dumps({"query": _URGE, "variables": {"assignment": assignment}})
    urge = request("POST", "/graphql", headers, body)

    async def make(count: int) -> None:
        if count > 1:
            await admin.execute(_MANY, COUNTY, count - 1)
        answer = orjson.loads(await ask(port, urge))
        if "errors" in answer or answer["data"]["urgeIssue"]["errors"]:
            raise RuntimeError(f"no event was made: {answer}")

    return make
