"""The three administrators: they exclude each other, give themselves nothing, and one of them reads what the others do."""

from __future__ import annotations

from typing import Any

import pytest

from core import roles
from core.access import Permission
from tests.conftest import World

EVENTS = "query($deed: String) { securityEvents(first: 100, deed: $deed) { totalCount nodes { deed body } } }"


@pytest.fixture
async def watched(world: World) -> World:
    """A world with an audit administrator of the district, and another of a town."""
    await world.person("audadmin", "audit_admin", world.demo.places["district"])
    await world.person("faraudit", "audit_admin", world.demo.places["elsewhere"])
    return world


async def events(world: World, as_: str | None, deed: str | None = None) -> list[str]:
    """Return the security events that somebody reads."""
    found = (await world.gql(EVENTS, {"deed": deed}, as_=as_)).data["securityEvents"]
    return [node["deed"] for node in found["nodes"]]


async def guess(world: World, username: str, times: int) -> None:
    """Guess a wrong password."""
    query = 'mutation($u: String!) { login(input: {username: $u, password: "wrong-0000-guess"}) { __typename } }'
    for _ in range(times):
        await world.gql(query, {"u": username})


async def test_security_events_are_read_by_the_audit_administrator(watched: World) -> None:
    """Wrong guesses, the lock, suspension, appointments: on the trace, for the audit administrator of the place alone."""
    world, place = watched, watched.demo.places["compound"].code
    await guess(world, "tenant", 5)
    account = await world.kernel.database.value(
        "SELECT id FROM core_account WHERE person_id = ?", (world.demo.people["tenant"],)
    )
    done = await world.do("suspendAccount", {"community": place, "accountId": f"Account_{account}"}, as_="secadmin")
    assert done["__typename"] == "Account", done
    given = {"personId": f"Person_{world.demo.people['resident']}", "role": "owner", "community": place}
    assert (await world.do("appoint", given, as_="staff"))["__typename"] == "Appointment"
    wanted = {"core.login_refused": 5, "core.login_locked": 1, "core.suspend_account": 1}
    for deed, times in wanted.items():
        assert await events(world, "audadmin", deed) == [deed] * times, deed
    assert "core.appoint" in await events(world, "audadmin", "core.appoint")
    for deed in ("core.login_refused", "core.login_locked"):
        for other in (None, "resident", "staff", "district", "auditor", "sysadmin", "secadmin", "faraudit"):
            assert await events(world, other, deed) == [], (other, deed)
    assert await events(world, "audadmin", "notices.draft_notice") == []


async def test_guesses_at_names_that_nobody_has_are_told_without_the_name(watched: World) -> None:
    """They concern nobody: every audit administrator reads that they were made, and no word of what was typed."""
    await guess(watched, "nobody-is-called-so", 1)
    for who in ("audadmin", "faraudit"):
        answer = (await watched.gql(EVENTS, {"deed": "core.login_refused"}, as_=who)).data["securityEvents"]
        assert answer["totalCount"] == 1, who
        assert "called-so" not in answer["nodes"][0]["body"]


@pytest.mark.parametrize("first", sorted(roles.ADMINISTRATORS))
async def test_administrators_exclude_each_other(watched: World, first: str) -> None:
    """Whoever is one of the three is not given another, and none of them appoints themselves to anything."""
    world, place = watched, watched.demo.places["district"].code
    await world.person("one", first, world.demo.places["district"])
    for role in sorted(roles.ADMINISTRATORS - {first}):
        given = {"personId": f"Person_{world.demo.people['one']}", "role": role, "community": place}
        refused = await world.do("appoint", given, as_="secadmin")
        assert refused["code"] == "core.exclusive_roles", refused
    for role in ("district_staff", "auditor", "owner", *sorted(roles.ADMINISTRATORS)):
        given = {"personId": f"Person_{world.demo.people['one']}", "role": role, "community": place}
        mine: dict[str, Any] = await world.do("appoint", given, as_="one")
        assert mine["__typename"] in ("NotAllowed", "InvalidInput"), (role, mine)


@pytest.mark.parametrize("administrator", sorted(roles.ADMINISTRATORS))
def test_no_administrator_holds_a_permission_of_a_plugin(administrator: str) -> None:
    """A plugin that gives one to them is refused."""
    with pytest.raises(roles.BadPermission, match="must not hold it"):
        roles.check(Permission("wishes.post_wish", "许愿", "Post", roles=(administrator,)))


async def test_a_password_reset_tells_strangers_nothing(world: World) -> None:
    """Whether a password holds an account's name is told to who may reset it, not to who guesses at names."""
    account = await world.kernel.database.value(
        "SELECT id FROM core_account WHERE person_id = ?", (world.demo.people["tenant"],)
    )
    given = {
        "community": world.demo.places["compound"].code,
        "accountId": f"Account_{account}",
        "password": "tenant-2026-Aa",
    }
    told = [
        await world.do("resetPassword", {**given, **other}, as_="stranger")
        for other in ({}, {"password": "Another-2026-one"}, {"accountId": "Account_5"}, {"password": "x"})
    ]
    assert all(one == told[0] for one in told), told
    assert told[0]["__typename"] == "NotAllowed"
    assert (await world.do("resetPassword", given, as_="secadmin"))["__typename"] == "InvalidInput"


async def test_a_refused_deed_tells_not_whether_there_is_such_an_object(world: World) -> None:
    """An appointment of others and one that does not exist are refused in the same words, but for the id asked for."""
    key = await world.kernel.database.value(
        "SELECT MIN(id) FROM core_appointment WHERE person_id = ?", (world.demo.people["tenant"],)
    )
    for as_ in ("stranger", "resident", "chair"):
        told = [await world.do("endAppointment", {"id": f"Appointment_{one}"}, as_=as_) for one in (key, 5)]
        assert told[0]["__typename"] == told[1]["__typename"] == "NotFound", told
        assert told[0]["message"].replace(str(key), "5") == told[1]["message"]
        assert told[0]["path"] == told[1]["path"]
