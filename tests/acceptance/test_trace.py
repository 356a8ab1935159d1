"""The record that outsiders verify: a poll's bundle, receipts, heads kept elsewhere, and tampering found by name."""

from __future__ import annotations

import asyncio
import copy
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from core import auditing, bundles, ledger, tracekeys
from plugins.voting import certificate
from tests.acceptance.voting_world import Entry, cast, close, make_roll, opened, owner
from tests.conftest import World

VERIFIER = Path(__file__).parents[2] / "verifier" / "shanzhi_verify.py"
Doc = dict[str, Any]


def check(folder: Path, command: str, subject: Any, *more: str) -> tuple[int, str]:
    """Run the verifier as a stranger would; returns its exit code and what it printed."""
    path = folder / f"{command}.json"
    path.write_text(subject if isinstance(subject, str) else json.dumps(subject, ensure_ascii=False), "utf-8")
    ran = subprocess.run(
        [sys.executable, "-I", str(VERIFIER), command, str(path), *more], capture_output=True, text=True, check=False
    )
    return ran.returncode, ran.stdout + ran.stderr


async def counted(world: World) -> tuple[Doc, str]:
    """Hold a poll of three owners to its count; returns its whole bundle and one receipt."""
    await owner(world, "owner", "second", "third")
    roll = await make_roll(world, Entry(8_952), Entry(10_000, voters=("second",)), Entry(9_000, voters=("third",)))
    await _hash_roll(world, roll.id)
    poll, (motion,) = await opened(world, roll, "SERVICE_PROVIDER")
    receipt = (await cast(world, poll, {motion: "FOR"}))["receipt"]
    await cast(world, poll, {motion: "AGAINST"}, as_="second")
    await cast(world, poll, {motion: "FOR"}, as_="third")
    await close(world, poll)
    text = await certificate.whole_dossier(world.kernel.database, int(poll.rpartition("_")[2]))
    assert text is not None, "the count signed a head"
    return json.loads(text), receipt


async def _hash_roll(world: World, key: int) -> None:
    """Give the roll that the test wrote the hash that the register would have given it."""
    database = world.kernel.database
    [row] = await database.fetch("SELECT * FROM register_roll WHERE matter_id = ?", (key,))
    lines = await database.fetch(
        "SELECT number, units_text, owners_masked, area_centi, heads, is_developer_stock FROM register_roll_entry "
        "WHERE roll_id = ? ORDER BY number",
        (key,),
    )
    scope = [{"id": one["id"], "code": world.demo.places["compound"].code} for one in json.loads(row["scope"])]
    published = [str(row["record_date"]), [one["code"] for one in scope], row["heads_key"], bool(row["include_parking"]),
                 [[*tuple(line)[:5], bool(line[5])] for line in lines]]  # fmt: skip
    digest = certificate.digest_of(json.dumps(published, ensure_ascii=False, separators=(",", ":")))
    update = "UPDATE register_roll SET scope = ?, hash = ? WHERE matter_id = ?"
    await database.run(lambda tx: tx.execute(update, (json.dumps(scope), digest, key)))


def _ballot(at: int, **change: Any) -> Callable[[Doc], None]:
    return lambda doc: doc["ballots"]["returned"][at].update(change)


def _swap(doc: Doc) -> None:
    one, two = doc["ballots"]["returned"][:2]
    one["marks"], two["marks"] = two["marks"], one["marks"]


def _certificate(change: Callable[[Doc], Any]) -> Callable[[Doc], None]:
    def apply(doc: Doc) -> None:
        found = json.loads(doc["certificate"])
        change(found)
        doc["certificate"] = json.dumps(found, ensure_ascii=False, sort_keys=True, separators=(",", ":"))

    return apply


def _reorder(doc: Doc) -> None:
    one, two = doc["leaves"][2:4]
    one["seq"], two["seq"] = two["seq"], one["seq"]


def _late(doc: Doc) -> None:
    closes = json.loads(doc["certificate"])["closes_at"]
    doc["ballots"]["returned"][0]["at"] = closes


def _new_leaf(doc: Doc) -> None:
    other = copy.deepcopy(doc["leaves"][-1])
    other["seq"] += 0
    doc["leaves"].append(other)


