"""What the tests of separated polls share: neighbours who may answer, a poll that is open, ballots cast."""

from __future__ import annotations

from typing import Any

from bench import rows
from core.access import Viewer
from core.clock import from_wire, to_wire
from core.viewers import load_viewer
from plugins.voting.service import casting
from tests.acceptance.voting_world import announce, draft
from tests.conftest import World

SHOWN = """query($id: ID!) { poll(id: $id) { id state mode modeExplainedZh modeExplainedEn myAnswer
  separatedTurnout { eligible voted } mySeparatedReceipt { receipt nonce body hasVoted }
  motions { nodes { id result { survey { total { heads options { option heads } } groups { name heads } } } } }
  certificate { text sha256 } certificateHash rollHash } }"""


async def neighbours(world: World, count: int, role: str = "owner") -> list[str]:
    """Add people who belong to the first compound; returns their names in the cast."""
    now, place = world.clock.now(), world.demo.places["compound"]
    people = rows.persons((f"示例邻居{role}{n}" for n in range(count)), now)
    keys = [row[0] for row in people]
    await rows.add(world.kernel.database, rows.PERSON, people)
    await rows.add(world.kernel.database, rows.APPOINTMENT, rows.appointments(keys, role, place, now))
    await rows.sign_in(world.kernel.database, keys, f"{role}-", now)
    names = [f"{role}{n}" for n in range(count)]
    world.demo.people.update(zip(names, keys, strict=True))
    return names


async def survey(
    world: World, *, questions: int = 1, options: int = 3, mode: str = "SEPARATED", **more: Any
) -> tuple[str, list[str]]:
    """Draft and announce a survey that is open at once; returns its id and its questions'."""
    poll = await drafted(world, questions=questions, options=options, mode=mode, **more)
    await announce(world, poll)
    shown = await show(world, poll, as_="chair")
    return poll, [node["id"] for node in shown["motions"]["nodes"]]


async def drafted(world: World, *, questions: int = 1, options: int = 3, **more: Any) -> str:
    """Draft a survey that may be announced at once."""
    poll, _ = await draft(world, None, kind="SURVEY", opensAt=to_wire(world.clock.now()), **more)
    for number in range(questions):
        asked = {"id": poll, "title": f"问题{number}", "options": [f"选项{n}" for n in range(options)]}
        assert (await world.do("addMotion", asked, as_="chair"))["__typename"] == "Poll"
    return poll


async def show(world: World, poll: str, *, as_: str | None = None) -> Any:
    """Return what somebody sees of a survey."""
    return (await world.gql(SHOWN, {"id": poll}, as_=as_)).data["poll"]


async def vote(world: World, poll: str, questions: list[str], *options: int, as_: str, key: str | None = None) -> Any:
    """Cast a separated ballot by GraphQL; returns the receipt or the error."""
    answers = [{"motion": motion, "options": [option]} for motion, option in zip(questions, options, strict=True)]
    given = {"id": poll, "answers": answers, "idempotencyKey": key}
    return await world.do(
        "castSeparatedBallot", given, "... on SeparatedReceipt { receipt nonce body hasVoted }", as_=as_
    )


async def viewer_of(world: World, name: str) -> Viewer:
    """Return one of the cast as signed in."""
    found = await load_viewer(world.kernel.database, world.demo.people[name], None, now=world.clock.now())
    assert found is not None
    return found


async def drop(world: World, poll: str, questions: list[str], *options: int, as_: str, key: str | None = None) -> Any:
    """Cast a separated ballot without HTTP, where many are needed."""
    keys = [int(question.rpartition("_")[2]) for question in questions]
    return await world.kernel.perform(
        casting.cast_separated_ballot, await viewer_of(world, as_), key, id=int(poll.rpartition("_")[2]),
        answers=[{"motion": motion, "options": [option]} for motion, option in zip(keys, options, strict=True)],
    )  # fmt: skip


async def close(world: World, poll: str) -> Any:
    """Move the clock to the end and let it be counted; returns what a resident sees then."""
    ends = await world.gql("query($id: ID!) { poll(id: $id) { closesAt } }", {"id": poll}, as_="chair")
    world.clock.set(from_wire(ends.data["poll"]["closesAt"]))
    await world.settle()
    return await show(world, poll, as_="chair")
