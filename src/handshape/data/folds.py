"""Folds for cross-validation: every row is tested once, by a model that learned from other groups."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from handshape.data.messages import counted
from handshape.data.samples import natural_key
from handshape.data.splits import Rows, Split
from handshape.errors import DataError

MIN_FOLDS = 3  # folds: to train, to validate, to test

Folds = NDArray[np.int64]  # [N], the fold in which each row is tested


def stratified_folds(targets: Rows, groups: Sequence[str], count: int, seed: int) -> Folds:
    """Folds of about equal size and mix of classes, no group in two of them: scikit-learn's StratifiedGroupKFold.

    Args:
        targets: [N] class numbers.
        groups: [N] names.
        count: of folds.
        seed: decides which groups go together.

    Raises:
        DataError: there are fewer groups than folds, or no class has as many images.
    """
    from sklearn.model_selection import GroupKFold, StratifiedGroupKFold

    names, numbers = np.unique(list(groups), return_inverse=True)
    largest = int(np.bincount(targets).max(initial=0))
    most = min(len(names), largest)
    if most < count:
        raise DataError(
            f"{count} folds need as many groups of images that belong together, and a class of as many images; found: "
            f"{counted(len(names), 'group', 'groups')}, and {largest:,} images in the largest class.",
            fix=f"{f'Use --folds {most}, or add' if most >= MIN_FOLDS else 'Add'} photographs of other people.",
        )
    stratified = StratifiedGroupKFold(count, shuffle=True, random_state=seed)
    for splitter in (
        stratified,
        GroupKFold(count, shuffle=True, random_state=seed),
    ):  # the first may leave a fold empty
        folds = np.zeros(len(targets), np.int64)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of classes with fewer images than folds: some lack them
            for fold, (_, tested) in enumerate(splitter.split(np.zeros(len(targets)), targets, numbers)):
                folds[tested] = fold
        if len(np.unique(folds)) == count:
            break
    return folds


def folds_by_group(groups: Sequence[str]) -> tuple[Folds, tuple[str, ...]]:
    """One fold a group, such as a signer, and the groups' names in the order of their folds."""
    names = tuple(sorted(set(groups), key=natural_key))
    number_of = {name: number for number, name in enumerate(names)}
    return np.array([number_of[group] for group in groups], np.int64), names


def splits_of(folds: Folds, targets: Rows, validation_share: float) -> Iterator[Split]:
    """One split a fold: it is tested, the next ones validate, the others train.

    What no fold that trains can teach, a class that those lack, is left out, and where it would be tested noted.

    Args:
        folds: [N].
        targets: [N] class numbers.
        validation_share: of all folds; at least one validates, and at least one trains.

    Raises:
        DataError: there are fewer than three folds, or nothing is left to test or to validate in one of them.
    """
    count = int(folds.max(initial=-1)) + 1
    if count < MIN_FOLDS:
        raise DataError(
            f"{counted(count, 'fold is', 'folds are')} too few: one trains, one validates and one is tested.",
            f"{MIN_FOLDS} folds or more",
        )
    validating = min(max(1, round(validation_share * count)), count - 2)
    for tested in range(count):
        ahead = (folds - tested) % count
        train = np.flatnonzero(ahead > validating)
        is_known = np.isin(targets, targets[train])
        test = np.flatnonzero((ahead == 0) & is_known)
        validation = np.flatnonzero((ahead > 0) & (ahead <= validating) & is_known)
        for rows, done in ((test, "tested"), (validation, "validated")):
            if not len(rows):
                raise DataError(
                    f"Fold {tested + 1}: nothing can be {done}, because no fold that trains shows one of the classes.",
                    fix="Use fewer folds, or add photographs of other people who show the same classes.",
                )
        unknown = int(((ahead == 0) & ~is_known).sum())
        what = counted(unknown, "image is", "images are")
        note = f"Fold {tested + 1}: {what} not tested, because no fold that trains shows the class."
        yield Split(train, validation, test, folds, (note,) if unknown else ())
