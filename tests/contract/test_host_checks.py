"""What plugins may not declare is refused when they load, naming the file, and of collisions both owners."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.host import PluginList, PluginState
from tests.contract.host_samples import Samples, lifecycle, models, permissions, states, why

READY, FAILED, BLOCKED = PluginState.REGISTERED, PluginState.FAILED, PluginState.BLOCKED


@pytest.fixture
def samples(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Samples:
    """Return a folder with two sound plugins, which every test finds up at its end."""
    made = Samples(tmp_path, monkeypatch)
    made.sound("a", "z")
    return made


def refused(samples: Samples, name: str = "m") -> str:
    """Load, and return why one plugin is refused; all others must be up."""
    host = samples.load()
    assert {**states(host), name: FAILED} == {**dict.fromkeys(host.plugins, READY), name: FAILED}
    return why(host, name)


def both_named(samples: Samples, said: str, first: str, second: str, file: str = "__init__.py") -> bool:
    """Say whether a sentence names both owners of a name with their files."""
    folder = samples.package
    return f"{first} ({folder}/{first}/{file})" in said and f"{second} ({folder}/{second}/{file})" in said


def test_two_plugins_with_one_kind_are_refused_naming_both(samples: Samples) -> None:
    """The later plugin in the order of dependency is refused, whatever its name; the earlier stays up."""
    samples.plugin("first", lifecycle("first", "WISH", "Wish"), requires=["a"])
    samples.plugin("second", lifecycle("second", "WISH", "Hope"), requires=["first"])
    said = refused(samples, "second")
    assert "The kind of matter WISH belongs to" in said
    assert both_named(samples, said, "first", "second")


def test_two_plugins_with_one_type_name_are_refused_naming_both(samples: Samples) -> None:
    """The names of GraphQL types are unique on a server."""
    samples.plugin("b", lifecycle("b", "WISH", "Wish"))
    samples.plugin("c", lifecycle("c", "HOPE", "Wish"))
    said = refused(samples, "c")
    assert "The type name Wish belongs to" in said
    assert both_named(samples, said, "b", "c")


def test_two_plugins_with_one_table_are_refused_naming_both(samples: Samples) -> None:
    """A table whose name starts with the prefixes of two plugins belongs to the first."""
    samples.plugin("data", files=models("data", table="data_cube_item"))
    samples.plugin("data_cube", files=models("data_cube"))
    said = refused(samples, "data_cube")
    assert "The table data_cube_item belongs to" in said
    assert both_named(samples, said, "data", "data_cube", "models.py")


def test_a_name_of_another_plugin_is_refused(samples: Samples) -> None:
    """A plugin cannot declare a permission of another: it lacks the prefix, and it is taken; both are named."""
    samples.plugin("m", permissions("open_it", "a"))
    said = refused(samples)
    assert both_named(samples, said, "a", "m")
    assert "Begin with m." in said


def test_a_name_declared_twice_is_refused(samples: Samples) -> None:
    """Within one plugin, too, a name is declared once."""
    samples.plugin("m", "@hookimpl\ndef events():\n    return [EventType('m.it_happened', 'x', 'x')] * 2\n")
    assert "The event m.it_happened belongs to m" in refused(samples)


def test_the_names_of_a_failed_plugin_are_free(samples: Samples) -> None:
    """A plugin that is refused for other reasons takes no names away from the others."""
    samples.plugin("b", lifecycle("b", "WISH", "Wish") + permissions("Bad", "b"))
    samples.plugin("c", lifecycle("c", "WISH", "Wish"))
    refused(samples, "b")


CODES = {
    "permission": "permissions():\n    return [Permission({code!r}, 'x', 'x')]",
    "event": "events():\n    return [EventType({code!r}, 'x', 'x')]",
    "error code": "problems():\n    return [Problem(Conflict, {code!r}, 'x', 'x')]",
}


@pytest.mark.parametrize("what", CODES)
@pytest.mark.parametrize("code", ["n.open_it", "open_it", "m.OpenIt", "m.", "m.open.it", "m." + "x" * 80])
def test_codes_carry_the_prefix_of_their_plugin(samples: Samples, what: str, code: str) -> None:
    """Permissions, events and error codes are ``plugin.lower_case`` and fit their columns."""
    samples.plugin("m", f"@hookimpl\ndef {CODES[what].format(code=code)}\n")
    said = refused(samples)
    assert f"declares the {what} {code}" in said
    assert f"{samples.package}/m/__init__.py" in said


def test_an_unknown_role_is_refused_with_the_nearest(samples: Samples) -> None:
    """The roles that hold a permission by default must exist."""
    samples.plugin("m", permissions("open_it", "m", '("residant",)'))
    assert "Did you mean resident?" in refused(samples)


def test_a_forgotten_comma_in_roles_is_recognised(samples: Samples) -> None:
    """A text where a tuple belongs is named as what it is, not as roles of one letter."""
    samples.plugin("m", permissions("open_it", "m", '("resident")'))
    assert 'Write roles=("resident",).' in refused(samples)


SETTINGS = {
    "the plugin's switch": ("enabled: bool = setting(True, 'On')", "the plugin's own switch"),
    "no default": ("days: int", "days"),
    "an invalid default": ("days: int = setting(0, 'Days', ge=1)", "greater than or equal to 1"),
}


@pytest.mark.parametrize("case", SETTINGS)
def test_settings_that_would_fail_later_are_refused(samples: Samples, case: str) -> None:
    """The defaults alone are valid settings, and none is called like the switch of the plugin."""
    body, expected = SETTINGS[case]
    text = f"class Ours(Settings):\n    {body}\n\n@hookimpl\ndef settings():\n    return Ours\n"
    samples.plugin("m", text)
    assert expected in refused(samples)


STEPS = {
    "an undeclared permission": (
        'Step("take_it", {State.OPEN}, permission="m.take_it")',
        "needs the permission m.take_it",
    ),
    "a permission of another plugin": ('Step("take_it", {State.OPEN}, permission="a.open_it")', "permission a.open_it"),
    "an undeclared event": ('Step("take_it", {State.OPEN}, event="m.it_taken")', "emits the event m.it_taken"),
    "a clock without aim": ('Step("take_it", {State.OPEN}, timed=True)', "leads to no state"),
    "a state of another kind": ('Step("take_it", {Confidence.WEB})', "uses the state 'WEB'"),
    "a bad name": ('Step("TakeIt", {State.OPEN})', "a step called 'TakeIt'"),
}


@pytest.mark.parametrize("case", STEPS)
def test_steps_use_only_what_their_plugin_declares(samples: Samples, case: str) -> None:
    """The permission, the event and the states of a step are the plugin's own."""
    step, expected = STEPS[case]
    samples.plugin("m", lifecycle("m", "WISH", "Wish", step))
    said = refused(samples)
    assert expected in said
    assert "m.WISH" in said


