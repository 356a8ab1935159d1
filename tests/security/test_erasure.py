"""Closing an account: what is erased is gone from every table, what is counted stays countable, and the answer says why."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from core import auditing, demo, erasure
from core._db.snapshot import open_snapshot
from core.access import Viewer
from core.attachments import files_folder
from core.database import sqlite_path
from core.verification import Fault, audits_of, verify
from plugins.register import units
from plugins.register.kinds import OwnershipBasis
from plugins.voting.certificate import build
from tests.conftest import World
from tests.security import personal_world as lives
from tests.security.test_personal_data import exported, me

CLOSED = "... on AccountClosed { categories { code title erased kept later why } }"
RIGHT = {"password": demo.PASSWORD}


async def close(world: World, as_: str = "subject", **input: Any) -> dict[str, Any]:
    """Close an account; returns the report by category."""
    found = await world.do("closeAccount", {**RIGHT, **input}, CLOSED, as_=as_)
    assert found["__typename"] == "AccountClosed", found
    return {one["code"]: one for one in found["categories"]}


async def sell(world: World, subject: int) -> None:
    """Transfer every unit of the person to somebody else."""
    rows = await world.kernel.database.fetch(
        "SELECT o.unit_id FROM register_ownership o JOIN register_owner w ON w.id = o.owner_id "
        "WHERE w.person_id = ? AND o.until IS NULL", (subject,),
    )  # fmt: skip
    for row in rows:
        await world.demo.perform(
            units.transfer_unit, "staff", id=row["unit_id"], owners=[{"name": "示例买家", "phone": "12000000077"}],
            since=world.clock.now().date(), basis=OwnershipBasis.REGISTERED,
        )  # fmt: skip


async def certificates(world: World, polls: list[int]) -> list[str]:
    """Return the certificate of every counted poll as it would be written now."""
    counted = await world.kernel.database.fetch("SELECT matter_id FROM voting_poll WHERE counted_at IS NOT NULL")
    keys = [row["matter_id"] for row in counted if row["matter_id"] in polls]
    assert keys
    return [await world.kernel.database.run(partial(_text, key=key)) for key in sorted(keys)]


async def _text(tx: Any, key: int) -> str:
    return (await build(tx, key))[0]


async def test_after_closing_nothing_of_the_person_is_found_in_any_table(world: World) -> None:
    """No name, number, address or word, plain or sealed, in any table; what still has the key has no name to it."""
    subject = await lives.fill(world)
    await exported(world, "subject")
    await sell(world, subject)
    assert {one.partition(".")[0] for one in await lives.saying(world, lives.TEXTS)} >= {
        "core_person", "register_owner", "register_resident", "wishes_wish", "wishes_claim", "notices_objection", "core_attachment"
    }  # fmt: skip
    report = await close(world)
    assert await lives.saying(world, (*lives.TEXTS, "示例芸", "subject")) == []
    assert (
        not {"core_trace_salt", "core_idempotency_key", "register_owner", "voting_returned", "register_roll_voter"}
        & (await lives.about(world, subject)).keys()
    )
    assert report["register.owner"]["later"] == 0
    assert (report["register.contact"]["erased"], report["register.contact"]["kept"]) == (2, 0)
    assert report["core.identity"]["erased"] == 1
    kept = {code for code, one in report.items() if one["kept"]}
    assert [code for code in kept if not report[code]["why"]] == []
    assert [code for code in report.keys() - kept if report[code]["why"]] == []
    assert {"voting.ballot", "register.roll", "core.matters", "core.events"} <= kept


async def test_not_even_the_bytes_of_the_file_hold_it(world: World) -> None:
    """What was erased from an embedded database is overwritten, not only unlinked: free pages are read by whoever has the file."""
    if world.kernel.database.dialect != "sqlite":
        pytest.skip("PostgreSQL drops dead rows by itself, at its next VACUUM")
    subject = await lives.fill(world)
    await sell(world, subject)
    path = Path(sqlite_path(world.kernel.config.database_url))
    assert lives.STORY in _content(path)
    await close(world)
    assert [text for text in lives.TEXTS if text in _content(path)] == []


def _content(path: Path) -> str:
    """Return the bytes of a database's file as text, once its log has been brought into it."""
    with closing(sqlite3.connect(path)) as connection:
        busy, _, _ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    assert busy == 0
    return path.read_bytes().decode("utf-8", "ignore")


async def faults(world: World) -> list[Fault]:
    """Return what is wrong with the log, the files and the ballots."""
    async with open_snapshot(world.kernel.config.database_url) as snapshot:
        return await verify(snapshot, files_folder(world.kernel.config), audits_of(world.kernel.host))


async def test_ballots_certificates_and_the_log_are_as_before(world: World) -> None:
    """Tallies, rolls, certificates and every leaf are the same; the log and the ballots still verify."""
    subject = await lives.fill(world)
    before = await lives.counted(world)
    texts = await certificates(world, before["polls"])
    await close(world)
    after = await lives.counted(world)
    assert after["leaves"][: len(before["leaves"])] == before["leaves"]
    added = len(after["leaves"]) - len(before["leaves"])
    assert added >= 1
    assert {**after, "leaves": []} == {**before, "leaves": []}
    assert await certificates(world, before["polls"]) == texts
    assert await auditing.verify(world.kernel.database, []) == []
    assert await faults(world) == []
    bodies = await world.kernel.database.fetch("SELECT body FROM core_trace_leaf WHERE deed = 'core.close_account'")
    assert [json.loads(row["body"])["actor"] for row in bodies] == [None]
    assert str(subject) not in bodies[0]["body"]


