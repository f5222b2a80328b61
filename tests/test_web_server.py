"""The page from `handshape serve`: its files, their headers, who may read them, and what nobody may."""

import hashlib
import http.client
import json
import shutil
import ssl
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from api_server import PATIENCE, Answer, Running, running, wait_for
from conftest import Handshape, Trained
from websockets.sync.client import connect

from handshape.console import Console
from handshape.errors import DownloadError, SettingsError
from handshape.hands.landmarks import FEATURES_TENSOR, WITH_FEATURES_SHA256
from handshape.hands.models import HandModels
from handshape.serving import site
from handshape.serving.api.middleware import HEADERS as API_HEADERS
from handshape.serving.api.page import HEADERS, Page
from handshape.serving.api.server import Certificate, address_of, make_server, open_socket
from handshape.serving.site import Device, describe, media_type, page_files, shown_name

TOKEN = "a-token-for-these-tests"


@pytest.fixture(scope="module")
def runtime(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Stands for LiteRT's runtime, which comes from the network."""
    folder = tmp_path_factory.mktemp("litert")
    (folder / "wasm").mkdir()
    (folder / "wasm" / "litert.wasm").write_bytes(b"\0asm")
    (folder / "wasm" / "litert.js").write_text("export {};")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(site, "litert_js_folder", lambda console: folder)
        yield folder


def page_of(served, access, limits) -> Page:
    return Page(served, Device(Console(quiet=True)), access, {})


@pytest.fixture(scope="module")
def server(trained: Trained, runtime: Path) -> Iterator[Running]:
    with running(trained.folder, page_of=page_of) as here:
        yield here


def test_the_page_comes_first(server: Running):
    for path in ("/", "/index.html"):
        answer = server.ask("GET", path)
        assert (answer.status, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
        assert answer.body == (site.WEB / "index.html").read_bytes()
        assert {name: answer.headers[name.lower()] for name in HEADERS} == HEADERS
        assert answer.headers["x-content-type-options"] == "nosniff"
    policy = HEADERS["Content-Security-Policy"]
    assert "unsafe-inline" not in policy
    assert "'unsafe-eval'" not in policy
    assert "http" not in policy


def test_the_api_keeps_its_stricter_headers(server: Running):
    for path in ("/v1/models", "/nowhere", "/app/nowhere.js"):
        answer = server.ask("GET", path)
        assert {name: answer.headers[name.lower()] for name in API_HEADERS} == API_HEADERS


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/words.js", "text/javascript; charset=utf-8"),
        ("/app/main.js", "text/javascript; charset=utf-8"),
        ("/style.css", "text/css; charset=utf-8"),
        ("/icon.svg", "image/svg+xml"),
        ("/site.json", "application/json"),
        ("/model/model.tflite", "application/octet-stream"),
        ("/model/class_activation.npy", "application/octet-stream"),
        ("/litert/wasm/litert.wasm", "application/wasm"),
        ("/litert/wasm/litert.js", "text/javascript; charset=utf-8"),
        ("/practice/A_0.jpg", "image/jpeg"),
    ],
)
def test_files_say_what_they_are(path, kind, server: Running):
    answer = server.ask("GET", path)
    assert (answer.status, answer.headers["content-type"]) == (200, kind)
    head = server.ask("HEAD", path)
    assert (head.status, head.body) == (200, b"")
    assert head.headers["content-length"] == str(len(answer.body))


def test_a_browser_asks_again_and_is_told_that_nothing_changed(server: Running):
    for path in ("/words.js", "/model/model.tflite", "/practice/A_0.jpg"):
        first = server.ask("GET", path)
        tag = first.headers["etag"]
        for known in (tag, f"W/{tag}", f'"other", {tag}', "*"):
            again = server.ask("GET", path, If_None_Match=known)
            assert (again.status, again.body, again.headers["etag"]) == (304, b"", tag)
            assert again.headers["content-security-policy"] == HEADERS["Content-Security-Policy"]
        assert server.ask("GET", path, If_None_Match='"other"').body == first.body


