"""The practice set: right handshapes, right files, the same every time, and clear errors."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from handshape.console import Console
from handshape.errors import DataError
from handshape.practice import HANDSHAPES, LETTERS, SIGNERS, draw_practice_set
from handshape.practice.hand import ARM, Bones, Proportions, clothe, pose_bones
from handshape.practice.handshapes import POSES
from handshape.practice.people import draw_signer, habitual_pose
from handshape.practice.poses import FURTHEST, LASTING, PASSING, stray, varied
from handshape.practice.raster import NOTHING, Camera, depth_map, project
from handshape.practice.scene import photograph

QUIET = Console(quiet=True)
AVERAGE = Proportions()
DOWN = np.array([0, -1, 0], np.float32)
INDEX, MIDDLE, RING, LITTLE = range(4)


def drawn(folder: Path, per_class: int = 2, seed: int = 0, classes: list[str] | None = None, size: int = 48) -> Path:
    draw_practice_set(folder, per_class, seed, classes, size, QUIET)
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def bones(label: str, style: int = 0) -> Bones:
    return pose_bones(POSES[label][style], AVERAGE)


def straightness(hand: Bones, finger: int) -> float:
    """1 for a finger whose joints are straight, however its knuckle is bent; less the more it is curled."""
    joints = hand.fingers[finger]
    length = np.linalg.norm(np.diff(joints, axis=0), axis=1).sum()
    return float(np.linalg.norm(joints[3] - joints[0]) / length)


def gap(hand: Bones, finger: int) -> float:
    """From a fingertip to the thumb's, mm between centres; the two tips are about 7 mm thick each."""
    return float(np.linalg.norm(hand.fingers[finger, 3] - hand.thumb[3]))


def test_the_handshapes_are_ten_digits_and_24_letters() -> None:
    assert "".join(HANDSHAPES) == "0123456789" + "ABCDEFGHIKLMNOPQRSTUVWXY"


def test_the_letters_are_drawn_where_nothing_else_is_asked_for(tmp_path: Path) -> None:
    assert draw_practice_set(tmp_path, 1, 0, None, 32, QUIET) == 24
    assert [path.name for path in sorted(tmp_path.iterdir()) if path.is_dir()] == list(LETTERS)


@pytest.mark.parametrize(
    ("label", "stretched"),
    [
        *[(label, {INDEX}) for label in ("1", "D", "G", "L", "Q")],
        *[(label, {INDEX, MIDDLE}) for label in ("2", "3", "H", "K", "P", "R", "U", "V")],
        *[(label, {INDEX, MIDDLE, RING}) for label in ("6", "W")],
        *[(label, {INDEX, MIDDLE, RING, LITTLE}) for label in ("4", "5", "B")],
        ("7", {INDEX, MIDDLE, LITTLE}),
        ("8", {INDEX, RING, LITTLE}),
        *[(label, {MIDDLE, RING, LITTLE}) for label in ("9", "F")],
        *[(label, {LITTLE}) for label in ("I", "Y")],
        *[(label, set[int]()) for label in ("0", "A", "C", "E", "M", "N", "O", "S", "T", "X")],
    ],
)
def test_the_right_fingers_are_stretched_in_every_style(label: str, stretched: set[int]) -> None:
    for style in range(len(POSES[label])):
        hand = bones(label, style)
        straight = {finger for finger in range(4) if straightness(hand, finger) > 0.95}
        assert straight == stretched or (label in "MN" and POSES[label][style].wrist < 0)  # fingers that hang down


@pytest.mark.parametrize(
    ("label", "finger"),
    [("6", LITTLE), ("7", RING), ("8", MIDDLE), ("9", INDEX), ("F", INDEX), ("D", MIDDLE), ("O", INDEX), ("0", MIDDLE)],
)
def test_the_thumb_touches_the_right_fingertip(label: str, finger: int) -> None:
    for style in range(len(POSES[label])):
        hand = bones(label, style)
        assert min(range(4), key=lambda other: gap(hand, other)) == finger
        assert gap(hand, finger) < 20


