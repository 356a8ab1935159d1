"""The lives of elections, meetings, recall petitions and interim committees; who may do what, and who sees them."""

from __future__ import annotations

from core.plugin import EventType, Lifecycle, Permission, Step, Telling, either, holders, members
from plugins.elections.kinds import ElectionState, InterimState, MeetingState, RecallState

_STAFF = ("community_staff", "town_staff")
_COMMITTEE = ("committee_member", "committee_chair")
APPLY, ORGANISE, SUPERVISE = "elections.apply_election", "elections.organise_election", "elections.supervise_election"
STAND, NOMINATE, SERVE, LEAD = (
    "elections.stand_election",
    "elections.nominate_candidate",
    "elections.serve_committee",
    "elections.lead_committee",
)
SIGN, READ = "elections.sign_petition", "elections.read_elections"

PERMISSIONS = (
    Permission(READ, "查看选举与业委会事务", "See elections and the work of committees",
               roles=(*_COMMITTEE, *_STAFF, "district_staff", "branch_secretary", "scrutineer", "auditor",
                      "property_staff", "building_captain")),
    Permission(APPLY, "申请选举", "Apply for elections and interim committees", roles=("owner", *_STAFF, "committee_chair")),
    Permission(ORGANISE, "组织选举", "Organise elections and interim committees", roles=_STAFF),
    Permission(SUPERVISE, "监督与备案", "Supervise: answer applications and appeals, filings", roles=("town_staff", "district_staff")),
    Permission(STAND, "参选", "Stand, withdraw and appeal", roles=("owner",)),
    Permission(NOMINATE, "推荐候选人", "Nominate candidates", roles=("owner", "community_staff", "branch_secretary")),
    Permission(SERVE, "委员履职", "Attend, vote, sign and resign as a member in office", roles=(*_COMMITTEE, "owner", "community_staff")),
    Permission(LEAD, "主持业委会", "Call and close meetings, file, keep seal and inventory", roles=("committee_chair", "community_staff")),
    Permission(SIGN, "联名", "Sign applications and petitions", roles=("owner",)),
)  # fmt: skip


def _told(code: str, zh: str, en: str) -> EventType:
    return EventType(f"elections.{code}", zh, en, tells=Telling.EVERYBODY)


EVENTS = (
    _told("election_applied", "已申请选举业委会", "An election was applied for"),
    _told("election_accepted", "选举申请已受理", "An application was accepted"),
    _told("election_refused", "选举申请不予受理", "An application was refused"),
    _told("group_published", "筹备组名单已公示", "The preparatory group was published"),
    _told("roll_settled", "选举名册已确认", "The roll of an election was settled"),
    _told("candidates_opened", "候选人报名开始", "Nominations opened"),
    _told("review_begun", "候选人资格审查开始", "The review of candidates began"),
    EventType("elections.candidate_proposed", "您被推荐为候选人", "You were proposed as a candidate", tells=Telling.CONCERNED),
    EventType("elections.candidate_reviewed", "候选人资格有了结论", "Your candidacy was reviewed", tells=Telling.CONCERNED),
    _told("candidates_published", "候选人名单已公布", "The candidates were published"),
    _told("notice_begun", "选举表决已公告", "The vote of an election was announced"),
    _told("ballot_opened", "选举开始投票", "The vote of an election began"),
    _told("ballot_extended", "选举投票延期", "The vote of an election was extended"),
    _told("result_shown", "选举结果公示", "The result of an election is shown"),
    EventType("elections.result_held", "选举结果待处理", "The result waits for objections or a lot"),
    _told("lot_announced", "抽签办法已公布", "How a lot is drawn was published"),
    _told("committee_elected", "业委会选举产生", "A committee was elected"),
    _told("election_failed", "选举未产生业委会", "An election failed"),
    _told("chair_chosen", "业委会首次会议已召开", "The members chose their chair"),
    EventType("elections.committee_filed", "业委会已报备案", "A committee was filed"),
    _told("filing_acknowledged", "业委会备案完成", "The filing was acknowledged"),
    EventType("elections.filing_refused", "备案材料被退回", "A filing was refused"),
    _told("committee_recorded", "已登记在任业委会", "A committee in office was recorded"),
    _told("term_alerted", "业委会任期将届满", "A term is about to end"),
    _told("reelection_due", "业委会应当换届", "Re-election is due"),
    _told("term_ended", "业委会任期届满", "A term ended"),
    _told("seat_ended", "委员资格终止", "A seat ended"),
    _told("alternate_moved_up", "候补委员递补", "An alternate moved up"),
    EventType("elections.handover_overdue", "移交逾期", "A handover is overdue"),
    _told("election_closed", "业委会移交完成", "A handover was completed"),
    _told("meeting_called", "业委会会议通知", "A committee meeting was called"),
    EventType("elections.meeting_opened", "业委会会议开始", "A committee meeting began"),
    _told("meeting_closed", "业委会决定已公布", "A committee meeting was closed"),
    _told("meeting_cancelled", "业委会会议取消", "A committee meeting was cancelled"),
    EventType("elections.seal_approved", "用印已获同意", "The use of the seal was agreed to"),
    _told("recall_begun", "更换委员联名开始", "A petition to replace a member began"),
    _told("recall_supported", "更换委员联名已达比例", "Such a petition has enough signatures"),
    _told("recall_put", "更换委员提交表决", "Such a petition was put to the vote"),
    _told("recall_decided", "更换委员表决有了结果", "Such a petition was decided"),
    _told("recall_withdrawn", "更换委员联名已撤回", "Such a petition was withdrawn"),
    _told("interim_requested", "已申请组建物业管理委员会", "An interim committee was requested"),
    _told("interim_accepted", "物业管理委员会开始组建", "An interim committee is being organised"),
    _told("interim_refused", "不予组建物业管理委员会", "An interim committee was refused"),
    _told("interim_shown", "物业管理委员会名单公示", "The list of an interim committee is shown"),
    _told("interim_begun", "物业管理委员会开始履职", "An interim committee began"),
    _told("interim_replaced", "物业管理委员会移交", "An interim committee hands over"),
    _told("interim_ended", "物业管理委员会终止", "An interim committee ended"),
)  # fmt: skip

