"""Events: what happened, written with the deed and delivered after it; the change feed and the outbox are one table.

``seq`` is given when the deed commits, so the feed has no holes that fill later: a client that remembers the last ``seq``
it saw misses nothing.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Any

from core._db.seam import Row, Statement, Tx
from core.clock import from_wire, to_wire
from core.fields import canonical_json
from core.ids import new_id

if TYPE_CHECKING:
    from core.kernel import Kernel


@dataclass(frozen=True)
class EventType:
    """A declared kind of event, e.g. ``voting.poll_closed``.

    ``public`` events without a matter are shown to everybody; those of a matter to whoever may see the matter; all others
    to holders of ``core.read_trace`` at the place.
    """

    code: str
    title_zh: str
    title_en: str
    public: bool = False


@dataclass(frozen=True)
class Event:
    """One event as the feed and the reactions see it; ``payload`` holds ids, codes and numbers, never personal data."""

    id: int
    seq: int
    at: datetime
    type: str
    plugin: str
    community_id: int | None
    path: str
    matter_id: int | None
    person_id: int | None
    payload: dict[str, Any]

    @classmethod
    def of(cls, row: Row) -> Event:
        """Make an event of a database row."""
        return cls(
            row["id"], row["seq"], from_wire(row["at"]), row["type"], row["plugin"], row["community_id"], row["path"],
            row["matter_id"], row["person_id"], json.loads(row["payload"]),
        )  # fmt: skip


@dataclass(frozen=True)
class Reaction:
    """What a plugin does after an event, outside of the deed that caused it.

    Delivered in order, at least once, while the plugin is on at the event's place: be idempotent (pass the event's id as
    the idempotency key of any deed). An exception is retried with the next event or sweep, and named in ``plugins``.
    """

    event: str
    name: str
    run: Callable[[Kernel, Event], Awaitable[None]]


@cache
def _insert(next_seq: str) -> str:
    return (
        "INSERT INTO core_event (id, at, type, plugin, community_id, path, matter_id, person_id, payload, seq) "
        f"VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, {next_seq.format(table='core_event')})"
    )


def event(
    tx: Tx,
    *,
    at: datetime,
    type: str,
    community_id: int | None,
    path: str,
    matter_id: int | None,
    person_id: int | None,
    payload: dict[str, Any],
) -> Statement:
    """Return what writes one event."""
    row = (new_id(), to_wire(at), type, type.partition(".")[0], community_id, path, matter_id, person_id)
    return _insert(tx.next_seq), (*row, canonical_json(payload))


async def append(tx: Tx, **event_of: Any) -> None:
    """Write one event in the deed's transaction; takes what ``event`` takes."""
    await tx.together([event(tx, **event_of)])
