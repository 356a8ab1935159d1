"""Plugins of installed packages run only as ``plugins.toml`` names them: this version and, where said, these very files."""

from __future__ import annotations

import py_compile
import shutil
from pathlib import Path

import pytest

from core._host.pins import tree_hash
from core.host import Pin, PluginList, PluginState, Refusal, pin_of
from tests.contract.host_samples import Samples, is_imported, permissions, states, why

READY = PluginState.REGISTERED


@pytest.fixture
def samples(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Samples:
    """Return an empty folder of plugins."""
    return Samples(tmp_path, monkeypatch)


def pinned(*pins: Pin) -> PluginList:
    """Return the list that loads installed packages as pinned."""
    return PluginList(installed=frozenset(pin.id for pin in pins), pins={pin.id: pin for pin in pins})


def test_only_the_pinned_version_of_an_installed_package_runs(samples: Samples) -> None:
    """Another version is refused before its code is imported, with what to do; the named one comes up."""
    module = samples.installed("acme", permissions("open_lot", "acme"), version="1.2.1")
    host = samples.load(pinned(Pin("acme", "1.2.0")))
    assert "names version 1.2.0 of acme; version 1.2.1 is installed" in why(host, "acme")
    assert not is_imported(module)
    assert states(samples.load(pinned(Pin("acme", "1.2.1")))) == {"acme": READY}


@pytest.mark.parametrize("change", ["alter", "add", "drop", "cache"])
def test_only_the_pinned_files_of_an_installed_package_run(samples: Samples, change: str) -> None:
    """A file altered, added or gone is found before anything is imported; so is compiled code that hides its source."""
    module = samples.installed("acme", permissions("open_lot", "acme"))
    folder = samples.root / module
    (folder / "extra.py").write_text("x = 1", "utf-8")
    pin = pin_of("acme")
    if change == "alter":
        (folder / "extra.py").write_text("x = 2", "utf-8")
    elif change == "add":
        (folder / "data.bin").write_bytes(b"\0")
    elif change == "drop":
        (folder / "extra.py").unlink()
    else:
        mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
        py_compile.compile(str(folder / "extra.py"), invalidation_mode=mode, doraise=True)
    host = samples.load(pinned(pin))
    assert "are not those that plugins.toml names" in why(host, "acme")
    assert not is_imported(module)


def test_a_pin_holds_across_runs_and_places(samples: Samples) -> None:
    """What Python compiles for itself changes nothing; the same files elsewhere have the same hash."""
    module = samples.installed("acme", permissions("open_lot", "acme"))
    pin = pin_of("acme")
    py_compile.compile(str(samples.root / module / "__init__.py"), doraise=True)
    assert states(samples.load(pinned(pin))) == {"acme": READY}
    assert pin == pin_of("acme")
    shutil.copytree(samples.root / module, samples.root / "copied")
    assert tree_hash(samples.root / "copied") == pin.sha256


def test_what_is_behind_a_link_is_not_covered_by_a_hash(samples: Samples) -> None:
    """A package with a link in it cannot be pinned by its files."""
    module = samples.installed("acme")
    (samples.root / module / "more").symlink_to(samples.folder)
    with pytest.raises(Refusal) as refusal:
        pin_of("acme")
    assert "is a link" in refusal.value.reasons[0].text("en")


def test_there_is_no_pin_for_what_no_package_offers(samples: Samples) -> None:
    """A plugin of the folder, or none at all, has nothing to pin."""
    samples.sound("a")
    with pytest.raises(Refusal) as refusal:
        pin_of("a")
    assert "No installed package offers a plugin a" in refusal.value.reasons[0].text("en")
