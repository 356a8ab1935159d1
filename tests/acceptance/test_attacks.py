"""What people of the place try beyond their own: others' ballots, letters and keys, odd cursors and values, races."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from plugins.voting.service import casting
from tests.acceptance import stranger_world, voting_world
from tests.acceptance.voting_world import Entry
from tests.conftest import World

PROVIDER = "SERVICE_PROVIDER"


def code(world: World) -> str:
    """Return the compound's code."""
    return world.demo.places["compound"].code


async def test_a_proxy_does_not_see_what_the_principal_votes_in_person(world: World) -> None:
    """Who is authorised sees only ballots cast by themselves: neither marks, nonce nor receipt of the principal's."""
    await voting_world.owner(world, "owner")
    roll = await voting_world.make_roll(world, Entry())
    poll, motions = await voting_world.opened(world, roll, PROVIDER)
    given = {"id": poll, "proxy": f"Person_{world.demo.people['tenant']}", "scope": "本次会议全部事项"}
    made = await world.do("authoriseProxy", given, "... on Proxy { id }", as_="owner")
    assert made["__typename"] == "Proxy", made
    assert "receipt" in await voting_world.cast(world, poll, {motions[0]: "AGAINST"})
    mine = (await voting_world.show(world, poll, as_="tenant"))["myBallots"]
    assert [ballot["receipt"] for ballot in mine] == [None]
    own = (await voting_world.show(world, poll, as_="owner"))["myBallots"]
    assert own[0]["receipt"]["choices"][0]["choice"] == "AGAINST"


async def test_a_letter_of_authorisation_is_not_for_the_neighbours(world: World) -> None:
    """It may say what its writer wants: until the count for the writer alone, then for scrutineers, too."""
    await voting_world.owner(world, "owner")
    roll = await voting_world.make_roll(world, Entry())
    poll, motions = await voting_world.opened(world, roll, PROVIDER)
    letter = await stranger_world.upload(world, "owner")
    await world.demo.perform(
        casting.authorise_proxy, "owner", id=int(poll.partition("_")[2]), proxy=world.demo.people["tenant"],
        scope="本次会议全部事项", letter=letter,
    )  # fmt: skip
    readers = ("owner", "resident", "chair", "staff", "scrutineer", "property")
    assert await _read(world, poll, letter, readers) == {"owner"}
    await voting_world.cast(world, poll, {motions[0]: "FOR"})
    await voting_world.close(world, poll)
    if (await voting_world.show(world, poll, as_="chair"))["state"] == "CLOSED":
        await world.do("countPoll", {"id": poll}, as_="chair")
    assert await _read(world, poll, letter, readers) == {"owner", "scrutineer"}


async def _read(world: World, poll: str, letter: int, readers: tuple[str, ...]) -> set[str]:
    query = f'{{ node(id: "Attachment_{letter}") {{ id }} poll(id: "{poll}") {{ attachments {{ totalCount nodes {{ url }} }} }} }}'
    found = {reader: (await world.gql(query, as_=reader)).data for reader in readers}
    assert all(bool(shown["node"]) == bool(shown["poll"]["attachments"]["totalCount"]) for shown in found.values())
    return {reader for reader, shown in found.items() if shown["node"]}


async def test_ballots_once_taken_out_are_not_repeated_to_a_former_scrutineer(world: World) -> None:
    """The same idempotency key gives a scrutineer the same ballots again, and nothing once the office has ended."""
    await voting_world.owner(world, "owner")
    poll, motions = await voting_world.opened(world, await voting_world.make_roll(world, Entry()), PROVIDER)
    await voting_world.cast(world, poll, {motions[0]: "FOR"})
    await voting_world.close(world, poll)
    given = {"id": poll, "reason": "复核", "idempotencyKey": "once"}
    first = await world.do("exportBallots", given, "... on BallotsBundle { text }", as_="scrutineer")
    assert first == await world.do("exportBallots", given, "... on BallotsBundle { text }", as_="scrutineer")
    assert first["text"]
    office = await world.kernel.database.value(
        "SELECT id FROM core_appointment WHERE person_id = ?", (world.demo.people["scrutineer"],)
    )
    ended = await world.do("endAppointment", {"id": f"Appointment_{office}"}, as_="staff")
    assert ended["__typename"] == "Appointment", ended
    refused = await world.do("exportBallots", given, "... on BallotsBundle { text }", as_="scrutineer")
    assert refused["__typename"] == "NotAllowed", refused


