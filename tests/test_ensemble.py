"""``handshape ensemble``: members joined into one model, weighed, distilled, stopped and gone on with."""

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from conftest import Handshape, Trained, assignments
from helpers import SIZE, own_weights, results_of, started_runtime

from handshape import litert
from handshape.config import ModelSettings
from handshape.data.splits import Split
from handshape.evaluation.ensembles import ENSEMBLE, MEMBER, Compared
from handshape.evaluation.gain import Gain
from handshape.export.bundle import find_bundle
from handshape.model.classifier import build_classifier, in_float32
from handshape.model.ensemble import Member, combined, join_members
from handshape.workflow.ensemble import member, plan
from handshape.workflow.ensemble.weighing import Weights, fit_mixture, weigh
from handshape.workflow.run import read_record

SMALL = assignments(model__num_epochs=1, model__fine_tune_epochs=0, augmentation__views=1, model__weights="none")
CLASSES = ("A", "B", "C", "D", "E")
BOTH, ALL = ["landmarks", "hand"], ["landmarks", "hand", "pixels"]


@pytest.fixture(scope="module")
def inputs() -> dict[str, np.ndarray]:
    """Three images, by the names of a classifier's inputs; the last shows no hand."""
    draw = np.random.default_rng(0)
    return {
        "image": draw.uniform(0, 255, (3, SIZE, SIZE, 3)).astype(np.float32),
        "landmarks": draw.normal(50, 20, (3, 21, 6)).astype(np.float32),
        "hand_present": np.array([[1], [1], [0]], np.float32),
        "hand_features": draw.normal(0, 1, (3, 7, 7, 192)).astype(np.float32),
    }


def member_of(streams: list[str], seed: int, trunk: float = 1.0) -> Member:
    """A classifier that has learned nothing; ``trunk`` makes its hand trunk another one."""
    import keras

    started_runtime()
    keras.utils.set_random_seed(seed)
    made = build_classifier(CLASSES, ModelSettings(img_size=SIZE, streams=streams), own_weights())
    if made.fusion is not None:
        made.fusion.set_weights([np.full((3, len(streams)), 0.5)])
    if trunk != 1:
        layers = made.streams["hand"].trunk
        layers.set_weights([value * trunk for value in layers.get_weights()])
    return Member(in_float32(made.model), made.mapped.logits.get_weights()[0] if made.mapped else None)


