"""One of the hand networks on LiteRT."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handshape.images import Pixels
from handshape.runtime import native_chatter_hidden


class Network:
    """A .tflite network that takes one RGB image; one thread may use it at a time.

    Args:
        path: the .tflite file.
        threads: cores that one call may use.
    """

    def __init__(self, path: Path, threads: int) -> None:
        from ai_edge_litert.interpreter import Interpreter

        with native_chatter_hidden():
            self._interpreter = Interpreter(str(path), num_threads=threads)
            self._interpreter.allocate_tensors()
        self._input: dict[str, Any] = self._interpreter.get_input_details()[0]
        self._outputs = [detail["index"] for detail in self._interpreter.get_output_details()]
        self._scaled = np.empty(self._input["shape"], np.float32)

    @property
    def size(self) -> int:
        """Side of the image it takes, in pixels."""
        return int(self._input["shape"][1])

    def __call__(self, image: Pixels) -> list[NDArray[np.float32]]:
        """Its outputs for an image [S, S, 3] uint8, in the network's order, without the batch axis."""
        np.multiply(image[None], np.float32(1 / 255), out=self._scaled, dtype=np.float32)
        self._interpreter.set_tensor(self._input["index"], self._scaled)
        self._interpreter.invoke()
        return [self._interpreter.get_tensor(index)[0] for index in self._outputs]
