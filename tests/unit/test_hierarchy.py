"""The tree of places: paths, look-ups, the deeds that change it, and the branches beside it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import branches, communities, errors, hierarchy, people
from core.access import ANYONE, Viewer
from core.clock import CHINA, SetClock
from core.config import load_config
from core.database import Tx
from core.divisions import import_divisions
from core.hierarchy import Place, lineage, segment, significant, subtree_range
from core.host import Host, PluginList
from core.ids import new_id
from core.kernel import Kernel
from core.kinds import BranchLevel, CommunityKind
from core.roles import CODES
from core.viewers import load_viewer
from core.work import COUNTER_UP
from tests.databases import KINDS, scratch_database
from tests.services import postgres_url

CHANCHENG = Path(__file__).parents[2] / "examples" / "data" / "divisions-440604.csv"
NOW = datetime(2026, 3, 2, 9, 0, tzinfo=CHINA)
SYSTEM = Viewer(system="test")
LANSHI, HUIJING, HEDANG, TOWN, OTHER_TOWN = (
    "440604010001",
    "440604010003",
    "440604010200",
    "440604010000",
    "440604011000",
)
COMPOUND, BUILDING, STAIRWELL = CommunityKind.COMPOUND, CommunityKind.BUILDING, CommunityKind.STAIRWELL


@pytest.fixture(params=KINDS)
async def kernel(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Kernel]:
    """A kernel without plugins over the real tree of Chancheng, on each database."""
    async with AsyncExitStack() as stack:
        url = f"sqlite://{tmp_path / 'test.db'}"
        if request.param == "postgres":
            url = await stack.enter_async_context(scratch_database(postgres_url() or ""))
        config = load_config(
            {}, None, {"data_dir": tmp_path, "environment": "development", "port": 0, "database_url": url}
        )
        host = Host.load(tmp_path / "plugins", PluginList(load=frozenset()), CODES)
        opened = await Kernel.open(config, clock=SetClock(NOW), host=host)
        stack.push_async_callback(opened.close)
        assert (await import_divisions(opened.database, CHANCHENG, clock=opened.clock)).error_count == 0
        yield opened


async def place(kernel: Kernel, code: str) -> Place:
    """Read a place by its code."""
    return await hierarchy.place_by_code(kernel.database, code)


async def add(kernel: Kernel, parent: str, kind: CommunityKind, name: str = "示例", **more: Any) -> Place:
    """Add a place as the system and read it back."""
    key = await kernel.perform(communities.add_community, SYSTEM, community=parent, kind=kind, name=name, **more)
    return await hierarchy.place_by_id(kernel.database, key)


async def officer(kernel: Kernel, role: str, code: str) -> Viewer:
    """Register a person with a role at a place, and return them signed in."""
    key = await kernel.perform(people.add_person, SYSTEM, community=code, name="示例某某", role=role)
    viewer = await load_viewer(kernel.database, key, now=NOW)
    assert viewer is not None
    return viewer


async def refused(
    code: str, kernel: Kernel, spec: Any, viewer: Viewer = SYSTEM, /, **arguments: Any
) -> errors.DomainError:
    """Do a deed that must be refused with this code; nothing of it may stay."""
    before = await kernel.database.value("SELECT COUNT(*) FROM core_trace_leaf")
    with pytest.raises(errors.DomainError) as caught:
        await kernel.perform(spec, viewer, **arguments)
    assert caught.value.code == code
    assert await kernel.database.value("SELECT COUNT(*) FROM core_trace_leaf") == before
    return caught.value


async def last_leaf(kernel: Kernel) -> dict[str, Any]:
    """Return the text of the newest leaf of the trace."""
    found: dict[str, Any] = json.loads(
        await kernel.database.value("SELECT body FROM core_trace_leaf ORDER BY id DESC LIMIT 1")
    )
    return found


# -- paths ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "parent", "expected"),
    [
        ("440000000000", None, "44"),
        ("440000000000", "100000000000", "44"),
        ("440600000000", "440000000000", "06"),
        ("440604000000", "440600000000", "04"),
        ("440604010000", "440604000000", "010"),
        ("440604010001", "440604010000", "001"),
        ("440604010001-C001", "440604010001", "C001"),
        ("440604010001-C001-B01", "440604010001-C001", "B01"),
        ("441900003000", "441900000000", "00003"),  # a town of a city without districts
        ("429004000000", "420000000000", "9004"),  # a county of no city
        ("440604010001", "440604011000", "440604010001"),  # moved to another town: its whole code
        ("440604010001-C001", "440604010003", "440604010001-C001"),
        ("X-C0012", "X-C001", "X-C0012"),  # begins like its parent's code, but does not go on from it
    ],
)
def test_a_segment_is_what_a_code_adds_to_its_parents(code: str, parent: str | None, expected: str) -> None:
    """A moved node, and one whose code only looks alike, keeps its whole code."""
    assert segment(code, parent) == expected


def test_only_filling_zeros_are_insignificant() -> None:
    """A code is cut at the end of its own level, never within it, and codes of ours stay whole."""
    codes = ["440000000000", "440600000000", "440604000000", "440604100000", "440604010010", "440604010001-C001"]
    assert [significant(code) for code in codes] == [
        "44", "4406", "440604", "440604100", "440604010010", "440604010001-C001",
    ]  # fmt: skip


SEGMENTS = st.text(st.sampled_from("0129ABCZ-"), min_size=1, max_size=4)
PATHS = st.lists(SEGMENTS, min_size=1, max_size=5).map(lambda parts: "/".join(parts) + "/")


@given(PATHS, PATHS)
def test_a_range_holds_exactly_the_paths_below(one: str, other: str) -> None:
    """Byte order and the prefix say the same about every two paths."""
    low, high = subtree_range(one)
    assert (low.encode() <= other.encode() < high.encode()) == other.startswith(one)


@given(PATHS)
def test_the_lineage_leads_from_the_root_to_the_path(path: str) -> None:
    """Each step is a path, begins the next one, and the last is the path itself."""
    steps = lineage(path)
    assert steps[-1] == path
    assert len(steps) == path.count("/")
    assert all(below.startswith(above) and above.endswith("/") for above, below in pairwise(steps))


# -- look-ups ---------------------------------------------------------------------------------------------------------


async def test_ancestors_are_given_from_the_root_down(kernel: Kernel) -> None:
    """Without the place itself; the root has none."""
    found = await hierarchy.ancestors(kernel.database, await place(kernel, LANSHI))
    assert [p.name for p in found] == ["广东省", "佛山市", "禅城区", "石湾镇街道"]
    assert await hierarchy.ancestors(kernel.database, found[0]) == []


async def test_descendants_come_in_pages(kernel: Kernel) -> None:
    """Pages follow each other without overlap or gap, of one kind if asked."""
    town, pages, after = await place(kernel, TOWN), [], None
    while page := await hierarchy.descendants(kernel.database, town, after=after, limit=10):
        pages.append([p.code for p in page])
        after = page[-1].path
    assert [len(page) for page in pages] == [10, 10, 10, 9]
    flat = [code for page in pages for code in page]
    assert flat == sorted(set(flat))
    villages = await hierarchy.descendants(kernel.database, town, kind=CommunityKind.VILLAGE)
    assert len(villages) == 11
    assert HEDANG in {p.code for p in villages}


async def test_a_subtree_is_gone_through_whole(kernel: Kernel, monkeypatch: pytest.MonkeyPatch) -> None:
    """The place first, then everything below, however small the pages."""
    monkeypatch.setattr(hierarchy, "PAGE", 7)
    district = await place(kernel, "440604000000")
    found = [p.code async for p in hierarchy.subtree(kernel.database, district)]
    assert len(found) == 1 + 4 + 147
    assert found[0] == district.code
    towns = [p.name async for p in hierarchy.subtree(kernel.database, district, kind=CommunityKind.TOWN)]
    assert towns == ["石湾镇街道", "张槎街道", "祖庙街道", "南庄镇"]


async def test_search_by_code_and_by_name(kernel: Kernel) -> None:
    """By the beginning of a code, of a name, then any part of a name, each in its order; wildcards mean themselves."""

    async def names(text: str, **more: Any) -> list[str]:
        return [p.name for p in await hierarchy.find(kernel.database, text, **more)]

    assert (await names("4406041"))[:3] == ["南庄镇", "南庄社区居委会", "吉利社区居委会"]
    assert await names(LANSHI) == ["澜石社区居委会"]
    assert (await names("石", limit=3))[:2] == ["石头村民委员会", "石梁村民委员会"]
    assert await names("铁军") == ["铁军社区居委会"]
    assert await names("铁军导师团") == []
    assert len(await names("村尾", limit=5)) == 2
    assert await names("吉利", kind=CommunityKind.VILLAGE) == ["吉利村民委员会"]
    under = await place(kernel, OTHER_TOWN)
    assert all(p.path.startswith(under.path) for p in await hierarchy.find(kernel.database, "社区", under=under))
    for nothing in ("%", "_", "\\", "", "  ", "'"):
        assert await names(nothing) == []


async def test_search_takes_ascii_letters_in_either_case(kernel: Kernel) -> None:
    """In names and in codes, on both databases alike."""
    made = await add(kernel, LANSHI, COMPOUND, "示例Garden花园")
    for text in ("GARDEN", "garden", "例gArDen", made.code.lower()):
        assert [p.id for p in await hierarchy.find(kernel.database, text)] == [made.id]


async def test_an_unknown_place_is_not_found(kernel: Kernel) -> None:
    """By code and by key."""
    for look_up, key in ((hierarchy.place_by_code, "none"), (hierarchy.place_by_id, 7)):
        with pytest.raises(errors.NotFound):
            await look_up(kernel.database, key)  # type: ignore[operator]


# -- adding -----------------------------------------------------------------------------------------------------------


async def test_added_places_get_codes_and_paths_that_go_on_from_their_parents(kernel: Kernel) -> None:
    """Compound, building and stairwell number themselves; the leaf and the event say what was added."""
    compound = await add(kernel, LANSHI, COMPOUND, " 示例花园01 ")
    building = await add(kernel, compound.code, BUILDING, "1栋")
    stairwell = await add(kernel, building.code, STAIRWELL, "1单元")
    assert [p.code for p in (compound, building, stairwell)] == [
        f"{LANSHI}-C001", f"{LANSHI}-C001-B01", f"{LANSHI}-C001-B01-S1",
    ]  # fmt: skip
    assert stairwell.path == "44/06/04/010/001/C001/B01/S1/"
    assert compound.name == "示例花园01"
    assert (await add(kernel, LANSHI, COMPOUND)).code == f"{LANSHI}-C002"
    leaf = await last_leaf(kernel)
    assert (leaf["deed"], leaf["community"]) == ("core.add_community", LANSHI)
    assert leaf["details"]["added"] == f"{LANSHI}-C002"
    rows = await kernel.database.fetch("SELECT path FROM core_event WHERE type = 'core.community_added'")
    assert {row["path"] for row in rows} >= {"44/06/04/010/001/", "44/06/04/010/001/C001/B01/"}


async def test_a_chosen_code_is_kept_and_numbering_goes_on_after_it(kernel: Kernel) -> None:
    """Codes go on from the parent's, are unique, and a number given once is not given again."""
    chosen = await add(kernel, LANSHI, COMPOUND, code=f"{LANSHI}-c017")
    assert chosen.code == f"{LANSHI}-C017"
    assert (await add(kernel, LANSHI, COMPOUND, code=f"{LANSHI}-CA1")).path.endswith("/CA1/")
    await kernel.perform(communities.move_community, SYSTEM, community=chosen.code, to=HUIJING)
    assert (await add(kernel, LANSHI, COMPOUND)).code == f"{LANSHI}-C018"
    for bad in (
        "",
        "C001",
        f"{LANSHI}C001",
        f"{LANSHI}-",
        f"{LANSHI}-1",
        f"{LANSHI}-C/1",
        f"{LANSHI}-C１",
        f"{HUIJING}-C1",
    ):
        wrong = {"community": LANSHI, "kind": COMPOUND, "name": "示例", "code": bad}
        assert (await refused("core.bad_code", kernel, communities.add_community, **wrong)).path == ("input", "code")
    taken = {"community": LANSHI, "kind": COMPOUND, "name": "示例", "code": chosen.code}
    await refused("core.code_taken", kernel, communities.add_community, **taken)


