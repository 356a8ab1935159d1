"""The life of a wish: ``rules.TRANSITIONS`` with who may do what, and who sees it."""

from __future__ import annotations

from core import errors
from core.plugin import (
    DomainError,
    EventType,
    Lifecycle,
    Matter,
    Permission,
    Sight,
    Step,
    Telling,
    Viewer,
    Where,
    both,
    either,
    holders,
    members,
    person,
    row,
)  # fmt: skip
from plugins.wishes.problems import NOT_THE_BENEFICIARY, OWN_SCREENING, OWN_WISH
from plugins.wishes.rules import FINAL_STATES, TRANSITIONS, Transition, WishActor, WishState

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

EVENTS = (
    EventType("wishes.wish_submitted", "心愿已提交", "A wish was handed in"),
    EventType("wishes.wish_approved", "心愿已通过审核", "A wish passed screening", tells=Telling.CONCERNED),
    EventType("wishes.wish_returned", "心愿已退回", "A wish was sent back", tells=Telling.CONCERNED),
    EventType("wishes.wish_referred", "心愿已转介", "A wish was referred to statutory aid", tells=Telling.CONCERNED),
    EventType("wishes.wish_published", "心愿已上墙", "A wish went on the wall", tells=Telling.EVERYBODY),
    EventType("wishes.wish_claimed", "心愿已被认领", "A wish was claimed", tells=Telling.CONCERNED),
    EventType("wishes.companion_joined", "同行人已加入", "Somebody comes along on a visit", tells=Telling.CONCERNED),
    EventType("wishes.claim_agreed", "双方已约定", "Both agreed on a claim"),
    EventType("wishes.claim_refused", "认领被谢绝", "A claim was declined"),
    EventType("wishes.wish_begun", "开始圆梦", "Somebody began to fulfil a wish"),
    EventType("wishes.wish_delivered", "心愿已送达", "A wish was delivered", tells=Telling.CONCERNED),
    EventType("wishes.wish_released", "认领已释放", "A claim fell away", tells=Telling.CONCERNED),
    EventType("wishes.wish_confirmed", "心愿已圆", "The beneficiary confirmed a wish", tells=Telling.EVERYBODY),
    EventType("wishes.delivery_contested", "许愿人未收到", "The beneficiary contested a delivery"),
    EventType("wishes.wish_rated", "心愿已评价", "The beneficiary said how it went"),
    EventType("wishes.wish_closed", "心愿已销号", "A wish was struck off the list", tells=Telling.CONCERNED),
    EventType("wishes.wish_withdrawn", "心愿已撤回", "A wish was taken back"),
    EventType("wishes.wish_expired", "心愿已过期", "Nobody claimed a wish in time", tells=Telling.CONCERNED),
)


def _beneficiary_only(matter: Matter, viewer: Viewer) -> DomainError | None:
    if viewer.system is not None or matter.author_id == viewer.person_id:
        return None
    return NOT_THE_BENEFICIARY() if viewer.person_id else errors.NOT_SIGNED_IN()


def _not_own(matter: Matter, viewer: Viewer) -> DomainError | None:
    return OWN_WISH() if matter.author_id == viewer.person_id else None


def _not_screening_oneself(matter: Matter, viewer: Viewer) -> DomainError | None:
    return OWN_SCREENING() if viewer.person_id is not None and matter.author_id == viewer.person_id else None


_PERMISSION = {
    WishActor.BENEFICIARY: "wishes.post_wish", WishActor.SCREENER: "wishes.screen_wish",
    WishActor.CLAIMER: "wishes.claim_wish",
}  # fmt: skip
_GUARDS = {"claim": _not_own, "approve": _not_screening_oneself, "publish": _not_screening_oneself}


def _step(move: Transition) -> Step:
    name, title, event = _NAMES[move.verb]
    is_beneficiary = move.by is WishActor.BENEFICIARY
    return Step(
        name, move.sources, move.target, permission=_PERMISSION.get(move.by), own=is_beneficiary,
        timed=move.by is WishActor.CLOCK, event=event, title_zh=title,
        guard=_beneficiary_only if is_beneficiary else _GUARDS.get(move.verb),
    )  # fmt: skip


def _engaged(sight: Sight) -> Where:
    """Show a wish to who claimed it and to who comes along, as long as that claim stands or was fulfilled."""
    viewer = sight.viewer.person_id
    if viewer is None:
        return Where("FALSE")
    return Where(
        "EXISTS (SELECT 1 FROM wishes_claim wc WHERE wc.wish_id = {m}.id AND wc.state IN ('OPEN', 'DONE') "
        "AND (wc.claimer_id = ? OR wc.companion_id = ?))",
        (viewer, viewer),
    )


# A wish that was never published is on no wall, whatever became of it: one that was referred to aid and closed, say.
_on_the_wall = row(
    "({m}.state <> 'WITHDRAWN' AND EXISTS (SELECT 1 FROM wishes_wish ww WHERE ww.matter_id = {m}.id "
    "AND ww.published_at IS NOT NULL))"
)
_handed_in = row("EXISTS (SELECT 1 FROM wishes_wish ww WHERE ww.matter_id = {m}.id AND ww.submitted_at IS NOT NULL)")

WISH = Lifecycle(
    "wishes", "WISH", WishState, WishState.DRAFT, type_name="Wish", title_zh="微心愿", title_en="Micro-wish",
    finals=(WishState.CONFIRMED, WishState.RATED),
    visible=either(
        both(_on_the_wall, either(members(), holders("wishes.claim_wish"))),
        person("{m}.author_id"),
        _engaged,
        both(_handed_in, holders("wishes.screen_wish")),
    ),
    steps=[_step(move) for move in TRANSITIONS] + [
        Step("revise_wish", {WishState.DRAFT, WishState.RETURNED}, None, permission="wishes.post_wish", own=True,
             title_zh="修改", guard=_beneficiary_only),
        Step("join_visit", {WishState.CLAIMED}, None, permission="wishes.claim_wish", event="wishes.companion_joined",
             title_zh="同行", guard=_not_own),
        Step("reopen_released", {WishState.RELEASED}, None, title_zh="重新开放"),
        Step("forget_address", FINAL_STATES, None, title_zh="清除住址"),
    ],
)  # fmt: skip
