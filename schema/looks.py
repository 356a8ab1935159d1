"""Showing sealed fields: opened for whom the row's masks admit, hidden where the person wants it so, and written down.

    @for_each("The telephone number …", needs=("phone_sealed", "phone_masked", "person_key"), metadata=guarded(…))
    async def phone(owners: list[Any], info: strawberry.Info) -> list[str | None]:
        return await opened(owners, info, PHONE)

A level of objects is one entry of the log per object, written at once, before any value is given out.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import strawberry

from core import looks
from core.looks import Look


@dataclass(frozen=True)
class SealedField:
    """A sealed column as a type shows it: ``blob``, ``masked`` and ``person`` name attributes that the type loads.

    ``place`` is the word the column was sealed with, ``category`` the declared category of personal data.
    """

    table: str
    place: str
    category: str
    blob: str
    masked: str | None = None
    person: str = "person_key"


async def opened(objects: Sequence[Any], info: strawberry.Info, field: SealedField) -> list[str | None]:
    """Return the field in full for each object whose sealed text was given to this viewer, else its mask, or null."""
    unseal = info.context.kernel.keys.unseal
    shown = await admitted(
        objects, info, field.table, field.place, field.category, lambda one: getattr(one, field.blob) is not None,
        field.person,
    )  # fmt: skip
    return [
        unseal(field.table, field.place, one.pk, getattr(one, field.blob)) if is_shown else _masked(one, field)
        for one, is_shown in zip(objects, shown, strict=True)
    ]


async def admitted(
    objects: Sequence[Any],
    info: strawberry.Info,
    table: str,
    field: str,
    category: str,
    is_given: Callable[[Any], bool],
    person: str = "person_key",
) -> list[bool]:
    """Say for each object whether the viewer is shown a field of it in full, and write down those of other persons."""
    context = info.context
    kernel, viewer = context.kernel, context.viewer
    mine = viewer.person_id
    theirs = [one for one in objects if is_given(one) and (mine is None or getattr(one, person) != mine)]
    kept = await looks.restricted(kernel, sorted({getattr(one, person) for one in theirs} - {None}))
    seen = [one for one in theirs if getattr(one, person) not in kept]
    if viewer.system is None and seen:
        operation = info._raw_info.operation.name
        await looks.record(
            kernel, viewer, [Look(one.pk, getattr(one, person)) for one in {one.pk: one for one in seen}.values()],
            source=table, field=field, category=category, operation=operation.value if operation else "",
        )  # fmt: skip
    return [is_given(one) and getattr(one, person) not in kept for one in objects]


def _masked(one: Any, field: SealedField) -> str | None:
    return getattr(one, field.masked) or None if field.masked is not None else None
