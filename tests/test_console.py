"""What is printed where: results on stdout, all else on stderr; the log file keeps everything."""

import io
import json
import re
import shlex
import sys

import pytest

from handshape.console import Console, duration
from handshape.errors import HandshapeError

ERROR = HandshapeError("It broke [here].", "whole [things]", "Mend it.")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def terminal(monkeypatch):
    """A terminal on stdout and stderr; returns a function that makes a console on it."""
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE"):
        monkeypatch.delenv(name, raising=False)

    def make(width: int = 80, term: str = "xterm-256color", **options) -> tuple[Console, Terminal]:
        monkeypatch.setenv("TERM", term)
        monkeypatch.setenv("COLUMNS", str(width))
        screen = Terminal()
        monkeypatch.setattr(sys, "stderr", screen)
        monkeypatch.setattr(sys, "stdout", screen)
        return Console(**options), screen

    return make


def plain(screen: Terminal) -> str:
    """What stands on a terminal, without its colours and movements."""
    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", screen.getvalue())


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


def test_results_go_to_stdout_and_all_else_to_stderr(capsys):
    for quiet, to_json in ((False, False), (True, False), (False, True)):
        console = Console(quiet, to_json)
        console.status("check", "status")
        console.detail("detail")
        console.epoch("epoch")
        console.hint("hint", "handshape")
        console.done("Checked")
        list(console.track([1, 2], "bar"))
        console.warn("careful")
        console.table("title", ("name",), [("cell",)])
        console.result("chart", "result")
        console.result("", "part")
        console.command("handshape 'a b'")
        console.say("answer")
        said = capsys.readouterr()
        status = "status\n   detail\n   epoch\nhint handshape\nChecked in 0.0 s\n"
        assert said.err == ("" if quiet else status) + "warn: careful\n"
        shown = "title\n\n  name\n ──────\n  cell\n\nresult\n   part\n   handshape 'a b'\nanswer\n"
        assert said.out == ("" if to_json else shown)


def test_an_error_goes_to_machines_too(capsys):
    Console(to_json=True).error(ERROR)
    said = capsys.readouterr()
    assert json.loads(said.out) == {"error": ERROR.text}
    assert "It broke" in said.err


@pytest.mark.parametrize("width", [40, 50, 80, 160])
def test_tables_fit_and_break_between_words(width, terminal):
    console, screen = terminal(width)
    rows = [("A", "/a/long/path/of/a/photograph.jpg", "because its neighbours look like it"), ("B b", "short", "-")]
    console.table("A title of several words that is longer than forty columns", ("class", "image", "what is why"), rows)
    said = plain(screen)
    assert max(map(len, said.splitlines())) <= width
    assert {"short", *rows[0][1].split(), *rows[0][2].split()} <= {*said.replace(",", "").split()}


def test_a_table_in_a_file_keeps_a_line_a_row(capsys):
    console = Console()
    console.table("T", ("name", "path"), [("A", "word " * 60), ("B", "x" * 300)])
    said = capsys.readouterr().out
    assert len(said.splitlines()) == 7
    assert not [line for line in said.splitlines() if line != line.rstrip()]


def test_words_stand_left_and_figures_right(capsys):
    console = Console()
    console.table("T", ("what", "why", "share"), [("a", "because of x", "1.0%"), ("b", "no", "10.0%")])
    first, second = (line for line in capsys.readouterr().out.splitlines() if "%" in line)
    assert second.index("no") == first.index("because")
    assert first.endswith(" 1.0%")
    assert second.endswith("10.0%")
    assert len(first) == len(second)


@pytest.mark.parametrize("width", [40, 60, 80, 130])
def test_bars_fit_the_terminal(width, terminal):
    console, screen = terminal(width)
    with console.progress("views of the images", 1000) as bar:
        bar.advance(250, note="accuracy 0.950, validation 0.925")
    lines = plain(screen).replace("\r", "\n").splitlines()
    shown = [line for line in lines if line.startswith("   views")]
    assert any("250/1000" in line and "left" in line for line in shown)
    assert max(map(len, lines)) <= width


