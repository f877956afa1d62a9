"""Gradient boosting with native categories and missing values."""

from typing import Any, cast

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.utils.class_weight import compute_sample_weight

from qclmixnet.baselines.encoded_model import Classifier
from qclmixnet.baselines.peer import BaselineCard, Library, PeerSettings
from qclmixnet.baselines.prepare import FrameEncoder, missing_level
from qclmixnet.core import clock
from qclmixnet.table import Table

__all__ = ["BOOSTING", "XGBOOST", "fit_xgboost"]

XGBOOST = Library("xgboost", "xgboost")


def fit_xgboost(
    settings: PeerSettings,
    frame: pd.DataFrame,
    codes: npt.NDArray[np.int64],
    *,
    weight: npt.NDArray[np.float64] | None,
) -> Classifier:
    """Fit XGBoost with native categories until its last round or the time limit.

    Args:
        settings: seed, threads and time limit.
        frame: encoded rows.
        codes: their classes.
        weight: weights of the rows; None weighs all the same.

    Returns:
        The library's fitted classifier.
    """
    from xgboost import XGBClassifier
    from xgboost.callback import TrainingCallback

    class _Stop(TrainingCallback):
        def after_iteration(self, *_: object) -> bool:
            return deadline is not None and deadline.has_passed

    deadline = _deadline(settings)
    model: Any = XGBClassifier(
        **settings.params,
        tree_method="hist",
        enable_categorical=True,
        random_state=settings.random_state,
        n_jobs=settings.n_threads,
        callbacks=None if deadline is None else [_Stop()],
    )
    model.fit(frame, codes, sample_weight=weight)
    model.set_params(callbacks=None)  # a local class: the model could not be pickled
    return cast("Classifier", model)


class _XGBoost:
    """XGBoost with every class weighing the same."""

    def __init__(self, settings: PeerSettings) -> None:
        self.settings = settings
        self._encoder = FrameEncoder()

    def fit(self, table: Table, codes: npt.NDArray[np.int64]) -> None:
        """Fit with balanced sample weights."""
        frame = self._encoder.fit(table, self.settings.schema).encode(table)
        weight = compute_sample_weight("balanced", codes)
        self._classifier = fit_xgboost(self.settings, frame, codes, weight=weight)

    def predict_proba(self, table: Table) -> npt.NDArray[np.floating[Any]]:
        """Return probabilities, rows by classes."""
        return np.asarray(self._classifier.predict_proba(self._encoder.encode(table)))


class _LightGBM:
    """LightGBM with balanced class weights."""

    def __init__(self, settings: PeerSettings) -> None:
        from lightgbm import LGBMClassifier

        self.settings = settings
        self._encoder = FrameEncoder()
        self._classifier = LGBMClassifier(
            **{"class_weight": "balanced", **settings.params},
            random_state=settings.random_state,
            n_jobs=settings.n_threads,
            verbosity=-1,
        )

    def fit(self, table: Table, codes: npt.NDArray[np.int64]) -> None:
        """Fit until the last round or the time limit."""
        frame = self._encoder.fit(table, self.settings.schema).encode(table)
        self._classifier.fit(frame, codes, callbacks=self._callbacks())

    def predict_proba(self, table: Table) -> npt.NDArray[np.floating[Any]]:
        """Return probabilities, rows by classes."""
        return np.asarray(self._classifier.predict_proba(self._encoder.encode(table)))

    def _callbacks(self) -> list[Any] | None:
        from lightgbm.callback import EarlyStopException

        deadline = _deadline(self.settings)

        def stop(env: Any) -> None:  # noqa: ANN401
            if deadline is not None and deadline.has_passed:
                raise EarlyStopException(env.iteration, [])

        return None if deadline is None else [stop]


class _CatBoost:
    """CatBoost with balanced class weights; a missing category is a text of its own."""

    def __init__(self, settings: PeerSettings) -> None:
        from catboost import CatBoostClassifier

        self.settings = settings
        self._encoder = FrameEncoder()
        self._classifier = CatBoostClassifier(
            **{"auto_class_weights": "Balanced", **settings.params},
            random_seed=settings.random_state,
            thread_count=settings.n_threads,
            allow_writing_files=False,
            logging_level="Silent",
        )

    def fit(self, table: Table, codes: npt.NDArray[np.int64]) -> None:
        """Fit until the last round or the time limit."""
        self._encoder.fit(table, self.settings.schema)
        deadline = _deadline(self.settings)
        self._classifier.fit(
            self._frame(table),
            codes,
            cat_features=list(self._encoder.category_names),
            callbacks=None if deadline is None else [_CatBoostStop(deadline)],
        )

    def predict_proba(self, table: Table) -> npt.NDArray[np.floating[Any]]:
        """Return probabilities, rows by classes."""
        return np.asarray(self._classifier.predict_proba(self._frame(table)))

    def _frame(self, table: Table) -> pd.DataFrame:
        frame = self._encoder.encode(table)
        for name in self._encoder.category_names:
            missing = missing_level(list(frame[name].cat.categories))
            frame[name] = frame[name].cat.add_categories([missing]).fillna(missing)
        return frame


class _Deadline:
    """So many seconds from now."""

    def __init__(self, seconds: float) -> None:
        self._end = clock.now() + seconds

    @property
    def has_passed(self) -> bool:
        return clock.now() >= self._end


def _deadline(settings: PeerSettings) -> _Deadline | None:
    limit = settings.time_limit_s
    return None if limit is None else _Deadline(limit)


class _CatBoostStop:
    """CatBoost's way to be told to stop: it goes on while this returns True."""

    def __init__(self, deadline: _Deadline) -> None:
        self.deadline = deadline

    def after_iteration(self, _: object) -> bool:
        return not self.deadline.has_passed


BOOSTING = (
    BaselineCard(
        name="xgboost",
        title="XGBoost",
        family="boosting",
        description=(
            "xgboost XGBClassifier(tree_method='hist', enable_categorical=True) with "
            "balanced sample weights; native categories and missing values"
        ),
        needs=(XGBOOST,),
        build=_XGBoost,
        seconds_per_1k=0.1,
        parameters=(
            *("n_estimators", "learning_rate", "max_depth", "min_child_weight"),
            *("subsample", "colsample_bytree", "reg_lambda", "reg_alpha", "gamma"),
        ),
    ),
    BaselineCard(
        name="lightgbm",
        title="LightGBM",
        family="boosting",
        description=(
            "lightgbm LGBMClassifier(class_weight='balanced'); native categories and "
            "missing values"
        ),
        needs=(Library("lightgbm", "lightgbm"),),
        build=_LightGBM,
        seconds_per_1k=0.15,
        parameters=(
            *("n_estimators", "learning_rate", "num_leaves", "max_depth"),
            *("min_child_samples", "subsample", "subsample_freq", "colsample_bytree"),
            *("reg_lambda", "reg_alpha", "class_weight"),
        ),
    ),
    BaselineCard(
        name="catboost",
        title="CatBoost",
        family="boosting",
        description=(
            "catboost CatBoostClassifier(auto_class_weights='Balanced'); native "
            "categories and missing numbers, a missing or unseen category is a level "
            "of its own"
        ),
        needs=(Library("catboost", "catboost"),),
        build=_CatBoost,
        seconds_per_1k=3.0,
        parameters=(
            *("iterations", "learning_rate", "depth", "l2_leaf_reg", "rsm"),
            *("random_strength", "bagging_temperature", "border_count"),
            *("one_hot_max_size", "auto_class_weights"),
        ),
    ),
)
"""Cards of the boosting baselines."""
