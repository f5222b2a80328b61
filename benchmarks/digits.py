"""``handshape train`` against the specification's recipe written plainly, on the same split, in one run.

usage: python benchmarks/digits.py DATA SIGNERS.csv WEIGHTS [--seeds 0 1 2] [--baseline-seeds 0] [--hands]
Both see whole images, as the recipe does; with --hands, Handshape finds the hands and uses both streams.
Prints accuracy, seconds and peak memory of each, their means and the ratio. Run it on an idle machine. Each training
has a cache of its own, so that it computes what one on new photographs computes.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from handshape.console import Console
from handshape.hands.models import VARIABLE, hand_models

HERE = Path(__file__).parent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("signers", type=Path)
    parser.add_argument("weights", help="what both start from: a weights file, or own (then without the baseline)")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--baseline-seeds", type=int, nargs="*", default=[0])
    parser.add_argument("--hands", action="store_true", help="find hands; both streams")
    parser.add_argument("--set", action="append", default=[], dest="assignments")
    options = parser.parse_args()
    ours, baseline = [], []
    with tempfile.TemporaryDirectory() as place:
        for seed in options.seeds:
            ours.append(train(options, seed, Path(place)))
            show("handshape train", seed, ours[-1])
            if seed in options.baseline_seeds:
                splits = Path(place) / f"seed{seed}" / "splits.csv"
                baseline.append(specification(options, splits))
                show("specification", seed, baseline[-1])
    print(f"mean test accuracy: handshape {statistics.mean(run['test'] for run in ours):.4f}", end="")
    if baseline:
        print(f", specification {statistics.mean(run['test'] for run in baseline):.4f}")
        ratio = statistics.median(run["wall"] for run in baseline) / statistics.median(run["wall"] for run in ours)
        print(f"specification's time / handshape's: {ratio:.2f}")
    else:
        print()


def train(options: argparse.Namespace, seed: int, place: Path) -> dict[str, float]:
    settings = [f"data.seed={seed}", f"data.groups={options.signers}", f"model.weights={options.weights}"]
    settings.append(f"hands.find={'auto' if options.hands else 'off'}")
    assignments = [word for setting in settings + options.assignments for word in ("--set", setting)]
    command = ["-m", "handshape", "train", str(options.data), "--out", str(place), "--name", f"seed{seed}", "--json"]
    own = {"HANDSHAPE_HOME": str(place / f"home{seed}")}
    if options.hands:
        own[VARIABLE] = str(hand_models(Console()).palm.parent)
    result = measured([sys.executable, *command, "--quiet", *assignments], own)
    accuracy = result.pop("accuracy")
    return {**result, "test": accuracy["test"], "validation": accuracy["validation"]}


def specification(options: argparse.Namespace, splits: Path) -> dict[str, float]:
    return measured([sys.executable, str(HERE / "specification.py"), str(splits), str(options.data), options.weights])


def measured(command: list[str], variables: Mapping[str, str] = MappingProxyType({})) -> dict:
    """The JSON object that a command prints last, with its wall seconds and its peak memory."""
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, **variables})
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{' '.join(command)} failed")
    wall = time.perf_counter() - start
    return {**json.loads(output.splitlines()[-1]), "wall": wall, "peak_mib": usage.ru_maxrss / 1024}


def show(name: str, seed: int, run: dict) -> None:
    print(
        f"{name}, seed {seed}: test {run['test']:.4f}, {run['wall']:.1f} s, peak {run['peak_mib']:.0f} MiB", flush=True
    )
    print(f"  {run['seconds']}", flush=True)


if __name__ == "__main__":
    main()
