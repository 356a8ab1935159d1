"""The words of elections."""

from __future__ import annotations

from core.plugin import LabelledEnum


class ElectionKind(LabelledEnum):
    """What an election is for."""

    FIRST = "FIRST", "首届选举", "First election", "The first committee of a compound."
    REELECTION = "REELECTION", "换届选举", "Re-election", "The committee that follows one whose term ends."
    BY_ELECTION = "BY_ELECTION", "补选", "By-election", "Vacant seats of a committee in office."


class ElectionState(LabelledEnum):
    """Where an election, and the term of the committee that it gave, stands."""

    APPLIED = "APPLIED", "已申请", "Applied", "Asked for; the street has not answered."
    REFUSED = "REFUSED", "不予受理", "Refused", "The conditions of law are not met; the rule is cited."
    GROUP_FORMING = "GROUP_FORMING", "组建筹备组", "Group forming", "The preparatory group is being put together."
    GROUP_PUBLISHED = "GROUP_PUBLISHED", "筹备组公示", "Group published", "The group is shown, open to objections."
    ROLL_CONFIRMED = "ROLL_CONFIRMED", "名册已确认", "Roll confirmed", "Who may vote is settled."
    CANDIDATES_OPEN = "CANDIDATES_OPEN", "候选人报名", "Candidates open", "Owners stand, or are proposed."
    REVIEW = "REVIEW", "资格审查", "Review", "Each candidate is looked at by the grounds of law alone."
    CANDIDATES_PUBLISHED = "CANDIDATES_PUBLISHED", "候选人公示", "Candidates published", "The list is on display."
    NOTICE_15D = "NOTICE_15D", "会议公告", "Notice of meeting", "The vote is announced, and has not begun."
    VOTING = "VOTING", "表决中", "Voting", "Owners vote."
    EXTENDED = "EXTENDED", "已延期", "Extended", "Owners vote; the end was moved."
    PRELIM_RESULT = "PRELIM_RESULT", "结果公示", "Preliminary result", "Counted, and open to objections."
    OBJECTION = "OBJECTION", "异议处理", "Objection", "Somebody objected to the result, or a lot is to be drawn."
    CONFIRMED = "CONFIRMED", "选举产生", "Confirmed", "The committee is elected."
    FAILED = "FAILED", "未选出", "Failed", "No committee came of it."
    FIRST_MEETING = "FIRST_MEETING", "首次会议", "First meeting", "The members have chosen a chair."
    FILED = "FILED", "已报备案", "Filed", "The papers are with the authority."
    IN_TERM = "IN_TERM", "任期中", "In term", "The committee is in office and on file."
    REELECTION_DUE = "REELECTION_DUE", "应换届", "Re-election due", "The next election has to be prepared."
    HANDOVER = "HANDOVER", "移交", "Handover", "The term is over; what the committee kept goes to its successor."
    CLOSED = "CLOSED", "已结束", "Closed", "Everything has been handed over."


class GroupStanding(LabelledEnum):
    """For whom somebody sits in a preparatory group or an interim committee."""

    OWNER = "OWNER", "业主", "Owner", "An owner of the compound."
    DEVELOPER = "DEVELOPER", "建设单位", "Developer", "The developer."
    STREET = "STREET", "街道（镇）", "Street or town", "The subdistrict office or the town."
    RESIDENTS_COMMITTEE = (
        "RESIDENTS_COMMITTEE",
        "居（村）委会",
        "Residents' committee",
        "The residents' or villagers' committee.",
    )
    PARTY = "PARTY", "社区党组织", "Party organisation", "The community's Party organisation."
    UNIT = "UNIT", "产权单位", "Property-right unit", "The unit that held the buildings."


class Nomination(LabelledEnum):
    """Who put a candidate forward."""

    SELF = "SELF", "业主自荐", "Self", "The owner stands."
    JOINT = "JOINT", "业主联名推荐", "Owners", "Other owners propose."
    RESIDENTS_COMMITTEE = (
        "RESIDENTS_COMMITTEE",
        "居（村）委会推荐",
        "Residents' committee",
        "The residents' committee proposes.",
    )
    PARTY = "PARTY", "社区党组织推荐", "Party organisation", "The Party organisation proposes."


class CandidateState(LabelledEnum):
    """Where a candidate stands."""

    PROPOSED = "PROPOSED", "待本人同意", "Proposed", "Others proposed; the person has not agreed."
    STANDING = "STANDING", "待审查", "Standing", "Agreed and gave the undertaking; not reviewed."
    NEEDS_EVIDENCE = (
        "NEEDS_EVIDENCE",
        "待补充材料",
        "Needs evidence",
        "A ground was put to the candidate, who may answer.",
    )
    ELIGIBLE = "ELIGIBLE", "符合条件", "Eligible", "No ground speaks against it."
    INELIGIBLE = "INELIGIBLE", "不符合条件", "Ineligible", "Refused on a cited ground."
    APPEALED = "APPEALED", "已申诉", "Appealed", "The refusal is before the street."
    WITHDRAWN = "WITHDRAWN", "已退出", "Withdrawn", "The person does not stand."


