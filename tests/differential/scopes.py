"""What a generated selection set has answered to so far, so that what is added to it can be merged.

The specification's rule, on the safe side: what has one response name has one type and, unless it stands under two
different object types, one field and the same arguments; and what is below it merges too.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Entry:
    """One field as it stands in a document."""

    parent: str
    parent_is_object: bool
    name: str
    arguments: str
    type: str
    is_leaf: bool
    uses: frozenset[str] = frozenset()  # variables in its arguments
    page: int | None = None  # how many items it asks for at most, if it is a list
    hint: str | None = None  # the type it probably leads to, where the schema says only an interface

    def fits(self, other: Entry) -> bool:
        """Say whether both may have the same response name."""
        if self.type != other.type:
            return False
        if (self.name, self.arguments) == (other.name, other.arguments):
            return True
        apart = self.parent_is_object and other.parent_is_object and self.parent != other.parent
        return apart and self.is_leaf


@dataclass
class Scope:
    """The fields that one object of the answer is asked for, by response name."""

    entries: dict[str, list[Entry]] = field(default_factory=dict)
    below: dict[str, Scope] = field(default_factory=dict)

    def admits(self, key: str, entry: Entry) -> bool:
        """Say whether a field may be asked for under this name."""
        return all(entry.fits(known) for known in self.entries.get(key, ()))

    def add(self, key: str, entry: Entry) -> Scope:
        """Add a field and return the scope below it."""
        known = self.entries.setdefault(key, [])
        if entry not in known:
            known.append(entry)
        return self.below.setdefault(key, Scope())

    def admits_all(self, other: Scope) -> bool:
        """Say whether everything of a fragment may be asked for here."""
        return all(self.admits(key, entry) for key, entries in other.entries.items() for entry in entries) and all(
            self.below[key].admits_all(inner) for key, inner in other.below.items() if key in self.below
        )

    def add_all(self, other: Scope) -> None:
        """Add everything of a fragment."""
        for key, entries in other.entries.items():
            for entry in entries:
                self.add(key, entry).add_all(Scope())
        for key, inner in other.below.items():
            self.below.setdefault(key, Scope()).add_all(inner)

    def known(self) -> Iterable[tuple[str, Entry]]:
        """Return what may be asked for again."""
        return [(key, entry) for key, entries in self.entries.items() for entry in entries]
