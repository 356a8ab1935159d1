"""What a plugin holds of persons and does not declare, or declares and does not hold, is named by the conformance suite."""

from __future__ import annotations

import pytest

from tests.contract import conformance
from tests.contract.host_samples import Samples, models, why

DECLARED = """
@hookimpl
def personal_data():
    return [PersonalData("m.item", "物品", "Items", purpose_zh="借用", purpose_en="Lending", basis=LegalBasis.{basis},
        source="个人信息保护法 13", retention_zh="一年", retention_en="{retention}", held=({held},) {more})]
"""
CLEAR = 'Held("m_item", "holder_id = ?", clears={"holder_id": "NULL"})'
HOLDER = "holder = anchor('core.Person', null=True)"


@pytest.fixture
def samples(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Samples:
    """Return an empty folder of plugins."""
    return Samples(tmp_path_factory.mktemp("samples"), monkeypatch)


def faults(samples: Samples, fields: str, hooks: str = "") -> list[str]:
    """Load a plugin with these columns and hooks, and return what the suite says about its personal data."""
    samples.plugin("m", hooks, files=models("m", fields))
    host = samples.load()
    assert host.plugins["m"].usable, why(host, "m")
    return conformance.personal_faults(host, "m")


def declared(held: str = CLEAR, basis: str = "CONTRACT", retention: str = "One year", more: str = "") -> str:
    """Write a hook that declares one category."""
    return DECLARED.format(held=held, basis=basis, retention=retention, more=f", {more}" if more else "")


@pytest.mark.parametrize(
    ("fields", "column"),
    [
        (HOLDER, "holder_id"),
        ("holder = anchor(__import__('core.models').models.Person)", "holder_id"),
        ("person_id = fields.BigIntField()", "person_id"),
        ("note_sealed = fields.TextField()", "note_sealed"),
        ("phone = fields.CharField(20)", "phone"),
        ("home_address = fields.CharField(20)", "home_address"),
    ],
)
def test_a_column_about_a_person_without_a_declaration_is_named(samples: Samples, fields: str, column: str) -> None:
    """A key of a person, a sealed column, one called like something personal: each is named with its table."""
    [fault] = faults(samples, fields)
    assert fault.startswith(f"m_item.{column} is personal")


def test_a_declaration_that_mentions_it_is_enough(samples: Samples) -> None:
    """The same column, declared: nothing to say."""
    assert faults(samples, HOLDER, declared()) == []


@pytest.mark.parametrize(
    ("hook", "said"),
    [
        (declared('Held("m_items", "holder_id = ?", deletes=True)'), "there is no table m_items"),
        (declared('Held("m_item", "holder_id = ?", ("title",), deletes=True)'), "m_item has no column title"),
        (declared(retention=""), "say purpose and retention in both languages"),
        (declared(basis="CONSENT"), "a category that rests on consent needs its text"),
        (declared('Held("m_item", "holder_id = ?")'), "kept_zh and kept_en say why something outlives"),
        (declared(more='kept_zh="因为", kept_en="Because"'), "kept_zh and kept_en say why something outlives"),
        (
            declared('Held("m_item", "holder_id = ?", sealed=(Sealed("id"),), clears={"holder_id": "NULL"})'),
            "an erasure must clear m_item.id, which is sealed",
        ),
    ],
)
def test_a_declaration_that_does_not_fit_is_named(samples: Samples, hook: str, said: str) -> None:
    """Tables and columns that are not there, gaps, kept rows without a reason and reasons without kept rows."""
    assert any(said in fault for fault in faults(samples, HOLDER, hook))


def test_categories_carry_the_prefix_of_their_plugin(samples: Samples) -> None:
    """A category is a name like a permission: of one owner, with its prefix."""
    samples.plugin("m", declared().replace('"m.item"', '"other.item"'), files=models("m", HOLDER))
    host = samples.load()
    assert "other.item" in why(host, "m")
    assert "Begin with m." in why(host, "m")
