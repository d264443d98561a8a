"""The server against real sockets: what players receive, and that none of them is ever waited for."""

from __future__ import annotations

import signal
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from fractions import Fraction

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from obs_portrait.errors import LeakError, MediaError
from obs_portrait.face.types import Canvas
from obs_portrait.media.sinks.obs_stream import DEFAULT_PORT, parse_spec, server
from obs_portrait.media.sinks.obs_stream import sink as sink_module
from obs_portrait.media.sinks.obs_stream.pulse import Debt, Pressure
from obs_portrait.media.sinks.obs_stream.server import StreamServer, listen
from obs_portrait.media.sinks.obs_stream.sink import ObsStreamSink
from obs_portrait.media.sinks.obs_stream.voice import VoiceRing
from obs_portrait.media.types import CameraFrame
from obs_portrait.pipeline.guard import Look, VideoGuard
from obs_portrait.pipeline.leak import PictureMark
from tests.media.sinks.obs_stream.player import Player, until
from tests.obs.real_obs import free_port
from tests.pipeline.live.doubles import camera_picture

WIDTH, HEIGHT = 48, 32
SIZE = WIDTH * HEIGHT * 4


def picture(level: int, width: int = WIDTH, height: int = HEIGHT) -> NDArray[np.uint8]:
    return np.full((height, width, 4), level, np.uint8)


def ours() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("obs stream")]


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def ring() -> VoiceRing:
    return VoiceRing()


@pytest.fixture
def stream(port: int, ring: VoiceRing) -> Iterator[StreamServer]:
    stream = StreamServer(listen(port), WIDTH, HEIGHT, ring, lambda: 1 / 30)
    yield stream
    stream.close()


class Talker(threading.Thread):
    """Writes a ramp into the ring in real time."""

    def __init__(self, ring: VoiceRing) -> None:
        super().__init__(name="talker", daemon=True)
        self._ring, self._halt = ring, threading.Event()

    def run(self) -> None:
        begin, n = time.monotonic(), 0
        while not self._halt.wait(max(0.0, begin + n * 0.01 - time.monotonic())):
            self._ring.write((np.arange(n * 480, (n + 1) * 480) % 30_000 + 1).astype(np.int16))
            n += 1

    def __enter__(self) -> Talker:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._halt.set()
        self.join(30)


# ---- what a player gets ----------------------------------------------------------------------------------------------


def test_ffmpegs_own_client_with_the_options_that_obs_gets_sees_the_picture(stream: StreamServer, port: int) -> None:
    """Over a real connection; the options are those of `input_settings`."""
    stream.show(np.dstack([np.full((HEIGHT, WIDTH), level, np.uint8) for level in (10, 90, 200, 255)]))
    options = {"probesize": "32", "analyzeduration": "1", "fflags": "nobuffer", "fpsprobesize": "0"}
    with av.open(f"tcp://127.0.0.1:{port}", format="nut", options=options, timeout=20) as container:
        image = next(container.decode(video=0))
        assert (container.streams.audio[0].rate, container.streams.audio[0].channels) == (48_000, 1)
    assert np.array_equal(image.to_ndarray(format="rgb24"), np.full((HEIGHT, WIDTH, 3), (200, 90, 10), np.uint8))


def test_sound_flows_after_the_slow_motion_bit_by_bit_and_its_stamps_have_no_little_hole(
    stream: StreamServer, ring: VoiceRing, port: int
) -> None:
    stream.show(picture(7))
    with Talker(ring), Player(port, SIZE) as player:
        until(lambda: bool(player.sound()[1].any()), "sound")
        heard = player.received
        until(lambda: player.received > heard + 60 * SIZE, "some more of it")
    stamps, blocks = player.sound()
    assert not blocks[:4].any()  # the announced silence
    steps = np.diff(stamps)
    assert ((steps == 240) | (steps >= 16 * 240)).all()  # no hole but one that OBS sees, where this machine stood still
    assert (steps == 240).mean() > 0.9
    ramp = np.diff(blocks.reshape(-1).astype(int))
    assert (ramp == 1).sum() > 3000
    pictures = [stamp for stamp, _ in player.pictures()]
    assert pictures == sorted(set(pictures))
    assert pictures[0] >= 0


def test_pictures_are_repeated_so_that_no_tick_of_obs_finds_none(stream: StreamServer, port: int) -> None:
    """Nobody shows a second picture: the first one comes again, in 0.6 of OBS's period."""
    stream.show(picture(7))
    with Player(port, SIZE) as player:
        until(lambda: player.received > 150 * SIZE, "the picture again and again")
    found = player.pictures()
    assert all((image == 7).all() for _, image in found)
    pauses = np.diff([stamp for stamp, _ in found])[-60:] / 10_000  # after the slow motion stamps are real time
    assert 0.6 / 30 - 0.001 <= statistics.median(pauses) < 1 / 30


