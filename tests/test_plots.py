from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("matplotlib", reason="figures need matplotlib")

from matplotlib.backend_bases import RendererBase
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.cbook import is_math_text
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.text import Text

from handshape.console import Console
from handshape.errors import RunError
from handshape.evaluation.metrics import Metrics, measure
from handshape.evaluation.predictions import Predictions
from handshape.evaluation.slices import Slice
from handshape.reporting import plots
from handshape.reporting.plots import fonts, style
from handshape.reporting.plots.bars import per_class_accuracy, performance_metrics
from handshape.reporting.plots.curves import TrainingCurves, accuracy_plot, loss_plot
from handshape.reporting.plots.files import write
from handshape.reporting.plots.summary import training_summary
from handshape.reporting.wording import percent

STEMS = (
    "confusion_matrix",
    "confusion_matrix_normalized",
    "per_class_accuracy",
    "confidence_distribution",
    "performance_metrics",
    "accuracy_plot",
    "loss_plot",
    "training_summary",
)
LETTERS = [*"ABCDEFGHIJKLMNOPQRSTUVWXYZ", "del", "nothing", "space"]

Case = tuple[Metrics, Predictions]


def measured(class_names: Sequence[str], images: int = 12, skill: float = 4.0, without: Sequence[int] = ()) -> Case:
    """Made-up results: every class has some images, those in ``without`` none; a skill of 99 is never wrong."""
    rng = np.random.default_rng(len(class_names))
    targets = np.repeat([i for i in range(len(class_names)) if i not in without], images)
    logits = rng.normal(0, 1.2, (len(targets), len(class_names)))
    logits[np.arange(len(targets)), targets] += skill * rng.uniform(0.7, 1.3, len(targets))
    probabilities = np.exp(logits - logits.max(axis=1, keepdims=True))
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    return measure(probabilities, targets, class_names), predictions(probabilities, targets)


def predictions(probabilities: np.ndarray, targets: np.ndarray) -> Predictions:
    return Predictions(tuple(map(str, range(len(targets)))), probabilities, targets)


def history_of(epochs: int) -> dict[str, list[float]]:
    steps = np.arange(epochs)
    return {
        "accuracy": list(1 - 0.7 * np.exp(-steps / 4)),
        "val_accuracy": list(0.96 - 0.7 * np.exp(-steps / 4)),
        "loss": list(3 * np.exp(-steps / 4)),
        "val_loss": list(0.1 + 3 * np.exp(-steps / 4)),
        "learning_rate": list(np.where(steps < 0.7 * epochs, 1e-3, 1e-4)),
    }


def curves_of(history: dict[str, list[float]], phase_one_epochs: int, joined: float | None = None) -> TrainingCurves:
    """Kept is the epoch of the lowest validation loss, as in a training."""
    best = int(np.argmin(history["val_loss"])) + 1
    return TrainingCurves(history, phase_one_epochs, best, joined=joined)


def broken(history: dict[str, list[float]]) -> dict[str, list[float]]:
    """A training that ran away."""
    return history | {"loss": [float("nan")] * len(history["loss"]), "val_loss": [float("inf")] * len(history["loss"])}


def draw(folder: Path, case: Case, history: dict[str, list[float]], phase_one_epochs: int, title: str) -> list[Path]:
    curves = curves_of(history, phase_one_epochs, joined=0.9)
    return plots.draw_figures(folder, *case, curves, title, Console(quiet=True))


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("run") / "results"
    return draw(folder, measured(LETTERS, without=[9]), history_of(35), 25, "asl_alphabet")


def test_every_figure_comes_in_both_formats_and_nothing_else_is_left(drawn: list[Path]) -> None:
    assert [path.name for path in drawn] == [f"{stem}{suffix}" for stem in STEMS for suffix in (".png", ".jpg")]
    assert sorted(drawn[0].parent.iterdir()) == sorted(drawn)


