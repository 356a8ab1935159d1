"""The story of an owners' committee by HTTP: applied for, elected, tied and drawn, filed, at work, recalled, handed over."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from typing import Any

from core.clock import to_wire
from plugins.elections.demo import fill as fill_elections
from plugins.register import owners
from plugins.register.demo import fill as fill_register
from tests.acceptance.voting_world import Entry, announce, cast, close, make_roll, opening, show
from tests.conftest import World

SHOWN = """query($id: ID!) { election(id: $id) { id state needsLot certificateHash lotSeed termBegins termEnds filingReceipt refusalBasis
  signatures poll { id } candidates(first: 20) { nodes { id state place yesHeads hasPassed citation person { id name } } }
  committee(first: 20) { nodes { id office place endedAt endGround person { id } } }
  handover { nodes { id name receivedAt } } sealUses { nodes { id approvedAt signatures } } } }"""
SIX = ("cand1", "cand2", "cand3", "cand4", "cand5", "cand6")
CITE = "物业管理条例第16条"


def code(world: World, at: int = 0) -> str:
    """Return the code of a compound."""
    return world.demo.compounds[at].code


async def do(world: World, mutation: str, as_: str, fields: str = "", **given: Any) -> Any:
    """Do one deed; returns the member of its result union."""
    return await world.do(mutation, given, f"... on Node {{ id }} {fields}", as_=as_)


async def step(world: World, mutation: str, election: str, as_: str, **given: Any) -> Any:
    """Take a step with an election; returns its state, or the code of the refusal."""
    found = await world.do(mutation, {"id": election, **given}, "... on Election { state }", as_=as_)
    return found.get("state") or found.get("code") or found["__typename"]


async def look(world: World, election: str, as_: str = "staff") -> Any:
    """Return what somebody sees of an election."""
    return (await world.gql(SHOWN, {"id": election}, as_=as_)).data["election"]


def person(world: World, key: str) -> str:
    """Return the global id of one of the cast."""
    return f"Person_{world.demo.people[key]}"


async def recorded(world: World, **more: Any) -> str:
    """Record a committee in office: the demo's chair and member, and three owners, its term ending on 1 June."""
    found = await do(
        world, "recordCommittee", "town", community=code(world), title="第一届业委会", chair=person(world, "chair"),
        members=[person(world, key) for key in ("chair", "member", "cand1", "cand2", "cand3")],
        termBegins="2021-06-01", termEnds="2026-06-01",
        filingReceipt="备〔2021〕1号", **more,
    )  # fmt: skip
    assert found["__typename"] == "Election", found
    return str(found["id"])


async def cast_of_six(world: World) -> None:
    """Add six owners with logins to the first compound."""
    for key in SIX:
        await world.person(key, "owner", world.demo.places["stairwell"])


async def events(world: World, kind: str) -> int:
    """Count the events of a type."""
    return int(await world.kernel.database.value("SELECT COUNT(*) FROM core_event WHERE type = ?", (kind,)))


async def standing_for_election(world: World) -> str:
    """Bring a re-election to the review of its six candidates, refused on the way whatever the law refuses."""
    made = await do(
        world,
        "applyElection",
        "staff",
        community=code(world),
        title="换届选举",
        reason="任期将届满",
        kind="REELECTION",
        seats=5,
    )
    election = str(made["id"])
    even = await world.do(
        "applyElection",
        {"community": code(world), "title": "x", "reason": "x", "kind": "REELECTION", "seats": 6},
        as_="staff",
    )
    assert even["code"] == "elections.wrong_size"
    assert (
        await step(world, "refuseElection", election, "town", reason="材料不齐", citation="不符合要求")
        == "elections.uncited"
    )
    assert await step(world, "acceptElection", election, "cand1") == "core.not_allowed"
    assert await step(world, "acceptElection", election, "staff") == "GROUP_FORMING"
    await step(
        world,
        "addGroupMember",
        election,
        "staff",
        person=person(world, "staff"),
        standing="RESIDENTS_COMMITTEE",
        isLeader=True,
    )
    assert await step(world, "publishGroup", election, "staff") == "elections.group_wrong", "owners are half at least"
    for key in ("cand1", "cand2"):
        await step(world, "addGroupMember", election, "staff", person=person(world, key), standing="OWNER")
    assert await step(world, "publishGroup", election, "staff") == "GROUP_PUBLISHED"
    roll = await make_roll(world, *(Entry(10_000, voters=(key,)) for key in SIX))
    assert await step(world, "settleRoll", election, "staff", roll=f"VoterRoll_{roll.id}") == "elections.still_shown"
    world.clock.advance(days=9)
    assert await step(world, "settleRoll", election, "staff", roll=f"VoterRoll_{roll.id}") == "ROLL_CONFIRMED"
    assert await step(world, "openCandidates", election, "staff") == "CANDIDATES_OPEN"
    assert await step(world, "standForElection", election, "cand1", undertakes=False) == "elections.undertaking_needed"
    for key in SIX[:5]:
        assert (
            await step(world, "standForElection", election, key, undertakes=True, statement=f"{key} 愿意服务")
            == "CANDIDATES_OPEN"
        )
    await step(
        world, "nominateCandidate", election, "staff", person=person(world, "cand6"), nominatedBy="RESIDENTS_COMMITTEE"
    )
    assert await step(world, "acceptNomination", election, "cand6", undertakes=True) == "CANDIDATES_OPEN"
    world.clock.advance(days=9)
    assert (await look(world, election))["state"] == "REVIEW"
    return election


