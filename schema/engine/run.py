"""One operation under way: its reads, its queue of resolvers, its answer."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson
from graphql import FieldNode, GraphQLResolveInfo, OperationDefinitionNode, get_named_type

from core import access
from core.access import Where
from core.hierarchy import lineage
from schema.context import Context
from schema.declared import REGISTRY, Declaration
from schema.engine.dialect import POISON
from schema.engine.later import Later
from schema.engine.patches import Child
from schema.engine.scope import Scope
from schema.engine.shapes import Field, Ready, Unproven
from schema.engine.sql import Bound, Query, Statement
from schema.paging import Order, check_first
from schema.reading import Reading, instance

if TYPE_CHECKING:
    import strawberry

    from schema.engine.compiler import Compiler
    from schema.engine.program import Plan

DEAR_SECONDS = 0.01
"""From here on a read is worth the way to a thread and back, which is in the estimate once it goes there."""


@dataclass
class Notes:
    """What an operation did, for who asks to have it explained."""

    reads: list[tuple[str, Statement, Sequence[Any], float, int]] = field(default_factory=list)
    """Label, statement, parameters, seconds and rows of every read."""
    resolved: list[tuple[str, int]] = field(default_factory=list)
    """The coordinates of resolved fields, each with the number of objects of its level."""


class Run:
    """What resolvers, reads and shapes of one operation share."""

    def __init__(self, plan: Plan, context: Context, scope: Scope, notes: Notes | None = None) -> None:
        self.plan, self.context, self.scope = plan, context, scope
        self.strategy = "A"
        self._waiting: dict[Field | Later, list[tuple[Any, dict[str, Any]]]] = {}
        self._notes = notes

    @property
    def operation(self) -> OperationDefinitionNode:
        """Return the operation that runs."""
        return self.plan.program.prepared.operation

    def enqueue(self, waiting: Field | Later, obj: Any, values: dict[str, Any]) -> None:
        """Let a field be resolved for an object, together with all others of its level."""
        self._waiting.setdefault(waiting, []).append((obj, values))

    async def drain(self) -> None:
        """Resolve level by level until nothing waits."""
        while self._waiting:
            waiting = next(iter(self._waiting))
            pairs = self._waiting.pop(waiting)
            if isinstance(waiting, Field) and waiting.definition.base_resolver is not None:
                self.strategy = "C"
            if self._notes is not None and isinstance(waiting, Field):
                self._notes.resolved.append((waiting.name, len(pairs)))
            await waiting.resolve(self, pairs)

    async def rows(self, label: str, query: Query, extra: Sequence[Any] = ()) -> tuple[Statement, Any]:
        """Read a compiled query as this viewer; raises Unproven for an answer in which something is amiss."""
        bound: Bound = self.plan.program.executor.eyes(self.context).bound(query)
        statement = bound.statement
        params = bound.params(self.context.now, self.scope.variables.coerced, extra)
        begun = time.perf_counter()
        rows = await self.context.kernel.database.fetch(statement.text, params, dear=statement.seconds > DEAR_SECONDS)
        took = time.perf_counter() - begun
        statement.seconds += (took - statement.seconds) / 8
        if self._notes is not None:
            self._notes.reads.append((label, statement, params, took, len(rows)))
        return statement, rows

    def settled(self, statement: Statement, value: Any) -> Any:
        """Return the value of an answer's text: the text itself, or what has to be patched."""
        if value is None:
            return None
        if (POISON if isinstance(value, bytes) else POISON.decode()) in value:
            raise Unproven("null where there must be none, or a plugin that is off")
        patch = statement.patch
        if patch is None:
            return orjson.Fragment(value)
        if self.strategy == "A":
            self.strategy = "B"
        holder = {"": orjson.loads(value)}
        spots = patch.spots(holder) if isinstance(patch, Child) else iter([(holder, "")])
        (patch.patch if isinstance(patch, Child) else patch).apply(spots, self.enqueue)
        return holder[""]


