"""Public sets of photographs of hand signs: what is known of each, and a folder of it that can be trained on.

Their publishers give no hash, so what arrives is told by what is known without one: how many photographs a class has,
and that all of them can be decoded. The digest of all contents tells whether two people have the same.
"""

from __future__ import annotations

import hashlib
import re
import string
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path, PurePosixPath

from handshape.console import Console
from handshape.data.messages import some
from handshape.downloads import cache_folder, fetch, is_offline
from handshape.errors import DataError, DownloadError, ImageError, RunError, RuntimeUnavailableError
from handshape.files import atomic_folder, require_disk_space, why
from handshape.images import EXTENSIONS, read_image
from handshape.machine import is_installed
from handshape.suggestions import did_you_mean
from handshape.workflow.unpacking import Packed, opened, require_room_for

SOURCE, SIGNERS = "SOURCE.md", "signers.csv"
NO_HASH = "Its publisher gives no hash; compare the digest of the photographs with somebody else's (--sha256)."
SIGN_IN = 'python -c "import kagglehub; kagglehub.login()", with a token from https://www.kaggle.com/settings'
REMEDY = "name another FOLDER"
PLAIN_NAME = re.compile(r"[A-Za-z0-9][\w.-]{0,100}", re.ASCII)

Signers = Callable[[Sequence[str]], dict[str, str]]


@dataclass(frozen=True)
class PublicSet:
    """A set that others publish.

    Attributes:
        name: in Handshape.
        shows: what the photographs show.
        counts: photographs a class.
        licence: its name, and where it was read.
        page: where people find it.
        who: what is known of who signed it.
        means: what a test on it says, and what it does not.
        holder: the folder that holds the class folders.
        url: of a zip; "" where Kaggle has it.
        kaggle: its name there; "" where it is elsewhere.
        signers: who signed which photograph, by path; None where one person signed all, or nobody knows.
    """

    name: str
    shows: str
    counts: Mapping[str, int]
    licence: str
    page: str
    who: str
    means: str
    holder: str
    url: str = ""
    kaggle: str = ""
    signers: Signers | None = None

    @property
    def photographs(self) -> int:
        """How many there are."""
        return sum(self.counts.values())


@dataclass(frozen=True)
class Gotten:
    """A set on this machine.

    Attributes:
        folder: where it lies.
        photographs: how many.
        signers: how many people signed it; None where nobody knows who signed what.
        sha256: the digest of all photographs.
    """

    folder: Path
    photographs: int
    signers: int | None
    sha256: str


def signers_in_rounds(paths: Sequence[str]) -> dict[str, str]:
    """Who signed which digit: in the order of the numbers of IMG_nnnn, a digit that comes again begins a new person.

    It makes 209 people of the 2,062 photographs of 218: a few people left digits out.
    """
    signers: dict[str, str] = {}
    seen: set[str] = set()
    person = 1
    for path in sorted(paths, key=lambda path: (int(re.sub(r"\D", "", PurePosixPath(path).name) or 0), path)):
        label = path.partition("/")[0]
        if label in seen:
            person, seen = person + 1, set()
        seen.add(label)
        signers[path] = f"signer_{person:03}"
    return signers


DIGITS = PublicSet(
    name="digits",
    shows="digits 0 to 9, one hand before a plain wall, 100x100 pixels",
    counts=dict(zip(string.digits, (205, 206, 206, 206, 207, 207, 207, 206, 208, 204), strict=True)),
    licence="Apache-2.0 (LICENSE in its repository)",
    page="https://github.com/ardamavi/Sign-Language-Digits-Dataset",
    who="218 students of Ankara Ayrancı Anadolu High School; the order of the file names tells 209 of them apart",
    means="Its plain walls are easy: a test by signers says how the model does on other people before such walls.",
    holder="Dataset",
    url="https://github.com/ardamavi/Sign-Language-Digits-Dataset/archive/refs/heads/master.zip",
    signers=signers_in_rounds,
)
ASL_ALPHABET = PublicSet(
    name="asl-alphabet",
    shows="letters A to Z of American fingerspelling, del, nothing and space, 200x200 pixels",
    counts=dict.fromkeys((*string.ascii_uppercase, "del", "nothing", "space"), 3000),
    licence="GPL-2.0, according to others who use it: read it on its page before you fetch it",
    page="https://www.kaggle.com/datasets/grassknoted/asl-alphabet",
    who="one person",
    means="These are frames of films of one person, and neighbours look alike: 99 % right on frames that were kept "
    "out says nothing about other people. Measure on photographs of others: handshape evaluate RUN OTHER_PHOTOS",
    holder="asl_alphabet_train",
    kaggle="grassknoted/asl-alphabet",
)
SETS = {each.name: each for each in (DIGITS, ASL_ALPHABET)}


