"""A stranger is refused everywhere: every object, every mutation, every figure; generated from the schema.

Who may see what is said a second time here, in plain SQL over the stored rows: the declarations under test are not asked.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping
from datetime import timedelta
from typing import Any

import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLSchema,
    get_named_type,
)

from core.clock import to_wire
from core.ids import global_id
from plugins.notices.rules import NoticeKind
from plugins.notices.service import draft_notice
from plugins.voting.rules import Choice
from plugins.wishes.rules import WishType
from plugins.wishes.service import open_wish, submit_wish
from schema.compose import profiles_of
from schema.declared import REGISTRY
from tests.acceptance import stranger_world
from tests.conftest import World, answered_by

INSIDERS = ("owner", "owner2", "resident", "chair", "staff", "scrutineer", "auditor", "captain")
OUTSIDERS = (None, "stranger", "tenant")

NEVER = "1 = 0"
ALWAYS = "1 = 1"
PUBLIC_NOTICES = (
    "(SELECT n.matter_id FROM notices_notice n JOIN core_matter m ON m.id = n.matter_id "
    "WHERE n.is_public AND m.state <> 'DRAFT')"
)
MEMBERS_NOTICES = (
    "(SELECT n.matter_id FROM notices_notice n JOIN core_matter m ON m.id = n.matter_id "
    "JOIN notices_audience a ON a.notice_id = n.matter_id WHERE m.state <> 'DRAFT' AND a.community_id IN ({homes}))"
)
CONFIRMED_POLLS = "(SELECT id FROM core_matter WHERE kind = 'POLL' AND state = 'CONFIRMED')"
RELEASES = "(SELECT id FROM core_matter WHERE kind = 'DATA_RELEASE' AND state = 'PUBLISHED')"
WHERE_ON = "(SELECT id FROM core_community WHERE code LIKE '440604%')"  # above the district no plugin is on
ANNOUNCED_POLLS = "(SELECT matter_id FROM voting_poll WHERE announced_at IS NOT NULL)"
NOT_VOTES = (
    "t.deed NOT IN ('voting.cast_ballot', 'voting.answer_survey', 'voting.cast_separated_ballot', 'rating.cast_rating')"
)
OTHERS = (
    "(SELECT m.id FROM core_matter m LEFT JOIN wishes_wish w ON w.matter_id = m.id WHERE "
    "(w.published_at IS NOT NULL AND m.state <> 'WITHDRAWN') OR (m.plugin = 'rating' AND m.state <> 'DRAFT') "
    "OR (m.plugin = 'elections' AND m.community_id IN ({homes})))"
)
ELECTIONS_HERE = "(SELECT id FROM core_matter WHERE plugin = 'elections' AND community_id IN ({homes}))"
MY_DEEDS = "(SELECT leaf_id FROM core_trace_salt WHERE person_id = {me})"
MY_WISHES = "(SELECT id FROM core_matter WHERE kind = 'WISH' AND author_id = {me})"

# Per type: what anybody may see, what members of the compound may see besides, and what is one's own (SQL over ``t``).
# ``tenant`` is a member without ownership: registers and rolls are not for them.
MAY_SEE: Mapping[str, tuple[str, str, str]] = {
    "Community": (ALWAYS, ALWAYS, ALWAYS),
    "Person": (ALWAYS, ALWAYS, ALWAYS),
    "AccessLook": (NEVER, NEVER, "t.person_id = {me}"),
    "Branch": (ALWAYS, ALWAYS, ALWAYS),
    "BranchService": (ALWAYS, ALWAYS, ALWAYS),
    "Account": (NEVER, NEVER, "t.person_id = {me}"),
    "Appointment": (NEVER, NEVER, "t.person_id = {me}"),
    "Attachment": (f"t.matter_id IN {PUBLIC_NOTICES}", f"t.matter_id IN {MEMBERS_NOTICES}", "t.uploader_id = {me}"),
    "TraceRecord": (NEVER, NEVER, NEVER),
    "TraceStep": (
        f"(t.matter_id IN {PUBLIC_NOTICES} OR t.matter_id IN {CONFIRMED_POLLS} OR t.matter_id IN {RELEASES}) AND {NOT_VOTES}",
        f"(t.matter_id IN {MEMBERS_NOTICES} OR t.matter_id IN {ANNOUNCED_POLLS} OR t.matter_id IN {OTHERS}) AND {NOT_VOTES}",
        f"t.matter_id IN {MY_WISHES} OR (NOT {NOT_VOTES} AND t.id IN {MY_DEEDS})",
    ),
    "InboxChannel": (NEVER, NEVER, "t.person_id = {me}"),
    "InboxDelivery": (NEVER, NEVER, "t.channel_id IN (SELECT id FROM inbox_channel WHERE person_id = {me})"),
    "NewsItem": (
        f"t.person_id IS NULL AND (t.matter_id IN {PUBLIC_NOTICES} OR t.matter_id IN {CONFIRMED_POLLS} OR t.matter_id IN {RELEASES})",
        f"t.person_id IS NULL AND (t.matter_id IN {MEMBERS_NOTICES} OR t.matter_id IN {ANNOUNCED_POLLS} OR t.matter_id IN {OTHERS})",
        f"t.person_id = {{me}} OR (t.person_id IS NULL AND t.matter_id IN {MY_WISHES})",
    ),
    "Notice": (f"t.matter_id IN {PUBLIC_NOTICES}", f"t.matter_id IN {MEMBERS_NOTICES}", NEVER),
    "NoticeVersion": (f"t.notice_id IN {PUBLIC_NOTICES}", f"t.notice_id IN {MEMBERS_NOTICES}", NEVER),
    "NoticePosting": (f"t.notice_id IN {PUBLIC_NOTICES}", f"t.notice_id IN {MEMBERS_NOTICES}", NEVER),
    "NoticeAudience": (f"t.notice_id IN {PUBLIC_NOTICES}", f"t.notice_id IN {MEMBERS_NOTICES}", NEVER),
    "NoticeObjection": (NEVER, NEVER, "t.person_id = {me}"),
    "NoticeAcknowledgement": (NEVER, NEVER, "t.person_id = {me}"),
    "Poll": (f"t.matter_id IN {CONFIRMED_POLLS}", f"t.matter_id IN {ANNOUNCED_POLLS}", NEVER),
    "Motion": (f"t.poll_id IN {CONFIRMED_POLLS}", f"t.poll_id IN {ANNOUNCED_POLLS}", NEVER),
    "MotionResult": (f"t.poll_id IN {CONFIRMED_POLLS}", f"t.poll_id IN {ANNOUNCED_POLLS}", NEVER),
    "Proxy": (NEVER, NEVER, "t.principal_id = {me} OR t.holder_id = {me}"),
    "PaperSlip": (NEVER, NEVER, NEVER),
    "ResultObjection": (NEVER, NEVER, "t.person_id = {me}"),
    "Election": (NEVER, f"t.matter_id IN {ELECTIONS_HERE}", NEVER),
    "ElectionGroupMember": (NEVER, f"t.election_id IN {ELECTIONS_HERE}", NEVER),
    "CommitteeSeat": (NEVER, f"t.body_id IN {ELECTIONS_HERE}", NEVER),
    "CommitteeMeeting": (NEVER, f"t.matter_id IN {ELECTIONS_HERE}", NEVER),
    "CommitteeDecision": (NEVER, f"t.meeting_id IN {ELECTIONS_HERE}", NEVER),
    "RecallPetition": (NEVER, f"t.matter_id IN {ELECTIONS_HERE}", NEVER),
    "InterimCommittee": (NEVER, f"t.matter_id IN {ELECTIONS_HERE}", NEVER),
    "ElectionCandidate": (NEVER, NEVER, "t.person_id = {me}"),
    "SealUse": (NEVER, NEVER, NEVER),
    "HandoverItem": (NEVER, NEVER, NEVER),
    "Wish": (
        NEVER,
        "t.published_at IS NOT NULL AND t.matter_id IN (SELECT id FROM core_matter WHERE state <> 'WITHDRAWN')",
        f"t.matter_id IN {MY_WISHES}",
    ),
    "WishClaim": (NEVER, NEVER, f"t.claimer_id = {{me}} OR t.companion_id = {{me}} OR t.wish_id IN {MY_WISHES}"),
    "ServiceRating": (NEVER, "t.matter_id IN (SELECT id FROM core_matter WHERE state <> 'DRAFT')", NEVER),
    "MyRating": (NEVER, NEVER, "t.person_id = {me}"),
    "Unit": (NEVER, NEVER, NEVER),
    "Owner": (NEVER, NEVER, NEVER),
    "Ownership": (NEVER, NEVER, NEVER),
    "Resident": (NEVER, NEVER, "t.person_id = {me}"),
    "OwnerMandate": (NEVER, NEVER, "t.person_id = {me}"),
    "RosterImport": (NEVER, NEVER, NEVER),
    "RosterImportRow": (NEVER, NEVER, NEVER),
    "VoterRoll": (NEVER, NEVER, NEVER),
    "RollEntry": (NEVER, NEVER, NEVER),
    "RollObjection": (NEVER, NEVER, "t.person_id = {me}"),
    "RollCorrection": (NEVER, NEVER, NEVER),
    "RegisterCorrection": (NEVER, NEVER, NEVER),
    "DataRelease": (f"t.matter_id IN {RELEASES}", NEVER, NEVER),
    "DataFigure": (f"t.community_id IN {WHERE_ON}", NEVER, NEVER),
    "DataFigureVersion": (ALWAYS, ALWAYS, ALWAYS),
}

REFUSALS = {"NotSignedIn", "NotAllowed", "NotFound", "PluginDisabled"}
# About nobody but whoever calls them: told in tests/security/test_personal_data.py and test_erasure.py.
OWN_DATA = {"exportMyData", "correctMyData", "giveConsent", "withdrawConsent", "restrictProcessing", "closeAccount"}
OWN_INBOX = {"followMatter", "unfollowMatter", "markRead", "addEmailChannel", "addWebhookChannel"}
"""About nobody but whoever calls them, too: told in tests/acceptance/test_inbox.py."""
SESSIONS = {
    "login",
    "refresh",
    "logout",
    "changePassword",
    "endSession",
    "endOtherSessions",
    "linkIdentity",
    "unlinkIdentity",
}  # they make and end sessions; told in the tests of accounts


@pytest.fixture(params=("engine", "graphql-core"))
async def full(world: World, request: pytest.FixtureRequest) -> AsyncIterator[World]:
    """A world with rows of every type, its votes counted, asked on the compiled path and on graphql-core's."""
    await stranger_world.fill(world)
    await stranger_world.vote_and_count(world)
    async with answered_by(world, engine=request.param == "engine") as asked:
        yield asked


