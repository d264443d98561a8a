"""Reading a persona's picture: nothing in it is trusted, and every way in which it cannot serve is one sentence."""

from __future__ import annotations

import warnings
import zipfile
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from obs_portrait.errors import FaceError
from obs_portrait.face.tracker import FaceTracker
from obs_portrait.face.types import LANDMARKS, Portrait

__all__ = ["MAX_PIXELS", "SIDECAR", "find_landmarks", "load_picture", "load_portrait", "load_sidecar"]

MAX_PIXELS: Final = 40_000_000
"""A picture with more pixels is refused before it is decoded (a decompression bomb, or a scan to be made smaller)."""
SIDECAR: Final = "landmarks.npz"
"""File beside a picture whose face the landmarker cannot find: arrays `landmarks` (478, 3) and `size` (w, h)."""
_MIN_SIDE: Final = 64
_MAX_SIDECAR: Final = 1 << 20  # bytes once unpacked; landmarks take about 6,000
_SEARCH_SIDE: Final = 1600  # a hidden face is sought in a copy of this size
_FORMATS: Final = ("PNG", "JPEG", "WEBP", "BMP", "TIFF", "GIF", "AVIF")


def load_picture(path: Path) -> NDArray[np.uint8]:
    """(H, W, 3) uint8 RGB, turned upright by its EXIF tag, transparent parts on grey.

    Raises `FaceError`: missing, empty, not a picture, damaged, too small or too large.
    """
    path = Path(path)
    try:
        if path.stat().st_size == 0:
            raise FaceError(f"{path}: the file is empty; choose another picture.")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns of large pictures; the limit below is ours and firm
            with Image.open(path, formats=_FORMATS) as picture:
                width, height = picture.size  # read from the header, nothing is decoded yet
                if width * height > MAX_PIXELS:
                    raise FaceError(
                        f"{path}: {width}x{height} pixels are too many (limit {MAX_PIXELS // 1_000_000} megapixels); "
                        "save it smaller, 1024x1024 is plenty."
                    )
                if min(width, height) < _MIN_SIDE:
                    raise FaceError(
                        f"{path}: {width}x{height} pixels are too few; {_MIN_SIDE}x{_MIN_SIDE} is the least."
                    )
                return _flat(ImageOps.exif_transpose(picture))
    except FaceError:
        raise
    except FileNotFoundError:
        raise FaceError(f"{path}: there is no such picture.") from None
    except UnidentifiedImageError:
        raise FaceError(f"{path}: this is not a picture that can be read; use PNG, JPEG or WebP.") from None
    except Image.DecompressionBombError:
        raise FaceError(
            f"{path}: the picture has far too many pixels (limit {MAX_PIXELS // 1_000_000} megapixels); save it "
            "smaller, 1024x1024 is plenty."
        ) from None
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        raise FaceError(f"{path}: the picture cannot be read ({error}); save it again as PNG.") from error


def _flat(picture: Image.Image) -> NDArray[np.uint8]:
    """RGB of any kind of picture; transparent parts show a grey ground, 16-bit greys are scaled."""
    if picture.mode.startswith("I;16"):
        return np.repeat((np.asarray(picture, np.uint16) >> 8).astype(np.uint8)[..., None], 3, axis=2)
    if "A" not in picture.getbands() and "transparency" not in picture.info:
        return np.array(picture.convert("RGB"), np.uint8)
    layer = picture.convert("RGBA")
    ground = Image.new("RGBA", layer.size, (128, 128, 128, 255))
    return np.array(Image.alpha_composite(ground, layer).convert("RGB"), np.uint8)


def load_sidecar(path: Path, width: int, height: int) -> NDArray[np.float32]:
    """(478, 3) float32 landmarks in pixels of a picture of width x height. Raises `FaceError` if the file is unfit."""
    try:
        with path.open("rb") as file, zipfile.ZipFile(file) as zipped:
            if sum(member.file_size for member in zipped.infolist()) > _MAX_SIDECAR:
                raise FaceError(f"{path}: this is far larger than landmarks are; write it anew (docs/personas.md).")
            file.seek(0)
            with np.load(file, allow_pickle=False) as archive:
                landmarks = np.array(archive["landmarks"], np.float32)
                size = [int(value) for value in np.ravel(archive["size"])]
    except FaceError:
        raise
    except KeyError as error:
        raise FaceError(f"{path}: the array {error} is missing; write `landmarks` (478, 3), `size` (2).") from None
    except Exception as error:  # a damaged zip raises many kinds
        raise FaceError(f"{path}: the landmarks cannot be read ({error}).") from error
    if landmarks.shape != (LANDMARKS, 3):
        raise FaceError(f"{path}: `landmarks` is {landmarks.shape}, it must be (478, 3).")
    if size != [width, height]:
        raise FaceError(f"{path}: made for a picture of {size} pixels, this one is [{width}, {height}].")
    limit = 2.0 * max(width, height)
    if not np.isfinite(landmarks).all() or np.abs(landmarks).max() > limit:
        raise FaceError(f"{path}: `landmarks` has points that are not finite or lie far outside the picture.")
    span = np.ptp(landmarks[:, :2], axis=0)
    if span.min() < 16:
        raise FaceError(f"{path}: the face in `landmarks` is only {span[0]:.0f}x{span[1]:.0f} pixels; use 16 or more.")
    return landmarks


def load_portrait(path: Path, sidecar: Path | None = None) -> Portrait:
    """The picture with the landmarks of its face: from `sidecar` (default: `landmarks.npz` beside the picture, if it
    is there), else from the landmarker; of several faces the largest.

    Raises `FaceError` with one sentence if the picture cannot be read or no face is found.
    """
    path = Path(path)
    image = load_picture(path)
    beside = sidecar or path.with_name(SIDECAR)
    if sidecar is not None or beside.is_file():
        return Portrait(image, load_sidecar(beside, image.shape[1], image.shape[0]), path.stem)
    landmarks = find_landmarks(image)
    if landmarks is None:
        raise FaceError(
            f"{path}: no face was found in it; use a picture that shows a face from the front, or put its points into "
            f"{beside.name} beside it (docs/personas.md)."
        )
    return Portrait(image, landmarks, path.stem)


def find_landmarks(image: NDArray[np.uint8]) -> NDArray[np.float32] | None:
    """(478, 3) float32 landmarks of the largest face in a picture, (H, W, 3) uint8 RGB; None if there is none.

    The detector overlooks faces that are small in the picture: where it sees none, it is shown overlapping parts.
    """
    with FaceTracker("image", max_faces=5) as tracker:
        seen = tracker.track(image, 0)
        if seen is not None:
            return seen.landmarks
        scale = min(1.0, _SEARCH_SIDE / max(image.shape[:2]))
        small = np.asarray(cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)
        height, width = small.shape[:2]
        tall, wide = height // 2, width // 2
        best: tuple[float, NDArray[np.float32]] | None = None
        for top in (0, tall // 2, tall):
            for left in (0, wide // 2, wide):
                seen = tracker.track(small[top : top + tall, left : left + wide], 0)
                size = 0.0 if seen is None else float(np.ptp(seen.landmarks[:, :2], axis=0).max())
                if seen is not None and (best is None or size > best[0]):
                    best = size, np.asarray((seen.landmarks + np.array([left, top, 0])) / scale, np.float32)
    return None if best is None else best[1]
