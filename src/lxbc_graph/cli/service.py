"""The whole service, for commands that ask it as the API does."""

from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar

import typer

from lxbc_graph.app import Service, open_service
from lxbc_graph.domain.principal import Principal
from lxbc_graph.settings import Settings

from .running import Failure

T = TypeVar("T")

Account = Annotated[str, typer.Argument(metavar="ACCOUNT", help="Its name.")]


async def with_service(settings: Settings, work: Callable[[Service], Awaitable[T]]) -> T:
    """Do work on the whole service."""
    async with open_service(settings) as service:
        return await work(service)


async def principal_of(service: Service, account: str) -> Principal:
    """Return who an account is; raises Failure."""
    found = await service.accounts.principal(account)
    if found is None:
        raise Failure(f"there is no account {account!r}, or it is closed")
    return found
