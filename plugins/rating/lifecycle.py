"""The life of a rating, and who may do what with it."""

from __future__ import annotations

from core.kinds import Reach
from core.matters import STATE_NOW
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
)  # fmt: skip
from plugins.rating.kinds import RatingState
from plugins.rating.problems import OWN_WORK

DRAFT, OPEN, CLOSED = RatingState.DRAFT, RatingState.OPEN, RatingState.CLOSED

_STAFF = ("community_staff", "town_staff", "district_staff")
_RESPONSIBLE = ("property_staff", "community_staff", "town_staff")

PERMISSIONS = (
    Permission("rating.open_rating", "发起评价", "Open and close ratings", roles=_STAFF),
    Permission("rating.cast_rating", "参与评价", "Rate", roles=("resident", "tenant", "owner")),
    Permission("rating.reply_to_rating", "答复评价", "Reply to ratings and read the reasons", roles=_RESPONSIBLE),
    Permission(
        "rating.read_ratings", "查看评价", "Read ratings by office",
        roles=(*_STAFF, "property_staff", "building_captain", "committee_member", "committee_chair", "branch_secretary",
               "auditor"),
    ),
)  # fmt: skip

EVENTS = (
    EventType("rating.rating_announced", "评价已安排", "A rating was announced"),
    EventType("rating.rating_opened", "评价已开始", "A rating opened", tells=Telling.EVERYBODY),
    EventType("rating.rating_cast", "您已评价", "You rated"),
    EventType("rating.rating_closed", "评价已结束", "A rating closed", tells=Telling.EVERYBODY),
    EventType("rating.rating_replied", "评价已答复", "A rating was replied to", tells=Telling.EVERYBODY),
)


def _not_responsible(matter: Matter, viewer: Viewer) -> DomainError | None:
    """Refuse those who answer for services here: nobody rates their own work."""
    for grant in viewer.grants:
        is_office = grant.reach is Reach.OFFICE and "rating.reply_to_rating" in grant.permissions
        if is_office and grant.path is not None and matter.path.startswith(grant.path):
            return OWN_WORK()
    return None


def _begun(sight: Sight) -> Where:
    """Show a rating from the moment it opens, whether or not a sweep has run."""
    return Where(f"{STATE_NOW} <> 'DRAFT'", (sight.now_wire,))


RATING = Lifecycle(
    "rating", "RATING", RatingState, DRAFT, type_name="ServiceRating", title_zh="评价", title_en="Rating",
    visible=either(
        both(_begun, either(members(), holders("rating.read_ratings"), holders("rating.reply_to_rating"))),
        holders("rating.open_rating"),
    ),
    steps=[
        Step("begin_rating", {DRAFT}, OPEN, timed=True, event="rating.rating_opened", title_zh="开始评价"),
        Step("end_rating", {OPEN}, CLOSED, timed=True, event="rating.rating_closed", title_zh="评价期满"),
        Step("cast_rating", {OPEN}, None, permission="rating.cast_rating", title_zh="评价", guard=_not_responsible,
             nameless=True),
        Step("close_rating", {DRAFT, OPEN}, CLOSED, permission="rating.open_rating", event="rating.rating_closed",
             title_zh="结束评价"),
        Step("reply_to_rating", {CLOSED}, None, permission="rating.reply_to_rating", event="rating.rating_replied",
             title_zh="答复评价"),
    ],
)  # fmt: skip
