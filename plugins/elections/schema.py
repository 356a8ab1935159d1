"""GraphQL of ``elections``."""

from datetime import date, datetime
from typing import Annotated

import strawberry

from core.access import Rule, both, either, holders, members, person, row
from plugins.elections import kinds, models
from plugins.elections.kinds import (
    ElectionKind,
    ElectionState,
    Ground,
    GroupStanding,
    InterimState,
    MeetingState,
    Nomination,
    RecallState,
    SeatEnd,
)
from plugins.elections.lifecycle import ELECTION, INTERIM, MEETING, ORGANISE, READ, RECALL, SUPERVISE
from plugins.elections.service import balloting, interim, meetings, preparing, recalling, terms
from plugins.voting.api import Choice
from schema.compose import Fragments
from schema.declared import column, computed, declared, extension, lookup, state_now, to_many, to_one
from schema.enums import graphql_enum
from schema.mutation import DeedInput, mutation, ref, text
from schema.node import Node
from schema.paging import NEWEST, OLDEST, Connection, Order
from schema.scalars import Area
from schema.types import Matter, Person

for enum in (
    ElectionKind, ElectionState, GroupStanding, Nomination, kinds.CandidateState, Ground, kinds.Office, SeatEnd, MeetingState,
    kinds.DecisionState, RecallState, InterimState,
):  # fmt: skip
    graphql_enum(enum)

ElectionRef = Annotated["Election", strawberry.lazy("plugins.elections.schema")]
BY_PLACE = Order("{t}.place", descending=False, number=True)
BY_POSITION = Order("{t}.position", descending=False, number=True)


def _path(column_name: str) -> str:
    return f"(SELECT pm.path FROM core_matter pm WHERE pm.id = {{t}}.{column_name})"


def _place(column_name: str) -> str:
    return f"(SELECT pm.community_id FROM core_matter pm WHERE pm.id = {{t}}.{column_name})"


def _held(permission: str, column_name: str) -> Rule:
    return holders(permission, path=_path(column_name), place=_place(column_name))


def _seen(column_name: str) -> Rule:
    return either(members(place=_place(column_name)), _held(READ, column_name))


_PUBLISHED = row(
    "({t}.state IN ('ELIGIBLE') AND EXISTS (SELECT 1 FROM elections_election pe WHERE pe.matter_id = {t}.election_id "
    "AND pe.candidates_published_at IS NOT NULL))"
)
_CONCERNED = either(person("{t}.person_id"), _held(ORGANISE, "election_id"), _held(SUPERVISE, "election_id"))


@declared(models.GroupMember, visible=_seen("election_id"), path=_path("election_id"))
class ElectionGroupMember(Node):
    """A member of a preparatory group."""

    person: Person | None = to_one("Person", "{t}.person_id", "Who.")
    standing: GroupStanding = column("For whom they sit in it.")
    is_leader: bool = column("Whether they lead it.", convert=bool)


@declared(
    models.Candidate, visible=either(_CONCERNED, both(_PUBLISHED, _seen("election_id"))), path=_path("election_id")
)
class ElectionCandidate(Node):
    """A candidate: what is published of them, and the review for those concerned."""

    election: ElectionRef = to_one("Election", "{t}.election_id", "The election.")
    person: Person | None = to_one("Person", "{t}.person_id", "Who stands.")
    nominated_by: Nomination = column("Who put them forward.")
    state: kinds.CandidateState = column("Where the candidacy stands.")
    statement: str = column("What they say of themselves; published.")
    occupation: str = column("Their kind of occupation, if they tell it; published.")
    ground: Ground | None = column("The ground that was put to them.", allowed=_CONCERNED)
    citation: str = column("The rule that a decision rests on.", allowed=_CONCERNED, otherwise="''")
    finding: str = column("What was asked, or found.", allowed=_CONCERNED, otherwise="''")
    answer: str = column("What the candidate answered.", allowed=_CONCERNED, otherwise="''")
    appeal: str = column("The appeal.", allowed=_CONCERNED, otherwise="''")
    appeal_answer: str = column("The answer to the appeal.", allowed=_CONCERNED, otherwise="''")
    yes_area: Area = column("Area in favour, by the certificate.", "{t}.yes_area_centi")
    yes_heads: int = column("Heads in favour, by the certificate.")
    has_passed: bool = column("Whether both majorities were reached.", convert=bool)
    place: int | None = column("The order among those who passed, from 1; null before it is settled.")


