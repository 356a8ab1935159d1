"""The story of a vote: from the announcement to a certificate that a stranger can recompute, and what may not happen."""

from __future__ import annotations

import asyncio
import hashlib
import json
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from core.clock import from_wire, to_wire
from plugins.register.demo import fill as fill_register
from plugins.voting.demo import fill
from tests.acceptance.voting_world import (
    Entry,
    Roll,
    announce,
    cast,
    close,
    draft,
    make_roll,
    opened,
    opening,
    owner,
    show,
)
from tests.conftest import ROOT, World

VERIFIER = ROOT / "verifier" / "shanzhi_verify.py"

EVERYBODY = (
    None, "district", "town", "staff", "secretary", "chair", "member", "scrutineer", "property", "captain", "resident",
    "tenant", "auditor", "sysadmin", "secadmin", "stranger", "second",
)  # fmt: skip


async def three(world: World) -> Roll:
    """Make a roll of three entries: the owner's, the second owner's, and one of nobody known."""
    await owner(world, "owner", "second")
    return await make_roll(
        world, Entry(8_952), Entry(10_000, voters=("second",), building="2栋"), Entry(9_000, voters=())
    )


async def test_the_whole_story(world: World, tmp_path: Path) -> None:
    """A poll is announced, voted on, counted, shown and confirmed; a stranger recomputes its certificate offline."""
    roll = await three(world)
    poll, (motion,) = await opened(world, roll, "SERVICE_PROVIDER")
    receipt = await cast(world, poll, {motion: "FOR"})
    assert hashlib.sha256(receipt["body"].encode()).hexdigest() == receipt["receipt"]
    assert (await cast(world, poll, {motion: "FOR"}, as_="second"))["__typename"] == "BallotReceipt"
    voting = await show(world, poll, as_="owner")
    assert (voting["state"], voting["legalEffect"], voting["rollHash"]) == ("VOTING", "ADVISORY", "ab" * 32)
    assert voting["notice"]["title"] == voting["title"]
    assert voting["turnout"]["heads"] == {"numerator": "2", "denominator": "3"}
    assert voting["turnout"]["area"] == {"numerator": "18952", "denominator": "27952"}
    assert [b["building"] for b in voting["turnout"]["buildings"]] == ["1栋、2栋"], "two of one household, and one"
    await close(world, poll)
    counted = await show(world, poll, as_="owner")
    assert (counted["state"], counted["motions"]["nodes"][0]["result"]["outcome"]) == ("PRELIMINARY", "PASSED")
    assert await show(world, poll) is None, "a preliminary result is for the members"
    world.clock.advance(days=12)
    await world.settle()
    confirmed = await show(world, poll)
    assert confirmed["state"] == "CONFIRMED"
    assert receipt["receipt"] in json.loads(confirmed["certificate"]["text"])["receipts"]
    await _verify(world, poll, confirmed["certificate"], tmp_path)


async def _verify(world: World, poll: str, certificate: dict[str, str], folder: Path) -> None:
    """Run the verifier on the certificate and on the scrutineers' ballots, sound and tampered with in every part."""
    assert hashlib.sha256(certificate["text"].encode()).hexdigest() == certificate["sha256"]
    exported = await world.do(
        "exportBallots", {"id": poll, "reason": "抽查"}, "... on BallotsBundle { text }", as_="scrutineer"
    )
    assert _verdict(folder, certificate["text"]) == (0, set())
    assert _verdict(folder, certificate["text"], exported["text"]) == (0, set())
    for tamper, names in TAMPERED_CERTIFICATES:
        document = json.loads(certificate["text"])
        tamper(document)
        assert _verdict(folder, _canonical(document)) == (1, names), names
    spaced = json.dumps(json.loads(certificate["text"]), ensure_ascii=False)
    assert _verdict(folder, spaced) == (1, {"certificate-edited"})
    for tamper, names in TAMPERED_BALLOTS:
        document = json.loads(exported["text"])
        tamper(document)
        assert _verdict(folder, certificate["text"], _canonical(document)) == (1, names), names
    refused = await world.do("exportBallots", {"id": poll, "reason": "好奇"}, as_="chair")
    assert refused["code"] == "core.not_allowed"


