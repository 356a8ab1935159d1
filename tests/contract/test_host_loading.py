"""Plugins come up one after another; one that fails says why and stops nobody but those that require it."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path

import pytest

from core.host import HostError, PluginList, PluginState, explain
from tests.contract.host_samples import Samples, is_imported, lifecycle, models, permissions, states, why

READY, FAILED, BLOCKED = PluginState.REGISTERED, PluginState.FAILED, PluginState.BLOCKED


@pytest.fixture
def samples(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Samples:
    """Return an empty folder of plugins."""
    return Samples(tmp_path, monkeypatch)


def test_sound_plugins_come_up_after_what_they_need(samples: Samples) -> None:
    """The order follows requires and after, then the ids; plugins.toml has no say in it."""
    samples.plugin("a", requires=["c"])
    samples.plugin("b", after=["d", "absent"])
    samples.plugin("c")
    samples.plugin("d")
    host = samples.load()
    assert list(host.plugins) == ["c", "d", "a", "b"]
    assert [plugin.id for plugin in host.ready()] == ["c", "d", "a", "b"]
    assert host.requires_closure("a") == {"c"}
    assert host.dependents_of("c") == {"a"}
    assert host.dependents_of("unheard_of") == frozenset()


def test_declarations_are_collected_once(samples: Samples) -> None:
    """Every hook is called once at load, and what it returned can be looked up."""
    hooks = """
    CALLS = []

    @hookimpl
    def permissions():
        CALLS.append("permissions")
        return [Permission("a.open_it", "开", "Open", roles=("resident",))]

    @hookimpl
    def events():
        return (EventType(code, code, code) for code in ["a.it_opened"])

    @hookimpl
    def problems():
        return [Problem(Conflict, "a.too_late", "太迟", "Too late")]

    @hookimpl
    def settings():
        class ASettings(Settings):
            days: int = setting(3, "Days")
        return ASettings

    @hookimpl
    def graphql():
        return "opaque"

    async def nothing(*args):
        return None

    @hookimpl
    def reactions():
        return [Reaction("a.it_opened", "count", nothing), Reaction("core.person_moved", "follow", nothing)]

    @hookimpl
    def sweeps():
        return [Sweep("tidy", 60, nothing)]

    @hookimpl
    def gates():
        return [Gate("b.open_poll", nothing)]

    @hookimpl
    async def demo(world):
        CALLS.append(world)
    """
    module = samples.plugin("a", hooks)
    host = samples.load()
    plugin = host.plugins["a"]
    assert sys.modules[module].CALLS == ["permissions"]
    assert host.permissions["a.open_it"].roles == ("resident",)
    assert list(host.event_types) == ["a.it_opened"]
    assert list(host.problems) == ["a.too_late"]
    assert plugin.settings is not None
    assert plugin.settings().model_dump() == {"days": 3}
    assert plugin.graphql == "opaque"
    assert [(owner, reaction.name) for owner, reaction in host.reactions_for("a.it_opened")] == [("a", "count")]
    assert len(host.reactions) == 2
    assert host.reactions_for("a.unheard_of") == ()
    assert [(owner, sweep.name) for owner, sweep in host.sweeps] == [("a", "tidy")]
    assert [owner for owner, _ in host.gates_for("b.open_poll")] == ["a"]
    assert host.gates_for("b.close_poll") == ()


async def test_the_demo_hook_is_kept_for_later(samples: Samples) -> None:
    """The demo hook is not called at load; it takes the world when one is made, or leaves it out."""
    module = samples.plugin("a", "SEEN = []\n@hookimpl\nasync def demo(world):\n    SEEN.append(world)\n")
    plugin = samples.load().plugins["a"]
    assert plugin.demo is not None
    assert sys.modules[module].SEEN == []
    await plugin.demo("the world")  # type: ignore[arg-type]
    assert sys.modules[module].SEEN == ["the world"]


def test_lifecycles_can_be_looked_up(samples: Samples) -> None:
    """A lifecycle is found by plugin and kind, and by the name of its GraphQL type."""
    samples.plugin("a", lifecycle("a", "WISH", "Wish"))
    host = samples.load()
    assert host.lifecycle("a", "WISH") is host.lifecycle_by_type("Wish") is host.lifecycles["a", "WISH"]
    assert host.lifecycle("b", "WISH") is None
    assert host.lifecycle_by_type("Hope") is None


def test_tables_and_migrations_are_found_by_their_names(samples: Samples) -> None:
    """What is to be migrated is core first, then the plugins with tables in order; others are left out."""
    package = samples.plugin("a", files={**models("a"), "migrations/__init__.py": ""})
    samples.plugin("b")
    apps = samples.load().apps()
    assert (apps[0].label, apps[0].models, apps[0].migrations) == ("core", "core.models", "core.migrations")
    assert [(a.label, a.models, a.migrations) for a in apps[1:]] == [
        ("a", f"{package}.models", f"{package}.migrations")
    ]


BROKEN = {
    "an exception": ("1 / 0", "ZeroDivisionError"),
    "a missing module": ("import no_such_module_at_all", "no_such_module_at_all"),
    "a syntax error": ("def", "SyntaxError"),
    "an exit": ("raise SystemExit(3)", "SystemExit"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_plugin_that_cannot_be_imported_stops_only_itself(samples: Samples, case: str) -> None:
    """Whatever the import raises, the plugin is failed with the line, leaves no module behind, and others are up."""
    samples.sound("a", "z")
    module = samples.plugin("m", f"import {samples.package}.m.part\n", {"part.py": f"\n\n{BROKEN[case][0]}\n"})
    host = samples.load()
    assert states(host) == {"a": READY, "m": FAILED, "z": READY}
    assert BROKEN[case][1] in why(host, "m")
    assert f"{samples.package}/m/part.py:3" in why(host, "m")
    assert not is_imported(module)
    assert not hasattr(sys.modules[samples.package], "m")


def test_a_models_module_that_fails_takes_the_package_with_it(samples: Samples) -> None:
    """A package whose tables cannot be imported is not left imported by half."""
    module = samples.plugin("m", files={"models.py": "raise RuntimeError('no tables')"})
    host = samples.load()
    assert "no tables" in why(host, "m")
    assert not is_imported(module)
    assert not hasattr(sys.modules[samples.package], "m")


def test_a_failed_plugin_can_be_mended_and_loaded_in_the_same_process(samples: Samples) -> None:
    """Since nothing half-imported stays, a corrected file is used by the next host."""
    samples.plugin("m", "1 / 0")
    assert states(samples.load()) == {"m": FAILED}
    (samples.folder / "m" / "__init__.py").write_text("# corrected, and of another length\n", "utf-8")
    assert states(samples.load()) == {"m": READY}


def test_an_interrupt_is_not_taken_for_a_failing_plugin(samples: Samples) -> None:
    """Ctrl-C while plugins load stops the server."""
    samples.plugin("m", "raise KeyboardInterrupt")
    with pytest.raises(KeyboardInterrupt):
        samples.load()


def test_a_bad_manifest_stops_only_its_plugin(samples: Samples) -> None:
    """A plugin whose manifest cannot be read is failed under the name of its folder; its code is not run."""
    samples.sound("a")
    module = samples.plugin("m", colour="red")
    host = samples.load()
    assert states(host) == {"a": READY, "m": FAILED}
    assert "colour is not a known key" in why(host, "m")
    assert not is_imported(module)


def test_a_manifest_of_another_plugin_is_refused(samples: Samples) -> None:
    """The id in the manifest is the name of the folder."""
    samples.plugin("m", id="n")
    assert "id is n" in why(samples.load(), "m")


@pytest.mark.parametrize(("contract", "remedy"), [(2, "Upgrade the server"), (0, "newer version of the plugin")])
def test_another_contract_is_incompatible(samples: Samples, contract: int, remedy: str) -> None:
    """A plugin for another contract is failed before its code runs, with what to upgrade."""
    module = samples.plugin("m", contract=contract)
    host = samples.load()
    assert remedy in why(host, "m")
    assert not is_imported(module)


def test_a_missing_requirement_blocks_and_so_on_up(samples: Samples) -> None:
    """A plugin without what it requires is blocked, and so are those that require it; others are up."""
    samples.sound("a")
    samples.plugin("b", requires=["absent"])
    samples.plugin("c", requires=["b", "a"])
    host = samples.load()
    assert states(host) == {"a": READY, "b": BLOCKED, "c": BLOCKED}
    assert "b requires absent, which this server does not load" in why(host, "b")
    assert "c requires b, which is blocked" in why(host, "c")


def test_dependents_of_a_failed_plugin_are_blocked_naming_it(samples: Samples) -> None:
    """A failure blocks whatever requires the plugin; the blocked plugin's code is not run."""
    samples.plugin("a", "1 / 0")
    module = samples.plugin("b", requires=["a"])
    samples.plugin("c", after=["a"])
    host = samples.load()
    assert states(host) == {"a": FAILED, "b": BLOCKED, "c": READY}
    assert "a, which failed" in why(host, "b")
    assert not is_imported(module)


