"""Documents by their hash: those of a manifest, for whom it names, and those that a client has sent once."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tests.doors import DOORS, EVENT_SOURCE, Doors, codes_of, doors_of
from tests.test_http import WORLD

from lxbc_graph.app import create_app
from lxbc_graph.http.quotas import Quotas
from lxbc_graph.read.document import Documents, Refused
from lxbc_graph.read.limits import Limits
from lxbc_graph.read.trusted import Trusted, TrustedError, id_of
from lxbc_graph.schema.build import build
from lxbc_graph.schema.declare import CATALOGUE
from lxbc_graph.settings import Settings

pytestmark = pytest.mark.anyio

NAME = "{ city { name } }"
CODE = "query Code { city { code } }"
FOLLOW = "subscription { issueEvents { cursor } }"
CHANGE = 'mutation { withdrawIssue(input: {issueId: "Issue:99", reason: "y"}) { errors { code } } }'
UNKNOWN = f"sha256:{'0' * 64}"
PEOPLE = {
    **WORLD,
    "accounts": [
        {"name": name, "postings": [{"role": "city_office", "unit": "4110"}]}
        for name in ("city", "portal-411024")
    ],
}
MANIFEST = {"*": (NAME,), "portal-*": (CODE, CHANGE)}

Request = dict[str, Any]


def written(folder: Path, documents: dict[str, tuple[str, ...]]) -> Path:
    file = folder / "trusted.json"
    manifest = {pattern: {id_of(text): text for text in texts} for pattern, texts in documents.items()}
    file.write_text(json.dumps(manifest), encoding="utf-8")
    return file


def by_id(text: str) -> Request:
    return {"documentId": id_of(text)}


def by_hash(text: str, **given: Any) -> Request:
    digest = id_of(text).removeprefix("sha256:")
    return {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": digest}}, **given}


def test_an_id_is_that_of_the_specification() -> None:
    text = "query ($id: ID!) {\n  user(id: $id) {\n    name\n  }\n}"
    assert id_of(text) == "sha256:7dba4bd717b41f10434822356a93c32b1fb4907b983e854300ad839f84cdcd6e"


@pytest.fixture(scope="module")
async def free(server_url: str, template: str) -> AsyncIterator[Doors]:
    """A server as it is by default: documents may be left with it."""
    async with doors_of(server_url, template, PEOPLE) as doors:
        yield doors


@pytest.fixture(scope="module")
async def strict(
    server_url: str, template: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Doors]:
    """A server that takes only what its manifest names."""
    file = written(tmp_path_factory.mktemp("trusted"), MANIFEST)
    async with doors_of(server_url, template, PEOPLE, trusted_documents=file, trusted_only=True) as doors:
        yield doors


# ── left by clients ──────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("asked", [by_hash, by_id])
async def test_a_document_that_was_sent_once_may_be_left_out(free: Doors, door: str, asked: Any) -> None:
    text = f"{{ city {{ name }} }} # {door} {asked.__name__}"
    assert codes_of(await free.ask(door, **asked(text))) == ["PERSISTED_QUERY_NOT_FOUND"]
    expected = {"data": {"city": {"name": "许昌市"}}}
    assert await free.ask(door, query=text, **asked(text)) == expected
    for other in DOORS:
        assert await free.ask(other, **asked(text)) == expected


@pytest.mark.parametrize("door", DOORS)
async def test_what_is_not_the_hash_of_the_query_is_refused(free: Doors, door: str) -> None:
    assert codes_of(await free.ask(door, **{**by_hash(CODE), "query": NAME})) == ["BAD_REQUEST"]
    assert codes_of(await free.ask(door, documentId="x", query=NAME)) == ["BAD_REQUEST"]
    assert codes_of(await free.ask(door, documentId="x")) == ["PERSISTED_QUERY_NOT_FOUND"]
    assert codes_of(await free.ask(door, **by_id(CODE))) == ["PERSISTED_QUERY_NOT_FOUND"]


@pytest.mark.parametrize(
    "given",
    [
        {"documentId": 1},
        {"documentId": []},
        {"documentId": ""},
        {"documentId": "x", "query": None},
        {"documentId": UNKNOWN, **by_hash(NAME)},
        {"extensions": {"persistedQuery": 1}},
        {"extensions": {"persistedQuery": {}}},
        {"extensions": {"persistedQuery": {"version": 2, "sha256Hash": "a"}}},
        {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": 1}}},
    ],
)
async def test_what_names_no_document_is_no_request(free: Doors, given: Request) -> None:
    assert codes_of(await free.ask("post", **given)) == ["BAD_REQUEST"]


@pytest.mark.parametrize(
    "text", ["{", "{ nothing }", "{ a }" * 9000, "query($n: Int = 101) { issues(first: $n) { totalCount } }"]
)
async def test_what_cannot_run_is_not_kept(free: Doors, text: str) -> None:
    for _ in range(2):
        assert "errors" in await free.ask("post", query=text, **by_hash(text))
    codes = codes_of(await free.ask("post", **by_hash(text)))
    # The last one is a document like any other; only the request was wrong.
    assert codes == (["PAGE_TOO_LARGE"] if "101" in text else ["PERSISTED_QUERY_NOT_FOUND"])


async def test_a_change_by_its_hash_needs_post_all_the_same(free: Doors) -> None:
    await free.ask("post", query=CHANGE, **by_hash(CHANGE))
    assert codes_of(await free.ask("get", **by_hash(CHANGE))) == ["METHOD_NOT_ALLOWED"]
    assert "data" in await free.ask("post", **by_hash(CHANGE))


async def test_a_change_that_is_only_known_when_it_runs_needs_post_too(
    free: Doors, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As one that is left while a stream that was asked for it waits for its place."""
    text = f"{CHANGE} # later"
    enter = Quotas.enter

    async def left_meanwhile(quotas: Quotas, who: str) -> None:
        await free.ask("post", query=text, **by_hash(text))
        await enter(quotas, who)

    monkeypatch.setattr(Quotas, "enter", left_meanwhile)
    assert codes_of(await free.ask(EVENT_SOURCE, **by_hash(text))) == ["METHOD_NOT_ALLOWED"]


