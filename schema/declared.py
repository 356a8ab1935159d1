"""Declared types: GraphQL types that show rows, declared once from their models.

    @declared(models.Notice, matter=NOTICE)
    class Notice(MatterFields):
        \"\"\"A public notice.\"\"\"

        body: str = column("The text.")
        issuer: Person | None = to_one("Person", "{t}.issuer_id", "Who answers for it.")
        objections: Connection[Objection] = to_many("Objection", "{t}.notice_id", "…", order=NEWEST)
        reach: int = computed("(SELECT COUNT(*) FROM … WHERE a.notice_id = {t}.matter_id)", "…")

A declaration says which columns, relations and SQL expressions a type shows, which predicate decides who sees a row, and
which fields are masked. From it come the ordinary Strawberry fields (so SDL, introspection and validation see nothing
unusual) and the reads; nothing in a declaration runs per request, so that whole documents can be compiled to SQL.

Aliases in SQL text: ``{t}`` is the row's own table, ``{m}`` its ``core_matter`` row (the same where there is none).
"""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, TypeVar, get_args

import strawberry
from strawberry.types.field import StrawberryField
from strawberry.utils.str_converters import to_camel_case
from tortoise.models import Model

from core import access
from core.ids import parse_global_id
from core.labels import LabelledEnum
from core.matters import STATE_NOW, Lifecycle
from schema.paging import Filter, Order, set_arguments

T = TypeVar("T")
Expression = str | Callable[[access.Sight], access.Where]


@dataclass(frozen=True)
class Column:
    """A stored column or an SQL expression that a type shows as a field."""

    name: str
    sql: Expression
    convert: Callable[[Any], Any] | None = None
    allowed: access.Rule | None = None
    otherwise: str = "NULL"


@dataclass(frozen=True)
class ToOne:
    """A row that this row points at; ``key`` is the SQL of its primary key. ``"Matter"`` finds the matter's own type."""

    name: str
    target: str
    key: Expression


@dataclass(frozen=True)
class ToMany:
    """Rows that point at this row, as a connection; ``by`` is the SQL of their pointer, in terms of their own aliases."""

    name: str
    target: str
    by: str
    order: Order
    filters: Mapping[str, Filter] = field(default_factory=dict)
    where: access.Rule | None = None
    plugin: str | None = None


