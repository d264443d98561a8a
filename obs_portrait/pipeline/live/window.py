"""The preview's window as a sink."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

import cv2

from obs_portrait.errors import MediaError
from obs_portrait.media.devices import display_is_there
from obs_portrait.media.sinks.base import VideoSink
from obs_portrait.media.types import Origin, PersonaFrame
from obs_portrait.pipeline.live.keys import Action, action_of
from obs_portrait.pipeline.live.preview import Preview

__all__ = ["PreviewWindow"]

_TITLE = "OBS Portrait"


class PreviewWindow(VideoSink):
    """Shows persona frames, with what `Preview` draws over a copy of them. Keys go to `on_action`."""

    name = "window"

    def __init__(self, preview: Preview, on_action: Callable[[Action, int], None]) -> None:
        self._preview, self._on_action = preview, on_action
        self._open_now = False

    def _open(self, width: int, height: int, rate: Fraction) -> None:
        if not display_is_there():  # OpenCV's window library would end the whole process instead of raising
            raise MediaError("There is no display for the preview window; use --sink virtualcam, null or a file.")
        try:
            cv2.namedWindow(_TITLE, cv2.WINDOW_NORMAL | cv2.WINDOW_KEEPRATIO | cv2.WINDOW_GUI_NORMAL)
            cv2.resizeWindow(_TITLE, width, height)
        except cv2.error as error:
            raise MediaError(f"The preview window cannot be opened ({error.err or error}).") from error
        self._open_now = True

    def _write(self, frame: PersonaFrame) -> None:
        picture = self._preview.draw(frame.image, card=frame.origin is Origin.CARD)
        try:
            cv2.imshow(_TITLE, cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
            pressed = action_of(cv2.pollKey())
            closed = cv2.getWindowProperty(_TITLE, cv2.WND_PROP_VISIBLE) < 1
        except cv2.error as error:
            raise MediaError(f"The preview window is gone ({error.err or error}).") from error
        if closed:
            pressed = (Action.QUIT, 0)
        if pressed is not None:
            self._on_action(*pressed)

    def close(self) -> None:
        if self._open_now:
            self._open_now = False
            cv2.destroyWindow(_TITLE)
