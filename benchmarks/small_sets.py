"""Small sets of one person: a few photographs a letter beside the ready model, and five letters asked about the others.

usage: python benchmarks/small_sets.py DATA [--photographs 5] [--letters ABCLY BDFIW AEMSX]

DATA holds the sets that ``stranger_sets.py`` names. Learns from one signer's photographs. Prints what the model from a
few photographs a letter is right on, beside the model that comes with Handshape, on people neither has seen; then, of
models that know five letters, how many of the other letters they take for one, and what they keep of right answers.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from stranger_sets import LETTERS, lay_out, samples_of

from handshape.config import load_settings
from handshape.console import Console
from handshape.data.samples import Sample
from handshape.export.bundle import Bundle
from handshape.hands.search import hand_search
from handshape.registry import resolve
from handshape.serving.recognizer import Recognizer
from handshape.workflow.external import evaluate_bundle
from handshape.workflow.other_photographs import load_external, load_negatives
from handshape.workflow.train import train

SIGNER = "asl24_signer_j"
STRANGERS = ("asl24_signer_t", "asl26_two_sessions", "asl26_4_signers", "asl36_5_hands")
NO_SIGN = ("no_hand", "not_hands")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--photographs", type=int, default=5, help="a letter")
    parser.add_argument("--letters", nargs="+", default=["ABCLY", "BDFIW", "AEMSX"], help="sets of five")
    options = parser.parse_args()
    console = Console()
    with tempfile.TemporaryDirectory(prefix="small-sets-") as folder:
        place = Path(folder)
        console.table(
            f"{options.photographs} photographs a letter of one signer, accuracy on strangers",
            ("model", *STRANGERS, "mean"),
            few_photographs(options.data, options.photographs, place, console),
        )
        console.table(
            "Models of five letters of one signer, asked by strangers",
            ("letters", "photographs of", "right", "right ones kept", "others accepted"),
            [row for five in options.letters for row in five_letters(options.data, five, place, console)],
        )


def few_photographs(data: Path, count: int, place: Path, console: Console) -> list[Sequence[str]]:
    learned = learn(samples_of(data, [SIGNER], count), data, place / "few", console)
    rows = []
    for name, bundle in (("ready asl", resolve("asl")), ("trained", learned)):
        shares = []
        for strangers in STRANGERS:
            folder = asked(data, strangers, place)
            shares.append(evaluate_bundle(bundle, folder, Console(quiet=True)).evaluation.metrics.accuracy)
        rows.append((name, *(f"{share:.3f}" for share in (*shares, np.mean(shares)))))
    return rows


def five_letters(data: Path, five: str, place: Path, console: Console) -> list[Sequence[str]]:
    samples = [sample for sample in samples_of(data, [SIGNER], None) if sample.label in five]
    bundle = learn(samples, data, place / five, console)
    recognizer, quiet = Recognizer(bundle), Console(quiet=True)
    rows = []
    for strangers in STRANGERS:
        dataset = load_external(asked(data, strangers, place), LETTERS, hand_search(quiet), bundle.size, quiet)
        probabilities = recognizer.probabilities(dataset.inputs)
        accepted = bundle.thresholds.accept(probabilities.max(axis=1), dataset.inputs.found)
        shown = np.array([LETTERS[target] for target in dataset.targets])
        said = np.array(bundle.class_names)[probabilities.argmax(axis=1)]
        own = np.isin(shown, list(five))
        right = own & (said == shown)
        rows.append(
            (five, strangers, *(f"{flags.mean():.3f}" for flags in (right[own], accepted[right], accepted[~own])))
        )
    for name in NO_SIGN:
        inputs = load_negatives([str(data / name)], hand_search(quiet), bundle.size, quiet)
        probabilities = recognizer.probabilities(inputs)
        accepted = bundle.thresholds.accept(probabilities.max(axis=1), inputs.found)
        rows.append((five, name, "–", "–", f"{accepted.mean():.3f}"))
    return rows


def learn(samples: Sequence[Sample], data: Path, place: Path, console: Console) -> Bundle:
    """A model of these photographs, trained as by default."""
    photographs = lay_out(data, samples, place / "photographs")
    settings = load_settings(assignments=[f"data.original_data_dir={photographs}"])
    console.status("train", f"Training on {len(samples)} photographs")
    return train(settings, place / "runs", "run", Console(quiet=True)).bundle


def asked(data: Path, name: str, place: Path) -> Path:
    folder = place / "asked" / name
    return folder if folder.is_dir() else lay_out(data, samples_of(data, [name], None), folder)


if __name__ == "__main__":
    main()
