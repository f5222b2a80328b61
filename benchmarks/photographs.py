"""As many photographs as a benchmark asks for: real ones again and again, each time under fresh noise.

usage: python benchmarks/photographs.py OUT COUNT SOURCE... [--side 200] [--seed 0] [--light 0.06]
Classes are the folders of the first SOURCE; of the others those of the same names join. Each copy is moved by a pixel
or two, made a little brighter or darker and gets noise, so that no two files are equal and no cache knows them.
"""

import argparse
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image

SHIFT, LIGHT, NOISE, QUALITY = 2, 0.06, 4.0, 90  # pixels; share, at most; grey levels; of JPEG
PARCEL = 500


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("count", type=int)
    parser.add_argument("sources", type=Path, nargs="+")
    parser.add_argument("--side", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--light", type=float, default=LIGHT, help="brighter or darker by at most this share")
    options = parser.parse_args()
    make(options.out, options.count, options.sources, options.side, options.seed, options.light)


def make(out: Path, count: int, sources: list[Path], side: int = 200, seed: int = 0, light: float = LIGHT) -> None:
    """Writes ``count`` photographs, as many of each class."""
    classes = sorted(folder.name for folder in sources[0].iterdir() if folder.is_dir())
    originals = {name: [file for source in sources for file in files(source / name)] for name in classes}
    tasks = []
    for number in range(count):
        name = classes[number % len(classes)]
        copy, of = divmod(number // len(classes), len(originals[name]))
        original = originals[name][of]
        path = f"{name}/{original.parent.parent.name}_{original.stem}_{copy:04d}.jpg"
        tasks.append((original, out / path, side, light, [seed, number]))
    for name in classes:
        (out / name).mkdir(parents=True, exist_ok=True)
    parcels = [tasks[start : start + PARCEL] for start in range(0, count, PARCEL)]
    with ProcessPoolExecutor() as pool:
        list(pool.map(write_all, parcels))


def files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.jp*g")) if folder.is_dir() else []


def write_all(tasks: list[tuple[Path, Path, int, float, list[int]]]) -> None:
    for original, path, side, light, seed in tasks:
        varied(original, side, light, np.random.default_rng(seed)).save(path, quality=QUALITY)


def varied(file: Path, side: int, light: float, rng: np.random.Generator) -> Image.Image:
    """A photograph as it could have been taken a moment later."""
    image = Image.open(file).convert("RGB").resize((side, side), Image.Resampling.BILINEAR)
    pixels = np.roll(np.asarray(image, np.float32), tuple(rng.integers(-SHIFT, SHIFT + 1, 2)), (0, 1))
    pixels = pixels * rng.uniform(1 - light, 1 + light) + rng.normal(0, NOISE, pixels.shape).astype(np.float32)
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


if __name__ == "__main__":
    main()
