"""Files as evidence, over real HTTP: what is taken, who may bring and who may have it, and where it is kept."""

import asyncio
import hashlib
import io
import zipfile
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from moto.server import ThreadedMotoServer
from tests.conftest import fresh_database
from tests.serving import PATIENCE, serving

from lxbc_graph.app import create_app
from lxbc_graph.demo.world import load
from lxbc_graph.domain.errors import CommandError, ErrorCode, Refused
from lxbc_graph.http.media_types import EXTENSIONS, media_type_of
from lxbc_graph.http.upload import Unacceptable, name_of
from lxbc_graph.policy.accounts import Accounts
from lxbc_graph.policy.enforcer import Enforcer
from lxbc_graph.policy.tokens import Tokens
from lxbc_graph.resources import POLICIES
from lxbc_graph.settings import Settings
from lxbc_graph.store.database import Database
from lxbc_graph.store.files import Files, FilesAway, FilesError, Stored
from lxbc_graph.write import evidence
from lxbc_graph.write.unit_of_work import UnitOfWork, unit_of_work

pytestmark = pytest.mark.anyio

MOST = 3 * 1024 * 1024
WORLD = {
    "units": [
        *({"code": code} for code in ("4110", "411024", "411024104", "411024104226")),
        *({"code": code} for code in ("411082", "411082100")),
    ],
    "cadres": [{"code": "li", "postings": [{"role": "cadre", "unit": "411024104226"}]}],
    "accounts": [
        {"name": "office", "postings": [{"role": "county_office", "unit": "411024"}]},
        {"name": "next door", "postings": [{"role": "county_office", "unit": "411082"}]},
        {"name": "portal", "postings": [{"role": "portal", "unit": "411024"}]},
        {"name": "screen", "postings": [{"role": "screen", "unit": "411024"}]},
        {"name": "li", "cadre": "li"},
    ],
    "issues": [
        {"number": "HERE", "unit": "411024104226"},
        {"number": "BESIDE", "unit": "411082100"},
        {"number": "ALSO", "unit": "411024104226"},
        {"number": "DONE", "unit": "411024104226", "state": "FEEDBACK"},
    ],
}
HERE, BESIDE, ALSO, DONE = "Issue:1", "Issue:2", "Issue:3", "Issue:4"

JPEG = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01" + b"picture" * 40 + b"\xff\xd9"
PNG = b"\x89PNG\r\n\x1a\n" + b"picture" * 40
HTML = b"<!doctype html><script>alert(1)</script>"
SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'


def zipped(*names: str) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as parts:
        for name in names:
            parts.writestr(name, "<x/>")
    return packed.getvalue()


DOCX = zipped("[Content_Types].xml", "_rels/.rels", "word/document.xml")
XLSX = zipped("[Content_Types].xml", "_rels/.rels", "xl/workbook.xml")
OFFICE = "application/vnd.openxmlformats-officedocument."
TAKEN = {
    "image/jpeg": JPEG,
    "image/png": PNG,
    "image/webp": b"RIFF\x24\x00\x00\x00WEBPVP8 " + b"picture" * 40,
    "application/pdf": b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n1 0 obj\n%%EOF\n",
    "video/mp4": b"\x00\x00\x00\x20ftypisom\x00\x00\x02\x00isomiso2avc1mp41" + b"clip" * 40,
    f"{OFFICE}wordprocessingml.document": DOCX,
    f"{OFFICE}spreadsheetml.sheet": XLSX,
}


