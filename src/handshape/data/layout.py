"""What the folders of a data set stand for: classes, parts of a set, people, or a set within the set.

CLASS/SIGNER/image and PART/CLASS/image look the same but for their names. So the structure says that there is a
question, the names answer it, and where they do not, nobody is refused: the user is told.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Literal

from handshape.data.folder_names import (
    ANNOTATED,
    MIN_OF_A_KIND,
    MIN_SHARED,
    TESTING,
    TRAINING,
    VALIDATING,
    Kind,
    are_known,
    begins_with,
    is_part,
    kind_of_names,
)
from handshape.data.messages import some
from handshape.data.names import comparable, natural_key
from handshape.errors import DataError

Use = Literal["train", "measure"]

EXPECTED = "one folder a class, with its images inside: DATA/A/1.jpg, DATA/B/2.jpg …"
MAX_LOOSE = 0.1  # of a folder's images: so few may lie beside its folders


@dataclass
class _Branch:
    """A folder right below the root: how many images lie in it, and in each of its own folders."""

    loose: int = 0
    inner: Counter[str] = field(default_factory=Counter)

    @property
    def images(self) -> int:
        return self.loose + self.inner.total()

    @property
    def is_nested(self) -> bool:
        """Whether its images lie in folders of its own."""
        return bool(self.inner) and self.loose <= MAX_LOOSE * self.images


class Layout:
    """How the images of a folder lie in it.

    Args:
        root: the folder.
        images: their paths, relative to it.
    """

    def __init__(self, root: Path, images: Iterable[str]) -> None:
        self.root = root
        self._paths = [path.split("/") for path in images]
        self._tops: dict[str, _Branch] = {}
        for top, *inner, _ in self._paths:
            branch = self._tops.setdefault(top, _Branch())
            if inner:
                branch.inner[inner[0]] += 1
            else:
                branch.loose += 1

    def require_classes(self, use: Use, groups: str, known: Sequence[str] = ()) -> str:
        """Passes where the folders are classes, or may be.

        Args:
            use: what for, which decides the part that is proposed.
            groups: who signed what, as the setting data.groups; "folder" says that the inner folders are people.
            known: class names; what is called so is a class.

        Returns:
            what the user should know about the layout; "" where nothing.

        Raises:
            DataError: the folders are parts of a set, people, annotations, or one of them holds the set again.
        """
        if self._holds_annotations:
            raise self._annotations_error()
        if self._parts:
            raise self._parts_error(use)
        again = self._set_within
        if again:
            raise self._set_within_error(again)
        common = self._common(self._tops)
        if self._called_as_parts and not (known and are_known(self._tops, known)):
            return _note_on_parts(self._called_as_parts)
        if not common or groups == "folder" or (known and are_known(self._tops, known)):
            return ""
        outer, inner = kind_of_names(self._tops), kind_of_names(common)
        if _are_people(outer, inner) or (known and are_known(common, known)):
            raise self._people_error(common, use)
        return _note(outer, inner, common) if groups in ("auto", "none") else ""

    def inner_folder(self, use: Use) -> Path | None:
        """The folder below that holds the classes, where the root holds nothing else: people name the one above it."""
        place, paths = self.root, self._paths
        while paths and all(len(path) > 2 and path[0] == paths[0][0] for path in paths):
            place, paths = place / paths[0][0], [path[1:] for path in paths]
        if len({path[0] for path in paths}) < 2:
            return None
        inner = Layout(place, ("/".join(path) for path in paths))
        if inner._parts:
            return inner._proposed(use)
        return None if place == self.root else place

    @cached_property
    def _parts(self) -> list[str]:
        """The folders that are parts of a set: by their names, and because they hold the same folders, or signs."""
        named = [name for name in self._tops if is_part(name)]
        nested = [name for name in named if self._tops[name].is_nested]
        several = [name for name in nested if len(self._tops[name].inner) > 1]
        if nested and len(named) == len(self._tops) and (len(named) > 1 or several):
            return named
        if not several:
            return []
        others = [name for name in self._tops if name not in named]
        hold_signs = any(kind_of_names(self._tops[name].inner) == "letters" for name in several)
        hold_the_same = len(several) > 1 and bool(self._common(several))
        others_too = bool(self._common([several[0], *others])) if others else False
        if hold_the_same and (hold_signs or not others_too):
            return list(self._tops)
        return list(self._tops) if hold_signs and kind_of_names(others) not in ("letters", "numbers") else []

    def _common(self, names: Iterable[str]) -> tuple[str, ...]:
        """The names of the folders that most of these hold, where most hold little else."""
        branches = [self._tops[name] for name in names]
        nested = [branch for branch in branches if branch.is_nested and len(branch.inner) > 1]
        if len(nested) < max(2, MIN_SHARED * len(branches)):
            return ()
        spelled = {comparable(name): name for branch in nested for name in branch.inner}
        held = Counter(key for branch in nested for key in {comparable(name) for name in branch.inner})
        common = {key for key, count in held.items() if count >= max(2, MIN_SHARED * len(nested))}
        mostly = [
            branch
            for branch in nested
            if sum(comparable(name) in common for name in branch.inner) >= max(2, MIN_SHARED * len(branch.inner))
        ]
        if len(common) < 2 or len(mostly) < max(2, MIN_OF_A_KIND * len(nested)):
            return ()
        return tuple(sorted((spelled[key] for key in common), key=natural_key))

    @property
    def _called_as_parts(self) -> tuple[str, ...]:
        """Folders that are called as parts of a set, but hold images as classes do: all, or some beside signs."""
        named = tuple(name for name in self._tops if is_part(name))
        others = [name for name in self._tops if name not in named]
        beside_signs = bool(others) and kind_of_names(others) in ("letters", "numbers")
        return named if beside_signs or (len(named) > 1 and not others) else ()

    @property
    def _holds_annotations(self) -> bool:
        """``images`` beside ``labels``, here or in each part: a set for object detection or segmentation."""
        inner = {comparable(name) for top in self._tops.values() if top.is_nested for name in top.inner}
        in_parts = all(is_part(name) and branch.is_nested for name, branch in self._tops.items())
        plain = inner if in_parts else {comparable(name) for name in self._tops}
        return bool(plain & {"images", "jpegimages", "imgs"}) and plain <= ANNOTATED

    @property
    def _set_within(self) -> str:
        """A folder that holds folders of the names of those beside it."""
        for name, branch in self._tops.items():
            others = {comparable(other) for other in self._tops if other != name}
            again = others & {comparable(inner) for inner in branch.inner}
            if branch.is_nested and len(again) > max(1, MIN_SHARED * len(others)):
                return name
        return ""

    def _proposed(self, use: Use) -> Path:
        """The part to name: to learn from the training part, to measure the test part; one that holds class folders."""
        able = [name for name in self._parts if self._tops[name].is_nested]
        for words in (TRAINING,) if use == "train" else (TESTING, VALIDATING):
            able = [name for name in able if begins_with(name, words)] or able
            if all(begins_with(name, words) for name in able):
                break
        name = max(able, key=lambda name: self._tops[name].images)
        below = Layout(self.root / name, ("/".join(path[1:]) for path in self._paths if path[0] == name))
        return below.inner_folder(use) or below.root

    def _parts_error(self, use: Use) -> DataError:
        proposed = self._proposed(use)
        fix = {
            "train": f"Name the part to use, for example {proposed}; the program splits it itself.",
            "measure": f"Name the part to measure on, for example {proposed}.",
        }
        return DataError(
            f"{self.root} holds parts of a data set ({', '.join(self._parts)}), not classes.", EXPECTED, fix[use]
        )

    def _annotations_error(self) -> DataError:
        return DataError(
            f"{self.root} holds images beside annotations ({', '.join(self._tops)}), as sets for object detection do.",
            EXPECTED,
            "Annotations are not read: sort the images, or what their boxes show, into one folder a class.",
        )

    def _set_within_error(self, name: str) -> DataError:
        return DataError(
            f"{self.root} holds a data set within the data set: the folders in {name} are called as those beside it.",
            EXPECTED,
            f"Move {self.root / name} elsewhere, or name it, if it is the set to use.",
        )

    def _people_error(self, common: tuple[str, ...], use: Use) -> DataError:
        outer = tuple(self._tops)
        fix = f"Put the signs outermost: {common[0]}/{outer[0]}/1.jpg …"
        if use == "train":
            fix += (
                "; data.groups=folder then knows who signed what. Where the outer names are the signs all the same, "
                "data.groups=folder says that, too."
            )
        return DataError(
            f"The folders of {self.root} ({some(outer)}) hold the same folders each ({some(common)}), which look like "
            "the signs: the outer ones are people or parts of a set, not classes.",
            EXPECTED,
            fix,
        )


def _are_people(outer: Kind, inner: Kind) -> bool:
    """Whether the outer folders are people, and the signs lie in them."""
    return (inner == "letters" and outer != "letters") or (outer == "people" and inner in ("numbers", "words"))


def _note_on_parts(named: tuple[str, ...]) -> str:
    if len(named) == 1:
        return (
            f"{named[0]} is called as a part of a data set is, and taken for a class. If it is none, move it elsewhere."
        )
    return (
        f"{some(named)} are called as parts of a data set are, and taken for classes. If they are none, put "
        "what is to be learned from into one folder a sign."
    )


def _note(outer: Kind, inner: Kind, common: tuple[str, ...]) -> str:
    if inner == "parts":
        return (
            f"Each class holds parts of its own ({some(common)}): they are taken together, and the program splits them "
            "itself."
        )
    known = outer == "letters" or inner == "people" or (outer == "numbers" and inner == "words")
    if known:
        return (
            f"The classes hold folders of the same names ({some(common)}). If these are the people who signed, say so "
            "with data.groups=folder: then nobody stands on both sides of the split."
        )
    return (
        f"The folders hold folders of the same names ({some(common)}), so the outer ones may be people or parts of a "
        "set instead of classes. If the outer names are the signs and the inner ones people, say so with "
        "data.groups=folder; if the inner names are the signs, put these outermost: DATA/SIGN/PERSON/1.jpg."
    )
