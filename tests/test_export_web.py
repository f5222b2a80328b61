"""`handshape export --to web`: a folder that any web server shows, in which a model reads hands in the browser."""

import json
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from browser import Seen, browser, page  # noqa: F401
from conftest import Handshape, Trained

from handshape.console import Console
from handshape.errors import DownloadError, HandshapeError
from handshape.export.bundle import find_bundle
from handshape.export.formats import asked_for
from handshape.hands.models import HandModels
from handshape.registry import resolve
from handshape.serving import site
from handshape.workflow.export_web import export_web


@pytest.fixture
def runtime(tmp_path: Path, monkeypatch) -> Path:
    """Stands for LiteRT's runtime, which comes from the network."""
    folder = tmp_path / "litert"
    (folder / "wasm").mkdir(parents=True)
    (folder / "wasm" / "litert.wasm").write_bytes(b"\0asm")
    monkeypatch.setattr(site, "litert_js_folder", lambda console: folder)
    return folder


def files_of(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_it_is_the_page_with_the_model_and_nothing_else(
    trained: Trained, runtime: Path, handshape: Handshape, tmp_path: Path
):
    out = tmp_path / "site"
    outcome = handshape("export", trained.folder, "--to", "web", "--out", out, "--json")
    assert outcome.code == 0
    bundle = find_bundle(trained.folder)
    expected = {*site.page_files(server=False), *site.model_files(bundle), "site.json", "litert/wasm/litert.wasm"}
    expected |= {f"practice/{label}_{number}.jpg" for label in ("5", "A", "B", "L") for number in range(3)}
    assert files_of(out) == expected
    told = outcome.object["web"]
    assert told["folder"] == str(out)
    assert told["files"] == len(expected)
    assert told["bytes"] == sum((out / name).stat().st_size for name in expected)
    said = json.loads((out / "site.json").read_text(encoding="utf-8"))
    assert not any(said[name] for name in ("server", "training", "labels", "token"))
    assert (said["model"]["sha256"], said["model"]["name"]) == (bundle.sha256, trained.folder.name)
    assert str(trained.folder.parent) not in (out / "site.json").read_text()
    assert (out / "model" / "model.tflite").read_bytes() == bundle.litert.read_bytes()


def test_a_ready_model_needs_no_photographs(models: HandModels, runtime: Path, handshape: Handshape, tmp_path: Path):
    out = tmp_path / "site"
    outcome = handshape("export", "digits", "--to", "web", "--out", out)
    assert outcome.code == 0, outcome.err
    assert f"in {out}" in outcome.out
    assert "http.server" in outcome.err
    assert {"hands/palm.tflite", "hands/landmarks.tflite", "model/model.tflite"} <= files_of(out)
    assert json.loads((out / "site.json").read_text())["model"]["about"] == resolve("digits").details["ready"]["about"]


def test_it_goes_beside_other_exports_unless_a_place_is_named(trained: Trained, runtime: Path, monkeypatch, tmp_path):
    from handshape.cli import export as verb
    from handshape.cli.parser import build_parser

    def place(*words: str) -> Path:
        options = build_parser().parse_args(["export", str(trained.folder), *words])
        return verb.write_page(find_bundle(trained.folder), options, Console(quiet=True)).folder

    out = str(tmp_path / "out")
    assert place("--to", "web", "--out", out) == Path(out)
    assert place("--to", "web,onnx", "--out", f"{out}2") == Path(f"{out}2") / "web"


def test_an_earlier_page_is_replaced_and_what_is_the_users_stays(trained: Trained, runtime: Path, tmp_path: Path):
    out, console = tmp_path / "site", Console(quiet=True)
    (out / ".git").mkdir(parents=True)
    (out / ".git" / "HEAD").write_text("ref")
    export_web(find_bundle(trained.folder), "mine", out, console)
    (out / "app" / "of_an_earlier_version.js").write_text("export {};")
    (out / "CNAME").write_text("signs.example.org")
    export_web(find_bundle(trained.folder), "mine", out, console)
    assert not (out / "app" / "of_an_earlier_version.js").exists()
    assert (out / "CNAME").is_file()
    assert (out / ".git" / "HEAD").is_file()


@pytest.mark.parametrize("content", [{"photo.jpg": b"x"}, {"site.json": b"[]", "index.html": b""}, {"index.html": b""}])
def test_nothing_of_somebody_else_is_mixed_with_it(content, trained: Trained, runtime: Path, tmp_path: Path):
    out = tmp_path / "mine"
    out.mkdir()
    for name, data in content.items():
        (out / name).write_bytes(data)
    with pytest.raises(HandshapeError, match="something else"):
        export_web(find_bundle(trained.folder), "mine", out, Console(quiet=True))
    assert files_of(out) == set(content)
    (tmp_path / "file").write_text("")
    with pytest.raises(HandshapeError, match="is a file"):
        export_web(find_bundle(trained.folder), "mine", tmp_path / "file", Console(quiet=True))


def test_without_the_runtime_nothing_is_written(trained: Trained, handshape: Handshape, monkeypatch, tmp_path: Path):
    def refuse(console):
        raise DownloadError("There is no network.")

    monkeypatch.setattr(site, "litert_js_folder", refuse)
    outcome = handshape("export", trained.folder, "--to", "web", "--out", tmp_path / "site")
    assert outcome.code == 1
    assert "There is no network." in outcome.err
    assert not (tmp_path / "site").exists()


@pytest.mark.parametrize(
    ("names", "formats", "has_page"),
    [("web", [], True), ("onnx", ["onnx"], False), ("onnx, web,litert", ["onnx", "litert"], True)],
)
def test_formats_beside_the_page(names, formats, has_page):
    found, page_too = asked_for(names)
    assert ([each.name for each in found], page_too) == (formats, has_page)


@pytest.mark.parametrize("names", ["", "wbe", "web,none", ","])
def test_formats_that_there_are_not(names):
    with pytest.raises(HandshapeError, match="There is no export format"):
        asked_for(names)


@pytest.fixture(scope="module")
def hosted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of an exported page, below a path of a server that knows nothing but files."""
    root = tmp_path_factory.mktemp("host")
    try:
        export_web(resolve("asl"), "asl", root / "people" / "anna", Console(quiet=True))
    except DownloadError as error:
        pytest.skip(f"what the page needs cannot be had: {error.happened}")
    handler = partial(SimpleHTTPRequestHandler, directory=str(root))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/people/anna/"
    server.shutdown()
    server.server_close()


def test_a_static_host_reads_a_drawn_hand(hosted: str, page: Seen):  # noqa: F811
    tab, asked = page.page, []
    tab.on("request", lambda request: asked.append(request.url))
    tab.goto(hosted)
    tab.get_by_text("Drawn hands", exact=True).click()
    tab.locator('.decision[data-kind="label"]').wait_for()
    assert tab.locator(".decision").inner_text() == "A"
    assert tab.locator("#views a").all_inner_texts() == ["Read", "Spell", "Practise"]
    assert not [url for url in asked if not url.startswith((hosted, "blob:", "data:"))]
    assert not [url for url in asked if "/v1/" in url]
    assert page.errors == []
