"""Chromium, driven by Playwright, and a small server of the page's files; tests are skipped where there is neither.

Import the fixtures that a test file uses: ``from browser import browser, page``.
"""

import base64
import contextlib
import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import unquote, urlsplit

import numpy as np
import pytest
from numpy.typing import NDArray

from handshape.console import Console
from handshape.downloads import cache_folder
from handshape.errors import DownloadError
from handshape.export.bundle import Bundle
from handshape.serving import site
from handshape.serving.litert_js import VERSION

KEPT_RUNTIME = cache_folder() / "litert-js" / VERSION  # the user's own, before tests take another cache
ARGUMENTS = (
    "--no-sandbox",
    "--disable-features=LocalNetworkAccessChecks",  # pages that a test makes up count as another network's
)
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
PATIENCE = 60_000  # milliseconds for what takes a few hundred, even on a machine that is busy with something else
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; "
    "img-src 'self' blob: data:; media-src 'self' blob:; connect-src 'self'; worker-src 'self'; manifest-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cache-Control": "max-age=3600",
}
BLANK = b'<!doctype html><html lang="en"><meta charset="utf-8"><title>Test</title><link rel="icon" href="data:,">'

Content = bytes | Callable[[], bytes]


@dataclass
class Seen:
    """A page, what its console said, and what went wrong in it."""

    page: Any
    errors: list[str] = field(default_factory=list)

    def run(self, script: str, argument: Any = None) -> Any:
        """What an async function of the page answers."""
        return self.page.evaluate(script, argument)


def launch(*arguments: str) -> Any:
    """A context manager that yields a headless Chromium, with these of its command line's arguments."""

    @contextlib.contextmanager
    def started() -> Iterator[Any]:
        playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
        if CHROMIUM is None:
            pytest.skip("Chromium is not installed")
        with _driver(playwright) as driver:
            chromium = driver.chromium.launch(executable_path=CHROMIUM, args=[*ARGUMENTS, *arguments])
            try:
                yield chromium
            finally:
                chromium.close()

    return started()


@contextlib.contextmanager
def _driver(playwright: Any, users: list[Any] = []) -> Iterator[Any]:  # noqa: B006  (it is what all calls share)
    """Playwright's driver: one for all browsers that run at a time, as it cannot be started twice in a thread."""
    users.append(users[0] if users else playwright.sync_playwright().start())
    try:
        yield users[0]
    finally:
        driver = users.pop()
        if not users:
            driver.stop()


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """One Chromium for all tests."""
    with launch() as chromium:
        yield chromium


@pytest.fixture
def page(browser: Any) -> Iterator[Seen]:
    """A page in a fresh profile, whose errors a test may look at."""
    with opened(browser) as seen:
        yield seen


@contextlib.contextmanager
def opened(browser: Any, **context: Any) -> Iterator[Seen]:
    """A page of its own context, which takes Playwright's options: ``viewport``, ``color_scheme``, ``locale`` …"""
    profile = browser.new_context(**context)
    profile.set_default_timeout(PATIENCE)
    seen = Seen(profile.new_page())
    seen.page.on("console", lambda message: message.type == "error" and seen.errors.append(message.text))
    seen.page.on("pageerror", lambda error: seen.errors.append(str(error)))
    try:
        yield seen
    finally:
        profile.close()


def raw(array: NDArray[Any]) -> str:
    """The bytes of an array, as a page takes them: ``Uint8Array.from(atob(raw), (letter) => letter.charCodeAt(0))``."""
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()


def keep_runtime() -> None:
    """Puts the runtime for browsers into the tests' cache where the user's has it, so that it is not fetched again."""
    own = cache_folder() / "litert-js" / VERSION
    if KEPT_RUNTIME.is_dir() and not own.exists():
        shutil.copytree(KEPT_RUNTIME, own)


def site_of(bundle: Bundle, **facts: Any) -> dict[str, Content]:
    """All files of a page that recognises by a model, as a static host has them; ``facts`` change ``site.json``."""
    console = Console(quiet=True)
    keep_runtime()
    try:
        contents = site.page_files() | site.model_files(bundle) | site.Device(console).files(bundle.hands > 0)
    except DownloadError as error:
        pytest.skip(f"what the page needs cannot be had: {error.happened}")
    description = site.describe(bundle, "test", "1", **facts)
    files: dict[str, Content] = {name: partial(site.read, content) for name, content in contents.items()}
    return {"blank.html": BLANK, "site.json": json.dumps(description).encode(), **files}


@contextlib.contextmanager
def served(files: Mapping[str, Content], headers: Mapping[str, str] = HEADERS) -> Iterator[str]:
    """The address of files by their names, with a slash at its end."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            name = unquote(urlsplit(self.path).path).removeprefix("/") or "index.html"
            found = files.get(name)
            body = b"" if found is None else found if isinstance(found, bytes) else found()
            self.send_response(404 if found is None else 200)
            for key, value in {**headers, "Content-Type": site.media_type(name)}.items():
                self.send_header(key, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            with contextlib.suppress(ConnectionError):
                self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()