# --- objects ----------------------------------------------------------------------------------------------------------


async def keys_of(world: World, type_name: str, where: str = ALWAYS) -> list[int]:
    """Return the keys of a type's rows, as they are stored."""
    declaration = REGISTRY[type_name]
    rows = await world.kernel.database.fetch(f"SELECT t.{declaration.key} FROM {declaration.table} t WHERE {where}")
    return sorted(row[0] for row in rows)


async def seen(world: World, type_name: str, keys: list[int], as_: str | None) -> set[int]:
    """Return which of these rows somebody gets, by ``nodes``."""
    found: set[int] = set()
    for start in range(0, len(keys), 100):
        ids = [global_id(type_name, key) for key in keys[start : start + 100]]
        answer = await world.gql("query($ids: [ID!]!) { nodes(ids: $ids) { __typename id } }", {"ids": ids}, as_=as_)
        nodes = answer.data["nodes"]
        assert all(node is None or (node["__typename"], node["id"]) == (type_name, wanted)
                   for node, wanted in zip(nodes, ids, strict=True))  # fmt: skip
        found |= {key for key, node in zip(keys[start : start + 100], nodes, strict=True) if node is not None}
    return found


async def may_see(world: World, type_name: str, as_: str | None) -> set[int]:
    """Return the rows that the table above grants somebody."""
    public, member, own = MAY_SEE[type_name]
    parts = [public]
    if as_ == "tenant":
        parts.append(member)
    if as_ is not None:
        parts.append(own)
    path = world.demo.places["stairwell"].path
    homes = await world.kernel.database.fetch(
        "SELECT id FROM core_community WHERE substr(?, 1, length(path)) = path", (path,)
    )
    where = " OR ".join(f"({part})" for part in parts)
    names = {"me": world.demo.people[as_] if as_ else 0, "homes": ", ".join(str(row["id"]) for row in homes)}
    return set(await keys_of(world, type_name, where.format(**names)))


