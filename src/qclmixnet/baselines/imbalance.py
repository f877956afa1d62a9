"""Methods made for rare classes: balanced ensembles, and SMOTE before a classifier.

References:
    Chen, Liaw and Breiman (2004), "Using Random Forest to Learn Imbalanced Data",
    Berkeley technical report 666: balanced random forest.
    Liu, Wu and Zhou (2009), "Exploratory Undersampling for Class-Imbalance Learning",
    IEEE Transactions on Systems, Man and Cybernetics B 39(2): EasyEnsemble.
    Seiffert, Khoshgoftaar, Van Hulse and Napolitano (2010), "RUSBoost: A Hybrid
    Approach to Alleviating Class Imbalance", IEEE Transactions on Systems, Man and
    Cybernetics A 40(1): RUSBoost.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.compose import ColumnTransformer, make_column_selector
from sklearn.ensemble import RandomForestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from qclmixnet.baselines.boosting import XGBOOST, fit_xgboost
from qclmixnet.baselines.classical import SCIKIT_LEARN
from qclmixnet.baselines.encoded_model import Classifier, DenseModel
from qclmixnet.baselines.peer import BaselineCard, Library, PeerSettings
from qclmixnet.baselines.prepare import FrameEncoder, one_hot_encoder
from qclmixnet.baselines.smote import smote
from qclmixnet.table import Table

__all__ = ["IMBALANCE_AWARE"]

_IMBALANCED_LEARN = Library("imbalanced-learn", "imblearn")


def _balanced_random_forest(settings: PeerSettings) -> DenseModel:
    from imblearn.ensemble import BalancedRandomForestClassifier

    # The three settings are the defaults since 0.13; before, they only warned.
    model = BalancedRandomForestClassifier(
        sampling_strategy="all",
        replacement=True,
        bootstrap=False,
        random_state=settings.random_state,
        n_jobs=settings.n_threads,
    )
    return DenseModel(settings.schema, model, scale=False)


def _easy_ensemble(settings: PeerSettings) -> DenseModel:
    from imblearn.ensemble import EasyEnsembleClassifier

    model = EasyEnsembleClassifier(
        random_state=settings.random_state, n_jobs=settings.n_threads
    )
    return DenseModel(settings.schema, model, scale=False)


def _rusboost(settings: PeerSettings) -> DenseModel:
    from imblearn.ensemble import RUSBoostClassifier

    # The library's stump is often worse than guessing where there are many classes:
    # on some tables nothing can be fitted. Whole trees are what the paper boosts.
    model = RUSBoostClassifier(
        estimator=DecisionTreeClassifier(), random_state=settings.random_state
    )
    return DenseModel(settings.schema, model, scale=False)


Learn = Callable[[PeerSettings, pd.DataFrame, npt.NDArray[np.int64]], Classifier]
"""Fit a classifier to a frame of scaled numbers and categories without holes."""


class _SmoteModel:
    """Fill and scale, bring every class to the size of the largest, then learn."""

    def __init__(self, settings: PeerSettings, learn: Learn) -> None:
        self.settings = settings
        self._learn = learn
        self._encoder = FrameEncoder(fill=True)
        self._scaler = StandardScaler()

    def fit(self, table: Table, codes: npt.NDArray[np.int64]) -> None:
        """Fit to the given rows and the ones made between them."""
        frame = self._encoder.fit(table, self.settings.schema).encode(table)
        categories = list(self._encoder.category_names)
        self._numbers = [name for name in frame.columns if name not in categories]
        if self._numbers:
            # Neighbours are found by distance.
            self._scaler.fit(frame[self._numbers].to_numpy())
        frame = self._frame(table)
        x_cat = [frame[name].cat.codes for name in categories]
        x_num, more_cat, more_codes = smote(
            frame[self._numbers].to_numpy(),
            np.array(x_cat, dtype=np.int64).reshape(-1, table.n_rows).T,
            codes,
            random_state=self.settings.random_state,
        )
        more = pd.DataFrame(x_num, columns=self._numbers)
        for name, column in zip(categories, more_cat.T, strict=True):
            more[name] = pd.Categorical.from_codes(
                column, categories=frame[name].cat.categories
            )
        self._classifier = self._learn(self.settings, more, more_codes)

    def predict_proba(self, table: Table) -> npt.NDArray[np.floating[Any]]:
        """Return probabilities, rows by classes."""
        return np.asarray(self._classifier.predict_proba(self._frame(table)))

    def _frame(self, table: Table) -> pd.DataFrame:
        frame = self._encoder.encode(table)
        if self._numbers:
            scaled = self._scaler.transform(frame[self._numbers].to_numpy())
            frame[self._numbers] = scaled
        return frame


def _smote_random_forest(settings: PeerSettings) -> _SmoteModel:
    return _SmoteModel(settings, _fit_random_forest)


def _smote_xgboost(settings: PeerSettings) -> _SmoteModel:
    return _SmoteModel(settings, _fit_xgboost)


def _fit_random_forest(
    settings: PeerSettings, frame: pd.DataFrame, codes: npt.NDArray[np.int64]
) -> Classifier:
    is_category = make_column_selector(dtype_include="category")
    one_hot = ("categories", one_hot_encoder(), is_category)
    forest = RandomForestClassifier(
        random_state=settings.random_state, n_jobs=settings.n_threads
    )
    encoder = ColumnTransformer([one_hot], remainder="passthrough")
    model: Classifier = make_pipeline(encoder, forest).fit(frame, codes)
    return model


def _fit_xgboost(
    settings: PeerSettings, frame: pd.DataFrame, codes: npt.NDArray[np.int64]
) -> Classifier:
    return fit_xgboost(settings, frame, codes, weight=None)


_DENSE = "median-filled numbers, one-hot categories"
_SMOTE = (
    "SMOTE, SMOTENC or SMOTEN by the kinds of columns (a class of n rows takes "
    "min(5, n - 1) neighbours; of one row: left as it is) on median-filled, scaled "
    "numbers and categories, then"
)

IMBALANCE_AWARE = (
    BaselineCard(
        name="balanced_random_forest",
        title="Balanced random forest",
        family="imbalance-aware",
        description=f"imblearn BalancedRandomForestClassifier(); {_DENSE}",
        needs=(_IMBALANCED_LEARN, SCIKIT_LEARN),
        build=_balanced_random_forest,
        seconds_per_1k=0.15,
    ),
    BaselineCard(
        name="easy_ensemble",
        title="EasyEnsemble",
        family="imbalance-aware",
        description=f"imblearn EasyEnsembleClassifier(); {_DENSE}",
        needs=(_IMBALANCED_LEARN, SCIKIT_LEARN),
        build=_easy_ensemble,
        seconds_per_1k=0.2,
    ),
    BaselineCard(
        name="rusboost",
        title="RUSBoost",
        family="imbalance-aware",
        description=(
            "imblearn RUSBoostClassifier(estimator=DecisionTreeClassifier()), as the "
            "paper boosts whole trees: the library's stump often cannot be fitted to "
            f"many classes; {_DENSE}"
        ),
        needs=(_IMBALANCED_LEARN, SCIKIT_LEARN),
        build=_rusboost,
        seconds_per_1k=0.05,
    ),
    BaselineCard(
        name="smote_random_forest",
        title="SMOTE + random forest",
        family="imbalance-aware",
        description=f"{_SMOTE} sklearn RandomForestClassifier() on one-hot categories",
        needs=(_IMBALANCED_LEARN, SCIKIT_LEARN),
        build=_smote_random_forest,
        seconds_per_1k=0.7,
    ),
    BaselineCard(
        name="smote_xgboost",
        title="SMOTE + XGBoost",
        family="imbalance-aware",
        description=(
            f"{_SMOTE} xgboost XGBClassifier(tree_method='hist', "
            "enable_categorical=True)"
        ),
        needs=(_IMBALANCED_LEARN, XGBOOST),
        build=_smote_xgboost,
        seconds_per_1k=0.3,
    ),
)
"""Cards of the baselines made for rare classes."""
