"""Tokens that nobody gave: forged, altered, borrowed, too old; refused over HTTP and over WebSockets alike."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any

import pytest
import websockets
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, RSAKey
from websockets.exceptions import ConnectionClosed

from core.demo import PASSWORD
from core.tokens import AUDIENCE
from tests.conftest import World

ME = "{ viewer { person { name } sessions { id isThis } } }"
LONG = "x" * 200_000


def part(value: Any) -> str:
    """Write a part of a token."""
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def parts(token: str) -> tuple[dict[str, Any], dict[str, Any], str]:
    """Read a token without checking it."""
    head, body, signature = token.split(".")
    read = [json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))) for text in (head, body)]
    return read[0], read[1], signature


def by_hand(header: Mapping[str, Any], claims: Mapping[str, Any], key: bytes) -> str:
    """Sign with HMAC, whatever the header says and whatever the key is made for."""
    text = f"{part(header)}.{part(claims)}"
    mac = hmac.new(key, text.encode(), hashlib.sha256).digest()
    return f"{text}.{base64.urlsafe_b64encode(mac).decode().rstrip('=')}"


def forged(world: World, good: str) -> dict[str, str]:
    """Return tokens that must not count, by what is wrong with them; those that can be are signed with our own key."""
    head, body, signature = parts(good)
    key = world.kernel.keys.key("access token").data
    now = int(world.clock.now().timestamp())

    def signed(claims: Mapping[str, Any] = {}, without: str = "", key: bytes = key, **header: Any) -> str:
        given = {name: value for name, value in (body | claims).items() if name != without}
        return by_hand({**head, **header}, given, key)

    others = {
        algorithm: jwt.encode({**head, "alg": algorithm, "kid": head["kid"]}, body, made, algorithms=[algorithm])
        for algorithm, made in {
            "HS384": OctKey.import_key(key), "HS512": OctKey.import_key(key),
            "RS256": RSAKey.generate_key(2048), "ES256": ECKey.generate_key("P-256"),
        }.items()
    }  # fmt: skip
    return others | {
        "no algorithm": f"{part({**head, 'alg': 'none'})}.{part(body)}.",
        "no algorithm, in capitals": f"{part({**head, 'alg': 'NONE'})}.{part(body)}.{signature}",
        "said to be RS256": signed(alg="RS256"),
        "no algorithm named": by_hand({k: v for k, v in head.items() if k != "alg"}, body, key),
        "another key": signed(key=b"k" * 32),
        "an empty key": signed(key=b""),
        "the key's name as key": signed(key=head["kid"].encode()),
        "an unknown key": signed(kid="another"),
        "a path for a key": signed(kid="../../../../dev/null"),
        "a key of its own": signed(key=b"k" * 32, jwk={"kty": "oct", "k": part("k" * 32)}, kid="mine"),
        "a critical extension": signed(crit=["b64"], b64=False),
        "another type": signed(typ="JWT"),
        "an ID token's type": signed(typ="id+jwt"),
        "no type": by_hand({k: v for k, v in head.items() if k != "typ"}, body, key),
        "another issuer": signed({"iss": "https://elsewhere.example"}),
        "no issuer": signed(without="iss"),
        "another audience": signed({"aud": "another-api"}),
        "no audience": signed(without="aud"),
        "audiences in an object": signed({"aud": {AUDIENCE: True}}),
        "expired": signed({"exp": now - 60}),
        "no end": signed(without="exp"),
        "an end in words": signed({"exp": "tomorrow"}),
        "an end beyond all calendars": signed({"exp": 10**15}),
        "not yet good": signed({"nbf": now + 3600}),
        "made tomorrow": signed({"iat": now + 86_400, "exp": now + 90_000}),
        "nobody": signed(without="sub"),
        "no number": signed({"sub": "admin"}),
        "another account in this session": signed({"sub": str(int(body["sub"]) + 1)}),
        "no session": signed({"sid": "1"}),
        "an earlier session version": signed({"sv": body["sv"] - 1}),
        "altered": f"{part(head)}.{part({**body, 'sub': '1'})}.{signature}",
        "signature cut": good[:-1],
        "signature gone": good.rpartition(".")[0] + ".",
        "two parts": good.rpartition(".")[0],
        "five parts": f"{good}.x.y",
        "twice": f"{good}, {good}",
        "in quotes": f'"{good}"',
        "nothing": ".",
        "a list": f"{part([])}.{part([])}.{signature}",
        "deep": f"{part(head)}.{base64.urlsafe_b64encode(b'[' * 50_000).decode()}.{signature}",
        "enormous": f"{good}{LONG}",
    }


def forged_names() -> tuple[str, ...]:
    """The names, told once more: the forgeries themselves need a server."""
    return (
        "HS384", "HS512", "RS256", "ES256", "no algorithm", "no algorithm, in capitals", "said to be RS256",
        "no algorithm named", "another key", "an empty key", "the key's name as key", "an unknown key",
        "a path for a key", "a key of its own", "a critical extension", "another type", "an ID token's type", "no type",
        "another issuer", "no issuer", "another audience", "no audience", "audiences in an object", "expired", "no end",
        "an end in words", "an end beyond all calendars", "not yet good", "made tomorrow", "nobody", "no number",
        "another account in this session", "no session", "an earlier session version", "altered", "signature cut",
        "signature gone", "two parts", "five parts", "twice", "in quotes", "nothing", "a list", "deep", "enormous",
    )  # fmt: skip


async def asked(world: World, **headers: str) -> tuple[int, Any]:
    """Ask who one is; returns the status and the name, or the problem."""
    answer = await world.client.post("/graphql", json={"query": ME}, headers=headers)
    body = answer.json()
    if "data" in body:
        return answer.status_code, (body["data"]["viewer"]["person"] or {}).get("name")
    return answer.status_code, body["errors"][0]["extensions"]["code"]


async def test_a_forged_token_is_nobodys(world: World, live: str) -> None:
    """Each of them is refused with 401 before anything runs, and closes a WebSocket with 4403."""
    good = await world.token("chair")
    made = forged(world, good)
    assert tuple(made) == forged_names()
    assert await asked(world, authorization=f"Bearer {good}") == (200, "示例业委会主任")
    for name, token in made.items():
        assert await asked(world, authorization=f"Bearer {token}") == (401, "UNAUTHENTICATED"), name
        assert await _closed(live, f"Bearer {token}") == (4403, "UNAUTHENTICATED"), name
    assert await asked(world, authorization=f"Bearer {good}") == (200, "示例业委会主任")


async def _closed(live: str, authorization: str) -> tuple[int, str]:
    """Introduce oneself over a WebSocket; returns with which code and reason it is closed."""
    async with websockets.connect(f"ws://{live}/graphql", subprotocols=["graphql-transport-ws"]) as socket:  # type: ignore[list-item]
        await socket.send(json.dumps({"type": "connection_init", "payload": {"authorization": authorization}}))
        with pytest.raises(ConnectionClosed):
            await socket.recv()
        return socket.close_code or 0, socket.close_reason or ""


async def test_a_token_counts_in_its_header_only(world: World) -> None:
    """Not in the address, where logs would keep it; not in a cookie, which another page could make a browser send."""
    good = await world.token("chair")
    for path in (f"/graphql?access_token={good}", f"/graphql?token={good}&authorization=Bearer%20{good}"):
        answer = await world.client.post(path, json={"query": ME})
        assert answer.json()["data"]["viewer"]["person"] is None
    assert await asked(world, cookie=f"token={good}; authorization=Bearer {good}") == (200, None)
    assert await asked(world, authorization=f"bearer {good}") == (200, "示例业委会主任")
    assert await asked(world, authorization=f"Basic {good}") == (401, "UNAUTHENTICATED")
    twice = [("authorization", f"Bearer {good}"), ("authorization", f"Bearer {good}")]
    answer = await world.client.post("/graphql", json={"query": ME}, headers=twice)
    assert answer.status_code == 401


LOGIN = """mutation($u: String!, $p: String!) { login(input: {username: $u, password: $p}) { __typename
  ... on Session { accessToken refreshToken } ... on UserError { code } } }"""
REFRESH = """mutation($t: String!) { refresh(input: {refreshToken: $t}) { __typename
  ... on Session { accessToken refreshToken } ... on UserError { code } } }"""
END = "mutation($id: ID!) { endSession(input: {id: $id}) { __typename ... on SessionsEnded { ended } ... on UserError { code } } }"
END_OTHERS = "mutation { endOtherSessions { __typename ... on SessionsEnded { ended } ... on UserError { code } } }"


async def sent(world: World, query: str, token: str | None = None, **variables: Any) -> Any:
    """Send a document with any token; returns its data, or the code with which it was refused."""
    headers = {"authorization": f"Bearer {token}"} if token else {}
    answer = (
        await world.client.post("/graphql", json={"query": query, "variables": variables}, headers=headers)
    ).json()
    return answer["data"] if "data" in answer else answer["errors"][0]["extensions"]["code"]


async def signed_in(world: World, as_: str = "chair") -> Any:
    """Sign in by password."""
    username = await world.kernel.database.value(
        "SELECT username FROM core_account WHERE person_id = ?", (world.demo.people[as_],)
    )
    return (await sent(world, LOGIN, u=username, p=PASSWORD))["login"]


async def test_tokens_of_one_kind_are_none_of_the_other(world: World) -> None:
    """A refresh token opens nothing, an access token refreshes nothing."""
    session = await signed_in(world)
    assert await sent(world, ME, session["refreshToken"]) == "UNAUTHENTICATED"
    refused = await sent(world, REFRESH, t=session["accessToken"])
    assert refused["refresh"]["code"] == "core.token_invalid"


async def test_a_stolen_refresh_token_ends_the_session_for_both(world: World) -> None:
    """Whoever comes second with it, owner or thief, ends it; other sessions of the account go on."""
    session, other = await signed_in(world), await signed_in(world)
    thief = (await sent(world, REFRESH, t=session["refreshToken"]))["refresh"]
    assert (await sent(world, ME, thief["accessToken"]))["viewer"]["person"] is not None
    world.clock.advance(seconds=11)
    assert (await sent(world, REFRESH, t=session["refreshToken"]))["refresh"]["code"] == "core.token_reused"
    assert await sent(world, ME, thief["accessToken"]) == "UNAUTHENTICATED"
    assert (await sent(world, REFRESH, t=thief["refreshToken"]))["refresh"]["code"] == "core.session_ended"
    assert (await sent(world, ME, other["accessToken"]))["viewer"]["person"] is not None


async def test_a_person_sees_and_ends_their_sessions(world: World) -> None:
    """One from another, or all others at once; an ended one is of no use any more, nor can it be refreshed."""
    here, lost, old = [await signed_in(world) for _ in range(3)]
    found = (await sent(world, ME, lost["accessToken"]))["viewer"]["sessions"]
    [gone] = [session["id"] for session in found if session["isThis"]]
    assert len(found) >= 3
    assert (await sent(world, END, here["accessToken"], id=gone))["endSession"] == {
        "__typename": "SessionsEnded", "ended": 1,
    }  # fmt: skip
    assert await sent(world, ME, lost["accessToken"]) == "UNAUTHENTICATED"
    assert (await sent(world, REFRESH, t=lost["refreshToken"]))["refresh"]["code"] == "core.session_ended"
    assert (await sent(world, END, here["accessToken"], id=gone))["endSession"]["code"] == "core.not_found"
    ended = (await sent(world, END_OTHERS, here["accessToken"]))["endOtherSessions"]["ended"]
    assert ended == len(found) - 2
    assert await sent(world, ME, old["accessToken"]) == "UNAUTHENTICATED"
    left = (await sent(world, ME, here["accessToken"]))["viewer"]["sessions"]
    assert [session["isThis"] for session in left] == [True]
    leaves = await world.kernel.database.value("SELECT COUNT(*) FROM core_trace_leaf WHERE deed = 'core.end_session'")
    assert leaves == ended + 1


async def test_nobody_ends_the_sessions_of_another(world: World) -> None:
    """Another's session is as one that does not exist; who is not signed in has none."""
    mine, theirs = await signed_in(world), await signed_in(world, "resident")
    [own] = [s["id"] for s in (await sent(world, ME, mine["accessToken"]))["viewer"]["sessions"] if s["isThis"]]
    for name in (own, "OpenSession_1", "OpenSession_x", f"Person_{world.demo.people['chair']}", ""):
        refused = await sent(world, END, theirs["accessToken"], id=name)
        assert refused["endSession"]["code"] == "core.not_found", name
    assert (await sent(world, END, id=own))["endSession"]["__typename"] == "NotSignedIn"
    assert (await sent(world, END_OTHERS))["endOtherSessions"]["__typename"] == "NotSignedIn"
    assert (await sent(world, ME))["viewer"]["sessions"] == []
    assert (await sent(world, ME, mine["accessToken"]))["viewer"]["person"] is not None


async def test_a_session_that_ran_out_is_not_shown(world: World) -> None:
    """The list has what still can be used, and nothing else."""
    await signed_in(world)
    world.clock.advance(days=31)
    now = await signed_in(world)
    found = (await sent(world, ME, now["accessToken"]))["viewer"]["sessions"]
    assert [session["isThis"] for session in found] == [True]
