"""Enums for GraphQL: every value described, every label readable through ``meta``."""

import inspect

import strawberry

from core.labels import LabelledEnum


def graphql_enum(cls: type[LabelledEnum]) -> type[LabelledEnum]:
    """Make a labelled enum a GraphQL enum, its docstring and its values' descriptions included; returns the class."""
    if "__strawberry_definition__" not in cls.__dict__:
        strawberry.enum(cls, description=inspect.cleandoc(cls.__doc__ or cls.__name__))
        for value in cls.__strawberry_definition__.values:  # type: ignore[attr-defined]
            member = cls[value.name]
            value.description = f"{member.label_zh}: {member.description}"
    return cls
