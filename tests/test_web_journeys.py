"""A visitor's whole way through the page: Chromium, the program ``handshape serve``, and a camera before drawn hands.

Nobody is pretended here but the hands. All that the browser asks for in a visit is watched: none of it goes elsewhere.
"""

import base64
import functools
import io
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browser import Seen, keep_runtime, launch, opened
from PIL import Image

from handshape.hands.models import HandModels
from handshape.practice.people import draw_signer
from handshape.practice.scene import photograph
from handshape.registry import Reference, open_registry, resolve

PATIENCE = 120.0  # seconds for what takes a few, even on a machine that is busy with something else
CAMERA = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")
SIZE = (640, 480)
SIDE = 320  # pixels of a drawn hand's picture
RATE = 30  # frames a second that a camera makes of a film
LETTERS = "ABCDEFGHIKLMNOPQRSTUVWXY"
PEOPLE = 10
AT_ONCE = 80  # pictures that are opened
READ_OF_DRAWN = 0.95  # share of drawn hands that are read rightly


# --- drawn people before a camera ------------------------------------------------------------------------------------


@functools.cache
def hand(label: str, person: int, take: int = 0) -> Image.Image:
    """A drawn person's hand, whom nothing was learned from; every fourth of the people signs with the left hand."""
    signer = draw_signer(np.random.default_rng([411, person]), (0.1 + 0.29 * person) % 1)
    signer = replace(signer, left_share=float(person % 4 == 3))
    rng = np.random.default_rng([412, person, take, *label.encode()])
    return Image.fromarray(photograph(label, signer, rng, SIDE))


def jpeg(picture: Image.Image) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, "JPEG", quality=88)
    return stream.getvalue()


@dataclass(frozen=True)
class Shot:
    """What a camera sees for some seconds: a hand at a place in the frame, or the wall alone."""

    label: str | None
    seconds: float
    place: tuple[int, int] = (160, 90)

    def frames(self) -> list[bytes]:
        """A few that differ, as a hand is never quite still, over and over."""
        some = [jpeg(self._frame(step)) for step in range(5)]
        return [some[number // 2 % 5] for number in range(round(self.seconds * RATE))]

    def _frame(self, step: int) -> Image.Image:
        frame = Image.new("RGB", SIZE, (150, 156, 160))
        if self.label is not None:
            frame.paste(hand(self.label, 0, 0), (self.place[0] + 2 * step, self.place[1] + step % 3))
        return frame


def film(path: Path, *shots: Shot) -> Path:
    """A film that a camera plays from its start whenever it is switched on, over and over."""
    path.write_bytes(b"".join(frame for shot in shots for frame in shot.frames()))
    return path


# --- a server and a visitor ------------------------------------------------------------------------------------------


@dataclass
class Server:
    """``handshape serve`` as a program, with recordings and registered models of its own."""

    place: Path
    model: str = "asl"
    port: int = 0
    said: list[str] = field(default_factory=list)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    def start(self) -> None:
        """Starts it, on the port that it had before, if any."""
        words = ["serve", self.model, "--port", str(self.port), "--recordings", str(self.place / "recordings")]
        lines: queue.Queue[str] = queue.Queue()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "handshape", *words],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | {"HANDSHAPE_REGISTRY": str(self.place / "registry")},
        )
        threading.Thread(target=self._listen, args=[lines], daemon=True).start()
        while "Serving" not in (line := lines.get(timeout=PATIENCE)):
            pass
        self.port = int(line.partition("http://127.0.0.1:")[2].split()[0])

    def stop(self) -> None:
        self.process.terminate()
        assert self.process.wait(PATIENCE) == 0, self.said

    def _listen(self, lines: queue.Queue[str]) -> None:
        for line in self.process.stderr or ():
            self.said.append(line)
            lines.put(line)


