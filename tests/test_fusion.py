"""What joins the streams: learned weights, and the model that carries them."""

from dataclasses import replace

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
from handshape.hands.landmarks import FEATURES
from handshape.model.classifier import PIXELS, Classifier, build_classifier, fused_scores, fusion_inputs, in_float32
from handshape.training.fusion import fit_fusion, pull_of, usual_kernel

LABELS = ("A", "B", "C")
EVERY = ("landmarks", "hand", "pixels")
KERNEL = np.array([[0, 0, 1.3], [1.6, 0.9, 0.7], [0.4, -0.3, -0.2]], np.float32)  # columns as in EVERY


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


def misery(said: dict[str, np.ndarray], present, size, targets, kernel, pull) -> float:
    """What a kernel is to make small, from the definition alone."""
    scores = fused_scores(list(said.values()), fusion_inputs(present, size) @ kernel.astype(np.float64))
    likelihood = softmax(scores)[np.arange(len(targets)), targets]
    return -np.log(likelihood).sum() + pull / 2 * np.square(kernel - usual_kernel(list(said))).sum()


def test_a_stream_that_knows_nothing_counts_little():
    rng = np.random.default_rng(0)
    targets, present, size = people(rng, 2000)
    ignorant, skilled = answers(rng, targets, 0), answers(rng, targets, 3)
    said = {"landmarks": skilled, "pixels": ignorant}
    (none, without), (landmarks, pixels), _ = fit_fusion(said, present, size, targets, len(targets))
    assert abs(pixels) < 0.1
    assert abs(without) < 0.2
    assert landmarks == pytest.approx(3, abs=0.6)  # noise of variance 1 makes the log-odds three times as large
    said = {"landmarks": ignorant, "pixels": skilled}
    (none, without), (landmarks, pixels), _ = fit_fusion(said, present, size, targets, len(targets))
    assert abs(landmarks) < 0.1
    assert pixels == pytest.approx(3, abs=0.6)
    assert without > 2  # fewer images, so it is kept nearer to the usual weight
    assert none == 0


def test_three_streams_share_what_they_know():
    rng = np.random.default_rng(0)
    targets, present, size = people(rng, 2000, with_hand=1)
    said = {name: answers(rng, targets, skill) for name, skill in zip(EVERY, (2, 3, 0), strict=True)}
    without, counts, _ = fit_fusion(said, present, size, targets, len(targets))
    np.testing.assert_allclose(counts, (2, 3, 0), atol=0.8)  # 2,000 images pull against the usual weights
    np.testing.assert_array_equal(without, (0, 0, 1))


def test_the_size_of_a_hand_may_decide():
    rng = np.random.default_rng(0)
    targets, present, size = people(rng, 2000, with_hand=1)
    tiny = size[:, 0] < 48
    landmarks = np.where(tiny[:, None], answers(rng, targets, 0), answers(rng, targets, 3))
    said = {"landmarks": landmarks, "pixels": answers(rng, targets, 2)}
    _, (usually, _), (by_size, _) = fit_fusion(said, present, size, targets, len(targets))
    assert by_size > 0.5  # landmarks count more for large hands
    assert usually - by_size < 0.5 < usually + by_size


@pytest.mark.parametrize("names", [EVERY, ("landmarks", "hand"), ("hand",)])
def test_few_images_change_little(names: tuple[str, ...]):
    rng = np.random.default_rng(0)
    targets, present, size = people(rng, 3)
    said = {name: answers(rng, targets, skill) for name, skill in zip(names, (3, 0, 1), strict=False)}
    few = fit_fusion(said, present, size, targets, 3)
    assert few.shape == (3, len(names))
    assert few.dtype == np.float32
    assert np.abs(few - usual_kernel(names)).max() < 0.5
    nothing = {name: np.empty((0, 5)) for name in names}
    none = fit_fusion(nothing, np.empty((0, 1)), np.empty((0, 1)), np.empty(0, np.int64), 0)
    np.testing.assert_allclose(none, usual_kernel(names), atol=1e-7)


