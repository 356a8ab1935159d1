"""The inbox by HTTP, with a real mail server and a real receiver of webhooks on this machine."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from aiosmtpd.controller import Controller

from plugins.inbox import delivery
from tests.acceptance.test_news import post, survey
from tests.conftest import World

INBOX = """query($unread: Boolean = false) { me { unread inbox(first: 50, unread: $unread) {
  nodes { id type title isAddressedToYou matter { id title } } } followed { nodes { id } } } }"""
CHANNELS = """{ me { channels { nodes { id kind address rhythm quietFrom quietUntil muted confirmedAt pausedAt failures lastError
  deliveries { nodes { items outcome problem } } } } } }"""
CHANNEL = "... on InboxChannel { id address confirmedAt pausedAt rhythm muted quietFrom }"


class Mailbox:
    """What a mail server took in."""

    def __init__(self) -> None:
        self.letters: list[EmailMessage] = []

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
        """Keep a letter."""
        read = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(read, EmailMessage)
        self.letters.append(read)
        return "250 OK"

    def texts(self) -> list[str]:
        """Return what the letters say, their subjects first."""
        return [f"{letter['Subject']}\n{letter.get_content()}" for letter in self.letters]


@contextmanager
def mail_server(world: World) -> Iterator[Mailbox]:
    """Run a mail server, and let the world know of it."""
    box = Mailbox()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        free = taken.getsockname()[1]  # the controller connects to the port it is given, so it cannot be 0
    controller = Controller(box, hostname="127.0.0.1", port=free)
    controller.start()
    configure(world, smtp_url=f"smtp://127.0.0.1:{free}", mail_from="shanzhi@example.org")
    try:
        yield box
    finally:
        controller.stop()


class Receiver:
    """Another program that takes webhooks: it answers challenges, and fails when it is told to."""

    def __init__(self) -> None:
        self.taken: list[tuple[dict[str, str], bytes]] = []
        self.status = 200
        self.is_deaf = False

    def handler(self) -> type[BaseHTTPRequestHandler]:
        """Return the class that a server makes for every request."""
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.taken.append(({name.lower(): value for name, value in self.headers.items()}, body))
                told = json.loads(body)
                answer = b"" if receiver.is_deaf else told.get("challenge", "").encode()
                self.send_response(receiver.status)
                if receiver.status == 302:
                    self.send_header("Location", "http://127.0.0.1:9/elsewhere")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, format: str, *args: Any) -> None:
                """Say nothing."""

        return Handler


@contextmanager
def receiver(world: World) -> Iterator[tuple[Receiver, str]]:
    """Run a receiver of webhooks whose origin is allowed; gives it and its address."""
    found = Receiver()
    server = ThreadingHTTPServer(("127.0.0.1", 0), found.handler())
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    origin = f"http://127.0.0.1:{server.server_port}"
    configure(world, webhook_origins=(origin,))
    try:
        yield found, f"{origin}/hook?key=s3cret"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def configure(world: World, **changes: Any) -> None:
    """Change the configuration of a running world."""
    world.kernel.config = world.kernel.config.model_copy(update=changes)


async def follow_up(world: World) -> None:
    """Do all follow-up work half a minute later: by then, no other worker holds the lease of a sweep."""
    world.clock.advance(seconds=31)
    await world.settle()


async def inbox(world: World, as_: str, **more: Any) -> dict[str, Any]:
    """Return somebody's inbox."""
    return dict((await world.gql(INBOX, more, as_=as_)).data["me"])


async def channels(world: World, as_: str = "resident") -> list[dict[str, Any]]:
    """Return somebody's channels."""
    return list((await world.gql(CHANNELS, as_=as_)).data["me"]["channels"]["nodes"])


