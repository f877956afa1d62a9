"""From a fitted classifier and a table to everything that its page says."""

import platform
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import narwhals as nw
import numpy as np
import numpy.typing as npt
import pandas as pd

import qclmixnet
from qclmixnet.core.errors import DataWarning, InputError
from qclmixnet.decision import BudgetRule, DecisionRule, OffsetRule
from qclmixnet.report.describe_table import (
    cell_text,
    describe_columns,
    rows_of_training,
    table_notes,
)
from qclmixnet.report.model_data import ClassFacts, ListedRow, ModelPage, ScoredRows
from qclmixnet.report.model_rows import (
    PredictedRows,
    list_rows,
    reasons_of,
    unsure_rows,
    with_reasons,
    wrong_rows,
)
from qclmixnet.report.model_scores import (
    offsets_of,
    score_rows,
    two_class_threshold,
)
from qclmixnet.report.model_words import good_for, not_for, rule_in_words, summary_of
from qclmixnet.table import Table, class_codes, read_table

if TYPE_CHECKING:
    from qclmixnet.estimators import QCLMixNetClassifier

__all__ = ["describe_model"]

_MOST_SHOWN_COLUMNS = 8
_ROWS_FOR_IMPORTANCE = 150
_PERMUTATIONS = 6  # seconds for a page, and errors well below what the page shows
_SHARE_OF_TRAINING = 0.1  # of the rows kept; fewer may be equal by chance

_ENDS = {
    "finished": "all epochs were run",
    "patience": "no better epoch for a while",
    "time_limit": "the time limit was reached",
    "interrupted": "it was interrupted",
    "diverged": "it diverged",
}

IntArray = npt.NDArray[np.int64]


def describe_model(
    clf: "QCLMixNetClassifier",
    X: object,
    y: object = None,
    *,
    name: str = "",
    title: str = "",
    row_numbers: IntArray | None = None,
    card: Mapping[str, str] | None = None,
    notes: tuple[str, ...] = (),
) -> ModelPage:
    """Look at what a fitted classifier does with a table.

    Use rows that it was not fitted on.

    Args:
        clf: a fitted classifier.
        X: the table, with the columns of the training table.
        y: the true classes; None when they are not known, and nothing is scored then.
        name: what the table is called, such as the name of its file.
        title: heading of the page; one is made if it is empty.
        row_numbers: of the rows, as the reader counts them; from 1 if left out.
        card: further facts for the model card, by name, in front of ours.
        notes: further sentences on the table, in front of ours.

    Returns:
        Plain data, for `render_model_page`.

    Raises:
        InputError: columns are missing or cannot be read as what they were, or classes
            are missing or unknown to the classifier.
    """
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", DataWarning)
        proba = clf.predict_proba(X)
    warned = [str(w.message) for w in caught if issubclass(w.category, DataWarning)]
    table = read_table(X, clf.schema_, estimator_name=type(clf).__name__)
    rule = clf.decision_rule_
    predicted = PredictedRows(
        table=table,
        numbers=np.arange(1, table.n_rows + 1) if row_numbers is None else row_numbers,
        labels=[str(label) for label in clf.classes_],
        codes=None if y is None else _codes(clf, y, table.n_rows),
        y_pred=class_codes(clf.decide(proba), clf.classes_),
        proba=proba,
        offsets=offsets_of(rule, n_classes=len(clf.classes_)),
    )
    scored = _scored(predicted, rule)
    columns = describe_columns(clf.schema_, table)
    classes = _class_facts(predicted)
    n_seen = _training_rows(clf, table)
    target = clf.target_name_ or ""
    with warnings.catch_warnings():  # what these say again was caught above
        warnings.simplefilter("ignore", DataWarning)
        importance = _importance(clf, X, table.n_rows)
        shown = _shown_columns(clf, importance)
        unsure, wrong, n_wrong = _lists(clf, X, predicted, shown)
    return ModelPage(
        title=title or _title(target, name),
        summary=summary_of(scored, n_rows=table.n_rows, name=name, target=target),
        n_rows=table.n_rows,
        columns=columns,
        classes=classes,
        notes=(*notes, *warned, *_seen_note(n_seen), *table_notes(columns, classes)),
        scored=scored,
        unsure=unsure,
        wrong=wrong,
        n_wrong=n_wrong,
        diagnostics=tuple(asdict(each) for each in clf.diagnostics_),
        importance=importance,
        good_for=tuple(good_for(scored, target=target, n_classes=len(classes))),
        not_for=tuple(not_for(scored, classes, n_training_rows_seen=n_seen)),
        card={**(card or {}), **_card(clf, predicted)},
    )


def _codes(clf: "QCLMixNetClassifier", y: object, n_rows: int) -> IntArray:
    codes = class_codes(y, clf.classes_)
    if len(codes) != n_rows:
        raise InputError(
            f"`y` must have one label for each of the {n_rows} rows of `X`, got "
            f"{len(codes)}."
        )
    return codes


def _threshold(predicted: PredictedRows, rule: DecisionRule | None) -> float | None:
    # Among rows of a budget there is no threshold but by chance.
    if len(predicted.labels) != 2 or isinstance(rule, BudgetRule):
        return None
    return two_class_threshold(predicted.offsets)


def _scored(predicted: PredictedRows, rule: DecisionRule | None) -> ScoredRows | None:
    if predicted.codes is None:
        return None
    return score_rows(
        predicted.codes,
        predicted.y_pred,
        predicted.proba,
        labels=predicted.labels,
        rule=rule,
        own_threshold=_threshold(predicted, rule),
    )


