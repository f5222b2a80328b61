"""A set of drawn hands in which some lie in the wrong class, and hands that are found by the names of files."""

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np

from handshape.hands.boxes import Box
from handshape.hands.inputs import Photograph
from handshape.hands.landmarks import Hand

SHAPES = {name: np.random.default_rng(number).normal(size=(21, 3)) for number, name in enumerate("ABL5")}
WRONG = {"L/A_0003.jpg": "A", "B/5_0004.jpg": "5"}  # where they lie, and what they show


def mislabelled(drawn: Path, target: Path) -> Path:
    """Four classes of twelve images; two of them are moved into another folder."""
    shutil.copytree(drawn, target, ignore=shutil.ignore_patterns("*.csv"))
    for path, label in WRONG.items():
        shutil.move(target / label / Path(path).name, target / path)
    return target


def hands_of(drawn: Path) -> Callable[[Photograph], Hand]:
    """Finds the hand that the first letter of a file's name says."""
    name_of = {hashlib.sha256(file.read_bytes()).digest(): file.stem for file in drawn.rglob("*.jpg")}

    def hand_of(photograph: Photograph) -> Hand:
        name = name_of[photograph.digest]
        shape = SHAPES[name[0]] + np.random.default_rng(int(name[-2:])).normal(0, 0.05, (21, 3))
        points, world = (40 + 10 * shape).astype(np.float32), (shape / 20).astype(np.float32)
        return Hand(Box(50, 50, 80, 80, 0.0), points, world, "Right", 0.9, 0.95)

    return hand_of