async def reviewed(world: World, election: str) -> None:
    """Review the candidates: nobody is refused but on a cited ground that is true, after being heard; one appeals and is right."""
    found = {one["person"]["id"]: one["id"] for one in (await look(world, election))["candidates"]["nodes"]}
    last = found[person(world, "cand6")]

    async def refuse(**given: Any) -> Any:
        told = {"candidate": last, "citation": CITE, "finding": "经核实属实", "ground": "PROVIDER_TIES", **given}
        return await step(world, "refuseCandidate", election, "staff", **told)

    assert await refuse(citation="群众有意见") == "elections.uncited"
    assert await refuse(ground="NOT_OWNER") == "elections.is_owner"
    assert await refuse(ground="UNPAID_FEES") == "elections.ground_not_here"
    assert await refuse(ground="NO_UNDERTAKING") == "elections.gave_undertaking"
    assert await refuse(finding="欠物业费 300 元") == "elections.tells_amount"
    assert await refuse() == "elections.not_heard"
    await step(
        world,
        "askCandidate",
        election,
        "staff",
        candidate=last,
        ground="PROVIDER_TIES",
        question="您或近亲属是否在物业公司任职？",
    )
    await step(world, "answerReview", election, "cand6", answer="没有。")
    assert await refuse() == "REVIEW"
    assert await step(world, "publishCandidates", election, "staff") == "elections.not_reviewed"
    for key in SIX[:5]:
        await step(world, "approveCandidate", election, "staff", candidate=found[person(world, key)])
    await step(world, "appealRefusal", election, "cand6", text="认错人了。")
    decided = {"candidate": last, "upheld": True, "answer": "查无此事", "citation": CITE}
    assert await step(world, "decideAppeal", election, "staff", **decided) == "core.not_allowed"
    assert await step(world, "decideAppeal", election, "town", **decided) == "REVIEW"
    hidden = await look(world, election, "tenant")
    assert hidden["candidates"]["nodes"] == [], "before the list is published it is nobody else's to see"
    assert await step(world, "publishCandidates", election, "staff") == "CANDIDATES_PUBLISHED"
    assert {one["citation"] for one in (await look(world, election, "tenant"))["candidates"]["nodes"]} == {""}


async def elected(world: World) -> tuple[str, str]:
    """Hold a re-election in which all six get the same: a public lot decides who is the alternate."""
    before = await recorded(world)
    election = await standing_for_election(world)
    await reviewed(world, election)
    soon = world.clock.now() + timedelta(days=3)
    window = {"opensAt": to_wire(soon), "closesAt": to_wire(soon + timedelta(days=10))}
    assert await step(world, "prepareBallot", election, "staff", **window) == "elections.too_early"
    window = {"opensAt": to_wire(opening(world)), "closesAt": to_wire(opening(world) + timedelta(days=10))}
    assert await step(world, "prepareBallot", election, "staff", **window) == "CANDIDATES_PUBLISHED"
    poll = (await look(world, election))["poll"]["id"]
    added = await world.do("addMotion", {"id": poll, "title": "夹带", "matter": "BYLAWS"}, as_="chair")
    assert added["code"] == "elections.ballot_fixed"
    quick = await world.do("announcePoll", {"id": poll, "quickRoll": True}, as_="chair")
    assert quick["code"] == "elections.ballot_fixed"
    early = await world.do("announcePoll", {"id": poll, "opensAt": to_wire(soon)}, as_="chair")
    assert early["code"] == "elections.too_early"
    await announce(world, poll)
    await world.settle()
    assert (await look(world, election))["state"] == "NOTICE_15D"
    world.clock.set(opening(world))
    await world.settle()
    assert (await look(world, election))["state"] == "VOTING"
    motions = [one["id"] for one in (await show(world, poll, as_="chair"))["motions"]["nodes"]]
    assert len(motions) == 6
    for key in SIX[:5]:
        assert (await cast(world, poll, dict.fromkeys(motions, "FOR"), as_=key))["__typename"] == "BallotReceipt"
    await close(world, poll)
    assert (await look(world, election))["state"] == "PRELIM_RESULT"
    world.clock.advance(days=12)
    await world.settle()
    return before, election


