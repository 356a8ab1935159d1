"""GraphQL of ``notices``."""

from datetime import datetime
from typing import Annotated

import strawberry

from core.access import TRUE, Sight, Where, either, holders, person, row
from core.matters import STATE_NOW
from plugins.notices import models, service
from plugins.notices.kinds import IssuingBody, NoticeState, ObjectionState, PostingPlace
from plugins.notices.lifecycle import NOTICE, addressed, of_own_body
from plugins.notices.rules import NoticeKind
from schema.compose import Fragments
from schema.declared import column, computed, declared, extension, lookup, state_now, to_many, to_one
from schema.enums import graphql_enum
from schema.mutation import DeedInput, mutation, named, ref, text
from schema.node import Node
from schema.paging import NEWEST, OLDEST, Connection, Filter
from schema.types import Attachment, Community, Matter, Person

for enum in (NoticeState, NoticeKind, IssuingBody, ObjectionState, PostingPlace):
    graphql_enum(enum)

NoticeRef = Annotated["Notice", strawberry.lazy("plugins.notices.schema")]


def of_visible_notice(sight: Sight) -> Where:
    """Show what belongs to a notice to whoever may see the notice."""
    seen = NOTICE.visible(sight)
    sql = seen.sql.replace("{m}", "nm")
    return Where(f"EXISTS (SELECT 1 FROM core_matter nm WHERE nm.id = {{t}}.notice_id AND {sql})", seen.params)


NOTICE_PATH = "(SELECT pm.path FROM core_matter pm WHERE pm.id = {t}.notice_id)"
NOTICE_PLACE = "(SELECT pm.community_id FROM core_matter pm WHERE pm.id = {t}.notice_id)"


ISSUER = either(of_own_body("{t}.notice_id"), holders("notices.oversee_notices", path=NOTICE_PATH, place=NOTICE_PLACE))


@declared(models.Version, visible=of_visible_notice, path=NOTICE_PATH)
class NoticeVersion(Node):
    """A notice as it read at some time."""

    number: int = column("1 for the first text, counting up.")
    title: str = column("The title then.")
    body: str | None = column(
        "The text then; null once the notice is withdrawn.",
        allowed=row("(SELECT vm.state FROM core_matter vm WHERE vm.id = {t}.notice_id) <> 'WITHDRAWN'"),
    )
    at: datetime = column("Since when it read so.")
    reason: str = column("Why it was corrected; empty for the first.")


@declared(
    models.Objection,
    visible=either(person("{t}.person_id"), ISSUER),
    path=NOTICE_PATH,
)
class NoticeObjection(Node):
    """An objection to a notice, and its answer; shown to who made it, to the issuer, and to who oversees notices."""

    notice: NoticeRef = to_one("Notice", "{t}.notice_id", "The notice objected to.")
    person: Person | None = to_one("Person", "{t}.person_id", "Who objects.")
    text: str = column("What is objected.")
    at: datetime = column("When.")
    answer_due: datetime = column("Until when it must be answered.")
    state: ObjectionState = column("Where it stands.")
    answer: str | None = column("The answer with its reasons.")
    answered_at: datetime | None = column("When it was answered.")


@declared(models.Acknowledgement, visible=either(person("{t}.person_id"), ISSUER), path=NOTICE_PATH)
class NoticeAcknowledgement(Node):
    """Somebody says that they have read a notice; shown to themselves and to the issuer, as proof of delivery."""

    person: Person | None = to_one("Person", "{t}.person_id", "Who.")
    at: datetime = column("When.")


@declared(models.Posting, visible=of_visible_notice, path=NOTICE_PATH)
class NoticePosting(Node):
    """Proof that a notice was posted somewhere."""

    place: PostingPlace = column("Where: online, on a board, delivered.")
    location: str = column("Which board.")
    at: datetime = column("When.")
    photo: Attachment | None = to_one("Attachment", "{t}.attachment_id", "The photograph that proves it.")


@declared(models.Audience, visible=of_visible_notice, path=NOTICE_PATH)
class NoticeAudience(Node):
    """A place whose people a notice is for."""

    community: Community = to_one("Community", "{t}.community_id", "The place.")


def acknowledged_by_viewer(sight: Sight) -> Where:
    """Say in SQL whether the viewer acknowledged a notice."""
    mine = "SELECT 1 FROM notices_acknowledgement a WHERE a.notice_id = {t}.matter_id AND a.person_id = ?"
    return Where(f"CASE WHEN EXISTS ({mine}) THEN 1 ELSE 0 END", (sight.viewer.person_id or 0,))


