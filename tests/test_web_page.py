"""The page that reads hands: its views, its cameras, and what happens when something goes away."""

import functools
import importlib.util
import json
import re
import tarfile
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from browser import BLANK, HEADERS, browser, launch, opened, page, served, site_of  # noqa: F401  (fixtures)
from PIL import Image

from handshape.console import Console
from handshape.downloads import cache_folder, fetch
from handshape.errors import DownloadError
from handshape.export.bundle import read_bundle
from handshape.hands.known_hands import load_known_hands
from handshape.practice.examples import example
from handshape.registry.ready import ready_folder
from handshape.serving import site

ROOT = Path(__file__).parents[1]
APP = site.WEB / "app"
AXE = "https://registry.npmjs.org/axe-core/-/axe-core-4.14.1.tgz"
AXE_SHA256 = "e6b0ce02b84d892e2e33e403485e7f3d6c29e2be6df65daf44d89ba564139745"
VIEWS = ("read", "spell", "practise")
LABELS = list("ABCDEFGHIKLMNOPQRSTUVWXY")
CAMERA = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")
RECOGNIZER = """
export async function openRecognizer(site, { onProgress }) {
  globalThis.timesOpened = (globalThis.timesOpened ?? 0) + 1;
  onProgress(1);
  const recognize = async (bitmap, options) => {
    const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
    const context = canvas.getContext("2d");
    context.drawImage(bitmap, 0, 0);
    const red = (x) => context.getImageData(x, bitmap.height >> 1, 1, 1).data[0];
    globalThis.seen = { options, width: bitmap.width, height: bitmap.height, sides: [red(4), red(bitmap.width - 5)] };
    bitmap.close();
    await new Promise((resolve) => setTimeout(resolve, 15));
    if (globalThis.failing) throw new Error(globalThis.failing);
    const { decision = "no hand", hand = null } = globalThis.shown ?? {};
    const confidence = decision in { unknown: 1, "no hand": 1 } ? 0.2 : 0.93;
    const label = confidence > 0.5 ? decision : "B";
    const top = [[label, confidence], ["M", 0.03], ["N", 0.02], ["S", 0.01], ["T", 0.01]];
    const heat = options.heat ? { values: new Float32Array(49).fill(0.5), width: 7, height: 7,
      box: { x: 50, y: 50, width: 80, height: 80, angle: 0.3 } } : null;
    return { decision, confidence, top, probabilities: null, hand, heat, width: canvas.width, height: canvas.height,
      milliseconds: 12 };
  };
  return { backend: globalThis.wantedBackend ?? "device", labels: site.model.labels, thresholds: site.model.thresholds,
    sha256: site.model.sha256, recognize, forget() {},
    close() { globalThis.timesClosed = (globalThis.timesClosed ?? 0) + 1; } };
}
"""


def described(**changes):
    model = {"name": "asl", "version": "1", "sha256": "a" * 64, "labels": LABELS, "size": 128, "finds_hands": True}
    model |= {"thresholds": {"with_hand": 0.27, "without_hand": None}, "about": "24 letters"} | changes.pop("model", {})
    return {"version": "1", "server": False, "training": False, "labels": False, "model": model} | {
        "practice": dict.fromkeys(LABELS, 3),
        **changes,
    }


@functools.cache
def picture():
    """A picture that is red on its left and black on its right, as JPEG."""
    pixels = np.full((240, 320, 3), 90, np.uint8)
    pixels[:, :160, 0] = 255
    file = BytesIO()
    Image.fromarray(pixels).save(file, "JPEG")
    return file.getvalue()


def files(**changes):
    """The page with a recogniser that says what the test wants, and drawn hands that are no hands."""
    own = {name: functools.partial(site.read, content) for name, content in site.page_files().items()}
    practice = {f"practice/{label}_{number}.jpg": picture for label in LABELS for number in range(3)}
    described_now = json.dumps(described(**changes)).encode()
    return (
        own
        | practice
        | {"recognizer/recognizer.js": RECOGNIZER.encode(), "site.json": described_now, "blank.html": BLANK}
    )


