"""What a poll shows beside its rows and its turnout: one's own ballots, verdicts, the certificate."""

import json
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import strawberry

from core.clock import from_wire
from core.ids import global_id
from core.plugin import Fresh
from plugins.voting import ballots, certificate, separated
from plugins.voting.kinds import BallotMode, LegName, MyBallotState
from plugins.voting.problems import NOT_ON_THIS_ROLL
from plugins.voting.rules import (
    BallotStatus,
    Channel,
    Choice,
    DecisionBasis,
    FollowBarrier,
    JointDecisionMatter,
    Outcome,
)
from schema.enums import graphql_enum
from schema.policies import Guard, guarded
from schema.scalars import Area, Fraction

for enum in (
    LegName,
    MyBallotState,
    BallotStatus,
    DecisionBasis,
    FollowBarrier,
    Outcome,
    Choice,
    Channel,
    JointDecisionMatter,
):
    graphql_enum(enum)


# --- Verdicts --------------------------------------------------------------------------------------------------------


@strawberry.type(description="A sum on both axes.")
class VoteWeight:
    """A sum on both axes."""

    area: Area = strawberry.field(description="Exclusive-part area.")
    heads: int = strawberry.field(description="Heads.")


@strawberry.type(description="One comparison of a verdict.")
class Leg:
    """One comparison of a verdict."""

    name: LegName = strawberry.field(description="Which of the four.")
    share: Fraction = strawberry.field(description="What was reached, not reduced; areas in hundredths of m².")
    threshold: Fraction = strawberry.field(description="What is needed.")
    comparison: str = strawberry.field(
        description="`>=` where the share itself suffices (以上), `>` where it does not (过半数)."
    )
    met: bool = strawberry.field(description="Whether it is met, exactly.")
    margin: str = strawberry.field(description="How much is missing: hundredths of m² or heads; 0 when met.")
    margin_zh: str = strawberry.field(description="What is missing, in Chinese.")
    margin_en: str = strawberry.field(description="What is missing, in English.")
    article: str = strawberry.field(description="The rule it comes from.")


@strawberry.type(description="One way of counting the same ballots.")
class VerdictReading:
    """One way of counting the same ballots."""

    basis: DecisionBasis = strawberry.field(description="How silent owners are counted.")
    outcome: Outcome = strawberry.field(description="What it leads to.")
    in_favour: VoteWeight = strawberry.field(description="In favour.")
    against: VoteWeight = strawberry.field(description="Against.")
    abstaining: VoteWeight = strawberry.field(description="Abstaining; they take part.")
    legs: list[Leg] = strawberry.field(description="The four comparisons; all must be met.")


@strawberry.type(description="An outcome with every figure behind it.")
class Verdict:
    """An outcome with every figure behind it."""

    matter: JointDecisionMatter = strawberry.field(description="Which joint decision.")
    article: str = strawberry.field(description="The item of 民法典 278.")
    scope: VoteWeight = strawberry.field(description="Everybody on the roll.")
    outcome: Outcome = strawberry.field(
        description="The outcome on the deciding basis; VOID when the poll was declared so."
    )
    decision_basis: DecisionBasis = strawberry.field(description="The deciding basis.")
    strict: VerdictReading = strawberry.field(description="Counting only ballots returned; always there.")
    follow_majority: VerdictReading | None = strawberry.field(
        description="With silent owners, where the bylaws lawfully say so."
    )
    barriers: list[FollowBarrier] = strawberry.field(
        description="Why silent owners were not counted, where the bylaws ask for it."
    )
    legs: list[Leg] = strawberry.field(description="The four comparisons of the deciding reading.")
    banner: bool = strawberry.field(
        description="Whether the outcome rests on the clause on silence (结果依赖从众条款)."
    )


