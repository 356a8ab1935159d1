"""The public page of a place's figures: by the five zeros, each with its own past, a chart and the same as a table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from core.indicators import FiveZero, Indicator, IndicatorKind
from core.periods import Period, PeriodKind
from core.plugin import Admits, Asked, Reply, Route
from plugins.data import exports
from plugins.data.kinds import Quality
from plugins.data.reading import Told, corrections, figures
from schema.pages import Bar, chart, esc, page, permalink, table, words

SHOWN_BEFORE = 6
MOST_BELOW = 300


async def show(asked: Asked) -> Reply:
    """Show the figures of one period, with the place's own past beside each."""
    found = await figures(asked)
    period = _period(asked, found)
    title = f"{asked.here.name} {'one-stop data' if asked.language == 'en' else '一站数据'} · {period.title(asked.language)}"
    parts = [
        f"<h1>{esc(title)}</h1>",
        f'<p class="lead">{words(asked, LEAD_ZH, LEAD_EN)}</p>',
        _periods(asked, found, period),
        *_sections(asked, [one for one in found if one.period.kind is period.kind and one.period <= period], period),
        await _corrections(asked),
        _downloads(asked),
        await _below(asked),
        permalink(asked, "This page" if asked.language == "en" else "扫码打开本页"),
    ]
    return page(asked, title, "\n".join(parts), kind="data")


LEAD_ZH = (
    "由各功能的办理记录逐级汇总而成，不是填报；没有指标任务，不排名，不涉及个人；人数不足十人的不公布。诉求多不等于差。"
)
LEAD_EN = (
    "Summed up from what was done, not reported by hand. There are no targets and no rankings; nothing is about one person, and "
    "figures about fewer than ten are not told. More requests are not worse."
)


def _period(asked: Asked, found: Sequence[Told]) -> Period:
    """Return the period that is asked for; else the last quarter that is over, or the running one where nothing is."""
    wished = Period.parse(asked.query.get("period", ""))
    if wished is not None:
        return wished
    running = Period.containing(asked.now.date(), PeriodKind.QUARTER)
    has_past = any(one.period == running.shifted(-1) for one in found)
    return running.shifted(-1) if has_past else running


def _periods(asked: Asked, found: Sequence[Told], shown: Period) -> str:
    """Link to the other periods that have figures."""
    label, rows = words(asked, "周期", "Periods"), []
    for kind in PeriodKind:
        periods = sorted(
            {one.period for one in found if one.period.kind is kind} | ({shown} if shown.kind is kind else set())
        )
        periods = [one for one in periods if one <= shown or one.kind is not shown.kind][-SHOWN_BEFORE:] + [
            one for one in periods if one > shown and one.kind is shown.kind
        ]
        links = "".join(
            f'<li><strong aria-current="page">{esc(one.title(asked.language))}</strong></li>' if one == shown
            else f'<li><a href="{esc(asked.path)}?period={one.code}&amp;lang={asked.language}">{esc(one.title(asked.language))}</a></li>'
            for one in periods
        )  # fmt: skip
        rows.append(f"<ul>{links}</ul>" if links else "")
    return f'<nav aria-label="{label}">{"".join(rows)}</nav>'


def _sections(asked: Asked, found: Sequence[Told], period: Period) -> Iterator[str]:
    """Yield a section for each of the five zeros that has figures, and one for the others."""
    by_zero: dict[FiveZero | None, list[Indicator]] = {}
    for indicator in asked.kernel.host.indicators.values():
        if any(one.indicator is indicator for one in found):
            by_zero.setdefault(indicator.zero, []).append(indicator)
    if not by_zero:
        yield f"<p>{words(asked, '本期还没有可公布的数据。', 'There are no figures for this period yet.')}</p>"
    for zero in (*FiveZero, None):
        if zero in by_zero:
            title = zero.label(asked.language) if zero else ("Other" if asked.language == "en" else "其他")
            note = f'<p class="soft">{esc(zero.description)}</p>' if zero and asked.language == "en" else ""
            yield f"<section><h2>{esc(title)}</h2>{note}"
            yield from (_figure(asked, one, [f for f in found if f.indicator is one], period) for one in by_zero[zero])
            yield "</section>"


