"""Files: one upload per ticket, kinds told by content, links that expire."""

from __future__ import annotations

import asyncio
import io
import os
import stat
import zipfile
from collections.abc import AsyncIterator, Awaitable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from core import attachments, media
from core.access import ANYONE, Viewer
from core.attachments import Attachment, Upload, download_path, holder_of, open_download, receive, request_upload
from core.errors import DomainError
from core.ids import new_id
from core.work import Act, DeedSpec, deed
from tests.databases import KINDS
from tests.unit.kernel_world import BUILDING, COMMUNITY, COMPOUND, FAR, SIBLING_COMPOUND, START, World, world

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256))
JPEG = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00" + bytes(200)


@pytest.fixture(params=KINDS)
async def here(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[World]:
    """A small world on each database."""
    async with world(request.param, tmp_path) as made:
        yield made


@pytest.fixture
async def one(tmp_path: Path) -> AsyncIterator[World]:
    """The same on SQLite alone, for what the database has no part in."""
    async with world("sqlite", tmp_path) as made:
        yield made


async def flow(data: bytes, size: int = 1000) -> AsyncIterator[bytes]:
    """Give bytes in pieces, as a network does."""
    for at in range(0, len(data), size):
        await asyncio.sleep(0)
        yield data[at : at + size]


async def ticket(here: World, viewer: Viewer, filename: str = "photo.png", community: str = COMPOUND) -> Upload:
    """Ask for an upload."""
    return await request_upload(here.kernel, viewer, community=community, filename=filename)


async def send(here: World, upload: Upload, data: bytes = PNG, name: str = "tmp_1.png") -> Attachment:
    """Upload to a ticket."""
    return await receive(here.kernel, upload.path.removeprefix("/uploads/"), name, flow(data))


async def stored(here: World, viewer: Viewer, data: bytes = PNG, filename: str = "photo.png") -> Attachment:
    """Ask and upload."""
    return await send(here, await ticket(here, viewer, filename), data)


async def code_of(attempt: Awaitable[Any]) -> str:
    """Return the code with which an attempt is refused."""
    with pytest.raises(DomainError) as caught:
        await attempt
    return caught.value.code


def files(here: World) -> list[Path]:
    """Return every file that is kept, drafts included."""
    return sorted(path for path in (here.kernel.config.data_dir / "files").rglob("*") if path.is_file())


# --- uploading --------------------------------------------------------------------------------------------------------


async def test_a_file_is_uploaded_once_and_kept_under_its_hash(here: World) -> None:
    """The row tells name, kind, size and hash; the file is private to the server; nothing else is left."""
    resident = await here.officer("resident", BUILDING)
    upload = await ticket(here, resident, "照片 1.PNG")
    assert upload.expires_at == START + timedelta(minutes=15)
    made = await send(here, upload)
    assert (made.id, made.uploader_id, made.matter_id) == (upload.id, resident.person_id, None)
    assert (made.filename, made.media_type, made.size, made.stored_at) == ("照片 1.png", "image/png", len(PNG), START)
    [path] = files(here)
    assert path.relative_to(here.kernel.config.data_dir).parts == (
        "files", made.sha256[:2], made.sha256[2:4], made.sha256,
    )  # fmt: skip
    assert path.read_bytes() == PNG
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert await here.leaves("core.create_upload") == await here.leaves("core.store_upload") == 1


async def test_a_repeated_upload_gives_the_same_answer(here: World) -> None:
    """The client that missed the answer sends the file again, even after the ticket's time; another file is refused."""
    upload = await ticket(here, await here.officer("owner", COMPOUND))
    made = await send(here, upload)
    here.clock.advance(hours=1)
    assert await send(here, upload) == made
    assert await code_of(send(here, upload, JPEG)) == "core.upload_used"
    assert len(files(here)) == 1
    assert await here.leaves("core.store_upload") == 1


async def test_uploads_at_once_to_one_ticket_keep_one_file(here: World) -> None:
    """Equal ones are all answered; of two different ones one is refused, and what is kept is what the row says."""
    upload = await ticket(here, await here.officer("owner", COMPOUND))
    outcomes = await asyncio.gather(
        *(send(here, upload, data) for data in (PNG, PNG, JPEG, JPEG)), return_exceptions=True
    )
    kept = [each for each in outcomes if isinstance(each, Attachment)]
    assert [getattr(each, "code", None) for each in outcomes if each not in kept] == ["core.upload_used"] * 2
    assert len({each.sha256 for each in kept}) == 1
    assert await here.leaves("core.store_upload") == 1


async def test_equal_files_are_kept_once(one: World) -> None:
    """Two tickets, one content."""
    owner = await one.officer("owner", COMPOUND)
    first, second = await stored(one, owner), await stored(one, owner)
    assert first.sha256 == second.sha256
    assert first.id != second.id
    assert len(files(one)) == 1


async def test_a_ticket_ends_after_a_quarter_of_an_hour(here: World) -> None:
    """Exactly then."""
    upload = await ticket(here, await here.officer("owner", COMPOUND))
    here.clock.set(upload.expires_at)
    assert await code_of(send(here, upload)) == "core.upload_expired"


@pytest.mark.parametrize("path", ["/uploads/", "/uploads/x", "/uploads/\ud800", "/uploads/" + "A" * 43])
async def test_unknown_tickets_take_nothing(one: World, path: str) -> None:
    """Guessing tickets leads nowhere, and nothing is written."""
    assert await code_of(send(one, Upload(1, path, START))) == "core.upload_unknown"
    assert not files(one)


async def test_no_ticket_is_stored(here: World) -> None:
    """Neither with the row nor as the answer under an idempotency key; the retry still gets it."""
    owner = await here.officer("owner", COMPOUND)
    arguments = {"community": COMPOUND, "filename": "a.png"}
    first = await request_upload(here.kernel, owner, **arguments, key="k1")
    assert await request_upload(here.kernel, owner, **arguments, key="k1") == first
    rows = await here.kernel.database.fetch("SELECT ticket_hash FROM core_attachment")
    answers = await here.kernel.database.fetch("SELECT answer FROM core_idempotency_key")
    secret = first.path.removeprefix("/uploads/")
    assert len(rows) == 1
    assert secret not in f"{rows[0][0]} {answers[0][0]}"


async def test_uploads_are_for_people_of_the_place(here: World) -> None:
    """Neighbours from elsewhere and strangers get no ticket."""
    resident = await here.officer("resident", BUILDING)
    for code in (SIBLING_COMPOUND, FAR):
        assert await code_of(ticket(here, resident, community=code)) == "core.not_allowed"
    assert await code_of(ticket(here, ANYONE)) == "core.not_signed_in"
    assert await code_of(ticket(here, await here.officer("system_admin", COMMUNITY))) == "core.not_allowed"
    for code in (BUILDING, COMPOUND, COMMUNITY):
        assert await ticket(here, resident, community=code)


async def test_nobody_fills_the_disk_with_files_for_nothing(one: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tickets and files that belong to no matter are limited per person and day."""
    monkeypatch.setattr(attachments, "WAITING_LIMIT", 3)
    owner = await one.officer("owner", COMPOUND)
    for _ in range(3):
        await ticket(one, owner)
    assert await code_of(ticket(one, owner)) == "core.too_many_uploads"
    assert await ticket(one, await one.officer("owner", COMPOUND))
    one.clock.advance(days=1, minutes=15)
    assert await ticket(one, owner)


async def test_a_file_over_the_bound_is_refused_as_it_comes(one: World) -> None:
    """Reading stops at the bound, nothing is left, and the ticket can still be used for a smaller file."""
    upload = await ticket(one, await one.officer("owner", COMPOUND))
    given = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal given
        while True:
            given += 1000
            yield PNG[:8] + bytes(992)

    secret = upload.path.removeprefix("/uploads/")
    assert await code_of(receive(one.kernel, secret, "a.png", endless(), 5000)) == "core.file_too_large"
    assert given == 6000
    assert not files(one)
    assert (await receive(one.kernel, secret, "a.png", flow(PNG.ljust(5000, b"x")), 5000)).size == 5000


async def test_a_broken_connection_leaves_nothing(one: World) -> None:
    """The draft goes with the request; the ticket stays good."""
    upload = await ticket(one, await one.officer("owner", COMPOUND))

    async def broken() -> AsyncIterator[bytes]:
        yield PNG
        raise ConnectionError("gone")

    with pytest.raises(ConnectionError):
        await receive(one.kernel, upload.path.removeprefix("/uploads/"), "a.png", broken())
    assert not files(one)
    assert await send(one, upload)


async def test_large_files_are_written_in_parts(one: World) -> None:
    """Several megabytes arrive whole."""
    data = PNG + os.urandom(3 * 1024 * 1024 + 17)
    upload = await ticket(one, await one.officer("owner", COMPOUND))
    made = await receive(one.kernel, upload.path.removeprefix("/uploads/"), "a.png", flow(data, 70_000))
    assert files(one)[0].read_bytes() == data
    assert made.size == len(data)


# --- kinds ------------------------------------------------------------------------------------------------------------


def archive(names: Sequence[str], types: bytes = b"<Types/>") -> bytes:
    """Make an Office document of parts."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("[Content_Types].xml", types)
        for name in names:
            made.writestr(name, b"<x/>")
    return buffer.getvalue()


OFFICE = "application/vnd.openxmlformats-officedocument"
MP4 = b"\x00\x00\x00\x20ftypisom\x00\x00\x02\x00isomiso2avc1mp41" + bytes(64)


@pytest.mark.parametrize(
    ("data", "name", "media_type", "saved_as"),
    [
        (PNG, "a.png", "image/png", "a.png"),
        (JPEG, "a.jpeg", "image/jpeg", "a.jpg"),
        (b"GIF89a" + bytes(30), "a.gif", "image/gif", "a.gif"),
        (b"RIFF\x24\x00\x00\x00WEBPVP8 " + bytes(30), "a.webp", "image/webp", "a.webp"),
        (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", "a.pdf", "application/pdf", "a.pdf"),
        (MP4, "a.mp4", "video/mp4", "a.mp4"),
        (MP4.replace(b"isom", b"mp42"), "a.mp4", "video/mp4", "a.mp4"),
        (archive(["word/document.xml"]), "a.docx", f"{OFFICE}.wordprocessingml.document", "a.docx"),
        (archive(["_rels/.rels", "xl/workbook.xml"]), "a.xlsx", f"{OFFICE}.spreadsheetml.sheet", "a.xlsx"),
        ("楼栋,单元,室\n1,2,302\n".encode(), "a.csv", "text/csv; charset=utf-8", "a.csv"),
        ("\ufeff楼栋,单元\n".encode(), "a.csv", "text/csv; charset=utf-8", "a.csv"),
        ("楼栋,单元,室\n1,2,302\n".encode("gb18030"), "a.csv", "text/csv; charset=gb18030", "a.csv"),
        ("今天开会。a < b\n".encode(), "a.txt", "text/plain; charset=utf-8", "a.txt"),
        (JPEG, "run.exe", "image/jpeg", "run.jpg"),
        (PNG, "page.html", "image/png", "page.png"),
        (b"plain", "no extension", "text/plain; charset=utf-8", "no extension.txt"),
    ],
)
async def test_allowed_kinds_are_told_by_content(
    one: World, data: bytes, name: str, media_type: str, saved_as: str
) -> None:
    """What the name or the client says does not matter; the extension follows the content."""
    made = await stored(one, await one.officer("owner", COMPOUND), data, name)
    assert (made.media_type, made.filename) == (media_type, saved_as)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b" \n\t ",
        b"<!DOCTYPE html><script>alert(1)</script>",
        b"\xef\xbb\xbf  <HTML>",
        b"<?xml version='1.0'?><svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>",
        b"<svg onload=alert(1)>",
        b"hello <script>alert(1)</script>",
        b"< iframe src=x>",
        b"#!/bin/sh\nrm -rf /\n",
        b"MZ\x90\x00" + bytes(60),
        b"\x7fELF\x02\x01\x01" + bytes(60),
        b"\xca\xfe\xba\xbe" + bytes(60),
        b"PK\x03\x04" + bytes(60),
        b"%!PS-Adobe-3.0\n\x04",
        b"text\x00with nul",
        "utf-16 文字".encode("utf-16"),
        b"\x1f\x8b\x08\x00" + bytes(30),
        b"Rar!\x1a\x07\x00" + bytes(30),
        b"BM" + bytes(60),
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600),
        archive(["word/document.xml", "word/vbaProject.bin"]),
        archive(["word/document.xml", "word/VBAPROJECT.BIN"]),
        archive(["xl/workbook.xml"], b"<x ContentType='application/vnd.ms-excel.sheet.macroEnabled.main+xml'/>"),
        archive(["word/document.xml", "xl/workbook.xml"]),
        archive(["ppt/presentation.xml"]),
        archive(["a.jar", "META-INF/MANIFEST.MF"]),
        archive(["word/document.xml"])[:-30],
    ],
)
async def test_everything_else_is_refused(one: World, data: bytes) -> None:
    """Pages, pictures that run, programs, archives, macros, and nothing at all; whatever the name claims."""
    owner = await one.officer("owner", COMPOUND)
    for name in ("photo.png", "table.csv"):
        upload = await ticket(one, owner, name)
        assert await code_of(send(one, upload, data, name)) == "core.file_kind"
    assert not files(one)


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("../../etc/passwd.png", "passwd.png"),
        ("C:\\Users\\me\\照片.png", "照片.png"),
        ("a\x00b\r\n\u202egnp.exe", "abgnp.png"),
        (".png", "png.png"),
        ("...", "file.png"),
        ("x" * 300 + ".png", "x" * 120 + ".png"),
        ('q"<>|?*:.png', "q.png"),
        ("\ud800.png", "png.png"),
    ],
)
def test_names_hold_no_tricks(given: str, kept: str) -> None:
    """No folders, control characters, reversed text or endless names."""
    assert media.safe_name(given, "png") == kept


