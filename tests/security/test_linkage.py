"""Who voted what in a separated poll: attackers with whole databases, before, between each cast and after the close."""

from __future__ import annotations

import itertools
import math
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from core import trace
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
    """Leaves and events of casting carry no actor, no salt, no receipt and no choice."""
    seen = await watched(world)
    last = seen.dumps[-1]
    leaves = [row for row in last["core_trace_leaf"] if row["deed"] == "voting.cast_separated_ballot"]
    assert len(leaves) == VOTERS
    assert not {row["id"] for row in leaves} & {row["leaf_id"] for row in last["core_trace_salt"]}
    for row in leaves:
        assert '"actor":null' in row["body"]
        assert '"details":{}' in row["body"]
    told = [row for row in last["core_event"] if row["type"] == "voting.ballot_cast"]
    assert {(row["payload"], row["person_id"]) for row in told} == {("{}", None)}


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


def test_areas_are_published_in_whole_metres() -> None:
    """Half a square metre and more is rounded up, less is left off."""
    assert [separated.rounded_area(centi) for centi in (0, 49, 50, 9_949, 9_950)] == [0, 0, 1, 99, 100]
