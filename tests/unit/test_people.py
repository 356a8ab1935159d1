"""People: what viewers may, who appoints whom, and whose login is whose to close."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from core import accounts, declarations, people, roles
from core.access import Permission, decide
from core.clock import to_wire
from core.errors import DomainError
from core.hierarchy import place_by_code
from core.ids import new_id
from core.kinds import Reach
from core.work import Act, deed
from tests.databases import KINDS
from tests.unit.kernel_world import (
    BUILDING,
    COMMUNITY,
    COMPOUND,
    DISTRICT,
    FAR,
    OTHER_TOWN,
    PASSWORD,
    SIBLING,
    SIBLING_COMPOUND,
    START,
    SYSTEM,
    TOWN,
    World,
    world,
)


@pytest.fixture(params=KINDS)
async def here(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[World]:
    """A small world on each database."""
    async with world(request.param, tmp_path) as made:
        yield made


async def may(here: World, person_id: int, permission: str, code: str) -> bool:
    """Say whether a person holds a permission at a place now."""
    place = await here.kernel.database.run(lambda tx: place_by_code(tx, code))
    return decide(await here.viewer(person_id), permission, place).allowed


# --- roles ------------------------------------------------------------------------------------------------------------


async def test_roles_are_synchronised_once(here: World) -> None:
    """A second start adds nothing."""
    assert await here.kernel.database.run(lambda tx: roles.sync(tx, declarations.PERMISSIONS)) == 0
    assert await here.count("SELECT COUNT(*) FROM core_role") == len(roles.ROLES)


async def test_two_processes_may_synchronise_at_once(here: World) -> None:
    """Both succeed, and every permission is there once."""
    wanted = [Permission(f"wishes.act_{n}", "x", "x", roles=("resident", "owner")) for n in range(20)]
    await asyncio.gather(*(here.kernel.database.run(lambda tx: roles.sync(tx, wanted)) for _ in range(2)))
    assert await here.count("SELECT COUNT(*) FROM core_role_permission WHERE permission LIKE 'wishes.%'") == 40


async def test_what_administrators_took_away_stays_away(here: World) -> None:
    """A default permission that was set to no is not given back by a restart."""
    resident = await here.person("张三", "resident", COMPOUND)
    assert await may(here, resident, "core.upload", COMPOUND)
    await here.kernel.database.run(
        lambda tx: tx.execute(
            "UPDATE core_role_permission SET allowed = ? WHERE role_id = 'resident' AND permission = 'core.upload'",
            (False,),
        )
    )
    await here.kernel.database.run(
        lambda tx: roles.sync(tx, [Permission("core.upload", "x", "x", roles=("resident",))])
    )
    assert not await may(here, resident, "core.upload", COMPOUND)


@pytest.mark.parametrize(
    ("permission", "said"),
    [
        (Permission("wishes.open", "x", "x", roles=("rezident",)), "rezident"),
        (Permission("wishes.open", "x", "x", roles=("resident", "audit_admin")), "audit_admin"),
    ],
)
def test_impossible_default_roles_are_refused(permission: Permission, said: str) -> None:
    """An unknown role, and an administrator with a plugin's business, are named."""
    with pytest.raises(roles.BadPermission, match=said):
        roles.check(permission)


def test_nobody_but_security_gives_administrators_and_they_exclude_each_other() -> None:
    """The table of who appoints whom, at its most dangerous place."""
    administrators = {"system_admin", "security_admin", "audit_admin"}
    assert administrators == roles.ADMINISTRATORS
    assert all(roles.appointers(role) == ("security_admin",) for role in administrators)
    assert roles.appointers("signed_in") == ()
    assert roles.appointers("a role of the operator") == ("security_admin",)
    assert all(set(role.appointed_by) <= roles.CODES for role in roles.ROLES)


# --- viewers ----------------------------------------------------------------------------------------------------------


