"""Scalars of the contract: instants with offset, days, exact areas as strings, fractions."""

from datetime import date, datetime
from fractions import Fraction as ExactFraction
from typing import Any, NewType

import strawberry
from strawberry.scalars import JSON
from strawberry.schema.types.scalar import DEFAULT_SCALAR_REGISTRY
from strawberry.types.scalar import ScalarDefinition

from core.clock import from_wire, to_wire

Area = NewType("Area", int)
"""Hundredths of a square metre in Python and in the database; ``"89.52"`` on the wire."""

Fen = NewType("Fen", int)
"""Hundredths of a yuan (分), as an integer up to 2^53."""


def area_text(hundredths: int) -> str:
    """Write hundredths of a square metre as clients see them: ``8952`` → ``"89.52"``."""
    sign, size = ("-", -hundredths) if hundredths < 0 else ("", hundredths)
    return f"{sign}{size // 100}.{size % 100:02d}"


def parse_area(text: Any) -> Area:
    """Read ``"89.52"`` into hundredths; refuses floats, exponents and a third decimal."""
    if not isinstance(text, str):
        raise ValueError('an area is a string such as "89.52"')  # noqa: TRY004 - what graphql-core expects
    whole, _, part = text.partition(".")
    if not whole.isdigit() or len(whole) > 10 or not whole.isascii() or len(part) > 2 or (part and not part.isdigit()):
        raise ValueError('an area is a string with at most two decimals, such as "89.52"')
    return Area(int(whole) * 100 + int((part + "00")[:2]))


def _instant(value: Any) -> str:
    return value if isinstance(value, str) else to_wire(value)


def _day(value: Any) -> str:
    return value if isinstance(value, str) else value.isoformat()


def _fen(value: Any) -> Fen:
    if isinstance(value, bool) or not isinstance(value, int) or abs(value) >= 1 << 53:
        raise ValueError("an amount is a whole number of fen")
    return Fen(value)


SCALARS: dict[object, ScalarDefinition] = {
    **DEFAULT_SCALAR_REGISTRY,
    datetime: strawberry.scalar(
        name="DateTime",
        description="An instant, ISO-8601 with offset: 2026-11-23T18:00:00.000+08:00.",
        serialize=_instant,
        parse_value=from_wire,
    ),
    date: strawberry.scalar(
        name="Date", description="A calendar day: 2026-11-23.", serialize=_day, parse_value=date.fromisoformat
    ),
    Area: strawberry.scalar(
        name="Area",
        description='Square metres, exact, as a string with two decimals: "89.52".',
        serialize=area_text,
        parse_value=parse_area,
    ),
    Fen: strawberry.scalar(
        name="Fen", description="An amount of money in fen (分), a whole number.", serialize=int, parse_value=_fen
    ),
    JSON: strawberry.scalar(name="JSON", description="Any JSON value.", serialize=lambda v: v, parse_value=lambda v: v),
}


@strawberry.type(description="An exact fraction.")
class Fraction:
    """An exact fraction."""

    numerator: str = strawberry.field(description="Above the line, a whole number as text: it may exceed 32 bits.")
    denominator: str = strawberry.field(description="Below the line, a whole number as text; never 0.")

    @classmethod
    def of(cls, numerator: int, denominator: int) -> "Fraction":
        """Make a fraction of two integers, as they are (not reduced: 800/1200 says more than 2/3)."""
        return cls(numerator=str(numerator), denominator=str(denominator))

    @classmethod
    def exact(cls, value: ExactFraction) -> "Fraction":
        """Make a fraction of a reduced one."""
        return cls.of(value.numerator, value.denominator)
