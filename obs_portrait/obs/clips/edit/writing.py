"""A new media file: streams that are copied, streams that are encoded."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import av
import numpy as np
from numpy.typing import NDArray

from obs_portrait.errors import MediaError
from obs_portrait.obs.clips.edit.reading import RATE

__all__ = ["CONTAINERS", "Writer", "can_copy"]

_TICKS: Final = 90_000
_BT709: Final = 1
_MOST_HELD: Final = 32
"""No encoder looks ahead over more pictures than that."""
_MP4: Final = frozenset(
    {"h264", "hevc", "av1", "mpeg4", "aac", "mp3", "alac", "ac3", "eac3", "opus", "flac", "mov_text"}
)
_SOUND_MP4: Final = frozenset({"aac", "alac", "mp3"})
_ANY: Final = frozenset({"*"})
CONTAINERS: Final[dict[str, tuple[str, str, str, frozenset[str]]]] = {
    ".mp4": ("mp4", "libx264", "aac", _MP4),
    ".m4v": ("mp4", "libx264", "aac", _MP4),
    ".mov": ("mov", "libx264", "aac", _MP4 | {"pcm_s16le", "pcm_s24le", "pcm_f32le", "prores"}),
    ".mkv": ("matroska", "libx264", "aac", _ANY),
    ".webm": ("webm", "libvpx-vp9", "libopus", frozenset({"vp8", "vp9", "av1", "opus", "vorbis"})),
    ".m4a": ("ipod", "", "aac", _SOUND_MP4),
    ".mka": ("matroska", "", "aac", _ANY),
    ".mp3": ("mp3", "", "libmp3lame", frozenset({"mp3"})),
    ".ogg": ("ogg", "", "libopus", frozenset({"opus", "vorbis", "flac"})),
    ".opus": ("opus", "", "libopus", frozenset({"opus"})),
    ".flac": ("flac", "", "flac", frozenset({"flac"})),
    ".wav": ("wav", "", "pcm_s16le", frozenset({"pcm_s16le", "pcm_s24le", "pcm_f32le"})),
}
"""Suffix -> container, codec for pictures ("" takes none), codec for sound, codecs that may be copied into it."""


def can_copy(suffix: str, stream: Any) -> bool:
    """Does a container of this suffix take the packets of a stream as they are?"""
    known = CONTAINERS.get(suffix.lower())
    if known is None or stream is None:
        return False
    name = stream.codec_context.name
    # libx264 and the like are names of encoders and decoders; what counts is the codec.
    name = {"libdav1d": "av1", "libvpx-vp9": "vp9", "libopus": "opus", "mp3float": "mp3"}.get(name, name)
    return known[3] is _ANY or name in known[3]


class Writer:
    """`with Writer(part, ".mp4") as out:`; the errors are FFmpeg's own, `making.producing` explains them."""

    def __init__(self, part: Path, suffix: str) -> None:
        """Raises `MediaError` for a suffix that is not in `CONTAINERS`."""
        try:
            kind, self._picture_codec, self._sound_codec, _ = CONTAINERS[suffix.lower()]
        except KeyError:
            known = ", ".join(CONTAINERS)
            raise MediaError(f"A file name ends with the kind of file; '{suffix}' is not one of {known}.") from None
        options = {"movflags": "+faststart"} if kind in ("mp4", "mov", "ipod") else {}
        self.container: Any = av.open(str(part), "w", format=kind, options=options)
        self._video: Any = None
        self._audio: Any = None
        self._copies: dict[int, Any] = {}
        self._last: dict[int, int] = {}
        self._held: dict[int, list[Any]] = {}
        self._layout = "stereo"
        self._next_sample = 0
        self._last_pts = -1
        self.pictures = 0

    # ---- streams -------------------------------------------------------------------------------------------------

    def copy_of(self, stream: Any) -> None:
        """The packets of `stream` will be given to `copy`."""
        self._copies[id(stream)] = self.container.add_stream_from_template(stream)

    def follow(self, streams: list[Any], first: list[Any]) -> None:
        """Packets of `streams` go where those of `first` went."""
        for stream, before in zip(streams, first, strict=True):
            self._copies[id(stream)] = self._copies[id(before)]

    def add_picture(
        self, width: int, height: int, rate: Fraction, *, like: Any = None, crf: int = 18, bit_rate: int | None = None
    ) -> None:
        """Pictures will be encoded: H.264 (VP9 in WebM), 4:2:0. like: a stream whose colours are kept, BT.709 if none.
        bit_rate: bits a second instead of a constant quality."""
        if not self._picture_codec:
            raise MediaError("This kind of file holds sound only; choose .mp4.")
        stream = self.container.add_stream(self._picture_codec, rate=Fraction(rate).limit_denominator(1001))
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        context = stream.codec_context
        context.time_base = Fraction(1, _TICKS)
        context.gop_size = max(1, round(rate * 2))
        context.thread_type = "AUTO"
        if like is None:
            context.colorspace = context.color_primaries = context.color_trc = _BT709
            context.color_range = 1
        else:
            for name in ("colorspace", "color_primaries", "color_trc", "color_range"):
                setattr(context, name, getattr(like.codec_context, name))
        if self._picture_codec == "libx264":
            stream.options = {"preset": "fast", **({} if bit_rate else {"crf": str(crf)})}
        else:
            stream.options = {"deadline": "good", "cpu-used": "4", "row-mt": "1", **({} if bit_rate else {"crf": "30"})}
        if bit_rate:
            stream.bit_rate = bit_rate
        self._video = stream

    def add_sound(self, layout: str = "stereo", bit_rate: int = 192_000) -> None:
        """Sound will be encoded: 48 kHz, "mono" or "stereo"."""
        stream = self.container.add_stream(self._sound_codec, rate=RATE)
        stream.layout = self._layout = layout
        if self._sound_codec not in ("flac", "pcm_s16le"):
            stream.bit_rate = bit_rate
        self._audio = stream

    # ---- what goes in --------------------------------------------------------------------------------------------

    def copy(self, packet: Any, shift: Fraction, scale: Fraction = Fraction(1)) -> None:
        """One packet, `shift` seconds earlier; then all its times are multiplied by `scale`."""
        if packet.pts is None:
            return
        stream = self._copies[id(packet.stream)]
        base = packet.time_base
        earlier = shift / base
        packet.pts = round((packet.pts - earlier) * scale)
        if packet.dts is not None:
            packet.dts = round((packet.dts - earlier) * scale)
        if packet.duration:
            packet.duration = max(1, round(packet.duration * scale))
        packet.stream = stream
        held = self._held.setdefault(id(stream), [])
        if packet.dts is None:
            held.append(packet)
            if len(held) > _MOST_HELD:
                self._release(stream, None)
            return
        self._release(stream, packet.dts)
        self._mux(stream, packet)

    def _release(self, stream: Any, dts: int | None) -> None:
        """Matroska has no decoding times, and FFmpeg does not guess those of the first pictures: they are put in front
        of the first one that is known, a picture's length apart."""
        held = self._held.get(id(stream), [])
        for number, packet in enumerate(held):
            step = max(1, packet.duration or 1)
            first = packet.pts if dts is None else dts - (len(held) - number) * step
            packet.dts = min(first, packet.pts)
            self._mux(stream, packet)
        held.clear()

    def _mux(self, stream: Any, packet: Any) -> None:
        """Rounding must not make two decoding times equal: muxers refuse that."""
        last = self._last.get(id(stream))
        dts = packet.dts if packet.dts is not None else packet.pts
        packet.dts = dts if last is None else max(dts, last + 1)
        packet.pts = max(packet.pts, packet.dts)
        self._last[id(stream)] = packet.dts
        self.container.mux(packet)

    def picture(self, frame: Any, at: Fraction) -> None:
        """A frame of PyAV in any format and of the stream's size, or (H, W, 3) uint8 RGB, shown from `at` seconds."""
        if isinstance(frame, np.ndarray):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24")
            frame = frame.reformat(format="yuv420p", dst_colorspace=_BT709, dst_color_range=1)
        elif frame.format.name != "yuv420p":
            frame = frame.reformat(format="yuv420p")
        frame.pict_type = 0  # what the source's encoder chose is no advice for ours
        frame.pts = max(round(at * _TICKS), self._last_pts + 1)
        frame.time_base = Fraction(1, _TICKS)
        self._last_pts = frame.pts
        self.pictures += 1
        self.container.mux(self._video.encode(frame))

    def sound(self, samples: NDArray[np.float32], at: Fraction | None = None) -> None:
        """(channels, n) float32 heard from `at` seconds, or right after the last ones. Gaps become silence, what
        overlaps is left out."""
        if at is not None:
            due = round(at * RATE)
            # Time stamps of containers are coarse (1 ms in Matroska): half a packet is no gap.
            if due > self._next_sample + 512:
                self._encode(np.zeros((samples.shape[0], due - self._next_sample), np.float32))
            elif due < self._next_sample - 512:
                samples = samples[:, self._next_sample - due :]
        self._encode(samples)

    def _encode(self, samples: NDArray[np.float32]) -> None:
        if samples.shape[1] == 0:
            return
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples), format="fltp", layout=self._layout)
        frame.sample_rate, frame.pts, frame.time_base = RATE, self._next_sample, Fraction(1, RATE)
        self._next_sample += samples.shape[1]
        self.container.mux(self._audio.encode(frame))

    @property
    def heard(self) -> Fraction:
        """Seconds of sound so far."""
        return Fraction(self._next_sample, RATE)

    # ---- end -----------------------------------------------------------------------------------------------------

    def finish(self) -> None:
        """Flushes the encoders and completes the file."""
        for copied in self._copies.values():
            self._release(copied, None)
        for stream in (self._video, self._audio):
            if stream is not None:
                self.container.mux(stream.encode(None))
        self.container.close()

    def __enter__(self) -> Writer:
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        if kind is None:
            self.finish()
        else:
            try:
                self.container.close()
            except Exception:  # the first error is the one that is told
                return
