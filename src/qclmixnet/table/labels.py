"""The door for labels and sample weights."""

from decimal import Decimal
from numbers import Integral, Real

import narwhals as nw
import numpy as np
import pandas as pd
from narwhals.typing import IntoSeries

from qclmixnet.core.caller import warn_caller
from qclmixnet.core.errors import DataWarning, InputError, InputTypeError
from qclmixnet.table.schema import Labels
from qclmixnet.table.source import is_sparse, object_array
from qclmixnet.table.text import missing_cells

__all__ = ["read_label_values", "read_labels", "read_sample_weight"]

_MANY_CLASSES = 20  # below this, half the rows being classes of their own is a toy


def read_labels(
    y: object, *, n_rows: int, estimator_name: str = "QCLMixNetClassifier"
) -> Labels:
    """Read class labels of any flavour.

    Texts, booleans, whole numbers (also as floats) and categories are labels; of a
    category dtype only the levels that occur become classes.

    Args:
        y: a Series, a 1-D array or a list; a table or array of one column is accepted
            with scikit-learn's ``DataConversionWarning``.
        n_rows: rows of the table that the labels belong to.
        estimator_name: who is speaking.

    Returns:
        The classes, sorted, and the class of each row.

    Raises:
        InputError: labels are missing, continuous, of mixed types, of the wrong
            number, or all the same.

    >>> read_labels(["no", "yes", "no"], n_rows=3).codes
    array([0, 1, 0])
    >>> read_labels([0.5, 1.5], n_rows=2)
    Traceback (most recent call last):
        ...
    qclmixnet.core.errors.InputError: Unknown label type: continuous. `y` holds \
fractions such as 0.5, but a classifier needs classes; cut the values into groups first.
    """
    if y is None:
        raise InputError(
            f"{estimator_name} requires y to be passed, but the target y is None."
        )
    values = read_label_values(y)
    if len(values) != n_rows:
        raise InputError(
            f"`y` has {len(values)} labels, but `X` has {n_rows} rows; they must be "
            "equally many, in the same order."
        )
    if values.dtype.kind == "f":
        _refuse_continuous(values)
    if values.dtype == object:  # NumPy would sort all rows, pandas only the classes
        codes, levels = pd.factorize(values, sort=True)
        classes = np.asarray(levels, dtype=object)
    else:
        classes, codes = np.unique(values, return_inverse=True)
    if not len(classes):
        raise InputError("`y` is empty; a classifier needs at least two classes.")
    if len(classes) < 2:
        raise InputError(
            f"`y` holds one class only, {classes[0]!r}, in {n_rows} sample(s); a "
            "classifier needs at least two classes."
        )
    if len(classes) > max(_MANY_CLASSES, n_rows / 2):
        warn_caller(
            f"`y` has {len(classes)} classes in {n_rows} rows: is it an id or a "
            "measured value instead of a class?",
            DataWarning,
        )
    return Labels(classes, codes.astype(np.int64))


def read_label_values(y: object) -> np.ndarray:
    """Read labels of any flavour as one array of one plain dtype.

    Args:
        y: as for ``read_labels``; how many classes there are is not looked at.

    Returns:
        Labels without holes: whole numbers, floats, booleans or texts.

    Raises:
        InputError: labels are missing, infinite, of mixed types or of no usable type.
    """
    values = _one_axis(_label_array(y))
    if values.dtype.kind in "SV":
        raise _unknown_labels(f"cells of type {values.dtype}")
    _refuse_holes(values)
    if values.dtype == object:
        values = _plain_dtype(values)
    if values.dtype.kind in "Mm":
        raise _unknown_labels(f"cells of type {values.dtype}")
    if values.dtype.kind == "c":
        raise InputError(f"Complex data not supported: `y` is {values.dtype}.")
    if values.dtype.kind == "f":
        _refuse_infinity(values)
    return values


def _label_array(y: object) -> np.ndarray:
    if is_sparse(y):
        raise InputTypeError("`y` is sparse; pass `y.toarray().ravel()`.")
    if isinstance(y, str | bytes | dict):
        raise InputTypeError(
            f"`y` must be a Series, a 1-D array or a list, got {type(y).__name__}."
        )
    if isinstance(y, pd.DataFrame):
        if y.shape[1] == 1:
            return _label_array(y.iloc[:, 0])[:, None]
        return np.empty(y.shape, dtype=object)
    opened = nw.from_native(y, pass_through=True, allow_series=True)
    if isinstance(opened, nw.LazyFrame):
        raise InputTypeError("`y` is lazy and has no rows yet; pass `y.collect()`.")
    if isinstance(opened, nw.DataFrame):
        if opened.shape[1] == 1:
            return _series_labels(next(iter(opened.iter_columns())))[:, None]
        return np.empty(opened.shape, dtype=object)
    if isinstance(opened, nw.Series):
        return _series_labels(opened)
    return object_array(y, "y")


def _series_labels(series: nw.Series[IntoSeries]) -> np.ndarray:
    native = series.to_native()
    if isinstance(native, pd.Series):
        plain = isinstance(native.dtype, np.dtype)
        return native.to_numpy() if plain else native.astype(object).to_numpy()
    if series.null_count() == 0 and (
        series.dtype.is_integer() or series.dtype.is_float()
    ):
        return series.to_numpy()
    cells = np.empty(len(series), dtype=object)
    cells[:] = series.to_list()
    return cells