SEEN = either(members(), holders(READ))
S = ElectionState
IN_OFFICE = (S.CONFIRMED, S.FIRST_MEETING, S.FILED, S.IN_TERM, S.REELECTION_DUE)
_BALLOT = {S.NOTICE_15D, S.VOTING, S.EXTENDED, S.PRELIM_RESULT, S.OBJECTION}

ELECTION = Lifecycle(
    "elections", "ELECTION", ElectionState, S.APPLIED, type_name="Election", title_zh="业委会选举", title_en="Election", visible=SEEN,
    finals=(S.REFUSED, S.FAILED),
    steps=[
        Step("sign_application", {S.APPLIED}, None, permission=SIGN, title_zh="联名"),
        Step("accept_election", {S.APPLIED}, S.GROUP_FORMING, permission=ORGANISE, event="elections.election_accepted",
             title_zh="受理"),
        Step("refuse_election", {S.APPLIED}, S.REFUSED, permission=SUPERVISE, event="elections.election_refused",
             title_zh="不予受理"),
        Step("add_group_member", {S.GROUP_FORMING}, None, permission=ORGANISE, title_zh="添加筹备组成员"),
        Step("publish_group", {S.GROUP_FORMING}, S.GROUP_PUBLISHED, permission=ORGANISE, event="elections.group_published",
             title_zh="公示筹备组"),
        Step("settle_roll", {S.GROUP_PUBLISHED}, S.ROLL_CONFIRMED, permission=ORGANISE, event="elections.roll_settled",
             title_zh="确认名册"),
        Step("open_candidates", {S.APPLIED, S.ROLL_CONFIRMED}, S.CANDIDATES_OPEN, permission=ORGANISE, event="elections.candidates_opened",
             title_zh="开始报名"),
        Step("reopen_candidates", {S.REVIEW, S.FAILED}, S.CANDIDATES_OPEN, permission=ORGANISE, event="elections.candidates_opened",
             title_zh="重新报名"),
        Step("stand_for_election", {S.CANDIDATES_OPEN}, None, permission=STAND, title_zh="自荐"),
        Step("nominate_candidate", {S.CANDIDATES_OPEN}, None, permission=NOMINATE, title_zh="推荐"),
        Step("accept_nomination", {S.CANDIDATES_OPEN, S.REVIEW}, None, permission=STAND, title_zh="同意参选"),
        Step("withdraw_candidacy", {S.CANDIDATES_OPEN, S.REVIEW, S.CANDIDATES_PUBLISHED}, None, permission=STAND,
             title_zh="退出参选"),
        Step("begin_review", {S.CANDIDATES_OPEN}, S.REVIEW, timed=True, event="elections.review_begun",
             title_zh="开始审查"),
        Step("ask_candidate", {S.REVIEW}, None, permission=ORGANISE, title_zh="请候选人说明"),
        Step("answer_review", {S.REVIEW}, None, permission=STAND, title_zh="说明情况"),
        Step("approve_candidate", {S.REVIEW}, None, permission=ORGANISE, title_zh="通过审查"),
        Step("refuse_candidate", {S.REVIEW}, None, permission=ORGANISE, title_zh="不予通过"),
        Step("appeal_refusal", {S.REVIEW, S.CANDIDATES_PUBLISHED}, None, permission=STAND, title_zh="申诉"),
        Step("decide_appeal", {S.REVIEW, S.CANDIDATES_PUBLISHED}, None, permission=SUPERVISE, title_zh="答复申诉"),
        Step("publish_candidates", {S.REVIEW, S.CANDIDATES_PUBLISHED}, S.CANDIDATES_PUBLISHED, permission=ORGANISE,
             event="elections.candidates_published", title_zh="公布候选人"),
        Step("prepare_ballot", {S.CANDIDATES_PUBLISHED}, None, permission=ORGANISE, title_zh="准备表决"),
        Step("follow_poll", {S.CANDIDATES_PUBLISHED, *_BALLOT, *IN_OFFICE}, None, title_zh="跟随表决"),
        Step("begin_notice", {S.CANDIDATES_PUBLISHED}, S.NOTICE_15D, event="elections.notice_begun",
             title_zh="会议公告"),
        Step("return_to_candidates", {S.NOTICE_15D}, S.CANDIDATES_PUBLISHED, title_zh="表决撤回"),
        Step("open_ballot", {S.CANDIDATES_PUBLISHED, S.NOTICE_15D}, S.VOTING, event="elections.ballot_opened",
             title_zh="开始投票"),
        Step("extend_ballot", {S.VOTING}, S.EXTENDED, event="elections.ballot_extended", title_zh="延期"),
        Step("show_result", {S.CANDIDATES_PUBLISHED, S.NOTICE_15D, S.VOTING, S.EXTENDED, S.OBJECTION}, S.PRELIM_RESULT,
             event="elections.result_shown", title_zh="公示结果"),
        Step("hold_result", {S.VOTING, S.EXTENDED, S.PRELIM_RESULT}, S.OBJECTION, event="elections.result_held",
             title_zh="结果待处理"),
        Step("announce_lot", {S.OBJECTION}, None, permission=ORGANISE, event="elections.lot_announced",
             title_zh="公布抽签办法"),
        Step("draw_lot", {S.OBJECTION}, None, permission=ORGANISE, title_zh="抽签"),
        Step("confirm_election", {*_BALLOT, S.CANDIDATES_PUBLISHED}, S.CONFIRMED, event="elections.committee_elected",
             title_zh="选举产生"),
        Step("fail_election", {*_BALLOT, *IN_OFFICE, S.CANDIDATES_PUBLISHED}, S.FAILED, event="elections.election_failed",
             title_zh="选举未成"),
        Step("join_committee", {S.CONFIRMED}, S.CLOSED, title_zh="补入在任业委会"),
        Step("hold_first_meeting", {S.CONFIRMED}, S.FIRST_MEETING, permission=ORGANISE, event="elections.chair_chosen",
             title_zh="首次会议"),
        Step("file_committee", {S.FIRST_MEETING}, S.FILED, permission=LEAD, event="elections.committee_filed",
             title_zh="报备案"),
        Step("acknowledge_filing", {S.FILED}, S.IN_TERM, permission=SUPERVISE, event="elections.filing_acknowledged",
             title_zh="备案回执"),
        Step("refuse_filing", {S.FILED}, S.FIRST_MEETING, permission=SUPERVISE, event="elections.filing_refused",
             title_zh="退回备案"),
        Step("alert_term", {S.IN_TERM, S.REELECTION_DUE}, None, title_zh="任期提醒"),
        Step("reelection_due", {S.IN_TERM}, S.REELECTION_DUE, timed=True, event="elections.reelection_due",
             title_zh="应换届"),
        Step("end_term", {S.IN_TERM, S.REELECTION_DUE}, S.HANDOVER, timed=True, event="elections.term_ended",
             title_zh="任期届满"),
        Step("call_reelection", {S.IN_TERM}, S.REELECTION_DUE, event="elections.reelection_due",
             title_zh="委员不足半数"),
        Step("resign_seat", IN_OFFICE, None, permission=SERVE, title_zh="辞职"),
        Step("end_seat", IN_OFFICE, None, permission=SUPERVISE, title_zh="终止资格"),
        Step("propose_seal_use", {S.IN_TERM, S.REELECTION_DUE}, None, permission=LEAD, title_zh="申请用印"),
        Step("approve_seal_use", {S.IN_TERM, S.REELECTION_DUE}, None, permission=SERVE, title_zh="同意用印"),
        Step("add_handover_item", {S.IN_TERM, S.REELECTION_DUE, S.HANDOVER}, None, permission=LEAD,
             title_zh="登记移交清单"),
        Step("receive_handover_item", {S.HANDOVER}, None, permission=LEAD, title_zh="接收"),
        Step("alert_handover", {S.HANDOVER}, None, event="elections.handover_overdue", title_zh="移交逾期"),
        Step("close_election", {S.HANDOVER}, S.CLOSED, permission=ORGANISE, event="elections.election_closed",
             title_zh="移交完成"),
    ],
)  # fmt: skip

