"""Check what a Shanzhi server says, offline and with nothing but Python 3.9 or newer: one file, to be read and kept.

    shanzhi_verify.py bundle BUNDLE.json [--ballots FILE] [--roll FILE]   a poll: result, receipts, leaves, signed head
    shanzhi_verify.py certificate FILE [--ballots FILE] [--roll FILE]     the result alone, without the log
    shanzhi_verify.py receipt PROOF.json [--body FILE]                    one's own receipt
    shanzhi_verify.py log EXPORT.jsonl                                    the whole log, as auditors export it
    shanzhi_verify.py witness URL --state FILE                            ask a server for its head, demand consistency

Every command but ``certificate`` takes ``--head FILE`` (a signed head from a notice's QR code, an e-mail, a witness or git;
several times) and ``--key KEY`` (the key on the notice, or FILE). ``bundle`` and ``receipt`` take ``--log EXPORT.jsonl`` or ``--server
URL`` to connect a head that the file itself does not prove. Only ``witness`` and ``--server`` use a network.

Prints every check; a line that begins with BAD names what is wrong. Exits with 0 when all hold, 1 when one does not, 2 when
it cannot tell. It is one long file on purpose: whoever has it needs nothing else, and can read all of it.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import time
import urllib.request
from base64 import b64decode
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any, NamedTuple

SPECIAL_CODES = (6, 7, 8)
CHOICES = {"F": "FOR", "A": "AGAINST", "B": "ABSTAIN"}
SEPARATED_CAST = "voting.cast_separated_ballot"
CASTS = ("voting.cast_ballot", SEPARATED_CAST)
HASHES = {"SHA-256": "sha256", "SM3": "sm3"}


class Check(NamedTuple):
    """One thing that was looked at; ``name`` is what is wrong when it does not hold."""

    name: str
    about: str
    holds: bool


class Unusable(Exception):
    """A file is not what it should be: nothing can be said about what it claims."""


# --- Ed25519, verification only (RFC 8032 §5.1.7) --------------------------------------------------------------------

_P = 2**255 - 19
_Q = 2**252 + 27742317777372353535851937790883648493
_D = -121665 * pow(121666, _P - 2, _P) % _P
_ROOT = pow(2, (_P - 1) // 4, _P)
_Point = tuple[int, int, int, int]


def _add(a: _Point, b: _Point) -> _Point:
    left, right = (a[1] - a[0]) * (b[1] - b[0]) % _P, (a[1] + a[0]) * (b[1] + b[0]) % _P
    c, d = 2 * a[3] * b[3] * _D % _P, 2 * a[2] * b[2] % _P
    e, f, g, h = right - left, d - c, d + c, right + left
    return e * f % _P, g * h % _P, f * g % _P, e * h % _P


def _times(number: int, point: _Point) -> _Point:
    found: _Point = (0, 1, 1, 0)
    while number:
        if number & 1:
            found = _add(found, point)
        point, number = _add(point, point), number >> 1
    return found


def _is_same(a: _Point, b: _Point) -> bool:
    return (a[0] * b[2] - b[0] * a[2]) % _P == 0 and (a[1] * b[2] - b[1] * a[2]) % _P == 0


def _x_of(y: int, sign: int) -> int | None:
    if y >= _P:
        return None
    square = (y * y - 1) * pow(_D * y * y + 1, _P - 2, _P) % _P
    x = pow(square, (_P + 3) // 8, _P)
    if (x * x - square) % _P:
        x = x * _ROOT % _P
    if (x * x - square) % _P or (x == 0 and sign):
        return None
    return _P - x if x & 1 != sign else x


def _point(data: bytes) -> _Point | None:
    number = int.from_bytes(data, "little")
    y = number & (1 << 255) - 1
    x = _x_of(y, number >> 255)
    return None if x is None else (x, y, 1, x * y % _P)


_BASE_Y = 4 * pow(5, _P - 2, _P) % _P
_BASE_X = _x_of(_BASE_Y, 0) or 0
_BASE: _Point = (_BASE_X, _BASE_Y, 1, _BASE_X * _BASE_Y % _P)


def is_signed(public: bytes, message: bytes, signature: bytes) -> bool:
    """Say whether an Ed25519 signature of a message is valid."""
    if len(public) != 32 or len(signature) != 64:
        return False
    key, start, s = _point(public), _point(signature[:32]), int.from_bytes(signature[32:], "little")
    if key is None or start is None or s >= _Q:
        return False
    challenge = int.from_bytes(hashlib.sha512(signature[:32] + public + message).digest(), "little") % _Q
    return _is_same(_times(s, _BASE), _add(start, _times(challenge, key)))


# --- Signed heads (C2SP signed-note, tlog-checkpoint) ----------------------------------------------------------------


class Key(NamedTuple):
    """A public key and the name of its log, written ``name+hash+base64``."""

    name: str
    public: bytes

    @classmethod
    def parse(cls, text: str) -> Key:
        """Read a key; raises Unusable."""
        name, _, rest = text.strip().partition("+")
        try:
            data = b64decode(rest.partition("+")[2], validate=True)
        except ValueError:
            data = b""
        if len(data) != 33 or data[0] != 1:
            raise Unusable(f"this is no key of a log: {text.strip()[:60]}")
        return cls(name, data[1:])

    @property
    def id(self) -> bytes:
        """Return what names it in a signature line."""
        return hashlib.sha256(f"{self.name}\n".encode() + b"\x01" + self.public).digest()[:4]

    def has_signed(self, note: str) -> bool:
        """Say whether a note bears its signature."""
        text, _, below = note.rpartition("\n\n")
        for line in below.splitlines():
            mark, _, rest = line.partition(" ")
            name, _, blob = rest.rpartition(" ")
            data = b64decode(blob + "==") if mark == "—" and name == self.name else b""
            if data[:4] == self.id and is_signed(self.public, f"{text}\n".encode(), data[4:]):
                return True
        return False


class Head(NamedTuple):
    """What a signed head says."""

    origin: str
    size: int
    root: bytes
    hash_name: str
    note: str

    @classmethod
    def parse(cls, note: str) -> Head:
        """Read a head; raises Unusable."""
        note = note.replace("\r\n", "\n").strip("\n") + "\n"
        lines = note.rpartition("\n\n")[0].split("\n")
        try:
            named = [line[5:] for line in lines[3:] if line.startswith("hash ")]
            return cls(lines[0], int(lines[1]), b64decode(lines[2], validate=True), (named or ["SHA-256"])[0], note)
        except (ValueError, IndexError) as error:
            raise Unusable("this is no signed head: three lines, an empty one, and a signature are expected") from error


# --- The Merkle tree (RFC 9162 §2.1) ---------------------------------------------------------------------------------


class Hashing(NamedTuple):
    """The hash of a log."""

    name: str

    def digest(self, data: bytes) -> bytes:
        """Hash bytes; raises Unusable where this Python has no such hash."""
        try:
            return hashlib.new(HASHES[self.name], data).digest()
        except (KeyError, ValueError) as error:
            raise Unusable(f"this Python cannot hash with {self.name}") from error

    def leaf(self, body: str) -> bytes:
        """Hash the text of a leaf."""
        return self.digest(b"\x00" + body.encode())

    def node(self, left: bytes, right: bytes) -> bytes:
        """Hash two subtrees."""
        return self.digest(b"\x01" + left + right)


def split(count: int) -> int:
    """Return where a tree of so many leaves is divided."""
    return 1 << (count - 1).bit_length() - 1


def root_by_inclusion(hashing: Hashing, leaf: bytes, index: int, size: int, path: Sequence[bytes]) -> bytes | None:
    """Return the root that an inclusion proof leads to (RFC 9162 §2.1.3.2), None for a proof of the wrong length."""
    if not 0 <= index < size:
        return None
    at, last, found = index, size - 1, leaf
    for one in path:
        if last == 0:
            return None
        if at & 1 or at == last:
            found = hashing.node(one, found)
            while at & 1 == 0 and at:
                at, last = at >> 1, last >> 1
        else:
            found = hashing.node(found, one)
        at, last = at >> 1, last >> 1
    return found if last == 0 else None


def is_consistent(hashing: Hashing, old: Head, new: Head, path: Sequence[bytes]) -> bool:
    """Say whether the log of the old head is the beginning of the new one's (RFC 9162 §2.1.4.2)."""
    if old.size == new.size:
        return old.root == new.root and not path
    if not 0 < old.size < new.size:
        return False
    rest = list(path)
    if old.size & (old.size - 1) == 0:
        rest.insert(0, old.root)
    if not rest:
        return False
    at, last = old.size - 1, new.size - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    first = second = rest[0]
    for one in rest[1:]:
        if last == 0:
            return False
        if at & 1 or at == last:
            first, second = hashing.node(one, first), hashing.node(one, second)
            while at & 1 == 0 and at:
                at, last = at >> 1, last >> 1
        else:
            second = hashing.node(second, one)
        at, last = at >> 1, last >> 1
    return last == 0 and first == old.root and second == new.root


