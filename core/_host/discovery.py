"""Where plugins are found: folders beside the server, entry points of installed packages. Imports none of them."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable
from dataclasses import dataclass, replace
from importlib.machinery import ModuleSpec, PathFinder
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

from core._host import manifest, pins
from core._host import messages as say
from core._host.manifest import Manifest
from core._host.pins import Pin
from core._host.plugin_list import PluginList
from core._host.reasons import ManifestError, Refusal, Said, did_you_mean
from core._host.record import Plugin

GROUP = "shanzhi.plugins"


@dataclass(frozen=True)
class Found:
    """A place where a plugin lies, by the name it is known by before its manifest is read."""

    name: str
    module: str
    folder: Path | None
    origin: str
    third_party: bool = False
    pin: Pin | None = None

    def read(self) -> Manifest:
        """Read its manifest. Raises ManifestError, also when it is about another plugin, Refusal when it is not as pinned."""
        if self.folder is None:
            raise Refusal(say.NO_PACKAGE(origin=self.origin, module=self.module))
        path = self.folder / manifest.FILE
        found = manifest.read(path, third_party=self.third_party)
        if found.id != self.name:
            cause = Said(
                f"id 为 {found.id}，但 {self.origin} 的名称是 {self.name}。",
                f"id is {found.id}, but {self.origin} calls the plugin {self.name}.",
            )
            raise ManifestError(path, "id", cause, Said("请使两者一致。", "Make the two agree."))
        if self.pin is not None:
            self.pin.check(found, self.folder)
        return found

    def plugin(self) -> Plugin:
        """Make the record of this plugin, failed already when its manifest cannot be used."""
        folder = self.folder or Path()
        try:
            return Plugin(self.read(), self.module, folder)
        except Refusal as refusal:
            plugin = Plugin(manifest.unreadable(self.name, third_party=self.third_party), self.module, folder)
            plugin.fail(*refusal.reasons)
            return plugin


def in_folder(plugins_dir: Path) -> dict[str, Found]:
    """Return the plugins of a folder: its packages that hold a ``plugin.toml``, by their names."""
    folders = sorted(path.parent for path in plugins_dir.absolute().glob(f"*/{manifest.FILE}"))
    return {
        path.name: Found(path.name, f"{plugins_dir.name}.{path.name}", path, f"{plugins_dir.name}/{path.name}")
        for path in folders
    }


def installed() -> dict[str, list[Found]]:
    """Return the plugins that installed packages offer, by the names of their entry points."""
    found: dict[str, list[Found]] = {}
    points = sorted(entry_points(group=GROUP), key=lambda point: (point.name, point.value, _package(point)))
    for point in points:
        origin = f"{_package(point)} (entry point {point.name} = {point.value})"
        module = point.value.partition(":")[0].strip()
        place = Found(point.name, module, locate(module), origin, third_party=True)
        if place not in found.setdefault(point.name, []):
            found[point.name].append(place)
    return found


def pin_of(name: str) -> Pin:
    """Return the pin of an installed package's plugin as it lies here. Raises Refusal when there is none, or several."""
    places = installed().get(name, [])
    if len(places) != 1:
        origins = ", ".join(place.origin for place in places)
        raise Refusal(say.AMBIGUOUS(name=name, origins=origins) if places else say.NOT_INSTALLED(name=name))
    (place,) = places
    found = place.read()
    return Pin(name, found.version, pins.tree_hash(place.folder or Path()))


def locate(module: str) -> Path | None:
    """Find the folder of a package without importing it, nor the packages it lies in."""
    first, *rest = module.split(".")
    try:
        spec: ModuleSpec | None = importlib.util.find_spec(first)
    except (ImportError, ValueError):  # no name at all, or something already imported that has no spec
        return None
    name = first
    for part in rest:
        name = f"{name}.{part}"
        spec = PathFinder.find_spec(name, spec.submodule_search_locations) if spec is not None else None
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(next(iter(spec.submodule_search_locations)))


def choose(wanted: PluginList, folder: dict[str, Found], packages: dict[str, list[Found]]) -> list[Plugin]:
    """Return the records of the plugins that a list asks for, each id once; what cannot be found is there as failed."""
    packages = {
        name: [replace(place, pin=wanted.pins.get(name)) for place in found] for name, found in packages.items()
    }
    names = set(folder) if wanted.load == "*" else set(wanted.load)
    known = {*folder, *packages}
    return [_chosen(name, wanted, folder, packages, known) for name in sorted(names | wanted.installed)]


def unlisted(wanted: PluginList, folder: dict[str, Found], packages: dict[str, list[Found]]) -> tuple[Manifest, ...]:
    """Return the manifests of what was found and is not asked for, where they can be read."""
    asked = set(wanted.installed) | (set(folder) if wanted.load == "*" else set(wanted.load))
    places = [*folder.values(), *(place for group in packages.values() for place in group)]
    return tuple(_manifests(place for place in places if place.name not in asked))


def _chosen(
    name: str, wanted: PluginList, folder: dict[str, Found], packages: dict[str, list[Found]], known: Iterable[str]
) -> Plugin:
    own = [folder[name]] if name in folder and (wanted.load == "*" or name in wanted.load) else []
    others = packages.get(name, []) if name in wanted.installed or not own else []
    places = [*own, *others]
    if len(places) == 1:
        return places[0].plugin()
    plugin = Plugin(manifest.unreadable(name), name, Path())
    origins = ", ".join(place.origin for place in places)
    absent = say.ABSENT(did_you_mean(name, known), name=name)
    plugin.fail(say.AMBIGUOUS(name=name, origins=origins) if places else absent)
    return plugin


def _manifests(places: Iterable[Found]) -> Iterable[Manifest]:
    for place in places:
        try:
            yield place.read()
        except Refusal:  # nobody asked for it, so nobody needs to know
            continue


def _package(point: EntryPoint) -> str:
    return f"{point.dist.name} {point.dist.version}" if point.dist is not None else "an installed package"
