"""Reminders: what time makes necessary."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from book_drifting import service
from book_drifting.settings import BookDriftingSettings
from core.access import within
from core.clock import to_wire
from core.plugin import Conflict, Disabled, NotFound, Sweep, Viewer

if TYPE_CHECKING:
    from core.kernel import Kernel

PLUGIN = "book_drifting"
LONGEST = timedelta(days=30)  # no place may remind earlier than that, see settings
BATCH = 200


async def remind(kernel: Kernel) -> None:
    """Remind the borrowers whose loans are due soon, each once; where the plugin is off, nobody."""
    now = kernel.clock.now()
    book = await kernel.settings_book()
    places = within("m.path", book.enabled_ranges(PLUGIN, now))
    rows = await kernel.database.fetch(
        "SELECT l.book_id, l.due_at, m.path FROM book_drifting_loan l JOIN core_matter m ON m.id = l.book_id "  # noqa: S608
        "WHERE l.returned_at IS NULL AND l.reminded_at IS NULL AND l.due_at <= ? "
        f"AND {places.sql} ORDER BY l.due_at LIMIT {BATCH}",
        (to_wire(now + LONGEST), *places.params),
    )
    for row in rows:
        days = book.resolve(PLUGIN, BookDriftingSettings, row["path"], now).values.remind_days
        if datetime.fromisoformat(row["due_at"]) - timedelta(days=days) <= now:
            await _remind_one(kernel, row["book_id"])


async def _remind_one(kernel: Kernel, book: int) -> None:
    try:
        await kernel.perform(service.book_drifting_remind, Viewer(system="book_drifting.remind"), id=book)
    except (Conflict, Disabled, NotFound):  # returned, switched off or removed meanwhile
        return


SWEEPS = (Sweep("remind", 3600, remind),)
