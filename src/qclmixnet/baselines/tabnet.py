"""TabNet as pytorch-tabnet trains it."""

from contextlib import AbstractContextManager
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from qclmixnet.baselines.isolation import isolated
from qclmixnet.baselines.peer import BaselineCard, Library, PeerSettings
from qclmixnet.baselines.prepare import FrameEncoder
from qclmixnet.core import clock
from qclmixnet.table import Table, stratified_holdout

__all__ = ["TABNET", "TabNetModel"]

_BATCH = 1024  # the library's default
_HELD_OUT = 0.2
_SHARE_OF_LIMIT = 0.9  # of the time limit; the rest is for what comes after the epochs


class TabNetModel:
    """TabNet on filled numbers and embedded categories.

    Args:
        settings: seed, threads and time limit.
    """

    def __init__(self, settings: PeerSettings) -> None:
        self.settings = settings
        self._encoder = FrameEncoder(fill=True)

    def fit(self, table: Table, codes: npt.NDArray[np.int64]) -> None:
        """Fit with the library's defaults and its early stopping."""
        start, settings = clock.now(), self.settings
        frame = self._encoder.fit(table, settings.schema).encode(table)
        x, names = _numbers(frame), self._encoder.category_names
        rng = np.random.default_rng(settings.random_state)
        rows, held_out = stratified_holdout(codes, fraction=_HELD_OUT, generator=rng)
        # The area under the curve, the default for two classes, needs both of them.
        has_all = len(np.unique(codes[held_out])) == settings.n_classes
        limit = settings.time_limit_s
        with self._isolated():
            from pytorch_tabnet.tab_model import TabNetClassifier

            self._classifier: Any = TabNetClassifier(
                cat_idxs=[frame.columns.get_loc(name) for name in names],
                cat_dims=[len(frame[name].cat.categories) for name in names],
                cat_emb_dim=1,
                seed=settings.random_state,
                device_name=settings.device,
                verbose=0,
            )
            self._classifier.fit(
                x[rows],
                codes[rows],
                eval_set=[(x[held_out], codes[held_out])] if len(held_out) else [],
                eval_metric=None if has_all else ["accuracy"],
                # An epoch leaves out the last, smaller batch: all of a small table.
                batch_size=min(_BATCH, len(rows)),
                callbacks=(
                    None if limit is None else [_Stop(start + _SHARE_OF_LIMIT * limit)]
                ),
                compute_importance=False,
            )

    def predict_proba(self, table: Table) -> npt.NDArray[np.floating[Any]]:
        """Return probabilities, rows by classes."""
        x = _numbers(self._encoder.encode(table))
        with self._isolated():
            return np.asarray(self._classifier.predict_proba(x))

    def _isolated(self) -> AbstractContextManager[None]:
        settings = self.settings
        return isolated(
            settings.random_state,
            n_threads=settings.n_threads,
            silenced=("pytorch_tabnet",),
        )


class _Stop:
    """pytorch-tabnet's way to be told to stop; it goes back to its best epoch."""

    def __init__(self, deadline: float) -> None:
        self.deadline = deadline

    def set_trainer(self, model: Any) -> None:  # noqa: ANN401
        self._trainer = model

    def on_epoch_end(self, *_: object, **__: object) -> None:
        if clock.now() >= self.deadline:
            self._trainer._stop_training = True

    def ignore(self, *_: object, **__: object) -> None:
        """Do nothing at all other times."""

    set_params = on_train_begin = on_train_end = ignore
    on_epoch_begin = on_batch_begin = on_batch_end = ignore


def _numbers(frame: pd.DataFrame) -> npt.NDArray[np.float32]:
    """Categories by the positions of their levels."""
    columns = [
        values.cat.codes if isinstance(values.dtype, pd.CategoricalDtype) else values
        for _, values in frame.items()
    ]
    return np.stack([np.asarray(v, dtype=np.float32) for v in columns], axis=1)


TABNET = BaselineCard(
    name="tabnet",
    title="TabNet",
    family="deep",
    description=(
        "pytorch_tabnet TabNetClassifier(cat_emb_dim=1) with its defaults, plain loss; "
        "batches of 1024 rows or, in a smaller table, of all rows; early stopping of "
        f"the library on {_HELD_OUT:.0%} of the training rows, stratified; missing "
        "numbers filled with the median, a missing or unseen category is a level of "
        f"its own; stops with its best epoch when {_SHARE_OF_LIMIT:.0%} of the time "
        "limit has passed"
    ),
    needs=(Library("pytorch-tabnet", "pytorch_tabnet"), Library("torch", "torch")),
    build=TabNetModel,
    seconds_per_1k=1.0,
    on_gpu=True,
)
"""Card of TabNet."""
