"""Fix labels: its requests, and its page, on a set of drawn hands of which two lie in the wrong class."""

import io
import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from api_server import PATIENCE, Answer, Running, wait_for
from browser import Seen, browser, opened, page  # noqa: F401  (fixtures)
from conftest import Handshape, PretendHands, fill
from mislabelled import WRONG, hands_of, mislabelled
from PIL import Image
from test_web_page import assert_accessible, axe, small_targets

from handshape.cli import labels as verb
from handshape.console import Console
from handshape.data.samples import list_samples
from handshape.serving.api import labels as requests
from handshape.serving.api.limits import Limits
from handshape.serving.api.server import make_server, open_socket
from handshape.workflow.labels import find_suspects

NONE = {"keep": 0, "move": 0, "leave_out": 0}


@pytest.fixture
def photos(drawn: Path, tmp_path: Path, pretend_hands: PretendHands) -> Path:
    pretend_hands(hands_of(drawn))
    return mislabelled(drawn, tmp_path / "photos")


@contextmanager
def looking_at(photos: Path) -> Iterator[Running]:
    """What ``handshape labels`` serves."""
    console, limits = Console(quiet=True), Limits(rate=0.0)
    app = verb.make_page(find_suspects(photos, "auto", console), limits, console)
    with open_socket("127.0.0.1", 0, limits) as socket:
        server = make_server(app, limits)
        thread = threading.Thread(target=server.run, args=([socket],))
        thread.start()
        try:
            wait_for(lambda: server.started)
            yield Running(socket.getsockname()[1], None, server)  # type: ignore[arg-type]
        finally:
            server.should_exit = True
            thread.join(PATIENCE)


@pytest.fixture
def server(photos: Path) -> Iterator[Running]:
    with looking_at(photos) as here:
        yield here


def decide(server: Running, **wanted: Any) -> Answer:
    body = json.dumps(wanted).encode()
    return server.ask("POST", "/v1/labels/decisions", body, Content_Type="application/json")


def number_of(server: Running, path: str) -> int:
    return next(each["image"] for each in server.ask("GET", "/v1/labels").object["suspects"] if each["path"] == path)


# Requests


def test_the_suspects_with_typical_photographs(server: Running, photos: Path) -> None:
    found = server.ask("GET", "/v1/labels").object
    assert {each["path"]: each["suggested"] for each in found["suspects"]} == WRONG
    assert (found["data"], found["file"]) == ("photos", str(photos / "labels.csv"))
    assert (found["classes"], found["counts"]) == (["5", "A", "B", "L"], NONE)
    assert all(each["decision"] is None and 0.5 < each["confidence"] <= 1 for each in found["suspects"])
    numbers = [number for numbers in found["typical"].values() for number in numbers]
    assert len(set(numbers)) == 12 and not set(numbers) & {each["image"] for each in found["suspects"]}
    assert json.loads(server.ask("GET", "/site.json").body)["labels"] is True
    assert not (photos / "labels.csv").exists()


def test_photographs_by_their_numbers_alone(server: Running) -> None:
    whole, hand = (server.ask("GET", f"/v1/labels/images/0{query}") for query in ("", "?hand=1"))
    assert (whole.status, whole.headers["content-type"]) == (200, "image/jpeg")
    assert Image.open(io.BytesIO(whole.body)).size == (96, 96)
    size = Image.open(io.BytesIO(hand.body)).size
    assert 20 < min(size) <= max(size) <= 96 and size != (96, 96)
    for number in ("99", "-1", "1.5", "x", "..%2f..%2flabels.csv", "%2e%2e"):
        assert server.ask("GET", f"/v1/labels/images/{number}").status == 404


def test_decisions_are_written_at_once_and_taken_back(server: Running, photos: Path) -> None:
    one, other = number_of(server, "L/A_0003.jpg"), number_of(server, "B/5_0004.jpg")
    moved = {"kind": "move", "label": "A"}
    answer = decide(server, image=one, kind="move", label="A").object
    assert answer == {"image": one, "decision": moved, "counts": {**NONE, "move": 1}}
    assert (photos / "labels.csv").read_text() == "path,label,kept\nL/A_0003.jpg,A,\n"
    assert decide(server, image=other, kind="leave_out").object["decision"] == {"kind": "leave_out", "label": ""}
    assert decide(server, image=one, kind="keep", before=moved).object["decision"] == {"kind": "keep", "label": "L"}
    assert (photos / "labels.csv").read_text() == "path,label,kept\nL/A_0003.jpg,L,yes\nB/5_0004.jpg,,\n"
    counts = decide(server, image=other, kind="undo", before={"kind": "leave_out", "label": ""}).object["counts"]
    assert counts == {**NONE, "keep": 1}
    assert decide(server, image=one, kind="undo", before={"kind": "keep", "label": "L"}).status == 200
    assert not (photos / "labels.csv").exists()
    assert {path for path in WRONG if (photos / path).is_file()} == set(WRONG)


