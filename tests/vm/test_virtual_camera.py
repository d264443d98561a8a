"""What our sink and our camera source do with the kernel's own devices, as one guest saw it."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from tests.vm.conftest import Outcome
from tests.vm.pictures import HEIGHT, RATE, WIDTH

pytestmark = [pytest.mark.real, pytest.mark.slow]

# 8-bit YUV 4:2:0 there and back, limited range: rounding twice, and colour at half the resolution.
MEAN_LEVELS = 3.0
LARGEST_LEVELS = 12


def is_one_sentence(text: str) -> bool:
    """One line of prose that ends as a sentence does; a device's or a backend's raw message is not one."""
    return "\n" not in text and text.endswith((".", "?")) and "Traceback" not in text


def assert_same_pictures(errors: list[list[float]]) -> None:
    assert errors
    assert max(mean for mean, _ in errors) <= MEAN_LEVELS
    assert max(largest for _, largest in errors) <= LARGEST_LEVELS


def assert_runs_on(values: list[Any]) -> None:
    assert all(earlier < later for earlier, later in pairwise(values)), values


def test_without_a_driver_the_sink_says_what_to_install(guest: Outcome) -> None:
    said = guest["without_a_device"]["no_driver"]
    assert is_one_sentence(said)
    assert "v4l2loopback-dkms" in said


def test_a_device_that_is_not_there_is_named(guest: Outcome) -> None:
    said = guest["without_a_device"]["named"]
    assert is_one_sentence(said)
    assert "/dev/video77" in said


def test_a_file_that_is_no_camera_is_named(guest: Outcome) -> None:
    said = guest["without_a_device"]["no_camera"]
    assert is_one_sentence(said)
    assert "/dev/null" in said


@pytest.mark.parametrize("check", ["opencv_in_step", "back_after_all_that"])
def test_opencv_reads_every_picture_once_and_in_order(guest: Outcome, check: str) -> None:
    seen = guest[check]
    assert seen["name"] == "virtual camera /dev/video9"
    assert len(seen["numbers"]) == 24
    assert seen["numbers"] == list(range(seen["numbers"][0], seen["numbers"][0] + 24))
    assert seen["numbers"][0] in (0, 1)  # whether a reader gets the picture from before it came is the driver's affair
    assert_same_pictures(seen["errors"])
    assert f"{WIDTH}x{HEIGHT}" in seen["format"]


def test_ffmpeg_records_what_the_sink_sends(guest: Outcome) -> None:
    seen = guest["ffmpeg_at_its_pace"]
    assert not seen["fault"]
    assert len(seen["numbers"]) == 20, seen["said"]
    assert_runs_on(seen["numbers"])  # a slow reader may miss one, it never gets one twice or an old one
    assert_same_pictures(seen["errors"])


def test_pictures_arrive_at_the_rate_at_which_they_were_sent(guest: Outcome) -> None:
    """The emulated machine does not keep the 15 fps that were asked for; a reader has to see the pace it does keep."""
    seen = guest["ffmpeg_at_its_pace"]
    stamps, sent = seen["stamps"], [seen["sent"][number] for number in seen["numbers"]]
    assert_runs_on(stamps)
    received, given = stamps[-1] - stamps[0], sent[-1] - sent[0]
    assert received == pytest.approx(given, rel=0.1)
    # No picture waits in a queue that grows: each is as late as the first, within a fraction of the recording.
    lateness = [stamp - moment - (stamps[0] - sent[0]) for stamp, moment in zip(stamps, sent, strict=True)]
    assert max(map(abs, lateness)) < 0.1 * given


def test_the_driver_tells_readers_the_rate_that_was_asked_for(guest: Outcome) -> None:
    assert guest["ffmpeg_at_its_pace"]["format"].endswith(f"@{RATE}")


def test_readers_come_and_go_and_the_sink_goes_on(guest: Outcome) -> None:
    seen = guest["readers_come_and_go"]
    assert not seen["fault"]
    assert [visit["good"] for visit in seen["visits"]] == [[True] * 3] * 3
    assert all(visit["sent_meanwhile"] > 0 for visit in seen["visits"])


@pytest.mark.parametrize("asked", ["named", "found"])
def test_a_device_that_another_program_holds_is_left_to_it(guest: Outcome, asked: str) -> None:
    seen = guest["busy"]
    assert "160x120" in seen["format"], "the other program never got it"
    assert is_one_sentence(seen[asked])
    assert "/dev/video9" in seen[asked]
    assert "another program" in seen[asked]
    assert seen["after"] == seen["format"]


def test_a_device_whose_writer_was_killed_is_brought_back(guest: Outcome) -> None:
    assert guest["busy"]["killed"] == ""


def test_a_reader_outlives_the_process_that_wrote(guest: Outcome) -> None:
    seen = guest["killed_under_a_reader"]
    assert not seen["fault"]
    assert len(seen["before"]["numbers"]) == 5
    assert "another program" in seen["stranger"], "only who wrote until now may be sure that the other one just reads"
    assert len(seen["after"]["numbers"]) == 12
    assert seen["after"]["numbers"][-1] < seen["sent"]
    assert_runs_on(seen["after"]["numbers"][2:])  # the first may be what the driver kept from before
    assert_same_pictures(seen["before"]["errors"] + seen["after"]["errors"])


@pytest.mark.parametrize("size", ["321x240", "320x241", "16384x9216"])
def test_a_size_that_cannot_be_carried_is_refused(guest: Outcome, size: str) -> None:
    said = guest["wrong_sizes"][size]
    assert is_one_sentence(said)
    assert size in said


def test_a_picture_that_changes_its_size_is_refused(guest: Outcome) -> None:
    said = guest["wrong_sizes"]["changed"]
    assert is_one_sentence(said)
    assert "size" in said


@pytest.mark.parametrize("when", ["first", "again"])
def test_the_camera_source_reads_the_loopback(guest: Outcome, when: str) -> None:
    seen = guest["loopback_writer_leaves_and_returns"]
    assert not seen["back"]
    assert seen[when]["count"] == 8
    assert seen[when]["shapes"] == [[HEIGHT, WIDTH, 3]]
    assert_runs_on(seen[when]["numbers"])
    assert_runs_on(seen[when]["indices"])
    assert_runs_on(seen[when]["captured"])
    assert_same_pictures(seen[when]["errors"])


def test_a_camera_that_stops_is_lost_with_a_sentence(guest: Outcome) -> None:
    seen = guest["loopback_writer_leaves_and_returns"]
    for said in (seen["lost"], seen["still_away"]):
        assert is_one_sentence(said)
        assert "camera" in said


@pytest.mark.parametrize("when", ["first", "again"])
def test_the_camera_source_reads_a_driver_of_another_kind(guest: Outcome, when: str) -> None:
    seen = guest["unplugged_and_back"]
    assert not seen["back"]
    assert seen[when]["count"] == 8
    assert_runs_on(seen[when]["captured"])
    assert min(seen[when]["brightest"]) > 0


def test_a_pulled_plug_is_told_at_once(guest: Outcome) -> None:
    said = guest["unplugged_and_back"]["lost"]
    assert is_one_sentence(said)
    assert "unplugged" in said


def test_cameras_are_listed_by_the_names_their_drivers_give(guest: Outcome) -> None:
    cameras = dict(map(tuple, guest["unplugged_and_back"]["cameras"]))
    assert cameras[9] == "Portrait"
    assert "vivid" in cameras[5]
