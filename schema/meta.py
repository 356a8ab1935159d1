"""``meta``: labels of enums, codes of errors, blueprints; what a front end fetches once and caches."""

from dataclasses import fields
from typing import Any

import strawberry

from core import administration
from core.errors import Problem
from core.labels import LabelledEnum
from schema import files, paging
from schema.limits import Limits

EDGE_PROBLEMS: tuple[Problem, ...] = (*paging.PROBLEMS, files.TOO_SLOW)
"""The codes of the edge itself, beside those of the kernel and of plugins."""


@strawberry.type(description="What an enum value is called.")
class EnumLabel:
    """What an enum value is called."""

    value: str = strawberry.field(description="The value.")
    label_zh: str = strawberry.field(description="Its Chinese name.")
    label_en: str = strawberry.field(description="Its English name.")
    description: str = strawberry.field(description="What it means, in one sentence.")


@strawberry.type(description="An enum of this schema with the names of its values.")
class EnumMeta:
    """An enum with the names of its values."""

    name: str = strawberry.field(description="The enum's name.")
    values: list[EnumLabel] = strawberry.field(description="Its values in order.")


@strawberry.type(description="An error code that this server can give.")
class ProblemMeta:
    """An error code that this server can give."""

    code: str = strawberry.field(description="The stable code.")
    kind: str = strawberry.field(description="The error type it comes as.")
    message_zh: str = strawberry.field(description="The Chinese message, with {placeholders}.")
    message_en: str = strawberry.field(description="The English message, with {placeholders}.")


@strawberry.type(description="How much one request may ask for; the documentation says which code goes with which.")
class LimitsMeta:
    """How much one request may ask for: the fields of ``Limits`` that a client can run into."""

    max_bytes: int = strawberry.field(description="Bytes of a request body or of one WebSocket message.")
    max_source: int = strawberry.field(description="Characters of a document.")
    max_tokens: int = strawberry.field(description="Words and signs of a document.")
    max_depth: int = strawberry.field(description="Fields inside fields; fragments add nothing.")
    max_aliases: int = strawberry.field(description="Aliases, as often as the fragment that holds them is spread.")
    max_root_fields: int = strawberry.field(description="Fields at the top of an operation.")
    max_cost: int = strawberry.field(description="Values that an answer may hold if every page is full.")
    max_errors: int = strawberry.field(description="Validation errors that are listed.")
    operation_seconds: float = strawberry.field(description="Seconds that an operation may take.")
    page_size: int = strawberry.field(description="What a page holds if the document does not say.")
    guarded: list[str] = strawberry.field(description="Root fields of which a request may hold one in all.")


@strawberry.type(description="What front ends need to know of this server once.")
class Meta:
    """What front ends need to know of this server once."""

    enums: list[EnumMeta] = strawberry.field(description="All enums with the labels of their values.")
    problems: list[ProblemMeta] = strawberry.field(description="All error codes.")
    blueprints: list["BlueprintInfo"] = strawberry.field(description="The bundles of plugins on offer.")
    limits: LimitsMeta = strawberry.field(description="How much one request may ask for.")


@strawberry.type(description="A bundle of plugins with settings that a community takes on at once.")
class BlueprintInfo:
    """A bundle of plugins with settings."""

    code: strawberry.ID = strawberry.field(description="Pass this to applyBlueprint.")
    title_zh: str = strawberry.field(description="Its Chinese title.")
    title_en: str = strawberry.field(description="Its English title.")
    plugins: list[str] = strawberry.field(description="The plugins it switches on.")


def meta_of(info: strawberry.Info) -> Meta:
    """Collect the labels, codes and blueprints of the schema that was asked."""
    types = info.schema._schema.type_map
    labelled = [(name, e) for name in sorted(types) if (e := _labelled(types[name])) is not None]
    enums = [EnumMeta(name=name, values=[_label(member) for member in members]) for name, members in labelled]
    problems = [
        ProblemMeta(code=p.code, kind=p.kind.__name__, message_zh=p.zh, message_en=p.en)
        for p in (*EDGE_PROBLEMS, *info.context.kernel.problems)
    ]
    blueprints = [
        BlueprintInfo(code=strawberry.ID(b.code), title_zh=b.title_zh, title_en=b.title_en, plugins=list(b.plugins))
        for b in administration.blueprints()
    ]
    return Meta(enums=enums, problems=problems, blueprints=blueprints, limits=_limits())


def _limits() -> LimitsMeta:
    limits = Limits()
    shown = {item.name: getattr(limits, item.name) for item in fields(LimitsMeta)}
    return LimitsMeta(**shown | {"guarded": sorted(limits.guarded)})


def _labelled(graphql_type: Any) -> type[LabelledEnum] | None:
    wrapped = getattr(graphql_type, "wrapped_cls", None)
    return wrapped if isinstance(wrapped, type) and issubclass(wrapped, LabelledEnum) else None


def _label(member: LabelledEnum) -> EnumLabel:
    return EnumLabel(
        value=member.value, label_zh=member.label_zh, label_en=member.label_en, description=member.description
    )
