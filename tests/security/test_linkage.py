"""Who voted what in a separated poll: attackers with whole databases, before, between each cast and after the close."""

from __future__ import annotations

import itertools
import json
import math
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from core import trace
from core.clock import CHINA, to_wire
from core.database import Tx
from core.ids import EPOCH_MS, RANDOM_BITS
from plugins.voting import separated
from plugins.voting.service import casting
from tests.acceptance.separated_world import close, drop, neighbours, survey, viewer_of
from tests.conftest import World
from tests.security.area_attack import Vote, electorate, measure, revealed_by_heads

VOTERS, OPTIONS, SEED = 60, 3, 20_260_302
DEVIATIONS = 5  # of chance: an honest poll is accused wrongly about once in a million guesses
TABLES = ("voting_tick", "voting_box", "voting_box_part", "voting_box_answer", "voting_answer", "core_idempotency_key",
          "core_trace_leaf", "core_trace_salt", "core_event")  # fmt: skip

Dump = dict[str, list[dict[str, Any]]]


@dataclass
class Watched:
    """A poll that an attacker watched: who voted what in which order (the truth), and every dump."""

    poll: str
    questions: list[str]
    voters: list[int]
    options: list[int]
    dumps: list[Dump] = field(default_factory=list)

    @property
    def key(self) -> int:
        """Return the poll's key."""
        return int(self.poll.rpartition("_")[2])


async def dump(world: World) -> Dump:
    """Read whole tables with what the database itself knows of each row: its place, and the transaction that wrote it."""
    own = (
        "rowid AS place" if world.kernel.database.dialect == "sqlite" else "ctid::text AS place, xmin::text AS version"
    )
    found = {table: await world.kernel.database.fetch(f"SELECT {own}, t.* FROM {table} t") for table in TABLES}
    return {table: [dict(row) for row in rows] for table, rows in found.items()}


async def watched(world: World, mode: str = "SEPARATED") -> Watched:
    """Let sixty vote one after the other, each under an idempotency key, with a dump between each two."""
    chance = random.Random(SEED)
    names = await neighbours(world, VOTERS)
    poll, questions = await survey(world, mode=mode)
    await world.settle()  # the opening leaves a leaf of its own
    chance.shuffle(names)
    seen = Watched(poll, questions, [world.demo.people[n] for n in names], [n % OPTIONS for n in range(VOTERS)])
    chance.shuffle(seen.options)
    seen.dumps.append(await dump(world))
    for at, (name, option) in enumerate(zip(names, seen.options, strict=True)):
        if mode == "SEPARATED":
            await drop(world, poll, questions, option, as_=name, key=f"key-{at}")
        else:
            await world.kernel.perform(
                casting.answer_survey, await viewer_of(world, name), f"key-{at}", id=seen.key,
                answers=[{"motion": int(questions[0].rpartition("_")[2]), "options": [option]}],
            )  # fmt: skip
        seen.dumps.append(await dump(world))
    return seen


def place_of(row: Mapping[str, Any]) -> tuple[int, ...]:
    """Return where a row lies, as something that sorts."""
    place = row["place"]
    return (place,) if isinstance(place, int) else tuple(int(n) for n in place.strip("()").split(","))


ORDERS = {
    "place": place_of,
    "version": lambda row: int(row.get("version", 0)),
    "id": lambda row: int(row["id"]),
}


def accuse(guessed: Sequence[int], truth: Sequence[int]) -> None:
    """Fail when guesses, one a voter, are right more often than chance allows."""
    right = sum(one == other for one, other in zip(guessed, truth, strict=True))
    shares = [count / len(truth) for count in Counter(truth).values()]
    expected = len(truth) * sum(share**2 for share in shares)
    bound = expected + DEVIATIONS * math.sqrt(len(truth) * (1 / len(shares)) * (1 - 1 / len(shares)))
    assert right <= bound, f"{right} of {len(truth)} guesses are right, chance allows {bound:.0f}"


def guesses(ticks: Sequence[Mapping[str, Any]], box: Sequence[Mapping[str, Any]], seen: Watched) -> Any:
    """Match the ticks to the ballots in every order that the two tables have, forwards and backwards."""
    truth = dict(zip(seen.voters, seen.options, strict=True))
    for (_, by), (_, other), step in itertools.product(ORDERS.items(), ORDERS.items(), (1, -1)):
        people = [row["voter_id"] for row in sorted(ticks, key=by)]
        said = [int(row["answer"]) for row in sorted(box, key=other)[::step]]
        yield said, [truth[person] for person in people]
    moments = [truth[person] for person in seen.voters]  # the attacker saw who voted when
    for by in ORDERS.values():
        said = [int(row["answer"]) for row in sorted(box, key=by)]
        yield said, moments
        yield said[::-1], moments


