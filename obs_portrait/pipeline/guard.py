"""The guard: nothing leaves for a sink but what an engine made of the persona, or a stand-in.

This is the only module that holds the seal of `obs_portrait.media.types`. It trusts nobody: not engines, not
converters, plug-ins or our own. Where it is not sure it shows a stand-in, which holds nothing of the camera or the
microphone: the last persona frame for a moment, then the persona's still portrait, then a card; for the voice
silence. So the real person cannot be seen or heard by accident, only through a persona whose profile says so *and*
whose engine says so of itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from obs_portrait.errors import PipelineError
from obs_portrait.face.types import Canvas
from obs_portrait.media.types import _SEAL, SAMPLE_RATE, CameraFrame, MicBlock, Origin, PersonaBlock, PersonaFrame
from obs_portrait.pipeline.card import draw_card
from obs_portrait.pipeline.echo import EchoCheck
from obs_portrait.pipeline.label import Label
from obs_portrait.pipeline.likeness import same_scene, sketch
from obs_portrait.pipeline.seen import Seen

__all__ = ["AudioGuard", "Look", "VideoGuard", "beside", "hushed", "mix", "part", "risen"]

HOLD_S: Final = 1.0
"""How long the last persona frame is held before the portrait takes its place, in seconds of capture time."""

FADE: Final = SAMPLE_RATE // 200
"""5 ms in samples: how fast the voice goes to silence and comes back, so that nothing clicks."""


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """What the guard knows of a persona.

    still: (H, W, 3) uint8 RGB of the canvas's size: the persona at rest. None: there is none, the card stands in.
    reveals: the *profile* says that the real person may be seen. Never taken from the engine.
    label: drawn into every picture of the persona; "": nothing is.
    """

    name: str
    still: NDArray[np.uint8] | None = None
    reveals: bool = False
    label: str = ""


class VideoGuard:
    """Turns an engine's result for a camera frame into a `PersonaFrame`, or gives a stand-in.

    A state machine whose state is the `Origin` of what it gave last: ENGINE (or REVEAL) while results pass; HOLD for
    `hold_s` after the last good one; then PORTRAIT, or CARD where the persona has no still. A switch forgets the
    held frame, so one persona is never held for another. What an engine may have seen of the driver is remembered as
    thumbnails (`seen`), whoever is on stage. One object serves one stream; it is not thread-safe.
    """

    def __init__(self, look: Look, canvas: Canvas, hold_s: float = HOLD_S) -> None:
        self.canvas = canvas
        self.hold_ns = round(hold_s * 1e9)
        self.leaks = 0
        """Results that were, or shared memory with, a picture of the camera. None of them was sent."""
        self.rejected = 0
        """Results of a wrong type, shape or content."""
        self.reason = ""
        """Why the last result was not sent, for the log."""
        self.state: Origin = Origin.CARD
        self._covered = False
        self._seen = Seen(canvas.width / canvas.height)
        self.switch(look)

    @property
    def look(self) -> Look:
        """The persona that is shown."""
        return self._look

    def switch(self, look: Look) -> None:
        """From the next frame on `look` is shown. Until its engine delivers, its portrait stands in."""
        self._look = look
        self._label = Label(look.label, self.canvas) if look.label else None
        self._card = self._labelled(draw_card(self.canvas))
        self._still: NDArray[np.uint8] | None = None
        self._portrait: NDArray[np.uint8] | None = None  # without the label, to compare with
        if look.still is not None and not self._wrong(look.still):
            self._portrait = look.still.copy()
            self._still = self._labelled(look.still.copy())
        self._held: NDArray[np.uint8] | None = None
        self._held_ns = 0

    def cover(self, on: bool) -> None:
        """The panic switch: while on, only the portrait or the card is shown, whatever the engine delivers."""
        self._covered = on
        if on:
            self._held = None

    def watch(self, camera: CameraFrame) -> None:
        """An engine is about to see `camera`, or could: nothing like it passes during the next seconds."""
        self._seen.add(camera)

    def watch_reference(self, camera: CameraFrame) -> None:
        """The same for the driver's neutral frame, from now on."""
        self._seen.add_reference(camera)

    def admit(
        self, result: object, camera: CameraFrame, engine_reveals: bool = False, sees_pixels: bool = False
    ) -> PersonaFrame:
        """Checks what the engine made of `camera` and seals it, or returns a stand-in. Never raises.

        sees_pixels: the engine is given camera pictures; then ones that it has moved a little are looked for as well.
        """
        self.watch(camera)
        self.reason = self._objection(result, engine_reveals)
        if self.reason or not isinstance(result, np.ndarray):
            return self.stand_in(camera.captured_ns, camera.index)
        # Ours alone, before it is looked at: an engine that kept the array cannot paint on it meanwhile, or later.
        image = np.array(result, order="C")
        if not engine_reveals and self._is_copy(image, sees_pixels):
            self.leaks += 1
            self.reason = "a copy of the camera picture"
            return self.stand_in(camera.captured_ns, camera.index)
        origin = Origin.REVEAL if engine_reveals else Origin.ENGINE
        image = self._labelled(image)
        if origin is Origin.ENGINE:  # the real person is never held: a lost camera must not freeze a face on screen
            self._held, self._held_ns = image, camera.captured_ns
        else:
            self._held = None
        return self._seal(image, camera.captured_ns, camera.index, origin)

    def stand_in(self, captured_ns: int, index: int = -1) -> PersonaFrame:
        """What is shown for the moment `captured_ns` when the engine has nothing. Never raises."""
        if self._held is not None and not self._covered and 0 <= captured_ns - self._held_ns <= self.hold_ns:
            return self._seal(self._held, captured_ns, index, Origin.HOLD)
        if self._still is not None:
            return self._seal(self._still, captured_ns, index, Origin.PORTRAIT)
        return self._seal(self._card, captured_ns, index, Origin.CARD)

    def card(self, captured_ns: int, index: int = -1) -> PersonaFrame:
        """The card, whatever else there is: what a panic shows. Forgets the held frame. Never raises."""
        self._held = None
        return self._seal(self._card, captured_ns, index, Origin.CARD)

    def _labelled(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """`image`, with the persona's label if it has one; nobody writes to it afterwards."""
        if self._label is not None:
            self._label.draw(image)
        return _frozen(image)

    def _seal(self, image: NDArray[np.uint8], captured_ns: int, index: int, origin: Origin) -> PersonaFrame:
        self.state = origin
        return PersonaFrame(image, captured_ns, index, self._look.name, origin, _SEAL)

    def _wrong(self, result: object) -> str:
        """What is wrong with the form of a picture, or ""."""
        if type(result) is not np.ndarray:
            return f"a {type(result).__name__} instead of a picture"
        if result.dtype != np.uint8:
            return f"a picture of {result.dtype} instead of uint8"
        if result.shape != (self.canvas.height, self.canvas.width, 3):
            return f"a picture of shape {result.shape} instead of {(self.canvas.height, self.canvas.width, 3)}"
        return ""

    def _objection(self, result: object, engine_reveals: bool) -> str:
        """Everything that can be said against a result without looking at its pixels."""
        if self._covered:
            return "covered"
        if engine_reveals and not self._look.reveals:
            self.leaks += 1
            return "an engine that shows the real person, which the profile does not ask for"
        if isinstance(result, np.ndarray) and self._seen.shares(result):
            self.leaks += 1
            return "the memory of the camera picture"
        wrong = self._wrong(result)
        self.rejected += bool(wrong)
        return wrong

    def _is_copy(self, image: NDArray[np.uint8], sees_pixels: bool) -> bool:
        """One of what was seen; but not where that is (nearly) the persona's portrait: somebody animates a picture with
        itself."""
        found = self._seen.copied(image, sees_pixels)
        if not found or self._portrait is None:
            return bool(found)
        portrait = sketch(self._portrait, self._seen.aspect)
        return not any(same_scene(portrait, one, moved) for one, moved in found)


class AudioGuard:
    """Turns a converter's result for a microphone block into a `PersonaBlock`, or gives silence.

    Silence begins with the last 5 ms of the persona's own sound played backwards and fading out, and ends with a fade
    in of 5 ms: no step, no click, for blocks of any size. One object serves one converter's stream.
    """

    def __init__(self, persona: str, latency: int, reveals: bool = False, own: int | None = None) -> None:
        """`latency`: samples from a sound in to the same sound out; `own`: how much of it the converter says it needs,
        None: all. The rest is what it was fed late. `reveals`: the *profile* says so."""
        self.persona, self.latency, self.reveals = persona, latency, reveals
        self.leaks = 0
        self.rejected = 0
        self.reason = ""
        self.state: Origin = Origin.SILENCE
        self._echo = EchoCheck(latency if own is None else own)
        self._tail = np.zeros(FADE, np.float32)  # the last samples sent
        self._ending = np.zeros(0, np.float32)  # what is left of the fade to silence
        self._faded_in = 0  # samples of the fade in that are done

    def admit(
        self,
        result: object,
        mic: MicBlock,
        converter_reveals: bool = False,
        fed: NDArray[np.float32] | None = None,
    ) -> PersonaBlock:
        """Checks what the converter made of `mic` and seals it, or returns silence. Never raises.

        `fed`: what the converter was really given, if that is not `mic.samples` (the same, delayed).
        """
        out = self._listen(result, mic, converter_reveals, mic.samples if fed is None else fed)
        if self.reason:
            return self._silence(mic)
        np.clip(out, np.float32(-1), np.float32(1), out=out)
        if self._faded_in < FADE:
            count = min(out.size, FADE - self._faded_in)
            out[:count] *= _FADE_IN[self._faded_in : self._faded_in + count]
            self._faded_in += count
        out = self._add_ending(out)
        return self._seal(out, mic, Origin.REVEAL if converter_reveals else Origin.ENGINE)

    def stand_in(self, mic: MicBlock, fed: NDArray[np.float32] | None = None) -> PersonaBlock:
        """Silence for `mic`, after a short fade out of what was heard. `fed` as for `admit`. Never raises."""
        self._echo.is_echo(np.zeros(mic.samples.size, np.float32), mic.samples if fed is None else fed)
        return self._silence(mic)

    def _silence(self, mic: MicBlock) -> PersonaBlock:
        if self.state is not Origin.SILENCE:
            self._ending = self._tail[::-1] * _FADE_IN[::-1]
        self._faded_in = 0
        return self._seal(self._add_ending(np.zeros(mic.samples.size, np.float32)), mic, Origin.SILENCE)

    def _add_ending(self, out: NDArray[np.float32]) -> NDArray[np.float32]:
        count = min(out.size, self._ending.size)
        out[:count] += self._ending[:count]
        self._ending = self._ending[count:]
        return np.clip(out, np.float32(-1), np.float32(1), out=out)

    def _seal(self, out: NDArray[np.float32], mic: MicBlock, origin: Origin) -> PersonaBlock:
        if out.size:
            self.state = origin
            self._tail = np.concatenate((self._tail, out))[-FADE:]
        out.flags.writeable = False
        captured_ns = mic.captured_ns - round(self.latency * 1e9 / SAMPLE_RATE)
        return PersonaBlock(out, captured_ns, mic.index - self.latency, self.persona, origin, _SEAL)

    def _listen(
        self, result: object, mic: MicBlock, converter_reveals: bool, fed: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """A copy of `result`, which is all that is looked at: a converter that kept the array cannot write into it
        meanwhile. Zeros where it has no form. `reason` is what can be said against it."""
        wrong, leak = self._wrong(result, mic), ""
        if converter_reveals and not self.reveals:
            leak = "a converter that lets the real voice through, which the profile does not ask for"
        elif isinstance(result, np.ndarray) and any(np.may_share_memory(result, one) for one in (mic.samples, fed)):
            leak = "the memory of the microphone's samples"
        made = np.zeros(mic.samples.size, np.float32)
        if isinstance(result, np.ndarray) and not wrong:
            made = np.array(result)
            if not np.isfinite(made).all():
                wrong = "samples that are not numbers"
                made[:] = 0
        if self._echo.is_echo(made, fed) and not converter_reveals and not wrong:
            leak = leak or "a copy of the microphone's samples"
        self.leaks += bool(leak)
        self.rejected += bool(wrong and not leak)
        self.reason = leak or wrong
        return made

    @staticmethod
    def _wrong(result: object, mic: MicBlock) -> str:
        """What is wrong with the form of a converter's result, or ""."""
        if type(result) is not np.ndarray:
            return f"a {type(result).__name__} instead of samples"
        if result.dtype != np.float32 or result.shape != mic.samples.shape:
            return f"{result.shape} {result.dtype} instead of {mic.samples.shape} float32"
        return ""


def mix(parts: Sequence[tuple[PersonaBlock, NDArray[np.float32] | float]]) -> PersonaBlock:
    """The sum of sealed blocks that answer to the same samples, each times its weight; the last one names the result.

    The crossfade at a switch of persona. As long as the real voice is part of it, its origin is REVEAL.
    Raises `PipelineError` if the blocks do not belong together.
    """
    last = parts[-1][0]
    if any((block.index, block.samples.size) != (last.index, last.samples.size) for block, _ in parts):
        raise PipelineError("Blocks of different moments cannot be mixed; nothing was sent. Please report this bug.")
    total = np.zeros(last.samples.size, np.float32)
    origin = last.origin
    for block, weight in parts:
        total += block.samples * np.asarray(weight, np.float32)
        if block.origin is Origin.REVEAL and np.any(weight):
            origin = Origin.REVEAL
    np.clip(total, np.float32(-1), np.float32(1), out=total)
    total.flags.writeable = False
    return PersonaBlock(total, last.captured_ns, last.index, last.persona, origin, _SEAL)


def hushed(block: PersonaBlock, *, begins: bool = False) -> PersonaBlock:
    """Silence in the place of a sealed block: what a panic lets be heard.

    begins: it is the first of the panic; the persona's own sound then fades out over 5 ms, so that nothing clicks. The
    real voice of a persona that reveals is cut off at once.
    """
    out = np.zeros(block.samples.size, np.float32)
    if begins and block.origin is Origin.ENGINE:
        count = min(out.size, FADE)
        out[:count] = block.samples[:count] * _FADE_IN[::-1][:count]
    out.flags.writeable = False
    return PersonaBlock(out, block.captured_ns, block.index, block.persona, Origin.SILENCE, _SEAL)


def risen(block: PersonaBlock) -> PersonaBlock:
    """The same block with its first 5 ms faded in: the first one after a panic."""
    out = block.samples.copy()
    count = min(out.size, FADE)
    out[:count] *= _FADE_IN[:count]
    out.flags.writeable = False
    return PersonaBlock(out, block.captured_ns, block.index, block.persona, block.origin, _SEAL)


def part(block: PersonaBlock, begin: int, end: int) -> PersonaBlock:
    """Samples `begin` to `end` (as in a slice, both >= 0) of a sealed block, with the capture time that is theirs."""
    samples = block.samples[begin:end]
    captured_ns = block.captured_ns + round(begin * 1e9 / SAMPLE_RATE)
    return PersonaBlock(samples, captured_ns, block.index + begin, block.persona, block.origin, _SEAL)


def beside(camera: CameraFrame, persona: PersonaFrame, *, driver_may_be_seen: bool) -> PersonaFrame:
    """The driver on the left, the persona on the right, of one height, as one frame with the origin REVEAL.

    The one place where a camera picture is put beside a persona on purpose (``--side-by-side``). Raises
    `PipelineError` unless `driver_may_be_seen` is True: the caller must have been told so by the user.
    """
    if driver_may_be_seen is not True:
        raise PipelineError("The driver's picture was to be shown without being asked for; nothing was sent.")
    import cv2

    height = persona.image.shape[0]
    width = max(2, round(camera.image.shape[1] * height / camera.image.shape[0] / 2) * 2)
    shrink = height < camera.image.shape[0]
    driver = cv2.resize(camera.image, (width, height), interpolation=cv2.INTER_AREA if shrink else cv2.INTER_LINEAR)
    image = _frozen(np.ascontiguousarray(np.hstack((driver, persona.image))))
    return PersonaFrame(image, persona.captured_ns, persona.index, persona.persona, Origin.REVEAL, _SEAL)


def _frozen(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    image.flags.writeable = False
    return image


_FADE_IN: Final = (0.5 - 0.5 * np.cos(np.pi * (np.arange(FADE) + 0.5) / FADE)).astype(np.float32)
