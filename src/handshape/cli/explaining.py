"""``handshape explain``: the hand that was found and where the model looked, drawn over each photograph."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from handshape.cli.shared import for_each_image, in_words
from handshape.console import Console

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from handshape.explain.saliency import Heat
    from handshape.export.bundle import Bundle
    from handshape.images import Pixels
    from handshape.serving.recognizer import Recognition

    Features = NDArray[np.float32]  # [h, w, 1280]


def explain(options: argparse.Namespace, console: Console) -> int:
    """Draws one PNG an image and goes on after a bad image; 1 when no image could be read."""
    from PIL import Image

    from handshape.files import atomic_write
    from handshape.registry import resolve
    from handshape.serving.recognizer import recognizer_of

    bundle = resolve(options.model)
    recognizer = recognizer_of(bundle, console)

    def answer(path: Path) -> None:
        result, features = recognizer.explain(path)
        heat = heat_of(features, bundle, result)
        file = free_name(options.out, path)
        with atomic_write(file) as partial:
            Image.fromarray(draw(path, result, heat)).save(partial, "PNG")
        console.say(f"{path}: {in_words(result)} → {file}")
        if options.json:
            console.emit({"path": str(path), "file": str(file), **result.as_dict()})

    return for_each_image(options, console, answer)


def heat_of(features: Features | None, bundle: Bundle, result: Recognition) -> Heat | None:
    """Where the model looked, as the picture lies in the photograph; None without a pixel stream."""
    import numpy as np

    from handshape.explain.saliency import where_it_looked

    if features is None or not bundle.activation.is_file():
        return None
    is_left = result.hand is not None and result.hand.handedness == "Left"
    return where_it_looked(features, np.load(bundle.activation), bundle.class_names.index(result.top[0][0]), is_left)


def draw(photo: Path | bytes, result: Recognition, heat: Heat | None) -> Pixels:
    """The photograph, explained, [H, W, 3]."""
    from handshape.explain.drawing import Caption, explain_image
    from handshape.hands.crops import crop_box
    from handshape.hands.inputs import load_photograph

    photograph, scale = load_photograph(photo)
    hand = result.hand.scaled(1 / scale) if result.hand else None
    caption = Caption(result.decision, result.confidence, result.top)
    return explain_image(photograph, hand, crop_box(hand) if hand else None, heat, caption)


def free_name(folder: Path, image: Path) -> Path:
    """A file of the folder that is not there yet, named after the image."""
    file, number = folder / f"{image.stem}.explained.png", 1
    while file.exists():
        number += 1
        file = folder / f"{image.stem}.explained-{number}.png"
    return file
