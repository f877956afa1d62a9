"""Decisions after the fit: another rule, another prevalence, sets, an outlook."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.utils.validation import check_is_fitted

from qclmixnet.core.caller import warn_caller
from qclmixnet.core.checks import check_real
from qclmixnet.core.errors import FitWarning, InputError
from qclmixnet.decision import (
    ArgmaxRule,
    ConformalSets,
    DecisionRule,
    HeldOut,
    Outlook,
    estimate_prior,
    expect,
)
from qclmixnet.estimators.demand import cost_matrix, place_of, read_demand
from qclmixnet.estimators.state import FittedState

__all__ = ["DecidingMixin"]

_FEW_TO_ESTIMATE = 50
_REACH_OF_90_PERCENT = 1.645


class DecidingMixin:
    """What a fitted classifier can be told about decisions, without a new fit."""

    state_: FittedState
    classes_: npt.NDArray[Any]
    decision_rule_: DecisionRule | None

    def predict_proba(self, X: object) -> npt.NDArray[np.float64]:
        """Return the probability of each class for each row."""
        raise NotImplementedError

    def decide(self, proba: npt.NDArray[np.float64]) -> npt.NDArray[Any]:
        """Return the class that `predict` chooses for these probabilities.

        Args:
            proba: what `predict_proba` returned.

        Returns:
            One label per row.

        Raises:
            InputError: `proba` has another number of columns than there are classes.
        """
        check_is_fitted(self)
        shape, n_classes = np.shape(proba), len(self.classes_)
        if len(shape) != 2 or shape[1] != n_classes:
            raise InputError(
                f"`proba` must have {n_classes} columns, one for each class, got shape "
                f"{shape}."
            )
        out: npt.NDArray[Any] = self.classes_[self.state_.decide(proba)]
        return out

    def set_decision(
        self,
        decision: str | None = None,
        *,
        costs: object = None,
        min_recall: Mapping[Any, float] | None = None,
        confidence: float | None = None,
        max_alerts: int | None = None,
        per_rows: int | None = None,
        top: int | None = None,
        alert: object = None,
    ) -> "DecidingMixin":
        """Choose what `predict` goes for from now on; nothing is fitted again.

        The rule is chosen on rows that were held out while fitting, and is saved with
        the model. Say exactly one of these:

        Args:
            decision: "argmax", "balanced", "macro_f1", "macro_recall", "g_mean" or
                "mcc".
            costs: what each mistake costs: a mapping from (true label, predicted
                label), mistakes left out costing 1 and right answers nothing; or an
                array or frame, the true classes down and the predicted across. The
                rule takes the class of the lowest expected cost.
            min_recall: a mapping from one label to the share of its rows to find, such
                as ``{"fraud": 0.95}``; among the rules that do, the one with the best
                precision is taken.
            confidence: how sure that recall shall be, such as 0.9; None takes it as
                the held-out rows show it.
            max_alerts: how many rows of `per_rows` may get the label `alert`, on
                average.
            per_rows: see `max_alerts`; with `top` the usual size of these tables, for
                the outlook.
            top: so many rows of each table given to `predict` get the label `alert`,
                those most likely to be it.
            alert: the label that an alert says; of two classes the rarer by default.

        Returns:
            The classifier, deciding by the new rule.

        Raises:
            InputError: an argument is out of range, no or several things are asked
                for, or the demand cannot be met; the message then names the best that
                can be had.
        """
        check_is_fitted(self)
        state = self.state_
        demand = read_demand(
            decision,
            classes=self.classes_,
            shares=state.class_shares,
            costs=costs,
            min_recall=min_recall,
            confidence=confidence,
            max_alerts=max_alerts,
            per_rows=per_rows,
            top=top,
            alert=alert,
        )
        with _named_classes(demand.alert, self.classes_):
            self._decide_by(state.with_demand(demand))
        return self

    def calibrate_to(self, prevalence: Mapping[Any, float] | None) -> "DecidingMixin":
        """State how common the classes are where the model will be used.

        Probabilities, the decision rule, outlooks and sets are those of a world that
        differs from the training rows in how common each class is, and in nothing else.

        Args:
            prevalence: a mapping from label to share, above 0; labels left out
                share the rest as they do in training. None goes back to the shares of
                the training rows.

        Returns:
            The classifier.

        Raises:
            InputError: a label is unknown, a share is out of range, or the shares of
                all classes do not sum to 1.

        References:
            Elkan (2001), "The Foundations of Cost-Sensitive Learning", theorem 2.
        """
        check_is_fitted(self)
        stated = None
        if prevalence is not None:
            stated = _read_shares(prevalence, self.classes_, self.state_.class_shares)
        with _named_classes(self.state_.demand.alert, self.classes_):
            self._decide_by(self.state_.with_shares(stated))
        return self

    def estimate_prevalence(self, X: object) -> pd.DataFrame:
        """Estimate how common each class is among rows without labels.

        Right if these rows differ from the training rows in how common each class is,
        and in nothing else.

        Args:
            X: a table with the columns of the training table, of 50 rows or more.

        Returns:
            One line for each class: ``prevalence``, and ``low`` and ``high`` of a 90 %
            interval.

        Raises:
            InputError: there are fewer rows, or as for `predict_proba`.

        References:
            Saerens, Latinne, Decaestecker (2002), "Adjusting the Outputs of a
            Classifier to New a Priori Probabilities".
        """
        proba = self.predict_proba(X)
        if len(proba) < _FEW_TO_ESTIMATE:
            raise InputError(
                f"`X` must have at least {_FEW_TO_ESTIMATE} rows to estimate how "
                f"common the classes are, got {len(proba)}."
            )
        found = estimate_prior(proba, self.state_.shares)
        prior = np.array(found.prior)
        reach = _REACH_OF_90_PERCENT * np.array(found.standard_error)
        return pd.DataFrame(
            {
                "prevalence": prior,
                "low": np.clip(prior - reach, 0, 1),
                "high": np.clip(prior + reach, 0, 1),
            },
            index=pd.Index(self.classes_, name="class"),
        )

    def outlook(self, *, costs: object = None) -> Outlook:
        """Say what the present rule is expected to do, by rows that were held out.

        A rule that was chosen on these rows is judged on parts of them that it was not
        chosen on.

        Args:
            costs: what each mistake costs, as for `set_decision`, to have the mean
                cost as well; by default those of the rule, if it goes by costs.

        Returns:
            Scores with intervals, see `qclmixnet.decision.Outlook`.

        Raises:
            InputError: nothing was held out.
        """
        check_is_fitted(self)
        demand, held_out = self.state_.demand, self._held_out("an outlook")
        matrix = None
        if costs is not None:
            matrix = cost_matrix(costs, self.classes_)
        elif demand.costs:
            matrix = np.array(demand.costs)
        if demand.is_tuned:
            return expect(demand.choose, held_out, costs=matrix)
        rule = self.state_.rule or ArgmaxRule()
        return expect(rule, held_out, costs=matrix, batch_rows=demand.per_rows or None)

    def predict_set(self, X: object, *, coverage: float = 0.9) -> npt.NDArray[np.bool_]:
        """Return for each row the classes that cannot be ruled out.

        Of the rows of each class, the rare ones too, at least the share `coverage` has
        its own class in the set, if new rows are like the training rows.

        Args:
            X: a table with the columns of the training table, in any order.
            coverage: that share, above 0 and below 1.

        Returns:
            Rows by classes, in the order of ``classes_``. A row with one class is
            decided; one with several, or none, is one for a person to see.

        Raises:
            InputError: `coverage` is out of range, nothing was held out, or as for
                `predict_proba`.

        Warns:
            FitWarning: classes have too few held-out rows ever to be ruled out at this
                coverage.
        """
        return self.sets_of(self.predict_proba(X), coverage=coverage)

    def sets_of(
        self, proba: npt.NDArray[np.float64], *, coverage: float = 0.9
    ) -> npt.NDArray[np.bool_]:
        """Return what `predict_set` returns for these probabilities.

        Args:
            proba: what `predict_proba` returned.
            coverage: as for `predict_set`.

        Returns:
            Rows by classes.

        Raises:
            InputError: as for `predict_set`.
        """
        sets = ConformalSets.fit(self._held_out("sets"))
        found = sets.predict(proba, coverage=coverage)
        never_out = self.classes_[~sets.attainable(coverage)]
        if len(never_out):
            listed = ", ".join(repr(str(label)) for label in never_out)
            warn_caller(
                f"Classes with too few held-out rows to be ruled out at a coverage of "
                f"{coverage:g}: {listed}. They are in the set of every row.",
                FitWarning,
            )
        return found

    def _held_out(self, purpose: str) -> HeldOut:
        held_out = self.state_.held_out_now
        if held_out is None:
            raise InputError(
                f"The model has no held-out rows, which {purpose} needs. Fit it with "
                "the default preset, or with a `validation_fraction` above 0."
            )
        return held_out

    def _decide_by(self, state: FittedState) -> None:
        self.state_ = state
        self.decision_rule_ = state.rule


@contextmanager
def _named_classes(alert: int, classes: npt.NDArray[Any]) -> Iterator[None]:
    """Put the caller's names into errors of the rules, which have their own."""
    try:
        yield
    except InputError as error:
        message = str(error)
        for inner, outer in {
            f"class number {alert}": f"class {str(classes[alert])!r}",
            "`at_least`": "`min_recall`",
            "`n_alerts`": "`max_alerts`",
            "`BudgetRule`": "`top`",
        }.items():
            message = message.replace(inner, outer)
        raise InputError(message) from error


def _read_shares(
    prevalence: Mapping[Any, float],
    classes: npt.NDArray[Any],
    trained: npt.NDArray[np.float64],
) -> npt.NDArray[np.float64]:
    """Return the share of each class, those not named filling up to 1."""
    if np.isnan(trained).any():
        raise InputError(
            "The model is of a version that did not keep how common the classes were "
            "in training; fit it again."
        )
    out = np.full(len(classes), np.nan)
    for label, share in prevalence.items():
        place = place_of(label, classes, "prevalence")
        out[place] = check_real(
            share, f"prevalence[{label!r}]", low=0, high=1, open_low=True
        )
    open_ = np.isnan(out)
    left = 1 - np.nansum(out)
    if not (left > 0 if open_.any() else abs(left) < 1e-6):
        raise InputError(
            "The shares of `prevalence` must sum to 1, or to less if it leaves classes "
            f"out; they sum to {np.nansum(out):g}."
        )
    out[open_] = left * trained[open_] / trained[open_].sum()
    shares: npt.NDArray[np.float64] = out / out.sum()
    return shares
