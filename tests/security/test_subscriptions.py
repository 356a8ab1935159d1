"""Whoever follows loses sight at the moment they lose their right: every value of a subscription is asked for anew."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import websockets
from websockets.asyncio.client import ClientConnection

from core import people
from plugins.notices.rules import NoticeKind
from plugins.notices.service import draft_notice, post_notice
from tests.acceptance.test_turnout import FOLLOW as TURNOUT
from tests.acceptance.voting_world import Entry, cast, make_roll, opened, owner
from tests.conftest import World

MARK = "core.plugin_disabled"


@asynccontextmanager
async def following(live: str, token: str, query: str, **variables: Any) -> AsyncIterator[ClientConnection]:
    """Follow over a socket of one's own; it has begun when the socket answers a query sent after it."""
    async with websockets.connect(f"ws://{live}/graphql", subprotocols=["graphql-transport-ws"]) as socket:  # type: ignore[list-item]
        await socket.send(json.dumps({"type": "connection_init", "payload": {"authorization": f"Bearer {token}"}}))
        assert (await told(socket))["type"] == "connection_ack"
        await send(socket, "1", query, **variables)
        yield socket


async def send(socket: ClientConnection, id: str, query: str, **variables: Any) -> None:
    """Begin an operation."""
    await socket.send(json.dumps({"id": id, "type": "subscribe", "payload": {"query": query, "variables": variables}}))


async def told(socket: ClientConnection) -> dict[str, Any]:
    """Return the next message."""
    async with asyncio.timeout(20):
        message: dict[str, Any] = json.loads(await socket.recv())
    return message


def problem(message: dict[str, Any]) -> str:
    """Return with which code a message ends an operation."""
    payload = message["payload"]
    errors = payload["errors"] if isinstance(payload, dict) else payload
    code: str = errors[0]["extensions"]["problem"]
    return code


async def start(world: World) -> str:
    """Return the cursor of this moment."""
    found: str = (await world.gql("{ changes { cursor } }")).data["changes"]["cursor"]
    return found


FROM = "subscription($after: String) { changes(after: $after) { type subject } }"


async def post(world: World, place: str = "compound", as_: str = "chair") -> str:
    """Post a notice for the people of a place alone; returns its id."""
    where = world.demo.places[place]
    key = await world.demo.perform(
        draft_notice, as_, community=where.code, kind=NoticeKind.GENERAL, title="只给邻居", body="内容", issuer="业委会",
        is_public=False,
    )  # fmt: skip
    await world.demo.perform(post_notice, as_, id=key)
    return f"Notice_{key}"


async def mark(world: World) -> None:
    """Let something happen that everybody may see."""
    given = {"community": world.demo.places["village"].code, "plugin": "wishes"}
    for deed in ("disablePlugin", "enablePlugin"):
        assert (await world.do(deed, given, as_="district"))["__typename"] == "Community"


async def subjects_until_mark(socket: ClientConnection) -> list[str | None]:
    """Return what is told until the mark."""
    found: list[str | None] = []
    while True:
        message = await told(socket)
        assert message["type"] == "next", message
        change = message["payload"]["data"]["changes"]
        if change["type"] == MARK:
            return found
        found.append(change["subject"])


async def appointment(world: World, person: str) -> str:
    """Return the id of the first appointment of one of the cast."""
    key = await world.kernel.database.value(
        "SELECT MIN(id) FROM core_appointment WHERE person_id = ?", (world.demo.people[person],)
    )
    return f"Appointment_{key}"


async def test_an_appointment_that_ends_ends_what_is_followed(world: World, live: str) -> None:
    """Before it a member is told of their place's notices; afterwards of what everybody may see, and of nothing else."""
    after = await start(world)
    async with following(live, await world.token("tenant"), FROM, after=after) as socket:
        first = await post(world)
        await mark(world)
        assert first in await subjects_until_mark(socket)
        ended = await world.do("endAppointment", {"id": await appointment(world, "tenant")}, as_="staff")
        assert ended["__typename"] == "Appointment", ended
        second = await post(world)
        await mark(world)
        assert second not in await subjects_until_mark(socket)


