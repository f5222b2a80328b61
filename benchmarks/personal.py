"""How far a model of one's own signs goes: trained as the page does on one signer, asked by others, beside ``asl``.

usage: python benchmarks/personal.py DATA [--signers asl24_signer_j ...] [--letters ACLV ADEKLSUV] [--most 60]

DATA holds single signers' sets, one folder of photographs a letter, which stand for the frames that a user records. Of
each letter the last quarter is kept back, of the rest at most ``--most`` are recorded. Prints what is right of other
signers' photographs and of what was kept back (mean, least and most over the pairs of signers): of the model trained
alone, of the one trained with the signs of ``asl``, of one whose classes have names of the user's own, which no hands
that come with Handshape have, and of the ready ``asl``; of those that know more letters, asked for these alone and for
all that they know. Then the seconds of a training from its start until it waits to be kept: a
signer's first one looks for the hands, which the page does while it records.
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from stranger_sets import thinned

from handshape.console import Console
from handshape.data.samples import Sample, list_samples
from handshape.downloads import cache_folder
from handshape.export.bundle import read_bundle
from handshape.hands.search import hand_search
from handshape.registry import resolve
from handshape.serving.learn.recordings import Recordings
from handshape.serving.learn.trainer import RUNNING, Trainer
from handshape.serving.recognizer import Recognizer, recognizer_of
from handshape.workflow.dataset import Dataset
from handshape.workflow.other_photographs import load_external

SIGNERS = ("asl24_signer_j", "asl24_signer_t", "asl23_plain_wall", "asl24_dark_room", "asl26_two_sessions")
READY = "asl"
KEPT_BACK = 4  # one in so many
SIZE = 128  # pixels, side of the models' input
ASKED = 20  # photographs of a letter of other signers
QUIET = Console(quiet=True)
COLUMNS = ("mean", "least", "most", "n")
OWN_NAMES = {  # of the classes, by the kind of model; no known hand has the last one's
    "own": "{}",
    f"own and {READY}": "{}",
    "own, own names": "my {}",
}
ALSO = {f"own and {READY}": (READY,)}

Shares = dict[tuple[str, str], list[float]]  # figures of several trainings, by what two columns say


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--signers", nargs="+", default=SIGNERS)
    parser.add_argument("--letters", nargs="+", default=["ACLV", "ADEKLSUV"], help="sets of letters to learn")
    parser.add_argument("--kinds", nargs="+", default=list(OWN_NAMES), choices=list(OWN_NAMES))
    parser.add_argument("--most", type=int, default=60, help="photographs of a letter that are learned from")
    options = parser.parse_args()
    console, seconds = Console(), defaultdict[tuple[str, str], list[float]](list)
    with tempfile.TemporaryDirectory(prefix="personal-") as folder:
        use_home(Path(folder) / "home")
        ready = recognizer_of(resolve(READY), QUIET)
        for letters in options.letters:
            shares: Shares = defaultdict(list)
            for signer in options.signers:
                place = Path(folder) / signer / letters
                trials = {}
                for kind in options.kinds:
                    recordings = record(options.data / signer, letters, options.most, OWN_NAMES[kind], place / kind)
                    trials[kind], took = trained(recordings, ALSO.get(kind, ()), ready)
                    first = "hands found anew" if kind == options.kinds[0] else ""
                    seconds[f"{len(letters)} letters, {kind}", first].append(took)
                asked = {
                    each: photographs(options.data / each, letters, each == signer, place) for each in options.signers
                }
                ask(trials | {READY: ready}, asked, signer, shares)
            console.table(f"Right of {letters}, trained on one signer", ("model", "asked", *COLUMNS), rows(shares))
    console.table("Seconds from start to result", ("training", "", *COLUMNS), rows(seconds))


def use_home(home: Path) -> None:
    """A home where no hand was found yet, with the networks that find them."""
    home.mkdir()
    (home / "hands").mkdir()
    for file in (cache_folder() / "hands").glob("*.tflite"):
        shutil.copy(file, home / "hands")
    os.environ["HANDSHAPE_HOME"] = str(home)


def record(source: Path, letters: str, most: int, name: str, place: Path) -> Recordings:
    """What the page would have kept of a signer, all in one session."""
    recordings = Recordings(place / "recordings")
    for letter in letters:
        samples, _ = parts(source, letter)
        contents = [(source / sample.path).read_bytes() for sample in samples[:most]]
        recordings.add(name.format(letter), "one", "me", contents)
    return recordings


def parts(source: Path, letter: str) -> tuple[list[Sample], list[Sample]]:
    """What is recorded of a letter, and the photographs after it, which are kept back: neighbours look alike."""
    samples = thinned(list_samples(source), letter, None)
    count = len(samples) - len(samples) // KEPT_BACK
    return samples[:count], samples[count:]


def trained(recordings: Recordings, also: tuple[str, ...], ready: Recognizer) -> tuple[Recognizer, float]:
    """A model as the page trains it, and how many seconds that took."""
    trainer = Trainer(recordings, lambda: ready, print, lambda bundle: recognizer_of(bundle, QUIET))
    training = trainer.start(also)
    while training.state == RUNNING:
        time.sleep(0.05)
    if training.error:
        raise SystemExit(training.error)
    model = recognizer_of(read_bundle(training.run / "bundle"), QUIET)
    trainer.close()
    return model, training.seconds or 0.0


def photographs(source: Path, letters: str, is_own: bool, place: Path) -> Dataset:
    """What models are asked about: of other signers some of each letter, of one's own what was kept back."""
    folder = place / source.name
    for letter in letters:
        samples = parts(source, letter)[1] if is_own else thinned(list_samples(source), letter, ASKED)
        (folder / letter).mkdir(parents=True)
        for sample in samples:
            shutil.copy(source / sample.path, folder / letter)
    return load_external(folder, tuple(letters), hand_search(QUIET), SIZE, QUIET)


def ask(models: Mapping[str, Recognizer], asked: Mapping[str, Dataset], signer: str, shares: Shares) -> None:
    """How much each model is right on, of the letters alone and of all that it knows."""
    for name, model in models.items():
        for other, dataset in asked.items():
            letters = list(dataset.class_names)
            probabilities = model.probabilities(dataset.inputs)
            name_of = OWN_NAMES.get(name, "{}").format
            columns = [model.class_names.index(name_of(letter)) for letter in letters]
            shown = np.array(letters)[dataset.targets]
            who = "the same signer" if other == signer else "other signers"
            among = np.array(letters)[probabilities[:, columns].argmax(axis=1)]
            shares[f"{name}, of these letters", who].append(float((among == shown).mean()))
            if len(model.class_names) > len(letters):
                said = np.array(model.class_names)[probabilities.argmax(axis=1)]
                shares[f"{name}, of all its letters", who].append(float((said == shown).mean()))


def rows(figures: Shares) -> list[Sequence[str]]:
    return [
        (*names, *(f"{each:.3g}" for each in spread(values)), str(len(values))) for names, values in figures.items()
    ]


def spread(values: Sequence[float]) -> tuple[float, float, float]:
    return float(np.mean(values)), min(values), max(values)


if __name__ == "__main__":
    main()
