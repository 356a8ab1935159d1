"""The GraphQL documents and commands that the pages of this repository show, as tests run them.

A GraphQL block may begin with comments that say how it is run:

    # as: chair                            one of the demo's logins; nobody without it
    # at: 440604010001-C001                that community's own endpoint
    # variables: {"id": "<poll>"}          JSON, on one or more comment lines; <name> is a value kept before
    # keep: poll = draftPoll.id            a value of the answer, for later blocks
    # upload: examples/data/roster.csv     sent to the address that the answer names as `url`
    # expect: core.not_allowed             the code of the failure that is shown; none without it
    # later: 8 days                        time passes before the block is run

A ``sh`` block is run; ``console`` blocks are only shown.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_DIRECTIVE = re.compile(r"^# (as|at|variables|keep|upload|expect|later): (.*)$")


@dataclass(frozen=True)
class Document:
    """One GraphQL block with its directions."""

    page: str
    text: str
    directions: dict[str, list[str]] = field(default_factory=dict)

    def direction(self, name: str) -> str | None:
        """Return what a direction says, if it is there."""
        return self.directions.get(name, [None])[0]

    def variables(self, kept: dict[str, str]) -> dict[str, Any]:
        """Return the variables, with the values that earlier documents gave."""
        text = self.direction("variables") or "{}"
        for name, value in kept.items():
            text = text.replace(f"<{name}>", value)
        assert not re.search(r"<\w+>", text), f"no earlier document of {self.page} keeps {text}"
        found: dict[str, Any] = json.loads(text)
        return found


def blocks(page: Path, language: str) -> list[str]:
    """Return the blocks of a page in one language."""
    return [text for kind, text in _BLOCK.findall(page.read_text("utf-8")) if kind == language]


def documents(page: Path) -> Iterator[Document]:
    """Yield the GraphQL documents of a page in order."""
    for text in blocks(page, "graphql"):
        directions: dict[str, list[str]] = {}
        last: list[str] | None = None
        for line in text.splitlines():
            found = _DIRECTIVE.match(line)
            if found:
                last = directions.setdefault(found[1], [])
                last.append(found[2])
            elif line.startswith("#") and last is not None:
                last[-1] += " " + line.removeprefix("#").strip()
            else:
                break
        yield Document(page.name, text, directions)


def dig(data: Any, path: str) -> str:
    """Return a value of an answer by its path: ``poll.motions.nodes.0.id``."""
    for step in path.split("."):
        data = data[int(step)] if isinstance(data, list) else data[step]
    return str(data)


def failures(data: Any) -> Iterator[str]:
    """Yield the codes of all failures in an answer: objects with a code and a message, except where they are asked for."""
    if isinstance(data, dict):
        if {"code", "message"} <= data.keys():
            yield str(data["code"])
        for key, value in data.items():
            if key not in {"reason", "problems"}:
                yield from failures(value)
    elif isinstance(data, list):
        for item in data:
            yield from failures(item)
