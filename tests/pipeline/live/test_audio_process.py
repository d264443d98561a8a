"""What the audio process is made of."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

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
