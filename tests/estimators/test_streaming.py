"""A fit from files is the fit in memory, and says what is wrong with which file."""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from qclmixnet import QCLMixNetClassifier, load_dataset
from qclmixnet.core import row_sample
from qclmixnet.core.errors import DataWarning, InputError
from qclmixnet.estimators import folds, member_fitting, tree_fitting
from qclmixnet.estimators.streaming import rare_rows
from qclmixnet.estimators.tree_fitting import thinned_rows
from qclmixnet.preprocessing import stored_rows
from qclmixnet.table import ParquetShards, shards
from qclmixnet.training import member_rows, order, recipe

SETTINGS: dict[str, Any] = {
    "max_epochs": 3,
    "n_tree_rounds": 3,
    "n_members": 4,
    "random_state": 0,
}


def write_shards(frame: pd.DataFrame, folder: Path, n_files: int) -> Path:
    folder.mkdir(exist_ok=True)
    for place, rows in enumerate(np.array_split(np.arange(len(frame)), n_files)):
        frame.iloc[rows].to_parquet(folder / f"{place:03}.parquet", index=False)
    return folder


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    X, y = load_dataset("hypothyroid", return_X_y=True)
    return shuffled(X.assign(diagnosis=y.astype(str))).iloc[:1500]


def shuffled(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.sample(frac=1, random_state=0, ignore_index=True)


@contextmanager
def small_limits() -> Iterator[None]:
    """Let a table of a thousand rows be a very large one, everywhere."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(row_sample, "MOST_SAMPLED", 400)
        patch.setattr(folds, "_MOST_BYTES", 10_000)
        patch.setattr(member_fitting, "_MOST_JUDGED", 300)
        patch.setattr(tree_fitting, "_MOST_CELLS", 15_000)
        patch.setattr(order, "SPREAD_FROM", 500)
        patch.setattr(member_rows, "_MAX_KEPT_NUMBERS", 0)
        patch.setattr(stored_rows, "_READS_AT_ONCE", 64)
        patch.setattr(shards, "BLOCK_ROWS", 256)
        yield


def test_a_streamed_fit_is_the_fit_in_memory_to_the_bit(
    table: pd.DataFrame, tmp_path: Path
) -> None:
    X, y = table.drop(columns="diagnosis"), table["diagnosis"]
    in_memory = QCLMixNetClassifier(**SETTINGS).fit(X, y)
    one = QCLMixNetClassifier(**SETTINGS)
    one.fit_parquet(write_shards(table, tmp_path / "one", 1), target="diagnosis")
    many = QCLMixNetClassifier(**SETTINGS)
    many.fit_parquet(
        str(write_shards(table, tmp_path / "many", 50) / "*.parquet"),
        target="diagnosis",
    )
    wanted = in_memory.predict_proba(X)
    for streamed in (one, many):
        np.testing.assert_array_equal(streamed.predict_proba(X), wanted)
        np.testing.assert_array_equal(streamed.predict(X), in_memory.predict(X))
        assert streamed.schema_ == in_memory.schema_
        assert streamed.diagnostics_ == in_memory.diagnostics_
        assert streamed.classes_.tolist() == in_memory.classes_.tolist()
        assert streamed.target_name_ == "diagnosis"
        assert streamed.feature_names_in_.tolist() == list(X.columns)
    for name in ("one", "many"):
        {"one": one, "many": many}[name].save(tmp_path / f"{name}.model")
    files = ("model.json", "model.safetensors")
    for file in files:
        first, second = (tmp_path / f"{n}.model" / file for n in ("one", "many"))
        if file == "model.safetensors":
            assert first.read_bytes() == second.read_bytes()
    again = QCLMixNetClassifier.load(tmp_path / "many.model")
    np.testing.assert_array_equal(again.predict_proba(X), wanted)


def test_so_it_is_beyond_every_limit(table: pd.DataFrame, tmp_path: Path) -> None:
    X, y = table.drop(columns="diagnosis"), table["diagnosis"]
    with small_limits():
        in_memory = QCLMixNetClassifier(**SETTINGS).fit(X, y)
        one, many = (
            QCLMixNetClassifier(**SETTINGS).fit_parquet(
                write_shards(table, tmp_path / str(n), n), target="diagnosis"
            )
            for n in (1, 50)
        )
    wanted = in_memory.predict_proba(X)
    np.testing.assert_array_equal(one.predict_proba(X), wanted)
    np.testing.assert_array_equal(many.predict_proba(X), wanted)


def test_what_is_thinned_learns_nearly_as_well(
    table: pd.DataFrame, tmp_path: Path
) -> None:
    with small_limits():
        clf = QCLMixNetClassifier(n_tree_rounds=20, random_state=0, max_epochs=20)
        clf.fit_parquet(write_shards(table, tmp_path / "x", 3), target="diagnosis")
    X, y = load_dataset("hypothyroid", return_X_y=True)
    new = shuffled(X.assign(diagnosis=y.astype(str))).iloc[1500:]
    predicted = clf.predict(new.drop(columns="diagnosis"))
    rare = (new["diagnosis"] == "hypothyroid").to_numpy()
    assert (predicted[rare] == "hypothyroid").mean() > 0.85
    assert (predicted[~rare] == "negative").mean() > 0.95


def test_columns_can_be_dropped_and_rows_left_out(
    table: pd.DataFrame, tmp_path: Path
) -> None:
    opened = ParquetShards.open(write_shards(table, tmp_path / "x", 2))
    rest = table.drop(index=table.index[[0, 700, 1499]])
    X = rest.drop(columns=["diagnosis", "age"])
    in_memory = QCLMixNetClassifier(**SETTINGS).fit(X, rest["diagnosis"])
    streamed = QCLMixNetClassifier(**SETTINGS).fit_parquet(
        opened.without(np.array([0, 700, 1499])), target="diagnosis", drop=["age"]
    )
    np.testing.assert_array_equal(streamed.predict_proba(X), in_memory.predict_proba(X))


def test_class_weights_are_those_of_a_fit_in_memory(
    table: pd.DataFrame, tmp_path: Path
) -> None:
    X = table.drop(columns="diagnosis")
    weights = {"hypothyroid": 3.0}
    in_memory = QCLMixNetClassifier(class_weight=weights, **SETTINGS)
    in_memory.fit(X, table["diagnosis"])
    streamed = QCLMixNetClassifier(class_weight=weights, **SETTINGS)
    streamed.fit_parquet(write_shards(table, tmp_path / "x", 2), target="diagnosis")
    np.testing.assert_array_equal(streamed.predict_proba(X), in_memory.predict_proba(X))


def no_class(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.drop(columns="y")


def one_class(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(y="a")


def text_numbers(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(a=frame["a"].astype(str))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (no_class, r"001.parquet' has another schema .* it lacks 'y'"),
        (text_numbers, r"001.parquet' has another schema .*'a' is .*string"),
    ],
)
def test_a_shard_that_does_not_fit_is_named(
    tmp_path: Path, change: Callable[[pd.DataFrame], pd.DataFrame], words: str
) -> None:
    frame = pd.DataFrame({"a": np.arange(80.0) ** 2, "y": ["a", "b"] * 40})
    folder = write_shards(frame, tmp_path / "x", 2)
    path = folder / "001.parquet"
    change(pd.read_parquet(path)).to_parquet(path, index=False)
    with pytest.raises(InputError, match=words):
        QCLMixNetClassifier(**SETTINGS).fit_parquet(folder, target="y")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"target": "z"}, r"000.parquet has no column 'z'"),
        ({"target": "y", "drop": ["y"]}, r"The target 'y' cannot be dropped"),
        ({"target": "y", "drop": ["a"]}, r"no column left to learn from"),
    ],
)
def test_wrong_names_are_refused(
    tmp_path: Path, arguments: dict[str, Any], words: str
) -> None:
    frame = pd.DataFrame({"a": np.arange(80.0) ** 2, "y": ["a", "b"] * 40})
    folder = write_shards(frame, tmp_path / "x", 2)
    with pytest.raises(InputError, match=words):
        QCLMixNetClassifier().fit_parquet(folder, **arguments)


def test_one_class_is_refused(tmp_path: Path) -> None:
    frame = one_class(pd.DataFrame({"a": np.arange(80.0) ** 2}))
    with pytest.raises(InputError, match=r"'y' holds one class only, 'a', in 80 rows"):
        QCLMixNetClassifier().fit_parquet(
            write_shards(frame, tmp_path / "x", 2), target="y"
        )


def test_an_id_is_left_out_with_a_warning(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"a": rng.normal(size=400), "id": np.arange(400)})
    frame["y"] = np.where(frame["a"] > 1, "x", "z")
    with pytest.warns(DataWarning, match=r"Left out .*: 'id'"):
        clf = QCLMixNetClassifier(**SETTINGS).fit_parquet(
            write_shards(frame, tmp_path / "x", 3), target="y"
        )
    assert clf.schema_.of_kind("id") == ("id",)


def mixing() -> object:
    default = recipe("default")
    return replace(default, mixup=replace(default.mixup, mixed_fraction=0.5))


@pytest.mark.parametrize("preset", ["paper", mixing()], ids=["paper", "mixing"])
def test_recipes_that_need_all_rows_are_refused(tmp_path: Path, preset: object) -> None:
    with pytest.raises(InputError, match=r"fits members without mixup"):
        QCLMixNetClassifier(preset).fit_parquet(tmp_path, target="y")  # type: ignore[arg-type]


@pytest.mark.usefixtures("users_view")
def test_a_number_is_no_workers(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"`workers` must be None, or .*, got 2"):
        QCLMixNetClassifier().fit_parquet(tmp_path, target="y", workers=2)  # type: ignore[arg-type]


def test_classes_without_weight_are_refused(tmp_path: Path) -> None:
    frame = pd.DataFrame({"a": np.arange(80.0) ** 2, "y": ["a", "b"] * 40})
    clf = QCLMixNetClassifier(class_weight={"a": 0.0})
    with pytest.raises(InputError, match=r"gives no weight to 'a'"):
        clf.fit_parquet(write_shards(frame, tmp_path / "x", 2), target="y")


@pytest.mark.parametrize("limit", [0, 3, 4, 5, 9, 12])
def test_rows_in_memory_are_those_of_the_rarest_classes(limit: int) -> None:
    codes = np.array([0] * 6 + [1] * 3 + [2])
    kept = rare_rows(codes, limit)
    wanted = {0: [], 3: [9], 4: [6, 7, 8, 9], 5: [6, 7, 8, 9], 9: [6, 7, 8, 9]}
    assert kept.tolist() == wanted.get(limit, list(range(10)))


@pytest.mark.parametrize("most", [100, 250, 999])
def test_thinned_rows_count_for_those_left_away(most: int) -> None:
    rng = np.random.default_rng(0)
    codes = rng.permutation(np.repeat([0, 1, 2], [800, 180, 20]))
    rows = np.flatnonzero(rng.random(1000) < 0.9)
    kept, counted = thinned_rows(rows, codes, most=most, seed=3)
    assert set(kept) <= set(rows)
    assert (np.diff(kept) > 0).all()
    assert len(kept) <= most + 3
    before, after = (np.bincount(codes[r]) for r in (rows, kept))
    np.testing.assert_allclose(np.bincount(codes[kept], counted), before)
    assert after[2] == before[2]  # the rare class loses no row
    everything, ones = thinned_rows(rows, codes, most=len(rows), seed=3)
    assert everything is rows
    assert math.isclose(ones.sum(), len(rows))
