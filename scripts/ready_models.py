"""Makes the models that come with Handshape, ``src/handshape/ready/NAME/``, from data that may be shipped alone.

Each learns from the photographs of its folders and from drawn hands, by the library's own training, and goes on with
all of them once thresholds and the weights of its streams are set. Weights are rounded to float16. The bundle that is
written is then measured on people it never saw, and its card says on whom, and from whom it learned.

usage: python scripts/ready_models.py asl=FOLDER… digits=FOLDER… [--negatives FOLDER…] [--measured NAME=FOLDER…]
           [--without FOLDER…] [--signers FILE…] [--drawn 48] [--only NAME…]

A FOLDER to learn from has a folder a class and is named as in the table below, which says what allows its use; others
are refused. What is measured on may be named anything; each model is measured on those sets that show some of its
classes, and on photographs without a sign (--without), which unlike --negatives set no threshold. A FILE says who
signed the photographs (path,signer) of the folder that it is named after.
"""

from __future__ import annotations

import argparse
import csv
import shutil
import tempfile
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from handshape.config import Settings, validate_settings
from handshape.console import Console
from handshape.data.checks import check_folder
from handshape.data.groups import SIGNERS_FILE, group_samples
from handshape.data.reading import read_files
from handshape.data.samples import Sample, find_images, list_samples
from handshape.evaluation.slices import Slice
from handshape.export.bundle import KERAS, LITERT, Bundle, ModelDescription, write_bundle
from handshape.export.formats import FORMATS, Source
from handshape.export.keras_file import load_keras
from handshape.hands.known_hands import load_known_hands
from handshape.practice import HANDSHAPES, LETTERS, draw_practice_set
from handshape.registry.ready import PLACE
from handshape.serving.recognizer import Recognition, recognizer_of
from handshape.workflow.external import evaluate_bundle
from handshape.workflow.overlap import LEARNED_FROM
from handshape.workflow.train import train

SEED, SIDE = 20261125, 192  # of the drawn hands: a practice set's seed is small, and what is known has another one
MAX_SIZE = 3_000_000  # bytes of a bundle


DRAWN = "hands drawn by Handshape"
KNOWN = (
    "what every model of Handshape starts with (hands/known_hands.md): hands drawn by Handshape, of ASL-ML by "
    "t32rahman, and of American Sign Language Letters by David Lee"
)
KNOWN_LICENCE = "Apache-2.0, MIT, public domain"


@dataclass(frozen=True)
class Origin:
    """Photographs that may be learned from, and whose models may be passed on.

    Attributes:
        who: whom to thank, and who is in them.
        licence: what allows it.
        is_one: whether one person signed all of them.
    """

    who: str
    licence: str
    is_one: bool = False


@dataclass(frozen=True)
class Kind:
    """A model: what it is, what it cannot do, and its classes."""

    about: str
    limits: str
    class_names: tuple[str, ...]


ORIGINS = {
    "asl26_crowd": Origin(
        "American Sign Language Letters by David Lee: several people, many rooms; who signed what is not known",
        "public domain",
    ),
    "asl26_hazy_room": Origin("ASL-ML by t32rahman: one person", "MIT", is_one=True),
    "digits_218_signers": Origin(
        "Sign-Language-Digits-Dataset by ardamavi (Turkey Ankara Ayrancı Anadolu High School): 218 people, plain "
        "backgrounds",
        "Apache-2.0",
    ),
}
KINDS = {
    "asl": Kind("the 24 static letters of American fingerspelling", "it knows no J and no Z, which move", LETTERS),
    "digits": Kind(
        "the digits 0 to 9 of American Sign Language",
        "it knows no number above 9 and takes the letters O, D, V, W and F for digits",
        tuple(name for name in HANDSHAPES if name not in LETTERS),
    ),
}


