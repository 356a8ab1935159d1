"""Hold the published schema to its word: the committed SDL is the composed one, and nobody's query breaks unannounced.

The base of the comparison is where this branch left origin/main, or the commit before on that branch itself;
SHANZHI_SCHEMA_BASE names another one, e.g. the last release. A change that is meant to break clients is listed in
schema/allowed-breaking-changes.txt, one description per line as this program prints it.
"""

from __future__ import annotations

import os
import subprocess
import sys
from difflib import unified_diff
from itertools import islice
from pathlib import Path

from graphql import build_schema
from graphql.utilities import find_breaking_changes, find_dangerous_changes

ROOT = Path(__file__).resolve().parent.parent
SDL = "schema/superset.graphql"
ALLOWED = "schema/allowed-breaking-changes.txt"
SHOWN = 40


def main() -> int:
    """Run both comparisons; return 0 when neither finds fault."""
    path = ROOT / SDL
    if not path.exists():
        return _fail(f"{SDL} is missing: run `make schema` and commit it.")
    committed = path.read_text("utf-8")
    fault = compare_with_code(committed, compose())
    return _fail(fault) if fault else compare_with_base(committed)


def compose() -> str:
    """Return the SDL that the code makes now."""
    command = [sys.executable, "server.py", "schema"]
    return subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, encoding="utf-8").stdout


def compare_with_code(committed: str, composed: str) -> str:
    """Return what to do when the committed SDL is not the composed one, or nothing."""
    if committed == composed:
        print(f"schema: {SDL} is what the code composes")
        return ""
    lines = unified_diff(committed.splitlines(), composed.splitlines(), "committed", "composed", lineterm="", n=1)
    return "\n".join([*islice(lines, SHOWN), f"{SDL} is not what the code composes: run `make schema` and commit it."])


def compare_with_base(committed: str) -> int:
    """Compare with the schema that clients know; fail on breaking changes that nobody has allowed."""
    base = base_commit()
    published = _git("show", f"{base}:{SDL}") if base else None
    if published is None:
        print("schema: no earlier version to compare with, so nothing can have broken")
        return 0
    breaking, dangerous = changes(published, committed)
    allowed = allowed_changes()
    for line in dangerous:
        print(f"schema: look twice: {line}")
    for line in breaking:
        print(f"schema: {'breaks, as allowed' if line in allowed else 'BREAKS CLIENTS'}: {line}")
    if set(breaking) - allowed:
        return _fail(f"Keep the old field (deprecated), or list the lines above in {ALLOWED} with the reason.")
    print(f"schema: compared with {base[:12]}: {len(breaking)} breaking, {len(dangerous)} dangerous changes")
    return 0


def changes(old: str, new: str) -> tuple[list[str], list[str]]:
    """Return the descriptions of what breaks clients of the old SDL and of what may surprise them."""
    before, after = build_schema(old), build_schema(new)
    breaking = [change.description for change in find_breaking_changes(before, after)]
    return breaking, [change.description for change in find_dangerous_changes(before, after)]


def allowed_changes() -> set[str]:
    """Read the list of breaks that were decided on; ``#`` starts a line with a reason."""
    path = ROOT / ALLOWED
    lines = path.read_text("utf-8").splitlines() if path.exists() else []
    return {line.strip() for line in lines if line.strip() and not line.startswith("#")}


def base_commit() -> str:
    """Find the commit whose schema clients know, or nothing in a history of one commit."""
    named = os.environ.get("SHANZHI_SCHEMA_BASE", "")
    if named:
        return (
            _git("rev-parse", "--verify", f"{named}^{{commit}}") or sys.exit(f"There is no commit {named}.")
        ).strip()
    head = _git("rev-parse", "HEAD")
    fork = _git("merge-base", "HEAD", "origin/main")
    found = fork if fork and fork != head else _git("rev-parse", "--verify", "HEAD~1")
    return (found or "").strip()


def _git(*words: str) -> str | None:
    done = subprocess.run(["git", *words], cwd=ROOT, check=False, capture_output=True, encoding="utf-8")
    return done.stdout if done.returncode == 0 else None


def _fail(sentence: str) -> int:
    print(f"schema: {sentence}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
