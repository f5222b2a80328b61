import hashlib
import http.server
import threading

import pytest

from handshape.downloads import fetch, file_sha256
from handshape.errors import DownloadError

CONTENT = bytes(range(256)) * 4000
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Handler(http.server.BaseHTTPRequestHandler):
    """Serves CONTENT with ranges; /broken stops half-way, once."""

    broken = False
    ranges: list[str]

    def do_GET(self):
        asked = self.headers.get("Range")
        self.ranges.append(asked)
        start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked else 0
        if self.path == "/missing":
            self.send_error(404)
            return
        if start >= len(CONTENT):
            self.send_error(416)
            return
        self.send_response(206 if asked else 200)
        self.send_header("Content-Length", str(len(CONTENT) - start))
        self.end_headers()
        body = CONTENT[start:]
        if Handler.broken:
            Handler.broken = False
            body = body[: len(body) // 2]
        self.wfile.write(body)

    def log_message(self, *args):
        pass


@pytest.fixture
def server(monkeypatch):
    monkeypatch.delenv("HANDSHAPE_OFFLINE", raising=False)
    Handler.ranges = []
    Handler.broken = False
    httpd = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=httpd.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{httpd.server_port}"
    httpd.shutdown()
    httpd.server_close()


def test_fetches_once_and_keeps(server, tmp_path, console):
    target = tmp_path / "deep" / "file.bin"
    assert fetch(f"{server}/file", target, console, SHA256).read_bytes() == CONTENT
    fetch(f"{server}/file", target, console, SHA256)
    assert len(Handler.ranges) == 1
    assert [path.name for path in target.parent.iterdir()] == ["file.bin"]
    assert file_sha256(target) == SHA256


def test_goes_on_where_it_broke_off(server, tmp_path, console):
    target = tmp_path / "file.bin"
    Handler.broken = True
    with pytest.raises(DownloadError, match="Could not download"):
        fetch(f"{server}/file", target, console, SHA256)
    assert not target.exists()
    fetch(f"{server}/file", target, console, SHA256)
    assert target.read_bytes() == CONTENT
    assert Handler.ranges == [None, f"bytes={len(CONTENT) // 2}-"]


def test_a_part_that_is_already_whole(server, tmp_path, console):
    target = tmp_path / "file.bin"
    target.with_name("file.bin.part").write_bytes(CONTENT)
    assert fetch(f"{server}/file", target, console, SHA256).read_bytes() == CONTENT


def test_another_file_than_the_pinned_one_is_refused(server, tmp_path, console):
    target = tmp_path / "file.bin"
    with pytest.raises(DownloadError, match="not the file it should be"):
        fetch(f"{server}/file", target, console, "0" * 64)
    assert not list(tmp_path.iterdir())


def test_missing_unreachable_and_offline(server, tmp_path, console, monkeypatch):
    target = tmp_path / "file.bin"
    for url in (f"{server}/missing", "http://127.0.0.1:9/none"):
        with pytest.raises(DownloadError, match="Could not download"):
            fetch(url, target, console)
    monkeypatch.setenv("HANDSHAPE_OFFLINE", "1")
    with pytest.raises(DownloadError, match="HANDSHAPE_OFFLINE"):
        fetch(f"{server}/file", target, console)
    target.write_bytes(CONTENT)
    assert fetch(f"{server}/file", target, console, SHA256) == target
