"""GraphQL of ``voting``."""

import json
from collections.abc import AsyncGenerator
from datetime import date, datetime
from typing import Annotated, Any

import strawberry
from strawberry.scalars import JSON

from core.access import Sight, Where, decide, either, holders, person
from plugins.voting import certificate, kinds, models, rules
from plugins.voting.kinds import (
    EXPLAINED,
    BallotMode,
    LegalEffect,
    PollKind,
    PollState,
    Remedy,
    ResultObjectionState,
    SlipState,
)
from plugins.voting.lifecycle import POLL
from plugins.voting.rules import Channel, Choice, Delivery, JointDecisionMatter
from plugins.voting.service import casting, counting, drafting, paper
from plugins.voting.turnout import Turnout, follow, turnout_of
from plugins.voting.views import (
    BallotReceipt,
    BallotsBundle,
    Certificate,
    MyBallot,
    SeparatedReceipt,
    SeparatedTurnout,
    SurveyFigures,
    Verdict,
    bundle_of,
    certificate_of,
    my_answer,
    my_ballots,
    my_separated_receipt,
    receipt,
    separated_receipt,
    separated_turnout,
    survey_of,
    verdict_of,
)  # fmt: skip
from schema.compose import Fragments
from schema.declared import column, computed, declared, extension, lookup, state_now, to_many, to_one
from schema.enums import graphql_enum
from schema.mutation import DeedInput, mutation, ref, text
from schema.node import Node
from schema.paging import NEWEST, OLDEST, Connection, Filter, Order
from schema.policies import Guard, guarded
from schema.scalars import Area
from schema.types import Matter, Person

for enum in (
    PollKind, PollState, BallotMode, LegalEffect, kinds.SilencePolicy, kinds.DeliveryMethod, SlipState, ResultObjectionState, Remedy,
    JointDecisionMatter, Choice, Delivery, Channel,
):  # fmt: skip
    graphql_enum(enum)

PollRef = Annotated["Poll", strawberry.lazy("plugins.voting.schema")]
POLL_PATH = "(SELECT pm.path FROM core_matter pm WHERE pm.id = {t}.poll_id)"
POLL_PLACE = "(SELECT pm.community_id FROM core_matter pm WHERE pm.id = {t}.poll_id)"
BY_POSITION = Order("{t}.position", descending=False, number=True)
BY_NUMBER = Order("{t}.number", descending=False, number=True)


def of_visible_poll(sight: Sight) -> Where:
    """Show what belongs to a poll to whoever may see the poll."""
    seen = POLL.visible(sight)
    sql = seen.sql.replace("{m}", "vm")
    return Where(f"EXISTS (SELECT 1 FROM core_matter vm WHERE vm.id = {{t}}.poll_id AND {sql})", seen.params)


@declared(models.Result, visible=of_visible_poll, path=POLL_PATH)
class MotionResult(Node):
    """The result of one motion, as it was counted; it never says that the opposite of the motion was decided."""

    round: int = column("1 for the first count, 2 after a recount …")
    at: datetime = column("When it was counted.")
    outcome: rules.Outcome | None = column("What it led to; null for surveys.")
    decision_basis: rules.DecisionBasis | None = column(
        "On which way of counting silent owners it rests; null for surveys."
    )
    figures: JSON = column("The figures as frozen at the count, areas in hundredths of m².", convert=json.loads)

    @strawberry.field(description="The outcome with every comparison behind it; null for surveys.")
    def verdict(self) -> Verdict | None:
        return verdict_of(self.figures, self.outcome)

    @strawberry.field(description="The answers to a survey question by head; null for joint decisions.")
    def survey(self) -> SurveyFigures | None:
        return survey_of(self.figures)