async def test_nobody_gets_an_object_that_is_not_theirs(full: World) -> None:
    """Every object that insiders see, asked for by its id, is there for exactly the outsiders who may see it."""
    assert set(REGISTRY) >= set(MAY_SEE), "the table names types that are gone"
    schema = profiles_of(full.kernel.host, suggestions=False).superset()
    assert {name for name in REGISTRY if schema.get_type_by_name(name)} == set(MAY_SEE), (
        "say in the table who may see the new types"
    )
    for name in sorted(MAY_SEE):
        keys = await keys_of(full, name)
        assert keys, f"the world has no {name} to refuse"
        inside = [await seen(full, name, keys, insider) for insider in INSIDERS]
        assert set().union(*inside), f"no insider sees any {name}: the refusals would prove nothing"
        for outsider in OUTSIDERS:
            assert await seen(full, name, keys, outsider) == await may_see(full, name, outsider), (name, outsider)


async def test_one_object_is_refused_like_many(full: World) -> None:
    """``node`` and the root fields of the plugins answer as ``nodes`` does: absence, without an error."""
    for name in sorted(MAY_SEE):
        hidden = sorted(set(await keys_of(full, name)) - await may_see(full, name, "stranger"))
        for key in hidden[:1]:
            found = await full.gql(f'{{ node(id: "{global_id(name, key)}") {{ id }} }}', as_="stranger")
            assert found.data == {"node": None}, name
    fields = {"Poll": "poll", "VoterRoll": "voterRoll", "Notice": "notice", "Wish": "wish", "RosterImport": "rosterImport",
              "ServiceRating": "serviceRating"}  # fmt: skip
    for name, field in fields.items():
        hidden = sorted(set(await keys_of(full, name)) - await may_see(full, name, "stranger"))
        found = await full.gql(f'{{ {field}(id: "{global_id(name, hidden[0])}") {{ id }} }}', as_="stranger")
        assert found.data == {field: None}


