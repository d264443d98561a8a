"""Profiles: what is accepted, and how each thing that is not is told, with its line."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest

from obs_portrait.errors import ProfileError
from obs_portrait.face.mesh.settings import MeshSettings
from obs_portrait.persona import profile
from obs_portrait.voice.dsp.settings import DspSettings
from tests.persona.conftest import GOOD, write


def problems(folder: Path, text: str) -> list[str]:
    write(folder, text)
    with pytest.raises(ProfileError) as caught:
        profile.load(folder)
    return [text.removeprefix(str(folder / "profile.toml") + ":") for text in caught.value.problems]


def test_a_good_profile_has_the_types_of_its_engines(tmp_path: Path) -> None:
    loaded = profile.load(write(tmp_path))
    assert isinstance(loaded.face, MeshSettings)
    assert loaded.face.smoothing == 0.4
    assert isinstance(loaded.voice, DspSettings)
    assert loaded.voice.formant == 1.2
    assert loaded.consent.date == datetime.date(2026, 1, 31)
    assert loaded.portrait_path == tmp_path / "portrait.png"
    assert loaded.reveals == ()
    assert loaded.warnings() == []


def test_all_problems_are_told_at_once_with_their_lines(tmp_path: Path) -> None:
    text = GOOD.replace("smoothing = 0.4", "smoothing = 4").replace("formant = 1.2", "formnt = 1.2")
    text = text.replace('label = "Synthetic"', 'lable = "Synthetic"').replace('scenes = ["Game *"]', "scenes = 3")
    found = problems(tmp_path, text)
    assert [line.split(":")[0] for line in found] == ["8", "13", "22", "25"]
    assert "face.smoothing" in found[0]
    assert "Did you mean 'formant'?" in found[1]
    assert "Did you mean 'label'?" in found[2]


@pytest.mark.parametrize(
    ("old", "new", "line", "says"),
    [
        ('kind = "fictional"', 'kind = "celebrity"', 16, "another real person is not accepted"),
        ('kind = "fictional"', 'kind = "fictionel"', 16, "Did you mean 'fictional'?"),
        ('subject = "Nobody"', 'subject = ""', 17, "consent.subject"),
        ("date = 2026-01-31", "date = 2226-01-31", 19, "lies in the future"),
        ('engine = "mesh"', 'engine = "mehs"', 6, "Did you mean 'mesh'?"),
        ('converter = "dsp"', 'converter = "dps"', 11, "Did you mean 'dsp'?"),
        ('converter = "dsp"', "converter = 7", 11, "must be a name in quotes"),
        ('source = "portrait.png"', 'source = "../portrait.png"', 7, "outside the profile's folder"),
        ('source = "portrait.png"', 'source = "/etc/passwd"', 7, "outside the profile's folder"),
        ('source = "portrait.png"', 'source = "other.png"', 7, "there is no picture"),
        ('name = "vera"', 'name = "a/b"', 2, "must not contain '/'"),
        ('name = "vera"', 'name = "con"', 2, "Windows"),
        ('description = "a test"', 'descripton = "a test"', 3, "Did you mean 'description'?"),
        ("[obs]", "[obz]", 24, "Did you mean 'obs'?"),
    ],
)
def test_each_mistake_is_one_sentence_with_its_line(tmp_path: Path, old: str, new: str, line: int, says: str) -> None:
    found = problems(tmp_path, GOOD.replace(old, new))
    assert len(found) == 1
    assert found[0].startswith(f"{line}: ")
    assert says in found[0]


def test_a_missing_consent_is_refused(tmp_path: Path) -> None:
    start, end = GOOD.index("[consent]"), GOOD.index("[disclosure]")
    assert "[consent] is missing" in problems(tmp_path, GOOD[:start] + GOOD[end:])[0]


def test_broken_toml_names_the_place(tmp_path: Path) -> None:
    assert "not valid TOML" in problems(tmp_path, GOOD.replace('name = "vera"', 'name = "vera'))[0]


@pytest.mark.parametrize(
    ("old", "new", "line", "says"),
    [
        ("[voice]", "[voice", 10, "not valid TOML"),
        ("smoothing = 0.4", "smoothing = 0.4\nsmoothing = 0.5", 9, "not valid TOML"),
        ("smoothing = 0.4", "smoothing = true", 8, "valid number"),
        ("smoothing = 0.4", 'smoothing = "0.4"', 8, "valid number"),
        ("smoothing = 0.4", "smoothing = nan", 8, "face.smoothing"),
        ("formant = 1.2", "formant = inf", 13, "voice.formant"),
        ("date = 2026-01-31", "date = 3", 19, "written 2026-01-31"),
        ('subject = "Nobody"', 'subject = "  "', 17, "must not be empty"),
        ('source = "portrait.png"', f'source = "{"a" * 5000}"', 7, "cannot name a picture"),
        ('source = "portrait.png"', 'source = "a\\u0000b"', 7, "cannot name a picture"),
        ("formant = 1.2", "x" + ".a" * 30_000 + " = 1", 13, "dots"),
    ],
)
def test_nothing_is_trusted(tmp_path: Path, old: str, new: str, line: int, says: str) -> None:
    found = problems(tmp_path, GOOD.replace(old, new))
    assert len(found) == 1
    assert found[0].startswith(f"{line}: ")
    assert says in found[0]


@pytest.mark.parametrize("text", ["a = " + "[" * 60_000, "a = " + "{a=" * 20_000, "a = " + "1" * 5000])
def test_what_would_break_the_parser_is_one_sentence(tmp_path: Path, text: str) -> None:
    assert len(problems(tmp_path, text)) == 1


def test_a_second_band_has_its_own_line(tmp_path: Path) -> None:
    bands = "[[voice.equaliser]]\nhz = 100.0\ngain_db = 1.0\n[[voice.equaliser]]\nhz = 1.0\ngain_db = 1.0\n"
    assert problems(tmp_path, GOOD.replace("[consent]", bands + "[consent]"))[0].startswith("19: ")
    bands = "equaliser = [\n  {hz = 100.0, gain_db = 1.0},  # ]\n  {hz = 1.0, gain_db = 1.0},\n]"
    assert problems(tmp_path, GOOD.replace("formant = 1.2", bands))[0].startswith("15: ")


@pytest.mark.parametrize("mark", [b"\xef\xbb\xbf", b""])
def test_a_file_saved_on_windows_is_read(tmp_path: Path, mark: bytes) -> None:
    write(tmp_path)
    (tmp_path / "profile.toml").write_bytes(mark + GOOD.replace("\n", "\r\n").encode())
    assert profile.load(tmp_path).face.smoothing == 0.4


def test_a_link_out_of_the_folder_is_not_followed(tmp_path: Path) -> None:
    folder = write(tmp_path / "p")
    (tmp_path / "secret.png").write_bytes(b"x")
    (folder / "portrait.png").unlink()
    (folder / "portrait.png").symlink_to(tmp_path / "secret.png")
    with pytest.raises(ProfileError, match="outside the profile's folder"):
        profile.load(folder)


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"x" * 70_000])
def test_what_is_no_profile_is_refused(tmp_path: Path, content: bytes) -> None:
    write(tmp_path)
    (tmp_path / "profile.toml").write_bytes(content)
    with pytest.raises(ProfileError):
        profile.load(tmp_path)


def test_a_key_inside_a_multi_line_string_is_no_key(tmp_path: Path) -> None:
    text = GOOD.replace('"a test"', '"""\nsmoothing = 9\n[face]\n"""').replace("smoothing = 0.4", "smoothing = 9")
    assert problems(tmp_path, text)[0].startswith("11: ")


def test_a_persona_that_shows_the_real_person_says_so(tmp_path: Path) -> None:
    text = GOOD.replace('engine = "mesh"', 'engine = "reveal"').replace('converter = "dsp"', 'converter = "reveal"')
    text = "\n".join(line for line in text.splitlines() if not line.startswith(("pitch", "formant")))
    loaded = profile.load(write(tmp_path, text))
    assert loaded.reveals == ("face", "voice")
    assert loaded.warnings() == ["vera: this persona shows your real face and voice."]


def test_a_voice_that_is_hardly_changed_is_told(tmp_path: Path) -> None:
    loaded = profile.load(write(tmp_path, GOOD.replace("formant = 1.2", "formant = 1.01")))
    assert "people may recognise yours" in loaded.warnings()[0]


def test_a_bare_picture_becomes_a_disguised_persona(tmp_path: Path) -> None:
    write(tmp_path)
    made = profile.from_picture(tmp_path / "portrait.png", smoothing=0.0)
    assert made.face.smoothing == 0.0
    assert made.portrait_path == (tmp_path / "portrait.png").resolve()
    assert made.warnings() == []
    with pytest.raises(ProfileError, match="smoothing"):
        profile.from_picture(tmp_path / "portrait.png", smoothing=7.0)
