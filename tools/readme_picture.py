"""Draws docs/img/personas.png: the driver and all built-in personas at the same moments of the bundled performance.

python tools/readme_picture.py
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from obs_portrait.face.engine import engine_class
from obs_portrait.face.portrait import load_portrait
from obs_portrait.face.tracker import FaceTracker
from obs_portrait.face.types import Canvas
from obs_portrait.persona import store
from obs_portrait.pipeline.performance import PerformanceVideoSource

MOMENTS = (0.85, 4.2, 9.2)  # seconds
SIDE = 288
OUT = Path(__file__).resolve().parents[1] / "docs" / "img" / "personas.png"


def main() -> None:
    frames, seen = [], []
    with PerformanceVideoSource() as source, FaceTracker("video") as tracker:
        reference = None
        wanted = [round(moment * float(source.rate)) for moment in MOMENTS]
        while (frame := source.read()) is not None:
            observation = tracker.track(frame.image, frame.captured_ns)
            reference = reference or observation
            if frame.index in wanted and observation is not None:
                frames.append(frame.image)
                seen.append(observation)
    rows = [frames]
    for listing in store.list_profiles():
        profile = listing.profile
        if profile is None or listing.origin != "built-in" or profile.reveals:
            continue
        engine = engine_class(profile.face.engine)()
        engine.prepare(load_portrait(profile.portrait_path), profile.face, Canvas(512, 512))
        engine.set_reference(reference)
        rows.append([engine.render(observation) for observation in seen])
    columns = [np.vstack([cv2.resize(i, (SIDE, SIDE), interpolation=cv2.INTER_AREA) for i in row]) for row in rows]
    Image.fromarray(np.hstack(columns)).quantize(256, dither=Image.Dither.FLOYDSTEINBERG).save(OUT, optimize=True)
    print(OUT, OUT.stat().st_size)


if __name__ == "__main__":
    main()