@declared(models.Seat, visible=_seen("body_id"), path=_path("body_id"))
class CommitteeSeat(Node):
    """Somebody's place in a committee, or in an interim one."""

    person: Person | None = to_one("Person", "{t}.person_id", "Who holds it.")
    standing: GroupStanding = column("For whom they sit in it.")
    office: kinds.Office = column("What they are.")
    place: int = column("The order in which they were elected, which is that of the alternates.")
    since: datetime = column("From when.")
    until: datetime | None = column("Until when; null where there is no term.")
    ended_at: datetime | None = column("When it ended before that.")
    end_ground: SeatEnd | None = column("Why it ended.")
    end_citation: str = column("The rule.")
    handover_due: datetime | None = column("Until when who left hands over.")


@declared(models.SealUse, visible=_held(READ, "body_id"), path=_path("body_id"))
class SealUse(Node):
    """One use of the committee's seal."""

    paper: str = column("The document.")
    purpose: str = column("What for.")
    proposed_at: datetime = column("When it was asked for.")
    approved_at: datetime | None = column(
        "When more than half of all members had signed; it may not be stamped before."
    )
    signatures: int = computed(
        "(SELECT COUNT(*) FROM elections_seal_signature us WHERE us.use_id = {t}.id)", "How many members signed."
    )


@declared(models.HandoverItem, visible=_held(READ, "body_id"), path=_path("body_id"))
class HandoverItem(Node):
    """A thing that a committee keeps and hands over."""

    name: str = column("What.")
    quantity: str = column("How much.")
    listed_by: Person | None = to_one("Person", "{t}.listed_by_id", "Who listed it.")
    listed_at: datetime = column("When it was listed.")
    received_by: Person | None = to_one("Person", "{t}.received_by_id", "Who received it.")
    received_at: datetime | None = column("When it was received.")


@declared(models.Decision, visible=_seen("meeting_id"), path=_path("meeting_id"))
class CommitteeDecision(Node):
    """A point on the agenda of a meeting, and what became of it."""

    position: int = column("Its place on the agenda, from 1.")
    title: str = column("What is to be decided.")
    state: kinds.DecisionState = column("What became of it.")
    in_favour: int = column("Members in favour.")
    against: int = column("Members against.")
    abstaining: int = column("Members who abstained.")


@declared(models.Meeting, matter=MEETING)
class CommitteeMeeting(Matter):
    """A meeting of the committee in office: called with its agenda, closed with its decisions."""

    state: MeetingState = state_now(MeetingState)
    body: Matter | None = to_one("Matter", "{t}.body_id", "Whose meeting.")
    starts_at: datetime = column("When.")
    venue: str = column("Where.")
    minutes: str = column("The minutes; empty before the close.")
    members: int = column("All members in office at the close.")
    present: int = column("How many of them were there.")
    closed_at: datetime | None = column("When it was closed.")
    end_reason: str = column("Why it was cancelled.")
    agenda: Connection[CommitteeDecision] = to_many(
        "CommitteeDecision", "{t}.meeting_id", "Its points in order.", order=BY_POSITION
    )


