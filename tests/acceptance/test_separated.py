"""Separated polls: what the voter is told, who may vote, what is counted, and what is refused."""

from __future__ import annotations

import asyncio
import hashlib
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from core.errors import DomainError
from plugins.voting.service import casting
from tests.acceptance.separated_world import close, drafted, drop, neighbours, show, survey, viewer_of, vote
from tests.acceptance.voting_world import Entry, cast, draft, make_roll, opened, opening
from tests.acceptance.voting_world import owner as add_owners
from tests.conftest import ROOT, World
from verifier import shanzhi_verify


async def test_a_separated_poll_from_end_to_end(world: World, tmp_path: Path) -> None:
    """Everybody on the roll votes once, holds a receipt that tells nothing, and anyone can recount the certificate."""
    names = await neighbours(world, 30)
    poll, questions = await survey(world, questions=2)
    told = await show(world, poll, as_=names[0])
    assert told["mode"] == "SEPARATED"
    assert "不能更改" in told["modeExplainedZh"]
    assert "cannot be found" in told["modeExplainedEn"]
    assert not told["mySeparatedReceipt"]["hasVoted"]
    receipts = [await vote(world, poll, questions, n % 3, n % 2, as_=name) for n, name in enumerate(names[:20])]
    for receipt in receipts:
        assert hashlib.sha256(receipt["body"].encode()).hexdigest() == receipt["receipt"]
    assert receipts[0] == (await show(world, poll, as_=names[0]))["mySeparatedReceipt"] | {
        "__typename": "SeparatedReceipt"
    }
    again = await vote(world, poll, questions, 0, 0, as_=names[0])
    assert again["code"] == "voting.already_cast"
    assert (await show(world, poll, as_="chair"))["separatedTurnout"]["voted"] == 20
    counted = await close(world, poll)
    total = counted["motions"]["nodes"][0]["result"]["survey"]["total"]
    assert [option["heads"] for option in total["options"]] == [7, 7, 6]
    text = counted["certificate"]["text"]
    await _check(tmp_path, "certificate", text)
    given = await world.gql("query($id: ID!) { poll(id: $id) { bundle { text } } }", {"id": poll}, as_=names[0])
    bundle = json.loads(given.data["poll"]["bundle"]["text"])
    await _check(tmp_path, "bundle", json.dumps(bundle))
    for change, name in BUNDLES:
        broken = json.loads(json.dumps(bundle))
        change(broken)
        await _check(tmp_path, "bundle", json.dumps(broken), name)
    assert counted["certificate"]["sha256"] == counted["certificateHash"]
    certificate = json.loads(text)
    assert {receipt["receipt"] for receipt in receipts} == set(certificate["receipts"])


def _twice(bundle: dict[str, Any]) -> None:
    """Take a cast of the log for another deed, as if fewer had voted."""
    cast = next(leaf for leaf in bundle["leaves"] if "cast_separated_ballot" in leaf["body"])
    cast["body"] = cast["body"].replace("cast_separated_ballot", "answer_survey")


def _late(bundle: dict[str, Any]) -> None:
    """Bring a cast behind the close."""
    cast = next(leaf for leaf in bundle["leaves"] if "cast_separated_ballot" in leaf["body"])
    cast["seq"] = bundle["leaves"][-1]["seq"] + 1


def _renamed(bundle: dict[str, Any]) -> None:
    """Say that the ballots were named."""
    announced = next(leaf for leaf in bundle["leaves"] if "announce_poll" in leaf["body"])
    announced["body"] = announced["body"].replace("SEPARATED", "OPEN")


BUNDLES: list[tuple[Callable[[dict[str, Any]], None], str]] = [
    (_twice, "ballot-inserted"), (_late, "late-ballot"), (_renamed, "mode-changed"),
]  # fmt: skip


async def _check(folder: Path, command: str, text: str, wrong: str | None = None) -> None:
    """Run the verifier as a stranger would; it finds nothing, or names what is wrong."""
    path = folder / f"{command}.json"
    path.write_text(text, "utf-8")
    ran = await asyncio.create_subprocess_exec(
        sys.executable, "-I", ROOT / "verifier/shanzhi_verify.py", command, path, stdout=asyncio.subprocess.PIPE
    )
    out, _ = await ran.communicate()
    assert ran.returncode == (0 if wrong is None else 1), out.decode()
    assert wrong is None or f"BAD {wrong}:" in out.decode(), out.decode()


