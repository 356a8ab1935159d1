"""What the GraphQL edge says when it cannot or will not answer: refusals, masked failures, and their HTTP status.

Two kinds of error reach a client. A *refusal* is decided before anything runs (bad JSON, a document over a limit, an
unknown operation): the answer has no ``data``, and its HTTP status follows from a small table. A *field error* happens
while the operation runs: the answer has ``data`` beside it and the status is 200. Both carry a stable
``extensions.code``, and no client ever reads the text of an unexpected exception: it gets a request id to quote.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from graphql import GraphQLError
from strawberry.exceptions import StrawberryGraphQLError

from core import errors
from core.database import Overloaded, StorageUnavailable
from schema.errors import extensions_of

LOG = logging.getLogger("shanzhi.front")

MAX_ECHO = 200
"""No message that may quote the client's text is longer than this."""

MAX_FIELD_ERRORS = 100
"""An answer lists at most this many field errors; the nulls in ``data`` show the rest."""

MAX_TRACEBACKS = 5
"""A request logs at most this many tracebacks, or one bad column in a list would fill the disk."""

Language = Literal["zh", "en"]
Profile = Literal["hybrid", "draft", "legacy"]


class Status(NamedTuple):
    """The HTTP status of one kind of refusal, by profile and by the media type the client accepts.

    ``hybrid`` and ``draft`` are for clients that accept ``application/graphql-response+json``: the 2026 text of
    GraphQL-over-HTTP, and the 2025 draft that the published audit suite still checks. ``legacy`` is for all others, and
    as a profile for everybody: behind gateways that take an answer with another status than 200 for a broken server.
    """

    hybrid: int
    draft: int
    legacy: int

    def of(self, profile: Profile, *, legacy: bool) -> int:
        """Return the status for this profile, or for a legacy client."""
        status: int = self.legacy if legacy else getattr(self, profile)
        return status


def always(status: int) -> Status:
    """Return a status that is the same for every client."""
    return Status(status, status, status)


UNREADABLE = always(400)
"""The body is not JSON, or names no document."""
MALFORMED = Status(422, 400, 400)
"""The JSON is fine, its parameters are not: a list of operations, a number for a document."""
UNPARSABLE = Status(400, 400, 200)
"""The document is not GraphQL."""
INVALID = Status(422, 400, 200)
"""The document does not fit the schema, the limits, or its variables."""


@dataclass(frozen=True)
class Refusal:
    """Why a request is not answered: the errors to show and the status to show them with."""

    errors: tuple[dict[str, Any], ...]
    status: Status
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def code(self) -> str:
        """The code of the first error."""
        return str(self.errors[0]["extensions"]["code"])


