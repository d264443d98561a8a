"""Captions: burned into the picture, or as a track that a player can switch off."""

from __future__ import annotations

import struct
import sys
import textwrap
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from obs_portrait.errors import MediaError
from obs_portrait.obs.clips.edit.making import Made, Progress, producing, silent
from obs_portrait.obs.clips.edit.reading import Reader, upright
from obs_portrait.obs.clips.edit.remake import Changes, remake
from obs_portrait.obs.clips.edit.srt import Caption, read_srt
from obs_portrait.obs.clips.edit.writing import CONTAINERS, can_copy

__all__ = ["burn", "find_font", "mux"]

_FONTS: Final = {
    "win32": ("C:/Windows/Fonts/segoeuib.ttf", "C:/Windows/Fonts/arialbd.ttf"),
    "darwin": ("/System/Library/Fonts/Supplemental/Arial Bold.ttf", "/System/Library/Fonts/Helvetica.ttc"),
    "linux": (
        "/usr/share/fonts/truetype/dejavu/DejaVuSans-Bold.ttf",
        "/usr/share/fonts/TTF/DejaVuSans-Bold.ttf",
        "/usr/share/fonts/truetype/noto/NotoSans-Bold.ttf",
        "/usr/share/fonts/truetype/liberation/LiberationSans-Bold.ttf",
    ),
}
_STYLE: Final = b"""[Script Info]
ScriptType: v4.00+
PlayResX: 384
PlayResY: 288
[V4+ Styles]
Format: Name, Fontname, Fontsize, PrimaryColour, SecondaryColour, OutlineColour, BackColour, Bold, Italic, Underline, \
StrikeOut, ScaleX, ScaleY, Spacing, Angle, BorderStyle, Outline, Shadow, Alignment, MarginL, MarginR, MarginV, Encoding
Style: Default,Arial,18,&Hffffff,&Hffffff,&H0,&H0,0,0,0,0,100,100,0,0,1,1,0,2,10,10,10,1
[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
"""


def find_font(chosen: Path | None = None) -> Path | None:
    """The font file for captions: the chosen one, a bold one of the system, or None for Pillow's own (Latin only)."""
    if chosen is not None:
        try:
            ImageFont.truetype(str(chosen), 20)
        except OSError:
            raise MediaError(f"{chosen}: this is no font file; name a .ttf or .otf.") from None
        return chosen
    return next((Path(name) for name in _FONTS.get(sys.platform, ()) if Path(name).is_file()), None)


def burn(
    source: Path,
    target: Path,
    srt: Path,
    *,
    font: Path | None = None,
    size: float = 0.06,
    force: bool = False,
    progress: Progress = silent,
) -> Made:
    """Draws captions into the picture: white with a dark edge, low in the middle. Sound is copied.

    size: height of a line as a share of the picture's height. Raises `MediaError`.
    """
    if not 0.02 <= size <= 0.2:
        raise MediaError(f"A line of {size:g} of the picture's height is outside 0.02 to 0.2.")
    captions = read_srt(srt)
    with Reader(source, needs="video") as clip:
        _, frame = next(clip.frames(clip.video), (None, None))
        if frame is None:
            raise MediaError(f"{source}: there is no picture in this file; choose another one.")
        height, width = upright(frame).shape[:2]
    even = (width - width % 2, height - height % 2)
    painter = _Painter(even, find_font(font), max(8, round(size * height)))

    def draw(frame: Any, at: Fraction) -> NDArray[np.uint8]:
        image = upright(frame)[: even[1], : even[0]]
        text = "\n".join(caption.text for caption in captions if caption.start <= at < caption.end)
        return painter.draw(image, text) if text else image

    with producing(target, source, srt, force=force) as part:
        remake(source, part, target.suffix, Changes(picture=draw, size=even), progress)
    return Made(target, f"{len(captions)} captions drawn into the picture")


