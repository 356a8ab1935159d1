"""PostgreSQL's own programs: a dump of one snapshot, and bringing one back in a single transaction.

They have to be at least as new as the server. The password goes to them by the environment, not by arguments, which
everybody on the machine can read.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from pathlib import Path
from urllib.parse import unquote, urlsplit, urlunsplit

from core._db.seam import StorageUnavailable
from core._db.snapshot import PostgresSnapshot, Snapshot, open_snapshot

PLACES = "usr/lib/postgresql/*/bin", "usr/pgsql-*/bin", "usr/local/pgsql/bin", "opt/homebrew/opt/postgresql*/bin"


class NoProgram(StorageUnavailable):
    """A program of PostgreSQL is not installed."""


def program(name: str) -> str:
    """Return where a program of PostgreSQL is: the newest one in the usual places, or on the path; raises NoProgram."""
    found = [path for place in PLACES for path in Path("/").glob(f"{place}/{name}")]
    if found:
        return str(max(found, key=_version))
    on_path = shutil.which(name)
    if on_path is None:
        raise NoProgram(f"{name} is not installed: install PostgreSQL's client programs, as new as the server")
    return on_path


def _version(path: Path) -> tuple[int, ...]:
    folder = path.parent.parent.name
    return tuple(int(part) for part in "".join(c if c.isdigit() else " " for c in folder).split())


async def dump(url: str, snapshot: Snapshot, target: Path) -> None:
    """Write everything of a snapshot into a file, compressed."""
    if not isinstance(snapshot, PostgresSnapshot):
        raise TypeError("only a snapshot of PostgreSQL can be dumped")
    options = ("--format=custom", "--no-owner", "--no-privileges", "--no-sync", f"--snapshot={snapshot.name}")
    await _run(url, "pg_dump", *options, f"--file={target}")
    with target.open("rb") as written:
        await asyncio.to_thread(os.fsync, written.fileno())


async def restore_dump(url: str, source: Path) -> None:
    """Replace all tables of a database by those of a dump: all of it, or nothing."""
    async with open_snapshot(url) as snapshot:
        tables = await snapshot.tables()
    with tempfile.TemporaryDirectory(prefix="shanzhi_restore_") as folder:
        script, drop = Path(folder) / "restore.sql", Path(folder) / "drop.sql"
        options = ("--no-owner", "--no-privileges", f"--file={script}")
        await _spoken(_environment(url), program("pg_restore"), *options, str(source))
        named = ", ".join(f'"{table}"' for table in tables)
        drop.write_text(f"DROP TABLE {named} CASCADE;\n" if tables else "", encoding="utf-8")
        files = (f"--file={drop}", f"--file={script}")
        await _run(url, "psql", "--no-psqlrc", "--quiet", "--single-transaction", "--set=ON_ERROR_STOP=1", *files)


async def _run(url: str, name: str, *arguments: str) -> None:
    parts = urlsplit(url)
    address = parts._replace(netloc=parts.netloc.rpartition("@")[2])
    user = f"{parts.username}@" if parts.username else ""
    bare = urlunsplit(address._replace(scheme="postgresql", netloc=user + address.netloc))
    await _spoken(_environment(url), program(name), *arguments, f"--dbname={bare}")


def _environment(url: str) -> dict[str, str]:
    password = urlsplit(url).password
    return {**os.environ, **({"PGPASSWORD": unquote(password)} if password else {})}


async def _spoken(environment: dict[str, str], *command: str) -> None:
    """Run a program to its end; raises StorageUnavailable with what it said."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        *command, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL, stderr=pipe, env=environment
    )
    _, said = await process.communicate()
    if process.returncode:
        raise StorageUnavailable(f"{Path(command[0]).name}: {said.decode(errors='replace').strip()[-500:]}")
