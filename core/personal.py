"""Personal data as plugins and the kernel declare them: what is held of a person, why, how long, and what becomes of it.

    PersonalData(
        "wishes.contact", "心愿的住址与联系方式", "Address and contact of a wish",
        purpose_zh="…", purpose_en="…", basis=LegalBasis.CONSENT, source="个人信息保护法 13(1)(一)、29",
        retention_zh="…", retention_en="…", consent=ConsentText("…", "…"),
        held=(Held("wishes_claim", "claimer_id = ?", shows=("message",), sealed=(Sealed("contact_sealed"),),
                   clears={"message": "''", "contact_sealed": "NULL"}),),
    )

A declaration is data. From it come the list that a person reads (PIPL 17), the export (45), the erasure (47) with its
report of what is kept and why, and the sealing anew under another secret. Plain declarations: nothing here does I/O.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tortoise.fields.base import Field
from tortoise.fields.relational import ForeignKeyFieldInstance
from tortoise.models import Model

from core.labels import LabelledEnum

if TYPE_CHECKING:
    from core.kernel import Kernel
    from core.work import Act

ERASED = "'〔已删除〕'"
"""SQL of what stands where a text was that had to be something."""
CLOSED_NAME = "'已注销'"
"""SQL of the name that is left of an erased person."""


class LegalBasis(LabelledEnum):
    """On what the processing of personal data rests (个人信息保护法 13)."""

    CONSENT = "CONSENT", "本人同意", "Consent", "The person agreed, and may take that back at any time."
    CONTRACT = (
        "CONTRACT",
        "订立或履行合同",
        "Contract",
        "Needed for a contract with the person, or for running the account.",
    )
    STATUTORY_DUTY = "STATUTORY_DUTY", "履行法定职责或义务", "Statutory duty", "A law demands it, whoever agrees."
    EMERGENCY = "EMERGENCY", "应急", "Emergency", "To save life, health or property in an emergency."
    NEWS = "NEWS", "新闻与舆论监督", "News", "News and public scrutiny, within reason."
    PUBLIC_INFO = "PUBLIC_INFO", "已公开信息", "Public information", "The person or a law has made it public."
    OTHER_LAW = "OTHER_LAW", "法律法规其他规定", "Other law", "Another law or regulation allows it."


@dataclass(frozen=True)
class Sealed:
    """A sealed column: ``place`` is the word it was sealed with, the column's own name unless another is given.

    ``index`` is the column of its blind index, and ``kind`` what that index was made for.
    """

    column: str
    place: str = ""
    index: str = ""
    kind: str = ""

    @property
    def word(self) -> str:
        """Return the word with which it is sealed."""
        return self.place or self.column

    @property
    def shown(self) -> str:
        """Return what an export calls it: the column without ``_sealed``."""
        return self.column.removesuffix("_sealed")


@dataclass(frozen=True)
class Held:
    """Rows of one table about one person: how they are found, what an export shows, what an erasure does.

    ``of`` is SQL over the table's columns with ``?`` for the person's key, once or several times; empty for rows of which
    nobody can tell whose they are. ``shows`` names columns, ``told`` names SQL expressions. At an erasure rows are deleted
    (``deletes``), or columns set (``clears``: SQL by column), or nothing is done, and they are kept. Rows for which
    ``keeps_while`` holds are kept as they are until it does not. ``stays`` says that a row which is cleared still counts
    for something, e.g. in a sum.
    """

    table: str
    of: str
    shows: tuple[str, ...] = ()
    told: Mapping[str, str] = field(default_factory=dict)
    sealed: tuple[Sealed, ...] = ()
    clears: Mapping[str, str] = field(default_factory=dict)
    deletes: bool = False
    keeps_while: str = ""
    stays: bool = False
    key: str = "id"

    @property
    def is_kept(self) -> bool:
        """Say whether an erasure leaves these rows alone."""
        return not self.deletes and not self.clears

    def parameters(self, person_id: int) -> tuple[int, ...]:
        """Return the parameters of ``of``."""
        return (person_id,) * self.of.count("?")


@dataclass(frozen=True)
class ConsentText:
    """What a person agrees to. Another text is another version: who agreed to the one before is asked anew."""

    zh: str
    en: str


Preparing = Callable[["Act", int], Awaitable[None]]
Following = Callable[["Kernel", bool], Awaitable[int]]
Correcting = Callable[["Act", int, str], Awaitable[int]]


@dataclass(frozen=True)
class PersonalData:
    """One category of personal data. ``kept_zh`` and ``kept_en`` say why something of it outlives an erasure.

    ``prepares`` ends what is under way before rows are erased (``(act, person)``). ``corrects`` names the fields that a
    person corrects without anybody's help, each with what does it (``(act, person, value) -> rows``).
    ``follows`` looks after what follows from the server's secret otherwise than by sealing (``(kernel, mend) -> how many``):
    it counts what needs an earlier one, or mends it.
    """

    code: str
    title_zh: str
    title_en: str
    purpose_zh: str
    purpose_en: str
    basis: LegalBasis
    source: str
    retention_zh: str
    retention_en: str
    held: tuple[Held, ...]
    kept_zh: str = ""
    kept_en: str = ""
    consent: ConsentText | None = None
    prepares: Preparing | None = None
    corrects: Mapping[str, Correcting] = field(default_factory=dict)
    follows: Following | None = None

    @property
    def owner(self) -> str:
        """Return the plugin that declares it, or ``core``."""
        return self.code.partition(".")[0]

    @property
    def can_be_erased(self) -> bool:
        """Say whether an erasure takes something of it away."""
        return any(not held.is_kept for held in self.held)

    def text(self, name: str, language: str) -> str:
        """Return ``title``, ``purpose``, ``retention`` or ``kept`` in ``zh`` or ``en``."""
        found: str = getattr(self, f"{name}_{'en' if language == 'en' else 'zh'}")
        return found


# --- what is not declared ---------------------------------------------------------------------------------------------

_TELLTALE = re.compile(
    r"(^|_)(sealed|phone|mobile|email|address|document|id_number|birth\w*|person|voter|reader)(_id|_sealed|_index|_masked)?$"
)
_ANCHORS = frozenset({"core.Person", "core.Account"})
_WORD = re.compile(r"[a-z_][a-z0-9_]*")


def undeclared(models: Iterable[type[Model]], declared: Iterable[PersonalData]) -> Iterator[str]:
    """Name every column that points at a person or holds something personal, and that no declaration mentions."""
    mentioned = _mentioned(declared)
    for model in models:
        table = model._meta.db_table
        for column in _personal_columns(model):
            if column not in mentioned.get(table, set()):
                yield f"{table}.{column} is personal, and no PersonalData mentions it; declare it in personal_data()"


def unknown(models: Iterable[type[Model]], declared: Iterable[PersonalData]) -> Iterator[str]:
    """Name what is declared and not there, and declarations that leave something open."""
    columns = {model._meta.db_table: set(columns_of(model)) for model in models}
    for data in declared:
        if not all((data.purpose_zh, data.purpose_en, data.retention_zh, data.retention_en, data.source)):
            yield f"{data.code}: say purpose and retention in both languages, and the source of the legal basis"
        if (data.basis is LegalBasis.CONSENT) != (data.consent is not None):
            yield f"{data.code}: a category that rests on consent needs its text, and no other one does"
        keeps = any(held.of and (held.is_kept or held.keeps_while or held.stays) for held in data.held)
        if keeps != bool(data.kept_zh and data.kept_en):
            yield f"{data.code}: kept_zh and kept_en say why something outlives an erasure, exactly where it does"
        for held in data.held:
            yield from _unknown_columns(data, held, columns)


def _unknown_columns(data: PersonalData, held: Held, columns: Mapping[str, set[str]]) -> Iterator[str]:
    there = columns.get(held.table)
    if there is None:
        yield f"{data.code}: there is no table {held.table}"
        return
    named = {held.key, *held.shows, *held.clears, *(one.column for one in held.sealed), *(o.index for o in held.sealed)}
    for column in sorted(named - there - {""}):
        yield f"{data.code}: {held.table} has no column {column}"
    for one in held.sealed:
        if not held.is_kept and not held.deletes and held.clears.get(one.column) != "NULL":
            yield f"{data.code}: an erasure must clear {held.table}.{one.column}, which is sealed"
        if bool(one.index) != bool(one.kind):
            yield f"{data.code}: {held.table}.{one.column} needs both the column of its blind index and its kind"


def _mentioned(declared: Iterable[PersonalData]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for data in declared:
        for held in data.held:
            names = found.setdefault(held.table, set())
            names |= {held.key, *held.shows, *held.clears, *_WORD.findall(held.of)}
            for told in held.told.values():
                names |= set(_WORD.findall(told))
            for one in held.sealed:
                names |= {one.column, one.index, f"{one.shown}_masked"}
    return found


def columns_of(model: type[Model]) -> dict[str, Field[Any]]:
    """Return the columns of a model with their fields; also before Tortoise has made the columns of foreign keys."""
    found: dict[str, Field[Any]] = {}
    for name, one in model._meta.fields_map.items():
        if isinstance(one, ForeignKeyFieldInstance):
            found[one.source_field or f"{name}_id"] = one
        elif one.has_db_field:
            found.setdefault(one.source_field or name, one)
    return found


def _personal_columns(model: type[Model]) -> Iterator[str]:
    for column, one in columns_of(model).items():
        points = isinstance(one, ForeignKeyFieldInstance) and _target(one) in _ANCHORS
        if points or _TELLTALE.search(column):
            yield column


def _target(relation: ForeignKeyFieldInstance[Model]) -> str:
    named = relation.model_name
    return named if isinstance(named, str) else f"{named.__module__.split('.')[-2]}.{named.__name__}"
