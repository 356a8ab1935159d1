"""Separated votes: a roll that says who has voted, and a box that says what, with nothing that ties one to the other.

While the vote runs, a ballot is no row. The box is one sealed text (a large one is several parts) into which each ballot
is put at a random place, all of one width, written anew as a whole: no key, time, row number or version of a row belongs
to a ballot. The roll's tick has no time, and the deed of casting leaves no actor and no content on the trace. At the
close the ballots are cut apart, question by question, and written in random order by one transaction; the sealed texts
are deleted. What somebody with the server's secret and copies of the database from between two casts could still see is
said in the plugin's README.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from core.clock import to_wire
from core.database import Tx
from core.fields import canonical_json
from core.ids import untimed_id
from core.keys import Keyring
from core.plugin import Act
from plugins.voting.ballots import receipt_of
from plugins.voting.problems import ALREADY_CAST, GROUP_TOO_SMALL, NOT_ON_THIS_ROLL, TOO_FEW_VOTERS

if TYPE_CHECKING:
    from core.kernel import Kernel

FEWEST_ELIGIBLE = 30
FEWEST_IN_GROUP = 5
PART_OF = 512
"""Eligible voters for one part of the box: each cast writes one part anew."""

TICK = "INSERT INTO voting_tick (id, matter_id, voter_id, category, mark, has_voted) VALUES (?, ?, ?, ?, ?, ?)"

_CHANCE = secrets.SystemRandom()


@dataclass(frozen=True)
class Eligible:
    """A voter of the roll, and the group under which the voter's answers may be published."""

    voter_id: int
    group: str = ""


@dataclass(frozen=True)
class Slip:
    """What one ballot says to one question, cut from the rest of it."""

    group: str
    answer: str


@dataclass(frozen=True)
class Receipt:
    """What a voter holds: that the mark on the published roll is theirs. It has nothing to do with what was voted."""

    mark: str
    nonce: str
    body: str
    has_voted: bool


def check(voters: Sequence[Eligible], *, by_group: bool) -> None:
    """Raise Conflict where a separated vote would promise what so few voters cannot keep."""
    if len(voters) < FEWEST_ELIGIBLE:
        raise TOO_FEW_VOTERS(found=len(voters), least=FEWEST_ELIGIBLE)
    sizes = Counter(voter.group for voter in voters) if by_group else {}
    small = sorted(name for name, size in sizes.items() if size < FEWEST_IN_GROUP)
    if small:
        raise GROUP_TOO_SMALL(groups=", ".join(small), least=FEWEST_IN_GROUP)


