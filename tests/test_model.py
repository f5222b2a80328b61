"""The network: cut, heads, weights in and out, LiteRT against Keras."""

import numpy as np
import pytest

keras = pytest.importorskip("keras")

from helpers import SIZE, new_pixel_stream

from handshape import litert
from handshape.config import ModelSettings
from handshape.errors import DownloadError, ModelError
from handshape.model.backbone import build_backbone, set_tail_trainable
from handshape.model.classifier import in_float32
from handshape.model.streams import build_pixel_stream, fold_temperature
from handshape.model.weights import OWN_FILE, StartingWeights, find_weights, load_weights, pack_weights

NONE = StartingWeights("none", None, "a test")
SMALL = ModelSettings(img_size=SIZE)


@pytest.fixture(scope="module")
def stream():
    return new_pixel_stream(weights=NONE)


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).integers(0, 256, (5, 96, 96, 3), dtype=np.uint8)


def test_twenty_layers_are_blocks_15_16_and_the_last_convolution():
    backbone = build_backbone(96, NONE, 20)
    names = [layer.name for layer in backbone.tail.layers[1:]]
    assert len(names) == 20
    assert (names[0], names[-1]) == ("block_15_expand", "out_relu")


@pytest.mark.parametrize("layers", [1, 3, 20, 29, 60, 152])
def test_every_cut_puts_the_network_back_together(layers, images):
    backbone = build_backbone(96, NONE, layers)
    scaled = images / np.float32(127.5) - 1
    whole = backbone.base.predict(scaled, verbose=0)
    np.testing.assert_allclose(
        backbone.tail.predict(backbone.trunk.predict(scaled, verbose=0), verbose=0), whole, atol=1e-5
    )
    assert len(backbone.tail.layers) - 1 >= layers


def test_batch_norms_stay_frozen(stream):
    set_tail_trainable(stream.backbone, True)
    trainable = [layer for layer in stream.backbone.tail.layers if layer.trainable_variables]
    assert trainable
    assert not any(isinstance(layer, keras.layers.BatchNormalization) for layer in trainable)
    assert not stream.trunk.trainable_variables or not any(
        "block_1_" in variable.path for variable in stream.model.trainable_variables
    )