@pytest.mark.parametrize("door", ["post", "get", "sse", "multipart"])
async def test_who_is_not_signed_in_leaves_no_document(free: Doors, door: str) -> None:
    text = f"{{ __typename }} # {door}"
    for _ in range(2):
        assert "data" in await free.ask(door, account=None, query=text, **by_hash(text))
    assert codes_of(await free.ask(door, **by_hash(text))) == ["PERSISTED_QUERY_NOT_FOUND"]


def test_who_is_not_signed_in_pushes_nobodys_documents_out() -> None:
    documents = Documents(build()._schema, CATALOGUE, Limits(), characters=200)
    documents.operation(NAME, None)
    for number in range(100):
        text = f"{{ __typename }} # {number}"
        assert documents.operation(text, None, keep=False) is documents.operation(text, None, keep=False)
    assert list(documents._known) == [NAME]


def test_what_is_left_is_forgotten_with_the_document() -> None:
    documents = Documents(build()._schema, CATALOGUE, Limits(), characters=200)
    texts = [f"{{ city {{ name }} }} # {number:03}" for number in range(100)]
    for text in texts:
        documents.operation(documents.text(text, id_of(text)), None)
        documents.leave(text, id_of(text))
        assert documents.text("", id_of(text)) == text
    assert len(documents._left) == len(documents._known) == 200 // len(texts[0])
    with pytest.raises(Refused):
        documents.text("", id_of(texts[0]))