@declared(models.Motion, visible=of_visible_poll, path=POLL_PATH)
class Motion(Node):
    """One question of a poll, frozen when the poll is announced."""

    poll: PollRef = to_one("Poll", "{t}.poll_id", "The poll.")
    position: int = column("Its place in the poll, from 1.")
    title: str = column("What is asked.")
    text: str = column("The whole text.")
    matter: JointDecisionMatter | None = column(
        "Which of the nine joint decisions it is; null in surveys.", "{t}.matter_code"
    )
    candidate: Person | None = to_one("Person", "{t}.candidate_id", "Who stands, in an election.")
    options: list[str] = column("The options of a survey question.", convert=json.loads)
    most_options: int = column("How many options one person may choose.")
    result: MotionResult | None = to_one(
        "MotionResult",
        "(SELECT vr.id FROM voting_result vr JOIN voting_poll vp ON vp.matter_id = vr.poll_id "
        "WHERE vr.motion_id = {t}.id AND vr.round = vp.round)",
        "The latest result; null before the count.",
    )


@declared(models.Proxy, visible=either(person("{t}.principal_id"), person("{t}.holder_id"),
          holders("voting.handle_slips", path=POLL_PATH, place=POLL_PLACE)), path=POLL_PATH)  # fmt: skip
class Proxy(Node):
    """A written authorisation to vote for an owner in one poll."""

    poll: PollRef = to_one("Poll", "{t}.poll_id", "The poll.")
    principal: Person | None = to_one("Person", "{t}.principal_id", "Who authorises.")
    proxy: Person | None = to_one("Person", "{t}.holder_id", "Who may vote.")
    entry: int = computed(
        "(SELECT ve.number FROM register_roll_entry ve WHERE ve.id = {t}.entry_id)", "The number of the roll entry."
    )
    scope: str = column("For what.")
    begins: datetime = column("From when on.")
    until: datetime = column("Until when.")
    marks: str | None = column(
        "What the principal wants, a letter a motion (F for, A against, B abstain, - open); only the two of them see it.",
        allowed=either(person("{t}.principal_id"), person("{t}.holder_id")),
    )
    made_at: datetime = column("When it was given.")
    used_at: datetime | None = column("When it was first used.")
    revoked_at: datetime | None = column("When it was taken back.")


@declared(models.Slip, visible=holders("voting.handle_slips", path=POLL_PATH, place=POLL_PLACE), path=POLL_PATH)
class PaperSlip(Node):
    """A numbered paper ballot: its delivery and its entry. What is marked on it is shown to nobody."""

    poll: PollRef = to_one("Poll", "{t}.poll_id", "The poll.")
    number: int = column("Its number: that of the roll entry.")
    code: str = column("The code printed on it.")
    units_text: str = computed(
        "(SELECT ve.units_text FROM register_roll_entry ve WHERE ve.id = {t}.entry_id)", "The units it is for."
    )
    state: SlipState = column("Where it stands.")
    delivery: Delivery = column("Whether its owner was served.")
    delivered_at: datetime | None = column("When.")
    delivered_how: kinds.DeliveryMethod | None = column("How.")
    delivered_by: Person | None = to_one("Person", "{t}.delivered_by_id", "By whom.")
    delivery_note: str = column("What was noted of the delivery.")
    entered_at: datetime | None = column("When it was entered first.")
    entered_by: Person | None = to_one("Person", "{t}.entered_by_id", "Who entered it first.")
    confirmed_at: datetime | None = column("When it was entered for the second time.")
    confirmed_by: Person | None = to_one("Person", "{t}.confirmed_by_id", "Who entered it for the second time.")


@declared(
    models.ResultObjection,
    visible=either(person("{t}.person_id"), holders("voting.answer_objection", path=POLL_PATH, place=POLL_PLACE)),
    path=POLL_PATH,
)
class ResultObjection(Node):
    """An owner's objection to a result, and its answer."""

    poll: PollRef = to_one("Poll", "{t}.poll_id", "The poll.")
    person: Person | None = to_one("Person", "{t}.person_id", "Who objects.")
    text: str = column("What is objected.")
    state: ResultObjectionState = column("Where it stands.")
    at: datetime = column("When.")
    answer: str = column("The answer with its reasons; empty before it is given.")
    answered_at: datetime | None = column("When it was answered.")


