"""A model in service: counts beside those of its test, a shadow, and images kept for labelling."""

import json
import threading
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from api_server import running
from browser import browser  # noqa: F401  (a fixture)
from conftest import Trained, encoded
from hypothesis import given
from hypothesis import strategies as st

from handshape.cli.serve import watch_for
from handshape.console import Console
from handshape.errors import SettingsError
from handshape.export.bundle import find_bundle
from handshape.hands.boxes import Box
from handshape.hands.landmarks import Hand
from handshape.model.profile import BINS, ENOUGH, PROFILE, Profile, drift, in_words
from handshape.serving.api.page import Page
from handshape.serving.recognizer import Recognition, Recognizer
from handshape.serving.site import Device
from handshape.serving.watch.shadow import WAITING, Shadow
from handshape.serving.watch.unsure import UnsureImages
from handshape.serving.watch.watch import HOUR, HOURS, Watch, hand_size_of

answers = st.tuples(st.sampled_from(["A", "B", "unknown", "no hand"]), st.floats(0, 1), st.none() | st.floats(0, 5000))


def profile_of(many) -> Profile:
    profile = Profile()
    for each in many:
        profile.add(*each)
    return profile


@given(st.lists(answers, max_size=50), st.lists(answers, max_size=50))
def test_profiles_add_up_and_come_back(some, others):
    both = profile_of(some).plus(profile_of(others))
    assert both == profile_of(some + others)
    assert both.count == len(some) + len(others)
    assert Profile.from_dict(json.loads(json.dumps(both.as_dict()))) == both


@pytest.mark.parametrize(
    "values",
    [None, 3, [], {}, {"labels": {}}, {**Profile().as_dict(), "outcome": [1, 2]}, {**Profile().as_dict(), "labels": []}]
    + [{**Profile().as_dict(), "confidence": [wrong] * 10} for wrong in (-1, 0.5, True, "1", None)],
)
def test_what_is_no_profile(values):
    assert Profile.from_dict(values) is None


@pytest.mark.parametrize(("sure", "verdict"), [(0.9, "alike"), (0.75, "somewhat different"), (0.4, "different")])
def test_drift_is_told(sure, verdict):
    """Of a thousand answers when it was tested nine in ten were sure."""

    def with_share(share: float, count: int) -> Profile:
        return profile_of([("A", 0.95, 60.0)] * round(share * count) + [("A", 0.45, 60.0)] * round((1 - share) * count))

    indices = drift(with_share(0.9, 1000), with_share(sure, 1000))
    # written out: (s - e) ln(s / e) over both shares
    by_hand = (sure - 0.9) * np.log(sure / 0.9) + (0.9 - sure) * np.log((1 - sure) / 0.1)
    assert indices["confidence"] == pytest.approx(by_hand, abs=1e-9)
    assert in_words(indices["confidence"]) == verdict
    assert indices["outcome"] == indices["hand size"] == 0


def test_of_few_answers_nothing_is_told():
    few = profile_of([("A", 0.9, None)] * (ENOUGH - 1))
    assert drift(few, few) == dict.fromkeys(BINS)
    few.add("A", 0.9, None)
    assert drift(few, few) == {"outcome": 0, "confidence": 0, "hand size": None}
    assert in_words(None) == "too few to tell"


def recognition(decision: str = "A", confidence: float = 0.9, hand: Hand | None = None, second: float = 0.05):
    return Recognition(decision, confidence, (("A", confidence), ("B", second)), hand, 1.0)


def hand_of(pixels: float) -> Hand:
    landmarks = np.zeros((21, 3), np.float32)
    landmarks[[5, 9, 13, 17], 1] = -pixels
    return Hand(Box(0, 0, 1, 1, 0), landmarks, landmarks, "Right", 1.0, 1.0)


def bundle_with(profile: Profile | None, sha256: str = "one"):
    details = {} if profile is None else {PROFILE: profile.as_dict()}
    return SimpleNamespace(sha256=sha256, details=details)


