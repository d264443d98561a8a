"""`obs-portrait render` and `demo` at the command line: what is written, what is said, what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import Result
from PIL import Image
from typer.testing import CliRunner

from daemon.cli import app
from obs_portrait.errors import PortraitError
from obs_portrait.media.files import probe
from tests.pipeline.studio import driver, marked, spoken, write_clip

RUNNER = CliRunner()


def said(done: Result) -> str:
    """The output without the line breaks and frames that a narrow terminal makes."""
    return " ".join(done.output.replace("│", " ").split())


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return write_clip(tmp_path / "clip.mp4", marked(driver(8)), 30, spoken(8 / 30))


@pytest.fixture
def portrait(tmp_path: Path) -> Path:
    path = tmp_path / "portrait.png"
    Image.fromarray(driver(1)[0]).save(path)
    return path


def test_render_writes_a_file_and_a_report(clip: Path, portrait: Path, tmp_path: Path) -> None:
    out, report = tmp_path / "out.mp4", tmp_path / "report.json"
    arguments = ["render", "-d", str(clip), "-s", str(portrait), "-o", str(out), "--report", str(report)]
    done = RUNNER.invoke(app, [*arguments, "--size", "96x128", "--no-voice", "--absolute", "--no-adapt-scale"])
    assert done.exit_code == 0, done.output
    assert "8 frames" in said(done)
    figures = json.loads(report.read_text())
    assert figures["origins"]["video_frames"] == {"engine": 8}
    assert figures["size"] == [96, 128]
    assert probe(out).audio_codec is None
    again = RUNNER.invoke(app, arguments)  # the report is there already
    assert isinstance(again.exception, PortraitError)
    assert "--force" in str(again.exception)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--size", "huge"], "not a size"),
        (["--size", "10x10"], "outside"),
        (["--reveal-voice", "--no-voice"], "choose one"),
        (["--best-frame", "-1"], "best-frame"),
    ],
)
def test_options_that_make_no_sense_are_explained(options: list[str], says: str, clip: Path, tmp_path: Path) -> None:
    done = RUNNER.invoke(app, ["render", "-d", str(clip), "-s", "x.png", "-o", str(tmp_path / "o.mp4"), *options])
    assert done.exit_code == 2
    assert says in said(done)


def test_the_demo_wants_two_personas(tmp_path: Path) -> None:
    done = RUNNER.invoke(app, ["demo", "-o", str(tmp_path), "-p", "a", "-p", "b", "-p", "c"])
    assert done.exit_code == 2
    assert "two personas" in said(done)
    assert not list(tmp_path.iterdir())