async def test_nothing_tells_how_a_running_poll_stands(world: World) -> None:
    """For and against look alike through every channel: fields, feed, trace, abilities, repeated answers."""
    await voting_world.owner(world, "owner", "two")
    roll = await voting_world.make_roll(world, Entry(voters=("owner",)), Entry(voters=("two",)))
    poll, motions = await voting_world.opened(world, roll, PROVIDER)
    query = """query($id: ID!, $code: ID!) {
      poll(id: $id) { title stateCode updatedAt turnout { isQuorate heads { numerator } area { numerator } }
        motions { nodes { id title result { figures outcome } } } certificate { text } certificateHash counted: countedAt
        viewerCan { deed allowed reason { code message } } slips { totalCount } proxies { totalCount }
        deadlines { step at } links { relation } frozenSettings }
      changes(after: "0", community: $code, first: 100) { changes { type payload subject } }
      community(code: $code) { trace { totalCount nodes { deed body } } } }"""
    told: list[dict[str, str]] = []
    for choice in ("FOR", "AGAINST"):  # the second replaces the first
        assert "receipt" in await voting_world.cast(world, poll, {motions[0]: choice})
        told.append({})
        for reader in ("two", "chair", "staff", "scrutineer", "auditor", "sysadmin"):
            answer = (await world.gql(query, {"id": poll, "code": code(world)}, as_=reader)).data
            for leaf in ((answer["community"] or {}).get("trace") or {}).get("nodes", []):
                assert "FOR" not in leaf["body"].split()
                assert '"marks"' not in leaf["body"]
                assert '"choice' not in leaf["body"]
            shown = answer["poll"]
            if shown is not None:
                assert shown["certificate"] is None
                assert [motion["result"] for motion in shown["motions"]["nodes"]] == [None]
            told[-1][reader] = repr(shown)
            for change in answer["changes"]["changes"]:
                assert not {"choice", "choices", "marks", "receipt"} & set(change["payload"])
    assert told[0] == told[1]


async def test_variables_reach_the_arguments_of_relations(world: World) -> None:
    """Page sizes, cursors and conditions of fields below the root may be variables, as clients send them."""
    query = """query($c: ID!, $n: Int!, $a: String, $with: Boolean!) {
      community(code: $c) { children(first: $n, after: $a) { nodes { code } pageInfo { endCursor } }
        appointments(first: $n) @include(if: $with) { totalCount } name @skip(if: $with) } }"""
    given = {"c": code(world), "n": 1, "with": False}
    first = (await world.gql(query, given, as_="staff")).data["community"]
    assert len(first["children"]["nodes"]) == 1
    assert "appointments" not in first
    assert first["name"]
    more = {**given, "a": first["children"]["pageInfo"]["endCursor"], "with": True}
    second = (await world.gql(query, more, as_="staff")).data["community"]
    assert first["children"]["nodes"] != second["children"]["nodes"]
    assert second["appointments"]["totalCount"]
    assert "name" not in second


ODD_CURSORS = (
    "-1", "x", "~", "²~1", "٣~3", f"{'9' * 300}~1", "9999999999999999999", "99999999999999999999", "1~9999999999999999999",
    "--5~1", "-~1", "' OR 1=1 --~1", "1~1~1", "\U0001f600~5", "a" * 500,
)  # fmt: skip


@pytest.mark.parametrize("after", ODD_CURSORS)
async def test_an_odd_cursor_is_a_mistake_of_the_client(world: World, after: str) -> None:
    """Whatever is sent as a cursor gives a page or says that it is none; nothing fails inside."""
    await voting_world.owner(world, "owner")
    roll = await voting_world.make_roll(world, Entry())
    poll, _ = await voting_world.draft(world, roll, PROVIDER)
    query = """query($p: ID!, $r: ID!, $c: ID!, $a: String) {
      poll(id: $p) { motions(after: $a) { nodes { id } } objections(after: $a) { nodes { id } } }
      voterRoll(id: $r) { entries(after: $a) { nodes { id } } }
      community(code: $c) { children(after: $a) { nodes { id } } matters(after: $a) { nodes { id } } units(after: $a) { nodes { id } } }
      changes(after: $a) { more } }"""
    answer = await world.gql(query, {"p": poll, "r": f"VoterRoll_{roll.id}", "c": code(world), "a": after}, as_="chair")
    for error in answer.body.get("errors", []):
        assert error["extensions"]["code"] == "INVALID_INPUT", error


