"""Downloads from a real server that misbehaves in one way at a time."""

from __future__ import annotations

import hashlib
import json
import queue
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from obs_portrait.checkpoints import licences, pins
from obs_portrait.checkpoints.catalog import locate, place
from obs_portrait.checkpoints.part import Part
from obs_portrait.checkpoints.pull import partial, pull
from obs_portrait.checkpoints.transfer import Patience
from obs_portrait.errors import CheckpointError
from tests.checkpoints.conftest import BODY, HURRY, OTHER, Serve, entry


def head(status: str, *lines: str) -> bytes:
    """An answer as it goes over the wire, with three bytes of a body."""
    return "\r\n".join((f"HTTP/1.1 {status}", *lines, "", "abc")).encode("latin-1")


def left(folder: Path) -> set[str]:
    """What lies in the folder of the weights, but for the lock."""
    return {path.name for path in (folder / "thing").glob("*") if path.suffix != ".lock"}


def test_a_download(site: Serve, folders: Path) -> None:
    server = site()
    told: list[tuple[int, int | None]] = []
    tried: list[str] = []
    row = entry(server)
    path = pull(row, progress=lambda done, total: told.append((done, total)), trying=tried.append)
    assert path == place(row) and path.read_bytes() == BODY
    assert left(folders) == {"weights.bin"}
    assert told[0] == (0, len(BODY)) and told[-1] == (len(BODY), len(BODY)) and told == sorted(told)
    assert tried == ["127.0.0.1"]
    assert server.asked[0]["User-Agent"].startswith("obs-portrait/")
    assert pull(row) == path and len(server.asked) == 1


def test_a_cut_connection_is_gone_on_with(site: Serve) -> None:
    server = site(cuts=[300_000, 0, 250_000])
    pull(entry(server), patience=HURRY)
    assert [one.get("Range") for one in server.asked] == [None, "bytes=300000-", "bytes=300000-", "bytes=550000-"]
    assert [one.get("If-Range") for one in server.asked] == [None, '"one"', '"one"', '"one"']
    assert server.sent == len(BODY)


def test_an_ended_program_goes_on_next_time(site: Serve, folders: Path) -> None:
    server = site(cuts=[400_000, 0, 0, 0])
    row = entry(server, known=False)
    with pytest.raises(CheckpointError) as caught:
        pull(row, patience=HURRY)
    assert str(caught.value) == (
        "thing could not be downloaded: 127.0.0.1: the connection was cut (tried 3 times). 0.4 MB are kept; type the "
        "same again to go on."
    )
    assert partial(row) == (400_000, len(BODY)) and left(folders) == {"weights.bin.part", "weights.bin.part.json"}
    pull(row)
    assert server.sent == len(BODY) and place(row).read_bytes() == BODY


@pytest.mark.parametrize("known", [True, False])
def test_a_part_that_was_complete_already(site: Serve, known: bool) -> None:
    server = site()
    row = entry(server, known=known)
    part = Part(place(row))
    pull(row)
    place(row).rename(part.path)
    part._state.write_text(json.dumps({"url": server.url, "validator": '"one"', "total": len(BODY)}))
    pull(row)
    assert server.sent == len(BODY) and place(row).read_bytes() == BODY


@pytest.mark.parametrize("faults", [{"ranges": False}, {"etag": None}, {"etag": 'W/"weak"'}, {"tells_length": False}])
def test_servers_that_cannot_resume(site: Serve, faults: dict[str, object]) -> None:
    server = site(cuts=[300_000, 600_000], **faults)
    row = entry(server)
    pull(row, patience=HURRY)
    assert place(row).read_bytes() == BODY


@pytest.mark.parametrize("known", [True, False])
def test_a_server_that_answers_in_parts_unasked(site: Serve, known: bool) -> None:
    server = site(always_partial=True, cuts=[300_000])
    row = entry(server, known=known)
    part = Part(place(row))
    part.path.parent.mkdir(parents=True)
    part.path.write_bytes(OTHER[:70_000])  # of an unknown past
    assert pull(row, patience=HURRY).read_bytes() == BODY


