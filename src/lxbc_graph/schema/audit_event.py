"""The audit, for those who look after access."""

from datetime import datetime

from strawberry.scalars import JSON

from lxbc_graph.domain.words import AuditKind, Means
from lxbc_graph.policy.actions import Action
from lxbc_graph.policy.rows import AUDIT
from lxbc_graph.read.catalogue import Between, Column, Contains, Json, OneOf, Order

from .declare import entity


@entity(
    table="audit_event",
    rows=AUDIT,
    requires=Action.AUDIT_READ,
    node="AuditEvent",
    filters={
        "kind": OneOf(AuditKind, "Kinds (类型).", "{a}.kind"),
        "search": Contains("Words in the name of the account (账号).", ("{a}.account_name",)),
        "at": Between("When it happened (时间).", "{a}.at"),
    },
    orders={"ID": Order("{a}.id", "In the order in which they were noted (先后).", "bigint", unique=True)},
    default_order=("ID", True),
)
class AuditEvent:
    """Something done about access, or refused; never changed afterwards, and it holds nothing secret (审计事件)."""

    kind = Column(AuditKind, "What happened (类型).")
    at = Column(datetime, "When (时间).")
    account = Column(str, "Name of the account (账号).", sql="{a}.account_name", null=True)
    means = Column(Means, "How the account was known; null for the command line (认证方式).", null=True)
    api_key = Column(str, "Prefix of the API key (密钥前缀).", null=True)
    address = Column(str, "Address that it came from; of IPv6 the network (来源地址).", null=True)
    subject = Column(str, "What it was about, by its id or code (对象).", null=True)
    detail = Column(JSON, "What else there is to say, by kind (附加数据).", form=Json.RAW, long=True)