def set_named(name: str) -> PublicSet:
    """The set of a name.

    Raises:
        DataError: there is none.
    """
    if name not in SETS:
        fix = did_you_mean(name, SETS) or "handshape data list"
        raise DataError(f"There is no public set {name!r}.", f"one of {', '.join(SETS)}", fix)
    return SETS[name]


def require_free(folder: Path) -> None:
    """Passes where nothing would be overwritten.

    Raises:
        RunError: the folder holds something, or is no folder.
    """
    if folder.is_symlink() or (folder.exists() and not (folder.is_dir() and not any(folder.iterdir()))):
        raise RunError(f"There is already something at {folder}.", "a new or empty folder", f"{REMEDY}.".capitalize())


def get_set(public: PublicSet, folder: Path, console: Console, source: str = "", sha256: str = "") -> Gotten:
    """The photographs of a set, one folder a class, with who signed them, as far as that is known.

    Args:
        public: what to get.
        folder: a new or empty one.
        console: shows the progress.
        source: a zip or folder that is here already, or the URL of a zip; "" fetches what is published.
        sha256: what the digest of all photographs must be; "" compares it with nothing.

    Raises:
        DataError: the source is not there.
        DownloadError: what arrived is not the set.
        RunError: the folder is taken, or there is no room.
        RuntimeUnavailableError: kagglehub is not installed.
    """
    require_free(folder)
    with _source(public, source, console) as place, opened(place) as files:
        wanted = _wanted(public, files, source or public.page)
        require_disk_space(folder, require_room_for(list(wanted.values()), place), REMEDY)
        with atomic_folder(folder, REMEDY, stays=lambda: True) as fresh:
            digest = _write(wanted, fresh, console)
            if sha256 and digest != sha256.lower():
                raise DownloadError(
                    f"The photographs are not those with this digest; theirs is {digest}.",
                    sha256,
                    "Ask who gave you the digest where theirs came from.",
                )
            signers = _write_signers(public, sorted(wanted), fresh)
            about = _about(public, source, digest)
            (fresh / SOURCE).write_text(about, encoding="utf-8")
    if not (folder / SOURCE).is_file() or (folder / SOURCE).read_text(encoding="utf-8") != about:
        require_free(folder)  # somebody else was faster
    return Gotten(folder, len(wanted), signers, digest)


@contextmanager
def _source(public: PublicSet, source: str, console: Console) -> Iterator[Path]:
    """The zip or folder with the photographs; what was fetched for nothing else goes when it is unpacked."""
    url = source if re.match("https?://", source) else public.url * (not source)
    if url:
        with _downloaded(url, console) as file:
            yield file
    elif source:
        if not Path(source).exists():
            raise DataError(f"There is no file {source}.", "a zip, a folder or a URL", "Check the spelling.")
        yield Path(source)
    else:
        yield _from_kaggle(public.kaggle, console)


@contextmanager
def _downloaded(url: str, console: Console) -> Iterator[Path]:
    file = cache_folder() / "sets" / f"{hashlib.sha256(url.encode()).hexdigest()[:16]}.zip"
    console.status("download", f"Fetching {url}")
    fetch(url, file, console, label="Fetching photographs")
    try:
        yield file
    except (DataError, DownloadError):  # it is not the set, and would not be the next time
        file.unlink(missing_ok=True)
        raise
    file.unlink(missing_ok=True)