@declared(models.Poll, matter=POLL, base=("roll_id", "closes_at", "mode"))
class Poll(Matter):
    """A joint decision of owners, or a survey: from draft to confirmed result."""

    state: PollState = state_now(PollState)
    poll_kind: PollKind = column("What it is in law.", "{t}.kind")
    mode: BallotMode = column("How ballots are kept; fixed when the poll is announced.")
    by_standing: bool = column(
        "Whether a separated survey is also counted by standing: owner, tenant, resident.", convert=bool
    )
    body: str = column("What it is about and why.")
    opens_at: datetime = column("From when on ballots are accepted.")
    closes_at: datetime = column("The first moment too late.")
    first_closes_at: datetime | None = column("The end as first announced; earlier than closesAt when it was extended.")
    announced_at: datetime | None = column("When it was announced; null for drafts.")
    extension_reason: str = column("Why the end was moved; empty if it was not.")
    legal_effect: LegalEffect | None = column("What the result counts for; frozen at announcement.")
    is_first_assembly: bool = column(
        "Whether it is the first assembly, before which there are no bylaws.", convert=bool
    )
    scope_justification: str = column("Why only some buildings decide; empty when all do.")
    silence_text: str = column("What the ballot says about owners who return nothing.")
    legal_review_note: str = column("The community's note of legal review.")
    roll_hash: str = column("The hash of the voter roll, frozen at announcement.")
    record_date: date | None = column("The day whose owners vote.")
    area: Area = column("All area of the roll.", "{t}.area_centi")
    heads: int = column("All heads of the roll.")
    round: int = column("How often it was counted.")
    counted_at: datetime | None = column("When it was counted last.")
    objections_until: datetime | None = column("Until when owners may object to the result.")
    certificate_hash: str = column("SHA-256 of the certificate; also in the trace.")
    end_reason: str = column("Why it was withdrawn or declared void.")
    end_basis: str = column("The rule it was declared void under.")
    roll: Matter | None = to_one("Matter", "{t}.roll_id", "The voter roll.")
    notice: Matter | None = to_one("Matter", "{t}.notice_id", "The notice of meeting.")
    result_notice: Matter | None = to_one("Matter", "{t}.result_notice_id", "The notice that shows the result.")
    motions: Connection[Motion] = to_many("Motion", "{t}.poll_id", "Its questions in order.", order=BY_POSITION)
    objections: Connection[ResultObjection] = to_many(
        "ResultObjection",
        "{t}.poll_id",
        "Objections to its result that the viewer may see, newest first.",
        order=NEWEST,
    )
    slips: Connection[PaperSlip] = to_many(
        "PaperSlip", "{t}.poll_id", "Its paper slips, for those who handle them.", order=BY_NUMBER,
        filters={"state": Filter(SlipState, "{t}.state = ?", "Only those in this state."),
                 "delivery": Filter(Delivery, "{t}.delivery = ?", "Only those with this delivery.")},
    )  # fmt: skip
    proxies: Connection[Proxy] = to_many(
        "Proxy", "{t}.poll_id", "Authorisations that the viewer may see.", order=OLDEST
    )

    @strawberry.field(
        description="How much takes part, never how anybody voted; null before voting begins and for surveys.",
        metadata=guarded(Guard.ROW, "sums of who took part, kept as counters"),
    )
    async def turnout(self, info: strawberry.Info) -> Turnout | None:
        return await turnout_of(self, info)

    @strawberry.field(description="What the mode means for the voter, in one Chinese sentence: show it before voting.")
    def mode_explained_zh(self) -> str:
        return EXPLAINED[self.mode][0]

    @strawberry.field(description="What the mode means for the voter, in one English sentence: show it before voting.")
    def mode_explained_en(self) -> str:
        return EXPLAINED[self.mode][1]

    @strawberry.field(
        description="How many have voted in a separated poll; null for named ones and drafts.",
        metadata=guarded(Guard.ROW, "how many, of whom nobody is told apart"),
    )
    async def separated_turnout(self, info: strawberry.Info) -> SeparatedTurnout | None:
        return await separated_turnout(self, info)

    @strawberry.field(
        description="The viewer's own mark on the roll of a separated poll, and whether it is ticked; null for others.",
        metadata=guarded(Guard.SELF, "the viewer's own mark on the roll"),
    )
    async def my_separated_receipt(self, info: strawberry.Info) -> SeparatedReceipt | None:
        return await my_separated_receipt(self, info)

    @strawberry.field(
        description="What the viewer may vote for and has voted here (a handful); other people's never.",
        metadata=guarded(Guard.SELF, "ballots cast by the viewer, and entries the viewer may vote for"),
    )
    async def my_ballots(self, info: strawberry.Info) -> list[MyBallot]:
        return await my_ballots(self, info)

    @strawberry.field(
        description="What the viewer answered in a survey: the indexes chosen, question by question.",
        metadata=guarded(Guard.SELF, "what the viewer answered"),
    )
    async def my_answer(self, info: strawberry.Info) -> list[list[int]] | None:
        return await my_answer(self, info)

    @strawberry.field(
        description="The certificate of the result, which anybody can recompute; null before the count.",
        metadata=guarded(Guard.ROW, "the certificate is public to whoever sees the poll, and made at the count"),
    )
    async def certificate(self, info: strawberry.Info) -> Certificate | None:
        return await certificate_of(self, info)

    @strawberry.field(
        description="The certificate with every deed of the poll and a signed head over them: what the verifier checks "
        "offline; null until a head covers the count.",
        metadata=guarded(Guard.ROW, "certificate and deeds of the poll, without who did them, made at the count"),
    )
    async def bundle(self, info: strawberry.Info) -> Certificate | None:
        return await bundle_of(self, info)


