"""What rows are judged by that were never shown: the same as from one system a fold, whatever the blocks."""

from functools import partial

import numpy as np
import pytest

from handshape.data import out_of_fold as module
from handshape.data.out_of_fold import Features, Numbers, Scaled, out_of_fold

COUNT, CLASSES = 230, 4


def rows(seed: int = 0) -> tuple[Features, Numbers, Numbers]:
    """Features around the centre of each class, in columns of any scale, one of them idle; classes; groups."""
    random = np.random.default_rng(seed)
    classes = random.integers(0, CLASSES, COUNT)
    features = random.normal(0, 3, (CLASSES, 9))[classes] + random.normal(0, 1, (COUNT, 9))
    features = features * 10.0 ** np.arange(-4, 5) + 7
    features[:, 4] = 7
    return features.astype(np.float32), classes, np.arange(COUNT) // 20


def told_at_once(features: Features, classes: Numbers, groups: Numbers | None, seed: int) -> Features:
    """All in float64, a ridge regression for each fold on all rows of the others."""
    spread = features.std(axis=0, dtype=np.float64)
    scaled = (features - features.mean(axis=0, dtype=np.float64)) / np.where(spread > 1e-6, spread, 1)
    random = np.random.default_rng(seed)
    folds = module._folds(classes, groups, random)
    phases = scaled @ module._frequencies(Scaled(features), random).astype(np.float64)
    lifted, wanted = np.hstack([np.cos(phases), np.sin(phases)]), np.eye(CLASSES)[classes]
    found = np.zeros((len(classes), CLASSES))
    for fold in np.unique(folds):
        held = folds == fold
        centre, mean = lifted[~held].mean(axis=0), wanted[~held].mean(axis=0)
        known = lifted[~held] - centre
        system = known.T @ known
        system += np.eye(len(system)) * (0.1 * np.trace(system) / len(system) + 1e-6)
        found[held] = (lifted[held] - centre) @ np.linalg.solve(system, known.T @ (wanted[~held] - mean)) + mean
    return found


@pytest.mark.parametrize("block", [7, 100, 2048])
@pytest.mark.parametrize("by_groups", [True, False])
def test_blocks_add_up_to_one_system_a_fold(block: int, by_groups: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "blocks", partial(module.blocks, each=block))
    features, classes, groups = rows()
    found = out_of_fold(Scaled(features), classes, groups if by_groups else None, seed=3)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, told_at_once(features, classes, groups if by_groups else None, 3), atol=1e-4)


def test_a_class_in_one_fold_alone_is_expected_of_nobody_there() -> None:
    features, classes, groups = rows()
    classes[groups == 0] = CLASSES
    found = out_of_fold(Scaled(features), classes, groups)
    np.testing.assert_array_equal(found[groups == 0, CLASSES], 0)


@pytest.mark.parametrize("start", [0.0, 5e4])
def test_columns_are_scaled_alike(start: float) -> None:
    features, _, _ = rows()
    features[:, 0] = np.linspace(start, start + 100, COUNT)
    scaled = Scaled(features)[:]
    np.testing.assert_allclose(scaled.mean(axis=0), 0, atol=1e-3)
    np.testing.assert_allclose(scaled.std(axis=0), np.arange(9) != 4, atol=1e-3)
    np.testing.assert_array_equal(Scaled(features)[np.array([5, 2])], scaled[[5, 2]])
