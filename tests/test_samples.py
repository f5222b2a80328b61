import os
from pathlib import Path

import pytest
from conftest import checked

from handshape.data.samples import (
    ImageFolder,
    Sample,
    find_images,
    list_images,
    list_samples,
    match_class_names,
    natural_key,
)
from handshape.errors import DataError


def folder_of(root: Path, *paths: str) -> ImageFolder:
    """Empty files at these paths; a path that ends in a slash is a folder."""
    for path in paths:
        place = root / path
        if path.endswith("/"):
            place.mkdir(parents=True)
        else:
            place.parent.mkdir(parents=True, exist_ok=True)
            place.touch()
    return list_samples(root)


def paths_of(folder: ImageFolder) -> list[str]:
    return [sample.path for sample in folder.samples]


def test_classes_and_samples_come_in_natural_order(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, "10/b.jpg", "2/a10.jpg", "2/a9.jpg", "B/x.png", "a/y.png", "space/")
    assert folder.classes == ("2", "10", "B", "a", "space")
    assert folder.samples == (
        Sample("2/a9.jpg", "2"),
        Sample("2/a10.jpg", "2"),
        Sample("10/b.jpg", "10"),
        Sample("B/x.png", "B"),
        Sample("a/y.png", "a"),
    )
    assert folder.counts() == {"2": 2, "10": 1, "B": 1, "a": 1, "space": 0}
    assert folder.empty_classes == ("space",)
    assert folder.file(folder.samples[0]) == tmp_path / "2" / "a9.jpg"


@pytest.mark.parametrize(
    "names",
    [
        ["1", "2", "10"],
        ["A", "B", "del", "nothing", "space"],
        ["01_five", "02_four", "10_flat"],
        ["a", "a1b2", "a1b10"],
    ],
)
def test_natural_order(names: list[str]) -> None:
    backwards = names[::-1]
    assert sorted(backwards, key=natural_key) == names


def test_digits_of_other_scripts_are_letters() -> None:
    assert sorted(["²", "1", "٣"], key=natural_key)[0] == "1"


@pytest.mark.parametrize(
    "name",
    ["with space.jpg", "ÄÖ手.png", "UPPER.JPG", "Mixed.JpEg", "image.jpeg.png", "-rf.jpg", "a,b;c.gif", 'quo"te.bmp',
     "new\nline.webp", "100%.tif", "[x].tiff", "back\\slash.jpg"],
)  # fmt: skip
def test_odd_names_are_images_too(name: str, tmp_path: Path) -> None:
    assert paths_of(folder_of(tmp_path, f"A b/{name}")) == [f"A b/{name}"]


def test_images_anywhere_below_a_class_count(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, "A/anna/day 1/1.jpg", "A/2.jpg")
    assert paths_of(folder) == ["A/2.jpg", "A/anna/day 1/1.jpg"]
    assert {sample.label for sample in folder.samples} == {"A"}


def test_what_systems_leave_behind_is_passed_over(tmp_path: Path) -> None:
    folder = folder_of(
        tmp_path, "A/1.jpg", "A/.DS_Store", "A/Thumbs.db", "A/desktop.ini", "A/.hidden.jpg", ".git/x.jpg",
        "__MACOSX/A/1.jpg", "README.md", "groups.csv",
    )  # fmt: skip
    assert folder.classes == ("A",)
    assert paths_of(folder) == ["A/1.jpg"]
    assert folder.strays == ()


def test_strays_are_named(tmp_path: Path) -> None:
    folder = folder_of(
        tmp_path, "A/1.jpg", "A/notes.txt", "A/x/IMG_1.CR2", "A/no_ending", "loose.png", "clip.mp4", "README.md"
    )
    (tmp_path / "lost").symlink_to(tmp_path / "nowhere")
    folder = list_samples(tmp_path)
    assert set(folder.strays) == {"A/notes.txt", "A/x/IMG_1.CR2", "A/no_ending", "loose.png", "clip.mp4", "lost"}
    assert folder.beside == ("README.md",)


def test_names_that_are_no_text_are_left_out_and_printable(tmp_path: Path) -> None:
    (tmp_path / "A").mkdir()
    with open(os.fsencode(tmp_path / "A") + b"/\xff.jpg", "wb"):  # noqa: PTH123
        pass
    folder = list_samples(tmp_path)
    assert folder.samples == ()
    assert len(folder.strays) == 1
    assert folder.strays[0].encode().startswith(b"A/")


def test_a_class_name_that_is_no_text_is_refused(tmp_path: Path) -> None:
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xffsign")).mkdir()
    with pytest.raises(DataError, match="not readable text") as caught:
        list_samples(tmp_path)
    caught.value.text.encode()


def test_links_are_followed_but_not_in_circles(tmp_path: Path) -> None:
    root, elsewhere = tmp_path / "data", tmp_path / "elsewhere"
    folder_of(elsewhere, "B/2.jpg")
    folder_of(root, "A/1.jpg")
    (root / "B").symlink_to(elsewhere / "B")
    (root / "A" / "again").symlink_to(root)
    (root / "A" / "self").symlink_to(root / "A")
    (root / "A" / "ghost.jpg").symlink_to(root / "absent.jpg")
    (root / "A" / "loop").symlink_to(root / "A" / "loop")
    folder = list_samples(root)
    assert paths_of(folder) == ["A/1.jpg", "A/ghost.jpg", "B/2.jpg"]  # the broken link is for the check to report
    assert folder.strays == ("A/loop",)


