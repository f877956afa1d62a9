import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from qclmixnet.core.errors import InputError, ModelFormatError
from qclmixnet.preprocessing import EncodedTable, Scaling, TableEncoder
from qclmixnet.preprocessing import levels as levels_module
from qclmixnet.table import read_table, read_training_table


def fit(
    frame: pd.DataFrame, *, scaling: Scaling = "standard", max_levels: int = 64
) -> tuple[TableEncoder, EncodedTable]:
    schema, table = read_training_table(frame)
    encoder = TableEncoder(scaling=scaling, max_levels=max_levels).fit(table, schema)
    return encoder, encoder.encode(table)


def fit_then_encode(training: pd.DataFrame, later: pd.DataFrame) -> EncodedTable:
    schema, table = read_training_table(training)
    return TableEncoder().fit(table, schema).encode(read_table(later, schema))


def test_standard_scaling_by_hand() -> None:
    # mean 4, deviations -3 -1 1 3, variance 5
    _, encoded = fit(pd.DataFrame({"a": [1.0, 3.0, 5.0, 7.0]}))
    expected = np.array([-3, -1, 1, 3], dtype=np.float64) / np.sqrt(5)
    np.testing.assert_array_equal(encoded.x_num[:, 0], expected.astype(np.float32))


def test_robust_scaling_by_hand() -> None:
    # quartiles 1, 2, 3: (x - 2) / 2, then x / sqrt(1 + (x / 3)^2); 100 -> 49
    _, encoded = fit(pd.DataFrame({"a": [0.0, 1.0, 2.0, 3.0, 100.0]}), scaling="robust")
    raw = np.array([-1.0, -0.5, 0.0, 0.5, 49.0])
    expected = raw / np.sqrt(1 + (raw / 3) ** 2)
    np.testing.assert_allclose(encoded.x_num[:, 0], expected, rtol=1e-6)
    assert encoded.x_num.max() < 3


def test_robust_scaling_falls_back_to_half_the_range() -> None:
    # quartiles all 0, range 8: x * 2 / 8 = 2 -> 2 / sqrt(1 + 4 / 9)
    _, encoded = fit(pd.DataFrame({"a": [0.0, 0, 0, 0, 8]}), scaling="robust")
    np.testing.assert_allclose(encoded.x_num[-1, 0], 2 / np.sqrt(1 + 4 / 9), rtol=1e-6)


def test_a_hole_is_the_mean_and_an_indicator() -> None:
    encoder, encoded = fit(pd.DataFrame({"a": [0.0, 2.0, None], "b": [1, 2, 3]}))
    assert encoder.numeric_names == ("a", "a is missing", "b")
    np.testing.assert_array_equal(encoded.x_num[:, 0], [-1, 1, 0])
    np.testing.assert_array_equal(encoded.x_num[:, 1], [0, 0, 1])


def test_a_hole_only_later_is_the_mean_without_a_new_column() -> None:
    encoded = fit_then_encode(
        pd.DataFrame({"a": [0.0, 2.0]}), pd.DataFrame({"a": [None, 2.0]})
    )
    np.testing.assert_array_equal(encoded.x_num, [[0], [1]])


def test_booleans_are_standardised() -> None:
    _, encoded = fit(pd.DataFrame({"a": [True, False, False, False]}))
    expected = np.array([0.75, -0.25, -0.25, -0.25]) / np.sqrt(3 / 16)
    np.testing.assert_allclose(encoded.x_num[:, 0], expected, rtol=1e-6)


def test_one_value_with_holes_keeps_the_holes_only() -> None:
    _, encoded = fit(pd.DataFrame({"a": [7.0, None, 7.0]}))
    np.testing.assert_array_equal(encoded.x_num, [[0, 0], [0, 1], [0, 0]])


@pytest.mark.parametrize("scaling", ["standard", "robust"])
@pytest.mark.parametrize("size", [1e308, 1e300, 1e-200, 5e-320])
def test_extreme_sizes_scale_as_ordinary_ones(scaling: Scaling, size: float) -> None:
    cells = np.array([-1.0, 0.0, 0.25, 1.0])
    _, ordinary = fit(pd.DataFrame({"a": cells}), scaling=scaling)
    _, extreme = fit(pd.DataFrame({"a": cells * size}), scaling=scaling)
    rtol = 1e-3 if size < 1e-300 else 1e-6  # numbers below 1e-308 have few digits
    np.testing.assert_allclose(extreme.x_num, ordinary.x_num, rtol=rtol)