def _one_axis(values: np.ndarray) -> np.ndarray:
    if values.ndim == 2 and values.shape[1] == 1:
        from sklearn.exceptions import DataConversionWarning

        warn_caller(
            "A column-vector y was passed when a 1d array was expected. Please change "
            "the shape of y to (n_samples,), for example using ravel().",
            DataConversionWarning,
        )
        return values[:, 0]
    if values.ndim != 1:
        raise InputError(
            f"y should be a 1d array, got an array of shape {values.shape} instead: "
            "one label for each row."
        )
    return values


def _refuse_holes(values: np.ndarray) -> None:
    missing = np.flatnonzero(missing_cells(values))
    if len(missing):
        raise InputError(
            f"Input y contains NaN: {len(missing)} of {len(values)} labels are missing"
            f", first in row {missing[0]}; drop these rows or fill in their labels."
        )


def _plain_dtype(values: np.ndarray) -> np.ndarray:
    """Object labels of one type, in that type; texts stay objects."""
    types = set(map(type, values))
    if all(issubclass(t, str) for t in types):
        return values
    if all(issubclass(t, bool | np.bool_) for t in types):
        return values.astype(bool)
    if np.timedelta64 in types:  # NumPy calls these integers
        raise _unknown_labels("durations")
    if all(issubclass(t, Integral) for t in types):
        try:
            return values.astype(np.int64)
        except OverflowError:
            return values
    if all(issubclass(t, Real | Decimal) for t in types):
        try:
            return values.astype(np.float64)
        except OverflowError:
            raise _unknown_labels("numbers beyond the range of float64") from None
    if all(issubclass(t, complex | np.complexfloating) for t in types):
        return values.astype(np.complex128)
    names = " and ".join(sorted(t.__name__ for t in types))
    raise _unknown_labels(f"cells of type {names}")


def _unknown_labels(what: str) -> InputTypeError:
    return InputTypeError(
        f"Unknown label type: `y` holds {what}; labels must be all texts, all whole "
        "numbers or all booleans. Turn them into text, for example with "
        "`[str(label) for label in y]`."
    )


def _refuse_infinity(values: np.ndarray) -> None:
    infinite = np.flatnonzero(np.isinf(values))
    if len(infinite):
        raise InputError(
            f"Input y contains infinity or a value too large for {values.dtype!r}: "
            f"{len(infinite)} label(s), first in row {infinite[0]}; drop these rows."
        )


def _refuse_continuous(values: np.ndarray) -> None:
    fractions = values[values != np.floor(values)]
    if len(fractions):
        raise InputError(
            "Unknown label type: continuous. `y` holds fractions such as "
            f"{fractions[0]:g}, but a classifier needs classes; cut the values into "
            "groups first."
        )
    n_classes = len(np.unique(values))
    if n_classes > max(_MANY_CLASSES, len(values) / 2):
        raise InputError(
            f"Unknown label type: continuous. `y` holds {n_classes} different floats "
            f"in {len(values)} rows; cut the values into groups, or turn them into "
            "integers if they are classes."
        )


def read_sample_weight(w: object, *, n_rows: int) -> np.ndarray:
    """Read one weight for each row, as float64; None gives ones.

    Args:
        w: None, one number for all rows, or one number for each row.
        n_rows: rows of the table that the weights belong to.

    Returns:
        Finite weights of at least 0, one of them above.

    Raises:
        InputError: weights are not numbers, negative, not finite, all zero, or of the
            wrong number.

    >>> read_sample_weight(2, n_rows=3)
    array([2., 2., 2.])
    """
    if w is None:
        return np.ones(n_rows)
    weights = _weight_array(w)
    if weights.ndim == 0:
        weights = np.full(n_rows, float(weights))
    if weights.ndim != 1:
        raise InputError(
            f"Sample weights must be 1D array or scalar, got shape {weights.shape}."
        )
    if len(weights) != n_rows:
        raise InputError(
            f"`sample_weight` has {len(weights)} weights, but `X` has {n_rows} rows."
        )
    bad = np.flatnonzero(~(np.isfinite(weights) & (weights >= 0)))
    if len(bad):
        raise InputError(
            "`sample_weight` must be finite and at least 0, got "
            f"{weights[bad[0]]:g} in row {bad[0]} ({len(bad)} such row(s))."
        )
    if not weights.any():
        raise InputError("Sample weights must contain at least one non-zero number.")
    return weights


def _weight_array(w: object) -> np.ndarray:
    if isinstance(w, str | bytes | dict):
        raise InputTypeError(
            f"`sample_weight` must be numbers, one for each row, got {w!r}."
        )
    opened = nw.from_native(w, pass_through=True, allow_series=True)
    if isinstance(opened, nw.Series | nw.DataFrame):
        values = np.asarray(opened.to_numpy())
    else:
        plain = np.asarray(w) if isinstance(w, Real) else w
        values = object_array(plain, "sample_weight")
    try:
        if values.dtype == object:
            return np.where(missing_cells(values), np.nan, values).astype(np.float64)
        return values.astype(np.float64, casting="same_kind")
    except (TypeError, ValueError, OverflowError) as error:
        raise InputError(
            f"`sample_weight` must be numbers, one for each row, got {values.dtype}."
        ) from error
