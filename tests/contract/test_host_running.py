"""After loading: migrations are taken in, plugins may still fail, follow-up work is bounded and paused."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import pytest

from core._db.migrate import migrate
from core._db.seam import Tx
from core.clock import CHINA
from core.host import Host, HostError, PluginFault, PluginList, PluginState, explain
from tests.contract.host_samples import Samples, lifecycle, models, permissions, states, why
from tests.databases import KINDS, opened

READY, FAILED, BLOCKED = PluginState.READY, PluginState.FAILED, PluginState.BLOCKED


@dataclass(frozen=True)
class Report:
    """What a migration run says."""

    failed: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Seconds:
    """A clock that stands still until it is moved."""

    at: float = 1000.0

    def __call__(self) -> float:
        """Return the seconds."""
        return self.at


@pytest.fixture
def samples(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Samples:
    """Return a folder of four plugins: b requires a, c requires b, z is by itself."""
    made = Samples(tmp_path, monkeypatch)
    made.sound("a", "z")
    made.plugin("b", permissions("open_it", "b"), requires=["a"])
    made.plugin("c", lifecycle("c", "WISH", "Wish"), requires=["b"])
    return made


def test_a_migrated_plugin_is_ready(samples: Samples) -> None:
    """What the migration run does not name as failed is ready."""
    host = samples.load()
    host.mark_migrated(Report())
    assert states(host) == {"a": READY, "b": READY, "c": READY, "z": READY}


def test_a_failed_migration_fails_its_plugin_and_blocks_those_above(samples: Samples) -> None:
    """The reason is the sentence of the report; what the plugins declared is gone from the look-ups."""
    host = samples.load()
    host.mark_migrated(Report({"a": "plugin a, migration 0002: no such column.", "b": "plugin b waits for a."}))
    assert states(host) == {"a": FAILED, "b": BLOCKED, "c": BLOCKED, "z": READY}
    assert "migration 0002: no such column" in why(host, "a")
    assert "a, which failed" in why(host, "b")
    assert list(host.permissions) == ["z.open_it"]
    assert host.lifecycle("c", "WISH") is None
    assert [app.label for app in host.apps()] == ["core"]


async def test_a_plugin_that_cannot_be_migrated_fails_alone(samples: Samples, tmp_path: Path) -> None:
    """Through the real runner, too, tables without migrations stop only their plugin and those above it."""
    samples.plugin("m", files=models("m"))
    samples.plugin("n", requires=["m"])
    host = samples.load()
    host.mark_migrated(await migrate(f"sqlite://{tmp_path / 'test.db'}", host.apps(), backup_dir=None))
    assert states(host) == {"a": READY, "b": READY, "c": READY, "z": READY, "m": FAILED, "n": BLOCKED}
    assert f"{samples.package}.m.migrations" in why(host, "m")


@pytest.mark.parametrize("kind", KINDS)
async def test_a_database_remembers_its_plugins(samples: Samples, tmp_path: Path, kind: str) -> None:
    """When a plugin was first seen stays, its version follows; a plugin that is loaded again is no longer removed."""
    samples.plugin("m", "1 / 0")
    host = samples.load()
    first, later = datetime(2026, 3, 2, tzinfo=CHINA), datetime(2026, 4, 2, tzinfo=CHINA)
    async with opened(kind, tmp_path) as database:

        async def work(tx: Tx) -> None:
            await host.record(tx, first)
            await tx.execute("UPDATE core_plugin_record SET removed_at = ?, version = ?", ("2026", "0.9"))
            await host.record(tx, later)

        await database.run(work)
        rows = await database.fetch("SELECT * FROM core_plugin_record ORDER BY plugin")
    assert [row["plugin"] for row in rows] == ["a", "b", "c", "z"]
    assert {(row["version"], row["first_seen_at"][:10], row["removed_at"]) for row in rows} == {
        ("1.0", "2026-03-02", None)
    }


def test_a_plugin_may_still_fail_after_loading(samples: Samples) -> None:
    """Its part of the GraphQL schema, say, is judged later; those that require it are blocked with it."""
    host = samples.load()
    host.mark_migrated(Report())
    host.fail("b", "schema", "Two types are called Poll.", "Rename one.")
    assert states(host) == {"a": READY, "z": READY, "b": FAILED, "c": BLOCKED}
    assert "schema: Two types are called Poll. Rename one." in why(host, "b")
    assert [plugin.id for plugin in host.ready()] == ["a", "z"]


def test_a_strict_server_stops_at_a_late_failure_as_well(samples: Samples) -> None:
    """strict = true holds for migrations and for everything later."""
    host = samples.load(PluginList(strict=True))
    with pytest.raises(HostError, match="no such column"):
        host.mark_migrated(Report({"a": "no such column"}))


async def works() -> None:
    """Do what is expected."""


async def breaks() -> None:
    """Fail."""
    raise ZeroDivisionError("oh")


async def hangs() -> None:
    """Wait for something that never happens."""
    await asyncio.Event().wait()


async def exits() -> None:
    """Try to end the server."""
    raise SystemExit(3)


async def test_work_that_succeeds_has_no_fault(samples: Samples) -> None:
    """None means that all went well."""
    assert await samples.load().call_bounded("a", works()) is None


async def test_an_exception_is_attributed_to_its_plugin(samples: Samples) -> None:
    """The fault names the plugin and the work, and keeps the exception; it is returned, not raised."""
    fault = await samples.load().call_bounded("a", breaks())
    assert isinstance(fault, PluginFault)
    assert str(fault) == "a: breaks: ZeroDivisionError: oh"
    assert isinstance(fault.__cause__, ZeroDivisionError)


async def test_work_that_hangs_is_given_up(samples: Samples) -> None:
    """Work is awaited for so long and no longer."""
    fault = await samples.load().call_bounded("a", hangs(), seconds=0.001)
    assert "took longer than 0.001 s" in str(fault)


async def test_work_that_exits_does_not_end_the_server(samples: Samples) -> None:
    """sys.exit() in a plugin is that plugin's failure."""
    assert "SystemExit" in str(await samples.load().call_bounded("a", exits()))


