"""The API through real sockets: the same answers as ``predict``, and every error as clear JSON."""

import io
import json
import random
import re
import socket
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from api_server import BOUNDARY, PATIENCE, Answer, Running, form, running, wait_for
from conftest import Handshape, Trained
from PIL import Image
from pydantic import TypeAdapter

from handshape.export.bundle import find_bundle
from handshape.serving.api.access import Access
from handshape.serving.api.middleware import HEADERS
from handshape.serving.api.schemas import ErrorAnswer, Models, NoResults, Results

TOKEN = "a-token-for-these-tests"
MIXED = "multipart/form-data; boundary=" + BOUNDARY


@pytest.fixture(scope="module")
def server(trained: Trained):
    with running(trained.folder, bytes=2_000_000, pixels=4_000_000, images=8) as here:
        yield here


@pytest.fixture(scope="module")
def photos(trained: Trained):
    return sorted(trained.data.glob("*/*.*"))[::6]


def encoded(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def without_time(result: dict) -> dict:
    return {name: value for name, value in result.items() if name != "milliseconds"}


def test_answers_are_those_of_predict(server: Running, photos, trained: Trained, handshape: Handshape):
    predicted = handshape("predict", trained.folder, *photos, "--json").objects
    answer = server.send(*[photo.read_bytes() for photo in photos], names=[str(photo) for photo in photos])
    assert answer.status == 200
    assert list(map(without_time, answer.object["results"])) == list(map(without_time, predicted))
    assert [list(result) for result in answer.object["results"]] == [list(result) for result in predicted]
    Results.model_validate(answer.object)


def test_unusual_images_get_the_answers_of_predict(server: Running, photos, trained, handshape: Handshape, tmp_path):
    picture = Image.open(photos[0]).convert("RGB").resize((240, 180))
    exif = Image.Exif()
    exif[0x0112] = 6
    wide = np.asarray(picture.convert("L")).astype(np.uint16) * 257
    images = {
        "turned.jpg": encoded(picture, "JPEG", exif=exif),
        "print.jpg": encoded(picture.convert("CMYK"), "JPEG"),
        "deep.png": encoded(Image.fromarray(wide)),
        "clear.png": encoded(picture.convert("RGBA")),
        "grey.png": encoded(picture.convert("L")),
        "few.gif": encoded(picture.convert("P"), "GIF"),
    }
    for name, content in images.items():
        (tmp_path / name).write_bytes(content)
    predicted = handshape("predict", trained.folder, *[tmp_path / name for name in images], "--json").objects
    results = server.send(*images.values(), names=list(images)).object["results"]
    for result, prediction in zip(results, predicted, strict=True):
        assert without_time(result) | {"path": ""} == without_time(prediction) | {"path": ""}


def test_one_bad_image_does_not_spoil_the_others(server: Running, photos):
    good = photos[0].read_bytes()
    answer = server.send(good, b"%PDF-1.7", good[: len(good) // 2], names=["good.png", "scan.pdf", "half.png"])
    assert answer.status == 200
    results = answer.object["results"]
    assert [result["path"] for result in results] == ["good.png", "scan.pdf", "half.png"]
    assert "decision" in results[0]
    assert "error" not in results[0]
    assert [result["error"]["code"] for result in results[1:]] == ["unreadable_image"] * 2
    assert [set(result) for result in results[1:]] == [{"path", "error"}] * 2
    assert "PDF" in results[1]["error"]["message"]
    Results.model_validate(answer.object)


@pytest.mark.parametrize(
    ("content", "status", "code"),
    [
        (b"", 422, "unreadable_image"),
        (b"no image", 422, "unreadable_image"),
        (encoded(Image.new("L", (3000, 3000))), 413, "too_many_pixels"),
        (encoded(Image.new("1", (60000, 60000))), 413, "too_many_pixels"),
        (encoded(Image.fromarray(np.zeros((9, 9), np.float32)), "TIFF"), 422, "unreadable_image"),
    ],
    ids=["empty", "text", "large", "bomb", "floating point"],
)
@pytest.mark.parametrize("path", ["/v1/recognize", "/v1/explain"])
def test_an_image_that_is_refused(path, content, status, code, server: Running):
    answer = server.send(content, path=path)
    if len(content) > 100 and b"IHDR\x00\x00\xea`" in content:  # Pillow's own limit is met before ours
        status, code = 422, "unreadable_image"
    assert (answer.status, answer.error_code) == (status, code)
    NoResults.model_validate(answer.object)


@pytest.mark.parametrize(
    ("body", "kind", "status", "code"),
    [
        (None, "", 415, "not_a_form"),
        (b"{}", "application/json", 415, "not_a_form"),
        (b"image=x", "application/x-www-form-urlencoded", 415, "not_a_form"),
        (b"", "multipart/form-data", 400, "bad_request"),
        (b"nothing", MIXED, 400, "bad_request"),
        (form([]), MIXED, 422, "no_image"),
        (form([b"x"]).replace(b"image", b"photo"), MIXED, 422, "no_image"),
        (form([b"x"]).replace(b'; filename="0.jpg"', b""), MIXED, 422, "no_image"),
        (form([b"x"] * 9), MIXED, 413, "too_many_images"),
        (form([b"x"])[:-20], MIXED, 422, "no_image"),
        (form([b"x"]), MIXED + "; charset=UTF-8", 422, "unreadable_image"),
        (form([b"x"]), MIXED + "; charset=klingon", 415, "other_charset"),
        (form([b"x"]), MIXED + '; charset="undefined"', 415, "other_charset"),
        (form([b"x"]), MIXED + "; charset=punycode", 415, "other_charset"),
        (form([b"x"], ["+2AA-.jpg"]), MIXED + "; charset=utf-7", 415, "other_charset"),
        (form([b"x"], ["\\ud800.jpg"]), MIXED + "; charset=unicode_escape", 415, "other_charset"),
    ],
)
@pytest.mark.parametrize("path", ["/v1/recognize", "/v1/explain"])
def test_a_form_that_is_refused(path, body, kind, status, code, server: Running):
    answer = server.ask("POST", path, body, **({"Content_Type": kind} if kind else {}))
    assert (answer.status, answer.error_code) == (status, code)
    assert answer.object["error"]["expected"]
    assert answer.object["error"]["fix"] or status not in (400, 415)


def test_forms_that_are_damaged_anywhere_never_break_the_server(server: Running, photos):
    whole = form([photos[0].read_bytes()])
    chance = random.Random(0)
    for _ in range(150):
        damaged = bytearray(whole[: chance.randint(0, len(whole))] if chance.random() < 0.5 else whole)
        for _ in range(chance.randint(0, 20)):
            if damaged:
                place = chance.randrange(min(len(damaged), chance.choice([150, len(damaged)])))
                damaged[place] = chance.randrange(256)
        answer = server.ask("POST", "/v1/recognize", bytes(damaged), Content_Type=MIXED)
        assert answer.status == 200 or answer.error_code


def test_other_paths_and_methods(server: Running):
    answer = server.ask("GET", "/nowhere")
    assert (answer.status, answer.error_code) == (404, "not_found")
    assert "/openapi.json" in answer.object["error"]["fix"]
    answer = server.ask("GET", "/v1/recognize")
    assert (answer.status, answer.error_code) == (405, "method_not_allowed")
    assert answer.object["error"]["expected"] == "POST"
    assert "/openapi.json" in answer.object["error"]["fix"]
    assert answer.headers["allow"] == "POST"
    preflight = server.ask("OPTIONS", "/v1/recognize", Access_Control_Request_Method="POST")
    assert preflight.status == 405
    assert not [name for name in preflight.headers if name.startswith("access-control")]


def test_what_is_no_http_at_all(server: Running):
    with socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE) as connection:
        connection.sendall(b"HELLO\r\n\r\n")
        answer = b"".join(iter(lambda: connection.recv(4096), b""))
    assert answer.startswith(b"HTTP/1.1 400")


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("connection", ["keep-alive", "close"])
def test_a_body_that_is_too_large_is_refused_while_it_comes(connection, chunked, server: Running):
    whole = form([b"x" * 30_000_000])  # more than the system holds for a server that does not read
    body = (whole[start : start + 500_000] for start in range(0, len(whole), 500_000)) if chunked else whole
    answer = server.ask("POST", "/v1/recognize", body, Content_Type=MIXED, Connection=connection)
    assert (answer.status, answer.error_code) == (413, "too_large")
    assert "2 MB" in answer.object["error"]["expected"]


def test_an_explanation_is_a_picture(server: Running, photos):
    answer = server.send(photos[0].read_bytes(), path="/v1/explain")
    assert (answer.status, answer.headers["content-type"]) == (200, "image/png")
    picture = Image.open(io.BytesIO(answer.body))
    assert min(picture.size) > 400
    assert np.asarray(picture).std() > 20
    assert server.send(b"x", b"x", path="/v1/explain").error_code == "too_many_images"


def test_every_answer_has_the_security_headers(server: Running):
    for answer in (server.ask("GET", "/healthz"), server.ask("GET", "/nowhere"), server.send(b"x" * 3_000_000)):
        assert {name: answer.headers[name.lower()] for name in HEADERS} == HEADERS
        assert "server" not in answer.headers


def test_what_is_served_and_whether_it_lives(server: Running, trained: Trained):
    (model,) = server.ask("GET", "/v1/models").object["models"]
    assert model["name"] == str(trained.folder)
    assert model["labels"] == ["5", "A", "B", "L"]
    assert model["accuracy"]["test"] == trained.outcome.object["accuracy"]["test"]
    TypeAdapter(Models).validate_python({"models": [model]})
    assert server.ask("GET", "/healthz").object == {"status": "alive"}
    assert server.ask("GET", "/readyz").object == {"status": "ready"}
    for path in ("/healthz", "/readyz"):
        answer = server.ask("HEAD", path)
        assert (answer.status, answer.body) == (200, b"")


def test_metrics_count_what_was_answered(trained: Trained, photos):
    with running(trained.folder) as server:
        server.send(photos[0].read_bytes(), b"bad")
        server.ask("GET", "/secret/words/in/a/path")
        page = server.ask("GET", "/metrics").body.decode()
    counts = dict(re.findall(r"^(\S+) ([0-9.]+)$", page, re.MULTILINE))
    assert counts['handshape_requests_total{route="/v1/recognize",status="200"}'] == "1.0"
    assert counts['handshape_images_total{outcome="label"}'] == "1.0"
    assert counts['handshape_images_total{outcome="unreadable"}'] == "1.0"
    assert counts["handshape_recognition_seconds_count"] == "1.0"
    assert counts["handshape_requests_in_progress"] == "1.0"  # this very one
    assert f'handshape_model_info{{name="{trained.folder}",version="{find_bundle(trained.folder).sha256}"}}' in counts
    assert "secret" not in page


def test_the_log_tells_of_requests_but_not_what_they_hold(trained: Trained, photos):
    with running(trained.folder) as server:
        server.send(photos[0].read_bytes(), names=["my-private-photo.jpg"])
        (event,) = server.events()
    assert event["route"] == "/v1/recognize"
    assert (event["method"], event["status"]) == ("POST", 200)
    assert event["bytes"] > len(photos[0].read_bytes())
    assert event["milliseconds"] > 0
    assert "private" not in json.dumps(event)


def test_a_token_opens_the_door(trained: Trained, photos):
    with running(trained.folder, tokens=["another-token-of-length", TOKEN]) as server:
        good = {"Authorization": f"Bearer {TOKEN}"}
        photo = photos[0].read_bytes()
        assert server.send(photo, **good).status == 200
        for wrong in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": f"Basic {TOKEN}"}):
            answer = server.send(photo, **wrong)
            assert (answer.status, answer.error_code) == (401, "unauthorized")
            assert answer.headers["www-authenticate"] == "Bearer"
        assert server.ask("GET", "/metrics").status == server.ask("GET", "/v1/models").status == 401
        assert server.ask("GET", "/healthz").status == server.ask("GET", "/readyz").status == 200


def test_web_pages_from_elsewhere_are_turned_away(server: Running):
    here = f"127.0.0.1:{server.port}"
    assert server.ask("GET", "/v1/models", Origin=f"http://{here}").status == 200
    assert server.ask("GET", "/v1/models", Origin="http://elsewhere.example").error_code == "other_origin"
    assert server.ask("GET", "/v1/models", Origin="null").error_code == "other_origin"
    assert server.ask("GET", "/v1/models", Origin="http://[").error_code == "other_origin"
    assert server.ask("GET", "/v1/models", Host="elsewhere.example").error_code == "wrong_host"
    assert server.ask("GET", "/v1/models", Host=f"localhost:{server.port}").status == 200


PAGE = "https://signs.example.org"


def cors(answer: Answer) -> dict[str, str]:
    """What an answer tells a browser about pages from elsewhere."""
    return {name: value for name, value in answer.headers.items() if name.startswith("access-control-")}


def test_pages_that_are_let_in_may_ask_and_read_the_answers(trained: Trained, photos):
    photo = photos[0].read_bytes()
    with running(trained.folder, tokens=[TOKEN], origins=[PAGE], bytes=100_000) as server:
        wanted = {"Access_Control_Request_Method": "POST", "Access_Control_Request_Headers": "authorization"}
        preflight = server.ask("OPTIONS", "/v1/recognize", Origin=PAGE, **wanted)  # browsers send no token with it
        allowed = cors(preflight)
        assert preflight.status == 200
        assert allowed["access-control-allow-origin"] == PAGE
        assert "POST" in allowed["access-control-allow-methods"]
        assert "authorization" in allowed["access-control-allow-headers"].lower()
        assert "access-control-allow-credentials" not in allowed
        answer = server.send(photo, Origin=PAGE, Authorization=f"Bearer {TOKEN}")
        assert answer.status == 200
        assert answer.object["results"][0]["decision"] in {"A", "B", "L", "5", "unknown"}
        refused = [server.send(photo, Origin=PAGE), server.send(b"x" * 200_000, Origin=PAGE)]
        assert [each.status for each in refused] == [401, 401]
        large = server.send(b"x" * 200_000, Origin=PAGE, Authorization=f"Bearer {TOKEN}")
        assert large.error_code == "too_large"
        for each in (answer, *refused, large):  # a page is to learn what is wrong
            assert cors(each)["access-control-allow-origin"] == PAGE
            assert "origin" in each.headers["vary"].lower()
        assert not cors(server.send(photo, Authorization=f"Bearer {TOKEN}"))


@pytest.mark.parametrize(
    "origin", ["https://elsewhere.example", "null", f"{PAGE}.evil.example", "http://signs.example.org"]
)
def test_other_pages_stay_outside(origin, trained: Trained):
    with running(trained.folder, origins=[PAGE]) as server:
        answer = server.ask("GET", "/v1/models", Origin=origin)
        assert answer.error_code == "other_origin"
        preflight = server.ask("OPTIONS", "/v1/recognize", Origin=origin, Access_Control_Request_Method="POST")
        assert 400 <= preflight.status < 500
        for each in (answer, preflight):
            assert "access-control-allow-origin" not in each.headers


def test_a_client_that_asks_too_often_waits(trained: Trained):
    with running(trained.folder, rate=0.001) as server:
        first, second = (server.ask("GET", "/v1/models") for _ in range(2))
        assert (first.status, second.status) == (200, 429)
        assert second.error_code == "too_many_requests"
        assert 1 <= int(second.headers["retry-after"]) <= 1000
        assert server.ask("GET", "/healthz").status == 200


def test_more_at_a_time_than_it_takes(trained: Trained):
    with running(trained.folder, requests=1, connections=3) as server:
        address = ("127.0.0.1", server.port)
        with socket.create_connection(address, PATIENCE) as slow:
            slow.sendall(b"POST /v1/recognize HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n")
            slow.sendall(f"Content-Type: {MIXED}\r\n\r\n-".encode())
            wait_for(lambda: server.ask("GET", "/v1/models").status == 429)
            answer = server.ask("GET", "/v1/models")
            assert answer.error_code == "busy"
            assert answer.headers["retry-after"] == "1"
            others = [socket.create_connection(address, PATIENCE) for _ in range(3)]
            wait_for(lambda: server.ask("GET", "/v1/models").status == 503)
            assert server.ask("GET", "/v1/models").object["error"]["code"] == "crowded"
            assert [server.ask("GET", path).status for path in ("/healthz", "/readyz")] == [200, 200]
            for connection in others:
                connection.close()
        wait_for(lambda: server.ask("GET", "/v1/models").status == 200)


def test_a_client_that_goes_away_is_no_mistake_of_the_server(trained: Trained):
    with running(trained.folder) as server:
        with socket.create_connection(("127.0.0.1", server.port), PATIENCE) as connection:
            connection.sendall(b"POST /v1/recognize HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n")
            connection.sendall(f"Content-Type: {MIXED}\r\n\r\n-".encode())
        assert server.events()[0]["status"] == 400


def test_many_at_once_get_their_own_answers(server: Running, photos):
    alone = [server.send(photo.read_bytes()).object["results"][0]["top"] for photo in photos]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda photo: server.send(photo.read_bytes()).object["results"][0], photos * 6))
    assert [result["top"] for result in together] == alone * 6


