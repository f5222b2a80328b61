"""``handshape serve`` as a program: started, asked, stopped by a signal; and the mistakes one makes with it."""

import json
import os
import queue
import signal
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from conftest import Handshape, Trained

PATIENCE = 60.0  # seconds for what takes a moment, even on a machine that is busy with something else


@pytest.mark.skipif(os.name == "nt", reason="signals are those of POSIX")
@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_it_starts_answers_and_stops(stop, trained: Trained, tmp_path: Path):
    (tmp_path / "tokens").write_text("a-token-for-these-tests\n")
    page = "https://signs.example.org"
    command = [sys.executable, "-m", "handshape", "serve", str(trained.folder), "--port", "0", "--json"]
    command += ["--allow-origin", "http://localhost:5173", "--allow-origin", page]
    with subprocess.Popen(
        [*command, "--token-file", str(tmp_path / "tokens")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as program:
        said: queue.Queue[str] = queue.Queue()
        threading.Thread(target=lambda: [said.put(line) for line in program.stderr], daemon=True).start()
        address = said.get(timeout=PATIENCE).split(" on ")[1].split()[0]
        assert address.startswith("http://127.0.0.1:")
        with urllib.request.urlopen(f"{address}/readyz", timeout=PATIENCE) as answer:
            assert json.load(answer) == {"status": "ready"}
        request = urllib.request.Request(f"{address}/v1/models", headers={"Origin": page})
        with pytest.raises(urllib.error.HTTPError, match="401") as refused:
            urllib.request.urlopen(request, timeout=PATIENCE)
        assert refused.value.headers["Access-Control-Allow-Origin"] == page
        program.send_signal(stop)
        assert program.wait(PATIENCE) == 0
        events = [json.loads(line) for line in program.stdout]
    assert [event["event"] for event in events] == ["model", "request", "request"]
    assert [event["status"] for event in events[1:]] == [200, 401]
    assert said.get(timeout=PATIENCE).strip() == "Stopped."


def test_a_port_that_is_taken(trained: Trained, handshape: Handshape):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        outcome = handshape("serve", trained.folder, "--port", taken.getsockname()[1])
    assert outcome.code == 1
    assert "address already in use" in outcome.err
    assert "--port" in outcome.err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--port", "99999"], "Cannot serve on"),
        (["--host", "203.0.113.1"], "Cannot serve on"),
        (["--host", "no.such.name.invalid"], "Cannot serve on"),
        (["--workers", "0"], "--workers"),
        (["--allow-origin", "*"], "'*' is not the origin of web pages"),
        (["--limit", "images=none"], "The limit images cannot be 'none'"),
        (["--token-file", "absent"], "Cannot read the tokens"),
    ],
)
def test_words_that_cannot_be_meant(words, message, trained: Trained, handshape: Handshape):
    outcome = handshape("serve", trained.folder, *words)
    assert outcome.code == 1
    assert message in outcome.err
    assert "Traceback" not in outcome.err


def test_a_model_that_is_not_there(handshape: Handshape, tmp_path: Path):
    outcome = handshape("serve", tmp_path / "nowhere", "--json")
    assert outcome.code == 1
    assert "nowhere" in outcome.object["error"]
