"""The life of a wish: ``rules.TRANSITIONS`` with who may do what, and who sees it."""

from __future__ import annotations

from core import errors
from core.plugin import (
    DomainError, EventType, Lifecycle, Matter, Permission, Sight, Step, Viewer, Where, both, either, holders, members, person,
)  # fmt: skip
from plugins.wishes import problems
from plugins.wishes.rules import TRANSITIONS, Transition, WishActor, WishState

_STAFF = ("community_staff", "town_staff")
_PEOPLE = ("resident", "tenant", "owner")
_OFFICES = ("building_captain", "committee_member", "committee_chair", "property_staff", "branch_secretary")

PERMISSIONS = (
    Permission("wishes.post_wish", "提出心愿", "Post a wish", roles=(*_PEOPLE, "community_staff")),
    Permission("wishes.screen_wish", "审核心愿", "Screen wishes", roles=_STAFF),
    Permission("wishes.claim_wish", "认领心愿", "Claim a wish", roles=(*_PEOPLE, *_OFFICES, *_STAFF)),
)  # fmt: skip

# rules' verbs → the deeds' names, their Chinese titles and the events they emit
_NAMES = {
    "submit": ("submit_wish", "提交", "wishes.wish_submitted"),
    "approve": ("approve_wish", "通过审核", "wishes.wish_approved"),
    "return": ("return_wish", "退回", "wishes.wish_returned"),
    "refer": ("refer_wish", "转介救助", "wishes.wish_referred"),
    "resume": ("resume_wish", "恢复审核", "wishes.wish_submitted"),
    "publish": ("publish_wish", "发布", "wishes.wish_published"),
    "claim": ("claim_wish", "认领", "wishes.wish_claimed"),
    "agree": ("agree_claim", "同意认领", "wishes.claim_agreed"),
    "refuse": ("refuse_claim", "谢绝认领", "wishes.claim_refused"),
    "begin": ("begin_wish", "开始圆梦", "wishes.wish_begun"),
    "deliver": ("deliver_wish", "送达", "wishes.wish_delivered"),
    "release": ("release_wish", "放弃认领", "wishes.wish_released"),
    "confirm": ("confirm_wish", "确认圆梦", "wishes.wish_confirmed"),
    "contest": ("contest_delivery", "未收到", "wishes.delivery_contested"),
    "rate": ("rate_wish", "评价", "wishes.wish_rated"),
    "close": ("close_wish", "销号", "wishes.wish_closed"),
    "withdraw": ("withdraw_wish", "撤回", "wishes.wish_withdrawn"),
    "lapse": ("lapse_claim", "认领过期", "wishes.wish_released"),
    "overrun": ("overrun_claim", "圆梦超期", "wishes.wish_released"),
    "expire": ("expire_wish", "心愿过期", "wishes.wish_expired"),
}

EVENTS = tuple(
    EventType(code, title, code.rpartition(".")[2].replace("_", " "))
    for code, title in {event: title for _, title, event in _NAMES.values()}.items()
)


def _beneficiary_only(matter: Matter, viewer: Viewer) -> DomainError | None:
    if viewer.system is not None or matter.author_id == viewer.person_id:
        return None
    return problems.NOT_THE_BENEFICIARY() if viewer.person_id else errors.NOT_SIGNED_IN()


def _not_own(matter: Matter, viewer: Viewer) -> DomainError | None:
    return problems.OWN_WISH() if matter.author_id == viewer.person_id else None


def _step(move: Transition) -> Step:
    name, title, event = _NAMES[move.verb]
    by = move.by
    permission = {
        WishActor.BENEFICIARY: "wishes.post_wish", WishActor.SCREENER: "wishes.screen_wish",
        WishActor.CLAIMER: "wishes.claim_wish",
    }.get(by)  # fmt: skip
    guard = _beneficiary_only if by is WishActor.BENEFICIARY else _not_own if move.verb == "claim" else None
    return Step(
        name, move.sources, move.target, permission=permission, own=by is WishActor.BENEFICIARY,
        timed=by is WishActor.CLOCK, event=event, title_zh=title, guard=guard,
    )  # fmt: skip


def _claimed_by_viewer(sight: Sight) -> Where:
    if sight.viewer.person_id is None:
        return Where("FALSE")
    return Where(
        "EXISTS (SELECT 1 FROM wishes_claim wc WHERE wc.wish_id = {m}.id AND wc.claimer_id = ?)", (sight.viewer.person_id,)
    )


def _on_the_wall(sight: Sight) -> Where:
    hidden = "', '".join(s.value for s in (
        WishState.DRAFT, WishState.SUBMITTED, WishState.RETURNED, WishState.REFERRED, WishState.SCREENED, WishState.WITHDRAWN
    ))  # fmt: skip
    return Where(f"{{m}}.state NOT IN ('{hidden}')")


WISH = Lifecycle(
    "wishes", "WISH", WishState, WishState.DRAFT, type_name="Wish", title_zh="微心愿", title_en="Micro-wish",
    visible=either(
        both(_on_the_wall, either(members(), holders("wishes.claim_wish"))),
        person("{m}.author_id"),
        _claimed_by_viewer,
        holders("wishes.screen_wish"),
    ),
    steps=[_step(move) for move in TRANSITIONS] + [
        Step("revise_wish", {WishState.DRAFT, WishState.RETURNED}, None, permission="wishes.post_wish", own=True,
             title_zh="修改", guard=_beneficiary_only),
        Step("reopen_released", {WishState.RELEASED}, None, title_zh="重新开放"),
        Step("name_companion", {WishState.CLAIMED, WishState.AGREED}, None, permission="wishes.claim_wish",
             title_zh="登记同行人"),
    ],
)  # fmt: skip
