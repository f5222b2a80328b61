"""The sections of tables: classes, parts of the test images, decisions, the photographs, the settings."""

from __future__ import annotations

from collections.abc import Mapping

from handshape.evaluation.metrics import ClassScore, Metrics
from handshape.reporting.page.content import DataFacts, Decisions, Mirror, ReportContent, Slices
from handshape.reporting.page.markup import Content, Markup, bar, count, join, label, length, percent, table, tag
from handshape.reporting.page.photographs import label_issues

MIN_IMAGES = 10  # images; a slice below that is no worst one


def classes(content: ReportContent) -> Markup | None:
    """Every class, the worst first, and what it was read as."""
    if content.test is None:
        return None
    test = content.test
    heads = ("Class", "Recognised", "", "Precision", "F1", "Images", "Most often read as")
    rows = [_class_row(test, score) for score in test.worst(len(test.per_class))]
    without = [score.label for score in test.per_class if not score.support]
    note = tag("p", f"Without test images: {', '.join(without)}.", class_="quiet") if without else None
    return join(table("Every class, the least recognised first", heads, rows, "numbers"), note)


def slices(content: ReportContent) -> Markup | None:
    """Accuracy on parts of the test images."""
    shown = [one for one in content.slices if one.parts]
    return tag("div", *map(_slice, shown), class_="columns") if shown else None


def coverage(content: ReportContent) -> Markup | None:
    """In how many test images a hand was found."""
    if content.coverage is None:
        return None
    found, n = content.coverage.share, content.coverage.n
    return tag(
        "p",
        tag("strong", percent(found)),
        f" of {count(n, 'test image')} show a hand that the finder finds. Where it finds none, the whole photograph "
        "is looked at, which works far less well on new people.",
    )


def mirror(content: ReportContent) -> Markup | None:
    """What mirroring the test images does, as a left-handed signer or a selfie camera would."""
    if content.mirror is None:
        return None
    return join(_mirror_words(content.mirror), _collisions(content.mirror))


def decisions(content: ReportContent) -> Markup | None:
    """What is answered, what is refused, and whether confidence means what it says."""
    parts = (
        _decisions(content.decisions) if content.decisions else None,
        _calibration(content.test, content.temperature),
    )
    return join(*parts) if any(parts) else None


def data(content: ReportContent) -> Markup | None:
    """The photographs it was made from."""
    if content.data is None:
        return None
    facts = content.data
    return join(
        _data_facts(facts),
        tag("div", _counts("Images of each class", "Class", facts.images), _signers(facts), class_="columns"),
        _label_issues(facts),
    )


def settings(content: ReportContent) -> Markup | None:
    """Settings and versions, folded away."""
    parts = [
        table(section, ("Setting", "Value"), [(name, _value(value)) for name, value in values.items()])
        for section, values in content.settings.items()
    ]
    if content.versions:
        parts.append(table("versions", ("Library", "Version"), list(content.versions.items())))
    if not parts:
        return None
    return tag(
        "details", tag("summary", "Show settings and versions"), tag("div", *parts, class_="columns"), class_="settings"
    )


def _class_row(test: Metrics, score: ClassScore) -> tuple[Content, ...]:
    recognised = (label(score.label), percent(score.recall), bar(score.recall))
    return (*recognised, percent(score.precision), f"{score.f1:.2f}", f"{score.support:,}", _read_as(test, score))


def _read_as(test: Metrics, score: ClassScore) -> Markup | None:
    """What this class was mistaken for most often, if ever."""
    place = [other.label for other in test.per_class].index(score.label)
    wrong = test.confusion[place].copy()
    wrong[place] = 0
    if not wrong.any():
        return None
    return join(label(test.per_class[int(wrong.argmax())].label), f" ({wrong.max():,} of {score.support:,})")


def _slice(one: Slices) -> Markup:
    rows = [
        (name, percent(part.share), bar(part.share), f"{part.n:,}") if part.n else (name, "no images", None, "0")
        for name, part in one.parts.items()
    ]
    return tag(
        "div",
        table(f"By {one.by}", (one.by.capitalize(), "Accuracy", "", "Images"), rows, "numbers"),
        _worst(one),
    )