async def test_places_stand_only_where_their_kind_belongs(kernel: Kernel) -> None:
    """A compound under a community or village, a building under a compound; official levels come from the file."""
    compound = await add(kernel, HEDANG, COMPOUND)
    for parent, kind in ((TOWN, COMPOUND), (LANSHI, BUILDING), (compound.code, COMPOUND), (compound.code, STAIRWELL)):
        await refused("core.wrong_parent", kernel, communities.add_community, community=parent, kind=kind, name="示例")
    for kind in (CommunityKind.COMMUNITY, CommunityKind.TOWN, CommunityKind.NATION):
        await refused(
            "core.official_division", kernel, communities.add_community, community=TOWN, kind=kind, name="示例"
        )
    await refused("core.text_length", kernel, communities.add_community, community=LANSHI, kind=COMPOUND, name="  ")


async def test_two_who_add_at_once_get_two_codes(kernel: Kernel) -> None:
    """Numbering holds the parent while it counts."""
    made = await asyncio.gather(*(add(kernel, LANSHI, COMPOUND, f"示例{n}") for n in range(12)))
    assert sorted(p.code for p in made) == [f"{LANSHI}-C{n:03}" for n in range(1, 13)]


# -- who may ----------------------------------------------------------------------------------------------------------


async def test_town_staff_change_what_is_below_their_town_only(kernel: Kernel) -> None:
    """Not their town itself, nor another town; community staff and strangers nothing at all."""
    viewer = await officer(kernel, "town_staff", TOWN)
    await kernel.perform(communities.add_community, viewer, community=LANSHI, kind=COMPOUND, name="示例")
    await kernel.perform(communities.rename_community, viewer, community=LANSHI, name="澜石社区")
    rename = communities.rename_community
    await refused("core.not_allowed", kernel, rename, viewer, community=TOWN, name="示例")
    await refused("core.not_allowed", kernel, rename, viewer, community="440604011001", name="示例")
    await refused("core.not_allowed", kernel, communities.move_community, viewer, community=LANSHI, to=OTHER_TOWN)
    clerk = await officer(kernel, "community_staff", LANSHI)
    await refused("core.not_allowed", kernel, rename, clerk, community=f"{LANSHI}-C001", name="示例")
    await refused("core.not_signed_in", kernel, rename, ANYONE, community=LANSHI, name="示例")
    district = await officer(kernel, "district_staff", "440604000000")
    await kernel.perform(rename, district, community=TOWN, name="石湾")
    await refused("core.not_allowed", kernel, rename, district, community="440604000000", name="示例")


