"""The formats a trained model is exported to: how each is written, and how it runs again to be proved.

TensorFlow converts, whatever the model was trained on. LiteRT models take one photograph a call, because browsers
accept no other; the other formats take any number. Inputs and outputs are float32 everywhere, under the names they
have in Keras.
"""

from __future__ import annotations

import contextlib
import io
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handshape.errors import HandshapeError, RuntimeUnavailableError
from handshape.export.bundle import Bundle
from handshape.hands.inputs import Inputs
from handshape.machine import is_installed
from handshape.model.networks import LiteRtNetwork, Network
from handshape.runtime import INSTALL_HINT, native_chatter_hidden
from handshape.suggestions import did_you_mean

WEB = "web"  # no format of the network alone: the page that runs it, which workflow/export_web.py writes
SAME = 1e-4  # probabilities that differ by no more are the same; what float32 formats must keep
NEAR = 0.1  # what rounding each weight to eleven bits may do to a probability; seen were 0.03
FAINT = 1e-4  # a weight; beside it a bias of 2 takes some 25 million of the 2 billion steps there are
_PIXEL_LAYERS = "^(?!.*hand_).*(trunk|tail|pooled|logits)"  # as they are named in LiteRT


@dataclass(frozen=True)
class Source:
    """What exports are made from.

    Attributes:
        bundle: of the trained model.
        model: the same in Keras, on TensorFlow.
        calibration: photographs as it will see them, from which int8 learns the range of every value.
    """

    bundle: Bundle
    model: Any
    calibration: Inputs


@dataclass(frozen=True)
class Format:
    """One format.

    Attributes:
        name: as users write it.
        path: of its file or folder, inside the folder of exports.
        modules: what writing and running it imports beside TensorFlow.
        tolerance: how far a probability may be from Keras'; None judges by what classes lose.
        write: makes the file or folder.
        open: the network in it, computing one photograph on one core where the format lets that be said.
        fallback: the format that takes its place where it recognises less than Keras.
    """

    name: str
    path: str
    modules: tuple[str, ...]
    tolerance: float | None
    write: Callable[[Source, Path], None]
    open: Callable[[Path], Network]
    fallback: str = ""


def require_modules(formats: Sequence[Format]) -> None:
    """Passes when everything that these formats need is installed.

    Raises:
        RuntimeUnavailableError: something is not.
    """
    if not (is_installed("keras") and is_installed("tensorflow")):
        raise RuntimeUnavailableError(
            "Exporting needs Keras and TensorFlow, which converts.", "the extra [train]", INSTALL_HINT
        )
    missing = {module: each.name for each in formats for module in each.modules if not is_installed(module)}
    if missing:
        names = ", ".join(name.replace("_", "-") for name in missing)
        raise RuntimeUnavailableError(
            f"Exporting to {', '.join(dict.fromkeys(missing.values()))} needs {names}, not installed here.",
            "the extra [export]",
            "Install it, in Handshape's folder: pip install -e '.[export]'",
        )


def _write_litert(source: Source, path: Path) -> None:
    """Not a copy of the bundle's, whose inputs and outputs others could not call by their names."""
    _convert(source.model, path)


def _write_float16(source: Source, path: Path) -> None:
    import tensorflow as tf

    kinds = {"supported_types": [tf.float16]}
    _convert(source.model, path, optimizations=[tf.lite.Optimize.DEFAULT], target_spec=kinds)


def _write_int8(source: Source, path: Path) -> None:
    """The pixel stream, nearly all of the work, in integers from the scaled picture to its scores; convolutions of the
    hand stream, too, each apart, and the weights of all other dense layers.

    What normalises between those convolutions stays in float32: on photographs no probability changed by more than
    0.01. Distances between landmarks, and logarithms of probabilities, do not survive 256 steps: with everything in
    integers the network does not even run, because a hand's size is rounded to a zero that it then divides by.
    """
    from ai_edge_quantizer import qtyping, quantizer

    names, bits = qtyping.TFLOperationName, {"activation_num_bits": 8, "weight_num_bits": 8}
    with _no_dead_channels(source.model):
        _convert(source.model, path)
    with _output_hidden():
        work = quantizer.Quantizer(str(path))
        work.add_dynamic_config(".*", names.FULLY_CONNECTED, num_bits=8)
        for operation in (names.CONV_2D, names.DEPTHWISE_CONV_2D):
            work.add_static_config(".*", operation, **bits)
        for operation in (names.ADD, names.MEAN, names.FULLY_CONNECTED):
            work.add_static_config(_PIXEL_LAYERS, operation, **bits)
        result = work.quantize(work.calibrate({"serving_default": _one_by_one(source)}))
    path.write_bytes(bytes(result.quantized_model))


@contextlib.contextmanager
def _no_dead_channels(model: Any) -> Iterator[None]:
    """Gives convolutions' channels whose weights are all 0 a weight too small to matter, for a while.

    ImageNet's MobileNetV2 has such channels, with biases that are not 0. A bias is stored in steps as small as its
    channel's weights are, in 32 bits: without weights it overflows, and the channel says something else than before.
    """
    import keras

    kernels = [each for each in model.variables if each.name == "kernel" and len(each.shape) == 4]
    before = [np.array(keras.ops.convert_to_numpy(kernel)) for kernel in kernels]
    try:
        for kernel, values in zip(kernels, before, strict=True):
            revived = values.copy()
            revived[0, 0, 0, ~values.any(axis=(0, 1, 2))] = FAINT
            kernel.assign(revived)
        yield
    finally:
        for kernel, values in zip(kernels, before, strict=True):
            kernel.assign(values)