def _from_kaggle(handle: str, console: Console) -> Path:
    """The folder in kagglehub's own cache; that resumes and keeps what it fetched."""
    by_hand = f"or fetch the zip from its page and name it: handshape data get {handle.partition('/')[2]} --from ZIP"
    if is_offline():
        raise DownloadError("Kaggle is not asked: HANDSHAPE_OFFLINE forbids the network.", fix="Unset it, " + by_hand)
    if not is_installed("kagglehub"):
        raise RuntimeUnavailableError(
            "This set comes from Kaggle: pip install kagglehub",
            fix=f"Where Kaggle wants to know you: {SIGN_IN}; {by_hand}",
        )
    console.status("download", f"Fetching {handle} from Kaggle")
    try:
        with redirect_stdout(sys.stderr):
            return Path(str(import_module("kagglehub").dataset_download(handle)))
    except Exception as error:  # of its own, of HTTP, of the disk
        raise DownloadError(
            f"Kaggle did not give {handle}: {why(error)}.",
            "a network, and a user whom Kaggle knows",
            f"Sign in: {SIGN_IN}; {by_hand}",
        ) from None


def _wanted(public: PublicSet, files: Sequence[Packed], source: str) -> dict[str, Packed]:
    """The set's photographs by the path that each will have.

    Raises:
        DownloadError: a class has more or fewer than are known.
    """
    wanted: dict[str, Packed] = {}
    for file in files:
        *_, holder, label, name = ("", "", *PurePosixPath(file.path).parts)
        is_image = PurePosixPath(name).suffix.lower() in EXTENSIONS and PLAIN_NAME.fullmatch(name)
        if not (is_image and label in public.counts and holder in (public.holder, "")):
            continue
        if wanted.setdefault(f"{label}/{name}", file) is not file:
            raise _other_content(source, f"{label}/{name} is in it twice", "each once")
    found = Counter(path.partition("/")[0] for path in wanted)
    wrong = [f"{found[label]:,} of {label}" for label, count in public.counts.items() if found[label] != count]
    if wrong:
        known = some([f"{count:,} of {label}" for label, count in public.counts.items() if found[label] != count])
        raise _other_content(source, f"it holds {some(wrong)}", f"{known}; {public.photographs:,} photographs together")
    return dict(sorted(wanted.items()))


def _write(wanted: Mapping[str, Packed], folder: Path, console: Console) -> str:
    """Writes photographs that can all be decoded, and returns the digest of all: of what sha256sum says of each."""
    digest = hashlib.sha256()
    for label in sorted({path.partition("/")[0] for path in wanted}):
        (folder / label).mkdir()
    for path in console.track(list(wanted), "Unpacking"):
        content = wanted[path].read()
        try:
            read_image(content)
        except ImageError as error:
            raise DownloadError(f"{path} is damaged. {error.happened}", "photographs that can all be read") from None
        (folder / path).write_bytes(content)
        digest.update(f"{hashlib.sha256(content).hexdigest()}  {path}\n".encode())
    return digest.hexdigest()


def _write_signers(public: PublicSet, paths: Sequence[str], folder: Path) -> int | None:
    if public.signers is None:
        return None
    signers = public.signers(paths)
    lines = ["path,signer", *(f"{path},{signers[path]}" for path in paths)]
    (folder / SIGNERS).write_text("\n".join(lines) + "\n", encoding="utf-8")
    return len(set(signers.values()))


def _about(public: PublicSet, source: str, digest: str) -> str:
    """What lies in the folder, for whoever finds it later."""
    came = source or (f"Kaggle, {public.kaggle}" if public.kaggle else public.url)
    return f"""# {public.name}

- What: {public.shows}; {public.photographs:,} photographs in {len(public.counts)} classes
- Licence: {public.licence}
- Published at: {public.page}
- Came from: {came}
- When: {datetime.now(UTC).isoformat(timespec="microseconds")}
- Who signed: {public.who}
- Digest of the photographs (SHA-256): {digest}

{public.means}

The publisher gives no hash. Who has the same digest has the same photographs; it is made by

    find . -mindepth 2 -type f | sed 's|^\\./||' | LC_ALL=C sort | xargs -d '\\n' sha256sum | sha256sum
"""


def _other_content(source: str, happened: str, expected: str) -> DownloadError:
    return DownloadError(
        f"What came from {source} is not the set that is known here: {happened}.",
        expected,
        "Where its publisher changed it, unpack it yourself and train on that folder.",
    )