def test_a_pipe_is_never_opened(tmp_path: Path) -> None:
    (tmp_path / "A").mkdir()
    os.mkfifo(tmp_path / "A" / "pipe.jpg")
    folder = list_samples(tmp_path)
    assert paths_of(folder) == ["A/pipe.jpg"]  # for the check to report
    (reason,) = checked(tmp_path).reasons.values()
    assert reason == "cannot be opened: it is a pipe, not a file"


@pytest.mark.parametrize(
    ("paths", "name", "happened", "fix"),
    [
        ([], "absent/deep", "no folder", "the part that exists is"),
        (["photo.jpg"], "photo.jpg", "is a file", "Name the folder"),
        (["data.zip"], "data.zip", "is a file", "Unpack"),
        ([], ".", "holds no class folders", "Make a folder for each sign"),
        (["1.jpg", "2.jpg"], ".", "holds 2 images but no class folders", "name the folder above"),
        (["train/A/1.jpg", "test/A/1.jpg"], ".", "test, train", "train"),
        (["asl_alphabet_train/A/1.jpg", "asl_alphabet_test/A.jpg"], ".", "parts", "asl_alphabet_train"),
        (["Training/A/1.jpg", "Validation/A/1.jpg"], ".", "parts", "Training"),
        ([" /1.jpg"], ".", "is blank", "Rename"),
    ],
)
def test_folders_that_cannot_be_used(tmp_path: Path, paths: list[str], name: str, happened: str, fix: str) -> None:
    for path in paths:
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).touch()
    with pytest.raises(DataError) as caught:
        list_samples(tmp_path / name)
    assert happened in caught.value.happened
    assert str(tmp_path) in caught.value.happened
    assert fix in caught.value.fix
    assert caught.value.expected


@pytest.mark.parametrize("paths", [["train/1.jpg", "test/1.jpg"], ["A/1.jpg", "train/x/1.jpg"], ["strain/A/1.jpg"]])
def test_signs_may_be_called_train(tmp_path: Path, paths: list[str]) -> None:
    assert len(folder_of(tmp_path, *paths).samples) == len(paths)


def test_a_folder_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder_of(tmp_path, "A/1.jpg", "B/1.jpg")
    listing = os.scandir

    def refuse(path: os.PathLike[str] | str) -> object:
        if str(path).endswith("B"):
            raise PermissionError(13, "Permission denied")
        return listing(path)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(DataError, match=r"B cannot be read: permission denied"):
        list_samples(tmp_path)


@pytest.mark.parametrize(
    ("classes", "class_names", "known"),
    [
        (["A", "B"], ["A", "B", "C"], {"A": 0, "B": 1}),
        (["a", "b"], ["A", "B"], {"a": 0, "b": 1}),
        (["B", "Zebra"], ["A", "B"], {"B": 1}),
        (["a"], ["A", "a"], {"a": 1}),  # the exact name wins
        (["Ab"], ["AB", "ab"], {}),  # which of them?
        (["A", "a"], ["A", "B"], {"A": 0}),  # "A" is taken by its own name
        ([], ["A"], {}),
        (["N\u0303"], ["B", "\u00d1"], {"N\u0303": 1}),  # how macOS stores an accent
        (["\u00d1"], ["N\u0303"], {"\u00d1": 0}),  # a model that was trained on such names
        ([" thumbs up"], ["fist", "Thumbs_Up"], {" thumbs up": 1}),
    ],
)
def test_names_of_classes_are_matched(classes: list[str], class_names: list[str], known: dict[str, int]) -> None:
    assert match_class_names(classes, class_names) == known


def test_images_of_files_and_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder_of(tmp_path, "A/10.jpg", "A/2.jpg", "A/.hidden.jpg", "A/notes.txt", "A/more/1.png", "empty/", "notes.txt")
    found = find_images([tmp_path / name for name in ("notes.txt", "A", "absent.jpg", "empty", "a\0b.jpg")])
    names = [str(path.relative_to(tmp_path)) for path in found.files]
    assert names == ["notes.txt", "A/2.jpg", "A/10.jpg", "A/more/1.png", "absent.jpg", "a\0b.jpg"]
    assert found.left_out == (tmp_path / "A" / "notes.txt",)
    ((path, error),) = found.failed
    assert (path, error.happened) == (tmp_path / "empty", f"{tmp_path / 'empty'} holds no images.")
    monkeypatch.chdir(tmp_path / "A")
    assert list_images([Path()]) == (Path("2.jpg"), Path("10.jpg"), Path("more/1.png"))


@pytest.mark.photographs
def test_real_folders(photographs: Path) -> None:
    digits = list_samples(photographs / "digits_218_signers")
    assert digits.classes == tuple("0123456789")
    assert len(digits.samples) == 2062
    video = list_samples(photographs / "asl29_one_signer_video")
    assert video.classes[-3:] == ("del", "nothing", "space")
    assert set(video.counts().values()) == {28}
