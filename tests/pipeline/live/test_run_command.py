"""`obs-portrait run` as a user types it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
RUN = [sys.executable, "-m", "daemon.cli", "run"]


def _run(*arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {key: value for key, value in os.environ.items() if key not in ("DISPLAY", "WAYLAND_DISPLAY")}
    return subprocess.run(
        [*RUN, *arguments], cwd=ROOT, capture_output=True, text=True, check=False, env=environment, timeout=120
    )


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_a_terminated_show_stops_in_order_and_reports(tmp_path: Path) -> None:
    """The bundled performance, live, through a real engine and converter, until SIGTERM."""
    report = tmp_path / "report.json"
    command = [
        *RUN,
        "--source",
        "performance",
        "--loop",
        "--persona",
        "robot",
        "--sink",
        "null",
        "--audio-sink",
        "null",
    ]
    show = subprocess.Popen([*command, "--report", str(report)], cwd=ROOT, stderr=subprocess.PIPE, text=True)
    assert show.stderr is not None
    with show:
        seen = []
        for line in show.stderr:
            seen.append(line)
            if "Calibrated" in line:
                show.send_signal(signal.SIGTERM)
    assert show.returncode == 0, "".join(seen)
    figures = json.loads(report.read_text(encoding="utf-8"))
    assert figures["persona"] == "robot"
    assert figures["video"]["from_engine"] > 10
    assert figures["audio"]["blocks"] > 50
    assert figures["audio"]["level_milli"] > 0
    for path in ("video", "audio"):
        assert figures[path]["leaks"] == figures[path]["refused"] == figures[path]["restarts"] == 0
        assert figures[path]["latency"]["p50_ms"] > 0


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--source", "nowhere.mp4", "--sink", "null"], "nowhere.mp4"),
        (["--source", "performance", "--sink", "window"], "no display"),
        (["--source", "performance", "--sink", "cloud"], "'cloud' is no picture sink"),
        (["--source", "performance", "--sink", "null", "--audio", "mic:NOSUCH"], "microphone"),
        (["--source", "performance", "--sink", "null", "--audio-sink", "speaker:NOSUCH"], "loudspeaker"),
    ],
)
def test_what_cannot_be_is_said_in_one_sentence(arguments: list[str], sentence: str) -> None:
    if sys.platform != "linux" and "window" in arguments:
        pytest.skip("other systems always have a display")
    done = _run("--persona", "robot", *arguments)
    assert done.returncode == 1
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--size", "banana"], "not a size"),
        (["--fps", "0"], "outside"),
        (["--persona", "nobody-of-this-name"], "There is no persona"),
        (["--sink", "a.mp4", "--sink", "b.mp4"], "One recording"),
    ],
)
def test_options_that_make_no_sense_start_nothing(arguments: list[str], words: str) -> None:
    done = _run("--source", "performance", *arguments)
    assert done.returncode != 0
    assert words in " ".join(done.stderr.replace("│", " ").split())
    assert "Traceback" not in done.stderr
