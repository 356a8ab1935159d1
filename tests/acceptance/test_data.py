"""One-stop data over HTTP: counted and summed up the tree, frozen, published, corrected on record; small groups withheld."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from core.clock import CHINA
from core.ids import new_id
from plugins.rating.kinds import RatingScore, RatingSubject
from plugins.rating.service import cast_rating, close_rating, open_rating
from tests.conftest import World

FIGURES = """
query Figures($code: ID!, $period: String, $indicator: String) {
  community(code: $code) { indicators(period: $period, indicator: $indicator, first: 100) { nodes {
    id indicator period periodKind numerator denominator covered coverable value low high quality isSilent version
    release { id period state } versions { nodes { number numerator denominator value reason } }
    definition { titleZh titleEn kind zero numeratorZh denominatorZh unitZh source guardZh }
  } } }
}
"""


async def figures(
    world: World, place: str, period: str | None = None, indicator: str | None = None, **more: Any
) -> list[Any]:
    """Return figures of one of the demo's places."""
    variables = {"code": world.demo.places[place].code, "period": period, "indicator": indicator}
    found = (await world.gql(FIGURES, variables, **more)).data["community"]["indicators"]["nodes"]
    return list(found)


async def later(world: World) -> None:
    """Let a minute pass and all follow-up work be done."""
    world.clock.advance(minutes=1)
    await world.settle()


async def rated(world: World, place: str, scores: int, satisfied: int) -> None:
    """Let so many people of a place rate a service, and close the rating."""
    code = world.demo.places[place].code
    rating = await world.demo.perform(
        open_rating,
        "staff",
        community=code,
        title="保洁怎么样？",
        period="2026年3月",
        kind=RatingSubject.SERVICE,
        subject="保洁",
    )
    for number in range(scores):
        key = f"{place}{number}"
        await world.demo.person(key, f"示例众人{number}", "resident", world.demo.places[place], login=False)
        good = number < satisfied
        await world.demo.perform(
            cast_rating, key, id=rating, score=RatingScore.SATISFIED if good else RatingScore.DISSATISFIED,
            reason="" if good else "不够干净",
        )  # fmt: skip
    await world.demo.perform(close_rating, "staff", id=rating)


async def freeze(world: World, period: str, as_: str = "town", **more: Any) -> Any:
    """Freeze a period of the compound; returns the member of the result union."""
    given = {"community": world.demo.places["compound"].code, "period": period}
    return await world.do("freezePeriod", given, "... on DataRelease { id state title }", as_=as_, **more)


async def correct(world: World, release: str, figure: str, as_: str = "town", **more: Any) -> Any:
    """Correct a figure; returns the member of the result union."""
    given = {"id": release, "figure": figure, "reason": "漏计两份纸质评价", **more}
    return await world.do("correctFigure", given, "... on DataFigure { version numerator value }", as_=as_)


async def test_counted_once_and_summed_up_the_tree(world: World) -> None:
    """What twelve people said shows with its interval and coverage at their compound and at every place above it."""
    await rated(world, "compound", 12, 9)
    await world.settle()
    for place in ("compound", "community", "town", "district"):
        [found] = await figures(world, place, "2026-03", "rating.satisfied")
        assert (found["numerator"], found["denominator"], found["value"]) == ("9", "12", "0.7500")
        assert (found["low"], found["high"]) == ("0.4676", "0.9111")
        assert found["covered"] == "12"
        assert int(found["coverable"]) >= 12
        assert found["quality"] == "PROVISIONAL"
        assert found["release"] is None
        assert found["definition"]["titleZh"] == "满意率"
        assert found["definition"]["zero"] == "ZERO_DELAY"
    assert {one["period"] for one in await figures(world, "town", indicator="rating.satisfied")} == {
        "2026-03",
        "2026-Q1",
        "2026",
    }
    world.clock.set(datetime(2026, 4, 1, tzinfo=CHINA))
    await world.settle()
    assert (await figures(world, "town", "2026-03", "rating.satisfied"))[0]["quality"] in ("SOUND", "LOW_COVERAGE")


