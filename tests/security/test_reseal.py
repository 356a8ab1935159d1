"""The secret is rotated while the server serves: nothing is unreadable at any moment, a killed run goes on, the old one goes."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sqlite3
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from core import accounts, demo
from core._db.create import scratch_database
from core.clock import SetClock, SystemClock
from core.config import Config
from core.database import Tx
from core.ids import new_id
from core.kernel import Kernel
from core.keys import CannotUnseal, Keyring
from plugins.register import store
from plugins.register.kinds import OwnerKind
from tests import services
from tests.conftest import DIVISIONS, ROOT, SECRET, SMALL, config_for, load_host, read_plugin_list
from tests.reliability.servers import Site, running

OLD, NEW = SECRET, "tests-9hKw2Lr7pXc4VnMz1QyTbE6sUaJd3GfRo"
MANY = 1_200
SEALED = (
    ("register_owner", "phone_sealed", "phone"), ("register_owner", "document_sealed", "document"),
    ("wishes_wish", "address_sealed", "address_sealed"), ("wishes_claim", "contact_sealed", "contact_sealed"),
    ("voting_box_part", "sealed", "sealed"), ("core_trace_key", "sealed", "sealed"),
)  # fmt: skip
OWNERS = "query($code: ID!) { community(code: $code) { units(first: 50) { nodes { ownerships { nodes { owner { phone } } } } } } }"
RECEIPT = "query($id: ID!) { poll(id: $id) { mySeparatedReceipt { receipt nonce } } }"


@pytest.fixture(params=["sqlite", "postgres"])
async def url(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[str]:
    """Give the address of an empty database."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'shanzhi.db'}"
        return
    if services.postgres_url() is None:
        pytest.skip("PostgreSQL is not reachable")
    async with scratch_database(services.postgres_url() or "") as made:
        yield made


@asynccontextmanager
async def kernel(url: str, folder: Path, secret: str, *previous: str) -> AsyncIterator[Kernel]:
    """Open a kernel with one secret and earlier ones."""
    config: Config = config_for(folder, url, secret=secret, secret_previous=previous)
    clock = SetClock(
        SystemClock().now()
    )  # it stands: the demo opens surveys "now", which must not have passed meanwhile
    opened = await Kernel.open(config, clock=clock, host=load_host(read_plugin_list(ROOT / "plugins.toml")))
    try:
        yield opened
    finally:
        await opened.close()


async def fill(url: str, folder: Path) -> tuple[demo.DemoWorld, str]:
    """Fill a database with the demo world and many owners, all under the old secret; returns a separated poll, too."""
    async with kernel(url, folder, OLD) as opened:
        world = await demo.build(opened, DIVISIONS, compounds=SMALL)
        place = world.places["compound"].id
        rows = [
            store.owner_row(opened.keys, new_id(), place, OwnerKind.PERSON, f"示例{n}", f"1300000{n:04d}", f"EX{n:07d}")
            for n in range(MANY)
        ]
        await opened.database.run(partial(_insert, rows=rows))
        await opened.database.run(partial(_head, kernel=opened))
        poll = await opened.database.value("SELECT matter_id FROM voting_box ORDER BY matter_id")
        return world, f"Poll_{poll}"


async def _insert(tx: Tx, rows: list[Any]) -> None:
    await tx.execute_many(store.INSERT_OWNER, rows)


async def _head(tx: Tx, kernel: Kernel) -> None:
    from core import tracekeys

    await tracekeys.current(kernel, tx)


async def opened_values(url: str, folder: Path, secret: str, *previous: str) -> dict[str, dict[int, str]]:
    """Return every sealed value of the database, opened."""
    found: dict[str, dict[int, str]] = {}
    async with kernel(url, folder, secret, *previous) as running_kernel:
        for table, column, word in SEALED:
            key = "matter_id" if table == "wishes_wish" else "id"
            rows = await running_kernel.database.fetch(
                f"SELECT {key} AS k, {column} AS v FROM {table} WHERE {column} IS NOT NULL"
            )
            found[f"{table}.{column}"] = {
                row["k"]: running_kernel.keys.unseal(table, word, row["k"], row["v"]) for row in rows
            }
    return found


