"""The encoder as a graph gives the same bits as the encoder."""

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt
import onnxruntime
import pandas as pd
import pytest

from qclmixnet.export.calendar import DateBlocks
from qclmixnet.export.encoding import encode_columns, first_codes
from qclmixnet.export.graph import Graph, TensorInfo
from qclmixnet.export.inputs import as_inputs, input_columns
from qclmixnet.preprocessing import DateColumn, EncodedTable, TableEncoder
from qclmixnet.preprocessing.dates import cycle_angles
from qclmixnet.preprocessing.scaling import Scaling
from qclmixnet.table import read_table, read_training_table

RNG = np.random.default_rng(0)


def run(
    graph: Graph,
    inputs: dict[str, npt.NDArray[np.generic]],
    outputs: Mapping[str, tuple[str, ...]],
) -> list[npt.NDArray[np.generic]]:
    """Run a graph whose outputs are named with their types and shapes."""
    infos = [
        TensorInfo(
            name,
            "string" if values.dtype == object else "double",
            tuple(f"{name}_{axis}" for axis in range(values.ndim)),
        )
        for name, values in inputs.items()
    ]
    named = []
    for name, (kind, *shape) in outputs.items():
        to = {"double": np.float64, "int64": np.int64}[kind]
        graph.name(graph.cast(name, to), f"out_{name}")
        named.append(TensorInfo(f"out_{name}", kind, tuple(shape)))
    content = graph.to_bytes(infos, named, {})
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # a second one only waits, on a busy machine
    session = onnxruntime.InferenceSession(
        content, options, providers=["CPUExecutionProvider"]
    )
    found: list[npt.NDArray[np.generic]] = session.run(None, inputs)
    return found


def encode_both(
    train: pd.DataFrame, new: pd.DataFrame, scaling: Scaling
) -> tuple[EncodedTable, list[npt.NDArray[np.generic]], tuple[int, ...]]:
    """Encode new rows by the encoder and by its graph."""
    schema, table = read_training_table(train)
    encoder = TableEncoder(scaling=scaling, max_levels=3).fit(table, schema)
    read = read_table(new, schema)
    graph, columns = Graph(), input_columns(schema, encoder, reserved=())
    values = encode_columns(graph, encoder, columns)
    outputs: dict[str, tuple[str, ...]] = {}
    if values.by_row is not None:
        outputs[values.by_row] = ("double", "rows", "columns")
    if values.codes is not None:
        outputs[values.codes] = ("int64", "categories", "rows")
    found = run(graph, dict(as_inputs(read, columns)), outputs)
    return encoder.encode(read), found, encoder.cardinalities


DAYS = np.datetime64("2019-11-20", "us") + RNG.integers(0, 900, 60) * 86_400_000_000
TRAIN = pd.DataFrame(
    {
        "city": RNG.choice(["a", "b", "c", "d", "e"], 60, p=[0.3, 0.3, 0.2, 0.1, 0.1]),
        "wide": RNG.lognormal(0, 5, 60),
        "day": DAYS,
        "holed": np.where(np.arange(60) % 7 == 0, np.nan, RNG.normal(size=60)),
        "truth": RNG.random(60) < 0.3,
        "moment": DAYS + RNG.integers(0, 86_400_000_000, 60),
        "flat": np.where(np.arange(60) == 3, np.nan, 2.5),
        "gone": np.where(np.arange(60) % 5 == 0, np.datetime64("NaT"), DAYS),
        "level": pd.Series(RNG.choice(["", "x", "y"], 60)).where(np.arange(60) > 5),
    }
)
NEW = pd.DataFrame(
    {
        "city": ["a", "e", "zz", None, "c", "b", "d"],
        "wide": [1e300, -1e300, 0.0, np.nan, 5e-324, 1.5, -0.0],
        "day": np.array(
            [
                *("1899-12-31", "1900-03-01", "2000-02-29", "NaT"),
                *("2100-03-01", "1600-02-29", "2399-12-31"),
            ],
            dtype="M8[us]",
        ),
        "holed": [np.nan, 1.0, -5.0, 1e9, np.nan, 0.1, 3.0],
        "truth": [True, False, None, True, None, False, True],
        "moment": np.array(
            [
                *("1969-12-31T23:59:59.999999", "1970-01-01", "2020-02-29T12:30:00.5"),
                *("2150-06-01T23:59:59.999999", "NaT", "2020-01-01T06:00"),
                "2021-01-03",
            ],
            dtype="M8[us]",
        ),
        "flat": [1e308, -1.0, np.nan, 2.5, 0.0, 7.0, 1.0],
        "gone": np.array(["NaT", "2020-05-05", *["NaT"] * 5], dtype="M8[us]"),
        "level": ["", "x", None, "zz", "y", "", "x"],
    }
)


