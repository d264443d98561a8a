"""Reading files: every shape of them, whole and damaged."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from obs_portrait.errors import MediaError
from obs_portrait.media.files import probe
from obs_portrait.media.sinks.file import FileSink
from obs_portrait.media.sources import open_audio, open_video
from obs_portrait.media.sources.file import FileAudioSource, FileVideoSource
from obs_portrait.media.types import CameraFrame
from tests.media.conftest import frame, write_clip


def pictures(path: Path) -> tuple[list[CameraFrame], FileVideoSource]:
    with FileVideoSource(path) as source:
        found = []
        while (shown := source.read()) is not None:
            found.append(shown)
    return found, source


def sound(path: Path, size: int = 1000) -> tuple[NDArray[np.float32], FileAudioSource]:
    with FileAudioSource(path) as source:
        parts = []
        while (block := source.read(size)) is not None:
            assert block.index == sum(part.size for part in parts)
            parts.append(block.samples)
    return np.concatenate(parts), source


def onset(samples: NDArray[np.float32]) -> float:
    return float(np.argmax(np.abs(samples) > 0.15)) / 48_000


@pytest.mark.parametrize(
    ("suffix", "layout", "sample_rate", "size", "rate"),
    [
        ("mkv", "mono", 8_000, (96, 64), 25),
        ("mkv", "stereo", 44_100, (98, 66), 30),
        ("mkv", "5.1", 48_000, (96, 64), 24),
        ("mkv", "7.1", 96_000, (64, 96), 50),
        ("avi", "stereo", 22_050, (96, 64), 10),
        ("mov", "stereo", 32_000, (128, 72), 60),
    ],
)
def test_picture_and_sound_share_a_clock(
    tmp_path: Path, suffix: str, layout: str, sample_rate: int, size: tuple[int, int], rate: int
) -> None:
    clip = write_clip(tmp_path / f"a.{suffix}", layout=layout, sample_rate=sample_rate, size=size, rate=rate)
    frames, source = pictures(clip)
    assert (source.width, source.height, source.rate) == (*size, rate)
    assert len(frames) == 2 * rate
    assert [shown.index for shown in frames] == list(range(2 * rate))
    assert all(b.captured_ns > a.captured_ns for a, b in pairwise(frames))
    white = [shown.captured_ns for shown in frames if shown.image.mean() > 180]
    samples, _ = sound(clip)
    assert samples.dtype == np.float32
    assert samples.size == pytest.approx(96_000, abs=200)
    assert white == [pytest.approx(1e9, abs=1e6)]
    assert onset(samples) == pytest.approx(1.0, abs=0.002)
    assert 0.6 < np.abs(samples).max() < 0.8  # the mix of equal channels is as loud as one


def test_sound_that_starts_late_is_preceded_by_silence(tmp_path: Path) -> None:
    samples, _ = sound(write_clip(tmp_path / "a.mkv", audio_delay=0.5))
    assert onset(samples) == pytest.approx(1.0, abs=0.002)
    assert not samples[:20_000].any()


@pytest.mark.parametrize("size", [1, 7, 480, 4096, 1_000_000])
def test_the_size_of_the_blocks_changes_nothing(tmp_path: Path, size: int) -> None:
    clip = write_clip(tmp_path / "a.mkv", seconds=0.2, at=0.1)
    assert np.array_equal(sound(clip, size)[0], sound(clip, 1000)[0])


def test_a_turned_clip_is_turned_upright(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "a.mp4", audio_codec="aac")
    turned = tmp_path / "turned.mp4"
    with av.open(str(clip)) as reader, av.open(str(turned), "w") as writer:
        stream = writer.add_stream_from_template(reader.streams.video[0])
        try:
            stream.set_display_rotation(90)
        except AttributeError:
            pytest.skip("this PyAV cannot write a rotation, so that reading one cannot be tried")
        for packet in reader.demux(reader.streams.video[0]):
            if packet.dts is not None:
                packet.stream = stream
                writer.mux(packet)
    _, source = pictures(turned)
    assert (source.width, source.height) == (64, 96)


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
@pytest.mark.parametrize("fill", ["noise", "zeros"])
def test_damage_in_the_middle_is_stepped_over_and_counted(tmp_path: Path, suffix: str, fill: str) -> None:
    clip = tmp_path / f"a.{suffix}"
    rng = np.random.default_rng(0)
    texture = rng.integers(0, 255, (120, 160, 3), np.uint8)
    with FileSink(clip, sound=False) as sink:
        sink.video.open(160, 120, Fraction(25))
        for index in range(150):
            sink.video.write(frame(np.roll(texture, index, 1), index * 40_000_000))
    data = bytearray(clip.read_bytes())
    size, middle = len(data) // 20, len(data) // 2
    data[middle : middle + size] = rng.bytes(size) if fill == "noise" else bytes(size)
    clip.write_bytes(data)
    frames, source = pictures(clip)
    # Matroska goes on at its next cluster and does not tell what it left out.
    assert source.damaged > 0 or suffix == "mkv"
    assert 100 < len(frames) < 150
    assert frames[-1].captured_ns == pytest.approx(149 * 40e6, abs=1e6)  # it was read to its end, and in time
    assert all(b.captured_ns > a.captured_ns for a, b in pairwise(frames))


def test_a_file_that_was_cut_off_gives_what_is_left(tmp_path: Path) -> None:
    clip = tmp_path / "a.mkv"
    with FileSink(clip, sound=False) as sink:
        sink.video.open(160, 120, Fraction(25))
        rng = np.random.default_rng(0)
        for index in range(100):
            sink.video.write(frame(rng.integers(0, 255, (120, 160, 3), np.uint8), index * 40_000_000))
    data = clip.read_bytes()
    clip.write_bytes(data[: len(data) // 2])
    frames, _ = pictures(clip)
    assert 30 < len(frames) < 70


def test_samples_that_are_no_numbers_become_silence_and_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "nan.wav"
    wave = np.full(48_000, 0.5, np.float32)
    wave[1000:1010] = np.nan
    wave[2000] = np.inf
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_f32le", rate=48_000)
        stream.layout = "mono"
        whole = av.AudioFrame.from_ndarray(wave[None], format="flt", layout="mono")
        whole.sample_rate, whole.pts = 48_000, 0
        for packet in [*stream.encode(whole), *stream.encode(None)]:
            container.mux(packet)
    samples, source = sound(path)
    assert np.isfinite(samples).all()
    assert source.damaged == 11
    assert not samples[1000:1010].any()
    assert samples[999] == samples[1010] == 0.5


@pytest.mark.parametrize(
    ("content", "says"),
    [(None, "no such file"), (b"", "empty"), (b"hello " * 500, "cannot be read"), ("folder", "folder")],
)
def test_what_is_no_video_is_one_sentence(tmp_path: Path, content: bytes | str | None, says: str) -> None:
    path = tmp_path / "a.mp4"
    if content == "folder":
        path.mkdir()
    elif isinstance(content, bytes):
        path.write_bytes(content)
    for source in (FileVideoSource(path), FileAudioSource(path)):
        with pytest.raises(MediaError, match=says) as caught, source:
            pass
        assert str(path) in str(caught.value)
        assert "\n" not in str(caught.value)


def test_a_playlist_cannot_make_us_read_other_files(tmp_path: Path) -> None:
    secret = write_clip(tmp_path / "secret.ts", codec="mpeg2video", audio_codec="mp2")
    playlist = tmp_path / "clip.m3u8"
    playlist.write_text(f"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\nhttp://127.0.0.1:9/{secret.name}\n")
    with pytest.raises(MediaError, match="list of other files"), FileVideoSource(playlist):
        pass


def test_missing_streams_are_named(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "a.mkv")
    for kind, source in (("video", FileAudioSource), ("audio", FileVideoSource)):
        only = tmp_path / f"only-{kind}.mkv"
        with av.open(str(clip)) as reader, av.open(str(only), "w") as writer:
            chosen = getattr(reader.streams, kind)[0]
            stream = writer.add_stream_from_template(chosen)
            for packet in reader.demux(chosen):
                if packet.dts is not None:
                    packet.stream = stream
                    writer.mux(packet)
        with pytest.raises(MediaError, match="there is no"), source(only):
            pass


def test_probe_tells_what_is_inside(tmp_path: Path) -> None:
    found = probe(write_clip(tmp_path / "a.mkv", layout="5.1"))
    assert (found.width, found.height, found.rate, found.channels, found.sample_rate) == (
        96,
        64,
        Fraction(25),
        6,
        44_100,
    )
    assert found.duration_ns == pytest.approx(2e9, rel=0.05)


@pytest.mark.parametrize("spec", ["", "screen:1,2", "screen:a", "screen:0,0,100"])
def test_a_picture_source_that_makes_no_sense_is_refused(spec: str) -> None:
    with pytest.raises(MediaError):
        open_video(spec)


def test_an_empty_sound_source_is_refused() -> None:
    with pytest.raises(MediaError):
        open_audio("")
