"""Choices of a generated test, drawn where Hypothesis draws: thousands a document, so that shrinking finds the simplest."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from hypothesis.internal.conjecture.data import ConjectureData
from hypothesis.strategies import SearchStrategy

T = TypeVar("T")
Made_co = TypeVar("Made_co", covariant=True)


class Chooser:
    """Makes choices; the first of several, and "no", are the simplest, towards which a failing case shrinks."""

    def __init__(self, draw: Callable[[int, int], int]) -> None:
        self._draw = draw

    def below(self, count: int) -> int:
        """Choose a number from 0 to ``count - 1``."""
        return self._draw(0, count - 1) if count > 1 else 0

    def chance(self, percent: int) -> bool:
        """Say yes in about so many of a hundred cases."""
        return self.below(100) >= 100 - percent

    def one(self, items: Sequence[T]) -> T:
        """Choose one item."""
        return items[self.below(len(items))]

    def weighted(self, items: Sequence[tuple[int, T]]) -> T:
        """Choose one item, each as often as its weight says."""
        at = self.below(sum(weight for weight, _ in items))
        for weight, item in items:
            at -= weight
            if at < 0:
                return item
        raise AssertionError("the weights add up")


class Written(SearchStrategy[Made_co], Generic[Made_co]):
    """The strategy of whatever a function writes with a chooser.

    It draws its integers at the source: ``st.integers()`` drawn by a composite takes twenty times as long, and a document
    takes hundreds of them.
    """

    def __init__(self, write: Callable[[Chooser], Made_co]) -> None:
        super().__init__()
        self._write = write

    def do_draw(self, data: ConjectureData) -> Made_co:
        """Write one."""
        return self._write(Chooser(data.draw_integer))
