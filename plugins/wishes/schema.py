"""GraphQL of ``wishes``."""

from datetime import datetime
from typing import Annotated, Any

import strawberry

from core.access import Sight, Where, either, holders, person, row
from core.hierarchy import subtree_range
from core.matters import STATE_NOW
from plugins.wishes import models, service
from plugins.wishes.kinds import ClaimState, Satisfaction
from plugins.wishes.lifecycle import WISH
from plugins.wishes.rules import WishState, WishType
from schema.compose import Fragments
from schema.declared import column, declared, extension, for_each, hidden, lookup, state_now, to_many, to_one
from schema.enums import graphql_enum
from schema.looks import SealedField, opened
from schema.mutation import DeedInput, mutation, ref, text
from schema.node import Node
from schema.paging import NEWEST, Connection, Filter
from schema.policies import Guard, guarded
from schema.scalars import Fen
from schema.types import Matter, Person

for enum in (WishState, WishType, ClaimState, Satisfaction):
    graphql_enum(enum)

WISH_PATH = "(SELECT pm.path FROM core_matter pm WHERE pm.id = {t}.wish_id)"
WISH_PLACE = "(SELECT pm.community_id FROM core_matter pm WHERE pm.id = {t}.wish_id)"
WISH_AUTHOR = "(SELECT pm.author_id FROM core_matter pm WHERE pm.id = {t}.wish_id)"
CLAIM_CONTACT = SealedField("wishes_claim", "contact_sealed", "wishes.contact", "sealed_contact")
WISH_ADDRESS = SealedField("wishes_wish", "address_sealed", "wishes.contact", "sealed_address")
LOGGED = guarded(Guard.ROW, "sealed text is loaded for the two concerned only, and each look is written down")
MEETING = "('AGREED', 'FULFILLING', 'DELIVERED')"


def meeting_claimer(sight: Sight) -> Where:
    """Admit the beneficiary always, and the claimer from the moment both have agreed until the wish is confirmed."""
    viewer = sight.viewer.person_id
    if viewer is None:
        return Where("FALSE")
    return Where(
        f"({{m}}.author_id = ? OR ({STATE_NOW} IN {MEETING} AND EXISTS (SELECT 1 FROM wishes_claim wc "
        "WHERE wc.wish_id = {t}.matter_id AND wc.state = 'OPEN' AND wc.claimer_id = ?)))",
        (viewer, sight.now_wire, viewer),
    )


def meeting_beneficiary(sight: Sight) -> Where:
    """Admit the claimer always, and the beneficiary while both have agreed on this very claim."""
    viewer = sight.viewer.person_id
    if viewer is None:
        return Where("FALSE")
    state = STATE_NOW.replace("{m}", "sm")
    return Where(
        f"({{t}}.claimer_id = ? OR ({{t}}.state = 'OPEN' AND EXISTS (SELECT 1 FROM core_matter sm "
        f"WHERE sm.id = {{t}}.wish_id AND sm.author_id = ? AND {state} IN {MEETING})))",
        (viewer, viewer, sight.now_wire),
    )


@declared(
    models.Claim,
    visible=either(
        person("{t}.claimer_id"),
        person("{t}.companion_id"),
        person(WISH_AUTHOR),
        holders("wishes.screen_wish", path=WISH_PATH, place=WISH_PLACE),
    ),
    path=WISH_PATH,
)
class WishClaim(Node):
    """Somebody's offer to fulfil a wish; seen by those concerned and by who screens wishes."""

    wish: Annotated["Wish", strawberry.lazy("plugins.wishes.schema")] = to_one("Wish", "{t}.wish_id", "The wish.")
    claimer: Person | None = to_one("Person", "{t}.claimer_id", "Who claimed it.")
    companion: Person | None = to_one("Person", "{t}.companion_id", "Who comes along.")
    message: str = column("What the claimer wrote to the beneficiary.")
    state: ClaimState = column("Where the claim stands.")
    claimed_at: datetime = column("When it was made.")
    lease_until: datetime = column("Until when it holds without the beneficiary's agreement.")
    ended_at: datetime | None = column("When it ended.")
    reason: str = column("Why it was declined or given up, or why the delivery was contested; may be empty.")
    person_key: int = hidden("{t}.claimer_id")
    sealed_contact: str | None = hidden("{t}.contact_sealed", allowed=meeting_beneficiary)

    @for_each(
        "How to reach the claimer; for the two concerned, once both agreed.",
        needs=("person_key", "sealed_contact"),
        metadata=LOGGED,
    )
    async def contact(claims: list[Any], info: strawberry.Info) -> list[str | None]:  # noqa: N805 - a level's
        return await opened(claims, info, CLAIM_CONTACT)


def _claimer(sight: Sight) -> Where:
    viewer = sight.viewer.person_id
    if viewer is None:
        return Where("FALSE")
    return Where(
        "EXISTS (SELECT 1 FROM wishes_claim wc WHERE wc.wish_id = {t}.matter_id AND wc.state = 'DONE' AND wc.claimer_id = ?)",
        (viewer,),
    )


