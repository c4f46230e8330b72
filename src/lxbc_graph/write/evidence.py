"""Attachments that an event refers to. Stub until they land."""

from collections.abc import Collection

from .unit_of_work import UnitOfWork


async def check(work: UnitOfWork, issue_id: int, attachment_ids: Collection[int], *field: str) -> None:
    """Stub."""


async def attach(work: UnitOfWork, event_id: int, attachment_ids: Collection[int]) -> None:
    """Stub."""
