"""Progress in a notebook's cell, and the notebook of the documentation from top to bottom."""

import re
from pathlib import Path
from typing import Any

import pytest

nbformat = pytest.importorskip("nbformat")
nbclient = pytest.importorskip("nbclient")

from handshape.notebook import NotebookBar, NotebookLine

NOTEBOOK = Path(__file__).parents[1] / "docs" / "first_steps.ipynb"
SAID = """
from handshape.console import Console
from handshape.errors import HandshapeError
console = Console()
console.status("check", "Looking at [1]")
for label in ("first", "second"):
    with console.progress(label, 1000) as bar:
        for _ in range(1000):
            bar.advance()
console.warn("careful")
console.table("Table", ("class", "images"), [("A", 12)])
"""
QUIET = """
with Console(quiet=True).progress("third", 10) as bar:
    bar.advance(10)
"""


def run(cells: Any, folder: Path) -> dict[str, list[Any]]:
    """The outputs of each cell, by the cell's id; texts of one stream in one."""
    client = nbclient.NotebookClient(
        cells, timeout=900, coalesce_streams=True, resources={"metadata": {"path": str(folder)}}
    )
    client.execute()
    return {cell.id: cell.outputs for cell in cells.cells if cell.cell_type == "code"}


def text_of(outputs: list[Any], stream: str) -> str:
    return "".join(output.text for output in outputs if output.output_type == "stream" and output.name == stream)


def pages_of(outputs: list[Any]) -> list[str]:
    return [output.data["text/html"] for output in outputs if "text/html" in output.get("data", {})]


def test_a_bar_is_written_anew_a_few_times_a_second(monkeypatch):
    now, shown = [0.0], []
    monkeypatch.setattr("handshape.notebook.time.monotonic", lambda: now[0])
    line = NotebookLine()
    monkeypatch.setattr(line, "show", shown.append)
    bar = NotebookBar(line, "drawing", 1000)
    for _ in range(500):
        now[0] += 0.01
        bar.advance(note="A")
    assert 10 < len(shown) < 25
    assert re.fullmatch(r"   drawing █+░+ \d+/1000, \d s left  A", shown[-1])
    assert shown[-1].count("█") + shown[-1].count("░") == shown[0].count("█") + shown[0].count("░") == 28
    bar.advance(0)


def test_a_cell_shows_lines_and_one_bar(tmp_path: Path):
    cells = nbformat.v4.new_notebook()
    cells.cells = [nbformat.v4.new_code_cell(SAID, id="said"), nbformat.v4.new_code_cell(QUIET, id="quiet")]
    outputs = run(cells, tmp_path)
    said = outputs["said"]
    assert text_of(said, "stderr") == ""  # which notebooks show in red
    lines = text_of(said, "stdout").splitlines()
    assert lines[:2] == ["🔍 Looking at [1]", "❗ careful"]
    assert any(re.fullmatch(r" *A +12 *", line) for line in lines)
    assert [output.data for output in said if output.output_type != "stream"] == [{"text/plain": ""}]  # done, and gone
    assert outputs["quiet"] == []


def test_the_notebook_is_kept_without_outputs():
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    nbformat.validate(notebook)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            assert cell.outputs == []
            assert cell.execution_count is None


@pytest.mark.slow
def test_the_notebook_runs_from_top_to_bottom(tmp_path: Path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    outputs = run(nbformat.read(NOTEBOOK, as_version=4), tmp_path)
    for cell, each in outputs.items():
        assert text_of(each, "stderr") == "", cell
        assert len(text_of(each, "stdout").splitlines()) < 40, cell
    shown = {name: pages_of(outputs[name]) for name in ("draw", "check", "train", "evaluate", "crossval", "export")}
    assert all(len(pages) == 1 for pages in shown.values())
    headline = {name: re.search(r"<b>(.*?)</b>", pages[0])[1] for name, pages in shown.items()}
    assert headline["draw"].startswith("120 drawn images in ")
    assert headline["check"].startswith("120 of 120 images in 4 classes usable")
    accuracies = {
        name: float(re.search(r"ccuracy ([0-9.]+)%", headline[name])[1]) for name in ("train", "evaluate", "crossval")
    }
    assert min(accuracies.values()) > 80, headline
    assert "split by signer (30 signers)" in headline["train"]
    assert "on 24 images" in headline["evaluate"]
    assert "over 3 folds by signer" in headline["crossval"]
    assert text_of(outputs["measures"], "stdout").count("precision") == 4
    assert re.search(r"^L \d+%$", text_of(outputs["recognise"], "stdout"), re.MULTILINE)
    assert "image/png" in outputs["recognise"][-1].data
    assert headline["export"].startswith("Exported litert-float16 to ")
    for name, pictures in (("draw", 12), ("train", 2), ("evaluate", 1), ("crossval", 2)):
        assert shown[name][0].count("data:image/jpeg;base64,") == pictures
    (report,) = tmp_path.glob("handshape-*/runs/first/report.html")
    assert report.is_file()
