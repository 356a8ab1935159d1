"""What the engine makes of a document: ``python server.py explain FILE.graphql``.

The operation is run once as the viewer given, and every read is shown as the database was asked: its SQL, its
parameters, the database's own plan with the indexes that it uses, how long it took.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from core.database import Database
from schema.context import Context
from schema.engine.dialect import DIALECTS
from schema.engine.executor import EngineExecutor
from schema.engine.run import Notes
from schema.engine.scope import Scope
from schema.engine.shapes import Unproven
from schema.engine.sql import Uncompilable
from schema.operations import Prepared

MEANING = {
    "A": "all of it is columns and relations: SQL writes the answer",
    "B": "SQL writes the rows, Python puts them together",
    "C": "resolvers run level by level, above compiled reads",
}


async def explain(
    executor: EngineExecutor, prepared: Prepared, variables: Mapping[str, Any], context: Context
) -> list[str]:
    """Run a query and tell what was done, line by line."""
    program = executor.program(prepared)
    head = f"{prepared.kind.value} {prepared.name or ''}".strip()
    lines = [f"{head}: cost {prepared.cost.of(variables):,} of {executor.operations.limits.max_cost:,} values"]
    if program is None or prepared.is_mutation:
        return [*lines, "graphql-core runs it: only queries are explained, for to explain is to run"]
    coerced = program.variables.coerced(variables)
    if coerced is None:
        return [*lines, "the variables do not fit; run it to see why"]
    executor.use(DIALECTS[context.kernel.database.dialect])
    notes, scope = Notes(), Scope(executor.core_schema, program.fragments, coerced)
    try:
        _, strategy = await program.plan(scope).answer(context, scope, notes)
        lines.append(f"strategy {strategy}: {MEANING[strategy]}")
    except Uncompilable as why:
        lines.append(f"graphql-core runs it, for no plan can be made: {why}")
    except Unproven as why:
        lines.append(f"graphql-core runs it again, for this answer is not proven: {why}")
    except Exception as why:  # noqa: BLE001 - told, as graphql-core would have to find out what it means
        lines.append(f"graphql-core runs it again, to tell what is wrong: {type(why).__name__}: {why}")
    lines += [f"resolver {name}, once for {count} objects" for name, count in notes.resolved]
    for number, (label, statement, params, seconds, rows) in enumerate(notes.reads, 1):
        lines += ["", f"read {number}, {label}: {rows} rows in {seconds * 1000:.2f} ms", statement.text]
        lines.append(f"parameters: {json.dumps(list(params), ensure_ascii=False, default=str)}")
        lines += [f"  {step}" for step in await _plan(context.kernel.database, statement.text, params)]
    return lines


async def _plan(database: Database, sql: str, params: Any) -> list[str]:
    """Ask the database how it goes about a statement."""
    if database.dialect == "sqlite":
        return [str(row["detail"]) for row in await database.fetch(f"EXPLAIN QUERY PLAN {sql}", params)]
    return [str(row[0]) for row in await database.fetch(f"EXPLAIN {sql}", params)]
