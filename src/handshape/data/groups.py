"""Who signed what: images of one group never stand on both sides of a split."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from handshape.console import Console
from handshape.data.bursts import Bursts, find_bursts
from handshape.data.check_report import SignerCount
from handshape.data.messages import counted, some
from handshape.data.near_duplicates import Similarity
from handshape.data.problems import MIN_SIGNERS
from handshape.data.samples import ImageFolder, Sample, natural_key
from handshape.data.signer_table import read_signers
from handshape.data.tables import path_key
from handshape.errors import DataError, SettingsError

Grouping = Literal["signer", "burst", "none"]
_SESSION = "(?P<session>"  # in a rule
SIGNERS_FILE = "signers.csv"  # in the folder of photographs, where ``auto`` looks first

_RULES = (
    "auto, none, folder, the path of a .csv with the columns path,signer, or a regular expression with (?P<signer>…) "
    "or (?P<session>…)"
)


@dataclass(frozen=True)
class Groups:
    """Which samples belong together.

    Attributes:
        of: the group of each sample, by its path.
        grouping: what a group is: one signer; a burst of look-alikes, where nobody says who signed; one image.
        description: the same for people, as "split …" goes on.
        table: the folder's own table of signers, where ``auto`` went by it.
        warning: why ``auto`` did not go by the table that lies there.
    """

    of: Mapping[str, str]
    grouping: Grouping
    description: str
    table: Path | None = None
    warning: str = ""

    @property
    def are_signers(self) -> bool:
        """Whether the groups are people."""
        return self.grouping == "signer"

    def announce(self, console: Console) -> None:
        """Says aloud which table ``auto`` found, and what is wrong with it."""
        if self.table:
            console.status("check", f"Signers: {self.table} names {len(set(self.of.values()))}")
        if self.warning:
            console.warn(self.warning)


def group_samples(
    folder: ImageFolder,
    samples: Sequence[Sample],
    rule: str,
    digests: Mapping[str, str],
    similarity: Similarity | None = None,
) -> Groups:
    """Groups the samples by a rule.

    Args:
        folder: where the samples lie.
        samples: those to be split.
        rule: ``auto`` (the folder's own ``signers.csv``, where it names the signer of every sample; else
            byte-identical images, near-copies and bursts form groups), ``none`` (each image is its own), ``folder``
            (CLASS/SIGNER/image), the path of a .csv file with the columns ``path,signer``, or a regular expression with
            ``(?P<signer>…)`` that is searched in the path; with ``(?P<session>…)`` in its place groups are what was
            photographed at one time, whoever signed.
        digests: SHA-256 by path; ``auto`` puts equal ones together.
        similarity: of the samples, row by row; without it ``auto`` knows byte-identical copies only.

    Raises:
        SettingsError: the rule is none of these, or its file or expression is at fault.
        DataError: images whose signer the rule does not say, or fewer than three signers.
    """
    if rule == "none":
        return Groups({sample.path: sample.path for sample in samples}, "none", "at random")
    if rule == "auto":
        by_table = _by_own_table(folder, samples)
        if isinstance(by_table, Groups):
            return by_table
        return replace(_by_likeness(samples, digests, similarity), warning=by_table)
    named = _by_signer(samples, f"data.groups='{rule}' finds", _naming(rule, folder))
    return _as_sessions(named) if _SESSION in rule else named


def require_rule(folder: ImageFolder, rule: str) -> None:
    """Passes where :func:`group_samples` may follow a rule, by the names alone: images take long to read.

    Raises:
        SettingsError: as there.
        DataError: the rule names fewer than three signers, whichever images turn out to be usable.
    """
    if rule in ("none", "auto"):
        return
    naming = _naming(rule, folder)
    paths = [sample.path for sample in folder.samples]
    signers = {naming.signer_of(path) for path in paths} - {""}
    if paths and not signers:
        raise naming.error(f"{len(paths):,} of {len(paths):,}", some(paths))
    if paths:
        _require_several(f"data.groups='{rule}' finds", signers)


def count_signers(samples: Sequence[Sample], groups: Mapping[str, str]) -> dict[str, SignerCount]:
    """How many images each signer has, and which classes lack one, by name in natural order."""
    classes = dict.fromkeys(sample.label for sample in samples)
    shown: dict[str, list[str]] = defaultdict(list)
    for sample in samples:
        shown[groups[sample.path]].append(sample.label)
    return {
        signer: SignerCount(len(shown[signer]), tuple(label for label in classes if label not in shown[signer]))
        for signer in sorted(shown, key=natural_key)
    }


def _by_own_table(folder: ImageFolder, samples: Sequence[Sample]) -> Groups | str:
    """By the table of signers that lies in the folder, or what is wrong with it; nothing is, where there is none."""
    table = folder.root / SIGNERS_FILE
    if not samples or not table.is_file():
        return ""
    try:
        return replace(_by_signer(samples, f"{table} names", _by_table(table, folder)), table=table)
    except (DataError, SettingsError) as error:
        return f"{error.happened} Expected: {error.expected}. As it is, the split does not know who signed what."


def _by_signer(samples: Sequence[Sample], subject: str, naming: _Naming) -> Groups:
    groups = {sample.path: naming.signer_of(sample.path) for sample in samples}
    unnamed = [path for path, signer in groups.items() if not signer]
    if unnamed:
        raise naming.error(f"{len(unnamed):,} of {len(samples):,}", some(unnamed))
    _require_several(subject, groups.values())
    return Groups(groups, "signer", f"by signer ({len(set(groups.values()))} signers)")


def _by_likeness(samples: Sequence[Sample], digests: Mapping[str, str], similarity: Similarity | None) -> Groups:
    if similarity is None:
        return Groups(_copies(samples, digests), "burst", "at random; byte-identical copies kept together")
    bursts = find_bursts(samples, similarity, digests)
    return Groups(dict(bursts.group_of), "burst", _in_words(bursts, len(samples)))


def _as_sessions(groups: Groups) -> Groups:
    words = f"by session ({len(set(groups.of.values()))} sessions); the same people stand on both sides"
    return replace(groups, grouping="burst", description=words)


def _copies(samples: Sequence[Sample], digests: Mapping[str, str]) -> dict[str, str]:
    """A group is named after its first image."""
    first: dict[str, str] = {}
    return {sample.path: first.setdefault(digests.get(sample.path, sample.path), sample.path) for sample in samples}


def _in_words(bursts: Bursts, images: int) -> str:
    if not bursts.bursts:
        return "at random; no two images look alike"
    count = counted(bursts.bursts, "burst", "bursts")
    words = (
        f"at random, {count} of look-alikes ({bursts.images:,} of {images:,} images) kept whole; the same people may "
        "stand on both sides"
    )
    if bursts.cut:
        words += (
            f"; nearly all images of {counted(len(bursts.cut), 'class', 'classes')} look alike ({some(bursts.cut)}), "
            "so these were cut into stretches of neighbours, and near-copies stand on both sides too"
        )
    return words


@dataclass(frozen=True)
class _Naming:
    """How a rule names signers.

    Attributes:
        signer_of: whose image is at a path; "" where the rule does not say.
        error: what to tell a user whose rule does not say it of, for example, "3 of 40" images, and which these are.
    """

    signer_of: Callable[[str], str]
    error: Callable[[str, str], DataError]


def _naming(rule: str, folder: ImageFolder) -> _Naming:
    if rule == "folder":
        return _by_folder()
    if rule.lower().endswith(".csv"):
        return _by_table(Path(rule).expanduser(), folder)
    return _by_pattern(rule)


def _by_folder() -> _Naming:
    def signer_of(path: str) -> str:
        _, *folders, _ = path.split("/")
        return folders[0] if folders else ""

    def unnamed(how_many: str, which: str) -> DataError:
        return DataError(
            f"data.groups=folder, but {how_many} images lie in no signer's folder: {which}.",
            "CLASS/SIGNER/image.jpg",
            "Move them into folders named after their signers, or choose data.groups=auto.",
        )

    return _Naming(signer_of, unnamed)


def _by_pattern(rule: str) -> _Naming:
    if "(?P<" not in rule:
        raise SettingsError(f"The setting data.groups cannot be '{rule}'.", _RULES)
    try:
        pattern = re.compile(rule)
    except re.error as error:
        raise SettingsError(
            f"data.groups is not a regular expression: {error} in '{rule}'.",
            r"for example '(?P<signer>hand\d+)_' or '/(?P<signer>[^_/]+)_[^/]*$'",
        ) from None
    kind = next((kind for kind in ("signer", "session") if kind in pattern.groupindex), "")
    if not kind:
        raise SettingsError(
            f"The regular expression '{rule}' has no group named signer.",
            "(?P<signer>…) around the part of the path that names the signer",
        )

    def signer_of(path: str) -> str:
        match = pattern.search(path)
        return (match[kind] or "") if match else ""

    def unnamed(how_many: str, which: str) -> DataError:
        return DataError(
            f"The expression '{rule}' finds no signer in {how_many} paths: {which}.",
            "a signer in every path, such as A/anna_1.jpg",
            "Widen the expression; it is searched in CLASS/…/file.",
        )

    return _Naming(signer_of, unnamed)


def _by_table(table: Path, folder: ImageFolder) -> _Naming:
    signers = read_signers(table)

    def unnamed(how_many: str, which: str) -> DataError:
        return DataError(
            f"{table} names no signer for {how_many} images: {which}.",
            f"a line for every image, its path relative to {folder.root}; the first path in the table is "
            f"'{next(iter(signers), 'nothing')}'",
            "Add the missing lines, or correct the paths.",
        )

    return _Naming(lambda path: signers.get(path_key(path), ""), unnamed)


def _require_several(subject: str, named: Iterable[str]) -> None:
    """``subject`` is what names them, as the message begins."""
    signers = sorted(set(named))
    if len(signers) < MIN_SIGNERS:
        raise DataError(
            f"{subject} only {counted(len(signers), 'signer', 'signers')}: {', '.join(signers)}.",
            f"at least {MIN_SIGNERS} signers, one each for training, validation and test",
            "Add photographs of other people, or choose data.groups=auto: then the test says how well these people "
            "are recognised, not how well others are.",
        )
