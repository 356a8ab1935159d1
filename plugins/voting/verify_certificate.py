"""Recompute a certificate of a vote, offline and with nothing but Python: ``verify_certificate.py CERTIFICATE [BALLOTS]``.

CERTIFICATE is the text of ``poll.certificate``; BALLOTS, for scrutineers, is the text of ``exportBallots``. Prints every
check, and exits with 0 when all hold, with 1 when one does not.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

SPECIAL_CODES = (6, 7, 8)
CHOICES = {"F": "FOR", "A": "AGAINST", "B": "ABSTAIN"}

Check = tuple[str, bool]


def sha256(text: str) -> str:
    """Hash text; hex."""
    return hashlib.sha256(text.encode()).hexdigest()


def canonical(value: Any) -> str:
    """Write JSON with sorted keys and no spaces."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def outcome(code: int, scope: dict[str, int], sums: dict[str, dict[str, int]]) -> str:
    """Apply 民法典 278 with whole numbers: both axes must reach the quorum, and both must approve."""
    part = {axis: sum(sums[choice][axis] for choice in ("FOR", "AGAINST", "ABSTAIN")) for axis in ("area", "heads")}
    if not all(part[axis] > 0 and 3 * part[axis] >= 2 * scope[axis] for axis in part):
        return "QUORUM_NOT_MET"
    if code in SPECIAL_CODES:
        passed = all(4 * sums["FOR"][axis] >= 3 * part[axis] for axis in part)
    else:
        passed = all(2 * sums["FOR"][axis] > part[axis] for axis in part)
    return "PASSED" if passed else "NOT_PASSED"


def with_silent(sums: dict[str, dict[str, int]], served: dict[str, int]) -> dict[str, dict[str, int]]:
    """Add the silent owners to the side that leads on both axes."""
    for side in ("FOR", "AGAINST"):
        others = [sums[choice] for choice in sums if choice != side]
        if all(sums[side][axis] > other[axis] for other in others for axis in served):
            return {**sums, side: {axis: sums[side][axis] + served[axis] for axis in served}}
    return sums


def certificate_checks(certificate: dict[str, Any]) -> Iterator[Check]:
    """Check what the certificate says by itself."""
    if certificate.get("mode") == "SEPARATED":
        yield from separated_checks(certificate)
        return
    receipts = certificate["receipts"]
    yield "the list of receipts is sorted, without repetition", receipts == sorted(set(receipts))
    yield "the hash of the list of receipts", sha256("\n".join(receipts)) == certificate["receipts_hash"]
    yield "the notice was posted long enough before", _was_noticed(certificate)
    roll = {"area": certificate["roll"]["area"], "heads": certificate["roll"]["heads"]}
    for motion in certificate["motions"]:
        yield from _verdict_checks(motion, roll)


def separated_checks(certificate: dict[str, Any]) -> Iterator[Check]:
    """Check a separated poll: voters and ballots are as many, all voters are of the roll, and the figures add up."""
    receipts, voters = certificate["receipts"], certificate["roll"]["voters"]
    yield "the roll is sorted, without repetition", voters == sorted(set(voters))
    yield "the hash of the roll", sha256("\n".join(voters)) == certificate["roll"]["hash"]
    yield "the list of receipts is sorted, without repetition", receipts == sorted(set(receipts))
    yield "the hash of the list of receipts", sha256("\n".join(receipts)) == certificate["receipts_hash"]
    yield "whoever voted is on the roll", set(receipts) <= set(voters)
    for motion in certificate["motions"]:
        name, ballots, total = f"motion {motion['position']}", motion["ballots"], motion["figures"]["total"]
        if ballots is None:
            yield f"{name}: what is withheld has no figures", total is None and not motion["figures"]["groups"]
            continue
        yield f"{name}: as many ballots as voters", len(ballots) == len(receipts)
        yield f"{name}: the ballots add up", total == _heads(motion, ballots)
        for group, figures in motion["figures"]["groups"].items():
            own = [one for one in ballots if one[0] == group]
            yield f"{name}: the ballots of {group} add up", figures == _heads(motion, own)


def _heads(motion: dict[str, Any], ballots: list[list[Any]]) -> dict[str, Any]:
    counted = [[label, sum(at in one[1:] for one in ballots)] for at, label in enumerate(motion["options"])]
    return {"heads": len(ballots), "options": counted}


def _was_noticed(certificate: dict[str, Any]) -> bool:
    notice = certificate["notice"]
    if notice is None:
        return False
    days = int(certificate["settings"]["notice_days"]["value"])
    posted = date.fromisoformat(notice["posted_at"][:10])
    return bool(posted + timedelta(days=days) < date.fromisoformat(certificate["opens_at"][:10]))