def _worst(one: Slices) -> Markup | None:
    enough = {name: part for name, part in one.parts.items() if part.n >= MIN_IMAGES}
    if len(enough) < 2:
        return None
    name, part = min(enough.items(), key=lambda item: item[1].share)
    return tag("p", "Worst: ", tag("strong", name), f", {percent(part.share)} of {part.n:,}.", class_="quiet")


def _mirror_words(test: Mirror) -> Markup:
    return tag(
        "p",
        tag("strong", percent(test.mirrored)),
        f" of the mirrored test images are recognised, against {percent(test.plain)} as they are. A left-handed "
        "signer and a mirrored camera look like this.",
    )


def _collisions(test: Mirror) -> Markup:
    if not test.collisions:
        return tag("p", "No class turns into another one when it is mirrored.")
    rows = [(label(name), label(other), percent(share)) for name, other, share in test.collisions]
    return table("Classes that collide when mirrored", ("Class", "Mirrored, taken for", "Of its images"), rows)


def _decisions(made: Decisions) -> Markup:
    rows: list[tuple[Content, ...]] = [
        ("Answered with a label", percent(made.accepted), bar(made.accepted)),
        ("Right among those", percent(made.accuracy_of_accepted), bar(made.accuracy_of_accepted)),
        ("Answered “unknown”", percent(made.unknown), None),
        ("Answered “no hand”", percent(made.no_hand), None),
    ]
    heads = ("Of the test images", "Share", "")
    return join(table(f"{count(made.n, 'test image')} decided", heads, rows, "numbers"), _refusals(made))


def _refusals(made: Decisions) -> Markup:
    if made.false_accepts is None:
        words = "How often a photograph without a sign is taken for one was not measured: there were no negatives."
    else:
        share, n = percent(made.false_accepts.share), count(made.false_accepts.n, "photograph")
        words = f"Of {n} without a sign, {share} were taken for one" + (
            f"; the thresholds aim at {percent(made.target)} at most." if made.target is not None else "."
        )
    limits = ", ".join(f"{name} {value:.3g}" for name, value in made.thresholds.items())
    return join(tag("p", words), tag("p", f"Thresholds: {limits}.", class_="quiet") if limits else None)


def _calibration(test: Metrics | None, temperature: float | None) -> Markup | None:
    if test is None:
        return None
    softer = f" Temperature {temperature:.2f} was fitted on the validation images." if temperature is not None else ""
    return tag(
        "p", f"Confidence is off by {percent(test.ece)} on average (expected calibration error, 15 bins).{softer}"
    )


def _data_facts(facts: DataFacts) -> Markup:
    pairs = [("Photographs", f"{sum(facts.images.values()):,}"), ("Classes", f"{len(facts.images):,}")]
    pairs += [(name.capitalize(), f"{number:,}") for name, number in facts.parts.items()]
    pairs.append(("Signers", f"{len(facts.signers):,}" if facts.signers else "unknown"))
    if facts.near_duplicates is not None:
        pairs.append(("Test images with a near-copy in training", percent(facts.near_duplicates.share)))
    return tag("dl", *(tag("div", tag("dt", name), tag("dd", value)) for name, value in pairs), class_="facts")


def _signers(facts: DataFacts) -> Markup | None:
    return _counts("Images of each signer", "Signer", facts.signers) if facts.signers else None


def _counts(caption: str, head: str, counts: Mapping[str, int]) -> Markup:
    """Counts as bars, each as a share of the largest."""
    most = max(counts.values(), default=0) or 1
    rows = [(label(name), f"{number:,}", length(number / most)) for name, number in counts.items()]
    return table(caption, (head, "Images", ""), rows, "numbers")


def _label_issues(facts: DataFacts) -> Markup | None:
    if facts.label_issues is None:
        return None
    words = f"{count(len(facts.label_issues), 'label')} in doubt" if facts.label_issues else "No labels in doubt"
    return join(tag("h3", words), label_issues(facts.label_issues) if facts.label_issues else None)


def _value(value: object) -> str:
    return "yes" if value is True else "no" if value is False else "none" if value is None else str(value)
