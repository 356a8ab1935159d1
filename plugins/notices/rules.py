"""When a notice must go up, when what it announces may begin at the earliest, and how long it must stay.

National law fixes few of these periods. The others are defaults taken from places whose text was read (their source is
marked as a comparator) or our own choice; ``LOCAL_RULES`` holds what single places say differently.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from types import MappingProxyType

from core import calendar
from core.calendar import DayKind, Due, WorkingCalendar
from core.clock import day_start
from core.labels import Confidence, LabelledEnum, Source


class NoticeKind(LabelledEnum):
    """What a notice is about, as far as its periods depend on it."""

    GENERAL = "GENERAL", "一般公告", "General notice", "Anything without periods of its own."
    ASSEMBLY_MEETING = (
        "ASSEMBLY_MEETING",
        "业主大会会议公告",
        "Owners' assembly",
        "Calls a meeting or vote of the owners.",
    )
    PREPARATORY_GROUP = (
        "PREPARATORY_GROUP",
        "筹备组名单",
        "Preparatory group",
        "Names the group that prepares the assembly.",
    )
    FIRST_ASSEMBLY_DRAFTS = (
        "FIRST_ASSEMBLY_DRAFTS", "首次业主大会文件草案", "Drafts of the first assembly",
        "Shows the drafts, the roll and the voting rules of the first assembly.",
    )  # fmt: skip
    VOTER_ROLL = "VOTER_ROLL", "业主名册公示", "Voter roll", "Shows the roll of a vote, open to objections."
    CANDIDATES = "CANDIDATES", "候选人公示", "Candidates", "Names the candidates for the owners' committee."
    UNDELIVERABLE_BALLOTS = (
        "UNDELIVERABLE_BALLOTS", "无法送达表决票公示", "Undeliverable ballots",
        "Lists the units whose ballots could not be delivered.",
    )  # fmt: skip
    VOTE_RESULT = "VOTE_RESULT", "表决结果公示", "Vote result", "Shows the result of a vote, open to objections."
    COMMITTEE_AGENDA = "COMMITTEE_AGENDA", "业委会会议议程", "Committee agenda", "Announces a committee meeting."
    COMMITTEE_DECISION = (
        "COMMITTEE_DECISION",
        "业委会决定",
        "Committee decision",
        "Publishes what the committee decided.",
    )
    INTERIM_COMMITTEE_MEMBERS = (
        "INTERIM_COMMITTEE_MEMBERS", "物业管理委员会名单", "Interim committee members",
        "Names the members of the interim committee.",
    )  # fmt: skip
    INTERIM_COMMITTEE_DECISION = (
        "INTERIM_COMMITTEE_DECISION", "物业管理委员会决定", "Interim committee decision",
        "Publishes what the interim committee decided.",
    )  # fmt: skip
    PUBLIC_REVENUE = "PUBLIC_REVENUE", "公共收益收支", "Public revenue", "Accounts for income from common parts."
    MAINTENANCE_FUND = "MAINTENANCE_FUND", "维修资金收支", "Maintenance fund", "Accounts for the maintenance fund."
    AUDIT_RESULT = "AUDIT_RESULT", "审计结果", "Audit result", "Publishes the result of an audit."
    SERVICE_FEE_INCREASE = (
        "SERVICE_FEE_INCREASE", "物业费调整方案", "Service fee increase",
        "Proposes to raise the service fee.",
    )  # fmt: skip
    SERVICE_FEE_RESULT = "SERVICE_FEE_RESULT", "物业费调整结果", "Service fee result", "Says how such a proposal ended."
    SERVICE_INFORMATION = (
        "SERVICE_INFORMATION", "物业服务信息", "Service information",
        "Shows scope, staff, contacts and standards of the property service.",
    )  # fmt: skip
    PROVIDER_CONTRACT_ENDING = (
        "PROVIDER_CONTRACT_ENDING", "物业服务合同提前终止", "Provider contract ending",
        "Announces that the service contract ends early.",
    )  # fmt: skip
    EMERGENCY_REPAIR_ACCOUNTS = (
        "EMERGENCY_REPAIR_ACCOUNTS", "应急维修费用公示", "Emergency repair accounts",
        "Accounts for an emergency repair paid from the fund.",
    )  # fmt: skip
    AWARD_SHORTLIST = "AWARD_SHORTLIST", "评选入围公示", "Award shortlist", "Names who is proposed for an award."


class PeriodUnit(LabelledEnum):
    """The unit of a period, counted by 民法典 201 to 203."""

    DAY = "DAY", "日", "Day", "Calendar days."
    MONTH = "MONTH", "月", "Month", "Calendar months, to the same day of the month."


class Display(LabelledEnum):
    """How long a notice must stay."""

    NOT_SET = "NOT_SET", "未规定", "Not set", "No rule; the issuer decides."
    FOR_PERIOD = "FOR_PERIOD", "不少于规定期限", "For a period", "At least for the stated period."
    UNTIL_EVENT = "UNTIL_EVENT", "至会议开始", "Until the event", "Until what it announces begins."
    CONTINUOUS = "CONTINUOUS", "长期公示", "Continuously", "For good, kept up to date."


class Cadence(LabelledEnum):
    """How often a disclosure is owed."""

    QUARTERLY = "QUARTERLY", "每季度", "Quarterly", "For each quarter of the calendar year."
    HALF_YEARLY = "HALF_YEARLY", "每半年", "Half-yearly", "For each half of the calendar year."

    @property
    def months(self) -> int:
        """Return the length of one period in months."""
        return 3 if self is Cadence.QUARTERLY else 6


@dataclass(frozen=True)
class Period:
    """A length of time with the source that sets it."""

    length: int
    source: Source
    unit: PeriodUnit = PeriodUnit.DAY

    def end(self, start: date | datetime, working: WorkingCalendar) -> Due:
        """Return the deadline of an act that the period leaves time for; it moves off days of rest."""
        if self.unit is PeriodUnit.MONTH:
            return calendar.due_months(start, self.length, working)
        return calendar.due(start, self.length, DayKind.CALENDAR_DAY, working)

    def elapsed(self, start: date | datetime) -> datetime:
        """Return when the whole period has gone by; a minimum does not move."""
        if self.unit is PeriodUnit.MONTH:
            return calendar.due_months(start, self.length, WorkingCalendar(), roll_forward=False).at
        return calendar.display_until(start, self.length)

    def latest_start(self, event_at: date | datetime) -> datetime:
        """Return the first instant too late to start, if the whole period is to go by before the day of an event."""
        if self.unit is PeriodUnit.DAY:
            return calendar.latest_notice(event_at, self.length)
        event_day = calendar.day_of(event_at)
        start = calendar.add_months(event_day, -self.length)
        is_cut_short = start.day < event_day.day  # at the end of a shorter month, from where the period just fits
        return day_start(start + timedelta(days=is_cut_short))


@dataclass(frozen=True)
class NoticeRule:
    """The periods of one kind of notice.

    Attributes:
        before: how long before the event it announces it must be posted, at the latest.
        within: how soon after the event, or after the end of the period of account, it must be posted.
        shown: how long it must stay, when ``display`` is FOR_PERIOD.
        is_at_once: it must be posted without delay; the law names no number.
        cadence: how often it is owed, whatever happens.
        basis: what the duty rests on, where that is not the source of a period.
    """

    kind: NoticeKind
    before: Period | None = None
    within: Period | None = None
    shown: Period | None = None
    display: Display = Display.NOT_SET
    is_at_once: bool = False
    cadence: Cadence | None = None
    basis: Source | None = None

    @property
    def sources(self) -> tuple[Source, ...]:
        """Return every source behind this rule, once each."""
        periods = (period.source for period in (self.before, self.within, self.shown) if period)
        return tuple(dict.fromkeys((*((self.basis,) if self.basis else ()), *periods)))


def _read(cite: str, *, is_comparator: bool = True) -> Source:
    return Source(cite, Confidence.VERIFIED, is_comparator)


_PMR14 = _read("物业管理条例14", is_comparator=False)
_BEIJING, _BEIJING_DRAFTS = _read("北京市物业管理条例37"), _read("北京市物业管理条例32；上海市住宅物业管理规定")
_BEIJING_GROUP = _read("北京市物业管理条例31")
_LISHUI_HUZHOU, _LISHUI = _read("丽水市、湖州市物业管理条例"), _read("丽水市物业管理条例")
_HANGZHOU, _NINGBO = _read("杭州市物业管理条例26"), _read("宁波市住宅小区物业管理条例")
_COMMITTEE = _read("北京市、杭州市物业管理条例")
_QINGYUAN_VOTE = _read("清远市住宅小区物业管理条例17")
_QINGYUAN_INTERIM = _read("清远市住宅小区物业管理条例26-32")
_QINGYUAN_CONTRACT = _read("清远市住宅小区物业管理条例42")
_REVENUE = _read("清远市住宅小区物业管理条例57；上海市住宅物业管理规定66")
_SHANGHAI_FUND, _SHANGHAI_AUDIT = _read("上海市住宅物业管理规定66"), _read("上海市住宅物业管理规定67")
_FEES = _read("淄博市物业管理条例；杭州市物业管理条例")
_ZHOUSHAN, _WENZHOU, _HUZHOU = _read("舟山市物业管理条例"), _read("温州市物业管理条例"), _read("湖州市物业管理条例")
_GUIDE39 = Source("业主大会和业主委员会指导规则39", Confidence.WEB)
_OURS = Source("本系统约定", Confidence.DESIGN)
_CHANCHENG = Source("禅城实践", Confidence.DESIGN)


def _shown(kind: NoticeKind, period: Period, before: Period | None = None, within: Period | None = None) -> NoticeRule:
    return NoticeRule(kind, before, within, period, Display.FOR_PERIOD)


def _account(kind: NoticeKind, cadence: Cadence, basis: Source) -> NoticeRule:
    """Make the rule of a recurring account: 15 days after the period's end is our choice, where the law names none."""
    return NoticeRule(kind, within=Period(15, _OURS), display=Display.CONTINUOUS, cadence=cadence, basis=basis)