@declared(models.Election, matter=ELECTION)
class Election(Matter):
    """An election, from the application to the end of the term of the committee that it gave."""

    state: ElectionState = state_now(ElectionState)
    election_kind: ElectionKind = column("What it is for.", "{t}.kind")
    reason: str = column("Why it was applied for.")
    seats: int = column("How many are to be elected.")
    term_years: int = column("For how many years.")
    signatures: int = computed(
        "(SELECT COUNT(*) FROM elections_signature es WHERE es.petition_id = {t}.matter_id)",
        "How many signed the application.",
    )
    follows: Matter | None = to_one("Matter", "{t}.parent_id", "The committee that it follows, or completes.")
    roll: Matter | None = to_one("Matter", "{t}.roll_id", "The voter roll.")
    poll: Matter | None = to_one("Matter", "{t}.poll_id", "The vote.")
    group_due: datetime | None = column("Until when the group is to be formed.")
    shown_until: datetime | None = column("Until when the group, then the candidates, are on display.")
    assembly_due: datetime | None = column("Until when the vote is to be held.")
    nominations_until: datetime | None = column("Until when owners may stand.")
    review_due: datetime | None = column("Until when candidates are reviewed.")
    candidates_published_at: datetime | None = column("When the list was published last.")
    needs_lot: bool = column("Whether a tie waits for a lot.", convert=bool)
    lot_source: str = column("What public number decides it, as announced before.")
    lot_at: datetime | None = column("When it is drawn.")
    lot_seed: str = column("The number drawn: with the certificate's hash anybody draws the same lot again.")
    certificate_hash: str = column("SHA-256 of the certificate that the winners come from.")
    decided_at: datetime | None = column("When the committee was elected.")
    term_begins: date | None = column("The first day of the term.")
    term_ends: date | None = column("The first day after the term.")
    first_meeting_due: datetime | None = column("Until when the members meet first.")
    filing_due: datetime | None = column("Until when it is filed.")
    filed_at: datetime | None = column("When it was filed.")
    filing_receipt: str = column("The authority's receipt.")
    seal_certificate: str = column("The certificate with which the seal is made.")
    refusal_reason: str = column("Why it was refused, or failed.")
    refusal_basis: str = column("The rule.")
    custodian: str = column("Who keeps everything when there is no successor.")
    group: Connection[ElectionGroupMember] = to_many(
        "ElectionGroupMember", "{t}.election_id", "The preparatory group.", order=OLDEST
    )
    candidates: Connection[ElectionCandidate] = to_many(
        "ElectionCandidate", "{t}.election_id", "Candidates that the viewer may see.", order=OLDEST
    )
    committee: Connection[CommitteeSeat] = to_many(
        "CommitteeSeat", "{t}.body_id", "Its seats, also those that ended.", order=BY_PLACE
    )
    seal_uses: Connection[SealUse] = to_many("SealUse", "{t}.body_id", "The register of the seal.", order=NEWEST)
    handover: Connection[HandoverItem] = to_many(
        "HandoverItem", "{t}.body_id", "What is kept and handed over.", order=OLDEST
    )
    meetings: Connection[CommitteeMeeting] = to_many(
        "CommitteeMeeting", "{t}.body_id", "Its meetings, newest first.", order=NEWEST
    )


@declared(models.Recall, matter=RECALL)
class RecallPetition(Matter):
    """A petition of owners to have the replacement of a member put to the vote; it counts names and shows none."""

    state: RecallState = state_now(RecallState)
    seat: CommitteeSeat | None = to_one("CommitteeSeat", "{t}.seat_id", "The seat.")
    reason: str = column("Why.")
    answer: str = column("What the member answers.")
    poll: Matter | None = to_one("Matter", "{t}.poll_id", "The vote.")
    signatures: int = computed(
        "(SELECT COUNT(*) FROM elections_signature es WHERE es.petition_id = {t}.matter_id)", "How many signed."
    )
    signed_heads: int = column("Heads that signed, when it was handed in.")
    all_heads: int = column("All heads then.")


