"""Running operations: the seam behind which engines can be exchanged, and the rules that hold for every engine.

``Executor`` is the seam. ``StockExecutor`` runs graphql-core with Strawberry's resolvers. ``Work`` is what HTTP and
WebSockets share: admission, the deadline, and the rule that whoever leaves never stops a mutation.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Callable, Coroutine, Mapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from inspect import isawaitable
from typing import Any, Literal, Protocol, TypeVar, cast

import strawberry
from graphql import ExecutionResult, execute
from graphql.execution import Executor as CoreExecutor
from graphql.execution import create_source_event_stream, execute_subscription_event
from starlette.types import Scope
from strawberry.execution import optimized_is_awaitable

from core.errors import DomainError
from schema.eager import TooLate, within
from schema.http_errors import (
    Language,
    Refusal,
    Refused,
    always,
    domain_refusal,
    error,
    field_errors,
    refused,
    unforeseen_refusal,
)
from schema.operations import Operations, Prepared, variables_error

T = TypeVar("T")


@dataclass(slots=True)
class Caller:
    """Who asks, as far as the transport knows: what a context is made from."""

    scope: Scope
    transport: Literal["http", "websocket"]
    headers: Mapping[str, str]
    """Names in lower case. On a WebSocket without cookies, which a foreign page could make a browser send, and with
    ``authorization`` from the payload of ``connection_init`` if it has one."""
    request_id: str

    @property
    def authorization(self) -> str | None:
        """The Authorization header, as it came."""
        return self.headers.get("authorization")

    @property
    def language(self) -> Language:
        """The language for messages: English if the client prefers it to everything else, otherwise Chinese."""
        return "en" if self.headers.get("accept-language", "").strip().lower().startswith("en") else "zh"


class Executor(Protocol):
    """What runs operations of one schema.

    An answer is a dict with ``data``, and ``errors`` as wire-form dicts or as GraphQLErrors, which the front formats
    and masks. A request error (variables that do not fit) leaves ``data`` out. Ready-made JSON may stand anywhere in
    ``data`` as an ``orjson.Fragment``.
    """

    @property
    def operations(self) -> Operations:
        """The documents of this schema."""

    async def context(self, caller: Caller) -> Any:
        """Return what resolvers see as ``info.context``; raise a DomainError to turn the caller away.

        On a WebSocket, an ``expires_at`` (aware datetime) on it says when the caller must come back with a new token.
        """

    async def execute(self, prepared: Prepared, variables: dict[str, Any], context: Any) -> dict[str, Any]:
        """Run a query or a mutation."""

    def subscribe(
        self, prepared: Prepared, variables: dict[str, Any], context: Any
    ) -> AsyncGenerator[dict[str, Any], None]:
        """Run a subscription: one answer per event."""


class StockExecutor:
    """Runs operations with graphql-core, unchanged, on documents that were parsed and validated before."""

    def __init__(
        self,
        schema: strawberry.Schema,
        make_context: Callable[[Caller], Awaitable[Any]],
        *,
        operations: Operations | None = None,
    ) -> None:
        if schema.extensions or schema.directives:
            raise ValueError("The front runs no schema extensions and no operation directives: they would be ignored.")
        self._operations = operations or Operations(schema)
        self._make_context = make_context
        self._core = self._operations.core_schema
        self._executor_class = cast("type[CoreExecutor[Any]]", schema.execution_context_class)
        self._events: set[asyncio.Future[ExecutionResult]] = set()

    @property
    def operations(self) -> Operations:
        """The documents of this schema."""
        return self._operations

    async def context(self, caller: Caller) -> Any:
        """Return what resolvers see as ``info.context``."""
        return await self._make_context(caller)

    async def execute(self, prepared: Prepared, variables: dict[str, Any], context: Any) -> dict[str, Any]:
        """Run a query or a mutation."""
        arguments = self._arguments(prepared, variables, context)
        running = execute(self._core, prepared.document, executor_class=self._executor_class, **arguments)
        return _answer(await running if isawaitable(running) else running)

    async def subscribe(
        self, prepared: Prepared, variables: dict[str, Any], context: Any
    ) -> AsyncGenerator[dict[str, Any], None]:
        """Run a subscription: one answer per event."""
        arguments = self._arguments(prepared, variables, context)
        variables = arguments.pop("variable_values")
        executor = self._executor_class.build(self._core, prepared.document, raw_variable_values=variables, **arguments)
        if isinstance(executor, list):
            yield {"errors": variables_error(executor)}
            return
        opened = create_source_event_stream(executor)
        source = await opened if isawaitable(opened) else opened
        if isinstance(source, ExecutionResult):
            yield _answer(source)
            return
        async with _closing(source) as events:
            async for event in events:
                yield _answer(await self._resolve(executor, event))

    async def _resolve(self, executor: CoreExecutor[Any], event: Any) -> ExecutionResult:
        """Resolve one event to its end, even if the subscriber leaves meanwhile: it may be reading the database."""
        running = execute_subscription_event(executor.build_per_event_executor(event))
        if not isawaitable(running):
            return running
        task = asyncio.ensure_future(running)
        self._events.add(task)
        task.add_done_callback(self._events.discard)
        return await asyncio.shield(task)

    def _arguments(self, prepared: Prepared, variables: dict[str, Any], context: Any) -> dict[str, Any]:
        return {
            "context_value": context,
            "variable_values": variables,
            "operation_name": prepared.name,
            "max_coercion_errors": self._operations.limits.max_errors,
            "is_awaitable": optimized_is_awaitable,
            "hide_suggestions": not self._operations.suggestions,
        }


@asynccontextmanager
async def _closing(source: AsyncIterable[T]) -> AsyncGenerator[AsyncIterable[T], None]:
    """Close a source of events at the end, if it is one that can be closed."""
    try:
        yield source
    finally:
        close = getattr(source, "aclose", None)
        if close is not None:
            await close()


def _answer(result: ExecutionResult) -> dict[str, Any]:
    errors = result.errors
    if errors and result.data is None and all(item.path is None for item in errors):
        return {"errors": variables_error(errors)}
    answer: dict[str, Any] = {"data": result.data}
    if errors:
        answer["errors"] = errors
    return answer


Gate = Callable[[Prepared, dict[str, Any], Any, Caller], Awaitable[None]]
"""What an operation passes between its context and its run; raises Refused or DomainError."""


class Work:
    """The operations that run in this process, whichever schema and transport they came by."""

    def __init__(self, gate: Gate | None = None) -> None:
        self._gate = gate
        self._tasks: set[asyncio.Task[Any]] = set()
        self._running = 0
        self._closing = False

    @property
    def running(self) -> int:
        """Operations under way."""
        return self._running

    async def answer(
        self, executor: Executor, prepared: Prepared, variables: dict[str, Any], caller: Caller
    ) -> dict[str, Any]:
        """Run a query or a mutation within its deadline and return its answer in wire form.

        A query that takes too long is cancelled. A mutation never is, neither by the deadline nor by a client that
        leaves: it goes on in a task of its own, and whoever asks again with the same idempotency key learns its end.

        Raises:
            Refused: OVERLOADED or STOPPING, or whatever ``Executor.context`` refuses.
            DomainError: the context turned the caller away.
        """
        limits = executor.operations.limits
        self._admit(limits.max_in_flight)
        running = self._run(executor, prepared, variables, caller)
        try:
            return await within(
                self._unstoppable(running) if prepared.is_mutation else running, limits.operation_seconds
            )
        except TooLate:
            return _late(prepared, caller.language)

    async def subscribe(
        self, executor: Executor, prepared: Prepared, variables: dict[str, Any], caller: Caller
    ) -> tuple[Any, AsyncGenerator[dict[str, Any], None]]:
        """Open a subscription: return its context, and its answers in wire form, one per event.

        Raises:
            Refused: STOPPING, or whatever ``Executor.context`` refuses.
            DomainError: the context turned the caller away.
        """
        self._check_open()
        # To the end even if the client hangs up: it may be reading the database.
        context = await asyncio.shield(self.start(executor.context(caller)))
        await self._pass_gate(prepared, variables, context, caller)
        return context, _shown_all(executor.subscribe(prepared, variables, context), caller)

    async def _pass_gate(self, prepared: Prepared, variables: dict[str, Any], context: Any, caller: Caller) -> None:
        """Let an operation pass whatever stands before all of them; raises what refuses it."""
        if self._gate is not None:
            await self._gate(prepared, variables, context, caller)

    async def _unstoppable(self, work: Coroutine[Any, Any, T]) -> T:
        return await asyncio.shield(self.start(work))

    def start(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Run something to its end, whoever waits for it."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    async def drain(self, seconds: float) -> int:
        """Take no more work, wait for what runs, and return how much was left when the time was up."""
        self._closing = True
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=seconds)
        return len(self._tasks)

    def _check_open(self) -> None:
        if self._closing:
            raise refused("STOPPING", "This server is restarting. Try again.", always(503), retry_after="1")

    def _admit(self, most: int) -> None:
        self._check_open()
        if self._running >= most:
            raise refused("OVERLOADED", "The server is busy. Try again in a second.", always(503), retry_after="1")

    async def _run(
        self, executor: Executor, prepared: Prepared, variables: dict[str, Any], caller: Caller
    ) -> dict[str, Any]:
        self._running += 1
        try:
            context = await executor.context(caller)
            await self._pass_gate(prepared, variables, context, caller)
            return shown(await executor.execute(prepared, variables, context), caller)
        except (Refused, DomainError):
            raise
        except Exception as raised:
            raise Refused(refusal_of(raised, caller)) from raised
        finally:
            self._running -= 1

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            # Whoever waited has the exception; if nobody did any more, asyncio must not complain about it later.
            task.exception()


def _late(prepared: Prepared, language: Language) -> dict[str, Any]:
    if prepared.is_mutation:
        message = (
            "This takes longer than usual and is still running. Ask again with the same idempotency key."
            if language == "en"
            else "处理时间较长，仍在进行。请使用相同的幂等键再次查询结果。"
        )
    else:
        message = (
            "The query took too long and was stopped. Ask for less at a time."
            if language == "en"
            else "查询超时，已停止。请减少一次查询的内容。"
        )
    return {"data": None, "errors": [error("DEADLINE", message)]}


async def _shown_all(
    answers: AsyncGenerator[dict[str, Any], None], caller: Caller
) -> AsyncGenerator[dict[str, Any], None]:
    async with aclosing(answers):
        async for answer in answers:
            yield shown(answer, caller)


def shown(answer: dict[str, Any], caller: Caller) -> dict[str, Any]:
    """Return an executor's answer in wire form, its unexpected errors logged and masked."""
    if not answer.get("errors"):
        return answer
    return {**answer, "errors": field_errors(answer["errors"], caller.language, caller.request_id)}


def refusal_of(raised: Exception, caller: Caller) -> Refusal:
    """Return what to answer when an exception ended a request; one that nothing foresaw is logged and masked."""
    if isinstance(raised, Refused):
        return raised.refusal
    if isinstance(raised, DomainError):
        return domain_refusal(raised, caller.language)
    return unforeseen_refusal(raised, caller.language, caller.request_id)
