"""Stored documents: read from what front ends have, named by their hashes, checked before the server starts."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import httpx
import pytest

from core.config import ConfigError
from core.host import PluginList
from core.kernel import Kernel
from schema.asgi import application
from schema.documents import load_documents
from schema.operations import document_id
from tests.conftest import SECRET, config_for, load_host

ASK = "query Ask { viewer { language } }"
TREE = '{ community(code: "440604000000") { name } }'
HASH = hashlib.sha256(ASK.encode()).hexdigest()


@pytest.mark.parametrize(
    "written",
    [
        [ASK, TREE],
        {"ask": ASK, "tree": TREE},
        {HASH: ASK, f"sha256:{hashlib.sha256(TREE.encode()).hexdigest()}": TREE},
        {"format": "apollo-persisted-query-manifest", "operations": [{"id": HASH, "body": ASK}, {"body": TREE}]},
    ],
)
def test_every_usual_file_is_read(tmp_path: Path, written: object) -> None:
    """A list, an object by any name or by hash, a manifest."""
    file = tmp_path / "documents.json"
    file.write_text(json.dumps(written), "utf-8")
    assert load_documents(file) == (ASK, TREE)


def test_a_folder_holds_a_document_per_file(tmp_path: Path) -> None:
    """The text is the file to the last byte, so that sha256sum tells its id."""
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "ask.graphql").write_bytes(f"{ASK}\n".encode())
    (tmp_path / "notes.txt").write_text("no document", "utf-8")
    assert load_documents(tmp_path) == (f"{ASK}\n",)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[", "cannot be read"),
        ("[1]", "write a list of texts"),
        ('"x"', "write a list of texts"),
        ("{}", "no document"),
        (json.dumps({"0" * 64: ASK}), "is not the hash"),
    ],
)
def test_a_file_that_is_wrong_is_refused_with_the_reason(tmp_path: Path, text: str, said: str) -> None:
    """Nobody finds out in production that a front end's documents are missing."""
    file = tmp_path / "documents.json"
    file.write_text(text, "utf-8")
    with pytest.raises(ConfigError, match=said):
        load_documents(file)


async def test_a_trusted_server_runs_stored_documents_and_no_other(tmp_path: Path) -> None:
    """By their hash; any other document, and any other hash, is refused."""
    file = tmp_path / "documents.json"
    file.write_text(json.dumps([ASK]), "utf-8")
    config = config_for(tmp_path, secret=SECRET, operations="trusted", documents=file)
    kernel = await Kernel.open(config, host=load_host(PluginList()))
    try:
        transport = httpx.ASGITransport(app=application(kernel))
        async with httpx.AsyncClient(transport=transport, base_url="http://shanzhi.test") as client:
            stored = await client.post("/graphql", json={"documentId": document_id(ASK)})
            assert stored.json() == {"data": {"viewer": {"language": "zh"}}}
            for body, code in (
                ({"query": ASK}, "TRUSTED_DOCUMENTS_ONLY"),
                ({"documentId": document_id(TREE)}, "PERSISTED_DOCUMENT_NOT_FOUND"),
            ):
                answer = await client.post("/graphql", json=body)
                assert answer.json()["errors"][0]["extensions"]["code"] == code
    finally:
        await kernel.close()
