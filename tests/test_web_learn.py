"""Learn my signs: recordings on disk, their names, advice, trainings in a process of their own, and the page's view."""

import csv
import io
import json
import os
import shutil
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from api_server import BOUNDARY, Answer, Running, running, wait_for
from browser import Seen, browser, page  # noqa: F401
from conftest import PretendHands, Trained, checked, encoded
from PIL import Image

from handshape.console import Console
from handshape.data.groups import group_samples
from handshape.data.samples import list_samples
from handshape.hands.boxes import Box
from handshape.hands.inputs import Photograph
from handshape.hands.landmarks import Hand
from handshape.hands.models import HandModels
from handshape.practice.examples import EXAMPLES, example
from handshape.registry import Reference, open_registry
from handshape.serving.api.learning import Learning
from handshape.serving.api.page import Page
from handshape.serving.learn import trainer as trainer_module
from handshape.serving.learn.advice import (
    CUT_OFF,
    NO_HAND,
    OTHER_HAND,
    TOO_ALIKE,
    TOO_DARK,
    TOO_SMALL,
    Watcher,
    is_steady,
    of_burst,
)
from handshape.serving.learn.advice import Seen as SeenFrame
from handshape.serving.learn.names import RefusedError, name_of
from handshape.serving.learn.progress import Progress
from handshape.serving.learn.recordings import Bounds, Recordings
from handshape.serving.learn.tables import SIGNERS
from handshape.serving.learn.trainer import BY_SESSION, PATIENCE, groups_rule
from handshape.serving.site import Device

FORM = f"multipart/form-data; boundary={BOUNDARY}"


def jpeg(seed: int, size: int = 80) -> bytes:
    noise = np.random.default_rng(seed).integers(0, 256, (size // 8, size // 8, 3), np.uint8)
    return encoded(Image.fromarray(noise.repeat(8, 0).repeat(8, 1)), "JPEG", quality=80)


def record(recordings: Recordings, **counts: int) -> None:
    """Frames of classes, in three sessions of one person."""
    seed = 0
    for label, count in counts.items():
        for session in range(3):
            frames = [jpeg(seed := seed + 1) for _ in range(count)]
            recordings.add(label, f"session {session + 1}", "me", frames)


# --- names ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("A", "A"),
        (" Guten Tag ", "Guten Tag"),
        ("cafe\u0301", "caf\u00e9"),
        ("你好", "你好"),
        ("שלום", "שלום"),
        ("thumb-up_2", "thumb-up_2"),
        ("contest", "contest"),
        ("device", "device"),
        ("console", "console"),
    ],
)
def test_names_of_classes(text, name):
    assert name_of(text, "class") == name


@pytest.mark.parametrize(
    "text",
    [
        *["", " ", ".", "..", ".hidden", "end.", "a/b", "a\\b", "../x", "a:b", "a*", "a?", 'a"b', "a<b", "a|b"],
        *[
            "a\0b",
            "a\nb",
            "a\u202eb",
            "a\u200bb",
            "\ud800",
            "CON",
            "nul.txt",
            "Com1",
            "LPT9",
            "aux.",
            "x" * 61,
            "ÿ" * 100,
        ],
        *["unknown", "No Hand", "train", "my test", "val"],
        *["signers.csv", "Labels.CSV", "__MACOSX", "@eaDir", "$RECYCLE.BIN", "lost+found", "Thumbs.db"],
    ],
)
def test_what_cannot_be_the_name_of_a_class(text):
    with pytest.raises(RefusedError, match="cannot be the name of a class"):
        name_of(text, "class")


def test_a_comma_would_not_be_told_from_the_one_before_the_session():
    assert name_of("monday, noon", "session") == "monday, noon"
    with pytest.raises(RefusedError, match="comma"):
        name_of("Ann, of York", "signer")


# --- recordings on disk --------------------------------------------------------------------------------------------


@pytest.fixture
def recordings(tmp_path: Path) -> Recordings:
    return Recordings(tmp_path / "recordings")


def test_recordings_are_class_folders_that_other_verbs_read(recordings: Recordings):
    record(recordings, A=4, B=4)
    folder = list_samples(recordings.root)
    assert folder.classes == ("A", "B")
    assert folder.counts() == {"A": 12, "B": 12}
    assert folder.samples[0].path == "A/me, session 1/0001.jpg"
    rows = list(csv.DictReader((recordings.root / SIGNERS).open(encoding="utf-8")))
    assert {row["path"] for row in rows} == {sample.path for sample in folder.samples}
    assert {row["signer"] for row in rows} == {"me"}
    assert checked(recordings.root).usable == 24


