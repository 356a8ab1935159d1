"""The page of a result: what hangs on the notice board after the count, and where its certificate is checked."""

from __future__ import annotations

import json
from typing import Any

from core.errors import NOT_FOUND
from core.plugin import Admits, Asked, Reply, Route
from plugins.voting import certificate, kinds
from plugins.voting.rules import Outcome
from schema.declared import REGISTRY
from schema.pages import esc, page, permalink, table, words

COUNTED = ("PRELIMINARY", "CONFIRMED", "VOID")
LEGS = {
    "QUORUM_AREA": ("参与面积", "Area that took part"), "QUORUM_HEADS": ("参与人数", "Heads that took part"),
    "APPROVAL_AREA": ("同意面积", "Area in favour"), "APPROVAL_HEADS": ("同意人数", "Heads in favour"),
}  # fmt: skip


async def result(asked: Asked) -> Reply:
    """Show the certified result of a joint decision or a separated poll to whoever may see the poll."""
    text, poll = await _certified(asked)
    found, lang = json.loads(text), asked.language
    state = kinds.PollState(poll["state"])
    effect = kinds.LegalEffect(found["legal_effect"]).label(lang) if found.get("legal_effect") else ""
    roll = found["roll"]
    facts = [
        ("地点", "Place", found["place"]["name"]), ("状态", "State", state.label(lang)), ("效力", "Legal effect", effect),
        ("表决期", "Voting", f"{_moment(found['opens_at'])} – {_moment(found['closes_at'])}"),
        ("名册", "Roll", _roll(asked, roll)), ("收到选票", "Ballots received", str(len(found["receipts"]))),
        ("异议截止", "Objections until", _moment(poll["objections_until"])),
    ]  # fmt: skip
    listed = "".join(f"<dt>{words(asked, zh, en)}</dt><dd>{esc(value)}</dd>" for zh, en, value in facts if value)
    motions = "".join(_motion(asked, one) for one in found["motions"])
    digest = certificate.digest_of(text)
    check = words(
        asked, "持回执者可核验自己的票是否计入", "Whoever holds a receipt can check that their ballot was counted"
    )
    body = (
        f"<article><h1>{esc(found['title'])}</h1><dl>{listed}</dl>{motions}<h2>{words(asked, '核验', 'Check it')}</h2>"
        f'<p>{check}：<a href="/receipt">/receipt</a></p><p>{words(asked, "证书摘要", "Hash of the certificate")} SHA-256'
        f"<br><code>{digest}</code></p>"
        f'<p class="screen"><a href="/p/voting/{poll["matter_id"]}/certificate.json" download>'
        f"{words(asked, '下载证书', 'Download the certificate')}</a></p>"
        f"{permalink(asked, 'The result as it stands now' if lang == 'en' else '扫码查看本结果的最新状态')}</article>"
    )
    return page(asked, found["title"], body, kind="certificate", max_age=0)


async def as_json(asked: Asked) -> Reply:
    """Give the certificate byte by byte as its hash was taken."""
    text, poll = await _certified(asked)
    return Reply.download(text.encode(), "application/json; charset=utf-8", f"certificate-{poll['matter_id']}.json")


async def _certified(asked: Asked) -> tuple[str, Any]:
    """Return the certificate and the poll; what the viewer may not see, or is not counted, is not there."""
    key = asked.parameters["id"]
    declaration = REGISTRY["Poll"]
    seen = declaration.seen(asked.sight)
    rows = await asked.kernel.database.fetch(
        f"SELECT t.*, m.state, m.path FROM {declaration.source} WHERE t.matter_id = ? AND {seen.sql}",
        (int(key) if key.isascii() and key.isdigit() and len(key) < 19 else 0, *seen.params),
    )
    is_certified = rows and rows[0]["round"] and rows[0]["state"] in COUNTED
    if not is_certified or (rows[0]["roll_id"] is None and rows[0]["mode"] != kinds.BallotMode.SEPARATED.value):
        raise NOT_FOUND(what=key[:40])
    asked.require_on(rows[0]["path"])
    text, _ = await certificate.build(asked.kernel.database, rows[0]["matter_id"])
    return text, rows[0]


def _roll(asked: Asked, roll: dict[str, Any]) -> str:
    heads = roll.get("heads") or len(roll.get("voters", ()))
    said = f"{heads} {'heads' if asked.language == 'en' else '人'}"
    return f"{said} · {_area(roll['area'])}" if roll.get("area") else said


def _motion(asked: Asked, motion: dict[str, Any]) -> str:
    title = f"<section><h2>{motion['position']}. {esc(motion['title'])}</h2>"
    verdict = motion.get("verdict") or motion.get("figures") or {}
    return f"{title}{_verdict(asked, verdict) if 'strict' in verdict else _options(asked, motion['title'], verdict)}</section>"


def _verdict(asked: Asked, verdict: dict[str, Any]) -> str:
    """Show a joint decision: outcome, the four conditions of the law, and what was counted."""
    lang, strict = asked.language, verdict["strict"]
    outcome = Outcome(verdict["outcome"]).label(lang)
    legs = [
        (LEGS.get(leg["name"], (leg["name"], leg["name"]))[lang == "en"],
         *(_area(v) if "AREA" in leg["name"] else str(v) for v in (leg["numerator"], leg["denominator"])),
         f"{leg['comparison']} {leg['threshold'][0]}/{leg['threshold'][1]}",
         ("met" if leg["met"] else "not met") if lang == "en" else ("达到" if leg["met"] else "未达到"), leg["article"])
        for leg in strict["legs"]
    ]  # fmt: skip
    head = (("Condition", "Counted", "Out of", "Needed", "Met", "Law") if lang == "en"
            else ("条件", "计得", "总数", "须达", "结果", "依据"))  # fmt: skip
    choices = {"FOR": ("同意", "For"), "AGAINST": ("反对", "Against"), "ABSTAIN": ("弃权", "Abstained")}
    sums = [
        (choices[key][lang == "en"], _area(strict["sums"][key]["area"]), str(strict["sums"][key]["heads"]))
        for key in choices
    ]
    return (
        f'<p class="now"><b>{esc(outcome)}</b> · {esc(verdict["article"])}</p>'
        + table("Strict count" if lang == "en" else "严格口径：仅计实际表决", head, legs)
        + table(
            "Votes" if lang == "en" else "计票",
            ("Choice", "Area", "Heads") if lang == "en" else ("选择", "面积", "人数"),
            sums,
        )
    )


def _options(asked: Asked, title: str, figures: dict[str, Any]) -> str:
    """Show a separated poll: how many chose what, or that too few took part for that to be told."""
    total = figures.get("total")
    if total is None:
        too_few = words(asked, "参与人数过少，不公布。", "Too few took part: not told.")
        return f'<p class="now"><span class="mark">{too_few}</span></p>'
    head = ("Choice", "Heads") if asked.language == "en" else ("选择", "人数")
    return table(title, head, [(label, str(count)) for label, count in total["options"]])


def _area(centi: int) -> str:
    return f"{centi // 100:,}.{centi % 100:02d} m²"


def _moment(at: str | None) -> str:
    return f"{at[:10]} {at[11:16]}" if at else ""


_SEEN = "read through the predicate that shows polls over GraphQL; who chose what is in no certificate"

ROUTES = (
    Route("/p/voting/{id}/result", "GET", result, Admits.CHECKED, _SEEN),
    Route("/p/voting/{id}/certificate.json", "GET", as_json, Admits.CHECKED, _SEEN),
)
