"""Feeds what coverage leads to (atheris, libFuzzer) into what reads other people's files, each for some time.

    make fuzz                     a minute each
    python scripts/fuzz.py images --seconds 600

A file may be read, or refused by an error of Handshape's own; whatever else happens ends the search, and libFuzzer
leaves the bytes that made it happen in the folder it was started in.
"""

from __future__ import annotations

import argparse
import io
import json
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

SLOWEST = 10  # seconds for one input
LARGEST = 4096  # bytes of one input
MEMORY = 4096  # MB


def images(content: bytes) -> None:
    from handshape.hands.inputs import load_photograph

    load_photograph(content)


def settings(content: bytes) -> None:
    from handshape.config import load_settings

    with _file(content, "settings.yaml") as path:
        load_settings(config_file=path)


def assignments(content: bytes) -> None:
    from handshape.config import load_settings

    load_settings(assignments=[content.decode("utf-8", "replace")])


def bundles(content: bytes) -> None:
    """The manifest as it is, and as one whose checksum fits."""
    from handshape.export.manifest import manifest_sha256, read_manifest

    try:
        manifest = json.loads(content)
        content = json.dumps({**manifest, "sha256": manifest_sha256(manifest)}).encode()
    except (ValueError, TypeError, RecursionError):
        pass
    read_manifest(content, "bundle")


def zips(content: bytes) -> None:
    from handshape.export.bundle import find_bundle

    with _file(content, "model.zip") as path:
        find_bundle(path)


def records(content: bytes) -> None:
    from handshape.workflow.run_folder import read_record

    with _file(content, "run.json") as path:
        read_record(path.parent)


TARGETS: dict[str, Callable[[bytes], None]] = {
    each.__name__: each for each in (images, settings, assignments, bundles, zips, records)
}


class _file:  # noqa: N801  # reads as a function
    """These bytes as a file of this name, in a folder of its own."""

    def __init__(self, content: bytes, name: str) -> None:
        self._folder = tempfile.TemporaryDirectory()
        self._path = Path(self._folder.name) / name
        self._path.write_bytes(content)

    def __enter__(self) -> Path:
        return self._path

    def __exit__(self, *error: object) -> None:
        self._folder.cleanup()


def seeds(name: str) -> list[bytes]:
    """Whole files to begin with."""
    if name == "images":
        from PIL import Image

        found = []
        for kind in ("JPEG", "PNG", "BMP", "WEBP", "GIF", "TIFF"):
            stream = io.BytesIO()
            Image.new("RGB", (12, 9), (200, 150, 100)).save(stream, kind)
            found.append(stream.getvalue())
        return found
    if name == "settings":
        from handshape.config import Settings

        return [Settings().to_yaml().encode(), b"a: &a [1]\nb: *a\n", b"data: {seed: 3}\n"]
    if name == "assignments":
        return [b"data.seed=3", b"model.streams=[landmarks]", b"hands.find=off"]
    if name in ("bundles", "zips"):
        from handshape.registry.ready import ready_folder

        folder = ready_folder("digits")
        assert folder is not None
        if name == "bundles":
            return [(folder / "bundle.json").read_bytes()]
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w") as archive:
            archive.writestr("bundle.json", (folder / "bundle.json").read_bytes())
        return [stream.getvalue()]
    return [b'{"timestamp": "20260101_120000", "state": "running", "seconds": {"read": 1.5}}']


def search(name: str, seconds: int) -> None:
    """Searches until the time is up, in this process."""
    import atheris

    from handshape.errors import HandshapeError

    with atheris.instrument_imports(include=["handshape", "PIL", "yaml"]), suppress(HandshapeError):
        TARGETS[name](seeds(name)[0])

    def one(content: bytes) -> None:
        try:
            TARGETS[name](content)
        except HandshapeError as error:
            assert len(error.text) < 10_000, "a message without end"

    with tempfile.TemporaryDirectory() as corpus:
        for number, content in enumerate(seeds(name)):
            (Path(corpus) / str(number)).write_bytes(content)
        limits = [f"-max_total_time={seconds}", f"-timeout={SLOWEST}", f"-rss_limit_mb={MEMORY}"]
        atheris.Setup([sys.argv[0], corpus, *limits, f"-max_len={16 * LARGEST}", "-verbosity=1"], one)
        atheris.Fuzz()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"of {', '.join(TARGETS)} (default: all)")
    parser.add_argument("--seconds", type=int, default=60, help="for each (default: 60)")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    names = options.targets or list(TARGETS)
    unknown = set(names) - TARGETS.keys()
    if unknown:
        parser.error(f"There is no {', '.join(sorted(unknown))}; there are {', '.join(TARGETS)}.")
    if options.here:
        search(names[0], options.seconds)
        return 0
    failed = []
    for name in names:  # libFuzzer ends its process
        command = [sys.executable, __file__, "--here", name, "--seconds", str(options.seconds)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        last = next((line for line in reversed(done.stderr.splitlines()) if line.startswith("Done ")), "")
        sys.stdout.write(f"{name}: {last or 'FAILED'}\n")
        sys.stdout.flush()
        if done.returncode:
            failed.append(name)
            sys.stderr.write(done.stderr[-4000:])
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
