"""Casting a ballot with Tortoise, in one transaction: every row that our own server writes."""

from __future__ import annotations

import hashlib
import json
import secrets
from enum import Enum
from typing import Annotated

import strawberry
from tortoise.expressions import F
from tortoise.transactions import in_transaction

from bench.baselines import stock_models as models
from bench.baselines.common import now
from bench.baselines.stock_reading import Viewer
from core.fields import canonical_json
from core.ids import new_id
from core.trace import leaf_hash
from plugins.voting.ballots import receipt_body, receipt_of


@strawberry.enum
class Choice(Enum):
    """What a ballot says on one motion."""

    FOR = "F"
    AGAINST = "A"
    ABSTAIN = "B"


@strawberry.input
class ChoiceInput:
    """A choice on one motion."""

    motion: strawberry.ID
    choice: Choice


@strawberry.input
class CastBallotInput:
    """A ballot to cast."""

    id: strawberry.ID
    choices: list[ChoiceInput]
    idempotency_key: str


@strawberry.type
class BallotReceipt:
    """Proof that a ballot came in."""

    receipt: str
    cast_at: str


@strawberry.interface
class UserError:
    """Why something was not done."""

    code: str
    message: str


@strawberry.type
class NotAllowed(UserError):
    """The viewer may not do this."""


CastBallotResult = Annotated[BallotReceipt | NotAllowed, strawberry.union("CastBallotResult")]


class _Refused(Exception):
    """Nothing is written; the message says why."""


async def cast(viewer: Viewer, asked: CastBallotInput) -> BallotReceipt | NotAllowed:
    """Cast a ballot for the viewer's own entry on the roll; the same key gets the same answer."""
    try:
        async with in_transaction():
            return await _cast(viewer, asked)
    except _Refused as refused:
        return NotAllowed(code="NOT_ALLOWED", message=str(refused))


async def _cast(viewer: Viewer, asked: CastBallotInput) -> BallotReceipt:
    request = [asked.id, [[one.motion, one.choice.value] for one in asked.choices]]
    digest = hashlib.sha256(canonical_json(request).encode()).hexdigest()
    owner = str(viewer.person_id)
    earlier = await models.IdempotencyKey.get_or_none(owner=owner, key=asked.idempotency_key)
    if earlier is not None:
        if earlier.request_hash != digest:
            raise _Refused("this key was used for another request")
        paper = await models.Returned.get(id=int(json.loads(earlier.answer or "0")))
        return BallotReceipt(receipt=paper.receipt, cast_at=paper.at)
    paper = await _take_in(viewer, asked)
    await models.IdempotencyKey.create(
        owner=owner, key=asked.idempotency_key, request_hash=digest, answer=str(paper.id), at=paper.at
    )
    return BallotReceipt(receipt=paper.receipt, cast_at=paper.at)


async def _take_in(viewer: Viewer, asked: CastBallotInput) -> models.Returned:
    poll = await _poll(viewer, int(asked.id.removeprefix("Poll_")))
    marks = await _marks(poll, asked)
    voter = await models.RollVoter.get_or_none(
        roll_id=poll.roll_id, person_id=viewer.person_id, may_vote=True, entry__struck_at=None
    ).select_related("entry")
    if voter is None:
        raise _Refused("you are not on the roll of this poll")
    entry, moment, nonce = voter.entry, now(), secrets.token_hex(16)
    if await models.Returned.filter(poll_id=poll.matter_id, entry_id=entry.id).exists():
        raise _Refused("this entry has voted")
    receipt = receipt_of(receipt_body(
        poll=poll.matter_id, entry=entry.number, area_centi=entry.area_centi, heads=entry.heads, channel="ONLINE",
        marks=marks, is_signed=True, at=moment, nonce=nonce,
    ))  # fmt: skip
    paper = await models.Returned.create(
        poll_id=poll.matter_id, entry_id=entry.id, owner_id=voter.owner_id, person_id=viewer.person_id, channel="ONLINE",
        at=moment, marks=marks, nonce=nonce, receipt=receipt,
    )  # fmt: skip
    await models.Ballot.create(
        poll_id=poll.matter_id, entry_id=entry.id, choices=marks, area_centi=entry.area_centi, heads=entry.heads,
        building=entry.buildings, at=moment,
    )  # fmt: skip
    await models.Turnout.filter(poll_id=poll.matter_id, building=entry.buildings).update(
        area_centi=F("area_centi") + entry.area_centi, heads=F("heads") + entry.heads
    )
    await _record(viewer, poll.matter, moment, receipt)
    return paper


async def _poll(viewer: Viewer, key: int) -> models.Poll:
    poll = await models.Poll.get_or_none(matter_id=key).select_related("matter__community")
    if poll is None or not any(home.startswith(poll.matter.path) for home in viewer.homes):
        raise _Refused("there is no such poll")
    due = await models.Deadline.filter(matter_id=key, at__lte=now()).exists()
    if due or poll.matter.state != "VOTING":
        raise _Refused("this poll is not open")
    if not viewer.belongs("voting.cast_ballot", poll.matter.path):
        raise _Refused("you may not vote here")
    return poll


async def _marks(poll: models.Poll, asked: CastBallotInput) -> str:
    chosen = {int(one.motion.removeprefix("Motion_")): one.choice.value for one in asked.choices}
    motions = await models.Motion.filter(poll_id=poll.matter_id).order_by("position").values_list("id", flat=True)
    if set(chosen) - set(motions):
        raise _Refused("this motion is not in this poll")
    return "".join(chosen.get(int(str(motion)), "-") for motion in motions)


async def _record(viewer: Viewer, matter: models.Matter, moment: str, receipt: str) -> None:
    key, salt = new_id(), secrets.token_hex(16)
    body = canonical_json({
        "v": 1, "id": str(key), "at": moment, "deed": "voting.cast_ballot", "community": matter.community.code,
        "matter": str(matter.id), "actor": hashlib.sha256(f"{salt}:{viewer.person_id}".encode()).hexdigest(),
        "as": viewer.role, "details": {"receipt": receipt},
    })  # fmt: skip
    await models.TraceLeaf.create(
        id=key, community_id=matter.community_id, matter_id=matter.id, deed="voting.cast_ballot", at=moment, body=body,
        leaf_hash=leaf_hash(body),
    )  # fmt: skip
    await models.TraceSalt.create(leaf_id=key, person_id=viewer.person_id, salt=salt)
    await models.Event.create(
        at=moment, type="voting.ballot_cast", plugin="voting", community_id=matter.community_id, path=matter.path,
        matter_id=matter.id, payload="{}",
    )  # fmt: skip
