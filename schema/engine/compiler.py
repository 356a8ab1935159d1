"""From a selection on declared types to one SQL statement that writes its JSON.

Strategy A: all of it is columns and relations, and the text goes to the wire as it is. Strategy B: some rows have fields
that Python resolves; SQL writes those rows so that ``patches`` can add them, everything else stays text for the parser.
The predicate of each type is part of the statement wherever the type occurs: in relations, counts and choices alike.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from graphql import FieldNode, GraphQLObjectType, get_named_type, is_enum_type, is_non_null_type
from tortoise.fields import IntField, SmallIntField

from core import access
from core.access import MATTER_PLACE, Rule, Sight, Where
from core.fields import DayField, EnumField, InstantField
from core.matters import STATE_NOW
from schema.declared import REGISTRY, Column, Declaration, Expression, ToMany, ToOne
from schema.engine.dialect import Dialect, concatenated, member
from schema.engine.later import Later
from schema.engine.patches import Child, Choice, Patch
from schema.engine.scope import Fields, Scope
from schema.engine.shapes import Field
from schema.engine.sql import Constant, Extra, Eyes, Given, OfRule, Slot, Sql, Statement, Uncompilable, joined
from schema.paging import Filter, Order, check_first
from schema.reading import MATTER_BASE, camel

_STORED = re.compile(r"\{t\}\.(\w+)")
_OF_MATTER = re.compile(r"\{m\}\.(title|kind|plugin|created_at|updated_at|community_id)")
_PLAIN_TYPES = {"DateTime", "Date"}
_PLAIN_FIELDS = (EnumField, InstantField, DayField)
_SMALL_FIELDS = (IntField, SmallIntField)

Item = Callable[[Sequence[FieldNode]], tuple[Sql, Patch | Choice | None]]


@dataclass(frozen=True)
class Source:
    """What a page is read from: its rows, their order, and how one of them is written."""

    table: str
    key: str
    order: Order
    order_sql: str | None
    where: Sql
    item: Item


@dataclass(frozen=True)
class Window:
    """Which page is asked for: its size, and the cursor before it."""

    first: Slot
    beyond: Slot
    after: Sql | None


@lru_cache(maxsize=256)
def _on_at(plugin: str) -> Rule:
    """Return the rule that admits places where a plugin is on; ``{here}`` stands for their path."""
    return lambda sight: access.within("{here}", sight.enabled(plugin))


class Compiler:
    """Compiles for one scope, one shape of predicates and one dialect."""

    def __init__(self, scope: Scope, eyes: Eyes, dialect: Dialect) -> None:
        self.scope = scope
        self.dialect = dialect
        self.rules: dict[Rule, None] = {}
        self._eyes = eyes
        self._aliases = 0
        self._depth = 0
        self._checks: list[Given] = []

    # -- whole statements --------------------------------------------------------------------------------------------

    def row(self, declaration: Declaration, nodes: Sequence[FieldNode], where: Where) -> Statement:
        """Compile the first row, by key, for which a predicate holds; its JSON is ``value``."""
        alias = self._alias()
        value, patch = self.object(declaration, alias, nodes)
        found = self._visible(declaration, alias, [self._extra(declaration, alias, where)])
        sql = self._answer(value) + f" AS value FROM {declaration.found_of(alias)} WHERE " + found
        return self._statement(sql + f" ORDER BY {declaration.key_of(alias)} LIMIT 1", patch)

    def objects(self, declaration: Declaration, nodes: Sequence[FieldNode], where: Where, tail: str = "") -> Statement:
        """Compile rows with what resolvers may ask of each: key, path, base columns; and its JSON as ``value``."""
        alias = self._alias()
        value, patch = self.object(declaration, alias, nodes)
        base = [joined([sql], "") + f" AS {name}" for name, sql in self._raw(declaration, alias, ())]
        found = self._visible(declaration, alias, [self._extra(declaration, alias, where)])
        sql = joined([*base, self._answer(value) + " AS value"], ", ") + f" FROM {declaration.found_of(alias)} WHERE "
        return self._statement(sql + found + " " + declaration.expand(tail, alias), patch)

    def relations(
        self, declaration: Declaration, part: ToOne | ToMany, nodes: Sequence[FieldNode], required: bool
    ) -> Statement:
        """Compile one relation of many rows at once, which are given by their keys: pairs of ``pk`` and ``value``."""
        alias = self._alias()
        value, below = self._relation(declaration, alias, part, nodes, required)
        key = declaration.key_of(alias)
        rows = Sql(f" FROM {declaration.found_of(alias)} WHERE {key} IN (SELECT value FROM json_each(?))", (Extra(0),))
        patch = Child("", *below) if below is not None else None
        return self._statement(f"{key} AS pk, " + self._answer(value) + " AS value" + rows, patch)

    def page(
        self, declaration: Declaration, nodes: Sequence[FieldNode], type_: GraphQLObjectType, where: Where,
        order: Order, after: bool, found: bool,
    ) -> Statement:  # fmt: skip
        """Compile a page whose predicate, size and cursor a resolver gives: extras, in this order."""
        alias = self._alias()
        source = self._source(declaration, alias, order, [self._extra(declaration, alias, where)])
        if found:
            source = replace(source, table=declaration.found_of(alias))
        return self._page(source, nodes, type_, where, after)

    def matters(
        self, nodes: Sequence[FieldNode], type_: GraphQLObjectType, where: Where, after: bool, visible: Rule
    ) -> Statement:
        """Compile a page of matters of all kinds, newest first; ``where`` is over ``m``, and extras are as in ``page``."""
        alias = self._alias()
        both = [_extras(where, 0), self._ruled(visible, lambda sql: sql)]
        inner = joined([piece.map("({})") for piece in both], " AND ")
        item: Item = lambda nodes: self._any_matter("m.id", Sql("m.plugin || '.' || m.kind"), nodes, alias)  # noqa: E731
        source = Source("core_matter m", "m.id", Order(), None, inner, item)
        return self._page(source, nodes, type_, where, after)

    def _page(
        self, source: Source, nodes: Sequence[FieldNode], type_: GraphQLObjectType, where: Where, after: bool
    ) -> Statement:
        count = len(where.params)
        behind = self._behind(source, [Extra(count + 2), Extra(count + 3)]) if after else None
        value, lists = self._connection(source, Window(Extra(count), Extra(count + 1), behind), nodes, type_)
        patch = Child("", lists[0], lists[1]) if lists else None
        return self._statement(self._answer(value) + " AS value", patch)

    def _answer(self, value: Sql) -> Sql:
        return value.map(self.dialect.answer)

    def _statement(self, sql: Sql, patch: Any) -> Statement:
        return Statement("SELECT " + sql.text, sql.slots, patch, tuple(self._checks))

    def _alias(self) -> str:
        self._aliases += 1
        return f"_{self._aliases}"

    # -- predicates and expressions ----------------------------------------------------------------------------------

    def _ruled(self, rule: Rule, expand: Callable[[str], str]) -> Sql:
        """Write what a rule says to these eyes; its parameters stay slots."""
        self.rules[rule] = None
        said = self._eyes.where(rule)
        return Sql(expand(said.sql), tuple(OfRule(rule, index) for index in range(len(said.params))))

    def _expression(self, declaration: Declaration, alias: str, sql: Expression) -> Sql:
        if isinstance(sql, str):
            return Sql(declaration.expand(sql, alias))
        return self._ruled(sql, lambda text: declaration.expand(text, alias))

    def _extra(self, declaration: Declaration, alias: str, where: Where) -> Sql:
        return _extras(Where(declaration.expand(where.sql, alias), where.params), 0)

    def _visible(
        self, declaration: Declaration, alias: str, more: Sequence[Sql], known: Callable[[str], str] | None = None,
        *, is_on: bool = False,
    ) -> Sql:  # fmt: skip
        """Join conditions with the predicate of a type; ``known`` writes what is known of its rows more simply."""
        seen = self._ruled(
            declaration.sees_where_on if is_on else declaration.sees,
            lambda text: declaration.expand(known(text) if known is not None else text, alias),
        )
        pieces = [*more] if seen.text == "TRUE" else [*more, seen]
        return joined([piece.map("({})") for piece in pieces], " AND ") if pieces else Sql("TRUE")

    # -- objects -----------------------------------------------------------------------------------------------------

    def object(self, declaration: Declaration, alias: str, nodes: Sequence[FieldNode]) -> tuple[Sql, Patch | None]:
        """Write a row as the JSON object that is asked of it."""
        type_ = self._type(declaration.name)
        asked = self.scope.collect(nodes, type_)
        pieces: list[Sql | str] = ["{"]
        opened: list[Field | Later] = []
        children: list[Child] = []
        for key, group in asked.items():
            pieces.append(member(key, len(pieces) == 1))
            written = self._member(declaration, alias, type_, key, group, children)
            if isinstance(written, (Field, Later)):
                opened.append(written)
                written = "null"
            pieces.append(written)
        value = concatenated([*pieces, "}"])
        if not opened:
            patch = Patch(declaration, (), (), (), tuple(children)) if children else None
            return value, patch
        fields = [field for field in opened if isinstance(field, Field)]
        columns = self._needed(declaration, fields)
        raw = self._raw(declaration, alias, columns) if fields else [("pk", Sql(declaration.key_of(alias)))]
        listed: list[Sql | str] = ['{"v":', value, ',"r":[']
        for index, (_, sql) in enumerate(raw):
            listed += ["," if index else "", self.dialect.raw(sql)]
        names = tuple(name for name, _ in raw)
        return concatenated([*listed, "]}"]), Patch(declaration, names, columns, tuple(opened), tuple(children))

    def _type(self, name: str) -> GraphQLObjectType:
        type_ = self.scope.schema.get_type(name)
        if not isinstance(type_, GraphQLObjectType):
            raise Uncompilable(f"{name} is not in this schema")
        return type_

    def _member(
        self, declaration: Declaration, alias: str, type_: GraphQLObjectType, key: str, group: Sequence[FieldNode],
        children: list[Child],
    ) -> Sql | str | Field | Later:  # fmt: skip
        name = group[0].name.value
        if name == "__typename":
            return json.dumps(type_.name)
        if name == "id":
            return concatenated([f'"{declaration.name}_', Sql(declaration.key_of(alias)), '"'])
        field = type_.fields[name]
        part = declaration.part(name)
        definition = (field.extensions or {})["strawberry-definition"]
        if part is None or definition.extensions or definition.permission_classes:
            return Field(self.scope, type_, key, group)
        required = is_non_null_type(field.type)
        if isinstance(part, Column):
            leaf = self._leaf(declaration, alias, part, get_named_type(field.type), required)
            return leaf if leaf is not None else Field(self.scope, type_, key, group)
        if self._is_deep(part):
            return Later(key, declaration, part, group, required)
        value, below = self._relation(declaration, alias, part, group, required)
        if below is not None:
            children.append(Child(key, *below))
        return value

    def _is_deep(self, part: ToOne | ToMany) -> bool:
        """Say whether a relation lies too deep for one statement: SQLite's parser has a stack of a hundred symbols."""
        return self.dialect.most_depth is not None and self._depth + _depth_of(part) > self.dialect.most_depth

    def _relation(
        self, declaration: Declaration, alias: str, part: ToOne | ToMany, nodes: Sequence[FieldNode], required: bool
    ) -> tuple[Sql, tuple[Any, Any] | None]:
        """Write what a relation shows; beside it the lists in which rows lie that need patching, and their patch."""
        self._depth += _depth_of(part)
        if isinstance(part, ToMany):
            value, below = self._to_many(declaration, alias, part, nodes)
        else:
            one, patch = self._to_one(declaration, alias, part, nodes)
            value = one.map(f"COALESCE({{}}, {self.dialect.poison if required else chr(39) + 'null' + chr(39)})")
            below = ((), patch) if patch is not None else None
        self._depth -= _depth_of(part)
        return value, below

    def _needed(self, declaration: Declaration, opened: Sequence[Field]) -> tuple[Column, ...]:
        """Return the columns that resolvers need: those they name, or all when one of them does not say."""
        needs = [field.needs for field in opened]
        if None in needs:
            return tuple(declaration.columns.values())
        return tuple(declaration.columns[name] for name in dict.fromkeys(n for some in needs for n in some or ()))

    def _raw(self, declaration: Declaration, alias: str, columns: Sequence[Column]) -> list[tuple[str, Sql]]:
        """Return the columns of which ``reading.instance`` makes an object, by name."""
        found = [("pk", Sql(declaration.key_of(alias)))]
        if declaration.matter is not None:
            found += [(f"m_{name}", Sql(f"m{alias}.{name}")) for name in MATTER_BASE]
            found.append(("m_state", self._ruled(_state_now, lambda sql: declaration.expand(sql, alias))))
        found += [(f"b_{name}", Sql(f"t{alias}.{name}")) for name in declaration.base]
        return found + [(f"c_{column.name}", self._masked(declaration, alias, column)) for column in columns]

    def _masked(self, declaration: Declaration, alias: str, column: Column) -> Sql:
        value = self._expression(declaration, alias, column.sql)
        if column.allowed is None:
            return value.map("({})") if not _STORED.fullmatch(str(column.sql)) else value
        rule = self._expression(declaration, alias, column.allowed)
        otherwise = declaration.expand(column.otherwise, alias)
        return "(CASE WHEN " + rule + " THEN " + value + f" ELSE {otherwise} END)"

    def _leaf(self, declaration: Declaration, alias: str, column: Column, type_: Any, required: bool) -> Sql | None:
        """Write a column as JSON; None when only Python can say its value."""
        value, write = self._masked(declaration, alias, column), self.dialect
        stored = None if column.allowed else _stored(declaration, column.sql)
        sure = _is_sure(column, stored)
        found: Sql | None = None
        if column.convert is json.loads:
            found = write.document(value, required=required)
        elif type_.name == "Boolean":
            found = write.boolean(value, required=required)
        elif column.convert is not None:
            pass
        elif is_enum_type(type_) or type_.name in _PLAIN_TYPES or isinstance(stored, _PLAIN_FIELDS):
            found = write.plain(value, sure=sure, required=required)
        elif type_.name in ("String", "ID"):
            found = write.text(value, sure=sure, required=required)
        elif type_.name == "Fen" or (type_.name == "Int" and type(stored) in _SMALL_FIELDS):
            found = write.number(value, sure=sure, required=required)
        elif type_.name == "Int":
            found = write.small(value, required=required)
        elif type_.name == "Area":
            found = write.area(value, required=required)
        return found

    # -- relations ---------------------------------------------------------------------------------------------------

    def _to_one(
        self, declaration: Declaration, alias: str, part: ToOne, nodes: Sequence[FieldNode]
    ) -> tuple[Sql, Patch | Choice | None]:
        key = self._expression(declaration, alias, part.key)
        if part.target == "Matter":
            if key.slots:
                raise Uncompilable("a pointer to any matter that depends on the viewer")
            tag = Sql(f"(SELECT k.plugin || '.' || k.kind FROM core_matter k WHERE k.id = {key.text})")
            return self._any_matter(key.text, tag, nodes, alias)
        target, inner = REGISTRY[part.target], self._alias()
        value, patch = self.object(target, inner, nodes)
        found = self._visible(target, inner, [f"{target.key_of(inner)} = " + key])
        return "(SELECT " + value + f" FROM {target.found_of(inner)} WHERE " + found + ")", patch

    def _any_matter(self, key: str, tag: Sql, nodes: Sequence[FieldNode], alias: str) -> tuple[Sql, Choice | None]:
        """Write the matter with a key as the type that its kind has; null when it may not be seen."""
        cases, patches = [], {}
        for (plugin, kind), declared in self._eyes.sight.kinds.items():
            if self.scope.schema.get_type(declared.type_name) is not None:
                target, inner = REGISTRY[declared.type_name], self._alias()
                value, patches[target.name] = self.object(target, inner, nodes)
                found = self._visible(target, inner, [Sql(f"{target.key_of(inner)} = {key}")])
                cases.append((f"{plugin}.{kind}", target, inner, value, found))
        is_open = any(patch is not None for patch in patches.values())
        choices = []
        for word, target, inner, value, found in cases:
            tagged = concatenated([f'["{target.name}",', value, "]"]) if is_open else value
            one = f"WHEN '{word}' THEN (SELECT " + tagged + f" FROM {target.found_of(inner)} WHERE " + found + ")"
            choices.append(one)
        if not choices:
            return Sql("NULL"), None
        return "(CASE " + tag + " " + joined(choices, " ") + " END)", Choice(patches) if is_open else None

    def _to_many(
        self, declaration: Declaration, alias: str, part: ToMany, nodes: Sequence[FieldNode]
    ) -> tuple[Sql, Any]:
        target, inner = REGISTRY[part.target], self._alias()
        field = self._type(declaration.name).fields[nodes[0].name.value]
        given = self.scope.slots(field, nodes[0])
        mine = Sql(f"{target.expand(part.by, inner)} = {declaration.key_of(alias)}")
        narrowed = [mine, *self._filters(target, inner, part, given)]
        if part.where is not None:
            narrowed.append(self._ruled(part.where, lambda text: target.expand(text, inner)))
        known = _of_parent(part.by, alias) if declaration.matter is not None else None
        is_on = _is_on_below(declaration, alias, part, target)
        source = self._source(target, inner, part.order, narrowed, known, is_on=is_on)
        window = self._window(source, given)
        value, lists = self._connection(source, window, nodes, get_named_type(field.type))
        if part.plugin is not None:
            path = f"m{alias}.path" if declaration.matter else f"t{alias}.path"
            on = self._ruled(_on_at(part.plugin), lambda text: text.replace("{here}", path))
            if on.text != "TRUE":  # beside the value, not around it: the parser's stack
                marked = "CASE WHEN " + on + f" THEN '' ELSE {self.dialect.poison} END"
                value = concatenated([marked, value])
        return value, lists

    def _filters(
        self, target: Declaration, alias: str, part: ToMany, given: Mapping[str, Constant | Given]
    ) -> list[Sql]:
        found = []
        for name, narrow in part.filters.items():
            slot = given.get(camel(name))
            if slot is None or (isinstance(slot, Constant) and slot.value is None):
                continue
            count = narrow.sql.count("?")
            if isinstance(slot, Constant):
                slots: tuple[Slot, ...] = tuple(Constant(value) for value in narrow.where(slot.value).params)
            else:
                slots = (Given(_through(slot, _bound(narrow))),) * count
            found.append(Sql(target.expand(narrow.sql, alias), slots))
        return found

    def _source(
        self, target: Declaration, alias: str, order: Order, where: Sequence[Sql],
        known: Callable[[str], str] | None = None, *, is_on: bool = False,
    ) -> Source:  # fmt: skip
        order_sql = target.expand(order.sql, alias) if order.sql else None
        item: Item = lambda nodes: self.object(target, alias, nodes)  # noqa: E731
        found = self._visible(target, alias, where, known, is_on=is_on)
        return Source(target.source_of(alias), target.key_of(alias), order, order_sql, found, item)

    def _window(self, source: Source, given: Mapping[str, Constant | Given]) -> Window:
        first, after = given.get("first", Constant(None)), given.get("after", Constant(None))
        behind = None
        if not (isinstance(after, Constant) and not after.value):
            count = 1 if source.order_sql is None else 2
            behind = self._behind(source, [Given(_through(after, _cursor(source.order, at))) for at in range(count)])
        return Window(Given(_through(first, check_first)), Given(_through(first, _one_more)), behind)

    def _behind(self, source: Source, slots: Sequence[Slot]) -> Sql:
        keyset = Order(source.order_sql, source.order.descending, source.order.number)
        where = keyset.after("0" if source.order_sql is None else "0~0", source.key)
        return Sql(where.sql, tuple(slots[: len(where.params)]))

    # -- pages -------------------------------------------------------------------------------------------------------

    def _connection(self, source: Source, window: Window, nodes: Sequence[FieldNode], type_: Any) -> tuple[Sql, Any]:
        """Write a page; beside it the lists in which rows lie that need patching, and their patch."""
        fields = self.scope.collect(nodes, type_)
        columns: list[Sql] = []
        opened: list[tuple[tuple[str, str | None], Any]] = []
        info = self._type("PageInfo")
        infos = [self.scope.collect(group, info) for group in fields.values() if group[0].name.value == "pageInfo"]
        asked = {group[0].name.value for some in infos for group in some.values()}
        cut = bool(asked & {"hasNextPage", "startCursor", "endCursor"})
        pieces: list[Sql | str] = ["{"]
        for key, group in fields.items():
            pieces.append(member(key, len(pieces) == 1))
            match group[0].name.value:
                case "__typename":
                    pieces.append(json.dumps(type_.name))
                case "totalCount":
                    pieces.append("(SELECT COUNT(*) FROM " + Sql(source.table) + " WHERE " + source.where + ")")
                case "pageInfo":
                    pieces.append(self._info(self.scope.collect(group, info), window))
                case "nodes" | "edges" as name:
                    value, found = self._items(source, name, group, type_)
                    pieces += ["[", self._list(columns, value, window, cut), "]"]
                    opened += [((key, inner), patch) for inner, patch in found]
                case name:
                    raise Uncompilable(f"{type_.name}.{name} is not a field of pages")
        value = self._selected(concatenated([*pieces, "}"]), columns, source, window, cut, asked)
        if len(opened) > 1:
            raise Uncompilable("rows that need resolvers, asked for twice in one page")
        return value, ((opened[0][0],), opened[0][1]) if opened else None

    def _items(
        self, source: Source, name: str, group: Sequence[FieldNode], type_: Any
    ) -> tuple[Sql, list[tuple[str | None, Any]]]:
        """Write one item of a page: a node, or an edge around it."""
        if name == "edges":
            edge = get_named_type(type_.fields["edges"].type)
            return self._edge(source, self.scope.collect(group, edge), edge.name)
        value, patch = source.item(group)
        return value, [(None, patch)] if patch is not None else []

    def _list(self, columns: list[Sql], value: Sql, window: Window, cut: bool) -> Sql:
        columns.append(value)
        slots = (window.first,) if cut else ()
        return Sql(self.dialect.joined(f"j{len(columns)}", cut), slots)

    def _edge(self, source: Source, fields: Fields, name: str) -> tuple[Sql, list[tuple[str | None, Any]]]:
        pieces: list[Sql | str] = ["{"]
        patches: list[tuple[str | None, Any]] = []
        for key, group in fields.items():
            pieces.append(member(key, len(pieces) == 1))
            match group[0].name.value:
                case "cursor":
                    pieces.append(self._cursor(source))
                case "node":
                    value, patch = source.item(group)
                    pieces.append(value.map("({})"))
                    if patch is not None:
                        patches.append((key, patch))
                case "__typename":
                    pieces.append(json.dumps(name))
        return concatenated([*pieces, "}"]), patches

    def _cursor(self, source: Source) -> Sql:
        if source.order_sql is None:
            return Sql(f"'\"' || {source.key} || '\"'")
        return self.dialect.text(Sql(f"({source.order_sql} || '~' || {source.key})"), sure=True, required=True)

    def _info(self, fields: Fields, window: Window) -> Sql:
        pieces: list[Sql | str] = ["{"]
        for key, group in fields.items():
            pieces.append(member(key, len(pieces) == 1))
            match group[0].name.value:
                case "hasNextPage":
                    more = Sql("CASE WHEN COUNT(*) > ? THEN 'true' ELSE 'false' END", (window.first,))
                    pieces.append(more.map("({})"))
                case "hasPreviousPage":
                    pieces.append("true" if window.after is not None else "false")
                case "startCursor":
                    pieces.append(Sql("COALESCE(MAX(CASE WHEN n = 1 AND n <= ? THEN c END), 'null')", (window.first,)))
                case "endCursor":
                    last = f"COALESCE(MAX(CASE WHEN n = {self.dialect.least}(total, ?) THEN c END), 'null')"
                    pieces.append(Sql(last, (window.first,)))
                case "__typename":
                    pieces.append('"PageInfo"')
        return concatenated([*pieces, "}"])

    def _selected(
        self, value: Sql, columns: Sequence[Sql], source: Source, window: Window, cut: bool, asked: set[str]
    ) -> Sql:
        """Put what is written of a page over the rows it is written from."""
        if not columns and not cut:
            slots = (window.first, *(window.after.slots if window.after else ()))
            self._checks += [slot for slot in slots if isinstance(slot, Given)]
            return "(" + value + ")"
        shown = [column + f" AS j{number}" for number, column in enumerate(columns, 1)]
        if asked & {"startCursor", "endCursor"}:
            shown.append(self._cursor(source) + " AS c")
        if not shown:
            shown = [Sql("1 AS one")]
        where = source.where if window.after is None else source.where + " AND " + window.after
        keyset = Order(source.order_sql, source.order.descending, source.order.number)
        rows = "SELECT " + joined(shown, ", ") + f" FROM {source.table} WHERE " + where
        rows += Sql(f" ORDER BY {keyset.by(source.key)} LIMIT ?", (window.beyond if cut else window.first,))
        if cut:
            total = ", COUNT(*) OVER () AS total" if "endCursor" in asked else ""
            rows = f"SELECT p.*, row_number() OVER () AS n{total} FROM (" + rows + ") p"
        return "(SELECT " + value + " FROM (" + rows + ") q)"


