"""The guard's promise, tried by a machine that does everything in every order."""

from __future__ import annotations

import ast
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

import obs_portrait
from obs_portrait.errors import LeakError, PipelineError
from obs_portrait.face.types import Canvas
from obs_portrait.media.types import SAMPLE_RATE, CameraFrame, MicBlock, Origin, PersonaBlock, PersonaFrame, Seal
from obs_portrait.pipeline.guard import FADE, AudioGuard, Look, VideoGuard, beside, hushed, mix, part

CANVAS = Canvas(64, 48)
HOLD_S = 0.5


def picture(seed: int, height: int = CANVAS.height, width: int = CANVAS.width) -> np.ndarray:
    """Coarse random blocks: something that survives being shrunk to a thumbnail."""
    coarse = np.random.default_rng(seed).integers(0, 256, (12, 16, 3), np.uint8)
    rows, columns = np.arange(height) * 12 // height, np.arange(width) * 16 // width
    return np.ascontiguousarray(coarse[rows[:, None], columns[None]])


CAMERAS = [picture(seed) for seed in range(7)]
STILLS = {name: picture(seed) for seed, name in enumerate(("ann", "bob"), 100)}
LOOKS = {name: Look(name, still) for name, still in STILLS.items()} | {
    "nobody": Look("nobody", None),
    "myself": Look("myself", None, reveals=True),
}

