"""One filled database of each kind for all experiments; each works on a copy."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.databases import KINDS
from tests.reliability.towns import Ground, ground

VOTERS = 40


@contextmanager
def _filled(kind: str) -> Iterator[Ground]:
    """Fill a database by a loop of its own: the tests have one each."""
    with asyncio.Runner() as runner:
        filling = ground(kind, VOTERS)
        yield runner.run(filling.__aenter__())
        runner.run(filling.__aexit__(None, None, None))


@pytest.fixture(scope="session", params=KINDS)
def filled_ground(request: pytest.FixtureRequest) -> Iterator[Ground]:
    """A town with an open poll on each database."""
    with _filled(request.param) as made:
        yield made


@pytest.fixture(scope="session")
def sqlite_ground() -> Iterator[Ground]:
    """The same on SQLite alone."""
    with _filled("sqlite") as made:
        yield made