async def test_an_opened_box_has_no_order(world: World) -> None:
    """After the close no order of rows, keys or transactions ties a tick or a moment of casting to a ballot."""
    seen = await watched(world)
    await close(world, seen.poll)
    last = await dump(world)
    box = [row for row in last["voting_box_answer"] if row["matter_id"] == seen.key]
    ticks = [row for row in last["voting_tick"] if row["has_voted"]]
    assert Counter(int(row["answer"]) for row in box) == Counter(seen.options)
    for said, truth in guesses(ticks, box, seen):
        accuse(said, truth)
    for rows in (box, ticks):  # one transaction wrote them all
        assert len({row.get("version") for row in rows}) == 1
        assert not {"at", "person_id", "cast_at"} & set(rows[0])
    assert set(box[0]) & set(ticks[0]) <= {"id", "matter_id", "category", "place", "version"}
    assert not {row["id"] for row in box} & {row["id"] for row in ticks}


async def test_what_changes_with_a_cast_does_not_tell_it(world: World) -> None:
    """Between two dumps nothing that is written depends on the choice: neither text, length, hash nor number of rows."""
    seen = await watched(world)
    shapes: dict[int, Counter[tuple[Any, ...]]] = {option: Counter() for option in range(OPTIONS)}
    for option, (before, after) in zip(seen.options, itertools.pairwise(seen.dumps), strict=True):
        [part] = [row for row in after["voting_box_part"] if row["matter_id"] == seen.key]
        assert '"' not in part["sealed"]
        assert not after["voting_box_answer"]
        grown = tuple(len(after[table]) - len(before[table]) for table in TABLES)
        shapes[option][grown] += 1
        new = {row["id"]: row for row in after["core_idempotency_key"]}
        for key in {row["id"] for row in before["core_idempotency_key"]}:
            new.pop(key)
        [kept] = new.values()
        assert kept["answer"] == str(seen.key)
    assert len({shape for counted in shapes.values() for shape in counted}) == 1
    ends = [row[0] for row in (dumped["voting_box_part"] for dumped in seen.dumps)]
    steps = [len(after["sealed"]) - len(before["sealed"]) for before, after in itertools.pairwise(ends)]
    assert set(steps) <= set(range(8, 16)), Counter(steps)  # the width of a ballot in base64, whatever it says


@pytest.mark.parametrize("mode", ["SEPARATED", "OPEN"])
async def test_a_request_hash_cannot_be_guessed(world: World, mode: str) -> None:
    """Hashing every possible request finds no separated ballot in the idempotency keys; named answers it finds all."""
    seen = await watched(world, mode)
    deed = "voting.cast_separated_ballot" if mode == "SEPARATED" else "voting.answer_survey"
    motion = int(seen.questions[0].rpartition("_")[2])
    book = {
        trace.digest([deed, {"id": seen.key, "answers": [{"motion": motion, "options": [option]}]}]): option
        for option in range(OPTIONS)
    }
    found = [
        book.get(row["request_hash"]) for row in seen.dumps[-1]["core_idempotency_key"] if row["key"][:4] == "key-"
    ]
    assert len(found) == VOTERS
    if mode == "OPEN":
        assert Counter(found) == Counter(seen.options)
    else:
        assert set(found) == {None}
        assert len({row["request_hash"] for row in seen.dumps[-1]["core_idempotency_key"]}) == 1


async def test_the_trace_of_a_cast_names_neither_voter_nor_ballot(world: World) -> None:
    """Leaves of casting carry no actor, no salt, no receipt and no choice, and there are no events of it."""
    seen = await watched(world)
    last = seen.dumps[-1]
    leaves = [row for row in last["core_trace_leaf"] if row["deed"] == "voting.cast_separated_ballot"]
    assert len(leaves) == VOTERS
    assert not {row["id"] for row in leaves} & {row["leaf_id"] for row in last["core_trace_salt"]}
    for row in leaves:
        assert '"actor":null' in row["body"]
        assert '"details":{}' in row["body"]
    assert len(last["core_event"]) == len(seen.dumps[0]["core_event"])


async def test_one_dump_and_the_secret_show_no_order(world: World) -> None:
    """Whoever gets a backup of a running poll and the server's secret learns the ballots so far, in no order."""
    seen = await watched(world)
    [part] = seen.dumps[-1]["voting_box_part"]
    [box] = seen.dumps[-1]["voting_box"]
    text = world.kernel.keys.unseal("voting_box_part", "sealed", part["id"], part["sealed"])
    width = box["width"]
    said = [int(text[at : at + width].split('"')[3]) for at in range(0, len(text), width)]
    assert Counter(said) == Counter(seen.options)
    accuse(said, seen.options)
    accuse(said[::-1], seen.options)
    ticks = sorted((row for row in seen.dumps[-1]["voting_tick"] if row["has_voted"]), key=place_of)
    truth = dict(zip(seen.voters, seen.options, strict=True))
    accuse(said, [truth[row["voter_id"]] for row in ticks])


