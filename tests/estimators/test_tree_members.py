"""Trees and networks together in one fitted model."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
import torch

from qclmixnet import QCLMixNetClassifier
from qclmixnet.core.errors import FitWarning
from qclmixnet.decision import (
    ProbabilityScaling,
    choose_share,
    fit_scaling,
    tune_tilt,
)
from qclmixnet.estimators import member_fitting, member_learning
from qclmixnet.estimators.model_files import model_from_dict, model_to_dict
from qclmixnet.estimators.models import MemberModel
from qclmixnet.estimators.tree_fitting import (
    build_trees,
    fit_trees,
    left_out_by_trees,
)
from qclmixnet.nn import BoostedTrees
from qclmixnet.preprocessing import EncodedTable
from qclmixnet.table import read_table
from qclmixnet.training import (
    CrossFitRecipe,
    TreeConfig,
    member_outputs,
    train_members,
)
from qclmixnet.training.cross_fit import NEVER

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


def mixed_table(n_classes: int, n_rows: int = 120) -> tuple[pd.DataFrame, pd.Series]:
    rng = np.random.default_rng(n_classes)
    codes = np.minimum(rng.geometric(0.5, size=n_rows) - 1, n_classes - 1)
    frame = pd.DataFrame(
        {
            "size": rng.normal(size=n_rows) + codes,
            "colour": np.array(["red", "blue", "green"])[
                (codes + rng.integers(2, size=n_rows)) % 3
            ],
            "noise": rng.normal(size=n_rows),
        }
    )
    frame.loc[::7, "size"] = np.nan
    return frame, pd.Series(np.array(["a", "b", "c", "d"])[codes], name="kind")


def fit(n_classes: int, **arguments: Any) -> QCLMixNetClassifier:
    arguments = {
        "max_epochs": 2,
        "n_members": 4,
        "n_tree_rounds": 6,
        "random_state": 0,
        **arguments,
    }
    return QCLMixNetClassifier(**arguments).fit(*mixed_table(n_classes))


@pytest.fixture(scope="module", params=[2, 4])
def clf(request: pytest.FixtureRequest) -> QCLMixNetClassifier:
    return fit(request.param)


def model_of(clf: QCLMixNetClassifier) -> MemberModel:
    model = clf.state_.model
    assert isinstance(model, MemberModel)
    return model


def encoded(clf: QCLMixNetClassifier, X: pd.DataFrame) -> EncodedTable:
    return clf.state_.encoder.encode(read_table(X, clf.schema_))


def softmax(logits: FloatArray) -> FloatArray:
    odds = np.exp(logits)
    return np.asarray(odds / odds.sum(axis=-1, keepdims=True))


def test_probabilities_are_the_scaled_mean_of_members_and_trees(
    clf: QCLMixNetClassifier,
) -> None:
    X, _ = mixed_table(len(clf.classes_), n_rows=50)
    model, table = model_of(clf), encoded(clf, X)
    assert model.trees is not None
    assert 0 < model.tree_share < 1
    x_num, x_cat = torch.from_numpy(table.x_num), torch.from_numpy(table.x_cat)
    logits = member_outputs(model.network, model.inputs, x_num, x_cat, output="logits")
    assert len(logits) == model.trees.n_sets == 4
    by_members = np.mean([softmax(member.numpy()) for member in logits], axis=0)
    sets = [model.trees.one_set(which, x_num, x_cat) for which in range(4)]
    by_trees = np.mean([softmax(scores.numpy()) for scores in sets], axis=0)
    blend = (1 - model.tree_share) * by_members + model.tree_share * by_trees
    weights = np.exp(model.scaling.log_weights)
    scaled = blend**model.scaling.sharpness / weights**model.scaling.undone
    scaled /= scaled.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(clf.predict_proba(X), scaled, rtol=1e-10)
    np.testing.assert_array_equal(model.proba(table), clf.predict_proba(X))

    for share, alone in ((0.0, by_members), (1.0, by_trees)):
        found = replace(model, tree_share=share).proba(table)
        np.testing.assert_allclose(found, model.scaling(alone), rtol=1e-10)
    assert not np.allclose(by_members, by_trees, atol=0.01)


def test_trees_leave_the_networks_and_their_embedding_as_they_are(
    clf: QCLMixNetClassifier,
) -> None:
    alone = fit(len(clf.classes_), n_tree_rounds=0)
    with_trees = model_of(clf).network.state_dict()
    for name, value in model_of(alone).network.state_dict().items():
        assert torch.equal(value, with_trees[name]), name
    X, _ = mixed_table(len(clf.classes_))
    np.testing.assert_array_equal(alone.embed(X), clf.embed(X))


def test_without_rounds_there_are_no_trees_and_they_have_no_share(
    tmp_path: Path,
) -> None:
    clf = fit(4, n_tree_rounds=0)
    model = model_of(clf)
    assert model.trees is None
    assert model.tree_share == 0.0
    X, _ = mixed_table(4)
    table = encoded(clf, X)
    logits = member_outputs(
        model.network,
        model.inputs,
        torch.from_numpy(table.x_num),
        torch.from_numpy(table.x_cat),
        output="logits",
    )
    mean = softmax(logits.numpy()).mean(axis=0)
    np.testing.assert_allclose(model.scaling(mean), clf.predict_proba(X), rtol=1e-10)

    _, tensors = model_to_dict(model)
    assert not [name for name in tensors if name.startswith("trees.")]
    clf.save(tmp_path / "m")
    after = QCLMixNetClassifier.load(tmp_path / "m")
    assert model_of(after).trees is None
    np.testing.assert_array_equal(after.predict_proba(X), clf.predict_proba(X))


def test_the_recipe_keeps_the_number_of_rounds(clf: QCLMixNetClassifier) -> None:
    assert isinstance(clf.recipe_, CrossFitRecipe)
    assert clf.recipe_.trees == TreeConfig(n_rounds=6)
    trees = model_of(clf).trees
    assert trees is not None
    n_scores = 1 if len(clf.classes_) == 2 else len(clf.classes_)
    assert trees.feature.shape[:3] == (clf.recipe_.n_folds, 6, n_scores)


def test_without_cross_fitting_all_leave_out_the_same_quarter(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[torch.Tensor] = []
    train = train_members

    def spy(*args: Any, **options: Any) -> Any:
        seen.append(args[3])
        return train(*args, **options)

    monkeypatch.setattr(member_learning, "train_members", spy)
    clf = fit(3, preset=CrossFitRecipe(n_folds=1))
    folds = seen[0].numpy()
    _, y = mixed_table(3)
    assert set(folds) == {NEVER, 0}
    for label in clf.classes_:
        share = float((folds[y == label] == 0).mean())
        assert share == pytest.approx(0.25, abs=1 / (y == label).sum())
    trees = model_of(clf).trees
    assert trees is not None
    assert trees.n_sets == 1
    assert clf.decision_rule_ is not None


def test_a_saved_model_has_the_same_trees_and_the_same_bits(
    clf: QCLMixNetClassifier, tmp_path: Path
) -> None:
    X, _ = mixed_table(len(clf.classes_), n_rows=90)
    clf.save(tmp_path / "m")
    after = QCLMixNetClassifier.load(tmp_path / "m")
    np.testing.assert_array_equal(after.predict_proba(X), clf.predict_proba(X))
    np.testing.assert_array_equal(after.predict(X), clf.predict(X))
    before_trees, trees = model_of(clf).trees, model_of(after).trees
    assert before_trees is not None
    assert trees is not None
    state = trees.state_dict()
    for name, value in before_trees.state_dict().items():
        assert torch.equal(state[name], value), name
        assert state[name].dtype == value.dtype, name
    assert model_of(after).tree_share == model_of(clf).tree_share


def test_values_and_tensors_of_a_model_are_all_of_it(clf: QCLMixNetClassifier) -> None:
    model, n_classes = model_of(clf), len(clf.classes_)
    values, tensors = model_to_dict(model)
    again = model_from_dict(
        json.loads(json.dumps(values)),
        tensors,
        clf.recipe_,
        n_classes,
        device=torch.device("cpu"),
    )
    table = encoded(clf, mixed_table(n_classes)[0])
    np.testing.assert_array_equal(again.proba(table), model.proba(table))


def test_fitting_twice_gives_the_same_trees(clf: QCLMixNetClassifier) -> None:
    one, other = model_of(clf).trees, model_of(fit(len(clf.classes_))).trees
    assert one is not None
    assert other is not None
    for name, value in one.state_dict().items():
        assert torch.equal(other.state_dict()[name], value), name


# Which trees speak for a row while the share is chosen.


def random_labels(
    n_rows: int = 300,
) -> tuple[BoostedTrees, EncodedTable, IntArray, IntArray]:
    """Trees that learned labels by heart that nothing tells."""
    rng = np.random.default_rng(0)
    codes, folds = np.arange(n_rows) % 2, rng.integers(-1, 4, size=n_rows)
    x_num = rng.normal(size=(n_rows, 3)).astype(np.float32)
    x_cat = rng.integers(3, size=(n_rows, 1))
    table = EncodedTable(x_num, x_cat, {})
    config = TreeConfig(n_rounds=30, depth=6, l2=0.0)
    trees = build_trees(3, (3,), 2, CrossFitRecipe(trees=config), depth=config.depth)
    assert trees is not None
    fit_trees(trees, table, codes, np.ones(n_rows).take, folds, config=config, seed=0)
    return trees, table, codes, folds


def test_left_out_probabilities_are_those_of_the_set_of_the_rows_fold() -> None:
    trees, table, _, folds = random_labels(60)
    found = left_out_by_trees(trees, table, folds, np.arange(len(folds)))
    for row, fold in enumerate(folds.tolist()):
        if fold == -1:  # all sets have seen it
            assert not found[row].any()
            continue
        one = table.take(np.array([row]))
        scores = trees.one_set(
            fold, torch.from_numpy(one.x_num), torch.from_numpy(one.x_cat)
        )
        np.testing.assert_allclose(found[row], softmax(scores.numpy())[0], rtol=1e-12)


def test_a_fold_without_rows_is_no_trouble() -> None:
    trees, table, _, _ = random_labels(60)
    found = left_out_by_trees(trees, table, np.full(60, 2), np.arange(60))
    np.testing.assert_allclose(found.sum(axis=1), 1)


def test_labels_learned_by_heart_are_not_known_of_left_out_rows() -> None:
    trees, table, codes, folds = random_labels()
    dealt = folds >= 0

    def right(proba: FloatArray) -> float:
        return float((proba[dealt].argmax(axis=1) == codes[dealt]).mean())

    assert right(left_out_by_trees(trees, table, folds, np.arange(len(folds)))) < 0.6
    for shift in (1, 2, 3):  # by sets that have seen the rows
        others = np.where(dealt, (folds + shift) % 4, -1)
        assert (
            right(left_out_by_trees(trees, table, others, np.arange(len(others))))
            > 0.95
        )


def test_the_share_is_chosen_on_rows_that_neither_model_saw(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: dict[str, Any] = {}

    def watched_fit(
        trees: Any, table: Any, codes: Any, *rest: Any, **more: Any
    ) -> None:
        fit_trees(trees, table, codes, *rest, **more)
        seen.update(trees=trees, table=table, codes=codes, folds=rest[1])

    def watched_choice(
        y_true: IntArray, first: FloatArray, second: FloatArray, *rest: Any, **more: Any
    ) -> float:
        seen.update(y_true=y_true, first=first, second=second)
        seen["share"] = choose_share(y_true, first, second, *rest, **more)
        return float(seen["share"])

    monkeypatch.setattr(member_learning, "fit_trees", watched_fit)
    monkeypatch.setattr(member_fitting, "choose_share", watched_choice)
    model = model_of(fit(4))
    rows = np.flatnonzero(seen["folds"] >= 0)
    np.testing.assert_array_equal(seen["y_true"], seen["codes"][rows])
    part = seen["table"].take(rows)
    x_num, x_cat = torch.from_numpy(part.x_num), torch.from_numpy(part.x_cat)
    folds, here = seen["folds"][rows], np.arange(len(rows))
    by_trees = softmax(seen["trees"](x_num, x_cat).numpy())[folds, here]
    np.testing.assert_allclose(seen["second"], by_trees, rtol=1e-10)
    # Four members, four folds: member m alone leaves fold m out.
    logits = member_outputs(model.network, model.inputs, x_num, x_cat, output="logits")
    by_members = softmax(logits.double().numpy())[folds, here]
    np.testing.assert_allclose(seen["first"], by_members, rtol=1e-3, atol=1e-5)
    assert model.tree_share == seen["share"]


def test_calibration_and_rule_are_those_of_the_blend(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    given: dict[str, FloatArray] = {}

    def watched_choice(
        y: Any, first: Any, second: Any, *rest: Any, **more: Any
    ) -> float:
        share = choose_share(y, first, second, *rest, **more)
        given["blend"] = (1 - share) * first + share * second
        return share

    def watched_scaling(y: Any, proba: Any, *rest: Any, **more: Any) -> Any:
        given.setdefault("scaled", proba)  # of all rows; then part by part
        return fit_scaling(y, proba, *rest, **more)

    def watched_tilt(y: Any, proba: Any, *rest: Any, **more: Any) -> Any:
        given["tilted"] = proba
        return tune_tilt(y, proba, *rest, **more)

    monkeypatch.setattr(member_fitting, "choose_share", watched_choice)
    monkeypatch.setattr(member_fitting, "fit_scaling", watched_scaling)
    monkeypatch.setattr(member_fitting, "tune_tilt", watched_tilt)
    fit(2)
    np.testing.assert_allclose(given["scaled"], given["blend"], rtol=1e-12)
    np.testing.assert_allclose(given["tilted"], given["blend"], rtol=1e-12)


def test_a_model_of_single_rows_can_be_saved(tmp_path: Path) -> None:
    X, y = np.arange(8.0).reshape(4, 2), np.arange(4)
    clf = QCLMixNetClassifier(max_epochs=2, n_tree_rounds=2, random_state=0)
    with pytest.warns(FitWarning, match="Classes with a single row"):
        clf.fit(X, y)
    assert model_of(clf).tree_share == 0.35  # nothing is left out: the usual one
    clf.save(tmp_path / "m")
    after = QCLMixNetClassifier.load(tmp_path / "m")
    np.testing.assert_array_equal(after.predict_proba(X), clf.predict_proba(X))


def test_members_alone_speak_for_a_class_with_too_few_rows_for_a_leaf() -> None:
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(120, 3)), np.repeat([0, 1, 2], [80, 38, 2])
    X[y == 2] += 6
    clf = QCLMixNetClassifier(max_epochs=30, random_state=0).fit(X, y)
    model = model_of(clf)
    assert model.unknown_to_trees == (2,)
    encoded = clf._encode(X)
    x_num, x_cat = torch.from_numpy(encoded.x_num), torch.from_numpy(encoded.x_cat)
    logits = member_outputs(model.network, model.inputs, x_num, x_cat, output="logits")
    by_members = logits.softmax(dim=2).mean(dim=0).numpy()
    plain = replace(model, scaling=ProbabilityScaling(1.0, 0.0, (0.0, 0.0, 0.0)))
    np.testing.assert_allclose(plain.proba(encoded)[:, 2], by_members[:, 2], rtol=1e-9)
    assert (clf.predict(X)[y == 2] == 2).all()
