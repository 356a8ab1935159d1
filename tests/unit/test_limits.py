"""Static limits: what is too large is refused before it runs, and quickly."""

import sys
from collections.abc import Callable
from typing import Any

import pytest
from graphql import GraphQLSchema, build_schema, get_introspection_query, parse

from schema.cost import Cost
from schema.http_errors import Refused
from schema.limits import Limits, check_shape, operations_of
from schema.operations import Operations, document_id
from schema.requests import GraphQLRequest
from tests.unit.front_world import SCHEMA

LIBRARY = build_schema("""
    type Query { hello: String poll: Poll polls(first: Int = 20): Polls all: [Poll!]! grid: [[Poll]]
                 byIds(ids: [ID!]!): [Poll] tags: [String!]! search(first: Int): [Found] }
    type Poll { title: String options: [Option] polls(first: Int, last: Int): Polls self: Poll }
    type Option { label: String }
    type Polls { totalCount: Int edges: [Edge] nodes: [Poll] facets: [Option] }
    type Edge { cursor: String node: Poll }
    union Found = Poll | Option
    type Mutation { login: String code: String open: String }
""")


def shape_code(source: str, *, introspection: bool = True, **limits: Any) -> str | None:
    """Return the code a document is refused with for its shape."""
    try:
        check_shape(parse(source), Limits(**limits), allow_introspection=introspection)
    except Refused as no:
        return no.refusal.code
    return None


def cost(source: str, variables: dict[str, Any] | None = None, schema: GraphQLSchema = LIBRARY) -> int:
    """Return the cost of the first operation of a document."""
    document = parse(source)
    return Cost(schema, document, operations_of(document)[0], Limits()).of(variables or {})


def find_code(source: str, variables: dict[str, Any] | None = None, **options: Any) -> str | None:
    """Return the code a request is refused with, whatever for."""
    name = options.pop("name", None)
    try:
        Operations(SCHEMA, **options).find(GraphQLRequest(source, operation_name=name, variables=variables or {}))
    except Refused as no:
        return no.refusal.code
    return None


def chain(length: int, body: str, last: str) -> str:
    """Return a document whose fragments form a chain; ``%`` in the body stands for the next of them."""
    links = [f"fragment F{n} on Query {{ {body.replace('%', f'...F{n + 1}')} }}" for n in range(length)]
    return " ".join(["{ ...F0 }", *links, f"fragment F{length} on Query {{ {last} }}"])


def nested(depth: int) -> str:
    """Return a document so many fields deep."""
    return "{" + "self{" * (depth - 1) + "title" + "}" * depth


def test_depth_counts_fields_and_not_fragments() -> None:
    """Fourteen fields pass, fifteen do not, and fragments in between change nothing."""
    assert shape_code(nested(14)) is None
    assert shape_code(nested(15)) == "DEPTH_LIMIT"
    assert shape_code("{ self { ... { ... { ...A } } } } fragment A on Poll { self { title } }", max_depth=3) is None
    assert shape_code("{ self { ...A } } fragment A on Poll { self { title } }", max_depth=2) == "DEPTH_LIMIT"


def test_aliases_count_as_often_as_their_fragment_is_spread() -> None:
    """Thirty aliases pass, thirty-one do not, and hiding them in a fragment does not help."""
    assert shape_code("{" + " ".join(f"a{n}: poll {{ title }}" for n in range(5)) + "}", max_aliases=4) == "ALIAS_LIMIT"
    assert shape_code("{poll {" + " ".join(f"a{n}: title" for n in range(30)) + "}}") is None
    assert shape_code("{poll {" + " ".join(f"a{n}: title" for n in range(31)) + "}}") == "ALIAS_LIMIT"
    twice = "{ poll { ...A self { ...A } } } fragment A on Poll { x: title y: title }"
    assert shape_code(twice, max_aliases=4) is None
    assert shape_code(twice, max_aliases=3) == "ALIAS_LIMIT"


