"""Logins: guesses that count, sessions that rotate and end, passwords that are good enough."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import OctKey

from core import accounts, people
from core.access import ANYONE
from core.accounts import Session, login, logout, refresh
from core.errors import DomainError
from core.guesses import PER_ACCOUNT, PER_ADDRESS, count_guess, network
from core.keys import Keyring, from_base64, to_base64
from core.passwords import HASHER, UNKNOWN_HASH, check_password, hash_password, normalise_username, verify
from core.tokens import ALGORITHM, AUDIENCE, TOKEN_TYPE
from tests.databases import KINDS
from tests.unit.kernel_world import COMMUNITY, COMPOUND, DISTRICT, PASSWORD, START, SYSTEM, World, config, world

HOME = "203.0.113.7"
WRONG = "Wrong-Court-7"


@pytest.fixture(params=KINDS)
async def here(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[World]:
    """A small world on each database, with a resident called zhangsan."""
    async with world(request.param, tmp_path) as made:
        await made.account(await made.person("张三", "resident", COMPOUND), "zhangsan")
        yield made


@pytest.fixture
async def one(tmp_path: Path) -> AsyncIterator[World]:
    """The same on SQLite alone, for what the database has no part in."""
    async with world("sqlite", tmp_path) as made:
        await made.account(await made.person("张三", "resident", COMPOUND), "zhangsan")
        yield made


async def sign_in(here: World, username: str = "zhangsan", password: str = PASSWORD, address: str = HOME) -> Session:
    """Sign in."""
    return await login(here.kernel, username, password, address)


async def code_of(attempt: Awaitable[Any]) -> str:
    """Return the code with which an attempt is refused."""
    with pytest.raises(DomainError) as caught:
        await attempt
    return caught.value.code


async def guess(here: World, times: int, username: str = "zhangsan", address: str = HOME) -> list[str]:
    """Guess wrongly, one after the other; returns the codes."""
    return [await code_of(sign_in(here, username, WRONG, address)) for _ in range(times)]


# --- signing in -------------------------------------------------------------------------------------------------------


async def test_a_right_password_gives_a_session(here: World) -> None:
    """The access token stands for the person for a quarter of an hour."""
    session = await sign_in(here)
    viewer = await accounts.authenticate(here.kernel, session.access_token, "en")
    assert (viewer.name, viewer.language, viewer.person_id) == ("张三", "en", session.person.id)
    assert viewer.account_id == session.person.account_id
    assert viewer.expires_at == session.expires_at == START + timedelta(minutes=15)
    assert {grant.role for grant in viewer.grants} == {"resident", "signed_in"}


async def test_usernames_are_recognised_in_any_keyboard_form(one: World) -> None:
    """Capitals, full-width letters and stray spaces make no difference."""
    assert (await sign_in(one, " ＺｈａｎｇＳａｎ ")).person.name == "张三"


async def test_a_wrong_password_and_an_unknown_name_are_told_the_same(here: World) -> None:
    """Neither the answer nor the trace of it tells which names exist, and no name or address is recorded."""
    for username in ("zhangsan", "nobody", "bad\x00name", "\ud800"):
        with pytest.raises(DomainError) as caught:
            await sign_in(here, username, WRONG)
        assert (caught.value.code, caught.value.en) == ("core.bad_credentials", accounts.BAD_CREDENTIALS().en)
    rows = await here.kernel.database.fetch("SELECT body FROM core_trace_leaf WHERE deed = 'core.login_refused'")
    subjects = await here.kernel.database.fetch("SELECT subject FROM core_login_failure")
    said = " ".join(row[0] for row in (*rows, *subjects))
    assert len(rows) == 4
    assert not any(word in said for word in ("zhangsan", "nobody", HOME))


async def test_unknown_names_cost_the_same_work(one: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A password is compared for them too, with a hash of the same cost."""
    compared: list[str] = []

    async def counting(stored: str, password: str) -> bool:
        compared.append(stored)
        return await verify(stored, password)

    monkeypatch.setattr(accounts, "verify", counting)
    await guess(one, 1, "nobody")
    await guess(one, 1, "zhangsan")
    assert compared[0] == UNKNOWN_HASH
    assert not HASHER.check_needs_rehash(UNKNOWN_HASH)
    assert compared[0].split("$")[:4] == compared[1].split("$")[:4]


async def test_absurd_passwords_are_wrong_passwords(one: World) -> None:
    """Megabytes, lone surrogates and nothing at all are refused like any other guess."""
    for password in ("x" * 1_000_000, "\ud800", ""):
        assert await code_of(sign_in(one, password=password)) == "core.bad_credentials"