def test_the_open_c_leaves_a_gap_where_o_closes() -> None:
    open_c, closed_o = ([gap(bones(label, style), INDEX) for style in range(len(POSES[label]))] for label in "CO")
    assert min(open_c) > 2 * max(closed_o)


def test_fingers_hang_straight_down_over_the_thumb() -> None:
    for label, hanging in (("M", 3), ("N", 2)):
        hand = bones(label, -1)
        assert [straightness(hand, finger) > 0.95 for finger in range(4)] == [True] * hanging + [False] * (4 - hanging)


def test_v_is_spread_u_is_closed_and_r_is_crossed() -> None:
    def between(label: str) -> float:
        hand = bones(label)
        return float(hand.fingers[INDEX, 3, 0] - hand.fingers[MIDDLE, 3, 0])

    assert between("V") > 2 * between("U") > 0 > between("R")


def test_the_thumb_of_fists_stands_between_different_fingers() -> None:
    across = [float(bones(label).thumb[3, 0]) for label in "ATNM"]  # beside the fist, then deeper and deeper under it
    assert across == sorted(across, reverse=True)
    assert float(bones("S").thumb[3, 2]) > float(bones("S").fingers[INDEX, 1:3, 2].max())  # in front of the fingers


@pytest.mark.parametrize("label", HANDSHAPES)
def test_bones_keep_their_lengths(label: str) -> None:
    straight = bones("5")
    for hand in (bones(label, style) for style in range(len(POSES[label]))):
        for mine, open_hand in ((hand.fingers, straight.fingers), (hand.thumb[None], straight.thumb[None])):
            lengths = np.linalg.norm(np.diff(mine, axis=1), axis=2)
            assert lengths == pytest.approx(np.linalg.norm(np.diff(open_hand, axis=1), axis=2), rel=0.02)


def test_a_signer_keeps_a_style_and_signers_differ() -> None:
    people = [draw_signer(np.random.default_rng(seed), 0.5) for seed in range(24)]
    assert habitual_pose(people[0], "G") == habitual_pose(people[0], "G")
    assert len({habitual_pose(person, "G") for person in people}) == len(people)
    knuckles = [habitual_pose(person, "G").fingers[INDEX].knuckle for person in people]
    assert min(knuckles) < 25 and max(knuckles) > 40  # styles with the index in line with the palm, and bent from it


def test_pictures_of_a_signer_differ_less_than_signers() -> None:
    rng, pose = np.random.default_rng(0), POSES["A"][0]
    spreads = [
        np.std([varied(pose, rng, spread).fingers for _ in range(300)], axis=0).mean() for spread in (PASSING, LASTING)
    ]
    assert 2 < spreads[0] < spreads[1] < 7  # degrees


def test_nothing_strays_further_than_twice_its_spread() -> None:
    strayed = stray(np.random.default_rng(0), np.full((1000, 2), [3.0, 0.5]))
    assert np.abs(strayed).max(axis=0) == pytest.approx([3 * FURTHEST, 0.5 * FURTHEST])
    assert strayed.std(axis=0) == pytest.approx([3, 0.5], rel=0.1)


@pytest.mark.parametrize("mirrored", [False, True])
def test_the_hand_without_its_arm_fills_the_asked_share_of_the_frame(mirrored: bool) -> None:
    flesh = clothe(bones("5"), AVERAGE, DOWN, None)
    middle = np.array([0.5, 0.5], np.float32)
    solid = project(flesh, np.eye(3, dtype=np.float32), mirrored, Camera(500, 0.8, middle, 200))
    depth, owner = depth_map(solid, 200)
    rows, columns = np.nonzero((depth > NOTHING / 2) & (solid.kind[owner] < ARM))
    assert 150 < max(np.ptp(rows), np.ptp(columns)) <= 161  # the arm covers a little of the wrist
    thumb = solid.centres[solid.pieces[-1][1], 0]
    assert (thumb < 100) == mirrored  # a right hand's thumb is on the viewer's right


def drawn_hand(label: str, seed: int, size: int = 64) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return photograph(label, draw_signer(rng, rng.uniform()), rng, size)


