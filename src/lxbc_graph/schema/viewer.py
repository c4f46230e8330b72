"""The viewer: the account that asks."""

from lxbc_graph.policy.rows import ACCOUNT
from lxbc_graph.read.catalogue import Column, Many, One

from .declare import entity


@entity(table="account", rows=ACCOUNT, requires=None)
class Viewer:
    """The account that asks, and what it holds (当前账号)."""

    account = Column(str, "Name of the account (账号).", sql="{a}.name")
    display_name = Column(str, "Name to show (显示名称).")
    cadre = One("Cadre", "The cadre whose account it is (干部).", "cadre_id")
    city = One("City", "The city of the account, where it may be read (所属市).", "city_id")
    postings = Many(
        "Posting",
        "Postings that the account holds or held (派驻).",
        "({c}.account_id = {p}.id or {c}.cadre_id = {p}.cadre_id)",
    )
