"""The standard workloads W0 to W6: documents, who asks them from how many connections, and what a right answer is."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bench.load import Answer, Check, WrongAnswer, request_of
from bench.rows import BUSY_PLACES
from bench.world import DISTRICT, Copy

READERS = 8
FEW = 2  # for what takes long: two requests at once keep one process busy
VOTERS = 32

W1 = "query($code: ID!) { community(code: $code) { code name parent { code name } } }"
W2 = """query($code: ID!) { community(code: $code) { name
  notices(first: 20) { nodes { id title issuer postedAt author { name } } } } }"""
W3 = """query($code: ID!) { community(code: $code) { children(first: 4) { nodes { code name
  children(first: 60) { nodes { code name
    children(first: 2) { nodes { code name
      notices(first: 3) { nodes { id title author { name } } }
      wishes(first: 3) { nodes { id title state author { name } } } } } } } } } } }"""
W4_WISHES = "{ wishes(first: 100) { nodes { id title state author { name } claims(first: 2) { nodes { id state claimedAt } } } } }"
W5 = """mutation($input: CastBallotInput!) { castBallot(input: $input) { __typename
  ... on BallotReceipt { receipt castAt } ... on UserError { code message } } }"""
W6 = """query($id: ID!) { poll(id: $id) { title state
  turnout { area { numerator denominator } heads { numerator denominator } isQuorate gapZh fewestVoters
    buildings { building heads { numerator denominator } } }
  motions(first: 10) { nodes { title result { outcome
    verdict { outcome strict { inFavour { area heads } against { area heads } } legs { name met marginZh } } } } } } }"""


@dataclass
class Workload:
    """One standard workload on one copy of the world; ``requests`` goes on over the rounds."""

    name: str
    about: str
    requests: Iterator[bytes]
    check: Check
    clients: int = READERS


def workloads(copy: Copy) -> list[Workload]:
    """Return the workloads that a world allows: W5 and W6 need polls."""
    codes = copy.facts.communities
    found = [
        Workload("W0", "{__typename}", itertools.repeat(request_of("{__typename}")), has(b'"__typename":"Query"')),
        Workload("W1", "one community with its parent", _each(W1, codes), has(b'"parent"')),
        Workload("W2", "a community's 20 notices with authors", _each(W2, codes), counts(b'"title"', 20)),
        Workload("W3", "towns, communities, compounds, 3 notices + 3 wishes each", itertools.repeat(
            request_of(W3, {"code": DISTRICT}, token=copy.staff)), counts(b'"title"', 6 * copy.facts.compounds), FEW),
        Workload("W4", "500 wishes with author and claims", itertools.repeat(_wishes(copy)),
                 counts(b'"title"', 100 * BUSY_PLACES), FEW),
    ]  # fmt: skip
    return found + (_votes(copy) if copy.facts.votes else [])


def _votes(copy: Copy) -> list[Workload]:
    votes = copy.facts.votes
    assert votes is not None  # noqa: S101 - asked by the caller
    return [
        Workload("W5", "cast a ballot, every time another voter", ballots(votes.open, votes.motion, copy.voters),
                 has(b'"__typename":"BallotReceipt"'), VOTERS),
        Workload("W6", "result and turnout of 600 ballots", itertools.repeat(
            request_of(W6, {"id": votes.counted}, token=copy.staff)), has(b'"verdict"')),
    ]  # fmt: skip


def _each(document: str, codes: Sequence[str]) -> Iterator[bytes]:
    return itertools.cycle([request_of(document, {"code": code}) for code in codes])


def _wishes(copy: Copy) -> bytes:
    codes = copy.facts.communities[:BUSY_PLACES]
    fields = " ".join(f'c{n}: community(code: "{code}") {W4_WISHES}' for n, code in enumerate(codes))
    return request_of(f"{{ {fields} }}", token=copy.staff)


def ballots(poll: str, motion: str, tokens: Sequence[str]) -> Iterator[bytes]:
    """Give a ballot for every voter, each with an idempotency key of its own; then no more."""
    for number, token in enumerate(tokens):
        choice = "FOR" if number % 3 else "AGAINST"
        value = {"id": poll, "choices": [{"motion": motion, "choice": choice}], "idempotencyKey": f"bench-{number}"}
        yield request_of(W5, {"input": value}, token=token)


# --- what a right answer is -------------------------------------------------------------------------------------------


def _data(answer: Answer) -> bytes:
    """Return the body of an answer with data and without errors; raises WrongAnswer."""
    body = answer.body
    if answer.status != 200 or not body.startswith(b'{"data":{') or re.search(rb'"errors":\[', body[-4000:]):
        raise WrongAnswer(f"status {answer.status}: {body[:1000].decode(errors='replace')}")
    return body


def has(piece: bytes) -> Check:
    """Check that an answer has data, no errors, and this piece in it."""

    def check(answer: Answer) -> None:
        if piece not in _data(answer):
            raise WrongAnswer(f"{piece.decode()} is missing: {answer.body[:1000].decode(errors='replace')}")

    return check


def counts(piece: bytes, times: int) -> Check:
    """Check that an answer has data, no errors, and this piece in it so many times."""

    def check(answer: Answer) -> None:
        found = _data(answer).count(piece)
        if found != times:
            raise WrongAnswer(f"{piece.decode()} is there {found} times, not {times}")

    return check
