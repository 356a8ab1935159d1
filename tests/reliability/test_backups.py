"""Backups by the command line: made while ballots are cast, brought back elsewhere, and every damage found."""

from __future__ import annotations

import asyncio
import json
import shutil
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from dataclasses import replace
from pathlib import Path

import asyncpg
import httpx
import pytest

from core.backups import MANIFEST
from tests.conftest import _create, _drop
from tests.reliability.casting import Campaign, Cast, Crowd
from tests.reliability.invariants import check
from tests.reliability.servers import Site, running
from tests.reliability.towns import Ground, Town

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

REFUSED, MISCONFIGURED = 1, 78
PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256))
TICKET = """mutation($i: CreateUploadInput!) { createUpload(input: $i)
  { __typename ... on UploadTicket { url } ... on UserError { code } } }"""


async def upload(town: Town, data: bytes = PNG) -> None:
    """Store one file by the running server of a town."""
    headers = {"Authorization": f"Bearer {town.staff}"}
    variables = {"i": {"community": town.world.places["compound"].code, "filename": "photo.png"}}
    async with town.client() as client:
        told = await client.post("/graphql", json={"query": TICKET, "variables": variables}, headers=headers)
        address = httpx.URL(told.json()["data"]["createUpload"]["url"]).path
        sent = await client.post(address, files={"file": ("photo.png", data)})
        assert sent.status_code < 300, sent.text


@asynccontextmanager
async def elsewhere(town: Town) -> AsyncIterator[Site]:
    """Give an empty place for the data of a town: another folder, another database."""
    folder = town.site.folder / "elsewhere"
    folder.mkdir()
    if town.kind == "sqlite":
        yield Site(f"sqlite:///{folder / 'shanzhi.db'}", folder)
        return
    url = await _create(f"shanzhi_restored_{town.site.port}")
    try:
        yield Site(url, folder)
    finally:
        await _drop(url)


async def done(site: Site, *words: str) -> str:
    """Run a command that has to succeed."""
    code, said = await site.command(*words)
    assert code == 0, said
    return said


async def refused(site: Site, *words: str) -> str:
    """Run a command that has to refuse; returns what it said."""
    code, said = await site.command(*words)
    assert code == REFUSED, (code, said)
    assert "Traceback" not in said
    return said


@asynccontextmanager
async def backed_up(ground: Ground) -> AsyncIterator[tuple[Town, Path]]:
    """Give a town with ballots and a file, and its backup that was made while more ballots were cast."""
    async with ground.town() as town:
        campaign, backup = Campaign(town), town.site.folder / "backup"
        async with running(town.site):
            await upload(town)
            async with Crowd(campaign, at_once=4) as crowd:
                await crowd.until(10)
                await done(town.site, "backup", str(backup))
                await crowd.until(5)
        yield town, backup


async def write(town: Town, sql: str) -> None:
    """Change a stopped town's database as a thief would, past everything that guards it."""
    if town.kind == "postgres":
        link = await asyncpg.connect(town.site.url)
        try:
            await link.execute("SET session_replication_role = replica")
            await link.execute(sql)
        finally:
            await link.close()
        return
    with closing(sqlite3.connect(town.site.url.removeprefix("sqlite://"), isolation_level=None)) as own:
        own.execute(sql)


async def test_the_drill(filled_ground: Ground) -> None:
    """Backup beside a server that casts, restore elsewhere, check everything, serve, take ballots."""
    async with backed_up(filled_ground) as (town, backup), elsewhere(town) as place:
        manifest = json.loads((backup / MANIFEST).read_text())
        assert len(manifest["files"]) == 1
        assert sum(rows for rows, _ in manifest["tables"].values()) > 100
        await done(town.site, "verify", str(backup))
        await done(place, "restore", str(backup))
        assert (await done(place, "verify")).strip().endswith("all is well")
        assert "ok" in await done(place, "trace", "verify")
        again = replace(town, site=place)
        async with running(place), again.client() as client:
            await Campaign(again).all_of(client, [Cast(voter, "AGAINST", 5000) for voter in range(5)], 5)
        await check(again)


async def test_nothing_is_replaced_without_force(filled_ground: Ground) -> None:
    """A server that holds something keeps it; with --force it has what the backup has, and the same hashes."""
    async with backed_up(filled_ground) as (town, backup):
        before = await town.value("SELECT COUNT(*) FROM voting_returned")
        said = await refused(town.site, "restore", str(backup))
        assert "--force" in said
        assert "core_trace_leaf" in said
        assert await town.value("SELECT COUNT(*) FROM voting_returned") == before
        await done(town.site, "restore", str(backup), "--force")
        assert await town.value("SELECT COUNT(*) FROM voting_returned") < before
        await check(town)
        assert "exists already" in await refused(town.site, "backup", str(backup))