def test_every_figure_says_300_dots_an_inch_and_is_as_large_as_that(drawn: list[Path]) -> None:
    for path in drawn:
        with Image.open(path) as image:
            assert image.info["dpi"] == pytest.approx((300, 300), abs=0.01)
            assert image.mode == "RGB"
            assert image.width == 14 * 300
            assert 4 * 300 <= image.height <= 12 * 300
            if path.stem.startswith("confusion_matrix"):
                assert image.height == 12 * 300


def test_both_formats_show_the_same_picture_and_it_is_not_blank(drawn: list[Path]) -> None:
    for png, jpeg in zip(drawn[::6], drawn[1::6], strict=True):
        pixels, lossy = (np.asarray(Image.open(path).reduce(6), np.int16) for path in (png, jpeg))
        assert np.abs(pixels - lossy).mean() < 1
        ink = (pixels.min(axis=2) < 200).mean()
        assert 0.005 < ink < 0.6, png.name


MANY = [f"sign_{i:03d}" for i in range(70)]
LONG = [f"a rather long name of sign {i} (left)" for i in range(14)]
STRANGE = ["$x^2$", "a_b", r"\$", "100%", "{x}", "é", "Ж", "$$", "<b>"]
CASES = {
    "one class with images, one epoch": (measured(["a", "b"], skill=99, without=[0]), history_of(1), 1, "one"),
    "all wrong, training ran away": (measured(LETTERS[:5], skill=-99), broken(history_of(5)), 3, "wrong"),
    "many images": (measured(LETTERS, images=600, skill=5), history_of(35), 25, "many"),
    "many classes": (measured(MANY, images=5, without=[7]), history_of(60), 58, "seventy"),
    "long names": (measured(LONG), history_of(9), 1, "n" * 300),
    "strange names": (measured(STRANGE), history_of(5), 3, "$a_b$"),
}


@pytest.fixture
def pages(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Figure, list[Text]]]:
    """Figures are collected with the words drawn on them, instead of written; at few dots an inch."""
    collected: list[tuple[Figure, list[Text]]] = []
    words: list[Text] = []
    draw_text = Text.draw

    def note(text: Text, renderer: RendererBase) -> None:
        if text.get_visible() and text.get_text().strip():
            words.append(text)
        draw_text(text, renderer)

    def collect(figure: Figure) -> Image.Image:
        words.clear()
        fonts.set_font(figure)
        FigureCanvasAgg(figure).draw()
        collected.append((figure, words.copy()))
        return Image.new("RGB", (1, 1))

    monkeypatch.setattr(style, "DPI", 72)
    monkeypatch.setattr(Text, "draw", note)
    monkeypatch.setattr(plots, "render", collect)
    return collected


@pytest.mark.parametrize("name", CASES)
def test_all_words_are_on_the_page_and_none_covers_another(
    name: str, pages: list[tuple[Figure, list[Text]]], tmp_path: Path
) -> None:
    draw(tmp_path, *CASES[name])
    assert len(pages) == len(STEMS)
    for stem, (figure, words) in zip(STEMS, pages, strict=True):
        require_legible(stem, figure, words)


FOLDS = {
    "two": ([Slice("anna", 76, 68), Slice("ben", 70, 70)], None),
    "five beside random ones": ([Slice(f"fold {i}", 200, 100 + 20 * i) for i in range(5)], [Slice("all", 400, 399)]),
    "many people of long names": ([Slice(f"{name} {'$x$'}", 9, 4) for name in LONG * 4], [Slice("1", 50, 49)] * 5),
    "all wrong": ([Slice("anna", 9, 0), Slice("ben", 9, 0)], [Slice("1", 9, 0)]),
}


@pytest.mark.parametrize("name", FOLDS)
def test_folds_are_shown_with_their_mean_and_random_ones_beside_them(
    name: str, pages: list[tuple[Figure, list[Text]]]
) -> None:
    folds, random = FOLDS[name]
    plots.render(plots.fold_accuracies(folds, random, "run"))
    [(figure, words)] = pages
    require_legible(name, figure, words)
    said = " ".join(text.get_text() for text in words)
    for group in filter(None, (folds, random)):
        mean = percent(float(np.mean([fold.share for fold in group])))
        assert f"mean {mean}" in said
    assert said.count(" of 9") == sum(fold.n == 9 for fold in (*folds, *(random or ())))
    assert ("Random folds" in said) == (random is not None)