def test_numbers_go_on(recordings: Recordings):
    assert recordings.add("A", "one", "me", [jpeg(1), jpeg(2)]) == ["A/me, one/0001.jpg", "A/me, one/0002.jpg"]
    recordings.delete_frames(["A/me, one/0001.jpg"])
    assert recordings.add("A", "one", "me", [jpeg(3)]) == ["A/me, one/0003.jpg"]
    (only,) = recordings.classes()
    assert [(each.name, each.signer, each.frames) for each in only.sessions] == [
        ("one", "me", ("0002.jpg", "0003.jpg"))
    ]


def test_three_people_are_the_groups_else_three_sessions_else_bursts(recordings: Recordings):
    recordings.add("A", "one", "me", [jpeg(1)])
    assert groups_rule(recordings.classes()) == "auto"
    for session in ("two", "three"):
        recordings.add("A", session, "me", [jpeg(2)])
    assert groups_rule(recordings.classes()) == BY_SESSION
    folder = list_samples(recordings.root)
    groups = group_samples(folder, folder.samples, BY_SESSION, {})
    assert set(groups.of.values()) == {"me, one", "me, two", "me, three"}
    assert (groups.grouping, groups.are_signers) == ("burst", False)  # nobody says that they are other people
    assert "by session (3 sessions)" in groups.description
    for signer in ("anna", "ben"):
        recordings.add("A", "one", signer, [jpeg(3)])
    assert groups_rule(recordings.classes()) == "auto"
    folder = list_samples(recordings.root)
    assert group_samples(folder, folder.samples, "auto", {}).are_signers


def test_another_name_takes_the_tables_along(recordings: Recordings):
    record(recordings, A=1, B=1)
    labels = "path,label,note\nA/me, session 1/0001.jpg,B,\nB/me, session 2/0001.jpg,A,see\n".replace(
        "A/me, session 1/0001.jpg", '"A/me, session 1/0001.jpg"'
    ).replace("B/me, session 2/0001.jpg", '"B/me, session 2/0001.jpg"')
    (recordings.root / "labels.csv").write_text(labels, encoding="utf-8")
    assert recordings.rename("A", " Ä ") == "Ä"
    assert [each.name for each in recordings.classes()] == ["B", "Ä"]
    rows = list(csv.DictReader((recordings.root / "labels.csv").open(encoding="utf-8")))
    assert [(row["path"], row["note"]) for row in rows] == [
        ("Ä/me, session 1/0001.jpg", ""),
        ("B/me, session 2/0001.jpg", "see"),
    ]
    recordings.delete("B")
    for name in (SIGNERS, "labels.csv"):
        paths = [row["path"] for row in csv.DictReader((recordings.root / name).open(encoding="utf-8"))]
        assert paths
        assert all((recordings.root / path).is_file() for path in paths)


def test_a_class_goes_with_its_last_frame(recordings: Recordings):
    record(recordings, A=1, B=1)
    recordings.delete("A", "me, session 1")
    recordings.delete("A", "me, session 2")
    recordings.delete_frames(["A/me, session 3/0001.jpg"])
    assert [each.name for each in recordings.classes()] == ["B"]
    assert not (recordings.root / "A").exists()


def test_names_that_a_file_system_may_take_for_the_same(recordings: Recordings):
    record(recordings, Hello=1, B=1)
    for other in ("hello", "HELLO", "Ｈello"):
        with pytest.raises(RefusedError) as refused:
            recordings.add(other, "one", "me", [jpeg(1)])
        assert refused.value.code == "name_clash"
        with pytest.raises(RefusedError):
            recordings.rename("B", other)
    with pytest.raises(RefusedError) as refused:
        recordings.rename("B", "Hello")
    assert refused.value.code == "name_taken"
    assert recordings.rename("Hello", "hello") == "hello"


@pytest.mark.parametrize(
    "path",
    [
        *[
            "",
            "/",
            "A",
            "A/",
            "../x.jpg",
            "A/../../x.jpg",
            "/etc/passwd",
            "A/me, session 1/../../signers.csv",
            "signers.csv",
        ],
        *["A/me, session 1/0001.jpg/", "A//0001.jpg", "A/me, session 1/0001.png", "A\\me, session 1\\0001.jpg"],
        *[
            "./A/me, session 1/0001.jpg",
            "a/me, session 1/0001.jpg",
            "A/link/x.jpg",
            "link/x.jpg",
            "A/me, session 1/l.jpg",
        ],
        *["A/.hidden/x.jpg", "A/me, session 1/.x.jpg", "A/me, session 1/0001.jpg\0"],
    ],
)
def test_nothing_outside_is_read_or_removed(path, recordings: Recordings, tmp_path: Path):
    record(recordings, A=1)
    secret = tmp_path / "elsewhere" / "x.jpg"
    secret.parent.mkdir()
    secret.write_bytes(jpeg(1))
    (tmp_path / "x.jpg").write_bytes(jpeg(1))
    for place in (recordings.root / "link", recordings.root / "A" / "link"):
        place.symlink_to(secret.parent)
    (recordings.root / "A" / "me, session 1" / "l.jpg").symlink_to(secret)
    for hidden in (recordings.root / "A" / ".hidden" / "x.jpg", recordings.root / "A" / "me, session 1" / ".x.jpg"):
        hidden.parent.mkdir(exist_ok=True)
        hidden.write_bytes(b"x")
    with pytest.raises(RefusedError):
        recordings.file(path)
    with pytest.raises(RefusedError):
        recordings.delete_frames(["A/me, session 2/0001.jpg", path])
    for label, session in ((path, None), ("A", path), ("link", None), ("A", "link")):
        if (label, session) not in (("A", None), ("A", "")):  # these are there
            with pytest.raises(RefusedError):
                recordings.delete(label, session)
    assert secret.is_file()
    assert recordings.file("A/me, session 2/0001.jpg").is_file()


