"""What a caller wants of decisions, read and checked before anything is tuned."""

from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Real
from typing import Any, get_args

import numpy as np
import numpy.typing as npt
import pandas as pd

from qclmixnet.core.checks import check_choice, check_integer, check_real
from qclmixnet.core.errors import InputError, ModelFormatError
from qclmixnet.decision import (
    ArgmaxRule,
    BudgetRule,
    CostRule,
    DecisionRule,
    HeldOut,
    RuleObjective,
    choose_rule,
    rule_for_alerts,
    rule_for_recall,
)

__all__ = ["Demand", "cost_matrix", "place_of", "read_demand"]

_IN_WORDS = {
    "macro_f1": "macro-F1",
    "macro_recall": "macro recall",
    "balanced": "mean of macro-F1 and macro recall",
    "g_mean": "geometric mean of the recalls",
    "mcc": "MCC",
}
_NAMES = get_args(RuleObjective)


@dataclass(frozen=True)
class Demand:
    """What decisions shall achieve; a rule is chosen for it on held-out rows.

    Attributes:
        kind: "argmax", an objective, "costs", "recall", "alerts" or "top".
        alert: number of the class that it is about; -1 for none.
        value: the recall, the alerts or the rows asked for.
        per_rows: rows among which so many alerts are allowed, or are to be given; 0
            where that is not known.
        confidence: how sure the recall shall be; None takes it as estimated.
        costs: cost of predicting the column's class for one of the row's; empty
            unless the kind is "costs".
    """

    kind: str
    alert: int = -1
    value: float = 0.0
    per_rows: int = 0
    confidence: float | None = None
    costs: tuple[tuple[float, ...], ...] = ()

    @property
    def is_tuned(self) -> bool:
        """Whether the rule depends on held-out rows."""
        return self.kind not in ("argmax", "costs", "top")

    def rule(self, held_out: HeldOut | None) -> DecisionRule | None:
        """Choose the rule; None stands for the most probable class.

        Args:
            held_out: rows to choose it on.

        Returns:
            The rule.

        Raises:
            InputError: the demand cannot be met, or there is no held-out row.
        """
        if self.kind == "argmax":
            return None
        if self.kind == "costs":
            return CostRule(np.array(self.costs))
        if self.kind == "top":
            return BudgetRule(self.alert, int(self.value))
        if held_out is None:
            raise InputError(
                "The model has no held-out rows to choose this rule on; fit it with "
                "the default preset, or with a `validation_fraction` above 0."
            )
        if self.kind == "recall":
            return rule_for_recall(
                held_out,
                alert=self.alert,
                at_least=self.value,
                confidence=self.confidence,
            )
        if self.kind == "alerts":
            return rule_for_alerts(
                held_out,
                alert=self.alert,
                n_alerts=int(self.value),
                per_rows=self.per_rows,
            )
        objective: RuleObjective = self.kind  # type: ignore[assignment]
        return choose_rule(held_out, objective)

    def choose(self, held_out: HeldOut) -> DecisionRule:
        """Choose the rule, the most probable class being one as well."""
        return self.rule(held_out) or ArgmaxRule()

    def in_words(self, classes: npt.NDArray[Any]) -> str:
        """Say what is wanted, with the names of the classes."""
        alert = repr(str(classes[self.alert]))
        match self.kind:
            case "argmax":
                return "the most probable class"
            case "costs":
                return "the lowest expected cost"
            case "recall":
                sure = (
                    f" with confidence {self.confidence:g}" if self.confidence else ""
                )
                return (
                    f"a recall of {alert} of at least {self.value:g}{sure}, then the "
                    "best precision"
                )
            case "alerts":
                return (
                    f"at most {self.value:g} alerts of {alert} per "
                    f"{self.per_rows:,} rows"
                )
            case "top":
                return f"{alert} for the {self.value:g} rows most likely to be it"
        return f"the best {_IN_WORDS[self.kind]}"

    def to_dict(self) -> dict[str, object]:
        """Return the demand fit for JSON."""
        return {**vars(self), "costs": [list(row) for row in self.costs]}

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> "Demand":
        """Rebuild a demand from what `to_dict` returned.

        Args:
            stored: the dict, also after a way through JSON.

        Returns:
            An equal demand.

        Raises:
            ModelFormatError: it is something else.
        """
        try:
            costs = tuple(tuple(map(float, row)) for row in stored["costs"])
            return cls(**{**stored, "costs": costs})
        except (KeyError, TypeError, ValueError) as error:
            raise ModelFormatError(f"Not a stored demand: {stored!r}.") from error


