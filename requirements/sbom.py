"""Write the bill of materials of what the server runs on, as CycloneDX JSON: ``sbom.py [--check]``.

It comes from ``run.txt`` (names, versions, hashes) and from what the installed packages say of their licence and their needs, so
it needs the environment that was installed from that lock. The same lock gives the same bytes: no time of writing, and
a serial number made from the content. ``--check`` writes nothing and fails when ``sbom.cdx.json`` is not what would be written.
"""

from __future__ import annotations

import json
import re
import sys
import tomllib
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

HERE = Path(__file__).resolve().parent
OUT = HERE / "sbom.cdx.json"
PIN = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)==([^ ;\\]+)")
HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")


@dataclass(frozen=True)
class Package:
    """One line of the lock."""

    name: str
    version: str
    hashes: tuple[str, ...]

    @property
    def purl(self) -> str:
        """Its package URL, which serves as its reference as well."""
        return PackageURL("pypi", name=self.name, version=self.version).to_string()


def locked() -> dict[str, Package]:
    """Return what the lock holds, by name."""
    lines = (HERE / "run.txt").read_text("utf-8").replace("\\\n", " ").splitlines()
    found = ((PIN.match(line), line) for line in lines)
    packages = (
        Package(canonicalize_name(pin[1]), pin[2], tuple(sorted(HASH.findall(line)))) for pin, line in found if pin
    )
    return {package.name: package for package in packages}


def component(package: Package) -> dict[str, Any]:
    """Describe one package."""
    return {
        "type": "library",
        "bom-ref": package.purl,
        "name": package.name,
        "version": package.version,
        "purl": package.purl,
        "scope": "required",
        "hashes": [{"alg": "SHA-256", "content": one} for one in package.hashes],
        **_licences(metadata.metadata(package.name)),
    }


def _licences(said: metadata.PackageMetadata) -> dict[str, Any]:
    """Repeat what a package says of its licence: an SPDX expression, or the names of its classifiers, or a short text."""
    if expression := said.get("License-Expression"):
        return {"licenses": [{"expression": expression}]}
    heads = [one for one in said.get_all("Classifier") or [] if one.startswith("License :: ")]
    names = sorted({one.rsplit(" :: ", 1)[-1] for one in heads}) or [said.get("License") or ""]
    return {"licenses": [{"license": {"name": name}} for name in names if name and "\n" not in name]}


def needs(package: Package, lock: dict[str, Package]) -> list[str]:
    """Return the references of what a package needs here; what the lock leaves out is not needed."""
    asked = (Requirement(line) for line in metadata.requires(package.name) or [])
    return sorted({lock[name].purl for one in asked if (name := canonicalize_name(one.name)) in lock and _applies(one)})


def _applies(asked: Requirement) -> bool:
    return asked.marker is None or asked.marker.evaluate({"extra": ""})


def direct() -> Iterator[str]:
    """Return the names of what the server asks for itself."""
    for line in (HERE / "run.in").read_text("utf-8").splitlines():
        if line.strip() and not line.startswith("#"):
            yield canonicalize_name(Requirement(line).name)


def bill() -> dict[str, Any]:
    """Make the whole document but for its serial number."""
    project = tomllib.loads((HERE.parent / "pyproject.toml").read_text("utf-8"))["project"]
    lock, root = locked(), f"{project['name']}@{project['version']}"
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": root,
                "name": project["name"],
                "version": project["version"],
                "licenses": [{"expression": project["license"]}],
            }
        },
        "components": [component(lock[name]) for name in sorted(lock)],
        "dependencies": [
            {"ref": root, "dependsOn": sorted(lock[name].purl for name in direct())},
            *({"ref": lock[name].purl, "dependsOn": needs(lock[name], lock)} for name in sorted(lock)),
        ],
    }


def text() -> str:
    """Write the document; its serial number follows from the rest."""
    document = bill()
    serial = uuid.uuid5(uuid.NAMESPACE_URL, json.dumps(document, sort_keys=True))
    return json.dumps({**document, "serialNumber": f"urn:uuid:{serial}"}, indent=1, ensure_ascii=False) + "\n"


def main(arguments: list[str]) -> int:
    """Write the bill, or check the one that is there."""
    made = text()
    if fault := JsonStrictValidator(SchemaVersion.V1_6).validate_str(made):
        sys.stderr.write(f"what would be written is no CycloneDX 1.6: {fault}\n")
        return 1
    if arguments == ["--check"]:
        if OUT.exists() and OUT.read_text("utf-8") == made:
            return 0
        sys.stderr.write("requirements/sbom.cdx.json is not the bill of run.txt: run `make lock` and commit it\n")
        return 1
    OUT.write_text(made, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
