"""Networks on LiteRT: converting a Keras model, and running it on every core.

One interpreter a thread keeps all cores busy, because an interpreter releases Python's lock while it computes. What is
shipped takes one image a call. Many images go through MobileNetV2 four at a time 6 % faster, most likely since the last
layers' weights are larger than a core's cache; with sixteen the first layers' images are (``benchmarks/trunk.py``).
"""

from __future__ import annotations

import os
import queue
import struct
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handshape.errors import ModelError
from handshape.images import Pixels, as_network_input
from handshape.runtime import native_chatter_hidden

TOGETHER = 4  # images a call, where there are many
_SUBGRAPHS, _OUTPUTS = 8, 8  # where their offsets stand in the tables of TensorFlow Lite's schema, version 3


def with_outputs(model: bytes, tensors: Sequence[int]) -> bytes:
    """A .tflite file of one subgraph that also gives these of its tensors, behind the outputs that it has.

    All references in a flatbuffer are distances, so a new list of outputs is added at the end, the subgraph's reference
    is led to it, and everything else stays where it was.

    Args:
        model: the file's bytes.
        tensors: numbers of tensors.
    """
    from flatbuffers.encode import Get
    from flatbuffers.packer import uoffset
    from flatbuffers.table import Table

    root = Table(model, Get(uoffset, model, 0))
    graph = Table(model, root.Indirect(root.Vector(root.Offset(_SUBGRAPHS))))
    reference = graph.Offset(_OUTPUTS)
    known = struct.unpack_from(f"<{graph.VectorLen(reference)}i", model, graph.Vector(reference))
    extended = bytearray(model + bytes(-len(model) % 4))
    place, outputs = graph.Pos + reference, (*known, *tensors)
    struct.pack_into("<I", extended, place, len(extended) - place)
    return bytes(extended + struct.pack(f"<I{len(outputs)}i", len(outputs), *outputs))


class Network:
    """One interpreter of a .tflite file; one thread may use it at a time.

    Args:
        content: the file, or its bytes.
        threads: cores that one call may use.

    Raises:
        ModelError: the content is not a LiteRT model.
    """

    def __init__(self, content: Path | bytes, threads: int = 1) -> None:
        source = {"model_content": content} if isinstance(content, bytes) else {"model_path": str(content)}
        try:
            from ai_edge_litert.interpreter import Interpreter

            with native_chatter_hidden():
                self._interpreter = Interpreter(**source, num_threads=threads)
                self._interpreter.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            name = "The model" if isinstance(content, bytes) else str(content)
            raise ModelError(f"{name} is not a LiteRT model: {error}") from None
        inputs = sorted(self._interpreter.get_input_details(), key=lambda detail: -len(detail["shape"]))
        outputs = self._interpreter.get_output_details()
        self.batch = int(inputs[0]["shape"][0])  # images a call
        self.input_shapes = [tuple(detail["shape"][1:].tolist()) for detail in inputs]
        self.output_shapes = [tuple(detail["shape"][1:].tolist()) for detail in outputs]
        self._inputs, self._outputs = ([detail["index"] for detail in details] for details in (inputs, outputs))

    @property
    def size(self) -> int:
        """Side of the image it takes, in pixels."""
        return int(self.input_shapes[0][0])

    def __call__(self, *inputs: NDArray[Any]) -> list[NDArray[np.float32]]:
        """Its outputs for one image, in the model's order.

        Args:
            inputs: [1, …] each, any real dtype, those with the most axes first.
        """
        return [values[0] for values in self.run(*inputs)]

    def run(self, *inputs: NDArray[Any]) -> list[NDArray[np.float32]]:
        """Its outputs for as many images as a call takes, [B, …] each, in the model's order.

        Args:
            inputs: [B, …] each, or less, any real dtype, those with the most axes first.
        """
        for index, values in zip(self._inputs, inputs, strict=True):
            self._interpreter.set_tensor(index, filled_up(values, self.batch).astype(np.float32, copy=False))
        return [values[: len(inputs[0])] for values in self._answers()]

    def look(self, image: Pixels) -> list[NDArray[np.float32]]:
        """Its outputs for the image that is its only input, [size, size, 3] uint8, which it is shown as 0 to 1."""
        as_network_input(image, self._interpreter.tensor(self._inputs[0])())
        return [values[0] for values in self._answers()]

    def _answers(self) -> list[NDArray[np.float32]]:
        self._interpreter.invoke()
        return [self._interpreter.get_tensor(index) for index in self._outputs]


