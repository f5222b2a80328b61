"""Which runs, in which order: conditions such as ``test>0.9`` or ``data.seed=0``, and names to sort by."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from handshape.config import describe_settings
from handshape.errors import SettingsError
from handshape.suggestions import did_you_mean
from handshape.workflow.comparing.found import FoundRun

WORDS = ("name", "kind", "state", "when", "data")
SHARES = ("validation", "test", "external")
NUMBERS = (*SHARES, "photographs", "classes", "seconds")
OF_ONE_SET = "external."
ORDERED: Mapping[str, Callable[[Any, Any], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
}
SAME = ("==", "=", "!=")
EXAMPLE = "a name, one of = != < > <= >=, and a value, such as test>0.9 or data.seed=0"
_CONDITION = re.compile(r"([^=!<>]+?)\s*(==|!=|>=|<=|=|>|<)\s*(.*)", re.DOTALL)
_TRUTHS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}


@dataclass(frozen=True)
class Condition:
    """What a run must be like. What is not known of a run meets no condition.

    Attributes:
        name: of a fact or a setting.
        sign: one of = == != < > <= >=.
        word: what it is compared with.
    """

    name: str
    sign: str
    word: str

    def holds(self, run: FoundRun) -> bool:
        """Whether the run is so.

        Raises:
            SettingsError: the order of words was asked for, or a number is none.
        """
        value = value_of(run, self.name)
        if value is None:
            return False
        if self.sign in ORDERED:
            return ORDERED[self.sign](*self._comparable(value))
        return self._is_same(value) is (self.sign != "!=")

    def require_sense(self) -> None:
        """Passes where a fact that is a number is compared with one.

        Raises:
            SettingsError: it is not.
        """
        is_share = self.name in SHARES or self.name.startswith(OF_ONE_SET)
        if not (is_share or self.name in NUMBERS):
            return
        number = number_in(self.word)
        if number is None:
            raise SettingsError(
                f"{self.name} is a number, and '{self.word}' is none.", f"a condition such as {self.name}{self.sign}0.9"
            )
        if is_share and not 0 <= number <= 1:
            raise SettingsError(
                f"{self.name} is a share, and {self.word} is not between 0 and 1.",
                f"a condition such as {self.name}{self.sign}0.9 or {self.name}{self.sign}90%",
            )

    def _comparable(self, value: Any) -> tuple[Any, Any]:
        if self.name == "when":  # times written so sort as they follow each other; a day stands for all of it
            return value[: len(self.word)], self.word
        number = number_in(self.word)
        if isinstance(value, bool) or not isinstance(value, int | float) or number is None:
            raise SettingsError(
                f"'{self.name}{self.sign}{self.word}' asks for an order, and {self.name} is {_said(value)}.",
                "numbers or times on both sides of < and >; words can be = or !=",
            )
        return value, number

    def _is_same(self, value: Any) -> bool:
        if self.name == "when":
            return str(value).startswith(self.word)
        if isinstance(value, bool):
            return _TRUTHS.get(self.word.lower()) is value
        if isinstance(value, int | float):
            return number_in(self.word) == value
        return _said(value).casefold() == self.word.replace(",", "+").casefold()


def conditions(texts: Iterable[str], runs: Sequence[FoundRun]) -> list[Condition]:
    """What the texts ask for.

    Raises:
        SettingsError: one cannot be read, or its name is neither a fact nor a setting of any run.
    """
    found = []
    for text in texts:
        parts = _CONDITION.fullmatch(text.strip())
        if parts is None:
            raise SettingsError(
                f"Cannot read the condition '{text}'.",
                EXAMPLE,
                "In a shell, quote it: --where 'test>0.9' (without quotes, > names a file to write).",
            )
        condition = Condition(*parts.groups())
        require_known(condition.name, runs)
        condition.require_sense()
        found.append(condition)
    return found


def ordered(runs: Sequence[FoundRun], name: str, turned: bool = False) -> list[FoundRun]:
    """By a fact or a setting: large numbers and late times first, words by the alphabet; unknown ones last.

    Args:
        runs: the newest first; equal ones stay so.
        name: of the fact or setting.
        turned: the other way round.

    Raises:
        SettingsError: nothing is called so.
    """
    require_known(name, runs)
    known = [run for run in runs if value_of(run, name) is not None]
    values = [value_of(run, name) for run in known]
    are_numbers = name == "when" or all(isinstance(value, int | float) for value in values)
    key = (lambda run: value_of(run, name)) if are_numbers else (lambda run: _said(value_of(run, name)).casefold())
    return sorted(known, key=key, reverse=are_numbers is not turned) + [run for run in runs if run not in known]


def value_of(run: FoundRun, name: str) -> Any:
    """A fact or a setting of a run; None where it is not known."""
    share = run.measured.external.get(name.removeprefix(OF_ONE_SET)) if name.startswith(OF_ONE_SET) else None
    facts = {
        **{word: getattr(run, word) for word in WORDS if word != "data"},
        "data": run.record.get("data"),
        "validation": run.measured.validation and run.measured.validation.share,
        "test": run.measured.test and run.measured.test.share,
        "external": run.measured.external_mean,
        "photographs": run.measured.photographs,
        "classes": run.measured.classes,
        "seconds": run.seconds,
    }
    if share is not None:
        return share.share
    return facts[name] if name in facts else run.settings.get(name)


def require_known(name: str, runs: Sequence[FoundRun]) -> None:
    """Passes where something is called so.

    Raises:
        SettingsError: nothing is.
    """
    facts = (*WORDS, *NUMBERS)
    if name in facts or name in (settings := {each for each, *_ in describe_settings()}):
        return
    external = {f"{OF_ONE_SET}{each}" for run in runs for each in run.measured.external}
    kept = {each for run in runs for each in run.settings}
    if name not in external | kept:
        raise SettingsError(
            f"There is nothing called '{name}' to go by.",
            f"{', '.join(facts)}, external.NAME, or a setting such as data.seed",
            did_you_mean(name, [*facts, *external, *sorted(settings | kept)]),
        )


def number_in(word: str) -> float | None:
    """The number that a word stands for, 90% being .9; None where it is none."""
    try:
        return float(word[:-1]) / 100 if word.endswith("%") else float(word)
    except ValueError:
        return None


def _said(value: Any) -> str:
    return "+".join(map(str, value)) if isinstance(value, list) else str(value)
