"""Handshape on people it has never seen, beside whole images by the specification's recipe and plain landmarks.

usage: python benchmarks/strangers.py DATA WEIGHTS [--only one many] [--seeds 0] [--skip-baselines] [--work FOLDER]
DATA holds the sets of photographs that ``stranger_sets.py`` names, WEIGHTS is what the recipe starts from. Trains on
the 24 static letters of one source, then of many, and prints the accuracy on other people's photographs beside that
on each method's own validation photographs, with two sets on hard walls beside the mean; then what Handshape accepts,
of photographs without a sign too.
"""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from digits import measured
from stranger_sets import BENCHMARKS, HARD_WALLS, NEGATIVES, Benchmark, lay_out, samples_of, write_signers

from handshape.config import Settings, load_settings
from handshape.console import Console
from handshape.data.splits import split_samples, write_splits
from handshape.errors import HandshapeError
from handshape.evaluation.answers import Answers
from handshape.evaluation.predictions import predict
from handshape.export.bundle import Bundle
from handshape.hands.search import hand_search
from handshape.serving.recognizer import Recognizer
from handshape.workflow.external import evaluate_bundle
from handshape.workflow.other_photographs import load_negatives
from handshape.workflow.train import train

HERE = Path(__file__).parent
BASELINES = {"pixels": "MobileNetV2, whole images", "landmarks": "MLP, plain landmarks"}
HANDSHAPE = "handshape"


@dataclass(frozen=True)
class Decided:
    """What a model accepts of one set; all shares, None where they say nothing.

    Attributes:
        accepted: decided as a label; of photographs without a sign these are the false accepts.
        accuracy_of_accepted: of those, how many rightly.
        right_accepted: of the right answers, how many are accepted.
    """

    hands_found: float | None
    accepted: float
    accuracy_of_accepted: float | None = None
    right_accepted: float | None = None


@dataclass(frozen=True)
class Result:
    """How one method did, trained once.

    Attributes:
        own: accuracy on its own validation photographs.
        accuracy: by set of strangers' photographs.
        decided: by set, those without a sign too; empty for methods that accept everything.
    """

    trained_on: str
    method: str
    seed: int
    own: float
    accuracy: Mapping[str, float]
    decided: Mapping[str, Decided]
    seconds: float

    @property
    def mean(self) -> float:
        """The mean accuracy over the benchmark's sets, without those on hard walls."""
        return float(np.mean([share for name, share in self.accuracy.items() if name not in HARD_WALLS]))


def main() -> None:
    options = parse()
    console = Console(to_json=options.json)
    try:
        with workplace(options.work) as place:
            results = [
                result
                for name in options.only
                for seed in options.seeds
                for result in run(name, seed, options, place, console)
            ]
    except HandshapeError as error:
        console.error(error)
        sys.exit(1)
    show(results, console)
    if options.json:
        console.emit({"results": [{**asdict(result), "mean": result.mean} for result in results]})


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("weights", type=Path, help="what the recipe starts from: a weights file of MobileNetV2")
    parser.add_argument("--only", nargs="+", choices=tuple(BENCHMARKS), default=list(BENCHMARKS))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--skip-baselines", action="store_true")
    parser.add_argument("--limit", type=int, help="for a quick look: at most so many images of each class of each set")
    parser.add_argument("--work", type=Path, metavar="FOLDER", help="keep runs and training folders in a new one here")
    parser.add_argument("--set", action="append", default=[], dest="assignments", metavar="SECTION.KEY=VALUE")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


@contextmanager
def workplace(wanted: Path | None) -> Iterator[Path]:
    """A new folder, kept only where one was asked for."""
    if wanted is None:
        with tempfile.TemporaryDirectory(prefix="strangers-") as place:
            yield Path(place)
    else:
        wanted.mkdir(parents=True, exist_ok=True)
        yield Path(tempfile.mkdtemp(prefix="strangers-", dir=wanted))


def run(name: str, seed: int, options: argparse.Namespace, place: Path, console: Console) -> Iterator[Result]:
    """Handshape and the baselines, trained on the same photographs and asked about the same strangers."""
    methods = [HANDSHAPE] if options.skip_baselines else [HANDSHAPE, *BASELINES]
    for method in methods:
        console.status("train", f"Trained on {name}, seed {seed}: {BASELINES.get(method, method)}")
        measure = handshape if method == HANDSHAPE else baseline
        result = measure(name, method, seed, options, place)
        sets = ", ".join(f"{in_words(key)} {value:.3f}" for key, value in result.accuracy.items())
        console.detail(f"own validation {result.own:.3f}, {sets}, mean {result.mean:.3f}; {result.seconds:.0f} s")
        yield result


def handshape(name: str, method: str, seed: int, options: argparse.Namespace, place: Path) -> Result:
    start = time.perf_counter()
    benchmark = BENCHMARKS[name]
    settings = prepare(name, seed, options, place)
    quiet = Console(quiet=True)
    trained = train(settings, place / "runs", f"{name}-seed{seed}", quiet)
    accuracy, decided = ask(trained.bundle, benchmark, options, place, quiet)
    seconds = time.perf_counter() - start
    return Result(name, method, seed, trained.validation.accuracy, accuracy, decided, seconds)