async def add_mail(world: World, box: Mailbox, as_: str = "resident", **more: Any) -> str:
    """Add an e-mail channel and confirm it by its letter; returns its id."""
    address = f"{as_}@example.org"
    made = await world.do("addEmailChannel", {"address": address, **more}, CHANNEL, as_=as_)
    assert (made["address"], made["confirmedAt"]) == (f"{as_[0]}***@example.org", None)
    await follow_up(world)
    code = re.search(r"\d{8}", box.texts()[-1])
    assert code is not None
    assert box.letters[-1]["To"] == address
    key = {"id": made["id"], "code": code.group()}
    assert (await world.do("confirmChannel", key, CHANNEL, as_=as_))["confirmedAt"]
    box.letters.clear()
    return str(made["id"])


async def test_the_inbox_holds_what_concerns_a_person(world: World) -> None:
    """News of one's places, of what one follows elsewhere, and what is addressed to one; marked as read once for all."""
    mine, elsewhere = (
        await post(world, "compound"),
        await post(world, "village") if False else await post(world, "community"),
    )
    found = await inbox(world, "resident")
    assert [item["matter"]["id"] for item in found["inbox"]["nodes"]] == [elsewhere, mine]
    assert found["unread"] == 2
    assert (await inbox(world, "stranger"))["inbox"]["nodes"] == []
    followed = await world.do("followMatter", {"matter": mine}, "... on MatterFollowed { isFollowed }", as_="stranger")
    assert followed == {"__typename": "MatterFollowed", "isFollowed": True}
    far = await inbox(world, "stranger")
    assert [item["matter"]["id"] for item in far["inbox"]["nodes"]] == [mine]
    assert [item["id"] for item in far["followed"]["nodes"]] == [mine]
    newest = found["inbox"]["nodes"][0]["id"]
    await world.do("markRead", {"upTo": newest}, as_="resident")
    later = await post(world, "compound")
    now = await inbox(world, "resident", unread=True)
    assert (now["unread"], [item["matter"]["id"] for item in now["inbox"]["nodes"]]) == (1, [later])
    await world.do("markRead", {"upTo": found["inbox"]["nodes"][1]["id"]}, as_="resident")  # an earlier one
    assert (await inbox(world, "resident"))["unread"] == 1
    await world.do("unfollowMatter", {"matter": mine}, as_="stranger")
    assert (await inbox(world, "stranger"))["inbox"]["nodes"] == []


async def test_nobody_follows_what_they_do_not_see(world: World) -> None:
    """A draft, a made-up id and an id of another kind are refused alike, and are not in the inbox later either."""
    draft = await survey(world)
    wrong = draft.replace("Poll_", "Notice_")
    for key in (draft, wrong, "Poll_1", "nonsense"):
        answer = await world.do("followMatter", {"matter": key}, as_="resident")
        assert answer["code"] == "inbox.no_matter", key
    assert (await world.do("followMatter", {"matter": draft}, as_="resident", language="en"))["message"].startswith(
        "There is"
    )
    hidden = await post(world, "compound", isPublic=False)
    assert (await world.do("followMatter", {"matter": hidden}, as_="stranger"))["code"] == "inbox.no_matter"
    nobody = await world.gql(
        'mutation { followMatter(input: {matter: "Poll_1"}) { __typename ... on UserError { code } } }'
    )
    assert nobody.data["followMatter"]["code"] == "core.not_signed_in"


