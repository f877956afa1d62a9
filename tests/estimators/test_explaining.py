from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.special import logit

from qclmixnet import QCLMixNetClassifier
from qclmixnet.core.errors import DataWarning, InputError
from qclmixnet.estimators.explanation import Explanation

pytestmark = pytest.mark.usefixtures("users_view")

N_ROWS = 240


def _table(seed: int = 0) -> tuple[pd.DataFrame, pd.Series]:
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "country": rng.choice(["X", "Y", "Z"], N_ROWS),
            "amount": rng.uniform(0, 200, N_ROWS).round(1),
            "visits": rng.integers(0, 12, N_ROWS),
            "since": pd.Timestamp("2024-01-01")
            + pd.to_timedelta(rng.integers(0, 300, N_ROWS), unit="D"),
            "open": rng.choice([True, False], N_ROWS),
        }
    )
    frame.loc[::11, "visits"] = np.nan
    score = frame["amount"] / 50 + (frame["country"] == "X") * 1.5
    labels = np.where(score > 3.2, "fraud", np.where(score < 0.8, "idle", "usual"))
    return frame, pd.Series(labels, name="kind")


@pytest.fixture(scope="module")
def fitted() -> QCLMixNetClassifier:
    X, y = _table()
    clf = QCLMixNetClassifier(
        n_members=4, n_tree_rounds=10, max_epochs=30, random_state=0
    )
    return clf.fit(X, y)


def assert_sums(found: Explanation) -> None:
    sums = found.values.sum(axis=1)  # noqa: PD011
    np.testing.assert_allclose(sums, found.log_odds - found.base, atol=1e-10)


def test_contributions_sum_to_the_log_odds(fitted: QCLMixNetClassifier) -> None:
    X, _ = _table(1)
    found = fitted.explain(X[:6], n_permutations=3)
    assert found.columns == ("country", "amount", "visits", "since", "open")
    assert_sums(found)
    # In single precision, but of the probabilities that the classifier gives.
    expected = logit(fitted.predict_proba(X[:6]))
    np.testing.assert_allclose(found.log_odds, expected, atol=1e-3)


def test_columns_that_make_the_class_are_named_first(
    fitted: QCLMixNetClassifier,
) -> None:
    X, _ = _table(1)
    importance = fitted.feature_importance(X[:80])
    assert set(importance.index[:2]) == {"amount", "country"}
    assert list(importance.columns) == ["fraud", "idle", "usual"]
    found = fitted.explain(X[:80])
    by_hand = np.abs(found.values).mean(axis=0)
    np.testing.assert_allclose(
        importance.loc[list(found.columns)].to_numpy(), by_hand, atol=1e-12
    )


def test_the_frame_has_cells_and_the_predicted_class(
    fitted: QCLMixNetClassifier,
) -> None:
    X, _ = _table(1)
    found = fitted.explain(X[:4], n_permutations=4)
    frame = found.to_frame()
    assert len(frame) == 4 * 5
    assert frame.groupby("row")["class"].first().tolist() == list(fitted.predict(X[:4]))
    assert frame.loc[frame["column"] == "amount", "value"].tolist() == list(
        X["amount"][:4]
    )
    truths = frame.loc[frame["column"] == "open", "value"]
    assert truths.tolist() == X["open"][:4].tolist()
    assert {type(truth) for truth in truths} == {bool}
    sums = frame.groupby("row")["contribution"].sum().to_numpy()
    rows = np.arange(4)
    expected = found.log_odds[rows, found.predicted] - found.base[found.predicted]
    np.testing.assert_allclose(sums, expected, atol=1e-10)
    top = found.top(2, n=3)
    of_row = frame[frame["row"] == 2]
    largest = of_row["contribution"].abs().nlargest(3)
    assert top["column"].tolist() == of_row.loc[largest.index, "column"].tolist()
    assert "4 rows, 5 columns, classes fraud, idle, usual" in repr(found)


def test_some_classes_are_a_part_of_all(fitted: QCLMixNetClassifier) -> None:
    X, _ = _table(1)
    every = fitted.explain(X[:3], n_permutations=2)
    some = fitted.explain(X[:3], classes=["usual", "fraud"], n_permutations=2)
    assert some.classes.tolist() == ["usual", "fraud"]
    ours, theirs = some.values, every.values  # noqa: PD011
    np.testing.assert_allclose(ours, theirs[..., [2, 0]], atol=1e-12)


def test_a_loaded_model_explains_as_the_saved_one(
    fitted: QCLMixNetClassifier, tmp_path: Path
) -> None:
    X, _ = _table(1)
    fitted.save(tmp_path / "model")
    again = QCLMixNetClassifier.load(tmp_path / "model")
    first, second = (clf.explain(X[:3], n_permutations=2) for clf in (fitted, again))
    np.testing.assert_array_equal(first.values, second.values)


def test_a_planted_product_is_the_first_pair() -> None:
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(400, 4)), columns=list("abcd"))
    y = np.where(X["b"] * X["d"] > 0, 1, 0)
    clf = QCLMixNetClassifier(n_members=4, n_tree_rounds=0, random_state=0).fit(X, y)
    found = clf.interactions(X, n_pairs=3, n_samples=60)
    assert found[["first", "second"]].to_numpy()[0].tolist() == ["b", "d"]
    assert found["strength"][0] > 2 * found["strength"][1]
    assert len(found) == 3


