"""The mesh engine: one-shot face reenactment on the CPU, without a neural generator.

The engine is given landmarks only, never a pixel of the driver. What it does is in `rig`, which is imported when it is
prepared: the daemon knows this class without loading what draws.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from obs_portrait.errors import FaceError
from obs_portrait.face.engine import FaceEngine
from obs_portrait.face.mesh.settings import MeshSettings
from obs_portrait.face.settings import FaceSettings
from obs_portrait.face.types import Canvas, Observation, Portrait
from obs_portrait.media.types import CameraFrame

if TYPE_CHECKING:
    from obs_portrait.face.mesh.rig import Rig

__all__ = ["MeshEngine"]


class MeshEngine(FaceEngine):
    """Warps a portrait over a face mesh. See the package's modules: rig (the whole), stage (crop), motion (transfer),
    surroundings, raster (warp), eyes, mouth."""

    name: ClassVar[str] = "mesh"
    light: ClassVar[bool] = True
    settings_model: ClassVar[type[FaceSettings]] = MeshSettings

    def __init__(self) -> None:
        self._made: Rig | None = None

    def prepare(self, portrait: Portrait, settings: FaceSettings, canvas: Canvas) -> None:
        from obs_portrait.face.mesh.rig import Rig

        if not isinstance(settings, MeshSettings):
            settings = MeshSettings(**{**settings.model_dump(), "engine": "mesh"})
        self._made = Rig(portrait, settings, canvas)

    def set_reference(self, reference: Observation | None) -> None:
        self.rig.set_reference(reference)

    def render(self, observation: Observation, frame: CameraFrame | None = None) -> NDArray[np.uint8]:
        return self.rig.render(observation)

    def still(self) -> NDArray[np.uint8] | None:
        return None if self._made is None else self._made.base.copy()

    @property
    def rig(self) -> Rig:
        """What is moved. Raises `FaceError` before `prepare`."""
        if self._made is None:
            raise FaceError("The mesh engine was not prepared before it was used.")
        return self._made
