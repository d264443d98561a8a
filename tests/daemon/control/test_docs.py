"""docs/api.md is about this API."""

from __future__ import annotations

import json
import re
from pathlib import Path

from pydantic import TypeAdapter

from daemon.control.operation import Media
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


def test_every_answer_has_an_example_that_is_one() -> None:
    """Points and schemas are cut short there, so shapes are checked and not lengths."""
    examples = dict(
        re.findall(r"^`([A-Z]+ /v1[a-z/{}]*)`\n\n```json\n(.*?)\n```$", DOCS.read_text("utf-8"), re.M | re.S)
    )
    ok = {"properties": {"ok": {"default": True, "title": "Ok", "type": "boolean"}}}
    telling = {
        f"{row.method} {row.path}": row.answer
        for row in OPERATIONS
        if not isinstance(row.answer, Media) and not ok.items() <= TypeAdapter(row.answer).json_schema().items()
    }
    assert set(examples) == set(telling)
    for name, text in examples.items():
        TypeAdapter(telling[name]).validate_json(text, strict=True)
        assert json.loads(text), name