# --- lockout ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("username", ["zhangsan", "nobody"])
async def test_an_account_locks_after_five_guesses(here: World, username: str) -> None:
    """Known or not; even the right password waits; it opens a quarter of an hour after the first guess."""
    assert await guess(here, PER_ACCOUNT, username) == ["core.bad_credentials"] * PER_ACCOUNT
    here.clock.advance(minutes=5)
    with pytest.raises(DomainError) as caught:
        await sign_in(here, username)
    assert (caught.value.code, caught.value.retry_after) == ("core.locked_out", 600)
    assert "10" in caught.value.en
    here.clock.advance(minutes=9, seconds=59)
    assert await guess(here, 1, username, "198.51.100.1") == ["core.locked_out"]
    here.clock.advance(seconds=1)
    assert await guess(here, 1, username) == ["core.bad_credentials"]


async def test_the_lock_is_on_the_trace_and_the_holder_is_told(here: World) -> None:
    """Once per lock."""
    person = await here.count("SELECT person_id FROM core_account WHERE username = 'zhangsan'")
    await guess(here, PER_ACCOUNT + 3)
    assert await here.leaves("core.login_locked") == 1
    assert await here.leaves("core.login_refused") == PER_ACCOUNT
    assert await here.told("core.login_locked", person) == 1


async def test_many_guesses_at_once_count_as_many(here: World) -> None:
    """Twelve in parallel are five guesses and seven refusals."""
    codes = await asyncio.gather(*(code_of(sign_in(here, password=f"{WRONG}{n}")) for n in range(12)))
    assert sorted(codes) == ["core.bad_credentials"] * PER_ACCOUNT + ["core.locked_out"] * (12 - PER_ACCOUNT)


async def test_a_right_guess_takes_the_accounts_wrong_ones_back(here: World) -> None:
    """Who mistypes and then remembers starts afresh."""
    await guess(here, PER_ACCOUNT - 1)
    await sign_in(here)
    assert await guess(here, PER_ACCOUNT - 1) == ["core.bad_credentials"] * (PER_ACCOUNT - 1)
    assert await sign_in(here)


