"""A user's mistake is one sentence on stderr and exit code 2."""

import json
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import Result

Call = Callable[..., Result]

RNG = np.random.default_rng(0)
TABLE = pd.DataFrame(
    {
        "height": RNG.normal(size=30),
        "colour": RNG.choice(["red", "blue"], 30),
        "species": ["common"] * 24 + ["rare"] * 6,
    }
)


@pytest.fixture(scope="module")
def place(call: Call, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of good and bad files and one small model."""
    folder = tmp_path_factory.mktemp("place")
    TABLE.to_csv(folder / "good.csv", index=False)
    TABLE.iloc[:0].to_csv(folder / "header.csv", index=False)
    TABLE.assign(species="common").to_csv(folder / "one_class.csv", index=False)
    holes = TABLE.astype({"species": object})
    holes.loc[3, "species"] = None
    holes.to_csv(folder / "holes.csv", index=False)
    TABLE.replace({"species": {"rare": "new"}}).to_csv(folder / "new.csv", index=False)
    TABLE[["species"]].to_csv(folder / "target_only.csv", index=False)
    TABLE.drop(columns="height").to_csv(folder / "lacks.csv", index=False)
    TABLE.assign(height="tall").to_csv(folder / "tall.csv", index=False)
    TABLE.iloc[[0, 29]].to_csv(folder / "two.csv", index=False)
    TABLE.assign(species=TABLE["height"]).to_csv(folder / "number.csv", index=False)
    (folder / "empty.csv").write_text("")
    (folder / "ragged.csv").write_text("a,b\n1,2\n1,2,3\n")
    (folder / "twice.csv").write_text("a,a,species\n1,2,x\n3,4,y\n")
    (folder / "picture.csv").write_bytes(b"\x89PNG\r\n\x1a\n\x00\x00\xff\xfe" * 9)
    (folder / "latin.csv").write_bytes("name,species\nKöln,x\n".encode("latin-1"))
    (folder / "broken.parquet").write_bytes(b"PAR1 this is not parquet PAR1")
    (folder / "broken.arrow").write_bytes(b"ARROW1 this is not arrow")
    (folder / "broken.jsonl").write_text('{"a": 1}\n{"a": \n')
    (folder / "broken.csv.gz").write_bytes(b"\x1f\x8b not gzip")
    (folder / "table.xlsx").write_bytes(b"PK")
    (folder / "folder.csv").mkdir()
    (folder / "foreign").mkdir()
    (folder / "foreign" / "thesis.txt").write_text("years of work")
    call(
        *("train", folder / "good.csv", "--target", "species"),
        *("--out", folder / "model", "--max-epochs", 1),
    )
    return folder


BAD_FILES = {
    "missing.csv": "no file",
    "folder.csv": "is a folder",
    "table.xlsx": "unknown ending; known are .csv",
    "noending": "unknown ending",
    "empty.csv": "is empty",
    "header.csv": "no rows",
    "ragged.csv": "line 3",
    "twice.csv": "more than once: 'a'",
    "picture.csv": "not UTF-8|NUL|could not be read|no column",
    "latin.csv": "not UTF-8",
    "broken.parquet": "could not be read",
    "broken.arrow": "could not be read",
    "broken.jsonl": "broken in line 2",
    "broken.csv.gz": "could not be read",
}


@pytest.mark.parametrize("name", BAD_FILES)
@pytest.mark.parametrize("command", ["train", "predict", "evaluate"])
def test_a_bad_file_is_refused(
    name: str, command: str, place: Path, tmp_path: Path, call: Call
) -> None:
    arguments: dict[str, tuple[object, ...]] = {
        "train": (place / name, "--target", "species", "--out", tmp_path / "m"),
        "predict": (place / "model", place / name, "--out", tmp_path / "o.csv"),
        "evaluate": (place / "model", place / name),
    }
    result = call(command, *arguments[command], code=2)
    assert_one_sentence(result, BAD_FILES[name])
    assert not list(tmp_path.iterdir())


def assert_one_sentence(result: Result, words: str) -> None:
    assert re.search(words, result.stderr, re.DOTALL), result.stderr
    assert result.stderr.startswith("Error: ")
    assert result.stderr.count("Error:") == 1
    assert "Traceback" not in result.output
    assert result.stderr.rstrip().endswith(".")
    assert result.stdout == ""


Arguments = Callable[[Path, Path], tuple[object, ...]]


def train(name: str, *more: object, target: str = "species") -> Arguments:
    return lambda place, new: (
        *("train", place / name, "--target", target, "--out", new / "m"),
        *("--max-epochs", 1, *more),
    )


BAD_CALLS: dict[str, tuple[Arguments, str]] = {
    "wrong target": (train("good.csv", target="specie"), "Did you mean 'species'"),
    "far target": (train("good.csv", target="zzz"), "Its columns: height, colour"),
    "empty target": (train("good.csv", target=""), "no column ''"),
    "target dropped": (train("good.csv", "--drop", "species"), "cannot be dropped"),
    "unknown drop": (train("good.csv", "--drop", "heights"), "Did you mean 'height'"),
    "nothing left": (train("target_only.csv"), "no column left"),
    "all dropped": (
        train("good.csv", "--drop", "height", "--drop", "colour"),
        "no column left",
    ),
    "one class": (train("one_class.csv"), "one class only, 'common'"),
    "label holes": (train("holes.csv"), "1 of 30 labels are missing"),
    "measured target": (train("number.csv"), "continuous"),
    "too few rows": (train("two.csv"), "too few rows|No column can be learned"),
    "train device": (train("good.csv", "--device", "gpu"), "`device` must be"),
    "time limit": (train("good.csv", "--time-limit", 0), "`time_limit_s`.*got 0"),
    "train onto a folder": (
        lambda place, _: (
            *("train", place / "good.csv", "--target", "species"),
            *("--out", place / "foreign"),
        ),
        "not a model folder",
    ),
    "train below a file": (
        lambda place, _: (
            *("train", place / "good.csv", "--target", "species"),
            *("--out", place / "good.csv" / "m"),
        ),
        "is not a folder",
    ),
    "predict without model": (
        lambda p, n: ("predict", p / "none", p / "good.csv", "--out", n / "o.csv"),
        "no model folder",
    ),
    "predict with a foreign folder": (
        lambda p, n: ("predict", p / "foreign", p / "good.csv", "--out", n / "o.csv"),
        "model.json is missing",
    ),
    "predict with a file": (
        lambda p, n: ("predict", p / "good.csv", p / "good.csv", "--out", n / "o.csv"),
        "no model folder",
    ),
    "columns lacking": (
        lambda p, n: ("predict", p / "model", p / "lacks.csv", "--out", n / "o.csv"),
        "lacks 1 of the 2 columns.*'height'",
    ),
    "column of another kind": (
        lambda p, n: ("predict", p / "model", p / "tall.csv", "--out", n / "o.csv"),
        "'height'.*must be a number",
    ),
    "unknown keep": (
        lambda p, n: (
            *("predict", p / "model", p / "good.csv", "--out", n / "o.csv"),
            *("--keep", "colr"),
        ),
        "no column 'colr'. Did you mean 'colour'",
    ),
    "out of unknown ending": (
        lambda p, n: ("predict", p / "model", p / "good.csv", "--out", n / "o.xlsx"),
        "unknown ending",
    ),
    "out in no folder": (
        lambda p, n: ("predict", p / "model", p / "good.csv", "--out", n / "x/o.csv"),
        "could not be written",
    ),
    "out onto a folder": (
        lambda p, _: (
            *("predict", p / "model", p / "good.csv"),
            *("--out", p / "folder.csv"),
        ),
        "could not be written",
    ),
    "out onto the input": (
        lambda p, _: ("predict", p / "model", p / "good.csv", "--out", p / "good.csv"),
        "would overwrite",
    ),
    "predict device": (
        lambda p, n: (
            *("predict", p / "model", p / "good.csv", "--out", n / "o.csv"),
            *("--device", "tpu"),
        ),
        "`device` must be",
    ),
    "unknown labels": (
        lambda p, _: ("evaluate", p / "model", p / "new.csv"),
        "6 rows have classes.*'new'.*knows 'common', 'rare'",
    ),
    "missing labels": (
        lambda p, _: ("evaluate", p / "model", p / "holes.csv"),
        "1 of 30 labels are missing",
    ),
    "evaluate without target": (
        lambda p, _: ("evaluate", p / "model", p / "good.csv", "--target", "sort"),
        "no column 'sort'",
    ),
    "evaluate lacking columns": (
        lambda p, _: ("evaluate", p / "model", p / "lacks.csv"),
        "lacks 1 of the 2 columns.*'height'",
    ),
    "unknown dataset": (lambda *_: ("datasets", "hypotyroid"), "'hypothyroid'"),
    "unknown demo": (
        lambda _, n: ("demo", "--dataset", "newtyroid", "--out", n / "d"),
        "'newthyroid'",
    ),
    "demo below a file": (
        lambda p, _: ("demo", "--dataset", "newthyroid", "--out", p / "good.csv"),
        "is not a folder",
    ),
    "export without name": (
        lambda _, n: ("datasets", "--out", n / "o.csv"),
        "--out needs the name",
    ),
    "export of unknown ending": (
        lambda _, n: ("datasets", "german", "--out", n / "o.doc"),
        "unknown ending",
    ),
    "export to no folder": (
        lambda _, n: ("datasets", "german", "--out", n / "x" / "o.csv"),
        "could not be written",
    ),
}


@pytest.mark.parametrize("case", BAD_CALLS)
def test_a_bad_call_is_refused(
    case: str, place: Path, tmp_path: Path, call: Call
) -> None:
    make, words = BAD_CALLS[case]
    before = {path: path.stat().st_mtime_ns for path in place.rglob("*")}
    result = call(*make(place, tmp_path), code=2)
    assert_one_sentence(result, words)
    assert not list(tmp_path.iterdir())
    assert {path: path.stat().st_mtime_ns for path in place.rglob("*")} == before


def test_a_bad_destination_is_refused_before_the_fit(
    place: Path, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("qclmixnet.QCLMixNetClassifier.fit", None)
    arguments = ("train", place / "good.csv", "--target", "species")
    call(*arguments, "--out", place / "foreign", code=2)


@pytest.mark.parametrize("name", ["model.json", "model.safetensors"])
def test_a_damaged_model_is_refused(
    name: str, place: Path, tmp_path: Path, call: Call
) -> None:
    arguments = ("train", place / "good.csv", "--target", "species")
    call(*arguments, "--out", tmp_path / "m", "--max-epochs", 1)
    os.truncate(tmp_path / "m" / name, 50)
    result = call("evaluate", tmp_path / "m", place / "good.csv", code=2)
    assert_one_sentence(result, "is damaged or was edited")


TRAIN = ("train", "x.csv", "--target", "y", "--out", "m")
USAGE: dict[str, tuple[object, ...]] = {
    "no target": ("train", "x.csv", "--out", "m"),
    "no out": ("train", "x.csv", "--target", "y"),
    "test fraction above": (*TRAIN, "--test-fraction", 2),
    "test fraction below": (*TRAIN, "--test-fraction", -1),
    "test fraction text": (*TRAIN, "--test-fraction", "a"),
    "test fraction nan": (*TRAIN, "--test-fraction", "nan"),
    "epochs": (*TRAIN, "--max-epochs", 0),
    "preset": (*TRAIN, "--preset", "best"),
    "seed": (*TRAIN, "--seed", -1),
    "unknown option": ("datasets", "--colour"),
    "unknown command": ("fit",),
}


@pytest.mark.parametrize("case", USAGE)
def test_wrong_usage_exits_with_2(case: str, call: Call) -> None:
    result = call(*USAGE[case], code=2)
    assert "Error" in result.stderr
    assert "Traceback" not in result.output


def test_an_interrupt_is_one_word(
    call: Call, place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("qclmixnet.QCLMixNetClassifier.fit", interrupt)
    arguments = ("train", place / "good.csv", "--target", "species")
    result = call(*arguments, "--out", tmp_path / "m", code=130)
    assert result.stderr == "Stopped.\n"


def test_a_warning_is_said_once_on_stderr_and_json_stays_json(
    call: Call, tmp_path: Path
) -> None:
    table = TABLE.copy()
    table.loc[29, "species"] = "lone"
    table.to_csv(tmp_path / "lone.csv", index=False)
    result = call(
        *("train", tmp_path / "lone.csv", "--target", "species"),
        *("--out", tmp_path / "m", "--max-epochs", 1, "--json"),
    )
    json.loads(result.stdout)
    assert result.stderr.count("Warning: Classes with a single row: lone.") == 1
    assert result.stderr.count("\n") == 1


def test_the_demo_misses_matplotlib_before_the_fit(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    done = call("demo", "--out", tmp_path / "demo", code=2)
    assert "qclmixnet[report]" in done.stderr
    assert not (tmp_path / "demo").exists()