async def test_letters_go_to_confirmed_addresses_alone(world: World) -> None:
    """A letter with a code first; wrong codes are counted; then news, with titles that anybody there may read, once."""
    with mail_server(world) as box:
        made = await world.do("addEmailChannel", {"address": " resident@example.org "}, CHANNEL, as_="resident")
        await follow_up(world)
        assert len(box.letters) == 1
        await post(world, "compound")
        await follow_up(world)
        assert len(box.letters) == 1, "nothing goes out before the code came back"
        code = re.search(r"\d{8}", box.texts()[0])
        assert code is not None
        key = {"id": made["id"]}
        wrong = f"{(int(code.group()) + 1) % 10**8:08d}"
        refused = await world.do("confirmChannel", {**key, "code": wrong}, as_="resident")
        assert (refused["code"], "还可以试 4 次" in refused["message"]) == ("inbox.wrong_code", True)
        assert (await world.do("confirmChannel", {**key, "code": code.group()}, as_="tenant"))[
            "code"
        ] == "core.not_found"
        done = await world.do("confirmChannel", {**key, "code": code.group()}, CHANNEL, as_="resident")
        assert done["confirmedAt"]
        await follow_up(world)
        assert len(box.letters) == 1, "what came before the confirmation is not brought"
        await post(world, "compound")
        await follow_up(world)
        await follow_up(world)
        [_, letter] = box.letters
        assert "公示已发布：compound停水通知" in letter["Subject"]
        assert letter["Auto-Submitted"] == "auto-generated"
        assert "示例花园01 · 公示已发布：compound停水通知" in letter.get_content()
        [channel] = await channels(world)
        assert [(item["items"], item["outcome"]) for item in channel["deliveries"]["nodes"]] == [
            (1, "DELIVERED"), (0, "DELIVERED"),
        ]  # fmt: skip
        raw = await world.kernel.database.fetch("SELECT * FROM inbox_channel")
        assert "resident@example.org" not in str([dict(row) for row in raw]), "addresses are sealed"


async def test_a_code_is_guessed_five_times_at_most(world: World) -> None:
    """The sixth try fails even when it is right; so does one after a day."""
    with mail_server(world) as box:
        made = await world.do("addEmailChannel", {"address": "resident@example.org"}, CHANNEL, as_="resident")
        await follow_up(world)
        right = re.search(r"\d{8}", box.texts()[0])
        assert right is not None
        for _ in range(5):
            tried = await world.do("confirmChannel", {"id": made["id"], "code": "nonsense"}, as_="resident")
            assert tried["code"] == "inbox.wrong_code"
        late = await world.do("confirmChannel", {"id": made["id"], "code": right.group()}, as_="resident")
        assert late["code"] == "inbox.code_over"


async def test_a_letter_says_less_of_what_few_may_see(world: World) -> None:
    """That a wish was sent back is told to its author without the words of the wish: others may read the letter."""
    with mail_server(world) as box:
        await add_mail(world, box)
        code = world.demo.places["compound"].code
        wish = await world.do(
            "openWish",
            {"community": code, "title": "修一盏台灯", "story": "灯不亮了。", "type": "SKILL", "alias": "小王", "valueFen": 0},
            "... on Wish { id }", as_="resident",
        )  # fmt: skip
        await world.do("submitWish", {"id": wish["id"]}, as_="resident")
        await world.do("returnWish", {"id": wish["id"], "note": "请补充。"}, as_="staff")
        await follow_up(world)
        [text] = box.texts()
        assert "心愿已退回" in text
        assert "台灯" not in text


async def test_digests_and_quiet_hours(world: World) -> None:
    """A daily digest gathers what came; at night nothing is brought, and in the morning all of it; nothing is lost."""
    with mail_server(world) as box:
        await add_mail(world, box, rhythm="DAILY")
        await add_mail(world, box, "tenant", quietFrom="22:00", quietUntil="07:30")
        await follow_up(world)
        world.clock.advance(hours=14)  # 23:00
        for _ in range(2):
            await post(world, "compound")
        await follow_up(world)
        assert {letter["To"] for letter in box.letters} <= {"resident@example.org", "tenant@example.org"}
        at_night = [letter["To"] for letter in box.letters]
        assert "tenant@example.org" not in at_night
        box.letters.clear()
        world.clock.advance(hours=8, minutes=31)  # 7:31
        await follow_up(world)
        assert [letter["To"] for letter in box.letters] == ["tenant@example.org"]
        assert "2 条新消息" in box.letters[0]["Subject"]
        box.letters.clear()
        world.clock.advance(hours=1)  # 8:31
        await post(world, "compound")
        await follow_up(world)
        told = {letter["To"]: letter.get_content() for letter in box.letters}
        assert told["resident@example.org"].count("公示已发布") >= 1
        assert told["tenant@example.org"].count("公示已发布") == 1


