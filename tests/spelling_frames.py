"""Frames for the speller and for letters that move, and both of them in JavaScript, run by node on the same frames."""

import json
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import handshape.serving
from handshape.hands.boxes import Box
from handshape.hands.landmarks import Hand

SIZE = 100.0  # pixels, of the hand
WEB = Path(handshape.serving.__file__).parent / "web" / "spelling"
SCRIPT = """
import { readFileSync } from "node:fs";
import { Speller, optionsFor, suggestions } from "./spelling.js";
import { Motion } from "./motion.js";
const does = {
  spell({ options, steps }) {
    const speller = new Speller(options);
    const states = steps.map((step) => {
      if (Array.isArray(step)) return speller.see(step[0], { decision: step[1], hand: step[2] });
      const event = step.word === undefined ? speller[step.name]() : speller[step.name](step.word);
      return { text: speller.text, holding: null, progress: 0, event };
    });
    return states;
  },
  move({ steps }) {
    const motion = new Motion();
    return steps.map(([time, hand]) => motion.see(time, hand));
  },
  suggest: ({ text, words }) => suggestions(text, words),
  options: ({ labels }) => optionsFor(labels),
};
const jobs = JSON.parse(readFileSync(0, "utf8"));
process.stdout.write(JSON.stringify(jobs.map(([name, job]) => does[name](job))));
"""


@dataclass(frozen=True)
class Seen:
    """An answer as the speller needs it."""

    decision: str
    hand: Hand | None


def in_javascript(folder: Path, jobs: list[tuple[str, dict[str, Any]]]) -> list[Any]:
    """What the scripts of the page make of jobs; skips the test where there is no node."""
    if shutil.which("node") is None:
        pytest.skip("node is not installed")
    for script in ("spelling.js", "motion.js", "place.js"):
        shutil.copy(WEB / script, folder)
    (folder / "package.json").write_text('{"type": "module"}')
    (folder / "run.js").write_text(SCRIPT)
    run = subprocess.run(
        ["node", "run.js"], cwd=folder, input=json.dumps(jobs), capture_output=True, text=True, timeout=120
    )
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)


def for_javascript(hand: Hand | None) -> dict[str, Any] | None:
    if hand is None:
        return None
    return {"landmarks": hand.landmarks.tolist(), "world": hand.world.tolist(), "handedness": hand.handedness}


def placed(x: float, y: float) -> Hand:
    """A hand at a place in hand sizes, of no shape: its wrist is below, all else above."""
    landmarks = np.zeros((21, 3), np.float32)
    landmarks[:, 0], landmarks[:, 1] = 300 + SIZE * x, 200 + SIZE * y
    landmarks[0, 1] += SIZE
    return hand_of(landmarks, np.zeros((21, 3), np.float32))


def hand_of(landmarks: np.ndarray, world: np.ndarray, handedness: Any = "Right") -> Hand:
    return Hand(Box(0, 0, 1, 1, 0), landmarks, world, handedness, 0.9, 0.95)


def steps_of(case: dict[str, Any]) -> list[Any]:
    """The frames of a case as (milliseconds, decision, hand), and the calls between them as dictionaries."""
    rng = np.random.default_rng(0)
    step, time, number = 1000 / case.get("fps", 30), 0.0, 0
    steps: list[Any] = []
    for run in case["frames"]:
        if isinstance(run, str):
            name, _, word = run.partition(":")
            if name == "jump":
                time += float(word)
            else:
                steps.append({"name": name} | ({"word": word} if word else {}))
            continue
        decision, milliseconds, start, end = (*run, [0, 0], [0, 0])[:4] if len(run) == 2 else run
        count = round(milliseconds / step)
        for index in range(count):
            time += step
            number += 1
            if number % case.get("drop", 10**9) == 0:
                continue
            x, y = (low + (high - low) * index / count for low, high in zip(start, end, strict=True))
            shaken = time + case.get("jitter", 0) * step * (rng.uniform() - 0.5)
            steps.append((shaken, decision, None if decision == "no hand" else placed(x, y)))
    return steps
