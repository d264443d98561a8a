"""Finding engines and converters by name through entry points. The bundled ones use the same door as anybody's."""

from __future__ import annotations

import difflib
from functools import cache
from importlib.metadata import EntryPoint, entry_points

from obs_portrait.errors import PortraitError

__all__ = ["load", "names"]


@cache
def _found(group: str) -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=group)}


def names(group: str) -> list[str]:
    """Names registered under an entry point group, sorted."""
    return sorted(_found(group))


def load(group: str, name: str, what: str, error: type[PortraitError]) -> object:
    """The class registered as `name`. `what` ("face engine") is for the message; raises `error` with a suggestion."""
    found = _found(group)
    if name not in found:
        close = difflib.get_close_matches(name, found, n=1)
        hint = f" Did you mean '{close[0]}'?" if close else ""
        raise error(f"There is no {what} '{name}' here; there is: {', '.join(sorted(found)) or 'none'}.{hint}")
    try:
        return found[name].load()
    except ImportError as cause:
        raise error(f"The {what} '{name}' cannot be loaded: {cause}. Reinstall its package.") from cause