async def test_the_root_changes_by_import_only(kernel: Kernel) -> None:
    """Nobody holds a permission above it."""
    viewer = await officer(kernel, "district_staff", "440000000000")
    await refused(
        "core.official_division", kernel, communities.rename_community, viewer, community="440000000000", name="粤"
    )


# -- renaming, moving, closing ----------------------------------------------------------------------------------------


async def test_renaming_keeps_code_and_place(kernel: Kernel) -> None:
    """The leaf has the name before and after, and settings show the new name at once."""
    await put_setting(kernel, LANSHI)
    assert (await setting(kernel)).place_name == "澜石社区居委会"
    await kernel.perform(communities.rename_community, SYSTEM, community=LANSHI, name="澜石新社区")
    assert (await place(kernel, LANSHI)).name == "澜石新社区"
    assert (await last_leaf(kernel))["details"] == {
        "before": {"name": "澜石社区居委会"}, "after": {"name": "澜石新社区"},
    }  # fmt: skip
    assert (await setting(kernel)).place_name == "澜石新社区"


async def put_setting(kernel: Kernel, code: str) -> None:
    """Set a value at a place, as an older row of the table would be."""

    async def deed(tx: Tx) -> None:
        await tx.execute(
            "INSERT INTO core_setting (id, community_id, plugin, key, value, effective_from, set_at, reason) "
            "VALUES (?, (SELECT id FROM core_community WHERE code = ?), 'x', 'k', '1', ?, ?, '')",
            (new_id(), code, "2026-01-01T00:00:00.000+08:00", "2026-01-01T00:00:00.000+08:00"),
        )
        await tx.execute(COUNTER_UP)

    await kernel.database.run(deed)


