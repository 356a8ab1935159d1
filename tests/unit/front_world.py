"""A small schema and a real server for the tests of the HTTP and WebSocket fronts."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any

import httpx
import strawberry
import uvicorn
from strawberry import UNSET

from core import errors
from core.database import StorageUnavailable
from schema.execution import Caller, StockExecutor, Work
from schema.front import GraphQLFront, Profile
from schema.limits import Limits
from schema.operations import Operations
from schema.wire import HttpProtocol, WebSocketProtocol

CLOSED = errors.Problem(errors.Conflict, "voting.poll_closed", "表决已截止。", "The poll is closed.")
SIGN_IN = errors.Problem(errors.Unauthenticated, "core.not_signed_in", "请先登录。", "Sign in first.")
SLOW_DOWN = errors.Problem(errors.TooMany, "core.too_many", "请稍后再试。", "Try later.")


@dataclass
class Context:
    """What the resolvers below see."""

    caller: Caller
    expires_at: datetime | None = None
    notes: dict[str, Any] = field(default_factory=dict)


@strawberry.type
class Closed:
    """The typed error of a mutation."""

    code: str


@strawberry.type
class Ballot:
    """The object of a mutation."""

    id: strawberry.ID


class ClosedHandler(strawberry.ExceptionHandler[errors.Conflict, Closed]):
    """Maps a domain error to its type, as the project's own schema does."""

    def handle(self, exception: errors.Conflict, *, field: Any, info: Any) -> Closed:
        """Return the typed error."""
        return Closed(code=exception.code)


@strawberry.type
class Option:
    """A leaf object."""

    label: str = "yes"


@strawberry.type
class Poll:
    """Something with pages below it."""

    title: str = "lift"

    @strawberry.field
    def options(self) -> list[Option]:
        """Return a list without a page size."""
        return [Option(), Option()]

    @strawberry.field
    def polls(self, first: int = 20) -> "Polls":
        """Return a page."""
        return Polls()

    @strawberry.field
    def rows(self, first: int | None = UNSET) -> list["Poll"]:
        """Return a list with a page size."""
        return []


@strawberry.type
class PollEdge:
    """An edge."""

    cursor: str
    node: Poll


@strawberry.type
class Polls:
    """A connection."""

    total_count: int = 0

    @strawberry.field
    def edges(self) -> list[PollEdge]:
        """Return the edges."""
        return []

    @strawberry.field
    def nodes(self) -> list[Poll]:
        """Return the nodes."""
        return []


class Events:
    """What happened inside resolvers, for a test to wait for."""

    def __init__(self) -> None:
        self.started = asyncio.Event()
        self.release = asyncio.Event()
        self.finished = asyncio.Event()
        self.cancelled = asyncio.Event()

    async def pass_through(self) -> None:
        """Say that a resolver started, wait to be released, and say how it ended."""
        self.started.set()
        try:
            await self.release.wait()
        except asyncio.CancelledError:
            self.cancelled.set()
            raise
        self.finished.set()


@strawberry.type
class Query:
    """The queries."""

    @strawberry.field
    def hello(self, name: str = "world") -> str:
        """Return a greeting."""
        return f"hello {name}"

    @strawberry.field
    def number(self, value: int) -> int:
        """Return the number given."""
        return value

    @strawberry.field
    def authorization(self, info: strawberry.Info) -> str | None:
        """Return what the context was made from."""
        found: str | None = info.context.caller.authorization
        return found

    @strawberry.field
    def boom(self) -> str | None:
        """Fail in a way nobody foresaw."""
        raise RuntimeError("password=hunter2")

    @strawberry.field
    def down(self) -> str | None:
        """Fail because the database is away."""
        raise StorageUnavailable("PostgreSQL at 10.0.0.7 does not answer")

    @strawberry.field
    def strict(self) -> str:
        """Fail where null is not allowed."""
        raise CLOSED()

    @strawberry.field
    def odd(self) -> int | None:
        """Return what the type cannot write."""
        secret: Any = "secret-value"
        return secret  # type: ignore[no-any-return]

    @strawberry.field
    async def wait(self, info: strawberry.Info) -> str:
        """Wait until the test says so."""
        await info.context.notes["events"].pass_through()
        return "done"

    @strawberry.field
    def poll(self) -> Poll:
        """Return one poll."""
        return Poll()

    @strawberry.field
    def polls(self, first: int = 20) -> Polls:
        """Return a page of polls."""
        return Polls()

    @strawberry.field
    def grid(self) -> list[list[Option]]:
        """Return lists in a list."""
        return []

    @strawberry.field
    def by_ids(self, ids: list[strawberry.ID]) -> list[Poll]:
        """Return polls by id."""
        return [Poll() for _ in ids]


