"""The verbs of the inbox: following, reading, and the channels by which news are brought."""

from __future__ import annotations

import hmac
import json
import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from core.clock import from_wire, to_wire
from core.database import Row
from core.fields import canonical_json
from core.hierarchy import PLACE_COLUMNS, Place, lineage
from core.ids import new_id, parse_global_id
from core.kernel import Kernel
from core.plugin import Act, Fresh, deed
from core.rights import at_the_top
from plugins.inbox import rules
from plugins.inbox.concern import told
from plugins.inbox.declarations import KEEP
from plugins.inbox.kinds import ChannelKind, Rhythm
from plugins.inbox.problems import (
    BAD_EMAIL,
    BAD_QUIET,
    CODE_OVER,
    HAVE_IT,
    NO_CHANNEL,
    NO_EMAIL,
    NO_ITEM,
    NO_MATTER,
    NOT_CALLED,
    NOT_FOLLOWED,
    NOT_TO_CONFIRM,
    TOO_MANY_CHANNELS,
    UNKNOWN_PLUGIN,
    WRONG_CODE,
)  # fmt: skip
from plugins.inbox.settings import InboxSettings
from schema.reading import visible_matters

NEWEST = "SELECT COALESCE(MAX(seq), 0) FROM core_event"
ADDRESS, SECRET, CODE = "address_sealed", "secret_sealed", "code_sealed"


async def at_home(act: Act, arguments: Mapping[str, Any]) -> Place:
    """Find the widest place around the person where the inbox is on: their messages belong to no stairwell.

    Whoever belongs nowhere, or is nobody, is looked after where the inbox is on first of all.
    """
    who = arguments.get("person_id") if act.actor.system is not None else act.actor.person_id
    rows = await act.tx.fetch(
        "SELECT c.path FROM core_appointment a JOIN core_community c ON c.id = a.community_id WHERE a.person_id = ? ORDER BY a.id",
        (who or 0,),
    )
    around = [path for row in rows for path in lineage(row["path"]) if act.book.is_enabled("inbox", path, act.now)]
    for path in (*around, *(low for low, _ in act.book.enabled_ranges("inbox", act.now))):
        found = await act.tx.one(f"SELECT {PLACE_COLUMNS} FROM core_community WHERE path = ?", (path,))
        if found is not None:
            return Place.of(found)
    return await at_the_top(act, arguments)


@deed(KEEP, place=at_home, traces_actor=False)
async def follow_matter(act: Act, *, matter: str) -> bool:
    """Follow a matter: what becomes of it is in your inbox, wherever it belongs. Following it again changes nothing."""
    parsed = parse_global_id(matter)
    seen = visible_matters(act.kernel.sight(act.actor, act.book, act.now))
    row = await act.tx.one(
        f"SELECT m.id, m.plugin, m.kind FROM core_matter m WHERE m.id = ? AND {seen.sql}",
        (parsed[1] if parsed else 0, *seen.params),
    )
    lifecycle = act.kernel.host.lifecycle(row["plugin"], row["kind"]) if row is not None else None
    if row is None or parsed is None or lifecycle is None or lifecycle.type_name != parsed[0]:
        raise NO_MATTER(path=("input", "matter"), what=matter[:80])
    await act.tx.execute(
        "INSERT INTO inbox_follow (id, person_id, matter_id, at) VALUES (?, ?, ?, ?) "
        "ON CONFLICT (person_id, matter_id) DO NOTHING",
        (new_id(), act.person_id, row["id"], to_wire(act.now)),
    )
    return True


@deed(KEEP, place=at_home, traces_actor=False)
async def unfollow_matter(act: Act, *, matter: str) -> bool:
    """Stop following a matter; also one that you may not see any more."""
    parsed = parse_global_id(matter)
    ended = await act.tx.execute(
        "DELETE FROM inbox_follow WHERE person_id = ? AND matter_id = ?", (act.person_id, parsed[1] if parsed else 0)
    )
    if not ended:
        raise NOT_FOLLOWED(path=("input", "matter"), what=matter[:80])
    return False


@deed(KEEP, place=at_home, traces_actor=False)
async def mark_read(act: Act, *, up_to: int) -> int:
    """Mark everything in your inbox up to an item as read; an earlier mark than the last one changes nothing."""
    mine = told(act.kernel.sight(act.actor, act.book, act.now))
    if await act.tx.one(f"SELECT t.id FROM core_news t WHERE t.id = ? AND {mine.sql}", (up_to, *mine.params)) is None:
        raise NO_ITEM(path=("input", "upTo"))
    await act.tx.execute(
        "INSERT INTO inbox_mark (id, person_id, read_up_to, at) VALUES (?, ?, ?, ?) ON CONFLICT (person_id) DO UPDATE SET "
        "read_up_to = CASE WHEN excluded.read_up_to > inbox_mark.read_up_to THEN excluded.read_up_to "
        "ELSE inbox_mark.read_up_to END, at = excluded.at",
        (new_id(), act.person_id, up_to, to_wire(act.now)),
    )
    found: int = await act.tx.value("SELECT read_up_to FROM inbox_mark WHERE person_id = ?", (act.person_id,))
    return found


