"""Write the reference pages from the code, so that they cannot drift: ``python docs/generate.py``.

Each page is a pure function of what the kernel and the plugins of ``plugins.toml`` declare. ``--check`` writes nothing
and ends with 1 when a page is not what the code says.
"""

from __future__ import annotations

import ast
import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from core import config, declarations, own_data, roles  # noqa: E402  the tree is not installed when this runs as a script
from core.access import Permission  # noqa: E402
from core.errors import Problem  # noqa: E402
from core.events import EventType, Telling  # noqa: E402
from core.host import Host, Plugin  # noqa: E402
from core.indicators import Indicator  # noqa: E402
from core.kernel import load_host  # noqa: E402
from core.personal import PersonalData  # noqa: E402
from core.settings import Settings  # noqa: E402
from schema.errors import TYPES  # noqa: E402
from schema.meta import EDGE_PROBLEMS  # noqa: E402
from schema.policies import ROUTES  # noqa: E402

NOTE = "<!-- Written by `python docs/generate.py` from the code. Change the code, then run it again. -->"

ERRORS = (
    "Branch on `code`, never on the message. In a mutation's result union a failure is an object of the type named "
    "here; elsewhere it is a GraphQL error whose `extensions.code` is the kind in capitals and whose "
    "`extensions.problem` is the code. Messages come in the language of `Accept-Language` (zh-CN unless `en` is "
    "asked for); `{placeholders}` are filled in. `meta { problems { code kind messageZh messageEn } }` gives the same "
    "list over the API."
)
SETTINGS = (
    "What a community decides about its features. A value is set at a place from a moment on and holds there and "
    "below (`setSetting`); what is in force, and where it came from, is in "
    "`community { plugins { settings { key value source confidence setAt { name } } } }`. What a decision used is "
    "frozen into it."
)
MARKS = (
    "**Confidence**: `VERIFIED` the statutory text was read; `WEB` a secondary source was read; `MEMORY` not yet "
    "checked, never the only basis of a refusal; `DESIGN` our own choice where the law is silent. "
    "**Override**: `NONE` nobody; `TIGHTEN_ONLY` a place below may only be stricter; `CHOICE` a place may choose "
    "among the values; `FREE` any valid value."
)
PERMISSIONS = (
    "A role is a name and a set of permissions; both are data, and this is what a new database starts with. A person "
    "holds a role at a place for a time. *Office*: its permissions hold at the place and below; *Member*: at the place "
    "and everything above it (one belongs there); *Self*: everywhere. The administrators' three roles exclude each "
    "other and hold no permission of a plugin."
)
EVENTS = (
    "What `changes(after:)` and the subscription `changes` tell: `type` is one of these codes. An event of a matter is "
    "shown to whoever may see the matter; a public one without a matter to everybody; one that concerns a person to "
    "that person; all others to holders of `core.read_trace` at the place. Payloads hold ids, codes and numbers, never "
    "personal data. *News* are those of which people are told, in `community { feed }`: everybody who may see the matter, or "
    "the person concerned alone."
)
TOLD = {Telling.NOBODY: "", Telling.CONCERNED: "to the person concerned", Telling.EVERYBODY: "to everybody"}
ADDRESSES = (
    "Every address that a server answers over HTTP, and who is admitted there; what has no line here does not exist. Most front "
    "ends need the first two alone ([api.md](api.md)). Those of plugins answer 404 where their plugin is off at the place "
    "concerned; they are declared as [plugins.md](plugins.md#routes) shows."
)
INDICATORS = (
    "What is counted, and how: numerator and denominator of every figure that `community { indicators }` and the open data tell. "
    "A figure of a place is the sum over it and everything below it. There are no targets and no rankings; figures about fewer "
    "than ten persons are not told. *Settles*: so many days after its end a period is still counted."
)
CONFIGURATION = (
    "What the operator of a server decides; what a community decides is in [settings.md](settings.md). The command "
    "line beats the environment, which beats `[server]` in `plugins.toml`, which beats the default. Misspelt names are "
    "refused with the nearest right one. Secrets come from the environment only."
)
PLUGINS = (
    "`plugins.toml` also says which plugins are loaded: `strict`, and `load` and `installed` in `[plugins]`; see "
    "[plugins.md](plugins.md)."
)