def test_an_alias_is_short() -> None:
    """An alias comes back with every value, so its length is bounded."""
    assert shape_code("{" + "a" * 200 + ": hello}") is None
    assert shape_code("{" + "a" * 201 + ": hello}") == "ALIAS_LIMIT"


def test_root_fields_are_those_of_the_answer() -> None:
    """Ten names in the answer pass; a field that merges with itself counts once, one in a fragment counts too."""
    assert shape_code("{" + " ".join(f"a{n}: hello" for n in range(10)) + "}") is None
    assert shape_code("{" + " ".join(f"a{n}: hello" for n in range(11)) + "}") == "ROOT_FIELD_LIMIT"
    assert shape_code("{" + "hello " * 20 + "}") is None
    hidden = "{ hello ...A ... { x: hello } } fragment A on Query { y: hello ...A }"
    assert shape_code(hidden, max_root_fields=3) is None
    assert shape_code(hidden, max_root_fields=2) == "ROOT_FIELD_LIMIT"


def test_a_guarded_field_runs_once_per_request() -> None:
    """Two guesses at a password in one request are refused, by alias, by fragment, and across guarded names."""
    guarded = frozenset({"login", "code"})
    assert shape_code("mutation { login }") is None
    assert shape_code("mutation { open login }") is None
    assert shape_code("mutation { login b: login }") == "GUARDED_FIELD_LIMIT"
    assert shape_code("mutation { login ...A } fragment A on Mutation { b: login }") == "GUARDED_FIELD_LIMIT"
    assert shape_code("mutation { login code }", guarded=guarded) == "GUARDED_FIELD_LIMIT"


def test_every_operation_of_a_document_keeps_the_limits() -> None:
    """A second operation is no place to hide."""
    assert shape_code("query A { hello } query B " + nested(15)) == "DEPTH_LIMIT"


def test_the_standard_introspection_passes_once() -> None:
    """The query that tools send passes with all its options; asking it again and again in one request does not."""
    standard = get_introspection_query(
        descriptions=True,
        specified_by_url=True,
        directive_is_repeatable=True,
        schema_description=True,
        input_value_deprecation=True,
        experimental_directive_deprecation=True,
        one_of=True,
    )
    assert shape_code(standard) is None
    assert cost(standard) == 1
    assert find_code(standard, allow_introspection=True) is None
    body = standard[standard.index("__schema") : standard.index("fragment FullType")].rstrip().removesuffix("}")
    assert shape_code(standard.replace(body, " ".join(f"s{n}: {body}" for n in range(3)))) == "INTROSPECTION_LIMIT"


def test_introspection_can_be_off() -> None:
    """A server in production answers neither __schema nor __type, hidden or not; __typename is no introspection."""
    for source in ('{ __type(name: "Poll") { name } }', "{ ...A } fragment A on Query { __schema { types { name } } }"):
        assert shape_code(source, introspection=False) == "INTROSPECTION_DISABLED"
    assert shape_code("{ __typename poll { __typename } }", introspection=False) is None


def test_introspection_that_multiplies_is_refused() -> None:
    """Lists of types inside lists of types, and aliases of them, are what makes introspection dear."""
    inner = "name type { name } args { name type { name } }"
    deep = "{ __schema { types { fields { " + inner + " type { fields { " + inner + " type { possibleTypes { name } } "
    assert shape_code(deep + "} } } } } }") == "INTROSPECTION_LIMIT"
    aliased = " ".join(f"a{n}: fields {{ {inner} }}" for n in range(10))
    assert shape_code("{ __schema { types { " + aliased + " } } }") == "INTROSPECTION_LIMIT"
    assert shape_code('{ __type(name: "Poll") { fields { name type { name fields { name } } } } }') is None


def test_a_field_costs_one() -> None:
    """Every selected field is a value in the answer, lists of scalars too; __typename is free."""
    assert cost("{ hello }") == 1
    assert cost("{ __typename hello poll { __typename title } }") == 3
    assert cost("{ tags }") == 1


