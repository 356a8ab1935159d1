"""Files of matters: a ticket first, then one upload, then immutable; downloads by links that expire.

Mini-programs send one file per POST and cannot follow redirects: ``create_upload`` gives a path on our own origin, good
for one upload within 15 minutes. Sending the same file again gives the same answer, another file is refused. Tickets
are derived, and stored as hashes only. Contents lie under their SHA-256, so equal files are kept once.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import secrets
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import quote

from core import errors, media, trace
from core._db.seam import Row, Tx
from core.access import ANYONE, Permission, Viewer
from core.clock import from_wire, to_wire
from core.errors import Conflict, Invalid, NotFound, Problem, TooMany
from core.events import EventType
from core.ids import global_id, new_id
from core.viewers import load_account_viewer
from core.work import Act, deed

if TYPE_CHECKING:
    from core.config import Config
    from core.kernel import Kernel

TICKET_LIFE = timedelta(minutes=15)
LINK_LIFE = timedelta(minutes=10)
UNATTACHED_LIFE = timedelta(days=1)
WAITING_LIMIT = 100
PER_MATTER = 20
WRITE_BYTES = 1024 * 1024

PERMISSIONS = (
    Permission(
        "core.upload", "上传文件", "Upload files",
        roles=(
            "resident", "tenant", "owner", "building_captain", "committee_member", "committee_chair", "scrutineer",
            "property_staff", "community_staff", "town_staff", "district_staff", "branch_secretary",
        ),
    ),
)  # fmt: skip
EVENTS: tuple[EventType, ...] = ()

UPLOAD_UNKNOWN = Problem(
    NotFound, "core.upload_unknown", "上传地址无效，请重新申请。", "There is no such upload. Call createUpload again."
)
UPLOAD_EXPIRED = Problem(
    Conflict, "core.upload_expired", "上传地址已过期，请重新申请。",
    "The time for this upload is over. Call createUpload again.",
)  # fmt: skip
UPLOAD_USED = Problem(
    Conflict, "core.upload_used", "此上传地址已用于另一个文件，请重新申请。",
    "Another file was uploaded here. Call createUpload for each file.",
)  # fmt: skip
TOO_LARGE = Problem(
    TooMany,
    "core.file_too_large",
    "文件超过 {limit} 字节，请压缩后再传。",
    "The file has more than {limit} bytes. Make it smaller.",
)
KIND_REFUSED = Problem(
    Invalid,
    "core.file_kind",
    "不接受此类文件。可上传：{allowed}。",
    "Files of this kind are not taken. Allowed are: {allowed}.",
)
BAD_UPLOAD = Problem(Invalid, "core.bad_upload", "上传内容无法读取：{zh}。", "The upload cannot be read: {en}.")
TOO_MANY_WAITING = Problem(
    TooMany, "core.too_many_uploads", "您已有 {limit} 个未使用的文件，请明天再试。",
    "You have {limit} files that belong to nothing yet. Use them, or try tomorrow.",
)  # fmt: skip
TOO_MANY_FILES = Problem(
    Invalid, "core.too_many_files", "一个事项最多 {limit} 个文件。", "One matter takes at most {limit} files."
)
LINK_INVALID = Problem(
    NotFound,
    "core.link_invalid",
    "下载链接无效，请从事项页面重新打开。",
    "This link is not valid. Ask for the file's url again.",
)
LINK_EXPIRED = Problem(
    NotFound,
    "core.link_expired",
    "下载链接已过期，请从事项页面重新打开。",
    "This link has expired. Ask for the file's url again.",
)
PROBLEMS = (
    UPLOAD_UNKNOWN, UPLOAD_EXPIRED, UPLOAD_USED, TOO_LARGE, KIND_REFUSED, BAD_UPLOAD, TOO_MANY_WAITING, TOO_MANY_FILES,
    LINK_INVALID, LINK_EXPIRED,
)  # fmt: skip

COLUMNS = "id, community_id, matter_id, uploader_id, filename, ticket_expires_at, media_type, size, sha256, stored_at"


@dataclass(frozen=True)
class Attachment:
    """One file of a matter, or one that was uploaded for a matter to come."""

    id: int
    community_id: int
    matter_id: int | None
    uploader_id: int
    filename: str
    media_type: str | None
    size: int | None
    sha256: str | None
    stored_at: datetime | None

    @classmethod
    def of(cls, row: Row) -> Attachment:
        """Make an attachment of a database row."""
        stored_at = from_wire(row["stored_at"]) if row["stored_at"] else None
        return cls(
            row["id"], row["community_id"], row["matter_id"], row["uploader_id"], row["filename"], row["media_type"],
            row["size"], row["sha256"], stored_at,
        )  # fmt: skip

    def as_answer(self) -> dict[str, Any]:
        """Return what the uploading client is told, in the words of the GraphQL type."""
        return {
            "id": global_id("Attachment", self.id), "filename": self.filename, "mediaType": self.media_type,
            "size": self.size, "sha256": self.sha256,
        }  # fmt: skip


# --- storage ----------------------------------------------------------------------------------------------------------


class Storage(Protocol):
    """Where contents lie, by their SHA-256; an object store can stand behind it."""

    def draft(self) -> Path:
        """Return a new path on this machine to write an upload to."""

    async def keep(self, draft: Path, sha256: str) -> None:
        """Move a finished draft to its place for good; harmless when the same content is there."""

    async def local(self, sha256: str) -> Path | None:
        """Return a file on this machine with this content, or None when it is lost."""

    async def drop(self, sha256: str, unless_since: datetime) -> None:
        """Delete a content, unless it was kept (again) since a moment."""

    async def tidy(self, before: datetime) -> None:
        """Delete drafts that were left behind before a moment."""


class FolderStorage:
    """Contents in a folder: ``ab/cd/<sha256>``."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._drafts = folder / "drafts"

    def draft(self) -> Path:
        """Return a new path beside the contents: on the same disk, so that keeping is one rename."""
        self._drafts.mkdir(mode=0o700, parents=True, exist_ok=True)
        return self._drafts / secrets.token_hex(16)

    async def keep(self, draft: Path, sha256: str) -> None:
        """Move a draft to its place, durably."""
        await asyncio.to_thread(self._keep, draft, sha256)

    async def local(self, sha256: str) -> Path | None:
        """Return the file of a content."""
        path = self._path(sha256)
        return path if path.is_file() else None

    async def drop(self, sha256: str, unless_since: datetime) -> None:
        """Delete the file of a content; keeping renews its time, so one that is being used again stays."""
        await asyncio.to_thread(_delete_older, [self._path(sha256)], unless_since)

    async def tidy(self, before: datetime) -> None:
        """Delete drafts that a crash left behind."""
        await asyncio.to_thread(lambda: _delete_older(self._drafts.glob("*"), before))

    def _path(self, sha256: str) -> Path:
        return content_path(self._folder, sha256)

    def _keep(self, draft: Path, sha256: str) -> None:
        place = self._path(sha256)
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft.replace(place)
        directory = os.open(place.parent, os.O_RDONLY)
        try:
            os.fsync(directory)  # an acknowledged upload survives a power cut, name included
        finally:
            os.close(directory)


