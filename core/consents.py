"""Consents: what a person agreed to, in which words, since when, and when they took it back (个人信息保护法 14—16).

The texts are declared with the categories they are for. Every text that was ever shown is kept; a text that changes is a
new version, and whoever agreed to the one before is asked anew. Taking a consent back erases what rested on it (47).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any

from core import erasure
from core.clock import to_wire
from core.errors import Conflict, Invalid, Problem
from core.events import EventType
from core.fields import canonical_json
from core.ids import new_id
from core.personal import ConsentText, PersonalData
from core.rights import OWN_DATA, at_the_top
from core.work import Act, deed

if TYPE_CHECKING:
    from core._db.seam import Tx
    from core.kernel import Fetching

EVENTS = (
    EventType("core.consent_given", "已同意", "A consent was given"),
    EventType("core.consent_withdrawn", "已撤回同意", "A consent was withdrawn"),
)
NO_CONSENT_NEEDED = Problem(
    Invalid, "core.no_consent_needed", "{category} 不以同意为依据。需要同意的有：{known}。",
    "{category} does not rest on consent. These do: {known}.",
)  # fmt: skip
CONSENT_TEXT_CHANGED = Problem(
    Conflict, "core.consent_text_changed", "同意书已更新为第 {version} 版，请重新阅读后再同意。",
    "The text is now version {version}. Show it to the person, and ask again.",
)  # fmt: skip
NO_CONSENT = Problem(
    Conflict, "core.no_consent", "您没有对 {category} 的有效同意。", "There is no consent to {category} to take back."
)
PROBLEMS = (NO_CONSENT_NEEDED, CONSENT_TEXT_CHANGED, NO_CONSENT)


def hash_of(category: str, text: ConsentText) -> str:
    """Hash a text with what it is for; hex."""
    return hashlib.sha256(canonical_json([category, text.zh, text.en]).encode()).hexdigest()


async def publish(tx: Tx, declared: Iterable[PersonalData], now: datetime) -> None:
    """Keep the texts that are declared now, each with the next version of its category. Safe to run by several processes."""
    for data in declared:
        if data.consent is None:
            continue
        await tx.execute(
            "INSERT INTO core_consent_text (hash, category, version, zh, en, since) "
            "SELECT ?, ?, (SELECT COALESCE(MAX(version), 0) + 1 FROM core_consent_text WHERE category = ?), ?, ?, ? "
            "ON CONFLICT DO NOTHING",
            (hash_of(data.code, data.consent), data.code, data.code, data.consent.zh, data.consent.en, to_wire(now)),
        )


def _category(act: Act, code: str) -> tuple[PersonalData, ConsentText]:
    resting = {data.code: (data, data.consent) for data in act.kernel.personal_data if data.consent is not None}
    if code not in resting:
        raise NO_CONSENT_NEEDED(path=("input", "category"), category=code[:80], known=", ".join(sorted(resting)))
    return resting[code]


_STANDING = "SELECT id, text_id FROM core_consent WHERE person_id = ? AND category = ? AND withdrawn_at IS NULL"


@deed(OWN_DATA, place=at_the_top)
async def give_consent(act: Act, *, category: str, version: int) -> str:
    """Agree to the present version of a text; agreeing again changes nothing."""
    _, text = _category(act, category)
    digest = hash_of(category, text)
    current = await act.tx.value("SELECT version FROM core_consent_text WHERE hash = ?", (digest,))
    if version != current:
        raise CONSENT_TEXT_CHANGED(path=("input", "version"), version=current)
    # The person's row is locked, so that two at once do not become two consents.
    await act.tx.one(f"SELECT id FROM core_person WHERE id = ?{act.tx.for_update}", (act.person_id,))
    standing = await act.tx.fetch(_STANDING, (act.person_id, category))
    if not any(row["text_id"] == digest for row in standing):
        await _end(act, category)
        await act.tx.execute(
            "INSERT INTO core_consent (id, person_id, text_id, category, given_at) VALUES (?, ?, ?, ?, ?)",
            (new_id(), act.person_id, digest, category, to_wire(act.now)),
        )
        act.emit("core.consent_given", person_id=act.person_id, category=category, version=version)
    act.note(category=category, version=version)
    return category


@deed(OWN_DATA, place=at_the_top)
async def withdraw_consent(act: Act, *, category: str) -> str:
    """Take a consent back: what rested on it is erased at once. Everything else goes on."""
    data, _ = _category(act, category)
    if not await _end(act, category):
        raise NO_CONSENT(path=("input", "category"), category=category)
    outcome = await erasure.erase_category(act, act.person_id, data)
    act.note(category=category, erased=outcome.erased)
    act.emit("core.consent_withdrawn", person_id=act.person_id, category=category)
    return category


async def _end(act: Act, category: str) -> int:
    return await act.tx.execute(
        "UPDATE core_consent SET withdrawn_at = ? WHERE person_id = ? AND category = ? AND withdrawn_at IS NULL",
        (to_wire(act.now), act.person_id, category),
    )


async def standing(reader: Fetching, declared: Iterable[PersonalData], person_id: int) -> list[dict[str, Any]]:
    """Return, for every category that rests on consent, its present text and how the person stands to it."""
    texts = {row["hash"]: row for row in await reader.fetch("SELECT hash, version, since FROM core_consent_text")}
    given = await reader.fetch(
        "SELECT category, text_id, given_at, withdrawn_at FROM core_consent WHERE person_id = ? ORDER BY id",
        (person_id,),
    )
    found = []
    for data in declared:
        if data.consent is None:
            continue
        digest = hash_of(data.code, data.consent)
        mine = [row for row in given if row["category"] == data.code]
        last = mine[-1] if mine else None
        found.append({
            "data": data, "version": texts[digest]["version"], "last": last,
            "agreed_version": texts[last["text_id"]]["version"] if last else None,
            "is_current": last is not None and last["withdrawn_at"] is None and last["text_id"] == digest,
        })  # fmt: skip
    return found


DEEDS = (give_consent, withdraw_consent)
