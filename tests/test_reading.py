"""Files, read once: what opening them showed, the hands in them, and what a classifier is shown."""

import hashlib
import math
import os
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import encoded, fill, hand_at, pretended_search, square_of
from hypothesis import given, settings
from hypothesis import strategies as st

from handshape.console import Console
from handshape.data import store
from handshape.data.gathering import Readings
from handshape.data.reading import read_files
from handshape.data.threads import in_threads
from handshape.errors import ImageError, RunError
from handshape.hands.inputs import load_photograph, view_of
from handshape.hands.landmarks import FEATURES, NO_FEATURES, Hand

SIZE = 16
COUNT = 50
HANDS = {
    number: replace(
        hand_at(4, 2, 12, "Left" if number % 2 else "Right"),
        features=np.random.default_rng(number).normal(size=FEATURES).astype(np.float16),
    )
    for number in range(0, COUNT, 3)
}


def picture(number: int) -> bytes:
    return encoded(np.random.default_rng(number).integers(0, 256, (20, 30, 3), np.uint8))


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """Not in the order of their names."""
    root = fill(tmp_path / "data", {f"{number}.png": picture(number) for number in range(COUNT)})
    return [root / f"{number}.png" for number in np.random.default_rng(0).permutation(COUNT)]


def number_of(file: Path) -> int:
    return int(file.stem)


def read(files: list[Path], size: int | None = SIZE) -> Readings:
    """Hands are found in every third file."""
    hand_of = {hashlib.sha256(picture(number)).digest(): hand for number, hand in HANDS.items()}
    search = pretended_search(lambda photograph: hand_of.get(photograph.digest))
    return read_files(files, search, size, Console(quiet=True))


def require_in_order(readings: Readings, files: list[Path]) -> None:
    """The usable files are these, and everything known of them stands in the same row."""
    assert readings.inputs is not None
    assert len(readings.hands) == len(readings.inputs) == len(files)
    for row, file in enumerate(files):
        hand: Hand | None = HANDS.get(number_of(file))
        found = readings.hands[row]
        assert (found and found.box) == (hand and hand.box)
        assert found is None or found.features is NO_FEATURES  # they are many bytes, and stand in the inputs
        seen = hand.features if hand else NO_FEATURES
        np.testing.assert_array_equal(readings.inputs.hand_features[row], seen)
        assert readings.inputs.found[row] == (hand is not None)
        np.testing.assert_array_equal(readings.inputs.image[row], view_of(load_photograph(file), hand, SIZE))
    assert readings.inputs.image.dtype == np.uint8


def test_everything_comes_in_the_order_of_the_files(files):
    readings = read(files)
    require_in_order(readings, files)
    assert readings.usable == tuple(range(COUNT))
    for file, inspection in zip(files, readings.inspections, strict=True):
        assert inspection.digest == hashlib.sha256(file.read_bytes()).hexdigest()
        assert (inspection.reason, inspection.is_misnamed, inspection.is_tiny) == ("", False, True)


def test_files_that_cannot_be_used_are_left_out_with_the_reason(files):
    files[7].write_bytes(files[7].read_bytes()[:200])
    files[8].write_bytes(b"<html>")
    files[20].unlink()
    files[-1].write_bytes(b"")
    readings = read(files)
    reasons = {number: each.reason for number, each in enumerate(readings.inspections) if each.reason}
    for number, words in ((7, "is cut short"), (8, "is a web page"), (20, "no such file"), (49, "is empty")):
        assert words in reasons.pop(number)
    assert not reasons
    assert readings.usable == tuple(number for number in range(COUNT) if number not in (7, 8, 20, 49))
    require_in_order(readings, [files[number] for number in readings.usable])


def test_without_a_search_whole_images_are_kept(files):
    readings = read_files(files, None, SIZE, Console(quiet=True))
    assert readings.hands == (None,) * COUNT
    assert readings.inputs is not None
    assert not readings.inputs.found.any()
    for file, square in zip(files, readings.inputs.image, strict=True):
        np.testing.assert_array_equal(square, square_of(file, SIZE))


def test_without_a_size_no_pictures_are_kept(files):
    readings = read(files, None)
    assert readings.inputs is None
    assert sum(hand is not None for hand in readings.hands) == len(HANDS)


