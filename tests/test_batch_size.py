"""The batch size that is found by trying, on cards that are pretended."""

import json
from dataclasses import replace

import pytest

keras = pytest.importorskip("keras")

from helpers import SIZE, new_pixel_stream, require_same_arrays, started_runtime

from handshape.config import AugmentationSettings, GpuSettings, ModelSettings, Settings
from handshape.console import Console
from handshape.machine import has_bfloat16
from handshape.training import batch_size as module
from handshape.training.batch_size import Tried, find_batch_size, rate_factor, sensible_most, trial_of
from handshape.training.phases import fine_tune_phase
from handshape.workflow import pixel_options
from handshape.workflow.context import Context
from handshape.workflow.run_folder import Run


class Card:
    """Says how fast a size is; memory runs out above ``room``."""

    def __init__(self, speeds: dict[int, float], room: int = 10_000) -> None:
        self.speeds, self.room = speeds, room
        self.tried: list[int] = []

    def __call__(self, size: int) -> float:
        self.tried.append(size)
        if size > self.room:
            raise RuntimeError("RESOURCE_EXHAUSTED: Out of memory")
        return self.speeds[size]


GROWING = {16: 50, 32: 80, 64: 100, 128: 190, 256: 300, 512: 310, 1024: 900}


@pytest.mark.parametrize(
    ("room", "most", "chosen", "tried"),
    [
        (10_000, 4096, 256, [64, 128, 256, 512]),  # 512 brings 3 % and ends it
        (10_000, 128, 128, [64, 128]),
        (200, 4096, 128, [64, 128, 256]),
        (40, 4096, 32, [64, 32]),
        (20, 4096, 16, [64, 32, 16]),
    ],
)
def test_powers_of_two_are_tried_until_it_no_longer_pays(room, most, chosen, tried, tmp_path):
    card = Card(GROWING, room)
    found = find_batch_size(card, most, tmp_path / "tried.json")
    assert (found.best(most), card.tried) == (chosen, tried)
    assert found.summary(most).startswith(f"Batch size {chosen};")
    assert ("memory ran out" in found.summary(most)) == (room < 500)


def test_what_was_tried_is_kept(tmp_path):
    file = tmp_path / "tried.json"
    first = find_batch_size(Card(GROWING), 128, file)
    card = Card(GROWING)
    assert find_batch_size(card, 128, file) == first
    assert card.tried == []
    assert find_batch_size(card, 4096, file).best(4096) == 256  # more images: only what is new is tried
    assert card.tried == [256, 512]
    assert find_batch_size(card, 64, file).best(64) == 64


@pytest.mark.parametrize("kept", ["", "{", "[]", '{"speeds": {"64": "fast"}, "too_large": 0}'])
def test_a_damaged_file_is_made_anew(kept, tmp_path):
    file = tmp_path / "tried.json"
    file.write_text(kept)
    assert find_batch_size(Card(GROWING), 64, file).best(64) == 64
    assert json.loads(file.read_text())["speeds"] == {"64": 100}


def test_other_errors_are_not_taken_for_memory(tmp_path):
    def broken(size):
        raise ValueError("a bug")

    with pytest.raises(ValueError, match="a bug"):
        find_batch_size(broken, 64, tmp_path / "tried.json")


@pytest.mark.parametrize(("images", "most"), [(0, 64), (1000, 64), (4000, 128), (42_630, 1024), (10**7, 4096)])
def test_an_epoch_keeps_enough_steps(images, most):
    assert sensible_most(images) == most


def test_rates_follow_the_square_root():
    assert [rate_factor(size) for size in (16, 64, 256)] == [0.5, 1.0, 2.0]
    assert Tried().best(4096) == 64


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(module, "SECONDS", 0.0)


def test_a_trial_trains_a_copy_of_the_real_network(quick):
    stream, model = new_pixel_stream(), ModelSettings(img_size=SIZE)
    before = stream.model.get_weights()
    assert trial_of(stream, fine_tune_phase(model), started_runtime())(4) > 0
    require_same_arrays(before, stream.model.get_weights())


@pytest.fixture
def on_a_card(monkeypatch, home):
    """A context whose runtime says there is a card, and a card whose speeds are known."""
    card = Card(GROWING)
    monkeypatch.setattr("handshape.training.batch_size.trial_of", lambda *_: card)
    monkeypatch.setattr(pixel_options, "nvidia_memory_mib", lambda: 8192.0)
    context = Context(Console(), GpuSettings())
    context.__dict__["runtime"] = replace(started_runtime(), accelerator="NVIDIA Test")
    return context, card