async def test_an_address_locks_after_thirty_guesses_at_any_names(one: World) -> None:
    """Own right logins do not count; other addresses and other accounts go on."""
    for _ in range(PER_ADDRESS // PER_ACCOUNT):
        await sign_in(one)
    for number in range(PER_ADDRESS):
        await guess(one, 1, f"name{number}")
    assert await code_of(sign_in(one)) == "core.locked_out"
    assert await sign_in(one, address="198.51.100.1")


@pytest.mark.parametrize(
    ("address", "counted"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("unix", "unix"),
    ],
)
def test_one_customer_is_one_address(address: str, counted: str) -> None:
    """An IPv6 customer has a /64 to guess from."""
    assert network(address) == counted


async def test_without_an_address_only_the_account_counts(one: World) -> None:
    """A server that is not told addresses does not lock everybody together."""
    for number in range(PER_ADDRESS + 1):
        assert await guess(one, 1, f"name{number}", "") == ["core.bad_credentials"]


# --- sessions ---------------------------------------------------------------------------------------------------------


async def test_a_refresh_token_works_once(here: World) -> None:
    """Its successor works; the used one ends the whole session once the moment for retries has passed."""
    first = await sign_in(here)
    second = await refresh(here.kernel, first.refresh_token)
    third = await refresh(here.kernel, second.refresh_token)
    here.clock.advance(seconds=11)
    assert await code_of(refresh(here.kernel, first.refresh_token)) == "core.token_reused"
    assert await code_of(refresh(here.kernel, third.refresh_token)) == "core.session_ended"
    assert await code_of(accounts.authenticate(here.kernel, third.access_token)) == "core.session_ended"
    assert await here.leaves("core.refresh_reused") == 1
    assert await here.told("core.session_ended", first.person.id) == 1


async def test_reuse_ends_one_session_of_several(here: World) -> None:
    """The other device stays signed in."""
    phone, desk = await sign_in(here), await sign_in(here)
    await refresh(here.kernel, phone.refresh_token)
    here.clock.advance(minutes=1)
    await code_of(refresh(here.kernel, phone.refresh_token))
    assert await refresh(here.kernel, desk.refresh_token)


async def test_a_repeated_refresh_within_ten_seconds_is_answered(here: World) -> None:
    """A request that was cut off and sent again gets a token that works, and so does the first answer's."""
    first = await sign_in(here)
    lost = await refresh(here.kernel, first.refresh_token)
    here.clock.advance(seconds=10)
    again = await refresh(here.kernel, first.refresh_token)
    assert lost.refresh_token != again.refresh_token
    for session in (lost, again):
        assert (await refresh(here.kernel, session.refresh_token)).person == first.person


async def test_retries_do_not_prolong_the_time_for_retries(one: World) -> None:
    """The ten seconds run from the first use."""
    first = await sign_in(one)
    for _ in range(2):
        await refresh(one.kernel, first.refresh_token)
        one.clock.advance(seconds=8)
    assert await code_of(refresh(one.kernel, first.refresh_token)) == "core.token_reused"


@pytest.mark.parametrize("change", ["session_version = 2", "suspended_at = '2026-11-23T09:00:00.000+08:00'"])
async def test_the_account_itself_decides_at_every_use(one: World, change: str) -> None:
    """Even when nobody has ended the sessions: an operator may close an account by hand."""
    session = await sign_in(one)
    await one.kernel.database.run(lambda tx: tx.execute(f"UPDATE core_account SET {change}"))
    assert await code_of(accounts.authenticate(one.kernel, session.access_token)) == "core.session_ended"
    if change.startswith("suspended"):
        assert await code_of(refresh(one.kernel, session.refresh_token)) == "core.session_ended"


async def test_a_password_that_was_changed_meanwhile_signs_nobody_in(one: World) -> None:
    """Comparing takes a while; what counts is the password at the end of it."""
    checked = await one.kernel.database.run(lambda tx: count_guess(one.kernel, tx, "zhangsan", HOME))
    await one.kernel.database.run(lambda tx: tx.execute("UPDATE core_account SET password_hash = 'new'"))
    outcome = await one.kernel.database.run(lambda tx: accounts._admit(one.kernel, tx, checked, None))
    assert isinstance(outcome, DomainError)
    assert outcome.code == "core.bad_credentials"


async def test_refreshing_at_once_leaves_one_family(here: World) -> None:
    """Five tabs refresh the same token: all are answered, and all end together."""
    first = await sign_in(here)
    made = await asyncio.gather(*(refresh(here.kernel, first.refresh_token) for _ in range(5)))
    await logout(here.kernel, made[3].refresh_token)
    assert [await code_of(refresh(here.kernel, each.refresh_token)) for each in made] == ["core.session_ended"] * 5


async def test_a_session_ends_when_it_is_not_used(here: World) -> None:
    """Thirty days after the last refresh, to the millisecond."""
    session = await sign_in(here)
    here.clock.set(START + timedelta(days=30) - timedelta(milliseconds=1))
    renewed = await refresh(here.kernel, session.refresh_token)
    assert renewed.refresh_expires_at == here.clock.now() + timedelta(days=30)
    here.clock.set(renewed.refresh_expires_at)
    assert await code_of(refresh(here.kernel, renewed.refresh_token)) == "core.session_ended"


async def test_a_session_ends_after_half_a_year(one: World) -> None:
    """However often it is refreshed."""
    session = await sign_in(one)
    for days in range(29, 180, 29):
        one.clock.set(START + timedelta(days=days))
        session = await refresh(one.kernel, session.refresh_token)
    assert session.refresh_expires_at == START + timedelta(days=180)
    one.clock.set(START + timedelta(days=180))
    assert await code_of(refresh(one.kernel, session.refresh_token)) == "core.session_ended"


async def test_signing_out_ends_access_at_once(here: World) -> None:
    """The access token too; signing out twice, or with anything else, is no error."""
    session = await sign_in(here)
    for token in (session.refresh_token, session.refresh_token, "anything", "\ud800"):
        await logout(here.kernel, token)
    assert await code_of(accounts.authenticate(here.kernel, session.access_token)) == "core.session_ended"
    assert await code_of(refresh(here.kernel, session.refresh_token)) == "core.session_ended"
    assert await here.leaves("core.logout") == 1


@pytest.mark.parametrize("token", ["", "x", "\ud800", "a.b.c", "x" * 10_000])
async def test_unknown_refresh_tokens_are_invalid(one: World, token: str) -> None:
    """Nothing but a token that was issued refreshes."""
    assert await code_of(refresh(one.kernel, token)) == "core.token_invalid"


async def test_no_token_is_stored(here: World) -> None:
    """A stolen database gives no session."""
    session = await sign_in(here)
    rows = await here.kernel.database.fetch("SELECT token_hash FROM core_refresh_token")
    assert [row[0] for row in rows] == [accounts.token_hash(session.refresh_token)]
    assert session.refresh_token not in repr(session)


async def test_suspension_ends_access_at_once_and_is_told_to_the_holder_only(here: World) -> None:
    """Tokens stop; the right password is told why, a wrong one is not; after restoring one signs in anew."""
    session = await sign_in(here)
    account = session.person.account_id
    await here.do(people.suspend_account, SYSTEM, community=DISTRICT, account_id=account)
    assert await code_of(accounts.authenticate(here.kernel, session.access_token)) == "core.session_ended"
    assert await code_of(refresh(here.kernel, session.refresh_token)) == "core.session_ended"
    assert await guess(here, 1) == ["core.bad_credentials"]
    assert await code_of(sign_in(here)) == "core.suspended"
    await here.do(people.restore_account, SYSTEM, community=DISTRICT, account_id=account)
    assert await code_of(accounts.authenticate(here.kernel, session.access_token)) == "core.session_ended"
    assert await sign_in(here)


async def test_old_guesses_and_tokens_are_forgotten(here: World) -> None:
    """What no session needs goes; a living session keeps its first token, which its access tokens name."""
    await sign_in(here)
    kept = await sign_in(here)
    await guess(here, 2, "nobody")
    here.clock.set(START + timedelta(days=29))
    kept = await refresh(here.kernel, kept.refresh_token)
    here.clock.set(START + timedelta(days=31))
    assert await accounts.forget_ended(here.kernel) == 1 + 2 * 2
    kept = await refresh(here.kernel, kept.refresh_token)
    assert await accounts.authenticate(here.kernel, kept.access_token)
    here.clock.set(START + timedelta(days=90))
    await accounts.forget_ended(here.kernel)
    assert await here.count("SELECT COUNT(*) FROM core_refresh_token") == 0


async def test_a_session_without_a_password_is_on_the_trace(here: World) -> None:
    """The command line and the demo begin sessions for people; for those with an open account only."""
    person = await here.count("SELECT person_id FROM core_account WHERE username = 'zhangsan'")
    token = await accounts.access_token_for(here.kernel, person)
    assert (await accounts.authenticate(here.kernel, token)).person_id == person
    assert await here.leaves("core.open_session") == 1
    assert await code_of(accounts.access_token_for(here.kernel, 5)) == "core.not_found"


# --- access tokens ----------------------------------------------------------------------------------------------------


async def test_an_access_token_expires(one: World) -> None:
    """After a quarter of an hour and the allowance for clocks, it says so, and refreshing helps."""
    session = await sign_in(one)
    one.clock.set(session.expires_at + timedelta(seconds=4))
    assert await accounts.authenticate(one.kernel, session.access_token)
    one.clock.set(session.expires_at + timedelta(seconds=5))
    assert await code_of(accounts.authenticate(one.kernel, session.access_token)) == "core.token_expired"
    assert await refresh(one.kernel, session.refresh_token)


@pytest.mark.parametrize(
    ("header", "claims"),
    [
        ({"typ": "JWT"}, {}),
        ({"typ": None}, {}),
        ({"alg": "HS512"}, {}),
        ({"kid": "somebody"}, {}),
        ({}, {"iss": "somebody"}),
        ({}, {"aud": "somebody"}),
        ({}, {"aud": None}),
        ({}, {"exp": None}),
        ({}, {"exp": "tomorrow"}),
        ({}, {"exp": 10**30}),
        ({}, {"iat": 9_999_999_999}),
        ({}, {"sub": "x"}),
        ({}, {"sub": None}),
        ({}, {"sid": []}),
        ({}, {"sv": {}}),
    ],
)
async def test_a_token_must_be_ours_in_every_part(one: World, header: dict[str, Any], claims: dict[str, Any]) -> None:
    """Even signed with the right key: another type, algorithm, issuer, audience or a missing claim is refused."""
    session = await sign_in(one)
    assert (
        await code_of(accounts.authenticate(one.kernel, forged(one, session, header, claims))) == "core.token_invalid"
    )


async def test_the_forger_of_these_tests_can_make_a_good_one(one: World) -> None:
    """The control of the test above."""
    session = await sign_in(one)
    assert await accounts.authenticate(one.kernel, forged(one, session, {}, {}))


def forged(here: World, session: Session, header: dict[str, Any], claims: dict[str, Any]) -> str:
    """Sign changed claims with the server's own key."""
    key = here.kernel.keys.key("access token")
    said = json.loads(from_base64(session.access_token.split(".")[1]))
    parts = {"alg": ALGORITHM, "typ": TOKEN_TYPE, "kid": key.id} | header
    body = {name: value for name, value in (said | claims).items() if value is not None}
    made_of = {name: value for name, value in parts.items() if value is not None}
    secret = key.data if parts["alg"] == ALGORITHM else key.data * 2
    return jwt.encode(made_of, body, OctKey.import_key(secret), algorithms=[str(parts["alg"])], default_type=None)


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "..", "\ud800", "é.é.é", "e30.e30.", "x" * 20_000])
async def test_junk_is_an_invalid_token(one: World, token: str) -> None:
    """Never an unexpected error."""
    assert await code_of(accounts.authenticate(one.kernel, token)) == "core.token_invalid"