def test_a_model_is_kept_for_ever_under_its_checksum_alone(server: Running):
    sha256 = server.served.current.bundle.sha256
    assert "immutable" in server.ask("GET", f"/model/model.tflite?v={sha256}").headers["cache-control"]
    for path in ("/model/model.tflite", "/model/model.tflite?v=other", f"/words.js?v={sha256}"):
        assert server.ask("GET", path).headers["cache-control"] == "no-cache"


def test_what_the_page_is_told(server: Running, trained: Trained):
    told = server.ask("GET", "/site.json").object
    assert {name: told[name] for name in ("server", "training", "labels", "token", "device", "reason")} == {
        "server": True,
        "training": False,
        "labels": False,
        "token": False,
        "device": True,
        "reason": None,
    }
    assert told["model"]["labels"] == ["5", "A", "B", "L"]
    assert told["model"]["sha256"] == server.served.current.bundle.sha256
    assert told["model"]["name"] == trained.folder.name  # where it lies is nobody's business
    assert str(trained.folder.parent) not in json.dumps(told)
    assert told["practice"] == dict.fromkeys(("5", "A", "B", "L"), 3)


@pytest.mark.parametrize(
    ("name", "shown"),
    [("asl", "asl"), ("mine@3", "mine@3"), ("/home/anna/runs/first", "first"), ("runs/first/bundle", "first")],
)
def test_a_model_is_called_without_its_folders(name, shown):
    assert shown_name(name) == shown


@pytest.mark.parametrize(
    "path",
    [
        "/../site.py",
        "/..%2fsite.py",
        "/%2e%2e/site.py",
        "/app/../../site.py",
        "/app/..%5c..%5csite.py",
        "//etc/passwd",
        "/etc/passwd",
        "/model/../../../etc/passwd",
        "/model/bundle.json",
        "/model/model.keras",
        "/practice/../words.js",
        "/practice/A_3.jpg",
        "/practice/unknown_0.jpg",
        "/litert/../../site.py",
        "/hands/palm.tflite%00.jpg",
        "/app/main.js/",
        "/app",
        "/.hidden",
        "/site.py",
        "/%00",
        "/words.js%00",
    ],
)
def test_nothing_else_is_read(path, server: Running):
    answer = server.ask("GET", path)
    assert (answer.status, answer.error_code) == (404, "not_found")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_files_are_only_read(method, server: Running):
    answer = server.ask(method, "/words.js", b"x" * 100)
    assert (answer.status, answer.error_code) == (405, "method_not_allowed")
    assert answer.headers["allow"] == "GET, HEAD"


def test_a_body_with_a_question_for_a_file_does_no_harm(trained: Trained, runtime: Path):
    with running(trained.folder, page_of=page_of, bytes=1000) as server:
        assert server.ask("GET", "/words.js", b"x" * 100_000).status in (200, 413)
        assert server.ask("GET", "/words.js").status == 200


def test_with_tokens_the_page_is_public_but_the_model_is_not(trained: Trained, runtime: Path):
    with running(trained.folder, tokens=[TOKEN], page_of=page_of) as server:
        good = {"Authorization": f"Bearer {TOKEN}"}
        for path in ("/", "/app/main.js", "/litert/wasm/litert.js", "/practice/A_0.jpg"):
            assert server.ask("GET", path).status == 200
        told = server.ask("GET", "/site.json").object
        assert (told["token"], told["model"], told["practice"]) == (True, None, {})
        assert server.ask("GET", "/site.json", **good).object["model"]["labels"] == ["5", "A", "B", "L"]
        for path in ("/model/model.tflite", "/model/class_activation.npy", "/v1/models"):
            assert server.ask("GET", path).error_code == "unauthorized"
            assert server.ask("GET", path, Authorization="Bearer other").error_code == "unauthorized"
            assert server.ask("GET", path, **good).status == 200