_K = NoticeKind

RULES: Mapping[NoticeKind, NoticeRule] = MappingProxyType(
    {
        rule.kind: rule
        for rule in (
            NoticeRule(_K.GENERAL),
            NoticeRule(_K.ASSEMBLY_MEETING, before=Period(15, _PMR14), display=Display.UNTIL_EVENT),
            _shown(_K.PREPARATORY_GROUP, Period(7, _LISHUI_HUZHOU), within=Period(3, _LISHUI_HUZHOU)),
            _shown(_K.FIRST_ASSEMBLY_DRAFTS, Period(7, _LISHUI), before=Period(15, _BEIJING_DRAFTS)),
            _shown(_K.VOTER_ROLL, Period(7, _OURS)),
            _shown(_K.CANDIDATES, Period(7, _HANGZHOU), before=Period(15, _HANGZHOU)),
            replace(_shown(_K.UNDELIVERABLE_BALLOTS, Period(7, _ZHOUSHAN)), is_at_once=True),
            _shown(_K.VOTE_RESULT, Period(7, _CHANCHENG), within=Period(3, _BEIJING)),
            NoticeRule(_K.COMMITTEE_AGENDA, before=Period(7, _GUIDE39)),
            NoticeRule(_K.COMMITTEE_DECISION, within=Period(3, _COMMITTEE)),
            _shown(_K.INTERIM_COMMITTEE_MEMBERS, Period(15, _QINGYUAN_INTERIM)),
            _shown(_K.INTERIM_COMMITTEE_DECISION, Period(10, _QINGYUAN_INTERIM), within=Period(3, _QINGYUAN_INTERIM)),
            _account(_K.PUBLIC_REVENUE, Cadence.QUARTERLY, _REVENUE),
            _account(_K.MAINTENANCE_FUND, Cadence.HALF_YEARLY, _SHANGHAI_FUND),
            _shown(_K.AUDIT_RESULT, Period(30, _SHANGHAI_AUDIT)),
            _shown(_K.SERVICE_FEE_INCREASE, Period(30, _FEES)),
            _shown(_K.SERVICE_FEE_RESULT, Period(7, _FEES)),
            NoticeRule(_K.SERVICE_INFORMATION, display=Display.CONTINUOUS, is_at_once=True, basis=_HUZHOU),
            _shown(
                _K.PROVIDER_CONTRACT_ENDING,
                Period(30, _QINGYUAN_CONTRACT),
                before=Period(3, _QINGYUAN_CONTRACT, PeriodUnit.MONTH),
            ),
            _shown(_K.EMERGENCY_REPAIR_ACCOUNTS, Period(7, _WENZHOU)),
            _shown(_K.AWARD_SHORTLIST, Period(7, _OURS)),
        )
    }
)