async def test_an_unsigned_or_altered_token_is_invalid(one: World) -> None:
    """The famous tricks: alg none, a changed claim, a cut signature, somebody else's key."""
    session = await sign_in(one)
    head, body, signature = session.access_token.split(".")
    none = to_base64(b'{"alg":"none","typ":"at+jwt"}')
    other = to_base64(from_base64(body).replace(AUDIENCE.encode(), b"shanzhi-apx"))
    theirs = OctKey.import_key(Keyring("x" * 40).key("access token").data)
    stolen = jwt.encode(json.loads(from_base64(head)), json.loads(from_base64(body)), theirs, algorithms=[ALGORITHM])
    for token in (
        f"{none}.{body}.",
        f"{none}.{body}.{signature}",
        f"{head}.{other}.{signature}",
        f"{head}.{body}.",
        stolen,
    ):
        assert await code_of(accounts.authenticate(one.kernel, token)) == "core.token_invalid"


async def test_tokens_survive_the_rotation_of_the_secret(tmp_path: Path) -> None:
    """A restart with a new secret and the old one as previous signs nobody out."""
    async with world("sqlite", tmp_path) as here:
        await here.account(await here.person("张三"), "zhangsan")
        session = await sign_in(here)
        old = here.kernel.config.secret
        here.kernel.keys = Keyring.of(config(tmp_path, secret_previous=(old,)))
        assert await accounts.authenticate(here.kernel, session.access_token)
        here.kernel.keys = Keyring.of(config(tmp_path))
        assert await code_of(accounts.authenticate(here.kernel, session.access_token)) == "core.token_invalid"