@pytest.mark.parametrize("first", [-1, 101, 2_147_483_647, -2_147_483_648])
async def test_pages_have_their_bounds(world: World, first: int) -> None:
    """No list gives more than 100 items, or fewer than none."""
    for field in (
        "children(first: $n)",
        "descendants(first: $n)",
        "matters(first: $n)",
        "units(first: $n)",
        "trace(first: $n)",
    ):
        query = f"query($c: ID!, $n: Int!) {{ community(code: $c) {{ {field} {{ totalCount }} }} }}"
        answer = await world.gql(query, {"c": code(world), "n": first}, as_="staff")
        assert answer.errors[0]["extensions"]["problem"] == "core.bad_first"
    changes = await world.gql("query($n: Int!) { changes(first: $n) { more } }", {"n": first})
    assert changes.errors[0]["extensions"]["problem"] == "core.bad_first"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("enabled", "true"), ("enabled", "null"), ("lease_days", "NaN"), ("lease_days", "Infinity"), ("lease_days", "1e400"),
        ("lease_days", "[" * 4_000), ("lease_days", "9" * 5_000), ("lease_days", '{"a": 1}'), ("value_cap_fen", '"x"'),
        ("__class__", "1"), ("lease_days", "-1"), ("lease_days", "99999999999999999999999"),
    ],
)  # fmt: skip
async def test_a_setting_takes_no_value_that_is_none(world: World, key: str, value: str) -> None:
    """Neither the switch of a plugin by its back door, nor numbers that are none, nor JSON without a bottom."""
    found = await world.do(
        "setSetting", {"community": code(world), "plugin": "wishes", "key": key, "value": value}, as_="staff"
    )
    assert found["__typename"] == "InvalidInput", found


async def test_a_key_of_another_person_gives_nothing(world: World) -> None:
    """The same idempotency key belongs to each person anew: the answer of one is never the answer of another."""
    given = {"community": code(world), "filename": "a.pdf", "idempotencyKey": "shared-key"}
    fields = "... on UploadTicket { attachmentId url }"
    first = await world.do("createUpload", given, fields, as_="resident")
    second = await world.do("createUpload", given, fields, as_="tenant")
    assert first["attachmentId"] != second["attachmentId"]
    assert first["url"] != second["url"]
    anonymous = await world.gql(
        "mutation($i: CreateUploadInput!) { createUpload(input: $i) { __typename } }", {"i": given}
    )
    assert anonymous.data["createUpload"]["__typename"] == "NotSignedIn"
    seen = await world.gql(f'{{ node(id: "{first["attachmentId"]}") {{ id }} }}', as_="tenant")
    assert seen.data["node"] is None


async def test_every_deed_of_a_document_stands_alone(world: World) -> None:
    """Of ten mutations in one document the one that fails takes none of the others with it."""
    parts = [
        f'm{n}: createUpload(input: {{community: "{code(world) if n != 4 else "nowhere"}", filename: "{n}.pdf"}}) {{ __typename }}'
        for n in range(10)
    ]
    answer = (await world.gql(f"mutation {{ {' '.join(parts)} }}", as_="resident")).data
    assert [answer[f"m{n}"]["__typename"] for n in range(10)] == ["UploadTicket"] * 4 + ["NotFound"] + [
        "UploadTicket"
    ] * 5
    assert await world.kernel.database.value("SELECT COUNT(*) FROM core_attachment") == 9


async def test_nobody_makes_themselves_more_than_they_are(world: World) -> None:
    """Neither staff nor administrators appoint themselves; residents and property staff appoint nobody."""
    for who, role in (("staff", "owner"), ("secadmin", "district_staff"), ("secadmin", "auditor"), ("sysadmin", "owner"),
                      ("property", "committee_chair"), ("resident", "owner"), ("chair", "scrutineer")):  # fmt: skip
        given = {"personId": f"Person_{world.demo.people[who]}", "role": role, "community": code(world)}
        found = await world.do("appoint", given, as_=who)
        assert found["__typename"] in ("NotAllowed", "InvalidInput"), (who, role, found)


WISH = {"title": "想要一盏台灯", "story": "旧的坏了。", "type": "GOODS", "alias": "向阳花", "valueFen": 5000}


