"""An ensemble of five, and one model distilled from it, on people that none has seen, beside a single member.

usage: python benchmarks/ensemble.py DATA WEIGHTS [--only one many] [--seeds 0 1 2] [--members 5] [--work FOLDER]
DATA holds the sets of photographs that ``stranger_sets.py`` names; WEIGHTS is not used, and there because these are the
arguments of ``strangers.py``. Trains on the 24 static letters of one source, then of many. Each seed trains members of
its own, so the spread over seeds says how far a gain is chance of training; it says nothing about other strangers.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from stranger_sets import BENCHMARKS, HARD_WALLS
from strangers import in_words, prepare, set_in, workplace

from handshape.console import Console
from handshape.errors import HandshapeError
from handshape.model.networks import KerasNetwork
from handshape.workflow.context import Context
from handshape.workflow.dataset import Dataset
from handshape.workflow.ensemble.crew import Crew
from handshape.workflow.ensemble.joining import Ensemble, distill, join
from handshape.workflow.ensemble.plan import EnsembleOptions, plan_members
from handshape.workflow.evaluate import Negatives, evaluate
from handshape.workflow.executor import executor_of
from handshape.workflow.loading import load
from handshape.workflow.other_photographs import load_externals
from handshape.workflow.run import EnsembleRun
from handshape.workflow.splitting import split

METHODS = ("single member", "ensemble", "distilled")


@dataclass(frozen=True)
class Result:
    """One way of answering, once.

    Attributes:
        own: accuracy on its own validation photographs.
        accuracy: by set of strangers' photographs; of single members the mean.
        ece: calibration error, the mean over the sets; of single members the mean.
    """

    trained_on: str
    seed: int
    method: str
    own: float
    accuracy: Mapping[str, float]
    ece: float

    @property
    def mean(self) -> float:
        """Over the benchmark's sets, without those on hard walls."""
        return float(np.mean([share for name, share in self.accuracy.items() if name not in HARD_WALLS]))


def main() -> None:
    options = parse()
    console = Console(to_json=options.json)
    try:
        with workplace(options.work) as place:
            results = [each for name in options.only for each in run(name, options, place, console)]
    except HandshapeError as error:
        console.error(error)
        sys.exit(1)
    show(results, console)
    if options.json:
        console.emit({"results": [{**asdict(result), "mean": result.mean} for result in results]})


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("weights", type=Path, help="not used: the same arguments as strangers.py")
    parser.add_argument("--only", nargs="+", choices=tuple(BENCHMARKS), default=list(BENCHMARKS))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--members", type=int, default=5)
    parser.add_argument("--limit", type=int, help="for a quick look: at most so many images of each class of each set")
    parser.add_argument("--work", type=Path, metavar="FOLDER", help="keep training folders in a new one here")
    parser.add_argument("--set", action="append", default=[], dest="assignments", metavar="SECTION.KEY=VALUE")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def run(name: str, options: argparse.Namespace, place: Path, console: Console) -> list[Result]:
    """Every seed, on photographs that are read once."""
    settings = prepare(name, 0, options, place)
    context = Context(Console(quiet=True), settings.gpu)
    dataset = load(settings, context)
    sets = {each: set_in(place, each, options) for each in BENCHMARKS[name].strangers}
    strangers = load_externals(sets, dataset, settings.model.img_size, Console(quiet=True))
    results = []
    for seed in options.seeds:
        data = settings.data.model_copy(update={"seed": seed * options.members})  # no member of one is one of another
        for result in once(name, seed, settings.model_copy(update={"data": data}), dataset, strangers, options, place):
            console.detail(
                f"{name}, seed {seed}, {result.method}: own validation {result.own:.3f}, mean {result.mean:.3f}"
            )
            results.append(result)
    return results


def once(name, seed, settings, dataset, strangers: Mapping[str, Dataset], options, place) -> list[Result]:
    """Members, all together, and one that learned from them."""
    quiet = Console(quiet=True)
    context = Context(quiet, settings.gpu)
    asked, made = EnsembleOptions(options.members), split(dataset, settings, quiet)
    folder = EnsembleRun(place / f"{name}-{seed}", "0")
    folder.create_folders()
    with executor_of(None, 1, quiet) as executor:
        plans = plan_members(dataset, made, settings, asked, context)
        members, _ = Crew(dataset, settings, asked, executor, folder, context).train(made, plans, ())
    ensemble = Ensemble(dataset, made, plans, members, asked.weigh)
    negatives = Negatives(None, ensemble.other_signs)
    networks = [KerasNetwork(each.member.model) for each in ensemble.shipped]
    own = [
        [float((each.answers[made.validation].argmax(1) == dataset.targets[made.validation]).mean())]
        for each in ensemble.measured
    ]
    asked_of = {"single member": (networks, float(np.mean(own)))}
    for method, how in (("ensemble", join), ("distilled", distill)):
        trained = how(ensemble, settings, negatives, context)
        asked_of[method] = ([trained.shipped.network], trained.results.validation.metrics.accuracy)
    return [measure(name, seed, method, *found, strangers) for method, found in asked_of.items()]


def measure(name, seed, method, networks, own: float, strangers: Mapping[str, Dataset]) -> Result:
    """The mean over some networks, on every set of strangers."""
    quiet = Console(quiet=True)
    found = {
        each: [evaluate(_Answering(network), others, others.rows, quiet).metrics for network in networks]
        for each, others in strangers.items()
    }
    accuracy = {each: float(np.mean([metrics.accuracy for metrics in some])) for each, some in found.items()}
    ece = float(np.mean([metrics.ece for each, some in found.items() if each not in HARD_WALLS for metrics in some]))
    return Result(name, seed, method, own, accuracy, ece)


@dataclass(frozen=True)
class _Answering:
    network: object


def show(results: Sequence[Result], console: Console) -> None:
    """Each method, the mean over the seeds; then what is gained, with its spread over them."""
    rows, gains = [], []
    for name in dict.fromkeys(result.trained_on for result in results):
        of = {
            method: [each for each in results if (each.trained_on, each.method) == (name, method)] for method in METHODS
        }
        sets = list(of["ensemble"][0].accuracy)
        for method, group in of.items():
            shares = [f"{np.mean([each.accuracy[one] for each in group]):.3f}" for one in sets]
            own, mean, ece = (
                f"{np.mean([getattr(each, what) for each in group]):.3f}" for what in ("own", "mean", "ece")
            )
            rows.append((name, method, own, *shares, mean, ece))
        for one, other in (("single member", "ensemble"), ("single member", "distilled"), ("ensemble", "distilled")):
            apart = [100 * (b.mean - a.mean) for a, b in zip(of[one], of[other], strict=True)]
            spread = f"{np.std(apart, ddof=1):.2f}" if len(apart) > 1 else "–"
            gains.append((name, f"{other} over {one}", f"{np.mean(apart):+.2f}", spread, len(apart)))
        columns = ("trained on", "method", "own validation", *map(in_words, sets), "mean", "calibration error")
        console.table("Accuracy on strangers", columns, rows)
        rows = []
    console.table("Gain in points of the mean", ("trained on", "what", "gain", "deviation over seeds", "seeds"), gains)


if __name__ == "__main__":
    main()
