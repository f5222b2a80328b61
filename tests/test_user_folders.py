"""What lies in users' folders: the files, and the formats of the images. Each situation is a row of docs/inputs.md."""

import base64
import os
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from conftest import Handshape, encoded, fill
from PIL import Image
from user_folders import Situation, beside, noise, photo, sound

from handshape.images import GREY, open_image, read_image

SOUND = {"A": 4, "B": 4}
WELL = {"classes": SOUND, "usable": 8, "ok": True}
HEIC = base64.b64decode(  # two images, of which the second, 48 x 64, is the photograph and lies on its side
    "AAAAHGZ0eXBoZWl4AAAAAG1pZjFoZWl4bWlhZgAAAiBtZXRhAAAAAAAAACFoZGxyAAAAAAAAAABwaWN0AAAAAAAAAAAAAAAAAAAAAEZpbG9jAA"
    "AAAERAAAMAAQAAAAACRAABAAAAAAAAABMAAgAAAAACVwABAAAAAAAAADQAAwAAAAACiwABAAAAAAAAACQAAABNaWluZgAAAAAAAwAAABVpbmZl"
    "AgAAAAABAABodmMxAAAAABVpbmZlAgAAAAACAABodmMxAAAAABVpbmZlAgAAAQADAABFeGlmAAAAAA5waXRtAAAAAAACAAABOGlwcnAAAAEPaX"
    "BjbwAAAHdodmNDAQQIAAAAnjgAAAAAHvAA/P/4+AAADwNgAAEAF0ABDAH//wQIAAADAJ44AAADAAAeugJAYQABACpCAQEECAAAAwCeOAAAAwAA"
    "HpAEECCy3VyU1zcBDQYEAAADAGQAAAMABCBiAAEACEQBwXMYMAiQAAAAE2NvbHJuY2x4AAEADQAGgAAAABRpc3BlAAAAAAAAAEAAAABAAAAAKG"
    "NsYXAAAAAgAAAAAQAAACAAAAAB////4AAAAAL////gAAAAAgAAABBwaXhpAAAAAAMICAgAAAAoY2xhcAAAADAAAAABAAAAQAAAAAH////wAAAA"
    "AgAAAAAAAAACAAAACWlyb3QDAAAAIWlwbWEAAAAAAAAAAgABBYECAwWEAAIGgQIDBYaHAAAAGmlyZWYAAAAAAAAADmNkc2MAAwABAAIAAABzbW"
    "RhdAAAAA8oAa8LYPUEKb//1s+P9JYAAAAwKAGvC2D60tuv7bnzsgLy6T1K7w2imDWRur/3tF6Ln5yTwFPsNouldP+PInKVaW3LAAAABkV4aWYA"
    "AE1NACoAAAAIAAEBEgADAAAAAQAGAAAAAAAA"
)
LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"


def link(root: Path) -> None:
    fill(root.parent / "elsewhere", sound("B"))
    fill(root, sound("A", first=9))
    (root / "B").symlink_to(root.parent / "elsewhere" / "B")


def circle(root: Path) -> None:
    fill(root, sound())
    (root / "A" / "again").symlink_to(root)
    (root / "B" / "itself").symlink_to(root / "B")


def broken_link(root: Path) -> None:
    fill(root, sound())
    (root / "A" / "moved.jpg").symlink_to("/nowhere/moved.jpg")


def pipe(root: Path) -> None:
    fill(root, sound())
    os.mkfifo(root / "A" / "pipe.jpg")


def bytes_for_a_name(root: Path) -> None:
    fill(root, sound())
    Path(os.fsdecode(os.fsencode(root) + b"/A/\xe9t\xe9.jpg")).write_bytes(photo(50))


def bytes_for_a_class(root: Path) -> None:
    fill(root, sound())
    Path(os.fsdecode(os.fsencode(root) + b"/\xe9t\xe9")).mkdir()


def png_of(width: int, height: int) -> bytes:
    """A PNG of a few bytes that promises any size."""
    header, chunks = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0), b""
    for name, body in ((b"IHDR", header), (b"IDAT", zlib.compress(b"")), (b"IEND", b"")):
        chunks += struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
    return b"\x89PNG\r\n\x1a\n" + chunks


def png_of_16_bit_colours() -> bytes:
    """Pillow writes none."""
    rows = b"".join(b"\0" + np.full((8, 3), (65535, 32768, 257), ">u2").tobytes() for _ in range(8))
    header, chunks = struct.pack(">IIBBBBB", 8, 8, 16, 2, 0, 0, 0), b""
    for name, body in ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")):
        chunks += struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
    return b"\x89PNG\r\n\x1a\n" + chunks


