"""`obs-portrait obs latency`: the real chain, from the source to OBS, with marks in place of picture and voice."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from typing import Any

from obs_portrait.errors import ObsError
from obs_portrait.media.sinks.obs_stream import DEFAULT_PORT
from obs_portrait.obs.client import ObsClient
from obs_portrait.obs.latency.measure import Latency, measure
from obs_portrait.obs.setup import show_stream

__all__ = ["measure_chain"]

_SCENE = "OBS Portrait measures"
_INPUT = "OBS Portrait measurement"


def measure_chain(
    client: ObsClient,
    *,
    source: str = "performance",
    audio: str = "performance",
    persona: str | None = None,
    size: tuple[int, int] = (512, 512),
    port: int = DEFAULT_PORT,
    seconds: float = 8.0,
    say: Callable[[str], None] = lambda text: None,
) -> Latency:
    """Capture -> OBS for picture and sound. A scene of its own is on program meanwhile, and is taken away again.

    Raises `ObsError` while OBS streams or records, and if no mark arrives.
    """
    _refuse_while_busy(client)
    before = str(client.request("GetCurrentProgramScene").get("currentProgramSceneName", ""))
    _remove(client)
    with _chain(source, audio, persona, size, port, say) as session:
        say("Asking OBS to show it …")
        client.request("CreateScene", {"sceneName": _SCENE})
        try:
            _show(client, port)
            _settle(client, session, seconds=6.0)
            say(f"Measuring for {seconds:.0f} s, then a recording of 5 s …")
            return measure(client, _INPUT, seconds)
        finally:
            with contextlib.suppress(ObsError):
                client.request("SetCurrentProgramScene", {"sceneName": before})
            _remove(client)


def _refuse_while_busy(client: ObsClient) -> None:
    for request, what in (("GetStreamStatus", "streaming"), ("GetRecordStatus", "recording")):
        if client.request(request).get("outputActive"):
            raise ObsError(f"OBS is {what}; the measurement would be seen. Stop that first.")


def _chain(
    source: str, audio: str, persona: str | None, size: tuple[int, int], port: int, say: Callable[[str], None]
) -> Any:
    from obs_portrait.media.sinks.obs_stream.voice import VoiceRing
    from obs_portrait.obs.latency.stamped import MakeStampedStream, MakeStampedVoice
    from obs_portrait.persona import store
    from obs_portrait.pipeline.live.options import LiveOptions
    from obs_portrait.pipeline.live.session import LiveSession

    ring = VoiceRing()
    name = persona or next(
        (one.name for one in store.list_profiles() if one.profile is not None and not one.profile.reveals), "ada"
    )
    say(f"Starting the chain with '{name}' …")
    options = LiveOptions(
        source=source, personas=(name,), sinks=(MakeStampedStream(port, ring),), audio=audio,
        audio_sinks=(MakeStampedVoice(ring),), width=size[0], height=size[1], loop=True,
    )  # fmt: skip
    return LiveSession(options)


def _show(client: ObsClient, port: int) -> None:
    show_stream(client, _SCENE, _INPUT, port)
    client.request("SetCurrentProgramScene", {"sceneName": _SCENE})


def _settle(client: ObsClient, session: Any, seconds: float) -> None:
    """The alignment of picture and voice finds its place in the first seconds."""
    end = time.monotonic() + seconds
    with contextlib.suppress(ObsError):
        canvas = client.request("GetVideoSettings")
        session.obs_runs_at(round(1e9 * canvas["fpsDenominator"] / canvas["fpsNumerator"]))
    while time.monotonic() < end:
        if session.wait(0.1):
            raise ObsError(f"The chain ended before it could be measured: {session.error or 'the source is over'}.")


def _remove(client: ObsClient) -> None:
    for request, given in (("RemoveInput", {"inputName": _INPUT}), ("RemoveScene", {"sceneName": _SCENE})):
        with contextlib.suppress(ObsError):
            client.request(request, given)
