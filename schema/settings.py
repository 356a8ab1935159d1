"""Settings and plugins of a community, with provenance, as the API shows them."""

from typing import Any, cast

import strawberry
from strawberry.scalars import JSON

from core.settings import ENABLED, Settings
from schema.types import Community, CommunityPlugin, SettingValue


async def community_plugins(root: Any, info: strawberry.Info) -> list[CommunityPlugin]:
    """Return every usable plugin of this server as a community has it."""
    context = info.context
    places = await _places(root, info)
    return [_one(plugin, root.path, context, places) for plugin in context.kernel.host.ready()]


async def _places(root: Any, info: strawberry.Info) -> dict[str, Any]:
    """Return the community and those above it by code: where values may have been set."""
    nodes = [
        node
        for settings in info.context.reading.below(info._raw_info, "settings")
        for node in info.context.reading.inside(info._raw_info, settings, "setAt")
    ]
    found = await info.context.reading.lineage(root.path, info._raw_info, nodes)
    return {place.code: place for place in found}


def _one(plugin: Any, path: str, context: Any, places: dict[str, Community]) -> CommunityPlugin:
    model: type[Settings] = plugin.settings or Settings
    resolved = context.book.resolve(plugin.id, model, path, context.now)
    values = [_value(found, model, places) for found in resolved.provenance if found.key != ENABLED]
    return CommunityPlugin(
        id=strawberry.ID(plugin.id),
        title_zh=plugin.manifest.title_zh,
        title_en=plugin.manifest.title_en,
        enabled=context.book.is_enabled(plugin.id, path, context.now),
        requires=sorted(context.kernel.host.requires_closure(plugin.id) - {plugin.id}),
        settings_schema=cast(JSON, model.model_json_schema()),
        settings=values,
    )


def _value(found: Any, model: type[Settings], places: dict[str, Community]) -> SettingValue:
    info = model.model_fields[found.key]
    about: Any = info.json_schema_extra or {}
    return SettingValue(
        key=found.key,
        value=found.value,
        description=info.description or "",
        unit=about.get("unit"),
        source=found.source,
        confidence=found.confidence,
        override=about.get("override", "FREE"),
        set_at=places.get(found.place_code) if found.place_code else None,
        effective_from=found.effective_from,
        reason=found.reason,
    )
