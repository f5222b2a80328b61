"""``handshape cache`` and ``handshape.cached()``: what is kept, what is asked, what goes and what stays."""

import io
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import Handshape, fill

import handshape as package
from handshape.cli import main
from handshape.errors import SettingsError

DAY = 24 * 3600


@pytest.fixture
def kept(home: Path) -> Path:
    """Two folders of features, one of them in use, a network, and a model of the user's own."""
    fill(home, {"features/old/x": bytes(3_000_000), "features/new/x": b"12", "hands/palm.tflite": b"123"})
    fill(home, {"registry/mine/x": bytes(2_000_000)})
    then = time.time() - 9 * DAY
    for file in ("features/old/x", "hands/palm.tflite"):
        os.utime(home / file, (then, then))
    return home


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_what_is_kept_is_listed(kept: Path, handshape: Handshape):
    outcome = handshape("cache")
    assert outcome.code == 0
    assert str(kept) in outcome.out
    assert "HANDSHAPE_HOME" in outcome.err
    (row,) = [line.split() for line in outcome.out.splitlines() if "features " in line]
    assert (row[-7:-2], row[-2]) == (["2", "3", "MB", "2,000", "MB"], time.strftime("%Y-%m-%d"))
    assert "Together 3 MB" in outcome.out
    assert "2 MB there are no part of it" in outcome.out
    assert outcome.out == handshape("cache", "list", "--quiet").out


def test_what_is_kept_for_machines(kept: Path, handshape: Handshape, monkeypatch):
    monkeypatch.setenv("HANDSHAPE_CACHE_GB", "1")
    found = handshape("cache", "--json").object
    assert (found["folder"], found["bytes"], found["limit"], found["other_bytes"]) == (
        str(kept),
        3_000_005,
        10**9,
        2_000_000,
    )
    kinds = {kind["name"]: kind for kind in found["kinds"]}
    assert (kinds["features"]["entries"], kinds["features"]["bytes"]) == (2, 3_000_002)
    assert kinds["features"]["used"].startswith(time.strftime("%Y-%m-%dT"))
    assert kinds["readings"]["used"] is None
    assert sum(kind["limit"] or 0 for kind in kinds.values()) <= 10**9


def test_no_cache_at_all(home: Path, handshape: Handshape):
    assert f"Nothing is kept in {home} yet" in handshape("cache").out
    assert "Removed 0 entries" in handshape("cache", "clear").out
    assert not home.exists()


@pytest.mark.parametrize(
    ("words", "gone", "in_use"),
    [
        ([], ["features/old"], 1),
        (["features", "--force"], ["features/new", "features/old"], 0),
        (["networks"], ["hands/palm.tflite"], 0),
        (["--older", "10"], [], 0),
        (["--older", "8.5"], ["features/old"], 0),
    ],
)
def test_clearing(kept: Path, handshape: Handshape, words: list[str], gone: list[str], in_use: int):
    outcome = handshape("cache", "clear", *words, "--yes", "--json")
    places = ("features/new", "features/old", "hands/palm.tflite", "registry/mine")
    assert [place for place in places if not (kept / place).exists()] == gone
    said = outcome.object
    assert (outcome.code, said["removed"], said["in_use"], said["failed"]) == (0, len(gone), in_use, [])


@pytest.mark.parametrize(("answer", "code", "stays"), [("y\n", 0, False), ("\n", 1, True), ("", 1, True)])
def test_it_asks_at_a_terminal(kept: Path, handshape: Handshape, monkeypatch, answer: str, code: int, stays: bool):
    monkeypatch.setattr(sys, "stdin", Terminal(answer))
    outcome = handshape("cache", "clear")
    assert "Remove 1 entry, 3 MB? [y/N]" in outcome.err
    assert (outcome.code, (kept / "features/old").exists()) == (code, stays)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["clear"], "Nobody can be asked whether 1 entry, 3 MB may go."),
        (["clear", "featurs", "--yes"], "Did you mean features?"),
    ],
)
def test_what_cannot_be_cleared(kept: Path, handshape: Handshape, monkeypatch, words: list[str], said: str):
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n"))
    outcome = handshape("cache", *words)
    assert (outcome.code, (kept / "features/old").exists()) == (1, True)
    assert said in outcome.err


@pytest.mark.parametrize("days", ["-1", "many", "nan"])
def test_days_that_cannot_be(days: str, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["cache", "clear", f"--older={days}"])
    assert ended.value.code == 2
    assert "is no number of days from 0 on" in capsys.readouterr().err


def test_a_kind_that_cannot_be_read_and_one_that_stays(kept: Path, handshape: Handshape, monkeypatch):
    fill(kept, {"readings": b"a file"})
    assert "readings cannot be read: not a directory" in handshape("cache").err
    monkeypatch.setattr("handshape.cache.discard", lambda path: None)
    outcome = handshape("cache", "clear", "--yes")
    assert outcome.code == 1
    assert f"Could not remove {kept / 'features/old'}" in outcome.err


def test_a_closed_pipe_is_no_error(kept: Path):
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [sys.executable, "-m", "handshape", "cache"], stdout=write, stderr=subprocess.PIPE, text=True, check=False
    )
    os.close(write)
    assert done.returncode == 141
    assert "Traceback" not in done.stderr


def test_the_same_in_python(kept: Path):
    found = package.cached()
    assert (found.folder, found.size, found.limit) == (kept, 3_000_005, None)
    assert repr(found) == f"<CacheContents: 3 entries, 3 MB, in {kept}>"
    assert "<td>features</td>" in found._repr_html_()
    gone = found.clear("features", older_days=1)
    assert (len(gone.entries), gone.size) == (1, 3_000_000)
    assert not (kept / "features/old").exists()
    for words, days in ((("featurs",), 0.0), ((), -1.0)):
        with pytest.raises(SettingsError):
            found.clear(*words, older_days=days)
