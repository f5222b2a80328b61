"""How long commands take to say something, beside bare Python: helps, one photograph, a training's first line.

usage: python benchmarks/startup.py [--runs 11] [--model RUN]

RUN is a run of handshape train; without one, a small model is trained on drawn hands first. The photograph is a drawn
one. Times depend on what else the machine does: compare the fastest of the runs.
"""

import argparse
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HANDSHAPE = [sys.executable, "-m", "handshape"]
SMALL = ("model.num_epochs=1", "model.fine_tune_epochs=1", "hands.find=off", "augmentation.views=1")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=11)
    parser.add_argument("--model", type=Path)
    options = parser.parse_args()
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # as for users: modules are compiled once
    with tempfile.TemporaryDirectory() as place:
        photographs, runs = Path(place, "photographs"), Path(place, "runs")
        subprocess.run([*HANDSHAPE, "sample", photographs, "--per-class", "12", "--quiet"], check=True)
        photograph = next(photographs.glob("*/*.jpg"))
        train = [*HANDSHAPE, "train", str(photographs), "--out", str(runs)]
        model = options.model or trained(train, runs / "small")
        for name, command in {
            "python -c pass": [sys.executable, "-c", "pass"],
            "import handshape": [sys.executable, "-c", "import handshape"],
            "handshape --help": [*HANDSHAPE, "--help"],
            "handshape train --help": [*HANDSHAPE, "train", "--help"],
            "handshape predict asl PHOTO": [*HANDSHAPE, "predict", "asl", str(photograph)],
            "handshape predict RUN PHOTO": [*HANDSHAPE, "predict", str(model), str(photograph)],
        }.items():
            tell(name, [timed(command) for _ in range(options.runs)])
        tell("handshape train: its first line", [until_first_line(train) for _ in range(options.runs)])


def trained(train: list[str], run: Path) -> Path:
    settings = [word for each in SMALL for word in ("--set", each)]
    subprocess.run([*train, "--name", run.name, "--quiet", *settings], stdout=subprocess.DEVNULL, check=True)
    return run


def tell(name: str, seconds: list[float]) -> None:
    fastest, median, slowest = min(seconds), statistics.median(seconds), max(seconds)
    print(f"{name}: fastest {fastest:.3f} s, median {median:.3f} s, slowest {slowest:.3f} s of {len(seconds)}")


def timed(command: list[str]) -> float:
    start = time.perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
    return time.perf_counter() - start


def until_first_line(command: list[str]) -> float:
    """Seconds until it says something; then it is stopped, as by Ctrl-C."""
    start = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        assert process.stderr is not None
        process.stderr.readline()
        seconds = time.perf_counter() - start
        process.send_signal(signal.SIGINT)
        process.stderr.read()
    return seconds


if __name__ == "__main__":
    main()