# --- passwords --------------------------------------------------------------------------------------------------------


async def test_changing_the_password_ends_every_other_session(here: World) -> None:
    """The caller gets a new session; old tokens and the old password are worth nothing."""
    phone, desk = await sign_in(here), await sign_in(here)
    viewer = await accounts.authenticate(here.kernel, desk.access_token)
    renewed = await accounts.change_password(here.kernel, viewer, PASSWORD, "Blue-Harbour-9")
    assert await accounts.authenticate(here.kernel, renewed.access_token)
    for old in (phone, desk):
        assert await code_of(accounts.authenticate(here.kernel, old.access_token)) == "core.session_ended"
        assert await code_of(refresh(here.kernel, old.refresh_token)) == "core.session_ended"
    assert await code_of(sign_in(here)) == "core.bad_credentials"
    assert await sign_in(here, password="Blue-Harbour-9")
    assert await here.told("core.password_changed", desk.person.id) == 1


async def test_guessing_the_old_password_is_guessing(here: World) -> None:
    """Who finds an unlocked phone has five tries; a weak new password costs none."""
    session = await sign_in(here)
    viewer = await accounts.authenticate(here.kernel, session.access_token)

    def change(old: str, new: str) -> Awaitable[Any]:
        return accounts.change_password(here.kernel, viewer, old, new)

    assert await code_of(change(WRONG, "weak")) == "core.weak_password"
    codes = [await code_of(change(WRONG, "Blue-Harbour-9")) for _ in range(PER_ACCOUNT + 1)]
    assert codes == ["core.bad_credentials"] * PER_ACCOUNT + ["core.locked_out"]
    assert await code_of(accounts.change_password(here.kernel, ANYONE, "a", "b")) == "core.not_signed_in"