async def setting(kernel: Kernel) -> Any:
    """Return the one setting as the kernel has it in memory."""
    return (await kernel.settings_book()).rows["x", "k"][0]


async def test_moving_takes_everything_along(kernel: Kernel) -> None:
    """Places, matters, events and settings of the subtree have the new path; codes, and everything beside it, stay."""
    compound = await add(kernel, LANSHI, COMPOUND)
    building = await add(kernel, compound.code, BUILDING)
    stairwell = await add(kernel, building.code, STAIRWELL)
    beside = await add(kernel, LANSHI, COMPOUND)
    await put_matters(kernel, building, beside)
    await put_setting(kernel, building.code)
    assert (await setting(kernel)).path == building.path
    assert await kernel.perform(communities.move_community, SYSTEM, community=compound.code, to=HEDANG) == compound.id

    base = f"44/06/04/010/200/{compound.code}/"
    moved = await place(kernel, compound.code)
    assert (moved.path, moved.parent_id) == (base, (await place(kernel, HEDANG)).id)
    assert (await place(kernel, stairwell.code)).path == f"{base}B01/S1/"
    assert await place(kernel, beside.code) == beside
    assert (await setting(kernel)).path == f"{base}B01/"
    rows = await kernel.database.fetch("SELECT path FROM core_matter ORDER BY id")
    assert [row["path"] for row in rows] == [f"{base}B01/", beside.path]
    old = await kernel.database.fetch(
        "SELECT type FROM core_event WHERE path >= ? AND path < ?", subtree_range(compound.path)
    )
    assert old == []
    assert [p.id for p in await hierarchy.ancestors(kernel.database, await place(kernel, stairwell.code))][
        -1
    ] == building.id