async def test_small_groups_are_not_told(world: World) -> None:
    """A rating that told nothing is in no sum; the places above have no figure from which it could be taken."""
    await rated(world, "compound", 9, 9)
    await world.settle()
    assert await figures(world, "compound", "2026-03", "rating.satisfied") == []
    assert await figures(world, "district", "2026-03", "rating.satisfied") == []


async def test_frozen_published_and_corrected_on_record(world: World) -> None:
    """Too early, it is refused; frozen it stands still, published it changes by a version with its reason alone."""
    await rated(world, "compound", 12, 9)
    await world.settle()
    assert (await freeze(world, "2026-Q1"))["code"] == "data.not_settled"
    assert (await freeze(world, "2026-13"))["code"] == "data.bad_period"
    world.clock.set(datetime(2026, 5, 2, tzinfo=CHINA))
    await world.settle()
    assert (await freeze(world, "2026-Q1", as_="resident"))["code"] == "core.not_allowed"
    release = await freeze(world, "2026-Q1")
    assert (release["state"], release["title"]) == (
        "FROZEN",
        f"{world.demo.places['compound'].name} 2026年第一季度数据",
    )
    assert (await freeze(world, "2026-Q1"))["code"] == "data.already_frozen"
    [figure] = await figures(world, "compound", "2026-Q1", "rating.satisfied")
    assert figure["release"] is None, "a stranger does not see what is not published"
    assert (await correct(world, release["id"], figure["id"], numerator="10", denominator="14"))[
        "code"
    ] == "core.wrong_state"

    done = await world.do("publishRelease", {"id": release["id"]}, "... on DataRelease { state }", as_="staff")
    assert done["code"] == "core.not_allowed"
    done = await world.do("publishRelease", {"id": release["id"]}, "... on DataRelease { state }", as_="town")
    assert done["state"] == "PUBLISHED"
    for wrong in ({"numerator": "15", "denominator": "14"}, {"numerator": "-1"}, {"numerator": "九"}):
        assert (await correct(world, release["id"], figure["id"], **wrong))["code"] == "data.bad_figure"
    same = {"numerator": "9", "denominator": "12", "covered": figure["covered"], "coverable": figure["coverable"]}
    assert (await correct(world, release["id"], figure["id"], **same))["code"] == "data.same_figure"
    fixed = await correct(
        world, release["id"], figure["id"], numerator="10", denominator="14", covered="14", coverable="40"
    )
    assert fixed == {"__typename": "DataFigure", "version": 2, "numerator": "10", "value": "0.7143"}

    await later(world)
    [now] = await figures(world, "compound", "2026-Q1", "rating.satisfied")
    assert (now["numerator"], now["version"], now["release"]["state"]) == ("10", 2, "PUBLISHED")
    assert [(one["number"], one["numerator"], one["reason"]) for one in now["versions"]["nodes"]] == [
        (1, "9", ""), (2, "10", "漏计两份纸质评价"),
    ]  # fmt: skip
    [above] = await figures(world, "town", "2026-Q1", "rating.satisfied")
    assert above["numerator"] == "9", "a correction is of one place's release"
    [corrections] = await figures(world, "town", "2026-05", "data.figures_corrected")
    assert corrections["numerator"] == "1"
    query = (
        f'{{ community(code: "{world.demo.places["compound"].code}") {{ feed(first: 20) {{ nodes {{ type }} }} }} }}'
    )
    news = (await world.gql(query, as_="resident")).data["community"]["feed"]["nodes"]
    assert {"data.release_published", "data.figure_corrected"} <= {one["type"] for one in news}


