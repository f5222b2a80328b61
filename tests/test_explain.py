"""handshape explain: a picture for each image, with the hand, the heat and the answer."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import Handshape, Trained, square_of
from PIL import Image

from handshape.cli.explain import free_name
from handshape.explain.drawing import Caption
from handshape.explain.image import explain_image
from handshape.explain.saliency import onto_photograph, where_it_looked
from handshape.export.bundle import Bundle, find_bundle
from handshape.hands.boxes import Box
from handshape.hands.crops import crop_box
from handshape.hands.inputs import load_photograph
from handshape.hands.landmarks import Hand
from handshape.serving.recognizer import Recognition, Recognizer

SIDE = 120
IN_THE_MIDDLE = Box(SIDE / 2, SIDE / 2, SIDE / 2, SIDE / 2, 0.0)


def hand(handedness: str = "Right") -> Hand:
    numbers = np.arange(21)
    x, y = SIDE * (0.3 + 0.1 * (numbers % 5)), SIDE * (0.7 - 0.1 * (numbers // 5))
    landmarks = np.stack([x, y, np.zeros(21)], axis=1).astype(np.float32)
    return Hand(IN_THE_MIDDLE, landmarks, np.zeros((21, 3), np.float32), handedness, 0.9, 0.99)  # type: ignore[arg-type]


def recognized(found: Hand | None) -> Recognition:
    return Recognition("A", 0.9, (("A", 0.9), ("B", 0.05)), found, 1.0)


class Pretender:
    """Recognises an A in every image, and a hand where it is told to."""

    def __init__(self, found: Hand | None, features: np.ndarray | None, bundle: Bundle) -> None:
        self.answer = recognized(found), features
        self.activation, self.class_names = bundle.class_activation(), bundle.class_names

    def explain(self, source: Path) -> tuple[Recognition, np.ndarray | None]:
        load_photograph(source)
        return self.answer


def test_a_picture_for_each_image(trained: Trained, handshape: Handshape, tmp_path: Path):
    out, images = tmp_path / "pictures", [trained.data / "A" / "A_0001.jpg", trained.data / "L" / "L_0002.jpg"]
    outcome = handshape("explain", trained.folder, *images, "--out", out, "--json")
    assert outcome.code == 0
    files = [out / f"{image.stem}.explained.png" for image in images]
    assert sorted(out.iterdir()) == files
    for answer, predicted, file in zip(
        outcome.objects, handshape("predict", trained.folder, *images, "--json").objects, files, strict=True
    ):
        assert answer.pop("file") == str(file)
        assert answer | {"milliseconds": 0} == predicted | {"milliseconds": 0}
        with Image.open(file) as picture:
            assert picture.format == "PNG"
            assert min(picture.size) >= 480


def test_for_people_a_line_an_image_and_a_folder_of_its_own(
    trained: Trained, handshape: Handshape, tmp_path: Path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    image = trained.data / "A" / "A_0001.jpg"
    said = handshape("explain", trained.folder, image).out
    predicted = handshape("predict", trained.folder, image).out
    assert said == f"{predicted.rstrip()} → {Path('explained') / 'A_0001.explained.png'}\n"
    assert [file.name for file in (tmp_path / "explained").iterdir()] == ["A_0001.explained.png"]


def test_no_file_is_overwritten(trained: Trained, handshape: Handshape, tmp_path: Path):
    mine = tmp_path / "A_0001.explained.png"
    mine.write_bytes(b"mine")
    names = []
    for _ in range(2):
        outcome = handshape("explain", trained.folder, trained.data / "A" / "A_0001.jpg", "--out", tmp_path, "--json")
        names.append(Path(outcome.object["file"]).name)
    assert names == ["A_0001.explained-2.png", "A_0001.explained-3.png"]
    assert mine.read_bytes() == b"mine"
    assert free_name(tmp_path, Path("elsewhere/A_0001.webp")).name == "A_0001.explained-4.png"


def test_goes_on_after_a_bad_image(trained: Trained, handshape: Handshape, tmp_path: Path):
    broken, good = tmp_path / "broken.jpg", trained.data / "A" / "A_0001.jpg"
    broken.write_bytes(b"\xff\xd8\xff\xe0")
    out = tmp_path / "pictures"
    outcome = handshape("explain", trained.folder, broken, good, "--out", out, "--json")
    assert outcome.code == 1
    assert [set(answer) & {"error", "file"} for answer in outcome.objects] == [{"error"}, {"file"}]
    assert [file.name for file in out.iterdir()] == ["A_0001.explained.png"]
    assert handshape("explain", trained.folder, broken, "--out", out).code == 1


def test_a_folder_that_cannot_be_written(trained: Trained, handshape: Handshape, tmp_path: Path):
    taken = tmp_path / "taken"
    taken.write_text("a file")
    outcome = handshape("explain", trained.folder, trained.data / "A" / "A_0001.jpg", "--out", taken, "--json")
    assert outcome.code == 1
    assert f"Cannot write {taken}" in outcome.object["error"]


def test_needs_no_training_framework(trained: Trained, tmp_path: Path):
    words = ["explain", str(trained.folder), str(trained.data / "A" / "A_0001.jpg"), "--out", str(tmp_path)]
    loaded = "{'tensorflow', 'keras'} & set(sys.modules)"
    code = f"from handshape.cli import main; import sys; main({words!r}); print({loaded})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "set()"
    assert len(list(tmp_path.glob("*.png"))) == 1


def test_features_are_those_of_the_keras_model(trained: Trained):
    keras = pytest.importorskip("keras")
    bundle = find_bundle(trained.folder)
    image = trained.data / "B" / "B_0003.jpg"
    recognition, features = Recognizer(bundle, threads=1).explain(image)
    model = keras.models.load_model(bundle.keras, compile=False)
    expected = model.predict(square_of(image, bundle.size)[None].astype(np.float32), verbose=0)
    assert features == pytest.approx(np.asarray(expected["features"][0]), abs=1e-3)
    weights = np.load(bundle.activation)
    assert weights.shape == (features.shape[2], len(bundle.class_names))
    assert recognition.hand is None


def test_what_speaks_for_all_classes_alike_counts_for_none():
    rng = np.random.default_rng(0)
    features, weights = rng.random((4, 4, 5), np.float32), rng.normal(size=(5, 3)).astype(np.float32)
    shared = rng.normal(size=(5, 1)).astype(np.float32)
    expected = where_it_looked(features, weights, 1, None)
    assert expected.max() == pytest.approx(1)
    assert where_it_looked(features, weights + shared, 1, None) == pytest.approx(expected, abs=1e-4)


def test_heat_takes_a_feature_map_and_weights(trained: Trained):
    image, weights = trained.data / "A" / "A_0001.jpg", find_bundle(trained.folder).class_activation()
    speaking = np.tile(weights[:, 0] - weights.mean(axis=1), (3, 3, 1))  # for the first class
    caption, nobody = (Caption(decision, 0.9, (("A", 0.9),)) for decision in ("A", "no hand"))
    with_heat, *without = (
        explain_image(image, None, said, features, of_classes, 0)
        for said, features, of_classes in (
            (caption, speaking, weights),
            (caption, None, weights),
            (caption, speaking, None),
            (caption, -speaking, weights),
        )
    )
    assert with_heat not in without and len(set(without)) == 1
    assert explain_image(image, None, nobody, speaking, weights, 0) == explain_image(
        image, None, nobody, None, weights, 0
    )


def test_the_heat_of_a_left_hand_is_that_of_a_right_one_in_a_mirror():
    features = np.zeros((4, 4, 2), np.float32)
    features[1, 0, 0] = 1.0
    weights = np.array([[1, -1], [-1, 1]], np.float32)
    mirrored = hand("Left").landmarks * (-1, 1, 1) + (SIDE, 0, 0)
    right, left = (
        onto_photograph(where_it_looked(features, weights, 0, each), crop_box(each), SIDE, SIDE)
        for each in (hand(), replace(hand("Left"), landmarks=mirrored.astype(np.float32)))
    )
    middle = SIDE // 2
    assert right[:, :middle].sum() > 2 * right[:, middle:].sum()
    assert left == pytest.approx(right[:, ::-1], abs=0.05)


@pytest.mark.parametrize("handedness", ["Right", "Left"])
def test_the_heat_of_the_hand_stream_lies_where_the_landmark_network_looked(handedness: str):
    """In ``Hand.box``, which is larger than the crop and turned otherwise; of a left hand in a mirror."""
    x, y = hand().landmarks[12, :2]  # this place is to be hot
    box = Box(SIDE * 0.55, SIDE * 0.55, SIDE * 0.9, SIDE * 0.9, 0.3)
    across, down = (x - box.x, y - box.y) @ np.array([[np.cos(0.3), -np.sin(0.3)], [np.sin(0.3), np.cos(0.3)]])
    column, row = (7 * (np.array([across, down]) / box.width + 0.5)).astype(int)
    features = np.zeros((7, 7, 384), np.float32)
    features[row, column if handedness == "Right" else 6 - column, 0] = 1.0
    weights = np.zeros((384, 2), np.float32)
    weights[0] = 1, -1
    found = replace(hand(handedness), box=box)
    laid = onto_photograph(where_it_looked(features, weights, 0, found), crop_box(found), SIDE, SIDE)
    hottest = np.array(np.unravel_index(laid.argmax(), laid.shape))
    assert np.abs(hottest - (y, x)).max() < box.width / 7
    assert where_it_looked(features, weights, 0, None) is None  # without a hand it saw nothing


def test_heat_lies_on_the_hand_alone_or_there_is_none():
    weights = np.array([[1, -1], [-1, 1]], np.float32)
    everywhere, corner = np.zeros((2, 4, 4, 2), np.float32)
    everywhere[..., 0], corner[0, 0, 0] = 1.0, 1.0
    found = hand()
    heat = where_it_looked(everywhere, weights, 0, found)
    laid = onto_photograph(heat, crop_box(found), SIDE, SIDE)
    x, y = found.landmarks[12, :2].astype(int)
    assert laid[y, x] > 0.9 and laid[:20].max() < 0.05
    assert where_it_looked(corner, weights, 0, found) is None
    assert where_it_looked(corner, weights, 1, None) is None  # it speaks against this class


@pytest.mark.parametrize(
    ("found", "has_features", "panels"),
    [(hand("Left"), True, 2), (hand(), False, 1), (None, True, 1), (None, False, 1)],
)
def test_what_a_picture_shows(
    found: Hand | None, has_features: bool, panels: int, trained: Trained, handshape: Handshape, tmp_path, monkeypatch
):
    features = np.random.default_rng(0).random((3, 3, 1280), np.float32) if has_features else None
    monkeypatch.setattr(
        "handshape.serving.recognizer.recognizer_of",
        lambda bundle, console: Pretender(found, features, bundle),
    )
    photograph = tmp_path / "grey.png"
    Image.new("RGB", (SIDE, SIDE), (120, 120, 120)).save(photograph)
    outcome = handshape("explain", trained.folder, photograph, "--out", tmp_path, "--json")
    assert (outcome.object["hand"] is None) == (found is None)
    with Image.open(outcome.object["file"]) as picture:
        assert picture.width // 480 == panels
        first = np.asarray(picture.convert("RGB"), int)[12:492, 12:492]
    is_grey = (np.ptp(first, axis=2) < 3).mean()
    assert (is_grey > 0.99) == (found is None and not has_features)
