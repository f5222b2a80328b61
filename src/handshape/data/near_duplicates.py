"""Near-copies: photographs that show the same moment again, whatever their bytes say. Pure NumPy but for the thumbnail.

A hand before an unmoved camera fills a small part of the picture, so two pictures of different signs may be 99 % alike.
What all pictures of a set share (the room, the light) is therefore taken away before they are compared.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

SIDE = 16  # pixels of a thumbnail; at 32, a re-encoded copy at half size is found no better, a shifted one far worse
NEAR_DUPLICATE = 0.9  # cosine: of 2,062 images by 209 signers, 2 have one by another signer within it

SAME = 0.98  # cosine: of 9,600 real images not one pair in two classes; copies re-encoded or made smaller are above

_BLUR = 2  # pixels to each side; what is smoother than that is light, not shape
_FAINT = 16.0  # one grey level a pixel; what shows less is one colour, not a shape
_SHARED, _KEPT = 8, 64  # directions: those that the room and the light explain, then those that are compared
_IMAGES_A_DIRECTION = 50  # a small set has too few images to tell what they share from what they show
_INDISTINCT = 0.03  # what JPEG at quality 40 changes, of a whole image: pictures that differ by less are the same
_BLOCK = 1024  # images compared with as many others at a time: 4 MB

Thumbnails = npt.NDArray[np.uint8]
Embeddings = npt.NDArray[np.float32]
Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Similarity:
    """How alike the images of one set are.

    Attributes:
        embeddings: ``[N, D]`` float32 of unit length; the cosine of two is 1 for the same picture. Comparable within
            the set alone.
        near_duplicates: ``[N]`` int64, the first row of each image's cluster: near-copies, and near-copies of those.
        same: ``[N]`` int64, clusters likewise of what is surely the same picture, stored again.
    """

    embeddings: Embeddings
    near_duplicates: Numbers
    same: Numbers


def thumbnail(image: Image.Image) -> bytes:
    """The ``SIDE`` x ``SIDE`` grey levels that near-copies are told by, row by row; the image stretched to a square."""
    return image.convert("L").resize((SIDE, SIDE), Image.Resampling.BOX).tobytes()


def similarity(thumbnails: Sequence[bytes]) -> Similarity:
    """Compares the images of one set by what :func:`thumbnail` made of them.

    Memory grows with the images, not with their pairs, and so does the time, but for a comparison of each with each,
    which takes seconds for 100,000.
    """
    embeddings = embed(np.frombuffer(b"".join(thumbnails), np.uint8).reshape(-1, SIDE, SIDE))
    near_duplicates, same = clustered(embeddings, (NEAR_DUPLICATE, SAME))
    return Similarity(embeddings, near_duplicates, same)


def embed(thumbnails: Thumbnails) -> Embeddings:
    """What is particular to each image of a set: ``[N, 16, 16]`` → ``[N, D]`` float32 of unit length.

    Smooth light is taken away, then contrast, then what all images share: their mean and their few strongest principal
    directions (compare Mu and Viswanath 2018, "All-but-the-Top"). A small constant beside them keeps pictures alike
    that differ by less than the noise of JPEG.
    """
    flat = _unit(_shapes(thumbnails), _FAINT)
    centred = flat - flat.mean(axis=0) if len(flat) else flat
    _, directions = np.linalg.eigh(centred.T @ centred)
    shared = min(_SHARED, len(flat) // _IMAGES_A_DIRECTION)
    strongest_first = directions[:, ::-1][:, shared : shared + _KEPT]
    noise = np.full((len(flat), 1), _INDISTINCT, np.float32)
    return _unit(np.hstack([centred @ strongest_first, noise]))


def clustered(embeddings: Embeddings, least: Sequence[float]) -> list[Numbers]:
    """For each of these cosines the clusters of images that are so near to one another, by their first row, [N]."""
    found = [Clusters(len(embeddings)) for _ in least]
    for top in range(0, len(embeddings), _BLOCK):
        for left in range(top, len(embeddings), _BLOCK):
            cosines = embeddings[top : top + _BLOCK] @ embeddings[left : left + _BLOCK].T
            for clusters, bound in zip(found, least, strict=True):
                alike = cosines > bound
                if alike.any():
                    clusters.join_block(alike, top, left)
    return [clusters.firsts() for clusters in found]


def near_duplicate_share(test: Embeddings, train: Embeddings) -> float:
    """The share of test images with a near-duplicate in training, 0-1; 0.0 where either has none.

    Args:
        test: ``[N, D]`` float32, rows of one :class:`Similarity`.
        train: ``[M, D]`` float32, other rows of it.
    """
    return float(_has_near(test, train).mean()) if len(test) else 0.0


def seen_before(new: Thumbnails, known: Thumbnails) -> npt.NDArray[np.bool_]:
    """Which of ``new`` images [N, SIDE * SIDE] have a near-duplicate among ``known`` ones [M, SIDE * SIDE], [N]."""
    embeddings = embed(np.concatenate([new, known]).reshape(-1, SIDE, SIDE))
    return _has_near(embeddings[: len(new)], embeddings[len(new) :])


def _has_near(images: Embeddings, others: Embeddings) -> npt.NDArray[np.bool_]:
    """Which images [N, D] have a near-duplicate among others [M, D], [N]."""
    found = np.zeros(len(images), bool)
    for start, rows in enumerate(_blocks(images)):
        for each in _blocks(others):
            found[start * _BLOCK : (start + 1) * _BLOCK] |= (rows @ each.T > NEAR_DUPLICATE).any(axis=1)
    return found


class Clusters:
    """Items in clusters that grow together: union-find, each cluster named by its first item."""

    def __init__(self, count: int) -> None:
        self._parent: Numbers = np.arange(count)

    def join(self, left: Numbers, right: Numbers) -> None:
        """Puts each ``left`` item into one cluster with the ``right`` item beside it."""
        one, other = self._roots(left), self._roots(right)
        pairs = np.unique((one * len(self._parent) + other)[one != other])  # of millions, few are left
        for pair in pairs.tolist():
            first, second = sorted(map(self._root, divmod(pair, len(self._parent))))
            self._parent[second] = first

    def join_block(self, alike: npt.NDArray[np.bool_], top: int, left: int) -> None:
        """Joins the items from ``top`` on with those from ``left`` on that a matrix ``alike`` says.

        Films have as many pairs as the square of their frames, so only what is still apart is listed.
        """
        above, beside = np.arange(top, top + alike.shape[0]), np.arange(left, left + alike.shape[1])
        while True:
            apart = alike & (self._roots(above)[:, None] != self._roots(beside))
            columns = np.flatnonzero(apart.any(axis=0))
            if not len(columns):
                return
            self.join(above[apart[:, columns].argmax(axis=0)], beside[columns])

    def firsts(self) -> Numbers:
        """The first item of each item's cluster, ``[N]``."""
        return self._roots(np.arange(len(self._parent)))

    def _roots(self, items: Numbers) -> Numbers:
        roots = self._parent[items]
        while not np.array_equal(roots, above := self._parent[roots]):
            roots = above
        return roots

    def _root(self, item: int) -> int:
        while self._parent[item] != item:
            self._parent[item] = item = int(self._parent[self._parent[item]])
        return int(item)


def _shapes(thumbnails: Thumbnails) -> Embeddings:
    """Each pixel less the mean of its surroundings, ``[N, 256]``."""
    grey = thumbnails.astype(np.float32)
    across = np.arange(-_BLUR, SIDE + _BLUR).clip(0, SIDE - 1)  # the edge goes on beyond the edge
    blur = np.zeros((SIDE, SIDE), np.float32)
    for row in range(SIDE):
        np.add.at(blur[row], across[row : row + 2 * _BLUR + 1], 1 / (2 * _BLUR + 1))
    light = np.asarray(blur @ grey @ blur.T, np.float32)
    return (grey - light).reshape(len(grey), SIDE * SIDE)


def _unit(vectors: Embeddings, least: float = 1e-6) -> Embeddings:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(lengths, least), np.float32)


def _blocks(embeddings: Embeddings) -> Iterator[Embeddings]:
    for start in range(0, len(embeddings), _BLOCK):
        yield embeddings[start : start + _BLOCK]
