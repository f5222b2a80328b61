"""Several classifiers as one Keras model: what they have in common is computed once, and their answers are averaged.

A layer of one member that another has too, with the same weights and on the same values, is one layer of the whole. So
members that share a frozen trunk become several heads on one trunk, and others stand beside each other; it makes no
difference whether they were trained just now or read from files.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handshape.errors import ModelError
from handshape.model.classifier import INPUTS, MIN_PROBABILITY

PREFIX = "member_"  # of the names of members' layers, which Keras gives to no other

Floats = NDArray[np.floating]


@dataclass(frozen=True, eq=False)
class Member:
    """One of the classifiers that are joined.

    Attributes:
        model: a Keras classifier, as :class:`~handshape.model.classifier.Classifier` has one.
        activation: the dense weights behind its output ``features``, [F, C]; None without one.
    """

    model: Any
    activation: NDArray[np.float32] | None = None


@dataclass(frozen=True, eq=False)
class Joined:
    """Several classifiers as one.

    Attributes:
        model: takes what any of them takes → {"probabilities" [N, C]}, and "features" [N, h, w, F] where it has some.
        activation: with ``features`` it gives the weighted mean of the members' class activation maps, [F, C].
    """

    model: Any
    activation: NDArray[np.float32] | None


def join_members(members: Sequence[Member], weights: Sequence[float], exponent: float = 1.0) -> Joined:
    """One model whose probabilities are the weighted mean of the members'.

    Args:
        members: classifiers of the same classes in the same order.
        weights: of each; their sum is 1.
        exponent: to which the mean is raised before it is made to sum to 1 again: an inverse temperature.

    Raises:
        ModelError: they take pictures of different sizes.
    """
    import keras

    inputs, graph = _inputs_of(members), _Graph()
    outputs = [graph.outputs_of(each.model, [inputs[tensor.name] for tensor in each.model.inputs]) for each in members]
    answers = [each["probabilities"] for each in outputs]
    joined = {"probabilities": combined(answers, weights, exponent, keras.ops)}
    maps, activation = _class_maps(members, outputs, weights)
    if maps is not None:
        joined["features"] = maps
    model = keras.Model([inputs[name] for name in INPUTS if name in inputs], joined, name="handshape")
    return Joined(model, activation)


def combined(answers: Sequence[Any], weights: Sequence[float], exponent: float = 1.0, xp: Any = np) -> Any:
    """The weighted mean of probabilities [N, C] each, raised to a power and made to sum to 1 again.

    Args:
        answers: of each member.
        weights: of each; their sum is 1.
        exponent: see :func:`join_members`.
        xp: the array library: ``numpy`` or ``keras.ops``.
    """
    mean = sum(answer * float(weight) for answer, weight in zip(answers, weights, strict=True))
    if exponent == 1:
        return mean
    odds = xp.exp(xp.log(xp.maximum(mean, MIN_PROBABILITY)) * float(exponent))
    return odds / xp.sum(odds, axis=-1, keepdims=True)


def _inputs_of(members: Sequence[Member]) -> dict[str, Any]:
    """One input for those of all members that have the same name."""
    import keras

    shapes: dict[str, Any] = {}
    for tensor in (tensor for each in members for tensor in each.model.inputs):
        if shapes.setdefault(tensor.name, tensor.shape) != tensor.shape:
            sides = sorted({each[1] for each in (shapes[tensor.name], tensor.shape)})
            raise ModelError(
                f"One of the models looks at pictures of {sides[0]} pixels, another at {sides[1]}.",
                "models of the same model.img_size",
                "Train them with the same size, or with model.streams=landmarks,hand, which look at none.",
            )
    return {name: keras.Input(shape[1:], name=name, dtype="float32") for name, shape in shapes.items()}


@dataclass
class _Graph:
    """Operations and what they gave, each kept by all that it depends on."""

    operations: dict[str, Any] = field(default_factory=dict)
    results: dict[Any, Any] = field(default_factory=dict)
    names: Counter[str] = field(default_factory=Counter)

    def outputs_of(self, model: Any, inputs: Sequence[Any]) -> Any:
        """What a model gives for these tensors; models inside it are taken apart, too."""
        return model._run_through_graph(inputs, operation_fn=lambda operation: partial(self._call, operation))

    def _call(self, operation: Any, *values: Any, **options: Any) -> Any:
        import keras

        if isinstance(operation, keras.Model):
            return self.outputs_of(operation, values)
        if isinstance(operation, keras.layers.Dropout):  # drops nothing where nothing is learned
            return values[0]
        key = _fingerprint(operation)
        place = (key, _known_by(values), _known_by(options))
        if place not in self.results:
            if key not in self.operations:
                self.operations[key] = self._copy(operation)
            copy = self.operations[key]
            self.results[place] = copy(*values, **options)
            if isinstance(operation, keras.layers.Layer) and operation.weights:
                copy.set_weights(operation.get_weights())
        return self.results[place]

    def _copy(self, operation: Any) -> Any:
        import keras

        kind = operation.name.removeprefix(PREFIX).rstrip("0123456789_")
        self.names[kind] += 1
        config = operation.get_config() | {"name": f"{PREFIX}{kind}_{self.names[kind]}"}
        if isinstance(operation, keras.layers.Layer):
            config["dtype"] = "float32"
        return type(operation).from_config(config)


def _fingerprint(operation: Any) -> str:
    """Of all that an operation's results depend on, its inputs aside."""
    import keras

    config = {name: value for name, value in operation.get_config().items() if name not in ("name", "trainable")}
    text = f"{type(operation).__name__} {json.dumps(config, sort_keys=True, default=repr)}"
    content = hashlib.sha256(text.encode())
    if isinstance(operation, keras.layers.Layer):
        for value in operation.get_weights():
            content.update(repr(value.shape).encode() + value.tobytes())
    return content.hexdigest()


