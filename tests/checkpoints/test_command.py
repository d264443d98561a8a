"""`obs-portrait checkpoints …` as a user types it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from daemon.cli import app
from obs_portrait.checkpoints import licences, pins
from obs_portrait.checkpoints.catalog import Entry, place
from obs_portrait.checkpoints.pull import partial
from obs_portrait.checkpoints.trust import ready
from tests.checkpoints.conftest import BODY, OTHER, Serve, entry


def run(*words: str, **options: object) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["checkpoints", *words], **options)  # type: ignore[arg-type]
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        return 1, f"{result.output}{result.exception}"
    return result.exit_code, result.output


@pytest.fixture
def row(site: Serve, monkeypatch: pytest.MonkeyPatch) -> Entry:
    """The only weights that the program knows; nobody has accepted their licence."""
    made = entry(site(), accept=False, licence="CC-BY-NC-4.0", commercial=False, note="Trained on toast.")
    monkeypatch.setattr("obs_portrait.checkpoints.catalog.load_catalog", lambda: {"thing": made})
    return made


def test_the_licence_is_shown_and_accepted_once(row: Entry) -> None:
    code, output = run("pull", "thing")
    assert code == 1 and "add: --accept-licence thing" in output
    for word in ("CC-BY-NC-4.0, not for commercial use", "Trained on toast."):
        assert word in output
    code, output = run("pull", "thing", "--accept-licence", "another")
    assert code == 2 and not licences.accepted(row)
    code, output = run("pull", "thing", "--accept-licence", "thing")
    assert (code, output.splitlines()[-1]) == (0, str(place(row)))
    place(row).unlink()
    code, output = run("pull", "Thing")
    assert (code, output.splitlines()) == (0, [str(place(row))]), "accepted once: not shown again"


def test_offline_nobody_is_asked_to_accept_anything(row: Entry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OBS_PORTRAIT_OFFLINE", "1")
    code, output = run("pull", "thing", "--accept-licence", "thing")
    assert code == 1 and "forbids the network" in output and "Licence" not in output and not licences.accepted(row)


def test_a_terminal_is_asked(row: Entry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("daemon.commands.checkpoints._terminal", lambda: True)
    code, output = run("pull", "thing", input="n\n")
    assert code == 1 and "nothing was downloaded" in output and not licences.accepted(row)
    code, output = run("pull", "thing", input="y\n")
    assert code == 0 and place(row).read_bytes() == BODY


def test_list_says_what_is_here(row: Entry, site: Serve) -> None:
    assert "not for commercial use" in " ".join(run("list")[1].split())
    told = json.loads(run("list", "--json")[1])
    assert [one["state"] for one in told] == ["missing"] and told[0]["commercial"] is False
    run("pull", "thing", "--accept-licence", "thing")
    told = json.loads(run("list", "--json")[1])
    assert (told[0]["state"], told[0]["path"], told[0]["accepted"]) == ("here", str(place(row)), True)
    place(row).write_bytes(OTHER[:-1])
    told = json.loads(run("list", "--json")[1])
    assert told[0]["state"] == "wrong" and "1,000,002 bytes where thing has 1,000,003" in told[0]["problem"]
    assert "wrong" in run("list")[1]


def test_verify_and_path(row: Entry) -> None:
    assert run("verify") == (0, "")
    assert run("verify", "thing")[0] == 1
    code, output = run("path", "thing")
    assert code == 1 and "Type: obs-portrait checkpoints pull thing" in output
    run("pull", "thing", "--accept-licence", "thing")
    assert run("verify") == (0, "thing: ok\n") and run("path", "thing") == (0, f"{place(row)}\n")
    place(row).write_bytes(OTHER)
    code, output = run("verify")
    assert code == 1 and "the file was changed" in output
    code, output = run("pull", "thing")
    assert code == 1 and "Remove it and type: obs-portrait checkpoints pull thing" in output


def test_repin(row: Entry, site: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    made = entry(site(), known=False)
    monkeypatch.setattr("obs_portrait.checkpoints.catalog.load_catalog", lambda: {"thing": made})
    run("pull", "thing")
    place(made).write_bytes(OTHER)
    assert run("pull", "thing")[0] == 1
    assert run("pull", "thing", "--repin")[0] == 0
    pin = pins.read(place(made))
    assert pin is not None and run("verify")[0] == 0


def test_a_damaged_pin_is_told(row: Entry, site: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    made = entry(site(), known=False)
    monkeypatch.setattr("obs_portrait.checkpoints.catalog.load_catalog", lambda: {"thing": made})
    run("pull", "thing")
    for text in ("", "{", "[]", '{"sha256": "0"}', '{"sha256": "x", "size": 1, "address": null, "date": ""}'):
        pins.pin_path(place(made)).write_text(text)
        code, output = run("verify", "thing")
        assert code == 1 and "the pinned hash cannot be read" in output, text


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["convert", "nothing.pth.tar"], "there is no such file"),
        (["convert", "thin"], "Did you mean 'thing'"),
        (["convert", "thing"], "not on this machine"),
        (["pull", "thin"], "Did you mean 'thing'"),
    ],
)
def test_faults(row: Entry, words: list[str], says: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("daemon.commands.checkpoints._has_torch", lambda: True)
    code, output = run(*words)
    assert code == 1 and says in output


def test_convert_without_torch_says_what_to_type(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("daemon.commands.checkpoints._has_torch", lambda: False)
    code, output = run("convert", str(tmp_path / "a.pth.tar"))
    assert code == 1 and "pip install 'obs-portrait[neural]'" in output


@pytest.mark.parametrize(
    ("source", "target"),
    [("vox-adv-cpk.pth.tar", "vox-adv-cpk.safetensors"), ("a.pth", "a.safetensors"), ("b.PT", "b.safetensors")],
)
def test_convert_writes_beside_its_source(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str, target: str
) -> None:
    asked: list[tuple[Path, Path]] = []
    monkeypatch.setattr("obs_portrait.face.fomm.convert", lambda src, dst: asked.append((src, dst)))
    monkeypatch.setattr("daemon.commands.checkpoints._has_torch", lambda: True)
    (tmp_path / source).write_bytes(b"x")
    assert run("convert", str(tmp_path / source)) == (0, f"{tmp_path / target}\n")
    assert asked == [(tmp_path / source, tmp_path / target)]
    (tmp_path / target).write_bytes(b"x")
    code, output = run("convert", str(tmp_path / source))
    assert code == 1 and "exists already" in output and len(asked) == 1
    assert run("convert", str(tmp_path / source), "--force")[0] == 0
    assert run("convert", str(tmp_path / source), str(tmp_path / "c.onnx"))[0] == 2


@pytest.mark.parametrize("source", ["a.safetensors", "weights.bin"])
def test_convert_asks_where_to_if_the_name_does_not_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str
) -> None:
    monkeypatch.setattr("obs_portrait.face.fomm.convert", lambda src, dst: dst.write_bytes(b"y"))
    monkeypatch.setattr("daemon.commands.checkpoints._has_torch", lambda: True)
    (tmp_path / source).write_bytes(b"x")
    code, output = run("convert", str(tmp_path / source))
    assert code == 2 and "name DST too" in " ".join(output.replace("│", " ").split())
    assert run("convert", str(tmp_path / source), str(tmp_path / "b.safetensors"))[0] == 0
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_file()) == sorted([source, "b.safetensors"])


def test_what_was_converted_by_name_is_found_by_name_and_verified(
    row: Entry, site: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = entry(site(), known=False, file="weights.pth.tar")
    monkeypatch.setattr("obs_portrait.checkpoints.catalog.load_catalog", lambda: {"thing": made})
    monkeypatch.setattr("obs_portrait.face.fomm.convert", lambda src, dst: dst.write_bytes(b"y"))
    monkeypatch.setattr("daemon.commands.checkpoints._has_torch", lambda: True)
    run("pull", "thing")
    twin = place(made).with_name("weights.safetensors")
    for words in (["thing"], ["Thing", "--force"], [str(place(made)), "--force"]):
        assert run("convert", *words) == (0, f"{twin}\n")
        assert ready("thing") == twin
    assert run("path", "thing") == (0, f"{place(made)}\n") and run("verify") == (0, "thing: ok\n")
    twin.write_bytes(b"z")
    code, output = run("verify")
    assert code == 1 and "weights.safetensors: SHA-256" in output


def test_convert_refuses_what_is_no_checkpoint(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="PyTorch is not installed: converting is tested where it is")
    (tmp_path / "zeros.pth").write_bytes(bytes(1000))
    code, output = run("convert", str(tmp_path / "zeros.pth"))
    assert code == 1 and "neither a PyTorch checkpoint nor a safetensors file" in output
    assert [path.name for path in tmp_path.glob("zeros*")] == ["zeros.pth"]


PROGRAM = """
import sys
from obs_portrait.checkpoints import catalog
from tests.checkpoints.conftest import entry
from tests.checkpoints.server import Site
row = entry(Site(url=sys.argv[1]), known=False)
catalog.load_catalog = lambda: {"thing": row}
from daemon.cli import main
sys.argv = ["obs-portrait", "checkpoints", "pull", "thing"]
main()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C is sent to a process of its own on POSIX only")
def test_ctrl_c_keeps_the_part_and_says_so(site: Serve) -> None:
    server = site(hold=500_000)
    environment = {**os.environ, "COLUMNS": "100"}
    command = [sys.executable, "-c", PROGRAM, server.url]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert server.held.wait(60)
        made = entry(server, known=False)
        while partial(made)[0] < 500_000 and process.poll() is None:
            time.sleep(0.005)
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=60)
    assert process.returncode == 130 and output == ""
    assert "0.5 MB of 1.0 MB are kept; type the same again to go on." in errors and "Traceback" not in errors
    assert partial(made) == (500_000, len(BODY))
    server.hold = None
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=True, timeout=60)
    assert done.stdout.strip() == str(place(made)) and place(made).read_bytes() == BODY
    assert server.asked[1]["Range"] == "bytes=500000-"
