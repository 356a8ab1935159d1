"""How owners decide together: what a motion needs, how ballots are counted, what is still missing, which ballot counts.

Every decision is measured twice, by exclusive-part area and by heads (民法典 278 [V]), and must pass on both axes. Sums
are whole numbers (hundredths of m², heads) and thresholds exact fractions: 66.66 of 100.00 is not two thirds. A motion
that fails decides nothing; however many opposed it, the opposite motion has not passed.

Sums may come from SQL; the helpers that take voters add up the same numbers in Python.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from types import MappingProxyType

from core.labels import Confidence, LabelledEnum, Source, Sourced
from core.masks import SMALLEST_GROUP, small_groups

CC278 = Source("民法典278、1259", Confidence.VERIFIED)
FOLLOW_SOURCE = Source("指导规则26(2)；(2022)沪02民初16号", Confidence.WEB)


class JointDecisionMatter(LabelledEnum):
    """The nine matters that owners decide jointly (民法典 278), in the order of the article."""

    BYLAWS = (
        "BYLAWS", "制定和修改业主大会议事规则", "Bylaws",
        "Adopt or change the rules of procedure of the owners' assembly.",
    )  # fmt: skip
    COVENANT = (
        "COVENANT", "制定和修改管理规约", "Covenant",
        "Adopt or change the covenant on managing the compound.",
    )  # fmt: skip
    COMMITTEE_ELECTION = (
        "COMMITTEE_ELECTION", "选举业主委员会或者更换业主委员会成员", "Committee election",
        "Elect the owners' committee or replace its members.",
    )  # fmt: skip
    SERVICE_PROVIDER = (
        "SERVICE_PROVIDER", "选聘和解聘物业服务企业或者其他管理人", "Service provider",
        "Hire or dismiss the property service company or another manager.",
    )  # fmt: skip
    MAINTENANCE_FUND_USE = (
        "MAINTENANCE_FUND_USE", "使用建筑物及其附属设施的维修资金", "Use of the maintenance fund",
        "Spend the maintenance fund; unlike raising it, an ordinary matter.",
    )  # fmt: skip
    MAINTENANCE_FUND_RAISE = (
        "MAINTENANCE_FUND_RAISE", "筹集建筑物及其附属设施的维修资金", "Raising the maintenance fund",
        "Collect money for the maintenance fund.",
    )  # fmt: skip
    REBUILD = (
        "REBUILD", "改建、重建建筑物及其附属设施", "Rebuilding",
        "Alter or rebuild a building or its facilities.",
    )  # fmt: skip
    COMMON_PART_CHANGE_OR_BUSINESS = (
        "COMMON_PART_CHANGE_OR_BUSINESS", "改变共有部分的用途或者利用共有部分从事经营活动", "Common parts",
        "Change what common parts are used for, or do business with them.",
    )  # fmt: skip
    OTHER_MAJOR = (
        "OTHER_MAJOR", "有关共有和共同管理权利的其他重大事项", "Other major matter",
        "Any other major matter of common ownership and joint management.",
    )  # fmt: skip


class Choice(LabelledEnum):
    """What a ballot says."""

    FOR = "FOR", "同意", "For", "The owner wants the motion to pass."
    AGAINST = "AGAINST", "不同意", "Against", "The owner does not want the motion to pass."
    ABSTAIN = "ABSTAIN", "弃权", "Abstain", "The owner takes part without a side; the ballot stays in the denominator."


class Outcome(LabelledEnum):
    """What a vote led to. There is no outcome that passes the opposite of a motion."""

    PASSED = "PASSED", "通过", "Passed", "Quorum and approval were reached on both axes."
    NOT_PASSED = "NOT_PASSED", "未通过", "Not passed", "Enough owners took part, but approval fell short on an axis."
    QUORUM_NOT_MET = "QUORUM_NOT_MET", "参与未达法定数", "Quorum not met", "Too little area or too few heads took part."
    VOID = "VOID", "无效", "Void", "The vote was declared void; its figures are kept for the record only."


class DecisionBasis(LabelledEnum):
    """Which way of counting silent owners a result rests on."""

    STRICT = "STRICT", "仅计实际表决", "Strict", "Only owners who returned a valid ballot take part."
    FOLLOW_MAJORITY = (
        "FOLLOW_MAJORITY", "未表决视为同意多数意见", "Follow the majority",
        "Owners who were served and stayed silent join the leading side, by a contested clause of the bylaws.",
    )  # fmt: skip


class FollowBarrier(LabelledEnum):
    """Why silent owners may not be counted with the majority."""

    SPECIAL_MATTER = (
        "SPECIAL_MATTER", "该事项须四分之三同意，不适用从众条款", "Three-quarters matter",
        "Matters 6, 7 and 8 need active consent.",
    )  # fmt: skip
    FIRST_ASSEMBLY = (
        "FIRST_ASSEMBLY", "首次业主大会尚无议事规则", "First assembly",
        "Before the first assembly there are no bylaws that could hold the clause.",
    )  # fmt: skip
    NO_CLAUSE = (
        "NO_CLAUSE", "公告前议事规则未约定", "No clause in force",
        "The clause was not in the bylaws when the vote was announced.",
    )  # fmt: skip
    NOT_ON_BALLOT = (
        "NOT_ON_BALLOT", "表决票未载明不表决的后果", "Not on the ballot",
        "The ballot did not state what silence would mean.",
    )  # fmt: skip
    UNDELIVERABLE_NOT_POSTED = (
        "UNDELIVERABLE_NOT_POSTED", "无法送达的表决票公示不足期限", "Undeliverable ballots not posted",
        "The notice of undeliverable ballots was not posted, or not long enough.",
    )  # fmt: skip
    NOT_REVIEWED = (
        "NOT_REVIEWED", "缺少社区合法性审查意见", "Not reviewed",
        "The community gave no note of legal review.",
    )  # fmt: skip


class Delivery(LabelledEnum):
    """Whether an owner was served with the ballot."""

    PROVEN = "PROVEN", "已送达", "Delivered", "There is proof of delivery to this owner."
    NOT_DELIVERED = "NOT_DELIVERED", "未送达", "Not delivered", "There is no proof of delivery to this owner."
    DISPUTED = "DISPUTED", "送达有争议", "Disputed", "The address or the delivery is disputed."


class Channel(LabelledEnum):
    """How a ballot came in."""

    ONLINE = "ONLINE", "线上", "Online", "Cast in an app or a mini-program."
    PAPER = "PAPER", "纸质", "Paper", "Returned on a numbered paper ballot."
    ASSISTED = (
        "ASSISTED",
        "协助",
        "Assisted",
        "Taken down at the voter's door or at a counter, and signed by the voter.",
    )


class BallotStatus(LabelledEnum):
    """What became of one returned ballot; all are kept."""

    COUNTED = "COUNTED", "计入", "Counted", "This ballot is the voter's vote."
    REPLACED = "REPLACED", "已更改", "Replaced", "The voter changed it online before the deadline."
    DUPLICATE = "DUPLICATE", "重复", "Duplicate", "Another ballot of the same voter came first and counts."
    WITHDRAWN = "WITHDRAWN", "已撤回", "Withdrawn", "The voter withdrew it in person."
    INVALID = "INVALID", "无效票", "Invalid", "It has two marks or no signature, so its voter takes no part through it."
    LATE = "LATE", "逾期", "Late", "It came after the deadline."
    CONFLICTED = "CONFLICTED", "共有人意见冲突", "Conflicted", "Co-owners disagree and have designated nobody."
    NOT_REPRESENTATIVE = (
        "NOT_REPRESENTATIVE", "非指定代表", "Not the representative",
        "The co-owners designated somebody else to vote.",
    )  # fmt: skip


class ProxyBarrier(LabelledEnum):
    """Why a proxy may not cast this ballot."""

    NOT_WRITTEN = "NOT_WRITTEN", "无书面委托", "Not written", "There is no written authorisation."
    TERMS_MISSING = (
        "TERMS_MISSING", "委托书未载明事项、权限和期限", "Terms missing",
        "The authorisation does not state matter, scope and period.",
    )  # fmt: skip
    OUT_OF_PERIOD = "OUT_OF_PERIOD", "不在委托期限内", "Out of period", "The authorisation does not cover this moment."
    CHOICE_MISSING = "CHOICE_MISSING", "未载明委托人意见", "Choice missing", "The principal's choice had to be stated."
    CHOICE_DIFFERS = "CHOICE_DIFFERS", "与委托人意见不符", "Choice differs", "The ballot departs from that choice."
    PROPERTY_STAFF = "PROPERTY_STAFF", "物业服务企业人员", "Property staff", "The proxy works for the property company."
    DEVELOPER_STAFF = "DEVELOPER_STAFF", "建设单位人员", "Developer staff", "The proxy works for the developer."
    CANDIDATE = "CANDIDATE", "候选人", "Candidate", "The proxy is a candidate in this vote."
    TOO_MANY_PRINCIPALS = (
        "TOO_MANY_PRINCIPALS", "受托人数已达上限", "Too many principals",
        "The proxy already votes for as many owners as allowed.",
    )  # fmt: skip


# --- What a motion needs ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Threshold:
    """An exact share to reach (以上, the share itself suffices) or, when strict, to exceed (过半数)."""

    share: Fraction
    is_strict: bool
    source: Source = CC278

    @property
    def comparison(self) -> str:
        """Return ``>`` or ``>=``."""
        return ">" if self.is_strict else ">="


@dataclass(frozen=True)
class MatterRule:
    """What 民法典 278 asks of one matter; each threshold holds for area and for heads.

    ``may_be_sub_area``: a building or stairwell may decide it alone, because only its owners share the part concerned.
    """

    matter: JointDecisionMatter
    code: int
    article: str
    quorum: Threshold
    approval: Threshold
    may_be_sub_area: bool

    @property
    def is_special(self) -> bool:
        """Tell whether the matter needs three quarters of those taking part."""
        return self.approval is SPECIAL


QUORUM = Threshold(Fraction(2, 3), is_strict=False)
ORDINARY = Threshold(Fraction(1, 2), is_strict=True)
SPECIAL = Threshold(Fraction(3, 4), is_strict=False)

MEETING_NOTICE_DAYS = Sourced(15, Source("物业管理条例14", Confidence.VERIFIED))
REQUISITION_SHARE = Sourced(Fraction(1, 5), Source("物业管理条例13", Confidence.VERIFIED))
WINDOW_DAYS = Sourced(10, Source("东莞实践；杭州20", Confidence.DESIGN))
SHORTEST_WINDOW_DAYS = Sourced(5, Source("杭州物业管理条例20", Confidence.VERIFIED, is_comparator=True))
LONGEST_WINDOW_DAYS = Sourced(60, Source("杭州物业管理条例20", Confidence.VERIFIED, is_comparator=True))
MOST_EXTENSIONS = Sourced(1, Source("江门实践", Confidence.DESIGN))
LONGEST_EXTENSION_DAYS = Sourced(21, Source("江门实践", Confidence.DESIGN))
OBJECTION_DAYS = Sourced(7, Source("禅城实践", Confidence.DESIGN))
UNDELIVERABLE_POSTED_DAYS = Sourced(7, Source("舟山物业管理条例", Confidence.VERIFIED, is_comparator=True))
MOST_PRINCIPALS = Sourced(3, Source("潍坊物业管理条例32", Confidence.VERIFIED, is_comparator=True))

_ITEMS = "一二三四五六七八九"
_SPECIAL_CODES = frozenset({6, 7, 8})
_SUB_AREA_CODES = frozenset({5, 7, 8, 9})

RULES: Mapping[JointDecisionMatter, MatterRule] = MappingProxyType(
    {
        matter: MatterRule(
            matter=matter,
            code=code,
            article=f"民法典278条1款（{item}）项",
            quorum=QUORUM,
            approval=SPECIAL if code in _SPECIAL_CODES else ORDINARY,
            may_be_sub_area=code in _SUB_AREA_CODES,
        )
        for code, (matter, item) in enumerate(zip(JointDecisionMatter, _ITEMS, strict=True), start=1)
    }
)


# --- Counting --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Weight:
    """A sum on both axes: hundredths of m² and heads."""

    area_centi: int = 0
    heads: int = 0

    def __post_init__(self) -> None:
        if self.area_centi < 0 or self.heads < 0:
            raise ValueError(f"{self} is negative; sums of a vote never are")

    def __add__(self, other: Weight) -> Weight:
        return Weight(self.area_centi + other.area_centi, self.heads + other.heads)

    def exceeds(self, other: Weight) -> bool:
        """Tell whether this is more on both axes."""
        return self.area_centi > other.area_centi and self.heads > other.heads

    def fits(self, whole: Weight) -> bool:
        """Tell whether this is at most the whole on both axes."""
        return self.area_centi <= whole.area_centi and self.heads <= whole.heads


@dataclass(frozen=True)
class BallotSums:
    """The valid ballots, summed by choice."""

    in_favour: Weight = Weight()
    against: Weight = Weight()
    abstaining: Weight = Weight()

    @property
    def participating(self) -> Weight:
        """Return everybody with a valid ballot: the denominator of approval."""
        return self.in_favour + self.against + self.abstaining

    @property
    def leader(self) -> Choice | None:
        """Return the side ahead of all other ballots on both axes. Abstention is no side; a tie on an axis has none."""
        if self.in_favour.exceeds(self.against) and self.in_favour.exceeds(self.abstaining):
            return Choice.FOR
        if self.against.exceeds(self.in_favour) and self.against.exceeds(self.abstaining):
            return Choice.AGAINST
        return None

    def plus(self, side: Choice, weight: Weight) -> BallotSums:
        """Return the sums with a weight added to one choice."""
        return BallotSums(
            self.in_favour + (weight if side is Choice.FOR else Weight()),
            self.against + (weight if side is Choice.AGAINST else Weight()),
            self.abstaining + (weight if side is Choice.ABSTAIN else Weight()),
        )


@dataclass(frozen=True)
class Leg:
    """One comparison of a verdict, e.g. area in favour against area taking part."""

    numerator: int
    denominator: int
    threshold: Fraction
    comparison: str

    @property
    def needed(self) -> int:
        """Return the smallest numerator that meets the threshold; never nothing, even of nothing."""
        scaled = self.threshold.numerator * self.denominator
        exceeding = scaled // self.threshold.denominator + 1
        return exceeding if self.comparison == ">" else max(1, -(-scaled // self.threshold.denominator))

    @property
    def met(self) -> bool:
        """Tell whether the threshold is met, exactly."""
        return self.numerator >= self.needed

    @property
    def margin(self) -> int:
        """Return how much more is needed with the denominator as it is: 0.01 m² units or heads; 0 when met."""
        return max(0, self.needed - self.numerator)


@dataclass(frozen=True)
class Reading:
    """One way of counting the same ballots, with the four comparisons behind its outcome."""

    basis: DecisionBasis
    sums: BallotSums
    outcome: Outcome
    quorum_area: Leg
    quorum_heads: Leg
    approval_area: Leg
    approval_heads: Leg

    def quorum_gap(self, language: str) -> str:
        """Say in ``zh`` or ``en`` what participation lacks."""
        return describe_gap(self.quorum_area, self.quorum_heads, language)

    def approval_gap(self, language: str) -> str:
        """Say in ``zh`` or ``en`` what support lacks at this participation."""
        return describe_gap(self.approval_area, self.approval_heads, language)


@dataclass(frozen=True)
class Silence:
    """What a vote must show before its silent owners may be counted with the majority.

    Attributes:
        served: owners with proof of delivery who returned nothing; see ``sum_silent``.
        undeliverable_posted_days: how long the notice of undeliverable ballots was posted; None when there were none.
    """

    served: Weight
    has_clause: bool
    is_on_ballot: bool
    is_reviewed: bool
    undeliverable_posted_days: int | None = None
    is_first_assembly: bool = False


@dataclass(frozen=True)
class Verdict:
    """The result of a vote: always the strict reading, and the other one when the bylaws lawfully ask for it."""

    rule: MatterRule
    scope: Weight
    strict: Reading
    follow_majority: Reading | None = None
    follow_barriers: tuple[FollowBarrier, ...] = ()

    @property
    def deciding(self) -> Reading:
        """Return the reading that decides."""
        return self.follow_majority or self.strict

    @property
    def decision_basis(self) -> DecisionBasis:
        """Return the basis of the reading that decides."""
        return self.deciding.basis

    @property
    def outcome(self) -> Outcome:
        """Return the outcome of the reading that decides."""
        return self.deciding.outcome

    @property
    def depends_on_follow_clause(self) -> bool:
        """Tell whether the strict reading ends otherwise: the result must then carry the banner 结果依赖从众条款."""
        return self.outcome is not self.strict.outcome


FOLLOW_BANNER_ZH = "结果依赖从众条款"
FOLLOW_BANNER_EN = "The result depends on the follow-the-majority clause"


def tally(
    matter: JointDecisionMatter,
    scope: Weight,
    sums: BallotSums,
    silence: Silence | None = None,
    *,
    is_void: bool = False,
) -> Verdict:
    """Count a vote.

    Args:
        scope: everybody on the roll.
        silence: given when the bylaws ask for FOLLOW_MAJORITY; what stands in its way is listed in the verdict.
        is_void: the vote was declared void; everything is computed all the same.

    Raises:
        ValueError: the roll is empty, or more took part than stand on it. Such sums must not become a result.
    """
    rule = RULES[matter]
    _check_sums(scope, sums, silence)
    strict = _read(DecisionBasis.STRICT, rule, scope, sums, is_void)
    if silence is None:
        return Verdict(rule, scope, strict)
    barriers = follow_barriers(rule, silence)
    if barriers or sums.leader is None or silence.served == Weight():
        return Verdict(rule, scope, strict, follow_barriers=barriers)
    joined = sums.plus(sums.leader, silence.served)
    return Verdict(rule, scope, strict, _read(DecisionBasis.FOLLOW_MAJORITY, rule, scope, joined, is_void))


def follow_barriers(rule: MatterRule, silence: Silence) -> tuple[FollowBarrier, ...]:
    """List everything that keeps silent owners from being counted with the majority."""
    posted = silence.undeliverable_posted_days
    found = {
        FollowBarrier.SPECIAL_MATTER: rule.is_special,
        FollowBarrier.FIRST_ASSEMBLY: silence.is_first_assembly,
        FollowBarrier.NO_CLAUSE: not silence.has_clause,
        FollowBarrier.NOT_ON_BALLOT: not silence.is_on_ballot,
        FollowBarrier.UNDELIVERABLE_NOT_POSTED: posted is not None and posted < UNDELIVERABLE_POSTED_DAYS.value,
        FollowBarrier.NOT_REVIEWED: not silence.is_reviewed,
    }
    return tuple(barrier for barrier, stands in found.items() if stands)


def quorum_legs(scope: Weight, participating: Weight) -> tuple[Leg, Leg]:
    """Compare participation with the quorum: the leg of area, the leg of heads."""
    return _legs(participating, scope, QUORUM)


def describe_gap(area: Leg, heads: Leg, language: str) -> str:
    """Say in ``zh`` or ``en`` how much more is needed: 还需 3 位业主、412.50 平方米. Both are needed, not either."""
    in_english = language == "en"
    parts = []
    if not heads.met:
        owners = "more owner" if heads.margin == 1 else "more owners"
        parts.append(f"{heads.margin} {owners if in_english else '位业主'}")
    if not area.met:
        parts.append(f"{area.margin // 100}.{area.margin % 100:02d} {'m²' if in_english else '平方米'}")
    if not parts:
        return "Reached" if in_english else "已达到"
    return f"{' and '.join(parts)} needed" if in_english else f"还需 {'、'.join(parts)}"


def _check_sums(scope: Weight, sums: BallotSums, silence: Silence | None) -> None:
    if not scope.area_centi or not scope.heads:
        raise ValueError("an empty roll cannot vote")
    counted = sums.participating + (silence.served if silence else Weight())
    if not counted.fits(scope):
        raise ValueError(f"{counted} took part or was served, but only {scope} is on the roll")


def _read(basis: DecisionBasis, rule: MatterRule, scope: Weight, sums: BallotSums, is_void: bool) -> Reading:
    quorum = _legs(sums.participating, scope, rule.quorum)
    approval = _legs(sums.in_favour, sums.participating, rule.approval)
    return Reading(basis, sums, _outcome(quorum, approval, is_void), *quorum, *approval)


def _legs(part: Weight, whole: Weight, threshold: Threshold) -> tuple[Leg, Leg]:
    return (
        Leg(part.area_centi, whole.area_centi, threshold.share, threshold.comparison),
        Leg(part.heads, whole.heads, threshold.share, threshold.comparison),
    )


def _outcome(quorum: tuple[Leg, Leg], approval: tuple[Leg, Leg], is_void: bool) -> Outcome:
    if is_void:
        return Outcome.VOID
    if not all(leg.met for leg in quorum):
        return Outcome.QUORUM_NOT_MET
    return Outcome.PASSED if all(leg.met for leg in approval) else Outcome.NOT_PASSED


# --- Voters and what is still missing --------------------------------------------------------------------------------


@dataclass(frozen=True)
class RollVoter:
    """One entry of the voter roll: one head, whatever its area."""

    key: str
    area_centi: int
    building: str = ""
    is_developer_stock: bool = False
    delivery: Delivery = Delivery.NOT_DELIVERED


@dataclass(frozen=True)
class BuildingGroup:
    """Voters of one building."""

    building: str
    keys: tuple[str, ...]
    weight: Weight


@dataclass(frozen=True)
class Runway:
    """What participation lacks, told without looking at a single choice.

    ``smallest`` holds the fewest further voters that suffice and ``outstanding`` all who have not voted, by building.
    The keys in them are for whoever may see the roll; everybody else gets buildings and sums.
    """

    area: Leg
    heads: Leg
    smallest: tuple[BuildingGroup, ...]
    outstanding: tuple[BuildingGroup, ...]

    @property
    def is_reached(self) -> bool:
        """Tell whether the quorum stands."""
        return self.area.met and self.heads.met

    @property
    def fewest_voters(self) -> int:
        """Return how many further voters suffice at best."""
        return sum(group.weight.heads for group in self.smallest)

    def gap(self, language: str) -> str:
        """Say in ``zh`` or ``en`` what is missing."""
        return describe_gap(self.area, self.heads, language)


def sum_voters(voters: Iterable[RollVoter]) -> Weight:
    """Add up voters on both axes."""
    voters = tuple(voters)
    return Weight(sum(voter.area_centi for voter in voters), len(voters))


def sum_choices(voters: Iterable[RollVoter], choices: Mapping[str, Choice]) -> BallotSums:
    """Add up the valid ballots, given by roll key.

    Raises:
        ValueError: somebody voted who is not on the roll.
    """
    voters = tuple(voters)
    strangers = choices.keys() - {voter.key for voter in voters}
    if strangers:
        raise ValueError(f"not on the roll: {', '.join(sorted(strangers))}")
    by_choice = {choice: sum_voters(v for v in voters if choices.get(v.key) is choice) for choice in Choice}
    return BallotSums(by_choice[Choice.FOR], by_choice[Choice.AGAINST], by_choice[Choice.ABSTAIN])


def sum_silent(voters: Iterable[RollVoter], returned: Collection[str]) -> Weight:
    """Add up the owners who were provably served and returned nothing.

    Never among them: undelivered or disputed addresses, developer stock, and whoever returned any ballot, even an
    invalid or a late one: that is not silence.
    """
    return sum_voters(
        voter
        for voter in voters
        if voter.delivery is Delivery.PROVEN and not voter.is_developer_stock and voter.key not in returned
    )


def what_is_missing(voters: Iterable[RollVoter], participating: Collection[str]) -> Runway:
    """Work out what the quorum still lacks, and the smallest set of further voters that would reach it.

    The set is exact: each voter is one head, so among all sets of one size the largest areas hold the most area and as
    many heads as any other; the first size at which they suffice is therefore the least at which any set does.
    """
    voters = tuple(voters)
    waiting = [voter for voter in voters if voter.key not in participating]
    area, heads = quorum_legs(sum_voters(voters), sum_voters(v for v in voters if v.key in participating))
    chosen = _fewest(waiting, area.margin, heads.margin)
    return Runway(area, heads, _by_building(chosen), _by_building(waiting))


@dataclass(frozen=True)
class AreaGroup:
    """How many voters of one area are on the roll, and how many of them take part."""

    area_centi: int
    voters: int
    participating: int


def fewest_voters(groups: Iterable[AreaGroup]) -> int:
    """Return what ``what_is_missing`` calls the fewest further voters, from the sums by area alone."""
    groups = tuple(groups)
    whole = Weight(sum(g.area_centi * g.voters for g in groups), sum(g.voters for g in groups))
    part = Weight(sum(g.area_centi * g.participating for g in groups), sum(g.participating for g in groups))
    area, heads = quorum_legs(whole, part)
    area_missing, needed = area.margin, 0
    for group in sorted(groups, key=lambda group: -group.area_centi):
        waiting = group.voters - group.participating
        if area_missing <= 0:
            break
        taken = min(waiting, -(-area_missing // group.area_centi)) if group.area_centi else waiting
        area_missing -= taken * group.area_centi
        needed += taken
    return min(max(needed, heads.margin), whole.heads - part.heads)


def _fewest(waiting: list[RollVoter], area_missing: int, heads_missing: int) -> list[RollVoter]:
    chosen: list[RollVoter] = []
    for voter in sorted(waiting, key=lambda voter: (-voter.area_centi, voter.building, voter.key)):
        if area_missing <= 0 and len(chosen) >= heads_missing:
            break
        chosen.append(voter)
        area_missing -= voter.area_centi
    return chosen


def _by_building(voters: Iterable[RollVoter]) -> tuple[BuildingGroup, ...]:
    groups: dict[str, list[RollVoter]] = {}
    for voter in sorted(voters, key=lambda voter: (voter.building, voter.key)):
        groups.setdefault(voter.building, []).append(voter)
    return tuple(
        BuildingGroup(building, tuple(voter.key for voter in group), sum_voters(group))
        for building, group in groups.items()
    )


# --- Which ballot counts ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ReturnedBallot:
    """One ballot as it came in for a roll entry; ``marks`` is what was ticked, nothing for a blank."""

    id: int
    at: datetime
    channel: Channel
    marks: frozenset[Choice]
    owner_id: int
    is_signed: bool = True
    is_withdrawn: bool = False

    @property
    def choice(self) -> Choice | None:
        """Return what the ballot says; a blank one abstains. None when it is invalid: two marks, or unsigned."""
        if len(self.marks) > 1 or not self.is_signed:
            return None
        return next(iter(self.marks), Choice.ABSTAIN)


@dataclass(frozen=True)
class Resolution:
    """Which ballot of a roll entry counts, and what became of each."""

    counted: ReturnedBallot | None
    statuses: Mapping[int, BallotStatus]

    @property
    def choice(self) -> Choice | None:
        """Return the entry's vote; None when it does not take part."""
        return self.counted.choice if self.counted else None

    @property
    def for_scrutineers(self) -> tuple[int, ...]:
        """Return the ids of duplicates and conflicts, which the scrutineers look at one by one."""
        shown = BallotStatus.DUPLICATE, BallotStatus.CONFLICTED
        return tuple(ballot for ballot, status in self.statuses.items() if status in shown)