def _here(length: int, source: Source) -> Period:
    """Make a period of a place's own law: there it is in force and no comparator."""
    return Period(length, replace(source, is_comparator=False))


# What single places say differently, by jurisdiction code.
LOCAL_RULES: Mapping[tuple[str, NoticeKind], NoticeRule] = MappingProxyType(
    {
        ("CN-11", _K.PREPARATORY_GROUP): replace(RULES[_K.PREPARATORY_GROUP], within=_here(7, _BEIJING_GROUP)),
        ("CN-3302", _K.CANDIDATES): replace(RULES[_K.CANDIDATES], shown=_here(10, _NINGBO)),
        ("CN-4418", _K.VOTE_RESULT): replace(
            RULES[_K.VOTE_RESULT], within=_here(7, _QINGYUAN_VOTE), shown=_here(15, _QINGYUAN_VOTE)
        ),
    }
)


def rule_for(kind: NoticeKind, jurisdiction: str = "CN") -> NoticeRule:
    """Return the rule in force at a place, e.g. ``CN-441802``: the most particular one, or the national default."""
    for end in range(len(jurisdiction), 2, -1):
        local = LOCAL_RULES.get((jurisdiction[:end], kind))
        if local:
            return local
    return RULES[kind]


def earliest_event(rule: NoticeRule, posted_at: date | datetime) -> datetime | None:
    """Return the earliest moment at which what the notice announces may begin; None when no period is set."""
    return rule.before.elapsed(posted_at) if rule.before else None


