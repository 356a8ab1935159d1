"""The commands ``reseal`` and ``personal …``: keys anew, erasing by hand and again, the sweep of what is past its time."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import click

from core import erasure, looks, portability, resealing, rights
from core.access import Viewer
from core.kernel import Kernel
from core.terminal import MISCONFIGURED, REFUSED, development, end, run, say

KernelOf = Callable[[bool], AbstractAsyncContextManager[Kernel]]
SYSTEM = Viewer(system="command line")


def add_commands(app: click.Group, kernel_of: KernelOf) -> None:
    """Add the commands to an application; ``kernel_of`` opens the kernel, in development mode or not."""
    _add_reseal(app, kernel_of)

    @app.group("personal")
    def personal() -> None:
        """Look after personal data: categories, erasing, what is past its time."""

    _add_erasing(personal, kernel_of)
    _add_care(personal, kernel_of)
    _add_export(personal, kernel_of)


def _add_reseal(app: click.Group, kernel_of: KernelOf) -> None:
    @app.command("reseal")
    @click.option("--status", is_flag=True, help="Only say what is left to do; exit code 1 when there is something.")
    @click.option(
        "--batch", type=click.IntRange(1, 10_000), default=resealing.BATCH, help="How many rows are written at a time."
    )
    @development
    def reseal(status: bool, batch: int, dev: bool) -> None:
        """Seal anew what earlier secrets sealed, also while the server runs; interrupted, it goes on where it was."""

        async def work() -> None:
            async with kernel_of(dev) as kernel:
                if status:
                    _tell_left(await resealing.left(kernel))
                    return
                outcome = await resealing.reseal(
                    kernel, batch=batch, tell=lambda name, done: say(f"  {name}: {done} done")
                )
            click.echo(json.dumps({"done": outcome.done, "left": outcome.left, "unreadable": outcome.unreadable}))
            if outcome.unreadable:
                say("No secret given here opens these: add the one they were sealed with to SHANZHI_SECRET_PREVIOUS.")
            _tell_left(outcome.left)

        run(work)


def _add_care(personal: click.Group, kernel_of: KernelOf) -> None:
    @personal.command("categories")
    @click.option("--language", type=click.Choice(["zh", "en"]), default="zh", help="zh or en.")
    @development
    def categories(language: str, dev: bool) -> None:
        """Print what this server holds of persons, as lines of JSON: for the record of processing."""

        async def work() -> None:
            async with kernel_of(dev) as kernel:
                for data in kernel.personal_data:
                    texts = {name: data.text(name, language) for name in ("title", "purpose", "retention", "kept")}
                    told = {"code": data.code, "basis": data.basis.value, "source": data.source, **texts}
                    click.echo(json.dumps(told, ensure_ascii=False))

        run(work)

    @personal.command("tidy")
    @development
    def tidy(dev: bool) -> None:
        """Drop the looks that are past their time, and finish erasures that had to wait; the server does so every hour."""

        async def work() -> None:
            async with kernel_of(dev) as kernel:
                told = {"looks": await looks.forget_old(kernel), "erasures": await erasure.finish(kernel)}
                click.echo(json.dumps(told))

        run(work)


def _add_erasing(personal: click.Group, kernel_of: KernelOf) -> None:
    @personal.command("erase")
    @click.argument("person", required=False, help="The person's id, e.g. Person_123.")
    @click.option(
        "--from", "file", type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help="A file that `personal erased` wrote: erase all of it again, after a backup was restored.",
    )  # fmt: skip
    @development
    def erase(person: str | None, file: Path | None, dev: bool) -> None:
        """Erase a person who cannot close an account, or everybody on a list; what is kept is printed with its reason."""
        if (person is None) == (file is None):
            raise end(MISCONFIGURED, "name a person, or a file with --from")
        wanted = [_key(person)] if person is not None else [_key(one) for one in _listed(file)]

        async def work() -> None:
            async with kernel_of(dev) as kernel:
                async for told in _erase(kernel, wanted):
                    click.echo(json.dumps(told, ensure_ascii=False))

        run(work)

    @personal.command("erased")
    @development
    def erased(dev: bool) -> None:
        """Print who was erased, as lines of JSON: keep them apart from the backups, for `personal erase --from`."""

        async def work() -> None:
            async with kernel_of(dev) as kernel:
                for row in await kernel.database.fetch("SELECT person_id, at FROM core_erasure ORDER BY at, person_id"):
                    click.echo(json.dumps({"person": f"Person_{row['person_id']}", "at": row["at"]}))

        run(work)


def _add_export(personal: click.Group, kernel_of: KernelOf) -> None:
    @personal.command("export")
    @click.argument("person", help="The person's id, e.g. Person_123.")
    @click.option("--language", type=click.Choice(["zh", "en"]), default="zh", help="zh or en.")
    @development
    def export(person: str, language: str, dev: bool) -> None:
        """Print all that is held about a person who has no account, or about one who died, as JSON; it is on the trace."""
        key = _key(person)

        async def work() -> None:
            async with kernel_of(dev) as kernel:
                await kernel.perform(rights.export_person, SYSTEM, person_id=key)
                async for piece in portability.export(kernel, key, language):
                    click.echo(piece, nl=False)

        run(work)


def _tell_left(left: dict[str, int] | Any) -> None:
    for name, count in left.items():
        click.echo(f"left {name}: {count}")
    if left:
        raise end(
            REFUSED,
            "earlier secrets are still needed; run `reseal` again, with every plugin loaded that has sealed data",
        )
    click.echo("nothing is left under earlier secrets: SHANZHI_SECRET_PREVIOUS can be taken away")


def _listed(file: Path | None) -> list[str]:
    lines = file.read_text("utf-8").splitlines() if file is not None else []
    try:
        return [str(json.loads(line)["person"]) for line in lines if line.strip()]
    except (ValueError, KeyError, TypeError) as wrong:
        raise end(MISCONFIGURED, f"{file} is not what `personal erased` writes: {wrong}") from wrong


def _key(text: str) -> int:
    digits = text.rpartition("_")[2]
    if not (digits.isascii() and digits.isdigit()):
        raise end(MISCONFIGURED, f"{text} is no person's id; it is like Person_123")
    return int(digits)


async def _erase(kernel: Kernel, wanted: list[int]) -> AsyncIterator[dict[str, Any]]:
    for person in wanted:
        if await kernel.database.value("SELECT 1 FROM core_person WHERE id = ?", (person,)) is None:
            say(f"  Person_{person} is not in this database")
            continue
        report = await kernel.perform(erasure.erase_person, SYSTEM, person_id=person, by="command line")
        yield {"person": f"Person_{person}", "categories": report}