async def test_whoever_moves_follows_the_new_place_alone(world: World, live: str) -> None:
    """The socket stays open over a move: the new neighbours' notices come, the old ones' no more."""
    await world.person("chair2", "committee_chair", world.demo.compounds[1])
    world.demo.places["second"] = world.demo.compounds[1]
    async with following(live, await world.token("tenant"), FROM, after=await start(world)) as socket:
        await world.demo.perform(
            people.appoint_person, community=world.demo.compounds[1].code, person_id=world.demo.people["tenant"], role="tenant"
        )  # fmt: skip
        await world.demo.perform(
            people.end_appointment, "staff", id=int((await appointment(world, "tenant")).split("_")[1])
        )
        old, new = await post(world), await post(world, "second", "chair2")
        await mark(world)
        seen = await subjects_until_mark(socket)
        assert new in seen
        assert old not in seen


@pytest.mark.parametrize("how", ["suspended", "logged out", "password reset"])
async def test_a_session_that_ends_ends_what_is_followed(world: World, live: str, how: str) -> None:
    """Nothing more is told, not even what everybody may see, and the socket does nothing else for that session."""
    account = await world.kernel.database.value(
        "SELECT id FROM core_account WHERE person_id = ?", (world.demo.people["tenant"],)
    )
    given = {"community": world.demo.places["compound"].code, "accountId": f"Account_{account}"}
    made = await world.gql(
        'mutation { login(input: {username: "tenant", password: "shanzhi-demo-2026"}) '
        "{ ... on Session { accessToken refreshToken } } }"
    )
    session = made.data["login"]
    async with following(live, session["accessToken"], FROM, after=await start(world)) as socket:
        await mark(world)
        assert await subjects_until_mark(socket) == []
        assert (await told(socket))["payload"]["data"]["changes"]["type"] == "core.plugin_enabled"
        if how == "suspended":
            done = await world.do("suspendAccount", given, as_="secadmin")
        elif how == "logged out":
            ended = "mutation($t: String!) { logout(input: {refreshToken: $t}) { __typename } }"
            done = (await world.gql(ended, {"t": session["refreshToken"]})).data["logout"]
        else:
            done = await world.do("resetPassword", {**given, "password": "Another-2026-one"}, as_="secadmin")
        assert done["__typename"] in ("Account", "LoggedOut"), done
        await mark(world)
        assert problem(await told(socket)) == "core.session_ended"
        await send(socket, "2", "{ viewer { language } }")
        rest = [await told(socket)]
        while rest[-1].get("id") != "2":
            rest.append(await told(socket))
        assert problem(rest[-1]) == "core.session_ended"
        assert all(message["type"] == "complete" for message in rest[:-1]), rest


async def test_the_turnout_is_followed_only_as_long_as_the_poll_may_be_seen(world: World, live: str) -> None:
    """Whose appointment ends is told that there is no such poll, as whoever never saw it is."""
    await owner(world, "owner", "second")
    roll = await make_roll(world, Entry(8_952), Entry(10_000, voters=("second",)))
    poll, (motion,) = await opened(world, roll, "SERVICE_PROVIDER")
    token = await world.token("member")
    async with following(live, token, TURNOUT, poll=poll) as socket:
        assert (await told(socket))["payload"]["data"]["turnout"]["heads"]["numerator"] == "0"
        ended = await world.do("endAppointment", {"id": await appointment(world, "member")}, as_="staff")
        assert ended["__typename"] == "Appointment", ended
        await cast(world, poll, {motion: "FOR"}, as_="second")
        assert problem(await told(socket)) == "core.not_found"
    async with following(live, await world.token("stranger"), TURNOUT, poll=poll) as socket:
        assert problem(await told(socket)) == "core.not_found"


async def test_a_subscription_that_does_not_ask_gives_nothing(
    world: World, live: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """What forgets to look who follows ends at its first value, with its name in the log; once it looks, the value comes."""
    asks = False

    async def follow(info: Any, poll: str) -> AsyncIterator[None]:
        if asks:
            await info.context.look_again()
        yield None

    monkeypatch.setattr("plugins.voting.schema.follow", follow)
    async with following(live, await world.token("resident"), TURNOUT, poll="Poll_1") as socket:
        ended = await told(socket)
        assert "data" not in ended["payload"]
        assert ended["payload"][0]["extensions"]["code"] == "INTERNAL", ended
        assert "the subscription turnout gives values without asking who follows" in caplog.text
        asks = True
        await send(socket, "2", TURNOUT, poll="Poll_1")
        answers = [await told(socket), await told(socket)]
        assert next(one for one in answers if one["id"] == "2")["payload"] == {"data": {"turnout": None}}
