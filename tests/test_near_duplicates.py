from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from conftest import encoded
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageEnhance

from handshape.data.near_duplicates import (
    NEAR_DUPLICATE,
    SIDE,
    Clusters,
    Thumbnails,
    clustered,
    near_duplicate_share,
    seen_before,
    similarity,
    thumbnail,
)
from handshape.data.samples import list_samples
from handshape.images import read_image


def picture(seed: int, side: int = 96) -> Image.Image:
    """Large soft patches, as photographs have them."""
    noise = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), np.uint8)
    return Image.fromarray(noise).resize((side, side), Image.Resampling.BICUBIC)


def recompressed(image: Image.Image) -> Image.Image:
    return read_image(encoded(image, "JPEG", quality=40))


COPIES = {
    "recompressed": recompressed,
    "smaller": lambda image: image.resize((77, 77)),
    "halved": lambda image: image.resize((48, 48)),
    "brighter": lambda image: ImageEnhance.Brightness(image).enhance(1.15),
    "paler": lambda image: ImageEnhance.Contrast(image).enhance(0.8),
}


@pytest.mark.parametrize("name", COPIES)
def test_copies_are_found_and_nothing_else(name: str) -> None:
    pictures = [picture(seed) for seed in range(30)]
    found = similarity([*map(thumbnail, pictures), *(thumbnail(COPIES[name](image)) for image in pictures[:5])])
    assert found.near_duplicates.tolist() == [*range(30), *range(5)]
    assert found.embeddings.dtype == np.float32
    assert np.allclose(np.linalg.norm(found.embeddings, axis=1), 1, atol=1e-5)


def test_the_room_behind_the_hand_does_not_make_pictures_alike() -> None:
    room = np.asarray(picture(0))
    shots = []
    for seed in range(20):
        shot = room.copy()
        shot[36:60, 36:60] = np.asarray(picture(100 + seed, 24))
        shots.append(thumbnail(Image.fromarray(shot)))
    assert len(set(similarity(shots).near_duplicates)) == 20


@pytest.mark.parametrize("count", [0, 1, 2])
def test_sets_of_hardly_any_pictures(count: int) -> None:
    found = similarity([thumbnail(picture(seed)) for seed in range(count)])
    assert found.near_duplicates.tolist() == found.same.tolist() == list(range(count))


def test_pictures_of_one_colour_are_alike() -> None:
    plain = [thumbnail(Image.new("RGB", (40, 30), (level, level, level))) for level in (0, 90, 255)]
    assert similarity(plain).near_duplicates.tolist() == [0, 0, 0]


def test_share_counts_test_images_with_a_copy_in_training() -> None:
    views = [thumbnail(picture(seed)) for seed in range(10)]
    embeddings = similarity([*views, *(thumbnail(recompressed(picture(seed))) for seed in (0, 1, 2))]).embeddings
    assert near_duplicate_share(embeddings[10:], embeddings[:10]) == 1.0
    assert near_duplicate_share(embeddings[:10], embeddings[10:]) == 0.3
    assert near_duplicate_share(embeddings[:5], embeddings[5:10]) == 0.0
    assert near_duplicate_share(embeddings[:0], embeddings) == near_duplicate_share(embeddings, embeddings[:0]) == 0.0


def stacked(pictures: list[Image.Image]) -> Thumbnails:
    return np.frombuffer(b"".join(map(thumbnail, pictures)), np.uint8).reshape(len(pictures), SIDE * SIDE)


@pytest.mark.parametrize("name", COPIES)
def test_copies_of_another_set_were_seen_before(name: str) -> None:
    known = stacked([picture(seed) for seed in range(20)])
    new = stacked([picture(100), COPIES[name](picture(7)), picture(101), picture(102), COPIES[name](picture(0))])
    assert seen_before(new, known).tolist() == [False, True, False, False, True]
    assert seen_before(known, known).all()
    assert seen_before(new, known[:0]).tolist() == [False] * 5
    assert seen_before(new[:0], known).shape == (0,)


def test_blocks_find_what_one_matrix_finds(monkeypatch: pytest.MonkeyPatch) -> None:
    vectors = np.random.default_rng(0).normal(size=(70, 2)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    monkeypatch.setattr("handshape.data.near_duplicates._BLOCK", 16)
    for found, least in zip(clustered(vectors, bounds := (NEAR_DUPLICATE, 0.9995)), bounds, strict=True):
        pairs = np.argwhere(np.triu(vectors @ vectors.T > least, 1))
        expected = Clusters(len(vectors))
        expected.join(pairs[:, 0], pairs[:, 1])
        np.testing.assert_array_equal(found, expected.firsts())
    assert 1 < len(set(found.tolist())) < 70  # of the last: all are near a neighbour of the first
    parts = [vectors[:33], vectors[33:]]
    assert near_duplicate_share(parts[0], parts[1]) == np.mean((parts[0] @ parts[1].T > NEAR_DUPLICATE).any(axis=1))


@settings(deadline=None)
@given(
    count=st.integers(1, 30),
    data=st.lists(st.tuples(st.integers(0, 29), st.integers(0, 29)), max_size=40),
    batches=st.integers(1, 4),
)
def test_clusters_are_connected_components(count: int, data: list[tuple[int, int]], batches: int) -> None:
    pairs = [(left % count, right % count) for left, right in data]
    clusters = Clusters(count)
    for batch in range(batches):
        mine = np.array(pairs[batch::batches], np.int64).reshape(-1, 2)
        clusters.join(mine[:, 0], mine[:, 1])
    names = list(range(count))
    for _ in range(count):
        for left, right in pairs:
            names[left] = names[right] = min(names[left], names[right])
    assert clusters.firsts().tolist() == names


@pytest.mark.photographs
def test_different_people_are_no_near_copies(photographs: Path) -> None:
    folder = list_samples(photographs / "digits_218_signers")
    few = [sample for sample in folder.samples if sample.label in "35"]
    found = similarity([thumbnail(read_image(folder.file(sample))) for sample in few])
    sizes = Counter(found.near_duplicates.tolist())
    assert sum(size for size in sizes.values() if size > 1) <= 0.01 * len(few)


@pytest.mark.photographs
def test_real_copies_are_found(photographs: Path) -> None:
    folder = list_samples(photographs / "asl36_5_hands")
    images = [read_image(folder.file(sample)) for sample in folder.samples[::10]]
    chosen = list(range(0, len(images), 12))
    for change in COPIES.values():
        copies = [thumbnail(change(images[index])) for index in chosen]
        found = similarity([*map(thumbnail, images), *copies])
        assert np.array_equal(found.near_duplicates[len(images) :], found.near_duplicates[chosen])
