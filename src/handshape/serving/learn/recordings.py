"""Recorded frames on disk, as class folders that every other verb reads: CLASS/SIGNER, SESSION/0001.jpg.

``handshape check`` and ``handshape train`` work on the folder as it is. Whatever is asked for by a name or a path is
looked up among what lies there: nothing outside the folder is read, written or removed, links are not followed.
"""

from __future__ import annotations

import threading
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from handshape.errors import ImageError
from handshape.files import atomic_write, discard, require_disk_space
from handshape.images import decode, open_image
from handshape.serving.learn.names import BETWEEN, RefusedError, key_of, name_of
from handshape.serving.learn.tables import LABELS, SIGNERS, add_signers, follow, require_signers, signers_of

IMAGES = (".jpg", ".jpeg", ".png")
SPARE = 200_000_000  # bytes that stay free on the disk
REMEDY = "choose another place with --recordings"
_ENDING = ".jpg"


@dataclass(frozen=True)
class Bounds:
    """What is refused beyond."""

    classes: int = 200
    frames: int = 2_000  # of one class
    bytes: int = 2_000_000_000  # of all recordings
    frame_bytes: int = 2_000_000
    pixels: int = 4_000_000  # of one frame; cameras of pages give one or two million
    least_side: int = 64  # pixels


@dataclass(frozen=True)
class Session:
    """What one person recorded of a class at one time.

    Attributes:
        folder: below the class; "" for images that lie in the class folder itself.
        name: what its user calls it.
        signer: who signed; "" where nobody said.
        frames: names of the files, in order.
    """

    folder: str
    name: str
    signer: str
    frames: tuple[str, ...]


