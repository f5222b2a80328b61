"""Where the time and memory of a training go, beside the floors of this machine, its growth, and what peers take.

usage: python benchmarks/speed.py WEIGHTS SOURCE... [--images 1000 5000 20010] [--peers 20010] [--hands] [--out FOLDER]
Photographs are made of those in the SOURCE folders (benchmarks/photographs.py). For each number of images a training
with a cache of its own, so that it computes what one on new photographs computes, and once more with that cache. At
--peers images the specification's recipe and a good tf.data pipeline take their turn on the same split: some of their
epochs, multiplied. Prints a table, and saves it with all numbers in FOLDER. Run it on an idle machine.
"""

from __future__ import annotations

import argparse
import io
import itertools
import json
import math
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from digits import measured
from photographs import make
from PIL import Image

from handshape.console import Console
from handshape.hands.models import VARIABLE, hand_models

HERE = Path(__file__).parent
TRUNK_MACS, TAIL_MACS = 78.9e6, 19.1e6  # of MobileNetV2 at 128 pixels, up to block_14_add and behind it
FORWARD_AND_BACK = 3  # times the operations of forward alone
SIDE, TILE, SECONDS = 200, 1024, 1.5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weights", type=Path, help="MobileNetV2's, without its top")
    parser.add_argument("sources", type=Path, nargs="+", help="folders of class folders")
    parser.add_argument("--images", type=int, nargs="+", default=[1000, 5000, 20010])
    parser.add_argument(
        "--peers", type=int, default=0, help="number of images that the others are timed on; 0 leaves out"
    )
    parser.add_argument("--seeds", type=int, nargs="+", default=[0], help="of trainings at that number")
    parser.add_argument("--hands", action="store_true", help="find hands, and learn from them")
    parser.add_argument("--out", type=Path, default=Path("speed"))
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=options.out) as place:
        found: dict[str, Any] = {"machine": floors(options.sources[0]), "trainings": []}
        show("floors of this machine", found["machine"])
        for count in options.images:
            data = Path(place) / f"data{count}"
            make(data, count, options.sources, SIDE)
            found["trainings"] += list(trainings(count, data, options, Path(place)))
        found["growth"] = growth(found["trainings"])
        show("growth: exponent of seconds between sizes", found["growth"])
        (options.out / "speed.json").write_text(json.dumps(found, indent=1))
        table = "\n".join(rows(found))
        (options.out / "speed.md").write_text(f"{table}\n")
        print(table)


def trainings(count: int, data: Path, options: argparse.Namespace, place: Path) -> Iterator[dict[str, Any]]:
    """Ours, fresh and once more, and at one number of images those of the others."""
    for seed in options.seeds if count == options.peers else options.seeds[:1]:
        home = place / f"home{count}_{seed}"
        checked = check(data, home)
        for name in ("fresh", "again"):
            made = train(data, f"{name}{count}_{seed}", seed, options, home)
            yield show(
                f"{count} images, {name}, seed {seed}", {"images": count, "name": name, "seed": seed, **made, **checked}
            )
        if count == options.peers:
            splits = place / f"fresh{count}_{seed}" / "splits.csv"
            for name, words in (("recipe", []), ("tf.data", ["--pipeline"])):
                command = [sys.executable, str(HERE / "specification.py"), str(splits), str(data), str(options.weights)]
                peer = measured([*command, "--timed", "1", *words])
                yield show(f"{count} images, {name}", {"images": count, "name": name, "seed": seed, **peer})


def train(data: Path, name: str, seed: int, options: argparse.Namespace, home: Path) -> dict[str, Any]:
    """One training: seconds of its stages, wall seconds, peak memory, accuracy, and seconds to its first epoch."""
    settings = [f"data.seed={seed}", f"hands.find={'auto' if options.hands else 'off'}"]
    settings += [] if options.hands else [f"model.weights={options.weights}"]
    words = [word for setting in settings for word in ("--set", setting)]
    command = ["-m", "handshape", "train", str(data), "--out", str(home.parent), "--name", name, "--json", "--quiet"]
    begun = time.time()
    result = measured([sys.executable, *command, *words], environment(home))
    return {
        "seconds": result["wall"],
        "stages": result["seconds"],
        "peak_mib": result["peak_mib"],
        "validation": result["accuracy"]["validation"],
        "test": result["accuracy"]["test"],
        "first_epoch": first_epoch(home.parent / name / "training.log") - begun,
    }


