import numpy as np
import pytest

from qclmixnet.reasons import Condition
from qclmixnet.reasons.conditions import between, in_words
from qclmixnet.table import Table

DATES = np.array(["2024-03-01", "2024-03-02", "NaT"], dtype="datetime64[us]")
TABLE = Table(
    {
        "amount": np.array([1.0, 5.0, np.nan]),
        "open": np.array([0.0, 1.0, np.nan]),
        "sex": np.array(["f", "m", None], dtype=object),
        "seen": DATES,
    },
    3,
)
FIRST = float((DATES[0] - np.datetime64(0, "us")) / np.timedelta64(1, "D"))


@pytest.mark.parametrize(
    ("condition", "text", "holds"),
    [
        (("amount", "number", "above", 1.0), "amount > 1", [0, 1, 0]),
        (("amount", "number", "at most", 1.0), "amount <= 1", [1, 0, 0]),
        (
            ("amount", "number", "above", 1.0, True),
            "amount > 1 (or missing)",
            [0, 1, 1],
        ),
        (("amount", "number", "missing"), "amount is missing", [0, 0, 1]),
        (("amount", "number", "present"), "amount is not missing", [1, 1, 0]),
        (("open", "boolean", "above", 0.5), "open is true", [0, 1, 0]),
        (("open", "boolean", "at most", 0.5), "open is false", [1, 0, 0]),
        (("sex", "category", "is", "f"), "sex is 'f'", [1, 0, 0]),
        (("sex", "category", "is not", "f"), "sex is not 'f'", [0, 1, 1]),
        (("sex", "category", "missing"), "sex is missing", [0, 0, 1]),
        (("seen", "date", "above", FIRST), "seen > 2024-03-01", [0, 1, 0]),
        (
            ("seen", "date", "at most", FIRST + 0.5),
            "seen <= 2024-03-01 12:00:00",
            [1, 0, 0],
        ),
    ],
)
def test_words_and_truth_by_hand(
    condition: tuple[object, ...], text: str, holds: list[int]
) -> None:
    made = Condition(*condition)  # type: ignore[arg-type]
    assert made.text == text
    assert made.holds(TABLE).tolist() == [bool(one) for one in holds]


def test_two_limits_of_a_column_are_one_phrase() -> None:
    low = Condition("a", "number", "above", 1.0)
    high = Condition("a", "number", "at most", 2.5)
    other = Condition("sex", "category", "is not", "m")
    assert in_words((low, other, high)) == "1 < a <= 2.5 and sex is not 'm'"
    assert in_words((high, other)) == "a <= 2.5 and sex is not 'm'"
    assert in_words(()) == "always"


@pytest.mark.parametrize(
    ("low", "high"),
    [(1.0, 2.0), (99.9, 100.1), (-5.001, -5.0), (1e-9, 3e-9), (0.3, 7e9)],
)
def test_a_short_number_parts_the_two(low: float, high: float) -> None:
    value = between(low, high)
    assert low <= value < high
    assert len(f"{value:g}") <= 6


def test_neighbouring_floats_are_parted_too() -> None:
    high = np.nextafter(1.1, 2.0)
    assert 1.1 <= between(1.1, float(high)) < high
