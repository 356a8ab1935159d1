"""What all commands share: how they end, and what they print for people."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import click

from core.backups import BackupRefused
from core.config import ConfigError
from core.database import StorageUnavailable
from core.errors import DomainError
from core.host import HostError, ManifestError, PluginListError
from core.removal import RemovalRefused
from core.scaffold import ScaffoldRefused
from core.upgrade import MigrationFailed

REFUSED, UNAVAILABLE, MISCONFIGURED = 1, 69, 78  # the last two are those of sysexits.h

T = TypeVar("T")

development = click.option(
    "--dev", is_flag=True, help="Development mode: own secret, explorer, introspection. Never in public."
)


def say(text: str) -> None:
    """Tell the person at the terminal; what programs read goes to the other stream."""
    click.echo(text, err=True)


def run(work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run a command; what can be expected to go wrong ends it with a sentence and an exit code, never a traceback."""
    try:
        return asyncio.run(work())
    except (DomainError, MigrationFailed, RemovalRefused, ScaffoldRefused, BackupRefused) as error:
        raise end(REFUSED, str(error)) from error
    except StorageUnavailable as error:
        raise end(UNAVAILABLE, f"the database is not available: {error}") from error
    except (ConfigError, HostError, ManifestError, PluginListError) as error:
        raise end(MISCONFIGURED, *(getattr(error, "problems", None) or [str(error)])) from error


def end(code: int, *sentences: str) -> click.exceptions.Exit:
    """Say why a command ends, and return what ends it."""
    for sentence in sentences:
        say(f"{click.style('✗', fg='red')} {sentence}")
    return click.exceptions.Exit(code)
