"""``handshape train`` looks for hands: the ways it may go before anything is learned."""

import ast
import re
from collections.abc import Sequence
from pathlib import Path

import pytest
from conftest import Handshape, assignments

import handshape as package
from handshape.config import load_settings
from handshape.console import EMOJI
from handshape.hands.boxes import Box
from handshape.hands.known_hands import load_known_hands
from handshape.hands.landmarks import Hand
from handshape.workflow import dataset as prepare
from handshape.workflow import fit as learn
from handshape.workflow.run import open_run

SOURCE = Path(package.__file__).parent


class ReachedError(Exception):
    """The stage that the test wants to see."""


@pytest.fixture
def pretended(monkeypatch):
    """Finds a hand in every image but those whose path has such a part; notes what decoding is given."""
    seen: dict[str, object] = {}

    def pretend(without: str = "nowhere") -> dict[str, object]:
        known = load_known_hands()[0][0]
        hand = Hand(Box(48, 48, 80, 80, 0), known[:, :3], known[:, 3:], "Right", 0.9, 0.9)

        def search(files: Sequence[Path]) -> list[Hand | None]:
            return [None if re.search(without, file.as_posix()) else hand for file in files]

        def build(class_names, settings, weights):
            seen["settings"] = settings
            raise ReachedError

        def decode(folder, split, hands, *rest):
            seen["split"], seen["hands"] = split, hands

        monkeypatch.setattr(prepare, "hand_search", lambda console, required=False: search)
        monkeypatch.setattr(prepare, "decode_split", decode)
        monkeypatch.setattr(learn, "build_model", build)
        return seen

    return pretend


def test_every_image_is_used_and_hands_where_there_are_any(drawn, handshape, pretended, tmp_path):
    seen = pretended(without="/B/")
    with pytest.raises(ReachedError):
        handshape("train", drawn, "--out", tmp_path, "--name", "r", *assignments(hands__find="auto"))
    assert sum(map(len, seen["split"].parts.values())) == 48
    found = {path for path, hand in seen["hands"].items() if hand}
    assert len(found) == 36
    assert not any(path.startswith("B/") for path in found)
    assert seen["settings"].model.streams == ["pixels", "landmarks"]
    assert "a hand in 75.0% of 48 images" in (tmp_path / "r" / "training.log").read_text()


def test_images_without_a_hand_are_left_out_when_hands_are_required(drawn, handshape, pretended, tmp_path, capfd):
    seen = pretended(without="/B/B_000[1-3]")
    with pytest.raises(ReachedError):
        handshape("train", drawn, "--out", tmp_path, *assignments(hands__find="require"))
    assert "3 images without a hand are left out" in capfd.readouterr().err
    kept = [sample.path for samples in seen["split"].parts.values() for sample in samples]
    assert len(kept) == 45
    assert all(seen["hands"][path] for path in kept)


def test_a_class_without_hands_cannot_be_required_to_have_them(drawn, handshape, pretended, tmp_path):
    pretended(without="/B/")
    words = ["train", drawn, "--out", tmp_path / "runs", "--json", *assignments(hands__find="require")]
    outcome = handshape(*words)
    assert outcome.code == 1
    assert "too few images in B" in outcome.object["error"]
    assert "hands.find=auto" in outcome.object["error"]
    assert "Traceback" not in outcome.err
    assert not (tmp_path / "runs").exists()


@pytest.fixture
def no_models(monkeypatch, tmp_path):
    monkeypatch.setenv("HANDSHAPE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HANDSHAPE_OFFLINE", "1")
    monkeypatch.delenv("HANDSHAPE_HAND_MODELS", raising=False)


def test_offline_and_without_models_whole_images_do(
    no_models, drawn, handshape: Handshape, monkeypatch, tmp_path, capfd
):
    seen = {}

    def build(class_names, settings, weights):
        seen["settings"] = settings
        raise ReachedError

    monkeypatch.setattr(learn, "build_model", build)
    with pytest.raises(ReachedError):
        handshape("train", drawn, "--out", tmp_path / "runs", "--name", "r", *assignments(hands__find="auto"))
    said = capfd.readouterr().err
    assert "HANDSHAPE_OFFLINE forbids the network" in said
    assert "Going on without finding hands" in said
    assert seen["settings"].hands.find == "off"
    assert seen["settings"].model.streams == ["pixels"]
    kept = load_settings(config_file=open_run(tmp_path / "runs" / "r").config)
    assert kept.hands.find == "auto"  # what was asked for: a resumed run looks again


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
    assert "landmarks alone" in outcome.err


def test_every_kind_of_message_has_its_emoji():
    kinds = set()
    for file in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "status":
                kinds |= {argument.value for argument in node.args[:1] if isinstance(argument, ast.Constant)}
    assert "hands" in kinds
    assert kinds <= set(EMOJI)
