"""What is told and what nobody catches is in the log; the files rotate; no folder stops nobody."""

from __future__ import annotations

import logging
import sys
import threading
from pathlib import Path

import pytest

from daemon import logs
from daemon.logs import log_notice, logging_to_files
from obs_portrait.pipeline.live.messages import Notice


def test_notices_and_what_nobody_catches_are_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "excepthook", lambda *error: None)
    monkeypatch.setattr(threading, "excepthook", lambda error: None)
    with logging_to_files(tmp_path / "logs") as path:
        log_notice(Notice("camera", "The camera is gone; plug it in."))
        try:
            raise ValueError("deep inside")
        except ValueError as error:
            sys.excepthook(type(error), error, error.__traceback__)
        thread = threading.Thread(target=lambda: 1 / 0, name="lost")
        thread.start()
        thread.join()
        logging.getLogger("obs_portrait.pipeline.live.supervisor").error("the video process had an error")
    assert path is not None
    text = path.read_text("utf-8")
    for part in ("WARNING", "plug it in", "deep inside", "'lost' ended", "ZeroDivisionError", "the video process"):
        assert part in text
    logging.getLogger("obs_portrait").error("afterwards")
    assert "afterwards" not in path.read_text("utf-8")


def test_files_rotate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "_BYTES", 2000)
    with logging_to_files(tmp_path):
        for n in range(400):
            log_notice(Notice("n", f"sentence number {n}", False))
    files = sorted(path.name for path in tmp_path.iterdir())
    assert files == ["obs-portrait.log", *(f"obs-portrait.log.{n}" for n in range(1, 5))]
    assert "sentence number 399" in (tmp_path / "obs-portrait.log").read_text("utf-8")
    assert all(path.stat().st_size <= 2100 for path in tmp_path.iterdir())


def test_a_folder_that_cannot_be_written_stops_nobody(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with logging_to_files(tmp_path / "file" / "logs") as path:
        assert path is None
        log_notice(Notice("camera", "gone"))
