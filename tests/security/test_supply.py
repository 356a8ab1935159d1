"""What the server runs on is little, used, and listed: the requirements, and the bill of materials made from the lock."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from shutil import copytree

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
REQUIREMENTS = ROOT / "requirements"
# An operator reads what runs on the server before an upgrade; that is done for some forty packages and not for two hundred.
# The one above forty writes spreadsheets: open data that people can use where they work; it needs no other package.
MOST_PACKAGES = 41
# Asked for, and imported by other packages only.
NOT_IMPORTED = {
    "uvloop": "the server's event loop, chosen by uvicorn",
    "httptools": "the server's HTTP parser, chosen by uvicorn",
    "websockets": "the server's WebSockets, chosen by uvicorn",
    "aiosqlite": "the SQLite driver of Tortoise",
    "async-timeout": "redis needs it on the first patch releases of Python 3.11",
    "python-dateutil": "a bound that two other packages share",
}


def asked() -> set[str]:
    """Return what run.in asks for."""
    lines = (REQUIREMENTS / "run.in").read_text("utf-8").splitlines()
    return {canonicalize_name(Requirement(line).name) for line in lines if line.strip() and not line.startswith("#")}


def imported() -> set[str]:
    """Return the distributions that the code of the server imports."""
    files = [
        ROOT / "server.py",
        *(path for top in ("core", "schema", "plugins") for path in (ROOT / top).rglob("*.py")),
    ]
    modules = {name for path in files if "tests" not in path.parts for name in _modules(path)}
    owners = metadata.packages_distributions()
    return {canonicalize_name(owner) for module in modules for owner in owners.get(module, ())}


def _modules(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {name.name.partition(".")[0] for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.partition(".")[0])
    return found


def test_every_requirement_is_used() -> None:
    """A package that nothing imports is not asked for, unless a reason stands here; no reason outlives its package."""
    assert asked() - imported() == set(NOT_IMPORTED) - imported()
    assert set(NOT_IMPORTED) <= asked()


def test_the_server_runs_on_few_packages() -> None:
    """What is installed for running, all that packages need of each other included, can be read through."""
    pins = re.findall(r"^[A-Za-z0-9][\w.-]*==", (REQUIREMENTS / "run.txt").read_text("utf-8"), re.MULTILINE)
    assert 20 < len(pins) <= MOST_PACKAGES


def sbom(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the program that writes the bill of materials."""
    command = [sys.executable, "-W", "error", str(folder / "requirements" / "sbom.py"), *arguments]
    return subprocess.run(command, capture_output=True, encoding="utf-8", check=False, cwd="/")


def copied(folder: Path) -> Path:
    """Copy what the program reads."""
    copytree(REQUIREMENTS, folder / "requirements")
    (folder / "pyproject.toml").write_bytes((ROOT / "pyproject.toml").read_bytes())
    return folder


def test_the_bill_of_materials_is_that_of_the_lock() -> None:
    """The committed bill is what the lock gives, valid against the official schema."""
    done = sbom(ROOT, "--check")
    assert (done.returncode, done.stderr) == (0, "")


def test_the_bill_of_materials_is_reproducible(tmp_path: Path) -> None:
    """Another folder and another time give the same bytes."""
    folder = copied(tmp_path)
    before = (folder / "requirements" / "sbom.cdx.json").read_bytes()
    (folder / "requirements" / "sbom.cdx.json").unlink()
    assert sbom(folder).returncode == 0
    assert (folder / "requirements" / "sbom.cdx.json").read_bytes() == before


def test_a_bill_that_is_behind_the_lock_is_found(tmp_path: Path) -> None:
    """One hash changed in the lock, and the check fails, saying what to do."""
    folder = copied(tmp_path)
    lock = folder / "requirements" / "run.txt"
    text = lock.read_text("utf-8")
    first = re.search(r"sha256:([0-9a-f]{64})", text)
    assert first is not None
    lock.write_text(text.replace(first[1], "0" * 64), "utf-8")
    done = sbom(folder, "--check")
    assert done.returncode == 1
    assert "run `make lock`" in done.stderr


def test_the_bill_names_every_package_with_hashes_and_a_licence() -> None:
    """A reader finds each package by its package URL, with the hashes that are installed and the licence it states."""
    bill = json.loads((REQUIREMENTS / "sbom.cdx.json").read_text("utf-8"))
    packages = bill["components"]
    assert [one["name"] for one in packages if not (one["purl"] and one["hashes"] and one.get("licenses"))] == []
    known = {one["bom-ref"] for one in packages}
    assert {ref for one in bill["dependencies"] for ref in one["dependsOn"]} <= known