def test_before_the_first_picture_a_player_waits_and_costs_nothing(stream: StreamServer, port: int) -> None:
    with Player(port, SIZE) as player:
        until(lambda: stream.clients == 1, "connected")
        until(lambda: player.received > 0, "the header")
        begun = time.thread_time(), time.process_time()
        time.sleep(0.5)
        spent = (time.process_time() - begun[1]) - (time.thread_time() - begun[0])
        assert spent < 0.25  # a thread that spins takes 0.5
        stream.show(picture(9))
        until(lambda: bool(player.pictures()), "the picture")


def test_three_players_get_the_same(stream: StreamServer, ring: VoiceRing, port: int) -> None:
    stream.show(picture(1))
    with Talker(ring), Player(port, SIZE) as one, Player(port, SIZE) as two, Player(port, SIZE) as three:
        players = (one, two, three)
        until(lambda: stream.clients == 3, "three of them")
        for level in range(2, 6):
            stream.show(picture(level))
            until(lambda level=level: all(p.pictures()[-1:] and p.pictures()[-1][1][0] == level for p in players), "it")
        until(lambda: all(bool(player.sound()[1].any()) for player in players), "sound")
    for player in players:
        assert list(dict.fromkeys(int(image[0]) for _, image in player.pictures()))[-4:] == [2, 3, 4, 5]


# ---- players that behave badly ---------------------------------------------------------------------------------------


def test_a_slow_player_gets_the_newest_picture_and_not_what_it_missed() -> None:
    """Its picture does not fit into the sockets, so the server is in the middle of the first one meanwhile."""
    width = height = 1024
    port = free_port()
    stream = StreamServer(listen(port), width, height, None, lambda: 1 / 30)
    try:
        stream.show(picture(1, width, height))
        with Player(port, width * height * 4) as player:
            until(lambda: player.received > 200_000, "the first picture begins")
            player.takes.clear()
            for level in range(2, 51):
                stream.show(picture(level, width, height))
            player.takes.set()
            until(lambda: any(image[0] == 50 for _, image in player.pictures()), "the newest")
        levels = list(dict.fromkeys(int(image[0]) for _, image in player.pictures()))
        assert levels[-1] == 50
        assert len(levels) <= 3
    finally:
        stream.close()


def test_a_player_that_takes_nothing_is_dropped_and_the_others_go_on(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "_PATIENCE_S", 0.3)
    stream = StreamServer(listen(port), 256, 256, None, lambda: 1 / 30)
    try:
        stream.show(picture(1, 256, 256))
        with Player(port, 256 * 256 * 4) as good, Player(port, 256 * 256 * 4, takes=False) as bad:
            until(lambda: stream.served == 2, "both are there")
            until(lambda: stream.clients == 1, "the bad one is dropped")
            before = good.received
            until(lambda: good.received > before + 2_000_000, "the good one goes on")
            bad.takes.set()
            until(lambda: bad.ended, "the end at its side")
            assert not good.ended
    finally:
        stream.close()


def test_a_player_that_is_killed_is_forgotten_and_may_come_back(stream: StreamServer, port: int) -> None:
    stream.show(picture(1))
    code = (
        f"import socket; s = socket.create_connection(('127.0.0.1', {port}))\n"
        "s.recv(10)\nprint('there', flush=True)\nwhile s.recv(4096): pass"
    )
    with Player(port, SIZE) as other:
        for turn in range(2):
            with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as process:
                assert process.stdout is not None
                assert process.stdout.readline() == b"there\n"
                assert stream.clients == 2
                process.send_signal(signal.SIGKILL) if sys.platform != "win32" else process.kill()
            until(lambda: stream.clients == 1, "forgotten")
            assert stream.served == turn + 2
        before = other.received
        until(lambda: other.received > before + 5 * SIZE, "the other one goes on")


def test_there_are_never_more_than_eight(stream: StreamServer, port: int) -> None:
    players = [Player(port, SIZE) for _ in range(9)]
    try:
        until(lambda: any(player.ended for player in players), "the ninth is turned away")
        assert stream.clients == 8
    finally:
        for player in players:
            player.close()
    stream.show(picture(1))  # who has gone is noticed with the next picture
    until(lambda: stream.clients == 0, "all forgotten")


def test_show_never_waits_for_anybody(stream: StreamServer, port: int) -> None:
    with Player(port, SIZE, takes=False):
        until(lambda: stream.clients == 1, "connected")
        for n in range(2000):  # far more than fits into sockets
            stream.show(picture(n % 256))