KIND = Filter(PollKind, "{t}.kind = ?", "Only polls of this kind.")


@extension("Community")
class CommunityPolls:
    """What ``voting`` adds to a community."""

    polls: Connection[Poll] = to_many(
        "Poll", "{m}.community_id", "Polls of this place, newest first.", order=NEWEST, filters={"kind": KIND}
    )


@strawberry.type
class PollQuery:
    """Root queries of ``voting``."""

    poll: Poll | None = lookup("Poll", "The poll with this id; null when there is none or you may not see it.")

    @strawberry.field(
        description="The proof that a ballot with this receipt is on the log, as JSON for the verifier; null until a head "
        "covers it. Whoever has the receipt may ask: it says that a ballot came in, never what it says.",
        metadata=guarded(Guard.EVERYONE, "whoever holds the receipt: 256 bits nobody can guess"),
    )
    async def receipt(
        self,
        info: strawberry.Info,
        hash: Annotated[str, strawberry.argument(description="The receipt, 64 hex digits.")],
    ) -> JSON | None:
        found: Any = await certificate.receipt_proof(info.context.kernel.database, hash.strip().lower()[:64])
        return found


@strawberry.type
class PollSubscription:
    """What ``voting`` lets one follow live."""

    @strawberry.subscription(
        description="The turnout of a poll: at once, and when it has changed, at most about once a second; "
        "ends when the poll is closed. Null as in `Poll.turnout`.",
        metadata=guarded(Guard.CHECKED, "whether the viewer may see the poll is asked anew for every value"),
    )
    async def turnout(
        self,
        info: strawberry.Info,
        poll: Annotated[strawberry.ID, strawberry.argument(description="The poll.", metadata={"names": "Poll"})],
    ) -> AsyncGenerator[Turnout | None, None]:
        async for found in follow(info, str(poll)):
            yield found


# --- Inputs ----------------------------------------------------------------------------------------------------------


@strawberry.input(description="A poll to draft.")
class DraftPollInput(DeedInput):
    """A poll to draft."""

    community: strawberry.ID = text("The code of the place whose people decide.")
    title: str = text("The title, up to 200 characters.")
    body: str = text("What it is about and why, up to 20,000 characters.")
    opens_at: datetime = text("When voting begins.")
    closes_at: datetime | None = text("When it ends; after the usual window when left out.", default=None)
    kind: PollKind = text("What it is in law.", default=PollKind.STATUTORY)
    roll: strawberry.ID | None = ref("VoterRoll", "The voter roll; may wait until the announcement.", optional=True)
    scope_justification: str = text("Why only some buildings decide.", default="")
    silence_text: str = text("What the ballot says about owners who return nothing.", default="")
    legal_review_note: str = text("The community's note of legal review.", default="")
    is_first_assembly: bool = text("Whether it is the first assembly.", default=False)
    mode: BallotMode | None = text(
        "How ballots are kept; OPEN for joint decisions, SEPARATED for surveys when left out.", default=None
    )
    by_standing: bool = text("Whether a separated survey is also counted by standing.", default=False)