async def test_a_changed_certificate_does_not_verify(world: World) -> None:
    """A ballot that is added, taken away or changed, a stranger's receipt and another roll are each found."""
    names = await neighbours(world, 30)
    poll, questions = await survey(world)
    for n, name in enumerate(names[:12]):
        await drop(world, poll, questions, n % 3, as_=name)
    text = (await close(world, poll))["certificate"]["text"]

    def fails(change: str) -> bool:
        certificate = json.loads(text)
        ballots = certificate["motions"][0]["ballots"]
        if change == "added":
            ballots.append(["", 0])
        elif change == "taken":
            ballots.pop()
        elif change == "changed":
            ballots[0][1] = 2
        elif change == "stranger":
            certificate["receipts"][0] = "0" * 64
        elif change == "roll":
            certificate["roll"]["voters"].pop()
        return not all(check.holds for check in shanzhi_verify.certificate_checks(certificate))

    assert not fails("nothing")
    for change in ("added", "taken", "changed", "stranger", "roll"):
        assert fails(change), change


async def test_too_few_voters_are_refused_with_a_way_out(world: World) -> None:
    """Under 30 voters, or with a published group under 5, a poll is announced only as a named one; all stays as it was."""
    await neighbours(world, 20)
    poll = await drafted(world)
    for language, words in (("zh", "记名"), ("en", "OPEN")):
        refused = await world.do("announcePoll", {"id": poll}, as_="chair", language=language)
        assert refused["code"] == "voting.too_few_voters"
        assert words in refused["message"]
    await neighbours(world, 20, "resident")
    grouped = await drafted(world, byStanding=True)  # one tenant belongs to the place
    assert (await world.do("announcePoll", {"id": grouped}, as_="chair"))["code"] == "voting.group_too_small"
    assert (await world.do("announcePoll", {"id": poll}, as_="chair"))["__typename"] == "Poll"
    named = await world.do("announcePoll", {"id": grouped, "mode": "OPEN"}, "... on Poll { mode }", as_="chair")
    assert named["mode"] == "OPEN"


async def test_a_survey_is_announced_on_the_board(world: World) -> None:
    """Announcing a survey posts a notice with its questions, its window and what its mode means."""
    await neighbours(world, 30)
    asked = "query($id: ID!) { poll(id: $id) { notice { title ... on Notice { kind body } } } }"
    for mode, words in (("SEPARATED", "投出后找不到您的票"), ("OPEN", "记名表决")):
        poll, _ = await survey(world, mode=mode)
        notice = (await world.gql(asked, {"id": poll}, as_="owner0")).data["poll"]["notice"]
        assert notice["title"] == "民意问卷：是否更换物业服务企业"
        for told in (words, "问题0（选项0、选项1、选项2）", "填写时间：2026-"):
            assert told in notice["body"]
        assert (await world.gql(asked, {"id": poll}, as_="stranger")).data["poll"] is None


async def test_joint_decisions_are_named(world: World) -> None:
    """A vote by area is refused the separated mode, when drafted and when announced, and the way out is named."""
    await add_owners(world, "owner")
    roll = await make_roll(world, Entry())
    poll, _ = await draft(world, roll, "SERVICE_PROVIDER")
    refused = await world.do("announcePoll", {"id": poll, "mode": "SEPARATED"}, as_="chair", language="en")
    assert (refused["code"], "Belenios" in refused["message"]) == ("voting.must_be_named", True)
    community = world.demo.places["compound"].code
    given = {"community": community, "title": "x", "body": "y", "opensAt": "2026-05-01T00:00:00Z", "mode": "SEPARATED"}
    assert (await world.do("draftPoll", given, as_="chair"))["code"] == "voting.must_be_named"