def test_what_is_known_of_a_file_does_not_depend_on_what_it_is_read_for(tmp_path):
    y, x = np.mgrid[:2200, :3000]
    large = np.stack([127 + 100 * np.sin(x / 90), y // 10, x // 13], axis=2).clip(0, 255).astype(np.uint8)
    fill(tmp_path, {"large.jpg": encoded(large, "JPEG"), "small.jpg": encoded(large[:31, :200], "JPEG")})
    files = [tmp_path / "large.jpg", tmp_path / "small.jpg"]
    nothing = pretended_search(lambda photograph: None)
    looks = [(None, None), (None, 96), (nothing, None), (nothing, 96)]
    found = [read_files(files, search, size, Console(quiet=True)).inspections for search, size in looks]
    for inspections in found[1:]:
        for one, other in zip(found[0], inspections, strict=True):
            assert replace(one, thumbnail=b"") == replace(other, thumbnail=b"")
            levels = [np.frombuffer(each.thumbnail, np.uint8).astype(int) for each in (one, other)]
            assert np.abs(levels[0] - levels[1]).max() <= 2
    assert [each.is_tiny for each in found[0]] == [False, True]


def test_no_files_at_all(console):
    readings = read_files([], None, SIZE, console)
    assert (readings.inspections, readings.hands, readings.usable) == ((), (), ())
    assert readings.inputs is not None
    assert readings.inputs.image.shape == (0, SIZE, SIZE, 3)


@pytest.fixture
def stored(home, monkeypatch) -> Path:
    """The folder of the files that pictures are kept in, which now begin with the second picture."""
    monkeypatch.setattr(store, "MEMORY_LIMIT", max(SIZE * SIZE * 3, 2 * math.prod(FEATURES)))  # one photograph
    return home / "pictures"


def test_many_pictures_live_in_a_file_that_goes_with_them(files, stored):
    files[7].write_bytes(b"")
    readings = read(files)
    assert readings.inputs is not None
    for name in ("image", "hand_features"):
        assert isinstance(getattr(readings.inputs, name), np.memmap)
        assert not getattr(readings.inputs, name).flags.writeable
    require_in_order(readings, [*files[:7], *files[8:]])
    few = readings.inputs[np.array([3, 1])].image
    part = readings.inputs[2:5].image
    del readings
    assert len(list(stored.iterdir())) == 1  # a part still needs it
    np.testing.assert_array_equal(part[1], view_of(load_photograph(files[3]), HANDS.get(number_of(files[3])), SIZE))
    del part
    assert list(stored.iterdir()) == []
    assert few.shape == (2, SIZE, SIZE, 3)


def test_few_pictures_leave_no_file(files, stored):
    readings = read(files[:1])
    assert readings.inputs is not None
    assert not isinstance(readings.inputs.image, np.memmap)
    assert not stored.exists()


@pytest.mark.parametrize("left", [[], [0, 1]])
def test_a_file_of_unusable_images_holds_no_pictures(files, stored, left):
    for number, file in enumerate(files):
        if number not in left:
            file.write_bytes(b"")
    readings = read(files)
    assert readings.inputs is not None
    assert readings.inputs.image.shape == (len(left), SIZE, SIZE, 3)
    assert readings.inputs.hand_features.shape == (len(left), *FEATURES)


def test_what_a_killed_program_left_is_swept_in_time(files, stored):
    fill(stored, {"old.raw": b"x", "fresh.raw": b"x"})
    os.utime(stored / "old.raw", (0, 0))
    read(files)
    assert [file.name for file in stored.iterdir()] == ["fresh.raw"]


def test_a_break_leaves_no_file(files, stored):
    def break_off(photograph):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        read_files(files, pretended_search(break_off), SIZE, Console(quiet=True))
    assert list(stored.iterdir()) == []


@pytest.mark.parametrize("count", [2, COUNT])
def test_a_full_disk_is_one_clear_error(files, stored, monkeypatch, count):
    monkeypatch.setattr(tempfile, "NamedTemporaryFile", lambda **_: open("/dev/full", "w+b"))  # noqa: PTH123, SIM115
    with pytest.raises(RunError, match="no space left") as caught:
        read(files[:count])
    assert "HANDSHAPE_HOME" in caught.value.fix


def test_a_cache_that_cannot_be_written(files, stored):
    fill(stored.parent.parent, {stored.parent.name: b"a file"})
    with pytest.raises(RunError, match="Cannot write") as caught:
        read(files)
    assert "HANDSHAPE_HOME" in caught.value.fix


@settings(deadline=None, max_examples=30)
@given(count=st.integers(0, 60), workers=st.integers(1, 5))
def test_threads_keep_the_order_and_stay_a_few_ahead(count, workers):
    begun: list[int] = []
    results = in_threads(lambda item: begun.append(item) or -item, range(count), workers)
    for done, result in enumerate(results):
        assert result == -done
        assert max(begun) - done <= 8 * workers
    assert sorted(begun) == list(range(count))


def test_the_first_error_of_a_thread_ends_it():
    def refuse(item: int) -> int:
        if item >= 3:
            raise ImageError(f"{item} is damaged.")
        return item

    results = in_threads(refuse, range(100), 2)
    assert [next(results) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(ImageError, match="3 is damaged"):
        next(results)
