import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from spelling_frames import Seen, for_javascript, in_javascript, placed, steps_of

from handshape.serving.spelling import Event, Speller, SpellingOptions, State, common_words, options_for, suggestions

TABLE = json.loads((Path(__file__).parent / "data" / "spelling_cases.json").read_text(encoding="utf-8"))
CASES = {case["name"]: case for case in TABLE["cases"]}


def spell(steps: list[Any], options: dict[str, Any]) -> list[State]:
    speller = Speller(SpellingOptions(**options))
    states = []
    for step in steps:
        if isinstance(step, tuple):
            time, decision, hand = step
            states.append(speller.see(time, Seen(decision, hand)))
        else:
            event = getattr(speller, step["name"])(*([step["word"]] if "word" in step else []))
            states.append(State(speller.text, "", 0.0, event))
    return states


def spell_in_javascript(folder: Path, runs: list[tuple[list[Any], dict[str, Any]]]) -> list[list[State]]:
    jobs = []
    for steps, options in runs:
        frames = [(*step[:2], for_javascript(step[2])) if isinstance(step, tuple) else step for step in steps]
        jobs.append(("spell", {"steps": frames, "options": options}))
    return [
        [
            State(each["text"], each["holding"] or "", each["progress"], each["event"] and Event(**each["event"]))
            for each in states
        ]
        for states in in_javascript(folder, jobs)
    ]


def events_of(states: list[State]) -> list[str]:
    return [f"{state.event.kind}:{state.event.value}" for state in states if state.event]


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_frames_become_text(case: dict[str, Any]) -> None:
    states = spell(steps_of(case), case.get("options", {}))
    assert events_of(states) == case["events"]
    assert states[-1].text == case["text"]


def test_the_page_spells_alike(tmp_path: Path) -> None:
    runs = [(steps_of(case), case.get("options", {})) for case in CASES.values()]
    for case, states in zip(CASES.values(), spell_in_javascript(tmp_path, runs), strict=True):
        assert (case["name"], events_of(states)) == (case["name"], case["events"])
        assert (case["name"], states[-1].text) == (case["name"], case["text"])


def test_the_page_spells_alike_whatever_comes(tmp_path: Path) -> None:
    runs = [(chance_steps(seed), {"hold": 300}) for seed in range(8)]
    for (steps, options), states in zip(runs, spell_in_javascript(tmp_path, runs), strict=True):
        ours = spell(steps, options)
        assert len(events_of(ours)) > 5
        assert events_of(ours) == events_of(states)
        assert [state.holding for state in ours] == [state.holding for state in states]
        np.testing.assert_allclose([state.progress for state in ours], [state.progress for state in states], atol=1e-9)


def chance_steps(seed: int) -> list[Any]:
    """Runs of answers with mistakes among them, on a hand that wanders, at any frame rate."""
    rng = np.random.default_rng(seed)
    labels = ["A", "B", "space", "del", "nothing", "unknown", "no hand", "J", "hello"]
    time, place, steps = 0.0, np.zeros(2), []
    for _ in range(60):
        label, step = str(rng.choice(labels, p=[0.25, 0.2, 0.1, 0.1, 0.05, 0.1, 0.1, 0.05, 0.05])), rng.uniform(15, 180)
        speed = rng.choice([0, 0.02, 0.2])
        for _ in range(int(rng.integers(1, 1500) / step) + 1):
            time += step * rng.uniform(0.3, 1.7)
            place += rng.normal(0, speed, 2)
            seen = str(rng.choice(labels)) if rng.uniform() < 0.1 else label
            steps.append((time, seen, None if seen == "no hand" else placed(*place)))
    return steps


def test_progress_rises_until_a_letter_is_taken() -> None:
    states = spell(steps_of({"frames": [["A", 1500]]}), {})
    held = [state.progress for state in states if state.holding == "A"]
    assert held == sorted(held) and held[0] < 0.1 and held[-1] == 1
    assert {state.holding for state in states} == {"", "A"}


def test_times_that_are_none_count_for_nothing() -> None:
    speller = Speller()
    for time in [float("nan"), float("inf"), *[5.0] * 500]:
        assert speller.see(time, Seen("A", placed(0, 0))).event is None


def test_undo_goes_back_a_hundred_changes_at_most() -> None:
    speller = Speller()
    for number in range(150):
        speller.accept(f"W{number}")
    assert sum(speller.undo() is not None for _ in range(200)) == 100
    assert speller.text.split()[-1] == "W49"


@pytest.mark.parametrize("case", TABLE["suggestions"], ids=lambda case: case["text"])
def test_words_are_suggested(case: dict[str, Any]) -> None:
    assert suggestions(case["text"], case["words"]) == case["expected"]


@pytest.mark.parametrize("case", TABLE["options"], ids=lambda case: " ".join(case["labels"]))
def test_options_suit_a_model(case: dict[str, Any]) -> None:
    options = options_for(case["labels"])
    assert (options.pause, list(options.moving)) == (case["pause"], case["moving"])
    assert options_for(case["labels"], pause=5.0).pause == 5


def test_the_page_suggests_alike_and_has_the_same_options(tmp_path: Path) -> None:
    suggested = in_javascript(tmp_path, [("suggest", case) for case in TABLE["suggestions"]])
    assert suggested == [case["expected"] for case in TABLE["suggestions"]]
    for case, options in zip(
        TABLE["options"], in_javascript(tmp_path, [("options", case) for case in TABLE["options"]]), strict=True
    ):
        ours = dataclasses.asdict(options_for(case["labels"]))
        assert options == ours | {"moving": list(ours["moving"])}


def test_the_words_are_lower_case_and_told_once() -> None:
    words = common_words()
    assert 300 < len(words) == len(set(words))
    assert all(word.isascii() and word.islower() and word.isalpha() for word in words)


def test_the_page_spells_where_a_server_tells_no_landmarks(tmp_path: Path) -> None:
    steps = [(33 * number, "A", {"handedness": "Right"}) for number in range(40)]
    (states,) = in_javascript(tmp_path, [("spell", {"steps": steps, "options": {}})])
    assert states[-1]["text"] == "A"