async def test_the_attack_finds_named_answers(world: World) -> None:
    """The same matching by order is right for every answer of a named survey: the attack itself works."""
    seen = await watched(world, "OPEN")
    rows = sorted(seen.dumps[-1]["voting_answer"], key=place_of)
    said = [int(row["options"].strip("[]")) for row in rows if row["poll_id"] == seen.key]
    with pytest.raises(AssertionError, match="guesses are right"):
        accuse(said, seen.options)


async def test_no_file_holds_a_ballot_in_the_clear(world: World) -> None:
    """Before the close no page of the database or of its log holds a ballot as text; of a named survey it does."""
    if world.kernel.database.dialect != "sqlite":
        pytest.skip("the files of PostgreSQL lie with its server")
    seen = await watched(world)
    named = await survey(world, mode="OPEN")
    await world.kernel.perform(
        casting.answer_survey, await viewer_of(world, "owner0"), id=int(named[0].rpartition("_")[2]),
        answers=[{"motion": int(named[1][0].rpartition("_")[2]), "options": [1]}],
    )  # fmt: skip
    path = Path(world.kernel.database.url.removeprefix("sqlite://"))
    pages = b"".join(file.read_bytes() for file in (path, path.with_name(path.name + "-wal")) if file.exists())
    assert b"[[1]]" in pages
    for option in range(OPTIONS):
        assert f'["","{option}"]'.encode() not in pages
    assert seen.dumps[-1]["voting_box"][0]["opened_at"] is None


# --- Times ------------------------------------------------------------------------------------------------------------

TIMES = """query($i: ID!, $c: ID!) {
  trace(matter: $i, first: 100) { nodes { id deed at seq } }
  poll(id: $i) { updatedAt separatedTurnout { voted } bundle { text } }
  serviceRating(id: $i) { updatedAt result { answered } }
  changes(after: "0", community: $c, first: 100) { changes { type at subject } } }"""
PACE = timedelta(minutes=7)


async def times(world: World, matter: str, reader: str | None) -> dict[str, Any]:
    """Return whatever somebody sees that has a time in it."""
    code = world.demo.places["compound"].code
    return dict((await world.gql(TIMES, {"i": matter, "c": code}, as_=reader)).data)


def moment_of(key: int) -> datetime:
    """Return the moment that is in a key."""
    return datetime.fromtimestamp(((key >> RANDOM_BITS) + EPOCH_MS) / 1000, CHINA)


def accuse_order(keys: Sequence[int]) -> None:
    """Fail when keys, in the order in which they were made, sort by it or against it more than chance allows."""
    pairs = list(itertools.combinations(keys, 2))
    concordant = sum(one < other for one, other in pairs) / len(pairs)
    count = len(keys)
    deviation = math.sqrt(2 * (2 * count + 5) / (9 * count * (count - 1))) / 2
    assert abs(concordant - 0.5) < DEVIATIONS * deviation, f"{concordant:.0%} of the pairs are in order"


