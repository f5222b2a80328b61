from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import encoded
from PIL import Image

from handshape.errors import HandshapeError, ImageError, RuntimeUnavailableError
from handshape.serving.film import LONGEST_SIDE, is_film, open_camera, open_film
from handshape.serving.motion import Drawn
from handshape.serving.recognizer import Recognition
from handshape.serving.segments import Look, Segment, Segments, subtitles
from handshape.serving.spelling import Event, State

GREYS = [0, 60, 120, 180, 240]


def write_film(path: Path, frames: list[np.ndarray], fps: float = 25.0) -> Path:
    """RGB frames as a film; skips the test where OpenCV is missing."""
    cv2 = pytest.importorskip("cv2", reason="OpenCV is not installed")
    height, width = frames[0].shape[:2]
    codec = {".avi": "MJPG", ".mp4": "mp4v"}[path.suffix]
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*codec), fps, (width, height))
    for frame in frames:
        writer.write(np.ascontiguousarray(frame[:, :, ::-1]))
    writer.release()
    return path


def plain(grey: int, width: int = 64, height: int = 48) -> np.ndarray:
    frame = np.full((height, width, 3), grey, np.uint8)
    frame[:, :, 0] = 200  # red, which a confusion of channels would show
    return frame


@pytest.mark.parametrize(("name", "fps"), [("film.mp4", 25.0), ("film.avi", 10.0), ("film.mp4", 60.0)])
def test_frames_come_with_their_times(tmp_path: Path, name: str, fps: float) -> None:
    write_film(tmp_path / name, [plain(grey) for grey in GREYS], fps)
    with open_film(tmp_path / name) as film:
        frames = list(film)
    assert (film.count, film.read, film.fps) == (5, 5, pytest.approx(fps))
    assert not film.is_cut_short
    np.testing.assert_allclose([time for time, _ in frames], np.arange(5) * 1000 / fps, atol=1)
    assert [round(float(pixels[:, :, 1].mean())) for _, pixels in frames] == pytest.approx(GREYS, abs=12)
    assert min(float(pixels[:, :, 0].mean()) for _, pixels in frames) > 150


def test_large_frames_are_made_smaller(tmp_path: Path) -> None:
    write_film(tmp_path / "film.avi", [plain(90, 1920, 1080)])
    with open_film(tmp_path / "film.avi") as film:
        ((_, pixels),) = film
    assert pixels.shape == (720, LONGEST_SIDE, 3)


def test_an_animated_image_is_a_film(tmp_path: Path) -> None:
    frames = [Image.fromarray(plain(grey)) for grey in GREYS]
    content = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:], duration=[100, 50, 100, 100, 100])
    (tmp_path / "film.gif").write_bytes(content)
    with open_film(tmp_path / "film.gif") as film:
        read = list(film)
    assert [time for time, _ in read] == [0, 100, 150, 250, 350]
    assert [int(pixels[0, 0, 1]) for _, pixels in read] == pytest.approx(GREYS, abs=8)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("missing.mp4", None, "cannot be opened: no such file"),
        ("empty.mp4", b"", "is empty"),
        ("noise.mp4", bytes(range(256)) * 40, "holds no frame"),
        ("text.avi", b"a page of text " * 50, "holds no frame"),
        ("still.png", encoded(Image.new("RGB", (8, 8))), "is no film"),
        ("page.html", b"<html>", "is a web page"),
    ],
)
def test_what_is_no_film_is_refused(tmp_path: Path, name: str, content: bytes | None, words: str) -> None:
    pytest.importorskip("cv2", reason="OpenCV is not installed")
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(ImageError, match=words), open_film(tmp_path / name) as film:
        list(film)


def test_a_film_that_is_cut_short_ends_early_and_says_so(tmp_path: Path) -> None:
    path = write_film(tmp_path / "film.avi", [plain(grey) for grey in GREYS * 8])
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with open_film(path) as film:
        assert 5 < len(list(film)) < 36
    assert film.is_cut_short