@functools.cache
def hand_of(label, left=False):
    """A known hand as the recogniser reports one: the one nearest to the middle of its label."""
    hands, labels = load_known_hands()
    own = hands[np.array(labels) == label].astype(np.float64)
    own = own[np.abs(own[:, :, 3:] - np.median(own[:, :, 3:], axis=0)).sum(axis=(1, 2)).argmin()]
    seen, world = own[:, :3].copy(), own[:, 3:].copy()
    if left:
        seen[:, 0] *= -1
        world[:, 0] *= -1
    seen[:, :2] -= seen[:, :2].min(axis=0)
    seen = seen * (150 / seen[:, :2].max()) + [40, 40, 0]
    box = {"x": 110, "y": 110, "width": 200, "height": 200, "angle": 0}
    side = "Left" if left else "Right"
    return {"landmarks": seen.tolist(), "world": world.tolist(), "handedness": side, "score": 0.99, "box": box}


def show(seen, decision, hand=None):
    seen.run("(shown) => { globalThis.shown = shown; }", {"decision": decision, "hand": hand})


def wait(seen, condition, argument=None):
    seen.page.wait_for_function(condition, arg=argument)


def says(seen, selector, text):
    wait(seen, "([s, t]) => document.querySelector(s)?.textContent.includes(t)", [selector, text])


def notice_of_visibility(seen, hidden):
    seen.run(
        """(hidden) => {
          Object.defineProperty(document, "hidden", { configurable: true, get: () => hidden });
          document.dispatchEvent(new Event("visibilitychange"));
        }""",
        hidden,
    )


@pytest.fixture(scope="module")
def camera_browser():
    with launch(*CAMERA) as chromium:
        yield chromium


@pytest.fixture
def with_camera(camera_browser):
    """The page before a fake camera that is allowed, its address and its files."""
    own = files(server=True)
    with (
        served(own, {**HEADERS, "Cache-Control": "no-cache"}) as url,
        opened(camera_browser, permissions=["camera"]) as seen,
    ):
        seen.url, seen.files = url, own
        yield seen


def start_camera(seen, view="read"):
    seen.page.goto(f"{seen.url}#{view}")
    seen.page.get_by_role("button", name="Use the camera").click()
    wait(seen, "() => document.querySelector('video')?.videoWidth > 0 && globalThis.seen")


# The files


def test_all_words_are_in_one_file():
    known = set(re.findall(r"^  (\w+):", (site.WEB / "words.js").read_text("utf-8"), re.MULTILINE))
    sources = [path.read_text("utf-8") for path in APP.glob("*.js")]
    used = {key for text in sources for key in re.findall(r'\bsay\("(\w+)"', text)}
    for file in site.WEB.glob("*.html"):
        used |= set(re.findall(r'data-word="(\w+)"', file.read_text("utf-8")))
    assert len(used) > 60
    assert used <= known
    unused = {key for key in known - used if not any(re.search(rf"\b{key}\b", text) for text in sources)}
    made = r"source|camera|finger|nav|practise|spell|recognizer|learn|labels|watch"  # their keys are put together
    assert {key for key in unused if not re.match(rf"({made})_", key)} <= {"language", "direction"}


@pytest.mark.parametrize("name", ["index.html", "watch.html"])
def test_nothing_is_inline(name: str):
    text = (site.WEB / name).read_text("utf-8")
    assert not re.search(r"\sstyle=|\son\w+=|<style|<script(?![^>]*\ssrc=)", text)
    assert "http://" not in text
    assert "https://" not in text