def environment(home: Path) -> dict[str, str]:
    return {"HANDSHAPE_HOME": str(home), VARIABLE: str(hand_models(Console()).palm.parent)}


def first_epoch(log: Path) -> float:
    """When the training began that a log tells of, in seconds since 1970."""
    begins = ("Phase 1: training", "Training the landmark stream")
    line = next(line for line in log.read_text().splitlines() if any(words in line for words in begins))
    return datetime.strptime(" ".join(line.split()[:2]), "%Y-%m-%d %H:%M:%S,%f").timestamp()


def check(data: Path, home: Path) -> dict[str, float]:
    """Images a second of ``handshape check``, start included; of whole images, whatever is trained."""
    start = time.perf_counter()
    words = [sys.executable, "-m", "handshape", "check", str(data), "--json", "--quick"]
    subprocess.run(
        words, stdout=subprocess.DEVNULL, env={**os.environ, "HANDSHAPE_HOME": f"{home}_checked"}, check=False
    )
    files = sum(1 for _ in data.rglob("*.jpg"))
    return {"check_a_second": files / (time.perf_counter() - start)}


def floors(source: Path) -> dict[str, float]:
    """What this machine does at best, in images a second: arithmetic of trunk and tail, decoding, the disk."""
    matrix = np.ones((TILE, TILE), np.float32)
    flops = 2 * TILE**3 * a_second(lambda: matrix @ matrix)
    contents = [file.read_bytes() for file in sorted(source.rglob("*.jp*g"))[:64]]
    cores = os.cpu_count() or 1
    decoded = cores * len(contents) * a_second(lambda: [Image.open(io.BytesIO(each)).load() for each in contents])
    with tempfile.TemporaryFile() as file:
        block = bytes(64_000_000)

        def write() -> None:
            file.seek(0)
            file.write(block)
            file.flush()
            os.fsync(file.fileno())

        written = len(block) * a_second(write)
    return {
        "gflops": flops / 1e9,
        "trunk": flops / 2 / TRUNK_MACS,
        "tail_training": flops / 2 / TAIL_MACS / FORWARD_AND_BACK,
        "decode": decoded,
        "disk_mb": written / 1e6,
    }


def a_second(work: Callable[[], object]) -> float:
    """How often a second, the best of some."""
    best, since = math.inf, time.perf_counter()
    while time.perf_counter() - since < SECONDS:
        start = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - start)
    return 1 / best


def growth(found: list[dict[str, Any]]) -> dict[str, float]:
    """By which power of the number of images the seconds grow, from each size to the next."""
    fresh = {each["images"]: each["seconds"] for each in found if each["name"] == "fresh"}
    sizes = sorted(fresh)
    return {
        f"{small} to {large}": math.log(fresh[large] / fresh[small]) / math.log(large / small)
        for small, large in itertools.pairwise(sizes)
    }


def rows(found: dict[str, Any]) -> Iterator[str]:
    """The table, in Markdown."""
    stages = list(dict.fromkeys(stage for each in found["trainings"] for stage in each["stages"]))
    columns = [f"{each['images']:,} {each['name']}" for each in found["trainings"]]
    yield f"| | {' | '.join(columns)} |"
    yield f"|---{'|---' * len(columns)}|"
    for name, digits in (("seconds", 1), ("peak_mib", 0), ("test", 4), ("first_epoch", 1), ("check_a_second", 0)):
        cells = [f"{each[name]:.{digits}f}" if name in each else "" for each in found["trainings"]]
        yield f"| {name} | {' | '.join(cells)} |"
    for stage in stages:
        cells = [f"{each['stages'][stage]:.1f}" if stage in each["stages"] else "" for each in found["trainings"]]
        yield f"| {stage} s | {' | '.join(cells)} |"


def show(name: str, made: dict[str, Any]) -> dict[str, Any]:
    print(f"{name}: {json.dumps(made, default=lambda value: round(value, 3))}", flush=True)
    return made


if __name__ == "__main__":
    main()
