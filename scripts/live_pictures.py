"""Pictures of the page for the documentation: ``handshape serve`` in Chromium, a drawn hand before its camera.

usage: python scripts/live_pictures.py [FOLDER]     default: docs/images; needs Playwright and Chromium
"""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any

from PIL import Image, ImageFilter
from playwright.sync_api import Browser, expect, sync_playwright

from handshape.console import Console
from handshape.practice import draw_practice_set

IMAGES = Path(__file__).parents[1] / "docs" / "images"
FRAME = (640, 480)  # of the camera, in pixels
HOLD, GAP = 24, 8  # frames of each letter, and without a hand between
SHOWN = (  # the view, its name in the file, the window, the colour scheme, what the camera shows
    ("read", "live-read", (1280, 760), "light", "Y"),
    ("read", "live-read-phone", (390, 844), "dark", "W"),
    ("spell", "live-spell", (1280, 760), "light", "WILLY"),
    ("practise", "live-practise", (1280, 760), "dark", "L"),
)


def main() -> None:
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else IMAGES
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        raise SystemExit("Chromium is not installed.")
    with tempfile.TemporaryDirectory() as place, sync_playwright() as driver:
        hands = Path(place) / "hands"
        draw_practice_set(
            hands, 1, 7, sorted({letter for *_, word in SHOWN for letter in word}), 400, Console(quiet=True)
        )
        port = free_port()
        command = [sys.executable, "-m", "handshape", "serve", "asl", "--port", str(port), "--quiet"]
        server = subprocess.Popen(command)
        try:
            wait_for(f"http://127.0.0.1:{port}/readyz")
            for view, name, size, scheme, word in SHOWN:
                film = filmed(hands, word, Path(place) / f"{name}.mjpeg")
                with_camera = driver.chromium.launch(executable_path=chromium, args=camera(film))
                picture = shown(with_camera, f"http://127.0.0.1:{port}/#{view}", size, scheme, word)
                with_camera.close()
                save(picture, target / f"{name}.jpg")
        finally:
            server.terminate()
            server.wait()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


def wait_for(url: str) -> None:
    for _ in range(300):
        try:
            urllib.request.urlopen(url).close()
            return
        except OSError:
            time.sleep(0.1)
    raise SystemExit(f"{url} does not answer.")


def camera(film: Path) -> list[str]:
    """Chromium's arguments for a camera that shows a film over and over."""
    return [
        "--no-sandbox",
        "--use-fake-ui-for-media-stream",
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-video-capture={film}",
    ]


def filmed(hands: Path, word: str, film: Path) -> Path:
    """A film of one drawn hand after the other, with a pause after each where there are several."""
    with film.open("wb") as file:
        for letter in word:
            drawn = Image.open(next((hands / letter).iterdir())).convert("RGB").resize((FRAME[1], FRAME[1]))
            frame = drawn.crop((0, 0, 40, FRAME[1])).resize(FRAME).filter(ImageFilter.GaussianBlur(30))
            pause = frame.copy()
            frame.paste(drawn, ((FRAME[0] - FRAME[1]) // 2, 0))
            for picture, frames in ((frame, HOLD), (pause, GAP if len(word) > 1 else 0)):
                for _ in range(frames):
                    picture.save(file, "JPEG", quality=92)
    return film


def shown(browser: Browser, url: str, size: tuple[int, int], scheme: Any, word: str) -> bytes:
    """A view at work: a letter that has been read for a while, or a word that has just been spelled."""
    page = browser.new_page(viewport={"width": size[0], "height": size[1]}, color_scheme=scheme)
    page.goto(url)
    page.get_by_role("button", name="Use the camera").first.click()
    if len(word) > 1:
        spelled = page.locator(".spelled")
        expect(spelled).to_contain_text(word[-2:], timeout=120_000)
        page.get_by_role("button", name="Clear").click()
        expect(spelled).to_have_text(word[:-1], timeout=120_000)
    page.wait_for_timeout(1500 if len(word) > 1 else 6000)
    return page.screenshot()


def save(picture: bytes, path: Path) -> None:
    with tempfile.NamedTemporaryFile(suffix=".png") as file:
        file.write(picture)
        file.flush()
        Image.open(file.name).convert("RGB").save(path, quality=85, optimize=True)


if __name__ == "__main__":
    main()