SETTINGS = Settings(model=ModelSettings(img_size=SIZE, batch_size="auto"), augmentation=AugmentationSettings())


def test_it_is_found_once_and_said(on_a_card, capsys):
    context, card = on_a_card
    stream = new_pixel_stream()
    found = [pixel_options.training_options(stream, 40_000, SETTINGS, context) for _ in range(2)]
    assert {(each.batch_size, each.rate_factor) for each in found} == {(256, 2.0)}
    assert card.tried == [64, 128, 256, 512]
    said = capsys.readouterr().err
    assert said.count("Trying batch sizes on NVIDIA Test") == 1
    assert "Batch size 256; images a second by batch size: 64: 100, 128: 190" in said
    assert "learning rates times 2.00" in said


def test_a_run_that_is_resumed_keeps_the_size(on_a_card, tmp_path):
    context, card = on_a_card
    stream, run = new_pixel_stream(), Run(tmp_path / "run", "now")
    run.folder.mkdir()
    first = pixel_options.training_options(stream, 40_000, SETTINGS, context.within(run))
    assert run.record()["batch_size_found"] == first.batch_size == 256
    card.speeds = dict.fromkeys(GROWING, 1.0)  # another day
    other = Settings(model=ModelSettings(img_size=SIZE, batch_size="auto", fine_tune_layers=30))
    resumed = Context(context.console, GpuSettings())
    resumed.__dict__["runtime"] = context.__dict__["runtime"]
    assert pixel_options.training_options(stream, 40_000, other, resumed.within(run)) == first
    assert pixel_options.training_options(stream, 40_000, other, resumed).batch_size == 64


def on_a_cpu(monkeypatch, brain: bool, **gpu) -> Context:
    monkeypatch.setattr(pixel_options, "has_bfloat16", lambda: brain)
    context = Context(Console(), GpuSettings(**gpu))
    context.__dict__["runtime"] = replace(started_runtime(), accelerator="")
    return context


@pytest.mark.parametrize(("images", "size"), [(100, 64), (3000, 64), (4000, 128), (100_000, 128)])
def test_a_cpu_takes_more_where_there_are_many_images(images, size, monkeypatch):
    options = pixel_options.training_options(new_pixel_stream(), images, SETTINGS, on_a_cpu(monkeypatch, brain=False))
    assert (options.batch_size, options.rate_factor) == (size, rate_factor(size))


@pytest.mark.parametrize(
    ("images", "brain", "gpu", "folds", "precision"),
    [
        (499, True, {}, False, ""),  # a short training stays as it is to the last digit
        (500, True, {}, True, "mixed_bfloat16"),
        (3000, True, {}, True, "mixed_bfloat16"),
        (3000, False, {}, True, ""),
        (3000, True, {"precision": "float32"}, True, ""),
        (3000, True, {"use_mixed_precision": False}, True, ""),
    ],
)
def test_a_long_training_on_a_cpu_takes_what_it_can(images, brain, gpu, folds, precision, monkeypatch, capsys):
    settings = Settings(model=ModelSettings(img_size=SIZE), gpu=GpuSettings(**gpu))
    context = on_a_cpu(monkeypatch, brain, **gpu)
    options = pixel_options.training_options(new_pixel_stream(), images, settings, context)
    assert (options.folds, options.precision) == (folds, precision)
    assert ("bfloat16" in capsys.readouterr().err) == bool(precision)


@pytest.mark.parametrize(("epochs", "folds"), [(9, False), (10, True)])
def test_fewer_epochs_make_a_short_training(epochs, folds, monkeypatch):
    settings = Settings(model=ModelSettings(img_size=SIZE, fine_tune_epochs=epochs))
    options = pixel_options.training_options(new_pixel_stream(), 500, settings, on_a_cpu(monkeypatch, brain=True))
    assert options.folds == folds


@pytest.mark.parametrize(
    ("text", "expected"), [("flags: avx512_bf16 avx", True), ("flags: avx2", False), (None, False)]
)
def test_what_the_processor_says_of_bfloat16(text, expected, tmp_path):
    if text is not None:
        (tmp_path / "cpuinfo").write_text(text)
    assert has_bfloat16(tmp_path / "cpuinfo") == expected


@pytest.mark.parametrize("size", [32, 256])
def test_a_size_that_is_given_changes_no_rate(size, monkeypatch):
    given = Settings(model=ModelSettings(img_size=SIZE, batch_size=size))
    options = pixel_options.training_options(None, 40_000, given, on_a_cpu(monkeypatch, brain=False))
    assert (options.batch_size, options.rate_factor) == (size, 1.0)
