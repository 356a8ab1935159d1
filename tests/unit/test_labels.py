"""Enums that people see carry their labels."""

import json

import pytest
import strawberry

from core.calendar import DayKind
from core.labels import Confidence, LabelledEnum, Source
from plugins.notices import rules as notices
from plugins.register import rules as register
from plugins.voting import rules as voting
from plugins.wishes import rules as wishes

ENUMS = [
    DayKind,
    Confidence,
    *(
        value
        for module in (notices, register, voting, wishes)
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, LabelledEnum) and value.__module__ == module.__name__
    ),
]


class Signal(LabelledEnum):
    """An enum of this test."""

    GREEN = "GREEN", "绿", "Green", "Go."
    RED = "RED", "红", "Red", "Stop."


def test_a_member_is_its_own_name_wherever_it_is_written() -> None:
    """Value, text, JSON and equality all give the member's name."""
    assert Signal.GREEN.value == str(Signal.GREEN) == f"{Signal.GREEN}" == Signal.GREEN == "GREEN"
    assert json.dumps(Signal.GREEN) == '"GREEN"'
    assert Signal("RED") is Signal.RED


def test_a_member_carries_its_labels() -> None:
    """Labels in both languages and a description are attributes."""
    assert (Signal.RED.label_zh, Signal.RED.label_en, Signal.RED.description) == ("红", "Red", "Stop.")
    assert Signal.RED.label("zh") == "红"
    assert Signal.RED.label("en") == "Red"


def test_a_value_other_than_the_name_is_refused() -> None:
    """A member whose value is not its name cannot be declared: database and API would disagree."""
    with pytest.raises(TypeError, match="write its own name"):

        class Wrong(LabelledEnum):
            ONE = "TWO", "一", "One", "First."


def test_graphql_takes_the_enum_in_and_gives_it_out() -> None:
    """Strawberry serves a labelled enum without any adapter."""
    strawberry.enum(Signal)

    @strawberry.type
    class Query:
        @strawberry.field
        def echo(self, value: Signal) -> Signal:
            return value

    result = strawberry.Schema(Query).execute_sync("{ echo(value: RED) }")
    assert result.data == {"echo": "RED"}


@pytest.mark.parametrize("enum", ENUMS, ids=lambda enum: enum.__name__)
def test_every_member_has_two_labels_and_one_sentence(enum: type[LabelledEnum]) -> None:
    """No value reaches a screen without its Chinese and English name and a description; names fit their column."""
    for member in enum:
        assert any("\u4e00" <= character <= "\u9fff" for character in member.label_zh)
        assert member.label_en.isascii()
        assert member.label_en[0].isupper()
        assert member.description.endswith(".")
        assert len(member.name) <= 40


def test_labels_are_unique_within_an_enum() -> None:
    """Two values of one enum never look alike to the reader."""
    for enum in ENUMS:
        for language in ("zh", "en"):
            labels = [member.label(language) for member in enum]
            assert len(set(labels)) == len(labels), enum


def test_a_source_shows_its_confidence() -> None:
    """A source reads as the citation with the mark of the reference."""
    assert str(Source("民法典278", Confidence.VERIFIED)) == "民法典278 [V]"
    assert [confidence.mark for confidence in Confidence] == ["V", "W", "M", "D"]
