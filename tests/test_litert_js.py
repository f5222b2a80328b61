"""Where LiteRT's runtime for browsers comes from."""

import shutil
import tarfile
from pathlib import Path

import pytest
from browser import keep_runtime

from handshape.console import Console
from handshape.downloads import file_sha256
from handshape.errors import DownloadError
from handshape.serving import litert_js
from handshape.serving.litert_js import LICENSE, SHA256, VARIABLE, litert_js_folder


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """The npm package's folder, as far as it is used."""
    keep_runtime()
    try:
        fetched = litert_js_folder(Console(quiet=True))
    except DownloadError as error:
        pytest.skip(f"the runtime for browsers cannot be had: {error.happened}")
    return Path(shutil.copytree(fetched, tmp_path / "package"))


@pytest.mark.parametrize("kind", ["folder", "tarball"])
def test_what_a_user_names_is_kept(
    kind: str, package: Path, home: Path, monkeypatch: pytest.MonkeyPatch, console: Console
) -> None:
    source = package
    if kind == "tarball":
        source = package.with_name("core.tgz")
        with tarfile.open(source, "w:gz") as tarball:
            tarball.add(package, "package")
    monkeypatch.setenv(VARIABLE, str(source))
    folder = litert_js_folder(console)
    assert folder.is_relative_to(home)
    assert {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()} == {*SHA256, LICENSE}
    assert all(file_sha256(folder / name) == sha256 for name, sha256 in SHA256.items())
    assert "Apache License" in (folder / LICENSE).read_text(encoding="utf-8")
    monkeypatch.setenv(VARIABLE, "nowhere")
    assert litert_js_folder(console) == folder


@pytest.mark.parametrize("damage", ["missing", "changed", "no tarball", "nowhere"])
def test_what_is_not_the_package_is_said(
    damage: str, package: Path, home: Path, monkeypatch: pytest.MonkeyPatch, console: Console
) -> None:
    file, source = package / next(iter(SHA256)), package
    if damage == "missing":
        file.unlink()
    elif damage == "changed":
        file.write_bytes(file.read_bytes() + b"//")
    else:
        source = package.with_name("core.tgz")
        if damage == "no tarball":
            source.write_bytes(b"no tarball")
    monkeypatch.setenv(VARIABLE, str(source))
    with pytest.raises(DownloadError, match=str(source)) as raised:
        litert_js_folder(console)
    assert "core-2.5.3.tgz" in (raised.value.fix or "")
    assert not list((home / "litert-js").glob("*"))


def test_offline_it_is_said_how_to_bring_it(home: Path, monkeypatch: pytest.MonkeyPatch, console: Console) -> None:
    monkeypatch.setenv("HANDSHAPE_OFFLINE", "1")
    monkeypatch.delenv(VARIABLE, raising=False)
    with pytest.raises(DownloadError, match="HANDSHAPE_OFFLINE") as raised:
        litert_js_folder(console)
    assert VARIABLE in (raised.value.fix or "")
    assert litert_js.URL in (raised.value.fix or "")


def test_a_cache_that_cannot_be_written_is_said(
    package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, console: Console
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("HANDSHAPE_HOME", str(tmp_path / "file"))
    monkeypatch.setenv(VARIABLE, str(package))
    with pytest.raises(DownloadError, match="Cannot keep"):
        litert_js_folder(console)
