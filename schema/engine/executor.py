"""The executor that compiles what it can, and leaves the rest to graphql-core.

Queries may run again: whatever the engine cannot prove (an error, a null where there must be none) runs with graphql-core
from the start, which finds exact errors and paths. A mutation's deeds never run again: they are told their outcomes.
"""

from __future__ import annotations

import logging
from collections import Counter, OrderedDict
from typing import Any
from weakref import WeakKeyDictionary

from graphql import GraphQLSchema

from core.access import Sight, Where
from schema.context import Context, Deeds
from schema.engine.dialect import DIALECTS, Dialect
from schema.engine.program import Program
from schema.engine.scope import Scope
from schema.engine.sql import Eyes, Uncompilable
from schema.execution import StockExecutor
from schema.operations import Prepared
from schema.reading import Reading, visible_matters

log = logging.getLogger("shanzhi.engine")

KEPT_EYES = 2000


class EngineExecutor(StockExecutor):
    """Runs queries and deeds by compiled plans; what no plan is made for runs with graphql-core, unchanged."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.taken: Counter[str] = Counter()
        """How many operations took which strategy: A, B, C; ``stock`` without a plan, ``again`` after one that failed."""
        self._programs: WeakKeyDictionary[Prepared, Program | None] = WeakKeyDictionary()
        self._eyes: OrderedDict[tuple[Any, ...], Eyes] = OrderedDict()
        self._dialect: Dialect | None = None

    @property
    def core_schema(self) -> GraphQLSchema:
        """The schema as graphql-core knows it."""
        return self._core

    @property
    def dialect(self) -> Dialect:
        """How the database of this server writes JSON; known from the first request on."""
        if self._dialect is None:
            raise Uncompilable("no database yet")
        return self._dialect

    def use(self, dialect: Dialect) -> None:
        """Compile for a database from now on."""
        self._dialect = dialect

    def visible(self, sight: Sight) -> Where:
        """Admit the matters of all kinds that this schema knows: a rule over ``core_matter m``."""
        return visible_matters(sight, lambda name: self._core.get_type(name) is not None)

    def eyes(self, context: Context) -> Eyes:
        """Return the predicates of a context's viewer, kept as long as grants and settings stay as they are."""
        viewer, book = context.viewer, context.book
        key = (viewer.person_id, viewer.system, viewer.grants, book.version, book.epoch(context.now))
        found = self._eyes.get(key)
        if found is None:
            found = self._eyes[key] = Eyes(context.kernel.sight(viewer, book, context.now, lasting=True))
            if len(self._eyes) > KEPT_EYES:
                self._eyes.popitem(last=False)
        self._eyes.move_to_end(key)
        return found

    async def execute(self, prepared: Prepared, variables: dict[str, Any], context: Any) -> dict[str, Any]:
        """Run a query or a mutation."""
        program = self.program(prepared)
        if program is None or program.is_hopeless:
            self.taken["stock"] += 1
            return await super().execute(prepared, variables, context)
        self.use(DIALECTS[context.kernel.database.dialect])
        coerced = program.variables.coerced(variables)
        if coerced is None:
            self.taken["stock"] += 1
            return await super().execute(prepared, variables, context)
        if prepared.is_mutation:
            context.deeds = Deeds()
        try:
            scope = Scope(self._core, program.fragments, coerced)
            data, strategy = await program.plan(scope).answer(context, scope)
        except Uncompilable as why:
            log.debug("no plan for %s: %s", prepared.digest, why)
            return await self._again(program, variables, context, "stock")
        except Exception as why:  # noqa: BLE001 - whatever it was, graphql-core finds out what to answer
            log.debug("%s runs again: %r", prepared.digest, why)
            return await self._again(program, variables, context, "again")
        program.successes += 1
        self.taken[strategy] += 1
        return {"data": data}

    def program(self, prepared: Prepared) -> Program | None:
        """Return what is known of an operation; None for one that the engine does not run."""
        if prepared not in self._programs:
            self._programs[prepared] = None if prepared.is_subscription else Program(self, prepared)
        return self._programs[prepared]

    async def _again(self, program: Program, variables: dict[str, Any], context: Context, how: str) -> dict[str, Any]:
        program.failures += 1
        self.taken[how] += 1
        context.read_with = lambda context: Reading(context.kernel.database, context.sight)
        context.__dict__.pop("reading", None)
        if context.deeds is not None:
            context.deeds.tell()
        return await super().execute(program.prepared, variables, context)