def resolve_channels(
    ballots: Iterable[ReturnedBallot],
    deadline: datetime,
    *,
    representative_id: int | None = None,
    may_change: bool = True,
) -> Resolution:
    """Settle which of a roll entry's ballots counts.

    The first valid ballot in time wins over the other channel unless it was withdrawn in person; online, the last
    change before the deadline is the vote where the bylaws allow changes. Co-owners who agree have one vote; if they
    disagree none counts until they designate a representative, whose ballots are then the only ones.

    Args:
        deadline: the first instant too late.
    """
    ordered = sorted(ballots, key=lambda ballot: (ballot.at, ballot.id))
    statuses = {ballot.id: _screen(ballot, deadline, representative_id) for ballot in ordered}
    standing = [ballot for ballot in ordered if statuses[ballot.id] is BallotStatus.COUNTED]
    votes = [_vote_of(owner, standing, may_change, statuses) for owner in dict.fromkeys(b.owner_id for b in standing)]
    if len({vote.choice for vote in votes}) > 1:
        statuses |= {vote.id: BallotStatus.CONFLICTED for vote in votes}
        return Resolution(None, MappingProxyType(statuses))
    statuses |= {vote.id: BallotStatus.DUPLICATE for vote in votes[1:]}
    return Resolution(votes[0] if votes else None, MappingProxyType(statuses))


