"""The commonest sentences of GraphQL's library in Chinese; for all others the code of the error speaks."""

import re

_VARIABLE = re.compile(r"Variable '(\$\w+)' has invalid value(?: at ([^:\s]+))?: ")
_SENTENCES = tuple(
    (re.compile(pattern.replace("NAME", "'([^']+)'")), chinese)
    for pattern, chinese in (
        ("Cannot query field NAME on type NAME", "类型 {1} 没有字段 {0}。"),
        ("Unknown argument NAME on field NAME", "字段 {1} 没有参数 {0}。"),
        ("Argument NAME of type NAME is required", "缺少必填参数 {0}，类型为 {1}。"),
        ("Field NAME of type NAME must have a selection", "字段 {0} 的类型为 {1}，须选择其子字段。"),
        ("Field NAME must not have a selection since type NAME", "字段 {0} 的类型为 {1}，没有子字段。"),
        ("Unknown type NAME", "没有类型 {0}。"),
        ("Unknown fragment NAME", "没有片段 {0}。"),
        (r"Variable NAME is not defined", "变量 {0} 未定义。"),
        (r"Variable NAME is never used", "变量 {0} 未被使用。"),
        (
            r"Variable NAME of type NAME used in position expecting type NAME",
            "变量 {0} 的类型为 {1}，此处须为 {2}。",
        ),
        ("Expected a value of non-null type NAME to be provided", "缺少必填的值，类型为 {0}。"),
        ("Expected value of non-null type NAME", "值不得为 null，类型为 {0}。"),
        ("Expected value of type NAME to include required field NAME", "{0} 缺少必填字段 {1}。"),
        ("Expected value of type NAME not to include unknown field NAME", "{0} 没有字段 {1}。"),
        ("Expected value of type NAME", "值的类型须为 {0}。"),
        ("Value NAME does not exist in NAME enum", "枚举 {1} 没有值 {0}。"),
        ("(Int|Float|String|Boolean|ID) cannot represent", "值的类型须为 {0}。"),
    )
)


def in_chinese(message: str) -> str | None:
    """Return what the sentence says in Chinese, without the values that it may repeat; None for one not known."""
    variable = _VARIABLE.match(message)
    begin = 0 if variable is None else variable.end()
    said = next(
        (
            chinese.format(*found.groups())
            for pattern, chinese in _SENTENCES
            if (found := pattern.match(message, begin)) is not None
        ),
        None,
    )
    if variable is None:
        return said
    name, path = variable.groups(default="")
    return f"变量 {name}{path} 无效：{said or '值不符合要求。'}"