def test_all_sides_of_the_pixel_stream_agree(stream, images):
    whole = stream.model.predict(images.astype("float32"), verbose=0)
    pooled, cut = stream.trunk.predict(images.astype("float32"), verbose=0)
    np.testing.assert_allclose(stream.head.predict(pooled, verbose=0), whole["probabilities"], atol=1e-6)
    np.testing.assert_allclose(stream.tail_and_head.predict(cut, verbose=0), whole["probabilities"], atol=1e-6)
    np.testing.assert_allclose(whole["features"].mean(axis=(1, 2)), pooled, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(whole["probabilities"].sum(axis=1), 1, atol=1e-6)


def test_litert_answers_as_keras_does(stream, images):
    expected = stream.model.predict(images.astype("float32"), verbose=0)
    for threads, batch in ((1, 1), (3, 1), (2, 3)):
        network = litert.LiteRtModel(litert.convert(stream.model, batch), threads)
        probabilities, features = network(images)
        np.testing.assert_allclose(probabilities, expected["probabilities"], atol=1e-5)
        np.testing.assert_allclose(features, expected["features"], atol=1e-4)


def test_what_is_not_a_litert_model_is_refused(tmp_path):
    file = tmp_path / "model.tflite"
    file.write_bytes(b"not a model at all")
    for content in (file, file.read_bytes(), tmp_path / "missing.tflite"):
        with pytest.raises(ModelError, match="not a LiteRT model"):
            litert.LiteRtModel(content)


def test_a_folded_temperature_changes_confidence_and_no_answer(images):
    stream = build_pixel_stream(3, SMALL, NONE)
    before = stream.model.predict(images.astype("float32"), verbose=0)["probabilities"].astype(np.float64)
    fold_temperature(stream, 0.5)
    after = stream.model.predict(images.astype("float32"), verbose=0)["probabilities"]
    sharper = before**2 / (before**2).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(after, sharper, atol=1e-5)


def test_packed_weights_give_the_same_network(tmp_path, images):
    keras.utils.set_random_seed(1)
    base = keras.applications.MobileNetV2(include_top=False, weights=None, input_shape=(96, 96, 3))
    for layer in base.layers:  # statistics that are not those of a fresh network
        if isinstance(layer, keras.layers.BatchNormalization):
            gamma, beta, mean, variance = (np.asarray(value) for value in layer.get_weights())
            rng = np.random.default_rng(len(layer.name))
            layer.set_weights([gamma * 1.3, beta + 0.1, mean + rng.normal(0, 0.05, mean.shape), variance * 0.8])
    file = tmp_path / OWN_FILE
    pack_weights(base, file)
    assert file.stat().st_size < 5_000_000
    again = keras.applications.MobileNetV2(include_top=False, weights=None, input_shape=(96, 96, 3))
    load_weights(again, StartingWeights("file", file, "a test"))
    scaled = images / np.float32(127.5) - 1
    expected, found = base.predict(scaled, verbose=0), again.predict(scaled, verbose=0)
    assert np.corrcoef(expected.ravel(), found.ravel())[0, 1] > 0.999


def test_weights_that_do_not_fit_are_refused(tmp_path):
    base = keras.applications.MobileNetV2(include_top=False, weights=None, input_shape=(96, 96, 3))
    for name in ("broken.weights.h5", "broken.npz"):
        file = tmp_path / name
        file.write_bytes(b"nothing")
        with pytest.raises(ModelError, match="does not hold weights"):
            load_weights(base, StartingWeights("file", file, "a test"))


def test_the_order_in_which_weights_are_looked_for(tmp_path, monkeypatch, console):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setenv("HANDSHAPE_OFFLINE", "1")
    assert find_weights("none", 128, console).path is None
    own = find_weights("auto", 128, console)
    assert own.name == "own"
    assert "HANDSHAPE_OFFLINE" in own.reason
    with pytest.raises(DownloadError):
        find_weights("imagenet", 128, console)
    cached = tmp_path / "models" / "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_160_no_top.h5"
    cached.parent.mkdir()
    cached.write_bytes(b"weights")
    assert find_weights("auto", 128, console).path == cached
    with pytest.raises(ModelError, match="no weights file"):
        find_weights(str(tmp_path / "none.h5"), 128, console)


def test_imagenet_weights_come_from_a_server(tmp_path, monkeypatch, console):
    import functools
    import http.server
    import threading

    source = tmp_path / "source"
    source.mkdir()
    (source / "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_128_no_top.h5").write_bytes(b"weights")
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=source)
    monkeypatch.setattr(http.server.SimpleHTTPRequestHandler, "log_message", lambda *args: None)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.setenv("HANDSHAPE_IMAGENET_URL", f"http://127.0.0.1:{server.server_port}/")
    monkeypatch.delenv("HANDSHAPE_OFFLINE", raising=False)
    weights = find_weights("auto", 128, console)
    server.shutdown()
    server.server_close()
    assert weights.name == "imagenet"
    assert weights.path.read_bytes() == b"weights"
    assert find_weights("imagenet", 96, console).path == weights.path


def test_a_half_precision_model_ships_in_float32(images):
    keras.config.set_dtype_policy("mixed_float16")
    try:
        half = build_pixel_stream(3, SMALL, NONE).model
    finally:
        keras.config.set_dtype_policy("float32")
    whole = in_float32(half)
    assert {layer.dtype_policy.name for layer in whole._flatten_layers()} == {"float32"}
    expected = whole.predict(images.astype("float32"), verbose=0)["probabilities"]
    np.testing.assert_allclose(half.predict(images.astype("float32"), verbose=0)["probabilities"], expected, atol=0.02)
    np.testing.assert_allclose(litert.LiteRtModel(litert.convert(whole))(images)[0], expected, atol=1e-5)


def test_another_process_converts_for_other_backends(stream, images, tmp_path):
    file = tmp_path / "model.keras"
    stream.model.save(file)
    expected = stream.model.predict(images.astype("float32"), verbose=0)["probabilities"]
    np.testing.assert_allclose(litert.LiteRtModel(litert.convert_elsewhere(file))(images)[0], expected, atol=1e-5)
    file.write_bytes(b"no model")
    with pytest.raises(ModelError, match="could not be converted"):
        litert.convert_elsewhere(file)