@pytest.mark.parametrize(
    "frame",
    [
        *[b"", b"no image", encoded(Image.new("RGB", (99, 99)), "PNG"), jpeg(1)[:300], jpeg(1, 40)],
        *[encoded(Image.new("L", (3000, 3000)), "JPEG"), jpeg(1) + b"x" * 2_000_000],
    ],
    ids=["empty", "text", "PNG", "cut short", "tiny", "large", "heavy"],
)
def test_what_is_no_frame(frame, recordings: Recordings):
    with pytest.raises(RefusedError):
        recordings.add("A", "one", "me", [jpeg(2), frame])
    assert not recordings.root.exists()


@pytest.mark.parametrize("bounds", [Bounds(frames=2), Bounds(bytes=100), Bounds(classes=0)])
def test_there_is_an_end_to_it(bounds, tmp_path: Path):
    recordings = Recordings(tmp_path / "recordings", bounds)
    with pytest.raises(RefusedError) as refused:
        recordings.add("A", "one", "me", [jpeg(1), jpeg(2), jpeg(3)])
    assert refused.value.code == "too_much"


def test_a_table_of_somebody_else_is_left_as_it_is(recordings: Recordings):
    recordings.root.mkdir()
    table = recordings.root / SIGNERS
    table.write_text("name,age\nanna,3\n")
    with pytest.raises(RefusedError, match=r"signers.csv"):
        recordings.add("A", "one", "me", [jpeg(1)])
    assert table.read_text() == "name,age\nanna,3\n"
    table.write_text("path,signer,town\nB/1.jpg,anna,Ulm\n")
    recordings.add("A", "one", "me", [jpeg(1)])
    assert table.read_text() == 'path,signer,town\nB/1.jpg,anna,Ulm\n"A/me, one/0001.jpg",me,\n'


# --- advice --------------------------------------------------------------------------------------------------------


def hand_at(x: float, y: float, side: float = 60, handedness: str = "Right") -> Hand:
    points = np.random.default_rng(1).uniform(0, 1, (21, 3)).astype(np.float32) * side + np.array([x, y, 0], np.float32)
    return Hand(Box(x + side / 2, y + side / 2, side * 2, side * 2, 0.0), points, points, handedness, 1.0, 1.0)


@pytest.mark.parametrize(
    ("hand", "brightness", "usual", "advice"),
    [
        (hand_at(50, 50), 120, None, []),
        (hand_at(50, 50), 120, "Right", []),
        (None, 120, "Right", [NO_HAND]),
        (None, 20, None, [NO_HAND, TOO_DARK]),
        (hand_at(50, 50), 20, None, [TOO_DARK]),
        (hand_at(-20, 50), 120, None, [CUT_OFF]),
        (hand_at(50, 190), 120, None, [CUT_OFF]),
        (hand_at(50, 50, 10), 120, None, [TOO_SMALL]),
        (hand_at(50, 50), 120, "Left", [OTHER_HAND]),
    ],
)
def test_advice_on_a_frame(hand, brightness, usual, advice):
    assert SeenFrame(hand, brightness, 320, 240).advice(usual) == advice


def test_advice_on_a_burst():
    still = [hand_at(50 + 0.2 * step, 50) for step in range(10)]
    moving = [hand_at(50 + 4 * step, 50) for step in range(10)]
    assert is_steady(still)
    assert not is_steady(moving)
    assert not is_steady(still[:4])  # too few to say
    seen = [SeenFrame(hand, 100, 320, 240) for hand in still]
    assert of_burst(seen, [[]] * 10) == [TOO_ALIKE]
    assert of_burst(seen[:4], [[CUT_OFF], [CUT_OFF], [], []]) == [CUT_OFF]
    assert of_burst(seen[:4], [[CUT_OFF], [], [], []]) == []


