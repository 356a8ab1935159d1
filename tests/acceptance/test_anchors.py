"""Anchors outside the operator's reach: mail, git, a witness; what fails is tried again and seen."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller

from core import anchors, ledger
from tests.acceptance.test_trace import VERIFIER, _replace_all
from tests.conftest import World


class Mailbox:
    """What a mail server took in."""

    def __init__(self) -> None:
        self.letters: list[bytes] = []

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
        """Keep a letter."""
        self.letters.append(envelope.content)
        return "250 OK"


def _configured(world: World, **changes: Any) -> None:
    world.kernel.config = world.kernel.config.model_copy(update=changes)


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_a_head_goes_by_mail_and_a_failure_is_seen_and_tried_again(world: World) -> None:
    """A mail server that is down is shown in /readyz, stops no deed, and gets the head once it is back."""
    made = await ledger.make_head(world.kernel, "test")
    assert made is not None
    _configured(world, trace_mail_to=("paper@example.org",), smtp_url="smtp://127.0.0.1:1")
    await anchors.anchor(world.kernel)
    [seen] = (await world.client.get("/readyz")).json()["trace"]["anchors"]
    assert (seen["kind"], seen["size"], seen["failures"]) == ("mail", 0, 1)
    box = Mailbox()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        free = taken.getsockname()[1]  # the controller connects to the port it is given, so it cannot be 0
    controller = Controller(box, hostname="127.0.0.1", port=free)
    controller.start()
    try:
        _configured(world, smtp_url=f"smtp://127.0.0.1:{free}")
        await anchors.anchor(world.kernel)
        assert not box.letters, "it waits before it tries again"
        world.clock.advance(minutes=1)
        await anchors.anchor(world.kernel)
    finally:
        controller.stop()
    assert len(box.letters) == 1
    [seen] = (await world.client.get("/readyz")).json()["trace"]["anchors"]
    assert (seen["size"], seen["failures"]) == (made.size, 0)


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_heads_are_pushed_to_git_and_a_shorter_log_is_refused(world: World, tmp_path: Path) -> None:
    """Every head is a file of the remote; a log that was set back cannot push over it."""
    remote = tmp_path / "remote.git"
    subprocess.run(["git", "init", "-q", "--bare", "--initial-branch=main", str(remote)], check=True)  # noqa: ASYNC221
    _configured(world, trace_git_remote=str(remote))
    made = await ledger.make_head(world.kernel, "test")
    assert made is not None
    await anchors.anchor(world.kernel)
    shown = subprocess.run(["git", "-C", str(remote), "show", f"main:heads/{made.size:012d}"], capture_output=True, text=True, check=True)  # fmt: skip  # noqa: ASYNC221, E501
    assert shown.stdout == made.note

    async def back(tx: Any) -> None:
        await tx.execute("DELETE FROM core_trace_leaf WHERE seq > ?", (made.size - 1,))
        await tx.execute("DELETE FROM core_trace_head")
        await tx.execute("DELETE FROM core_trace_anchor")

    await world.kernel.database.run(back)
    await ledger.make_head(world.kernel, "after")
    await anchors.anchor(world.kernel)
    assert (await world.client.get("/readyz")).json()["trace"]["anchors"][0]["error"] == "RemoteKnowsMore"


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_a_witness_accepts_growth_and_refuses_another_log(world: World, live: str, tmp_path: Path) -> None:
    """A witness over HTTP follows a log that grows, and refuses one that was replaced."""
    state = tmp_path / "seen.jsonl"

    async def witness() -> tuple[int, str]:
        ran = await asyncio.create_subprocess_exec(
            sys.executable, "-I", str(VERIFIER), "witness", f"http://{live}", "--state", str(state),
            stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        told, _ = await ran.communicate()
        return ran.returncode or 0, told.decode()

    await ledger.make_head(world.kernel, "test")
    assert (await witness())[0] == 0
    await world.do("disablePlugin", {"community": world.demo.places["compound"].code, "plugin": "wishes"}, as_="staff")
    await ledger.make_head(world.kernel, "test")
    code, told = await witness()
    assert code == 0, told
    assert len(state.read_text("utf-8").splitlines()) == 2
    await world.kernel.database.run(_replace_all)
    await ledger.make_head(world.kernel, "forged")
    code, told = await witness()
    assert code == 1, told
    assert "BAD key-replaced" in told
    assert len(state.read_text("utf-8").splitlines()) == 2
