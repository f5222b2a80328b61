"""How folders lie in users' folders, and what they are called. Each situation is a row of docs/inputs.md."""

from pathlib import Path

import numpy as np
import pytest
from conftest import Handshape, fill
from user_folders import CHECK, Situation, beside, photo, sound

from handshape.data.samples import list_samples

ONE = ("A", "B", "C")
NOT_CLASSES = "holds parts of a data set"
PEOPLE = "the outer ones are people or parts of a set, not classes"
SAY_WHO = "say so with data.groups=folder"


def parts(*names: str, signs: tuple[str, ...] = ONE) -> dict[str, bytes]:
    """The same classes in each of these folders."""
    return sound(*(f"{name}/{sign}" for name in names for sign in signs), each=3)


def table_of_pixels(rows: int = 4) -> bytes:
    header = ",".join(["label", *(f"pixel{number}" for number in range(1, 785))])
    random = np.random.default_rng(0)
    lines = [",".join(map(str, [row % 2, *random.integers(0, 256, 784)])) for row in range(rows)]
    return "\n".join([header, *lines]).encode()


def parts_of(situation: str, proposed: str, *names: str) -> Situation:
    return Situation(situation, parts(*names), (NOT_CLASSES, f"for example {{data}}/{proposed}"), 1)


LAYOUTS = [
    parts_of("train-test", "train;", "train", "test"),
    parts_of("train-valid-test-samples", "train;", "train", "valid", "test", "samples"),
    parts_of("parts-run-together", "TrainData;", "TrainData", "TestData"),
    parts_of("parts-of-other-words", "Training_set;", "Training_set", "holdout-set", "Validation"),
    Situation(
        "parts-twice-in-each-other",
        sound(*(f"asl_alphabet_train/asl_alphabet_train/{sign}" for sign in ONE)) | {"asl_alphabet_test/A.jpg": b"x"},
        (NOT_CLASSES, "for example {data}/asl_alphabet_train/asl_alphabet_train;"),
        1,
    ),
    Situation("parts-numbered", parts("fold1", "fold2", "fold3"), (PEOPLE, "Put the signs outermost: A/fold1"), 1),
    Situation("sizes-or-colours", parts("original", "resized", "grey"), (PEOPLE,), 1),
    Situation(
        "folder-above", sound("photos/A", "photos/B"), ("Only one class has usable images", "use {data}/photos"), 1
    ),
    Situation("person-class", parts("anna", "ben", "cem"), (PEOPLE, "Put the signs outermost: A/anna/1.jpg"), 1),
    Situation("person-word", parts("user_1", "user_2", signs=("hello", "thanks")), (PEOPLE,), 1),
    Situation("class-person", sound("A/anna", "A/ben", "A/cem", "B/anna", "B/ben", "B/cem"), (SAY_WHO,)),
    Situation(
        "class-person-said",
        sound("A/anna", "A/ben", "A/cem", "B/anna", "B/ben", "B/cem"),
        words=(*CHECK, "--groups", "folder"),
        hushes=(SAY_WHO,),
        facts={"ok": True, "classes": {"A": 12, "B": 12}},
    ),
    Situation(
        "class-part",
        sound("A/train", "A/test", "B/train", "B/test"),
        ("Each class holds parts of its own (test, train)", "they are taken together"),
        facts={"classes": {"A": 8, "B": 8}},
    ),
    Situation("unclear-layout", parts("indoors", "sunny", signs=("wave", "salute")), ("may be people or parts of a",)),
    Situation(
        "set-within-itself", sound("A", "B", "C", "all/A", "all/B", "all/C"), ("a data set within the data set",), 1
    ),
    Situation("yolo", {"images/1.jpg": photo(1), "labels/1.txt": b"0"}, ("images beside annotations",), 1),
    Situation("yolo-in-parts", {"train/images/1.jpg": photo(1), "train/labels/1.txt": b"0"}, ("annotations",), 1),
    Situation(
        "coco",
        sound("train2017", "val2017") | {"annotations/x.json": b"{}"},
        ("train2017, val2017 are called as parts of a data set are", "annotations/x.json"),
    ),
    Situation(
        "voc", {"JPEGImages/1.jpg": photo(1), "Annotations/1.xml": b"x", "ImageSets/x.txt": b"x"}, ("annotations",), 1
    ),
    Situation(
        "table-of-pixels",
        {"sign_mnist_train.csv": table_of_pixels()},
        ("a table of pixels", "python -m handshape.data.pixel_table", "--letters"),
        1,
    ),
    Situation(
        "table-of-pixels-given",
        {"digits.csv": table_of_pixels()},
        ("python -m handshape.data.pixel_table",),
        1,
        ("check", "{data}/digits.csv", "--json"),
    ),
    Situation("part-beside-classes", beside(sound("test", first=70)), ("test is called as a part of a data set is",)),
    Situation("parts-without-classes", sound("train", "test"), ("test, train are called as parts of a data set are",)),
    Situation("sign-called-train", sound("airplane", "car", "train"), facts={"ok": True}),
    Situation("one-class", sound("A"), ("Only one class has usable images: A", "another sign"), 1),
    Situation(
        "empty-class",
        lambda root: (fill(root, sound()), (root / "C").mkdir()),
        ("1 class folder holds no images: C", "Empty classes are left out"),
    ),
    Situation("one-image", beside({"C/1.jpg": photo(70)}), ("fewer than 3 usable images: C (1)",), 1),
    Situation("class-of-broken-images", beside({"C/1.jpg": b"", "C/2.jpg": b"x"}), ("cannot be used: C",), 1),
    Situation("uneven", beside(sound("A", each=20, first=70)), ("The classes are uneven", "class_weights=auto")),
]

