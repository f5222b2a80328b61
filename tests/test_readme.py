"""README shows what make train prints: what is shown of it, and what counts as a difference."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[1]
PRINTED = """\
Installing Handshape and what training needs: some 450 MB to download, 2 GB on the disk; once, some minutes
Collecting numpy
.venv/bin/handshape sample practice
Drawing a practice set into practice
   Drawing hands: 596 of 1152, 26 s left E
Drew 1,152 images into practice
.venv/bin/handshape train practice
Reading practice
Fetching the hand models from your package index (36 MB, once)
   1,152 usable images in 24 classes
warn: 9 labels are suspect, the clearest first: D/D_0025.jpg looks like C.
Training the landmark stream on 782 hands
   Landmark stream, epoch: 12 of 40, 10 s left; accuracy 95.5%
   epoch 40/40: accuracy 95.5%, loss 0.44; 3.4 s
Phase 2: fine-tuning the last 20 layers, up to 10 epochs
   epoch 1/10: accuracy 95.5%, loss 0.44; validation 80.1%, loss 0.70; 3.4 s
   epoch 10/10: accuracy 100.0%, loss 0.34; validation 90.1%, loss 0.61; 13.4 s

  class   images   precision   recall      F1
  A            8       0.667    0.500   0.571
  B            8       0.667    0.750   0.706
  C            8       1.000    1.000   1.000
  D            8       1.000    1.000   1.000
  E            8       1.000    1.000   1.000
Test accuracy 96.7% on 240 images, by signer (48 signers)
   validation 97.5%, macro F1 0.967
   With people kept out of training, photographed as the others were, it is right 97 times in 100.
   hardest classes: N 80%, U 80%
Run folder: runs/20261125_133820 (report.html; figures and measures in results/)
Trained in 2 min 14 s
"""


@pytest.fixture(scope="module")
def readme() -> ModuleType:
    spec = importlib.util.spec_from_file_location("readme", ROOT / "scripts" / "readme.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_progress_and_most_rows_are_not_shown(readme: ModuleType) -> None:
    lines = readme.shown(PRINTED)
    assert lines[:6] == [
        ".venv/bin/handshape sample practice",
        "Drawing a practice set into practice",
        "Drew 1,152 images into practice",
        ".venv/bin/handshape train practice",
        "Reading practice",
        "   1,152 usable images in 24 classes",
    ]
    assert [line.split()[0] for line in lines[9:14]] == ["class", "A", "B", "C", "…"]
    assert not any(word in line for line in lines for word in ("left", "Fetching", "epoch "))
    assert lines[-1] == "Trained in 2 min 14 s"


def test_what_is_written_reads_back_the_same(
    readme: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readme, "README", tmp_path / "README.md")
    (tmp_path / "README.md").write_text(f"before\n{readme.BEGIN}old\n{readme.END}\nafter\n", encoding="utf-8")
    lines = readme.shown(PRINTED)
    readme.write([*lines, f"   {'long ' * 60}".rstrip()])
    text = (tmp_path / "README.md").read_text(encoding="utf-8")
    assert text.startswith("before\n") and text.endswith("\nafter\n")
    assert max(map(len, text.splitlines())) <= readme.WIDTH
    assert readme.disagreements(readme.written(text), [*lines, f"   {'long ' * 60}".rstrip()]) == []


@pytest.mark.parametrize(
    ("old", "new", "differs"),
    [
        ("96.7%", "98.3%", False),  # within the tolerance, as another machine's arithmetic may move it
        ("96.7%", "92.1%", True),
        ("0.967", "0.980", False),
        ("0.967", "0.920", True),
        ("97 times in 100", "95 times in 100", False),
        ("97 times in 100", "92 times in 100", True),
        ("240 images", "241 images", True),
        ("Drew 1,152", "Drew 1,360", True),
        ("in 2 min 14 s", "in 74 s", False),
        ("in 2 min 14 s", "in 1 h 4 min", False),
        ("landmark stream on 782", "landmark stream on 790", False),
        ("20261125_133820", "20261126_000000_2", False),
        ("9 labels are suspect", "11 labels are suspect", False),
        ("N 80%, U 80%", "D 60%", False),
        ("Reading practice\n", "Reading practice\n   Something new\n", True),
        ("Drew 1,152 images into practice\n", "", True),
    ],
)
def test_what_counts_as_a_difference(readme: ModuleType, old: str, new: str, differs: bool) -> None:
    assert PRINTED.count(old) == 1
    assert bool(readme.disagreements(readme.shown(PRINTED), readme.shown(PRINTED.replace(old, new)))) == differs


def test_readme_has_the_block(readme: ModuleType) -> None:
    lines = readme.written((ROOT / "README.md").read_text(encoding="utf-8"))
    assert any(line.startswith("Test accuracy ") for line in lines)
