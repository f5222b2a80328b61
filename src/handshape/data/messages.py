"""Counts and lists of names in messages."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import PurePath

_HINTS = (  # what files are that are no photographs, and what to do about them
    (
        (".mp4", ".mov", ".avi", ".mkv", ".webm", ".m4v", ".3gp", ".mts"),
        "take frames of videos: ffmpeg -i VIDEO -r 2 %04d.jpg",
    ),
    ((".zip", ".tar", ".gz", ".tgz", ".7z", ".rar"), "unpack archives"),
    (
        (".npy", ".npz", ".mat", ".h5", ".hdf5", ".pkl", ".pickle", ".pt", ".tfrecord", ".parquet"),
        "save arrays as pictures",
    ),
    (
        (
            ".cr2",
            ".cr3",
            ".nef",
            ".arw",
            ".dng",
            ".raf",
            ".orf",
            ".rw2",
            ".psd",
            ".svg",
            ".jp2",
            ".jxl",
            ".ppm",
            ".pgm",
        ),
        "convert pictures of other formats to JPEG or PNG",
    ),
)


def counted(count: int, one: str, many: str) -> str:
    """The count with the words that fit it."""
    return f"{count:,} {one if count == 1 else many}"


def some(names: Sequence[str], first: int = 3, between: str = ", ") -> str:
    """The first few names, and how many more there are."""
    more = len(names) - first
    return between.join(names[:first]) + (f" and {more:,} more" if more > 0 else "")


def endings(paths: Sequence[str]) -> str:
    """How many files of which endings these are, the most frequent first."""
    kinds = Counter(PurePath(path).suffix.lower() or "no ending" for path in paths)
    return some([f"{count:,} {kind}" for kind, count in kinds.most_common()])


def what_to_do_with(paths: Sequence[str]) -> str:
    """What makes photographs of files that are none; "" where nobody knows."""
    found = {PurePath(path).suffix.lower() for path in paths}
    return "; ".join(hint for kinds, hint in _HINTS if found & set(kinds))


def left_out_in_words(paths: Sequence[str]) -> str:
    """What to say of files that are left out, because they are no images by their names."""
    what = (
        f"{counted(len(paths), 'file is', 'files are')} left out, no image by name ({endings(paths)}): {some(paths)}."
    )
    hint = what_to_do_with(paths)
    return f"{what} {hint[0].upper()}{hint[1:]}." if hint else what
