"""`obs-portrait voice render` on real files."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray
from typer.testing import CliRunner, Result

import daemon.commands.voice as command
from daemon.cli import app
from obs_portrait.errors import MediaError, VoiceError
from obs_portrait.media.sinks.sound_file import SOUND_FORMATS
from obs_portrait.voice import metrics

SPEECH = Path(__file__).parent / "speech" / "male.opus"
VOICE = ("--pitch-hz", "180", "--formant", "1.15")


def run(*words: str | Path) -> Result:
    return CliRunner().invoke(app, ["voice", "render", *map(str, words)])


def decoded(path: Path) -> NDArray[np.float32]:
    with av.open(str(path)) as container:
        resampler = av.AudioResampler("flt", "mono", 48_000)
        parts = [f.to_ndarray()[0] for frame in container.decode(audio=0) for f in resampler.resample(frame)]
    return np.concatenate(parts)


@pytest.mark.parametrize("suffix", SOUND_FORMATS)
def test_every_kind_of_file(suffix: str, tmp_path: Path) -> None:
    out = tmp_path / f"out{suffix}"
    result = run(SPEECH, out, *VOICE)
    assert result.exit_code == 0, result.output
    before, after = decoded(SPEECH), decoded(out)
    assert abs(before.size - after.size) < 2500, "the same length but for the codec's padding"
    assert abs(metrics.delay_samples(np.pad(before, (4800, 0)), np.pad(after, (4800, 0)))) < 1500
    assert abs(1200 * np.log2(metrics.median_pitch(after) / 180.0)) < 150
    assert [path.name for path in tmp_path.iterdir()] == [out.name]


def test_wav_has_the_length_to_the_sample(tmp_path: Path) -> None:
    assert run(SPEECH, tmp_path / "out.wav", *VOICE).exit_code == 0
    assert decoded(tmp_path / "out.wav").size == decoded(SPEECH).size


def test_the_sound_of_a_video(shared_data: Path, tmp_path: Path) -> None:
    result = run(shared_data / "driving" / "d12.mp4", tmp_path / "out.flac", *VOICE)
    assert result.exit_code == 0, result.output
    assert metrics.level_db(decoded(tmp_path / "out.flac")) > -50.0


def test_a_file_that_is_there_is_kept_without_force(tmp_path: Path) -> None:
    out = tmp_path / "out.wav"
    out.write_bytes(b"mine")
    result = run(SPEECH, out, *VOICE)
    assert isinstance(result.exception, MediaError)
    assert "--force" in str(result.exception)
    assert out.read_bytes() == b"mine"
    assert run(SPEECH, out, *VOICE, "--force").exit_code == 0
    assert decoded(out).size > 48_000


@pytest.mark.parametrize("fault", [KeyboardInterrupt(), RuntimeError("bug")])
def test_what_breaks_half_way_leaves_nothing_and_harms_nothing(
    fault: BaseException, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out.wav"
    out.write_bytes(b"mine")
    whole = command._convert

    def broken(*arguments: object) -> int:
        whole(*arguments)  # type: ignore[arg-type]
        raise fault

    monkeypatch.setattr(command, "_convert", broken)
    assert run(SPEECH, out, *VOICE, "--force").exit_code != 0
    assert out.read_bytes() == b"mine"
    assert [path.name for path in tmp_path.iterdir()] == ["out.wav"]


@pytest.mark.parametrize(
    ("words", "kind", "says"),
    [
        ((SPEECH, "out.xyz", *VOICE), MediaError, "kind of file"),
        ((SPEECH, "nowhere/out.wav", *VOICE), MediaError, "no such folder"),
        (("missing.wav", "out.wav", *VOICE), MediaError, "missing.wav"),
        ((SPEECH, "out.wav", "--formant", "3"), VoiceError, "--formant"),
        ((__file__, "out.wav", *VOICE), MediaError, "test_command"),
    ],
)
def test_one_clear_sentence(
    words: tuple[str, ...], kind: type[Exception], says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = run(*words)
    assert isinstance(result.exception, kind)
    assert says in str(result.exception)
    assert not list(tmp_path.iterdir())


def test_a_voice_that_is_nearly_the_real_one_is_warned_of(tmp_path: Path) -> None:
    result = run(SPEECH, tmp_path / "out.wav", "--hall", "0.5")
    assert "close to the real one" in result.output
