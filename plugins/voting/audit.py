"""What must hold in the tables of polls at any moment, whatever was cut off: for ``server.py verify`` and ``trace verify``.

Faults are named as the verifier of outsiders names them in a bundle.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

from core.database import Row
from core.verification import Fault, Snapshot
from plugins.voting import ballots

_PAPERS = (
    "SELECT x.poll_id, x.channel, x.marks, x.is_signed, x.at, x.nonce, x.receipt, e.number, e.area_centi, e.heads, "
    "b.area_centi AS counted_area, b.heads AS counted_heads FROM voting_returned x "
    "JOIN register_roll_entry e ON e.id = x.entry_id "
    "LEFT JOIN voting_ballot b ON b.poll_id = x.poll_id AND b.entry_id = x.entry_id"
)
_LEAVES = (
    "SELECT l.body FROM core_trace_leaf l JOIN voting_poll p ON p.matter_id = l.matter_id "
    "WHERE l.body LIKE '%\"receipt\":%'"
)
# Paper slips are confirmed after the close, too: what came in before it is only read then.
_LATE = (
    "SELECT l.seq, l.matter_id FROM core_trace_leaf l JOIN (SELECT matter_id, MIN(seq) AS seq FROM core_trace_leaf "
    "WHERE deed = 'voting.close_poll' GROUP BY matter_id) c ON c.matter_id = l.matter_id AND l.seq > c.seq "
    "WHERE l.deed IN ('voting.cast_ballot', 'voting.cast_separated_ballot', 'voting.answer_survey', 'voting.extend_poll', "
    "'voting.open_poll') ORDER BY l.seq"
)
_UNTAKEN = (
    "SELECT x.poll_id, COUNT(DISTINCT x.entry_id) AS entries FROM voting_returned x WHERE NOT EXISTS "
    "(SELECT 1 FROM voting_ballot b WHERE b.poll_id = x.poll_id AND b.entry_id = x.entry_id) GROUP BY x.poll_id"
)
_BALLOTS = "SELECT poll_id, choices, area_centi, heads, building FROM voting_ballot"
_TURNOUT = "SELECT poll_id, building, area_centi, heads FROM voting_turnout"
_AREAS = "SELECT poll_id, area_centi, entries FROM voting_area_turnout"


async def audit(snapshot: Snapshot) -> list[Fault]:
    """Compare ballots with their leaves, participation with the ballots, and the order of casts with the close."""
    late = [
        Fault("late-ballot", f"leaf {row['seq']} of poll {row['matter_id']} comes after its close")
        async for row in snapshot.rows(_LATE)
    ]
    untaken = [
        Fault("ballot-uncounted", f"{row['entries']} entries of poll {row['poll_id']} returned ballots and have none that counts")
        async for row in snapshot.rows(_UNTAKEN)
    ]  # fmt: skip
    return [*await _unmatched(snapshot), *late, *untaken, *await _miscounted(snapshot)]


async def _unmatched(snapshot: Snapshot) -> list[Fault]:
    """Every returned ballot hashes to its receipt, and exactly one leaf has it; no leaf has one of no ballot."""
    altered, kept = list[Row](), Counter[str]()
    async for row in snapshot.rows(_PAPERS):
        kept[row["receipt"]] += 1
        if not _gives_receipt(row):
            altered.append(row)
    on_log = Counter([json.loads(row["body"])["details"]["receipt"] async for row in snapshot.rows(_LEAVES)])
    inserted = [
        Fault("ballot-inserted", f"{count} ballots have the receipt {one[:12]}, and {on_log[one]} leaves")
        for one, count in kept.items() if count > on_log[one]
    ]  # fmt: skip
    dropped = [
        Fault("ballot-dropped", f"{count} leaves tell of the receipt {one[:12]}, and {kept[one]} ballots have it")
        for one, count in on_log.items() if count > kept[one]
    ]  # fmt: skip
    return [*_altered(altered), *inserted, *dropped]


def _gives_receipt(row: Row, **other: Any) -> bool:
    """Say whether a ballot hashes to its receipt, as it is or with something else in it."""
    said = {key: row[key] for key in ("area_centi", "heads", "channel", "marks", "at", "nonce")} | other
    body = ballots.receipt_body(poll=row["poll_id"], entry=row["number"], is_signed=bool(row["is_signed"]), **said)
    return bool(ballots.receipt_of(body) == row["receipt"])


def _altered(rows: Sequence[Row]) -> list[Fault]:
    """Name what happened to ballots that do not hash to their receipts: swapped, weighed anew, or altered."""
    marks: dict[int, set[str]] = {}
    for row in rows:
        marks.setdefault(row["poll_id"], set()).add(row["marks"])
    return [Fault(_what_happened(row, marks[row["poll_id"]]),
                  f"the ballot of entry {row['number']} in poll {row['poll_id']} is not that of its receipt")
            for row in rows]  # fmt: skip


def _what_happened(row: Row, marks: set[str]) -> str:
    if any(_gives_receipt(row, marks=other) for other in marks - {row["marks"]}):
        return "ballots-swapped"
    counted = {"area_centi": row["counted_area"], "heads": row["counted_heads"]}
    is_reweighted = row["counted_area"] is not None and _gives_receipt(row, **counted)
    return "ballot-reweighted" if is_reweighted else "ballot-altered"


async def _miscounted(snapshot: Snapshot) -> list[Fault]:
    """Participation is the sum of the ballots that take part; polls without ballots of their own count otherwise."""
    polls, buildings, areas = set[int](), Counter[tuple[int, str, str]](), Counter[tuple[int, int]]()
    async for row in snapshot.rows(_BALLOTS):
        poll = row["poll_id"]
        polls.add(poll)
        if ballots.takes_part(row["choices"]):
            buildings[poll, row["building"], "area"] += row["area_centi"]
            buildings[poll, row["building"], "heads"] += row["heads"]
            areas[poll, row["area_centi"]] += 1
    found = []
    async for row in snapshot.rows(_TURNOUT):
        poll, name = row["poll_id"], row["building"]
        told = (row["area_centi"], row["heads"])
        if poll in polls and told != (buildings[poll, name, "area"], buildings[poll, name, "heads"]):
            found.append(Fault("turnout-wrong", f"the turnout of {name} in poll {poll} is not the sum of its ballots"))
    wrong = [
        Fault("turnout-wrong", f"the entries of {row['area_centi']} in poll {row['poll_id']} are not counted right")
        async for row in snapshot.rows(_AREAS)
        if row["poll_id"] in polls and row["entries"] != areas[row["poll_id"], row["area_centi"]]
    ]
    return [*found, *wrong]