def _delete_older(paths: Iterable[Path], before: datetime) -> None:
    for path in paths:
        if path.is_file() and path.stat().st_mtime < before.timestamp():
            path.unlink(missing_ok=True)


def content_path(folder: Path, sha256: str) -> Path:
    """Return where a content lies below a folder of files."""
    return folder / sha256[:2] / sha256[2:4] / sha256


def files_folder(config: Config) -> Path:
    """Return the folder of a server's files."""
    return config.data_dir / "files"


def storage(kernel: Kernel) -> Storage:
    """Return where this server keeps its files."""
    return FolderStorage(files_folder(kernel.config))


# --- uploading --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Upload:
    """Where to send one file, and until when; ``id`` names the file when it is attached."""

    id: int
    path: str
    expires_at: datetime


@deed("core.upload")
async def create_upload(act: Act, *, filename: str) -> dict[str, Any]:
    """Ask for a place to upload one file to: POST it there as multipart/form-data within 15 minutes."""
    await _check_waiting(act)
    key, expires = new_id(), act.now + TICKET_LIFE
    await act.tx.execute(
        "INSERT INTO core_attachment (id, community_id, uploader_id, filename, ticket_hash, ticket_expires_at) "
        "VALUES (?, ?, ?, ?, ?, ?)",
        (key, act.place.id, act.person_id, media.safe_name(errors.check_text(filename, "filename")),
         _ticket_hash(ticket_of(act.kernel, key)), to_wire(expires)),
    )  # fmt: skip
    act.note(attachment=str(key))
    return {"id": key, "expires_at": to_wire(expires)}