async def submitted(world: World) -> str:
    """Hand in a wish as the resident; returns its id."""
    made = await world.do("openWish", {"community": code(world), **WISH}, "... on Wish { id }", as_="resident")
    assert (await world.do("submitWish", {"id": made["id"]}, as_="resident"))["__typename"] == "Wish"
    wish: str = made["id"]
    return wish


async def test_two_screeners_at_once_decide_once(world: World) -> None:
    """Of several who move one matter in the same moment one wins; the others are told, and the record has one move."""
    await world.person("second", "community_staff", world.demo.places["community"])
    for _ in range(3):
        wish = await submitted(world)
        deeds = [("approveWish", "staff"), ("returnWish", "second"), ("referWish", "staff"), ("returnWish", "staff")]
        answers: list[Any] = await asyncio.gather(
            *(world.do(deed, {"id": wish, "note": "理由"}, "... on Wish { state }", as_=who) for deed, who in deeds)
        )
        assert sorted(answer["__typename"] for answer in answers) == ["Conflict"] * 3 + ["Wish"], answers
        key = int(wish.partition("_")[2])
        moves = await world.kernel.database.fetch(
            "SELECT deed FROM core_trace_leaf WHERE matter_id = ? ORDER BY id", (key,)
        )
        assert len(moves) == 3, [row["deed"] for row in moves]


async def test_the_author_of_a_wish_stays_unknown(world: World) -> None:
    """No neighbour learns who wished: not by the interface, by links or claims, nor by what they may do."""
    wish = await submitted(world)
    await world.do("approveWish", {"id": wish, "note": ""}, as_="staff")
    await world.do("publishWish", {"id": wish}, as_="staff")
    query = (
        f'{{ node(id: "{wish}") {{ __typename ... on Matter {{ author {{ id name }} viewerCan {{ deed allowed reason {{ message }} }} }} '
        "... on Wish { owner: author { id } alias address isForMinor screeningNote claims { totalCount } } } "
        'changes(after: "0") { changes { payload } } }'
    )
    for reader in ("tenant", "chair", "property", "auditor"):
        answer = await world.gql(query, as_=reader)
        assert str(world.demo.people["resident"]) not in str(answer.body), reader
        if answer.data["node"] is not None:
            assert answer.data["node"]["author"] is answer.data["node"]["owner"] is None
    assert (await world.gql(query, as_="resident")).data["node"]["author"][
        "id"
    ] == f"Person_{world.demo.people['resident']}"


async def test_what_is_switched_off_or_closed_takes_no_deeds(world: World) -> None:
    """A matter of a plugin that is off cannot be moved or read; a closed place takes no business of any plugin."""
    wish = await submitted(world)
    await world.do("disablePlugin", {"community": code(world), "plugin": "wishes"}, as_="staff")
    refused = await world.do("approveWish", {"id": wish, "note": ""}, as_="staff")
    assert refused["__typename"] in ("PluginDisabled", "NotFound")
    assert (await world.gql(f'{{ node(id: "{wish}") {{ id }} }}', as_="resident")).data["node"] is None
    stairwell = world.demo.places["stairwell"].code
    assert (await world.do("closeCommunity", {"community": stairwell}, as_="town"))["__typename"] == "Community"
    notice = {"community": stairwell, "kind": "GENERAL", "title": "通知", "body": "内容", "issuer": "物业"}
    assert (await world.do("draftNotice", notice, as_="property"))["code"] == "core.place_closed"


async def test_ids_of_other_kinds_open_nothing(world: World) -> None:
    """An id under the name of another type is neither found nor taken."""
    wish = await submitted(world)
    key = wish.partition("_")[2]
    for name in (
        "Notice",
        "Poll",
        "VoterRoll",
        "ServiceRating",
        "OwnerMandate",
        "Matter",
        "Node",
        "Query",
        "wish",
        "__Type",
    ):
        assert (await world.gql(f'{{ node(id: "{name}_{key}") {{ id }} }}', as_="resident")).data["node"] is None
    found = await world.do("approveWish", {"id": f"Notice_{key}", "note": ""}, as_="staff")
    assert found["__typename"] == "InvalidInput"
    for odd in ("Wish_-1", "Wish_9223372036854775808", "Wish_1e3", "Wish_٣", "Wish_", "_1", "Wish_0x1", "Wish_ 1"):
        assert (await world.gql("query($i: ID!) { node(id: $i) { id } }", {"i": odd})).data["node"] is None
