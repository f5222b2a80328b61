import os
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from conftest import encoded, square_of
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from handshape.errors import ImageError
from handshape.images import EXTENSIONS, GREY, MAX_PIXELS, decode, open_image, read_image, to_square

RED = (230, 20, 30)


def picture(width: int = 60, height: int = 40) -> Image.Image:
    """No two corners alike, so that turning it round shows."""
    rows, columns = np.mgrid[0:height, 0:width]
    pixels = np.stack([columns * 255 // width, rows * 255 // height, (columns + rows) % 256], axis=2)
    return Image.fromarray(pixels.astype(np.uint8))


def png_claiming(width: int, height: int) -> bytes:
    """A PNG of a few bytes whose header promises any size."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


def half_transparent(mode: str) -> Image.Image:
    """Red on the left, nothing on the right."""
    image = Image.new("RGBA", (40, 20), (0, 0, 0, 0))
    image.paste((*RED, 255), (0, 0, 20, 20))
    return image.convert(mode)


def test_extensions_are_lower_case() -> None:
    assert {".jpg", ".jpeg", ".png", ".bmp", ".webp", ".gif", ".tif", ".tiff", ".avif", ".heic", ".jfif"} < EXTENSIONS
    assert {extension.lower() for extension in EXTENSIONS} == EXTENSIONS


@pytest.mark.parametrize(
    ("mode", "kind", "options", "tolerance"),
    [
        ("RGB", "JPEG", {"quality": 95}, 6),
        ("RGB", "JPEG", {"quality": 95, "progressive": True}, 6),
        ("RGB", "PNG", {}, 0),
        ("RGB", "BMP", {}, 0),
        ("RGB", "WEBP", {"lossless": True}, 0),
        ("RGB", "TIFF", {}, 0),
        ("RGB", "TIFF", {"compression": "tiff_lzw"}, 0),
        ("CMYK", "JPEG", {"quality": 95}, 6),  # stored inverted, as Adobe does
        ("CMYK", "TIFF", {}, 0),
        ("YCbCr", "TIFF", {}, 3),
        ("P", "PNG", {}, 60),
        ("P", "GIF", {}, 60),
    ],
)
def test_colours_survive_every_storage(mode: str, kind: str, options: dict[str, object], tolerance: int) -> None:
    image = Image.new("RGB", (40, 20), RED)
    result = read_image(encoded(image.convert(mode), kind, **options))
    assert result.mode == "RGB"
    assert result.size == (40, 20)
    assert np.abs(np.asarray(result).astype(int) - RED).max() <= tolerance


@pytest.mark.parametrize(("mode", "kind"), [("L", "PNG"), ("L", "JPEG"), ("1", "PNG"), ("1", "TIFF"), ("1", "BMP")])
def test_black_and_white_become_rgb(mode: str, kind: str) -> None:
    image = Image.new("L", (32, 16), 0)
    image.paste(255, (16, 0, 32, 16))
    pixels = np.asarray(read_image(encoded(image.convert(mode), kind)))
    assert pixels.shape == (16, 32, 3)
    assert pixels[:, :12].max() <= 5
    assert pixels[:, 20:].min() >= 250


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_16_bit_grey_is_scaled_not_clipped(kind: str) -> None:
    levels = np.array([[0, 257, 32768, 65535]], dtype=np.uint16)
    pixels = np.asarray(read_image(encoded(Image.fromarray(levels), kind)))
    assert pixels[0, :, 0].tolist() == [0, 1, 128, 255]
    assert (pixels == pixels[:, :, :1]).all()


@pytest.mark.parametrize(
    ("mode", "kind", "options"),
    [
        ("RGBA", "PNG", {}),
        ("RGBA", "TIFF", {}),
        ("RGBA", "WEBP", {"lossless": True}),
        ("LA", "PNG", {}),
        ("RGBA", "GIF", {}),
    ],
)
def test_transparency_shows_neutral_grey(mode: str, kind: str, options: dict[str, object]) -> None:
    pixels = np.asarray(read_image(encoded(half_transparent(mode), kind, **options))).astype(int)
    expected = RED if mode == "RGBA" else (int(Image.new("RGB", (1, 1), RED).convert("L").getpixel((0, 0))),) * 3  # type: ignore[arg-type]
    assert np.abs(pixels[:, :20] - expected).max() <= 2
    assert (pixels[:, 20:] == GREY).all()


def test_a_transparent_colour_in_the_header_counts_too() -> None:
    image = Image.new("RGB", (4, 4), RED)
    assert (np.asarray(read_image(encoded(image, "PNG", transparency=RED))) == GREY).all()


TURNS = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,  # the camera stored it a quarter to the left
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF", "JPEG"])
@pytest.mark.parametrize("orientation", TURNS)
def test_orientation_is_applied_once(kind: str, orientation: int) -> None:
    upright, turn = picture(), TURNS[orientation]
    stored = upright if turn is None else upright.transpose(turn)
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"lossless": True} if kind == "WEBP" else {"quality": 95, "subsampling": 0} if kind == "JPEG" else {}
    data = encoded(stored, kind, exif=exif, **options)
    difference = np.abs(np.asarray(read_image(data)).astype(int) - np.asarray(upright))
    assert difference.mean() <= (2 if kind == "JPEG" else 0)
    assert np.abs(square_of(data, 32).astype(int) - to_square(upright, 32)).mean() <= 2


def test_damaged_exif_does_not_cost_the_image() -> None:
    data = encoded(picture(), "JPEG", exif=b"Exif\0\0MM\0\x2a\xff\xff\xff\xff")
    assert read_image(data).size == (60, 40)


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "TIFF"])
def test_the_first_frame_of_an_animation_is_taken(kind: str) -> None:
    frames = [Image.new("RGB", (20, 20), colour) for colour in (RED, (0, 255, 0), (0, 0, 255))]
    data = encoded(
        frames[0], kind, save_all=True, append_images=frames[1:], **({"lossless": True} if kind == "WEBP" else {})
    )
    assert np.abs(np.asarray(read_image(data)).astype(int) - RED).max() <= 2


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "BMP", "WEBP", "GIF", "TIFF"])
@pytest.mark.parametrize("kept", [0.02, 0.3, 0.6, 0.9])
def test_a_file_that_is_cut_short_is_named(kind: str, kept: float, tmp_path: Path) -> None:
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (90, 90, 3), np.uint8))
    data = encoded(noise, kind)
    path = tmp_path / f"short.{kind.lower()}"
    path.write_bytes(data[: int(len(data) * kept)])
    with pytest.raises(ImageError) as caught:
        read_image(path)
    assert str(path) in caught.value.happened
    assert caught.value.fix


@settings(max_examples=60, deadline=None)
@given(
    kind=st.sampled_from(["JPEG", "PNG", "BMP", "WEBP", "GIF", "TIFF"]),
    flips=st.lists(st.tuples(st.floats(0, 0.999), st.integers(0, 255)), max_size=8),
    kept=st.floats(0, 1),
)
def test_damage_never_raises_anything_else(kind: str, flips: list[tuple[float, int]], kept: float) -> None:
    data = bytearray(encoded(picture(24, 24), kind))
    for place, value in flips:
        data[int(place * len(data))] = value
    try:
        square = square_of(bytes(data[: int(kept * len(data))]), 16)
    except ImageError as error:
        assert error.happened.startswith("The image ")
    else:
        assert square.shape == (16, 16, 3)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "is empty (0 bytes)"),
        (b"just some words", "not an image"),
        (b"<!DOCTYPE html><html></html>", "a web page"),
        (b"\n <html>", "a web page"),
        (b"%PDF-1.7 ...", "a PDF document"),
        (b"version https://git-lfs.github.com/spec/v1\noid", "git lfs pull"),
        (b"\0\0\0\x18ftypheic\0\0\0\0", "its header cannot be read"),
        (b"\0\0\0\x18ftypavif\0\0\0\0", "its header cannot be read"),
        (b"\0\0\0\x18ftypqt  \0\0\0\0", "a video"),
        (b"RIFF\0\0\0\0AVI LIST", "a video"),
        (b"\0\0\0\x0cJXL \r\n\x87\n", "a JPEG XL image"),
        (b"II*\0\x10\0\0\0CR\2\0", "a raw photograph"),
        (b"PK\x03\x04....", "a ZIP archive"),
        (png_claiming(20_000, 20_000), "is too large"),
        (png_claiming(12_000, 12_000), "12000 x 12000"),
        (encoded(Image.new("F", (4, 4)), "TIFF"), "floating point"),
        (encoded(Image.new("I", (4, 4)), "TIFF"), "32-bit"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_no_image_says_what_it_is(data: bytes, words: str, tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(data)
    for source, subject in ((data, "The image"), (path, str(path))):
        with pytest.raises(ImageError) as caught:
            square_of(source, 16)
        assert caught.value.happened.startswith(subject)
        assert words in caught.value.happened


def test_the_limit_is_on_pixels_not_on_sides() -> None:
    wide = encoded(Image.new("1", (MAX_PIXELS // 2000, 20)), "PNG")
    assert read_image(wide).size == (MAX_PIXELS // 2000, 20)


def test_missing_folder_and_forbidden_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ImageError, match="no such file"):
        read_image(tmp_path / "absent.png")
    with pytest.raises(ImageError, match="is a directory"):
        read_image(tmp_path)

    def refuse(*_: object) -> int:
        raise PermissionError(13, "Permission denied")

    (tmp_path / "mine.png").touch()
    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(ImageError, match="permission denied"):
        read_image(tmp_path / "mine.png")


def test_reading_prints_nothing(tmp_path: Path) -> None:
    """Pillow warns of large images and of odd files; that would break up the progress bars."""
    tiff = encoded(picture(), "TIFF")
    cases = {
        "large.png": png_claiming(10_000, 10_000),
        "larger.png": png_claiming(13_000, 13_000),
        "cut.tif": tiff[: len(tiff) // 2],
        "broken.tif": tiff[:8] + bytes(60) + tiff[68:],
        "palette.png": encoded(half_transparent("RGBA").convert("P"), "PNG", transparency=bytes([0, 255, 3])),
        "exif.jpg": encoded(picture(), "JPEG", exif=b"Exif\0\0II\x2a\0\x08\0\0\0\xff\xff"),
        "samples.tif": bytes.fromhex(
            "49492a0008000000 0200 1501030001000000ff000000 0001030001000000 04000000 00000000"
        ),
    }
    for name, data in cases.items():
        (tmp_path / name).write_bytes(data)
    program = (
        "import sys, pathlib\n"
        "from handshape.images import read_image\n"
        "from handshape.errors import ImageError\n"
        "for path in sorted(pathlib.Path(sys.argv[1]).iterdir()):\n"
        "    try: read_image(path)\n"
        "    except ImageError: pass\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "always", "-c", program, str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert (done.stdout, done.stderr) == ("", "")


@settings(max_examples=60, deadline=None)
@given(width=st.integers(1, 200), height=st.integers(1, 200), size=st.integers(1, 64))
def test_the_square_holds_the_whole_image_centred(width: int, height: int, size: int) -> None:
    square = to_square(Image.new("RGB", (width, height), RED), size)
    assert square.shape == (size, size, 3)
    assert square.dtype == np.uint8
    inside = (square == RED).all(axis=2)
    assert ((square == GREY).all(axis=2) == ~inside).all()
    rows, columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
    assert max(len(rows), len(columns)) == size
    assert abs(len(columns) - size * width / max(width, height)) <= 1
    assert abs(len(rows) - size * height / max(width, height)) <= 1
    assert abs(rows[0] - (size - 1 - rows[-1])) <= 1
    assert abs(columns[0] - (size - 1 - columns[-1])) <= 1


def test_a_square_image_is_only_resized() -> None:
    image = picture(64, 64)
    assert (to_square(image, 64) == np.asarray(image)).all()
    assert (to_square(image, 32) == np.asarray(image.resize((32, 32), Image.Resampling.BILINEAR))).all()


def test_making_it_smaller_averages() -> None:
    """A fine checkerboard turns grey; without antialiasing it would stay black and white."""
    board = (np.indices((256, 256)).sum(axis=0) % 2 * 255).astype(np.uint8)
    square = to_square(Image.fromarray(board).convert("RGB"), 32)
    assert abs(square.astype(int) - 127).max() <= 3


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "LA", "P", "I;16"])
def test_many_pixels_are_made_fewer_before_they_are_copied(mode: str) -> None:
    across, down, _ = picture(3100, 2600).split()
    image = Image.merge("RGB", (across, down, across))
    image.putalpha(Image.linear_gradient("L").resize(image.size)) if "A" in mode else None
    grey = np.asarray(image.convert("L"))
    stored = Image.fromarray(grey.astype(np.uint16) * 257) if mode == "I;16" else image.convert(mode)
    exif = Image.Exif()
    exif[0x0112] = 6  # lies on its side
    png = encoded(stored, "PNG", exif=exif, compress_level=1)
    smaller, whole = decode(open_image(png), least=(1000, 800)), read_image(png)
    factor = 1 if mode == "P" else 3
    assert smaller.size == tuple(-(-side // factor) for side in whole.size)
    both = (np.asarray(each.resize((40, 40), Image.Resampling.BOX)).astype(int) for each in (smaller, whole))
    assert abs(np.subtract(*both)).max() <= 3
    assert abs(square_of(png, 64).astype(int) - to_square(whole, 64)).max() <= 3


def test_both_ways_agree() -> None:
    png = encoded(picture(300, 200), "PNG")
    assert (square_of(png, 64) == to_square(read_image(png), 64)).all()
    assert (square_of(png, 64) == square_of(png, 64)).all()
    big = encoded(picture(1600, 1200), "JPEG", quality=90)
    difference = np.abs(square_of(big, 128).astype(int) - to_square(read_image(big), 128))
    assert difference.mean() < 1.5


def test_a_phone_that_stores_two_pictures_in_one_jpeg() -> None:
    data = encoded(picture(), "MPO", save_all=True, append_images=[picture().rotate(180)])
    assert open_image(data).format == "JPEG"
    assert np.abs(np.asarray(read_image(data)).astype(int) - np.asarray(picture())).mean() < 5


@pytest.mark.photographs
@pytest.mark.parametrize("name", ["asl24_signer_t", "asl26_face_beside_hand", "not_hands"])
def test_fast_decoding_cannot_be_seen_on_photographs(name: str, photographs: Path) -> None:
    files = sorted((photographs / name).rglob("*.jpg"))[::40]
    for path in files:
        fast, whole = square_of(path, 48), to_square(read_image(path), 48)
        assert np.abs(fast.astype(int) - whole).mean() < 2.5, path