async def test_the_clients_name_counts_only_when_none_was_declared(one: World) -> None:
    """Mini-programs send names such as tmp_1.csv; one that was declared without an extension is completed by it."""
    owner = await one.officer("owner", COMPOUND)
    upload = await ticket(one, owner, "roster")
    made = await send(one, upload, b"a,b\n", "tmp_1.csv")
    assert (made.filename, made.media_type) == ("roster.csv", "text/csv; charset=utf-8")


# --- attaching --------------------------------------------------------------------------------------------------------


def attaching(matter_id: int) -> DeedSpec:
    """Stand for a deed that attaches files to its matter."""

    @deed("core.upload", name="core.attach")
    async def attach(act: Act, *, files: list[int]) -> list[int]:
        """Attach."""
        return [row["id"] for row in await act.attach(files, matter_id)]

    return attach


async def matter(here: World, code: str = COMPOUND) -> int:
    """Insert a matter."""
    key = new_id()
    await here.kernel.database.run(
        lambda tx: tx.execute(
            "INSERT INTO core_matter (id, community_id, path, plugin, kind, title, state, created_at, updated_at, "
            "version) VALUES (?, ?, '44/', 'wishes', 'wish', 'x', 'OPEN', '2026', '2026', 1)",
            (key, here.places[code]),
        )
    )
    return key


