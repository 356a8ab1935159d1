"""The life of a poll, who may do what with it, and who sees it."""

from __future__ import annotations

from core.matters import STATE_NOW
from core.plugin import (
    EventType,
    Lifecycle,
    Permission,
    Sight,
    Step,
    Telling,
    Where,
    both,
    either,
    holders,
    members,
    person,
    row,
)
from plugins.voting.kinds import PollState

DRAFT, ANNOUNCED, VOTING, CLOSED = PollState.DRAFT, PollState.ANNOUNCED, PollState.VOTING, PollState.CLOSED
PRELIMINARY, CONFIRMED, VOID = PollState.PRELIMINARY, PollState.CONFIRMED, PollState.VOID

_DRAFTERS = ("committee_chair", "community_staff")
_PEOPLE = ("resident", "tenant", "owner")
_WATCHERS = (
    "committee_member", "committee_chair", "building_captain", "property_staff", "scrutineer", "community_staff",
    "town_staff", "district_staff", "branch_secretary", "auditor",
)  # fmt: skip

PERMISSIONS = (
    Permission("voting.read_poll", "查看表决", "See announced polls", roles=_WATCHERS),
    Permission("voting.draft_poll", "起草表决", "Draft polls", roles=_DRAFTERS),
    Permission("voting.announce_poll", "公告、延长与撤回表决", "Announce, extend and withdraw polls", roles=_DRAFTERS),
    Permission("voting.void_poll", "宣告表决无效", "Declare polls void", roles=_DRAFTERS),
    Permission("voting.answer_objection", "答复结果异议", "Answer objections to results", roles=_DRAFTERS),
    Permission("voting.count_poll", "启动计票", "Start a count", roles=(*_DRAFTERS, "scrutineer")),
    Permission("voting.handle_slips", "办理纸质票", "Handle paper slips", roles=("community_staff", "scrutineer")),
    Permission("voting.scrutinise", "监票", "Scrutinise ballots after the count", roles=("scrutineer",)),
    # The roll decides who is a voter; a proxy may be a family member who owns nothing.
    Permission("voting.cast_ballot", "投票", "Cast ballots, in person or as a proxy", roles=_PEOPLE),
    Permission("voting.authorise_proxy", "委托他人投票", "Authorise a proxy", roles=("owner",)),
    Permission("voting.object_to_result", "对结果提出异议", "Object to results", roles=("owner",)),
    Permission("voting.answer_survey", "回答问卷", "Answer surveys", roles=_PEOPLE),
)  # fmt: skip

EVENTS = (
    EventType("voting.poll_announced", "表决已公告", "A poll was announced", tells=Telling.EVERYBODY),
    EventType("voting.poll_opened", "表决已开始", "Voting began", tells=Telling.EVERYBODY),
    EventType("voting.ballot_cast", "有人记名投票", "Somebody took part in a named poll; never what was chosen"),
    EventType("voting.poll_extended", "表决期已延长", "The end of voting was moved", tells=Telling.EVERYBODY),
    EventType("voting.poll_closed", "表决已截止", "Voting ended"),
    EventType("voting.poll_counted", "计票完成", "A poll was counted", tells=Telling.EVERYBODY),
    EventType("voting.poll_withdrawn", "表决已撤回", "A poll was withdrawn", tells=Telling.EVERYBODY),
    EventType("voting.poll_voided", "表决被宣告无效", "A poll was declared void", tells=Telling.EVERYBODY),
    EventType("voting.slip_confirmed", "纸质票已复核", "A paper slip was confirmed"),
    EventType("voting.result_objected", "收到结果异议", "An owner objected to a result", tells=Telling.CONCERNED),
    EventType("voting.objection_answered", "结果异议已答复", "An objection to a result was answered"),
    EventType("voting.result_confirmed", "结果生效", "A result was confirmed", tells=Telling.EVERYBODY),
)


def confirmed_now(sight: Sight) -> Where:
    """Show polls whose result is confirmed at this moment."""
    return Where(f"({STATE_NOW}) = 'CONFIRMED'", (sight.now_wire,))


_ANNOUNCED = row("EXISTS (SELECT 1 FROM voting_poll vp WHERE vp.matter_id = {m}.id AND vp.announced_at IS NOT NULL)")

