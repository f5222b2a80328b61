"""The models that come with Handshape: bundles in the package, each in a folder of its name.

``scripts/ready_models.py`` makes them. In its manifest each says what it is (``ready``), from what it learned
(``sources``) and on whom it was measured (``measures.external``).
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from handshape.console import Console
from handshape.downloads import cache_folder
from handshape.export.bundle import Bundle, read_bundle
from handshape.export.manifest import MANIFEST

PLACE = Path(__file__).parents[1] / "ready"
DEFAULT = "asl"  # for those who name no model


def ready_names() -> list[str]:
    """The names of the models that come with Handshape, in order."""
    return sorted(manifest.parent.name for manifest in PLACE.glob(f"*/{MANIFEST}"))


def ready_folder(name: str) -> Path | None:
    """Where the model of a name lies in the package; None where none of that name comes with Handshape."""
    return PLACE / name if name in ready_names() else None


def introduce(bundle: Bundle, console: Console) -> None:
    """Says, the first time that somebody uses it here, what a model is, what it cannot do and whom it was measured on.

    That it was said is noted in the cache; where that cannot be written, it is said again.
    """
    said = cache_folder() / "ready" / bundle.folder.name
    with suppress(OSError):
        if console.quiet or (said.is_file() and said.read_text(encoding="utf-8") == bundle.sha256):
            return
    console.status("hands", in_one_line(bundle.folder.name, bundle.details))
    with suppress(OSError):
        said.parent.mkdir(parents=True, exist_ok=True)
        said.write_text(bundle.sha256, encoding="utf-8")


def described(name: str) -> dict[str, Any]:
    """A model that comes with Handshape, for lists: how many photographs it was measured on, and the mean accuracy.

    Raises:
        ModelError: it is damaged.
    """
    bundle = read_bundle(PLACE / name)
    external = bundle.details["measures"]["external"]
    return {
        "name": name,
        "about": bundle.details["ready"]["about"],
        "photographs": sum(each["n"] for each in external.values()),
        "accuracy": _mean(external),
        "path": str(bundle.folder),
    }


def in_one_line(name: str, manifest: Mapping[str, Any]) -> str:
    """What a model that comes with Handshape is, by its manifest."""
    ready, external = manifest["ready"], manifest["measures"]["external"]
    measured = "not measured on people it never saw"
    if external:
        people = f"{len(external)} sets of photographs" if len(external) > 1 else "photographs"
        measured = f"on {people} of people it never saw it was right {_mean(external):.0%} of the time"
    return (
        f"{name} comes with Handshape: {ready['about']}; {ready['limits']}, and it translates no language; {measured} "
        f"(handshape models show {name})"
    )


def _mean(external: Mapping[str, Any]) -> float | None:
    """The mean accuracy over the sets that it was measured on."""
    return sum(each["accuracy"] for each in external.values()) / len(external) if external else None