def said(model, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    given = [inputs[tensor.name] for tensor in model.inputs]
    return model.predict_on_batch(given if len(given) > 1 else given[0])


@pytest.mark.parametrize(
    ("members", "exponent"),
    [
        ([(BOTH, 0), (BOTH, 1), (BOTH, 2)], 1.0),
        ([(BOTH, 0), (BOTH, 1, 1.1)], 1.0),
        ([(BOTH, 0), (BOTH, 1)], 1.3),
        ([(["pixels"], 0), (["pixels"], 1)], 1.0),
        ([(["landmarks"], 0), (["hand"], 1), (ALL, 2)], 1.0),
    ],
    ids=["one trunk", "two trunks", "sharpened", "pixels", "other streams"],
)
def test_the_joined_model_answers_with_the_mean_of_its_members(members, exponent: float, inputs):
    made = [member_of(*each) for each in members]
    weights = np.random.default_rng(1).dirichlet(np.ones(len(made)))
    joined = join_members(made, weights, exponent)
    answer, each = said(joined.model, inputs), [said(one.model, inputs) for one in made]
    mean = combined([one["probabilities"] for one in each], weights, exponent)
    np.testing.assert_allclose(answer["probabilities"], mean, atol=1e-5)
    np.testing.assert_allclose(answer["probabilities"].sum(axis=1), 1, atol=1e-5)

    network = litert.LiteRtModel(litert.convert(joined.model))
    by_channels = {value.shape[-1]: value for value in inputs.values()}
    small = network(*(by_channels[channels] for channels in network.channels))
    np.testing.assert_allclose(small[0], mean, atol=1e-5)
    np.testing.assert_allclose(small[1], answer["features"], atol=1e-3)


@pytest.mark.parametrize("trunks", [(1.0, 1.0), (1.0, 1.1)], ids=["one trunk", "two trunks"])
def test_class_activation_maps_are_the_mean_of_the_members(trunks, inputs):
    made = [member_of(BOTH, seed, trunk) for seed, trunk in enumerate(trunks)]
    joined = join_members(made, (0.3, 0.7))
    each = [said(one.model, inputs)["features"] @ one.activation for one in made]
    shown = said(joined.model, inputs)["features"]
    assert shown.shape[-1] == 384  # by which whoever shows it tells the hand stream
    np.testing.assert_allclose(shown @ joined.activation, 0.3 * each[0] + 0.7 * each[1], atol=1e-4)


def test_what_members_share_is_there_once():
    alike = [member_of(BOTH, seed) for seed in range(3)]
    one = alike[0].model.count_params()
    joined = join_members(alike, (1 / 3,) * 3).model
    twice = join_members([alike[0], alike[0]], (0.5, 0.5)).model
    trunk = build_classifier(CLASSES, ModelSettings(streams=["hand"]), own_weights()).streams["hand"].trunk
    assert joined.count_params() <= 3 * one - 2 * trunk.count_params()
    assert twice.count_params() == one


def answers_of(right: list[float], targets: np.ndarray) -> np.ndarray:
    """Probabilities of three classes, so much of each on the right one."""
    made = np.repeat((1 - np.array(right))[:, None] / 2, 3, axis=1)
    made[np.arange(len(targets)), targets] = right
    return made


@pytest.mark.parametrize(
    ("people", "how", "is_fitted"),
    [(1, "auto", False), (4, "auto", False), (5, "auto", True), (1, "fitted", True), (50, "equal", False)],
)
def test_weights_are_equal_where_people_are_few(people: int, how, is_fitted: bool):
    targets = np.arange(90) % 3
    good, poor = answers_of([0.9] * 90, targets), answers_of([0.2] * 90, targets)
    weights = weigh([good, poor], targets, people, how)
    assert weights.are_fitted == is_fitted
    assert sum(weights.members) == pytest.approx(1)
    assert (weights.members[0] > weights.members[1]) == is_fitted


def test_weights_are_the_likeliest_ones_and_pulled_to_equal_ones():
    targets = np.arange(60) % 3
    draw = np.random.default_rng(3)
    answers = [answers_of(list(draw.uniform(low, 0.95, 60)), targets) for low in (0.1, 0.4, 0.6)]

    def loss(weights: np.ndarray, pull: float) -> float:
        mean = combined(answers, weights)[np.arange(60), targets]
        return -np.log(mean).sum() - pull / 3 * np.log(weights).sum()

    for pull in (1.0, 30.0):
        found = np.array(fit_mixture(answers, targets, pull))
        others = [loss(weights, pull) for weights in draw.dirichlet(np.ones(3), 300)]
        assert loss(found, pull) <= min(others) + 1e-6
    np.testing.assert_allclose(fit_mixture(answers, targets, 1e7), 1 / 3, atol=1e-3)
    assert Weights.equal(4).members == (0.25,) * 4


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ([0, 0, 0, 0, 1, 0], [1, 1, 1, 0, 1, 1], "b is better than a by 66.7 ± "),
        ([1, 1, 1, 0, 1, 1], [0, 0, 0, 0, 1, 0], "b is worse than a by 66.7 ± "),
        ([0, 1, 1, 1, 1, 1], [1, 1, 1, 1, 1, 1], "b is not shown to be better than a (+16.7 ± "),
        ([0, 1, 1, 1, 1, 1], [0, 1, 1, 1, 1, 1], "b is right as often as a on 6 people"),
    ],
)
def test_a_gain_is_told_honestly(before, after, told: str):
    gain = Gain.of(("a", "b"), np.array(before), np.array(after), list("uvwxyz"), "people")
    assert gain.sentence.startswith(told)
    assert gain.is_better == told.startswith("b is better")


def test_a_gain_on_one_person_is_never_shown():
    gain = Gain.of(("a", "b"), np.zeros(9), np.ones(9), ["u"] * 9, "people")
    assert (gain.spread, gain.is_better) == (None, False)
    assert gain.sentence == "b is not shown to be better than a (+100.0 points on one person alone)"


def test_members_are_measured_by_their_mean():
    targets, right = np.array([0, 1, 2, 0]), [0.9, 0.9, 0.2, 0.9]
    one, other = answers_of(right, targets), answers_of(right[::-1], targets)
    tested = Compared.of([one, other], (one + other) / 2, None, targets, ["u", "u", "v", "v"])
    assert tested.accuracies == {MEMBER: 0.75, ENSEMBLE: 1.0}
    assert tested.agreement == pytest.approx(0.5)
    assert Compared.together([tested, tested]).accuracies == tested.accuracies
    (gain,) = tested.gains("people")
    assert gain.differences == (0.25, 0.25)


def test_each_part_of_the_people_is_left_out_by_one_member():
    people = np.repeat(np.arange(8), 3)
    rows = np.arange(24)
    dataset = SimpleNamespace(targets=rows % 3, group_names=lambda some: [f"p{people[row]}" for row in some])
    split = Split(rows[:18], rows[18:21], rows[21:], people)
    parts = plan._parts(dataset, split, 3, 0)
    left_out = [set(people[split.train]) - set(people[part.train]) for part in parts]
    assert set.union(*left_out) == set(range(6))
    assert sum(map(len, left_out)) == 6
    for part, gone in zip(parts, left_out, strict=True):
        assert set(people[part.validation]) == gone | {6}
        assert list(part.test) == list(split.test)