def test_mistakes_before_a_request_is_admitted_are_said(server: Running, monkeypatch, caplog):
    monkeypatch.setattr(Access, "check", lambda access, headers: 1 / 0)
    answer = server.ask("GET", "/v1/models")
    assert (answer.status, answer.object["error"]["code"]) == (500, "internal_error")
    assert "ZeroDivisionError" in caplog.text


@pytest.fixture
def stopped(trained: Trained, photos, monkeypatch):
    """The answer of a server that is stopped while it works on one image, and its events.

    The image is done as soon as the server stops, or only after the answer.
    """

    def stop(in_time: bool, **limits: float) -> tuple[Answer, list[dict]]:
        begun, go_on = threading.Event(), threading.Event()
        with running(trained.folder, **limits) as server, ThreadPoolExecutor(1) as pool:
            recognizer = server.served.current.recognizer
            recognize = recognizer.recognize

            def held(image):
                begun.set()
                assert go_on.wait(PATIENCE)
                return recognize(image)

            monkeypatch.setattr(recognizer, "recognize", held)
            try:
                answer = pool.submit(server.send, photos[0].read_bytes())
                assert begun.wait(PATIENCE)
                server.server.should_exit = True
                if in_time:
                    wait_for(lambda: not server.server.servers[0].is_serving())
                    go_on.set()
                return answer.result(PATIENCE), server.events()
            finally:
                go_on.set()

    return stop