def finger_states_script():
    spec = importlib.util.spec_from_file_location("finger_states", ROOT / "scripts" / "finger_states.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_finger_states_are_those_of_the_known_hands():
    assert (APP / "finger_states.js").read_text("utf-8") == finger_states_script().rendered()


# Modules on their own


@pytest.fixture(scope="module")
def modules(browser):  # noqa: F811
    """A page that calls functions of the page's modules: run(module, expression in m, argument)."""
    with served(files()) as url, opened(browser) as seen:
        seen.page.goto(url + "blank.html")
        script = "async ([url, code, value]) => new Function('m', 'v', `return ${code}`)(await import(url), value)"
        yield lambda name, code, value=None: seen.run(script, [f"{url}app/{name}.js", code, value])


@pytest.mark.parametrize("left", [False, True])
def test_fingers_are_measured_as_in_python(modules, left):
    hands, _ = load_known_hands()
    own = hands[::800].astype(np.float64)
    expected = finger_states_script().finger_states(own)
    if left:
        own[:, :, [0, 3]] *= -1
    side = "Left" if left else "Right"
    asked = [{"landmarks": h[:, :3].tolist(), "world": h[:, 3:].tolist(), "handedness": side} for h in own]
    found = np.array(modules("fingers", "v.map(m.fingerState)", asked))
    np.testing.assert_allclose(found, expected, atol=0.02)


@pytest.mark.parametrize(
    ("shown", "wanted", "key", "fingers"),
    [
        ("V", "R", "finger_cross", ["index", "middle"]),
        ("V", "U", "finger_together", ["index", "middle"]),
        ("U", "V", "finger_apart", ["index", "middle"]),
        ("A", "Y", "finger_stretch", ["little"]),
        ("W", "V", "finger_bend", ["ring"]),
        ("L", "D", "thumb_across", ["thumb"]),
        ("U", "H", "hand_side", []),
        ("H", "U", "hand_up", []),
        ("B", "B", None, None),
        ("A", "A", None, None),
        ("L", "L", None, None),
    ],
)
@pytest.mark.parametrize("left", [False, True])
def test_which_finger_differs(modules, shown, wanted, key, fingers, left):
    found = modules("fingers", "m.differenceFrom(...v)", [hand_of(shown, left), wanted, shown])
    assert found == (key and {"key": key, "fingers": fingers})


def test_no_difference_without_a_hand_or_a_typical_one(modules):
    assert modules("fingers", "m.differenceFrom(null, 'A')") is None
    assert modules("fingers", "m.differenceFrom(v, 'thumbs_up')", hand_of("A")) is None


def moved(scale=1.0, shift=(0, 0)):
    hand = hand_of("A")
    points = (np.array(hand["landmarks"])[:, :2] - 100) * scale + 160 + np.array(shift)
    return {**hand, "landmarks": [[*point, 0] for point in points.tolist()]}


@pytest.mark.parametrize(
    ("hand", "brightness", "key"),
    [
        (None, 20, "advice_light"),
        (None, 250, "advice_glare"),
        (None, 120, "advice_show"),
        (moved(0.1), 120, "advice_closer"),
        (moved(5.0), 120, "advice_farther"),
        (moved(1.0, (-160, 0)), 120, "advice_edge"),
        (moved(), 120, "advice_still"),
        (moved(), 20, "advice_light"),
    ],
)
def test_what_to_do(modules, hand, brightness, key):
    answer = {"hand": hand, "width": 320, "height": 320}
    assert modules("advice", "m.adviceFor(...v)", [answer, brightness]) == key


@pytest.mark.parametrize(
    ("frames", "state", "other"),
    [
        ([(0, "A")], "holding", None),
        ([(0, "A"), (300, "A"), (500, "A")], "right", None),
        ([(0, "A"), (300, "B"), (500, "A")], "holding", None),
        ([(0, "B"), (500, "B")], "waiting", None),
        ([(0, "B"), (500, "B"), (1000, "B")], "wrong", "B"),
        ([(0, "unknown"), (1000, "unknown")], "wrong", "unknown"),
        ([(0, "no hand"), (1000, "no hand")], "waiting", None),
    ],
)
def test_a_round_of_practice(modules, frames, state, other):
    found = modules("round", "((r) => v.map(([t, d]) => r.see(t, d)).at(-1))(new m.Round('A'))", frames)
    assert (found["state"], found["other"]) == (state, other)
    assert found["seconds"] == (0 if frames[0][1] == "no hand" else frames[-1][0] / 1000)


def test_memory_asks_for_what_goes_badly(modules):
    code = """((memory) => {
      for (let i = 0; i < 4; i += 1) memory = m.remembered(m.remembered(memory, "A", 1), "B", 9);
      memory = m.mixedUp(m.remembered(memory, "C", 1), "C", "A");
      const counts = { A: 0, B: 0, C: 0 };
      for (let i = 0; i < 1000; i += 1) counts[m.nextLabel(memory, ["A", "B", "C"], null, i / 1000)] += 1;
      const next = [m.nextLabel(memory, ["A"], "A", 0.5), m.nextLabel(memory, ["A", "B"], "A", 0)];
      return [counts, m.pace(memory), m.mixes(memory), ...next];
    })(m.emptyMemory())"""
    counts, pace, mixes, only, other = modules("memory", code)
    assert counts["B"] > counts["C"] > counts["A"] > 0
    assert pace == {"seconds": 1, "slowest": [{"label": "B", "seconds": 9}]}
    assert mixes == [{"label": "C", "other": "A", "count": 1}]
    assert (only, other) == ("A", "B")


# Reading


def test_reads_the_camera_unmirrored_and_shows_it_mirrored(with_camera):
    seen = with_camera
    start_camera(seen)
    show(seen, "B", hand_of("B"))
    says(seen, ".decision", "B")
    says(seen, ".more", "93 % sure")
    says(seen, ".facts", "right hand")
    assert seen.run("() => globalThis.seen.options.follow") is True
    mirrored = "() => getComputedStyle(document.querySelector('video')).transform"
    assert seen.run(mirrored).startswith("matrix(-1")
    assert seen.page.locator(".bars li").first.inner_text().split() == ["B", "93", "%"]
    drawn = """() => { const c = document.querySelector("canvas.overlay");
      return c.getContext("2d").getImageData(0, 0, c.width, c.height).data.some((value) => value > 0); }"""
    assert seen.run(drawn)
    seen.page.get_by_text("Heat map").click()
    wait(seen, "() => globalThis.seen.options.heat === true")
    says(seen, "#announcer", "B")
    assert seen.errors == []


@pytest.mark.parametrize(
    ("decision", "hand", "shown", "advice"),
    [
        ("no hand", None, "no hand", "Hold one hand into the picture, all of it."),
        ("unknown", moved(0.05), "unknown", "Move closer."),
    ],
)
def test_says_what_to_do_where_nothing_is_recognised(with_camera, decision, hand, shown, advice):
    seen = with_camera
    start_camera(seen)
    show(seen, decision, hand)
    says(seen, ".decision", shown)
    says(seen, ".more", advice)


def test_photographs_are_read_once_as_they_are(page):  # noqa: F811
    with served(files()) as url:
        page.page.goto(url)
        show(page, "K", hand_of("K"))
        page.page.get_by_text("Photos", exact=True).click()
        photos = [{"name": f"{n}.jpg", "mimeType": "image/jpeg", "buffer": picture()} for n in "ab"]
        page.page.locator("input[type=file]").set_input_files(photos)
        says(page, ".decision", "K")
        assert page.page.get_by_role("button", name="a.jpg: K").get_attribute("aria-pressed") == "true"
        red, dark = page.run("() => globalThis.seen.sides")
        assert (red > 200, dark < 120) == (True, True)
        assert page.run("() => [globalThis.seen.options.follow, globalThis.seen.width]") == [False, 320]
        assert page.run("() => getComputedStyle(document.querySelector('canvas.still')).transform") == "none"
        page.page.get_by_role("button", name="b.jpg: K").click()  # which was read meanwhile
        wait(page, "() => document.querySelector('.thumb:nth-child(2)').ariaPressed === 'true'")
        broken = {"name": "c.png", "mimeType": "image/png", "buffer": b"no picture"}
        page.page.locator("input[type=file]").set_input_files(broken)
        says(page, "#notices", "This browser cannot open c.png.")
        page.page.locator("input[type=file]").set_input_files(
            {"name": "d.txt", "mimeType": "text/plain", "buffer": b""}
        )
        says(page, "#notices", "d.txt is neither a photograph nor a film.")


@pytest.mark.parametrize("kind", ["drop", "paste"])
def test_pictures_are_dropped_and_pasted(page, kind):  # noqa: F811
    with served(files()) as url:
        page.page.goto(url)
        page.page.get_by_role("button", name="Use the camera").wait_for()
        show(page, "W", hand_of("W"))
        page.run(
            """async ([kind, url]) => {
              const transfer = new DataTransfer();
              transfer.items.add(new File([await (await fetch(url)).blob()], "x.jpg", { type: "image/jpeg" }));
              const given = kind === "paste" ? { clipboardData: transfer } : { dataTransfer: transfer };
              const Kind = kind === "paste" ? ClipboardEvent : DragEvent;
              document.body.dispatchEvent(new Kind(kind, { bubbles: true, cancelable: true, ...given }));
            }""",
            [kind, "practice/A_0.jpg"],
        )
        says(page, ".decision", "W")


def test_a_film_is_read_while_it_plays(page):  # noqa: F811
    with served(files()) as url:
        page.page.goto(url)
        page.page.get_by_role("button", name="Use the camera").wait_for()
        show(page, "Y", hand_of("Y"))
        page.run(
            """async () => {
              const canvas = Object.assign(document.createElement("canvas"), { width: 160, height: 120 });
              const context = canvas.getContext("2d");
              const painting = setInterval(() => context.fillRect(Math.random() * 160, 0, 9, 120), 20);
              const recorder = new MediaRecorder(canvas.captureStream(30));
              const stopped = new Promise((resolve) => { recorder.ondataavailable = resolve; });
              recorder.start();
              await new Promise((resolve) => setTimeout(resolve, 700));
              recorder.stop();
              clearInterval(painting);
              const transfer = new DataTransfer();
              transfer.items.add(new File([(await stopped).data], "film.webm", { type: "video/webm" }));
              const given = { bubbles: true, cancelable: true, dataTransfer: transfer };
              document.body.dispatchEvent(new DragEvent("drop", given));
            }"""
        )
        says(page, ".decision", "Y")
        assert page.run("() => [globalThis.seen.options.follow, globalThis.seen.width]") == [True, 160]
        assert page.run("() => getComputedStyle(document.querySelector('video')).transform") == "none"


def test_drawn_hands_do_where_there_is_no_camera(page):  # noqa: F811
    with served(files()) as url:
        page.page.goto(url)
        show(page, "A", hand_of("A"))
        page.page.get_by_role("button", name="Drawn hand: F").click()
        says(page, ".decision", "A")
        assert page.page.locator(".key[aria-pressed=true]").inner_text() == "F"
        assert page.page.get_by_role("radio", name="Drawn hands").is_checked()


# The camera


@pytest.mark.parametrize(
    ("error", "title"),
    [
        ("NotAllowedError", "The camera was refused"),
        ("NotFoundError", "There is no camera"),
        ("NotReadableError", "The camera is in use"),
    ],
)
def test_a_camera_that_cannot_be_had_says_why(page, error, title):  # noqa: F811
    page.page.add_init_script(
        f"navigator.mediaDevices.getUserMedia = async () => {{ throw new DOMException('', '{error}'); }};"
    )
    with served(files()) as url:
        page.page.goto(url)
        page.page.get_by_role("button", name="Use the camera").click()
        says(page, ".cover", title)
        assert page.page.get_by_role("button", name="Try again").is_visible()


def test_without_a_secure_page_it_says_where_to_go():
    with (
        launch("--host-resolver-rules=MAP page.test 127.0.0.1") as chromium,
        served(files()) as url,
        opened(chromium) as seen,
    ):
        port = url.rstrip("/").rpartition(":")[2]
        seen.page.goto(f"http://page.test:{port}/")
        seen.page.get_by_role("button", name="Use the camera").click()
        says(seen, ".cover", "The camera needs a secure page")
        says(seen, ".cover", f"http://localhost:{port}/")


def test_another_camera_can_be_chosen():
    arguments = ("--use-fake-device-for-media-stream=device-count=2", "--use-fake-ui-for-media-stream")
    with launch(*arguments) as chromium, served(files()) as url, opened(chromium, permissions=["camera"]) as seen:
        seen.url = url
        start_camera(seen)
        chooser = seen.page.get_by_label("Camera", exact=True).and_(seen.page.locator("select"))
        other = chooser.locator("option:not([selected])").first.get_attribute("value")
        chooser.select_option(other)
        current = "document.querySelector('video')?.srcObject?.getTracks()[0].getSettings().deviceId"
        wait(seen, f"(id) => {current} === id", other)


def test_a_hidden_page_gives_the_camera_back(with_camera):
    seen = with_camera
    start_camera(seen)
    seen.run("() => { globalThis.track = document.querySelector('video').srcObject.getTracks()[0]; }")
    notice_of_visibility(seen, True)
    wait(seen, "() => globalThis.track.readyState === 'ended' && !document.querySelector('video')")
    notice_of_visibility(seen, False)
    wait(seen, "() => document.querySelector('video')?.videoWidth > 0")


def test_an_unplugged_camera_comes_back(with_camera):
    seen = with_camera
    start_camera(seen)
    seen.run(
        """() => {
          globalThis.real = navigator.mediaDevices.enumerateDevices;
          navigator.mediaDevices.enumerateDevices = async () => [];
          const [track] = document.querySelector("video").srcObject.getTracks();
          track.dispatchEvent(new Event("ended"));
        }"""
    )
    says(seen, ".cover", "The camera is gone")
    seen.run(
        """() => {
          navigator.mediaDevices.enumerateDevices = globalThis.real;
          navigator.mediaDevices.dispatchEvent(new Event("devicechange"));
        }"""
    )
    wait(seen, "() => document.querySelector('video')?.videoWidth > 0")


def test_the_camera_stays_on_from_view_to_view_and_after_a_reload(with_camera):
    seen = with_camera
    start_camera(seen)
    seen.page.get_by_role("link", name="Spell").click()
    wait(seen, "() => document.querySelector('.view-spell video')?.videoWidth > 0")
    assert seen.page.title() == "Spell · Handshape"
    seen.page.reload()
    wait(seen, "() => document.querySelector('.view-spell video')?.videoWidth > 0")
    seen.page.get_by_text("Photos", exact=True).click()
    wait(seen, "() => !document.querySelector('video')")


# The server


def test_a_server_that_goes_and_comes_back(with_camera):
    seen = with_camera
    start_camera(seen)
    kept = seen.files.pop("site.json")
    for _ in range(2):
        seen.page.wait_for_timeout(200)
        notice_of_visibility(seen, False)
    says(seen, "#notices", "Reading goes on, on this device.")
    seen.files["site.json"] = kept
    notice_of_visibility(seen, False)
    says(seen, "#notices", "The server is back.")


def test_a_promoted_model_is_loaded(with_camera):
    seen = with_camera
    start_camera(seen)
    new = described(server=True, model={"sha256": "b" * 64, "name": "mine", "version": "7"})
    seen.files["site.json"] = json.dumps(new).encode()
    notice_of_visibility(seen, False)
    says(seen, "#notices", "A new model reads from now on: mine, version 7.")
    wait(seen, "() => globalThis.timesOpened === 2 && globalThis.timesClosed === 1")
    says(seen, "#about", "Model mine")
    wait(seen, "() => document.querySelector('video')?.videoWidth > 0")


def test_a_recogniser_that_fails_is_started_again(with_camera):
    seen = with_camera
    start_camera(seen)
    seen.run("() => { globalThis.failing = 'recognizer_failed'; }")
    says(seen, "#notices", "The recogniser stopped.")
    seen.run("() => { globalThis.failing = null; }")
    wait(
        seen, "() => globalThis.timesOpened > 1 && !document.querySelector('#notices').textContent.includes('stopped')"
    )
    show(seen, "C", hand_of("C"))
    says(seen, ".decision", "C")


def test_a_page_without_its_description_says_so(page):  # noqa: F811
    own = files()
    del own["site.json"]
    with served(own) as url:
        page.page.goto(url)
        says(page, "#view", "handshape serve")


def test_a_server_with_a_token_asks_for_it(page):  # noqa: F811
    own = files()
    whole, closed = own["site.json"], json.dumps(described(token=True) | {"model": None, "practice": {}}).encode()
    looked_at = []

    def answer(route):
        shown = route.request.headers.get("authorization")
        looked_at.extend([route] if shown == "Bearer wrong" else [])
        if shown != "Bearer wrong":
            route.fulfill(body=whole if shown == "Bearer open sesame" else closed, content_type="application/json")

    page.page.route("**/site.json", answer)
    token = page.page.get_by_label(re.compile("token", re.IGNORECASE))
    with served(own) as url:
        page.page.goto(url)
        token.fill("wrong")
        page.page.keyboard.press("Enter")
        while not looked_at:
            page.page.wait_for_timeout(20)
        # Another one would be lost now
        assert token.is_disabled()
        assert page.page.get_by_role("button", name="Go on").is_disabled()
        looked_at[0].fulfill(body=closed, content_type="application/json")
        says(page, ".token", "not known")
        token.fill("open sesame")
        page.page.keyboard.press("Enter")
        page.page.get_by_role("button", name="Use the camera").wait_for()


@pytest.mark.parametrize(("backend", "words"), [("device", "on this device"), ("server", "by the server")])
def test_says_where_pictures_are_read(page, backend, words):  # noqa: F811
    page.page.add_init_script(f"globalThis.wantedBackend = '{backend}';")
    with served(files()) as url:
        page.page.goto(url)
        says(page, "#backend", words)


# Spelling and practising


def test_spells_by_hand_button_and_key(with_camera):
    seen = with_camera
    show_at = "() => document.querySelector('.spelled').textContent"
    start_camera(seen, "spell")
    for letter in "HE":
        show(seen, letter, hand_of(letter))
        wait(seen, "(l) => document.querySelector('.spelled')?.textContent.endsWith(l)", letter)
    assert seen.page.locator(".ring-letter").inner_text() == "E"
    show(seen, "no hand")
    seen.page.get_by_role("button", name="HELLO").click()
    says(seen, ".spelled", "HELLO ")
    seen.page.keyboard.press("Control+z")
    wait(seen, "() => document.querySelector('.spelled').textContent === 'HE'")
    seen.page.keyboard.press("Backspace")
    wait(seen, "() => document.querySelector('.spelled').textContent === 'H'")
    seen.page.get_by_role("button", name="Clear").click()
    says(seen, ".spelled", "Hold a letter until its ring is full.")
    seen.page.get_by_role("button", name="Undo").click()
    assert seen.run(show_at) == "H"
    seen.page.get_by_role("link", name="Read").click()
    seen.page.get_by_role("link", name="Spell").click()
    says(seen, ".spelled", "H")


def test_practice_says_right_and_what_differs(with_camera):
    seen = with_camera
    start_camera(seen, "practise")
    seen.page.get_by_role("button", name="R: shown right").click()
    says(seen, ".target", "Show R")
    show(seen, "V", hand_of("V"))
    says(seen, ".verdict", "That looks like V.")
    says(seen, ".how", "Cross your index finger and middle finger.")
    show(seen, "R", hand_of("R"))
    says(seen, ".verdict", "Right, after")
    kept = json.loads(seen.run("() => localStorage['handshape.practice']"))
    assert kept["letters"]["R"]["right"] == 1
    assert kept["mixed"] == {"R\tV": 1}
    says(seen, ".memory", "R shown as V")
    wait(seen, "() => document.querySelector('.target strong').textContent !== 'R'")
    seen.page.get_by_role("button", name="Forget all this").click()
    assert json.loads(seen.run("() => localStorage['handshape.practice']")) == {"letters": {}, "mixed": {}}
    says(seen, ".practice", "J and Z are left out")


def test_practice_of_words_goes_letter_by_letter(with_camera):
    seen = with_camera
    start_camera(seen, "practise")
    seen.page.get_by_text("Words", exact=True).click()
    word = seen.page.locator(".target-word").inner_text()
    for letter in word[:2]:
        says(seen, ".target", f"Show {letter}")
        show(seen, letter, hand_of(letter))
        says(seen, ".verdict", "Right, after")
    assert seen.page.locator(".target-word").inner_text() == word
    seen.page.get_by_text("Left", exact=True).click()
    assert seen.run("() => document.querySelector('.drawn').classList.contains('mirrored')") is False
    seen.page.get_by_role("button", name="Without the drawing").click()
    assert seen.page.locator(".drawn").is_hidden()


# For everyone


@functools.cache
def axe():
    """axe-core's source; tests are skipped where it is not in the cache and cannot be fetched."""
    try:
        target = cache_folder() / "tests" / "axe-core-4.14.1.tgz"
        fetch(AXE, target, Console(quiet=True), AXE_SHA256)
    except DownloadError as error:
        pytest.skip(f"axe-core cannot be had: {error.happened}")
    with tarfile.open(target) as archive:
        return archive.extractfile("package/axe.min.js").read().decode("utf-8")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_everyone_can_use_every_view(browser, scheme, width):  # noqa: F811
    source, viewport = axe(), {"width": width, "height": 844}
    with (
        served(files()) as url,
        opened(browser, color_scheme=scheme, viewport=viewport, reduced_motion="reduce") as seen,
    ):
        asked = []
        seen.page.on("request", lambda request: asked.append(request.url))
        for view in VIEWS:
            seen.page.goto(f"{url}#{view}")
            seen.page.reload()
            seen.page.get_by_role("button", name="Use the camera").wait_for()
            assert_accessible(seen, source, f"{view}, welcome")
            show(seen, "V", hand_of("V"))
            seen.page.get_by_text("Drawn hands", exact=True).click()
            seen.page.get_by_role("button", name="Drawn hand: V", exact=True).and_(seen.page.locator(".key")).click()
            wait(seen, "() => globalThis.seen")
            seen.page.wait_for_timeout(1200)
            assert_accessible(seen, source, f"{view}, in use")
            assert seen.run("() => document.documentElement.scrollWidth") <= width
            assert small_targets(seen) == []
        assert [address for address in asked if not address.startswith((url, "blob:", "data:"))] == []
        assert seen.errors == []


def assert_accessible(seen, source, where):
    seen.page.evaluate(source)
    tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
    found = seen.run("(values) => axe.run(document, { runOnly: values })", tags)
    shown = [(one["id"], [node["html"] for node in one["nodes"]]) for one in found["violations"]]
    assert shown == [], where
    assert len(found["passes"]) > 10


def small_targets(seen):
    """Buttons and the like that are lower or narrower than 44 pixels."""
    return seen.run(
        """() => [...document.querySelectorAll("button, a, select, summary, label")]
          .filter((node) => node.checkVisibility() && !node.matches(".skip"))
          .map((node) => [node.textContent.trim(), node.getBoundingClientRect()])
          .filter(([, box]) => box.width < 44 || box.height < 44)
          .map(([name, box]) => `${name} ${box.width}x${box.height}`)"""
    )


def test_the_keyboard_alone_will_do(page):  # noqa: F811
    with served(files()) as url:
        page.page.goto(url)
        page.page.get_by_role("button", name="Use the camera").wait_for()
        order = []
        for _ in range(8):
            page.page.keyboard.press("Tab")
            order.append(page.run("() => document.activeElement.textContent.trim() || document.activeElement.value"))
            visible = page.run("() => document.activeElement.matches(':focus-visible')")
            assert visible
        assert order == [
            "Skip to the content",
            "Handshape",
            "Read",
            "Spell",
            "Practise",
            "Use the camera",
            "Try drawn hands",
            "camera",
        ]
        page.page.keyboard.press("ArrowRight")
        assert page.page.get_by_role("radio", name="Photos").is_checked()


def test_it_reads_from_right_to_left_too(page):  # noqa: F811
    own = files()
    words = site.read(own["words.js"].args[0]).decode("utf-8").replace('direction: "ltr"', 'direction: "rtl"')
    own["words.js"] = words.encode()
    with served(own) as url:
        page.page.goto(url)
        page.page.get_by_role("button", name="Use the camera").wait_for()
        frame, panel = (page.page.locator(name).bounding_box() for name in (".frame", ".reading"))
        assert frame["x"] > panel["x"]
        assert page.run("() => document.documentElement.scrollWidth <= innerWidth")


BEYOND = ("model/", "hands/", "litert/", "practice/")  # what is not the page itself


def test_the_real_recogniser_reads_drawn_hands_before_a_camera(tmp_path):
    film = tmp_path / "hands.mjpeg"
    film.write_bytes(b"".join(example(letter, 0) * 45 for letter in "LF"))
    own = site_of(read_bundle(ready_folder("asl")))
    own |= {f"practice/{label}_0.jpg": picture for label in LABELS}
    with (
        served(own) as url,
        launch(*CAMERA, f"--use-file-for-fake-video-capture={film}") as chromium,
        opened(chromium, permissions=["camera"]) as seen,
    ):
        asked = []
        seen.page.on("request", lambda request: asked.append(request.url.partition("?")[0]))
        seen.page.goto(url)
        seen.page.get_by_role("button", name="Use the camera").click()
        wait(seen, "() => /^[LF]$/.test(document.querySelector('.decision')?.textContent)")
        names = {address.removeprefix(url).partition("#")[0] or "index.html" for address in asked} - {"favicon.ico"}
        page_alone = [own[name]() for name in names if not name.startswith(BEYOND) and callable(own.get(name))]
        assert len(page_alone) > 25
        assert sum(map(len, page_alone)) < 200_000
        seen.page.get_by_role("link", name="Spell").click()
        wait(seen, "() => /LF|FL/.test(document.querySelector('.spelled')?.textContent)")
        assert [address for address in asked if not address.startswith((url, "blob:"))] == []
        assert seen.errors == []