async def test_counting_again_leaves_what_is_frozen(world: World) -> None:
    """When a release of the town is discarded, all of the period is counted anew, but for the compound's, which is published."""
    await rated(world, "compound", 12, 9)
    world.clock.set(datetime(2026, 5, 2, tzinfo=CHINA))
    await world.settle()
    release = (await freeze(world, "2026-Q1"))["id"]
    await world.do("publishRelease", {"id": release}, as_="town")
    [figure] = await figures(world, "compound", "2026-Q1", "rating.satisfied")
    await correct(world, release, figure["id"], numerator="10", denominator="14")
    town = {"community": world.demo.places["town"].code, "period": "2026-Q1"}
    other = await world.do("freezePeriod", town, "... on DataRelease { id }", as_="town")
    await world.do("discardRelease", {"id": other["id"], "reason": "请再核对"}, as_="town")
    await later(world)
    [now] = await figures(world, "compound", "2026-Q1", "rating.satisfied")
    assert (now["numerator"], now["denominator"]) == ("10", "14")
    [above] = await figures(world, "town", "2026-Q1", "rating.satisfied")
    assert (above["numerator"], above["release"]) == ("9", None)


async def test_discarded_before_publication_it_is_counted_anew(world: World) -> None:
    """What is taken back leaves its reason; the period can be frozen again and has the figures of then."""
    await rated(world, "compound", 12, 9)
    world.clock.set(datetime(2026, 5, 2, tzinfo=CHINA))
    await world.settle()
    release = await freeze(world, "2026-Q1")
    given = {"id": release["id"], "reason": "请再核对"}
    fields = "... on DataRelease { state discardReason figures { nodes { id } } }"
    assert (await world.do("discardRelease", given, fields, as_="town")) == {
        "__typename": "DataRelease", "state": "DISCARDED", "discardReason": "请再核对", "figures": {"nodes": []},
    }  # fmt: skip
    assert (await freeze(world, "2026-Q1"))["code"] == "data.not_settled", "it is to be counted once more first"
    await later(world)
    assert (await freeze(world, "2026-Q1"))["state"] == "FROZEN"


async def test_a_channel_that_falls_silent_is_asked_about(world: World) -> None:
    """After four quarters with wishes, one without: the place is marked for all above to see, and an event says so once."""
    place = world.demo.places["compound"]
    world.clock.set(datetime(2026, 4, 2, tzinfo=CHINA))
    await world.settle()
    quarters = (
        ("2025-Q1", "2025-01-01"),
        ("2025-Q2", "2025-04-01"),
        ("2025-Q3", "2025-07-01"),
        ("2025-Q4", "2025-10-01"),
    )

    async def history(tx: Any) -> None:
        for period, day in quarters:
            await tx.execute("DELETE FROM data_figure WHERE community_id = ? AND period = ? AND indicator = ?",
                             (place.id, period, "wishes.handed_in"))  # fmt: skip
            await tx.execute(
                "INSERT INTO data_figure (id, community_id, indicator, period, kind, begins_on, settles_at, counted_at, version, "
                "numerator, denominator, covered, coverable, is_suppressed, is_thin, is_silent) "
                "VALUES (?, ?, 'wishes.handed_in', ?, 'QUARTER', ?, '2025', '2025', 1, 12, 0, 0, 0, ?, ?, ?)",
                (new_id(), place.id, period, day, False, False, False),
            )
        await tx.execute("UPDATE data_tally SET is_settled = ? WHERE period = '2026-Q1'", (False,))

    await world.kernel.database.run(history)
    await later(world)
    [found] = await figures(world, "compound", "2026-Q1", "wishes.handed_in")
    assert (found["numerator"], found["isSilent"]) == ("0", True)
    await later(world)
    events = await world.kernel.database.fetch("SELECT payload FROM core_event WHERE type = 'data.channel_silent'")
    assert len(events) == 1


async def test_the_dictionary_says_what_is_counted(world: World) -> None:
    """Every indicator with its definition, for anybody, in both languages."""
    found = (
        await world.gql("{ indicatorDefinitions { code titleZh titleEn kind numeratorZh denominatorEn ofPersons } }")
    ).data
    by_code = {one["code"]: one for one in found["indicatorDefinitions"]}
    assert {"voting.strict_turnout_heads", "wishes.fulfilled", "rating.satisfied", "notices.posted"} <= set(by_code)
    assert all(one["titleZh"] and one["titleEn"] and one["numeratorZh"] for one in by_code.values())
    assert by_code["wishes.fulfilled"]["ofPersons"]
