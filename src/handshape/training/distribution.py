"""One training over many devices, of this machine or of many: the same batches, the same losses, shared work.

Keras' ``DataParallel`` holds a copy of the network on every device, and each computes its share of every batch. Batches
that do not divide are padded, and cut to their own size inside the compiled step, so that dropout, losses and metrics
are those of one device. Only fits are shared: before and after, every process computes for itself.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeAlias

import keras
import numpy as np
from numpy.typing import NDArray

from handshape.console import Console
from handshape.distributed import gloo_hidden, is_joined, is_lost_worker, lost_worker, meet
from handshape.errors import RuntimeUnavailableError
from handshape.runtime import Runtime, is_out_of_memory, native_chatter_hidden
from handshape.training.many_steps import ManySteps

Array: TypeAlias = NDArray[Any]


class OneDevice:
    """A fit that this process computes alone, on one device: everything stays as it is.

    Attributes:
        steps: that are one call at most.
    """

    steps = 1

    def calls(self, batch: int, total: int) -> list[slice]:
        """Which parts of an epoch of so many examples are a call each: whole batches, then what is left."""
        whole = total - total % batch
        bounds = [*range(0, whole, self.steps * batch), whole, total]
        return [slice(*part) for part in itertools.pairwise(bounds) if part[0] < part[1]]

    def expect(self, batch: int, total: int) -> None:
        """Says before the fit that batches of so many are made of so many."""

    def filled(self, order: Array, batch: int) -> Array:
        """An epoch's order, and whatever stands in that order, as batches are made of it."""
        return order

    def kept(self, parts: Iterable[Array]) -> Any:
        """These arrays, one after another, in the device's memory; None where they stay in the host's."""
        return None

    def own(self, count: int) -> slice | NDArray[np.int64]:
        """Which of a batch of so many this process prepares."""
        return slice(None)

    def padded(self, own: Array, count: int) -> Array:
        """This process' part of a batch of so many, as long as its devices take it."""
        return own

    def share(self, *arrays: Array) -> tuple[Array, ...]:
        """Of whole batches, this process' part."""
        return tuple(self.padded(array[self.own(len(array))], len(array)) for array in arrays)

    def spread(self, network: Any) -> Any:
        """A model that trains a network, to be compiled inside the scope: of the same layers, or of copies."""
        return keras.Model(network.inputs, network.outputs)

    def in_place(self, model: Any) -> Any:
        """The same, for a model that may be trained itself."""
        return model

    def validation(self, inputs: Array, targets: Array, batch: int) -> Any:
        """What Keras measures after every epoch."""
        return inputs, targets

    def following(self, network: Any) -> list[keras.callbacks.Callback]:
        """Callbacks, the first of all, that keep a network as what is trained for it."""
        return []

    @contextmanager
    def scope(self) -> Iterator[None]:
        """Around compiling and fitting."""
        yield

    @contextmanager
    def apart(self) -> Iterator[None]:
        """Inside the scope, around what this process computes for itself."""
        yield


class OneAccelerator(OneDevice):
    """A fit on one device of JAX with a memory of its own: what is learned from lies there, many steps are one call."""

    steps = 1024  # some seconds, in which Ctrl-C is not heard

    def __init__(self, console: Console) -> None:
        self.batch = 1
        self._console = console

    def expect(self, batch: int, total: int) -> None:
        """See :class:`OneDevice`."""
        self.batch = batch

    def filled(self, order: Array, batch: int) -> Array:
        """See :class:`OneDevice`; the first fill up the last batch, as for another size all is compiled anew."""
        missing = -len(order) % batch
        return np.concatenate([order, order[:missing]]) if missing < len(order) else order

    def kept(self, parts: Iterable[Array]) -> Any:
        """See :class:`OneDevice`; also None, and batches are calls, where that memory is too small."""
        try:
            return keras.ops.concatenate([keras.ops.convert_to_tensor(part) for part in parts])
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            self._console.detail("The device's memory does not hold the features; they go there batch by batch")
            self.steps = 1
            return None

    def spread(self, network: Any) -> Any:
        """See :class:`OneDevice`."""
        return ManySteps(super().spread(network), self)

    def in_place(self, model: Any) -> Any:
        """See :class:`OneDevice`."""
        return ManySteps(model, self)

    def validation(self, inputs: Array, targets: Array, batch: int) -> Any:
        """See :class:`OneDevice`; in the batches that are learned from, since a call has them."""
        return _Shares(self, (keras.ops.convert_to_tensor(inputs), targets), self.batch)


