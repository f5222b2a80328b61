import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from drawn_films import along, draw_film, letter_j, letter_z, still
from spelling_frames import SIZE, Seen, for_javascript, hand_of, in_javascript

from handshape.hands.finder import HandFinder
from handshape.hands.landmarks import Hand
from handshape.hands.models import HandModels
from handshape.images import read_image
from handshape.serving.motion import Motion
from handshape.serving.spelling import Speller

DATA = Path(__file__).parent / "data"
HANDS = json.loads((DATA / "moving_hands.json").read_text(encoding="utf-8"))
CASES = json.loads((DATA / "motion_cases.json").read_text(encoding="utf-8"))["cases"]
REST, LEAD = 600, 500  # ms
RATES = (5, 10, 15, 30, 60)
FRAMES = 10  # that a letter needs at least

Frames = list[tuple[float, Hand | None]]


def drawn_hand(name: str, x: float, y: float, left: bool = False, larger: float = 1.0) -> Hand:
    """A hand at a place, in hand sizes; left hands are mirrored, and so is the place."""
    landmarks = np.array(HANDS[name]["landmarks"], np.float32) * SIZE * larger + (300 + SIZE * x, 400 + SIZE * y, 0)
    world = np.array(HANDS[name]["world"], np.float32)
    if left:
        landmarks, world = landmarks * (-1, 1, 1) + (640, 0, 0), world * (-1, 1, 1)
    return hand_of(landmarks.astype(np.float32), world.astype(np.float32), "Left" if left else "Right")


def frames_of(case: dict[str, Any], fps: float, left: bool = False) -> Frames:
    """A rest, the way, a rest, and again; then the hand goes, unless it changes its shape instead."""
    corners, hand, step = np.array(case["corners"]), case["hand"], 1000 / fps
    lengths = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(corners, axis=0), axis=1))])
    shares = [np.linspace(0, 1, max(2, round(case["ms"] / step)))]
    if "then" not in case:
        shares.append(np.ones(round(REST / step)))
    whole = np.concatenate([np.zeros(round(REST / step)), *shares] * case.get("times", 1))
    places = np.stack([np.interp(whole * lengths[-1], lengths, corners[:, axis]) for axis in (0, 1)], axis=1)
    if "comes" in case:
        places = np.concatenate([np.linspace(case["comes"], corners[0], round(LEAD / step)), places])
    growth = np.linspace(1, case.get("nearer", 1), len(places))
    hands: list[Hand | None] = [
        drawn_hand(hand, x, y, left, larger) for (x, y), larger in zip(places, growth, strict=True)
    ]
    hands += ([drawn_hand("Y", *places[-1], left)] if "then" in case else [None]) * round(REST / step)
    gone, back = (REST + time for time in case.get("missing", (-REST, -REST)))
    return [(number * step, each) for number, each in enumerate(hands) if not gone < number * step < back]


def seen(frames: Frames) -> str:
    motion = Motion()
    return "".join(motion.see(time, hand) for time, hand in frames)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_letters_that_move_are_seen_in_their_paths_alone(case: dict[str, Any]) -> None:
    for fps in RATES:
        if case["expected"] and case["ms"] * fps / 1000 < 0.9 * FRAMES * len(case["expected"]) / case.get("times", 1):
            continue
        assert (fps, seen(frames_of(case, fps))) == (fps, case["expected"])
        assert (fps, seen(frames_of(case, fps, left=True))) == (fps, case["expected"])


def test_the_page_sees_the_same_letters(tmp_path: Path) -> None:
    runs = [frames_of(case, 30, left) for case in CASES for left in (False, True)]
    jobs = [("move", {"steps": [(time, for_javascript(hand)) for time, hand in run]}) for run in runs]
    jobs += [
        ("move", {"steps": [(time, for_javascript(hand)) for time, hand in chance_frames(seed)]}) for seed in range(40)
    ]
    answers = in_javascript(tmp_path, jobs)
    assert ["".join(letters) for letters in answers[: len(runs)]] == [case["expected"] for case in CASES for _ in "lr"]
    ours = [seen(chance_frames(seed)) for seed in range(40)]
    assert ["".join(letters) for letters in answers[len(runs) :]] == ours
    assert {"J", "Z"} <= set("".join(ours))


