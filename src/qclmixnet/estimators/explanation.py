"""What `QCLMixNetClassifier.explain` returns."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from jaxtyping import Float64, Int64

from qclmixnet.core.checks import check_integer
from qclmixnet.core.errors import InputError

__all__ = ["Explanation"]


@dataclass(frozen=True, eq=False, repr=False)
class Explanation:
    """How much each column of each row spoke for and against each class.

    The numbers are log-odds: log(p / (1 - p)) of the probability that `predict_proba`
    gives the class. Those of a row sum to ``log_odds - base``.

    Attributes:
        columns: the columns that the model uses, in the order of the training table.
        classes: the classes that are explained.
        values: what each column added.
        base: mean log-odds of the training rows that the rows were compared with.
        log_odds: of the rows explained.
        std_error: of `values`, for having tried some of all orders and training rows.
        n_permutations: how many were tried, each also in reverse.
        predicted: for each row, the position in `classes` of the class that `predict`
            chooses; the likeliest of `classes` if that one is not explained.
        cells: what the rows had in each column.
    """

    columns: tuple[str, ...]
    classes: npt.NDArray[Any]
    values: Float64[np.ndarray, "rows columns classes"]
    base: Float64[np.ndarray, " classes"]
    log_odds: Float64[np.ndarray, "rows classes"]
    std_error: Float64[np.ndarray, "rows columns classes"]
    n_permutations: int
    predicted: Int64[np.ndarray, " rows"]
    cells: Mapping[str, npt.NDArray[Any]]

    def top(self, row: int, n: int = 5) -> pd.DataFrame:
        """Return the columns that moved a row's predicted class most, for or against.

        Args:
            row: position of the row.
            n: how many columns at most.

        Returns:
            A line for each: ``column``, ``value``, ``contribution``, ``std_error``.

        Raises:
            InputError: there is no such row, or `n` is below 1.
        """
        check_integer(n, "n", low=1)
        if not 0 <= check_integer(row, "row", low=0) < len(self.log_odds):
            raise InputError(
                f"`row` must be from 0 to {len(self.log_odds) - 1}, got {row}."
            )
        strength = self.values[row, :, self.predicted[row]]
        best = np.argsort(-np.abs(strength), kind="stable")[:n]
        lines = self.to_frame().iloc[row * len(self.columns) + best]
        return lines[["column", "value", "contribution", "std_error"]].reset_index(
            drop=True
        )

    def to_frame(self) -> pd.DataFrame:
        """Return one line per row and column, for the predicted class.

        Returns:
            ``row``, ``class``, ``column``, ``value``, ``contribution``, ``std_error``.
        """
        n_rows, n_columns, _ = self.values.shape
        rows = np.arange(n_rows)
        cells = np.empty((n_rows, n_columns), dtype=object)
        for position, name in enumerate(self.columns):
            cells[:, position] = self.cells[name]
        return pd.DataFrame(
            {
                "row": np.repeat(rows, n_columns),
                "class": np.repeat(self.classes[self.predicted], n_columns),
                "column": np.tile(np.array(self.columns, dtype=object), n_rows),
                "value": cells.ravel(),
                "contribution": self.values[rows, :, self.predicted].ravel(),
                "std_error": self.std_error[rows, :, self.predicted].ravel(),
            }
        )

    def __repr__(self) -> str:
        n_rows, n_columns, _ = self.values.shape
        classes = ", ".join(map(str, self.classes))
        return (
            f"Explanation({n_rows} rows, {n_columns} columns, classes {classes}, "
            f"{self.n_permutations} permutations)"
        )
