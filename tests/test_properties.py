"""What holds whatever comes: settings and spelling."""

import math
from dataclasses import dataclass

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from handshape.config import load_settings, validate_settings, with_values
from handshape.errors import SettingsError
from handshape.sections import Settings
from handshape.serving.spelling import Speller

NAMES = [f"{section}.{name}" for section, values in Settings().model_dump().items() for name in values]
plain = st.none() | st.booleans() | st.integers(-(10**6), 10**6) | st.floats() | st.text(max_size=20)
anything = st.recursive(plain, lambda each: st.lists(each, max_size=3) | st.dictionaries(st.text(max_size=8), each))


@given(st.sampled_from(NAMES), anything)
@settings(max_examples=300, deadline=None)
def test_a_setting_takes_a_value_or_says_why_not(name: str, value: object):
    section, key = name.split(".")
    try:
        taken = validate_settings({section: {key: value}})
    except SettingsError as error:
        assert len(error.text) < 2000
        return
    assert validate_settings(yaml.safe_load(taken.to_yaml())) == taken  # what it writes it reads again
    assert with_values(Settings(), {name: getattr(getattr(taken, section), key)}) == taken


@given(st.text(max_size=60))
@settings(max_examples=300, deadline=None)
def test_any_word_after_set_is_read_or_refused(word: str):
    try:
        assert isinstance(load_settings(assignments=[word]), Settings)
    except SettingsError as error:
        assert error.happened


@dataclass(frozen=True)
class Seen:
    decision: str
    hand: None = None


letters = st.sampled_from(["A", "B", "LL", "space", "del", "unknown", "no hand"])
pieces = st.lists(st.tuples(letters, st.integers(0, 2000)), max_size=20)  # decisions, and for how many ms


def spelled(film, step: float) -> Speller:
    """What one frame every so many milliseconds spells."""
    speller, time = Speller(), 0.0
    for decision, lasting in film:
        for _ in range(round(lasting / step)):
            speller.see(time, Seen(decision))
            time += step
    return speller


@given(pieces, st.sampled_from([17.0, 33.0, 50.0]))
@settings(max_examples=150, deadline=None)
def test_text_grows_from_what_was_seen_alone(film, step: float):
    speller = spelled(film, step)
    seen = {decision for decision, _ in film}
    assert set(speller.text) <= set("".join(seen & {"A", "B", "LL"})) | {" "}
    assert "  " not in speller.text and not speller.text.startswith(" ")
    # a letter takes as long as it must be held: there are never more than that many
    assert len(speller.text.split()) + len(speller.text) <= 2 + 2 * sum(ms for _, ms in film) / 100


@given(pieces)
@settings(max_examples=150, deadline=None)
def test_each_change_can_be_undone(film):
    speller, texts, time = Speller(), [""], 0.0
    for decision, lasting in film:
        for _ in range(lasting // 50):
            state = speller.see(time, Seen(decision))
            time += 50.0
            if state.event:
                texts.append(speller.text)
    for text in reversed(texts[:-1][-100:]):
        assert speller.undo() is not None
        assert speller.text == text


@given(st.lists(st.tuples(letters, st.floats(allow_nan=True, allow_infinity=True)), max_size=40))
@settings(max_examples=200, deadline=None)
def test_times_that_are_none_break_nothing(frames):
    speller = Speller()
    for decision, time in frames:
        state = speller.see(time, Seen(decision))
        assert 0 <= state.progress <= 1 and not math.isnan(state.progress)
