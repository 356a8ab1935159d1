"""Stored documents: the operations of front ends, read from a folder or from the file that their build writes.

- a folder: every ``*.graphql`` file below it is a document, its text to the last byte
- a JSON file: a list of texts; an object with texts as values; or a manifest with ``operations``, each with a ``body``

An id is always the hash of the text (``operations.document_id``). A key of 64 hexadecimal digits must agree with it; any
other key is the front end's own business.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import strawberry

from core.config import ConfigError
from schema.operations import Operations, document_id

_HASH = re.compile(r"(?:sha256:)?([0-9a-f]{64})")


def load_documents(path: Path | None) -> tuple[str, ...]:
    """Return the texts of all stored documents, each once; raises ConfigError with everything that is wrong."""
    if path is None:
        return ()
    try:
        found = list(_of_folder(path) if path.is_dir() else _of_json(json.loads(path.read_text("utf-8"))))
    except (OSError, ValueError) as error:
        raise ConfigError(f"SHANZHI_DOCUMENTS: {path} cannot be read: {error}") from error
    problems = [
        f"SHANZHI_DOCUMENTS: {key} is not the hash of its document" for key, text in found if not _fits(key, text)
    ]
    if problems:
        raise ConfigError(*problems)
    if not found:
        raise ConfigError(f"SHANZHI_DOCUMENTS: there is no document in {path}")
    return tuple(dict.fromkeys(text for _, text in found))


def check_documents(path: Path | None, schema: strawberry.Schema, *, allow_introspection: bool) -> None:
    """Raise ConfigError when a stored document does not pass with the schema of all plugins."""
    texts = load_documents(path)
    try:
        Operations(schema, documents=texts, allow_introspection=allow_introspection)
    except ValueError as error:
        raise ConfigError(f"SHANZHI_DOCUMENTS: {error}") from error


def _of_folder(folder: Path) -> Iterator[tuple[str, str]]:
    for file in sorted(folder.rglob("*.graphql")):
        yield file.name, file.read_bytes().decode("utf-8")


def _of_json(data: Any) -> Iterator[tuple[str, str]]:
    if isinstance(data, dict) and isinstance(data.get("operations"), list):
        pairs = [
            (item.get("id"), item.get("body")) if isinstance(item, dict) else (None, item)
            for item in data["operations"]
        ]
    elif isinstance(data, dict):
        pairs = list(data.items())
    else:
        pairs = [(None, item) for item in data] if isinstance(data, list) else [(None, None)]
    for key, text in pairs:
        if not isinstance(text, str):
            raise ConfigError(
                "SHANZHI_DOCUMENTS: write a list of texts, an object of texts, or a manifest of operations with bodies"
            )
        yield str(key), text


def _fits(key: str, text: str) -> bool:
    named = _HASH.fullmatch(key)
    return named is None or document_id(text) == f"sha256:{named[1]}"