def test_the_other_hand_is_noticed_class_by_class(pretend_hands: PretendHands, console: Console):
    side = ["Right"]
    pretend_hands(lambda photograph: hand_at(5, 5, 40, side[0]))
    watcher = Watcher(console)
    assert watcher.look("A", [jpeg(1)] * 3, 128)["advice"] == []
    side[0] = "Left"
    assert watcher.look("B", [jpeg(1)], 128)["advice"] == []
    assert watcher.look("A", [jpeg(1)], 128)["advice"] == [OTHER_HAND]
    watcher.forget("A")
    assert watcher.look("A", [jpeg(1)], 128)["advice"] == []


def test_hands_are_in_the_cache_before_training_looks_for_them(models: HandModels, home: Path, console: Console):
    from handshape.hands import search

    (home / "hands").mkdir(parents=True)
    for file in (models.palm, models.landmarks):
        shutil.copy(file, home / "hands" / file.name)
    frames = [example("B", number) for number in range(3)]
    said = Watcher(console).look("B", frames, 128)
    assert [each["hand"] for each in said["frames"]] == [True] * 3
    found = search.hand_search(console)
    assert found is not None
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(search, "find_in_photograph", lambda finder, photograph: pytest.fail("searched again"))
        from handshape.hands.inputs import load_photograph

        assert all(hand for _, hand in found([load_photograph(frame, 128) for frame in frames]))


# --- progress ------------------------------------------------------------------------------------------------------


def bar(label: str, done: int, total: int) -> str:
    return json.dumps({"progress": {"label": label, "done": done, "total": total, "note": ""}})


def test_progress_only_grows():
    progress, shares = Progress(), []
    lines = [bar("Reading images", 0, 10), bar("Reading images", 10, 10), '{"status": "Split"}']
    for _ in range(2):
        for label in ("Landmark stream, epoch", "Hand stream, epoch"):
            lines += [bar(label, done, 4) for done in range(5)]
        lines.append(bar("Predicting", 1, 2))
    stages = []
    for line in lines:
        progress.take(line)
        shares.append(progress.share)
        stages.append(progress.stage)
    assert shares == sorted(shares)
    assert shares[-1] == pytest.approx(0.95)
    assert list(dict.fromkeys(stages)) == ["read", "learn", "learn_all"]
    for line in ("no JSON", "[]", "3", '{"warning": "careful"}', '{"error": "no room"}'):
        progress.take(line)
    assert (progress.warnings, progress.error) == (["careful"], "no room")


def test_the_console_tells_programs_how_far_it_is(capfd):
    console = Console(quiet=True, to_json=True, tells_progress=True)
    console.status("train", "Training")
    with console.progress("Epoch", 1000) as bar:
        for _ in range(1000):
            bar.advance()
    console.warn("Careful")
    console.emit({"run": "x"})
    told = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    assert told[0] == {"status": "Training"}
    bars = [each["progress"] for each in told if "progress" in each]
    assert bars[0] == {"label": "Epoch", "done": 0, "total": 1000, "note": ""}
    assert bars[-1]["done"] == 1000
    assert len(bars) < 100  # not one a step
    assert told[-2:] == [{"warning": "Careful"}, {"run": "x"}]


# --- the server ----------------------------------------------------------------------------------------------------


def burst(frames: list[bytes], **names: str) -> bytes:
    parts = [
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{text}\r\n'.encode()
        for name, text in names.items()
    ]
    for number, frame in enumerate(frames):
        head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="frame"; filename="{number}.jpg"\r\n\r\n'
        parts.append(head.encode() + frame + b"\r\n")
    return b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()


def add(server: Running, label: str, session: str, frames: list[bytes], **headers: str) -> Answer:
    names = {"class": label, "session": session, "signer": "me"}
    return server.ask("POST", "/v1/recordings", burst(frames, **names), **{"Content_Type": FORM, **headers})


def post(server: Running, path: str, what: object, **headers: str) -> Answer:
    return server.ask("POST", path, json.dumps(what).encode(), **{"Content_Type": "application/json", **headers})


@pytest.fixture
def place(tmp_path: Path, monkeypatch, pretend_hands: PretendHands) -> Path:
    """Where recordings, registered models and trials of one test are."""
    pretend_hands(pretended)
    monkeypatch.setenv("HANDSHAPE_REGISTRY", str(tmp_path / "registry"))
    return tmp_path


def pretended(photograph: Photograph) -> Hand:
    return hand_at(5, 5, 50)


@pytest.fixture
def server(trained: Trained, place: Path) -> Iterator[Running]:
    made: list[Learning] = []

    def page_of(served, access, limits) -> Page:
        made.append(Learning(Recordings(place / "recordings"), served, limits, Console(quiet=True)))
        return Page(served, Device(Console(quiet=True)), access, {"training": True}, made[0].routers())

    with running(trained.folder, page_of=page_of, images=8) as here:
        yield here
        made[0].close()


