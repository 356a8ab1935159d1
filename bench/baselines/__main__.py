"""Run a baseline as a server of its own: ``python -m bench.baselines stock --port 8001``."""

from __future__ import annotations

import argparse

import uvicorn
from starlette.types import ASGIApp


def application(variant: str) -> ASGIApp:
    """Return the application of a variant; each imports only what it needs, so that its memory is its own."""
    if variant == "bare":
        from bench.baselines.bare import bare

        return bare
    if variant == "hand":
        from bench.baselines import hand

        return hand.application()
    from bench.baselines import stock

    return stock.application(is_cached=variant == "stock-cached")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m bench.baselines")
    parser.add_argument("variant", choices=("bare", "hand", "stock", "stock-cached"))
    parser.add_argument("--port", type=int, required=True)
    given = parser.parse_args()
    uvicorn.run(
        application(given.variant), host="127.0.0.1", port=given.port, loop="uvloop", http="httptools",
        log_level="warning", access_log=False, server_header=False,
    )  # fmt: skip
