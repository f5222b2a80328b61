"""Leave one hand out on a Ray cluster of two nodes, one of them killed half-way, against the folds of one process.

usage: python benchmarks/cluster.py DATA GROUPS [--folds signers] [--cpus 1]
GROUPS is what data.groups takes: a table of signers, or a regular expression for their names. Both nodes are on this
machine, so that the seconds say what a cluster costs here, not what it saves. Prints the accuracy of each fold, whether
all probabilities are equal to the last bit, what was shipped, and the seconds.
"""

import argparse
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
from ray.cluster_utils import Cluster

from handshape.config import Settings, load_settings
from handshape.console import Console
from handshape.workflow.crossval import CrossvalOptions, cross_validate
from handshape.workflow.crossval_fold import FoldAnswers
from handshape.workflow.crossval_result import CrossvalResult
from handshape.workflow.executor import executor_of


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("groups")
    parser.add_argument("--folds", default="signers")
    parser.add_argument("--cpus", type=int, default=1, help="of each node (default: 1)")
    options = parser.parse_args()
    settings = load_settings(
        "default", None, [f"data.original_data_dir={options.data}", f"data.groups={options.groups}"]
    )
    asked = CrossvalOptions(folds="signers" if options.folds == "signers" else int(options.folds))
    with tempfile.TemporaryDirectory() as place:
        start = time.perf_counter()
        one = cross_validate(settings, Path(place), "one", asked, Console())
        seconds = time.perf_counter() - start
        two = on_two_nodes(settings, asked, Path(place), options.cpus)
        print(f"one process: {seconds:.0f} s")
        compare(one, two)


def on_two_nodes(settings: Settings, asked: CrossvalOptions, place: Path, cpus: int) -> CrossvalResult:
    """The cross-validation on two nodes; the second is killed when half of the folds are done."""
    console, start = HeardConsole(), time.perf_counter()
    cluster = Cluster()
    _, second = (cluster.add_node(num_cpus=cpus, include_dashboard=False) for _ in range(2))
    print(f"two nodes are up after {time.perf_counter() - start:.1f} s")
    folds, ended = place / "two" / "folds", threading.Event()
    half = 2 if asked.folds == "signers" else asked.folds // 2

    def lose() -> None:
        while len(list(folds.glob("*.npz"))) < half and not ended.wait(0.2):
            pass
        if not ended.is_set():
            print(f"killing one of two nodes, {len(list(folds.glob('*.npz')))} folds are done")
            cluster.remove_node(second, allow_graceful=False)

    loser = threading.Thread(target=lose)
    loser.start()
    try:
        start = time.perf_counter()
        with executor_of(cluster.address, 1, console) as executor:
            print(f"joined after {time.perf_counter() - start:.1f} s")
            found = cross_validate(settings, place, "two", asked, console, executor)
        print(f"two nodes, one killed: {time.perf_counter() - start:.0f} s")
        print("\n".join(console.shared))
        return found
    finally:
        ended.set()
        loser.join()
        cluster.shutdown()


def compare(one: CrossvalResult, two: CrossvalResult) -> None:
    """Both, fold by fold."""
    names = [sorted(file.name for file in each.run.answers.iterdir()) for each in (one, two)]
    is_equal = names[0] == names[1]
    for name, first, second in zip(names[0], one.folds, two.folds, strict=True):
        a, b = (FoldAnswers.load(each.run.answers / name) for each in (one, two))
        equal = np.array_equal(a.rows, b.rows) and np.array_equal(a.probabilities, b.probabilities)
        is_equal = is_equal and equal
        shares = f"{first.share:.4%} in one process, {second.share:.4%} on two nodes"
        print(f"{first.name}: {shares}, probabilities {'equal' if equal else 'differ'}")
    print("all equal, each fold once" if is_equal else "NOT equal")


class HeardConsole(Console):
    """Keeps what is said about shared values."""

    def __init__(self) -> None:
        super().__init__()
        self.shared: list[str] = []

    def log(self, text: str) -> None:
        super().log(text)
        if text.startswith("Shared"):
            self.shared.append(text)


if __name__ == "__main__":
    main()