def test_a_class_from_its_first_frame_to_its_last(server: Running, place: Path):
    assert server.ask("GET", "/v1/recordings").object["classes"] == []
    answer = add(server, "A", "noon", [jpeg(1), jpeg(2)])
    assert answer.status == 201
    assert answer.object["paths"] == ["A/me, noon/0001.jpg", "A/me, noon/0002.jpg"]
    assert [each["hand"] for each in answer.object["frames"]] == [True, True]
    (one,) = server.ask("GET", "/v1/recordings").object["classes"]
    assert (one["name"], one["frames"]) == ("A", 2)
    shown = one["sessions"][0]["shown"].replace(" ", "%20").replace(",", "%2C")
    frame = server.ask("GET", f"/v1/recordings/frame?path={shown}")
    assert (frame.status, frame.headers["content-type"], frame.body) == (200, "image/jpeg", jpeg(2))
    assert frame.headers["cache-control"] == "no-store"
    assert post(server, "/v1/recordings/rename", {"class": "A", "name": "Å"}).object == {"class": "Å"}
    packed = server.ask("GET", "/v1/recordings/recordings.zip")
    assert packed.headers["content-type"] == "application/zip"
    names = zipfile.ZipFile(io.BytesIO(packed.body)).namelist()
    assert sorted(names) == ["signers.csv", "Å/me, noon/0001.jpg", "Å/me, noon/0002.jpg"]
    left = post(server, "/v1/recordings/delete", {"frames": ["Å/me, noon/0001.jpg"]})
    assert left.object["classes"][0]["frames"] == 1
    assert post(server, "/v1/recordings/delete", {"class": "Å"}).object["classes"] == []
    assert [path.name for path in (place / "recordings").iterdir()] == ["signers.csv"]


@pytest.mark.parametrize(
    ("path", "what", "status", "code"),
    [
        ("/v1/recordings/rename", {"class": "A", "name": "../x"}, 422, "bad_name"),
        ("/v1/recordings/rename", {"class": "none", "name": "x"}, 404, "not_found"),
        ("/v1/recordings/rename", {"class": "A"}, 422, "bad_request"),
        ("/v1/recordings/rename", {"class": "A", "name": "x", "more": 1}, 422, "bad_request"),
        ("/v1/recordings/rename", ["A", "x"], 422, "bad_request"),
        ("/v1/recordings/delete", {}, 422, "bad_request"),
        ("/v1/recordings/delete", {"class": ".."}, 404, "not_found"),
        ("/v1/recordings/delete", {"class": "A", "session": "../A"}, 404, "not_found"),
        ("/v1/recordings/delete", {"class": "A", "frames": []}, 422, "bad_request"),
        ("/v1/recordings/delete", {"frames": ["../../x"]}, 404, "not_found"),
        ("/v1/recordings/delete", {"frames": "A"}, 422, "bad_request"),
        ("/v1/recordings/delete", {"frames": ["x" * 1000] * 200}, 413, "too_large"),
        ("/v1/trainings", {}, 409, "too_few"),
        ("/v1/trainings", {"also": ["../x"]}, 422, "bad_name"),
        ("/v1/trainings", {"also": "asl"}, 422, "bad_request"),
        ("/v1/trainings/cancel", {}, 404, "no_such_training"),
        ("/v1/trainings/keep", {"name": "x"}, 404, "no_such_training"),
    ],
)
def test_what_is_refused(path, what, status, code, server: Running, place: Path):
    add(server, "A", "noon", [jpeg(1)])
    answer = post(server, path, what)
    assert (answer.status, answer.error_code) == (status, code)
    assert (place / "recordings" / "A" / "me, noon" / "0001.jpg").is_file()


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"", FORM, 422),
        (b"nothing", FORM, 400),
        (b"{}", "application/json", 415),
        (burst([]), FORM, 422),
        (burst([jpeg(1)], session="x", signer="me"), FORM, 422),
        (burst([jpeg(1)], **{"class": "../../x", "session": "x", "signer": "me"}), FORM, 422),
        (burst([jpeg(1)], **{"class": "A", "session": "a/b", "signer": "me"}), FORM, 422),
        (burst([jpeg(1)], **{"class": "A", "session": "x", "signer": ".."}), FORM, 422),
        (burst([b"GIF89a"], **{"class": "A", "session": "x", "signer": "me"}), FORM, 422),
        (burst([jpeg(1)] * 9, **{"class": "A", "session": "x", "signer": "me"}), FORM, 400),
        (burst([jpeg(1)], **{"class": "A", "session": "x", "signer": "me", "more": "x"}), FORM, 400),
        (burst([jpeg(1)], **{"class": "A", "session": "x", "signer": "me"}), FORM + "; charset=utf-7", 415),
    ],
)
def test_bursts_that_are_refused(body, kind, status, server: Running, place: Path):
    answer = server.ask("POST", "/v1/recordings", body, Content_Type=kind)
    assert answer.status == status
    assert answer.error_code
    assert not (place / "recordings").exists()
    assert not list(place.glob("*.jpg"))