def test_a_sound_lifecycle_is_accepted(samples: Samples) -> None:
    """Steps with declared permissions and events, timed or not, are nothing to complain of."""
    steps = (
        'Step("take_it", {State.OPEN}, State.DONE, permission="m.take_it", event="m.it_taken"), '
        'Step("drop_it", {State.OPEN}, State.DONE, timed=True, event="m.it_taken"), '
        'Step("say_it", {State.OPEN}, own=True)'
    )
    events = "@hookimpl\ndef events():\n    return [EventType('m.it_taken', 'x', 'x')]\n"
    samples.plugin("m", lifecycle("m", "WISH", "Wish", steps) + permissions("take_it", "m") + events)
    assert states(samples.load())["m"] is READY


LIFECYCLES = {
    "another plugin": (lifecycle("m", "WISH", "Wish", owner="a"), "belongs to a"),
    "a lower-case kind": (lifecycle("m", "wish", "Wish"), "upper case"),
    "a long kind": (lifecycle("m", "W" * 41, "Wish"), "40 characters"),
    "an underscore": (lifecycle("m", "WISH", "My_Wish"), "PascalCase"),
}


@pytest.mark.parametrize("case", LIFECYCLES)
def test_lifecycles_are_named_as_they_must_be(samples: Samples, case: str) -> None:
    """A lifecycle belongs to its plugin; its kind and its type fit columns and global ids."""
    hooks, expected = LIFECYCLES[case]
    samples.plugin("m", hooks)
    assert expected in refused(samples)


def test_a_third_party_type_carries_the_prefix_of_its_plugin(samples: Samples) -> None:
    """The type of a matter of a separately installed plugin starts with the plugin's name."""
    wanted = PluginList(installed=frozenset({"acme", "brand"}))
    samples.installed("acme", lifecycle("acme", "WISH", "Wish"))
    samples.installed("brand", lifecycle("brand", "HOPE", "BrandHope"))
    host = samples.load(wanted)
    assert "Begin with Acme." in why(host, "acme")
    assert host.plugins["brand"].state is READY


