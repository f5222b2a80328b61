import argparse
import json
from pathlib import Path

import numpy as np
import pytest
from conftest import Handshape, encoded
from drawn_films import draw_film, letter_j, still
from PIL import Image
from test_film import plain, write_film

from handshape.cli import live_views
from handshape.cli.live_views import page_of, picture_of
from handshape.console import Console
from handshape.hands.models import HandModels
from handshape.serving.recognizer import Recognition
from handshape.serving.segments import Look
from handshape.serving.spelling import State

POSES = [*still("L", 25), *still(None, 6), *still("I", 6, x=0.4, y=0.42), *letter_j(22)]
POSES += [*POSES[-1:] * 12, *still(None, 6)]


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory, models: HandModels) -> Path:
    """An L, then a J, drawn."""
    frames = list(draw_film(POSES, seed=4, size=320))
    return write_film(tmp_path_factory.mktemp("films") / "film.mp4", frames)


def test_predict_says_what_is_seen_when_and_what_it_spells(handshape: Handshape, film: Path, tmp_path: Path) -> None:
    outcome = handshape("predict", "asl", film, "--json", "--subtitles", tmp_path / "film.srt")
    assert outcome.code == 0
    *segments, whole = outcome.objects
    assert [segment["label"] for segment in segments] == ["L", "J"]
    assert all(0 <= segment["start"] < segment["end"] <= whole["seconds"] for segment in segments)
    assert segments[0]["end"] <= 1.3 < segments[1]["end"]
    assert (whole["text"], whole["frames"]) == ("LJ", len(POSES))
    cues = (tmp_path / "film.srt").read_text().split("\n\n")
    assert [cue.split("\n")[2] for cue in cues] == ["L", "J"]


def test_predict_takes_films_and_images_together(handshape: Handshape, film: Path, tmp_path: Path) -> None:
    (tmp_path / "photo.png").write_bytes(encoded(plain(90)))
    (tmp_path / "bad.mp4").write_bytes(b"no film at all")
    outcome = handshape("predict", "asl", film, tmp_path / "bad.mp4", tmp_path / "photo.png")
    assert outcome.code == 1
    assert f"{film}: LJ" in outcome.out
    assert f"{tmp_path / 'photo.png'}: no hand" in outcome.out
    assert "bad.mp4 holds no frame that can be read" in outcome.err


def test_predict_says_when_a_film_is_cut_short(handshape: Handshape, models: HandModels, tmp_path: Path) -> None:
    path = write_film(tmp_path / "film.avi", [plain(90)] * 40)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    outcome = handshape("predict", "asl", path, "--json")
    assert outcome.code == 0 and outcome.objects[-1]["text"] == ""
    assert "of 40 frames" in outcome.err


def test_subtitles_of_an_animated_image(handshape: Handshape, models: HandModels, tmp_path: Path) -> None:
    frames = [Image.fromarray(frame) for frame in draw_film(still("L", 12), seed=4, size=224)]
    content = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:], duration=100)
    (tmp_path / "sign.gif").write_bytes(content)
    outcome = handshape("predict", "asl", tmp_path / "sign.gif", "--subtitles", tmp_path / "sign.vtt")
    assert (outcome.code, "sign.gif: L" in outcome.out) == (0, True)
    assert (tmp_path / "sign.vtt").read_text().startswith("WEBVTT\n\n1\n00:00:00.")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["film.mp4", "--subtitles", "film.txt"], "a file that ends in .srt or .vtt"),
        (["a.mp4", "b.mp4", "--subtitles", "film.srt"], "2 files were named"),
    ],
)
def test_subtitles_that_cannot_be(handshape: Handshape, words: list[str], expected: str) -> None:
    outcome = handshape("predict", "asl", *words)
    assert (outcome.code, expected in outcome.err) == (1, True)


def test_live_tells_each_frame_and_keeps_it(handshape: Handshape, film: Path, tmp_path: Path) -> None:
    outcome = handshape("live", "--source", film, "--json", "--record", tmp_path / "kept")
    assert outcome.code == 0
    assert len(outcome.objects) == len(POSES)
    events = [answer["event"] for answer in outcome.objects if answer["event"]]
    assert next(event["value"] for event in events if event["kind"] == "letter") == "L"
    assert outcome.objects[-1]["text"] == "LJ"
    assert {"time", "decision", "confidence", "top", "hand", "holding", "progress"} <= set(outcome.objects[0])
    frames = sorted((tmp_path / "kept").glob("*.jpg"))
    lines = (tmp_path / "kept" / "answers.jsonl").read_text().splitlines()
    assert len(frames) == len(lines) == len(POSES)
    assert len(json.loads(lines[5])["hand"]["landmarks"]) == 21