class _Painter:
    """Draws a text into pictures of one size; each text is laid out once."""

    def __init__(self, size: tuple[int, int], font: Path | None, height: int) -> None:
        self._size, self._height = size, height
        self._font: Any = ImageFont.load_default(height) if font is None else ImageFont.truetype(str(font), height)
        self._layer = lru_cache(maxsize=8)(self._lay_out)

    def _wrapped(self, text: str) -> str:
        room = 0.9 * self._size[0]
        out = []
        for line in text.split("\n"):
            letters = max(4, len(line))
            while letters > 4 and any(self._font.getlength(row) > room for row in textwrap.wrap(line, letters)):
                letters -= 1
            out += textwrap.wrap(line, letters) or [""]
        return "\n".join(out)

    def _lay_out(self, text: str) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """(colour, opacity) of the whole picture."""
        layer = Image.new("RGBA", self._size)
        place = (self._size[0] / 2, self._size[1] - 0.7 * self._height)
        ImageDraw.Draw(layer).multiline_text(
            place, self._wrapped(text), font=self._font, fill=(255, 255, 255, 255), anchor="md", align="center",
            stroke_width=max(1, self._height // 12), stroke_fill=(0, 0, 0, 230), spacing=self._height // 5,
        )  # fmt: skip
        pixels = np.asarray(layer, np.float32)
        return pixels[..., :3], pixels[..., 3:] / np.float32(255)

    def draw(self, image: NDArray[np.uint8], text: str) -> NDArray[np.uint8]:
        """A new picture with the text in it."""
        colour, opacity = self._layer(text)
        rows = np.flatnonzero(opacity.any(axis=(1, 2)))
        out = image.copy()
        if rows.size:
            part = slice(rows[0], rows[-1] + 1)
            out[part] = np.rint(image[part] * (1 - opacity[part]) + colour[part] * opacity[part])
        return out


def mux(source: Path, target: Path, srt: Path, *, language: str = "eng", force: bool = False) -> Made:
    """Adds captions as a track of their own; picture and sound are copied. .mkv, .mp4 and .mov take one.

    language: three letters of ISO 639-2. Raises `MediaError`.
    """
    captions = read_srt(srt)
    suffix = target.suffix.lower()
    if suffix not in (".mkv", ".mp4", ".m4v", ".mov"):
        raise MediaError(f"{target}: captions as a track go into .mkv, .mp4 or .mov; or burn them in.")
    if not (len(language) == 3 and language.isascii() and language.isalpha()):
        raise MediaError(f"'{language}' is no language of three letters, such as eng, deu or spa.")
    with producing(target, source, srt, force=force) as part, Reader(source) as clip:
        streams = [s for s in (clip.video, *clip.container.streams.audio) if s is not None]
        unfit = next((s for s in streams if not can_copy(suffix, s)), None)
        if unfit is not None:
            raise MediaError(f"{target}: a {suffix} file does not take this clip's packets; name it .mkv.")
        _mux(clip, part, suffix, streams, captions, language.lower())
    return Made(target, f"{len(captions)} captions as a track; picture and sound copied without loss")


def _mux(clip: Reader, part: Path, suffix: str, streams: list[Any], captions: list[Caption], language: str) -> None:
    from obs_portrait.obs.clips.edit.writing import Writer

    with Writer(part, suffix) as out:
        for stream in streams:
            out.copy_of(stream)
        track = out.container.add_stream("mov_text" if CONTAINERS[suffix][0] != "matroska" else "subrip")
        track.codec_context.subtitle_header = _STYLE  # FFmpeg makes MP4's description of the track from it
        track.time_base = Fraction(1, 1000)
        track.metadata["language"] = language
        waiting = list(_events(captions, timed=CONTAINERS[suffix][0] != "matroska"))
        for packet in clip.packets(*streams):
            at = clip.time(packet)
            while waiting and at is not None and waiting[0][0] <= at:
                _send(out, track, *waiting.pop(0))
            out.copy(packet, clip.zero)
        for event in waiting:
            _send(out, track, *event)


def _events(captions: list[Caption], timed: bool) -> list[tuple[Fraction, Fraction, bytes]]:
    """(start, length, packet). timed: as MP4's timed text (3GPP TS 26.245), a length before the text."""
    out = []
    for caption in captions:
        words = caption.text.encode()
        out.append(
            (caption.start, caption.end - caption.start, struct.pack(">H", len(words)) + words if timed else words)
        )
    return out


def _send(out: Any, track: Any, start: Fraction, length: Fraction, data: bytes) -> None:
    packet = av.Packet(data)
    packet.stream, packet.time_base = track, Fraction(1, 1000)
    packet.pts = packet.dts = round(start * 1000)
    packet.duration = round(length * 1000)
    out.container.mux(packet)
