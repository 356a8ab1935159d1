"""Masks hide what they should, and checks of official numbers catch single slips."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.masks import (
    is_credit_code,
    is_id_number,
    is_mobile,
    mask_name,
    mask_phone,
    mask_unit_label,
    small_groups,
)

# Nothing here is about speed, and the machine may be busy.
unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

ID_NUMBERS = ("11010519491231002X", "440524188001010014")  # the two examples printed in GB 11643
CREDIT_CODES = ("91330100799655058B", "9144030071526726XG", "914403001922038216")  # published by listed companies


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("张三", "张*"),
        ("张三丰", "张*"),
        ("欧阳小明", "欧阳*"),
        ("欧阳修", "欧阳*"),
        ("欧阳", "欧*"),  # two characters are a surname and a given name
        ("阿依古丽·买买提", "阿*"),
        ("Smith", "S*"),
        (" 李四 ", "李*"),
        ("张", "*"),
        ("", ""),
    ],
)
def test_names_keep_their_surname(name: str, shown: str) -> None:
    """Only the surname shows, never how long the rest is."""
    assert mask_name(name) == shown


@pytest.mark.parametrize(
    ("phone", "shown"),
    [
        ("13812345678", "138****"),
        ("+86 138 1234 5678", "138****"),
        ("0757-83312345", "075****"),
        ("12345", "****"),
        ("", ""),
    ],
)
def test_phones_keep_three_digits(phone: str, shown: str) -> None:
    """The first three digits show, without the country code; short numbers not at all."""
    assert mask_phone(phone) == shown


@pytest.mark.parametrize(
    ("label", "shown"),
    [
        ("1幢302室", "1幢**室"),
        ("1幢2单元302室", "1幢**室"),
        ("丽景苑3座1201房", "丽景苑3座**房"),
        ("1号楼2单元", "1号楼**"),
        ("朝安路12号3座1201", "朝安路12号3座**"),
        ("12号302", "12号**"),
        ("302号", "**"),
        ("302室", "**"),
        ("A-302", "**"),
        ("丽景苑5栋", "**"),
        ("", ""),
    ],
)
def test_addresses_keep_their_building(label: str, shown: str) -> None:
    """Everything behind the building is hidden; a label of unknown shape is hidden whole."""
    assert mask_unit_label(label) == shown


@unhurried
@given(st.text("张欧阳小明王李", min_size=2, max_size=6))
def test_masked_names_of_any_length_look_alike(name: str) -> None:
    """A masked name is a surname of one or two characters and one star."""
    assert mask_name(name).endswith("*")
    assert len(mask_name(name)) <= 3


@pytest.mark.parametrize("number", ID_NUMBERS)
def test_identity_numbers_of_the_standard_are_valid(number: str) -> None:
    """The examples of GB 11643 pass, a small x too."""
    assert is_id_number(number)
    assert is_id_number(number.lower())


@pytest.mark.parametrize(
    "number",
    [
        "110105194912310021",  # wrong check digit
        "11010519491331002X",  # no such month
        "11010519490229002X",  # no such day
        "110105491231002",  # the old 15 digits
        "01010519491231002X",  # no region starts with 0
        "１1010519491231002X",  # a full-width digit
        "",
    ],
)
def test_impossible_identity_numbers_are_refused(number: str) -> None:
    """Wrong check digits, dates and shapes are refused."""
    assert not is_id_number(number)


@pytest.mark.parametrize("code", CREDIT_CODES)
def test_real_credit_codes_are_valid(code: str) -> None:
    """Codes in use pass; small letters are not written."""
    assert is_credit_code(code)
    assert not is_credit_code(code[:-1] + "I")
    assert not is_credit_code(code[:-1])


@unhurried
@given(st.sampled_from(ID_NUMBERS), st.integers(0, 16), st.integers(1, 9))
def test_one_wrong_digit_is_always_caught(number: str, place: int, shift: int) -> None:
    """MOD 11-2 catches every single wrong digit."""
    wrong = str((int(number[place]) + shift) % 10)
    assert not is_id_number(number[:place] + wrong + number[place + 1 :])


@unhurried
@given(st.sampled_from(CREDIT_CODES), st.integers(0, 17), st.sampled_from("0123456789ABCDEFGHJKLMNPQRTUWXY"))
def test_one_wrong_character_is_always_caught(code: str, place: int, character: str) -> None:
    """MOD 31 catches every single wrong character."""
    slipped = code[:place] + character + code[place + 1 :]
    assert is_credit_code(slipped) == (slipped == code)


@pytest.mark.parametrize(
    ("is_valid", "text"),
    [*((is_id_number, number) for number in ID_NUMBERS), *((is_credit_code, code) for code in CREDIT_CODES)],
)
def test_swapped_neighbours_are_always_caught(is_valid: Callable[[str], bool], text: str) -> None:
    """Both check characters notice two neighbours in the wrong order, wherever they stand."""
    for place in range(17):
        swapped = text[:place] + text[place + 1] + text[place] + text[place + 2 :]
        assert is_valid(swapped) == (swapped == text)


@pytest.mark.parametrize(
    ("text", "valid"),
    [("13812345678", True), ("19912345678", True), ("12812345678", False), ("1381234567", False),
     ("+8613812345678", False), ("138 1234 5678", False), ("１3812345678", False)],
)  # fmt: skip
def test_mobile_numbers_have_one_form(text: str, valid: bool) -> None:
    """Eleven digits from 13 to 19, nothing else."""
    assert is_mobile(text) is valid


def test_small_groups_are_hidden() -> None:
    """A group below ten is hidden, and with it the next larger one that it could be computed from."""
    assert small_groups({"1幢": 12, "2幢": 30}) == frozenset()
    assert small_groups({"1幢": 3, "2幢": 7, "3幢": 30}) == {"1幢", "2幢"}
    assert small_groups({"1幢": 3, "2幢": 12, "3幢": 30}) == {"1幢", "2幢"}
    assert small_groups({"1幢": 0, "2幢": 30}) == {"1幢"}
    assert small_groups({}) == frozenset()


@unhurried
@given(st.dictionaries(st.text("abcdef", min_size=1, max_size=3), st.integers(0, 40)), st.integers(1, 20))
def test_no_small_group_can_be_computed_from_the_total(sizes: dict[str, int], smallest: int) -> None:
    """Total less the groups shown is nothing, or at least ``smallest`` persons, or everybody."""
    hidden = small_groups(sizes, smallest)
    rest = sum(sizes[name] for name in hidden)
    assert all(name in hidden for name, size in sizes.items() if size < smallest)
    assert rest == 0 or rest >= smallest or hidden == sizes.keys()
