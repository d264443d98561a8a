"""Imports MediaPipe without matplotlib, which it loads for drawing that nobody here asks for.

That is 1.6 s of the start of a video process (measured, 2 cores under load), so of every recovery after a crash.
"""

from __future__ import annotations

import contextlib
import importlib
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any, Final

__all__ = ["plots_later"]

_NAMES: Final = ("matplotlib", "matplotlib.pyplot")


class _Later(ModuleType):
    """Stands for a module until something of it is wanted."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # the import system looks for such
            raise AttributeError(name)
        _take_away(self)
        return getattr(importlib.import_module(self.__name__), name)


def _take_away(*modules: ModuleType) -> None:
    for module in modules:
        if sys.modules.get(module.__name__) is module:
            del sys.modules[module.__name__]


@contextlib.contextmanager
def plots_later() -> Iterator[None]:
    """What is imported meanwhile gets a matplotlib that is loaded when it is first used; afterwards nothing is left of
    that in `sys.modules`. Does nothing where matplotlib is loaded already."""
    if "matplotlib" in sys.modules:
        yield
        return
    package, pyplot = (_Later(name) for name in _NAMES)
    package.__path__ = []
    package.__dict__["pyplot"] = pyplot
    sys.modules.update({package.__name__: package, pyplot.__name__: pyplot})
    try:
        yield
    finally:
        _take_away(package, pyplot)
