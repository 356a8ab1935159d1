"""Relations that lie too deep for one statement: read for all rows of their level at once, after these are known."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import orjson
from graphql import FieldNode

from schema.declared import Declaration, ToMany, ToOne

if TYPE_CHECKING:
    from schema.engine.run import Run


class Later:
    """A relation of rows of a level, in a statement of its own; their objects are their keys."""

    def __init__(
        self, key: str, declaration: Declaration, part: ToOne | ToMany, nodes: Sequence[FieldNode], required: bool
    ) -> None:
        self.key, self._declaration, self._part = key, declaration, part
        self._nodes, self._required = nodes, required

    async def resolve(self, run: Run, pairs: Sequence[tuple[Any, dict[str, Any]]]) -> None:
        """Read the relation for all rows of the level, and put the values in their places."""
        query = run.plan.query(
            ("later", self._declaration.name, self._part.name, *map(id, self._nodes)),
            lambda compiler: compiler.relations(self._declaration, self._part, self._nodes, self._required),
        )
        keys = [obj if isinstance(obj, int) else obj.pk for obj, _ in pairs]
        label = f"{self._declaration.name}.{self._part.name}"
        statement, rows = await run.rows(label, query, (orjson.dumps(sorted(set(keys))).decode(),))
        found = {row["pk"]: row["value"] for row in rows}
        for key, (_, values) in zip(keys, pairs, strict=True):
            values[self.key] = run.settled(statement, found[key])
