"""Run folders: names, records and files that are whole or absent."""

import errno
import os
from pathlib import Path

import pytest

from handshape.errors import RunError
from handshape.files import atomic_write, cannot_write, is_refused, require_disk_space, write_json
from handshape.workflow.run import CrossvalRun, Run, new_run, open_run, read_record

PHOTOS = Path("photos")


def test_nothing_is_made_before_it_is_asked_for(tmp_path):
    run = new_run(tmp_path / "runs", "first", PHOTOS, Run)
    assert not (tmp_path / "runs").exists()
    run.create_folders()
    run.record(state="running")
    assert open_run(run.folder, Run) == run
    assert {path.name for path in run.folder.iterdir()} == {"models", "results", "logs", "work", "run.json"}


def test_a_record_is_updated_and_keeps_its_own_time(tmp_path):
    run = Run(tmp_path, "20260101_120000")
    run.record(state="running", data="/photos")
    assert run.record(state="complete") == read_record(tmp_path)
    assert read_record(tmp_path) == {
        "format": 1,
        "kind": "train",
        "timestamp": "20260101_120000",
        "state": "complete",
        "data": "/photos",
    }
    Run(tmp_path, "20260102_120000").record(state="running")  # a second training in the same place
    assert open_run(tmp_path, Run).timestamp == "20260102_120000"


def test_unnamed_runs_of_one_second_do_not_collide(tmp_path):
    names = set()
    for _ in range(3):
        run = new_run(tmp_path, None, PHOTOS, Run)
        run.create_folders()
        names.add(run.folder.name)
    assert len(names) == 3


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "/a", "x" * 300])
def test_names_that_cannot_be(name, tmp_path):
    with pytest.raises(RunError, match="cannot be the name"):
        new_run(tmp_path, name, PHOTOS, Run)


def test_a_taken_name_says_whether_it_is_a_run(tmp_path):
    (tmp_path / "plain").mkdir()
    Run(tmp_path / "my run", "1").create_folders()
    Run(tmp_path / "my run", "1").record(state="interrupted")
    with pytest.raises(RunError, match="already a folder") as refused:
        new_run(tmp_path, "plain", PHOTOS, Run)
    assert "resume" not in refused.value.fix
    with pytest.raises(RunError, match="already a run") as refused:
        new_run(tmp_path, "my run", PHOTOS, Run)
    assert f"handshape train --resume '{tmp_path}/my run'" in refused.value.fix


@pytest.mark.parametrize("out", ["photos", "photos/runs", "photos/../photos/x"])
def test_never_among_the_photographs(out, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(RunError, match="among the photographs"):
        new_run(Path(out), None, PHOTOS, Run)


def test_a_place_that_cannot_be_written(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="is a file"):
        new_run(tmp_path / "file" / "runs", None, PHOTOS, Run)
    monkeypatch.setattr(os, "access", lambda *args: False)  # root may write everywhere
    with pytest.raises(RunError, match="permission denied"):
        new_run(tmp_path / "runs", None, PHOTOS, Run)


@pytest.mark.parametrize("content", [None, "", "[]", "{}", '{"timestamp'])
def test_what_is_no_run(content, tmp_path):
    if content is not None:
        (tmp_path / "run.json").write_text(content)
    with pytest.raises(RunError, match="is not a run folder"):
        open_run(tmp_path, Run)


@pytest.mark.parametrize(("made", "asked"), [(Run, CrossvalRun), (CrossvalRun, Run)])
def test_a_run_of_another_kind_is_sent_to_its_own_verb(made, asked, tmp_path):
    run = made(tmp_path, "1")
    run.record(state="interrupted")
    assert open_run(tmp_path, made) == run
    with pytest.raises(RunError, match=f"made by handshape {made.verb}") as refused:
        open_run(tmp_path, asked)
    assert refused.value.fix == run.resume_command


def test_a_broken_write_leaves_the_old_file(tmp_path):
    file = tmp_path / "value.json"
    write_json(file, {"ä": 1})
    with pytest.raises(RunError, match="no space left"), atomic_write(file) as partial:
        partial.write_text("half")
        raise OSError(errno.ENOSPC, "No space left on device")
    assert file.read_text(encoding="utf-8") == '{\n  "ä": 1\n}\n'
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize(
    ("error", "refused"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), True),
        (OSError(errno.EROFS, "Read-only file system"), True),
        (OSError("Can't write data (file write failed: errno = 28, error message = 'No space')"), True),
        (RuntimeError("Can't decrement id ref count (errno = 28, error message = 'No space')"), True),
        (FileNotFoundError(errno.ENOENT, "No such file"), False),
        (BrokenPipeError(errno.EPIPE, "Broken pipe"), False),
        (ValueError("a bug"), False),
    ],
)
def test_the_disks_errors_are_told_from_others(error, refused):
    assert is_refused(error) is refused
    if refused:
        assert cannot_write(Path("x"), error).happened in (
            "Cannot write x: no space left on device.",
            "Cannot write x: read-only file system.",
        )


def test_room_is_asked_for_where_the_folder_will_be(tmp_path):
    require_disk_space(tmp_path / "not" / "yet", 1)
    with pytest.raises(RunError, match="too little room"):
        require_disk_space(tmp_path / "not" / "yet", 2**62)


def test_a_resumed_run_must_start_as_it_began(tmp_path):
    from handshape.config import load_settings
    from handshape.model.weights import StartingWeights
    from handshape.runtime import choose_runtime
    from handshape.workflow.fit import require_same_start

    run, settings = Run(tmp_path, "t"), load_settings()
    runtime, own = choose_runtime(settings.gpu), StartingWeights("own", None, "", "1" * 64)
    require_same_start(run, own, runtime, settings)
    require_same_start(run, own, runtime, settings)
    for other in (StartingWeights("imagenet", None, "", "2" * 64), StartingWeights("own", None, "", "2" * 64)):
        with pytest.raises(RunError, match="began with own weights"):
            require_same_start(run, other, runtime, settings)
    with pytest.raises(RunError, match=r"hands\.find=auto; now .*hands\.find=off"):  # the hand models are gone since
        require_same_start(run, own, runtime, load_settings(assignments=["hands.find=off"]))
