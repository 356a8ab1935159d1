"""Reads of declared types: one request's eyes on the database, one statement per relation and level.

Every statement carries the visibility predicate of its type. Rows become instances of the GraphQL class with plain
attributes, so that the resolvers of columns cost nothing.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import strawberry
from graphql import FieldNode, GraphQLResolveInfo

from core import access, errors
from core.database import Database, Row
from core.hierarchy import PLACE_COLUMNS, Place, find, lineage
from core.ids import global_id
from core.matters import STATE_NOW
from schema.declared import REGISTRY, Column, Declaration, Expression, Lookup, ToMany, ToOne
from schema.paging import Order, Page, check_first
from schema.selection import ANY, Asked, arguments_of, asked, item_nodes

MATTER_BASE = ("path", "community_id", "author_id", "kind", "plugin", "version", "created_at", "title", "frozen")


@dataclass(frozen=True)
class Statement:
    """The pieces of a SELECT of one declared type."""

    declaration: Declaration
    columns: tuple[Column, ...]
    select: str
    params: tuple[Any, ...]


@dataclass(frozen=True)
class PageQuery:
    """The statement of a page, the same for every object whose relation it reads."""

    made: Statement
    order: Order
    sql: str
    params: tuple[Any, ...]


class Reading:
    """Reads for one viewer at one moment."""

    def __init__(self, database: Database, sight: access.Sight) -> None:
        self.database = database
        self.sight = sight
        self._places: dict[int, Place] = {}

    # -- what resolvers call ---------------------------------------------------------------------------------------

    async def by_id(self, type_name: str, key: int, info: strawberry.Info) -> Any | None:
        """Return one object of a declared type, or None when there is none or it may not be seen."""
        found = await self.by_ids(REGISTRY[type_name], [key], info._raw_info, info._raw_info.field_nodes)
        return found.get(key)

    async def look_up(self, found: Lookup, value: str, info: strawberry.Info) -> Any | None:
        """Return the object of a root field that finds one, or None."""
        key = found.read(str(value))
        if key is None:
            return None
        sql = found.sql.replace("{pk}", REGISTRY[found.target].pk)
        return await self.first_where(found.target, access.Where(f"{sql} = ?", (key,)), info)

    async def first_where(self, type_name: str, where: access.Where, info: strawberry.Info) -> Any | None:
        """Return the first visible object for which a predicate holds, or None."""
        declaration = REGISTRY[type_name]
        raw = info._raw_info
        wanted = asked(raw, raw.field_nodes, declaration.names())
        objects = await self._select(declaration, wanted, where, f"ORDER BY {declaration.pk}", 1)
        await self._prefetch(declaration, objects, wanted)
        return objects[0] if objects else None

    async def page(
        self,
        type_name: str,
        info: strawberry.Info,
        *,
        where: access.Where = access.TRUE,
        order: Order,
        first: int,
        after: str | None,
        found: bool = False,
    ) -> Any:
        """Return a connection over the visible objects of a declared type for which a predicate holds.

        ``found`` says that the predicate finds their keys, so that the kind of a matter must not be the way in.
        """
        declaration = REGISTRY[type_name]
        raw = info._raw_info
        items, count = item_nodes(raw, raw.field_nodes)
        wanted = asked(raw, items, declaration.names())
        source = declaration.found_of() if found else declaration.source
        page = await self._page(declaration, wanted, where, order, check_first(first), after or None, count, source)
        await self._prefetch(declaration, page.items, wanted)
        return page.connection()

    async def by_ids(
        self, declaration: Declaration, keys: Iterable[int], info: GraphQLResolveInfo[Any], nodes: Sequence[FieldNode]
    ) -> dict[int, Any]:
        """Return the visible objects with these keys, each with what the nodes ask of it."""
        wanted = asked(info, nodes, declaration.names())
        unique = list(dict.fromkeys(keys))
        objects: list[Any] = []
        for start in range(0, len(unique), 500):
            where = access.among(declaration.pk, unique[start : start + 500])
            objects += await self._select(declaration, wanted, where, "", None)
        await self._prefetch(declaration, objects, wanted)
        return {obj.pk: obj for obj in objects}

    async def related_one(self, root: Any, part: ToOne, info: strawberry.Info) -> Any:
        """Return the object that a to-one relation of a row points at."""
        nodes = info._raw_info.field_nodes
        if id(nodes[0]) not in root.related:
            await self._load_one(root.declaration, part, [root], list(nodes), info._raw_info)
        return root.related[id(nodes[0])]

    async def related_many(self, root: Any, part: ToMany, info: strawberry.Info, arguments: Mapping[str, Any]) -> Any:
        """Return the connection of a to-many relation of a row."""
        nodes = info._raw_info.field_nodes
        if id(nodes[0]) not in root.related:
            await self._load_many(root.declaration, part, [root], list(nodes), info._raw_info)
        found = root.related[id(nodes[0])]
        if isinstance(found, errors.DomainError):
            raise found
        return found

    async def place(self, key: int) -> Place:
        """Return a community by its key; remembered for this request."""
        if key not in self._places:
            rows = await self.database.fetch(f"SELECT {PLACE_COLUMNS} FROM core_community WHERE id = ?", (key,))
            self._places[key] = Place.of(rows[0])
        return self._places[key]

    async def place_by_code(self, code: str) -> Place:
        """Return a community by its code, or raise NotFound."""
        rows = await self.database.fetch(f"SELECT {PLACE_COLUMNS} FROM core_community WHERE code = ?", (code,))
        if not rows:
            raise errors.NOT_FOUND(path=("community",), what=f"community {code[:40]}")
        return Place.of(rows[0])

    async def search_communities(self, info: strawberry.Info, text: str, first: int, under: str | None) -> list[Any]:
        """Return communities by the beginning of a code or a part of a name, at most ``first``."""
        place = await self.place_by_code(str(under)) if under else None
        found = await find(
            self.database, errors.check_text(text, "text", most=60), under=place, limit=check_first(first)
        )
        raw = info._raw_info
        objects = await self.by_ids(REGISTRY["Community"], [p.id for p in found], raw, raw.field_nodes)
        return [objects[p.id] for p in found if p.id in objects]

    def below(self, info: GraphQLResolveInfo[Any], name: str) -> list[FieldNode]:
        """Return the nodes that select one field of what the current field returns."""
        return [node for group in asked(info, info.field_nodes, ANY).of(name) for node in group]

    def inside(self, info: GraphQLResolveInfo[Any], node: FieldNode, name: str) -> list[FieldNode]:
        """Return the nodes that select one field below a node."""
        return [found for group in asked(info, [node], ANY).of(name) for found in group]

    async def lineage(self, path: str, info: GraphQLResolveInfo[Any], nodes: Sequence[FieldNode]) -> list[Any]:
        """Return the communities from the top down to a path, with what the nodes ask of them."""
        paths = lineage(path)
        if not paths:
            return []
        declaration = REGISTRY["Community"]
        wanted = asked(info, nodes, declaration.names())
        where = access.Where(f"t.path IN ({', '.join('?' * len(paths))})", paths)
        objects = await self._select(declaration, wanted, where, "ORDER BY t.path", None)
        await self._prefetch(declaration, objects, wanted)
        return objects

    async def matters_page(self, info: strawberry.Info, where: access.Where, first: int, after: str | None) -> Any:
        """Return a connection over matters of all kinds that the viewer may see and the schema knows, newest first."""
        raw = info._raw_info
        visible = visible_matters(self.sight, lambda name: raw.schema.get_type(name) is not None)
        keyset = Order()
        items, count = item_nodes(raw, raw.field_nodes)
        both = where & visible
        behind = both if after is None else both & keyset.after(after, "m.id")
        rows = await self.database.fetch(
            f"SELECT m.id FROM core_matter m WHERE {behind.sql} ORDER BY {keyset.by('m.id')} LIMIT ?",
            (*behind.params, first + 1),
        )
        total = 0
        if count:
            sql = f"SELECT COUNT(*) FROM core_matter m WHERE {both.sql}"
            total = int(await self.database.value(sql, both.params))
        keys = [row["id"] for row in rows[:first]]
        found = await self.matters_by_ids(keys, raw, items)
        shown = [found[key] for key in keys if key in found]
        return Page(shown, [str(o.pk) for o in shown], len(rows) > first, after is not None, total).connection()

    async def exists(self, declaration: Declaration, key: int) -> bool:
        """Say whether this viewer may see a row at all."""
        seen = declaration.seen(self.sight)
        sql = f"SELECT 1 FROM {declaration.found_of()} WHERE {declaration.pk} = ? AND {seen.sql}"
        return bool(await self.database.fetch(sql, (key, *seen.params)))

    async def may_know(self, declaration: Declaration, key: int) -> bool:
        """Say whether this viewer may know that a row exists: may see it, or could if its plugin were on."""
        seen = declaration.sees_where_on(self.sight)
        sql = f"SELECT 1 FROM {declaration.found_of()} WHERE {declaration.pk} = ? AND {declaration.expand(seen.sql)}"
        return bool(await self.database.fetch(sql, (key, *seen.params)))

    # -- SQL -------------------------------------------------------------------------------------------------------

    def statement(self, declaration: Declaration, wanted: Asked, *extra: str) -> Statement:
        """Write the SELECT list for what is asked of a type: its key, its matter's base, the columns wanted."""
        columns = self._columns(declaration, wanted)
        texts, params = [f"{declaration.pk} AS pk"], []
        if declaration.matter is not None:
            texts += [f"m.{name} AS m_{name}" for name in MATTER_BASE] + [f"{STATE_NOW.format(m='m')} AS m_state"]
            params.append(self.sight.now_wire)
        texts += [f"t.{name} AS b_{name}" for name in declaration.base]
        for part in self._wanted_to_one(declaration, wanted):
            pointer = self._expression(declaration, part.key)
            texts.append(f"{pointer.sql} AS k_{part.name}")
            params += pointer.params
        for column in columns:
            where = self._masked(declaration, column)
            texts.append(f"{where.sql} AS c_{column.name}")
            params += where.params
        return Statement(declaration, columns, ", ".join([*texts, *extra]), tuple(params))

    def _columns(self, declaration: Declaration, wanted: Asked) -> tuple[Column, ...]:
        names = wanted.names() - {"__typename", "id"}
        parts = [declaration.part(name) for name in sorted(names)]
        if None in parts:  # an ordinary resolver is asked too: it may need any column
            return tuple(declaration.columns.values())
        return tuple(part for part in parts if isinstance(part, Column))

    def _wanted_to_one(self, declaration: Declaration, wanted: Asked) -> list[ToOne]:
        parts = (declaration.part(name) for name in wanted.names())
        return [part for part in parts if isinstance(part, ToOne)]

    def _expression(self, declaration: Declaration, sql: Expression) -> access.Where:
        found = access.Where(sql) if isinstance(sql, str) else sql(self.sight)
        return access.Where(declaration.expand(found.sql), found.params)

    def _masked(self, declaration: Declaration, column: Column) -> access.Where:
        expression = self._expression(declaration, column.sql)
        if column.allowed is None:
            return expression
        rule = self._expression(declaration, column.allowed)
        otherwise = declaration.expand(column.otherwise)
        return access.Where(
            f"CASE WHEN {rule.sql} THEN {expression.sql} ELSE {otherwise} END", rule.params + expression.params
        )

    async def _select(
        self, declaration: Declaration, wanted: Asked, where: access.Where, tail: str, limit: int | None
    ) -> list[Any]:
        made = self.statement(declaration, wanted)
        both = declaration.seen(self.sight) & access.Where(declaration.expand(where.sql), where.params)
        sql = f"SELECT {made.select} FROM {declaration.found_of()} WHERE {both.sql} {tail}"
        params = (*made.params, *both.params)
        if limit is not None:
            sql, params = f"{sql} LIMIT ?", (*params, limit)
        return [self._object(made, row) for row in await self.database.fetch(sql, params)]

    def _object(self, made: Statement, row: Row) -> Any:
        return instance(made.declaration, made.columns, row)

    async def _page(
        self, declaration: Declaration, wanted: Asked, where: access.Where, order: Order, first: int,
        after: str | None, count: bool, source: str,
    ) -> Page:  # fmt: skip
        query = self._query(declaration, wanted, where, order, after, source)
        total = await self._count(declaration, where, source) if count else 0
        return await self._read(query, (), first, after is not None, total)

    def _query(
        self, declaration: Declaration, wanted: Asked, where: access.Where, order: Order, after: str | None,
        source: str, by: str = "",
    ) -> PageQuery:  # fmt: skip
        """Write the statement of a page; ``by`` is the SQL of the pointer whose value each reading gives first."""
        order_sql = declaration.expand(order.sql) if order.sql else None
        keyset = Order(order_sql, order.descending, order.number)
        behind = keyset.after(after, declaration.pk) if after is not None else access.TRUE
        made = self.statement(declaration, wanted, *([f"{order_sql} AS order_value"] if order_sql else []))
        both = declaration.seen(self.sight) & access.Where(declaration.expand(where.sql), where.params) & behind
        pointed = f"{declaration.expand(by)} = ? AND " if by else ""
        sql = (
            f"SELECT {made.select} FROM {source} WHERE {pointed}{both.sql} ORDER BY {keyset.by(declaration.pk)} LIMIT ?"
        )
        return PageQuery(made, keyset, sql, both.params)

    async def _read(self, query: PageQuery, pointer: tuple[int, ...], first: int, after: bool, total: int) -> Page:
        params = (*query.made.params, *pointer, *query.params, first + 1)
        rows = await self.database.fetch(query.sql, params)
        return self._cut(query.made, rows, query.order, first, after, total)

    def _cut(self, made: Statement, rows: Sequence[Row], order: Order, first: int, after: bool, total: int) -> Page:
        kept = rows[:first]
        cursors = [order.cursor(row["pk"], row["order_value"] if order.sql else None) for row in kept]
        return Page([self._object(made, row) for row in kept], cursors, len(rows) > first, after, total)

    async def _count(self, declaration: Declaration, where: access.Where, source: str) -> int:
        both = declaration.seen(self.sight) & access.Where(declaration.expand(where.sql), where.params)
        total = await self.database.value(f"SELECT COUNT(*) FROM {source} WHERE {both.sql}", both.params)
        return int(total)

    # -- relations, level by level ---------------------------------------------------------------------------------

    async def _prefetch(self, declaration: Declaration, objects: Sequence[Any], wanted: Asked) -> None:
        if not objects:
            return
        for nodes in wanted.fields.values():
            part = declaration.part(nodes[0].name.value)
            if isinstance(part, ToOne):
                await self._load_one(declaration, part, objects, nodes, wanted.info)
            elif isinstance(part, ToMany):
                await self._load_many(declaration, part, objects, nodes, wanted.info)

    async def _load_one(
        self, declaration: Declaration, part: ToOne, objects: Sequence[Any], nodes: list[FieldNode],
        info: GraphQLResolveInfo[Any],
    ) -> None:  # fmt: skip
        keys = {obj.pk: obj.row[f"k_{part.name}"] for obj in objects}
        wanted = [key for key in keys.values() if key is not None]
        if part.target == "Matter":
            found = await self.matters_by_ids(wanted, info, nodes)
        else:
            found = await self.by_ids(REGISTRY[part.target], wanted, info, nodes)
        for obj in objects:
            obj.related[id(nodes[0])] = found.get(keys[obj.pk])

    async def matters_by_ids(
        self, keys: Sequence[int], info: GraphQLResolveInfo[Any], nodes: Sequence[FieldNode]
    ) -> dict[int, Any]:
        """Return visible matters of any kind with these keys, each as an object of its own type."""
        if not keys:
            return {}
        unique = list(dict.fromkeys(keys))
        kinds = await self.database.fetch(
            f"SELECT id, plugin, kind FROM core_matter WHERE id IN ({', '.join('?' * len(unique))})", unique
        )
        grouped: dict[str, list[int]] = {}
        for row in kinds:
            kind = self.sight.kinds.get((row["plugin"], row["kind"]))
            if kind is not None and info.schema.get_type(kind.type_name) is not None:
                grouped.setdefault(kind.type_name, []).append(row["id"])
        found: dict[int, Any] = {}
        for name, ids in grouped.items():
            found.update(await self.by_ids(REGISTRY[name], ids, info, nodes))
        return found

    async def _load_many(
        self, declaration: Declaration, part: ToMany, objects: Sequence[Any], nodes: list[FieldNode],
        info: GraphQLResolveInfo[Any],
    ) -> None:  # fmt: skip
        target = REGISTRY[part.target]
        items, count = item_nodes(info, nodes)
        wanted = asked(info, items, target.names())
        arguments = arguments_of(info, declaration.name, nodes[0])
        where = self._narrowed(part, arguments)
        first, after = check_first(arguments.get("first")), arguments.get("after") or None
        open_ = [obj for obj in objects if not self._refused(part, obj, nodes[0])]
        if not open_:
            return
        query = self._query(target, wanted, where, part.order, after, target.source, part.by)
        everything: list[Any] = []
        for obj in open_:
            mine = access.Where(f"{part.by} = ?", (obj.pk,)) & where
            total = await self._count(target, mine, target.source) if count else 0
            page = await self._read(query, (obj.pk,), first, after is not None, total)
            everything += page.items
            obj.related[id(nodes[0])] = page.connection()
        await self._prefetch(target, everything, wanted)

    def _narrowed(self, part: ToMany, arguments: Mapping[str, Any]) -> access.Where:
        where = part.where(self.sight) if part.where else access.TRUE
        for name, narrow in part.filters.items():
            value = arguments.get(camel(name))
            if value is not None:
                where &= narrow.where(value)
        return where

    def _refused(self, part: ToMany, obj: Any, node: FieldNode) -> bool:
        """Answer PLUGIN_DISABLED for a relation that a plugin adds, at a place where that plugin is off."""
        if part.plugin is None or self.is_on(part.plugin, obj.path):
            return False
        obj.related[id(node)] = errors.PLUGIN_DISABLED(place=obj.name, plugin=part.plugin)
        return True

    def is_on(self, plugin: str, path: str) -> bool:
        """Say whether a plugin is on at a path."""
        return any(low <= path < high for low, high in self.sight.enabled(plugin))


