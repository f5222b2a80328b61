import hashlib
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from conftest import encoded
from PIL import Image

from handshape.errors import ImageError
from handshape.hands import finder as finder_module
from handshape.hands.crops import crop_hand
from handshape.hands.finder import HandFinder, HandFinders
from handshape.hands.inputs import load_photograph
from handshape.hands.landmarks import FEATURES, FEATURES_TENSOR, WITH_FEATURES_SHA256, Hand, LandmarkReader
from handshape.hands.models import HandModels
from handshape.hands.search import find_in_photograph
from handshape.images import read_image, to_square
from handshape.litert import Network, with_outputs

REFERENCE = Path(__file__).parents[2] / "shared" / "reference"
OPEN_HAND = "asl24_signer_t/B/B136.jpg"
FILLS_THE_FRAME = "asl36_5_hands/0/hand2_0_left_seg_1_cropped.jpg"


@pytest.fixture(scope="module")
def finder(models) -> HandFinder:
    return HandFinder(models)


@pytest.fixture(scope="module")
def image(photographs) -> np.ndarray:
    return pixels(photographs / OPEN_HAND)


@pytest.fixture(scope="module")
def hand(finder, image) -> Hand:
    (hand,) = finder.find(image)
    return hand


def pixels(file: Path) -> np.ndarray:
    return np.asarray(read_image(file))


def distance(ours: np.ndarray, theirs: np.ndarray) -> float:
    """Mean distance of landmarks [21, 2] as a share of the hand's size."""
    return float(np.linalg.norm(ours[:, :2] - theirs[:, :2], axis=1).mean() / np.ptp(theirs[:, :2], axis=0).max())


