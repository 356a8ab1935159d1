"""The HTTP application: GraphQL endpoints, SDL, the explorer, uploads and downloads, health.

- ``/graphql`` the superset, ``/c/<code>/graphql`` a community's own profile; HTTP, event streams, graphql-transport-ws
- ``/schema.graphql`` and ``/c/<code>/schema.graphql``
- ``/uploads/<ticket>`` (POST, one file), ``/files/<id>/<expires>/<signature>`` (GET),
  ``/exports/<person>/<expires>/<signature>`` (GET, everything that is held about a person)
- ``/trace/…`` signed heads and proofs, ``/receipt`` a page that checks a receipt (``schema/trace.py``)
- whatever plugins declare, below ``/p/<plugin>/`` or elsewhere (``schema/plugin_routes.py``)
- ``/healthz`` the process answers, ``/readyz`` the database does
"""

import gc
import json
import os
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from core import access, identities
from core.database import StorageUnavailable
from core.kernel import Kernel
from schema.compose import ProfileSchema, profiles_of
from schema.context import Context
from schema.documents import load_documents
from schema.engine import EngineExecutor
from schema.execution import Caller, StockExecutor, Work
from schema.files import download, upload
from schema.front import GraphQLFront
from schema.gate import Gate
from schema.limits import Limits
from schema.operations import Operations
from schema.pages import STYLES, STYLES_ADDRESS
from schema.personal import ADDRESS as EXPORT_ADDRESS
from schema.personal import download as export_download
from schema.plugin_routes import PluginFront
from schema.plugin_routes import check as check_plugin_routes
from schema.policies import check_routes
from schema.sockets import GraphQLSocket
from schema.trace import routes as trace_routes
from schema.trace import state as trace_state

DRAIN_SECONDS = 10
USUAL_GC = gc.get_threshold()
PATIENT_GC = (20_000, 20, 50)
ASSETS = Path(__file__).parent / "_assets"
CSP = (
    "default-src 'self'; style-src 'self' 'unsafe-inline'; script-src 'self'; font-src 'self' data:; "
    "img-src 'self' data:; connect-src 'self' ws: wss:; worker-src 'self' blob:; frame-ancestors 'none'"
)