@declared(models.Interim, matter=INTERIM)
class InterimCommittee(Matter):
    """An interim committee (物业管理委员会): it organises owners to decide, and never decides for them."""

    state: InterimState = state_now(InterimState)
    reason: str = column("Why it was asked for.")
    signatures: int = computed(
        "(SELECT COUNT(*) FROM elections_signature es WHERE es.petition_id = {t}.matter_id)", "How many signed."
    )
    shown_until: datetime | None = column("Until when its list is on display.")
    handover_due: datetime | None = column("Until when it hands over to the committee that was elected.")
    refusal_reason: str = column("Why it was refused.")
    refusal_basis: str = column("The rule.")
    committee: Connection[CommitteeSeat] = to_many("CommitteeSeat", "{t}.body_id", "Its members.", order=BY_PLACE)


@extension("Community")
class CommunityElections:
    """What ``elections`` adds to a community."""

    elections: Connection[Election] = to_many(
        "Election", "{m}.community_id", "Elections of this place, newest first.", order=NEWEST
    )
    committee_meetings: Connection[CommitteeMeeting] = to_many(
        "CommitteeMeeting", "{m}.community_id", "Meetings of committees here, newest first.", order=NEWEST
    )
    recall_petitions: Connection[RecallPetition] = to_many(
        "RecallPetition", "{m}.community_id", "Petitions to replace members, newest first.", order=NEWEST
    )
    interim_committees: Connection[InterimCommittee] = to_many(
        "InterimCommittee", "{m}.community_id", "Interim committees of this place, newest first.", order=NEWEST
    )


@strawberry.type
class ElectionQuery:
    """Root queries of ``elections``."""

    election: Election | None = lookup(
        "Election", "The election with this id; null when there is none or you may not see it."
    )
    committee_meeting: CommitteeMeeting | None = lookup("CommitteeMeeting", "The meeting with this id, or null.")
    recall_petition: RecallPetition | None = lookup("RecallPetition", "The petition with this id, or null.")
    interim_committee: InterimCommittee | None = lookup(
        "InterimCommittee", "The interim committee with this id, or null."
    )


@strawberry.input(description="An application for an election.")
class ApplyElectionInput(DeedInput):
    """An application for an election."""

    community: strawberry.ID = text("The code of the compound.")
    title: str = text("What it is called.")
    reason: str = text("Why, and what the law's conditions are.")
    kind: ElectionKind = text("What it is for.")
    seats: int = text("How many are to be elected: an odd number.")
    term_years: int = text("For how many years.", default=5)


@strawberry.input(description="An election.")
class ElectionInput(DeedInput):
    """An election."""

    id: strawberry.ID = ref("Election", "The election.")


@strawberry.input(description="A refusal with its rule.")
class RefuseElectionInput(DeedInput):
    """A refusal with its rule."""

    id: strawberry.ID = ref("Election", "The election.")
    reason: str = text("Why.")
    citation: str = text("The rule, by title and article.")


@strawberry.input(description="A member of the preparatory group.")
class AddGroupMemberInput(DeedInput):
    """A member of the preparatory group."""

    id: strawberry.ID = ref("Election", "The election.")
    person: strawberry.ID = ref("Person", "Who.")
    standing: GroupStanding = text("For whom.")
    is_leader: bool = text("Whether they lead it.", default=False)


@strawberry.input(description="The roll of an election.")
class SettleRollInput(DeedInput):
    """The roll of an election."""

    id: strawberry.ID = ref("Election", "The election.")
    roll: strawberry.ID = ref("VoterRoll", "The confirmed roll.")


@strawberry.input(description="Nominations to open.")
class OpenCandidatesInput(DeedInput):
    """Nominations to open."""

    id: strawberry.ID = ref("Election", "The election.")
    roll: strawberry.ID | None = ref("VoterRoll", "The confirmed roll, for a by-election.", optional=True)


