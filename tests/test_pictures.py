"""Pictures in memory: which arrays are one, and what is said about those that are not."""

import numpy as np
import pytest

from handshape.errors import ImageError
from handshape.serving.pictures import photograph_of

COLOURS = np.random.default_rng(0).integers(0, 256, (6, 5, 3), np.uint8)
COLOURS[0, 0] = 255
GREYS = COLOURS[..., 0]


@pytest.mark.parametrize(
    ("array", "expected"),
    [
        (COLOURS, COLOURS),
        (COLOURS / 255, COLOURS),
        ((COLOURS / 255).astype(np.float32), COLOURS),
        ((COLOURS / 255).astype(np.float16), COLOURS),
        (COLOURS.astype(np.float32), COLOURS),
        (COLOURS.astype(np.float32) - (COLOURS == 255), COLOURS - (COLOURS == 255)),
        (GREYS, np.stack([GREYS] * 3, axis=2)),
        (GREYS[..., None] / 255, np.stack([GREYS] * 3, axis=2)),
        (np.zeros((4, 4, 3)), np.zeros((4, 4, 3))),
        (np.ones((4, 4, 3)), np.full((4, 4, 3), 255)),
        (np.dstack([COLOURS / 255, np.ones((6, 5))]), COLOURS),
    ],
)
def test_arrays_become_the_same_pixels(array: np.ndarray, expected: np.ndarray):
    before = array.copy()
    np.testing.assert_array_equal(photograph_of(array, 96).pixels, expected)
    np.testing.assert_array_equal(array, before)


@pytest.mark.parametrize(
    ("array", "happened", "fix"),
    [
        (COLOURS / 127.5 - 1, "values from -", "clip"),
        (COLOURS / 255 * 1.2, "to 1.2", "clip"),
        (COLOURS / 20.0, "to 12.75", "clip"),
        (COLOURS * 257.0, "to 65535", "clip"),
        (np.full((4, 4, 3), np.nan), "nan", "clip"),
        (np.full((4, 4, 3), np.inf), "inf", "clip"),
        (COLOURS.astype(np.int64), "int64 array (6, 5, 3)", "astype(numpy.uint8)"),
        (COLOURS.astype(np.uint16) * 257, "uint16 array", "astype(numpy.uint8)"),
        (GREYS > 127, "bool array", "astype(numpy.uint8)"),
        (COLOURS.transpose(2, 0, 1), "(3, 6, 5)", "transpose(1, 2, 0)"),
        (COLOURS[None] / 255, "(1, 6, 5, 3)", "recognize_all"),
        (np.zeros((0, 4, 3)), "(0, 4, 3)", ""),
        (COLOURS[..., :2], "(6, 5, 2)", ""),
    ],
)
def test_what_is_ambiguous_is_refused_with_a_remedy(array: np.ndarray, happened: str, fix: str):
    with pytest.raises(ImageError) as caught:
        photograph_of(array, 96)
    assert happened in caught.value.happened
    assert fix in caught.value.fix
    assert bool(fix) == bool(caught.value.fix)


def test_other_libraries_arrays_are_named():
    class Tensor:
        def __array__(self) -> np.ndarray:
            return COLOURS

    with pytest.raises(ImageError, match=r"of this Tensor\.(.|\n)*numpy\.asarray"):
        photograph_of(Tensor(), 96)  # type: ignore[arg-type]