async def test_the_whole_story(world: World) -> None:
    """A committee is elected by a poll, a tie by a lot that anybody can draw again; it files, works, and the old one hands over."""
    await cast_of_six(world)
    before, election = await elected(world)
    held = await look(world, election)
    assert (held["state"], held["needsLot"]) == ("OBJECTION", True)
    assert await step(world, "drawLot", election, "staff", seed="7") == "elections.no_lot_due", (
        "how it is drawn is told first"
    )
    await step(
        world,
        "announceLot",
        election,
        "staff",
        source="次日福彩3D开奖号码",
        at=to_wire(world.clock.now() + timedelta(days=1)),
    )
    assert await step(world, "drawLot", election, "staff", seed="7") == "elections.no_lot_due"
    world.clock.advance(days=1)
    assert await step(world, "drawLot", election, "staff", seed="5 2 7") == "CONFIRMED"
    found = await look(world, election)
    lots = sorted(
        (
            hashlib.sha256(f"{found['certificateHash']}|5 2 7|{one['id'].rpartition('_')[2]}".encode()).hexdigest(),
            one["place"],
        )
        for one in found["candidates"]["nodes"]
    )
    assert [place for _, place in lots] == [1, 2, 3, 4, 5, 6]
    assert (found["lotSeed"], found["termBegins"], found["termEnds"]) == ("5 2 7", "2026-06-01", "2031-06-01")
    poll = await show(world, found["poll"]["id"], as_="staff")
    assert (poll["state"], poll["certificate"]["sha256"]) == ("CONFIRMED", found["certificateHash"])
    await _files(world, election)
    await _hands_over(world, before, election)
    await _works(world, election)


async def _files(world: World, election: str) -> None:
    seats = (await look(world, election))["committee"]["nodes"]
    assert [one["office"] for one in seats] == ["MEMBER"] * 5 + ["ALTERNATE"]
    ids = [one["id"] for one in seats]
    meeting = {"chair": ids[0], "present": ids[:3], "supporters": ids[:2]}
    assert await step(world, "holdFirstMeeting", election, "staff", **meeting) == "elections.no_majority"
    assert (
        await step(world, "holdFirstMeeting", election, "staff", **{**meeting, "supporters": ids[:3]})
        == "FIRST_MEETING"
    )
    assert await step(world, "fileCommittee", election, "staff") == "FILED"
    assert await step(world, "refuseFiling", election, "town", reason="缺材料", citation="缺") == "elections.uncited"
    assert await step(world, "refuseFiling", election, "town", reason="缺材料", citation=CITE) == "FIRST_MEETING"
    assert await step(world, "fileCommittee", election, "staff") == "FILED"
    assert (
        await step(world, "acknowledgeFiling", election, "town", receipt="备〔2026〕9号", sealCertificate="印1")
        == "IN_TERM"
    )
    rows = await world.kernel.database.fetch(
        "SELECT role_id, since, until FROM core_appointment WHERE source = 'elections.seat' AND since >= '2026-06-01' ORDER BY role_id"
    )
    assert [row["role_id"] for row in rows] == ["committee_chair", *["committee_member"] * 5]
    assert {row["until"][:10] for row in rows} == {"2031-06-01"}


async def _hands_over(world: World, before: str, election: str) -> None:
    item = await do(
        world, "addHandoverItem", "chair", "... on HandoverItem { name }", id=before, name="印章", quantity="1 枚"
    )
    assert await step(world, "closeElection", before, "staff") == "core.wrong_state"
    world.clock.advance(days=40)
    await world.settle()
    assert (await look(world, before))["state"] == "HANDOVER"
    assert await events(world, "elections.term_alerted") == 1
    assert await step(world, "closeElection", before, "staff") == "elections.not_handed_over"
    world.clock.advance(days=12)
    await world.settle()
    assert await events(world, "elections.handover_overdue") == 1
    own = await do(world, "receiveHandoverItem", "chair", id=before, item=item["id"])
    assert own["code"] == "elections.seated_person", "nobody hands over to themselves"
    got = await do(world, "receiveHandoverItem", "staff", id=before, item=item["id"])
    assert got["__typename"] == "HandoverItem", got
    assert await step(world, "closeElection", before, "staff") == "CLOSED"