def test_what_others_decide_and_write_meanwhile_is_kept(server: Running, photos: Path) -> None:
    number = number_of(server, "L/A_0003.jpg")
    fill(photos, {"labels.csv": b"path,label\nA/A_0001.jpg,\n"})
    assert decide(server, image=number, kind="move", label="A").status == 200
    assert list_samples(photos).corrections.in_words == "1 moved, 1 left out"
    late = decide(server, image=number, kind="keep")
    assert (late.status, late.error_code) == (409, "decided_elsewhere")
    assert list_samples(photos).corrections.moved == {"L/A_0003.jpg": "A"}


def test_of_many_at_once_one_is_first(server: Running, photos: Path) -> None:
    numbers = [number_of(server, path) for path in WRONG]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda turn: decide(server, image=numbers[turn % 2], kind="leave_out"), range(16)))
    assert sorted(answer.status for answer in answers) == [200] * 2 + [409] * 14
    assert sorted(list_samples(photos).corrections.left_out) == sorted(WRONG)


REFUSED = [
    ({"image": 0, "kind": "delete"}, 422, "no_decision"),
    ({"image": "0", "kind": "keep"}, 422, "no_decision"),
    ({"image": 0, "kind": "keep", "path": "A/1.jpg"}, 422, "no_decision"),
    ({"image": 0, "kind": "keep", "label": "A" * 20_000}, 422, "no_decision"),
    ({"image": 99, "kind": "keep"}, 404, "no_such_image"),
    ({"image": 5, "kind": "keep"}, 404, "no_such_image"),  # a typical one, which nobody suspects
    ({"image": 0, "kind": "move", "label": "../B"}, 409, "labels_file"),
    ({"image": 0, "kind": "move"}, 409, "labels_file"),
]


@pytest.mark.parametrize(("wanted", "status", "code"), REFUSED)
def test_other_requests_are_refused(server: Running, photos: Path, wanted: Any, status: int, code: str) -> None:
    answer = decide(server, **wanted)
    assert (answer.status, answer.error_code) == (status, code)
    assert not (photos / "labels.csv").exists()


def test_other_pages_may_not_decide(server: Running, photos: Path) -> None:
    body, path = b'{"image": 0, "kind": "keep"}', "/v1/labels/decisions"
    assert server.ask("POST", path, body, Content_Type="text/plain").error_code == "not_json"
    foreign = {"Content_Type": "application/json", "Origin": "https://elsewhere.example"}
    assert server.ask("POST", path, body, **foreign).error_code == "other_origin"
    assert server.ask("GET", "/v1/labels", Host="elsewhere.example").error_code == "wrong_host"
    assert not (photos / "labels.csv").exists()


def test_a_file_that_somebody_damages_is_told_and_left(server: Running, photos: Path) -> None:
    fill(photos, {"labels.csv": b"path,label\nA/A_0001.jpg,B\nA/A_0001.jpg,L\n"})
    for answer in (decide(server, image=0, kind="keep"), server.ask("GET", "/v1/labels")):
        assert (answer.status, answer.error_code) == (409, "labels_file")
        assert "says two things of A/A_0001.jpg" in answer.object["error"]["message"]
    assert (photos / "labels.csv").read_bytes().endswith(b"A/A_0001.jpg,L\n")


