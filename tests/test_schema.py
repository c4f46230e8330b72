"""The schema is current, valid and described; what the compiler would have to guess does not build; the docs hold."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import strawberry
from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    build_schema,
    is_introspection_type,
    is_specified_directive,
    is_specified_scalar_type,
    parse,
    validate,
    validate_schema,
)

from lxbc_graph.policy.actions import Action
from lxbc_graph.policy.rows import ByUnit
from lxbc_graph.read.catalogue import (
    Catalogue,
    CatalogueError,
    Column,
    Contains,
    Entity,
    Has,
    Is,
    Many,
    One,
    OneOf,
    Order,
    Private,
)
from lxbc_graph.resources import SCHEMA
from lxbc_graph.schema import build as build_module
from lxbc_graph.schema import declare
from lxbc_graph.schema.build import build
from lxbc_graph.schema.declare import CATALOGUE, entity
from lxbc_graph.schema.sdl import is_current, printed
from lxbc_graph.store import tables

BUILT = build()._schema
ROOT = Path(__file__).parent.parent
DOCS = sorted([ROOT / "README.md", ROOT / "policies" / "README.md", *(ROOT / "docs").rglob("*.md")])

# ── the schema ───────────────────────────────────────────────────────────────────────────────────────────────


def test_what_is_printed_is_what_is_declared(tmp_path: Path) -> None:
    assert is_current(SCHEMA), "run `make schema`"
    assert not is_current(tmp_path)
    (tmp_path / "schema.graphql").write_text(printed().replace("totalCount", "count"))
    assert not is_current(tmp_path)


def test_the_schema_is_valid() -> None:
    assert validate_schema(BUILT) == []
    assert validate_schema(build_schema(printed())) == []


def _described() -> Iterator[tuple[str, str | None]]:
    for directive in BUILT.directives:
        if not is_specified_directive(directive):
            yield f"@{directive.name}", directive.description
    for name, type_ in BUILT.type_map.items():
        if not is_introspection_type(type_) and not is_specified_scalar_type(type_):
            yield name, type_.description
            yield from _members(name, type_)


def _members(name: str, type_: GraphQLNamedType) -> Iterator[tuple[str, str | None]]:
    match type_:
        case GraphQLEnumType():
            yield from ((f"{name}.{key}", value.description) for key, value in type_.values.items())
        case GraphQLInputObjectType():
            yield from ((f"{name}.{key}", spec.description) for key, spec in type_.fields.items())
        case GraphQLObjectType() | GraphQLInterfaceType():
            for key, field in type_.fields.items():
                yield f"{name}.{key}", field.description
                for argument, given in field.args.items():
                    yield f"{name}.{key}({argument}:)", given.description


def test_everything_is_described_in_english_and_in_chinese() -> None:
    described = dict(_described())
    assert {"Issue", "Issue.state", "Query.issues(first:)", "IssueState.CLOSED", "@authorized"} <= set(
        described
    )
    speechless = [
        where
        for where, text in described.items()
        if not text or not re.search(r"[a-z]{2}", text) or not re.search(r"[一-鿿]", text)
    ]
    assert speechless == []


# ── what does not build ──────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def catalogue(monkeypatch: pytest.MonkeyPatch) -> Catalogue:
    """An empty catalogue in place of the schema's own."""
    found = Catalogue()
    monkeypatch.setattr(declare, "CATALOGUE", found)
    monkeypatch.setattr(build_module, "CATALOGUE", found)
    return found


def _declare(
    members: dict[str, Any], name: str = "Thing", doc: str | None = "A thing (物).", **more: Any
) -> type:
    given = {"table": "unit", "rows": ByUnit("id"), "requires": Action.UNIT_READ, "node": name, **more}
    return entity(**given)(type(name, (), {"__doc__": doc, **members}))


def _resolver(_self: object) -> str:
    return "guessed"


