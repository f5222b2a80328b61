"""The cache: folders found again, the longest unused ones going when they take too much room, and what is cleared."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import fill

from handshape import cache
from handshape.cache import IN_USE, KINDS, cached_folder, clear, clearing, contents, limit_of, other_contents
from handshape.data import kept_readings
from handshape.errors import SettingsError
from handshape.hands import cache as hands_cache
from handshape.workflow import kept_features, pixel_options

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


def kept_entry(home: Path, path: str, hours_ago: float, size: int = 100) -> Path:
    """A file, or a folder with one, that was last used some hours ago."""
    place = home / path
    file = place if place.suffix else place / "content"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(bytes(size))
    then = time.time() - hours_ago * 3600
    os.utime(file, (then, then))
    return place


@pytest.mark.parametrize(
    ("kind", "limit"),
    [
        ("features", kept_features.FEATURES_KEPT),
        (pixel_options.CACHE, pixel_options.KEPT),
        (kept_readings.KIND, kept_readings.KEPT),
        ("hands", hands_cache.LIMIT),
    ],
)
def test_kinds_are_told_with_the_limits_that_they_have(kind: str, limit: int):
    assert limit_of(kind) == limit_of(kind, limit) == limit


def test_one_limit_for_all_makes_each_smaller(home, monkeypatch):
    own = {kind.name: kind.limit for kind in KINDS if kind.limit}
    monkeypatch.setenv("HANDSHAPE_CACHE_GB", "1.5")
    limits = [limit_of(name) or 0 for name in own]
    assert sum(limits) == pytest.approx(1_500_000_000, abs=len(own))
    assert limits[0] / limits[1] == pytest.approx(own["readings"] / own["features"])
    assert limit_of("bundles") is None
    monkeypatch.setenv("HANDSHAPE_CACHE_GB", "1e3")
    assert {name: limit_of(name) for name in own} == own
    folder_used(home, "old", 2, 100)
    monkeypatch.setenv("HANDSHAPE_CACHE_GB", str(sum(own.values()) / 2e9))
    cached_folder("things", "new", 201)
    assert names_in(home) == {"old", "new"}
    cached_folder("things", "new", 199)
    assert names_in(home) == {"new"}


@pytest.mark.parametrize("word", ["much", "0", "-1", "nan", "inf"])
def test_a_limit_that_cannot_be(word: str, home, monkeypatch):
    monkeypatch.setenv("HANDSHAPE_CACHE_GB", word)
    with pytest.raises(SettingsError, match=f"cannot be '{word}'"):
        cached_folder("things", "a", 1)


@pytest.mark.parametrize(
    ("names", "older", "force", "gone", "in_use"),
    [
        ((), 0, False, {"features/old", "hands/found-3.sqlite", "hands/found-3.sqlite-journal"}, 1),
        ((), 0, True, {"features/old", "features/new", "hands/found-3.sqlite", "hands/found-3.sqlite-journal"}, 0),
        ((), 30, False, {"features/old"}, 0),
        (("hands",), 0, False, {"hands/found-3.sqlite", "hands/found-3.sqlite-journal"}, 0),
        (("networks", "bundles"), 0, False, {"hands/palm.tflite", "bundles/abc"}, 0),
        (("features", "trials"), 1000, True, set(), 0),
    ],
)
def test_what_is_cleared(home, names: tuple[str, ...], older: float, force: bool, gone: set[str], in_use: int):
    ages = {
        "features/old": 50,
        "features/new": 0.1,
        "hands/found-3.sqlite": 20,
        "hands/found-3.sqlite-journal": 21,
        "hands/palm.tflite": 90,
        "bundles/abc": 90,
        "registry/mine": 90,
    }
    places = {path: kept_entry(home, path, hours) for path, hours in ages.items()}
    cleared = clear(clearing(names, older * 3600, force))
    assert {path for path, place in places.items() if not place.exists()} == gone
    assert (len(cleared.in_use), cleared.failed) == (in_use, ())
    assert cleared.size == 100 * len(gone)
    assert other_contents() == 100


def test_links_go_and_what_they_lead_to_stays(home, tmp_path):
    elsewhere = kept_entry(tmp_path, "elsewhere", 9)
    (home / "features").mkdir(parents=True)
    (home / "features" / "linked").symlink_to(elsewhere, target_is_directory=True)
    (home / "features" / "broken").symlink_to(tmp_path / "nowhere")
    (features,) = contents(["features"])
    assert (len(features.entries), features.size < 1000) == (2, True)
    assert len(clear(clearing(["features"], force=True)).entries) == 2
    assert list((home / "features").iterdir()) == []
    assert (elsewhere / "content").read_bytes() == bytes(100)


def test_a_folder_that_is_none(home):
    fill(home, {"features": b"a file"})
    (features,) = contents(["features"])
    assert "features cannot be read: not a directory" in features.problem
    assert [kept.kind.name for kept in contents() if kept.problem] == ["features"]


def test_what_cannot_be_removed_is_named(home, monkeypatch):
    stuck = kept_entry(home, "features/stuck", 9)
    monkeypatch.setattr(cache, "discard", lambda path: None)
    cleared = clear(clearing())
    assert (cleared.entries, cleared.failed) == ((), (stuck,))