# What a client does about each kind of failure: the same for every code of the kind.
REMEDIES = {
    "Unauthenticated": "Call `refresh` with the refresh token; if that fails too, show the login form.",
    "NotAllowed": "Show the message. Ask `viewerCan` beforehand and do not offer what is not allowed.",
    "NotFound": "Check the id. What the viewer may not see looks exactly like what does not exist.",
    "Invalid": "Show the message at the form field that `path` names. The same request will fail again.",
    "Conflict": "Read the object again and show its present state; then let the person decide anew.",
    "Disabled": "Hide the feature. `community { plugins { id enabled } }` says what is on.",
    "TooMany": "Wait for `retryAfter` seconds before the next try.",
}

# Where the remedy of the kind would mislead.
PARTICULAR = {
    "core.bad_credentials": "Let the person type again. Five wrong guesses lock the account for 15 minutes.",
    "core.session_ended": "Show the login form: this session cannot be refreshed.",
    "core.token_reused": "Show the login form, and say that somebody may have copied the session.",
    "core.idempotency_key_reused": "A mistake in the client: make a new key for every new request.",
    "core.suspended": "Show the message; signing in again will not help.",
}

# Codes of refusals before anything runs: `extensions.code` of an answer without `data`. HTTP statuses: docs/api.md.
TRANSPORT: Mapping[str, tuple[str, str]] = {
    "METHOD_NOT_ALLOWED": ("Neither GET nor POST, or a mutation by GET.", "Send mutations by POST."),
    "NOT_ACCEPTABLE": (
        "`Accept` allows neither JSON type.",
        "Accept `application/graphql-response+json` or `application/json`.",
    ),
    "URI_LIMIT": ("The query string of a GET is too long.", "Send the document by POST."),
    "UNSUPPORTED_ENCODING": ("The body has a content encoding.", "Send it uncompressed."),
    "UNSUPPORTED_MEDIA_TYPE": ("The body is not `application/json` in UTF-8.", "Send JSON."),
    "BODY_LIMIT": ("The body is over 1 MiB.", "Upload files through tickets; split large batches."),
    "BODY_TIMEOUT": ("The body took more than ten seconds to arrive.", "Try again on a better network."),
    "BAD_JSON": ("The body is not JSON.", "Correct the client."),
    "BAD_REQUEST": (
        "No document, parameters of wrong types, or a list of operations.",
        "Send one object with `query` and `variables`.",
    ),
    "GRAPHQL_PARSE_FAILED": ("The document is not GraphQL.", "Correct the document; `locations` says where."),
    "GRAPHQL_VALIDATION_FAILED": (
        "The document does not fit the schema. On `/c/<code>/graphql` also: the plugin is off there.",
        "Generate code from the SDL, so that this cannot happen.",
    ),
    "BAD_USER_INPUT": ("Variables do not fit their types.", "Correct the variables; the message names them."),
    "OPERATION_RESOLUTION_FAILURE": ("No operation of that name, or several and no name.", "Send `operationName`."),
    "UNSUPPORTED_OPERATION": ("A subscription over plain HTTP.", "Use the WebSocket, or poll `changes`."),
    "DEPTH_LIMIT": ("The document nests too deeply.", "Ask for inner objects by id in a second request."),
    "ALIAS_LIMIT": ("Too many aliases, or one too long.", "Ask for a list instead."),
    "ROOT_FIELD_LIMIT": ("Too many root fields.", "Send several requests."),
    "GUARDED_FIELD_LIMIT": ("More than one `login` in a request.", "Send one per request."),
    "TOKEN_LIMIT": ("The document is too long, counted in tokens.", "Split it."),
    "OVERLAP_LIMIT": ("One field is selected too many times in one place.", "Select it once."),
    "COST_LIMIT": ("The answer could grow too large.", "Ask for smaller pages (`first`)."),
    "SOURCE_LIMIT": ("The document is too long.", "Split it."),
    "INTROSPECTION_DISABLED": ("Introspection is off, as in production.", "Read `/schema.graphql`."),
    "INTROSPECTION_LIMIT": ("More than one introspection query at once.", "Send the standard one, once."),
    "PERSISTED_DOCUMENT_NOT_FOUND": ("No stored document has this id.", "Register it with the server's operator."),
    "TRUSTED_DOCUMENTS_ONLY": ("The server runs stored documents only.", "Send `documentId`."),
    "OPERATION_LIMIT": ("Too many operations on one socket.", "Complete some first."),
    "RATE_LIMITED": (
        "One person, or one address without a login, asked for more than `SHANZHI_RATE_LIMIT` allows.",
        "Wait for the seconds of `Retry-After`, then ask for less at a time. On a WebSocket, too.",
    ),
    "OVERLOADED": ("Too many operations at once.", "Wait a second and try again, with the same idempotency key."),
    "STOPPING": ("The server is restarting.", "Try again, with the same idempotency key."),
    "UNAVAILABLE": ("The database cannot be reached.", "Try again in a few seconds, with the same idempotency key."),
    "INTERNAL": ("Something went wrong on the server's side.", "Try again once; then report `requestId`."),
    "EXECUTION_ERROR": ("A field failed.", "The other fields of the answer are good."),
}

