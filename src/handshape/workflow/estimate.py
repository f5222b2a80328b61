"""What a training will need of memory and disk, compared with what is free before the long part begins.

Every number was measured; the command stands beside it. What a run needs beyond them is small, or made to fit.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from handshape.config import Settings
from handshape.console import Console
from handshape.data.store import MEMORY_LIMIT
from handshape.downloads import ANOTHER_CACHE, cache_folder
from handshape.errors import RunError, RuntimeUnavailableError
from handshape.files import in_megabytes
from handshape.machine import address_limit, available_memory, resident_memory_mib
from handshape.model.classifier import PIXELS
from handshape.training.augment import stored_views

TIGHT = 0.8  # of what is free; above it a warning says so

# "Peak memory" in the logs of trainings on 48 to 2,062 photographs: 1,347 to 1,834 MiB, whatever their number
TRAINING = 1_400_000_000  # bytes, the least of them
LANDMARKS_ALONE = 1_000_000_000  # bytes; 959 MiB where landmarks were the only stream
# VmHWM of a process after handshape.hands.search.find_with on 30 photographs: 116 MB
FINDER = 116_000_000  # bytes of each process that finds hands, before a training begins
# (ulimit -v KB; handshape train …) on 48 photographs, with hands.find=off and auto, two cores: 4,000,000 ends well,
# having used 3,856,464; 3,600,000 fails in the report, 3,300,000 in the conversion, 2,700,000 and 3,000,000 end in
# native code without a word
ADDRESSES = 4_000_000 * 1024  # bytes

HAND = 7 * 7 * 192 * 2  # bytes of handshape.hands.landmarks.FEATURES in float16
KEPT_HAND = 19_400  # bytes of a row of the hand cache: its features, 134 numbers in float32, its digest
LOOKS = (666 * 4, 512 * 4)  # bytes of a hand's shape features and of its picture's, by which labels are judged
POOLED = 1280 * 2  # bytes of the pooled features of a view
# by the last layers that phase two trains: pixels of the image a pixel of the map stands for, and channels;
# handshape.model.backbone.build_backbone(96, weights, layers) for each of 1 to 152
CUTS = ((4, 32, 320), (30, 32, 160), (57, 16, 96), (92, 16, 64), (119, 8, 32), (137, 4, 24), (146, 2, 16), (153, 2, 32))

FEWER = "take fewer photographs"
SMALLER = "a smaller --set model.img_size"
FEWER_VIEWS = "fewer --set augmentation.views (0 keeps none)"


@dataclass(frozen=True)
class Need:
    """What one thing takes.

    Attributes:
        what: it is, in words.
        memory: bytes.
        disk: bytes below the cache folder.
        smaller: what makes it smaller.
        kept: the folder of the cache that may hold it from before; "" where nothing is kept.
    """

    what: str
    memory: int = 0
    disk: int = 0
    smaller: str = FEWER
    kept: str = ""


def needs_of(settings: Settings, images: int, refits: bool = False) -> tuple[Need, ...]:
    """What a training on so many photographs needs.

    Args:
        settings: of the training.
        images: photographs, whether or not all of them can be used.
        refits: whether it is known that the pixel stream learns once more, from other views.
    """
    from handshape.hands.search import searched_alone  # takes 25 ms, which commands that train nothing are spared

    model, finds_hands = settings.model, settings.hands.find != "off"
    processes = os.cpu_count() or 1
    finders = processes if finds_hands and images > searched_alone(processes) else 0
    training = LANDMARKS_ALONE if model.streams == ["landmarks"] else TRAINING
    needs = [
        Need("the training itself", memory=max(training, finders * FINDER), smaller="close other programs"),
        _stored("the pictures", images * 3 * model.img_size**2, SMALLER),
    ]
    if finds_hands:
        needs.append(_stored("what is seen of the hands", images * HAND, FEWER))
        needs.append(Need("the hands, kept for the next time", disk=images * KEPT_HAND, kept="hands"))
        needs += [need for size in LOOKS if (need := _stored("what labels are judged by", images * size, FEWER)).disk]
    if PIXELS in model.streams:
        views, times = max(1, stored_views(settings.augmentation, images)), 1 + refits
        smaller = f"{SMALLER}, or {FEWER_VIEWS}"
        disk = times * views * images * _view(settings)
        needs.append(Need("image features", disk=disk, smaller=smaller, kept="features"))
    return tuple(needs)


def require_resources(settings: Settings, images: int, console: Console, refits: bool = False) -> None:
    """Passes where memory and disk are enough for a training on so many photographs; warns where they are just so.

    What cannot be measured on this system is not compared.

    Raises:
        RunError: the disk of the cache has too little room.
        RuntimeUnavailableError: there is too little memory, or a limit on it.
    """
    require_addresses()
    needs = needs_of(settings, images, refits)
    memory = sum(need.memory for need in needs) - round((resident_memory_mib() or 0) * 2**20)
    free = available_memory()
    if free is not None:
        by_size = sorted(needs, key=lambda need: need.memory, reverse=True)
        if memory > free:
            raise RuntimeUnavailableError(
                f"There is too little memory for this training: {in_megabytes(free)} are free, "
                f"{in_megabytes(memory - free)} too few.",
                f"about {in_megabytes(memory)}, for {_parts((need.what, need.memory) for need in by_size)}",
                _remedy((need.smaller for need in by_size if need.memory), "a machine with more memory"),
            )
        _warn_where_tight("memory", memory, free, console)
    _require_room(needs, console)


def require_addresses() -> None:
    """Passes where no limit keeps the memory from a training that it addresses, most of which it never touches.

    Where addresses run out TensorFlow ends the program without a word.

    Raises:
        RuntimeUnavailableError: there is such a limit.
    """
    limit = address_limit()
    if limit is not None and limit < ADDRESSES:
        raise RuntimeUnavailableError(
            f"The memory that this program may address is limited to {in_megabytes(limit)}, "
            f"{in_megabytes(ADDRESSES - limit)} too few for a training.",
            f"at least {in_megabytes(ADDRESSES)}; much less is used",
            "Lift the limit: ulimit -v unlimited. Where others set it, ask them.",
        )


def free_disk(folder: Path) -> int:
    """Bytes that are free on the disk of a folder, which need not exist yet."""
    place = next(place for place in (folder.absolute(), *folder.absolute().parents) if place.exists())
    return shutil.disk_usage(place).free


def _require_room(needs: Iterable[Need], console: Console) -> None:
    """What the cache already holds may be just what is needed, and is not asked for again."""
    folder = cache_folder()
    wanted = {need: max(0, need.disk - (_size_of(folder / need.kept) if need.kept else 0)) for need in needs}
    total, free = sum(wanted.values()), free_disk(folder)
    if total > free:
        by_size = sorted((need for need in wanted if wanted[need]), key=wanted.__getitem__, reverse=True)
        raise RunError(
            f"There is too little room in {folder}: {in_megabytes(free)} are free on its disk, "
            f"{in_megabytes(total - free)} too few.",
            f"about {in_megabytes(total)}, for {_parts((need.what, wanted[need]) for need in by_size)}",
            _remedy((need.smaller for need in by_size), ANOTHER_CACHE),
        )
    _warn_where_tight(f"the room in {folder}", total, free, console)


def _size_of(folder: Path) -> int:
    with suppress(OSError):  # another program is removing something
        return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    return 0


def _stored(what: str, size: int, smaller: str) -> Need:
    """Arrays as :class:`handshape.data.store.Store` keeps them: many in a file, which may be there from before."""
    return Need(what, size, 0, smaller) if size <= MEMORY_LIMIT else Need(what, 0, size, smaller, kept="readings")


def _view(settings: Settings) -> int:
    """Bytes of a view's trunk features."""
    model = settings.model
    stride, channels = next((stride, channels) for below, stride, channels in CUTS if model.fine_tune_layers < below)
    return POOLED + 2 * channels * (model.img_size // stride) ** 2


def _parts(sizes: Iterable[tuple[str, int]]) -> str:
    return ", ".join(f"{what} {in_megabytes(size)}" for what, size in sizes if size)


def _remedy(smaller: Iterable[str], last: str) -> str:
    """What may be done, each once."""
    ways = list(dict.fromkeys([*smaller, last]))
    text = ", or ".join(ways)
    return f"{text[0].upper()}{text[1:]}."


def _warn_where_tight(what: str, needed: int, free: int, console: Console) -> None:
    if needed > TIGHT * free:
        console.warn(f"This training takes about {in_megabytes(needed)} of {what}; {in_megabytes(free)} are free.")
