from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from handshape.console import Console
from handshape.data.samples import ImageFolder, Sample, list_samples
from handshape.data.store import decode_images
from handshape.errors import ImageError, RunError
from handshape.images import Pixels, load_square


@pytest.fixture
def folder(tmp_path: Path) -> ImageFolder:
    random = np.random.default_rng(0)
    for number in range(50):
        path = tmp_path / "data" / "AB"[number % 2] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(random.integers(0, 256, (20, 30, 3), np.uint8)).save(path)
    return list_samples(tmp_path / "data")


def loader(folder: ImageFolder) -> Callable[[Sample], Pixels]:
    """Whole images of 16 pixels a side."""
    return lambda sample: load_square(folder.file(sample), 16)


def test_images_come_in_the_order_asked_for(folder: ImageFolder, console: Console) -> None:
    samples = folder.samples[::-1]
    pixels = decode_images(loader(folder), samples, 16, console, workers=4)
    assert pixels.shape == (50, 16, 16, 3)
    assert pixels.dtype == np.uint8
    for sample, square in zip(samples, pixels, strict=True):
        assert (square == load_square(folder.file(sample), 16)).all()


def test_large_sets_live_in_a_file_with_the_same_pixels(folder: ImageFolder, console: Console, tmp_path: Path) -> None:
    file = tmp_path / "run" / "pixels.npy"
    mapped = decode_images(loader(folder), folder.samples, 16, console, file, memory_limit=1000)
    assert isinstance(mapped, np.memmap)
    assert (mapped == decode_images(loader(folder), folder.samples, 16, console, file=None)).all()
    assert [path.name for path in file.parent.iterdir()] == ["pixels.npy"]
    again = decode_images(loader(folder), folder.samples[:3], 16, console, file, memory_limit=1000)
    assert again.shape == (3, 16, 16, 3)


def test_small_sets_leave_no_file(folder: ImageFolder, console: Console, tmp_path: Path) -> None:
    pixels = decode_images(loader(folder), folder.samples, 16, console, tmp_path / "pixels.npy")
    assert not isinstance(pixels, np.memmap)
    assert not (tmp_path / "pixels.npy").exists()


def test_no_samples_at_all(folder: ImageFolder, console: Console) -> None:
    assert decode_images(loader(folder), [], 16, console).shape == (0, 16, 16, 3)


@pytest.mark.parametrize("memory_limit", [10**9, 1000])
def test_a_broken_image_is_named_and_leaves_no_file(
    folder: ImageFolder, console: Console, tmp_path: Path, memory_limit: int
) -> None:
    broken = folder.file(folder.samples[7])
    broken.write_bytes(broken.read_bytes()[:200])
    with pytest.raises(ImageError) as caught:
        decode_images(loader(folder), folder.samples, 16, console, tmp_path / "pixels.npy", memory_limit=memory_limit)
    assert str(broken) in caught.value.happened
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


def test_a_full_disk_is_one_clear_error(folder: ImageFolder, console: Console, tmp_path: Path) -> None:
    full = tmp_path / "pixels.npy"
    (tmp_path / ".partial-pixels.npy").symlink_to("/dev/full")
    with pytest.raises(RunError, match="no space left"):
        decode_images(loader(folder), folder.samples, 16, console, full, memory_limit=1000)
    assert not full.exists()
