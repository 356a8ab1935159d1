"""The smallest document that still shows a difference: selections, arguments and directives taken away one at a time.

Hypothesis shrinks choices, of which a document takes hundreds, and needs minutes; its parts are fewer.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    Node,
    OperationDefinitionNode,
    SelectionSetNode,
    VariableNode,
    parse,
    print_ast,
)

Shows = Callable[[str], Awaitable[bool]]


async def reduced(text: str, shows: Shows, most: int = 400) -> str:
    """Return a smaller document for which ``shows`` still holds, trying at most so many."""
    tried: set[str] = {text}
    progress = True
    while progress:
        progress = False
        for candidate in _smaller(parse(text)):
            shorter = print_ast(_tidied(candidate))
            if shorter in tried or len(tried) > most:
                continue
            tried.add(shorter)
            if await shows(shorter):
                text, progress = shorter, True
                break
    return text


def _smaller(document: DocumentNode) -> Iterator[DocumentNode]:
    """Yield documents with one part less, large parts first."""
    definitions = document.definitions
    operations = [d for d in definitions if isinstance(d, OperationDefinitionNode)]
    if len(operations) > 1:
        for gone in operations:
            yield _with(document, definitions=tuple(d for d in definitions if d is not gone))
    for index, definition in enumerate(definitions):
        for smaller in _variants(definition):
            yield _with(document, definitions=(*definitions[:index], smaller, *definitions[index + 1 :]))


def _variants(node: Any) -> Iterator[Any]:
    """Yield a definition or selection with one part less anywhere inside."""
    selections = node.selection_set.selections if getattr(node, "selection_set", None) else ()
    for index, inner in enumerate(selections):
        rest = (*selections[:index], *selections[index + 1 :])
        if rest:
            yield _selecting(node, rest)
        if isinstance(inner, InlineFragmentNode):
            yield _selecting(node, (*selections[:index], *inner.selection_set.selections, *selections[index + 1 :]))
    for name in ("directives", "arguments"):
        for gone in getattr(node, name, None) or ():
            yield _with(node, **{name: tuple(d for d in getattr(node, name) if d is not gone)})
    if isinstance(node, FieldNode) and node.alias is not None:
        yield _with(node, alias=None)
    for index, inner in enumerate(selections):
        for smaller in _variants(inner):
            yield _selecting(node, (*selections[:index], smaller, *selections[index + 1 :]))


def _selecting(node: Any, selections: tuple[Any, ...]) -> Any:
    return _with(node, selection_set=SelectionSetNode(selections=selections))


def _with(node: Any, **changes: Any) -> Any:
    return type(node)(**{**{key: getattr(node, key) for key in node.keys}, **changes})


def _tidied(document: DocumentNode) -> DocumentNode:
    """Leave out the fragments and variables that nothing uses any more."""
    definitions = list(document.definitions)
    while True:
        spread = {found.name.value for found in _all(definitions) if isinstance(found, FragmentSpreadNode)}
        kept = [d for d in definitions if not isinstance(d, FragmentDefinitionNode) or d.name.value in spread]
        if len(kept) == len(definitions):
            break
        definitions = kept
    fragments = {d.name.value: d for d in definitions if isinstance(d, FragmentDefinitionNode)}
    return DocumentNode(definitions=tuple(_declaring(d, fragments) for d in definitions))


def _declaring(definition: Any, fragments: dict[str, Any]) -> Any:
    if not isinstance(definition, OperationDefinitionNode):
        return definition
    found: list[Any] = [definition.selection_set, *(definition.directives or ())]
    seen: set[str] = set()
    for node in found:
        for inner in _all([node]):
            if isinstance(inner, FragmentSpreadNode) and inner.name.value not in seen:
                seen.add(inner.name.value)
                found.append(fragments[inner.name.value])
    used = {node.name.value for node in _all(found) if isinstance(node, VariableNode)}
    declared = tuple(v for v in definition.variable_definitions or () if v.variable.name.value in used)
    return _with(definition, variable_definitions=declared)


def _all(nodes: Any) -> Iterator[Node]:
    for node in nodes:
        if isinstance(node, Node):
            yield node
            for key in node.keys:
                if key != "loc":
                    value = getattr(node, key, None)
                    yield from _all(value if isinstance(value, (list, tuple)) else (value,))
