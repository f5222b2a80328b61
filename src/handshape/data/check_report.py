"""What a check of the photographs found, as values."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handshape.data.label_table import Corrections
from handshape.data.near_duplicates import Numbers, Similarity
from handshape.data.samples import Sample

Paths = tuple[str, ...]


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong, and what to do about it.

    Attributes:
        what: how many, which ones.
        remedy: what to do, and what the program does meanwhile.
        fatal: nothing can be trained before it is mended.
    """

    what: str
    remedy: str
    fatal: bool = False

    @property
    def text(self) -> str:
        """Both in one line."""
        return f"{self.what} {self.remedy}".rstrip()


@dataclass(frozen=True)
class LabelIssue:
    """A label that other people's photographs speak against.

    Attributes:
        path: the image.
        label: the class it lies in.
        suggested: the class it looks like.
        confidence: the probability of that class, 0-1.
    """

    path: str
    label: str
    suggested: str
    confidence: float

    def as_dict(self) -> dict[str, Any]:
        """The values for JSON."""
        return {
            "path": self.path,
            "label": self.label,
            "suggested": self.suggested,
            "confidence": round(self.confidence, 3),
        }


@dataclass(frozen=True)
class SignerCount:
    """What one person signed.

    Attributes:
        images: usable images.
        absent: classes without one.
    """

    images: int
    absent: Paths

    def as_dict(self) -> dict[str, Any]:
        """The values for JSON."""
        return {"images": self.images, "absent_classes": list(self.absent)}


@dataclass(frozen=True)
class Traits:
    """What is odd about usable images, by the images that are so.

    Attributes:
        blank: one colour and nothing else.
        faint: for each image of a few grey levels, how many of 256.
        stretched: for each 16-bit image that was stretched, how many of 256 grey levels it would have used.
        two_tone: black and white without grey.
        sequences: of several frames or pages, of which the first is taken.
    """

    blank: Paths = ()
    faint: Mapping[str, int] = field(default_factory=dict)
    stretched: Mapping[str, int] = field(default_factory=dict)
    two_tone: Paths = ()
    sequences: Paths = ()

    @property
    def odd(self) -> Paths:
        """Images in which no hand can be expected."""
        return (*self.blank, *self.faint, *self.stretched, *self.two_tone)

    def as_dict(self) -> dict[str, Any]:
        """The values for JSON."""
        return {
            "blank": list(self.blank),
            "faint": dict(self.faint),
            "stretched": dict(self.stretched),
            "two_tone": list(self.two_tone),
            "several_frames": list(self.sequences),
        }