def test_a_requirement_may_name_the_least_version(samples: Samples) -> None:
    """An older version than required blocks; the same or a later one does not."""
    samples.plugin("a", version="1.4")
    samples.plugin("b", requires=["a>=1.4.0"])
    samples.plugin("c", requires=["a>=2"])
    host = samples.load()
    assert states(host) == {"a": READY, "b": READY, "c": BLOCKED}
    assert "a 2 or later; there is 1.4" in why(host, "c")


def test_a_circle_is_failed_and_named(samples: Samples) -> None:
    """All plugins of a circle are failed, what requires them is blocked, all others are up."""
    samples.plugin("a", requires=["b"])
    samples.plugin("b", after=["c"])
    samples.plugin("c", requires=["a"])
    samples.plugin("d", requires=["c"])
    samples.plugin("e", requires=["e"])
    samples.sound("f")
    host = samples.load()
    assert states(host) == {"a": FAILED, "b": FAILED, "c": FAILED, "d": BLOCKED, "e": FAILED, "f": READY}
    assert "a → b → c → a" in why(host, "a")
    assert "a → b → c → a" in why(host, "c")
    assert "e → e" in why(host, "e")


def test_a_crashing_hook_fails_its_plugin_naming_the_hook(samples: Samples) -> None:
    """Every hook that crashes is reported; the other plugins' hooks are called all the same."""
    samples.sound("a", "z")
    samples.plugin(
        "m", "@hookimpl\ndef events():\n    return 1 / 0\n\n@hookimpl\ndef problems():\n    raise SystemExit\n"
    )
    host = samples.load()
    assert states(host) == {"a": READY, "m": FAILED, "z": READY}
    assert "collect events" in why(host, "m")
    assert "collect problems" in why(host, "m")
    assert "z.open_it" in host.permissions


