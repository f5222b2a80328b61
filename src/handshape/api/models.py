"""Models: loaded, explained, shown films, measured, written in other formats, and kept by name."""

from __future__ import annotations

TYPE_CHECKING = False  # as typing's, whose import would take longer than all the rest
if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from typing import TypeAlias

    from handshape.api.explaining import Explanation
    from handshape.api.films import FilmResult
    from handshape.api.measured import EvaluationResult, TrainingResult
    from handshape.api.registered import ModelList
    from handshape.api.results import ExportResult
    from handshape.console import Console
    from handshape.export.bundle import Bundle
    from handshape.serving.pictures import Picture
    from handshape.serving.recognizer import Recognizer
    from handshape.workflow.ensemble.saved import JoinedModels

    AnyPath: TypeAlias = str | Path
    Model: TypeAlias = AnyPath | Recognizer | TrainingResult | JoinedModels


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

    return model if isinstance(model, Recognizer) else recognizer_of(bundle_of(model, Console()), Console(quiet=True))


def explain(model: Model, picture: Picture) -> Explanation:
    """Where a model looked: the hand that was found, the places that spoke for the answer, and the answer.

    ``handshape.explain("asl", "photo.jpg").save("explained.png")``

    Args:
        model: what :func:`load` takes.
        picture: what a recogniser takes: a path, the bytes of a file, a Pillow image, or an array [H, W, 3].

    Raises:
        ModelError: ``model`` stands for none, or for a damaged one.
        ImageError: the picture cannot be read.
    """
    from handshape.api.explaining import explained

    return explained(load(model), picture)


def watch(model: Model, film: AnyPath, *, quiet: bool = False) -> FilmResult:
    """Which handshapes a film shows from when to when, J and Z by their motion, and what they spell.

    ``handshape.watch("asl", "film.mp4").text``

    Args:
        model: what :func:`load` takes.
        film: a file, such as .mp4, or an animated image.
        quiet: only warnings.

    Raises:
        ModelError: ``model`` stands for none, or for a damaged one.
        ImageError: the film is missing, damaged, or none.
        RuntimeUnavailableError: OpenCV, of the extra ``[live]``, is not installed.
    """
    from pathlib import Path

    from handshape.api.films import watched
    from handshape.console import Console

    return watched(load(model), Path(film), Console(quiet))


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
    bundle = bundle_of(model, console)
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
    """Writes a model in other formats, each proved against Keras on photographs; or the page that runs it.

    ``handshape.export("asl", "web", out="site")`` writes a folder for any web server.

    Args:
        model: what :func:`load` takes.
        formats: of ``litert``, ``litert-float16``, ``litert-int8``, ``onnx``, ``openvino`` and ``saved_model``; and
            ``web``, the page on which the model reads hands on each visitor's own device, which needs no photographs.
        data: photographs to compare on; None takes what the model's run kept back.
        out: where they go; None takes ``exports`` in the run folder, else here. The page goes into ``out`` itself, or
            into ``web`` in it beside others.

    Raises:
        HandshapeError: there are no photographs, something is not installed, or a format is no match for Keras and none
            took its place.
    """
    from pathlib import Path

    from handshape.api.results import ExportResult
    from handshape.console import Console
    from handshape.export.exports import failure
    from handshape.export.formats import WEB, asked_for
    from handshape.workflow.export import export_bundle, usual_folder

    chosen, has_page = asked_for(formats if isinstance(formats, str) else ",".join(formats))
    photographs, folder = (None if path is None else Path(path) for path in (data, out))
    console = Console(quiet)
    bundle, page = bundle_of(model, console), None
    if has_page:
        from handshape.workflow.export_web import export_web

        place = folder if folder and not chosen else (folder or usual_folder(bundle)) / WEB
        page = export_web(bundle, word_of(model), place, console)
        if not chosen:
            return ExportResult(page.folder, (), 0, 0.0, page)
    done = export_bundle(bundle, chosen, photographs, folder, console)
    failed = failure(done)
    if failed:
        raise failed
    return ExportResult(**vars(done), page=page)


def models() -> ModelList:
    """The models that are registered by name, to list and to change: add, promote, rollback, remove.

    ``handshape.models().add(training, "mine")``, then ``handshape.load("mine")``
    """
    from handshape.api.registered import ModelList

    return ModelList()


def bundle_of(model: Model, console: Console) -> Bundle:
    """What a model stands for: its files, verified."""
    from handshape.registry import resolve

    return resolve(model, console) if isinstance(model, str) or not hasattr(model, "bundle") else model.bundle


def word_of(model: Model) -> str:
    """A model as the command line names it: what somebody called it, else its run folder or its bundle."""
    if isinstance(model, str) or not hasattr(model, "bundle"):
        return str(model)
    return str(getattr(model, "folder", model.bundle.folder))