@strawberry.input(description="A question to add to a draft.")
class AddMotionInput(DeedInput):
    """A question to add to a draft."""

    id: strawberry.ID = ref("Poll", "The poll.")
    title: str = text("What is asked, up to 200 characters.")
    matter: JointDecisionMatter | None = text("Which of the nine joint decisions; needed for those.", default=None)
    candidate: strawberry.ID | None = ref("Person", "Who stands, in an election.", optional=True)
    options: list[str] | None = text("The options of a survey question, 2 to 20.", default=None)
    most_options: int = text("How many options one person may choose.", default=1)
    text: str = text("The whole text.", default="")


@strawberry.input(description="A question to take out of a draft.")
class RemoveMotionInput(DeedInput):
    """A question to take out of a draft."""

    id: strawberry.ID = ref("Poll", "The poll.")
    motion: strawberry.ID = ref("Motion", "The question.")


@strawberry.input(description="A poll to announce.")
class AnnouncePollInput(DeedInput):
    """A poll to announce."""

    id: strawberry.ID = ref("Poll", "The poll.")
    roll: strawberry.ID | None = ref("VoterRoll", "The voter roll; the one of the draft when left out.", optional=True)
    opens_at: datetime | None = text("When voting begins; as drafted when left out.", default=None)
    closes_at: datetime | None = text("When it ends; as drafted when left out.", default=None)
    issuer: str = text("Who calls the meeting; the owners' assembly when left out.", default="")
    quick_roll: bool = text(
        "Make today's roll and freeze it at once, without showing it first; for advisory polls only.", default=False
    )
    mode: BallotMode | None = text("How ballots are kept; as drafted when left out.", default=None)


@strawberry.input(description="A poll to take back.")
class WithdrawPollInput(DeedInput):
    """A poll to take back."""

    id: strawberry.ID = ref("Poll", "The poll.")
    reason: str = text("Why; stays for everybody to see.")


@strawberry.input(description="A new end of voting.")
class ExtendPollInput(DeedInput):
    """A new end of voting."""

    id: strawberry.ID = ref("Poll", "The poll.")
    closes_at: datetime = text("The new end.")
    reason: str = text("Why; posted as a notice.")


@strawberry.input(description="What is chosen on one motion.")
class MotionChoiceInput:
    """What is chosen on one motion."""

    motion: strawberry.ID = ref("Motion", "The motion.")
    choice: Choice = text("For, against, or abstention.")


@strawberry.input(description="A ballot to cast.")
class CastBallotInput(DeedInput):
    """A ballot to cast."""

    id: strawberry.ID = ref("Poll", "The poll.")
    choices: list[MotionChoiceInput] = text("What is chosen; motions left out are abstentions.")
    entry: strawberry.ID | None = ref(
        "RollEntry", "The roll entry; needed by those who may vote for several.", optional=True
    )


@strawberry.input(description="What is chosen on one question of a survey.")
class SurveyAnswerInput:
    """What is chosen on one question of a survey."""

    motion: strawberry.ID = ref("Motion", "The question.")
    options: list[int] = text("The indexes of the options chosen, from 0.")


@strawberry.input(description="Answers to a survey.")
class AnswerSurveyInput(DeedInput):
    """Answers to a survey."""

    id: strawberry.ID = ref("Poll", "The survey.")
    answers: list[SurveyAnswerInput] = text("An answer to every question.")


@strawberry.input(description="A ballot of a separated poll; once cast it cannot be found, changed or withdrawn.")
class CastSeparatedBallotInput(DeedInput):
    """A ballot of a separated poll; once cast it cannot be found, changed or withdrawn."""

    id: strawberry.ID = ref("Poll", "The poll.")
    answers: list[SurveyAnswerInput] = text("An answer to every question.")