@pytest.mark.parametrize("shift", [-1, 1, 100_000])
def test_another_part_than_was_asked_for_is_not_taken(site: Serve, shift: int) -> None:
    server = site(cuts=[300_000], shift=shift)
    assert pull(entry(server, known=False), patience=HURRY).read_bytes() == BODY
    assert [one.get("Range") for one in server.asked] == [None, "bytes=300000-", None]
    stubborn = site(always_partial=True, shift=shift, cuts=[300_000, 300_000, 300_000, 0, 0, 0, 0, 0])
    with pytest.raises(CheckpointError, match="could not be downloaded"):
        pull(entry(stubborn, name="other", known=False), patience=HURRY)


def test_a_date_tells_files_apart_too(site: Serve) -> None:
    server = site(cuts=[300_000], etag=None, modified="Mon, 02 Nov 2020 10:00:00 GMT")
    row = entry(server, known=False)
    pull(row, patience=HURRY)
    assert server.asked[1]["If-Range"] == server.modified and server.sent == len(BODY)
    assert place(row).read_bytes() == BODY


def test_without_a_hash_nothing_is_gone_on_with_that_cannot_be_told_apart(site: Serve) -> None:
    server = site(cuts=[300_000], etag=None)
    row = entry(server, known=False)
    pull(row, patience=HURRY)
    assert "Range" not in server.asked[1] and place(row).read_bytes() == BODY


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    cuts=st.lists(st.integers(0, len(BODY)), max_size=6),
    known=st.booleans(),
    faults=st.fixed_dictionaries(
        {
            "etag": st.sampled_from(['"one"', 'W/"weak"', None]),
            "modified": st.sampled_from(["Mon, 02 Nov 2020 10:00:00 GMT", None]),
            "ranges": st.booleans(),
            "honours_if_range": st.booleans(),
        }
    ),
    state=st.one_of(st.none(), st.binary(max_size=40), st.just(b'{"url": 1, "validator": [], "total": "x"}')),
)
def test_whatever_is_cut_and_damaged_the_file_is_whole_in_the_end(
    site: Serve, cuts: list[int], known: bool, faults: dict[str, object], state: bytes | None
) -> None:
    server = site(cuts=cuts, **faults)
    row = entry(server, known=known)
    for path in (place(row), pins.pin_path(place(row))):
        path.unlink(missing_ok=True)
    part = Part(place(row))
    if state is not None:
        part.path.parent.mkdir(parents=True, exist_ok=True)
        part.path.write_bytes(OTHER[:1000])
        part._state.write_bytes(state)
    assert pull(row, patience=Patience(tries=8, pause_s=0.0)).read_bytes() == BODY


