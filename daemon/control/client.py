"""`ControlClient`: a program's way to the running daemon, with the standard library alone: a key's command is quick."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from obs_portrait.errors import ControlError
from obs_portrait.obs.script.obs_portrait_link import RefusedError, UnreachableError, exchange, find_endpoint

__all__ = ["ControlClient"]


class ControlClient:
    """Asks the daemon of this user, which is looked for anew at each call.

    Every method raises `ControlError` with one sentence: no daemon runs, it does not answer in time, or it refuses
    (`status` is the HTTP status then).
    """

    def __init__(self, folder: Path | None = None, timeout: float = 4.0) -> None:
        """folder: where control.json is, found by itself if left out. timeout: s for a whole request."""
        self._folders = None if folder is None else [folder]
        self._timeout = timeout

    def request(
        self, method: str, path: str, body: dict[str, Any] | None = None, timeout: float | None = None
    ) -> dict[str, Any]:
        """One request of the API (docs/api.md) and its answer."""
        try:
            endpoint = find_endpoint(self._folders)
            return exchange(endpoint, method, path, body, self._timeout if timeout is None else timeout)
        except RefusedError as error:
            raise ControlError(str(error), error.status) from None
        except UnreachableError as error:
            raise ControlError(str(error)) from None

    def running(self) -> bool:
        """Whether a daemon answers."""
        try:
            self.request("GET", "/v1")
        except ControlError:
            return False
        return True

    def status(self) -> dict[str, Any]:
        """`stage.Status`."""
        return self.request("GET", "/v1/status")

    def personas(self) -> list[dict[str, Any]]:
        """Rows as `stage.Persona`."""
        return self._rows("personas", dict)

    def scenes(self) -> list[str]:
        """OBS's scenes."""
        return self._rows("scenes", str)

    def bindings(self) -> list[dict[str, Any]]:
        """Rows as `stage.Binding`."""
        return self._rows("bindings", dict)

    def _rows(self, name: str, kind: type[Any]) -> list[Any]:
        rows = self.request("GET", f"/v1/{name}").get(name)
        if not isinstance(rows, list) or not all(isinstance(row, kind) for row in rows):
            raise ControlError("What answers on OBS Portrait's port is not OBS Portrait, or of another version.")
        return rows

    def bind(self, scene: str, persona: str | None) -> None:
        """Binds exactly this scene to a persona; None takes its rule away."""
        self.request("PUT", "/v1/bindings", {"scene": scene, "persona": persona})

    def switch(self, persona: str) -> None:
        """Becomes a persona."""
        self.request("POST", "/v1/switch", {"persona": persona})

    def calibrate(self) -> None:
        """Takes the neutral reference frame anew."""
        self.request("POST", "/v1/calibrate", {}, timeout=12.0)

    def search_reference(self) -> None:
        """Begins or ends the search for a better reference frame."""
        self.request("POST", "/v1/search", {})

    def panic(self, on: bool = True) -> None:
        """Card and silence, or back to the persona."""
        self.request("POST", "/v1/panic", {"on": on})

    def clip(self, action: str = "save") -> dict[str, Any]:
        """save, start, stop or last: what came of it, as `stage.ClipResult`."""
        return self.request("POST", "/v1/clip", {"action": action}, timeout=32.0)
