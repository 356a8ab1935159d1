"""Polls as the plain Strawberry and Tortoise server shows them: turnout, verdict, and the fewest voters that are missing."""

from __future__ import annotations

from typing import Any

import strawberry

from bench.baselines import stock_models as models
from bench.baselines.stock_reading import Request
from plugins.voting import rules
from plugins.voting.ballots import takes_part
from plugins.voting.rules import Weight
from schema.scalars import area_text

Info = strawberry.Info[Request, None]


@strawberry.type
class Fraction:
    """An exact fraction."""

    numerator: str
    denominator: str


@strawberry.type
class BuildingTurnout:
    """How much of a building takes part."""

    building: str
    heads: Fraction


@strawberry.type
class Turnout:
    """How much takes part."""

    area: Fraction
    heads: Fraction
    is_quorate: bool
    gap_zh: str
    buildings: list[BuildingTurnout]
    poll: strawberry.Private[Any]

    @strawberry.field
    async def fewest_voters(self) -> int:
        """Return the fewest further voters that would reach the quorum."""
        entries = await models.RollEntry.filter(roll_id=self.poll.roll_id, struck_at=None)
        ballots = await models.Ballot.filter(poll_id=self.poll.matter_id)
        taking_part = {str(ballot.entry_id) for ballot in ballots if takes_part(ballot.choices)}
        voters = [rules.RollVoter(str(entry.id), entry.area_centi) for entry in entries]
        return rules.what_is_missing(voters, taking_part).fewest_voters


@strawberry.type
class VoteWeight:
    """A sum on both axes."""

    area: str
    heads: int

    @classmethod
    def of(cls, data: Any) -> VoteWeight:
        """Make it of frozen figures."""
        return cls(area=area_text(data["area"]), heads=data["heads"])


@strawberry.type
class Leg:
    """One comparison."""

    name: str
    met: bool
    margin_zh: str


@strawberry.type
class VerdictReading:
    """One way of counting."""

    in_favour: VoteWeight
    against: VoteWeight


@strawberry.type
class Verdict:
    """An outcome with its figures."""

    outcome: str
    strict: VerdictReading
    legs: list[Leg]

    @classmethod
    def of(cls, outcome: str | None, data: Any) -> Verdict:
        """Make it of frozen figures."""
        sums = data["strict"]["sums"]
        legs = (data["follow"] or data["strict"])["legs"]
        return cls(
            outcome=outcome or data["outcome"],
            strict=VerdictReading(in_favour=VoteWeight.of(sums["FOR"]), against=VoteWeight.of(sums["AGAINST"])),
            legs=[Leg(name=leg["name"], met=leg["met"], margin_zh=leg["margin_zh"]) for leg in legs],
        )


@strawberry.type
class Result:
    """The result of a motion."""

    outcome: str | None
    verdict: Verdict


@strawberry.type
class Motion:
    """A motion."""

    row: strawberry.Private[Any]
    round: strawberry.Private[int]

    @strawberry.field
    def title(self) -> str:
        """Return the title."""
        return str(self.row.title)

    @strawberry.field
    async def result(self) -> Result | None:
        """Return the result of the latest round."""
        row = await models.Result.get_or_none(motion_id=self.row.id, round=self.round)
        return Result(outcome=row.outcome, verdict=Verdict.of(row.outcome, row.figures)) if row else None


@strawberry.type
class MotionConnection:
    """A page of motions."""

    nodes: list[Motion]


@strawberry.type
class Poll:
    """A poll."""

    row: strawberry.Private[Any]

    @strawberry.field
    def title(self) -> str:
        """Return the title."""
        return str(self.row.matter.title)

    @strawberry.field
    async def state(self, info: Info) -> str:
        """Return the state at this moment."""
        return str(await info.context.states.load(self.row.matter_id) or self.row.matter.state)

    @strawberry.field
    async def turnout(self) -> Turnout | None:
        """Add up the counters of participation."""
        rows = await models.Turnout.filter(poll_id=self.row.matter_id).order_by("building")
        part = Weight(sum(row.area_centi for row in rows), sum(row.heads for row in rows))
        whole = Weight(sum(row.all_area_centi for row in rows), sum(row.all_heads for row in rows))
        area, heads = rules.quorum_legs(whole, part)
        return Turnout(
            area=Fraction(numerator=str(part.area_centi), denominator=str(whole.area_centi)),
            heads=Fraction(numerator=str(part.heads), denominator=str(whole.heads)),
            is_quorate=area.met and heads.met, gap_zh=rules.describe_gap(area, heads, "zh"), poll=self.row,
            buildings=[
                BuildingTurnout(
                    building=row.building,
                    heads=Fraction(numerator=str(row.heads), denominator=str(row.all_heads)),
                )
                for row in rows
            ],
        )  # fmt: skip

    @strawberry.field
    async def motions(self, first: int = 20) -> MotionConnection:
        """Return the motions in their order."""
        rows = await models.Motion.filter(poll_id=self.row.matter_id).order_by("position").limit(first + 1)
        return MotionConnection(nodes=[Motion(row=row, round=self.row.round) for row in rows[:first]])
