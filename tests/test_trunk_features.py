"""Trunk features: each view of each image goes through the frozen trunk once, and cells lend each other nothing."""

from dataclasses import dataclass, field, replace

import numpy as np
import pytest

keras = pytest.importorskip("keras")

from helpers import SIZE, STILL, new_pixel_stream, started_runtime, trunk_features, untrained_stream

from handshape.config import AugmentationSettings
from handshape.hands.crops import points_in_crops
from handshape.hands.known_hands import load_known_hands
from handshape.training import features as module
from handshape.training.augment import Augmenter
from handshape.training.augment.affine import warp
from handshape.training.features import TrunkFeatures
from handshape.training.trunks import copied, frozen_trunk

CELLS = np.array([0, 1, 0, 2, 1, 0, 2, 0])
COLOURS = np.array([[207, 31, 59], [23, 191, 83], [41, 67, 223]], np.uint8)  # of the cells
NONE = np.empty(0, np.int64)


@dataclass
class Trunks:
    """Stands in for the network; notes how often it was made, and what it was shown."""

    made: int = 0
    shown: list[np.ndarray] = field(default_factory=list)

    def make(self, model, runtime, console):
        self.made += 1
        return self.run

    def run(self, images, affines=None):
        """Numbers by which images can be told apart, as both outputs."""
        images = images if affines is None else warp(images, affines)
        self.shown.append(np.asarray(images))
        return images.mean(axis=(1, 2, 3))[:, None] - 127.5, images.std(axis=(1, 2, 3))[:, None, None, None]

    def count(self) -> int:
        """Images shown since the last count."""
        images, self.shown = sum(map(len, self.shown)), []
        return images


@pytest.fixture
def trunks(monkeypatch) -> Trunks:
    stand_in = Trunks()
    monkeypatch.setattr(module, "frozen_trunk", stand_in.make)
    return stand_in


