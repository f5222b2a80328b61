"""The hands of many photographs: nothing twice, in order, in several processes, whatever breaks."""

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import encoded, fill
from PIL import Image

from handshape.console import Console
from handshape.hands import search
from handshape.hands.finder import HandFinder
from handshape.hands.inputs import Photograph, load_photograph
from handshape.hands.landmarks import Hand
from handshape.hands.models import HandModels
from handshape.hands.search import find_hands, find_in_photograph

HANDS = ("asl24_signer_t/B/B136.jpg", "asl36_5_hands/0/hand2_0_left_seg_1_cropped.jpg", "asl24_signer_t/A/A0.jpg")


@pytest.fixture(scope="module")
def several(photographs) -> list[Photograph]:
    """Five photographs, the last a copy of the first, the fourth without a hand."""
    hands = [(photographs / name).read_bytes() for name in HANDS]
    return [load_photograph(content) for content in (*hands, encoded(Image.new("RGB", (64, 64))), hands[0])]


@pytest.fixture(scope="module")
def film(photographs) -> list[Photograph]:
    """A hand that moves through nine frames, of which the fifth is black."""
    pixels = load_photograph(photographs / HANDS[0]).pixels
    frames = [np.roll(pixels, step, axis=1) for step in range(9)]
    frames[4] = np.zeros_like(pixels)
    return [replace(load_photograph(encoded(frame)), look=bytes(256)) for frame in frames]


ABSENT = HandModels(Path("absent"), Path("absent"))


def require_alike(some: Sequence[Hand | None], others: Sequence[Hand | None]) -> None:
    for one, other in zip(some, others, strict=True):
        assert (one is None) == (other is None)
        assert one is None or np.array_equal(one.landmarks, other.landmarks)
        assert one is None or np.array_equal(one.world, other.world)
        assert one is None or (one.features.any() and np.array_equal(one.features, other.features))


def test_nothing_is_searched_twice(models, several, tmp_path, console):
    pairs = list(find_hands(several, models, tmp_path / "cache", console))
    assert [photograph for photograph, _ in pairs] == several
    hands = [hand for _, hand in pairs]
    assert [hand is not None for hand in hands] == [True, True, True, False, True]
    require_alike(hands[:1], hands[4:])
    again = [hand for _, hand in find_hands(several[::-1], ABSENT, tmp_path / "cache", console)]
    require_alike(hands, again[::-1])


def hundred(taken: list[int]) -> Iterator[Photograph]:
    """Different photographs; ``taken`` says which were asked for."""
    for number in range(100):
        taken.append(number)
        yield Photograph(np.zeros((2, 2, 3), np.uint8), digest=bytes([number]) * 32)


def test_copies_are_searched_once_even_where_the_cache_cannot_be_written(tmp_path, monkeypatch):
    searched = []
    monkeypatch.setattr(search, "_own_finder", lambda models: None)
    monkeypatch.setattr(search, "find_in_photograph", lambda finder, photograph, _: searched.append(photograph.digest))
    taken = fill(tmp_path, {"taken": b""}) / "taken"
    photographs = list(hundred([]))
    assert len(list(find_hands(photographs * 3, ABSENT, taken, Console(quiet=True)))) == 300
    assert searched == [photograph.digest for photograph in photographs]


def test_photographs_are_taken_one_at_a_time(tmp_path, console, monkeypatch):
    taken: list[int] = []
    monkeypatch.setattr(search, "_own_finder", lambda models: None)
    monkeypatch.setattr(search, "find_in_photograph", lambda *_: None)
    for _ in range(2):  # the second time the cache knows them all
        taken.clear()
        for done, (photograph, _) in enumerate(find_hands(hundred(taken), ABSENT, tmp_path, console), start=1):
            assert photograph.digest[0] == done - 1
            assert len(taken) == done
        assert len(taken) == 100


def test_other_processes_are_a_few_photographs_ahead(tmp_path, console, monkeypatch):
    monkeypatch.setattr(search, "ALONE", 0)
    monkeypatch.setattr(search, "ProcessPoolExecutor", SlowPool)
    taken: list[int] = []
    for done, _ in enumerate(find_hands(hundred(taken), ABSENT, tmp_path, console, processes=3), start=1):
        assert len(taken) == min(100, done + 3 * search._AHEAD)


class SlowPool:
    """Finds nothing, and that only when it is asked what it found."""

    def __init__(self, *_: object) -> None:
        pass

    def submit(self, *_: object) -> Future[list[None]]:
        future: Future[list[None]] = Future()
        future.result = lambda timeout=None: [None]  # type: ignore[method-assign]
        return future

    def shutdown(self, **_: object) -> None:
        pass


def test_goes_on_after_a_break(models, several, tmp_path, console, monkeypatch):
    with monkeypatch.context() as patched:
        found = find_in_photograph

        def break_off(finder: HandFinder, photograph: Photograph, previous: Hand | None) -> Hand | None:
            if photograph is several[2]:
                raise KeyboardInterrupt
            return found(finder, photograph, previous)

        patched.setattr(search, "find_in_photograph", break_off)
        with pytest.raises(KeyboardInterrupt):
            list(find_hands(several, models, tmp_path / "cache", console))
    assert all(hand for _, hand in find_hands(several[:2], ABSENT, tmp_path / "cache", console))
    assert sum(hand is not None for _, hand in find_hands(several, models, tmp_path / "cache", console)) == 4


def test_keeps_what_was_found_where_the_reader_stops(models, several, tmp_path, console):
    reading = find_hands(several, models, tmp_path / "cache", console)
    assert next(reading)[1] is not None
    reading.close()
    assert next(find_hands(several, ABSENT, tmp_path / "cache", console))[1] is not None


@pytest.mark.parametrize("alone", [0, 2])
def test_several_processes_find_the_same(models, several, film, tmp_path, console, monkeypatch, alone):
    every = [*several, *film]
    expected = [hand for _, hand in find_hands(every, models, tmp_path / "one", console)]
    monkeypatch.setattr(search, "ALONE", alone)
    pairs = list(find_hands(every, models, tmp_path / "two", console, processes=2))
    assert [photograph for photograph, _ in pairs] == every
    require_alike(expected, [hand for _, hand in pairs])


def test_a_process_that_dies_is_done_without(models, several, film, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(search, "ALONE", 0)
    monkeypatch.setattr(search, "prepare_process", _die)
    found = find_hands([*several, *film], models, tmp_path / "cache", Console(quiet=True), processes=2)
    expected = [True, True, True, False, True, *(step != 4 for step in range(9))]
    assert [hand is not None for _, hand in found] == expected
    assert capsys.readouterr().err.count("ended unexpectedly") == 1


def _die() -> None:
    time.sleep(0.05)
    raise SystemExit(3)
