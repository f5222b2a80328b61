"""Which photographs a run began with, by their content: a run that goes on with others would be neither the one nor the
other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from handshape.data.messages import counted, some
from handshape.errors import RunError
from handshape.files import TEXT_LIMIT, read_regular, write_text
from handshape.workflow.dataset import Dataset
from handshape.workflow.run_folder import Run

NAMED = 5  # files of a kind


def keep_digests(run: Run, dataset: Dataset) -> None:
    """Writes the SHA-256 of each photograph into the run folder, as ``sha256sum`` does and checks with ``-c``."""
    write_text(run.digests, "".join(f"{_line(digest, path)}\n" for path, digest in dataset.report.digests.items()))


def require_same_photographs(run: Run, dataset: Dataset) -> None:
    """Passes where the photographs are those that the run began with; a run without digests passes too.

    Raises:
        RunError: some have changed, are gone, or are new; it names them.
    """
    try:
        lines = read_regular(run.digests, TEXT_LIMIT).decode().split("\n")[:-1]
    except FileNotFoundError:  # an earlier version began it
        return
    except (OSError, ValueError):
        raise RunError(f"{run.digests} cannot be read.", fix="Start a new run.") from None
    now = {_escaped(path): digest for path, digest in dataset.report.digests.items()}
    differences = _differences(dict(map(_parsed, lines)), now)
    if differences:
        raise RunError(
            f"The photographs are not those that {run.folder} began with: {'; '.join(differences)}.",
            f"the images that {run.digests} lists",
            "Start a new run, or put the photographs back as they were.",
        )


def _differences(began: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    kinds: tuple[tuple[str, Sequence[str]], ...] = (
        ("changed", [path for path, digest in began.items() if now.get(path, digest) != digest]),
        ("gone or unreadable", [path for path in began if path not in now]),
        ("new", [path for path in now if path not in began]),
    )
    return [f"{counted(len(paths), 'is', 'are')} {what} ({some(paths, NAMED)})" for what, paths in kinds if paths]


def _line(digest: str, path: str) -> str:
    escaped = _escaped(path)
    return (
        f"{'' if escaped == path else chr(92)}{digest}  {escaped}"  # a backslash in front says that there are escapes
    )


def _escaped(path: str) -> str:
    return path.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r")


def _parsed(line: str) -> tuple[str, str]:
    digest, _, path = line.removeprefix("\\").partition("  ")
    return path, digest