def root_of_some(hashing: Hashing, leaves: dict[int, bytes], size: int, nodes: Iterator[bytes]) -> bytes:
    """Return the root over some leaves (by place, from 0) and the hashes of the subtrees without any, from left to right."""
    places = sorted(leaves)

    def over(first: int, last: int, low: int, high: int) -> bytes:
        if low == high:
            return next(nodes)
        if last - first == 1:
            return leaves[first]
        middle, cut = first + split(last - first), low
        while cut < high and places[cut] < middle:
            cut += 1
        return hashing.node(over(first, middle, low, cut), over(middle, last, cut, high))

    return over(0, size, 0, len(places))


class Frontier:
    """The root of a log that is read leaf by leaf, in little memory."""

    def __init__(self, hashing: Hashing) -> None:
        self._hashing = hashing
        self._peaks: list[tuple[int, bytes]] = []
        self.size = 0

    def add(self, leaf: bytes) -> None:
        """Add a leaf."""
        width = 1
        while self._peaks and self._peaks[-1][0] == width:
            leaf, width = self._hashing.node(self._peaks.pop()[1], leaf), width * 2
        self._peaks.append((width, leaf))
        self.size += 1

    @property
    def root(self) -> bytes:
        """Return the root of what was added so far."""
        if not self._peaks:
            return self._hashing.digest(b"")
        found = self._peaks[-1][1]
        for _, peak in reversed(self._peaks[:-1]):
            found = self._hashing.node(peak, found)
        return found