def _figure(asked: Asked, indicator: Indicator, series: Sequence[Told], period: Period) -> str:
    by_period = {one.period: one for one in series}
    past = [period.shifted(-back) for back in range(SHOWN_BEFORE - 1, -1, -1)]
    is_share, now = indicator.kind is IndicatorKind.SHARE, by_period.get(period)
    title = indicator.title(asked.language)
    drawn = chart(title, [_bar(asked, one, by_period.get(one), is_share) for one in past], is_share=is_share)
    rows = [_row(asked, one, by_period[one]) for one in reversed(past) if one in by_period]
    told = ("Period", "Figure", "Out of", "Share", "95% interval", "Quality")
    head: Sequence[str] = told if asked.language == "en" else ("周期", "分子", "分母", "占比", "95%区间", "质量")
    if not is_share:
        head, rows = (head[0], head[1], head[5]), [(row[0], row[1], row[5]) for row in rows]
    return (
        f'<article class="figure"><div class="wide"><h3>{esc(title)}</h3>{_now(asked, indicator, now)}</div>'
        f"<div>{drawn}</div>{table(title, head, rows)}"
        f'<div class="wide">{_definition(asked, indicator)}</div></article>'
    )


def _bar(asked: Asked, period: Period, one: Told | None, is_share: bool) -> Bar:
    label = period.code if period.kind is PeriodKind.YEAR else period.code[2:]
    if one is None:
        return Bar(label, None, "–")
    if one.quality is Quality.SUPPRESSED:
        return Bar(label, None, "withheld" if asked.language == "en" else "不公布")
    if not is_share:
        return Bar(label, float(one.numerator or 0), f"{one.numerator}")
    if one.value is None:
        return Bar(label, None, "–")
    low, high = (float(one.low), float(one.high)) if one.low and one.high else (None, None)
    return Bar(label, float(one.value), f"{float(one.value):.1%}", low, high)


def _row(asked: Asked, period: Period, one: Told) -> tuple[str, ...]:
    quality = one.quality.label(asked.language) + (f" · v{one.version}" if one.version > 1 else "")
    interval = f"{float(one.low):.1%}–{float(one.high):.1%}" if one.low and one.high else "–"
    return (
        period.title(asked.language), _number(one.numerator), _number(one.denominator),
        f"{float(one.value):.1%}" if one.value else "–", interval, quality,
    )  # fmt: skip


def _number(value: int | None) -> str:
    return "–" if value is None else f"{value:,}"


def _now(asked: Asked, indicator: Indicator, one: Told | None) -> str:
    """Say the figure of the period in one line, with what it is worth."""
    if one is None:
        return f'<p class="now">{words(asked, "本期没有记录。", "Nothing was recorded in this period.")}</p>'
    if one.quality is Quality.SUPPRESSED:
        return f'<p class="now"><span class="mark">{esc(one.quality.label(asked.language))}</span></p>'
    unit = esc(indicator.unit.text(asked.language))
    big = f"{float(one.value):.1%}" if one.value else _number(one.numerator)
    said = f"<b>{big}</b> " + (f"{_number(one.numerator)} / {_number(one.denominator)} {unit}" if one.value else unit)
    if one.low and one.high:
        said += f" · 95% {float(one.low):.1%} – {float(one.high):.1%}"
    if one.coverable:
        said += f" · {words(asked, '覆盖', 'covers')} {_number(one.covered)} / {_number(one.coverable)}"
    warns = " warn" if one.quality is not Quality.SOUND else ""
    said += f' <span class="mark{warns}">{esc(one.quality.label(asked.language))}</span>'
    if one.is_silent:
        alarm = words(asked, "诉求渠道异常安静，请核查渠道是否畅通", "This channel fell silent: check that it is open")
        said += f' <span class="mark warn">{alarm}</span>'
    return f'<p class="now">{said}</p>'


