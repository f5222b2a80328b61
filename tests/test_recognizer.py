"""From the bytes of a photograph to a decision, with a hand finder that is pretended, and with the real one."""

import base64
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import Handshape, encoded, hand_at

keras = pytest.importorskip("keras")

from handshape import litert
from handshape.config import ModelSettings
from handshape.console import Console
from handshape.export.bundle import Bundle, ModelDescription, find_bundle, write_bundle
from handshape.hands.inputs import load_photograph, view_of, with_hands
from handshape.hands.landmarks import FEATURES, Hand
from handshape.hands.models import HandModels
from handshape.model.classifier import build_classifier
from handshape.model.decisions import NEVER, Thresholds
from handshape.model.weights import find_weights
from handshape.serving.recognizer import Recognizer, hand_as_dict
from handshape.training.fusion import usual_kernel

ALL, NOTHING = Thresholds(0, 0), Thresholds(NEVER, NEVER)
MODEL = ModelDescription(("A", "B", "C"), 96, ALL, hands=2)
ABSENT = HandModels(Path("absent"), Path("absent"))


@pytest.fixture(scope="module")
def bundle(tmp_path_factory) -> Bundle:
    """Every stream, not trained, and a network that looks for two hands."""
    keras.utils.set_random_seed(0)
    folder = tmp_path_factory.mktemp("bundle")
    weights = find_weights("own", MODEL.size, Console(quiet=True))
    settings = ModelSettings(img_size=MODEL.size, streams=["landmarks", "hand", "pixels"])
    classifier = build_classifier(MODEL.class_names, settings, weights)
    classifier.fusion.set_weights([usual_kernel(list(classifier.streams))])
    classifier.streams["landmarks"].scale.set_weights([np.zeros(666), np.full(666, 0.1)])
    classifier.model.save(folder / "final.keras")
    content = litert.convert(classifier.model)
    activation = classifier.mapped.logits.get_weights()[0]
    return write_bundle(folder / "bundle", MODEL, folder / "final.keras", content, activation, {})


