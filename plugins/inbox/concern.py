"""Which news concern a person, and which of them may be told outside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from core import access
from core.access import FALSE, Grant, Sight, Viewer, Where, among
from core.hierarchy import lineage
from core.kernel import Kernel
from core.kinds import Reach
from schema.declared import REGISTRY
from schema.reading import visible_matters


def concerning(sight: Sight) -> Where:
    """Return the predicate over ``{t}``, a row of ``core_news``: what is addressed to the viewer, what happened where the
    viewer belongs or holds an office, and what became of matters that the viewer follows. Sight is checked beside it.
    """
    viewer = sight.viewer
    if viewer.person_id is None:
        return FALSE
    offices = {grant.community_id for grant in viewer.grants if grant.reach is Reach.OFFICE and grant.community_id}
    followed = Where(
        "{t}.matter_id IN (SELECT f.matter_id FROM inbox_follow f WHERE f.person_id = ?)", (viewer.person_id,)
    )
    around = among("{t}.community_id", sorted({*viewer.places(), *offices}))
    return access.person("{t}.person_id")(sight) | (Where("{t}.person_id IS NULL") & (around | followed))


def told(sight: Sight) -> Where:
    """Return the predicate over ``core_news t``: what concerns the viewer, as far as the viewer may see it."""
    news, mine = REGISTRY["NewsItem"], concerning(sight)
    return news.seen(sight) & Where(news.expand(mine.sql), mine.params)


async def titles_for_letters(kernel: Kernel, rows: Sequence[Mapping[str, Any]]) -> dict[int, str]:
    """Return the titles, by matter, that any member of the place may read: a letter may be read by others.

    What fewer may see (a draft, a confidential case) is told by the name of its event alone.
    """
    book, now = await kernel.settings_book(), kernel.clock.now()
    found: dict[int, str] = {}
    by_path: dict[str, list[int]] = {}
    for row in rows:
        if row["matter_id"] is not None:
            by_path.setdefault(row["path"], []).append(row["matter_id"])
    for path, keys in by_path.items():
        above = await kernel.database.fetch(
            f"SELECT id FROM core_community WHERE path IN ({', '.join('?' * len(lineage(path)))}) ORDER BY path",
            lineage(path),
        )
        places = tuple(row["id"] for row in above)
        neighbour = Viewer(grants=(Grant("resident", Reach.MEMBER, frozenset(), places[-1], path, places),))
        seen = visible_matters(kernel.sight(neighbour, book, now)) & among("m.id", sorted(set(keys)))
        read = await kernel.database.fetch(f"SELECT m.id, m.title FROM core_matter m WHERE {seen.sql}", seen.params)
        found |= {row["id"]: row["title"] for row in read}
    return found
