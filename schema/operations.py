"""Documents, parsed and checked once per schema.

Strawberry's own parse and validation caches are shared by every schema in the process, which is wrong as soon as two
communities have different plugins on. Here each schema has its cache, bounded in entries and bytes, and a document that
was seen once cannot push out the ones that front ends send all day.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import strawberry
from graphql import (
    DocumentNode,
    GraphQLError,
    GraphQLSchema,
    GraphQLSyntaxError,
    OperationDefinitionNode,
    OperationType,
    parse,
    validate,
)
from graphql.validation import ASTValidationRule, OverlappingFieldsCanBeMergedRule, ValidationContext, specified_rules
from graphql.validation.validate import ValidationAbortedError
from strawberry.schema.validation_rules.maybe_null import MaybeNullValidationRule
from strawberry.schema.validation_rules.one_of import OneOfInputValidationRule

from schema.cost import Cost
from schema.http_errors import INVALID, UNPARSABLE, Refusal, Refused, refusal, refused, request_errors
from schema.limits import Limits, check_shape, operations_of
from schema.requests import GraphQLRequest

Mode = Literal["open", "trusted"]

OVERLAP_BUDGET = 10_000
"""Units of work for comparing fields of the same name; 500,000, the library's own bound, takes a second."""

_BYTES_PER_CHARACTER = 220
_BYTES_PER_DOCUMENT = 2000


class BoundedOverlapRule(OverlappingFieldsCanBeMergedRule):
    """The specification's rule on merging fields, with a budget that fits an answer within 100 ms."""

    def __init__(self, context: ValidationContext) -> None:
        super().__init__(context)
        self.rule_context.remaining_complexity_budget = OVERLAP_BUDGET


RULES: tuple[type[ASTValidationRule], ...] = (
    *(BoundedOverlapRule if rule is OverlappingFieldsCanBeMergedRule else rule for rule in specified_rules),
    MaybeNullValidationRule,
    OneOfInputValidationRule,
)


@dataclass(frozen=True, eq=False, slots=True, weakref_slot=True)
class Prepared:
    """One operation of a valid document, ready to run. The same document and name give the same object.

    What an engine compiles for it can be kept in a ``WeakKeyDictionary``: it goes when the cache drops the document.
    """

    digest: str
    """SHA-256 of the document, in hexadecimal."""
    document: DocumentNode
    operation: OperationDefinitionNode
    cost: Cost

    @property
    def name(self) -> str | None:
        """The operation's name in the document."""
        return self.operation.name.value if self.operation.name else None

    @property
    def kind(self) -> OperationType:
        """Query, mutation or subscription."""
        return self.operation.operation

    @property
    def is_mutation(self) -> bool:
        """Whether running it may change something."""
        return self.kind is OperationType.MUTATION

    @property
    def is_subscription(self) -> bool:
        """Whether it has a stream of answers."""
        return self.kind is OperationType.SUBSCRIPTION


@dataclass(frozen=True)
class _Entry:
    """What is known of one document: why it is refused, or its operations by name."""

    size: int
    refusal: Refusal | None = None
    operations: Mapping[str | None, Prepared] = field(default_factory=dict)

    def operation(self, name: str | None) -> Prepared:
        """Return the operation to run.

        Raises:
            Refused: the document is invalid, or the name does not say which operation is meant.
        """
        if self.refusal is not None:
            raise Refused(self.refusal)
        if name is None and len(self.operations) == 1:
            return next(iter(self.operations.values()))
        if name is None:
            raise _unresolved("The document has several operations: send operationName.")
        if name not in self.operations:
            raise _unresolved(f"The document has no operation called {name}.")
        return self.operations[name]


def _unresolved(message: str) -> Refused:
    return refused("OPERATION_RESOLUTION_FAILURE", message)


