"""From a file to a model, to predictions, to scores."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.metrics import (
    accuracy_score,
    balanced_accuracy_score,
    confusion_matrix,
    f1_score,
    log_loss,
    matthews_corrcoef,
    roc_auc_score,
)
from typer.testing import Result

import qclmixnet
from qclmixnet import QCLMixNetClassifier, load_dataset
from qclmixnet.datasets import list_datasets

Call = Callable[..., Result]
TARGETS = {"german": "credit_risk", "hypothyroid": "diagnosis"}
ENDINGS = ("csv", "parquet", "arrow", "jsonl")


def test_the_version_is_the_packages(call: Call) -> None:
    assert call("--version").stdout == f"qclmixnet {qclmixnet.__version__}\n"


def test_every_command_is_in_the_help(call: Call) -> None:
    text = call("--help").stdout
    for name in ("demo", "train", "predict", "evaluate", "datasets"):
        assert name in text
        assert "--json" in call(name, "--help").stdout


def test_datasets_lists_every_table(call: Call) -> None:
    listed = json.loads(call("datasets", "--json").stdout)["datasets"]
    assert [entry["name"] for entry in listed] == list_datasets()["name"].tolist()
    text = call("datasets").stdout
    for entry in listed:
        assert entry["name"] in text


def test_datasets_describes_a_table(call: Call) -> None:
    text = call("datasets", "german").stdout
    card = load_dataset("german").description
    for part in (card.task, card.source, card.licence, card.citation, *card.notes):
        assert part in text
    assert "good: 700, bad: 300" in text
    as_json = json.loads(call("datasets", "german", "--json").stdout)
    assert as_json["rows"] == 1000
    assert as_json["target"] == "credit_risk"
    assert as_json["classes"] == {"good": 700, "bad": 300}
    assert len(as_json["columns"]) == 20
    assert as_json["out"] is None


def test_train_says_what_it_did(call: Call, files: Path, tmp_path: Path) -> None:
    arguments = ("train", files / "german.csv", "--target", "credit_risk")
    options = ("--max-epochs", 2, "--drop", "age", "--drop", "job")
    said = json.loads(
        call(*arguments, "--out", tmp_path / "m", *options, "--json").stdout
    )
    assert said["model"] == str(tmp_path / "m")
    assert (said["n_train"], said["n_test"]) == (800, 200)
    assert len(said["columns"]) == 18
    assert said["columns"]["duration"] == "number"
    assert said["columns"]["purpose"] == "category"
    assert not {"age", "job", "credit_risk"} & set(said["columns"])
    assert said["best_epoch"] in (1, 2)
    assert said["stop_reason"] == "finished"
    assert 0 <= said["scores"]["macro_f1"] <= 1
    assert sum(map(sum, said["scores"]["confusion"])) == 200
    text = call(*arguments, "--out", tmp_path / "n", *options).stdout
    assert "Learned from 800 rows" in text
    assert f"{said['scores']['macro_f1']:.3f}" in text
    assert f"Model saved in {tmp_path / 'n'}" in text


def test_train_on_all_rows_has_no_scores(
    call: Call, files: Path, tmp_path: Path
) -> None:
    arguments = ("train", files / "newthyroid.csv", "--target", "class")
    options = ("--max-epochs", 1, "--test-fraction", 0, "--out", tmp_path / "m")
    said = json.loads(call(*arguments, *options, "--json").stdout)
    assert (said["n_train"], said["n_test"], said["scores"]) == (215, 0, None)
    assert "no scores" in call(*arguments, *options).stdout


def test_train_with_the_same_seed_gives_the_same_weights(
    call: Call, files: Path, tmp_path: Path
) -> None:
    arguments = ("train", files / "newthyroid.csv", "--target", "class")
    for name, seed in (("a", 3), ("b", 3), ("c", 4)):
        call(*arguments, "--out", tmp_path / name, "--max-epochs", 1, "--seed", seed)
    a, b, c = ((tmp_path / n / "model.safetensors").read_bytes() for n in "abc")
    assert a == b
    assert a != c


def test_predict_keeps_order_and_ids(call: Call, model: Path, tmp_path: Path) -> None:
    customers = model.parent / "customers.csv"
    out = tmp_path / "out.csv"
    said = json.loads(
        call(
            "predict", model, customers, "--out", out, "--keep", "age", "--json"
        ).stdout
    )
    result, table = pd.read_csv(out), pd.read_csv(customers)
    assert result.columns.tolist() == [
        *("customer", "age", "predicted", "probability_bad", "probability_good"),
    ]
    assert result["customer"].tolist() == table["customer"].tolist()
    assert result["age"].tolist() == table["age"].tolist()
    proba = result[["probability_bad", "probability_good"]].to_numpy()
    np.testing.assert_allclose(proba.sum(axis=1), 1, rtol=0, atol=1e-12)
    clf = QCLMixNetClassifier.load(model)
    assert (
        result["predicted"].tolist()
        == clf.predict(table[[*clf.schema_.names]]).tolist()
    )
    # The rule leans towards the rare class: these are not the most probable ones.
    named = np.array(["bad", "good"])[proba.argmax(axis=1)]
    assert (result["predicted"] == "bad").sum() > (named == "bad").sum()
    counts = result["predicted"].value_counts()
    assert said["rows"] == 1000
    assert said["predicted"] == {n: int(counts.get(n, 0)) for n in ("bad", "good")}
    assert said["out"] == str(out)


def test_row_numbers_are_ids_also_where_rows_are_kept_aside(
    call: Call, tmp_path: Path
) -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"row": np.arange(200), "x": rng.normal(size=200)})
    # In the order of the rows, as in many published tables, the number tells the class.
    frame["kind"] = np.where(frame["row"] < 40, "rare", "common")
    frame.to_csv(tmp_path / "t.csv", index=False)
    train = call(
        *("train", tmp_path / "t.csv", "--target", "kind", "--out", tmp_path / "m"),
        *("--max-epochs", 1, "--json"),
    )
    assert json.loads(train.stdout)["columns"] == {"row": "id", "x": "number"}
    assert "'row'" in train.stderr
    call("predict", tmp_path / "m", tmp_path / "t.csv", "--out", tmp_path / "o.csv")
    assert pd.read_csv(tmp_path / "o.csv")["row"].tolist() == list(range(200))


def test_predict_does_without_the_class_and_the_ids(
    call: Call, model: Path, tmp_path: Path
) -> None:
    table = pd.read_csv(model.parent / "customers.csv")
    table.drop(columns=["customer", "credit_risk"]).to_csv(tmp_path / "new.csv")
    result = call("predict", model, tmp_path / "new.csv", "--out", tmp_path / "a.csv")
    assert "ignored: 'Unnamed: 0'" in result.stderr
    call(
        *("predict", model, model.parent / "customers.csv"),
        *("--out", tmp_path / "b.csv"),
    )
    with_ids = pd.read_csv(tmp_path / "b.csv")
    pd.testing.assert_frame_equal(
        pd.read_csv(tmp_path / "a.csv"), with_ids.drop(columns="customer")
    )


def test_predict_says_nothing_of_known_columns(
    call: Call, model: Path, tmp_path: Path
) -> None:
    customers = model.parent / "customers.csv"
    assert not call("predict", model, customers, "--out", tmp_path / "o.csv").stderr


@pytest.mark.parametrize("ending", ENDINGS)
def test_predictions_can_be_written_in_every_format(
    call: Call, model: Path, tmp_path: Path, ending: str
) -> None:
    customers, out = model.parent / "customers.csv", tmp_path / f"out.{ending}"
    call("predict", model, customers, "--out", out)
    read: dict[str, Callable[[Path], pd.DataFrame]] = {
        "csv": pd.read_csv,
        "parquet": pd.read_parquet,
        "arrow": pd.read_feather,
        "jsonl": lambda path: pd.read_json(path, lines=True, precise_float=True),
    }
    frame = read[ending](out)
    clf = QCLMixNetClassifier.load(model)
    proba = clf.predict_proba(
        pd.read_csv(customers).drop(columns=["customer", "credit_risk"])
    )
    assert (frame["probability_good"].to_numpy() == proba[:, 1]).all()


@pytest.mark.slow
@pytest.mark.parametrize("name", TARGETS)
def test_a_fit_and_a_prediction_are_the_same_from_every_format(
    call: Call, files: Path, tmp_path: Path, name: str
) -> None:
    outputs = []
    for ending, other in zip(ENDINGS, (*ENDINGS[1:], ENDINGS[0]), strict=True):
        file, fitted = files / f"{name}.{ending}", tmp_path / ending
        call(
            *("train", file, "--target", TARGETS[name], "--out", fitted),
            *("--max-epochs", 2),
        )
        out = tmp_path / "out.csv"
        call("predict", fitted, files / f"{name}.{other}", "--out", out)
        outputs.append(out.read_bytes())
    assert len(set(outputs)) == 1


@pytest.mark.slow
@pytest.mark.parametrize("name", TARGETS)
def test_pandas_and_polars_give_the_same_predictions(files: Path, name: str) -> None:
    target = TARGETS[name]
    parquet = pd.read_parquet(files / f"{name}.parquet")
    in_pandas = pd.read_csv(files / f"{name}.csv")
    in_polars = pl.read_csv(files / f"{name}.csv", infer_schema_length=None)
    from_parquet = pl.read_parquet(files / f"{name}.parquet")
    fits = [
        QCLMixNetClassifier(max_epochs=1, random_state=0).fit(X, y)
        for X, y in (
            (parquet.drop(columns=target), parquet[target]),
            (in_pandas.drop(columns=target), in_pandas[target]),
            (in_polars.drop(target), in_polars[target]),
            (from_parquet.drop(target), from_parquet[target]),
        )
    ]
    expected = fits[0].predict_proba(parquet.drop(columns=target))
    for clf in fits:
        for X in (in_pandas.drop(columns=target), in_polars.drop(target)):
            assert (clf.predict_proba(X) == expected).all()


def test_evaluate_gives_the_scores_of_scikit_learn(
    call: Call, model: Path, tmp_path: Path
) -> None:
    customers = model.parent / "customers.csv"
    said = json.loads(call("evaluate", model, customers, "--json").stdout)
    call(
        *("predict", model, customers, "--keep", "credit_risk"),
        *("--out", tmp_path / "out.parquet"),
    )
    result = pd.read_parquet(tmp_path / "out.parquet")
    truth, predicted = result["credit_risk"], result["predicted"]
    proba = result[["probability_bad", "probability_good"]].to_numpy()
    expected = {
        "macro_f1": f1_score(truth, predicted, average="macro"),
        "macro_recall": balanced_accuracy_score(truth, predicted),
        "accuracy": accuracy_score(truth, predicted),
        "mcc": matthews_corrcoef(truth, predicted),
        "log_loss": log_loss(truth, proba),
        "macro_auroc": roc_auc_score(truth == "good", proba[:, 1]),
    }
    for metric, value in expected.items():
        assert said[metric] == pytest.approx(value, abs=1e-12), metric
    assert said["confusion"] == confusion_matrix(truth, predicted).tolist()
    assert said["rows"] == 1000
    assert [entry["label"] for entry in said["by_class"]] == ["bad", "good"]
    text = call("evaluate", model, customers).stdout
    assert f"{said['macro_f1']:.3f}" in text
    assert "Confusion" in text


def test_evaluate_takes_the_class_from_another_column(
    call: Call, model: Path, tmp_path: Path
) -> None:
    table = pd.read_csv(model.parent / "customers.csv")
    table.rename(columns={"credit_risk": "truth"}).to_csv(
        tmp_path / "t.csv", index=False
    )
    expected = call("evaluate", model, model.parent / "customers.csv", "--json").stdout
    found = call(
        "evaluate", model, tmp_path / "t.csv", "--target", "truth", "--json"
    ).stdout
    assert json.loads(found) == json.loads(expected)


def test_evaluate_works_when_only_one_class_is_there(
    call: Call, model: Path, tmp_path: Path
) -> None:
    table = pd.read_csv(model.parent / "customers.csv")
    table[table["credit_risk"] == "bad"].to_csv(tmp_path / "bad.csv", index=False)
    said = json.loads(call("evaluate", model, tmp_path / "bad.csv", "--json").stdout)
    assert said["rows"] == 300
    assert said["macro_auroc"] is None
    call("evaluate", model, tmp_path / "bad.csv")


def test_labels_and_paths_with_brackets_are_shown_as_they_are(
    call: Call, tmp_path: Path
) -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"x": rng.normal(size=40), "z": rng.normal(size=40)})
    frame["kind"] = np.where(frame["x"] > 0.5, "[red]", "[/blue]")
    folder = tmp_path / "[bold] :smile:"
    folder.mkdir()
    frame.to_csv(folder / "t.csv", index=False)
    arguments = (folder / "t.csv", "--target", "kind", "--out", folder / "m")
    text = call("train", *arguments, "--max-epochs", 1).stdout
    assert f"Model saved in {folder / 'm'}" in text
    assert "[red]" in text
    assert "[/blue]" in text
    out = folder / "o.csv"
    assert (
        f"rows to {out}: "
        in call("predict", folder / "m", folder / "t.csv", "--out", out).stdout
    )


@pytest.mark.parametrize("n_classes", [12, 15])
def test_many_classes_are_summed_up(call: Call, tmp_path: Path, n_classes: int) -> None:
    rng = np.random.default_rng(0)
    n = 12 * n_classes
    frame = pd.DataFrame({"x": rng.normal(size=n), "z": rng.normal(size=n)})
    frame["kind"] = [f"k{i % n_classes}" for i in range(n)]
    frame.to_csv(tmp_path / "t.csv", index=False)
    text = call(
        *("train", tmp_path / "t.csv", "--target", "kind", "--out", tmp_path / "m"),
        *("--max-epochs", 1),
    ).stdout
    assert ("Most frequent confusions" in text) == (n_classes > 12)


def test_the_demo_leaves_a_model_and_a_picture(call: Call, tmp_path: Path) -> None:
    arguments = ("demo", "--dataset", "newthyroid", "--max-epochs", 3)
    text = call(*arguments, "--out", tmp_path / "a").stdout
    for words in ("215 rows", "macro-F1", "logistic regression", "random forest"):
        assert words in text
    for words in ("CatBoost", "QCL-MixNet (default)", "QCL-MixNet (paper)"):
        assert words in text
    picture = (tmp_path / "a" / "fit.png").read_bytes()
    assert picture[:8] == b"\x89PNG\r\n\x1a\n"
    width, height = (int.from_bytes(picture[i : i + 4]) for i in (16, 20))
    assert width > height > 600
    assert QCLMixNetClassifier.load(tmp_path / "a" / "model").target_name_ == "class"


def test_the_demo_gives_its_numbers_as_json(call: Call, tmp_path: Path) -> None:
    arguments = ("demo", "--dataset", "newthyroid", "--max-epochs", 1, "--json")
    said = json.loads(call(*arguments, "--out", tmp_path / "a").stdout)
    assert said["dataset"] == "newthyroid"
    assert Path(said["model"]).is_dir()
    assert Path(said["picture"]).is_file()
    assert len(said["results"]) == 5
    for scores in said["results"].values():
        assert scores["fit_seconds"] > 0
        assert sum(map(sum, scores["confusion"])) == pytest.approx(215 / 4, abs=2)
