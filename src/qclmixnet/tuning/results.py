"""From Optuna's trials to what a search tells."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from qclmixnet.core.errors import InputError

if TYPE_CHECKING:
    from optuna.study import Study
    from optuna.trial import FrozenTrial

__all__ = ["Importances", "chosen_trial", "importances", "results_of"]

_ENOUGH_TRIALS = 12


def chosen_trial(
    trials: "Sequence[FrozenTrial]", *, min_gain: float = 0.0
) -> "FrozenTrial":
    """Return the finished trial with the highest score; of equal ones the first.

    Args:
        trials: in order, the default first.
        min_gain: how much its score must be above that of the default, which is
            returned otherwise.

    Returns:
        The chosen one.

    Raises:
        InputError: no trial is finished.
    """
    from optuna.trial import TrialState

    finished = [trial for trial in trials if trial.state == TrialState.COMPLETE]
    if not finished:
        errors = [str(t.user_attrs["error"]) for t in trials if "error" in t.user_attrs]
        first = (errors or ["nothing"])[0].rstrip(".")
        hint = (
            " In a script a search with several `n_jobs` must stand under "
            "`if __name__ == '__main__':`."
            if first.endswith("no result")
            else ""
        )
        raise InputError(
            f"All {len(trials)} trials failed. The first one says: {first}.{hint}"
        )
    best = max(finished, key=lambda trial: (trial.value or 0.0, -trial.number))
    default = trials[0]
    if default.state != TrialState.COMPLETE:
        return best
    gain = (best.value or 0.0) - (default.value or 0.0)
    return best if gain >= min_gain else default


def results_of(trials: "Sequence[FrozenTrial]", n_folds: int) -> dict[str, list[Any]]:
    """Return the trials as columns.

    Args:
        trials: in order.
        n_folds: inner folds.

    Returns:
        ``params`` (the values set; none for the default), ``state`` (``"complete"``,
        ``"pruned"`` or ``"fail"``), ``split0_test_score`` and so on,
        ``mean_test_score`` (NaN unless complete), ``rank_test_score`` (1 is best),
        ``seconds`` and ``cpu_seconds`` (of all fits of the trial), ``error``
        (why it failed), ``note`` (what else to know, such as a second attempt), and
        ``param_NAME`` for each hyper-parameter.
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
        **{
            name: [str(trial.user_attrs.get(name, "")) for trial in trials]
            for name in ("error", "note")
        },
    }
    for k in range(n_folds):
        out[f"split{k}_test_score"] = [
            row[k] if k < len(row) else math.nan for row in scores
        ]
    for name in dict.fromkeys(name for trial in trials for name in trial.params):
        out[f"param_{name}"] = [trial.params.get(name) for trial in trials]
    return out


@dataclass(frozen=True)
class Importances:
    """How much each hyper-parameter mattered.

    Attributes:
        shares: by name, the most first; they sum to 1. Empty when there is too little
            to tell.
        n_trials: finished trials that they rest on.
    """

    shares: dict[str, float]
    n_trials: int


def importances(*studies: "Study") -> Importances:
    """Return how much each hyper-parameter mattered in one or several searches.

    Several searches of one method are put together, each score as the gain over the
    default of its own search: one alone is often too short to tell anything.

    Args:
        *studies: as in ``search.study_``.

    Returns:
        Shares by Optuna's own evaluator; none from fewer than 12 finished trials, or
        when all of them scored the same.
    """
    import optuna
    from optuna.trial import TrialState, create_trial

    pool = []
    for study in studies:
        finished = study.get_trials(states=(TrialState.COMPLETE,))
        base = next((t.value for t in finished if t.number == 0), 0.0) or 0.0
        pool += [(trial, (trial.value or 0.0) - base) for trial in finished]
    names = {name for trial, _ in pool for name in trial.params}
    # The evaluator leaves out what is not in all trials; the default may lack some.
    whole = [(trial, gain) for trial, gain in pool if set(trial.params) == names]
    if len(whole) < _ENOUGH_TRIALS or len({gain for _, gain in whole}) == 1:
        return Importances({}, len(whole))
    level = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        joint = optuna.create_study(direction="maximize")
        joint.add_trials(
            [
                create_trial(
                    params=trial.params, distributions=trial.distributions, value=gain
                )
                for trial, gain in whole
            ]
        )
        found = optuna.importance.get_param_importances(joint)
    finally:
        optuna.logging.set_verbosity(level)
    if not all(math.isfinite(share) for share in found.values()):
        return Importances({}, len(whole))
    return Importances({str(k): float(v) for k, v in found.items()}, len(whole))


def _numbers(trials: "Sequence[FrozenTrial]", name: str) -> list[float]:
    return [float(trial.user_attrs.get(name, math.nan)) for trial in trials]


def _ranks(means: list[float]) -> list[int]:
    """Return 1 for the best; equal scores share a rank, and NaN comes last."""
    values = [-math.inf if math.isnan(mean) else mean for mean in means]
    return [1 + sum(other > value for other in values) for value in values]
