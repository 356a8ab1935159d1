"""The change feed as a viewer may see it: one query for polling, the same for subscriptions."""

from collections.abc import AsyncGenerator
from datetime import datetime
from typing import cast

import strawberry
from strawberry.scalars import JSON

from core import access
from core.events import Event
from core.hierarchy import subtree_range
from core.ids import global_id
from core.kernel import Kernel
from core.keys import CannotUnseal
from schema.paging import BAD_CURSOR, check_first
from schema.reading import visible_matters

BATCH = 100
LOOK = 10_000
"""How many events one read looks through at most: where a viewer may see little, a page is short, and never late."""


@strawberry.type(description="Something that happened, as the change feed shows it.")
class Change:
    """Something that happened."""

    cursor: str = strawberry.field(description="Pass the last one you saw as `after`: you will miss nothing.")
    type: str = strawberry.field(description="What happened, `plugin.past_tense`.")
    at: datetime = strawberry.field(description="When.")
    community: strawberry.ID | None = strawberry.field(description="The id of the community.")
    subject: strawberry.ID | None = strawberry.field(
        description="The global id of the matter it concerns; read it with `node`."
    )
    payload: JSON = strawberry.field(description="Ids, codes and numbers; never personal data.")

    @classmethod
    def of(cls, kernel: Kernel, event: Event, subject: str | None) -> "Change":
        """Make the feed's entry of an event."""
        community = strawberry.ID(f"Community_{event.community_id}") if event.community_id else None
        return cls(
            cursor=write_cursor(kernel, event.seq), type=event.type, at=event.at, community=community,
            subject=strawberry.ID(subject) if subject else None, payload=cast(JSON, event.payload),
        )  # fmt: skip


@strawberry.type(description="A page of the change feed.")
class ChangePage:
    """A page of the change feed."""

    changes: list[Change] = strawberry.field(description="What happened, oldest first, at most `first` items.")
    cursor: str = strawberry.field(description="Pass this as `after` next time, also when the page is empty.")
    more: bool = strawberry.field(
        description="Whether there is more to read at once; a page may be short, or empty, and yet not be the last."
    )


PLACE = ("core_event", "cursor", 0)


def write_cursor(kernel: Kernel, seq: int) -> str:
    """Seal a place in the feed, differently each time: numbers would tell how much goes on that one may not see."""
    return kernel.keys.seal(*PLACE, f"{seq:019d}")


def read_cursor(kernel: Kernel, cursor: str) -> int:
    """Return the place in the feed that a cursor stands for; a plain number, as 0 for the beginning, is one, too."""
    if cursor.isascii() and cursor.isdigit() and len(cursor) <= 18:
        return int(cursor)
    try:
        return int(kernel.keys.unseal(*PLACE, cursor))
    except CannotUnseal as error:
        raise BAD_CURSOR(path=("after",)) from error


def visible_events(kernel: Kernel, sight: access.Sight) -> access.Where:
    """Return the predicate of the feed: one's own events, those of visible matters, public ones, and all for auditors."""
    own = access.person("e.person_id")(sight)
    anyone = access.Where("e.person_id IS NULL")
    matters = visible_matters(sight)
    of_matter = access.Where(
        f"EXISTS (SELECT 1 FROM core_matter m WHERE m.id = e.matter_id AND {matters.sql})", matters.params
    )
    public = [code for code, event in kernel.event_types.items() if event.public]
    named = access.Where(f"(e.matter_id IS NULL AND e.type IN ({', '.join('?' * len(public))}))", tuple(public))
    audited = access.holders("core.read_trace", path="e.path", place="e.community_id")(sight)
    return own | (anyone & (of_matter | named | (access.Where("e.matter_id IS NULL") & audited)))


async def _read(
    info: strawberry.Info, after: int, newest: int, low_high: tuple[str, str] | None, limit: int
) -> tuple[list[Event], int]:
    """Return what may be seen of the next events, and up to where they were looked through."""
    context, end = info.context, max(after, min(after + LOOK, newest))
    where = visible_events(context.kernel, context.sight) & access.Where("e.seq > ? AND e.seq <= ?", (after, end))
    if low_high is not None:
        # With the empty text the path filters and does not find: its index would give, and sort, all that ever happened
        # there, where a walk by seq begins at the cursor.
        where &= access.Where("(e.path || '') >= ? AND (e.path || '') < ?", low_high)
    rows = await context.kernel.database.fetch(
        f"SELECT e.* FROM core_event e WHERE {where.sql} ORDER BY e.seq LIMIT ?", (*where.params, limit)
    )
    found = [Event.of(row) for row in rows]
    return found, found[-1].seq if len(found) == limit else end


async def _subjects(info: strawberry.Info, found: list[Event]) -> dict[int, str]:
    ids = sorted({event.matter_id for event in found if event.matter_id is not None})
    if not ids:
        return {}
    rows = await info.context.kernel.database.fetch(
        f"SELECT id, plugin, kind FROM core_matter WHERE id IN ({', '.join('?' * len(ids))})", ids
    )
    kinds = info.context.sight.kinds
    declared = {row["id"]: kinds.get((row["plugin"], row["kind"])) for row in rows}
    return {key: global_id(kind.type_name, key) for key, kind in declared.items() if kind}


async def _newest(info: strawberry.Info) -> int:
    return int(await info.context.kernel.database.value("SELECT COALESCE(MAX(seq), 0) FROM core_event"))


async def _bounds(info: strawberry.Info, community: str | None) -> tuple[str, str] | None:
    if not community:
        return None
    return subtree_range((await info.context.reading.place_by_code(str(community))).path)


async def _start(info: strawberry.Info, after: str | None) -> int:
    if not after:
        return await _newest(info)
    return read_cursor(info.context.kernel, after)


async def changes_after(info: strawberry.Info, after: str | None, community: str | None, first: int) -> ChangePage:
    """Return a page of the feed behind a cursor; without a cursor an empty page with the cursor of this moment."""
    size = check_first(first)
    bounds, start = await _bounds(info, community), await _start(info, after)
    newest = await _newest(info)
    found, looked = await _read(info, start, newest, bounds, size + 1)
    kept = found[:size]
    if len(found) > size:
        looked = kept[-1].seq if kept else start
    subjects = await _subjects(info, kept)
    kernel = info.context.kernel
    return ChangePage(
        changes=[Change.of(kernel, event, subjects.get(event.matter_id or 0)) for event in kept],
        cursor=write_cursor(kernel, looked), more=looked < newest,
    )  # fmt: skip


async def follow(
    info: strawberry.Info, after: str | None, community: str | None
) -> AsyncGenerator[tuple[Event, str | None], None]:
    """Yield events behind a cursor, then live; what the viewer may see is decided anew for every event."""
    bounds, last = await _bounds(info, community), await _start(info, after)
    async for _ in info.context.kernel.feed.rings():
        while True:
            # What comes from here on is for the next time: who lost a right sees nothing that happened after that.
            newest = await _newest(info)
            await info.context.look_again()
            found, last = await _read(info, last, newest, bounds, BATCH)
            subjects = await _subjects(info, found)
            for event in found:
                yield event, subjects.get(event.matter_id or 0)
                if not info.context.has_looked:  # a slow reader: what is left is chosen anew
                    last = event.seq
                    break
            if last >= newest:
                break
