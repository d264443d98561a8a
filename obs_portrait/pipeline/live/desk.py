"""What the keys of the preview do inside the video process."""

from __future__ import annotations

from collections.abc import Callable

from obs_portrait.face.types import Observation
from obs_portrait.media.types import CameraFrame, PersonaFrame
from obs_portrait.pipeline.face_pipeline import FacePipeline
from obs_portrait.pipeline.live.coach import Coach
from obs_portrait.pipeline.live.keys import Action
from obs_portrait.pipeline.live.messages import Calibrated, Notice, Quality, Reference, Request
from obs_portrait.pipeline.live.performer import Performer
from obs_portrait.pipeline.live.preview import Preview
from obs_portrait.pipeline.prepare import PreparedFace

__all__ = ["Desk"]

_ZOOM, _STEP = 1.1, 0.05


class Desk:
    """Binds keys and the session's orders to the engine's thread, the coach and the preview.

    send: to the session. face: the prepared persona that is on stage. who(ns): who was on stage at that moment.
    camera: what the source is called in `Calibrated`.
    """

    def __init__(
        self,
        pipeline: FacePipeline,
        performer: Performer,
        preview: Preview,
        *,
        send: Callable[[object], None],
        face: Callable[[], PreparedFace],
        who: Callable[[int], str],
        camera: str,
    ) -> None:
        self._pipeline, self._performer, self._preview = pipeline, performer, preview
        self._send, self._face, self._who, self._camera = send, face, who, camera
        self._coach = Coach(
            pipeline,
            told=lambda text, problem: send(Notice("reference", text, problem)),
            figures=self._show_figures,
            kept=self._keep,
            rated=lambda score, advice: send(Quality(score, advice)),
        )
        self.watch: Callable[[CameraFrame, Observation | None], None] = lambda camera, observation: None
        """Told of each camera frame and the face in it, in the engine's thread."""
        performer.after = self._after

    def calibrate(self) -> None:
        """The driver's next calm second becomes the reference."""
        self._performer.order(lambda pipeline: self._coach.calibrate())

    def refer(self, reference: Observation) -> None:
        """A reference that was kept from before."""
        self._performer.order(lambda pipeline: self._coach.refer(reference))

    def sit_down(self, camera: str, reference: Observation | None) -> None:
        """The next pictures are another camera's. reference: what was kept of the driver before it, None: nothing."""

        def move(_: FacePipeline) -> None:
            self._camera = camera
            self._coach.forget()
            if reference is None:
                self._coach.calibrate()
            else:
                self._coach.refer(reference)

        self._performer.order(move)

    def search(self) -> None:
        """Begins or ends the search for a better reference."""
        face = self._face()
        self._performer.order(lambda pipeline: self._coach.search(face))

    def act(self, action: Action, number: int = 0) -> None:
        """A key was pressed."""
        framing = self._performer.framing
        match action:
            case Action.PERSONA | Action.QUIT:
                self._send(Request(action.value, number))
            case Action.CALIBRATE:
                self.calibrate()
            case Action.SEARCH:
                self.search()
            case Action.NEARER:
                self._performer.framing = framing.zoomed(_ZOOM)
            case Action.FARTHER:
                self._performer.framing = framing.zoomed(1 / _ZOOM)
            case Action.UP:
                self._performer.framing = framing.moved(0, -_STEP)
            case Action.DOWN:
                self._performer.framing = framing.moved(0, _STEP)
            case Action.LEFT:
                self._performer.framing = framing.moved(-_STEP, 0)
            case Action.RIGHT:
                self._performer.framing = framing.moved(_STEP, 0)
            case _:
                self._preview.still = self._face().look.still
                self._preview.view = self._preview.view.after(action)

    def _after(self, camera: CameraFrame, persona: PersonaFrame) -> None:
        self._preview.look(camera, self._pipeline.observation)
        self.watch(camera, self._pipeline.observation)
        self._coach.see(self._pipeline.observation, camera.image, camera.captured_ns)

    def _keep(self, reference: Observation) -> None:
        self._send(Calibrated(reference, self._camera, self._who(reference.captured_ns)))

    def _show_figures(self, current: float, best: float) -> None:
        self._preview.note = f"reference: {current:.2f}  best: {best:.2f}" if current >= 0 else ""
        self._send(Reference(current, best))