# --- mutations --------------------------------------------------------------------------------------------------------


async def checksums(world: World) -> dict[str, str]:
    """Return a checksum of every table but that of failed logins."""
    database = world.kernel.database
    tables = "SELECT name FROM sqlite_master WHERE type = 'table'"
    if world.kernel.config.database_url.startswith("postgres"):
        tables = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
    names = [row[0] for row in await database.fetch(tables)]
    found = {}
    for name in names:
        if name != "core_login_failure":
            rows = sorted(repr(tuple(row)) for row in await database.fetch(f'SELECT * FROM "{name}"'))
            found[name] = hashlib.sha256("\n".join(rows).encode()).hexdigest()
    return found


class Inputs:
    """Plausible inputs of every mutation: real ids of the right type, the compound's code, valid members of enums."""

    def __init__(self, world: World, keys: Mapping[str, list[int]], branch: str) -> None:
        self.world = world
        self.keys = keys
        self.branch = branch

    def of(self, input_type: GraphQLInputObjectType) -> Iterator[dict[str, Any]]:
        """Yield an input for each object that the mutation could be about: several in different states, if there are."""
        about = self._ref(input_type.fields["id"]) if "id" in input_type.fields else None
        keys = self.keys[about] if about else [0]
        for key in keys[:8]:
            made = self._object(input_type)
            yield {**made, "id": global_id(about, key)} if about else made

    def _object(self, input_type: GraphQLInputObjectType) -> dict[str, Any]:
        return {
            name: self._value(name, field, field.type) for name, field in input_type.fields.items()
            if isinstance(field.type, GraphQLNonNull) or self._ref(field) or name == "community"
        }  # fmt: skip

    def _ref(self, field: GraphQLInputField) -> str | None:
        found: str | None = field.extensions["strawberry-definition"].metadata.get("ref")
        return found

    def _value(self, name: str, field: GraphQLInputField, of: Any) -> Any:
        if isinstance(of, GraphQLNonNull):
            return self._value(name, field, of.of_type)
        if isinstance(of, GraphQLList):
            return [self._value(name, field, of.of_type)]
        if isinstance(of, GraphQLInputObjectType):
            return self._object(of)
        if isinstance(of, GraphQLEnumType):
            return next(iter(of.values))
        ref = self._ref(field)
        if ref:
            return global_id(ref, self.keys[ref][0])
        return self._scalar(name, get_named_type(of).name)

    def _scalar(self, name: str, kind: str) -> Any:
        soon = self.world.clock.now() + timedelta(days=20)
        texts = {
            "community": self.world.demo.places["compound"].code, "to": self.world.demo.places["community"].code,
            "plugin": "wishes", "key": "claim_days", "value": "15", "role": "resident", "branch": self.branch,
            "blueprint": "village", "filename": "示例.pdf", "username": "newcomer", "password": "Long-enough-2026",
        }  # fmt: skip
        values = {
            "DateTime": to_wire(soon),
            "Date": "2026-03-01",
            "Int": 1,
            "Boolean": True,
            "Fen": 100,
            "Area": "10.00",
        }
        return values.get(kind, texts.get(name, "示例文字"))


