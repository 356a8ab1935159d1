"""The deeds that change the tree of places: compounds, buildings and stairwells are added here, places are renamed,
moved and closed. The levels that the State names come from the official file (``core.divisions``).
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from core import hierarchy
from core.access import Permission
from core.clock import to_wire
from core.errors import PLACE_CLOSED, Conflict, Invalid, Problem, check_text
from core.events import EventType
from core.hierarchy import OFFICIAL, PARENTS, PLACE_COLUMNS, Place
from core.ids import new_id
from core.kinds import CommunityKind
from core.work import Act, deed

MANAGE = "core.manage_communities"
NAME_LENGTH = 120
CODE_LENGTH = 64

PERMISSIONS = (
    Permission(
        MANAGE, "管理社区与小区", "Add, rename, move and close places",
        roles=("system_admin", "district_staff", "town_staff"),
    ),
)  # fmt: skip
EVENTS = (
    EventType("core.community_added", "小区已添加", "A place was added", public=True),
    EventType("core.community_renamed", "名称已更改", "A place was renamed", public=True),
    EventType("core.community_moved", "归属已调整", "A place was moved", public=True),
    EventType("core.community_closed", "已撤销", "A place was closed", public=True),
    EventType("core.divisions_imported", "行政区划已导入", "Official divisions were imported", public=True),
)
OFFICIAL_ONLY = Problem(
    Invalid, "core.official_division", "{kind_zh}属于行政区划，须通过导入行政区划文件维护，不能在此手工更改。",
    "This {kind} is an official division: it is kept by importing the official file, not by hand.",
)  # fmt: skip
WRONG_PARENT = Problem(
    Invalid, "core.wrong_parent", "{kind_zh}不能设在“{place}”（{parent_zh}）之下，只能设在：{allowed_zh}。",
    "A {kind} cannot stand under {place}, a {parent}. It stands under: {allowed}.",
)  # fmt: skip
UNDER_ITSELF = Problem(
    Invalid, "core.under_itself", "不能把“{place}”移到它自己或它的下级之下。", "{place} cannot be moved under itself."
)
BAD_CODE = Problem(
    Invalid, "core.bad_code", "编码应为“{parent}-”后接一个大写字母和最多 15 个字母或数字，例如 {example}。",
    "The code must be {parent}- and then a capital letter and up to 15 letters or digits, e.g. {example}.",
)  # fmt: skip
CODE_TAKEN = Problem(
    Conflict, "core.code_taken", "编码 {code} 已被使用，请换一个，或不填由系统编号。",
    "The code {code} is taken. Choose another, or leave it out to get the next free one.",
)  # fmt: skip
HAS_OPEN_PLACES = Problem(
    Conflict, "core.has_open_places", "“{place}”之下还有 {count} 个未撤销的下级，请先移走或撤销它们。",
    "{place} still has {count} open places below it. Move or close those first.",
)  # fmt: skip
PROBLEMS = (
    OFFICIAL_ONLY, WRONG_PARENT, UNDER_ITSELF, BAD_CODE, CODE_TAKEN, HAS_OPEN_PLACES,
)  # fmt: skip

# How the code of a place goes on from its parent's: a letter and so many digits (domain §8.1).
NUMBERING: Mapping[CommunityKind, tuple[str, int]] = {
    CommunityKind.COMPOUND: ("C", 3),
    CommunityKind.BUILDING: ("B", 2),
    CommunityKind.STAIRWELL: ("S", 1),
}


@deed(MANAGE)
async def add_community(act: Act, *, kind: CommunityKind, name: str, code: str | None = None) -> int:
    """Add a compound, a building or a stairwell right below the place ``community``.

    Without a code it gets the next free number: ``440604010001-C001``, its buildings ``…-B01``, their stairwells
    ``…-S1``. Numbers of closed and moved places are not given again. Wider divisions come from the official file only.
    """
    made = await add_child(act, act.place, kind, name, code)
    act.note(added=made.code, kind=kind.value, name=made.name)
    return made.id


async def add_child(act: Act, parent: Place, kind: CommunityKind, name: str, code: str | None = None) -> Place:
    """Add a place below another from within a deed that covers it: a roster of owners brings its buildings along."""
    if kind in OFFICIAL:
        raise OFFICIAL_ONLY(path=("input", "kind"), kind=kind.value, kind_zh=kind.label_zh)
    above = await _locked(act, parent)
    _check_parent(kind, above, "kind")
    title = check_text(name, "name", most=NAME_LENGTH)
    new_code = await _free_code(act, kind, above) if code is None else await _checked_code(act, kind, above, code)
    made = Place(new_id(), new_code, kind, title, above.id, hierarchy.path_under(new_code, above))
    await _insert(act, made)
    act.emit("core.community_added", community=new_code, kind=kind.value, id=str(made.id))
    return made


@deed(MANAGE)
async def rename_community(act: Act, *, name: str) -> int:
    """Change the name of a place; its code stays. Whoever does it holds the permission at the place above it."""
    place = await _changeable(act)
    title = check_text(name, "name", most=NAME_LENGTH)
    await act.tx.execute("UPDATE core_community SET name = ? WHERE id = ?", (title, place.id))
    await act.settings_changed()
    act.note(before={"name": place.name}, after={"name": title})
    act.emit("core.community_renamed", community=place.code, before=place.name, after=title)
    return place.id


@deed(MANAGE)
async def move_community(act: Act, *, to: str) -> int:
    """Move a place with everything below it under the place with the code ``to``.

    Its code stays, its matters and their history go with it, and settings and offices of the new place hold for it from
    now on. Whoever does it holds the permission above both the old and the new place.
    """
    place = await _changeable(act)
    target = await _locked(act, await hierarchy.place_by_code(act.tx, to))
    act.require(MANAGE, target)
    if target.path.startswith(place.path):
        raise UNDER_ITSELF(path=("input", "to"), place=place.name)
    _check_parent(place.kind, target, "to")
    old_parent = await hierarchy.parent_of(act.tx, place)
    count = await relocate(act, place, target)
    act.place = await hierarchy.place_by_id(act.tx, place.id)
    before = old_parent.code if old_parent is not None else None
    act.note(before={"parent": before}, after={"parent": target.code}, places=count)
    act.emit("core.community_moved", community=place.code, before=before, after=target.code)
    return place.id


async def relocate(act: Act, place: Place, parent: Place) -> int:
    """Hang a place under another parent, and rewrite the paths of all that goes with it; counts the places."""
    await act.tx.execute("UPDATE core_community SET parent_id = ? WHERE id = ?", (parent.id, place.id))
    count = await hierarchy.rewrite_paths(act.tx, place.path, hierarchy.path_under(place.code, parent))
    await act.settings_changed()
    return count


@deed(MANAGE)
async def close_community(act: Act, *, reason: str = "") -> int:
    """Close a place for good; it stays readable. Refused while anything below it is open."""
    place = await _changeable(act)
    low, high = hierarchy.subtree_range(place.path)
    open_below = await act.tx.value(
        "SELECT COUNT(*) FROM core_community WHERE path > ? AND path < ? AND closed_at IS NULL", (low, high)
    )
    if open_below:
        raise HAS_OPEN_PLACES(place=place.name, count=open_below)
    at = to_wire(act.now)
    await act.tx.execute("UPDATE core_community SET closed_at = ? WHERE id = ?", (at, place.id))
    act.note(before={"closed_at": None}, after={"closed_at": at}, reason=check_text(reason, "reason", least=0))
    act.emit("core.community_closed", community=place.code)
    return place.id


DEEDS = (add_community, rename_community, move_community, close_community)


async def _changeable(act: Act) -> Place:
    """Return this deed's place, locked and open; the actor must hold the permission above it.

    So the staff of a town change what is below their town, not the town.
    """
    place = await _locked(act, act.place)
    parent = await hierarchy.parent_of(act.tx, place)
    if parent is not None:
        act.require(MANAGE, parent)
    elif act.actor.system is None:
        raise OFFICIAL_ONLY(path=("input", "community"), kind=place.kind.value, kind_zh=place.kind.label_zh)
    return place


async def _locked(act: Act, place: Place) -> Place:
    """Read a place again and hold its row until the deed ends; raises PLACE_CLOSED."""
    row = await act.tx.one(f"SELECT {PLACE_COLUMNS} FROM core_community WHERE id = ?{act.tx.for_update}", (place.id,))
    fresh = Place.of(row)
    if fresh.closed_at is not None:
        raise PLACE_CLOSED(place=fresh.name)
    return fresh


def _check_parent(kind: CommunityKind, parent: Place, field: str) -> None:
    allowed = PARENTS[kind]
    if parent.kind not in allowed:
        raise WRONG_PARENT(
            path=("input", field), kind=kind.label_en, kind_zh=kind.label_zh, place=parent.name,
            parent=parent.kind.label_en, parent_zh=parent.kind.label_zh,
            allowed=", ".join(k.label_en for k in allowed), allowed_zh="、".join(k.label_zh for k in allowed),
        )  # fmt: skip


async def _free_code(act: Act, kind: CommunityKind, parent: Place) -> str:
    """Return the code after the highest ever given below this one, wherever its holder is now."""
    letter, digits = NUMBERING[kind]
    stem = f"{parent.code}-{letter}"
    rows = await act.tx.fetch(
        "SELECT code FROM core_community WHERE code >= ? AND code < ?", (stem, f"{parent.code}-{chr(ord(letter) + 1)}")
    )
    given = [int(rest) for row in rows if (rest := row["code"][len(stem) :]).isascii() and rest.isdigit()]
    return f"{stem}{max(given, default=0) + 1:0{digits}}"


async def _checked_code(act: Act, kind: CommunityKind, parent: Place, code: str) -> str:
    letter, digits = NUMBERING[kind]
    wanted = code.strip().upper()
    pattern = re.escape(parent.code) + r"-[A-Z][0-9A-Z]{0,15}"
    if not re.fullmatch(pattern, wanted, re.ASCII) or len(wanted) > CODE_LENGTH:
        raise BAD_CODE(path=("input", "code"), parent=parent.code, example=f"{parent.code}-{letter}{1:0{digits}}")
    if await act.tx.one("SELECT id FROM core_community WHERE code = ?", (wanted,)) is not None:
        raise CODE_TAKEN(path=("input", "code"), code=wanted)
    return wanted


async def _insert(act: Act, place: Place) -> None:
    await act.tx.execute(
        "INSERT INTO core_community (id, code, kind, name, parent_id, path) VALUES (?, ?, ?, ?, ?, ?)",
        (place.id, place.code, place.kind.value, place.name, place.parent_id, place.path),
    )
