"""Casting a ballot by hand: prepared statements in one durable transaction, every row that our own server writes."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from typing import Any

from bench.baselines.common import now
from bench.baselines.hand_doors import Door, Tx
from core.access import Viewer
from core.fields import canonical_json
from core.ids import new_id
from core.trace import leaf_hash
from plugins.voting.ballots import LETTER_OF, receipt_body, receipt_of
from plugins.voting.rules import Choice

EARLIER = """SELECT k.request_hash, r.receipt, r.at FROM core_idempotency_key k
JOIN voting_returned r ON CAST(r.id AS TEXT) = k.answer WHERE k.owner = :owner AND k.key = :key"""
POLL = """SELECT m.community_id, m.path, m.state, t.roll_id, t.announced_at, c.code,
  (SELECT COUNT(*) FROM core_deadline d WHERE d.matter_id = m.id AND d.at <= :now) AS due
FROM core_matter m JOIN voting_poll t ON t.matter_id = m.id JOIN core_community c ON c.id = m.community_id WHERE m.id = :poll"""
MOTIONS = "SELECT id FROM voting_motion WHERE poll_id = :poll ORDER BY position"
VOTER = """SELECT e.id, e.number, e.area_centi, e.heads, e.buildings, v.owner_id,
  EXISTS (SELECT 1 FROM voting_returned r WHERE r.poll_id = :poll AND r.entry_id = e.id) AS voted
FROM register_roll_voter v JOIN register_roll_entry e ON e.id = v.entry_id
WHERE v.roll_id = :roll AND v.person_id = :me AND v.may_vote AND e.struck_at IS NULL"""
RETURNED = """INSERT INTO voting_returned
(id, poll_id, entry_id, owner_id, person_id, channel, at, marks, is_signed, nonce, receipt)
VALUES (:id, :poll, :entry, :owner_id, :me, 'ONLINE', :now, :marks, TRUE, :nonce, :receipt)"""
BALLOT = """INSERT INTO voting_ballot (id, poll_id, entry_id, choices, area_centi, heads, building, at)
VALUES (:ballot, :poll, :entry, :marks, :area, :heads, :building, :now)"""
TURNOUT = """UPDATE voting_turnout SET area_centi = area_centi + :area, heads = heads + :heads
WHERE poll_id = :poll AND building = :building"""
LEAF = """INSERT INTO core_trace_leaf (id, community_id, matter_id, deed, at, body, leaf_hash, hash_name)
VALUES (:leaf, :community, :poll, 'voting.cast_ballot', :now, :body, :leaf_hash, 'SHA-256')"""
SALT = "INSERT INTO core_trace_salt (leaf_id, person_id, salt) VALUES (:leaf, :me, :salt)"
EVENT = """INSERT INTO core_event (id, at, type, plugin, community_id, path, matter_id, payload)
VALUES (:event, :now, 'voting.ballot_cast', 'voting', :community, :path, :poll, :payload)"""
KEY = """INSERT INTO core_idempotency_key (id, owner, key, request_hash, answer, at)
VALUES (:key_id, :owner, :key, :digest, :answer, :now)"""


class _Refused(Exception):
    """Nothing is written; the message says why."""


async def cast(door: Door, viewer: Viewer, asked: Mapping[str, Any]) -> dict[str, Any]:
    """Cast a ballot for the viewer's own entry on the roll; the same key gets the same answer."""
    try:
        async with door.transaction() as tx:
            return await _cast(tx, viewer, asked)
    except _Refused as refused:
        return {"__typename": "NotAllowed", "code": "NOT_ALLOWED", "message": str(refused)}


async def _cast(tx: Tx, viewer: Viewer, asked: Mapping[str, Any]) -> dict[str, Any]:
    me, key = viewer.person_id or 0, asked["idempotencyKey"]
    digest = hashlib.sha256(canonical_json([asked["id"], asked["choices"]]).encode()).hexdigest()
    earlier = await tx.rows(EARLIER, {"owner": str(me), "key": key})
    if earlier:
        if earlier[0]["request_hash"] != digest:
            raise _Refused("this key was used for another request")
        return _receipt(earlier[0]["receipt"], earlier[0]["at"])
    poll_id, moment = int(asked["id"].removeprefix("Poll_")), now()
    poll = await _poll(tx, viewer, poll_id, moment)
    marks = await _marks(tx, poll_id, asked["choices"])
    voters = await tx.rows(VOTER, {"poll": poll_id, "roll": poll["roll_id"], "me": me})
    if len(voters) != 1 or voters[0]["voted"]:
        raise _Refused("you are not on the roll of this poll, or have voted")
    return await _write(tx, _rows(me, poll_id, poll, voters[0], marks, moment, key, digest))


async def _poll(tx: Tx, viewer: Viewer, key: int, moment: str) -> Any:
    found = await tx.rows(POLL, {"poll": key, "now": moment})
    places = viewer.places("voting.cast_ballot")
    if not found or found[0]["announced_at"] is None or found[0]["community_id"] not in places:
        raise _Refused("there is no such poll")
    if found[0]["due"] or found[0]["state"] != "VOTING":
        raise _Refused("this poll is not open")
    return found[0]


async def _marks(tx: Tx, poll: int, choices: Any) -> str:
    chosen = {int(one["motion"].removeprefix("Motion_")): LETTER_OF[Choice(one["choice"])] for one in choices}
    motions = [row["id"] for row in await tx.rows(MOTIONS, {"poll": poll})]
    if set(chosen) - set(motions):
        raise _Refused("this motion is not in this poll")
    return "".join(chosen.get(motion, "-") for motion in motions)


def _rows(
    me: int, poll_id: int, poll: Any, voter: Any, marks: str, moment: str, key: str, digest: str
) -> dict[str, Any]:
    """Return every value that is written, by its name in the statements."""
    paper, leaf, nonce, salt = new_id(), new_id(), secrets.token_hex(16), secrets.token_hex(16)
    receipt = receipt_of(receipt_body(
        poll=poll_id, entry=voter["number"], area_centi=voter["area_centi"], heads=voter["heads"], channel="ONLINE",
        marks=marks, is_signed=True, at=moment, nonce=nonce,
    ))  # fmt: skip
    body = canonical_json({
        "v": 1, "id": str(leaf), "at": moment, "deed": "voting.cast_ballot", "community": poll["code"],
        "matter": str(poll_id), "actor": hashlib.sha256(f"{salt}:{me}".encode()).hexdigest(), "as": "owner",
        "details": {"receipt": receipt},
    })  # fmt: skip
    return {
        "id": paper, "poll": poll_id, "entry": voter["id"], "owner_id": voter["owner_id"], "me": me, "now": moment,
        "marks": marks, "nonce": nonce, "receipt": receipt, "ballot": new_id(), "area": voter["area_centi"],
        "heads": voter["heads"], "building": voter["buildings"], "leaf": leaf, "community": poll["community_id"],
        "body": body, "leaf_hash": leaf_hash(body), "salt": salt, "event": new_id(), "path": poll["path"],
        "payload": "{}", "key_id": new_id(), "owner": str(me), "key": key,
        "digest": digest, "answer": str(paper),
    }  # fmt: skip


async def _write(tx: Tx, values: Mapping[str, Any]) -> dict[str, Any]:
    for statement in (RETURNED, BALLOT, TURNOUT, LEAF, SALT, EVENT, KEY):
        await tx.rows(statement, values)
    return _receipt(values["receipt"], values["now"])


def _receipt(receipt: str, at: str) -> dict[str, Any]:
    return {"__typename": "BallotReceipt", "receipt": receipt, "castAt": at}
