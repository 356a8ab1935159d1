"""The reference pages say what the code says."""

from __future__ import annotations

import pytest

from core import config, declarations
from docs import generate
from tests.conftest import ROOT

PAGES = generate.pages()


@pytest.mark.parametrize("name", sorted(PAGES))
def test_a_generated_page_is_what_the_generator_writes(name: str) -> None:
    """After a change of the code, ``python docs/generate.py`` was run."""
    assert (ROOT / "docs" / name).read_text("utf-8") == PAGES[name], "run python docs/generate.py"


def test_every_error_code_has_its_section() -> None:
    """Every code that the kernel and its plugins can give is explained, once."""
    host = generate.load_host(ROOT)
    codes = [problem.code for problem in (*declarations.PROBLEMS, *host.problems.values(), *generate.EDGE_PROBLEMS)]
    for code in codes:
        assert PAGES["errors.md"].count(f"\n### `{code}`\n") == 1


def test_every_option_of_the_server_is_documented() -> None:
    """Every environment variable that the server reads has its line."""
    for option in config.describe():
        assert f"| `{option.env}` |" in PAGES["configuration.md"]