def test_answers_are_counted_by_the_hour_and_the_oldest_go():
    now = [1000 * HOUR]
    watch = Watch(lambda: bundle_with(profile_of([("A", 0.95, 60.0)] * 50)), clock=lambda: now[0])
    for hour in range(HOURS + 5):
        now[0] = (1000 + hour) * HOUR + 7
        for _ in range(3):
            watch.saw(b"", recognition(confidence=0.95, hand=hand_of(60)))
    told = watch.as_dict()
    assert told["answers"] == 3 * HOURS
    assert len(told["hours"]) == HOURS
    assert {each["answers"] for each in told["hours"]} == {3}
    assert told["compared_with"] == "its answers to test photographs"
    assert {each["verdict"] for each in told["drift"].values()} == {"alike"}
    assert told["seen"]["labels"] == {"A": 3 * HOURS}


def test_without_a_profile_its_first_answers_are_what_others_are_compared_with():
    watch = Watch(lambda: bundle_with(None))
    for _ in range(ENOUGH):
        watch.saw(b"", recognition(confidence=0.95))
    assert watch.as_dict()["drift"]["confidence"]["index"] == 0
    for _ in range(3 * ENOUGH):
        watch.saw(b"", recognition("unknown", confidence=0.35))
    told = watch.as_dict()
    assert told["compared_with"] == f"its first {ENOUGH} answers here"
    assert told["drift"]["confidence"]["verdict"] == told["drift"]["outcome"]["verdict"] == "different"


def test_another_model_is_counted_anew():
    now = [bundle_with(Profile(), "one")]
    watch = Watch(lambda: now[0])
    watch.saw(b"", recognition())
    now[0] = bundle_with(Profile(), "two")
    watch.saw(b"", recognition())
    assert watch.as_dict()["answers"] == 1


