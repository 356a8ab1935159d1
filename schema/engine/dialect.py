"""How SQLite and PostgreSQL write JSON text.

Objects are written by concatenation: the names are literals, so that only values cost anything, and neither database's
limit on the arguments of ``json_object`` matters. A value that must not be null but is becomes ``POISON``, a raw control
character that no JSON text has: whoever reads the answer looks for it, and lets graphql-core find the exact error.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass

from schema.engine.sql import Sql, joined

POISON = b"\x01"
INT_MOST = (1 << 31) - 1


def literal(text: str) -> Sql:
    """Write a text literal."""
    return Sql("'" + text.replace("'", "''") + "'")


def concatenated(pieces: Iterable[Sql | str]) -> Sql:
    """Concatenate literals (str) and SQL text values; neighbouring literals become one."""
    merged: list[Sql | str] = []
    for piece in pieces:
        for part in piece.pieces or (piece,) if isinstance(piece, Sql) else (piece,):
            if isinstance(part, str) and merged and isinstance(merged[-1], str):
                merged[-1] += part
            else:
                merged.append(part)
    whole = joined((literal(p) if isinstance(p, str) else p for p in merged), " || ")
    return Sql(whole.text, whole.slots, tuple(merged))


def member(key: str, first: bool) -> str:
    """Write the name of a member of an object."""
    return ("" if first else ",") + json.dumps(key) + ":"


@dataclass(frozen=True)
class Dialect:
    """The expressions in which the databases differ, each with ``{}`` for the value."""

    name: str
    poison: str
    text_: str
    as_text: str
    raw_: str
    boolean_: str
    area_: str
    aggregate: str
    least: str
    answer: str
    most_depth: int | None

    def _null(self, required: bool) -> str:
        return self.poison if required else "'null'"

    def text(self, value: Sql, *, sure: bool, required: bool) -> Sql:
        """Write a text with JSON's escapes; ``sure`` says that it is never null, ``required`` that it must not be."""
        quoted = value.map(self.text_)
        if sure or not required:
            return quoted if sure or self.name == "sqlite" else quoted.map("COALESCE({}, 'null')")
        return quoted.map(f"COALESCE(NULLIF({{}}, 'null'), {self.poison})")

    def plain(self, value: Sql, *, sure: bool, required: bool) -> Sql:
        """Write a text that needs no escapes: instants, days, names of enum values."""
        quoted = value.map("'\"' || {} || '\"'")
        return quoted.map("({})") if sure else quoted.map(f"COALESCE({{}}, {self._null(required)})")

    def number(self, value: Sql, *, sure: bool, required: bool) -> Sql:
        """Write an integer."""
        shown = value.map(self.as_text)
        return shown if sure else shown.map(f"COALESCE({{}}, {self._null(required)})")

    def small(self, value: Sql, *, required: bool) -> Sql:
        """Write an integer of unknown size, which must fit GraphQL's 32 bits."""
        shown = value.map(f"CASE WHEN abs({{}}) > {INT_MOST} THEN {self.poison} ELSE {self.as_text} END")
        return shown.map(f"COALESCE({{}}, {self._null(required)})")

    def boolean(self, value: Sql, *, required: bool) -> Sql:
        """Write a truth value, stored as such or as 0 and 1."""
        return value.map(self.boolean_.replace("NULL_", self._null(required)))

    def area(self, value: Sql, *, required: bool) -> Sql:
        """Write hundredths of a square metre as ``"89.52"``."""
        return value.map(f"COALESCE({self.area_}, {self._null(required)})")

    def document(self, value: Sql, *, required: bool) -> Sql:
        """Write a column that holds JSON text."""
        return value.map(f"COALESCE({{}}, {self._null(required)})")

    def raw(self, value: Sql) -> Sql:
        """Write a column of any type for Python to read."""
        return value.map(self.raw_)

    def joined(self, column: str, cut: bool) -> str:
        """Aggregate the items of a page; with ``cut`` only those up to its size, whose placeholder follows."""
        kept = " FILTER (WHERE n <= ?)" if cut else ""
        return f"COALESCE({self.aggregate.replace('{}', column)}{kept}, '')"


SQLITE = Dialect(
    "sqlite", "char(1)", "json_quote({})", "({})", "json_quote({})",
    "CASE {} WHEN 0 THEN 'false' WHEN 1 THEN 'true' ELSE NULL_ END",
    "'\"' || CASE WHEN {} < 0 THEN '-' ELSE '' END || (abs({}) / 100) || '.' || substr('0' || (abs({}) % 100), -2) || '\"'",
    "group_concat({}, ',')", "min", "CAST({} AS BLOB)", 42,
)  # fmt: skip
POSTGRES = Dialect(
    "postgres", "chr(1)", "to_json(CAST({} AS TEXT))::TEXT", "CAST({} AS TEXT)", "COALESCE(to_json({})::TEXT, 'null')",
    "CASE CAST({} AS INTEGER) WHEN 0 THEN 'false' WHEN 1 THEN 'true' ELSE NULL_ END",
    "'\"' || CASE WHEN {} < 0 THEN '-' ELSE '' END || (abs({}) / 100) || '.' || right('0' || (abs({}) % 100), 2) || '\"'",
    "string_agg({}, ',')", "LEAST", "{}", None,
)  # fmt: skip
DIALECTS = {dialect.name: dialect for dialect in (SQLITE, POSTGRES)}