async def _works(world: World, election: str) -> None:
    """Meet, decide by more than half of all members, sign for the seal in person, resign; the alternate moves up."""
    keys = {person(world, key): key for key in SIX}
    seats = (await look(world, election))["committee"]["nodes"]
    order = [keys[one["person"]["id"]] for one in seats]
    at = world.clock.now() + timedelta(days=9)
    called = await do(world, "callMeeting", order[0], "... on CommitteeMeeting { agenda { nodes { id title } } }",
                      community=code(world), title="例会", startsAt=to_wire(at), agenda=["甲", "乙"])  # fmt: skip
    assert called["__typename"] == "CommitteeMeeting", called
    meeting, points = called["id"], [one["id"] for one in called["agenda"]["nodes"]]
    assert (await do(world, "openMeeting", order[0], id=meeting))["code"] == "elections.not_yet"
    world.clock.set(at)
    await do(world, "openMeeting", order[0], id=meeting)
    assert (await do(world, "attendMeeting", order[5], id=meeting))["code"] == "elections.no_seat", (
        "an alternate has no vote"
    )
    unseen = await do(world, "voteDecision", order[0], id=meeting, decision=points[0], choice="FOR")
    assert unseen["code"] == "elections.not_present"
    for place, key in enumerate(order[:3]):
        await do(world, "attendMeeting", key, id=meeting)
        await do(world, "voteDecision", key, id=meeting, decision=points[0], choice="FOR")
        await do(world, "voteDecision", key, id=meeting, decision=points[1], choice="FOR" if place < 2 else "AGAINST")
    done = await do(world, "closeMeeting", order[0], "... on CommitteeMeeting { members present agenda { nodes { state inFavour } } }",
                    id=meeting, minutes="会议记录")  # fmt: skip
    assert (done["members"], done["present"]) == (5, 3)
    assert [(one["state"], one["inFavour"]) for one in done["agenda"]["nodes"]] == [("PASSED", 3), ("NOT_PASSED", 2)]
    use = await do(world, "proposeSealUse", order[0], id=election, paper="合同", purpose="续签")
    signed = "... on SealUse { approvedAt }"
    approvals = [await do(world, "approveSealUse", key, signed, id=election, use=use["id"]) for key in order[:3]]
    assert [one["approvedAt"] is not None for one in approvals] == [False, False, True]
    assert (await do(world, "approveSealUse", order[0], id=election, use=use["id"]))[
        "code"
    ] == "elections.already_signed"
    assert await step(world, "resignSeat", election, order[4]) == "IN_TERM"
    after = {
        keys[one["person"]["id"]]: (one["office"], one["endGround"])
        for one in (await look(world, election))["committee"]["nodes"]
    }
    assert (after[order[4]], after[order[5]]) == (("MEMBER", "RESIGNED"), ("MEMBER", None))


async def _linked(world: World, count: int, at: int = 0) -> list[str]:
    """Give logins to owners of the register of a compound."""
    rows = await world.kernel.database.fetch(
        "SELECT id FROM register_owner WHERE community_id = ? AND kind = 'PERSON' AND person_id IS NULL ORDER BY id LIMIT ?",
        (world.demo.compounds[at].id, count),
    )
    keys = []
    for number, row in enumerate(rows):
        key = f"signer{at}x{number}"
        await world.person(key, "resident", world.demo.compounds[at])
        await world.demo.perform(owners.link_owner, id=row["id"], person=world.demo.people[key])
        keys.append(key)
    return keys