def test_a_list_without_a_page_counts_twenty() -> None:
    """What is below a list is counted twenty times, four hundred times in a list of lists."""
    assert cost("{ all { title } }") == 1 + 20
    assert cost("{ all { title options { label } } }") == 1 + 20 * (1 + 1 + 20)
    assert cost("{ grid { title } }") == 1 + 400


def test_a_page_multiplies_what_is_in_its_lists_only() -> None:
    """The page size is the length of edges and nodes, not of the connection's other fields."""
    assert cost("{ polls(first: 5) { totalCount } }") == 2
    assert cost("{ polls(first: 5) { totalCount edges { cursor node { title } } } }") == 1 + 2 + 5 * 3
    assert cost("{ polls(first: 5) { facets { label } } }") == 1 + 1 + 20
    assert cost("{ polls { nodes { title } } }") == 1 + 1 + 20
    assert cost("{ poll { polls(last: 3) { nodes { title } } } }") == 1 + 1 + 1 + 3
    assert cost("{ search(first: 7) { ... on Poll { title } ... on Option { label } } }") == 1 + 7 * 2


def test_page_sizes_multiply() -> None:
    """Three pages of a hundred inside each other are a million values."""
    page = "polls(first: 100) { nodes { %s } }"
    inner = page % "title"
    assert cost("{" + page % (page % inner) + "}") > 1_000_000
    assert find_code("{" + page % (page % inner) + "}") == "COST_LIMIT"


def test_a_connection_in_a_fragment_keeps_its_page() -> None:
    """The lists of a connection are found through fragments, each spread with the page of its own parent."""
    fragments = "fragment C on Polls { nodes { ...P } } fragment P on Poll { title }"
    assert cost("{ polls(first: 3) { ...C } poll { polls(first: 5) { ... on Polls { ...C } } } } " + fragments) == (
        1 + 1 + 3 + 1 + 1 + 1 + 5
    )


def test_cost_follows_the_variables() -> None:
    """A page size in a variable counts with its value, its default, or an ordinary page."""
    source = "query ($n: Int%s) { polls(first: $n) { nodes { title options { label } } } }"
    plain, preset = source % "", source % " = 50"
    per_poll = 1 + 1 + 20
    assert cost(plain, {"n": 3}) == 2 + 3 * per_poll
    assert cost(plain) == cost(plain, {"n": None}) == 2 + 20 * per_poll
    assert cost(preset) == 2 + 50 * per_poll
    assert cost(preset, {"n": 2}) == 2 + 2 * per_poll


@pytest.mark.parametrize("odd", [-1, "many", True, [1] * 100, {"a": 1}, 100.0])
def test_an_odd_page_size_counts_as_a_full_page(odd: Any) -> None:
    """Whatever paging will refuse is counted as a page of a hundred until then."""
    assert cost("query ($n: Int) { polls(first: $n) { nodes { title } } }", {"n": odd}) == 2 + 100


def test_a_huge_page_size_is_refused_by_its_cost() -> None:
    """A page of a billion is refused before anybody tries it, given by variable or literal."""
    assert cost("query ($n: Int) { polls(first: $n) { nodes { title } } }", {"n": 10**9}) == 2 + 10**9
    assert find_code("{ polls(first: 2000000000) { nodes { title } } }") == "COST_LIMIT"
    assert find_code("{ polls(first: " + "9" * 5000 + ") { nodes { title } } }") == "GRAPHQL_VALIDATION_FAILED"


def test_ids_count_one_by_one() -> None:
    """A list that is asked for by ids is as long as the ids, in a literal or a variable."""
    assert cost('{ byIds(ids: ["1", "2", "3"]) { title } }') == 1 + 3
    assert cost("query ($ids: [ID!]!) { byIds(ids: $ids) { title } }", {"ids": ["1"] * 50}) == 1 + 50


