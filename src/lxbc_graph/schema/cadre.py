"""Cadres: people."""

from lxbc_graph.domain.words import Rank
from lxbc_graph.policy.actions import Action
from lxbc_graph.policy.rows import CADRE, SEAT
from lxbc_graph.read.catalogue import Column, Contains, Has, Many, One, OneOf, Order, Private, Within

from .declare import entity


@entity(
    table="cadre",
    rows=CADRE,
    requires=Action.CADRE_READ,
    node="Cadre",
    filters={
        "unit": Within(
            "Code of a unit: who serves in or comes from it or below it (单位代码).",
            "{a}.reach @> array[{unit}]",
        ),
        "rank": OneOf(Rank, "Ranks (职级).", "{a}.rank"),
        "posted": Has(
            "Posting",
            "Whether a posting that the viewer may see is in force today (在岗).",
            "{c}.cadre_id = {a}.id and {c}.valid_from <= now() and ({c}.valid_to is null or {c}.valid_to > now())",
        ),
        "search": Contains("Words in the name (姓名).", ("{a}.name",)),
        "phone": Private(
            OneOf(
                str, "Telephones, whole, of those whose telephone the viewer may read (电话).", "{a}.phone"
            ),
            Action.CADRE_PRIVATE,
            SEAT,
        ),
    },
    orders={
        "CODE": Order("{a}.code", "By code (编号).", unique=True),
        "NAME": Order("{a}.name", "By name (姓名)."),
    },
    default_order=("CODE", False),
)
class Cadre:
    """A person whom the programme sends, or who works in it (干部)."""

    code = Column(str, "Code, unique everywhere (编号).")
    name = Column(str, "Name (姓名).")
    rank = Column(Rank, "Rank (职级).")
    title = Column(str, "Position held at home (职务).", null=True)
    phone = Column(
        str,
        "Telephone; null without the permission for private fields (电话).",
        null=True,
        requires=Action.CADRE_PRIVATE,
        rows=SEAT,
    )
    unit = One("Unit", "Home unit (所在单位).", "unit_id")
    department = One("Department", "Home department (所在部门).", "department_id")
    managed_by = One("Unit", "Who manages the cadre's career (干部管理权限).", "managed_by_id")
    postings = Many("Posting", "Where the cadre serves and served (派驻).", "{c}.cadre_id = {p}.id")
    found_issues = Many("Issue", "Issues that the cadre found (发现的问题).", "{c}.finder_id = {p}.id")
