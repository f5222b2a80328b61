"""Folders of the cache: found again, and the longest unused ones go when they take too much room."""

import os
import subprocess
import sys
import time
from pathlib import Path

from conftest import fill

from handshape import cache
from handshape.cache import IN_USE, cached_folder

MANY = 10**9


def folder_used(home: Path, key: str, hours_ago: float, size: int) -> Path:
    """A folder of so many bytes that a program asked for some hours ago."""
    folder = fill(home / "things" / key, {"content": bytes(size), ".used": b""})
    then = time.time() - hours_ago * 3600
    os.utime(folder / ".used", (then, then))
    return folder


def names_in(home: Path) -> set[str]:
    return {folder.name for folder in (home / "things").iterdir()}


def test_the_same_key_leads_to_the_same_folder(home):
    folder = cached_folder("things", "a", MANY)
    (folder / "content").write_bytes(b"kept")
    assert cached_folder("things", "b", MANY) != folder
    assert (cached_folder("things", "a", MANY) / "content").read_bytes() == b"kept"
    assert folder.parent == home / "things"


def test_what_was_longest_not_asked_for_makes_room(home):
    for hours, key in enumerate("abcd", start=2):
        folder_used(home, key, hours, 100)
    cached_folder("things", "c", 250)  # asked for, and so the newest
    assert names_in(home) == {"a", "b", "c"}
    assert cached_folder("things", "new", 100).is_dir()
    assert names_in(home) == {"c", "new"}


def test_what_another_program_may_be_using_stays(home):
    folder_used(home, "busy", IN_USE / 3600 / 2, 100)
    folder_used(home, "old", 2 * IN_USE / 3600, 100)
    cached_folder("things", "new", 10)
    assert names_in(home) == {"busy", "new"}


def test_a_folder_that_another_program_removes_meanwhile(home, monkeypatch):
    folder_used(home, "a", 9, 100)
    gone = folder_used(home, "gone", 8, 100)
    used_at = cache._used_at

    def remove_first(folder: Path) -> float:
        found = used_at(folder)
        if folder == gone:
            cache.shutil.rmtree(folder)
        return found

    monkeypatch.setattr(cache, "_used_at", remove_first)
    assert cached_folder("things", "new", 50).is_dir()
    assert names_in(home) == {"new"}


def test_where_the_cache_cannot_be_written_a_folder_goes_with_the_program(home):
    fill(home, {"things": b"a file"})
    program = (
        "from handshape.cache import cached_folder\n"
        "folder = cached_folder('things', 'a', 1)\n"
        "(folder / 'content').write_bytes(b'x')\n"
        "print(folder)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert not Path(done.stdout.strip()).is_relative_to(home)
    assert not Path(done.stdout.strip()).exists()
