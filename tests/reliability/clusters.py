"""PostgreSQL servers of our own, in folders that are thrown away: they may be stopped as rudely as one likes."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import asyncpg

from tests.reliability.servers import HOST, free_port

PLACES = ("/usr/lib/postgresql/*/bin", "/usr/local/pgsql/bin", "/opt/homebrew/opt/postgresql*/bin")


def programs() -> Path | None:
    """Return the folder of PostgreSQL's own programs, or None."""
    found = shutil.which("pg_basebackup")
    folders = [Path(found).resolve().parent] if found else []
    folders += [path for pattern in PLACES for path in sorted(Path("/").glob(pattern[1:]), reverse=True)]
    return next((path for path in folders if (path / "initdb").exists() and (path / "pg_basebackup").exists()), None)


@dataclass
class Cluster:
    """One PostgreSQL of our own, in a folder, on a port."""

    programs: Path
    folder: Path
    port: int

    @property
    def url(self) -> str:
        """Return its address."""
        return f"postgres://postgres@{HOST}:{self.port}/postgres"

    def run(self, program: str, *arguments: str) -> None:
        """Run one of PostgreSQL's programs, which refuse to work for root."""
        user = {"user": "postgres"} if os.geteuid() == 0 else {}
        command = [str(self.programs / program), *arguments]
        done = subprocess.run(
            command, cwd="/", check=False, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=60, **user
        )  # type: ignore[call-overload]
        assert done.returncode == 0, done.stderr

    def start(self) -> None:
        """Start it and wait until it answers."""
        options = f"-p {self.port} -c listen_addresses={HOST} -c unix_socket_directories= -c fsync=off"
        log = str(self.folder.parent / f"{self.folder.name}.log")
        self.run("pg_ctl", "-D", str(self.folder), "-o", options, "-l", log, "-w", "start")

    def stop(self) -> None:
        """Stop it at once."""
        self.run("pg_ctl", "-D", str(self.folder), "-m", "immediate", "-w", "stop")

    async def ask(self, sql: str) -> Any:
        """Return the first value of an answer."""
        connection = await asyncpg.connect(self.url)
        try:
            return await connection.fetchval(sql)
        finally:
            await connection.close()


@contextmanager
def cluster() -> Iterator[Cluster | None]:
    """Run a PostgreSQL of our own; gives None where its programs are not installed."""
    found = programs()
    if found is None:
        yield None
        return
    with TemporaryDirectory(prefix="shanzhi_cluster_") as folder:
        made = Cluster(found, Path(folder) / "data", free_port())
        if os.geteuid() == 0:
            os.chown(folder, pwd.getpwnam("postgres").pw_uid, -1)
        made.run("initdb", "-D", str(made.folder), "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync")
        made.start()
        try:
            yield made
        finally:
            made.stop()
