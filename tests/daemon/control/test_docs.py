"""docs/api.md is about this API."""

from __future__ import annotations

import re
from pathlib import Path

from daemon.control.operations import OPERATIONS

DOCS = Path(__file__).resolve().parents[3] / "docs" / "api.md"


def test_every_operation_is_documented_and_nothing_else() -> None:
    documented = set(
        re.findall(r"^\| `(GET|POST|PUT|DELETE) (/v1[a-z/{}]*)` \|", DOCS.read_text("utf-8"), re.MULTILINE)
    )
    assert documented == {(row.method, row.path) for row in OPERATIONS}


def test_the_example_bodies_are_accepted() -> None:
    bodies = {row.path: row.body for row in OPERATIONS if row.body is not None}
    examples = re.findall(r"^\| `(?:POST|PUT) (/v1[a-z/{}]*)` \| `(\{.*?\})`", DOCS.read_text("utf-8"), re.MULTILINE)
    assert len(examples) >= 4
    for path, example in examples:
        model = bodies[path]
        assert model is not None
        model.model_validate_json(example)