def chance_frames(seed: int) -> Frames:
    """Letters and scribbles, drawn worse and worse, with lost frames, at irregular times."""
    rng = np.random.default_rng(seed)
    case = dict(CASES[rng.choice([0, 3, 4, 8, 11, 13])])
    corners = np.array(case["corners"]) @ (np.eye(2) + rng.normal(0, 0.15, (2, 2)))
    case["corners"] = corners + rng.normal(0, 0.05, corners.shape)
    return [(time + rng.uniform(0, 20), hand if rng.uniform() > 0.05 else None) for time, hand in frames_of(case, 24)]


def spelled(frames: Frames, label: str) -> tuple[str, list[str]]:
    speller = Speller()
    events = []
    for time, hand in frames:
        event = speller.see(time, Seen(label if hand is not None else "no hand", hand)).event
        events += [f"{event.kind}:{event.value}"] if event else []
    return speller.text, events


def one_after_the_other(*runs: Frames) -> Frames:
    frames: Frames = []
    for run in runs:
        start = frames[-1][0] + 33 if frames else 0.0
        frames += [(start + time, hand) for time, hand in run]
    return frames


def held(name: str, milliseconds: int, then: str = "") -> Frames:
    """A hand, and for a moment afterwards another one, or none."""
    frames = [(33.0 * number, drawn_hand(name, 0, 0)) for number in range(milliseconds // 33)]
    return one_after_the_other(frames, [(33.0 * number, None) for number in range(15)] if then == "none" else [])


def test_the_i_that_a_j_began_with_goes() -> None:
    frames = one_after_the_other(held("I", 900), frames_of(CASES[0], 30))
    assert spelled(frames, "I") == ("J", ["letter:I", "letter:J"])


def test_an_i_that_was_let_go_of_stays() -> None:
    frames = one_after_the_other(held("I", 900, then="none"), frames_of(CASES[0], 30))
    assert spelled(frames, "I")[0] == "IJ"


def test_what_is_still_held_after_a_letter_that_moves_is_not_taken() -> None:
    for case, label in ((CASES[0], "I"), (CASES[8], "D")):
        drawn = [frame for frame in frames_of(case, 30) if frame[1]]
        after = [(33.0 * number, drawn[-1][1]) for number in range(60)]
        assert spelled(one_after_the_other(drawn, after), label)[0] == case["expected"]


@pytest.mark.parametrize("left", [False, True], ids=["right", "left"])
def test_drawn_films(models: HandModels, left: bool) -> None:
    films = {
        "J": [*still("I", 8, x=0.6 if left else 0.4, y=0.42), *letter_j(20, 1.0, left), *rested(letter_j, left)],
        "Z": [*letter_z(26, 1.0, left)[:1] * 8, *letter_z(26, 1.0, left), *rested(letter_z, left)],
        "": [*still("I", 10, x=0.5, y=0.35), *along("I", [(0.5, 0.35), (0.5, 0.6)], 10), *still("I", 8, x=0.5, y=0.6)],
    }
    finder = HandFinder(models)
    for letter, poses in films.items():
        hand, motion, found = None, Motion(), ""
        for number, frame in enumerate(draw_film(poses, seed=4, size=224, left=left)):
            hand = finder.track(frame, hand) if hand else next(iter(finder.find(frame, harder=False)), None)
            found += motion.see(1000 * number / 25, hand)
        assert found == letter


def rested(draw: Any, left: bool) -> list[Any]:
    return draw(20, 1.0, left)[-1:] * 8


@pytest.mark.photographs
def test_stills_of_j_and_z_are_never_claimed(photographs: Path, models: HandModels) -> None:
    finder = HandFinder(models)
    for label in "JZ":
        motion, hand, seen_hands = Motion(), None, 0
        for number, path in enumerate(sorted((photographs / "asl29_one_signer_video" / label).iterdir())):
            frame = np.asarray(read_image(path))
            hand = finder.track(frame, hand) if hand else next(iter(finder.find(frame, harder=False)), None)
            seen_hands += hand is not None
            assert motion.see(number * 100.0, hand) == ""
        assert seen_hands > 10
