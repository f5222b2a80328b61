"""LiteRT's runtime for browsers, taken once out of its pinned npm package.

Only the three builds that the page uses are kept, as they were published, with their licence beside them;
``web/recognizer/litert.js`` calls them without the package's own wrapper. ``HANDSHAPE_LITERT_JS`` names another source:
the package's tarball, or the folder that it unpacks to.
"""

from __future__ import annotations

import hashlib
import os
import tarfile
import tempfile
from collections.abc import Callable
from pathlib import Path

from handshape.console import Console
from handshape.downloads import ANOTHER_CACHE, cache_folder, fetch, file_sha256
from handshape.errors import DownloadError, RunError
from handshape.files import atomic_folder

VARIABLE = "HANDSHAPE_LITERT_JS"
VERSION = "2.5.3"
PACKAGE = f"@litertjs/core {VERSION}"
TARBALL = f"core-{VERSION}.tgz"
URL = f"https://registry.npmjs.org/@litertjs/core/-/{TARBALL}"
TARBALL_SHA256 = "a97660833e9e7e1063c95e12016718881240b14f7438728a2f62785e912d30fd"
SHA256 = {  # the plain build, the one with threads, and the one for browsers without relaxed SIMD
    "wasm/litert_wasm_internal.js": "68efb69f770e3f76aff36a377de629ca496c131b86ac0f0f4b592a1543a898eb",
    "wasm/litert_wasm_internal.wasm": "7280cf4471774867e385e6c3cd53e2b45e2975b80fea338fff4ef359b0865614",
    "wasm/litert_wasm_threaded_internal.js": "92fe7a720c6deedaa1194c011c79a005ea4f6fc98f533b661cf7900760ab4849",
    "wasm/litert_wasm_threaded_internal.wasm": "b5e54eca10f043497edf9a02186332707cae260c550d7ea22b2cae55669596cf",
    "wasm/litert_wasm_compat_internal.js": "4d8f894b7883654fd6e8439730aa41e79ceaab7d19184fc4f1f0b0f1a2a2c8a5",
    "wasm/litert_wasm_compat_internal.wasm": "5255c8ad06eabdbd2522cdebf6b22fc10faf74625c23a49b9e072570cd1fa41c",
}
LICENSE = "LICENSE.txt"
_LICENSE_TEXT = Path(__file__).parent / "web" / "recognizer" / "litert_license.txt"  # the package has no copy
_BY_HAND = f"Put {TARBALL} ({URL}) on this machine and set {VARIABLE} to its path."

_Read = Callable[[str], bytes]  # one of the package's files


def litert_js_folder(console: Console) -> Path:
    """The folder with the runtime, from the cache if it is there; else it is fetched, checked and kept.

    Raises:
        DownloadError: offline, unreachable, or not the pinned package.
    """
    kept = cache_folder() / "litert-js" / VERSION
    if _is_in(kept):
        return kept
    given = os.environ.get(VARIABLE)
    try:
        if given:
            _keep(Path(given), kept)
        else:
            _fetch(kept, console)
    except (OSError, RunError) as error:
        cause = getattr(error, "strerror", None) or str(error)
        raise DownloadError(
            f"Cannot keep the runtime for browsers in {kept}: {cause}", "a folder you may write to", ANOTHER_CACHE
        ) from None
    return kept


def _is_in(folder: Path) -> bool:
    return (folder / LICENSE).is_file() and all(
        (folder / name).is_file() and file_sha256(folder / name) == sha256 for name, sha256 in SHA256.items()
    )


def _fetch(kept: Path, console: Console) -> None:
    kept.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=kept.parent, ignore_cleanup_errors=True) as place:
        try:
            label = "fetching the runtime for browsers"
            _keep(fetch(URL, Path(place) / TARBALL, console, TARBALL_SHA256, label), kept)
        except DownloadError as error:
            raise DownloadError(error.happened, PACKAGE, _BY_HAND) from None


def _keep(source: Path, kept: Path) -> None:
    """Copies the runtime out of a tarball or of the folder that one unpacks to."""
    if not source.exists():
        raise DownloadError(f"{VARIABLE} names {source}, which is not there.", f"the tarball of {PACKAGE}", _BY_HAND)
    if source.is_dir():
        _write(lambda name: (source / name).read_bytes(), kept, source)
        return
    try:
        with tarfile.open(source) as tarball:
            _write(lambda name: _member(tarball, name), kept, source)
    except tarfile.TarError:
        raise _other(source) from None


def _member(tarball: tarfile.TarFile, name: str) -> bytes:
    file = tarball.extractfile(f"package/{name}")
    return file.read() if file else b""


def _write(read: _Read, kept: Path, source: Path) -> None:
    with atomic_folder(kept, ANOTHER_CACHE, stays=lambda: _is_in(kept)) as folder:
        for name, sha256 in SHA256.items():
            try:
                content = read(name)
            except (KeyError, FileNotFoundError):
                raise _other(source) from None
            if hashlib.sha256(content).hexdigest() != sha256:
                raise _other(source)
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_bytes(content)
        (folder / LICENSE).write_bytes(_LICENSE_TEXT.read_bytes())


def _other(source: Path) -> DownloadError:
    return DownloadError(f"{source} is not {PACKAGE}.", f"{TARBALL} with SHA-256 {TARBALL_SHA256}", _BY_HAND)