def _lists(
    clf: "QCLMixNetClassifier",
    X: object,
    predicted: PredictedRows,
    columns: Sequence[str],
) -> tuple[tuple[ListedRow, ...], tuple[ListedRow, ...], int]:
    """Return unsure rows, wrong rows, and how many wrong ones there are."""
    rows = unsure_rows(predicted.proba, predicted.offsets)
    unsure = list_rows(rows, predicted, columns)
    codes, y_pred = predicted.codes, predicted.y_pred
    if codes is None:
        return unsure, (), 0
    rows = wrong_rows(codes, y_pred, predicted.proba)
    wrong = list_rows(rows, predicted, columns)
    return (
        unsure,
        _explained(clf, X, predicted, rows, wrong),
        int((codes != y_pred).sum()),
    )


def _title(target: str, name: str) -> str:
    what = f"Model of {target}" if target else "A fitted model"
    return f"{what}, on {name}" if name else what


def _class_facts(predicted: PredictedRows) -> tuple[ClassFacts, ...]:
    labels, codes = predicted.labels, predicted.codes
    called = np.bincount(predicted.y_pred, minlength=len(labels))
    true = None if codes is None else np.bincount(codes, minlength=len(labels))
    return tuple(
        ClassFacts(label, None if true is None else int(true[k]), int(called[k]))
        for k, label in enumerate(labels)
    )


def _training_rows(clf: "QCLMixNetClassifier", table: Table) -> int:
    """Count training rows that the model has kept and that the table holds.

    Few of them may be equals by chance, and count as none.
    """
    kept = clf.state_.background
    if kept is None:
        return 0
    seen = clf.state_.encoder.encode(table)
    n_seen = rows_of_training((kept.x_num, kept.x_cat), (seen.x_num, seen.x_cat))
    return n_seen if n_seen > _SHARE_OF_TRAINING * len(kept.x_num) else 0


def _seen_note(n_seen: int) -> tuple[str, ...]:
    if not n_seen:
        return ()
    return (
        f"{n_seen} of the few training rows that the model has kept are in this file "
        "as well. If it is the file that the model was fitted on, all scores flatter.",
    )


def _importance(
    clf: "QCLMixNetClassifier", X: object, n_rows: int
) -> pd.DataFrame | None:
    if clf.state_.background is None:  # a model of before there were explanations
        return None
    generator = np.random.default_rng(0)
    n_drawn = min(n_rows, _ROWS_FOR_IMPORTANCE)
    rows = np.sort(generator.choice(n_rows, n_drawn, replace=False))
    return clf.feature_importance(_take(X, rows), n_permutations=_PERMUTATIONS)


def _shown_columns(
    clf: "QCLMixNetClassifier", importance: pd.DataFrame | None
) -> list[str]:
    """Return the columns whose cells are shown: those that matter most, if known."""
    used = [column.name for column in clf.schema_.used]
    if importance is not None:
        weight = dict(
            zip(
                map(str, importance.index),
                importance.to_numpy(np.float64).sum(axis=1),
                strict=True,
            )
        )
        used.sort(key=lambda each: -weight.get(each, 0.0))
    return used[:_MOST_SHOWN_COLUMNS]


def _explained(
    clf: "QCLMixNetClassifier",
    X: object,
    predicted: PredictedRows,
    rows: IntArray,
    entries: tuple[ListedRow, ...],
) -> tuple[ListedRow, ...]:
    if clf.state_.background is None or not len(rows):
        return entries
    columns = predicted.table.columns
    reasons = reasons_of(
        clf.explain(_take(X, rows), n_permutations=_PERMUTATIONS),
        chosen=predicted.y_pred[rows],
        cells=lambda row, name: cell_text(columns[name][rows[row]]),
    )
    return with_reasons(entries, reasons)


def _take(X: Any, rows: IntArray) -> object:  # noqa: ANN401 - a table of any flavour
    if isinstance(X, pd.DataFrame):
        return X.iloc[rows]
    if isinstance(X, np.ndarray):
        return X[rows]
    return nw.from_native(X, eager_only=True)[rows.tolist(), :].to_native()


def _rule(clf: "QCLMixNetClassifier", predicted: PredictedRows) -> str:
    rule = clf.decision_rule_
    if rule is None or isinstance(rule, OffsetRule):
        return rule_in_words(
            None if rule is None else rule.objective,
            [] if rule is None else [float(each) for each in rule.offsets],
            predicted.labels,
            _threshold(predicted, rule),
        )
    return f"Goes for {clf.state_.demand.in_words(clf.classes_)}."


def _card(clf: "QCLMixNetClassifier", predicted: PredictedRows) -> dict[str, str]:
    given = {
        key: value
        for key, value in clf.state_.params.items()
        if value is not None and key not in ("verbose", "device")
    }
    last = clf.history_[-1]
    return {
        "Rows looked at": f"{predicted.table.n_rows:,}",
        "Decision rule": _rule(clf, predicted),
        "Settings": ", ".join(
            f"{key} = {value if isinstance(value, str) else repr(value)}"
            for key, value in given.items()
        ),
        "Fit": f"{last.seconds:.1f} seconds of training; epoch {clf.best_epoch_} of "
        f"{clf.n_iter_} kept; end: {_ENDS[clf.stop_reason_]}",
        "Versions": f"qclmixnet {qclmixnet.__version__}, Python "
        f"{platform.python_version()}, NumPy {np.__version__}, pandas "
        f"{pd.__version__}",
    }
