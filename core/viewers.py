"""Viewers: a person with everything that its live appointments give, read from the database anew for every request.

An office at a branch reaches the communities that the branch and the branches below it serve. Nothing is cached: an
appointment that ended a second ago counts no more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from core._db.seam import Row
from core.access import Grant, Viewer
from core.clock import to_wire
from core.kinds import Reach
from core.roles import SIGNED_IN

if TYPE_CHECKING:
    from core.kernel import Fetching

# One statement for everything a viewer is: the person, the places where roles are held (through branches, too), what
# the roles permit, and for memberships the places above. The first column says what a row is about. The person's key is
# given as a value, not joined: a planner that has statistics would else read all appointments into a filter first.
# The joins to branches are crossed because SQLite takes them in the order of writing then: it would else begin at the
# services of all branches, for everybody and with every request.
_VIEWER_SQL = """
WITH RECURSIVE who AS ({who}),
live AS (
  SELECT ap.role_id, r.reach, ap.community_id, ap.branch_id
  FROM core_appointment ap JOIN core_role r ON r.code = ap.role_id
  WHERE ap.person_id = (SELECT person_id FROM who) AND ap.since <= ? AND (ap.until IS NULL OR ap.until > ?)
),
held AS (
  SELECT role_id, reach, community_id FROM live WHERE community_id IS NOT NULL AND reach <> 'SELF'
  UNION
  SELECT live.role_id, live.reach, s.community_id
  FROM live CROSS JOIN core_branch b CROSS JOIN core_branch d CROSS JOIN core_branch_service s
  WHERE live.reach = 'OFFICE' AND b.id = live.branch_id AND s.branch_id = d.id
  AND d.path >= b.path AND d.path < substr(b.path, 1, length(b.path) - 1) || '0'
),
above AS (
  SELECT held.community_id AS home, c.id, c.parent_id
  FROM held JOIN core_community c ON c.id = held.community_id WHERE held.reach = 'MEMBER'
  UNION
  SELECT above.home, c.id, c.parent_id FROM above JOIN core_community c ON c.id = above.parent_id
)
SELECT 'WHO' AS about, name AS role, '' AS word, person_id AS place, account_id AS other FROM who
UNION ALL
SELECT held.reach, held.role_id, c.path, held.community_id, NULL
FROM held JOIN core_community c ON c.id = held.community_id
UNION ALL
SELECT 'MAY', p.role_id, p.permission, NULL, NULL FROM core_role_permission p
WHERE p.allowed AND (p.role_id = 'signed_in' OR p.role_id IN (SELECT role_id FROM held))
UNION ALL
SELECT 'ABOVE', '', '', home, id FROM above
"""
_PERSON = _VIEWER_SQL.format(
    who="SELECT id AS person_id, name, CAST(NULL AS BIGINT) AS account_id FROM core_person WHERE id = ?"
)
_ACCOUNT = _VIEWER_SQL.format(
    who="SELECT p.id AS person_id, p.name, a.id AS account_id "
    "FROM core_account a JOIN core_person p ON p.id = a.person_id "
    "WHERE p.id = ? AND a.id = ? AND a.suspended_at IS NULL"
)
_SESSION = _VIEWER_SQL.format(
    who="SELECT p.id AS person_id, p.name, a.id AS account_id "
    "FROM core_account a JOIN core_person p ON p.id = a.person_id "
    "JOIN core_refresh_token s ON s.account_id = a.id AND s.id = ? AND s.revoked_at IS NULL "
    "WHERE a.id = ? AND a.session_version = ? AND a.suspended_at IS NULL"
)


async def load_viewer(
    db: Fetching,
    person_id: int,
    account_id: int | None = None,
    *,
    now: datetime,
    language: str = "zh",
    expires_at: datetime | None = None,
) -> Viewer | None:
    """Return a person as a viewer, by one statement; None when there is no such person, or the account is suspended."""
    moment = to_wire(now)
    if account_id is None:
        rows = await db.fetch(_PERSON, (person_id, moment, moment))
    else:
        rows = await db.fetch(_ACCOUNT, (person_id, account_id, moment, moment))
    return _viewer(rows, language, expires_at)


async def load_session_viewer(
    db: Fetching,
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
    rows = await db.fetch(_SESSION, (family, account_id, session_version, moment, moment))
    return _viewer(rows, language, expires_at)


def _viewer(rows: Sequence[Row], language: str, expires_at: datetime | None) -> Viewer | None:
    who: Row | None = None
    permissions: dict[str, set[str]] = {}
    above: dict[int, list[int]] = {}
    held: list[Row] = []
    for row in rows:
        match row["about"]:
            case "WHO":
                who = row
            case "MAY":
                permissions.setdefault(row["role"], set()).add(row["word"])
            case "ABOVE":
                above.setdefault(row["place"], []).append(row["other"])
            case _:
                held.append(row)
    if who is None:
        return None
    granted = {role: frozenset(codes) for role, codes in permissions.items()}
    # Offices before memberships, wider before narrower: the first role is the one under which a deed is recorded.
    held.sort(key=lambda row: (row["about"] == Reach.MEMBER, row["word"], row["role"]))
    grants = [_grant(row, granted, above) for row in held]
    grants.append(Grant(SIGNED_IN, Reach.SELF, granted.get(SIGNED_IN, frozenset())))
    return Viewer(who["place"], who["other"], who["role"], language, tuple(grants), expires_at=expires_at)


def _grant(row: Row, granted: Mapping[str, frozenset[str]], above: Mapping[int, list[int]]) -> Grant:
    reach, place = Reach(row["about"]), row["place"]
    lineage = tuple(sorted(above.get(place, ()))) if reach is Reach.MEMBER else ()
    return Grant(row["role"], reach, granted.get(row["role"], frozenset()), place, row["word"], lineage)