def require_legible(name: str, figure: Figure, words: list[Text]) -> None:
    assert len(words) > 8
    said = [text.get_text() for text in words]
    assert not [text for text in said if is_math_text(text)]
    low, high = np.moveaxis(np.array([text.get_window_extent().padded(-0.75).get_points() for text in words]), 1, 0)
    outside = (low < 0).any(axis=1) | (high > figure.bbox.size).any(axis=1)
    assert not [said[i] for i in np.flatnonzero(outside)], name
    apart = (low[:, None] >= high[None]).any(axis=2)
    covered = np.triu(~(apart | apart.T), k=1)
    assert not [(said[i], said[j]) for i, j in np.argwhere(covered)], name


@pytest.mark.parametrize(
    ("phase_one_epochs", "phases"),
    [(25, {"phase one: base frozen", "phase two: fine-tuning"}), (35, set()), (1, {"phase two: fine-tuning"})],
)
@pytest.mark.parametrize("plot", [accuracy_plot, loss_plot])
def test_the_start_of_fine_tuning_is_marked_where_there_is_one(
    plot: Callable[..., Figure], phase_one_epochs: int, phases: set[str]
) -> None:
    words = {text.get_text() for text in plot(curves_of(history_of(35), phase_one_epochs), "run").findobj(Text)}
    assert {text for text in words if text.startswith("phase")} == phases


@pytest.mark.parametrize(
    ("plot", "kept"),
    [
        (accuracy_plot, f"kept: epoch 3, {percent(0.9)} of the validation images right"),
        (loss_plot, "kept: epoch 3, the lowest validation loss: 0.200"),
        (lambda curves, title: training_summary(measured("ab")[0], curves, title), "kept: epoch 3"),
    ],
)
def test_every_figure_names_and_circles_the_one_epoch_that_was_kept(plot: Callable[..., Figure], kept: str) -> None:
    history = history_of(3) | {"val_accuracy": [0.5, 0.95, 0.9], "val_loss": [0.9, 0.3, 0.2]}
    figure = plot(curves_of(history, 3), "run")
    assert kept in {text.get_text() for text in figure.findobj(Text)}
    circles = [
        line for axes in figure.axes for line in axes.lines if line.get_marker() == "o" and len(line.get_xdata()) == 1
    ]
    assert circles and {float(line.get_xdata()[0]) for line in circles} == {3}


@pytest.mark.parametrize("plot", [accuracy_plot, loss_plot])
def test_curves_say_whose_they_are_where_there_is_another_stream(plot: Callable[..., Figure]) -> None:
    alone, beside = (
        " ".join(text.get_text() for text in plot(curves_of(history_of(9), 3, joined), "run").findobj(Text))
        for joined in (None, 0.92)
    )
    assert "pixel stream alone" in beside and "pixel stream" not in alone
    assert (f"all streams joined: {percent(0.92)}" in beside) == (plot is accuracy_plot)


@pytest.mark.parametrize("plot", [accuracy_plot, loss_plot])
def test_no_legend_lies_over_the_curves(plot: Callable[..., Figure]) -> None:
    figure = plot(curves_of(history_of(9), 3, 0.9), "run")
    assert figure.legends and not [axes for axes in figure.axes if axes.get_legend()]


@pytest.mark.parametrize(
    ("images", "ticks"), [(4, "0 1 2 3 4"), (8, "0 1 2 3 4 5 6 7 8"), (12, "0 5 10 15"), (600, "0 200 400 600")]
)
def test_colours_of_counts_stand_for_whole_numbers(images: int, ticks: str) -> None:
    metrics, _ = measured("ab", images=images, skill=99)
    scale = plots.confusion_matrix(metrics, "run").axes[1]
    assert [text.get_text() for text in scale.get_xticklabels()] == ticks.split()


