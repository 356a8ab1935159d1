"""A kernel on a fresh database with a small tree of places, for tests of people, logins and files.

440604 district ── 440604010 town ── 440604010001 community ── …C1 compound ── …C1B1 building
                │                 └─ 440604010002 community ── …C2 compound
                └─ 440604011 town ── 440604011001 community
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from core import accounts, declarations, people, roles
from core.access import Viewer
from core.calendar import national_calendar
from core.clock import CHINA, SetClock, to_wire
from core.config import Config
from core.errors import DomainError
from core.host import Host
from core.ids import new_id
from core.kernel import Kernel
from core.keys import Keyring
from tests.databases import opened

SYSTEM = Viewer(system="setup")
START = datetime(2026, 11, 23, 9, 0, tzinfo=CHINA)
PASSWORD = "Green-Court-7"

DISTRICT, TOWN, OTHER_TOWN = "440604", "440604010", "440604011"
COMMUNITY, SIBLING, FAR = "440604010001", "440604010002", "440604011001"
COMPOUND, BUILDING, SIBLING_COMPOUND = "440604010001-C1", "440604010001-C1-B1", "440604010002-C2"
TREE = (
    (DISTRICT, "DISTRICT", None, "440604/"),
    (TOWN, "TOWN", DISTRICT, "440604/010/"),
    (OTHER_TOWN, "TOWN", DISTRICT, "440604/011/"),
    (COMMUNITY, "COMMUNITY", TOWN, "440604/010/001/"),
    (SIBLING, "COMMUNITY", TOWN, "440604/010/002/"),
    (FAR, "COMMUNITY", OTHER_TOWN, "440604/011/001/"),
    (COMPOUND, "COMPOUND", COMMUNITY, "440604/010/001/C1/"),
    (BUILDING, "BUILDING", COMPOUND, "440604/010/001/C1/B1/"),
    (SIBLING_COMPOUND, "COMPOUND", SIBLING, "440604/010/002/C2/"),
)


@dataclass
class World:
    """The kernel, its clock, and the keys of the places by their codes."""

    kernel: Kernel
    clock: SetClock
    places: dict[str, int]

    async def person(self, name: str, role: str | None = None, place: str = DISTRICT) -> int:
        """Register a person, with a role if named."""
        made: int = await self.do(people.add_person, SYSTEM, community=place, name=name, role=role)
        return made

    async def appoint(self, person_id: int, role: str, place: str, **term: Any) -> int:
        """Appoint as the system."""
        arguments = {"person_id": person_id, "role": role, "community": place, **term}
        made: int = await self.do(people.appoint_person, SYSTEM, **arguments)
        return made

    async def officer(self, role: str, place: str, name: str = "陈某") -> Viewer:
        """Return a new person with a role as a viewer."""
        return await self.viewer(await self.person(name, role, place))

    async def viewer(self, person_id: int) -> Viewer:
        """Return a person as a viewer now."""
        found = await people.load_viewer(self.kernel.database, person_id, now=self.clock.now())
        assert found is not None
        return found

    async def account(self, person_id: int, username: str, password: str = PASSWORD) -> int:
        """Open an account as the system."""
        return await accounts.add_account(
            self.kernel, SYSTEM, community=DISTRICT, person_id=person_id, username=username, password=password
        )

    async def branch(self, code: str, parent: str | None, path: str, *serves: str) -> int:
        """Add a Party branch that serves communities."""
        key = new_id()
        above = await self.kernel.database.value("SELECT id FROM core_branch WHERE code = ?", (parent or "",))

        async def insert(tx: Any) -> None:
            await tx.execute(
                "INSERT INTO core_branch (id, code, level, name, parent_id, path) VALUES (?, ?, ?, ?, ?, ?)",
                (key, code, "COMMUNITY_COMMITTEE", code, above, path),
            )
            for place in serves:
                await tx.execute(
                    "INSERT INTO core_branch_service (id, branch_id, community_id) VALUES (?, ?, ?)",
                    (new_id(), key, self.places[place]),
                )

        await self.kernel.database.run(insert)
        return key

    async def do(self, spec: Any, viewer: Viewer, key: str | None = None, **arguments: Any) -> Any:
        """Do a deed."""
        return await self.kernel.perform(spec, viewer, key, **arguments)

    async def refused(self, code: str, spec: Any, viewer: Viewer, **arguments: Any) -> DomainError:
        """Expect that a deed is refused with a code."""
        with pytest.raises(DomainError) as caught:
            await self.do(spec, viewer, **arguments)
        assert caught.value.code == code, caught.value
        return caught.value

    async def count(self, sql: str, *params: Any) -> int:
        """Return the number a query gives."""
        found: int = await self.kernel.database.value(sql, params)
        return found

    async def leaves(self, deed: str) -> int:
        """Return how often a deed is on the trace."""
        return await self.count("SELECT COUNT(*) FROM core_trace_leaf WHERE deed = ?", deed)

    async def told(self, type: str, person_id: int) -> int:
        """Return how many events of a type are in a person's own feed."""
        return await self.count("SELECT COUNT(*) FROM core_event WHERE type = ? AND person_id = ?", type, person_id)


def config(folder: Path, **values: Any) -> Config:
    """Make a configuration in a folder."""
    return Config(data_dir=folder, secret=values.pop("secret", secrets.token_urlsafe(48)), **values)


@asynccontextmanager
async def world(kind: str, folder: Path, **values: Any) -> AsyncIterator[World]:
    """Give a kernel without plugins on a new database, at nine in the morning."""
    async with opened(kind, folder, pool_size=5) as database:
        settings, clock = config(folder, **values), SetClock(START)
        types = {event.code: event for event in declarations.EVENTS}
        kernel = Kernel(settings, clock, Host({}), database, Keyring.of(settings), national_calendar(), types)
        await database.run(lambda tx: roles.sync(tx, declarations.PERMISSIONS))
        yield World(kernel, clock, await plant(kernel))


async def plant(kernel: Kernel) -> dict[str, int]:
    """Insert the tree; returns the keys by codes."""
    keys = {code: new_id() for code, *_ in TREE}

    async def insert(tx: Any) -> None:
        for code, kind, parent, path in TREE:
            await tx.execute(
                "INSERT INTO core_community (id, code, kind, name, parent_id, path) VALUES (?, ?, ?, ?, ?, ?)",
                (keys[code], code, kind, code, keys[parent] if parent else None, path),
            )

    await kernel.database.run(insert)
    return keys


def at(moment: datetime) -> str:
    """Return an instant as it is stored."""
    return to_wire(moment)
