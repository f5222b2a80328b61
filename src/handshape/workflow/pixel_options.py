"""How the pixel stream is trained on this machine: as the settings say, and with a batch size found where they ask."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from handshape.cache import cached_folder
from handshape.config import Settings
from handshape.distributed import from_chief
from handshape.machine import has_bfloat16, nvidia_memory_mib, versions
from handshape.model.streams import PixelStream
from handshape.precision import BRAIN
from handshape.runtime import seed_everything
from handshape.workflow.context import Context

if TYPE_CHECKING:
    from handshape.training.pixel_task import TrainingOptions

CACHE, KEPT = "batch_sizes", 1_000_000  # bytes
LONG = 10_000  # images that fine-tuning shows: some ten seconds on two cores
MOST_ON_CPU = 128  # images a step; more are hardly faster, and learn less from the same images
RECORDED = "batch_size_found"  # in run.json


def training_options(stream: PixelStream, images: int, settings: Settings, context: Context) -> TrainingOptions:
    """Batch size, seed and rules; a batch size that is found raises the learning rates with it.

    Args:
        stream: what is trained.
        images: that are learned from.
        settings: of the run.
        context: the machine; its run keeps the size that was found, so that one that is resumed has the same.
    """
    from handshape.training.batch_size import rate_factor
    from handshape.training.pixel_task import TrainingOptions

    asked, seed, how = settings.model.batch_size, settings.data.seed, _how(images, settings, context)
    if asked != "auto":
        return TrainingOptions(asked, seed, settings.training, **how)
    size = int(from_chief("batch size", lambda: str(_found(stream, images, settings, context)).encode()))
    seed_everything(seed)  # whether or not copies that were tried have drawn numbers here
    return TrainingOptions(size, seed, settings.training, rate_factor(size), **how)


def _how(images: int, settings: Settings, context: Context) -> dict[str, Any]:
    """What makes a long training shorter on a CPU, and changes the last digits of a short one for nothing."""
    from handshape.training.phases import fine_tune_phase

    phase, gpu = fine_tune_phase(settings.model), settings.gpu
    is_long = phase.shown(images) * phase.epochs >= LONG
    if not is_long or not context.runtime.on_cpu or context.runtime.backend != "tensorflow":
        return {}
    if gpu.precision != "auto" or not gpu.use_mixed_precision or not has_bfloat16():
        return {"folds": True}
    context.console.detail("The layers that learn compute in bfloat16, which this processor multiplies twice as fast")
    return {"folds": True, "precision": BRAIN}


def _found(stream: PixelStream, images: int, settings: Settings, context: Context) -> int:
    from handshape.training.batch_size import find_batch_size, rate_factor, sensible_most, trial_of
    from handshape.training.phases import fine_tune_phase, head_phase

    runtime, console, run = context.runtime, context.console, context.run
    if run is not None and RECORDED in run.record():
        return int(run.record()[RECORDED])
    if runtime.on_cpu:
        return min(MOST_ON_CPU, sensible_most(images))
    phase = (fine_tune_phase if settings.model.fine_tune_epochs else head_phase)(settings.model)
    file = cached_folder(CACHE, _key_of(stream, settings, context), KEPT) / "tried.json"
    if not file.is_file():
        console.status("machine", f"Trying batch sizes on {runtime.accelerator}, once for this network")
    most = sensible_most(images)
    tried = find_batch_size(trial_of(stream, phase, runtime), most, file)
    size = tried.best(most)
    console.detail(f"{tried.summary(most)}; learning rates times {rate_factor(size):.2f}")
    if run is not None:
        run.record(**{RECORDED: size})
    return size


def _key_of(stream: PixelStream, settings: Settings, context: Context) -> str:
    """Whatever the speed and memory of a training step depend on, as one word."""
    runtime, model = context.runtime, settings.model
    facts = {
        "machine": [runtime.backend, runtime.accelerator, nvidia_memory_mib(), runtime.policy, runtime.xla],
        "memory": [settings.gpu.memory_limit_mb],
        "network": [model.img_size, model.fine_tune_layers, model.fine_tune_optimizer, model.fine_tune_epochs > 0],
        "classes": stream.classes,
        "versions": versions(),
    }
    return hashlib.blake2b(json.dumps(facts, sort_keys=True).encode(), digest_size=16).hexdigest()
