"""The spaces that are searched when none is given, ours and the peers'.

The ranges lie around the defaults and bound the cost of a fit: no value makes it more
than a few times as long. What was studied one change at a time is in
`docs/explanation/recipe.md`.
"""

from qclmixnet.baselines import Peer
from qclmixnet.core.errors import InputError
from qclmixnet.estimators import QCLMixNetClassifier
from qclmixnet.estimators.settings import resolve_recipe
from qclmixnet.training import CrossFitRecipe
from qclmixnet.tuning.space import Choice, Fraction, Space, Whole

__all__ = ["TUNABLE", "default_space"]

_OURS: Space = {
    "trees.n_rounds": Whole(20, 150, log=True),
    "trees.learning_rate": Fraction(0.03, 0.4, log=True),
    "trees.l2": Fraction(0.1, 10.0, log=True),
    "members.d_hidden": Whole(16, 64, log=True),
    "members.dropout": Fraction(0.0, 0.4),
    "members.entangle": Choice((False, True)),
    "schedule.learning_rate": Fraction(1e-3, 2e-2, log=True),
    "schedule.weight_decay": Fraction(1e-3, 0.1, log=True),
    "loss.gamma": Fraction(0.0, 2.0),
    "loss.class_weight_power": Fraction(0.0, 1.0),
    "mixup.mixed_fraction": Choice((0.0, 0.5)),
    "contrast.weight": Choice((0.0, 0.1)),
}
_PEERS: dict[str, Space] = {
    "logistic_regression": {
        "C": Fraction(1e-3, 1e3, log=True),
        "class_weight": Choice(("balanced", None)),
    },
    "random_forest": {
        "n_estimators": Whole(50, 400, log=True),
        "max_features": Choice(("sqrt", "log2", 0.5, 1.0)),
        "min_samples_leaf": Whole(1, 20, log=True),
        "criterion": Choice(("gini", "entropy")),
        "class_weight": Choice((None, "balanced", "balanced_subsample")),
    },
    "xgboost": {
        "n_estimators": Whole(30, 400, log=True),
        "learning_rate": Fraction(0.02, 0.5, log=True),
        "max_depth": Whole(2, 10),
        "min_child_weight": Fraction(0.1, 20.0, log=True),
        "subsample": Fraction(0.5, 1.0),
        "colsample_bytree": Fraction(0.4, 1.0),
        "reg_lambda": Fraction(0.01, 10.0, log=True),
    },
    "lightgbm": {
        "n_estimators": Whole(30, 400, log=True),
        "learning_rate": Fraction(0.02, 0.3, log=True),
        "num_leaves": Whole(4, 64, log=True),
        "min_child_samples": Whole(2, 50, log=True),
        "colsample_bytree": Fraction(0.4, 1.0),
        "reg_lambda": Fraction(1e-3, 10.0, log=True),
        "class_weight": Choice(("balanced", None)),
    },
    "catboost": {
        "iterations": Whole(100, 1000, log=True),
        "learning_rate": Fraction(0.01, 0.3, log=True),
        "depth": Whole(3, 8),
        "l2_leaf_reg": Fraction(0.5, 20.0, log=True),
        "random_strength": Fraction(0.1, 10.0, log=True),
        "auto_class_weights": Choice(("Balanced", "SqrtBalanced", None)),
    },
}

TUNABLE = ("qclmixnet", *_PEERS)
"""Methods with a space of their own, ours first."""

# What a peer uses when a parameter is not given, where it is a plain value: the card's
# own settings, then the library's.
PEER_DEFAULTS: dict[str, dict[str, object]] = {
    "logistic_regression": {"C": 1.0, "class_weight": "balanced"},
    "random_forest": {
        "n_estimators": 100,
        "max_features": "sqrt",
        "min_samples_leaf": 1,
        "criterion": "gini",
        "class_weight": None,
    },
    "xgboost": {
        "n_estimators": 100,
        "learning_rate": 0.3,
        "max_depth": 6,
        "min_child_weight": 1.0,
        "subsample": 1.0,
        "colsample_bytree": 1.0,
        "reg_lambda": 1.0,
    },
    "lightgbm": {
        "n_estimators": 100,
        "learning_rate": 0.1,
        "num_leaves": 31,
        "min_child_samples": 20,
        "colsample_bytree": 1.0,
        "class_weight": "balanced",
    },
    # Its learning rate follows the table, and lightgbm's reg_lambda is 0: not in range.
    "catboost": {
        "iterations": 1000,
        "depth": 6,
        "l2_leaf_reg": 3.0,
        "random_strength": 1.0,
        "auto_class_weights": "Balanced",
    },
}


def default_space(estimator: object, *, n_rows: int) -> Space:
    """Return the space that is searched when none is given.

    Args:
        estimator: a `QCLMixNetClassifier` of the default preset, or a `Peer` that is
            in `TUNABLE`.
        n_rows: rows of the table; large ones have deeper trees.

    Returns:
        Hyper-parameters by name.

    Raises:
        InputError: there is no such space for this estimator.

    >>> sorted(default_space(QCLMixNetClassifier(), n_rows=200))[:2]
    ['contrast.weight', 'loss.class_weight_power']
    """
    if isinstance(estimator, QCLMixNetClassifier):
        recipe = resolve_recipe(estimator.get_params(deep=False))
        if isinstance(recipe, CrossFitRecipe):
            if n_rows < recipe.trees.deep_rows:
                return {**_OURS, "trees.depth": Whole(2, 6)}
            return {**_OURS, "trees.deep_depth": Whole(4, 8)}
    if isinstance(estimator, Peer) and estimator.card.name in _PEERS:
        return _PEERS[estimator.card.name]
    raise InputError(
        f"There is no search space for {estimator!r}; give one as `space`. There is "
        f"one for the default preset and the baselines {', '.join(_PEERS)}."
    )
