"""The protocol graphql-transport-ws, sentence by sentence.

Each case is what a sentence of the protocol's text says, in our words, with a conversation that would go otherwise if it
were not so. What the sentences say of single codes and payloads at length is in ``test_sockets.py``.
"""

from dataclasses import dataclass
from typing import Any

import pytest

from tests.unit.front_world import World, make_world
from tests.unit.test_sockets import COMPLETE, Client, next_of, served, stranger

INIT = {"type": "connection_init"}
ACK = {"type": "connection_ack"}
HELLO = next_of({"hello": "hello world"})


@dataclass(frozen=True)
class Say:
    """The client sends this."""

    message: dict[str, Any]


@dataclass(frozen=True)
class Hear:
    """The server sends this, and nothing before it."""

    message: dict[str, Any]


@dataclass(frozen=True)
class Refusal:
    """The server sends an error message for the operation."""

    id: str = "1"


@dataclass(frozen=True)
class Closed:
    """The server ends the connection with this code."""

    code: int


@dataclass(frozen=True)
class Release:
    """The resolver that waits goes on."""


def ask(query: str, id: str = "1", **more: Any) -> Say:
    """Subscribe to an operation."""
    return Say({"id": id, "type": "subscribe", "payload": {"query": query, **more}})


def ended(id: str) -> Say:
    """Complete an operation from the client's side."""
    return Say({"id": id, "type": "complete"})


Step = Say | Hear | Refusal | Closed | Release
OPENING: list[Step] = [Say(INIT), Hear(ACK)]
PING: list[Step] = [Say({"type": "ping"}), Hear({"type": "pong"})]

SENTENCES: dict[str, list[Step]] = {
    "connection_init may have no payload": [*OPENING, *PING],
    "connection_init may have a payload of null": [Say({**INIT, "payload": None}), Hear(ACK)],
    "connection_init may have a payload that we know nothing of": [Say({**INIT, "payload": {"x": [1]}}), Hear(ACK)],
    "two of connection_init close with 4429": [*OPENING, Say(INIT), Closed(4429)],
    "two of connection_init at once close with 4429": [Say(INIT), Say(INIT), Hear(ACK), Closed(4429)],
    "a client is ready once it was acknowledged": [*OPENING, ask("{ hello }"), Hear(HELLO), Hear(COMPLETE)],
    "an operation before the acknowledgement closes with 4401": [ask("{ hello }"), Closed(4401)],
    "complete before the acknowledgement is of an unknown id": [ended("1"), *OPENING],
    "a ping may come at any time and is answered by a pong": [*PING, *OPENING, *PING],
    "a ping may carry a payload": [
        Say({"type": "ping", "payload": {"a": {"b": 1}}}),
        Hear({"type": "pong", "payload": {"a": {"b": 1}}}),
    ],
    "a payload of null is none": [Say({"type": "ping", "payload": None}), Hear({"type": "pong"})],
    "a pong may come unasked and needs no answer": [Say({"type": "pong", "payload": {"a": 1}}), *PING],
    "operationName, variables and extensions may be null": [
        *OPENING, ask("{ hello }", operationName=None, variables=None, extensions=None), Hear(HELLO), Hear(COMPLETE),
    ],
    "operations are told apart by their ids and may overlap": [
        *OPENING, ask("{ wait }", "a"), ask("{ hello }", "b"), Hear(next_of({"hello": "hello world"}, "b")),
        Hear({"id": "b", "type": "complete"}), Release(), Hear(next_of({"wait": "done"}, "a")),
        Hear({"id": "a", "type": "complete"}),
    ],
    "an id that is active closes with 4409": [*OPENING, ask("{ wait }"), ask("{ hello }"), Closed(4409)],
    "an id is unique over all kinds of operation": [
        *OPENING, ask("subscription { listen }"), Hear(next_of({"listen": 1})), ask("mutation { act }"), Closed(4409),
    ],
    "an id is free again once its operation has completed": [
        *OPENING, ask("{ hello }"), Hear(HELLO), Hear(COMPLETE), ask("{ hello }"), Hear(HELLO), Hear(COMPLETE),
    ],
    "an id is free again once the client has completed it": [
        *OPENING, ask("subscription { listen }"), Hear(next_of({"listen": 1})), ended("1"), ask("{ hello }"),
        Hear(HELLO), Hear(COMPLETE),
    ],
    "an id is free again after an error": [
        *OPENING, ask("{ nope }"), Refusal(), ask("{ hello }"), Hear(HELLO), Hear(COMPLETE),
    ],
    "next carries each result in order, complete comes after all of them": [
        *OPENING, ask("subscription { count(to: 3) }"), *(Hear(next_of({"count": n})) for n in range(3)), Hear(COMPLETE),
    ],
    "a stream without results only completes": [*OPENING, ask("subscription { count(to: 0) }"), Hear(COMPLETE)],
    "an error ends the operation, and no complete follows": [*OPENING, ask("{"), Refusal(), *PING],
    "an error may come during the run and ends the operation, too": [
        *OPENING, ask("subscription { breaks }"), Hear(next_of({"breaks": 1})), Refusal(), *PING,
    ],
    "an error of one operation leaves the others": [
        *OPENING, ask("{ wait }", "a"), ask("{ nope }", "b"), Refusal("b"), Release(),
        Hear(next_of({"wait": "done"}, "a")), Hear({"id": "a", "type": "complete"}),
    ],
    "nothing is sent of a subscription that its client has completed": [
        *OPENING, ask("subscription { happen { wait } }"), ended("1"), Release(), *PING,
    ],
    "nothing is sent of a single result that its client has completed": [
        *OPENING, ask("{ wait }"), ended("1"), Release(), *PING,
    ],
    "complete of an unknown id is ignored": [*OPENING, ended("never"), *PING],
    "complete of an operation that has ended is ignored": [
        *OPENING, ask("{ hello }"), Hear(HELLO), Hear(COMPLETE), ended("1"), ended("1"), *PING,
    ],
    "a message of an unknown type closes with 4400": [*OPENING, Say({"type": "stop", "id": "1"}), Closed(4400)],
    "a message of the server's own types closes with 4400": [*OPENING, Say(ACK), Closed(4400)],
    "a message without a type closes with 4400": [Say({}), Closed(4400)],
    "a subscribe without a payload closes with 4400": [*OPENING, Say({"type": "subscribe", "id": "1"}), Closed(4400)],
    "a subscribe without a query closes with 4400": [
        *OPENING, Say({"type": "subscribe", "id": "1", "payload": {"variables": {}}}), Closed(4400),
    ],
    "a complete without an id closes with 4400": [*OPENING, Say({"type": "complete"}), Closed(4400)],
}  # fmt: skip


@pytest.mark.parametrize("sentence", SENTENCES)
async def test_the_protocol_says(sentence: str) -> None:
    """Word by word: what is sent, what comes back, in this order and nothing else."""
    world = make_world()
    async with served(world) as address, stranger(address) as client:
        for step in SENTENCES[sentence]:
            await _take(step, client, world)


async def _take(step: Step, client: Client, world: World) -> None:
    match step:
        case Say(message):
            await client.say(**message)
        case Hear(message):
            assert await client.hear() == message
        case Refusal(id):
            heard = await client.hear()
            assert (heard["id"], heard["type"]) == (id, "error")
            assert all("message" in error for error in heard["payload"])
        case Closed(code):
            assert await client.closing_code() == code
        case Release():
            world.events.release.set()
