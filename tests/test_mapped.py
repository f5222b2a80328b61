"""Rows of memory-mapped files, read without mapping them."""

import re
from pathlib import Path

import numpy as np
import pytest

from handshape.mapped import RowReader, let_go

SHAPE = (4000, 2, 1024)


@pytest.fixture
def mapped(tmp_path):
    array = np.lib.format.open_memmap(tmp_path / "array.npy", "w+", np.float16, SHAPE)
    array[:] = np.random.default_rng(0).random(SHAPE, np.float32)
    array.flush()
    return np.lib.format.open_memmap(tmp_path / "array.npy", "r+")


@pytest.mark.parametrize("rows", [[], [0], [3999, 0, 17, 17], list(range(100))])
def test_rows_are_those_of_the_array(mapped, rows):
    rows = np.array(rows, np.int64)
    for array in (mapped, mapped.reshape(-1, 1024), mapped[:200], mapped[100:], np.asarray(mapped)[:300]):
        inside = rows % len(array)
        np.testing.assert_array_equal(RowReader(array)[inside], array[inside])


def test_what_is_written_later_is_read(mapped):
    reader = RowReader(mapped)
    mapped[7] = 3
    assert (reader[np.array([7])] == 3).all()


def test_rows_of_a_file_that_is_gone_are_those_that_are_mapped(mapped, tmp_path):
    (tmp_path / "array.npy").unlink()
    np.testing.assert_array_equal(RowReader(mapped)[np.array([5])], mapped[5:6])


def test_rows_of_a_file_that_was_put_in_its_place_are_not_taken(mapped, tmp_path):
    reader = RowReader(mapped)
    (tmp_path / "array.npy").unlink()
    (tmp_path / "array.npy").write_bytes(bytes(100))
    np.testing.assert_array_equal(reader[np.array([5])], mapped[5:6])
    np.testing.assert_array_equal(RowReader(mapped)[np.array([5])], mapped[5:6])


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the system does not say what is mapped")
def test_reading_rows_maps_nothing(mapped):
    def file_kb() -> int:
        return int(re.findall(r"RssFile:\s+(\d+)", Path("/proc/self/status").read_text())[0])

    let_go(mapped)
    before, reader = file_kb(), RowReader(mapped)
    for start in range(40):
        reader[np.arange(start, SHAPE[0], 40)]
    assert file_kb() - before < 1000
    mapped[np.arange(0, SHAPE[0], 40)].max()
    assert file_kb() - before > 1000
