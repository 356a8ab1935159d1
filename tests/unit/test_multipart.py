"""One file per POST: the bytes that real clients send, and those that broken ones do."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import DomainError
from schema.multipart import FIELDS_BYTES, one_file

TYPE = "multipart/form-data; boundary=----wx7"
FILE = 'Content-Disposition: form-data; name="file"; filename="{name}"\r\nContent-Type: image/png\r\n\r\n'
FIELD = 'Content-Disposition: form-data; name="{name}"\r\n\r\n{value}'


def body(*parts: bytes, end: bytes = b"------wx7--\r\n") -> bytes:
    """Put parts into a body."""
    return b"".join(b"------wx7\r\n" + part + b"\r\n" for part in parts) + end


def file(data: bytes = b"abc", name: str = "a.png") -> bytes:
    """Make a part with a file."""
    return FILE.format(name=name).encode() + data


def field(name: str = "user", value: str = "x") -> bytes:
    """Make a part without one."""
    return FIELD.format(name=name, value=value).encode()


async def flow(data: bytes, size: int) -> AsyncIterator[bytes]:
    """Give bytes in pieces, with an empty one now and then, as servers do."""
    for at in range(0, len(data), size):
        yield data[at : at + size]
        yield b""


async def read(data: bytes, content_type: str = TYPE, size: int = 7) -> tuple[str, bytes]:
    """Return name and content of the file in a body."""
    found = await one_file(content_type, flow(data, size))
    return found.filename, b"".join([piece async for piece in found])


@given(st.binary(max_size=400), st.integers(min_value=1, max_value=200))
@settings(max_examples=80, deadline=None)
async def test_any_content_arrives_whole_however_it_is_cut(data: bytes, size: int) -> None:
    """Also content that looks like the form around it."""
    for content in (data, data + b"\r\n------wx", b"\r\n--" + data):
        assert await read(body(file(content)), size=size) == ("a.png", content)


@pytest.mark.parametrize(
    "parts",
    [(file(),), (field(), file()), (file(), field()), (field(), field("b", "y" * 900), file(), field())],
)
async def test_other_fields_are_skipped_wherever_they_stand(parts: tuple[bytes, ...]) -> None:
    """Mini-programs send formData before or after the file."""
    assert await read(body(*parts)) == ("a.png", b"abc")


async def test_names_are_utf_8_and_bounded() -> None:
    """A Chinese name arrives; a missing or endless one is no trouble."""
    assert (await read(body(file(name="照片.png"))))[0] == "照片.png"
    assert (await read(body(file(name=""))))[0] == ""
    assert len((await read(body(file(name="x" * 2000))))[0]) == 255


@pytest.mark.parametrize(
    ("data", "content_type"),
    [
        (body(file()), ""),
        (body(file()), "application/json"),
        (body(file()), "multipart/form-data"),
        (body(file()), "multipart/form-data; boundary="),
        (body(file()), f"multipart/form-data; boundary={'x' * 5000}"),
        (body(file()), "multipart/form-data; boundary=other"),
        (b"", TYPE),
        (body(), TYPE),
        (body(field()), TYPE),
        (body(file(), file()), TYPE),
        (body(file(), field(), file(name="b.png")), TYPE),
        (body(file(), end=b""), TYPE),
        (body(file())[:-12], TYPE),
        (body(file())[:60], TYPE),
        (b"junk" * 100, TYPE),
        (body(b"no headers"), TYPE),
        (body(field(value="y" * (FIELDS_BYTES + 1)), file()), TYPE),
        (body(b"X-A: " + b"y" * 100_000 + b"\r\n\r\nabc"), TYPE),
        (body(b"".join(b"X-%d: y\r\n" % n for n in range(500)) + b"\r\nabc"), TYPE),
    ],
)
async def test_anything_but_one_whole_file_is_refused(data: bytes, content_type: str) -> None:
    """With one stable code, before anything is kept."""
    with pytest.raises(DomainError) as caught:
        await read(data, content_type, size=50)
    assert caught.value.code == "core.bad_upload"