NAMES = [
    Situation(
        "odd-class-names",
        sound("👍 up", "ﬁst", "a, b; 'c'", "Größe"),
        facts={"ok": True, "classes": {"a, b; 'c'": 4, "Größe": 4, "ﬁst": 4, "👍 up": 4}},
    ),
    Situation(
        "accents-in-two-forms",
        sound("\u00d1", "N\u0303", "B"),
        ("2 folders are one class", "'N\u0303' (accents stored apart)"),
        facts={"classes": {"B": 4, "\u00d1": 8}},
    ),
    Situation(
        "space-at-the-end", sound("A", "A ", "B"), ("2 folders are one class",), facts={"classes": {"A": 8, "B": 4}}
    ),
    Situation(
        "case-twins", sound("A", "a", "B"), ("names that people read alike: 'A', 'a'", "learned as different signs")
    ),
    Situation("hyphen-twins", sound("thumbs-up", "thumbs_up", "B"), ("'thumbs-up', 'thumbs_up'",)),
    Situation("copies-of-folders", sound("A", "A - Copy", "B"), ("read alike: 'A', 'A - Copy'",)),
    Situation("script-twins", sound("A", "\u0410", "B"), ("read alike: 'A', '\u0410' (in Cyrillic)",)),
    Situation("invisible-marks", sound("A", "A\u200b", "B"), ("2 class folders have names that people read alike",)),
    Situation("blank-class-name", beside({" /1.jpg": photo(70)}), ("is blank", "Rename the folder"), 1),
    Situation("hand-words", sound("left hand", "right hand"), facts={"ok": True}),
]

SITUATIONS = LAYOUTS + NAMES


@pytest.mark.parametrize("situation", SITUATIONS, ids=lambda each: each.id)
def test_how_it_lies_is_understood(situation: Situation, tmp_path: Path, handshape: Handshape) -> None:
    root = situation.prepare(tmp_path / "my photos")
    situation.require(root, handshape(*(word.replace("{data}", str(root)) for word in situation.words)))


def test_numbers_come_in_their_order(tmp_path: Path) -> None:
    names = [str(number) for number in range(1, 11)]
    assert list_samples(fill(tmp_path, sound(*names, each=1))).classes == tuple(names)
