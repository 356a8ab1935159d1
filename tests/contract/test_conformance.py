"""Every plugin, of this repository and installed, keeps the contract: declared, used, switched off, removed, failed."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from core import administration
from core._db.create import scratch_database
from core._db.migrate import check, migrate
from core.errors import Conflict
from core.host import Host, PluginList, PluginState
from core.kernel import Kernel
from core.plugin import Act, Hooks, deed
from core.removal import remove_plugin
from core.settings import ENABLED
from schema.compose import Profiles
from tests import services
from tests.conftest import World
from tests.contract import conformance

IDS = [*conformance.first_party(), *conformance.installed()]


@pytest.fixture(scope="module")
def host() -> Host:
    """Return a host with every plugin there is."""
    return conformance.load(PluginList(installed=frozenset(conformance.installed())))


@pytest.fixture(params=IDS)
def plugin_id(request: pytest.FixtureRequest) -> str:
    """Return the plugin in question."""
    name: str = request.param
    return name


@pytest.fixture
def plugin_list(host: Host, plugin_id: str) -> PluginList:
    """Let ``world`` load this plugin and what it requires."""
    return conformance.list_of(host, plugin_id)


def test_the_host_accepts_it(host: Host, plugin_id: str) -> None:
    """Its manifest is valid, its hooks exist, its names are its own, its tables keep the rules."""
    assert conformance.declared_faults(host, plugin_id) == []
    assert conformance.manifest_faults(host.plugins[plugin_id]) == []


def test_it_imports_only_what_is_public(host: Host, plugin_id: str) -> None:
    """No underscored module or name; other plugins only by their api, and only if required."""
    assert conformance.import_faults(host.plugins[plugin_id]) == []


def test_it_declares_what_it_holds_of_persons(host: Host, plugin_id: str) -> None:
    """Every column that points at a person, or is sealed, stands in a declaration; nothing is declared that is not there."""
    assert conformance.personal_faults(host, plugin_id) == []


def test_the_kernel_declares_what_it_holds_of_persons() -> None:
    """The same rule for the kernel's own tables."""
    assert conformance.core_personal_faults() == []


def test_its_part_of_the_schema_keeps_the_rules(host: Host, plugin_id: str) -> None:
    """It builds with only what it requires; mutations are guarded deeds, rows come in connections."""
    assert conformance.schema_faults(conformance.load(conformance.list_of(host, plugin_id)), plugin_id) == []
    assert conformance.deed_faults(host.plugins[plugin_id]) == []
    assert conformance.list_faults(host, plugin_id) == []
    assert conformance.policy_faults(host, plugin_id) == []


def test_a_schema_with_only_this_plugin_is_a_part_of_the_superset(host: Host, plugin_id: str) -> None:
    """Types, fields, arguments, values: all of it stands in the superset, with the same nullability."""
    part, without = conformance.own_schemas(host, plugin_id)
    whole = Profiles(host).superset()._schema
    assert conformance.subset_faults(part, whole) == []
    assert conformance.subset_faults(without, part) == []


def test_everything_it_adds_to_the_schema_is_described(host: Host, plugin_id: str) -> None:
    """Types, fields, arguments, enum values, inputs: the schema is the manual."""
    assert conformance.description_faults(host, plugin_id) == []


def test_its_readme_tells_what_it_declares(host: Host, plugin_id: str) -> None:
    """A permission, event, setting or error code that the README does not mention does not exist for its users."""
    assert conformance.readme_faults(host.plugins[plugin_id]) == []


@pytest.mark.parametrize("name", conformance.installed())
def test_an_installed_package_gets_along_with_the_server(name: str) -> None:
    """What it asks for does not exclude the versions that the server was tested with."""
    assert conformance.requirement_faults(name) == []


@asynccontextmanager
async def empty_database(kind: str, folder: Path) -> AsyncIterator[str]:
    """Give the URL of a database without any tables."""
    if kind == "sqlite":
        yield f"sqlite://{folder / 'empty.db'}"
        return
    async with scratch_database(services.postgres_url() or "") as url:
        yield url


async def test_its_migrations_make_its_models(host: Host, plugin_id: str, database: str, tmp_path: Path) -> None:
    """From nothing, its migrations end where its models are; a forgotten migration is named by the table."""
    apps = conformance.load(conformance.list_of(host, plugin_id)).apps()
    async with empty_database(database, tmp_path) as url:
        report = await migrate(url, apps, backup_dir=None)
        assert report.failed == {}
        assert await check(url, apps) == []


@pytest.mark.parametrize("step", ["import", "collect", "migrate", "schema"])
def test_the_server_goes_on_when_it_fails(host: Host, plugin_id: str, step: str) -> None:
    """At whatever step it fails, only those that require it stop with it, and nothing of it is left in the schema."""
    fresh = conformance.load(PluginList(installed=frozenset(conformance.installed())))
    needing = fresh.dependents_of(plugin_id)
    others = {plugin.id for plugin in fresh.ready()} - needing - {plugin_id}
    fresh.fail(plugin_id, step, "It broke.", "Mend it.")
    assert {plugin.id for plugin in fresh.ready()} == others
    assert fresh.plugins[plugin_id].state is PluginState.FAILED
    assert all(fresh.plugins[name].state is PluginState.BLOCKED for name in needing)
    left = Profiles(fresh).superset()._schema
    wanted = conformance.schema_with(host, *others)
    assert conformance.subset_faults(left, wanted) == conformance.subset_faults(wanted, left) == []
    assert plugin_id not in {app.label for app in fresh.apps()}


async def use(world: World, plugin_id: str) -> None:
    """Let the plugin, and before it what it requires, fill the world by their demo hooks."""
    for plugin in world.kernel.host.ready():
        if plugin.demo is not None:
            await plugin.demo(world.demo)
    await world.settle()


