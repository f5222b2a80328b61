"""The manifest of a bundle: what it says, and whether it says what it said when it was written."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path, PureWindowsPath
from typing import Any

from handshape.errors import ModelError

FORMAT = 2  # 1 had no hands and no thresholds; it still loads
MANIFEST = "bundle.json"
SIZES = (8, 4096)  # pixels of the square picture
MOST_HANDS = 64


def read_manifest(content: bytes, where: Path | str) -> dict[str, Any]:
    """A manifest whose own checksum fits, with labels, input, and files by name.

    Args:
        content: the file.
        where: the bundle, for messages.

    Raises:
        ModelError: damaged, or of a newer format.
    """
    try:
        manifest = dict(json.loads(content))
        version = _number(manifest, "format", (1, 1_000_000))
        if version <= FORMAT:
            _require_sense(manifest)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise damaged(where, MANIFEST, f"cannot be read ({type(error).__name__}: {error})") from None
    if version > FORMAT:
        raise ModelError(
            f"The bundle {where} has format {version}, which this version of Handshape does not know.",
            f"format {FORMAT} or older",
            "Update: pip install --upgrade handshape",
        )
    if manifest_sha256(manifest) != manifest["sha256"]:
        raise damaged(where, MANIFEST, "has changed since it was written")
    for name in manifest["files"]:
        if not _is_plain(name):
            raise damaged(where, MANIFEST, f"names a file outside of it, {name!r}")
    return manifest


def manifest_sha256(manifest: Mapping[str, Any]) -> str:
    """What a manifest says of itself: the SHA-256 of the rest of it."""
    rest = {key: value for key, value in manifest.items() if key != "sha256"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()


def damaged(where: Path | str, name: str, state: str) -> ModelError:
    """What to tell a user whose bundle is not as it was written."""
    return ModelError(
        f"The bundle {where} is damaged: {name} {state}.",
        "the files as handshape train wrote them",
        "Copy the bundle again from where it came.",
    )


def _require_sense(manifest: Mapping[str, Any]) -> None:
    """Whoever makes the checksum fit may have written anything."""
    class_names, files, _ = manifest["labels"], manifest["files"], manifest["sha256"]
    if (
        not isinstance(class_names, list)
        or not class_names
        or not all(isinstance(label, str) and label for label in class_names)
    ):
        raise TypeError("labels are not names of classes")
    if not isinstance(files, dict) or not all(isinstance(sha256, str) for sha256 in files.values()):
        raise TypeError("files are not names with checksums")
    if not isinstance(manifest.get("thresholds", {}), dict):
        raise TypeError("thresholds are not numbers by name")
    if len(set(class_names)) < len(class_names):
        raise TypeError("labels name a class twice")
    _number(manifest["input"], "size", SIZES)
    _number({"hands": 0, **manifest}, "hands", (0, MOST_HANDS))


def _number(values: Mapping[str, Any], name: str, limits: tuple[int, int]) -> int:
    number, (least, most) = values[name], limits
    if type(number) is not int or not least <= number <= most:  # True is an int, too
        raise ValueError(f"{name} is not a whole number from {least} to {most}")
    return number


def _is_plain(name: str) -> bool:
    """Windows takes more for a path than other systems, so its rules decide."""
    return name not in ("", ".", "..", MANIFEST) and PureWindowsPath(name).name == name and "\0" not in name
