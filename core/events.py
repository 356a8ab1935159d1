"""Events: what happened, written with the deed and delivered after it; the change feed and the outbox are one table.

``seq`` is given when the deed commits, so the feed has no holes that fill later: a client that remembers the last ``seq``
it saw misses nothing.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from functools import cache
from typing import TYPE_CHECKING, Any

from core._db.seam import Row, Statement, Tx
from core.clock import from_wire, to_wire
from core.fields import canonical_json
from core.ids import new_id

if TYPE_CHECKING:
    from core.kernel import Kernel


class Telling(Enum):
    """Whom an event is news to, beside the programs that follow the change feed."""

    NOBODY = "nobody"
    CONCERNED = "the person it is about, else the author of its matter"
    EVERYBODY = "whoever may see its matter"


@dataclass(frozen=True)
class EventType:
    """A declared kind of event, e.g. ``voting.poll_closed``.

    ``public`` events without a matter are shown to everybody; those of a matter to whoever may see the matter; all others
    to holders of ``core.read_trace`` at the place. ``tells`` says whom it is news to: what comes often, as ballots do, is
    news to nobody.
    """

    code: str
    title_zh: str
    title_en: str
    public: bool = False
    tells: Telling = Telling.NOBODY

    def title(self, language: str) -> str:
        """Return what it is called in a language."""
        return self.title_en if language == "en" else self.title_zh


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


_NEWS = "INSERT INTO core_news (id, at, type, plugin, community_id, path, matter_id, person_id) "
_NEWS_TO = f"{_NEWS}VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
_NEWS_TO_AUTHOR = (
    f"{_NEWS}SELECT CAST(? AS BIGINT), ?, ?, ?, CAST(? AS BIGINT), ?, m.id, m.author_id FROM core_matter m "
    "WHERE m.id = ? AND m.author_id IS NOT NULL"
)


def written(
    tx: Tx,
    kind: EventType,
    *,
    at: datetime,
    community_id: int | None,
    path: str,
    matter_id: int | None,
    person_id: int | None,
    payload: dict[str, Any],
) -> list[Statement]:
    """Return what writes one event, and that it is news to somebody where it is."""
    row = (new_id(), to_wire(at), kind.code, kind.code.partition(".")[0], community_id, path, matter_id)
    found: list[Statement] = [(_insert(tx.next_seq), (*row, person_id, canonical_json(payload)))]
    if person_id is not None and kind.tells is not Telling.NOBODY:
        found.append((_NEWS_TO, (*row, person_id)))
    elif kind.tells is Telling.CONCERNED:
        found.append((_NEWS_TO_AUTHOR, row))
    elif kind.tells is Telling.EVERYBODY:
        found.append((_NEWS_TO, (*row, None)))
    return found


async def append(tx: Tx, type: str, **event_of: Any) -> None:
    """Write one event of the kernel that is news to nobody in the deed's transaction; takes what ``written`` takes."""
    await tx.together(written(tx, EventType(type, "", ""), **event_of))
