"""Where live systems are read and written; one folder a platform.

Invariant: providers are found through entry points (group `orgform.providers`), each naming a `base.ProviderSpec`; nothing registers
itself by being imported, and looking one up imports that one only.
"""

from __future__ import annotations

from functools import lru_cache
from importlib.metadata import EntryPoint, entry_points

from orgform.errors import OrgformError
from orgform.providers.base import ProviderSpec

ENTRY_POINT_GROUP = "orgform.providers"


def spec_names() -> list[str]:
    """All installed providers' names, sorted."""
    return sorted(_points())


def find_spec(name: str) -> ProviderSpec | None:
    """The provider's declaration; None where none of that name is installed. Raises `OrgformError` where its package is broken."""
    point = _points().get(name)
    if point is None:
        return None
    try:
        spec = point.load()
    except Exception as error:
        raise OrgformError(
            f"the provider {name!r} ({point.value}) cannot be loaded: {type(error).__name__}: {error}",
            hint="reinstall or remove the package that ships it",
        ) from error
    if not isinstance(spec, ProviderSpec):
        raise OrgformError(
            f"the provider {name!r} ({point.value}) is not a ProviderSpec",
            hint="its entry point must name one; see docs/adding-a-provider.md",
        )
    return spec


@lru_cache(maxsize=1)
def _points() -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=ENTRY_POINT_GROUP)}
