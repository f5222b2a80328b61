"""The model card: what a model recognises, whom it was tested on, and what it must not be used for.

Everything in it comes from the manifest; what was not measured is said to be unknown. Nobody is named: the worst
signer counts, not who that is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from handshape.screen import visible

Manifest = Mapping[str, Any]

WEAKEST = 5  # classes
SEES = {  # of a hand, each stream
    "pixels": "a crop of {side}x{side} pixels",
    "landmarks": "21 landmarks",
    "hand": "the last feature map of the landmark network",
}
BEFORE = ("pixels", "landmarks")  # the streams of bundles that do not say so

NOT_FOR = """\
- It does not translate a sign language. Handshapes are one part of a sign; movement, place and face are others, and a
  language is more than its signs.
- It knows nothing of signs that move, such as J and Z of American fingerspelling, words or sentences.
- It must not decide about people: who they are, whether they are deaf, how well they sign, what they are allowed to do.
- It is no means of calling for help, and not for anything where a wrong answer does harm.
- It was tested on the photographs above and no others. Before it meets other people, photograph some of them and
  measure it: `handshape evaluate MODEL PHOTOGRAPHS`."""

KNOWN_SOURCES = """\
This model comes with Handshape and is under Apache-2.0 like it. It learned only from what allows that, as the table
above says; thanks to those who made it. No photograph is in it."""

LICENCE = """\
Handshape, which made this model, is under Apache-2.0. Whether the model may be passed on is for those to say whose
photographs it learned from, and for the people in them; this file grants nothing."""


def card_of(manifest: Manifest) -> str:
    """The card of a bundle, as Markdown; ``manifest`` is its bundle.json, with or without checksums."""
    parts = (
        f"# A recogniser of {_title(manifest)}",
        _what(manifest),
        "## Trained on\n\n" + _trained_on(manifest),
        "## Tested on\n\n" + _tested_on(manifest),
        "## Not for\n\n" + NOT_FOR,
        "## How it decides\n\n" + _decides(manifest),
        "## Licence\n\n" + (KNOWN_SOURCES if manifest.get("sources") else LICENCE),
    )
    return visible("\n\n".join(parts)) + "\n"


def _title(manifest: Manifest) -> str:
    """Models that come with Handshape say what they are; of others, the number of their classes is all we know."""
    return str(manifest["ready"]["about"]) if "ready" in manifest else f"{len(manifest['labels'])} handshapes"


def _what(manifest: Manifest) -> str:
    side, hands = manifest["input"]["size"], manifest.get("hands", 0)
    whole = f"it sees the whole photograph, in {side}x{side} pixels"
    found = f"It finds {hands} hand{'s' * (hands != 1)} at most"
    streams = manifest.get("settings", {}).get("model", {}).get("streams", BEFORE)
    sees = [what.format(side=side) for stream, what in SEES.items() if stream in streams]
    looks = f"{found}, and of each sees {' and '.join(sees)}." if hands else f"It looks for no hands: {whole}."
    names = ", ".join(_code(label) for label in manifest["labels"])
    return f"It recognises one static handshape in a photograph: {names}. {looks}"


def _trained_on(manifest: Manifest) -> str:
    images, signers, sources = manifest.get("images"), manifest.get("signers"), manifest.get("sources", ())
    people = (
        f"They and those below are of {signers} people." if signers else "How many people are in them is not known."
    )
    sentences = [
        f"{images['train']:,} photographs." if images else "How many photographs is not known.",
        "" if sources else people,
        f"Training, validation and test were split {manifest['split']}." if "split" in manifest else "",
    ]
    if manifest.get("learned_from_all"):
        sentences.append("After it had been measured it went on learning, from the photographs it was measured on too.")
    if "versions" in manifest:
        sentences.append(
            f"Made with {', '.join(f'{name} {version}' for name, version in manifest['versions'].items())}."
        )
    return " ".join(filter(None, sentences)) + "".join(_sources(sources))


def _sources(sources: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """A table of who is in what it learned from, and what allows its use, where that is known."""
    if sources:
        yield "\n\n| who | images | licence |\n|---|---:|---|"
    for each in sources:
        yield f"\n| {each['who']} | {each['images']:,} | {each['licence']} |"


def _tested_on(manifest: Manifest) -> str:
    rows = list(_measured(manifest))
    if not rows:
        return "Nothing was measured."
    table = ["| photographs | how many | answered right |", "|---|---:|---:|"]
    table += [f"| {name} | {n} | {share:.1%} |" for name, n, share in rows]
    return "\n".join(table) + "".join(f"\n\n{remark}" for remark in _remarks(manifest))


def _measured(manifest: Manifest) -> Iterator[tuple[str, str, float]]:
    measures, accuracy = manifest.get("measures", {}), manifest.get("accuracy", {})
    people = "people kept out of training" if manifest.get("signers") else "perhaps the same people as in training"
    for part, name in (("test", f"kept for the test: {people}"), ("validation", "validation, which chose thresholds")):
        if part in accuracy:
            yield name, _count(measures.get(part)), accuracy[part]
    for collection, external in measures.get("external", {}).items():
        yield f"from elsewhere: {_code(collection)}", _count(external), external["accuracy"]
    worst = measures.get("worst_signer")
    if worst:
        yield "of the person it reads worst", _count(worst), worst["accuracy"]


def _remarks(manifest: Manifest) -> Iterator[str]:
    measures = manifest.get("measures", {})
    if not measures.get("external"):
        yield "How well it does with photographs from elsewhere is not known."
    if measures.get("hands_found") is not None:
        yield f"A hand was found in {measures['hands_found']:.1%} of the test photographs."
    passed = measures.get("without_sign")
    if passed:
        yield (
            f"Of {passed['n']:,} photographs without a sign that it was not tuned on, {passed['share']:.1%} were taken "
            f"for one (95% interval {passed['low']:.0%} to {passed['high']:.0%})."
        )
    scored = {
        label: score for label, score in measures.get("test", {}).get("per_class", {}).items() if score["support"]
    }
    weak = sorted((score["recall"], label) for label, score in scored.items() if score["recall"] < 1)[:WEAKEST]
    if weak:
        yield "It reads worst: " + ", ".join(f"{_code(label)} ({recall:.0%} right)" for recall, label in weak) + "."


def _decides(manifest: Manifest) -> str:
    thresholds = manifest.get("thresholds")
    if not thresholds:
        return "It always answers with a label, whatever it sees."
    sentences = [f"It answers with a label when its confidence is {_from(thresholds['with_hand'])}, else `unknown`."]
    if manifest.get("hands"):
        least = thresholds["without_hand"]
        exception = "" if least is None else f", unless its confidence is {_from(least)}"
        sentences.append(f"Where it finds no hand it answers `no hand`{exception}.")
    sentences.append("Which handshapes it knows, thresholds, settings and all measures are in `bundle.json`.")
    return " ".join(sentences)


def _from(least: float | None) -> str:
    return "never enough" if least is None else f"{least:.3f} or more"


def _count(part: Mapping[str, Any] | None) -> str:
    return f"{part['n']:,}" if part else "?"


def _code(name: str) -> str:
    """A class or a collection may be named anything; in code, nothing of it is Markdown."""
    text = re.sub(r"[|\s]+", " ", name)
    fence = "`" * (1 + max((len(run) for run in re.findall("`+", text)), default=0))
    return f"{fence} {text} {fence}" if len(fence) > 1 else f"`{text}`"
