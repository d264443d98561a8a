"""What the audio process is made of."""

from __future__ import annotations

import multiprocessing
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from obs_portrait.media.sinks.base import AudioSink
from obs_portrait.media.types import MicBlock, Origin, PersonaBlock
from obs_portrait.pipeline.live import audio_process
from obs_portrait.pipeline.live.board import Board
from obs_portrait.pipeline.live.child import Link
from obs_portrait.pipeline.live.delay import DelayLine
from obs_portrait.pipeline.live.figures import AudioFigures
from obs_portrait.pipeline.live.messages import Notice
from obs_portrait.pipeline.live.options import AUDIO_CELLS, CONTROL_CELLS, AudioPlan, LiveOptions
from obs_portrait.pipeline.prepare import PreparedVoice
from obs_portrait.pipeline.voice_pipeline import VoicePipeline
from obs_portrait.voice.reveal import RevealConverter
from tests.pipeline.doubles import Rectifier, voice

ROOT = Path(__file__).resolve().parents[3]


def test_the_audio_process_loads_nothing_of_the_picture() -> None:
    """Neither importing nor preparing, converting and guarding a voice may load OpenCV, MediaPipe or torch."""
    program = (
        "import sys\n"
        "import numpy as np\n"
        "from obs_portrait.media.types import MicBlock\n"
        "from obs_portrait.pipeline.live import audio_process, child, devices\n"
        "from obs_portrait.pipeline.live.options import Voice\n"
        "from obs_portrait.pipeline.prepare import prepare_voice\n"
        "from obs_portrait.pipeline.voice_pipeline import VoicePipeline\n"
        "from obs_portrait.voice.converter import converter_class\n"
        "voice = prepare_voice(Voice('test', converter_class('dsp').settings_model()))\n"
        "VoicePipeline([voice]).process(MicBlock(np.ones(480, np.float32), 0, 0))\n"
        "devices.audio_sink('null')\n"
        "devices.audio_source('silence', 0, False)\n"
        "print(*sorted({'cv2', 'mediapipe', 'torch', 'pyvirtualcam', 'tkinter'} & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == []


BLOCK = 480


class Catch(AudioSink):
    """Keeps what it is given."""

    name = "catch"

    def __init__(self) -> None:
        self.blocks: list[PersonaBlock] = []

    def open(self) -> None: ...

    def _write(self, block: PersonaBlock) -> None:
        self.blocks.append(block)

    def close(self) -> None: ...


class Script:
    """Stands where the ear does: `level(n)` is the loudness of block n, `at(n)` is done before it; rests are short."""

    name, ok, skipped = "script", True, 0

    def __init__(self, count: int, level: Callable[[int], float], at: Callable[[int], None], end: Callable[[], None]):
        self._count, self._level, self._at, self._end = count, level, at, end
        self._n = 0

    def read(self) -> MicBlock | None:
        if self._n == self._count:
            return None
        n, self._n = self._n, self._n + 1
        self._at(n)
        return MicBlock(np.full(BLOCK, self._level(n), np.float32), n * 10_000_000, n * BLOCK)

    def rest(self) -> None:
        self._end()


class Loop:
    """The audio process's loop, run in this thread on a script."""

    def __init__(self, voices: list[PreparedVoice], monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(audio_process, "raise_priority", lambda: 0)  # it would be this test's
        self.control = Board(*CONTROL_CELLS)
        self.ours, theirs = multiprocessing.Pipe()
        options = LiveOptions(source="performance", personas=("me",), audio=lambda: None)  # type: ignore[arg-type,return-value]
        plan = AudioPlan(options, (), voices[0].name, self.control)
        self.process = audio_process._AudioProcess(Link(theirs, Board(*AUDIO_CELLS)), plan)
        self.process._pipeline = self.pipeline = VoicePipeline(voices)
        self.process._figures = AudioFigures(self.pipeline)
        self.process._voices = {one.name: one for one in voices}
        self.sink = Catch()
        self.process._outlets.sinks.append(self.sink)

    def play(
        self, count: int, level: Callable[[int], float] = lambda n: 0.5, at: Callable[[int], None] = lambda n: None
    ) -> list[PersonaBlock]:
        self.process._ear = Script(count, level, at, lambda: self.control.set("rest", 0))  # type: ignore[assignment]
        self.process._play()
        self.process._report()
        return self.sink.blocks

    def notices(self) -> list[Notice]:
        told = []
        while self.ours.poll():
            told.append(self.ours.recv())
        return [one for one in told if isinstance(one, Notice)]


@pytest.mark.parametrize("delay_ms", [0, 400, 800])
@pytest.mark.parametrize("switched", [False, True])
def test_nothing_that_was_said_before_a_rest_is_heard_after_it(
    delay_ms: int, switched: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    me, ada = PreparedVoice("me", RevealConverter(), True), voice("ada", Rectifier(1440))
    loop = Loop([me, ada], monkeypatch)
    loop.control.set("delay_ns", delay_ms * 1_000_000)
    off = 200

    def at(n: int) -> None:
        if n == off:
            loop.control.set("rest", 1)
            if switched:
                loop.process._orders.append((ada, n * 10_000_000))

    blocks = loop.play(2 * off, lambda n: 0.5 if n <= off else 0.0, at)
    assert any(block.origin is Origin.REVEAL and block.samples.any() for block in blocks[:off])
    for block in blocks[off:]:
        assert not block.samples.any()
    assert blocks[-1].persona == ("ada" if switched else "me")


def test_after_a_rest_one_is_heard_again(monkeypatch: pytest.MonkeyPatch) -> None:
    loop = Loop([voice("ada", Rectifier(1440, 0.5))], monkeypatch)
    loop.control.set("delay_ns", 200_000_000)
    blocks = loop.play(300, at=lambda n: loop.control.set("rest", 1) if n == 100 else None)
    after = np.concatenate([block.samples for block in blocks[101:]])
    assert not after[: 9600 + 1440].any()
    assert np.allclose(after[-4800:], 0.25)
    assert loop.pipeline.stats.events["gaps"] == 0


def test_a_delay_line_that_forgets_keeps_its_delay() -> None:
    line = DelayLine(4800, fade=10)
    line.aim(1000)
    line.process(np.ones(3000, np.float32))
    line.aim(2000)
    line.process(np.ones(5, np.float32))  # in the middle of the fade
    line.forget()
    out = line.process(np.full(4000, 2, np.float32))
    assert not (out == 1).any()
    assert not out[:2000].any()
    assert (out[2000:] == 2).all()


def test_why_there_is_silence_is_told_once_and_that_it_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0

    def fault(count: int) -> None:
        if 50 <= now < 300:
            raise RuntimeError("what the microphone heard")

    def at(n: int) -> None:
        nonlocal now
        now = n

    loop = Loop([voice("ada", Rectifier(0, fault=fault))], monkeypatch)
    loop.play(600, at=at)
    began, over = loop.notices()
    assert began == Notice(
        "voice", "'ada' is silent, because its converter fails (RuntimeError); choose another persona.", True
    )
    assert over == Notice("voice", "'ada' is heard again.", False)