_COUNTED = row("EXISTS (SELECT 1 FROM voting_poll fp WHERE fp.matter_id = {m}.id AND fp.counted_at IS NOT NULL)")

POLL = Lifecycle(
    "voting", "POLL", PollState, DRAFT, type_name="Poll", title_zh="表决", title_en="Poll",
    visible=either(
        both(_ANNOUNCED, either(members(), holders("voting.read_poll"))),
        confirmed_now,
        person("{m}.author_id"),
        holders("voting.draft_poll"),
    ),
    # Its files are letters of authorisation, which may say what the principal wants: for the principal, and after the
    # count for scrutineers.
    files=both(_COUNTED, holders("voting.scrutinise")),
    steps=[
        Step("add_motion", {DRAFT}, None, permission="voting.draft_poll", title_zh="添加事项"),
        Step("remove_motion", {DRAFT}, None, permission="voting.draft_poll", title_zh="删除事项"),
        Step("announce_poll", {DRAFT}, ANNOUNCED, permission="voting.announce_poll", event="voting.poll_announced",
             title_zh="公告"),
        Step("withdraw_poll", {DRAFT, ANNOUNCED}, PollState.WITHDRAWN, permission="voting.announce_poll",
             event="voting.poll_withdrawn", title_zh="撤回"),
        Step("open_poll", {ANNOUNCED}, VOTING, timed=True, event="voting.poll_opened", title_zh="开始表决"),
        Step("close_poll", {VOTING}, CLOSED, timed=True, event="voting.poll_closed", title_zh="截止"),
        Step("extend_poll", {ANNOUNCED, VOTING}, None, permission="voting.announce_poll", event="voting.poll_extended",
             title_zh="延长"),
        Step("cast_ballot", {VOTING}, None, permission="voting.cast_ballot", title_zh="投票", shared=True),
        Step("answer_survey", {VOTING}, None, permission="voting.answer_survey", title_zh="回答问卷", shared=True),
        Step("cast_separated_ballot", {VOTING}, None, permission="voting.answer_survey", title_zh="不记名投票", nameless=True),
        Step("authorise_proxy", {ANNOUNCED, VOTING}, None, permission="voting.authorise_proxy", title_zh="委托"),
        Step("revoke_proxy", {ANNOUNCED, VOTING}, None, permission="voting.authorise_proxy", title_zh="撤销委托"),
        Step("issue_slips", {ANNOUNCED, VOTING}, None, permission="voting.handle_slips", title_zh="编发纸质票"),
        Step("record_delivery", {ANNOUNCED, VOTING}, None, permission="voting.handle_slips", title_zh="登记送达"),
        Step("post_undeliverable", {ANNOUNCED, VOTING}, None, permission="voting.handle_slips", title_zh="公示无法送达"),
        Step("enter_slip", {VOTING}, None, permission="voting.handle_slips", title_zh="录入纸质票"),
        Step("confirm_slip", {VOTING, CLOSED}, None, permission="voting.handle_slips", title_zh="复核纸质票"),
        Step("withdraw_ballot", {VOTING}, None, permission="voting.handle_slips", title_zh="当面撤回选票"),
        Step("count_poll", {CLOSED}, PRELIMINARY, permission="voting.count_poll", event="voting.poll_counted",
             title_zh="计票"),
        Step("object_to_result", {PRELIMINARY}, None, permission="voting.object_to_result",
             event="voting.result_objected", title_zh="提出异议"),
        Step("answer_result_objection", {PRELIMINARY}, None, permission="voting.answer_objection", title_zh="答复异议"),
        Step("confirm_result", {PRELIMINARY}, CONFIRMED, timed=True, event="voting.result_confirmed", title_zh="结果生效"),
        Step("void_poll", {ANNOUNCED, VOTING, CLOSED, PRELIMINARY, CONFIRMED}, VOID, permission="voting.void_poll",
             event="voting.poll_voided", title_zh="宣告无效"),
        Step("finish_poll", {CONFIRMED}, None, title_zh="归档清册"),
        Step("export_ballots", {PRELIMINARY, CONFIRMED, VOID}, None, permission="voting.scrutinise", title_zh="查阅选票"),
    ],
)  # fmt: skip
