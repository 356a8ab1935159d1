"""Documents that nobody would write, from every kind of actor, against the running server: ``make fuzz``.

schemathesis makes documents of every root field from the schema; the server is the real one, on the demo world, in
production settings but for introspection. A failure is a status of 5xx, an answer that is no JSON, or an error that says that the
server failed (``hooks.py``). The log of the server may hold no traceback.

    make fuzz                                  # every actor, 30 documents of each root field
    make fuzz ARGS="--examples 200 --actors staff"
"""

from __future__ import annotations

import argparse
import asyncio
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.reliability.servers import HOST, Site, fill, running, token_of

ACTORS = ("anonymous", "resident", "chair", "staff", "auditor", "sysadmin")
HERE = Path(__file__).parent


def main() -> None:
    """Read the options, fuzz, and end with 1 if anything failed."""
    parser = argparse.ArgumentParser(prog="make fuzz ARGS=", description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--program", default="schemathesis", help="the program schemathesis")
    parser.add_argument("--examples", type=int, default=30, help="documents of each root field")
    parser.add_argument("--actors", nargs="+", choices=ACTORS, default=list(ACTORS))
    parser.add_argument("--seed", type=int, default=1, help="the same seed makes the same documents")
    options = parser.parse_args()
    sys.exit(asyncio.run(_fuzzed(options)))


async def _fuzzed(options: argparse.Namespace) -> int:
    failed = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        url = f"sqlite://{folder / 'shanzhi.db'}"
        world = await fill(url, folder)
        site = Site(url, folder, options={"INTROSPECTION": "true"})
        for actor in options.actors:
            token = None if actor == "anonymous" else await token_of(url, folder, world, actor)
            async with running(site):
                code = await asyncio.to_thread(_run, options, site.port, token)
            failed += [actor] if code else []
            print(f"{actor}: {'failed' if code else 'no failure'}", flush=True)
        log = site.log.read_text("utf-8")
    if "Traceback" in log:
        print(log[-20_000:])
        failed.append("the log has a traceback")
    print("failed: " + ", ".join(failed) if failed else "no failure")
    return 1 if failed else 0


def _run(options: argparse.Namespace, port: int, token: str | None) -> int:
    words = [
        options.program, "run", f"http://{HOST}:{port}/graphql", "--phases", "fuzzing",
        "--checks", "answers_for_itself", "--mode", "positive",
        "--max-examples", str(options.examples), "--seed", str(options.seed), "--continue-on-failure",
        "--suppress-health-check", "all", "--no-shrink",
    ]  # fmt: skip
    if token is not None:
        words += ["--header", f"Authorization: Bearer {token}"]
    kept = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    return subprocess.run(words, cwd=HERE, env=kept | {"SCHEMATHESIS_HOOKS": "hooks"}, check=False).returncode


if __name__ == "__main__":
    main()
