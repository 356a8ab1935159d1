"""The measured servers, each a process of its own, and what the system says of their CPU time and memory."""

from __future__ import annotations

import asyncio
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from bench import node
from bench.load import HOST, Line

ROOT = Path(__file__).parent.parent
OURS = ("engine", "shanzhi-stock", "workers-2", "workers-4")
WORKERS = {"workers-2": "2", "workers-4": "4"}
"""Our server with several processes, which only PostgreSQL allows."""
START_SECONDS = 120
STOP_SECONDS = 20
_READY = b"GET /readyz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"


class ServerFailed(Exception):
    """The server did not start; the message ends with what it said."""


@dataclass(frozen=True)
class Server:
    """A server that answers."""

    pid: int
    port: int

    def cpu_seconds(self) -> float:
        """Return the CPU time, user and system, that all threads of the process and its workers have used so far."""
        return sum(_ticks(pid) for pid in self._processes()) / os.sysconf("SC_CLK_TCK")

    def rss_mib(self) -> float:
        """Return the memory that the process, or the largest of its workers, holds now."""
        return max(_rss_kib(pid) for pid in self._processes()) / 1024

    def _processes(self) -> list[int]:
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text(encoding="ascii")
        return [self.pid, *map(int, children.split())]


def _ticks(pid: int) -> int:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def _rss_kib(pid: int) -> int:
    found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text(encoding="utf-8"))
    return int(found[1]) if found else 0


@asynccontextmanager
async def serving(variant: str, folder: Path, url: str, secret: str) -> AsyncIterator[Server]:
    """Run a variant's server on a database; what it prints goes to ``<variant>.log`` in the folder."""
    port, log = _free_port(), folder / f"{variant}.log"
    with log.open("wb") as written:
        process = _start(_command(variant, port), environment(variant, folder, url, secret), written)
        try:
            await _until_ready(process, port, log)
            yield Server(process.pid, port)
        finally:
            await asyncio.to_thread(_stop, process)


def _start(command: list[str], environment: dict[str, str], log: BinaryIO) -> subprocess.Popen[bytes]:
    return subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)


def _command(variant: str, port: int) -> list[str]:
    if variant in OURS:
        return [sys.executable, str(ROOT / "server.py"), "serve", "--port", str(port)]
    if variant == "peer":
        return node.command(port)
    return [sys.executable, "-m", "bench.baselines", variant, "--port", str(port)]


def environment(variant: str, folder: Path, url: str, secret: str) -> dict[str, str]:
    """Return the environment of a variant's server: ours without the settings of whoever measures."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SHANZHI_") and name != "PORT"}
    ours = {
        "SHANZHI_DATA_DIR": str(folder), "SHANZHI_DATABASE_URL": url, "SHANZHI_SECRET": secret,
        "SHANZHI_LOG_LEVEL": "WARNING", "SHANZHI_ENGINE": "false" if variant == "shanzhi-stock" else "true",
        "SHANZHI_WORKERS": WORKERS.get(variant, "1"),
        # Counted as in production, but one machine asks for thousands here.
        "SHANZHI_RATE_LIMIT": "1000000000",
        "NODE_ENV": "production",  # for the peer: graphql-js compares types more slowly otherwise
    }  # fmt: skip
    return {**kept, **ours}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


async def _until_ready(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end and process.poll() is None:
        try:
            line = await Line.to(port)
            answer = await line.ask(_READY)
            line.close()
        except OSError:
            await asyncio.sleep(0.1)
            continue
        if answer.status == 200:
            return
    raise ServerFailed(f"the server did not answer /readyz within {START_SECONDS} s:\n{_end_of(log)}")


def _end_of(log: Path) -> str:
    return log.read_text(encoding="utf-8", errors="replace")[-2000:]


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
