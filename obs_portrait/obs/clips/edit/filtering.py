"""A chain of FFmpeg's audio filters as a step between samples and samples."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from itertools import pairwise
from typing import Any

import av
import numpy as np
from av.error import BlockingIOError as AvAgain
from av.error import EOFError as AvEOF
from numpy.typing import NDArray

from obs_portrait.obs.clips.edit.reading import RATE

__all__ = ["Chain"]


class Chain:
    """`for part in chain(samples)`; `chain(None)` gives what is still inside.

    Samples are (channels, n) float32 at 48 kHz; filters: (name, arguments) in their order, as FFmpeg documents them.
    """

    def __init__(self, layout: str, *filters: tuple[str, str]) -> None:
        self._layout = layout
        self._samples = 0
        graph: Any = av.filter.Graph()
        nodes = [
            graph.add_abuffer(sample_rate=RATE, format="fltp", layout=layout, time_base=Fraction(1, RATE)),
            *(graph.add(name, arguments) for name, arguments in filters),
            graph.add("aformat", f"sample_fmts=fltp:sample_rates={RATE}:channel_layouts={layout}"),
            graph.add("abuffersink"),
        ]
        for one, other in pairwise(nodes):
            one.link_to(other)
        graph.configure()
        self._graph, self._first, self._last = graph, nodes[0], nodes[-1]

    def __call__(self, samples: NDArray[np.float32] | None) -> Iterator[NDArray[np.float32]]:
        if samples is None:
            self._first.push(None)
        else:
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples), format="fltp", layout=self._layout)
            frame.sample_rate, frame.pts, frame.time_base = RATE, self._samples, Fraction(1, RATE)
            self._samples += samples.shape[1]
            self._first.push(frame)
        while True:
            try:
                yield self._last.pull().to_ndarray()
            except (AvAgain, AvEOF):
                return