# What a bad engine may return for a camera picture, and whether it counts as a leak or as a wrong result.
LEAKS = {
    "the picture itself": lambda image: image,
    "a view": lambda image: image[:],
    "a mirrored view": lambda image: image[:, ::-1],
    "a copy": lambda image: image.copy(),
    "a mirrored copy": lambda image: np.ascontiguousarray(image[:, ::-1]),
    "upside down": lambda image: np.ascontiguousarray(image[::-1]),
    "darker": lambda image: (image // 2 + 20).astype(np.uint8),
    "as BGR": lambda image: np.ascontiguousarray(image[..., ::-1]),
    "a corner as a view": lambda image: image[:8, :8],
    "as bytes seen anew": lambda image: image.view(np.int8),
}
WRONGS = {
    "text": lambda image: "picture",
    "too small": lambda image: np.zeros((8, 8, 3), np.uint8),
    "grey": lambda image: np.zeros((CANVAS.height, CANVAS.width), np.uint8),
    "NaN": lambda image: np.full((CANVAS.height, CANVAS.width, 3), np.nan),
    "floats": lambda image: picture(5).astype(np.float32),
    "a list": lambda image: picture(5).tolist(),
    "a matrix of another kind": lambda image: np.ma.masked_array(picture(5)),
}


class Shows(RuleBasedStateMachine):
    """The guard beside a model of what it may show."""

    def __init__(self) -> None:
        super().__init__()
        self.guard = VideoGuard(LOOKS["ann"], CANVAS, HOLD_S)
        self.name = "ann"
        self.now = 0
        self.count = 0
        self.held: tuple[np.ndarray, int] | None = None
        self.covered = False
        self.leaks = 0
        self.rejected = 0
        self.out: PersonaFrame | None = None
        self.camera = CameraFrame(picture(0), 0, 0)

    def frame(self) -> CameraFrame:
        self.count += 1
        self.camera = CameraFrame(CAMERAS[self.count % 7].copy(), self.now, self.count)
        return self.camera

    def expect_stand_in(self) -> None:
        assert self.out is not None
        if self.held is not None and not self.covered and 0 <= self.now - self.held[1] <= HOLD_S * 1e9:
            assert self.out.origin is Origin.HOLD
            assert np.array_equal(self.out.image, self.held[0])
        elif LOOKS[self.name].still is not None:
            assert self.out.origin is Origin.PORTRAIT
            assert np.array_equal(self.out.image, STILLS[self.name])
        else:
            assert self.out.origin is Origin.CARD

    @rule(ns=st.integers(0, 400_000_000))
    def time_goes_by(self, ns: int) -> None:
        self.now += ns

    @rule(ns=st.integers(1, 10**10))
    def the_file_starts_again(self, ns: int) -> None:
        self.now = max(0, self.now - ns)

    @rule(seed=st.integers(200, 220))
    def the_engine_delivers(self, seed: int) -> None:
        result = picture(seed)
        self.out = self.guard.admit(result, self.frame())
        if self.covered:
            self.expect_stand_in()
            return
        assert self.out.origin is Origin.ENGINE
        self.held = (result.copy(), self.now)
        result[:] = self.camera.image  # an engine that paints on it afterwards changes nothing
        assert np.array_equal(self.out.image, self.held[0])

    @rule(kind=st.sampled_from(sorted(LEAKS)))
    def the_engine_returns_the_camera(self, kind: str) -> None:
        frame = self.frame()
        self.out = self.guard.admit(LEAKS[kind](frame.image), frame)
        self.leaks += not self.covered
        self.expect_stand_in()

    @rule(kind=st.sampled_from(sorted(WRONGS)))
    def the_engine_returns_nonsense(self, kind: str) -> None:
        frame = self.frame()
        self.out = self.guard.admit(WRONGS[kind](frame.image), frame)
        self.rejected += not self.covered
        self.expect_stand_in()

    @rule()
    def the_engine_reveals(self) -> None:
        frame = self.frame()
        self.out = self.guard.admit(frame.image.copy(), frame, engine_reveals=True)
        if self.covered:
            self.expect_stand_in()
        elif LOOKS[self.name].reveals:
            assert self.out.origin is Origin.REVEAL
            self.held = None  # the real person is never held
        else:
            self.leaks += 1
            self.expect_stand_in()

    @rule()
    def no_face(self) -> None:
        self.out = self.guard.stand_in(self.now, self.count)
        self.expect_stand_in()

    @rule(name=st.sampled_from(sorted(LOOKS)))
    def the_persona_is_switched(self, name: str) -> None:
        self.guard.switch(LOOKS[name])
        self.name, self.held = name, None

    @rule(on=st.booleans())
    def panic(self, on: bool) -> None:
        self.guard.cover(on)
        self.covered = on
        self.held = None if on else self.held

    @invariant()
    def what_leaves_is_the_persona(self) -> None:
        assert (self.guard.leaks, self.guard.rejected) == (self.leaks, self.rejected)
        if self.out is None:
            return
        assert self.out.image.shape == (CANVAS.height, CANVAS.width, 3)
        assert self.out.image.dtype == np.uint8
        assert self.out.image.flags.c_contiguous
        assert not self.out.image.flags.writeable
        assert not np.shares_memory(self.out.image, self.camera.image)
        if self.out.origin is not Origin.REVEAL:
            assert not any(np.array_equal(self.out.image, camera) for camera in CAMERAS)


Shows.TestCase.settings = settings(max_examples=120, stateful_step_count=40, deadline=None)
TestShows = Shows.TestCase


def test_a_resized_copy_of_a_larger_camera_picture_is_a_leak() -> None:
    camera = cv2.resize(picture(3, 12, 16), (320, 180), interpolation=cv2.INTER_CUBIC)
    guard = VideoGuard(LOOKS["ann"], CANVAS)
    boxed = np.zeros((48, 64, 3), np.uint8)
    boxed[6:42] = cv2.resize(camera, (64, 36), interpolation=cv2.INTER_AREA)
    shapes = {
        "stretched": cv2.resize(camera, (64, 48), interpolation=cv2.INTER_AREA),
        "cropped": cv2.resize(camera[:, 40:280], (64, 48), interpolation=cv2.INTER_LINEAR),
        "letterboxed": boxed,
        "mirrored and letterboxed": boxed[:, ::-1],
    }
    for name, leak in shapes.items():
        out = guard.admit(np.ascontiguousarray(leak), CameraFrame(camera, 0, 0))
        assert out.origin is Origin.PORTRAIT, name
    assert guard.leaks == len(shapes)


def test_a_picture_that_is_animated_with_itself_is_no_leak() -> None:
    guard = VideoGuard(LOOKS["ann"], CANVAS)
    out = guard.admit(STILLS["ann"].copy(), CameraFrame(STILLS["ann"].copy(), 0, 0))
    assert out.origin is Origin.ENGINE


def test_black_camera_and_black_persona_is_no_leak() -> None:
    guard = VideoGuard(LOOKS["ann"], CANVAS)
    black = np.zeros((CANVAS.height, CANVAS.width, 3), np.uint8)
    assert guard.admit(black.copy(), CameraFrame(black, 0, 0)).origin is Origin.ENGINE


@pytest.mark.parametrize("still", [np.zeros((3, 3, 3), np.uint8), np.zeros((48, 64, 3), np.float32)])
def test_a_still_of_a_wrong_form_is_replaced_by_the_card(still: np.ndarray) -> None:
    guard = VideoGuard(Look("odd", still), CANVAS)
    out = guard.stand_in(0)
    assert out.origin is Origin.CARD
    assert out.image.std() > 1  # the card shows something


def test_beside_shows_the_driver_only_when_asked() -> None:
    guard = VideoGuard(LOOKS["ann"], CANVAS)
    camera = CameraFrame(picture(1, 96, 128), 7, 3)
    persona = guard.stand_in(7, 3)
    with pytest.raises(PipelineError, match="without being asked"):
        beside(camera, persona, driver_may_be_seen=False)
    both = beside(camera, persona, driver_may_be_seen=True)
    assert both.image.shape == (48, 128, 3)
    assert both.origin is Origin.REVEAL
    assert np.array_equal(both.image[:, 64:], STILLS["ann"])


@pytest.mark.parametrize("text", ["Synthetic", "A very long label that does not fit into so small a picture", "x"])
@pytest.mark.parametrize("canvas", [Canvas(320, 240), Canvas(64, 48), Canvas(1280, 720)])
def test_the_label_is_in_every_picture_and_only_there(text: str, canvas: Canvas) -> None:
    still = picture(100, canvas.height, canvas.width)
    plain, labelled = VideoGuard(Look("a", still), canvas), VideoGuard(Look("a", still, label=text), canvas)
    camera = CameraFrame(picture(1, canvas.height, canvas.width), 0, 0)
    result = picture(200, canvas.height, canvas.width)
    shown = [(guard.stand_in(0), guard.admit(result.copy(), camera), guard.stand_in(1)) for guard in (plain, labelled)]
    for without, with_label in zip(*shown, strict=True):
        assert without.origin is with_label.origin
        changed = (without.image != with_label.image).any(-1)
        rows, columns = np.nonzero(changed)
        assert rows.size > 0
        assert rows.min() > canvas.height / 3
        assert columns.max() < canvas.width
    without, with_label = (VideoGuard(Look("a", label=label), canvas).stand_in(0) for label in ("", text))
    assert with_label.origin is Origin.CARD
    assert (without.image != with_label.image).any()


def test_only_the_guard_holds_the_seal() -> None:
    holders = set()
    for path in Path(obs_portrait.__file__).parent.rglob("*.py"):
        names = {node.id for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Name)}
        names |= {
            alias.name
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.ImportFrom)
            for alias in node.names
        }
        names |= {node.attr for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Attribute)}
        if "_SEAL" in names:
            holders.add(path.relative_to(Path(obs_portrait.__file__).parent).as_posix())
    assert holders == {"media/types.py", "pipeline/guard.py"}
    with pytest.raises(LeakError):
        PersonaFrame(picture(1), 0, 0, "x", Origin.ENGINE, Seal())


