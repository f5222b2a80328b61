"""Films among photographs: which frame follows which, and the name by which the cache knows its hand.

The hand of a frame is found from its neighbour's, and so depends on it, and on the one before that. Films are therefore
cut by content, at about every sixteenth frame: where a frame is found anew depends neither on its place in the list nor
on how many processes search. Its name in the cache says all that it depends on: equal names, equal hands.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np

from handshape.hands.cache import Digest
from handshape.hands.inputs import Photograph

ALIKE = 10.0  # grey levels that a frame and the next differ by at most, in the mean over their thumbnails
PART = 16  # frames of a film, on average, of which the first is found anew
FRAME_BYTES = 1_000_000  # larger files are single photographs: nobody needs to send many of them together


@dataclass(frozen=True, eq=False)
class Frame:
    """A photograph, and what its hand depends on.

    Attributes:
        photograph: it.
        key: by which the cache knows its hand.
        follows: whether its hand is found from that of the photograph before it.
    """

    photograph: Photograph
    key: Digest
    follows: bool


def frame_after(before: Frame | None, photograph: Photograph) -> Frame:
    """The next photograph of a list; ``before`` is the one before it, None at the beginning."""
    if before is None or not _follows(before.photograph, photograph):
        return Frame(photograph, photograph.digest, False)
    return Frame(photograph, key_after(before.key, before.photograph.digest, photograph.digest), True)


def key_after(key: Digest, before: Digest, digest: Digest) -> Digest:
    """The name of a hand that is found from the one named ``key``; a copy's is that of the same photograph.

    Args:
        key: of the hand of the photograph before.
        before: the digest of that photograph.
        digest: of this one.
    """
    return key if digest == before else hashlib.sha256(b"after" + key + digest).digest()


def is_found_anew(digest: Digest, size: int) -> bool:
    """Whether a file of ``size`` bytes follows no other, whatever that one shows."""
    return digest[0] % PART == 0 or size > FRAME_BYTES


def look_of(thumbnail: bytes, size: int) -> bytes:
    """What a file of ``size`` bytes is compared with its neighbours by; empty where it is compared with none."""
    return thumbnail if size <= FRAME_BYTES else b""


def _follows(before: Photograph, photograph: Photograph) -> bool:
    if not (before.look and photograph.look) or is_found_anew(photograph.digest, 0):
        return False
    if (before.pixels.shape, before.scale) != (photograph.pixels.shape, photograph.scale):
        return False
    looks = [np.frombuffer(each.look, np.uint8).astype(np.int16) for each in (before, photograph)]
    return bool(np.abs(looks[0] - looks[1]).mean() <= ALIKE)
