"""Photographs that a model learned from among those that it is measured on: they say nothing about other people."""

from __future__ import annotations

import base64
import binascii
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from handshape.data.check_report import CheckReport
from handshape.data.near_duplicates import seen_before
from handshape.export.bundle import Bundle
from handshape.files import atomic_write
from handshape.workflow.dataset import Dataset

LEARNED_FROM = "learned_from"  # in the manifest of a bundle
DIGEST = 8  # bytes kept of each SHA-256; two of a million photographs are alike in them once in 10^7 sets


@dataclass(frozen=True, eq=False)
class Learned:
    """What is known of the photographs that a model learned from.

    Attributes:
        digests: the first bytes of each file's SHA-256.
        thumbnails: [M, 256] uint8, by which near-duplicates are told; none of a bundle that left its run folder.
    """

    digests: frozenset[bytes]
    thumbnails: NDArray[np.uint8]

    @classmethod
    def of(cls, report: CheckReport) -> Learned:
        """The usable photographs of a folder."""
        return cls(frozenset(map(_shortened, report.digests.values())), report.thumbnails)

    @property
    def encoded(self) -> str:
        """The digests as text, for a manifest."""
        return base64.b64encode(b"".join(sorted(self.digests))).decode()

    def save(self, file: Path) -> None:
        """Keeps the thumbnails in a run folder."""
        with atomic_write(file) as partial, partial.open("wb") as stream:
            np.savez_compressed(stream, thumbnails=self.thumbnails)


def learned_by(bundle: Bundle) -> Learned:
    """What a bundle says of the photographs it learned from; nothing where it was made before it said so."""
    try:
        content = base64.b64decode(bundle.details.get(LEARNED_FROM, ""))
    except (binascii.Error, TypeError, ValueError):
        content = b""
    digests = frozenset(content[start : start + DIGEST] for start in range(0, len(content), DIGEST))
    return Learned(digests, _thumbnails(bundle.folder.parent / "photographs.npz"))


def is_seen(dataset: Dataset, learned: Learned) -> NDArray[np.bool_]:
    """Which photographs of a data set a model learned from, or near-duplicates of them, [N]."""
    digests = [_shortened(dataset.report.digests[sample.path]) for sample in dataset.samples]
    copies = np.array([digest in learned.digests for digest in digests], bool)
    return copies | seen_before(dataset.thumbnails(dataset.rows), learned.thumbnails)


def _shortened(digest: str) -> bytes:
    return bytes.fromhex(digest)[:DIGEST]


def _thumbnails(file: Path) -> NDArray[np.uint8]:
    nothing = np.zeros((0, 256), np.uint8)
    try:
        with np.load(file) as content:
            thumbnails = content["thumbnails"]
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return nothing
    return thumbnails if thumbnails.ndim == 2 and thumbnails.shape[1] == nothing.shape[1] else nothing