async def inputs_for(world: World) -> Inputs:
    """Gather an object of every type and state."""
    keys = {name: await keys_of(world, name) for name in MAY_SEE}
    for name, declaration in REGISTRY.items():
        if declaration.matter is not None and name in keys:
            rows = await world.kernel.database.fetch(
                "SELECT state, MIN(id) AS id FROM core_matter WHERE kind = ? AND plugin = ? GROUP BY state ORDER BY state",
                (declaration.matter.kind, declaration.matter.plugin),
            )
            keys[name] = [row["id"] for row in rows]
    branch = await stranger_world.one(world, "SELECT code FROM core_branch")
    return Inputs(world, keys, branch)


def mutations(world: World) -> dict[str, GraphQLInputObjectType]:
    """Return every mutation that is a deed, with its input type."""
    schema: GraphQLSchema = profiles_of(world.kernel.host, suggestions=False).superset()._schema
    assert schema.mutation_type is not None
    fields = schema.mutation_type.fields
    return {name: get_named_type(field.args["input"].type) for name, field in fields.items() if name not in SESSIONS}


async def call(world: World, name: str, document: str, given: dict[str, Any], token: str | None) -> dict[str, Any]:
    """Send a mutation under a token that is there already: beginning a session would change rows."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    body = {"query": document, "variables": {"input": given}}
    answer = (await world.client.post("/graphql", json=body, headers=headers)).json()
    assert "errors" not in answer, (name, given, answer)
    found: dict[str, Any] = answer["data"][name]
    return found


@pytest.mark.parametrize("outsider", [None, "stranger"])
async def test_every_mutation_is_refused_and_changes_nothing(full: World, outsider: str | None) -> None:
    """Called with real ids and plausible values, each answers that it is not for them, and no row of any table moves."""
    made, answers = await inputs_for(full), Counter[str]()
    token = await full.token(outsider) if outsider else None
    before = await checksums(full)
    for name, input_type in mutations(full).items():
        if outsider is not None and name in OWN_DATA | OWN_INBOX:
            continue
        document = (
            f"mutation($input: {input_type.name}!) {{ {name}(input: $input) "
            "{ __typename ... on UserError { code message path } } }"
        )
        for given in made.of(input_type):
            found = await call(full, name, document, given, token)
            assert found["__typename"] in {*REFUSALS, "InvalidInput"}, (name, given, found)
            answers[found["__typename"]] += 1
    assert await checksums(full) == before
    assert sum(answers[kind] for kind in REFUSALS) >= 0.9 * answers.total(), answers


# --- what else might tell ---------------------------------------------------------------------------------------------

GENERIC = """query($code: ID!, $poll: ID!, $ids: [ID!]!) {
  community(code: $code) {
    id name matters(below: true) { totalCount nodes { id title stateCode updatedAt } }
    polls { totalCount nodes { id turnout { area { numerator } } } } notices { totalCount nodes { id title state updatedAt } }
    wishes { totalCount nodes { id } } wishFigures { submitted claimed confirmed }
    ratings { totalCount nodes { id result { answered } } } voterRolls { totalCount } rosterImports { totalCount }
    units { totalCount } residents { totalCount } appointments { totalCount } trace { totalCount nodes { id body } }
    plugins { id enabled settings { key value } } children { totalCount }
  }
  poll(id: $poll) { id turnout { heads { numerator } } }
  nodes(ids: $ids) { id }
  viewer { roles { role } }
  all: changes(after: "0") { cursor more changes { type at payload subject } }
  here: changes(after: "0", community: $code) { cursor changes { type } }
  now: changes { cursor }
  may: viewerCan(deed: "core.disable_plugin", community: $code) { allowed reason { code message } }
  myNotices { totalCount } myResidencies { totalCount }
}"""


CURSOR = re.compile(r'"cursor": "([^"]+)"')


async def view(world: World, poll: int, as_: str | None) -> str:
    """Return all that somebody's generic queries and refused deeds say, as text."""
    names = ("Poll", "Wish", "Notice", "WishClaim", "PaperSlip", "VoterRoll", "Account", "TraceRecord")
    ids = [global_id(name, key) for name in names for key in (await keys_of(world, name))[:3]]
    variables = {"code": world.demo.places["compound"].code, "poll": f"Poll_{poll}", "ids": ids}
    read = await world.gql(GENERIC, variables, as_=as_)
    refused = await world.gql(
        "mutation($i: CastBallotInput!) { castBallot(input: $i) { __typename ... on UserError { code message path } } }",
        {"i": {"id": f"Poll_{poll}", "choices": []}}, as_=as_,
    )  # fmt: skip
    text = json.dumps([read.data, refused.data], ensure_ascii=False)
    for cursor in set(CURSOR.findall(text)):  # sealed anew for every answer, so equal ones tell nothing
        text = text.replace(cursor, "x" * len(cursor))
    return text