def _screen(ballot: ReturnedBallot, deadline: datetime, representative_id: int | None) -> BallotStatus:
    if ballot.is_withdrawn:
        return BallotStatus.WITHDRAWN
    if ballot.at >= deadline:
        return BallotStatus.LATE
    if representative_id is not None and ballot.owner_id != representative_id:
        return BallotStatus.NOT_REPRESENTATIVE
    return BallotStatus.INVALID if ballot.choice is None else BallotStatus.COUNTED


def _vote_of(
    owner_id: int, standing: list[ReturnedBallot], may_change: bool, statuses: dict[int, BallotStatus]
) -> ReturnedBallot:
    """Pick one owner's vote among ballots in order of time, and mark the owner's others."""
    own = [ballot for ballot in standing if ballot.owner_id == owner_id]
    changed = [b for b in own if may_change and b.channel is own[0].channel is Channel.ONLINE] or own[:1]
    for ballot in own:
        statuses[ballot.id] = BallotStatus.REPLACED if ballot in changed else BallotStatus.DUPLICATE
    statuses[changed[-1].id] = BallotStatus.COUNTED
    return changed[-1]


@dataclass(frozen=True)
class Proxy:
    """An authorisation to vote for somebody else. A guardian of an owner without capacity is not a proxy.

    ``other_principals`` counts the other owners the proxy already votes for; ``until`` is the first instant too late.
    """

    is_written: bool
    states_terms: bool
    begins: datetime
    until: datetime
    stated_choice: Choice | None = None
    is_property_staff: bool = False
    is_developer_staff: bool = False
    is_candidate: bool = False
    other_principals: int = 0


