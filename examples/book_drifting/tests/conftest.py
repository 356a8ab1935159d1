"""The server of these tests loads this package beside the plugins of the tree."""

from __future__ import annotations

import pytest

from core.host import PluginList


@pytest.fixture
def plugin_list() -> PluginList:
    """Return what ``plugins.toml`` of a server with this brand says: ``installed = ["book_drifting==1.0.0"]``."""
    return PluginList(installed=frozenset({"book_drifting"}))