async def test_own_files_are_attached_in_order_and_once(here: World) -> None:
    """The same again to the same matter is fine; to another matter it is not there."""
    owner, wish, other = await here.officer("owner", COMPOUND), await matter(here), await matter(here)
    keys = [(await stored(here, owner, data)).id for data in (PNG, JPEG)]
    wanted = {"community": COMPOUND, "files": [keys[1], keys[0], keys[1]]}
    assert await here.do(attaching(wish), owner, **wanted) == [keys[1], keys[0]]
    assert await here.do(attaching(wish), owner, **wanted) == [keys[1], keys[0]]
    await here.refused("core.not_found", attaching(other), owner, **wanted)
    assert await here.do(attaching(other), owner, community=COMPOUND, files=[]) == []
    assert await here.count("SELECT COUNT(*) FROM core_attachment WHERE matter_id = ?", wish) == 2


async def test_other_peoples_unfinished_and_foreign_files_are_not_there(here: World) -> None:
    """All look like nothing, and nothing is attached, the good file beside them included."""
    owner, neighbour = await here.officer("owner", COMPOUND), await here.officer("owner", COMPOUND)
    good = (await stored(here, owner)).id
    theirs = (await stored(here, neighbour)).id
    ticketed = (await ticket(here, owner)).id
    above = (await send(here, await ticket(here, owner, community=COMMUNITY))).id
    wish = await matter(here)
    for bad in (theirs, ticketed, above, 5):
        error = await here.refused("core.not_found", attaching(wish), owner, community=COMPOUND, files=[good, bad])
        assert error.path == ("input", "attachments", 1)
    assert await here.count("SELECT COUNT(*) FROM core_attachment WHERE matter_id IS NOT NULL") == 0