def proxy_barriers(
    proxy: Proxy,
    at: datetime,
    choice: Choice,
    *,
    must_state_choice: bool = False,
    most_principals: int = MOST_PRINCIPALS.value,
) -> tuple[ProxyBarrier, ...]:
    """List everything that keeps a proxy from casting this ballot at this moment; nothing means it may be cast."""
    found = {
        ProxyBarrier.NOT_WRITTEN: not proxy.is_written,
        ProxyBarrier.TERMS_MISSING: not proxy.states_terms,
        ProxyBarrier.OUT_OF_PERIOD: not proxy.begins <= at < proxy.until,
        ProxyBarrier.CHOICE_MISSING: must_state_choice and proxy.stated_choice is None,
        ProxyBarrier.CHOICE_DIFFERS: proxy.stated_choice not in (None, choice),
        ProxyBarrier.PROPERTY_STAFF: proxy.is_property_staff,
        ProxyBarrier.DEVELOPER_STAFF: proxy.is_developer_staff,
        ProxyBarrier.CANDIDATE: proxy.is_candidate,
        ProxyBarrier.TOO_MANY_PRINCIPALS: proxy.other_principals >= most_principals,
    }
    return tuple(barrier for barrier, stands in found.items() if stands)


# --- Surveys ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class SurveyCount:
    """How many heads answered, and how many chose each option; one head may choose several where the survey says so."""

    heads: int
    options: Mapping[str, int]


@dataclass(frozen=True)
class SurveyResult:
    """A survey counted by head. None stands for figures withheld because too few persons are behind them."""

    total: SurveyCount | None
    groups: Mapping[str, SurveyCount | None]


def tally_survey(groups: Mapping[str, SurveyCount], smallest_group: int = SMALLEST_GROUP) -> SurveyResult:
    """Count a survey by head, withholding the figures of small groups and whatever would give them away.

    Args:
        groups: the answers by group, e.g. building; one group when nothing is broken down.
    """
    hidden = small_groups({name: count.heads for name, count in groups.items()}, smallest_group)
    heads = sum(count.heads for count in groups.values())
    names = dict.fromkeys(option for count in groups.values() for option in count.options)
    options = {name: sum(count.options.get(name, 0) for count in groups.values()) for name in names}
    shown = {name: None if name in hidden else count for name, count in groups.items()}
    return SurveyResult(SurveyCount(heads, options) if heads >= smallest_group else None, MappingProxyType(shown))
