"""Lends the running server of ``tests/`` to the tests that plugins keep beside their code."""

from tests.conftest import _no_templates_left, _template, database, plugin_list, world

__all__ = ["_no_templates_left", "_template", "database", "plugin_list", "world"]
