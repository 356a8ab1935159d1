"""The one file of a ``multipart/form-data`` body, as it comes: nothing of it is collected in memory or guessed.

Other form fields, which mini-programs send along in any order, are skipped; a second file is refused.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator

from python_multipart import MultipartParser
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import parse_options_header

from core.attachments import BAD_UPLOAD
from core.errors import DomainError

FIELDS_BYTES = 64 * 1024
NAME_LENGTH = 255


class OneFile:
    """The file part of a body; its name is known once ``begin`` has returned, its bytes come by iterating."""

    def __init__(self, content_type: str, body: AsyncIterable[bytes]) -> None:
        kind, options = parse_options_header(content_type)
        if kind != b"multipart/form-data" or not options.get(b"boundary"):
            raise _bad("send it as multipart/form-data with a boundary", "请以 multipart/form-data 格式发送")
        self.filename = ""
        self._body = aiter(body)
        self._header, self._value = b"", b""
        self._pieces: list[bytes] = []
        self._in_file = self._found = self._complete = False
        self._skipped = 0
        self._parser = self._make_parser(options[b"boundary"])

    def _make_parser(self, boundary: bytes) -> MultipartParser:
        try:
            return MultipartParser(
                boundary,
                {
                    "on_header_field": self._on_name, "on_header_value": self._on_value,
                    "on_header_end": self._on_header, "on_part_data": self._on_data,
                    "on_part_end": self._on_part_end, "on_end": self._on_end,
                },
            )  # fmt: skip
        except FormParserError as error:
            raise _bad("its boundary is too long", "分隔符过长") from error

    async def begin(self) -> OneFile:
        """Read on until the file's headers are complete; raises BAD_UPLOAD when the body has no file."""
        while not self._found:
            await self._read()
        return self

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Give the file's bytes, and read the body to its end: what follows the file is checked before it is kept."""
        while True:
            for piece in self._pieces:
                yield piece
            self._pieces.clear()
            if self._complete:
                return
            await self._read()

    async def _read(self) -> None:
        """Parse the next piece of the body; raises BAD_UPLOAD for anything that is not one whole file."""
        if self._complete:
            raise _bad("it has no file", "没有文件")
        async for data in self._body:
            try:
                self._parser.write(data)
            except FormParserError as error:
                raise _bad("its form is broken", "格式有误") from error
            return
        raise _bad("it ends too early", "内容不完整")

    def _on_name(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]

    def _on_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _on_header(self) -> None:
        name, value = self._header.lower(), self._value
        self._header, self._value = b"", b""
        options = parse_options_header(value.decode("latin-1"))[1] if name == b"content-disposition" else {}
        if b"filename" not in options:
            return
        if self._found:
            raise _bad("it has two files; ask for an upload for each", "一次只能上传一个文件")
        self._found = self._in_file = True
        self.filename = options[b"filename"].decode("utf-8", "replace")[:NAME_LENGTH]

    def _on_data(self, data: bytes, start: int, end: int) -> None:
        if self._in_file:
            self._pieces.append(data[start:end])
            return
        self._skipped += end - start
        if self._skipped > FIELDS_BYTES:
            raise _bad("its other fields are too long", "其他字段过长")

    def _on_part_end(self) -> None:
        self._in_file = False

    def _on_end(self) -> None:
        self._complete = True


async def one_file(content_type: str, body: AsyncIterable[bytes]) -> OneFile:
    """Return the file of a body that is still coming; raises BAD_UPLOAD. Iterate over it for its bytes."""
    return await OneFile(content_type, body).begin()


def _bad(en: str, zh: str) -> DomainError:
    return BAD_UPLOAD(path=("file",), en=en, zh=zh)
