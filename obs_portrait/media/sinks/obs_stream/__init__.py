"""The OBS stream: picture and voice on loopback as one stream that OBS plays. No driver, no admin right, no cable."""

from __future__ import annotations

from typing import Any, Final

from obs_portrait.errors import MediaError

__all__ = ["DEFAULT_PORT", "input_settings", "parse_spec"]

DEFAULT_PORT: Final = 47650


def parse_spec(spec: str) -> int | None:
    """The port of "obs" or "obs:PORT"; None if the spec is something else. Raises `MediaError`."""
    kind, _, rest = spec.partition(":")
    if kind != "obs":
        return None
    if not rest:
        return DEFAULT_PORT
    if not rest.isdigit() or not 1024 <= int(rest) <= 65535:
        raise MediaError(f"'{spec}' has no port between 1024 and 65535; write it as obs:{DEFAULT_PORT}.")
    return int(rest)


def input_settings(port: int = DEFAULT_PORT) -> dict[str, Any]:
    """The settings of OBS's Media Source (ffmpeg_source) that play the stream as early as possible and for ever.

    The receive buffer is kept small: what waits there is old by the time it is shown.
    """
    return {
        "is_local_file": False,
        "input": f"tcp://127.0.0.1:{port}?recv_buffer_size=262144",
        "input_format": "nut",
        "reconnect_delay_sec": 1,
        "buffering_mb": 0,
        "hw_decode": False,
        "ffmpeg_options": "probesize=32 analyzeduration=1 fflags=nobuffer fpsprobesize=0",
        "restart_on_activate": False,
        "close_when_inactive": False,
        "clear_on_media_end": False,
    }
