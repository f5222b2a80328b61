"""A thousand damaged images of every format: none breaks the server, each gets an answer or a clear refusal."""

import io
import random
import struct
import zlib
from collections import Counter
from collections.abc import Iterator

import numpy as np
import pytest
from api_server import Running, running
from conftest import Trained
from PIL import Image
from test_user_folders import HEIC

from handshape.images import FORMATS
from handshape.serving.api.schemas import Error, Result

COUNT = 1000
AT_ONCE = 20  # images in a request
MODES = {"JPEG": ("RGB", "L", "CMYK"), "PNG": ("RGB", "RGBA", "L", "P", "1", "I;16"), "TIFF": ("RGB", "CMYK", "I;16")}


@pytest.fixture(scope="module")
def server(trained: Trained) -> Iterator[Running]:
    with running(trained.folder, pixels=4_000_000) as here:
        yield here


@pytest.fixture(scope="module")
def whole(trained: Trained) -> list[bytes]:
    """One drawn hand in every format and mode; HEIC, which nothing here can write, as another picture."""
    with Image.open(sorted(trained.data.glob("*/*.*"))[0]) as image:
        picture = image.convert("RGB")
    written = [kind for kind in FORMATS if kind != "HEIF"]
    return [HEIC, *(encoded(picture, kind, mode) for kind in written for mode in MODES.get(kind, ("RGB",)))]


def encoded(picture: Image.Image, kind: str, mode: str) -> bytes:
    if mode == "I;16":
        picture = Image.fromarray(np.asarray(picture.convert("L")).astype(np.uint16) * 257)
    stream, exif = io.BytesIO(), Image.Exif()
    exif[0x0112] = 6
    (picture if mode == "I;16" else picture.convert(mode)).save(stream, kind, exif=exif)
    return stream.getvalue()


def damaged(content: bytes, chance: random.Random) -> bytes:
    """Cut short, with other bytes in its head or anywhere, a piece taken out or put in twice, or something else."""
    start, end = sorted(chance.randrange(len(content)) for _ in range(2))
    kind = chance.randrange(6)
    if kind == 0:
        return content[:start]
    if kind in (1, 2):
        changed = bytearray(content)
        for _ in range(chance.randint(1, 12)):
            changed[chance.randrange(len(content) if kind == 1 else min(64, len(content)))] = chance.randrange(256)
        return bytes(changed)
    if kind == 3:
        return content[:start] + content[end:]
    if kind == 4:
        return content[:end] + content[start:]
    return chance.choice([b"", content[4:], bytes(start), chance.randbytes(start), content[:8] + chance.randbytes(200)])


def test_a_thousand_damaged_images(server: Running, whole: list[bytes]) -> None:
    chance = random.Random(0)
    images = [damaged(chance.choice(whole), chance) for _ in range(COUNT)]
    seen: Counter[str] = Counter()
    for start in range(0, COUNT, AT_ONCE):
        answer = server.send(*images[start : start + AT_ONCE])
        assert answer.status == 200 or answer.error_code
        results = answer.object["results"]
        assert len(results) == AT_ONCE
        seen.update(map(outcome, results))
    assert seen["unreadable_image"] > COUNT / 4
    assert seen["decision"] > COUNT / 20  # some bytes matter to nobody
    assert server.ask("GET", "/readyz").status == 200
    assert all(server.send(image).status == 200 for image in whole)


def outcome(result: dict) -> str:
    """A decision, or the code of an error that is as it should be."""
    Result.model_validate(result)
    if "error" not in result:
        assert result["decision"]
        return "decision"
    error = Error.model_validate(result["error"])
    assert error.message
    assert error.expected or error.fix
    return error.code


def png(width: int, height: int, *chunks: tuple[bytes, bytes]) -> bytes:
    """A PNG of white pixels that says it is so large, with more chunks before the pixels."""
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    every = ((b"IHDR", head), *chunks, (b"IDAT", zlib.compress(b"\0" + b"\xff" * 99)), (b"IEND", b""))
    parts = [
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in every
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


ZEROS = zlib.compress(bytes(200_000_000), 9)  # 200 kB


@pytest.mark.parametrize(
    ("bomb", "code"),
    [
        (png(2**31 - 1, 2**31 - 1), "unreadable_image"),
        (png(10_000, 10_000), "too_many_pixels"),
        (png(2000, 1), "unreadable_image"),
        (png(99, 1, (b"zTXt", b"words\0\0" + ZEROS)), "unreadable_image"),
        (png(99, 1, (b"iCCP", b"colours\0\0" + ZEROS)), "unreadable_image"),
        (b"P6 60000 60000 255 ", "unreadable_image"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "unreadable_image"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "unreadable_image"),
    ],
    ids=["endless", "large", "fewer pixels than it says", "words", "profile", "PPM", "PostScript", "SVG"],
)
def test_a_bomb(bomb: bytes, code: str, server: Running) -> None:
    answer = server.send(bomb)
    assert answer.status == 200 or answer.error_code
    assert [outcome(result) for result in answer.object["results"]] == [code]
