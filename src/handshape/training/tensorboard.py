"""TensorBoard event files without TensorFlow, on every backend: scalars, weight histograms and the model's graph."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tensorboardX.event_file_writer import EventsWriter
from tensorboardX.proto.attr_value_pb2 import AttrValue
from tensorboardX.proto.event_pb2 import Event
from tensorboardX.proto.graph_pb2 import GraphDef
from tensorboardX.proto.node_def_pb2 import NodeDef
from tensorboardX.proto.versions_pb2 import VersionDef
from tensorboardX.summary import histogram, hparams, scalar

HISTOGRAM_BINS = 64


class TensorBoardWriter:
    """Writes what ``tensorboard --logdir`` shows for one run.

    Args:
        folder: the run's own log folder.
        gauges: what else to note with every epoch, such as the accelerator's memory.
        suffix: of the file's name, where another file is written in the same second.

    Written at once: tensorboardX' SummaryWriter hands events to a thread, which dies on a full disk and leaves its
    queue blocked for ever.
    """

    def __init__(self, folder: Path, gauges: Callable[[], Mapping[str, float]] = dict, suffix: str = "") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._gauges = gauges
        self._events = EventsWriter(str(folder / "events"), suffix)

    def add_epoch(self, step: int, values: Mapping[str, float]) -> None:
        """Scalars of one epoch; training and validation get the same chart group."""
        for name, value in {**values, **self._gauges()}.items():
            measure = name.removeprefix("val_")
            part = "validation" if name.startswith("val_") else "train"
            self._add(step, scalar(f"{measure}/{part}" if measure in ("accuracy", "loss") else name, value))
        self._events.flush()

    def add_histograms(self, step: int, variables: Sequence[Any]) -> None:
        """How each trained weight is distributed."""
        for variable in variables:
            values = np.asarray(variable.numpy(), np.float32)
            self._add(step, histogram(variable.path, values, HISTOGRAM_BINS))

    def add_graph(self, model: Any) -> None:
        """The layers of a Keras model and how they are joined."""
        graph = GraphDef(node=list(graph_nodes(model.get_config(), {})), versions=VersionDef(producer=22))
        self._events.write_event(Event(wall_time=time.time(), graph_def=graph.SerializeToString()))

    def add_hparams(self, settings: Mapping[str, Any], measures: Mapping[str, float]) -> None:
        """What the HParams tab shows of a run that is done.

        No list of all settings and measures is written: of several runs TensorBoard would go by the first one's.
        """
        values = {name: "+".join(map(str, each)) if isinstance(each, list) else each for name, each in settings.items()}
        _, begun, ended = hparams(values, {})
        for summary in (begun, ended, *(scalar(name, value) for name, value in measures.items())):
            self._add(0, summary)

    def close(self) -> None:
        """Writes out what is still held back."""
        self._events.close()

    def _add(self, step: int, summary: Any) -> None:
        self._events.write_event(Event(wall_time=time.time(), step=step, summary=summary))


def graph_nodes(config: Mapping[str, Any], feeds: Mapping[str, str], scope: str = "") -> Iterator[NodeDef]:
    """The nodes of a functional model's configuration; models inside it become scopes.

    Args:
        config: what ``get_config()`` of the model returns.
        feeds: for a model inside another, which node feeds each of its input layers.
        scope: prefix of the node names, ending in "/" unless empty.
    """
    outputs: dict[str, str] = {}  # layer → the node that carries what it puts out
    for layer in config["layers"]:
        name = layer["name"]
        sources = [outputs[source] for source in _sources(layer["inbound_nodes"])]
        inner = layer["config"]
        if "layers" in inner:
            inputs = dict(zip(_names(inner["input_layers"]), sources, strict=True))
            yield from graph_nodes(inner, inputs, f"{scope}{name}/")
            outputs[name] = f"{scope}{name}/{_names(inner['output_layers'])[0]}"
        else:
            outputs[name] = scope + name
            sources += [feeds[name]] if name in feeds else []
            yield NodeDef(name=scope + name, op=layer["class_name"], input=sources, attr=_attributes(inner))


def _sources(inbound: Any) -> Iterator[str]:
    """Names of the layers whose tensors appear anywhere in a serialised call."""
    if isinstance(inbound, Mapping):
        if inbound.get("class_name") == "__keras_tensor__":
            yield inbound["config"]["keras_history"][0]
        else:
            for value in inbound.values():
                yield from _sources(value)
    elif isinstance(inbound, Iterable) and not isinstance(inbound, str):
        for value in inbound:
            yield from _sources(value)


def _names(layers: Any) -> list[str]:
    """Layer names from ``[name, node, tensor]`` or a list or dictionary of such."""
    if isinstance(layers, Mapping):
        return [name for value in layers.values() for name in _names(value)]
    if layers and isinstance(layers[0], str):
        return [layers[0]]
    return [name for value in layers for name in _names(value)]


def _attributes(settings: Mapping[str, Any]) -> dict[str, AttrValue]:
    """The settings of a layer that are worth a look."""
    shown = ("filters", "units", "kernel_size", "strides", "rate", "batch_shape", "trainable")
    return {key: AttrValue(s=str(settings[key]).encode()) for key in shown if key in settings}