def kept_in(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


SAME = {"X-Request-Id": "the-same"}
"""Answers that must be equal are so but for what the client itself says about its request."""


@dataclass(frozen=True)
class Api:
    """The served application, and a token for each of its accounts."""

    client: httpx.AsyncClient
    tokens: dict[str, str]
    database: Database
    folder: Path

    def who(self, account: str | None) -> dict[str, str]:
        return {} if account is None else {"Authorization": f"Bearer {self.tokens[account]}"}

    async def post(
        self,
        content: Any = JPEG,
        *,
        name: str = "现场.jpg",
        declared: str | None = "image/jpeg",
        issue: str | None = HERE,
        account: str | None = "office",
    ) -> httpx.Response:
        files = {"file": (name, content, declared) if declared is not None else (name, content)}
        params = {} if issue is None else {"issue": issue}
        return await self.client.post("/attachments", params=params, files=files, headers=self.who(account))

    async def raw(self, body: bytes, boundary: str = "b", **headers: str) -> httpx.Response:
        given = {"content-type": f"multipart/form-data; boundary={boundary}", **self.who("office"), **headers}
        return await self.client.post("/attachments", params={"issue": HERE}, content=body, headers=given)

    async def get(
        self, id_: Any, account: str | None = "office", method: str = "GET", **headers: str
    ) -> httpx.Response:
        return await self.client.request(
            method, f"/attachments/{id_}", headers={**self.who(account), **headers}
        )

    async def graphql(self, query: str, account: str = "office") -> Any:
        answer = await self.client.post("/graphql", json={"query": query}, headers=self.who(account))
        assert "errors" not in answer.json(), answer.text
        return answer.json()["data"]

    async def count(self) -> int:
        return int(await self.database.pool.fetchval("select count(*) from attachment"))

    def kept(self) -> list[Path]:
        return kept_in(self.folder)


@asynccontextmanager
async def api_on(url: str, folder: Path, attachments_url: str | None = None) -> AsyncIterator[Api]:
    settings = Settings(
        database_url=url,
        pool_size=3,
        data_dir=folder,
        attachments_url=attachments_url,
        attachment_max_bytes=MOST,
        principal_ttl_seconds=0,
    )
    database = await Database.open(url, pool_size=3)
    try:
        await load(database, WORLD)
        signing = await Tokens.open(database.pool, settings)
        accounts = ("office", "next door", "portal", "screen", "li")
        tokens = {account: signing.access(account, 3600) for account in accounts}
        async with (
            serving(create_app(settings), lifespan=True) as address,
            httpx.AsyncClient(base_url=f"http://{address}", headers=SAME, timeout=PATIENCE) as client,
        ):
            yield Api(client, tokens, database, folder / "attachments")
    finally:
        await database.close()


@pytest.fixture(scope="module")
async def shared(
    server_url: str, template: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Api]:
    async with (
        fresh_database(server_url, template) as url,
        api_on(url, tmp_path_factory.mktemp("data")) as api,
    ):
        yield api


@pytest.fixture
async def api(shared: Api) -> Api:
    """The application without an attachment."""
    await shared.database.pool.execute("truncate attachment restart identity")
    for path in shared.kept():
        path.unlink()
    return shared


def part(disposition: str, content: bytes = JPEG) -> bytes:
    return f"--b\r\nContent-Disposition: form-data; {disposition}\r\n\r\n".encode() + content + b"\r\n"


FILE = part('name="file"; filename="x.jpg"')
END = b"--b--\r\n"


async def begun(
    api: Api, issue: str, length: str, account: str | None = "office"
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection on which the head of an upload was sent."""
    reader, writer = await asyncio.open_connection(api.client.base_url.host, api.client.base_url.port)
    head = [
        f"POST /attachments?issue={issue} HTTP/1.1",
        "Host: x",
        length,
        "Content-Type: multipart/form-data; boundary=b",
        *(f"{name}: {value}" for name, value in api.who(account).items()),
    ]
    writer.write("\r\n".join([*head, "", ""]).encode())
    return reader, writer


def told(response: httpx.Response) -> str:
    """The code of a refusal, which is JSON in the form of GraphQL's errors and says nothing of Python."""
    assert response.headers["content-type"] == "application/json; charset=utf-8"
    assert response.headers["x-content-type-options"] == "nosniff"
    assert set(response.json()) == {"errors"}
    (error,) = response.json()["errors"]
    assert error["message"]
    assert "Error" not in response.text
    assert "Traceback" not in response.text
    code: str = error["extensions"]["code"]
    return code


async def refused(api: Api, response: httpx.Response, status: int, code: str) -> None:
    assert (response.status_code, told(response)) == (status, code), response.text
    assert await api.count() == 0
    assert api.kept() == []


# ── there and back ───────────────────────────────────────────────────────────────────────────────────────────


async def test_what_was_sent_comes_back_to_the_byte(api: Api) -> None:
    content = JPEG + b"\x00\r\n--b--\r\n" * 250_000  # more than one piece, and what looks like a form's end
    sent = await api.post(content, name="现场 照片.JPG")
    sha256 = hashlib.sha256(content).hexdigest()
    assert sent.status_code == 201
    assert sent.headers["location"] == "/attachments/1"
    assert sent.json() == {
        "id": "Attachment:1",
        "name": "现场 照片.JPG",
        "mediaType": "image/jpeg",
        "size": len(content),
        "sha256": sha256,
    }
    for id_ in ("1", "Attachment:1"):
        got = await api.get(id_)
        assert got.status_code == 200
        assert hashlib.sha256(got.content).hexdigest() == sha256
    assert got.headers["content-type"] == "image/jpeg"
    assert int(got.headers["content-length"]) == len(content)
    assert got.headers["x-content-type-options"] == "nosniff"
    assert got.headers["content-security-policy"].startswith("sandbox; default-src 'none';")
    kind, _, name = got.headers["content-disposition"].partition("; filename*=UTF-8''")
    assert (kind, unquote(name)) == ("attachment", "现场 照片.JPG")


@pytest.mark.parametrize("media_type", TAKEN)
@pytest.mark.parametrize("said", [True, False])
async def test_what_is_evidence_is_taken_whether_the_client_says_what_it_is_or_not(
    api: Api, media_type: str, said: bool
) -> None:
    content = TAKEN[media_type]
    ending = EXTENSIONS[media_type][0]
    sent = await api.post(
        content, name=f"x{ending}", declared=media_type if said else "application/octet-stream"
    )
    assert sent.status_code == 201, sent.text
    assert sent.json()["mediaType"] == media_type
    got = await api.get(1)
    assert (got.content, got.headers["content-type"]) == (content, media_type)


def test_a_picture_may_hold_anything_further_on() -> None:
    for place in range(12, 70):  # what ends some films, and some drawings
        for ending in (b"\x00\x00\x01\xb7", b"</svg>", b"<html>"):
            assert media_type_of(io.BytesIO(JPEG[:place] + ending)) == "image/jpeg", (place, ending)


async def test_head_and_etag_tell_without_sending(api: Api) -> None:
    await api.post()
    got = await api.get(1)
    head = await api.get(1, method="HEAD")
    assert (head.status_code, head.content) == (200, b"")
    for name in ("content-length", "content-type", "content-disposition", "etag", "cache-control"):
        assert head.headers[name] == got.headers[name]
    etag = got.headers["etag"]
    for known in (etag, f'"x", W/{etag}', "*"):
        again = await api.get(1, **{"If-None-Match": known})
        assert (again.status_code, again.content) == (304, b"")
    assert (await api.get(1, **{"If-None-Match": '"x"'})).status_code == 200
    # Whoever knows what it is learns nothing by saying so.
    assert (await api.get(1, "next door", **{"If-None-Match": etag})).status_code == 404


async def test_the_same_bytes_are_kept_once(api: Api) -> None:
    first, second = await asyncio.gather(api.post(name="a.jpg"), api.post(name="b.jpg", account="li"))
    assert first.json()["sha256"] == second.json()["sha256"]
    assert first.json()["id"] != second.json()["id"]
    sha256 = first.json()["sha256"]
    assert api.kept() == [api.folder / sha256[:2] / sha256[2:]]
    names = {(await api.get(id_)).headers["content-disposition"][-5:] for id_ in (1, 2)}
    assert names == {"a.jpg", "b.jpg"}


async def test_what_is_kept_already_is_written_all_the_same(api: Api) -> None:
    """Or the time that it takes would tell that somebody else has it."""
    await api.post()
    (path,) = api.kept()
    before = path.stat().st_ino
    await api.post()
    assert path.stat().st_ino != before


async def test_an_attachment_is_read_like_all_else(api: Api) -> None:
    await api.post(account="li")
    fields = "id name mediaType size sha256 url uploaderName uploader { code } issue { number } event { id }"
    data = await api.graphql(
        f"{{ issues(first: 9) {{ nodes {{ number attachments {{ totalCount nodes {{ {fields} }} }} }} }} "
        'node(id: "Attachment:1") { id } }',
        "portal",
    )
    by_number = {issue["number"]: issue["attachments"] for issue in data["issues"]["nodes"]}
    assert {number: of["totalCount"] for number, of in by_number.items()} == {"HERE": 1, "ALSO": 0, "DONE": 0}
    (found,) = by_number["HERE"]["nodes"]
    assert found == {
        "id": "Attachment:1",
        "name": "现场.jpg",
        "mediaType": "image/jpeg",
        "size": len(JPEG),
        "sha256": hashlib.sha256(JPEG).hexdigest(),
        "url": "/attachments/1",
        "uploaderName": "li",
        "uploader": {"code": "li"},
        "issue": {"number": "HERE"},
        "event": None,
    }
    assert data["node"] == {"id": "Attachment:1"}
    assert (await api.get(found["url"].removeprefix("/attachments/"))).content == JPEG
    assert (await api.graphql('{ node(id: "Attachment:1") { id } }', "next door")) == {"node": None}


# ── who ──────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_an_issue_out_of_sight_is_no_issue(api: Api) -> None:
    unknown = await api.post(issue="Issue:99999")
    await refused(api, unknown, 404, "NOT_FOUND")
    for issue in (BESIDE, "Issue:0", "Unit:1", "1", "", "Issue:99999999999999999999", "Issue:1\x00", "问题"):
        hidden = await api.post(issue=issue)
        assert (hidden.status_code, hidden.content) == (404, unknown.content), issue
        assert dict(hidden.headers) == dict(unknown.headers) | {"date": hidden.headers["date"]}
    # A screen sees no issue at all.
    assert (await api.post(account="screen")).content == unknown.content
    assert await api.count() == 0


async def test_an_attachment_out_of_sight_is_no_attachment(api: Api) -> None:
    assert (await api.post(issue=BESIDE, account="next door")).status_code == 201
    unknown = await api.get(99999)
    assert (unknown.status_code, told(unknown)) == (404, "NOT_FOUND")
    malformed = ("", "0", "01", "-1", "1/", "1%2F", "x", "Issue:1", "Attachment:", "%00", "..%2F..%2Fetc")
    for id_ in ("1", "Attachment:1", "9" * 30, f"{2**63}", *malformed):
        hidden = await api.get(id_)
        assert (hidden.status_code, hidden.content) == (404, unknown.content), id_
        assert dict(hidden.headers) == dict(unknown.headers) | {"date": hidden.headers["date"]}
    for how in ({"method": "HEAD"}, {"If-None-Match": "*"}, {"Range": "bytes=0-1"}):
        hidden, unknown = await api.get(1, **how), await api.get(99999, **how)
        assert (hidden.status_code, hidden.content) == (404, unknown.content), how
        assert dict(hidden.headers) == dict(unknown.headers) | {"date": hidden.headers["date"]}
    unknown = await api.get(99999)
    assert (await api.get(1, "screen")).content == unknown.content
    assert (await api.get(1, "next door")).content == JPEG


async def test_a_portal_has_what_others_brought_and_brings_nothing(api: Api) -> None:
    forbidden = await api.post(account="portal")
    await refused(api, forbidden, 403, "FORBIDDEN")
    assert "上传附件" in forbidden.json()["errors"][0]["extensions"]["messageZh"]
    assert (await api.post()).status_code == 201
    assert (await api.get(1, "portal")).content == JPEG


async def test_nobody_brings_or_has_anything(api: Api) -> None:
    for account, token in ((None, None), ("x", "Bearer nonsense"), ("y", "Basic eDp5")):
        headers = {} if token is None else {"Authorization": token}
        files = {"file": ("x.jpg", JPEG, "image/jpeg")}
        sent = await api.client.post("/attachments", params={"issue": HERE}, files=files, headers=headers)
        await refused(api, sent, 401, "UNAUTHENTICATED")
        got = await api.client.get("/attachments/1", headers=headers)
        assert (got.status_code, told(got)) == (401, "UNAUTHENTICATED"), account
        assert got.headers["www-authenticate"].startswith("Bearer ")


async def test_other_methods_are_told_which_there_are(api: Api) -> None:
    for method, path, allowed in (
        ("GET", "/attachments", "POST"),
        ("PUT", "/attachments", "POST"),
        ("POST", "/attachments/1", "GET, HEAD"),
        ("DELETE", "/attachments/1", "GET, HEAD"),
    ):
        answer = await api.client.request(method, path, headers=api.who("office"))
        assert (answer.status_code, told(answer)) == (405, "METHOD_NOT_ALLOWED")
        assert answer.headers["allow"] == allowed


async def test_who_may_not_bring_anything_is_told_before_the_file_is_read(api: Api) -> None:
    async with asyncio.timeout(PATIENCE):
        for issue, account, status in ((BESIDE, "office", 404), (HERE, "portal", 403), (HERE, None, 401)):
            reader, writer = await begun(api, issue, "Content-Length: 1000000", account)
            writer.write(b"--b\r\n")
            assert f" {status} " in (await reader.readline()).decode()
            writer.close()


# ── what ─────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("content", "name", "declared"),
    [
        (HTML, "x.html", "text/html"),
        (HTML, "x.jpg", "image/jpeg"),
        (HTML, "x.jpg", "application/octet-stream"),
        (HTML + b"\xff\xd8\xff" + b"\xff\xd9", "x.jpg", "image/jpeg"),
        (b"\n\n" + HTML, "x.jpg", "image/jpeg"),
        (SVG, "x.svg", "image/svg+xml"),
        (SVG, "x.png", "image/png"),
        (b'<?xml version="1.0"?>' + SVG, "x.png", "image/png"),
        (b"GIF89a<html>", "x.gif", "image/gif"),
        (b"MZ" + bytes(100), "x.jpg", "image/jpeg"),
        (b"hello", "x.txt", "text/plain"),
        (b"x", "x.jpg", "image/jpeg"),
        (zipped("a.html"), "x.docx", f"{OFFICE}wordprocessingml.document"),
        (zipped("word/document.xml"), "x.docx", f"{OFFICE}wordprocessingml.document"),
        (zipped("[Content_Types].xml", "word/document.xml", "word/vbaProject.bin"), "x.docx", ""),
        (zipped("[Content_Types].xml", "word/document.xml", "xl/workbook.xml"), "x.docx", ""),
        (DOCX[:-30], "x.docx", f"{OFFICE}wordprocessingml.document"),
        (DOCX[: len(DOCX) // 2], "x.docx", f"{OFFICE}wordprocessingml.document"),
        (b"\x00\x00\x00\x1cftypavif\x00\x00\x00\x00avifmif1miaf", "x.mp4", "video/mp4"),
        (b"\x00\x00\x00\x1cftypheic\x00\x00\x00\x00mif1heic", "x.heic", ""),
        (b"\x00\x00\x00\x1cftypqt  \x00\x00\x00\x00qt  ", "x.mp4", ""),
        (JPEG, "x.jpg", "text/html"),
        (JPEG, "x.jpg", "image/png"),
        (DOCX, "x.xlsx", f"{OFFICE}spreadsheetml.sheet"),
    ],
)
async def test_what_is_no_evidence_or_not_what_it_is_said_to_be_is_refused(
    api: Api, content: bytes, name: str, declared: str
) -> None:
    response = await api.post(content, name=name, declared=declared or "application/octet-stream")
    await refused(api, response, 415, "UNSUPPORTED_MEDIA_TYPE")
    assert response.json()["errors"][0]["extensions"]["messageZh"]


async def test_an_empty_file_is_refused(api: Api) -> None:
    await refused(api, await api.post(b""), 400, "BAD_REQUEST")


async def test_a_file_may_be_as_large_as_is_said_and_no_larger(api: Api) -> None:
    await refused(api, await api.post(JPEG.ljust(MOST + 1, b"x")), 413, "BODY_TOO_LARGE")
    assert (await api.post(JPEG.ljust(MOST, b"x"))).status_code == 201


async def test_a_file_without_end_is_given_up_while_it_is_read(api: Api) -> None:
    async with asyncio.timeout(PATIENCE):
        reader, writer = await begun(api, HERE, "Transfer-Encoding: chunked")
        answer = asyncio.create_task(reader.readline())
        piece = FILE.removesuffix(b"\r\n")
        while not answer.done():
            writer.write(b"%x\r\n%b\r\n" % (len(piece), piece))
            await writer.drain()
            piece = bytes(64 * 1024)
        assert b" 413 " in answer.result()
        writer.close()
    assert await api.count() == 0
    assert api.kept() == []


# ── names ────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("../../etc/passwd", "passwd.jpg"),
        ("..\\..\\windows\\x.jpg", "x.jpg"),
        ("C:\\x.jpg", "x.jpg"),
        ("/etc/x.jpg", "x.jpg"),
        ("a\x00b.jpg", "ab.jpg"),
        ("a\ud800b.jpg", "ab.jpg"),
        ("\u202egpj.exe", "gpj.exe.jpg"),
        ("x.html", "x.html.jpg"),
        ("x.JPEG", "x.JPEG"),
        ('"; filename="evil.html', '"; filename="evil.html.jpg'),
        ("a\r\nSet-Cookie: x=1\r\n\r\n<html>.jpg", "aSet-Cookie: x=1<html>.jpg"),
        ("现场🌾.jpg", "现场🌾.jpg"),
        ("  x.jpg  ", "x.jpg"),
        (".jpg", ".jpg"),
        ("x" * 1000 + ".jpeg", "x" * 195 + ".jpeg"),
        ("x" * 1000, "x" * 195 + ".jpg"),
    ],
)
def test_a_name_is_the_last_of_a_path_and_what_can_be_shown_of_it(given: str, shown: str) -> None:
    assert name_of(given, "image/jpeg") == shown


@pytest.mark.parametrize("given", ["", ".", "..", "a/", "a/..", "\x00", "\u202e", "  ", "\\"])
def test_a_name_of_nothing_is_refused(given: str) -> None:
    with pytest.raises(Unacceptable):
        name_of(given, "image/jpeg")


@given(given=st.text(), media_type=st.sampled_from(sorted(EXTENSIONS)))
def test_every_name_is_short_shown_and_of_its_type(given: str, media_type: str) -> None:
    try:
        name = name_of(given, media_type)
    except Unacceptable:
        return
    assert 0 < len(name) <= 200
    assert name.lower().endswith(EXTENSIONS[media_type])
    assert not set(name) & set("/\\\x00\r\n\u202e\u2028")
    name.encode()
    assert name_of(name, media_type) == name


@given(content=st.binary(max_size=200), head=st.sampled_from([b"", *TAKEN.values()]))
def test_any_bytes_have_a_type_that_is_taken_or_none(content: bytes, head: bytes) -> None:
    for whole in (content, head + content, head[: len(content)] + content):
        assert media_type_of(io.BytesIO(whole)) in {None, *EXTENSIONS}


def test_a_zip_with_an_endless_table_of_contents_is_not_opened() -> None:
    assert media_type_of(io.BytesIO(DOCX)) is not None
    parts = ["[Content_Types].xml", "word/document.xml", *(f"{'x' * 200}{n}" for n in range(5_000))]
    assert media_type_of(io.BytesIO(zipped(*parts))) is None


@pytest.mark.parametrize("where", ["in the last record", "behind a comment", "before a long comment"])
def test_no_zip_hides_how_long_its_table_of_contents_is(where: str) -> None:
    """What is measured must be what is read: two records that end it, or one out of reach, must not part them."""
    parts = ["[Content_Types].xml", "word/document.xml", *(f"{'x' * 200}{n}" for n in range(5_000))]
    packed = zipped(*parts)
    before, end = packed[:-22], packed[-22:]
    small = b"PK\x05\x06" + b"\0" * 18
    if where == "in the last record":  # as its numbers of disks, of which nobody asks
        start = len(before) - int.from_bytes(end[12:16], "little")
        shifted = before[start:] + b"PK\x05\x06" + b"PK\x05\x06" + end[8:16]
        hostile = before[:start] + shifted + (30).to_bytes(4, "little") + b"\0\0"
    elif where == "behind a comment":
        hostile = before + end[:20] + len(small).to_bytes(2, "little") + small
    else:
        size, offset = end[12:16], end[16:20]
        record = b"PK\x06\x06" + (44).to_bytes(8, "little") + b"-\0-\0" + b"\0" * 8
        record += b"\x8a\x13" + b"\0" * 6 + b"\x8a\x13" + b"\0" * 6 + size + b"\0" * 4 + offset + b"\0" * 4
        locator = b"PK\x06\x07" + b"\0" * 4 + len(before).to_bytes(8, "little") + b"\1\0\0\0"
        short = end[:12] + b"\0" * 4 + b"\xff" * 4 + b"\xff\xff"
        hostile = before + record + locator + short + b" " * 65_535
    assert media_type_of(io.BytesIO(hostile)) is None


async def test_a_hostile_name_neither_leaves_its_folder_nor_its_header(api: Api) -> None:
    disposition = (
        b'--b\r\nContent-Disposition: form-data; name="file"; filename="%b"\r\n\r\n' + JPEG + b"\r\n--b--\r\n"
    )
    for name in (
        b"../../../etc/passwd",
        b"a\x00b",
        b'a\\"; x="b',
        "现场".encode(),
        b"\xff\xfe.jpg",
        b"a%0D%0Ab",
    ):
        sent = await api.raw(disposition % name)
        assert sent.status_code == 201, (name, sent.text)
        got = await api.get(sent.json()["id"])
        assert got.content == JPEG
        assert len(got.headers.get_list("content-disposition")) == 1
        shown = got.headers["content-disposition"].removeprefix("attachment; filename*=UTF-8''")
        assert shown.isascii()
        assert not set(shown) & set(" \"';/\\")
        assert unquote(shown) == sent.json()["name"]
    sha256 = hashlib.sha256(JPEG).hexdigest()
    assert api.kept() == [api.folder / sha256[:2] / sha256[2:]]


# ── forms ────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "body",
    [
        b"",
        END,
        b"nonsense",
        part('name="file"') + END,
        part('name="other"; filename="x.jpg"') + END,
        part('filename="x.jpg"') + END,
        part('name="file"; filename=""') + END,
        FILE + FILE + END,
        FILE + part('name="issue"', b"Issue:1") + END,
        part('name="issue"', b"Issue:1") + FILE + END,
        b"--b\r\n\r\n" + JPEG + b"\r\n" + END,
        b"--b\r\nContent-Disposition: form-data; name=file; filename=x" + b"x" * 100_000,
        FILE[:-1],
        FILE[:60],
        part('name="file"; filename="x.jpg"', bytes(2 * 1024 * 1024))[:-2],
        b"--b\r\n\x00: \xff\r\n\r\n" + END,
    ],
)
async def test_a_form_that_is_not_one_file_is_refused(api: Api, body: bytes) -> None:
    await refused(api, await api.raw(body), 400, "BAD_REQUEST")


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        ("application/json", 415),
        ("image/jpeg", 415),
        ("multipart/mixed; boundary=b", 415),
        ("", 415),
        ("multipart/form-data; boundary=b; charset=utf-16", 415),
        ("multipart/form-data; boundary=b; charset=idna", 415),
        ("multipart/form-data", 400),
        ("multipart/form-data; boundary=", 400),
        ("multipart/form-data; boundary=another", 400),
        (f"multipart/form-data; boundary={'b' * 5000}", 400),
    ],
)
async def test_a_body_that_is_no_such_form_is_refused(api: Api, content_type: str, status: int) -> None:
    response = await api.raw(FILE + END, **{"content-type": content_type})
    await refused(api, response, status, "BAD_REQUEST" if status == 400 else "UNSUPPORTED_MEDIA_TYPE")


