"""No baseline is measured before it has given the same answers as our server."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bench.load import Line, WrongAnswer
from bench.servers import Server
from bench.workloads import Workload

READS = ("W1", "W2", "W3", "W4", "W6")
"""Workloads whose answer is the same for everybody who asks; W5's receipt never is."""


@dataclass(frozen=True)
class Party:
    """A server with the requests that are signed for it."""

    name: str
    server: Server
    workloads: Sequence[Workload]


async def check_agreement(parties: Sequence[Party], reference: str) -> None:
    """Ask every party for each read once; raises WrongAnswer where one differs from the reference."""
    answers = {(party.name, work.name): await _answer(party.server, next(work.requests))
               for party in parties for work in party.workloads if work.name in READS}  # fmt: skip
    for (name, workload), answer in answers.items():
        if answer != answers[reference, workload]:
            told = json.dumps(answer, ensure_ascii=False)[:600]
            raise WrongAnswer(f"{workload}: {name} answers otherwise than {reference}: {told}")


async def _answer(server: Server, request: bytes) -> Any:
    line = await Line.to(server.port)
    try:
        answer = await line.ask(request)
        return json.loads(answer.body)
    except ValueError:
        raise WrongAnswer(f"status {answer.status}: {answer.body[:300]!r}") from None
    finally:
        line.close()