# Codes that the edge gives otherwise than by `refused(...)`: the generator finds the others by itself.
_OTHERWISE = {
    "GRAPHQL_PARSE_FAILED", "GRAPHQL_VALIDATION_FAILED", "BAD_USER_INPUT", "UNAVAILABLE", "INTERNAL", "EXECUTION_ERROR",
}  # fmt: skip


class Incomplete(Exception):
    """A page cannot be written: a plugin is not well, or a code has no explanation."""


def pages() -> dict[str, str]:
    """Return every generated page by its file name."""
    host = load_host(ROOT)
    unwell = [plugin.id for plugin in host.plugins.values() if not plugin.usable]
    if unwell:
        raise Incomplete(f"these plugins cannot be used: {', '.join(unwell)}; see `server.py plugin list`")
    return {
        "errors.md": errors_page(host),
        "settings.md": settings_page(host),
        "permissions.md": permissions_page(host),
        "events.md": events_page(host),
        "addresses.md": addresses_page(host),
        "indicators.md": indicators_page(host),
        "configuration.md": configuration_page(),
        "personal-data.md": personal_data_page(host),
    }


def errors_page(host: Host) -> str:
    """Describe every error code: the domain's by owner, then those of refused requests."""
    groups: list[tuple[str, Iterable[Problem]]] = [("core 核心", (*EDGE_PROBLEMS, *declarations.PROBLEMS))]
    groups += [(_title(plugin), plugin.problems) for plugin in _plugins(host) if plugin.problems]
    parts = [
        _head("Error codes 错误码"),
        ERRORS,
    ]
    for title, problems in groups:
        parts.append(f"## {title}")
        parts += [_problem(problem) for problem in sorted(problems, key=lambda p: p.code)]
    return _page([*parts, "## Refused requests 被拒绝的请求", *_transport()])


def _problem(problem: Problem) -> str:
    member, code = TYPES[problem.kind]
    return (
        f"### `{problem.code}`\n\n"
        f"- Type: `{member.__name__}`, elsewhere `extensions.code`: `{code}`\n"
        f"- 中文：{problem.zh}\n- English: {problem.en}\n"
        f"- What to do: {PARTICULAR.get(problem.code) or REMEDIES[problem.kind.__name__]}"
    )


def _transport() -> Iterator[str]:
    found = set(_refused_codes()) | _OTHERWISE
    if found != TRANSPORT.keys():
        raise Incomplete(
            f"explain these codes in docs/generate.py, or take them out: {sorted(found ^ TRANSPORT.keys())}"
        )
    yield (
        "The answer has no `data`; `errors[0].extensions.code` is one of these. Their HTTP statuses are in "
        "[api.md](api.md#statuses-状态码)."
    )
    for code in sorted(TRANSPORT):
        what, remedy = TRANSPORT[code]
        yield f"### `{code}`\n\n- What happened: {what}\n- What to do: {remedy}"


def _refused_codes() -> Iterator[str]:
    """Find the codes with which the edge refuses requests, where they are written."""
    for path in sorted((ROOT / "schema").glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Name)
                and node.func.id in {"refused", "refusal"}
            ):
                first = node.args[0] if node.args else None
                if isinstance(first, ast.Constant) and isinstance(first.value, str):
                    yield first.value


