"""Two applications on one kernel and one stopped clock, one with the engine and one without; the same requests to both."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import httpx
from starlette.types import ASGIApp

from core import accounts
from schema.asgi import application
from tests.conftest import World
from tests.differential.comparison import Reply

CURSOR = re.compile(r'"cursor":"([^"]+)"')


@dataclass(frozen=True)
class Ask:
    """One request: a document, its variables, and who sends it where."""

    text: str
    variables: Mapping[str, Any] = field(default_factory=dict)
    operation: str | None = None
    viewer: str | None = None
    language: str = "zh"
    community: str | None = None
    """The code of the community whose own endpoint is asked; None for the superset."""

    def __str__(self) -> str:
        """Show everything that is needed to send it again."""
        where = f"/c/{self.community}/graphql" if self.community else "/graphql"
        variables = json.dumps(dict(self.variables), ensure_ascii=False)
        return f"{self.viewer or 'nobody'} ({self.language}) to {where}, operation {self.operation}, {variables}\n{self.text}"


class Twins:
    """Both applications, and the sessions of the cast."""

    def __init__(self, world: World) -> None:
        kernel = world.kernel
        self.world = world
        self._engine, self._stock = (
            _client(application(replace(kernel, config=kernel.config.model_copy(update={"engine": engine}))))
            for engine in (True, False)
        )
        self._tokens: dict[str, str] = {}

    async def engine(self, ask: Ask) -> Reply:
        """Ask the application with the engine."""
        return await self._send(self._engine, ask)

    async def stock(self, ask: Ask) -> Reply:
        """Ask the application that runs everything with graphql-core."""
        return await self._send(self._stock, ask)

    async def readiness(self) -> dict[str, Any]:
        """Return what the application with the engine tells operators about itself."""
        found: dict[str, Any] = (await self._engine.get("/readyz")).json()
        return found

    async def cursors(self, ask: Ask) -> set[str]:
        """Return every edge's cursor in the answer without the engine."""
        return set(CURSOR.findall((await self.stock(ask)).body.decode()))

    async def _send(self, client: httpx.AsyncClient, ask: Ask) -> Reply:
        headers = {"Accept": "application/graphql-response+json", "Accept-Language": ask.language}
        if ask.viewer is not None:
            headers["Authorization"] = f"Bearer {await self._token(ask.viewer)}"
        path = f"/c/{ask.community}/graphql" if ask.community else "/graphql"
        body = {"query": ask.text, "variables": dict(ask.variables), "operationName": ask.operation}
        found = await client.post(path, json=body, headers=headers)
        return Reply(found.status_code, found.headers["content-type"], found.content)

    async def _token(self, viewer: str) -> str:
        if viewer not in self._tokens:
            person = self.world.demo.people[viewer]
            self._tokens[viewer] = await accounts.access_token_for(self.world.kernel, person)
        return self._tokens[viewer]


def _client(app: ASGIApp) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://shanzhi.test", timeout=60)