def animated(kind: str) -> bytes:
    return encoded(noise(60), kind, save_all=True, append_images=[noise(61), noise(62)])


def taken(path: str, content: bytes, situation: str, *says: str) -> Situation:
    """One more file in class A, which is used."""
    facts = {"classes": {"A": 5, "B": 4}, "usable": 9, "ok": not says}
    return Situation(situation, beside({path: content}), says, facts=facts)


def refused(path: str, content: bytes, situation: str, *says: str) -> Situation:
    """One more file in class A, which is named with the reason and left out."""
    facts = {"classes": {"A": 5, "B": 4}, "usable": 8, "corrupt": [path]}
    return Situation(situation, beside({path: content}), (path, *says), facts=facts)


def left(situation: str, path: str, *says: str) -> Situation:
    """One more file, which is named as none of an image."""
    facts = {"classes": SOUND, "usable": 8, "strays": [path]}
    return Situation(situation, beside({path: b"x"}), (path, *says), facts=facts)


LISTING = [
    Situation("linked-class", link, facts=WELL),
    Situation("link-in-a-circle", circle, facts=WELL),
    Situation("broken-link", broken_link, ("A/moved.jpg: cannot be opened: no such file", "1 image of 9")),
    Situation("pipe", pipe, ("A/pipe.jpg", "left out")),
    Situation(
        "hidden",
        beside({path: photo(7) for path in ("A/._0.jpg", ".git/A/1.jpg", "B/.ipynb_checkpoints/0-checkpoint.jpg")}),
        facts=WELL,
    ),
    Situation(
        "left-by-systems",
        beside(
            {
                path: photo(7)
                for path in (
                    "A/Thumbs.db", "B/desktop.ini", "__MACOSX/A/0.jpg", "@eaDir/A/SYNOPHOTO_THUMB_M.jpg",
                    "A/@eaDir/0.jpg/SYNOPHOTO_THUMB_M.jpg", "$RECYCLE.BIN/0.jpg", "A/0.jpg:Zone.Identifier",
                )
            }
        ),
        facts=WELL,
    ),
    Situation("papers-beside", beside({"README.md": b"x", "labels.csv": b"x", "LICENSE": b"x"}), facts=WELL),
    left("image-beside-classes", "loose.jpg", "lie outside the class folders"),
    left("video-among-images", "A/clip.MOV", "take frames of videos: ffmpeg"),
    left("raw-among-images", "A/IMG_1.CR2", "convert pictures of other formats to JPEG or PNG"),
    left("photoshop-among-images", "A/hand.psd", "convert pictures of other formats to JPEG or PNG"),
    left("arrays-among-images", "A/X.npy", "save arrays as pictures"),
    left("no-ending", "A/hand", "no ending"),
    taken("A/UPPER.JPG", photo(50), "upper-case-ending"),
    taken("A/saved.jfif", photo(50), "jfif"),
    taken("A/saved.jpe", photo(50), "jpe"),
    taken("A/2024/may/0.jpg", photo(50), "folders-in-a-class"),
    taken("A/0.jpg.d/folder.png/1.jpg", photo(50), "folder-called-as-an-image"),
    taken("A/" + "x" * 251 + ".jpg", photo(50), "long-name"),
    taken("A/a, 'b' & \"c\"\n[1] 100%.jpg", photo(50), "odd-characters"),
    Situation("name-not-utf8", bytes_for_a_name, ("A/\\udce9t\\udce9.jpg", "left out")),
    Situation("class-not-utf8", bytes_for_a_class, ("is not readable text", "Rename the folder"), 1),
    Situation("nothing-there", lambda root: root.rmdir(), ("There is no folder", "Check the spelling"), 1),
    Situation("empty-folder", {}, ("holds no class folders", "Make a folder for each sign"), 1),
    Situation("images-only", {"1.jpg": photo(1), "2.jpg": photo(2)}, ("holds 2 images but no class folders",), 1),
    Situation(
        "table-of-labels",
        {"1.jpg": photo(1), "labels.csv": b"file,label\n1.jpg,A"},
        ("but no class folders", "What labels.csv may say of them is not read"),
        1,
    ),
    Situation("archive-inside", {"photos.zip": b"PK\3\4"}, ("holds no class folders", "Unpack photos.zip first"), 1),
    Situation("archive", {"x.zip": b"PK"}, ("is a file", "Unpack it first"), 1, ("check", "{data}/x.zip", "--json")),
    Situation("one-image-given", sound(), ("is a file", "Name the folder"), 1, ("check", "{data}/A/0.jpg", "--json")),
]  # fmt: skip