def beneficiary(sight: Sight) -> Where:
    """Point at the beneficiary for themselves and for who screens wishes; for others the wish goes by its alias."""
    known = either(person("{m}.author_id"), holders("wishes.screen_wish"))(sight)
    return Where(f"CASE WHEN {known.sql} THEN {{m}}.author_id END", known.params)


@declared(models.Wish, matter=WISH)
class Wish(Matter):
    """A small, doable wish of a neighbour, told under an alias."""

    state: WishState = state_now(WishState)
    type: WishType = column("What would fulfil it.")
    story: str = column("What is wished, and why.")
    alias: str = column("The name it goes by on the wall.")
    value_fen: Fen = column("What it is worth, in fen, estimated.")
    building: str = column("The building at most; the exact address is shared once both agree.")
    is_for_minor: bool | None = column(
        "Whether a guardian made it for a minor; for the beneficiary and the screeners, null for others.", convert=bool,
        allowed=either(person("{m}.author_id"), holders("wishes.screen_wish")),
    )  # fmt: skip
    is_visited_by_two: bool = column("Whether visits are made by two people (joinVisit).", convert=bool)
    submitted_at: datetime | None = column("When it was handed in.")
    screening_due: datetime | None = column("Until when it must be screened.")
    screening_note: str = column(
        "What the screener wrote; for the beneficiary and the screeners.",
        allowed=either(person("{m}.author_id"), holders("wishes.screen_wish")), otherwise="''",
    )  # fmt: skip
    published_at: datetime | None = column("When it went on the wall.")
    open_until: datetime | None = column("Until when it may be claimed.")
    confirmed_at: datetime | None = column("When the beneficiary confirmed: the only success.")
    satisfaction: Satisfaction | None = column(
        "What the beneficiary said.", allowed=either(person("{m}.author_id"), holders("wishes.screen_wish"))
    )
    thanks: str = column(
        "The beneficiary's thanks, if they are to be public.",
        allowed=either(row("{t}.thanks_is_public"), person("{m}.author_id"), _claimer),
        otherwise="''",
    )
    author: Person | None = to_one(
        "Person", beneficiary, "Withheld: a wish goes by its alias; shown to the beneficiary and the screeners."
    )
    claims: Connection[WishClaim] = to_many("WishClaim", "{t}.wish_id", "Claims the viewer may see.", order=NEWEST)
    person_key: int = hidden("{m}.author_id")
    sealed_address: str | None = hidden("{t}.address_sealed", allowed=meeting_claimer)

    @for_each(
        "The exact address and contact; for the two concerned, once both agreed.",
        needs=("person_key", "sealed_address"),
        metadata=LOGGED,
    )
    async def address(wishes: list[Any], info: strawberry.Info) -> list[str | None]:  # noqa: N805 - a level's
        return await opened(wishes, info, WISH_ADDRESS)


@strawberry.type(description="How wishes here fare; only what beneficiaries confirmed counts as fulfilled.")
class WishFigures:
    """How wishes here fare."""

    submitted: int = strawberry.field(
        description="Wishes handed in that went on the wall, ever; others are nobody else's to know."
    )
    claimed: int = strawberry.field(description="Wishes claimed at least once, ever.")
    confirmed: int = strawberry.field(description="Wishes that their beneficiaries confirmed: the honest headline.")


@extension("Community")
class CommunityWishes:
    """What ``wishes`` adds to a community."""

    wishes: Connection[Wish] = to_many(
        "Wish", "{m}.community_id", "Wishes of this place that the viewer may see, newest first.", order=NEWEST,
        filters={"type": Filter(WishType, "{t}.type = ?", "Only this type.")},
    )  # fmt: skip

    @strawberry.field(
        description="How wishes here and below fare.",
        metadata=guarded(Guard.EVERYONE, "counts of wishes that were published"),
    )
    async def wish_figures(root: Any, info: strawberry.Info) -> WishFigures:  # noqa: N805 - root is the community
        rows = await info.context.kernel.database.fetch(
            "SELECT COUNT(w.submitted_at) AS submitted, COUNT(w.confirmed_at) AS confirmed, "
            "COUNT(CASE WHEN EXISTS (SELECT 1 FROM wishes_claim c WHERE c.wish_id = w.matter_id) THEN 1 END) AS claimed "
            "FROM wishes_wish w JOIN core_matter m ON m.id = w.matter_id "
            "WHERE m.path >= ? AND m.path < ? AND w.published_at IS NOT NULL",
            subtree_range(root.path),
        )
        return WishFigures(**dict(rows[0]))


@strawberry.type
class WishQuery:
    """Root queries of ``wishes``."""

    wish: Wish | None = lookup("Wish", "The wish with this id; null when there is none or you may not see it.")


