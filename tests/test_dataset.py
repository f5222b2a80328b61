"""The data set: what belongs together stands in one row, and every file is read, hashed and decoded once."""

import builtins
import hashlib
import io
import os
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import HandOf, PretendHands, encoded, fill, hand_at, pretended_search, square_of
from PIL import Image

from handshape import images
from handshape.config import Settings, load_settings
from handshape.console import Console
from handshape.errors import DataError
from handshape.hands import search
from handshape.hands.inputs import Photograph, load_photograph, view_of
from handshape.hands.landmarks import Hand
from handshape.hands.models import HandModels
from handshape.workflow.context import Context
from handshape.workflow.loading import load, possible_settings
from handshape.workflow.other_photographs import load_external, load_negatives
from handshape.workflow.splitting import split, splits_csv

SIZE = 96


@dataclass
class Finder:
    """Finds a hand in every photograph but those told apart by their pixels; counts those it has looked at."""

    hand_of: HandOf = lambda photograph: hand_at(20, 20, 50)
    looked: int = 0

    def find(self, photograph: Photograph) -> Hand | None:
        self.looked += 1
        return self.hand_of(photograph)


@pytest.fixture
def finder(pretend_hands: PretendHands) -> Finder:
    finder = Finder()
    pretend_hands(finder.find)
    return finder


def settings_for(data: Path, *words: str) -> Settings:
    return load_settings(assignments=[f"data.original_data_dir={data}", f"model.img_size={SIZE}", *words])


def is_dark(photograph: Photograph) -> bool:
    return photograph.pixels.mean() < 20


DARK = encoded(Image.new("RGB", (40, 40), (3, 3, 3)))


@pytest.fixture
def mixed(drawn: Path, tmp_path: Path) -> Path:
    """Of two classes the drawn hands, a dark photograph each, and what cannot be used; a third has none."""
    root = tmp_path / "mixed"
    for label in ("A", "B"):
        files = {f"{label}/{file.name}": file.read_bytes() for file in sorted((drawn / label).glob("*.jpg"))}
        fill(root, files | {f"{label}/dark.png": DARK, f"{label}/broken.jpg": b"\xff\xd8"})
    (root / "C").mkdir()
    return root


def test_what_belongs_to_one_photograph_stands_in_its_row(mixed, finder, console):
    finder.hand_of = lambda photograph: None if is_dark(photograph) else hand_at(20, 20, 50)
    dataset = load(settings_for(mixed), Context(console))
    assert (dataset.class_names, len(dataset), dataset.left_out) == (("A", "B"), 26, ())
    assert [sample.path for sample in dataset.samples] == sorted(
        file.relative_to(mixed).as_posix() for file in mixed.rglob("*.*") if file.name != "broken.jpg"
    )
    assert finder.looked == 26
    assert set(dataset.report.corrupt) == {"A/broken.jpg", "B/broken.jpg"}
    for row, (sample, file) in enumerate(zip(dataset.samples, dataset.files(dataset.rows), strict=True)):
        hand = dataset.hands[row]
        assert file == mixed / sample.path
        assert dataset.class_names[dataset.targets[row]] == sample.label
        assert (hand is None) == (file.name == "dark.png")
        np.testing.assert_array_equal(dataset.inputs.image[row], view_of(load_photograph(file), hand, SIZE))
    assert dataset.found(dataset.rows).tolist() == [hand is not None for hand in dataset.hands]
    groups = dict(zip([sample.path for sample in dataset.samples], dataset.group_names(dataset.rows), strict=True))
    assert groups["A/dark.png"] == groups["B/dark.png"]  # the same bytes
    assert dataset.embeddings(dataset.rows[3:5]).shape == (2, dataset.report.similarity.embeddings.shape[1])


def test_signers_have_numbers_where_they_are_known(mixed, finder, console):
    dataset = load(settings_for(mixed, r"data.groups=(?P<signer>\d|dark)\."), Context(console))
    names = dataset.group_names(dataset.rows)
    assert set(names) == {*"0123456789", "dark"}
    assert sorted(set(names)).index("dark") == dataset.signers(dataset.rows).max() == 10
    unknown = load(settings_for(mixed), Context(console))
    assert set(unknown.signers(unknown.rows).tolist()) == {0}


@pytest.mark.parametrize("find", ["off", "auto"])
def test_without_hands_whole_images_are_trained_on(find, mixed, console, monkeypatch, tmp_path):
    monkeypatch.setenv("HANDSHAPE_HAND_MODELS", str(tmp_path / "nowhere"))
    settings = settings_for(mixed, f"hands.find={find}")
    dataset = load(settings, Context(console))
    assert not dataset.finds_hands
    assert dataset.found(dataset.rows) is None
    np.testing.assert_array_equal(dataset.inputs.image[3], square_of(dataset.files(dataset.rows)[3], SIZE))
    possible = possible_settings(settings, dataset, console)
    assert (possible.hands.find, possible.model.streams) == ("off", ["pixels"])