class ManyDevices(OneDevice):
    """A fit that all devices of all processes share."""

    def __init__(self) -> None:
        self._distribution = keras.distribution.DataParallel(auto_shard_dataset=False)
        self._devices = int(self._distribution.num_model_replicas)
        self._sizes: dict[int, int] = {}  # of a padded batch → of the batch

    def expect(self, batch: int, total: int) -> None:
        """See :class:`OneDevice`; no two sizes are padded to the same one."""
        for size in (min(batch, total), total % batch):
            if size and size not in self._sizes.values():
                padded = -(-size // self._devices) * self._devices
                while padded in self._sizes:
                    padded += self._devices
                self._sizes[padded] = size

    def own(self, count: int) -> NDArray[np.int64]:
        """See :class:`OneDevice`."""
        rows = self._places(count)
        return rows[rows < count]

    def padded(self, own: Array, count: int) -> Array:
        """See :class:`OneDevice`."""
        missing = len(self._places(count)) - len(own)
        return np.concatenate([own, np.zeros((missing, *own.shape[1:]), own.dtype)]) if missing else own

    def without_padding(self, padded: int) -> int:
        """The size of a batch that was padded to so many."""
        return self._sizes[padded]

    def spread(self, network: Any) -> Any:
        """See :class:`OneDevice`."""
        state = random.getstate()  # a copy draws starting weights, and what is built later must not notice
        with native_chatter_hidden(), gloo_hidden():
            copy = keras.models.clone_model(network)
            copy.set_weights(network.get_weights())
        random.setstate(state)
        model = _Spread(copy.inputs, copy.outputs)
        model.among = self
        return model

    def in_place(self, model: Any) -> Any:
        """See :class:`OneDevice`."""
        return self.spread(model)

    def validation(self, inputs: Array, targets: Array, batch: int) -> Any:
        """See :class:`OneDevice`."""
        return _Shares(self, (inputs, targets), batch)

    def following(self, network: Any) -> list[keras.callbacks.Callback]:
        """See :class:`OneDevice`."""
        return [_Following(network)]

    @contextmanager
    def scope(self) -> Iterator[None]:
        """See :class:`OneDevice`."""
        try:
            with self._distribution.scope():
                yield
        except Exception as error:
            if is_joined() and is_out_of_memory(error):  # one alone would go on in smaller batches
                raise RuntimeUnavailableError(
                    "The memory of a worker's device is too small for its share of a batch.",
                    fix="Begin with a smaller one, --set model.batch_size=N, or with more workers.",
                ) from error
            if is_lost_worker(error):
                raise lost_worker() from error
            raise

    @contextmanager
    def apart(self) -> Iterator[None]:
        """See :class:`OneDevice`."""
        before = keras.distribution.distribution()
        keras.distribution.set_distribution(None)
        try:
            yield
        finally:
            keras.distribution.set_distribution(before)

    def _places(self, count: int) -> NDArray[np.int64]:
        """Which rows of a padded batch lie on the devices of this process."""
        size = next(padded for padded, size in self._sizes.items() if size == count)
        places = self._distribution.get_data_layout((size,)).backend_layout.addressable_devices_indices_map((size,))
        return np.unique(np.concatenate([np.arange(size)[index] for index in places.values()]))


def sharing(runtime: Runtime, console: Console) -> OneDevice:
    """How the next fit is computed: over all devices where there is more than one; waits for the other processes.

    Args:
        runtime: of this process.
        console: says where a device's memory does not hold what is learned from.
    """
    meet()
    if runtime.backend != "jax":
        return OneDevice()
    if is_joined() or len(keras.distribution.list_devices()) > 1:
        return ManyDevices()
    return OneDevice() if runtime.on_cpu else OneAccelerator(console)


class _Spread(keras.Model):
    """A model whose steps leave out the padding of the batches that its devices are ``among``."""

    def train_step(self, state: Any, data: Sequence[Any]) -> Any:
        return super().train_step(state, self._cut(data))

    def test_step(self, state: Any, data: Sequence[Any]) -> Any:
        return super().test_step(state, self._cut(data))

    def _cut(self, data: Sequence[Any]) -> tuple[Any, ...]:
        return tuple(None if array is None else array[: self.among.without_padding(array.shape[0])] for array in data)


class _Following(keras.callbacks.Callback):
    """Gives a network the weights of what is trained for it, after every epoch."""

    def __init__(self, network: Any) -> None:
        super().__init__()
        self.network = network

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        self.network.set_weights(self.model.get_weights())


class _Shares(keras.utils.PyDataset):
    """Arrays in their order, call by call, of which this process gives its part."""

    def __init__(self, among: OneDevice, arrays: tuple[Array, ...], batch: int) -> None:
        super().__init__()
        self.among, self.arrays, self.batch = among, arrays, batch
        among.expect(batch, len(arrays[0]))

    def __len__(self) -> int:
        return len(self.among.calls(self.batch, len(self.arrays[0])))

    def __getitem__(self, index: int) -> tuple[Array, ...]:
        part = self.among.calls(self.batch, len(self.arrays[0]))[index]
        return self.among.share(*(array[part] for array in self.arrays))
