"""Nothing is open by having been forgotten: what says nobody who may use it, the server does not take."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from graphql import GraphQLInputObjectType, GraphQLObjectType, GraphQLSchema
from starlette.routing import Route

from core import access
from core.host import Host, HostError, PluginList, PluginState
from core.kernel import Kernel
from core.plugin import deed
from schema import compose, policies
from schema.asgi import Site
from schema.compose import Profiles
from schema.declared import REGISTRY, Column, ToMany
from schema.paging import Filter, Order
from schema.policies import Guard, Policies, guarded
from schema.root import Query
from tests.contract import conformance
from tests.contract.host_samples import Samples, models, why


@pytest.fixture(scope="module")
def host() -> Host:
    """Return a host with every plugin there is, installed ones included."""
    return conformance.load(PluginList(installed=frozenset(conformance.installed())))


@pytest.fixture(scope="module")
def schema(host: Host) -> GraphQLSchema:
    """Return the schema of all of them."""
    return Profiles(host).superset()._schema


def missing(host: Host, schema: GraphQLSchema) -> set[str]:
    """Name what says nobody who may use it."""
    return set(Policies(schema, Profiles(host).permissions()).missing())


def test_everything_says_who_may_use_it(host: Host, schema: GraphQLSchema) -> None:
    """Every field, every id among the arguments, every mutation, subscription and node type, of all plugins there are."""
    told = dict(Policies(schema, Profiles(host).permissions()).all())
    fields = {f"{name}.{key}" for name, named in schema.type_map.items()
              if isinstance(named, GraphQLObjectType) and not name.startswith("__") for key in named.fields}  # fmt: skip
    assert fields <= set(told)
    assert [name for name, policy in told.items() if policy is None] == []
    assert "book_drifting" in host.plugins
    assert any(name.startswith("BookDrifting") for name in told)


@contextmanager
def declared_as(definition: Any, **metadata: Any) -> Iterator[None]:
    """Let the metadata of a field be others for a while; None takes a word away."""
    before = definition.metadata
    definition.metadata = {key: value for key, value in {**before, **metadata}.items() if value is not None}
    try:
        yield
    finally:
        definition.metadata = before


def guards(schema: GraphQLSchema) -> Iterator[tuple[str, Any, str]]:
    """Yield everything that rests on a word in a declaration: its name, its definition, the word."""
    for name, named in schema.type_map.items():
        if isinstance(named, GraphQLObjectType | GraphQLInputObjectType) and not name.startswith("__"):
            for key, found in named.fields.items():
                definition = (found.extensions or {}).get("strawberry-definition")
                for word in sorted(
                    {"guard", "deed", "ref", "names"} & set(getattr(definition, "metadata", None) or {})
                ):
                    yield f"{name}.{key}", definition, word


def test_without_its_policy_each_declaration_is_refused(host: Host, schema: GraphQLSchema) -> None:
    """Taken away one by one, each guard, deed and reference is missed by its name, and by nothing else."""
    tried = 0
    for name, definition, word in guards(schema):
        with declared_as(definition, **{word: None}):
            assert missing(host, schema) == {name}, word
        tried += 1
    assert tried > 150, tried


def test_a_deed_without_permission_or_step_is_refused(host: Host, schema: GraphQLSchema) -> None:
    """A mutation whose deed names no permission, one that nobody declares, or a step for nobody, is missed by its name."""
    mutations = schema.type_map["Mutation"]
    assert isinstance(mutations, GraphQLObjectType)
    for name, found in mutations.fields.items():
        definition = found.extensions["strawberry-definition"]
        spec = definition.metadata.get("deed")
        if spec is None:
            continue
        nobody = replace(spec.step, permission=None, own=False) if spec.step else None
        for without in (replace(spec, permission=None, step=nobody), replace(spec, permission="core.no_such_thing")):
            with declared_as(definition, deed=without):
                assert missing(host, schema) == {f"Mutation.{name}"}
    with pytest.raises(TypeError, match="needs a permission"):
        deed(on=next(iter(host.plugins["wishes"].lifecycles)))(nothing)


async def nothing(act: Any) -> None:
    """Do nothing."""


def test_a_type_without_a_predicate_is_refused(host: Host, schema: GraphQLSchema) -> None:
    """A node type that is not declared with a predicate is missed by its name, with every field that gives its rows."""
    for name in sorted(REGISTRY):
        declaration = REGISTRY.pop(name)
        try:
            assert name in missing(host, schema)
        finally:
            REGISTRY[name] = declaration


@contextmanager
def changed(name: str, **values: Any) -> Iterator[None]:
    """Let a declared type be otherwise for a while."""
    before = REGISTRY[name]
    REGISTRY[name] = replace(before, **values)
    try:
        yield
    finally:
        REGISTRY[name] = before


def test_what_is_masked_is_neither_filtered_nor_sorted_by_nor_shown_again() -> None:
    """A filter, an order, or a second field on a column that is masked is refused, naming both."""
    owners = replace(REGISTRY["Unit"].to_many["ownerships"], target="Owner", filters={}, where=None)
    by_name = replace(owners, filters={"name": Filter(str, "{t}.name LIKE ?", "By name.")})
    with changed("Unit", to_many={"owners": by_name}):
        assert list(policies.leaks("register")) == ["Unit.owners(name:) tells Owner.name, which is masked"]
    with changed("Unit", to_many={"owners": replace(owners, order=Order("{t}.phone_sealed"))}):
        assert list(policies.leaks("register")) == ["Unit.owners (order) tells Owner.phone_sealed, which is masked"]
    again = {**REGISTRY["Owner"].columns, "nick": Column("nick", "{t}.name")}
    with changed("Owner", columns=again):
        assert list(policies.leaks("register")) == ["Owner.nick shows name, which is masked elsewhere"]
    assert isinstance(owners, ToMany)
    assert [told for plugin in (None, *conformance.first_party(), *conformance.installed())
            for told in policies.leaks(plugin)] == []  # fmt: skip


# --- what the author of a plugin is told ------------------------------------------------------------------------------

OPEN_FIELD = """
import strawberry
from schema.compose import Fragments

