"""Removing any one policy makes a cell of the table of rights fail: ``python -m tests.security.removals``, as a test."""

from __future__ import annotations

import asyncio

import pytest

from schema.declared import REGISTRY
from tests.security import matrix, removals
from tests.security.matrix import Stage

HALVES = 2


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Stage:
    """Fill the world once for the tests of this file."""
    folder = tmp_path_factory.mktemp("removals")
    return asyncio.run(matrix.stage({"folder": folder, "made": {}}, folder))


@pytest.mark.parametrize("half", range(HALVES))
async def test_without_any_one_policy_a_cell_fails(made: Stage, half: int) -> None:
    """Every permission, deed, predicate, mask and switch of the kernel and of all plugins there are, one by one."""
    async with removals.trial(made) as ready:
        everything = list(removals.removals(ready.world))
        assert len(everything) > 220, len(everything)
        unmissed = [one.name for one in everything[half::HALVES] if await one.missed(ready) is None]
    assert unmissed == []


async def test_with_all_policies_no_cell_fails(made: Stage) -> None:
    """The cells of a removal come out as reviewed as long as nothing is removed, rehearsals and lifted objects included."""
    async with removals.trial(made) as ready:
        for name in ("permission:wishes.claim_wish", "deed:castBallot", "predicate:Owner", "mask:Person.name", "feed"):
            [one] = [one for one in removals.removals(ready.world) if one.name == name]
            async for row, actor, cell in one.cells(ready):
                assert ready.reviewed[row][actor] == cell, (name, row, actor)


def test_every_type_with_a_mask_has_rows_for_its_fields() -> None:
    """What is kept from some is counted: no mask without a row of the table."""
    masked = {name for name, declaration in REGISTRY.items()
              if any(column.allowed is not None for column in declaration.columns.values())}  # fmt: skip
    assert masked <= set(matrix.FIELDS)