def test_other_names_and_origins_get_no_page_either(server: Running):
    for path in ("/", "/site.json", "/model/model.tflite"):
        assert server.ask("GET", path, Host="elsewhere.example").error_code == "wrong_host"
        assert server.ask("GET", path, Origin="https://elsewhere.example").error_code == "other_origin"


def test_opening_the_page_leaves_the_model_to_others(trained: Trained, runtime: Path):
    with running(trained.folder, page_of=page_of, rate=0.001, requests=1) as server:
        with Begun(server):
            wait_for(lambda: server.ask("GET", "/v1/models").status == 429)
            assert {server.ask("GET", "/words.js").status for _ in range(80)} == {200}
        answers = [server.ask("GET", "/words.js").status for _ in range(300)]
        assert 429 in answers  # but nobody asks for ever


class Begun:
    """A request to the model that takes its place, and does not come to its end."""

    def __init__(self, server: Running) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE)

    def __enter__(self) -> None:
        self._connection.putrequest("POST", "/v1/recognize")
        self._connection.putheader("Content-Type", "multipart/form-data; boundary=x")
        self._connection.putheader("Content-Length", "9")
        self._connection.endheaders(b"-")

    def __exit__(self, *exception: object) -> None:
        self._connection.close()


def test_files_of_the_page_are_one_route_in_log_and_counts(server: Running):
    server.ask("GET", "/practice/B_1.jpg")
    wait_for(lambda: "/{file}" in [event.get("route") for event in server.events()])
    page = server.ask("GET", "/metrics").body.decode()
    assert 'route="/{file}"' in page
    assert "B_1.jpg" not in page


def test_without_the_networks_the_server_reads(trained: Trained, monkeypatch):
    tries = []

    def refuse(console):
        tries.append(console)
        raise DownloadError("There is no network.")

    monkeypatch.setattr(site, "litert_js_folder", refuse)
    with running(trained.folder, page_of=page_of) as server:
        for _ in range(3):
            told = server.ask("GET", "/site.json").object
            assert (told["device"], told["reason"]) == (False, "There is no network.")
            assert told["model"]["labels"] == ["5", "A", "B", "L"]
        assert server.ask("GET", "/litert/wasm/litert.js").status == 404
        assert server.ask("GET", "/").status == 200
        assert len(tries) == 1  # not at every question
        monkeypatch.setattr(site, "RETRY_SECONDS", 0.0)
        server.ask("GET", "/site.json")
        assert len(tries) == 2


def test_the_hand_networks_are_those_that_the_page_runs(models: HandModels, runtime: Path):
    files = Device(Console(quiet=True)).files(hands=True)
    assert site.read(files["hands/palm.tflite"]) == models.palm.read_bytes()
    assert hashlib.sha256(site.read(files["hands/landmarks.tflite"])).hexdigest() == WITH_FEATURES_SHA256
    assert FEATURES_TENSOR == 157
    assert not [name for name in Device(Console(quiet=True)).files(hands=False) if name.startswith("hands/")]


def test_frames_are_answered_with_landmarks_where_these_are_asked_for(models: HandModels, tmp_path: Path):
    frame = site.example("B", 0)
    with running("asl") as server:
        for path, wanted in (
            ("/v1/stream", False),
            ("/v1/stream?landmarks=1", True),
            ("/v1/stream?landmarks=x", False),
        ):
            with connect(f"ws://127.0.0.1:{server.port}{path}", compression=None, proxy=None) as stream:
                stream.send(frame)
                hand = json.loads(stream.recv(PATIENCE))["hand"]
            names = {"box", "handedness", "score"} | ({"landmarks", "world", "square"} if wanted else set())
            assert set(hand) == names
            if wanted:
                assert [len(hand["landmarks"]), len(hand["world"]), len(hand["square"])] == [21, 21, 4]


