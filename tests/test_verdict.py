import itertools
import json

import pytest

from handshape.evaluation.slices import Slice
from handshape.reporting.verdict import Evidence, verdict_on


def percent(share: int, name: str = "test", n: int = 1000) -> Slice:
    return Slice(name, n, share * n // 100)


CASES = {
    "nothing": (Evidence(), "poor"),
    "random split": (Evidence(same_people=percent(97)), "fair"),
    "bad random split": (Evidence(same_people=percent(60)), "poor"),
    "split by signer": (Evidence(same_people=percent(99), new_people=percent(95)), "fair"),
    "bad split by signer": (Evidence(same_people=percent(99), new_people=percent(50)), "poor"),
    "good elsewhere": (Evidence(new_people=percent(99), external=(percent(92, "lab"),)), "good"),
    "fair elsewhere": (Evidence(external=(percent(92, "lab"), percent(71, "home"))), "fair"),
    "bad elsewhere": (Evidence(same_people=percent(97), external=(percent(92, "lab"), percent(40, "home"))), "poor"),
    "few elsewhere": (Evidence(external=(Slice("lab", 5, 5),)), "fair"),
}


@pytest.mark.parametrize(("evidence", "level"), CASES.values(), ids=CASES)
def test_the_level_goes_by_the_best_evidence_and_its_worst_figure(evidence: Evidence, level: str) -> None:
    assert verdict_on(evidence).level == level


def test_a_random_split_is_not_sold_as_strangers() -> None:
    summary = verdict_on(Evidence(same_people=percent(97))).summary
    assert "97 times in 100" in summary and "says little about anyone else" in summary
    assert "with strangers is not known" in summary and "handshape evaluate" in summary


def test_other_rooms_stay_unknown_after_a_split_by_signer() -> None:
    summary = verdict_on(Evidence(new_people=percent(95), same_people=percent(99))).summary
    assert "With new people" in summary and "against 99" in summary
    assert "in other rooms and with other cameras is not known" in summary


def test_outside_photographs_lead_from_worst_to_best() -> None:
    evidence = Evidence(
        same_people=percent(97), external=(percent(86, "lab"), percent(64, "home"), percent(70, "park"))
    )
    first, *_ = sentences = verdict_on(evidence).sentences
    assert "right 64 (home) to 86 (lab) times in 100" in first
    assert any("not by the 97 in 100" in sentence for sentence in sentences)
    assert "not known" not in " ".join(sentences)


def test_few_photographs_come_with_what_chance_may_do() -> None:
    summary = verdict_on(Evidence(external=(Slice("lab", 20, 19),))).summary
    assert "only 20 photographs: it may be 76 to 99" in summary
    assert "it may be 72 to 100" in verdict_on(Evidence(external=(Slice("lab", 10, 10),))).summary


@pytest.mark.parametrize(
    ("more", "part"),
    [
        ({"near_duplicates": 0.41}, "41 of 100 of its own test photographs look almost like one it learned from"),
        ({"worst_signer": percent(40, "anna")}, "with anna it is right 40 times in 100"),
        ({"hands_found": percent(77)}, "In 23 of 100 photographs it found no hand"),
        ({"calibration_error": 0.12}, "off by 12 in 100"),
        ({"false_accepts": percent(9), "target": 0.05}, "takes 9 of 100 photographs without a sign for one"),
    ],
)
def test_what_lowers_the_worth_is_said_and_only_where_it_does(more: dict[str, object], part: str) -> None:
    harmless = {"near_duplicates": 0.01, "worst_signer": percent(93, "anna"), "hands_found": percent(99)}
    harmless |= {"false_accepts": percent(5), "target": 0.05}
    base = {"new_people": percent(95)}
    assert part in verdict_on(Evidence(**base, **more)).summary  # type: ignore[arg-type]
    calm = Evidence(**base, **harmless, calibration_error=0.03)  # type: ignore[arg-type]
    assert verdict_on(calm) == verdict_on(Evidence(new_people=percent(95)))


def test_all_but_perfect_is_not_called_perfect() -> None:
    assert "99 times in 100" in verdict_on(Evidence(new_people=Slice("test", 1000, 999))).summary
    assert "100 times in 100" in verdict_on(Evidence(new_people=percent(100))).summary


def test_two_to_five_sentences_whatever_is_known() -> None:
    for same, new, outside, rest in itertools.product([None, percent(97)], [None, percent(90)], range(4), [0, 1]):
        evidence = Evidence(
            same_people=same,
            new_people=new,
            external=tuple(percent(50 + 10 * i, str(i)) for i in range(outside)),
            near_duplicates=0.5 if rest else None,
            worst_signer=percent(30, "anna") if rest else None,
            hands_found=percent(50) if rest else None,
            calibration_error=0.3 if rest else None,
        )
        verdict = verdict_on(evidence)
        assert (1 if outside > 1 and not (same or new or rest) else 2) <= len(verdict.sentences) <= 5
        assert "translat" not in verdict.summary
        assert ("not known" in verdict.summary) == (not outside)
        json.dumps(verdict.as_dict())
