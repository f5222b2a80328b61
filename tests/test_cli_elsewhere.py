"""``handshape train`` with photographs from elsewhere, and photographs without a sign."""

from pathlib import Path

import pytest
from conftest import assignments, fill
from helpers import results_of

pytest.importorskip("keras")

from handshape.console import Console
from handshape.practice import draw_practice_set
from handshape.workflow import publish


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """Folders of photographs of other people beside those to train on, some of them of no use."""
    draw_practice_set(tmp_path / "drawn", 3, 7, ["A"], 96, Console(quiet=True))
    one, two, three = (path.read_bytes() for path in (tmp_path / "drawn" / "A").iterdir())
    files = {
        "others/A/1.jpg": one,
        "others/A/2.jpg": two,
        "others/L/half.jpg": one[:300],
        "others/zebra/1.jpg": three,
        "rooms/1.jpg": one,
        "rooms/below/2.jpg": two,
        "rooms/below/3.jpg": three,
        "rooms/none.png": b"",
        "strange/zebra/1.jpg": one,
        "broken/A/1.jpg": b"no image",
        "flat/1.jpg": one,
    }
    (tmp_path / "empty").mkdir()
    return fill(tmp_path, files)


def test_photographs_from_elsewhere_are_measured_without_those_that_cannot_be_read(
    drawn, elsewhere, handshape, monkeypatch
):
    monkeypatch.setattr(publish, "draw_figures", lambda *args: None)
    monkeypatch.chdir(elsewhere)
    short = assignments(model__num_epochs=1, model__fine_tune_epochs=0)
    outcome = handshape("train", drawn, "--external", "them=others", "--negatives", "rooms", "--json", *short)
    assert outcome.code == 0
    results = results_of(Path(outcome.object["run"]))
    assert results["external"]["them"]["n"] == 2
    assert results["decisions"]["false_accept"] in (0, 1)  # of three, two tuned
    warnings = [line for line in outcome.err.splitlines() if line.startswith("warn: ")]
    for left_out in ("L/half.jpg", "none.png", "zebra"):
        assert any(left_out in line for line in warnings), left_out


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--external", "them=strange"], "knows none of the classes"),
        (["--external", "them=broken"], "can be read"),
        (["--external", "them=empty"], "holds no class folders"),
        (["--external", "them=flat"], "but no class folders"),
        (["--external", "them=missing"], "There is no folder missing"),
        (["--external", "others"], "Cannot use --external others"),
        (["--external", "a=others", "--external", "a=flat"], "Cannot use --external a=flat"),
        (["--negatives", "broken"], "photographs without a sign in broken"),
        (["--negatives", "empty"], "photographs without a sign in empty"),
        (["--negatives", "flat"], "photographs without a sign in flat"),
        (["--negatives", "missing"], "There is no folder missing"),
        (["--set", "data.negatives=[missing]"], "There is no folder missing"),
    ],
)
def test_other_photographs_that_cannot_be_used_are_told_before_anything_is_learned(
    words, told, drawn, elsewhere, handshape, monkeypatch
):
    monkeypatch.chdir(elsewhere)
    outcome = handshape("train", drawn, *words, "--json", *assignments())
    assert outcome.code == 1
    assert told in outcome.object["error"]
    assert "Phase 1" not in outcome.err
    assert not (elsewhere / "runs").exists()