def _one_by_one(source: Source) -> list[dict[str, NDArray[np.float32]]]:
    channels = {tensor.name: tensor.shape[-1] for tensor in source.model.inputs}
    inputs = source.calibration
    return [_named(inputs[number : number + 1], channels) for number in range(len(inputs))]


def _convert(model: Any, path: Path, **options: Any) -> None:
    """To LiteRT, one photograph a call."""
    import keras

    specs = [keras.InputSpec(shape=(1, *each.shape[1:]), dtype="float32", name=each.name) for each in model.inputs]
    _export(model, path, "litert", input_signature=specs if len(specs) == 1 else [specs], **options)


def _export(model: Any, path: Path, name: str, **options: Any) -> None:
    with _output_hidden():
        model.export(str(path), format=name, verbose=False, **options)


def _writer(name: str) -> Callable[[Source, Path], None]:
    return lambda source, path: _export(source.model, path, name)


def _write_openvino(source: Source, path: Path) -> None:
    openvino = _openvino()
    path.mkdir()
    with tempfile.TemporaryDirectory() as folder:
        _export(source.model, Path(folder) / "model", "tf_saved_model")
        model = openvino.Core().read_model(Path(folder) / "model")
        openvino.save_model(model, path / "model.xml", compress_to_fp16=False)


def _openvino() -> Any:
    """OpenVINO without what it sends to its makers whenever it is imported: nobody was asked."""
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    import openvino

    return openvino


@contextlib.contextmanager
def _output_hidden() -> Iterator[None]:
    """Keeps what converters print, warn and draw off the user's screen and out of the results."""
    output = io.StringIO()
    with (
        warnings.catch_warnings(),
        contextlib.redirect_stdout(output),
        contextlib.redirect_stderr(output),
        native_chatter_hidden(),
    ):
        warnings.simplefilter("ignore")
        yield


def _named(inputs: Inputs, channels: Mapping[str, int]) -> dict[str, NDArray[np.float32]]:
    """The inputs of a network by their names, told by the length of their last axis."""
    values = inputs.by_channels(channels.values())
    return {name: value.astype(np.float32) for name, value in zip(channels, values, strict=True)}


def _open_onnx(path: Path) -> Network:
    import onnxruntime

    onnxruntime.disable_telemetry_events()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    channels = {each.name: each.shape[-1] for each in session.get_inputs()}
    return lambda inputs: np.asarray(session.run(["probabilities"], _named(inputs, channels))[0])


def _open_openvino(path: Path) -> Network:
    options = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 1}  # else it may round to bfloat16
    model = _openvino().Core().compile_model(path / "model.xml", "CPU", options)
    channels = {each.any_name: each.partial_shape[-1].get_length() for each in model.inputs}
    return lambda inputs: np.array(model(_named(inputs, channels))["probabilities"])


def _open_saved_model(path: Path) -> Network:
    import tensorflow as tf

    model = tf.saved_model.load(str(path))
    function = model.signatures["serving_default"]
    channels = {name: spec.shape[-1] for name, spec in function.structured_input_signature[1].items()}

    def network(inputs: Inputs, keep_alive: Any = model) -> NDArray[np.float32]:
        tensors = {name: tf.constant(value) for name, value in _named(inputs, channels).items()}
        return np.asarray(function(**tensors)["probabilities"])

    return network


FORMATS: dict[str, Format] = {
    each.name: each
    for each in (
        Format("litert", "model.tflite", (), SAME, _write_litert, LiteRtNetwork),
        Format("litert-float16", "model_float16.tflite", (), NEAR, _write_float16, LiteRtNetwork),
        Format(
            "litert-int8",
            "model_int8.tflite",
            ("ai_edge_quantizer",),
            None,
            _write_int8,
            LiteRtNetwork,
            "litert-float16",
        ),
        Format("onnx", "model.onnx", ("tf2onnx", "onnxruntime"), SAME, _writer("onnx"), _open_onnx),
        Format("openvino", "openvino", ("openvino",), SAME, _write_openvino, _open_openvino),
        Format("saved_model", "saved_model", (), SAME, _writer("tf_saved_model"), _open_saved_model),
    )
}


def asked_for(names: str) -> tuple[tuple[Format, ...], bool]:
    """As :func:`formats_named`, and whether the page is among what a list names.

    Raises:
        HandshapeError: there is no format of a name.
    """
    asked = [name.strip() for name in names.split(",")]
    networks = [name for name in asked if name != WEB]
    return formats_named(",".join(networks), (WEB,)) if networks else (), WEB in asked


def formats_named(names: str, others: Sequence[str] = ()) -> tuple[Format, ...]:
    """The formats that a list with commas names, each once.

    Args:
        names: with commas between them.
        others: names that may be meant, and are none of these.

    Raises:
        HandshapeError: there is no format of a name.
    """
    asked = list(dict.fromkeys(name.strip() for name in names.split(",")))
    unknown = [name for name in asked if name not in FORMATS]
    if unknown:
        raise HandshapeError(
            f"There is no export format '{unknown[0]}'.",
            f"one of {', '.join([*FORMATS, *others])}",
            did_you_mean(unknown, [*FORMATS, *others]),
        )
    return tuple(FORMATS[name] for name in asked)