@pytest.mark.parametrize("scaling", ["standard", "robust"])
@settings(deadline=None)
@given(
    cells=hnp.arrays(
        np.float64, st.integers(2, 30), elements=st.floats(allow_infinity=False)
    ),
    later=st.lists(st.floats(allow_infinity=False), min_size=2, max_size=2),
)
def test_every_finite_number_stays_finite(
    scaling: Scaling, cells: np.ndarray, later: list[float]
) -> None:
    frame = pd.DataFrame({"a": cells, "anchor": np.arange(len(cells)) % 2 + 0.5})
    schema, table = read_training_table(frame)
    encoder = TableEncoder(scaling=scaling).fit(table, schema)
    assert np.isfinite(encoder.encode(table).x_num).all()
    new = pd.DataFrame({"a": later, "anchor": [0.0, 1.0]})
    assert np.isfinite(encoder.encode(read_table(new, schema)).x_num).all()


def test_a_later_outlier_is_clipped() -> None:
    encoded = fit_then_encode(
        pd.DataFrame({"a": [0.0, 2.0]}), pd.DataFrame({"a": [1e308, -1e308]})
    )
    np.testing.assert_array_equal(encoded.x_num, [[1e4], [-1e4]])


def test_dates_by_hand() -> None:
    # Monday and Thursday at midnight: no time of day; days 0 and 3
    encoder, encoded = fit(pd.DataFrame({"d": ["2024-01-01", "2024-01-04", None]}))
    assert encoder.numeric_names == (
        *("d (days)", "d (sine of year)", "d (cosine of year)"),
        *("d (sine of week)", "d (cosine of week)", "d is missing"),
    )
    year, week = 2 * np.pi * 3 / 365.25, 2 * np.pi * 3 / 7
    expected = [
        [-1, 0, 1, 0, 1, 0],
        [1, np.sin(year), np.cos(year), np.sin(week), np.cos(week), 0],
        [0, 0, 0, 0, 0, 1],
    ]
    np.testing.assert_allclose(encoded.x_num, expected, atol=1e-6)


def test_a_cycle_that_does_not_vary_is_left_out() -> None:
    hours = pd.to_datetime(["2024-01-01T06:00", "2024-01-01T18:00"])
    encoder, encoded = fit(pd.DataFrame({"d": hours}))
    assert encoder.numeric_names == ("d (days)", "d (sine of day)", "d (cosine of day)")
    np.testing.assert_allclose(encoded.x_num, [[-1, 1, 0], [1, -1, 0]], atol=1e-6)


def test_category_codes_by_hand() -> None:
    encoder, encoded = fit(pd.DataFrame({"c": ["b", None, "a", "b"]}))
    assert encoder.category_names == ("c",)
    assert encoder.cardinalities == (4,)
    np.testing.assert_array_equal(encoded.x_cat, [[3], [0], [2], [3]])
    assert encoded.x_num.shape == (4, 0)


def test_rare_levels_are_other_and_ties_go_by_text() -> None:
    cells = ["b", "b", "d", "a", "c", None]
    encoder, encoded = fit(pd.DataFrame({"c": cells}), max_levels=2)
    assert encoder.cardinalities == (4,)  # missing, other, a, b
    np.testing.assert_array_equal(encoded.x_cat[:, 0], [3, 3, 1, 2, 1, 0])
    assert encoded.unseen == {}


def test_only_levels_never_seen_count_as_unseen() -> None:
    training = pd.DataFrame(
        {"c": ["a", "a", "b"], "n": [1, 2, 3], "e": ["u", "v", "u"]}
    )
    schema, table = read_training_table(training)
    encoder = TableEncoder(max_levels=1).fit(table, schema)
    later = pd.DataFrame({"c": ["b", "z", "z", None], "n": 1, "e": "u"})
    encoded = encoder.encode(read_table(later, schema))
    assert encoded.unseen == {"c": 2}
    np.testing.assert_array_equal(encoded.x_cat[:, 0], [1, 1, 1, 0])