# --- Heads against keys, and against heads that were kept elsewhere --------------------------------------------------


class Outside(NamedTuple):
    """What the person who checks has from elsewhere."""

    heads: list[Head]
    key: Key | None
    log: Export | None = None
    server: str | None = None


def signature_checks(head: Head, keys: list[dict[str, Any]], outside: Outside) -> Iterator[Check]:
    """Check who signed a head: a key that follows from the trusted one, or from the one that signed the heads kept."""
    if not keys:
        yield Check("signature-invalid", "the log names its keys", False)
        return
    chain = [Key.parse(one["key"]) for one in keys]
    for before, now, one in zip(chain[:-1], chain[1:], keys[1:], strict=True):
        yield Check("key-replaced", f"the key {now.id.hex()} was handed over to", _handed_over(before, now, one))
    yield Check("signature-invalid", f"the head of {head.size} leaves is signed by a key of the log",
                any(key.has_signed(head.note) for key in chain))  # fmt: skip
    if outside.key is not None:
        yield Check(
            "key-replaced", f"the key on the notice, {outside.key.id.hex()}, is one of the log", outside.key in chain
        )
    for kept in outside.heads:
        yield Check("key-replaced", f"the head kept elsewhere ({kept.size} leaves) is signed by a key of this log",
                    kept.origin == head.origin and any(key.has_signed(kept.note) for key in chain))  # fmt: skip


def _handed_over(before: Key, now: Key, one: dict[str, Any]) -> bool:
    note = one.get("handover") or ""
    text = note.rpartition("\n\n")[0].split("\n")
    return before.name == now.name and text[1:3] == [_shown(before), one["key"]] and before.has_signed(note)


def _shown(key: Key) -> str:
    from base64 import b64encode

    return f"{key.name}+{key.id.hex()}+{b64encode(bytes([1]) + key.public).decode()}"


def anchor_checks(head: Head, known: list[tuple[Head, list[bytes]]], outside: Outside) -> Iterator[Check]:
    """Check that every head kept elsewhere is a beginning of the log under a head."""
    hashing = Hashing(head.hash_name)
    for kept in outside.heads:
        about = f"the head kept elsewhere ({kept.size} leaves) is a beginning of this log ({head.size})"
        if kept.size > head.size:
            yield Check(
                "rolled-back", f"{about}; else the log was set back, or this file is older than the head", False
            )
            continue
        twin = next((other for other, _ in known if other.size == kept.size), None)
        if twin is not None:
            yield Check("fork", f"{about}; there is one root of {kept.size} leaves", twin.root == kept.root)
            continue
        yield from _connected(hashing, kept, head, about, outside)


def _connected(hashing: Hashing, kept: Head, head: Head, about: str, outside: Outside) -> Iterator[Check]:
    if outside.log is not None:
        root = outside.log.roots.get(kept.size)
        yield Check("history-replaced", about, root == kept.root)
    elif outside.server is not None:
        found = _get(f"{outside.server}/trace/consistency/{kept.size}/{head.size}")
        yield Check("history-replaced", about, is_consistent(hashing, kept, head, _bytes(found["hashes"])))
    else:
        yield Check("anchor-unconnected", f"{about}; this file does not say: pass --server or --log", False)


def _get(address: str) -> Any:
    if not address.startswith(("http://", "https://")):
        raise Unusable(f"not an address of a server: {address}")
    try:
        with urllib.request.urlopen(address, timeout=30) as answer:  # noqa: S310 - the scheme is checked above
            return json.loads(answer.read())
    except (OSError, ValueError) as error:
        raise Unusable(f"{address}: {error}") from error


def _bytes(hashes: Sequence[str]) -> list[bytes]:
    return [bytes.fromhex(one) for one in hashes]


# --- The log as exported ---------------------------------------------------------------------------------------------


class Export:
    """A log as auditors export it: a first line that describes it, then a line a leaf. Reading it checks it."""

    def __init__(self, path: Path, sizes: set[int], matter: str | None = None) -> None:
        self.roots: dict[int, bytes] = {}
        self.leaves: dict[int, str] = {}
        self.gap: int | None = None
        self.altered: list[int] = []
        with path.open(encoding="utf-8") as lines:
            self.about = _object(next(lines, ""))
            if self.about.get("kind") != "shanzhi.log":
                raise Unusable(f"{path} is no export of a log")
            self.head = Head.parse(self.about["head"])
            self._read(lines, Hashing(self.head.hash_name), sizes | {self.head.size}, matter)

    def _read(self, lines: Any, hashing: Hashing, sizes: set[int], matter: str | None) -> None:
        frontier = Frontier(hashing)
        for line in lines:
            one = _object(line)
            if one["seq"] != frontier.size + 1 and self.gap is None:
                self.gap = frontier.size + 1
            body, said = one.get("body"), bytes.fromhex(one["hash"])
            if body is not None and hashing.leaf(body) != said:
                self.altered.append(one["seq"])
            if body is not None and matter is not None and f'"matter":"{matter}"' in body:
                self.leaves[one["seq"]] = body
            frontier.add(said)
            if frontier.size in sizes:
                self.roots[frontier.size] = frontier.root
        self.size = frontier.size

    def checks(self, outside: Outside) -> Iterator[Check]:
        """Check the log against its own head, and against heads kept elsewhere."""
        yield Check(
            "leaf-missing", f"the places are 1 to {self.size} without a gap (first gap: {self.gap})", self.gap is None
        )
        yield Check("leaf-altered", f"every text hashes to its leaf (not: {self.altered[:5]})", not self.altered)
        yield Check("log-truncated", f"all {self.head.size} leaves of the head are there", self.size >= self.head.size)
        yield Check("log-mismatch", "the leaves lead to the root of the signed head",
                    self.roots.get(self.head.size) == self.head.root)  # fmt: skip
        yield from signature_checks(self.head, self.about["keys"], outside)
        yield from anchor_checks(self.head, [], outside._replace(log=self))