async def request_upload(
    kernel: Kernel, viewer: Viewer, *, community: str, filename: str, key: str | None = None
) -> Upload:
    """Do ``create_upload`` as a viewer, and return where to send the file."""
    return upload_of(kernel, await kernel.perform(create_upload, viewer, key, community=community, filename=filename))


def upload_of(kernel: Kernel, result: dict[str, Any]) -> Upload:
    """Make the answer of ``create_upload`` complete: the path is derived here, so that it is stored nowhere."""
    return Upload(result["id"], f"/uploads/{ticket_of(kernel, result['id'])}", from_wire(result["expires_at"]))


def ticket_of(kernel: Kernel, attachment_id: int) -> str:
    """Return the ticket of an upload: what only we can derive from its key."""
    return kernel.keys.sign("upload", str(attachment_id))


def _ticket_hash(ticket: str) -> str:
    return hashlib.sha256(ticket.encode(errors="replace")).hexdigest()


async def _check_waiting(act: Act) -> None:
    """Raise TooMany for somebody who fills the disk with files that belong to nothing."""
    waiting = await act.tx.value(
        "SELECT COUNT(*) FROM core_attachment WHERE uploader_id = ? AND matter_id IS NULL AND ticket_expires_at > ?",
        (act.person_id, to_wire(act.now - UNATTACHED_LIFE)),
    )
    if waiting >= WAITING_LIMIT:
        raise TOO_MANY_WAITING(limit=WAITING_LIMIT)


async def receive(
    kernel: Kernel, ticket: str, filename: str, chunks: AsyncIterable[bytes], max_bytes: int | None = None
) -> Attachment:
    """Take the one file of a ticket; the same file again gives the same answer.

    Bytes go to a draft as they come; what is kept has passed the bound, the look at its content, and fsync. Raises
    UPLOAD_UNKNOWN, UPLOAD_EXPIRED, UPLOAD_USED (by another file), TOO_LARGE, KIND_REFUSED. ``filename`` counts only
    when the ticket was asked for without an extension.
    """
    row = await _of_ticket(kernel, ticket)
    limit = max_bytes or kernel.config.max_upload_bytes
    async with _draft(storage(kernel)) as draft:
        size, sha256 = await _write(draft, chunks, limit)
        if row["stored_at"] is not None:
            return _same(row, sha256)
        name = row["filename"] if "." in row["filename"] else media.safe_name(filename)
        kind = await asyncio.to_thread(media.sniff, draft, name)
        if kind is None:
            raise KIND_REFUSED(path=("file",), allowed=", ".join(media.EXTENSIONS))
        await storage(kernel).keep(draft, sha256)
    shown = media.safe_name(row["filename"] if row["filename"] != "file" else name, kind.extension)
    found = await kernel.database.run(lambda tx: _record(kernel, tx, row["id"], shown, kind.media_type, size, sha256))
    return _same(found, sha256)


async def _of_ticket(kernel: Kernel, ticket: str) -> Row:
    rows = await kernel.database.fetch(
        f"SELECT {COLUMNS} FROM core_attachment WHERE ticket_hash = ?", (_ticket_hash(ticket),)
    )
    if not rows:
        raise UPLOAD_UNKNOWN()
    if rows[0]["stored_at"] is None and from_wire(rows[0]["ticket_expires_at"]) <= kernel.clock.now():
        raise UPLOAD_EXPIRED()
    return rows[0]


@asynccontextmanager
async def _draft(where: Storage) -> AsyncIterator[Path]:
    """Give a path for a draft, and delete what is still there afterwards."""
    path = where.draft()
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)


