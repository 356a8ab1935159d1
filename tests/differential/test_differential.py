"""The engine and graphql-core answer alike: the same requests to both, over HTTP, on one kernel at one moment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from graphql import GraphQLSchema, get_named_type
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from core.ids import global_id
from schema.compose import profiles_of
from schema.declared import REGISTRY
from schema.feed import read_cursor
from tests.differential.cases import LONGEST, Case, cases, profile
from tests.differential.comparison import Reply, difference, failures
from tests.differential.gathering import superset_of
from tests.differential.reduction import reduced
from tests.differential.rich_world import secrets
from tests.differential.twin import Ask, Twins
from tests.differential.values import Pools


async def schemas_of(twins: Twins) -> dict[str | None, GraphQLSchema]:
    """Return the schema of the superset and of three communities with different plugins."""
    world = twins.world
    book, now = await world.kernel.settings_book(), world.clock.now()
    profiles = profiles_of(world.kernel.host, suggestions=True)
    found: dict[str | None, GraphQLSchema] = {None: superset_of(world)}
    for place in (world.demo.places["compound"], world.demo.compounds[1], world.demo.places["village"]):
        on = frozenset(p for p in profiles.usable() if book.is_enabled(p, place.path, now))
        found[place.code] = profiles.of(on)._schema
    return found


async def found_wrong(twins: Twins, asks: Sequence[Ask]) -> str | None:
    """Send requests to both, three times in turn to the engine; say what is wrong with the answers, or return None."""
    expected = [await twins.stock(ask) for ask in asks]
    for ask, known in zip(asks, expected, strict=True):
        if failures(known):
            return f"graphql-core fails: {failures(known)}"
        if told := overheard(ask, known):
            return f"graphql-core tells {told} to {ask.viewer}"
    for _ in range(3):
        for ask, known in zip(asks, expected, strict=True):
            found = await twins.engine(ask)
            if told := overheard(ask, found):
                return f"the engine tells {told} to {ask.viewer}"
            if wrong := difference(known, found, lambda sealed: read_cursor(twins.world.kernel, sealed)):
                return f"graphql-core, then the engine: {wrong}"
    return None


def overheard(ask: Ask, reply: Reply) -> list[str]:
    """Return what is secret from the asker and yet occurs somewhere in the bytes of the answer."""
    text = reply.body.decode()
    return [mark for mark, hidden in secrets().items() if ask.viewer in hidden and mark in text]


async def smallest(twins: Twins, asks: Sequence[Ask], wrong: str) -> Sequence[Ask]:
    """Return the requests with the smallest document that still goes wrong in the same way."""
    kind = wrong[:60].partition("'")[0]

    def of(text: str) -> list[Ask]:
        return [replace(ask, text=text) for ask in asks]

    async def shows(text: str) -> bool:
        now = await found_wrong(twins, of(text))
        return now is not None and now.startswith(kind)

    return of(await reduced(asks[0].text, shows))


@pytest.fixture
async def any_case(twins: Twins, pools: Pools) -> SearchStrategy[Case]:
    """Return the strategy of cases over this world."""
    return cases(await schemas_of(twins), pools)


@pytest.mark.timeout(LONGEST)
@profile(150)
@given(data=st.data())
async def test_generated_documents(twins: Twins, any_case: SearchStrategy[Case], data: st.DataObject) -> None:
    """Whatever valid document anybody sends, with whatever variables and in whatever order, both answer the same.

    The requests for one document are sent three times in turn: what was kept for one asker or one set of variables
    must serve no other. No answer holds what is secret from its asker.
    """
    case = data.draw(any_case)
    wrong = await found_wrong(twins, case.asks)
    if wrong is not None:
        alone = [ask for ask in case.asks if await found_wrong(twins, [ask])]
        asks = await smallest(twins, alone[:1] or case.asks, wrong)
        shown = "\n\n".join(map(str, asks))
        pytest.fail(f"{await found_wrong(twins, asks) or wrong}\n\n{shown}", pytrace=False)


async def test_insiders_get_what_is_secret_from_others(twins: Twins) -> None:
    """Every mark is told to somebody: the absence of marks elsewhere proves something."""
    told = ""
    for name, declaration in REGISTRY.items():
        fields = superset_of(twins.world).type_map[name].fields
        texts = " ".join(field for field, found in fields.items() if get_named_type(found.type).name == "String")
        rows = await twins.world.kernel.database.fetch(f"SELECT {declaration.key} FROM {declaration.table} LIMIT 100")
        document = f"query($ids: [ID!]!) {{ nodes(ids: $ids) {{ ... on {name} {{ id {texts} }} }} }}"
        for viewer in ("staff", "chair", "resident", "owner", "tenant"):
            ids = [global_id(name, row[0]) for row in rows]
            told += (await twins.engine(Ask(document, {"ids": ids}, viewer=viewer))).body.decode()
    assert [mark for mark in secrets() if mark not in told] == []
