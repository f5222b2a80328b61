"""Names of classes: stored in one form, and compared as people read them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence

_BETWEEN = re.compile(r"[\s_-]+")
_COPY = re.compile(r"(?i)(?<=\S)(?:[\s_-]+(?:copy|kopie|copie|copia)(?:[\s_-]*\(?\d+\)?)?|\s*\(\d+\))$")
_INVISIBLE = re.compile("[\u200b-\u200f\u2060\ufe0e\ufe0f\ufeff]")  # zero-width marks and variation selectors
_TWINS = str.maketrans("авекмнорстухіјѕԁԛԝαβεζηικμνορτυχϲϳ", "abekmhopctyxijsdqwabezhikmnoptyxcj")  # Cyrillic, Greek


def label_of(folder: str) -> str:
    """The class that a folder's name says: NFC, as most programs write accents, without spaces around it.

    macOS stores accents decomposed (NFD), and people type a space at the end without seeing it.
    """
    return unicodedata.normalize("NFC", folder).strip()


def comparable(name: str) -> str:
    """What two names share that people read alike, whatever their case, spaces, hyphens and form of accents."""
    folded = unicodedata.normalize("NFKC", _INVISIBLE.sub("", name)).casefold()
    return _BETWEEN.sub("", unicodedata.normalize("NFC", folded)) or label_of(name)


def alike_names(folders: Iterable[str]) -> tuple[tuple[str, ...], ...]:
    """Groups of folder names that people read alike: also in look-alike letters of other scripts, and copies."""
    groups: dict[str, list[str]] = {}
    for folder in folders:
        groups.setdefault(comparable(_COPY.sub("", folder)).translate(_TWINS), []).append(folder)
    return tuple(tuple(names) for names in groups.values() if len(names) > 1)


def told_apart(name: str) -> str:
    """A name as it can be told from those that print alike: in quotes, with its script and the form of its accents."""
    scripts = {unicodedata.name(letter).split()[0].title() for letter in name.casefold() if ord(letter) in _TWINS}
    notes = [f"in {' and '.join(sorted(scripts))}"] if scripts else []
    if not unicodedata.is_normalized("NFC", name):
        notes.append("accents stored apart")
    return f"'{name}'" + (f" ({', '.join(notes)})" if notes else "")


def match_class_names(classes: Sequence[str], class_names: Sequence[str]) -> dict[str, int]:
    """The model's number of each class it knows: the same name, else the only one that people read alike."""
    exact = {label_of(label): number for number, label in enumerate(class_names)}
    alike: dict[str, list[int]] = {}
    for number, label in enumerate(class_names):
        alike.setdefault(comparable(label), []).append(number)
    taken = {exact[label_of(name)] for name in classes if label_of(name) in exact}
    known = {}
    for name in classes:
        candidates = alike.get(comparable(name), [])
        if label_of(name) in exact:
            known[name] = exact[label_of(name)]
        elif len(candidates) == 1 and candidates[0] not in taken:
            known[name] = candidates[0]
    return known


def natural_key(name: str) -> tuple[tuple[int, int, str], ...]:
    """A sort key that puts "2" before "10" and capitals before small letters."""
    pieces = re.findall(r"[0-9]+|[^0-9]+", name)
    return tuple((0, int(piece), piece) if piece[0] in "0123456789" else (1, 0, piece) for piece in pieces)
