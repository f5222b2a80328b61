"""How long the command line takes to say something: ``handshape --help`` and ``import handshape``, beside bare Python.

usage: python benchmarks/startup.py
"""

import statistics
import subprocess
import sys
import time

RUNS = 11
COMMANDS = {
    "python -c pass": [sys.executable, "-c", "pass"],
    "import handshape": [sys.executable, "-c", "import handshape"],
    "handshape --help": [sys.executable, "-m", "handshape", "--help"],
    "handshape train --help": [sys.executable, "-m", "handshape", "train", "--help"],
}


def main() -> None:
    for name, command in COMMANDS.items():
        seconds = [timed(command) for _ in range(RUNS)]
        print(f"{name}: median {statistics.median(seconds):.3f} s, slowest {max(seconds):.3f} s of {RUNS}")


def timed(command: list[str]) -> float:
    start = time.perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