async def test_an_office_reaches_down_and_never_sideways(here: World) -> None:
    """Community staff act in the community and below it, not above, not beside."""
    staff = await here.person("李四", "community_staff", COMMUNITY)
    allowed = {code: await may(here, staff, "core.appoint", code) for code in here.places}
    assert {code for code, yes in allowed.items() if yes} == {COMMUNITY, COMPOUND, BUILDING}


async def test_a_membership_reaches_up_and_never_sideways(here: World) -> None:
    """Who lives in a building belongs to its compound, community, town and district."""
    resident = await here.person("张三", "resident", BUILDING)
    allowed = {code: await may(here, resident, "core.upload", code) for code in here.places}
    assert {code for code, yes in allowed.items() if yes} == {BUILDING, COMPOUND, COMMUNITY, TOWN, DISTRICT}
    viewer = await here.viewer(resident)
    assert set(viewer.places()) == {here.places[code] for code in (BUILDING, COMPOUND, COMMUNITY, TOWN, DISTRICT)}
    assert viewer.homes == (here.places[BUILDING],)


async def test_a_viewer_has_its_name_language_and_the_role_of_the_signed_in(here: World) -> None:
    """Somebody without any appointment is signed in all the same."""
    viewer = await here.viewer(await here.person("王五"))
    assert (viewer.name, viewer.language, viewer.account_id) == ("王五", "zh", None)
    assert [(grant.role, grant.reach) for grant in viewer.grants] == [("signed_in", Reach.SELF)]


async def test_nobody_is_no_viewer(here: World) -> None:
    """A key of nobody gives nothing."""
    assert await people.load_viewer(here.kernel.database, 5, now=START) is None


async def test_offices_come_before_memberships(here: World) -> None:
    """The first role at a place is the one a deed is recorded under."""
    person = await here.person("张三", "owner", BUILDING)
    await here.appoint(person, "committee_chair", COMPOUND)
    place = await here.kernel.database.run(lambda tx: place_by_code(tx, COMPOUND))
    assert (await here.viewer(person)).roles_at(place) == ("committee_chair", "owner")


async def test_an_appointment_counts_within_its_term_only(here: World) -> None:
    """Before it begins and once it has ended, a role gives nothing; both moments are exact."""
    person = await here.person("张三")
    await here.appoint(
        person, "committee_chair", COMPOUND, since=START + timedelta(days=1), until=START + timedelta(days=2)
    )
    held = []
    for moment in (timedelta(0), timedelta(days=1), timedelta(days=2, milliseconds=-1), timedelta(days=2)):
        here.clock.set(START + moment)
        held.append(any(grant.role == "committee_chair" for grant in (await here.viewer(person)).grants))
    assert held == [False, True, True, False]


async def test_a_branch_office_reaches_what_the_branch_and_those_below_serve(here: World) -> None:
    """A secretary of a town committee has the places that the committee and its branches serve, once each."""
    await here.branch("P", None, "P/", COMMUNITY)
    await here.branch("P-1", "P", "P/1/", SIBLING_COMPOUND, COMMUNITY)
    await here.branch("P0", None, "P0/", FAR)
    secretary = await here.person("赵六")
    await here.do(people.appoint_person, SYSTEM, person_id=secretary, role="branch_secretary", branch="P")
    grants = [grant for grant in (await here.viewer(secretary)).grants if grant.role == "branch_secretary"]
    assert sorted(grant.path or "" for grant in grants) == ["440604/010/001/", "440604/010/002/C2/"]
    assert all(grant.reach is Reach.OFFICE for grant in grants)


async def test_a_membership_at_a_branch_gives_nothing(here: World) -> None:
    """No deed makes one; should a row say so, it does not turn into powers over the places served."""
    branch, person = await here.branch("P", None, "P/", COMMUNITY), await here.person("赵六")
    row = (new_id(), person, "resident", branch, to_wire(START))
    insert = (
        "INSERT INTO core_appointment (id, person_id, role_id, branch_id, since, source) VALUES (?, ?, ?, ?, ?, 'x')"
    )
    await here.kernel.database.run(lambda tx: tx.execute(insert, row))
    assert [grant.role for grant in (await here.viewer(person)).grants] == ["signed_in"]


