"""``meta``: labels of enums, codes of errors, blueprints; what a front end fetches once and caches."""

from typing import Any

import strawberry

from core import administration
from core.errors import Problem
from core.labels import LabelledEnum
from schema import files, paging

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


@strawberry.type(description="What front ends need to know of this server once.")
class Meta:
    """What front ends need to know of this server once."""

    enums: list[EnumMeta] = strawberry.field(description="All enums with the labels of their values.")
    problems: list[ProblemMeta] = strawberry.field(description="All error codes.")
    blueprints: list["BlueprintInfo"] = strawberry.field(description="The bundles of plugins on offer.")


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
    return Meta(enums=enums, problems=problems, blueprints=blueprints)


def _labelled(graphql_type: Any) -> type[LabelledEnum] | None:
    wrapped = getattr(graphql_type, "wrapped_cls", None)
    return wrapped if isinstance(wrapped, type) and issubclass(wrapped, LabelledEnum) else None


def _label(member: LabelledEnum) -> EnumLabel:
    return EnumLabel(
        value=member.value, label_zh=member.label_zh, label_en=member.label_en, description=member.description
    )