def _drop_cast(doc: Doc) -> None:
    doc["leaves"] = [one for one in doc["leaves"] if json.loads(one["body"])["deed"] != "voting.cast_ballot"]


TAMPERINGS: dict[str, tuple[Callable[[Doc], Any], str]] = {
    "alter a ballot": (_ballot(0, channel="PAPER"), "ballot-altered"),
    "drop a ballot": (lambda doc: doc["ballots"]["returned"].pop(), "ballot-dropped"),
    "insert a ballot": (
        lambda doc: doc["ballots"]["returned"].append({**doc["ballots"]["returned"][0], "receipt": "0" * 64}),
        "ballot-inserted",
    ),
    "swap two votes": (_swap, "ballots-swapped"),
    "weigh anew": (_ballot(0, area=99_999), "ballot-reweighted"),
    "late ballot": (_late, "late-ballot"),
    "edit the roll": (lambda doc: doc["roll"]["lines"][0].__setitem__(3, 1), "roll-edited"),
    "change settings": (_certificate(lambda cert: cert["settings"]["notice_days"].update(value=1)), "settings-changed"),
    "move the end": (_certificate(lambda cert: cert.update(closes_at="2030-01-01T00:00:00+08:00")), "schedule-changed"),
    "edit the certificate": (_certificate(lambda cert: cert.update(title="x")), "certificate-edited"),
    "replace a receipt": (_certificate(lambda cert: cert["receipts"].__setitem__(0, "0" * 64)), "receipts-altered"),
    "alter a leaf": (
        lambda doc: doc["leaves"][0].update(body=doc["leaves"][0]["body"].replace("voting.", "votinG.")),
        "leaf-altered",
    ),
    "insert a leaf": (_new_leaf, "leaves-reordered"),
    "reorder leaves": (_reorder, "leaves-reordered"),
    "drop leaves": (_drop_cast, "log-mismatch"),
    "truncate the log": (lambda doc: doc["leaves"].pop(), "log-mismatch"),
    "forge a signature": (
        lambda doc: doc["heads"][-1].update(note=doc["heads"][-1]["note"].replace("\n\n—", "\nextra\n\n—")),
        "signature-invalid",
    ),
}


async def test_every_tampering_with_a_bundle_is_named(world: World, tmp_path: Path) -> None:
    """A sound bundle passes; each kind of tampering is found under its name, offline."""
    bundle, receipt = await counted(world)
    code, told = check(tmp_path, "bundle", bundle)
    assert code == 0, told
    for what, (tamper, name) in TAMPERINGS.items():
        broken = copy.deepcopy(bundle)
        tamper(broken)
        code, told = check(tmp_path, "bundle", broken)
        assert code == 1, (what, told)
        assert f"BAD {name}:" in told, (what, told)
    found = await world.gql("query($h: String!) { receipt(hash: $h) }", {"h": receipt})
    assert check(tmp_path, "receipt", found.data["receipt"])[0] == 0
    replaced = {**found.data["receipt"], "receipt": "0" * 64}
    assert "BAD receipt-replaced" in check(tmp_path, "receipt", replaced)[1]


