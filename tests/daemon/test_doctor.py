"""The doctor never fails, and says what to do."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from daemon import doctor
from daemon.cli import app


def test_json_has_a_row_for_everything() -> None:
    result = CliRunner().invoke(app, ["doctor", "--json"])
    rows = {(row["area"], row["what"]): row for row in json.loads(result.output)}
    assert result.exit_code == 0
    for place in (("face", "tracker"), ("face", "GPU"), ("voice", "converter dsp"), ("personas", "personas")):
        assert rows[place]["status"] == "ok", rows[place]
    assert all(row["todo"] for row in rows.values() if row["status"] == "missing")


@pytest.mark.skipif(sys.platform != "linux", reason="PulseAudio and PipeWire are asked on Linux only")
def test_the_sound_server_is_asked_not_assumed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "pactl" in doctor._sound_server().detail
    tool = tmp_path / "pactl"
    tool.write_text("#!/bin/sh\nexit 1\n")
    tool.chmod(0o755)
    assert doctor._sound_server().status == "warn"
    tool.write_text("#!/bin/sh\necho 'Server Name: PulseAudio (on PipeWire 1.2)'\n")
    assert (doctor._sound_server().status, doctor._sound_server().detail) == ("ok", "PulseAudio (on PipeWire 1.2)")


def test_a_probe_that_breaks_or_hangs_is_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    release = threading.Event()

    def broken() -> Iterator[doctor.Row]:
        yield doctor.Row("a", "first", "ok", "")
        raise RuntimeError("driver said no")

    def hanging() -> Iterator[doctor.Row]:
        release.wait()
        yield doctor.Row("b", "late", "ok", "")

    monkeypatch.setattr(doctor, "_PROBES", (("a", broken), ("b", hanging)))
    monkeypatch.setattr(doctor, "_PATIENCE", 0.2)
    rows = doctor.examine()
    release.set()
    assert [row.what for row in rows] == ["first", "a", "b"]
    assert "driver said no" in rows[1].detail
    assert "no answer" in rows[2].detail
