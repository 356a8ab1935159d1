"""An identity provider outside: a real one on this machine, that signs, rotates its keys, goes away and lies."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, OKPKey, RSAKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from core import providers
from core.providers import Provider
from tests.conftest import World
from tests.security.test_tokens import ME, asked, by_hand, parts, sent, signed_in
from tests.unit.front_world import serving

AUDIENCE = "https://shanzhi.example.cn/graphql"
LINK = """mutation($t: String!) { linkIdentity(input: {token: $t}) { __typename
  ... on LinkedIdentities { identities { issuer } } ... on UserError { code } } }"""
UNLINK = """mutation($i: String!) { unlinkIdentity(input: {issuer: $i}) { __typename
  ... on LinkedIdentities { identities { issuer } } ... on UserError { code } } }"""


@dataclass
class Outside:
    """An OpenID provider as far as a resource server meets it."""

    keys: dict[str, Any] = field(default_factory=lambda: {"k1": RSAKey.generate_key(2048)})
    issuer: str = ""
    told_issuer: str | None = None
    asked: int = 0
    is_away: bool = False
    keys_answer: Response | None = None

    async def discovery(self, request: Request) -> Response:
        """Answer the discovery document."""
        self.asked += 1
        if self.is_away:
            return Response(status_code=500)
        return JSONResponse({"issuer": self.told_issuer or self.issuer, "jwks_uri": f"{self.issuer}/keys"})

    async def published(self, request: Request) -> Response:
        """Answer the key set: public parts."""
        if self.keys_answer is not None:
            return self.keys_answer
        shown = [{**key.as_dict(private=False), "kid": name, "use": "sig"} for name, key in self.keys.items()]
        unknown = [{"kty": "new", "kid": "k0"}, {"kty": "RSA", "kid": "enc", "use": "enc", "n": "AQ", "e": "AQAB"}, 7]
        return JSONResponse({"keys": [*unknown, *shown]})

    def app(self) -> Starlette:
        """Return the application."""
        return Starlette(
            routes=[Route("/.well-known/openid-configuration", self.discovery), Route("/keys", self.published)]
        )

    def token(
        self, world: World, *, key: Any = None, algorithm: str = "RS256", header: Any = None, **claims: Any
    ) -> str:
        """Sign an access token."""
        now = int(world.clock.now().timestamp())
        given = {"iss": self.issuer, "aud": AUDIENCE, "sub": "chair-at-provider", "iat": now, "exp": now + 600}
        given = {name: value for name, value in (given | claims).items() if value is not None}
        head = {"alg": algorithm, "typ": "at+jwt", "kid": "k1"} | (header or {})
        return jwt.encode(
            {k: v for k, v in head.items() if v is not None}, given, key or self.keys["k1"], algorithms=[algorithm]
        )


@asynccontextmanager
async def provided(world: World, token_type: str = "at+jwt") -> AsyncIterator[Outside]:  # noqa: S107
    """Run a provider and let the server take its tokens."""
    outside = Outside()
    async with serving(outside.app()) as address:
        outside.issuer = f"http://{address}"
        config = world.kernel.config.model_copy(
            update={"oidc_issuer": outside.issuer, "oidc_audience": AUDIENCE, "oidc_token_type": token_type}
        )
        world.kernel.provider = Provider(config)
        yield outside


@pytest.fixture
async def outside(world: World) -> AsyncIterator[Outside]:
    """Run a provider."""
    async with AsyncExitStack() as stack:
        yield await stack.enter_async_context(provided(world))


async def linked(world: World, outside: Outside) -> str:
    """Link the chair's identity; returns a token that counts."""
    session = await signed_in(world)
    token = outside.token(world)
    answer = await sent(world, LINK, session["accessToken"], t=token)
    assert answer["linkIdentity"] == {"__typename": "LinkedIdentities", "identities": [{"issuer": outside.issuer}]}
    return token


async def who(world: World, token: str) -> tuple[int, Any]:
    """Ask who a token stands for."""
    return await asked(world, authorization=f"Bearer {token}")


CHAIR = (200, "示例业委会主任")
NOBODY = (401, "UNAUTHENTICATED")


