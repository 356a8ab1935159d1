"""Mutations from deeds: input type, idempotency key, result union and the one-line resolver, made from one declaration.

@strawberry.input(description="…")
class ClaimWishInput(DeedInput):
    id: strawberry.ID = ref("Wish", "The wish.")
    message: str = text("What you would say to the beneficiary.")

claim_wish = mutation(service.claim_wish, ClaimWishInput, "Wish")
"""

import inspect
from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated, Any, cast

import strawberry
from graphql import GraphQLError, GraphQLResolveInfo
from graphql.execution.get_variable_signature import get_variable_signature
from graphql.execution.values import VariableValues, VariableValueSource, get_argument_values
from strawberry.types.base import get_object_definition
from strawberry.types.field import StrawberryField
from strawberry.utils.str_converters import to_camel_case

from core import errors
from core.ids import global_id
from core.work import DeedSpec, Fresh
from schema.declared import REGISTRY
from schema.errors import MEMBERS
from schema.inputs import IDEMPOTENCY_KEY, DeedArguments

TELLING = (errors.Unauthenticated, errors.NotAllowed, errors.NotFound, errors.Disabled)
"""Refusals that a deed may raise before it is known that the viewer may know of what the input names."""


@strawberry.input(description="What every mutation accepts.")
class DeedInput:
    """Base of every mutation's input."""

    idempotency_key: str | None = strawberry.field(
        default=None,
        description="A key of your choice (a UUID, say), up to 100 characters. Send the same one when you retry: the deed "
        "happens once and you get the first answer. Kept for 30 days.",
    )


def ref(type_name: str, description: str, *, optional: bool = False) -> Any:
    """Declare an input field that names an object by its global id; the deed gets its key as an integer."""
    default: Any = {"default": None} if optional else {}
    return strawberry.field(description=description, metadata={"ref": type_name}, **default)


def named(what: str, description: str, **default: Any) -> Any:
    """Declare an ID field that the deed itself looks up, and say what it names: places by their codes, any matter."""
    return strawberry.field(description=description, metadata={"names": what}, **default)


def text(description: str, **default: Any) -> Any:
    """Declare any other input field with its description."""
    return strawberry.field(description=description, **default)


def mutation(
    spec: DeedSpec,
    input_type: type,
    returns: str | type,
    *,
    prepare: Callable[[dict[str, Any], strawberry.Info], Awaitable[dict[str, Any]]] | None = None,
    present: Callable[[Any, strawberry.Info], Any] | None = None,
) -> StrawberryField:
    """Make the mutation of a deed.

    ``returns`` names the declared type of the object whose key the deed returns (read back as the viewer may see it), or
    is a Strawberry type that ``present(result, info)`` makes of the deed's JSON-able result. ``prepare(arguments, info)``
    does what must come before, as a deed may await only the database: reading a file, hashing a password. It gives the
    deed's arguments, and checks first who may ask for such work.
    """
    name = spec.name.rpartition(".")[2]

    taken = DeedArguments(input_type)

    async def answer(given: Mapping[str, Any], info: strawberry.Info) -> Any:
        arguments = taken.read(given)
        try:
            if prepare is not None:
                arguments = await prepare(arguments, info)
            result = await info.context.perform(spec, arguments, given.get(IDEMPOTENCY_KEY))
        except errors.DomainError as refusal:
            raise await _as_seen(refusal, taken.subject(given), info) from None
        if present is not None:
            made = present(result, info)
            return await made if inspect.isawaitable(made) else made
        return await reread(str(returns), result.key if isinstance(result, Fresh) else result, info)

    async def resolve(input: Any, info: strawberry.Info) -> Any:
        return await answer(_given(info._raw_info), info)

    pascal = to_camel_case(name)[:1].upper() + to_camel_case(name)[1:]
    target: Any = REGISTRY[returns].cls if isinstance(returns, str) else returns
    about = _sentence(spec.description)
    members: Any = target
    for member in MEMBERS:
        members |= member
    union = Annotated[members, strawberry.union(f"{pascal}Result", description=f"What `{to_camel_case(name)}` gives.")]
    resolve.__annotations__ = {
        "input": Annotated[_named(input_type, f"{pascal}Input"), strawberry.argument(description="What to do.")],
        "info": strawberry.Info,
        "return": union,
    }
    made = strawberry.mutation(resolver=resolve, description=about, name=to_camel_case(name))
    made.metadata = {**made.metadata, "deed": spec, "answer": answer}
    return made


async def _as_seen(
    refusal: errors.DomainError, subject: tuple[str, int] | None, info: strawberry.Info
) -> errors.DomainError:
    """Return a refusal as it may be told: of what the viewer may not see, it says no more than that there is none.

    Else whoever guesses ids could tell those that exist, and where, from those that do not. It is asked after the fact,
    so that deeds that succeed pay nothing for it.
    """
    tells = isinstance(refusal, TELLING) or refusal.code == errors.PLACE_CLOSED.code
    if subject is None or not tells or await info.context.reading.may_know(REGISTRY[subject[0]], subject[1]):
        return refusal
    return errors.NOT_FOUND(path=("input", "id"), what=global_id(*subject))


def _named(input_type: type, name: str) -> type:
    """Give every mutation an input type of its own name, also where several share their fields."""
    definition = get_object_definition(input_type, strict=True)
    if definition.name == name:
        return input_type
    made = type(name, (input_type,), {"__module__": input_type.__module__, "__doc__": input_type.__doc__})
    return strawberry.input(made, name=name, description=definition.description)


def _given(raw: GraphQLResolveInfo[Any]) -> Mapping[str, Any]:
    """Return the coerced input that a mutation was called with; Strawberry hands on an object made of it."""
    coerced = cast(dict[str, Any], raw.variable_values)  # Strawberry's, where the library has VariableValues
    nodes = {node.variable.name.value: node for node in raw.operation.variable_definitions or ()}
    sources = {
        name: VariableValueSource(signature, value)
        for name, value in coerced.items()
        if not isinstance(signature := get_variable_signature(raw.schema, nodes[name]), GraphQLError)
    }
    field = raw.parent_type.fields[raw.field_name]
    given: Mapping[str, Any] = get_argument_values(field, raw.field_nodes[0], VariableValues(sources, coerced))["input"]
    return given


async def reread(type_name: str, key: int, info: strawberry.Info) -> Any:
    """Load what a deed made or changed, as the viewer may see it."""
    found = await info.context.reading.by_id(type_name, key, info)
    if found is None:
        raise errors.NOT_FOUND(what=type_name)
    return found


def _sentence(text: str) -> str:
    return inspect.cleandoc(text) if text else ""