def test_a_stopping_server_finishes_what_it_began(stopped):
    answer, events = stopped(in_time=True, stop=PATIENCE)
    assert answer.status == 200
    assert [event["status"] for event in events] == [200]


@pytest.mark.parametrize("seconds", [0.0, 0.2])
def test_a_stopping_server_says_what_it_did_not_finish(seconds, stopped, caplog):
    answer, events = stopped(in_time=False, stop=seconds)
    assert (answer.status, answer.object["error"]["code"]) == (503, "stopping")
    assert answer.headers["connection"] == "close"
    assert [event["status"] for event in events] == [503]
    assert "Traceback" not in caplog.text


@pytest.mark.parametrize(("length", "status"), [(1000, 503), (10**9, 413)])
def test_a_stopping_server_does_not_wait_for_the_rest_of_a_body(length, status, trained: Trained, caplog):
    with (
        running(trained.folder, stop=0.2) as server,
        socket.create_connection(("127.0.0.1", server.port), PATIENCE) as slow,
    ):
        slow.sendall(b"POST /v1/recognize HTTP/1.1\r\nHost: localhost\r\n")
        slow.sendall(f"Content-Length: {length}\r\nContent-Type: {MIXED}\r\n\r\n-".encode())
        wait_for(lambda: server.server.server_state.tasks)
        server.server.should_exit = True
        assert slow.recv(12) == f"HTTP/1.1 {status}".encode()
    assert "Traceback" not in caplog.text


def test_the_description_fits_what_is_answered(server: Running):
    description = server.ask("GET", "/openapi.json").object
    assert set(description["paths"]) == {
        "/v1/recognize",
        "/v1/explain",
        "/v1/models",
        "/v1/watch",
        "/healthz",
        "/readyz",
        "/metrics",
    }
    recognize = description["paths"]["/v1/recognize"]["post"]
    assert set(recognize["responses"]) == {"200", "400", "401", "403", "408", "413", "415", "422", "429", "503"}
    assert recognize["requestBody"]["content"]["multipart/form-data"]["schema"]["required"] == ["image"]
    examples = description["components"]["schemas"]["Results"]["properties"]["results"]["examples"]
    Results.model_validate({"results": examples[0]})
    ErrorAnswer.model_validate(server.ask("GET", "/nowhere").object)
