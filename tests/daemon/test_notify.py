"""What is worth a notice, how often, and that a real notification server gets it."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from daemon.bell import Bell, notices_available
from daemon.notify import NoticeSettings, Notifier, Word
from daemon.tray.words import Words
from obs_portrait.pipeline.live.messages import Notice
from tests.daemon.waiting import until


class Set:
    """A notifier whose clock is set by hand."""

    def __init__(self, **settings: bool) -> None:
        self.rung: list[Word] = []
        self.now = 0.0
        self.notifier = Notifier(self.rung.append, NoticeSettings(**settings), clock=lambda: self.now)

    def hear(self, about: str, text: str, problem: bool = True) -> None:
        self.notifier.hear(Notice(about, text, problem))

    @property
    def texts(self) -> list[str]:
        return [word.text for word in self.rung]


@pytest.fixture
def desk() -> Set:
    return Set()


def test_what_a_streamer_must_know_is_told_and_nothing_else(desk: Set) -> None:
    desk.hear("camera", "The camera is gone.")
    desk.hear("obs link", "OBS 29 is connected.", False)
    desk.hear("profile ada", "'ada' was edited.", False)
    desk.hear("clip", "Saved one.mkv.", False)
    desk.hear("reference", "Calibrated.", False)
    assert desk.texts == ["The camera gives no picture. The page says which one, why, and what to do."]
    assert desk.rung[0].urgent


@pytest.mark.parametrize(
    "about", ["camera", "microphone", "sink speaker:Jane's AirPods", "video", "audio", "card", "show"]
)
def test_what_lies_over_the_screen_names_no_device_and_no_home(desk: Set, about: str) -> None:
    desk.hear(about, f"Jane's iPhone cannot be opened; see {Path.home()}/x.")
    desk.hear(about, "Jane's iPhone cannot be heard.")  # another sentence is another notice
    assert len(desk.rung) == 2
    if about.partition(" ")[0] in ("camera", "microphone", "sink"):
        desk.hear(about, "Jane's iPhone is back.", False)
        assert desk.texts[-1].endswith("back.")
    desk.now = 100.0
    desk.hear("settings", f"{Path.home()}/settings.toml, line 3: what is that?")
    assert desk.texts[-1].startswith("~/settings.toml") or sys.platform == "win32"
    shown = " ".join(word.title + word.text for word in desk.rung)
    assert "Jane" not in shown and str(Path.home()) not in shown


def test_the_end_of_a_trouble_is_told_if_the_trouble_was(desk: Set) -> None:
    desk.hear("microphone", "The microphone is back.", False)
    desk.hear("video", "The video process died; it is started again.")
    desk.hear("video", "The video process is back.", False)
    assert desk.texts == ["The picture's process stopped. The page says why.", "The video process is back."]
    assert not desk.rung[1].urgent


def test_never_the_same_twice_in_a_minute(desk: Set) -> None:
    for at, rung in ((0.0, 1), (59.0, 1), (61.0, 2), (119.0, 2), (122.0, 3)):
        desk.now = at
        desk.hear("camera", "The camera is gone.")
        assert len(desk.rung) == rung, at


def test_a_flood_is_damped_and_a_panic_gets_through(desk: Set) -> None:
    for number in range(20):
        desk.hear("hotkey clip", f"No clip {number}.", False)
    assert len(desk.rung) == 4
    desk.notifier.see({"panic": True, "persona": "ada"})
    assert desk.rung[-1].title == "Panic"
    desk.now = 100.0
    desk.hear("hotkey clip", "No clip.", False)
    assert len(desk.rung) == 6


def test_the_real_face_is_told_when_it_begins(desk: Set) -> None:
    for state in ("live", "revealed", "revealed", "live"):
        desk.notifier.see({"state": state, "persona": "me"})
    assert [word.title for word in desk.rung] == ["Your real self is shown"]
    assert "'me'" in desk.texts[0]
    assert desk.rung[0].urgent


def test_a_panic_hides_what_was_revealed_and_its_end_is_told(desk: Set) -> None:
    desk.notifier.see({"state": "panic", "panic": True, "persona": "me"})
    desk.notifier.see({"state": "live", "panic": False, "persona": "ada"})
    assert [word.title for word in desk.rung] == ["Panic", "Panic ended"]
    assert desk.texts[1] == "You are ada again."


def test_each_panic_and_each_showing_is_told_however_soon_it_comes_again(desk: Set) -> None:
    for _ in range(3):
        desk.now += 5.0
        desk.notifier.see({"panic": True, "persona": "ada"})
        desk.notifier.see({"panic": False, "persona": "ada"})
    assert [word.title for word in desk.rung] == ["Panic", "Panic ended"] * 3
    desk.rung.clear()
    for _ in range(3):
        desk.now += 5.0
        desk.notifier.see({"reveals": True, "persona": "me"})
        desk.notifier.see({"reveals": False, "persona": "ada"})
    assert [word.title for word in desk.rung] == ["Your real self is shown"] * 3


def test_who_asks_again_is_answered_again_and_once(desk: Set) -> None:
    for _ in range(2):
        desk.now += 100.0
        for _ in range(2):
            desk.now += 15.0
            desk.notifier.calibrating("Look straight into the camera.")
            desk.now += 1.0
            desk.hear("reference", "Calibrating: Keep your eyes open.")
            desk.hear("hotkey calibrate", "Calibrating: Keep your eyes open.", False)
        assert desk.texts == ["Look straight into the camera.", "Calibrating: Keep your eyes open."] * 2
        desk.rung.clear()
    desk.now += 100.0
    for _ in range(2):
        desk.now += 5.0
        desk.hear("hotkey clip", "OBS is not connected, so there is no clip.", False)
    assert len(desk.rung) == 2


def test_who_sees_nothing_but_a_game_is_told_what_cannot_be_had(desk: Set) -> None:
    desk.hear("hotkeys door", "Wayland gives no program the keys of other windows.", False)
    desk.hear("hotkeys door", "The display no longer tells of keys.")
    desk.hear("hotkeys door", "Hotkeys are heard.", False)
    desk.hear("persona ink", "'ink' cannot be prepared.")
    desk.now = 100.0
    desk.hear("profile ink", "profile.toml:3: what is that? 'ink' plays on as it was before the edit.")
    desk.hear("profile ink", "'ink' was edited; it is prepared anew.", False)
    desk.hear("drift: fps", "The picture has only 8 frames a second; close what else needs the processor.")
    desk.now = 200.0
    desk.hear("hidden", "You stay hidden, because 'ink' cannot be prepared; choose another persona.")
    assert [(word.text.split()[0], word.urgent) for word in desk.rung] == [
        ("The", False), ("Hotkeys", False), ("'ink'", False), ("profile.toml:3:", False), ("The", False),
        ("You", True),
    ]  # fmt: skip


def test_a_calibration_that_was_asked_for_is_followed(desk: Set) -> None:
    desk.notifier.calibrating("Look straight into the camera.")
    desk.hear("reference", "Calibrating: Keep your eyes open.")
    desk.hear("reference", "Calibrated: your face of this moment is the neutral one.", False)
    assert len(desk.rung) == 3
    desk.now = 200.0
    desk.notifier.calibrating()
    desk.hear("reference", "Calibrated: your face of this moment is the neutral one.", False)
    assert len(desk.rung) == 4
    desk.now = 300.0
    desk.hear("reference", "Calibrated: your face of this moment is the neutral one.", False)
    assert len(desk.rung) == 4


def test_settings() -> None:
    silent, clips = Set(enabled=False), Set(clips=True)
    silent.notifier.see({"panic": True})
    silent.hear("camera", "The camera is gone.")
    clips.hear("clip", "Saved one.mkv.", False)
    assert (silent.texts, clips.texts) == ([], ["Saved one.mkv."])


def test_titles_follow_the_language() -> None:
    rung: list[Word] = []
    Notifier(rung.append, words=Words("zh")).see({"panic": True})
    assert rung[0].title == "紧急遮挡"


@pytest.fixture
def bus(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    if sys.platform != "linux":
        pytest.skip("D-Bus carries notices on Linux")
    from tests.daemon.session_bus import session_bus

    with session_bus() as address:
        monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", address)
        yield address


def test_after_the_end_nothing_is_rung_and_no_thread_begins() -> None:
    """One that waits for words for ever would keep the program from ending."""
    bell = Bell()
    bell.close()
    before = threading.active_count()
    bell.ring(Word("The show", "was ended before it began."))
    assert threading.active_count() == before
    assert bell._thread is None


@pytest.mark.parametrize("full", ["disk", "files"])
def test_a_full_machine_silences_the_bell_only_while_it_is_full(full: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from daemon import bell as bell_module

    shown: list[str] = []
    begun = threading.Semaphore(0)

    async def show(desktop: object, word: Word, log: object) -> None:
        shown.append(word.text)

    def refuse(*_: object, **__: object) -> None:
        begun.release()
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(bell_module, "_show", show)
    bell = Bell()
    missing = {"disk": "tempfile.TemporaryDirectory", "files": "asyncio.events.new_event_loop"}[full]
    with monkeypatch.context() as patch:
        patch.setattr(missing, refuse)
        bell.ring(Word("Panic", "first"))
        assert begun.acquire(timeout=20)
        if full == "files":
            until(lambda: bell._thread is not None and not bell._thread.is_alive(), "the thread has ended")
            assert "No space left" in str(bell.problem)
        else:
            until(lambda: shown == ["first"], "it is shown without a picture")
    bell.ring(Word("Panic", "second"))
    until(lambda: shown == ["first", "second"], "both are shown")
    assert bell.problem is None
    bell.close()


@pytest.mark.real
def test_a_real_server_shows_it_and_a_new_one_after_it_was_restarted(bus: str) -> None:
    from tests.daemon.session_bus import NotificationServer

    bell = Bell()
    assert "No program on this desktop shows notices" in str(notices_available())
    bell.ring(Word("Nobody", "is there"))
    until(lambda: bell.problem is not None, "that nobody shows it is known")
    with NotificationServer(bus) as server:
        assert notices_available() is None
        bell.ring(Word("Panic", "Card and silence.", urgent=True))
        bell.ring(Word("Clip", "Saved <b>one</b>.mkv"))
        until(lambda: len(server.shown) == 2, "both are shown")
        assert [(one.title, one.text, one.urgency) for one in server.shown] == [
            ("Panic", "Card and silence.", 2), ("Clip", "Saved <b>one</b>.mkv", 1),
        ]  # fmt: skip
        assert (server.shown[0].timeout, server.shown[1].timeout) == (-1, 8000)
        assert bell.problem is None
    with NotificationServer(bus) as server:
        bell.ring(Word("Again", "here"))
        until(lambda: len(server.shown) == 1, "the new server shows it")
    bell.close()
    bell.close()


@pytest.mark.real
def test_without_a_bus_nothing_breaks(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: object
) -> None:
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", f"unix:path={tmp_path}/nobody")
    monkeypatch.delenv("DISPLAY", raising=False)
    bell = Bell()
    bell.ring(Word("Panic", "Card and silence."))
    if sys.platform == "linux":
        until(lambda: bell.problem is not None, "it is known")
        assert "no session bus" in str(notices_available())
    bell.close()
    assert capfd.readouterr().err == ""
