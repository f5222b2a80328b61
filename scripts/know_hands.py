"""Makes the hands that the landmark stream knows beforehand, ``src/handshape/hands/known_hands.npz``.

Draws hands, lets the hand finder look at them, and adds the hands of photographs whose licence allows it. Only
landmarks are kept, of right hands.

usage: python scripts/know_hands.py --letters FOLDER [--drawn 120]

``--letters`` is a folder A-Z of one signer (MIT). Writes a note of how the file was made,
``known_hands.md``, beside it.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from handshape.console import Console
from handshape.data.reading import read_files
from handshape.data.samples import list_samples
from handshape.hands.geometry import right_hand
from handshape.hands.known_hands import FILE
from handshape.hands.search import hand_search
from handshape.practice import HANDSHAPES, draw_practice_set

DRAWN_SEED = 20261123  # hands that no practice set shows: its seeds are small, and what is known must not test it
TARGET = Path(__file__).parents[1] / "src" / "handshape" / "hands" / FILE


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--letters", type=Path, required=True, metavar="FOLDER")
    parser.add_argument("--drawn", type=int, default=120, help="drawn images a class")
    options = parser.parse_args()
    console = Console()
    with tempfile.TemporaryDirectory() as place:
        drawn = Path(place) / "drawn"
        draw_practice_set(drawn, options.drawn, DRAWN_SEED, HANDSHAPES, 192, console)
        found = [hands_of(drawn, HANDSHAPES, console), hands_of(options.letters, HANDSHAPES, console)]
    landmarks = np.concatenate([hands for hands, _ in found])
    labels = [label for _, names in found for label in names]
    np.savez_compressed(TARGET, landmarks=landmarks.astype(np.float16), labels=np.array(labels))
    TARGET.with_suffix(".md").write_text(NOTE.format(drawn=len(found[0][1]), letters=len(found[1][1]), seed=DRAWN_SEED))
    console.status("done", f"{len(labels)} hands in {TARGET}")


def hands_of(root: Path, class_names: Sequence[str], console: Console) -> tuple[np.ndarray, list[str]]:
    """Landmarks [N, 21, 6] of the hands in a folder's classes of these names, and the names."""
    folder = list_samples(root)
    samples = [sample for sample in folder.samples if sample.label in class_names]
    files = [folder.file(sample) for sample in samples]
    readings = read_files(files, hand_search(console, required=True), None, console)
    seen = zip(readings.hands, (samples[number].label for number in readings.usable), strict=True)
    found = [(hand, label) for hand, label in seen if hand]
    hands = [right_hand(hand.landmarks, hand.world, hand.handedness == "Left") for hand, _ in found]
    return np.stack(hands), [label for _, label in found]


NOTE = """\
# Known hands

`known_hands.npz` holds landmarks of hands: 21 points in the photograph and in metres, of right hands, float16. Made by
`scripts/know_hands.py` with MediaPipe's hand models (Apache-2.0).

| hands of | hands | licence |
|---|---|---|
| drawn signers, 34 handshapes (`handshape sample --seed {seed}`) | {drawn} | ours |
| ASL-ML (t32rahman), 24 letters, one signer | {letters} | MIT |
"""


if __name__ == "__main__":
    main()