@pytest.mark.parametrize("scaling", ["standard", "robust"])
@pytest.mark.parametrize("rows", [TRAIN, NEW], ids=["training rows", "new rows"])
def test_the_bits_are_those_of_the_encoder(
    rows: pd.DataFrame, scaling: Scaling
) -> None:
    expected, (x_num, codes), cardinalities = encode_both(TRAIN, rows, scaling)
    np.testing.assert_array_equal(x_num.astype(np.float32), expected.x_num)
    start = first_codes(cardinalities)[:-1]
    np.testing.assert_array_equal(codes.T - start, expected.x_cat)


@pytest.mark.parametrize("column", list(TRAIN))
def test_a_column_alone_is_enough(column: str) -> None:
    expected, found, _ = encode_both(TRAIN[[column]], NEW[[column]], "robust")
    values = found[0].T if column in ("city", "level") else found[0]
    either = expected.x_cat if column in ("city", "level") else expected.x_num
    np.testing.assert_array_equal(values, either)


def test_columns_may_be_called_like_what_others_become() -> None:
    names = ["x", "x is missing", "", " is missing"]
    holed = np.where(RNG.random((60, 4)) < 0.2, np.nan, RNG.normal(size=(60, 4)))
    frame = pd.DataFrame(holed, columns=names)
    expected, (x_num,), _ = encode_both(frame, frame, "standard")
    assert x_num.shape == (60, 8)
    np.testing.assert_array_equal(x_num.astype(np.float32), expected.x_num)


def date_column(*cycles: str) -> DateColumn:
    return DateColumn("d", "robust", 0.0, 1.0, has_holes=False, origin=0, cycles=cycles)


def test_every_day_of_four_centuries_has_its_place_in_year_and_week() -> None:
    dates = np.arange("1800-01-01", "2201-01-01", dtype="M8[D]").astype("M8[us]")
    column = date_column("year", "week")
    graph = Graph()
    blocks = DateBlocks.of(graph, "s", [column])
    outputs = dict.fromkeys(blocks.waves.values(), ("double", "dates", "rows"))
    seconds = dates.astype(np.int64) / 1e6
    found = run(graph, {"s": seconds[None, :]}, outputs)
    angles = cycle_angles(dates)
    waves: tuple[Callable[[np.ndarray], np.ndarray], ...] = (np.sin, np.cos)
    for (cycle, wave), values in zip(blocks.waves, found, strict=True):
        expected = waves[wave](angles[cycle]).astype(np.float32)
        np.testing.assert_array_equal(values[0].astype(np.float32), expected, cycle)


def test_the_time_of_day_is_right_around_every_zero() -> None:
    midnight = np.datetime64("2020-01-01T00:00", "us")
    quarters = np.arange(5) * 21_600_000_000
    near = quarters[:, None] + np.array([-1_000_000, -1, 0, 1, 1_000_000])
    anywhere = RNG.integers(0, 86_400_000_000, 5_000)
    dates = midnight + np.concatenate([near.ravel(), anywhere]).astype("m8[us]")
    column = date_column("day")
    graph = Graph()
    blocks = DateBlocks.of(graph, "s", [column])
    outputs = dict.fromkeys(blocks.waves.values(), ("double", "dates", "rows"))
    seconds = dates.astype(np.int64) / 1e6
    sine, cosine = run(graph, {"s": seconds[None, :]}, outputs)
    angles = cycle_angles(dates)["day"]
    np.testing.assert_array_equal(sine[0], np.sin(angles).astype(np.float32))
    np.testing.assert_array_equal(cosine[0], np.cos(angles).astype(np.float32))


def test_what_pythons_missing_values_become_is_missing() -> None:
    schema, table = read_training_table(TRAIN[["city"]])
    encoder = TableEncoder().fit(table, schema)
    graph, columns = Graph(), input_columns(schema, encoder, reserved=())
    codes = encode_columns(graph, encoder, columns).codes
    assert codes is not None
    cells = np.array([None, np.nan, "", "a", "new"], dtype=object)
    (found,) = run(graph, {"city": cells}, {codes: ("int64", "one", "rows")})
    assert found[0].tolist() == [0, 0, 0, 2, 1]


def test_inputs_have_the_names_of_columns_unless_an_output_has_them() -> None:
    names = ["label", "label (column)", "", "qclmixnet/Add_1", "a b"]
    frame = pd.DataFrame(RNG.normal(size=(9, 5)), columns=names)
    schema, table = read_training_table(frame)
    encoder = TableEncoder().fit(table, schema)
    columns = input_columns(schema, encoder, reserved=("label",))
    inputs = [column.input for column in columns]
    assert [column.column for column in columns] == names
    assert inputs[0] != "label"
    assert len(set(inputs)) == 5
    assert inputs[4] == "a b"
    assert all(name and not name.startswith("qclmixnet/") for name in inputs)


def test_the_text_for_missing_is_no_level() -> None:
    schema, table = read_training_table(TRAIN[["level", "city"]])
    encoder = TableEncoder(max_levels=1).fit(table, schema)
    level, city = input_columns(schema, encoder, reserved=())
    assert city.missing == ""
    assert level.missing == "<missing>"
