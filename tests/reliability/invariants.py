"""What has to hold after any harm, on any database; every experiment ends with it.

Acknowledged ⇒ present exactly once; unacknowledged ⇒ absent or once; ballots ⇔ leaves; what counts is what came in last;
the tally is a recomputation; nothing after CLOSE; pages and foreign keys whole; the outbox drained.
"""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from core._db.snapshot import open_snapshot
from core.database import Tx
from core.kernel import Kernel
from core.verification import audits_of, verify
from tests.conftest import ROOT, load_host, read_plugin_list
from tests.reliability.casting import Campaign
from tests.reliability.towns import Town

LETTERS = {"FOR": "F", "AGAINST": "A", "ABSTAIN": "B"}


class Violated(AssertionError):
    """An invariant does not hold."""


async def check(town: Town, campaign: Campaign | None = None) -> dict[str, int]:
    """Raise Violated unless everything holds in a town; no server needs to run. Returns what was counted."""
    async with town.kernel() as kernel:
        await _drain(kernel)
        found = await _undelivered(kernel)
    host = load_host(read_plugin_list(ROOT / "plugins.toml"))
    async with open_snapshot(town.site.url) as snapshot:
        found += map(str, await verify(snapshot, town.site.folder / "files", audits_of(host)))
        rows = await _rows(snapshot, town.poll_key)
    found += rows.entries_wrong() + rows.count_wrong()
    if campaign is not None:
        found += campaign.contradictions + rows.kept_wrong(campaign)
    if found:
        raise Violated("; ".join(found[:10]))
    return {"returned": len(rows.papers), "leaves": rows.leaves}


class Rows:
    """The rows of one poll, as the database has them."""

    def __init__(self) -> None:
        self.papers: list[Any] = []
        self.ballots: dict[int, Any] = {}
        self.answers: list[Any] = []
        self.figures: list[dict[str, Any]] = []
        self.leaves = 0

    def entries_wrong(self) -> list[str]:
        """Say for which entries something else counts than what came in last; each has one owner here."""
        last = {paper["entry_id"]: paper["marks"] for paper in self.papers}
        wrong = [entry for entry in last.keys() | self.ballots.keys()
                 if entry not in last or entry not in self.ballots or self.ballots[entry]["choices"] != last[entry]]  # fmt: skip
        return [f"{len(wrong)} entries do not count as their last ballot says"] if wrong else []

    def count_wrong(self) -> list[str]:
        """Add the ballots up anew, and compare with what was counted."""
        sums = {choice: {"area": 0, "heads": 0} for choice in LETTERS}
        for choice, letter in LETTERS.items():
            for ballot in self.ballots.values():
                if ballot["choices"] == letter:
                    sums[choice]["area"] += ballot["area_centi"]
                    sums[choice]["heads"] += ballot["heads"]
        return [f"counted {told['strict']['sums']}, the ballots say {sums}" for told in self.figures
                if told["strict"]["sums"] != sums]  # fmt: skip

    def kept_wrong(self, campaign: Campaign) -> list[str]:
        """Compare with what clients were told: nothing lost, nothing twice, nothing that nobody sent."""
        found, receipts = [], Counter(paper["receipt"] for paper in self.papers)
        lost = [key for key, receipt in campaign.receipts.items() if receipts[receipt] != 1]
        if lost:
            found.append(f"{len(lost)} acknowledged ballots are not there exactly once, {lost[0]} for one")
        if len(set(campaign.receipts.values())) != len(campaign.receipts):
            found.append("two ballots were acknowledged with one receipt")
        keys = Counter(row["key"] for row in self.answers)
        kept = {row["key"]: row["answer"] for row in self.answers}
        doubled = [key for key, times in keys.items() if times != 1 or key not in campaign.sent]
        missing = [key for key in campaign.receipts if key not in kept]
        if doubled or missing:
            found.append(f"{len(doubled)} keys were kept twice or never sent, {len(missing)} are missing")
        if len(self.papers) != len(kept):
            found.append(f"{len(self.papers)} ballots for {len(kept)} keys")
        return found


async def _rows(snapshot: Any, poll: int) -> Rows:
    rows = Rows()
    rows.papers = [row async for row in snapshot.rows(
        "SELECT id, entry_id, receipt, marks, at FROM voting_returned WHERE poll_id = ? ORDER BY id", (poll,)
    )]  # fmt: skip
    rows.ballots = {row["entry_id"]: row async for row in snapshot.rows(
        "SELECT entry_id, choices, area_centi, heads FROM voting_ballot WHERE poll_id = ?", (poll,)
    )}  # fmt: skip
    rows.answers = [row async for row in snapshot.rows(
        "SELECT key, answer FROM core_idempotency_key WHERE key LIKE 'cast-%'"
    )]  # fmt: skip
    rows.figures = [json.loads(row["figures"]) async for row in snapshot.rows(
        "SELECT figures FROM voting_result WHERE poll_id = ?", (poll,)
    )]  # fmt: skip
    leaves = snapshot.rows("SELECT COUNT(*) FROM core_trace_leaf WHERE matter_id = ?", (poll,))
    [rows.leaves] = [row[0] async for row in leaves]
    return rows


async def _drain(kernel: Kernel) -> None:
    """Let the follow-up work be done by this process: leases of the dead have run out, as they would in half a minute."""

    async def forget(tx: Tx) -> None:
        await tx.execute("DELETE FROM core_lease")

    await kernel.database.run(forget)
    background = kernel.background()
    await background.run_once()
    await background.stop()


async def _undelivered(kernel: Kernel) -> list[str]:
    """Say which reactions have not had all their events, and which events and leaves have no number."""
    found = []
    for plugin, reaction in kernel.host.reactions:
        left = await kernel.database.value(
            "SELECT COUNT(*) FROM core_event WHERE type = ? AND seq > COALESCE((SELECT seq FROM core_reaction_cursor "
            "WHERE name = ?), 0)",
            (reaction.event, f"{plugin}.{reaction.name}"),
        )
        if left:
            found.append(f"{plugin}.{reaction.name} has {left} events to come")
    tables = ("core_event", "core_trace_leaf")
    unnumbered = [await kernel.database.value(f"SELECT COUNT(*) FROM {table} WHERE seq IS NULL") for table in tables]
    return [*found, f"{sum(unnumbered)} events and leaves have no number"] if any(unnumbered) else found