@strawberry.input(description="A candidacy of one's own.")
class CandidacyInput(DeedInput):
    """A candidacy of one's own."""

    id: strawberry.ID = ref("Election", "The election.")
    undertakes: bool = text("The written undertaking: to keep law and bylaws, and that nothing speaks against you.")
    statement: str = text("What you say of yourself; published.", default="")
    occupation: str = text("Your kind of occupation; published if you tell it.", default="")


@strawberry.input(description="A proposal.")
class NominateCandidateInput(DeedInput):
    """A proposal."""

    id: strawberry.ID = ref("Election", "The election.")
    person: strawberry.ID = ref("Person", "Whom.")
    nominated_by: Nomination = text("Who proposes.", default=Nomination.JOINT)


@strawberry.input(description="A ground put to a candidate.")
class AskCandidateInput(DeedInput):
    """A ground put to a candidate."""

    id: strawberry.ID = ref("Election", "The election.")
    candidate: strawberry.ID = ref("ElectionCandidate", "The candidate.")
    ground: Ground = text("The ground.")
    question: str = text("What is asked; yes or no, never an amount.")


@strawberry.input(description="An answer to the review.")
class AnswerReviewInput(DeedInput):
    """An answer to the review."""

    id: strawberry.ID = ref("Election", "The election.")
    answer: str = text("Your answer.")


@strawberry.input(description="A candidate of an election.")
class CandidateInput(DeedInput):
    """A candidate of an election."""

    id: strawberry.ID = ref("Election", "The election.")
    candidate: strawberry.ID = ref("ElectionCandidate", "The candidate.")


@strawberry.input(description="A refusal on a cited ground.")
class RefuseCandidateInput(DeedInput):
    """A refusal on a cited ground."""

    id: strawberry.ID = ref("Election", "The election.")
    candidate: strawberry.ID = ref("ElectionCandidate", "The candidate.")
    ground: Ground = text("The ground.")
    citation: str = text("The rule, by title and article.")
    finding: str = text("What was found.")


@strawberry.input(description="An appeal.")
class AppealRefusalInput(DeedInput):
    """An appeal."""

    id: strawberry.ID = ref("Election", "The election.")
    text: str = text("Why the refusal is wrong.")


@strawberry.input(description="An answer to an appeal.")
class DecideAppealInput(DeedInput):
    """An answer to an appeal."""

    id: strawberry.ID = ref("Election", "The election.")
    candidate: strawberry.ID = ref("ElectionCandidate", "The candidate.")
    upheld: bool = text("Whether it is right.")
    answer: str = text("The answer with its reasons.")
    citation: str = text("The rule, by title and article.")


@strawberry.input(description="When the vote is held.")
class PrepareBallotInput(DeedInput):
    """When the vote is held."""

    id: strawberry.ID = ref("Election", "The election.")
    opens_at: datetime = text("From when on ballots are accepted.")
    closes_at: datetime = text("The first moment too late.")


@strawberry.input(description="How a lot is drawn.")
class AnnounceLotInput(DeedInput):
    """How a lot is drawn."""

    id: strawberry.ID = ref("Election", "The election.")
    source: str = text("What public number decides, e.g. the first prize of a lottery on that day.")
    at: datetime = text("When it is drawn.")


@strawberry.input(description="A lot.")
class DrawLotInput(DeedInput):
    """A lot."""

    id: strawberry.ID = ref("Election", "The election.")
    seed: str = text("The number as drawn.")


@strawberry.input(description="A committee in office.")
class RecordCommitteeInput(DeedInput):
    """A committee in office."""

    community: strawberry.ID = text("The code of the compound.")
    title: str = text("What it is called.")
    members: list[strawberry.ID] = ref("Person", "Its members, the chair among them.")
    chair: strawberry.ID = ref("Person", "Its chair.")
    term_begins: date = text("The first day of its term.")
    term_ends: date = text("The first day after it.")
    filing_receipt: str = text("The receipt of its filing.")
    alternates: list[strawberry.ID] | None = ref("Person", "Alternates in order.", optional=True)


