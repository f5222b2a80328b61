"""Writes what ``make train`` prints, and its pictures, into README.md; with --check, says what no longer agrees.

usage: python scripts/readme.py [--printed FILE] [--check]

FILE holds what ``make train`` printed in this folder; without it, ``make train`` is run. Progress, which differs from
run to run, is not shown, nor the epochs, and of the table only the first rows. The check compares line by line: words
and counts must be the same; shares, which another machine's arithmetic may move, may differ by TOLERANCE; and moments,
times and lines that name the best or worst of something are left out. Exit code 1 where README and run disagree.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from difflib import SequenceMatcher
from pathlib import Path
from textwrap import wrap

from PIL import Image

from handshape.console import Console
from handshape.practice import LETTERS

ROOT = Path(__file__).parents[1]
README, IMAGES, PRACTICE = ROOT / "README.md", ROOT / "docs" / "images", ROOT / "practice"
BEGIN, END = "<!-- what make train prints: scripts/readme.py writes it -->\n```text\n", "```\n<!-- end -->"
WIDTH, INDENT = 100, "      "  # characters; no line of the program begins so far in, so it marks one that goes on
ROWS = 3  # of the table
TOLERANCE = 0.04  # of 144 and 288 images

FIRST = r"\S*handshape (sample|train) practice"
FLEETING = re.compile(r"^   .*: [\d,]+ of [\d,]+, \d+ s left|^   epoch \d+/\d+: |^Fetching the hand models")
ROW = re.compile(r"^  \S+ +\d+ +[01]\.\d{3} ")
VARYING = re.compile(
    rf"{ROW.pattern}|^ +…$|^warn: .*suspect|^Training the (landmark|hand) stream"
    r"|^   (kept epoch|People differ|best classes|hardest classes|(But it|It) names a sign|Of [0-9]+ hands that show)"
)
MOMENT, TIME = re.compile(r"\d{8}_\d{6}(_\d+)?"), re.compile(r"\bin (\d+ h |\d+ min )?[\d.]+ (s|min)$")
NUMBER = re.compile(r"\d[\d,.]*\d%?|\d%?")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--printed", type=Path, metavar="FILE", help="what make train printed")
    parser.add_argument("--check", action="store_true", help="change nothing")
    options = parser.parse_args()
    console = Console()
    fresh = shown(options.printed.read_text(encoding="utf-8") if options.printed else train())
    if not fresh:
        raise SystemExit("make train printed nothing that could be shown.")
    if not options.check:
        write(fresh)
        draw(run_of(fresh))
        console.status("done", f"Wrote {README.name} and the pictures in {IMAGES.relative_to(ROOT)}")
        return 0
    found = disagreements(written(README.read_text(encoding="utf-8")), fresh)
    for line in found:
        console.warn(line)
    console.status("done", "README does not show what make train prints: make readme" if found else "README is right")
    return 1 if found else 0


def train() -> str:
    """What ``make train`` prints, without a terminal."""
    command = ["make", "--no-print-directory", "train"]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=True)
    return done.stdout.decode()


def shown(printed: str) -> list[str]:
    """The lines that README shows of it: from where make calls the program, without progress."""
    start = re.search(rf"^({FIRST})", printed, re.MULTILINE)
    lines = [line.rstrip() for line in printed[start.start() :].splitlines()] if start else []
    lines = [line for line in lines if line and not FLEETING.match(line)]
    rows = [number for number, line in enumerate(lines) if ROW.match(line)]
    left_out = set(rows[ROWS:])
    if left_out:
        lines[rows[-1]] = "  …"
    return [line for number, line in enumerate(lines) if number not in left_out or number == rows[-1]]


def written(readme: str) -> list[str]:
    """The lines that README shows, whole again where they were broken."""
    block = readme.partition(BEGIN)[2].partition(END)[0]
    return block.replace("\n" + INDENT, " ").splitlines()[1:]


def write(lines: Sequence[str]) -> None:
    before, begin, rest = README.read_text(encoding="utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise SystemExit(f"README.md has no block that begins with {BEGIN!r} and ends with {END!r}.")
    broken = ["$ make train", *("\n".join(wrap(line, WIDTH, subsequent_indent=INDENT)) for line in lines)]
    README.write_text(before + begin + "\n".join(broken) + "\n" + end + after, encoding="utf-8")


def disagreements(readme: Sequence[str], fresh: Sequence[str]) -> list[str]:
    """What README says and the run does not, and the other way round."""
    old, new = (comparable(lines) for lines in (readme, fresh))
    found = []
    matcher = SequenceMatcher(None, [NUMBER.sub("#", line) for line in old], [NUMBER.sub("#", line) for line in new])
    for kind, *(first, last, begin, end) in matcher.get_opcodes():
        pairs = list(zip(old[first:last], new[begin:end], strict=True)) if kind == "equal" else []
        apart = [pair for pair in pairs if not near(*pair)]
        gone, come = zip(*apart, strict=True) if apart else ((), ()) if pairs else (old[first:last], new[begin:end])
        found += [f"only in README: {line.strip()}" for line in gone] + [
            f"only in the run: {line.strip()}" for line in come
        ]
    return found


def comparable(lines: Sequence[str]) -> list[str]:
    """Without lines that name the best or worst of something, in one spacing, moments and times aside."""
    return [
        " ".join(TIME.sub("in TIME", MOMENT.sub("MOMENT", line)).split()) for line in lines if not VARYING.match(line)
    ]


def near(one: str, other: str) -> bool:
    """Whether two lines that differ in numbers alone say the same."""
    pairs = zip(NUMBER.findall(one), NUMBER.findall(other), strict=True)
    hundredths = "times in 100" in one
    return all(a == b or abs(share(a, hundredths) - share(b, hundredths)) <= TOLERANCE + 1e-9 for a, b in pairs)


def share(number: str, hundredths: bool) -> float:
    """A number as a share of 1, and a count as one that is near no other."""
    value = float(number.rstrip("%").replace(",", ""))
    return value / 100 if number.endswith("%") or hundredths else value


def run_of(lines: Sequence[str]) -> Path:
    folder = next(line for line in lines if line.startswith("Run folder: ")).split()[2]
    return ROOT / folder


def draw(run: Path) -> None:
    """The pictures of README: some of the practice set, two figures of the run, one explanation."""
    sheet = Image.new("RGB", (12 * 111, 2 * 111))
    for number, label in enumerate(LETTERS):
        with Image.open(PRACTICE / label / f"{label}_{2 * number + 1:04d}.jpg") as image:
            sheet.paste(image.resize((111, 111), Image.Resampling.LANCZOS), (number % 12 * 111, number // 12 * 111))
    sheet.save(IMAGES / "practice-set.jpg", quality=88)
    with tempfile.TemporaryDirectory() as place:
        photograph = PRACTICE / "L" / "L_0001.jpg"
        command = [sys.executable, "-m", "handshape", "explain", run, photograph, "--out", place, "--quiet"]
        subprocess.run(command, check=True)
        small(next(Path(place).iterdir()), IMAGES / "explained.jpg", 996)
    for name in ("confusion_matrix", "training_summary"):
        small(run / "results" / f"{name}.png", IMAGES / f"{name}.jpg", 1200)


def small(source: Path, target: Path, width: int) -> None:
    with Image.open(source) as image:
        size = (width, round(image.height * width / image.width))
        image.convert("RGB").resize(size, Image.Resampling.LANCZOS).save(target, quality=88)


if __name__ == "__main__":
    sys.exit(main())