def test_images_that_must_show_a_hand(mixed, finder, console):
    finder.hand_of = lambda photograph: None if is_dark(photograph) else hand_at(20, 20, 50)
    settings = settings_for(mixed, "hands.find=require")
    dataset = load(settings, Context(console))
    assert len(dataset) == len(dataset.targets) == len(dataset.hands) == len(dataset.inputs) == 24
    assert not any(sample.path.endswith("dark.png") for sample in dataset.samples)
    assert dataset.inputs.found.all()
    assert dataset.embeddings(dataset.rows).shape[0] == 24
    assert possible_settings(settings, dataset, console) is settings
    finder.hand_of = lambda photograph: hand_at(20, 20, 50) if is_dark(photograph) else None
    with pytest.raises(DataError, match="leaves too few images in A, B"):
        load(settings, Context(console))


def test_what_cannot_be_trained_on_is_refused(tmp_path, finder, console):
    fill(tmp_path / "data", {"A/1.png": DARK, "B/1.jpg": b""})
    with pytest.raises(DataError, match="Only one class has usable images: A"):
        load(settings_for(tmp_path / "data"), Context(console))


def test_photographs_from_elsewhere_get_the_numbers_of_the_model(drawn, console):
    finder = Finder()
    class_names = ["L", "b", "A"]  # the model's own order
    dataset = load_external(drawn, class_names, pretended_search(finder.find), SIZE, console)
    assert (dataset.class_names, dataset.left_out) == (("L", "b", "A"), ("5",))
    assert (
        finder.looked == len(dataset) == len(dataset.inputs) == 36
    )  # of what the model does not know, nothing is read
    assert Counter(dataset.targets.tolist()) == {0: 12, 1: 12, 2: 12}
    assert {
        (sample.label, number) for sample, number in zip(dataset.samples, dataset.targets.tolist(), strict=True)
    } == {
        ("L", 0),
        ("B", 1),
        ("A", 2),
    }
    assert dataset.inputs.image.shape[1:] == (SIZE, SIZE, 3)


def test_whole_photographs_from_elsewhere(mixed, console):
    dataset = load_external(mixed, ["A", "B"], None, SIZE, console)
    assert not dataset.finds_hands
    assert set(dataset.report.corrupt) == {"A/broken.jpg", "B/broken.jpg"}
    assert len(dataset) == 26
    np.testing.assert_array_equal(dataset.inputs.image[5], square_of(dataset.files(dataset.rows)[5], SIZE))


@pytest.mark.parametrize(
    ("class_names", "words"),
    [(["X", "Y"], "knows none of the classes in"), (["A"], r"No image in .* can be read")],
)
def test_nothing_from_elsewhere_to_measure_on(class_names, words, tmp_path, console):
    with pytest.raises(DataError, match=words):
        load_external(fill(tmp_path, {"A/1.jpg": b"nothing"}), class_names, None, SIZE, console)


def test_photographs_without_a_sign(drawn, mixed, console, capsys):
    assert load_negatives([], None, SIZE, console) is None
    folders = [str(drawn / "A"), str(mixed / "B")]
    inputs = load_negatives(folders, pretended_search(lambda photograph: None), SIZE, console)
    assert len(inputs) == 25
    assert not inputs.found.any()
    assert str(mixed / "B" / "broken.jpg") in capsys.readouterr().err


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({}, "There is no folder"),
        ({"none/1.png": DARK}, "Of 1 photographs without a sign in .*, 0 cannot be read"),
        ({"none/1.png": DARK, "none/2.jpg": b""}, "Of 2 photographs without a sign in .*, 1 cannot be read"),
    ],
)
def test_too_few_photographs_without_a_sign(files, words, tmp_path, console):
    fill(tmp_path, files)
    with pytest.raises(DataError, match=words):
        load_negatives([str(tmp_path / "none")], None, SIZE, console)


@dataclass
class Counts:
    """How often each photograph of a folder was opened by anything, read, recognised, decoded and hashed."""

    opened: Counter[str] = field(default_factory=Counter)
    read: Counter[str] = field(default_factory=Counter)
    recognised: Counter[str] = field(default_factory=Counter)
    decoded: Counter[str] = field(default_factory=Counter)
    hashed: Counter[str] = field(default_factory=Counter)

    def require_once(self, folder: Path) -> None:
        files = {str(file): 1 for file in folder.rglob("*.jpg")}
        assert files
        for what, counter in vars(self).items():
            inside = {name: count for name, count in counter.items() if Path(name).is_relative_to(folder)}
            counted = {name: count for name, count in inside.items() if not name.endswith(".csv")}  # who signed what
            assert counted == files, what