async def test_a_move_is_told_where_it_led(kernel: Kernel) -> None:
    """Leaf and event name the parents before and after; the event is in the feed of the new place."""
    compound = await add(kernel, LANSHI, COMPOUND)
    await kernel.perform(communities.move_community, SYSTEM, community=compound.code, to=HUIJING)
    assert (await last_leaf(kernel))["details"] == {
        "before": {"parent": LANSHI}, "after": {"parent": HUIJING}, "places": 1,
    }  # fmt: skip
    rows = await kernel.database.fetch("SELECT path, payload FROM core_event WHERE type = 'core.community_moved'")
    assert [row["path"] for row in rows] == [f"44/06/04/010/003/{compound.code}/"]
    assert json.loads(rows[0]["payload"]) == {"after": HUIJING, "before": LANSHI, "community": compound.code}


async def put_matters(kernel: Kernel, *where: Place) -> None:
    """Write one matter at each place."""

    async def deed(tx: Tx) -> None:
        at = "2026-01-01T00:00:00.000+08:00"
        for found in where:
            await tx.execute(
                "INSERT INTO core_matter (id, community_id, path, plugin, kind, title, state, created_at, updated_at, "
                "version) VALUES (?, ?, ?, 'x', 'X', 't', 'S', ?, ?, 1)",
                (new_id(), found.id, found.path, at, at),
            )

    await kernel.database.run(deed)


