"""Anchors: signed heads are brought to where the operator of this server cannot change them.

E-mail and a git remote are pushed to from here; notices with the QR code of a head, and witnesses, which come and ask, need
no sending. All of it is follow-up work outside of deeds: an anchor that fails is tried again, later and later up to an
hour, and ``/readyz`` shows since when it lags. No deed waits for it.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from datetime import timedelta
from email.message import EmailMessage
from typing import TYPE_CHECKING, Protocol

from core import ledger
from core.clock import from_wire, to_wire
from core.config import Config
from core.githeads import GitRemote
from core.ledger import Head
from core.outbound import send_letter

if TYPE_CHECKING:
    from core.kernel import Kernel

log = logging.getLogger("shanzhi.anchors")

FIRST_PAUSE, LONGEST_PAUSE = 30.0, 3600.0
MOST_HEADS = 500


class Anchor(Protocol):
    """A place outside of the operator's reach; ``bring`` raises when a head did not get there."""

    @property
    def name(self) -> str:
        """Name it in the database."""

    async def bring(self, heads: list[Head]) -> None:
        """Bring heads there, oldest first."""


@dataclass(frozen=True)
class Mail:
    """One address that gets the newest head by e-mail: its mailbox keeps the date."""

    address: str
    sender: str
    server: str

    @property
    def name(self) -> str:
        """Name the anchor in the database and in ``/readyz``."""
        return f"mail:{self.address}"

    async def bring(self, heads: list[Head]) -> None:
        """Send the newest head, which covers all before it."""
        await asyncio.to_thread(send_letter, self.server, self._message(heads[-1]))

    def _message(self, head: Head) -> EmailMessage:
        message = EmailMessage()
        message["From"], message["To"] = self.sender, self.address
        message["Subject"] = f"善治 留痕签名 / trace head {head.size}"
        message.set_content(
            "请保存此邮件：它证明截至此刻的记录。核验方法见 docs/trace.md。\n"
            "Keep this message: it proves the record up to now. docs/trace.md says how to check it.\n"
        )
        message.add_attachment(head.note.encode(), maintype="text", subtype="plain", filename=f"head-{head.size}.txt")
        return message


def configured(config: Config) -> list[Anchor]:
    """Return the anchors that the configuration names."""
    found: list[Anchor] = []
    if config.smtp_url:
        found += [Mail(address, config.mail_from, config.smtp_url) for address in config.trace_mail_to]
    if config.trace_git_remote:
        found.append(GitRemote(config.data_dir / "trace-heads", config.trace_git_remote, config.mail_from))
    return found


async def anchor(kernel: Kernel) -> None:
    """Bring what is new to every anchor whose time to try has come."""
    for one in configured(kernel.config):
        await _bring(kernel, one)


async def _bring(kernel: Kernel, one: Anchor) -> None:
    now, database = kernel.clock.now(), kernel.database
    rows = await database.fetch("SELECT size, failures, tried_at FROM core_trace_anchor WHERE name = ?", (one.name,))
    size, failures = (rows[0]["size"], rows[0]["failures"]) if rows else (0, 0)
    if failures and now < from_wire(rows[0]["tried_at"]) + pause(failures):
        return
    fresh = [head for head in reversed(await ledger.heads_before(database, None, MOST_HEADS)) if head.size > size]
    if not fresh:
        return
    try:
        await one.bring(fresh)
    except Exception as error:  # noqa: BLE001 - whatever an anchor raises, the others and the deeds go on
        log.warning("the anchor %s failed %d times and is tried again: %s", one.name, failures + 1, error)
        await _note(kernel, one.name, size, failures + 1, f"{type(error).__name__}: {error}")
    else:
        await _note(kernel, one.name, fresh[-1].size, 0, "")


def pause(failures: int) -> timedelta:
    """Return how long an anchor that failed so often is left alone."""
    return timedelta(seconds=min(FIRST_PAUSE * 2 ** min(failures - 1, 20), LONGEST_PAUSE))


async def _note(kernel: Kernel, name: str, size: int, failures: int, problem: str) -> None:
    now = to_wire(kernel.clock.now())
    await kernel.database.run(lambda tx: tx.execute(
        "INSERT INTO core_trace_anchor (name, size, failures, last_error, tried_at, done_at) VALUES (?, ?, ?, ?, ?, ?) "
        "ON CONFLICT (name) DO UPDATE SET size = excluded.size, failures = excluded.failures, "
        "last_error = excluded.last_error, tried_at = excluded.tried_at, "
        "done_at = COALESCE(excluded.done_at, core_trace_anchor.done_at)",
        (name, size, failures, problem[:300], now, None if failures else now),
    ))  # fmt: skip


@dataclass(frozen=True)
class Standing:
    """How an anchor stands."""

    kind: str
    size: int
    failures: int
    last_error: str
    done_at: str | None


async def standing(kernel: Kernel) -> list[Standing]:
    """Return how every configured anchor stands, without addresses: ``/readyz`` is for everybody."""
    rows = await kernel.database.fetch("SELECT name, size, failures, last_error, done_at FROM core_trace_anchor")
    known = {row["name"]: row for row in rows}
    found = []
    for one in configured(kernel.config):
        kind, row = one.name.partition(":")[0], known.get(one.name)
        found.append(
            Standing(kind, 0, 0, "", None)
            if row is None
            else Standing(kind, row["size"], row["failures"], row["last_error"].partition(":")[0], row["done_at"])
        )
    return found
