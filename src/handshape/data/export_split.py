"""The split as folders: train, validation and test, each with one folder a class."""

from __future__ import annotations

import itertools
import json
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

from handshape.bars import Bar
from handshape.console import Console
from handshape.data.names import label_of
from handshape.data.samples import ImageFolder, Sample
from handshape.errors import RunError, SettingsError
from handshape.files import atomic_folder

MARKER = ".handshape-layout"  # lists what the program put there, and so may take away
SETTINGS = "--set data.temp_train_dir=…, data.temp_val_dir=… or data.temp_test_dir=…"

How = Literal["copy", "link"]


def export_split(
    parts: Mapping[str, Sequence[Sample]], folder: ImageFolder, targets: Mapping[str, Path], how: How, console: Console
) -> None:
    """Writes each part as class folders; every part gets the folders of all classes.

    A target that an earlier call wrote is replaced; nothing else is ever touched. Each part is built beside its
    place and moved there when whole.

    Args:
        parts: the samples of each part.
        folder: where the images come from.
        targets: where each part goes, by its name: ``train``, ``validation``, ``test``.
        how: ``copy``, or ``link`` for hard links, which take no room; across file systems links become copies.
        console: shows the progress.

    Raises:
        RunError: a target holds other files, or cannot be written.
        SettingsError: the targets overlap each other or the photographs.
    """
    _require_apart(folder.root, list(targets.values()))
    for target in targets.values():
        _require_ours(target)
    class_names = sorted({sample.label for samples in parts.values() for sample in samples})
    placer = _Placer(how, console)
    with console.progress("Laying out the split", sum(len(parts[part]) for part in targets)) as bar:
        for part, target in targets.items():
            with atomic_folder(target, f"choose another folder with {SETTINGS}") as fresh:
                _fill(fresh, parts[part], class_names, folder, placer, bar)


class _Placer:
    """Copies or links files; says once when it has to copy after all."""

    def __init__(self, how: How, console: Console) -> None:
        self.links = how == "link"
        self.console = console

    def place(self, source: Path, target: Path) -> None:
        if self.links:
            try:
                os.link(source.resolve(), target)
                return
            except FileNotFoundError:
                raise
            except OSError as error:
                self.links = False
                cause = (error.strerror or str(error)).lower()
                self.console.warn(f"Hard links are not possible in {target.parent} ({cause}); images are copied.")
        shutil.copyfile(source, target)


def _require_apart(root: Path, targets: Sequence[Path]) -> None:
    """Images laid out among the photographs would be taken for photographs the next time."""
    places = [root.resolve(), *(target.resolve() for target in targets)]
    for one, other in itertools.combinations(places, 2):
        if one.is_relative_to(other) or other.is_relative_to(one):
            raise SettingsError(
                f"The split cannot be laid out: {one} and {other} overlap.",
                "different folders outside the photographs",
                f"Choose others with {SETTINGS}",
            )


def _require_ours(target: Path) -> None:
    if target.exists() and not target.is_dir():
        raise _taken(target, "is a file")
    foreign = sorted(_contents(target) - _listed(target) - {MARKER})
    if foreign:
        raise _taken(target, f"holds what the program did not put there, such as {foreign[0]}")


def _contents(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*")}


def _listed(target: Path) -> set[str]:
    try:
        return set(json.loads((target / MARKER).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return set()


def _taken(target: Path, what: str) -> RunError:
    return RunError(
        f"The split cannot be laid out in {target}: it {what}.",
        "an empty folder, a new one, or one that an earlier run laid out",
        f"Choose another folder with {SETTINGS}, or empty it yourself.",
    )


def _fill(
    target: Path, samples: Sequence[Sample], class_names: Sequence[str], folder: ImageFolder, placer: _Placer, bar: Bar
) -> None:
    for label in set(class_names) - {sample.label for sample in samples}:
        (target / label).mkdir()
    for sample in samples:
        place = target / _place_of(sample)
        place.parent.mkdir(parents=True, exist_ok=True)
        placer.place(folder.file(sample), place)
        bar.advance()
    (target / MARKER).write_text(json.dumps(sorted(_contents(target))), encoding="utf-8")


def _place_of(sample: Sample) -> str:
    """Where a sample is laid: as it lies, or below its class, where ``labels.csv`` says another than its folder."""
    return sample.path if label_of(sample.path.partition("/")[0]) == sample.label else f"{sample.label}/{sample.path}"
