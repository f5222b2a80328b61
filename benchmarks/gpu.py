"""What a GPU is worth, measured on the one of this machine; needs Keras on a backend that sees it, TensorFlow or not.

usage: python benchmarks/gpu.py [--tiny] [--only precision,memory,batch,recovery,trace,job] [--json FILE]
Each part runs in a process of its own, since a backend takes its memory once. Prints one table and one JSON object.
--tiny does the same with a few images, on whatever is here, a CPU too: to see that the program runs.

precision   images a second of the frozen trunk and of fine-tuning steps, in float32 and in each half precision
memory      MiB that one fine-tuning step holds at most: with growth, with all taken at once, with a limit
batch       the batch size that model.batch_size=auto finds, and the speeds it tried
recovery    a training that asks for more memory than it may have: the batch size it ends with, and its accuracy
trace       whether ten traced steps leave files that TensorBoard and Perfetto read
job         the specification's: 25 + 10 epochs over 60,900 images of 128x128, in 29 classes; seconds of each stage;
            and again, with what JAX compiled the first time
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

PARTS = ("precision", "memory", "batch", "recovery", "trace", "job")
CLASSES, IMAGES, SIZE = 29, 60_900, 128
TINY_IMAGES, TINY_SIZE = 96, 96
LIMIT_MB = 2048  # for memory and recovery; less than a step of the largest batch takes


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tiny", action="store_true", help="a few images, to see that it runs")
    parser.add_argument("--only", default=",".join(PARTS), help="parts, with commas between them")
    parser.add_argument("--json", type=Path, help="where the measures go as well")
    parser.add_argument("--part", help=argparse.SUPPRESS)
    parser.add_argument("--set", default="{}", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.part:
        print(json.dumps(globals()[f"measure_{options.part}"](options.tiny, json.loads(options.set))))
        return 0
    found, failed = {}, False
    with tempfile.TemporaryDirectory() as compiled:
        for name, part, settings in jobs(options.only.split(",")):
            found[name] = measured(part, settings, options.tiny, {"JAX_COMPILATION_CACHE_DIR": compiled})
            failed = failed or "error" in found[name]
            print(f"{name:28} {', '.join(f'{key} {value}' for key, value in found[name].items())}", flush=True)
    text = json.dumps(found)
    print(text)
    if options.json:
        options.json.write_text(text + "\n", encoding="utf-8")
    return int(failed)


def jobs(parts: list[str]):
    """Name, part and GPU settings of each process."""
    for part in parts:
        if part == "precision":
            for policy in ("float32", "mixed_float16", "mixed_bfloat16"):
                yield f"precision {policy}", part, {"precision": policy}
        elif part == "memory":
            yield "memory growth", part, {}
            yield "memory at once", part, {"memory_growth": False}
            yield f"memory limit {LIMIT_MB} MB", part, {"memory_limit_mb": LIMIT_MB}
        elif part == "recovery":
            yield part, part, {"memory_limit_mb": LIMIT_MB}
        elif part == "job":
            yield part, part, {}
            yield "job again", part, {}
        else:
            yield part, part, {}


def measured(part: str, settings: dict, tiny: bool, also: dict[str, str]) -> dict:
    """What a part says in a process of its own."""
    command = [sys.executable, __file__, "--part", part, "--set", json.dumps(settings), *["--tiny"] * tiny]
    began = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | also)
    if done.returncode:
        return {"error": (done.stderr.strip().splitlines() or [f"ended with {done.returncode}"])[-1]}
    return json.loads(done.stdout.splitlines()[-1]) | {"seconds": round(time.perf_counter() - began, 1)}


def started(gpu: dict):
    """The runtime of this machine under some settings, Keras started on it, and the settings."""
    from handshape.config import GpuSettings
    from handshape.runtime import choose_runtime, start_runtime

    settings = GpuSettings(**gpu)
    runtime = choose_runtime(settings)
    start_runtime(runtime, settings, seed=0)
    return runtime


def images_of(tiny: bool) -> tuple[np.ndarray, np.ndarray]:
    """Tiles in colours of their class under noise, again and again: [N, S, S, 3] uint8, and the classes [N]."""
    count, size = (TINY_IMAGES, TINY_SIZE) if tiny else (IMAGES, SIZE)
    rng = np.random.default_rng(0)
    tiles = rng.integers(40, 216, (CLASSES, 4, 4, 3), np.int16).repeat(size // 4, axis=1).repeat(size // 4, axis=2)
    different = min(count, 29 * 70)
    targets = np.arange(count) % CLASSES
    noisy = tiles[targets[:different]] + rng.integers(-40, 40, (different, size, size, 3), np.int16)
    images = np.resize(noisy.astype(np.uint8), (count, size, size, 3))
    return images, targets


def stream_and_settings(tiny: bool, **model):
    from handshape.config import ModelSettings
    from handshape.console import Console
    from handshape.model.streams import build_pixel_stream
    from handshape.model.weights import find_weights

    settings = ModelSettings(img_size=TINY_SIZE if tiny else SIZE, **model)
    return build_pixel_stream(CLASSES, settings, find_weights("own", settings.img_size, Console(quiet=True))), settings


def measure_precision(tiny: bool, gpu: dict) -> dict:
    from handshape.console import Console
    from handshape.runtime import accelerator_peak_mib
    from handshape.training.batch_size import trial_of
    from handshape.training.phases import fine_tune_phase
    from handshape.training.trunks import copied, frozen_trunk

    runtime = started(gpu)
    stream, settings = stream_and_settings(tiny)
    trunk = frozen_trunk(copied(stream.trunk), runtime, Console())
    images, batch = images_of(True)[0][:32] if tiny else np.resize(images_of(True)[0], (256, SIZE, SIZE, 3)), 64
    trunk(images)
    began, done = time.perf_counter(), 0
    while done < 2 or time.perf_counter() - began < (0 if tiny else 5):
        trunk(images)
        done += 1
    trunk_speed = done * len(images) / (time.perf_counter() - began)
    phase = fine_tune_phase(settings)
    speed = trial_of(stream, phase, runtime)(8 if tiny else batch)
    return {
        "device": runtime.accelerator or "CPU",
        "backend": runtime.backend,
        "trunk_images_s": round(trunk_speed),
        "fine_tune_images_s": round(speed),
        "peak_mib": accelerator_peak_mib(runtime),
    }


def measure_memory(tiny: bool, gpu: dict) -> dict:
    from handshape.runtime import accelerator_peak_mib
    from handshape.training.batch_size import trial_of
    from handshape.training.gauges import find_card
    from handshape.training.phases import fine_tune_phase

    runtime = started(gpu)
    stream, settings = stream_and_settings(tiny)
    trial_of(stream, fine_tune_phase(settings), runtime)(8 if tiny else 256)
    card = find_card()
    return {
        "choice": next(str(each) for each in runtime.decisions if each.topic == "memory growth"),
        "peak_mib": accelerator_peak_mib(runtime),
        "card_used_mib": round(card()[1]) if card else None,
    }


def measure_batch(tiny: bool, gpu: dict) -> dict:
    from handshape.training.batch_size import find_batch_size, sensible_most, trial_of
    from handshape.training.phases import fine_tune_phase

    runtime = started(gpu)
    stream, settings = stream_and_settings(tiny)
    most = 128 if tiny else sensible_most(int(IMAGES * 0.7))
    with tempfile.TemporaryDirectory() as folder:
        tried = find_batch_size(trial_of(stream, fine_tune_phase(settings), runtime), most, Path(folder) / "tried.json")
    return {"batch_size": tried.best(most), "images_s": tried.speeds, "too_large": tried.too_large}


def measure_recovery(tiny: bool, gpu: dict) -> dict:
    """The largest batch there may be; in the tiny mode memory is pretended to run out above eight images."""
    if tiny:
        from handshape.training.batches import StoredViews

        make = StoredViews.inputs

        def small_memory(self, rows, *place):
            if len(rows) > 8:
                raise RuntimeError("RESOURCE_EXHAUSTED: Out of memory, as is pretended")
            return make(self, rows, *place)

        StoredViews.inputs = small_memory
    asked = 64 if tiny else 4096
    trainer, _ = trained(tiny, gpu, Job((2, 1), asked, 1 if tiny else 2, None if tiny else 8192))
    return {"asked": asked, "ended_with": trainer.state.batch_size, "accuracy": best_of(trainer)}


def measure_trace(tiny: bool, gpu: dict) -> dict:
    from handshape.training.profiling import find_traces

    with tempfile.TemporaryDirectory() as folder:
        logs = Path(folder) / "logs"
        batch = 4 if tiny else 64
        trained(tiny, gpu, Job((1, 1), batch, 1, None if tiny else 4096, logs, traced=10))
        files = find_traces(logs)
        kinds = sorted({".".join(file.name.split(".")[-2:]) for file in files})
        return {"files": len(files), "kinds": kinds, "bytes": sum(file.stat().st_size for file in files)}


def measure_job(tiny: bool, gpu: dict) -> dict:
    trainer, seconds = trained(tiny, gpu, Job((2, 1), 64, 2) if tiny else Job((25, 10), 64, 4))
    return {
        "device": trainer.runtime.accelerator or "CPU",
        "precision": trainer.options.precision or trainer.runtime.policy,
        "accuracy": best_of(trainer),
        "epochs": trainer.state.phase_epochs,
        **seconds,
    }


def best_of(trainer) -> float:
    return round(max(trainer.state.history["val_accuracy"]), 4)


@dataclass(frozen=True)
class Job:
    """One training: epochs of both phases, batch size, views an image, images, and what is traced, into where."""

    epochs: tuple[int, int]
    batch: int
    views: int
    images: int | None = None
    logs: Path | None = None
    traced: int = 0


def trained(tiny: bool, gpu: dict, job: Job):
    """A pixel stream trained in both phases, and the seconds of each stage; early stopping off."""
    from handshape.config import AugmentationSettings, TrainingSettings
    from handshape.console import Console
    from handshape.training.augment import Augmenter
    from handshape.training.features import TrunkFeatures
    from handshape.training.phases import fine_tune_phase, head_phase
    from handshape.training.pixel_task import PixelData, TrainingFiles, TrainingOptions
    from handshape.training.pixels import PixelTrainer

    runtime, console, seconds = started(gpu), Console(), {}
    epochs = {"num_epochs": job.epochs[0], "fine_tune_epochs": job.epochs[1], "epoch_images": 10**9}  # all of them
    stream, settings = stream_and_settings(tiny, **epochs)
    images, targets = (each[: job.images] for each in images_of(tiny))
    rows = np.random.default_rng(0).permutation(len(images))
    train, validation = np.sort(rows[len(rows) // 10 :]), np.sort(rows[: len(rows) // 10])
    points = np.full((len(images), 21, 2), np.nan, np.float32)

    def timed(name: str, step) -> None:
        began = time.perf_counter()
        step()
        seconds[f"{name}_s"] = round(time.perf_counter() - began, 1)

    with tempfile.TemporaryDirectory() as folder:
        augmenter = Augmenter(images, points, AugmentationSettings(views=job.views))
        features = TrunkFeatures(stream, augmenter, np.zeros(len(images), int), 0, runtime, Path(folder))
        timed("features", lambda: features.compute(validation, train, console))
        how = TrainingOptions(job.batch, 0, TrainingSettings(patience=1000, profile_steps=job.traced))
        data = PixelData(features, targets, train, validation)
        trainer = PixelTrainer(stream, data, how, runtime, TrainingFiles(tensorboard=job.logs), console)
        timed("head", lambda: trainer.run(head_phase(settings)))
        timed("fine_tune", lambda: trainer.run(fine_tune_phase(settings)))
        trainer.finish()
    return trainer, seconds


if __name__ == "__main__":
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    sys.exit(main())