@declared(models.Notice, matter=NOTICE)
class Notice(Matter):
    """A public notice: its text, its periods, its versions, and what was objected and answered."""

    state: NoticeState = state_now(NoticeState)
    notice_kind: NoticeKind = column("What is announced; statutory periods depend on it.", "{t}.kind")
    body: str | None = column("The text; null once withdrawn.", allowed=row("{m}.state <> 'WITHDRAWN'"))
    issuer: str = column("Who answers for it, in the drafter's words.")
    issuing_body: IssuingBody = column("As whom the drafter acted, by the office they hold.")
    legal_basis: str = column("The rule it is posted under.")
    is_public: bool = column("Whether everybody may read it, or only its audience.", convert=bool)
    number: int = column("The number of the present version.")
    event_at: datetime | None = column("When what it announces begins.")
    posted_at: datetime | None = column("Since when it is on display.")
    display_until: datetime | None = column(
        "When its display period ends; null for notices shown for good. Of a draft: as wished for."
    )
    withdrawn_at: datetime | None = column("When it was withdrawn.")
    withdrawal_reason: str = column("Why it was withdrawn; stays for everybody to see.")
    permalink: str = computed(
        "'/p/notices/' || {t}.matter_id", "The address of its page, to read and to print; no tracking."
    )
    acknowledged_count: int = computed(
        "(SELECT COUNT(*) FROM notices_acknowledgement a WHERE a.notice_id = {t}.matter_id)",
        "How many people said they read it.",
    )
    acknowledged_by_me: bool = column("Whether the viewer said so.", acknowledged_by_viewer, convert=bool)
    acknowledgements: Connection[NoticeAcknowledgement] = to_many(
        "NoticeAcknowledgement", "{t}.notice_id", "Who read it: one's own, or all for the issuer.", order=NEWEST
    )
    audience: Connection[NoticeAudience] = to_many(
        "NoticeAudience", "{t}.notice_id", "The places it is for.", order=OLDEST
    )
    versions: Connection[NoticeVersion] = to_many(
        "NoticeVersion", "{t}.notice_id", "Its texts, oldest first.", order=OLDEST
    )
    objections: Connection[NoticeObjection] = to_many(
        "NoticeObjection", "{t}.notice_id", "Objections the viewer may see, newest first.", order=NEWEST,
        filters={"state": Filter(ObjectionState, "{t}.state = ?", "Only those in this state.")},
    )  # fmt: skip
    postings: Connection[NoticePosting] = to_many(
        "NoticePosting", "{t}.notice_id", "Where it was posted, with proof.", order=OLDEST
    )


KIND = Filter(NoticeKind, "{t}.kind = ?", "Only notices of this kind.")


@extension("Community")
class CommunityNotices:
    """What ``notices`` adds to a community."""

    notices: Connection[Notice] = to_many(
        "Notice", "{m}.community_id", "Notices of this place, newest first.", order=NEWEST, filters={"kind": KIND}
    )


@strawberry.type
class NoticeQuery:
    """Root queries of ``notices``."""

    notice: Notice | None = lookup("Notice", "The notice with this id; null when there is none or you may not see it.")

    @strawberry.field(description="The notices that are for you, of all the places you belong to, newest first.")
    async def my_notices(
        self,
        info: strawberry.Info,
        first: Annotated[int, strawberry.argument(description="How many items, at most 100.")] = 20,
        after: Annotated[str | None, strawberry.argument(description="Begin behind this cursor.")] = strawberry.UNSET,
        on_display: Annotated[bool, strawberry.argument(description="Only those on display now.")] = False,
    ) -> Connection[Notice]:
        sight = info.context.sight
        now = Where(f"{STATE_NOW} = 'POSTED'", (sight.now_wire,)) if on_display else TRUE
        posted = Where("{m}.state <> 'DRAFT'")
        where = addressed(sight, found=True) & posted & now
        return await info.context.reading.page(
            "Notice", info, where=where, order=NEWEST, first=first, after=after, found=True
        )


