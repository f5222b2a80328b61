"""Public sets through the command line: from a server of this test's own, from files, from a pretended Kaggle."""

import http.server
import io
import struct
import subprocess
import sys
import threading
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import Handshape
from PIL import Image

from handshape.data.signer_table import read_signers
from handshape.workflow import public_sets, unpacking
from handshape.workflow.public_sets import ASL_ALPHABET, DIGITS, signers_in_rounds

ROOT = "Sign-Language-Digits-Dataset-master"
NAMES = [f"{digit}/IMG_{number}.JPG" for number, digit in ((8, 0), (9, 1), (10, 0), (11, 1), (12, 0), (13, 2))]
COUNTS = {"0": 3, "1": 2, "2": 1}


def photograph(seed: int) -> bytes:
    buffer = io.BytesIO()
    pixels = np.random.default_rng(seed).integers(0, 256, (40, 40, 3), np.uint8)
    Image.fromarray(pixels).save(buffer, "JPEG")
    return buffer.getvalue()


PHOTOGRAPHS = {f"{ROOT}/Dataset/{name}": photograph(number) for number, name in enumerate(NAMES)}
OTHERS = {f"{ROOT}/README.md": b"#", f"{ROOT}/Examples/example_0.JPG": photograph(9), f"{ROOT}/Dataset/0/a.py": b"1"}