# ---- whoever shows pictures hangs, or ends ---------------------------------------------------------------------------


def test_an_old_picture_is_not_sent_any_more_and_a_new_one_is(stream: StreamServer, port: int) -> None:
    """Nobody shows a second one: whoever does hangs."""
    stream.stand_by(picture(200), lambda: False, 100_000_000)
    stream.show(picture(7))
    with Player(port, SIZE) as player:
        until(lambda: player.pictures()[-1:] and player.pictures()[-1][1][0] == 200, "what is sent in its place")
        stream.show(picture(8))
        until(lambda: any(image[0] == 8 for _, image in player.pictures()), "the new one")
        until(lambda: player.pictures()[-1][1][0] == 200, "and no longer")
    levels = [int(image[0]) for _, image in player.pictures()]
    assert list(dict.fromkeys(levels)) in ([7, 200, 8], [200, 8])
    assert len(levels) > 5


def test_while_it_is_covered_nothing_else_is_sent_whatever_is_shown(stream: StreamServer, port: int) -> None:
    panic = threading.Event()
    stream.stand_by(picture(200), panic.is_set, 60_000_000_000)
    stream.show(picture(7))
    with Player(port, SIZE) as player:
        until(lambda: bool(player.pictures()), "a picture")
        panic.set()
        until(lambda: player.pictures()[-1][1][0] == 200, "the cover")
        for level in range(20, 30):
            stream.show(picture(level))
            before = player.received
            until(lambda before=before: player.received > before + 2 * SIZE, "some more")
        assert not any(20 <= image[0] < 30 for _, image in player.pictures())
        panic.clear()
        until(lambda: player.pictures()[-1][1][0] == 29, "the newest")


def test_before_anything_was_shown_nothing_is_sent_in_its_place(stream: StreamServer, port: int) -> None:
    stream.stand_by(picture(200), lambda: True, 0)
    with Player(port, SIZE) as player:
        until(lambda: player.received > 0, "the header")
        assert not player.pictures()
        with pytest.raises(MediaError, match="is 48x32"):
            stream.stand_by(picture(1, 32, 48), lambda: True, 0)


def test_the_last_picture_that_was_shown_reaches_every_player_before_the_end(port: int) -> None:
    """The card of an ordered stop, right before the stream is closed; what a player has last it shows for ever."""
    height, width = 192, 256
    guard = VideoGuard(Look("me", None, True), Canvas(width, height))
    real = CameraFrame(camera_picture(height, width), 0, 0)
    with ObsStreamSink(port) as sink:
        sink.open(width, height, Fraction(30))
        with Player(port, width * height * 4) as one, Player(port, width * height * 4) as two:
            until(lambda: sink.clients == 2, "two players")
            sink.write(guard.admit(real.image.copy(), real, True))
            players = (one, two)
            until(lambda: all(player.pictures() for player in players), "the real person")
            card = guard.card(1)
            sink.write(card)
            sink.close()
            until(lambda: one.ended and two.ended, "the end")
            for player in players:
                seen = [image.reshape(height, width, 4)[..., 2::-1] for _, image in player.pictures()]
                assert PictureMark.found(seen[0])
                assert (seen[-1] == card.image).all()
                assert not PictureMark.found(seen[-1])
    assert ours() == []


def test_a_sink_whose_writer_hangs_shows_the_card_and_takes_no_other_picture_for_it(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sink_module, "_OLD_S", 0.1)
    height, width = 192, 256
    guard = VideoGuard(Look("me", None, True), Canvas(width, height))
    real = CameraFrame(camera_picture(height, width), 0, 0)
    with ObsStreamSink(port) as sink:
        sink.open(width, height, Fraction(30))
        with pytest.raises(LeakError, match="refused a CameraFrame"):
            sink.stand_by(real, lambda: False)  # type: ignore[arg-type]
        card = guard.card(0)
        sink.stand_by(card, lambda: False)
        sink.write(guard.admit(real.image.copy(), real, True))
        with Player(port, width * height * 4) as player:
            until(
                lambda: any(
                    (image.reshape(height, width, 4)[..., 2::-1] == card.image).all()
                    for _, image in player.pictures()[-1:]
                ),
                "the card",
            )


# ---- its own life ----------------------------------------------------------------------------------------------------


def test_close_ends_everybody_and_every_thread_and_the_port_is_free(stream: StreamServer, port: int) -> None:
    stream.show(picture(1))
    with Player(port, SIZE) as one, Player(port, SIZE, takes=False):
        until(lambda: stream.clients == 2, "two")
        stream.close()
        until(lambda: one.ended, "the end")
        assert ours() == []
        stream.close()
        with pytest.raises(OSError):
            socket.create_connection(("127.0.0.1", port), 1).close()
        again = StreamServer(listen(port), WIDTH, HEIGHT)
        again.close()


