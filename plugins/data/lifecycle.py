"""The life of a release, and who may do what with it."""

from __future__ import annotations

from core.plugin import EventType, Lifecycle, Permission, Step, Telling, either, holders, row
from plugins.data.kinds import ReleaseState

FROZEN, PUBLISHED, DISCARDED = ReleaseState.FROZEN, ReleaseState.PUBLISHED, ReleaseState.DISCARDED

_STAFF = ("community_staff", "town_staff", "district_staff")
_ABOVE = ("town_staff", "district_staff")

PERMISSIONS = (
    Permission("data.freeze_period", "冻结数据", "Freeze the figures of a period, and discard what is not published", roles=_STAFF),
    Permission("data.publish_release", "公布数据", "Publish the figures of a period", roles=_ABOVE),
    Permission("data.correct_figure", "更正数据", "Correct a published figure, with the reason", roles=_ABOVE),
)  # fmt: skip

EVENTS = (
    EventType("data.period_frozen", "数据已冻结", "The figures of a period were frozen"),
    EventType(
        "data.release_published", "数据已公布", "The figures of a period were published", tells=Telling.EVERYBODY
    ),
    EventType("data.figure_corrected", "数据已更正", "A published figure was corrected", tells=Telling.EVERYBODY),
    EventType("data.release_discarded", "冻结数据已作废", "Frozen figures were discarded before publication"),
    EventType("data.channel_silent", "诉求渠道异常安静", "A channel fell silent: check that it is open", public=True),
)

RELEASE = Lifecycle(
    "data", "DATA_RELEASE", ReleaseState, FROZEN, type_name="DataRelease", title_zh="数据公布", title_en="Data release",
    visible=either(row("{m}.state = 'PUBLISHED'"), holders("data.freeze_period"), holders("data.publish_release")),
    finals=(PUBLISHED,),
    steps=[
        Step("publish_release", {FROZEN}, PUBLISHED, permission="data.publish_release", event="data.release_published",
             title_zh="公布"),
        Step("discard_release", {FROZEN}, DISCARDED, permission="data.freeze_period", event="data.release_discarded",
             title_zh="作废"),
        Step("correct_figure", {PUBLISHED}, None, permission="data.correct_figure", title_zh="更正"),
    ],
)  # fmt: skip
