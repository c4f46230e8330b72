"""What the validator finds is said in Chinese too: names as they are written, and no value that was given."""

from typing import Any

import pytest

from lxbc_graph.read.document import Documents, Refused
from lxbc_graph.read.limits import Limits
from lxbc_graph.schema.build import build
from lxbc_graph.schema.chinese import in_chinese
from lxbc_graph.schema.declare import CATALOGUE
from lxbc_graph.schema.errors import formatted

DOCUMENTS = Documents(build()._schema, CATALOGUE, Limits(), suggestions=True)
PAGE = "query($n: Int!) { issues(first: $n) { totalCount } }"
FILTERED = "query($of: IssueFilter) { issues(filter: $of) { totalCount } }"
WITHDRAW = "mutation($of: WithdrawIssueInput!) { withdrawIssue(input: $of) { errors { code } } }"

SAID: dict[str, tuple[str, dict[str, Any] | None, str]] = {
    "unknown field": ("{ city { nam } }", None, "类型 City 没有字段 nam。"),
    "unknown argument": ("{ city { name(a: 1) } }", None, "字段 City.name 没有参数 a。"),
    "missing argument": ("{ unit { id } }", None, "缺少必填参数 Query.unit(code:)，类型为 String!。"),
    "no subfields": ("{ city }", None, "字段 city 的类型为 City，须选择其子字段。"),
    "subfields of a leaf": ("{ city { name { id } } }", None, "字段 name 的类型为 String!，没有子字段。"),
    "unknown type": ("{ city { ... on Cit { id } } }", None, "没有类型 Cit。"),
    "unknown fragment": ("{ city { ...F } }", None, "没有片段 F。"),
    "unknown variable": ("{ issues(first: $n) { totalCount } }", None, "变量 $n 未定义。"),
    "idle variable": ("query($n: Int) { city { id } }", None, "变量 $n 未被使用。"),
    "type of a variable": (PAGE.replace("Int!", "String"), None, "变量 $n 的类型为 String，此处须为 Int。"),
    "unknown input": ("{ issues(filter: {a: 1}) { totalCount } }", None, "IssueFilter 没有字段 a。"),
    "wrong leaf": ('{ issues(first: "x") { totalCount } }', None, "值的类型须为 Int。"),
    "wrong enum": ("{ issues(filter: {state: NO}) { totalCount } }", None, "枚举 IssueState 没有值 NO。"),
    "missing variable": (PAGE, {}, "变量 $n 无效：缺少必填的值，类型为 Int!。"),
    "null": (PAGE, {"n": None}, "变量 $n 无效：值不得为 null，类型为 Int!。"),
    "wrong variable": (PAGE, {"n": "秘密"}, "变量 $n 无效：值的类型须为 Int。"),
    "missing input": (
        WITHDRAW,
        {"of": {"reason": "秘密"}},
        "变量 $of 无效：WithdrawIssueInput 缺少必填字段 issueId。",
    ),
    "no object": (FILTERED, {"of": 3}, "变量 $of 无效：值的类型须为 IssueFilter。"),
    "wrong time": (
        FILTERED,
        {"of": {"reportedAt": {"from": "昨天"}}},
        "变量 $of.reportedAt.from 无效：值的类型须为 DateTime。",
    ),
    "by the code": ("{ city { id @nope } }", None, "查询文档与接口定义不符。"),
}


@pytest.mark.parametrize(("text", "variables", "chinese"), SAID.values(), ids=SAID)
def test_what_is_wrong_is_said_in_chinese(text: str, variables: dict[str, Any] | None, chinese: str) -> None:
    with pytest.raises(Refused) as refusal:
        DOCUMENTS.operation(text, None).variables(variables)
    assert formatted(refusal.value.errors[0])["extensions"]["messageZh"] == chinese


def test_a_sentence_that_is_not_known_is_left_to_the_code() -> None:
    assert in_chinese("Nobody knows what this is.") is None
    assert in_chinese("Variable '$n' has invalid value: who knows.") == "变量 $n 无效：值不符合要求。"
