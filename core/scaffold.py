"""Writing a new plugin, for the command line: ``python server.py plugin new NAME``."""

from __future__ import annotations

from core._host.scaffold import ScaffoldRefused, scaffold

__all__ = ["ScaffoldRefused", "scaffold"]
