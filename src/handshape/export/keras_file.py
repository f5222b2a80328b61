"""A Keras model as a file: written so that equal models are equal files, and read so that nothing in it is run."""

from __future__ import annotations

import json
import tempfile
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from handshape.export.bundle import Bundle
from handshape.export.fit import Shape, require_fit
from handshape.export.manifest import damaged
from handshape.files import PARTIAL
from handshape.runtime import start_on_cpu

REASON = 200  # characters of what Keras says
METADATA, DATE = "metadata.json", "date_saved"
NO_TIME = (1980, 1, 1, 0, 0, 0)  # the first that a zip can name


def save_keras(model: Any, file: Path) -> None:
    """Writes a model as .keras, without the time at which it was written: equal models are equal files."""
    with tempfile.TemporaryDirectory(dir=file.parent, prefix=PARTIAL) as folder:
        dated = Path(folder) / "dated.keras"
        model.save(dated)
        with zipfile.ZipFile(dated) as old, zipfile.ZipFile(file, "w") as new:
            for part in old.infolist():
                content = old.read(part)
                if part.filename == METADATA:
                    content = json.dumps(json.loads(content) | {DATE: ""}).encode()
                plain = zipfile.ZipInfo(part.filename, NO_TIME)
                plain.compress_type = part.compress_type
                new.writestr(plain, content)


def load_keras(bundle: Bundle) -> Any:
    """The bundle's Keras model, on TensorFlow and the CPU.

    Raises:
        RuntimeUnavailableError: Keras already runs on another backend in this process.
        ModelError: the file holds no model, one that would run code of its own, or one that does not fit the bundle.
    """
    start_on_cpu()
    import keras

    try:
        model = keras.models.load_model(bundle.keras, compile=False, safe_mode=True)
        outputs = [model.output["probabilities"], *(each for name, each in model.output.items() if name == "features")]
        inputs = model.inputs
    except Exception as error:  # Keras raises whatever a file makes go wrong in it
        reason = str(error).strip().partition("\n")[0][:REASON] or type(error).__name__
        raise damaged(bundle.folder, bundle.keras.name, f"cannot be loaded ({reason})") from None
    require_fit(bundle.keras, _shapes(inputs), _shapes(outputs), len(bundle.class_names), bundle.size)
    model.jit_compile = False
    return model


def _shapes(tensors: Iterable[Any]) -> list[Shape]:
    """Of one photograph."""
    return [tuple(tensor.shape[1:]) for tensor in tensors]