@strawberry.input(description="An authorisation to vote for you.")
class AuthoriseProxyInput(DeedInput):
    """An authorisation to vote for you."""

    id: strawberry.ID = ref("Poll", "The poll.")
    proxy: strawberry.ID = ref("Person", "Who may vote for you.")
    scope: str = text("For what, up to 300 characters.")
    begins: datetime | None = text("From when on; now when left out.", default=None)
    until: datetime | None = text("Until when; the end of voting when left out.", default=None)
    entry: strawberry.ID | None = ref(
        "RollEntry", "The roll entry; needed by those who may vote for several.", optional=True
    )
    choices: list[MotionChoiceInput] | None = text("What you want; the proxy is bound by it.", default=None)
    letter: strawberry.ID | None = ref("Attachment", "The signed letter, uploaded.", optional=True)


@strawberry.input(description="An authorisation to take back.")
class RevokeProxyInput(DeedInput):
    """An authorisation to take back."""

    id: strawberry.ID = ref("Poll", "The poll.")
    proxy: strawberry.ID = ref("Proxy", "The authorisation.")


@strawberry.input(description="A poll.")
class PollInput(DeedInput):
    """A poll."""

    id: strawberry.ID = ref("Poll", "The poll.")


@strawberry.input(description="How the delivery of a ballot went.")
class RecordDeliveryInput(DeedInput):
    """How the delivery of a ballot went."""

    id: strawberry.ID = ref("Poll", "The poll.")
    number: int = text("The number of the slip.")
    delivery: Delivery = text("Whether the owner was served.")
    how: kinds.DeliveryMethod | None = text("How.", default=None)
    at: datetime | None = text("When; now if not said.", default=None)
    note: str = text("Anything to note.", default="")


@strawberry.input(description="What is marked for one motion on a paper slip.")
class MotionMarksInput:
    """What is marked for one motion on a paper slip."""

    motion: strawberry.ID = ref("Motion", "The motion.")
    marks: list[Choice] = text("What is marked: one, none for a blank, or two for a mistake, which is then invalid.")


@strawberry.input(description="The first entry of a returned slip.")
class EnterSlipInput(DeedInput):
    """The first entry of a returned slip."""

    id: strawberry.ID = ref("Poll", "The poll.")
    number: int = text("The number of the slip.")
    code: str = text("The code printed on it.")
    marks: list[MotionMarksInput] = text("What is marked; motions left out are blank.")
    is_signed: bool = text("Whether it is signed; an unsigned one is invalid.")
    channel: Channel = text("PAPER, or ASSISTED when it was taken down at the voter's door.", default=Channel.PAPER)
    owner: strawberry.ID | None = ref(
        "Owner", "Which co-owner signed; the representative when left out.", optional=True
    )


@strawberry.input(description="The second entry of a returned slip, by another person.")
class ConfirmSlipInput(DeedInput):
    """The second entry of a returned slip, by another person."""

    id: strawberry.ID = ref("Poll", "The poll.")
    number: int = text("The number of the slip.")
    code: str = text("The code printed on it.")
    marks: list[MotionMarksInput] = text("What is marked; motions left out are blank.")
    is_signed: bool = text("Whether it is signed.")
    owner: strawberry.ID | None = ref(
        "Owner", "Which co-owner signed; the representative when left out.", optional=True
    )


@strawberry.input(description="A returned ballot to withdraw for its voter, who asked in person.")
class WithdrawBallotInput(DeedInput):
    """A returned ballot to withdraw for its voter, who asked in person."""

    id: strawberry.ID = ref("Poll", "The poll.")
    number: int = text("The number of the roll entry.")
    reason: str = text("Why; only its hash is kept.")


@strawberry.input(description="An objection to a result.")
class ObjectToResultInput(DeedInput):
    """An objection to a result."""

    id: strawberry.ID = ref("Poll", "The poll.")
    text: str = text("What you object, up to 2,000 characters.")


