"""The voice converter against the same job in plain numpy, in one run: how many times faster, and what it costs.

The peer is offline TD-PSOLA as a textbook writes it: autocorrelation per frame, one grain after the other with
`np.interp`, no states, no delay. It needs the whole recording and so could never run live; it is here for scale.

    python bench/voice.py [seconds]
"""

from __future__ import annotations

import json
import sys
import time

import numpy as np
from numpy.typing import NDArray

from obs_portrait.voice import benchmark
from obs_portrait.voice.dsp.converter import DspConverter
from obs_portrait.voice.dsp.settings import DspSettings

RATIO, FORMANT = 1.4, 1.16


def _period(frame: NDArray[np.float32]) -> int:
    """Period of a 30 ms frame in samples, 0 if it is unvoiced."""
    centred = frame - frame.mean()
    correlation = np.correlate(centred, centred, "full")[frame.size - 1 :]
    if correlation[0] < 1e-4:
        return 0
    lag = 96 + int(np.argmax(correlation[96:800]))
    return lag if correlation[lag] > 0.4 * correlation[0] else 0


def textbook(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """The whole recording at once."""
    periods = [_period(samples[at : at + 1440]) for at in range(0, samples.size - 1440, 240)]
    out = np.zeros(samples.size + 4096, np.float32)
    mark, place = 720.0, 720.0
    while place < samples.size - 2880:
        period = periods[min(int(place) // 240, len(periods) - 1)]
        width = period or 240
        while mark + width / 2 < place:
            mark += width
        reach = int(width / FORMANT)
        offsets = np.arange(-reach, reach + 1)
        first = max(int(mark - width) - 1, 0)
        near = samples[first : int(mark + width) + 2]
        grain = np.interp(mark - first + offsets * FORMANT, np.arange(near.size), near) * np.hanning(offsets.size)
        out[int(place) + offsets[0] : int(place) + offsets[-1] + 1] += grain
        place += width / (RATIO if period else 1.0)
    return out[: samples.size]


def main(seconds: float) -> None:
    speech = benchmark.vowels(seconds)
    begin = time.process_time()
    textbook(speech)
    peer = time.process_time() - begin

    converter = DspConverter()
    converter.prepare(DspSettings(pitch_hz=120.0 * RATIO, source_hz=120.0, formant=FORMANT))
    state = converter.new_state()
    begin = time.process_time()
    for at in range(0, speech.size, 480):
        converter.process(state, speech[at : at + 480])
    ours = time.process_time() - begin

    result = {
        "seconds": seconds,
        "textbook_numpy_rtf": peer / seconds,
        "ours_rtf": ours / seconds,
        "times_faster": peer / ours,
        "textbook_delay_ms": 1000.0 * seconds,
        "ours_delay_ms": converter.latency / 48.0,
    }
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 3.0)