def test_classes_that_are_always_right_are_no_bottom_classes() -> None:
    said = {
        skill: {text.get_text() for text in performance_metrics(measured(LETTERS, skill=skill)[0], "run").findobj(Text)}
        for skill in (99, 3)
    }
    assert "No other class has a wrong answer." in said[99]
    assert not any(text.startswith("Bottom") for text in said[99])
    assert "Bottom 5 classes" in said[3]


def test_shares_of_few_images_are_drawn_with_their_interval() -> None:
    for images, lines in ((12, 1), (600, 0)):
        figure = per_class_accuracy(measured("ab", images=images, skill=3)[0], "run")
        spans = [each for axes in figure.axes for each in axes.collections if isinstance(each, LineCollection)]
        assert len(spans) == 2 * lines
        assert ("few images: 95 % interval" in {text.get_text() for text in figure.findobj(Text)}) == bool(lines)


@pytest.mark.usefixtures("pages")
def test_letters_without_a_font_are_named_once_and_warned_of_nowhere_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, recwarn: pytest.WarningsRecorder
) -> None:
    monkeypatch.setattr(fonts, "FALLBACKS", ())
    said: list[str] = []
    monkeypatch.setattr(Console, "warn", lambda _, text: said.append(text))
    draw(tmp_path, measured(["あ", "い", "う"]), history_of(2), 1, "kana")
    assert len(said) == 1
    assert "あいう" in said[0]
    assert not [warning for warning in recwarn if "Glyph" in str(warning.message)]


def test_fonts_of_the_machine_help_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fonts, "FALLBACKS", ("DejaVu Serif", "No Such Font"))
    assert fonts.font().get_family() == ["DejaVu Sans", "DejaVu Serif"]


@pytest.mark.parametrize(
    ("name", "short"), [("A", "A"), ("thumbs  up\n", "thumbs up"), ("abcdefghijkl", "abcde…jkl"), ("$5", r"\$5")]
)
def test_names_are_kept_plain_and_short(name: str, short: str) -> None:
    assert style.plain(name, 9) == short
    assert len(style.plain(name.replace("$", ""), 9)) <= 9


@pytest.mark.parametrize(
    ("share", "color"),
    [(1, style.GREEN), (0.9, style.GREEN), (0.899, style.AMBER), (0.7, style.AMBER), (0.69, style.RED)],
)
def test_colours_of_performance(share: float, color: str) -> None:
    assert style.band(share) == color


def test_what_does_not_fit_together_is_refused(tmp_path: Path) -> None:
    metrics, known = measured("ab")
    for best in (0, 4):
        with pytest.raises(ValueError, match="best epoch from 1 to 3"):
            TrainingCurves(history_of(3), 0, best)
    with pytest.raises(ValueError, match="predictions"):
        draw(tmp_path, (metrics, predictions(known.probabilities[1:], known.targets[1:])), history_of(1), 1, "run")


@pytest.mark.usefixtures("pages")
def test_what_was_not_trained_epoch_by_epoch_has_no_curves(tmp_path: Path) -> None:
    drawn = plots.draw_figures(tmp_path, *measured("ab"), None, "run", Console(quiet=True))
    assert [path.stem for path in drawn[::2]] == list(STEMS[:5])


def test_a_folder_that_cannot_be_written_is_one_clear_error_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "results").write_text("a file in the way")
    with pytest.raises(RunError, match=r"Cannot write .*figure\.png"):
        write(Image.new("RGB", (9, 9)), tmp_path / "results", "figure")
    assert [path.name for path in tmp_path.iterdir()] == ["results"]


def test_a_picture_that_breaks_off_leaves_the_old_one_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(Image.new("RGB", (9, 9), "red"), tmp_path, "figure")

    def full_disk(image: Image.Image, path: Path, **_: object) -> None:
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Image.Image, "save", full_disk)
    with pytest.raises(RunError, match="no space left"):
        write(Image.new("RGB", (9, 9), "blue"), tmp_path, "figure")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["figure.jpg", "figure.png"]
    with Image.open(tmp_path / "figure.png") as image:
        assert image.getpixel((4, 4)) == (255, 0, 0)
