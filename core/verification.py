"""Whether a database and its files are whole: what the database says of itself, the trace, the files, plugins' own rules.

    async with open_snapshot(url) as snapshot:
        faults = await verify(snapshot, files, audits_of(host))

Only recomputes and compares; nothing is repaired. A plugin says what must hold in its tables in a module ``audit`` with
one function, ``async def audit(snapshot) -> list[Fault]``, that names whatever does not, as ``trace verify`` shows it too.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from core._db.snapshot import Snapshot
from core.attachments import content_path
from core.host import Host
from core.trace import leaf_hash

__all__ = ["Audit", "Fault", "Snapshot", "audited", "audits_of", "hash_of", "verify"]


SHOWN = 20
"""How many faults of one kind are named; the rest is counted."""
READ_BYTES = 1 << 20


@dataclass(frozen=True)
class Fault:
    """Something that should not be; ``kind`` is the name under which it is known, ``ballot-altered`` for one."""

    kind: str
    about: str

    def __str__(self) -> str:
        """Return it as one line."""
        return f"{self.kind}: {self.about}"


Audit = Callable[[Snapshot], Awaitable[list[Fault]]]


async def verify(snapshot: Snapshot, files: Path | None, audits: Mapping[str, Audit]) -> list[Fault]:
    """Check everything that can be checked without the server's secret; ``files`` is the folder of uploads, if it is there."""
    found = [Fault("database", about) for about in await snapshot.damage()]
    found += _shown([Fault("trace", about) for about in await trace_faults(snapshot)])
    if files is not None:
        found += _shown([Fault("file", about) for about in await file_faults(snapshot, files)])
    return found + await audited(snapshot, audits)


async def audited(snapshot: Snapshot, audits: Mapping[str, Audit]) -> list[Fault]:
    """Check only what plugins say must hold in their tables."""
    found = []
    for audit in audits.values():
        found += _shown(await audit(snapshot))
    return found


def audits_of(host: Host) -> dict[str, Audit]:
    """Return the audits of the plugins that are ready."""
    found: dict[str, Audit] = {}
    for plugin in host.ready():
        if find_spec(f"{plugin.module}.audit") is not None:
            found[plugin.id] = import_module(f"{plugin.module}.audit").audit
    return found


async def trace_faults(snapshot: Snapshot) -> list[str]:
    """Recompute every leaf from its text, and compare the text with the columns beside it; the numbers have no gaps."""
    found, expected = [], 1
    rows = snapshot.rows(
        "SELECT id, seq, deed, matter_id, at, body, leaf_hash FROM core_trace_leaf WHERE seq IS NOT NULL ORDER BY seq"
    )
    async for row in rows:
        if row["seq"] != expected:
            found.append(f"after leaf {expected - 1} comes {row['seq']}")
        expected = row["seq"] + 1
        if leaf_hash(row["body"]) != row["leaf_hash"]:
            found.append(f"leaf {row['seq']} does not hash to what was written down")
            continue
        told = json.loads(row["body"])
        matter = str(row["matter_id"]) if row["matter_id"] else None
        beside = (str(row["id"]), row["deed"], row["at"], matter)
        if (told["id"], told["deed"], told["at"], told["matter"]) != beside:
            found.append(f"leaf {row['seq']} says something else than the columns beside it")
    return found


async def file_faults(snapshot: Snapshot, files: Path) -> list[str]:
    """Look for every uploaded file by its hash, and read it."""
    wanted = {
        row["sha256"]: row["size"]
        async for row in snapshot.rows("SELECT sha256, size FROM core_attachment WHERE stored_at IS NOT NULL")
    }
    return await asyncio.to_thread(lambda: [
        fault for sha256, size in sorted(wanted.items()) if (fault := _file_fault(files, sha256, size))
    ])  # fmt: skip


def _file_fault(files: Path, sha256: str, size: int) -> str | None:
    path = content_path(files, sha256)
    if not path.is_file():
        return f"{sha256} is missing"
    if path.stat().st_size != size:
        return f"{sha256} has {path.stat().st_size} bytes instead of {size}"
    return None if hash_of(path) == sha256 else f"{sha256} has another content"


def hash_of(path: Path) -> str:
    """Return the SHA-256 of a file; hex."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(READ_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def _shown(faults: list[Fault]) -> list[Fault]:
    """Leave out what is too much of one kind, and say how much that is."""
    counted, found = Counter[str](), []
    for fault in faults:
        counted[fault.kind] += 1
        if counted[fault.kind] <= SHOWN:
            found.append(fault)
    return found + [Fault(kind, f"… and {count - SHOWN} more") for kind, count in counted.items() if count > SHOWN]
