"""The certificate of a result: everything a stranger needs to recompute it, as the same bytes every time.

Who chose what is not in it. The bundle, for scrutineers, holds every ballot with the nonce of its receipt, so that each
matches a receipt of the certificate, and the sums can be added up again. The dossier is one file with the certificate, the
leaves of the poll and a signed head over them. ``verifier/shanzhi_verify.py`` checks all of it offline.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from core import bundles, ledger
from core.database import Row
from core.fields import canonical_json
from plugins.voting import separated
from plugins.voting.kinds import BallotMode

_JOINED = {"sqlite": "group_concat(receipt, ',')", "postgres": "string_agg(receipt, ',')"}


async def build(tx: Any, poll_id: int) -> tuple[str, str]:
    """Return the certificate of the latest count as canonical JSON, and its SHA-256."""
    poll = await _poll(tx, poll_id)
    if poll["mode"] == BallotMode.SEPARATED.value:
        text = canonical_json(await _separated(tx, poll))
        return text, digest_of(text)
    listed = await _receipts(tx, poll_id)
    document = {
        "v": 1,
        "kind": "shanzhi.voting.certificate",
        "mode": poll["mode"],
        "poll": str(poll_id),
        "title": poll["title"],
        "place": {"code": poll["code"], "name": poll["name"]},
        "legal_effect": poll["legal_effect"],
        "announced_at": poll["announced_at"],
        "opens_at": poll["opens_at"],
        "first_closes_at": poll["first_closes_at"],
        "closes_at": poll["closes_at"],
        "settings": json.loads(poll["frozen"] or "{}"),
        "roll": {
            "id": str(poll["roll_id"]), "hash": poll["roll_hash"], "record_date": poll["record_date"],
            "area": poll["area_centi"], "heads": poll["heads"], "shown_at": poll["shown_at"],
        },
        "notice": await _notice(tx, poll["notice_id"]),
        "receipts": listed,
        "receipts_hash": digest_of("\n".join(listed)),
        "motions": await _motions(tx, poll_id),
    }  # fmt: skip
    text = canonical_json(document)
    return text, digest_of(text)


async def _separated(tx: Any, poll: Row) -> dict[str, Any]:
    """Return the certificate of a separated poll: the marks of all voters and of those who voted, and every answer."""
    poll_id = poll["matter_id"]
    everybody, listed = await separated.marks(tx, poll_id)
    box = await separated.answers(tx, poll_id)
    return {
        "v": 1,
        "kind": "shanzhi.voting.certificate",
        "mode": poll["mode"],
        "poll": str(poll_id),
        "title": poll["title"],
        "place": {"code": poll["code"], "name": poll["name"]},
        "announced_at": poll["announced_at"],
        "opens_at": poll["opens_at"],
        "first_closes_at": poll["first_closes_at"],
        "closes_at": poll["closes_at"],
        "settings": json.loads(poll["frozen"] or "{}"),
        "roll": {"hash": separated.roll_hash(everybody), "voters": everybody},
        "receipts": listed,
        "receipts_hash": digest_of("\n".join(listed)),
        "motions": [await _question(tx, row, box) for row in await _asked(tx, poll_id)],
    }


async def _asked(tx: Any, poll_id: int) -> list[Row]:
    rows: list[Row] = await tx.fetch(
        "SELECT n.id, n.position, n.title, n.options, r.round, r.figures FROM voting_motion n "
        "JOIN voting_poll p ON p.matter_id = n.poll_id "
        "JOIN voting_result r ON r.motion_id = n.id AND r.round = p.round WHERE n.poll_id = ? ORDER BY n.position",
        (poll_id,),
    )
    return rows


async def _question(tx: Any, row: Row, box: list[list[separated.Slip]] | None) -> dict[str, Any]:
    """Return a question with the answer of every ballot, sorted; null where too few voted."""
    slips = box[row["position"] - 1] if box else None
    return {
        "id": str(row["id"]), "position": row["position"], "title": row["title"], "round": row["round"],
        "options": json.loads(row["options"]), "figures": json.loads(row["figures"]),
        "ballots": None if slips is None else [[slip.group, *map(int, slip.answer.split(","))] for slip in slips],
    }  # fmt: skip


async def _receipts(tx: Any, poll_id: int) -> list[str]:
    """Return the receipts in their order; the database hands them over as one text, not as a row each."""
    joined = _JOINED[tx.dialect]
    text = await tx.value(f"SELECT {joined} FROM voting_returned WHERE poll_id = ?", (poll_id,))
    return sorted(text.split(",")) if text else []


def digest_of(text: str) -> str:
    """Hash text; hex."""
    return hashlib.sha256(text.encode()).hexdigest()


async def _poll(tx: Any, poll_id: int) -> Row:
    row = await tx.fetch(
        "SELECT p.*, m.title, m.frozen, c.code, c.name, r.published_at AS shown_at FROM voting_poll p "
        "JOIN core_matter m ON m.id = p.matter_id "
        "JOIN core_community c ON c.id = m.community_id LEFT JOIN register_roll r ON r.matter_id = p.roll_id "
        "WHERE p.matter_id = ?",
        (poll_id,),
    )
    return row[0]


async def _notice(tx: Any, notice_id: int | None) -> dict[str, Any] | None:
    """Return the proof of notice: which one, when it went up, and the hash of its text as it was first posted."""
    rows = await tx.fetch(
        "SELECT notice_id, at, title, body FROM notices_version WHERE notice_id = ? AND number = 1", (notice_id,)
    )
    if not rows:
        return None
    row = rows[0]
    return {
        "id": str(row["notice_id"]),
        "posted_at": row["at"],
        "text_hash": digest_of(f"{row['title']}\n{row['body']}"),
    }


async def _motions(tx: Any, poll_id: int) -> list[dict[str, Any]]:
    rows = await tx.fetch(
        "SELECT n.id, n.position, n.title, r.round, r.figures FROM voting_motion n JOIN voting_poll p ON p.matter_id = n.poll_id "
        "JOIN voting_result r ON r.motion_id = n.id AND r.round = p.round WHERE n.poll_id = ? ORDER BY n.position",
        (poll_id,),
    )
    return [
        {"id": str(r["id"]), "position": r["position"], "title": r["title"], "round": r["round"],
         "verdict": json.loads(r["figures"])} for r in rows
    ]  # fmt: skip


async def bundle(tx: Any, poll_id: int) -> tuple[str, str]:
    """Return all ballots of a counted poll with the nonces of their receipts, and what counts for each entry."""
    returned = await tx.fetch(
        "SELECT x.id, e.number, e.area_centi, e.heads, x.channel, x.marks, x.is_signed, x.at, x.nonce, x.receipt, "
        "x.withdrawn_at FROM voting_returned x JOIN register_roll_entry e ON e.id = x.entry_id WHERE x.poll_id = ? "
        "ORDER BY e.number, x.id",
        (poll_id,),
    )
    counted = await tx.fetch(
        "SELECT e.number, b.choices, b.area_centi, b.heads FROM voting_ballot b "
        "JOIN register_roll_entry e ON e.id = b.entry_id WHERE b.poll_id = ? ORDER BY e.number",
        (poll_id,),
    )
    text = canonical_json({
        "v": 1, "kind": "shanzhi.voting.ballots", "poll": str(poll_id),
        "returned": [_returned(row) for row in returned],
        "counted": [
            {"entry": row["number"], "choices": row["choices"], "area": row["area_centi"], "heads": row["heads"]}
            for row in counted
        ],
    })  # fmt: skip
    return text, digest_of(text)


def _returned(row: Row) -> dict[str, Any]:
    return {
        "entry": row["number"], "area": row["area_centi"], "heads": row["heads"], "channel": row["channel"],
        "marks": row["marks"], "signed": bool(row["is_signed"]), "at": row["at"], "nonce": row["nonce"],
        "receipt": row["receipt"], "withdrawn": row["withdrawn_at"] is not None,
    }  # fmt: skip


async def dossier(reader: Any, poll_id: int, **more: Any) -> tuple[str, str] | None:
    """Return the certificate of a counted poll with its deeds and a signed head over them; None before a head is made.

    ``more`` adds ``ballots`` and ``roll``, for those who may see them.
    """
    head = await _head_over_count(reader, poll_id)
    if head is None:
        return None
    text, _ = await build(reader, poll_id)
    document = {
        "v": 1, "kind": "shanzhi.bundle", "mode": json.loads(text)["mode"], "poll": str(poll_id), "certificate": text,
        **await bundles.of_matter(reader, poll_id, head), **more,
    }  # fmt: skip
    written = canonical_json(document)
    return written, digest_of(written)


async def _head_over_count(reader: Any, poll_id: int) -> ledger.Head | None:
    """Return the latest head, if it covers the latest count of a poll: the deed that left the certificate's hash."""
    rows = await reader.fetch(
        "SELECT MAX(l.seq) AS seq FROM core_trace_leaf l JOIN voting_poll p ON p.matter_id = l.matter_id "
        "WHERE l.matter_id = ? AND l.at = p.counted_at AND l.body LIKE '%\"certificate\":\"' || p.certificate_hash || '\"%'",
        (poll_id,),
    )
    head = await ledger.head(reader)
    return head if head is not None and rows[0]["seq"] is not None and head.size >= rows[0]["seq"] else None


