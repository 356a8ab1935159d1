"""Bringing news: every channel that is due gets what happened since it was last looked after.

Follow-up work of one worker at a time. What was sent is written down after it was taken: a server that is killed between
the two sends once more, with the same id. Nothing is lost: a channel that fails is tried again, later and later.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from email.message import EmailMessage
from http.client import HTTPException
from smtplib import SMTPException

from core.clock import to_wire
from core.database import Row
from core.ids import new_id
from core.kernel import Kernel
from core.outbound import call, send_letter
from core.plugin import Sweep, Viewer
from core.viewers import load_viewer
from plugins.inbox import letters, rules, service
from plugins.inbox.concern import titles_for_letters, told
from plugins.inbox.kinds import ChannelKind, DeliveryOutcome, Rhythm
from plugins.inbox.settings import InboxSettings

log = logging.getLogger("shanzhi.inbox")

MOST_CHANNELS, MOST_ITEMS = 100, 100
WEBHOOK_SECONDS, WEBHOOK_BYTES = 10.0, 64 * 1024
LOG_DAYS = 90
SYSTEM = Viewer(system="inbox")
SENDING_ERRORS = (OSError, SMTPException, HTTPException, ValueError)


async def deliver(kernel: Kernel) -> None:
    """Look after the channels that are due, a bounded number of them."""
    newest, now = await kernel.database.value(service.NEWEST), to_wire(kernel.clock.now())
    rows = await kernel.database.fetch(
        "SELECT * FROM inbox_channel WHERE due_at <= ? AND removed_at IS NULL AND paused_at IS NULL AND "
        "((confirmed_at IS NULL AND code_sent_at IS NULL) OR (confirmed_at IS NOT NULL AND looked_seq < ?)) "
        f"ORDER BY due_at, id LIMIT {MOST_CHANNELS}",
        (now, newest),
    )
    for row in rows:
        if row["confirmed_at"] is None:
            await _try(kernel, row, 0, lambda row=row: _ask(kernel, row))  # type: ignore[misc]
        else:
            await _bring(kernel, row, newest)


async def _ask(kernel: Kernel, row: Row) -> None:
    """Send what a channel is confirmed by: a code by letter, or a challenge to be answered."""
    address, code = _unsealed(kernel, row, service.ADDRESS), _unsealed(kernel, row, service.CODE)
    if row["kind"] == ChannelKind.EMAIL.value:
        await _mail(kernel, letters.code_letter(kernel, address, code, row["language"]))
        return
    body = letters.challenge_body(code)
    answer = await _post(kernel, row, address, f"challenge-{row['id']}", body)
    if code.encode() not in answer:
        raise ValueError("the answer does not hold the challenge")
    await kernel.perform(service.confirm_answered, SYSTEM, id=row["id"], person_id=row["person_id"])


async def _bring(kernel: Kernel, row: Row, newest: int) -> None:
    now = kernel.clock.now()
    if rules.is_quiet(now, row["quiet_from"], row["quiet_until"]) and row["rhythm"] == Rhythm.AT_ONCE.value:
        await _write(
            kernel, "UPDATE inbox_channel SET due_at = ? WHERE id = ?", to_wire(await _next(kernel, row)), row["id"]
        )
        return
    viewer = await _viewer(kernel, row)
    news = await _news(kernel, row, viewer, newest) if viewer is not None else []
    looked = news[-1]["seq"] if len(news) == MOST_ITEMS else newest
    wanted = [item for item in news if item["plugin"] not in json.loads(row["muted"])]
    if wanted:
        key = f"inbox-{row['id']}-{wanted[-1]['seq']}"
        if not await _try(kernel, row, len(wanted), lambda: _send(kernel, row, wanted, key)):
            return
    due = now if len(news) == MOST_ITEMS else await _next(kernel, row)
    await _write(
        kernel, "UPDATE inbox_channel SET looked_seq = ?, due_at = ? WHERE id = ?", looked, to_wire(due), row["id"]
    )


async def _viewer(kernel: Kernel, row: Row) -> Viewer | None:
    """Return a channel's person as they would be signed in; None when they could not be."""
    now = kernel.clock.now()
    account = await kernel.database.value(
        "SELECT id FROM core_account WHERE person_id = ? AND suspended_at IS NULL ORDER BY id LIMIT 1",
        (row["person_id"],),
    )
    if account is None:
        return None
    return await load_viewer(kernel.database, row["person_id"], account, now=now, language=row["language"])


async def _news(kernel: Kernel, row: Row, viewer: Viewer, newest: int) -> list[Row]:
    """Return the news that concern a person and that they may see now, in the order in which they were committed."""
    where = told(kernel.sight(viewer, await kernel.settings_book(), kernel.clock.now()))
    return await kernel.database.fetch(
        "SELECT t.id, t.at, t.type, t.plugin, t.path, t.matter_id, t.person_id, e.seq, c.name AS place, c.code FROM core_event e "
        "JOIN core_news t ON t.id = e.id LEFT JOIN core_community c ON c.id = t.community_id "
        f"WHERE e.seq > ? AND e.seq <= ? AND {where.sql} ORDER BY e.seq LIMIT {MOST_ITEMS}",
        (row["looked_seq"], newest, *where.params),
    )


async def _send(kernel: Kernel, row: Row, news: Sequence[Row], key: str) -> None:
    address = _unsealed(kernel, row, service.ADDRESS)
    if row["kind"] == ChannelKind.EMAIL.value:
        titles = await titles_for_letters(kernel, news)
        await _mail(kernel, letters.news_letter(kernel, address, news, titles, row["language"], key=key))
        return
    names = await _type_names(kernel, [item["matter_id"] for item in news if item["matter_id"] is not None])
    await _post(kernel, row, address, key, letters.news_body(news, names))