def test_the_refusal_says_what_to_do() -> None:
    """Each refusal has a stable code and a message for the person who wrote the query."""
    with pytest.raises(Refused) as caught:
        Operations(SCHEMA).find(GraphQLRequest("{ polls(first: 100000) { nodes { title } } }"))
    assert caught.value.refusal.errors[0] == {
        "message": "The answer may hold 100002 values, over 20000. "
        "Ask for smaller pages (first) or for fewer fields in inner lists.",
        "extensions": {"code": "COST_LIMIT"},
    }


WIDE = {
    "fragments spread twice": chain(60, "% %", "hello"),
    "fragments spread twice below aliases": chain(85, "a: poll { title } % %", "hello"),
    "variables in fragments spread twice": "query ($n: Int) "
    + chain(60, "% %", "polls(first: $n) { nodes { title } }"),
    "introspection in fragments spread twice": chain(60, "% %", "__schema { types { name } }"),
    "every fragment spreads all later ones": " ".join(
        ["{ ...F0 }"]
        + [
            f"fragment F{n} on Query {{ hello {' '.join(f'...F{later}' for later in range(n + 1, 35))} }}"
            for n in range(35)
        ]
    ),
    "a cycle": "{ ...A } fragment A on Query { ...B ...B } fragment B on Query { ...A ...A }",
    "a chain of 140 fragments": chain(140, "%", "hello"),
    "one field 1,990 times": "{" + "hello " * 1990 + "}",
    "one object 480 times": "{" + "poll { title } " * 480 + "}",
    "one object 240 times, twice nested": "{" + "poll { polls { totalCount } } " * 200 + "}",
    "240 conflicting fields": "{" + " ".join(f"hello(name: {n})" for n in range(300)) + "}",
    "160 fragments side by side": " ".join(
        [
            "{",
            *(f"...F{n}" for n in range(150)),
            "}",
            *(f"fragment F{n} on Query {{poll{{title}}}}" for n in range(150)),
        ]
    ),
    "unknown fields": "{poll {" + " ".join(f"z{n}" for n in range(1990)) + "}}",
    "190 inline fragments": "{" + "... {" * 190 + "hello" + "}" * 191,
    "comments": "{ hello }" + "#\n" * 30_000,
    "tokens": "{" + "hello " * 30_000 + "}",
    "one long string": '{ hello(name: "' + "x" * 65_000 + '") }',
    "a deep value": "{ number(value: " + "[" * 900 + "1" + "]" * 900 + ") }",
    "many operations": " ".join(f"query Q{n} {{ hello }}" for n in range(390)),
}


MOST_CALLS = 1_250_000


def calls_made(work: Callable[[], object]) -> int:
    """Return how many calls and returns the interpreter sees during a piece of work: its size on any machine."""
    seen = 0

    def count(*_: object) -> None:
        nonlocal seen
        seen += 1

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        work()
    finally:
        sys.setprofile(before)
    return seen


@pytest.mark.parametrize("source", WIDE.values(), ids=WIDE.keys())
def test_no_document_keeps_the_server_busy(source: str) -> None:
    """The documents that stop other servers are decided on in a bounded number of calls.

    The bound is some 50 ms on an idle core; calls are counted, as a clock would also measure what else the machine does.
    """
    assert calls_made(lambda: find_code(source, allow_introspection=True)) < MOST_CALLS


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("fragments spread twice", "COST_LIMIT"),
        ("fragments spread twice below aliases", "DEPTH_LIMIT"),
        ("variables in fragments spread twice", "COST_LIMIT"),
        ("introspection in fragments spread twice", "INTROSPECTION_LIMIT"),
        ("every fragment spreads all later ones", "OVERLAP_LIMIT"),
        ("a cycle", "GRAPHQL_VALIDATION_FAILED"),
        ("a chain of 140 fragments", "DEPTH_LIMIT"),
        ("one field 1,990 times", "OVERLAP_LIMIT"),
        ("comments", "TOKEN_LIMIT"),
        ("tokens", "SOURCE_LIMIT"),
        ("one long string", None),
        ("a deep value", "DEPTH_LIMIT"),
    ],
)
def test_wide_documents_are_refused_for_the_right_reason(name: str, code: str | None) -> None:
    """Each has the code that tells its author what is wrong."""
    assert find_code(WIDE[name], allow_introspection=True) == code