def site_of(url: str, folder: Path, secret: str, *previous: str) -> Site:
    """Describe a server with one secret and earlier ones."""
    return Site(url, folder, options={"SECRET": secret, "SECRET_PREVIOUS": ",".join(previous) or None})


async def owners_seen(client: httpx.AsyncClient, token: str, code: str) -> list[str]:
    """Return the numbers that staff reads; fails the test when one is masked, missing or in error."""
    answer = (
        await client.post(
            "/graphql",
            json={"query": OWNERS, "variables": {"code": code}},
            headers={"Authorization": f"Bearer {token}"},
        )
    ).json()
    assert "errors" not in answer, answer
    nodes = [
        o["owner"]["phone"] for u in answer["data"]["community"]["units"]["nodes"] for o in u["ownerships"]["nodes"]
    ]
    assert not [phone for phone in nodes if phone and "*" in phone]
    return sorted(phone for phone in nodes if phone)


async def receipt(client: httpx.AsyncClient, token: str, poll: str) -> Any:
    """Return a voter's receipt of the separated poll."""
    answer = await client.post(
        "/graphql", json={"query": RECEIPT, "variables": {"id": poll}}, headers={"Authorization": f"Bearer {token}"}
    )
    return answer.json()["data"]["poll"]["mySeparatedReceipt"]


def left_of(said: str) -> int:
    """Return how many values the command says are left."""
    return sum(int(line.rpartition(" ")[2]) for line in said.splitlines() if line.startswith("left "))


async def token_of(url: str, folder: Path, world: demo.DemoWorld, who: str) -> str:
    """Begin a session as one of the cast, under the new secret."""
    async with kernel(url, folder, NEW, OLD) as opened:
        return await accounts.access_token_for(opened, world.people[who])


async def test_rotated_while_serving_killed_resumed_and_the_old_secret_dropped(url: str, tmp_path: Path) -> None:
    """Reads go on and are right; a killed run has done a part, the next does the rest; then the new secret alone does."""
    world, poll = await fill(url, tmp_path)
    before = await opened_values(url, tmp_path, OLD)
    assert all(before.values()), {name: len(values) for name, values in before.items()}
    staff = await token_of(url, tmp_path, world, "staff")
    voter = await token_of(url, tmp_path, world, "resident")
    code = world.places["compound"].code

    site = site_of(url, tmp_path, NEW, OLD)
    async with (
        running(site) as server,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{server.port}", timeout=30) as client,
    ):
        expected = await owners_seen(client, staff, code)
        held = await receipt(client, voter, poll)
        assert (len(expected) > 20, bool(held["nonce"])) == (True, True)
        status, said = await site.command("reseal", "--status")
        whole = left_of(said)
        assert (status, whole >= MANY * 2) == (1, True), said

        rest = await _killed_in_between(site, whole)
        over = asyncio.Event()
        reading = asyncio.create_task(_read_on(client, staff, code, expected, over))
        status, said = await site.command("reseal", "--batch", "50")
        over.set()
        reads = await reading
        assert status == 0, said
        assert "can be taken away" in said
        done = json.loads(next(line for line in said.splitlines() if line.startswith("{")))
        assert (done["done"] <= rest + 10, done["left"], done["unreadable"]) == (True, {}, {})
        assert reads > 1
        assert await owners_seen(client, staff, code) == expected
        assert await receipt(client, voter, poll) == held

    assert await opened_values(url, tmp_path, NEW) == before
    alone = site_of(url, tmp_path, NEW)
    async with (
        running(alone) as server,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{server.port}", timeout=30) as client,
    ):
        assert await owners_seen(client, staff, code) == expected
        assert await receipt(client, voter, poll) == held
        assert (await alone.command("reseal", "--status"))[0] == 0
    async with kernel(url, tmp_path, NEW) as opened:
        index = opened.keys.blind_index("register.phone", "13000000007")
        found = await opened.database.value("SELECT COUNT(*) FROM register_owner WHERE phone_index = ?", (index,))
        assert found == 1