def main() -> None:
    options, console = parse(), Console()
    tables = {Path(file).stem: Path(file) for file in options.signers}
    folders: dict[str, list[Path]] = {}
    for name, folder in map(pair_of, options.sources):
        folders.setdefault(name, []).append(Path(folder))
    for name in options.only or folders:
        with tempfile.TemporaryDirectory(prefix="ready-") as place:
            make(name, folders[name], tables, options, Path(place), console)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sources", nargs="+", metavar="NAME=FOLDER")
    parser.add_argument("--negatives", nargs="+", default=[], metavar="FOLDER", help="photographs without a sign")
    parser.add_argument("--measured", nargs="+", default=[], metavar="NAME=FOLDER", help="people it never saw")
    parser.add_argument("--without", nargs="+", default=[], metavar="FOLDER", help="no sign, only measured on")
    parser.add_argument("--signers", nargs="+", default=[], metavar="FILE", help="who signed what, FOLDER.csv each")
    parser.add_argument("--drawn", type=int, default=48, metavar="N", help="drawn images a class")
    parser.add_argument("--only", nargs="+", choices=tuple(KINDS), help="make these alone")
    options = parser.parse_args()
    for name, folder in map(pair_of, options.sources):
        if name not in KINDS or Path(folder).name not in ORIGINS:
            parser.error(f"{name}={folder}: no model of this name, or no folder of which we know that it may be used")
    return options


def pair_of(word: str) -> tuple[str, str]:
    name, equals, folder = word.rpartition("=")
    if not (equals and name):
        raise SystemExit(f"{word}: give NAME=FOLDER.")
    return name, folder


def make(
    name: str,
    folders: Sequence[Path],
    tables: Mapping[str, Path],
    options: argparse.Namespace,
    place: Path,
    console: Console,
) -> None:
    """Gathers, trains, shrinks, measures and writes one model."""
    kind, data = KINDS[name], place / "photographs"
    console.status("folder", f"Gathering what {name} learns from")
    sources = gather(kind, folders, tables, options.drawn, data, console)
    trained = train(settings_for(data, options.negatives), place / "runs", name, console)
    console.status("save", "Rounding the weights to float16")
    files = shrunk(trained.bundle, place)
    details = details_of(kind, sources, trained.bundle)
    small = write(place / "bundle", trained.bundle, files, details)
    external = dict(measured(small, options.measured, console))
    details["measures"] = {"external": external, **false_accepts(small, options.without, console)}
    if external:
        details["measures"]["accepted"] = float(np.mean([each["accepted"] for each in external.values()]))
    made = write(PLACE / name, trained.bundle, files, details)
    size = sum((made.folder / file).stat().st_size for file in made.files)
    if size > MAX_SIZE:
        raise SystemExit(f"{made.folder} takes {size:,} bytes, more than {MAX_SIZE:,}.")
    shares = ", ".join(f"{key} {each['accuracy']:.3f} of {each['n']}" for key, each in external.items())
    mean = np.mean([each["accuracy"] for each in external.values()]) if external else float("nan")
    console.result("done", f"{name}: {size / 1e6:.2f} MB, thresholds {made.thresholds}; {shares}; mean {mean:.3f}")


def gather(
    kind: Kind, folders: Sequence[Path], tables: Mapping[str, Path], drawn: int, data: Path, console: Console
) -> list[dict[str, Any]]:
    """Lays out all photographs as ``data/CLASS/…`` with a table of signers; who they are, for the card."""
    data.mkdir()
    signers: list[tuple[str, str]] = []
    sources = []
    for folder in folders:
        origin = ORIGINS[folder.name]
        groups = groups_of(folder, kind.class_names, origin, tables.get(folder.name), console)
        signers += laid_out(folder, groups, data)
        sources.append({"who": origin.who, "images": len(groups), "licence": origin.licence})
    with tempfile.TemporaryDirectory() as place:
        pictures = Path(place) / "drawn"
        count = draw_practice_set(pictures, drawn, SEED, kind.class_names, SIDE, console)
        with (pictures / SIGNERS_FILE).open(encoding="utf-8", newline="") as file:
            signers += laid_out(pictures, {row["path"]: row["signer"] for row in csv.DictReader(file)}, data)
    sources.append({"who": DRAWN, "images": count, "licence": "Apache-2.0"})
    with (data / SIGNERS_FILE).open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([("path", "signer"), *signers])
    return sources


def groups_of(
    folder: Path, class_names: Sequence[str], origin: Origin, table: Path | None, console: Console
) -> dict[str, str]:
    """Who signed each photograph of these classes; where nobody says so, bursts of look-alikes stand for people."""
    listed = list_samples(folder)
    chosen = replace(listed, samples=tuple(each for each in listed.samples if each.label in class_names))
    readings = read_files([listed.file(each) for each in chosen.samples], None, None, console)
    report = check_folder(chosen, readings.inspections)
    samples: tuple[Sample, ...] = report.usable_samples
    if origin.is_one:
        return {each.path: "one" for each in samples}
    rule = str(table) if table else "auto"
    return dict(group_samples(chosen, samples, rule, report.digests, report.similarity).of)


