"""The first-order motion engine: a neural network draws the persona. It is given the driver's pixels, since the motion
is measured in them; what it returns is painted by the generator from the portrait alone.

Importing this module loads no PyTorch.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from obs_portrait.clock import now_ns
from obs_portrait.errors import CheckpointError, EngineLostError, FaceError
from obs_portrait.face.engine import FaceEngine
from obs_portrait.face.fomm.budget import Budget, Ladder, Step
from obs_portrait.face.fomm.settings import FommSettings
from obs_portrait.face.mesh.engine import MeshEngine
from obs_portrait.face.mesh.settings import MeshSettings
from obs_portrait.face.settings import FaceSettings
from obs_portrait.face.types import Canvas, Observation, Portrait
from obs_portrait.media.types import CameraFrame

if TYPE_CHECKING:
    import torch

    from obs_portrait.face.fomm.follow import Driver
    from obs_portrait.face.fomm.framing import Paste
    from obs_portrait.face.fomm.live import Live

__all__ = ["FommEngine", "find_checkpoint"]

Picture = NDArray[np.uint8]


class FommEngine(FaceEngine):
    """See the package's modules: follow (the driver's square and reference), live (the networks), framing (back onto
    the canvas), budget (how often)."""

    name: ClassVar[str] = "fomm"
    settings_model: ClassVar[type[FaceSettings]] = FommSettings
    needs_pixels: ClassVar[bool] = True

    @classmethod
    def validate_environment(cls) -> str | None:
        for package in ("torch", "safetensors"):
            if importlib.util.find_spec(package) is None:
                return (
                    f"the engine 'fomm' needs {package}, which is not installed. "
                    "Type: pip install 'obs-portrait[neural]'"
                )
        return None

    def __init__(self) -> None:
        self._live: Live | None = None
        self._cheap: Live | None = None
        self._mesh: MeshEngine | None = None
        self._driver: Driver
        self._paste: Paste
        self._last: Picture | None = None
        self._turn = 0
        self.stage_ns: dict[str, int] = {}
        """Of the last frame: crop, networks, paste; -1 where a step was not needed."""

    @property
    def step(self) -> Step:
        """How far the engine has stepped down."""
        return self._ladder.step

    def prepare(self, portrait: Portrait, settings: FaceSettings, canvas: Canvas) -> None:
        if reason := self.validate_environment():
            raise FaceError(f"{reason[0].upper()}{reason[1:]}")
        if not isinstance(settings, FommSettings):
            settings = FommSettings(**{**settings.model_dump(), "engine": "fomm"})
        from obs_portrait.face.fomm.device import choose_device, choose_dtype, explained
        from obs_portrait.face.fomm.follow import Driver
        from obs_portrait.face.fomm.framing import Paste, cut, face_square, whole_square
        from obs_portrait.face.fomm.live import Live
        from obs_portrait.face.fomm.networks import shared
        from obs_portrait.face.mesh.stage import stage

        base, landmarks = stage(portrait, settings, canvas)
        follows = settings.crop == "auto"
        box = face_square(landmarks, settings.face_scale) if follows else whole_square(canvas.width, canvas.height)
        source = cut(base, box)
        device, _ = choose_device(settings.device)
        dtype = choose_dtype(settings.dtype, device)
        path = find_checkpoint(settings.checkpoint)
        relative = settings.motion == "relative"

        def make(kind: torch.dtype) -> Live:
            live = Live(
                shared(path, device, kind),
                source,
                motion_is_relative=relative,
                adapt_scale=settings.adapt_scale,
                compile_step=settings.compile and device.type == "cuda",
            )
            live.set_reference(source)  # the first call lays out the weights
            live(source)
            live.set_reference(None)
            return live

        self._mesh = _mesh(portrait, settings, canvas) if settings.degradation == "auto" else None
        with explained(device):
            kinds = _precisions(dtype, choose_dtype("auto", device), settings.degradation == "auto")
            lives = [make(kind) for kind in kinds] if device.type == "cpu" else _sound(make, kinds, source)
        self._live, self._cheap = lives[0], lives[-1] if len(lives) > 1 else None
        steps = [Step.FULL, Step.EVERY_OTHER] if settings.degradation == "auto" else [Step.FULL]
        steps += [Step.LOW_PRECISION] if self._cheap is not None else []
        steps += [Step.MESH] if self._mesh is not None else []
        self._ladder = Ladder(settings.least_fps, tuple(steps))
        self._budget = Budget(settings.max_fps, settings.gpu_share)
        self._driver = Driver(settings.face_scale if follows else None)
        self._paste = Paste(base, box)
        self._still = self._paste(self._live.still())

    def show_reference(self, frame: CameraFrame) -> None:
        self._ready()
        self._driver.show(frame)

    def set_reference(self, reference: Observation | None) -> None:
        self._ready()
        self._driver.refer(reference)
        self._last = None
        if self._mesh is not None:
            self._mesh.set_reference(reference)

    def render(self, observation: Observation, frame: CameraFrame | None = None) -> Picture:
        live = self._ready()
        if frame is None:
            raise FaceError("The first-order motion engine was given no camera frame.")
        begin = now_ns()
        square, reference = self._driver.see(observation, frame)
        if reference is not None:
            self._last = None
            for one in (self._live, self._cheap):
                if one is not None:
                    one.set_reference(reference)
        cropped = now_ns()
        self.stage_ns = {"crop": cropped - begin, "networks": -1, "paste": -1}
        if self.on_air:
            if self._mesh is not None and self.step is Step.MESH:
                self._ladder.note(0, begin)
                return self._mesh.render(observation)
            if self._last is not None and not self._wanted(begin):
                self._ladder.note(0, begin)
                return self._last.copy()
            if self.step is Step.LOW_PRECISION and self._cheap is not None:
                live = self._cheap
        try:
            drawn = live(square)
        except RuntimeError as error:
            if live.networks.device.type == "cpu":
                raise
            why = (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
            raise EngineLostError(f"The networks cannot go on on {live.networks.device} ({why}).") from error
        done = now_ns()
        out = self._paste(drawn)
        self.stage_ns |= {"networks": done - cropped, "paste": now_ns() - done}
        if self.on_air:
            self._budget.spent(cropped, done)
            self._ladder.note(done - cropped, done)
            self._last = out.copy()
        return out

    def still(self) -> Picture | None:
        return None if self._live is None else self._still.copy()

    def close(self) -> None:
        if self._mesh is not None:
            self._mesh.close()
        for live in (self._live, self._cheap):
            if live is not None:
                live.close()
        self._live = self._cheap = self._mesh = self._last = None

    def _wanted(self, now_ns: int) -> bool:
        """Does this frame get keypoints of its own?"""
        self._turn += 1
        skipped = self.step >= Step.EVERY_OTHER and self._turn % 2 == 0
        return not skipped and self._budget.allows(now_ns)

    def _ready(self) -> Live:
        if self._live is None:
            raise FaceError("The first-order motion engine was not prepared before it was used.")
        return self._live


def find_checkpoint(name: str) -> Path:
    """The file that a setting names: a path, or weights of the catalogue (their converted copy if there is one).
    Verified, a path too as far as anything is known of it. Raises `CheckpointError`."""
    from obs_portrait.checkpoints.catalog import lookup
    from obs_portrait.checkpoints.trust import ready, vouch

    path = Path(name).expanduser()
    if path.is_file():
        vouch(path)
        return path
    if path.suffix or len(path.parts) > 1:
        raise CheckpointError(f"{path}: there is no such checkpoint; give the path of a .pth.tar or .safetensors file.")
    entry = lookup(name)
    if entry.family != "fomm":
        raise CheckpointError(f"The weights '{entry.name}' are of another family; the engine 'fomm' cannot use them.")
    return ready(entry.name)


def _precisions(wanted: torch.dtype, fastest: torch.dtype, steps_down: bool) -> list[torch.dtype]:
    """The dtype that was asked for, and the cheaper one to step down to if there is one."""
    return [wanted, fastest] if steps_down and fastest.itemsize < wanted.itemsize else [wanted]


def _sound(make: Callable[[torch.dtype], Live], kinds: list[torch.dtype], source: Picture) -> list[Live]:
    """Those that a GPU computes rightly in; float32 in the place of one that it has by name only."""
    import torch

    found: list[Live] = []
    for kind in dict.fromkeys((*kinds, torch.float32)):
        if kind in kinds or not found:
            live = make(kind)
            if live.is_sound(source):
                found.append(live)
            else:
                live.close()
    if not found:
        raise RuntimeError("it does not compute what the CPU does")
    return found


def _mesh(portrait: Portrait, settings: FommSettings, canvas: Canvas) -> MeshEngine | None:
    """What draws when the networks are too slow; None where the mesh engine cannot use the portrait."""
    common = {key: value for key, value in settings.model_dump().items() if key in FaceSettings.model_fields}
    engine = MeshEngine()
    try:
        engine.prepare(portrait, MeshSettings(**{**common, "engine": "mesh"}), canvas)
    except FaceError:
        return None
    return engine
