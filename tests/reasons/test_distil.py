import numpy as np
import pandas as pd
import pytest

from qclmixnet.core.errors import InputError
from qclmixnet.reasons import RuleList, distil
from qclmixnet.table import Schema, Table, read_training_table


def cards(n_rows: int = 600, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    amount = rng.uniform(0, 200, n_rows).round(1)
    amount[rng.random(n_rows) < 0.1] = np.nan
    return pd.DataFrame(
        {
            "amount": amount,
            "country": rng.choice(["X", "Y", "Z"], n_rows),
            "age": rng.integers(18, 90, n_rows),
        }
    )


def ruled(
    frame: pd.DataFrame, decided: np.ndarray, **settings: int
) -> tuple[RuleList, Table, Schema]:
    schema, table = read_training_table(frame)
    rules = distil(
        table, schema, decided, generator=np.random.default_rng(0), **settings
    )
    return rules, table, schema


def test_a_planted_rule_is_found_in_the_columns_own_units() -> None:
    frame = cards()
    decided = ((frame["amount"] > 120.5) & (frame["country"] == "X")).to_numpy()
    rules, _, _ = ruled(frame, decided.astype(np.int64))
    (fraud,) = [rule for rule in rules.rules if rule.decision == 1]
    texts = {condition.text for condition in fraud.conditions}
    assert "country is 'X'" in texts
    (limit,) = [c for c in fraud.conditions if c.column == "amount"]
    assert limit.relation == "above"
    assert isinstance(limit.value, float)
    assert abs(limit.value - 120.5) < 3  # amounts are about 0.5 apart per country
    assert rules.fidelity > 0.98
    assert fraud.coverage > 0.9
    assert fraud.precision > 0.9


def test_coverage_precision_and_fidelity_are_those_of_a_plain_count() -> None:
    frame = cards(300)
    noise = np.random.default_rng(3).random(300) < 0.15
    decided = ((frame["age"] > 60) ^ noise).to_numpy().astype(np.int64)
    rules, table, _ = ruled(frame, decided, max_depth=2)
    # The same split as inside: a third of each class, by the same generator.
    from qclmixnet.table import stratified_holdout

    _, held_out = stratified_holdout(
        decided, fraction=1 / 3, generator=np.random.default_rng(0)
    )
    truth = decided[held_out]
    said = rules.decide(table)[held_out]
    assert rules.n_held_out == len(held_out)
    assert rules.fidelity == pytest.approx((said == truth).mean())
    assert rules.majority == pytest.approx(max(truth.mean(), 1 - truth.mean()))
    recalls = [(said[truth == code] == code).mean() for code in (0, 1)]
    assert rules.recall == pytest.approx(np.mean(recalls))
    for code in (0, 1):
        mine = [rule for rule in rules.rules if rule.decision == code]
        covered = sum(rule.coverage for rule in mine)
        assert covered == pytest.approx(recalls[code])
        hits = sum(rule.precision * rule.n_rows for rule in mine if rule.n_rows)
        assert hits == pytest.approx(((said == code) & (truth == code)).sum())


def test_missing_cells_can_be_the_rule() -> None:
    frame = cards()
    decided = frame["amount"].isna().to_numpy().astype(np.int64)
    rules, _, _ = ruled(frame, decided)
    texts = {rule.decision: rule.if_text for rule in rules.rules}
    assert texts == {0: "amount is not missing", 1: "amount is missing"}
    assert rules.fidelity == 1.0


def test_one_rule_holds_for_every_row() -> None:
    frame = cards(400, seed=5)
    score = frame["amount"].fillna(150) + frame["age"]
    decided = np.digitize(score, [100, 200]).astype(np.int64)
    rules, table, _ = ruled(frame, decided, max_depth=4)
    counts = np.zeros(400)
    for rule in rules.rules:
        every = [condition.holds(table) for condition in rule.conditions]
        counts += np.all(every, axis=0)
    assert (counts == 1).all()
    assert len(rules.rules) <= 16


def test_large_numbers_close_together_are_told_apart() -> None:
    # 1e9 and 1e9 + 1 are the same number in the float32 of scikit-learn's trees.
    values = 1e9 + np.tile([0.0, 1.0], 50)
    frame = pd.DataFrame({"a": values, "b": np.tile([0.5, 0.7, 0.2, 0.1], 25)})
    rules, _, _ = ruled(frame, np.tile([0, 1], 50))
    assert rules.fidelity == 1.0


def test_leaves_of_one_class_are_one_rule() -> None:
    frame = cards()
    decided = (frame["age"] > 60).to_numpy().astype(np.int64)
    rules, _, _ = ruled(frame, decided, max_depth=4)
    assert len(rules.rules) == 2


@pytest.mark.parametrize(
    ("n_rows", "settings", "message"),
    [
        (10, {}, "at least 12 rows, got 10"),
        (40, {"max_depth": 5}, "at most 4"),
        (40, {"max_depth": 0}, "max_depth"),
    ],
)
def test_what_cannot_be_ruled_is_told(
    n_rows: int, settings: dict[str, int], message: str
) -> None:
    decided = np.arange(n_rows, dtype=np.int64) % 2
    with pytest.raises(InputError, match=message):
        ruled(cards(n_rows), decided, **settings)


def test_a_single_decision_has_no_rules() -> None:
    with pytest.raises(InputError, match="same class on all rows"):
        ruled(cards(40), np.zeros(40, dtype=np.int64))
