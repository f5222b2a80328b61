"""What commands import before they say something, what they never import, and how they end."""

import subprocess
import sys
from pathlib import Path

import pytest

FRAMEWORKS = {"keras", "tensorflow", "jax", "matplotlib", "sklearn"}
SLOW = FRAMEWORKS | {"pydantic", "yaml", "urllib.request"}


def said_by(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.splitlines()[-1]


@pytest.mark.parametrize(
    ("words", "never"),
    [
        (["predict", "asl", "PHOTOGRAPH"], SLOW | {"handshape.serving.spelling", "handshape.workflow"}),
        (["cache"], SLOW | {"PIL", "handshape.workflow"}),
        (["models"], SLOW),
        (["runs", "FOLDER"], FRAMEWORKS),
        (["check", "FOLDER", "--quick"], FRAMEWORKS),
    ],
)
def test_light_verbs_import_nothing_slow(words: list[str], never: set[str], drawn: Path):
    places = {"PHOTOGRAPH": str(drawn / "A" / "A_0001.jpg"), "FOLDER": str(drawn)}
    given = [places.get(word, word) for word in words]
    code = f"import sys; from handshape.cli import main; main({given!r}); print(sorted({never!r} & set(sys.modules)))"
    assert said_by(code) == "[]"


def test_a_training_speaks_before_a_framework_is_imported(drawn: Path, tmp_path: Path):
    code = f"""
import sys
from handshape.cli import main
from handshape.console import Console
def status(console, kind, text):
    print(text, sorted({FRAMEWORKS!r} & set(sys.modules)))
    raise KeyboardInterrupt
Console.status = status
main(["train", {str(drawn)!r}, "--out", {str(tmp_path / "runs")!r}])
"""
    assert said_by(code) == f"Reading {drawn} []"


def test_keras_starts_without_what_nobody_asked_for_and_leaves_it_importable():
    code = """
import sys
from handshape.config import GpuSettings
from handshape.runtime import Runtime, start_runtime
start_runtime(Runtime("tensorflow", "", "float32", False, 1, 1, ()), GpuSettings(), seed=0)
early = sorted({"matplotlib", "sklearn", "jax"} & set(sys.modules))
import matplotlib.figure, sklearn.linear_model, keras
print(early, keras.backend.backend())
"""
    pytest.importorskip("tensorflow")
    assert said_by(code) == "[] tensorflow"


def test_a_command_ends_without_looking_through_all_objects_again():
    code = """
import atexit, gc
atexit.register(lambda: print(gc.get_freeze_count() > 0))  # the first registered is the last called
from handshape.cli import main
main(["models", "--quiet"])
"""
    assert said_by(code) == "True"
