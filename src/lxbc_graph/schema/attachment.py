"""Attachments: what was uploaded to show how an issue stands."""

from datetime import datetime

from lxbc_graph.policy.actions import Action
from lxbc_graph.policy.rows import OF_ISSUE
from lxbc_graph.read.catalogue import Between, Column, Is, Json, One, Order

from .declare import entity


@entity(
    table="attachment",
    rows=OF_ISSUE,
    requires=Action.ISSUE_READ,
    node="Attachment",
    filters={
        "referred": Is("Whether an event refers to it (已引用).", "{a}.event_id is not null"),
        "uploadedAt": Between("When it was uploaded (上传时间).", "{a}.uploaded_at"),
    },
    orders={"ID": Order("{a}.id", "In the order of upload (上传顺序).", "bigint", unique=True)},
    default_order=("ID", False),
)
class Attachment:
    """A file that is evidence of an issue; never changed afterwards (附件)."""

    name = Column(str, "Name to show (文件名).")
    media_type = Column(str, "What it is, by its first bytes (媒体类型).", form=Json.PLAIN)
    size = Column(int, "Bytes (大小).")
    sha256 = Column(str, "SHA-256 of its bytes, in hexadecimal (校验值).", form=Json.PLAIN)
    uploaded_at = Column(datetime, "When it was uploaded (上传时间).")
    uploader_name = Column(str, "Name of who uploaded it, as it was then (上传人姓名).")
    url = Column(
        str,
        "Path on this server to download it from, with the same token (下载地址).",
        sql="'/attachments/' || {a}.id",
        form=Json.PLAIN,
    )
    issue = One("Issue", "The issue (问题).", "issue_id")
    event = One("Event", "The event that refers to it; null until one does (引用事件).", "event_id")
    uploader = One("Cadre", "Who uploaded it, where it was a cadre (上传人).", "uploader_id")
