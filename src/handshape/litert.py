"""Networks on LiteRT: converting a Keras model, and running it image by image on every core.

One image a call is the fastest way on a CPU; one interpreter a thread keeps all cores busy, because an interpreter
releases Python's lock while it computes.
"""

from __future__ import annotations

import os
import queue
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handshape.errors import ModelError
from handshape.runtime import native_chatter_hidden


class LiteRtModel:
    """A float32 LiteRT network with fixed batch size 1.

    Args:
        content: a .tflite file, or its bytes.
        threads: how many images are computed at a time.

    Raises:
        ModelError: the content is not a LiteRT model.
    """

    def __init__(self, content: Path | bytes, threads: int | None = None) -> None:
        self.threads = threads or os.cpu_count() or 1
        self._free: queue.SimpleQueue[Any] = queue.SimpleQueue()
        source = {"model_content": content} if isinstance(content, bytes) else {"model_path": str(content)}
        try:
            from ai_edge_litert.interpreter import Interpreter

            with native_chatter_hidden():
                interpreters = [Interpreter(**source, num_threads=1) for _ in range(self.threads)]
                for interpreter in interpreters:
                    interpreter.allocate_tensors()
                    self._free.put(interpreter)
        except (ValueError, RuntimeError) as error:
            name = "The model" if isinstance(content, bytes) else str(content)
            raise ModelError(f"{name} is not a LiteRT model: {error}") from None
        self._inputs = sorted(interpreters[0].get_input_details(), key=lambda detail: -len(detail["shape"]))
        self._outputs = interpreters[0].get_output_details()

    @property
    def ranks(self) -> tuple[int, ...]:
        """The number of axes of each input, most first, which is the order they are given in."""
        return tuple(len(detail["shape"]) for detail in self._inputs)

    def __call__(self, *inputs: NDArray[Any]) -> list[NDArray[np.float32]]:
        """Every output for N images.

        Args:
            inputs: [N, …] each, any real dtype, in the order of :attr:`ranks`; images are 0 to 255.

        Returns:
            One array an output, [N, …] float32, in the order of the number of their axes, then of the model.
        """
        count = len(inputs[0])
        outputs = [np.empty((count, *detail["shape"][1:]), np.float32) for detail in self._outputs]

        def run(start: int) -> None:
            interpreter = self._free.get()
            try:
                for index in range(start, count, self.threads):
                    for values, detail in zip(inputs, self._inputs, strict=True):
                        interpreter.set_tensor(detail["index"], values[index : index + 1].astype(np.float32))
                    interpreter.invoke()
                    for output, detail in zip(outputs, self._outputs, strict=True):
                        output[index] = interpreter.get_tensor(detail["index"])[0]
            finally:
                self._free.put(interpreter)

        if count == 1 or self.threads == 1:
            for start in range(min(self.threads, count)):
                run(start)
        else:
            with ThreadPoolExecutor(self.threads) as pool:
                list(pool.map(run, range(self.threads)))
        return sorted(outputs, key=lambda output: output.ndim)


def convert(model: Any) -> bytes:
    """A Keras model on the TensorFlow backend as a float32 LiteRT model with batch size 1."""
    import tensorflow as tf

    specs = [tf.TensorSpec((1, *tensor.shape[1:]), tf.float32, name=tensor.name) for tensor in model.inputs]
    one = len(specs) == 1
    function = tf.function(
        lambda *inputs: model(inputs[0] if one else list(inputs), training=False), input_signature=specs
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