def noise(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Images, and points that show no hand."""
    images = np.random.default_rng(0).integers(0, 256, (count, SIZE, SIZE, 3), dtype=np.uint8)
    return images, np.full((count, 21, 2), np.nan, np.float32)


def features_in(folder, views=3) -> TrunkFeatures:
    return trunk_features(*noise(len(CELLS)), CELLS, folder, views=views)


def rows_of(*cells: int) -> np.ndarray:
    return np.flatnonzero(np.isin(CELLS, cells))


def require_same(one: TrunkFeatures, other: TrunkFeatures) -> None:
    np.testing.assert_array_equal(one.pooled, other.pooled)
    np.testing.assert_array_equal(one.cut, other.cut)


def test_each_view_is_computed_once_cell_by_cell(trunks, tmp_path, console):
    features = features_in(tmp_path)
    assert trunks.made == 0
    for rows, augmented, expected in (
        (rows_of(1), rows_of(0), 3 * 4 + 2),  # training on cell 0, validation on cell 1
        (rows_of(1), rows_of(0), 0),
        (rows_of(1), rows_of(0)[:1], 0),
        (rows_of(1), rows_of(0, 1), 2 * 2),  # as they are, they are known
        (rows_of(2)[:1], NONE, 1),
        (NONE, rows_of(2)[:1], 3 * 2 - 1),  # of a cell all or nothing: what lends backgrounds is always the same
        (np.arange(8), np.arange(8), 0),
    ):
        features.compute(rows, augmented, console)
        assert trunks.count() == expected
    assert trunks.made == 1


def test_what_was_computed_does_not_depend_on_the_order(trunks, tmp_path, console):
    one, other = features_in(tmp_path / "one"), features_in(tmp_path / "other")
    one.compute(np.arange(8), np.arange(8), console)
    for cell in (2, 0, 1):
        other.compute(rows_of(cell)[:1], NONE, console)
        other.compute(NONE, rows_of(cell), console)
    require_same(one, other)
    assert len(np.unique(one.pooled)) == 3 * 8  # every view is one of its own


def test_views_that_nobody_is_shown_are_left_out(trunks, tmp_path, console):
    shown = np.random.default_rng(1).random((3, 8)) < 0.4
    some, all_views = features_in(tmp_path / "some"), features_in(tmp_path / "all")
    all_views.compute(np.arange(8), np.arange(8), console)
    trunks.count()
    some.compute(rows_of(1), rows_of(0), console, shown)
    computed = shown & (CELLS == 0)
    computed[0] |= CELLS == 1
    assert trunks.count() == computed.sum()
    np.testing.assert_array_equal(some.pooled, np.where(computed[..., None], all_views.pooled, 0))
    some.compute(NONE, rows_of(0), console)
    np.testing.assert_array_equal(some.cut[:, CELLS == 0], all_views.cut[:, CELLS == 0])


def test_views_that_are_drawn_anew_are_not_kept(trunks, tmp_path, console):
    features = features_in(tmp_path, views=0)
    features.compute(rows_of(1), NONE, console)
    assert (features.views, features.pooled.shape[:2], trunks.count()) == (1, (1, 8), 2)


@pytest.mark.parametrize(("cells", "may_mix"), [(CELLS, False), (np.zeros(8, int), True)])
def test_backgrounds_come_from_the_same_cell(cells, may_mix, trunks, tmp_path, console):
    images = np.broadcast_to(COLOURS[CELLS][:, None, None], (8, SIZE, SIZE, 3))
    points = points_in_crops(load_known_hands()[0][:8], SIZE)
    features = trunk_features(images, points, cells, tmp_path, **STILL, background=True, light=False, views=40)
    features.compute(NONE, np.arange(8), console)
    shown = np.concatenate(trunks.shown)
    shares = np.array([(shown == colour).all(axis=-1).mean(axis=(1, 2)) for colour in COLOURS])
    colours = (shares > 0.05).sum(axis=0)  # of cells, in each picture; its own hand has one
    assert len(colours) == 40 * 8
    assert colours.min() == 1
    assert bool(colours.max() > 1) == may_mix


def test_they_are_found_again(trunks, tmp_path, console):
    first = features_in(tmp_path)
    first.compute(rows_of(1), rows_of(0), console)
    assert trunks.count() > 0
    again = features_in(tmp_path)
    again.compute(rows_of(1), rows_of(0), console)
    assert (trunks.made, trunks.count()) == (1, 0)
    require_same(again, first)
    again.compute(NONE, rows_of(1), console)
    assert (trunks.made, trunks.count()) == (2, 2 * 2)


def test_renewed_ones_are_of_other_views_of_the_same_images(trunks, tmp_path, console):
    first = features_in(tmp_path)
    first.compute(np.arange(8), np.arange(8), console)
    for known in (False, True):
        trunks.count()
        renewed = (features_in(tmp_path) if known else first).renewed(untrained_stream(), np.arange(8))
        renewed.compute(np.arange(8), np.arange(8), console)
        assert (trunks.made, trunks.count()) == (1, 0 if known else 2 * 8)  # as they are, they are known
        np.testing.assert_array_equal(renewed.pooled[0], first.pooled[0])
        assert not np.isin(renewed.pooled[1:], first.pooled[1:]).any()


def test_renewed_ones_of_some_images_mix_these_alone(trunks, tmp_path, console):
    others = features_in(tmp_path).renewed(untrained_stream(), np.arange(8))
    others.compute(NONE, np.arange(8), console)
    trunks.count()
    renewed = features_in(tmp_path).renewed(untrained_stream(), rows_of(0))  # what is kept of others is not theirs
    renewed.compute(rows_of(1), rows_of(0), console)
    assert trunks.count() == 3 * 4 + 2


def test_programs_that_run_at_the_same_time_share_them(trunks, tmp_path, console):
    one, other = features_in(tmp_path), features_in(tmp_path)
    one.compute(NONE, rows_of(0), console)
    other.compute(NONE, rows_of(1, 2), console)
    trunks.count()
    third = features_in(tmp_path)
    third.compute(np.arange(8), np.arange(8), console)
    assert trunks.count() == 0
    alone = features_in(tmp_path / "alone")
    alone.compute(np.arange(8), np.arange(8), console)
    for each in (one, other, third):
        require_same(each, alone)


def remove(file):
    file.unlink()


def cut_short(file):
    file.write_bytes(file.read_bytes()[:-1])


def empty(file):
    file.write_bytes(b"")


def other_shape(file):
    array = np.load(file)
    np.save(file, np.ones((*array.shape[:-1], array.shape[-1] + 1), array.dtype))


def other_kind(file):
    np.save(file, np.load(file).astype(np.float64))


@pytest.mark.parametrize("damage", [remove, cut_short, empty, other_shape, other_kind])
@pytest.mark.parametrize("name", ["done.npy", "pooled.npy", "cut.npy"])
def test_what_is_not_whole_is_computed_again(name, damage, trunks, tmp_path, console):
    first = features_in(tmp_path)
    first.compute(np.arange(8), np.arange(8), console)
    pooled, cut = (np.array(each) for each in (first.pooled, first.cut))
    trunks.count()
    first.pooled[:], first.cut[:] = 0, 0
    damage(tmp_path / name)
    again = features_in(tmp_path)
    again.compute(np.arange(8), np.arange(8), console)
    assert trunks.count() == 3 * 8
    np.testing.assert_array_equal(again.pooled, pooled)
    np.testing.assert_array_equal(again.cut, cut)


def test_a_computation_that_was_stopped_begins_again(trunks, tmp_path, console, monkeypatch):
    run = Trunks.run

    def stop(self, images, affines=None):
        if self.shown:
            raise KeyboardInterrupt
        return run(self, images, affines)

    monkeypatch.setattr(Trunks, "run", stop)
    with pytest.raises(KeyboardInterrupt):
        features_in(tmp_path).compute(np.arange(8), np.arange(8), console)
    monkeypatch.setattr(Trunks, "run", run)
    trunks.count()
    features_in(tmp_path).compute(np.arange(8), np.arange(8), console)
    assert trunks.count() == 3 * 8


@pytest.mark.parametrize("accelerator", ["", "one that is pretended"])
def test_they_are_the_trunks_whatever_the_stream_learned_meanwhile(accelerator, tmp_path, console):
    stream, runtime = new_pixel_stream(), replace(started_runtime(), accelerator=accelerator, xla=False)
    images, points = noise(4)
    pooled, cut = stream.trunk.predict(images.astype(np.float32), verbose=0)
    augmenter = Augmenter(images, points, AugmentationSettings())
    features = TrunkFeatures(stream, augmenter, np.zeros(4, int), 0, runtime, tmp_path)
    stream.backbone.tail.set_weights([0 * weights for weights in stream.backbone.tail.get_weights()])
    features.compute(np.arange(4), NONE, console)
    np.testing.assert_allclose(features.pooled[0], pooled, atol=5e-3)
    np.testing.assert_allclose(features.cut[0], cut, atol=5e-3, rtol=5e-3)
    renewed = features.renewed(stream, np.arange(4))
    renewed.compute(np.arange(4), NONE, console)
    np.testing.assert_array_equal(renewed.pooled[0], features.pooled[0])


def test_the_trunk_halves_its_calls_when_memory_runs_out(console, monkeypatch, capsys):
    runtime = replace(started_runtime(), accelerator="one that is pretended", xla=False)
    trunk = frozen_trunk(copied(untrained_stream().trunk), runtime, console)
    images, _ = noise(24)
    whole = trunk(images)
    predict = keras.Model.predict_on_batch

    def small_memory(self, images):
        if len(images) > 7:
            raise RuntimeError("RESOURCE_EXHAUSTED: Out of memory")
        return predict(self, images)

    monkeypatch.setattr(keras.Model, "predict_on_batch", small_memory)
    for one, other in zip(trunk(images), whole, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-4)
    assert "memory ran out at 24 images a call" in capsys.readouterr().err