@strawberry.input(description="The first meeting.")
class HoldFirstMeetingInput(DeedInput):
    """The first meeting."""

    id: strawberry.ID = ref("Election", "The election.")
    present: list[strawberry.ID] = ref("CommitteeSeat", "The seats that were there.")
    chair: strawberry.ID = ref("CommitteeSeat", "Who was chosen as chair.")
    supporters: list[strawberry.ID] = ref("CommitteeSeat", "The seats that voted for it.")
    vice_chairs: list[strawberry.ID] | None = ref("CommitteeSeat", "Vice-chairs.", optional=True)


@strawberry.input(description="A filing acknowledged.")
class AcknowledgeFilingInput(DeedInput):
    """A filing acknowledged."""

    id: strawberry.ID = ref("Election", "The election.")
    receipt: str = text("The number of the receipt.")
    seal_certificate: str = text("The number of the certificate for the seal.", default="")


@strawberry.input(description="A seat that ended.")
class EndSeatInput(DeedInput):
    """A seat that ended."""

    id: strawberry.ID = ref("Election", "The election.")
    seat: strawberry.ID = ref("CommitteeSeat", "The seat.")
    ground: SeatEnd = text("Why it ended.")
    citation: str = text("The rule, by title and article.")


@strawberry.input(description="A use of the seal.")
class ProposeSealUseInput(DeedInput):
    """A use of the seal."""

    id: strawberry.ID = ref("Election", "The election.")
    paper: str = text("The document.")
    purpose: str = text("What for.")


@strawberry.input(description="A signature for a use of the seal.")
class ApproveSealUseInput(DeedInput):
    """A signature for a use of the seal."""

    id: strawberry.ID = ref("Election", "The election.")
    use: strawberry.ID = ref("SealUse", "The use.")


@strawberry.input(description="A thing that is kept.")
class AddHandoverItemInput(DeedInput):
    """A thing that is kept."""

    id: strawberry.ID = ref("Election", "The election.")
    name: str = text("What.")
    quantity: str = text("How much.", default="")


@strawberry.input(description="A thing received.")
class ReceiveHandoverItemInput(DeedInput):
    """A thing received."""

    id: strawberry.ID = ref("Election", "The election.")
    item: strawberry.ID = ref("HandoverItem", "The thing.")


@strawberry.input(description="A handover completed.")
class CloseElectionInput(DeedInput):
    """A handover completed."""

    id: strawberry.ID = ref("Election", "The election.")
    custodian: str = text("Who keeps everything when there is no successor.", default="")


@strawberry.input(description="A meeting.")
class CallMeetingInput(DeedInput):
    """A meeting."""

    community: strawberry.ID = text("The code of the compound.")
    title: str = text("What it is called.")
    starts_at: datetime = text("When; the agenda is shown 7 days before.")
    agenda: list[str] = text("Its points in order.")
    venue: str = text("Where.", default="")


@strawberry.input(description="A meeting.")
class MeetingInput(DeedInput):
    """A meeting."""

    id: strawberry.ID = ref("CommitteeMeeting", "The meeting.")


@strawberry.input(description="A vote of a member.")
class VoteDecisionInput(DeedInput):
    """A vote of a member."""

    id: strawberry.ID = ref("CommitteeMeeting", "The meeting.")
    decision: strawberry.ID = ref("CommitteeDecision", "The point.")
    choice: Choice = text("The vote.")


@strawberry.input(description="The end of a meeting.")
class CloseMeetingInput(DeedInput):
    """The end of a meeting."""

    id: strawberry.ID = ref("CommitteeMeeting", "The meeting.")
    minutes: str = text("The minutes.")


@strawberry.input(description="A meeting cancelled.")
class CancelMeetingInput(DeedInput):
    """A meeting cancelled."""

    id: strawberry.ID = ref("CommitteeMeeting", "The meeting.")
    reason: str = text("Why.")


