"""Bringing a database up to date, for the command line: what is pending, applying it, writing a plugin's next migration."""

from __future__ import annotations

from pathlib import Path

from core._db.makemigrations import make_migrations
from core._db.migrate import MigrationReport, migrate, pending
from core._db.migrate_files import MigrationFailed
from core.config import Config
from core.host import Host

__all__ = ["MigrationFailed", "MigrationReport", "outstanding", "upgrade", "write_migration"]


async def outstanding(config: Config, host: Host) -> list[str]:
    """Return the migrations that are not applied yet, as ``app.name``."""
    return [f"{label}.{name}" for label, name in await pending(config.database_url, host.apps())]


async def upgrade(config: Config, host: Host) -> MigrationReport:
    """Apply what is outstanding, after a backup of a filled SQLite file; a plugin that fails is named, others go on."""
    config.data_dir.mkdir(parents=True, exist_ok=True)
    report = await migrate(config.database_url, host.apps(), backup_dir=config.data_dir / "backups")
    host.mark_migrated(report)
    return report


def write_migration(host: Host, label: str, name: str | None) -> Path | None:
    """Write the next migration of ``core`` or of a plugin from its models; None when nothing has changed."""
    return make_migrations(host.apps(), label=label, name=name)