def test_live_records_films_that_last_as_long(handshape: Handshape, models: HandModels, tmp_path: Path) -> None:
    cv2 = pytest.importorskip("cv2", reason="OpenCV is not installed")
    source = write_film(tmp_path / "slow.avi", [plain(90), plain(160), plain(90), plain(160)], 10)
    outcome = handshape("live", "--source", source, "--json", "--record", tmp_path / "film.mp4")
    assert outcome.code == 0
    capture = cv2.VideoCapture(str(tmp_path / "film.mp4"))
    assert capture.get(cv2.CAP_PROP_FRAME_COUNT) == pytest.approx(8, abs=1)  # 0.3 s at 25 frames a second


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--source", "97", "--json"], "There is no camera 97"),
        (["--source", "missing.mp4", "--terminal"], "missing.mp4 cannot be opened"),
        (["--hold", "0", "--json"], "--hold cannot be 0"),
        (["--source", "FILM", "--json", "--record", "notes.txt"], "Cannot record notes.txt"),
        (["--source", "FILM", "--json", "--record", "FILM"], "is there already"),
    ],
)
def test_what_live_cannot_do(handshape: Handshape, film: Path, words: list[str], expected: str) -> None:
    outcome = handshape("live", *[str(film) if word == "FILM" else word for word in words])
    assert (outcome.code, expected in outcome.err) == (1, True)


def test_a_window_needs_a_display(handshape: Handshape, film: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_views.sys, "platform", "linux")
    monkeypatch.setenv("DISPLAY", ":4711")
    outcome = handshape("live", "--source", film, "--window")
    assert (outcome.code, "There is no display" in outcome.err) == (1, True)


def test_where_no_terminal_is_letters_are_lines(handshape: Handshape, film: Path) -> None:
    outcome = handshape("live", "--source", film, "--terminal")
    assert outcome.out.splitlines() == ["LJ"]
    assert next(line.split(": ")[1] for line in outcome.err.splitlines() if " s: " in line) == "L"


@pytest.mark.parametrize(("display", "opens"), [("", False), (":0", True)])
def test_live_alone_serves_the_page(
    handshape: Handshape, monkeypatch: pytest.MonkeyPatch, display: str, opens: bool
) -> None:
    seen: list[argparse.Namespace] = []
    monkeypatch.setattr("handshape.cli.serve.run", lambda options, console: seen.append(options) or 0)
    monkeypatch.setattr("handshape.cli.live.sys.platform", "linux")
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.setenv("DISPLAY", display)
    assert handshape("live", "runs/first").code == 0
    (options,) = seen
    assert (options.model, options.host, options.open) == ("runs/first", "127.0.0.1", opens)
    assert options.port in (0, 8000)


def look(text: str, holding: str = "A", progress: float = 0.5) -> Look:
    answer = Recognition("A", 0.7, (("A", 0.7), ("S", 0.2), ("thumbs up and down", 0.1)), None, 8.0)
    return Look(0.0, plain(90, 320, 240), answer, State(text, holding, progress, None), "A", None)


@pytest.mark.parametrize(("columns", "rows"), [(80, 24), (34, 8), (30, 24), (200, 60)])
def test_the_terminal_shows_no_more_than_it_has_room_for(columns: int, rows: int) -> None:
    lines = page_of(look("HELLO WORLD " * 30), columns, rows).splitlines()
    assert len(lines) <= rows - 2
    assert max(map(len, lines)) < columns
    assert lines[-1].endswith("WORLD _")


def test_the_window_shows_the_picture_in_a_mirror() -> None:
    cv2 = pytest.importorskip("cv2", reason="OpenCV is not installed")
    frame = look("HELLO")
    frame.pixels[:, :160] = 0
    picture = picture_of(cv2, frame, "")
    assert picture.shape[0] > 240 and picture.shape[1] == 320
    assert np.all(picture[:240, 170:] == 0) and picture[:240, :150].min() > 0


def test_quiet_shows_the_text_alone(handshape: Handshape, film: Path) -> None:
    outcome = handshape("live", "--source", film, "--terminal", "--quiet")
    assert (outcome.out, outcome.err) == ("LJ\n", "")


def test_a_console_without_a_terminal_draws_nothing() -> None:
    with Console(quiet=True).live() as draw:
        assert draw is None
