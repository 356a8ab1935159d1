"""A roster as lines: what each line of a spreadsheet says about a unit and its owners, and every mistake by its cell.

Plain functions of the file: nothing here knows the register. A line with messages of weight ERROR is never applied.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction
from functools import cached_property
from typing import Any

from core.masks import is_credit_code, is_id_number
from plugins.register import words
from plugins.register.kinds import OwnerKind, OwnershipBasis, UnitUse
from plugins.register.problems import AREA_SOURCE_NEEDED, EMPTY_FILE, HEADER_TWICE, NO_HEADER
from plugins.register.rules import AreaSource
from plugins.register.tables import Sheet, Value, cell_name
from plugins.register.words import Column

HEADER_WITHIN = 20
LONGEST_NAME = 60
_AREAS = {
    Column.REGISTRY_AREA: AreaSource.REGISTRY,
    Column.SURVEY_AREA: AreaSource.SURVEY,
    Column.CONTRACT_AREA: AreaSource.CONTRACT,
}
_SHARE_SEPARATORS = str.maketrans(dict.fromkeys("、，,；\n", ";"))
_SEPARATORS = {**_SHARE_SEPARATORS, ord("/"): ";"}
_EXACT_FLOATS = 10**15


@dataclass(frozen=True)
class Message:
    """What is wrong at a cell, in both languages; a note is no fault, an error keeps the line out."""

    cell: str
    zh: str
    en: str
    is_error: bool = True


@dataclass(frozen=True)
class OwnerFacts:
    """What a line says of one owner; None where it says nothing."""

    name: str
    kind: OwnerKind
    kind_said: bool = False
    document: str | None = None
    phone: str | None = None
    share: tuple[int, int] | None = None


@dataclass
class Line:
    """One line of a roster. What was not said is None and changes nothing in the register."""

    number: int
    sheet: str
    row: int
    building: str = ""
    stairwell: str = ""
    room: str = ""
    use: UnitUse | None = None
    areas: dict[AreaSource, int] = field(default_factory=dict)
    owners: list[OwnerFacts] = field(default_factory=list)
    is_joint: bool = False
    delivered: bool | None = None
    delivered_on: date | None = None
    since: date | None = None
    basis: OwnershipBasis | None = None
    developer: str | None = None
    messages: list[Message] = field(default_factory=list)
    columns: Mapping[Column, int] = field(default_factory=dict)

    @cached_property
    def key(self) -> tuple[str, str, str]:
        """Return what names the unit, however it is spelt."""
        return words.building_key(self.building), words.stairwell_key(self.stairwell), words.room_key(self.room)

    @property
    def label(self) -> str:
        """Return the unit as people write it: 1幢1单元0302."""
        return f"{self.building}{self.stairwell}{words.tidy_room(self.room)}"

    @property
    def faulty(self) -> bool:
        """Say whether the line has an error."""
        return any(message.is_error for message in self.messages)

    def fault(self, column: Column | None, zh: str, en: str) -> None:
        """Add an error at a cell of this line."""
        self.messages.append(Message(self.at(column), zh, en))

    def note(self, column: Column | None, zh: str, en: str) -> None:
        """Add a remark that keeps nothing out."""
        self.messages.append(Message(self.at(column), zh, en, is_error=False))

    def at(self, column: Column | None) -> str:
        """Name the cell of a column in this line; that of the room when there is no such column."""
        index = self.columns.get(column) if column is not None else None
        return cell_name(self.sheet, self.row - 1, self.columns.get(Column.ROOM, 0) if index is None else index)

    def facts(self) -> dict[str, Any]:
        """Return the line as JSON, to be sealed until it is applied; only a mark is left of its errors."""
        found = {name: getattr(self, name) for name in _PLAIN}
        found["areas"] = {source.value: area for source, area in self.areas.items()}
        found["owners"] = [vars(owner) for owner in self.owners]
        found["faulty"] = self.faulty
        for name in ("delivered_on", "since"):
            found[name] = found[name].isoformat() if found[name] else None
        return found

    @classmethod
    def of(cls, facts: Mapping[str, Any]) -> Line:
        """Read a line back from its JSON."""
        found = dict(facts)
        found["messages"] = [Message("", "", "")] if found.pop("faulty") else []
        found["areas"] = {AreaSource(name): area for name, area in facts["areas"].items()}
        found["use"] = UnitUse(facts["use"]) if facts["use"] else None
        found["basis"] = OwnershipBasis(facts["basis"]) if facts["basis"] else None
        found["owners"] = [_owner(owner) for owner in facts["owners"]]
        for name in ("delivered_on", "since"):
            found[name] = date.fromisoformat(facts[name]) if facts[name] else None
        return cls(**found)


_PLAIN = (
    "number", "sheet", "row", "building", "stairwell", "room", "use", "is_joint", "delivered", "delivered_on", "since",
    "basis", "developer",
)  # fmt: skip


def _owner(facts: Mapping[str, Any]) -> OwnerFacts:
    share = tuple(facts["share"]) if facts["share"] else None
    return OwnerFacts(**{**facts, "kind": OwnerKind(facts["kind"]), "share": share})


# --- from sheets to lines ---------------------------------------------------------------------------------------------


def likeliness(row: list[Value]) -> int:
    """Count the cells of a row that name a column."""
    return sum(words.title(value) is not None for value in row)


@dataclass(frozen=True)
class Reading:
    """How a file is to be read: what a plain area column means, the day it is read, whether documents are checked."""

    today: date
    area_source: AreaSource | None = None
    check_documents: bool = True


def lines_of(sheets: list[Sheet], reading: Reading) -> list[Line]:
    """Read every sheet that has a header; raises NO_HEADER, HEADER_TWICE, AREA_SOURCE_NEEDED, EMPTY_FILE."""
    found: list[Line] = []
    headed = [(sheet, at) for sheet in sheets if (at := _header_row(sheet)) is not None]
    if not headed:
        raise NO_HEADER(path=("input", "attachment"))
    for sheet, at in headed:
        columns = _columns(sheet, at, reading)
        for row in range(at + 1, len(sheet.rows)):
            if any(words.squeeze(value) for value in sheet.rows[row]):
                found.append(_line(len(found) + 1, sheet, row, columns, reading))
    if not found:
        raise EMPTY_FILE(path=("input", "attachment"))
    return found


def _header_row(sheet: Sheet) -> int | None:
    for at, row in enumerate(sheet.rows[:HEADER_WITHIN]):
        named = {words.title(value) for value in row}
        if Column.ROOM in named and len(named - {None}) > 1:
            return at
    return None


def _columns(sheet: Sheet, at: int, reading: Reading) -> dict[Column, int]:
    columns: dict[Column, int] = {}
    for index, value in enumerate(sheet.rows[at]):
        column = words.title(value)
        if column is None:
            continue
        if column in columns:
            raise HEADER_TWICE(
                path=("input", "attachment"),
                first=sheet.cell(at, columns[column]),
                second=sheet.cell(at, index),
                title=column.value,
            )
        columns[column] = index
    if Column.AREA in columns and Column.AREA_SOURCE not in columns and reading.area_source is None:
        raise AREA_SOURCE_NEEDED(path=("input", "areaSource"), cell=sheet.cell(at, columns[Column.AREA]))
    return columns


def _line(number: int, sheet: Sheet, row: int, columns: Mapping[Column, int], reading: Reading) -> Line:
    values = {c: sheet.rows[row][i] for c, i in columns.items() if i < len(sheet.rows[row])}
    said = {column: text for column, value in values.items() if (text := words.squeeze(value))}
    line = Line(number, sheet.name, row + 1, columns=columns)
    line.building, line.stairwell, line.room = (
        said.get(c, "") for c in (Column.BUILDING, Column.STAIRWELL, Column.ROOM)
    )
    _check_labels(line)
    _read_use(line, said)
    _read_areas(line, values, said, reading)
    _read_delivery(line, values, said, reading)
    _read_ownership(line, values, said, reading)
    _read_owners(line, values, said, reading)
    return line


def _check_labels(line: Line) -> None:
    for column, text, most in (
        (Column.ROOM, line.room, 40),
        (Column.BUILDING, line.building, 30),
        (Column.STAIRWELL, line.stairwell, 30),
    ):
        if len(text) > most or any(ord(c) < 32 for c in text):
            line.fault(column, f"{column.value}超过 {most} 个字符", f"longer than {most} characters")
    if not line.room:
        line.fault(Column.ROOM, "房号为空", "the room number is empty")
    if line.stairwell and not line.building:
        line.fault(Column.STAIRWELL, "写了单元，没有写楼栋", "a stairwell without a building")


def _read_use(line: Line, said: Mapping[Column, str]) -> None:
    text = said.get(Column.USE)
    if text is not None:
        line.use = words.use_of(text)
        if line.use is None:
            line.fault(Column.USE, f"用途“{text[:20]}”不认识，可填：住宅、商铺、车位、共有用房",
                       f"the use {text[:20]} is unknown; write 住宅, 商铺, 车位 or 共有用房")  # fmt: skip


def _read_areas(line: Line, values: Mapping[Column, Value], said: Mapping[Column, str], reading: Reading) -> None:
    for column, source in _AREAS.items():
        _read_area(line, column, source, values, said)
    if Column.AREA in said:
        text = said.get(Column.AREA_SOURCE)
        chosen = words.area_source_of(text) if text else reading.area_source
        if chosen is None:
            line.fault(
                Column.AREA_SOURCE,
                "面积来源须为：登记、测绘或合同",
                "the source of the area must be 登记, 测绘 or 合同",
            )
        else:
            _read_area(line, Column.AREA, chosen, values, said)


def _read_area(
    line: Line, column: Column, source: AreaSource, values: Mapping[Column, Value], said: Mapping[Column, str]
) -> None:
    if column not in said:
        return
    area = words.area_of(values[column])
    if area is None:
        line.fault(
            column,
            f"面积“{said[column][:20]}”须为正数，至多两位小数",
            "an area is a positive number with at most two decimals",
        )
    elif line.areas.setdefault(source, area) != area:
        line.fault(
            column,
            f"与同一行的{source.label_zh}面积不一致",
            f"differs from the {source.label_en} area in the same line",
        )


def _read_delivery(line: Line, values: Mapping[Column, Value], said: Mapping[Column, str], reading: Reading) -> None:
    text = said.get(Column.DELIVERED)
    if text is not None:
        line.delivered = words.yes_or_no(text)
        if line.delivered is None:
            day = words.day_of(values[Column.DELIVERED])
            if day is None:
                line.fault(Column.DELIVERED, "交付须填：是、否或日期", "write 是, 否 or a day")
            else:
                line.delivered, line.delivered_on = True, _past(line, Column.DELIVERED, day, reading)
    day = _day(line, Column.DELIVERED_ON, values, said, reading)
    if day is not None:
        if line.delivered is False:
            line.fault(
                Column.DELIVERED_ON, "未交付的房屋不应有交付日期", "a unit not handed over has no day of delivery"
            )
        line.delivered, line.delivered_on = True, day
    line.developer = _text(values.get(Column.DEVELOPER)) or None
    if line.developer and len(line.developer) > LONGEST_NAME:
        line.fault(Column.DEVELOPER, f"建设单位超过 {LONGEST_NAME} 个字", f"longer than {LONGEST_NAME} characters")


def _read_ownership(line: Line, values: Mapping[Column, Value], said: Mapping[Column, str], reading: Reading) -> None:
    line.since = _day(line, Column.SINCE, values, said, reading)
    text = said.get(Column.BASIS)
    if text is not None:
        line.basis = words.basis_of(text)
        if line.basis is None:
            known = "、".join(basis.label_zh for basis in OwnershipBasis)
            line.fault(Column.BASIS, f"取得方式须为：{known}", f"the basis must be one of {known}")


def _day(
    line: Line, column: Column, values: Mapping[Column, Value], said: Mapping[Column, str], reading: Reading
) -> date | None:
    if column not in said:
        return None
    day = words.day_of(values[column])
    if day is None:
        line.fault(column, f"日期“{said[column][:20]}”不认识，请写 2020-01-31", "not a day; write it like 2020-01-31")
        return None
    return _past(line, column, day, reading)


def _past(line: Line, column: Column, day: date, reading: Reading) -> date | None:
    if not date(1949, 10, 1) <= day <= reading.today:
        line.fault(column, f"日期 {day} 不在 1949-10-01 至今天之间", f"{day} does not lie between 1949-10-01 and today")
        return None
    return day


# --- owners -----------------------------------------------------------------------------------------------------------


def _read_owners(line: Line, values: Mapping[Column, Value], said: Mapping[Column, str], reading: Reading) -> None:
    names = _parts(_text(values.get(Column.OWNER)))
    if not names:
        if line.use is not UnitUse.COMMON:
            line.fault(Column.OWNER, "业主姓名为空；未售房屋请填写建设单位，业主类型填“建设单位”",
                       "no owner; for unsold units name the developer, with 建设单位 as the kind of owner")  # fmt: skip
        return
    if len(names) > 20 or any(len(name) > LONGEST_NAME or any(ord(c) < 32 for c in name) for name in names):
        line.fault(
            Column.OWNER, "姓名过长，或一行超过 20 位业主", "a name is too long, or more than 20 owners in one line"
        )
        return
    kinds = _kinds(line, names, said)
    documents = _aligned(line, Column.DOCUMENT, len(names), values)
    phones = _aligned(line, Column.PHONE, len(names), values)
    shares = _shares(line, len(names), values, said)
    for name, kind, document, phone, share in zip(names, kinds, documents, phones, shares, strict=True):
        checked = _document(line, document, kind, reading) if document else None
        line.owners.append(
            OwnerFacts(name, kind, Column.OWNER_KIND in said, checked, _phone(line, phone) if phone else None, share)
        )


def _text(value: Value) -> str:
    """Write a cell as text with its line breaks, which may separate names; blanks within a name stay."""
    if not isinstance(value, str):
        return words.squeeze(value)
    return "\n".join(" ".join(part.split()) for part in unicodedata.normalize("NFC", value).split("\n"))


def _parts(text: str) -> list[str]:
    return [part.strip() for part in text.translate(_SEPARATORS).split(";") if part.strip()]


def _kinds(line: Line, names: list[str], said: Mapping[Column, str]) -> list[OwnerKind]:
    text = said.get(Column.OWNER_KIND)
    if text is None:
        return [words.guessed_kind(name) for name in names]
    kind = words.owner_kind_of(text)
    if kind is None:
        known = "、".join(kind.label_zh for kind in OwnerKind)
        line.fault(Column.OWNER_KIND, f"业主类型须为：{known}", f"the kind of owner must be one of {known}")
    return [kind or OwnerKind.PERSON] * len(names)


def _aligned(line: Line, column: Column, count: int, values: Mapping[Column, Value]) -> list[str]:
    """Give each owner of a line its own number: as many as owners, or none; one alone belongs to one owner alone."""
    value = values.get(column)
    if isinstance(value, float) and value >= _EXACT_FLOATS:
        line.fault(column, "单元格是数值，末尾几位已丢失；请把该列设为文本后重新录入",
                   "the cell is a number and has lost its last digits; format the column as text and enter it anew")  # fmt: skip
        return [""] * count
    parts = _parts(_text(value))
    if parts and len(parts) != count:
        line.fault(column, f"有 {count} 位业主，却有 {len(parts)} 个号码；请一一对应，或每位业主一行",
                   f"{count} owners, but {len(parts)} numbers; write one for each, or a line for each owner")  # fmt: skip
        return [""] * count
    return parts or [""] * count


def _shares(
    line: Line, count: int, values: Mapping[Column, Value], said: Mapping[Column, str]
) -> list[tuple[int, int] | None]:
    text = said.get(Column.SHARE)
    if text is None:
        return [None] * count
    if text in ("共同共有", "共同", "joint"):
        line.is_joint = True
        return [None] * count
    if text in ("单独所有", "单独", "全部", "1", "100%"):
        parts = ["1/1"]
    else:
        split = _text(values[Column.SHARE]).translate(_SHARE_SEPARATORS).split(";")
        parts = [words.squeeze(part) for part in split if part.strip()]
    shares = [words.share_of(part) for part in parts]
    if None in shares or len(shares) not in (1, count):
        line.fault(Column.SHARE, "份额须如 1/2、50% 或“共同共有”，并与业主一一对应",
                   "a share is like 1/2, 50% or 共同共有, one for each owner")  # fmt: skip
        return [None] * count
    return shares if len(shares) == count else shares * count


def _document(line: Line, text: str, kind: OwnerKind, reading: Reading) -> str | None:
    number = words.squeeze(text).upper()
    fault = document_fault(number, kind) if reading.check_documents else None
    if fault is not None:
        line.fault(Column.DOCUMENT, *fault)
        return None
    return number


def document_fault(number: str, kind: OwnerKind) -> tuple[str, str] | None:
    """Say what is wrong with a document number; None when it is right as far as can be told.

    Identity numbers and credit codes have check digits. Passports and permits begin with a letter and have none.
    """
    if kind is not OwnerKind.PERSON:
        good = is_credit_code(number)
        return None if good else ("统一社会信用代码未通过校验", "the credit code fails its check digit")
    if number[:1].isdigit():
        good = is_id_number(number)
        return (
            None
            if good
            else ("身份证号须为 18 位且通过校验位", "an identity number has 18 digits and passes its check digit")
        )
    good = number.isascii() and number.isalnum() and 6 <= len(number) <= 20
    return None if good else ("证件号码须为 6 至 20 位字母和数字", "a document number has 6 to 20 letters and digits")


def _phone(line: Line, text: str) -> str | None:
    number = phone_of(text)
    if number is None:
        line.fault(Column.PHONE, "电话号码须为 7 至 15 位数字", "a telephone number has 7 to 15 digits")
    return number


def phone_of(text: str) -> str | None:
    """Read a telephone number into its digits, the country code 86 left out; None when it is none."""
    bare = words.squeeze(text).replace("-", "").replace("(", "").replace(")", "").removeprefix("+")
    if not bare.isdigit() or not bare.isascii() or not 7 <= len(bare) <= 15:
        return None
    return bare[2:] if len(bare) == 13 and bare.startswith("86") else bare


# --- lines of one unit ------------------------------------------------------------------------------------------------


@dataclass
class UnitFacts:
    """What all lines of one unit say together."""

    lines: list[Line]

    @property
    def first(self) -> Line:
        """Return the line that names the unit."""
        return self.lines[0]

    @property
    def faulty(self) -> bool:
        """Say whether any line has an error."""
        return any(line.faulty for line in self.lines)

    def said(self, name: str) -> Any:
        """Return what the lines say of a fact: they agree, or the unit is faulty."""
        return next((value for line in self.lines if (value := getattr(line, name)) is not None), None)

    @property
    def areas(self) -> dict[AreaSource, int]:
        """Return the areas by source."""
        return {source: area for line in self.lines for source, area in line.areas.items()}

    @property
    def owners(self) -> list[tuple[Line, OwnerFacts]]:
        """Return the owners, each with its line."""
        return [(line, owner) for line in self.lines for owner in line.owners]

    @property
    def is_joint(self) -> bool:
        """Say whether the owners own without shares."""
        return any(line.is_joint for line in self.lines)


def units_of(lines: list[Line]) -> list[UnitFacts]:
    """Gather lines by unit, and mark as errors what the lines of one unit contradict each other about."""
    gathered: dict[tuple[str, str, str], UnitFacts] = {}
    for line in lines:
        gathered.setdefault(line.key if line.room else ("", "", f"?{line.number}"), UnitFacts([])).lines.append(line)
    for unit in gathered.values():
        _check_agreement(unit)
        _check_owners(unit)
        _spread_faults(unit)
    return list(gathered.values())


_AGREE: tuple[tuple[str, Column, Callable[[Line], Any]], ...] = (
    ("用途", Column.USE, lambda line: line.use),
    ("交付", Column.DELIVERED, lambda line: line.delivered),
    ("交付日期", Column.DELIVERED_ON, lambda line: line.delivered_on),
    ("取得日期", Column.SINCE, lambda line: line.since),
    ("取得方式", Column.BASIS, lambda line: line.basis),
    ("建设单位", Column.DEVELOPER, lambda line: line.developer),
    ("建筑面积(登记)", Column.REGISTRY_AREA, lambda line: line.areas.get(AreaSource.REGISTRY)),
    ("建筑面积(测绘)", Column.SURVEY_AREA, lambda line: line.areas.get(AreaSource.SURVEY)),
    ("建筑面积(合同)", Column.CONTRACT_AREA, lambda line: line.areas.get(AreaSource.CONTRACT)),
)


def _check_agreement(unit: UnitFacts) -> None:
    for name, column, fact in _AGREE:
        first: Line | None = None
        for line in unit.lines:
            if fact(line) is None:
                continue
            if first is None:
                first = line
            elif fact(line) != fact(first):
                line.fault(
                    column, f"同一房屋的{name}与第 {first.row} 行不一致",
                    f"differs from line {first.row}, which is about the same unit",
                )  # fmt: skip


def _check_owners(unit: UnitFacts) -> None:
    seen: dict[tuple[str, str], Line] = {}
    for line, owner in unit.owners:
        key = ("document", owner.document) if owner.document else ("name", f"{owner.name} {owner.phone or ''}")
        if key in seen:
            line.fault(
                Column.OWNER, f"与第 {seen[key].row} 行重复：同一房屋、同一业主",
                f"repeats line {seen[key].row}: same unit, same owner",
            )  # fmt: skip
        seen.setdefault(key, line)
    shares = [owner.share for _, owner in unit.owners if owner.share is not None]
    if not shares:
        return
    if len(shares) < len(unit.owners) or unit.is_joint:
        unit.first.fault(Column.SHARE, "部分业主写了份额，部分没有", "some owners have shares and some have none")
    elif (whole := sum(Fraction(*share) for share in shares)) != 1:
        unit.first.fault(Column.SHARE, f"份额合计为 {whole}，应为 1", f"the shares make {whole}, not 1")


def _spread_faults(unit: UnitFacts) -> None:
    """Keep a unit out as a whole: half of its owners would be a wrong register."""
    faulty = next((line for line in unit.lines if line.faulty), None)
    if faulty is None:
        return
    for line in unit.lines:
        if not line.faulty:
            line.fault(
                None, f"同一房屋的第 {faulty.row} 行有错误", f"line {faulty.row}, about the same unit, has an error"
            )
