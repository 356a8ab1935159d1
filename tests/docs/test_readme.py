"""Every query, mutation and command that the READMEs and the API contract show is run here."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import websockets

from tests.conftest import ROOT, World
from tests.docs.documents import Document, blocks, dig, documents, failures

README, CHINESE, API = ROOT / "README.md", ROOT / "README.zh-CN.md", ROOT / "docs" / "api.md"
COPIED = (
    "core",
    "schema",
    "plugins",
    "examples",
    "tests",
    "server.py",
    "plugins.toml",
    "pyproject.toml",
    "conftest.py",
)


@dataclass
class Reader:
    """Somebody who goes through a page and runs what it shows, keeping what the page says to keep."""

    world: World
    address: str
    kept: dict[str, str] = field(default_factory=dict)

    async def read(self, page: Path) -> int:
        """Run all documents of a page in order; returns how many there were."""
        found = list(documents(page))
        for number, document in enumerate(found, start=1):
            try:
                await self._run(document)
            except AssertionError as error:
                raise AssertionError(f"{page.name}, document {number}:\n{document.text}\n{error}") from error
        return len(found)

    async def _run(self, document: Document) -> None:
        await self._wait(document.direction("later"))
        variables, as_ = document.variables(self.kept), document.direction("as")
        if "\nsubscription" in f"\n{document.text}":
            await self._follow(document.text, variables, as_)
            return
        answer = await self.world.gql(document.text, variables, as_=as_, community=document.direction("at"))
        found = [
            *failures(answer.body.get("data")),
            *(e["extensions"]["problem"] for e in answer.body.get("errors", ())),
        ]
        assert found == [code for code in [document.direction("expect")] if code], answer.body
        for line in document.directions.get("keep", ()):
            name, _, path = line.partition(" = ")
            self.kept[name] = dig(answer.data, path)
        if document.direction("upload"):
            await self._upload(dig(answer.data, "createUpload.url"), ROOT / str(document.direction("upload")))

    async def _wait(self, later: str | None) -> None:
        if later is not None:
            amount, unit = later.split()
            self.world.clock.advance(**{unit: int(amount)})
            await self.world.settle()

    async def _upload(self, url: str, file: Path) -> None:
        found = await self.world.client.post(url, files={"file": (file.name, file.read_bytes())})
        assert found.status_code == 200, found.text

    async def _follow(self, text: str, variables: dict[str, Any], as_: str | None) -> None:
        """Subscribe over a real socket and take one event."""
        token = await self.world.token(str(as_))
        async with websockets.connect(f"ws://{self.address}/graphql", subprotocols=["graphql-transport-ws"]) as wire:  # type: ignore[list-item]
            await wire.send(json.dumps({"type": "connection_init", "payload": {"authorization": f"Bearer {token}"}}))
            await wire.send(
                json.dumps({"id": "1", "type": "subscribe", "payload": {"query": text, "variables": variables}})
            )
            async with asyncio.timeout(10):
                assert json.loads(await wire.recv())["type"] == "connection_ack"
                assert json.loads(await wire.recv())["type"] == "next"


@pytest.mark.parametrize("page", [README, API], ids=lambda page: page.name)
async def test_every_document_of_a_page_does_what_the_page_says(
    demo_world: World, demo_address: str, page: Path
) -> None:
    """Read from top to bottom in the demo world, each document is answered as the page promises."""
    assert await Reader(demo_world, demo_address).read(page) > 0


def test_both_readmes_show_the_same_documents_and_commands() -> None:
    """The Chinese README shows exactly the queries and commands of the English one, in the same order."""
    for language in ("graphql", "sh"):
        assert blocks(README, language) == blocks(CHINESE, language)


def test_no_page_has_blocks_that_nobody_runs() -> None:
    """Blocks are GraphQL or commands, which are run, or plainly marked as shown only."""
    for page in (README, CHINESE, API):
        text = page.read_text("utf-8")
        fences = [line.removeprefix("```") for line in text.splitlines() if line.startswith("```")]
        assert set(fences[::2]) <= {"graphql", "sh", "console", "json", "text"}, page.name


@dataclass(frozen=True)
class Place:
    """A copy of the tree with a demo server running in it."""

    folder: Path
    environment: dict[str, str]
    port: int


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """Start the development server in a copy of the tree, so that commands may write wherever they like."""
    folder = tmp_path_factory.mktemp("tree")
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():  # with the compiled modules: each command would compile them all anew
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("node_modules"))
        else:
            shutil.copy(source, folder / name)
    tools = folder / "bin"
    tools.mkdir()
    (tools / "python").write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    (tools / "python").chmod(0o755)
    port = _free_port()
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("SHANZHI_", "PYTEST_"))}
    environment = {
        **kept, "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}", "SHANZHI_DATA_DIR": str(folder / "data"),
        "PORT": str(port),
    }  # fmt: skip
    log = (folder / "log").open("w")
    server = subprocess.Popen(
        [sys.executable, "server.py", "serve", "--dev"], cwd=folder, env=environment, stdout=log, stderr=log
    )
    try:
        _wait_for(port, folder / "log", server)
        yield Place(folder, environment, port)
    finally:
        server.terminate()
        server.wait(20)
        log.close()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


def _wait_for(port: int, log: Path, server: subprocess.Popen[bytes]) -> None:
    for _ in range(300):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5):
                return
        except OSError:
            assert server.poll() is None, log.read_text()
            time.sleep(0.1)  # a process of its own cannot tell us otherwise
    raise AssertionError(log.read_text())


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_every_command_of_the_pages_works(place: Place) -> None:
    """Run in a clean tree beside a running development server, every shown command ends well."""
    for text in [text for page in (README, API) for text in blocks(page, "sh")]:
        script = text.replace("127.0.0.1:8000", f"127.0.0.1:{place.port}")
        found = subprocess.run(
            ["/bin/sh", "-eu", "-c", script],
            check=False,
            cwd=place.folder,
            env=place.environment,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert found.returncode == 0, f"{text}\n{found.stdout}\n{found.stderr}"
        assert '"errors"' not in found.stdout, f"{text}\n{found.stdout}"


@pytest.mark.parametrize(
    "page", [README, CHINESE, ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))], ids=lambda page: page.name
)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    """Every relative link names a file that exists."""
    targets = re.findall(r"\]\((?!https?://|#)([^)#\s]+)", page.read_text("utf-8"))
    assert [target for target in targets if not (page.parent / target).exists()] == []
