"""The measured world: a district with its real tree, invented compounds, people and matters; made once, then copied.

It is kept under the data folder (on PostgreSQL as a database beside it), named after everything it is made from, and
each run works on a copy, so that ballots cast in one run are not in the way of the next.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import shutil
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path

import asyncpg

from bench import polls, rows
from bench.rows import Neighbourhood, add, appointments, persons
from core import communities, demo
from core.access import Viewer
from core.config import load_config
from core.hierarchy import PLACE_COLUMNS, Place
from core.kernel import Kernel
from core.kinds import CommunityKind
from core.tokens import make_access_token
from tests.services import postgres_url

ROOT = Path(__file__).parent.parent
DIVISIONS = ROOT / "examples" / "data" / "divisions-440604.csv"
SYSTEM = Viewer(system="bench")
DISTRICT = "440604000000"
COMPOUNDS = 160
STAFF = "bench-staff"
VOTER = "bench-voter"
RUN_LASTS = timedelta(hours=12)
"""How long tokens live here: a run takes longer than the usual quarter of an hour."""


@dataclass(frozen=True)
class Size:
    """How large a world is."""

    matters: int
    people: int
    large_roll: int


FULL = Size(matters=200_000, people=20_000, large_roll=12_000)
SMALL = Size(matters=20_000, people=4_000, large_roll=3_000)


@dataclass(frozen=True)
class Facts:
    """What the workloads need to know of a world."""

    communities: list[str]
    compounds: int
    votes: polls.Votes | None
    why_no_votes: str

    @classmethod
    def read(cls, text: str) -> Facts:
        """Read what ``write`` wrote."""
        found = json.loads(text)
        votes = found.pop("votes")
        return cls(**found, votes=polls.Votes(**votes) if votes else None)

    def write(self) -> str:
        """Return the facts as JSON."""
        return json.dumps(asdict(self))


@dataclass(frozen=True)
class Copy:
    """A copy of the world for one run, with the logins that its workloads use."""

    url: str
    folder: Path
    facts: Facts
    secret: str
    staff: str
    voters: list[str]


@dataclass(frozen=True)
class Store:
    """Where the worlds of one size are kept: SQLite in a folder, or a PostgreSQL server reached by this address."""

    folder: Path
    size: Size
    postgres: str | None = None

    @property
    def database(self) -> str:
        """Return the database's name as the figures say it."""
        return "postgres" if self.postgres else "sqlite"

    @property
    def prefix(self) -> str:
        """Return how the names of all worlds of this folder begin."""
        where = hashlib.sha256(str(self.folder.resolve()).encode()).hexdigest()
        return f"shanzhi_bench_{where[:8]}_{self.size.matters}_"

    @cached_property
    def world(self) -> str:
        """Return the name of the world: a hash of what it is made from, so that another one is made when that changes."""
        made_of = hashlib.sha256(DIVISIONS.read_bytes())
        for pattern in ("core/migrations/*.py", "plugins/*/migrations/*.py", "plugins/*/plugin.toml"):
            for source in sorted(ROOT.glob(pattern)):
                made_of.update(source.read_bytes())
        for module in (__file__, rows.__file__, polls.__file__):
            made_of.update(Path(str(module)).read_bytes())
        return self.prefix + made_of.hexdigest()[:10]

    @property
    def facts(self) -> Path:
        """Return the file that says what is in the world; it is written last."""
        return self.folder / f"{self.world}.{self._kind}.json"

    def url(self, name: str) -> str:
        """Return the address of a database of this store."""
        return f"{self.postgres.rpartition('/')[0]}/{name}" if self.postgres else f"sqlite://{self.folder / name}.db"

    async def ready(self) -> bool:
        """Say whether the world is there, whole."""
        if not self.facts.exists():
            return False
        return self.world in await self._databases() if self.postgres else (self.folder / f"{self.world}.db").exists()

    async def copy(self, target: str) -> str:
        """Copy the world under another name and return the copy's address."""
        await self.drop(target)
        if self.postgres:
            await self._administer(f'CREATE DATABASE "{target}" TEMPLATE "{self.world}"')
        else:
            shutil.copyfile(self.folder / f"{self.world}.db", self.folder / f"{target}.db")
        return self.url(target)

    async def create(self) -> str:
        """Make room for the world, dropping older ones of this folder, and return its address."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for name in await self._databases() if self.postgres else self._files():
            await self.drop(name)
        if self.postgres:
            await self._administer(f'CREATE DATABASE "{self.world}"')
        return self.url(self.world)

    async def drop(self, name: str) -> None:
        """Remove a database of this store, if it is there."""
        if self.postgres:
            await self._administer(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        for left in self.folder.glob(f"{name}.{self._kind}*"):
            left.unlink()

    @property
    def _kind(self) -> str:
        return "postgres" if self.postgres else "db"

    def _files(self) -> list[str]:
        return [path.stem for path in self.folder.glob(f"{self.prefix}*.db")]

    async def _databases(self) -> list[str]:
        connection = await asyncpg.connect(self.postgres)
        try:
            found = await connection.fetch(
                "SELECT datname FROM pg_database WHERE starts_with(datname, $1)", self.prefix
            )
            return [row["datname"] for row in found]
        finally:
            await connection.close()

    async def _administer(self, statement: str) -> None:
        connection = await asyncpg.connect(self.postgres)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()


def stores(folder: Path, size: Size, only: str | None = None) -> list[Store]:
    """Return where to measure: SQLite, and PostgreSQL where it answers, or ``only`` one of them."""
    address = postgres_url()
    if address is None:
        print("PostgreSQL does not answer on this machine: measuring SQLite only")
    found = [Store(folder, size)] + ([Store(folder, size, address)] if address else [])
    return [store for store in found if only in (None, store.database)]


@asynccontextmanager
async def copy_of(store: Store, label: str = "run", like: Copy | None = None) -> AsyncIterator[Copy]:
    """Give a copy of the world, made now unless it was made before; it is dropped in the end.

    Copies with different labels may be there at once; those made ``like`` another have its secret and its logins.
    """
    if not await store.ready():
        await _build(store)
    name = store.prefix + label
    url = await store.copy(name)
    folder = store.folder / f"{label}-{store.database}"
    folder.mkdir(exist_ok=True)
    try:
        if like is not None:
            yield replace(like, url=url, folder=folder)
            return
        facts = Facts.read(store.facts.read_text(encoding="utf-8"))
        secret = secrets.token_urlsafe(48)
        async with kernel_on(folder, url, secret) as kernel:
            [staff], voters = await tokens_of(kernel, STAFF), await tokens_of(kernel, VOTER)
        yield Copy(url, folder, facts, secret, staff, voters)
    finally:
        await store.drop(name)
        shutil.rmtree(folder, ignore_errors=True)


@asynccontextmanager
async def kernel_on(folder: Path, url: str, secret: str) -> AsyncIterator[Kernel]:
    """Open a kernel of this process on a database."""
    config = load_config({}, None, {"data_dir": folder, "database_url": url, "secret": secret})
    kernel = await Kernel.open(config, root=ROOT)
    try:
        yield kernel
    finally:
        await kernel.close()


async def tokens_of(kernel: Kernel, prefix: str) -> list[str]:
    """Sign access tokens for the open sessions of the accounts whose names begin so, the oldest account first."""
    found = await kernel.database.fetch(
        "SELECT a.id, t.family FROM core_account a JOIN core_refresh_token t ON t.account_id = a.id "
        "WHERE a.username LIKE ? ORDER BY a.id",
        (f"{prefix}%",),
    )
    now = kernel.clock.now()
    return [make_access_token(kernel, row["id"], 1, row["family"], now, RUN_LASTS)[0] for row in found]


async def compounds_of(kernel: Kernel) -> list[Neighbourhood]:
    """Return the compounds of a world in the order of their codes, to open polls at; with the worker of the district."""
    staff = await kernel.database.value("SELECT person_id FROM core_account WHERE username LIKE ?", (f"{STAFF}%",))
    return [Neighbourhood(place, staff, ()) for place in await _places(kernel, "kind = 'COMPOUND'")]


# --- building ---------------------------------------------------------------------------------------------------------


async def _build(store: Store) -> None:
    url = await store.create()
    with tempfile.TemporaryDirectory() as scratch:
        async with kernel_on(Path(scratch), url, secrets.token_urlsafe(48)) as kernel:
            facts = await _fill(kernel, store.size)
    if store.postgres:
        await vacuum(url)
    store.facts.write_text(facts.write(), encoding="utf-8")


async def vacuum(url: str) -> None:
    """Do at once what PostgreSQL would do by itself in the minutes after so many rows were written."""
    connection = await asyncpg.connect(url)
    try:
        await connection.execute("VACUUM ANALYZE")
    finally:
        await connection.close()


async def _fill(kernel: Kernel, size: Size) -> Facts:
    now = kernel.clock.now()

    await demo.build(kernel, DIVISIONS, compounds=(), cast=(), plugins=False)
    wards = await _places(kernel, "kind IN ('COMMUNITY', 'VILLAGE')")
    await _compounds(kernel, wards)
    compounds = await _places(kernel, "kind = 'COMPOUND'")
    staff = await _staff(kernel, now)
    around = await _people(kernel, [*wards, *compounds], size.people, staff, now)
    for made in rows.business(around, size.matters, now):
        await made.write(kernel.database)
    votes, reason = None, ""
    try:
        votes = await polls.build(kernel, around[-2:], size.large_roll, VOTER)
    except polls.NotYet as missing:
        reason = str(missing)
    return Facts([place.code for place in wards], len(compounds), votes, reason)


async def _places(kernel: Kernel, condition: str) -> list[Place]:
    sql = f"SELECT {PLACE_COLUMNS} FROM core_community WHERE {condition} ORDER BY path"  # noqa: S608 - conditions from here
    return [Place.of(row) for row in await kernel.database.fetch(sql)]


async def _compounds(kernel: Kernel, wards: Sequence[Place]) -> None:
    for number in range(COMPOUNDS):
        code, name = wards[number % len(wards)].code, f"示例花园{number + 1:03}"
        await kernel.perform(communities.add_community, SYSTEM, community=code, kind=CommunityKind.COMPOUND, name=name)


async def _staff(kernel: Kernel, now: datetime) -> int:
    """Make a worker whose office is the whole district, so that one login may read every wish."""
    [district] = await _places(kernel, f"code = '{DISTRICT}'")
    made = persons(["示例社区工作者"], now)
    await add(kernel.database, rows.PERSON, made)
    await add(kernel.database, rows.APPOINTMENT, appointments([made[0][0]], "community_staff", district, now))
    await rows.sign_in(kernel.database, [made[0][0]], STAFF, now)
    return made[0][0]


async def _people(
    kernel: Kernel, places: Sequence[Place], count: int, staff: int, now: datetime
) -> list[Neighbourhood]:
    share = -(-count // len(places))
    living = [(place, persons((f"示例居民{n}" for n in range(share)), now)) for place in places]
    await add(kernel.database, rows.PERSON, [row for _, people in living for row in people])
    around = [Neighbourhood(place, staff, [row[0] for row in people]) for place, people in living]
    roles = [row for one in around for row in appointments(one.residents, "resident", one.place, now)]
    await add(kernel.database, rows.APPOINTMENT, roles)
    return around
