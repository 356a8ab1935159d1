"""Copies of everything a server keeps, and bringing them back: the database as it is at one moment, and every file.

A backup is a folder: ``database.sqlite3`` or ``database.dump`` (of pg_dump, in the same snapshot as the hashes), the
uploads under ``files/``, and ``manifest.json`` with a hash for each file and for the rows of each table. The manifest is
written last: a folder without one is no backup. The server goes on meanwhile; its secret is not in it.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import shutil
import sqlite3
from collections.abc import Collection, Iterator, Mapping
from contextlib import closing
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from core._db.dumps import dump, restore_dump
from core._db.snapshot import Snapshot, fingerprint, open_snapshot
from core.attachments import content_path, files_folder
from core.clock import SystemClock, to_wire
from core.config import Config
from core.database import is_sqlite, sqlite_path
from core.fields import canonical_json
from core.verification import Audit, Fault, hash_of, verify

FORMAT = 1
MANIFEST = "manifest.json"
DATABASES = {"sqlite": "database.sqlite3", "postgres": "database.dump"}
FILES = "files"
NAME_LENGTH = 64
_TOLD = ("core_community", "core_person", "core_matter", "core_trace_leaf")


class BackupRefused(Exception):
    """Nothing was written, or what is there is no whole backup; the message says why and what to do."""


@dataclass(frozen=True)
class Manifest:
    """What is in a backup."""

    format: int
    made_at: str
    dialect: str
    database: str
    tables: dict[str, tuple[int, str]]
    """Rows, and a hash of them, of each table."""
    files: dict[str, int]
    """Bytes of each upload, by its SHA-256."""

    @classmethod
    def read(cls, folder: Path) -> Manifest:
        """Read the manifest of a backup; raises BackupRefused."""
        path = folder / MANIFEST
        if not path.is_file():
            raise BackupRefused(f"{folder} is no backup: it has no {MANIFEST}, which is written last")
        try:
            told = json.loads(path.read_text("utf-8"))
            digest = told.pop("digest", None)
            found = cls(**{**told, "tables": {name: (rows, digest) for name, (rows, digest) in told["tables"].items()}})
        except (ValueError, TypeError, KeyError) as error:
            raise BackupRefused(f"{path} cannot be read: {error}") from error
        if found.format != FORMAT or found.dialect not in DATABASES:
            raise BackupRefused(f"{path} is of another version; restore it with the release that made it")
        if digest != found.digest():
            raise BackupRefused(f"{path} was changed after it was written")
        return found

    def digest(self) -> str:
        """Return a hash of all it says, which is written beside it."""
        return hashlib.sha256(canonical_json(asdict(self)).encode()).hexdigest()

    def rows(self) -> int:
        """Return how many rows there are."""
        return sum(rows for rows, _ in self.tables.values())


def dialect_of(config: Config) -> str:
    """Say which kind of database a server has."""
    return "sqlite" if is_sqlite(config.database_url) else "postgres"


def database_path(config: Config) -> Path:
    """Return the file of an embedded database."""
    return Path(sqlite_path(config.database_url))


# --- making -----------------------------------------------------------------------------------------------------------


async def back_up(config: Config, folder: Path) -> Manifest:
    """Write a backup into a new folder; raises BackupRefused, and StorageUnavailable when the database does not answer."""
    dialect = dialect_of(config)
    if dialect == "sqlite" and not database_path(config).is_file():
        raise BackupRefused(f"there is no database {database_path(config)}; check SHANZHI_DATA_DIR")
    _make_folder(folder)
    source, target = files_folder(config), folder / FILES
    # What an old row refers to may be deleted at any moment, so files are copied before the snapshot, too.
    await asyncio.to_thread(_copy_files, source, target)
    tables, wanted = await _copy_database(config, dialect, folder)
    await asyncio.to_thread(_copy_files, source, target)
    await asyncio.to_thread(_drop_others, target, wanted)
    missing = [sha256 for sha256 in wanted if not content_path(target, sha256).is_file()]
    if missing:
        raise BackupRefused(f"{len(missing)} uploaded files are missing, {missing[0]} for one; run: server.py verify")
    made = Manifest(
        FORMAT, to_wire(SystemClock().now()), dialect, await asyncio.to_thread(hash_of, folder / DATABASES[dialect]),
        tables, wanted,
    )  # fmt: skip
    told = {**asdict(made), "digest": made.digest()}
    await asyncio.to_thread(_write_durably, folder / MANIFEST, json.dumps(told, indent=1).encode())
    return made


async def _copy_database(
    config: Config, dialect: str, folder: Path
) -> tuple[dict[str, tuple[int, str]], dict[str, int]]:
    """Copy the database, and return what is in the copy: the hashes of its tables, and the files it needs."""
    copy = folder / DATABASES[dialect]
    if dialect == "sqlite":
        await asyncio.to_thread(_copy_sqlite, database_path(config), copy)
        async with open_snapshot(f"sqlite://{copy.absolute()}") as snapshot:
            return await _contents(snapshot)
    async with open_snapshot(config.database_url) as snapshot:
        await dump(config.database_url, snapshot, copy)
        return await _contents(snapshot)


def _copy_sqlite(source: Path, copy: Path) -> None:
    """Copy a live database; as one file without a log beside it, whose journal is not needed to read it."""
    with (
        closing(sqlite3.connect(f"{source.resolve().as_uri()}?mode=ro", uri=True)) as live,
        closing(sqlite3.connect(copy)) as target,
    ):
        live.backup(target)
        target.execute("PRAGMA journal_mode=DELETE")
    _make_durable(copy)


async def _contents(snapshot: Snapshot) -> tuple[dict[str, tuple[int, str]], dict[str, int]]:
    tables = {table: await fingerprint(snapshot, table) for table in await snapshot.tables()}
    files = snapshot.rows("SELECT sha256, size FROM core_attachment WHERE stored_at IS NOT NULL ORDER BY sha256")
    return tables, {row["sha256"]: row["size"] async for row in files}


def _contents_of(folder: Path) -> Iterator[Path]:
    """Give the files of contents below a folder: drafts of uploads have shorter names."""
    return (path for path in folder.glob("??/??/*") if len(path.name) == NAME_LENGTH)


def _copy_files(source: Path, target: Path) -> None:
    """Copy the contents that are not there yet; they never change."""
    for path in _contents_of(source):
        copy = target / path.relative_to(source)
        if copy.is_file():
            continue
        copy.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = copy.with_suffix(".part")
        try:
            shutil.copyfile(path, draft)
        except FileNotFoundError:  # it belonged to nothing, and was deleted meanwhile
            draft.unlink(missing_ok=True)
            continue
        _make_durable(draft)
        draft.replace(copy)


def _drop_others(target: Path, wanted: Collection[str]) -> None:
    """Delete what was uploaded after the snapshot, or taken away before it."""
    for path in list(_contents_of(target)):
        if path.name not in wanted:
            path.unlink()


# --- checking ---------------------------------------------------------------------------------------------------------


async def check_backup(folder: Path, audits: Mapping[str, Audit]) -> tuple[Manifest, list[Fault]]:
    """Compare a backup with its manifest, and look into the database where that can be read without a server."""
    manifest = Manifest.read(folder)
    copy = folder / DATABASES[manifest.dialect]
    if not copy.is_file() or await asyncio.to_thread(hash_of, copy) != manifest.database:
        return manifest, [Fault("backup", f"{copy.name} is not the file that was written")]
    found = await asyncio.to_thread(_damaged_files, folder / FILES, manifest)
    if manifest.dialect == "sqlite":
        async with open_snapshot(f"sqlite://{copy.absolute()}") as snapshot:
            found += await differences(snapshot, manifest)
            found += await verify(snapshot, None, audits)
    return manifest, found


def _damaged_files(files: Path, manifest: Manifest) -> list[Fault]:
    whole = {
        sha256 for sha256 in manifest.files
        if (path := content_path(files, sha256)).is_file() and hash_of(path) == sha256
    }  # fmt: skip
    harmed = [Fault("file", f"{sha256} is missing or damaged") for sha256 in sorted(manifest.files.keys() - whole)]
    others = sorted({path.name for path in _contents_of(files)} - manifest.files.keys())
    return harmed + [Fault("file", f"{sha256} is not of this backup") for sha256 in others]


async def differences(snapshot: Snapshot, manifest: Manifest) -> list[Fault]:
    """Compare the rows of each table with the manifest."""
    found = {table: await fingerprint(snapshot, table) for table in await snapshot.tables()}
    return [
        Fault("table", f"{table} is not as it was backed up")
        for table in sorted(manifest.tables.keys() | found.keys())
        if found.get(table) != manifest.tables.get(table)
    ]


# --- bringing back ----------------------------------------------------------------------------------------------------


async def restore(config: Config, folder: Path, audits: Mapping[str, Audit], *, force: bool = False) -> Manifest:
    """Put a backup in the place of an empty server; with ``force`` of any. Checked before, and compared afterwards.

    What an embedded database held before is kept beside it; on PostgreSQL all of it is one transaction.

    Raises BackupRefused when the backup is not whole, is of another kind, or something is there and not to be replaced.
    """
    manifest, faults = await check_backup(folder, {})
    if faults:
        raise BackupRefused(f"the backup is damaged, nothing was restored: {faults[0]}")
    if manifest.dialect != dialect_of(config):
        raise BackupRefused(f"this is a backup of {manifest.dialect}, and the server has {dialect_of(config)}")
    if not force:
        await _refuse_to_replace(config)
    await asyncio.to_thread(_copy_files, folder / FILES, files_folder(config))
    copy = folder / DATABASES[manifest.dialect]
    if manifest.dialect == "sqlite":
        await asyncio.to_thread(_put_back, copy, database_path(config))
    else:
        await restore_dump(config.database_url, copy)
    async with open_snapshot(config.database_url) as snapshot:
        faults = await differences(snapshot, manifest) + await verify(snapshot, files_folder(config), audits)
    if faults:
        raise BackupRefused(f"restored, but not as it was backed up: {'; '.join(map(str, faults[:3]))}")
    return manifest


async def _refuse_to_replace(config: Config) -> None:
    """Raise BackupRefused where something would be replaced, and say what."""
    there = []
    if dialect_of(config) == "postgres" or database_path(config).exists():
        async with open_snapshot(config.database_url) as snapshot:
            tables = await snapshot.tables()
            for table in (name for name in _TOLD if name in tables):
                [count] = [row[0] async for row in snapshot.rows(f"SELECT COUNT(*) FROM {table}")]
                there.append(f"{count} rows of {table}")
            if tables and not there:
                there.append(f"the tables {', '.join(tables[:5])}")
    kept = sum(1 for _ in _contents_of(files_folder(config)))
    if kept:
        there.append(f"{kept} files in {files_folder(config)}")
    if there:
        raise BackupRefused(f"there is something already: {', '.join(there)}. Say --force to replace the database")


def _put_back(copy: Path, place: Path) -> None:
    """Put a copy in the place of a database that no server has open; what was there is kept beside it."""
    place.parent.mkdir(parents=True, exist_ok=True)
    if place.exists():
        _let_nobody_use(place)
        stamp = f"{datetime.now().astimezone():%Y%m%dT%H%M%S%f}"
        place.replace(place.with_name(f"{place.stem}-before-{stamp}.sqlite3"))
    draft = place.with_name(f"{place.name}.restoring")
    shutil.copyfile(copy, draft)
    _make_durable(draft)
    for beside in ("-wal", "-shm"):
        place.with_name(place.name + beside).unlink(missing_ok=True)
    draft.replace(place)
    _make_durable(place.parent)


def _let_nobody_use(place: Path) -> None:
    """Bring the whole database into its one file; raises BackupRefused while another process has it open."""
    with closing(sqlite3.connect(place, isolation_level=None, timeout=0)) as connection:
        try:
            # Leaving the write-ahead log needs the file for itself alone.
            [mode] = connection.execute("PRAGMA journal_mode=DELETE").fetchone()
        except sqlite3.OperationalError as error:
            raise BackupRefused(f"{place} is in use ({error}): stop the server first") from error
        except sqlite3.DatabaseError:  # damaged: that may be why it is being replaced
            return
    if mode != "delete":
        raise BackupRefused(f"{place} is in use: stop the server first")


def _make_folder(folder: Path) -> None:
    """Make the folder of a backup; raises BackupRefused when there is something."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise BackupRefused(f"{folder} exists already and is not an empty folder; name a new one")
    folder.mkdir(parents=True, exist_ok=True)


def _write_durably(path: Path, data: bytes) -> None:
    draft = path.with_suffix(".part")
    draft.write_bytes(data)
    _make_durable(draft)
    draft.replace(path)
    _make_durable(path.parent)


def _make_durable(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def summary(manifest: Manifest) -> dict[str, Any]:
    """Return what is told of a backup on the command line."""
    return {
        "made_at": manifest.made_at,
        "tables": len(manifest.tables),
        "rows": manifest.rows(),
        "files": len(manifest.files),
    }
