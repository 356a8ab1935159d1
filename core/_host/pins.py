"""Pins: which version of an installed package's plugin may run here, and, where given, exactly which files.

A pin stands in ``plugins.toml`` as ``"acme_parking==1.2.0"`` or ``"acme_parking==1.2.0 sha256:…"``. It is held against the
package before any of its code is imported. The hash is of the text with one line for each file of the package, in the order
of their names: the file's SHA-256, two spaces, its name with ``/`` between folders, a line feed.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from core._host import messages as say
from core._host.manifest import Manifest
from core._host.reasons import Refusal

# "acme_parking==1.2.0 sha256:…"; whether the first part is an id and the second a version is for the manifest to say.
_PIN = re.compile(r"([a-z][a-z0-9_]*)==([0-9][0-9.]*)(?: sha256:([0-9a-f]{64}))?")
_CACHE = "__pycache__"
# The second four bytes of a compiled file; this bit pair means that it is taken without a look at its source (PEP 552).
_HASHED, _CHECKED = 0b01, 0b10


@dataclass(frozen=True)
class Pin:
    """What a plugin of an installed package must be: its id, its version, and the hash of its files where one is given."""

    id: str
    version: str
    sha256: str | None = None

    def __str__(self) -> str:
        return f"{self.id}=={self.version}" + (f" sha256:{self.sha256}" if self.sha256 else "")

    def check(self, manifest: Manifest, folder: Path) -> None:
        """Hold a package against this pin. Raises Refusal."""
        if manifest.version != self.version:
            raise Refusal(say.OTHER_VERSION(name=self.id, pinned=self.version, version=manifest.version))
        if self.sha256 is not None and (found := tree_hash(folder)) != self.sha256:
            raise Refusal(say.OTHER_FILES(name=self.id, pinned=self.sha256, found=found))


def read(text: str) -> Pin | None:
    """Read a pin as it stands in ``plugins.toml``; None when it is not one."""
    found = _PIN.fullmatch(text)
    return Pin(*found.groups()) if found else None


def tree_hash(folder: Path) -> str:
    """Hash all files of a package; hex. Raises Refusal for a link, behind which anything may lie."""
    lines = (
        f"{hashlib.sha256(folder.joinpath(name).read_bytes()).hexdigest()}  {name}\n" for name in sorted(_files(folder))
    )
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _files(folder: Path) -> Iterator[str]:
    """Name every file, but for what Python compiles for itself and compares with the source."""
    for place, folders, names in os.walk(folder):
        for name in (*folders, *names):
            path = Path(place, name)
            if path.is_symlink():
                raise Refusal(say.LINKED_FILE(file=str(path)))
        for name in names:
            path = Path(place, name)
            if path.parent.name != _CACHE or not _is_compared(path):
                yield path.relative_to(folder).as_posix()


def _is_compared(compiled: Path) -> bool:
    """Say whether Python compares this compiled file with its source before it runs it."""
    with compiled.open("rb") as file:
        head = file.read(8)
    flags = int.from_bytes(head[4:], "little")
    return compiled.suffix == ".pyc" and len(head) == 8 and (not flags & _HASHED or bool(flags & _CHECKED))