async def whole_dossier(reader: Any, poll_id: int) -> str | None:
    """Return the dossier with ballots and roll, for the archive and for scrutineers."""
    text, _ = await bundle(reader, poll_id)
    found = await dossier(reader, poll_id, ballots=json.loads(text), roll=await published_roll(reader, poll_id))
    return found[0] if found else None


async def published_roll(reader: Any, poll_id: int) -> dict[str, Any]:
    """Return the roll of a poll as it was published: what its hash covers."""
    [terms] = await reader.fetch(
        "SELECT r.matter_id, r.record_date, r.scope, r.heads_key, r.include_parking FROM register_roll r "
        "JOIN voting_poll p ON p.roll_id = r.matter_id WHERE p.matter_id = ?",
        (poll_id,),
    )
    lines = await reader.fetch(
        "SELECT number, units_text, owners_masked, area_centi, heads, is_developer_stock FROM register_roll_entry "
        "WHERE roll_id = ? AND struck_at IS NULL ORDER BY number",
        (terms["matter_id"],),
    )
    return {
        "record_date": str(terms["record_date"]), "scope": [place["code"] for place in json.loads(terms["scope"])],
        "heads_key": terms["heads_key"], "include_parking": bool(terms["include_parking"]),
        "lines": [[*tuple(line)[:5], bool(line["is_developer_stock"])] for line in lines],
    }  # fmt: skip


async def receipt_proof(reader: Any, receipt: str) -> dict[str, Any] | None:
    """Prove that a ballot with this receipt came in: that it is on the log, never what it says."""
    rows = await reader.fetch("SELECT id, poll_id FROM voting_returned WHERE receipt = ?", (receipt,))
    return await bundles.receipt(reader, rows[0]["poll_id"], rows[0]["id"], receipt) if rows else None