async def test_a_linked_identity_signs_in(world: World, outside: Outside) -> None:
    """First it is nobody's; the holder of the account links it; then it stands for them, with their roles as they are."""
    token = outside.token(world)
    assert await who(world, token) == NOBODY
    assert await linked(world, outside) != ""
    assert await who(world, token) == CHAIR
    told = await sent(world, "{ viewer { roles { role } sessions { isThis } identities { issuer } } }", token)
    assert {"role": "committee_chair"} in told["viewer"]["roles"]
    assert told["viewer"]["identities"] == [{"issuer": outside.issuer}]
    assert not any(session["isThis"] for session in told["viewer"]["sessions"])
    assert (
        await world.kernel.database.value("SELECT COUNT(*) FROM core_trace_leaf WHERE deed = 'core.link_identity'") == 1
    )


async def test_an_identity_stands_for_one_account(world: World, outside: Outside) -> None:
    """Nobody takes over another's, no account has two of a provider; unlinked, it stands for nobody."""
    token = await linked(world, outside)
    resident, chair = await signed_in(world, "resident"), await signed_in(world)
    assert (await sent(world, LINK, resident["accessToken"], t=token))["linkIdentity"]["code"] == "core.identity_taken"
    other = outside.token(world, sub="another")
    assert (await sent(world, LINK, chair["accessToken"], t=other))["linkIdentity"]["code"] == "core.account_linked"
    again = await sent(world, LINK, chair["accessToken"], t=token)
    assert again["linkIdentity"]["__typename"] == "LinkedIdentities"
    gone = await sent(world, UNLINK, chair["accessToken"], i=outside.issuer)
    assert gone["unlinkIdentity"] == {"__typename": "LinkedIdentities", "identities": []}
    assert await who(world, token) == NOBODY
    assert (await sent(world, UNLINK, chair["accessToken"], i=outside.issuer))["unlinkIdentity"][
        "code"
    ] == "core.not_found"


async def test_a_providers_token_does_not_change_what_it_stands_for(world: World, outside: Outside) -> None:
    """Links are made and ended by who signed in by password; whoever is not signed in links nothing."""
    token = await linked(world, outside)
    for given in (token, None):
        assert (await sent(world, LINK, given, t=token))["linkIdentity"]["__typename"] == "NotSignedIn"
        assert (await sent(world, UNLINK, given, i=outside.issuer))["unlinkIdentity"]["__typename"] == "NotSignedIn"


