"""Classes that are learned from known hands alone, beside those of the user's photographs."""

from pathlib import Path

import numpy as np
import pytest
from conftest import Handshape, PretendHands, assignments, hand_at

from handshape.console import Console
from handshape.errors import SettingsError
from handshape.hands.known_hands import known_hands_like, known_labels, load_known_hands
from handshape.hands.models import HandModels
from handshape.practice import draw_practice_set


@pytest.mark.parametrize(
    ("words", "labels"),
    [
        ([], ""),
        (["asl"], "ABCDEFGHIKLMNOPQRSTUVWXY"),
        (["Digits"], "0123456789"),
        (["a", "7", "A"], "A7"),
        (["digits", "b"], "0123456789B"),
    ],
)
def test_labels_by_alphabet_or_by_name(words: list[str], labels: str) -> None:
    assert known_labels(words) == tuple(labels)
    assert set(labels) <= set(load_known_hands()[1])


@pytest.mark.parametrize("word", ["J", "Z", "als", "hello", ""])
def test_what_nobody_knows_is_refused(word: str) -> None:
    with pytest.raises(SettingsError, match="No hands of"):
        known_labels([word])


def test_classes_are_learned_without_any_of_the_users_hands() -> None:
    hands, names = load_known_hands()
    own = hands[[row for row, name in enumerate(names) if name == "L"]]
    added = known_hands_like(own, np.full(len(own), 2), ["A", "B", "gun"], also=["A", "B"])
    assert sorted({names[row] for row in added.rows}) == ["A", "B"]
    assert set(added.targets) == {0, 1}
    assert "L" not in {names[row] for row in added.others}, "it may be what the user calls a gun"
    assert {"C", "Y"} <= {names[row] for row in added.others}
    assert added.twins == ()


def test_a_sign_that_looks_like_a_known_one_is_told() -> None:
    hands, names = load_known_hands()
    own = hands[[row for row, name in enumerate(names) if name == "L"]]
    added = known_hands_like(own, np.full(len(own), 2), ["A", "L", "gun"], also=["A", "L"])
    assert added.twins == (("gun", "L"),)


def test_letters_of_another_alphabet_do_not_keep_the_classes_asked_for_away() -> None:
    hands, names = load_known_hands()
    meant = dict(zip("ABCDLY", "BCDALW", strict=True))  # here A is called B, and so on
    rows = [row for row, name in enumerate(names) if name in "ABCD"]
    class_names = ["A", "B", "C", "D", "L", "Y"]
    targets = np.array([class_names.index(meant[names[row]]) for row in rows])
    added = known_hands_like(hands[rows], targets, class_names, also=["L", "Y"])
    assert {names[row] for row in added.rows} == {"L", "Y"}
    assert not {"A", "B", "C", "D"} & {names[row] for row in added.others}


def test_a_sign_of_ones_own_beside_the_digits(handshape: Handshape, models: HandModels, tmp_path: Path) -> None:
    """One class of photographs, ten without: what comes out knows eleven."""
    shown, unseen = tmp_path / "shown", tmp_path / "unseen"
    draw_practice_set(shown, 12, 5, ["Y"], 160, Console(quiet=True))
    (shown / "Y").rename(shown / "hang loose")
    (shown / "signers.csv").unlink()
    draw_practice_set(unseen, 3, 6, ["1", "3", "5"], 160, Console(quiet=True))
    settings = assignments(hands__find="auto", model__weights="none")
    told = handshape(
        "train",
        shown,
        "--also",
        "digits",
        "--external",
        f"unseen={unseen}",
        "--out",
        tmp_path,
        "--name",
        "r",
        *settings,
    )
    assert told.code == 0, told.err
    assert "Without photographs here, so not among these: 0, 1, 2" in told.out
    assert "On unseen: " in told.out
    answers = handshape("predict", tmp_path / "r", unseen / "5", shown / "hang loose", "--json").objects
    assert [each["decision"] for each in answers].count("hang loose") >= 9
    assert [each["top"][0][0] for each in answers[:3]].count("5") >= 2


def test_whole_images_know_nothing_of_them(handshape: Handshape, drawn: Path, tmp_path: Path) -> None:
    told = handshape("train", drawn, "--also", "asl", "--out", tmp_path / "runs", *assignments())
    assert told.code == 1
    assert "cannot be learned from known hands alone" in told.err


def test_pixels_know_nothing_of_them(
    handshape: Handshape, drawn: Path, pretend_hands: PretendHands, tmp_path: Path
) -> None:
    pretend_hands(lambda _: hand_at(20, 20, 60))
    settings = assignments(hands__find="auto", model__streams="[landmarks, pixels]")
    told = handshape("train", drawn, "--also", "digits", "--out", tmp_path / "runs", *settings)
    assert told.code == 1
    assert "Pixels cannot be learned of 0, 1, 2" in told.err
