"""The second tree: Party branches, each of which serves one or more communities.

A branch can hold gates and roles; it never casts, cancels or re-weights owners' votes.
"""

from __future__ import annotations

from dataclasses import dataclass

from core import errors, hierarchy
from core._db.seam import Row
from core.access import Permission
from core.errors import Conflict, Invalid, Problem, check_text
from core.events import EventType
from core.hierarchy import PLACE_COLUMNS, Place, Reads
from core.ids import new_id
from core.kinds import BranchLevel
from core.work import Act, deed

MANAGE = "core.manage_branches"
BRANCH_COLUMNS = "id, code, level, name, parent_id, path"
LEVELS = tuple(BranchLevel)
# A committee may stand at the top of the tree; a branch or a group belongs to one above it.
TOPMOST = (BranchLevel.TOWN_WORK_COMMITTEE, BranchLevel.COMMUNITY_COMMITTEE)

PERMISSIONS = (
    Permission(
        MANAGE, "管理党组织", "Add Party branches and say whom they serve",
        roles=("system_admin", "district_staff", "town_staff"),
    ),
)  # fmt: skip
EVENTS = (
    EventType("core.branch_added", "党组织已添加", "A branch was added", public=True),
    EventType("core.community_served", "党组织开始服务", "A branch began to serve a community", public=True),
    EventType("core.service_ended", "党组织停止服务", "A branch stopped serving a community", public=True),
)
NEEDS_PARENT = Problem(
    Invalid, "core.branch_needs_parent", "{level_zh}须隶属于上级党组织，请填写上级。",
    "A {level} belongs to an organisation above it. Name that as its parent.",
)  # fmt: skip
BRANCH_LEVEL = Problem(
    Invalid, "core.wrong_branch_level", "{level_zh}不能隶属于“{parent}”（{parent_zh}）：上级的层级必须更高。",
    "A {level} cannot belong to {parent}, a {parent_level}: the one above must be of a higher level.",
)  # fmt: skip
SERVED_ALREADY = Problem(
    Conflict, "core.served_already", "“{branch}”已经服务“{place}”。", "{branch} serves {place} already."
)
NOT_SERVED = Problem(Conflict, "core.not_served", "“{branch}”没有服务“{place}”。", "{branch} does not serve {place}.")
PROBLEMS = (NEEDS_PARENT, BRANCH_LEVEL, SERVED_ALREADY, NOT_SERVED)


@dataclass(frozen=True)
class PartyBranch:
    """One branch as deeds and reads see it."""

    id: int
    code: str
    level: BranchLevel
    name: str
    parent_id: int | None
    path: str

    @classmethod
    def of(cls, row: Row) -> PartyBranch:
        """Make a branch of a database row with BRANCH_COLUMNS."""
        return cls(row["id"], row["code"], BranchLevel(row["level"]), row["name"], row["parent_id"], row["path"])


# -- reads ------------------------------------------------------------------------------------------------------------


async def branch_by_code(db: Reads, code: str) -> PartyBranch:
    """Find a branch by its code, or raise NotFound."""
    rows = await db.fetch(f"SELECT {BRANCH_COLUMNS} FROM core_branch WHERE code = ?", (code,))
    if not rows:
        raise errors.NOT_FOUND(path=("input", "branch"), what=f"branch {code[:40]}")
    return PartyBranch.of(rows[0])


async def branch_tree(db: Reads, branch: PartyBranch, *, limit: int = 500) -> list[PartyBranch]:
    """Return a branch and those below it, every one after the one it belongs to."""
    rows = await db.fetch(
        f"SELECT {BRANCH_COLUMNS} FROM core_branch WHERE path >= ? AND path < ? ORDER BY path LIMIT {int(limit)}",
        hierarchy.subtree_range(branch.path),
    )
    return [PartyBranch.of(row) for row in rows]


async def branches_above(db: Reads, branch: PartyBranch) -> list[PartyBranch]:
    """Return the organisations above a branch, from the top down, without itself."""
    above = hierarchy.lineage(branch.path)[:-1]
    if not above:
        return []
    marks = ", ".join("?" * len(above))
    rows = await db.fetch(f"SELECT {BRANCH_COLUMNS} FROM core_branch WHERE path IN ({marks}) ORDER BY path", above)
    return [PartyBranch.of(row) for row in rows]


