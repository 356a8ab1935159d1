"""Errors of the contract: typed members of result unions where a mutation can fail, coded GraphQL errors elsewhere.

Domain code raises; the handlers here map, once; no resolver contains a ``try``.
"""

from typing import Any

import strawberry
from strawberry.schema.exception_handlers import ExceptionHandler

from core import errors


@strawberry.interface(
    description="An expected failure: what happened, and what to do. `code` is stable; every code has a page in the docs."
)
class UserError:
    """An expected failure."""

    code: str = strawberry.field(
        description="Stable code, `plugin.what_happened`: branch on this, never on the message."
    )
    message: str = strawberry.field(description="What happened and what to do, in the language of Accept-Language.")
    path: list[str] = strawberry.field(
        description="Where in the input the mistake is, from the outside in; else empty."
    )


@strawberry.type(description="Nobody is signed in, or the session has ended: call `login` or `refresh`.")
class NotSignedIn(UserError):
    """Nobody is signed in."""


@strawberry.type(description="This person may not do this here.")
class NotAllowed(UserError):
    """This person may not do this here."""


@strawberry.type(description="There is no such thing, or it is not for this person's eyes.")
class NotFound(UserError):
    """No such thing."""


@strawberry.type(description="The input is wrong; `path` says where.")
class InvalidInput(UserError):
    """The input is wrong."""


@strawberry.type(description="The thing is not in a state for this, or somebody else was faster.")
class Conflict(UserError):
    """The thing is not in a state for this."""


@strawberry.type(description="The plugin is off in this community.")
class PluginDisabled(UserError):
    """The plugin is off here."""


@strawberry.type(description="A limit was reached; try again later.")
class TooManyRequests(UserError):
    """A limit was reached."""

    retry_after: int = strawberry.field(description="Seconds to wait before the next try.")


TYPES: dict[type[errors.DomainError], tuple[type[UserError], str]] = {
    errors.Unauthenticated: (NotSignedIn, "UNAUTHENTICATED"),
    errors.NotAllowed: (NotAllowed, "NOT_ALLOWED"),
    errors.NotFound: (NotFound, "NOT_FOUND"),
    errors.Invalid: (InvalidInput, "INVALID_INPUT"),
    errors.Conflict: (Conflict, "CONFLICT"),
    errors.Disabled: (PluginDisabled, "PLUGIN_DISABLED"),
    errors.TooMany: (TooManyRequests, "TOO_MANY_REQUESTS"),
}
MEMBERS: tuple[type[UserError], ...] = tuple(member for member, _ in TYPES.values())


def _handler(kind: type[errors.DomainError], member: type[UserError]) -> ExceptionHandler[Any]:
    class Handler:
        exception_type = kind
        error_type = member

        def handle(self, exception: errors.DomainError, *, field: Any, info: strawberry.Info) -> UserError:
            return user_error(exception, info.context.language)

    return Handler()


HANDLERS = tuple(_handler(kind, member) for kind, (member, _) in TYPES.items())


def user_error(error: errors.DomainError, language: str) -> UserError:
    """Make the GraphQL object of a domain error, in a language."""
    member = TYPES[type(error)][0]
    extra = {"retry_after": error.retry_after or 60} if member is TooManyRequests else {}
    return member(code=error.code, message=error.message(language), path=[str(step) for step in error.path], **extra)


def extensions_of(error: errors.DomainError) -> dict[str, Any]:
    """Return the extensions of a GraphQL error that carries a domain error: the kind as ``code``, the stable code beside."""
    found: dict[str, Any] = {"code": TYPES[type(error)][1], "problem": error.code}
    if error.retry_after is not None:
        found["retryAfter"] = error.retry_after
    return found
