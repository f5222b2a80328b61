"""What ``handshape predict`` does with films: segments with times, subtitles, and the text that was spelled."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from handshape.errors import ImageError, SettingsError
from handshape.serving.film import is_film
from handshape.suggestions import did_you_mean_path

if TYPE_CHECKING:
    from handshape.console import Console
    from handshape.serving.recognizer import Recognizer
    from handshape.serving.segments import Segment


def split_films(options: argparse.Namespace) -> tuple[list[Path], list[Path]]:
    """The films among what was named, and the rest; with ``--subtitles`` there is one film and nothing else.

    Raises:
        SettingsError: subtitles of another kind, or for other than one film.
    """
    films = [path for path in options.images if is_film(path)]
    if not options.subtitles:
        return films, [path for path in options.images if not is_film(path)]
    from handshape.serving.film_reading import SUBTITLES

    if options.subtitles.suffix.lower() not in SUBTITLES:
        raise SettingsError(
            f"--subtitles cannot be {options.subtitles}.", f"a file that ends in {' or '.join(SUBTITLES)}"
        )
    if len(options.images) != 1:
        raise SettingsError(f"--subtitles are those of one film, and {len(options.images)} files were named.")
    return list(options.images), []


def predict_films(films: Sequence[Path], options: argparse.Namespace, recognizer: Recognizer, console: Console) -> int:
    """Goes on after a film that cannot be read; how many failed."""
    failed = 0
    for path in films:
        try:
            _predict(path, options, recognizer, console)
        except ImageError as error:
            failed += 1
            known = ImageError(error.happened, error.expected, did_you_mean_path(path) or error.fix)
            if options.json:
                console.emit({"path": str(path), "error": known.text})
            else:
                console.error(known)
    return failed


def _predict(path: Path, options: argparse.Namespace, recognizer: Recognizer, console: Console) -> None:
    from handshape.console import duration
    from handshape.serving.film_reading import read_film

    found = read_film(path, recognizer, console)
    for segment in found.segments:
        console.say(_in_words(path, segment))
        if options.json:
            console.emit({"path": str(path), **segment.as_dict()})
    console.say(f"{path}: {found.text or 'nothing was spelled'}")
    if options.json:
        console.emit(
            {
                "path": str(path),
                "text": found.text,
                "seconds": round(found.seconds, 3),
                "frames": found.frames,
                "milliseconds": round(found.milliseconds / max(1, found.frames), 3),
            }
        )
    if found.is_cut_short:
        console.warn(
            f"{path.name} ends after {found.frames:,} of {found.announced:,} frames ({duration(found.seconds)}): it is "
            "cut short or damaged."
        )
    if options.subtitles:
        _write(options.subtitles, found.segments, console)


def _in_words(path: Path, segment: Segment) -> str:
    return f"{path}: {segment.start / 1000:.2f}-{segment.end / 1000:.2f} s {segment.label} {segment.confidence:.1%}"


def _write(path: Path, segments: Sequence[Segment], console: Console) -> None:
    from handshape.files import atomic_write
    from handshape.serving.segments import subtitles

    with atomic_write(path) as partial:
        partial.write_text(subtitles(segments, path.suffix.lower()[1:]), encoding="utf-8")
    console.status("save", f"Subtitles are in {path}")
