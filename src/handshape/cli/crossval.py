"""``handshape crossval``: how well training works on people kept out, fold by fold."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Literal

from handshape.cli.run_arguments import (
    add_executor_arguments,
    add_run_arguments,
    executor_for,
    externals_of,
    require_nothing_new,
    settings_of,
)
from handshape.cli.shared import Verbs, add_verb, quoted
from handshape.errors import SettingsError

if TYPE_CHECKING:
    from handshape.console import Console
    from handshape.workflow.crossval_result import CrossvalResult

ORDER = 25
MIN_FOLDS = 3  # to train, to validate, to test


def add_parser(verbs: Verbs) -> None:
    """What the verb takes."""
    parser = add_verb(
        verbs,
        "crossval",
        run,
        "how well training works on people kept out, fold by fold",
        "Trains once a fold and tests on the photographs kept out of it, no signer or burst of look-alikes on both "
        "sides: a mean over all photographs, its spread, the worst fold and signer. Folds share photographs, hands and "
        "features, so five take about twice as long as one training. Makes no model to use.",
        [
            "handshape crossval photos --set data.groups=signers.csv",
            "handshape crossval photos --set data.groups=signers.csv --folds signers",
            "handshape crossval photos --folds 10 --repeats 3 --compare-random",
            "handshape crossval photos --external office=office-photos --json | jq .mean",
            "handshape crossval photos --folds signers --processes 2",
            "handshape crossval photos --folds signers --cluster head:6379",
            "handshape crossval --resume runs/20261125_101500",
        ],
    )
    add_run_arguments(parser)
    parser.add_argument(
        "--folds",
        type=_folds,
        default=5,
        metavar="N",
        help="number of folds, or signers: each signer is kept out once (default: 5)",
    )
    parser.add_argument(
        "--repeats", type=int, default=1, metavar="N", help="times, each with other folds and seed (default: 1)"
    )
    parser.add_argument(
        "--compare-random", action="store_true", help="also on random folds: how much a leaky split flatters, a number"
    )
    add_executor_arguments(parser, "train folds")


def run(options: argparse.Namespace, console: Console) -> int:
    """Cross-validates, or goes on with it, and shows what it came to."""
    from handshape.workflow.crossval import CrossvalOptions, cross_validate, resume_crossval

    if options.resume:
        require_nothing_new(options)
        with executor_for(options, console) as executor:
            result = resume_crossval(options.resume, console, options.data, executor)
    else:
        if options.repeats < 1:
            raise SettingsError(f"--repeats cannot be {options.repeats}.", "1 or more")
        asked = CrossvalOptions(options.folds, options.repeats, options.compare_random, externals_of(options))
        settings = settings_of(options)
        with executor_for(options, console) as executor:
            result = cross_validate(settings, options.out, options.name, asked, console, executor)
    show(result, console)
    console.done("Cross-validated")
    console.hint("Train one model on them:", f"handshape train {quoted(_data_of(result))}")
    if options.json:
        console.emit({"run": str(result.run.folder), "report": str(result.run.report), **result.as_dict()})
    return 0


def _folds(word: str) -> int | Literal["signers"]:
    if word == "signers":
        return "signers"
    if not word.isdecimal() or int(word) < MIN_FOLDS:
        raise argparse.ArgumentTypeError(f"'{word}' is neither a number from {MIN_FOLDS} on nor the word signers")
    return int(word)


def show(result: CrossvalResult, console: Console) -> None:
    """A table of the folds, the mean, what was worst, and where to read on."""
    from handshape.workflow.crossval_result import mean_of, spread_of

    rows = [(fold.name, fold.n, f"{fold.share:.1%}") for fold in result.folds]
    console.table("Folds", ("kept out", "images", "accuracy"), rows)
    console.result("chart", f"Accuracy {result.mean:.1%} ± {result.spread:.1%} over {len(result.folds)} folds")
    console.result("", f"Split {result.grouping}; worst fold: {result.worst_fold.name}, {result.worst_fold.share:.1%}")
    if result.worst_signer:
        console.result("", f"Worst signer: {result.worst_signer.name}, {result.worst_signer.share:.1%}")
    if result.random:
        mean, spread = mean_of(result.random), spread_of(result.random)
        console.result(
            "",
            f"Random folds, with the same people in training and test, give {mean:.1%} ± {spread:.1%}: "
            f"{100 * (mean - result.mean):+.1f} points, which is no promise for new people.",
        )
    for name, slices in result.external.items():
        console.result("chart", f"On {name}: {mean_of(slices):.1%} ± {spread_of(slices):.1%} of {slices[0].n} images")
    console.result("save", f"Folder: {result.run.folder} (report.html; results/crossval.json)")


def _data_of(result: CrossvalResult) -> str:
    return str(result.run.record()["data"])
