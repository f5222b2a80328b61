"""``handshape doctor``: what this machine can do, what was chosen and why, and what to do about trouble."""

from __future__ import annotations

import argparse
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from handshape.cli.shared import Verbs, add_verb
from handshape.errors import RuntimeUnavailableError

if TYPE_CHECKING:
    from handshape.console import Console
    from handshape.runtime import Decision

ORDER = 100
LITTLE_MEMORY_GIB = 4
LITTLE_DISK_GB = 5
SMALL_GPU_MIB = 4500  # cards sold with 4 GB
TROUBLE = (
    ("data directory not found", "handshape check FOLDER shows what is there; give the folder of the class folders"),
    ("memory runs out", "--set model.batch_size=32, then --set augmentation.views=4"),
    ("GPU memory runs out", "the batch is halved by itself; --profile gtx1650, or --set gpu.workers=2"),
    (
        "training is too slow",
        "--set model.num_epochs=10 --set model.fine_tune_epochs=5; keep augmentation.views above 0",
    ),
    (
        "poor accuracy",
        "photograph more people; look at what handshape check finds; then try another model.fine_tune_lr",
    ),
    ("no GPU is used", "pip install -e '.[gpu]'; nvidia-smi must show the card"),
    ("mixed precision fails", "it goes back to float32 by itself; from the start: --set gpu.precision=float32"),
    (
        "a slow GPU",
        "--set model.batch_size=auto; --profile-steps 10 shows where time goes; update its driver; keep gpu.use_xla "
        "and gpu.precision=auto",
    ),
    ("others need the GPU", "--set gpu.memory_limit_mb=4000"),
    ("anything else", "training.log in the run folder; tensorboard --logdir RUN/logs"),
)


def add_parser(verbs: Verbs) -> None:
    """What the verb takes: nothing of its own."""
    add_verb(
        verbs,
        "doctor",
        run,
        "what this machine can do, and what to fix",
        "Shows the machine, the backend, what was chosen for training and why, and what to do about trouble.",
        ["handshape doctor", "handshape doctor --json"],
    )


def run(options: argparse.Namespace, console: Console) -> int:
    """Shows the findings; 0 when this machine can train, 1 when something must be fixed first."""
    from handshape.machine import versions

    machine = describe_machine()
    decisions, missing = decide()
    advice = [*missing, *advise(machine, decisions)]
    console.table("This machine", ("what", "value"), machine.items())
    console.table("Versions", ("package", "version"), versions().items())
    console.table("Chosen for training", ("what", "choice", "why"), [(d.topic, d.choice, d.reason) for d in decisions])
    for line in advice:
        console.result("warn", line)
    if not advice:
        console.result("done", "Nothing to fix: this machine can train.")
    console.table("When something is wrong", ("what you see", "what to do"), TROUBLE)
    if options.json:
        chosen = [{"what": d.topic, "choice": d.choice, "why": d.reason} for d in decisions]
        console.emit({"machine": machine, "versions": versions(), "chosen": chosen, "fix": advice, "ok": not missing})
    return 1 if missing else 0


def describe_machine() -> dict[str, Any]:
    """System, cores, memory, disk and folders."""
    import platform

    from handshape.downloads import cache_folder, is_offline
    from handshape.machine import memory_gib, nvidia_memory_mib

    memory = memory_gib()
    gpu_memory = nvidia_memory_mib()
    return {
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "cores": os.cpu_count() or 1,
        "memory": f"{memory:.1f} GiB" if memory else "unknown",
        "NVIDIA GPU": f"{gpu_memory / 1024:.1f} GiB of memory" if gpu_memory else "none",
        "free disk here": f"{shutil.disk_usage(Path.cwd()).free / 1e9:.0f} GB",
        "cache": f"{cache_folder()}{' (offline)' if is_offline() else ''}",
    }


def decide() -> tuple[tuple[Decision, ...], list[str]]:
    """What a training would run on, or what stands in its way."""
    from handshape.config import Settings
    from handshape.runtime import Decision, choose_runtime, native_chatter_hidden
    from handshape.training.gauges import describe_gauges

    settings = Settings()
    try:
        with native_chatter_hidden():
            runtime = choose_runtime(settings.gpu)
        why = (
            "on a CPU larger ones are no faster" if runtime.on_cpu else "model.batch_size=auto tries larger ones, once"
        )
        size = Decision("batch size", str(settings.model.batch_size), why)
        return (*runtime.decisions, size, Decision("gauges", *describe_gauges(runtime))), []
    except RuntimeUnavailableError as error:
        return (), [f"{error.happened} {error.fix}"]


def advise(machine: dict[str, Any], decisions: tuple[Decision, ...]) -> list[str]:
    """What would make this machine better at the work."""
    from handshape.machine import memory_gib, nvidia_memory_mib

    advice = []
    memory = memory_gib()
    if memory is not None and memory < LITTLE_MEMORY_GIB:
        advice.append(f"There are {memory:.1f} GiB of memory; training takes about 2. Close other programs.")
    if shutil.disk_usage(Path.cwd()).free / 1e9 < LITTLE_DISK_GB:
        advice.append(f"There are only {machine['free disk here']} free on this disk; a run takes about 0.1 GB.")
    device = next((decision.choice for decision in decisions if decision.topic == "device"), "CPU")
    if device == "CPU" and shutil.which("nvidia-smi"):
        advice.append("There is an NVIDIA card that the backend does not see. Fix: pip install -e '.[gpu]'")
    if 0 < nvidia_memory_mib() <= SMALL_GPU_MIB:
        advice.append("The GPU has little memory: train with --profile gtx1650.")
    return advice
