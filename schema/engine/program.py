"""A document's operation as the engine knows it: its variables, and a plan for every way they steer it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from graphql import FragmentDefinitionNode, GraphQLObjectType

from core.access import Rule, Where
from schema.context import Context
from schema.declared import REGISTRY, Lookup
from schema.engine.compiler import Compiler
from schema.engine.run import CompiledReading, Notes, Run
from schema.engine.scope import Flags, Scope, flags_of
from schema.engine.shapes import Field
from schema.engine.sql import Eyes, Query, Statement, Uncompilable
from schema.engine.variables import Variables
from schema.operations import Prepared

if TYPE_CHECKING:
    from schema.engine.executor import EngineExecutor

KEPT_PLANS = 16
KEPT_QUERIES = 256


class Program:
    """One operation, prepared for this engine."""

    def __init__(self, executor: EngineExecutor, prepared: Prepared) -> None:
        self.executor, self.prepared = executor, prepared
        self.fragments: Mapping[str, FragmentDefinitionNode] = {
            node.name.value: node for node in prepared.document.definitions if isinstance(node, FragmentDefinitionNode)
        }
        self.variables = Variables(executor.core_schema, prepared.operation.variable_definitions or ())
        self._plans: dict[Flags, Plan] = {}
        self.failures = self.successes = 0

    @property
    def is_hopeless(self) -> bool:
        """Say whether nearly every run ended with graphql-core; one in sixteen is tried all the same."""
        self.failures += self.failures > 8 + 4 * self.successes
        return self.failures > 8 + 4 * self.successes and self.failures % 16 != 0

    def plan(self, scope: Scope) -> Plan:
        """Return the plan for the way these variables steer the operation."""
        flags = flags_of(self.variables.names, scope.variables.coerced)
        found = self._plans.get(flags)
        if found is None:
            if len(self._plans) >= KEPT_PLANS:
                self._plans.pop(next(iter(self._plans)))
            found = self._plans[flags] = Plan(self, scope)
        return found


@dataclass(frozen=True)
class Root:
    """A lookup at the root: which argument of which node, and its query."""

    key: str
    found: Lookup
    argument: Any
    query: Query


@dataclass
class Plan:
    """What an operation does: members of its answer in order, each ready, looked up or resolved."""

    program: Program
    scope: Scope
    members: list[tuple[str, Any]] = field(init=False)
    _queries: dict[tuple[Any, ...], Query] = field(default_factory=dict)

    def __post_init__(self) -> None:
        operation = self.program.prepared.operation
        root = self.scope.schema.get_root_type(operation.operation)
        if not isinstance(root, GraphQLObjectType) or operation.directives:
            raise Uncompilable("no root, or directives on the operation")
        self.members = []
        for key, nodes in self.scope.collect_root(operation.selection_set, root).items():
            name = nodes[0].name.value
            if name == "__typename":
                self.members.append((key, root.name))
                continue
            if name.startswith("__"):
                raise Uncompilable("introspection")
            made = Field(self.scope, root, key, nodes)
            if self.program.prepared.is_mutation and not made.is_deed:
                raise Uncompilable(f"{name} is no deed")
            self.members.append((key, self._root(key, made) if made.lookup is not None else made))

    def _root(self, key: str, made: Field) -> Root:
        found: Lookup = made.lookup
        target = REGISTRY[found.target]
        pk = "{m}.id" if target.matter else "{t}." + target.key
        where = Where(f"{found.sql.replace('{pk}', pk)} = ?", (None,))
        query = self.query((key,), lambda compiler: compiler.row(target, made.nodes, where))
        return Root(key, found, self.scope.slots(made.field, made.nodes[0])[found.argument], query)

    def query(self, key: tuple[Any, ...], compile: Callable[[Compiler], Statement]) -> Query:
        """Return a query of this plan, made on first use."""
        found = self._queries.get(key)
        if found is None:
            if len(self._queries) >= KEPT_QUERIES:
                self._queries.clear()
            found = self._queries[key] = Query(self._compiling(compile))
        return found

    def _compiling(
        self, compile: Callable[[Compiler], Statement]
    ) -> Callable[[Eyes], tuple[Statement, tuple[Rule, ...]]]:
        def run(eyes: Eyes) -> tuple[Statement, tuple[Rule, ...]]:
            compiler = Compiler(self.scope, eyes, self.program.executor.dialect)
            statement = compile(compiler)
            return statement, tuple(compiler.rules)

        return run

    async def answer(self, context: Context, scope: Scope, notes: Notes | None = None) -> tuple[dict[str, Any], str]:
        """Run it; returns the data and the strategy that it took."""
        run = Run(self, context, scope, notes)
        context.read_with = lambda context: CompiledReading(run, context)
        context.__dict__.pop("reading", None)
        data: dict[str, Any] = {}
        for key, part in self.members:
            if isinstance(part, Root):
                data[key] = await self._look_up(run, part)
            elif isinstance(part, Field):
                data[key] = None
                run.enqueue(part, None, data)
                if self.program.prepared.is_mutation:
                    await run.drain()
            else:
                data[key] = part
        await run.drain()
        return data, run.strategy

    async def _look_up(self, run: Run, root: Root) -> Any:
        argument = root.argument
        value = argument.value if hasattr(argument, "value") else argument.read(run.scope.variables.coerced)
        key = root.found.read(value)
        if key is None:
            return None
        statement, rows = await run.rows(root.key, root.query, (key,))
        return run.settled(statement, rows[0][0]) if rows else None
