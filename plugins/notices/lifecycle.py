"""The life of a notice, and who may do what with it."""

from __future__ import annotations

from core.hierarchy import subtree_range
from core.kinds import Reach
from core.plugin import (
    EventType,
    Lifecycle,
    Permission,
    Place,
    Rule,
    Sight,
    Step,
    Telling,
    Viewer,
    Where,
    both,
    either,
    holders,
    person,
    row,
)  # fmt: skip
from plugins.notices.kinds import IssuingBody, NoticeState

DRAFT, POSTED, ENDED, WITHDRAWN = NoticeState.DRAFT, NoticeState.POSTED, NoticeState.ENDED, NoticeState.WITHDRAWN

_ISSUERS = ("committee_chair", "property_staff", "community_staff", "town_staff", "district_staff")
_AUTHORITY = ("community_staff", "town_staff", "district_staff")
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
    Permission(
        "notices.read_notices", "查看定向公示", "Read notices that are for a part of the place only",
        roles=("committee_chair", "committee_member", "building_captain", "branch_secretary", *_AUTHORITY),
    ),
    Permission(
        "notices.oversee_notices", "监督公示", "See every notice with its objections, answer and withdraw those of others",
        roles=_AUTHORITY,
    ),
    Permission("notices.acknowledge_notice", "签收公示", "Acknowledge notices", roles=_PEOPLE),
    Permission("notices.object_to_notice", "提出异议", "Object to notices", roles=_PEOPLE),
)  # fmt: skip

EVENTS = (
    EventType("notices.notice_posted", "公示已发布", "A notice was posted", tells=Telling.EVERYBODY),
    EventType("notices.notice_corrected", "公示已更正", "A notice was corrected", tells=Telling.EVERYBODY),
    EventType("notices.notice_ended", "公示期满", "The display of a notice ended"),
    EventType("notices.notice_withdrawn", "公示已撤回", "A notice was withdrawn", tells=Telling.EVERYBODY),
    EventType("notices.objection_made", "收到异议", "An objection was made", tells=Telling.CONCERNED),
    EventType("notices.objection_answered", "异议已答复", "An objection was answered"),
)


BODIES = {
    "committee_chair": IssuingBody.COMMITTEE, "committee_member": IssuingBody.COMMITTEE,
    "property_staff": IssuingBody.PROPERTY, **dict.fromkeys(_AUTHORITY, IssuingBody.AUTHORITY),
}  # fmt: skip


def bodies_at(viewer: Viewer, place: Place) -> tuple[IssuingBody, ...]:
    """Return the bodies for which somebody may draft notices at a place."""
    return tuple(
        BODIES.get(g.role, IssuingBody.OTHER) for g in viewer.grants if g.covers("notices.draft_notice", place)
    )


def of_own_body(notice: str) -> Rule:
    """Show what belongs to a notice (``notice`` is the SQL of its key) to the colleagues of who drafted it."""

    def rule(sight: Sight) -> Where:
        where = Where("FALSE")
        for grant in sight.viewer.grants:
            if grant.path and grant.reach is Reach.OFFICE and "notices.draft_notice" in grant.permissions:
                body = BODIES.get(grant.role, IssuingBody.OTHER).value
                where |= Where(
                    "(bn.issuing_body = ? AND bm.path >= ? AND bm.path < ?)", (body, *subtree_range(grant.path))
                )
        if where.sql == "FALSE":
            return where
        joined = "FROM notices_notice bn JOIN core_matter bm ON bm.id = bn.matter_id"
        return Where(f"EXISTS (SELECT 1 {joined} WHERE bn.matter_id = {notice} AND {where.sql})", where.params)

    return rule


def addressed(sight: Sight, *, found: bool = False) -> Where:
    """Show a notice to the people it is for: those who belong to a place of its audience.

    With ``found`` the notices are found from their audience: where few are among many.
    """
    places = sight.viewer.places()
    if not places and not found:
        return Where("FALSE")
    marks = ", ".join("?" * len(places)) or "NULL"
    if found:
        return Where(
            f"{{m}}.id IN (SELECT a.notice_id FROM notices_audience a WHERE a.community_id IN ({marks}))", places
        )
    return Where(
        f"EXISTS (SELECT 1 FROM notices_audience a WHERE a.notice_id = {{m}}.id AND a.community_id IN ({marks}))",
        places,
    )


def answerable(sight: Sight) -> Where:
    """Show a notice to the officers of a part of the place that it is for: the captain of a building, say."""
    seen = holders("notices.read_notices", path="ac.path", place="ac.id")(sight)
    if seen.sql == "FALSE":
        return seen
    joined = "FROM notices_audience a JOIN core_community ac ON ac.id = a.community_id"
    return Where(f"EXISTS (SELECT 1 {joined} WHERE a.notice_id = {{m}}.id AND {seen.sql})", seen.params)


_PUBLIC = row("EXISTS (SELECT 1 FROM notices_notice n WHERE n.matter_id = {m}.id AND n.is_public)")

NOTICE = Lifecycle(
    "notices", "NOTICE", NoticeState, DRAFT, type_name="Notice", title_zh="公示", title_en="Notice",
    finals=(ENDED,),
    visible=either(
        both(row("{m}.state <> 'DRAFT'"), either(_PUBLIC, addressed, answerable, holders("notices.read_notices"))),
        person("{m}.author_id"),
        of_own_body("{m}.id"),
        holders("notices.oversee_notices"),
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
        Step("answer_objection", {POSTED, ENDED, WITHDRAWN}, None, permission="notices.answer_objection",
             event="notices.objection_answered", title_zh="答复异议"),
        Step("record_posting", {POSTED, ENDED}, None, permission="notices.record_posting", title_zh="登记张贴"),
    ],
)  # fmt: skip