async def test_an_upload_names_its_issue(api: Api) -> None:
    await refused(api, await api.post(issue=None), 400, "BAD_REQUEST")


async def test_a_client_that_leaves_in_the_middle_leaves_nothing(api: Api) -> None:
    for begin in (b"", FILE[:100], FILE.ljust(1_500_000, b"x")):
        _, writer = await begun(api, HERE, "Content-Length: 2000000")
        writer.write(begin)
        await writer.drain()
        writer.close()
        await writer.wait_closed()
    assert (await api.post()).status_code == 201  # it goes on
    assert await api.count() == 1
    assert len(api.kept()) == 1


# ── where ────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_file_that_is_lost_or_cut_short_is_told_as_an_outage(api: Api) -> None:
    await api.post()
    (path,) = api.kept()

    async def away() -> None:
        got = await api.get(1)
        assert (got.status_code, told(got)) == (503, "UNAVAILABLE")

    for spoil in (lambda: path.write_bytes(JPEG[:-1]), path.unlink):
        spoil()
        await away()
        # Brought once more, it is there again for all.
        again = await api.post()
        assert (await api.get(1)).content == (await api.get(again.json()["id"])).content == JPEG


async def test_a_folder_that_cannot_be_written_is_told_as_an_outage(api: Api) -> None:
    incoming = api.folder / "incoming"
    if incoming.is_dir():
        incoming.rmdir()
    api.folder.mkdir(exist_ok=True)
    incoming.write_text("in the way")
    sent = await api.post()
    assert (sent.status_code, told(sent)) == (503, "UNAVAILABLE")
    assert await api.count() == 0
    assert api.kept() == [incoming]