async def _killed_in_between(site: Site, whole: int) -> int:
    """Start a run of small batches, kill it when it has done a part, and return how much is left."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "server.py", "reseal", "--batch", "5", cwd=ROOT, env=site.environment,
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stderr is not None
    for _ in range(20):  # twenty batches are done
        assert await asyncio.wait_for(process.stderr.readline(), 60)
    os.kill(process.pid, signal.SIGKILL)
    await process.stderr.read()
    assert await process.wait() == -signal.SIGKILL
    status, said = await site.command("reseal", "--status")
    rest = left_of(said)
    assert (status, 0 < rest < whole) == (1, True), (rest, whole)
    return rest


async def _read_on(client: httpx.AsyncClient, token: str, code: str, expected: list[str], over: asyncio.Event) -> int:
    """Read again and again until it is over; every answer has to be right. Returns how many were."""
    reads = 0
    while not over.is_set():
        assert await owners_seen(client, token, code) == expected
        reads += 1
    return reads


async def test_a_backup_forgets_with_the_secret_and_erasures_are_repeated(tmp_path: Path) -> None:
    """What a backup has sealed cannot be opened with the new secret; whom it brings back is erased again from the list."""
    url = f"sqlite:///{tmp_path / 'shanzhi.db'}"
    world, _ = await fill(url, tmp_path)
    old, site = site_of(url, tmp_path, OLD), site_of(url, tmp_path, NEW, OLD)
    backup = tmp_path / "backup"
    status, said = await old.command("backup", str(backup))
    assert status == 0, said
    person = world.people["owner"]
    status, said = await old.command("personal", "export", f"Person_{person}")
    assert status == 0, said
    assert "12000000001" in json.dumps(json.loads(said), ensure_ascii=False)
    status, said = await old.command("personal", "erase", f"Person_{person}")
    assert status == 0, said
    status, listed = await old.command("personal", "erased")
    assert (status, json.loads(listed.splitlines()[-1])["person"]) == (0, f"Person_{person}")
    (tmp_path / "erased.jsonl").write_text(listed.splitlines()[-1] + "\n", "utf-8")
    assert (await site.command("reseal"))[0] == 0

    keys = Keyring(NEW)
    with closing(sqlite3.connect(backup / "database.sqlite3")) as copy:
        rows = copy.execute("SELECT id, phone_sealed FROM register_owner WHERE phone_sealed IS NOT NULL").fetchall()
    assert len(rows) > MANY
    for key, blob in rows[:50]:
        with pytest.raises(CannotUnseal):
            keys.unseal("register_owner", "phone", key, blob)

    status, said = await old.command("restore", str(backup), "--force")
    assert status == 0, said
    async with kernel(url, tmp_path, OLD) as opened:
        assert await opened.database.value("SELECT name FROM core_person WHERE id = ?", (person,)) == "示例业主001"
    status, said = await old.command("personal", "erase", "--from", str(tmp_path / "erased.jsonl"))
    assert status == 0, said
    async with kernel(url, tmp_path, OLD) as opened:
        assert await opened.database.value("SELECT name FROM core_person WHERE id = ?", (person,)) == "已注销"
    status, said = await old.command("personal", "tidy")
    assert (status, json.loads(said.splitlines()[-1])["looks"]) == (0, 0)


async def test_without_the_old_secret_nothing_is_touched(tmp_path: Path) -> None:
    """A value that no known secret opens stays as it is, and the command says so; other databases are refused at the start."""
    url = f"sqlite:///{tmp_path / 'shanzhi.db'}"
    await fill(url, tmp_path)
    async with kernel(url, tmp_path, OLD) as opened:
        foreign = Keyring("tests-some-other-server-5Tg8Yh2Kq7Lp3Wd").seal("register_owner", "phone", 1, "13000000000")
        key = await opened.database.value("SELECT MAX(id) FROM register_owner")
        await opened.database.run(
            partial(_execute, sql="UPDATE register_owner SET phone_sealed = ? WHERE id = ?", values=(foreign, key))
        )
    status, said = await site_of(url, tmp_path, NEW, OLD).command("reseal")
    assert status == 1, said
    assert '"unreadable": {"register_owner.phone_sealed": 1}' in said
    assert "left register_owner.phone_sealed: 1" in said
    status, said = await site_of(url, tmp_path, OLD).command("reseal", "--status")
    assert (status, "SHANZHI_SECRET is not the one" in said) == (78, True), said


async def _execute(tx: Tx, sql: str, values: tuple[Any, ...]) -> None:
    await tx.execute(sql, values)