def test_few_people_change_little_however_many_their_images():
    rng = np.random.default_rng(0)
    targets, present, size = people(rng, 2000)
    said = {"landmarks": answers(rng, targets, 3), "pixels": answers(rng, targets, 0)}
    usual = usual_kernel(list(said))
    one, many = (fit_fusion(said, present, size, targets, count) for count in (1, 500))
    assert np.abs(one - usual).sum() < 0.6 * np.abs(many - usual).sum()


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    count=st.integers(1, 60),
    names=st.sampled_from([EVERY, ("landmarks", "hand"), ("landmarks", "pixels")]),
    skills=st.tuples(st.floats(0, 30), st.floats(0, 30), st.floats(0, 30)),
    with_hand=st.sampled_from([0.0, 0.5, 1.0]),
    share=st.sampled_from([0.01, 0.2, 1.0]),
)
def test_no_other_weights_are_better(seed, count, names, skills, with_hand, share):
    rng = np.random.default_rng(seed)
    targets, present, size = people(rng, count, with_hand)
    said = {name: answers(rng, targets, skill) for name, skill in zip(names, skills, strict=False)}
    case = (said, present, size, targets)
    signers = max(1, round(share * count))
    pull = pull_of(count, signers)
    best = fit_fusion(*case, signers)
    least = misery(*case, best, pull)
    is_free = np.array([[name == PIXELS for name in names], [True] * len(names), [True] * len(names)])
    np.testing.assert_array_equal(best[~is_free], 0)  # without a hand, streams that see hands alone say nothing
    for scale in (1e-2, 0.1, 1, 5):
        other = best + is_free * rng.normal(0, scale, best.shape)
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
def classifier() -> Classifier:
    """Not trained, but with answers that differ."""
    return new_classifier()


def new_classifier(streams: tuple[str, ...] = EVERY) -> Classifier:
    keras.utils.set_random_seed(0)
    settings = ModelSettings(img_size=SIZE, streams=list(streams))
    classifier = build_classifier(LABELS, settings, own_weights())
    if classifier.fusion:
        classifier.fusion.set_weights([KERNEL[:, [EVERY.index(name) for name in classifier.streams]]])
    if "landmarks" in classifier.streams:
        classifier.streams["landmarks"].scale.set_weights([np.zeros(666), np.full(666, 0.1)])
    return classifier


@pytest.fixture(scope="module")
def inputs() -> Inputs:
    """Six, of which two show no hand."""
    rng = np.random.default_rng(0)
    landmarks = load_known_hands()[0][::200][:6] * np.float32([[[0.2]], [[1]], [[1]], [[3]], [[1]], [[1]]])
    present = np.array([[1], [1], [0], [1], [1], [0]], np.float32)
    landmarks[present[:, 0] == 0] = 0
    features = (rng.normal(0, 4, (6, *FEATURES)) * present[..., None, None]).astype(np.float16)
    return Inputs(rng.integers(0, 256, (6, 96, 96, 3), dtype=np.uint8), landmarks, present, features)


def inputs_of(classifier: Classifier) -> tuple[str, ...]:
    return tuple(tensor.name for tensor in classifier.model.inputs)


def said(model, inputs: Inputs) -> dict[str, np.ndarray]:
    values = [each.astype(np.float32) for each in inputs.by_channels(tensor.shape[-1] for tensor in model.inputs)]
    answer = model.predict(values[0] if len(values) == 1 else values, verbose=0)
    return answer if isinstance(answer, dict) else {"probabilities": answer}