class _Cache:
    """Entries by document, the least used going first.

    A new entry starts in a nursery of a quarter of the size and moves on when it is asked for again, so a stream of
    documents that never come back only replaces itself.
    """

    def __init__(self, max_entries: int, max_bytes: int) -> None:
        self._nursery = _Recent(max(1, max_entries // 4), max_bytes // 4)
        self._kept = _Recent(max(1, max_entries - max_entries // 4), max_bytes - max_bytes // 4)

    def __len__(self) -> int:
        return len(self._nursery.entries) + len(self._kept.entries)

    @property
    def size(self) -> int:
        """The estimated bytes of all entries."""
        return self._nursery.size + self._kept.size

    def get(self, text: str) -> _Entry | None:
        """Return the entry of a document that was seen before."""
        if (entry := self._kept.touch(text)) is not None:
            return entry
        if (entry := self._nursery.pop(text)) is not None:
            self._kept.put(text, entry)
        return entry

    def put(self, text: str, entry: _Entry) -> None:
        """Remember a document seen for the first time."""
        self._nursery.put(text, entry)


class _Recent:
    """Entries in order of use, bounded in number and bytes."""

    def __init__(self, max_entries: int, max_bytes: int) -> None:
        self.entries: OrderedDict[str, _Entry] = OrderedDict()
        self.size = 0
        self._max_entries, self._max_bytes = max_entries, max_bytes

    def touch(self, text: str) -> _Entry | None:
        """Return an entry and make it the last to go."""
        entry = self.entries.get(text)
        if entry is not None:
            self.entries.move_to_end(text)
        return entry

    def pop(self, text: str) -> _Entry | None:
        """Take an entry out."""
        entry = self.entries.pop(text, None)
        self.size -= entry.size if entry else 0
        return entry

    def put(self, text: str, entry: _Entry) -> None:
        """Add an entry, dropping the least recently used until the bounds hold."""
        self.entries[text] = entry
        self.size += entry.size
        while self.entries and (len(self.entries) > self._max_entries or self.size > self._max_bytes):
            self.size -= self.entries.popitem(last=False)[1].size


class Operations:
    """Turns requests into operations of one schema that are valid, within the limits, and ready to run.

    In ``trusted`` mode only the documents given at the start run, by their hash; in ``open`` mode they run too, beside
    any document a client sends. A stored document that does not pass stops the server from starting, unless this is
    the schema of ``some`` plugins only: there it is refused when it is asked for, as any other would be.
    """

    def __init__(
        self,
        schema: strawberry.Schema,
        limits: Limits | None = None,
        *,
        allow_introspection: bool = False,
        suggestions: bool = False,
        mode: Mode = "open",
        documents: Iterable[str] = (),
        some: bool = False,
        max_entries: int = 1000,
        max_bytes: int = 32 << 20,
    ) -> None:
        self.schema = schema
        self.limits = limits or Limits()
        self.suggestions = suggestions
        self.mode: Mode = mode
        self._allow_introspection = allow_introspection
        self._cache = _Cache(max_entries, max_bytes)
        self._trusted = {document_id(text): self._trust(text, some=some) for text in documents}

    @property
    def core_schema(self) -> GraphQLSchema:
        """The schema as graphql-core knows it."""
        return self.schema._schema

    @property
    def cached(self) -> int:
        """Documents that are remembered, beside the stored ones."""
        return len(self._cache)

    @property
    def cached_bytes(self) -> int:
        """Their estimated size in memory."""
        return self._cache.size

    def find(self, request: GraphQLRequest) -> Prepared:
        """Return the operation a request asks for, its cost checked against the request's variables.

        Raises:
            Refused: the document or the request does not pass.
        """
        prepared = self._entry(request).operation(request.operation_name)
        prepared.cost.check(request.variables)
        return prepared

    def _entry(self, request: GraphQLRequest) -> _Entry:
        if request.document_id is not None:
            return self._trusted_entry(request.document_id)
        if self.mode == "trusted":
            raise refused("TRUSTED_DOCUMENTS_ONLY", "This server runs stored documents only: send documentId.")
        text = request.query or ""
        if len(text) > self.limits.max_source:
            raise refused("SOURCE_LIMIT", f"The document has more than {self.limits.max_source} characters. Split it.")
        entry = self._cache.get(text)
        if entry is None:
            entry = self._prepare(text)
            self._cache.put(text, entry)
        return entry

    def _trusted_entry(self, id: str) -> _Entry:
        entry = self._trusted.get(id)
        if entry is None:
            raise refused(
                "PERSISTED_DOCUMENT_NOT_FOUND",
                "This server has no such document. Register it, and send its id as sha256:<hexadecimal>.",
            )
        return entry

    def _trust(self, text: str, *, some: bool) -> _Entry:
        """Prepare a stored document."""
        entry = self._prepare(text)
        if entry.refusal is not None and not some:
            raise ValueError(f"The stored document {text[:60]!r}… is refused: {entry.refusal.errors[0]['message']}")
        return entry

    def _prepare(self, text: str) -> _Entry:
        size = _BYTES_PER_DOCUMENT + _BYTES_PER_CHARACTER * len(text)
        try:
            document = self._parse(text)
            check_shape(document, self.limits, allow_introspection=self._allow_introspection)
            self._validate(document)
            return _Entry(size, operations=self._operations(text, document))
        except Refused as no:
            return _Entry(size, no.refusal)

    def _parse(self, text: str) -> DocumentNode:
        limits = self.limits
        try:
            return parse(
                text,
                max_lexical_tokens=limits.max_tokens,
                max_comments=limits.max_tokens,
                max_source_length=limits.max_source,
            )
        except GraphQLSyntaxError as wrong:
            raise Refused(self._syntax_refusal(wrong)) from None

    def _syntax_refusal(self, wrong: GraphQLSyntaxError) -> Refusal:
        # The parser reports its own limits as syntax errors; only their texts tell them apart.
        if wrong.message.endswith("Parsing aborted."):
            if "too deeply" in wrong.message:
                return refusal("DEPTH_LIMIT", "The document is nested too deeply. Split it.")
            return refusal(
                "TOKEN_LIMIT", f"The document has more than {self.limits.max_tokens} words and signs. Split it."
            )
        return Refusal(request_errors([wrong], "GRAPHQL_PARSE_FAILED"), UNPARSABLE)

    def _validate(self, document: DocumentNode) -> None:
        most = self.limits.max_errors
        found = validate(self.core_schema, document, RULES, most, hide_suggestions=not self.suggestions)
        if found:
            raise Refused(_invalid(found[:most]))

    def _operations(self, text: str, document: DocumentNode) -> dict[str | None, Prepared]:
        digest = hashlib.sha256(text.encode()).hexdigest()
        found: dict[str | None, Prepared] = {}
        for operation in operations_of(document):
            cost = Cost(self.core_schema, document, operation, self.limits)
            found[operation.name.value if operation.name else None] = Prepared(digest, document, operation, cost)
        if not found:
            raise _unresolved("The document has no operation to run.")
        return found


def _invalid(found: list[GraphQLError]) -> Refusal:
    if isinstance(found[0], ValidationAbortedError):
        return refusal("OVERLAP_LIMIT", "The document names the same fields too often. Name each of them once.")
    return Refusal(request_errors(found, "GRAPHQL_VALIDATION_FAILED"), INVALID)


def document_id(text: str) -> str:
    """Return the id by which a stored document is asked for."""
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def variables_error(found: Iterable[GraphQLError]) -> tuple[dict[str, Any], ...]:
    """Return the wire form of errors in the variables."""
    return request_errors(found, "BAD_USER_INPUT")