def _known_by(value: Any) -> Any:
    """What stands for an argument of a call: the same for the same tensor, or for equal constants."""
    import keras

    if isinstance(value, keras.KerasTensor):
        return id(value)
    if isinstance(value, dict):
        return tuple((name, _known_by(each)) for name, each in sorted(value.items()))
    if isinstance(value, list | tuple):
        return tuple(map(_known_by, value))
    if hasattr(value, "shape"):
        array = keras.ops.convert_to_numpy(value)
        return array.shape, str(array.dtype), array.tobytes()
    return repr(value)


def _class_maps(
    members: Sequence[Member], outputs: Sequence[Any], weights: Sequence[float]
) -> tuple[Any, NDArray[np.float32] | None]:
    """The output ``features`` of the whole, and the weights [F, C] that make class activation maps of it.

    Where all members look at one map, it is that one, and their weights are averaged. Else it holds what each class's
    map comes to, the mean of the members', and nothing in the other channels: whoever shows it tells by their number
    which stream it is of. Of two kinds of streams the hand stream's are shown, as in a single classifier.
    """
    import keras

    seen = [
        (output["features"], each.activation * np.float32(weight))
        for each, output, weight in zip(members, outputs, weights, strict=True)
        if "features" in output and each.activation is not None
    ]
    if not seen:
        return None, None
    channels = min(maps.shape[-1] for maps, _ in seen)
    seen = [(maps, activation) for maps, activation in seen if maps.shape[-1] == channels]
    classes = seen[0][1].shape[1]
    ordered = sorted(seen, key=lambda each: id(each[0]))
    shared = [
        (group[0][0], np.sum([activation for _, activation in group], axis=0))
        for group in (list(same) for _, same in groupby(ordered, key=lambda each: id(each[0])))
    ]
    if len(shared) == 1:
        return shared[0]
    if classes > channels:
        return None, None
    drawn = []
    for number, (maps, activation) in enumerate(shared, 1):
        layer = keras.layers.Conv2D(classes, 1, use_bias=False, dtype="float32", name=f"class_maps_{number}")
        drawn.append(layer(maps))
        layer.set_weights([activation[None, None]])
    padded = keras.ops.pad(keras.ops.sum(keras.ops.stack(drawn), axis=0), [(0, 0)] * 3 + [(0, channels - classes)])
    return padded, np.eye(channels, classes, dtype=np.float32)
