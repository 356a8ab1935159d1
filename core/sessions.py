"""One's own sessions: where one is signed in, and ending a session from another one.

A session is a family of refresh tokens (``accounts.py``). Of the device nothing is kept, neither address nor name: the
list tells when a session began and when it was last refreshed, which is enough to end what one does not remember.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from core import errors
from core._db.seam import Tx
from core.access import Viewer
from core.accounts import leave, revoke
from core.clock import from_wire, to_wire

if TYPE_CHECKING:
    from core.kernel import Kernel

_OPEN = """
SELECT t.family, MIN(t.issued_at) AS began_at, MAX(t.issued_at) AS refreshed_at, MAX(t.expires_at) AS expires_at
FROM core_refresh_token t JOIN core_refresh_token root ON root.id = t.family
WHERE t.account_id = ? AND root.revoked_at IS NULL
GROUP BY t.family HAVING MAX(t.expires_at) > ? ORDER BY MAX(t.issued_at) DESC, t.family DESC
"""


@dataclass(frozen=True)
class OpenSession:
    """A session that has not ended: when it began, was last refreshed, and ends if it is not refreshed again."""

    id: int
    began_at: datetime
    refreshed_at: datetime
    expires_at: datetime
    is_this: bool


async def open_sessions(kernel: Kernel, viewer: Viewer) -> list[OpenSession]:
    """Return the sessions of a viewer's account, the one refreshed last first; none for who has no account."""
    if viewer.account_id is None:
        return []
    rows = await kernel.database.fetch(_OPEN, (viewer.account_id, to_wire(kernel.clock.now())))
    return [
        OpenSession(
            row["family"], from_wire(row["began_at"]), from_wire(row["refreshed_at"]), from_wire(row["expires_at"]),
            row["family"] == viewer.session,
        )
        for row in rows
    ]  # fmt: skip


async def end_session(kernel: Kernel, viewer: Viewer, session: int) -> None:
    """End one of one's own sessions, its access tokens included.

    Raises:
        NotFound: there is no such open session of this account.
    """
    if not await _end(kernel, viewer, lambda found: found.id == session):
        raise errors.NOT_FOUND(what=f"OpenSession_{session}")


async def end_other_sessions(kernel: Kernel, viewer: Viewer) -> int:
    """End all of one's own sessions but the one that asks; returns how many there were."""
    return await _end(kernel, viewer, lambda found: not found.is_this)


async def _end(kernel: Kernel, viewer: Viewer, chosen: Callable[[OpenSession], bool]) -> int:
    if viewer.account_id is None:
        raise errors.NOT_SIGNED_IN()
    families = [found.id for found in await open_sessions(kernel, viewer) if chosen(found)]

    async def end(tx: Tx) -> None:
        now = kernel.clock.now()
        for family in families:
            await revoke(tx, "family", family, now)
            await leave(tx, now, "core.end_session", viewer.person_id, session=str(family))

    await kernel.database.run(end)
    kernel.committed()
    return len(families)
