"""What a fitted classifier consists of."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from qclmixnet.decision import DecisionRule, HeldOut, shift_held_out, shift_prior
from qclmixnet.estimators.demand import Demand
from qclmixnet.estimators.diagnostics import Diagnostic
from qclmixnet.estimators.fitting import Fitted
from qclmixnet.estimators.member_fitting import Decision
from qclmixnet.estimators.models import MemberModel, SingleModel
from qclmixnet.preprocessing import EncodedTable, TableEncoder
from qclmixnet.table import Labels, Schema
from qclmixnet.training import CrossFitRecipe, Recipe, TrainingResult

__all__ = ["FittedState"]


@dataclass(frozen=True)
class FittedState:
    """Everything that prediction needs, and the record of the fit.

    Attributes:
        params: the constructor's arguments by name.
        schema: the columns of the training table.
        encoder: turns a table into arrays.
        model: turns those into probabilities.
        rule: decides by them; None decides for the most probable class.
        fitted_rule: the rule of the fit itself.
        demand: what the rule goes for.
        fitted_demand: what the rule of the fit goes for.
        recipe: how the model was built and trained.
        classes: the labels, sorted.
        feature_names: the columns' names, when the table had names.
        target_name: the labels' name, when they had one.
        result: what happened while training.
        diagnostics: what the fit noticed.
        held_out: what was said about rows that were left out; None if none were.
        background: some training rows, which explanations compare a row with.
        class_shares: share of each class in the training rows, by weight.
        stated_shares: what the caller says it is where the model is used; None for the
            same.
    """

    params: dict[str, Any]
    schema: Schema
    encoder: TableEncoder
    model: SingleModel | MemberModel
    rule: DecisionRule | None
    fitted_rule: DecisionRule | None
    demand: Demand
    fitted_demand: Demand
    recipe: Recipe | CrossFitRecipe
    classes: npt.NDArray[np.generic]
    feature_names: npt.NDArray[np.object_] | None
    target_name: str | None
    result: TrainingResult
    class_shares: npt.NDArray[np.float64]
    diagnostics: tuple[Diagnostic, ...] = ()
    held_out: HeldOut | None = None
    background: EncodedTable | None = None
    stated_shares: npt.NDArray[np.float64] | None = None

    @classmethod
    def of_fit(
        cls,
        fitted: Fitted,
        labels: Labels,
        weights: npt.NDArray[np.float64],
        *,
        decision: Decision,
        params: dict[str, Any],
        schema: Schema,
        encoder: TableEncoder,
        recipe: Recipe | CrossFitRecipe,
        feature_names: npt.NDArray[np.object_] | None,
        target_name: str | None,
    ) -> "FittedState":
        """Put together what a fit has found.

        Args:
            fitted: the model, its rule, and what was noticed.
            labels: of the rows it was fitted on.
            weights: how much each of them counts.
            decision: what its rule goes for.
            params: the constructor's arguments by name.
            schema: the columns of the training table.
            encoder: turns a table into arrays.
            recipe: how the model was built and trained.
            feature_names: the columns' names, when the table had names.
            target_name: the labels' name, when they had one.

        Returns:
            The state, deciding as the fit has chosen.
        """
        return cls(
            params=params,
            schema=schema,
            encoder=encoder,
            model=fitted.model,
            rule=fitted.rule,
            fitted_rule=fitted.rule,
            demand=Demand(decision),
            fitted_demand=Demand(decision),
            recipe=recipe,
            classes=labels.classes,
            feature_names=feature_names,
            target_name=target_name,
            result=fitted.result,
            class_shares=np.bincount(labels.codes, weights) / weights.sum(),
            diagnostics=fitted.noticed,
            held_out=fitted.held_out,
            background=fitted.background,
        )

    @property
    def shares(self) -> npt.NDArray[np.float64]:
        """Share of each class that the probabilities speak of."""
        return self.class_shares if self.stated_shares is None else self.stated_shares

    @property
    def held_out_now(self) -> HeldOut | None:
        """The rows left out, as they would be with the stated shares."""
        if self.stated_shares is None or self.held_out is None:
            return self.held_out
        return shift_held_out(self.held_out, self.class_shares, self.stated_shares)

    def proba(self, encoded: EncodedTable) -> npt.NDArray[np.float64]:
        """Return the probability of each class, rows by classes."""
        proba = self.model.proba(encoded)
        if self.stated_shares is None:
            return proba
        return shift_prior(proba, self.class_shares, self.stated_shares)

    def decide(self, proba: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
        """Return the class number that the rule chooses for each row."""
        rule = self.rule
        codes = proba.argmax(axis=1) if rule is None else rule.decide(proba)
        return np.asarray(codes, dtype=np.int64)

    def with_demand(self, demand: Demand) -> "FittedState":
        """Return the state with the rule that a demand leads to."""
        # What was asked for while fitting gives the rule of the fit, to the bit.
        as_fitted = demand == self.fitted_demand and self.stated_shares is None
        rule = self.fitted_rule if as_fitted else demand.rule(self.held_out_now)
        return replace(self, demand=demand, rule=rule)

    def with_shares(
        self, stated_shares: npt.NDArray[np.float64] | None
    ) -> "FittedState":
        """Return the state for a world with other shares of the classes."""
        shifted = replace(self, stated_shares=stated_shares)
        return shifted.with_demand(self.demand)