async def test_a_suspended_account_gives_no_viewer(here: World) -> None:
    """The person can still be looked at without the account, as the register does."""
    person = await here.person("张三", "resident", COMPOUND)
    account = await here.account(person, "zhangsan")
    database = here.kernel.database
    assert (await people.load_viewer(database, person, account, now=START)) is not None
    await here.do(people.suspend_account, SYSTEM, community=DISTRICT, account_id=account)
    assert await people.load_viewer(database, person, account, now=START) is None
    assert await people.load_viewer(database, person, now=START) is not None


async def test_another_persons_account_gives_no_viewer(here: World) -> None:
    """Person and account must belong together."""
    account = await here.account(await here.person("张三"), "zhangsan")
    other = await here.person("李四")
    assert await people.load_viewer(here.kernel.database, other, account, now=START) is None


# --- appointing -------------------------------------------------------------------------------------------------------


async def test_staff_register_and_appoint_within_their_community(here: World) -> None:
    """A new resident is there with one deed; a captain with another; the person is told, the leaf names nobody."""
    staff = await here.officer("community_staff", COMMUNITY)
    person = await here.do(people.add_person, staff, community=BUILDING, name=" 张三 ", role="resident")
    await here.do(people.appoint_person, staff, person_id=person, role="building_captain", community=BUILDING)
    assert {grant.role for grant in (await here.viewer(person)).grants} == {"resident", "building_captain", "signed_in"}
    assert await here.told("core.appointed", person) == 2
    [row] = await here.kernel.database.fetch("SELECT body FROM core_trace_leaf WHERE deed = 'core.appoint'")
    assert "张三" not in row["body"]
    assert str(person) not in row["body"]


async def test_staff_do_nothing_beside_or_above(here: World) -> None:
    """The sibling community and the town are not theirs."""
    staff = await here.officer("community_staff", COMMUNITY)
    for code in (SIBLING_COMPOUND, TOWN):
        await here.refused("core.not_allowed", people.add_person, staff, community=code, name="张三", role="resident")


@pytest.mark.parametrize(
    ("office", "at", "role", "allowed"),
    [
        ("community_staff", COMMUNITY, "committee_chair", True),
        ("community_staff", COMMUNITY, "community_staff", False),
        ("community_staff", COMMUNITY, "branch_secretary", False),
        ("community_staff", COMMUNITY, "system_admin", False),
        ("town_staff", TOWN, "community_staff", True),
        ("town_staff", TOWN, "town_staff", False),
        ("district_staff", DISTRICT, "town_staff", True),
        ("district_staff", DISTRICT, "security_admin", False),
        ("security_admin", DISTRICT, "system_admin", True),
        ("security_admin", DISTRICT, "resident", False),
        ("security_admin", DISTRICT, "district_staff", True),
    ],
)
async def test_nobody_gives_more_than_they_may(here: World, office: str, at: str, role: str, allowed: bool) -> None:
    """Each role is given by the declared ones only."""
    actor, person = await here.officer(office, at), await here.person("张三")
    arguments = {"person_id": person, "role": role, "community": at}
    if allowed:
        assert await here.do(people.appoint_person, actor, **arguments)
    else:
        error = await here.refused("core.may_not_appoint", people.appoint_person, actor, **arguments)
        assert roles.appointers(role)[0] in error.en


async def test_system_administrators_and_residents_appoint_nobody(here: World) -> None:
    """Running the system is not deciding who holds office."""
    for office in ("system_admin", "audit_admin", "resident", "committee_chair"):
        actor, person = await here.officer(office, COMMUNITY), await here.person("张三")
        await here.refused(
            "core.not_allowed", people.appoint_person, actor, person_id=person, role="resident", community=COMMUNITY
        )


async def test_a_new_person_gets_a_role_by_the_same_rules(here: World) -> None:
    """Registering is no way around the table, nor around the permission to appoint."""
    staff, system = await here.officer("community_staff", COMMUNITY), await here.officer("system_admin", DISTRICT)
    await here.refused(
        "core.may_not_appoint", people.add_person, staff, community=COMMUNITY, name="张三", role="town_staff"
    )
    await here.refused("core.not_allowed", people.add_person, system, community=DISTRICT, name="张三", role="resident")
    assert await here.count("SELECT COUNT(*) FROM core_person WHERE name = '张三'") == 0