def verdict_of(figures: Any, outcome: str | None) -> Verdict | None:
    """Make a verdict of frozen figures; None for surveys."""
    data = json.loads(figures) if isinstance(figures, str) else figures
    if "strict" not in data:
        return None
    strict, follow = _reading(data["strict"]), _reading(data["follow"]) if data["follow"] else None
    return Verdict(
        matter=JointDecisionMatter(data["matter"]), article=data["article"], scope=_weight(data["scope"]),
        outcome=Outcome(outcome or data["outcome"]), decision_basis=DecisionBasis(data["basis"]), strict=strict,
        follow_majority=follow, barriers=[FollowBarrier(b) for b in data["barriers"]], legs=(follow or strict).legs,
        banner=data["rests_on_silence"],
    )  # fmt: skip


def _reading(data: dict[str, Any]) -> VerdictReading:
    sums = data["sums"]
    return VerdictReading(
        basis=DecisionBasis(data["basis"]), outcome=Outcome(data["outcome"]), in_favour=_weight(sums["FOR"]),
        against=_weight(sums["AGAINST"]), abstaining=_weight(sums["ABSTAIN"]), legs=[_leg(leg) for leg in data["legs"]],
    )  # fmt: skip


def _weight(data: dict[str, int]) -> VoteWeight:
    return VoteWeight(area=Area(data["area"]), heads=data["heads"])


def _leg(data: dict[str, Any]) -> Leg:
    return Leg(
        name=LegName(data["name"]), share=Fraction.of(data["numerator"], data["denominator"]),
        threshold=Fraction.of(*data["threshold"]), comparison=data["comparison"], met=data["met"],
        margin=str(data["margin"]), margin_zh=data["margin_zh"], margin_en=data["margin_en"], article=data["article"],
    )  # fmt: skip


# --- Surveys ---------------------------------------------------------------------------------------------------------


@strawberry.type(description="How many chose one option.")
class OptionCount:
    """How many chose one option."""

    option: str = strawberry.field(description="The option.")
    heads: int = strawberry.field(description="How many persons chose it.")


@strawberry.type(description="One group's answers; withheld when few persons are behind them.")
class SurveyGroup:
    """One group's answers; withheld when few persons are behind them."""

    name: str = strawberry.field(description="The group: all, owner, tenant, resident.")
    heads: int | None = strawberry.field(description="How many answered; null when withheld.")
    options: list[OptionCount] | None = strawberry.field(
        description="How often each option was chosen; null when withheld."
    )


@strawberry.type(description="The answers to a survey question by head.")
class SurveyFigures:
    """The answers to a survey question by head."""

    total: SurveyGroup = strawberry.field(description="Everybody.")
    groups: list[SurveyGroup] = strawberry.field(description="By standing.")


def survey_of(figures: Any) -> SurveyFigures | None:
    """Make survey figures of frozen ones; None for joint decisions."""
    data = json.loads(figures) if isinstance(figures, str) else figures
    if "groups" not in data:
        return None
    groups = [_group(name, count) for name, count in sorted(data["groups"].items())]
    return SurveyFigures(total=_group("all", data["total"]), groups=groups)


def _group(name: str, count: dict[str, Any] | None) -> SurveyGroup:
    if count is None:
        return SurveyGroup(name=name, heads=None, options=None)
    return SurveyGroup(
        name=name, heads=count["heads"], options=[OptionCount(option=o, heads=n) for o, n in count["options"]]
    )


# --- One's own ballots -----------------------------------------------------------------------------------------------


@strawberry.type(description="What a ballot says on one motion.")
class MotionChoice:
    """What a ballot says on one motion."""

    motion: strawberry.ID = strawberry.field(description="The motion.")
    choice: Choice = strawberry.field(description="What is chosen; a blank abstains.")


