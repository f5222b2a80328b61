"""What users' images show: pixels, hands, labels, people. Each situation is a row of docs/inputs.md."""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import Handshape, PretendHands, assignments, encoded, fill, hand_at
from helpers import results_of
from PIL import Image, ImageOps
from user_folders import CHECK, Files, Situation, beside, noise, photo, sound

from handshape.hands.inputs import Photograph
from handshape.hands.landmarks import Hand
from handshape.images import read_image

HANDS = ("check", "{data}", "--json")
TRAIN = ("train", "{data}", "--json", *assignments(hands__find="auto", model__streams="[landmarks,pixels]"))
PEOPLE = ("anna", "ben", "cem")
SIGNED = {f"{label}/{who}_{number}.jpg": who for label in "AB" for who in PEOPLE for number in range(3)}


def thresholded(seed: int) -> bytes:
    """A blob in black and white."""
    rows, columns = np.mgrid[:48, :48]
    middle = 15 + 3 * (seed % 7)
    return encoded((255 * (np.hypot(rows - middle, columns - 20) < 9 + seed % 5)).astype(np.uint8))


def of_few_levels(seed: int, bits: int) -> bytes:
    """A depth image of 8 or 16 bits: noise in a narrow range, and nothing seen in the corner."""
    values = 450 + 650 * np.random.default_rng(seed).random((48, 48))
    values[:6, :6] = 0
    return encoded((values / 65).astype(np.uint8) if bits == 8 else values.astype(np.uint16))


def all_like(picture: Callable[[int], bytes], each: int = 4) -> Files:
    return {f"{label}/{number}.png": picture(100 * (label == "B") + number) for label in "AB" for number in range(each)}


