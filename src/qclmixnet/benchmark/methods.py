"""The methods of a benchmark by name: ours and the baselines, made alike."""

from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import version
from typing import Literal, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from qclmixnet.baselines import baseline_card, list_baselines, make_baseline
from qclmixnet.benchmark.ablations import ABLATIONS
from qclmixnet.benchmark.record import MethodFacts
from qclmixnet.core.errors import InputError, MissingExtraError

__all__ = [
    "OURS",
    "QUICK_METHODS",
    "Classifier",
    "FittedClassifier",
    "check_methods",
    "decides_itself",
    "expected_seconds",
    "list_methods",
    "make_method",
    "method_facts",
    "modules_of",
    "runs_on_gpu",
]

PresetName = Literal["default", "paper"]

OURS: Mapping[str, PresetName] = {
    "qclmixnet": "default",
    "qclmixnet_paper": "paper",
}
"""Our methods and the preset of each."""

QUICK_METHODS = (
    "qclmixnet_paper",
    "logistic_regression",
    "knn",
    "random_forest",
    "balanced_random_forest",
    "smote_random_forest",
    "xgboost",
    "lightgbm",
)
"""Methods of the quick suite, all of them cheap."""

_TITLES = {"qclmixnet": "QCL-MixNet", "qclmixnet_paper": "QCL-MixNet (paper)"}
_SECONDS_PER_1K = 3.0
_OVERHEAD_S = 0.2


@runtime_checkable
class FittedClassifier(Protocol):
    """What the benchmark needs of a classifier that has learned."""

    classes_: npt.NDArray[np.generic]

    def predict(self, X: object) -> npt.NDArray[np.generic]:
        """Decide."""

    def predict_proba(self, X: object) -> npt.NDArray[np.floating]:
        """Give probabilities, rows by ``classes_``."""


@runtime_checkable
class Classifier(Protocol):
    """A classifier that has not learned yet."""

    def fit(self, X: object, y: object) -> FittedClassifier:
        """Learn."""


def decides_itself(name: str) -> bool:
    """Return whether a method is ours, with a decision rule of its own.

    >>> decides_itself("qclmixnet"), decides_itself("knn")
    (True, False)
    """
    return name in OURS or name in ABLATIONS


def list_methods() -> tuple[str, ...]:
    """Return the names of all methods, ours first.

    >>> list_methods()[:3]
    ('qclmixnet', 'qclmixnet_paper', 'logistic_regression')
    """
    return (*OURS, *list_baselines())


def check_methods(names: Sequence[str]) -> tuple[str, ...]:
    """Check that all methods are known, different and installed.

    Args:
        names: names of methods.

    Returns:
        The same names.

    Raises:
        InputError: a name is unknown or comes twice, or there is none.
        MissingExtraError: the library of a baseline is not installed.
    """
    if not names:
        raise InputError("There is no method to run; name at least one.")
    known = {*list_methods(), *ABLATIONS}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise InputError(
            f"There is no method {', '.join(map(repr, unknown))}; "
            f"choose among {', '.join(list_methods())}."
        )
    if len(set(names)) < len(names):
        raise InputError(f"A method is named twice in {', '.join(names)}.")
    for name in names:
        for library in () if decides_itself(name) else baseline_card(name).missing:
            raise MissingExtraError(
                library.distribution,
                extra="baselines",
                purpose=f"The method {name!r}",
            )
    return tuple(names)


def runs_on_gpu(name: str) -> bool:
    """Return whether a method is fitted on a GPU when it is given one.

    >>> runs_on_gpu("tabm"), runs_on_gpu("knn")
    (True, False)
    """
    return decides_itself(name) or baseline_card(name).on_gpu


def make_method(
    name: str,
    *,
    random_state: int,
    n_threads: int,
    time_limit_s: float | None,
    device: str = "cpu",
) -> Classifier:
    """Return an unfitted classifier.

    Args:
        name: one of `list_methods` or of `ABLATIONS`.
        random_state: seed of the model.
        n_threads: threads it may use.
        time_limit_s: seconds after which a method that can stop early should return
            its best model so far.
        device: where it is fitted if it `runs_on_gpu`, as torch names it.

    Returns:
        Ours or the baseline of that name.
    """
    if not decides_itself(name):
        peer: Classifier = make_baseline(
            name,
            random_state=random_state,
            n_threads=n_threads,
            time_limit_s=time_limit_s,
            device=device,
        )
        return peer
    from qclmixnet.estimators import QCLMixNetClassifier

    ablation = ABLATIONS.get(name)
    ours: Classifier = QCLMixNetClassifier(
        preset=OURS[name] if ablation is None else ablation.recipe(),
        decision=None if ablation is None else ablation.decision,
        random_state=random_state,
        time_limit_s=time_limit_s,
        device=device,
    )
    return ours


def method_facts(name: str) -> MethodFacts:
    """Return title, family, description and library versions of a method."""
    if not decides_itself(name):
        card = baseline_card(name)
        return MethodFacts(
            name, card.title, card.family, card.description, card.versions
        )
    versions = {name: version(name) for name in ("qclmixnet", "torch")}
    if name in ABLATIONS:
        ablation = ABLATIONS[name]
        changed = ", ".join(f"{at}={value!r}" for at, value in ablation.changes.items())
        text = f"preset {ablation.subject!r}" + (f" with {changed}" if changed else "")
        if ablation.decision:
            text += f" with decision={ablation.decision!r}"
        title = f"{ablation.subject}: {ablation.title}"
        return MethodFacts(name, title, "ours", text, versions)
    text = f"QCLMixNetClassifier(preset={OURS[name]!r})"
    return MethodFacts(name, _TITLES[name], "ours", text, versions)


def modules_of(names: Iterable[str], *, device: str = "cpu") -> tuple[str, ...]:
    """Return the modules to import before the first fit of any of these methods.

    Args:
        names: names of methods.
        device: where they are fitted.

    Returns:
        Names of modules, sorted.
    """
    modules = {"qclmixnet.benchmark.fitting", "qclmixnet.benchmark.warm_up"}
    for name in names:
        if decides_itself(name):
            modules |= {"qclmixnet.estimators", "torch"}
        else:
            modules |= {library.module for library in baseline_card(name).needs}
    if "torch" in modules:
        # An optimizer imports the first one at its first step: a second of work.
        modules |= {"torch._dynamo", "torch.profiler"}
    if device != "cpu":
        # It imports gpytorch where that is installed, which asks for the GPUs; no
        # process that is forked after that can use one.
        modules.discard("skorch")
    return tuple(sorted(modules))


def expected_seconds(name: str, n_rows: int) -> float:
    """Return the rough cost of one fit on one core, to run cheap ones first."""
    ours = decides_itself(name)
    per_1k = _SECONDS_PER_1K if ours else baseline_card(name).seconds_per_1k
    return _OVERHEAD_S + per_1k * n_rows / 1000