def test_tokens_are_counted() -> None:
    """Two thousand words and signs pass the parser, one more does not."""
    assert find_code("{" + "hello " * 1998 + "}") == "OVERLAP_LIMIT"
    assert find_code("{" + "hello " * 1999 + "}") == "TOKEN_LIMIT"


def test_validation_lists_few_errors_without_suggestions() -> None:
    """Five errors are listed, none guesses at what was meant unless that is switched on."""
    source = "{ hell poll { titel " + " ".join(f"z{n}" for n in range(20)) + "} }"
    with pytest.raises(Refused) as production:
        Operations(SCHEMA).find(GraphQLRequest(source))
    assert len(production.value.refusal.errors) == 5
    assert all("Did you mean" not in error["message"] for error in production.value.refusal.errors)
    with pytest.raises(Refused) as development:
        Operations(SCHEMA, suggestions=True).find(GraphQLRequest(source))
    assert "Did you mean" in development.value.refusal.errors[0]["message"]


def test_the_operation_to_run_is_never_guessed() -> None:
    """One operation needs no name; several need one, and a name must exist."""
    source = 'query A { hello } mutation B { login(name: "x") }'
    assert find_code("query A { hello }") is None
    assert find_code(source) == "OPERATION_RESOLUTION_FAILURE"
    assert find_code(source, name="C") == "OPERATION_RESOLUTION_FAILURE"
    assert find_code("fragment F on Query { hello }") is not None
    found = Operations(SCHEMA).find(GraphQLRequest(source, operation_name="B"))
    assert (found.name, found.is_mutation) == ("B", True)


def test_a_document_is_parsed_once() -> None:
    """The same text gives the same prepared operation, a refused one the same refusal."""
    operations = Operations(SCHEMA)
    assert operations.find(GraphQLRequest("{ hello }")) is operations.find(GraphQLRequest("{ hello }"))
    refusals = []
    for _ in range(2):
        with pytest.raises(Refused) as caught:
            operations.find(GraphQLRequest("{ nope }"))
        refusals.append(caught.value.refusal)
    assert refusals[0] is refusals[1]


def test_schemas_share_no_cache() -> None:
    """Two schemas prepare the same document each for itself."""
    request = GraphQLRequest("{ hello }")
    assert Operations(SCHEMA).find(request) is not Operations(SCHEMA).find(request)


def test_one_off_documents_do_not_push_out_the_ones_in_use() -> None:
    """A stream of documents that never come back leaves a document that was used twice where it is."""
    operations = Operations(SCHEMA, max_entries=40, max_bytes=200_000)
    used = GraphQLRequest("{ hello }")
    operations.find(used)
    kept = operations.find(used)
    for number in range(300):
        operations.find(GraphQLRequest(f"query Q{number} {{ hello }}"))
    assert operations.find(used) is kept
    assert operations.cached <= 40
    assert operations.cached_bytes <= 200_000


def test_stored_documents_run_by_their_hash() -> None:
    """In trusted mode nothing else runs; in open mode they run beside everything else."""
    text = "query Greet { hello }"
    stored = GraphQLRequest(document_id=document_id(text))
    for mode in ("open", "trusted"):
        operations = Operations(SCHEMA, mode=mode, documents=[text])
        assert operations.find(stored).name == "Greet"
        with pytest.raises(Refused, match="PERSISTED_DOCUMENT_NOT_FOUND"):
            operations.find(GraphQLRequest(document_id="sha256:" + "0" * 64))
    with pytest.raises(Refused, match="TRUSTED_DOCUMENTS_ONLY"):
        operations.find(GraphQLRequest(text))


def test_a_stored_document_is_checked_when_the_server_starts() -> None:
    """A stored document that does not fit the schema stops the start and is named."""
    with pytest.raises(ValueError, match=r"query Old \{ gone \}"):
        Operations(SCHEMA, documents=["query Old { gone }"])