def test_beyond_the_remembered_levels_nothing_counts_as_unseen(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(levels_module, "MAX_REMEMBERED", 1)
    schema, table = read_training_table(pd.DataFrame({"c": ["a", "b", "c", "a"]}))
    encoder = TableEncoder(max_levels=1).fit(table, schema)
    encoded = encoder.encode(read_table(pd.DataFrame({"c": ["z"]}), schema))
    assert encoded.unseen == {}
    assert encoded.x_cat.tolist() == [[1]]


MIXED = pd.DataFrame(
    {
        "n": [0.1, None, 1e300, 3.0],
        "c": ["é", "日", None, "b"],
        "d": pd.to_datetime(
            ["2020-01-01 01:02:03.000004", "NaT", "2021-05-05", "1950-01-01"],
            format="ISO8601",
        ),
        "t": [True, False, None, True],
    }
)


@pytest.mark.parametrize("scaling", ["standard", "robust"])
def test_a_restored_encoder_encodes_bit_for_bit(scaling: Scaling) -> None:
    encoder, encoded = fit(MIXED, scaling=scaling, max_levels=2)
    meta, arrays = encoder.to_state()
    restored = TableEncoder.from_state(json.loads(json.dumps(meta)), arrays)
    again = restored.encode(read_training_table(MIXED)[1])
    assert again.x_num.tobytes() == encoded.x_num.tobytes()
    assert again.x_cat.tobytes() == encoded.x_cat.tobytes()
    assert restored.numeric_names == encoder.numeric_names
    assert restored.cardinalities == encoder.cardinalities
    assert restored.to_state()[0] == meta


@pytest.mark.parametrize(
    "damage",
    [
        {"scaling": "none"},
        {"max_levels": 0},
        {"numbers": []},
        {"numbers": [1]},
        {"categories": [{"name": "c"}]},
        {"categories": [{"name": "c", "levels": "ab", "rare": []}]},
    ],
)
def test_a_damaged_state_is_a_format_error(damage: dict[str, object]) -> None:
    meta, arrays = fit(MIXED)[0].to_state()
    with pytest.raises(ModelFormatError, match="The stored encoder is damaged"):
        TableEncoder.from_state({**meta, **damage}, arrays)


def test_a_row_is_encoded_without_a_look_at_the_others() -> None:
    schema, table = read_training_table(MIXED)
    encoder = TableEncoder().fit(table, schema)
    whole = encoder.encode(table)
    for row in range(len(MIXED)):
        alone = encoder.encode(read_table(MIXED.iloc[[row]], schema))
        np.testing.assert_array_equal(alone.x_num[0], whole.x_num[row])
        np.testing.assert_array_equal(alone.x_cat[0], whole.x_cat[row])


def test_bad_parameters_are_refused_when_fitting() -> None:
    schema, table = read_training_table(MIXED)
    encoder = TableEncoder()
    encoder.scaling = "none"  # type: ignore[assignment]
    with pytest.raises(InputError, match="`scaling` must be one of 'standard', 'rob"):
        encoder.fit(table, schema)
    with pytest.raises(InputError, match=r"`max_levels` must be .* at least 1, got 0"):
        TableEncoder(max_levels=0).fit(table, schema)


def test_two_thousand_columns_are_fine() -> None:
    frame = pd.DataFrame(np.random.default_rng(0).normal(size=(20, 2000)))
    assert fit(frame)[1].x_num.shape == (20, 2000)


def test_column_groups_say_where_each_column_went() -> None:
    frame = pd.DataFrame(
        {
            "sex": ["f", "m", "f"],
            "age": [20.0, None, 30.0],
            "seen": ["2024-01-01", "2024-01-04", None],
            "size": [1.0, 2.0, 3.0],
        }
    )
    encoder, _ = fit(frame)
    groups = {group.name: group for group in encoder.column_groups}
    assert list(groups) == ["age", "seen", "size", "sex"]
    assert groups["sex"].numbers == ()
    assert groups["sex"].categories == (0,)
    names = encoder.numeric_names
    assert [names[i] for i in groups["age"].numbers] == ["age", "age is missing"]
    assert {names[i].split(" ")[0] for i in groups["seen"].numbers} == {"seen"}
    covered = [i for group in encoder.column_groups for i in group.numbers]
    assert covered == list(range(len(names)))


@pytest.mark.parametrize("scaling", ["standard", "robust"])
def test_raw_numbers_come_back(scaling: Scaling) -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "age": rng.integers(18, 90, 60).astype(float),
            "price": rng.normal(1.5, 0.25, 60).round(2),
            "vast": rng.normal(0, 4e8, 60).round(-3),
            "tiny": rng.normal(0, 1e-7, 60),
            "told": rng.choice([True, False], 60),
            "colour": rng.choice(["red", "blue"], 60),
        }
    )
    frame.loc[3, "age"] = np.nan
    encoder, encoded = fit(frame, scaling=scaling)
    raw = encoder.raw_numbers(encoded)
    assert list(raw) == ["age", "price", "vast", "tiny", "told"]
    np.testing.assert_array_equal(raw["age"], frame["age"])
    np.testing.assert_array_equal(raw["price"], frame["price"])
    np.testing.assert_array_equal(raw["told"], frame["told"].astype(float))
    np.testing.assert_allclose(raw["vast"], frame["vast"], atol=1e5)
    np.testing.assert_allclose(raw["tiny"], frame["tiny"], atol=1e-10)


def test_a_raw_number_far_out_is_not_made_up() -> None:
    cells = [*range(20), 1000]
    encoder, encoded = fit(pd.DataFrame({"a": cells}), scaling="robust")
    raw = encoder.raw_numbers(encoded)["a"]
    assert np.isnan(raw[-1])
    np.testing.assert_array_equal(raw[:-1], cells[:-1])
