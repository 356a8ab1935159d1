"""GraphQL over HTTP: every request gets an answer it can read, and no answer says more than it should."""

import asyncio
import json
import logging
import time
from collections.abc import AsyncIterator
from typing import Any

import httpx
import orjson
import pytest
import strawberry
from starlette.responses import HTMLResponse
from starlette.types import Message, Scope

from schema.execution import Caller, StockExecutor, Work
from schema.front import GRAPHQL, JSON, GraphQLFront, accepted
from schema.http_errors import Profile, Refused
from schema.limits import Limits
from schema.operations import Prepared, document_id
from schema.requests import KEPT_BODIES, GraphQLRequest, strict_json
from schema.streams import EVENTS
from tests.unit.front_world import SCHEMA, client_of, make_world

NEW = {"accept": GRAPHQL}
HELLO = {"query": "{ hello }"}


def code(response: httpx.Response) -> str:
    """Return the code of the first error of an answer."""
    return str(response.json()["errors"][0]["extensions"]["code"])


async def post(body: Any, *, limits: Limits | None = None, **headers: str) -> httpx.Response:
    """Send one request to a fresh front: an object as JSON, anything else as it is."""
    content = orjson.dumps(body) if isinstance(body, dict) else body
    async with make_world(limits).client(**{"content_type": JSON} | headers) as client:
        return await client.post("/", content=content)


async def test_an_answer_has_the_headers_of_one() -> None:
    """JSON in UTF-8, not to be stored or sniffed, with an id, and without a word about the server."""
    response = await post(HELLO)
    assert response.json() == {"data": {"hello": "hello world"}}
    assert response.headers["content-type"] == "application/json; charset=utf-8"
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["x-content-type-options"] == "nosniff"
    assert len(response.headers["x-request-id"]) == 16
    assert not {"server", "x-powered-by"} & set(response.headers)


@pytest.mark.parametrize(
    ("header", "media"),
    [
        (None, JSON),
        ("", JSON),
        ("*/*", JSON),
        ("application/*", JSON),
        (JSON, JSON),
        (GRAPHQL, GRAPHQL),
        (f"{GRAPHQL}; charset=utf-8, {JSON}; charset=utf-8", GRAPHQL),
        (f"{GRAPHQL}, {JSON};q=0.9", GRAPHQL),
        (f"{JSON}, {GRAPHQL}", GRAPHQL),
        (f"{GRAPHQL};q=0.5, {JSON}", JSON),
        (f"{JSON};q=0, */*", None),
        (f"{GRAPHQL};q=0", None),
        (f"{GRAPHQL.upper()} ; Q=0.5", GRAPHQL),
        (f"{JSON};q=lots", None),
        ("text/html", None),
        ("multipart/mixed", None),
        (EVENTS, EVENTS),
        (f"{EVENTS}, multipart/mixed", EVENTS),
        (f"{EVENTS};q=0", None),
        (f"{EVENTS}, {JSON};q=0.1", JSON),
    ],
)
def test_the_type_of_the_answer_is_negotiated(header: str | None, media: str | None) -> None:
    """The client's weights decide; without a wish the answer is plain JSON."""
    assert accepted(header) == media


