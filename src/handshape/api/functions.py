"""The verbs of the command line as functions. Each imports what it needs when it is called, so importing them is cheap.

Progress goes where the command line's goes, or into the cell of a notebook; ``quiet=True`` leaves warnings alone.
"""

from __future__ import annotations

import handshape.export  # noqa: F401  # the package of this name: imported later, it would take the function's place

TYPE_CHECKING = False  # as typing's, whose import would take longer than all the rest
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path
    from typing import Any, Literal, TypeAlias

    from handshape.api.measured import CrossValidationResult, EnsembleResult, EvaluationResult, TrainingResult
    from handshape.api.results import CheckResult, ExportResult, PracticeSet
    from handshape.console import Console
    from handshape.export.bundle import Bundle
    from handshape.serving.recognizer import Recognizer

    AnyPath: TypeAlias = str | Path
    Model: TypeAlias = AnyPath | Recognizer | TrainingResult
    External: TypeAlias = AnyPath | Mapping[str, AnyPath] | None


def sample(
    out: AnyPath,
    per_class: int = 60,
    classes: Sequence[str] | None = None,
    *,
    size: int = 160,
    seed: int = 0,
    quiet: bool = False,
) -> PracticeSet:
    """Draws a practice set: hands of drawn signers, one folder a handshape, and who signed what.

    Args:
        out: a new or empty folder.
        per_class: images a class; 48 signers sign in turn.
        classes: of the ten digits and 24 static letters of American fingerspelling; None draws the letters.
        size: side of the images in pixels.
        seed: decides every picture; another one draws other people.
        quiet: only warnings.

    Raises:
        DataError: the folder is not empty or cannot be written, or a class is unknown.
        SettingsError: the seed is negative.
    """
    from pathlib import Path

    from handshape.api.results import PracticeSet
    from handshape.console import Console
    from handshape.errors import SettingsError
    from handshape.practice import draw_practice_set

    if seed < 0:
        raise SettingsError(f"The seed cannot be {seed}.", "0 or more")
    return PracticeSet(Path(out), draw_practice_set(Path(out), per_class, seed, classes, size, Console(quiet)))


def check(data: AnyPath, groups: AnyPath = "auto", hands: bool = True, *, quiet: bool = False) -> CheckResult:
    """What is wrong with photographs: broken, misnamed, tiny and similar files, few hands, labels that seem wrong.

    Args:
        data: a folder with one folder of images a class.
        groups: who signed what: ``auto``, ``folder`` (CLASS/SIGNER/image), a .csv of path,signer, or a regular
            expression with ``(?P<signer>…)``.
        hands: whether hands are looked for.
        quiet: only warnings.

    Raises:
        DataError: there is no such folder.
        SettingsError: ``groups`` is no rule.
    """
    from pathlib import Path

    from handshape.api.results import CheckResult
    from handshape.console import Console
    from handshape.workflow.check import check as check_photographs

    report, found = check_photographs(Path(data), str(groups), hands, Console(quiet))
    return CheckResult(**vars(report), folder=Path(data), hands_found=found)


