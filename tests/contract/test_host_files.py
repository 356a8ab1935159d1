"""The manifest of a plugin and plugins.toml are read strictly, without importing anything."""

from __future__ import annotations

from pathlib import Path

import pytest

from core._host import manifest
from core.host import DataClass, ManifestError, Pin, PluginList, PluginListError, read_plugin_list

WHOLE = """
id = "wishes"
title_zh = "微心愿"
title_en = "Small wishes"
version = "1.2.0"
contract = 1
requires = ["register >= 1.1", "notices"]
after = ["voting"]
description_zh = "邻里互助"
description_en = "Neighbours help"

[[data_classes]]
name = "wish text"
class = "P2"
retention = "two years"
purpose = "matching"
"""


def read(tmp_path: Path, text: str) -> manifest.Manifest:
    """Write a manifest and read it."""
    path = tmp_path / "wishes" / "plugin.toml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, "utf-8")
    return manifest.read(path)


def test_a_whole_manifest_is_read(tmp_path: Path) -> None:
    """Every key of a manifest arrives, requirements split into ids and least versions."""
    found = read(tmp_path, WHOLE)
    assert (found.id, found.title_zh, found.title_en, found.version) == ("wishes", "微心愿", "Small wishes", "1.2.0")
    assert found.requires == ("register", "notices")
    assert found.least_versions == {"register": (1, 1)}
    assert found.after == ("voting",)
    assert found.data_classes == (DataClass("wish text", "P2", "two years", "matching"),)
    assert not found.third_party


def test_optional_keys_may_be_left_out(tmp_path: Path) -> None:
    """A manifest needs only id, titles, version and contract."""
    head = WHOLE.partition("requires")[0]
    assert read(tmp_path, head).requires == ()


@pytest.mark.parametrize(
    ("wrong", "right", "key", "said"),
    [
        ('title_zh = "微心愿"', 'titel_zh = "微心愿"', "titel_zh", "Did you mean title_zh?"),
        ('version = "1.2.0"', "", "version", "is missing"),
        ('version = "1.2.0"', 'version = "1.2-beta"', "version", "numbers and dots"),
        ('version = "1.2.0"', 'version = ""', "version", "is empty"),
        ("contract = 1", "contract = true", "contract", "wrong type"),
        ("contract = 1", 'contract = "1"', "contract", "whole number"),
        ('id = "wishes"', 'id = "My-Wishes"', "id", "not a plugin id"),
        ('id = "wishes"', f'id = "{"w" * 41}"', "id", "not a plugin id"),
        ('id = "wishes"', 'id = "core"', "id", "keeps for itself"),
        ('"register >= 1.1"', '"register<2"', "requires", "register>=1"),
        ('["voting"]', '"voting"', "after", "list of texts"),
        ('["voting"]', '["voting>=1"]', "after", "without versions"),
        ('class = "P2"', 'class = "p3"', "[[data_classes]] class", "Did you mean P3?"),
        ('purpose = "matching"', 'reason = "x"', "[[data_classes]] reason", "not a known key"),
        ('purpose = "matching"', "", "[[data_classes]] purpose", "is missing"),
    ],
)
def test_a_mistake_names_the_file_the_key_and_the_remedy(
    tmp_path: Path, wrong: str, right: str, key: str, said: str
) -> None:
    """Unknown, missing and mistyped keys are refused with the nearest right one or what to write."""
    with pytest.raises(ManifestError) as refusal:
        read(tmp_path, WHOLE.replace(wrong, right))
    assert refusal.value.key == key
    assert refusal.value.file == tmp_path / "wishes" / "plugin.toml"
    assert "wishes/plugin.toml" in str(refusal.value)
    assert said in str(refusal.value)


def test_a_manifest_that_is_no_toml_is_refused(tmp_path: Path) -> None:
    """A syntax error is reported as TOML words it."""
    with pytest.raises(ManifestError, match="Invalid value"):
        read(tmp_path, "id = ")


def test_versions_compare_by_their_numbers(tmp_path: Path) -> None:
    """1.10 is later than 1.9, and 1 is the same as 1.0.0."""
    found = read(tmp_path, WHOLE.replace("1.2.0", "1.10"))
    assert found.satisfies((1, 9))
    assert found.satisfies((1, 10, 0))
    assert not found.satisfies((1, 11))


def write_list(tmp_path: Path, text: str) -> Path:
    """Write a plugins.toml."""
    path = tmp_path / "plugins.toml"
    path.write_text(text, "utf-8")
    return path


def test_the_plugin_list_is_read(tmp_path: Path) -> None:
    """Ids, installed packages and strictness arrive; the server's own section is none of our business."""
    text = 'strict = true\n[plugins]\nload = ["b", "a"]\ninstalled = ["c==1.2"]\n[server]\nport = 8000\n'
    found = read_plugin_list(write_list(tmp_path, text))
    assert found == PluginList(frozenset({"a", "b"}), frozenset({"c"}), strict=True, pins={"c": Pin("c", "1.2")})


def test_an_empty_plugin_list_loads_every_plugin_of_the_folder(tmp_path: Path) -> None:
    """Nothing said means all first-party plugins, none of installed packages, and not strict."""
    assert read_plugin_list(write_list(tmp_path, "")) == PluginList("*", frozenset(), strict=False)


def test_the_plugin_list_of_this_repository_is_valid() -> None:
    """The committed plugins.toml can be read."""
    assert read_plugin_list(Path(__file__).resolve().parents[2] / "plugins.toml").load == "*"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("strikt = true", "Did you mean strict?"),
        ('strict = "yes"', "true or false"),
        ("[plugins]\nloads = []", "Did you mean load?"),
        ('[plugins]\nload = "all"', 'Write "*" or a list of ids.'),
        ('[plugins]\nload = ["a-b"]', "not a plugin id"),
        ("[plugins]\nload = [1]", "list of texts"),
        ("plugins = []", "a table"),
        ('[plugins]\ninstalled = ["acme"]', 'Write "id==version"'),
        ('[plugins]\ninstalled = ["acme>=1"]', 'Write "id==version"'),
        ('[plugins]\ninstalled = ["acme==1 sha256:abc"]', 'Write "id==version"'),
        ('[plugins]\ninstalled = ["acme==1", "acme==2"]', "names acme twice"),
    ],
)
def test_a_mistake_in_the_plugin_list_is_refused(tmp_path: Path, text: str, said: str) -> None:
    """Unknown keys and values of the wrong type are refused with what to write."""
    with pytest.raises(PluginListError) as refusal:
        read_plugin_list(write_list(tmp_path, text))
    assert said in str(refusal.value)


def test_a_missing_plugin_list_is_named(tmp_path: Path) -> None:
    """Without the file the error names it."""
    with pytest.raises(PluginListError, match=r"plugins\.toml: It cannot be read"):
        read_plugin_list(tmp_path / "plugins.toml")