def _definition(asked: Asked, indicator: Indicator) -> str:
    lang = asked.language
    facts = [
        ("分子", "Numerator", indicator.numerator.text(lang)),
        ("分母", "Denominator", indicator.denominator.text(lang) if indicator.denominator else ""),
        ("覆盖率", "Coverage", indicator.coverage.text(lang) if indicator.coverage else ""),
        ("读法", "How to read it", indicator.kind.label_zh if lang == "zh" else indicator.kind.description),
        ("防止造假", "Against gaming", indicator.guard.text(lang) if indicator.guard else ""),
        ("依据", "Source", str(indicator.source)), ("代码", "Code", indicator.code),
    ]  # fmt: skip
    listed = "".join(f"<dt>{words(asked, zh, en)}</dt><dd>{esc(value)}</dd>" for zh, en, value in facts if value)
    return f"<details><summary>{words(asked, '指标定义', 'Definition')}</summary><dl>{listed}</dl></details>"


async def _corrections(asked: Asked) -> str:
    found = await corrections(asked)
    if not found:
        return ""
    known, lang = asked.kernel.host.indicators, asked.language
    rows = [
        (known[one.indicator].title(lang) if one.indicator in known else one.indicator, one.period, one.before, one.after,
         one.at[:10], one.reason) for one in found
    ]  # fmt: skip
    head = (("Indicator", "Period", "Was", "Is", "Corrected on", "Reason") if lang == "en"
            else ("指标", "周期", "原值", "更正为", "更正日期", "原因"))  # fmt: skip
    title = "Corrections" if lang == "en" else "更正记录"
    return f"<section><h2>{title}</h2>{table(title, head, rows)}</section>"


def _downloads(asked: Asked) -> str:
    base = f"/c/{esc(asked.here.code)}/data"
    links = "".join(
        f'<li><a href="{base}{ending}" download>{words(asked, zh, en)}</a></li>'
        for ending, zh, en in (
            (".csv", "数据 CSV", "Figures, CSV"), (".xlsx", "数据与字典 Excel", "Figures and dictionary, Excel"),
            (".json", "数据与字典 JSON", "Figures and dictionary, JSON"), ("-dictionary.csv", "指标字典 CSV", "Dictionary, CSV"),
        )
    )  # fmt: skip
    title = words(asked, "开放数据", "Open data")
    return f'<section class="screen"><h2>{title}</h2><nav aria-label="{title}"><ul>{links}</ul></nav></section>'


async def _below(asked: Asked) -> str:
    """Link to the places right below in the order of their codes, without any figure: they are not put beside each other."""
    rows = await asked.kernel.database.fetch(
        "SELECT code, name, path FROM core_community WHERE parent_id = ? AND closed_at IS NULL ORDER BY path LIMIT ?",
        (asked.here.id, MOST_BELOW),
    )
    links = "".join(
        f'<li><a href="/c/{esc(row["code"])}/data?lang={asked.language}">{esc(row["name"])}</a></li>'
        for row in rows if asked.book.is_enabled(asked.plugin, row["path"], asked.now)
    )  # fmt: skip
    if not links:
        return ""
    title = words(asked, "下级地点", "Places below")
    return f'<section class="screen"><h2>{title}</h2><nav aria-label="{title}"><ul>{links}</ul></nav></section>'


_OPEN = "sums over places; figures about fewer than ten persons are withheld, and nothing is about one"

ROUTES = (
    Route("/c/{code}/data", "GET", show, Admits.EVERYBODY, _OPEN, place="code"),
    Route("/c/{code}/data.json", "GET", exports.as_json, Admits.EVERYBODY, _OPEN, place="code"),
    Route("/c/{code}/data.csv", "GET", exports.as_csv, Admits.EVERYBODY, _OPEN, place="code"),
    Route("/c/{code}/data.xlsx", "GET", exports.as_xlsx, Admits.EVERYBODY, _OPEN, place="code", points=1000),
    Route("/c/{code}/data-dictionary.csv", "GET", exports.dictionary_csv, Admits.EVERYBODY,
          "definitions of what is counted", place="code"),
)  # fmt: skip
