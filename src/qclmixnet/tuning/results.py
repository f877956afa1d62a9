"""From Optuna's trials to what a search tells."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from qclmixnet.core.errors import InputError

if TYPE_CHECKING:
    from optuna.study import Study
    from optuna.trial import FrozenTrial

__all__ = ["best_trial", "importances", "results_of"]

_ENOUGH_TRIALS = 8


def best_trial(trials: "Sequence[FrozenTrial]") -> "FrozenTrial":
    """Return the finished trial with the highest score; of equal ones the first.

    Args:
        trials: in order.

    Returns:
        The best one.

    Raises:
        InputError: no trial is finished.
    """
    from optuna.trial import TrialState

    finished = [trial for trial in trials if trial.state == TrialState.COMPLETE]
    if not finished:
        errors = [str(t.user_attrs["error"]) for t in trials if "error" in t.user_attrs]
        raise InputError(
            f"All {len(trials)} trials failed. The first one says: "
            f"{(errors or ['nothing'])[0].rstrip('.')}."
        )
    return max(finished, key=lambda trial: (trial.value or 0.0, -trial.number))


def results_of(trials: "Sequence[FrozenTrial]", n_folds: int) -> dict[str, list[Any]]:
    """Return the trials as columns.

    Args:
        trials: in order.
        n_folds: inner folds.

    Returns:
        ``params`` (the values set; none for the default), ``state`` (``"complete"``,
        ``"pruned"`` or ``"fail"``), ``split0_test_score`` and so on,
        ``mean_test_score`` (NaN unless complete), ``rank_test_score`` (1 is best),
        ``seconds`` and ``cpu_seconds`` (of all fits of the trial), ``error``,
        and ``param_NAME`` for each hyper-parameter.
    """
    scores = [list(trial.user_attrs.get("scores", [])) for trial in trials]
    states = [trial.state.name.lower() for trial in trials]
    means = [
        float(trial.value)
        if state == "complete" and trial.value is not None
        else math.nan
        for trial, state in zip(trials, states, strict=True)
    ]
    out: dict[str, list[Any]] = {
        "params": [dict(trial.user_attrs.get("params", {})) for trial in trials],
        "state": states,
        "mean_test_score": means,
        "rank_test_score": _ranks(means),
        "seconds": _numbers(trials, "seconds"),
        "cpu_seconds": _numbers(trials, "cpu_seconds"),
        "error": [str(trial.user_attrs.get("error", "")) for trial in trials],
    }
    for k in range(n_folds):
        out[f"split{k}_test_score"] = [
            row[k] if k < len(row) else math.nan for row in scores
        ]
    for name in dict.fromkeys(name for trial in trials for name in trial.params):
        out[f"param_{name}"] = [trial.params.get(name) for trial in trials]
    return out


def importances(study: "Study") -> dict[str, float]:
    """Return how much each hyper-parameter mattered in a search, the most first.

    Args:
        study: as in ``search.study_``.

    Returns:
        Shares that sum to 1, by Optuna's own evaluator; empty when there are too few
        finished trials or all of them scored the same.
    """
    import optuna

    finished = study.get_trials(states=(optuna.trial.TrialState.COMPLETE,))
    if len(finished) < _ENOUGH_TRIALS or len({t.value for t in finished}) == 1:
        return {}
    try:
        found = optuna.importance.get_param_importances(study)
    except (RuntimeError, ValueError):  # no hyper-parameter in all trials, or no spread
        return {}
    return {name: float(share) for name, share in found.items()}


def _numbers(trials: "Sequence[FrozenTrial]", name: str) -> list[float]:
    return [float(trial.user_attrs.get(name, math.nan)) for trial in trials]


def _ranks(means: list[float]) -> list[int]:
    """Return 1 for the best; equal scores share a rank, and NaN comes last."""
    values = [-math.inf if math.isnan(mean) else mean for mean in means]
    return [1 + sum(other > value for other in values) for value in values]