@pytest.mark.parametrize(
    "member",
    [
        _resolver,
        lambda _self: "guessed",
        property(_resolver),
        staticmethod(_resolver),
        classmethod(_resolver),
        strawberry.field(resolver=_resolver),
        strawberry.field(description="Without a resolver (无)."),
        strawberry.type(type("Inner", (), {"__annotations__": {"x": int}})),
        "guessed",
        None,
    ],
    ids=[
        "function",
        "lambda",
        "property",
        "static",
        "class",
        "resolver",
        "field",
        "type",
        "value",
        "nothing",
    ],
)
def test_the_compiler_runs_no_resolver(catalogue: Catalogue, member: object) -> None:
    with pytest.raises(CatalogueError, match=r"Thing\.guess is a .*: the compiler runs no resolvers"):
        _declare({"name": Column(str, "Name (名)."), "guess": member})
    assert catalogue.entities == {}


@pytest.mark.parametrize("missing", ["rows", "requires", "table"])
def test_an_entity_says_which_rows_and_by_what_right(catalogue: Catalogue, missing: str) -> None:
    given: dict[str, Any] = {"table": "unit", "rows": ByUnit("id"), "requires": Action.UNIT_READ}
    del given[missing]
    with pytest.raises(TypeError, match=f"'{missing}'"):
        entity(**given)
    with pytest.raises(TypeError, match=f"'{missing}'"):
        Entity(name="Thing", fields={}, **given)
    assert catalogue.entities == {}


def test_an_entity_is_described_and_declared_once(catalogue: Catalogue) -> None:
    with pytest.raises(CatalogueError, match="Thing has no docstring"):
        _declare({}, doc=None)
    assert catalogue.entities == {}
    _declare({})
    with pytest.raises(CatalogueError, match="Thing is declared twice"):
        _declare({})


@pytest.mark.parametrize(
    ("members", "more", "said"),
    [
        ({"other": One("Nowhere", "Nowhere (无).", "parent_id")}, {}, "Thing.other: no entity Nowhere"),
        ({"others": Many("Nowhere", "Nowhere (无).", "true")}, {}, "Thing.others: no entity Nowhere"),
        ({"others": Many("Thing", "Things (物).", "true")}, {}, "Thing.others: Thing declares no order"),
        ({}, {"orders": {"ID": Order("{a}.id", "By id (标识).", "bigint")}}, "Thing: no order "),
    ],
)
def test_what_leads_nowhere_does_not_build(
    catalogue: Catalogue, members: dict[str, Any], more: dict[str, Any], said: str
) -> None:
    _declare(members, **more)
    assert list(catalogue.entities) == ["Thing"]
    with pytest.raises(CatalogueError, match=re.escape(said)):
        build()


def test_only_signing_in_and_the_cursor_of_the_log_are_resolved() -> None:
    resolved = {
        f"{name}.{field.graphql_name or field.python_name}"
        for name, type_ in build().schema_converter.type_map.items()
        for field in getattr(type_.definition, "fields", ())
        if getattr(field, "base_resolver", None) is not None
    }
    assert resolved == {
        "Mutation.login",
        "Mutation.refresh",
        "Mutation.logout",
        "Query.eventCursor",
        "Query.explainAccess",
    }


# ── private columns ──────────────────────────────────────────────────────────────────────────────────────────

PRIVATE = {
    "cadre": {"phone"},
    "account": {"password_hash", "oidc_subject"},
    "issue": {"villager_name", "villager_phone"},
}
PUBLIC = {
    "cadre": {
        *(
            "id",
            "code",
            "name",
            "rank",
            "title",
            "unit_id",
            "department_id",
            "managed_by_id",
            "city_id",
            "reach",
        )
    },
    "account": {"id", "name", "display_name", "city_id", "cadre_id", "disabled_at"},
}


def test_whoever_adds_a_column_about_people_says_whether_it_is_private() -> None:
    for table, public in PUBLIC.items():
        assert {column.name for column in tables.metadata.tables[table].columns} == public | PRIVATE[table]


def test_a_private_column_needs_a_permission_of_its_own_and_nothing_else_touches_it() -> None:
    guarded = set()
    for found in CATALOGUE.entities.values():
        private = PRIVATE.get(found.table, set())
        for name, spec in found.fields.items():
            if private & _words(spec):
                assert isinstance(spec, Column)
                assert spec.requires is not None, f"{found.name}.{name}"
                assert spec.requires is not found.requires, f"{found.name}.{name}"
                guarded.add((found.table, spec.sql))
        # Another filter, or an order, would tell a value bit by bit.
        for term in (*found.filters.values(), *found.orders.values()):
            assert isinstance(term, Private) or not private & _words(term), f"{found.name}: {term}"
    assert guarded == {
        ("cadre", "{a}.phone"),
        ("issue", "{a}.villager_name"),
        ("issue", "{a}.villager_phone"),
    }