def train(
    data: AnyPath | None = None,
    out: AnyPath = "runs",
    name: str | None = None,
    *,
    external: External = None,
    resume: AnyPath | None = None,
    quiet: bool = False,
    **settings: Any,
) -> TrainingResult:
    """The whole journey, from photographs to a judged model in a run folder.

    ``handshape.train("photos", groups="signers.csv", epochs=40, batch_size=32)``

    An interrupt, of a notebook's kernel too, leaves a run that ``handshape.train(resume="runs/first")`` goes on with.

    Args:
        data: a folder with one folder of images a class; None takes the one that ``config`` names.
        out: the folder of runs.
        name: of the run folder; None takes date and time.
        external: photographs of other people to measure on: a folder, or several by name.
        resume: a run that was stopped; settings are the ones it began with, and ``data`` says where the photographs are
            now, if they were moved.
        quiet: only warnings.
        settings: by their names, as ``handshape train --help-settings`` lists them, without their section or in it
            (``model={"num_epochs": 40}``). ``epochs`` is ``num_epochs``; ``profile`` and ``config``, a YAML file, say
            what they start from. The most used ones: ``groups`` (who signed what, see :func:`check`), ``negatives``
            (folders of photographs without a sign), ``epochs``, ``img_size``, ``batch_size``, ``seed``.

    Raises:
        HandshapeError: the data, a setting, the machine or the disk is at fault; the message says what to do.
    """
    from pathlib import Path

    from handshape.api.measured import TrainingResult
    from handshape.api.settings import external_of, require_nothing_new, settings_of
    from handshape.console import Console
    from handshape.workflow import train as workflow

    console = Console(quiet)
    if resume is None:
        done = workflow.train(settings_of(data, settings), Path(out), name, console, external_of(external))
    else:
        require_nothing_new(name, external, settings)
        done = workflow.resume(Path(resume), console, None if data is None else Path(data))
    return TrainingResult.of(done)


def crossval(
    data: AnyPath | None = None,
    folds: int | Literal["signers"] = 5,
    out: AnyPath = "runs",
    *,
    external: External = None,
    resume: AnyPath | None = None,
    quiet: bool = False,
    **settings: Any,
) -> CrossValidationResult:
    """How well training works on people kept out: trains once a fold, tests on the photographs kept out of it.

    Args:
        data: as for :func:`train`.
        folds: how many, or ``signers`` for one a signer.
        out: the folder of runs.
        external: as for :func:`train`; every fold's model is measured on it.
        resume: a cross-validation that was stopped.
        quiet: only warnings.
        settings: as for :func:`train`, and ``name`` of the folder; ``repeats``, each with other folds and another seed;
            ``compare_random=True``, which also cross-validates on random folds.

    Raises:
        HandshapeError: as :func:`train`.
    """
    from pathlib import Path

    from handshape.api.measured import CrossValidationResult
    from handshape.api.settings import (
        CROSSVAL_WORDS,
        crossval_options,
        external_of,
        require_nothing_new,
        settings_of,
    )
    from handshape.console import Console
    from handshape.workflow import crossval as workflow

    console, name = Console(quiet), settings.pop("name", None)
    if resume is None:
        options = crossval_options(folds, external_of(external), settings)
        asked = settings_of(data, settings, CROSSVAL_WORDS)
        done = workflow.cross_validate(asked, Path(out), name, options, console)
    else:
        require_nothing_new(name, external, settings)
        done = workflow.resume_crossval(Path(resume), console, None if data is None else Path(data))
    return CrossValidationResult(**vars(done))


def ensemble(
    data: AnyPath | None = None,
    seeds: int | None = None,
    out: AnyPath = "runs",
    *,
    external: External = None,
    resume: AnyPath | None = None,
    quiet: bool = False,
    **settings: Any,
) -> EnsembleResult:
    """Several models as one, or one that learned from several, and whether that is better than a single one.

    Args:
        data: as for :func:`train`.
        seeds: members that differ by their seed alone; None is 5, with ``bag`` or ``members`` 1.
        out: the folder of runs.
        external: as for :func:`train`.
        resume: an ensemble that was stopped.
        quiet: only warnings.
        settings: as for :func:`train`, and ``name`` of the folder; ``bag``, parts of the people of which each member
            leaves another one out; ``members``, what each has of its own: YAML files or ``SECTION.KEY=VALUE``;
            ``weigh``: ``auto``, ``equal`` or ``fitted``; ``distill=True`` for one model of usual size; ``folds`` over
            which the gain is measured.

    Raises:
        HandshapeError: as :func:`train`.
    """
    from pathlib import Path

    from handshape.api.measured import EnsembleResult
    from handshape.api.settings import (
        ENSEMBLE_WORDS,
        ensemble_options,
        external_of,
        require_nothing_new,
        settings_of,
    )
    from handshape.console import Console
    from handshape.workflow.ensemble import make as workflow

    console, name = Console(quiet), settings.pop("name", None)
    if resume is None:
        options = ensemble_options(seeds, external_of(external), settings)
        asked = settings_of(data, settings, ENSEMBLE_WORDS)
        done = workflow.train_ensemble(asked, Path(out), name, options, console)
    else:
        require_nothing_new(name, external, seeds, settings)
        done = workflow.resume_ensemble(Path(resume), console, None if data is None else Path(data))
    return EnsembleResult.of(done)