TAMPERED_CERTIFICATES: list[tuple[Callable[[Any], Any], set[str]]] = [
    (lambda c: c["receipts"].reverse(), {"receipts-altered"}),
    (lambda c: c["receipts"].append("f" * 64), {"receipts-altered"}),
    (lambda c: c.update(receipts_hash="0" * 64), {"receipts-altered"}),
    (lambda c: c.update(notice=None), {"notice-too-late"}),
    (lambda c: c["notice"].update(posted_at=c["opens_at"]), {"notice-too-late"}),
    (lambda c: c["roll"].update(area=1), {"verdict-wrong"}),
    (lambda c: c["motions"][0]["verdict"].update(outcome="NOT_PASSED"), {"verdict-wrong"}),
    (lambda c: c["motions"][0]["verdict"]["strict"].update(outcome="QUORUM_NOT_MET"), {"verdict-wrong"}),
    (lambda c: c["motions"][0]["verdict"]["strict"]["legs"][0].update(met=False), {"verdict-wrong"}),
]
TAMPERED_BALLOTS: list[tuple[Callable[[Any], Any], set[str]]] = [
    (lambda b: b.update(poll="1"), {"ballots-of-another-poll", "ballot-altered"}),
    (lambda b: b["returned"][0].update(marks="A"), {"ballot-altered", "count-altered"}),
    (lambda b: b["returned"].pop(), {"ballot-dropped", "count-altered"}),
    (lambda b: b["returned"].append({**b["returned"][0], "receipt": "0" * 64}), {"ballot-inserted", "ballot-altered"}),
    (lambda b: b["returned"][0].update(at="2030-01-01T00:00:00+08:00"), {"ballot-altered", "late-ballot"}),
    (lambda b: b["counted"].append(b["counted"][0]), {"counted-twice", "sums-wrong"}),
    (lambda b: b["counted"][0].update(choices="A"), {"count-altered", "sums-wrong"}),
    (lambda b: b["counted"].pop(), {"sums-wrong"}),
]