class Torn(io.BytesIO):
    """Can be read to its end once, to see what it is; then it fails on the way."""

    passes = 0

    def seek(self, place: int, whence: int = 0, /) -> int:
        self.passes += 1
        return super().seek(place, whence)

    def read(self, size: int | None = -1, /) -> bytes:
        if self.passes > 1 and self.tell() > len(self.getvalue()) // 2:
            raise OSError("torn")
        return super().read(size)


async def test_a_folder_takes_a_file_whole_or_not_at_all(tmp_path: Path) -> None:
    files = Files.open(str(tmp_path / "files"))
    with pytest.raises(FilesAway, match="torn"):
        await files.put(Torn(bytes(5 * 1024 * 1024)))
    assert kept_in(tmp_path) == []


@pytest.mark.parametrize("url", ["s3://", "s3:///x", "ftp://x/y", "http://x/y", "memory://x"])
def test_a_place_that_is_none_is_refused_at_start(url: str) -> None:
    with pytest.raises(FilesError, match="LXBC_ATTACHMENTS_URL"):
        create_app(Settings(attachments_url=url))


def test_a_place_that_is_a_file_is_refused_at_start(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("")
    with pytest.raises(FilesError, match="is no folder"):
        Files.open(str(tmp_path / "x"))


def test_s3_without_its_library_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "s3fs", None)
    with pytest.raises(FilesError, match=r"lxbc-graph\[s3\]"):
        Files.open("s3://bucket/prefix")


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A real server that speaks S3, with one bucket; gives its address."""
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    address = f"http://{host}:{port}"
    for name, value in {
        "AWS_ENDPOINT_URL": address,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    assert (
        httpx.post(f"{address}/moto-api/reset").status_code == 200
    )  # what it keeps, it keeps for the process
    assert httpx.put(f"{address}/evidence").status_code == 200
    try:
        yield address
    finally:
        server.stop()


async def test_s3_gives_back_what_it_was_given_and_keeps_it_once(
    s3: str, database_url: str, tmp_path: Path
) -> None:
    async with api_on(database_url, tmp_path, "s3://evidence/lxbc") as api:
        large = JPEG + bytes(range(256)) * 8_000  # two pieces
        for content in (JPEG, large, large):
            assert (await api.post(content)).status_code == 201
        assert (await api.get(1)).content == JPEG
        assert (await api.get(2)).content == (await api.get(3)).content == large
        listed = (await api.client.get(f"{s3}/evidence?list-type=2")).text
        sums = [hashlib.sha256(content).hexdigest() for content in (JPEG, large)]
        assert listed.count("<Key>") == 2
        assert all(f"<Key>lxbc/{sha256[:2]}/{sha256[2:]}</Key>" in listed for sha256 in sums)
        assert api.kept() == []
        await api.client.delete(f"{s3}/evidence/lxbc/{sums[0][:2]}/{sums[0][2:]}")
        got = await api.get(1)
        assert (got.status_code, told(got)) == (503, "UNAVAILABLE")


async def test_s3_takes_a_file_of_many_parts_whole_or_not_at_all(s3: str) -> None:
    files, nowhere = Files.open("s3://evidence"), Files.open("s3://no-such-bucket")
    async with aclosing(files), aclosing(nowhere), httpx.AsyncClient(base_url=s3) as client:
        large = bytes(range(256)) * 4096 * 12
        kept = await files.put(io.BytesIO(large))
        assert kept == Stored(hashlib.sha256(large).hexdigest(), len(large))
        assert b"".join([piece async for piece in files.read(kept)]) == large
        with pytest.raises(FilesAway, match="torn"):
            await files.put(Torn(large + b"x"))
        assert (await client.get("/evidence?list-type=2")).text.count("<Key>") == 1
        assert "<Upload>" not in (await client.get("/evidence?uploads")).text
        with pytest.raises(FilesAway):
            await nowhere.put(io.BytesIO(b"x"))


@given(content=st.binary(max_size=3000))
async def test_a_folder_gives_back_what_it_was_given(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    files = Files.open(f"file://{tmp_path_factory.getbasetemp()}/files")
    kept = await files.put(io.BytesIO(content))
    assert kept == Stored(hashlib.sha256(content).hexdigest(), len(content))
    assert b"".join([piece async for piece in files.read(kept)]) == content


# ── evidence ─────────────────────────────────────────────────────────────────────────────────────────────────


@asynccontextmanager
async def working(api: Api, account: str = "office") -> AsyncIterator[UnitOfWork]:
    principal = await Accounts(api.database.pool, 0).principal(account)
    assert principal is not None
    async with unit_of_work(api.database, principal, Enforcer(POLICIES), lambda: datetime.now(UTC)) as work:
        yield work


async def event_of(api: Api, issue: int) -> int:
    return int(await api.database.pool.fetchval("select min(id) from event where issue_id = $1", issue))


async def referring(api: Api, ids: list[int], account: str = "office", issue: int = 1) -> list[CommandError]:
    """The errors of an event of the issue that refers to the attachments; none where it does."""
    event = await event_of(api, issue)
    async with working(api, account) as work:
        try:
            await evidence.check(work, issue, ids)
        except Refused as refusal:
            return list(refusal.errors)
        await evidence.attach(work, event, ids)
    return []


async def test_an_event_refers_to_what_its_author_brought_for_its_issue_once(api: Api) -> None:
    for issue, account in (
        *((HERE, "office"), (HERE, "office"), (HERE, "li")),
        *((ALSO, "office"), (BESIDE, "next door")),
    ):
        assert (await api.post(issue=issue, account=account)).status_code == 201

    def said(errors: list[CommandError]) -> list[tuple[str, ...]]:
        assert all(error.message and error.message_zh for error in errors)
        return [(error.code.value, *error.field) for error in errors]

    invalid, not_found = ErrorCode.INVALID_INPUT.value, ErrorCode.NOT_FOUND.value
    assert said(await referring(api, [1, 3, 4, 5, 0, 99, 1])) == [
        (invalid, "attachmentIds", "1"),  # somebody else's
        *((not_found, "attachmentIds", place) for place in "2345"),
        (invalid, "attachmentIds", "6"),  # twice
    ]
    assert said(await referring(api, list(range(21)))) == [(invalid, "attachmentIds")]
    assert await api.database.pool.fetchval("select count(*) from attachment where event_id is not null") == 0
    assert await referring(api, []) == []
    assert await referring(api, [2, 1]) == []
    assert said(await referring(api, [1])) == [(invalid, "attachmentIds", "0")]
    assert await referring(api, [3], "li") == []
    data = await api.graphql(
        "{ issues(first: 9) { nodes { number events(first: 9) { nodes { attachments { nodes { id } } } }"
        " attachments(filter: {referred: false}) { nodes { id } } } } }"
    )
    (here,) = (issue for issue in data["issues"]["nodes"] if issue["number"] == "HERE")
    (event,) = here["events"]["nodes"]
    assert [node["id"] for node in event["attachments"]["nodes"]] == [f"Attachment:{n}" for n in (1, 2, 3)]
    assert here["attachments"]["nodes"] == []


async def test_two_events_at_once_do_not_share_an_attachment(api: Api) -> None:
    await api.post()
    waiting = """
        select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'
    """
    async with asyncio.timeout(PATIENCE):
        async with working(api) as work:
            await evidence.check(work, 1, [1])
            second = asyncio.create_task(referring(api, [1]))
            while not second.done() and not await api.database.pool.fetchval(waiting):  # noqa: ASYNC110 - only PostgreSQL knows
                await asyncio.sleep(0.01)
            await evidence.attach(work, await event_of(api, 1), [1])
        assert [error.code for error in await second] == [ErrorCode.INVALID_INPUT]


async def test_a_change_takes_its_evidence_along(api: Api) -> None:
    await api.post(issue=DONE)
    await api.post(issue=HERE)

    async def inspect(ids: str) -> Any:
        given = f'issueId: "{DONE}", level: OFFICE, passed: true, attachmentIds: {ids}'
        event = "nodes { kind attachments { nodes { id } } }"
        fields = f"errors {{ code field }} issue {{ state events(last: 1) {{ {event} }} }}"
        return (await api.graphql(f"mutation {{ inspectIssue(input: {{{given}}}) {{ {fields} }} }}"))[
            "inspectIssue"
        ]

    for ids in ('["Attachment:1", "Attachment:2"]', '["Attachment:1", "Issue:1"]'):
        assert await inspect(ids) == {
            "errors": [{"code": "NOT_FOUND", "field": ["attachmentIds", "1"]}],
            "issue": None,
        }
    event = {"kind": "INSPECTED", "attachments": {"nodes": [{"id": "Attachment:1"}]}}
    assert await inspect('["Attachment:1"]') == {
        "errors": [],
        "issue": {"state": "RECTIFIED", "events": {"nodes": [event]}},
    }
