"""What was read of a data set is found again as it was, as long as no file has changed."""

import os
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
from conftest import encoded, fill, hand_at, pretended_search

from handshape.console import Console
from handshape.data import kept_readings
from handshape.data.gathering import Readings
from handshape.data.reading import read_files
from handshape.errors import ImageError
from handshape.hands.inputs import decode_photograph

SIZE = 16
COUNT = 12


@pytest.fixture
def files(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Twelve, of which one is no image; so few are worth keeping here."""
    monkeypatch.setattr(kept_readings, "WORTH_KEEPING", COUNT)
    contents = {f"{number:02}.png": picture(number) for number in range(COUNT)}
    return sorted(fill(tmp_path / "data", contents | {"05.png": b"no image"}).iterdir())


def picture(number: int) -> bytes:
    return encoded(np.random.default_rng(number).integers(0, 256, (20, 30, 3), np.uint8))


class Search:
    """Finds a hand in every second photograph, and counts them."""

    def __init__(self) -> None:
        self.asked = 0

    def __call__(self, photographs):
        def found(photograph):
            self.asked += 1
            return hand_at(4, 2, 12) if photograph.pixels[0, 0, 0] % 2 else None

        return pretended_search(found)(photographs)


def read(files: list[Path], search: Search | None, size: int | None = SIZE) -> Readings:
    return read_files(files, search, size, Console(quiet=True))


def require_same(one: Readings, other: Readings) -> None:
    assert one.inspections == other.inspections
    for hand, again in zip(one.hands, other.hands, strict=True):
        assert (hand is None) == (again is None)
        for field in fields(hand) if hand and again else ():
            one_value, other_value = getattr(hand, field.name), getattr(again, field.name)
            if isinstance(one_value, str):
                assert one_value == other_value
            else:
                np.testing.assert_allclose(one_value, other_value, rtol=1e-6)  # kept in float32
    for field in fields(one.inputs):
        np.testing.assert_array_equal(getattr(one.inputs, field.name), getattr(other.inputs, field.name))


def plainly(files: list[Path], monkeypatch: pytest.MonkeyPatch, search: Search | None) -> Readings:
    """Read as few files are, which keeps nothing."""
    with monkeypatch.context() as patch:
        patch.setattr(kept_readings, "WORTH_KEEPING", COUNT + 1)
        return read(files, search)


def test_nothing_is_opened_a_second_time(files, monkeypatch):
    search = Search()
    first = read(files, search)
    asked = search.asked
    assert asked == COUNT - 1 and any(first.hands) and not all(first.hands)
    require_same(first, plainly(files, monkeypatch, Search()))
    monkeypatch.setattr("handshape.data.reading.in_threads", None)
    require_same(read(files, search), first)
    assert search.asked == asked


def test_whole_images_are_kept_apart_from_those_with_hands(files, monkeypatch):
    whole = read(files, None)
    require_same(whole, plainly(files, monkeypatch, None))
    search = Search()
    assert any(read(files, search).hands) and search.asked
    require_same(read(files, None), whole)


def change_content(file: Path) -> None:
    """Another picture of the same size in bytes, at the same time as far as it can be set."""
    before, content = file.stat(), bytearray(file.read_bytes())
    content[-20] ^= 1
    file.write_bytes(content)
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))


@pytest.mark.parametrize("change", [change_content, Path.unlink, lambda file: file.write_bytes(picture(99))])
def test_a_file_that_changed_is_read(change, files, monkeypatch):
    first = read(files, None)
    change(files[3])
    again = read(files, None)
    assert again.inspections[3] != first.inspections[3]
    require_same(again, plainly(files, monkeypatch, None))


def test_a_file_that_could_not_be_read_for_a_while_is_tried_again(files, monkeypatch):
    def short_of_memory(source, side):
        if source == files[3]:
            raise ImageError(f"{source} needs more memory than this machine has free.")
        return decode_photograph(source, side)

    with monkeypatch.context() as patch:
        patch.setattr("handshape.data.reading.decode_photograph", short_of_memory)
        assert "memory" in read(files, None).inspections[3].reason
    require_same(read(files, None), plainly(files, monkeypatch, None))


def test_other_sizes_and_other_files_are_others(files):
    assert read(files, None).inputs.image.shape == (COUNT - 1, SIZE, SIZE, 3)
    assert read(files, None, 2 * SIZE).inputs.image.shape == (COUNT - 1, 2 * SIZE, 2 * SIZE, 3)
    assert read(files[::-1], None).inspections == read(files, None).inspections[::-1]


def cut_short(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-1])


@pytest.mark.parametrize("damage", [Path.unlink, cut_short])
@pytest.mark.parametrize("name", ["inspections.json", "thumbnails.npy", "hands.npy", "pictures.raw", "features.raw"])
def test_what_is_not_whole_is_read_again(name, damage, files, home, monkeypatch):
    first = plainly(files, monkeypatch, Search())
    read(files, Search())
    (kept,) = home.glob(f"readings/*/whole/{name}")
    damage(kept)
    search = Search()
    require_same(read(files, search), first)
    assert search.asked == COUNT - 1
    read(files, search)
    assert search.asked == COUNT - 1


def test_what_was_stopped_leaves_nothing(files, home):
    def stopped(photographs):
        yield next(iter((photograph, None) for photograph in photographs))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        read(files, stopped)
    assert not [path for path in home.rglob("*") if path.is_file() and path.name != ".used"]
    assert len(read(files, Search()).hands) == COUNT - 1
