"""From raw probabilities to calibrated ones, and to the label that the rule chooses."""

import numpy as np
import numpy.typing as npt

from qclmixnet.core.errors import InputError
from qclmixnet.decision import (
    ArgmaxRule,
    BudgetRule,
    CostRule,
    DecisionRule,
    OffsetRule,
    ProbabilityScaling,
    ThresholdRule,
)
from qclmixnet.export.graph import Graph, Value

__all__ = ["blend", "choose_label", "decide", "restate", "scale"]

FloatArray = npt.NDArray[np.float64]

_LEAST = 1e-12  # as `ProbabilityScaling`
_TINY = float(np.finfo(np.float64).tiny)  # as `OffsetRule`


def blend(
    graph: Graph,
    members: Value,
    trees: Value,
    *,
    share: float,
    unknown: tuple[int, ...],
    n_classes: int,
) -> Value:
    """Add the mean of two models; see `qclmixnet.decision.defer` for `unknown`."""
    if unknown:
        is_unknown = np.isin(np.arange(n_classes), unknown).astype(np.float64)
        theirs = graph.add("Mul", members, is_unknown)
        known = graph.add("Mul", trees, 1 - is_unknown)
        left = graph.add("Sub", np.float64(1), _row_sum(graph, theirs))
        total = graph.add("Max", _row_sum(graph, known), np.float64(_TINY))
        known = graph.add("Mul", known, graph.add("Div", left, total))
        trees = graph.add("Add", known, theirs)
    return graph.add(
        "Add",
        graph.add("Mul", members, np.float64(1 - share)),
        graph.add("Mul", trees, np.float64(share)),
    )


def scale(graph: Graph, proba: Value, scaling: ProbabilityScaling) -> Value:
    """Add a calibration."""
    log_p = graph.add("Log", graph.add("Max", proba, np.float64(_LEAST)))
    sharp = graph.add("Mul", log_p, np.float64(scaling.sharpness))
    taken_back = scaling.undone * np.array(scaling.log_weights)
    return graph.add("Softmax", graph.add("Sub", sharp, taken_back), axis=-1)


def restate(
    graph: Graph, proba: Value, trained: FloatArray, stated: FloatArray
) -> Value:
    """Add the step to stated shares of the classes."""
    joint = graph.add("Mul", proba, stated / trained)
    return graph.add("Div", joint, _row_sum(graph, joint))


def decide(
    graph: Graph, proba: Value, rule: DecisionRule | None, n_classes: int
) -> Value:
    """Add the rule.

    Args:
        graph: what to add to.
        proba: float64 (rows, classes).
        rule: None takes the most probable class.
        n_classes: number of classes.

    Returns:
        int64, the number of the class of each row.

    Raises:
        InputError: the rule is of a kind that has no graph.
    """
    match rule:
        case None | ArgmaxRule():
            return _argmax(graph, proba)
        case OffsetRule():
            log_p = graph.add("Log", graph.add("Max", proba, np.float64(_TINY)))
            return _argmax(graph, graph.add("Add", log_p, rule.offsets))
        case CostRule():
            expected = graph.add("MatMul", proba, np.array(rule.costs))
            return graph.add("ArgMin", expected, axis=1, keepdims=0)
        case ThresholdRule():
            of_alert = _of_class(graph, proba, rule.alert)
            limit = np.float64(rule.threshold)
            reaches = graph.add("Not", graph.add("Less", of_alert, limit))
            others = _best_other(graph, proba, rule.alert, n_classes)
            return graph.add("Where", reaches, np.int64(rule.alert), others)
        case BudgetRule():
            others = _best_other(graph, proba, rule.alert, n_classes)
            of_alert = _of_class(graph, proba, rule.alert)
            return _alert_the_top(graph, of_alert, others, rule)
    raise InputError(
        f"A rule of type {type(rule).__name__} cannot be exported; choose another with "
        "`set_decision`."
    )


def choose_label(graph: Graph, codes: Value, classes: npt.NDArray[np.generic]) -> Value:
    """Add the labels of class numbers, of the labels' own type where ONNX has it."""
    wanted = {"i": np.int64, "u": np.int64, "b": np.bool_, "f": np.float64}
    dtype = wanted.get(classes.dtype.kind)
    if dtype is None:
        texts = np.array([str(label) for label in classes], dtype=object)
        return graph.add("Gather", texts, codes, axis=0)
    return graph.add("Gather", classes.astype(dtype), codes, axis=0)


def _row_sum(graph: Graph, values: Value) -> Value:
    axes = np.array([1], dtype=np.int64)
    return graph.add("ReduceSum", values, axes, keepdims=1)


def _argmax(graph: Graph, values: Value) -> Value:
    return graph.add("ArgMax", values, axis=1, keepdims=0)


def _of_class(graph: Graph, proba: Value, number: int) -> Value:
    return graph.add("Gather", proba, np.int64(number), axis=1)


def _best_other(graph: Graph, proba: Value, alert: int, n_classes: int) -> Value:
    """The most probable class but one."""
    without = np.where(np.arange(n_classes) == alert, -2.0, 0.0)
    return _argmax(graph, graph.add("Add", proba, without))


def _alert_the_top(
    graph: Graph, of_alert: Value, others: Value, rule: BudgetRule
) -> Value:
    """Alert the first so many rows by probability; of equals those that come first."""
    n_rows = graph.add("Shape", of_alert)
    limit = np.array([rule.n_rows], dtype=np.int64)
    _, top = graph.add_many(
        "TopK", of_alert, graph.add("Min", n_rows, limit), n_outputs=2, axis=0
    )
    alerts = graph.add(
        "Expand", np.array([rule.alert], dtype=np.int64), graph.add("Shape", top)
    )
    return graph.add("ScatterElements", others, top, alerts, axis=0)
