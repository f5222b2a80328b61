"""What the names of folders look like: signs, people, or parts of a data set."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Literal

from handshape.data.names import comparable, label_of

Kind = Literal["letters", "numbers", "people", "parts", "words"]

MIN_OF_A_KIND = 0.6  # of names of one kind
MIN_SHARED = 0.5  # of the folders: names that so many hold are common to them

_WORDS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|[0-9]+")
TRAINING = ("train", "trn", "learn")
TESTING = ("test", "tst", "unseen", "holdout")
VALIDATING = ("valid", "val", "dev", "eval")
_OTHER_PARTS = ("sample", "holdout", "subset", "unlabel")
_WHOLE_WORDS = frozenset({"val", "dev", "eval", "trn", "tst"})  # "valley" and "device" begin so, too
_PEOPLE = re.compile(
    r"(person|people|signer|subject|subj|user|participant|actor|student|volunteer|speaker|session|day|camera|cam|room|"
    r"video|clip|sequence|seq|take|light|left|right|hand|p|s|u|id)?(?<=[a-z])[0-9]*"
)
# fmt: off
_SIGNS = frozenset({
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "space", "del",
    "delete", "nothing", "none", "blank", "unknown", "fist", "palm", "ok", "peace", "rock", "paper", "scissors",
    "scissor", "thumb", "thumbsup", "thumbsdown", "like", "dislike", "call", "stop", "hello", "thanks",
    "thankyou", "please", "sorry", "yes", "no", "iloveyou", "love", "help", "start", "send", "point", "index",
    "flat",
})
ANNOTATED = frozenset({
    "images", "image", "img", "imgs", "jpegimages", "labels", "label", "annotations", "annotation", "masks",
    "mask",
})
# fmt: on


def is_part(name: str) -> bool:
    """Whether a folder is called as a part of a data set: train, TestData, asl_alphabet_val, samples."""
    return any(begins_with(name, words) for words in (TRAINING, TESTING, VALIDATING, _OTHER_PARTS))


def begins_with(name: str, words: Iterable[str]) -> bool:
    """Whether a word of a name, such as TrainData or asl_alphabet_train, begins with one of these."""
    return any(
        found == word if word in _WHOLE_WORDS else found.startswith(word)
        for found in map(str.lower, _WORDS.findall(name))
        for word in words
    )


def are_known(names: Iterable[str], known: Sequence[str]) -> bool:
    """Whether most of these are class names."""
    classes, plain = {comparable(name) for name in known}, [comparable(name) for name in names]
    return sum(name in classes for name in plain) >= MIN_SHARED * len(plain)


def kind_of_names(names: Iterable[str]) -> Kind:
    """What most of the names look like."""
    counts = Counter(_kind_of(name) for name in names)
    kind, count = max(counts.items(), key=lambda item: item[1], default=("words", 0))
    return kind if count >= MIN_OF_A_KIND * counts.total() else "words"


def _kind_of(name: str) -> Kind:
    if is_part(name):
        return "parts"
    if len(label_of(name)) == 1 and label_of(name).isalpha():
        return "letters"
    plain = comparable(name)
    if plain.isdigit():
        return "numbers"
    if plain.lstrip("0123456789") in _SIGNS or re.fullmatch(r"[0-9]+[^\W\d]", plain):
        return "letters"
    return "people" if _PEOPLE.fullmatch(plain) else "words"