def test_without_opencv_it_is_said_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "cv2", None)
    (tmp_path / "film.mp4").write_bytes(b"x")
    for opened in (open_film(tmp_path / "film.mp4"), open_camera(0)):
        with pytest.raises(RuntimeUnavailableError, match="OpenCV, which is not installed") as raised, opened:
            pass
        assert "handshape[live]" in raised.value.fix


def test_a_camera_that_is_not_there() -> None:
    pytest.importorskip("cv2", reason="OpenCV is not installed")
    with pytest.raises(HandshapeError, match="There is no camera 97"), open_camera(97):
        pass


@pytest.mark.parametrize(("name", "expected"), [("a.MP4", True), ("a.mov", True), ("a.gif", False), ("mp4", False)])
def test_films_are_known_by_their_names(name: str, expected: bool) -> None:
    assert is_film(Path(name)) is expected


def segments_of(runs: list[tuple[str, int]], drawn: dict[int, tuple[str, float]] | None = None) -> list[list[Any]]:
    """Of runs of (what is seen, ms), frames every 20 ms; at some of them a letter that began earlier is drawn."""
    segments, time = Segments(), 0.0
    for seen, milliseconds in runs:
        for _ in range(milliseconds // 20):
            letter, start = (drawn or {}).get(round(time), ("", 0.0))
            event = Event("letter", letter) if letter else None
            answer = Recognition(seen or "unknown", 0.8, (("A", 0.8),), None, 1.0)
            state = State("", "", 0.0, event)
            segments.see(Look(time, plain(0), answer, state, seen, Drawn(start, 0.99) if letter else None))
            time += 20
    return [[each.label, round(each.start), round(each.end)] for each in segments.finished()]


@pytest.mark.parametrize(
    ("runs", "expected"),
    [
        ([("A", 500), ("B", 500)], [["A", 0, 500], ["B", 500, 980]]),
        ([("A", 500), ("", 60), ("unknown", 200), ("A", 500)], [["A", 0, 500], ["A", 760, 1240]]),
        ([("A", 500), ("B", 60), ("C", 500)], [["A", 0, 500], ["C", 560, 1040]]),
        ([("no hand", 900), ("unknown", 300), ("", 100)], []),
        ([("space", 300), ("nothing", 300)], [["space", 0, 300], ["nothing", 300, 580]]),
        ([], []),
    ],
)
def test_runs_become_segments(runs: list[tuple[str, int]], expected: list[list[Any]]) -> None:
    assert segments_of(runs) == expected


def test_a_letter_that_moves_takes_the_place_of_its_still() -> None:
    runs = [("A", 400), ("I", 400), ("", 100), ("unknown", 300), ("I", 600), ("B", 400)]
    assert segments_of(runs, {1300: ("J", 820.0)}) == [["A", 0, 400], ["J", 400, 1780], ["B", 1800, 2180]]
    apart = [("I", 400), ("no hand", 900), ("unknown", 800), ("B", 400)]
    assert segments_of(apart, {2000: ("J", 1400.0)}) == [["I", 0, 400], ["J", 1400, 2000], ["B", 2100, 2480]]


def test_subtitles() -> None:
    segments = [Segment(0, 480.4, "A", 0.9), Segment(3_723_004, 3_724_000, "<3 & co", 0.5)]
    assert subtitles(segments, "srt") == (
        "1\n00:00:00,000 --> 00:00:00,480\nA\n\n2\n01:02:03,004 --> 01:02:04,000\n<3 & co\n"
    )
    assert subtitles(segments, "vtt") == (
        "WEBVTT\n\n1\n00:00:00.000 --> 00:00:00.480\nA\n\n2\n01:02:03.004 --> 01:02:04.000\n&lt;3 &amp; co\n"
    )
    assert (subtitles([], "srt"), subtitles([], "vtt")) == ("", "WEBVTT\n")