WORK = {
    "a sweep without pause": ("sweeps", "Sweep('tidy', 0, None)", "Write 1 at least"),
    "a badly named sweep": ("sweeps", "Sweep('Tidy up', 9, None)", "'Tidy up'"),
    "two sweeps of one name": ("sweeps", "Sweep('tidy', 9, None), Sweep('tidy', 8, None)", "sweep m.tidy belongs to m"),
    "two reactions of one name": (
        "reactions", "Reaction('core.a', 'x', None), Reaction('core.b', 'x', None)", "The reaction m.x belongs to m",
    ),
    "a gate before no deed": ("gates", "Gate('open_poll', None)", "Write it like voting.open_poll"),
}  # fmt: skip


@pytest.mark.parametrize("case", WORK)
def test_follow_up_work_is_named_and_bounded(samples: Samples, case: str) -> None:
    """Sweeps, reactions and gates have names that can be recorded, once each, and sweeps leave a pause."""
    hook, items, expected = WORK[case]
    samples.plugin("m", f"@hookimpl\ndef {hook}():\n    return [{items}]\n")
    assert expected in refused(samples)


REACTION = "@hookimpl\ndef reactions():\n    return [Reaction('{event}', 'follow', None)]\n"


def test_a_reaction_to_an_event_that_its_plugin_does_not_have_is_refused(samples: Samples) -> None:
    """A misspelt event would never be heard; whoever requires the deaf plugin is blocked."""
    samples.plugin("b", "@hookimpl\ndef events():\n    return [EventType('b.poll_closed', 'x', 'x')]\n")
    samples.plugin("above_m", requires=["m"])
    samples.plugin("m", REACTION.format(event="b.pol_closed"))
    host = samples.load()
    assert "Did you mean b.poll_closed?" in why(host, "m")
    assert states(host) == {"a": READY, "z": READY, "b": READY, "m": FAILED, "above_m": BLOCKED}


@pytest.mark.parametrize("event", ["z.anything", "absent.it_happened", "core.anything"])
def test_a_reaction_to_a_plugin_that_is_not_there_is_harmless(samples: Samples, event: str) -> None:
    """Events of plugins that this server lacks, and of the kernel, are not ours to judge; those of loaded ones are."""
    samples.plugin("m", REACTION.format(event=event))
    assert (states(samples.load())["m"] is READY) == (not event.startswith("z."))


KEYS = {
    "no index": ("x = anchor('core.Person', db_index=False)", "no index on the foreign key Item.x"),
    "a backward name": (
        "x = fields.ForeignKeyField('core.Person', on_delete=fields.RESTRICT, db_index=True)",
        "backward name to core.Person",
    ),
    "a cascade": (
        "x = fields.ForeignKeyField('core.Person', db_index=True, related_name=False)",
        "together with core.Person",
    ),
    "no anchor": ("x = anchor('core.Account')", "points the foreign key Item.x at core.Account, which is no anchor"),
    "another plugin": ("x = anchor('a.Item')", "at a.Item, which is no anchor"),
    "many to many": ("x = fields.ManyToManyField('core.Person')", "many-to-many field Item.x"),
}


@pytest.mark.parametrize("case", KEYS)
def test_foreign_keys_keep_the_rules(samples: Samples, case: str) -> None:
    """Foreign keys restrict, are indexed, leave nothing behind on the other side, and point at anchors only."""
    line, expected = KEYS[case]
    samples.plugin("m", files=models("m", line))
    said = refused(samples)
    assert expected in said
    assert f"{samples.package}/m/models.py" in said


SOUND_KEYS = [
    "x = anchor('core.Matter')",
    "x = anchor('m.Item', null=True)",
    "x = fields.ForeignKeyField('m.Item', null=True, db_index=True, related_name=False)",
    "x = fields.OneToOneField('core.Matter', on_delete=fields.RESTRICT, related_name=False)",
    "x = anchor(__import__('core.models').models.Community)",
    "x = anchor('core.Branch', db_index=False)\n    class Meta:\n        indexes = (('x_id', 'id'),)",
]


@pytest.mark.parametrize("line", SOUND_KEYS)
def test_sound_foreign_keys_are_accepted(samples: Samples, line: str) -> None:
    """Anchors, own tables (which may cascade), one-to-one keys and keys led by a wider index are fine."""
    files = models("m", line)
    if "class Meta" in line:
        files = {"models.py": files["models.py"].replace("\n\n    class Meta:\n        table", "\n        table")}
    samples.plugin("m", files=files)
    host = samples.load()
    assert host.plugins["m"].state is READY, why(host, "m")