M = MeetingState
MEETING = Lifecycle(
    "elections", "COMMITTEE_MEETING", MeetingState, M.CALLED, type_name="CommitteeMeeting",
    title_zh="业委会会议", title_en="Committee meeting",
    visible=SEEN,
    steps=[
        Step("open_meeting", {M.CALLED}, M.IN_SESSION, permission=LEAD, event="elections.meeting_opened",
             title_zh="开会"),
        Step("attend_meeting", {M.IN_SESSION}, None, permission=SERVE, title_zh="签到"),
        Step("vote_decision", {M.IN_SESSION}, None, permission=SERVE, title_zh="表决"),
        Step("close_meeting", {M.IN_SESSION}, M.CLOSED, permission=LEAD, event="elections.meeting_closed",
             title_zh="闭会并公布决定"),
        Step("cancel_meeting", {M.CALLED}, M.CANCELLED, permission=LEAD, event="elections.meeting_cancelled",
             title_zh="取消"),
    ],
)  # fmt: skip

R = RecallState
RECALL = Lifecycle(
    "elections", "RECALL", RecallState, R.COLLECTING, type_name="RecallPetition",
    title_zh="更换委员", title_en="Recall petition", visible=SEEN,
    steps=[
        Step("sign_recall", {R.COLLECTING}, None, permission=SIGN, title_zh="联名"),
        Step("answer_recall", {R.COLLECTING, R.SUPPORTED, R.VOTING}, None, permission=SERVE, title_zh="本人说明"),
        Step("hand_in_recall", {R.COLLECTING}, R.SUPPORTED, permission=SIGN, event="elections.recall_supported",
             title_zh="提交联名"),
        Step("prepare_recall_ballot", {R.SUPPORTED}, R.VOTING, permission=ORGANISE, event="elections.recall_put",
             title_zh="提交表决"),
        Step("follow_recall", {R.VOTING}, None, title_zh="跟随表决"),
        Step("carry_recall", {R.VOTING}, R.CARRIED, event="elections.recall_decided", title_zh="更换"),
        Step("reject_recall", {R.VOTING}, R.REJECTED, event="elections.recall_decided", title_zh="未通过"),
        Step("return_recall", {R.VOTING}, R.SUPPORTED, title_zh="表决撤回"),
        Step("withdraw_recall", {R.COLLECTING, R.SUPPORTED}, R.WITHDRAWN, permission=SUPERVISE, own=True,
             event="elections.recall_withdrawn", title_zh="撤回"),
    ],
)  # fmt: skip

