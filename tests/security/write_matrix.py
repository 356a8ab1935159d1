"""Write ``matrix.csv`` anew: ``make matrix``. Its diff is for review."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from typing import Any

from tests.security import matrix


async def main() -> None:
    """Work the table out and write it."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        template: dict[str, Any] = {"folder": folder, "made": {}}
        made = await matrix.stage(template, folder)
        matrix.FILE.write_text(matrix.write(await matrix.whole(made)), "utf-8")


if __name__ == "__main__":
    asyncio.run(main())
