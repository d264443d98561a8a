"""Every value of a TOML text has the line on which its key stands."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from typing import Any

import tomlkit
from hypothesis import given
from hypothesis import strategies as st

from obs_portrait import resources
from obs_portrait.persona.lines import LineIndex

HARD = """\
a = \"\"\"x ""\\"\"\"\"
b = '''it"s '''''
"c d"."e\\"f" = 1979-05-27 07:32:00 # x
[[t]]
k = 1
[[t.u]]
v = [
  [1,
   2], # ]
  {p = 1, q = "}"}]
[[t.u]]
v = 2
[[t]]
[t.u]
v = 3
d.e.f = -inf
"""


def places(value: Any, place: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in pairs:
        yield (*place, key)
        yield from places(item, (*place, key))


def test_tables_arrays_and_strings_of_every_kind() -> None:
    index = LineIndex(HARD)
    expected = {
        ("a",): 1, ("b",): 2, ("c d", 'e"f'): 3, ("t", 0, "k"): 5, ("t", 0, "u", 0): 6, ("t", 0, "u", 0, "v", 0, 1): 9,
        ("t", 0, "u", 0, "v", 1, "q"): 10, ("t", 0, "u", 1, "v"): 12, ("t", 1): 13, ("t", 1, "u"): 14,
        ("t", 1, "u", "d", "e", "f"): 16, ("nothing", "there"): 1, ("t", 1, "u", "missing"): 14,
    }  # fmt: skip
    assert {place: index.of(place) for place in expected} == expected


def test_the_personas_of_ours() -> None:
    for path in sorted(resources.profiles_dir().glob("*/profile.toml")):
        text = path.read_text(encoding="utf-8")
        lines, index = text.splitlines(), LineIndex(text)
        for place in places(tomllib.loads(text)):
            if isinstance(place[-1], str):
                assert place[-1] in lines[index.of(place) - 1], (path, place)


keys = st.from_regex(r"[a-z0-9_-]{1,6}", fullmatch=True)
scalars = st.one_of(st.booleans(), st.integers(-9, 9), st.text("ab'\"#[]{}=.,\\\n ", max_size=8))
values = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(keys, inner, max_size=3)),
    max_leaves=8,
)


@given(st.dictionaries(keys, values, max_size=5))
def test_any_document_has_every_key_on_its_line(content: dict[str, Any]) -> None:
    text = tomlkit.dumps(content)
    lines, index = text.split("\n"), LineIndex(text)
    for place in places(tomllib.loads(text)):
        if isinstance(place[-1], str):
            assert place[-1] in lines[index.of(place) - 1], place