# ── given beforehand ─────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("door", DOORS)
async def test_a_trusted_document_is_known_from_the_start(strict: Doors, door: str) -> None:
    expected = {"data": {"city": {"code": "4110"}}}
    for request in (by_id(CODE), by_hash(CODE), by_hash(CODE, query=CODE), {"query": CODE}):
        assert await strict.ask(door, account="portal-411024", **request) == expected
    assert await strict.ask(door, **by_id(NAME)) == {"data": {"city": {"name": "许昌市"}}}


@pytest.mark.parametrize("door", DOORS)
async def test_nothing_else_is_taken(strict: Doors, door: str) -> None:
    for text in ("{ __typename }", "{", NAME + " ", "{ __schema { description } }"):
        for request in ({"query": text}, by_hash(text, query=text)):
            assert codes_of(await strict.ask(door, **request)) == ["UNTRUSTED_DOCUMENT"]
        assert codes_of(await strict.ask(door, **by_id(text))) == ["PERSISTED_QUERY_NOT_FOUND"]
    assert codes_of(await strict.ask(door, query=FOLLOW)) == ["UNTRUSTED_DOCUMENT"]


@pytest.mark.parametrize("door", DOORS)
async def test_each_client_has_a_list_of_its_own(strict: Doors, door: str) -> None:
    for request in (by_id(CODE), by_hash(CODE), {"query": CODE}):
        assert codes_of(await strict.ask(door, account="city", **request)) == ["UNTRUSTED_DOCUMENT"]


async def test_a_server_may_keep_nothing(server_url: str, template: str) -> None:
    async with doors_of(server_url, template, PEOPLE, persisted_queries=False) as doors:
        for request in (by_hash(NAME), by_id(NAME)):
            assert await doors.ask("post", query=NAME, **request) == {"data": {"city": {"name": "许昌市"}}}
            answer = await doors.ask("post", **request)
            assert codes_of(answer) == ["PERSISTED_QUERY_NOT_SUPPORTED"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "Expecting value"),
        ("[]", "no JSON object"),
        ('{"a": []}', "no JSON object"),
        ('{"a": {"sha256:00": "{ __typename }"}}', "not the SHA-256"),
        (json.dumps({"a": {id_of("{ x }"): "{ x }"}}), "Cannot query field 'x'"),
        (json.dumps({"a": {id_of("{"): 1}}), "not the SHA-256"),
        (json.dumps({"a": {id_of("#\n" * 2001): "#\n" * 2001}}), "2000 tokens"),
    ],
)
def test_a_manifest_that_nobody_can_have_meant_is_told_at_the_start(
    tmp_path: Path, content: str, said: str
) -> None:
    file = tmp_path / "manifest.json"
    file.write_text(content)
    with pytest.raises(TrustedError, match=said):
        create_app(Settings(database_url="postgresql://x", trusted_documents=file))


@pytest.mark.parametrize(
    ("pattern", "name", "allowed"),
    [
        *(("portal-*", "portal-411024", True), ("portal-*", "screen-411024", False)),
        *(("*-4110*", "portal-411024", True), ("*", "", True), ("a*", "A", False)),
        *(("li[1]", "li[1]", True), ("li[1]", "li1", False), ("[!a]", "b", False), ("[*]", "[x]", True)),
        *(("li?", "li?", True), ("li?", "li1", False), ("a.c", "abc", False)),
    ],
)
def test_in_the_pattern_of_an_account_a_star_stands_for_anything_and_nothing_else_does(
    tmp_path: Path, pattern: str, name: str, allowed: bool
) -> None:
    trusted = Trusted.load(written(tmp_path, {pattern: (NAME,)}), only=True)
    assert trusted.allows(id_of(NAME), name) is allowed


def test_only_what_is_trusted_wants_a_manifest() -> None:
    with pytest.raises(TrustedError, match="LXBC_TRUSTED_DOCUMENTS"):
        create_app(Settings(database_url="postgresql://x", trusted_only=True))


def test_a_manifest_that_is_not_there_is_told_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(TrustedError, match=r"absent\.json"):
        Trusted.load(tmp_path / "absent.json", only=False)