@strawberry.type(description="Proof that a ballot came in: its hash is on the certificate, its content is not.")
class BallotReceipt:
    """Proof that a ballot came in: its hash is on the certificate, its content is not."""

    receipt: str = strawberry.field(description="SHA-256 of the body, hex; the certificate lists it.")
    nonce: str = strawberry.field(description="The secret that keeps the content from being guessed; keep it.")
    body: str = strawberry.field(description="What is hashed.")
    cast_at: datetime = strawberry.field(description="When the ballot came in.")
    channel: Channel = strawberry.field(description="How it came in.")
    entry: int = strawberry.field(description="The number of the roll entry.")
    choices: list[MotionChoice] = strawberry.field(description="What it says.")


@strawberry.type(description="An entry of the roll that the viewer may vote for, and the viewer's own ballot.")
class MyBallot:
    """An entry of the roll that the viewer may vote for, and the viewer's own ballot."""

    entry: strawberry.ID = strawberry.field(description="The roll entry: pass it to castBallot.")
    number: int = strawberry.field(description="Its number on the roll.")
    units: str = strawberry.field(description="Its units.")
    area: Area = strawberry.field(description="Its area.")
    heads: int = strawberry.field(description="Its heads.")
    may_vote: bool = strawberry.field(description="False when the co-owners designated somebody else.")
    state: MyBallotState = strawberry.field(description="How the entry stands.")
    receipt: BallotReceipt | None = strawberry.field(description="The receipt of the viewer's own latest ballot.")


_MINE = (
    "SELECT x.id, x.entry_id, x.owner_id, x.person_id, x.channel, x.marks, x.is_signed, x.at, x.nonce, x.receipt, x.poll_id, "
    "e.number, e.area_centi, e.heads FROM voting_returned x JOIN register_roll_entry e ON e.id = x.entry_id "
)


async def receipt(result: Fresh | int, info: strawberry.Info) -> BallotReceipt:
    """Return the receipt of a ballot that the viewer has just cast; a retry's is read back, and is the same."""
    if isinstance(result, Fresh):
        return _receipt(result.made, result.made["motions"])
    database = info.context.kernel.database
    rows = await database.fetch(f"{_MINE} WHERE x.id = ? AND x.person_id = ?", (result, info.context.viewer.person_id))
    return _receipt(rows[0], await _motions(database, rows[0]["poll_id"]))


async def _motions(database: Any, poll_id: int) -> list[int]:
    rows = await database.fetch("SELECT id FROM voting_motion WHERE poll_id = ? ORDER BY position", (poll_id,))
    return [row["id"] for row in rows]


def _receipt(row: Any, motions: Sequence[int]) -> BallotReceipt:
    body = ballots.receipt_body(
        poll=row["poll_id"], entry=row["number"], area_centi=row["area_centi"], heads=row["heads"], channel=row["channel"],
        marks=row["marks"], is_signed=bool(row["is_signed"]), at=row["at"], nonce=row["nonce"],
    )  # fmt: skip
    said = [
        MotionChoice(
            motion=strawberry.ID(global_id("Motion", motion)), choice=ballots.LETTERS.get(letter, Choice.ABSTAIN)
        )
        for motion, letter in zip(motions, row["marks"], strict=True)
        if letter != ballots.TWO_MARKS
    ]
    return BallotReceipt(
        receipt=row["receipt"], nonce=row["nonce"], body=body, cast_at=from_wire(row["at"]), channel=Channel(row["channel"]),
        entry=row["number"], choices=said,
    )  # fmt: skip


