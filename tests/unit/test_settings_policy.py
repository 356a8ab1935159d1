"""A place below cannot get round the policy of a setting by the way it writes the value."""

from __future__ import annotations

from typing import Any

import pytest

from core.errors import DomainError
from core.settings import Override, Settings, Stricter, check_value, setting


class Rules(Settings):
    """Settings of a test."""

    days: int = setting(7, "Days.", override=Override.TIGHTEN_ONLY, stricter=Stricter.HIGHER)
    law: int = setting(3, "Fixed.", override=Override.NONE)


@pytest.mark.parametrize("value", [6, "6", 6.0, " 6 ", True, "1e0"])
def test_a_looser_value_is_refused_however_it_is_written(value: Any) -> None:
    """The policy compares what would be kept, not the JSON that was sent."""
    with pytest.raises(DomainError):
        check_value(Rules, "days", value, 7)


@pytest.mark.parametrize("value", [3, 4, "3", None, [], {}])
def test_what_the_law_fixes_stays(value: Any) -> None:
    """Nobody sets a value with the policy NONE, not even to what it is."""
    with pytest.raises(DomainError):
        check_value(Rules, "law", value, 3)


def test_a_stricter_value_is_kept_as_the_model_has_it() -> None:
    """A stricter value passes, as a number also when it was sent as text."""
    assert check_value(Rules, "days", "9", 7) == 9
