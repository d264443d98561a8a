"""Rules: the first that fits counts; and their file, which belongs to its owner."""

from __future__ import annotations

import fnmatch
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from obs_portrait.errors import ProfileError
from obs_portrait.obs.binding_file import BindingFile
from obs_portrait.obs.bindings import LEAVE, Bindings, Rule

TEXT = """# my rules
default = "ada"  # everybody else

[[bind]]  # talk
scene = "Chat"
persona = "nova"

[[bind]]
glob = "Game*"
persona = "leave"
cut = "middle"
"""

NAMES = st.sampled_from(["Chat", "Game 1", "Game 2", "*", "x"])
EXACT = st.builds(
    Rule, persona=st.sampled_from(["a", "b", LEAVE]), scene=NAMES, studio=st.sampled_from(["program", "preview"])
)
GLOBS = st.builds(
    Rule,
    persona=st.sampled_from(["a", "b"]),
    glob=st.sampled_from(["Game*", "*", "?"]),
    collection=st.sampled_from([None, "S*"]),
)
RULES = st.lists(st.one_of(EXACT, GLOBS), max_size=6)


@given(RULES, NAMES, st.sampled_from(["S1", "T"]), st.sampled_from(["a", LEAVE]))
def test_the_first_rule_that_fits_counts(rules: list[Rule], scene: str, collection: str, default: str) -> None:
    wanted = default
    for rule in reversed(rules):  # the naive way: from the last to the first, each that fits overrules
        name = scene == rule.scene if rule.scene is not None else fnmatch.fnmatchcase(scene, str(rule.glob))
        if rule.studio == "program" and name and (rule.collection is None or collection.startswith("S")):
            wanted = rule.persona
    decided = Bindings(tuple(rules), (), default).decide(scene, collection)
    assert decided.persona == (None if wanted == LEAVE else wanted)
    assert decided.why


def test_profiles_come_after_the_file_and_before_the_default() -> None:
    bindings = Bindings((Rule(persona="file", scene="Chat"),), (("Chat", "profile"), ("Game*", "gamer")), "rest")
    assert [bindings.decide(scene).persona for scene in ("Chat", "Game 1", "Else")] == ["file", "gamer", "rest"]
    assert bindings.decide("Game 1", studio="preview").persona is None
    assert bindings.personas(["Chat", "Game 1", "Else"]) == ["file", "gamer", "rest"]


@pytest.fixture
def file(tmp_path: Path) -> BindingFile:
    path = tmp_path / "bindings.toml"
    path.write_text(TEXT)
    return BindingFile(path, profiles=lambda: [("ink", ("Ink's own",))])


def test_a_change_keeps_what_its_owner_wrote(file: BindingFile) -> None:
    file.bind('Emoji 😀 "quoted"', "robot")
    file.bind("Chat", "marble")
    assert file.rename_scene("Chat", "Just chatting")
    assert file.rename_scene("Ink's own", "Renamed")
    text = file.path.read_text("utf-8")
    assert "# my rules" in text
    assert "# everybody else" in text
    assert file.now.decide("Just chatting").persona == "marble"
    assert file.now.decide("Renamed").persona == "ink"
    assert file.now.decide('Emoji 😀 "quoted"').persona == "robot"
    file.bind("Just chatting", None)
    assert file.now.decide("Just chatting").persona == "ada"
    assert not file.rename_scene("unknown", "whatever")


def test_a_bad_edit_keeps_the_rules_from_before_and_says_where(tmp_path: Path) -> None:
    path, told = tmp_path / "bindings.toml", list[str]()
    path.write_text(TEXT)
    file = BindingFile(path, profiles=list, on_problem=told.append)
    path.write_text(TEXT + '\n[[bind]]\nscne = "x"\npersona = 3\ncut = "mid"\n')
    assert file.now.decide("Chat").persona == "nova"
    assert len(told) == 1
    assert f"{path}:14: there is no setting 'bind.2.scne'. Did you mean 'scene'?" in told[0]
    assert f"{path}:16:" in told[0]
    with pytest.raises(ProfileError):
        file.bind("Chat", "ada")
    assert "scne" in path.read_text()  # not ours to mend
    path.write_text(TEXT)
    assert file.now.decide("Chat").persona == "nova"
    assert file.problem is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("bind = 3", "written as"),
        ('[[bind]]\npersona = "a"', "either scene"),
        ('[[bind]]\npersona = "a"\nscene = "x"\nglob = "y"', "either scene"),
        ("default = 5", "'default' must be"),
        ('defualt = "x"', "Did you mean 'default'"),
        ("[[bind", "not valid TOML"),
    ],
)
def test_what_is_wrong_is_told(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "bindings.toml"
    path.write_text(text)
    file = BindingFile(path, profiles=list)
    assert file.problem is not None
    assert said in file.problem


def test_many_threads_change_one_file(tmp_path: Path) -> None:
    file = BindingFile(tmp_path / "sub" / "bindings.toml", profiles=list)
    threads = [threading.Thread(target=file.bind, args=(f"scene {n}", "ada")) for n in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(str(rule.scene) for rule in file.now.rules) == sorted(f"scene {n}" for n in range(12))
