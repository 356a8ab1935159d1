"""What must hold in the tables of polls at any moment, whatever was cut off: for ``server.py verify``."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import AsyncIterator, Callable
from typing import Any

from core.auditing import Finding
from core.verification import Snapshot
from plugins.voting import ballots

_PAPERS = (
    "SELECT x.poll_id, x.channel, x.marks, x.is_signed, x.at, x.nonce, x.receipt, e.number, e.area_centi, e.heads "
    "FROM voting_returned x JOIN register_roll_entry e ON e.id = x.entry_id"
)
_LEAVES = (
    "SELECT l.seq, l.body FROM core_trace_leaf l JOIN voting_poll p ON p.matter_id = l.matter_id "
    "WHERE l.body LIKE '%\"receipt\":%'"
)
# Paper slips are confirmed after the close, too: what came in before it is only read then.
_LATE = (
    "SELECT l.seq, l.matter_id FROM core_trace_leaf l JOIN (SELECT matter_id, MIN(seq) AS seq FROM core_trace_leaf "
    "WHERE deed = 'voting.close_poll' GROUP BY matter_id) c ON c.matter_id = l.matter_id AND l.seq > c.seq "
    "WHERE l.deed IN ('voting.cast_ballot', 'voting.answer_survey', 'voting.extend_poll', 'voting.open_poll') "
    "ORDER BY l.seq"
)
_UNTAKEN = (
    "SELECT x.poll_id, COUNT(DISTINCT x.entry_id) AS entries FROM voting_returned x WHERE NOT EXISTS "
    "(SELECT 1 FROM voting_ballot b WHERE b.poll_id = x.poll_id AND b.entry_id = x.entry_id) GROUP BY x.poll_id"
)
_BALLOTS = "SELECT poll_id, choices, area_centi, heads, building FROM voting_ballot"
_TURNOUT = "SELECT poll_id, building, area_centi, heads FROM voting_turnout"
_AREAS = "SELECT poll_id, area_centi, entries FROM voting_area_turnout"


Rows = Callable[[str], AsyncIterator[Any]]
"""Gives the rows of a query, one after the other."""


async def audit(snapshot: Snapshot) -> list[str]:
    """Compare ballots with their leaves, participation with the ballots, and the order of casts with the close."""
    late = [f"leaf {r['seq']} of poll {r['matter_id']} comes after its close" async for r in snapshot.rows(_LATE)]
    untaken = [f"{r['entries']} entries of poll {r['poll_id']} returned ballots and have none that counts"
               async for r in snapshot.rows(_UNTAKEN)]  # fmt: skip
    matched = [f"{one.name}: {one.about}" for one in await unmatched(snapshot.rows)]
    return [*matched, *late, *untaken, *await _miscounted(snapshot)]


async def unmatched(rows: Rows) -> list[Finding]:
    """Compare returned ballots with the log: each hashes to its receipt, each receipt has one leaf, and each leaf a ballot."""
    found, kept = [], set[str]()
    async for row in rows(_PAPERS):
        kept.add(row["receipt"])
        body = ballots.receipt_body(
            poll=row["poll_id"], entry=row["number"], area_centi=row["area_centi"], heads=row["heads"],
            channel=row["channel"], marks=row["marks"], is_signed=bool(row["is_signed"]), at=row["at"], nonce=row["nonce"],
        )  # fmt: skip
        if ballots.receipt_of(body) != row["receipt"]:
            about = f"the ballot of entry {row['number']} in poll {row['poll_id']} is not that of its receipt"
            found.append(Finding("ballot-altered", about))
    leaves: dict[str, list[int]] = {}
    async for row in rows(_LEAVES):
        leaves.setdefault(json.loads(row["body"])["details"]["receipt"], []).append(row["seq"])
    inserted, dropped = sorted(kept - leaves.keys()), sorted(leaves.keys() - kept)
    twice = [seqs for _, seqs in sorted(leaves.items()) if len(seqs) > 1]
    return [
        *found,
        *(Finding("ballot-inserted", f"a ballot with the receipt {one[:12]} is not on the log") for one in inserted),
        *(Finding("ballot-dropped", f"the ballot of leaf {leaves[one][0]} is gone or has another receipt") for one in dropped),
        *(Finding("receipt-twice", f"one receipt is on the log in the leaves {seqs}") for seqs in twice),
    ]  # fmt: skip


async def _miscounted(snapshot: Snapshot) -> list[str]:
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
            found.append(f"the turnout of {name} in poll {poll} is not the sum of its ballots")
    wrong = [
        f"the entries of {row['area_centi']} in poll {row['poll_id']} are not counted right"
        async for row in snapshot.rows(_AREAS)
        if row["poll_id"] in polls and row["entries"] != areas[row["poll_id"], row["area_centi"]]
    ]
    return [*found, *wrong]
