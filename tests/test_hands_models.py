import hashlib
import subprocess
import sys
import zipfile

import pytest

from handshape.errors import DownloadError
from handshape.hands import models
from handshape.hands.models import LANDMARKS, MEMBERS, PALM, VARIABLE, WHEEL, hand_models

CONTENT = {PALM: b"palm" * 1000, LANDMARKS: b"landmarks" * 1000}


@pytest.fixture
def kept(home, monkeypatch):
    """Where the networks are kept: an empty cache, no network, and small files in place of the real ones."""
    monkeypatch.setenv("HANDSHAPE_OFFLINE", "1")
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setattr(models, "SHA256", {name: hashlib.sha256(data).hexdigest() for name, data in CONTENT.items()})
    return home / "hands"


@pytest.fixture
def wheel(tmp_path, kept, monkeypatch):
    path = tmp_path / "index" / WHEEL
    path.parent.mkdir()
    with zipfile.ZipFile(path, "w") as file:
        for name, member in MEMBERS.items():
            file.writestr(member, CONTENT[name])
        file.writestr("mediapipe/__init__.py", "raise SystemExit")
    monkeypatch.setattr(models, "WHEEL_SHA256", hashlib.sha256(path.read_bytes()).hexdigest())
    return path


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_offline_and_absent(kept, console):
    with pytest.raises(DownloadError, match="HANDSHAPE_OFFLINE") as caught:
        hand_models(console)
    assert VARIABLE in caught.value.fix
    assert not list(kept.iterdir())


def test_only_the_two_files_of_a_wheel_are_kept(kept, wheel, console, monkeypatch):
    monkeypatch.setenv(VARIABLE, str(wheel))
    found = hand_models(console)
    assert found.palm.read_bytes() == CONTENT[PALM]
    assert found.landmarks.read_bytes() == CONTENT[LANDMARKS]
    assert names(kept) == sorted(CONTENT)
    monkeypatch.delenv(VARIABLE)
    assert hand_models(console) == found


def test_a_damaged_file_is_fetched_anew(kept, wheel, console, monkeypatch):
    monkeypatch.setenv(VARIABLE, str(wheel))
    hand_models(console).palm.write_bytes(b"palm")
    assert hand_models(console).palm.read_bytes() == CONTENT[PALM]


def test_a_folder_is_used_where_it_is(kept, console, monkeypatch, tmp_path):
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    with pytest.raises(DownloadError, match="lacks the hand models"):
        hand_models(console)
    for name, data in CONTENT.items():
        (tmp_path / name).write_bytes(data)
    assert hand_models(console).palm == tmp_path / PALM
    assert not kept.exists()


def test_another_wheel_is_refused(kept, wheel, console, monkeypatch):
    wheel.write_bytes(wheel.read_bytes() + b"more")
    monkeypatch.setenv(VARIABLE, str(wheel))
    with pytest.raises(DownloadError, match="not the pinned wheel"):
        hand_models(console)
    assert not list(kept.iterdir())


def test_a_path_that_leads_nowhere(kept, console, monkeypatch, tmp_path):
    monkeypatch.setenv(VARIABLE, str(tmp_path / "absent.whl"))
    with pytest.raises(DownloadError, match="which is not there"):
        hand_models(console)


def test_asks_the_index_that_pip_is_set_to(kept, wheel, console, monkeypatch):
    monkeypatch.delenv("HANDSHAPE_OFFLINE")
    monkeypatch.setattr(models.shutil, "which", lambda name: None)
    asked = []

    def run(command, **options):
        asked.append(command)
        folder = command[command.index("--dest") + 1]
        (models.Path(folder) / WHEEL).write_bytes(wheel.read_bytes())
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(models.subprocess, "run", run)
    assert hand_models(console).palm.read_bytes() == CONTENT[PALM]
    hand_models(console)
    ((interpreter, *words),) = asked
    assert interpreter == sys.executable
    assert words[:2] == ["-m", "pip"]
    assert "--require-hashes" in words
    assert names(kept) == sorted(CONTENT)


def test_asks_uv_where_there_is_no_pip(kept, wheel, console, monkeypatch):
    monkeypatch.delenv("HANDSHAPE_OFFLINE")
    monkeypatch.setattr(models.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(models.shutil, "which", lambda name: "/bin/uv")

    def run(command, **options):
        assert command[0] == "/bin/uv"
        with zipfile.ZipFile(wheel) as file:
            file.extractall(command[command.index("--target") + 1])
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(models.subprocess, "run", run)
    assert hand_models(console).landmarks.read_bytes() == CONTENT[LANDMARKS]
    assert names(kept) == sorted(CONTENT)


def test_says_why_the_index_did_not_answer(kept, console, monkeypatch):
    monkeypatch.delenv("HANDSHAPE_OFFLINE")
    monkeypatch.setattr(models.shutil, "which", lambda name: None)
    failed = subprocess.CompletedProcess([], 1, "", "WARNING: retrying\nERROR: No matching distribution\n")
    monkeypatch.setattr(models.subprocess, "run", lambda command, **options: failed)
    with pytest.raises(DownloadError, match="No matching distribution"):
        hand_models(console)
    monkeypatch.setattr(models.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(DownloadError, match="neither pip nor uv"):
        hand_models(console)
    assert not list(kept.iterdir())
