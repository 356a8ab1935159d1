"""Files over HTTP: one POST with one file to a ticket's address, one GET to a signed address."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.types import Message, Receive

from core import attachments
from core.errors import DomainError, Invalid, Problem
from core.kernel import Kernel
from schema.errors import extensions_of

FORM_OVERHEAD = 65_536
UPLOAD_SECONDS = 60.0
BAD_FORM = Problem(
    Invalid, "core.bad_upload_form", "请以 multipart/form-data 上传恰好一个文件。",
    "Send exactly one file as multipart/form-data.",
)  # fmt: skip
STATUS = {"NOT_FOUND": 404, "INVALID_INPUT": 422, "CONFLICT": 409, "TOO_MANY_REQUESTS": 429, "NOT_ALLOWED": 403}


async def upload(kernel: Kernel, request: Request) -> Response:
    """Take the file of a ticket; the answer makes sense whatever the status, for clients that do not look at it."""
    language = "en" if request.headers.get("accept-language", "").lower().startswith("en") else "zh"
    try:
        stored = await _receive(kernel, request)
    except DomainError as error:
        return refusal(error, language)
    data = {
        "id": f"Attachment_{stored.id}", "filename": stored.filename, "mediaType": stored.media_type,
        "size": stored.size, "sha256": stored.sha256,
    }  # fmt: skip
    return JSONResponse({"data": data}, headers={"Cache-Control": "no-store"})


async def _receive(kernel: Kernel, request: Request) -> attachments.Attachment:
    """Find the one file of a multipart form, bounded on its way in, and hand it on."""
    limit = kernel.config.max_upload_bytes
    announced = request.headers.get("content-length", "")
    if announced.isdigit() and int(announced) > limit + FORM_OVERHEAD:
        raise attachments.TOO_LARGE(path=("file",), limit=limit)
    bounded = Request(request.scope, _bounded(request.receive, limit + FORM_OVERHEAD))
    try:
        async with asyncio.timeout(UPLOAD_SECONDS):
            form = await bounded.form(max_files=1, max_fields=10, max_part_size=1024)
    except (MultiPartException, TimeoutError, HTTPException) as error:
        raise BAD_FORM(path=("file",)) from error
    try:
        files = [value for value in form.values() if isinstance(value, UploadFile)]
        if len(files) != 1:
            raise BAD_FORM(path=("file",))
        return await attachments.receive(
            kernel, str(request.path_params["ticket"]), files[0].filename or "file", _chunks(files[0]), limit
        )
    finally:
        await form.close()  # the temporary files of its parts


def _bounded(receive: Receive, limit: int) -> Receive:
    """Count the bytes of a body and stop reading when there are too many, announced or not."""
    left = limit

    async def counted() -> Message:
        nonlocal left
        message = await receive()
        left -= len(message.get("body", b""))
        if left < 0:
            raise attachments.TOO_LARGE(path=("file",), limit=limit - FORM_OVERHEAD)
        return message

    return counted


async def _chunks(file: UploadFile) -> AsyncIterator[bytes]:
    while chunk := await file.read(65_536):
        yield chunk


async def download(kernel: Kernel, request: Request) -> Response:
    """Send a stored file as a download, never as a page."""
    parts: dict[str, Any] = request.path_params
    try:
        found = await attachments.open_download(kernel, parts["id"], parts["expires"], parts["signature"])
    except DomainError as error:
        return refusal(error, "zh")
    return FileResponse(found.path, media_type=found.media_type, headers=found.headers)


def refusal(error: DomainError, language: str) -> Response:
    """Answer a domain error in the shape of a GraphQL error."""
    extensions = extensions_of(error)
    body = {"errors": [{"message": error.message(language), "extensions": extensions}]}
    return JSONResponse(body, status_code=STATUS.get(extensions["code"], 400), headers={"Cache-Control": "no-store"})
