"""Categories: the classifications of a city, which are data."""

from datetime import date

from lxbc_graph.domain.words import CategoryScheme
from lxbc_graph.policy.actions import Action
from lxbc_graph.policy.rows import CATEGORY
from lxbc_graph.read.catalogue import Column, Many, One, OneOf, Order

from .declare import entity


@entity(
    table="category",
    rows=CATEGORY,
    requires=Action.CATEGORY_READ,
    node="Category",
    filters={"scheme": OneOf(CategoryScheme, "Schemes (分类体系).", "{a}.scheme")},
    orders={"CODE": Order("{a}.code", "By code (代码).")},
    default_order=("CODE", False),
)
class Category:
    """A class of issues or an item of work, as the city edits them (类别)."""

    scheme = Column(CategoryScheme, "The classification that it belongs to (分类体系).")
    code = Column(str, "Code within the scheme (代码).")
    name = Column(str, "Name (名称).")
    valid_from = Column(date, "First day of use (启用日期).")
    valid_to = Column(date, "Last day of use; null while in use (停用日期).", null=True)
    parent = One("Category", "The category above (上级类别).", "parent_id")
    children = Many("Category", "The categories below (下级类别).", "{c}.parent_id = {p}.id")