def laid_out(folder: Path, groups: Mapping[str, str], data: Path) -> Iterator[tuple[str, str]]:
    """Copies the photographs of a folder; for each its new path and its signer."""
    for path, signer in groups.items():
        label, *_, file = path.split("/")
        target = data / label / f"{folder.name}_{file}"
        target.parent.mkdir(exist_ok=True)
        shutil.copyfile(folder / path, target)
        yield target.relative_to(data).as_posix(), f"{folder.name} {signer}"


def settings_for(data: Path, negatives: Sequence[str]) -> Settings:
    """The usual ones; the final model learns from all photographs."""
    return validate_settings(
        {"data": {"original_data_dir": str(data), "negatives": list(negatives)}, "training": {"refit": "on"}}
    )


@dataclass(frozen=True, eq=False)
class Files:
    """What a bundle holds."""

    keras: Path
    litert: bytes
    activation: np.ndarray


def shrunk(bundle: Bundle, place: Path) -> Files:
    """The same model with weights of float16 in both files: in Keras rounded and packed, in LiteRT stored so."""
    model = load_keras(bundle)
    model.set_weights([rounded(value) for value in model.get_weights()])
    model.save(place / "whole.keras")
    with (
        zipfile.ZipFile(place / "whole.keras") as whole,
        zipfile.ZipFile(place / KERAS, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as packed,
    ):
        for entry in whole.infolist():
            packed.writestr(entry.filename, whole.read(entry))
    FORMATS["litert-float16"].write(Source(bundle, model, None), place / LITERT)  # type: ignore[arg-type]
    return Files(place / KERAS, (place / LITERT).read_bytes(), rounded(np.load(bundle.activation)))


def rounded(values: np.ndarray) -> np.ndarray:
    return np.asarray(values).astype(np.float16).astype(np.float32)


def details_of(kind: Kind, sources: Sequence[Mapping[str, Any]], bundle: Bundle) -> dict[str, Any]:
    """The manifest, without what is only true of the machine that trained it."""
    settings = {name: section for name, section in bundle.details["settings"].items() if name != "data"}
    return {
        "ready": {"about": kind.about, "limits": kind.limits},
        "sources": [*sources, {"who": KNOWN, "images": len(load_known_hands()[1]), "licence": KNOWN_LICENCE}],
        "images": {"train": sum(each["images"] for each in sources if each["who"] != DRAWN)},
        LEARNED_FROM: bundle.details[LEARNED_FROM],
        "settings": settings,
        "versions": bundle.details["versions"],
    }


def write(folder: Path, bundle: Bundle, files: Files, details: Mapping[str, Any]) -> Bundle:
    model = ModelDescription(bundle.class_names, bundle.size, bundle.thresholds, bundle.hands)
    return write_bundle(folder, model, files.keras, files.litert, files.activation, details)


def measured(bundle: Bundle, sets: Sequence[str], console: Console) -> Iterator[tuple[str, dict[str, Any]]]:
    """How the model does on each set of strangers that shows some of its classes."""
    for name, folder in map(pair_of, sets):
        if not set(list_samples(Path(folder)).classes) & set(bundle.class_names):
            continue
        result = evaluate_bundle(bundle, Path(folder), console)
        if result.is_seen.any():
            raise SystemExit(f"{name}: {int(result.is_seen.sum())} photographs were learned from.")
        right, decisions = result.right, result.decisions
        yield (
            name,
            {
                "n": right.n,
                "accuracy": right.share,
                "accepted": decisions.accepted,
                "accuracy_of_accepted": decisions.accuracy_of_accepted,
            },
        )


def false_accepts(bundle: Bundle, folders: Sequence[str], console: Console) -> dict[str, Any]:
    """How many photographs without a sign the model takes for one."""
    if not folders:
        return {}
    files = find_images([Path(folder) for folder in folders]).files
    answers = recognizer_of(bundle, console).recognize_all(files)
    decisions = [each.decision for each in answers if isinstance(each, Recognition)]
    taken = np.array([decision in bundle.class_names for decision in decisions])
    return {"without_sign": Slice.of("without a sign", taken).as_dict("share")}


if __name__ == "__main__":
    main()
