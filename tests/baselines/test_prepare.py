import numpy as np
import pandas as pd
import pytest

from qclmixnet.baselines.prepare import DenseEncoder, FrameEncoder
from qclmixnet.table import Schema, Table, read_table, read_training_table

DAYS = ["2024-01-01", "2024-01-02", None, "2024-01-02"]
FRAME = pd.DataFrame(
    {
        "age": [20.0, 40.0, None, 90.0],
        "member": [True, False, True, True],
        "sex": ["m", "f", None, "m"],
        "on": pd.Series(DAYS, dtype="M8[us]"),
    }
)
STRANGE = pd.DataFrame(
    {
        "age": [None, 1e300],
        "member": [None, False],
        "sex": ["x", None],
        "on": pd.Series([None, "2023-12-31 12:00"], dtype="M8[us]"),
    }
)


@pytest.fixture
def read() -> tuple[Schema, Table, Table]:
    schema, table = read_training_table(FRAME)
    return schema, table, read_table(STRANGE, schema, estimator_name="Peer")


def waves(day_of_year: int, weekday: int) -> list[float]:
    angles = 2 * np.pi * np.array([day_of_year / 365.25, weekday / 7])
    return [wave(angle) for angle in angles for wave in (np.sin, np.cos)]


def test_dense_columns_are_these(read: tuple[Schema, Table, Table]) -> None:
    schema, table, _ = read
    # 1 January 2024 was a Monday. The columns: age, member, days, four waves, two
    # holes (age, days), f, m, missing.
    expected: list[list[float]] = [
        [20, 1, 0, *waves(0, 0), 0, 0, 0, 1, 0],
        [40, 0, 1, *waves(1, 1), 0, 0, 1, 0, 0],
        [40, 1, 1, 0, 0, 0, 0, 1, 1, 0, 0, 1],
        [90, 1, 1, *waves(1, 1), 0, 0, 0, 1, 0],
    ]
    found = DenseEncoder(scale=False).fit(table, schema).encode(table)
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_dense_columns_of_strange_rows_are_finite(
    read: tuple[Schema, Table, Table],
) -> None:
    schema, table, strange = read
    found = DenseEncoder(scale=False).fit(table, schema).encode(strange)
    # Holes where training had none are filled too; an unseen level is all zeros.
    assert found[0, :3].tolist() == [40, 1, 1]
    assert found[0, 7:].tolist() == [1, 1, 0, 0, 0]
    assert found[1, 0] == np.finfo(np.float32).max
    assert found[1, 2] == -0.5
    assert found[1, 7:].tolist() == [0, 0, 0, 0, 1]


def test_scaled_numbers_have_mean_0_and_variance_1(
    read: tuple[Schema, Table, Table],
) -> None:
    schema, table, _ = read
    found = DenseEncoder(scale=True).fit(table, schema).encode(table)
    np.testing.assert_allclose(found[:, :9].mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(found[:, :9].std(axis=0), 1, atol=1e-12)
    assert set(np.unique(found[:, 9:])) == {0, 1}


def test_a_frame_keeps_holes(read: tuple[Schema, Table, Table]) -> None:
    schema, table, strange = read
    encoder = FrameEncoder().fit(table, schema)
    frame, other = encoder.encode(table), encoder.encode(strange)
    assert encoder.category_names == ("f7",)
    assert list(frame.columns) == [f"f{i}" for i in range(8)]
    np.testing.assert_array_equal(frame["f0"], [20, 40, np.nan, 90])
    np.testing.assert_array_equal(frame.iloc[2, 2:7].isna(), [True] * 5)
    assert frame["f7"].cat.categories.tolist() == ["f", "m"]
    assert frame["f7"].cat.codes.tolist() == [1, 0, -1, 1]
    assert other["f7"].cat.codes.tolist() == [-1, -1]
    assert other["f7"].dtype == frame["f7"].dtype


def test_a_filled_frame_has_no_holes(read: tuple[Schema, Table, Table]) -> None:
    schema, table, strange = read
    encoder = FrameEncoder(fill=True).fit(table, schema)
    frame, other = encoder.encode(table), encoder.encode(strange)
    assert not frame.isna().any(axis=None)
    assert not other.isna().any(axis=None)
    assert frame["f0"].tolist() == [20, 40, 40, 90]
    assert frame["f7"].tolist() == ["m", "f", "(missing)", "m"]
    assert other["f7"].tolist() == ["(missing)", "(missing)"]


def test_a_level_may_be_called_missing() -> None:
    words = pd.DataFrame({"word": ["(missing)", "b", None, "b"]})
    schema, table = read_training_table(words)
    found = FrameEncoder(fill=True).fit(table, schema).encode(table)["f0"]
    assert found.tolist() == ["(missing)", "b", "(missing)_", "b"]


def test_no_more_than_64_columns_come_from_one_category() -> None:
    words = pd.DataFrame({"word": [f"w{i % 90}" for i in range(300)]})
    schema, table = read_training_table(words)
    found = DenseEncoder(scale=False).fit(table, schema).encode(table)
    assert found.shape == (300, 64)
    np.testing.assert_array_equal(found.sum(axis=1), 1)
