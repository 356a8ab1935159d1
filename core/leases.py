"""Leases: who does a piece of follow-up work, when any process of the server could.

A lease is a row with a holder and an end. The holder renews all that it has while it lives, however long a piece of work
takes, and gives them back when it stops; of one that was killed, another process takes over after ``LEASE_SECONDS``.
"""

from __future__ import annotations

import os
import secrets
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from core._db.seam import Tx
from core.clock import to_wire

if TYPE_CHECKING:
    from core.kernel import Kernel

LEASE_SECONDS = 30
RENEW_EVERY = 10.0
ASK_AGAIN_SECONDS = 5


class Leases:
    """What this process holds. The answer comes from memory while it is known: work is asked for at every commit."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self.holder = f"{os.getpid()}-{secrets.token_hex(4)}"
        self._held: dict[str, datetime] = {}
        self._refused: dict[str, datetime] = {}

    async def take(self, name: str) -> bool:
        """Take or keep the lease of a piece of work; False when another process has it."""
        now = self._kernel.clock.now()
        # A third of the time is left for clocks of other machines that go ahead.
        if self._held.get(name, now) - now > timedelta(seconds=LEASE_SECONDS / 3):
            return True
        if timedelta() < self._refused.get(name, now) - now <= timedelta(seconds=ASK_AGAIN_SECONDS):
            return False
        return await self._ask(name, now)

    async def renew(self) -> None:
        """Prolong everything that this process holds; what another one took meanwhile is known to be lost."""
        if not self._held:
            return
        until = self._kernel.clock.now() + timedelta(seconds=LEASE_SECONDS)

        async def prolong(tx: Tx) -> list[str]:
            await tx.execute("UPDATE core_lease SET until = ? WHERE holder = ?", (to_wire(until), self.holder))
            return [
                row["name"] for row in await tx.fetch("SELECT name FROM core_lease WHERE holder = ?", (self.holder,))
            ]

        self._held = dict.fromkeys(await self._kernel.database.run(prolong), until)

    async def give_back(self) -> None:
        """End everything that this process holds, so that another one need not wait."""
        self._held.clear()
        await self._kernel.database.run(
            lambda tx: tx.execute("DELETE FROM core_lease WHERE holder = ?", (self.holder,))
        )

    async def _ask(self, name: str, now: datetime) -> bool:
        until = now + timedelta(seconds=LEASE_SECONDS)

        async def take(tx: Tx) -> int:
            return await tx.execute(
                "INSERT INTO core_lease (name, holder, until) VALUES (?, ?, ?) ON CONFLICT (name) DO UPDATE "
                "SET holder = excluded.holder, until = excluded.until "
                "WHERE core_lease.holder = excluded.holder OR core_lease.until <= ?",
                (name, self.holder, to_wire(until), to_wire(now)),
            )

        taken = await self._kernel.database.run(take) == 1
        if taken:
            self._held[name] = until
        else:
            self._held.pop(name, None)
            self._refused[name] = now + timedelta(seconds=ASK_AGAIN_SECONDS)
        return taken
