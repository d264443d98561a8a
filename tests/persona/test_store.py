"""Where profiles are found, made and changed."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from obs_portrait import resources
from obs_portrait.errors import ProfileError
from obs_portrait.persona import profile, store
from obs_portrait.persona.names import check_name, slug
from tests.persona.conftest import GOOD, write


def test_the_users_persona_comes_before_the_built_in_one(home: Path) -> None:
    name = next(path.parent.name for path in sorted(resources.profiles_dir().glob("*/profile.toml")))
    assert {listing.name: listing.origin for listing in store.list_profiles()}[name] == "built-in"
    write(home / name)
    assert store.load(name).folder == home / name
    assert {listing.name: listing.origin for listing in store.list_profiles()}[name] == "user"


def test_a_broken_persona_hides_no_other(home: Path) -> None:
    write(home / "good")
    write(home / "bad", "nonsense")
    found = {listing.name: listing for listing in store.list_profiles()}
    assert found["good"].profile is not None
    assert found["bad"].problem is not None
    with pytest.raises(ProfileError, match="not valid TOML"):
        store.load("bad")


def test_an_unknown_name_gets_a_suggestion(home: Path) -> None:
    write(home / "vera")
    with pytest.raises(ProfileError, match="Did you mean 'vera'"):
        store.load("vira")


def test_a_folder_can_be_named_instead(home: Path, tmp_path: Path) -> None:
    assert store.load(str(write(tmp_path / "elsewhere"))).name == "vera"


def test_new_personas_are_complete_or_not_there(home: Path, tmp_path: Path) -> None:
    write(tmp_path)
    words = {"consent": "self", "subject": "Me", "statement": "It is me."}
    made = store.create(tmp_path / "portrait.png", "mine", **words)
    assert made.portrait_path.read_bytes() == (tmp_path / "portrait.png").read_bytes()
    with pytest.raises(ProfileError, match="a persona of this name already"):
        store.create(tmp_path / "portrait.png", "mine", **words)
    with pytest.raises(ProfileError, match="not accepted"):
        store.create(tmp_path / "portrait.png", "other", consent="neighbour", subject="x", statement="y")
    with pytest.raises(ProfileError, match="cannot be used"):
        store.create(tmp_path / "portrait.png", "../out", **words)
    assert [path.name for path in home.iterdir()] == ["mine"]


def test_editing_keeps_comments_and_order(home: Path) -> None:
    loaded = profile.load(write(home / "vera"))
    changed = store.edit(loaded, {"face": {"smoothing": 0.7}, "obs": {"hotkey": "ctrl+f1"}})
    assert changed.face.smoothing == 0.7
    text = (home / "vera" / "profile.toml").read_text()
    assert text == GOOD.replace("smoothing = 0.4", "smoothing = 0.7") + 'hotkey = "ctrl+f1"\n'


def test_an_edit_that_would_break_the_profile_changes_nothing(home: Path) -> None:
    loaded = profile.load(write(home / "vera"))
    with pytest.raises(ProfileError, match="smoothing"):
        store.edit(loaded, {"face": {"smoothing": 70}})
    assert (home / "vera" / "profile.toml").read_text() == GOOD
    assert sorted(path.name for path in (home / "vera").iterdir()) == ["portrait.png", "profile.toml"]


@settings(max_examples=40, deadline=None)
@given(
    smoothing=st.floats(0, 1),
    formant=st.floats(0.7, 1.4),
    pitch=st.one_of(st.none(), st.floats(50, 500)),
    description=st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=60),
    scenes=st.lists(st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=20), max_size=3),
)
def test_what_is_written_is_what_is_read(
    tmp_path_factory: pytest.TempPathFactory,
    smoothing: float,
    formant: float,
    pitch: float | None,
    description: str,
    scenes: list[str],
) -> None:
    loaded = profile.load(write(tmp_path_factory.mktemp("persona")))
    changed = store.edit(
        loaded,
        {
            "": {"description": description},
            "face": {"smoothing": smoothing},
            "voice": {"formant": formant, "pitch_hz": pitch},
            "obs": {"scenes": scenes},
        },
    )
    again = profile.load(loaded.folder)
    assert again == changed
    assert (again.description, again.face.smoothing, again.obs.scenes) == (description, smoothing, tuple(scenes))
    assert tomllib.loads((loaded.folder / "profile.toml").read_text(encoding="utf-8"))["voice"]["formant"] == formant


@given(st.text(max_size=80))
def test_every_text_makes_a_usable_name(text: str) -> None:
    assert check_name(slug(text))