class Ground(LabelledEnum):
    """The only grounds on which a candidate may be refused. Zeal, talent and time are declared, never scored."""

    NOT_OWNER = "NOT_OWNER", "不是本区域业主", "Not an owner", "Neither an owner here nor an owner's authorised person."
    NO_CAPACITY = "NO_CAPACITY", "不具有完全民事行为能力", "No full capacity", "Not of full civil capacity."
    PROVIDER_TIES = (
        "PROVIDER_TIES",
        "与物业服务人有利害关系",
        "Ties to the provider",
        "They or close relatives work for the property company.",
    )
    LISTED_DEFAULTER = (
        "LISTED_DEFAULTER",
        "列入失信被执行人",
        "Listed defaulter",
        "On the courts' list; where local law says so.",
    )
    UNCURED_VIOLATION = (
        "UNCURED_VIOLATION",
        "违法搭建等行为未改正",
        "Uncured violation",
        "Illegal building or the like, not undone.",
    )
    UNPAID_FEES = (
        "UNPAID_FEES",
        "未按约定交存、交纳",
        "Unpaid fees",
        "Only where the bylaws or local law say so; never the amount.",
    )
    NO_UNDERTAKING = "NO_UNDERTAKING", "未作书面承诺", "No undertaking", "The written undertaking was not given."


class Office(LabelledEnum):
    """What somebody is in a committee."""

    CHAIR = "CHAIR", "主任", "Chair", "Chosen by the members from among them."
    VICE_CHAIR = "VICE_CHAIR", "副主任", "Vice-chair", "Chosen by the members from among them."
    MEMBER = "MEMBER", "委员", "Member", "Has one vote."
    ALTERNATE = "ALTERNATE", "候补委员", "Alternate", "Moves up when a seat falls vacant; has no vote."


class SeatEnd(LabelledEnum):
    """Why a seat ended before its term."""

    NOT_OWNER = "NOT_OWNER", "不再是业主", "No longer an owner", "The unit was sold."
    NO_CAPACITY = "NO_CAPACITY", "丧失行为能力", "Lost capacity", "No longer of full civil capacity."
    RESIGNED = "RESIGNED", "辞职", "Resigned", "The member resigned in writing."
    LIBERTY = "LIBERTY", "被限制人身自由", "Liberty restricted", "By law, so that the office cannot be held."
    RECALLED = "RECALLED", "业主共同决定更换", "Recalled", "The owners decided so by a vote."
    ANNULLED = "ANNULLED", "选举无效", "Annulled", "The election was declared void."
    DIED = "DIED", "死亡", "Died", "The member died."


class MeetingState(LabelledEnum):
    """Where a committee meeting stands."""

    CALLED = "CALLED", "已通知", "Called", "The agenda is on display."
    IN_SESSION = "IN_SESSION", "进行中", "In session", "Members attend and vote."
    CLOSED = "CLOSED", "已结束", "Closed", "Minutes and decisions are published."
    CANCELLED = "CANCELLED", "已取消", "Cancelled", "It did not take place."


class DecisionState(LabelledEnum):
    """What became of a point of the agenda."""

    OPEN = "OPEN", "待表决", "Open", "Not decided yet."
    PASSED = "PASSED", "通过", "Passed", "More than half of all members agreed."
    NOT_PASSED = "NOT_PASSED", "未通过", "Not passed", "Not more than half of all members agreed."
    NO_QUORUM = "NO_QUORUM", "出席未过半数", "No quorum", "Not more than half of the members were there."


class RecallState(LabelledEnum):
    """Where a petition to replace a member stands."""

    COLLECTING = "COLLECTING", "征集联名", "Collecting", "Owners sign."
    SUPPORTED = "SUPPORTED", "已达比例", "Supported", "Enough owners signed; the vote is to be prepared."
    VOTING = "VOTING", "提交表决", "Put to the vote", "The owners decide by a poll."
    CARRIED = "CARRIED", "已更换", "Carried", "The owners decided to replace the member."
    REJECTED = "REJECTED", "未通过", "Rejected", "The vote did not carry it."
    WITHDRAWN = "WITHDRAWN", "已撤回", "Withdrawn", "Taken back before the vote."


class InterimState(LabelledEnum):
    """Where an interim committee stands."""

    REQUESTED = "REQUESTED", "已申请", "Requested", "Owners ask for one."
    REFUSED = "REFUSED", "不予组建", "Refused", "The rule is cited."
    ORGANISING = "ORGANISING", "组建中", "Organising", "The street puts it together."
    LIST_SHOWN = "LIST_SHOWN", "名单公示", "List shown", "Its members are on display."
    ACTIVE = "ACTIVE", "履职中", "Active", "It organises the owners to decide; it does not decide for them."
    HANDOVER = "HANDOVER", "移交", "Handover", "A committee was elected and takes over."
    ENDED = "ENDED", "已终止", "Ended", "Everything has been handed over."
