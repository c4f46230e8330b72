"""Tokens of a real identity provider, and all that only looks like one: found by discovery, checked by its keys."""

import asyncio
import base64
import hmac
import json
import re
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import jwt
import orjson
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm
from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route
from tests.conftest import World
from tests.node import ENVIRONMENT, FOLDER, command
from tests.serving import PATIENCE, serving

from lxbc_graph.app import create_app
from lxbc_graph.http.server import bind
from lxbc_graph.policy import oidc as module
from lxbc_graph.policy import passwords
from lxbc_graph.policy.oidc import Oidc, ProviderAway
from lxbc_graph.policy.tokens import ExpiredToken, InvalidToken, Tokens
from lxbc_graph.settings import Settings
from lxbc_graph.store.database import Database

pytestmark = pytest.mark.anyio

AUDIENCE = "urn:lxbc"
Jwk = dict[str, Any]

RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
OTHER = rsa.generate_private_key(public_exponent=65537, key_size=2048)
EC = ec.generate_private_key(ec.SECP256R1())
EDDSA = ed25519.Ed25519PrivateKey.generate()


def jwk(key: Any, kid: str, **more: str) -> Jwk:
    algorithm: Any = OKPAlgorithm
    if isinstance(key, rsa.RSAPrivateKey | rsa.RSAPublicKey):
        algorithm = RSAAlgorithm
    elif isinstance(key, ec.EllipticCurvePrivateKey | ec.EllipticCurvePublicKey):
        algorithm = ECAlgorithm
    return {**algorithm.to_jwk(key, as_dict=True), "kid": kid, "use": "sig", **more}


def free_port() -> int:
    with bind("127.0.0.1", 0) as reserved:
        port: int = reserved.getsockname()[1]
    return port


# --- a provider as people run it


