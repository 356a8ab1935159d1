"""A person reads, takes along, corrects and restricts what is held about them; nobody else can."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

from core import looks
from core.clock import to_wire
from core.database import Tx
from tests.conftest import World
from tests.security import personal_world as lives

EXPORT = "... on DataExport { url expiresAt }"
ME = """{ me { id name personalData {
  categories { code title purpose basis source retention canBeErased kept correctable records }
  consents { category version text isGiven agreedVersion givenAt withdrawnAt }
  restrictedSince
  accessLog { totalCount nodes { id reader { name } role category field operation at lastAt times } } } } }"""
OWNERS = """query Look($code: ID!) { community(code: $code) { units(first: 100) { nodes { ownerships { nodes {
  owner { name phone document } } } } } } }"""
RESIDENTS = (
    """query Verify($code: ID!) { community(code: $code) { residents(first: 50) { nodes { personName phone } } } }"""
)
WISHES = """query Visit($code: ID!) { community(code: $code) { wishes(first: 50) { nodes { address } } } }"""


async def me(world: World, as_: str | None) -> Any:
    """Return what somebody reads about themselves."""
    return (await world.gql(ME, as_=as_)).data["me"]


async def exported(world: World, as_: str) -> dict[str, Any]:
    """Take along what is held about one of the cast."""
    made = await world.do("exportMyData", {}, EXPORT, as_=as_)
    found = await world.client.get(made["url"])
    assert found.status_code == 200, found.text
    assert found.headers["content-disposition"].startswith("attachment")
    return dict(json.loads(found.text))


async def test_the_export_holds_everything_of_the_person_and_nothing_of_another(world: World) -> None:
    """Every row with the person's key is in it, every text is, opened; no other's name, number or key is."""
    subject = await lives.fill(world)
    await world.gql(OWNERS, {"code": world.demo.places["compound"].code}, as_="staff")
    held = await lives.about(world, subject)
    found = await exported(world, "subject")
    assert (found["format"], found["version"], found["person"]) == ("shanzhi.personal-data", 1, f"Person_{subject}")

    shown: dict[str, set[str]] = {}
    for category in found["categories"]:
        for records in category["records"]:
            shown.setdefault(records["table"], set()).update(lives.key_of(row) for row in records["rows"])
    assert held.keys() <= shown.keys()
    missing = {table: keys - shown[table] for table, keys in held.items() if keys - shown[table]}
    assert missing == {}, missing
    text = json.dumps(found, ensure_ascii=False)
    for said in lives.TEXTS:
        assert said in text, said

    names = await world.kernel.database.fetch("SELECT id, name FROM core_person WHERE id <> ?", (subject,))
    others = [str(row["id"]) for row in names] + [row["name"] for row in names]
    others += ["电话 12011112222", "12000000001", "示例住址"]
    assert [one for one in others if one in text] == []


async def test_the_list_says_what_is_held_why_and_how_long_in_both_languages(world: World) -> None:
    """Every category of the kernel and of each plugin, with its basis, its articles, and how many records are one's own."""
    subject = await lives.fill(world)
    mine = {one["code"]: one for one in (await me(world, "subject"))["personalData"]["categories"]}
    assert {code.partition(".")[0] for code in mine} == {
        "core",
        "elections",
        "inbox",
        "notices",
        "rating",
        "register",
        "voting",
        "wishes",
    }
    assert mine["register.contact"]["basis"] == "STATUTORY_DUTY"
    assert mine["register.contact"]["correctable"] == ["phone"]
    assert mine["voting.ballot"]["kept"].startswith("票必须可以重新计算")
    assert [code for code, one in mine.items() if not (one["purpose"] and one["retention"] and one["source"])] == []
    assert mine["wishes.wish"]["records"] == 4  # two wishes, each in the plugin's table and as a matter
    assert mine["core.identity"]["records"] == 1
    english = (await world.gql(ME, as_="subject", language="en")).data["me"]["personalData"]["categories"]
    assert {one["code"]: one["title"] for one in english}["register.contact"] == "Telephone and document numbers"
    assert (await me(world, "subject"))["id"] == f"Person_{subject}"


async def test_nobody_reads_it_for_another(world: World) -> None:
    """Nobody in particular is nobody; others have their own; an address is for its person, ten minutes, and unaltered."""
    await lives.fill(world)
    assert await me(world, None) is None
    refused = await world.do("exportMyData", {}, EXPORT, as_="stranger")
    other = json.loads((await world.client.get(refused["url"])).text)
    assert lives.NAME not in json.dumps(other, ensure_ascii=False)
    anonymous = await world.gql("mutation { exportMyData(input: {}) { __typename ... on UserError { code } } }")
    assert anonymous.data["exportMyData"]["code"] == "core.not_signed_in"

    url = (await world.do("exportMyData", {}, EXPORT, as_="subject"))["url"]
    stranger = world.demo.people["stranger"]
    parts = url.split("/")
    forged = "/".join([*parts[:2], str(stranger), *parts[3:]])
    assert (await world.client.get(forged)).status_code == 404
    later = "/".join([*parts[:3], str(int(parts[3]) + 600), parts[4]])
    assert (await world.client.get(later)).status_code == 404
    world.clock.advance(minutes=11)
    assert (await world.client.get(url)).status_code == 404


