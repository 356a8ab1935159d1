"""The page of a notice: what a printed copy shows, and what its QR code leads back to."""

from __future__ import annotations

from core.errors import NOT_FOUND
from core.plugin import Admits, Asked, Reply, Route
from plugins.notices.kinds import NoticeState
from plugins.notices.rules import NoticeKind
from schema.declared import REGISTRY
from schema.pages import esc, page, paragraphs, permalink, words

ADDRESS = "/p/notices/{id}"


async def notice(asked: Asked) -> Reply:
    """Show a notice to whoever may see it; what they may not see looks like what is not there."""
    key = asked.parameters["id"]
    declaration = REGISTRY["Notice"]
    seen = declaration.seen(asked.sight)
    rows = await asked.kernel.database.fetch(
        "SELECT t.*, m.title, m.state, m.path, c.name AS place, (SELECT v.reason FROM notices_version v WHERE "
        "v.notice_id = t.matter_id AND v.number = t.number) AS correction "
        f"FROM {declaration.source} JOIN core_community c ON c.id = m.community_id WHERE t.matter_id = ? AND {seen.sql}",
        (int(key) if key.isascii() and key.isdigit() and len(key) < 19 else 0, *seen.params),
    )
    if not rows:
        raise NOT_FOUND(what=key[:40])
    row = rows[0]
    asked.require_on(row["path"])
    kind, state = NoticeKind(row["kind"]), NoticeState(row["state"])
    is_gone = state is NoticeState.WITHDRAWN
    facts = [
        ("地点", "Place", row["place"]), ("类别", "Kind", kind.label(asked.language)), ("发布单位", "Issued by", row["issuer"]),
        ("依据", "Legal basis", row["legal_basis"]), ("发布时间", "Posted", _moment(row["posted_at"])),
        ("公示至", "On display until", _moment(row["display_until"])), ("所涉时间", "Takes place", _moment(row["event_at"])),
        ("状态", "State", state.label(asked.language)),
        ("版本", "Version", str(row["number"]) if row["number"] > 1 else ""), ("更正原因", "Why corrected", row["correction"] or ""),
    ]  # fmt: skip
    listed = "".join(f"<dt>{words(asked, zh, en)}</dt><dd>{esc(value)}</dd>" for zh, en, value in facts if value)
    text = (
        f'<p class="tombstone"><strong>{words(asked, "已撤回", "Withdrawn")}</strong> {esc(row["withdrawal_reason"])}</p>'
        if is_gone
        else f'<div class="text">{paragraphs(row["body"])}</div>'
    )
    label = "The notice as it stands now" if asked.language == "en" else "扫码查看本公示的最新状态"
    body = f"<article><h1>{esc(row['title'])}</h1>{text}<dl>{listed}</dl>{permalink(asked, label)}</article>"
    public = asked.viewer.person_id is None
    return page(asked, row["title"], body, kind="notice", max_age=60 if public else 0)


def _moment(at: str | None) -> str:
    return f"{at[:10]} {at[11:16]}" if at else ""


ROUTES = (Route(ADDRESS, "GET", notice, Admits.CHECKED, "read through the predicate that shows notices over GraphQL"),)
