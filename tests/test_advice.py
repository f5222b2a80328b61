import numpy as np
import pytest

from handshape.evaluation.slices import Coverage, Slice, Slices
from handshape.reporting.advice import MAX_ADVICE, advise

LABELS = ("L", "M", "N", "O")


def confusion(*errors: tuple[int, int, int], n: int = 100) -> np.ndarray:
    table = np.eye(4, dtype=int) * n
    for true, answer, count in errors:
        table[true, answer] += count
        table[true, true] -= count
    return table


def texts(table: np.ndarray, **known: object) -> list[str]:
    defaults: dict[str, object] = {"people": 50, "has_external": True}
    return [advice.text for advice in advise(table, LABELS, **(defaults | known))]  # type: ignore[arg-type]


def test_all_well_needs_no_advice() -> None:
    calm = Slices(
        by_size=(Slice("under 60 px", 200, 199), Slice("60 to 120 px", 200, 200)),
        coverage=Coverage(Slice("all", 400, 398), (Slice("L", 100, 99),)),
    )
    assert texts(confusion(), counts=np.full(4, 60), slices=calm) == []


def test_confused_pairs_are_named_once_and_the_worst_first() -> None:
    found = texts(confusion((1, 2, 40), (2, 1, 22), (0, 3, 20), (3, 1, 1)))
    assert found == [
        "Photograph more of M and N by other people: they are taken for each other in 31% of cases.",
        "Photograph more of L and O by other people: they are taken for each other in 10% of cases.",
    ]


@pytest.mark.parametrize(
    ("people", "words"),
    [(1, "Only one person signs"), (2, "Only 2 people sign"), (5, "every further one helps"), (None, "data.groups")],
)
def test_few_or_unknown_people_are_spoken_of(people: int | None, words: str) -> None:
    (only,) = texts(confusion(), people=people)
    assert words in only


def test_more_people_come_before_everything_else() -> None:
    assert texts(confusion((1, 2, 90)), people=2)[0].startswith("Only 2 people")


def test_classes_of_few_photographs_are_counted() -> None:
    (only,) = texts(confusion(), counts=np.array([60, 7, 60, 25]))
    assert only == "Few photographs to learn from: M (7); bring each to 22 or more."


def test_kinds_of_photographs_that_fail_are_named() -> None:
    slices = Slices(
        by_size=(Slice("under 60 px", 50, 24), Slice("over 240 px", 50, 20), Slice("no hand found", 40, 0)),
        by_brightness=(Slice("darkest quarter (3 to 40 of 255)", 100, 60),),
        by_signer=(Slice("anna", 60, 30), Slice("ben", 60, 60)),
        coverage=Coverage(Slice("all", 400, 360), (Slice("L", 100, 100), Slice("M", 100, 60))),
    )
    found = texts(confusion(), slices=slices)
    assert "Hands under 60 px are right in only 48% of cases: come closer, or add such photographs." in found
    assert "Hands over 240 px are right in only 40% of cases: add such photographs." in found
    assert any(
        text.startswith("Photographs of the darkest quarter (3 to 40 of 255) are right in only 60%") for text in found
    )
    assert any(text.startswith("Signs of anna are right in only 50%") for text in found)
    assert any(text.startswith("The hand is often not found in M (60%)") for text in found)
    assert not any("no hand found" in text for text in found)


def test_what_chance_explains_is_no_advice() -> None:
    few = Slices(by_size=(Slice("under 60 px", 9, 0),), by_brightness=(Slice("darkest quarter", 12, 9),))
    assert texts(confusion((0, 1, 40)), slices=few) == texts(confusion((0, 1, 40)))


def test_the_most_at_stake_comes_first_and_the_list_is_short() -> None:
    slices = Slices(by_size=tuple(Slice(f"{i} px", 50, i) for i in range(12)))
    found = advise(confusion((1, 2, 40), (0, 3, 20)), LABELS, slices=slices)
    assert len(found) == MAX_ADVICE
    assert [advice.at_stake for advice in found] == sorted((advice.at_stake for advice in found), reverse=True)


def test_photographs_from_elsewhere_are_asked_for_where_there_are_none() -> None:
    (only,) = texts(confusion(), has_external=False)
    assert "people who are not in the data" in only