@dataclass(frozen=True, eq=False)
class Declaration:
    """Everything the reads know of one declared type."""

    cls: type
    model: type[Model]
    name: str
    table: str
    key: str
    visible: access.Rule
    matter: Lifecycle | None
    plugin: str | None
    columns: Mapping[str, Column]
    to_one: Mapping[str, ToOne]
    to_many: Mapping[str, ToMany]
    interfaces: frozenset[str]
    path: str | None
    base: tuple[str, ...] = ()

    @cached_property
    def _own_parts(self) -> Mapping[str, Column | ToOne | ToMany]:
        parts: list[Column | ToOne | ToMany] = [*self.columns.values(), *self.to_one.values(), *self.to_many.values()]
        return {to_camel_case(part.name): part for part in parts}

    def part(self, name: str) -> Column | ToOne | ToMany | None:
        """Return what is declared under a GraphQL field name, by the type itself or by a plugin that extends it."""
        return self._own_parts.get(name) or EXTENSIONS.get((self.name, name))

    @property
    def pk(self) -> str:
        """Return the SQL of the primary key: a matter's own, for which there are indexes by place and kind."""
        return self.key_of()

    def key_of(self, alias: str = "") -> str:
        """Return the SQL of the primary key under numbered aliases."""
        return f"m{alias}.id" if self.matter else f"t{alias}.{self.key}"

    def seen(self, sight: access.Sight) -> access.Where:
        """Return the predicate that is part of every read of this type: who may see it, and where its plugin is on."""
        where = self.sees(sight)
        return access.Where(self.expand(where.sql), where.params)

    def sees(self, sight: access.Sight) -> access.Where:
        """Return the same predicate with ``{t}`` and ``{m}`` still in it."""
        where = self.visible(sight)
        if self.plugin is not None and self.path is not None and sight.viewer.system is None:
            where = where & access.within(self.path, sight.enabled(self.plugin))
        return self._filtering(where)

    def sees_where_on(self, sight: access.Sight) -> access.Where:
        """Return who may see it alone: for rows of places of which it is known that the plugin is on."""
        return self._filtering(self.visible(sight))

    def _filtering(self, where: access.Where) -> access.Where:
        # A predicate on who may see a row filters, it does not find: with the empty text a planner without statistics
        # cannot take the range of paths for the way in, and read all of a district for the page of one place.
        sql = where.sql.replace(access.MATTER_PATH, f"({access.MATTER_PATH} || '')") if self.matter else where.sql
        return access.Where(sql, where.params)

    @property
    def source(self) -> str:
        """Return the FROM clause: the table as ``t``, joined to its matter as ``m``."""
        return self.source_of()

    def source_of(self, alias: str = "") -> str:
        """Return the FROM clause under numbered aliases."""
        table = f"{self.table} t{alias}"
        if self.matter is None:
            return table
        kind = (
            self.matter.kind
        )  # said for the planner's sake: pages are then read in order of the index, to their end only
        return f"{table} JOIN core_matter m{alias} ON m{alias}.id = t{alias}.{self.key} AND m{alias}.kind = '{kind}'"

    def found_of(self, alias: str = "") -> str:
        """Return the FROM clause for rows found by their keys: there the kind must not be taken for the way in."""
        return self.source_of(alias).replace(f"m{alias}.kind =", f"(m{alias}.kind || '') =")

    def expand(self, sql: str, alias: str = "") -> str:
        """Fill the aliases of this declaration into SQL text."""
        return sql.replace("{t}", f"t{alias}").replace("{m}", f"m{alias}" if self.matter else f"t{alias}")

    def names(self) -> frozenset[str]:
        """Return the type names that a fragment on this type may be conditioned on."""
        return self.interfaces | {self.name}


REGISTRY: dict[str, Declaration] = {}
"""All declared types by GraphQL name; names are unique over all plugins (the host refuses collisions)."""


EXTENSIONS: dict[tuple[str, str], ToOne | ToMany] = {}
"""The relations that plugins add to declared types of others, by type and GraphQL field name."""


@dataclass(frozen=True)
class Lookup:
    """A root field that finds one row of a declared type by one argument; ``read`` gives None for what is no key."""

    target: str
    argument: str
    sql: str
    read: Callable[[str], Any]


class _Part:
    """What a class attribute declares, until the decorator names it."""

    def __init__(
        self, description: str, make: Callable[[str], Column | ToOne | ToMany], *, is_hidden: bool = False
    ) -> None:
        self.description = description
        self.make = make
        self.is_hidden = is_hidden


def column(
    description: str,
    sql: Expression | None = None,
    *,
    convert: Callable[[Any], Any] | None = None,
    allowed: access.Rule | None = None,
    otherwise: str = "NULL",
) -> Any:
    """Show a stored column: the one with the attribute's name, unless ``sql`` names another.

    ``allowed`` masks it: whoever the rule does not admit gets ``otherwise`` (SQL; null by default). ``convert`` changes
    the value in Python: use it only for what SQL cannot say (decrypting), it costs a slower plan.
    """
    return _Part(description, lambda name: Column(name, sql or f"{{t}}.{name}", convert, allowed, otherwise))


def hidden(sql: Expression, *, allowed: access.Rule | None = None) -> Any:
    """Load a column for the ordinary resolvers of the type without showing it; null for whom ``allowed`` does not admit."""
    return _Part("", lambda name: Column(name, sql, None, allowed), is_hidden=True)


def computed(sql: Expression, description: str) -> Any:
    """Show an SQL expression over ``{t}`` and ``{m}``; a callable makes it for whose eyes and which moment it is."""
    return _Part(description, lambda name: Column(name, sql))