@dataclass
class Provider:
    """`oidc-provider` on a port of its own, which stays the same when it is started again with other keys."""

    port: int = field(default_factory=free_port)
    keys: list[Jwk] = field(
        default_factory=lambda: [jwk(RSA, "first"), jwk(EC, "curve"), jwk(EDDSA, "edwards")]
    )
    algorithm: str = "RS256"
    seconds: int = 600
    process: asyncio.subprocess.Process | None = None

    @property
    def issuer(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        given = {
            "port": self.port,
            "jwks": {"keys": self.keys},
            "audience": AUDIENCE,
            "algorithm": self.algorithm,
            "seconds": self.seconds,
            "clients": [
                {
                    "client_id": "portal",
                    "client_secret": "secret",
                    "grant_types": ["client_credentials", "authorization_code"],
                    "redirect_uris": [f"{self.issuer}/done"],
                    "response_types": ["code"],
                    "token_endpoint_auth_method": "client_secret_post",
                }
            ],
        }
        self.process = await asyncio.create_subprocess_exec(
            *command(FOLDER / "oidc-provider.mjs", json.dumps(given)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env=ENVIRONMENT,
        )
        assert self.process.stdout is not None
        async with asyncio.timeout(PATIENCE):
            while (line := await self.process.stdout.readline()) != b"listening\n":
                assert line, "it ended"

    async def stop(self) -> None:
        if self.process is not None and self.process.returncode is None:
            self.process.kill()
            await self.process.wait()

    async def access_token(self) -> str:
        """What a program gets for itself."""
        given = {
            "grant_type": "client_credentials",
            "client_id": "portal",
            "client_secret": "secret",
            "scope": "api",
        }
        async with httpx.AsyncClient(timeout=PATIENCE) as client:
            answer = (await client.post(f"{self.issuer}/token", data=given)).json()
        token: str = answer["access_token"]
        return token

    async def id_token(self, login: str) -> str:
        """What a person gets through a browser: login, consent, code."""
        query = {"client_id": "portal", "response_type": "code", "scope": "openid profile"}
        query["redirect_uri"] = f"{self.issuer}/done"
        async with httpx.AsyncClient(base_url=self.issuer, timeout=PATIENCE) as browser:
            answer = await browser.get("/auth", params=query)
            while not (where := answer.headers.get("location", "")).startswith(query["redirect_uri"]):
                if answer.is_redirect:
                    answer = await browser.get(where)
                    continue
                action = re.search(r'action="([^"]+)"', answer.text)
                prompt = re.search(r'name="prompt" value="(\w+)"', answer.text)
                assert action is not None, answer.text
                assert prompt is not None, answer.text
                form = {"prompt": prompt[1], "login": login, "password": "any"}
                answer = await browser.post(action[1], data=form)
            given = {
                "grant_type": "authorization_code",
                "code": parse_qs(urlsplit(where).query)["code"][0],
                "redirect_uri": query["redirect_uri"],
                "client_id": "portal",
                "client_secret": "secret",
            }
            token: str = (await browser.post("/token", data=given)).json()["id_token"]
        return token


@pytest.fixture
async def provider() -> AsyncIterator[Provider]:
    found = Provider()
    await found.start()
    yield found
    await found.stop()


@pytest.mark.parametrize("algorithm", ["RS256", "PS256", "ES256", "EdDSA"])
async def test_whatever_a_provider_signs_with_is_checked_by_what_it_publishes(algorithm: str) -> None:
    provider = Provider(algorithm=algorithm)
    await provider.start()
    try:
        oidc = Oidc(provider.issuer, AUDIENCE, "sub")
        token = await provider.access_token()
        assert jwt.get_unverified_header(token)["alg"] == algorithm
        claims = await oidc.verify(token)
        assert claims.account == "portal"
        assert timedelta(0) < claims.expires_at - datetime.now(UTC) <= timedelta(seconds=600)
        for wrong in (
            Oidc(provider.issuer, "urn:other", "sub"),
            Oidc(f"{provider.issuer}/", AUDIENCE, "sub"),
        ):
            with pytest.raises((InvalidToken, ProviderAway)):
                await wrong.verify(token)
    finally:
        await provider.stop()


async def test_an_id_token_names_the_account_by_the_claim_that_is_set(provider: Provider) -> None:
    token = await provider.id_token("li")
    assert (await Oidc(provider.issuer, "portal", "sub").verify(token)).account == "li"
    by_name = await Oidc(provider.issuer, "portal", "preferred_username").verify(token)
    assert by_name.account == "li by name"
    with pytest.raises(InvalidToken):
        await Oidc(provider.issuer, "portal", "email").verify(token)
    with pytest.raises(InvalidToken):
        await Oidc(provider.issuer, AUDIENCE, "sub").verify(token)


async def test_a_provider_that_changes_its_keys_is_asked_again(
    provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    oidc = Oidc(provider.issuer, AUDIENCE, "sub")
    old = await provider.access_token()
    await oidc.verify(old)
    await provider.stop()
    provider.keys = [jwk(OTHER, "second")]
    await provider.start()
    new = await provider.access_token()
    with pytest.raises(InvalidToken):
        await oidc.verify(new)  # it was asked a moment ago
    monkeypatch.setattr(module, "_PAUSE_SECONDS", 0.0)
    assert (await oidc.verify(new)).account == "portal"
    with pytest.raises(InvalidToken):
        await oidc.verify(old)


WORLD: dict[str, Any] = {
    "units": [{"code": "4110"}, {"code": "411024"}],
    "accounts": [
        {"name": "one", "postings": [{"role": "portal", "unit": "411024"}]},
        {"name": "portal", "postings": [{"role": "portal", "unit": "4110"}]},
    ],
}


async def test_through_the_application_it_is_the_account_that_is_linked_until_it_is_not(
    provider: Provider, database: Database, database_url: str, world: World
) -> None:
    await world(WORLD)
    hashed = passwords.hash_password("lxbc-demo")
    link = "update account set oidc_subject = 'portal', password_hash = $1 where name = 'one'"
    await database.pool.execute(link, hashed)
    settings = Settings(database_url=database_url, oidc_issuer=provider.issuer, oidc_audience=AUDIENCE)
    local = (await Tokens.open(database.pool, settings)).access("one", 600)
    async with serving(create_app(settings), lifespan=True) as url:

        async def viewer(token: str) -> Any:
            async with httpx.AsyncClient(
                headers={"Authorization": f"Bearer {token}"}, timeout=PATIENCE
            ) as client:
                answer = await client.post(f"http://{url}/graphql", json={"query": "{ viewer { account } }"})
            return answer.json().get("data") or (
                answer.status_code,
                answer.json()["errors"][0]["extensions"]["code"],
            )

        token = await provider.access_token()
        for _ in range(3):
            assert await viewer(token) == {"viewer": {"account": "one"}}, "not the account of that name"
        rows = await database.pool.fetch("select kind, account_name, means from audit_event")
        assert [tuple(row) for row in rows] == [("SIGNED_IN", "one", "PROVIDER")], "once for each token"
        await provider.stop()
        assert await viewer(token) == {"viewer": {"account": "one"}}, "its keys are known"
        assert await viewer(local) == {"viewer": {"account": "one"}}
        await database.pool.execute("update account set oidc_subject = null")
        async with asyncio.timeout(PATIENCE):
            while await viewer(token) != (401, "UNAUTHENTICATED"):  # noqa: ASYNC110 - it is told to nobody
                await asyncio.sleep(0.1)
        assert await viewer(local) == {"viewer": {"account": "one"}}


async def test_whom_the_provider_vouches_for_in_vain_is_noted_once_and_a_forger_never(
    provider: Provider, database: Database, database_url: str, world: World
) -> None:
    await world(WORLD)
    await database.pool.execute("update account set oidc_subject = 'portal' where name = 'one'")
    ended = forged(RSA, "RS256", iss=provider.issuer, exp=datetime.now(UTC) - timedelta(hours=1))
    stranger = forged(RSA, "RS256", iss=provider.issuer, sub="stranger")
    never = forged(OTHER, "RS256", iss=provider.issuer, sub="stranger")
    settings = Settings(database_url=database_url, oidc_issuer=provider.issuer, oidc_audience=AUDIENCE)
    async with (
        serving(create_app(settings), lifespan=True) as url,
        httpx.AsyncClient(timeout=PATIENCE) as client,
    ):
        for token in (ended, stranger, never) * 3:
            headers = {"Authorization": f"Bearer {token}"}
            answer = await client.post(
                f"http://{url}/graphql", json={"query": "{ viewer { id } }"}, headers=headers
            )
            assert answer.status_code == 401
    rows = await database.pool.fetch("select kind, account_name, means, detail from audit_event order by id")
    assert [(*row.values(),) for row in rows] == [
        ("TOKEN_REFUSED", "one", "PROVIDER", "{}"),
        ("TOKEN_REFUSED", None, "PROVIDER", '{"oidcSubject": "stranger"}'),
    ]


async def test_a_provider_that_is_away_takes_down_its_own_tokens_alone(
    database: Database, database_url: str, world: World
) -> None:
    await world(WORLD)
    issuer = f"http://127.0.0.1:{free_port()}"
    settings = Settings(database_url=database_url, oidc_issuer=issuer, oidc_audience=AUDIENCE)
    local = (await Tokens.open(database.pool, settings)).access("one", 600)
    async with (
        serving(create_app(settings), lifespan=True) as url,
        httpx.AsyncClient(timeout=PATIENCE) as client,
    ):

        async def status(token: str) -> tuple[int, Any]:
            headers = {"Authorization": f"Bearer {token}"}
            asked = {"query": "{ viewer { account } }"}
            answer = await client.post(f"http://{url}/graphql", json=asked, headers=headers)
            return answer.status_code, answer.json()

        away, told = await status(forged(RSA, "RS256", iss=issuer))
        assert (away, told["errors"][0]["extensions"]["code"]) == (503, "UNAVAILABLE")
        assert issuer not in json.dumps(told)
        assert (await status(local))[0] == 200
        assert (await client.get(f"http://{url}/healthz")).status_code == 200


# --- what only looks like a token of the provider's


ISSUER = "http://127.0.0.1:1"


def forged(
    key: Any, algorithm: str | None, kid: str | None = "first", typ: str | None = "JWT", **claims: Any
) -> str:
    now = datetime.now(UTC)
    whole = {"iss": ISSUER, "aud": AUDIENCE, "sub": "portal", "iat": now, "exp": now + timedelta(minutes=5)}
    kept = {name: value for name, value in (whole | claims).items() if value is not None}
    return jwt.encode(
        kept, key, algorithm=algorithm, headers={"typ": typ} | ({} if kid is None else {"kid": kid})
    )


PUBLIC_PEM = RSA.public_key().public_bytes(
    serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
)


def hs256_by(secret: bytes) -> str:
    """The classic: the public key, which everybody has, as the secret of an HMAC; PyJWT itself would not."""

    def encoded(part: bytes) -> bytes:
        return base64.urlsafe_b64encode(part).rstrip(b"=")

    header = encoded(orjson.dumps({"alg": "HS256", "typ": "JWT", "kid": "first"}))
    exp = int((datetime.now(UTC) + timedelta(minutes=5)).timestamp())
    body = encoded(
        orjson.dumps({"iss": ISSUER, "aud": AUDIENCE, "sub": "portal", "iat": exp - 400, "exp": exp})
    )
    signature = encoded(hmac.digest(secret, header + b"." + body, "sha256"))
    return (header + b"." + body + b"." + signature).decode()


class Published(Oidc):
    """A provider that publishes these keys, however often it is asked, and counts that."""

    def __init__(self, *keys: Mapping[str, Any], claim: str = "sub") -> None:
        super().__init__(ISSUER, AUDIENCE, claim)
        self._keys = list(keys)
        self.asked = 0

    async def _look(self) -> None:
        self.asked += 1


KEYS = (jwk(RSA.public_key(), "first"), jwk(EC.public_key(), "curve"), jwk(EDDSA.public_key(), "edwards"))
AGO, SOON = timedelta(minutes=-1), timedelta(minutes=1)


async def test_a_good_one_is_good_by_each_kind_of_key() -> None:
    for key, algorithm, kid in ((RSA, "RS256", "first"), (RSA, "PS512", "first"), (EC, "ES256", "curve")):
        assert (await Published(*KEYS).verify(forged(key, algorithm, kid))).account == "portal"
    assert (await Published(*KEYS).verify(forged(EDDSA, "EdDSA", "edwards"))).account == "portal"
    assert (await Published(KEYS[0]).verify(forged(RSA, "RS256", None))).account == "portal", "the only one"
    assert (await Published(*KEYS).verify(forged(RSA, "RS256", typ="at+jwt"))).account == "portal"
    several = forged(RSA, "RS256", aud=["urn:other", AUDIENCE])
    assert (await Published(*KEYS).verify(several)).account == "portal"
    early = forged(RSA, "RS256", iat=datetime.now(UTC) + timedelta(seconds=20))
    assert (await Published(*KEYS).verify(early)).account == "portal", "its clock may be ahead by 30 s"


@pytest.mark.parametrize(
    "make",
    [
        lambda: forged("", None),
        lambda: hs256_by(PUBLIC_PEM),
        lambda: hs256_by(json.dumps(KEYS[0]).encode()),
        lambda: hs256_by(KEYS[0]["n"].encode()),
        lambda: hs256_by(b""),
        lambda: forged("s" * 64, "HS256"),
        lambda: forged("s" * 64, "HS512", "shared"),
        lambda: forged(OTHER, "RS256"),
        lambda: forged(RSA, "RS256", "curve"),
        lambda: forged(EC, "ES256", "first"),
        lambda: forged(RSA, "RS256", "unknown"),
        lambda: forged(RSA, "RS256", "encrypts"),
        lambda: forged(RSA, "PS256", "rs-only"),
        lambda: forged(RSA, "RS256", typ="logout+jwt"),
        lambda: forged(RSA, "RS256", aud="urn:other"),
        lambda: forged(RSA, "RS256", aud=None),
        lambda: forged(RSA, "RS256", aud=[]),
        lambda: forged(RSA, "RS256", iss=f"{ISSUER}/"),
        lambda: forged(RSA, "RS256", iss=None),
        lambda: forged(RSA, "RS256", sub=None),
        lambda: forged(RSA, "RS256", iat=None),
        lambda: forged(RSA, "RS256", exp=None),
        lambda: forged(RSA, "RS256", exp=10**18),
        lambda: forged(RSA, "RS256", iat=datetime.now(UTC) + SOON),
        lambda: forged(RSA, "RS256", nbf=datetime.now(UTC) + SOON),
        lambda: forged(RSA, "RS256", exp=datetime.now(UTC) + AGO),
        lambda: forged(RSA, "RS256", exp=datetime.now(UTC) - timedelta(seconds=1)),
        lambda: forged(RSA, "RS256")[:-4],
        lambda: forged(RSA, "RS256").rpartition(".")[0] + ".",
        lambda: "a.b.c",
        lambda: "",
        lambda: "\ud800",
    ],
)
async def test_what_only_looks_like_one_proves_nothing(make: Callable[[], str]) -> None:
    odd = (
        {**KEYS[0], "kid": "encrypts", "use": "enc"},
        {**KEYS[0], "kid": "rs-only", "alg": "RS256"},
        {"kty": "oct", "kid": "shared", "k": "s" * 86},
    )
    with pytest.raises(InvalidToken):
        await Published(*KEYS, *odd).verify(make())


async def test_one_that_was_good_says_so() -> None:
    for ago in (timedelta(seconds=1), timedelta(hours=1)):
        with pytest.raises(ExpiredToken) as expired:
            await Published(*KEYS).verify(forged(RSA, "RS256", exp=datetime.now(UTC) - ago))
        assert expired.value.account == "portal"


@pytest.mark.parametrize("value", [None, 42, ["li"], {"name": "li"}, True])
async def test_a_claim_that_is_no_text_names_nobody(value: Any) -> None:
    with pytest.raises(InvalidToken):
        await Published(*KEYS, claim="who").verify(forged(RSA, "RS256", who=value))


# --- providers that are not as they should be


@asynccontextmanager
async def answering(**answers: Any) -> AsyncIterator[tuple[str, list[str]]]:
    """Serve what a provider might; gives its address, and what was asked for."""
    asked: list[str] = []

    def route(path: str, name: str) -> Route:
        async def answer(_request: object) -> Response:
            asked.append(name)
            found = answers[name]
            return (
                found
                if isinstance(found, Response)
                else JSONResponse(found(address) if callable(found) else found)
            )

        return Route(path, answer)

    app = Starlette(routes=[route("/.well-known/openid-configuration", "discovery"), route("/jwks", "jwks")])
    async with serving(app) as served:
        address = f"http://{served}"
        yield address, asked


def discovery(address: str) -> dict[str, str]:
    return {"issuer": address, "jwks_uri": f"{address}/jwks"}


GOOD: dict[str, Any] = {"discovery": discovery, "jwks": {"keys": [KEYS[0], "no key", {"kty": "oct"}, {}]}}


@pytest.mark.parametrize(
    "answers",
    [
        {"discovery": lambda address: {**discovery(address), "issuer": f"{address}/"}},
        {"discovery": lambda address: {**discovery(address), "issuer": "https://elsewhere.example"}},
        {"discovery": lambda address: {"jwks_uri": f"{address}/jwks"}},
        {"discovery": lambda address: {"issuer": address}},
        {"discovery": lambda address: {"issuer": address, "jwks_uri": "http://elsewhere.example/jwks"}},
        {"discovery": lambda address: {"issuer": address, "jwks_uri": "file:///etc/passwd"}},
        {"discovery": ["no object"]},
        {"discovery": Response("no JSON")},
        {"discovery": Response(status_code=500)},
        {"discovery": RedirectResponse("https://elsewhere.example/")},
        {"jwks": {}},
        {"jwks": {"keys": "none"}},
        {"jwks": Response("[" * 100_000)},
        {"jwks": Response(b"x" * 600_000)},
        {"jwks": RedirectResponse("/.well-known/openid-configuration")},
    ],
)
async def test_a_provider_that_is_not_as_it_should_be_vouches_for_nobody(answers: dict[str, Any]) -> None:
    async with answering(**GOOD) as (address, _):
        token = forged(RSA, "RS256", iss=address)
        assert (await Oidc(address, AUDIENCE, "sub").verify(token)).account == "portal"
    async with answering(**{**GOOD, **answers}) as (address, _):
        with pytest.raises(ProviderAway):
            await Oidc(address, AUDIENCE, "sub").verify(forged(RSA, "RS256", iss=address))


async def test_a_flood_of_forged_tokens_asks_a_provider_once() -> None:
    async with answering(**GOOD) as (address, asked):
        oidc = Oidc(address, AUDIENCE, "sub")
        tokens = [forged(RSA, "RS256", f"forged {number}", iss=address) for number in range(200)]
        answers = await asyncio.gather(*map(oidc.verify, tokens), return_exceptions=True)
        assert {type(answer) for answer in answers} == {InvalidToken}
        assert asked == ["discovery", "jwks"]
        assert (await oidc.verify(forged(RSA, "RS256", iss=address))).account == "portal"
        assert asked == ["discovery", "jwks"]


@pytest.mark.parametrize(
    "settings",
    [
        {"oidc_issuer": "http://idp.example", "oidc_audience": "x"},
        {"oidc_issuer": "http://192.0.2.1", "oidc_audience": "x"},
        {"oidc_issuer": "ftp://idp.example", "oidc_audience": "x"},
        {"oidc_issuer": "https://", "oidc_audience": "x"},
        {"oidc_issuer": "https://[::1", "oidc_audience": "x"},
        {"oidc_issuer": "https://idp.example"},
    ],
)
def test_a_provider_that_cannot_be_trusted_is_not_set(settings: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        Settings(**settings)  # type: ignore[arg-type]
    assert Oidc.of(Settings()) is None
    for issuer in ("https://idp.example/realms/lxbc", "http://localhost:8080", "http://[::1]:8080"):
        assert Oidc.of(Settings(oidc_issuer=issuer, oidc_audience="x")) is not None