async def test_a_count_after_the_closing_counts_the_ballot(world: World) -> None:
    """Who votes and leaves before the close is counted with the others."""
    subject = await lives.fill(world, until="voted")
    poll = await lives.stranger_world.joint_decision(world)
    before = await lives.one(world, "SELECT COUNT(*) FROM voting_ballot WHERE poll_id = ?", poll)
    await close(world)
    assert await lives.one(world, "SELECT COUNT(*) FROM voting_ballot WHERE poll_id = ?", poll) == before
    await lives.stranger_world.vote_and_count(world)
    figures = await lives.one(world, "SELECT figures FROM voting_result WHERE poll_id = ? ORDER BY motion_id", poll)
    votes = await world.kernel.database.fetch("SELECT heads FROM voting_ballot WHERE poll_id = ?", (poll,))
    told = json.loads(figures)["strict"]["sums"]
    assert sum(part["heads"] for part in told.values()) == sum(row["heads"] for row in votes) == before + 2
    assert await faults(world) == []
    assert subject not in [row[0] for row in await world.kernel.database.fetch("SELECT person_id FROM voting_returned")]


async def test_the_login_is_gone_at_once_and_for_good(world: World) -> None:
    """The token that closed it is refused, the password too; a wrong password closes nothing and counts as a guess."""
    await lives.fill(world)
    wrong = await world.do("closeAccount", {"password": "wrong-password-1"}, CLOSED, as_="subject")
    assert (wrong["__typename"], wrong["code"]) == ("InvalidInput", "core.password_needed")
    assert (await me(world, "subject"))["name"] == lives.NAME
    token = await world.token("subject")
    await close(world)
    headers = {"Authorization": f"Bearer {token}"}
    refused = await world.client.post("/graphql", json={"query": "{ me { name } }"}, headers=headers)
    assert lives.NAME not in refused.text
    assert "errors" in refused.json()
    signed_in = await world.gql(
        'mutation($with: String!) { login(input: {username: "subject", password: $with}) { __typename ... on UserError { code } } }',
        {"with": demo.PASSWORD},
    )
    assert signed_in.data["login"]["code"] == "core.bad_credentials"


async def test_a_present_owner_stays_in_the_register_until_the_unit_is_sold(world: World) -> None:
    """The name is kept, for the register is kept by law; numbers go at once; after the sale the daily look takes the name."""
    subject = await lives.fill(world)
    report = await close(world)
    assert (report["register.owner"]["kept"] > 0, report["register.owner"]["later"]) == (True, 1)
    assert "清册依法" in report["register.owner"]["why"]
    assert await lives.saying(world, lives.TEXTS) == [f"register_owner.name says {lives.NAME}"]

    world.clock.advance(days=2)
    assert await erasure.finish(world.kernel) == 0
    await sell(world, subject)
    await world.kernel.background().tidy()
    assert await lives.saying(world, lives.TEXTS) == [f"register_owner.name says {lives.NAME}"]
    world.clock.advance(days=2)
    await world.kernel.background().tidy()
    assert await lives.saying(world, lives.TEXTS) == []
    assert await lives.one(world, "SELECT is_complete FROM core_erasure WHERE person_id = ?", subject) in (1, True)


async def test_wishes_under_way_end_and_claimed_ones_go_back_to_the_wall(world: World) -> None:
    """Nobody waits for somebody who has left, and no address is left with a neighbour."""
    subject = await lives.fill(world)
    await close(world)
    states = await world.kernel.database.fetch(
        "SELECT state FROM core_matter WHERE kind = 'WISH' AND author_id = ?", (subject,)
    )
    assert [row["state"] for row in states] == ["WITHDRAWN", "WITHDRAWN"]
    open_claims = await lives.one(
        world, "SELECT COUNT(*) FROM wishes_claim c JOIN core_matter m ON m.id = c.wish_id "
        "WHERE c.state = 'OPEN' AND (c.claimer_id = ? OR m.author_id = ?)", subject, subject,
    )  # fmt: skip
    assert open_claims == 0


async def test_erasing_again_changes_nothing_more(world: World) -> None:
    """As after a backup was restored: the command line erases whoever is on the list, however often."""
    subject = await lives.fill(world)
    await sell(world, subject)
    await close(world)
    seen = await lives.counted(world)
    again = await world.kernel.perform(erasure.erase_person, Viewer(system="test"), person_id=subject, by="list")
    assert {one["category"]: one["later"] for one in again if one["later"]} == {}
    after = await lives.counted(world)
    assert {**after, "leaves": []} == {**seen, "leaves": []}
    assert await lives.saying(world, lives.TEXTS) == []


@pytest.mark.parametrize("who", ["staff", "secadmin", "neighbour29"])
async def test_only_the_person_closes_the_account(world: World, who: str) -> None:
    """The mutation names nobody: whoever calls it closes their own; another's data stay."""
    await lives.fill(world)
    if who == "neighbour29":  # has no login to close
        anonymous = await world.gql("mutation { closeAccount(input: {}) { __typename ... on UserError { code } } }")
        assert anonymous.data["closeAccount"]["code"] == "core.not_signed_in"
    else:
        await close(world, who)
    assert (await me(world, "subject"))["name"] == lives.NAME
    assert len(await lives.saying(world, lives.TEXTS)) > 10
