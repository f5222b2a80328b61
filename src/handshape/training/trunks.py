"""The frozen trunk as a function of images: LiteRT on a CPU; on an accelerator compiled, what moves them as well."""

from __future__ import annotations

import random
import threading
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from handshape import litert
from handshape.console import Console
from handshape.errors import DivergedError
from handshape.model.networks import to_power_of_two
from handshape.precision import FULL, set_precision
from handshape.runtime import Runtime
from handshape.training.augment.affine import moved, warp
from handshape.training.memory import Calls

CHUNK = 256  # images a call: 12 MB at 128 px

Images = NDArray[np.uint8]
Features = tuple[NDArray[np.floating], NDArray[np.floating]]


class Trunk(Protocol):
    """Images to what the trunk makes of them; several threads may call it."""

    def __call__(self, images: Images, affines: NDArray[np.float32] | None = None) -> Features:
        """Pooled features [N, 1280], and those where the tail begins, [N, h, w, c], as they are stored, or in float32.

        Args:
            images: [N, S, S, 3].
            affines: [N, 8], by which they are moved before, see :func:`~handshape.training.augment.affine.warp`.
        """


def copied(trunk: Any, weights: Sequence[NDArray[Any]] | None = None) -> Any:
    """A copy of a stream's trunk, in float32: its pooled output runs through the tail, which goes on learning.

    Args:
        trunk: it.
        weights: that the copy has; None takes those that the trunk has now.
    """
    import keras

    state = random.getstate()  # a copy draws starting weights, and what is built later must not notice
    model = keras.models.clone_model(trunk)
    random.setstate(state)
    set_precision(model, FULL)
    model.set_weights(trunk.get_weights() if weights is None else weights)
    return model


def frozen_trunk(model: Any, runtime: Runtime, console: Console) -> Trunk:
    """A trunk as a function.

    On a CPU it runs on LiteRT, which was measured 2.4 times as fast as TensorFlow; on an accelerator in Keras.

    Raises:
        DivergedError: of the function: what it makes is no number in float32 either.
    """
    if runtime.on_cpu and runtime.backend == "tensorflow" and runtime.policy == FULL:
        return _LiteRtTrunk(litert.LiteRtModel(litert.convert(model, litert.TOGETHER)))
    return _KerasTrunk(model, runtime.policy, console)


class _LiteRtTrunk:
    """Moves images, then runs the network on every core."""

    def __init__(self, network: litert.LiteRtModel) -> None:
        self._network = network

    def __call__(self, images: Images, affines: NDArray[np.float32] | None = None) -> Features:
        pooled, cut = self._network(images if affines is None else warp(images, affines))
        return pooled, cut


class _KerasTrunk:
    """In parts where memory runs out, in float32 where half precision has no numbers for it; several threads may.

    Images go to the device as they are stored, and are moved there.
    """

    def __init__(self, model: Any, precision: str, console: Console) -> None:
        self._model, self._console = model, console
        self._calls = Calls(CHUNK, console)
        self._one_at_a_time = threading.RLock()  # Keras' own state is not safe in threads
        self._compute_in(precision)

    def __call__(self, images: Images, affines: NDArray[np.float32] | None = None) -> Features:
        def run(rows: NDArray[np.int64]) -> Features:
            part = slice(rows[0], rows[-1] + 1)  # they follow one another, and a slice copies nothing
            return self._run(images[part], None if affines is None else affines[part])

        with self._one_at_a_time:
            parts = self._calls.run(run, np.arange(len(images)))
            pooled, cut = (each[0] if len(each) == 1 else np.concatenate(each) for each in zip(*parts, strict=True))
            if not (np.isfinite(pooled).all() and np.isfinite(cut).all()):
                self._go_on_in_float32()
                return self(images, affines)
        return pooled, cut

    def _run(self, images: Images, affines: NDArray[np.float32] | None) -> Features:
        shown = to_power_of_two(images)
        if affines is None:
            said = self._plain.predict_on_batch(shown)
        else:
            said = self._moving.predict_on_batch([shown, to_power_of_two(affines)])
        pooled, cut = (each[: len(images)] for each in said)
        return pooled, cut

    def _compute_in(self, precision: str) -> None:
        import keras

        set_precision(self._model, precision)
        self._precision = precision
        image = keras.Input(self._model.input.shape[1:], dtype="uint8", name="stored_image")
        affine = keras.Input((8,), name="affine")

        def features(shown: Any) -> list[Any]:
            return [keras.ops.cast(each, "float16") for each in self._model(keras.ops.cast(shown, "float32"))]

        self._plain = keras.Model(image, features(image))
        self._moving = keras.Model([image, affine], features(moved(image, affine)))

    def _go_on_in_float32(self) -> None:
        if self._precision == FULL:
            raise DivergedError(
                "The network's features of an image are no numbers.",
                "starting weights that are numbers",
                "Begin a new run with others: --set model.weights=own",
            )
        self._console.warn(f"The network's features are no numbers in {self._precision}; going on in float32.")
        self._compute_in(FULL)
