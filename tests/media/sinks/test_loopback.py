"""What the helper for v4l2loopback reads from the kernel's files. The driver itself is asked in tests/vm."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest

from obs_portrait.errors import MediaError
from obs_portrait.media.sinks import loopback
from obs_portrait.media.sinks.virtualcam import VirtualCameraSink


@pytest.fixture
def kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A kernel with two loopback devices, a real camera, and the driver's parameters."""
    for name in ("video10", "video9", "video0"):
        (tmp_path / "class" / name).mkdir(parents=True)
    for name in ("video10", "video9"):
        (tmp_path / "class" / name / "max_openers").write_text("10\n")
        (tmp_path / "class" / name / "format").write_text("")
    (tmp_path / "parameters").mkdir()
    monkeypatch.setattr(loopback, "_CLASS", tmp_path / "class")
    monkeypatch.setattr(loopback, "_PARAMETERS", tmp_path / "parameters")
    return tmp_path


def test_only_the_drivers_own_devices_are_listed_by_number(kernel: Path) -> None:
    assert loopback.loopbacks() == ["/dev/video9", "/dev/video10"]


def test_the_largest_size_is_the_drivers(kernel: Path) -> None:
    assert loopback.largest() is None
    (kernel / "parameters" / "max_width").write_text("1920\n")
    (kernel / "parameters" / "max_height").write_text("1080\n")
    assert loopback.largest() == (1920, 1080)
    with pytest.raises(MediaError, match=r"1922x1080; v4l2loopback takes 1920x1080 at most\.$"):
        VirtualCameraSink().open(1922, 1080, Fraction(30))
    (kernel / "parameters" / "max_width").write_text("0\n")
    assert loopback.largest() is None, "0: the driver sets no limit"


@pytest.mark.parametrize(("width", "height"), [(641, 480), (640, 481)])
def test_odd_sizes_are_refused_before_a_device_is_touched(width: int, height: int) -> None:
    with pytest.raises(MediaError, match=f"{width}x{height}.*even"):
        VirtualCameraSink("/dev/video77").open(width, height, Fraction(30))


def test_without_the_driver_nothing_is_held_and_rearming_does_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loopback, "_CLASS", tmp_path / "nothing")
    file = tmp_path / "video9"
    file.write_bytes(b"kept")
    assert loopback.loopbacks() == []
    assert not loopback.held(str(file))
    loopback.rearm(str(file), ours=True)
    loopback.tell_rate(str(file), Fraction(25))
    assert file.read_bytes() == b"kept"