WRONG_ANSWERS = {
    "permissions": ("return None", "list[Permission]"),
    "events": ("return ['a.b']", "list[str]"),
    "problems": ("return 'text'", "list[Problem]"),
    "settings": ("return Settings()", "type[Settings]"),
    "graphql": ("pass", "None"),
}


@pytest.mark.parametrize("hook", WRONG_ANSWERS)
def test_a_hook_that_returns_something_else_is_refused(samples: Samples, hook: str) -> None:
    """The answer of a hook is checked for its type, with what was wanted."""
    samples.plugin("m", f"@hookimpl\ndef {hook}():\n    {WRONG_ANSWERS[hook][0]}\n")
    assert WRONG_ANSWERS[hook][1] in why(samples.load(), "m")


def test_an_async_declaration_is_refused(samples: Samples) -> None:
    """Declarations are plain functions."""
    samples.plugin("m", "@hookimpl\nasync def events():\n    return []\n")
    assert "Write a plain def" in why(samples.load(), "m")


UNFIT_HOOKS = {
    "misspelt": ("@hookimpl\ndef permisions():\n    return []\n", "Did you mean permissions?"),
    "unmarked": ("def permissions():\n    return []\n", "Put @hookimpl above it"),
    "with arguments": ("@hookimpl\ndef permissions(kernel):\n    return []\n", "kernel"),
    "wrapping": ("@hookimpl(wrapper=True)\ndef permissions():\n    return (yield)\n", "plain function"),
}


@pytest.mark.parametrize("case", UNFIT_HOOKS)
def test_a_hook_that_nobody_would_call_is_refused(samples: Samples, case: str) -> None:
    """pluggy takes misspelt hooks silently; the host names them with the nearest right name."""
    samples.sound("a")
    samples.plugin("m", UNFIT_HOOKS[case][0])
    host = samples.load()
    assert states(host) == {"a": READY, "m": FAILED}
    assert UNFIT_HOOKS[case][1] in why(host, "m")


def test_a_hook_of_a_later_server_may_be_marked_optional(samples: Samples) -> None:
    """A plugin may implement a hook that this server does not know yet, if it says so."""
    samples.plugin("m", "@hookimpl(optionalhook=True)\ndef forecasts():\n    return []\n")
    assert states(samples.load()) == {"m": READY}


def test_a_hook_may_have_the_name_of_a_submodule(samples: Samples) -> None:
    """Importing a submodule hides a hook of the same name; the hook is found all the same, in every host."""
    hooks = f"@hookimpl\ndef settings():\n    from {samples.package}.m.settings import Ours\n    return Ours\n"
    samples.plugin("m", hooks, {"settings.py": "from core.plugin import Settings\n\nclass Ours(Settings):\n    pass\n"})
    first = samples.load().plugins["m"].settings
    second = samples.load().plugins["m"].settings
    assert first is second
    assert first is import_module(f"{samples.package}.m.settings").Ours


def test_only_listed_plugins_are_loaded(samples: Samples) -> None:
    """What plugins.toml does not list is not imported, only mentioned."""
    samples.sound("a")
    module = samples.plugin("b")
    host = samples.load(PluginList(frozenset({"a"})))
    assert list(host.plugins) == ["a"]
    assert [manifest.id for manifest in host.unlisted if manifest.id != "book_drifting"] == ["b"]
    assert not is_imported(module)


