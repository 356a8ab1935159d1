"""The locks hold no package older than a fix this design relies on, and nothing of the machine that made them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[2]
LOCKS = sorted((ROOT / "requirements").glob("*.txt"))
PIN = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)==([^ ;\\]+)")

# The versions below these have defects that the design would have to work around, or known holes.
FLOORS = {
    "strawberry-graphql": "0.341.2",
    "graphql-core": "3.3.2",
    "starlette": "1.3.1",
    "tortoise-orm": "1.1.9",
    "python-multipart": "0.0.30",
    "pyjwt": "2.13.0",
    "authlib": "1.6.6",
}
NEEDED = ("strawberry-graphql", "graphql-core", "starlette", "tortoise-orm", "python-multipart")
# Unmaintained, with open holes in the checking of algorithms.
REFUSED = ("python-jose",)
ODD = {
    "an address": re.compile(r"\w+://|\bwww\.|@\s*file:"),
    "an option of one machine": re.compile(r"^\s*-(?!-hash=sha256:[0-9a-f]{64}(?: \\)?$)"),
    "a path": re.compile(r"(?:^|[\s='\"])(?:/|~/|\.\.?/|[A-Za-z]:\\)\w"),
}


def pins(lock: Path) -> dict[str, Version]:
    """Return the exact version of every package in a lock."""
    found = filter(None, map(PIN.match, lock.read_text("utf-8").splitlines()))
    return {canonicalize_name(match[1]): Version(match[2]) for match in found}


def oddities(text: str) -> list[str]:
    """Return the lines of a lock that could mean something else on another machine, with what is odd about them."""
    lines = text.splitlines()
    return [f"{what}: {line}" for line in lines for what, pattern in ODD.items() if pattern.search(line)]


def test_there_are_locks_for_running_and_for_developing() -> None:
    """Both locks exist, and the one for development holds the very versions that are run."""
    run, dev = (pins(ROOT / "requirements" / name) for name in ("run.txt", "dev.txt"))
    assert run
    assert {name: dev.get(name) for name in run} == run


@pytest.mark.parametrize("lock", [lock for lock in LOCKS if lock.stem != "fuzz"], ids=lambda path: path.name)
def test_no_package_is_older_than_its_floor(lock: Path) -> None:
    """Every package with a floor is at it or above; those the server is built on are there."""
    versions = pins(lock)
    assert [name for name in NEEDED if name not in versions] == []
    low = [name for name, floor in FLOORS.items() if name in versions and versions[name] < Version(floor)]
    assert low == []


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
def test_no_refused_package_slips_in(lock: Path) -> None:
    """A package that was decided against is not pulled in by another one either."""
    assert [name for name in REFUSED if name in pins(lock)] == []


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
def test_every_package_is_pinned_with_hashes(lock: Path) -> None:
    """What is installed is bit for bit what was tested: each pin is followed by at least one SHA-256."""
    entries = lock.read_text("utf-8").replace("\\\n", " ").splitlines()
    packages = [entry for entry in entries if entry[:1].isalnum()]
    assert packages
    assert [entry for entry in packages if not PIN.match(entry) or "--hash=sha256:" not in entry] == []


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
def test_locks_say_nothing_about_the_machine_that_made_them(lock: Path) -> None:
    """No addresses, index or find-links options, or paths: the reader's own package source is used."""
    assert oddities(lock.read_text("utf-8")) == []


@pytest.mark.parametrize(
    "line",
    [
        "-i https://mirror.example/packages",
        "--find-links wheels",
        "-f wheels",
        "--trusted-host mirror",
        "six @ file:///opt/six.whl",
        "six @ https://host/six.whl",
        "/opt/six.whl",
        "    # via -r /srv/requirements/run.in",
        "./six.whl",
        "-e .",
    ],
)
def test_an_odd_line_is_found(line: str) -> None:
    """The check above would see each kind of line it forbids."""
    assert oddities(line) != []


def test_an_ordinary_entry_is_not_odd() -> None:
    """Pins, hashes, markers and notes of origin are what a lock is made of."""
    hashes = "    --hash=sha256:" + "0" * 64
    entry = f'uvloop==0.23.0 ; sys_platform != "win32" \\\n{hashes} \\\n{hashes}\n    # via -r requirements/run.in'
    assert oddities(entry) == []
