"""`train` on Parquet shards: sources, rows kept aside, checkpoints, mistakes."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import Result

from qclmixnet import QCLMixNetClassifier, load_dataset

Call = Callable[..., Result]
QUICK = ("--target", "credit_risk", "--max-epochs", 1)


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    X, y = load_dataset("german", return_X_y=True)
    table = X.assign(credit_risk=y.astype(str))
    folder = tmp_path_factory.mktemp("shards")
    for number, rows in enumerate(np.array_split(np.arange(1000), 4)):
        table.iloc[rows].to_parquet(folder / f"{number}.parquet", index=False)
    table.to_parquet(folder.parent / "whole.parquet", index=False)
    return folder


def test_sources_of_the_same_rows_give_the_same_model(
    call: Call, shards: Path, tmp_path: Path
) -> None:
    whole = shards.parent / "whole.parquet"
    sources: tuple[list[object], ...] = (
        [shards / "*.parquet"],
        [shards],
        [whole, "--stream"],
    )
    said = []
    for number, source in enumerate(sources):
        out = tmp_path / str(number)
        result = call("train", *source, *QUICK, "--out", out, "--json")
        said.append({**json.loads(result.stdout), "model": None})
    assert said[0] == said[1] == said[2]
    assert (said[0]["n_train"], said[0]["n_test"]) == (800, 200)
    assert sum(map(sum, said[0]["scores"]["confusion"])) == 200
    assert said[0]["columns"]["duration"] == "number"


def test_checkpoints_are_taken_up(call: Call, shards: Path, tmp_path: Path) -> None:
    progress = tmp_path / "progress"
    options = (*QUICK, "--checkpoint", progress, "--test-fraction", 0, "--drop", "age")
    first = call("train", shards, *options, "--out", tmp_path / "a")
    assert "No rows were kept aside" in first.stdout
    assert "Left out" not in first.stdout
    for phase in ("look", "encode"):
        assert f"{phase} 1,000/1,000 rows" in first.stderr
    written = (progress / "members.json").stat().st_mtime_ns
    call("train", shards, *options, "--out", tmp_path / "b")
    assert (progress / "members.json").stat().st_mtime_ns == written
    rows = pd.read_parquet(shards).drop(columns=["credit_risk", "age"])
    models = [QCLMixNetClassifier.load(tmp_path / name) for name in ("a", "b")]
    one, other = (model.predict_proba(rows) for model in models)
    np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--target", "credit"), "has no column 'credit'. Did you mean 'credit_risk'"),
        (
            ("--target", "credit_risk", "--time-column", "age"),
            "--time-column sorts all rows by time",
        ),
        (("--target", "credit_risk", "--drop", "agee"), "has no column 'agee'"),
    ],
)
def test_mistakes_are_one_sentence(
    call: Call, shards: Path, tmp_path: Path, arguments: tuple[str, ...], words: str
) -> None:
    result = call("train", shards, *arguments, "--out", tmp_path / "m", code=2)
    assert words in result.stderr
    assert not (tmp_path / "m").exists()


def test_a_broken_shard_is_named(call: Call, tmp_path: Path) -> None:
    (tmp_path / "x.parquet").write_bytes(b"nothing")
    glob = tmp_path / "*.parquet"
    result = call("train", glob, *QUICK, "--out", tmp_path / "m", code=2)
    assert "x.parquet' could not be read" in result.stderr


def test_one_file_is_read_whole_unless_told_otherwise(
    call: Call, shards: Path, tmp_path: Path
) -> None:
    whole = shards.parent / "whole.parquet"
    arguments = ("train", whole, *QUICK, "--checkpoint", tmp_path / "p")
    said = json.loads(call(*arguments, "--out", tmp_path / "m", "--json").stdout)
    confusion = np.array(said["scores"]["confusion"])
    assert confusion.sum(axis=1).tolist() == [60, 140]  # a fifth of each class
    assert (tmp_path / "p" / "members.json").exists()
