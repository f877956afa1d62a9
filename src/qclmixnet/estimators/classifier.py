"""QCL-MixNet as a scikit-learn classifier."""

import inspect
from collections.abc import Mapping
from os import PathLike
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted

from qclmixnet.core.errors import ModelFormatError
from qclmixnet.estimators.deciding import DecidingMixin
from qclmixnet.estimators.explaining import ExplainingMixin
from qclmixnet.estimators.fit_run import FitRun, check_repeatable
from qclmixnet.estimators.fitting import drop_weightless, fit_model, warn_of_ids
from qclmixnet.estimators.persistence import load_state, save_state
from qclmixnet.estimators.settings import (
    class_weight_of_rows,
    resolve_decision,
    resolve_device,
    resolve_recipe,
)
from qclmixnet.estimators.state import FittedState
from qclmixnet.estimators.streaming import StreamingMixin
from qclmixnet.preprocessing import EncodedTable, TableEncoder
from qclmixnet.table import (
    read_labels,
    read_sample_weight,
    read_training_table,
)
from qclmixnet.training import CrossFitRecipe, Recipe

__all__ = ["QCLMixNetClassifier"]


class QCLMixNetClassifier(
    DecidingMixin,
    ExplainingMixin,
    StreamingMixin,
    ClassifierMixin,  # type: ignore[misc]
    BaseEstimator,  # type: ignore[misc]
):
    """Classifier for tables whose interesting classes are rare.

    Takes pandas, polars and pyarrow tables and NumPy arrays with numbers, categories,
    booleans, dates and missing values as they are; nothing has to be encoded, scaled
    or filled in first. An argument left at None takes the preset's value.

    Args:
        preset: "default" for an ensemble of cross-fitted members, "paper" for the
            published network; or a `qclmixnet.training.CrossFitRecipe` or `Recipe`
            for full control.
        n_members: networks in the ensemble; the default preset has 8.
        n_tree_rounds: rounds of boosted trees beside the networks; the default preset
            has 50, and 0 leaves the networks alone.
        decision: what `predict` goes for: "macro_f1", "macro_recall", "balanced" (the
            mean of the two) or "argmax" (the most probable class). The default preset
            takes "balanced", unless `class_weight` names labels or is "balanced"; it
            and the paper's preset then take "argmax".
        max_epochs: passes over the training part at most.
        batch_size: real rows in a step.
        learning_rate: highest step size.
        mixup_alpha: lambda of the mixup is drawn from Beta(alpha, alpha), above 0.
        n_neighbors: candidates for a row's mixup partner, at least 1.
        focal_gamma: focusing strength of the focal loss, at least 0.
        temperature: of the supervised contrastive loss, above 0.
        margin: of the triplet loss, at least 0.
        classification_weight: share of the loss that judges the classification, the
            rest judging the projections, 0 to 1.
        class_weight: "balanced" or a mapping from label to weight, as in
            scikit-learn; or a number p from 0 to 1 for weights (N / (C n_c))^p.
        validation_fraction: share of each class held out to choose the best epoch; 0
            trains on all rows for all epochs.
        patience: epochs without a new best validation score before stopping.
        time_limit_s: seconds after which the best epoch so far is taken.
        device: "auto", "cpu", "cuda" or "mps".
        random_state: None, a whole number or a NumPy generator. The same number on
            the same machine with the same number of threads gives the same bytes.
        verbose: 1 shows a progress bar with the live macro-F1.

    Attributes:
        classes_: the labels, sorted.
        n_features_in_: columns of the training table.
        feature_names_in_: their names, when the table had names.
        schema_: what each column was taken to be.
        recipe_: the recipe that was followed.
        decision_rule_: the rule that `predict` follows; None is the argmax.
        history_: one record per epoch; of an ensemble, per epoch that was scored.
        best_epoch_: the epoch whose weights are kept, counted from 1.
        n_iter_: epochs run.
        stop_reason_: why the fit ended.
        target_name_: the name of the labels, when they were a named series.
        diagnostics_: what the fit noticed, a tuple of `Diagnostic`.

    References:
        Jahin, Abid, Mridha (2025), arXiv 2506.13987.

    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(120, 3))
    >>> y = np.where(X[:, 0] > 1, "rare", "common")
    >>> clf = QCLMixNetClassifier(max_epochs=5, random_state=0).fit(X, y)
    >>> clf.predict_proba(X[:4]).shape
    (4, 2)
    """

    def __init__(
        self,
        preset: Literal["default", "paper"] | Recipe | CrossFitRecipe = "default",
        *,
        n_members: int | None = None,
        n_tree_rounds: int | None = None,
        decision: Literal["balanced", "macro_f1", "macro_recall", "argmax"]
        | None = None,
        max_epochs: int | None = None,
        batch_size: int | None = None,
        learning_rate: float | None = None,
        mixup_alpha: float | None = None,
        n_neighbors: int | None = None,
        focal_gamma: float | None = None,
        temperature: float | None = None,
        margin: float | None = None,
        classification_weight: float | None = None,
        class_weight: Mapping[Any, float] | Literal["balanced"] | float | None = None,
        validation_fraction: float | None = None,
        patience: int | None = None,
        time_limit_s: float | None = None,
        device: str = "auto",
        random_state: int | np.random.RandomState | np.random.Generator | None = None,
        verbose: int = 0,
    ) -> None:
        self.preset = preset
        self.n_members = n_members
        self.n_tree_rounds = n_tree_rounds
        self.decision = decision
        self.max_epochs = max_epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.mixup_alpha = mixup_alpha
        self.n_neighbors = n_neighbors
        self.focal_gamma = focal_gamma
        self.temperature = temperature
        self.margin = margin
        self.classification_weight = classification_weight
        self.class_weight = class_weight
        self.validation_fraction = validation_fraction
        self.patience = patience
        self.time_limit_s = time_limit_s
        self.device = device
        self.random_state = random_state
        self.verbose = verbose

    def fit(
        self,
        X: object,
        y: object,
        sample_weight: object = None,
        *,
        checkpoint_dir: str | PathLike[str] | None = None,
    ) -> "QCLMixNetClassifier":
        """Learn from a table and its labels.

        Args:
            X: the table, rows by columns.
            y: one label per row: text, whole numbers or booleans, without holes.
            sample_weight: how much each row counts, at least 0; a row of weight 0 is
                left out.
            checkpoint_dir: folder where the fit is written down every minute; the
                same call takes it up there after it was stopped. For cross-fitted
                members and a `random_state` that is a whole number.

        Returns:
            The fitted classifier.

        Raises:
            InputError: an argument is out of range, or the table, the labels or the
                weights cannot be used; the message names every offending column.

        Warns:
            DataWarning: columns look like ids and are left out, one alone tells the
                class, or equal rows are of different classes.
            FitWarning: a class has a single row, or the fit ended before its time.
        """
        params = self.get_params(deep=False)
        recipe = resolve_recipe(params)
        decision = resolve_decision(params, recipe)
        device = resolve_device(self.device)
        if checkpoint_dir is not None:
            check_repeatable(self.random_state, recipe)
        schema, table = read_training_table(X)
        warn_of_ids(schema)
        labels = read_labels(y, n_rows=table.n_rows)
        weights = read_sample_weight(sample_weight, n_rows=table.n_rows)
        by_class = class_weight_of_rows(self.class_weight, labels.classes, labels.codes)
        weights = weights / weights.max() * by_class  # the product stays finite
        table, labels, weights = drop_weightless(table, labels, weights)
        weights = weights / weights.max()  # and so do sums
        if isinstance(recipe, CrossFitRecipe):
            recipe = recipe.for_table(table.n_rows, len(labels.classes))
        encoder = TableEncoder(scaling=recipe.scaling, max_levels=recipe.max_levels)
        encoded = encoder.fit(table, schema).encode(table)
        fitted = fit_model(
            table,
            encoded,
            encoder.cardinalities,
            labels,
            weights,
            recipe=recipe,
            decision=decision,
            device=device,
            random_state=self.random_state,
            run=FitRun(bool(self.verbose), checkpoint_dir),
        )
        self._adopt(
            FittedState.of_fit(
                fitted,
                labels,
                weights,
                decision=decision,
                params=params,
                schema=schema,
                encoder=encoder,
                recipe=recipe,
                feature_names=_text_names(X),
                target_name=_name_of(y),
            )
        )
        return self

    def _adopt(self, state: FittedState) -> None:
        """Take over a fitted state; what an earlier fit left is replaced."""
        self.state_ = state
        self.schema_ = state.schema
        self.classes_ = state.classes
        self.recipe_ = state.recipe
        self.decision_rule_ = state.rule
        self.target_name_ = state.target_name
        self.history_ = list(state.result.history)
        self.best_epoch_ = state.result.best_epoch
        self.n_iter_ = state.result.n_epochs
        self.stop_reason_ = state.result.stop_reason
        self.diagnostics_ = state.diagnostics
        self.n_features_in_ = len(state.schema.columns)
        if state.feature_names is not None:
            self.feature_names_in_ = state.feature_names
        elif hasattr(self, "feature_names_in_"):
            del self.feature_names_in_

    def predict_proba(self, X: object) -> npt.NDArray[np.float64]:
        """Return the probability of each class for each row.

        Args:
            X: a table with the columns of the training table, in any order.

        Returns:
            Rows by classes, in the order of ``classes_``; each row sums to 1.

        Raises:
            InputError: columns are missing or cannot be read as what they were; the
                message names all of them.
        """
        encoded = self._encode(X)
        return self.state_.proba(encoded)

    def predict(self, X: object) -> npt.NDArray[Any]:
        """Return the class that the decision rule chooses for each row.

        Without a rule it is the most probable class; a rule that goes for macro-F1 or
        macro recall prefers rare classes more than their probabilities do.

        Args:
            X: a table with the columns of the training table, in any order.

        Returns:
            One label per row.

        Raises:
            InputError: as for `predict_proba`.
        """
        return self.decide(self.predict_proba(X))

    def embed(self, X: object) -> npt.NDArray[np.float64]:
        """Return the representation of each row.

        Args:
            X: a table with the columns of the training table, in any order.

        Returns:
            Rows by ``recipe_.network.d_repr``; for an ensemble the members'
            representations side by side.

        Raises:
            InputError: as for `predict_proba`.
        """
        encoded = self._encode(X)
        return self.state_.model.embed(encoded)

    def _encode(self, X: object) -> EncodedTable:
        return self._read(X)[1]

    def save(self, folder: str | PathLike[str]) -> None:
        """Write the fitted classifier to a folder, without pickle.

        The folder holds ``model.json`` and ``model.safetensors`` with checksums; it is
        written whole or not at all, and replaces an earlier model of that name.

        Args:
            folder: where to; its parent is created when missing.

        Raises:
            InputError: the folder holds something else, or cannot be written.
        """
        check_is_fitted(self)
        save_state(self.state_, folder)

    @classmethod
    def load(
        cls, folder: str | PathLike[str], *, device: str = "auto"
    ) -> "QCLMixNetClassifier":
        """Read a classifier that `save` wrote; its predictions are the same bits.

        Args:
            folder: where from.
            device: where it shall compute.

        Returns:
            The fitted classifier.

        Raises:
            ModelFormatError: the folder is missing, damaged, edited, from a newer
                version, or not a model.
        """
        state = load_state(folder, device=resolve_device(device))
        known = inspect.signature(cls).parameters
        unknown = sorted(set(state.params) - set(known))
        if unknown:
            raise ModelFormatError(
                f"The model in {str(folder)!r} was fitted with arguments that this "
                f"version does not have: {', '.join(unknown)}. Upgrade qclmixnet."
            )
        clf = cls(**{**state.params, "device": device})
        clf._adopt(state)
        return clf

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.string = True
        tags.input_tags.categorical = True
        return tags


def _text_names(X: object) -> npt.NDArray[np.object_] | None:
    """Return the column names when ``X`` has names and all are text."""
    # pandas first: a frame may have a column that is itself called "column_names".
    names = X.columns if isinstance(X, pd.DataFrame) else None
    for attribute in ("column_names", "columns"):
        names = getattr(X, attribute, None) if names is None else names
    if names is None or not all(isinstance(name, str) for name in names):
        return None
    return np.asarray(list(names), dtype=object)


def _name_of(y: object) -> str | None:
    name = getattr(y, "name", None)
    return name if isinstance(name, str) and name else None