@strawberry.input(description="An answer to an objection.")
class AnswerResultObjectionInput(DeedInput):
    """An answer to an objection."""

    id: strawberry.ID = ref("Poll", "The poll.")
    objection: strawberry.ID = ref("ResultObjection", "The objection.")
    upheld: bool = text("Whether it is right.")
    answer: str = text("The answer with its reasons.")
    remedy: Remedy | None = text("What follows when it is right.", default=None)
    legal_basis: str = text("The rule, when the poll is declared void.", default="")


@strawberry.input(description="A poll to declare void.")
class VoidPollInput(DeedInput):
    """A poll to declare void."""

    id: strawberry.ID = ref("Poll", "The poll.")
    reason: str = text("Why.")
    legal_basis: str = text("The rule it is void under.")


@strawberry.input(description="Ballots to inspect.")
class ExportBallotsInput(DeedInput):
    """Ballots to inspect."""

    id: strawberry.ID = ref("Poll", "The poll.")
    reason: str = text("Why you need to see them.")


async def _bundle(poll: int, info: strawberry.Info) -> BallotsBundle:
    """Read the ballots anew: an idempotent answer keeps no copy of them, and is for who is a scrutineer still."""
    place = await info.context.kernel.database.value("SELECT community_id FROM core_matter WHERE id = ?", (poll,))
    decide(info.context.viewer, "voting.scrutinise", await info.context.reading.place(place)).enforce()
    text, digest = await certificate.bundle(info.context.kernel.database, poll)
    return BallotsBundle(text=text, sha256=digest, poll_id=poll)


@strawberry.type
class PollMutation:
    """Mutations of ``voting``."""

    draft_poll = mutation(drafting.draft_poll, DraftPollInput, "Poll")
    add_motion = mutation(drafting.add_motion, AddMotionInput, "Poll")
    remove_motion = mutation(drafting.remove_motion, RemoveMotionInput, "Poll")
    announce_poll = mutation(drafting.announce_poll, AnnouncePollInput, "Poll")
    withdraw_poll = mutation(drafting.withdraw_poll, WithdrawPollInput, "Poll")
    extend_poll = mutation(drafting.extend_poll, ExtendPollInput, "Poll")
    cast_ballot = mutation(casting.cast_ballot, CastBallotInput, BallotReceipt, present=receipt)
    answer_survey = mutation(casting.answer_survey, AnswerSurveyInput, "Poll")
    cast_separated_ballot = mutation(
        casting.cast_separated_ballot, CastSeparatedBallotInput, SeparatedReceipt, present=separated_receipt
    )
    authorise_proxy = mutation(casting.authorise_proxy, AuthoriseProxyInput, "Proxy")
    revoke_proxy = mutation(casting.revoke_proxy, RevokeProxyInput, "Proxy")
    issue_slips = mutation(paper.issue_slips, PollInput, "Poll")
    record_delivery = mutation(paper.record_delivery, RecordDeliveryInput, "PaperSlip")
    post_undeliverable = mutation(paper.post_undeliverable, PollInput, "Poll")
    enter_slip = mutation(paper.enter_slip, EnterSlipInput, "PaperSlip")
    confirm_slip = mutation(paper.confirm_slip, ConfirmSlipInput, "PaperSlip")
    withdraw_ballot = mutation(paper.withdraw_ballot, WithdrawBallotInput, "Poll")
    count_poll = mutation(counting.count_poll, PollInput, "Poll")
    object_to_result = mutation(counting.object_to_result, ObjectToResultInput, "ResultObjection")
    answer_result_objection = mutation(counting.answer_result_objection, AnswerResultObjectionInput, "ResultObjection")
    void_poll = mutation(counting.void_poll, VoidPollInput, "Poll")
    export_ballots = mutation(counting.export_ballots, ExportBallotsInput, BallotsBundle, present=_bundle)


FRAGMENTS = Fragments(
    types=(Poll, Motion, MotionResult, PaperSlip, Proxy, ResultObjection),
    extends={
        "Community": CommunityPolls,
        "Query": PollQuery,
        "Mutation": PollMutation,
        "Subscription": PollSubscription,
    },
)
