"""A training part and a test part as tables, ready to be learned and scored."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

__all__ = ["LabelledSplit"]


@dataclass(frozen=True)
class LabelledSplit:
    """What one fit learns from and is scored on.

    Attributes:
        X_train: rows to learn from.
        codes_train: class number of each, as the method is told it.
        X_test: rows to predict, with the same columns.
        codes_test: true class number of each.
    """

    X_train: pd.DataFrame
    codes_train: npt.NDArray[np.int64]
    X_test: pd.DataFrame
    codes_test: npt.NDArray[np.int64]

    def learning_from(self, rows: npt.NDArray[np.int64]) -> "LabelledSplit":
        """Return the split with these training rows only.

        Args:
            rows: row numbers of the training part; a row may come more than once.

        Returns:
            The test part is the same.
        """
        return LabelledSplit(
            self.X_train.iloc[rows],
            self.codes_train[rows],
            self.X_test,
            self.codes_test,
        )