def filled_up(values: NDArray[Any], count: int) -> NDArray[Any]:
    """Values [N, …], the last one repeated until there are so many."""
    missing = count - len(values)
    return np.concatenate([values, np.repeat(values[-1:], missing, axis=0)]) if missing else values


class LiteRtModel:
    """A float32 network on several cores.

    Args:
        content: a .tflite file, or its bytes.
        threads: how many calls are computed at a time; None takes one a core.

    Raises:
        ModelError: the content is not a LiteRT model.
    """

    def __init__(self, content: Path | bytes, threads: int | None = None) -> None:
        self.threads = threads or os.cpu_count() or 1
        self._free: queue.SimpleQueue[Network] = queue.SimpleQueue()
        networks = [Network(content) for _ in range(self.threads)]
        for network in networks:
            self._free.put(network)
        self._batch = networks[0].batch
        self.input_shapes, self.output_shapes = networks[0].input_shapes, networks[0].output_shapes  # without [N]
        self.channels = tuple(shape[-1] for shape in networks[0].input_shapes)  # by which its inputs are told, in order

    def __call__(self, *inputs: NDArray[Any]) -> list[NDArray[np.float32]]:
        """Every output for N images.

        Args:
            inputs: [N, …] each, any real dtype, in the order of ``channels``; images are 0 to 255.

        Returns:
            One array an output, [N, …] float32, in the order of the number of their axes, then of the model.
        """
        count = len(inputs[0])
        outputs = [np.empty((count, *shape), np.float32) for shape in self.output_shapes]

        def run(start: int) -> None:
            network = self._free.get()
            try:
                for first in range(start * self._batch, count, self.threads * self._batch):
                    part = slice(first, first + self._batch)
                    for output, answer in zip(outputs, network.run(*(each[part] for each in inputs)), strict=True):
                        output[part] = answer
            finally:
                self._free.put(network)

        if count <= self._batch or self.threads == 1:
            run(0)
        else:
            with ThreadPoolExecutor(self.threads) as pool:
                list(pool.map(run, range(self.threads)))
        return sorted(outputs, key=lambda output: output.ndim)


def convert(model: Any, batch: int = 1) -> bytes:
    """A Keras model on the TensorFlow backend as a float32 LiteRT model that takes so many images a call."""
    import tensorflow as tf

    specs = [tf.TensorSpec((batch, *tensor.shape[1:]), tf.float32, name=tensor.name) for tensor in model.inputs]
    one = len(specs) == 1
    function = tf.function(
        lambda *inputs: model(inputs[0] if one else list(inputs), training=False),
        input_signature=specs,
        autograph=False,  # there is nothing to translate, and its scratch files outlive a process that is killed
    )
    with native_chatter_hidden():
        converter = tf.lite.TFLiteConverter.from_concrete_functions([function.get_concrete_function()])
        return bytes(converter.convert())


def convert_elsewhere(file: Path) -> bytes:
    """A saved Keras model as LiteRT, by TensorFlow on the CPU in a process of its own.

    Raises:
        ModelError: the conversion failed there.
    """
    target = file.with_suffix(".tflite")
    environment = {**os.environ, "KERAS_BACKEND": "tensorflow", "CUDA_VISIBLE_DEVICES": "-1"}
    command = [sys.executable, "-m", "handshape.litert", str(file), str(target)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise ModelError(f"{file} could not be converted to LiteRT: {reason}", fix="Resume the run to try again.")
    return target.read_bytes()


if __name__ == "__main__":
    import keras

    Path(sys.argv[2]).write_bytes(convert(keras.models.load_model(sys.argv[1], compile=False)))
