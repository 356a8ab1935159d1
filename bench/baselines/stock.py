"""The same documents answered by a plain Strawberry, Tortoise ORM and DataLoader server, as a good user writes one.

The plugins' switches are not looked at, which spares this server a condition on every page.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import Annotated, Any

import strawberry
from joserfc.errors import JoseError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from strawberry.asgi import GraphQL
from strawberry.extensions import ParserCache, SchemaExtension, ValidationCache
from tortoise import Tortoise

from bench.baselines import stock_models as models
from bench.baselines.common import Place
from bench.baselines.stock_casting import BallotReceipt, CastBallotInput, CastBallotResult, NotAllowed, cast
from bench.baselines.stock_polls import Poll
from bench.baselines.stock_reading import Request, Viewer, viewer_of

Info = strawberry.Info[Request, None]


@strawberry.type
class Person:
    """A person."""

    id: strawberry.Private[int]

    @strawberry.field
    async def name(self, info: Info) -> str:
        """Return the name as far as the viewer may see it."""
        return await info.context.names.load(self.id)


@strawberry.type
class Notice:
    """A notice."""

    row: strawberry.Private[Any]

    @strawberry.field
    def id(self) -> strawberry.ID:
        """Return the global id."""
        return strawberry.ID(f"Notice_{self.row.matter_id}")

    @strawberry.field
    def title(self) -> str:
        """Return the title."""
        return str(self.row.matter.title)

    @strawberry.field
    def issuer(self) -> str:
        """Return who answers for it."""
        return str(self.row.issuer)

    @strawberry.field
    def posted_at(self) -> str | None:
        """Return since when it is on display."""
        posted: str | None = self.row.posted_at
        return posted

    @strawberry.field
    def author(self) -> Person | None:
        """Return who drafted it."""
        return Person(id=self.row.matter.author_id) if self.row.matter.author_id else None


@strawberry.type
class Claim:
    """A claim of a wish."""

    row: strawberry.Private[Any]

    @strawberry.field
    def id(self) -> strawberry.ID:
        """Return the global id."""
        return strawberry.ID(f"WishClaim_{self.row.id}")

    @strawberry.field
    def state(self) -> str:
        """Return where it stands."""
        return str(self.row.state)

    @strawberry.field
    def claimed_at(self) -> str:
        """Return when it was made."""
        return str(self.row.claimed_at)


@strawberry.type
class ClaimConnection:
    """A page of claims."""

    nodes: list[Claim]


@strawberry.type
class Wish:
    """A wish."""

    row: strawberry.Private[Any]

    @strawberry.field
    def id(self) -> strawberry.ID:
        """Return the global id."""
        return strawberry.ID(f"Wish_{self.row.id}")

    @strawberry.field
    def title(self) -> str:
        """Return the title."""
        return str(self.row.title)

    @strawberry.field
    async def state(self, info: Info) -> str:
        """Return the state at this moment."""
        return str(await info.context.states.load(self.row.id) or self.row.state)

    @strawberry.field
    def author(self, info: Info) -> Person | None:
        """Return whose wish it is, to themselves and to those who screen wishes."""
        viewer, row = info.context.viewer, self.row
        may = row.author_id == viewer.person_id or viewer.reaches("wishes.screen_wish", row.path)
        return Person(id=row.author_id) if may and row.author_id else None

    @strawberry.field
    async def claims(self, info: Info, first: int = 20) -> ClaimConnection:
        """Return the newest claims."""
        rows = await info.context.claims.load((self.row.id, first))
        return ClaimConnection(nodes=[Claim(row=row) for row in rows])


@strawberry.type
class NoticeConnection:
    """A page of notices."""

    nodes: list[Notice]


@strawberry.type
class WishConnection:
    """A page of wishes."""

    nodes: list[Wish]


@strawberry.type
class CommunityConnection:
    """A page of places."""

    nodes: list[Annotated[Community, strawberry.lazy(__name__)]]


@strawberry.type
class Community:
    """A place."""

    row: strawberry.Private[Any]

    @strawberry.field
    def code(self) -> str:
        """Return the code."""
        return str(self.row.code)

    @strawberry.field
    def name(self) -> str:
        """Return the name."""
        return str(self.row.name)

    @strawberry.field
    async def parent(self, info: Info) -> Annotated[Community, strawberry.lazy(__name__)] | None:
        """Return the place above."""
        if self.row.parent_id is None:
            return None
        return Community(row=await info.context.communities.load(self.row.parent_id))

    @strawberry.field
    async def children(self, info: Info, first: int = 20) -> CommunityConnection:
        """Return the places directly below."""
        rows = await info.context.children.load((self.row.id, first))
        return CommunityConnection(nodes=[Community(row=row) for row in rows])

    @strawberry.field
    async def notices(self, info: Info, first: int = 20) -> NoticeConnection:
        """Return the newest notices."""
        rows = await info.context.notices.load((self.row.id, first))
        return NoticeConnection(nodes=[Notice(row=row) for row in rows])

    @strawberry.field
    async def wishes(self, info: Info, first: int = 20) -> WishConnection:
        """Return the newest wishes."""
        rows = await info.context.wishes.load((self.row.id, first))
        return WishConnection(nodes=[Wish(row=row) for row in rows])


@strawberry.type
class Query:
    """What can be read."""

    @strawberry.field
    async def community(self, code: strawberry.ID) -> Community | None:
        """Return the place with this code."""
        row = await models.Community.get_or_none(code=code)
        return Community(row=row) if row else None

    @strawberry.field
    async def poll(self, info: Info, id: strawberry.ID) -> Poll | None:
        """Return a poll to those who may watch it."""
        row = await models.Poll.get_or_none(matter_id=int(id.removeprefix("Poll_"))).select_related("matter")
        viewer = info.context.viewer
        if row is None or row.announced_at is None:
            return None
        path = row.matter.path
        may = viewer.reaches("voting.read_poll", path) or any(home.startswith(path) for home in viewer.homes)
        return Poll(row=row) if may else None


@strawberry.type
class Mutation:
    """What can be done."""

    @strawberry.mutation
    async def cast_ballot(self, info: Info, input: CastBallotInput) -> CastBallotResult:
        """Cast a ballot."""
        return await cast(info.context.viewer, input)


class Front(GraphQL[Request, None]):
    """Strawberry's own ASGI application, with the loaders of each request."""

    async def get_context(self, request: Any, response: Any) -> Request:
        """Check who asks."""
        header = request.headers.get("authorization")
        if header is None:
            return Request(Viewer())
        try:
            viewer = await viewer_of(Place.here().claims(header))
        except JoseError as error:
            raise HTTPException(401, str(error)) from error
        if viewer is None:
            raise HTTPException(401, "this session has ended")
        return Request(viewer)


