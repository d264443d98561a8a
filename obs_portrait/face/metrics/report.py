"""What came out of judging an engine on a clip: figures frame by frame, their means, what was left out and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import fmean
from typing import Any, Final

from obs_portrait.face.metrics.keypoints import mkr

__all__ = ["FIGURES", "Figure", "Report", "mean_of"]


@dataclass(frozen=True, slots=True)
class Figure:
    """One kind of figure. heading: for tables and plots. unit: in words. falls: smaller is better. digits: after the
    point."""

    key: str
    heading: str
    unit: str
    falls: bool = True
    digits: int = 2


FIGURES: Final[dict[str, Figure]] = {
    figure.key: figure
    for figure in (
        Figure("l1", "L1", "mean difference, colours from 0 to 1", digits=4),
        Figure("akd", "AKD", "pixels at 256"),
        Figure("aed", "AED", "distance of identities; above 0.6: another person", digits=3),
        Figure("psnr", "PSNR", "dB", falls=False),
        Figure("ssim", "SSIM", "1 is equal", falls=False, digits=3),
        Figure("lpips", "LPIPS", "0 is equal", digits=3),
        Figure("motion_akd", "AKD of motion", "pixels at 256"),
        Figure("pose", "Head pose", "degrees between the turns of both heads"),
        Figure("expression", "Expression", "mean difference of blendshapes", digits=3),
        Figure(
            "aed_driver", "AED to driver", "distance of identities; below 0.6: the driver shows", falls=False, digits=3
        ),
    )
}


@dataclass(slots=True)
class Report:
    """kind: "reconstruct" or "pairs". subject: what was judged, for the head of a plot. about: whatever else belongs
    into the JSON. figures: keys of `FIGURES`, in order.

    A row holds a figure for each key, None where it cannot be told (no face in the result), for the engine and for the
    still source ("static"), which says what the figure is worth.
    """

    kind: str
    subject: str
    engine: str
    figures: tuple[str, ...]
    about: dict[str, Any] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)
    rows: list[dict[str, float | None]] = field(default_factory=list)
    static: list[dict[str, float | None]] = field(default_factory=list)
    lost: list[bool] = field(default_factory=list)
    held: int = 0
    why_held: str | None = None

    def add(
        self,
        number: int,
        row: dict[str, float | None],
        static: dict[str, float | None],
        *,
        lost: bool,
        held: bool,
        why: str | None = None,
    ) -> None:
        """One frame. lost: no face is seen in the result. held: the engine drew nothing; why: what it said, of which
        the first is kept."""
        self.why_held = self.why_held or why
        self.numbers.append(number)
        self.rows.append(row)
        self.static.append(static)
        self.lost.append(lost)
        self.held += held

    @property
    def mkr(self) -> float:
        """Missing keypoint rate; every frame here has a face in the ground truth. Raises `FaceError` without frames."""
        return mkr([True] * len(self.lost), [not one for one in self.lost])

    def series(self, key: str, *, static: bool = False) -> list[float | None]:
        """One figure, frame by frame."""
        return [row.get(key) for row in (self.static if static else self.rows)]

    def means(self, *, static: bool = False) -> dict[str, float | None]:
        """Mean of each figure over the frames that have it; None if none has."""
        found = {key: [one for one in self.series(key, static=static) if one is not None] for key in self.figures}
        return {key: fmean(values) if values else None for key, values in found.items()}

    def pose_evaluation(self) -> dict[str, float | None]:
        """The figures that the authors' scripts (pose-evaluation: cmp_kp.py, cmp.py) define otherwise than the paper's
        words: AKD of coordinates (rows have it as "akd_l1"), AED of squared distances."""
        away = [value for row in self.rows if (value := row.get("akd_l1")) is not None]
        who = [value**2 for row in self.rows if (value := row.get("aed")) is not None]
        return {"akd": fmean(away) if away else None, "aed": fmean(who) if who else None}

    def json(self) -> dict[str, Any]:
        """Everything, ready for `json.dumps`."""
        return {
            "kind": self.kind,
            "engine": self.engine,
            **self.about,
            "frames": len(self.rows),
            "held": self.held,
            "why_held": self.why_held,
            "lost": sum(self.lost),
            "mkr": self.mkr if self.lost else None,
            **self.means(),
            "static": self.means(static=True),
            **({"pose_evaluation": self.pose_evaluation()} if self.kind == "reconstruct" else {}),
            "left_out": self.left_out,
            "units": {key: FIGURES[key].unit for key in self.figures},
            "series": {
                "frame": self.numbers,
                "lost": self.lost,
                **{key: self.series(key) for key in self.figures},
                "static": {key: self.series(key, static=True) for key in self.figures},
            },
        }


def mean_of(reports: Sequence[Report]) -> dict[str, Any]:
    """Mean of the figures over clips (each clip counts the same) that have them, and of the source as it is."""
    keys = reports[0].figures

    def mean(rows: list[dict[str, float | None]]) -> dict[str, float | None]:
        found = {key: [row[key] for row in rows if row[key] is not None] for key in keys}
        return {
            key: fmean(value for value in values if value is not None) if values else None
            for key, values in found.items()
        }

    return {
        "frames": sum(len(report.rows) for report in reports),
        "mkr": fmean(report.mkr for report in reports),
        **mean([report.means() for report in reports]),
        "static": mean([report.means(static=True) for report in reports]),
    }
