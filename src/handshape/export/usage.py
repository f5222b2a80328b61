"""What goes beside exported models so that others can use them: examples that run without Handshape, and a README.md.

Their templates are in ``examples/``. What they say of the model comes from its bundle; nothing of anybody's photographs
is in them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from handshape import files
from handshape.console import Console
from handshape.export.bundle import Bundle
from handshape.export.formats import FORMATS
from handshape.hands import landmarks, models
from handshape.model.decisions import NEVER

README = "README.md"
MARK = "Written by handshape export"  # what does not say so at its beginning is somebody else's file
EXAMPLES = {  # of each runtime, which is the first word of a format's name
    "litert": ("example_litert.py", "example_litert.html", "example_litert.cpp", "Example.kt"),
    "onnx": ("example_onnx.py", "example_onnx.mjs", "example_onnx.cpp"),
    "openvino": ("example_openvino.py", "example_openvino.cpp"),
    "saved_model": ("example_saved_model.py",),
}
OPENED = {"openvino": "openvino/model.xml"}  # what is opened of a format that is a folder; else its path
# what README.md shows of a format
SHOWN = {"path", "bytes", "milliseconds", "images", "keras", "export", "largest_difference"}

Exported = Mapping[str, Mapping[str, Any]]  # what is recorded of each format, by its name


def write_usage(folder: Path, bundle: Bundle, inputs: frozenset[str], exported: Exported, console: Console) -> None:
    """Writes examples and README.md for the formats that were kept, and removes those of formats that were not.

    Args:
        folder: of the exports.
        bundle: of the model.
        inputs: the names of the model's inputs.
        exported: every format of this model, as recorded.
        console: told of files that are left alone because somebody else wrote them.

    Raises:
        RunError: the folder cannot be written.
    """
    kept = {name: record for name, record in exported.items() if record.get("kept") and record.keys() >= SHOWN}
    texts = {README: render(README, bundle, inputs, kept) if kept else ""}
    for runtime in dict.fromkeys(name.partition("-")[0] for name in exported):
        here = [name for name in FORMATS if name in kept and name.partition("-")[0] == runtime]
        model = OPENED.get(here[0], str(kept[here[0]]["path"])) if here else ""
        for name in EXAMPLES.get(runtime, ()):
            texts[name] = render(name, bundle, inputs, kept, model) if here else ""
    for name, text in texts.items():
        path = folder / name
        if path.exists() and not _is_ours(path):
            console.warn(f"{path} was not written by Handshape, so it stays as it is.")
        elif text:
            files.write_text(path, text)
        else:
            path.unlink(missing_ok=True)


def render(name: str, bundle: Bundle, inputs: frozenset[str], kept: Exported, model: str = "") -> str:
    """One of the files.

    Args:
        name: of the file.
        bundle: of the model.
        inputs: the names of the model's inputs.
        kept: the formats that are there, as recorded.
        model: what an example opens, relative to its folder.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("handshape.export", "examples"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.globals |= {"text": _text, "texts": _texts, "number": _number, "never": NEVER}
    environment.globals |= {"hand_models": models, "landmark_network": landmarks}
    return environment.get_template(f"{name}.jinja").render(
        name=name,
        model=model,
        class_names=bundle.class_names,
        size=bundle.size,
        with_hand=bundle.thresholds.with_hand,
        without_hand=bundle.thresholds.without_hand,
        hands=bundle.hands,
        sees_image="image" in inputs,
        sees_landmarks="landmarks" in inputs,
        sees_features="hand_features" in inputs,
        formats=kept,
        examples={each: EXAMPLES.get(each.partition("-")[0], ()) for each in kept},
    )


def _text(value: str) -> str:
    """A literal of Python, JavaScript, C++ and JSON."""
    return json.dumps(value, ensure_ascii=False)


def _texts(values: tuple[str, ...]) -> str:
    return json.dumps(values, ensure_ascii=False)


def _number(value: float, never: str) -> str:
    """A threshold; ``never`` is the language's word for one that no confidence reaches."""
    return never if value == NEVER else repr(value)


def _is_ours(path: Path) -> bool:
    try:
        return MARK in path.read_text(encoding="utf-8", errors="replace")[:300]
    except OSError:
        return False