async def _write(path: Path, chunks: AsyncIterable[bytes], limit: int) -> tuple[int, str]:
    """Write what comes to a file, on disk for sure, and return its size and SHA-256; raises TOO_LARGE at the bound."""
    size, digest, waiting = 0, hashlib.sha256(), bytearray()
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb", buffering=0) as file:
        async for chunk in chunks:
            size += len(chunk)
            if size > limit:
                raise TOO_LARGE(path=("file",), limit=limit)
            digest.update(chunk)
            waiting += chunk
            if len(waiting) >= WRITE_BYTES:
                await asyncio.to_thread(_write_all, descriptor, bytes(waiting))
                waiting.clear()
        await asyncio.to_thread(_write_all, descriptor, bytes(waiting))
        await asyncio.to_thread(os.fsync, file.fileno())
    return size, digest.hexdigest()


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def _same(row: Row, sha256: str) -> Attachment:
    """Return what a ticket was used for, if it was used for this content."""
    if row["sha256"] != sha256:
        raise UPLOAD_USED()
    return Attachment.of(row)


async def _record(kernel: Kernel, tx: Tx, key: int, filename: str, media_type: str, size: int, sha256: str) -> Row:
    """Use up the ticket, unless somebody was faster with it; returns the row as it then is."""
    now = kernel.clock.now()
    used = await tx.execute(
        "UPDATE core_attachment SET filename = ?, media_type = ?, size = ?, sha256 = ?, stored_at = ? "
        "WHERE id = ? AND stored_at IS NULL",
        (filename, media_type, size, sha256, to_wire(now), key),
    )
    [row] = await tx.fetch(f"SELECT {COLUMNS} FROM core_attachment WHERE id = ?", (key,))
    if used:
        code = await tx.value("SELECT code FROM core_community WHERE id = ?", (row["community_id"],))
        details = {"attachment": str(key), "sha256": sha256, "size": size, "media_type": media_type}
        await trace.append(
            tx, at=now, deed="core.store_upload", community_id=row["community_id"], community_code=code,
            matter_id=None, person_id=row["uploader_id"], acting_as="person", details=details,
        )  # fmt: skip
    return row


# --- attaching --------------------------------------------------------------------------------------------------------


async def attach(act: Act, attachment_ids: Sequence[int], matter_id: int) -> list[Row]:
    """Tie files to a matter, from within its deed; returns their rows in the order given.

    Only what the actor has uploaded for the matter's own community, and what belongs to no other matter. Raises
    NotFound for anything else, whether it exists or not.
    """
    keys = list(dict.fromkeys(attachment_ids))
    if not keys:
        return []
    await _check_room(act, matter_id, keys)
    marks = ", ".join("?" * len(keys))
    rows = await act.tx.fetch(
        f"SELECT a.* FROM core_attachment a JOIN core_matter m ON m.id = ? AND m.community_id = a.community_id "
        f"WHERE a.id IN ({marks}) AND a.uploader_id = ? AND a.stored_at IS NOT NULL "
        f"AND (a.matter_id IS NULL OR a.matter_id = m.id){' FOR UPDATE OF a' if act.tx.for_update else ''}",
        (matter_id, *keys, act.person_id),
    )
    found = {row["id"]: row for row in rows}
    for at, key in enumerate(keys):
        if key not in found:
            raise errors.NOT_FOUND(path=("input", "attachments", at), what=f"Attachment_{key}")
    await act.tx.execute(f"UPDATE core_attachment SET matter_id = ? WHERE id IN ({marks})", (matter_id, *keys))
    act.note(attachments=[{"id": str(key), "sha256": found[key]["sha256"]} for key in keys])
    return [found[key] for key in keys]


async def _check_room(act: Act, matter_id: int, keys: Sequence[int]) -> None:
    there = await act.tx.value("SELECT COUNT(*) FROM core_attachment WHERE matter_id = ?", (matter_id,))
    if there + len(keys) > PER_MATTER:
        raise TOO_MANY_FILES(path=("input", "attachments"), limit=PER_MATTER)


