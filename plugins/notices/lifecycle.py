"""The life of a notice, and who may do what with it."""

from __future__ import annotations

from core.plugin import EventType, Lifecycle, Permission, Sight, Step, Where, both, either, holders, person, row
from plugins.notices.kinds import NoticeState

DRAFT, POSTED, ENDED, WITHDRAWN = NoticeState.DRAFT, NoticeState.POSTED, NoticeState.ENDED, NoticeState.WITHDRAWN

_ISSUERS = ("committee_chair", "property_staff", "community_staff", "town_staff", "district_staff")
_PEOPLE = ("resident", "tenant", "owner")

PERMISSIONS = (
    Permission("notices.draft_notice", "起草公示", "Draft notices", roles=(*_ISSUERS, "committee_member")),
    Permission("notices.post_notice", "发布公示", "Post and correct notices", roles=_ISSUERS),
    Permission("notices.withdraw_notice", "撤回公示", "Withdraw notices", roles=_ISSUERS),
    Permission("notices.answer_objection", "答复异议", "Answer objections", roles=_ISSUERS),
    Permission(
        "notices.record_posting", "登记张贴", "Record where a notice was posted",
        roles=(*_ISSUERS, "committee_member", "building_captain"),
    ),
    Permission("notices.acknowledge_notice", "签收公示", "Acknowledge notices", roles=_PEOPLE),
    Permission("notices.object_to_notice", "提出异议", "Object to notices", roles=_PEOPLE),
)  # fmt: skip

EVENTS = (
    EventType("notices.notice_posted", "公示已发布", "A notice was posted"),
    EventType("notices.notice_corrected", "公示已更正", "A notice was corrected"),
    EventType("notices.notice_ended", "公示期满", "The display of a notice ended"),
    EventType("notices.notice_withdrawn", "公示已撤回", "A notice was withdrawn"),
    EventType("notices.objection_made", "收到异议", "An objection was made"),
    EventType("notices.objection_answered", "异议已答复", "An objection was answered"),
)


def _addressed(sight: Sight) -> Where:
    """Show a notice to the people it is for: those who belong to a place of its audience."""
    places = sight.viewer.places()
    if not places:
        return Where("FALSE")
    marks = ", ".join("?" * len(places))
    return Where(
        f"EXISTS (SELECT 1 FROM notices_audience a WHERE a.notice_id = {{m}}.id AND a.community_id IN ({marks}))", places
    )


_PUBLIC = row("EXISTS (SELECT 1 FROM notices_notice n WHERE n.matter_id = {m}.id AND n.is_public)")

NOTICE = Lifecycle(
    "notices", "NOTICE", NoticeState, DRAFT, type_name="Notice", title_zh="公示", title_en="Notice",
    visible=either(
        both(row("{m}.state <> 'DRAFT'"), either(_PUBLIC, _addressed)),
        person("{m}.author_id"),
        holders("notices.draft_notice"),
    ),
    steps=[
        Step("revise_notice", {DRAFT}, None, permission="notices.draft_notice", title_zh="修改草稿"),
        Step("post_notice", {DRAFT}, POSTED, permission="notices.post_notice", event="notices.notice_posted",
             title_zh="发布"),
        Step("correct_notice", {POSTED}, None, permission="notices.post_notice", event="notices.notice_corrected",
             title_zh="更正"),
        Step("end_display", {POSTED}, ENDED, timed=True, event="notices.notice_ended", title_zh="公示期满"),
        Step("withdraw_notice", {POSTED, ENDED}, WITHDRAWN, permission="notices.withdraw_notice",
             event="notices.notice_withdrawn", title_zh="撤回"),
        Step("acknowledge_notice", {POSTED, ENDED}, None, permission="notices.acknowledge_notice", title_zh="签收"),
        Step("object_to_notice", {POSTED}, None, permission="notices.object_to_notice",
             event="notices.objection_made", title_zh="提出异议"),
        Step("answer_objection", {POSTED, ENDED}, None, permission="notices.answer_objection",
             event="notices.objection_answered", title_zh="答复异议"),
        Step("record_posting", {POSTED, ENDED}, None, permission="notices.record_posting", title_zh="登记张贴"),
    ],
)  # fmt: skip