async def my_ballots(poll: Any, info: strawberry.Info) -> list[MyBallot]:
    """Return what the viewer may vote for, with the viewer's own ballots: as an owner, for an owner, or as a proxy."""
    me, database = info.context.viewer.person_id, info.context.kernel.database
    if me is None or poll.roll_id is None:
        return []
    entries = await database.fetch(
        "SELECT e.id, e.number, e.units_text, e.area_centi, e.heads, f.owner_id, f.may_vote, b.choices FROM "
        "(SELECT v.entry_id, v.owner_id, CASE WHEN v.may_vote THEN 1 ELSE 0 END AS may_vote FROM register_roll_voter v "
        # No owner for a proxy: what the principal votes in person is not for the proxy's eyes.
        "WHERE v.roll_id = ? AND v.person_id = ? UNION ALL SELECT x.entry_id, NULL, 1 FROM voting_proxy x "
        "WHERE x.poll_id = ? AND x.holder_id = ? AND x.revoked_at IS NULL) f "
        "JOIN register_roll_entry e ON e.id = f.entry_id "
        "LEFT JOIN voting_ballot b ON b.poll_id = ? AND b.entry_id = e.id WHERE e.struck_at IS NULL ORDER BY e.number LIMIT 100",
        (poll.roll_id, me, poll.pk, me, poll.pk),
    )
    motions = await _motions(database, poll.pk)
    return [await _mine(poll, row, motions, me, database) for row in entries]


async def _mine(poll: Any, entry: Any, motions: list[int], me: int, database: Any) -> MyBallot:
    rows = await database.fetch(
        f"{_MINE} WHERE x.poll_id = ? AND x.entry_id = ? AND (x.owner_id = ? OR x.person_id = ?) ORDER BY x.id DESC LIMIT 1",
        (poll.pk, entry["id"], entry["owner_id"], me),
    )
    return MyBallot(
        entry=strawberry.ID(global_id("RollEntry", entry["id"])), number=entry["number"], units=entry["units_text"],
        area=Area(entry["area_centi"]), heads=entry["heads"], may_vote=bool(entry["may_vote"]), state=_state(entry["choices"]),
        receipt=_receipt(rows[0], motions) if rows else None,
    )  # fmt: skip


def _state(choices: str | None) -> MyBallotState:
    letters = Counter(choices or "")
    if not choices:
        return MyBallotState.NOT_CAST
    if letters[ballots.CONFLICT]:
        return MyBallotState.CONFLICTED
    return MyBallotState.CAST if ballots.takes_part(choices) else MyBallotState.NOT_VALID


async def my_answer(poll: Any, info: strawberry.Info) -> list[list[int]] | None:
    """Return what the viewer answered in a survey."""
    rows = await info.context.kernel.database.fetch(
        "SELECT options FROM voting_answer WHERE poll_id = ? AND person_id = ?",
        (poll.pk, info.context.viewer.person_id or 0),
    )
    found: list[list[int]] | None = json.loads(rows[0]["options"]) if rows else None
    return found


# --- Separated votes -------------------------------------------------------------------------------------------------


@strawberry.type(
    description="Proof that a voter has voted in a separated poll; it has nothing to do with what was voted."
)
class SeparatedReceipt:
    """Proof that a voter has voted in a separated poll; it has nothing to do with what was voted."""

    receipt: str = strawberry.field(description="SHA-256 of the body, hex: the voter's mark on the published roll.")
    nonce: str = strawberry.field(
        description="The secret that only this voter can show; it can be read again at any time."
    )
    body: str = strawberry.field(description="What is hashed: the poll and the nonce.")
    has_voted: bool = strawberry.field(description="Whether this voter has voted.")


@strawberry.type(description="How many may vote in a separated poll, and how many have; never what.")
class SeparatedTurnout:
    """How many may vote in a separated poll, and how many have; never what."""

    eligible: int = strawberry.field(description="How many are on the roll, frozen at announcement.")
    voted: int = strawberry.field(
        description="How many have voted; while the poll runs in fives, rounded down, so that no single vote shows."
    )


def _shown_receipt(found: separated.Receipt) -> SeparatedReceipt:
    return SeparatedReceipt(receipt=found.mark, nonce=found.nonce, body=found.body, has_voted=found.has_voted)


async def separated_receipt(result: int, info: strawberry.Info) -> SeparatedReceipt:
    """Return the receipt of whoever has just voted; a retry's is made anew, and is the same."""
    kernel = info.context.kernel
    found = await separated.receipt_of_voter(kernel.database, kernel.keys, result, info.context.viewer.person_id)
    if found is None:
        raise NOT_ON_THIS_ROLL()
    return _shown_receipt(found)


