"""Which settings a search may change, between which values, and how that is written and read."""

from pathlib import Path

import pytest

from handshape.config import Settings, field_of, load_settings, with_values
from handshape.errors import SettingsError
from handshape.workflow.tuning.search_space import (
    DEFAULTS,
    Choices,
    Range,
    default_space,
    params_of,
    read_space,
    require_streams,
    space_as_yaml,
    stream_of,
    suggest,
    tunable,
    values_of,
)

STREAMS = ["landmarks", "hand", "pixels"]


class Ends:
    """Stands for a trial, and takes the first choice or the lower end."""

    def suggest_categorical(self, name, choices):
        assert all(isinstance(each, str | int | float | bool) for each in choices)  # what Optuna can store
        return choices[0]

    def suggest_float(self, name, low, high, *, step, log):
        return low

    def suggest_int(self, name, low, high, *, step, log):
        assert isinstance(low, int)
        assert isinstance(high, int)
        return low


def written(folder: Path, text: str) -> Path:
    file = folder / "space.yaml"
    file.write_text(text, encoding="utf-8")
    return file


def test_the_default_space_is_within_what_settings_allow_and_holds_their_defaults():
    space = default_space(STREAMS, with_streams=True)
    assert set(space) <= set(tunable())
    for name, values in space.items():
        ends = [values.low, values.high] if isinstance(values, Range) else values.values
        for end in ends:
            with_values(Settings(), {name: end})
    settings = load_settings(assignments=["model.streams=[landmarks,hand,pixels]"])
    assert set(params_of(space, settings)) == set(space)
    with_values(settings, suggest(space, Ends()))


@pytest.mark.parametrize("streams", [["landmarks"], ["hand", "landmarks"], ["pixels"]])
def test_only_streams_that_train_are_searched(streams):
    space = default_space(streams)
    assert {stream_of(name) for name in space} == set(streams)
    require_streams(space, streams)
    others = [stream for stream in STREAMS if stream not in streams]
    with pytest.raises(SettingsError, match="not trained here"):
        require_streams(DEFAULTS[others[0]], streams)


def test_what_is_printed_reads_back_and_says_what_it_means(tmp_path):
    space = default_space(STREAMS, with_streams=True)
    text = space_as_yaml(space)
    assert read_space(written(tmp_path, text)) == space
    for name in space:
        assert field_of(name).description in text


@pytest.mark.parametrize(
    ("line", "values"),
    [
        ("model.dropout: [0, 0.3]", Choices((0, 0.3))),
        ("model.dropout: {low: 0.1, high: 0.5}", Range(0.1, 0.5)),
        ("model.dropout: {low: 0.1, high: 0.5, step: 0.2}", Range(0.1, 0.5, step=0.2)),
        ("model.learning_rate: {low: 1e-4, high: 1e-2, log: true}", Range(1e-4, 1e-2, log=True)),
        ("model.fine_tune_epochs: {low: 0, high: 4}", Range(0, 4, whole=True)),
        ("augmentation.background:", Choices((True, False))),
        ("hands.known:", Choices(("auto", "off"))),
        ("hands.known: [auto, off]", Choices(("auto", "off"))),  # YAML's off is no word
        ("augmentation.rotation_range:", Range(0, 180)),
        ("model.dropout:", Range(0, 0.9)),
        ("model.fine_tune_passes:", Range(1, 100, whole=True)),
        ("model.streams: [[hand], [landmarks, hand]]", Choices((["hand"], ["landmarks", "hand"]))),
    ],
)
def test_a_line_of_a_space(line, values, tmp_path):
    (read,) = read_space(written(tmp_path, line)).values()
    assert read == values


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "names no setting"),
        ("model.droput: [0.1]", "Did you mean model.dropout?"),
        ("dropout: [0.1]", "There is no setting 'dropout'"),
        ("data.seed: [1, 2]", "is no setting of a stream's training"),
        ("model.img_size: [96, 128]", "read once, for all trials"),
        ("model.dropout: {low: 0.1, hihg: 0.5}", "Did you mean high?"),
        ("model.dropout: {low: 0.1}", "low, high, log, step"),
        ("model.dropout: {low: 0.5, high: 0.1}", "the lower one first"),
        ("model.dropout: {low: 0.5, high: much}", "two numbers"),
        ("model.dropout: {low: 0.5, high: 1.5}", "model.dropout cannot be 1.5"),
        ("model.dropout: [0.1, 1.5]", "model.dropout cannot be 1.5"),
        ("model.dropout: {low: 0, high: 0.5, log: true}", "a low above 0"),
        ("model.dropout: {low: 0.1, high: 0.5, step: 2}", "in steps of 2"),
        ("model.dropout: 0.5", "lines such as"),
        ("model.fine_tune_epochs: {low: 1.5, high: 4}", "whole number"),
        ("model.learning_rate:", "no bounds of its own"),
        ("augmentation.background: {low: 0, high: 1}", "is no number"),
        ("model.dropout: [0.1", "not valid YAML"),
        ("- model.dropout", "names no setting"),
    ],
)
def test_what_cannot_be_searched_is_told(text, told, tmp_path):
    with pytest.raises(SettingsError) as error:
        read_space(written(tmp_path, text))
    assert told in error.value.text


def test_a_space_that_is_not_there_is_told(tmp_path):
    written(tmp_path, "")
    with pytest.raises(SettingsError, match="Did you mean"):
        read_space(tmp_path / "spaces.yaml")


def test_lists_are_called_by_their_words():
    space = {"model.streams": Choices((["hand"], ["landmarks", "hand"])), "model.dropout": Range(0.1, 0.5, step=0.2)}
    assert values_of(space, {"model.streams": "landmarks+hand"}) == {"model.streams": ["landmarks", "hand"]}
    assert params_of(space, Settings()) == {"model.streams": "landmarks+hand"}  # .2 lies between the steps
    assert params_of(space, with_values(Settings(), {"model.dropout": 0.3}))["model.dropout"] == 0.3
