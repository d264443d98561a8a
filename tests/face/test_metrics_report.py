"""Reports and their pages: laws of the means, and pages that show what is in them."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from obs_portrait.errors import FaceError
from obs_portrait.face.metrics import mkr
from obs_portrait.face.metrics.plot import _ACCENT, _LOST, _STATIC, Strip, _nice, plot
from obs_portrait.face.metrics.report import FIGURES, Report, mean_of
from obs_portrait.face.metrics.spread import Spread

values = st.one_of(st.none(), st.floats(0, 1e6))


def report(rows: list[tuple[float | None, float | None]], **options: object) -> Report:
    made = Report("reconstruct", "a clip", "mesh", ("l1", "akd"), **options)  # type: ignore[arg-type]
    for number, (l1, akd) in enumerate(rows):
        made.add(number, {"l1": l1, "akd": akd}, {"l1": 1.0, "akd": 2.0}, lost=akd is None, held=number == 1)
    return made


@given(st.lists(st.tuples(values, values), min_size=1, max_size=30))
def test_means_are_of_what_is_known(rows: list[tuple[float | None, float | None]]) -> None:
    made = report(rows)
    told = made.json()
    for place, key in enumerate(("l1", "akd")):
        known = [row[place] for row in rows if row[place] is not None]
        assert told[key] == (pytest.approx(np.mean(known)) if known else None)
        assert told["series"][key] == [row[place] for row in rows]
    lost = [row[1] is None for row in rows]
    assert (
        told["mkr"] == pytest.approx(np.mean(lost)) == pytest.approx(mkr([True] * len(rows), [not one for one in lost]))
    )
    assert (told["frames"], told["lost"], told["held"]) == (len(rows), sum(lost), int(len(rows) > 1))
    assert json.loads(json.dumps(told, allow_nan=False)) == told


def test_a_mean_counts_each_clip_once() -> None:
    mean = mean_of([report([(1.0, None)]), report([(3.0, 4.0)] * 9), report([(5.0, 8.0)])])
    assert (mean["l1"], mean["akd"], mean["mkr"], mean["frames"]) == (3.0, 6.0, pytest.approx(1 / 3), 11)
    assert mean["static"] == {"l1": 1.0, "akd": 2.0}
    assert mean_of([report([(1.0, None)])])["akd"] is None


def test_missing_faces() -> None:
    assert mkr([True, True, False, True], [True, False, False, True]) == pytest.approx(1 / 3)
    assert mkr([False, True], [True, True]) == 0.0
    with pytest.raises(FaceError, match="shows no face"):
        mkr([False], [True])
    with pytest.raises(ValueError, match=r"shorter|longer"):
        mkr([True], [])


@settings(deadline=None, max_examples=25)
@given(st.lists(st.tuples(values, values), min_size=1, max_size=40))
def test_a_page_holds_every_kind_of_run(rows: list[tuple[float | None, float | None]]) -> None:
    page = plot(report(rows, left_out=["AED is left out: no."]))
    assert page.mode == "RGB" and page.width == 1200
    found = {colour for _, colour in page.getcolors(page.width * page.height) or []}
    assert _ACCENT in found and _STATIC in found
    assert (_LOST in found) == any(akd is None for _, akd in rows) or all(l1 is akd is None for l1, akd in rows)


def test_frames_are_shown_above_the_charts() -> None:
    strip = Strip(("truth", "result"), wanted=3)
    for number in range(50):
        strip.add(
            number, [np.full((40, 60, 3), (number, 200, 0), np.uint8), np.full((40, 60, 3), (0, 0, 250), np.uint8)]
        )
    columns = strip.columns()
    assert len(columns) == 3 and columns[0][0] == 0
    page = plot(report([(0.1, 1.0), (0.2, 2.0)]), strip)
    pixels = np.asarray(page).reshape(-1, 3)
    for number, _ in columns:
        assert (pixels == (number, 200, 0)).all(1).any()
    assert (pixels == (0, 0, 250)).all(1).sum() > 3 * 1000
    assert page.height > plot(report([(0.1, 1.0)])).height


def test_long_names_are_cut() -> None:
    made = report([(0.1, 1.0)])
    made.subject = "m" * 400
    right_of_the_margin = np.asarray(plot(made))[:56, 1200 - 36 :]
    assert (right_of_the_margin == right_of_the_margin[0, 0]).all()


def test_every_figure_has_a_name_and_a_unit() -> None:
    for key, figure in FIGURES.items():
        assert figure.key == key and figure.heading and figure.unit


@given(st.floats(-1e6, 1e6), st.floats(0, 1e6))
def test_axes_hold_what_they_show(low: float, span: float) -> None:
    high = low + span
    start, end, step = _nice(low, high)
    hair = 1e-9 * step  # nothing that one could see
    assert start <= low + hair and end >= high - hair
    assert step > 0 and (end - start) / step < 6


@given(st.integers(0, 300), st.integers(1, 9))
def test_few_of_many_are_spread_evenly(count: int, wanted: int) -> None:
    spread: Spread[int] = Spread(wanted)
    for number in range(count):
        if spread.due():
            spread.add(number)
        else:
            spread.skip()
    chosen = spread.chosen()
    assert len(chosen) == min(count, wanted) and chosen[:1] == [0][:count]
    assert chosen == sorted(set(chosen))
    assert wanted == 1 or count < 2 or chosen[-1] >= count // 2
