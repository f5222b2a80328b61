"""Names of classes, sessions and signers that become names of folders, on every system and inside their folder."""

from __future__ import annotations

import re
import unicodedata

from handshape.errors import HandshapeError
from handshape.model.decisions import NO_HAND, UNKNOWN

LONGEST = 60  # characters
LONGEST_BYTES = 180  # in UTF-8: file systems take 255, and temporary names are longer
BETWEEN = ", "  # between signer and session in the name of a session's folder
_FORBIDDEN = re.compile(r'[/\\:*?"<>|]')
_DEVICES = re.compile(r"(?i)(con|prn|aux|nul|clock\$|com[0-9¹²³]|lpt[0-9¹²³])(\..*)?")  # of Windows, with any ending
_PARTS = re.compile(  # of data sets; a class of such a name would be taken for one
    r"(?i)(.*[\W_])?((train|test|valid|sample|holdout|subset|unlabel).*|(val|dev|eval|trn|tst)([\W_].*)?)"
)
_ANSWERS = (UNKNOWN, NO_HAND)
_OF_TABLES = ("signers.csv", "labels.csv")  # that lie beside the folders of classes
_OF_SYSTEMS = (  # folders that systems leave behind, and whoever reads class folders passes over
    *("thumbs.db", "ehthumbs.db", "desktop.ini", "__macosx", "__pycache__", "lost+found"),
    *("@eadir", "#recycle", "$recycle.bin", "system volume information"),
)


class RefusedError(HandshapeError):
    """Something about recordings that is not done as asked.

    Args:
        code: one word for programs.
        happened: what went wrong.
        expected: what would have been right.
        fix: what to do now.
    """

    def __init__(self, code: str, happened: str, expected: str = "", fix: str = "") -> None:
        super().__init__(happened, expected, fix)
        self.code = code


def name_of(text: str, kind: str) -> str:
    """A name as it is stored: NFC, without spaces around it.

    Args:
        text: what somebody typed.
        kind: "class", "session" or "signer".

    Raises:
        RefusedError: it cannot be the name of a folder, or says something else to who reads the folder.
    """
    name = unicodedata.normalize("NFC", text).strip()
    fault = _fault(name) or (_fault_of_class(name) if kind == "class" else _fault_of_part(name, kind))
    if fault:
        expected = f'1 to {LONGEST} letters, digits, spaces and signs, without / \\ : * ? " < > |'
        raise RefusedError(
            "bad_name", f"This cannot be the name of a {kind}: {fault}.", expected, "Choose another name."
        )
    return name


def key_of(name: str) -> str:
    """What names share that some file systems, or people, take for the same."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFKC", name).casefold())


def _fault(name: str) -> str:
    if not name:
        return "it is empty"
    if len(name) > LONGEST or len(name.encode("utf-8", "surrogatepass")) > LONGEST_BYTES:
        return "it is too long"
    if any(unicodedata.category(letter).startswith("C") for letter in name):
        return "it holds characters that nobody sees"
    if _FORBIDDEN.search(name):
        return "it holds a character that file names cannot have"
    if name.startswith(".") or name.endswith("."):
        return "it begins or ends with a dot"
    return "Windows keeps it for a device" if _DEVICES.fullmatch(name) else ""


def _fault_of_class(name: str) -> str:
    if key_of(name) in _ANSWERS:
        return "it is what is answered where no sign is seen"
    if key_of(name) in _OF_TABLES:
        return "a table beside the handshapes is called so"
    if key_of(name) in _OF_SYSTEMS:
        return "systems call a folder of their own so, which training passes over"
    return "it is what parts of a data set are called" if _PARTS.fullmatch(name) else ""


def _fault_of_part(name: str, kind: str) -> str:
    return "a comma stands between signer and session" if kind == "signer" and BETWEEN.strip() in name else ""
