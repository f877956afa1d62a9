from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner, Result

from qclmixnet.cli.main import app

Call = Callable[..., Result]


@pytest.fixture(scope="session")
def call() -> Call:
    """Run the command line; an exception that is not an exit fails the test."""

    def run(*arguments: object, code: int = 0) -> Result:
        result = CliRunner().invoke(app, [str(a) for a in arguments])
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code == code, result.output
        return result

    return run


@pytest.fixture(scope="session")
def files(call: Call, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three real tables in every format, as `datasets` writes them."""
    folder = tmp_path_factory.mktemp("files")
    for name in ("german", "hypothyroid", "newthyroid"):
        for ending in ("csv", "parquet", "arrow", "jsonl"):
            call("datasets", name, "--out", folder / f"{name}.{ending}")
    return folder


@pytest.fixture(scope="session")
def model(call: Call, files: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A classifier of the german table, with a column of ids and a column of notes."""
    folder = tmp_path_factory.mktemp("model")
    frame = pd.read_csv(files / "german.csv").sample(frac=1, random_state=0)
    frame.insert(0, "customer", [f"c{i:04}" for i in range(len(frame))])
    frame.to_csv(folder / "customers.csv", index=False)
    call(
        *("train", folder / "customers.csv", "--target", "credit_risk"),
        *("--out", folder / "model", "--max-epochs", 2),
    )
    return folder / "model"
