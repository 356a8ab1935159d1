"""Micro wishes (微心愿): what may be wished, how a wish moves, who may claim it.

Kindness here never replaces an entitlement, never costs the beneficiary anything, and is never forced on anybody. What
is not marked otherwise is our own choice, modelled on practice in other cities.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from types import MappingProxyType

from core import calendar
from core.calendar import DayKind, Due, WorkingCalendar
from core.labels import Confidence, LabelledEnum, Source, Sourced

_OURS = Source("本系统约定", Confidence.DESIGN)

VALUE_CAP_FEN = Sourced(50_000, _OURS)
SCREENING_WORKING_DAYS = Sourced(2, _OURS)
OPEN_DAYS = Sourced(90, _OURS)
LEASE_DAYS = Sourced(7, _OURS)
FULFIL_DAYS = Sourced(30, _OURS)
MOST_OPEN_CLAIMS = Sourced(1, _OURS)
NO_COMPULSION = Source("志愿服务条例25", Confidence.VERIFIED)
NO_PAYMENT = Source("志愿服务条例21", Confidence.VERIFIED)


class WishType(LabelledEnum):
    """What would fulfil a wish. Money is not among them."""

    GOODS = "GOODS", "物品", "Goods", "A thing of small value, new or second-hand."
    SERVICE = "SERVICE", "服务", "Service", "A small job done for the beneficiary."
    SKILL = "SKILL", "技能", "Skill", "Being taught or helped by somebody who knows how."
    COMPANY = "COMPANY", "陪伴", "Company", "Somebody's time: a visit, a walk, a talk."
    INFO = "INFO", "信息", "Information", "Finding something out, or filling in a form."
    SPACE = "SPACE", "场地", "Space", "A room or a place to use for a while."


class WishState(LabelledEnum):
    """Where a wish stands."""

    DRAFT = "DRAFT", "草稿", "Draft", "Being written; nobody else sees it."
    SUBMITTED = "SUBMITTED", "已提交", "Submitted", "Waits for screening, two working days at most."
    SCREENED = "SCREENED", "已审核", "Screened", "Found small and doable; waits to be published."
    RETURNED = "RETURNED", "已退回", "Returned", "Sent back with reasons; may be changed and submitted again."
    REFERRED = "REFERRED", "已转介", "Referred", "Handed to statutory aid first, which the beneficiary is entitled to."
    PUBLISHED = "PUBLISHED", "已发布", "Published", "On the wish wall, open to be claimed."
    CLAIMED = "CLAIMED", "已认领", "Claimed", "Somebody took it; the beneficiary has not agreed yet."
    AGREED = "AGREED", "已约定", "Agreed", "Both agreed; only now is the exact address shared."
    FULFILLING = "FULFILLING", "圆梦中", "Fulfilling", "Being fulfilled."
    DELIVERED = "DELIVERED", "已送达", "Delivered", "Done, says the claimer; the beneficiary has not confirmed."
    CONFIRMED = "CONFIRMED", "已确认", "Confirmed", "The beneficiary confirmed; only this counts as fulfilled."
    RATED = "RATED", "已评价", "Rated", "The beneficiary said how it went."
    CLOSED = "CLOSED", "已销号", "Closed", "Finished and struck off the list."
    RELEASED = "RELEASED", "已释放", "Released", "The claim fell away; the wish is open to be claimed again."
    EXPIRED = "EXPIRED", "已过期", "Expired", "Nobody claimed it in time."
    WITHDRAWN = "WITHDRAWN", "已撤回", "Withdrawn", "The beneficiary took it back."


class WishActor(LabelledEnum):
    """Who moves a wish."""

    BENEFICIARY = "BENEFICIARY", "许愿人", "Beneficiary", "Who made the wish, or the guardian who made it for a minor."
    SCREENER = "SCREENER", "审核人", "Screener", "The station or community worker who looks after wishes."
    CLAIMER = "CLAIMER", "认领人", "Claimer", "Who took the wish on, of their own free will."
    CLOCK = "CLOCK", "到期", "Clock", "Nobody: a period ran out."


class ScreeningReason(LabelledEnum):
    """Why a wish is not published as it stands."""

    STATUTORY_AID = (
        "STATUTORY_AID",
        "可申请法定救助",
        "Statutory aid",
        "The law already grants this; apply for it first.",
    )
    CASH = "CASH", "不支持现金", "Cash", "Wishes for money or transfers are not taken."
    OVER_CAP = "OVER_CAP", "超出金额上限", "Over the cap", "It is worth more than a micro wish may be."
    MINOR_WITHOUT_GUARDIAN = (
        "MINOR_WITHOUT_GUARDIAN", "未成年人须由监护人提出", "Minor without guardian",
        "Only a guardian makes a wish for a minor.",
    )  # fmt: skip
    SHOWS_ADDRESS = "SHOWS_ADDRESS", "含有具体住址", "Shows the address", "The text says more than the building."


class ClaimBarrier(LabelledEnum):
    """Why somebody may not claim a wish."""

    NOT_OPEN = "NOT_OPEN", "当前不可认领", "Not open", "The wish is not on the wall."
    OWN_WISH = "OWN_WISH", "不能认领自己的心愿", "Own wish", "Nobody claims a wish of their own."
    SAME_HOUSEHOLD = "SAME_HOUSEHOLD", "不能认领同户的心愿", "Same household", "Nor one from their own household."
    REFUSED = "REFUSED", "许愿人已谢绝", "Refused", "The beneficiary declined this claimer before."
    TOO_MANY_CLAIMS = "TOO_MANY_CLAIMS", "在办认领已达上限", "Too many claims", "Finish the claims at hand first."


@dataclass(frozen=True)
class Transition:
    """One move of a wish: its verb, from where, to where, and whose it is."""

    verb: str
    sources: frozenset[WishState]
    target: WishState
    by: WishActor


def _move(verb: str, sources: set[WishState], target: WishState, by: WishActor) -> Transition:
    return Transition(verb, frozenset(sources), target, by)


_S, _BENEFICIARY, _SCREENER, _CLAIMER = WishState, WishActor.BENEFICIARY, WishActor.SCREENER, WishActor.CLAIMER
_UNDER_WAY = {_S.AGREED, _S.FULFILLING}

OPEN_STATES = frozenset({_S.PUBLISHED, _S.RELEASED})
CLAIM_STATES = frozenset({_S.CLAIMED, _S.AGREED, _S.FULFILLING, _S.DELIVERED})
FINAL_STATES = frozenset({_S.CLOSED, _S.EXPIRED, _S.WITHDRAWN})

# No clock confirms a delivery: silence is not confirmation.
TRANSITIONS: tuple[Transition, ...] = (
    _move("submit", {_S.DRAFT, _S.RETURNED}, _S.SUBMITTED, _BENEFICIARY),
    _move("approve", {_S.SUBMITTED}, _S.SCREENED, _SCREENER),
    _move("return", {_S.SUBMITTED}, _S.RETURNED, _SCREENER),
    _move("refer", {_S.SUBMITTED}, _S.REFERRED, _SCREENER),
    _move("resume", {_S.REFERRED}, _S.SUBMITTED, _SCREENER),
    _move("publish", {_S.SCREENED}, _S.PUBLISHED, _SCREENER),
    _move("claim", set(OPEN_STATES), _S.CLAIMED, _CLAIMER),
    _move("agree", {_S.CLAIMED}, _S.AGREED, _BENEFICIARY),
    _move("refuse", {_S.CLAIMED}, _S.RELEASED, _BENEFICIARY),
    _move("begin", {_S.AGREED}, _S.FULFILLING, _CLAIMER),
    _move("deliver", {_S.FULFILLING}, _S.DELIVERED, _CLAIMER),
    _move("release", {_S.CLAIMED, *_UNDER_WAY}, _S.RELEASED, _CLAIMER),
    _move("confirm", {_S.DELIVERED}, _S.CONFIRMED, _BENEFICIARY),
    _move("contest", {_S.DELIVERED}, _S.FULFILLING, _BENEFICIARY),
    _move("rate", {_S.CONFIRMED}, _S.RATED, _BENEFICIARY),
    _move("close", {_S.CONFIRMED, _S.RATED, _S.REFERRED}, _S.CLOSED, _SCREENER),
    _move("withdraw", set(_S) - FINAL_STATES - {_S.DELIVERED, _S.CONFIRMED, _S.RATED}, _S.WITHDRAWN, _BENEFICIARY),
    _move("lapse", {_S.CLAIMED}, _S.RELEASED, WishActor.CLOCK),
    _move("overrun", _UNDER_WAY, _S.RELEASED, WishActor.CLOCK),
    _move("expire", set(OPEN_STATES), _S.EXPIRED, WishActor.CLOCK),
)

BY_VERB: Mapping[str, Transition] = MappingProxyType({transition.verb: transition for transition in TRANSITIONS})


def moves_from(state: WishState) -> tuple[Transition, ...]:
    """Return the moves that are possible from a state."""
    return tuple(transition for transition in TRANSITIONS if state in transition.sources)


@dataclass(frozen=True)
class WishFacts:
    """What screening looks at; the value is an estimate in fen."""

    value_fen: int
    asks_for_cash: bool = False
    is_covered_by_statutory_aid: bool = False
    is_for_minor: bool = False
    is_by_guardian: bool = False
    shows_address: bool = False


@dataclass(frozen=True)
class Screening:
    """Where screening sends a wish, with every reason against publishing it as it stands."""

    state: WishState
    reasons: tuple[ScreeningReason, ...] = ()


# What leads to somebody's door: a room (302室, 302房), a chain of numbers (3-2-302), a telephone or document number.
_LEADS_HOME = re.compile(
    r"\d{2,4}\s*[室房]|(?<!\d)\d{1,3}[-－]\d{1,3}[-－]\d{2,4}(?!\d)|(?<!\d)1[3-9]\d{9}(?!\d)|(?<!\d)\d{17}[\dXx](?!\d)",
    re.ASCII,
)


def shows_address(*texts: str) -> bool:
    """Tell whether a text that everybody reads says more than the building; no proof that it does not."""
    return any(_LEADS_HOME.search(text) for text in texts)


def screen(facts: WishFacts, value_cap_fen: int = VALUE_CAP_FEN.value) -> Screening:
    """Screen a wish: refer it to statutory aid before anything else, return it with its reasons, or let it pass."""
    found = {
        ScreeningReason.STATUTORY_AID: facts.is_covered_by_statutory_aid,
        ScreeningReason.CASH: facts.asks_for_cash,
        ScreeningReason.OVER_CAP: facts.value_fen > value_cap_fen,
        ScreeningReason.MINOR_WITHOUT_GUARDIAN: facts.is_for_minor and not facts.is_by_guardian,
        ScreeningReason.SHOWS_ADDRESS: facts.shows_address,
    }
    reasons = tuple(reason for reason, stands in found.items() if stands)
    if facts.is_covered_by_statutory_aid:
        return Screening(WishState.REFERRED, reasons)
    return Screening(WishState.RETURNED if reasons else WishState.SCREENED, reasons)


@dataclass(frozen=True)
class ClaimFacts:
    """What a claim depends on. A household that is not known is never the same as another."""

    state: WishState
    beneficiary_id: int
    claimer_id: int
    beneficiary_household: int | None = None
    claimer_household: int | None = None
    open_claims: int = 0
    was_refused: bool = False


def claim_barriers(facts: ClaimFacts, most_open_claims: int = MOST_OPEN_CLAIMS.value) -> tuple[ClaimBarrier, ...]:
    """List everything that keeps somebody from claiming a wish; nothing means it may be claimed."""
    found = {
        ClaimBarrier.NOT_OPEN: facts.state not in OPEN_STATES,
        ClaimBarrier.OWN_WISH: facts.claimer_id == facts.beneficiary_id,
        ClaimBarrier.SAME_HOUSEHOLD: is_same_household(facts),
        ClaimBarrier.REFUSED: facts.was_refused,
        ClaimBarrier.TOO_MANY_CLAIMS: facts.open_claims >= most_open_claims,
    }
    return tuple(barrier for barrier, stands in found.items() if stands)


def is_same_household(facts: ClaimFacts) -> bool:
    """Tell whether two different persons live in one household; such pairs never count as help between neighbours."""
    household = facts.beneficiary_household
    return household is not None and household == facts.claimer_household and facts.claimer_id != facts.beneficiary_id


def screening_due(
    submitted_at: date | datetime, working: WorkingCalendar, days: int = SCREENING_WORKING_DAYS.value
) -> Due:
    """Return until when a wish must be screened."""
    return calendar.due(submitted_at, days, DayKind.WORKING_DAY, working)


def lease_until(claimed_at: date | datetime, days: int = LEASE_DAYS.value) -> datetime:
    """Return when a claim lapses unless both have agreed. A promise between neighbours does not move for holidays."""
    return calendar.display_until(claimed_at, days)


def fulfil_until(agreed_at: date | datetime, days: int = FULFIL_DAYS.value) -> datetime:
    """Return when a wish must be delivered; after that it is open to others again."""
    return calendar.display_until(agreed_at, days)


def open_until(published_at: date | datetime, days: int = OPEN_DAYS.value) -> datetime:
    """Return when a wish that nobody claimed leaves the wall."""
    return calendar.display_until(published_at, days)
