"""docs/inputs.md: every row has its test, and every test its row."""

import ast
import re
from collections import Counter
from pathlib import Path

import test_user_folders
import test_user_folders_content
import test_user_folders_layouts
import test_user_folders_models

TESTS = Path(__file__).parent
PAGE = TESTS.parent / "docs" / "inputs.md"
TESTED_ELSEWHERE = {
    "unreadable-folder": "test_samples.py::test_a_folder_that_may_not_be_read",
    "unreadable-file": "test_checks.py::test_unreadable_files_are_reported_not_raised",
    "rotated": "test_images.py::test_orientation_is_applied_once",
    "heic-on-its-side": "test_user_folders.py::test_an_iphones_photograph_is_one_upright_picture",
    "numbers-in-order": "test_user_folders_layouts.py::test_numbers_come_in_their_order",
    "class-without-a-sign": "test_user_folders_content.py::test_classes_without_a_sign_need_no_hand",
    "no-hands": "test_user_folders_content.py::test_where_no_hand_is_found_whole_images_are_learned",
    "hands-required": "test_dataset.py::test_images_that_must_show_a_hand",
    "one-handshape": "test_user_folders_content.py::test_classes_that_are_one_handshape",
    "look-alikes": "test_user_folders_content.py::test_classes_that_are_one_handshape",
}


def rows() -> list[str]:
    return re.findall(r"^\| `([^`]+)` \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)


def names_with_tests() -> list[str]:
    modules = (test_user_folders, test_user_folders_layouts, test_user_folders_content, test_user_folders_models)
    return [
        *(situation.id for module in modules for situation in module.SITUATIONS),
        *test_user_folders_content.HANDS_OF,
        *TESTED_ELSEWHERE,
    ]


def test_every_row_has_its_test_and_every_test_its_row() -> None:
    assert sorted(rows()) == sorted(names_with_tests())
    assert max(Counter(rows()).values()) == 1


def test_tests_elsewhere_are_there() -> None:
    for place in TESTED_ELSEWHERE.values():
        file, name = place.split("::")
        tree = ast.parse((TESTS / file).read_text(encoding="utf-8"))
        assert any(isinstance(node, ast.FunctionDef) and node.name == name for node in tree.body), place