async def my_separated_receipt(poll: Any, info: strawberry.Info) -> SeparatedReceipt | None:
    """Return the viewer's mark on the roll of a separated poll."""
    kernel, me = info.context.kernel, info.context.viewer.person_id
    if me is None or poll.mode != BallotMode.SEPARATED:
        return None
    found = await separated.receipt_of_voter(kernel.database, kernel.keys, poll.pk, me)
    return _shown_receipt(found) if found is not None else None


COUNTED_OUT = ("CLOSED", "PRELIMINARY", "CONFIRMED", "VOID")


async def separated_turnout(poll: Any, info: strawberry.Info) -> SeparatedTurnout | None:
    """Return how many have voted in a separated poll; None before it is announced."""
    if poll.mode != BallotMode.SEPARATED:
        return None
    [row] = await info.context.kernel.database.fetch(
        "SELECT COUNT(*) AS eligible, COALESCE(SUM(CASE WHEN has_voted THEN 1 ELSE 0 END), 0) AS voted FROM voting_tick "
        "WHERE matter_id = ?",
        (poll.pk,),
    )
    if not row["eligible"]:
        return None
    step = 1 if poll.state_now in COUNTED_OUT else separated.FEWEST_IN_GROUP
    return SeparatedTurnout(eligible=row["eligible"], voted=int(row["voted"]) // step * step)


# --- Certificate -----------------------------------------------------------------------------------------------------


@strawberry.type(description="A result as a document that a stranger can recompute.")
class Certificate:
    """A result as a document that a stranger can recompute."""

    text: str = strawberry.field(description="Canonical JSON: settings, roll, notice, receipts, totals, verdicts.")
    sha256: str = strawberry.field(description="SHA-256 of the text, hex; the trace has it too.")


async def dossier_of(root: Any, info: strawberry.Info) -> str | None:
    """Write everything about a poll into one file, for those who asked for it."""
    return await certificate.whole_dossier(info.context.kernel.database, root.poll_id)


@strawberry.type(description="All ballots of a counted poll, for scrutineers.")
class BallotsBundle:
    """All ballots of a counted poll, for scrutineers."""

    text: str = strawberry.field(description="Canonical JSON; each ballot matches a receipt of the certificate.")
    sha256: str = strawberry.field(description="SHA-256 of the text, hex; the trace has it with who asked.")
    poll_id: strawberry.Private[int]
    dossier: str | None = strawberry.field(
        resolver=dossier_of,
        metadata=guarded(
            Guard.ROW, "only exportBallots gives one, to scrutineers, and what is in it is all in the text"
        ),
        description="One file for the verifier, to be kept: certificate, ballots, roll, every deed of the poll, and a "
        "signed head over them; null until a head covers the count.",
    )


async def certificate_of(poll: Any, info: strawberry.Info) -> Certificate | None:
    """Build the certificate of a counted joint decision or separated poll."""
    is_certified = poll.roll_id is not None or poll.mode == BallotMode.SEPARATED
    if poll.state_now not in ("PRELIMINARY", "CONFIRMED", "VOID") or not is_certified:
        return None
    counted = await info.context.kernel.database.value("SELECT round FROM voting_poll WHERE matter_id = ?", (poll.pk,))
    if not counted:
        return None
    text, digest = await certificate.build(info.context.kernel.database, poll.pk)
    return Certificate(text=text, sha256=digest)


async def bundle_of(poll: Any, info: strawberry.Info) -> Certificate | None:
    """Build what outsiders check of a counted poll, once a signed head covers its count."""
    if await certificate_of(poll, info) is None:
        return None
    found = await certificate.dossier(info.context.kernel.database, poll.pk)
    return Certificate(text=found[0], sha256=found[1]) if found else None