# --- downloading ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Download:
    """A file to send, with the headers that keep browsers from doing more with it than showing it."""

    path: Path
    filename: str
    media_type: str
    size: int
    headers: dict[str, str]


def download_path(kernel: Kernel, attachment_id: int, viewer: Viewer) -> str:
    """Return a link to a file for a viewer who was just allowed to see it; good for 10 minutes, without a token.

    It names the account that it was given to (``0`` for nobody in particular), and is good as long as that one may see
    the file: whoever downloads it is taken for them.
    """
    expires = int((kernel.clock.now() + LINK_LIFE).timestamp())
    named = f"{attachment_id}/{viewer.account_id or 0}/{expires}"
    return f"/files/{named}/{kernel.keys.sign('download', named)}"


async def holder_of(
    kernel: Kernel, attachment_id: int | str, holder: int | str, expires: int | str, signature: str
) -> Viewer:
    """Return whom a link was given to, as they stand now.

    Raises LINK_INVALID for a link that is not ours, or whose account is suspended or gone, LINK_EXPIRED for an old one.
    """
    if not kernel.keys.verify("download", f"{attachment_id}/{holder}/{expires}", signature):
        raise LINK_INVALID()
    if int(expires) <= kernel.clock.now().timestamp():
        raise LINK_EXPIRED()
    viewer = await load_account_viewer(kernel.database, int(holder), now=kernel.clock.now()) if int(holder) else ANYONE
    if viewer is None:
        raise LINK_INVALID()
    return viewer


async def open_download(kernel: Kernel, attachment_id: int) -> Download:
    """Return a stored file for whoever may see it, which is for the caller to have decided; raises LINK_INVALID."""
    rows = await kernel.database.fetch(
        f"SELECT {COLUMNS} FROM core_attachment WHERE id = ? AND stored_at IS NOT NULL", (attachment_id,)
    )
    path = await storage(kernel).local(rows[0]["sha256"]) if rows else None
    if path is None:
        raise LINK_INVALID()
    row = Attachment.of(rows[0])
    media_type = row.media_type or "application/octet-stream"
    return Download(path, row.filename, media_type, row.size or 0, _headers(row, media_type))


def _headers(row: Attachment, media_type: str) -> dict[str, str]:
    return {
        "Content-Type": media_type,
        "Content-Disposition": disposition(row.filename, inline=media.shown_in_place(media_type)),
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "default-src 'none'; sandbox",
        "Cache-Control": f"private, max-age={int(LINK_LIFE.total_seconds())}",
        "ETag": f'"{row.sha256}"',
    }


def disposition(filename: str, *, inline: bool) -> str:
    """Return a Content-Disposition (RFC 6266) with the name in UTF-8, and an ASCII one for old clients."""
    plain = "".join(c if c.isascii() and c.isprintable() and c not in '"\\%;' else "_" for c in filename)
    kind = "inline" if inline else "attachment"
    return f"{kind}; filename=\"{plain}\"; filename*=UTF-8''{quote(filename, safe='')}"


# --- follow-up --------------------------------------------------------------------------------------------------------


async def forget_unattached(kernel: Kernel) -> int:
    """Delete uploads that belong to no matter a day after their ticket ended; returns how many. A sweep."""
    old = kernel.clock.now() - UNATTACHED_LIFE

    async def forget(tx: Tx) -> list[Row]:
        rows = await tx.fetch(
            "SELECT id, sha256 FROM core_attachment WHERE matter_id IS NULL AND ticket_expires_at <= ? "
            f"ORDER BY id LIMIT 500{tx.for_update}",
            (to_wire(old),),
        )
        await tx.execute_many("DELETE FROM core_attachment WHERE id = ?", [(row["id"],) for row in rows])
        return rows

    gone = await kernel.database.run(forget)
    for sha256 in {row["sha256"] for row in gone if row["sha256"]}:
        if not await kernel.database.value("SELECT 1 FROM core_attachment WHERE sha256 = ? LIMIT 1", (sha256,)):
            await storage(kernel).drop(sha256, unless_since=old)
    await storage(kernel).tidy(old)
    return len(gone)


DEEDS = (create_upload,)
