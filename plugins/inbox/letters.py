"""What is written: letters by e-mail and the bodies of webhooks, in the language of the channel."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Any

from core.clock import from_wire
from core.ids import global_id
from core.kernel import Kernel

SIGNATURE_VERSION = "v1"


def code_letter(kernel: Kernel, address: str, code: str, language: str) -> EmailMessage:
    """Write the letter that asks for a confirmation."""
    text = _in(
        language,
        f"确认码：{code}。请在一天内填入，之后消息将发送到此邮箱。\n如果不是您本人操作，请不必理会：不会再有邮件发来。\n",
        f"Your code is {code}. Enter it within a day to have news brought to this address.\n"
        "If you did not ask for this, do nothing: nothing else will be sent here.\n",
    )
    return _letter(kernel, address, _in(language, "请确认此邮箱", "Confirm this address"), text)


def news_letter(
    kernel: Kernel,
    address: str,
    rows: Sequence[Mapping[str, Any]],
    titles: Mapping[int, str],
    language: str,
    *,
    key: str,
) -> EmailMessage:
    """Write the letter with some news; ``key`` makes the same letter recognisable when it is sent a second time."""
    lines = [_line(kernel, row, titles, language) for row in rows]
    several = _in(language, f"{len(rows)} 条新消息", f"{len(rows)} news")
    end = _in(
        language,
        "您收到此邮件，是因为您添加了此邮箱；可在“消息”中更改或删除该渠道。",
        "You get this because you added this address. Change or remove the channel in your messages.",
    )
    subject = lines[0].partition(" ")[2] if len(rows) == 1 else several
    letter = _letter(kernel, address, subject[:200], "\n".join([*lines, "", end, ""]))
    letter["Message-ID"] = f"<{key}@{_host(kernel)}>"
    return letter


def _in(language: str, zh: str, en: str) -> str:
    return en if language == "en" else zh


def _line(kernel: Kernel, row: Mapping[str, Any], titles: Mapping[int, str], language: str) -> str:
    """Write one line: when, where, what, and the title where anybody of the place may read it."""
    kind, title = kernel.event_types.get(row["type"]), titles.get(row["matter_id"] or 0)
    what = kind.title(language) if kind is not None else row["type"]
    where = f"{row['place']} · " if row["place"] else ""
    return f"{from_wire(row['at']):%m-%d/%H:%M} {where}{what}" + (
        _in(language, f"：{title}", f": {title}") if title else ""
    )


def _letter(kernel: Kernel, address: str, subject: str, text: str) -> EmailMessage:
    letter = EmailMessage()
    letter["From"], letter["To"] = kernel.config.mail_from, address
    letter["Subject"] = " ".join(f"[善治] {subject}".split())
    letter["Date"] = format_datetime(kernel.clock.now())
    letter["Auto-Submitted"] = "auto-generated"
    letter.set_content(text)
    return letter


def _host(kernel: Kernel) -> str:
    return kernel.config.mail_from.rpartition("@")[2].strip("> ") or "localhost"


def news_body(rows: Sequence[Mapping[str, Any]], type_names: Mapping[int, str]) -> bytes:
    """Write the body of a webhook: ids and codes only, the other side reads the rest with a token of its own."""
    items = [
        {
            "id": global_id("NewsItem", row["id"]), "type": row["type"], "at": row["at"],
            "community": row["code"],
            "matter": global_id(type_names[row["matter_id"]], row["matter_id"]) if row["matter_id"] in type_names else None,
            "isAddressedToYou": row["person_id"] is not None,
        }
        for row in rows
    ]  # fmt: skip
    return json.dumps({"type": "inbox.news", "items": items}, ensure_ascii=False, separators=(",", ":")).encode()


def challenge_body(challenge: str) -> bytes:
    """Write the first request to a webhook: whoever answers with the challenge agrees to get more."""
    return json.dumps({"type": "inbox.challenge", "challenge": challenge}).encode()


def signed(secret: str, key: str, second: int, body: bytes) -> dict[str, str]:
    """Return the headers of a webhook: id, time and signature, HMAC-SHA256 over ``id.time.body``, base64."""
    digest = hmac.new(secret.encode(), f"{key}.{second}.".encode() + body, hashlib.sha256).digest()
    return {
        "Content-Type": "application/json", "webhook-id": key, "webhook-timestamp": str(second),
        "webhook-signature": f"{SIGNATURE_VERSION},{base64.b64encode(digest).decode()}",
    }  # fmt: skip
