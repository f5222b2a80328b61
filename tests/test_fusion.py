"""What joins the streams: learned weights, and the model that carries them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

keras = pytest.importorskip("keras")

from helpers import SIZE, own_weights

from handshape import litert
from handshape.config import ModelSettings
from handshape.hands.geometry import hand_size
from handshape.hands.inputs import Inputs
from handshape.hands.known_hands import load_known_hands
from handshape.model.classifier import build_classifier, fused_scores, fusion_inputs, fusion_kernel, in_float32
from handshape.training.fusion import USUAL, fit_fusion, pull_of

LABELS = ("A", "B", "C")
WEIGHTS = np.array([1.3, 0.7, -0.2, 1.6, 0.4])


def softmax(scores: np.ndarray) -> np.ndarray:
    odds = np.exp(scores - scores.max(axis=1, keepdims=True))
    return odds / odds.sum(axis=1, keepdims=True)


def answers(rng: np.random.Generator, targets: np.ndarray, skill: float, classes: int = 5) -> np.ndarray:
    """Probabilities [N, C] that know the truth as well as the skill is high."""
    return softmax(rng.normal(0, 1, (len(targets), classes)) + skill * np.eye(classes)[targets])


def people(rng: np.random.Generator, count: int, with_hand: float = 0.8) -> tuple[np.ndarray, ...]:
    """Truth, whether there is a hand, and its size."""
    present = (rng.random((count, 1)) < with_hand).astype(np.float32)
    return rng.integers(0, 5, count), present, present * np.exp(rng.uniform(2, 6, (count, 1)))


def misery(pixels, landmarks, present, size, targets, weights, pull) -> float:
    """What the weights are to make small, from the definition alone."""
    scores = fused_scores(pixels, landmarks, fusion_inputs(present, size) @ fusion_kernel(weights).astype(np.float64))
    likelihood = softmax(scores)[np.arange(len(targets)), targets]
    return -np.log(likelihood).sum() + pull / 2 * np.square(weights - USUAL).sum()


def test_a_stream_that_knows_nothing_counts_little():
    rng = np.random.default_rng(0)
    targets, present, size = people(rng, 2000)
    ignorant, skilled = answers(rng, targets, 0), answers(rng, targets, 3)
    without, pixels, _, landmarks, _ = fit_fusion(ignorant, skilled, present, size, targets, len(targets))
    assert abs(pixels) < 0.1
    assert abs(without) < 0.2
    assert landmarks == pytest.approx(3, abs=0.5)  # noise of variance 1 makes the log-odds three times as large
    without, pixels, _, landmarks, _ = fit_fusion(skilled, ignorant, present, size, targets, len(targets))
    assert abs(landmarks) < 0.1
    assert pixels == pytest.approx(3, abs=0.5)
    assert without > 2  # fewer images, so it is kept nearer to the usual weight


def test_the_size_of_a_hand_may_decide():
    rng = np.random.default_rng(0)
    targets, present, size = people(rng, 2000, with_hand=1)
    tiny = size[:, 0] < 48
    landmarks = np.where(tiny[:, None], answers(rng, targets, 0), answers(rng, targets, 3))
    weights = fit_fusion(answers(rng, targets, 2), landmarks, present, size, targets, len(targets))
    assert weights[4] > 0.5  # landmarks count more for large hands
    assert weights[3] - weights[4] < 0.5 < weights[3] + weights[4]


def test_few_images_change_little():
    rng = np.random.default_rng(0)
    targets, present, size = people(rng, 3)
    few = fit_fusion(answers(rng, targets, 0), answers(rng, targets, 3), present, size, targets, 3)
    assert np.abs(few - USUAL).max() < 0.5
    nothing = np.empty((0, 5))
    none = fit_fusion(nothing, nothing, np.empty((0, 1)), np.empty((0, 1)), np.empty(0, np.int64), 0)
    np.testing.assert_allclose(none, USUAL)


def test_few_people_change_little_however_many_their_images():
    rng = np.random.default_rng(0)
    targets, present, size = people(rng, 2000)
    streams = answers(rng, targets, 0), answers(rng, targets, 3)
    one, many = (fit_fusion(*streams, present, size, targets, count) for count in (1, 500))
    assert np.abs(one - USUAL).sum() < 0.6 * np.abs(many - USUAL).sum()


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    count=st.integers(1, 60),
    skills=st.tuples(st.floats(0, 30), st.floats(0, 30)),
    with_hand=st.sampled_from([0.0, 0.5, 1.0]),
    share=st.sampled_from([0.01, 0.2, 1.0]),
)
def test_no_other_weights_are_better(seed, count, skills, with_hand, share):
    rng = np.random.default_rng(seed)
    targets, present, size = people(rng, count, with_hand)
    case = (*(answers(rng, targets, skill) for skill in skills), present, size, targets)
    signers = max(1, round(share * count))
    pull = pull_of(count, signers)
    best = fit_fusion(*case, signers)
    least = misery(*case, best, pull)
    for scale in (1e-2, 0.1, 1, 5):
        other = best + rng.normal(0, scale, 5)
        assert misery(*case, other, pull) > least - 1e-6 * (1 + least)
        halfway = misery(*case, (best + other) / 2, pull)
        assert halfway <= (least + misery(*case, other, pull)) / 2 + 1e-6 * (1 + least)  # convex


@given(size=st.floats(0, 1e5))
def test_the_gate_of_no_hand_is_the_same_whatever_its_size(size):
    assert fusion_inputs(np.zeros((1, 1)), np.full((1, 1), size)).tolist() == [[1, 0, 0]]
    absent, present, large = fusion_inputs(np.ones((1, 1)), np.full((1, 1), size))[0]
    assert (absent, present) == (0, 1)
    assert -1 <= large <= 1


@pytest.mark.parametrize(("size", "large"), [(0, -1), (12, -1), (24, -0.5), (48, 0), (96, 0.5), (192, 1), (9999, 1)])
def test_the_gate_knows_large_hands_from_small_ones(size, large):
    assert fusion_inputs(np.ones((1, 1)), np.full((1, 1), float(size)))[0, 2] == pytest.approx(large)


@pytest.fixture(scope="module")
def classifier():
    """Not trained, but with answers that differ."""
    return new_classifier()


def new_classifier(streams=("pixels", "landmarks")):
    keras.utils.set_random_seed(0)
    settings = ModelSettings(img_size=SIZE, streams=list(streams))
    classifier = build_classifier(LABELS, settings, own_weights())
    if classifier.fusion:
        classifier.fusion.set_weights([fusion_kernel(WEIGHTS)])
    if classifier.landmarks:
        classifier.landmarks.scale.set_weights([np.zeros(666), np.full(666, 0.1)])
    return classifier


@pytest.fixture(scope="module")
def inputs() -> Inputs:
    """Six, of which two show no hand."""
    rng = np.random.default_rng(0)
    landmarks = load_known_hands()[0][::200][:6] * np.float32([[[0.2]], [[1]], [[1]], [[3]], [[1]], [[1]]])
    present = np.array([[1], [1], [0], [1], [1], [0]], np.float32)
    landmarks[present[:, 0] == 0] = 0
    return Inputs(rng.integers(0, 256, (6, 96, 96, 3), dtype=np.uint8), landmarks, present)


def inputs_of(classifier) -> tuple[str, ...]:
    return tuple(tensor.name for tensor in classifier.model.inputs)


def said(model, inputs: Inputs) -> dict[str, np.ndarray]:
    values = [each.astype(np.float32) for each in inputs.by_rank(len(tensor.shape) for tensor in model.inputs)]
    return model.predict(values[0] if len(values) == 1 else values, verbose=0)


def test_the_model_joins_the_streams_as_the_fit_assumes(classifier, inputs):
    assert inputs_of(classifier) == ("image", "landmarks", "hand_present")
    seen = said(classifier.pixels.model, inputs)
    shapes = classifier.landmarks.model.predict(inputs.landmarks, verbose=0)
    weights = fusion_inputs(inputs.hand_present, hand_size(inputs.landmarks)) @ fusion_kernel(WEIGHTS)
    whole = said(classifier.model, inputs)
    expected = softmax(fused_scores(seen["probabilities"], shapes, weights))
    np.testing.assert_allclose(whole["probabilities"], expected, atol=1e-5)
    np.testing.assert_allclose(whole["features"], seen["features"], atol=1e-5)
    assert np.ptp(shapes, axis=0).max() > 0.1  # there was something to join
    assert np.abs(expected - seen["probabilities"]).max() > 0.05


def test_without_a_hand_landmarks_are_not_listened_to(classifier, inputs):
    absent = Inputs(inputs.image, inputs.landmarks * 0, inputs.hand_present * 0)
    wild = Inputs(inputs.image, load_known_hands()[0][:6], inputs.hand_present * 0)
    pixels = said(classifier.pixels.model, inputs)["probabilities"]
    for each in (absent, wild):
        probabilities = said(classifier.model, each)["probabilities"]
        np.testing.assert_allclose(probabilities, softmax(WEIGHTS[0] * np.log(pixels)), atol=1e-5)


def test_landmarks_alone_know_nothing_without_a_hand(inputs):
    alone = new_classifier(["landmarks"])
    assert (alone.pixels, alone.fusion, inputs_of(alone)) == (None, None, ("landmarks", "hand_present"))
    probabilities = said(alone.model, inputs)["probabilities"]
    shapes = alone.landmarks.model.predict(inputs.landmarks, verbose=0)
    np.testing.assert_allclose(probabilities[inputs.found], shapes[inputs.found], atol=1e-6)
    np.testing.assert_allclose(probabilities[~inputs.found], 1 / 3, atol=1e-6)
    network = litert.LiteRtModel(litert.convert(alone.model), 1)
    np.testing.assert_allclose(network(*inputs.by_rank(network.ranks))[0], probabilities, atol=1e-5)


def test_pixels_alone_are_the_pixel_stream():
    alone = new_classifier(["pixels"])
    assert alone.model is alone.pixels.model
    assert inputs_of(alone) == ("image",)


def test_saved_and_loaded_it_is_the_same(classifier, inputs, tmp_path):
    classifier.model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras", compile=False)
    for one, other in zip(
        keras.tree.flatten(said(again, inputs)), keras.tree.flatten(said(classifier.model, inputs)), strict=True
    ):
        np.testing.assert_array_equal(one, other)


def test_on_litert_it_is_the_same(classifier, inputs):
    network = litert.LiteRtModel(litert.convert(classifier.model), 2)
    assert network.ranks == (4, 3, 2)
    probabilities, features = network(*inputs.by_rank(network.ranks))
    expected = said(classifier.model, inputs)
    np.testing.assert_allclose(probabilities, expected["probabilities"], atol=1e-5)
    np.testing.assert_allclose(features, expected["features"], atol=1e-4)


def test_a_half_precision_model_ships_in_float32(inputs):
    keras.config.set_dtype_policy("mixed_float16")
    try:
        half = new_classifier().model
    finally:
        keras.config.set_dtype_policy("float32")
    whole = in_float32(half)
    assert {layer.dtype_policy.name for layer in whole._flatten_layers()} == {"float32"}
    expected = said(whole, inputs)["probabilities"]
    np.testing.assert_allclose(said(half, inputs)["probabilities"], expected, atol=0.03)
    on_litert = litert.LiteRtModel(litert.convert(whole))(*inputs.by_rank((4, 3, 2)))[0]
    np.testing.assert_allclose(on_litert, expected, atol=1e-5)