# What each kind of bad request gets: (request, status for new clients by profile, status for legacy clients, code).
QUERY_INT = "query ($value: Int!) { number(value: $value) }"
REFUSALS: dict[str, tuple[bytes, int, int, int, str]] = {
    "no body": (b"", 400, 400, 400, "BAD_JSON"),
    "no JSON": (b"{", 400, 400, 400, "BAD_JSON"),
    "not UTF-8": (b'{"query": "\xff"}', 400, 400, 400, "BAD_JSON"),
    "UTF-16": ('{"query": "{ hello }"}'.encode("utf-16"), 400, 400, 400, "BAD_JSON"),
    "not a number": (b'{"query": "{ hello }", "variables": {"x": NaN}}', 400, 400, 400, "BAD_JSON"),
    "minus infinity": (b'{"query": "{ hello }", "variables": {"x": -Infinity}}', 400, 400, 400, "BAD_JSON"),
    "a float too large": (b'{"query": "{ hello }", "variables": {"x": 1e999}}', 400, 400, 400, "BAD_JSON"),
    "a key twice": (b'{"query": "{ hello }", "query": "{ boom }"}', 400, 400, 400, "BAD_JSON"),
    "an inner key twice": (b'{"query": "{ hello }", "variables": {"a": 1, "a": 2}}', 400, 400, 400, "BAD_JSON"),
    "deep": (b'{"query": "{ hello }", "variables": {"x": ' + b"[" * 63 + b"]" * 63 + b"}}", 400, 400, 400, "BAD_JSON"),
    "very deep": (b"[" * 100_000, 400, 400, 400, "BAD_JSON"),
    "a long integer": (b'{"query": "{ hello }", "variables": {"x": ' + b"9" * 33 + b"}}", 400, 400, 400, "BAD_JSON"),
    "an endless integer": (b'{"variables": ' + b"9" * 900_000 + b"}", 400, 400, 400, "BAD_JSON"),
    "half a character": (b'{"query": "{ hello }", "variables": {"x": "\\ud800"}}', 400, 400, 400, "BAD_JSON"),
    "a NUL": (b'{"query": "{ hello }", "variables": {"\\u0000": 1}}', 400, 400, 400, "BAD_JSON"),
    "null": (b"null", 422, 400, 400, "BAD_REQUEST"),
    "a number": (b"12", 422, 400, 400, "BAD_REQUEST"),
    "a text": (b'"{ hello }"', 422, 400, 400, "BAD_REQUEST"),
    "a batch": (b'[{"query": "{ hello }"}]', 422, 400, 400, "BAD_REQUEST"),
    "no document": (b'{"qeury": "{ hello }"}', 400, 400, 400, "BAD_REQUEST"),
    "two documents": (b'{"query": "{ hello }", "documentId": "sha256:0"}', 422, 400, 400, "BAD_REQUEST"),
    "a number as document": (b'{"query": 1}', 422, 400, 400, "BAD_REQUEST"),
    "a list of variables": (b'{"query": "{ hello }", "variables": [1]}', 422, 400, 400, "BAD_REQUEST"),
    "a number as name": (b'{"query": "{ hello }", "operationName": 1}', 422, 400, 400, "BAD_REQUEST"),
    "a text as extensions": (b'{"query": "{ hello }", "extensions": "x"}', 422, 400, 400, "BAD_REQUEST"),
    "no GraphQL": (b'{"query": "{"}', 400, 400, 200, "GRAPHQL_PARSE_FAILED"),
    "an empty document": (b'{"query": ""}', 400, 400, 200, "GRAPHQL_PARSE_FAILED"),
    "an unknown field": (b'{"query": "{ nope }"}', 422, 400, 200, "GRAPHQL_VALIDATION_FAILED"),
    "a definition": (b'{"query": "type T { x: Int }"}', 422, 400, 200, "GRAPHQL_VALIDATION_FAILED"),
    "an unknown operation": (
        b'{"query": "{ hello }", "operationName": "X"}', 422, 400, 200, "OPERATION_RESOLUTION_FAILURE"
    ),
    "no name for two": (b'{"query": "query A {hello} query B {hello}"}', 422, 400, 200, "OPERATION_RESOLUTION_FAILURE"),
    "a variable missing": (orjson.dumps({"query": QUERY_INT}), 422, 400, 200, "BAD_USER_INPUT"),
    "a variable of another type": (
        orjson.dumps({"query": QUERY_INT, "variables": {"value": "x"}}), 422, 400, 200, "BAD_USER_INPUT"
    ),
    "too dear": (b'{"query": "{ polls(first: 90000) { nodes { title } } }"}', 422, 400, 200, "COST_LIMIT"),
    "an unknown stored document": (b'{"documentId": "sha256:0"}', 422, 400, 200, "PERSISTED_DOCUMENT_NOT_FOUND"),
    "a subscription": (b'{"query": "subscription { count(to: 1) }"}', 422, 400, 200, "UNSUPPORTED_OPERATION"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSALS)
async def test_a_refusal_is_json_with_a_code(name: str) -> None:
    """Whatever is sent, the answer is a GraphQL response without data, with the status of the client's profile."""
    body, hybrid, draft, legacy, expected = REFUSALS[name]
    for accept, profile, status in ((GRAPHQL, "hybrid", hybrid), (GRAPHQL, "draft", draft), (JSON, "hybrid", legacy)):
        async with make_world(profile=profile).client(accept=accept, content_type=JSON) as client:
            response = await client.post("/", content=body)
        assert (response.status_code, code(response)) == (status, expected), (profile, accept)
        assert response.headers["content-type"] == f"{accept}; charset=utf-8"
        assert "data" not in response.json()
        assert all(len(error["message"]) <= 200 for error in response.json()["errors"])
        assert len(response.content) < 2000


async def test_what_strict_json_refuses_ends_where_ordinary_json_begins() -> None:
    """Sixty-four levels, thirty-two digits, pairs of surrogates and escaped backslashes are ordinary."""
    deep: Any = 1
    for _ in range(62):
        deep = [deep]
    variables = {"deep": deep, "digits": 10**31, "text": "🏃 \\u0000 \\ud800"}
    body = json.dumps({"query": "{ hello }", "variables": variables}).encode()
    assert (await post(body)).json() == {"data": {"hello": "hello world"}}
    assert (await post(b'{"query": "{ hello }", "variables": null, "operationName": "", "more": 1}')).status_code == 200


MEBIBYTE = 1 << 20
LARGE = {
    "lists": b"[" + b"[]," * (MEBIBYTE // 3 - 2) + b"[]]",
    "nested lists": b"[" + (b"[" * 63 + b"]" * 63 + b",") * 8000 + b"1]",
    "objects": b"[" + b'{"a":1},' * (MEBIBYTE // 8 - 4) + b"{}]",
    "integers": b"[" + b"1," * (MEBIBYTE // 2 - 4) + b"1]",
    "fractions": b"[" + b"0.5," * (MEBIBYTE // 4 - 4) + b"1]",
    "escapes": b'["' + b"\\u0041" * (MEBIBYTE // 6 - 8) + b'\\u0000"]',
    "keys": b"{" + b",".join(b'"%d":1' % number for number in range(49_000)) + b"}",
    "brackets": b"[" * MEBIBYTE,
}


@pytest.mark.parametrize("name", LARGE)
def test_no_body_keeps_the_server_busy(name: str) -> None:
    """The dearest bodies of one mebibyte are decided on within a fraction of a second of processor time, best of three.

    They take at most 20 ms on an idle core and 80 ms on a machine that runs other tests; without limits it is seconds.
    """
    times = []
    for _ in range(3):
        started = time.thread_time()
        with pytest.raises(Refused):
            GraphQLRequest.from_json(strict_json(LARGE[name]))
        times.append(time.thread_time() - started)
    assert min(times) < 0.4


async def test_a_body_that_came_before_means_the_same_again() -> None:
    """Whatever came in between, and however much of it: bodies that are remembered belong to their own bytes."""
    async with make_world().client() as client:
        for _ in range(2):
            for number in range(KEPT_BODIES + 20):
                query = {"query": "query ($name: String) { hello(name: $name) }", "variables": {"name": f"n{number}"}}
                found = (await client.post("/", json=query)).json()
                assert f"n{number}" in found["data"]["hello"]
            assert (
                await client.post("/", json={"query": "{ hello"})
            ).status_code == 200  # a legacy client's parse error
            assert "errors" in (await client.post("/", json={"query": "{ hello"})).json()


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"])
async def test_other_methods_are_refused_with_the_allowed_ones(method: str) -> None:
    """Only GET and POST, as mini-programs can send no more."""
    async with make_world().client() as client:
        response = await client.request(method, "/")
    assert (response.status_code, code(response)) == (405, "METHOD_NOT_ALLOWED")
    assert response.headers["allow"] == "GET, POST"


@pytest.mark.parametrize(
    ("headers", "status", "expected"),
    [
        ({"content_type": "text/plain"}, 415, "UNSUPPORTED_MEDIA_TYPE"),
        ({"content_type": "multipart/form-data; boundary=x"}, 415, "UNSUPPORTED_MEDIA_TYPE"),
        ({"content_type": "application/x-www-form-urlencoded"}, 415, "UNSUPPORTED_MEDIA_TYPE"),
        ({"content_type": "application/graphql"}, 415, "UNSUPPORTED_MEDIA_TYPE"),
        ({"content_type": ""}, 415, "UNSUPPORTED_MEDIA_TYPE"),
        ({"content_type": "application/json; charset=gbk"}, 415, "UNSUPPORTED_MEDIA_TYPE"),
        ({"content_encoding": "gzip"}, 415, "UNSUPPORTED_ENCODING"),
        ({"content_encoding": "identity, br"}, 415, "UNSUPPORTED_ENCODING"),
        ({"accept": "text/html"}, 406, "NOT_ACCEPTABLE"),
        ({"content_type": 'Application/JSON; charset="UTF-8"'}, 200, None),
        ({"content_encoding": "identity"}, 200, None),
    ],
)
async def test_types_other_than_json_are_refused(headers: dict[str, str], status: int, expected: str | None) -> None:
    """A form of a foreign page cannot send what this front reads, so it cannot act for its visitor."""
    response = await post(HELLO, **headers)
    assert response.status_code == status
    assert expected is None or code(response) == expected


async def test_a_body_over_the_limit_is_refused_unread() -> None:
    """An announced length is believed, another is counted; the connection ends with the refusal."""
    limits = Limits(max_bytes=1000)

    async def drops() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield b" " * 100

    announced = await post(b" " * 1001, limits=limits)
    counted = await post(drops(), limits=limits)
    for response in (announced, counted):
        assert (response.status_code, code(response)) == (413, "BODY_LIMIT")
    assert announced.headers["connection"] == "close"
    assert (await post(b'{"query": "{ hello }"}' + b" " * 978, limits=limits)).status_code == 200
    assert (await post(HELLO, limits=limits, content_length="9" * 40)).status_code == 413


async def test_queries_may_come_by_get() -> None:
    """The parameters stand in the address, variables as JSON."""
    async with make_world().client(**NEW) as client:
        variables = json.dumps({"value": 3})
        found = await client.get("/", params={"query": QUERY_INT, "variables": variables, "operationName": ""})
        assert found.json() == {"data": {"number": 3}}
        for query_string, expected in {
            "": "BAD_REQUEST",
            "query=": "BAD_REQUEST",
            "query=%FF": "BAD_REQUEST",
            "query={hello}&query={boom}": "BAD_REQUEST",
            "query={hello}&variables={": "BAD_JSON",
            "query={hello}&variables=[1]": "BAD_REQUEST",
        }.items():
            refused = await client.get("/?" + query_string)
            assert (refused.status_code // 100, code(refused)) == (4, expected)


async def test_an_address_too_long_is_refused() -> None:
    """A document that long belongs into a body."""
    async with make_world(Limits(max_source=100)).client() as client:
        response = await client.get("/", params={"query": "{ hello }" + " " * 100})
    assert (response.status_code, code(response)) == (414, "URI_LIMIT")


@pytest.mark.parametrize("accept", [GRAPHQL, JSON])
async def test_mutations_never_come_by_get(accept: str) -> None:
    """A link that somebody clicks changes nothing."""
    async with make_world().client(accept=accept) as client:
        response = await client.get("/", params={"query": 'mutation { login(name: "x") }'})
    assert (response.status_code, code(response)) == (405, "METHOD_NOT_ALLOWED")
    assert response.headers["allow"] == "POST"


async def test_a_browser_gets_the_page_and_a_program_does_not() -> None:
    """Only a GET that prefers HTML and asks for nothing is somebody opening the address."""

    async def page(scope: Scope) -> HTMLResponse:
        return HTMLResponse(f"<h1>{scope['path']}</h1>")

    browser = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
    async with make_world(page=page).client(accept=browser) as client:
        assert (await client.get("/graphql")).text == "<h1>/graphql</h1>"
        assert (await client.get("/?operationName=&query={hello}")).json() == {"data": {"hello": "hello world"}}
        assert (await client.post("/", json=HELLO)).json() == {"data": {"hello": "hello world"}}
        assert code(await client.get("/", headers={"accept": "*/*"})) == "BAD_REQUEST"
    async with make_world().client(accept=browser) as client:
        assert code(await client.get("/graphql")) == "BAD_REQUEST"


async def test_stored_documents_alone_can_be_allowed() -> None:
    """In trusted mode a document runs by its hash, over GET and POST, and nothing else does."""
    stored = "query Greet($name: String!) { hello(name: $name) }"
    async with make_world(mode="trusted", documents=[stored]).client() as client:
        request = {"documentId": document_id(stored), "variables": {"name": "you"}}
        assert (await client.post("/", json=request)).json() == {"data": {"hello": "hello you"}}
        parameters = {"documentId": document_id(stored), "variables": '{"name": "you"}'}
        assert (await client.get("/", params=parameters)).json() == {"data": {"hello": "hello you"}}
        assert code(await client.post("/", json={"query": stored})) == "TRUSTED_DOCUMENTS_ONLY"


async def test_the_context_is_made_from_the_caller() -> None:
    """Resolvers see the context; it is made once per request, from headers and nothing else."""
    world = make_world()
    async with world.client(authorization="Bearer abc") as client:
        assert (await client.post("/", json={"query": "{ authorization }"})).json() == {
            "data": {"authorization": "Bearer abc"}
        }
    assert [context.caller.transport for context in world.contexts] == ["http"]


@pytest.mark.parametrize(
    ("token", "status", "header", "expected"),
    [
        ("bad", 401, {"www-authenticate": "Bearer"}, "UNAUTHENTICATED"),
        ("often", 429, {"retry-after": "30"}, "TOO_MANY_REQUESTS"),
        ("broken", 503, {}, "INTERNAL"),
        ("down", 503, {"retry-after": "5"}, "UNAVAILABLE"),
    ],
)
@pytest.mark.parametrize("query", ["{ hello }", 'mutation { login(name: "x") }'])
async def test_a_caller_can_be_turned_away(
    token: str, status: int, header: dict[str, str], expected: str, query: str
) -> None:
    """What the context raises becomes a status and a body that says the same; a failure says nothing of itself."""
    response = await post({"query": query}, authorization=f"Bearer {token}", accept_language="en-GB,zh;q=0.5")
    assert (response.status_code, code(response)) == (status, expected)
    assert header.items() <= response.headers.items()
    assert "hunter2" not in response.text
    assert "10.0.0.7" not in response.text


async def test_a_database_that_is_away_is_told_as_such() -> None:
    """A field that needed it says to try again, without saying where the database is."""
    response = await post({"query": "{ hello down }"})
    assert response.json()["data"] == {"hello": "hello world", "down": None}
    assert code(response) == "UNAVAILABLE"
    assert "10.0.0.7" not in response.text


async def test_a_domain_error_is_told_in_the_clients_language() -> None:
    """Chinese unless the client prefers English; the stable code stands beside the kind."""
    for language, message in (("en", "The poll is closed."), ("zh-CN,en", "表决已截止。"), ("fr", "表决已截止。")):
        error = (await post({"query": "{ strict }"}, accept_language=language)).json()["errors"][0]
        assert error["message"] == message
        assert error["extensions"] == {"code": "CONFLICT", "problem": "voting.poll_closed"}
        assert error["path"] == ["strict"]


async def test_a_mutation_may_declare_its_errors() -> None:
    """Strawberry's exception handlers work as they do under its own execution."""
    query = "mutation ($closed: Boolean!) { cast(closed: $closed) { ... on Ballot { id } ... on Closed { code } } }"
    for closed, result in ((True, {"code": "voting.poll_closed"}), (False, {"id": "Ballot_1"})):
        response = await post({"query": query, "variables": {"closed": closed}})
        assert response.json() == {"data": {"cast": result}}


@pytest.mark.parametrize("field", ["boom", "odd"])
@pytest.mark.parametrize("accept", [GRAPHQL, JSON])
async def test_what_nobody_foresaw_is_masked(field: str, accept: str, caplog: pytest.LogCaptureFixture) -> None:
    """The client gets a reference, the log has the traceback under it, and the rest of the answer is there."""
    response = await post({"query": f"{{ hello {field} }}"}, accept=accept, accept_language="en")
    error = response.json()["errors"][0]
    reference = response.headers["x-request-id"]
    assert response.status_code == 200
    assert response.json()["data"] == {"hello": "hello world", field: None}
    assert error["extensions"] == {"code": "INTERNAL", "requestId": reference}
    assert reference in error["message"]
    assert "hunter2" not in response.text
    assert "secret-value" not in response.text
    (record,) = [record for record in caplog.records if record.name == "shanzhi.front"]
    assert record.levelno == logging.ERROR
    assert reference in record.getMessage()
    assert record.exc_info is not None


async def test_a_flood_of_failures_floods_neither_log_nor_answer(caplog: pytest.LogCaptureFixture) -> None:
    """A list with 1,000 bad items logs five tracebacks and answers a hundred errors."""

    @strawberry.type
    class Item:
        @strawberry.field
        def bad(self) -> int | None:
            raise RuntimeError("bad")

    @strawberry.type
    class Items:
        @strawberry.field
        def items(self) -> list[Item]:
            return [Item() for _ in range(1000)]

    async def make_context(caller: Caller) -> None:
        return None

    front = GraphQLFront(StockExecutor(strawberry.Schema(Items), make_context))
    async with client_of(front) as client:
        response = await client.post("/", json={"query": "{ items { bad } }"})
    assert len(response.json()["errors"]) == 100
    assert len(response.json()["data"]["items"]) == 1000
    assert sum(record.exc_info is not None for record in caplog.records) == 5


async def test_client_text_is_echoed_briefly() -> None:
    """A name of 60,000 characters comes back as at most 200, wherever it stands."""
    long = "x" * 60_000
    for body in (
        {"query": f"{{ {long} }}"},
        {"query": f"query {long} {{ hello }} query B {{ hello }}"},
        {"query": f'{{ number(value: "{long}") }}'},
        {"query": QUERY_INT, "variables": {"value": long}},
        {"query": "{ hello }", "operationName": long},
        {"query": f"query (${long}: Int) {{ hello }}"},
        {"query": f"{{ hello @{long} }}"},
    ):
        response = await post(body, accept=GRAPHQL)
        assert response.status_code >= 400
        assert all(len(error["message"]) <= 200 for error in response.json()["errors"])
        assert len(response.content) < 3000


async def test_a_query_that_takes_too_long_is_stopped() -> None:
    """The deadline cancels the query and the answer says so; nothing is said of a server error."""
    world = make_world(Limits(operation_seconds=0.02))
    async with world.client(**NEW) as client:
        response = await client.post("/", json={"query": "{ wait }"})
    assert (response.status_code, code(response)) == (200, "DEADLINE")
    assert response.json()["data"] is None
    assert world.events.cancelled.is_set()
    assert world.work.running == 0


async def test_a_mutation_that_takes_too_long_goes_on() -> None:
    """The client is told to ask again; the mutation is not touched."""
    world = make_world(Limits(operation_seconds=0.02))
    async with world.client(**NEW) as client:
        response = await client.post("/", json={"query": "mutation { act }"})
    assert (response.status_code, code(response)) == (200, "DEADLINE")
    assert not world.events.cancelled.is_set()
    world.events.release.set()
    await world.events.finished.wait()


async def test_whoever_leaves_does_not_stop_a_mutation() -> None:
    """The task that answers is cancelled in the middle; the mutation ends as if nothing had happened."""
    world = make_world()
    async with world.client() as client:
        asking = asyncio.create_task(client.post("/", json={"query": "mutation { act }"}))
        await world.events.started.wait()
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
    assert world.work.running == 1
    world.events.release.set()
    assert await world.work.drain(5) == 0
    assert world.events.finished.is_set()
    assert not world.events.cancelled.is_set()


async def test_a_client_that_leaves_in_its_body_gets_nothing() -> None:
    """Half a request has no effect and no answer."""
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)

    headers = [(b"content-type", b"application/json"), (b"content-length", b"50")]
    scope = {"type": "http", "method": "POST", "path": "/", "query_string": b"", "headers": headers}
    await make_world().front(scope, receive, send)
    assert sent == []


async def test_more_than_the_server_can_do_is_told_to_come_back() -> None:
    """Over the number of operations at once the answer is 503 with Retry-After, and soon."""
    world = make_world(Limits(max_in_flight=1))
    async with world.client() as client:
        first = asyncio.create_task(client.post("/", json={"query": "{ wait }"}))
        await world.events.started.wait()
        second = await client.post("/", json=HELLO)
        world.events.release.set()
        assert (await first).json() == {"data": {"wait": "done"}}
        third = await client.post("/", json=HELLO)
    assert (second.status_code, code(second), second.headers["retry-after"]) == (503, "OVERLOADED", "1")
    assert third.status_code == 200


async def test_a_server_that_stops_finishes_what_it_began() -> None:
    """Draining waits for mutations, refuses new operations, and says how much it had to leave."""
    world = make_world()
    async with world.client() as client:
        asking = asyncio.create_task(client.post("/", json={"query": "mutation { act }"}))
        await world.events.started.wait()
        assert await world.work.drain(0) == 1
        assert code(await client.post("/", json=HELLO)) == "STOPPING"
        world.events.release.set()
        assert await world.work.drain(5) == 0
        assert (await asking).json() == {"data": {"act": "acted"}}


class RawExecutor(StockExecutor):
    """An engine that hands over ready-made JSON, or something that is none."""

    def __init__(self, data: Any) -> None:
        async def make_context(caller: Caller) -> None:
            return None

        super().__init__(SCHEMA, make_context)
        self._data = data

    async def execute(self, prepared: Prepared, variables: dict[str, Any], context: Any) -> dict[str, Any]:
        """Return what it was given."""
        return {"data": self._data}


async def test_an_engine_may_hand_over_ready_made_json() -> None:
    """Bytes that a database made go to the wire unparsed."""
    front = GraphQLFront(RawExecutor(orjson.Fragment(b'{"hello":"from SQL"}')), Work())
    async with client_of(front) as client:
        assert (await client.post("/", json=HELLO)).json() == {"data": {"hello": "from SQL"}}


async def test_an_answer_that_is_no_json_is_masked() -> None:
    """What cannot be written is a failure of ours: a reference and 503."""
    async with client_of(GraphQLFront(RawExecutor({"hello": object()}))) as client:
        response = await client.post("/", json=HELLO)
    assert (response.status_code, code(response)) == (503, "INTERNAL")


def test_extensions_of_a_schema_are_not_ignored_in_silence() -> None:
    """A schema that relies on Strawberry's extensions is refused when the front is built."""
    from strawberry.extensions import SchemaExtension

    @strawberry.type
    class Query:
        hello: str = ""

    async def make_context(caller: Caller) -> None:
        return None

    with pytest.raises(ValueError, match="extensions"):
        StockExecutor(strawberry.Schema(Query, extensions=[SchemaExtension]), make_context)


# The checks of GraphQL-over-HTTP conformance, by what is sent: (name, new client?, body, status, errors allowed?).
TYPE_QUERY = "query Type($name: String!) { __type(name: $name) { name } }"
COERCION = {"query": "query CoerceFailure($id: ID!) { __typename }", "variables": {"id": None}}
TYPENAME = {"query": "{ __typename }"}
WRONG_KINDS: dict[str, list[Any]] = {
    "query": [{"obj": "ect"}, 0, False, ["array"]],
    "operationName": [{"obj": "ect"}, 0, False, ["array"]],
    "variables": ["string", 0, False, ["array"]],
    "extensions": ["string", 0, False, ["array"]],
}


@pytest.mark.parametrize("profile", ["hybrid", "draft", "legacy"])
async def test_well_formed_requests_conform(profile: Profile) -> None:
    """Strings, maps and nulls in their places are accepted from both kinds of client, by POST and GET."""
    bodies: list[dict[str, Any]] = [
        TYPENAME,
        {"query": "query Query { __typename }", "operationName": "Query"},
        *({**TYPENAME, name: None} for name in ("variables", "operationName", "extensions")),
        {**TYPENAME, "extensions": {"some": "value"}},
        {"query": TYPE_QUERY, "variables": {"name": "sometype"}},
        {"query": '{ __type(name: "Run🏃Swim🏊") { name } }'},
    ]
    async with make_world(profile=profile, allow_introspection=True).client() as client:
        for accept, body in ((accept, body) for accept in (GRAPHQL, JSON) for body in bodies):
            response = await client.post("/", json=body, headers={"accept": accept})
            assert (response.status_code, "errors" in response.json()) == (200, False)
            assert accept in response.headers["content-type"]
            parameters = {"query": TYPE_QUERY, "variables": '{"name": "sometype"}'}
            by_get = await client.get("/", params=parameters, headers={"accept": accept})
            assert (by_get.status_code, "errors" in by_get.json()) == (200, False)


@pytest.mark.parametrize("profile", ["hybrid", "draft", "legacy"])
async def test_ill_formed_requests_conform(profile: Profile) -> None:
    """Legacy clients get 400 for parameters of wrong kinds and 200 for errors in the document and its variables."""
    async with make_world(profile=profile).client() as client:
        for name, values in WRONG_KINDS.items():
            for value in values:
                assert (await client.post("/", json={**TYPENAME, name: value})).status_code == 400
        for body in ({"query": "{"}, {"query": "{ a8f31403dfe404bc }"}, COERCION):
            assert (await client.post("/", json=body)).status_code == 200
        for accept in (GRAPHQL, JSON):
            headers = {"accept": accept, "content-type": JSON}
            assert (await client.post("/", content=b'{ "not a JSON', headers=headers)).status_code == 400
            assert (await client.post("/", json={"notquery": "{ __typename }"}, headers=headers)).status_code == 400
            assert (await client.post("/", content=b"", headers=headers)).status_code == 400
        assert (await client.post("/", content=b"{}", headers={"content-type": ""})).status_code == 415


@pytest.mark.parametrize(
    ("profile", "unparsable", "malformed", "invalid"),
    [("hybrid", 400, 422, 422), ("draft", 400, 400, 400), ("legacy", 200, 400, 200)],
)
async def test_the_profiles_differ_where_the_texts_do(
    profile: Profile, unparsable: int, malformed: int, invalid: int
) -> None:
    """New clients get 400 for what does not parse; for the rest the newer text says 422, the older one 400.

    In the legacy profile they get what all other clients get.
    """
    wanted = {
        unparsable: [{"query": "{"}],
        invalid: [{"query": "{ a8f31403dfe404bc }"}, COERCION],
        malformed: [{**TYPENAME, "variables": [7]}],
    }
    async with make_world(profile=profile).client(**NEW) as client:
        for status, bodies in wanted.items():
            for body in bodies:
                response = await client.post("/", json=body)
                assert (response.status_code, "data" in response.json()) == (status, False)
