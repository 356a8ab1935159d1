"""Rows of the measured world, written by direct SQL in deeds: people, logins, notices, wishes, polls."""

from __future__ import annotations

import itertools
import json
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from tortoise.models import Model

from core.clock import to_wire
from core.database import Database, Tx
from core.hierarchy import Place
from core.ids import new_id
from core.models import Account, Appointment, Matter, Person, RefreshToken
from plugins.notices.models import Notice
from plugins.wishes.models import Claim, Wish

CHUNK = 5_000
NO_PASSWORD = "!"  # noqa: S105 - a hash that no password has; logins here are made of tokens
SEED = 440604
BUSY_PLACES, BUSY_MATTERS = 5, 220  # however small the world: five places with over a hundred wishes each

Rows = Iterable[tuple[Any, ...]]


@dataclass(frozen=True)
class Table:
    """A table and the columns that are filled row by row; what else may not be null gets its model's default."""

    model: type[Model]
    columns: tuple[str, ...]

    @cached_property
    def defaults(self) -> dict[str, Any]:
        """Return the columns beside, with what stands in every row."""
        fields = self.model._meta.fields_map.values()
        return {
            field.model_field_name: field.default
            for field in fields
            if not field.null
            and isinstance(field.default, bool | int | str)
            and field.model_field_name not in self.columns
        }

    @cached_property
    def insert(self) -> str:
        """Return the statement that adds a row."""
        columns = (*self.columns, *self.defaults)
        marks = ", ".join("?" * len(columns))
        return f"INSERT INTO {self.model._meta.db_table} ({', '.join(columns)}) VALUES ({marks})"  # noqa: S608 - declared


PERSON = Table(Person, ("id", "name", "created_at"))
APPOINTMENT = Table(Appointment, ("id", "person_id", "role_id", "community_id", "since"))
ACCOUNT = Table(Account, ("id", "person_id", "username", "password_hash", "created_at"))
TOKEN = Table(RefreshToken, ("id", "account_id", "family", "token_hash", "issued_at", "expires_at"))
MATTER = Table(
    Matter,
    (
        "id",
        "community_id",
        "path",
        "plugin",
        "kind",
        "title",
        "state",
        "author_id",
        "created_at",
        "updated_at",
        "frozen",
    ),
)
NOTICE = Table(Notice, ("matter_id", "kind", "body", "issuer", "issuing_body", "posted_at"))
WISH = Table(Wish, ("matter_id", "type", "story", "alias", "value_fen", "building", "published_at"))
CLAIM = Table(Claim, ("id", "wish_id", "claimer_id", "message", "state", "claimed_at", "lease_until"))

BODY = "经业主委员会讨论，现将本小区近期工作安排公示如下，欢迎各位业主提出意见。" * 6
STORY = "家里的灯坏了好几天，腿脚不便，想请会修灯的邻居帮忙看一看，谢谢。" * 3


async def add(database: Database, table: Table, rows: Rows) -> None:
    """Write rows, some thousands per deed."""
    left = iter(rows)
    while chunk := list(itertools.islice(left, CHUNK)):

        async def write(tx: Tx, chunk: Sequence[tuple[Any, ...]] = chunk) -> None:
            await tx.execute_many(table.insert, [(*row, *table.defaults.values()) for row in chunk])

        await database.run(write)


def persons(names: Iterable[str], at: datetime) -> list[tuple[int, str, str]]:
    """Return rows of people with these names."""
    return [(new_id(), name, to_wire(at)) for name in names]


def appointments(people: Iterable[int], role: str, place: Place, at: datetime) -> Rows:
    """Return rows that give people a role at a place."""
    return [(new_id(), person, role, place.id, to_wire(at)) for person in people]


async def sign_in(database: Database, people: Sequence[int], prefix: str, at: datetime) -> None:
    """Give people an account called ``prefix`` and a number, and a session that is open."""
    accounts = [(new_id(), p, f"{prefix}{n}", NO_PASSWORD, to_wire(at)) for n, p in enumerate(people)]
    await add(database, ACCOUNT, accounts)
    ends = to_wire(at + timedelta(days=3650))
    sessions = ((new_id(), account[0]) for account in accounts)
    await add(database, TOKEN, ((key, acc, key, f"{key:064x}", to_wire(at), ends) for key, acc in sessions))


@dataclass(frozen=True)
class Neighbourhood:
    """A place with the people who write there."""

    place: Place
    staff: int
    residents: Sequence[int]


@dataclass(frozen=True)
class Business:
    """The matters of one place, ready to be written."""

    matters: list[tuple[Any, ...]]
    notices: list[tuple[Any, ...]]
    wishes: list[tuple[Any, ...]]
    claims: list[tuple[Any, ...]]

    async def write(self, database: Database) -> None:
        """Write all of it."""
        for table, rows in ((MATTER, self.matters), (NOTICE, self.notices), (WISH, self.wishes), (CLAIM, self.claims)):
            await add(database, table, rows)


def business(around: Sequence[Neighbourhood], count: int, at: datetime) -> Iterator[Business]:
    """Give every place its share of matters, notices and wishes by turns; a third of the wishes is claimed.

    They come some thousands at a time.
    """
    chance = random.Random(SEED)  # noqa: S311 - the same world every time
    average, made = -(-count // len(around)), Business([], [], [], [])
    for index, one in enumerate(around):
        share = max(average, BUSY_MATTERS) if index < BUSY_PLACES else average
        for number in range(share):
            moment = at - timedelta(minutes=share - number)
            if number % 2:
                _wish(made, one, number, moment, chance)
            else:
                _notice(made, one, number, moment)
        if len(made.matters) >= CHUNK:
            yield made
            made = Business([], [], [], [])
    yield made


def _notice(made: Business, one: Neighbourhood, number: int, at: datetime) -> None:
    key, when = new_id(), to_wire(at)
    made.matters.append(
        matter(key, one.place, ("notices", "NOTICE", "POSTED"), f"关于第{number}项工作的公示", one.staff, at)
    )
    made.notices.append((key, "GENERAL", BODY, "示例业主委员会", "OTHER", when))


def _wish(made: Business, one: Neighbourhood, number: int, at: datetime, chance: random.Random) -> None:
    key, when = new_id(), to_wire(at)
    author, claimer = chance.sample(one.residents, 2)
    is_claimed = number % 3 == 0
    state = "CLAIMED" if is_claimed else "PUBLISHED"
    made.matters.append(matter(key, one.place, ("wishes", "WISH", state), f"想请人帮忙修灯{number}", author, at))
    made.wishes.append((key, "SERVICE", STORY, f"邻居{number}", 5000, "1栋", when))
    if is_claimed:
        lease = to_wire(at + timedelta(days=30))
        made.claims.append((new_id(), key, claimer, "我可以周末上门。", "OPEN", when, lease))


def matter(
    key: int, place: Place, kind: tuple[str, str, str], title: str, author: int, at: datetime, frozen: Any = None
) -> tuple[Any, ...]:
    """Return the row of a matter; ``kind`` is its plugin, its kind and its state."""
    plugin, name, state = kind
    kept = None if frozen is None else json.dumps(frozen, ensure_ascii=False)
    when = to_wire(at)
    return (key, place.id, place.path, plugin, name, title, state, author, when, when, kept)
