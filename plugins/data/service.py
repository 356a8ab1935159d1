"""The verbs of data: freezing a period, publishing it, correcting a figure, discarding what is not published."""

from __future__ import annotations

from typing import Any

from core.clock import to_wire
from core.database import Row
from core.ids import new_id
from core.indicators import Indicator, IndicatorKind
from core.masks import SMALLEST_GROUP
from core.periods import Period
from core.plugin import Act, check_text, deed
from plugins.data import rules
from plugins.data.lifecycle import RELEASE
from plugins.data.problems import ALREADY_FROZEN, BAD_FIGURE, BAD_PERIOD, NOT_OF_RELEASE, NOT_SETTLED, SAME_FIGURE
from plugins.data.rules import Sums


@deed("data.freeze_period", opens=RELEASE)
async def freeze_period(act: Act, *, period: str) -> int:
    """Let the figures of a place for a period that is over and settled stand still; from then on only corrections change them."""
    found = Period.parse(period)
    if found is None:
        raise BAD_PERIOD(path=("input", "period"), period=period[:20])
    await _check_settled(act, found)
    await act.tx.fetch(f"SELECT id FROM core_community WHERE id = ?{act.tx.for_update}", (act.place.id,))
    taken = "SELECT matter_id FROM data_release WHERE community_id = ? AND slot = ?"
    if await act.tx.value(taken, (act.place.id, found.code)) is not None:
        raise ALREADY_FROZEN(path=("input", "period"), place=act.place.name, period=found.code)
    key = await act.open(RELEASE, f"{act.place.name} {found.title('zh')}数据")
    await act.tx.execute(
        "INSERT INTO data_release (matter_id, community_id, period, slot, frozen_at, discard_reason) VALUES (?, ?, ?, ?, ?, '')",
        (key, act.place.id, found.code, found.code, to_wire(act.now)),
    )
    await act.tx.execute(
        "UPDATE data_figure SET release_id = ? WHERE community_id = ? AND period = ?", (key, act.place.id, found.code)
    )
    frozen = await act.tx.fetch("SELECT * FROM data_figure WHERE release_id = ? ORDER BY indicator", (key,))
    for figure in frozen:
        await _keep_version(act, figure, "")
    act.note(release=str(key), period=found.code, figures=len(frozen))
    act.emit("data.period_frozen", matter_id=key, period=found.code)
    return key


async def _check_settled(act: Act, period: Period) -> None:
    """Refuse a period that some indicator still counts, or never counted."""
    rows = await act.tx.fetch("SELECT indicator FROM data_tally WHERE period = ? AND is_settled", (period.code,))
    done = {row["indicator"] for row in rows}
    for code, indicator in act.kernel.host.indicators.items():
        if period.kind in indicator.periods and code not in done:
            until = to_wire(rules.settles_at(indicator, period))
            raise NOT_SETTLED(path=("input", "period"), period=period.code, indicator=code, until=until)


async def _keep_version(act: Act, figure: Row, reason: str) -> None:
    """Write down a figure as it reads now."""
    await act.tx.execute(
        "INSERT INTO data_version (id, figure_id, number, numerator, denominator, covered, coverable, value, is_suppressed, at, "
        "reason) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (figure_id, number) DO NOTHING",
        (new_id(), figure["id"], figure["version"], figure["numerator"], figure["denominator"], figure["covered"],
         figure["coverable"], figure["value"], figure["is_suppressed"], to_wire(act.now), reason),
    )  # fmt: skip


@deed(on=RELEASE, step="publish_release")
async def publish_release(act: Act) -> int:
    """Publish the figures of a period."""
    await act.tx.execute(
        "UPDATE data_release SET published_at = ? WHERE matter_id = ?", (to_wire(act.now), act.matter.id)
    )
    return act.matter.id


@deed(on=RELEASE, step="discard_release")
async def discard_release(act: Act, *, reason: str) -> int:
    """Take frozen figures back before they are published, with the reason; the period is then counted anew."""
    told = check_text(reason, "reason", most=500)
    period = await act.tx.value("SELECT period FROM data_release WHERE matter_id = ?", (act.matter.id,))
    await act.tx.execute(
        "UPDATE data_release SET slot = ?, discard_reason = ? WHERE matter_id = ?",
        (f"{period}~{act.matter.id}", told, act.matter.id),
    )
    await act.tx.execute(
        "UPDATE data_figure SET release_id = NULL, version = version + 1 WHERE release_id = ?", (act.matter.id,)
    )
    await act.tx.execute("UPDATE data_tally SET is_settled = ? WHERE period = ?", (False, period))
    return act.matter.id


@deed(on=RELEASE, step="correct_figure")
async def correct_figure(
    act: Act,
    *,
    figure: int,
    numerator: str,
    reason: str,
    denominator: str = "0",
    covered: str = "0",
    coverable: str = "0",
) -> int:
    """Correct a published figure: a new version with its reason; the old one stays readable. Returns the figure's key."""
    told = check_text(reason, "reason", most=500)
    row = await act.tx.one(
        f"SELECT * FROM data_figure WHERE id = ? AND release_id = ?{act.tx.for_update}", (figure, act.matter.id)
    )
    if row is None:
        raise NOT_OF_RELEASE(path=("input", "figure"))
    indicator = act.kernel.host.indicators.get(row["indicator"])
    sums = Sums(*map(_whole, (numerator, denominator, covered, coverable)))
    is_share = indicator is None or indicator.kind is IndicatorKind.SHARE
    if (is_share and sums.numerator > sums.denominator) or sums.covered > sums.coverable:
        raise BAD_FIGURE(path=("input", "numerator"))
    if sums == Sums(row["numerator"], row["denominator"], row["covered"], row["coverable"]):
        raise SAME_FIGURE(path=("input", "numerator"))
    await act.tx.execute(
        "UPDATE data_figure SET numerator = ?, denominator = ?, covered = ?, coverable = ?, value = ?, low = ?, high = ?, "
        "is_suppressed = ?, version = version + 1, counted_at = ? WHERE id = ?",
        (
            sums.numerator,
            sums.denominator,
            sums.covered,
            sums.coverable,
            *_shown(indicator, sums, row),
            to_wire(act.now),
            figure,
        ),
    )
    corrected = await act.tx.one("SELECT * FROM data_figure WHERE id = ?", (figure,))
    await _keep_version(act, corrected, told)
    act.note(figure=str(figure), indicator=row["indicator"], version=row["version"] + 1)
    act.emit("data.figure_corrected", figure=str(figure), indicator=row["indicator"])
    return figure


def _whole(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise BAD_FIGURE(path=("input", "numerator"))
    return int(text)


def _shown(indicator: Indicator | None, sums: Sums, row: Row) -> tuple[Any, ...]:
    """Return share, interval and whether the figure is told; one that was withheld stays withheld: others hang on it."""
    is_small = indicator is not None and indicator.of_persons and 0 < sums.group(indicator.kind) < SMALLEST_GROUP
    if is_small or row["is_suppressed"]:
        return None, None, None, True
    if indicator is None or indicator.kind is not IndicatorKind.SHARE:
        return None, None, None, False
    low, high = (rules.wilson(sums.numerator, sums.denominator) if indicator.has_interval else None) or (None, None)
    return rules.share(sums.numerator, sums.denominator), low, high, False


@deed("data.freeze_period")
async def note_silence(act: Act, *, indicator: str, period: str) -> None:
    """Say that a channel fell silent: whoever answers for it checks that it is open."""
    act.note(indicator=indicator, period=period)
    act.emit("data.channel_silent", indicator=indicator, period=period)