def test_an_image_is_rgb_and_follows_its_generator() -> None:
    once, again, other = (drawn_hand("B", seed) for seed in (1, 1, 2))
    assert once.shape == (64, 64, 3) and once.dtype == np.uint8
    assert np.array_equal(once, again)
    assert not np.array_equal(once, other)


@pytest.mark.parametrize("label", HANDSHAPES)
def test_every_handshape_shows_against_its_background(label: str) -> None:
    for seed in (3, 4):
        with np.errstate(invalid="raise", divide="raise"):  # a pixel without a normal would come out black
            image = drawn_hand(label, seed)
        assert image.std() > 8
        assert 20 < image.mean() < 235


def test_the_set_is_one_folder_a_class_with_its_signers(tmp_path: Path) -> None:
    count = draw_practice_set(tmp_path / "set", SIGNERS + 1, 0, ["A", "5"], 40, QUIET)
    assert count == 2 * (SIGNERS + 1)
    with (tmp_path / "set" / "signers.csv").open(encoding="utf-8", newline="") as file:
        signers = {row["path"]: row["signer"] for row in csv.DictReader(file)}
    assert sorted(path.name for path in (tmp_path / "set").iterdir()) == ["5", "A", "signers.csv"]
    assert set(signers) == set(contents(tmp_path / "set")) - {"signers.csv"}
    assert len(set(signers.values())) == SIGNERS
    assert signers["A/A_0001.jpg"] == signers["5/5_0001.jpg"] == signers[f"A/A_{SIGNERS + 1:04d}.jpg"]
    with Image.open(tmp_path / "set" / "A" / "A_0001.jpg") as image:
        assert (image.size, image.mode, image.format) == ((40, 40), "RGB", "JPEG")


def test_the_same_seed_draws_the_same_bytes(tmp_path: Path) -> None:
    assert contents(drawn(tmp_path / "one")) == contents(drawn(tmp_path / "two"))


def test_an_image_depends_on_its_seed_class_and_number_alone(tmp_path: Path) -> None:
    small = contents(drawn(tmp_path / "small", per_class=2, classes=["K"]))
    large = contents(drawn(tmp_path / "large", per_class=3, classes=["2", "K"]))
    other = contents(drawn(tmp_path / "other", per_class=2, seed=1, classes=["K"]))
    images = [name for name in small if name.endswith(".jpg")]
    assert all(large[name] == small[name] != other[name] for name in images)
    assert len({large[name] for name in large}) == len(large)


def test_an_empty_folder_is_filled_and_nothing_else_is_left_in_it(tmp_path: Path) -> None:
    assert sorted(path.name for path in drawn(tmp_path, classes=["A"]).iterdir()) == ["A", "signers.csv"]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"classes": ["A", "J"]}, "'J'.*some of 0 1 2"),
        ({"classes": []}, "No handshape was named"),
        ({"per_class": 0}, "at least 1"),
        ({"size": 8}, "32 to 1024"),
    ],
)
def test_what_cannot_be_drawn_is_refused_before_anything_is_written(
    tmp_path: Path, settings: dict[str, object], words: str
) -> None:
    arguments: dict[str, object] = {"per_class": 1, "seed": 0, "classes": None, "size": 48, "console": QUIET}
    with pytest.raises(DataError, match=f"(?s){words}"):
        draw_practice_set(tmp_path / "set", **{**arguments, **settings})  # type: ignore[arg-type]
    assert not (tmp_path / "set").exists()


def test_a_folder_with_something_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("keep")
    with pytest.raises(DataError, match="not empty"):
        drawn(tmp_path)
    assert contents(tmp_path) == {"mine.txt": b"keep"}


def test_a_file_in_the_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "set").write_text("keep")
    with pytest.raises(DataError, match="is a file"):
        drawn(tmp_path / "set")


@pytest.mark.parametrize("stop", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_what_was_begun_is_taken_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stop: BaseException) -> None:
    def fail(path: Path, data: bytes) -> int:
        raise stop

    monkeypatch.setattr(Path, "write_bytes", fail)
    with pytest.raises(DataError if isinstance(stop, OSError) else KeyboardInterrupt, match=r"No space|^$"):
        drawn(tmp_path / "set")
    assert not (tmp_path / "set").exists()