@pytest.mark.parametrize(
    ("width", "told", "left_out"),
    [
        (60, "left", "accuracy"),
        (72, "accuracy 95.1%", "GPU"),
        (80, "accuracy 95.1%, GPU 87%", "GiB"),
        (100, "accuracy 95.1%, GPU 87%, 15.1 GiB, 64 °C", "…"),
    ],
)
def test_a_bar_shows_the_parts_of_a_note_that_fit(width, told, left_out, terminal):
    console, screen = terminal(width)
    with console.progress("Phase 1, epoch", 25) as bar:
        bar.advance(4, note="accuracy 95.1%, GPU 87%, 15.1 GiB, 64 °C")
    lines = plain(screen).replace("\r", "\n").splitlines()
    shown = [line for line in lines if " 4/25" in line]
    assert any(told in line for line in shown)
    assert not any(left_out in line for line in shown)
    assert max(map(len, lines)) <= width


def test_without_a_terminal_a_line_now_and_then(capsys, monkeypatch):
    now = [0.0]
    monkeypatch.setattr("handshape.bars.time.monotonic", lambda: now[0])
    with Console().progress("drawing", 10) as bar:
        for _ in range(10):
            now[0] += 6
            bar.advance()
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].strip() == "drawing: 2 of 10, 48 s left"
    assert len(lines) == 4
    console = Console()
    with console.progress("drawing", 10) as bar:
        for number in range(10):
            now[0] += 6
            console.epoch(f"{number}")  # where there is something to read, the bar is silent
            bar.advance()
    assert len(capsys.readouterr().err.splitlines()) == 10


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


def test_a_result_that_cannot_be_written_is_an_error(monkeypatch):
    monkeypatch.setattr(sys, "stdout", None)
    for write in (lambda: Console(to_json=True).emit({"a": 1}), lambda: Console().say("b")):
        with pytest.raises(HandshapeError, match="stdout is closed"):
            write()
    Console().result("done", "Trained")  # what was made is there, whoever reads this


def test_long_lines_break_between_words_on_a_terminal_alone(terminal):
    text = "A sentence that is longer than the narrow screen on which it stands, and names /a/path/that/stays/whole."
    console, screen = terminal(40)
    ways = (lambda text: console.status("check", text), console.detail, console.warn, console.hint)
    for say in (*ways, lambda text: console.result("done", text), lambda text: console.result("", text)):
        say(text)
    console.error(HandshapeError(text, text, text))
    assert max(map(len, plain(screen).splitlines())) <= 40
    assert plain(screen).split().count("/a/path/that/stays/whole.") == 9
    console, screen = terminal(40, term="dumb")
    console.warn(text)
    assert screen.getvalue() == f"warn: {text}\n"


@pytest.mark.parametrize("width", [40, 50, 80])
def test_a_command_can_be_copied_from_a_narrow_terminal(width, terminal):
    command = "handshape evaluate 'my runs/20261125_101500' OTHER_PHOTOS --out a-folder-for-the-report"
    console, screen = terminal(width)
    console.hint("To see which photographs are read wrongly:", command)
    console.command(command)
    hint, first, second = plain(screen).partition("   handshape")
    copied = (first + second).replace("\\\n", " ")
    assert max(map(len, plain(screen).splitlines())) <= width
    assert [shlex.split(line) for line in copied.splitlines()] == [shlex.split(command)] * 2
    assert " ".join(hint.split()[1:]) == "To see which photographs are read wrongly:"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.04, "0.0 s"), (9.9, "9.9 s"), (9.96, "10 s"), (74.4, "74 s"), (121, "2 min 1 s"), (7260, "2 h 1 min")],
)
def test_times_in_words(seconds, words):
    assert duration(seconds) == words