async def branches_serving(db: Reads, place: Place) -> list[PartyBranch]:
    """Return the branches that serve a place, or a place above it, the nearest place's first."""
    above = hierarchy.lineage(place.path)
    columns = ", ".join(f"b.{name}" for name in BRANCH_COLUMNS.split(", "))
    rows = await db.fetch(
        f"SELECT {columns} FROM core_branch_service s JOIN core_community c ON c.id = s.community_id "
        f"JOIN core_branch b ON b.id = s.branch_id WHERE c.path IN ({', '.join('?' * len(above))}) "
        "ORDER BY LENGTH(c.path) DESC, b.path",
        above,
    )
    return list({row["id"]: PartyBranch.of(row) for row in rows}.values())


async def places_served(db: Reads, branch: PartyBranch, *, limit: int = 500) -> list[Place]:
    """Return the places that a branch serves itself, in the order of the tree."""
    columns = ", ".join(f"c.{name}" for name in PLACE_COLUMNS.split(", "))
    rows = await db.fetch(
        f"SELECT {columns} FROM core_branch_service s JOIN core_community c ON c.id = s.community_id "
        f"WHERE s.branch_id = ? ORDER BY c.path LIMIT {int(limit)}",
        (branch.id,),
    )
    return [Place.of(row) for row in rows]


# -- deeds ------------------------------------------------------------------------------------------------------------


@deed(MANAGE)
async def add_branch(act: Act, *, level: BranchLevel, name: str, parent: str | None = None) -> int:
    """Add a Party branch that serves the place ``community``, below the branch with the code ``parent``.

    Its code is the place's with the next free number: ``440604010001-P01``. A committee may stand at the top.
    """
    title = check_text(name, "name", most=120)
    above = await _checked_parent(act, level, parent)
    code = await _free_code(act)
    path = (above.path if above else "") + hierarchy.segment(code, above.code if above else None) + "/"
    key = new_id()
    await act.tx.execute(
        "INSERT INTO core_branch (id, code, level, name, parent_id, path) VALUES (?, ?, ?, ?, ?, ?)",
        (key, code, level.value, title, above.id if above else None, path),
    )
    await _serve(act, key)
    act.note(added=code, level=level.value, parent=above.code if above else None)
    act.emit("core.branch_added", branch=code, level=level.value, community=act.place.code)
    return key


@deed(MANAGE)
async def serve_community(act: Act, *, branch: str) -> int:
    """Let the branch with this code serve the place ``community`` as well."""
    found = await branch_by_code(act.tx, branch)
    if not await _serve(act, found.id):
        raise SERVED_ALREADY(branch=found.name, place=act.place.name)
    act.note(branch=found.code, served=True)
    act.emit("core.community_served", branch=found.code, community=act.place.code)
    return found.id


@deed(MANAGE)
async def end_service(act: Act, *, branch: str) -> int:
    """Let the branch with this code stop serving the place ``community``."""
    found = await branch_by_code(act.tx, branch)
    ended = await act.tx.execute(
        "DELETE FROM core_branch_service WHERE branch_id = ? AND community_id = ?", (found.id, act.place.id)
    )
    if not ended:
        raise NOT_SERVED(branch=found.name, place=act.place.name)
    act.note(branch=found.code, served=False)
    act.emit("core.service_ended", branch=found.code, community=act.place.code)
    return found.id


DEEDS = (add_branch, serve_community, end_service)


async def _checked_parent(act: Act, level: BranchLevel, code: str | None) -> PartyBranch | None:
    if code is None:
        if level not in TOPMOST:
            raise NEEDS_PARENT(path=("input", "parent"), level=level.label_en, level_zh=level.label_zh)
        return None
    parent = await branch_by_code(act.tx, code)
    if LEVELS.index(parent.level) >= LEVELS.index(level):
        raise BRANCH_LEVEL(
            path=("input", "parent"), level=level.label_en, level_zh=level.label_zh, parent=parent.name,
            parent_level=parent.level.label_en, parent_zh=parent.level.label_zh,
        )  # fmt: skip
    return parent


async def _free_code(act: Act) -> str:
    """Return the next branch code of the deed's place; its row is held, so that two at once get two codes."""
    await act.tx.fetch(f"SELECT id FROM core_community WHERE id = ?{act.tx.for_update}", (act.place.id,))
    stem = f"{act.place.code}-P"
    rows = await act.tx.fetch(
        "SELECT code FROM core_branch WHERE code >= ? AND code < ?", (stem, f"{act.place.code}-Q")
    )
    given = [int(rest) for row in rows if (rest := row["code"][len(stem) :]).isascii() and rest.isdigit()]
    return f"{stem}{max(given, default=0) + 1:02}"


async def _serve(act: Act, branch_id: int) -> int:
    return await act.tx.execute(
        "INSERT INTO core_branch_service (id, branch_id, community_id) VALUES (?, ?, ?) "
        "ON CONFLICT (branch_id, community_id) DO NOTHING",
        (new_id(), branch_id, act.place.id),
    )