async def test_webhooks_are_signed_and_tried_again(world: World) -> None:
    """The challenge first; then ids and codes, signed; a receiver that fails gets all of it later, and is paused at last."""
    with receiver(world) as (taker, address):
        made = await world.do(
            "addWebhookChannel", {"address": address, "idempotencyKey": "once"},
            "... on WebhookChannelAdded { secret channel { id address } }", as_="resident",
        )  # fmt: skip
        again = await world.do(
            "addWebhookChannel", {"address": address, "idempotencyKey": "once"}, "... on WebhookChannelAdded { secret }",
            as_="resident",
        )  # fmt: skip
        assert again["secret"] == made["secret"]
        assert "s3cret" not in made["channel"]["address"]
        await follow_up(world)
        notice = await post(world, "compound")
        await follow_up(world)
        [(_, first), (headers, body)] = taker.taken
        assert json.loads(first)["type"] == "inbox.challenge"
        told = json.loads(body)
        assert [(item["type"], item["matter"]) for item in told["items"]] == [("notices.notice_posted", notice)]
        key, second = headers["webhook-id"], headers["webhook-timestamp"]
        digest = hmac.new(made["secret"].encode(), f"{key}.{second}.".encode() + body, hashlib.sha256).digest()
        assert headers["webhook-signature"] == f"v1,{base64.b64encode(digest).decode()}"
        taker.status = 503
        await post(world, "compound")
        await follow_up(world)
        [channel] = await channels(world)
        assert (channel["failures"], channel["lastError"]) == (1, "HTTPError 503")
        taken = len(taker.taken)
        await follow_up(world)
        assert len(taker.taken) == taken, "it waits before it tries again"
        taker.status = 302
        world.clock.advance(minutes=2)
        await follow_up(world)
        assert (await channels(world))[0]["lastError"] == "HTTPError 302", "redirects are not followed"
        taker.status = 200
        world.clock.advance(minutes=5)
        await post(world, "compound")
        await follow_up(world)
        assert len(json.loads(taker.taken[-1][1])["items"]) == 2
        taker.status = 500
        await post(world, "compound")
        for _ in range(15):
            await follow_up(world)
            world.clock.advance(days=1)
        [channel] = await channels(world)
        assert channel["pausedAt"]
        mine = (await inbox(world, "resident"))["inbox"]["nodes"]
        assert (mine[0]["type"], mine[0]["isAddressedToYou"]) == ("inbox.channel_paused", True)


async def test_webhooks_go_where_the_operator_allows(world: World) -> None:
    """Other origins, names inside addresses, and a receiver that does not answer its challenge get nothing."""
    with receiver(world) as (taker, address):
        origin = address.partition("/hook")[0]
        for bad in (
            "http://127.0.0.1:9/hook", origin.replace("http://", "http://user@") + "/", "file:///etc/passwd", f"{origin}/#x",
            origin.replace("127.0.0.1", "127.0.0.1.example.org"), "http://[::1", "ftp://127.0.0.1/",
        ):  # fmt: skip
            refused = await world.do("addWebhookChannel", {"address": bad}, as_="resident")
            assert refused["code"] == "inbox.not_called", bad
            assert origin in refused["message"]
        taker.is_deaf = True
        await world.do("addWebhookChannel", {"address": address}, as_="resident")
        await follow_up(world)
        await post(world, "compound")
        await follow_up(world)
        assert [json.loads(body)["type"] for _, body in taker.taken] == ["inbox.challenge"]
        [channel] = await channels(world)
        assert (channel["confirmedAt"], channel["lastError"]) == (None, "the answer does not hold the challenge")
    configure(world, webhook_origins=())
    assert (await world.do("addWebhookChannel", {"address": address}, as_="tenant"))["code"] == "inbox.not_called"


