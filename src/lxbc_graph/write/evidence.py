"""What a feedback, an inspection or a look-back refers to: attachments of its issue, each for one event."""

from collections.abc import Collection, Sequence

from sqlalchemy import select, update

from lxbc_graph.domain.errors import CommandError, NotFound, Refused
from lxbc_graph.store import tables

from . import inputs
from .unit_of_work import UnitOfWork

MOST = 20
_FIELD = "attachmentIds"


async def check(work: UnitOfWork, issue_id: int, attachment_ids: Sequence[int]) -> None:
    """Lock the attachments that the next event of a visible issue will refer to.

    Raise Refused at ``attachmentIds/<n>``: NOT_FOUND for what is no attachment of the issue, INVALID_INPUT for what
    is named twice, of another event or somebody else's.
    """
    if len(attachment_ids) > MOST:
        raise Refused(inputs.invalid(f"At most {MOST} attachments.", f"附件不能超过 {MOST} 个。", _FIELD))
    if not attachment_ids:
        return
    table = tables.attachment
    held = await work.connection.execute(
        select(table.c.id, table.c.event_id, table.c.account_id, table.c.uploader_id)
        .where(table.c.issue_id == issue_id, table.c.id.in_(attachment_ids))
        .order_by(table.c.id)
        .with_for_update(key_share=True)
    )
    found = {row.id: row for row in held}
    me = work.principal
    errors: list[CommandError] = []
    for place, attachment_id in enumerate(attachment_ids):
        path = (_FIELD, str(place))
        row = found.get(attachment_id)
        if row is None:
            errors += NotFound(*path).errors
        elif attachment_id in attachment_ids[:place]:
            errors.append(inputs.invalid("Is named twice.", "附件重复。", *path))
        elif row.account_id != me.account_id and (me.cadre_id is None or row.uploader_id != me.cadre_id):
            errors.append(inputs.invalid("Was uploaded by somebody else.", "只能引用本人上传的附件。", *path))
        elif row.event_id is not None:
            errors.append(inputs.invalid("Belongs to another event already.", "附件已被引用。", *path))
    if errors:
        raise Refused(*errors)


async def attach(work: UnitOfWork, event_id: int, attachment_ids: Collection[int]) -> None:
    """Make checked attachments evidence of the event."""
    if attachment_ids:
        table = tables.attachment
        await work.connection.execute(
            update(table).where(table.c.id.in_(attachment_ids)).values(event_id=event_id)
        )
