"""Settings that would eat memory, overflow a stack, or fill a screen: each is refused in a few lines."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import Handshape, assignments

from handshape.settings_file import MAX_BYTES, MAX_DEPTH, parse_yaml

LONG = 2000  # characters that a message may have; the names of all settings take 1,400


def bomb(levels: int, width: int) -> str:
    """Lists of aliases of lists of aliases."""
    lines = ["a0: &a0 [1, 1]"]
    for level in range(1, levels):
        lines.append(f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * width)}]")
    return "\n".join(lines)


HOSTILE = [
    ("nested aliases", bomb(30, 9), "stands for more than 10,000 values"),
    ("merged aliases", "a: &a {x: 1}\n" + "".join(f"b{n}: {{<<: *a}}\n" for n in range(6000)), "more than 10,000"),
    ("one list, many times", "x: &x [" + "1," * 900 + "1]\nmodel: [" + "*x," * 900 + "*x]", "more than 10,000"),
    ("a value within itself", "model: &m [*m]", "contains itself (*m)"),
    ("a mapping within itself", "model: &m\n  batch_size: *m", "contains itself (*m)"),
    ("deep lists", "model: " + "[" * 40_000, f"more than {MAX_DEPTH} deep"),
    ("deep mappings", "model: " + "{a: " * 20_000, f"more than {MAX_DEPTH} deep"),
    ("deep blocks", "- " * 20_000 + "1", f"more than {MAX_DEPTH} deep"),
    ("a large file", "# " + "x" * MAX_BYTES, "and 100 KB are the most"),
    ("an impossible date", "data:\n  seed: 2024-13-45", "data.seed cannot be '2024-13-45'"),
    ("a tagged date", "data:\n  seed: !!timestamp 2024-13-45", "a value cannot be read"),
    ("a tag that lies", "data:\n  seed: !!int seven", "a value cannot be read"),
    ("a tag of Python", "data: !!python/object/apply:os.system [id]", "could not determine a constructor"),
    ("an endless number", "data:\n  seed: 0x" + "f" * 50_000, "data.seed cannot be a very long number"),
    ("a long number", "data:\n  seed: " + "9" * 50_000, "a value cannot be read"),
    ("an endless word", "data:\n  seed: " + "w" * 90_000, "data.seed cannot be"),
    ("an endless name", "model:\n  " + "n" * 900 + ": 1", "There is no setting 'model.nnn"),
    ("an endless alias", "model: *" + "a" * 90_000, "not valid YAML"),
    ("a list of many", "data:\n  seed: [" + "1," * 9000 + "1]", "data.seed cannot be [1, 1, 1"),
    ("names that are none", "1: {2: 3}\n~: 4", "setting"),
    ("no number", "model:\n  learning_rate: .nan", "model.learning_rate"),
    ("endless", "model:\n  learning_rate: .inf", "model.learning_rate"),
    ("escapes", 'model: "\\e[31mred"', "model"),
    ("zeros", "\0" * 100, "not valid YAML"),
]
named = pytest.mark.parametrize(("content", "told"), [row[1:] for row in HOSTILE], ids=[row[0] for row in HOSTILE])


def require_refused(outcome: object, told: str) -> None:
    code, err = outcome.code, outcome.err  # type: ignore[attr-defined]
    assert code == 1
    assert told in err
    assert err.count("error: ") == 1
    assert "Traceback" not in err
    assert len(err) < LONG + 300


@named
def test_a_file_beyond_the_limits_is_refused(content: str, told: str, handshape: Handshape, tmp_path: Path) -> None:
    (tmp_path / "my.yaml").write_text(content)
    outcome = handshape("train", tmp_path, "--config", tmp_path / "my.yaml", "--out", tmp_path / "runs")
    require_refused(outcome, told)
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("data.seed=[" + ",".join(["1"] * 20_000) + "]", "The value of --set data.seed stands for more than 10,000"),
        ("data.seed=" + "[" * 20_000, "nests values more than"),
        ("data.seed=&a [*a]", "contains itself"),
        ("data.seed=2024-13-45", "data.seed cannot be '2024-13-45'"),
        ("data.seed=!!int seven", "data.seed cannot be '!!int seven'"),
        ("data.seed=0x" + "f" * 50_000, "data.seed cannot be a very long number"),
        ("data.seed=" + "x" * MAX_BYTES + "x", "at most 100,000"),
        ("x" * 50_000, "Cannot read the setting 'xxx"),
        ("data." + "x" * 50_000 + "=1", "There is no setting 'data.xxx"),
    ],
)
def test_a_setting_beyond_the_limits_is_refused(value: str, told: str, handshape: Handshape, tmp_path: Path) -> None:
    require_refused(handshape("train", tmp_path, "--set", value, "--out", tmp_path / "runs"), told)


def test_a_space_beyond_the_limits_is_refused(handshape: Handshape, tmp_path: Path) -> None:
    pytest.importorskip("optuna")
    (tmp_path / "space.yaml").write_text(bomb(30, 9))
    outcome = handshape("tune", tmp_path, "--space", tmp_path / "space.yaml", "--out", tmp_path / "runs")
    require_refused(outcome, "stands for more than 10,000 values")


@pytest.mark.parametrize("kind", ["pipe", "device", "folder"])
def test_what_is_no_file_is_not_read(kind: str, handshape: Handshape, tmp_path: Path) -> None:
    place = tmp_path / "my.yaml"
    make: dict[str, Callable[[], object]] = {
        "pipe": lambda: os.mkfifo(place),
        "device": lambda: place.symlink_to("/dev/zero"),
        "folder": place.mkdir,
    }
    make[kind]()
    outcome = handshape("train", tmp_path, "--config", place, "--out", tmp_path / "runs")
    require_refused(outcome, "Is a directory" if kind == "folder" else f"it is a {kind}, not a file")


def test_aliases_and_dates_as_people_use_them(tmp_path: Path) -> None:
    text = "base: &rate 0.1\nmodel: {learning_rate: *rate, dropout: *rate}\nday: 2024-02-30"
    assert parse_yaml(text, "It") == {
        "base": 0.1,
        "model": {"learning_rate": 0.1, "dropout": 0.1},
        "day": "2024-02-30",
    }


def test_a_run_whose_settings_were_exchanged_is_not_resumed(
    drawn: Path, handshape: Handshape, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("handshape.workflow.train.fit", stop)
        assert handshape("train", drawn, "--out", tmp_path, "--name", "r", *assignments()).code == 130
    (config,) = (tmp_path / "r" / "models").glob("*.yaml")
    config.write_text(bomb(30, 9))
    require_refused(handshape("train", "--resume", tmp_path / "r"), "stands for more than 10,000 values")