@strawberry.input(description="A wish.")
class OpenWishInput(DeedInput):
    """A wish."""

    community: strawberry.ID = text("The code of the place on whose wall it shall hang.")
    title: str = text("The wish in a few words, up to 60 characters.")
    story: str = text("What is wished, and why, up to 1,000 characters.")
    type: WishType = text("What would fulfil it; never money.")
    alias: str = text("The name it goes by; not your own.")
    value_fen: int = text("What it is worth, in fen, estimated; capped by the community.")
    building: str = text("The building at most.", default="")
    address: str | None = text("Exact address and contact: kept sealed, shared once both agree.", default=None)
    asks_for_cash: bool = text("Whether money is asked for; such wishes are not taken.", default=False)
    is_for_minor: bool = text("Whether it is for a minor.", default=False)
    is_by_guardian: bool = text("Whether you are the minor's guardian.", default=False)
    is_visited_by_two: bool = text(
        "Whether visits should be made by two people: a second neighbour joins before you agree.", default=False
    )


@strawberry.input(description="Changes to a wish.")
class ReviseWishInput(DeedInput):
    """Changes to a wish."""

    id: strawberry.ID = ref("Wish", "The wish.")
    title: str | None = text("The new title.", default=None)
    story: str | None = text("The new story.", default=None)
    type: WishType | None = text("The new type.", default=None)
    alias: str | None = text("The new alias.", default=None)
    value_fen: int | None = text("The new value in fen.", default=None)
    building: str | None = text("The new building.", default=None)
    address: str | None = text("The new address and contact.", default=None)


@strawberry.input(description="A wish.")
class WishInput(DeedInput):
    """A wish."""

    id: strawberry.ID = ref("Wish", "The wish.")


@strawberry.input(description="A wish and a note on it.")
class WishNoteInput(DeedInput):
    """A wish and a note on it."""

    id: strawberry.ID = ref("Wish", "The wish.")
    note: str = text(
        "What the beneficiary should know, up to 500 characters; needed unless the wish is approved.", default=""
    )


@strawberry.input(description="A wish and a reason.")
class WishReasonInput(DeedInput):
    """A wish and a reason."""

    id: strawberry.ID = ref("Wish", "The wish.")
    reason: str = text("Why; may be left empty where nobody has to explain.", default="")


@strawberry.input(description="A claim.")
class ClaimWishInput(DeedInput):
    """A claim."""

    id: strawberry.ID = ref("Wish", "The wish.")
    message: str = text("What you would like to say to the beneficiary.", default="")
    contact: str | None = text("How to reach you: kept sealed, shared once both agree.", default=None)


@strawberry.input(description="Agreement to a claimer.")
class AgreeClaimInput(DeedInput):
    """Agreement to a claimer."""

    id: strawberry.ID = ref("Wish", "The wish.")
    address: str | None = text("Address and contact, if not given before.", default=None)


@strawberry.input(description="How it went.")
class RateWishInput(DeedInput):
    """How it went."""

    id: strawberry.ID = ref("Wish", "The wish.")
    satisfaction: Satisfaction = text("How it went.")
    thanks: str = text("A few words of thanks.", default="")
    thanks_is_public: bool = text("Whether others may read them: your consent, for this alone.", default=False)


@strawberry.type
class WishMutation:
    """Mutations of ``wishes``."""

    open_wish = mutation(service.open_wish, OpenWishInput, "Wish")
    revise_wish = mutation(service.revise_wish, ReviseWishInput, "Wish")
    submit_wish = mutation(service.submit_wish, WishInput, "Wish")
    resume_wish = mutation(service.resume_wish, WishInput, "Wish")
    approve_wish = mutation(service.approve_wish, WishNoteInput, "Wish")
    return_wish = mutation(service.return_wish, WishNoteInput, "Wish")
    refer_wish = mutation(service.refer_wish, WishNoteInput, "Wish")
    publish_wish = mutation(service.publish_wish, WishInput, "Wish")
    claim_wish = mutation(service.claim_wish, ClaimWishInput, "Wish")
    join_visit = mutation(service.join_visit, WishInput, "Wish")
    agree_claim = mutation(service.agree_claim, AgreeClaimInput, "Wish")
    refuse_claim = mutation(service.refuse_claim, WishReasonInput, "Wish")
    begin_wish = mutation(service.begin_wish, WishInput, "Wish")
    deliver_wish = mutation(service.deliver_wish, WishInput, "Wish")
    release_wish = mutation(service.release_wish, WishReasonInput, "Wish")
    confirm_wish = mutation(service.confirm_wish, WishInput, "Wish")
    contest_delivery = mutation(service.contest_delivery, WishReasonInput, "Wish")
    rate_wish = mutation(service.rate_wish, RateWishInput, "Wish")
    close_wish = mutation(service.close_wish, WishInput, "Wish")
    withdraw_wish = mutation(service.withdraw_wish, WishInput, "Wish")


FRAGMENTS = Fragments(
    types=(Wish, WishClaim), extends={"Community": CommunityWishes, "Query": WishQuery, "Mutation": WishMutation}
)