@dataclass(frozen=True)
class Recorded:
    """A class, and what was recorded of it."""

    name: str
    sessions: tuple[Session, ...]

    @property
    def frames(self) -> int:
        """How many there are."""
        return sum(len(session.frames) for session in self.sessions)

    def as_dict(self) -> dict[str, Any]:
        """For JSON; ``shown`` is a frame from the middle of each session, as a path."""
        return {
            "name": self.name,
            "frames": self.frames,
            "sessions": [
                {
                    "name": each.name,
                    "folder": each.folder,
                    "signer": each.signer,
                    "frames": len(each.frames),
                    "shown": _joined(self.name, each.folder, each.frames[len(each.frames) // 2]),
                }
                for each in self.sessions
            ],
        }


class Recordings:
    """The recordings in one folder, which is made when there is something to keep.

    Args:
        root: the folder.
        bounds: of what is kept.
    """

    def __init__(self, root: Path, bounds: Bounds | None = None) -> None:
        self.root = root
        self.bounds = bounds or Bounds()
        self._lock = threading.RLock()

    def classes(self) -> list[Recorded]:
        """Every class that has a frame, in the order of names."""
        with self._lock:
            signers = signers_of(self.root)
            found = [_recorded(folder, signers) for folder in _folders(self.root)]
        return sorted((each for each in found if each.frames), key=lambda each: key_of(each.name))

    def size(self) -> int:
        """Bytes of all frames."""
        return sum(file.stat().st_size for file in self._files())

    def add(self, label: str, session: str, signer: str, frames: Sequence[bytes]) -> list[str]:
        """Keeps frames, each the bytes of a JPEG; their paths.

        Raises:
            RefusedError: a name cannot be one, a frame is none, or there are too many.
            RunError: the disk refuses.
        """
        label, folder = name_of(label, "class"), _session_folder(session, signer)
        for frame in frames:
            self._require_frame(frame)
        with self._lock:
            self._require_room(label, frames)
            require_signers(self.root)
            place = self.root / label / folder
            if place.is_symlink() or place.parent.is_symlink():
                raise _not_found(label)
            first = 1 + max((int(name) for name in _numbered(place)), default=0)
            paths = []
            for number, frame in enumerate(frames, first):
                file = place / f"{number:04d}{_ENDING}"
                with atomic_write(file, REMEDY) as partial:
                    partial.write_bytes(frame)
                paths.append(_joined(label, folder, file.name))
            add_signers(self.root, paths, name_of(signer, "signer"))
        return paths

    def file(self, path: str) -> Path:
        """Where a frame lies, by the path that it was kept under.

        Raises:
            RefusedError: there is none.
        """
        label, *between, name = path.split("/") if path.count("/") in (1, 2) else ("", "")
        place = self._class(label) / self._session(label, between[0] if between else "")
        if name not in _images(place):
            raise _not_found(path)
        return place / name

    def rename(self, label: str, new: str) -> str:
        """Gives a class another name; the name as it is stored.

        Raises:
            RefusedError: there is no such class, the name cannot be one, or is taken.
        """
        new = name_of(new, "class")
        with self._lock:
            folder = self._class(label)
            if new == label:
                return new
            self._require_free(new, but=label)
            folder.rename(self.root / new)
            head = f"{label}/"
            follow(self.root, lambda path: f"{new}/{path.removeprefix(head)}" if path.startswith(head) else path)
        return new

    def delete(self, label: str, session: str | None = None) -> None:
        """Removes a class, or one of its sessions, by the name of its folder.

        Raises:
            RefusedError: there is none.
        """
        with self._lock:
            folder = self._class(label)
            if session is not None:
                folder = folder / self._session(label, session)
            head = folder.relative_to(self.root).as_posix() + "/"
            if session == "":  # frames that lie in the class folder itself
                self._delete_files([f"{label}/{name}" for name in _images(folder)])
                return
            discard(folder)
            follow(self.root, lambda path: None if path.startswith(head) else path)
            self._tidy(label)

    def delete_frames(self, paths: Sequence[str]) -> None:
        """Removes frames, such as those of a burst that went wrong.

        Raises:
            RefusedError: one of them is not there; then all stay.
        """
        with self._lock:
            for path in paths:
                self.file(path)
            self._delete_files(paths)

    def pack(self, target: Path) -> None:
        """Writes everything as one zip of class folders, with the tables beside them.

        Raises:
            RunError: the disk refuses.
        """
        require_disk_space(target.parent, self.size() + SPARE, "free some space")
        with self._lock, zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:  # frames are compressed already
            tables = [file for name in (SIGNERS, LABELS) if (file := self.root / name).is_file()]
            for file in (*tables, *self._files()):
                archive.write(file, file.relative_to(self.root).as_posix())

    def _delete_files(self, paths: Sequence[str]) -> None:
        gone = set(paths)
        for path in paths:
            self.file(path).unlink()
        follow(self.root, lambda path: None if path in gone else path)
        for label in {path.partition("/")[0] for path in paths}:
            self._tidy(label)

    def _tidy(self, label: str) -> None:
        """Removes the folders of a class that hold nothing any more."""
        folder = self.root / label
        for place in (*_folders(folder), folder):
            if place.is_dir() and not any(place.iterdir()):
                place.rmdir()

    def _files(self) -> list[Path]:
        places = [place for folder in _folders(self.root) for place in (folder, *_folders(folder))]
        return [place / name for place in places for name in _images(place)]

    def _class(self, label: str) -> Path:
        if label not in [folder.name for folder in _folders(self.root)]:
            raise _not_found(label)
        return self.root / label

    def _session(self, label: str, folder: str) -> str:
        if folder and folder not in [place.name for place in _folders(self.root / label)]:
            raise _not_found(f"{label}/{folder}")
        return folder

    def _require_free(self, label: str, but: str = "") -> None:
        """Passes where no other class has a name that file systems or people take for this one."""
        for folder in _folders(self.root):
            if folder.name not in (label, but) and key_of(folder.name) == key_of(label):
                message = f"There is a class {folder.name} already, which is nearly the same name."
                raise RefusedError("name_clash", message, "names that differ in more than case", f"Use {folder.name}.")
        if but and (self.root / label).exists() and key_of(label) != key_of(but):
            raise RefusedError("name_taken", f"There is a class {label} already.", "a name that is free")

    def _require_room(self, label: str, frames: Sequence[bytes]) -> None:
        self._require_free(label)
        known = {each.name: each.frames for each in self.classes()}
        coming, bounds = sum(map(len, frames)), self.bounds
        if len(known | {label: 0}) > bounds.classes:
            raise _too_much(f"There are {len(known)} classes.", f"at most {bounds.classes} classes")
        if known.get(label, 0) + len(frames) > bounds.frames:
            raise _too_much(f"{label} has {known.get(label, 0)} frames.", f"at most {bounds.frames} frames of a class")
        if self.size() + coming > bounds.bytes:
            raise _too_much("The recordings are too large.", f"at most {bounds.bytes / 1e6:.0f} MB")
        require_disk_space(self.root, coming + SPARE, REMEDY)

    def _require_frame(self, frame: bytes) -> None:
        bounds = self.bounds
        if len(frame) > bounds.frame_bytes:
            raise _too_much("A frame is too large.", f"at most {bounds.frame_bytes / 1e6:g} MB a frame")
        expected = f"JPEG, {bounds.least_side} pixels a side or more, at most {bounds.pixels / 1e6:g} megapixels"
        try:
            picture = open_image(frame)
            width, height = picture.size
            is_right = picture.format == "JPEG" and min(width, height) >= bounds.least_side
            if not is_right or width * height > bounds.pixels:
                raise RefusedError("bad_frame", f"A frame is {picture.format}, {width} x {height} pixels.", expected)
            decode(picture)
        except ImageError as error:
            raise RefusedError("bad_frame", error.happened, expected) from None


def _recorded(folder: Path, signers: dict[str, str]) -> Recorded:
    sessions = []
    for place in (folder, *_folders(folder)):
        frames = _images(place)
        inner = "" if place == folder else place.name
        signer, _, name = inner.rpartition(BETWEEN)
        if frames:
            said = signers.get(_joined(folder.name, inner, frames[0]), signer)
            sessions.append(Session(inner, name, said, tuple(frames)))
    return Recorded(folder.name, tuple(sessions))


def _session_folder(session: str, signer: str) -> str:
    return f"{name_of(signer, 'signer')}{BETWEEN}{name_of(session, 'session')}"


def _joined(*parts: str) -> str:
    return "/".join(part for part in parts if part)


def _folders(place: Path) -> list[Path]:
    """Folders right below; none that are hidden, or lead elsewhere."""
    if not place.is_dir():
        return []
    inner = [path for path in place.iterdir() if path.is_dir() and not path.is_symlink()]
    return sorted(path for path in inner if not path.name.startswith("."))


def _images(place: Path) -> list[str]:
    """Names of the images right below; none that are hidden, or lead elsewhere."""
    if not place.is_dir():
        return []
    files = [path for path in place.iterdir() if path.suffix.lower() in IMAGES and not path.name.startswith(".")]
    return sorted(path.name for path in files if path.is_file() and not path.is_symlink())


def _numbered(place: Path) -> list[str]:
    return [stem for name in _images(place) if (stem := Path(name).stem).isdecimal() and stem.isascii()]


def _not_found(path: str) -> RefusedError:
    return RefusedError("not_found", f"There is no recording {path!r}.", "one that GET /v1/recordings lists")


def _too_much(happened: str, expected: str) -> RefusedError:
    return RefusedError("too_much", happened, expected, "Delete some recordings, or keep them elsewhere.")
