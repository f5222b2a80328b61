"""Kills trainings at chance moments and at chance writes, resumes them, and compares what comes of it.

    make chaos                    50 kills, of trainings with hands and on whole images
    python scripts/chaos.py --kills 10 --seed 3

Of each kind of training one runs unbroken. The others are killed with SIGKILL: half of them at a moment drawn from the
time that the unbroken one took, half of them just before or just after a file takes its name, at a write drawn from all
that it made. Some resumes are killed once more. Passes where every bundle is the unbroken one's, byte for byte.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from handshape.console import Console
from handshape.practice import draw_practice_set

KINDS = {
    "hands": (),
    "pixels": ("hands.find=off", "model.weights=own", "model.num_epochs=3", "model.fine_tune_epochs=2"),
}
COMMON = ("model.img_size=96", "augmentation.views=2", "training.refit=on")
LABELS, IMAGES = ["A", "B", "L", "5"], 12
AGAIN = 0.3  # of the resumes are killed, too
PATIENCE = 600  # seconds
WRITES = "HANDSHAPE_CHAOS_WRITES"  # a file in which renamings are counted; the write to die at stands in DIE_AT
DIE_AT = "HANDSHAPE_CHAOS_DIE_AT"
# Everything that handshape writes takes its name by one of these two calls (files.py)
PROGRAM = f"""
import os, signal, sys
count, die_at = 0, os.environ.get("{DIE_AT}")
def counted(rename):
    def renamed(*words, **named):
        global count
        for is_after in (False, True):
            if is_after:
                result = rename(*words, **named)
            if die_at == f"{{count}} {{is_after}}":
                os.kill(os.getpid(), signal.SIGKILL)
        count += 1
        with open(os.environ["{WRITES}"], "w") as file:
            file.write(str(count))
        return result
    return renamed
os.replace, os.rename = counted(os.replace), counted(os.rename)
from handshape.cli import main
sys.exit(main())
"""


@dataclass(frozen=True)
class Unbroken:
    """What the others are compared with."""

    bundle: dict[str, bytes]
    seconds: float
    writes: int


class Training:
    """One training in a folder of its own."""

    def __init__(self, kind: str, data: Path, place: Path) -> None:
        self.place = place
        self._new = ["train", str(data), "--out", str(place), "--name", "run"]
        for assignment in (*COMMON, *KINDS[kind]):
            self._new += ["--set", assignment]
        place.mkdir(parents=True)

    @property
    def run(self) -> Path:
        return self.place / "run"

    @property
    def writes(self) -> int:
        return int((self.place / "writes").read_text())

    def start(self, die_at: str = "") -> subprocess.Popen[str]:
        """Begins it, or goes on with it where there is something to go on with."""
        words = ["train", "--resume", str(self.run)] if (self.run / "run.json").is_file() else self._new
        if words is self._new:
            shutil.rmtree(self.run, ignore_errors=True)  # its folder was made, and nothing in it
        environment = {**os.environ, WRITES: str(self.place / "writes"), DIE_AT: die_at}
        return subprocess.Popen(
            [sys.executable, "-c", PROGRAM, *words, "--quiet"],
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )

    def finish(self) -> None:
        process = self.start()
        said = process.communicate(timeout=PATIENCE)[1]
        if process.returncode:
            raise RuntimeError(f"The training in {self.run} ended with {process.returncode}: {said}")

    def bundle(self) -> dict[str, bytes]:
        return {file.name: file.read_bytes() for file in sorted((self.run / "bundle").iterdir())}

    def differences(self, reference: Unbroken) -> list[str]:
        """Files of the bundle that are not those of the unbroken training, and what should not be there."""
        mine = self.bundle() if (self.run / "bundle").is_dir() else {}
        return [*(name for name in reference.bundle if mine.get(name) != reference.bundle[name]), *self.left_over()]

    def left_over(self) -> list[str]:
        """What a killed process had begun to write, and nobody removed."""
        return [str(path.relative_to(self.run)) for path in self.run.rglob(".*")] + [
            name for name in ("work",) if (self.run / name).exists()
        ]


def kill_once(training: Training, reference: Unbroken, chance: random.Random, share: float = 1.0) -> str:
    """Starts a training and kills it; what happened, in words. It may be done before."""
    if chance.random() < 0.5:
        after = chance.random() * reference.seconds * share
        process = training.start()
        try:
            process.communicate(timeout=after)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.communicate()
        how = f"after {after:.1f} s"
    else:
        number, is_after = chance.randrange(reference.writes), chance.random() < 0.5
        process = training.start(f"{number} {is_after}")
        process.communicate(timeout=PATIENCE)
        how = f"{'after' if is_after else 'before'} write {number + 1}"
    return how if process.returncode == -signal.SIGKILL else f"{how} (it was done before)"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=50, help="trainings to be killed (default: 50)")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    chance, console = random.Random(options.seed), Console()
    with tempfile.TemporaryDirectory(prefix="handshape-chaos-") as folder:
        place = Path(folder)
        data = place / "photographs"
        draw_practice_set(data, IMAGES, 0, LABELS, 96, Console(quiet=True))
        references = {}
        for kind in KINDS:
            warm = Training(kind, data, place / f"warm-{kind}")
            warm.finish()  # so that caches are as the others will find them
            start, training = time.perf_counter(), Training(kind, data, place / f"unbroken-{kind}")
            training.finish()
            references[kind] = Unbroken(training.bundle(), time.perf_counter() - start, training.writes)
            if warm.differences(references[kind]):
                raise SystemExit(f"Two unbroken trainings differ: {warm.differences(references[kind])}")
            console.say(f"{kind}: unbroken in {references[kind].seconds:.1f} s, {references[kind].writes} writes")
        identical = kills = 0
        for number in range(options.kills):
            kind = list(KINDS)[number % len(KINDS)]
            training, reference = Training(kind, data, place / f"killed-{number}"), references[kind]
            told = [kill_once(training, reference, chance)]
            if chance.random() < AGAIN:
                told.append(kill_once(training, reference, chance, share=0.7))
            kills += sum("done before" not in each for each in told)
            try:
                if not (training.run / "bundle").is_dir() or (training.run / "work").exists():
                    training.finish()
                same = not training.differences(reference)
            except (RuntimeError, OSError) as error:
                same = False
                console.say(str(error))
            identical += same
            verdict = "identical" if same else f"DIFFERENT: {training.differences(reference)}"
            console.say(f"{number + 1:3} {kind:6} killed {', then '.join(told)}: {verdict}")
            shutil.rmtree(training.place)
        console.say(
            f"{kills} kills of {options.kills} trainings: {identical} of {options.kills} identical to the unbroken one"
        )
        return int(identical < options.kills)


if __name__ == "__main__":
    sys.exit(main())