@strawberry.type
class Queries:
    @strawberry.field(description="Everybody's names.")
    async def {field}(self, info: strawberry.Info) -> list[str]:
        return [row["name"] for row in await info.context.kernel.database.fetch("SELECT name FROM core_person")]

FRAGMENTS = Fragments(extends={{"Query": Queries}})
"""
GRAPHQL = """
@hookimpl
def graphql():
    from {module}.schema import FRAGMENTS
    return FRAGMENTS
"""
UNSEEN_ROWS = """
from schema.compose import Fragments
from schema.declared import column, declared
from schema.node import Node
from {module}.models import Item

@declared(Item)
class SampleItem(Node):
    \"\"\"A row that says nobody who may see it.\"\"\"

    label: str = column("Its label.")

FRAGMENTS = Fragments(types=(SampleItem,))
"""


@pytest.fixture
def samples(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Samples:
    """Return a folder with a sound plugin."""
    made = Samples(tmp_path, monkeypatch)
    made.sound("sound")
    return made


def refusal(samples: Samples, name: str) -> str:
    """Load, check the schemas, and return why one plugin is refused; the others go on."""
    host = samples.load()
    Profiles(host).check()
    assert host.plugins["sound"] in host.ready()
    assert host.plugins[name].state is PluginState.FAILED
    return why(host, name)


def test_a_plugin_with_a_field_without_a_policy_is_refused(samples: Samples) -> None:
    """The sentence names the plugin, the field and what to write; the other plugins go on."""
    module = f"{samples.package}.open_door"
    samples.plugin("open_door", GRAPHQL.format(module=module), {"schema.py": OPEN_FIELD.format(field="names")})
    said = refusal(samples, "open_door")
    assert "Query.names of open_door says nobody who may use it." in said
    assert "metadata=guarded(" in said


def test_a_plugin_with_a_type_without_a_predicate_is_refused(samples: Samples) -> None:
    """Rows of which nothing says who may see them do not even load."""
    module = f"{samples.package}.blind"
    table = models("blind", "label = fields.CharField(20)")["models.py"]
    files = {"schema.py": UNSEEN_ROWS.format(module=module), "models.py": table}
    samples.plugin("blind", GRAPHQL.format(module=module), files)
    said = refusal(samples, "blind")
    assert "blind.schema.SampleItem says nobody who may see its rows; pass visible=" in said


def test_the_kernel_does_not_start_without_its_own_policies(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the kernel itself leaves open stops the server, with the name of the field."""
    viewer = next(field for field in Query.__strawberry_definition__.fields if field.python_name == "viewer")  # type: ignore[attr-defined]
    monkeypatch.setattr(viewer, "metadata", {})
    with pytest.raises(HostError, match=r"Query\.viewer of core says nobody who may use it"):
        Profiles(Host({})).check()


def test_every_address_says_who_is_admitted(monkeypatch: pytest.MonkeyPatch) -> None:
    """An address that the table of ``schema.policies`` does not know keeps the application from being built."""

    async def opening() -> Kernel:
        raise AssertionError

    paths = {route.path for route in Site(opening, {}).routes() if isinstance(route, Route)}
    assert paths == set(policies.ROUTES)
    monkeypatch.delitem(policies.ROUTES, "/files/{id}/{holder}/{expires}/{signature}")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"/files/\{id\}"):
        Site(opening, {}).routes()


def test_a_guard_gives_its_reason() -> None:
    """Who opens something says why that is safe."""
    with pytest.raises(TypeError, match="says why"):
        guarded(Guard.EVERYONE, " ")
    assert compose.GUARD_IT.zh
    assert access.nobody(access.Sight(access.ANYONE, None)) == access.FALSE