def test_a_listed_plugin_that_is_nowhere_is_failed_with_the_nearest_name(samples: Samples) -> None:
    """A mistyped id in plugins.toml stops nothing else."""
    samples.sound("voting")
    host = samples.load(PluginList(frozenset({"voting", "votting"})))
    assert states(host) == {"voting": READY, "votting": FAILED}
    assert "Did you mean voting?" in why(host, "votting")


def test_a_plugin_of_an_installed_package_is_found_by_its_entry_point(samples: Samples) -> None:
    """A package listed under installed comes up like any other, under the rules for third parties."""
    samples.sound("a")
    module = samples.installed("acme_parking", permissions("open_lot", "acme_parking"), requires=["a"])
    host = samples.load(PluginList(installed=frozenset({"acme_parking"})))
    plugin = host.plugins["acme_parking"]
    assert states(host) == {"a": READY, "acme_parking": READY}
    assert plugin.manifest.third_party
    assert plugin.module == module
    assert (plugin.namespace.types, plugin.namespace.fields) == ("AcmeParking", "acmeParking")
    assert plugin.namespace.allows_type("AcmeParkingSpot")
    assert not plugin.namespace.allows_type("AcmeParkingology")
    assert not plugin.namespace.allows_field("spots")
    assert host.plugins["a"].namespace.allows_type("Anything")


def test_an_installed_package_that_is_not_listed_is_never_imported(samples: Samples) -> None:
    """Installing a package switches nothing on."""
    samples.sound("a")
    module = samples.installed("acme_parking")
    host = samples.load()
    assert list(host.plugins) == ["a"]
    assert not is_imported(module)


def test_an_installed_package_cannot_take_the_id_of_a_plugin_of_ours(samples: Samples) -> None:
    """Unlisted it changes nothing; listed as well, the id is refused naming both, and neither runs."""
    module = samples.plugin("a")
    package = samples.installed("a")
    samples.sound("b")
    assert samples.load().plugins["a"].module == module
    host = samples.load(PluginList(installed=frozenset({"a"})))
    assert states(host) == {"a": FAILED, "b": READY}
    assert f"{samples.package}/a" in why(host, "a")
    assert f"{package} 1.2" in why(host, "a")


def test_an_installed_package_is_located_without_running_the_packages_around_it(samples: Samples) -> None:
    """The manifest of a nested package is read before anything is imported."""
    (samples.root / "acme_outer").mkdir()
    (samples.root / "acme_outer" / "__init__.py").write_text("1 / 0", "utf-8")
    samples.installed("acme", package="acme_flat")
    points = samples.root / "acme_flat-1.2.dist-info" / "entry_points.txt"
    points.write_text("[shanzhi.plugins]\nacme = acme_outer.inner\n", "utf-8")
    (samples.root / "acme_flat").rename(samples.root / "acme_outer" / "inner")
    host = samples.load()
    assert [manifest.id for manifest in host.unlisted if manifest.id != "book_drifting"] == ["acme"]
    assert not is_imported("acme_outer")


def test_an_entry_point_to_nowhere_is_named(samples: Samples) -> None:
    """An entry point whose package is gone fails its plugin."""
    samples.installed("acme", package="acme_gone")
    (samples.root / "acme_gone").rename(samples.root / "elsewhere")
    host = samples.load(PluginList(installed=frozenset({"acme"})))
    assert "names the package acme_gone, which is not there" in why(host, "acme")


def test_a_package_found_in_another_place_is_refused(samples: Samples) -> None:
    """The code that runs is the code beside the manifest."""
    samples.plugin("m")
    (samples.folder / "m" / "__init__.py").unlink()
    assert "Give the package an __init__.py" in why(samples.load(), "m")


def test_a_strict_server_does_not_start_with_a_failing_plugin(samples: Samples) -> None:
    """strict = true names every plugin that cannot be used."""
    samples.plugin("a", "1 / 0")
    samples.plugin("b", requires=["a"])
    samples.sound("c")
    with pytest.raises(HostError) as refusal:
        samples.load(PluginList(strict=True))
    assert "ZeroDivisionError" in str(refusal.value)
    assert "b requires a, which failed" in str(refusal.value)
    assert "c 1.0" not in str(refusal.value)


def test_the_states_are_explained_line_by_line(samples: Samples) -> None:
    """Each plugin has a line with id, version and state, and its reasons, in both languages."""
    samples.sound("a")
    samples.plugin("b", requires=["absent"])
    samples.plugin("c")
    lines = explain(samples.load(PluginList(frozenset({"a", "b"}))))
    assert lines[0] == "a 1.0 Registered"
    assert lines[1].startswith("b 1.0 Blocked\n  check requirements: b requires absent")
    assert lines[2] == "c 1.0 Discovered (not in plugins.toml)"
    assert "受阻" in explain(samples.load(), "zh")[1]
