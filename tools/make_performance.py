"""Makes the bundled performance (obs_portrait/assets/performance): what is said, and how a face moves while saying it.

    python tools/make_performance.py speech /tmp/speech       # needs hibari-tts 0.2.1, onnx, scipy (not the project)
    .venv/bin/python tools/make_performance.py track /tmp/speech   # needs the recording ../shared/data/driving/d10.mp4

`speech` synthesises the sentences and keeps the length of every phoneme. `track` records a real performance with the
tracker (numbers only), takes its mouth out and puts in the mouth that the phonemes ask for: the jaw follows the sound
by construction. Head turns, a brow flash and a smile are added, because the recording has few.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
ROOT = Path(__file__).resolve().parents[1]
OUT = ROOT / "obs_portrait" / "assets" / "performance"
RECORDING = ROOT.parent / "shared" / "data" / "driving" / "d10.mp4"

FPS = 30
RATE = 48_000
EVENT_S = 0.8  # frame 24 exactly: the lips part at the pop
EVENT_FRAMES = 4
DURATION_S = 15.0
SENTENCES = (
    (1.5, "Hello! I am borrowing this face, and this voice as well."),
    (6.2, "Move, speak, blink: whoever you choose to be follows along."),
    (10.6, "Maybe a poet, maybe a robot. Shall we begin?"),
)
SIZE = 512
UNIT = 32.0  # landmarks are stored in 1/32 px

# Opening of the lips (1 = as wide as speech gets) and their width (+ spread, - rounded) for each phoneme.
VISEMES: dict[str, tuple[float, float]] = {
    **dict.fromkeys("mbp", (0.0, 0.0)),
    **dict.fromkeys("fv", (0.10, 0.1)),
    **dict.fromkeys("sz", (0.18, 0.35)),
    **dict.fromkeys("ʃʧʤʒ", (0.25, -0.45)),
    **dict.fromkeys("tdnlkɡŋhjðθ", (0.26, 0.1)),
    **dict.fromkeys("ɹw", (0.22, -0.6)),
    **dict.fromkeys("iɪ", (0.36, 0.6)),
    **dict.fromkeys("ɛeA", (0.62, 0.45)),
    **dict.fromkeys("æ", (0.85, 0.35)),
    **dict.fromkeys("ɑaI", (1.0, 0.05)),
    **dict.fromkeys("ʌəɐɜ", (0.5, 0.0)),
    **dict.fromkeys("ɔOoY", (0.68, -0.6)),
    **dict.fromkeys("uʊ", (0.34, -1.0)),
    **dict.fromkeys("W", (0.85, -0.3)),
}


def speech(folder: Path) -> None:
    """Writes speech.npz (samples, 48 kHz) and phonemes.json ([[symbol, start s, end s], ...])."""
    import hibari
    import onnx
    import onnxruntime
    from hibari import Hibari
    from scipy.signal import resample_poly

    folder.mkdir(parents=True, exist_ok=True)
    # The model keeps its durations (in units of 25 ms) to itself: make that node an output.
    durations = "/Clip_output_0"
    model = onnx.load(str(Path(hibari.__file__).parent / "assets" / "hibari.onnx"))
    model.graph.output.append(onnx.helper.make_empty_tensor_value_info(durations))
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    voice = Hibari()
    samples = np.zeros(round(DURATION_S * RATE))
    phonemes: list[tuple[str, float, float]] = []
    for start, text in SENTENCES:
        at = start
        for number, string in enumerate(voice.phonemize(text)):
            ids = voice.ids(string)
            wave = resample_poly(voice.from_phonemes(string, seed=7).astype(np.float64), 2, 1)
            feeds = {"ids": np.asarray([ids], np.int64), "speed": np.ones(1, np.float32)}
            units = np.ravel(session.run([durations], feeds)[0])
            lead = 0.025 * float(units[0]) - 0.06  # the silence before the first phoneme is cut short
            wave = wave[round(lead * RATE) :]
            first = round(at * RATE)
            samples[first : first + wave.size] += wave
            clock = at - lead
            for symbol, unit in zip(["", *[c for c in string if c in voice.vocab], ""], units, strict=True):
                phonemes.append((symbol, round(clock, 4), round(clock + 0.025 * float(unit), 4)))
                clock += 0.025 * float(unit)
            at += wave.size / RATE + (0.0 if number else -0.05)
    samples *= 0.5 / np.abs(samples).max()
    samples += pop()
    np.savez(folder / "speech.npz", samples=samples.astype(np.float32))
    (folder / "phonemes.json").write_text(json.dumps(phonemes))
    print(f"speech ends at {phonemes[-1][2]:.2f} s of {DURATION_S} s")


def pop() -> Array:
    """The sound of lips that part: a sharp onset at `EVENT_S`, a falling cavity resonance."""
    t = np.arange(round(0.09 * RATE)) / RATE
    phase = 2 * np.pi * np.cumsum(520 + 900 * np.exp(-t / 0.006)) / RATE
    burst = np.random.default_rng(3).normal(size=t.size) * np.exp(-t / 0.0015)
    wave = 0.6 * np.sin(phase) * np.exp(-t / 0.016) + 0.25 * burst
    wave *= np.minimum(1, t / 0.0004)
    out = np.zeros(round(DURATION_S * RATE))
    at = round(EVENT_S * RATE)
    out[at : at + t.size] = 0.55 * wave / np.abs(wave).max()
    return out


def smooth(x: Array, frames: float) -> Array:
    """Gaussian along time, sigma in samples of `x`."""
    half = int(4 * frames) + 1
    kernel = np.exp(-0.5 * (np.arange(-half, half + 1) / frames) ** 2)
    pad = np.pad(x, [(half, half)] + [(0, 0)] * (x.ndim - 1), mode="edge")
    return np.apply_along_axis(lambda c: np.convolve(c, kernel / kernel.sum(), "valid"), 0, pad)


def lips(phonemes: list[tuple[str, float, float]], samples: Array, times: Array) -> tuple[Array, Array]:
    """Opening 0 to 1 and width -1 to 1 at each frame time, from the phonemes and the loudness."""
    fine = 500
    clock = np.arange(round(DURATION_S * fine)) / fine
    opening, width, closed = (np.zeros(clock.size) for _ in range(3))
    for symbol, start, end in phonemes:
        if symbol in VISEMES:
            span = slice(round(start * fine), round(end * fine))
            opening[span], width[span] = VISEMES[symbol]
            if symbol in "mbp":
                closed[span] = 1.0
        elif symbol in "ˈˌː" and symbol:  # the mark of stress takes time: the vowel after it begins already
            later = next((s for s, a, _ in phonemes if a >= end - 1e-6 and s in VISEMES), "")
            if later:
                opening[round(start * fine) : round(end * fine)] = VISEMES[later][0]
                width[round(start * fine) : round(end * fine)] = VISEMES[later][1]
    hop = RATE // fine
    level = np.sqrt((samples[: clock.size * hop].reshape(-1, hop) ** 2).mean(1))
    level = smooth(level, 0.018 * fine)
    loud = np.clip(level / np.percentile(level[level > 0.01], 80), 0, 1.25) ** 0.6
    opening = smooth(opening * loud, 0.024 * fine)
    opening *= 1 - smooth(closed, 0.016 * fine) / max(1e-9, smooth(closed, 0.016 * fine).max())
    width = smooth(width * np.minimum(1, loud * 1.5), 0.04 * fine)
    # A frame shows the mouth in the middle of its exposure.
    sample = lambda x: np.interp(times, clock, x)  # noqa: E731
    opening, width = sample(opening), sample(width)
    quiet = times < SENTENCES[0][0] - 0.1
    opening[quiet] = 0
    event = round(EVENT_S * FPS)
    opening[event : event + EVENT_FRAMES + 2] = [*([1.15] * (EVENT_FRAMES - 1)), 0.8, 0.35, 0.1][: EVENT_FRAMES + 2]
    width[event - 4 : event] = -0.5
    width[event : event + EVENT_FRAMES] = -0.35
    return opening, width


def record() -> tuple[Array, Array]:
    """(T, 478, 3) landmarks in pixels and (T, 52) blendshapes of the recording."""
    import av

    from obs_portrait.face.tracker import FaceTracker

    if not RECORDING.is_file():
        sys.exit(f"{RECORDING} is not there: the recording does not belong to the project, only its numbers do.")
    landmarks, shapes = [], []
    with FaceTracker("video") as tracker, av.open(str(RECORDING)) as clip:
        for frame in clip.decode(video=0):
            seen = tracker.track(frame.to_ndarray(format="rgb24"), int((frame.time or 0) * 1e9))
            assert seen is not None
            landmarks.append(seen.landmarks)
            shapes.append(seen.blendshapes)
    return np.array(landmarks, np.float64), np.array(shapes, np.float64)


def rotation(yaw: float, pitch: float, roll: float) -> Array:
    """Degrees; image axes (x right, y down, z away)."""
    a, b, c = np.radians([yaw, pitch, roll])
    ry = np.array([[np.cos(a), 0, np.sin(a)], [0, 1, 0], [-np.sin(a), 0, np.cos(a)]])
    rx = np.array([[1, 0, 0], [0, np.cos(b), -np.sin(b)], [0, np.sin(b), np.cos(b)]])
    rz = np.array([[np.cos(c), -np.sin(c), 0], [np.sin(c), np.cos(c), 0], [0, 0, 1]])
    return np.asarray(rz @ ry @ rx)


def bump(times: Array, start: float, end: float, ramp: float) -> Array:
    """0, up to 1 from `start`, down to 0 by `end`, with cosine ramps."""
    up = np.clip((times - start) / ramp, 0, 1)
    down = np.clip((end - times) / ramp, 0, 1)
    return np.asarray(0.5 - 0.5 * np.cos(np.pi * np.minimum(up, down)))


def track(folder: Path) -> None:
    """Writes track.npz, speech.flac and performance.json into the package."""
    from obs_portrait.face.mesh.pose import solve

    samples = np.load(folder / "speech.npz")["samples"].astype(np.float64)
    phonemes = [tuple(p) for p in json.loads((folder / "phonemes.json").read_text())]
    times = np.arange(round(DURATION_S * FPS)) / FPS
    # Lips lead the sound a little, as in life; the middle of a frame is half a frame late.
    opening, width = lips(phonemes, samples, times + 0.5 / FPS + 0.03)
    landmarks, shapes = record()
    placed = [solve(frame.astype(np.float32)) for frame in landmarks]
    X = np.array([p.shape for p in placed])
    # 1. What the mouth does to the face, learned from the recording: shape ~ opening, width, smile, brows.
    o, w = X[:, 14, 1] - X[:, 13, 1], X[:, 291, 0] - X[:, 61, 0]
    smile, raised = shapes[:, [44, 45]].mean(1), shapes[:, [3, 4, 5]].mean(1)
    blink = shapes[:, [9, 10]].mean(1)
    features = np.stack([np.ones_like(o), o, w, o * o, o * w, smile, raised, blink], 1)
    weights, *_ = np.linalg.lstsq(features, X.reshape(len(X), -1), rcond=None)
    weights = weights.reshape(-1, 478, 3)
    # 2. The performance's frames: part of the recording, calm where it begins and ends.
    first = int(np.argmin([o[i : i + 12].mean() + blink[i : i + 12].mean() for i in range(40)]))
    index = (first + np.arange(times.size)) % (2 * len(X))
    index = np.where(index < len(X), index, 2 * len(X) - 1 - index)  # there and back again: no jump
    rest_w, open_full = float(np.median(w[o < np.percentile(o, 20)])), float(np.percentile(o, 97))
    new_o = np.clip(opening, 0, 1.2) * open_full * 0.92
    new_w = rest_w * (1 + 0.10 * width)
    joy = bump(times, 3.9, 6.1, 0.5) + bump(times, 13.6, 14.9, 0.5)
    flash = 0.7 * bump(times, 1.45, 2.4, 0.25) + 0.9 * bump(times, 12.6, 13.6, 0.3) + 0.5 * bump(times, 8.3, 9.2, 0.3)
    calm_brow = float(np.percentile(raised, 15))
    new_smile, new_raised = 0.08 + 0.75 * joy, calm_brow + (1 - calm_brow) * flash
    wanted = np.stack(
        [np.ones_like(new_o), new_o, new_w + rest_w * 0.09 * joy, new_o**2, new_o * new_w, new_smile, new_raised], 1
    )
    base = X[index] - np.einsum("tf,fvc->tvc", features[index, :7], weights[:7])
    base = np.clip(base, -0.6, 0.6)
    shape = smooth(base, 1.0) * 0.6 + np.einsum("tf,fvc->tvc", wanted, weights[:7])
    blinks(shape, times, features, weights)
    close(shape, new_o)
    # 3. The head: the recording's own motion, and turns that it lacks.
    yaw = (
        15 * bump(times, 4.2, 6.0, 0.55)
        - 17 * bump(times, 8.2, 9.9, 0.6)
        + 6 * np.sin(times * 0.9) * bump(times, 10.4, 14.6, 0.8)
    )
    pitch = (
        4.5 * np.sin(2 * np.pi * (times - 1.5) / 1.7) * bump(times, 1.6, 3.4, 0.5)
        + 5 * bump(times, 6.2, 7.2, 0.35)
        - 4 * bump(times, 12.7, 13.8, 0.4)
    )
    roll = 4 * bump(times, 3.9, 5.9, 0.6) - 5 * bump(times, 10.6, 12.0, 0.5)
    own = np.array([p.R for p in placed])
    places = np.array([p.t for p in placed])
    scale = float(np.median([p.scale for p in placed]))
    middle = places[first : first + 12].mean(0)
    calm = own[first : first + 12].mean(0)
    loop = 1 - bump(times, 0.6, DURATION_S - 0.1, 0.8)  # at both ends the pose of the first frames: it can be looped
    neck = np.array([0.0, 12.0, 4.0])
    out = np.empty_like(shape)
    poses = np.tile(np.eye(4), (times.size, 1, 1))
    smooth_own, smooth_place = smooth(own, 1.2), smooth(places, 1.2)
    flip = np.diag([1.0, -1.0, -1.0])
    for k in range(times.size):
        blend = (1 - loop[k]) * smooth_own[index[k]] + loop[k] * calm
        U, _, Vt = np.linalg.svd(blend)
        R = rotation(yaw[k], pitch[k], roll[k]) @ (U @ Vt)
        t = (1 - loop[k]) * smooth_place[index[k]] + loop[k] * middle
        t = t + scale * (neck - R @ neck) - scale * (neck - U @ Vt @ neck)  # the extra turn is about the neck
        out[k] = scale * shape[k] @ R.T + t
        poses[k, :3, :3] = flip @ R @ flip
        poses[k, :3, 3] = [(t[0] - SIZE / 2) / scale, -(t[1] - SIZE / 2) / scale, -45.0]
    coefficients = shapes[index].copy()
    coefficients[:, [9, 10]] = 0
    coefficients[:, 25:44] *= 0.0
    coefficients[:, 25] = np.clip(0.75 * opening, 0, 1)
    coefficients[:, [44, 45]] = new_smile[:, None]
    coefficients[:, [3, 4, 5]] = new_raised[:, None]
    write(out, coefficients, poses, times, samples, phonemes)


BLINKS = (1.35, 3.3, 5.1, 7.35, 8.9, 10.45, 12.3, 14.2)


def blinks(shape: Array, times: Array, features: Array, weights: Array) -> None:
    """Closes the lids of `shape` at `BLINKS`: 80 ms down, 40 ms shut, 140 ms up."""
    from obs_portrait.face.topology import LEFT_EYE, RIGHT_EYE

    for ring in (RIGHT_EYE, LEFT_EYE):
        lower, upper = ring[1:8], ring[:8:-1]  # from the outer corner to the inner one
        for moment in BLINKS:
            phase = times - moment
            shut = np.interp(phase, [-0.08, 0.0, 0.04, 0.18], [0, 1, 1, 0], left=0, right=0) ** 0.8
            for top, bottom in zip(upper, lower, strict=True):
                gap = shape[:, bottom] - shape[:, top]
                shape[:, top] += gap * (0.86 * shut)[:, None]
                shape[:, bottom] -= gap * (0.10 * shut)[:, None]


def close(shape: Array, opening: Array) -> None:
    """Makes the gap of the inner lips exactly `opening` (cm) in the middle, in proportion elsewhere."""
    from obs_portrait.face.topology import LIPS_INNER

    lower, upper = np.array(LIPS_INNER[1:10]), np.array(LIPS_INNER[19:10:-1])
    now = np.maximum(shape[:, lower, 1] - shape[:, upper, 1], 0)
    arch = np.sin(np.pi * np.arange(1, 10) / 10) ** 0.7
    want = np.maximum(opening, 0.015)[:, None] * arch
    change = (want - now) / 2
    shape[:, lower, 1] += change
    shape[:, upper, 1] -= change
    # The lips' red follows its inner edge half way, so that it does not get thin.
    outer_low, outer_up = np.array([91, 181, 84, 17, 314, 405, 321]), np.array([40, 39, 37, 0, 267, 269, 270])
    shape[:, outer_low, 1] += 0.5 * change[:, 1:8]
    shape[:, outer_up, 1] -= 0.5 * change[:, 1:8]


def write(landmarks: Array, shapes: Array, poses: Array, times: Array, samples: Array, phonemes: list[Any]) -> None:
    import av

    OUT.mkdir(parents=True, exist_ok=True)
    # A face of the recording's size, in the middle of the picture.
    coded = np.round(landmarks * UNIT).astype(np.int16)
    steps = np.diff(coded, axis=0, prepend=np.zeros_like(coded[:1]))
    np.savez_compressed(
        OUT / "track.npz",
        landmark_steps=steps,
        unit=np.float32(1 / UNIT),
        blendshapes=shapes.astype(np.float16),
        pose=poses.astype(np.float32),
        times=times.astype(np.float64),
        size=np.array([SIZE, SIZE], np.int32),
    )
    with av.open(str(OUT / "speech.flac"), "w") as file:
        stream = file.add_stream("flac", rate=RATE, layout="mono")
        pcm = np.round(np.clip(samples, -1, 1) * 32767).astype(np.int16)
        for start in range(0, pcm.size, 4800):
            frame = av.AudioFrame.from_ndarray(pcm[None, start : start + 4800], format="s16", layout="mono")
            frame.sample_rate, frame.pts = RATE, start
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    facts = {
        "fps": FPS,
        "frames": int(times.size),
        "duration_s": DURATION_S,
        "size": [SIZE, SIZE],
        "event": {
            "time_s": EVENT_S,
            "frame": round(EVENT_S * FPS),
            "what": "closed lips part within one frame, at the onset of a pop",
        },
        "text": " ".join(text for _, text in SENTENCES),
        "phonemes": phonemes,
        "blinks_s": BLINKS,
    }
    (OUT / "performance.json").write_text(json.dumps(facts, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    print({p.name: p.stat().st_size for p in sorted(OUT.iterdir())})


if __name__ == "__main__":
    {"speech": speech, "track": track}[sys.argv[1]](Path(sys.argv[2]))