def test_the_verb_serves_the_page_and_opens_it(
    photos: Path, handshape: Handshape, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened_pages: list[str] = []

    class Stops:
        def __init__(self, *given: object) -> None: ...

        def run(self, sockets: list[Any]) -> None:
            raise KeyboardInterrupt

    monkeypatch.setattr("handshape.serving.api.server.make_server", Stops)
    monkeypatch.setattr(verb.webbrowser, "open", opened_pages.append)
    for words, count in (((), 1), (("--no-open",), 1)):
        outcome = handshape("labels", photos, *words)
        assert outcome.code == 0 and "2 labels are suspect" in outcome.out and "/#labels" in outcome.err
        assert len(opened_pages) == count
    assert opened_pages[0].startswith("http://127.0.0.1:")


def test_serving_asks_for_what_it_needs() -> None:
    """The routes know a desk by its methods, and nothing of data sets."""
    from handshape.workflow.labels import Desk

    assert {name for name in vars(requests.LabelDesk) if not name.startswith("_")} <= set(dir(Desk))


# The page


def look(seen: Seen, server: Running) -> None:
    seen.page.goto(f"http://127.0.0.1:{server.port}/#labels")
    seen.page.locator(".labels-frame img").wait_for()


def says(seen: Seen, selector: str, words: str) -> None:
    seen.page.locator(selector).filter(has_text=words).first.wait_for()


def press(seen: Seen, *keys: str) -> None:
    for key in keys:
        seen.page.keyboard.press(key)


def test_keys_decide_one_after_the_other(server: Running, photos: Path, page: Seen) -> None:  # noqa: F811
    look(page, server)
    says(page, ".labels-head", "Photograph 1 of 2; 0 decided")
    first = server.ask("GET", "/v1/labels").object["suspects"][0]
    says(page, ".labels-class", f"It looks like {first['suggested']}")
    loaded = "() => [...document.querySelectorAll('.labels-desk img')].filter((one) => one.naturalWidth > 0).length"
    wait_for(lambda: page.run(loaded) == 7)
    press(page, "m")
    says(page, ".labels-head", "Photograph 2 of 2; 1 decided")
    assert list_samples(photos).corrections.moved == {first["path"]: first["suggested"]}
    press(page, "u")
    says(page, ".labels-head", "Photograph 1 of 2; 0 decided")
    assert not (photos / "labels.csv").exists()
    press(page, "ArrowRight", "z")
    says(page, ".labels-head", "Photograph 2 of 2; 0 decided")
    assert "hand=1" in page.page.locator(".labels-frame img").get_attribute("src")
    press(page, "l")
    says(page, ".labels-head", "Photograph 1 of 2; 1 decided")
    press(page, "k")
    says(page, "h1", "Every photograph is decided on")
    assert page.page.locator("h1").evaluate("(node) => node === document.activeElement")
    says(page, ".labels-done", "Nothing was moved, renamed or deleted on the disk.")
    assert page.page.locator(".labels-facts dd").all_inner_texts() == ["0", "1", "1"]
    page.page.get_by_role("button", name="Look again at").first.click()
    says(page, ".labels-state", "Kept as")
    press(page, "u")
    says(page, ".labels-state", "Not decided yet")


def test_buttons_another_class_and_letters_that_are_off(server: Running, photos: Path, page: Seen) -> None:  # noqa: F811
    look(page, server)
    page.page.get_by_label("Letter keys decide").uncheck()
    press(page, "k")
    page.page.locator(".labels-frame").click()
    press(page, "m", "ArrowRight", "ArrowLeft")
    says(page, ".labels-head", "Photograph 1 of 2; 0 decided")
    assert not (photos / "labels.csv").exists()
    path = page.page.locator("figcaption bdi").first.inner_text()
    other = next(label for label in "AB5L" if label not in (WRONG[path], path[0]))
    page.page.get_by_label("Another class").select_option(other)
    page.page.get_by_role("button", name="Move there").click()
    says(page, ".labels-head", "1 decided")
    assert list_samples(photos).corrections.moved == {path: other}
    page.page.get_by_role("button", name="Leave out").click()
    says(page, "h1", "Every photograph is decided on")
    page.page.reload()
    says(page, "h1", "Every photograph is decided on")


def test_what_goes_wrong_is_said_and_nothing_is_lost(server: Running, photos: Path, page: Seen) -> None:  # noqa: F811
    look(page, server)
    path = page.page.locator("figcaption bdi").first.inner_text()
    number = number_of(server, path)
    assert decide(server, image=number, kind="leave_out").status == 200
    press(page, "k")
    says(page, ".notice", "Somebody else has decided on this photograph meanwhile")
    says(page, ".labels-state", "Left out")
    assert list_samples(photos).corrections.left_out == (path,)
    press(page, "k")  # now that it was seen
    says(page, ".labels-head", "Photograph 2 of 2; 1 decided")
    fill(photos, {"labels.csv": b"path,label\nA/A_0001.jpg,B\nA/A_0001.jpg,L\n"})
    press(page, "m")
    says(page, ".notice", "says two things of A/A_0001.jpg")
    page.page.route("**/v1/labels/**", lambda route: route.abort())
    press(page, "m")
    says(page, ".notice", "The server does not answer, so nothing was written.")
    says(page, ".labels-head", "Photograph 2 of 2; 1 decided")


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_everyone_can_use_it(server: Running, browser: Any, width: int, scheme: Any) -> None:  # noqa: F811
    source, viewport = axe(), {"width": width, "height": 844}
    with opened(browser, viewport=viewport, color_scheme=scheme, reduced_motion="reduce") as seen:
        look(seen, server)
        for where in ("a photograph", "all decided"):
            seen.page.wait_for_timeout(1000)
            assert_accessible(seen, source, where)
            assert seen.run("() => document.documentElement.scrollWidth") <= width
            assert small_targets(seen) == []
            press(seen, "m", "m")
            seen.page.wait_for_timeout(1000)
            press(seen, "m")
            says(seen, "h1", "Every photograph is decided on")
