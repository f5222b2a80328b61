import hashlib

import numpy as np
import pytest

from handshape.console import Console
from handshape.files import PARTIAL
from handshape.hands.boxes import Box
from handshape.hands.cache import MANY_SHARDS, HandCache
from handshape.hands.landmarks import Hand


def hand(seed: int) -> Hand:
    random = np.random.default_rng(seed)
    landmarks, world = random.uniform(-1, 300, (2, 21, 3)).astype(np.float32)
    return Hand(Box(1.5, 2.5, 3.5, 3.5, -0.5), landmarks, world, "Left" if seed % 2 else "Right", 0.75, 0.5)


DIGESTS = [hashlib.sha256(bytes([number])).digest() for number in range(MANY_SHARDS + 4)]


def keep(folder, found, console=None):
    with HandCache(folder, console or Console(quiet=True)) as cache:
        for digest, one in found.items():
            cache.add(digest, one)


def kept(folder):
    with HandCache(folder, Console(quiet=True)) as cache:
        return {digest: cache[digest] for digest in DIGESTS if digest in cache}


def test_gives_back_what_was_kept(tmp_path):
    keep(tmp_path, {DIGESTS[0]: hand(0), DIGESTS[1]: hand(1), DIGESTS[2]: None})
    known = kept(tmp_path)
    assert set(known) == set(DIGESTS[:3])
    assert known[DIGESTS[2]] is None
    for seed in (0, 1):
        found, expected = known[DIGESTS[seed]], hand(seed)
        assert (found.box, found.handedness, found.score) == (expected.box, expected.handedness, expected.score)
        assert found.handedness_score == 0.75
        assert np.array_equal(found.landmarks, expected.landmarks)
        assert np.array_equal(found.world, expected.world)


def test_keeps_what_was_found_before_a_break(tmp_path, console):
    with pytest.raises(KeyboardInterrupt), HandCache(tmp_path, console) as cache:
        cache.add(DIGESTS[0], hand(0))
        raise KeyboardInterrupt
    assert set(kept(tmp_path)) == {DIGESTS[0]}


def test_passes_over_damaged_shards(tmp_path):
    keep(tmp_path, {DIGESTS[0]: hand(0)})
    (shard,) = tmp_path.iterdir()
    whole = shard.read_bytes()
    keep(tmp_path, {DIGESTS[1]: hand(1)})
    shard.write_bytes(whole[: len(whole) // 2])
    (tmp_path / "empty.npz").touch()
    flipped = bytearray(whole)
    flipped[len(whole) // 2] ^= 0xFF
    (tmp_path / "flipped.npz").write_bytes(flipped)
    np.savez(tmp_path / "foreign.npz", weights=np.ones(3))
    np.savez(tmp_path / "shape.npz", digests=np.zeros((2, 32), np.uint8), hands=np.zeros((2, 7), np.float32))
    np.savez(tmp_path / "objects.npz", digests=np.array([{}]), hands=np.array([{}]))
    (tmp_path / f"{PARTIAL}0.npz").write_bytes(whole)  # another program is writing it
    assert set(kept(tmp_path)) == {DIGESTS[1]}
    assert (tmp_path / f"{PARTIAL}0.npz").exists()


def test_many_shards_become_one(tmp_path):
    for number, digest in enumerate(DIGESTS):
        keep(tmp_path, {digest: hand(number), DIGESTS[0]: hand(0)})
    assert len(list(tmp_path.iterdir())) <= MANY_SHARDS
    known = kept(tmp_path)
    assert all(np.array_equal(known[digest].world, hand(number).world) for number, digest in enumerate(DIGESTS))


def test_a_folder_that_cannot_be_written_costs_a_warning(tmp_path, capsys):
    (tmp_path / "file").touch()
    keep(tmp_path / "file" / "below", {DIGESTS[0]: hand(0)}, Console(quiet=True))
    assert "not kept" in capsys.readouterr().err
