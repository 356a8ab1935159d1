"""The kernel through the front door: the tree, who one is, signing in, plugins and settings, the change feed."""

from __future__ import annotations

from tests.conftest import World


async def test_a_stranger_reads_the_public_tree(world: World) -> None:
    """Anybody reads the tree: the district's four towns with their counts, and the way up from a community."""
    answer = await world.gql(
        '{ community(code: "440604000000") { name kind children(first: 10) { totalCount nodes { code name kind } } '
        "descendants(kind: COMMUNITY, first: 1) { totalCount } villages: descendants(kind: VILLAGE, first: 1) { totalCount } "
        "parent { name parent { name } } } }"
    )
    found = answer.data["community"]
    assert found["name"] == "禅城区"
    assert found["children"]["totalCount"] == 4
    assert [c["code"] for c in found["children"]["nodes"]] == [
        "440604010000", "440604011000", "440604012000", "440604100000",
    ]  # fmt: skip
    assert found["descendants"]["totalCount"] + found["villages"]["totalCount"] == 147
    assert found["parent"] == {"name": "佛山市", "parent": {"name": "广东省"}}


async def test_signing_in_tells_who_one_is(world: World) -> None:
    """A login gives a token that says who asks; a wrong password says no more than that it is wrong."""
    document = (
        "mutation($i: LoginInput!) { login(input: $i) { __typename ... on Session { accessToken refreshToken } "
        "... on UserError { code message } } }"
    )
    good = (await world.gql(document, {"i": {"username": "chair", "password": "shanzhi-demo-2026"}})).data["login"]
    assert good["__typename"] == "Session"
    found = await world.client.post(
        "/graphql",
        json={"query": "{ viewer { person { name } roles { role community { name } } } }"},
        headers={"Authorization": f"Bearer {good['accessToken']}"},
    )
    viewer = found.json()["data"]["viewer"]
    assert viewer["person"]["name"] == "示例业委会主任"
    assert {"role": "committee_chair", "community": {"name": "示例花园01"}} in viewer["roles"]
    bad = (await world.gql(document, {"i": {"username": "chair", "password": "wrong"}}, language="en")).data["login"]
    assert bad["code"] == "core.bad_credentials"


async def test_switching_a_plugin_off_changes_the_community_schema(world: World) -> None:
    """A community without a plugin has no field of it; the superset answers PLUGIN_DISABLED; a resident may not switch."""
    code = world.demo.places["compound"].code
    query = f'{{ community(code: "{code}") {{ wishes {{ nodes {{ id }} }} }} }}'
    assert (await world.gql(query, community=code)).data["community"]["wishes"] == {"nodes": []}
    refused = await world.do("disablePlugin", {"community": code, "plugin": "wishes"}, as_="resident")
    assert refused["__typename"] == "NotAllowed"
    switched = await world.do("disablePlugin", {"community": code, "plugin": "wishes", "reason": "试行结束"}, as_="staff",
                              fields="... on Community { code plugins { id enabled } }")  # fmt: skip
    assert {"id": "wishes", "enabled": False} in switched["plugins"]
    assert "Cannot query field 'wishes'" in (await world.gql(query, community=code)).errors[0]["message"]
    on_superset = await world.gql(query)
    assert on_superset.errors[0]["extensions"]["code"] == "PLUGIN_DISABLED"
    assert (await world.gql(query, community="440604010001")).status == 200


async def test_the_feed_misses_nothing(world: World) -> None:
    """Polling with the last cursor gives every visible change once, in order."""
    start = (await world.gql("{ changes { cursor changes { type } } }")).data["changes"]
    assert start["changes"] == []
    code = world.demo.places["compound"].code
    await world.do("disablePlugin", {"community": code, "plugin": "wishes"}, as_="staff")
    await world.do("enablePlugin", {"community": code, "plugin": "wishes"}, as_="staff")
    page = (
        await world.gql(
            "query($a: String) { changes(after: $a) { cursor changes { type payload } } }", {"a": start["cursor"]}
        )
    ).data["changes"]
    assert [c["type"] for c in page["changes"]] == ["core.plugin_disabled", "core.plugin_enabled"]
    again = (
        await world.gql("query($a: String) { changes(after: $a) { changes { type } } }", {"a": page["cursor"]})
    ).data
    assert again["changes"]["changes"] == []


async def test_a_retry_under_the_same_key_happens_once(world: World) -> None:
    """The same key gives the first answer without a second effect; another request under it is refused."""
    code = world.demo.places["compound"].code
    first = {"community": code, "plugin": "wishes", "idempotencyKey": "k-1"}
    assert (await world.do("disablePlugin", first, as_="staff"))["__typename"] == "Community"
    assert (await world.do("disablePlugin", first, as_="staff"))["__typename"] == "Community"
    other = {**first, "plugin": "notices"}
    assert (await world.do("disablePlugin", other, as_="staff"))["code"] == "core.idempotency_key_reused"
