import errno
import os
import shutil
import time
from pathlib import Path

import pytest
from conftest import fill

from handshape.console import Console
from handshape.data.export_split import MARKER, How, export_split
from handshape.data.samples import ImageFolder, Sample, list_samples
from handshape.data.splits import split_samples
from handshape.errors import RunError, SettingsError
from handshape.files import LEFT_OVER, PARTIAL

Parts = dict[str, tuple[Sample, ...]]


@pytest.fixture
def folder(tmp_path: Path) -> ImageFolder:
    files = {f"{'ABC'[number % 3]}/signer {number % 2}/{number}.jpg": bytes([number]) for number in range(30)}
    return list_samples(fill(tmp_path / "data", files))


@pytest.fixture
def parts(folder: ImageFolder) -> Parts:
    return split_samples(folder.samples, None, 0.2, 0.1, seed=0).samples(folder.samples)


@pytest.fixture
def targets(tmp_path: Path) -> dict[str, Path]:
    return {"train": tmp_path / "out/train", "validation": tmp_path / "out/val", "test": tmp_path / "out/test"}


def require_laid_out(parts: Parts, folder: ImageFolder, targets: dict[str, Path]) -> None:
    for part, target in targets.items():
        laid = list_samples(target)
        assert laid.classes == folder.classes
        assert set(laid.samples) == set(parts[part])
        for sample in laid.samples:
            assert laid.file(sample).read_bytes() == folder.file(sample).read_bytes()
    visible = {path.name for target in targets.values() for path in target.parent.iterdir()}
    assert visible == {target.name for target in targets.values()}


@pytest.mark.parametrize("how", ["copy", "link"])
def test_each_part_becomes_class_folders(
    parts: Parts, folder: ImageFolder, targets: dict[str, Path], console: Console, how: How
) -> None:
    export_split(parts, folder, targets, how, console)
    require_laid_out(parts, folder, targets)
    sample = parts["test"][0]
    shared = (targets["test"] / sample.path).samefile(folder.file(sample))
    assert shared is (how == "link")


def test_an_earlier_layout_is_replaced_and_the_photographs_stay(
    parts: Parts, folder: ImageFolder, targets: dict[str, Path], console: Console
) -> None:
    export_split(parts, folder, targets, "link", console)
    other = split_samples(folder.samples, None, 0.3, 0.3, seed=5).samples(folder.samples)
    export_split(other, folder, targets, "link", console)
    require_laid_out(other, folder, targets)
    assert all(folder.file(sample).exists() for sample in folder.samples)


def test_empty_folders_are_taken(parts: Parts, folder: ImageFolder, targets: dict[str, Path], console: Console) -> None:
    targets["train"].mkdir(parents=True)
    export_split(parts, folder, targets, "copy", console)
    require_laid_out(parts, folder, targets)


@pytest.mark.parametrize("mine", ["notes.txt", "A/mine.jpg", "only a folder/"])
@pytest.mark.parametrize("after_a_layout", [False, True])
def test_what_the_program_did_not_make_is_never_touched(
    parts: Parts, folder: ImageFolder, targets: dict[str, Path], console: Console, mine: str, after_a_layout: bool
) -> None:
    if after_a_layout:
        export_split(parts, folder, targets, "copy", console)
    place = targets["validation"] / mine
    place.parent.mkdir(parents=True, exist_ok=True)
    if mine.endswith("/"):
        place.mkdir()
    else:
        place.write_text("mine")
    before = sorted(targets["validation"].parent.rglob("*"))
    with pytest.raises(RunError, match="did not put there") as caught:
        export_split(parts, folder, targets, "copy", console)
    assert str(targets["validation"]) in caught.value.happened
    assert sorted(targets["validation"].parent.rglob("*")) == before


def test_a_file_in_the_place(parts: Parts, folder: ImageFolder, targets: dict[str, Path], console: Console) -> None:
    targets["test"].parent.mkdir()
    targets["test"].write_text("mine")
    with pytest.raises(RunError, match="is a file"):
        export_split(parts, folder, targets, "copy", console)
    assert not targets["train"].exists()


@pytest.mark.parametrize("place", [".", "A", "../data/new", ".."])
def test_targets_among_the_photographs(
    parts: Parts, folder: ImageFolder, targets: dict[str, Path], console: Console, place: str
) -> None:
    with pytest.raises(SettingsError, match="overlap"):
        export_split(parts, folder, targets | {"test": folder.root / place}, "copy", console)


def test_targets_inside_each_other(
    parts: Parts, folder: ImageFolder, targets: dict[str, Path], console: Console
) -> None:
    with pytest.raises(SettingsError, match="overlap"):
        export_split(parts, folder, targets | {"test": targets["train"] / "test"}, "copy", console)


def test_links_across_file_systems_become_copies(
    parts: Parts,
    folder: ImageFolder,
    targets: dict[str, Path],
    console: Console,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EXDEV, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", refuse)
    export_split(parts, folder, targets, "link", console)
    require_laid_out(parts, folder, targets)
    assert capsys.readouterr().err.count("images are copied") == 1


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()])
@pytest.mark.parametrize("earlier", [False, True])
def test_a_break_leaves_nothing_half_done(
    parts: Parts,
    folder: ImageFolder,
    targets: dict[str, Path],
    console: Console,
    monkeypatch: pytest.MonkeyPatch,
    error: BaseException,
    earlier: bool,
) -> None:
    if earlier:
        export_split(parts, folder, targets, "copy", console)
    copy, calls = shutil.copyfile, iter(range(100))

    def fail_later(source: Path, target: Path) -> None:
        if next(calls) == 5:
            raise error
        copy(source, target)

    monkeypatch.setattr(shutil, "copyfile", fail_later)
    with pytest.raises(RunError if isinstance(error, OSError) else KeyboardInterrupt):
        export_split(parts, folder, targets, "copy", console)
    if earlier:
        require_laid_out(parts, folder, targets)
    else:
        assert not any(path.is_file() for path in targets["train"].parent.rglob("*"))


def test_left_overs_of_a_killed_run_are_cleared_in_time(
    parts: Parts, folder: ImageFolder, targets: dict[str, Path], console: Console
) -> None:
    left_over = targets["train"].parent / f"{PARTIAL}killed"
    left_over.mkdir(parents=True)
    (left_over / "half.jpg").touch()
    os.utime(left_over, (0, time.time() - LEFT_OVER - 60))
    export_split(parts, folder, targets, "copy", console)
    require_laid_out(parts, folder, targets)
    assert (targets["train"] / MARKER).exists()
