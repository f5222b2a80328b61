"""What a mistyped word or path may have been meant for."""

from pathlib import Path

import pytest

from handshape.suggestions import did_you_mean, did_you_mean_path


@pytest.mark.parametrize(
    ("words", "known", "meant"),
    [
        ("trian", ("train", "check"), "Did you mean train?"),
        ("TRAIN", ("train", "check"), "Did you mean train?"),
        ("photos", ("train", "check"), ""),
        (("--qiet", "--jason", "--qiet"), ("--quiet", "--json"), "Did you mean --quiet and --json?"),
        ("asl", (), ""),
    ],
)
def test_the_nearest_word(words, known: tuple[str, ...], meant: str) -> None:
    assert did_you_mean(words, known) == meant


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("phtos", "photos"),
        ("Photos", "photos"),
        ("phtos/A", "photos/A"),
        ("phtos/B", None),  # photos has no B
        ("photos/a b d", "'photos/a b c'"),
        ("photos/A", None),  # it is there
        ("quite/other", None),
        ("hiden", None),  # hidden ones are nobody's photographs
        ("x" * 300, None),
        ("a\0b", None),
    ],
)
def test_the_nearest_path(given: str, meant: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder in ("photos/A", "photos/a b c", ".hidden"):
        (tmp_path / folder).mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    said = did_you_mean_path(Path(given))
    if meant and given == "Photos" and Path("Photos").exists():
        pytest.skip("this file system takes capitals for the same")
    assert said == (f"Did you mean {meant}?" if meant else "")