@pytest.mark.parametrize("name", ["asl24_signer_t", "asl26_two_sessions", "asl36_5_hands", "digits_218_signers"])
def test_agrees_with_mediapipe(finder, photographs, name):
    if not REFERENCE.is_dir():
        pytest.skip(f"MediaPipe's own landmarks are not at {REFERENCE}")
    reference = np.load(REFERENCE / f"{name}.npz")
    found = np.flatnonzero(np.isfinite(reference["landmarks"][:, 0, 0]))
    distances = []
    for index in found[:: len(found) // 12]:
        image = pixels(photographs / str(reference["path"][index]))
        (hand,) = finder.find(image)
        distances.append(distance(hand.landmarks, reference["landmarks"][index, :, :2] * image.shape[1::-1]))
    assert np.median(distances) < 0.03


def test_the_hand_is_described(hand, image):
    assert hand.landmarks.shape == hand.world.shape == (21, 3)
    assert hand.landmarks.dtype == hand.world.dtype == np.float32
    assert hand.handedness == "Right"
    assert hand.handedness_score > 0.9
    assert hand.score > 0.9
    assert 0.05 < np.ptp(hand.world[:, 1]) < 0.25  # metres
    assert np.all(hand.landmarks[[8, 12, 16, 20], 1] < hand.landmarks[0, 1])  # fingertips above the wrist
    assert np.all(hand.world[[8, 12, 16, 20], 1] < hand.world[0, 1])


def test_a_mirrored_hand_is_the_other_one(finder, hand, image):
    (mirrored,) = finder.find(np.ascontiguousarray(image[:, ::-1]))
    assert mirrored.handedness == "Left"
    there = mirrored.landmarks * (-1, 1, 1) + (image.shape[1], 0, 0)
    assert distance(there, hand.landmarks) < 0.06


def test_its_network_gives_its_features_and_otherwise_stays_the_same(models):
    known = models.landmarks.read_bytes()
    extended = with_outputs(known, [FEATURES_TENSOR])
    assert hashlib.sha256(extended).hexdigest() == WITH_FEATURES_SHA256
    image = np.random.default_rng(0).random((1, 224, 224, 3), np.float32)
    before, (*after, features) = Network(known)(image), Network(extended)(image)
    assert len(before) == len(after) == 4
    for one, other in zip(before, after, strict=True):
        np.testing.assert_array_equal(one, other)
    assert features.shape == FEATURES
    assert features.any()


def test_an_image_is_shown_to_a_network_as_shares(models):
    network = Network(models.palm)
    image = np.random.default_rng(0).integers(0, 256, (network.size, network.size, 3), dtype=np.uint8)
    for shown in (image, image[:, ::-1]):
        for one, other in zip(network.look(shown), network(shown[None] * np.float32(1 / 255)), strict=True):
            np.testing.assert_array_equal(one, other)


def test_other_outputs_may_follow_in_any_number(models):
    twice = with_outputs(with_outputs(models.palm.read_bytes(), [5]), [7, 3])
    outputs = Network(twice).output_shapes
    assert outputs[:2] == Network(models.palm).output_shapes
    assert len(outputs) == 5


def likeness(one: np.ndarray, other: np.ndarray) -> float:
    """Correlation of two feature maps."""
    return float(np.corrcoef(one.ravel().astype(np.float32), other.ravel().astype(np.float32))[0, 1])


def test_features_are_those_of_a_right_hand(finder, models, hand, image):
    mirror = np.ascontiguousarray(image[:, ::-1])
    (left,) = finder.find(mirror)
    assert left.handedness == "Left"
    assert hand.features.shape == left.features.shape == FEATURES
    assert hand.features.dtype == np.float16
    as_it_is = LandmarkReader(models.landmarks).glance(mirror, left.box).features
    assert likeness(left.features, hand.features) > 0.95 > 0.9 > likeness(as_it_is, hand.features)


@pytest.mark.parametrize("left", [True, False])
def test_features_do_not_depend_on_what_was_expected(models, hand, image, left):
    read = LandmarkReader(models.landmarks)(image, hand.box, left)
    assert read.handedness == "Right"
    assert read.box == hand.box
    np.testing.assert_array_equal(read.features, hand.features)


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_a_turned_photograph_turns_the_landmarks(finder, hand, image, quarters):
    (turned,) = finder.find(np.ascontiguousarray(np.rot90(image, quarters)))
    middle = np.array(image.shape[1::-1]) / 2
    steps = hand.landmarks[:, :2] - middle
    for _ in range(quarters):
        steps = steps[:, ::-1] * (1, -1)
    there = steps + (middle if quarters == 2 else middle[::-1])
    assert distance(turned.landmarks, there) < 0.06
    assert np.ptp(turned.world[:, :2], axis=0).argmax() == (quarters + 1) % 2


def test_a_hand_that_fills_the_frame(finder, photographs):
    (hand,) = finder.find(pixels(photographs / FILLS_THE_FRAME))
    assert hand.landmarks[0, 1] > 60  # the wrist is that of the hand, not the root of its curled fingers


def test_a_small_hand_in_a_large_photograph(finder, hand, image):
    large = np.full((480, 640, 3), 190, np.uint8)
    large[300 : 300 + len(image), 400 : 400 + image.shape[1]] = image
    (small,) = finder.find(large)
    assert distance(small.landmarks[:, :2] - (400, 300), hand.landmarks) < 0.08


@pytest.mark.parametrize("light", [0.1, 0.03])
def test_a_hand_in_the_dark(finder, hand, image, light, monkeypatch):
    dark = (image * light).astype(np.uint8)
    (found,) = finder.find(dark)
    assert distance(found.landmarks, hand.landmarks) < 0.05
    monkeypatch.setattr(finder, "_further_palm_outputs", lambda image: iter(()))
    assert finder.find(dark) == ()  # it takes the brighter look


def test_what_is_hard_to_see_must_be_a_hand_more_surely(finder, image, monkeypatch):
    dark = (image * 0.1).astype(np.uint8)
    unsure = replace(finder.find(dark)[0], score=0.89)

    class Reader:
        def __call__(self, image, box, left=False):
            return unsure

        def glance(self, image, box):
            return unsure

    monkeypatch.setattr(finder, "_landmarks", Reader())
    assert finder.find(dark) == ()
    assert finder.find(image) == (unsure,)


def test_two_hands_when_asked(finder, image):
    both = np.hstack([image, image[:, ::-1]])
    hands = finder.find(both, count=2)
    assert {hand.handedness for hand in hands} == {"Left", "Right"}
    assert len(finder.find(both)) == 1
    assert len(finder.find(image, count=2)) == 1


@pytest.mark.parametrize("shape", [(1, 1), (3, 500), (120, 160)])
def test_no_hand(finder, shape):
    noise = np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)
    assert finder.find(noise) == ()
    assert finder.find(np.zeros((*shape, 3), np.uint8), count=2) == ()


