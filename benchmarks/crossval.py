"""Cross-validation against one training, and a second training's start, on the same photographs in one run.

usage: python benchmarks/crossval.py DATA SIGNERS.csv [--folds signers]
Hands are found beforehand, so that all three begin with the same; the trunk features of neither are there. Prints the
seconds of each, their ratio, and how long a second training takes to its first epoch. Run it on an idle machine.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from datetime import datetime
from pathlib import Path

FIRST_EPOCHS = (
    "Training the landmark stream",
    "Training the hand stream",
)  # what is said when the first epoch of a stream begins


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("signers", type=Path)
    parser.add_argument("--folds", default="signers")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        handshape("check", options.data, "--groups", options.signers)
        groups = ("--set", f"data.groups={options.signers}", "--set", f"data.seed={time.time_ns() % 2**31}")
        first = handshape("train", options.data, "--out", place, "--name", "first", *groups)
        start = time.time()
        second = handshape("train", options.data, "--out", place, "--name", "second", *groups)
        until = {words: said_at(Path(place) / "second" / "training.log", words) - start for words in FIRST_EPOCHS}
        folds = handshape("crossval", options.data, "--folds", options.folds, "--out", place, "--name", "cv", *groups)
    print(f"first training {first:.1f} s, second {second:.1f} s, cross-validation {folds:.1f} s")
    print(f"cross-validation / first training: {folds / first:.2f}")
    for words, seconds in until.items():
        print(f"second training until '{words}': {seconds:.1f} s")


def handshape(*words: object) -> float:
    """Seconds that a command takes."""
    start = time.perf_counter()
    done = subprocess.run([sys.executable, "-m", "handshape", *map(str, words), "--quiet"], check=False)
    if done.returncode:
        raise SystemExit(f"handshape {words[0]} failed")
    return time.perf_counter() - start


def said_at(log: Path, words: str) -> float:
    """When a line was logged, in seconds since the epoch."""
    line = next(line for line in log.read_text(encoding="utf-8").splitlines() if words in line)
    return datetime.strptime(" ".join(line.split()[:2]), "%Y-%m-%d %H:%M:%S,%f").timestamp()


if __name__ == "__main__":
    main()
