"""The images that a model was least sure of, kept for labelling, where somebody asked for that."""

from __future__ import annotations

import hashlib
import heapq
import threading
from pathlib import Path
from typing import Any

from handshape.errors import RunError
from handshape.files import atomic_write
from handshape.images import open_image
from handshape.model.decisions import NO_HAND
from handshape.serving.recognizer import Recognition

MOST = 100  # images
ENDINGS = {"JPEG": ".jpg", "MPO": ".jpg", "PNG": ".png", "WEBP": ".webp", "BMP": ".bmp", "GIF": ".gif", "TIFF": ".tif"}
DIGITS = 16  # of a SHA-256, in a name
READABLE = 0o700  # nobody else may look: people are on them


class UnsureImages:
    """A folder of images, in a folder each by the most probable class, named after content and margin.

    The margin lies between the two most probable classes: 0 where both are as probable, 1 where one is certain.

    Args:
        folder: for them; those that an earlier server left there count.
        most: images; beyond it the surest ones go.
    """

    def __init__(self, folder: Path, most: int = MOST) -> None:
        self.folder, self._most = folder, most
        self._lock = threading.Lock()
        folder.mkdir(parents=True, exist_ok=True, mode=READABLE)
        found = [path for path in folder.glob("*/*") if _margin_in(path) is not None]
        self._kept = [(-(_margin_in(path) or 0.0), str(path)) for path in found]
        heapq.heapify(self._kept)  # the surest first
        self._failed = 0

    def offer(self, image: bytes, recognition: Recognition) -> None:
        """Keeps an image with a hand, where the model is less sure of it than of one that is kept."""
        if recognition.decision == NO_HAND or len(recognition.top) < 2:
            return
        margin = recognition.top[0][1] - recognition.top[1][1]
        with self._lock:
            if len(self._kept) >= self._most and margin >= -self._kept[0][0]:
                return
            try:
                self._keep(image, margin, recognition.top[0][0])
            except (OSError, RunError):  # a full disk is no reason not to answer
                self._failed += 1

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        with self._lock:
            surest = -self._kept[0][0] if self._kept else None
            return {"folder": self.folder.name, "images": len(self._kept), "most": self._most, "surest": surest,
                    "failed": self._failed}  # fmt: skip

    def _keep(self, image: bytes, margin: float, label: str) -> None:
        ending = ENDINGS.get(open_image(image).format or "", ".heic")
        place = self.folder / _folder_name(label)
        digest = hashlib.sha256(image).hexdigest()[:DIGITS]
        if any(digest in name for _, name in self._kept):
            return
        file = place / f"{margin:.4f}-{digest}{ending}"
        place.mkdir(mode=READABLE, exist_ok=True)
        with atomic_write(file) as partial:
            partial.write_bytes(image)
        heapq.heappush(self._kept, (-margin, str(file)))
        while len(self._kept) > self._most:
            Path(heapq.heappop(self._kept)[1]).unlink(missing_ok=True)


def _margin_in(path: Path) -> float | None:
    """What the name of a kept image says; None of any other file."""
    margin, _, rest = path.stem.partition("-")
    try:
        return float(margin) if len(rest) == DIGITS else None
    except ValueError:
        return None


def _folder_name(label: str) -> str:
    """A class as the name of a folder."""
    return "".join(letter if letter.isalnum() or letter in " -_.()" else "_" for letter in label).strip(". ") or "_"