async def test_security_resets_a_password(here: World) -> None:
    """Old sessions end, the holder is told; staff and strangers may not."""
    session = await sign_in(here)
    fresh = {"account_id": session.person.account_id, "password": "Blue-Harbour-9"}
    staff = await here.officer("community_staff", COMMUNITY)
    refused = accounts.reset_password(here.kernel, staff, community=COMMUNITY, **fresh)
    assert await code_of(refused) == "core.not_allowed"
    assert (
        await code_of(accounts.reset_password(here.kernel, ANYONE, community=COMMUNITY, **fresh))
        == "core.not_signed_in"
    )
    security = await here.officer("security_admin", DISTRICT)
    await accounts.reset_password(here.kernel, security, community=DISTRICT, **fresh)
    assert await code_of(accounts.authenticate(here.kernel, session.access_token)) == "core.session_ended"
    assert await sign_in(here, password="Blue-Harbour-9")
    assert await here.told("core.password_reset", session.person.id) == 1


async def test_accounts_are_opened_once_per_person_and_name(here: World) -> None:
    """By staff for their own people; a retry under the same key is one account."""
    staff = await here.officer("community_staff", COMMUNITY)
    person = await here.person("李四", "resident", COMPOUND)

    def opening(name: str, who: int = person, key: str | None = None, password: str = PASSWORD) -> Awaitable[int]:
        return accounts.add_account(
            here.kernel, staff, community=COMPOUND, person_id=who, username=name, password=password, key=key
        )

    assert await code_of(opening("ZhangSan")) == "core.username_taken"
    made = await opening("LiSi", key="k1")
    assert await opening("LiSi", key="k1") == made
    assert await code_of(opening("LiSi", key="k1", password="Blue-Harbour-9")) == "core.idempotency_key_reused"
    assert await code_of(opening("lisi2")) == "core.has_account"
    assert await sign_in(here, "lisi")
    stored = await here.kernel.database.fetch("SELECT answer, request_hash FROM core_idempotency_key")
    assert PASSWORD not in str([tuple(row) for row in stored])


async def test_two_accounts_of_one_name_at_once_leave_one(here: World) -> None:
    """The loser is told that the name is taken."""
    persons = [await here.person(f"李{n}") for n in range(3)]
    outcomes = await asyncio.gather(*(here.account(each, "lisi") for each in persons), return_exceptions=True)
    assert sorted(getattr(each, "code", "made") for each in outcomes) == ["core.username_taken"] * 2 + ["made"]


@pytest.mark.parametrize("name", ["", "ab", "a b c", "-abc", "李四", "x" * 65, "a/b", "abc\n"])
async def test_usernames_are_plain(one: World, name: str) -> None:
    """Letters that look alike, spaces and endless names are refused; what is trimmed is fine."""
    attempt = one.account(await one.person("李四"), name)
    if normalise_username(name) == "abc":
        assert await attempt
    else:
        assert await code_of(attempt) == "core.bad_username"


@pytest.mark.parametrize(
    ("password", "good"),
    [
        ("Green-Court-7", True),
        ("Gr33nCourt", True),
        ("correct horse battery", True),
        ("我家住在绿色的院子里第七栋三单元", True),
        ("Ab1-efgh9", False),
        ("greencourt7", False),
        ("1234567890", False),
        ("aaaaaaaaaaaaaaaaaaaa", False),
        ("Zhangsan-2026", False),
        ("Green-7" * 20, False),
    ],
)
def test_passwords_must_be_long_or_mixed(password: str, good: bool) -> None:
    """Ten characters of three kinds, or sixteen of any; not the username, not a few letters repeated."""
    if good:
        check_password(password, "zhangsan")
    else:
        with pytest.raises(DomainError, match=r"core\.weak_password"):
            check_password(password, "zhangsan")


async def test_a_password_is_the_same_from_every_keyboard(one: World) -> None:
    """Composed and decomposed accents are one password; the hash is argon2id."""
    stored = await hash_password("Caf\u00e9-Court-7")
    assert stored.startswith("$argon2id$")
    assert await verify(stored, "Cafe\u0301-Court-7")
    assert not await verify(stored, "Cafe-Court-7")
    assert not await verify("not a hash", "Cafe-Court-7")


async def test_a_hash_of_an_earlier_cost_is_renewed_at_login(one: World) -> None:
    """Raising the cost reaches everybody who signs in, and nobody notices."""
    cheap = HASHER.__class__(time_cost=1, memory_cost=8192, parallelism=1).hash(PASSWORD)
    await one.kernel.database.run(lambda tx: tx.execute("UPDATE core_account SET password_hash = ?", (cheap,)))
    await sign_in(one)
    rows = await one.kernel.database.fetch("SELECT password_hash FROM core_account")
    assert not HASHER.check_needs_rehash(rows[0][0])
    assert await sign_in(one)