async def test_no_restore_under_a_running_server(sqlite_ground: Ground) -> None:
    """A file that a server has open is not pulled away from under it."""
    async with backed_up(sqlite_ground) as (town, backup):
        async with running(town.site):
            assert "stop the server" in await refused(town.site, "restore", str(backup), "--force")
        await check(town)


async def test_another_secret_is_told(sqlite_ground: Ground) -> None:
    """A server that starts on a restored database with another secret says so, and does not run."""
    async with backed_up(sqlite_ground) as (town, backup), elsewhere(town) as place:
        await done(place, "restore", str(backup))
        await done(place, "trace", "head")
        place.options["SECRET"] = "another-" + "0Jx7v1Qm9sZ4kR8wYb3NfTgH5uLcPdEa"
        code, said = await place.command("trace", "head")
        assert (code, "SHANZHI_SECRET" in said, "Traceback" in said) == (MISCONFIGURED, True, False), said


def changed_byte(backup: Path) -> None:
    """Turn one bit in the middle of the database."""
    [path] = backup.glob("database.*")
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def missing_upload(backup: Path) -> None:
    """Delete a file."""
    next(path for path in (backup / "files").rglob("*") if path.is_file()).unlink()


def changed_upload(backup: Path) -> None:
    """Change a file."""
    next(path for path in (backup / "files").rglob("*") if path.is_file()).write_bytes(PNG[:-1] + b"x")


def extra_upload(backup: Path) -> None:
    """Add a file that nothing refers to."""
    added = backup / "files" / "ab" / "cd" / ("abcd" + "0" * 60)
    added.parent.mkdir(parents=True)
    added.write_bytes(PNG)


def edited_manifest(backup: Path) -> None:
    """Claim another number of rows."""
    path = backup / MANIFEST
    told = json.loads(path.read_text())
    told["tables"]["voting_ballot"][0] += 1
    path.write_text(json.dumps(told))


def missing_manifest(backup: Path) -> None:
    """Take away what is written last."""
    (backup / MANIFEST).unlink()


DAMAGES = (changed_byte, missing_upload, changed_upload, extra_upload, edited_manifest, missing_manifest)


async def test_every_damage_of_a_backup_is_found(filled_ground: Ground) -> None:
    """By ``verify``, and by ``restore``, which then leaves the empty place empty."""
    async with backed_up(filled_ground) as (town, backup), elsewhere(town) as place:
        for damage in DAMAGES:
            await _found(damage, town, backup, place)


async def _found(damage: Callable[[Path], None], town: Town, backup: Path, place: Site) -> None:
    harmed = town.site.folder / damage.__name__
    await asyncio.to_thread(shutil.copytree, backup, harmed)
    damage(harmed)
    await refused(town.site, "verify", str(harmed))
    await refused(place, "restore", str(harmed))
    assert not (place.folder / "shanzhi.db").exists()
    assert not (place.folder / "files").exists()


ALTERED = {
    "DELETE FROM voting_returned WHERE id = (SELECT MIN(id) FROM voting_returned)": "ballot-dropped: 1 leaves tell of the receipt",
    "UPDATE voting_returned SET marks = 'X' WHERE id = (SELECT MIN(id) FROM voting_returned)": "ballot-altered: the ballot of entry",
    "UPDATE voting_turnout SET heads = heads + 1": "turnout-wrong: the turnout of",
    "UPDATE core_trace_leaf SET body = body || ' ' WHERE seq = 1": "trace: leaf 1 does not hash",
    "DELETE FROM core_trace_leaf WHERE id = (SELECT MAX(id) FROM core_trace_leaf WHERE deed = 'voting.cast_ballot')":
        "ballot-inserted: 1 ballots have the receipt",
    "UPDATE core_trace_leaf SET seq = seq + 5 WHERE seq = (SELECT MAX(seq) FROM core_trace_leaf)": "trace: after leaf",
    "UPDATE voting_ballot SET poll_id = 7 WHERE id = (SELECT MAX(id) FROM voting_ballot)": "point at nothing",
}  # fmt: skip


async def test_every_change_of_a_database_is_found(filled_ground: Ground) -> None:
    """``verify`` names what is wrong, whatever was changed past the server; the backup brings all of it back."""
    async with backed_up(filled_ground) as (town, backup):
        for sql in ALTERED:
            await write(town, sql)
        [kept] = (path for path in (town.site.folder / "files").rglob("*") if path.is_file())
        kept.unlink()
        said = await refused(town.site, "verify")
        assert [sentence for sentence in (*ALTERED.values(), "file:") if sentence not in said] == [], said
        await done(town.site, "restore", str(backup), "--force")
        await done(town.site, "verify")