async def test_owners_replace_a_member(world: World) -> None:
    """A fifth of the owners sign, the member answers, all owners vote: the seat ends and the alternate moves up."""
    await fill_register(world.demo)
    await cast_of_six(world)
    committee = await recorded(world, alternates=[person(world, "cand4")])
    keys = await _linked(world, 14)
    seat = next(
        one
        for one in (await look(world, committee))["committee"]["nodes"]
        if one["person"]["id"] == person(world, "cand3")
    )
    state = "... on RecallPetition { state signatures signedHeads answer }"
    begun = await do(world, "beginRecall", keys[0], state, community=code(world), seat=seat["id"], reason="连续缺席")
    petition = begun["id"]
    assert (await do(world, "signRecall", keys[0], id=petition))["code"] == "elections.already_signed"
    assert (await do(world, "handInRecall", keys[0], id=petition))["code"] == "elections.too_few_signed"
    for key in keys[1:]:
        await do(world, "signRecall", key, state, id=petition)
    assert (await do(world, "answerRecall", "cand2", id=petition, answer="不是我"))["code"] == "elections.not_yours"
    assert (await do(world, "answerRecall", "cand3", state, id=petition, answer="因病请假"))["answer"] == "因病请假"
    assert (await do(world, "handInRecall", keys[0], state, id=petition))["state"] == "SUPPORTED"
    roll = await make_roll(world, *(Entry(10_000, voters=(key,)) for key in ("cand1", "cand2", "cand5")))
    window = {"opensAt": to_wire(opening(world)), "closesAt": to_wire(opening(world) + timedelta(days=10))}
    put = await do(world, "prepareRecallBallot", "staff", "... on RecallPetition { state poll { id } }", id=petition,
                   roll=f"VoterRoll_{roll.id}", **window)  # fmt: skip
    assert put["state"] == "VOTING"
    poll = put["poll"]["id"]
    await announce(world, poll)
    world.clock.set(opening(world))
    await world.settle()
    (motion,) = [one["id"] for one in (await show(world, poll, as_="chair"))["motions"]["nodes"]]
    for key in ("cand1", "cand2", "cand5"):
        await cast(world, poll, {motion: "FOR"}, as_=key)
    await close(world, poll)
    world.clock.advance(days=12)
    await world.settle()
    found = (await world.gql('{ recallPetition(id: "%s") { state } }' % petition, as_="cand1")).data["recallPetition"]  # noqa: UP031 - braces
    assert found["state"] == "CARRIED"
    offices = {
        one["person"]["id"]: (one["office"], one["endGround"])
        for one in (await look(world, committee))["committee"]["nodes"]
    }
    assert offices[person(world, "cand3")] == ("MEMBER", "RECALLED")
    assert offices[person(world, "cand4")] == ("MEMBER", None)


async def test_an_interim_committee_is_organised_and_replaced(world: World) -> None:
    """A tenth of the owners ask, the street organises an odd committee chaired by the residents' committee; refusals cite."""
    await fill_register(world.demo)
    keys = await _linked(world, 6, at=1)
    state = "... on InterimCommittee { state signatures }"
    made = await do(
        world, "requestInterim", "staff", state, community=code(world, 1), title="物业管理委员会", reason="无业委会"
    )
    body = made["id"]
    assert (await do(world, "refuseInterim", "town", id=body, reason="不需要", citation="不需要"))[
        "code"
    ] == "elections.uncited"
    assert (await do(world, "acceptInterim", "staff", id=body))["code"] == "elections.too_few_signed", (
        "staff own nothing here"
    )
    for key in keys:
        assert (await do(world, "signInterim", key, state, id=body))["state"] == "REQUESTED"
    assert (await do(world, "acceptInterim", "staff", state, id=body))["state"] == "ORGANISING"
    for key in keys[:4]:
        await do(world, "addInterimMember", "staff", id=body, person=person(world, key), standing="OWNER")
    assert (await do(world, "showInterim", "staff", id=body))["code"] == "elections.group_wrong"
    await do(
        world,
        "addInterimMember",
        "staff",
        id=body,
        person=person(world, "staff"),
        standing="RESIDENTS_COMMITTEE",
        isChair=True,
    )
    assert (await do(world, "showInterim", "staff", state, id=body))["state"] == "LIST_SHOWN"
    world.clock.advance(days=17)
    await world.settle()
    found = (await world.gql('{ interimCommittee(id: "%s") { state } }' % body, as_=keys[0])).data  # noqa: UP031 - braces
    assert found["interimCommittee"]["state"] == "ACTIVE"


async def test_the_demo_is_filled(world: World) -> None:
    """The demo's committee is in office with a meeting called and a petition begun, as its members see."""
    await fill_register(world.demo)
    await fill_elections(world.demo)
    query = (
        '{ community(code: "%s") { elections { nodes { state } } committeeMeetings { nodes { state } } '
        "recallPetitions { nodes { state signatures } } } }"
    )
    found = (await world.gql(query % code(world), as_="owner")).data["community"]
    assert {one["state"] for one in found["elections"]["nodes"]} == {"IN_TERM", "GROUP_FORMING"}
    assert found["committeeMeetings"]["nodes"] == [{"state": "CALLED"}]
    assert found["recallPetitions"]["nodes"] == [{"state": "COLLECTING", "signatures": 1}]
