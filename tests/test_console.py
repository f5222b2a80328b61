"""What is printed where: people read stderr, machines stdout, the log file keeps everything."""

import io
import json
import re
import sys

import pytest

from handshape.console import Console
from handshape.errors import HandshapeError

ERROR = HandshapeError("It broke [here].", "whole [things]", "Mend it.")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def terminal(monkeypatch):
    """A terminal on stderr; returns a function that makes a console on it."""
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE"):
        monkeypatch.delenv(name, raising=False)

    def make(width: int = 80, term: str = "xterm-256color", **options) -> tuple[Console, Terminal]:
        monkeypatch.setenv("TERM", term)
        monkeypatch.setenv("COLUMNS", str(width))
        screen = Terminal()
        monkeypatch.setattr(sys, "stderr", screen)
        return Console(**options), screen

    return make


def test_emoji_on_a_terminal_plain_elsewhere(terminal, capsys, monkeypatch):
    plain = Console()
    plain.status("check", "Looking at [1]")
    plain.warn("careful")
    plain.error(ERROR)
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err == (
        "Looking at [1]\nwarn: careful\nerror: It broke [here].\n   Expected: whole [things]\n   Fix: Mend it.\n"
    )
    console, screen = terminal()
    console.status("check", "Looking")
    assert screen.getvalue().startswith("🔍 Looking")
    monkeypatch.setenv("NO_COLOR", "1")
    for term in ("xterm-256color", "dumb"):
        console, screen = terminal(term=term)
        console.status("check", "Looking")
        console.warn("careful")
        assert screen.getvalue() == "Looking\nwarn: careful\n"


def test_quiet_says_only_warnings_and_errors(capsys):
    console = Console(quiet=True)
    console.status("check", "a")
    console.detail("b")
    console.table("c", ("d",), [("e",)])
    list(console.track([1, 2], "f"))
    assert capsys.readouterr().err == ""
    console.warn("g")
    assert capsys.readouterr().err == "warn: g\n"


def test_an_error_goes_to_machines_too(capsys):
    Console(to_json=True).error(ERROR)
    said = capsys.readouterr()
    assert json.loads(said.out) == {"error": ERROR.text}
    assert "It broke" in said.err


@pytest.mark.parametrize("width", [40, 80, 160])
def test_tables_fit_and_lose_nothing(width, terminal):
    console, screen = terminal(width)
    figures = ("class", "images", "precision", "recall", "F1")
    console.table("Test", figures, [("A", 12, "0.125", "1.000", "0.250"), ("double hand", 3, "0.5", "0.5", "0.5")])
    said = re.sub(r"\x1b\[[0-9;]*m", "", screen.getvalue())
    assert max(map(len, said.splitlines())) <= width
    assert "…" not in said
    for text in ("0.125", "1.000", "0.250", "12"):
        assert text in said


def test_words_stand_left_and_figures_right(terminal):
    console, screen = terminal(160)
    console.table("T", ("what", "why", "share"), [("a", "because of x", "1.0%"), ("b", "no", "10.0%")])
    first, second = (line.rstrip() for line in screen.getvalue().splitlines() if "%" in line)
    assert second.index("no") == first.index("because")
    assert first.endswith(" 1.0%")
    assert second.endswith("10.0%")
    assert len(first) == len(second)


@pytest.mark.parametrize("width", [40, 60, 80, 130])
def test_bars_fit_the_terminal(width, terminal):
    console, screen = terminal(width)
    with console.progress("views through the trunk", 1000) as bar:
        bar.advance(250, note="accuracy 0.950, validation 0.925")
    lines = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", screen.getvalue()).replace("\r", "\n").splitlines()
    shown = [line for line in lines if line.startswith("   views")]
    assert any("250/1000" in line and "left" in line for line in shown)
    assert max(map(len, lines)) <= width


def test_without_a_terminal_a_line_now_and_then(capsys, monkeypatch):
    now = [0.0]
    monkeypatch.setattr("handshape.console.time.monotonic", lambda: now[0])
    with Console().progress("drawing", 10) as bar:
        for _ in range(10):
            now[0] += 6
            bar.advance()
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].strip() == "drawing: 2 of 10, 48 s left"
    assert len(lines) == 4


def test_the_log_keeps_everything_from_the_start(tmp_path, capsys):
    console = Console(quiet=True)
    console.status("check", "before")
    with console.log_file(tmp_path / "training.log"):
        console.log("inside")
        console.warn("careful")
    console.warn("after")
    lines = (tmp_path / "training.log").read_text().splitlines()
    assert [line.split(" ", 2)[2] for line in lines] == ["INFO before", "INFO inside", "WARNING careful"]
    assert capsys.readouterr().err == "warn: careful\nwarn: after\n"  # each once


def test_the_log_tells_what_ended_it(tmp_path):
    log = tmp_path / "training.log"
    for error in (ERROR, KeyboardInterrupt(), ValueError("a bug")):
        with pytest.raises(type(error)), Console().log_file(log):
            raise error
    text = log.read_text()
    assert "ERROR HandshapeError: It broke" in text
    assert "ERROR KeyboardInterrupt" in text
    assert text.count("Traceback") == 1
    assert "ValueError: a bug" in text


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs /dev/full")
def test_a_full_disk_does_not_speak_through_the_log(tmp_path, capfd):
    console = Console()
    (tmp_path / "training.log").symlink_to("/dev/full")
    with console.log_file(tmp_path / "training.log"):
        console.status("check", "going on")
    said = capfd.readouterr().err
    assert said == "going on\n"


def test_what_the_encoding_lacks_is_escaped(monkeypatch):
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", stream)
    Console(to_json=True).emit({"path": "Ä\udce9.jpg"})
    Console().say("Ä")
    lines = stream.buffer.getvalue().decode().splitlines()  # type: ignore[attr-defined]
    assert lines[1] == "\\xc4"
    assert "jpg" in lines[0]


def test_closed_stdout_is_no_error(monkeypatch):
    monkeypatch.setattr(sys, "stdout", None)
    Console(to_json=True).emit({"a": 1})
    Console().say("b")


def test_long_lines_break_between_words_on_a_terminal_alone(terminal):
    text = "A sentence that is longer than the narrow screen on which it stands, and names /a/path/that/stays/whole."
    console, screen = terminal(40)
    console.warn(text)
    console.paragraph(text)
    shown = screen.getvalue()
    plain = re.sub(r"\x1b\[[0-9;]*m", "", shown)
    assert max(map(len, plain.splitlines())) <= 40
    assert plain.split().count("/a/path/that/stays/whole.") == 2
    console, screen = terminal(40, term="dumb")
    console.warn(text)
    assert screen.getvalue() == f"warn: {text}\n"
