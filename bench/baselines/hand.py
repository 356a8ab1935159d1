"""The same documents answered by hand-written SQL behind our own front, with its limits and its check of who asks."""

from __future__ import annotations

import os
import re
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import orjson
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from bench import workloads as w
from bench.baselines import hand_sql as sql
from bench.baselines.common import Place, now
from bench.baselines.hand_casting import cast
from bench.baselines.hand_doors import Door, LiteDoor, PostgresDoor
from bench.world import ROOT
from core.access import ANYONE, Viewer
from core.config import load_config
from core.kernel import Kernel
from core.tokens import read_access_token
from core.viewers import load_session_viewer
from plugins.voting import rules
from plugins.voting.rules import Weight
from schema.compose import profiles_of
from schema.execution import Caller, Work
from schema.front import GraphQLFront
from schema.limits import Limits
from schema.operations import Operations, Prepared
from schema.scalars import area_text

NOWHERE = ("~", "~")
Run = Callable[["Hand", Viewer, Mapping[str, Any]], Awaitable[Any]]
_PLACES = re.compile(r'(\w+): community\(code: "(\w+)"\)')


@dataclass(frozen=True)
class Asked:
    """Whose eyes and which plugin: what the statements are bound to."""

    viewer: Viewer
    office: tuple[str, str]
    enabled: tuple[str, str]

    def bound(self, **more: Any) -> dict[str, Any]:
        """Return the parameters of a statement."""
        low, high = self.office
        on, off = self.enabled
        me = self.viewer.person_id or 0
        return {"me": me, "low": low, "high": high, "on": on, "off": off, "now": now(), **more}


class Hand:
    """An executor that knows six documents, each by its digest."""

    def __init__(self, kernel: Kernel, door: Door, operations: Operations, enabled: tuple[str, str]) -> None:
        self.operations = operations
        self.door = door
        self._kernel = kernel
        self._enabled = enabled
        self._known: dict[str, Run] = {}

    async def context(self, caller: Caller) -> Viewer:
        """Check who asks, as our own server does."""
        if caller.authorization is None:
            return ANYONE
        moment = self._kernel.clock.now()
        claims = read_access_token(self._kernel, caller.authorization.removeprefix("Bearer "), moment)
        viewer = await load_session_viewer(
            self.door,
            await self._kernel.permissions(),
            claims.account_id,
            claims.session_version,
            claims.family,
            now=moment,
        )
        return viewer or ANYONE

    async def execute(self, prepared: Prepared, variables: dict[str, Any], context: Viewer) -> dict[str, Any]:
        """Answer a document."""
        run = self._known.get(prepared.digest)
        if run is None:
            run = self._known[prepared.digest] = _plan(prepared)
        return {"data": await run(self, context, variables)}

    def subscribe(
        self, prepared: Prepared, variables: dict[str, Any], context: Any
    ) -> AsyncGenerator[dict[str, Any], None]:
        """Refuse: nothing measured is a subscription."""
        raise NotImplementedError("no measured document is a subscription")

    def asked(self, viewer: Viewer, permission: str) -> Asked:
        """Return what statements of a plugin are bound to."""
        ranges = viewer.ranges(permission)
        return Asked(viewer, ranges[0] if ranges else NOWHERE, self._enabled)

    async def json(self, statement: str, bound: Mapping[str, Any]) -> orjson.Fragment:
        """Run a statement whose only value is the answer."""
        [row] = await self.door.rows(statement, bound)
        return orjson.Fragment(row[0])


def _plan(prepared: Prepared) -> Run:
    location = prepared.document.loc
    text = location.source.body if location else ""
    return _PLANS[text] if text in _PLANS else _wishes(text)


async def _typename(hand: Hand, viewer: Viewer, variables: Mapping[str, Any]) -> Any:
    return {"__typename": "Query"}


def _read(statement: str, permission: str) -> Run:
    async def run(hand: Hand, viewer: Viewer, variables: Mapping[str, Any]) -> Any:
        return await hand.json(statement, hand.asked(viewer, permission).bound(code=variables["code"]))

    return run


def _wishes(text: str) -> Run:
    places = dict(_PLACES.findall(text))
    if not places or w.W4_WISHES not in text:
        raise LookupError(f"there is no hand-written statement for {text[:200]}")
    statement = sql.wishes_of(list(places))

    async def run(hand: Hand, viewer: Viewer, variables: Mapping[str, Any]) -> Any:
        return await hand.json(statement, hand.asked(viewer, "wishes.screen_wish").bound(**places))

    return run


async def _tree(hand: Hand, viewer: Viewer, variables: Mapping[str, Any]) -> Any:
    statement = sql.TREE_ON_SQLITE if isinstance(hand.door, LiteDoor) else sql.TREE
    return await hand.json(statement, hand.asked(viewer, "wishes.screen_wish").bound(code=variables["code"]))