def application(*, is_cached: bool) -> Starlette:
    """Build the server; ``is_cached`` adds Strawberry's caches of parsed and of validated documents."""
    caches: list[type[SchemaExtension]] = [ParserCache, ValidationCache] if is_cached else []
    schema = strawberry.Schema(Query, Mutation, types=[BallotReceipt, NotAllowed], extensions=caches)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> Any:
        await Tortoise.init(config=_database(Place.here()), _enable_global_fallback=True)
        yield
        await Tortoise.close_connections()

    async def ready(request: Any) -> PlainTextResponse:
        await models.Role.first()
        return PlainTextResponse("ok")

    return Starlette(lifespan=lifespan, routes=[Route("/readyz", ready), Route("/graphql", Front(schema))])


def _database(place: Place) -> dict[str, Any]:
    if place.is_sqlite:
        pragmas = {"file_path": place.file, "journal_mode": "WAL", "synchronous": "FULL"}
        connection: Any = {"engine": "tortoise.backends.sqlite", "credentials": pragmas}
    else:
        connection = place.url.replace("postgresql://", "asyncpg://").replace("postgres://", "asyncpg://")
    return {
        "connections": {"default": connection},
        "apps": {"models": {"models": ["bench.baselines.stock_models"], "default_connection": "default"}},
    }