@strawberry.input(description="A petition.")
class BeginRecallInput(DeedInput):
    """A petition."""

    community: strawberry.ID = text("The code of the compound.")
    seat: strawberry.ID = ref("CommitteeSeat", "The seat.")
    reason: str = text("Why.")


@strawberry.input(description="A petition.")
class RecallInput(DeedInput):
    """A petition."""

    id: strawberry.ID = ref("RecallPetition", "The petition.")


@strawberry.input(description="An answer of the member concerned.")
class AnswerRecallInput(DeedInput):
    """An answer of the member concerned."""

    id: strawberry.ID = ref("RecallPetition", "The petition.")
    answer: str = text("The answer.")


@strawberry.input(description="When the vote is held.")
class PrepareRecallBallotInput(DeedInput):
    """When the vote is held."""

    id: strawberry.ID = ref("RecallPetition", "The petition.")
    roll: strawberry.ID = ref("VoterRoll", "The confirmed roll.")
    opens_at: datetime = text("From when on ballots are accepted.")
    closes_at: datetime = text("The first moment too late.")


@strawberry.input(description="A request.")
class RequestInterimInput(DeedInput):
    """A request."""

    community: strawberry.ID = text("The code of the compound.")
    title: str = text("What it is called.")
    reason: str = text("Why.")


@strawberry.input(description="An interim committee.")
class InterimInput(DeedInput):
    """An interim committee."""

    id: strawberry.ID = ref("InterimCommittee", "The interim committee.")


@strawberry.input(description="A refusal with its rule.")
class RefuseInterimInput(DeedInput):
    """A refusal with its rule."""

    id: strawberry.ID = ref("InterimCommittee", "The interim committee.")
    reason: str = text("Why.")
    citation: str = text("The rule, by title and article.")


@strawberry.input(description="A member of an interim committee.")
class AddInterimMemberInput(DeedInput):
    """A member of an interim committee."""

    id: strawberry.ID = ref("InterimCommittee", "The interim committee.")
    person: strawberry.ID = ref("Person", "Who.")
    standing: GroupStanding = text("For whom.")
    is_chair: bool = text("Whether they chair it.", default=False)