class Refused(Exception):
    """A request is refused before anything ran."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.code)
        self.refusal = refusal


def refusal(code: str, message: str, status: Status = INVALID, **headers: str) -> Refusal:
    """Return a refusal with one error; header names are given with underscores."""
    named = {name.replace("_", "-").title(): value for name, value in headers.items()}
    return Refusal((error(code, message),), status, named)


def refused(code: str, message: str, status: Status = INVALID, **headers: str) -> Refused:
    """Return the exception that refuses a request for one reason."""
    return Refused(refusal(code, message, status, **headers))


def error(code: str, message: str, **extensions: Any) -> dict[str, Any]:
    """Return one GraphQL error in its wire form."""
    return {"message": clip(message), "extensions": {"code": code, **extensions}}


def clip(text: str) -> str:
    """Cut a text that may quote the client."""
    return text if len(text) <= MAX_ECHO else text[: MAX_ECHO - 1] + "…"


def request_errors(found: Iterable[GraphQLError], code: str) -> tuple[dict[str, Any], ...]:
    """Return the wire form of errors in the request itself; ``code`` is given to those that bring none."""
    return tuple(_located(item, code) for item in found)


def _located(item: GraphQLError, code: str) -> dict[str, Any]:
    extensions = {"code": code, **(item.extensions or {})}
    shown: dict[str, Any] = {"message": clip(item.message), "extensions": extensions}
    if item.locations:
        shown["locations"] = [place.formatted for place in item.locations]
    if item.path is not None:
        shown["path"] = item.path
    return shown


def field_errors(
    found: Iterable[GraphQLError | Mapping[str, Any]], language: Language, request_id: str
) -> list[dict[str, Any]]:
    """Return the wire form of the errors of a run; what was not meant for clients is logged and masked."""
    listed = list(found)
    unexpected = [item for item in listed if isinstance(item, GraphQLError) and _cause(item) is not None]
    for item in unexpected[:MAX_TRACEBACKS]:
        report(_cause(item), request_id, path=item.path)
    if len(unexpected) > MAX_TRACEBACKS:
        LOG.error("request %s: %d more errors like these", request_id, len(unexpected) - MAX_TRACEBACKS)
    return [_field_error(item, language, request_id) for item in listed[:MAX_FIELD_ERRORS]]


def _field_error(item: GraphQLError | Mapping[str, Any], language: Language, request_id: str) -> dict[str, Any]:
    if not isinstance(item, GraphQLError):
        return dict(item)
    shown = _located(item, "EXECUTION_ERROR")
    domain = _root(item)
    if isinstance(domain, errors.DomainError):
        shown |= domain_error(domain, language)
    elif (cause := _cause(item)) is not None:
        shown |= unforeseen(cause, language, request_id)
    return shown


def _root(item: BaseException | None) -> BaseException | None:
    """Return what a resolver raised, below the layers that GraphQL put around it."""
    while isinstance(item, GraphQLError) and item.original_error is not None:
        item = item.original_error
    return item


def _cause(item: GraphQLError) -> BaseException | None:
    """Return the exception nobody meant a client to see, if that is what this error hides."""
    root = _root(item)
    return None if root is None or _is_meant(root) else root


def _is_meant(root: BaseException) -> bool:
    """Tell whether an error was written for clients.

    A ``GraphQLError`` without a code and without a place in the document comes from a scalar or enum that could not
    write what a resolver returned: its message shows that value.
    """
    if isinstance(root, GraphQLError):
        return isinstance(root, StrawberryGraphQLError) or bool(root.nodes) or "code" in (root.extensions or {})
    return isinstance(root, errors.DomainError)


def domain_error(raised: errors.DomainError, language: Language) -> dict[str, Any]:
    """Return the wire form of an expected failure, in the client's language."""
    extensions = extensions_of(raised)
    if raised.path:
        extensions["argumentPath"] = list(raised.path)
    return {"message": raised.message(language), "extensions": extensions}


def unforeseen(raised: BaseException | None, language: Language, request_id: str) -> dict[str, Any]:
    """Return the wire form of a failure of ours: a reference to quote, nothing of what happened."""
    if isinstance(raised, Overloaded):
        message = (
            "The server is busy. Try again in a few seconds." if language == "en" else "服务器繁忙，请几秒后重试。"
        )
        return error("OVERLOADED", message, requestId=request_id)
    if isinstance(raised, StorageUnavailable):
        message = (
            f"The data cannot be reached just now. Try again in a few seconds. Reference: {request_id}."
            if language == "en"
            else f"数据暂时无法访问，请几秒后重试。编号：{request_id}。"
        )
        return error("UNAVAILABLE", message, requestId=request_id)
    message = (
        f"Something went wrong on our side. Try again; if it stays, report the reference {request_id}."
        if language == "en"
        else f"服务器出错了，请重试；如仍有问题，请把编号 {request_id} 告诉管理员。"
    )
    return error("INTERNAL", message, requestId=request_id)


def unforeseen_refusal(raised: Exception, language: Language, request_id: str) -> Refusal:
    """Log what nothing foresaw before the operation ran and return the refusal: come back, this is our fault."""
    report(raised, request_id)
    return Refusal((unforeseen(raised, language, request_id),), always(503), {"Retry-After": "5"})


def report(raised: BaseException | None, request_id: str, *, path: object = None) -> None:
    """Log an unexpected failure with its traceback under the id that the client was given."""
    LOG.error("request %s failed at %s: %r", request_id, path or "the front", raised, exc_info=raised)


_STATUS_OF_KIND: dict[type, int] = {
    errors.Unauthenticated: 401,
    errors.NotAllowed: 403,
    errors.NotFound: 404,
    errors.TooMany: 429,
}


def domain_refusal(raised: errors.DomainError, language: Language) -> Refusal:
    """Return the refusal for an expected failure before the operation ran, such as a bad token or too many tries."""
    status = next((_STATUS_OF_KIND[kind] for kind in type(raised).__mro__ if kind in _STATUS_OF_KIND), None)
    headers = {} if raised.retry_after is None else {"Retry-After": str(raised.retry_after)}
    if status == 401:
        headers["Www-Authenticate"] = "Bearer"
    return Refusal((domain_error(raised, language),), always(status) if status else INVALID, headers)
