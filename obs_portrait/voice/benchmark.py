"""How fast the voice converter is on this machine, fed as a sound device feeds it."""

from __future__ import annotations

import gc
import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from obs_portrait import resources
from obs_portrait.errors import VoiceError
from obs_portrait.media.types import SAMPLE_RATE
from obs_portrait.voice.converter import converter_class
from obs_portrait.voice.dsp.settings import DspSettings
from obs_portrait.voice.settings import VoiceSettings

__all__ = ["run", "vowels"]


def vowels(seconds: float, pitch_hz: float = 120.0) -> NDArray[np.float32]:
    """Synthetic speech for machines without any: (n,) float32, vowels of known formants with gliding pitch, and a
    hiss between them. A pulse train through three resonators (G. Fant's source and filter)."""
    rng = np.random.default_rng(7)
    count = int(seconds * SAMPLE_RATE)
    out = np.zeros(count)
    table = [(730, 1090, 2440), (270, 2290, 3010), (300, 870, 2240), (530, 1840, 2480), (570, 840, 2410)]  # a i u e o
    length = int(0.3 * SAMPLE_RATE)
    for number, start in enumerate(range(0, count, length)):
        size = min(length, count - start)
        t = np.arange(size) / SAMPLE_RATE
        if number % 4 == 3:
            hiss = np.diff(rng.standard_normal(size + 1)) * 0.03
            out[start : start + size] = hiss * np.sin(np.pi * t / 0.3)
            continue
        hz = pitch_hz * 2.0 ** (0.25 * np.sin(2 * np.pi * (start / SAMPLE_RATE + t) / 1.7))
        phase = np.cumsum(hz) / SAMPLE_RATE
        pulses = np.diff(np.floor(phase), prepend=0.0)
        spectrum = np.fft.rfft(pulses)
        z = np.exp(-2j * np.pi * np.fft.rfftfreq(size))
        for formant in table[number % len(table)]:
            r, w = np.exp(-np.pi * 80.0 / SAMPLE_RATE), 2 * np.pi * formant / SAMPLE_RATE
            spectrum = spectrum * (1 - 2 * r * np.cos(w) + r * r) / (1 - 2 * r * np.cos(w) * z + r * r * z * z)
        vowel = np.fft.irfft(spectrum, size) * np.sin(np.pi * t / 0.3)
        out[start : start + size] = 0.3 * vowel / max(float(np.abs(vowel).max()), 1e-9)
    return out.astype(np.float32)


def _speech(seconds: float) -> NDArray[np.float32]:
    """The bundled speech, repeated, or synthetic vowels."""
    for path in sorted((resources.assets_dir() / "performance").glob("*")):
        if path.suffix in {".flac", ".wav", ".ogg", ".opus", ".mp3", ".m4a"}:
            import av

            with av.open(str(path)) as container:
                resampler = av.AudioResampler("flt", "mono", SAMPLE_RATE)
                frames = [f for frame in container.decode(audio=0) for f in resampler.resample(frame)]
            speech = np.concatenate([frame.to_ndarray()[0] for frame in frames])
            return np.resize(speech, int(seconds * SAMPLE_RATE)).astype(np.float32)
    return vowels(seconds)


def run(seconds: float = 30.0, block: int = 480, settings: VoiceSettings | None = None) -> dict[str, Any]:
    """Converts `seconds` of speech in blocks of `block` samples and measures each call.

    Returns latency_ms (constant, algorithmic), rtf (time used / time of sound), p50_ms, p99_ms and max_ms per block
    (wall time; the default block is 10 ms), and what was measured: converter, block, seconds. With no `settings` a
    demanding persona is used: other pitch and formants, equaliser, gate and reverberation.
    """
    if seconds <= 0 or block < 1:
        raise VoiceError(f"Nothing can be measured in {seconds} s with blocks of {block} samples.")
    chosen = settings or DspSettings.model_validate(
        {
            "pitch_hz": 180.0,
            "formant": 1.16,
            "gate_db": -60.0,
            "hall": 0.3,
            "equaliser": [{"hz": 250.0, "gain_db": -3.0}, {"hz": 3000.0, "gain_db": 4.0}],
        }
    )
    converter = converter_class(chosen.converter)()
    converter.prepare(chosen)
    speech = _speech(seconds)
    state = converter.new_state()
    blocks = [speech[at : at + block] for at in range(0, speech.size - block + 1, block)]
    times = np.zeros(len(blocks))
    collecting = gc.isenabled()
    gc.disable()  # as the sound process does
    try:
        for number, samples in enumerate(blocks):
            begin = time.perf_counter()
            converter.process(state, samples)
            times[number] = time.perf_counter() - begin
    finally:
        if collecting:
            gc.enable()
    return {
        "converter": chosen.converter,
        "seconds": speech.size / SAMPLE_RATE,
        "block": block,
        "latency_ms": 1000.0 * converter.latency / SAMPLE_RATE,
        "rtf": float(times.sum() / (len(blocks) * block / SAMPLE_RATE)),
        "p50_ms": float(1000 * np.percentile(times, 50)),
        "p99_ms": float(1000 * np.percentile(times, 99)),
        "max_ms": float(1000 * times.max()),
    }