@pytest.mark.parametrize(
    ("streams", "names", "mapped"),
    [
        (EVERY, ("image", "landmarks", "hand_present", "hand_features"), "hand"),
        (("landmarks", "hand"), ("landmarks", "hand_present", "hand_features"), "hand"),
        (("landmarks", "pixels"), ("image", "landmarks", "hand_present"), "pixels"),
        (("hand",), ("landmarks", "hand_present", "hand_features"), "hand"),
        (("landmarks",), ("landmarks", "hand_present"), ""),
    ],
)
def test_the_model_joins_the_streams_as_the_fit_assumes(streams, names, mapped, inputs):
    classifier = new_classifier(streams)
    assert inputs_of(classifier) == names
    assert tuple(classifier.streams) == streams
    each = {name: said(stream.model, inputs) for name, stream in classifier.streams.items()}
    kernel = classifier.fusion.get_weights()[0]
    weights = fusion_inputs(inputs.hand_present, hand_size(inputs.landmarks)) @ kernel
    whole = said(classifier.model, inputs)
    expected = softmax(fused_scores([answer["probabilities"] for answer in each.values()], weights))
    np.testing.assert_allclose(whole["probabilities"], expected, atol=1e-5)
    assert ("features" in whole) == bool(mapped)
    if mapped:
        np.testing.assert_allclose(whole["features"], each[mapped]["features"], atol=1e-5)
        assert classifier.mapped is classifier.streams[mapped]
    for answer in each.values():
        assert np.ptp(answer["probabilities"], axis=0).max() > 0.02  # there was something to join


def test_without_a_hand_pixels_alone_are_listened_to(classifier, inputs):
    absent = replace(
        inputs,
        landmarks=inputs.landmarks * 0,
        hand_present=inputs.hand_present * 0,
        hand_features=inputs.hand_features * 0,
    )
    wild = replace(inputs, landmarks=load_known_hands()[0][:6], hand_present=inputs.hand_present * 0)
    pixels = said(classifier.streams[PIXELS].model, inputs)["probabilities"]
    for each in (absent, wild):
        probabilities = said(classifier.model, each)["probabilities"]
        np.testing.assert_allclose(probabilities, softmax(KERNEL[0, 2] * np.log(pixels)), atol=1e-5)


@pytest.mark.parametrize("streams", [("landmarks",), ("hand",), ("landmarks", "hand")])
def test_without_pixels_the_prior_answers_where_there_is_no_hand(streams, inputs):
    classifier = new_classifier(streams)
    probabilities = said(classifier.model, inputs)["probabilities"]
    np.testing.assert_allclose(probabilities[~inputs.found], 1 / 3, atol=1e-6)  # before any is fitted
    classifier.prior.set_weights([np.log([[0.2, 0.7, 0.1]])])
    again = said(classifier.model, inputs)["probabilities"]
    np.testing.assert_allclose(again[~inputs.found], [[0.2, 0.7, 0.1]] * 2, atol=1e-6)
    np.testing.assert_allclose(again[inputs.found], probabilities[inputs.found], atol=1e-6)
    network = litert.LiteRtModel(litert.convert(classifier.model), 1)
    np.testing.assert_allclose(network(*inputs.by_channels(network.channels))[0], again, atol=1e-5)


def test_pixels_alone_are_the_pixel_stream():
    alone = new_classifier(("pixels",))
    assert alone.model is alone.streams[PIXELS].model
    assert inputs_of(alone) == ("image",)
    assert (alone.fusion, alone.prior) == (None, None)


def test_saved_and_loaded_it_is_the_same(classifier, inputs, tmp_path):
    classifier.model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras", compile=False)
    for one, other in zip(
        keras.tree.flatten(said(again, inputs)), keras.tree.flatten(said(classifier.model, inputs)), strict=True
    ):
        np.testing.assert_array_equal(one, other)


def test_on_litert_it_is_the_same(classifier, inputs):
    network = litert.LiteRtModel(litert.convert(classifier.model), 2)
    assert sorted(network.channels) == [1, 3, 6, 192]
    probabilities, features = network(*inputs.by_channels(network.channels))
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
    network = litert.LiteRtModel(litert.convert(whole))
    np.testing.assert_allclose(network(*inputs.by_channels(network.channels))[0], expected, atol=1e-4)
