import hashlib
import os
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from handshape.console import Console
from handshape.hands import cache as hands_cache
from handshape.hands.boxes import Box
from handshape.hands.cache import HandCache
from handshape.hands.landmarks import FEATURES, Hand

DIGESTS = [hashlib.sha256(bytes([number])).digest() for number in range(30)]


def hand(seed: int) -> Hand:
    random = np.random.default_rng(seed)
    landmarks, world = random.uniform(-1, 300, (2, 21, 3)).astype(np.float32)
    features = random.normal(0, 4, FEATURES).astype(np.float16)
    side = "Left" if seed % 2 else "Right"
    return Hand(Box(1.5, 2.5, 3.5, 3.5, -0.5), landmarks, world, side, 0.75, 0.5, seed % 3 == 0, features)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "hands" / "found.sqlite"


def keep(file: Path, found: dict[bytes, Hand | None]) -> None:
    with HandCache(file, Console(quiet=True)) as cache:
        for digest, one in found.items():
            cache.add(digest, one)


def kept(file: Path) -> dict[bytes, Hand | None]:
    with HandCache(file, Console(quiet=True)) as cache:
        found = {digest: cache.get(digest) for digest in DIGESTS}
    return {digest: each[0] for digest, each in found.items() if each}


def require_same(found: Hand | None, expected: Hand) -> None:
    assert found is not None
    for name in ("box", "handedness", "handedness_score", "score", "has_company"):
        assert getattr(found, name) == getattr(expected, name)
    for name in ("landmarks", "world", "features"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))
        assert getattr(found, name).dtype == getattr(expected, name).dtype


def test_gives_back_what_was_kept(file: Path) -> None:
    keep(file, {DIGESTS[0]: hand(0), DIGESTS[1]: hand(1), DIGESTS[2]: None})
    known = kept(file)
    assert set(known) == set(DIGESTS[:3])
    assert known[DIGESTS[2]] is None
    for seed in (0, 1):
        require_same(known[DIGESTS[seed]], hand(seed))


def test_knows_what_was_just_added(file: Path, console: Console) -> None:
    with HandCache(file, console) as cache:
        assert cache.get(DIGESTS[0]) is None
        cache.add(DIGESTS[0], None)
        assert cache.get(DIGESTS[0]) == (None,)


def test_writes_every_few_seconds(file: Path, console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    with HandCache(file, console) as cache:
        cache.add(DIGESTS[0], hand(0))
        assert not kept(file)
        monkeypatch.setattr(hands_cache, "KEEP_EVERY_S", 0.0)
        cache.add(DIGESTS[1], hand(1))
        assert set(kept(file)) == set(DIGESTS[:2])


def test_keeps_what_was_found_before_a_break(file: Path, console: Console) -> None:
    with pytest.raises(KeyboardInterrupt), HandCache(file, console) as cache:
        cache.add(DIGESTS[0], hand(0))
        raise KeyboardInterrupt
    assert set(kept(file)) == {DIGESTS[0]}


def test_a_program_that_is_killed_leaves_what_it_had_written(file: Path) -> None:
    keep(file, {DIGESTS[0]: hand(0)})
    code = f"""
import os
from pathlib import Path
from handshape.console import Console
from handshape.hands import cache
cache.KEEP_EVERY_S = 0.0
opened = cache.HandCache(Path({str(file)!r}), Console(quiet=True)).__enter__()
opened.add({DIGESTS[1]!r}, None)
opened.add({DIGESTS[2]!r}, None)
os._exit(9)
"""
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 9
    known = kept(file)
    assert set(known) == set(DIGESTS[:3])
    require_same(known[DIGESTS[0]], hand(0))


@pytest.mark.parametrize("damage", ["foreign", "cut", "overwritten", "middle", "zeros", "short"])
def test_a_damaged_file_is_replaced(damage: str, file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    keep(file, {DIGESTS[number]: hand(number) for number in range(9)})
    whole = file.read_bytes()
    half = len(whole) // 2
    contents = {
        "foreign": b"no database" * 99,
        "cut": whole[:half],
        "overwritten": b"\xff" * 4096 + whole[4096:],
        "middle": whole[:8192] + b"\xff" * (len(whole) - 8192),
        "zeros": whole[:4096] + bytes(len(whole) - 4096),
        "short": whole,
    }
    file.write_bytes(contents[damage])
    if damage == "short":
        with sqlite3.connect(file) as database:
            database.execute("UPDATE hands SET features = x'00'")
        database.close()
    assert set(kept(file)) <= set(DIGESTS[:9])
    keep(file, {DIGESTS[9]: hand(9)})
    require_same(kept(file)[DIGESTS[9]], hand(9))
    assert [each.name for each in file.parent.iterdir()] == [file.name]
    assert not capsys.readouterr().err  # nobody has to do anything


def test_the_oldest_make_room(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hands_cache, "LIMIT", 200_000)  # bytes, of which a hand takes some 20,000
    for number, digest in enumerate(DIGESTS):
        keep(file, {digest: hand(number)})
    known = list(kept(file))
    assert known == DIGESTS[-len(known) :]
    assert 5 < len(known) < 15
    assert file.stat().st_size < 300_000


def test_many_programs_at_a_time(file: Path) -> None:
    def add(start: int) -> None:
        for number in range(start, len(DIGESTS), 3):
            keep(file, {DIGESTS[number]: hand(number), DIGESTS[0]: hand(0)})

    threads = [threading.Thread(target=add, args=(start,)) for start in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    known = kept(file)
    assert set(known) == set(DIGESTS)
    for number, digest in enumerate(DIGESTS):
        require_same(known[digest], hand(number))


def test_what_another_program_keeps_is_known_at_once(file: Path, console: Console) -> None:
    with HandCache(file, console) as cache:
        assert cache.get(DIGESTS[0]) is None
        keep(file, {DIGESTS[0]: hand(0)})
        require_same((cache.get(DIGESTS[0]) or (None,))[0], hand(0))


def test_a_folder_that_cannot_be_written_costs_a_warning(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "taken").touch()
    with HandCache(tmp_path / "taken" / "found.sqlite", Console(quiet=True)) as cache:
        for number in (0, 1):
            cache.add(DIGESTS[number], None)
            assert cache.get(DIGESTS[number]) == (None,)  # until it is written, it is known
    assert capsys.readouterr().err.count("not kept") == 1


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_a_file_that_may_only_be_read_is_read(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    keep(file, {DIGESTS[0]: hand(0)})
    file.chmod(0o400)
    file.parent.chmod(0o500)
    try:
        keep(file, {DIGESTS[1]: hand(1)})
        assert capsys.readouterr().err.count("not kept") == 1
        assert set(kept(file)) == {DIGESTS[0]}
    finally:
        file.parent.chmod(0o700)