def instance(declaration: Declaration, columns: Iterable[Column], row: Mapping[str, Any]) -> Any:
    """Make an object of a declared type from a row whose columns are named as ``Reading.statement`` names them."""
    cls: Any = declaration.cls
    obj = cls.__new__(cls)
    values = obj.__dict__
    pk = row["pk"]
    values.update(pk=pk, id=global_id(declaration.name, pk), declaration=declaration, related={}, row=row)
    if declaration.matter is not None:
        values.update(path=row["m_path"], state_now=row["m_state"], community_id=row["m_community_id"])
    for name in declaration.base:
        values[name] = row[f"b_{name}"]
    for column in columns:
        value = row[f"c_{column.name}"]
        values[column.name] = column.convert(value) if column.convert is not None and value is not None else value
    return obj


def visible_matters(sight: access.Sight, known: Callable[[str], bool] = lambda name: True) -> access.Where:
    """Return the predicate, over ``core_matter m``, for the matters of all kinds that may be seen."""
    visible = access.FALSE
    for (plugin, kind), declared in sight.kinds.items():
        if known(declared.type_name):
            seen = declared.visible(sight)
            if sight.viewer.system is None:
                seen &= access.within(access.MATTER_PATH, sight.enabled(plugin))
            one = access.Where("({m}.plugin = ? AND {m}.kind = ?)", (plugin, kind)) & seen
            visible |= access.Where(one.sql.replace("{m}", "m"), one.params)
    return visible


def camel(name: str) -> str:
    """Return the GraphQL name of a Python name."""
    head, *tail = name.split("_")
    return head + "".join(word.title() for word in tail)