# --- channels ---------------------------------------------------------------------------------------------------------


@deed(KEEP, place=at_home, secrets=frozenset({"address"}))
async def add_email_channel(
    act: Act,
    *,
    address: str,
    rhythm: Rhythm = Rhythm.AT_ONCE,
    quiet_from: str | None = None,
    quiet_until: str | None = None,
) -> int:
    """Have news brought by e-mail. A letter with a code goes there; nothing else does before `confirmChannel`."""
    given = address.strip()
    if not rules.is_email(given):
        raise BAD_EMAIL(path=("input", "address"))
    if not act.kernel.config.smtp_url:
        raise NO_EMAIL()
    return await _add(act, ChannelKind.EMAIL, given, rhythm, quiet_from, quiet_until)


@deed(KEEP, place=at_home, secrets=frozenset({"address"}))
async def add_webhook_channel(
    act: Act,
    *,
    address: str,
    rhythm: Rhythm = Rhythm.AT_ONCE,
    quiet_from: str | None = None,
    quiet_until: str | None = None,
) -> Fresh:
    """Have news brought by signed HTTP requests. The first one asks for its `challenge` to be answered; nothing else goes
    there before. The answer holds the secret of the signatures: keep it, it is shown this once.
    """
    given, origins = address.strip(), act.kernel.config.webhook_origins
    if len(given) > 1000 or not rules.may_be_called(given, origins):
        raise NOT_CALLED(path=("input", "address"), origins=", ".join(origins) or "—")
    key = await _add(act, ChannelKind.WEBHOOK, given, rhythm, quiet_from, quiet_until)
    return Fresh(key, key)


async def _add(
    act: Act, kind: ChannelKind, address: str, rhythm: Rhythm, quiet_from: str | None, quiet_until: str | None
) -> int:
    _check_quiet(quiet_from, quiet_until)
    await act.tx.one(f"SELECT id FROM core_person WHERE id = ?{act.tx.for_update}", (act.person_id,))
    await _check_number(act, address)
    key, keys, now = new_id(), act.kernel.keys, to_wire(act.now)
    secret = secrets.token_urlsafe(32) if kind is ChannelKind.WEBHOOK else None
    code = (
        f"{secrets.randbelow(10**rules.CODE_DIGITS):0{rules.CODE_DIGITS}d}"
        if secret is None
        else secrets.token_urlsafe(24)
    )
    await act.tx.execute(
        "INSERT INTO inbox_channel (id, person_id, kind, address_sealed, address_masked, secret_sealed, code_sealed, guesses, "
        "language, rhythm, quiet_from, quiet_until, muted, added_at, due_at, looked_seq, failures, last_error) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, 0, ?, ?, ?, ?, '[]', ?, ?, 0, 0, '')",
        (key, act.person_id, kind.value, keys.seal("inbox_channel", ADDRESS, key, address),
         rules.mask_email(address) if secret is None else rules.mask_url(address),
         None if secret is None else keys.seal("inbox_channel", SECRET, key, secret),
         keys.seal("inbox_channel", CODE, key, code), act.actor.language, rhythm.value, quiet_from, quiet_until, now, now),
    )  # fmt: skip
    act.emit("inbox.channel_added", person_id=act.person_id, kind=kind.value)
    act.note(kind=kind.value)
    return key


async def _check_number(act: Act, address: str) -> None:
    """Refuse more channels than a person may have or add: letters to confirm must not become a nuisance to others."""
    most = act.settings(InboxSettings).most_channels
    rows = await act.tx.fetch(
        "SELECT id, address_sealed, added_at, removed_at FROM inbox_channel WHERE person_id = ?", (act.person_id,)
    )
    kept = [row for row in rows if row["removed_at"] is None]
    day = to_wire(act.now - timedelta(days=1))
    if len(kept) >= most or sum(row["added_at"] > day for row in rows) >= most:
        raise TOO_MANY_CHANNELS(most=most)
    unseal = act.kernel.keys.unseal
    if any(unseal("inbox_channel", ADDRESS, row["id"], row["address_sealed"]) == address for row in kept):
        raise HAVE_IT(path=("input", "address"))


def _check_quiet(quiet_from: str | None, quiet_until: str | None) -> None:
    ends = [end for end in (quiet_from, quiet_until) if end is not None]
    if len(ends) == 1 or not all(rules.is_time(end) for end in ends):
        raise BAD_QUIET(path=("input", "quietFrom"))


async def _mine(act: Act, key: int) -> Row:
    row = await act.tx.one(
        f"SELECT * FROM inbox_channel WHERE id = ? AND person_id = ? AND removed_at IS NULL{act.tx.for_update}",
        (key, act.person_id),
    )
    if row is None:
        raise NO_CHANNEL(path=("input", "id"))
    return row


async def count_guess(kernel: Kernel, person_id: int | None, channel_id: int) -> None:
    """Count a try to confirm a channel before it is made, in a deed of its own: one that fails counts all the same."""
    await kernel.database.run(lambda tx: tx.execute(
        "UPDATE inbox_channel SET guesses = guesses + 1 WHERE id = ? AND person_id = ?", (channel_id, person_id or 0)
    ))  # fmt: skip