def test_pages_from_elsewhere_neither_record_nor_train(server: Running, place: Path):
    elsewhere = {"Origin": "https://elsewhere.example"}
    assert add(server, "A", "noon", [jpeg(1)], **elsewhere).error_code == "other_origin"
    for path in ("/v1/trainings", "/v1/trainings/cancel", "/v1/recordings/delete"):
        assert post(server, path, {}, **elsewhere).error_code == "other_origin"
        assert post(server, path, {}, Content_Type="text/plain").error_code == "not_json"  # what forms can send
    assert server.ask("GET", "/v1/recordings", **elsewhere).error_code == "other_origin"
    assert not (place / "recordings").exists()


def test_without_the_view_there_are_no_routes(trained: Trained):
    with running(trained.folder) as server:
        for path in ("/v1/recordings", "/v1/trainings"):
            assert server.ask("GET", path).status == 404


@pytest.mark.parametrize(
    ("words", "tokens", "may"),
    [
        ([], [], True),
        (["--allow-host", "signs.example"], [], False),  # behind a proxy, everybody comes from this machine
        (["--allow-origin", "https://signs.example"], [], False),
        (["--host", "0.0.0.0"], [], False),
        (["--host", "0.0.0.0"], ["token"], False),
        (["--host", "0.0.0.0", "--allow-training"], ["token"], True),
        (["--allow-host", "signs.example", "--allow-training"], ["token"], True),
    ],
)
def test_who_may_record_and_train(words, tokens, may):
    from handshape.cli.parser import build_parser
    from handshape.cli.serve import may_learn
    from handshape.serving.api.access import LOOPBACK

    options = build_parser().parse_args(["serve", "asl", *words])
    assert may_learn(options, options.host in LOOPBACK, tokens) is may


# --- trainings -----------------------------------------------------------------------------------------------------

PRETENDED = """\
import json, pathlib, shutil, sys, time
words = sys.argv[1:]
pathlib.Path({words!r}).write_text(json.dumps(words))
run = pathlib.Path(words[words.index("--out") + 1]) / words[words.index("--name") + 1]
tell = lambda **what: print(json.dumps(what), flush=True)
tell(status="Reading")
for done in range(3):
    tell(progress={{"label": "Reading images", "done": done, "total": 2, "note": ""}})
mode = {mode!r}
if mode == "fail":
    tell(error="The photographs cannot be used.")
    sys.exit(1)
if mode == "crash":
    print("Traceback: boom", file=sys.stderr)
    sys.exit(1)
while mode == "wait":
    time.sleep(0.02)
    tell(status="still here")
run.mkdir(parents=True)
frames = sorted(pathlib.Path(words[1]).glob("*/*/*.jpg"))
with (run / "splits.csv").open("w") as file:
    file.write("path,label,part,group\\n")
    for frame in frames:
        path = frame.relative_to(words[1]).as_posix()
        file.write('"' + path + '",' + path.split("/")[0] + ",test,\\n")
test = {{"accuracy": 0.75, "n": len(frames), "per_class": {{"A": {{"recall": 0.5, "support": 12}}}}}}
(run / "results").mkdir()
split = {{"by": "by session", "grouping": "burst"}}
(run / "results" / "evaluation_results.json").write_text(json.dumps({{"test": test, "split": split}}))
shutil.copytree({bundle!r}, run / "bundle")
tell(status="Saved")
while True:
    time.sleep(0.02)
    tell(status="drawing figures that nobody waits for")
"""


@pytest.fixture
def pretend_training(trained: Trained, place: Path, monkeypatch):
    """Has trainings be a small program that does as it is told: ends well, fails, crashes or waits."""

    def pretend(mode: str) -> Path:
        words = place / "words.json"
        script = place / "pretended.py"
        script.write_text(PRETENDED.format(mode=mode, bundle=str(trained.folder / "bundle"), words=str(words)))
        monkeypatch.setattr(trainer_module, "PROGRAM", (sys.executable, str(script)))
        return words

    return pretend


def with_recordings(server: Running) -> None:
    for label in ("A", "new"):
        for session in range(3):
            add(server, label, f"s{session}", [jpeg(hash((label, session)) % 1000 + number) for number in range(4)])


def state_of(server: Running) -> dict:
    return server.ask("GET", "/v1/trainings").object["training"]


def ended(server: Running) -> dict:
    wait_for(lambda: state_of(server)["state"] != "running")
    return state_of(server)