class Edge:
    """Everything HTTP needs: the kernel, its schemas, and one executor per schema in use."""

    def __init__(self, kernel: Kernel, *, demo: Mapping[str, Any]) -> None:
        self.kernel = kernel
        check_plugin_routes(kernel.host)
        self.profiles = profiles_of(kernel.host, suggestions=kernel.config.is_development)
        self.work = Work(Gate(kernel))
        self.plugin_routes = PluginFront(kernel, self.context)
        self._documents = load_documents(kernel.config.documents)
        self._demo = demo
        self._fronts: dict[frozenset[str], tuple[ProfileSchema, GraphQLFront, GraphQLSocket]] = {}
        self._superset: tuple[Any, GraphQLFront, GraphQLSocket] | None = None
        self._taken: Counter[str] = Counter()

    def front(self, plugins: frozenset[str]) -> tuple[GraphQLFront, GraphQLSocket]:
        """Return what serves one set of plugins; made on first use, for as long as its schema is cached."""
        schema = self.profiles.of(plugins)
        found = self._fronts.get(plugins)
        if found is None or found[0] is not schema:
            config = self.kernel.config
            operations = Operations(
                schema, Limits(), allow_introspection=config.introspection, suggestions=config.is_development,
                mode=config.operations, documents=self._documents, some=plugins != frozenset(self.profiles.usable()),
            )  # fmt: skip
            make = EngineExecutor if config.engine else StockExecutor
            executor = make(schema, self.context, operations=operations)
            if isinstance(executor, EngineExecutor):
                executor.taken = self._taken
            page = self.page if config.ide else None
            now = self.kernel.clock.now
            front = GraphQLFront(executor, self.work, profile=config.status_profile, page=page, now=now)
            found = schema, front, GraphQLSocket(executor, self.work, now=now)
            self._fronts = {key: kept for key, kept in self._fronts.items() if key in self.profiles.kept()}
            self._fronts[plugins] = found
        return found[1], found[2]

    def settle(self) -> None:
        """Compose the superset before the first request needs it, and let the garbage collector forget what stays.

        Schemas, models and code are some hundred thousand objects that live as long as the process. Without this they
        are looked through again and again while answers are made: a fifth of the time of a large one. What is young is
        looked at less often, too, for an answer leaves hardly any cycles.
        """
        self.front(frozenset(self.profiles.usable()))
        gc.collect()
        gc.freeze()
        gc.set_threshold(*PATIENT_GC)

    async def context(self, caller: Caller) -> Context:
        """Make the context of a request: who asks, when, with which settings."""
        kernel = self.kernel
        viewer, recognise = access.Viewer(language=caller.language), None
        if caller.authorization:
            recognise = await identities.recogniser(kernel, _bearer(caller.authorization), caller.language)
            viewer = await recognise()
        client = caller.scope.get("client")
        return Context(
            kernel, viewer, await kernel.settings_book(), kernel.clock.now(), address=client[0] if client else "",
            community_path=caller.scope.get("shanzhi.path"), recognise=recognise,
        )  # fmt: skip

    async def superset(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve ``/graphql``."""
        ready = self.kernel.host.ready()
        if self._superset is None or self._superset[0] is not ready:
            self._superset = (ready, *self.front(frozenset(self.profiles.usable())))
        _, http, socket = self._superset
        await (socket if scope["type"] == "websocket" else http)(scope, receive, send)

    async def community(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve ``/c/<code>/graphql``."""
        plugins = await self._enabled(scope["path_params"]["code"])
        if plugins is None:
            if scope["type"] == "websocket":
                await receive()
                await send({"type": "websocket.close", "code": 4404})
                return
            await _no_community(scope["path_params"]["code"])(scope, receive, send)
            return
        http, socket = self.front(plugins)
        await (socket if scope["type"] == "websocket" else http)(scope, receive, send)

    async def _enabled(self, code: str) -> frozenset[str] | None:
        """Return the plugins that are on in a community, or None when there is no such community."""
        path = await self.kernel.database.value("SELECT path FROM core_community WHERE code = ?", (code[:64],))
        if path is None:
            return None
        book, now = await self.kernel.settings_book(), self.kernel.clock.now()
        return frozenset(p for p in self.profiles.usable() if book.is_enabled(p, path, now))

    async def page(self, scope: Scope) -> Response:
        """Answer a browser with the explorer; in development with the demo's logins and a first query."""
        html = (ASSETS / "graphiql.html").read_text(encoding="utf-8")
        demo = json.dumps({"demo": [], **self._demo}, ensure_ascii=False).replace("<", "\\u003c")
        html = html.replace('{"demo": []}', demo, 1)
        return HTMLResponse(html, headers={"Content-Security-Policy": CSP, "X-Content-Type-Options": "nosniff"})

    async def sdl(self, request: Request) -> Response:
        """Answer ``/schema.graphql``."""
        return _sdl(self.profiles.superset())

    async def community_sdl(self, request: Request) -> Response:
        """Answer ``/c/<code>/schema.graphql``."""
        plugins = await self._enabled(request.path_params["code"])
        return _no_community(request.path_params["code"]) if plugins is None else _sdl(self.profiles.of(plugins))

    async def upload(self, request: Request) -> Response:
        """Take the file of a ticket."""
        return await upload(self.kernel, request)

    async def download(self, request: Request) -> Response:
        """Send the file of a signed address."""
        return await download(self.kernel, request)

    async def export(self, request: Request) -> Response:
        """Send what is held about the person of a signed address."""
        return await export_download(self.kernel, request)

    async def healthz(self, request: Request) -> Response:
        """Say that the process answers."""
        return JSONResponse({"status": "ok"})

    async def readyz(self, request: Request) -> Response:
        """Say whether the database answers, and how plugins, the log, processes, replicas and the engine stand."""
        try:
            await self.kernel.database.value("SELECT 1")
            trace = await trace_state(self.kernel)
        except StorageUnavailable:
            return JSONResponse({"status": "database unavailable"}, status_code=503, headers={"Retry-After": "5"})
        ready = {plugin.id for plugin in self.kernel.host.ready()}
        unwell = [p for p in self.kernel.host.plugins if p not in ready]
        replicas = self.kernel.database.replicas
        return JSONResponse({
            "status": "ok", "plugins": sorted(ready), "unwell": sorted(unwell), "process": os.getpid(),
            "bus": self.kernel.bus.state, "engine": dict(self._taken), "replicas": replicas.lags() if replicas is not None else {},
            "trace": trace,
            "degraded": {p.id: p.degraded.text("en") for p in self.kernel.host.plugins.values() if p.degraded is not None},
        })  # fmt: skip


Opening = Callable[[], Awaitable[Kernel]]


class Site:
    """The application around an edge that exists once the kernel is open."""

    def __init__(self, kernel: Kernel | Opening, demo: Mapping[str, Any]) -> None:
        self._kernel = kernel
        self._demo = demo
        self._edge = Edge(kernel, demo=demo) if isinstance(kernel, Kernel) else None

    @property
    def edge(self) -> Edge:
        """Return the edge; the server has run the lifespan before it asks for anything."""
        if self._edge is None:
            raise RuntimeError("the application serves only after its lifespan has started: run it in an ASGI server")
        return self._edge

    @asynccontextmanager
    async def lifespan(self, app: Any) -> AsyncIterator[None]:
        """Open the kernel, do its follow-up work meanwhile, and let deeds under way end before it closes."""
        if not isinstance(self._kernel, Kernel):
            self._edge = Edge(await self._kernel(), demo=self._demo)
        self.edge.kernel.join()
        running = self.edge.kernel.background()
        running.start()
        self.edge.settle()
        yield
        self.edge.kernel.feed.close()
        await self.edge.work.drain(DRAIN_SECONDS)
        await running.stop()
        await self.edge.kernel.close()
        gc.unfreeze()
        gc.set_threshold(*USUAL_GC)

    async def superset(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve ``/graphql``."""
        await self.edge.superset(scope, receive, send)

    async def community(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve ``/c/<code>/graphql``."""
        await self.edge.community(scope, receive, send)

    async def elsewhere(self, scope: Scope, receive: Receive, send: Send, not_found: ASGIApp) -> None:
        """Serve what the table of addresses does not have: an address of a plugin, or nothing."""
        if scope["type"] != "http" or not await self.edge.plugin_routes(scope, receive, send):
            await not_found(scope, receive, send)

    def _late(self, name: str) -> Callable[[Request], Awaitable[Response]]:
        """Return an endpoint that asks the edge, which exists only once the lifespan has started."""

        async def endpoint(request: Request) -> Response:
            answer: Response = await getattr(self.edge, name)(request)
            return answer

        return endpoint

    def routes(self) -> list[Any]:
        """Return the table of addresses."""
        found = [
            *_both("/graphql", self.superset),
            *_both("/c/{code}/graphql", self.community),
            Route("/", _home),
            Route("/schema.graphql", self._late("sdl")),
            Route("/c/{code}/schema.graphql", self._late("community_sdl")),
            Route("/uploads/{ticket}", self._late("upload"), methods=["POST"]),
            Route("/files/{id}/{expires}/{signature}", self._late("download")),
            Route(EXPORT_ADDRESS, self._late("export")),
            Route("/assets/graphiql/{name}", asset),
            Route(STYLES_ADDRESS, styles),
            *trace_routes(lambda: self.edge.kernel),
            Route("/healthz", self._late("healthz")),
            Route("/readyz", self._late("readyz")),
        ]
        check_routes([route.path for route in found])
        return found


def application(kernel: Kernel | Opening, *, demo: Mapping[str, Any] | None = None) -> ASGIApp:
    """Build the ASGI application of a kernel, or of one that its lifespan opens on the server's own loop.

    ``demo`` is what the explorer shows: ``demo``, a list of role, username and password, and ``query`` to begin with.
    """
    site = Site(kernel, demo or {})
    rest = Starlette(lifespan=site.lifespan, routes=site.routes())
    rest.router.default = partial(site.elsewhere, not_found=rest.router.default)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        # What front ends ask all day goes straight to its front, past the table of addresses.
        if scope["type"] == "http" and scope["path"] == "/graphql":
            await site.superset(scope, receive, send)
        else:
            await rest(scope, receive, send)

    return app


async def _home(request: Request) -> Response:
    return RedirectResponse("/graphql", 307)


async def asset(request: Request) -> Response:
    """Send a file of the explorer."""
    name = request.path_params["name"]
    if name not in ("graphiql.js", "graphiql.css", "LICENSES.txt"):
        return PlainTextResponse("not found", status_code=404)
    return FileResponse(ASSETS / name, headers={"X-Content-Type-Options": "nosniff", "Cache-Control": "max-age=3600"})


async def styles(request: Request) -> Response:
    """Send the style sheet of the public pages."""
    headers = {"X-Content-Type-Options": "nosniff", "Cache-Control": "public, max-age=300"}
    return FileResponse(STYLES, media_type="text/css", headers=headers)


class _Raw:
    """An ASGI endpoint for a route: Starlette wraps functions, but leaves objects alone."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app(scope, receive, send)


def _both(path: str, app: ASGIApp) -> list[Any]:
    methods = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD"]  # the front answers 405 with its own table
    return [Route(path, _Raw(app), methods=methods), WebSocketRoute(path, _Raw(app))]


def _bearer(header: str) -> str:
    scheme, _, token = header.partition(" ")
    return token.strip() if scheme.lower() == "bearer" else header.strip()


def _sdl(schema: ProfileSchema) -> Response:
    return PlainTextResponse(
        schema.as_str() + "\n", media_type="text/plain; charset=utf-8", headers={"X-Content-Type-Options": "nosniff"}
    )


def _no_community(code: str) -> Response:
    message = f"There is no community {code[:40]}. Ask /graphql for community codes."
    error = {"message": message, "extensions": {"code": "NOT_FOUND"}}
    return JSONResponse({"errors": [error]}, status_code=404)
