import numpy as np
import pytest

from handshape.evaluation.metrics import measure
from handshape.evaluation.slices import Coverage, Slice, Slices
from handshape.reporting.advice import MAX_ADVICE, Advice, ClassFindings, advise

LABELS = ("L", "M", "N", "O")


def confusion(*errors: tuple[int, int, int], n: int = 100) -> np.ndarray:
    table = np.eye(4, dtype=int) * n
    for true, answer, count in errors:
        table[true, answer] += count
        table[true, true] -= count
    return table


def advice_on(table: np.ndarray, **known: object) -> list[Advice]:
    """For a model that answered as in a confusion matrix, of many people, measured elsewhere with the same success."""
    targets, answers = (np.repeat(places, table.ravel()) for places in np.divmod(np.arange(16), 4))
    metrics = measure(np.eye(4)[answers], targets, LABELS)
    elsewhere = Slice("office", 1000, round(1000 * metrics.accuracy))
    defaults: dict[str, object] = {"people": 50, "external": (elsewhere,)}
    return list(advise(metrics, **(defaults | known)))  # type: ignore[arg-type]


def texts(table: np.ndarray, **known: object) -> list[str]:
    return [advice.text.replace("\N{NO-BREAK SPACE}", " ") for advice in advice_on(table, **known)]


def test_all_well_needs_no_advice() -> None:
    calm = Slices(
        by_size=(Slice("under 60 px", 200, 199), Slice("60 to 120 px", 200, 200)),
        coverage=Coverage(Slice("all", 400, 398), (Slice("L", 100, 99),)),
    )
    assert texts(confusion(), counts=np.full(4, 60), slices=calm) == []


def test_confused_pairs_are_named_once_and_the_worst_first() -> None:
    found = texts(confusion((1, 2, 40), (2, 1, 22), (0, 3, 20), (3, 1, 1)))
    assert found == [
        "Photograph more of M and N by other people: they are taken for each other in 31 % of their photographs.",
        "Photograph more of L and O by other people: they are taken for each other in 10 % of their photographs.",
    ]


@pytest.mark.parametrize(
    ("people", "words"),
    [(1, "only one person signs"), (2, "only 2 people sign"), (5, "so far 5 sign"), (0, "data.groups")],
)
def test_few_or_unknown_people_are_spoken_of(people: int, words: str) -> None:
    (only,) = texts(confusion(), people=people)
    assert words in only


def test_more_people_come_before_everything_else() -> None:
    assert texts(confusion((1, 2, 90)), people=2)[0].startswith("Add other people")


def test_classes_of_few_photographs_are_counted() -> None:
    (only,) = texts(confusion(), counts=np.array([60, 7, 60, 25]))
    assert only == "Photograph more of M (7): bring each to 22 photographs or more."


def test_kinds_of_photographs_that_fail_are_named() -> None:
    slices = Slices(
        by_size=(Slice("under 60 px", 50, 24), Slice("over 240 px", 50, 20), Slice("no hand found", 40, 0)),
        by_brightness=(Slice("darkest quarter (3 to 40 of 255)", 100, 60),),
        by_signer=(Slice("anna", 60, 30), Slice("ben", 60, 60)),
        coverage=Coverage(Slice("all", 400, 360), (Slice("L", 100, 100), Slice("M", 100, 60))),
    )
    found = texts(confusion(), slices=slices)
    for text in (
        "Of hands under 60 px in the photograph only 48 % are right: come closer, or add such photographs.",
        "Of hands over 240 px in the photograph only 40 % are right: add such photographs.",
        "Of the darkest quarter of the photographs only 60 % are right: add more in such light.",
        "Of the photographs of anna only 50 % are right: add people with such hands, or in such rooms.",
        "The hand is found too seldom in M (60 %): show all of it, sharp, against a plain background.",
    ):
        assert text in found
    assert not any("no hand found" in text for text in found)


def test_what_chance_explains_is_no_advice() -> None:
    few = Slices(by_size=(Slice("under 60 px", 9, 0),), by_brightness=(Slice("darkest quarter", 12, 9),))
    assert texts(confusion((0, 1, 40)), slices=few) == texts(confusion((0, 1, 40)))


def test_the_most_at_stake_comes_first_and_the_list_is_short() -> None:
    slices = Slices(by_size=tuple(Slice(f"{i} px", 50, i) for i in range(12)))
    found = advice_on(confusion((1, 2, 40), (0, 3, 20)), slices=slices)
    assert len(found) == MAX_ADVICE
    assert [advice.at_stake for advice in found] == sorted((advice.at_stake for advice in found), reverse=True)


def test_photographs_from_elsewhere_are_asked_for_or_learned_from() -> None:
    (only,) = texts(confusion(), external=())
    assert "people who are not in these photographs" in only and "handshape evaluate RUN PHOTOS" in only
    assert texts(confusion(), external=(Slice("lab", 200, 60), Slice("home", 200, 190))) == [
        "Add people and rooms like those of lab: it is right on 30 % of these, against 100 % of its own."
    ]
    assert texts(confusion(), external=(Slice("lab", 5, 4),)) == []  # it may be chance
    assert texts(confusion(), external=None, people=None) == []


@pytest.mark.parametrize(
    ("twins", "text"),
    [
        ([("O", "0")], "O and 0 show the same handshape: join them or keep one."),
        ([("0", "O"), ("V", "2")], "0 and O, V and 2 show the same handshape, pair by pair: join them or keep one."),
        (
            [("M", "N")],
            "M and N look the same in these photographs: if they are one handshape, join them or keep one; if not, "
            "see whether the photographs show what tells them apart.",
        ),
    ],
)
def test_twins_are_to_be_joined_not_photographed_again(twins: list[tuple[str, str]], text: str) -> None:
    found = texts(confusion((1, 2, 40), (0, 1, 19)), classes=ClassFindings(twins))
    assert text in found
    assert any("more of M and N" in each for each in found) is (twins != [("M", "N")])
    assert any("more of L and M" in each for each in found)


def test_what_is_named_as_one_handshape_and_confused_is_to_be_joined() -> None:
    metrics = measure(np.eye(2)[[1, 0] * 20], np.arange(40) % 2, ("2", "V"))
    assert [each.text for each in advise(metrics)] == ["2 and V show the same handshape: join them or keep one."]
    told = advise(metrics, classes=ClassFindings([("V", "2")]))
    assert [each.text for each in told] == ["2 and V show the same handshape: join them or keep one."]


def test_signs_of_two_hands_are_not_to_be_photographed_more() -> None:
    found = texts(confusion((1, 2, 40), (0, 1, 19)), classes=ClassFindings(two_handed=("M", "N")))
    assert found[0].startswith("Two hands are seen in M, N, and one of them is looked at: show one hand alone")
    assert not any("more of M and N" in each for each in found)
    assert any("more of L and M" in each for each in found)
