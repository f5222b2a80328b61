"""What the command line understands."""

from __future__ import annotations

import argparse
import textwrap
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from handshape import __version__
from handshape.cli.arguments import MODEL, given_path
from handshape.cli.models_parser import EXAMPLES, add_actions
from handshape.errors import HandshapeError

if TYPE_CHECKING:
    from handshape.export.formats import Format

HELP_WIDTH = 79

DESCRIPTION = """\
Handshape turns a folder of photographs of hand signs, one folder a class, into
a recogniser, judges it honestly and ships it. It recognises static handshapes;
it does not translate a sign language."""

EPILOG = """\
a first hour:
  handshape sample practice                 draw a practice set
  handshape check practice                  what is wrong with these photographs?
  handshape train practice                  train on it → runs/…
  handshape predict runs/… photo.jpg        use what came out

Every verb has --help with examples, and --json for machines."""


def build_parser() -> argparse.ArgumentParser:
    """The parser for every verb."""
    parser = argparse.ArgumentParser(
        prog="handshape", description=DESCRIPTION, epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--version", action="version", version=f"handshape {__version__}")
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", title="verbs")
    for add in (
        _add_check,
        _add_train,
        _add_evaluate,
        _add_predict,
        _add_explain,
        _add_models,
        _add_export,
        _add_serve,
        _add_sample,
        _add_doctor,
    ):
        add(verbs)
    return parser


def _add_check(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = _verb(
        verbs,
        "check",
        "what is wrong with these photographs",
        "Reads every image and reports broken, misnamed, tiny, duplicate and similar files, empty and uneven "
        "classes. Finds the hands, and reports classes where few are found and labels that are probably wrong. "
        "Changes nothing.",
        [
            "handshape check photos",
            "handshape check photos --groups signers.csv",
            "handshape check photos --groups '/(?P<signer>[a-z]+)_'",
            "handshape check photos --quick --json | jq .problems",
        ],
    )
    parser.add_argument("data", type=given_path, metavar="DATA", help="folder with one folder of images a class")
    parser.add_argument(
        "--groups",
        default="auto",
        metavar="RULE",
        help="who signed what, as data.groups: folder, a .csv, an expression with (?P<signer>…); default: auto",
    )
    parser.add_argument("--quick", action="store_true", help="leave the hands out")


def _add_train(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = _verb(
        verbs,
        "train",
        "the whole journey, from photographs to a judged model",
        "Checks, splits, trains in two phases, evaluates, draws the figures and writes a run folder.",
        [
            "handshape train photos",
            "handshape train photos --name first --set data.groups=signers.csv",
            "handshape train photos --set data.groups='(?P<signer>[^_/]+)_[0-9]+' --set model.num_epochs=40",
            "handshape train photos --external office=office-photos --negatives rooms",
            "handshape train photos --profile gtx1650 --config my.yaml",
            "handshape train --resume runs/first",
            "handshape train --help-settings",
        ],
    )
    parser.add_argument(
        "data", type=given_path, nargs="?", metavar="DATA", help="folder with one folder of images a class"
    )
    parser.add_argument(
        "--out", type=Path, default=Path("runs"), metavar="FOLDER", help="where runs go (default: runs)"
    )
    parser.add_argument("--name", metavar="NAME", help="name of the run (default: date and time)")
    parser.add_argument("--config", type=Path, metavar="FILE", help="settings as YAML")
    parser.add_argument("--profile", default="default", metavar="NAME", help="default or gtx1650 (4 GB of GPU memory)")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        dest="assignments",
        metavar="SECTION.KEY=VALUE",
        help="one setting, such as model.num_epochs=40; give it as often as needed",
    )
    parser.add_argument(
        "--external",
        action="append",
        default=[],
        metavar="NAME=DATA",
        help="photographs of other people, to measure on; give it as often as needed",
    )
    parser.add_argument(
        "--negatives",
        action="append",
        type=Path,
        default=[],
        metavar="FOLDER",
        help="photographs without a sign, to tune what is accepted",
    )
    parser.add_argument("--resume", type=Path, metavar="RUN", help="go on with a run that was stopped")
    parser.add_argument("--help-settings", action="store_true", help="list every setting with its default, and stop")


def _add_evaluate(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = _verb(
        verbs,
        "evaluate",
        "a model on outside photographs",
        "Measures a trained model on photographs from elsewhere: other people, other rooms. Classes the model does "
        "not know are named and left out.",
        ["handshape evaluate runs/first other-people", "handshape evaluate runs/first other-people --json"],
    )
    parser.add_argument("model", metavar="MODEL", help=MODEL)
    parser.add_argument("data", type=given_path, metavar="DATA", help="folder with one folder of images a class")


def _add_predict(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = _verb(
        verbs,
        "predict",
        "labels and confidences for images",
        "Recognises the handshape in each image. A folder stands for the images in it.",
        ["handshape predict runs/first photo.jpg", "handshape predict runs/first *.jpg --json > answers.jsonl"],
    )
    parser.add_argument("model", metavar="MODEL", help=MODEL)
    parser.add_argument("images", type=given_path, nargs="+", metavar="IMAGE", help="image files or folders of them")


def _add_explain(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = _verb(
        verbs,
        "explain",
        "where a model looked, drawn over images",
        "Draws a picture for each image: the hand that was found, the places that spoke for the answer, and the "
        "answer. No file is ever overwritten.",
        ["handshape explain runs/first photo.jpg", "handshape explain runs/first photos --out pictures --json"],
    )
    parser.add_argument("model", metavar="MODEL", help=MODEL)
    parser.add_argument("images", type=given_path, nargs="+", metavar="IMAGE", help="image files or folders of them")
    parser.add_argument(
        "--out", type=Path, default=Path("explained"), metavar="FOLDER", help="where they go (default: explained)"
    )


def _add_serve(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = _verb(
        verbs,
        "serve",
        "a model over HTTP, for other programs",
        "Serves a model until Ctrl-C: POST /v1/recognize and /v1/explain (images as form field 'image'), WebSocket "
        "/v1/stream, GET /v1/models, /metrics, /healthz, /openapi.json. On this machine alone unless --host says "
        "otherwise. With --json one JSON object a request goes to stdout.",
        [
            "handshape serve runs/first",
            "curl -F image=@photo.jpg http://127.0.0.1:8000/v1/recognize",
            "handshape serve asl@production --host 0.0.0.0 --token-file tokens",
        ],
    )
    parser.add_argument(
        "model", nargs="?", metavar="MODEL", help="run, bundle or registered name (default: the newest in runs)"
    )
    parser.add_argument("--host", default="127.0.0.1", metavar="ADDRESS", help="where it listens (default: 127.0.0.1)")
    parser.add_argument("--port", type=int, default=8000, metavar="N", help="default: 8000; 0 takes any that is free")
    parser.add_argument("--token-file", type=Path, metavar="FILE", help="tokens, one a line; each request needs one")
    parser.add_argument("--workers", type=int, metavar="N", help="images computed at a time (default: one a core)")
    parser.add_argument(
        "--limit",
        action="append",
        default=[],
        dest="limits",
        metavar="NAME=N",
        help="bytes, frame, pixels, images, rate, requests, streams, connections, seconds or stop",
    )
    parser.add_argument(
        "--allow-host", action="append", default=[], metavar="NAME", help="another name it answers to, behind a proxy"
    )


def _add_export(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = _verb(
        verbs,
        "export",
        "other formats, each proved on photographs",
        "Writes a model in other formats and runs each against Keras on photographs. What is no match for Keras is not "
        "kept; int8 then falls back to float16 and says which class lost how much.",
        [
            "handshape export runs/first --to litert-int8,onnx",
            "handshape export runs/first --to litert-int8 --data other-people --out app/model",
        ],
    )
    parser.add_argument("model", metavar="MODEL", help=MODEL)
    parser.add_argument(
        "--to",
        type=_formats,
        required=True,
        metavar="FORMAT,…",
        help="litert, litert-float16, litert-int8, onnx, openvino, saved_model",
    )
    parser.add_argument(
        "--data", type=Path, metavar="FOLDER", help="photographs to compare on (default: what the run kept back)"
    )
    parser.add_argument(
        "--out", type=Path, metavar="FOLDER", help="where they go (default: exports/ in the run folder)"
    )


def _formats(names: str) -> tuple[Format, ...]:
    from handshape.export.formats import formats_named

    try:
        return formats_named(names)
    except HandshapeError as error:
        raise argparse.ArgumentTypeError(error.text.replace("\n", " ")) from None


def _add_models(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = _verb(verbs, "models", "versions: list, add, promote, roll back, compare", "", EXAMPLES)
    add_actions(parser, HELP_WIDTH)


def _add_sample(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = _verb(
        verbs,
        "sample",
        "draw a practice set",
        "Draws hands: the ten digits and the 24 static letters of American fingerspelling, by drawn signers with "
        "different skin, light, views and rooms. The same seed draws the same pictures.",
        ["handshape sample practice", "handshape sample practice --per-class 20 --classes A B C --seed 7"],
    )
    parser.add_argument("out", type=Path, metavar="OUT", help="a new or empty folder")
    parser.add_argument("--per-class", type=int, default=60, metavar="N", help="images a class (default: 60)")
    parser.add_argument("--classes", nargs="+", metavar="CLASS", help="only these (default: all 34)")
    parser.add_argument("--size", type=int, default=160, metavar="PIXELS", help="side of the images (default: 160)")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="decides every picture (default: 0)")


def _add_doctor(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    _verb(
        verbs,
        "doctor",
        "what this machine can do, and what to fix",
        "Shows the machine, the backend, what was chosen for training and why, and what to do about trouble.",
        ["handshape doctor", "handshape doctor --json"],
    )


def _verb(
    verbs: argparse._SubParsersAction[argparse.ArgumentParser],
    name: str,
    summary: str,
    description: str,
    examples: Iterable[str],
) -> argparse.ArgumentParser:
    parser = verbs.add_parser(
        name,
        help=summary,
        description=textwrap.fill(description, HELP_WIDTH),
        epilog="examples:\n" + "\n".join(f"  {example}" for example in examples),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--json", action="store_true", help="results as JSON on stdout, nothing else there")
    parser.add_argument("--quiet", action="store_true", help="only warnings and errors")
    return parser
