"""Showing less: masks for names, phones and addresses, hiding of small groups; and checks of official numbers.

A mask gives away nothing about what it hides, not even its length. A shape that a mask does not know is hidden whole.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date

SMALLEST_GROUP = 10

_SURNAMES = (
    "欧阳太史端木上官司马东方独孤南宫万俟闻人夏侯诸葛尉迟公羊赫连澹台皇甫宗政濮阳公冶太叔申屠公孙慕容仲孙钟离"
    "长孙宇文司徒鲜于司空闾丘子车亓官司寇巫马公西颛孙壤驷公良漆雕乐正宰父谷梁拓跋夹谷轩辕令狐段干百里呼延东郭"
    "南门羊舌微生梁丘左丘东门西门南荣第五"
)
_COMPOUND_SURNAMES = frozenset(_SURNAMES[at : at + 2] for at in range(0, len(_SURNAMES), 2))

# The first way of naming a building that occurs in a label wins; 号 alone is last, because it also numbers streets.
_BUILDING = re.compile(r".*?(?:幢|栋|座|号楼)"), re.compile(r".*?号")
_ROOM_WORD = re.compile(r"(?:室|房|户|号|铺)$")

_ID_NUMBER = re.compile(r"[1-9]\d{5}(\d{4})(\d{2})(\d{2})\d{3}[\dX]", re.ASCII)
_ID_WEIGHTS = tuple(pow(2, 17 - place, 11) for place in range(17))
_ID_CHECKS = "10X98765432"

_CREDIT_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_CREDIT_CODE = re.compile(rf"[{_CREDIT_ALPHABET}]{{2}}\d{{6}}[{_CREDIT_ALPHABET}]{{10}}", re.ASCII)
_CREDIT_WEIGHTS = tuple(pow(3, place, 31) for place in range(17))

_MOBILE = re.compile(r"1[3-9]\d{9}", re.ASCII)


def mask_name(name: str) -> str:
    """Keep the surname, compound ones included: 张三 → 张*, 欧阳小明 → 欧阳*. A single character shows nothing."""
    name = name.strip()
    if len(name) < 2:
        return "*" if name else ""
    surname = name[:2] if len(name) > 2 and name[:2] in _COMPOUND_SURNAMES else name[0]
    return f"{surname}*"


def mask_phone(phone: str) -> str:
    """Keep the first three digits without the country code: 13812345678 → 138****. Short numbers show nothing."""
    digits = "".join(character for character in phone if character.isdecimal())
    if len(digits) == 13 and digits.startswith("86"):
        digits = digits[2:]
    if len(digits) < 7:
        return "****" if phone.strip() else ""
    return f"{digits[:3]}****"


def mask_unit_label(label: str) -> str:
    """Keep the building, hide stairwell, floor and room: 1幢302室 → 1幢**室. Without a building nothing is shown."""
    label = label.strip()
    for pattern in _BUILDING:
        building = pattern.match(label)
        if building and building.end() < len(label):
            room_word = _ROOM_WORD.search(label, building.end() + 1)
            return f"{building.group()}**{room_word.group() if room_word else ''}"
    return "**" if label else ""


def small_groups(sizes: Mapping[str, int], smallest: int = SMALLEST_GROUP) -> frozenset[str]:
    """Name the groups whose figures must be hidden when the total of all groups is shown.

    Groups below ``smallest`` are hidden, empty ones included. If those hold together fewer than ``smallest`` persons,
    subtracting the shown groups from the total would lay them open: then the next larger groups are hidden as well.
    """
    hidden: set[str] = set()
    persons = 0
    for name, size in sorted(sizes.items(), key=lambda item: (item[1], item[0])):
        if size >= smallest and (not persons or persons >= smallest):
            break
        hidden.add(name)
        persons += size
    return frozenset(hidden)


def is_id_number(text: str) -> bool:
    """Check an 18-digit citizen identity number (GB 11643): its date, and the check digit of ISO 7064 MOD 11-2."""
    match = _ID_NUMBER.fullmatch(text.upper())
    if not match or not _is_date(*match.groups()):
        return False
    total = sum(int(digit) * weight for digit, weight in zip(text[:17], _ID_WEIGHTS, strict=True))
    return text[-1].upper() == _ID_CHECKS[total % 11]


def is_credit_code(text: str) -> bool:
    """Check a unified social credit code (GB 32100): 18 characters without I, O, S, V, Z; the last one checks."""
    if not _CREDIT_CODE.fullmatch(text):
        return False
    values = [_CREDIT_ALPHABET.index(character) for character in text]
    total = sum(value * weight for value, weight in zip(values[:17], _CREDIT_WEIGHTS, strict=True))
    return (total + values[-1]) % 31 == 0


def is_mobile(text: str) -> bool:
    """Check the form of a mainland mobile number: eleven digits from 13 to 19, without the country code."""
    return _MOBILE.fullmatch(text) is not None


def _is_date(year: str, month: str, day: str) -> bool:
    try:
        date(int(year), int(month), int(day))
    except ValueError:
        return False
    return True