async def test_nobody_appoints_themselves(here: World) -> None:
    """Not even to something they may give."""
    staff = await here.officer("community_staff", COMMUNITY)
    await here.refused(
        "core.not_yourself", people.appoint_person, staff, person_id=staff.person_id, role="owner", community=COMMUNITY
    )


async def test_people_of_other_places_are_not_there(here: World) -> None:
    """Somebody who belongs to another town looks like nobody; town and district offices see further."""
    stranger = await here.person("张三", "resident", FAR)
    arguments = {"person_id": stranger, "role": "resident", "community": COMPOUND}
    staff = await here.officer("community_staff", COMMUNITY)
    unknown = await here.refused("core.not_found", people.appoint_person, staff, **(arguments | {"person_id": 5}))
    hidden = await here.refused("core.not_found", people.appoint_person, staff, **arguments)
    assert hidden.en.replace(str(stranger), "5") == unknown.en
    assert await here.do(people.appoint_person, await here.officer("district_staff", DISTRICT), **arguments)


@pytest.mark.parametrize("pair", [("system_admin", "audit_admin"), ("security_admin", "system_admin")])
async def test_administrators_exclude_each_other(here: World, pair: tuple[str, str]) -> None:
    """Two of the three in one person are refused, wherever and whenever they overlap; one after the other is fine."""
    person = await here.person("张三")
    first = await here.appoint(person, pair[0], TOWN, until=START + timedelta(days=10))
    arguments = {"person_id": person, "role": pair[1], "community": OTHER_TOWN}
    await here.refused("core.exclusive_roles", people.appoint_person, SYSTEM, **arguments)
    soon = START + timedelta(days=9)
    await here.refused("core.exclusive_roles", people.appoint_person, SYSTEM, **arguments, since=soon)
    assert await here.appoint(person, pair[1], OTHER_TOWN, since=START + timedelta(days=10))
    await here.do(people.end_appointment, SYSTEM, id=first)
    assert await here.appoint(person, pair[1], OTHER_TOWN, until=START + timedelta(days=10))


async def test_two_exclusive_appointments_at_once_leave_one(here: World) -> None:
    """The rule holds under concurrency, for every one of several people."""
    people_ = [await here.person(f"张{n}") for n in range(6)]
    administrators = ("system_admin", "security_admin", "audit_admin")
    outcomes = await asyncio.gather(
        *(here.appoint(person, role, DISTRICT) for person in people_ for role in administrators), return_exceptions=True
    )
    assert sum(isinstance(outcome, int) for outcome in outcomes) == len(people_)
    held = await here.kernel.database.fetch("SELECT COUNT(*) FROM core_appointment GROUP BY person_id")
    assert [row[0] for row in held] == [1] * len(people_)


async def test_the_same_appointment_twice_is_refused(here: World) -> None:
    """Not so for another place, or after the first has ended."""
    person = await here.person("张三", "resident", COMPOUND)
    await here.refused(
        "core.already_appointed", people.appoint_person, SYSTEM, person_id=person, role="resident", community=COMPOUND
    )
    assert await here.appoint(person, "resident", BUILDING)


@pytest.mark.parametrize(("since", "until"), [(0, 0), (2, 1), (-9, -1), (None, -1)])
async def test_terms_must_make_sense(here: World, since: int | None, until: int) -> None:
    """A term that ends before it begins, or has ended already, is refused."""
    term = {"until": START + timedelta(days=until)}
    if since is not None:
        term["since"] = START + timedelta(days=since)
    person = await here.person("张三")
    arguments = {"person_id": person, "role": "owner", "community": COMPOUND}
    await here.refused("core.bad_term", people.appoint_person, SYSTEM, **arguments, **term)