@pytest.fixture(scope="module")
def ensemble(drawn: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run of an ensemble of two on whole images; none may change it."""
    import handshape

    settings = dict(word.partition(".")[2].split("=") for word in SMALL[1::2])
    out, groups = tmp_path_factory.mktemp("ensembles"), drawn / "signers.csv"
    result = handshape.ensemble(drawn, 2, out, name="two", groups=groups, quiet=True, **settings)
    assert [each.name for each in result.ensemble.members] == ["seed 1", "seed 2"]
    assert result.gains[0].sentence in result._repr_html_().replace("&#x27;", "'")
    return result.folder


def test_what_an_ensemble_leaves_behind(ensemble: Path, handshape: Handshape):
    found = results_of(ensemble)["ensemble"]
    assert [each["name"] for each in found["members"]] == ["seed 1", "seed 2"]
    assert [each["weight"] for each in found["members"]] == [0.5, 0.5]  # few people
    assert found["accuracies"][MEMBER] == pytest.approx(np.mean([each["test"] for each in found["members"]]))
    assert found["gains"][0]["sentence"].startswith("the ensemble is ")
    assert results_of(ensemble)["accuracy"]["test"] == pytest.approx(found["accuracies"][ENSEMBLE])
    assert "Accuracy of each member" in (ensemble / "report.html").read_text(encoding="utf-8")
    assert (read_record(ensemble)["state"], (ensemble / "work").exists()) == ("complete", False)
    (listed,) = handshape("runs", ensemble, "--json").objects
    assert (listed["kind"], listed["test"]["accuracy"]) == ("ensemble", results_of(ensemble)["accuracy"]["test"])


def test_other_verbs_take_an_ensemble_as_any_model(ensemble: Path, drawn: Path, handshape: Handshape, tmp_path: Path):
    image = next((drawn / "A").glob("*.jpg"))
    answer = handshape("predict", ensemble, image, "--json").object
    assert answer["decision"] in ("A", "B", "L", "5", "unknown")
    assert handshape("evaluate", ensemble, drawn, "--json").object["n"] == 48
    explained = handshape("explain", ensemble, image, "--out", tmp_path / "explained")
    assert explained.code == 0, explained.err
    exported = handshape("export", ensemble, "--to", "litert-float16", "--out", tmp_path / "e", "--json")
    assert exported.code == 0, exported.err
    bundle = find_bundle(ensemble)
    activation = np.load(bundle.activation)
    assert activation.shape == (1280, 4)


def test_saved_models_are_joined(ensemble: Path, trained: Trained, drawn: Path, handshape: Handshape, tmp_path: Path):
    words = ("ensemble", trained.folder, ensemble, "--out", tmp_path, "--name", "joined", "--json")
    outcome = handshape(*words)
    assert outcome.code == 0, outcome.err
    image = next((drawn / "B").glob("*.jpg"))
    both = [probabilities_of(run, image, handshape) for run in (trained.folder, ensemble)]
    joined = probabilities_of(tmp_path / "joined", image, handshape)
    for label, probability in joined.items():
        assert probability == pytest.approx((both[0][label] + both[1][label]) / 2, abs=1e-5)
    assert handshape("evaluate", tmp_path / "joined", drawn, "--json").object["external"] is False  # they learned them
    refused = handshape(*words[:-2], "again", "--on", drawn)
    assert refused.code == 1
    assert "learned from these very photographs" in refused.err


def probabilities_of(run: Path, image: Path, handshape: Handshape) -> dict[str, float]:
    return dict(handshape("predict", run, image, "--json").object["top"])


def test_saved_models_are_weighed_on_photographs(
    ensemble: Path, trained: Trained, handshape: Handshape, tmp_path: Path
):
    from handshape.console import Console
    from handshape.practice import draw_practice_set

    draw_practice_set(tmp_path / "others", 10, 5, ["A", "B", "L", "5"], 96, Console(quiet=True))
    words = ("--on", tmp_path / "others", "--set", f"data.groups={tmp_path / 'others' / 'signers.csv'}")
    outcome = handshape("ensemble", trained.folder, ensemble, "--out", tmp_path / "runs", "--json", *words)
    assert outcome.code == 0, outcome.err
    found = outcome.object["ensemble"]
    assert sum(each["weight"] for each in found["members"]) == pytest.approx(1)
    assert found["weights_are_fitted"]
    assert found["gains"][0]["people"] > 1


def test_models_of_other_classes_are_refused(ensemble: Path, handshape: Handshape, tmp_path: Path):
    outcome = handshape("ensemble", ensemble, "digits", "--out", tmp_path / "runs")
    assert outcome.code == 1
    assert "do not tell the same classes apart: digits lacks A, B, L, and digits has" in outcome.err
    assert not (tmp_path / "runs").exists()


def test_a_distilled_model_has_the_size_of_one(trained: Trained, drawn: Path, handshape: Handshape, tmp_path: Path):
    words = ("--out", tmp_path, "--name", "small", "--seeds", 2, "--distill", "--json", *SMALL)
    outcome = handshape("ensemble", drawn, *words)
    assert outcome.code == 0, outcome.err
    sizes = [find_bundle(run).litert.stat().st_size for run in (trained.folder, tmp_path / "small")]
    assert sizes[1] == pytest.approx(sizes[0], rel=0.02)
    found = outcome.object["ensemble"]
    assert found["distilled"]
    assert [gain["second"] for gain in found["gains"]] == [ENSEMBLE, "the distilled model", "the distilled model"]
    assert results_of(tmp_path / "small")["accuracy"]["test"] == found["accuracies"]["the distilled model"]


def test_goes_on_with_the_member_it_was_at(
    drawn: Path, handshape: Handshape, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    fits, fit = [], member.fit

    def stopped_at_second(*arguments):
        fits.append(arguments)
        if len(fits) == 2:
            raise KeyboardInterrupt
        return fit(*arguments)

    monkeypatch.setattr(member, "fit", stopped_at_second)
    folder = tmp_path / "runs" / "e"
    settings = ("--member", "model.dropout=0.1", "--member", "model.dropout=0.3", *SMALL)
    outcome = handshape("ensemble", drawn, "--out", folder.parent, "--name", "e", *settings)
    assert outcome.code == 130
    assert f"Go on with: handshape ensemble --resume {folder}" in outcome.err
    assert len(list((folder / "work" / "members").glob("*.npz"))) == 1
    unfinished = handshape("predict", folder, drawn)
    assert unfinished.code == 1

    resumed = handshape("ensemble", "--resume", folder, "--json")
    assert resumed.code == 0, resumed.err
    assert len(fits) == 3  # the first member was not trained again
    names = [each["name"] for each in resumed.object["ensemble"]["members"]]
    assert names == ["model.dropout=0.1", "model.dropout=0.3"]
    assert handshape("ensemble", "--resume", folder).code == 1


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--seeds", "1"), "An ensemble of one member is that member"),
        (("--member", "model.dropout=0.1", "--member", "model.img_size=128"), "changes model.img_size"),
        (("--member", "model.dropout=0.1", "--member", "model.dropout=0.1"), "Two members are called"),
        (("--member", "model.depth=3", "--seeds", "2"), "model.depth"),
        (("--bag", "40"), "folds need as many groups"),
        (("--on", "photos"), "two or more MODELs"),
    ],
)
def test_what_cannot_be_is_told(words, told: str, drawn: Path, handshape: Handshape, tmp_path: Path):
    outcome = handshape("ensemble", drawn, "--out", tmp_path / "runs", *words, *SMALL)
    assert (outcome.code, told in outcome.err) == (1, True), outcome.err
    assert not (tmp_path / "runs").exists()


@pytest.mark.slow
@pytest.mark.usefixtures("models")
def test_hands_are_learned_by_members_and_from_them(drawn: Path, handshape: Handshape, tmp_path: Path):
    groups = ("--set", f"data.groups={drawn / 'signers.csv'}", "--set", "data.seed=3")
    epochs = ("--set", "hand_stream.epochs=2", "--set", "landmark_stream.epochs=2")
    for name, more in (("together", ()), ("distilled", ("--distill", "--folds", 3))):
        words = ("--out", tmp_path, "--name", name, "--seeds", 2, "--json", *groups, *epochs, *more)
        outcome = handshape("ensemble", drawn, *words)
        assert outcome.code == 0, outcome.err
        found = outcome.object["ensemble"]
        assert found["folds"] == (3 if more else 0)
    both, one = found["parameters"]["ensemble"], found["parameters"]["member"]
    assert one < both < 2 * one  # they share the trunk
    together, distilled = (find_bundle(tmp_path / name) for name in ("together", "distilled"))
    assert distilled.litert.stat().st_size < together.litert.stat().st_size
    assert json.loads((tmp_path / "together" / "results" / "evaluation_results.json").read_text())["decisions"]
    image = next((drawn / "L").glob("*.jpg"))
    assert handshape("explain", tmp_path / "together", image, "--out", tmp_path / "explained").code == 0