async def test_what_the_provider_did_not_sign_for_us_is_nobodys(world: World, outside: Outside) -> None:
    """Other keys, other algorithms, other receivers, other times, other kinds of token."""
    good = await linked(world, outside)
    now = int(world.clock.now().timestamp())
    public = outside.keys["k1"].as_pem(private=False)
    made = {
        "another key": outside.token(world, key=RSAKey.generate_key(2048)),
        "the public key as a secret": by_hand({"alg": "HS256", "typ": "at+jwt", "kid": "k1"}, parts(good)[1], public),
        "an elliptic key of one's own": outside.token(world, key=ECKey.generate_key("P-256"), algorithm="ES256"),
        "an unknown key": outside.token(world, header={"kid": "k9"}),
        "a key for encryption": outside.token(world, header={"kid": "enc"}),
        "no key": outside.token(world, header={"kid": None}),
        "an ID token": outside.token(world, aud="web-client", header={"typ": "JWT"}),
        "an ID token for us": outside.token(world, header={"typ": "JWT"}),
        "no type": outside.token(world, header={"typ": None}),
        "a logout token": outside.token(world, header={"typ": "logout+jwt"}),
        "another audience": outside.token(world, aud="https://elsewhere.example"),
        "no audience": outside.token(world, aud=None),
        "expired": outside.token(world, exp=now - 60),
        "no end": outside.token(world, exp=None),
        "not yet good": outside.token(world, nbf=now + 600),
        "nobody": outside.token(world, sub=None),
        "an empty name": outside.token(world, sub=""),
        "a long name": outside.token(world, sub="x" * 300),
        "bound to its sender": outside.token(world, cnf={"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}),
        "another subject": outside.token(world, sub="Chair-at-provider"),
        "another issuer": outside.token(world, iss="https://elsewhere.example"),
        "altered": good[:-8] + ("A" * 8 if not good.endswith("A" * 8) else "B" * 8),
    }
    for name, token in made.items():
        assert await who(world, token) == NOBODY, name
    assert await who(world, outside.token(world, aud=["other", AUDIENCE])) == CHAIR
    assert await who(world, good) == CHAIR


async def test_a_provider_that_marks_no_types_may_be_allowed(world: World) -> None:
    """Its tokens are told from ID tokens by their audience alone."""
    async with provided(world, token_type="JWT") as outside:
        session = await signed_in(world)
        token = outside.token(world, header={"typ": "JWT"})
        assert (await sent(world, LINK, session["accessToken"], t=token))["linkIdentity"][
            "__typename"
        ] == "LinkedIdentities"
        assert await who(world, token) == CHAIR
        assert await who(world, outside.token(world, header={"typ": "JWT"}, aud="web-client")) == NOBODY


@pytest.mark.parametrize(
    "make",
    [lambda: RSAKey.generate_key(2048), lambda: ECKey.generate_key("P-256"), lambda: OKPKey.generate_key("Ed25519")],
    ids=["RSA", "EC", "OKP"],
)
async def test_keys_are_rotated(world: World, outside: Outside, make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A new key counts as soon as a token names it, an old one as long as it is published."""
    token = await linked(world, outside)
    monkeypatch.setattr(providers, "PAUSE_SECONDS", 0)
    outside.keys["k2"] = make()
    algorithm = {"RSA": "RS256", "EC": "ES256", "OKP": "Ed25519"}[outside.keys["k2"].key_type]
    fresh = outside.token(world, key=outside.keys["k2"], algorithm=algorithm, header={"kid": "k2"})
    assert [await who(world, given) for given in (fresh, token)] == [CHAIR, CHAIR]
    old = outside.keys.pop("k1")
    outside.keys["k1b"] = old
    assert await who(world, outside.token(world, key=old, header={"kid": "k1b"})) == CHAIR
    assert await who(world, token) == NOBODY


async def test_bad_tokens_do_not_make_us_ask(world: World, outside: Outside) -> None:
    """However many come with however many names of keys, the provider is asked once in thirty seconds."""
    await linked(world, outside)
    before = outside.asked
    for number in range(20):
        assert await who(world, outside.token(world, header={"kid": f"new-{number}"})) == NOBODY
    assert outside.asked == before


async def test_a_provider_that_is_away(world: World, outside: Outside, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before its keys were read its tokens wait with 503; known keys go on; our own tokens never notice."""
    monkeypatch.setattr(providers, "PAUSE_SECONDS", 0)
    outside.is_away = True
    session = await signed_in(world)
    assert await who(world, outside.token(world)) == (503, "UNAVAILABLE")
    assert await who(world, session["accessToken"]) == CHAIR
    outside.is_away = False
    token = await linked(world, outside)
    outside.is_away = True
    assert await who(world, outside.token(world, header={"kid": "new"})) == NOBODY
    assert await who(world, token) == CHAIR
    monkeypatch.setattr(providers, "STALE_SECONDS", -1)
    assert await who(world, token) == (503, "UNAVAILABLE")


@pytest.mark.parametrize(
    "lie",
    [
        {"told_issuer": "https://elsewhere.example"},
        {"keys_answer": RedirectResponse("http://127.0.0.1:9/keys")},
        {"keys_answer": Response(b"x" * (providers.MAX_ANSWER + 1))},
        {"keys_answer": Response(b"[]")},
        {"keys_answer": Response(b'{"keys": {}}')},
        {"keys_answer": Response(b"no JSON")},
    ],
    ids=["issuer", "redirect", "endless", "list", "object", "text"],
)
async def test_a_provider_that_lies_has_no_keys(world: World, outside: Outside, lie: dict[str, Any]) -> None:
    """What it answers is bounded and checked; the server goes on."""
    for name, value in lie.items():
        setattr(outside, name, value)
    assert await who(world, outside.token(world)) in [(503, "UNAVAILABLE"), NOBODY]
    assert await asked(world) == (200, None)


async def test_who_is_suspended_is_so_for_every_token(world: World, outside: Outside) -> None:
    """The next request with the provider's token is nobody's."""
    token = await linked(world, outside)
    await world.kernel.database.run(
        lambda tx: tx.execute(
            "UPDATE core_account SET suspended_at = created_at WHERE person_id = ?", (world.demo.people["chair"],)
        )
    )
    assert await who(world, token) == NOBODY


async def test_a_providers_token_ends_like_any_other(world: World, outside: Outside) -> None:
    """At its time, for requests; it is told when."""
    token = await linked(world, outside)
    world.clock.advance(minutes=11)
    assert await who(world, token) == NOBODY


async def test_without_a_provider_nothing_is_linked(world: World) -> None:
    """The refusal says so."""
    session = await signed_in(world)
    assert (await sent(world, LINK, session["accessToken"], t="x.y.z"))["linkIdentity"]["code"] == "core.no_provider"
    assert (await sent(world, ME, session["accessToken"]))["viewer"]["person"] is not None
