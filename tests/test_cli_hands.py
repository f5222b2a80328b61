"""``handshape train`` looks for hands: the ways it may go before anything is learned."""

import ast
import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

import pytest
from conftest import Handshape, assignments, hand_at, pretended_search

import handshape as package
from handshape.config import Settings, load_settings
from handshape.data.splits import Split
from handshape.hands.inputs import Photograph
from handshape.hands.landmarks import Hand
from handshape.screen import EMOJI
from handshape.workflow import loading as reading
from handshape.workflow import train as journey
from handshape.workflow.dataset import Dataset
from handshape.workflow.run import Run, open_run

SOURCE = Path(package.__file__).parent


class ReachedError(Exception):
    """Everything is read, and training would begin."""


@dataclass
class Seen:
    """What training is given."""

    dataset: Dataset | None = None
    split: Split | None = None
    settings: Settings | None = None


@pytest.fixture
def seen(monkeypatch) -> Seen:
    """Stops where training would begin."""
    seen = Seen()

    def fit(dataset, split, settings, context):
        seen.dataset, seen.split, seen.settings = dataset, split, settings
        raise ReachedError

    monkeypatch.setattr(journey, "fit", fit)
    return seen


@pytest.fixture
def hands_but_in(drawn, monkeypatch):
    """Finds a hand in every drawn image but those whose path has such a part."""

    def pretend(without: str) -> None:
        bare = {
            hashlib.sha256(file.read_bytes()).digest()
            for file in drawn.rglob("*.jpg")
            if re.search(without, file.as_posix())
        }

        def hand_of(photograph: Photograph) -> Hand | None:
            return None if photograph.digest in bare else hand_at(16, 16, 64)

        monkeypatch.setattr(reading, "hand_search", lambda console, required=False: pretended_search(hand_of))

    return pretend


def test_every_image_is_used_and_hands_where_there_are_any(drawn, handshape, hands_but_in, seen, tmp_path):
    hands_but_in("/B/")
    with pytest.raises(ReachedError):
        handshape("train", drawn, "--out", tmp_path, "--name", "r", *assignments(hands__find="auto"))
    assert len(seen.split.all) == len(seen.dataset) == 48
    found = {sample.path for sample, hand in zip(seen.dataset.samples, seen.dataset.hands, strict=True) if hand}
    assert len(found) == 36
    assert not any(path.startswith("B/") for path in found)
    assert seen.settings.model.streams == ["landmarks", "hand", "pixels"]  # for those without a hand
    assert "a hand was found in 75.0% of them" in (tmp_path / "r" / "training.log").read_text()


def test_images_without_a_hand_are_left_out_when_hands_are_required(
    drawn, handshape, hands_but_in, seen, tmp_path, capfd
):
    hands_but_in("/B/B_000[1-3]")
    with pytest.raises(ReachedError):
        handshape("train", drawn, "--out", tmp_path, *assignments(hands__find="require"))
    assert "3 images without a hand are left out" in capfd.readouterr().err
    assert len(seen.split.all) == len(seen.dataset) == 45
    assert all(seen.dataset.hands)


def test_a_class_without_hands_cannot_be_required_to_have_them(drawn, handshape, hands_but_in, tmp_path):
    hands_but_in("/B/")
    words = ["train", drawn, "--out", tmp_path / "runs", "--json", *assignments(hands__find="require")]
    outcome = handshape(*words)
    assert outcome.code == 1
    assert "too few images in B" in outcome.object["error"]
    assert "hands.find=auto" in outcome.object["error"]
    assert "Traceback" not in outcome.err
    assert not (tmp_path / "runs").exists()


@pytest.fixture
def no_models(monkeypatch, home):
    monkeypatch.setenv("HANDSHAPE_OFFLINE", "1")
    monkeypatch.delenv("HANDSHAPE_HAND_MODELS", raising=False)


def test_offline_and_without_models_whole_images_do(no_models, drawn, handshape: Handshape, seen, tmp_path, capfd):
    with pytest.raises(ReachedError):
        handshape("train", drawn, "--out", tmp_path / "runs", "--name", "r", *assignments(hands__find="auto"))
    said = capfd.readouterr().err
    assert "HANDSHAPE_OFFLINE forbids the network" in said
    assert "Going on without finding hands" in said
    assert seen.settings.hands.find == "off"
    assert seen.settings.model.streams == ["pixels"]
    kept = load_settings(config_file=open_run(tmp_path / "runs" / "r", Run).config)
    assert kept.hands.find == "off"  # a resumed run does as it began, whatever can be had by then


def test_offline_and_without_models_hands_cannot_be_required(no_models, drawn, handshape: Handshape, tmp_path):
    outcome = handshape("train", drawn, "--out", tmp_path / "runs", *assignments(hands__find="require"))
    assert outcome.code == 1
    assert "HANDSHAPE_OFFLINE forbids the network" in outcome.err
    assert "HANDSHAPE_HAND_MODELS" in outcome.err
    assert not (tmp_path / "runs").exists()


def test_landmarks_alone_need_hands(drawn, handshape: Handshape):
    words = ["--set", "model.streams=[landmarks]", "--set", "hands.find=off"]
    outcome = handshape("train", drawn, *words)
    assert outcome.code == 1
    assert "hands.find=off looks for none" in outcome.err


def test_every_kind_of_message_has_its_emoji():
    kinds = set()
    for file in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "status":
                kinds |= {argument.value for argument in node.args[:1] if isinstance(argument, ast.Constant)}
    assert "check" in kinds
    assert kinds - {""} <= set(EMOJI)
