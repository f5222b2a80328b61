"""Handshape: from a folder of photographs of hand signs to a recogniser that works on people it has never seen."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from handshape.serving.recognizer import Recognizer

__version__ = "0.1.0"


def load(model: str | Path) -> Recognizer:
    """What recognises handshapes in photographs: ``handshape.load("asl@production").recognize("photo.jpg")``.

    Args:
        model: a run folder, a bundle folder, the zip of one, or the name of a registered model, such as ``asl``,
            ``asl@3`` or ``asl@production``.

    Raises:
        ModelError: it stands for no model, or for a damaged one.
    """
    from handshape.console import Console
    from handshape.registry import resolve
    from handshape.serving.recognizer import recognizer_of

    return recognizer_of(resolve(model), Console(quiet=True))
