"""Photographs: drawn, checked, and put right."""

from __future__ import annotations

TYPE_CHECKING = False  # as typing's, whose import would take longer than all the rest
if TYPE_CHECKING:
    from collections.abc import Sequence

    from handshape.api.labelling import LabelReview
    from handshape.api.models import AnyPath
    from handshape.api.results import CheckResult, PracticeSet


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


def labels(data: AnyPath, groups: AnyPath = "auto", suspects: bool = True, *, quiet: bool = False) -> LabelReview:
    """Photographs that may lie in the wrong class, and what is decided about them: keep, move, leave out.

    ``handshape.labels("photos", groups="signers.csv").move("L/anna_3.jpg", "A").leave_out("B/blurred.jpg")``

    Decisions are written into ``labels.csv`` beside the photographs at once, and whatever reads them goes by it. No
    photograph is moved, renamed or changed.

    Args:
        data: as for :func:`check`.
        groups: as for :func:`check`.
        suspects: whether they are looked for, which finds the hand in every photograph; without, decisions alone.
        quiet: only warnings.

    Raises:
        DataError: there is no such folder, or its ``labels.csv`` names what is not there.
        SettingsError: ``groups`` is no rule.
    """
    from pathlib import Path

    from handshape.api.labelling import LabelReview
    from handshape.console import Console
    from handshape.data.samples import list_samples
    from handshape.workflow.labels import find_suspects

    folder = Path(data)
    if suspects:
        return LabelReview(folder, find_suspects(folder, str(groups), Console(quiet)))
    list_samples(folder)  # says what is wrong with it now
    return LabelReview(folder, None)