def read_demand(
    decision: object,
    *,
    classes: npt.NDArray[Any],
    shares: npt.NDArray[np.float64],
    costs: object = None,
    min_recall: object = None,
    confidence: object = None,
    max_alerts: object = None,
    per_rows: object = None,
    top: object = None,
    alert: object = None,
) -> Demand:
    """Read the arguments of `set_decision`.

    Args:
        decision: a name, or None when another argument says what is wanted.
        classes: the labels, sorted.
        shares: share of each class in training, to find the rarer of two.
        costs: see `cost_matrix`.
        min_recall: a mapping from one label to its least recall.
        confidence: how sure that recall shall be.
        max_alerts: alerts allowed in `per_rows` rows.
        per_rows: see `max_alerts`; with `top` the usual size of a table to predict.
        top: rows that shall get the label `alert`.
        alert: the label that an alert says; of two classes the rarer by default.

    Returns:
        The demand.

    Raises:
        InputError: none or several things are asked for, or one of them is out of
            range.
    """
    asked = {
        "decision": decision,
        "costs": costs,
        "min_recall": min_recall,
        "max_alerts": max_alerts,
        "top": top,
    }
    given = [name for name, value in asked.items() if value is not None]
    if len(given) != 1:
        raise InputError(
            "Ask for exactly one of `decision`, `costs`, `min_recall`, `max_alerts` "
            f"and `top`, got {' and '.join(given) or 'none'}."
        )
    needless = {
        "confidence": confidence is not None and given != ["min_recall"],
        "per_rows": per_rows is not None and given not in (["max_alerts"], ["top"]),
        "alert": alert is not None and given not in (["max_alerts"], ["top"]),
    }
    for name, is_needless in needless.items():
        if is_needless:
            raise InputError(f"`{name}` has no meaning for `{given[0]}`; leave it out.")
    if costs is not None:
        matrix = cost_matrix(costs, classes)
        return Demand("costs", costs=tuple(tuple(row) for row in matrix.tolist()))
    if min_recall is not None:
        return _recall(min_recall, confidence, classes)
    if decision is not None:
        return Demand(check_choice(decision, "decision", list(_NAMES)))
    place = _alert_of(alert, classes, shares)
    if top is not None:
        n_rows = check_integer(top, "top", low=1)
        among = 0 if per_rows is None else check_integer(per_rows, "per_rows", low=1)
        return Demand("top", place, n_rows, among)
    if per_rows is None:
        raise InputError("Say with `per_rows` among how many rows `max_alerts` counts.")
    n_alerts = check_integer(max_alerts, "max_alerts", low=1)
    return Demand(
        "alerts", place, n_alerts, check_integer(per_rows, "per_rows", low=n_alerts)
    )


def cost_matrix(costs: object, classes: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """Read what each mistake costs.

    Args:
        costs: a mapping from (true label, predicted label) to a cost, where other
            mistakes cost 1 and right answers nothing; or a square array in the order
            of `classes`, true classes down; or a frame with labels on both sides.
        classes: the labels, sorted.

    Returns:
        Classes by classes, the true one down.

    Raises:
        InputError: a label is unknown or missing, the shape is another, or a cost is
            no finite number.
    """
    n_classes = len(classes)
    if isinstance(costs, Mapping):
        out = 1 - np.eye(n_classes)
        for pair, cost in costs.items():
            if not (isinstance(pair, tuple) and len(pair) == 2):
                raise InputError(
                    "`costs` must map pairs (true label, predicted label) to numbers, "
                    f"got the key {pair!r}."
                )
            places = tuple(place_of(label, classes, "costs") for label in pair)
            out[places] = _finite(cost)
        return out
    if isinstance(costs, pd.DataFrame):
        rows = [place_of(label, classes, "costs") for label in costs.index]
        columns = [place_of(label, classes, "costs") for label in costs.columns]
        if sorted(rows) != list(range(n_classes)) or sorted(columns) != sorted(rows):
            raise InputError(
                "`costs` must have each class once as a row (the true class) and once "
                f"as a column (the predicted one): {classes.tolist()!r}; got rows "
                f"{costs.index.tolist()!r} and columns {costs.columns.tolist()!r}."
            )
        costs = costs.to_numpy()[np.ix_(np.argsort(rows), np.argsort(columns))]
    try:
        values = np.asarray(costs, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError("`costs` must hold numbers only.") from error
    if values.shape != (n_classes, n_classes) or not np.isfinite(values).all():
        raise InputError(
            f"`costs` must be {n_classes} by {n_classes} finite numbers, one for each "
            f"true and predicted class, got shape {values.shape}."
        )
    return values


def place_of(label: object, classes: npt.NDArray[Any], name: str) -> int:
    """Return the number of a class; whole numbers and their texts are the same.

    Args:
        label: the class.
        classes: the labels, sorted.
        name: the argument it comes from, for the message.

    Returns:
        Its place among the labels.

    Raises:
        InputError: there is no such class.
    """
    texts = [str(value) for value in classes.tolist()]
    if str(label) not in texts:
        raise InputError(
            f"`{name}` names the class {label!r}, which the classifier does not know. "
            f"It knows {', '.join(map(repr, texts))}."
        )
    return texts.index(str(label))


def _recall(
    min_recall: object, confidence: object, classes: npt.NDArray[Any]
) -> Demand:
    if not isinstance(min_recall, Mapping) or len(min_recall) != 1:
        raise InputError(
            "`min_recall` must map one label to its least recall, such as "
            f"{{{str(classes[-1])!r}: 0.95}}; got {min_recall!r}."
        )
    ((label, recall),) = min_recall.items()
    if confidence is not None:
        confidence = check_real(
            confidence, "confidence", low=0, high=1, open_low=True, open_high=True
        )
    return Demand(
        "recall",
        place_of(label, classes, "min_recall"),
        check_real(recall, "min_recall", low=0, high=1, open_low=True),
        confidence=confidence,
    )


def _alert_of(
    alert: object, classes: npt.NDArray[Any], shares: npt.NDArray[np.float64]
) -> int:
    if alert is not None:
        return place_of(alert, classes, "alert")
    if len(classes) == 2:
        return int(np.argmin(shares))
    raise InputError(
        f"Say with `alert` which of the {len(classes)} classes an alert is about."
    )


def _finite(cost: object) -> float:
    if not isinstance(cost, Real) or not np.isfinite(float(cost)):
        raise InputError(f"`costs` must hold finite numbers, got {cost!r}.")
    return float(cost)
