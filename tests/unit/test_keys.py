"""Keys: sealed fields open only at their own place, under the current or an earlier secret."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.keys import CannotUnseal, Keyring, from_base64, to_base64

OLD, NEW = "o" * 40, "n" * 40
PLACE = ("register_owner", "id_number", 7)


@given(st.text(max_size=200))
@settings(max_examples=50, deadline=None)
def test_what_is_sealed_can_be_read(text: str) -> None:
    """Any text survives, and no two seals of it are equal."""
    keys = Keyring(NEW)
    first, second = keys.seal(*PLACE, text), keys.seal(*PLACE, text)
    assert first != second
    assert keys.unseal(*PLACE, first) == keys.unseal(*PLACE, second) == text


def test_a_seal_names_format_algorithm_and_key() -> None:
    """Rotation and another algorithm need to know what made a value."""
    keys = Keyring(NEW)
    form, algorithm, key_id, _ = keys.seal(*PLACE, "x").split(".")
    assert (form, algorithm, key_id) == ("1", "A256GCM", keys.key("anything").id)


@pytest.mark.parametrize(
    "elsewhere", [("t", "id_number", 7), ("register_owner", "name", 7), ("register_owner", "id_number", 8)]
)
def test_a_sealed_value_cannot_be_moved(elsewhere: tuple[str, str, int]) -> None:
    """Copying a ciphertext to another table, column or row is noticed."""
    keys = Keyring(NEW)
    with pytest.raises(CannotUnseal, match="altered"):
        keys.unseal(*elsewhere, keys.seal(*PLACE, "440604199001010000"))


@pytest.mark.parametrize("damage", ["", "x", "1.A256GCM.00", "2{rest}", "1.ROT13{tail}", "{all}A", "1.A256GCM.{id}.é"])
def test_damage_is_noticed(damage: str) -> None:
    """Anything but the sealed text itself is refused with one error."""
    keys = Keyring(NEW)
    blob = keys.seal(*PLACE, "x")
    form = {"all": blob, "rest": blob[1:], "tail": blob.removeprefix("1.A256GCM"), "id": keys.key("x").id}
    with pytest.raises(CannotUnseal):
        keys.unseal(*PLACE, damage.format(**form))


def test_an_earlier_secret_still_reads_and_is_told_apart() -> None:
    """After rotation old values open and new ones use the new secret; without the old secret nothing opens."""
    blob = Keyring(OLD).seal(*PLACE, "x")
    rotated = Keyring(NEW, [OLD])
    assert rotated.unseal(*PLACE, blob) == "x"
    assert rotated.needs_resealing(blob)
    assert not rotated.needs_resealing(rotated.seal(*PLACE, "x"))
    with pytest.raises(CannotUnseal, match="no key"):
        Keyring(NEW).unseal(*PLACE, blob)


def test_blind_indexes_tell_equality_within_a_kind_only() -> None:
    """Equal values of one kind match; the same value as another kind does not; earlier secrets are looked up too."""
    keys = Keyring(NEW)
    assert keys.blind_index("phone", "13800000000") == keys.blind_index("phone", "13800000000")
    assert keys.blind_index("phone", "13800000000") != keys.blind_index("id number", "13800000000")
    rotated = Keyring(NEW, [OLD])
    assert rotated.blind_indexes("phone", "1") == (
        keys.blind_index("phone", "1"),
        Keyring(OLD).blind_index("phone", "1"),
    )


def test_signatures_hold_for_one_purpose_and_message() -> None:
    """A signature is no good for another purpose or message, and survives rotation."""
    signature = Keyring(OLD).sign("download", "5:60")
    keys = Keyring(NEW, [OLD])
    assert keys.verify("download", "5:60", signature)
    assert not keys.verify("upload", "5:60", signature)
    assert not keys.verify("download", "5:61", signature)
    assert not keys.verify("download", "5:60", signature[:-1] + "é")
    assert len(signature) == 43


def test_purposes_have_unrelated_keys() -> None:
    """Each purpose has 32 bytes of its own; the current key comes first."""
    keys = Keyring(NEW, [OLD, NEW])
    assert keys.key("a").data != keys.key("b").data
    assert [key.data for key in keys.keys("a")] == [Keyring(NEW).key("a").data, Keyring(OLD).key("a").data]
    assert len(keys.key("a").data) == 32


def test_nothing_secret_is_printed() -> None:
    """A keyring in a log line shows key ids, a key shows nothing."""
    keys = Keyring(NEW)
    assert NEW not in repr(keys)
    assert str(keys.key("a").data) not in repr(keys.key("a"))


@given(st.binary(max_size=100))
@settings(max_examples=30, deadline=None)
def test_base64_without_padding_is_reversible(data: bytes) -> None:
    """The text stands in URLs as it is."""
    assert from_base64(to_base64(data)) == data
    assert "=" not in to_base64(data)
