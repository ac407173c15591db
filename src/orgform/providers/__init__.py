"""Where live systems are read and written; one folder a platform.

Invariant: providers are found through entry points (group `orgform.providers`), each naming a `base.ProviderSpec`; nothing registers
itself by being imported, and looking one up imports that one only. A package that is broken says so of itself and stops no other one.
"""

from __future__ import annotations

from functools import lru_cache
from importlib.metadata import EntryPoint, entry_points

from orgform.errors import BrokenProvider
from orgform.providers.base import Capabilities, ProviderSpec

ENTRY_POINT_GROUP = "orgform.providers"
OWN = "orgform"


def spec_names() -> list[str]:
    """All installed providers' names, sorted."""
    return sorted(_points())


def find_spec(name: str) -> ProviderSpec | None:
    """The provider's declaration; None where none of that name is installed. Raises `BrokenProvider` where its package is no good."""
    points = _points().get(name, ())
    if len(points) > 1:
        packages = sorted(map(_package, points))
        raise BrokenProvider(f"several packages have a provider {name!r}: {', '.join(packages)}", hint="uninstall all but one of them")
    return _loaded(name, points[0]) if points else None


def _loaded(name: str, point: EntryPoint) -> ProviderSpec:
    package = _package(point)
    try:
        spec = point.load()
    except (Exception, SystemExit) as error:
        why = " ".join(str(error).split())
        told = f"{type(error).__name__}: {why}" if why else type(error).__name__
        raise BrokenProvider(
            f"the provider {name!r} of the package {package} ({point.value}) cannot be loaded: {told}",
            hint=f"install {package} anew with what it needs, or uninstall it",
        ) from error
    if not isinstance(spec, ProviderSpec) or not isinstance(spec.capabilities, Capabilities):
        raise BrokenProvider(
            f"the provider {name!r} of the package {package} ({point.value}) is no ProviderSpec with Capabilities",
            hint=f"install a version of {package} that is made for this orgform, or uninstall it; see docs/adding-a-provider.md",
        )
    return spec


def _package(point: EntryPoint) -> str:
    return point.dist.name if point.dist else point.value


@lru_cache(maxsize=1)
def _points() -> dict[str, tuple[EntryPoint, ...]]:
    """By name. Nobody takes the place of one of ours."""
    found: dict[str, tuple[EntryPoint, ...]] = {}
    for point in entry_points(group=ENTRY_POINT_GROUP):
        found[point.name] = (*found.get(point.name, ()), point)
    ours = {name: own for name, points in found.items() if (own := tuple(p for p in points if _package(p) == OWN))}
    return found | ours