def settings_page(host: Host) -> str:
    """Describe every setting of every plugin."""
    parts = [
        _head("Settings 设置项"),
        SETTINGS,
        MARKS,
    ]
    for plugin in _plugins(host):
        if plugin.settings is not None and plugin.settings.model_fields:
            parts += [f"## {_title(plugin)}", *_settings(plugin.settings)]
    return _page(parts)


def _settings(model: type[Settings]) -> Iterator[str]:
    properties = model.model_json_schema().get("properties", {})
    definitions = model.model_json_schema().get("$defs", {})
    for name, info in model.model_fields.items():
        about: Any = info.json_schema_extra or {}
        default = info.get_default(call_default_factory=True)
        lines = [
            f"### `{name}`\n", f"{info.description}\n",
            f"- Default: `{json.dumps(getattr(default, 'value', default), ensure_ascii=False)}`{_unit(about)}",
            f"- Values: {_allowed(properties[name], definitions)}",
            f"- Source: {about.get('source')} · `{about.get('confidence')}`",
            f"- Override: `{about.get('override')}`{_stricter(about)}",
        ]  # fmt: skip
        yield "\n".join(lines)


def _unit(about: Mapping[str, Any]) -> str:
    return f" (`{about['unit']}`)" if about.get("unit") else ""


def _stricter(about: Mapping[str, Any]) -> str:
    return f", {str(about['stricter']).lower()} is stricter" if about.get("stricter") else ""