async def test_each_mode_has_its_own_deed(world: World) -> None:
    """A named answer to a separated poll, a separated ballot in a named one, and an export of the box are refused."""
    names = await neighbours(world, 30)
    poll, questions = await survey(world)
    named, asked = await survey(world, mode="OPEN")
    answer = {"id": poll, "answers": [{"motion": questions[0], "options": [0]}]}
    assert (await world.do("answerSurvey", answer, as_=names[0]))["code"] == "voting.wrong_mode"
    assert (await vote(world, named, asked, 0, as_=names[0]))["code"] == "voting.wrong_mode"
    assert (await vote(world, poll, questions, 9, as_=names[0]))["code"] == "voting.bad_options"
    await neighbours(world, 1, "tenant")  # came after the announcement
    assert (await vote(world, poll, questions, 0, as_="tenant0"))["code"] == "voting.not_on_this_roll"
    await close(world, poll)
    exported = await world.do("exportBallots", {"id": poll, "reason": "查验"}, as_="scrutineer")
    assert exported["__typename"] != "BallotsBundle"


async def test_a_retry_gives_the_same_receipt(world: World) -> None:
    """The same key gives the same receipt and one ballot; what was voted is not even compared, for none of it is kept."""
    names = await neighbours(world, 30)
    poll, questions = await survey(world)
    first = await vote(world, poll, questions, 0, as_=names[0], key="retry")
    assert await vote(world, poll, questions, 0, as_=names[0], key="retry") == first
    assert await vote(world, poll, questions, 2, as_=names[0], key="retry") == first
    assert await world.kernel.database.value("SELECT COUNT(*) FROM voting_tick WHERE has_voted") == 1


@pytest.mark.parametrize("voted", [4, 9])
async def test_few_ballots_are_never_opened(world: World, voted: int) -> None:
    """Where fewer than ten have voted no figure and no ballot is published, nor kept; how many voted is told."""
    names = await neighbours(world, 30)
    poll, questions = await survey(world)
    for name in names[:voted]:
        await drop(world, poll, questions, 1, as_=name)
    counted = await close(world, poll)
    assert counted["motions"]["nodes"][0]["result"]["survey"]["total"]["options"] is None
    certificate = json.loads(counted["certificate"]["text"])
    assert certificate["motions"][0]["ballots"] is None
    assert len(certificate["receipts"]) == voted
    assert all(check.holds for check in shanzhi_verify.certificate_checks(certificate))
    for table in ("voting_box_part", "voting_box_answer"):
        assert await world.kernel.database.value(f"SELECT COUNT(*) FROM {table}") == 0


async def test_groups_that_would_tell_are_put_together(world: World) -> None:
    """A group of few ballots or of one mind is not published; nor does it follow from the total and the others."""
    owners, residents = await neighbours(world, 30), await neighbours(world, 30, "resident")
    await neighbours(world, 10, "tenant")
    poll, questions = await survey(world, byStanding=True)
    for n, name in enumerate([*owners[:20], *residents[:20]]):
        await drop(world, poll, questions, n % 3, as_=name)
    for n in range(3):
        await drop(world, poll, questions, 0, as_=f"tenant{n}")
    certificate = json.loads((await close(world, poll))["certificate"]["text"])
    sizes: dict[str, int] = {}
    for group, _ in certificate["motions"][0]["ballots"]:
        sizes[group] = sizes.get(group, 0) + 1
    assert "tenant" not in sizes
    assert all(size >= 10 for size in sizes.values()), sizes


async def test_a_removed_question_leaves_no_gap(world: World) -> None:
    """A poll from whose draft a motion was taken out is counted right, whichever way its ballots are kept."""
    names = await neighbours(world, 30)
    poll = await drafted(world, questions=3)
    roll = await make_roll(world, Entry(voters=(names[0],)))
    joint, motions = await draft(world, roll, "SERVICE_PROVIDER", "BYLAWS", "COMMITTEE_ELECTION")
    begins = opening(world)
    first = (await show(world, poll, as_="chair"))["motions"]["nodes"][0]["id"]
    for one, motion in ((poll, first), (joint, motions[0])):
        assert (await world.do("removeMotion", {"id": one, "motion": motion}, as_="chair"))["__typename"] == "Poll"
        assert (await world.do("announcePoll", {"id": one}, as_="chair"))["__typename"] == "Poll"
    questions = [node["id"] for node in (await show(world, poll, as_="chair"))["motions"]["nodes"]]
    for name in names[:10]:
        await drop(world, poll, questions, 0, 2, as_=name)
    counted = await close(world, poll)
    heads = [[option["heads"] for option in node["result"]["survey"]["total"]["options"]]
             for node in counted["motions"]["nodes"]]  # fmt: skip
    assert heads == [[10, 0, 0], [0, 0, 10]]
    world.clock.set(begins)
    assert "receipt" in await cast(world, joint, {motions[1]: "FOR", motions[2]: "AGAINST"}, as_=names[0])
    ended = await close(world, joint)
    assert [node["result"] is not None for node in ended["motions"]["nodes"]] == [True, True]


