"""Reading rosters: words as people spell them, files as Excel writes them, plans that say everything they rest on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from core.errors import DomainError
from plugins.register import tables, words
from plugins.register.kinds import ImportRowState, OwnerKind, OwnershipBasis, UnitStatus, UnitUse
from plugins.register.plan import Known, KnownOwner, KnownShare, KnownUnit, Plan, make_plan
from plugins.register.roster import Line, Reading, document_fault, likeliness, lines_of, phone_of, units_of
from plugins.register.rules import AreaSource
from plugins.register.words import Column

TODAY = date(2026, 3, 2)
HEADER = "楼栋,单元,房号,建筑面积(登记),业主姓名,手机号,身份证号,共有份额,取得日期"


def lines(*texts: str, header: str = HEADER) -> list[Line]:
    """Read lines of a csv roster; invented document numbers are not checked."""
    data = "\n".join((header, *texts)).encode()
    return lines_of(tables.read(data, likeliness), Reading(TODAY, check_documents=False))


def index(kind: str, value: str) -> Sequence[str]:
    """Stand in for blind indexes."""
    return (f"{kind}:{value}",)


def plan(*texts: str, known: Known | None = None) -> tuple[Plan, list[Line]]:
    """Compare lines with a register."""
    read = lines(*texts)
    return make_plan(units_of(read), known or Known(), index), read


def states(made: Plan) -> list[str]:
    """Return the states of the lines in order."""
    return [made.states[number].value for number in sorted(made.states)]


# --- words ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["1幢", "1栋", "第1栋", "01号楼", "１座", "一幢", "1 号", "Building 1", "1"])
def test_all_spellings_of_a_building_are_one(text: str) -> None:
    """A roster writes it as it likes; the building is the same."""
    assert words.building_key(text) == "1"


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("0302", "302"),
        ("302室", "302"),
        ("３０２房", "302"),
        ("A-01", "A-1"),
        ("a-1", "A-1"),
        ("0", "0"),
        ("1001", "1001"),
    ],
)
def test_rooms_are_the_same_without_what_excel_drops(text: str, key: str) -> None:
    """Leading zeros, the word for room, width and case do not tell rooms apart; zeros inside do."""
    assert words.room_key(text) == key


def test_chinese_numbers_up_to_ninety_nine_are_read() -> None:
    """Stairwells are often counted in characters."""
    assert [words.stairwell_key(t) for t in ("一单元", "十单元", "十二单元", "二十单元", "二十一单元")] == [
        "1",
        "10",
        "12",
        "20",
        "21",
    ]


@pytest.mark.parametrize(
    ("title", "column"),
    [
        ("建筑面积（登记）", Column.REGISTRY_AREA), ("登记面积(㎡)", Column.REGISTRY_AREA), ("建筑面积(㎡)", Column.AREA),
        ("建筑面积(套内)", None), ("手机号(必填)*", Column.PHONE), ("业主 姓名", Column.OWNER), ("Owner", Column.OWNER), ("备注", None),
        ("证件号码", Column.DOCUMENT), ("unit", Column.ROOM),
    ],
)  # fmt: skip
def test_columns_are_known_by_many_names_but_never_by_another_area(title: str, column: Column | None) -> None:
    """Remarks in a header do no harm, but the area within the walls (套内) is another area."""
    assert words.title(title) is column


@pytest.mark.parametrize(
    ("cell", "hundredths"),
    [(89.52, 8952), (100.30000000000001, 10030), (89.525, None), ("89.52㎡", 8952), ("1,234.5", 123450), ("0", None), ("-1", None),
     ("abc", None), ("1e3", 100000), ("NaN", None), (True, None), ("1e400", None), (12, 1200)],
)  # fmt: skip
def test_areas_are_exact_or_refused(cell: Any, hundredths: int | None) -> None:
    """Binary noise of a spreadsheet is no third decimal; a real third decimal is never rounded away."""
    assert words.area_of(cell) == hundredths


@pytest.mark.parametrize(
    ("cell", "day"),
    [
        ("2020-01-31", date(2020, 1, 31)), ("2020/1/31", date(2020, 1, 31)), ("2020年1月31日", date(2020, 1, 31)),
        ("20200131", date(2020, 1, 31)), (date(2020, 1, 31), date(2020, 1, 31)), ("2020-02-30", None), ("31.1.2020", None),
        (43861.0, None),
    ],
)  # fmt: skip
def test_days_are_read_as_people_write_them(cell: Any, day: date | None) -> None:
    """What is no day is refused, not guessed."""
    assert words.day_of(cell) == day


@pytest.mark.parametrize(
    ("text", "share"),
    [("1/2", (1, 2)), ("50%", (500000, 1000000)), ("33.3333%", (333333, 1000000)), ("3/2", None), ("0/1", None), ("1/0", None),
     ("x", None)],
)  # fmt: skip
def test_shares_are_fractions(text: str, share: tuple[int, int] | None) -> None:
    """Exact, and at most the whole."""
    assert words.share_of(text) == share


def test_documents_and_telephones_are_checked_by_form() -> None:
    """Identity numbers need their check digit, passports begin with a letter, telephones are digits."""
    assert document_fault("440604199001010010", OwnerKind.PERSON) is not None
    assert document_fault("44060419900101001", OwnerKind.PERSON) is not None
    assert document_fault("E12345678", OwnerKind.PERSON) is None
    assert document_fault("91440604MA00000000", OwnerKind.COMPANY) is not None
    numbers = ("+86 120-0000-0001", "(0757)12345678", "120", "120ab000001")
    assert [phone_of(number) for number in numbers] == ["12000000001", "075712345678", None, None]


# --- files ------------------------------------------------------------------------------------------------------------


def test_letters_of_columns_count_like_a_spreadsheet() -> None:
    """A to Z, then AA."""
    assert [tables.letters(n) for n in (0, 25, 26, 27, 701, 702)] == ["A", "Z", "AA", "AB", "ZZ", "AAA"]


@pytest.mark.parametrize("data", [b"PK\x03\x04 no archive", b"\xff\xff\xff", b"a,b\x00c", '房号,业主\n1,"甲'.encode()])
def test_what_cannot_be_read_is_said_so(data: bytes) -> None:
    """Damaged archives, unknown encodings, binary data and open quotes are refused with a reason, never by a crash."""
    with pytest.raises(DomainError, match=r"register\.file_unreadable"):
        tables.read(data, likeliness)


def test_utf_16_is_read_by_its_mark() -> None:
    """Some tools save "Unicode text"."""
    [sheet] = tables.read("房号\t业主\n1\t甲".encode("utf-16"), likeliness)
    assert sheet.rows == [["房号", "业主"], ["1", "甲"]]


def test_a_sheet_with_one_cell_far_away_is_refused_before_it_is_laid_out() -> None:
    """A workbook of a few bytes must not ask for the memory of a whole sheet."""
    with pytest.raises(DomainError, match=r"register\.file_too_large"):
        tables._check_sheet(b'<sheetData><row r="1048576"><c s="1" r="XFD1048576"><v>1</v></c></row></sheetData>')


def test_lines_survive_being_sealed() -> None:
    """What a line says is the same after it was written down; its errors leave a mark."""
    good, bad = lines("1幢,1单元,0101,80,甲 乙;丙,12000000001;12000000002,,1/2;1/2,2020-01-01", "1幢,1单元,,80,甲,,,,")
    again = Line.of(good.facts())
    assert (again.owners, again.areas, again.since, again.key, again.faulty) == (
        good.owners,
        good.areas,
        good.since,
        good.key,
        False,
    )
    assert [owner.name for owner in again.owners] == ["甲 乙", "丙"]
    assert Line.of(bad.facts()).faulty


def test_a_number_that_lost_its_last_digits_is_refused() -> None:
    """Excel keeps fifteen digits of a number; an identity number in a numeric cell is gone."""
    sheet = tables.Sheet("", [["房号", "业主", "登记面积", "身份证号"], ["1", "甲", 80.0, 4.40604199001011e17]])
    [line] = lines_of([sheet], Reading(TODAY))
    assert [message.cell for message in line.messages] == ["D2"]


# --- plans ------------------------------------------------------------------------------------------------------------


def test_people_with_one_name_stay_apart_unless_more_speaks_for_it() -> None:
    """The same document, or name and telephone, is one owner; the same name alone is two; a company is known by name."""
    made, _ = plan(
        "1幢,1单元,0101,80,张三,12000000001,,,", "1幢,1单元,0102,80,张三,12000000001,,,", "1幢,1单元,0103,80,张三,,,,",
        "1幢,1单元,0104,80,张三,,,,", "1幢,1单元,0105,80,示例物业公司,,,,", "1幢,1单元,0106,80,示例物业公司,,,,",
    )  # fmt: skip
    owners = [unit.shares[0].owner for unit in made.new_units]
    assert [owners.index(owner) for owner in owners] == [0, 0, 2, 3, 4, 4]
    assert len(made.new_owners) == 4


def test_a_document_that_comes_later_completes_the_same_owner() -> None:
    """First by name and telephone, then with the document too: still one, and the document is kept."""
    made, _ = plan(
        "1幢,1单元,0101,80,张三,12000000001,,,", "1幢,1单元,0102,80,张三,12000000001,E1234567,,",
        "1幢,1单元,0103,80,张三,,E1234567,,",
    )  # fmt: skip
    assert [(owner.document, owner.phone) for owner in made.new_owners] == [("E1234567", "12000000001")]
    assert states(made) == ["NEW"] * 3


def test_one_document_under_two_names_is_a_conflict() -> None:
    """Somebody must look at the document."""
    made, read = plan("1幢,1单元,0101,80,张三,,E1234567,,", "1幢,1单元,0102,80,李四,,E1234567,,")
    assert states(made) == ["NEW", "CONFLICT"]
    assert read[1].messages[0].cell == "G3"


def test_a_second_telephone_of_one_owner_is_noted_and_the_first_kept() -> None:
    """No fault: people have two numbers; importing the same file twice must not swap them to and fro."""
    texts = ("1幢,1单元,0101,80,张三,12000000001,E1234567,,", "1幢,1单元,0102,80,张三,12000000002,E1234567,,")
    made, read = plan(*texts)
    assert [owner.phone for owner in made.new_owners] == ["12000000001"]
    assert [message.is_error for message in read[1].messages] == [False]
    owner = KnownOwner(7, OwnerKind.PERSON, "张三", "phone:12000000001", "document:E1234567")
    known = Known([flat(1, "101", 7), flat(2, "102", 7)], [owner])
    assert states(plan(*texts, known=known)[0]) == ["UNCHANGED", "UNCHANGED"]


def flat(key: int, room: str, *owners: int, **more: Any) -> KnownUnit:
    """Make a flat of 80 m² in the first stairwell, as the register has it."""
    shares = tuple(
        KnownShare(100 * key + n, owner, 1, len(owners), len(owners) > 1, date(2020, 1, 1), OwnershipBasis.REGISTERED)
        for n, owner in enumerate(owners)
    )
    areas = ((AreaSource.REGISTRY, 8000),)
    found = KnownUnit(key, ("1", "1", room), UnitUse.DWELLING, areas, True, None, None, UnitStatus.ACTIVE, shares)
    return replace(found, **more)


OWNER = KnownOwner(7, OwnerKind.PERSON, "张三")


@pytest.mark.parametrize(
    ("text", "state"),
    [
        ("1幢,1单元,0101,80,张三,,,,", ImportRowState.UNCHANGED),
        ("1幢,1单元,0101,81,张三,,,,", ImportRowState.CHANGED),
        ("1幢,1单元,0101,80,张三,12000000001,,,", ImportRowState.CHANGED),
        ("1幢,1单元,0101,80,李四,,,,", ImportRowState.CONFLICT),
        ("1幢,1单元,0101,80,李四,,,,2019-12-31", ImportRowState.CONFLICT),
        ("1幢,1单元,0101,80,李四,,,,2020-01-02", ImportRowState.CHANGED),
        ("1幢,1单元,0101,80,张三,,,,2018-01-01", ImportRowState.CHANGED),
        ("1幢,1单元,0101,,张三,,,,", ImportRowState.UNCHANGED),
        ("1幢,1单元,0101,80,张三;李四,,,1/2;1/2,", ImportRowState.CONFLICT),
    ],
)
def test_a_line_is_compared_with_what_the_register_says(text: str, state: ImportRowState) -> None:
    """Same, changed, sold on a day, or contradicting in a way that people must settle."""
    known = Known([flat(1, "101", 7)], [OWNER])
    assert plan(text, known=known)[0].states == {1: state}


def test_a_plan_is_another_one_when_it_rests_on_something_else() -> None:
    """The same change of a unit that was corrected meanwhile is not the change that somebody looked at."""
    text = "1幢,1单元,0101,81,张三,,,,"
    then = plan(text, known=Known([flat(1, "101", 7)], [OWNER]))[0].canonical()
    now = plan(text, known=Known([flat(1, "101", 7, areas=((AreaSource.REGISTRY, 7900),))], [OWNER]))[0].canonical()
    elsewhere = plan(text, known=Known([flat(1, "101", 7), flat(2, "102", 7)], [OWNER]))[0].canonical()
    assert then != now
    assert then == elsewhere


def test_a_retired_unit_is_not_imported_again() -> None:
    """Merged units do not come back by an old file."""
    known = Known([flat(1, "101", 7, status=UnitStatus.MERGED)], [OWNER])
    assert states(plan("1幢,1单元,0101,80,张三,,,,", known=known)[0]) == ["CONFLICT"]


def test_units_that_the_file_leaves_out_are_counted() -> None:
    """They stay as they are, but whoever imports is told."""
    known = Known([flat(1, "101", 7), flat(2, "102", 7), flat(3, "103", 7, status=UnitStatus.DEMOLISHED)], [OWNER])
    assert plan("1幢,1单元,0101,80,张三,,,,", known=known)[0].absent == 1


def test_co_owners_without_shares_own_jointly() -> None:
    """共同共有 unless shares are said; the fraction is nominal then."""
    made, _ = plan("1幢,1单元,0101,80,张三、李四,,,,", "1幢,1单元,0102,80,王五,,,1/3,", "1幢,1单元,0102,80,赵六,,,2/3,")
    assert [[(s.numerator, s.denominator, s.is_joint) for s in unit.shares] for unit in made.new_units] == [
        [(1, 2, True), (1, 2, True)], [(1, 3, False), (2, 3, False)],
    ]  # fmt: skip