@pytest.mark.parametrize("role", ["signed_in", "emperor"])
async def test_only_roles_of_places_are_given(here: World, role: str) -> None:
    """Unknown roles, and the one that everybody has, are refused."""
    person = await here.person("张三")
    await here.refused(
        "core.unknown_role", people.appoint_person, SYSTEM, person_id=person, role=role, community=COMPOUND
    )


async def test_a_place_or_a_branch_must_be_named(here: World) -> None:
    """One of the two; the branch must exist and serve somebody; a branch gives offices only."""
    await here.branch("EMPTY", None, "E/")
    await here.branch("P", None, "P/", COMMUNITY)
    person = await here.person("张三")
    for named, code in (
        ({}, "core.no_place"),
        ({"community": COMPOUND, "branch": "P"}, "core.no_place"),
        ({"branch": "EMPTY"}, "core.no_place"),
        ({"branch": "NONE"}, "core.not_found"),
    ):
        await here.refused(code, people.appoint_person, SYSTEM, person_id=person, role="branch_secretary", **named)
    await here.refused(
        "core.unknown_role", people.appoint_person, SYSTEM, person_id=person, role="resident", branch="P"
    )


async def test_a_branch_office_is_given_by_who_reaches_all_it_serves(here: World) -> None:
    """A branch of one town is that town's; a branch across towns is the district's."""
    await here.branch("P", None, "P/", COMMUNITY, SIBLING_COMPOUND)
    await here.branch("Q", None, "Q/", COMMUNITY, FAR)
    town, person = await here.officer("town_staff", TOWN), await here.person("张三")
    made = await here.do(people.appoint_person, town, person_id=person, role="branch_secretary", branch="P")
    arguments = {"person_id": person, "role": "branch_secretary", "branch": "Q"}
    await here.refused("core.not_allowed", people.appoint_person, town, **arguments)
    assert await here.do(people.appoint_person, await here.officer("district_staff", DISTRICT), **arguments)
    await here.do(people.end_appointment, town, id=made)


async def test_ending_an_appointment_takes_the_role_at_once(here: World) -> None:
    """By whoever may give it; others are refused; the person is told; twice changes nothing."""
    staff, other = await here.officer("community_staff", COMMUNITY), await here.officer("community_staff", SIBLING)
    person = await here.person("张三")
    made = await here.appoint(person, "building_captain", BUILDING)
    await here.refused("core.not_allowed", people.end_appointment, other, id=made)
    assert await here.do(people.end_appointment, staff, id=made) == made
    assert [grant.role for grant in (await here.viewer(person)).grants] == ["signed_in"]
    here.clock.advance(days=1)
    await here.do(people.end_appointment, staff, id=made)
    assert await here.told("core.appointment_ended", person) == 1
    await here.refused("core.not_found", people.end_appointment, staff, id=5)


async def test_an_office_is_taken_by_whoever_may_give_it(here: World) -> None:
    """Colleagues do not dismiss each other; those above do."""
    staff, colleague = await here.officer("community_staff", COMMUNITY), await here.person("李四")
    made = await here.appoint(colleague, "community_staff", COMMUNITY)
    await here.refused("core.may_not_appoint", people.end_appointment, staff, id=made)
    assert await here.do(people.end_appointment, await here.officer("town_staff", TOWN), id=made)


async def test_an_appointment_that_has_not_begun_can_be_taken_back(here: World) -> None:
    """It then never counts."""
    person = await here.person("张三")
    made = await here.appoint(person, "owner", COMPOUND, since=START + timedelta(days=5))
    await here.do(people.end_appointment, SYSTEM, id=made)
    here.clock.advance(days=6)
    assert [grant.role for grant in (await here.viewer(person)).grants] == ["signed_in"]


# --- what plugins call ------------------------------------------------------------------------------------------------


@deed("core.manage_people", name="register.record")
async def record(act: Act, *, person_id: int, until_days: int | None = None) -> int:
    """Stand for a deed of the register."""
    until = act.now + timedelta(days=until_days) if until_days else None
    return await people.appoint(act, person_id, "owner", act.place.id, until=until, source="register.record")