# ---- sound -------------------------------------------------------------------------------------------------------

LATENCY = 96


def voice(seed: int, count: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 0.1, count).astype(np.float32)


BAD_VOICES = {
    "NaN": lambda mic: np.full_like(mic, np.nan),
    "infinite": lambda mic: np.full_like(mic, np.inf),
    "too short": lambda mic: mic[:-1].copy(),
    "doubles": lambda mic: mic.astype(np.float64),
    "nothing": lambda mic: None,
    "the samples": lambda mic: mic,
    "a view": lambda mic: mic[:],
    "a copy": lambda mic: mic.copy(),
    "louder": lambda mic: mic * np.float32(1.7),
    "inverted": lambda mic: -mic,
}


class Speaks(RuleBasedStateMachine):
    """Blocks of any size, good and bad in any order: silence is silent, nothing of the microphone, no clicks."""

    def __init__(self) -> None:
        super().__init__()
        self.guard = AudioGuard("ann", LATENCY)
        self.index = 0
        self.made = 0
        self.last = 0.0
        self.bad = 0
        self.leaked = -SAMPLE_RATE  # when the converter last gave the microphone's samples

    def mic(self, count: int) -> MicBlock:
        block = MicBlock(voice(self.index + 1, count), round(self.index * 1e9 / SAMPLE_RATE), self.index)
        self.index += count
        return block

    def check(self, out: PersonaBlock, mic: MicBlock) -> None:
        assert out.samples.shape == mic.samples.shape
        assert out.samples.dtype == np.float32
        assert np.isfinite(out.samples).all()
        assert not np.shares_memory(out.samples, mic.samples)
        assert out.index == mic.index - LATENCY
        assert out.captured_ns == mic.captured_ns - round(LATENCY * 1e9 / SAMPLE_RATE)
        # The persona's voice here is a slow sine of amplitude 0.5: any step larger than this is a click.
        assert np.abs(np.diff(out.samples, prepend=np.float32(self.last))).max(initial=0.0) < 0.06
        self.last = float(out.samples[-1])

    @rule(count=st.integers(64, 4096))
    def the_converter_delivers(self, count: int) -> None:
        at = np.arange(self.made, self.made + count)
        self.made += count
        mic = self.mic(count)
        out = self.guard.admit((0.5 * np.sin(at * 0.03)).astype(np.float32), mic)
        if mic.index - self.leaked > SAMPLE_RATE // 4:  # it is not trusted at once
            assert out.origin is Origin.ENGINE
        self.bad += out.origin is Origin.SILENCE
        self.check(out, mic)

    @rule(kind=st.sampled_from(sorted(BAD_VOICES)), count=st.integers(64, 2048))
    def the_converter_fails(self, kind: str, count: int) -> None:
        mic = self.mic(count)
        out = self.guard.admit(BAD_VOICES[kind](mic.samples), mic)
        self.bad += 1
        self.leaked = self.index
        assert out.origin is Origin.SILENCE
        assert not np.any(out.samples[FADE:])
        self.check(out, mic)
        assert self.guard.leaks + self.guard.rejected == self.bad

    @rule(count=st.integers(1, 64))
    def it_raises(self, count: int) -> None:
        mic = self.mic(count)
        self.check(self.guard.stand_in(mic), mic)


