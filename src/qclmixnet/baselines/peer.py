"""The one small interface behind which every baseline stands."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from typing import Any, Literal, Protocol, get_args

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.validation import check_is_fitted

from qclmixnet.core.errors import InputError, MissingExtraError
from qclmixnet.table import Schema, Table, read_labels, read_table, read_training_table

__all__ = [
    "BaselineCard",
    "Family",
    "Library",
    "Model",
    "Peer",
    "PeerSettings",
    "check_parameters",
]

Family = Literal["classical", "imbalance-aware", "boosting", "deep", "graph"]
"""Kind of method, in the order in which reports list them."""


@dataclass(frozen=True)
class Library:
    """A distribution that a baseline needs.

    Attributes:
        distribution: its name at PyPI, for example ``"scikit-learn"``.
        module: the module that it brings, for example ``"sklearn"``.
    """

    distribution: str
    module: str


@dataclass(frozen=True)
class PeerSettings:
    """What a model is told before it is fitted.

    Attributes:
        schema: kinds of the columns of the training table.
        n_classes: number of classes among the training rows.
        random_state: seed of everything random in the model.
        n_threads: threads it may use.
        time_limit_s: seconds after which a library that can stop early should return
            its best model so far; None is no limit.
        params: the library's own parameters, in place of the card's settings.
        device: where a deep network is fitted, as torch names it; the others run on
            the processor.
    """

    schema: Schema
    n_classes: int
    random_state: int
    n_threads: int
    time_limit_s: float | None
    params: Mapping[str, Any] = field(default_factory=dict)
    device: str = "cpu"


class Model(Protocol):
    """Encoder and library's model together, fed with checked tables."""

    def fit(self, table: Table, codes: npt.NDArray[np.int64]) -> None:
        """Learn from the rows; ``codes`` are 0 to n_classes - 1, all present."""

    def predict_proba(self, table: Table) -> npt.NDArray[np.floating[Any]]:
        """Return probabilities, rows by the classes of ``fit``."""


@dataclass(frozen=True)
class BaselineCard:
    """What is known about a baseline before it is fitted.

    Attributes:
        name: its stable name, as in result rows.
        title: its name for people.
        family: kind of method.
        description: the library's class and the settings that differ from its defaults.
        needs: the libraries it runs on.
        build: from settings to an unfitted model.
        seconds_per_1k: rough seconds of one fit per 1,000 rows on one core, to run
            cheap methods first; not a measurement.
        parameters: names of the library's parameters that may be set; none for most
            baselines, which run with the settings of their card.
        on_gpu: whether it is fitted on a GPU when it is given one.
    """

    name: str
    title: str
    family: Family
    description: str
    needs: tuple[Library, ...]
    build: Callable[[PeerSettings], Model]
    seconds_per_1k: float
    parameters: tuple[str, ...] = ()
    on_gpu: bool = False

    def __post_init__(self) -> None:
        if self.family not in get_args(Family):
            raise InputError(f"`family` must be one of {get_args(Family)}.")

    @property
    def missing(self) -> tuple[Library, ...]:
        """Libraries it needs that are not installed."""
        return tuple(lib for lib in self.needs if find_spec(lib.module) is None)

    @property
    def versions(self) -> dict[str, str]:
        """Installed versions of the libraries it needs."""
        found = {}
        for library in self.needs:
            try:
                found[library.distribution] = version(library.distribution)
            except PackageNotFoundError:
                found[library.distribution] = "not installed"
        return found


def check_parameters(card: BaselineCard, names: Iterable[str]) -> None:
    """Refuse parameters that a baseline does not let one set.

    Args:
        card: which baseline.
        names: names of the library's parameters.

    Raises:
        InputError: at least one is none of the card's `parameters`.
    """
    unknown = [name for name in names if name not in card.parameters]
    if unknown:
        allowed = (
            f"choose among {', '.join(card.parameters)}"
            if card.parameters
            else "it runs with the settings of its card alone"
        )
        raise InputError(
            f"{card.title} has no parameter {', '.join(map(repr, unknown))} to set; "
            f"{allowed}."
        )


class Peer(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """A baseline as a scikit-learn classifier for tables of any kind.

    The table passes the same door as for `QCLMixNetClassifier` (the same kinds of
    columns, ids and constants left out); the encoding after it is the method's own and
    is fitted on the rows that `fit` is given, and on nothing else.

    Args:
        card: which baseline.
        random_state: seed; the same seed gives the same model on the same machine.
        n_threads: threads that the library may use.
        time_limit_s: see `PeerSettings`.
        params: the library's parameters to set, among those of the card.
        device: see `PeerSettings`.

    Attributes:
        classes_: the classes of the training rows, sorted.
    """

    def __init__(
        self,
        card: BaselineCard,
        *,
        random_state: int = 0,
        n_threads: int = 1,
        time_limit_s: float | None = None,
        params: Mapping[str, Any] | None = None,
        device: str = "cpu",
    ) -> None:
        self.card = card
        self.random_state = random_state
        self.n_threads = n_threads
        self.time_limit_s = time_limit_s
        self.params = params
        self.device = device

    def fit(self, X: object, y: object) -> "Peer":
        """Fit on a table and its labels.

        Args:
            X: rows of any flavour: pandas, polars, pyarrow, NumPy, lists.
            y: one label per row, at least two classes.

        Returns:
            This classifier.

        Raises:
            MissingExtraError: a library is not installed.
            InputError: the table or the labels cannot be used, a parameter is none
                that this baseline lets one set, or there is no such device.
        """
        params = dict(self.params or {})
        check_parameters(self.card, params)
        for library in self.card.missing:
            raise MissingExtraError(
                library.distribution, extra="baselines", purpose=self.card.title
            )
        if self.card.on_gpu and self.device != "cpu":
            # The libraries would take the processor where there is no such device.
            from qclmixnet.estimators.settings import resolve_device

            resolve_device(self.device)
        schema, table = read_training_table(X)
        labels = read_labels(y, n_rows=table.n_rows)
        settings = PeerSettings(
            schema=schema,
            n_classes=len(labels.classes),
            random_state=self.random_state,
            n_threads=self.n_threads,
            time_limit_s=self.time_limit_s,
            params=params,
            device=self.device,
        )
        model = self.card.build(settings)
        model.fit(table, labels.codes)
        self.schema_, self.model_, self.classes_ = schema, model, labels.classes
        return self

    def predict_proba(self, X: object) -> npt.NDArray[np.float64]:
        """Return probabilities, rows by ``classes_``; each row sums to 1.

        Args:
            X: rows with the columns of the training table.

        Returns:
            float64 of shape (n_rows, n_classes).

        Raises:
            InputError: columns are missing or unreadable, or the library gave
                something that is not a probability.
        """
        check_is_fitted(self, "model_")
        table = read_table(X, self.schema_, estimator_name=self.card.title)
        proba = np.asarray(self.model_.predict_proba(table), dtype=np.float64)
        if proba.shape != (table.n_rows, len(self.classes_)):
            raise InputError(
                f"{self.card.title} gave probabilities of shape {proba.shape} for "
                f"{table.n_rows} rows and {len(self.classes_)} classes."
            )
        if not np.isfinite(proba).all() or (proba < 0).any():
            raise InputError(f"{self.card.title} gave values that are no probability.")
        normalised: npt.NDArray[np.float64] = proba / proba.sum(axis=1, keepdims=True)
        return normalised

    def predict(self, X: object) -> npt.NDArray[Any]:
        """Return the most probable class of each row."""
        decided: npt.NDArray[Any] = self.classes_[self.predict_proba(X).argmax(axis=1)]
        return decided