def burst(number: int) -> bytes:
    """Frames of one video."""
    return encoded(ImageOps.expand(noise(7 + number // 100, 40), 4 + number % 3), "JPEG", quality=60 + number % 4)


def table(lines: dict[str, str], header: str = "path,signer", between: str = ",") -> bytes:
    return "\n".join([header.replace(",", between), *(f"{path}{between}{who}" for path, who in lines.items())]).encode()


def signed(content: bytes) -> Files:
    """Photographs of three people, and a table of who signed."""
    return {path: photo(seed) for seed, path in enumerate(SIGNED)} | {"signers.csv": content}


KNOWN = {"signers": {who: {"images": 6, "absent_classes": []} for who in PEOPLE}}
UNKNOWN: dict[str, object] = {"signers": {}}
WINDOWS = {path.replace("/", "\\"): who for path, who in SIGNED.items()}

PIXELS = [
    Situation(
        "covered-camera",
        beside({"A/x.png": encoded(Image.new("RGB", (48, 48), (9, 9, 9)))}),
        ("one colour and nothing else: A/x.png",),
    ),
    Situation("thresholded", all_like(thresholded), ("8 images are black and white without grey",)),
    Situation("28-pixels", all_like(lambda seed: encoded(noise(seed, 28))), ("most of the set", "as Sign MNIST is")),
    Situation(
        "some-tiny", beside({"A/x.png": encoded(noise(50, 20))}), ("1 image has a side under 32 pixels: A/x.png",)
    ),
    Situation("depth-8-bit", all_like(lambda seed: of_few_levels(seed, 8)), ("use only", "of 256 grey levels")),
    Situation(
        "depth-16-bit", all_like(lambda seed: of_few_levels(seed, 16)), ("stored with 16 bits", "3 of 256 grey levels")
    ),
    Situation("bursts", all_like(burst), ("of the images look almost like another, as frames of one video do",)),
    Situation("copies-in-a-class", beside({"A/0 (1).jpg": photo(0)}), ("1 image is a byte-identical copy",)),
    Situation(
        "copies-across-classes",
        sound("A", "B", "C", "D") | {f"A/0 ({copy}).jpg": photo(0) for copy in range(1, 5)} | {"B/copy.jpg": photo(0)},
        ("1 image lies in more than one class", ": A/0 (1).jpg = B/copy.jpg = A/0 (2).jpg = ", " = 2 more."),
    ),
    Situation(
        "stored-anew-across-classes",
        sound(each=20) | {"B/x.jpg": encoded(read_image(photo(3)), "JPEG", quality=90)},
        ("1 picture lies in more than one class, stored anew: A/3.jpg = B/x.jpg",),
    ),
    Situation(
        "placeholder",
        sound("A", "B", "C") | {f"{label}/removed.jpg": photo(99) for label in "ABC"},
        ("One picture lies in 3 of 3 classes", "what a failed download leaves"),
    ),
]

SIGNERS = [
    Situation("signers-csv", signed(table(SIGNED)), facts=KNOWN),
    Situation("signers-semicolons", signed(table(SIGNED, between=";")), facts=KNOWN),
    Situation("signers-tabs", signed(table(SIGNED, between="\t")), facts=KNOWN),
    Situation("signers-bom", signed(b"\xef\xbb\xbf" + table(SIGNED)), facts=KNOWN),
    Situation("signers-backslashes", signed(table(WINDOWS)), facts=KNOWN),
    Situation(
        "signers-missing-column",
        signed(table(SIGNED, "file,who")),
        ("lacks the columns path and signer; it has file, who",),
        facts=UNKNOWN,
    ),
    Situation(
        "signers-unknown-paths",
        signed(table({f"photos/{path}": who for path, who in SIGNED.items()})),
        ("names no signer for 18 of 18 images", "'photos/A/anna_0.jpg'"),
        facts=UNKNOWN,
    ),
    Situation(
        "signers-incomplete",
        signed(table(dict(list(SIGNED.items())[2:]))),
        ("names no signer for 2 of 18 images",),
        facts=UNKNOWN,
    ),
    Situation(
        "signers-contradiction",
        signed(table(SIGNED) + b"\nA/anna_0.jpg,ben"),
        ("names two signers for A/anna_0.jpg",),
        facts=UNKNOWN,
    ),
    Situation(
        "signers-not-utf8",
        signed("path,signer\nA/größe.jpg,x".encode("cp1252")),
        ("is not text in UTF-8",),
        facts=UNKNOWN,
    ),
    Situation(
        "one-person", signed(table(dict.fromkeys(SIGNED, "anna"))), ("names only 1 signer: anna",), facts=UNKNOWN
    ),
    Situation(
        "pattern-that-fits-nothing",
        signed(b""),
        ("finds no signer in 18 of 18 paths",),
        1,
        (*CHECK, "--groups", "(?P<signer>x+)_"),
    ),
    Situation(
        "few-people-show-a-class",
        signed(table(SIGNED))
        | {
            "C/1.jpg": photo(80),
            "C/2.jpg": photo(81),
            "C/3.jpg": photo(82),
            "signers.csv": table(SIGNED | {f"C/{number}.jpg": "anna" for number in (1, 2, 3)}),
        },
        ("1 class is shown by fewer than 3 signers: C (1)",),
    ),
]


def labelled(lines: str, situation: str, *says: str, **facts: object) -> Situation:
    """Two classes of five, and a table of labels; an error where nothing is said of what comes of it."""
    encoding = "cp1252" if "ö" in lines else "utf-8"
    return Situation(
        situation, sound(each=5) | {"labels.csv": lines.encode(encoding)}, says, 0 if facts else 1, facts=facts
    )


CORRECTED = {"moved": {"A/0.jpg": "B"}, "left_out": ["A/1.jpg"], "kept": []}
FIXED = {"classes": {"A": 3, "B": 6}, "corrections": CORRECTED, "ok": True}
LINES = "path,label,kept\nA/0.jpg,B,\nA/1.jpg,,\n"
LABELS = [
    labelled(LINES, "labels-csv", "labels.csv: 1 moved, 1 left out", **FIXED),
    labelled(LINES.replace(",", ";"), "labels-semicolons", **FIXED),
    labelled(LINES.replace(",", "\t"), "labels-tabs", **FIXED),
    labelled("\ufeff" + LINES, "labels-bom", **FIXED),
    labelled(LINES.replace("/", "\\"), "labels-backslashes", **FIXED),
    labelled(
        "path,label,kept\nA/0.jpg,A,yes",
        "labels-kept",
        "labels.csv: 1 looked at and kept",
        corrections={"moved": {}, "left_out": [], "kept": ["A/0.jpg"]},
    ),
    labelled(
        "filename,label\nA/0.jpg,B",
        "labels-other-columns",
        "has the columns filename, label, not path and label",
        corrections=None,
        beside=["labels.csv"],
    ),
    labelled(LINES + "A/9.jpg,B,", "labels-unknown-path", "names 1 image that is not there: A/9.jpg", "Did you mean"),
    labelled(LINES + "A/2.jpg,C,", "labels-unknown-class", "1 class without a folder: C", "make the folder {data}/C"),
    labelled(LINES + "A/0.jpg,,", "labels-contradiction", "says two things of A/0.jpg: B, and left out (line 4)"),
    labelled(LINES + "A/größe.jpg,B,", "labels-not-utf8", "not text in UTF-8", "Save it as 'CSV UTF-8'"),
]

SITUATIONS = PIXELS + SIGNERS + LABELS


@pytest.mark.parametrize("situation", SITUATIONS, ids=lambda each: each.id)
def test_what_they_show_is_seen(situation: Situation, tmp_path: Path, handshape: Handshape) -> None:
    root = situation.prepare(tmp_path / "my photos")
    situation.require(root, handshape(*(word.replace("{data}", str(root)) for word in situation.words)))


@pytest.fixture
def hands_like(pretend_hands: PretendHands) -> Callable[[Callable[[str], Hand | None]], Files]:
    """Two dozen photographs in each of two classes, whose hands a function of their paths says."""
    files = sound("AB", "BA", each=24)
    path_of = {hashlib.sha256(content).digest(): path for path, content in files.items()}

    def pretend(hand_of: Callable[[str], Hand | None]) -> Files:
        def found(photograph: Photograph) -> Hand | None:
            return hand_of(path_of[photograph.digest])

        pretend_hands(found)
        return files

    return pretend


def number_of(path: str) -> int:
    return int(Path(path).stem)


def one_hand(path: str, shape: int = 0) -> Hand:
    """Of one shape a class, a little different each."""
    hand = hand_at(8, 8, 30, shape=shape)
    shift = np.random.default_rng(list(path.encode())).normal(0, 0.004, hand.world.shape)
    return replace(hand, world=(hand.world + shift).astype(np.float32))


def two_hands(path: str) -> Hand:
    """A second hand is seen in every third, and labels look all wrong."""
    return replace(one_hand(path, 5 * (number_of(path) % 2)), has_company=number_of(path) % 3 == 0)


HANDS_OF = {
    "two-hands": (
        two_hands,
        ("Two hands are seen in many images of 2 classes: AB (8 of 24), BA (8 of 24)", "hands.find=off"),
        ("suspect",),
    ),
    "no-hands-in-a-class": (
        lambda path: one_hand(path) if path.startswith("AB") or number_of(path) < 9 else None,
        ("1 class shows a hand in less than half of the images: BA (9 of 24)", "the answer is 'no hand'"),
        (),
    ),
    "suspect-labels": (
        lambda path: one_hand(path, 30 * (path.startswith("BA") != (path == "AB/7.jpg"))),
        ("1 label is suspect, the clearest first: AB/7.jpg looks like BA",),
        (),
    ),
}


@pytest.mark.parametrize("name", HANDS_OF)
@pytest.mark.parametrize("words", [HANDS, TRAIN], ids=["check", "train"])
def test_hands_are_spoken_of_by_check_and_train(
    name: str, words: tuple[str, ...], hands_like, tmp_path: Path, handshape: Handshape, monkeypatch: pytest.MonkeyPatch
) -> None:
    hand_of, says, hushes = HANDS_OF[name]
    root = fill(tmp_path / "data", hands_like(hand_of))
    monkeypatch.setattr("handshape.workflow.train.split", stop)
    monkeypatch.chdir(tmp_path)
    outcome = handshape(*(word.replace("{data}", str(root)) for word in words))
    said = outcome.out + outcome.err
    assert all(each in said for each in says), said
    assert not any(each in said for each in hushes), said


def stop(*args: object) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("letters", "words"),
    [("0O", "0 and O are the same handshape. Join the two classes, or keep one"), ("KT", "K and T look so much alike")],
)
def test_classes_that_are_one_handshape(
    letters: str, words: str, pretend_hands: PretendHands, tmp_path: Path, handshape: Handshape
) -> None:
    files = sound(*letters, each=24)
    number = {hashlib.sha256(content).digest(): seed for seed, content in enumerate(files.values())}
    pretend_hands(lambda photograph: one_hand(f"{number[photograph.digest]}.jpg"))
    outcome = handshape("check", fill(tmp_path / "data", files), "--json")
    assert any(words in problem for problem in outcome.object["problems"]), outcome.out


def test_where_no_hand_is_found_whole_images_are_learned(
    hands_like, tmp_path: Path, handshape: Handshape, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So the model answers them with labels, or not surely enough, but never with "no hand"."""
    monkeypatch.setattr("handshape.workflow.publish.draw_figures", lambda *_: None)
    root = fill(tmp_path / "data", hands_like(lambda path: None))
    short = assignments(hands__find="auto", model__streams="[pixels]", model__num_epochs=1, model__fine_tune_epochs=0)
    outcome = handshape("train", root, "--json", "--out", tmp_path, "--name", "run", *short)
    assert "A hand was found in less than half of the images" in outcome.err and "hands.find=off" in outcome.err
    answers = handshape("predict", tmp_path / "run", root / "AB", "--json").objects
    assert len(answers) == 24
    assert {answer["decision"] for answer in answers} <= {"AB", "BA", "unknown"}


def test_the_report_says_what_the_check_found(
    pretend_hands: PretendHands, tmp_path: Path, handshape: Handshape, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of classes that are one handshape, and of signs of two hands."""
    monkeypatch.setattr("handshape.workflow.publish.draw_figures", lambda *_: None)
    files = sound("2", "V", "book", each=24)
    path_of = {hashlib.sha256(content).digest(): path for path, content in files.items()}
    hands = {"2": one_hand, "V": one_hand, "book": two_hands}
    pretend_hands(lambda photograph: hands[path_of[photograph.digest].partition("/")[0]](path_of[photograph.digest]))
    short = assignments(hands__find="auto", model__streams="[pixels]", model__num_epochs=1, model__fine_tune_epochs=0)
    data = fill(tmp_path / "data", files)
    outcome = handshape("train", data, "--out", tmp_path, "--name", "run", "--json", *short)
    assert outcome.code == 0, outcome.err
    assert "2 and V are the same handshape" in outcome.err and "Two hands are seen in many images" in outcome.err
    advice = results_of(tmp_path / "run")["advice"]
    assert "2 and V show the same handshape: join them or keep one." in advice
    assert any(each.startswith("Two hands are seen in book") for each in advice)
    assert not any("more of 2 and V" in each for each in advice)


def test_classes_without_a_sign_need_no_hand(pretend_hands: PretendHands, tmp_path: Path, handshape: Handshape) -> None:
    files = sound("A", "nothing", "No Hand", "unknown", each=3)
    signs = {hashlib.sha256(content).digest() for path, content in files.items() if path.startswith("A/")}
    pretend_hands(lambda photograph: hand_at(8, 8, 30) if photograph.digest in signs else None)
    assert handshape("check", fill(tmp_path / "data", files), "--json").object["ok"] is True
