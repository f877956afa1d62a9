"""Deep networks for tables, as pytabkit and pytorch-tabnet train them.

All have the documented defaults of their library and its own early stopping on a fifth
of the training rows.
"""

from contextlib import AbstractContextManager
from functools import partial
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import numpy.typing as npt

from qclmixnet.baselines.isolation import isolated
from qclmixnet.baselines.peer import BaselineCard, Library, PeerSettings
from qclmixnet.baselines.prepare import FrameEncoder
from qclmixnet.baselines.tabnet import TABNET
from qclmixnet.core import clock
from qclmixnet.table import Table

__all__ = ["DEEP", "PytabkitModel"]

_SHARE_OF_LIMIT = 0.9  # of the time limit; the rest is for what comes after the epochs


class Patience(int):
    """Epochs without a new best score to wait for; none once time is up.

    Neither pytabkit's TabM nor skorch has a time limit. After each epoch TabM asks
    whether the patience that is left is ``< 0``, and skorch, whose new best epoch is
    not yet stored at that moment, whether the epochs waited for are ``==`` to it.
    """

    deadline: float = float("inf")

    @classmethod
    def until(cls, epochs: int, deadline: float) -> "Patience":
        """Return the patience.

        Args:
            epochs: as the library understands it.
            deadline: by `clock.now`.

        Returns:
            A whole number.
        """
        patience = cls(epochs)
        patience.deadline = deadline
        return patience

    def __sub__(self, other: int) -> "Patience":
        return Patience.until(int(self) - other, self.deadline)

    def __lt__(self, other: int) -> bool:
        return self._is_over() or int(self) < other

    def __eq__(self, other: object) -> bool:
        waited = isinstance(other, int) and int(other) > 0
        return int(self) == other or (waited and self._is_over())

    def __hash__(self) -> int:
        return hash(int(self))

    def _is_over(self) -> bool:
        return clock.now() >= self.deadline


class PytabkitModel:
    """A classifier of pytabkit for filled frames with native categories.

    Args:
        settings: seed, threads, time limit and device.
        name: the library's class.
        patience: the library's argument for the epochs to wait, by which it can be
            stopped; None if ``fit`` takes a time limit.
    """

    def __init__(
        self, settings: PeerSettings, *, name: str, patience: str | None
    ) -> None:
        self.settings = settings
        self.name = name
        self.patience = patience
        self._encoder = FrameEncoder(fill=True)

    def fit(self, table: Table, codes: npt.NDArray[np.int64]) -> None:
        """Fit with the library's defaults."""
        start, limit = clock.now(), self.settings.time_limit_s
        frame = self._encoder.fit(table, self.settings.schema).encode(table)
        arguments: dict[str, Any] = {
            "cat_col_names": list(self._encoder.category_names)
        }
        with self._isolated(), TemporaryDirectory() as folder:
            self._classifier = self._build(folder)
            if limit is not None and self.patience is None:
                arguments["time_to_fit_in_seconds"] = clock.watch_seconds(
                    _SHARE_OF_LIMIT * limit
                )
            elif limit is not None and self.patience is not None:
                epochs = self._classifier.get_config()[self.patience]
                patience = Patience.until(epochs, start + _SHARE_OF_LIMIT * limit)
                self._classifier.set_params(**{self.patience: patience})
            self._classifier.fit(frame, codes, **arguments)

    def predict_proba(self, table: Table) -> npt.NDArray[np.floating[Any]]:
        """Return probabilities, rows by classes."""
        frame = self._encoder.encode(table)
        with self._isolated():
            return np.asarray(self._classifier.predict_proba(frame))

    def _build(self, folder: str) -> Any:  # noqa: ANN401
        import pytabkit

        return getattr(pytabkit, self.name)(
            device=self.settings.device,
            n_threads=self.settings.n_threads,
            random_state=self.settings.random_state,
            tmp_folder=folder,  # skorch writes its best epoch there
        )

    def _isolated(self) -> AbstractContextManager[None]:
        return isolated(
            self.settings.random_state,
            n_threads=self.settings.n_threads,
            silenced=("pytabkit", "skorch", "pytorch_lightning", "torch.jit"),
        )


def _card(
    title: str,
    library_class: str,
    *,
    name: str,
    seconds_per_1k: float,
    patience: str | None,
    needs: tuple[Library, ...] = (),
) -> BaselineCard:
    return BaselineCard(
        name=name,
        title=title,
        family="deep",
        description=(
            f"pytabkit {library_class} with its defaults, plain loss; missing numbers "
            "filled with the median, native categories; stops with its best epoch when "
            f"{_SHARE_OF_LIMIT:.0%} of the time limit has passed"
        ),
        needs=(Library("pytabkit", "pytabkit"), Library("torch", "torch"), *needs),
        build=partial(PytabkitModel, name=library_class, patience=patience),
        seconds_per_1k=seconds_per_1k,
        on_gpu=True,
    )


_SKORCH = (Library("skorch", "skorch"),)

DEEP = (
    _card(
        "MLP",
        "MLP_RTDL_D_Classifier",
        name="mlp",
        seconds_per_1k=4.0,
        patience="es_patience",
        needs=_SKORCH,
    ),
    _card(
        "FT-Transformer",
        "FTT_D_Classifier",
        name="ft_transformer",
        seconds_per_1k=38.0,
        patience="es_patience",
        needs=_SKORCH,
    ),
    _card(
        "RealMLP-TD",
        "RealMLP_TD_Classifier",
        name="realmlp",
        seconds_per_1k=10.0,
        patience=None,
    ),
    _card(
        "TabM-D",
        "TabM_D_Classifier",
        name="tabm",
        seconds_per_1k=200.0,
        patience="patience",
    ),
    TABNET,
)
"""Cards of the deep baselines."""
