"""Scikit-learn's classical models, with the preprocessing of their own kind.

Each is a pipeline over a pandas frame: everything fitted in it is fitted on the rows
that its `fit` is given.
"""

import numpy as np
from sklearn.compose import ColumnTransformer, make_column_selector
from sklearn.ensemble import RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from qclmixnet.core.checks import check_choice

__all__ = ["list_baselines", "make_baseline"]

_NAMES = ("logistic_regression", "random_forest")


def list_baselines() -> tuple[str, ...]:
    """Return the stable names of the baselines.

    >>> list_baselines()
    ('logistic_regression', 'random_forest')
    """
    return _NAMES


def make_baseline(name: str, *, random_state: int = 0) -> Pipeline:
    """Return an unfitted baseline for pandas frames.

    Args:
        name: one of `list_baselines`. "logistic_regression" has balanced class
            weights; "random_forest" has the library's defaults.
        random_state: seed of the model.

    Returns:
        Encoder and model as one pipeline.

    Raises:
        InputError: there is no baseline of that name.
    """
    check_choice(name, "name", _NAMES)
    if name == "logistic_regression":
        model = LogisticRegression(
            class_weight="balanced", max_iter=2000, random_state=random_state
        )
        return make_pipeline(_encoder(scale=True), model)
    model = RandomForestClassifier(random_state=random_state)
    return make_pipeline(_encoder(scale=False), model)


def _encoder(*, scale: bool) -> ColumnTransformer:
    """Fill and scale numbers, one-hot everything else."""
    # A column may be missing altogether in the rows of one fit.
    filled = SimpleImputer(
        strategy="median", add_indicator=True, keep_empty_features=True
    )
    numbers = [filled]
    if scale:
        numbers.append(StandardScaler())
    is_number = make_column_selector(dtype_include=np.number)
    is_other = make_column_selector(dtype_exclude=np.number)
    one_hot = OneHotEncoder(handle_unknown="ignore", max_categories=64)
    return ColumnTransformer(
        [
            ("numbers", make_pipeline(*numbers), is_number),
            ("categories", one_hot, is_other),
        ]
    )