def evaluate(model: Model, data: AnyPath, out: AnyPath | None = None, *, quiet: bool = False) -> EvaluationResult:
    """Measures a model on photographs from elsewhere: other people, other rooms.

    Args:
        model: what :func:`load` takes.
        data: a folder with one folder of images a class; classes that the model does not know are left out, and so are
            photographs that it learned from.
        out: a folder for a page that shows the mistakes as pictures; None writes nothing.
        quiet: only warnings.

    Raises:
        DataError: folder and model share no class, or no image can be read.
        ModelError: ``model`` stands for none, or for a damaged one.
        RunError: ``out`` holds something else, or cannot be written.
    """
    from pathlib import Path

    from handshape.api.measured import EvaluationResult
    from handshape.console import Console
    from handshape.workflow.external import evaluate_bundle, seen_in_words
    from handshape.workflow.external_report import Judged, require_place, write_evaluation

    console, photographs = Console(quiet), Path(data)
    bundle = _bundle_of(model, console)
    if out is not None:
        require_place(Path(out), photographs)
    done = evaluate_bundle(bundle, photographs, console)
    seen = seen_in_words(str(data), done.is_seen)
    if seen:
        console.warn(seen)
    judged = Judged.of(done)
    report = None if out is None else write_evaluation(judged, Path(out), console)
    return EvaluationResult.of(judged, photographs, report)


def export(
    model: Model,
    formats: str | Sequence[str],
    data: AnyPath | None = None,
    out: AnyPath | None = None,
    *,
    quiet: bool = False,
) -> ExportResult:
    """Writes a model in other formats, each proved against Keras on photographs.

    Args:
        model: what :func:`load` takes.
        formats: of ``litert``, ``litert-float16``, ``litert-int8``, ``onnx``, ``openvino`` and ``saved_model``.
        data: photographs to compare on; None takes what the model's run kept back.
        out: where they go; None takes ``exports`` in the run folder, else here.
        quiet: only warnings.

    Raises:
        HandshapeError: there are no photographs, something is not installed, or a format is no match for Keras and none
            took its place.
    """
    from pathlib import Path

    from handshape.api.results import ExportResult
    from handshape.console import Console
    from handshape.export.exports import failure
    from handshape.export.formats import formats_named
    from handshape.workflow.export import export_bundle

    chosen = formats_named(formats if isinstance(formats, str) else ",".join(formats))
    photographs, folder = (None if path is None else Path(path) for path in (data, out))
    console = Console(quiet)
    done = export_bundle(_bundle_of(model, console), chosen, photographs, folder, console)
    failed = failure(done)
    if failed:
        raise failed
    return ExportResult(**vars(done))


def load(model: Model) -> Recognizer:
    """What recognises handshapes in photographs: ``handshape.load("asl").recognize("photo.jpg")``.

    Args:
        model: a run folder, a bundle folder, the zip of one, the name of a registered model, such as ``mine``,
            ``mine@3`` or ``mine@production``, or of one that comes with Handshape, ``asl`` or ``digits``, a training's
            result, or a recogniser.

    Raises:
        ModelError: it stands for no model, or for a damaged one.
    """
    from handshape.console import Console
    from handshape.serving.recognizer import Recognizer, recognizer_of

    return model if isinstance(model, Recognizer) else recognizer_of(_bundle_of(model, Console()), Console(quiet=True))


def _bundle_of(model: Model, console: Console) -> Bundle:
    from handshape.registry import resolve

    return resolve(model, console) if isinstance(model, str) or not hasattr(model, "bundle") else model.bundle
