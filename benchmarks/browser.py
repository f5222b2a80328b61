"""The page's recogniser in headless Chromium: how long a frame takes, how soon it is ready, what memory it keeps.

usage: python benchmarks/browser.py MODEL PHOTOGRAPHS... [--frames 200] [--memory 0]
The photographs are made frames of 640 x 480. Every frame's decision is also Python's, on the same pixels: how many
agree, and how far probabilities are apart. Times are from bitmap to answer, and how long a core worked for a frame,
which says most where the machine does other things too. --memory N then has N frames tracked, and tells what the page's
process holds after each tenth.
"""

import argparse
import importlib.util
import io
import statistics
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from PIL import Image, ImageOps

from handshape.console import Console
from handshape.data.samples import list_images
from handshape.images import read_image
from handshape.registry import resolve
from handshape.serving.recognizer import Recognizer, recognizer_of

SIZE = (640, 480)
WARM_UP = 100  # frames
NEAR = 1e-3  # of probabilities
OPEN = """async () => {
  const start = performance.now();
  const site = await (await fetch("site.json")).json();
  const { openRecognizer } = await import("./recognizer/recognizer.js");
  window.recognizer = await openRecognizer(site);
  window.ask = async (name, options) => {
    const bitmap = await createImageBitmap(await (await fetch(name)).blob(), { colorSpaceConversion: "none" });
    const start = performance.now();
    const answer = await recognizer.recognize(bitmap, options);
    return { ...answer, probabilities: Array.from(answer.probabilities), round: performance.now() - start };
  };
  return performance.now() - start;
}"""
EACH = """async ([names, kind]) => {
  const answers = [];
  for (const name of names) {
    if (kind === "fresh") recognizer.forget();
    if (kind === "tracked" && !(await ask(name, {})).hand) continue;
    answers.push(await ask(name, { follow: kind !== "photograph" }));
  }
  return answers;
}"""
MANY = """async ([name, count]) => {
  const blob = await (await fetch(name)).blob();
  for (let frame = 0; frame < count; frame++) await recognizer.recognize(await createImageBitmap(blob));
}"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("photographs", type=Path, nargs="+")
    parser.add_argument("--frames", type=int, default=200)
    parser.add_argument("--memory", type=int, default=0, help="frames that are tracked while memory is watched")
    options = parser.parse_args()
    files = list(list_images(options.photographs))
    chosen = [files[place] for place in np.linspace(0, len(files) - 1, options.frames).astype(int)]
    frames = {f"frames/{number}.png": as_png(path) for number, path in enumerate(chosen)}
    bundle, web = resolve(options.model), tests_module()
    files_of_site = web.site_of(bundle) | frames
    with web.served(files_of_site) as address, web.launch() as chromium, web.opened(chromium) as seen:
        print(f"ready, nothing kept yet  {opened_in(seen, address):7.0f} ms")
        print(f"ready, files kept        {opened_in(seen, address):7.0f} ms")
        compare(seen, recognizer_of(bundle, Console()), frames)
        for kind in ("fresh", "tracked"):
            tell(kind, [answer["round"] for answer in seen.run(EACH, [list(frames), kind])])
        follow(seen, chromium, next(iter(frames)), options.memory)
        assert not seen.errors, seen.errors


def opened_in(seen: Any, address: str) -> float:
    """Milliseconds from an empty page to a recogniser that is warm."""
    seen.page.goto(address + "blank.html")
    return seen.run(OPEN)


def compare(seen: Any, recognizer: Recognizer, frames: dict[str, bytes]) -> None:
    said = seen.run(EACH, [list(frames), "photograph"])
    names, same, apart = list(recognizer.class_names), 0, []
    for content, answer in zip(frames.values(), said, strict=True):
        expected = recognizer.recognize(content)
        same += answer["decision"] == expected.decision
        apart += [abs(answer["probabilities"][names.index(label)] - value) for label, value in expected.top]
    print(f"decisions as in Python   {same} of {len(frames)}")
    near = sum(each <= NEAR for each in apart) / len(apart)
    print(
        f"probabilities apart      p50 {statistics.median(apart):.1e}, largest {max(apart):.1e}, {near:.2%} <= {NEAR}"
    )


def tell(kind: str, times: Sequence[float]) -> None:
    low, middle, high = (np.percentile(times, share) for share in (10, 50, 90))
    print(f"a {kind:8} frame         p10 {low:.1f}, p50 {middle:.1f}, p90 {high:.1f} ms, {len(times)} frames")


def follow(seen: Any, chromium: Any, frame: str, count: int) -> None:
    """How long a core works for a frame, over and over the same one, and what memory is kept meanwhile."""
    session = chromium.new_browser_cdp_session()
    seen.run(MANY, [frame, WARM_UP])
    before = worked(session)
    seen.run(MANY, [frame, WARM_UP])
    print(f"a core works             {(worked(session) - before) / WARM_UP:.1f} ms for a tracked frame")
    for tenth in range(11 if count else 0):
        start = time.perf_counter()
        seen.run(MANY, [frame, count // 10 if tenth else 0])
        print(f"{count * tenth // 10:6} frames tracked    {held(session):7.1f} MB, {time.perf_counter() - start:.0f} s")


def worked(session: Any) -> float:
    """Milliseconds that a core has worked for the recogniser's thread."""
    threads = [task for each in renderers(session) for task in Path(f"/proc/{each}/task").iterdir()]
    workers = [
        task
        for task in threads
        if "Worker" in (task / "comm").read_text() and "Pool" not in (task / "comm").read_text()
    ]
    return max(int((task / "schedstat").read_text().split()[0]) for task in workers) / 1e6


def held(session: Any) -> float:
    """Megabytes that the page's process keeps for itself."""
    return max(private(each) for each in renderers(session))


def renderers(session: Any) -> list[int]:
    processes = session.send("SystemInfo.getProcessInfo")["processInfo"]
    return [process["id"] for process in processes if process["type"] == "renderer"]


def private(process: int) -> float:
    lines = Path(f"/proc/{process}/smaps_rollup").read_text(encoding="ascii").splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("Private")) * 1024 / 1e6


def as_png(path: Path) -> bytes:
    """A frame that every decoder reads alike."""
    stream = io.BytesIO()
    ImageOps.pad(read_image(path), SIZE, Image.Resampling.BILINEAR).save(stream, "PNG")
    return stream.getvalue()


def tests_module() -> ModuleType:
    """What the tests start Chromium and serve the page with; its name is this file's, too."""
    spec = importlib.util.spec_from_file_location("tests_browser", Path(__file__).parents[1] / "tests" / "browser.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


if __name__ == "__main__":
    main()