FORMATS = [
    refused("A/x.jpg", b"", "empty-file", "empty (0 bytes)"),
    refused("A/x.jpg", photo(50)[:700], "cut-short", "cut short or damaged"),
    refused("A/x.jpg", b"<!DOCTYPE html><html>404</html>", "web-page", "a web page"),
    refused("A/x.jpg", LFS, "git-lfs", "git lfs pull"),
    refused("A/x.png", b"8BPS\0\1", "photoshop-by-bytes", "a Photoshop document"),
    refused("A/x.jpg", b"\0\0\0\x18ftypisom\0\0\0\0", "video-by-bytes", "a video"),
    refused("A/x.heic", HEIC[:200], "heic-cut-short", "cut short or damaged"),
    refused("A/x.tif", photo(50, "TIFF", "F"), "float-tiff", "floating point numbers"),
    refused("A/x.tif", photo(50, "TIFF", "I"), "32-bit-tiff", "32-bit numbers"),
    refused("A/x.png", png_of(40_000, 40_000), "decompression-bomb", "too large: more than 178 million pixels"),
    taken("A/x.jpg", photo(50, "PNG"), "png-called-jpg", "of another format than the name says: A/x.jpg"),
    taken("A/x.jpg", photo(50, mode="CMYK"), "cmyk"),
    taken("A/x.jpg", photo(50, mode="L"), "grey"),
    taken("A/x.png", photo(50, "PNG", "1"), "one-bit", "1 image is black and white without grey: A/x.png"),
    taken("A/x.gif", photo(50, "GIF", "P", transparency=0), "palette-with-transparency"),
    taken("A/x.png", photo(50, "PNG", "RGBA"), "rgba"),
    taken("A/x.png", photo(50, "PNG", "LA"), "grey-with-alpha"),
    taken("A/x.png", png_of_16_bit_colours(), "16-bit-colours", "has a side under 32 pixels"),
    taken("A/x.tif", encoded(np.asarray(noise(50).convert("L"), np.uint16) * 257, "TIFF"), "16-bit-tiff"),
    taken("A/x.tif", animated("TIFF"), "pages", "1 file holds several frames or pages: A/x.tif"),
    taken("A/x.gif", animated("GIF"), "animated-gif", "The first of each is taken"),
    taken("A/x.webp", animated("WEBP"), "animated-webp", "1 file holds several frames or pages: A/x.webp"),
    taken("A/x.png", animated("PNG"), "animated-png", "1 file holds several frames or pages: A/x.png"),
    taken("A/x.jpg", animated("MPO"), "mpo"),
    taken("A/x.heic", HEIC, "heic"),
    taken("A/x.HEIC", HEIC, "heic-upper-case"),
    taken("A/x.avif", photo(50, "AVIF"), "avif"),
    taken("A/x.png", encoded(noise(1, 1), "PNG"), "one-pixel", "1 image has a side under 32 pixels: A/x.png"),
    taken("A/x.png", encoded(noise(50).resize((10_000, 40)), "PNG"), "panorama"),
]  # fmt: skip

SITUATIONS = LISTING + FORMATS


@pytest.mark.parametrize("situation", SITUATIONS, ids=lambda each: each.id)
def test_what_lies_there_is_said(situation: Situation, tmp_path: Path, handshape: Handshape) -> None:
    root = situation.prepare(tmp_path / "my photos")
    situation.require(root, handshape(*(word.replace("{data}", str(root)) for word in situation.words)))


def test_an_iphones_photograph_is_one_upright_picture() -> None:
    """It keeps other images beside it and lies on its side."""
    image = open_image(HEIC)
    assert image.format == "HEIF"
    pixels = np.asarray(read_image(HEIC)).astype(int)
    assert pixels.shape == (48, 64, 3)
    corners = pixels[[5, 5, -5, -5], [5, -5, 5, -5]]
    expected = [(220, 30, 30), (30, 200, 30), (30, 30, 220), (240, 240, 240)]
    assert abs(corners - expected).max() <= 12


@pytest.mark.parametrize(
    ("content", "colour"),
    [(png_of_16_bit_colours(), (255, 128, 1)), (encoded(Image.new("LA", (8, 8), (9, 0)), "PNG"), (GREY,) * 3)],
)
def test_colours_of_rare_kinds(content: bytes, colour: tuple[int, int, int]) -> None:
    assert abs(np.asarray(read_image(content)).astype(int) - colour).max() <= 1
