"""What a deed shows of its object is what graphql-core shows of it afterwards."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from random import Random
from typing import Any

from core.clock import to_wire
from schema.feed import read_cursor
from tests.differential.choices import Chooser
from tests.differential.comparison import difference, failures, parsed
from tests.differential.documents import Document, Writer
from tests.differential.gathering import superset_of
from tests.differential.twin import Ask, Twins
from tests.differential.values import Pools

# Deeds that can be done again and again, each with the type it shows, who does it, and its input but for the place.
DEEDS: Mapping[str, tuple[str, str, Mapping[str, Any]]] = {
    "draftNotice": ("Notice", "chair", {"kind": "GENERAL", "title": '草"稿', "body": "内容\u2028", "issuer": "业委会"}),
    "draftPoll": ("Poll", "chair", {"title": "新表决", "body": "正文"}),
    "openWish": (
        "Wish",
        "double",
        {"title": "又一个", "story": "故事", "type": "GOODS", "alias": "无名", "valueFen": 1},
    ),
    "bookDriftingGive": ("BookDriftingBook", "resident", {"title": "三国演义"}),
}


def written(selection: Document, head: str, field: str, type_name: str) -> str:
    """Write an operation behind the fragments, so that these stand at the same lines and columns in each."""
    declared = "".join(f", {variable.declared}" for variable in selection.operations[None])
    return (
        f"{selection.text}\n{head.replace(')', declared + ')')} "
        f"{{ shown: {field} {{ __typename ... on {type_name} {{ key: id ...Shown }} }} }}"
    )


async def test_what_a_deed_shows_is_what_is_there(twins: Twins, pools: Pools) -> None:
    """Done with the engine and read again without it, under generated selections: data, order and errors are the same."""
    more = {
        "BookDriftingBook": {"stop": pools.ids["BookDriftingStop"][0]},
        "Poll": {"opensAt": to_wire(twins.world.clock.now() + timedelta(days=30))},
    }
    for name, (type_name, viewer, rest) in DEEDS.items():
        given = {"community": twins.world.demo.places["compound"].code, **rest, **more.get(type_name, {})}
        shown = 0
        for number in range(20):
            choose = Chooser(Random(number).randint)
            selection = Writer(choose, superset_of(twins.world), pools).selection(type_name)
            variables: dict[str, Any] = {}
            for variable in selection.operations[None]:
                variable.put(choose, variables)
            head = f"mutation($input: {name[0].upper()}{name[1:]}Input!)"
            deed = Ask(
                written(selection, head, f"{name}(input: $input)", type_name),
                {**variables, "input": given},
                viewer=viewer,
            )
            shown += await compared(twins, deed, selection, type_name)
        assert shown >= 10, f"{name} was shown in {shown} of 20 ways"


async def compared(twins: Twins, deed: Ask, selection: Document, type_name: str) -> bool:
    """Do a deed and read its object again; False when it showed none: an argument below was wrong."""
    done = await twins.engine(deed)
    assert not failures(done), f"{done.body!r}\n{deed}"
    found = (parsed(done).get("data") or {}).get("shown")
    if found is None or found["__typename"] != type_name:
        return False
    read = written(selection, "query($key: ID!)", "node(id: $key)", type_name)
    again = await twins.stock(Ask(read, {**deed.variables, "key": found["key"]}, viewer=deed.viewer))
    told = difference(again, done, lambda sealed: read_cursor(twins.world.kernel, sealed))
    assert told is None, f"graphql-core, then the deed: {told}\n{deed}"
    return True