async def test_nobody_sees_when_a_separated_ballot_came(world: World) -> None:
    """A neighbour who looks after every vote sees the count move in fives, and of the votes afterwards only the day."""
    names = await neighbours(world, 30)
    poll, questions = await survey(world)
    await world.settle()
    watcher, seen = names[29], []
    for name in names[:23]:
        world.clock.set(world.clock.now() + PACE)
        await drop(world, poll, questions, 0, as_=name)
        seen.append(await times(world, poll, watcher))
    voted = [one["poll"].pop("separatedTurnout")["voted"] for one in seen]
    assert voted == [count // separated.FEWEST_IN_GROUP * separated.FEWEST_IN_GROUP for count in range(1, 24)]
    assert all(one == seen[0] for one in seen)  # neither steps, events nor what was last changed
    assert "voting.announce_poll" in {step["deed"] for step in seen[0]["trace"]["nodes"]}
    for reader in (names[0], "chair", "staff", "scrutineer"):
        steps = (await times(world, poll, reader))["trace"]["nodes"]
        assert "voting.cast_separated_ballot" not in {step["deed"] for step in steps}
    day, today = to_wire(world.clock.now())[:10], datetime.now(CHINA).date()
    await close(world, poll)
    ended = (await times(world, poll, watcher))["poll"]
    assert ended["separatedTurnout"]["voted"] == 23
    leaves = [json.loads(leaf["body"]) for leaf in json.loads(ended["bundle"]["text"])["leaves"]]
    casts = [leaf for leaf in leaves if leaf["deed"] == "voting.cast_separated_ballot"]
    assert [leaf["at"] for leaf in casts] == [f"{day}T00:00:00.000+08:00"] * 23
    assert all(moment_of(int(leaf["id"])).date() < today for leaf in casts)


async def test_nobody_sees_when_a_rating_came(world: World) -> None:
    """Nobody who follows a rating sees its answers come; its leaves have the day alone, for auditors, too."""
    made = await world.do(
        "openRating", {"community": world.demo.places["compound"].code, "title": "保洁服务怎么样", "period": "三月",
                       "kind": "SERVICE", "subject": "保洁"}, "... on ServiceRating { id }", as_="staff",
    )  # fmt: skip
    names = await neighbours(world, 12)
    await world.settle()
    seen = []
    for name in names[:11]:
        world.clock.set(world.clock.now() + PACE)
        rated = await world.do("castRating", {"id": made["id"], "score": "SATISFIED"}, as_=name)
        assert rated["__typename"] == "ServiceRating", rated
        seen.append(await times(world, made["id"], names[11]))
    assert all(one == seen[0] for one in seen)
    assert {step["deed"] for step in seen[0]["trace"]["nodes"]} == {"rating.open_rating"}
    rows = await world.kernel.database.fetch("SELECT at, body FROM core_trace_leaf WHERE deed = 'rating.cast_rating'")
    day = f"{to_wire(world.clock.now())[:10]}T00:00:00.000+08:00"
    assert [(row["at"], json.loads(row["body"])["at"], json.loads(row["body"])["actor"]) for row in rows] == [
        (day, day, None)
    ] * 11


async def test_keys_and_places_of_a_batch_have_no_order(world: World) -> None:
    """The keys of casts have no order; leaves that are numbered together get their places by them, before the close."""
    seen = await watched(world)
    rows = await world.kernel.database.fetch(
        "SELECT id, seq FROM core_trace_leaf WHERE deed = 'voting.cast_separated_ballot' ORDER BY seq"
    )
    keys = [row["id"] for row in rows]
    assert len(set(keys)) == VOTERS
    accuse_order(keys)
    with pytest.raises(AssertionError, match="in order"):
        accuse_order(sorted(keys))
    if world.kernel.database.dialect == "sqlite":
        return  # where each deed is a commit of its own
    await world.kernel.database.run(_unnumber)
    await close(world, seen.poll)
    places = {
        row["id"]: row["seq"]
        for row in await world.kernel.database.fetch("SELECT id, seq FROM core_trace_leaf ORDER BY seq")
    }
    accuse_order([places[key] for key in keys])
    ended = await world.kernel.database.value("SELECT seq FROM core_trace_leaf WHERE deed = 'voting.close_poll'")
    assert max(places[key] for key in keys) < ended


async def _unnumber(tx: Tx) -> None:
    """Make of all casts one batch that waits for its places."""
    await tx.execute("UPDATE core_trace_leaf SET seq = NULL WHERE deed = 'voting.cast_separated_ballot'")


# --- Published figures ------------------------------------------------------------------------------------------------


def test_areas_give_votes_away_and_heads_do_not() -> None:
    """Sums of area reveal every vote of a small house; rounding and thirty voters stop it, and so do heads by group."""
    assert measure(10, 10, rounded=False) > 0.95
    assert measure(16, 3, rounded=False) > 0.8
    assert measure(30, 2, rounded=True) == 0
    assert measure(5, 20, rounded=True) > 0.5  # why separated polls publish no area by group
    chance = random.Random(SEED)
    for size in (5, 6, 10):
        for _ in range(50):
            groups: list[list[Vote]] = [electorate(size, chance) for _ in range(6)]
            assert revealed_by_heads(groups) == 0


def test_the_pool_never_tells() -> None:
    """However ballots fall to groups, no group that is shown, nor the rest of them, is small or of one mind."""
    chance = random.Random(SEED)
    for _ in range(500):
        inside = [
            (f"{int(chance.paretovariate(1)) % 7}栋", chance.choice("FFFFAB")) for _ in range(chance.randrange(30, 90))
        ]
        together = separated.pooled(inside)
        shown: dict[str, list[str]] = {}
        for group, choice in inside:
            shown.setdefault("" if group in together else group, []).append(choice)
        if len(shown) == 1 or len({choice for _, choice in inside}) == 1:
            continue
        assert all(len(said) >= separated.FEWEST_IN_GROUP and len(set(said)) > 1 for said in shown.values()), shown
