"""What the kernel itself declares: its permissions, events, problems and deeds, collected from its modules."""

from __future__ import annotations

from core import (
    accounts,
    administration,
    attachments,
    branches,
    communities,
    consents,
    errors,
    identities,
    people,
    rights,
)
from core.access import Permission
from core.errors import Problem
from core.events import EventType
from core.work import DeedSpec

_MODULES = (communities, branches, people, accounts, attachments, administration, consents, rights, identities)

PERMISSIONS: tuple[Permission, ...] = tuple(p for module in _MODULES for p in getattr(module, "PERMISSIONS", ()))
EVENTS: tuple[EventType, ...] = tuple(e for module in _MODULES for e in getattr(module, "EVENTS", ()))
PROBLEMS: tuple[Problem, ...] = (*errors.PROBLEMS, *(p for m in _MODULES for p in getattr(m, "PROBLEMS", ())))
DEEDS: tuple[DeedSpec, ...] = tuple(d for module in _MODULES for d in getattr(module, "DEEDS", ()))
