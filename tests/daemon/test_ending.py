"""The end is ordered once, by whatever signal, and nothing interrupts it."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest

from daemon.ending import Ending

SIGNALS = [one for name in ("SIGINT", "SIGTERM", "SIGHUP") if (one := getattr(signal, name, None)) is not None]


@pytest.fixture(autouse=True)
def _usual() -> Iterator[None]:
    """As a program is started in a terminal, whatever started the tests."""
    before = {one: signal.signal(one, signal.default_int_handler) for one in SIGNALS}
    yield
    for one, handler in before.items():
        signal.signal(one, handler)


@pytest.mark.parametrize("first", SIGNALS)
def test_whoever_says_it_again_does_not_interrupt_the_end(first: signal.Signals) -> None:
    ended = []
    with Ending():
        try:
            signal.raise_signal(first)
        except KeyboardInterrupt:
            for again in SIGNALS:
                signal.raise_signal(again)
            ended.append(first)
    assert ended == [first]


def test_an_end_for_another_reason_is_not_interrupted_either() -> None:
    with Ending() as ending:
        ending.begin()
        for one in SIGNALS:
            signal.raise_signal(one)


def test_afterwards_signals_are_as_before_and_what_was_ignored_stays_so() -> None:
    signal.signal(SIGNALS[-1], signal.SIG_IGN)
    with Ending():
        signal.raise_signal(SIGNALS[-1])
        assert signal.getsignal(SIGNALS[0]) is not signal.default_int_handler
    assert signal.getsignal(SIGNALS[0]) is signal.default_int_handler
    assert signal.getsignal(SIGNALS[-1]) is signal.SIG_IGN