def test_a_training_is_compared_and_kept(server: Running, place: Path, pretend_training):
    words = pretend_training("end")
    with_recordings(server)
    before = server.ask("GET", "/site.json").object["model"]
    assert post(server, "/v1/trainings", {"also": ["asl"]}).status == 202
    training = ended(server)
    assert training["state"] == "done"
    given = json.loads(words.read_text())
    assert given[:2] == ["train", str(place / "recordings")]
    assert f"data.groups={BY_SESSION}" in given
    assert given[-2:] == ["--also", "asl"]
    comparison = training["comparison"]
    assert (comparison["frames"], comparison["after"], comparison["by"]) == (24, 0.75, "burst")
    assert comparison["seen"] is False
    by_name = {each["name"]: each for each in comparison["classes"]}
    assert by_name["A"]["after"] == 0.5
    assert 0 <= by_name["A"]["before"] <= 1
    assert by_name["new"]["before"] is None  # the model in use does not know it
    assert post(server, "/v1/trainings/keep", {"name": "asl"}).error_code == "name_taken"
    assert post(server, "/v1/trainings/keep", {"name": "No Name!"}).status == 409
    kept = post(server, "/v1/trainings/keep", {}).object["training"]
    assert (kept["state"], kept["version"]) == ("kept", "my-signs@1")
    assert open_registry().find(Reference("my-signs", "production")).number == 1
    after = server.ask("GET", "/site.json").object["model"]
    assert (after["name"], after["version"]) == ("my-signs", "my-signs@1")
    assert before["name"] != "my-signs"
    assert not list((trainer_module.cache_folder() / "trials").iterdir())
    assert post(server, "/v1/trainings/keep", {}).error_code == "no_such_training"  # only once


def test_a_result_can_be_thrown_away(server: Running, pretend_training):
    pretend_training("end")
    with_recordings(server)
    post(server, "/v1/trainings", {})
    assert ended(server)["state"] == "done"
    assert post(server, "/v1/trainings/cancel", {}).object["training"] is None
    assert not list((trainer_module.cache_folder() / "trials").iterdir())
    assert open_registry().names() == []


@pytest.mark.parametrize(("mode", "error"), [("fail", "The photographs cannot be used."), ("crash", "Traceback: boom")])
def test_a_training_that_fails_says_why(mode, error, server: Running, pretend_training):
    pretend_training(mode)
    with_recordings(server)
    post(server, "/v1/trainings", {})
    training = ended(server)
    assert (training["state"], training["error"]) == ("failed", error)
    pretend_training("end")
    post(server, "/v1/trainings", {})
    assert ended(server)["state"] == "done"


def test_one_at_a_time_and_cancelled(server: Running, pretend_training):
    pretend_training("wait")
    with_recordings(server)
    first = post(server, "/v1/trainings", {}).object["training"]
    assert post(server, "/v1/trainings", {}).error_code == "training_runs"
    assert post(server, "/v1/trainings/keep", {}).error_code == "no_such_training"
    wait_for(lambda: state_of(server)["share"] > 0)
    assert state_of(server)["id"] == first["id"]  # whoever loads the page anew sees it
    begun = time.monotonic()
    assert post(server, "/v1/trainings/cancel", {}).object["training"]["state"] == "cancelled"
    assert time.monotonic() - begun < PATIENCE + 5
    wait_for(lambda: not list((trainer_module.cache_folder() / "trials").iterdir()))
    pretend_training("end")
    assert post(server, "/v1/trainings", {}).status == 202
    assert ended(server)["state"] == "done"


DYING = """\
import sys, time
from pathlib import Path
from handshape.serving.learn import trainer
from handshape.serving.learn.recordings import Recordings
trainer.PROGRAM = (sys.executable, {script!r})
class Model: class_names = ()
one = trainer.Trainer(Recordings(Path({recordings!r})), Model, print, print)
training = one.start()
while not training.progress.said:
    time.sleep(0.02)
print(training.process.pid, training.folder, flush=True)
if {closes}:
    sys.stdin.readline()
    one.close()
else:
    time.sleep(600)
"""


@pytest.mark.skipif(os.name == "nt", reason="signals are those of POSIX")
@pytest.mark.parametrize("closes", [True, False], ids=["closed", "killed"])
def test_a_training_ends_with_the_server(closes, place: Path, pretend_training):
    script = pretend_training("wait").with_name("pretended.py")
    recordings = Recordings(place / "recordings")
    record(recordings, A=4, B=4)
    server = DYING.format(script=str(script), recordings=str(recordings.root), closes=closes)
    command = [sys.executable, "-c", server]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as program:
        pid, folder = program.stdout.readline().split()
        assert is_alive(int(pid))
        if closes:
            program.communicate("\n")
            assert not Path(folder).exists()
        else:
            program.kill()
            program.wait()
        wait_for(lambda: not is_alive(int(pid)))


