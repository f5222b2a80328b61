"""``handshape predict``: the handshape in each image, and what a film shows and when."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from handshape.cli.shared import MODEL, Verbs, add_verb, for_each_image, given_path, in_words

if TYPE_CHECKING:
    from handshape.console import Console

FEW_ACCEPTED = 0.5  # of its own test photographs
ORDER = 40


def add_parser(verbs: Verbs) -> None:
    """What the verb takes."""
    parser = add_verb(
        verbs,
        "predict",
        run,
        "labels and confidences for images and films",
        "Recognises the handshape in each image. A folder stands for the images in it. Of a film it says which "
        "handshapes are seen from when to when, J and Z by their motion, and what they spell (needs the extra 'live').",
        [
            "handshape predict asl photo.jpg",
            "handshape predict runs/first photo.jpg",
            "handshape predict runs/first *.jpg --json > answers.jsonl",
            "handshape predict runs/first photo.jpg --json --landmarks > hand.json",
            "handshape predict asl film.mp4 --subtitles film.srt",
        ],
    )
    parser.add_argument("model", metavar="MODEL", help=MODEL)
    parser.add_argument("images", type=given_path, nargs="+", metavar="IMAGE", help="images, folders of them, films")
    parser.add_argument("--subtitles", type=given_path, metavar="FILE", help="of one film, as .srt or .vtt")
    parser.add_argument("--landmarks", action="store_true", help="with --json, the 21 landmarks of each hand as well")


def run(options: argparse.Namespace, console: Console) -> int:
    """Goes on after a bad image; 1 when one could not be read."""
    from handshape.cli.predict_film import predict_films, split_films
    from handshape.registry import resolve
    from handshape.serving.recognizer import recognizer_of

    films, options.images = split_films(options)
    bundle = resolve(options.model, console)
    recognizer = recognizer_of(bundle, console)
    accepted = bundle.details.get("measures", {}).get("accepted", 1.0)
    if accepted < FEW_ACCEPTED:
        console.warn(
            f"This model answered only {accepted:.0%} of its own test photographs with a label, the others with "
            "unknown or no hand; its report says why."
        )

    def answer(path: Path) -> None:
        result = recognizer.recognize(path)
        console.say(f"{path}: {in_words(result)}")
        if options.json:
            console.emit({"path": str(path), **result.as_dict(options.landmarks)})

    failed = predict_films(films, options, recognizer, console)
    return for_each_image(options, console, answer) or (1 if failed else 0)