@pytest.fixture
def count(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], Counts]:
    """Counts from now on, in this process, whatever is done with the photographs of a folder."""

    def begin(folder: Path) -> Counts:
        counts, name_of = Counts(), {file.read_bytes(): str(file) for file in folder.rglob("*.jpg")}
        for module in (io, builtins, os):
            name_opened = counting(counts.opened, module.open, lambda file, *_, **__: str(file))
            monkeypatch.setattr(module, "open", name_opened)
        for function, counter, name in (
            (images.read_bytes, counts.read, lambda path: str(path)),
            (images.open_image, counts.recognised, lambda content, *_: name_of[content]),
            (images.decode, counts.decoded, lambda image, name, *_: name),
        ):
            replace_everywhere(monkeypatch, function, counting(counter, function, name))
        sha256 = counting(counts.hashed, hashlib.sha256, lambda *content: name_of.get(bytes(*content), "other"))
        monkeypatch.setattr(hashlib, "sha256", sha256)
        return counts

    return begin


def counting(counter: Counter[str], function: Callable[..., Any], name: Callable[..., str]) -> Callable[..., Any]:
    def counted(*args: Any, **options: Any) -> Any:
        counter[name(*args)] += 1
        return function(*args, **options)

    return counted


def replace_everywhere(monkeypatch: pytest.MonkeyPatch, old: object, new: object) -> None:
    """Under whatever name the program's modules know it."""
    for module in [module for name, module in sys.modules.items() if name.startswith("handshape.")]:
        for name in [name for name, value in vars(module).items() if value is old]:
            monkeypatch.setattr(module, name, new)


@pytest.mark.parametrize("find", ["off", "auto", "require"])
def test_each_photograph_is_read_hashed_and_decoded_once(find, drawn, finder, count, console):
    counts = count(drawn)
    settings = settings_for(drawn, f"hands.find={find}")
    dataset = load(settings, Context(console))
    made = split(dataset, settings, console)
    assert len(made.all) == len(splits_csv(dataset, made).splitlines()) - 1 == len(dataset) == 48
    counts.require_once(drawn)
    assert finder.looked == (0 if find == "off" else 48)


def test_so_is_each_from_elsewhere_and_each_without_a_sign(drawn, finder, count, console):
    counts = count(drawn)
    load_external(drawn, ["A", "B"], pretended_search(finder.find), SIZE, console)
    load_negatives([str(drawn / "5"), str(drawn / "L")], pretended_search(finder.find), SIZE, console)
    counts.require_once(drawn)
    assert finder.looked == 48


def test_so_is_each_of_many_whose_hands_other_processes_find(
    drawn: Path,
    models: HandModels,
    home: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    count,
    console: Console,
) -> None:
    monkeypatch.setenv("HANDSHAPE_HAND_MODELS", str(models.palm.parent))
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    many = tmp_path / "many"
    for quality in (80, 85, 90):  # other bytes each time
        for file in drawn.glob("*/*.jpg"):
            content = encoded(images.read_image(file), "JPEG", quality=quality)
            fill(many, {f"{file.parent.name}/{file.stem}_{quality}.jpg": content})
    counts, here = count(many), Counter[str]()
    found = counting(here, search.find_in_photograph, lambda *_: "searched")
    replace_everywhere(monkeypatch, search.find_in_photograph, found)
    dataset = load(settings_for(many, "data.groups=none"), Context(console))
    assert len(dataset) == 144
    assert here["searched"] == search.searched_alone(2)
    counts.require_once(many)
    assert dataset.inputs.found.mean() > 0.9

    again = load(settings_for(many, "data.groups=none"), Context(console))  # what was found is kept
    assert here["searched"] == search.searched_alone(2)
    for one, other in zip(dataset.hands, again.hands, strict=True):
        assert (one is None) == (other is None)
        assert one is None or np.array_equal(one.landmarks, other.landmarks)


@pytest.mark.parametrize(
    ("missed", "chosen", "streams"),
    [
        (0, [], ["landmarks", "hand"]),
        (4, [], ["landmarks", "hand"]),  # of 48
        (12, [], ["landmarks", "hand", "pixels"]),
        (12, ["model.streams=[landmarks,hand]"], ["landmarks", "hand"]),
    ],
)
def test_pixels_join_where_few_hands_are_found(missed, chosen, streams, drawn, console, pretend_hands):
    seen = []

    def hand_of(photograph):
        seen.append(photograph)
        return None if len(seen) <= missed else hand_at(16, 16, 64)

    pretend_hands(hand_of)
    words = [f"data.original_data_dir={drawn}", "hands.find=auto", *chosen]
    settings = load_settings(assignments=words)
    assert possible_settings(settings, load(settings, Context(console)), console).model.streams == streams
