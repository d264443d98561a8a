"""Which way to a sound device is taken on Windows; PortAudio's list is played by the test."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from obs_portrait.media import devices, portaudio
from obs_portrait.media.devices import SoundDevice

HOSTS = [
    {"name": "MME", "default_input_device": 0, "default_output_device": -1},
    {"name": "Windows WASAPI", "default_input_device": 3, "default_output_device": -1},
]


def _device(name: str, host: int, inputs: int, outputs: int = 0) -> dict[str, Any]:
    return {
        "name": name, "hostapi": host, "max_input_channels": inputs, "max_output_channels": outputs,
        "default_samplerate": 44100.0,
    }  # fmt: skip


ALL = [
    _device("Microphone (Blue Yeti Stereo Mi", 0, 2),
    _device("Speakers", 0, 0, 2),
    _device("Line (Sound Card)", 1, 2),
    _device("Microphone (Blue Yeti Stereo Microphone)", 1, 2),
]


@pytest.fixture
def windows(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    played = SimpleNamespace(
        query_devices=lambda index=None: ALL if index is None else ALL[index],
        query_hostapis=lambda index=None: HOSTS if index is None else HOSTS[index],
        default=SimpleNamespace(device=(0, 1)),
        WasapiSettings=lambda **given: given,
    )
    monkeypatch.setattr(portaudio, "load", lambda: played)
    monkeypatch.setattr(devices.sys, "platform", "win32")
    return played


def test_windows_own_way_is_taken_with_whole_names_and_its_own_default(windows: SimpleNamespace) -> None:
    assert devices.list_sound_devices("input") == [
        SoundDevice(2, "Line (Sound Card)", 2, 44100, False),
        SoundDevice(3, "Microphone (Blue Yeti Stereo Microphone)", 2, 44100, True),
    ]
    found = devices.list_sound_devices("input")
    assert portaudio._extra(windows, found[0]) == {"extra_settings": {"auto_convert": True}}


def test_where_it_has_none_the_others_are_taken(windows: SimpleNamespace) -> None:
    (found,) = devices.list_sound_devices("output")
    assert found == SoundDevice(1, "Speakers", 2, 44100, True)
    assert portaudio._extra(windows, found) == {}


def test_elsewhere_all_are_listed(windows: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices.sys, "platform", "linux")
    assert [one.index for one in devices.list_sound_devices("input")] == [0, 2, 3]
    assert portaudio._extra(windows, devices.list_sound_devices("input")[1]) == {}