@contextmanager
def serving(place: Path, model: str = "asl") -> Iterator[Server]:
    keep_runtime()
    server = Server(place, model)
    server.start()
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="module")
def server(models: HandModels, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One for the tests that leave it as it was."""
    with serving(tmp_path_factory.mktemp("served")) as running:
        yield running


@contextmanager
def visit(server: Server, shown: Path | None = None, view: str = "read", **options: Any) -> Iterator[Seen]:
    """A page of the server, whose recogniser is ready; it asks nobody but the server for anything.

    Args:
        server: whose page.
        shown: the film before the camera; None for no camera.
        view: the page's.
        options: Playwright's.
    """
    arguments = (*CAMERA, f"--use-file-for-fake-video-capture={shown}") if shown else ()
    may = {"permissions": ["camera"]} if shown else {}
    with launch(*arguments) as chromium, opened(chromium, **may, **options) as seen:
        seen.page.set_default_timeout(PATIENCE * 1000)
        asked: list[str] = []
        profile = seen.page.context
        profile.on("request", lambda request: asked.append(request.url))
        profile.on("page", lambda page: page.on("websocket", lambda socket: asked.append(socket.url)))
        seen.page.on("websocket", lambda socket: asked.append(socket.url))
        seen.page.goto(f"{server.address}#{view}")
        seen.page.locator("#backend").get_by_text("on this device").wait_for()
        yield seen
        ours = (server.address, server.address.replace("http", "ws"), "blob:", "data:")
        assert len(asked) > 30
        assert [address for address in asked if not address.startswith(ours)] == []


def switch_on(seen: Seen) -> None:
    seen.page.get_by_role("button", name="Use the camera").click()
    wait(seen, "() => document.querySelector('video')?.videoWidth > 0")


def wait(seen: Seen, condition: str, argument: Any = None) -> None:
    seen.page.wait_for_function(condition, arg=argument)


def spelled(seen: Seen, text: str) -> None:
    wait(
        seen,
        "(text) => { const node = document.querySelector('.spelled');"
        " return !node.classList.contains('empty') && node.textContent === text; }",
        text,
    )


# --- reading and spelling --------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_page_reads_the_letters_of_drawn_people(server: Server):
    names = [f"{label}{person}.jpg" for person in range(PEOPLE) for label in LETTERS]
    said: dict[str, str] = {}
    with visit(server) as seen:
        seen.page.get_by_text("Photos", exact=True).click()
        for start in range(0, len(names), AT_ONCE):
            said |= read_photographs(seen, names[start : start + AT_ONCE])
        assert seen.errors == []
    wrong = {name: label for name, label in said.items() if label != name[0]}
    assert set(said) == set(names)
    assert 1 - len(wrong) / len(names) >= READ_OF_DRAWN, wrong


def read_photographs(seen: Seen, names: list[str]) -> dict[str, str]:
    """What the page says of each, by name."""
    files = [{"name": name, "mimeType": "image/jpeg", "buffer": jpeg(hand(name[0], int(name[1])))} for name in names]
    seen.page.locator("input[type=file]").set_input_files(files)
    read = "[...document.querySelectorAll('.thumb')].map((thumb) => thumb.ariaLabel)"
    done = "(names) => names.length === {0}.length && names.every((name, i) => {0}[i].startsWith(name))"
    wait(seen, done.format(read) + f" && !{read}.some((text) => text.endsWith('not read yet'))", names)
    return dict(text.split(": ") for text in seen.run(f"() => {read}"))


def test_a_word_with_a_doubled_letter_a_space_and_a_slip(server: Server, tmp_path: Path):
    """L, O, the hand away for a moment, O, K, the hand away for longer, and a B that nobody wanted."""
    hold, moment = 1.6, Shot(None, 0.7)
    shots = [Shot(letter, hold) for letter in "LO"] + [moment, Shot("O", hold, (60, 120)), Shot("K", hold)]
    shown = film(tmp_path / "look.mjpeg", *shots, Shot(None, 3.0), Shot("B", hold), Shot(None, 30.0))
    with visit(server, shown, "spell") as seen:
        switch_on(seen)
        spelled(seen, "LOOK B ")
        seen.page.get_by_role("button", name="Undo").click()  # the space after it
        spelled(seen, "LOOK B")
        seen.page.get_by_role("button", name="Delete").click()
        spelled(seen, "LOOK ")
        seen.page.keyboard.press("Control+z")
        spelled(seen, "LOOK B")
        seen.page.keyboard.press("Backspace")
        spelled(seen, "LOOK ")
        assert seen.errors == []


# --- learning one's own signs ----------------------------------------------------------------------------------------

FRAMES = 24  # recorded of a class
TRAINED = 600.0  # seconds for what takes half a minute, likewise
OWN = {"Guten Tag": "L", "constructor": "V", "Y": "Y"}  # what a user may call a handshape, and what is shown


@pytest.mark.slow
def test_own_signs_are_recorded_learned_kept_and_read(models: HandModels, tmp_path: Path):
    shown = film(tmp_path / "hands.mjpeg", Shot(None, 1.0))
    with serving(tmp_path) as server, visit(server, shown, "learn") as seen:
        switch_on(seen)
        for label, letter in OWN.items():
            before_the_camera(seen, shown, moving(letter))
            record(seen, label)
        seen.page.get_by_role("button", name="Train on my handshapes").dblclick()
        seen.page.get_by_role("progressbar", name="How far the training is").wait_for()
        seen.page.reload()  # it goes on, and the page comes back to it
        seen.page.get_by_role("progressbar", name="How far the training is").wait_for()
        seen.page.get_by_role("button", name="Keep it and read with it").dblclick(timeout=1000 * TRAINED)
        seen.page.get_by_text("Kept as my-signs@1.").wait_for()
        assert "No training" not in seen.page.locator("#notices").inner_text()  # the second click asks for nothing
        seen.page.get_by_role("link", name="Read").click()
        seen.page.get_by_text("A new model reads from now on: my-signs").first.wait_for()
        for label, letter in OWN.items():
            before_the_camera(seen, shown, moving(letter))
            wait(seen, "(label) => document.querySelector('.decision')?.textContent === label", label)
        assert seen.errors == []


def moving(letter: str) -> list[Shot]:
    """A hand that goes about while it is recorded."""
    return [Shot(letter, 0.2, (60 + 9 * step, 40 + 12 * (step % 9))) for step in range(30)]


def before_the_camera(seen: Seen, shown: Path, shots: list[Shot]) -> None:
    """Has the camera see something else; it reads its film when it is switched on."""
    seen.page.get_by_text("Photos", exact=True).click()
    wait(seen, "() => !document.querySelector('video')")
    film(shown, *shots)
    seen.page.get_by_text("Camera", exact=True).click()
    wait(seen, "() => document.querySelector('video')?.videoWidth > 0")


def record(seen: Seen, label: str) -> None:
    """Holds the button down until there are frames enough."""
    seen.page.get_by_label("Handshape", exact=True).fill(label)
    seen.page.get_by_role("button", name="Hold to record").hover()
    seen.page.mouse.down()
    said = "document.querySelector('.learn-state').textContent"
    wait(seen, f"([label, most]) => {said}.endsWith(label) && parseInt({said}) >= most", [label, FRAMES])
    seen.page.mouse.up()
    seen.page.get_by_text(f"frames of {label} kept.").first.wait_for()
    seen.page.get_by_role("button", name=f"Record more of {label}").wait_for()


# --- what happens meanwhile ------------------------------------------------------------------------------------------


def test_a_camera_that_is_refused(server: Server):
    """The browser itself refuses: nobody has allowed it."""
    with visit(server) as seen:
        seen.page.get_by_role("button", name="Use the camera").click()
        seen.page.get_by_role("button", name="Try again").wait_for()
        seen.page.get_by_role("button", name="Open photographs").click()
        assert read_photographs(seen, ["L0.jpg", "Y0.jpg"]) == {"L0.jpg": "L", "Y0.jpg": "Y"}


def test_the_server_goes_and_comes_back_while_a_hand_is_read(models: HandModels, tmp_path: Path):
    shown = film(tmp_path / "hands.mjpeg", Shot("L", 4.0), Shot("Y", 4.0))
    with serving(tmp_path) as server, visit(server, shown) as seen:
        switch_on(seen)
        reads(seen, "L")
        server.stop()
        seen.page.get_by_text("Reading goes on, on this device.").first.wait_for()
        for letter in "LY":
            reads(seen, letter)
        seen.page.get_by_role("link", name="Spell").click()  # a view that was never opened comes with the first visit
        server.start()
        seen.page.get_by_text("The server is back.").first.wait_for()
        seen.page.get_by_role("link", name="Read").click()
        reads(seen, "L")
        seen.page.reload()
        reads(seen, "Y")


def test_a_promoted_model_reads_without_a_reload(models: HandModels, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HANDSHAPE_REGISTRY", str(tmp_path / "registry"))
    registry = open_registry()
    first, second = (registry.add("mine", resolve(name), "made here").number for name in ("asl", "digits"))
    registry.promote(Reference("mine", first))
    shown = film(tmp_path / "hands.mjpeg", Shot("L", 4.0))
    with serving(tmp_path, "mine") as server, visit(server, shown) as seen:
        switch_on(seen)
        reads(seen, "L")
        registry.promote(Reference("mine", second))
        seen.page.get_by_text("A new model reads from now on: mine").first.wait_for()
        decided = "document.querySelector('.decision')?.textContent"
        wait(seen, f"() => /^([0-9]|unknown)$/.test({decided})")
        assert seen.errors == []


def reads(seen: Seen, label: str) -> None:
    wait(seen, "(label) => document.querySelector('.decision')?.textContent === label", label)


# --- visitors who never read a manual --------------------------------------------------------------------------------


def test_skipping_to_the_content_stays_in_the_view(server: Server):
    with visit(server, view="spell") as seen:
        seen.page.keyboard.press("Tab")
        seen.page.keyboard.press("Enter")
        assert seen.run("() => document.activeElement.id") == "view"
        assert (seen.page.title(), seen.run("() => location.hash")) == ("Spell · Handshape", "#spell")
        seen.page.get_by_role("link", name="Practise").press("Enter")
        wait(seen, "() => document.title.startsWith('Practise')")
        seen.page.go_back()
        wait(seen, "() => document.title.startsWith('Spell')")
        assert seen.errors == []


def test_whatever_is_dropped_the_page_goes_on(server: Server):
    """A huge photograph, a text, a film that is none, and then one that can be read."""
    huge, drawn = io.BytesIO(), hand("L", 0)
    drawn.resize((9000, 9000)).save(huge, "JPEG", quality=60)
    with visit(server) as seen:
        drop(seen, "huge.jpg", "image/jpeg", huge.getvalue())
        reads(seen, "L")
        drop(seen, "notes.txt", "text/plain", b"no picture")
        seen.page.get_by_text("notes.txt is neither a photograph nor a film.").first.wait_for()
        drop(seen, "film.mp4", "video/mp4", b"no film")
        seen.page.get_by_text("This browser cannot open film.mp4.").first.wait_for()
        drop(seen, "y.jpg", "image/jpeg", jpeg(hand("Y", 0)))
        reads(seen, "Y")


def drop(seen: Seen, name: str, kind: str, content: bytes) -> None:
    seen.run(
        """([name, type, content]) => {
          const transfer = new DataTransfer();
          const bytes = Uint8Array.from(atob(content), (letter) => letter.charCodeAt(0));
          transfer.items.add(new File([bytes], name, { type }));
          const given = { bubbles: true, cancelable: true, dataTransfer: transfer };
          document.body.dispatchEvent(new DragEvent("drop", given));
        }""",
        [name, kind, base64.b64encode(content).decode()],
    )


@pytest.mark.parametrize("view", ["read", "spell", "practise", "learn"])
def test_twice_as_large_nothing_is_cut_off(server: Server, view: str):
    """A window of 1280 x 800 pixels at 200 %."""
    with visit(server, view=view, viewport={"width": 640, "height": 400}, device_scale_factor=2) as seen:
        seen.page.locator(f".view-{view} .stage").wait_for()
        assert seen.run("() => document.documentElement.scrollWidth") <= 640


def test_two_pages_of_one_server_agree(models: HandModels, tmp_path: Path):
    """What one of them deletes is gone in the other as soon as that is asked for it, too."""
    with serving(tmp_path) as server, visit(server, view="learn") as seen:
        show_drawn_hand(seen)
        for label in ("L", "my L"):
            record_once(seen, label)
        other = seen.page.context.new_page()
        other.goto(f"{server.address}#learn")
        delete(other, "L")
        other.get_by_role("button", name="Record more of L", exact=True).wait_for(state="detached")
        delete(seen.page, "L")
        seen.page.get_by_text("There is no recording").first.wait_for()
        seen.page.get_by_role("button", name="Record more of L", exact=True).wait_for(state="detached")
        record_once(seen, "my L")
        assert [path.name for path in sorted((tmp_path / "recordings").iterdir())] == ["my L", "signers.csv"]


@pytest.mark.parametrize("label", ["../up", "a/b", "signers.csv", "unknown", "CON", "\u202eabc"])
def test_names_that_cannot_be_are_refused_in_words(server: Server, label: str):
    with visit(server, view="learn") as seen:
        show_drawn_hand(seen)
        seen.page.get_by_label("Handshape", exact=True).fill(label)
        seen.page.get_by_role("button", name="Hold to record").press("Enter")
        seen.page.get_by_text("This cannot be the name of a class").first.wait_for()
        assert not (server.place / "recordings").exists()


def show_drawn_hand(seen: Seen) -> None:
    seen.page.get_by_text("Drawn hands", exact=True).click()
    seen.page.locator("canvas.still").wait_for()


def record_once(seen: Seen, label: str) -> None:
    """One frame, by the keyboard: what stands still is recorded once."""
    seen.page.get_by_label("Handshape", exact=True).fill(label)
    seen.page.get_by_role("button", name="Hold to record").press("Enter")
    seen.page.get_by_text(f"1 frames of {label} kept.", exact=True).first.wait_for()
    seen.page.get_by_role("button", name=f"Record more of {label}", exact=True).wait_for()


def delete(page: Any, label: str) -> None:
    about = page.get_by_role("listitem").filter(
        has=page.get_by_role("button", name=f"Record more of {label}", exact=True)
    )
    about.get_by_text("Change", exact=True).click()
    about.get_by_role("button", name=f"Delete {label}", exact=True).click()
    page.get_by_role("dialog").get_by_role("button", name="Delete", exact=True).click()