def to_one(target: str, key: Expression, description: str) -> Any:
    """Show the row of another declared type whose primary key is ``key``; null when it may not be seen.

    A callable ``key`` withholds the pointer itself from some viewers.
    """
    return _Part(description, lambda name: ToOne(name, target, key))


def to_many(
    target: str,
    by: str,
    description: str,
    *,
    order: Order,
    filters: Mapping[str, Filter] | None = None,
    where: access.Rule | None = None,
) -> Any:
    """Show the rows of another declared type that point here by ``by``, as a connection in keyset order."""
    return _Part(description, lambda name: ToMany(name, target, by, order, filters or {}, where))


def declared(
    model: type[Model] | None = None,
    *,
    visible: access.Rule | None = None,
    matter: Lifecycle | None = None,
    plugin: str | None = None,
    path: str | None = None,
    base: tuple[str, ...] = (),
    name: str | None = None,
    interface: bool = False,
) -> Callable[[type[T]], type[T]]:
    """Make a class a declared type. A type without a predicate does not load: give ``visible``, or a ``matter`` that has it.

    ``path`` is the SQL of a row's community path: with it, rows of a place where the plugin is off are hidden (for
    matters it is known). ``base`` names columns that ordinary resolvers of the type need of every row, asked or not.
    """

    def decorate(cls: type[T]) -> type[T]:
        rule = visible or (matter.visible if matter else None)
        if rule is None and not interface:
            raise TypeError(f"{cls.__module__}.{cls.__name__} says nobody who may see its rows; pass visible=")
        parts = {key: part for key, part in list(cls.__dict__.items()) if isinstance(part, _Part)}
        own = {key: part.make(key) for key, part in parts.items()}
        made = _strawberry(cls, parts, own, interface, name)
        inherited = {k: v for base in reversed(cls.__mro__[1:]) for k, v in base.__dict__.get("__parts__", {}).items()}
        everything = {**inherited, **own}
        made.__parts__ = everything  # type: ignore[attr-defined]
        if model is not None and rule is not None:
            _register(made, model, rule, matter, plugin, path, base, everything)
        return made

    return decorate


def _register(
    cls: type,
    model: type[Model],
    rule: access.Rule,
    matter: Lifecycle | None,
    plugin: str | None,
    path: str | None,
    base: tuple[str, ...],
    parts: Mapping[str, Any],
) -> None:
    meta = model._meta
    definition = cls.__strawberry_definition__  # type: ignore[attr-defined]
    interfaces = frozenset(i.name for i in definition.interfaces) | {"Node"}
    owner = plugin or (matter.plugin if matter else _plugin_of(cls))
    REGISTRY[definition.name] = Declaration(
        cls, model, definition.name, meta.db_table, str(meta.db_pk_column), rule, matter, owner,
        {k: v for k, v in parts.items() if isinstance(v, Column)},
        {k: v for k, v in parts.items() if isinstance(v, ToOne)},
        {k: v for k, v in parts.items() if isinstance(v, ToMany)},
        interfaces,
        access.MATTER_PATH if matter else path,
        base,
    )  # fmt: skip


def _plugin_of(cls: type) -> str | None:
    parts = cls.__module__.split(".")
    if parts[0] == "plugins":
        return parts[1]
    return None if parts[0] in ("core", "schema") else parts[0]


def _strawberry(
    cls: type[T], parts: Mapping[str, _Part], own: Mapping[str, Any], interface: bool, name: str | None
) -> type[T]:
    for key, part in parts.items():
        if part.is_hidden:
            delattr(cls, key)
            cls.__annotations__.pop(key, None)
            continue
        setattr(cls, key, relation_field(own[key], part.description) if not isinstance(own[key], Column)
                else strawberry.field(description=part.description))  # fmt: skip
    make = strawberry.interface if interface else strawberry.type
    made = make(cls, name=name, description=inspect.cleandoc(cls.__doc__ or ""))
    made.is_type_of = classmethod(lambda c, obj, info: type(obj) is c) if not interface else None  # type: ignore[attr-defined]
    return made


