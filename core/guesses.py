"""Guesses: every try of a password counts before it is made, for the account and for the address it comes from."""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING

from core._db.seam import Row, Tx
from core.clock import from_wire, to_wire
from core.errors import Problem, TooMany
from core.ids import new_id

if TYPE_CHECKING:
    from core.kernel import Kernel

WINDOW = timedelta(minutes=15)
PER_ACCOUNT = 5
PER_ADDRESS = 30

LOCKED_OUT = Problem(
    TooMany, "core.locked_out", "尝试次数过多，请在 {minutes} 分钟后再试。",
    "Too many tries. Try again in {minutes} minutes.",
)  # fmt: skip


@dataclass(frozen=True)
class Guess:
    """One guess, already counted: at which account, if there is one, and what it was counted against."""

    account: Row | None
    subjects: tuple[str, ...]
    rows: tuple[int, ...]
    locks: bool


async def count_guess(kernel: Kernel, tx: Tx, name: str, address: str | None) -> Guess:
    """Count a guess before it is tried, so that many at once count as many; raises LOCKED_OUT at the limit."""
    now = kernel.clock.now()
    limits = {_subject(kernel, "account", name): PER_ACCOUNT}
    if address:
        limits[_subject(kernel, "address", network(address))] = PER_ADDRESS
    await _one_at_a_time(tx, limits)
    taken = [await _check_limit(tx, subject, limit, now) for subject, limit in limits.items()]
    rows = tuple(new_id() for _ in limits)
    for key, subject in zip(rows, limits, strict=True):
        await tx.execute(
            "INSERT INTO core_login_failure (id, subject, at) VALUES (?, ?, ?)", (key, subject, to_wire(now))
        )
    account = await tx.one("SELECT id, person_id, password_hash FROM core_account WHERE username = ?", (name,))
    return Guess(account, tuple(limits), rows, taken[0] + 1 == PER_ACCOUNT)


async def _check_limit(tx: Tx, subject: str, limit: int, now: datetime) -> int:
    """Return how many guesses count against a subject now; raises LOCKED_OUT when these are as many as may be."""
    found = await tx.fetch(
        f"SELECT at FROM core_login_failure WHERE subject = ? AND at > ? ORDER BY at DESC LIMIT {limit}",
        (subject, to_wire(now - WINDOW)),
    )
    if len(found) < limit:
        return len(found)
    wait = from_wire(found[-1]["at"]) + WINDOW - now
    seconds = max(1, -int(-wait.total_seconds() // 1))
    raise LOCKED_OUT(retry_after=seconds, minutes=-(-seconds // 60))


async def _one_at_a_time(tx: Tx, subjects: Iterable[str]) -> None:
    """Let no two transactions count the same subject at once; on SQLite there is one writer anyway."""
    if tx.dialect != "postgres":
        return
    locks = (int.from_bytes(hashlib.sha256(s.encode()).digest()[:8], signed=True) for s in subjects)
    for lock in sorted(locks):  # in one order everywhere, or two logins could wait for each other
        await tx.fetch("SELECT pg_advisory_xact_lock(?)", (lock,))


async def forgive(tx: Tx, guess: Guess) -> None:
    """Take a right guess out of the count, and with it the earlier ones at the same account."""
    await tx.execute("DELETE FROM core_login_failure WHERE subject = ?", (guess.subjects[0],))
    for key in guess.rows[1:]:
        await tx.execute("DELETE FROM core_login_failure WHERE id = ?", (key,))


def _subject(kernel: Kernel, kind: str, value: str) -> str:
    """Return what guesses are counted under: it tells neither names (typed passwords, at times) nor addresses."""
    return f"{kind}:{kernel.keys.blind_index(f'login {kind}', value)}"


@lru_cache(maxsize=4096)
def network(address: str) -> str:
    """Return what counts as one address: an IPv4 address, or the /64 network that one IPv6 customer has."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv4Address):
        return str(found)
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(ipaddress.ip_network((found, 64), strict=False))