Speaks.TestCase.settings = settings(max_examples=80, stateful_step_count=30, deadline=None)
TestSpeaks = Speaks.TestCase


@pytest.mark.parametrize("delay", [0, 1, 333, 1440, 4000])
@pytest.mark.parametrize("gain", [1.0, -0.4, 2.0])
def test_a_delayed_copy_of_the_microphone_is_silenced_within_a_tenth_of_a_second(delay: int, gain: float) -> None:
    mic = voice(1, SAMPLE_RATE)
    leak = np.concatenate((np.zeros(delay, np.float32), mic))[: mic.size] * np.float32(gain)
    guard = AudioGuard("ann", 1440)
    out = [
        guard.admit(leak[at : at + 480].copy(), MicBlock(mic[at : at + 480], 0, at)).samples
        for at in range(0, mic.size, 480)
    ]
    assert guard.leaks > 0
    assert not np.concatenate(out)[delay + SAMPLE_RATE // 10 :].any()


def test_another_voice_in_the_same_room_is_no_echo() -> None:
    guard = AudioGuard("ann", 0)
    mains = (0.05 * np.sin(np.arange(SAMPLE_RATE) * 2 * np.pi * 50 / SAMPLE_RATE)).astype(np.float32)
    mic, made = voice(1, SAMPLE_RATE) + mains, voice(2, SAMPLE_RATE) + mains
    for at in range(0, mic.size, 480):
        out = guard.admit(made[at : at + 480].copy(), MicBlock(mic[at : at + 480], 0, at))
        assert out.origin is Origin.ENGINE


@pytest.mark.parametrize(("profile", "converter", "passes"), [(True, True, True), (False, True, False)])
def test_the_real_voice_needs_both_profile_and_converter(profile: bool, converter: bool, passes: bool) -> None:
    mic = MicBlock(voice(1, 4800), 0, 0)
    out = AudioGuard("me", 0, reveals=profile).admit(mic.samples.copy(), mic, converter_reveals=converter)
    assert (out.origin is Origin.REVEAL) is passes
    assert bool(out.samples.any()) is passes


@given(weights=st.tuples(st.floats(0, 1), st.floats(0, 1)))
def test_mix_is_the_weighted_sum(weights: tuple[float, float]) -> None:
    guards = [AudioGuard("a", 0), AudioGuard("b", 0)]
    mic = MicBlock(voice(1, 960), 5, 40)
    blocks = [guard.admit(voice(seed, 960), mic) for seed, guard in enumerate(guards, 2)]
    out = mix([(blocks[0], weights[0]), (blocks[1], weights[1])])
    expected = np.clip(sum(b.samples * np.float32(w) for b, w in zip(blocks, weights, strict=True)), -1, 1)
    assert np.allclose(out.samples, expected, atol=1e-6)
    assert (out.persona, out.index) == ("b", 40)


def test_a_mix_with_the_real_voice_in_it_is_no_engine_s() -> None:
    """So that a panic in a crossfade cuts it off, and does not fade it out."""
    mic = MicBlock(voice(1, 960), 5, 40)
    me = AudioGuard("me", 0, reveals=True).admit(mic.samples.copy(), mic, converter_reveals=True)
    ann = AudioGuard("ann", 0).admit(voice(2, 960), mic)
    fading, rising = np.linspace(1, 0, 960, dtype=np.float32), np.linspace(0, 1, 960, dtype=np.float32)
    for parts in ([(me, fading), (ann, rising)], [(ann, fading), (me, rising)]):
        out = mix(parts)
        assert out.origin is Origin.REVEAL
        assert not hushed(out, begins=True).samples.any()
    assert mix([(me, np.zeros(960, np.float32)), (ann, 1.0)]).origin is Origin.ENGINE


def test_blocks_of_different_moments_do_not_mix() -> None:
    guard = AudioGuard("a", 0)
    one = guard.stand_in(MicBlock(voice(1, 96), 0, 0))
    two = guard.stand_in(MicBlock(voice(1, 96), 0, 96))
    with pytest.raises(PipelineError, match="different moments"):
        mix([(one, 1.0), (two, 1.0)])


def test_part_keeps_times_true() -> None:
    block = AudioGuard("a", 0).admit(voice(2, 960), MicBlock(voice(1, 960), 0, 0))
    middle = part(block, 480, 720)
    assert np.array_equal(middle.samples, block.samples[480:720])
    assert (middle.index, middle.captured_ns) == (480, 10_000_000)