def extension(type_name: str) -> Callable[[type[T]], type[T]]:
    """Make a class a set of fields that its plugin adds to a type of the kernel or of a plugin it requires.

    Relations are declared as in ``declared``; ordinary resolvers get the object as ``root``. Where the plugin is off, the
    fields do not exist (community's profile) or answer ``PLUGIN_DISABLED`` (superset).
    """

    def decorate(cls: type[T]) -> type[T]:
        plugin = _plugin_of(cls)
        for key, part in [(k, v) for k, v in list(cls.__dict__.items()) if isinstance(v, _Part)]:
            relation = part.make(key)
            if isinstance(relation, Column):
                raise TypeError(
                    f"{cls.__name__}.{key}: an extension adds relations and resolvers; {type_name} has its columns"
                )
            if isinstance(relation, ToMany):
                relation = replace(relation, plugin=plugin)
            EXTENSIONS[type_name, to_camel_case(key)] = relation
            setattr(cls, key, relation_field(relation, part.description))
        return strawberry.type(cls, name=f"{cls.__module__}.{cls.__name__}".replace(".", "_"))

    return decorate


def lookup(
    target: str,
    description: str,
    *,
    argument: str = "id",
    about: str = "Its global id.",
    sql: str | None = None,
    read: Callable[[str], Any] | None = None,
) -> Any:
    """Make a root field that finds one visible row of a declared type, or null.

    By its global id, unless ``sql`` names another unique column and ``read`` turns the argument into its value (None for
    what cannot be one).
    """

    def key_of(value: str) -> int | None:
        parsed = parse_global_id(value)
        return parsed[1] if parsed is not None and parsed[0] == target else None

    found = Lookup(target, argument, sql or "{pk}", read or (str if sql else key_of))

    async def find(info: strawberry.Info, **arguments: Any) -> Any:
        return await info.context.reading.look_up(found, arguments[argument], info)

    set_arguments(find, {argument: (strawberry.ID, inspect.Parameter.empty, about)})
    return strawberry.field(resolver=find, description=description, metadata={"lookup": found})


def for_each(
    description: str, *, needs: Sequence[str] | None = None, metadata: Mapping[str, Any] | None = None
) -> Callable[[Callable[..., Any]], Any]:
    """Make a field whose resolver gets all the objects of a level at once: ``(objects, info) -> one value each``.

    ``needs`` names the columns it uses, beside keys, base and the matter's own; all of the type when left out.
    """

    def decorate(resolve: Callable[..., Any]) -> Any:
        async def one(self: Any, info: strawberry.Info) -> Any:
            return (await resolve([self], info))[0]

        one.__annotations__["return"] = get_args(resolve.__annotations__["return"])[0]
        return strawberry.field(
            resolver=one, description=description, metadata={**(metadata or {}), "for_each": resolve, "needs": needs}
        )

    return decorate


def state_now(states: type[LabelledEnum]) -> Any:
    """Show the state of a matter as it is at the moment of reading, whether or not a sweep has run."""
    about = f"The state at this moment, deadlines applied ({', '.join(s.value for s in list(states)[:3])} …)."
    return computed(lambda sight: access.Where(STATE_NOW, (sight.now_wire,)), about)


def relation_field(part: ToOne | ToMany, description: str, annotation: Any = None) -> StrawberryField:
    """Build the Strawberry field of a relation; its resolver asks the request's reading, which mostly has it already."""
    if isinstance(part, ToOne):

        async def one(root: Any, info: strawberry.Info) -> Any:
            return await info.context.reading.related_one(root, part, info)

        return strawberry.field(resolver=one, description=description, graphql_type=annotation)

    async def many(root: Any, info: strawberry.Info, **arguments: Any) -> Any:
        return await info.context.reading.related_many(root, part, info, arguments)

    part.order.signature(many, part.filters)
    return strawberry.field(resolver=many, description=description, graphql_type=annotation)