@strawberry.type
class Mutation:
    """The mutations."""

    @strawberry.mutation
    def login(self, name: str) -> str:
        """Guess at a secret."""
        return name

    @strawberry.mutation
    async def act(self, info: strawberry.Info) -> str:
        """Do something that takes as long as the test says."""
        await info.context.notes["events"].pass_through()
        return "acted"

    @strawberry.mutation
    def cast(self, closed: bool) -> Annotated[Ballot | Closed, strawberry.union("CastResult")]:
        """Fail in a way that the schema declares."""
        if closed:
            raise CLOSED()
        return Ballot(id=strawberry.ID("Ballot_1"))


@strawberry.type
class Event:
    """An event that takes time to resolve."""

    @strawberry.field
    async def wait(self, info: strawberry.Info) -> str:
        """Wait until the test says so."""
        await info.context.notes["events"].pass_through()
        return "resolved"


@strawberry.type
class Subscription:
    """The subscriptions."""

    @strawberry.subscription
    async def happen(self) -> AsyncGenerator[Event, None]:
        """Happen once."""
        yield Event()

    @strawberry.subscription
    async def count(self, to: int) -> AsyncGenerator[int, None]:
        """Count up."""
        for number in range(to):
            yield number

    @strawberry.subscription
    async def listen(self, info: strawberry.Info) -> AsyncGenerator[int, None]:
        """Say one thing and wait for ever."""
        yield 1
        await info.context.notes["events"].pass_through()

    @strawberry.subscription
    async def breaks(self) -> AsyncGenerator[int, None]:
        """Fail after the first event."""
        yield 1
        raise RuntimeError("password=hunter2")

    @strawberry.subscription
    async def flood(self, size: int) -> AsyncGenerator[str, None]:
        """Say a lot without end."""
        while True:
            yield "x" * size
            await asyncio.sleep(0)


def make_schema() -> strawberry.Schema:
    """Build the schema of these tests."""
    return strawberry.Schema(Query, Mutation, Subscription, exception_handlers=[ClosedHandler()])


SCHEMA = make_schema()


@dataclass
class World:
    """One front with what the tests need to know of it."""

    work: Work
    executor: StockExecutor
    events: Events
    contexts: list[Context]
    front: GraphQLFront

    def client(self, **headers: str) -> httpx.AsyncClient:
        """Return a client that talks to the front without a network."""
        return client_of(self.front, **headers)


def client_of(app: Any, **headers: str) -> httpx.AsyncClient:
    """Return a client of any ASGI application; underscores in header names stand for hyphens."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://test", headers={"accept": "application/json"} | named
    )


def make_world(
    limits: Limits | None = None,
    *,
    profile: Profile = "hybrid",
    expires_at: datetime | None = None,
    **options: Any,
) -> World:
    """Build a front for the schema of these tests; a token ``bad`` is turned away."""
    events = Events()
    contexts: list[Context] = []

    async def make_context(caller: Caller) -> Context:
        if caller.authorization == "Bearer bad":
            raise SIGN_IN()
        if caller.authorization == "Bearer often":
            raise SLOW_DOWN(retry_after=30)
        if caller.authorization == "Bearer down":
            raise StorageUnavailable("PostgreSQL at 10.0.0.7 does not answer")
        if caller.authorization == "Bearer broken":
            raise RuntimeError("password=hunter2")
        contexts.append(Context(caller, expires_at, {"events": events}))
        return contexts[-1]

    of_front = {name: options.pop(name) for name in ("page", "streams", "now") if name in options}
    executor = StockExecutor(SCHEMA, make_context, operations=Operations(SCHEMA, limits, **options))
    work = Work()
    return World(work, executor, events, contexts, GraphQLFront(executor, work, profile=profile, **of_front))


class _Server(uvicorn.Server):
    """A server that says when it listens."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = asyncio.Event()

    async def startup(self, sockets: Any = None) -> None:
        """Start to listen."""
        await super().startup(sockets)
        self.listening.set()


@asynccontextmanager
async def serving(app: Any, *, patient: bool = False, **options: Any) -> AsyncIterator[str]:
    """Run a real server on a free port of this machine and give its address without a scheme.

    One that is ``patient`` waits at its end for what it has begun, as the project's server does.
    """
    protocols = {"http": HttpProtocol, "ws": WebSocketProtocol}
    config = uvicorn.Config(
        app, host="127.0.0.1", port=0, log_level="critical", lifespan="off", **protocols, **options
    )  # fmt: skip
    server = _Server(config)
    running = asyncio.create_task(server.serve())
    try:
        await server.listening.wait()
        host, port = server.servers[0].sockets[0].getsockname()
        yield f"{host}:{port}"
    finally:
        server.should_exit = True
        server.force_exit = not patient
        await running