@dataclass(frozen=True)
class CheckReport:
    """What a check found. Paths are relative to the folder.

    Attributes:
        classes: images a class by name, whether usable or not.
        usable_samples: every image that can be decoded, in the order of the folder.
        reasons: for each image that cannot be used, why.
        duplicates: groups of byte-identical images.
        conflicts: those of them that lie in more than one class.
        tiny: usable, but with a side under 32 pixels.
        misnamed: usable, but of another format than the name says.
        strays: files that are left out, as :class:`~handshape.data.samples.ImageFolder` says.
        digests: SHA-256 of each usable image.
        similarity: how alike the usable images are, row by row.
        thumbnails: [N, 256] uint8, what near-duplicates of the usable images are told by.
        traits: what is odd about usable images.
        beside: papers that lie beside the class folders, which nobody reads.
        alike_names: groups of class folders whose names people read alike.
        corrections: what the folder's ``labels.csv`` says; labels are as it says, and nobody is asked again about those
            that somebody has decided on.
        label_issues: labels that are probably wrong, the clearest first; None where nobody looked for them.
        typical: of each class, images that the others of it look like, none of them in doubt; empty where nobody
            looked.
        twins: pairs of classes that look the same; None where nobody looked for them.
        two_hands: classes in which a second hand is seen, each with in how many images; None where no hands were
            looked for.
        signers: what each signer showed; empty where it is not known who signed what.
        findings: the problems, those that prevent training first.
    """

    classes: Mapping[str, int]
    usable_samples: tuple[Sample, ...]
    reasons: Mapping[str, str]
    duplicates: tuple[Paths, ...]
    conflicts: tuple[Paths, ...]
    tiny: Paths
    misnamed: Paths
    strays: Paths
    digests: Mapping[str, str]
    similarity: Similarity = field(repr=False, compare=False)
    thumbnails: NDArray[np.uint8] = field(repr=False, compare=False)
    traits: Traits = field(default_factory=Traits)
    beside: Paths = ()
    alike_names: tuple[Paths, ...] = ()
    corrections: Corrections = field(default_factory=Corrections)
    label_issues: tuple[LabelIssue, ...] | None = None
    typical: Mapping[str, Paths] = field(default_factory=dict, repr=False, compare=False)
    twins: tuple[tuple[str, str], ...] | None = None
    two_hands: Mapping[str, int] | None = None
    signers: Mapping[str, SignerCount] = field(default_factory=dict)
    findings: tuple[Problem, ...] = ()

    @property
    def images(self) -> int:
        """Files that are images by name."""
        return sum(self.classes.values())

    @property
    def usable(self) -> int:
        """Images that can be decoded."""
        return len(self.usable_samples)

    @property
    def usable_counts(self) -> dict[str, int]:
        """Usable images a class."""
        found = Counter(sample.label for sample in self.usable_samples)
        return {label: found[label] for label in self.classes}

    @property
    def class_of(self) -> dict[str, str]:
        """The class of each usable image, by its path."""
        return {sample.path: sample.label for sample in self.usable_samples}

    @property
    def usable_classes(self) -> Paths:
        """Classes with at least one usable image."""
        return tuple(label for label, count in self.usable_counts.items() if count)

    @property
    def corrupt(self) -> Paths:
        """Images that cannot be used."""
        return tuple(self.reasons)

    @property
    def near_duplicates(self) -> tuple[Paths, ...]:
        """Groups of images that look almost the same, byte-identical ones aside: each is like another of its group."""
        return self._alike(self.similarity.near_duplicates)

    @property
    def near_duplicate_share(self) -> float:
        """The share of usable images that look almost like another, 0-1."""
        return sum(map(len, self.near_duplicates)) / max(1, self.usable)

    @property
    def near_conflicts(self) -> tuple[Paths, ...]:
        """Groups of images that are surely one picture, stored anew, in more than one class."""
        class_of = self.class_of
        return tuple(
            group for group in self._alike(self.similarity.same) if len({class_of[path] for path in group}) > 1
        )

    @property
    def empty_classes(self) -> Paths:
        """Class folders without images."""
        return tuple(label for label, count in self.classes.items() if count == 0)

    @property
    def imbalance(self) -> float:
        """Usable images of the largest class over those of the smallest that has any; 1.0 is balanced."""
        filled = [count for count in self.usable_counts.values() if count]
        return max(filled) / min(filled) if filled else 1.0

    @property
    def problems(self) -> tuple[str, ...]:
        """Every problem in plain words."""
        return tuple(problem.text for problem in self.findings)

    @property
    def fatal(self) -> tuple[str, ...]:
        """The problems that prevent training."""
        return tuple(problem.text for problem in self.findings if problem.fatal)

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.findings

    def as_dict(self) -> dict[str, Any]:
        """The report as JSON values."""
        return {
            "classes": dict(self.classes),
            "images": self.images,
            "usable": self.usable,
            "corrupt": list(self.corrupt),
            "empty_classes": list(self.empty_classes),
            "duplicates": [list(group) for group in self.duplicates],
            "conflicts": [list(group) for group in self.conflicts],
            "near_duplicates": [list(group) for group in self.near_duplicates],
            "near_duplicate_share": round(self.near_duplicate_share, 4),
            "near_conflicts": [list(group) for group in self.near_conflicts],
            "label_issues": None if self.label_issues is None else [issue.as_dict() for issue in self.label_issues],
            "twins": None if self.twins is None else [list(pair) for pair in self.twins],
            "two_hands": None if self.two_hands is None else dict(self.two_hands),
            "signers": {signer: count.as_dict() for signer, count in self.signers.items()},
            "tiny": list(self.tiny),
            "misnamed": list(self.misnamed),
            "strays": list(self.strays),
            "beside": list(self.beside),
            "alike_names": [list(names) for names in self.alike_names],
            "corrections": self.corrections.as_dict(),
            "traits": self.traits.as_dict(),
            "imbalance": round(self.imbalance, 3),
            "problems": list(self.problems),
            "ok": self.ok,
        }

    def _alike(self, clusters: Numbers) -> tuple[Paths, ...]:
        """The clusters that hold more than copies of the same bytes."""
        groups: dict[int, list[str]] = defaultdict(list)
        for sample, cluster in zip(self.usable_samples, clusters.tolist(), strict=True):
            groups[cluster].append(sample.path)
        return tuple(tuple(paths) for paths in groups.values() if len({self.digests[path] for path in paths}) > 1)
