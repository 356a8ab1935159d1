"""What the law says of committees, as pure decisions: who won, what a lot decides, when a committee stands, majorities.

Winners come from the certificate of a poll alone. Each candidate is a motion of 民法典 278(三), so each needs both
majorities (``voting``); the order among those who passed is ours [D]: share of heads in favour plus share of area in
favour, then area, then a public lot that anybody can draw again.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from itertools import pairwise
from types import MappingProxyType

from core.calendar import add_months
from core.labels import Confidence, Source, Sourced
from plugins.elections.kinds import Ground

OURS = Source("本系统约定", Confidence.DESIGN)


def _elsewhere(cite: str) -> Source:
    return Source(cite, Confidence.VERIFIED, is_comparator=True)


APPLICATION_PERCENT = Sourced(20, Source("肇庆高新区指引", Confidence.WEB))
GROUP_DAYS = Sourced(60, Source("业主大会和业主委员会指导规则9", Confidence.MEMORY))
GROUP_SHOWN_DAYS = Sourced(7, _elsewhere("丽水、湖州物业管理条例"))
ASSEMBLY_DAYS = Sourced(90, _elsewhere("上海市住宅物业管理规定"))
REVIEW_WORKING_DAYS = Sourced(5, OURS)
NOMINATION_DAYS = Sourced(7, OURS)
CANDIDATES_BEFORE_DAYS = Sourced(15, _elsewhere("杭州市物业管理条例26"))
CANDIDATES_SHOWN_DAYS = Sourced(7, _elsewhere("杭州市物业管理条例26"))
FEWEST_SEATS = Sourced(5, Source("业主大会和业主委员会指导规则31", Confidence.WEB))
MOST_SEATS = Sourced(11, Source("业主大会和业主委员会指导规则31", Confidence.WEB))
TERM_YEARS = Sourced(5, Source("业主大会和业主委员会指导规则32", Confidence.MEMORY))
FIRST_MEETING_DAYS = Sourced(7, _elsewhere("北京市物业管理条例42"))
FILING_DAYS = Sourced(30, Source("物业管理条例16", Confidence.VERIFIED))
FIRST_ALERT_DAYS = Sourced(180, _elsewhere("北京市物业管理条例49"))
SECOND_ALERT_DAYS = Sourced(90, Source("业主大会和业主委员会指导规则47", Confidence.MEMORY))
HANDOVER_DAYS = Sourced(10, Source("业主大会和业主委员会指导规则48", Confidence.MEMORY))
MEMBER_HANDOVER_DAYS = Sourced(3, Source("业主大会和业主委员会指导规则45", Confidence.MEMORY))
RECALL_PERCENT = Sourced(20, Source("物业管理条例13", Confidence.VERIFIED))
INTERIM_PERCENT = Sourced(10, _elsewhere("清远市住宅小区物业管理条例26"))
INTERIM_SHOWN_DAYS = Sourced(15, _elsewhere("清远市住宅小区物业管理条例26"))
INTERIM_SIZE = Sourced((5, 15), _elsewhere("清远市住宅小区物业管理条例27"))
MEETING_MAJORITY = _elsewhere("杭州市物业管理条例29；北京市物业管理条例45")

GROUND_SOURCES: Mapping[Ground, Source] = MappingProxyType(
    {
        Ground.NOT_OWNER: Source("物业管理条例16；北京市物业管理条例39", Confidence.VERIFIED),
        Ground.NO_CAPACITY: _elsewhere("北京市、杭州市物业管理条例"),
        Ground.PROVIDER_TIES: _elsewhere("北京市、上海市；清远市条例22"),
        Ground.LISTED_DEFAULTER: _elsewhere("北京市物业管理条例39"),
        Ground.UNCURED_VIOLATION: _elsewhere("上海市住宅物业管理规定"),
        Ground.UNPAID_FEES: _elsewhere("上海市住宅物业管理规定；杭州市物业管理条例"),
        Ground.NO_UNDERTAKING: _elsewhere("上海市住宅物业管理规定；清远市条例22"),
    }
)
OPTIONAL_GROUNDS = frozenset({Ground.LISTED_DEFAULTER, Ground.UNCURED_VIOLATION, Ground.UNPAID_FEES})
"""Grounds that hold only where local law or the bylaws say so, and the settings repeat it."""

_CITATION = re.compile(
    r"(法|法典|条例|规定|规则|规约|办法|章程|解释|指引|细则).{0,20}?第?\s*[\d〇一二三四五六七八九十百]+"
)
_AMOUNT = re.compile(r"\d[\d,.]*\s*(元|万|块)")


def is_citation(text: str) -> bool:
    """Tell whether a text names a rule by title and article, e.g. 物业管理条例第16条 or 议事规则12."""
    return _CITATION.search(text) is not None


def names_amount(text: str) -> bool:
    """Tell whether a text tells how much somebody owes, which nobody publishes."""
    return _AMOUNT.search(text) is not None


# --- winners ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Tally:
    """One candidate's figures on the certificate; areas in hundredths of m²."""

    candidate: int
    has_passed: bool
    area_centi: int
    heads: int