def zipped(files: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


WHOLE = zipped(PHOTOGRAPHS | OTHERS)


class Server(http.server.ThreadingHTTPServer):
    """Serves one content with ranges; breaks off half-way as often as it is told to."""

    content, breaks = WHOLE, 0
    ranges: list[str | None]


class Handler(http.server.BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        asked = self.headers.get("Range")
        self.server.ranges.append(asked)
        start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked else 0
        body = self.server.content[start:]
        self.send_response(206 if asked else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.server.breaks:
            self.server.breaks -= 1
            body = body[: len(body) // 2]
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def server(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """Where the set ``digits``, a small one, comes from."""
    monkeypatch.delenv("HANDSHAPE_OFFLINE", raising=False)
    with Server(("127.0.0.1", 0), Handler) as server:
        server.ranges = []
        url = f"http://127.0.0.1:{server.server_port}/master.zip"
        sets = {"digits": replace(DIGITS, counts=COUNTS, url=url), "asl-alphabet": replace(ASL_ALPHABET, counts=COUNTS)}
        monkeypatch.setattr(public_sets, "SETS", sets)
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server
        server.shutdown()


def files_of(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_the_list_says_what_is_known(handshape: Handshape) -> None:
    outcome = handshape("data", "list", "--json")
    assert [(each["name"], each["photographs"], len(each["classes"])) for each in outcome.object["sets"]] == [
        ("digits", 2062, 10),
        ("asl-alphabet", 87000, 29),
    ]
    people = handshape("data").out
    for word in ("Apache-2.0", "GPL-2.0", "218 students", "one person", "gives no hash", "says nothing about other"):
        assert word in people


def test_a_set_is_laid_out_with_its_signers_and_source(server: Server, handshape: Handshape, tmp_path: Path) -> None:
    folder = tmp_path / "my digits"
    outcome = handshape("data", "get", "digits", folder, "--yes", "--json")
    assert outcome.code == 0, outcome.err
    assert outcome.err.index("Apache-2.0") < outcome.err.index("Fetching")
    assert files_of(folder) == {*NAMES, "SOURCE.md", "signers.csv"}
    assert (folder / NAMES[3]).read_bytes() == PHOTOGRAPHS[f"{ROOT}/Dataset/{NAMES[3]}"]
    signers = read_signers(folder / "signers.csv")
    assert list(signers.values()) == [f"signer_{person}" for person in ("002", "003", "001", "002", "001", "003")]
    about = (folder / "SOURCE.md").read_text()
    for word in ("Apache-2.0", public_sets.SETS["digits"].url, outcome.object["sha256"], "218 students"):
        assert word in about
    assert outcome.object["train"] == f"handshape train '{folder}' --set data.groups='{folder}/signers.csv'"
    assert (outcome.object["signers"], outcome.object["photographs"]) == (3, 6)
    checked = handshape("check", folder, "--groups", folder / "signers.csv", "--json")
    assert checked.object["classes"] == COUNTS
    assert not list((tmp_path / "home" / "sets").iterdir())  # the archive has done its work


def test_the_digest_is_that_of_the_command_in_its_source(server: Server, handshape: Handshape, tmp_path: Path) -> None:
    digest = handshape("data", "get", "digits", tmp_path / "a", "--yes", "--json").object["sha256"]
    (command,) = (line for line in (tmp_path / "a" / "SOURCE.md").read_text().splitlines() if "sha256sum" in line)
    done = subprocess.run(["sh", "-c", command], cwd=tmp_path / "a", capture_output=True, text=True, check=False)
    if "not found" in done.stderr:
        pytest.skip("no sha256sum here")
    assert done.stdout.split()[0] == digest
    assert handshape("data", "get", "digits", tmp_path / "b", "--yes", "--sha256", digest).code == 0
    refused = handshape("data", "get", "digits", tmp_path / "c", "--yes", "--sha256", "0" * 64)
    assert refused.code == 1
    assert digest in refused.err
    assert not (tmp_path / "c").exists()


def test_a_download_that_broke_off_goes_on(server: Server, handshape: Handshape, tmp_path: Path) -> None:
    server.breaks = 1
    broken = handshape("data", "get", "digits", tmp_path / "a", "--yes")
    assert (broken.code, (tmp_path / "a").exists()) == (1, False)
    assert "broke off" in broken.err
    assert handshape("data", "get", "digits", tmp_path / "a", "--yes").code == 0
    assert server.ranges == [None, f"bytes={len(WHOLE) // 2}-"]


def test_nothing_is_overwritten(server: Server, handshape: Handshape, tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    assert handshape("data", "get", "digits", tmp_path / "a", "--yes").code == 0  # it was empty
    before = (tmp_path / "a" / "SOURCE.md").read_bytes()
    (tmp_path / "file").write_bytes(b"mine")
    for place in ("a", "file"):
        outcome = handshape("data", "get", "digits", tmp_path / place, "--yes")
        assert outcome.code == 1
        assert "already something" in outcome.err
    assert (tmp_path / "a" / "SOURCE.md").read_bytes() == before
    assert (tmp_path / "file").read_bytes() == b"mine"
    assert len(server.ranges) == 1


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("stdin", "code", "told"),
    [
        (Terminal("y\n"), 0, "[y/N]"),
        (Terminal("Yes\n"), 0, "[y/N]"),
        (Terminal("\n"), 1, "was not accepted"),
        (Terminal("n\n"), 1, "was not accepted"),
        (Terminal(""), 1, "was not accepted"),
        (io.StringIO("y\n"), 1, "a terminal, or --yes"),
        (None, 1, "a terminal, or --yes"),
    ],
)
def test_the_licence_is_asked_about(
    stdin: io.StringIO | None,
    code: int,
    told: str,
    server: Server,
    handshape: Handshape,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "stdin", stdin)
    outcome = handshape("data", "get", "digits", tmp_path / "a", "--quiet")
    assert outcome.code == code
    assert told in outcome.err
    assert "Apache-2.0" in outcome.err or code
    assert (tmp_path / "a").exists() == (code == 0)
    assert len(server.ranges) == (code == 0)


def test_offline_it_says_so_and_takes_a_file(
    server: Server, handshape: Handshape, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HANDSHAPE_OFFLINE", "1")
    for name in ("digits", "asl-alphabet"):
        outcome = handshape("data", "get", name, tmp_path / "a", "--yes")
        assert outcome.code == 1
        assert "HANDSHAPE_OFFLINE" in outcome.err
    (tmp_path / "mine.zip").write_bytes(WHOLE)
    digests = set()
    with zipfile.ZipFile(tmp_path / "mine.zip") as archive:
        archive.extractall(tmp_path / "unpacked")
    for number, source in enumerate(("mine.zip", "unpacked", f"unpacked/{ROOT}/Dataset")):
        outcome = handshape(
            "data", "get", "digits", tmp_path / str(number), "--yes", "--json", "--from", tmp_path / source
        )
        assert outcome.code == 0, outcome.err
        digests.add(outcome.object["sha256"])
    assert len(digests) == 1
    assert (tmp_path / "mine.zip").is_file()
    assert "no file" in handshape("data", "get", "digits", tmp_path / "x", "--yes", "--from", tmp_path / "none.zip").err


def link_in(files: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO(zipped(files))
    with zipfile.ZipFile(buffer, "a") as archive:
        entry = zipfile.ZipInfo(f"{ROOT}/Dataset/0/link.jpg")
        entry.external_attr = 0o120777 << 16
        archive.writestr(entry, "/etc/passwd")
    return buffer.getvalue()


def twice(files: Mapping[str, bytes]) -> bytes:
    return zipped({**files, f"again/Dataset/{NAMES[0]}": photograph(77)})


def lying(files: Mapping[str, bytes]) -> bytes:
    """The directory says that the first photograph has 100 bytes, and it unpacks to ten million."""
    name = f"{ROOT}/Dataset/{NAMES[0]}"
    content = bytearray(zipped({**files, name: bytes(10_000_000)}))
    place = content.index(b"PK\x01\x02")
    while content[place + 46 : place + 46 + len(name)] != name.encode():
        place = content.index(b"PK\x01\x02", place + 1)
    struct.pack_into("<L", content, place + 24, 100)
    return bytes(content)


def million(files: Mapping[str, bytes]) -> bytes:
    entry = struct.pack("<4s4B4HL2L5H2L", b"PK\x01\x02", 20, 0, 20, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0) + b"x"
    directory = entry * 1_000_000
    return directory + struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 0xFFFF, 0xFFFF, len(directory), 0, 0)


BOMB = {f"{ROOT}/Dataset/{NAMES[0]}": bytes(30_000_000)}
HOSTILE: dict[str, tuple[Callable[[Mapping[str, bytes]], bytes], str]] = {
    "above its folder": (lambda files: zipped({**files, f"{ROOT}/../../evil.jpg": b"x"}), "does not belong"),
    "an absolute path": (lambda files: zipped({**files, "/tmp/evil.jpg": b"x"}), "does not belong"),
    "a path of Windows": (lambda files: zipped({**files, "..\\evil.jpg": b"x"}), "does not belong"),
    "a drive": (lambda files: zipped({**files, "C:/evil.jpg": b"x"}), "does not belong"),
    "a link": (link_in, "does not belong"),
    "one twice": (twice, "in it twice"),
    "a bomb": (lambda files: zipped({**files, **BOMB}), "a file of 30 MB"),
    "a bomb that lies": (lying, "is damaged"),
    "a million files": (million, "too many files"),
    "one too few": (lambda files: zipped(dict(list(files.items())[1:])), "2 of 0"),
    "one too many": (lambda files: zipped({**files, f"{ROOT}/Dataset/0/more.jpg": photograph(5)}), "4 of 0"),
    "no photographs": (lambda files: zipped({"README.md": b"#"}), "is not the set that is known here"),
    "a damaged photograph": (
        lambda files: zipped({**files, f"{ROOT}/Dataset/{NAMES[1]}": photograph(1)[:300]}),
        "1/IMG_9.JPG is damaged",
    ),
    "a web page": (lambda files: b"<!doctype html><p>Not found", "is not a whole zip"),
    "nothing": (lambda files: b"", "is not a whole zip"),
    "half a zip": (lambda files: WHOLE[: len(WHOLE) // 2], "is not a whole zip"),
    "an end alone": (lambda files: struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 1, 1, 99, 7, 0), "is not a whole zip"),
    "an end of a large zip": (lambda files: b"PK\x05\x06" + b"\xff" * 18, "is not a whole zip"),
}


@pytest.mark.parametrize(("make", "told"), HOSTILE.values(), ids=HOSTILE)
def test_what_is_not_the_set_is_refused_and_leaves_nothing(
    make: Callable[[Mapping[str, bytes]], bytes], told: str, server: Server, handshape: Handshape, tmp_path: Path
) -> None:
    server.content = make(PHOTOGRAPHS)
    outcome = handshape("data", "get", "digits", tmp_path / "in" / "a", "--yes", "--json")
    assert outcome.code == 1
    assert told in outcome.object["error"]
    left = files_of(tmp_path)
    assert not left, left  # neither the folder nor the archive, which would be taken again
    server.content = WHOLE
    assert handshape("data", "get", "digits", tmp_path / "in" / "a", "--yes").code == 0


@pytest.mark.parametrize(
    ("limit", "most", "told"), [("MOST_TOGETHER", 2000, "files of"), ("MOST_FILES", 5, "too many files")]
)
@pytest.mark.parametrize("place", ["mine.zip", "unpacked"])
def test_too_much_is_refused(
    place: str,
    limit: str,
    most: int,
    told: str,
    handshape: Handshape,
    tmp_path: Path,
    server: Server,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "mine.zip").write_bytes(WHOLE)
    with zipfile.ZipFile(tmp_path / "mine.zip") as archive:
        archive.extractall(tmp_path / "unpacked")
    monkeypatch.setattr(unpacking, limit, most)
    outcome = handshape("data", "get", "digits", tmp_path / "a", "--yes", "--from", tmp_path / place)
    assert outcome.code == 1
    assert told in outcome.err
    assert not (tmp_path / "a").exists()


def pretend_kagglehub(folder: Path, body: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A package of that name, which does this when it is asked for a set."""
    folder.mkdir()
    (folder / "kagglehub.py").write_text(f"def dataset_download(handle):\n    {body}\n")
    monkeypatch.syspath_prepend(folder)
    monkeypatch.setitem(sys.modules, "kagglehub", None)  # put back afterwards, whatever it is by then
    del sys.modules["kagglehub"]


def test_from_kaggle(server: Server, handshape: Handshape, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inner = tmp_path / "kaggle" / "asl_alphabet_train" / "asl_alphabet_train"
    for name, content in PHOTOGRAPHS.items():
        place = inner / name.partition("Dataset/")[2]
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
    (tmp_path / "kaggle" / "asl_alphabet_test").mkdir()
    (tmp_path / "kaggle" / "asl_alphabet_test" / "A_test.jpg").write_bytes(photograph(3))
    body = f"print(handle); return {str(tmp_path / 'kaggle')!r}"
    pretend_kagglehub(tmp_path / "one", body, monkeypatch)
    outcome = handshape("data", "get", "asl-alphabet", tmp_path / "a", "--yes", "--json")
    assert outcome.code == 0, outcome.err
    assert outcome.object["signers"] is None
    assert outcome.object["train"] == f"handshape train {tmp_path / 'a'}"
    assert "grassknoted/asl-alphabet" in outcome.err
    assert "says nothing about other people" in outcome.err
    assert files_of(tmp_path / "a") == {*NAMES, "SOURCE.md"}
    assert (inner / NAMES[0]).is_file()
    pretend_kagglehub(tmp_path / "two", "raise RuntimeError('403 Client Error')", monkeypatch)
    outcome = handshape("data", "get", "asl-alphabet", tmp_path / "b", "--yes")
    assert outcome.code == 1
    assert "403 Client Error" in outcome.err
    assert "kagglehub.login()" in outcome.err


def test_without_kagglehub_a_line_says_how(
    server: Server, handshape: Handshape, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(public_sets, "is_installed", lambda name: False)
    outcome = handshape("data", "get", "asl-alphabet", tmp_path / "a", "--yes")
    assert outcome.code == 1
    for word in ("pip install kagglehub", "kagglehub.login()", "--from ZIP"):
        assert word in outcome.err


@pytest.mark.parametrize(
    ("words", "told"),
    [(("get", "digts"), "Did you mean"), (("get", "digits", "x", "--sha256", "1f"), "64 hexadecimal digits")],
)
def test_words_that_are_nearly_right(words: tuple[str, ...], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    from handshape.cli import main

    try:
        code: object = main(["data", *words, "--yes"])
    except SystemExit as ended:
        code = ended.code
    assert code in (1, 2)
    assert told in capsys.readouterr().err


@pytest.mark.parametrize(
    ("paths", "people"),
    [
        ([], {}),
        (["0/IMG_2.JPG", "1/IMG_1.JPG"], {"1/IMG_1.JPG": 1, "0/IMG_2.JPG": 1}),
        (["0/IMG_9.JPG", "0/IMG_10.JPG"], {"0/IMG_9.JPG": 1, "0/IMG_10.JPG": 2}),
        (
            ["0/IMG_1.JPG", "0/IMG_3.JPG", "1/IMG_2.JPG", "2/IMG_4.JPG"],
            dict.fromkeys(("0/IMG_3.JPG", "2/IMG_4.JPG"), 2),
        ),
    ],
)
def test_a_digit_that_comes_again_begins_a_new_person(paths: list[str], people: dict[str, int]) -> None:
    signers = signers_in_rounds(paths)
    assert set(signers) == set(paths)
    assert {path: signers[path] for path in people} == {path: f"signer_{person:03}" for path, person in people.items()}