def test_drawn_hands_are_right_hands_and_always_the_same(models: HandModels):
    from handshape.practice.examples import example
    from handshape.registry import resolve
    from handshape.serving.recognizer import Recognizer

    recognizer = Recognizer(resolve("asl"), models, 1)
    hands = [recognizer.recognize(example(label, number)).hand for label in "BLY" for number in range(3)]
    assert {hand.handedness for hand in hands if hand} == {"Right"}
    assert all(hands)
    example.cache_clear()
    assert example("B", 0) == site.example("B", 0)


def test_every_file_of_the_page_has_a_type_and_a_relative_name():
    names = list(page_files())
    assert "index.html" in names
    assert {"app/main.js", "recognizer/recognizer.js", "words.js", "style.css"} <= set(names)
    assert not [name for name in names if media_type(name) == "application/octet-stream" and name[-4:] != ".bin"]
    assert not [name for name in names if name.startswith((".", "/")) or ".." in name]
    assert [name for name in page_files() if name.startswith("app/learn")]
    assert not [name for name in page_files(server=False) if name.startswith(("app/learn", "app/labels"))]


def test_a_description_without_a_server(trained: Trained):
    from handshape.export.bundle import find_bundle

    told = describe(find_bundle(trained.folder), "mine", "1")
    assert not any(told[name] for name in ("server", "training", "labels", "token"))


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    """Made as the help says."""
    if not shutil.which("openssl"):
        pytest.skip("openssl is not installed")
    folder = tmp_path_factory.mktemp("tls")
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30", "-subj", "/CN=handshape"]
    command += ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", "key.pem", "-out", "cert.pem"]
    subprocess.run(command, check=True, capture_output=True, cwd=folder)
    return Certificate(folder / "cert.pem", folder / "key.pem")


def test_it_serves_over_https(server: Running, certificate: Certificate, trained: Trained):
    from handshape.cli.serve import explained
    from handshape.serving.api.access import Access
    from handshape.serving.api.app import make_app
    from handshape.serving.api.limits import Limits

    app = make_app(server.served, explained, Access(), Limits(), lambda event: None)
    with open_socket("127.0.0.1", 0, Limits()) as socket:
        program = make_server(app, Limits(), certificate)
        assert address_of(socket, "127.0.0.1", True) == f"https://127.0.0.1:{socket.getsockname()[1]}"
        thread = threading.Thread(target=program.run, args=([socket],))
        thread.start()
        wait_for(lambda: program.started)
        trust = ssl.create_default_context(cafile=str(certificate.file))
        connection = http.client.HTTPSConnection("127.0.0.1", socket.getsockname()[1], context=trust, timeout=PATIENCE)
        connection.request("GET", "/healthz")
        answer = connection.getresponse()
        assert Answer(answer.status, dict(answer.getheaders()), answer.read()).status == 200
        connection.close()
        program.should_exit = True
        thread.join(PATIENCE)


@pytest.mark.parametrize("content", ["", "-----BEGIN CERTIFICATE-----\nbm9uZQ==\n-----END CERTIFICATE-----\n"])
def test_what_is_no_certificate(content, tmp_path: Path):
    (tmp_path / "cert.pem").write_text(content)
    with pytest.raises(SettingsError, match="Cannot serve with the certificate"):
        Certificate(tmp_path / "cert.pem")
    with pytest.raises(SettingsError, match="no such file"):
        Certificate(tmp_path / "absent.pem")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--tls-key", "key.pem"], "--tls-key needs --tls-cert"),
        (["--tls-cert", "absent.pem"], "Cannot serve with the certificate absent.pem"),
        (["--allow-training"], "--allow-training needs --token-file"),
    ],
)
def test_words_that_cannot_be_meant(words, message, trained: Trained, handshape: Handshape):
    outcome = handshape("serve", trained.folder, "--port", "0", *words)
    assert outcome.code == 1
    assert message in outcome.err