N = InterimState
INTERIM = Lifecycle(
    "elections", "INTERIM_COMMITTEE", InterimState, N.REQUESTED, type_name="InterimCommittee", title_zh="物业管理委员会",
    title_en="Interim committee", visible=SEEN,
    steps=[
        Step("sign_interim", {N.REQUESTED}, None, permission=SIGN, title_zh="联名"),
        Step("accept_interim", {N.REQUESTED}, N.ORGANISING, permission=ORGANISE, event="elections.interim_accepted",
             title_zh="组建"),
        Step("refuse_interim", {N.REQUESTED}, N.REFUSED, permission=SUPERVISE, event="elections.interim_refused",
             title_zh="不予组建"),
        Step("add_interim_member", {N.ORGANISING}, None, permission=ORGANISE, title_zh="添加成员"),
        Step("show_interim", {N.ORGANISING}, N.LIST_SHOWN, permission=ORGANISE, event="elections.interim_shown",
             title_zh="公示名单"),
        Step("begin_interim", {N.LIST_SHOWN}, N.ACTIVE, timed=True, event="elections.interim_begun",
             title_zh="开始履职"),
        Step("replace_interim", {N.ORGANISING, N.LIST_SHOWN, N.ACTIVE}, N.HANDOVER, event="elections.interim_replaced",
             title_zh="移交"),
        Step("end_interim", {N.HANDOVER}, N.ENDED, permission=ORGANISE, event="elections.interim_ended",
             title_zh="终止"),
    ],
)  # fmt: skip
LIFECYCLES = (ELECTION, MEETING, RECALL, INTERIM)