async def test_a_look_at_sealed_fields_is_written_down_for_the_person(world: World) -> None:
    """Who, in which role, which field, under which operation; again within the hour counts; one's own does not."""
    subject = await lives.fill(world)
    code = {"code": world.demo.places["compound"].code}
    shown = await world.gql(OWNERS, code, as_="staff")
    assert lives.PHONE in str(shown.data)
    await world.gql(OWNERS, code, as_="staff")
    await world.gql(OWNERS, code, as_="subject")
    assert lives.PHONE not in str((await world.gql(OWNERS, code, as_="property")).data)
    assert lives.ADDRESS in str((await world.gql(WISHES, code, as_="secretary")).data)
    assert lives.SECOND_PHONE in str((await world.gql(RESIDENTS, code, as_="staff")).data)

    log = (await me(world, "subject"))["personalData"]["accessLog"]
    named = [
        one for one in log["nodes"] if one["operation"]
    ]  # one look was had before the owner was known to be the person
    found = {(one["field"], one["category"], one["operation"]): (one["role"], one["times"]) for one in named}
    assert found == {
        ("name", "register.owner", "Look"): ("community_staff", 2),
        ("phone", "register.contact", "Look"): ("community_staff", 2),
        ("document", "register.contact", "Look"): ("community_staff", 2),
        ("address_sealed", "wishes.contact", "Visit"): ("branch_secretary", 1),
        ("name", "register.resident", "Verify"): ("community_staff", 1),
        ("phone", "register.contact", "Verify"): ("community_staff", 1),
    }
    assert (log["totalCount"], len(log["nodes"])) == (7, 7)
    assert {one["reader"]["name"] for one in log["nodes"]} == {"示*"}

    for other in ("stranger", "staff", "chair", "auditor"):
        theirs = (await me(world, other))["personalData"]["accessLog"]["nodes"]
        assert not {one["id"] for one in theirs} & {one["id"] for one in log["nodes"]}
        seen = await world.gql("query($id: ID!) { node(id: $id) { id } }", {"id": log["nodes"][0]["id"]}, as_=other)
        assert seen.data["node"] is None, other
    assert (
        await world.kernel.database.value("SELECT COUNT(*) FROM core_access_look WHERE reader_id = ?", (subject,)) == 0
    )


async def test_looks_at_an_owner_who_is_not_known_yet_are_theirs_once_they_are(world: World) -> None:
    """Staff reads the number of an owner without an account; when the owner is linked, the log is theirs."""
    await lives.stranger_world.fill(world)
    await world.gql(OWNERS, {"code": world.demo.places["compound"].code}, as_="staff")
    late = await world.person("late", "resident", world.demo.places["stairwell"])
    assert (await me(world, "late"))["personalData"]["accessLog"]["totalCount"] == 0
    owner = await lives.one(world, "SELECT id FROM register_owner WHERE name = '示例业主004' ORDER BY id")
    await world.demo.perform(lives.owners.link_owner, "staff", id=owner, person=late)
    log = (await me(world, "late"))["personalData"]["accessLog"]["nodes"]
    assert {one["field"] for one in log} == {"name", "phone"}


async def test_looks_are_kept_for_half_a_year_at_least_and_dropped_when_their_time_is_over(world: World) -> None:
    """After 180 days all are there; after a year without a look the tidying takes them."""
    await lives.fill(world)
    await world.gql(OWNERS, {"code": world.demo.places["compound"].code}, as_="staff")
    count = "SELECT COUNT(*) FROM core_access_look"
    before = await lives.one(world, count)
    assert before > 3
    world.clock.advance(days=181)
    assert await looks.forget_old(world.kernel) == 0
    world.clock.advance(days=185)
    await world.kernel.background().tidy()
    assert await lives.one(world, count) == 0