@pytest.mark.parametrize("honours", [True, False])
@pytest.mark.parametrize("size", [len(OTHER), len(OTHER) // 2])
def test_the_file_is_another_one_between_two_requests(site: Serve, honours: bool, size: int) -> None:
    server = site(cuts=[300_000, 0, 0, 0])
    row = entry(server, known=False)
    with pytest.raises(CheckpointError):
        pull(row, patience=HURRY)
    server.body, server.etag, server.honours_if_range = OTHER[:size], '"two"', honours
    pull(row, patience=HURRY)
    assert place(row).read_bytes() == OTHER[:size]


def test_halves_that_do_not_belong_together_are_found_by_the_hash(site: Serve) -> None:
    first, second = site(body=OTHER, cuts=[300_000], etag=None), site(etag=None)
    first.cuts += [0, 0, 0]
    row = entry(first, second)
    pull(row, patience=HURRY)
    assert [one.get("Range") for one in second.asked] == ["bytes=300000-", None]
    assert place(row).read_bytes() == BODY


def test_the_second_address_goes_on_where_the_first_ended(site: Serve) -> None:
    first, second = site(cuts=[300_000, 0, 0, 0]), site(etag='"another"')
    pull(entry(first, second), patience=HURRY)
    assert second.asked[0]["Range"] == "bytes=300000-" and "If-Range" not in second.asked[0]
    assert first.sent + second.sent == len(BODY)


@pytest.mark.parametrize(
    ("faults", "reason"),
    [
        ({"body": OTHER}, "its file has SHA-256"),
        ({"body": BODY[:-5]}, "its file has 999,998 bytes where 1,000,003 are known"),
        ({"length": 12}, "its file has 12 bytes where"),
        ({"body": BODY + b"x", "tells_length": False}, "it sends more than the 1,000,003 bytes that are taken"),
        ({"body": BODY[:-5], "tells_length": False}, "its file has 999,998 bytes where 1,000,003 are known"),
        ({"body": BODY[:-5], "tells_length": False, "ranges": False}, "the connection was cut (tried 3 times)"),
        ({"body": BODY[:-5], "length": len(BODY), "ranges": False}, "the connection was cut (tried 3 times)"),
        (
            {"body": b"<html>log in</html>", "content_type": "text/html; charset=utf-8"},
            "it answers with a web page instead",
        ),
        ({"content_type": "text/plain"}, "it answers with text (text/plain) instead"),
        ({"content_type": "application/xml"}, "it answers with text (application/xml) instead"),
        ({"content_type": "application/problem+json"}, "it answers with text (application/problem+json) instead"),
        ({"raw": head("200 OK", f"Content-Length: {'9' * 5000}")}, "the length that it tells is no number of bytes"),
        ({"raw": head("200 OK", "Content-Length: -5")}, "the length that it tells is no number of bytes"),
        (
            {"raw": head("206 Partial Content", f"Content-Range: bytes 0-{'9' * 5000}/{'9' * 5000}")},
            "it answers with another part of the file than was asked for (tried 3 times)",
        ),
        (
            {"raw": head("416 Range Not Satisfiable", "Content-Range: bytes */0")},
            "it answers that there is no such part, though the whole file was asked for",
        ),
        ({"location": "http://[bad/x"}, "it redirects to what is no address"),
        ({"location": "http://127.0.0.1:99999/x"}, "it redirects to what is no address"),
        ({"location": "http://127.0.0.1:abc/x"}, "it redirects to what is no address"),
        (
            {"raw": head("404 \x1b[31mGone\x1b]0;title\x07" + "!" * 200)},
            "HTTP 404 ?[31mGone?]0;title?" + "!" * 60 + "….",
        ),
        ({"location": "http://a\x1bc\x9b/x"}, "it redirects to http://a?c?, which is not encrypted"),
        ({"encoding": "gzip"}, "it sends the file in the coding 'gzip'"),
        ({"status": 404}, "HTTP 404 Not Found"),
        ({"status": 503}, "HTTP 503 Service Unavailable (tried 3 times)"),
        ({"cuts": [0] * 9}, "the connection was cut (tried 3 times)"),
        ({"location": "/weights.bin"}, "it redirects more than 5 times"),
        ({"location": "http://localhost:1/final"}, "it redirects to localhost, which the catalogue does not name"),
        ({"location": "http://example.org/final"}, "it redirects to http://example.org, which is not encrypted"),
        ({"location": "ftp://127.0.0.1/final"}, "it redirects to ftp://127.0.0.1, which is not encrypted"),
        ({"location": "file:///etc/passwd"}, "it redirects to file://, which is not encrypted"),
    ],
)
def test_an_address_that_fails_is_told_and_the_next_one_is_taken(
    site: Serve, folders: Path, faults: dict[str, object], reason: str
) -> None:
    bad, good = site(**faults), site()
    with pytest.raises(CheckpointError) as caught:
        pull(entry(bad), patience=HURRY)
    assert str(caught.value).startswith(f"thing could not be downloaded: 127.0.0.1: {reason}"), caught.value
    assert str(caught.value).isprintable()
    assert not (folders / "thing" / "weights.bin").exists()
    path = pull(entry(bad, good), patience=HURRY)
    assert path.read_bytes() == BODY and left(folders) == {"weights.bin"}


def test_all_reasons_are_in_one_sentence(site: Serve) -> None:
    gone = site()
    gone.status = 410
    wrong = site(body=OTHER)
    with pytest.raises(CheckpointError) as caught:
        pull(entry(gone, wrong), patience=HURRY)
    known, found = (hashlib.sha256(body).hexdigest()[:16] for body in (BODY, OTHER))
    assert str(caught.value) == (
        f"thing could not be downloaded: 127.0.0.1: HTTP 410 Gone; 127.0.0.1: its file has SHA-256 {found}… where "
        f"{known}… is known."
    )


def test_nobody_listens(site: Serve) -> None:
    row = entry(site(), urls=("http://127.0.0.1:1/weights.bin",))
    with pytest.raises(CheckpointError, match=r"127\.0\.0\.1: the connection was refused \(tried 3 times\)"):
        pull(row, patience=HURRY)


@pytest.mark.parametrize("known", [True, False])
def test_redirects_that_the_catalogue_allows(site: Serve, known: bool) -> None:
    end = site(cuts=[200_000])
    start = site(location=end.url.replace("127.0.0.1", "localhost").replace("weights.bin", "final"))
    row = entry(start, known=known, redirects=("localhost",))
    assert pull(row, patience=HURRY).read_bytes() == BODY
    assert end.asked[1]["Range"] == "bytes=200000-" and end.asked[1]["If-Range"] == '"one"'


def test_a_file_that_is_too_long_is_not_begun(site: Serve) -> None:
    server = site()
    with pytest.raises(CheckpointError, match="1,000,003 bytes, more than the 1,000,000 that are taken"):
        pull(entry(server, known=False, max_size=1_000_000))
    endless = site(tells_length=False)
    with pytest.raises(CheckpointError, match="it does not say how long the file is"):
        pull(entry(endless, known=False))


def test_the_first_file_is_pinned_and_another_one_is_refused(site: Serve) -> None:
    server = site()
    row = entry(server, known=False)
    path = pull(row)
    pin = pins.read(path)
    assert pin is not None and pin.address == server.url and pin.sha256 == hashlib.sha256(BODY).hexdigest()
    path.unlink()
    server.body, server.etag = OTHER, '"two"'
    with pytest.raises(CheckpointError, match=f"another than the one that was pinned on {pin.date}"):
        pull(row)
    assert not path.exists()
    assert pull(row, repin=True).read_bytes() == OTHER
    again = pins.read(path)
    assert again is not None and again.sha256 == hashlib.sha256(OTHER).hexdigest()


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "its file has 0 bytes, such weights have 1 at least"),
        (b"<Error>AccessDenied</Error>", "its file is not what it should be: it is neither a PyTorch checkpoint nor"),
        (BODY, "its file is not what it should be: it is neither a PyTorch checkpoint nor"),
        (b"PK\x03\x04" + BODY, "its file is not what it should be: it is a PyTorch checkpoint that was cut off"),
    ],
)
def test_what_cannot_be_the_weights_is_not_pinned(site: Serve, folders: Path, body: bytes, reason: str) -> None:
    good = b"\x02" + bytes(7) + b"{}" + BODY
    row = entry(site(body=body), known=False, family="fomm")
    with pytest.raises(CheckpointError) as caught:
        pull(row, patience=HURRY)
    assert str(caught.value).startswith(f"thing could not be downloaded: 127.0.0.1: {reason}"), caught.value
    assert left(folders) == set()
    assert pull(entry(site(body=body), site(body=good), known=False, family="fomm")).read_bytes() == good