@pytest.fixture(scope="module")
def photograph() -> bytes:
    """A JPEG that is found hands in at half its size."""
    y, x = np.mgrid[:2400, :3200]
    pixels = np.stack([x // 13, y // 10, 127 + 100 * np.sin(x / 90)], axis=2).clip(0, 255).astype(np.uint8)
    return encoded(pixels, "JPEG")


def hand_from(left: float, handedness: str = "Right", shape: int = 0) -> Hand:
    """In pixels of the photograph at half its size."""
    features = np.random.default_rng(shape).normal(0, 4, FEATURES).astype(np.float16)
    return replace(hand_at(left, 300, 400, handedness, shape), features=features)


@pytest.fixture
def found(monkeypatch):
    """Pretends that these hands are found, by a finder that is asked for at most so many."""

    def pretend(*hands: Hand) -> None:
        class Finder:
            def __init__(self, models: HandModels, threads: int = 1) -> None:
                pass

            def find(self, image: np.ndarray, count: int = 1) -> tuple[Hand, ...]:
                assert image.shape == (1200, 1600, 3)
                return hands[:count]

        monkeypatch.setattr("handshape.hands.finder.HandFinder", Finder)

    return pretend


def test_a_hand_is_recognised_and_described(bundle, photograph, found):
    hand = hand_from(300)
    found(hand)
    recogniser = Recognizer(bundle, ABSENT, threads=1)
    answer = recogniser.recognize(photograph)
    inputs = with_hands(view_of(load_photograph(photograph), hand.scaled(2), 96)[None], [hand.scaled(2)])
    expected = recogniser.probabilities(inputs)[0]
    assert dict(answer.top) == pytest.approx(dict(zip(MODEL.class_names, expected.tolist(), strict=True)), abs=2e-6)
    assert answer.decision == answer.top[0][0] == MODEL.class_names[int(expected.argmax())]
    low, high = hand.landmarks[:, :2].min(axis=0) * 2, hand.landmarks[:, :2].max(axis=0) * 2
    said = answer.as_dict()["hand"]
    assert said["box"] == pytest.approx([*low, *(high - low)], abs=0.1)  # of the photograph at its full size
    assert (said["handedness"], said["score"]) == ("Right", 0.95)
    assert answer.as_dict(landmarks=True)["hand"].items() >= said.items()
    assert said.keys() == {"box", "handedness", "score"}
    points = answer.as_dict(landmarks=True)["hand"]
    np.testing.assert_allclose(points["landmarks"], hand.landmarks * 2, atol=1e-4)
    np.testing.assert_allclose(points["world"], hand.world, atol=1e-6)
    assert points["square"] == pytest.approx([1000, 1000, 1200, 0])
    features = np.frombuffer(base64.b64decode(points["features"]), "<f4")
    np.testing.assert_array_equal(features.reshape(FEATURES), hand.features)
    assert points.keys() == {*said, "landmarks", "world", "square", "features"}


def test_what_the_landmark_network_saw_counts(bundle, photograph, found):
    hand = hand_from(300)
    said = []
    for features in (hand.features, -hand.features):
        found(replace(hand, features=features))
        said.append(Recognizer(bundle, ABSENT, threads=1).recognize(photograph).top)
    assert dict(said[0]) != pytest.approx(dict(said[1]), abs=0.01)


def test_of_two_hands_the_surer_one_counts(bundle, photograph, found):
    hands = [hand_from(100 + 150 * number, shape=200 * number) for number in range(2)]
    alone = []
    for hand in hands:
        found(hand)
        alone.append(Recognizer(bundle, ABSENT, threads=1).recognize(photograph))
    assert alone[0].confidence != alone[1].confidence
    surer = max(alone, key=lambda answer: answer.confidence)
    found(*hands)
    both = Recognizer(bundle, ABSENT, threads=1).recognize(photograph)
    assert both.top == surer.top
    assert hand_as_dict(both.hand) == hand_as_dict(surer.hand)
    found(*hands[::-1])
    only_one = Recognizer(replace(bundle, hands=1), ABSENT, threads=1).recognize(photograph)
    assert only_one.top == alone[1].top


@pytest.mark.parametrize(
    ("thresholds", "with_hand", "without_hand"),
    [(ALL, None, None), (Thresholds(NEVER, 0), "unknown", None), (Thresholds(0), None, "no hand")],
)
def test_thresholds_decide(thresholds, with_hand, without_hand, bundle, photograph, found):
    recognisers = []
    for hands in ([hand_from(300)], []):
        found(*hands)
        recognisers.append(Recognizer(replace(bundle, thresholds=thresholds), ABSENT, threads=1))
    for recogniser, decision in zip(recognisers, (with_hand, without_hand), strict=True):
        answer = recogniser.recognize(photograph)
        assert answer.decision == (decision or answer.top[0][0])
    assert answer.hand is None
    assert answer.as_dict()["hand"] is None


def test_without_the_hand_models_it_never_says_no_hand(bundle, photograph):
    answer = Recognizer(replace(bundle, thresholds=NOTHING), None, threads=1).recognize(photograph)
    assert (answer.decision, answer.hand) == ("unknown", None)


def test_a_feature_map_explains_the_answer(bundle, photograph, found):
    found(hand_from(300))
    answer, features = Recognizer(bundle, ABSENT, threads=1).explain(photograph)
    assert features.shape == (7, 7, 384)  # of the hand stream, where there is one
    assert features.min() >= 0
    assert answer.hand is not None
    assert np.load(bundle.activation).shape == (384, 3)


@pytest.fixture
def commands(bundle, photograph, found, pretend_hands, handshape, monkeypatch, tmp_path):
    """The command line with a photograph that shows these hands; the models are only pretended to be there."""
    (tmp_path / "photos" / "A").mkdir(parents=True)
    file = tmp_path / "photos" / "A" / "photo.jpg"
    file.write_bytes(photograph)
    monkeypatch.setattr("handshape.serving.recognizer.hand_models_or_none", lambda console: ABSENT)

    def run(verb: str, hands: list[Hand], thresholds: Thresholds) -> dict:
        found(*hands)
        seen = hands[0].scaled(2) if hands else None
        pretend_hands(lambda photograph: seen)
        model, description = tmp_path / "model", replace(MODEL, thresholds=thresholds, hands=1)
        write_bundle(model, description, bundle.keras, bundle.litert.read_bytes(), None, {})
        outcome = handshape(verb, model, file if verb == "predict" else tmp_path / "photos", "--json")
        assert outcome.code == 0
        return outcome.object

    return run


@pytest.mark.parametrize(
    ("hands", "thresholds", "decision"),
    [
        ([hand_from(300, "Left")], ALL, "label"),
        ([hand_from(300)], NOTHING, "unknown"),
        ([], ALL, "label"),
        ([], NOTHING, "no hand"),
    ],
)
def test_what_predict_and_evaluate_say_to_machines(hands, thresholds, decision, commands):
    answer = commands("predict", hands, thresholds)
    assert set(answer) == {"path", "decision", "confidence", "top", "hand", "milliseconds"}
    assert answer["decision"] == (answer["top"][0][0] if decision == "label" else decision)
    if hands:
        assert set(answer["hand"]) == {"box", "handedness", "score"}
        assert answer["hand"]["handedness"] == hands[0].handedness
        assert len(answer["hand"]["box"]) == 4
    else:
        assert answer["hand"] is None
    measured = commands("evaluate", hands, thresholds)
    assert measured["hands_found"] == len(hands)
    decided = measured["decisions"]
    assert (decided["accepted"], decided["unknown"], decided["no_hand"]) == (
        decision == "label",
        decision == "unknown",
        decision == "no hand",
    )
    right = float(answer["top"][0][0] == "A")
    assert measured["accuracy"] == right
    assert decided["accuracy_of_accepted"] == (right if decision == "label" else None)


def test_people_are_told_what_was_not_accepted(bundle, photograph, found, handshape: Handshape, monkeypatch, tmp_path):
    monkeypatch.setattr("handshape.serving.recognizer.hand_models_or_none", lambda console: ABSENT)
    found()
    (tmp_path / "photo.jpg").write_bytes(photograph)
    model = tmp_path / "model"
    description = replace(MODEL, thresholds=NOTHING, hands=1)
    write_bundle(model, description, bundle.keras, bundle.litert.read_bytes(), None, {})
    outcome = handshape("predict", model, tmp_path / "photo.jpg")
    assert f"{tmp_path / 'photo.jpg'}: no hand (at best " in outcome.out


@pytest.mark.slow
@pytest.mark.photographs
def test_digits_from_photographs_to_answers(photographs, models, home, handshape: Handshape, monkeypatch, tmp_path):
    for digit in "012345":
        place = tmp_path / "digits" / digit
        place.mkdir(parents=True)
        for file in sorted((photographs / "digits_218_signers" / digit).iterdir())[:24]:
            shutil.copy(file, place)
    monkeypatch.setenv("HANDSHAPE_HAND_MODELS", str(models.palm.parent))
    small = {"img_size": 96, "weights": "own", "num_epochs": 3, "fine_tune_epochs": 1}
    words = [word for name, value in small.items() for word in ("--set", f"model.{name}={value}")]
    train = ["train", tmp_path / "digits", "--out", tmp_path / "runs", "--name", "digits", "--json", *words]
    trained = handshape(*train, "--set", "augmentation.views=2", "--set", "training.refit=off")
    assert trained.code == 0, trained.err
    assert trained.object["accuracy"]["test"] > 0.8
    run = tmp_path / "runs" / "digits"
    assert find_bundle(run).hands == 1
    answers = handshape("predict", run, tmp_path / "digits", "--json").objects
    assert len(answers) == 6 * 24
    with_hand = [answer for answer in answers if answer["hand"]]
    assert len(with_hand) > 0.9 * len(answers)
    right = [Path(answer["path"]).parent.name == answer["top"][0][0] for answer in answers]
    assert np.mean(right) > 0.85
    measured = handshape("evaluate", run, tmp_path / "digits", "--json").object
    assert measured["hands_found"] == len(with_hand) / len(answers)
    assert measured["accuracy"] == pytest.approx(np.mean(right), abs=0.01)
