"""The peer: the same part of the schema with Strawberry, SQLAlchemy and DataLoaders, as Strawberry's guide shows."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from enum import Enum
from typing import Annotated, Any, Self

import strawberry
from sqlalchemy import case, func, select
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase
from starlette.applications import Starlette
from strawberry.asgi import GraphQL
from strawberry.dataloader import DataLoader

from lxbc_graph.store import tables
from lxbc_graph.store.database import for_engine

from .limit import SESSION

Info = strawberry.Info


class Row(DeclarativeBase):
    metadata = tables.metadata


class UnitRow(Row):
    __table__ = tables.unit


class CadreRow(Row):
    __table__ = tables.cadre


class IssueRow(Row):
    __table__ = tables.issue


class EventRow(Row):
    __table__ = tables.event


class Loaders:
    """The loaders of one request; each batch is one statement."""

    def __init__(self, sessions: async_sessionmaker[AsyncSession]) -> None:
        self.sessions = sessions
        self.unit = DataLoader(self._by_id(UnitRow))
        self.cadre = DataLoader(self._by_id(CadreRow))
        self.children = DataLoader(self._grouped(UnitRow, UnitRow.parent_id, UnitRow.code))
        self.events = DataLoader(self._grouped(EventRow, EventRow.issue_id, EventRow.id))
        self.metrics = DataLoader(self._metrics)

    def _by_id(self, row: Any) -> Any:
        async def load(keys: list[int]) -> list[Any]:
            async with self.sessions() as session:
                found = {one.id: one for one in await session.scalars(select(row).where(row.id.in_(keys)))}
            return [found.get(key) for key in keys]

        return load

    def _grouped(self, row: Any, parent: Any, order: Any) -> Any:
        async def load(keys: list[int]) -> list[list[Any]]:
            groups: dict[int, list[Any]] = {key: [] for key in keys}
            async with self.sessions() as session:
                for one in await session.scalars(select(row).where(parent.in_(keys)).order_by(order)):
                    groups[getattr(one, parent.key)].append(one)
            return [groups[key] for key in keys]

        return load

    async def _metrics(self, keys: list[int]) -> list[tuple[int, int, int]]:
        late = IssueRow.state.in_(["ASSIGNED", "RECTIFYING", "FEEDBACK"]) & (
            IssueRow.due_at < datetime.now(UTC)
        )
        statement = (
            select(
                IssueRow.county_id,
                func.count(),
                func.count(case((IssueRow.state.in_(["RECTIFIED", "CLOSED"]), 1))),
                func.count(case((late, 1))),
            )
            .where(
                IssueRow.county_id.in_(keys),
                IssueRow.handed_over_at.is_not(None),
                IssueRow.state != "DISMISSED",
            )
            .group_by(IssueRow.county_id)
        )
        async with self.sessions() as session:
            found = {row[0]: tuple(row[1:]) for row in await session.execute(statement)}
        return [found.get(key, (0, 0, 0)) for key in keys]


def loaders(info: Info) -> Loaders:
    return info.context["loaders"]


@strawberry.interface
class Node:
    id: strawberry.ID


@strawberry.type
class Metric:
    numerator: int
    denominator: int

    @strawberry.field
    def rate(self) -> float | None:
        return self.numerator / self.denominator if self.denominator else None


@strawberry.type
class UnitMetrics:
    rectification_rate: Metric
    overdue: Metric


@strawberry.type
class UnitConnection:
    nodes: list[Annotated["Unit", strawberry.lazy(".plain")]]


@strawberry.type
class Unit(Node):
    row: strawberry.Private[UnitRow]
    code: str
    name: str

    @classmethod
    def of(cls, row: UnitRow) -> Self:
        return cls(id=strawberry.ID(f"Unit:{row.id}"), row=row, code=row.code, name=row.name)

    async def _children(self, info: Info, first: int) -> UnitConnection:
        return UnitConnection(
            nodes=[Unit.of(row) for row in (await loaders(info).children.load(self.row.id))[:first]]
        )

    @strawberry.field
    async def parent(self, info: Info) -> "Unit | None":
        row = await loaders(info).unit.load(self.row.parent_id) if self.row.parent_id else None
        return Unit.of(row) if row else None

    @strawberry.field
    async def counties(self, info: Info, first: int = 50) -> UnitConnection:
        return await self._children(info, first)

    @strawberry.field
    async def townships(self, info: Info, first: int = 50) -> UnitConnection:
        return await self._children(info, first)

    @strawberry.field
    async def villages(self, info: Info, first: int = 50) -> UnitConnection:
        return await self._children(info, first)

    @strawberry.field
    async def metrics(self, info: Info) -> UnitMetrics:
        total, rectified, overdue = await loaders(info).metrics.load(self.row.id)
        return UnitMetrics(rectification_rate=Metric(numerator=rectified, denominator=total),
                           overdue=Metric(numerator=overdue, denominator=total))  # fmt: skip


@strawberry.type
class Cadre(Node):
    row: strawberry.Private[CadreRow]
    name: str
    rank: str

    @classmethod
    def of(cls, row: CadreRow) -> Self:
        return cls(id=strawberry.ID(f"Cadre:{row.id}"), row=row, name=row.name, rank=row.rank)

    @strawberry.field
    async def unit(self, info: Info) -> Unit | None:
        row = await loaders(info).unit.load(self.row.unit_id)
        return Unit.of(row) if row else None


@strawberry.type
class Event(Node):
    row: strawberry.Private[EventRow]
    kind: str
    from_state: str | None
    to_state: str
    reason: str | None
    at: datetime
    actor_name: str

    @classmethod
    def of(cls, row: EventRow) -> Self:
        return cls(
            id=strawberry.ID(f"Event:{row.id}"), row=row, kind=row.kind, from_state=row.from_state,
            to_state=row.to_state, reason=row.reason, at=row.at, actor_name=row.actor_name,
        )  # fmt: skip

    @strawberry.field
    async def actor(self, info: Info) -> Cadre | None:
        row = await loaders(info).cadre.load(self.row.actor_id) if self.row.actor_id else None
        return Cadre.of(row) if row else None


@strawberry.type
class EventConnection:
    nodes: list[Event]


@strawberry.type
class Issue(Node):
    row: strawberry.Private[IssueRow]
    number: str
    title: str
    description: str
    state: str
    source: str
    complexity: str | None
    finder_name: str
    finder_rank: str
    reported_at: datetime
    due_at: datetime | None
    version: int

    @classmethod
    def of(cls, row: IssueRow) -> Self:
        return cls(
            id=strawberry.ID(f"Issue:{row.id}"), row=row, number=row.number, title=row.title,
            description=row.description, state=row.state, source=row.source, complexity=row.complexity,
            finder_name=row.finder_name, finder_rank=row.finder_rank, reported_at=row.reported_at,
            due_at=row.due_at, version=row.version,
        )  # fmt: skip

    @strawberry.field
    async def unit(self, info: Info) -> Unit | None:
        row = await loaders(info).unit.load(self.row.unit_id)
        return Unit.of(row) if row else None

    @strawberry.field
    async def finder(self, info: Info) -> Cadre | None:
        row = await loaders(info).cadre.load(self.row.finder_id) if self.row.finder_id else None
        return Cadre.of(row) if row else None

    @strawberry.field
    async def events(self, info: Info, first: int = 50) -> EventConnection:
        rows = await loaders(info).events.load(self.row.id)
        return EventConnection(nodes=[Event.of(row) for row in rows[:first]])


@strawberry.type
class IssueConnection:
    nodes: list[Issue]


@strawberry.input
class IssueFilter:
    unit: str


@strawberry.enum
class IssueOrderField(Enum):
    REPORTED_AT = "reported_at"
    UPDATED_AT = "updated_at"


@strawberry.enum
class OrderDirection(Enum):
    ASC = "asc"
    DESC = "desc"


@strawberry.input
class IssueOrder:
    field: IssueOrderField
    direction: OrderDirection = OrderDirection.ASC


@strawberry.type
class Query:
    @strawberry.field
    async def issues(
        self,
        info: Info,
        first: int,
        filter: IssueFilter,  # noqa: A002 - the name in the API
        order_by: IssueOrder,
    ) -> IssueConnection:
        keys: Sequence[Any] = getattr(IssueRow, order_by.field.value), IssueRow.id
        async with loaders(info).sessions() as session:
            county = select(UnitRow.id).where(UnitRow.code == filter.unit).scalar_subquery()
            rows = await session.scalars(
                select(IssueRow)
                .where(IssueRow.county_id == county)
                .order_by(*(getattr(key, order_by.direction.value)() for key in keys))
                .limit(first)
            )
            return IssueConnection(nodes=[Issue.of(row) for row in rows])

    @strawberry.field
    async def city(self, info: Info) -> Unit | None:
        async with loaders(info).sessions() as session:
            row = await session.scalar(select(UnitRow).where(UnitRow.level == "CITY"))
            return Unit.of(row) if row else None

    @strawberry.field
    async def node(self, info: Info, id: strawberry.ID) -> Node | None:  # noqa: A002
        async with loaders(info).sessions() as session:
            row = await session.get(IssueRow, int(id.removeprefix("Issue:")))
            return Issue.of(row) if row else None


def plain(url: str) -> Starlette:
    """Return the application."""
    settings = SESSION | {"application_name": "plain"}
    engine = create_async_engine(
        for_engine(url), pool_size=10, max_overflow=0, connect_args={"server_settings": settings}
    )
    sessions = async_sessionmaker(engine, expire_on_commit=False)

    class Endpoint(GraphQL[Any, Any]):
        async def get_context(self, request: Any, response: Any) -> Any:  # noqa: ARG002
            return {"loaders": Loaders(sessions)}

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        yield
        await engine.dispose()

    app = Starlette(lifespan=lifespan)
    app.add_route("/graphql", Endpoint(strawberry.Schema(query=Query, types=[Issue])))
    return app