async def test_the_dossier_is_for_scrutineers(world: World, tmp_path: Path) -> None:
    """They get one file with everything, the verifier passes it and names what is changed in it; others get nothing."""
    bundle, _ = await counted(world)
    given = {"id": f"Poll_{bundle['poll']}", "reason": "复核"}
    fields = "... on BallotsBundle { dossier }"
    for reader in (None, "owner", "chair", "staff", "auditor", "sysadmin", "property"):
        refused = await world.do("exportBallots", given, fields, as_=reader)
        assert refused["__typename"] != "BallotsBundle", reader
        assert "dossier" not in refused
    text = (await world.do("exportBallots", given, fields, as_="scrutineer"))["dossier"]
    kept = (await world.client.get("/trace/head")).text
    (tmp_path / "kept").write_text(kept, "utf-8")
    code, told = check(tmp_path, "bundle", text, "--head", str(tmp_path / "kept"))
    assert code == 0, told
    for line in ("every ballot weighs what the roll says", "the ballots add up", "no votes changed places"):
        assert f"{line}" in told
    broken = json.loads(text)
    _swap(broken)
    assert "BAD ballots-swapped:" in check(tmp_path, "bundle", broken)[1]


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_rollback_and_replacement_show_only_by_a_head_kept_elsewhere(world: World, tmp_path: Path) -> None:
    """A database that was set back, and a log replaced as a whole under a new key, pass alone and fail against the kept head."""
    await counted(world)
    database = world.kernel.database
    kept = await ledger.make_head(world.kernel, "test")
    assert kept is not None
    assert await auditing.verify(database, [kept.note]) == []
    await database.run(_set_back)
    assert await auditing.verify(database, []) == [], "nothing in the database itself says so"
    assert [one.kind for one in await auditing.verify(database, [kept.note])] == ["rolled-back"]
    await database.run(_replace_all)
    await ledger.make_head(world.kernel, "forged")
    assert await auditing.verify(database, []) == []
    names = {one.kind for one in await auditing.verify(database, [kept.note])}
    assert "key-replaced" in names
    export = "\n".join([line async for line in bundles.export(database)])
    (tmp_path / "kept").write_text(kept.note, "utf-8")
    assert check(tmp_path, "log", export)[0] == 0
    assert "BAD key-replaced" in check(tmp_path, "log", export, "--head", str(tmp_path / "kept"))[1]


async def _set_back(tx: Any) -> None:
    last = await tx.value("SELECT MAX(seq) FROM core_trace_leaf")
    await tx.execute("DELETE FROM core_trace_leaf WHERE seq > ?", (last - 3,))
    await tx.execute("DELETE FROM core_trace_head WHERE size > ?", (last - 3,))


async def _replace_all(tx: Any) -> None:
    for table in ("core_trace_head", "core_trace_node", "core_trace_key"):
        await tx.execute(f"DELETE FROM {table}")


async def test_places_are_dense_under_concurrency_and_rollback(world: World) -> None:
    """Deeds that fail leave no hole, and those that run together get places 1 to n, each once."""
    code = world.demo.places["compound"].code

    async def one(at: int) -> None:
        await world.do(
            "disablePlugin" if at % 2 else "enablePlugin", {"community": code, "plugin": "wishes"}, as_="staff"
        )
        await world.do("disablePlugin", {"community": code, "plugin": "nothing"}, as_="staff")

    await asyncio.gather(*(one(at) for at in range(30)))
    rows = await world.kernel.database.fetch("SELECT seq FROM core_trace_leaf ORDER BY seq")
    assert [row["seq"] for row in rows] == list(range(1, len(rows) + 1))


async def test_heads_and_keys_survive_a_new_secret_and_a_rotation(world: World, tmp_path: Path) -> None:
    """A rotated key is handed over to on the log; a head signed before is still one of this log."""
    before = await ledger.make_head(world.kernel, "test")
    await tracekeys.rotate(world.kernel)
    after = await ledger.make_head(world.kernel, "test")
    assert before is not None
    assert after is not None
    (tmp_path / "kept").write_text(before.note, "utf-8")
    export = "\n".join([line async for line in bundles.export(world.kernel.database)])
    code, told = check(tmp_path, "log", export, "--head", str(tmp_path / "kept"))
    assert code == 0, told
    found = (await world.client.get("/trace/head")).text
    assert found == after.note
    proof = await world.gql("query($o: String!, $n: String!) { traceConsistency(old: $o, new: $n) { hashes } }",
                            {"o": str(before.size), "n": str(after.size)})  # fmt: skip
    assert proof.data["traceConsistency"]["hashes"]


async def test_a_resident_follows_a_matter_and_never_who(world: World) -> None:
    """Whoever sees a poll sees its deeds without names; of ballots one's own only; a stranger sees nothing."""
    bundle, _ = await counted(world)
    document = "query($m: ID!) { trace(matter: $m, first: 50) { nodes { deed isMine seq } } }"
    seen = (await world.gql(document, {"m": f"Poll_{bundle['poll']}"}, as_="owner")).data["trace"]["nodes"]
    assert [one["isMine"] for one in seen if one["deed"] == "voting.cast_ballot"] == [1]
    assert "voting.announce_poll" in {one["deed"] for one in seen}
    assert (await world.gql(document, {"m": f"Poll_{bundle['poll']}"})).data["trace"]["nodes"] == []