@deed("core.manage_people", name="register.strike")
async def strike(act: Act, *, person_id: int, source: str = "register.record") -> int:
    """Stand for a deed of the register."""
    return await people.end_appointments(act, person_id, "owner", act.place.id, source)


async def test_a_plugin_appoints_within_its_own_deed_and_is_the_only_one_to_end_it(here: World) -> None:
    """The role follows from the plugin's record; recording it again changes the term, not the number."""
    record_it = people.appoint_person.__class__(**{**record.__dict__, "name": "core.record"})
    strike_it = people.appoint_person.__class__(**{**strike.__dict__, "name": "core.strike"})
    person = await here.person("张三")
    made = await here.do(record_it, SYSTEM, community=COMPOUND, person_id=person)
    assert await here.do(record_it, SYSTEM, community=COMPOUND, person_id=person, until_days=3) == made
    await here.refused("core.follows_from_elsewhere", people.end_appointment, SYSTEM, id=made)
    assert await here.do(strike_it, SYSTEM, community=COMPOUND, person_id=person, source="other.plugin") == 0
    assert await here.do(strike_it, SYSTEM, community=COMPOUND, person_id=person) == 1
    assert await here.do(strike_it, SYSTEM, community=COMPOUND, person_id=person) == 0
    assert [grant.role for grant in (await here.viewer(person)).grants] == ["signed_in"]


# --- logins -----------------------------------------------------------------------------------------------------------


async def test_security_suspends_and_restores_within_its_reach(here: World) -> None:
    """Once each, with an event for the person; who is elsewhere cannot be reached."""
    person = await here.person("张三", "resident", COMPOUND)
    account = await here.account(person, "zhangsan")
    security = await here.officer("security_admin", TOWN)
    for spec in (people.suspend_account, people.suspend_account, people.restore_account, people.restore_account):
        assert await here.do(spec, security, community=TOWN, account_id=account) == account
    assert await here.told("core.account_suspended", person) == 1
    assert await here.told("core.account_restored", person) == 1
    elsewhere = await here.officer("security_admin", OTHER_TOWN)
    arguments = {"community": OTHER_TOWN, "account_id": account}
    await here.refused("core.not_found", people.suspend_account, elsewhere, **arguments)
    await here.refused("core.not_found", people.suspend_account, security, community=TOWN, account_id=5)


async def test_nobody_below_touches_the_login_of_somebody_above(here: World) -> None:
    """A district officer who lives in the compound is not in the community's hands: no new login, no suspension."""
    officer = await here.person("区长", "resident", COMPOUND)
    await here.appoint(officer, "district_staff", DISTRICT)
    staff, security = await here.officer("community_staff", COMMUNITY), await here.officer("security_admin", COMMUNITY)
    taking_over = {"person_id": officer, "username": "taken-over", "password": PASSWORD}
    with pytest.raises(DomainError, match=r"core\.not_allowed"):
        await accounts.add_account(here.kernel, staff, community=COMPOUND, **taking_over)
    account = await here.account(officer, "officer")
    arguments = {"community": COMMUNITY, "account_id": account}
    await here.refused("core.not_allowed", people.suspend_account, security, **arguments)
    district = await here.officer("security_admin", DISTRICT)
    assert await here.do(people.suspend_account, district, community=DISTRICT, account_id=account)


async def test_nobody_suspends_themselves(here: World) -> None:
    """The last administrator does not lock the door from inside."""
    person = await here.person("张三", "security_admin", DISTRICT)
    account = await here.account(person, "security")
    viewer = await here.viewer(person)
    await here.refused("core.not_yourself", people.suspend_account, viewer, community=DISTRICT, account_id=account)


async def test_staff_may_not_close_logins(here: World) -> None:
    """Suspending is the security administrator's alone."""
    account = await here.account(await here.person("张三", "resident", COMPOUND), "zhangsan")
    staff = await here.officer("community_staff", COMMUNITY)
    await here.refused("core.not_allowed", people.suspend_account, staff, community=COMMUNITY, account_id=account)