async def test_a_correction_is_on_the_trace_without_what_it_says(world: World) -> None:
    """Name and telephone are corrected where they are one's own; staff do the rest; no leaf, event or key holds them."""
    subject = await lives.fill(world)
    new_name, new_phone = "欧阳示例云", "12055500000"
    made = await world.do(
        "correctMyData", {"name": new_name, "phone": new_phone, "idempotencyKey": "again"},
        "... on DataCorrected { fields }", as_="subject",
    )  # fmt: skip
    assert made["fields"] == {"name": 1, "phone": 2}
    assert (await me(world, "subject"))["name"] == new_name
    text = json.dumps(await exported(world, "subject"), ensure_ascii=False)
    assert new_phone in text
    assert lives.PHONE not in text
    assert lives.SECOND_PHONE not in text
    said = await lives.saying(world, (new_name, new_phone))
    assert {one.partition(" ")[0] for one in said} == {
        "core_person.name", "register_owner.phone_sealed", "register_resident.phone_sealed"
    }  # fmt: skip
    leaf = await lives.one(world, "SELECT body FROM core_trace_leaf WHERE deed = 'core.correct_my_data'")
    assert json.loads(leaf)["details"] == {"corrected": {"name": 1, "phone": 2}}
    assert str(subject) not in leaf

    wrong = await world.do("correctMyData", {"phone": "12"}, as_="subject")
    assert (wrong["code"], wrong["path"]) == ("register.phone_wrong", ["input", "phone"])
    assert (await world.do("correctMyData", {}, as_="subject"))["code"] == "core.nothing_to_correct"


async def test_consents_have_texts_and_versions_and_are_taken_back_as_easily(world: World) -> None:
    """One agrees to the version shown; another is refused; taking it back erases what rested on it; a new text asks anew."""
    await lives.fill(world)

    async def mine() -> Any:
        return (await me(world, "subject"))["personalData"]["consents"][0]

    asked = await mine()
    assert (asked["category"], asked["version"], asked["isGiven"]) == ("wishes.contact", 1, False)
    assert asked["text"].startswith("我同意把住址")
    wrong = await world.do("giveConsent", {"category": "wishes.contact", "version": 7}, as_="subject")
    assert wrong["code"] == "core.consent_text_changed"
    none = await world.do("giveConsent", {"category": "voting.ballot", "version": 1}, as_="subject")
    assert none["code"] == "core.no_consent_needed"
    for _ in range(2):
        given = await world.do("giveConsent", {"category": "wishes.contact", "version": 1}, as_="subject")
        assert given["__typename"] == "ConsentRecorded"
    assert ((await mine())["isGiven"], (await mine())["agreedVersion"]) == (True, 1)
    assert await lives.one(world, "SELECT COUNT(*) FROM core_consent") == 1

    assert await lives.saying(world, (lives.ADDRESS, lives.CONTACT))
    await world.do("withdrawConsent", {"category": "wishes.contact"}, as_="subject")
    assert await lives.saying(world, (lives.ADDRESS, lives.CONTACT)) == []
    assert (await mine())["isGiven"] is False
    assert (await mine())["withdrawnAt"] is not None
    again = await world.do("withdrawConsent", {"category": "wishes.contact"}, as_="subject")
    assert again["code"] == "core.no_consent"

    await world.do("giveConsent", {"category": "wishes.contact", "version": 1}, as_="subject")
    await world.kernel.database.run(partial(_agreed_to_an_older_text, at=to_wire(world.clock.now())))
    renewed = await mine()
    assert (renewed["isGiven"], renewed["agreedVersion"]) == (False, 0)


async def _agreed_to_an_older_text(tx: Tx, at: str) -> None:
    """Make it so that the last consent was to a text that is no longer the one declared."""
    await tx.execute(
        "INSERT INTO core_consent_text (hash, category, version, zh, en, since) "
        "VALUES ('old', 'wishes.contact', 0, '旧', 'old', ?)",
        (at,),
    )
    await tx.execute("UPDATE core_consent SET text_id = 'old' WHERE withdrawn_at IS NULL")


async def test_restricted_data_are_kept_and_shown_to_nobody_else(world: World) -> None:
    """Staff sees masks while it lasts, the person sees all; lifting it brings all back."""
    await lives.fill(world)
    code = {"code": world.demo.places["compound"].code}

    async def shown(as_: str) -> str:
        return str((await world.gql(OWNERS, code, as_=as_)).data)

    assert lives.PHONE in await shown("staff")
    await world.do("restrictProcessing", {"isRestricted": True, "reason": "有争议示例芸"}, as_="subject")
    assert (await me(world, "subject"))["personalData"]["restrictedSince"] is not None
    for hidden in (lives.PHONE, lives.DOCUMENT, lives.NAME):
        assert hidden not in await shown("staff"), hidden
    assert "120****" in await shown("staff")
    assert lives.PHONE in await shown("subject")
    assert lives.ADDRESS not in str((await world.gql(WISHES, code, as_="secretary")).data)
    await world.do("restrictProcessing", {"isRestricted": False}, as_="subject")
    assert lives.PHONE in await shown("staff")


async def test_nobody_holds_the_permission_to_export_or_erase_others(world: World) -> None:
    """It is given to no role: exporting and erasing somebody else is for the command line."""
    for who in world.demo.people:
        viewer = await world.demo.viewer(who)
        assert not any("core.answer_requests" in grant.permissions for grant in viewer.grants), who
