"""Relay connections over keysets: ``first`` ≤ 100, opaque cursors that SQL itself could build, ``totalCount`` when asked."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Generic, TypeVar

import strawberry

from core import access, errors

T = TypeVar("T")

DEFAULT_FIRST = 20
MOST_FIRST = 100

BAD_FIRST = errors.Problem(
    errors.Invalid,
    "core.bad_first",
    "first 须在 0 至 100 之间，现为 {first}。",
    "first must lie between 0 and 100; it is {first}.",
)
BAD_CURSOR = errors.Problem(
    errors.Invalid, "core.bad_cursor", "after 不是有效的游标，请使用 API 返回的 endCursor。",
    "after is not a cursor of this list; pass an endCursor or edge cursor that this field gave.",
)  # fmt: skip
PROBLEMS = (BAD_FIRST, BAD_CURSOR)


@strawberry.type(description="Where a page begins and ends.")
class PageInfo:
    """Where a page begins and ends."""

    has_next_page: bool = strawberry.field(description="Whether there are more items after this page.")
    has_previous_page: bool = strawberry.field(
        description="Whether a cursor was given, so that items lie before this page."
    )
    start_cursor: str | None = strawberry.field(description="The cursor of the first item.", default=None)
    end_cursor: str | None = strawberry.field(description="Pass this as `after` to get the next page.", default=None)


@strawberry.type(description="One item of a page with its cursor.")
class Edge(Generic[T]):
    """One item of a page with its cursor."""

    node: T = strawberry.field(description="The item.")
    cursor: str = strawberry.field(description="Pass this as `after` to get what follows this item.")


@strawberry.type(description="One page of a list.")
class Connection(Generic[T]):
    """One page of a list."""

    edges: list[Edge[T]] = strawberry.field(description="The items with their cursors.")
    nodes: list[T] = strawberry.field(description="The items.")
    page_info: PageInfo = strawberry.field(description="Where the page begins and ends.")
    total_count: int = strawberry.field(
        description="How many items the whole list has for this viewer; ask only when you show it.", default=0
    )


@dataclass(frozen=True)
class Order:
    """A keyset order: by one SQL expression, then by the primary key, both in one direction.

    ``number`` says that the expression is an integer (else text). Without an expression the order is by key, that is by
    time of creation. The expression may not be null, and needs an index.
    """

    sql: str | None = None
    descending: bool = True
    number: bool = False

    def by(self, key: str) -> str:
        """Return the ORDER BY clause over this expression and a primary key."""
        way = " DESC" if self.descending else ""
        return f"{key}{way}" if self.sql is None else f"{self.sql}{way}, {key}{way}"

    def cursor(self, key: int, value: Any) -> str:
        """Write the cursor of a row."""
        return str(key) if self.sql is None else f"{value}~{key}"

    def after(self, cursor: str, key: str) -> access.Where:
        """Return the predicate for the rows behind a cursor; raises Invalid for anything that is not one."""
        value, _, digits = cursor.rpartition("~")
        if len(cursor) > 400 or not _is_bigint(digits) or digits.startswith("-"):
            raise BAD_CURSOR(path=("after",))
        sign = "<" if self.descending else ">"
        if self.sql is None:
            return access.Where(f"{key} {sign} ?", (int(digits),))
        if self.number and not _is_bigint(value):
            raise BAD_CURSOR(path=("after",))
        bound = int(value) if self.number else value
        return access.Where(f"({self.sql}, {key}) {sign} (?, ?)", (bound, int(digits)))

    def signature(self, resolver: Callable[..., Any], filters: Mapping[str, "Filter"]) -> None:
        """Give a resolver the arguments of a connection: first, after and the filters."""
        arguments = {
            "first": (int, DEFAULT_FIRST, "How many items, at most 100."),
            "after": (str | None, strawberry.UNSET, "Begin behind this cursor."),
            **{name: (f.annotation | None, strawberry.UNSET, f.description) for name, f in filters.items()},
        }
        set_arguments(resolver, arguments)


def _is_bigint(text: str) -> bool:
    """Say whether a text is an integer that a column can hold."""
    digits = text.removeprefix("-")
    return digits.isascii() and digits.isdigit() and len(digits) <= 19 and -(1 << 63) <= int(text) < 1 << 63


@dataclass(frozen=True)
class Filter:
    """An argument of a connection that narrows it: ``sql`` has one ``?`` for the argument's value."""

    annotation: Any
    sql: str
    description: str
    convert: Callable[[Any], Any] | None = None

    def where(self, value: Any) -> access.Where:
        """Return the predicate for a value."""
        bound = self.convert(value) if self.convert else getattr(value, "value", value)
        return access.Where(self.sql, (bound,) * self.sql.count("?"))


NEWEST = Order()
OLDEST = Order(descending=False)


def set_arguments(resolver: Callable[..., Any], arguments: Mapping[str, tuple[Any, Any, str]]) -> None:
    """Replace ``**arguments`` of a resolver by named, described arguments, as Strawberry reads them."""
    kept = [p for p in inspect.signature(resolver).parameters.values() if p.kind is not p.VAR_KEYWORD]
    added = [
        inspect.Parameter(
            name, inspect.Parameter.KEYWORD_ONLY, default=default,
            annotation=_described(annotation, text),
        )
        for name, (annotation, default, text) in arguments.items()
    ]  # fmt: skip
    resolver.__signature__ = inspect.Signature([*kept, *added])  # type: ignore[attr-defined]
    resolver.__annotations__ = {
        **resolver.__annotations__, **{p.name: p.annotation for p in added}
    }  # fmt: skip


def _described(annotation: Any, text: str) -> Any:
    return Annotated[annotation, strawberry.argument(description=text)]


def check_first(first: int | None) -> int:
    """Return a page size, or raise Invalid when it is not between 0 and 100."""
    size = DEFAULT_FIRST if first is None else first
    if not 0 <= size <= MOST_FIRST:
        raise BAD_FIRST(path=("first",), first=size)
    return size


@dataclass
class Page:
    """One page of rows as the reads make it."""

    items: Sequence[Any]
    cursors: Sequence[str]
    more: bool
    after: bool
    total: int = 0

    def connection(self) -> Connection[Any]:
        """Return the page as its GraphQL object."""
        edges = [Edge(node=node, cursor=cursor) for node, cursor in zip(self.items, self.cursors, strict=True)]
        info = PageInfo(
            has_next_page=self.more,
            has_previous_page=self.after,
            start_cursor=self.cursors[0] if self.cursors else None,
            end_cursor=self.cursors[-1] if self.cursors else None,
        )
        return Connection(edges=edges, nodes=list(self.items), page_info=info, total_count=self.total)
