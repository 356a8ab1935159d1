"""The limits that `meta { limits }` tells are those that are kept: at each a document passes, one more is refused."""

from typing import Any

import pytest

from tests.conftest import World

LIMITS = (
    "{ meta { limits { maxBytes maxSource maxTokens maxDepth maxAliases maxRootFields maxCost maxErrors operationSeconds "
    "pageSize guarded } } }"
)


async def code_of(world: World, document: str) -> str | None:
    """Return the code with which a document is refused, or None when it runs."""
    answer = await world.gql(document)
    return None if "data" in answer.body else str(answer.errors[0]["extensions"]["code"])


def deep(levels: int) -> str:
    """Nest fields so deep: parents of places."""
    return "{ community(code: 0) { " + "parent { " * (levels - 2) + "id" + " }" * levels


def wide(count: int) -> str:
    """Ask for so many fields at the root."""
    return "{ " + " ".join(f"a{number}: __typename" for number in range(count)) + " }"


def renamed(count: int) -> str:
    """Give so many aliases below the root."""
    return "{ meta { limits { " + " ".join(f"a{number}: maxDepth" for number in range(count)) + " } } }"


async def test_the_limits_told_are_those_kept(world: World) -> None:
    """Front ends build by these numbers."""
    told: dict[str, Any] = (await world.gql(LIMITS)).data["meta"]["limits"]
    for make, most, code in (
        (deep, told["maxDepth"], "DEPTH_LIMIT"),
        (wide, told["maxRootFields"], "ROOT_FIELD_LIMIT"),
        (renamed, told["maxAliases"], "ALIAS_LIMIT"),
    ):
        assert await code_of(world, make(most)) != code, code
        assert await code_of(world, make(most + 1)) == code
    words = "{ __typename" + " #" + "x" * (told["maxSource"] - len("{ __typename #\n}")) + "\n}"
    assert (len(words), await code_of(world, words)) == (told["maxSource"], None)
    assert await code_of(world, words + " ") == "SOURCE_LIMIT"
    assert await code_of(world, "{ " + "__typename " * (told["maxTokens"] - 2) + "}") != "TOKEN_LIMIT"
    assert await code_of(world, "{ " + "__typename " * told["maxTokens"] + "}") == "TOKEN_LIMIT"
    wrong = await world.gql("{ " + " ".join(f"nothing{number}" for number in range(9)) + " }")
    assert len(wrong.errors) == told["maxErrors"]


@pytest.mark.parametrize("name", ["login"])
async def test_fields_that_guess_come_once(world: World, name: str) -> None:
    """Every field told as guarded may stand once in a request, and only once."""
    told = (await world.gql(LIMITS)).data["meta"]["limits"]["guarded"]
    assert told == [name]
    guess = f'{name}(input: {{username: "nobody", password: "wrong-password"}}) {{ __typename }}'
    assert await code_of(world, f"mutation {{ a: {guess} }}") is None
    assert await code_of(world, f"mutation {{ a: {guess} b: {guess} }}") == "GUARDED_FIELD_LIMIT"


async def test_a_page_holds_what_is_told(world: World) -> None:
    """A list without a size gives as many items as the limits say."""
    size = (await world.gql(LIMITS)).data["meta"]["limits"]["pageSize"]
    children = (await world.gql('{ community(code: "440604000000") { children { totalCount nodes { id } } } }')).data
    found = children["community"]["children"]
    assert len(found["nodes"]) == min(size, found["totalCount"])
