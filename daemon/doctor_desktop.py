"""The doctor's rows about the desktop: tray, hotkeys, notices, start at login. All of them are comforts: a warning says
what is missing, nothing essential fails without them."""

from __future__ import annotations

from collections.abc import Iterator

from daemon.doctor import Row

__all__ = ["probe"]


def probe() -> Iterator[Row]:
    """All rows."""
    yield _tray()
    yield from _hotkeys()
    yield _notices()
    yield _microphone()
    yield _autostart()


def _split(sentence: str) -> tuple[str, str]:
    """(what is so, what to do): our sentences name the line to type behind "type: "."""
    what, _, todo = sentence.partition("type: ")
    return what.rstrip(" ;") or sentence, todo


def _tray() -> Row:
    from daemon.tray import tray_available

    found = tray_available()
    what, todo = _split(found.sentence)
    return Row("desktop", "tray", "ok" if found else "warn", what, todo)


def _hotkeys() -> Iterator[Row]:
    from daemon.hotkeys.doors import find_door
    from daemon.hotkeys.table import compile_table, installed_keys
    from daemon.settings import SettingsFile

    file = SettingsFile()
    if not file.now.hotkeys.enabled:
        yield Row("desktop", "hotkeys", "ok", f"switched off ({file.path})")
    else:
        door, sentence = find_door()
        what, todo = _split(sentence)
        good = door is not None
        yield Row("desktop", "hotkeys", "ok" if good else "warn", f"heard through {what}" if good else what, todo)
    table = compile_table(file.now.hotkeys, installed_keys(), file.path)
    for text in table.problems:
        yield Row("desktop", "hotkey", "warn", text)
    keys = ", ".join(f"{one.chord}: {one.action}" for one in table.bindings)
    yield Row("desktop", "keys", "ok", keys or "none")


def _notices() -> Row:
    from daemon.bell import notices_available

    why = notices_available()
    return Row("desktop", "notices", "warn" if why else "ok", why or "the desktop shows them")


def _microphone() -> Row:
    from obs_portrait.media.sinks.virtualmic import virtual_mic_problem

    what, todo = _split(virtual_mic_problem() or "can be had: --audio-sink virtualmic")
    return Row("desktop", "virtual mic", "ok" if what.startswith("can be had") else "warn", what, todo)


def _autostart() -> Row:
    from daemon.autostart import status

    found = status()
    what, todo = _split(found.sentence)
    return Row("desktop", "start at login", "warn" if todo else "ok", what, todo)