def test_an_installed_plugin_may_name_its_own_models_by_class(samples: Samples) -> None:
    """The package of a separately installed plugin need not be called like the plugin."""
    module = samples.installed("acme")
    text = models("acme")["models.py"].replace(
        "__models__ = [Item]",
        "class Part(Model):\n    id = fields.BigIntField(primary_key=True)\n    item = anchor(Item)\n\n"
        "    class Meta:\n        table = 'acme_part'\n\n__models__ = [Item, Part]",
    )
    (samples.root / module / "models.py").write_text(text, "utf-8")
    host = samples.load(PluginList(installed=frozenset({"acme"})))
    assert host.plugins["acme"].state is READY, why(host, "acme")


def test_anchors_of_a_required_plugin_may_be_pointed_at(samples: Samples) -> None:
    """A plugin lends models through ANCHORS in its api module, to those that require it and nobody else."""
    samples.plugin("register", files={**models("register"), "api.py": "ANCHORS = ('register.Item',)"})
    samples.plugin("b", files=models("b", "x = anchor('register.Item')"), requires=["register"])
    samples.plugin("m", files=models("m", "x = anchor('register.Item')"), after=["register"])
    assert "at register.Item, which is no anchor" in refused(samples)


def test_only_own_models_may_be_lent(samples: Samples) -> None:
    """ANCHORS names models that the plugin has."""
    samples.plugin("m", files={**models("m"), "api.py": "ANCHORS = ('m.Itme',)"})
    assert "Did you mean m.Item?" in refused(samples)


TABLES = {
    "no prefix": (models("m", table="item"), "lacks the prefix"),
    "a prefix that only looks like it": (models("m", table="mitem"), "lacks the prefix"),
    "a table of the kernel": (models("m", table="core_person"), "lacks the prefix"),
    "no list": ({"models.py": models("m")["models.py"].replace("__models__", "_models")}, "has no __models__"),
    "an unlisted model": (models("m", listed="[]"), "the model Item, which is not in __models__"),
    "a model of the kernel": (models("m", listed="[Item, __import__('core.models').models.Person]"), "lists Person"),
}


@pytest.mark.parametrize("case", TABLES)
def test_tables_are_listed_and_carry_the_prefix(samples: Samples, case: str) -> None:
    """A models module lists exactly its own models, and their tables start with the plugin's id."""
    files, expected = TABLES[case]
    samples.plugin("m", files=files)
    assert expected in refused(samples)


def test_all_faults_of_a_plugin_are_told_at_once(samples: Samples) -> None:
    """Whoever mends a plugin sees everything that is wrong with it, not one thing per start."""
    samples.plugin("m", lifecycle("m", "wish", "my_wish"), models("m", "x = anchor('core.Account')", table="item"))
    assert len(refused(samples).splitlines()) == 4


INDICATOR = """
@hookimpl
def indicators():
    words = Words("文字", "Words")
    return [Indicator("{code}", "指标", "Indicator", IndicatorKind.SHARE, numerator=words, unit=words,
                      source=Source("本系统约定", Confidence.DESIGN), {more})]
"""
GOOD_SQL = "SELECT i.id AS place, 1 AS numerator, 1 AS denominator FROM m_item i WHERE i.at < :end"
BAD_INDICATORS = {
    "another's prefix": ("other.share", 'denominator=words, sql="' + GOOD_SQL + '"', "not named as it must be"),
    "no denominator": ("m.share", 'sql="' + GOOD_SQL + '"', "a SHARE tells its denominator"),
    "a table of another": ("m.share", 'denominator=words, sql="' + GOOD_SQL.replace("m_item", "core_person") + '"',
                           "reads core_person, which is not its own"),
    "an unknown bound": ("m.share", 'denominator=words, sql="' + GOOD_SQL.replace(":end", ":now") + '"', "names :now"),
    "a missing column": ("m.share", 'denominator=words, sql="' + GOOD_SQL.replace(" AS place", "") + '"',
                         "gives no column place"),
    "two statements": ("m.share", 'denominator=words, sql="' + GOOD_SQL + '; DELETE FROM m_item"', "not one SELECT"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD_INDICATORS)
def test_an_indicator_that_cannot_be_counted_is_refused(samples: Samples, case: str) -> None:
    """What it counts, where its rows come from and how its columns are called is looked at when it loads."""
    code, more, expected = BAD_INDICATORS[case]
    samples.plugin("m", INDICATOR.format(code=code, more=more))
    assert expected in why(samples.load(), "m")


def test_a_sound_indicator_is_taken(samples: Samples) -> None:
    """The same declaration without a mistake is found under its code."""
    samples.plugin("m", INDICATOR.format(code="m.share", more='denominator=words, sql="' + GOOD_SQL + '"'))
    assert list(samples.load().indicators) == ["m.share"]
