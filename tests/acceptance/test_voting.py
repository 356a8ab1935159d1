"""The story of a vote: from the announcement to a certificate that a stranger can recompute."""

from __future__ import annotations

import hashlib
import json

from tests.acceptance.voting_world import Entry, cast, close, make_roll, opened, owner, show
from tests.conftest import World


async def test_the_whole_story(world: World) -> None:
    """A poll is announced, opened, voted on, counted, shown, confirmed; its certificate carries every figure."""
    await owner(world, "owner", "second")
    roll = await make_roll(world, Entry(8_952), Entry(10_000, voters=("second",), building="2栋"), Entry(9_000, voters=()))
    poll, (motion,) = await opened(world, roll, "SERVICE_PROVIDER")
    receipt = await cast(world, poll, {motion: "FOR"})
    assert receipt["__typename"] == "BallotReceipt", receipt
    assert hashlib.sha256(receipt["body"].encode()).hexdigest() == receipt["receipt"]
    assert (await cast(world, poll, {motion: "FOR"}, as_="second"))["__typename"] == "BallotReceipt"
    voting = await show(world, poll, as_="owner")
    assert voting["state"] == "VOTING"
    assert voting["turnout"]["heads"] == {"numerator": "2", "denominator": "3"}
    assert voting["turnout"]["area"] == {"numerator": "18952", "denominator": "27952"}
    await close(world, poll)
    counted = await show(world, poll, as_="owner")
    assert counted["state"] == "PRELIMINARY"
    assert counted["motions"]["nodes"][0]["result"]["outcome"] == "PASSED"
    assert receipt["receipt"] in json.loads(counted["certificate"]["text"])["receipts"]
    world.clock.advance(days=12)
    await world.settle()
    assert (await show(world, poll))["state"] == "CONFIRMED"
