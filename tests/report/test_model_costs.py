"""What decisions cost on the page of a model, by hand and as the page shows it."""

from copy import deepcopy

import numpy as np
import pandas as pd
import pytest

from qclmixnet import QCLMixNetClassifier
from qclmixnet.decision import CostRule
from qclmixnet.report import describe_model, render_model_page
from qclmixnet.report.model_costs import decision_costs
from tests.report.page_reader import read_page


def test_costs_by_hand() -> None:
    # A missed row of b costs 9, a false one 1, a right one gains 2.
    rule = CostRule(np.array([[0.0, 1.0], [9.0, -2.0]]))
    codes = np.array([0, 0, 0, 0, 1, 1])
    proba_b = np.array([0.01, 0.3, 0.02, 0.6, 0.4, 0.02])
    proba = np.column_stack([1 - proba_b, proba_b])
    y_pred = rule.decide(proba)
    assert y_pred.tolist() == [0, 1, 0, 1, 1, 0]
    found = decision_costs(
        rule, codes, y_pred, proba, labels=["a", "<b>"], n_resamples=300, coverage=0.9
    )
    ours, probable, always = found.ways
    assert ours.cost.value == pytest.approx((1 + 1 - 2 + 9) / 6)
    assert probable.cost.value == pytest.approx((1 + 9 + 9) / 6)
    assert always.way == "always <b>"
    assert always.cost.value == pytest.approx((4 * 1 - 2 * 2) / 6)
    for way in found.ways:
        assert -2 <= way.cost.low <= way.cost.value <= way.cost.high <= 9
    stated = [(each.true, each.decided, each.cost) for each in found.stated]
    assert stated == [("<b>", "a", 9.0), ("a", "<b>", 1.0), ("<b>", "<b>", -2.0)]


def test_the_page_shows_costs_when_the_model_decides_by_them() -> None:
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"height": rng.normal(size=300)})
    y = pd.Series(np.where(X["height"] + rng.normal(size=300) > 1, "rare", "usual"))
    clf = QCLMixNetClassifier(
        max_epochs=2, n_members=2, n_tree_rounds=0, random_state=0
    ).fit(X[:150], y[:150])
    plain = describe_model(clf, X[150:], y[150:])
    assert plain.scored is not None
    assert plain.scored.costs is None
    assert "What its decisions cost" not in render_model_page(plain)

    dear = deepcopy(clf)
    dear.set_decision(costs={("rare", "usual"): 20.0, ("usual", "rare"): 1.0})
    page = describe_model(dear, X[150:], y[150:])
    predicted = dear.predict(X[150:])
    missed = ((y[150:] == "rare") & (predicted == "usual")).sum()
    false = ((y[150:] == "usual") & (predicted == "rare")).sum()
    document = read_page(render_model_page(page))
    (table,) = document.all("table", id="table-costs")
    first = table.cells()[0]
    assert first[0] == "the lowest expected cost, as the model does"
    assert first[1].startswith(f"{(20 * missed + false) / 150:.4f}")
    (stated,) = document.all("table", id="table-stated-costs")
    assert stated.cells() == [["rare", "usual", "20.00"], ["usual", "rare", "1.00"]]
