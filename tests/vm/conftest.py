"""One boot for all checks."""

from __future__ import annotations

from typing import Any

import pytest

from tests.vm import machine


class Outcome:
    """What the guest noted. Asking for a check that it did not reach, or that broke there, fails with the reason."""

    def __init__(self, noted: dict[str, Any]) -> None:
        self._noted = noted

    def __getitem__(self, check: str) -> dict[str, Any]:
        if check not in self._noted:
            pytest.fail(f"the guest never came to '{check}'; the end of its console:\n{self._noted['log']}")
        seen: dict[str, Any] = self._noted[check]
        if "broke" in seen:
            pytest.fail(f"'{check}' broke inside the guest:\n{seen['broke']}")
        return seen


@pytest.fixture(scope="session")
def guest(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    """The outcome of one boot, at most `machine.LIMIT_S` seconds."""
    reason = machine.lacks()
    if reason:
        pytest.skip(reason)
    return Outcome(machine.boot(tmp_path_factory.mktemp("guest")))