def test_a_port_that_is_taken_is_one_sentence(port: int) -> None:
    with listen(port), pytest.raises(MediaError, match=f"cannot use port {port} .*--sink obs:PORT") as failed:
        listen(port)
    assert str(failed.value).count(". ") == 0


def test_only_this_machine_is_served(stream: StreamServer) -> None:
    assert stream._listener.getsockname()[0] == "127.0.0.1"


def test_a_picture_of_another_size_is_refused(stream: StreamServer) -> None:
    with pytest.raises(MediaError, match="is 48x32"):
        stream.show(picture(1, 32, 48))


@pytest.mark.parametrize(
    ("spec", "found"), [("obs", DEFAULT_PORT), ("obs:5000", 5000), ("window", None), ("f.mp4", None)]
)
def test_specs(spec: str, found: int | None) -> None:
    assert parse_spec(spec) == found


@pytest.mark.parametrize("spec", ["obs:x", "obs:80", "obs:70000", "obs:-1"])
def test_specs_that_name_no_port_are_refused(spec: str) -> None:
    with pytest.raises(MediaError, match="between 1024 and 65535"):
        parse_spec(spec)


# ---- who gets in -----------------------------------------------------------------------------------------------------


def test_a_camera_picture_is_refused_at_the_door_and_never_received(port: int) -> None:
    """An engine that hands the camera's picture on is what the guard is there for; a frame past it is refused here."""
    height, width = 192, 256
    camera = CameraFrame(camera_picture(height, width), 0, 0)
    assert PictureMark.found(camera.image)
    guard = VideoGuard(Look("red"), Canvas(width, height))
    persona = np.full((height, width, 3), (200, 40, 40), np.uint8)
    with ObsStreamSink(port) as sink:
        sink.open(width, height, Fraction(30))
        with Player(port, width * height * 4) as player:
            until(lambda: sink.clients == 1, "a player")
            for n in range(12):
                with pytest.raises(LeakError, match="OBS stream: refused a CameraFrame"):
                    sink.write(camera)  # type: ignore[arg-type]
                sink.write(guard.admit(camera.image.copy() if n % 2 else persona.copy(), camera))
                before = player.received
                until(lambda before=before: player.received > before + width * height * 4, "a picture")
            found = player.pictures()
    assert guard.leaks == 6
    assert len(found) >= 6
    seen = [image.reshape(height, width, 4)[..., 2::-1] for _, image in found]
    assert any((image == persona).all() for image in seen)
    assert not any(PictureMark.found(image, parts=False) for image in seen)
    assert ours() == []


# ---- what it makes of how a player takes ----------------------------------------------------------------------------

MS = 1_000_000


def test_pauses_are_summed_up_and_made_good_in_a_calm_moment_while_nobody_speaks() -> None:
    debt, now, tick = Debt(), 100_000 * MS, 33 * MS
    for _ in range(1000):
        debt.sent(now, 40 * MS, tick)  # as it should be, nearly
    assert debt.owed_ns == 0
    debt.sent(now, 93 * MS, tick)
    assert debt.due(now + 60_000 * MS) == 0  # not worth a gap
    debt.sent(now, 93 * MS, tick)
    assert debt.due(now + 4_999 * MS) == 0  # not calm yet
    debt.heard(now + 5_000 * MS, 5000)
    assert debt.due(now + 5_100 * MS) == 0  # somebody speaks
    debt.heard(now + 5_200 * MS, 50)
    assert debt.due(now + 5_200 * MS) == 120 * MS
    assert debt.due(now + 5_201 * MS) == 0  # paid


def test_who_never_stops_to_speak_does_not_keep_the_debt_for_ever_and_it_has_a_limit() -> None:
    debt, now = Debt(), 100_000 * MS
    debt.sent(now, 5_000 * MS, 33 * MS)
    paid = 0
    for later in range(0, 31_000, 100):
        debt.heard(now + later * MS, 20_000)
        stop = debt.due(now + later * MS)
        assert not stop or later >= 30_000
        paid += stop
    assert paid == 250 * MS


def test_a_player_that_waits_for_each_picture_is_told_from_one_that_takes_them() -> None:
    quick, stuck = Pressure(), Pressure()
    answers = [
        (quick.took(n * 33 * MS, n * 33 * MS + MS), stuck.took(n * 33 * MS, n * 33 * MS + 32 * MS)) for n in range(1000)
    ]
    assert not any(one for one, _ in answers)
    assert any(other for _, other in answers)
    assert quick.steady_ns(1000 * 33 * MS) > 30_000 * MS
    assert stuck.steady_ns(1000 * 33 * MS) == 0