def _canonical(document: Any) -> str:
    return json.dumps(document, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def _verdict(folder: Path, certificate: str, ballots: str | None = None) -> tuple[int, set[str]]:
    """Run the verifier as a stranger would; returns its exit code and the names of what is wrong."""
    (folder / "c.json").write_text(certificate, "utf-8")
    (folder / "b.json").write_text(ballots or "", "utf-8")
    more = ["--ballots", str(folder / "b.json")] if ballots else []
    ran = subprocess.run(
        [sys.executable, "-I", str(VERIFIER), "certificate", str(folder / "c.json"), *more],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert hashlib.sha256(certificate.encode()).hexdigest() in ran.stdout, ran.stdout + ran.stderr
    bad = {line.removeprefix("BAD ").partition(":")[0] for line in ran.stdout.splitlines() if line.startswith("BAD ")}
    return ran.returncode, bad


async def test_nobody_sees_a_choice_before_the_close(world: World) -> None:
    """Before the close no role gets a choice, a result or a ballot: not from the poll, the feed, the trace or a slip."""
    roll = await three(world)
    poll, (motion,) = await opened(world, roll, "SERVICE_PROVIDER")
    assert (await cast(world, poll, {motion: "AGAINST"}))["__typename"] == "BallotReceipt"
    own = await show(world, poll, as_="owner")
    assert own["myBallots"][0]["receipt"]["choices"] == [{"motion": motion, "choice": "AGAINST"}]
    for role in EVERYBODY:
        seen = await show(world, poll, as_=role)
        if seen is not None:
            assert "AGAINST" not in json.dumps(seen), role
            assert seen["certificate"] is None
            assert seen["motions"]["nodes"][0]["result"] is None
    leaves = await world.kernel.database.fetch("SELECT body FROM core_trace_leaf")
    events = await world.kernel.database.fetch("SELECT type, payload FROM core_event")
    assert not any(word in row["body"] for row in leaves for word in ("AGAINST", '"A"', "marks", "nonce"))
    assert any(row["type"] == "voting.ballot_cast" for row in events)
    assert not any("AGAINST" in row["payload"] or "marks" in row["payload"] for row in events)
    refused = await world.do("exportBallots", {"id": poll, "reason": "抽查"}, as_="scrutineer")
    assert refused["code"] == "core.wrong_state"


async def test_only_voters_of_the_roll_vote(world: World) -> None:
    """Residents who own nothing, strangers and staff are refused, in the language they ask in."""
    roll = await three(world)
    poll, (motion,) = await opened(world, roll, "SERVICE_PROVIDER")
    refused = await cast(world, poll, {motion: "FOR"}, as_="resident")
    assert (refused["code"], refused["message"][:2]) == ("voting.not_a_voter", "您不")
    english = await cast(world, poll, {motion: "FOR"}, as_="resident", language="en")
    assert english["message"].startswith("You are not on the voter roll")
    assert (await cast(world, poll, {motion: "FOR"}, as_="stranger"))["code"] == "core.not_found"
    assert (await cast(world, poll, {motion: "FOR"}, as_="chair"))["code"] == "core.not_allowed"
    assert (await cast(world, poll, {motion: "FOR"}, entry=roll.entry(2)))["code"] == "voting.not_a_voter"
    other, (strange,) = await draft(world, roll, "BYLAWS")
    assert other != poll
    assert (await cast(world, poll, {strange: "FOR"}))["code"] == "voting.strange_motion"


async def test_no_ballot_is_taken_at_the_close_or_later(world: World) -> None:
    """The clock closes the poll even when nothing else has run; an instant before, ballots are still taken."""
    roll = await three(world)
    poll, (motion,) = await opened(world, roll, "SERVICE_PROVIDER")
    end = end_of(await show(world, poll, as_="owner"))
    world.clock.set(end - timedelta(milliseconds=1))
    assert (await cast(world, poll, {motion: "FOR"}))["__typename"] == "BallotReceipt"
    world.clock.set(end)
    assert (await cast(world, poll, {motion: "AGAINST"}))["code"] == "core.wrong_state"
    assert (await show(world, poll, as_="owner"))["state"] == "CLOSED"


def end_of(poll: Any) -> datetime:
    """Return the end of a poll as an instant."""
    return from_wire(poll["closesAt"])


async def test_a_change_counts_once_and_last(world: World) -> None:
    """A changed ballot leaves one row, counts once in the turnout, and the last choice decides; all are kept."""
    roll = await three(world)
    poll, (motion,) = await opened(world, roll, "SERVICE_PROVIDER")
    first = await cast(world, poll, {motion: "FOR"})
    last = await cast(world, poll, {motion: "AGAINST"})
    assert first["receipt"] != last["receipt"]
    await cast(world, poll, {motion: "FOR"}, as_="second")
    assert (await show(world, poll, as_="owner"))["turnout"]["heads"]["numerator"] == "2"
    await close(world, poll)
    shown = await show(world, poll, as_="owner")
    strict = shown["motions"]["nodes"][0]["result"]["verdict"]["strict"]
    assert (strict["inFavour"]["heads"], strict["against"]["heads"]) == (1, 1)
    assert len(json.loads(shown["certificate"]["text"])["receipts"]) == 3


async def test_a_storm_of_casts_leaves_one_ballot(world: World) -> None:
    """Four hundred casts for one entry at once leave one counted ballot and one head in the turnout."""
    roll = await three(world)
    poll, (motion,) = await opened(world, roll, "SERVICE_PROVIDER")
    token = await world.token("owner")
    document = "mutation($i: CastBallotInput!) { castBallot(input: $i) { __typename ... on UserError { code } } }"

    async def once(choice: str) -> str:
        variables = {"i": {"id": poll, "choices": [{"motion": motion, "choice": choice}]}}
        answer = await world.client.post(
            "/graphql", json={"query": document, "variables": variables}, headers={"Authorization": f"Bearer {token}"}
        )
        return str(answer.status_code)

    await asyncio.gather(*(once("FOR" if n % 2 else "AGAINST") for n in range(400)))
    rows = await world.kernel.database.fetch("SELECT entry_id FROM voting_ballot")
    assert len(rows) == 1
    assert (await show(world, poll, as_="owner"))["turnout"]["heads"]["numerator"] == "1"


async def test_a_vote_is_announced_fifteen_days_before(world: World) -> None:
    """A joint decision that opens sooner than the law's notice period is refused, with the earliest day."""
    roll = await three(world)
    poll, _ = await draft(world, roll, "SERVICE_PROVIDER", opensAt=to_wire(world.clock.now() + timedelta(days=10)))
    found = await world.do("announcePoll", {"id": poll}, as_="chair", language="en")
    assert found["code"] == "voting.too_soon"
    assert "2026-03-18" in found["message"]


async def test_what_an_announcement_needs(world: World) -> None:
    """Without motions, without a confirmed roll, or with an unlawful window there is no announcement."""
    await owner(world, "owner")
    open_roll = await make_roll(world, Entry(), state="PUBLISHED")
    empty, _ = await draft(world, open_roll)
    assert (await world.do("announcePoll", {"id": empty}, as_="chair"))["code"] == "voting.no_motions"
    poll, _ = await draft(world, open_roll, "BYLAWS")
    assert (await world.do("announcePoll", {"id": poll}, as_="chair"))["code"] == "voting.roll_not_final"
    short = to_wire(opening(world) + timedelta(days=4))
    found = await world.do("announcePoll", {"id": poll, "closesAt": short}, as_="chair")
    assert found["code"] == "voting.bad_window"
    assert (await world.do("announcePoll", {"id": poll}, as_="resident"))["code"] == "core.not_found"


async def test_one_extension_keeps_the_ballots(world: World) -> None:
    """The end moves once, by at most 21 days, before it is reached; ballots stay and the new end closes the poll."""
    roll = await three(world)
    poll, (motion,) = await opened(world, roll, "SERVICE_PROVIDER")
    await cast(world, poll, {motion: "FOR"})
    end = end_of(await show(world, poll, as_="owner"))
    too_far = {"id": poll, "closesAt": to_wire(end + timedelta(days=22)), "reason": "票不足"}
    assert (await world.do("extendPoll", too_far, as_="chair"))["code"] == "voting.bad_extension"
    moved = {"id": poll, "closesAt": to_wire(end + timedelta(days=21)), "reason": "票不足"}
    assert (await world.do("extendPoll", moved, as_="chair"))["__typename"] == "Poll"
    again = {"id": poll, "closesAt": to_wire(end + timedelta(days=30)), "reason": "再延"}
    assert (await world.do("extendPoll", again, as_="chair"))["code"] == "voting.extended_before"
    world.clock.set(end)
    await world.settle()
    assert (await show(world, poll, as_="owner"))["state"] == "VOTING"
    assert (await cast(world, poll, {motion: "FOR"}, as_="second"))["__typename"] == "BallotReceipt"
    await close(world, poll)
    shown = await show(world, poll, as_="owner")
    assert (shown["state"], shown["motions"]["nodes"][0]["result"]["outcome"]) == ("PRELIMINARY", "PASSED")


async def _slip(world: World, poll: str, number: int) -> dict[str, Any]:
    query = "query($id: ID!) { poll(id: $id) { slips { nodes { number code state } } } }"
    found = (await world.gql(query, {"id": poll}, as_="scrutineer")).data["poll"]["slips"]["nodes"]
    return next(slip for slip in found if slip["number"] == number)


async def _enter(
    world: World,
    poll: str,
    motion: str,
    number: int,
    marks: list[str],
    *,
    as_: str,
    verb: str = "enterSlip",
    **more: Any,
) -> Any:
    code = (await _slip(world, poll, number))["code"]
    entry = {
        "id": poll,
        "number": number,
        "code": code,
        "marks": [{"motion": motion, "marks": marks}],
        "isSigned": True,
    }
    return await world.do(verb, {**entry, **more}, "... on PaperSlip { state }", as_=as_)


async def test_paper_is_entered_by_two_and_counted_with_the_rest(world: World) -> None:
    """A slip counts once two different people entered the same; a difference goes to the scrutineers."""
    roll = await three(world)
    poll, (motion,) = await opened(world, roll, "SERVICE_PROVIDER")
    await world.do("issueSlips", {"id": poll}, as_="staff")
    wrong = await _enter(world, poll, motion, 3, ["FOR"], as_="staff", code="AAAAAAAA")
    assert wrong["code"] == "voting.wrong_code"
    assert (await _enter(world, poll, motion, 3, ["FOR"], as_="staff"))["state"] == "ENTERED"
    same = await _enter(world, poll, motion, 3, ["FOR"], as_="staff", verb="confirmSlip")
    assert same["code"] == "voting.same_person"
    differs = await _enter(world, poll, motion, 3, ["AGAINST"], as_="scrutineer", verb="confirmSlip")
    assert differs["state"] == "CONFLICT"
    assert (await show(world, poll, as_="owner"))["turnout"]["heads"]["numerator"] == "0"
    assert (await _enter(world, poll, motion, 3, ["FOR"], as_="staff"))["code"] == "core.not_allowed"
    assert (await _enter(world, poll, motion, 3, ["FOR"], as_="scrutineer"))["state"] == "ENTERED"
    assert (await _enter(world, poll, motion, 3, ["FOR"], as_="staff", verb="confirmSlip"))["state"] == "CONFIRMED"
    assert (await show(world, poll, as_="owner"))["turnout"]["heads"]["numerator"] == "1"


@pytest.mark.parametrize(
    ("marks", "is_signed", "takes_part", "choice"),
    [([], True, 1, "abstaining"), (["FOR", "AGAINST"], True, 0, None), (["FOR"], False, 0, None)],
)
async def test_blank_double_and_unsigned_slips(
    world: World, marks: list[str], is_signed: bool, takes_part: int, choice: str | None
) -> None:
    """A blank slip abstains; two marks or no signature take no part."""
    roll = await three(world)
    poll, (motion,) = await opened(world, roll, "SERVICE_PROVIDER")
    await world.do("issueSlips", {"id": poll}, as_="staff")
    await _enter(world, poll, motion, 3, marks, as_="staff", isSigned=is_signed)
    await _enter(world, poll, motion, 3, marks, as_="scrutineer", verb="confirmSlip", isSigned=is_signed)
    await close(world, poll)
    shown = await show(world, poll, as_="owner")
    strict = shown["motions"]["nodes"][0]["result"]["verdict"]["strict"]
    assert shown["turnout"]["heads"]["numerator"] == str(takes_part)
    assert strict["abstaining"]["heads"] == (1 if choice else 0)


async def test_paper_first_then_online_is_a_duplicate(world: World) -> None:
    """Of two channels the first wins, and the voter may withdraw it in person and vote anew."""
    roll = await three(world)
    poll, (motion,) = await opened(world, roll, "SERVICE_PROVIDER")
    await world.do("issueSlips", {"id": poll}, as_="staff")
    await _enter(world, poll, motion, 1, ["AGAINST"], as_="staff")
    await _enter(world, poll, motion, 1, ["AGAINST"], as_="scrutineer", verb="confirmSlip")
    world.clock.advance(minutes=1)
    await cast(world, poll, {motion: "FOR"})
    await _enter(world, poll, motion, 2, ["AGAINST"], as_="staff")
    await _enter(world, poll, motion, 2, ["AGAINST"], as_="scrutineer", verb="confirmSlip")
    withdrawn = await world.do("withdrawBallot", {"id": poll, "number": 2, "reason": "本人要求"}, as_="staff")
    assert withdrawn["__typename"] == "Poll"
    assert (await show(world, poll, as_="owner"))["turnout"]["heads"]["numerator"] == "1"
    await cast(world, poll, {motion: "FOR"}, as_="second")
    await close(world, poll)
    strict = (await show(world, poll, as_="owner"))["motions"]["nodes"][0]["result"]["verdict"]["strict"]
    assert (strict["inFavour"]["area"], strict["against"]["area"]) == ("100.00", "89.52")


async def test_the_count_waits_for_slips_entered_in_time(world: World) -> None:
    """A slip entered before the close may be confirmed after it; none may be entered then, and the count follows."""
    roll = await three(world)
    poll, (motion,) = await opened(world, roll, "SERVICE_PROVIDER")
    await world.do("issueSlips", {"id": poll}, as_="staff")
    await _enter(world, poll, motion, 3, ["FOR"], as_="staff")
    await close(world, poll)
    assert (await show(world, poll, as_="owner"))["state"] == "CLOSED"
    assert (await _enter(world, poll, motion, 1, ["FOR"], as_="staff"))["code"] == "core.wrong_state"
    assert (await _enter(world, poll, motion, 3, ["FOR"], as_="scrutineer", verb="confirmSlip"))["state"] == "CONFIRMED"
    world.clock.advance(minutes=1)  # the lease of the follow-up work before has run out
    await world.settle()
    shown = await show(world, poll, as_="owner")
    assert shown["state"] == "PRELIMINARY"
    assert shown["motions"]["nodes"][0]["result"]["verdict"]["strict"]["inFavour"]["heads"] == 1


async def test_co_owners_who_differ_have_no_vote(world: World) -> None:
    """Co-owners who choose differently are told so and take no part; a designated one's ballot counts at the count."""
    await owner(world, "owner", "second")
    roll = await make_roll(world, Entry(voters=("owner", "second")))
    poll, (motion,) = await opened(world, roll, "SERVICE_PROVIDER")
    await cast(world, poll, {motion: "FOR"})
    await cast(world, poll, {motion: "AGAINST"}, as_="second")
    shown = await show(world, poll, as_="owner")
    assert (shown["myBallots"][0]["state"], shown["turnout"]["heads"]["numerator"]) == ("CONFLICTED", "0")
    assert shown["myBallots"][0]["receipt"]["choices"][0]["choice"] == "FOR"
    await world.kernel.database.run(lambda tx: tx.execute(
        "UPDATE register_roll_voter SET may_vote = ? WHERE owner_id = ?", (False, roll.owners[0][1])
    ))  # fmt: skip
    refused = await cast(world, poll, {motion: "AGAINST"}, as_="second")
    assert refused["code"] == "voting.not_the_representative"
    await close(world, poll)
    result = (await show(world, poll, as_="owner"))["motions"]["nodes"][0]["result"]
    assert (result["outcome"], result["verdict"]["strict"]["inFavour"]["heads"]) == ("PASSED", 1)


async def test_whoever_was_not_designated_is_not_counted(world: World) -> None:
    """A co-owner's ballot counts until the co-owners designate another one; from then on only that one's does."""
    await owner(world, "owner", "second", "third")
    roll = await make_roll(world, Entry(voters=("owner", "second")), Entry(voters=("third",)))
    poll, (motion,) = await opened(world, roll, "SERVICE_PROVIDER")
    await cast(world, poll, {motion: "FOR"}, as_="second")
    await cast(world, poll, {motion: "FOR"}, as_="third")
    assert (await show(world, poll, as_="owner"))["turnout"]["heads"]["numerator"] == "2"
    await world.kernel.database.run(lambda tx: tx.execute(
        "UPDATE register_roll_voter SET may_vote = ? WHERE owner_id = ?", (False, roll.owners[0][1])
    ))  # fmt: skip
    await close(world, poll)
    shown = await show(world, poll, as_="owner")
    assert shown["turnout"]["heads"]["numerator"] == "1"
    assert shown["motions"]["nodes"][0]["result"]["verdict"]["strict"]["inFavour"]["heads"] == 1


async def test_proxies(world: World) -> None:
    """A proxy votes as told, for three owners at most; staff of the property company cannot; a used one stays."""
    names = ("owner", "second", "third", "fourth")
    await owner(world, *names)
    roll = await make_roll(world, *(Entry(voters=(name,)) for name in names))
    poll, (motion,) = await opened(world, roll, "SERVICE_PROVIDER")
    barred = await _authorise(world, poll, "owner", "property")
    assert barred["code"] == "voting.proxy_barred"
    assert "物业" in barred["message"]
    given = await _authorise(world, poll, "owner", "resident", choices=[{"motion": motion, "choice": "FOR"}])
    assert given["__typename"] == "Proxy", given
    assert (await cast(world, poll, {motion: "AGAINST"}, as_="resident"))["code"] == "voting.proxy_barred"
    assert (await cast(world, poll, {motion: "FOR"}, as_="resident"))["__typename"] == "BallotReceipt"
    used = await world.do("revokeProxy", {"id": poll, "proxy": given["id"]}, as_="owner")
    assert used["code"] == "voting.proxy_used"
    second = await _authorise(world, poll, "second", "resident")
    assert (await _authorise(world, poll, "third", "resident"))["__typename"] == "Proxy"
    assert (await _authorise(world, poll, "fourth", "resident"))["code"] == "voting.proxy_barred"
    assert (await world.do("revokeProxy", {"id": poll, "proxy": second["id"]}, as_="second"))["__typename"] == "Proxy"
    assert (await _authorise(world, poll, "fourth", "resident"))["__typename"] == "Proxy"
    gone = await cast(world, poll, {motion: "FOR"}, as_="resident", entry=roll.entry(2))
    assert gone["code"] == "voting.not_a_voter"


async def _authorise(world: World, poll: str, principal: str, proxy: str, **more: Any) -> Any:
    given = {"id": poll, "proxy": f"Person_{world.demo.people[proxy]}", "scope": "本次全部事项", **more}
    return await world.do("authoriseProxy", given, "... on Proxy { id }", as_=principal)


async def test_objections_hold_the_result(world: World) -> None:
    """A result is not confirmed while an objection is open; a rejected one lets it, an upheld one leads to a recount."""
    roll = await three(world)
    poll, (motion,) = await opened(world, roll, "SERVICE_PROVIDER")
    await cast(world, poll, {motion: "FOR"})
    await close(world, poll)
    made = await world.do(
        "objectToResult", {"id": poll, "text": "票数有误"}, "... on ResultObjection { id }", as_="owner"
    )
    other = await world.do(
        "objectToResult", {"id": poll, "text": "面积有误"}, "... on ResultObjection { id }", as_="second"
    )
    world.clock.advance(days=30)
    await world.settle()
    assert (await show(world, poll, as_="owner"))["state"] == "PRELIMINARY"
    late = await world.do("objectToResult", {"id": poll, "text": "再次"}, as_="owner")
    assert late["code"] == "voting.window_over"
    answer = {"id": poll, "objection": made["id"], "upheld": False, "answer": "已复核，无误。"}
    assert (await world.do("answerResultObjection", answer, as_="chair"))["__typename"] == "ResultObjection"
    assert (await show(world, poll, as_="owner"))["state"] == "PRELIMINARY"
    answer = {"id": poll, "objection": other["id"], "upheld": True, "answer": "重新计票。"}
    assert (await world.do("answerResultObjection", answer, as_="chair"))["code"] == "voting.remedy_needed"
    found = await world.do("answerResultObjection", {**answer, "remedy": "RECOUNT"}, as_="chair")
    assert found["__typename"] == "ResultObjection", found
    again = await show(world, poll, as_="owner")
    assert (again["state"], again["round"], again["motions"]["nodes"][0]["result"]["round"]) == ("PRELIMINARY", 2, 2)
    world.clock.advance(days=12)
    assert (await show(world, poll))["state"] == "CONFIRMED"


async def test_void_and_withdrawn(world: World) -> None:
    """A poll is taken back before it opens, or declared void with its legal reason; figures stay for the record."""
    roll = await three(world)
    first, _ = await draft(world, roll, "BYLAWS")
    await announce(world, first)
    assert (await world.do("withdrawPoll", {"id": first, "reason": "重拟方案"}, as_="chair"))["__typename"] == "Poll"
    assert (await show(world, first, as_="resident"))["endReason"] == "重拟方案"
    poll, (motion,) = await opened(world, roll, "SERVICE_PROVIDER")
    assert (await world.do("withdrawPoll", {"id": poll, "reason": "x"}, as_="chair"))["code"] == "core.wrong_state"
    await cast(world, poll, {motion: "FOR"})
    await close(world, poll)
    void = {"id": poll, "reason": "未告知居民委员会", "legalBasis": "物业管理条例14"}
    assert (await world.do("voidPoll", void, as_="owner"))["code"] == "core.not_allowed"
    assert (await world.do("voidPoll", void, as_="staff"))["__typename"] == "Poll"
    shown = await show(world, poll, as_="owner")
    assert (shown["state"], shown["motions"]["nodes"][0]["result"]["outcome"]) == ("VOID", "VOID")


async def test_nothing_a_vote_rests_on_is_switched_off(world: World) -> None:
    """While a poll is under way, voting cannot be switched off, neither there nor above; afterwards it can."""
    roll = await three(world)
    poll, _ = await draft(world, roll, "SERVICE_PROVIDER")
    await announce(world, poll)
    for place in ("compound", "community"):
        off = {"community": world.demo.places[place].code, "plugin": "voting", "reason": "停用"}
        assert (await world.do("disablePlugin", off, as_="staff"))["code"] == "voting.poll_open"
    await world.do("withdrawPoll", {"id": poll, "reason": "重拟"}, as_="chair")
    off = {"community": world.demo.places["compound"].code, "reason": "停用"}
    for plugin in ("elections", "voting"):
        assert (await world.do("disablePlugin", {**off, "plugin": plugin}, as_="staff"))["__typename"] == "Community"


async def test_drafts_are_for_drafters(world: World) -> None:
    """Nobody but those who may draft sees a draft; members see it once it is announced, strangers never."""
    roll = await three(world)
    poll, _ = await draft(world, roll, "SERVICE_PROVIDER")
    assert await show(world, poll, as_="staff") is not None
    for role in (None, "owner", "resident", "member", "property", "stranger"):
        assert await show(world, poll, as_=role) is None, role
    await announce(world, poll)
    for role in ("owner", "resident", "tenant", "member", "property", "town"):
        assert await show(world, poll, as_=role) is not None, role
    for role in (None, "stranger", "village"):
        assert await show(world, poll, as_=role) is None, role


async def test_a_survey_counts_heads_and_hides_few(world: World) -> None:
    """Everybody answers once and may change it; figures with fewer than ten behind them are withheld."""
    poll, _ = await draft(world, None, kind="SURVEY", mode="OPEN", opensAt=to_wire(world.clock.now()))
    asked = {"id": poll, "title": "晾晒区建在哪里？", "options": ["东门", "西门"]}
    assert (await world.do("addMotion", asked, as_="chair"))["__typename"] == "Poll"
    await announce(world, poll)
    shown = await show(world, poll, as_="tenant")
    (motion,) = [node["id"] for node in shown["motions"]["nodes"]]
    for person, option in (("tenant", 0), ("resident", 1), ("resident", 0)):
        answer = {"id": poll, "answers": [{"motion": motion, "options": [option]}]}
        assert (await world.do("answerSurvey", answer, as_=person))["__typename"] == "Poll"
    bad = {"id": poll, "answers": [{"motion": motion, "options": [2]}]}
    assert (await world.do("answerSurvey", bad, as_="tenant"))["code"] == "voting.bad_options"
    assert (await world.do("answerSurvey", bad, as_="stranger"))["code"] == "core.not_found"
    await close(world, poll)
    survey = (await show(world, poll))["motions"]["nodes"][0]["result"]["survey"]
    assert survey["total"] == {"heads": None, "options": None}
    rows = await world.kernel.database.fetch("SELECT options FROM voting_answer")
    assert sorted(row["options"] for row in rows) == ["[[0]]", "[[0]]"]


async def test_only_part_matters_go_to_part_of_the_compound(world: World) -> None:
    """A building decides alone only what it alone shares, and says why."""
    await owner(world, "owner")
    roll = await make_roll(world, Entry(), scope="building")
    poll, _ = await draft(world, roll, "SERVICE_PROVIDER", scopeJustification="仅本栋共有")
    assert (await world.do("announcePoll", {"id": poll}, as_="chair"))["code"] == "voting.not_sub_area"
    bare, _ = await draft(world, roll, "MAINTENANCE_FUND_USE")
    assert (await world.do("announcePoll", {"id": bare}, as_="chair"))["code"] == "voting.justification_needed"
    lawful, _ = await draft(world, roll, "MAINTENANCE_FUND_USE", scopeJustification="仅本栋电梯")
    assert (await announce(world, lawful))["state"] == "ANNOUNCED"


async def test_the_demo(world: World) -> None:
    """The demo world has an open survey and a joint decision that was announced with a roll of the day."""
    await fill_register(world.demo)
    await fill(world.demo)
    query = "query($c: ID!) { community(code: $c) { polls { nodes { pollKind state heads } } } }"
    code = world.demo.places["compound"].code
    answer = await world.gql(query, {"c": code}, as_="resident")
    polls = answer.data["community"]["polls"]["nodes"]
    assert [(p["pollKind"], p["state"]) for p in polls] == [
        ("SURVEY", "VOTING"), ("STATUTORY", "ANNOUNCED"), ("SURVEY", "VOTING"),
    ]  # fmt: skip
    assert polls[1]["heads"] > 20
