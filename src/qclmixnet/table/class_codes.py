"""Labels of known classes as class numbers."""

import numpy as np
import numpy.typing as npt

from qclmixnet.core.errors import InputError
from qclmixnet.table.labels import read_label_values
from qclmixnet.table.text import level_texts

__all__ = ["class_codes"]


def class_codes(y: object, classes: npt.NDArray[np.generic]) -> npt.NDArray[np.int64]:
    """Return the place of each label among ``classes``.

    Labels are compared as text, whole numbers without a decimal point, because a file
    may give as text, or as a float, what was a whole number in training.

    Args:
        y: labels of any flavour; unlike in training a single class will do.
        classes: the classes of the fitted classifier.

    Returns:
        One class number per label.

    Raises:
        InputError: labels are missing, or are of no known class.

    >>> class_codes(["1", "3"], np.array([1, 2, 3]))
    array([0, 2])
    """
    values = read_label_values(y)
    nothing_missing = np.zeros(len(values), dtype=bool)
    texts = level_texts(values.astype(object), nothing_missing)
    known = level_texts(classes.astype(object), np.zeros(len(classes), dtype=bool))
    places = {label: place for place, label in enumerate(known)}
    codes = np.array([places.get(text, -1) for text in texts], dtype=np.int64)
    unknown = sorted(set(texts[codes < 0]))
    if unknown:
        shown = ", ".join(repr(label) for label in unknown[:5])
        more = f" and {len(unknown) - 5} more" if len(unknown) > 5 else ""
        expected = ", ".join(repr(label) for label in known[:20])
        raise InputError(
            f"{int((codes < 0).sum())} rows have classes that the classifier was not "
            f"trained on: {shown}{more}. It knows {expected}."
        )
    return codes