async def test_a_place_moved_back_has_its_first_path_again(kernel: Kernel) -> None:
    """Moving there and back changes nothing in the tree."""
    compound = await add(kernel, LANSHI, COMPOUND)
    await add(kernel, compound.code, BUILDING)
    tree = "SELECT id, code, parent_id, path FROM core_community ORDER BY id"
    before = [tuple(row) for row in await kernel.database.fetch(tree)]
    for target in (HEDANG, LANSHI):
        await kernel.perform(communities.move_community, SYSTEM, community=compound.code, to=target)
    assert [tuple(row) for row in await kernel.database.fetch(tree)] == before


async def test_a_place_added_to_a_moved_one_goes_on_from_where_it_is(kernel: Kernel) -> None:
    """Its code goes on from its parent's code, its path from its parent's path."""
    compound = await add(kernel, LANSHI, COMPOUND)
    await kernel.perform(communities.move_community, SYSTEM, community=compound.code, to=HEDANG)
    building = await add(kernel, compound.code, BUILDING)
    assert building.code == f"{compound.code}-B01"
    assert building.path == f"44/06/04/010/200/{compound.code}/B01/"


async def test_whoever_adds_while_a_place_moves_ends_up_below_it(kernel: Kernel) -> None:
    """Concurrent moves and additions leave every path in agreement with its parents."""
    compound = await add(kernel, LANSHI, COMPOUND)
    building = await add(kernel, compound.code, BUILDING)

    async def move(to: str) -> None:
        await kernel.perform(communities.move_community, SYSTEM, community=compound.code, to=to)

    await asyncio.gather(
        *(add(kernel, building.code, STAIRWELL, f"{n}单元") for n in range(6)), move(HEDANG),
        *(add(kernel, compound.code, BUILDING, f"{n}栋") for n in range(6)), move(HUIJING),
    )  # fmt: skip
    wrong = await kernel.database.fetch(
        "SELECT c.path, p.path FROM core_community c JOIN core_community p ON p.id = c.parent_id "
        "WHERE SUBSTR(c.path, 1, LENGTH(p.path)) <> p.path"
    )
    assert wrong == []
    assert await kernel.database.value("SELECT COUNT(*) FROM core_community WHERE kind <> 'X'") == 154 + 2 + 12


async def test_moves_that_make_no_sense_are_refused(kernel: Kernel) -> None:
    """Under itself, under what is below it, and under a kind it does not belong to."""
    compound = await add(kernel, LANSHI, COMPOUND)
    building = await add(kernel, compound.code, BUILDING)
    move = communities.move_community
    await refused("core.under_itself", kernel, move, community=compound.code, to=compound.code)
    await refused("core.under_itself", kernel, move, community=compound.code, to=building.code)
    await refused("core.wrong_parent", kernel, move, community=compound.code, to=TOWN)
    await refused("core.wrong_parent", kernel, move, community=building.code, to=HEDANG)
    await refused("core.not_found", kernel, move, community=building.code, to="none")


async def test_a_place_closes_after_all_below_it(kernel: Kernel) -> None:
    """It stays readable, keeps its number, and nothing more is changed in it."""
    compound = await add(kernel, LANSHI, COMPOUND)
    building = await add(kernel, compound.code, BUILDING)
    close = communities.close_community
    assert "1 open" in str(await refused("core.has_open_places", kernel, close, community=compound.code))
    await kernel.perform(close, SYSTEM, community=building.code)
    await kernel.perform(close, SYSTEM, community=compound.code, reason="拆迁")
    assert (await place(kernel, compound.code)).closed_at == "2026-03-02T09:00:00.000+08:00"
    await refused("core.place_closed", kernel, close, community=compound.code)
    await refused("core.place_closed", kernel, communities.rename_community, community=building.code, name="示例")
    added = {"community": compound.code, "kind": BUILDING, "name": "示例"}
    await refused("core.place_closed", kernel, communities.add_community, **added)
    assert (await add(kernel, LANSHI, COMPOUND)).code == f"{LANSHI}-C002"