async def test_channels_are_ones_own_and_few(world: World) -> None:
    """Limits, duplicates, changes and removal; nobody else sees or changes a channel."""
    assert (await world.do("addEmailChannel", {"address": "a@example.org"}, as_="resident"))["code"] == "inbox.no_email"
    with mail_server(world) as box:
        key = await add_mail(world, box)
        for bad in (
            "",
            "a",
            "a@b",
            "a b@example.org",
            "a@example.org, b@example.org",
            "a@example.org\nBcc: b@example.org",
            "x" * 300,
        ):
            assert (await world.do("addEmailChannel", {"address": bad}, as_="resident"))["code"] == "inbox.bad_email", (
                bad
            )
        same = await world.do("addEmailChannel", {"address": "resident@example.org"}, as_="resident")
        assert same["code"] == "inbox.have_it"
        assert await channels(world, "tenant") == []
        for mutation, more in (("changeChannel", {"isPaused": True}), ("removeChannel", {})):
            assert (await world.do(mutation, {"id": key, **more}, as_="tenant"))["code"] == "core.not_found"
        half = await world.do("changeChannel", {"id": key, "quietFrom": "22:00"}, as_="resident")
        assert half["code"] == "inbox.bad_quiet"
        assert (await world.do("changeChannel", {"id": key, "muted": ["nope"]}, as_="resident"))[
            "code"
        ] == "inbox.unknown_plugin"
        changed = await world.do(
            "changeChannel",
            {"id": key, "muted": ["notices"], "quietFrom": "22:00", "quietUntil": "06:00"},
            CHANNEL,
            as_="resident",
        )
        assert (changed["muted"], changed["quietFrom"]) == (["notices"], "22:00")
        await post(world, "compound")
        await follow_up(world)
        assert box.letters == [], "what is muted is not brought"
        await world.do("changeChannel", {"id": key, "muted": [], "isPaused": True}, as_="resident")
        await post(world, "compound")
        await follow_up(world)
        resumed = await world.do(
            "changeChannel", {"id": key, "isPaused": False, "hasQuietHours": False}, CHANNEL, as_="resident"
        )
        assert (resumed["pausedAt"], resumed["quietFrom"]) == (None, None)
        await follow_up(world)
        assert box.letters == []
        await post(world, "compound")
        await follow_up(world)
        assert len(box.letters) == 1
        for number in range(4):
            await world.do("addEmailChannel", {"address": f"r{number}@example.org"}, as_="resident")
        more = await world.do("addEmailChannel", {"address": "r9@example.org"}, as_="resident")
        assert more["code"] == "inbox.too_many_channels"
        removed = await world.do("removeChannel", {"id": key}, "... on ChannelRemoved { isRemoved }", as_="resident")
        assert removed["isRemoved"]
        assert key not in {channel["id"] for channel in await channels(world)}
        still = await world.do("addEmailChannel", {"address": "r9@example.org"}, as_="resident")
        assert still["code"] == "inbox.too_many_channels", "one that was removed counts for the day"
        sealed = await world.kernel.database.value(
            "SELECT address_sealed FROM inbox_channel WHERE id = ?", (int(key.rpartition("_")[2]),)
        )
        assert sealed is None
        world.clock.advance(days=1, minutes=1)
        await delivery.tidy(world.kernel)
        assert await world.kernel.database.value("SELECT COUNT(*) FROM inbox_channel") == 0, (
            "nobody confirmed the others"
        )


@pytest.mark.parametrize("loss", ["suspended", "moved away"])
async def test_what_one_may_not_see_any_more_is_not_brought(world: World, loss: str) -> None:
    """The right is looked at when a letter is written: who has lost it gets none."""
    with mail_server(world) as box:
        await add_mail(world, box)
        person = world.demo.people["resident"]
        if loss == "suspended":
            sql = "UPDATE core_account SET suspended_at = '2026-03-02T09:00:00.000+08:00' WHERE person_id = ?"
        else:
            sql = "UPDATE core_appointment SET until = '2026-03-02T09:00:00.000+08:00' WHERE person_id = ?"
        await world.kernel.database.run(lambda tx: tx.execute(sql, (person,)))
        await post(world, "compound", isPublic=False)
        await follow_up(world)
        assert box.letters == []