async def prepare(
    act: Act, matter_id: int, voters: Sequence[Eligible], longest: Sequence[str], *, by_group: bool, fewest: int
) -> str:
    """Freeze the roll of a separated vote and set up its empty box; returns the hash of the roll.

    ``longest`` holds an answer to each question that is as long as any; fewer than ``fewest`` ballots are never opened.
    """
    check(voters, by_group=by_group)
    group = max((voter.group for voter in voters), key=len) if by_group else ""
    width = len(canonical_json([group, *longest]))
    marked = [(voter, receipt_for(act.kernel.keys, matter_id, voter.voter_id)[0]) for voter in voters]
    _CHANCE.shuffle(marked)
    digest = roll_hash([mark for _, mark in marked])
    await act.tx.execute(
        "INSERT INTO voting_box (matter_id, width, eligible, by_group, fewest, roll_hash, is_withheld) "
        "VALUES (?, ?, ?, ?, ?, ?, ?)",
        (matter_id, width, len(voters), by_group, fewest, digest, False),
    )
    await act.tx.execute_many(
        TICK,
        [(untimed_id(), matter_id, voter.voter_id, voter.group if by_group else "", mark, False) for voter, mark in marked],
    )  # fmt: skip
    parts = [untimed_id() for _ in range(-(-len(voters) // PART_OF))]
    await act.tx.execute_many(
        "INSERT INTO voting_box_part (id, matter_id, sealed) VALUES (?, ?, ?)",
        [(part, matter_id, _seal(act, part, "")) for part in parts],
    )
    return digest


def roll_hash(marks: Sequence[str]) -> str:
    """Hash a roll by the marks of its voters."""
    return receipt_of("\n".join(sorted(marks)))


async def drop(act: Act, matter_id: int, voter_id: int, answers: Sequence[str]) -> None:
    """Tick a voter and put the ballot into the box; raises NotAllowed for whoever is not on the roll, Conflict the second time.

    The matter has to be locked by the deed: its casts come one after the other.
    """
    found = await act.tx.one(
        "SELECT t.category, t.has_voted, b.width FROM voting_tick t JOIN voting_box b ON b.matter_id = t.matter_id "
        "WHERE t.matter_id = ? AND t.voter_id = ?",
        (matter_id, voter_id),
    )
    if found is None:
        raise NOT_ON_THIS_ROLL()
    ballot = canonical_json([found["category"], *answers])
    if not ballot.isascii() or len(ballot) > found["width"]:
        raise ValueError("a ballot wider than its box would be told by its length")
    ticked = await act.tx.execute(
        "UPDATE voting_tick SET has_voted = ? WHERE matter_id = ? AND voter_id = ? AND NOT has_voted",
        (True, matter_id, voter_id),
    ) if not found["has_voted"] else 0  # fmt: skip
    if ticked != 1:
        raise ALREADY_CAST()
    await _put_in(act, matter_id, ballot, found["width"])


async def _put_in(act: Act, matter_id: int, ballot: str, width: int) -> None:
    """Write one part of the box anew with a ballot more, at a random place."""
    parts = await act.tx.fetch("SELECT id FROM voting_box_part WHERE matter_id = ?", (matter_id,))
    chosen: int = _CHANCE.choice(parts)["id"]
    inside = _ballots(_unseal(act, chosen, await _sealed(act, chosen)), width)
    inside.insert(_CHANCE.randrange(len(inside) + 1), ballot)
    text = "".join(one.ljust(width) for one in inside)
    await act.tx.execute("UPDATE voting_box_part SET sealed = ? WHERE id = ?", (_seal(act, chosen, text), chosen))


async def _sealed(act: Act, part: int) -> str:
    return str(await act.tx.value("SELECT sealed FROM voting_box_part WHERE id = ?", (part,)))


def _seal(act: Act, part: int, text: str) -> str:
    return act.kernel.keys.seal("voting_box_part", "sealed", part, text)


def _unseal(act: Act, part: int, sealed: str) -> str:
    return act.kernel.keys.unseal("voting_box_part", "sealed", part, sealed)


def _ballots(text: str, width: int) -> list[str]:
    return [text[at : at + width].rstrip() for at in range(0, len(text), width)]


async def open_box(act: Act, matter_id: int) -> list[list[Slip]] | None:
    """Open the box of a closed vote: the answers to each question, in no order; None when too few voted to tell any.

    Groups that would give somebody away are put together with the next small ones. Opening again gives the same.
    """
    [box] = await act.tx.fetch("SELECT * FROM voting_box WHERE matter_id = ?", (matter_id,))
    if box["opened_at"] is None:
        await _open(act, box)
    return await answers(act.tx, matter_id)


async def _open(act: Act, box: Any) -> None:
    matter_id, inside = box["matter_id"], await _inside(act, box)
    voted = await act.tx.value("SELECT COUNT(*) FROM voting_tick WHERE matter_id = ? AND has_voted", (matter_id,))
    if len(inside) != voted:
        raise RuntimeError(f"the box of {matter_id} holds {len(inside)} ballots, and {voted} voters are ticked")
    is_withheld = len(inside) < box["fewest"]
    if not is_withheld:
        cut = _cut_apart(inside, box["fewest"])
        await act.tx.execute_many(
            "INSERT INTO voting_box_answer (id, matter_id, question, category, answer) VALUES (?, ?, ?, ?, ?)",
            [(untimed_id(), matter_id, at, slip.group, slip.answer) for at, slip in cut],
        )
    await destroy(act, matter_id)
    await act.tx.execute(
        "UPDATE voting_box SET opened_at = ?, is_withheld = ? WHERE matter_id = ?",
        (to_wire(act.now), is_withheld, matter_id),
    )
    await _rewrite_roll(act, matter_id)


async def _rewrite_roll(act: Act, matter_id: int) -> None:
    """Write every tick anew in random order, so that no row's place or version says any more when it was made."""
    rows = await act.tx.fetch(
        "SELECT voter_id, category, mark, has_voted FROM voting_tick WHERE matter_id = ?", (matter_id,)
    )
    ticks = [(untimed_id(), matter_id, *row) for row in rows]
    _CHANCE.shuffle(ticks)
    await act.tx.execute("DELETE FROM voting_tick WHERE matter_id = ?", (matter_id,))
    await act.tx.execute_many(TICK, ticks)


async def destroy(act: Act, matter_id: int) -> None:
    """Destroy what is in a box that will never be opened, unread; one that was opened stays as it is."""
    await act.tx.execute("DELETE FROM voting_box_part WHERE matter_id = ?", (matter_id,))


async def _inside(act: Act, box: Any) -> list[list[str]]:
    parts = await act.tx.fetch("SELECT id, sealed FROM voting_box_part WHERE matter_id = ?", (box["matter_id"],))
    texts = [_unseal(act, part["id"], part["sealed"]) for part in parts]
    return [json.loads(ballot) for text in texts for ballot in _ballots(text, box["width"])]


def _cut_apart(inside: Sequence[list[str]], fewest: int) -> list[tuple[int, Slip]]:
    """Cut ballots into one slip a question, so that no pattern of answers tells whose a ballot is; shuffle them all."""
    together = pooled(inside, max(fewest, FEWEST_IN_GROUP))
    slips = [
        (at, Slip("" if group in together else group, answer))
        for group, *said in inside
        for at, answer in enumerate(said)
    ]
    _CHANCE.shuffle(slips)
    return slips


def pooled(inside: Sequence[Sequence[str]], fewest: int = FEWEST_IN_GROUP) -> frozenset[str]:
    """Return the groups that are not published by themselves: small ones, those of one mind, and whoever hides them.

    The pool itself must not be small or of one mind either: it follows from the total and the groups that are shown.
    """
    groups: dict[str, list[Sequence[str]]] = {}
    for group, *said in inside:
        groups.setdefault(group, []).append(said)
    waiting = sorted(
        (name for name in groups if name), key=lambda name: (not _tells(groups[name], fewest), len(groups[name]), name)
    )
    pool, inside_pool = {""}, list(groups.get("", ()))
    for name in waiting:
        if not (_tells(groups[name], fewest) or (inside_pool and _tells(inside_pool, fewest))):
            break
        pool.add(name)
        inside_pool += groups[name]
    return frozenset(pool)


def _tells(ballots: Sequence[Sequence[str]], fewest: int) -> bool:
    return len(ballots) < fewest or any(len(set(question)) == 1 for question in zip(*ballots, strict=True))


async def answers(tx: Any, matter_id: int) -> list[list[Slip]] | None:
    """Return the answers of an opened box by question, sorted; None when they are withheld or the box is not opened."""
    shown = await tx.value(
        "SELECT COUNT(*) FROM voting_box WHERE matter_id = ? AND opened_at IS NOT NULL AND NOT is_withheld",
        (matter_id,),
    )
    if not shown:
        return None
    rows = await tx.fetch(
        "SELECT question, category, answer FROM voting_box_answer WHERE matter_id = ? ORDER BY question, category, answer",
        (matter_id,),
    )
    found: list[list[Slip]] = []
    for row in rows:
        while len(found) <= row["question"]:
            found.append([])
        found[row["question"]].append(Slip(row["category"], row["answer"]))
    return found


async def marks(tx: Any, matter_id: int) -> tuple[list[str], list[str]]:
    """Return the marks of all voters of the roll, and of those who have voted; both sorted."""
    rows = await tx.fetch("SELECT mark, has_voted FROM voting_tick WHERE matter_id = ? ORDER BY mark", (matter_id,))
    return [row["mark"] for row in rows], [row["mark"] for row in rows if row["has_voted"]]


NONCES = "separated ballot"


def receipt_for(
    keys: Keyring, matter_id: int, voter_id: int, mark: str | None = None, kept: bytes | None = None
) -> tuple[str, str, str]:
    """Return a voter's mark, the nonce that proves it, and what is hashed; nothing but the mark is stored anywhere.

    With a ``mark`` the nonce is the one it was made of, should the server's secret have changed since; ``kept`` is what it
    was made with then.
    """
    said = f"{matter_id}:{voter_id}"
    earlier = [hmac.new(kept, said.encode(), hashlib.sha256).hexdigest()] if kept is not None else []
    for nonce in (*earlier, *keys.blind_indexes(NONCES, said)):
        body = canonical_json({"v": 1, "poll": str(matter_id), "nonce": nonce})
        if mark in (None, receipt_of(body)):
            return receipt_of(body), nonce, body
    raise LookupError("the secret with which this roll was made is gone")


async def receipt_of_voter(reads: Any, keys: Keyring, matter_id: int, voter_id: int) -> Receipt | None:
    """Return a voter's receipt, the same at every time; None for whoever is not on the roll."""
    rows = await reads.fetch(
        "SELECT t.mark, t.has_voted, b.receipt_key_sealed FROM voting_tick t JOIN voting_box b ON b.matter_id = t.matter_id "
        "WHERE t.matter_id = ? AND t.voter_id = ?",
        (matter_id, voter_id),
    )
    if not rows:
        return None
    blob = rows[0]["receipt_key_sealed"]
    kept = bytes.fromhex(keys.unseal(*KEPT, matter_id, blob)) if blob else None
    mark, nonce, body = receipt_for(keys, matter_id, voter_id, rows[0]["mark"], kept)
    return Receipt(mark, nonce, body, bool(rows[0]["has_voted"]))


KEPT = ("voting_box", "receipt_key_sealed")


async def keep_receipt_keys(kernel: Kernel, mend: bool) -> int:
    """Count the boxes whose receipts were made with an earlier secret, or keep with each what its nonces were made with.

    A receipt is worked out anew whenever its voter asks, so it must not need a secret that is dropped.
    """
    rows = await kernel.database.fetch(
        "SELECT b.matter_id, MIN(t.voter_id) AS voter_id FROM voting_box b JOIN voting_tick t ON t.matter_id = b.matter_id "
        "WHERE b.receipt_key_sealed IS NULL GROUP BY b.matter_id"
    )
    found = 0
    for row in rows:
        matter_id, voter_id = row["matter_id"], row["voter_id"]
        mark = await kernel.database.value(
            "SELECT mark FROM voting_tick WHERE matter_id = ? AND voter_id = ?", (matter_id, voter_id)
        )
        earlier = _made_with(kernel.keys, matter_id, voter_id, mark)
        if earlier is None:
            continue
        found += 1
        if mend:
            sealed = kernel.keys.seal(*KEPT, matter_id, earlier.hex())
            await kernel.database.run(partial(_keep, matter_id=matter_id, sealed=sealed))
    return found


def _made_with(keys: Keyring, matter_id: int, voter_id: int, mark: str) -> bytes | None:
    """Return the key of an earlier secret that a mark was made with; None when the present one made it."""
    _, *earlier = keys.keys(f"blind index {NONCES}")
    for key in earlier:
        said = hmac.new(key.data, f"{matter_id}:{voter_id}".encode(), hashlib.sha256).hexdigest()
        if receipt_of(canonical_json({"v": 1, "poll": str(matter_id), "nonce": said})) == mark:
            return key.data
    return None


async def _keep(tx: Tx, matter_id: int, sealed: str) -> None:
    await tx.execute(
        "UPDATE voting_box SET receipt_key_sealed = ? WHERE matter_id = ? AND receipt_key_sealed IS NULL",
        (sealed, matter_id),
    )