def prepare(name: str, seed: int, options: argparse.Namespace, place: Path) -> Settings:
    """Lays out the photographs to train on, and says so in the settings."""
    benchmark = BENCHMARKS[name]
    photographs, signers = place / f"{name}-seed{seed}", place / f"{name}-seed{seed}.csv"
    samples = samples_of(options.data, benchmark.sources, options.limit)
    lay_out(options.data, samples, photographs)
    groups = "auto"
    if benchmark.knows_signers:
        write_signers(options.data, benchmark, samples, signers)
        groups = str(signers)
    settings = load_settings(assignments=["hands.find=auto", f"data.groups={groups}", *options.assignments])
    data = settings.data.model_copy(update={"original_data_dir": str(photographs), "seed": seed})
    return settings.model_copy(update={"data": data})


def ask(
    bundle: Bundle, benchmark: Benchmark, options: argparse.Namespace, place: Path, console: Console
) -> tuple[dict[str, float], dict[str, Decided]]:
    """Accuracy on each set of strangers' photographs, and what is accepted of them and of those without a sign."""
    accuracy, decided = {}, {}
    for name in benchmark.strangers:
        asked = evaluate_bundle(bundle, set_in(place, name, options), console)
        accuracy[name], report = asked.evaluation.metrics.accuracy, asked.decisions
        decided[name] = Decided(report.hands_found, report.accepted, report.accuracy_of_accepted, report.right_accepted)
    network = Recognizer(bundle).network
    search = hand_search(console) if bundle.hands else None
    for name in NEGATIVES:
        inputs = load_negatives([str(set_in(place, name, options))], search, bundle.size, console)
        found = inputs.found if search else None
        answers = Answers.of_negatives(bundle.class_names, predict(network, inputs, console), found)
        decided[name] = Decided(
            None if found is None else float(found.mean()), float(answers.accepted_as_sign(bundle.thresholds).mean())
        )
    return accuracy, decided


def set_in(place: Path, name: str, options: argparse.Namespace) -> Path:
    """The photographs of one set that models are asked about, one folder a class."""
    folder = place / "asked" / name
    return folder if folder.is_dir() else lay_out(options.data, samples_of(options.data, [name], options.limit), folder)


def baseline(name: str, method: str, seed: int, options: argparse.Namespace, place: Path) -> Result:
    """A method of ``baselines.py``, in a process of its own, on a random split as its like are judged by."""
    benchmark = BENCHMARKS[name]
    splits = place / f"{name}-seed{seed}-random.csv"
    own = samples_of(options.data, benchmark.sources, options.limit)
    strangers = samples_of(options.data, benchmark.strangers, options.limit)
    write_splits(splits, split_samples(own, None, 0.2, 0.1, seed).samples(own) | {"test": strangers})
    command = [sys.executable, str(HERE / "baselines.py"), method]
    answer = measured([*command, str(splits), str(options.data), str(options.weights)])
    return Result(name, BASELINES[method], seed, answer["own"], answer["accuracy"], {}, answer["wall"])


def show(results: Sequence[Result], console: Console) -> None:
    """Both tables, each figure the mean over the seeds."""
    same: dict[tuple[str, str], list[Result]] = {}
    for result in results:
        same.setdefault((result.trained_on, result.method), []).append(result)
    names = dict.fromkeys(name for result in results for name in result.accuracy)
    tests = [name for name in names if name not in HARD_WALLS]
    rows = [
        (
            *key,
            share([each.own for each in group]),
            *(share([each.accuracy.get(name) for each in group]) for name in tests),
            share([each.mean for each in group]),
            *(share([each.accuracy[name] for each in group]) for name in HARD_WALLS),
        )
        for key, group in same.items()
    ]
    columns = ("trained on", "method", "own validation", *map(in_words, tests), "mean", *map(in_words, HARD_WALLS))
    console.table("Accuracy on strangers", columns, rows)
    decisions = [
        (key[0], in_words(name), *(share([vars(each.decided[name])[field] for each in group]) for field in FIELDS))
        for key, group in same.items()
        for name in group[0].decided
    ]
    console.table("What Handshape accepts", ("trained on", "photographs", *FIELDS.values()), decisions)


FIELDS = {
    "hands_found": "hands found",
    "accepted": "accepted",
    "accuracy_of_accepted": "right of these",
    "right_accepted": "right ones kept",
}


def share(values: Sequence[float | None]) -> str:
    """The mean, or a dash where there is nothing to say."""
    known = [value for value in values if value is not None]
    return f"{np.mean(known):.3f}" if known else "–"


def in_words(name: str) -> str:
    """The name of a set without what all have in common."""
    return re.sub("^asl[0-9]+_", "", name).replace("_", " ")


if __name__ == "__main__":
    main()