@strawberry.input(description="A notice to draft.")
class DraftNoticeInput(DeedInput):
    """A notice to draft."""

    community: strawberry.ID = text("The code of the place whose notice it is.")
    kind: NoticeKind = text("What is announced.")
    title: str = text("The title, up to 200 characters.")
    body: str = text("The text, up to 20,000 characters; plain text, never shown as HTML.")
    issuer: str = text("Who answers for it, e.g. 示例花园01业主委员会.")
    legal_basis: str = text("The rule it is posted under.", default="")
    is_public: bool = text("Whether everybody may read it; else only its audience.", default=True)
    audience: list[strawberry.ID] | None = named(
        "places, by code", "Codes of places within; all of the place when left out.", default=None
    )
    event_at: datetime | None = text(
        "When what it announces begins; needed for kinds with a notice period.", default=None
    )
    display_until: datetime | None = text(
        "Show it until then; as long as its kind requires, when left out.", default=None
    )
    attachments: list[strawberry.ID] | None = ref("Attachment", "Uploaded files (createUpload).", optional=True)


@strawberry.input(description="Changes to a draft.")
class ReviseNoticeInput(DeedInput):
    """Changes to a draft."""

    id: strawberry.ID = ref("Notice", "The notice.")
    title: str | None = text("The new title.", default=None)
    body: str | None = text("The new text.", default=None)
    issuer: str | None = text("The new issuer.", default=None)
    legal_basis: str | None = text("The new legal basis.", default=None)
    is_public: bool | None = text("Whether everybody may read it.", default=None)
    audience: list[strawberry.ID] | None = named(
        "places, by code", "The new audience, instead of the old.", default=None
    )
    event_at: datetime | None = text("The new time of the event.", default=None)
    display_until: datetime | None = text("The new end of its display.", default=None)
    attachments: list[strawberry.ID] | None = ref("Attachment", "More uploaded files.", optional=True)


@strawberry.input(description="A notice.")
class NoticeInput(DeedInput):
    """A notice."""

    id: strawberry.ID = ref("Notice", "The notice.")


@strawberry.input(description="A correction of a posted notice.")
class CorrectNoticeInput(DeedInput):
    """A correction of a posted notice."""

    id: strawberry.ID = ref("Notice", "The notice.")
    reason: str = text("Why; stays with the version.")
    title: str | None = text("The new title.", default=None)
    body: str | None = text("The new text.", default=None)
    event_at: datetime | None = text("The new time of the event; its notice period runs anew.", default=None)


@strawberry.input(description="A notice to withdraw.")
class WithdrawNoticeInput(DeedInput):
    """A notice to withdraw."""

    id: strawberry.ID = ref("Notice", "The notice.")
    reason: str = text("Why; stays for everybody to see.")


@strawberry.input(description="An objection.")
class ObjectToNoticeInput(DeedInput):
    """An objection."""

    id: strawberry.ID = ref("Notice", "The notice.")
    text: str = text("What you object, up to 2,000 characters.")


@strawberry.input(description="An answer to an objection.")
class AnswerObjectionInput(DeedInput):
    """An answer to an objection."""

    id: strawberry.ID = ref("Notice", "The notice.")
    objection: strawberry.ID = ref("NoticeObjection", "The objection.")
    upheld: bool = text("Whether the objection is right.")
    answer: str = text("The answer with its reasons.")


@strawberry.input(description="Where a notice was posted.")
class RecordPostingInput(DeedInput):
    """Where a notice was posted."""

    id: strawberry.ID = ref("Notice", "The notice.")
    place: PostingPlace = text("Where: on a board or delivered.")
    location: str = text("Which board.", default="")
    photo: strawberry.ID | None = ref("Attachment", "The uploaded photograph; needed for a board.", optional=True)
    at: datetime | None = text("When, since it was posted here; now, if not said.", default=None)


@strawberry.type
class NoticeMutation:
    """Mutations of ``notices``."""

    draft_notice = mutation(service.draft_notice, DraftNoticeInput, "Notice")
    revise_notice = mutation(service.revise_notice, ReviseNoticeInput, "Notice")
    post_notice = mutation(service.post_notice, NoticeInput, "Notice")
    correct_notice = mutation(service.correct_notice, CorrectNoticeInput, "Notice")
    withdraw_notice = mutation(service.withdraw_notice, WithdrawNoticeInput, "Notice")
    acknowledge_notice = mutation(service.acknowledge_notice, NoticeInput, "Notice")
    object_to_notice = mutation(service.object_to_notice, ObjectToNoticeInput, "NoticeObjection")
    answer_objection = mutation(service.answer_objection, AnswerObjectionInput, "NoticeObjection")
    record_posting = mutation(service.record_posting, RecordPostingInput, "Notice")


FRAGMENTS = Fragments(
    types=(Notice, NoticeVersion, NoticeObjection, NoticePosting, NoticeAudience, NoticeAcknowledgement),
    extends={"Community": CommunityNotices, "Query": NoticeQuery, "Mutation": NoticeMutation},
)