# -- branches ---------------------------------------------------------------------------------------------------------


async def add_branch(kernel: Kernel, code: str, level: BranchLevel, parent: str | None = None) -> str:
    """Add a branch as the system and return its code."""
    key = await kernel.perform(
        branches.add_branch, SYSTEM, community=code, level=level, name="示例党组织", parent=parent
    )
    found: str = await kernel.database.value("SELECT code FROM core_branch WHERE id = ?", (key,))
    return found


async def test_branches_make_a_tree_beside_the_places(kernel: Kernel) -> None:
    """Each serves the place it was added at; its tree is read from the top down, and from below upwards."""
    compound = await add(kernel, LANSHI, COMPOUND)
    town = await add_branch(kernel, TOWN, BranchLevel.TOWN_WORK_COMMITTEE)
    committee = await add_branch(kernel, LANSHI, BranchLevel.COMMUNITY_COMMITTEE, town)
    branch = await add_branch(kernel, compound.code, BranchLevel.COMPOUND_BRANCH, committee)
    group = await add_branch(kernel, compound.code, BranchLevel.GROUP, branch)
    assert [town, branch, group] == [f"{TOWN}-P01", f"{compound.code}-P01", f"{compound.code}-P02"]
    top = await branches.branch_by_code(kernel.database, town)
    assert [b.code for b in await branches.branch_tree(kernel.database, top)] == [town, committee, branch, group]
    lowest = await branches.branch_by_code(kernel.database, group)
    assert [b.code for b in await branches.branches_above(kernel.database, lowest)] == [town, committee, branch]
    serving = await branches.branches_serving(kernel.database, compound)
    assert [b.code for b in serving] == [branch, group, committee, town]


async def test_a_branch_belongs_to_one_of_a_higher_level(kernel: Kernel) -> None:
    """A committee may stand at the top, a branch or group may not."""
    committee = await add_branch(kernel, LANSHI, BranchLevel.COMMUNITY_COMMITTEE)
    wrong = {"community": LANSHI, "name": "示例"}
    spec = branches.add_branch
    await refused("core.branch_needs_parent", kernel, spec, level=BranchLevel.COMPOUND_BRANCH, **wrong)
    for level in (BranchLevel.COMMUNITY_COMMITTEE, BranchLevel.TOWN_WORK_COMMITTEE):
        await refused("core.wrong_branch_level", kernel, spec, level=level, parent=committee, **wrong)
    await refused("core.not_found", kernel, spec, level=BranchLevel.GROUP, parent="none", **wrong)


async def test_a_branch_may_serve_several_communities(kernel: Kernel) -> None:
    """Serving begins once and ends once, at the place concerned."""
    code = await add_branch(kernel, LANSHI, BranchLevel.COMMUNITY_COMMITTEE)
    await kernel.perform(branches.serve_community, SYSTEM, community=HEDANG, branch=code)
    branch = await branches.branch_by_code(kernel.database, code)
    assert [p.code for p in await branches.places_served(kernel.database, branch)] == [LANSHI, HEDANG]
    await refused("core.served_already", kernel, branches.serve_community, community=HEDANG, branch=code)
    await kernel.perform(branches.end_service, SYSTEM, community=LANSHI, branch=code)
    assert [p.code for p in await branches.places_served(kernel.database, branch)] == [HEDANG]
    await refused("core.not_served", kernel, branches.end_service, community=LANSHI, branch=code)


async def test_branches_are_managed_by_the_staff_of_the_place(kernel: Kernel) -> None:
    """Town staff at their town and below; a branch reaches no further than whoever lets it serve."""
    viewer = await officer(kernel, "town_staff", TOWN)
    key = await kernel.perform(
        branches.add_branch, viewer, community=TOWN, level=BranchLevel.TOWN_WORK_COMMITTEE, name="示例党工委"
    )
    assert key
    serve = branches.serve_community
    await refused("core.not_allowed", kernel, serve, viewer, community=OTHER_TOWN, branch=f"{TOWN}-P01")