async def _cast(hand: Hand, viewer: Viewer, variables: Mapping[str, Any]) -> Any:
    return {"castBallot": await cast(hand.door, viewer, variables["input"])}


async def _poll(hand: Hand, viewer: Viewer, variables: Mapping[str, Any]) -> Any:
    bound = hand.asked(viewer, "voting.read_poll").bound(id=int(variables["id"].removeprefix("Poll_")))
    found = await hand.door.rows(sql.POLL, bound)
    if not found:
        return {"poll": None}
    [poll] = found
    turnout = await hand.door.rows(sql.TURNOUT, bound)
    waiting = await hand.door.rows(sql.WAITING, {**bound, "roll": poll["roll_id"]})
    motions = await hand.door.rows(sql.MOTIONS, {**bound, "round": poll["round"]})
    shown = {"nodes": [_motion(row) for row in motions]}
    return {
        "poll": {
            "title": poll["title"],
            "state": poll["state"],
            "turnout": _turnout(turnout, [row[0] for row in waiting]),
            "motions": shown,
        }
    }


def _turnout(rows: Any, waiting: list[int]) -> dict[str, Any]:
    part = Weight(sum(row["area_centi"] for row in rows), sum(row["heads"] for row in rows))
    whole = Weight(sum(row["all_area_centi"] for row in rows), sum(row["all_heads"] for row in rows))
    area, heads = rules.quorum_legs(whole, part)
    fewest, missing = 0, area.margin
    while fewest < len(waiting) and (missing > 0 or fewest < heads.margin):
        missing -= waiting[fewest]
        fewest += 1
    return {
        "area": _fraction(part.area_centi, whole.area_centi), "heads": _fraction(part.heads, whole.heads),
        "isQuorate": area.met and heads.met, "gapZh": rules.describe_gap(area, heads, "zh"), "fewestVoters": fewest,
        "buildings": [
            {"building": row["building"], "heads": _fraction(row["heads"], row["all_heads"])} for row in rows
        ],
    }  # fmt: skip


def _fraction(numerator: int, denominator: int) -> dict[str, str]:
    return {"numerator": str(numerator), "denominator": str(denominator)}


def _motion(row: Any) -> dict[str, Any]:
    if row["figures"] is None:
        return {"title": row["title"], "result": None}
    data = orjson.loads(row["figures"])
    sums, legs = data["strict"]["sums"], (data["follow"] or data["strict"])["legs"]
    verdict = {
        "outcome": row["outcome"] or data["outcome"],
        "strict": {"inFavour": _weight(sums["FOR"]), "against": _weight(sums["AGAINST"])},
        "legs": [{"name": leg["name"], "met": leg["met"], "marginZh": leg["margin_zh"]} for leg in legs],
    }
    return {"title": row["title"], "result": {"outcome": row["outcome"], "verdict": verdict}}


def _weight(data: Mapping[str, int]) -> dict[str, Any]:
    return {"area": area_text(data["area"]), "heads": data["heads"]}


_PLANS: dict[str, Run] = {
    "{__typename}": _typename,
    w.W1: _read(sql.COMMUNITY, "notices.oversee_notices"),
    w.W2: _read(sql.NOTICES, "notices.oversee_notices"),
    w.W3: _tree,
    w.W5: _cast,
    w.W6: _poll,
}


class _Site:
    """The application's parts, once the loop runs."""

    front: GraphQLFront

    @asynccontextmanager
    async def lifespan(self, app: Starlette) -> AsyncIterator[None]:
        """Open our own kernel for its schema, keys and settings, and a connection of one's own for all data."""
        place = Place.here()
        kernel = await Kernel.open(load_config(os.environ), root=ROOT)
        door: Door = LiteDoor(place.file) if place.is_sqlite else await PostgresDoor.open(place.url)
        schema = profiles_of(kernel.host, suggestions=False).superset()
        book = await kernel.settings_book()
        found = {r for name in ("notices", "wishes", "voting") for r in book.enabled_ranges(name, kernel.clock.now())}
        [enabled] = found  # the measured world has all plugins on, everywhere
        self.front = GraphQLFront(Hand(kernel, door, Operations(schema, Limits()), enabled), Work())
        yield
        await door.close()
        await kernel.close()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.front(scope, receive, send)


def application() -> Starlette:
    """Build the server."""
    site = _Site()

    async def ready(request: Any) -> PlainTextResponse:
        return PlainTextResponse("ok")

    return Starlette(lifespan=site.lifespan, routes=[Route("/readyz", ready), Route("/graphql", site)])
