"""The commands ``backup``, ``restore`` and ``verify``."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import click

from core._db.snapshot import open_snapshot
from core.attachments import files_folder
from core.backups import back_up, check_backup, database_path, dialect_of, restore, summary
from core.config import Config
from core.kernel import load_host
from core.terminal import REFUSED, development, end, run, say
from core.verification import Audit, Fault, audits_of, verify

ConfigOf = Callable[[bool], Config]


def add_commands(app: click.Group, root: Path, config_of: ConfigOf) -> None:
    """Add the commands to an application; ``config_of`` reads the configuration, in development mode or not."""

    @app.command()
    @click.argument(
        "folder", type=click.Path(path_type=Path), help="The folder to write; it must not exist, or be empty."
    )
    @development
    def backup(folder: Path, dev: bool) -> None:
        """Copy the database as it is at one moment, and all uploads, also while the server runs; then check the copy."""

        async def work() -> None:
            made = await back_up(config_of(dev), folder)
            _, faults = await check_backup(folder, audits_of(load_host(root)))
            _tell(faults)
            click.echo(json.dumps({"folder": str(folder), **summary(made)}))

        run(work)

    @app.command("restore")
    @click.argument("folder", type=click.Path(path_type=Path), help="A folder that `backup` wrote.")
    @click.option("--force", is_flag=True, help="Replace what the database holds now.")
    @development
    def restore_command(folder: Path, force: bool, dev: bool) -> None:
        """Put a backup back, while no server runs: into an empty database, or with --force in the place of any."""

        async def work() -> None:
            made = await restore(config_of(dev), folder, audits_of(load_host(root)), force=force)
            click.echo(json.dumps({"restored": str(folder), **summary(made)}))
            say("Start the server with the secret of the backup's time.")

        run(work)

    @app.command("verify")
    @click.argument(
        "folder", type=click.Path(path_type=Path), required=False, help="A backup; the server's own data when left out."
    )
    @development
    def verify_command(folder: Path | None, dev: bool) -> None:
        """Check that data are whole: pages, keys, the trace's hashes, uploads, and what plugins say must hold."""

        async def work() -> None:
            audits = audits_of(load_host(root))
            if folder is not None:
                _tell((await check_backup(folder, audits))[1])
            else:
                _tell(await _verify_own(config_of(dev), audits))
            click.echo("all is well")

        run(work)


async def _verify_own(config: Config, audits: Mapping[str, Audit]) -> Sequence[Fault]:
    if dialect_of(config) == "sqlite" and not database_path(config).is_file():
        raise end(REFUSED, f"there is no database {database_path(config)}; check SHANZHI_DATA_DIR")
    async with open_snapshot(config.database_url) as snapshot:
        return await verify(snapshot, files_folder(config), audits)


def _tell(faults: Sequence[Fault]) -> None:
    """End the command when there are faults."""
    if faults:
        raise end(REFUSED, *map(str, faults))