def _verdict_checks(motion: dict[str, Any], roll: dict[str, int]) -> Iterator[Check]:
    verdict, name = motion["verdict"], f"motion {motion['position']}"
    strict, follow = verdict["strict"], verdict["follow"]
    yield f"{name}: the whole is the roll", verdict["scope"] == roll
    expected = outcome(verdict["code"], roll, strict["sums"])
    yield f"{name}: the strict outcome is {expected}", expected == strict["outcome"]
    if follow is not None:
        joined = with_silent(strict["sums"], verdict["served"])
        yield f"{name}: silent owners joined the leading side", joined == follow["sums"]
        yield f"{name}: the outcome with them", outcome(verdict["code"], roll, joined) == follow["outcome"]
    deciding = follow or strict
    yield f"{name}: the outcome that decides", deciding["outcome"] == verdict["outcome"]
    for leg in deciding["legs"]:
        yield f"{name}: {leg['name']}", _leg_met(leg) == leg["met"]


def _leg_met(leg: dict[str, Any]) -> bool:
    above, below = leg["threshold"]
    left, right = leg["numerator"] * below, leg["denominator"] * above
    return bool(leg["numerator"] > 0 and (left > right if leg["comparison"] == ">" else left >= right))


def bundle_checks(certificate: dict[str, Any], bundle: dict[str, Any]) -> Iterator[Check]:
    """Check the ballots against the receipts, and add them up again."""
    yield "the ballots are of this poll", bundle["poll"] == certificate["poll"]
    returned = bundle["returned"]
    yield "every ballot hashes to its receipt", all(_receipt(bundle, one) == one["receipt"] for one in returned)
    yield (
        "the receipts are those of the certificate",
        sorted(one["receipt"] for one in returned) == certificate["receipts"],
    )
    yield "no ballot came after the end", all(one["at"] < certificate["closes_at"] for one in returned)
    entries = [one["entry"] for one in bundle["counted"]]
    yield "one counted ballot an entry", len(set(entries)) == len(entries)
    yield "what is counted was returned so", all(_is_backed(one, returned) for one in bundle["counted"])
    for index, motion in enumerate(certificate["motions"]):
        again = _sums(bundle["counted"], index)
        yield f"motion {motion['position']}: the ballots add up", again == motion["verdict"]["strict"]["sums"]


def _receipt(bundle: dict[str, Any], one: dict[str, Any]) -> str:
    body = {key: one[key] for key in ("entry", "area", "heads", "channel", "marks", "signed", "at", "nonce")}
    return sha256(canonical({"v": 1, "poll": bundle["poll"], **body}))


def _is_backed(counted: dict[str, Any], returned: list[dict[str, Any]]) -> bool:
    """Say whether each choice that counts for an entry stands on a signed ballot of that entry with its weight."""
    own = [one for one in returned if one["entry"] == counted["entry"] and one["signed"] and not one["withdrawn"]]
    weighed = all((one["area"], one["heads"]) == (counted["area"], counted["heads"]) for one in own)
    return weighed and all(
        any(one["marks"][at].replace("-", "B") == letter for one in own)
        for at, letter in enumerate(counted["choices"])
        if letter in CHOICES
    )


def _sums(counted: list[dict[str, Any]], index: int) -> dict[str, dict[str, int]]:
    sums = {choice: {"area": 0, "heads": 0} for choice in CHOICES.values()}
    for one in counted:
        choice = CHOICES.get(one["choices"][index])
        if choice is not None:
            sums[choice]["area"] += one["area"]
            sums[choice]["heads"] += one["heads"]
    return sums


def main(arguments: list[str]) -> int:
    """Check the files named, and print what holds and what does not."""
    if len(arguments) not in (1, 2):
        sys.stderr.write("usage: verify_certificate.py CERTIFICATE [BALLOTS]\n")
        return 2
    text = Path(arguments[0]).read_text("utf-8")
    certificate = json.loads(text)
    checks = [("the text is canonical", canonical(certificate) == text.rstrip("\n")), *certificate_checks(certificate)]
    if len(arguments) == 2:
        checks += bundle_checks(certificate, json.loads(Path(arguments[1]).read_text("utf-8")))
    for about, holds in checks:
        sys.stdout.write(f"{'ok ' if holds else 'BAD'} {about}\n")
    sys.stdout.write(f"SHA-256 of the certificate: {sha256(text)}\n")
    return 0 if all(holds for _, holds in checks) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
