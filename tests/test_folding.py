"""Batch norms folded away while their convolutions learn: the same outputs, the same gradients, the same weights."""

import numpy as np
import pytest

keras = pytest.importorskip("keras")

from helpers import SIZE, new_pixel_stream

from handshape.config import ModelSettings
from handshape.model.backbone import set_tail_trainable
from handshape.training.folding import NormalisedConvolution, folded
from handshape.training.phases import fine_tune_phase


@pytest.fixture
def stream():
    stream = new_pixel_stream()
    set_tail_trainable(stream.backbone, True)
    return stream


def maps(stream, count: int = 5) -> np.ndarray:
    shape = stream.tail_and_head.input_shape[1:]
    return np.random.default_rng(0).normal(0, 1, (count, *shape)).astype(np.float32)


def layers_of(model):
    for layer in model.layers:
        yield from layers_of(layer) if isinstance(layer, keras.Model) else [layer]


def test_it_says_the_same_and_has_no_batch_norm_left(stream):
    lean = folded(stream.tail_and_head)
    kinds = [type(layer) for layer in layers_of(lean)]
    assert keras.layers.BatchNormalization not in kinds and kinds.count(NormalisedConvolution) == 7
    seen = maps(stream)
    np.testing.assert_allclose(lean.predict(seen, verbose=0), stream.tail_and_head.predict(seen, verbose=0), atol=1e-5)


def test_it_trains_the_variables_of_the_network_itself(stream):
    lean = folded(stream.tail_and_head)
    own = {id(variable) for variable in stream.tail_and_head.trainable_variables}
    assert own == {id(variable) for variable in lean.trainable_variables}


def test_a_step_changes_the_same_weights_as_without(stream):
    weights, seen, targets = stream.tail_and_head.get_weights(), maps(stream, 16), np.eye(3, dtype=np.float32)
    after = []
    for model in (stream.tail_and_head, folded(stream.tail_and_head)):
        stream.tail_and_head.set_weights(weights)
        model.compile(keras.optimizers.SGD(0.1), "categorical_crossentropy", jit_compile=False)
        for layer in layers_of(stream.tail_and_head):
            layer.rate = 0.0  # of the dropout: both draw nothing
        model.train_on_batch(seen, targets[np.arange(16) % 3])
        after.append(stream.tail_and_head.get_weights())
    for before, plain, lean in zip(weights, *after, strict=True):
        np.testing.assert_allclose(lean, plain, atol=1e-5)
        if before.ndim == 4:
            assert not np.allclose(plain, before, atol=1e-7)


def test_norms_that_learn_are_left_alone(stream):
    for layer in stream.backbone.tail.layers:
        layer.trainable = True
    assert NormalisedConvolution not in map(type, layers_of(folded(stream.tail_and_head)))


def test_the_phase_that_it_is_for_has_its_norms_frozen(stream):
    network = fine_tune_phase(ModelSettings(img_size=SIZE)).model(stream)
    assert len(folded(network).trainable_variables) == len(network.trainable_variables) == 9