def test_a_changed_row_is_predicted_as_promised(fitted: QCLMixNetClassifier) -> None:
    X, _ = _table(1)
    X = X[:12].reset_index(drop=True)
    found = fitted.counterfactual(X)
    changed = X.astype({"visits": float})
    done = found.dropna(subset="column")
    assert len(done)
    for line in done.to_dict("records"):
        row, place = int(line["row"]), list(changed.columns).index(line["column"])
        assert changed.iloc[row, place] == line["before"]
        changed.iloc[row, place] = float(line["after"])
    rows = sorted(set(done["row"]))
    expected = done.groupby("row")["new_decision"].first()
    assert fitted.predict(changed.loc[rows]).tolist() == expected.tolist()
    assert (fitted.predict(X)[rows] != expected).all()
    assert set(done["column"]) <= {"amount", "visits"}
    assert (done.loc[done["column"] == "visits", "after"] % 1 == 0).all()


def test_fixed_columns_stay_and_the_wanted_class_is_reached(
    fitted: QCLMixNetClassifier,
) -> None:
    X, _ = _table(1)
    found = fitted.counterfactual(X[:12], fixed=["amount"])
    assert set(found["column"].dropna()) <= {"visits"}
    towards = fitted.counterfactual(X[:12], wanted="idle")
    assert set(towards["new_decision"].dropna()) == {"idle"}
    already = towards[towards["decision"] == "idle"]
    assert already["column"].isna().all()


def test_rules_say_how_true_they_are(fitted: QCLMixNetClassifier) -> None:
    X, _ = _table(2)
    rules = fitted.rules(X)
    frame, text = rules.to_frame(), str(rules)
    assert set(frame["then"]) <= {"fraud", "idle", "usual"}
    assert rules.fidelity > 0.75
    assert rules.recall > 0.6
    first = frame.iloc[0]
    assert text.startswith(f"if {first['if']} then {first['then']} (")
    assert f"{rules.fidelity:.0%}".replace("%", " %") in text.splitlines()[-1]


def test_the_most_similar_case_of_a_past_row_is_itself(
    fitted: QCLMixNetClassifier,
) -> None:
    X, y = _table()
    found = fitted.similar_cases(X[5:7], X, y, n_cases=3)
    assert found["row"].tolist() == [0, 0, 0, 1, 1, 1]
    assert found["rank"].tolist() == [1, 2, 3, 1, 2, 3]
    nearest = found[found["rank"] == 1]
    assert nearest["position"].tolist() == [5, 6]
    np.testing.assert_allclose(nearest["distance"], 0, atol=1e-9)
    assert found["label"].tolist() == y[found["position"]].tolist()


def test_the_map_of_the_papers_layer_names_columns() -> None:
    X, y = _table()
    clf = QCLMixNetClassifier(preset="paper", max_epochs=1, random_state=0).fit(X, y)
    found = clf.entanglement_map()
    assert list(found.index) == list(found.columns) == list(X.columns)
    assert found.to_numpy().max() == 1
    np.testing.assert_array_equal(found, found.T)
    few = clf.explain(X[:2], n_permutations=2)  # the other kind of model
    assert_sums(few)


def test_what_is_unknown_is_named(fitted: QCLMixNetClassifier) -> None:
    X, y = _table()
    with pytest.raises(InputError, match=r"some of \['fraud', 'idle', 'usual'\]"):
        fitted.explain(X[:1], classes=["gone"])
    with pytest.raises(InputError, match="list of labels, got 'fraud'"):
        fitted.explain(X[:1], classes="fraud")
    with pytest.raises(InputError, match=r"did not have: \['size'\]"):
        fitted.counterfactual(X[:1], fixed=["size"])
    with pytest.raises(InputError, match="list of column names"):
        fitted.counterfactual(X[:1], fixed="amount")
    with pytest.raises(InputError, match="some of"):
        fitted.counterfactual(X[:1], wanted="gone")
    with pytest.raises(InputError, match="one label for each of the 240 rows"):
        fitted.similar_cases(X[:1], X, y[:3])
    with pytest.raises(InputError, match="`row` must be from 0 to 0, got 1"):
        fitted.explain(X[:1], n_permutations=1).top(1)
    with pytest.raises(InputError, match="`entangle` is off"):
        fitted.entanglement_map()


def test_a_model_without_background_rows_says_to_fit_again(
    fitted: QCLMixNetClassifier,
) -> None:
    X, _ = _table()
    old = QCLMixNetClassifier()
    old._adopt(replace(fitted.state_, background=None))
    for call in (old.explain, old.feature_importance, old.interactions):
        with pytest.raises(InputError, match="fit it again"):
            call(X[:2])
    with pytest.raises(InputError, match="fit it again"):
        old.counterfactual(X[:2])


def test_levels_never_seen_are_warned_of_as_in_predict(
    fitted: QCLMixNetClassifier,
) -> None:
    X = _table(1)[0][:4]
    X.loc[X.index[1], "country"] = "Q"
    with pytest.warns(DataWarning, match=r"'country' \(1\)"):
        fitted.explain(X, n_permutations=2)
