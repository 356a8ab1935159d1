"""Generated cases: a document, and several askers with variables of their own who send it in turn."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from graphql import GraphQLSchema
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st

from tests.differential.choices import Chooser, Written
from tests.differential.documents import Writer
from tests.differential.rich_world import VIEWERS
from tests.differential.twin import Ask
from tests.differential.values import Pools

CASES = int(os.environ.get("SHANZHI_TEST_CASES", "0"))
"""How many documents a long run tries; without it some hundreds, the same in every run."""

LONGEST = 300 + CASES
"""Seconds that a run may take: one a case is many times what an idle machine needs."""


def profile(cases: int) -> settings:
    """Return how a test tries so many cases: in every run the same ones, unless a long run is asked for.

    The first failure ends it; what failed is made smaller part by part (``reduction.py``).
    """
    return settings(
        max_examples=CASES or cases, derandomize=not CASES, deadline=None, database=None, print_blob=bool(CASES),
        phases=(Phase.generate,), suppress_health_check=list(HealthCheck),
    )  # fmt: skip


@dataclass(frozen=True)
class Case:
    """The same document, asked by several."""

    asks: tuple[Ask, ...]

    def __repr__(self) -> str:
        """Show what to send to see it again."""
        return "\n\n".join(map(str, self.asks))


def cases(schemas: Mapping[str | None, GraphQLSchema], pools: Pools) -> st.SearchStrategy[Case]:
    """Return the strategy of cases over the endpoints of a server: None is the superset, others are communities' codes."""
    return Written(lambda choose: write_case(choose, schemas, pools))


def write_case(choose: Chooser, schemas: Mapping[str | None, GraphQLSchema], pools: Pools) -> Case:
    """Write a document and the requests for it: with other variables, by other people, of other operations."""
    community = None if not choose.chance(20) else choose.one(list(schemas))
    document = Writer(choose, schemas[community], pools).document()
    operations = list(document.operations)
    asks = []
    for _ in range(1 + choose.below(4)):
        name = choose.one(operations)
        variables: dict[str, Any] = {}
        for variable in document.operations[name]:
            variable.put(choose, variables)
        named = name if len(operations) > 1 or choose.chance(50) else None
        if choose.chance(1):
            named = "Unknown"
        asks.append(Ask(document.text, variables, named, choose.one(VIEWERS), choose.one(("zh", "en")), community))
    return Case(tuple(asks))