async def test_a_cancelled_caller_is_no_failure(samples: Samples) -> None:
    """When the server stops, the cancellation goes through and is not held against the plugin."""
    host = samples.load()
    task = asyncio.create_task(host.call_bounded("a", hangs(), seconds=60))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await host.call_bounded("a", works(), name="hangs") is None


async def fail_times(host: Host, times: int) -> None:
    """Let the same work of plugin a fail so often."""
    for _ in range(times):
        await host.call_bounded("a", breaks())


async def test_work_that_fails_again_and_again_is_paused(samples: Samples) -> None:
    """After five failures in a row the work is not even started for a minute, and the plugin is degraded."""
    clock = Seconds()
    host = samples.load(now=clock)
    await fail_times(host, 4)
    assert host.plugins["a"].degraded is None
    await fail_times(host, 1)
    degraded = host.plugins["a"].degraded
    assert degraded is not None
    assert "breaks failed 5 times in a row" in degraded.text("en")
    assert host.plugins["a"].reason is degraded
    assert "breaks failed 5 times" in explain(host)[0]
    assert "paused" in str(await host.call_bounded("a", works(), name="breaks"))
    assert await host.call_bounded("a", works()) is None, "other work of the plugin goes on"
    assert await host.call_bounded("z", works(), name="breaks") is None, "and so do other plugins"


async def test_paused_work_is_tried_again_after_a_minute(samples: Samples) -> None:
    """One more failure pauses it again at once; a success clears everything."""
    clock = Seconds()
    host = samples.load(now=clock)
    await fail_times(host, 5)
    clock.at += 60
    await fail_times(host, 1)
    assert "paused" in str(await host.call_bounded("a", works(), name="breaks"))
    clock.at += 60
    assert await host.call_bounded("a", works(), name="breaks") is None
    assert host.plugins["a"].degraded is None
    await fail_times(host, 4)
    assert host.plugins["a"].degraded is None


async def test_a_success_in_between_starts_the_count_anew(samples: Samples) -> None:
    """Only failures in a row count."""
    host = samples.load()
    await fail_times(host, 4)
    await host.call_bounded("a", works(), name="breaks")
    await fail_times(host, 4)
    assert host.plugins["a"].degraded is None