def _allowed(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> str:
    if "$ref" in schema:
        schema = definitions[schema["$ref"].rpartition("/")[2]]
    if "allOf" in schema:
        return _allowed(schema["allOf"][0], definitions)
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    if "minimum" in schema and "maximum" in schema:
        return f"{schema['minimum']} to {schema['maximum']}"
    if "pattern" in schema:
        return f"text like `{schema['pattern']}`"
    return {"boolean": "`true`, `false`", "integer": "whole numbers", "string": "text"}.get(
        str(schema.get("type")), str(schema.get("type", "JSON"))
    )


def permissions_page(host: Host) -> str:
    """List every permission with the roles that hold it in a new database, and the roles themselves."""
    parts = [
        _head("Permissions and roles 权限与角色"),
        PERMISSIONS,
        "## Roles 角色",
        _table(
            ("Role", "角色", "Title", "Reach", "Given by"),
            ((f"`{r.code}`", r.title_zh, r.title_en, r.reach.label_en, _codes(r.appointed_by)) for r in roles.ROLES),
        ),
        "## core 核心",
        _permissions(declarations.PERMISSIONS),
    ]
    for plugin in _plugins(host):
        if plugin.permissions:
            parts += [f"## {_title(plugin)}", _permissions(plugin.permissions)]
    return _page(parts)


def _permissions(permissions: Iterable[Permission]) -> str:
    return _table(
        ("Permission", "权限", "What it allows", "Roles"),
        ((f"`{p.code}`", p.title_zh, p.title_en, _codes(p.roles)) for p in permissions),
    )


def events_page(host: Host) -> str:
    """List every type of event of the change feed."""
    parts = [
        _head("Events 事件"),
        EVENTS,
        "## core 核心",
        _events(declarations.EVENTS),
    ]
    for plugin in _plugins(host):
        if plugin.event_types:
            parts += [f"## {_title(plugin)}", _events(plugin.event_types)]
    return _page(parts)


def _events(events: Iterable[EventType]) -> str:
    return _table(
        ("Event", "事件", "What happened", "Public", "News"),
        ((f"`{e.code}`", e.title_zh, e.title_en, "yes" if e.public else "", TOLD[e.tells]) for e in events),
    )


def addresses_page(host: Host) -> str:
    """List every address with who is admitted: the server's own, then those of plugins."""
    parts = [
        _head("Addresses 地址"), ADDRESSES, "## core 核心",
        _table(("Address", "Admitted"), ((f"`{path}`", why) for path, why in ROUTES.items())),
    ]  # fmt: skip
    for plugin in _plugins(host):
        if plugin.routes:
            rows = ((f"`{r.method} {r.path}`", r.admits.label_zh, r.admits.label_en, r.why) for r in plugin.routes)
            parts += [f"## {_title(plugin)}", _table(("Address", "准入", "Admitted", "Why that is safe"), rows)]
    return _page(parts)


def indicators_page(host: Host) -> str:
    """Describe every indicator: the data dictionary."""
    parts = [_head("Indicators 指标"), INDICATORS]
    for plugin in _plugins(host):
        if plugin.indicators:
            parts += [f"## {_title(plugin)}", *map(_indicator, plugin.indicators)]
    return _page(parts)


def _indicator(one: Indicator) -> str:
    lines = [
        f"### `{one.code}` {one.title_zh} {one.title_en}\n",
        f"- Kind: `{one.kind.value}` {one.kind.label_zh}"
        + (f" · `{one.zero.value}` {one.zero.label_zh}" if one.zero else ""),
        f"- 分子 Numerator: {one.numerator.zh} {one.numerator.en}",
    ]
    for label, words in (("分母 Denominator", one.denominator), ("覆盖 Coverage", one.coverage), ("单位 Unit", one.unit),
                         ("防止造假 Against making it look good", one.guard)):  # fmt: skip
        if words is not None:
            lines.append(f"- {label}: {words.zh} {words.en}")
    lines += [f"- Source: {one.source}", f"- Periods: {_codes(kind.value for kind in one.periods)}"]
    if one.settles_days:
        lines.append(f"- Settles: {one.settles_days} days")
    return "\n".join(lines)


def personal_data_page(host: Host) -> str:
    """Tell what a person may do, what an operator has to, and list what is held, category by category."""
    parts = [_head("Personal data 个人信息"), (ROOT / "docs" / "_personal-data.md").read_text("utf-8").strip()]
    groups = [("core 核心", own_data.PERSONAL_DATA)]
    groups += [(_title(plugin), plugin.personal_data) for plugin in _plugins(host) if plugin.personal_data]
    for title, declared in groups:
        parts += [f"### {title}", *map(_category, declared)]
    return _page(parts)


def _category(data: PersonalData) -> str:
    tables = dict.fromkeys(held.table for held in data.held)
    lines = [
        f"#### `{data.code}` {data.title_zh} {data.title_en}\n",
        f"- 目的：{data.purpose_zh} {data.purpose_en}",
        f"- 依据 Basis: `{data.basis.value}` {data.basis.label_zh}（{data.source}）",
        f"- 保存 Kept: {data.retention_zh} {data.retention_en}",
        f"- 注销时 When the account is closed: {_erasing(data)}",
        f"- Tables: {_codes(tables)}",
    ]
    return "\n".join(lines)


def _erasing(data: PersonalData) -> str:
    if not data.can_be_erased:
        return f"保留 kept. {data.kept_zh} {data.kept_en}"
    return "删除 erased." + (f" 例外 except: {data.kept_zh} {data.kept_en}" if data.kept_zh else "")


def configuration_page() -> str:
    """List every option of the server."""
    rows = (
        (f"`{o.env}`", f"`{o.name}`" if o.in_file else "never in a file", o.values, f"`{o.default}`", o.description)
        for o in config.describe()
    )
    return _page([
        _head("Configuration 服务器配置"),
        CONFIGURATION,
        _table(("Environment", "Key of `[server]`", "Values", "Default", "Meaning"), rows),
        PLUGINS,
    ])  # fmt: skip


def _plugins(host: Host) -> Sequence[Plugin]:
    return sorted(host.plugins.values(), key=lambda plugin: plugin.id)


def _title(plugin: Plugin) -> str:
    return f"{plugin.id} {plugin.manifest.title_zh}"


def _codes(codes: Iterable[str]) -> str:
    return ", ".join(f"`{code}`" for code in codes) or "–"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', '&#124;') for cell in line)} |" for line in lines)


def _head(title: str) -> str:
    return f"# {title}\n\n{NOTE}"


def _page(parts: Iterable[str]) -> str:
    return "\n\n".join(parts) + "\n"


def main(arguments: Sequence[str]) -> int:
    """Write the pages, or only compare them."""
    folder = ROOT / "docs"
    stale = [name for name, text in pages().items() if _read(folder / name) != text]
    if "--check" in arguments:
        sys.stdout.writelines(f"docs/{name} is not what the code says; run python docs/generate.py\n" for name in stale)
        return 1 if stale else 0
    for name, text in pages().items():
        (folder / name).write_text(text, "utf-8")
    sys.stdout.writelines(f"wrote docs/{name}\n" for name in stale)
    return 0


def _read(path: Path) -> str | None:
    return path.read_text("utf-8") if path.exists() else None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