def test_many_threads_lose_no_answer():
    watch = Watch(lambda: bundle_with(Profile()))
    threads = [threading.Thread(target=lambda: [watch.saw(b"", recognition()) for _ in range(500)]) for _ in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert watch.as_dict()["answers"] == 4000


def test_size_of_a_hand():
    assert hand_size_of(hand_of(60)) == pytest.approx(60)


def test_a_shadow_answers_beside():
    shadow = Shadow("asl@4", lambda image: image.decode())
    for served, other in [("A", b"A"), ("A", b"B"), ("A", b"B"), ("B", b"unknown")]:
        shadow.answer(other, served)
        shadow.wait()
    told = shadow.as_dict()
    assert (told["answers"], told["alike"], told["failed"], told["passed_over"]) == (4, 1, 0, 0)
    assert told["differences"][0] == {"served": "A", "shadow": "B", "images": 2}
    shadow.close()


def test_a_shadow_holds_nobody_up_and_survives_what_it_cannot_read():
    gate, begun = threading.Event(), threading.Event()

    def decide(image: bytes) -> str:
        begun.set()
        gate.wait(60)
        raise ValueError("what it cannot read")

    shadow = Shadow("slow", decide)
    shadow.answer(b"", "A")
    assert begun.wait(60)
    for _ in range(WAITING + 5):
        shadow.answer(b"", "A")
    assert shadow.as_dict()["passed_over"] == 5
    gate.set()
    shadow.wait()
    assert shadow.as_dict()["failed"] == WAITING + 1
    shadow.close()


def picture(number: int) -> bytes:
    return encoded(np.full((8, 8, 3), number, np.uint8))


def test_the_least_sure_images_are_kept(tmp_path: Path):
    unsure = UnsureImages(tmp_path / "kept", most=3)
    margins = [0.9, 0.1, 0.5, 0.3, 0.05, 0.7]
    for number, margin in enumerate(margins):
        unsure.offer(picture(number), recognition(confidence=margin, second=0.0))
    unsure.offer(picture(99), recognition("no hand", confidence=0.01))
    kept = sorted((tmp_path / "kept").glob("*/*"))
    assert [file.name[:6] for file in kept] == ["0.0500", "0.1000", "0.3000"]
    assert [file.read_bytes() for file in kept] == [picture(number) for number in (4, 1, 3)]
    assert {file.parent.name for file in kept} == {"A"}
    assert (tmp_path / "kept").stat().st_mode & 0o077 == 0
    again = UnsureImages(tmp_path / "kept", most=3)  # after a new start
    again.offer(picture(4), recognition(confidence=0.01, second=0.0))  # it is there already
    again.offer(picture(7), recognition(confidence=0.2, second=0.0))
    assert sorted(file.name[:6] for file in (tmp_path / "kept").glob("*/*")) == ["0.0500", "0.1000", "0.2000"]


def test_labels_are_no_paths(tmp_path: Path):
    unsure = UnsureImages(tmp_path / "kept")
    for label in ("../../x", "a/b", "..", "C:\\x", "\x1b[31m"):
        unsure.offer(picture(len(label)), Recognition(label, 0.5, ((label, 0.5), ("B", 0.4)), None, 1.0))
    inside = {file.parent.parent for file in tmp_path.rglob("*.png")}
    assert inside == {tmp_path / "kept"}
    assert not any(letter in str(file.parent.name) for file in tmp_path.rglob("*.png") for letter in "/\\\x1b")


def test_a_full_disk_stops_no_answer(tmp_path: Path, monkeypatch):
    unsure = UnsureImages(tmp_path / "kept")

    def full(_: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("handshape.serving.watch.unsure.atomic_write", full)
    unsure.offer(picture(1), recognition())
    assert unsure.as_dict()["failed"] == 1


def test_a_bundle_tells_what_its_test_was_answered(trained: Trained):
    bundle = find_bundle(trained.folder)
    profile = Profile.from_dict(bundle.details[PROFILE])
    assert profile is not None
    assert profile.count == bundle.details["measures"]["test"]["n"]
    assert sum(profile.confidence) == profile.count


def test_over_http(trained: Trained, tmp_path: Path):
    photo = next(trained.data.glob("*/*.*")).read_bytes()
    with running(trained.folder) as server:
        other = Recognizer(server.served.current.bundle, threads=1)
        shadow = Shadow("other", lambda image: other.recognize(image).decision)
        assert server.ask("GET", "/v1/watch").error_code == "not_watched"
        watch = server.served.watch = Watch(
            lambda: server.served.current.bundle, shadow, UnsureImages(tmp_path / "kept", 2)
        )
        for _ in range(3):
            assert server.send(photo).status == 200
            shadow.wait()
        told = server.ask("GET", "/v1/watch").object
        assert told["answers"] == told["shadow"]["answers"] == told["shadow"]["alike"] == 3
        assert len(list((tmp_path / "kept").glob("*/*"))) == (told["unsure"]["images"] > 0)
        text = server.ask("GET", "/metrics").body.decode()
        assert 'handshape_shadow_images{same="yes"} 3.0' in text
        watch.close()


def page_for(served, access, limits) -> Page:
    return Page(served, Device(Console(quiet=True)), access, {"training": False})


def options_of(**changes):
    return SimpleNamespace(**{"watch": False, "shadow": None, "keep_unsure": None, "keep": 100} | changes)


def test_what_was_asked_for_is_made(trained: Trained, tmp_path: Path):
    served = SimpleNamespace(name="x", current=SimpleNamespace(bundle=find_bundle(trained.folder)))
    quiet = Console(quiet=True)
    assert watch_for(options_of(), served, quiet) is None
    watch = watch_for(options_of(shadow=str(trained.folder), keep_unsure=tmp_path / "kept"), served, quiet)
    assert watch.shadow.name == str(trained.folder) and watch.unsure.folder == tmp_path / "kept"
    watch.close()
    with pytest.raises(SettingsError, match="--keep cannot be 0"):
        watch_for(options_of(watch=True, keep=0), served, quiet)


def test_how_a_model_fares_is_shown(trained: Trained, browser):  # noqa: F811
    """The page of ``handshape serve --watch``, with and without somebody who watches."""
    with running(trained.folder, page_of=page_for) as server:
        context = browser.new_context(viewport={"width": 390, "height": 800})
        page = context.new_page()
        page.goto(f"http://127.0.0.1:{server.port}/watch.html")
        page.get_by_text("Start the server with --watch").wait_for()
        server.served.watch = Watch(lambda: server.served.current.bundle)
        photo = next(trained.data.glob("*/*.*")).read_bytes()
        assert server.send(photo).status == 200
        page.reload()
        page.get_by_text("1 answers since").wait_for()
        assert page.get_by_role("rowheader", name="a sign").count() == 1
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        context.close()
