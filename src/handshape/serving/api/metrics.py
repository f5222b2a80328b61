"""What Prometheus reads. Every server has a registry of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, Info, generate_latest

SECONDS = (0.005, 0.01, 0.015, 0.02, 0.03, 0.06, 0.1, 0.2, 0.5, 1, 2, 5)


class Metrics:
    """Counts of one server."""

    media_type = CONTENT_TYPE_LATEST

    def __init__(self) -> None:
        registry = CollectorRegistry()
        self.requests = Counter(
            "handshape_requests", "Requests answered.", ("route", "status"), registry=registry
        )  # the client library adds _total
        self.seconds = Histogram(
            "handshape_request_seconds", "From head to answer.", ("route",), buckets=SECONDS, registry=registry
        )
        self.images = Counter(
            "handshape_images", "Images and frames, by what came of them.", ("outcome",), registry=registry
        )
        self.recognition = Histogram(
            "handshape_recognition_seconds", "One image, on its core.", buckets=SECONDS, registry=registry
        )
        self.late = Counter("handshape_late_frames", "Frames dropped because newer ones had come.", registry=registry)
        self.working = Gauge("handshape_requests_in_progress", "Requests being worked on.", registry=registry)
        self.streams = Gauge("handshape_streams_open", "Streams that are open.", registry=registry)
        self._shadow = Gauge(
            "handshape_shadow_images", "Images that a shadow model answered, too.", ("same",), registry=registry
        )
        self._drift = Gauge(
            "handshape_drift",
            "Stability index of answers against those when it was tested.",
            ("part",),
            registry=registry,
        )
        self._model = Info("handshape_model", "The model being served.", registry=registry)
        self._registry = registry

    def images_seen(self) -> float:
        """All images and frames so far, those that could not be read among them."""
        return sum(sample.value for metric in self.images.collect() for sample in metric.samples)

    def watched(self, told: Mapping[str, Any]) -> None:
        """Takes over what a watch tells: how far answers are from those when tested, and what a shadow says."""
        for part, each in told["drift"].items():
            if each["index"] is not None:
                self._drift.labels(part).set(each["index"])
        if told["shadow"]:
            alike, answers = told["shadow"]["alike"], told["shadow"]["answers"]
            self._shadow.labels("yes").set(alike)
            self._shadow.labels("no").set(answers - alike)

    def page(self, **model: str) -> bytes:
        """Everything, as Prometheus reads it, with these words about the model being served."""
        self._model.info(model)
        return generate_latest(self._registry)