@lru_cache(maxsize=1000)
def _of_parent(pointer: str, alias: str) -> Callable[[str], str]:
    """Return how predicates of rows that point at a matter are written below that matter: its columns are at hand."""
    looked_up = re.compile(r"\(SELECT (\w+)\.(\w+) FROM core_matter \1 WHERE \1\.id = " + re.escape(pointer) + r"\)")
    return lambda text: looked_up.sub(rf"m{alias}.\2", text)


def _is_on_below(declaration: Declaration, alias: str, part: ToMany, target: Declaration) -> bool:
    """Say whether rows of a relation are of a place where their plugin is on, for it was asked of what they belong to.

    That is so for the matters of a community, which a plugin adds to it and answers for where it is off, and for what
    belongs to a matter of the same plugin. Asking it of every row again takes long where the places are many.
    """
    if declaration.matter is not None:
        is_here = target.path is not None and _of_parent(part.by, alias)(target.path) == f"m{alias}.path"
        return is_here and target.plugin == declaration.plugin
    return target.matter is not None and part.by == MATTER_PLACE and part.plugin == target.plugin


def _depth_of(part: ToOne | ToMany) -> int:
    """Return how many symbols of the parser's stack a relation takes, about."""
    if isinstance(part, ToMany):
        return 13
    return 16 if part.target == "Matter" else 10


