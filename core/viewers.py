"""Viewers: a person with everything that its live appointments give, read from the database anew for every request.

An office at a branch reaches the communities that the branch and the branches below it serve. No appointment is cached: one
that ended a second ago counts no more.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from core._db.seam import Row
from core.access import Grant, Viewer
from core.clock import to_wire
from core.hierarchy import lineage
from core.kinds import Reach
from core.roles import SIGNED_IN

if TYPE_CHECKING:
    from core.kernel import Fetching

Permissions = Mapping[str, frozenset[str]]
"""What each role permits."""

# A person with its live appointments, a row each; one row without a role for a person who has none.
_LIVE = """
SELECT p.id AS person_id, p.name, {account} AS account_id, ap.role_id, r.reach, ap.branch_id, ap.community_id, c.path
FROM {who}
LEFT JOIN core_appointment ap ON ap.person_id = p.id AND ap.since <= ? AND (ap.until IS NULL OR ap.until > ?)
LEFT JOIN core_role r ON r.code = ap.role_id
LEFT JOIN core_community c ON c.id = ap.community_id
WHERE {what}
"""
_PERSON = _LIVE.format(account="CAST(NULL AS BIGINT)", who="core_person p", what="p.id = ?")
_ACCOUNT = _LIVE.format(
    account="a.id",
    who="core_account a JOIN core_person p ON p.id = a.person_id",
    what="p.id = ? AND a.id = ? AND a.suspended_at IS NULL",
)
_SESSION = _LIVE.format(
    account="a.id",
    who="core_refresh_token s JOIN core_account a ON a.id = s.account_id JOIN core_person p ON p.id = a.person_id",
    what="s.id = ? AND s.revoked_at IS NULL AND a.id = ? AND a.session_version = ? AND a.suspended_at IS NULL",
)
# The joins are crossed because SQLite takes them in the order of writing then: it would else begin at the services of all
# branches, for everybody and with every request.
_SERVED = """
SELECT b.id AS branch_id, c.id AS community_id, c.path
FROM core_branch b CROSS JOIN core_branch d CROSS JOIN core_branch_service s CROSS JOIN core_community c
WHERE b.id IN ({marks}) AND d.path >= b.path AND d.path < substr(b.path, 1, length(b.path) - 1) || '0'
AND s.branch_id = d.id AND c.id = s.community_id
"""
_ABOVE = "SELECT id, path FROM core_community WHERE path IN ({marks})"
_PERMITTED = "SELECT role_id, permission FROM core_role_permission WHERE allowed"


class _Held(NamedTuple):
    """A role held at a place."""

    role: str
    reach: Reach
    community_id: int
    path: str


async def permissions_of_roles(db: Fetching) -> Permissions:
    """Read what each role permits."""
    found: dict[str, set[str]] = {}
    for row in await db.fetch(_PERMITTED):
        found.setdefault(row["role_id"], set()).add(row["permission"])
    return {role: frozenset(codes) for role, codes in found.items()}


async def load_viewer(
    db: Fetching,
    person_id: int,
    account_id: int | None = None,
    *,
    now: datetime,
    language: str = "zh",
    expires_at: datetime | None = None,
) -> Viewer | None:
    """Return a person as a viewer; None when there is no such person, or the account is suspended."""
    moment = to_wire(now)
    if account_id is None:
        rows = await db.fetch(_PERSON, (moment, moment, person_id))
    else:
        rows = await db.fetch(_ACCOUNT, (moment, moment, person_id, account_id))
    return await _viewer(db, rows, await permissions_of_roles(db), language, expires_at)


async def load_account_viewer(db: Fetching, account_id: int, *, now: datetime) -> Viewer | None:
    """Return whose account this is as a viewer; None when there is no such account, or it is suspended."""
    rows = await db.fetch("SELECT person_id FROM core_account WHERE id = ?", (account_id,))
    return await load_viewer(db, rows[0]["person_id"], account_id, now=now) if rows else None


async def load_session_viewer(
    db: Fetching,
    permissions: Permissions,
    account_id: int,
    session_version: int,
    family: int,
    *,
    now: datetime,
    language: str = "zh",
    expires_at: datetime | None = None,
) -> Viewer | None:
    """Return the viewer of a login session; None once it was ended, its password changed or its account suspended."""
    moment = to_wire(now)
    rows = await db.fetch(_SESSION, (moment, moment, family, account_id, session_version))
    return await _viewer(db, rows, permissions, language, expires_at, family)


async def _viewer(
    db: Fetching,
    rows: Sequence[Row],
    permissions: Permissions,
    language: str,
    expires_at: datetime | None,
    session: int | None = None,
) -> Viewer | None:
    if not rows:
        return None
    grants = [Grant(SIGNED_IN, Reach.SELF, permissions.get(SIGNED_IN, frozenset()))]
    if rows[0]["role_id"] is not None:
        grants = [*await _grants(db, rows, permissions), *grants]
    who = rows[0]
    return Viewer(
        who["person_id"], who["account_id"], who["name"], language, tuple(grants), expires_at=expires_at, session=session
    )  # fmt: skip


async def _grants(db: Fetching, rows: Sequence[Row], permissions: Permissions) -> list[Grant]:
    """Resolve appointments; offices before memberships, wider before narrower: a deed is recorded under the first role."""
    held = {
        _Held(row["role_id"], Reach(row["reach"]), row["community_id"], row["path"])
        for row in rows
        if row["path"] is not None and row["reach"] != Reach.SELF.value
    }
    offices = {(row["role_id"], row["branch_id"]) for row in rows if row["reach"] == Reach.OFFICE.value}
    branches = {branch for _, branch in offices if branch is not None}
    if branches:
        for row in await db.fetch(_SERVED.format(marks=_marks(branches)), tuple(branches)):
            held |= {
                _Held(role, Reach.OFFICE, row["community_id"], row["path"])
                for role, branch in offices
                if branch == row["branch_id"]
            }
    above = await _ids_above(db, {one.path for one in held if one.reach is Reach.MEMBER})
    ordered = sorted(held, key=lambda one: (one.reach is Reach.MEMBER, one.path, one.role))
    return [
        Grant(
            one.role, one.reach, permissions.get(one.role, frozenset()), one.community_id, one.path,
            above[one.path] if one.reach is Reach.MEMBER else (),
        )
        for one in ordered
    ]  # fmt: skip


async def _ids_above(db: Fetching, paths: set[str]) -> Mapping[str, tuple[int, ...]]:
    """Return the ids of each place and all above it."""
    if not paths:
        return {}
    steps = {step for path in paths for step in lineage(path)}
    ids = {row["path"]: row["id"] for row in await db.fetch(_ABOVE.format(marks=_marks(steps)), tuple(steps))}
    return {path: tuple(sorted(ids[step] for step in lineage(path) if step in ids)) for path in paths}


def _marks(values: Iterable[object]) -> str:
    return ", ".join("?" for _ in values)
