"""Files that never end, are too large, or whose names steer terminals."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import Handshape, Trained, assignments, fill

from handshape.console import Console
from handshape.errors import ImageError
from handshape.files import read_regular
from handshape.images import MAX_BYTES, read_bytes
from handshape.screen import CONTROL

SHORT = assignments(model__num_epochs=1, model__fine_tune_epochs=0)
UGLY = "a\x1b[31m\x9b2J\u202egpj\u2066\r"  # red, the screen cleared, backwards, isolated, over the line
PROGRAM = [sys.executable, "-m", "handshape"]


def pipe(place: Path) -> None:
    os.mkfifo(place)


def link_to_pipe(place: Path) -> None:
    os.mkfifo(place.with_suffix(".pipe"))
    place.symlink_to(place.with_suffix(".pipe"))


def device(place: Path) -> None:
    place.symlink_to("/dev/zero")


def huge(place: Path) -> None:
    with place.open("wb") as file:
        file.truncate(300_000_000_000)


NO_IMAGES = {
    "a pipe": (pipe, "it is a pipe, not a file"),
    "a link to a pipe": (link_to_pipe, "it is a pipe, not a file"),
    "a device": (device, "it is a device, not a file"),
    "a sparse file": (huge, "it has 300,000 mb, and 1,000 mb are the most"),
}
no_images = pytest.mark.parametrize(("make", "told"), NO_IMAGES.values(), ids=NO_IMAGES)


@no_images
def test_it_is_never_read(make: Callable[[Path], None], told: str, tmp_path: Path) -> None:
    make(tmp_path / "x.jpg")
    with pytest.raises(ImageError, match=told):
        read_bytes(tmp_path / "x.jpg")


def test_a_file_that_says_no_size_is_read_up_to_a_limit() -> None:
    if not Path("/proc/kallsyms").exists():
        pytest.skip("no /proc here")
    assert read_regular(Path("/proc/self/status"), MAX_BYTES).startswith(b"Name:")
    with pytest.raises(OSError, match="it has more than"):
        read_regular(Path("/proc/self/status"), 10)


def test_all_of_them_among_photographs_are_told_and_left_out(
    trained: Trained, drawn: Path, handshape: Handshape, tmp_path: Path
) -> None:
    data = tmp_path / "photos"
    fill(data, {path.relative_to(drawn).as_posix(): path.read_bytes() for path in drawn.glob("*/*.jpg")})
    for number, (make, _) in enumerate(NO_IMAGES.values()):
        make(data / "A" / f"x{number}.jpg")
    checked = handshape("check", data, "--json")
    assert {f"A/x{number}.jpg" for number in range(4)} <= set(checked.object["corrupt"])
    outcome = handshape("train", data, "--out", tmp_path / "runs", "--name", "r", *SHORT)
    assert outcome.code == 0, outcome.err
    assert "A/x0.jpg" in outcome.err
    predicted = handshape("predict", trained.folder, data / "A", "--json")
    assert predicted.code == 1
    errors = {Path(each["path"]).name: each["error"] for each in predicted.objects if "error" in each}
    for number, (_, told) in enumerate(NO_IMAGES.values()):
        assert told in errors[f"x{number}.jpg"]


@pytest.mark.parametrize("name", ["signers.csv", "labels.csv"])
@pytest.mark.parametrize("make", [pipe, link_to_pipe, device], ids=["pipe", "link", "device"])
def test_a_table_that_is_no_file_ends_no_program(
    make: Callable[[Path], None], name: str, drawn: Path, handshape: Handshape, tmp_path: Path
) -> None:
    fill(tmp_path, {path.relative_to(drawn).as_posix(): path.read_bytes() for path in drawn.glob("*/*0.jpg")})
    make(tmp_path / name)
    outcome = handshape("check", tmp_path, "--groups", tmp_path / name)
    assert outcome.code == 1
    assert "not a file" in outcome.err


@pytest.mark.parametrize("verb", ["check", "train", "predict"])
def test_sigterm_ends_reading_at_once(verb: str, trained: Trained, drawn: Path, tmp_path: Path) -> None:
    (image, *_) = (drawn / "A").iterdir()
    for label in "AB":
        (tmp_path / "many" / label).mkdir(parents=True)
        for number in range(3000):
            os.link(image, tmp_path / "many" / label / f"{number}.jpg")
    words = {"predict": [trained.folder, tmp_path / "many"]}.get(verb, [tmp_path / "many"])
    more = ["--out", tmp_path / "runs"] if verb == "train" else []
    command = [*PROGRAM, verb, *map(str, words), *map(str, more)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    time.sleep(4)  # into the listing or the reading, wherever that is here
    assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Stopped." in err
    assert "Traceback" not in err
    assert not list(tmp_path.glob("runs/*"))


def test_names_steer_no_terminal(drawn: Path, handshape: Handshape, tmp_path: Path) -> None:
    data = tmp_path / f"photos {UGLY}"
    for label in ("A", "B", "L"):
        target = f"{label} {UGLY}" if label == "L" else label
        fill(data / target, {f"{UGLY}{path.name}": path.read_bytes() for path in (drawn / label).iterdir()})
    fill(data, {f"A/{UGLY}.jpg": b"no image", f"A/{UGLY}.txt": b""})
    outcome = handshape("train", data, "--out", tmp_path / "runs", "--name", "r", *SHORT)
    assert outcome.code == 0, outcome.err
    run = tmp_path / "runs" / "r"
    predicted = handshape("predict", run, data / "A")
    as_json = handshape("predict", run, data / "A", "--json")
    checked = handshape("check", data)
    listed = handshape("evaluate", run, data)
    shown = [outcome.out, outcome.err, predicted.out, predicted.err, as_json.out, as_json.err]
    shown += [checked.out, checked.err, listed.out, listed.err, (run / "training.log").read_text(encoding="utf-8")]
    shown += [page.read_text(encoding="utf-8") for page in run.rglob("*.html")]
    for text in shown:
        assert not CONTROL.search(text), CONTROL.search(text)
    assert "\\x1b[31m\\x9b2J\\u202egpj\\u2066\\r" in checked.err + checked.out
    assert any(UGLY in each["path"] for each in as_json.objects)  # programs read the names as they are


def test_bars_tables_and_hints_show_escapes(capsys: pytest.CaptureFixture[str]) -> None:
    console = Console()
    console.table(UGLY, [UGLY, "n"], [[f"{UGLY}\nx", 1]])
    console.hint("Next:", f"handshape predict '{UGLY}'")
    console.result("save", UGLY)
    console.say(UGLY)
    for _ in console.track([1], UGLY):
        pass
    out, err = capsys.readouterr()
    assert not CONTROL.search(out + err)
    assert re.search(r"\\x1b\[31m.*\\r\\nx", out)
