"""Documents over any schema: what clients may write, however odd, that is valid and mostly within the limits.

Selections with aliases, the same response name several times, fragments on objects, interfaces and unions, ``__typename``
anywhere, ``@skip`` and ``@include``, variables with and without defaults, several operations, introspection.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from graphql import (
    GraphQLArgument,
    GraphQLField,
    GraphQLNamedType,
    GraphQLNonNull,
    GraphQLSchema,
    Undefined,
    get_named_type,
    get_nullable_type,
    is_abstract_type,
    is_leaf_type,
    is_list_type,
    is_object_type,
    is_union_type,
)

from schema.cost import PAGED
from schema.declared import REGISTRY
from tests.differential.choices import Chooser
from tests.differential.scopes import Entry, Scope
from tests.differential.values import NOT_ONES, Pools, Source, is_required, literal

OBJECTS = 300
"""How many objects of one kind a document may ask for; the dearest of the documents stays below the limit of the cost."""
OPEN_PAGE = 20
OPEN_LIST = 20
LEVELS = 11
MOST_ALIASES = 12
ALIASES = ("a", "b", "c", "name", "id", "nodes", "type", "pk", "data", "row_1", "SELECT")
INTROSPECTION = (
    "__schema { queryType { name } subscriptionType { name } }",
    "__schema { directives { name locations } }",
    '__type(name: "Notice") { name kind interfaces { name } fields { name type { kind name ofType { name } } } }',
    '__type(name: "WishState") { enumValues { name description } }',
    '__type(name: "Nothing") { name }',
)


@dataclass(frozen=True)
class Variable:
    """A variable as the operations that use it declare it."""

    name: str
    type: str
    default: str | None
    draw: Callable[[Chooser], Any]

    @property
    def declared(self) -> str:
        """Write its declaration."""
        return f"${self.name}: {self.type}" + (f" = {self.default}" if self.default is not None else "")

    def put(self, choose: Chooser, values: dict[str, Any]) -> None:
        """Give it a value among the variables of a request, or leave it out; now and then one that does not fit."""
        optional = not self.type.endswith("!") or self.default is not None
        if optional and choose.chance(25):
            return
        if not self.type.endswith("!") and choose.chance(15):
            values[self.name] = None
            return
        values[self.name] = choose.one(NOT_ONES) if choose.chance(2) else self.draw(choose)


@dataclass
class Part:
    """An operation or a fragment: its selections, and what they use."""

    name: str
    type: GraphQLNamedType
    text: str = ""
    scope: Scope = field(default_factory=Scope)
    variables: set[str] = field(default_factory=set)
    spreads: set[str] = field(default_factory=set)
    levels: int = 0
    objects: int = 1


@dataclass(frozen=True)
class Document:
    """A document, with the variables of each of its operations by name."""

    text: str
    operations: Mapping[str | None, tuple[Variable, ...]]


@dataclass
class Place:
    """Where a selection stands."""

    parent: Any
    scope: Scope
    levels: int  # how many fields may still be inside each other
    objects: int  # of how many objects this is asked, at most
    page: int = OPEN_PAGE  # what a connection's items are multiplied by
    hint: str | None = None

    def under(self, parent: Any) -> Place:
        """Return the place inside a fragment that stands here."""
        return Place(parent, self.scope, self.levels, self.objects, self.page, self.hint)


class Writer:
    """Writes one document."""

    def __init__(self, choose: Chooser, schema: GraphQLSchema, pools: Pools) -> None:
        self._choose = choose
        self._schema = schema
        self._pools = pools
        self._variables: dict[str, tuple[tuple[str, str, bool], Variable]] = {}
        self._fragments: dict[str, Part] = {}
        self._open: list[Part] = []
        self._aliases = 0
        self._left = 0

    def document(self) -> Document:
        """Write operations, and the fragments that they use."""
        choose = self._choose
        root = self._schema.query_type
        count = 1 if choose.chance(88) else 2 + choose.below(2)
        is_named = count > 1 or choose.chance(30)
        operations = []
        for number in range(count):
            self._left = 4 + choose.below(70)
            part = Part(f"Op{number}" if is_named else "", root)
            part.text = self._inside(part, Place(root, part.scope, LEVELS, 1))
            operations.append(part)
        return self._printed(operations)

    def selection(self, type_name: str) -> Document:
        """Write ``fragment Shown`` on a type, and the fragments that it uses, without an operation."""
        self._left = 6 + self._choose.below(40)
        part = Part("Shown", self._schema.type_map[type_name])
        part.text = self._inside(part, Place(part.type, part.scope, LEVELS - 2, 1, hint=type_name))
        used, variables = self._reached(part)
        texts = [f"fragment Shown on {type_name} {part.text}", *(self._fragment_text(name) for name in used)]
        return Document("\n".join(texts), {None: variables})

    # -- parts -----------------------------------------------------------------------------------------------------

    def _inside(self, part: Part, place: Place) -> str:
        self._open.append(part)
        text = self._selections(place)
        self._open.pop()
        return text

    def _printed(self, operations: list[Part]) -> Document:
        texts, found, used = [], {}, set()
        for part in operations:
            reached, variables = self._reached(part)
            used |= set(reached)
            declared = f"({', '.join(v.declared for v in variables)})" if variables else ""
            head = f"query {part.name}{declared} " if part.name or declared or self._choose.chance(30) else ""
            texts.append(f"{head}{part.text}")
            found[part.name or None] = variables
        texts += [self._fragment_text(name) for name in self._fragments if name in used]
        if self._choose.chance(30):
            texts.reverse()
        return Document("\n".join(texts), found)

    def _reached(self, part: Part) -> tuple[list[str], tuple[Variable, ...]]:
        """Return the fragments that a part uses, one through another, and the variables of all of them."""
        reached: list[str] = []
        variables, todo = set(part.variables), sorted(part.spreads)
        while todo:
            name = todo.pop()
            if name not in reached:
                reached.append(name)
                variables |= self._fragments[name].variables
                todo += sorted(self._fragments[name].spreads)
        return reached, tuple(v for name, (_, v) in self._variables.items() if name in variables)

    def _fragment_text(self, name: str) -> str:
        part = self._fragments[name]
        return f"fragment {name} on {part.type.name} {part.text}"

    # -- selections ------------------------------------------------------------------------------------------------

    def _selections(self, place: Place) -> str:
        items: list[str] = []
        most = 10 if is_union_type(place.parent) else min(10, 1 + len(place.parent.fields))
        while not items or (len(items) < most and self._left > 0 and self._choose.chance(82)):
            self._left -= 1
            written = self._item(place)
            items += [written] if written else []
            if not written and not items:
                items.append(self._typename(place))
        return "{ " + " ".join(items) + " }"

    def _item(self, place: Place) -> str | None:
        write = self._choose.weighted(
            ((36, self._field), (40, self._relation), (12, self._inline), (8, self._spread), (3, self._typename),
             (5, self._again))
        )  # fmt: skip
        return write(place)

    def _typename(self, place: Place) -> str:
        entry = Entry(place.parent.name, is_object_type(place.parent), "__typename", "", "String!", is_leaf=True)
        key = "__typename"
        if self._aliases < MOST_ALIASES and self._choose.chance(10):
            alias = f"t{self._choose.below(3)}"
            if place.scope.admits(alias, entry):
                self._aliases, key = self._aliases + 1, alias
        place.scope.add(key, entry)
        shown = key if key == "__typename" else f"{key}: __typename"
        return shown + self._directives()

    def _field(self, place: Place) -> str | None:
        if is_union_type(place.parent):
            return self._typename(place)
        if place.parent is self._schema.query_type:
            return self._introspected(place) if self._choose.chance(8) else self._relation(place)
        leaves = [name for name, found in place.parent.fields.items() if is_leaf_type(get_named_type(found.type))]
        return self._written(place, self._choose.one(leaves)) if leaves else self._relation(place)

    def _introspected(self, place: Place) -> str | None:
        text = self._choose.one(INTROSPECTION)
        entry = Entry("Query", True, text, text, text.split()[0], is_leaf=True)
        key = text.partition(" ")[0].partition("(")[0]
        if not place.scope.admits(key, entry):
            return None
        place.scope.add(key, entry)
        return text

    def _relation(self, place: Place) -> str | None:
        """Write a field with fields below it; declared ones, which an engine can compile, more often than others."""
        if place.levels <= 1 or self._left <= 0 or is_union_type(place.parent):
            return None
        weighted = []
        for name, found in place.parent.fields.items():
            is_dear = (
                is_list_type(get_nullable_type(found.type)) and name not in PAGED and place.objects > OBJECTS // 10
            )
            if not is_leaf_type(get_named_type(found.type)) and not is_dear:
                weighted.append((self._weight(place.parent.name, name), name))
        return self._written(place, self._choose.weighted(weighted)) if weighted else None

    @staticmethod
    def _weight(parent: str, name: str) -> int:
        if parent == "Query":
            return {"community": 12, "node": 4, "nodes": 4, "meta": 1, "plugins": 1, "viewerCan": 1}.get(name, 3)
        declaration = REGISTRY.get(parent)
        if declaration is not None and declaration.part(name) is None:
            return 2
        return 6

    def _inline(self, place: Place) -> str | None:
        self._left += 1
        condition = None if self._choose.chance(15) and not is_union_type(place.parent) else self._condition(place)
        inside = place.under(condition or place.parent)
        directives = self._directives()
        text = self._selections(inside)
        return f"...{f' on {condition.name}' if condition else ''}{directives} {text}"

    def _condition(self, place: Place) -> Any:
        """Choose a type that a fragment may be on here."""
        parent = place.parent
        if is_object_type(parent):
            if not self._choose.chance(5):
                return self._choose.one([parent, *parent.interfaces])
            unions = [t for t in self._schema.type_map.values() if is_union_type(t) and parent in t.types]
            return self._choose.one([*unions[:2], parent])
        possible = list(self._schema.get_possible_types(parent))
        if place.hint is not None and self._choose.chance(70):
            return next((found for found in possible if found.name == place.hint), parent)
        wider = [t for t in (*self._schema.type_map.values(),) if is_abstract_type(t) and t is not parent]
        fitting = [t for t in wider if set(self._schema.get_possible_types(t)) & set(possible) and not is_union_type(t)]
        return self._choose.one([parent, *fitting]) if self._choose.chance(25) else self._choose.one(possible)

    def _spread(self, place: Place) -> str | None:
        known = [part for part in self._fragments.values() if self._may_spread(part, place)]
        part = self._choose.one(known) if known and self._choose.chance(60) else self._new_fragment(place)
        if not place.scope.admits_all(part.scope):
            return None
        place.scope.add_all(part.scope)
        self._open[-1].spreads.add(part.name)
        return f"...{part.name}{self._directives()}"

    def _may_spread(self, part: Part, place: Place) -> bool:
        mine, theirs = ({t.name for t in self._possible(t)} for t in (place.parent, part.type))
        return bool(mine & theirs) and part.levels <= place.levels and place.objects <= part.objects

    def _possible(self, found: Any) -> Any:
        return self._schema.get_possible_types(found) if is_abstract_type(found) else (found,)

    def _new_fragment(self, place: Place) -> Part:
        part = Part("", self._condition(place), levels=place.levels, objects=place.objects)
        inside = Place(part.type, part.scope, place.levels, place.objects, place.page, place.hint)
        part.text = self._inside(part, inside)
        part.name = f"F{len(self._fragments)}"
        self._fragments[part.name] = part
        return part

    def _again(self, place: Place) -> str | None:
        """Ask once more for what was asked for, perhaps for other things below it: both are merged."""
        known = []
        for key, entry in place.scope.known():
            fields = {} if is_union_type(place.parent) else place.parent.fields
            found = fields.get(entry.name)
            if found is not None and str(found.type) == entry.type and self._has_arguments(found, entry):
                known.append((key, entry, found))
        if not known:
            return None
        key, entry, found = self._choose.one(known)
        return self._field_text(place, key, entry, found)

    @staticmethod
    def _has_arguments(found: GraphQLField, entry: Entry) -> bool:
        return bool(found.args) or not entry.arguments

    # -- fields ----------------------------------------------------------------------------------------------------

    def _written(self, place: Place, name: str) -> str | None:
        found: GraphQLField = place.parent.fields[name]
        uses: set[str] = set()
        named = get_named_type(found.type)
        hint = self._hint(place, name, named)
        arguments, page = self._arguments(place, name, found, hint, uses)
        entry = Entry(
            place.parent.name, is_object_type(place.parent), name, arguments, str(found.type),
            is_leaf_type(named), frozenset(uses), page, hint,
        )  # fmt: skip
        key = self._key(place, name, entry)
        return None if key is None else self._field_text(place, key, entry, found)

    def _hint(self, place: Place, name: str, named: GraphQLNamedType) -> str | None:
        if place.parent is self._schema.query_type and name in ("node", "nodes"):
            return self._choose.one([name for name in self._pools.ids if name in self._schema.type_map])
        return named.name if is_object_type(named) else None

    def _key(self, place: Place, name: str, entry: Entry) -> str | None:
        """Choose a response name: the field's own, or an alias, which may be the name of another field."""
        wants_alias = self._choose.chance(14)
        if not wants_alias and place.scope.admits(name, entry):
            return name
        if self._aliases >= MOST_ALIASES:
            return None
        start = self._choose.below(len(ALIASES))
        for alias in (*ALIASES[start:], *ALIASES[:start]):
            if alias != name and place.scope.admits(alias, entry):
                self._aliases += 1
                return alias
        return None

    def _field_text(self, place: Place, key: str, entry: Entry, found: GraphQLField) -> str:
        below = place.scope.add(key, entry)
        self._open[-1].variables |= entry.uses
        text = (entry.name if key == entry.name else f"{key}: {entry.name}") + entry.arguments + self._directives()
        if entry.is_leaf:
            return text
        return f"{text} {self._selections(self._below(place, entry, found, below))}"

    def _below(self, place: Place, entry: Entry, found: GraphQLField, scope: Scope) -> Place:
        objects, page = place.objects, place.page
        if is_list_type(get_nullable_type(found.type)):
            size = entry.page if entry.page is not None else page if entry.name in PAGED else OPEN_LIST
            objects *= max(size, 1)
        elif entry.page is not None:
            page = entry.page
        hint = entry.hint or place.hint
        return Place(get_named_type(found.type), scope, place.levels - 1, objects, page, hint)

    def _arguments(
        self, place: Place, name: str, found: GraphQLField, hint: str | None, uses: set[str]
    ) -> tuple[str, int | None]:
        """Write a field's arguments; also returns how many items it asks for at most, if they say so."""
        written, page = [], OPEN_PAGE if "first" in found.args else None
        room = max(1, OBJECTS // (place.objects * (2 if place.levels < LEVELS - 4 else 1)))
        for given, argument in found.args.items():
            source = self._pools.source(place.parent.name, name, given, argument, room, hint)
            is_page = source.page is not None
            # a page left open has twenty items: only where there is room for them
            if not self._is_given(argument, must=is_page and room < OPEN_PAGE):
                continue
            value, size = self._value(argument, source, uses)
            written.append(f"{given}: {value}")
            page = size if is_page else page
        if len(written) > 1 and self._choose.chance(20):
            written.reverse()
        return (f"({', '.join(written)})" if written else ""), page

    def _is_given(self, argument: GraphQLArgument, *, must: bool) -> bool:
        if must or (is_required(argument) and argument.default_value is Undefined):
            return True
        return self._choose.chance(60 if is_required(argument) else 35)

    def _value(self, argument: GraphQLArgument, source: Source, uses: set[str]) -> tuple[str, int | None]:
        choose = self._choose
        if choose.chance(40):
            variable = self._variable(argument, source)
            uses.add(variable.name)
            return f"${variable.name}", source.most
        if not is_required(argument) and choose.chance(10):
            return "null", source.most
        value = source.draw(choose)
        return literal(value, choose), source.page(value) if source.page else None

    # -- variables and directives ----------------------------------------------------------------------------------

    def _variable(self, argument: GraphQLArgument, source: Source) -> Variable:
        has_default = argument.default_value is not Undefined
        return self._shared((source.key, str(argument.type), has_default), argument, source)

    def _shared(self, key: tuple[str, str, bool], argument: GraphQLArgument, source: Source) -> Variable:
        """Use a variable of the same kind again, or declare another one."""
        known = [variable for found, variable in self._variables.values() if found == key]
        if known and self._choose.chance(50):
            return self._choose.one(known)
        name = f"v{len(self._variables)}"
        made = self._declared(name, argument, source)
        self._variables[name] = key, made
        return made

    def _declared(self, name: str, argument: GraphQLArgument, source: Source) -> Variable:
        """Declare a variable in one of the ways that fit its place: as strict, stricter, or looser with a default."""
        choose = self._choose
        loose, strict = str(get_nullable_type(argument.type)), str(GraphQLNonNull(get_nullable_type(argument.type)))
        default = literal(source.draw(choose), choose) if choose.chance(35) else None
        may_be_loose = not is_required(argument) or default is not None or argument.default_value is not Undefined
        type_ = loose if may_be_loose and choose.chance(60) else strict
        if type_ == loose and not is_required(argument) and choose.chance(8):
            default = "null"
        return Variable(name, type_, default, source.draw)

    def _directives(self) -> str:
        names = self._choose.weighted(((94, ()), (3, ("skip",)), (3, ("include",)), (1, ("include", "skip"))))
        return "".join(f" @{name}(if: {self._condition_value()})" for name in names)

    def _condition_value(self) -> str:
        if self._choose.chance(40):
            return self._choose.one(("true", "false"))
        source = Source("if", lambda choose: choose.chance(50))
        variable = self._shared(("if", "Boolean!", False), self._boolean, source)
        self._open[-1].variables.add(variable.name)
        return f"${variable.name}"

    @property
    def _boolean(self) -> GraphQLArgument:
        return GraphQLArgument(GraphQLNonNull(self._schema.type_map["Boolean"]))
