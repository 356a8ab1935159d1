"""The baseline that runs on Node: whether this machine can run it, and its packages."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

PEER = Path(__file__).parent / "peer"
PEER_WORKLOADS = ("W0", "W1", "W2", "W3", "W4", "W6")
"""It reads and does not cast ballots."""
INSTALL_SECONDS = 600


def why_left_out() -> str | None:
    """Say why the peer cannot run, having installed its packages if need be; None when it can."""
    missing = [name for name in ("node", "npm") if shutil.which(name) is None]
    if missing:
        return f"{' and '.join(missing)} not on the PATH"
    return None if is_installed() else _install()


def is_installed() -> bool:
    """Say whether the packages are those of the lock file."""
    done = PEER / "node_modules" / ".package-lock.json"  # npm writes it last
    return done.is_file() and done.stat().st_mtime >= (PEER / "package-lock.json").stat().st_mtime


def command(port: int) -> list[str]:
    """Return what starts the peer."""
    return ["node", str(PEER / "server.mjs"), "--port", str(port)]


def _install() -> str | None:
    print("npm ci in bench/peer, once", flush=True)
    try:
        done = subprocess.run(
            ["npm", "ci"],
            cwd=PEER,
            capture_output=True,
            text=True,
            timeout=INSTALL_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"npm ci took longer than {INSTALL_SECONDS} s"
    return None if done.returncode == 0 else f"npm ci failed: {done.stderr[-500:].strip()}"