def is_alive(pid: int) -> bool:
    """Whether a process runs; one that has ended but was not waited for does not."""
    status = Path(f"/proc/{pid}/stat")
    if Path("/proc/self/stat").is_file():
        return status.is_file() and status.read_text().rpartition(")")[2].split()[0] != "Z"
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.slow
@pytest.mark.parametrize("also", [[], ["asl"]])
def test_recorded_signs_are_really_learned(also: list[str], models: HandModels, tmp_path: Path, monkeypatch):
    monkeypatch.setenv("HANDSHAPE_REGISTRY", str(tmp_path / "registry"))
    recordings = Recordings(tmp_path / "recordings")
    for label in ("B", "L", "Y"):
        for session in range(3):
            frames = [example(label, session), *(brighter(example(label, session), step) for step in range(1, 5))]
            recordings.add(label, f"s{session}", "me", frames)
    from handshape.registry import resolve
    from handshape.serving.recognizer import Recognizer

    recognizer = Recognizer(resolve("asl"), models, 2)
    switched: list[str] = []
    trainer = trainer_module.Trainer(
        recordings, lambda: recognizer, switched.append, lambda bundle: Recognizer(bundle, models, 2)
    )
    training = trainer.start(also)
    while training.state == "running":
        time.sleep(0.2)
    assert training.state == "done", training.error
    assert training.comparison["after"] > 0.6
    drawn = training.comparison["also"]
    assert (drawn is not None) == bool(also)
    if drawn:
        assert drawn["images"] == 24 * EXAMPLES
        assert min(drawn["before"], drawn["after"]) > 0.8
    kept = trainer.keep("mine")
    assert (kept.version, switched) == ("mine@1", ["mine"])
    mine = Recognizer(resolve("mine"), models, 1)
    assert set(mine.class_names) == {"B", "L", "Y", *(recognizer.class_names if also else ())}
    assert mine.recognize(example("L", 1)).top[0][0] == "L"


def brighter(frame: bytes, step: int) -> bytes:
    picture = np.asarray(Image.open(io.BytesIO(frame))).astype(np.float32) * (1 + 0.06 * step)
    return encoded(Image.fromarray(picture.clip(0, 255).astype(np.uint8)), "JPEG", quality=92)


# --- the view ------------------------------------------------------------------------------------------------------


def test_the_view_records_trains_and_keeps(server: Running, page: Seen, pretend_training):  # noqa: F811
    pretend_training("end")
    tab = page.page
    tab.goto(f"http://127.0.0.1:{server.port}/#learn")
    tab.get_by_text("Nothing was recorded yet.").wait_for()
    tab.get_by_text("Drawn hands", exact=True).click()
    tab.locator("canvas.still").wait_for()
    for label in ("A", "new"):
        tab.get_by_label("Handshape", exact=True).fill(label)
        for count in range(10):
            tab.get_by_role("button", name="Hold to record").press("Enter")
            tab.get_by_text(f"Frames: {count + 1}, sessions: 1").last.wait_for()
    assert tab.locator(".learn-classes > li strong").all_inner_texts() == ["A", "new"]
    tab.get_by_role("button", name="Train on my handshapes").click()
    tab.get_by_role("button", name="Keep it and read with it").wait_for()
    rows = tab.locator(".learn-table tbody tr").all_inner_texts()
    assert [row.split("\t")[0] for row in rows] == ["A", "new", "All"]
    assert "not known" in rows[1]
    tab.get_by_role("button", name="Keep it and read with it").click()
    tab.get_by_text("Kept as my-signs@1.").wait_for()
    assert server.served.name == "my-signs"


def test_the_view_renames_and_deletes_after_asking(server: Running, page: Seen):  # noqa: F811
    add(server, "A", "noon", [jpeg(1)])
    add(server, "B", "noon", [jpeg(2)])
    tab = page.page
    tab.goto(f"http://127.0.0.1:{server.port}/#learn")
    tab.get_by_text("Change", exact=True).first.click()
    tab.get_by_role("button", name="Rename A").click()
    tab.get_by_label("New name").fill("C/D")
    tab.get_by_role("dialog").get_by_role("button", name="Rename").click()
    tab.get_by_text("cannot be the name of a class").first.wait_for()
    tab.get_by_role("button", name="Delete A").click()
    tab.get_by_role("button", name="Leave it").click()
    assert [each["name"] for each in server.ask("GET", "/v1/recordings").object["classes"]] == ["A", "B"]
    tab.get_by_role("button", name="Delete A").click()
    tab.get_by_role("dialog").get_by_role("button", name="Delete", exact=True).click()
    wait_for(lambda: [each["name"] for each in server.ask("GET", "/v1/recordings").object["classes"]] == ["B"])