def _object(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError as error:
        raise Unusable(f"not JSON: {error}") from error
    if not isinstance(found, dict):
        raise Unusable("not a JSON object")
    return found


# --- A poll ----------------------------------------------------------------------------------------------------------


def sha256(text: str) -> str:
    """Hash text; hex."""
    return hashlib.sha256(text.encode()).hexdigest()


def canonical(value: Any) -> str:
    """Write JSON with sorted keys and no spaces."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def outcome(code: int, scope: dict[str, int], sums: dict[str, dict[str, int]]) -> str:
    """Apply 民法典 278 with whole numbers: both axes must reach the quorum, and both must approve."""
    part = {axis: sum(sums[choice][axis] for choice in ("FOR", "AGAINST", "ABSTAIN")) for axis in ("area", "heads")}
    if not all(part[axis] > 0 and 3 * part[axis] >= 2 * scope[axis] for axis in part):
        return "QUORUM_NOT_MET"
    if code in SPECIAL_CODES:
        passed = all(4 * sums["FOR"][axis] >= 3 * part[axis] for axis in part)
    else:
        passed = all(2 * sums["FOR"][axis] > part[axis] for axis in part)
    return "PASSED" if passed else "NOT_PASSED"


def with_silent(sums: dict[str, dict[str, int]], served: dict[str, int]) -> dict[str, dict[str, int]]:
    """Add the silent owners to the side that leads on both axes."""
    for side in ("FOR", "AGAINST"):
        others = [sums[choice] for choice in sums if choice != side]
        if all(sums[side][axis] > other[axis] for other in others for axis in served):
            return {**sums, side: {axis: sums[side][axis] + served[axis] for axis in served}}
    return sums


def certificate_checks(certificate: dict[str, Any]) -> Iterator[Check]:
    """Check what the certificate says by itself."""
    if certificate["mode"] == "SEPARATED":
        yield from separated_checks(certificate)
        return
    receipts = certificate["receipts"]
    yield Check("receipts-altered", "the receipts are sorted, without repetition", receipts == sorted(set(receipts)))
    yield Check("receipts-altered", "the hash of the list of receipts",
                sha256("\n".join(receipts)) == certificate["receipts_hash"])  # fmt: skip
    yield Check("notice-too-late", "the notice was posted long enough before", _was_noticed(certificate))
    roll = {"area": certificate["roll"]["area"], "heads": certificate["roll"]["heads"]}
    for motion in certificate["motions"]:
        yield from _verdict_checks(motion, roll)


def separated_checks(certificate: dict[str, Any]) -> Iterator[Check]:
    """Check a separated poll: voters and ballots are as many, all voters are of the roll, and the figures add up."""
    receipts, voters = certificate["receipts"], certificate["roll"]["voters"]
    yield Check("roll-edited", "the roll is sorted, without repetition", voters == sorted(set(voters)))
    yield Check("roll-edited", "the hash of the roll", sha256("\n".join(voters)) == certificate["roll"]["hash"])
    yield Check("receipts-altered", "the receipts are sorted, without repetition", receipts == sorted(set(receipts)))
    yield Check("receipts-altered", "the hash of the list of receipts",
                sha256("\n".join(receipts)) == certificate["receipts_hash"])  # fmt: skip
    yield Check("ballot-inserted", "whoever voted is on the roll", set(receipts) <= set(voters))
    for motion in certificate["motions"]:
        yield from _box_checks(motion, len(receipts))


def _box_checks(motion: dict[str, Any], voted: int) -> Iterator[Check]:
    name, ballots, figures = f"motion {motion['position']}", motion["ballots"], motion["figures"]
    if ballots is None:
        withheld = figures["total"] is None and not figures["groups"]
        yield Check("sums-wrong", f"{name}: what is withheld has no figures", withheld)
        return
    yield Check("ballot-dropped", f"{name}: as many ballots as voters", len(ballots) == voted)
    yield Check("sums-wrong", f"{name}: the ballots add up", figures["total"] == _heads(motion, ballots))
    for group, told in figures["groups"].items():
        own = [one for one in ballots if one[0] == group]
        yield Check("sums-wrong", f"{name}: the ballots of {group} add up", told == _heads(motion, own))


def _heads(motion: dict[str, Any], ballots: list[list[Any]]) -> dict[str, Any]:
    counted = [[label, sum(at in one[1:] for one in ballots)] for at, label in enumerate(motion["options"])]
    return {"heads": len(ballots), "options": counted}


def _was_noticed(certificate: dict[str, Any]) -> bool:
    notice = certificate["notice"]
    if notice is None:
        return False
    days = int(certificate["settings"]["notice_days"]["value"])
    posted = date.fromisoformat(notice["posted_at"][:10])
    return posted + timedelta(days=days) < date.fromisoformat(certificate["opens_at"][:10])


def _verdict_checks(motion: dict[str, Any], roll: dict[str, int]) -> Iterator[Check]:
    verdict, name = motion["verdict"], f"motion {motion['position']}"
    strict, follow = verdict["strict"], verdict["follow"]
    yield Check("verdict-wrong", f"{name}: the whole is the roll", verdict["scope"] == roll)
    expected = outcome(verdict["code"], roll, strict["sums"])
    yield Check("verdict-wrong", f"{name}: the strict outcome is {expected}", expected == strict["outcome"])
    if follow is not None:
        joined = with_silent(strict["sums"], verdict["served"])
        yield Check("verdict-wrong", f"{name}: silent owners joined the leading side", joined == follow["sums"])
        yield Check("verdict-wrong", f"{name}: the outcome with them",
                    outcome(verdict["code"], roll, joined) == follow["outcome"])  # fmt: skip
    deciding = follow or strict
    yield Check("verdict-wrong", f"{name}: the outcome that decides", deciding["outcome"] == verdict["outcome"])
    for leg in deciding["legs"]:
        yield Check("verdict-wrong", f"{name}: {leg['name']}", _leg_met(leg) == leg["met"])


def _leg_met(leg: dict[str, Any]) -> bool:
    above, below = leg["threshold"]
    left, right = leg["numerator"] * below, leg["denominator"] * above
    return bool(leg["numerator"] > 0 and (left > right if leg["comparison"] == ">" else left >= right))


class Leaf(NamedTuple):
    """A deed of the poll, as the log has it."""

    seq: int
    deed: str
    at: str
    details: dict[str, Any]


def leaves_of(bundle: dict[str, Any]) -> list[Leaf]:
    """Read the leaves of a bundle, in the order of the log."""
    found = []
    for one in bundle["leaves"]:
        body = _object(one["body"])
        found.append(Leaf(one["seq"], body["deed"], body["at"], body["details"]))
    return sorted(found)


def log_checks(bundle: dict[str, Any], outside: Outside) -> Iterator[Check]:
    """Check that the leaves of a poll are under the signed head, and the head against what was kept elsewhere."""
    heads = [(Head.parse(one["note"]), _bytes(one["consistency"])) for one in bundle["heads"]]
    if not heads or not bundle["leaves"]:
        raise Unusable("the bundle has no head, or no leaf")
    head, hashing = heads[-1][0], Hashing(heads[-1][0].hash_name)
    places = [one["seq"] for one in bundle["leaves"]]
    yield Check("leaves-reordered", "the leaves are in the order of the log, each once", places == sorted(set(places)))
    wrong = [one["seq"] for one in bundle["leaves"] if hashing.leaf(one["body"]).hex() != one["hash"]]
    yield Check("leaf-altered", f"every text hashes to its leaf (not: {wrong[:5]})", not wrong)
    strange = [one["seq"] for one in bundle["leaves"] if _object(one["body"]).get("matter") != bundle["poll"]]
    yield Check("leaf-inserted", f"every leaf is of this poll (not: {strange[:5]})", not strange)
    yield Check("log-mismatch", "the leaves lead to the root of the signed head", _leads_to(hashing, bundle, head))
    for old, path in heads[:-1]:
        yield Check("history-replaced", f"the head of {old.size} leaves is a beginning of that of {head.size}",
                    is_consistent(hashing, old, head, path))  # fmt: skip
    sizes = [old.size for old, _ in heads]
    yield Check("fork", "there is one head of a size", len(set(sizes)) == len(sizes))
    for old, _ in heads:
        yield from signature_checks(old, bundle["keys"], outside if old is head else Outside([], None))
    yield from anchor_checks(head, heads, outside)
    if outside.log is not None:
        yield from _completeness(bundle, outside.log)


def _leads_to(hashing: Hashing, bundle: dict[str, Any], head: Head) -> bool:
    leaves = {one["seq"] - 1: hashing.leaf(one["body"]) for one in bundle["leaves"]}
    nodes = iter(_bytes(bundle["nodes"]))
    try:
        return root_of_some(hashing, leaves, head.size, nodes) == head.root and next(nodes, None) is None
    except (StopIteration, RuntimeError):
        return False


def _completeness(bundle: dict[str, Any], log: Export) -> Iterator[Check]:
    given = {one["seq"]: one["body"] for one in bundle["leaves"]}
    last = max(given)
    missing = [seq for seq in log.leaves if seq <= last and seq not in given]
    other = [seq for seq, body in given.items() if log.leaves.get(seq) != body]
    yield Check("leaf-dropped", f"every deed of the poll on the log is in the bundle (not: {missing[:5]})", not missing)
    yield Check("leaf-inserted", f"every leaf of the bundle is on the log (not: {other[:5]})", not other)


def deed_checks(certificate: dict[str, Any], leaves: list[Leaf], text: str) -> Iterator[Check]:
    """Check the certificate against what was on the log when the poll was announced, closed and counted."""
    announced = next((leaf for leaf in leaves if leaf.deed == "voting.announce_poll"), None)
    counted = next((leaf for leaf in reversed(leaves) if "certificate" in leaf.details), None)
    closed = next((leaf for leaf in leaves if leaf.deed == "voting.close_poll"), None)
    for name, leaf in (("announcement", announced), ("close", closed), ("count", counted)):
        yield Check("leaf-dropped", f"the {name} is on the log", leaf is not None)
    if announced is None or counted is None or closed is None:
        return
    yield Check("certificate-edited", f"the certificate is the one counted, leaf {counted.seq}",
                counted.details["certificate"] == sha256(text))  # fmt: skip
    said = announced.details
    yield Check("settings-changed", "the settings are those of the announcement",
                said.get("settings") == sha256(canonical(certificate["settings"])))  # fmt: skip
    yield Check("mode-changed", "ballots were kept as announced", said.get("mode") == certificate["mode"])
    roll = certificate["roll"]
    yield Check("roll-edited", "the roll is the one of the announcement",
                (said.get("roll"), said.get("roll_hash")) == (roll.get("id"), roll["hash"]))  # fmt: skip
    moved = [leaf.details.get("closes") for leaf in leaves if leaf.deed == "voting.extend_poll"]
    ends = [said.get("closes"), *moved]
    first, end = certificate["first_closes_at"], certificate["closes_at"]
    yield Check("schedule-changed", "voting began and ended as announced",
                (said.get("opens"), ends[0], ends[-1], closed.details.get("due"))
                == (certificate["opens_at"], first, end, end))  # fmt: skip
    late = [leaf.seq for leaf in leaves if leaf.deed in CASTS
            and (leaf.seq > closed.seq or leaf.at >= certificate["closes_at"])]  # fmt: skip
    yield Check("late-ballot", f"no ballot was cast after the close, leaf {closed.seq} (not: {late[:5]})", not late)


def receipt_checks(certificate: dict[str, Any], leaves: list[Leaf]) -> Iterator[Check]:
    """Check that the receipts of the certificate are those that the log has; of a separated poll it only has how many."""
    if certificate["mode"] == "SEPARATED":
        cast, voted = sum(leaf.deed == SEPARATED_CAST for leaf in leaves), len(certificate["receipts"])
        yield Check("ballot-dropped", f"of {cast} casts on the log none is left out ({voted} voters)", cast <= voted)
        yield Check("ballot-inserted", f"no voter is ticked beyond {cast} casts on the log ({voted})", cast >= voted)
        return
    listed, on_log = Counter(certificate["receipts"]), Counter(_receipts(leaves))
    yield Check("ballot-dropped", f"every receipt on the log is on the certificate (not: {_some(on_log - listed)})",
                not on_log - listed)  # fmt: skip
    yield Check("ballot-inserted", f"every receipt of the certificate is on the log (not: {_some(listed - on_log)})",
                not listed - on_log)  # fmt: skip


def _receipts(leaves: list[Leaf]) -> list[str]:
    return [leaf.details["receipt"] for leaf in leaves if "receipt" in leaf.details]


def _some(found: Any) -> str:
    return ", ".join(str(one)[:12] for one in sorted(found)[:5]) or "none"


def roll_checks(certificate: dict[str, Any], roll: dict[str, Any]) -> Iterator[Check]:
    """Check the published roll: its hash is the one of the announcement, its lines add up."""
    terms = [roll["record_date"], roll["scope"], roll["heads_key"], roll["include_parking"], roll["lines"]]
    yield Check("roll-edited", "the lines of the roll hash to what was announced",
                sha256(canonical(terms)) == certificate["roll"]["hash"])  # fmt: skip
    sums = (sum(line[3] for line in roll["lines"]), sum(line[4] for line in roll["lines"]))
    yield Check("roll-edited", "the lines of the roll add up",
                sums == (certificate["roll"]["area"], certificate["roll"]["heads"]))  # fmt: skip


def open_ballot_checks(
    certificate: dict[str, Any], ballots: dict[str, Any], roll: dict[str, Any] | None
) -> Iterator[Check]:
    """Check named ballots against the receipts, and add them up again."""
    yield Check("ballots-of-another-poll", "the ballots are of this poll", ballots["poll"] == certificate["poll"])
    returned = ballots["returned"]
    yield from _content_checks(ballots)
    listed, given = Counter(certificate["receipts"]), Counter(one["receipt"] for one in returned)
    yield Check("ballot-dropped", f"every receipt has its ballot (not: {_some(listed - given)})", not listed - given)
    yield Check("ballot-inserted", f"every ballot has its receipt (not: {_some(given - listed)})", not given - listed)
    late = [one["entry"] for one in returned if one["at"] >= certificate["closes_at"]]
    yield Check("late-ballot", f"no ballot came after the end (not: {late[:5]})", not late)
    if roll is not None:
        weights = {line[0]: (line[3], line[4]) for line in roll["lines"]}
        wrong = [one["entry"] for one in [*returned, *ballots["counted"]]
                 if weights.get(one["entry"]) != (one["area"], one["heads"])]  # fmt: skip
        yield Check("ballot-reweighted", f"every ballot weighs what the roll says (not: {wrong[:5]})", not wrong)
    entries = [one["entry"] for one in ballots["counted"]]
    yield Check("counted-twice", "one counted ballot an entry", len(set(entries)) == len(entries))
    unbacked = [one["entry"] for one in ballots["counted"] if not _is_backed(one, returned)]
    yield Check("count-altered", f"what is counted was returned so (not: {unbacked[:5]})", not unbacked)
    for index, motion in enumerate(certificate["motions"]):
        yield Check("sums-wrong", f"motion {motion['position']}: the ballots add up",
                    _sums(ballots["counted"], index) == motion["verdict"]["strict"]["sums"])  # fmt: skip


def _content_checks(ballots: dict[str, Any]) -> Iterator[Check]:
    """Name what happened to ballots that do not hash to their receipts: swapped, weighed anew, or altered."""
    wrong = [one for one in ballots["returned"] if _receipt(ballots, one) != one["receipt"]]
    swapped = {
        one["entry"] for one in wrong for other in wrong
        if one is not other and _receipt(ballots, {**one, "marks": other["marks"]}) == one["receipt"]
    }  # fmt: skip
    counted = {one["entry"]: (one["area"], one["heads"]) for one in ballots["counted"]}
    reweighted = {
        one["entry"] for one in wrong if one["entry"] in counted
        and _receipt(ballots, {**one, "area": counted[one["entry"]][0], "heads": counted[one["entry"]][1]}) == one["receipt"]
    }  # fmt: skip
    rest = sorted({one["entry"] for one in wrong} - swapped - reweighted)
    yield Check("ballots-swapped", f"no votes changed places (not: {sorted(swapped)[:5]})", not swapped)
    yield Check("ballot-reweighted", f"no ballot was weighed anew (not: {sorted(reweighted)[:5]})", not reweighted)
    yield Check("ballot-altered", f"every ballot hashes to its receipt (not: {rest[:5]})", not rest)


def _receipt(ballots: dict[str, Any], one: dict[str, Any]) -> str:
    body = {key: one[key] for key in ("entry", "area", "heads", "channel", "marks", "signed", "at", "nonce")}
    return sha256(canonical({"v": 1, "poll": ballots["poll"], **body}))


def _is_backed(counted: dict[str, Any], returned: list[dict[str, Any]]) -> bool:
    """Say whether each choice that counts for an entry stands on a signed ballot of that entry with its weight."""
    own = [one for one in returned if one["entry"] == counted["entry"] and one["signed"] and not one["withdrawn"]]
    weighed = all((one["area"], one["heads"]) == (counted["area"], counted["heads"]) for one in own)
    return weighed and all(
        any(one["marks"][at].replace("-", "B") == letter for one in own)
        for at, letter in enumerate(counted["choices"])
        if letter in CHOICES
    )


def _sums(counted: list[dict[str, Any]], index: int) -> dict[str, dict[str, int]]:
    sums = {choice: {"area": 0, "heads": 0} for choice in CHOICES.values()}
    for one in counted:
        choice = CHOICES.get(one["choices"][index])
        if choice is not None:
            sums[choice]["area"] += one["area"]
            sums[choice]["heads"] += one["heads"]
    return sums


BALLOT_CHECKS = {"OPEN": open_ballot_checks}
"""How the ballots of a poll are checked, by its mode."""


def bundle_checks(
    bundle: dict[str, Any], outside: Outside, ballots: dict[str, Any] | None, roll: dict[str, Any] | None
) -> Iterator[Check]:
    """Check everything that a bundle holds."""
    text = bundle["certificate"]
    certificate, leaves = _object(text), leaves_of(bundle)
    yield Check("certificate-edited", "the certificate is of this poll", certificate["poll"] == bundle["poll"])
    yield from paper_checks(text, ballots or bundle.get("ballots"), roll or bundle.get("roll"))
    yield from log_checks(bundle, outside)
    yield from deed_checks(certificate, leaves, text)
    yield from receipt_checks(certificate, leaves)


def paper_checks(text: str, ballots: dict[str, Any] | None, roll: dict[str, Any] | None) -> Iterator[Check]:
    """Check a certificate, and what there is of its ballots and its roll, against each other: without the log."""
    certificate = _object(text)
    yield Check("certificate-edited", "the text of the certificate is canonical", canonical(certificate) == text)
    yield from certificate_checks(certificate)
    if roll is not None:
        yield from roll_checks(certificate, roll)
    if ballots is not None:
        check = BALLOT_CHECKS.get(certificate["mode"])
        if check is None:
            yield Check("mode-unknown", f"no ballots are taken out of polls of mode {certificate['mode']}", False)
        else:
            yield from check(certificate, ballots, roll)


# --- A receipt -------------------------------------------------------------------------------------------------------


def proof_checks(proof: dict[str, Any], body: str | None, outside: Outside) -> Iterator[Check]:
    """Check that a receipt is in a leaf, the leaf under a signed head, and the head what was kept elsewhere."""
    head = Head.parse(proof["head"])
    hashing, leaf = Hashing(head.hash_name), _object(proof["leaf"])
    if body is not None:
        yield Check(
            "receipt-replaced", "the receipt is the hash of the ballot's text", sha256(body) == proof["receipt"]
        )
    yield Check("receipt-replaced", f"the leaf {proof['seq']} bears the receipt {proof['receipt'][:12]}…",
                leaf["details"].get("receipt") == proof["receipt"])  # fmt: skip
    root = root_by_inclusion(
        hashing, hashing.leaf(proof["leaf"]), int(proof["seq"]) - 1, head.size, _bytes(proof["hashes"])
    )
    yield Check("log-mismatch", f"the leaf is under the head of {head.size} leaves", root == head.root)
    yield from signature_checks(head, proof["keys"], outside)
    yield from anchor_checks(head, [(head, [])], outside)


# --- A witness -------------------------------------------------------------------------------------------------------


def witness_checks(server: str, state: Path, outside: Outside) -> Iterator[Check]:
    """Ask a server for its head, check it against the last one seen, and keep it: one line a head, only added."""
    found = _get(f"{server}/trace/head.json")
    head = Head.parse(found["note"])
    lines = [json.loads(line) for line in state.read_text("utf-8").splitlines()] if state.exists() else []
    last = Head.parse(lines[-1]["note"]) if lines else None
    known = Key.parse(lines[0]["key"]) if lines else outside.key
    seen = outside._replace(heads=[*outside.heads, *([last] if last else [])], server=server, key=known)
    checks = [*signature_checks(head, found["keys"], seen), *anchor_checks(head, [(head, [])], seen)]
    yield from checks
    if all(check.holds for check in checks) and (last is None or head.note != last.note):
        with state.open("a", encoding="utf-8") as kept:
            line = {
                "at": int(time.time()),
                "note": head.note,
                "key": found["keys"][0]["key"],
                "before": _chained(lines),
            }
            kept.write(canonical(line) + "\n")


def _chained(lines: list[dict[str, Any]]) -> str:
    """Return the hash of the line before, so that a line taken out of a witness's own file shows."""
    return sha256(canonical(lines[-1])) if lines else ""


# --- The command line ------------------------------------------------------------------------------------------------


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    commands = parser.add_subparsers(dest="command", required=True)
    for name, what in (
        ("bundle", "BUNDLE"),
        ("certificate", "FILE"),
        ("receipt", "PROOF"),
        ("log", "EXPORT"),
        ("witness", "URL"),
    ):
        command = commands.add_parser(name)
        command.add_argument("subject", metavar=what)
        if name in ("bundle", "certificate"):
            command.add_argument("--ballots", type=Path, help="the ballots, for scrutineers")
            command.add_argument("--roll", type=Path, help="the published roll")
        if name == "certificate":
            continue
        command.add_argument("--head", type=Path, action="append", default=[], help="a signed head kept elsewhere")
        command.add_argument("--key", help="the key of the log, or a file with it")
        if name in ("bundle", "receipt"):
            command.add_argument("--log", type=Path, help="an export of the whole log")
            command.add_argument("--server", help="where to ask for proofs of consistency")
    commands.choices["receipt"].add_argument("--body", type=Path, help="the text of the ballot, which stays here")
    commands.choices["witness"].add_argument("--state", type=Path, required=True, help="the witness's own file")
    return parser


def _checks(given: argparse.Namespace) -> Iterator[Check]:
    if given.command == "certificate":
        return paper_checks(_certificate(given.subject), *_beside(given))
    heads = [Head.parse(path.read_text("utf-8")) for path in given.head]
    key = None
    if given.key:
        key = Key.parse(Path(given.key).read_text("utf-8") if Path(given.key).is_file() else given.key)
    outside = Outside(heads, key)
    if given.command == "log":
        return Export(Path(given.subject), {head.size for head in heads}).checks(outside)
    if given.command == "witness":
        return witness_checks(given.subject.rstrip("/"), given.state, outside)
    subject = _object(Path(given.subject).read_text("utf-8"))
    log = Export(given.log, {head.size for head in heads}, subject.get("poll")) if given.log else None
    outside = Outside(heads, key, log, given.server.rstrip("/") if given.server else None)
    if given.command == "receipt":
        body = given.body.read_text("utf-8").strip() if given.body else None
        return proof_checks(subject, body, outside)
    return bundle_checks(subject, outside, *_beside(given))


def _certificate(path: str) -> str:
    return Path(path).read_text("utf-8").rstrip("\n")


def _beside(given: argparse.Namespace) -> tuple[dict[str, Any] | None, dict[str, Any] | None]:
    """Read the ballots and the roll, if they were given."""
    ballots, roll = (_object(path.read_text("utf-8")) if path else None for path in (given.ballots, given.roll))
    return ballots, roll


def main(arguments: list[str]) -> int:
    """Check what the command line names, and print what holds and what does not."""
    given = _parser().parse_args(arguments)
    bad = 0
    try:
        for check in _checks(given):
            bad += not check.holds
            sys.stdout.write(f"ok  {check.about}\n" if check.holds else f"BAD {check.name}: {check.about}\n")
    except (Unusable, OSError, KeyError, TypeError, ValueError, IndexError, StopIteration) as error:
        sys.stdout.write(f"??? {type(error).__name__}: {error}\n")
        return 1 if bad else 2
    if given.command == "certificate":
        sys.stdout.write(
            f"    SHA-256 {sha256(_certificate(given.subject))}: compare it with the notice of the result.\n"
        )
    elif given.command != "witness" and not given.head:
        sys.stdout.write(
            "    No head from elsewhere was given: a log that was replaced as a whole would not be noticed.\n"
        )
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