@dataclass(frozen=True)
class Whole:
    """All area and heads of the roll."""

    area_centi: int
    heads: int

    def key(self, tally: Tally) -> tuple[Fraction, int]:
        """Return by what a candidate stands before another: the sum of both shares, then area."""
        shares = Fraction(tally.heads, self.heads) + Fraction(tally.area_centi, self.area_centi)
        return shares, tally.area_centi


@dataclass(frozen=True)
class Ranking:
    """Those who passed, in order; ``tied`` are those whose order matters and only a lot can tell."""

    order: tuple[int, ...]
    tied: frozenset[int] = frozenset()


def rank(tallies: Iterable[Tally], whole: Whole, seats: int, lot: tuple[str, str] | None = None) -> Ranking:
    """Order those who passed. Ties that decide a seat or the order of alternates need ``lot``: certificate hash and seed."""
    passed = sorted(
        (one for one in tallies if one.has_passed),
        key=lambda one: (*(-part for part in whole.key(one)), lot_number(lot, one.candidate) if lot else ""),
    )
    order = tuple(one.candidate for one in passed)
    return Ranking(order, frozenset() if lot else frozenset(_tied(passed, whole, seats)))


def _tied(passed: Sequence[Tally], whole: Whole, seats: int) -> Iterable[int]:
    """Yield those tied with another where it matters: not among winners alone, nor beyond the last alternate."""
    for at, (one, following) in enumerate(pairwise(passed)):
        if whole.key(one) != whole.key(following):
            continue
        group = [other for other in passed if whole.key(other) == whole.key(one)]
        first = passed.index(group[0])
        if first + len(group) > seats and first < 2 * seats and at >= first:
            yield from (other.candidate for other in group)


def lot_number(lot: tuple[str, str], candidate: int) -> str:
    """Return a candidate's lot, hex: SHA-256 of the certificate's hash, the public seed and the candidate's key."""
    certificate, seed = lot
    return hashlib.sha256(f"{certificate}|{seed}|{candidate}".encode()).hexdigest()


def stands(elected: int, seats: int, fewest: int) -> bool:
    """Tell whether so many are a committee: the legal minimum, and more than half of the agreed number (杭州27)."""
    return elected >= min(fewest, seats) and 2 * elected > seats


# --- committees -------------------------------------------------------------------------------------------------------


def is_more_than_half(part: int, whole: int) -> bool:
    """Tell whether a part is more than half; exactly half is not (民法典1259)."""
    return 2 * part > whole


def reaches(part: int, whole: int, percent: int) -> bool:
    """Tell whether a part is at least so many percent of the whole; nothing of nothing is not."""
    return whole > 0 and 100 * part >= percent * whole


def term_end(begins: date, years: int) -> date:
    """Return the first day after a term."""
    return add_months(begins, 12 * years)


def group_faults(standings: Sequence[str], leaders: Sequence[str]) -> list[tuple[str, str]]:
    """Say in both languages what is wrong with a preparatory group (指导规则10；北京31)."""
    faults = []
    if len(standings) % 2 == 0:
        faults.append(("成员应为单数", "the number of members must be odd"))
    if 2 * standings.count("OWNER") < len(standings):
        faults.append(("业主代表不应少于半数", "owners must be at least half"))
    if len(leaders) != 1 or leaders[0] not in ("STREET", "RESIDENTS_COMMITTEE"):
        faults.append(
            (
                "组长须为一名街道（镇）或居（村）委会代表",
                "it needs one leader, of the street or the residents' committee",
            )
        )
    return faults


def interim_faults(standings: Sequence[str], leaders: Sequence[str]) -> list[tuple[str, str]]:
    """Say in both languages what is wrong with an interim committee (清远27)."""
    least, most = INTERIM_SIZE.value
    faults = []
    if len(standings) % 2 == 0 or not least <= len(standings) <= most:
        faults.append((f"成员应为 {least} 至 {most} 名单数", f"it needs an odd number of {least} to {most} members"))
    if set(standings) - {"OWNER", "RESIDENTS_COMMITTEE"}:
        faults.append(("成员只能是居（村）委会代表和业主", "its members are of the residents' committee, and owners"))
    if leaders != ["RESIDENTS_COMMITTEE"]:
        faults.append(("主任由居（村）委会代表担任", "its chair is of the residents' committee"))
    return faults