async def test_what_insiders_do_unseen_changes_nothing_outside(world: World) -> None:
    """A ballot, a wish handed in and a draft leave every count, figure, cursor and error of outsiders as they were."""
    await stranger_world.fill(world)
    poll = await stranger_world.open_voting(world)
    before = {outsider: await view(world, poll, outsider) for outsider in (None, "stranger")}
    await stranger_world.vote(world, "owner", Choice.AGAINST)
    await _wish(world)
    place = world.demo.places["compound"].code
    await world.demo.perform(
        draft_notice, "chair", community=place, kind=NoticeKind.GENERAL, title="新草稿", body="内容", issuer="业委会"
    )
    for outsider, earlier in before.items():
        assert await view(world, poll, outsider) == earlier, outsider
    inside = await world.gql(f'{{ poll(id: "Poll_{poll}") {{ turnout {{ heads {{ numerator }} }} }} }}', as_="resident")
    assert int(inside.data["poll"]["turnout"]["heads"]["numerator"]) > 0


async def _wish(world: World) -> None:
    key = await world.demo.perform(
        open_wish, "resident", community=world.demo.places["compound"].code, title="想要一盏台灯", story="旧的坏了。",
        type=WishType.GOODS, alias="向阳花", value_fen=5_000,
    )  # fmt: skip
    await world.demo.perform(submit_wish, "resident", id=key)
