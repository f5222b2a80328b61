"""Files and folders that are whole or absent, whoever is killed, comes at once, or has no room."""

import errno
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from handshape.errors import RunError
from handshape.files import LEFT_OVER, PARTIAL, REPLACED, atomic_folder, atomic_write, discard, tidy

Write = Callable[[Path, str], None]


def write_file(path: Path, text: str) -> None:
    with atomic_write(path) as partial:
        partial.write_text(text)


def write_folder(path: Path, text: str) -> None:
    with atomic_folder(path) as partial:
        (partial / "file").write_text(text)


def text_in(path: Path) -> str:
    return (path / "file" if path.is_dir() else path).read_text()


both = pytest.mark.parametrize("write", [write_file, write_folder])


@both
def test_the_last_one_stays(write: Write, tmp_path: Path) -> None:
    target = tmp_path / "deep" / "model.v2"
    for text in ("first", "second"):
        write(target, text)
        assert text_in(target) == text
    assert list(target.parent.iterdir()) == [target]


@both
@pytest.mark.parametrize(
    ("error", "raised"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), RunError),
        (KeyboardInterrupt(), KeyboardInterrupt),
        (ValueError("a bug"), ValueError),
    ],
)
def test_a_block_that_breaks_off_leaves_the_earlier(
    write: Write, error: BaseException, raised: type[BaseException], tmp_path: Path
) -> None:
    target = tmp_path / "target"
    write(target, "first")
    context = atomic_write if write is write_file else atomic_folder
    with pytest.raises(raised), context(target, "give it another name") as partial:
        (partial / "file" if partial.is_dir() else partial).write_text("half")
        raise error
    assert text_in(target) == "first"
    assert list(tmp_path.iterdir()) == [target]


@both
def test_a_place_that_cannot_be_written_is_named_with_a_remedy(write: Write, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match=r"Cannot write .*below(.|\n)*choose another place with --out"):
        write(tmp_path / "file" / "below", "text")


def test_a_folder_takes_no_files_place(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.write_text("mine")
    with pytest.raises(RunError, match="not a directory"):
        write_folder(target, "text")
    assert target.read_text() == "mine"


def test_of_those_that_exclude_each_other_the_first_stays(tmp_path: Path) -> None:
    target = tmp_path / "target"
    with atomic_write(target, exclusive=True) as partial:
        partial.write_text("first")
    with pytest.raises(FileExistsError), atomic_write(target, exclusive=True) as partial:
        partial.write_text("second")
    assert target.read_text() == "first"
    assert list(tmp_path.iterdir()) == [target]


def test_what_another_program_put_there_meanwhile_may_stay(tmp_path: Path) -> None:
    target = tmp_path / "target"
    for stays, text in ((True, "theirs"), (False, "ours")):
        with atomic_folder(target, stays=lambda stays=stays: stays) as partial:
            (partial / "file").write_text("ours")
            write_folder(target, "theirs")
        assert text_in(target) == text
    assert list(tmp_path.iterdir()) == [target]


def test_a_link_stays_and_what_it_leads_to_is_replaced(tmp_path: Path) -> None:
    write_folder(tmp_path / "disk" / "target", "first")
    (tmp_path / "link").symlink_to(tmp_path / "disk" / "target")
    write_folder(tmp_path / "link", "second")
    assert (tmp_path / "link").is_symlink()
    assert text_in(tmp_path / "disk" / "target") == "second"


def test_what_was_moved_aside_comes_back_unless_it_was_replaced(tmp_path: Path) -> None:
    for name in ("a-b.c", "replaced"):
        (tmp_path / f"{REPLACED}12345678-{name}").mkdir()
        (tmp_path / f"{REPLACED}12345678-{name}" / "file").write_text("old")
    write_folder(tmp_path / "replaced", "new")
    tidy(tmp_path)
    assert {path.name: text_in(path) for path in tmp_path.iterdir()} == {"a-b.c": "old", "replaced": "new"}


def test_what_killed_programs_left_is_swept_in_time(tmp_path: Path) -> None:
    for name, age in (("old", LEFT_OVER + 60), ("new", 0)):
        (tmp_path / f"{PARTIAL}{name}").mkdir()
        os.utime(tmp_path / f"{PARTIAL}{name}", (0, time.time() - age))
    (tmp_path / ".partial-of-others").touch()
    os.utime(tmp_path / ".partial-of-others", (0, 0))
    write_file(tmp_path / "target", "text")
    assert {path.name for path in tmp_path.iterdir()} == {"target", f"{PARTIAL}new", ".partial-of-others"}


@pytest.mark.parametrize("write", [write_file, write_folder, None])
def test_what_is_discarded_is_gone(write: Write | None, tmp_path: Path) -> None:
    if write is not None:
        write(tmp_path / "target", "text")
    discard(tmp_path / "target")
    assert not list(tmp_path.iterdir())


MANY = """
import sys
from pathlib import Path
from handshape.files import atomic_folder, atomic_write
for number in range(60):
    with atomic_folder(Path(sys.argv[1]) / "folder") as partial:
        for name in "ab":
            (partial / name).write_text(f"{sys.argv[2]} {number}")
    with atomic_write(Path(sys.argv[1]) / "file") as partial:
        partial.write_text(f"{sys.argv[2]} {number}\\n" * 2)
"""


def test_several_processes_that_write_the_same(tmp_path: Path) -> None:
    processes = [subprocess.Popen([sys.executable, "-c", MANY, str(tmp_path), str(number)]) for number in range(3)]
    assert [process.wait() for process in processes] == [0, 0, 0]
    assert {path.name for path in tmp_path.iterdir()} == {"folder", "file"}
    assert (tmp_path / "folder" / "a").read_text() == (tmp_path / "folder" / "b").read_text()
    assert len(set((tmp_path / "file").read_text().splitlines())) == 1


KILLED = """
import os, signal, sys
from pathlib import Path
from handshape.files import atomic_folder
step, done = int(sys.argv[2]), []
def watch(event, arguments):
    is_new_file = event == "open" and str(arguments[1])[:1] == "w"
    if is_new_file or event in ("os.rename", "os.mkdir", "os.remove", "os.rmdir"):
        if len(done) == step:
            os.kill(os.getpid(), signal.SIGKILL)
        done.append(event)
        print(event, flush=True)
sys.addaudithook(watch)
with atomic_folder(Path(sys.argv[1])) as partial:
    (partial / "file").write_text("second")
"""


@pytest.mark.parametrize("step", range(10))
def test_killed_at_each_step_of_replacing_a_folder(step: int, tmp_path: Path) -> None:
    """After so many changes on the disk comes SIGKILL; whoever writes there next brings one of the two, whole."""
    target = tmp_path / "target"
    write_folder(target, "first")
    command = [sys.executable, "-c", KILLED, str(target), str(step)]
    killed = subprocess.run(command, capture_output=True, text=True, check=False)
    assert killed.returncode == -signal.SIGKILL or (step > 7 and killed.returncode == 0)
    write_file(tmp_path / "other", "text")
    renamed = killed.stdout.split().count("os.rename")  # in vain, then the earlier one aside, then the new one
    assert text_in(target) == ("second" if renamed == 3 else "first")
    assert not list(tmp_path.glob(f"{REPLACED}*"))
