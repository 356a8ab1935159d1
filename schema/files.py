"""Files over HTTP: one POST with one file to a ticket's address, one GET to a signed address."""

import asyncio
from typing import Any

from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response

from core import attachments
from core.access import Viewer
from core.errors import DomainError, Invalid, Problem
from core.kernel import Kernel
from schema.declared import REGISTRY
from schema.errors import extensions_of
from schema.multipart import one_file
from schema.reading import Reading

FORM_OVERHEAD = 65_536
UPLOAD_SECONDS = 60.0
TOO_SLOW = Problem(
    Invalid, "core.upload_too_slow", "上传超过 60 秒，请换用更快的网络重试。",
    "The upload took more than 60 seconds. Try again on a faster connection.",
)  # fmt: skip
STATUS = {"NOT_FOUND": 404, "INVALID_INPUT": 422, "CONFLICT": 409, "TOO_MANY_REQUESTS": 429, "NOT_ALLOWED": 403}


async def upload(kernel: Kernel, request: Request) -> Response:
    """Take the file of a ticket; the answer makes sense whatever the status, for clients that do not look at it."""
    language = "en" if request.headers.get("accept-language", "").lower().startswith("en") else "zh"
    try:
        stored = await _receive(kernel, request)
    except DomainError as error:
        return refusal(error, language)
    return JSONResponse({"data": stored.as_answer()}, headers={"Cache-Control": "no-store"})


async def _receive(kernel: Kernel, request: Request) -> attachments.Attachment:
    """Stream the one file of a form to whoever keeps it: the ticket is checked before the body is read."""
    limit = kernel.config.max_upload_bytes
    announced = request.headers.get("content-length", "")
    if announced.isdigit() and int(announced) > limit + FORM_OVERHEAD:
        raise attachments.TOO_LARGE(path=("file",), limit=limit)
    try:
        async with asyncio.timeout(UPLOAD_SECONDS):
            part = await one_file(request.headers.get("content-type", ""), request.stream())
            return await attachments.receive(kernel, str(request.path_params["ticket"]), part.filename, part, limit)
    except TimeoutError as error:
        raise TOO_SLOW(path=("file",)) from error


async def download(kernel: Kernel, request: Request) -> Response:
    """Send a stored file as a download, never as a page, if whoever was given the address may see it still."""
    parts: dict[str, Any] = request.path_params
    try:
        viewer = await attachments.holder_of(kernel, parts["id"], parts["holder"], parts["expires"], parts["signature"])
        await _check_seen(kernel, viewer, int(parts["id"]))
        found = await attachments.open_download(kernel, int(parts["id"]))
    except DomainError as error:
        return refusal(error, "zh")
    return FileResponse(found.path, media_type=found.media_type, headers=found.headers)


async def _check_seen(kernel: Kernel, viewer: Viewer, key: int) -> None:
    """Raise LINK_INVALID when a viewer may not see a file, or not any more: as for a file that is not there."""
    sight = kernel.sight(viewer, await kernel.settings_book(), kernel.clock.now())
    if not await Reading(kernel.database, sight).exists(REGISTRY["Attachment"], key):
        raise attachments.LINK_INVALID()


def refusal(error: DomainError, language: str) -> Response:
    """Answer a domain error in the shape of a GraphQL error."""
    extensions = extensions_of(error)
    body = {"errors": [{"message": error.message(language), "extensions": extensions}]}
    return JSONResponse(body, status_code=STATUS.get(extensions["code"], 400), headers={"Cache-Control": "no-store"})