def post_before(rule: NoticeRule, event_at: date | datetime) -> datetime | None:
    """Return the first instant too late to announce an event; None when no period is set."""
    return rule.before.latest_start(event_at) if rule.before else None


def post_by(rule: NoticeRule, happened_on: date | datetime, working: WorkingCalendar) -> Due | None:
    """Return until when the notice must be posted after the event it reports; None when no period is set."""
    return rule.within.end(happened_on, working) if rule.within else None


def shown_until(rule: NoticeRule, posted_at: date | datetime, event_at: datetime | None = None) -> datetime | None:
    """Return the first instant at which the notice may come down.

    None for a notice that stays for good, or whose issuer decides. One that stays until its event, when the event is
    not given, stays as long as the event cannot have begun.
    """
    if rule.display is Display.UNTIL_EVENT:
        return event_at or earliest_event(rule, posted_at)
    return rule.shown.elapsed(posted_at) if rule.shown else None


def disclosure_due(rule: NoticeRule, day: date, working: WorkingCalendar) -> Due | None:
    """Return until when the account of the period that ``day`` lies in must be posted; None when none is owed."""
    return post_by(rule, period_end(rule.cadence, day), working) if rule.cadence else None


def period_end(cadence: Cadence, day: date) -> date:
    """Return the last day of the quarter or half-year that ``day`` lies in."""
    first_month = (day.month - 1) // cadence.months * cadence.months + 1
    return calendar.add_months(date(day.year, first_month, 1), cadence.months) - timedelta(days=1)
