"""Films among photographs: who is followed from whom, what the cache calls it, and nothing depends on who searches."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import hand_at

from handshape.console import Console
from handshape.data.reading import inspected
from handshape.hands import search
from handshape.hands.cache import HandCache
from handshape.hands.films import FRAME_BYTES, Frame, frame_after, look_of
from handshape.hands.inputs import LARGE, Photograph
from handshape.hands.landmarks import Hand
from handshape.hands.models import HandModels
from handshape.hands.search import find_hands, found_before

ABSENT = HandModels(Path("absent"), Path("absent"))
LOOK, OTHER = bytes([100] * 256), bytes([140] * 256)


def photograph(number: int, first: int = 1, look: bytes = LOOK, side: int = 4, scale: float = 1.0) -> Photograph:
    """One whose pixels say its number; ``first`` is the first byte of its digest."""
    digest = bytes([first]) + bytes([number]) * 31
    return Photograph(np.full((side, side, 3), number, np.uint8), scale, digest, look=look)


class Finder:
    """Finds a hand wherever ``without`` does not say that there is none, and writes down how: "2<1" is 2 after 1."""

    def __init__(self, without: Sequence[int] = ()) -> None:
        self.without = without
        self.done: list[str] = []

    def find_clearest(self, pixels: np.ndarray) -> Hand | None:
        return self._found(pixels, "")

    def follow(self, pixels: np.ndarray, previous: Hand) -> Hand | None:
        return self._found(pixels, f"<{round(previous.world[0, 0])}")

    def _found(self, pixels: np.ndarray, after: str) -> Hand | None:
        number = int(pixels[0, 0, 0])
        self.done.append(f"{number}{after}")
        if number in self.without:
            return None
        hand = hand_at(10, 10, 50)
        hand.world[:] = number
        return hand


Find = Callable[..., list[int | None]]


@pytest.fixture(params=["here", "elsewhere"])
def find(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Find:
    """Searches photographs by a finder that is given, in this process or by a pool of one; what the hands say."""
    monkeypatch.setattr(search, "ALONE", 0)
    monkeypatch.setattr(search, "ProcessPoolExecutor", lambda *_: ThreadPoolExecutor(1))
    processes = {"here": 1, "elsewhere": 2}[request.param]

    def found(finder: Finder, photographs: Sequence[Photograph]) -> list[int | None]:
        monkeypatch.setattr(search, "_own_finder", lambda models: finder)
        pairs = list(find_hands(photographs, ABSENT, tmp_path, Console(quiet=True), processes))
        assert [each for each, _ in pairs] == list(photographs)
        return [None if hand is None else round(hand.world[0, 0]) for _, hand in pairs]

    return found


@pytest.mark.parametrize(
    ("third", "expected"),
    [
        ({}, "1 2<1 3<2 4<3"),
        ({"first": 32}, "1 2<1 3 4<3"),
        ({"look": OTHER}, "1 2<1 3 4"),
        ({"look": bytes([104] * 256)}, "1 2<1 3<2 4<3"),
        ({"look": b""}, "1 2<1 3 4"),
        ({"side": 5}, "1 2<1 3 4"),
        ({"scale": 2.0}, "1 2<1 3 4"),
    ],
    ids=lambda value: "" if isinstance(value, str) else str(*value),
)
def test_who_is_found_from_whom(find: Find, third: dict[str, Any], expected: str):
    finder = Finder()
    assert find(finder, [photograph(1), photograph(2), photograph(3, **third), photograph(4)]) == [1, 2, 3, 4]
    assert finder.done == expected.split()


def test_after_a_frame_without_a_hand_the_next_is_found_anew(find: Find):
    finder = Finder(without=[2])
    assert find(finder, [photograph(number) for number in (1, 2, 3, 4)]) == [1, None, 3, 4]
    assert finder.done == ["1", "2<1", "3", "4<3"]


def test_copies_cost_nothing(find: Find):
    finder = Finder()
    frames = [photograph(number) for number in (1, 2, 2, 3)]
    assert find(finder, [*frames, photograph(9, look=OTHER), *frames]) == [1, 2, 2, 3, 9, 1, 2, 2, 3]
    assert finder.done == ["1", "2<1", "3<2", "9"]


def test_what_follows_a_copy_further_up(find: Find):
    finder, other = Finder(), photograph(9, first=16)
    numbers = [1, 2, 3, 1, 4]
    frames = [photograph(number, first=32 if number == 1 else 1) for number in numbers]
    assert find(finder, [*frames, other]) == [*numbers, 9]
    assert finder.done == ["1", "2<1", "3<2", "4<1", "9"]


def test_a_hand_depends_on_the_list_and_not_on_what_was_searched_before(find: Find):
    frames = [photograph(number) for number in (1, 2, 3)]
    finder = Finder()
    find(finder, frames[1:])
    find(finder, frames)
    find(finder, frames[2:])  # by itself
    assert finder.done == ["2", "3<2", "1", "2<1", "3<2", "3"]
    known = Finder()
    for some in (frames, frames[1:], frames[2:]):
        find(known, some)
    assert not known.done


def test_known_hands_within_a_film_are_followed(find: Find, tmp_path: Path):
    frames = [photograph(number) for number in range(1, 6)]
    hand = hand_at(10, 10, 50)
    hand.world[:] = 3
    with found_before(tmp_path, Console(quiet=True)) as cache:
        cache.add(keys_of(frames)[2], hand)
    finder = Finder()
    assert find(finder, frames) == [1, 2, 3, 4, 5]
    assert finder.done == ["1", "2<1", "4<3", "5<4"]


def keys_of(photographs: Sequence[Photograph]) -> list[bytes]:
    keys: list[bytes] = []
    frame: Frame | None = None
    for each in photographs:
        frame = frame_after(frame, each)
        keys.append(frame.key)
    return keys


def test_a_photograph_by_itself_has_the_name_of_its_content():
    frames = [photograph(number) for number in (1, 2, 3)]
    assert keys_of(frames)[0] == frames[0].digest
    assert len({*keys_of(frames), *(frame.digest for frame in frames)}) == 5
    assert keys_of([frame.mirrored() for frame in frames]) == [frame.mirrored().digest for frame in frames]
    assert (look_of(LOOK, FRAME_BYTES), look_of(LOOK, FRAME_BYTES + 1)) == (LOOK, b"")


def film(count: int, taken: list[int]) -> Iterator[Photograph]:
    """One film without an end; ``taken`` says which frames were asked for."""
    for number in range(count):
        taken.append(number)
        yield photograph(number)


class SlowPool:
    """Finds nothing, and that only when it is asked what it found; ``runs`` says how many photographs came together."""

    runs: list[int]

    def __init__(self, *_: object) -> None:
        SlowPool.runs = []

    def submit(self, find: object, models: object, run: Sequence[Photograph], previous: object) -> Future[Any]:
        self.runs.append(len(run))
        future: Future[Any] = Future()
        future.result = lambda timeout=None: [None] * len(run)  # type: ignore[method-assign]
        return future

    def shutdown(self, **_: object) -> None:
        pass


def test_a_long_film_is_searched_a_part_at_a_time(tmp_path, console, monkeypatch):
    monkeypatch.setattr(search, "ALONE", 0)
    monkeypatch.setattr(search, "ProcessPoolExecutor", SlowPool)
    monkeypatch.setattr(search, "_AHEAD_BYTES", 5 * photograph(0).pixels.nbytes)
    taken: list[int] = []
    numbers = []
    for done, (each, _) in enumerate(find_hands(film(100, taken), ABSENT, tmp_path, console, processes=2), start=1):
        numbers.append(int(each.pixels[0, 0, 0]))
        assert len(taken) <= done + 2 * 5 + 1
    assert numbers == list(range(100))
    assert SlowPool.runs == [12] * 8 + [4]


def test_what_was_found_of_a_film_is_kept_when_it_breaks_off(tmp_path, console, monkeypatch):
    class Broken(Finder):
        def follow(self, pixels: np.ndarray, previous: Hand) -> Hand | None:
            if pixels[0, 0, 0] == 3:
                raise KeyboardInterrupt
            return super().follow(pixels, previous)

    monkeypatch.setattr(search, "_own_finder", lambda models: Broken())
    frames = [photograph(number) for number in range(6)]
    with pytest.raises(KeyboardInterrupt):
        list(find_hands(frames, ABSENT, tmp_path, console))
    with HandCache(next(tmp_path.glob("*.sqlite")), console) as cache:
        assert [cache.get(key) is not None for key in keys_of(frames)] == [True] * 3 + [False] * 3


def test_following_finds_a_hand_wherever_finding_anew_does(models, photographs, tmp_path, console):
    folder = photographs / "asl29_one_signer_video"
    files = [
        file
        for label in ("A", "L", "Y")
        for file in sorted((folder / label).iterdir(), key=lambda each: int(each.stem[1:]))
    ]
    frames = [inspected(file, LARGE)[1] for file in files]
    followed = [hand for _, hand in find_hands(frames, models, tmp_path, console)]
    anew = [hand for _, hand in find_hands([replace(frame, look=b"") for frame in frames], models, tmp_path, console)]
    assert sum(key != frame.digest for key, frame in zip(keys_of(frames), frames, strict=True)) > len(frames) / 4
    assert not [file.name for file, one, other in zip(files, followed, anew, strict=True) if other and not one]