def _state_now(sight: Sight) -> Where:
    return Where(STATE_NOW, (sight.now_wire,))


def _extras(where: Where, begin: int) -> Sql:
    return Sql(where.sql, tuple(Extra(begin + index) for index in range(len(where.params))))


def _stored(declaration: Declaration, sql: Expression) -> Any:
    """Return the model's field that an expression is, if it is just that."""
    found = _STORED.fullmatch(sql) if isinstance(sql, str) else None
    if found is None:
        return None
    meta = declaration.model._meta
    return meta.fields_map.get(meta.fields_db_projection_reverse.get(found[1], ""))


def _is_sure(column: Column, stored: Any) -> bool:
    """Say whether a column is never null."""
    if column.allowed is not None or not isinstance(column.sql, str):
        return False
    return bool(_OF_MATTER.fullmatch(column.sql)) or (stored is not None and not stored.null)


def _through(slot: Slot, change: Callable[[Any], Any]) -> Callable[[dict[str, Any]], Any]:
    """Return how a slot's value is read and changed for each request."""
    if isinstance(slot, Given):
        return lambda variables: change(slot.read(variables))
    value = slot.value if isinstance(slot, Constant) else None
    return lambda variables: change(value)


def _one_more(first: int | None) -> int:
    return check_first(first) + 1


def _bound(narrow: Filter) -> Callable[[Any], Any]:
    return lambda value: narrow.where(value).params[0]


def _cursor(order: Order, index: int) -> Callable[[str], Any]:
    return lambda cursor: (
        Order("x" if order.sql else None, order.descending, order.number).after(cursor, "k").params[index]
    )
