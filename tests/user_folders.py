"""What the tests of users' folders share: small pictures, folders of them, and what a situation is."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from conftest import Outcome, encoded, fill
from PIL import Image

INPUTS = Path(__file__).parents[1] / "docs" / "inputs.md"
CHECK = ("check", "{data}", "--quick", "--json")

Files = Mapping[str, bytes]
Build = Callable[[Path], object]


@dataclass(frozen=True)
class Situation:
    """What lies there, what is typed, and what must come of it.

    Attributes:
        id: of the row in docs/inputs.md.
        build: fills the folder DATA, which is there and empty; or the files that it holds.
        says: sentences, or parts of them, that people must read.
        code: the exit code.
        words: the command, with --json; {data} is the folder, {model} a trained run.
        hushes: what must not be said.
        facts: of the JSON object, by key.
    """

    id: str
    build: Build | Files
    says: tuple[str, ...] = ()
    code: int = 0
    words: tuple[str, ...] = CHECK
    hushes: tuple[str, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)

    def prepare(self, root: Path) -> Path:
        """The folder, filled."""
        root.mkdir()
        if callable(self.build):
            self.build(root)
        else:
            fill(root, self.build)
        return root

    def require(self, root: Path, outcome: Outcome) -> None:
        """Raises AssertionError where the command on this folder came to something else."""
        said = "\n".join([outcome.err, *(text for each in outcome.objects for text in _texts(each))])
        assert outcome.code == self.code, said
        for words in self.says:
            assert words.replace("{data}", str(root)) in said, said
        for words in ("Traceback", *self.hushes):
            assert words not in said, said
        if self.facts:
            (found,) = [each for each in outcome.objects if not set(self.facts) - set(each)]
            assert (facts := {key: found[key] for key in self.facts}) == dict(self.facts), (facts, said)


def _texts(value: Any) -> Iterator[str]:
    """Every text in a JSON value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping | list):
        for each in [*value, *value.values()] if isinstance(value, Mapping) else value:
            yield from _texts(each)


def noise(seed: int, side: int = 48) -> Image.Image:
    """No two seeds look alike."""
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (side, side, 3), np.uint8))


def photo(seed: int, kind: str = "JPEG", mode: str = "RGB", **options: Any) -> bytes:
    """Bytes of a picture that nothing is wrong with."""
    return encoded(noise(seed).convert(mode), kind, **options)


def sound(*folders: str, each: int = 4, first: int = 0) -> dict[str, bytes]:
    """Photographs in these folders, A and B if none is named, no two alike."""
    names = [f"{folder}/{number}.jpg" for folder in folders or ("A", "B") for number in range(each)]
    return {name: photo(seed) for seed, name in enumerate(names, first)}


def beside(*others: Files) -> dict[str, bytes]:
    """Two sound classes, and what else lies there."""
    files = sound()
    for each in others:
        files |= each
    return files
