"""Who signed what, by every rule that says so."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from handshape.data.groups import Groups, group_samples, require_rule
from handshape.data.samples import ImageFolder, Sample
from handshape.errors import DataError, SettingsError


def folder_of(root: Path, paths: Sequence[str]) -> ImageFolder:
    samples = tuple(Sample(path, path.split("/")[0]) for path in paths)
    return ImageFolder(root, tuple(sorted({sample.label for sample in samples})), samples, ())


PEOPLE = ("A/anna_1.jpg", "A/ben_1.jpg", "B/anna_2.jpg", "B/cem_1.jpg")
BY_NAME = {"A/anna_1.jpg": "anna", "A/ben_1.jpg": "ben", "B/anna_2.jpg": "anna", "B/cem_1.jpg": "cem"}


def groups_of(paths: Sequence[str], rule: str, digests: Mapping[str, str] | None = None) -> Groups:
    folder = folder_of(Path("data"), paths)
    return group_samples(folder, folder.samples, rule, digests or {})


def test_auto_keeps_copies_together() -> None:
    digests = {"A/anna_1.jpg": "same", "B/cem_1.jpg": "same", "A/ben_1.jpg": "other"}
    groups = groups_of(PEOPLE, "auto", digests)
    assert groups.of["A/anna_1.jpg"] == groups.of["B/cem_1.jpg"]
    assert len(set(groups.of.values())) == 3
    assert "copies kept together" in groups.description
    assert (groups.grouping, groups.are_signers) == ("burst", False)


def test_none_groups_nothing() -> None:
    groups = groups_of(PEOPLE, "none", dict.fromkeys(PEOPLE, "same"))
    assert len(set(groups.of.values())) == 4
    assert (groups.grouping, groups.are_signers, groups.description) == ("none", False, "at random")


def test_folders_name_signers() -> None:
    groups = groups_of(["A/anna/1.jpg", "A/ben/day 2/1.jpg", "B/anna/1.jpg", "B/cem/1.jpg"], "folder")
    assert list(groups.of.values()) == ["anna", "ben", "anna", "cem"]
    assert (groups.grouping, groups.are_signers, groups.description) == ("signer", True, "by signer (3 signers)")
    with pytest.raises(DataError, match=r"1 of 2 images lie in no signer's folder: A/2.jpg"):
        groups_of(["A/anna/1.jpg", "A/2.jpg"], "folder")


@pytest.mark.parametrize("rule", [r"/(?P<signer>[a-z]+)_\d", r"(?P<signer>[a-z]{3,})_"])
def test_expressions_name_signers(rule: str) -> None:
    assert groups_of(PEOPLE, rule).of == BY_NAME


@pytest.mark.parametrize(
    ("rule", "error", "words"),
    [
        ("signers", SettingsError, "cannot be 'signers'"),
        ("", SettingsError, "cannot be ''"),
        (r"(?P<signer>[a-z]+", SettingsError, "not a regular expression"),
        (r"(?P<person>[a-z]+)_", SettingsError, "no group named signer"),
        (r"(?P<signer>anna|ben)_", DataError, r"no signer in 1 of 4 paths: B/cem_1.jpg"),
        (r"(?P<signer>q*)_", DataError, "no signer in 4 of 4 paths"),
        (r"(?P<signer>jpg)", DataError, "finds only 1 signer: jpg"),
        (r"(?P<signer>A|B)/", DataError, "finds only 2 signers: A, B"),
    ],
)
def test_expressions_at_fault(rule: str, error: type[Exception], words: str) -> None:
    with pytest.raises(error) as caught:
        groups_of(PEOPLE, rule)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ("none", ""),
        ("auto", ""),
        (r"/(?P<signer>[a-z]+)_\d", ""),
        (r"(?P<signer>anna|ben|cem)_1", ""),  # anna_2 may turn out not to be usable
        (r"(?P<signer>anna|ben)_", "finds only 2 signers: anna, ben"),
        (r"(?P<signer>q*)_", "no signer in 4 of 4 paths: A/anna_1.jpg"),
        (r"(?P<signer>[a-z]+", "not a regular expression"),
        ("folder", "4 of 4 images lie in no signer's folder"),
        ("absent.csv", "cannot be read"),
    ],
)
def test_what_a_rule_lacks_is_known_by_the_names_alone(rule: str, words: str) -> None:
    said = ""
    try:
        require_rule(folder_of(Path("data"), PEOPLE), rule)
    except (DataError, SettingsError) as error:
        said = str(error)
    assert words in said
    assert bool(words) == bool(said)


def test_an_empty_folder_is_for_the_check_to_report() -> None:
    folder = folder_of(Path("data"), ())
    require_rule(folder, "folder")
    with pytest.raises(SettingsError, match="cannot be 'signers'"):
        require_rule(folder, "signers")


def table(tmp_path: Path, content: str | bytes) -> str:
    path = tmp_path / "who signed.CSV"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return str(path)


@pytest.mark.parametrize(
    "content",
    [
        "path,signer\nA/anna_1.jpg,anna\nA/ben_1.jpg,ben\nB/anna_2.jpg,anna\nB/cem_1.jpg,cem\nZ/more.jpg,zoe\n",
        "\ufeffSigner;Age;Path\r\nanna;3;A\\anna_1.jpg\r\nben;4;A\\ben_1.jpg\r\nanna;;./B/anna_2.jpg\r\ncem;;B/cem_1.jpg\r\n",
        'path\tsigner\n"A/anna_1.jpg"\tanna\nA/ben_1.jpg\tben\n\nB/anna_2.jpg\t anna \nB/cem_1.jpg\tcem\n',
    ],
    ids=["plain", "spreadsheet", "tabs"],
)
def test_tables_name_signers(tmp_path: Path, content: str) -> None:
    assert groups_of(PEOPLE, table(tmp_path, content)).of == BY_NAME


def test_tables_match_names_in_either_unicode_form(tmp_path: Path) -> None:
    rule = table(tmp_path, "path,signer\nA/e\u0301.jpg,1\nA/b.jpg,2\nA/c.jpg,3\n")
    assert groups_of(["A/\u00e9.jpg", "A/b.jpg", "A/c.jpg"], rule).of["A/\u00e9.jpg"] == "1"


@pytest.mark.parametrize(
    ("content", "error", "words"),
    [
        ("path,person\nA/1.jpg,x\n", DataError, "lacks the columns path and signer; it has path, person"),
        ("", DataError, "it has none"),
        ("path,signer\nA/anna_1.jpg,anna\n", DataError, "no signer for 3 of 4 images: A/ben_1.jpg"),
        ("path,signer\nA/anna_1.jpg,\n", DataError, "no signer for 4 of 4 images"),
        ("path,signer\nA/anna_1.jpg\n", DataError, "no signer for 4 of 4 images"),
        ("path,signer\ndata/A/anna_1.jpg,anna\n", DataError, "the first path in the table is 'data/A/anna_1.jpg'"),
        ("path,signer\nA/ben_1.jpg,ben\nA/ben_1.jpg,anna\n", DataError, "two signers for A/ben_1.jpg: ben and anna"),
        ("path,signer\nA/größe.jpg,x\n".encode("cp1252"), SettingsError, "not text in UTF-8"),
    ],
)  # fmt: skip
def test_tables_at_fault(tmp_path: Path, content: str | bytes, error: type[Exception], words: str) -> None:
    with pytest.raises(error) as caught:
        groups_of(PEOPLE, table(tmp_path, content))
    assert words in str(caught.value)


def test_a_missing_table(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no such file") as caught:
        groups_of(PEOPLE, str(tmp_path / "absent.csv"))
    assert str(tmp_path / "absent.csv") in caught.value.happened
