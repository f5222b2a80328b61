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
    """A float32 LiteRT network with one input and fixed batch size 1.

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
        self._input = interpreters[0].get_input_details()[0]
        self._outputs = interpreters[0].get_output_details()

    def __call__(self, images: NDArray[Any]) -> list[NDArray[np.float32]]:
        """Every output for a stack of images.

        Args:
            images: [N, S, S, 3], 0 to 255, any real dtype.

        Returns:
            One array an output, [N, …] float32, in the order of the number of their axes, then of the model.
        """
        outputs = [np.empty((len(images), *detail["shape"][1:]), np.float32) for detail in self._outputs]

        def run(start: int) -> None:
            interpreter = self._free.get()
            try:
                for index in range(start, len(images), self.threads):
                    interpreter.set_tensor(self._input["index"], images[index : index + 1].astype(np.float32))
                    interpreter.invoke()
                    for output, detail in zip(outputs, self._outputs, strict=True):
                        output[index] = interpreter.get_tensor(detail["index"])[0]
            finally:
                self._free.put(interpreter)

        if len(images) == 1 or self.threads == 1:
            for start in range(min(self.threads, len(images))):
                run(start)
        else:
            with ThreadPoolExecutor(self.threads) as pool:
                list(pool.map(run, range(self.threads)))
        return sorted(outputs, key=lambda output: output.ndim)


def convert(model: Any) -> bytes:
    """A Keras model on the TensorFlow backend as a float32 LiteRT model with batch size 1."""
    import tensorflow as tf

    spec = tf.TensorSpec((1, *model.inputs[0].shape[1:]), tf.float32, name=model.inputs[0].name)
    function = tf.function(lambda image: model(image, training=False), input_signature=[spec])
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
    command = [sys.executable, "-m", "handshape.model.litert", str(file), str(target)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise ModelError(f"{file} could not be converted to LiteRT: {reason}", fix="Resume the run to try again.")
    return target.read_bytes()


if __name__ == "__main__":
    import keras

    Path(sys.argv[2]).write_bytes(convert(keras.models.load_model(sys.argv[1], compile=False)))