SECRET = Column(str, "Secret (密).", sql="{a}.secret", null=True, requires=Action.CADRE_PRIVATE)


@pytest.mark.parametrize(
    ("members", "more"),
    [
        ({}, {"filters": {"secret": OneOf(str, "Secrets (密).", "{a}.secret")}}),
        ({}, {"filters": {"search": Contains("Words (词).", ("{a}.name", "{a}.secret"))}}),
        ({}, {"filters": {"known": Is("Known (已知).", "{a}.code is null", then="{a}.secret is null")}}),
        ({}, {"filters": {"has": Has("Thing", "There is (有).", "{c}.secret = {a}.code")}}),
        ({}, {"filters": {"by": Private(OneOf(str, "Secrets (密).", "{a}.secret"), Action.ISSUE_PRIVATE)}}),
        ({}, {"orders": {"SECRET": Order("coalesce({a}.secret, '')", "By secret (密).")}}),
        ({"plain": Column(str, "Plain (明).", sql="upper({a}.secret)")}, {}),
        ({"other": One("Thing", "The other (他).", "secret")}, {}),
        ({"others": Many("Thing", "Others (他).", "{c}.secret = {p}.code")}, {}),
    ],
)
def test_what_reads_a_private_column_without_its_permission_does_not_build(
    catalogue: Catalogue, members: dict[str, Any], more: dict[str, Any]
) -> None:
    by_id = Order("{a}.id", "By id (标识).", "bigint")
    orders = {"ID": by_id, **more.get("orders", {})}
    _declare({"secret": SECRET, **members}, **{**more, "orders": orders, "default_order": ("ID", False)})
    with pytest.raises(CatalogueError, match="reads secret, which requires cadre:private"):
        catalogue.check()


def test_a_filter_of_its_own_permission_builds(catalogue: Catalogue) -> None:
    term = Private(OneOf(str, "Secrets (密).", "{a}.secret"), Action.CADRE_PRIVATE)
    _declare({"secret": SECRET}, filters={"secret": term})
    catalogue.check()


def test_only_the_account_itself_needs_no_action() -> None:
    assert {found.name for found in CATALOGUE.entities.values() if found.requires is None} == {
        "Query",
        "Viewer",
    }
    for name in ("Query", "Viewer"):
        assert CATALOGUE[name].table == "account"


def _words(spec: Any) -> set[str]:
    """The names in the SQL of a declaration."""
    texts = [getattr(spec, attribute, None) for attribute in ("sql", "then", "link", "key")]
    return {word for text in texts for word in re.findall(r"\w+", str(text))}


# ── the docs ─────────────────────────────────────────────────────────────────────────────────────────────────

_FENCED = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


def _anchors(text: str) -> set[str]:
    """What GitHub makes of the headings."""
    headings = re.findall(r"^#+ (.*)$", _FENCED.sub("", text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("path", DOCS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(path: Path) -> None:
    for link in _LINK.findall(_FENCED.sub("", path.read_text())):
        if re.match(r"[a-z]+:", link):
            continue
        name, _, anchor = link.partition("#")
        target = (path.parent / name).resolve() if name else path
        assert target.exists(), link
        assert target.is_relative_to(ROOT), link
        if anchor:
            assert anchor in _anchors(target.read_text()), link


@pytest.mark.parametrize(
    "document",
    [
        pytest.param(block, id=f"{path.name}-{place}")
        for path in DOCS
        for place, (language, block) in enumerate(_FENCED.findall(path.read_text()))
        if language == "graphql"
    ],
)
def test_a_document_in_the_docs_is_one_of_this_schema(document: str) -> None:
    assert validate(BUILT, parse(document)) == []


def test_there_are_links_and_documents_to_look_at() -> None:
    texts = [path.read_text() for path in DOCS]
    assert sum(len(_LINK.findall(text)) for text in texts) >= 8
    assert sum(text.count("```graphql\n") for text in texts) >= 4
