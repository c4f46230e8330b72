"""The root of reading."""

from lxbc_graph.policy.rows import ACCOUNT
from lxbc_graph.read.catalogue import Lookup, Many, NodeById

from .declare import entity


@entity(table="account", rows=ACCOUNT, requires=None)
class Query:
    """What can be read; everything is what the viewer may see, and what is hidden does not exist (查询)."""

    viewer = Lookup("Viewer", "The account that asks (当前账号).", "{c}.id = {account}")
    node = NodeById("The object with this id; null where there is none that the viewer may see (按标识查询).")
    nodes = NodeById(
        "The objects with these ids, in their order, null for each that there is not; at most 100 (批量查询).",
        many=True,
    )
    city = Lookup(
        "City", "The viewer's city; null where the viewer may not read it (本市).", "{c}.id = {city}"
    )
    unit = Lookup(
        "Unit",
        "The unit with this code (按代码查单位).",
        "{c}.code = {code}",
        {"code": "Code of 4, 6, 9 or 12 digits (代码)."},
    )
    units = Many("Unit", "Units (单位).", "true")
    departments = Many("Department", "Departments (部门).", "true")
    cadres = Many("Cadre", "Cadres (干部).", "true")
    postings = Many("Posting", "Postings (派驻).", "true")
    categories = Many("Category", "Categories (类别).", "true")
    issues = Many("Issue", "Issues (问题).", "true")
    assignments = Many("Assignment", "Assignments (交办).", "true")
    events = Many("Event", "Events (事件).", "true")
    rules = Many("Rule", "Rules (规则).", "true")
    audit_events = Many("AuditEvent", "What was done about access, or refused, newest first (审计).", "true")