async def test_a_matter_takes_twenty_files(one: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Over several deeds, too."""
    monkeypatch.setattr(attachments, "PER_MATTER", 2)
    owner, wish = await one.officer("owner", COMPOUND), await matter(one)
    keys = [(await stored(one, owner)).id for _ in range(3)]
    await one.do(attaching(wish), owner, community=COMPOUND, files=keys[:2])
    await one.refused("core.too_many_files", attaching(wish), owner, community=COMPOUND, files=keys[2:])


# --- downloading ------------------------------------------------------------------------------------------------------


async def fetch(here: World, path: str) -> attachments.Download:
    """Follow a link."""
    _, kind, key, *rest = path.split("/")
    assert kind == "files"
    await holder_of(here.kernel, key, *rest)
    return await open_download(here.kernel, int(key))


async def test_a_link_opens_the_file_for_ten_minutes(here: World) -> None:
    """With headers that keep a browser from running anything."""
    made = await stored(here, await here.officer("owner", COMPOUND), filename="照片 1.png")
    link = download_path(here.kernel, made.id, ANYONE)
    here.clock.advance(minutes=9, seconds=59)
    found = await fetch(here, link)
    assert found.path.read_bytes() == PNG
    assert (found.media_type, found.size, found.filename) == ("image/png", len(PNG), "照片 1.png")
    assert found.headers == {
        "Content-Type": "image/png",
        "Content-Disposition": "inline; filename=\"__ 1.png\"; filename*=UTF-8''%E7%85%A7%E7%89%87%201.png",
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "default-src 'none'; sandbox",
        "Cache-Control": "private, max-age=600",
        "ETag": f'"{made.sha256}"',
    }
    here.clock.advance(seconds=1)
    assert await code_of(fetch(here, link)) == "core.link_expired"


async def test_documents_are_saved_not_shown(one: World) -> None:
    """Only pictures and films are shown in place."""
    made = await stored(one, await one.officer("owner", COMPOUND), b"a,b\n", "a.csv")
    assert (
        (await fetch(one, download_path(one.kernel, made.id, ANYONE)))
        .headers["Content-Disposition"]
        .startswith("attachment;")
    )


async def test_a_link_is_for_one_file_and_moment(one: World) -> None:
    """Changing any part of it, or making one up, opens nothing."""
    owner = await one.officer("owner", COMPOUND)
    first, second = await stored(one, owner), await stored(one, owner, JPEG)
    _, _, key, holder, expires, signature = download_path(one.kernel, first.id, ANYONE).split("/")
    for parts in (
        (str(second.id), holder, expires, signature),
        (key, "1", expires, signature),
        (key, holder, str(int(expires) + 1), signature),
        (f"0{key}", holder, expires, signature),
        (key, holder, expires, signature[:-1]),
        (key, holder, expires, ""),
        (key, holder, expires, "\ud800"),
        ("x", "0", "y", signature),
    ):
        assert await code_of(holder_of(one.kernel, *parts)) == "core.link_invalid"


async def test_a_link_to_nothing_opens_nothing(one: World) -> None:
    """A ticket without a file, and a file that was lost from the disk."""
    owner = await one.officer("owner", COMPOUND)
    assert (
        await code_of(fetch(one, download_path(one.kernel, (await ticket(one, owner)).id, ANYONE)))
        == "core.link_invalid"
    )
    made = await stored(one, owner)
    files(one)[0].unlink()
    assert await code_of(fetch(one, download_path(one.kernel, made.id, ANYONE))) == "core.link_invalid"


def test_file_names_cannot_break_out_of_a_header() -> None:
    """Quotes, separators and line breaks are no part of the ASCII name."""
    said = attachments.disposition('a";b\r\nX: y%.png', inline=False)
    assert said.startswith('attachment; filename="a__b__X: y_.png"; ')
    assert "\r" not in said
    assert "\n" not in said


# --- follow-up --------------------------------------------------------------------------------------------------------


async def test_what_belongs_to_nothing_is_deleted_after_a_day(here: World) -> None:
    """Rows, contents that nobody else uses, and drafts of a crash; what is attached or recent stays."""
    owner, wish = await here.officer("owner", COMPOUND), await matter(here)
    kept = (await stored(here, owner, PNG)).id
    await here.do(attaching(wish), owner, community=COMPOUND, files=[kept])
    await stored(here, owner, PNG)
    lonely = await stored(here, owner, JPEG)
    await ticket(here, owner)
    (here.kernel.config.data_dir / "files" / "drafts" / "crashed").write_bytes(b"x")
    assert await attachments.forget_unattached(here.kernel) == 0
    here.clock.advance(days=1, minutes=15)
    for path in files(here):
        os.utime(path, (START.timestamp(), START.timestamp()))
    recent = await stored(here, owner, b"recent", "a.txt")
    os.utime(
        next(path for path in files(here) if path.name == recent.sha256), times=(here.clock.now().timestamp(),) * 2
    )
    assert await attachments.forget_unattached(here.kernel) == 3
    names = {path.name for path in files(here)}
    assert lonely.sha256 not in names
    assert "crashed" not in names
    assert len(names) == 2
    assert await here.count("SELECT COUNT(*) FROM core_attachment") == 2
