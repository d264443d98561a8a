"""What a spec means, before anything is opened."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from obs_portrait.pipeline.live.devices import in_place_of, is_cable, is_speaker

HEADSETS, CABLES = ("speaker", "speaker:Headset", "speaker:2"), ("speaker:CABLE Input", "speaker:BlackHole 2ch")
OTHERS = ("virtualmic", "null")
SINKS = st.lists(st.sampled_from(HEADSETS + CABLES + OTHERS), max_size=5)


@pytest.mark.parametrize(
    ("spec", "cable"),
    [(one, False) for one in HEADSETS + OTHERS] + [(one, True) for one in CABLES]
    + [("speaker:VoiceMeeter Input", True), ("speaker:Line 1 (Virtual Audio Cable)", True)],
)  # fmt: skip
def test_cables_are_known_by_name(spec: str, cable: bool) -> None:
    assert is_cable(spec) is cable


@given(SINKS, st.sampled_from((*HEADSETS, *CABLES, None)))
def test_a_choice_takes_the_place_of_its_own_kind_alone(sinks: list[str], spec: str | None) -> None:
    after = in_place_of(sinks, spec)
    cable = spec is not None and is_cable(spec)
    assert [one for one in after if is_speaker(one) and is_cable(one) == cable] == ([] if spec is None else [spec])
    kept = [one for one in sinks if not is_speaker(one) or is_cable(one) != cable]
    assert [one for one in after if one != spec] == [one for one in kept if one != spec]