async def _type_names(kernel: Kernel, keys: Sequence[int]) -> dict[int, str]:
    if not keys:
        return {}
    marks = ", ".join("?" * len(keys))
    rows = await kernel.database.fetch(f"SELECT id, plugin, kind FROM core_matter WHERE id IN ({marks})", tuple(keys))
    kinds = {row["id"]: kernel.host.lifecycle(row["plugin"], row["kind"]) for row in rows}
    return {key: kind.type_name for key, kind in kinds.items() if kind is not None}


async def _mail(kernel: Kernel, letter: EmailMessage) -> None:
    if not kernel.config.smtp_url:
        raise OSError("there is no mail server: SHANZHI_SMTP_URL")
    await asyncio.to_thread(send_letter, kernel.config.smtp_url, letter)


async def _post(kernel: Kernel, row: Row, address: str, key: str, body: bytes) -> bytes:
    if not rules.may_be_called(address, kernel.config.webhook_origins):
        raise OSError("its origin is not allowed any more: SHANZHI_WEBHOOK_ORIGINS")
    headers = letters.signed(_unsealed(kernel, row, service.SECRET), key, int(kernel.clock.now().timestamp()), body)
    return await asyncio.to_thread(
        call, address, seconds=WEBHOOK_SECONDS, most_bytes=WEBHOOK_BYTES, headers=headers, body=body
    )


def _unsealed(kernel: Kernel, row: Row, column: str) -> str:
    return kernel.keys.unseal("inbox_channel", column, row["id"], row[column])


# --- what came of it --------------------------------------------------------------------------------------------------


async def _try(kernel: Kernel, row: Row, items: int, send: Callable[[], Awaitable[None]]) -> bool:
    """Send, and write down how it went; says whether it was taken."""
    try:
        await send()
    except SENDING_ERRORS as error:
        await _failed(kernel, row, items, error)
        return False
    now = to_wire(kernel.clock.now())
    await _write(
        kernel,
        "UPDATE inbox_channel SET failures = 0, last_error = '', code_sent_at = COALESCE(code_sent_at, ?) WHERE id = ?",
        now, row["id"],
    )  # fmt: skip
    await _note(kernel, row, items, DeliveryOutcome.DELIVERED, "")
    return True


async def _failed(kernel: Kernel, row: Row, items: int, error: Exception) -> None:
    """Put a channel off, longer each time; one that failed too often is paused, and its person told in the inbox."""
    failures, problem = row["failures"] + 1, _problem(error)
    log.warning("channel %s failed %d times: %s", row["id"], failures, problem)
    due = kernel.clock.now() + rules.pause(failures)
    await _write(
        kernel, "UPDATE inbox_channel SET failures = ?, last_error = ?, due_at = ? WHERE id = ?",
        failures, problem, to_wire(due), row["id"],
    )  # fmt: skip
    await _note(kernel, row, items, DeliveryOutcome.FAILED, problem)
    if failures >= rules.MOST_FAILURES:
        await kernel.perform(service.pause_channel, SYSTEM, id=row["id"], person_id=row["person_id"])


def _problem(error: Exception) -> str:
    """Say what went wrong without the addresses that errors of libraries quote."""
    code = getattr(error, "code", None) or getattr(error, "smtp_code", None)
    if isinstance(error, ValueError):
        return str(error)[:200]
    return f"{type(error).__name__}{f' {code}' if code else ''}"


async def _note(kernel: Kernel, row: Row, items: int, outcome: DeliveryOutcome, problem: str) -> None:
    await _write(
        kernel, "INSERT INTO inbox_delivery (id, channel_id, at, items, outcome, problem) VALUES (?, ?, ?, ?, ?, ?)",
        new_id(), row["id"], to_wire(kernel.clock.now()), items, outcome.value, problem,
    )  # fmt: skip


async def _next(kernel: Kernel, row: Row) -> datetime:
    """Return when a channel may bring something next; a digest that has just gone waits for the next day or week."""
    rhythm, now = Rhythm(row["rhythm"]), kernel.clock.now()
    after = now if rhythm is Rhythm.AT_ONCE else now + timedelta(minutes=1)
    path = await kernel.database.value(
        "SELECT c.path FROM core_appointment a JOIN core_community c ON c.id = a.community_id WHERE a.person_id = ? "
        "ORDER BY a.id LIMIT 1",
        (row["person_id"],),
    )
    settings = (await kernel.settings_book()).resolve("inbox", InboxSettings, path or "", now).values
    return rules.next_time(
        rhythm, after, quiet_from=row["quiet_from"], quiet_until=row["quiet_until"], digest_hour=settings.digest_hour
    )


async def _write(kernel: Kernel, sql: str, *params: object) -> None:
    await kernel.database.run(lambda tx: tx.execute(sql, params))


async def tidy(kernel: Kernel) -> None:
    """Forget deliveries of long ago, channels that were removed, and those that nobody confirmed."""
    now = kernel.clock.now()
    old, day = to_wire(now - timedelta(days=LOG_DAYS)), to_wire(now - timedelta(days=1))
    gone = "(removed_at < ? OR (confirmed_at IS NULL AND added_at < ?))"
    await _write(kernel, "DELETE FROM inbox_delivery WHERE at < ?", old)
    await _write(
        kernel, f"DELETE FROM inbox_delivery WHERE channel_id IN (SELECT id FROM inbox_channel WHERE {gone})", day, day
    )
    await _write(kernel, f"DELETE FROM inbox_channel WHERE {gone}", day, day)


SWEEPS = (Sweep("deliver", 15, deliver), Sweep("tidy", 3600, tidy))