@deed(KEEP, place=at_home, secrets=frozenset({"code"}))
async def confirm_channel(act: Act, *, id: int, code: str) -> int:
    """Confirm an e-mail channel by the code that was sent there, within a day and five tries."""
    row = await _mine(act, id)
    if row["kind"] != ChannelKind.EMAIL.value or row["confirmed_at"] is not None:
        raise NOT_TO_CONFIRM()
    over = row["code_sealed"] is None or act.now - from_wire(row["added_at"]) > rules.CODE_LIFE
    if over or row["guesses"] > rules.MOST_GUESSES:
        raise CODE_OVER()
    right = act.kernel.keys.unseal("inbox_channel", CODE, id, row["code_sealed"])
    if not hmac.compare_digest(right.encode(), code.strip().encode()):
        raise WRONG_CODE(path=("input", "code"), left=rules.MOST_GUESSES - row["guesses"])
    await _confirm(act, id, act.person_id)
    return id


@deed(KEEP, place=at_home)
async def confirm_answered(act: Act, *, id: int, person_id: int) -> None:
    """Confirm a channel whose other side has answered its challenge: for the server itself."""
    await _confirm(act, id, person_id)


@deed(KEEP, place=at_home)
async def pause_channel(act: Act, *, id: int, person_id: int) -> None:
    """Pause a channel that failed again and again, and tell its person: for the server itself."""
    await act.tx.execute("UPDATE inbox_channel SET paused_at = ? WHERE id = ?", (to_wire(act.now), id))
    act.emit("inbox.channel_paused", person_id=person_id)


async def _confirm(act: Act, key: int, person_id: int) -> None:
    newest, now = await act.tx.value(NEWEST), to_wire(act.now)
    [row] = await act.tx.fetch("SELECT rhythm, quiet_from, quiet_until FROM inbox_channel WHERE id = ?", (key,))
    due = _due(act, Rhythm(row["rhythm"]), row["quiet_from"], row["quiet_until"])
    await act.tx.execute(
        "UPDATE inbox_channel SET confirmed_at = ?, code_sealed = NULL, looked_seq = ?, due_at = ?, failures = 0, "
        "last_error = '' WHERE id = ?",
        (now, newest, to_wire(due), key),
    )
    act.emit("inbox.channel_confirmed", person_id=person_id)


def _due(act: Act, rhythm: Rhythm, quiet_from: str | None, quiet_until: str | None) -> datetime:
    hour = act.settings(InboxSettings).digest_hour
    return rules.next_time(rhythm, act.now, quiet_from=quiet_from, quiet_until=quiet_until, digest_hour=hour)


@deed(KEEP, place=at_home)
async def change_channel(
    act: Act,
    *,
    id: int,
    rhythm: Rhythm | None = None,
    quiet_from: str | None = None,
    quiet_until: str | None = None,
    has_quiet_hours: bool | None = None,
    muted: Sequence[str] | None = None,
    is_paused: bool | None = None,
) -> int:
    """Change when and what a channel brings; what is left out stays. What came while it was paused is not brought later."""
    row = await _mine(act, id)
    quiet = (row["quiet_from"], row["quiet_until"])
    if has_quiet_hours is False:
        quiet = (None, None)
    elif quiet_from is not None or quiet_until is not None or has_quiet_hours:
        _check_quiet(quiet_from or "", quiet_until or "")
        quiet = (quiet_from, quiet_until)
    known = {plugin.id for plugin in act.kernel.host.ready()}
    for plugin in muted or ():
        if plugin not in known:
            raise UNKNOWN_PLUGIN(path=("input", "muted"), plugin=plugin[:40], known=", ".join(sorted(known)))
    silent = row["paused_at"] is not None if is_paused is None else is_paused
    resumes = row["paused_at"] is not None and not silent
    looked = await act.tx.value(NEWEST) if resumes else row["looked_seq"]
    kept = canonical_json(sorted(set(muted)) if muted is not None else json.loads(row["muted"]))
    chosen = rhythm or Rhythm(row["rhythm"])
    due = _due(act, chosen, *quiet)
    await act.tx.execute(
        "UPDATE inbox_channel SET rhythm = ?, quiet_from = ?, quiet_until = ?, muted = ?, paused_at = ?, looked_seq = ?, "
        "due_at = ?, failures = 0, last_error = '' WHERE id = ?",
        (chosen.value, *quiet, kept,
         (row["paused_at"] or to_wire(act.now)) if silent else None, looked, to_wire(due), id),
    )  # fmt: skip
    return id


@deed(KEEP, place=at_home)
async def remove_channel(act: Act, *, id: int) -> bool:
    """Remove a channel; its address is erased at once, its log with the next tidying."""
    await _mine(act, id)
    await act.tx.execute(
        "UPDATE inbox_channel SET removed_at = ?, address_sealed = NULL, address_masked = '', secret_sealed = NULL, "
        "code_sealed = NULL WHERE id = ?",
        (to_wire(act.now), id),
    )
    act.emit("inbox.channel_removed", person_id=act.person_id)
    return True