async def test_its_indicators_count(world: World, plugin_id: str) -> None:
    """Each SELECT runs for each kind of period on each database: whole numbers, one row a place, no part above its whole."""
    await use(world, plugin_id)
    assert await conformance.indicator_faults(world.kernel, plugin_id) == []


async def rows_of(world: World, plugin_id: str) -> dict[str, int]:
    """Count the rows of every table of the plugin."""
    apps = {app.label: app for app in world.kernel.host.apps()}
    if plugin_id not in apps:
        return {}
    tables = [model._meta.db_table for model in __import__(apps[plugin_id].models, fromlist=["x"]).__models__]
    counted = {table: await world.kernel.database.value(f"SELECT COUNT(*) FROM {table}") for table in tables}
    return {table: int(count) for table, count in counted.items()}


@deed("core.manage_plugins", name="core.switch_regardless")
async def switch_regardless(act: Act, *, plugin: str, on: bool) -> None:
    """Write the switch as it would stand if no gate had objected."""
    await administration.put_setting(act, plugin, ENABLED, on)


async def switch(world: World, plugin_id: str, on: bool) -> None:
    """Switch the plugin on or off for the district; its own gate may object, but not what it hides be seen."""
    deed_of_people = administration.enable_plugin if on else administration.disable_plugin
    arguments: dict[str, Any] = {"community": world.demo.places["district"].code, "plugin": plugin_id}
    try:
        await world.demo.perform(deed_of_people, **arguments)
    except Conflict as refusal:
        if not refusal.code.startswith(f"{plugin_id}."):
            raise
        await world.demo.perform(switch_regardless, **arguments, on=on)


async def test_switched_off_it_is_hidden_and_keeps_its_data(world: World, plugin_id: str) -> None:
    """Used, off, on again: its fields vanish from the community's schema, answer PLUGIN_DISABLED on the superset, return."""
    await use(world, plugin_id)
    code, fields = world.demo.places["compound"].code, conformance.community_fields(world.kernel.host, plugin_id)
    query = f'{{ community(code: "{code}") {{ {" ".join(f"{key} {shown}" for key, shown in fields.items())} __typename }} }}'
    shown = (await world.gql(query, as_="chair", community=code)).data
    kept = await rows_of(world, plugin_id)

    addresses = conformance.addresses_at(world.kernel.host.plugins[plugin_id], code)
    assert [path for path in addresses if (await world.client.get(path)).status_code != 200] == []

    await switch(world, plugin_id, False)
    assert [path for path in addresses if (await world.client.get(path)).status_code != 404] == []
    for key, selection in fields.items():
        one = f'{{ community(code: "{code}") {{ {key} {selection} }} }}'
        assert f"'{key}'" in (await world.gql(one, as_="chair", community=code)).errors[0]["message"]
        assert (await world.gql(one, as_="chair")).errors[0]["extensions"]["code"] == "PLUGIN_DISABLED"

    await switch(world, plugin_id, True)
    assert (await world.gql(query, as_="chair", community=code)).data["community"].keys() == shown["community"].keys()
    assert await rows_of(world, plugin_id) == kept


async def kept_for(world: World, plugin_id: str) -> dict[str, int]:
    """Count what the kernel keeps for the plugin."""
    report = await remove_plugin(world.kernel.config, world.kernel.host, plugin_id, dry_run=True)
    return {table: count for table, count in report.rows.items() if table.startswith("core_")}


async def test_removed_it_leaves_only_the_record(world: World, plugin_id: str) -> None:
    """Tables, matters, settings, grants and cursors go, with an export; trace and events stay; it can come again."""
    await use(world, plugin_id)
    database, before = world.kernel.database, await rows_of(world, plugin_id)
    told = [await database.value(f"SELECT COUNT(*) FROM {table}") for table in ("core_trace_leaf", "core_event")]

    report = await remove_plugin(world.kernel.config, world.kernel.host, plugin_id, force=True, clock=world.clock)
    assert {table: report.rows[table] for table in before} == before
    assert report.export is not None
    exported = {path.stem: len(path.read_text("utf-8").splitlines()) for path in report.export.glob("*.jsonl")}
    assert exported == report.rows
    assert json.loads((report.export / "manifest.json").read_text("utf-8"))["plugin"]["id"] == plugin_id
    assert set((await kept_for(world, plugin_id)).values()) == {0}
    now = [await database.value(f"SELECT COUNT(*) FROM {table}") for table in ("core_trace_leaf", "core_event")]
    assert now == [count + 1 for count in told]
    sql = "SELECT removed_at FROM core_plugin_record WHERE plugin = ?"
    assert await database.value(sql, (plugin_id,)) is not None

    again = await Kernel.open(
        world.kernel.config, clock=world.clock, host=conformance.load(conformance.list_of(world.kernel.host, plugin_id))
    )
    try:
        assert again.host.plugins[plugin_id].state is PluginState.READY
        assert await again.database.value(sql, (plugin_id,)) is None
        assert set((await rows_of(world, plugin_id)).values()) <= {0}
    finally:
        await again.close()


@pytest.mark.parametrize("hook", sorted(name for name in vars(Hooks) if not name.startswith("_")))
def test_every_hook_is_documented_and_used(host: Host, hook: str) -> None:
    """A hook has its section in docs/plugins.md, and at least one plugin that needs it."""
    assert f"\n### `{hook}`\n" in (conformance.ROOT / "docs" / "plugins.md").read_text("utf-8")
    attribute = {"events": "event_types"}.get(hook, hook)
    assert [plugin.id for plugin in host.plugins.values() if getattr(plugin, attribute)]
