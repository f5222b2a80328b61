"""``handshape ensemble``: several models joined into one, or one that learned from several."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from handshape.cli.run_arguments import (
    add_executor_arguments,
    add_run_arguments,
    executor_for,
    externals_of,
    require_nothing_new,
    settings_of,
)
from handshape.cli.shared import MODEL, Verbs, add_verb, quoted
from handshape.errors import SettingsError

if TYPE_CHECKING:
    from handshape.console import Console
    from handshape.evaluation.ensembles import EnsembleFacts
    from handshape.workflow.ensemble.plan import EnsembleOptions

ORDER = 26
SEEDS = 5


def add_parser(verbs: Verbs) -> None:
    """What the verb takes."""
    parser = add_verb(
        verbs,
        "ensemble",
        run,
        "several models as one, and whether they are better than one",
        "Trains members that differ by seed, by the people they leave out, or by settings, and joins them: one model "
        "and one bundle, used like any other, whose answer is the mean of the members' answers. Says by how much that "
        "is better than a single member, with its spread over the people in the test. --distill makes one model of "
        "usual size that learns from all of them.\n\n"
        "Given two models or more instead of photographs, it joins these.",
        [
            "handshape ensemble photos --set data.groups=signers.csv",
            "handshape ensemble photos --distill",
            "handshape ensemble photos --bag 5 --folds 5 --processes 2",
            "handshape ensemble photos --member small.yaml --member wide.yaml --seeds 3",
            "handshape ensemble photos --member model.streams=landmarks --member model.streams=hand",
            "handshape ensemble runs/first runs/second mine@production --on office-photos",
            "handshape ensemble --resume runs/20261125_101500",
        ],
    )
    add_run_arguments(parser)
    parser.add_argument(
        "models", nargs="*", metavar="MODEL", help=f"with DATA a model as well: models to join, each a {MODEL}"
    )
    parser.add_argument(
        "--seeds",
        type=int,
        metavar="N",
        help=f"members that differ by seed alone (default: {SEEDS}; with --bag or --member 1)",
    )
    parser.add_argument(
        "--bag",
        type=int,
        default=0,
        metavar="N",
        help="parts of the people, of which each member leaves another out",
    )
    parser.add_argument(
        "--member",
        action="append",
        default=[],
        metavar="SETTINGS",
        help="what a member has of its own: a YAML file, or SECTION.KEY=VALUE; give it once a member",
    )
    parser.add_argument(
        "--weigh",
        choices=("auto", "equal", "fitted"),
        default="auto",
        help="how much members count: fitted on validation people where these are many enough (default: auto)",
    )
    parser.add_argument("--distill", action="store_true", help="make one model of usual size that learns from them all")
    parser.add_argument(
        "--folds", type=int, default=0, metavar="N", help="measure the gain over so many folds of people, too"
    )
    add_executor_arguments(parser, "train members")
    parser.add_argument(
        "--on",
        type=Path,
        metavar="PHOTOS",
        help="with models: photographs of people that none learned from, to weigh them by and to measure on",
    )


def run(options: argparse.Namespace, console: Console) -> int:
    """Trains, goes on, or joins saved models, and shows what it came to."""
    if options.models:
        return _join_saved(options, console)
    from handshape.cli.train import show_training
    from handshape.workflow.ensemble.make import resume_ensemble, train_ensemble

    if options.on:
        raise SettingsError("--on says what saved models are measured on.", "two or more MODELs with it")
    if options.resume:
        require_nothing_new(options)
        if any(_own(options)):
            raise SettingsError("--resume goes on with an ensemble as it was begun.", "no other options with it")
        with executor_for(options, console) as executor:
            result = resume_ensemble(options.resume, console, options.data, executor)
    else:
        settings, wanted = settings_of(options), asked(options)
        with executor_for(options, console) as executor:
            result = train_ensemble(settings, options.out, options.name, wanted, console, executor)
    show_training(result, console)
    facts = result.trained.ensemble
    if facts is not None:
        show_members(facts, console)
    if options.json:
        console.emit(
            {
                "run": str(result.run.folder),
                "bundle": str(result.bundle.folder),
                "accuracy": {"validation": result.validation.accuracy, "test": result.test.accuracy},
                "external": {name: each.metrics.accuracy for name, each in result.findings.external.items()},
                "ensemble": facts and facts.as_dict(),
                "verdict": result.findings.verdict.as_dict(),
                "report": str(result.run.report),
                "seconds": result.seconds,
            }
        )
    return 0


def asked(options: argparse.Namespace) -> EnsembleOptions:
    """What is asked of the ensemble.

    Raises:
        SettingsError: it would have a single member, or a number cannot be.
    """
    from handshape.workflow.ensemble.plan import EnsembleOptions

    return EnsembleOptions.of(
        options.seeds,
        bag=options.bag,
        members=tuple(options.member),
        weigh=options.weigh,
        distill=options.distill,
        folds=options.folds,
        external=externals_of(options),
    )


def show_members(facts: EnsembleFacts, console: Console) -> None:
    """A table of the members, how often they agree, and what joining them gained."""
    parts = list(facts.members[0].accuracies)
    rows = [
        (each.name, *(f"{each.accuracies[part]:.1%}" for part in parts), f"{each.weight:.2f}", f"{each.seconds:.0f}")
        for each in facts.members
    ]
    console.table("Members", ("member", *parts, "weight", "seconds"), rows)
    for sentence in facts.sentences:
        console.result("", sentence)
    for gain in facts.gains:
        console.result("chart", gain.sentence[:1].upper() + gain.sentence[1:])


def _own(options: argparse.Namespace) -> tuple[Any, ...]:
    """What says how members are trained."""
    return options.seeds, options.bag, options.member, options.distill, options.folds


def _join_saved(options: argparse.Namespace, console: Console) -> int:
    from handshape.config import load_settings
    from handshape.workflow.ensemble.saved import SavedOptions, join_saved

    words = [str(options.data), *options.models]
    if any(_own(options)) or options.external or options.resume or options.config:
        raise SettingsError(
            "Models that are joined are not trained, so nothing can be said about how.",
            "--on, --weigh, --name and --out beside them",
            "Leave the other options out; to train members, name one folder of photographs.",
        )
    groups = load_settings(assignments=options.assignments).data.groups
    how = SavedOptions(options.on, options.weigh, groups)
    joined = join_saved(words, options.out, options.name, how, console)
    if joined.facts is not None:
        show_members(joined.facts, console)
    console.result("save", f"Bundle: {joined.bundle.folder}")
    if options.json:
        facts = None if joined.facts is None else joined.facts.as_dict()
        console.emit({"run": str(joined.run.folder), "bundle": str(joined.bundle.folder), "ensemble": facts})
    console.hint("Use it:", f"handshape predict {quoted(joined.run.folder)} IMAGE")
    return 0
