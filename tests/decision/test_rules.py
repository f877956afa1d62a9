"""Stored rules of every kind."""

import json

import numpy as np
import pytest

from qclmixnet.core.errors import ModelFormatError
from qclmixnet.decision import (
    ArgmaxRule,
    BudgetRule,
    CostRule,
    DecisionRule,
    OffsetRule,
    ThresholdRule,
    rule_from_dict,
)

RULES: list[DecisionRule] = [
    ArgmaxRule(),
    OffsetRule(np.array([0.0, 1.5, -0.25]), "mcc", 0.5, 0.6, "few rows"),
    CostRule(np.arange(9.0).reshape(3, 3)),
    ThresholdRule(2, 0.3),
    BudgetRule(1, 5),
]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: type(rule).__name__)
def test_every_rule_survives_json_and_decides_the_same(rule: DecisionRule) -> None:
    assert isinstance(rule, DecisionRule)
    again = rule_from_dict(json.loads(json.dumps(rule.to_dict(), allow_nan=False)))
    assert type(again) is type(rule)
    assert again == rule
    proba = np.random.default_rng(0).dirichlet(np.ones(3), size=40)
    np.testing.assert_array_equal(again.decide(proba), rule.decide(proba))


def test_a_dict_without_a_kind_is_an_offset_rule_of_an_old_model() -> None:
    rule = RULES[1]
    state = rule.to_dict()
    del state["kind"]
    assert rule_from_dict(state) == rule
    assert OffsetRule.from_dict(state) == rule


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (None, r"is no rule: None"),
        ({}, r"damaged"),
        ({"kind": "oracle"}, r"kind 'oracle', which this version does not know"),
        ({"kind": ["costs"]}, r"does not know"),
        ({"kind": "costs"}, r"damaged"),
        ({"kind": "threshold"}, r"damaged"),
        ({"kind": "budget"}, r"damaged"),
    ],
)
def test_what_cannot_be_read_is_refused(state: object, words: str) -> None:
    with pytest.raises(ModelFormatError, match=words):
        rule_from_dict(state)


def test_the_argmax_is_what_it_says() -> None:
    proba = np.array([[0.2, 0.5, 0.3], [0.4, 0.4, 0.2]])
    assert ArgmaxRule().decide(proba).tolist() == [1, 0]