class CompiledReading(Reading):
    """The reads of one operation, each with all that is asked below it in one statement.

    What they return is for returning: objects with their key, path and base columns, complete for the answer.
    """

    def __init__(self, run: Run, context: Context) -> None:
        super().__init__(context.kernel.database, context.sight)
        self._run = run

    async def first_where(self, type_name: str, where: Where, info: strawberry.Info) -> Any | None:
        """Return the first visible object for which a predicate holds, or None."""
        raw, declaration = info._raw_info, REGISTRY[type_name]
        tail = f"ORDER BY {'{m}.id' if declaration.matter else '{t}.' + declaration.key} LIMIT 1"
        found = await self._objects(declaration, raw.field_nodes, where, tail)
        return found[0] if found else None

    async def by_ids(
        self, declaration: Declaration, keys: Iterable[int], info: GraphQLResolveInfo[Any], nodes: Sequence[FieldNode]
    ) -> dict[int, Any]:
        """Return the visible objects with these keys."""
        unique = list(dict.fromkeys(keys))
        if not unique:
            return {}
        key = "{m}.id" if declaration.matter else "{t}." + declaration.key
        among = (
            Where(f"{key} IN (SELECT value FROM json_each(?))", (orjson.dumps(unique).decode(),))
            if self.database.dialect == "sqlite"
            else Where(f"{key} = ANY(?)", (unique,))
        )
        return {obj.pk: obj for obj in await self._objects(declaration, nodes, among)}

    async def lineage(self, path: str, info: GraphQLResolveInfo[Any], nodes: Sequence[FieldNode]) -> list[Any]:
        """Return the communities from the top down to a path."""
        paths = lineage(path)
        if not paths:
            return []
        where = Where(f"{{t}}.path IN ({', '.join('?' * len(paths))})", paths)
        return await self._objects(REGISTRY["Community"], nodes, where, "ORDER BY {t}.path")

    async def page(
        self, type_name: str, info: strawberry.Info, *, where: Where = access.TRUE, order: Order, first: int,
        after: str | None, found: bool = False,
    ) -> Any:  # fmt: skip
        """Return a page as it goes into the answer."""
        raw, declaration = info._raw_info, REGISTRY[type_name]
        type_: Any = get_named_type(raw.return_type)
        key = ("page", type_name, where.sql, order.sql, order.descending, order.number, bool(after), found)
        return await self._page_of(
            key, raw.field_nodes, where, order, first, after,
            lambda compiler: compiler.page(declaration, raw.field_nodes, type_, where, order, bool(after), found),
        )  # fmt: skip

    async def matters_page(self, info: strawberry.Info, where: Where, first: int, after: str | None) -> Any:
        """Return a page of matters of all kinds as it goes into the answer."""
        raw, visible = info._raw_info, self._run.plan.program.executor.visible
        type_: Any = get_named_type(raw.return_type)
        return await self._page_of(
            ("matters", where.sql, bool(after)), raw.field_nodes, where, Order(), first, after,
            lambda compiler: compiler.matters(raw.field_nodes, type_, where, bool(after), visible),
        )  # fmt: skip

    async def related_one(self, root: Any, part: Any, info: strawberry.Info) -> Any:
        """Refuse: relations are part of what was read."""
        raise Unproven("a relation of an object that is complete")

    related_many = related_one  # type: ignore[assignment]

    async def _page_of(
        self, key: tuple[Any, ...], nodes: Sequence[FieldNode], where: Where, order: Order, first: int,
        after: str | None, compile: Callable[[Compiler], Statement],
    ) -> Ready:  # fmt: skip
        size = check_first(first)
        cursor = (
            Order("x" if order.sql else None, order.descending, order.number).after(after, "k").params if after else ()
        )
        query = self._run.plan.query((*key, *map(id, nodes)), compile)
        statement, rows = await self._run.rows(str(key[0]), query, (*where.params, size, size + 1, *cursor))
        return Ready(self._run.settled(statement, rows[0]["value"]), nodes)

    async def _objects(
        self, declaration: Declaration, nodes: Sequence[FieldNode], where: Where, tail: str = ""
    ) -> list[Any]:
        query = self._run.plan.query(
            ("objects", declaration.name, where.sql, tail, *map(id, nodes)),
            lambda compiler: compiler.objects(declaration, nodes, where, tail),
        )
        statement, rows = await self._run.rows(declaration.name, query, where.params)
        found = [instance(declaration, (), row) for row in rows]
        for obj, row in zip(found, rows, strict=True):
            obj.__dict__["ready"] = Ready(self._run.settled(statement, row["value"]), nodes)
        return found
