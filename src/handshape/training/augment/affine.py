"""Random rotation, zoom, shear, shift and mirroring, composed into one affine map an image."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from handshape.config import AugmentationSettings

UNMOVED = np.array([1, 0, 0, 0, 1, 0, 0, 0], np.float32)  # the map of an image that stays as it is


def draw_affines(
    rng: np.random.Generator,
    count: int,
    size: int,
    settings: AugmentationSettings,
    is_right: NDArray[np.bool_] | None = None,
) -> NDArray[np.float32]:
    """Draws one map an image, from output to input pixels.

    Args:
        rng: decides every one of them.
        count: of images.
        size: their side in pixels.
        settings: how far to go.
        is_right: [count], crops of right hands: never mirrored, and shifted half as far, being in the middle.

    Returns:
        [count, 8] float32: the first eight entries, row by row, of a 3x3 homogeneous matrix, as
        ``keras.ops.image.affine_transform`` takes it.
    """
    angle = np.deg2rad(rng.uniform(-settings.rotation_range, settings.rotation_range, count))
    shear = rng.uniform(-settings.shear_range, settings.shear_range, count)
    zoom_x, zoom_y = rng.uniform(1 - settings.zoom_range, 1 + settings.zoom_range, (2, count))
    shift_x = rng.uniform(-settings.width_shift_range, settings.width_shift_range, count) * size
    shift_y = rng.uniform(-settings.height_shift_range, settings.height_shift_range, count) * size
    mirrored = rng.random(count) < 0.5 if settings.horizontal_flip else np.zeros(count, bool)
    if is_right is not None:
        mirrored &= ~is_right
        shift_x, shift_y = (np.where(is_right, shift / 2, shift) for shift in (shift_x, shift_y))

    cos, sin = np.cos(angle), np.sin(angle)
    sign = np.where(mirrored, -1.0, 1.0)
    a0, a1 = sign * zoom_x * cos, zoom_y * (shear * cos - sin)
    b0, b1 = sign * zoom_x * sin, zoom_y * (shear * sin + cos)
    centre = (size - 1) / 2
    a2 = centre - a0 * centre - a1 * centre + shift_x
    b2 = centre - b0 * centre - b1 * centre + shift_y
    zero = np.zeros(count)
    return np.stack([a0, a1, a2, b0, b1, b2, zero, zero], axis=1).astype(np.float32)


def warp(images: NDArray[np.uint8], affines: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Applies one map an image, bilinear; beyond the border the nearest pixel repeats.

    Args:
        images: [N, S, S, 3] uint8.
        affines: [N, 8] from :func:`draw_affines`.

    Returns:
        [N, S, S, 3].
    """
    import keras

    return np.asarray(keras.ops.convert_to_numpy(moved(images, affines)))


def moved(images: Any, affines: Any) -> Any:
    """:func:`warp` for Keras' own arrays."""
    import keras

    return keras.ops.image.affine_transform(images, affines, interpolation="bilinear", fill_mode="nearest")
