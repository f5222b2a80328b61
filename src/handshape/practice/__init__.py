"""The practice set that the program draws itself: hands of drawn signers, one folder a handshape.

Nothing here is a photograph of a person; the hands are computed from bones, flesh and light. They serve to try the
whole journey without collecting photographs first, not to judge a recogniser that people will rely on.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from io import BytesIO
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from PIL import Image

from handshape.console import Console
from handshape.errors import DataError
from handshape.practice.handshapes import POSES
from handshape.practice.people import draw_signer
from handshape.practice.scene import photograph

HANDSHAPES: tuple[str, ...] = tuple(POSES)
LETTERS = tuple(label for label in HANDSHAPES if label.isalpha())  # digits aside: 0 is an O, 2 a V, 6 a W, 9 an F
SIGNERS = 48
GOLDEN = 0.618034  # steps of this share spread the signers evenly over all skin tones, however few there are
MIN_SIDE, SIDE, MAX_SIDE = 32, 160, 1024  # pixels: the least, the usual, the most


def draw_practice_set(
    folder: Path, per_class: int, seed: int, classes: Sequence[str] | None, size: int, console: Console
) -> int:
    """Draw ``folder/CLASS/CLASS_0001.jpg`` … and ``folder/signers.csv`` (``path,signer``).

    The images of a class go round 48 drawn signers in turn. An image depends on the seed, its class and its number
    alone, so that a larger set begins with the smaller one.

    Args:
        classes: some of HANDSHAPES; None draws the LETTERS.
        size: side of the images in pixels.

    Returns:
        how many images were drawn.

    Raises:
        DataError: the folder is not empty or cannot be written, a class is unknown, or a number is out of range.
    """
    class_names = _checked(per_class, classes, size)
    made = not folder.exists()
    try:
        _make_empty(folder)
        with TemporaryDirectory(dir=folder, prefix=".drawing-") as drawing:
            count = _draw_all(Path(drawing), class_names, per_class, seed, size, console)
            for part in sorted(Path(drawing).iterdir()):
                part.rename(folder / part.name)
    except OSError as error:
        raise DataError(
            f"Cannot write the practice set to {folder}: {error.strerror or error}.",
            "a folder that can be written, on a disk with room",
            "Free some space or name another folder.",
        ) from None
    finally:
        if made and folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()
    return count


def _checked(per_class: int, classes: Sequence[str] | None, size: int) -> tuple[str, ...]:
    class_names = LETTERS if classes is None else tuple(dict.fromkeys(classes))
    unknown = [label for label in class_names if label not in POSES]
    if unknown or not class_names:
        named = f"No handshape is called {', '.join(map(repr, unknown))}." if unknown else "No handshape was named."
        raise DataError(named, f"some of {' '.join(HANDSHAPES)}")
    if per_class < 1:
        raise DataError(f"Cannot draw {per_class} images a class.", "at least 1")
    if not MIN_SIDE <= size <= MAX_SIDE:
        raise DataError(f"Cannot draw images of {size} pixels.", f"a side of {MIN_SIDE} to {MAX_SIDE} pixels")
    return class_names


def _make_empty(folder: Path) -> None:
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        problem = "not empty" if folder.is_dir() else "a file"
        fix = "Name another folder, or empty this one yourself."
        raise DataError(f"{folder} is {problem}.", "a new or empty folder", fix)
    folder.mkdir(parents=True, exist_ok=True)


def _draw_all(folder: Path, class_names: Sequence[str], per_class: int, seed: int, size: int, console: Console) -> int:
    rows = []
    with console.progress("Drawing hands", len(class_names) * per_class) as bar:
        for label, index in product(class_names, range(per_class)):
            signer = index % SIGNERS
            path = folder / label / f"{label}_{index + 1:04d}.jpg"
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(_jpeg(label, index, signer, seed, size))
            rows.append((path.relative_to(folder).as_posix(), f"signer{signer + 1:02d}"))
            bar.advance(note=label)
    with (folder / "signers.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([("path", "signer"), *rows])
    return len(rows)


def _jpeg(label: str, index: int, signer: int, seed: int, size: int) -> bytes:
    tone = (seed * 0.37 + signer * GOLDEN) % 1
    person = draw_signer(np.random.default_rng([seed, 0, signer]), tone)
    rng = np.random.default_rng([seed, 1, *label.encode(), index])
    file = BytesIO()
    quality = int(rng.integers(72, 96))
    Image.fromarray(photograph(label, person, rng, size)).save(file, "JPEG", quality=quality)
    return file.getvalue()