@pytest.mark.parametrize("mode", ["OPEN", "SEPARATED"])
async def test_400_casts_of_one_voter_leave_one(world: World, mode: str) -> None:
    """Four hundred casts at once of one voter leave one ballot, whichever way it is kept; none comes after the close."""
    names = await neighbours(world, 30)
    if mode == "SEPARATED":
        poll, questions = await survey(world)
        attempts = [drop(world, poll, questions, n % 3, as_=names[0]) for n in range(400)]
        answers = await asyncio.gather(*attempts, return_exceptions=True)
        refused = [answer for answer in answers if isinstance(answer, BaseException)]
        assert len(refused) == 399
        assert {getattr(answer, "code", answer) for answer in refused} == {"voting.already_cast"}
        assert await world.kernel.database.value("SELECT COUNT(*) FROM voting_tick WHERE has_voted") == 1
        late = drop(world, poll, questions, 0, as_=names[1])
    else:
        roll = await make_roll(world, Entry(voters=(names[0],)))
        poll, questions = await opened(world, roll, "SERVICE_PROVIDER")
        await world.settle()
        viewer, choice = await viewer_of(world, names[0]), casting.Choice
        given = {"id": int(poll.rpartition("_")[2])}
        motion = int(questions[0].rpartition("_")[2])
        marks = [[{"motion": motion, "choice": list(choice)[n % 3]}] for n in range(400)]
        perform = world.kernel.perform
        await asyncio.gather(*(perform(casting.cast_ballot, viewer, None, **given, choices=m) for m in marks))
        assert await world.kernel.database.value("SELECT COUNT(*) FROM voting_ballot") == 1
        late = perform(casting.cast_ballot, viewer, None, **given, choices=marks[0])
    await close(world, poll)
    with pytest.raises(DomainError) as caught:
        await late
    assert caught.value.code == "core.wrong_state"
    await _nothing_after_the_close(world, poll)


async def _nothing_after_the_close(world: World, poll: str) -> None:
    rows = await world.kernel.database.fetch(
        "SELECT deed FROM core_trace_leaf WHERE matter_id = ? ORDER BY seq", (int(poll.rpartition("_")[2]),)
    )
    deeds = [row["deed"] for row in rows]
    after = deeds[deeds.index("voting.close_poll") :]
    assert not {"voting.cast_ballot", "voting.cast_separated_ballot"} & set(after)


@pytest.mark.parametrize("mode", ["OPEN", "SEPARATED"])
async def test_casts_that_race_the_close_lie_before_it(world: World, mode: str) -> None:
    """Casts while the poll is being closed are kept before the CLOSE leaf or refused: acknowledged means counted."""
    names = await neighbours(world, 30)
    if mode == "SEPARATED":
        poll, questions = await survey(world)
    else:
        roll = await make_roll(world, *(Entry(voters=(name,)) for name in names))
        poll, questions = await opened(world, roll, "SERVICE_PROVIDER")
    await world.settle()
    ends = await world.kernel.database.value(
        "SELECT closes_at FROM voting_poll WHERE matter_id = ?", (int(poll.rpartition("_")[2]),)
    )

    async def one(n: int) -> bool:
        if n == 15:
            world.clock.set(casting.from_wire(ends))
        if mode == "SEPARATED":
            answer = await vote(world, poll, questions, n % 3, as_=names[n])
        else:
            answer = await cast(world, poll, {questions[0]: "FOR"}, as_=names[n])
        return "receipt" in answer

    kept = await asyncio.gather(*(one(n) for n in range(30)))
    await world.settle()
    await _nothing_after_the_close(world, poll)
    table = "voting_tick WHERE has_voted" if mode == "SEPARATED" else "voting_ballot"
    assert await world.kernel.database.value(f"SELECT COUNT(*) FROM {table}") == sum(kept)