@strawberry.type
class ElectionMutation:
    """Mutations of ``elections``."""

    apply_election = mutation(preparing.apply_election, ApplyElectionInput, "Election")
    sign_application = mutation(preparing.sign_application, ElectionInput, "Election")
    accept_election = mutation(preparing.accept_election, ElectionInput, "Election")
    refuse_election = mutation(preparing.refuse_election, RefuseElectionInput, "Election")
    add_group_member = mutation(preparing.add_group_member, AddGroupMemberInput, "Election")
    publish_group = mutation(preparing.publish_group, ElectionInput, "Election")
    settle_roll = mutation(preparing.settle_roll, SettleRollInput, "Election")
    open_candidates = mutation(preparing.open_candidates, OpenCandidatesInput, "Election")
    reopen_candidates = mutation(preparing.reopen_candidates, ElectionInput, "Election")
    stand_for_election = mutation(preparing.stand_for_election, CandidacyInput, "Election")
    nominate_candidate = mutation(preparing.nominate_candidate, NominateCandidateInput, "Election")
    accept_nomination = mutation(preparing.accept_nomination, CandidacyInput, "Election")
    withdraw_candidacy = mutation(preparing.withdraw_candidacy, ElectionInput, "Election")
    ask_candidate = mutation(balloting.ask_candidate, AskCandidateInput, "Election")
    answer_review = mutation(balloting.answer_review, AnswerReviewInput, "Election")
    approve_candidate = mutation(balloting.approve_candidate, CandidateInput, "Election")
    refuse_candidate = mutation(balloting.refuse_candidate, RefuseCandidateInput, "Election")
    appeal_refusal = mutation(balloting.appeal_refusal, AppealRefusalInput, "Election")
    decide_appeal = mutation(balloting.decide_appeal, DecideAppealInput, "Election")
    publish_candidates = mutation(balloting.publish_candidates, ElectionInput, "Election")
    prepare_ballot = mutation(balloting.prepare_ballot, PrepareBallotInput, "Election")
    announce_lot = mutation(balloting.announce_lot, AnnounceLotInput, "Election")
    draw_lot = mutation(balloting.draw_lot, DrawLotInput, "Election")
    record_committee = mutation(terms.record_committee, RecordCommitteeInput, "Election")
    hold_first_meeting = mutation(terms.hold_first_meeting, HoldFirstMeetingInput, "Election")
    file_committee = mutation(terms.file_committee, ElectionInput, "Election")
    acknowledge_filing = mutation(terms.acknowledge_filing, AcknowledgeFilingInput, "Election")
    refuse_filing = mutation(terms.refuse_filing, RefuseElectionInput, "Election")
    resign_seat = mutation(terms.resign_seat, ElectionInput, "Election")
    end_seat = mutation(terms.end_seat, EndSeatInput, "Election")
    propose_seal_use = mutation(terms.propose_seal_use, ProposeSealUseInput, "SealUse")
    approve_seal_use = mutation(terms.approve_seal_use, ApproveSealUseInput, "SealUse")
    add_handover_item = mutation(terms.add_handover_item, AddHandoverItemInput, "HandoverItem")
    receive_handover_item = mutation(terms.receive_handover_item, ReceiveHandoverItemInput, "HandoverItem")
    close_election = mutation(terms.close_election, CloseElectionInput, "Election")
    call_meeting = mutation(meetings.call_meeting, CallMeetingInput, "CommitteeMeeting")
    open_meeting = mutation(meetings.open_meeting, MeetingInput, "CommitteeMeeting")
    attend_meeting = mutation(meetings.attend_meeting, MeetingInput, "CommitteeMeeting")
    vote_decision = mutation(meetings.vote_decision, VoteDecisionInput, "CommitteeMeeting")
    close_meeting = mutation(meetings.close_meeting, CloseMeetingInput, "CommitteeMeeting")
    cancel_meeting = mutation(meetings.cancel_meeting, CancelMeetingInput, "CommitteeMeeting")
    begin_recall = mutation(recalling.begin_recall, BeginRecallInput, "RecallPetition")
    sign_recall = mutation(recalling.sign_recall, RecallInput, "RecallPetition")
    answer_recall = mutation(recalling.answer_recall, AnswerRecallInput, "RecallPetition")
    hand_in_recall = mutation(recalling.hand_in_recall, RecallInput, "RecallPetition")
    prepare_recall_ballot = mutation(recalling.prepare_recall_ballot, PrepareRecallBallotInput, "RecallPetition")
    withdraw_recall = mutation(recalling.withdraw_recall, RecallInput, "RecallPetition")
    request_interim = mutation(interim.request_interim, RequestInterimInput, "InterimCommittee")
    sign_interim = mutation(interim.sign_interim, InterimInput, "InterimCommittee")
    accept_interim = mutation(interim.accept_interim, InterimInput, "InterimCommittee")
    refuse_interim = mutation(interim.refuse_interim, RefuseInterimInput, "InterimCommittee")
    add_interim_member = mutation(interim.add_interim_member, AddInterimMemberInput, "InterimCommittee")
    show_interim = mutation(interim.show_interim, InterimInput, "InterimCommittee")
    end_interim = mutation(interim.end_interim, InterimInput, "InterimCommittee")


FRAGMENTS = Fragments(
    types=(
        Election, ElectionGroupMember, ElectionCandidate, CommitteeSeat, SealUse, HandoverItem, CommitteeMeeting, CommitteeDecision,
        RecallPetition, InterimCommittee,
    ),
    extends={"Community": CommunityElections, "Query": ElectionQuery, "Mutation": ElectionMutation},
)  # fmt: skip