def test_tracking_follows_the_hand_and_lets_go(finder, hand, image, monkeypatch):
    moved = np.roll(image, (-6, -8), axis=(0, 1))
    with monkeypatch.context() as patched:
        patched.setattr(finder, "find", lambda *_: pytest.fail("the palm detector was asked"))
        tracked = finder.track(moved, hand)
    assert distance(tracked.landmarks[:, :2] - (-8, -6), hand.landmarks) < 0.06
    assert finder.track(np.full_like(image, 127), hand) is None
    assert finder.track(image, hand.scaled(50)) is not None  # lost out of sight, found again


@pytest.mark.parametrize(("step", "reads"), [(0.0, 1), (0.03, 1), (0.2, 2)])
def test_following_reads_a_hand_that_moved_in_its_own_box(finder, image, monkeypatch, step, reads):
    hand = finder.find_clearest(image)
    across = round(step * hand.next_box.width)
    moved = np.roll(image, -across, axis=1)
    reader, boxes = finder._landmarks, []

    def read(image, box, left):
        boxes.append(box)
        return reader(image, box, left)

    with monkeypatch.context() as patched:
        patched.setattr(finder, "_landmarks", read)
        patched.setattr(finder, "_palms", lambda *_: pytest.fail("the palm detector was asked"))
        followed = finder.follow(moved, replace(hand, has_company=True))
    assert len(boxes) == reads
    assert boxes[0] == hand.next_box
    assert followed.has_company
    assert distance(followed.landmarks[:, :2] + (across, 0), hand.landmarks) < 0.04


def test_a_hand_that_cannot_be_followed_is_found_anew(finder, image):
    hand = finder.find_clearest(image)
    assert finder.follow(np.full_like(image, 127), hand) is None
    for lost in (hand.scaled(50), hand.scaled(0.2)):  # out of sight, and where nothing is
        found = finder.follow(image, replace(lost, has_company=True))
        np.testing.assert_array_equal(found.landmarks, hand.landmarks)
        assert not found.has_company


def test_who_is_alone_has_every_core(monkeypatch):
    monkeypatch.setattr(finder_module, "HandFinder", lambda models, threads=1: SimpleNamespace(threads=threads))
    finders = HandFinders(HandModels(Path("palm"), Path("landmarks")), threads=3)
    with finders.lent() as first:
        with finders.lent() as second, finders.lent() as third:
            assert [first.threads, second.threads, third.threads] == [3, 1, 1]
            assert second is not third
        with finders.lent() as fourth:  # the first is still at work
            assert fourth.threads == 1
    with pytest.raises(ImageError), finders.lent():
        raise ImageError("damaged")
    with finders.lent() as again:
        assert again is first


def test_more_threads_than_finders_wait_their_turn(monkeypatch):
    monkeypatch.setattr(finder_module, "HandFinder", lambda models, threads=1: threading.Lock())
    finders = HandFinders(HandModels(Path("palm"), Path("landmarks")), threads=2)

    def search_once(_: int) -> bool:
        with finders.lent() as finder:
            free = finder.acquire(blocking=False)  # type: ignore[attr-defined]
            time.sleep(0.001)
            finder.release()  # type: ignore[attr-defined]
            return free

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(search_once, range(100)))


def test_all_cores_see_what_one_sees(models, finder, hand, image):
    (wide,) = HandFinder(models, threads=2).find(image)
    assert np.array_equal(wide.landmarks, hand.landmarks)


def test_crops_hold_the_hand(image, hand):
    for upright in (True, False):
        crop = crop_hand(image, hand, 96, upright)
        assert crop.shape == (96, 96, 3)
        assert crop.dtype == np.uint8
    middle = crop_hand(image, hand, 96)[24:72, 24:72].astype(int)
    assert (middle[..., 0] - middle[..., 2]).mean() > 20  # skin is red
    whole = crop_hand(image, None, 96)
    assert np.array_equal(whole, to_square(Image.fromarray(image), 96))


def test_landmarks_are_those_of_the_whole_photograph(finder, hand, image):
    large = Image.fromarray(image).resize((3000, round(3000 * image.shape[0] / image.shape[1])))
    exif = Image.Exif()
    exif[0x0112] = 6  # stored lying on its side
    photograph = load_photograph(encoded(large.rotate(90, expand=True), "JPEG", exif=exif))
    assert photograph.scale > 1
    found = find_in_photograph(finder, photograph)
    assert distance(found.landmarks * image.shape[1] / 3000, hand.landmarks) < 0.06
