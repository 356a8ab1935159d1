"""What every operation passes before it runs, once it is known who asks: the rate limit, and which database answers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from graphql import OperationType

from core.guesses import network
from core.kernel import Kernel
from schema.context import Context
from schema.execution import Caller
from schema.http_errors import always, refused
from schema.operations import Prepared

BASE_POINTS = 100
"""What an operation costs beside the values of its answer."""
ADDRESS_TIMES = 10
"""An address has so much more than a person: a neighbourhood may share one."""


class Gate:
    """Lets operations pass; one for all schemas, HTTP and WebSockets alike."""

    def __init__(self, kernel: Kernel) -> None:
        self._database = kernel.database
        self._limiter = kernel.limiter

    async def __call__(
        self, prepared: Prepared, variables: Mapping[str, Any], context: Context, caller: Caller
    ) -> None:
        """Let one operation pass.

        Only queries may be answered by a replica. The caller was recognised by the primary before; mutations and
        subscriptions stay with it.

        Raises:
            Refused: RATE_LIMITED.
        """
        if self._limiter is not None:
            await self._pay(prepared, variables, context, caller)
        if self._database.replicas is not None and prepared.kind is OperationType.QUERY:
            self._database.answer_from_replica(context.viewer.person_id)

    async def _pay(self, prepared: Prepared, variables: Mapping[str, Any], context: Context, caller: Caller) -> None:
        points, person = BASE_POINTS + prepared.cost.of(variables), context.viewer.person_id
        if self._limiter is None:
            return
        if person is not None:
            seconds = await self._limiter.spend(f"person:{person}", points)
        else:
            seconds = await self._limiter.spend(f"address:{network(context.address)}", points, ADDRESS_TIMES)
        if seconds:
            wait = math.ceil(seconds)
            message = (
                f"Too many requests from here. Try again in {wait} s."
                if caller.language == "en"
                else f"请求过于频繁，请在 {wait} 秒后再试。"
            )
            raise refused("RATE_LIMITED", message, always(429), retry_after=str(wait))
