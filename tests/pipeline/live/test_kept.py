"""Calibrations outlive the program; what is in the file is not trusted."""

from __future__ import annotations

import json
import stat
import sys
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from obs_portrait.face.types import Observation
from obs_portrait.pipeline.live.kept import Kept
from obs_portrait.pipeline.live.session import LiveSession
from tests.pipeline.live import doubles
from tests.pipeline.live.test_faults import Show

HOUR = 3600.0


def _seen(shift: float = 0.0) -> Observation:
    points = np.random.default_rng(1).uniform(100, 400, (478, 3)).astype(np.float32) + np.float32(shift)
    return Observation(points, np.zeros(52, np.float32), np.eye(4, dtype=np.float32), 0.9, 640, 480, 5)


def _shift(found: Observation | None) -> float | None:
    return None if found is None else round(float((found.landmarks - _seen().landmarks).mean()))


def test_each_camera_and_persona_has_its_own_and_who_has_none_takes_the_cameras_newest(tmp_path: Path) -> None:
    now = [1000.0]
    path = tmp_path / "state" / "calibrations.json"
    kept = Kept(path, lambda: now[0])
    assert kept.find("camera:0", "ada") is None
    kept.keep("camera:0", "ada", _seen(1))
    now[0] += HOUR
    kept.keep("camera:0", "ink", _seen(2))
    kept.keep("camera:1", "ada", _seen(3))
    kept.close()
    again = Kept(path, lambda: now[0])
    wanted = {("camera:0", "ada"): 1, ("camera:0", "ink"): 2, ("camera:0", "nova"): 2, ("camera:1", "nova"): 3}
    for (camera, persona), shift in wanted.items():
        assert _shift(again.find(camera, persona)) == shift
    assert again.find("camera:2", "ada") is None
    if sys.platform != "win32":
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_another_days_calibrations_of_a_camera_end_with_a_new_one(tmp_path: Path) -> None:
    now = [1000.0]
    kept = Kept(tmp_path / "c.json", lambda: now[0])
    kept.keep("camera:0", "ada", _seen(1))
    kept.keep("camera:1", "ada", _seen(2))
    now[0] += 20 * HOUR
    kept.keep("camera:0", "ink", _seen(3))
    assert _shift(kept.find("camera:0", "ada")) == 3
    assert _shift(kept.find("camera:1", "ada")) == 2


@pytest.mark.parametrize(
    "text",
    ["", "nonsense", "[]", "{}", '{"version": 9}', '{"version": 1, "references": 4}', "[" * 5000,
     '{"version": 1, "references": [{"camera": "camera:0", "persona": "ada", "made": 1}]}'],
)  # fmt: skip
def test_a_file_that_is_none_is_no_calibration(tmp_path: Path, text: str) -> None:
    (tmp_path / "c.json").write_text(text)
    kept = Kept(tmp_path / "c.json")
    assert kept.find("camera:0", "ada") is None
    kept.keep("camera:0", "ada", _seen())
    kept.close()
    assert _shift(Kept(tmp_path / "c.json").find("camera:0", "ada")) == 0


@given(
    st.sampled_from(["landmarks", "blendshapes", "pose", "width", "height", "confidence", "made"]),
    st.one_of(st.none(), st.text(max_size=3), st.floats(), st.lists(st.floats(), max_size=4), st.integers()),
)
def test_a_row_with_one_wrong_entry_is_none_or_a_possible_face(key: str, value: object) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "c.json"
        kept = Kept(path)
        kept.keep("camera:0", "ada", _seen())
        kept.close()
        data = json.loads(path.read_text())
        data["references"][0][key] = value
        path.write_text(json.dumps(data))
        found = Kept(path).find("camera:0", "ada")
    if found is not None:
        assert found.landmarks.shape == (478, 3)
        assert np.isfinite(found.landmarks).all()
        assert 16 <= found.width <= 16384


def test_a_session_takes_it_up_again(tmp_path: Path) -> None:
    show = Show(tmp_path)
    path = tmp_path / "calibrations.json"
    options = replace(show.session.options, calibrations=path)
    show.session = LiveSession(options, show.notices.append)
    with show.session:
        show.heals()
        show.until(path.exists)
        show.until(lambda: any(notice.text.startswith("Calibrated") for notice in show.notices))
    told = len(show.notices)
    show.session = LiveSession(options, show.notices.append)
    with show.session:
        show.heals()
        show.goes_on("video", "frames_in", 60)
    assert not any(notice.text.startswith("Calibrated") for notice in show.notices[told:])
    assert doubles.PERSONAS[0].name in path.read_text()


def test_a_disk_that_hangs_holds_up_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The thread that keeps a calibration is the one that carries out a panic."""
    goes_on, written = threading.Event(), list[str]()

    def hangs(path: Path, text: str) -> None:
        goes_on.wait(20)
        written.append(text)

    monkeypatch.setattr("obs_portrait.pipeline.live.kept.write_whole", hangs)
    kept = Kept(tmp_path / "c.json")
    for shift in (1, 2):
        kept.keep("camera:0", "ada", _seen(shift))
    assert not written and _shift(kept.find("camera:0", "ada")) == 2
    goes_on.set()
    kept.close()
    assert len(written) == 2 and len(json.loads(written[-1])["references"]) == 1


def test_who_asks_twice_is_given_the_same_reference(tmp_path: Path) -> None:
    """A session compares them: another object would be sent to the engine anew with every switch, which forgets the
    picture that a neural engine has of it."""
    kept = Kept(tmp_path / "c.json")
    reference = _seen()
    kept.keep("camera:0", "ada", reference)
    assert kept.find("camera:0", "ada") is reference
    kept.close()
    again = Kept(tmp_path / "c.json")
    assert again.find("camera:0", "ink") is again.find("camera:0", "ada")
