"""Turns with PortAudio: one at a time, and one that never ends keeps nobody waiting for ever."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from obs_portrait.errors import MediaError
from obs_portrait.media import portaudio


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(portaudio, "_ANSWERS_S", 0.2)
    yield
    portaudio._stuck.clear()


@pytest.mark.usefixtures("impatient")
def test_who_waits_for_a_device_that_hangs_is_told_and_the_process_is_given_up() -> None:
    inside, go = threading.Event(), threading.Event()

    def hang() -> None:
        with portaudio.turn(), portaudio.turn():  # as when devices are listed anew within
            inside.set()
            assert go.wait(20)

    holder = threading.Thread(target=hang, daemon=True)
    holder.start()
    assert inside.wait(20)
    assert not portaudio.stuck()  # alone it harms nobody
    with pytest.raises(MediaError, match="does not answer; unplug it"), portaudio.turn():
        pass
    assert portaudio.stuck()
    go.set()
    holder.join(20)
    with portaudio.turn():
        pass
    assert portaudio._since == []