def test_a_file_that_is_too_short_is_not_begun(site: Serve, folders: Path) -> None:
    server = site()
    with pytest.raises(CheckpointError, match="1,000,003 bytes, such weights have 1,000,004 at least"):
        pull(entry(server, known=False, min_size=len(BODY) + 1))
    assert left(folders) == set()
    assert pull(entry(server, known=False, min_size=len(BODY))).read_bytes() == BODY


def test_a_page_saved_by_hand_is_refused_and_not_pinned(site: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    row = entry(site(), known=False, family="fomm", min_size=20)
    monkeypatch.setattr("obs_portrait.checkpoints.catalog.load_catalog", lambda: {"thing": row})
    place(row).parent.mkdir(parents=True)
    for page, says in ((b"<html>", "6 bytes, thing has 20 at least"), (b"<html>" * 9, "neither a PyTorch checkpoint")):
        place(row).write_bytes(page)
        with pytest.raises(CheckpointError, match=says):
            locate("thing")
        assert not pins.pin_path(place(row)).exists()


def test_an_md5_is_held_to_and_the_file_is_pinned_all_the_same(site: Serve) -> None:
    good, bad = site(), site(body=OTHER)
    md5 = hashlib.md5(BODY, usedforsecurity=False).hexdigest()
    with pytest.raises(CheckpointError, match="its file has MD5"):
        pull(entry(bad, known=False, md5=md5))
    path = pull(entry(bad, good, known=False, md5=md5))
    assert path.read_bytes() == BODY and pins.read(path) is not None


def test_a_file_put_there_by_hand_is_pinned_at_its_first_use(site: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    row = entry(site(), known=False)
    monkeypatch.setattr("obs_portrait.checkpoints.catalog.load_catalog", lambda: {"thing": row})
    with pytest.raises(CheckpointError, match=r"not on this machine\. Type: obs-portrait checkpoints pull thing"):
        locate("thing")
    place(row).parent.mkdir(parents=True)
    place(row).write_bytes(BODY)
    assert locate("thing") == place(row)
    place(row).write_bytes(OTHER)
    with pytest.raises(CheckpointError, match="was pinned on"):
        locate("thing")


def test_offline_never_touches_the_network(site: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    server = site()
    row = entry(server)
    monkeypatch.setenv("OBS_PORTRAIT_OFFLINE", "1")
    with pytest.raises(CheckpointError, match="OBS_PORTRAIT_OFFLINE forbids the network"):
        pull(row)
    assert not server.asked
    monkeypatch.setenv("OBS_PORTRAIT_OFFLINE", "0")
    path = pull(row)
    monkeypatch.setenv("OBS_PORTRAIT_OFFLINE", "1")
    assert pull(row) == path and len(server.asked) == 1


def test_the_licence_comes_first(site: Serve) -> None:
    server = site()
    row = entry(server, accept=False)
    with pytest.raises(CheckpointError, match=r"licence of 'thing' \(MIT\) was not accepted"):
        pull(row)
    assert not server.asked
    licences.accept(row)
    pull(row)
    other = entry(server, accept=False, licence="CC-BY-NC-4.0", commercial=False)
    assert not licences.accepted(other), "another licence is asked for anew"
    assert "not for commercial use" in licences.describe(other)


PROGRAM = """
import sys, time
from obs_portrait.checkpoints.pull import pull
from tests.checkpoints.conftest import entry
from tests.checkpoints.server import Site
print("go", flush=True)
print(pull(entry(Site(url=sys.argv[1]), known=sys.argv[2] == "known"), waiting=lambda: print("waiting", flush=True)))
"""


def start(url: str, known: str = "known") -> subprocess.Popen[str]:
    command = [sys.executable, "-c", PROGRAM, url, known]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.parametrize("known", ["known", "pinned"])
def test_two_processes_download_once(site: Serve, folders: Path, known: str) -> None:
    server = site(hold=500_000)
    heard: queue.Queue[str] = queue.Queue()

    def listen(process: subprocess.Popen[str]) -> None:
        for line in process.stdout or ():
            heard.put(line.strip())

    with start(server.url, known) as one, start(server.url, known) as two:
        ears = [threading.Thread(target=listen, args=(process,)) for process in (one, two)]
        for ear in ears:
            ear.start()
        said = [heard.get(timeout=60) for _ in range(3)]
        assert sorted(said) == ["go", "go", "waiting"], "one downloads, the other one waits and says so"
        server.release.set()
        for ear in ears:
            ear.join(60)
        paths = [heard.get(timeout=60) for _ in range(2)]
    assert [one.returncode, two.returncode] == [0, 0]
    assert len(server.asked) == 1 and paths == [str(folders / "thing" / "weights.bin")] * 2
    assert (folders / "thing" / "weights.bin").read_bytes() == BODY


def test_a_killed_process_leaves_a_part_and_no_lock(site: Serve) -> None:
    server = site(hold=500_000)
    with start(server.url, "pinned") as process:
        assert server.held.wait(60)
        row = entry(server, known=False)
        while partial(row)[0] < 500_000 and process.poll() is None:
            time.sleep(0.005)  # the bytes are on their way through the kernel
        process.kill()
        process.communicate(timeout=60)
    server.hold = None
    pull(row, patience=HURRY)
    assert server.asked[1]["Range"] == "bytes=500000-" and place(row).read_bytes() == BODY
