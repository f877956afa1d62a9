import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from qclmixnet.benchmark import LabelledTable, labelled_table
from qclmixnet.core.errors import InputError
from qclmixnet.evaluation import stratified_folds
from qclmixnet.metrics.by_class import confusion_matrix, macro_f1, macro_recall
from qclmixnet.tuning import (
    NestedPlan,
    NestedProgress,
    default_space,
    load_studies,
    make_untuned,
    run_nested,
    study_name_of,
)
from qclmixnet.tuning.parameters import with_parameters

pytest.importorskip("optuna")

PLAN = NestedPlan(methods=("logistic_regression",), n_folds=2, n_trials=5)


def table_of(n_rows: int = 120, *, name: str = "made up") -> LabelledTable:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(n_rows, 4)), columns=list("abcd"))
    noise = rng.normal(size=n_rows)
    target = pd.Series(np.where(frame["a"] + noise > 1, "rare", "common"))
    return labelled_table(name, frame, target)


def run(table: LabelledTable, folder: Path, plan: NestedPlan = PLAN) -> pd.DataFrame:
    return run_nested(
        table, plan, rows=folder / "rows.csv", storage=folder / "trials.sqlite"
    )


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, pd.DataFrame]:
    folder = tmp_path_factory.mktemp("nested")
    return folder, run(table_of(), folder)


def test_the_rows_are_a_plain_recomputation_on_the_outer_test_rows(
    finished: tuple[Path, pd.DataFrame],
) -> None:
    table, (_, rows) = table_of(), finished
    assert rows[["fold", "variant"]].to_numpy().tolist() == [
        *([0, "default"], [0, "tuned"], [1, "default"], [1, "tuned"]),
    ]
    folds = stratified_folds(table.codes, table.groups, n_folds=2, seed=0)
    for _, row in rows.iterrows():
        fold = folds[row["fold"]]
        plain = make_untuned("logistic_regression", 0)
        clf = with_parameters(plain, json.loads(row["params"]))
        clf.fit(table.frame.iloc[fold.train], table.codes[fold.train])
        predicted = clf.predict(table.frame.iloc[fold.test])
        matrix = confusion_matrix(table.codes[fold.test], predicted, 2)
        f1, recall = macro_f1(matrix), macro_recall(matrix)
        assert row["macro_f1"] == pytest.approx(f1, abs=1e-5)
        assert row["macro_recall"] == pytest.approx(recall, abs=1e-5)
        assert row["balanced"] == pytest.approx((f1 + recall) / 2, abs=1e-5)
        assert row["n_train"] == len(fold.train)
        assert row["n_test"] == len(fold.test)
    tuned = rows[rows["variant"] == "tuned"]
    assert (tuned["inner_best"] >= tuned["inner_default"]).all()
    assert (tuned["trials"] == 5).all()


def test_outer_test_rows_are_in_no_search(
    tmp_path: Path,
    finished: tuple[Path, pd.DataFrame],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Poison: the test rows of fold 0 get other features and the other class.
    table, (_, clean) = table_of(), finished
    folds = stratified_folds(table.codes, table.groups, n_folds=2, seed=0)
    frame, codes = table.frame.copy(), table.codes.copy()
    frame.iloc[folds[0].test] *= -100.0
    codes[folds[0].test] = 1 - codes[folds[0].test]
    monkeypatch.setattr(
        "qclmixnet.tuning.nested.stratified_folds", lambda *_, **__: folds[:1]
    )
    poisoned = run(LabelledTable(table.name, frame, codes, table.classes), tmp_path)
    before, after = clean.iloc[:2], poisoned.iloc[:2]
    for column in ("inner_default", "inner_best", "params", "trials", "pruned"):
        assert before[column].tolist()[1] == after[column].tolist()[1]
    assert (before["balanced"] != after["balanced"]).all()


def test_a_second_call_fits_nothing(
    finished: tuple[Path, pd.DataFrame], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, rows = finished

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("nothing is left to fit")

    monkeypatch.setattr("qclmixnet.tuning.nested.make_untuned", refuse)
    monkeypatch.setattr("qclmixnet.tuning.nested.make_search", refuse)
    pd.testing.assert_frame_equal(run(table_of(), folder), rows)


@pytest.mark.parametrize("n_lines", [1, 2, 4])
def test_a_run_that_was_killed_in_the_middle_of_a_row_ends_the_same(
    n_lines: int, tmp_path: Path, finished: tuple[Path, pd.DataFrame]
) -> None:
    folder, rows = finished
    text = (folder / "rows.csv").read_bytes()
    lines = text.splitlines(keepends=True)
    torn = b"".join(lines[:n_lines]) + lines[n_lines][:30]
    (tmp_path / "rows.csv").write_bytes(torn)
    (tmp_path / "trials.sqlite").write_bytes((folder / "trials.sqlite").read_bytes())
    again = run(table_of(), tmp_path)
    clocks = ["search_s", "search_cpu_s", "fit_s", "fit_cpu_s"]
    pd.testing.assert_frame_equal(again.drop(columns=clocks), rows.drop(columns=clocks))


def test_a_default_that_wins_is_not_fitted_twice(
    tmp_path: Path,
) -> None:
    plan = NestedPlan(methods=("logistic_regression",), n_folds=2, n_trials=1)
    rows = run(table_of(), tmp_path, plan)
    default, tuned = (
        rows[rows["variant"] == name].set_index("fold") for name in ("default", "tuned")
    )
    for column in ("balanced", "macro_f1", "macro_recall", "fit_s"):
        assert default[column].tolist() == tuned[column].tolist()
    assert (tuned["params"] == "{}").all()


def test_the_whole_procedure_keeps_the_default_for_small_gains(
    finished: tuple[Path, pd.DataFrame], tmp_path: Path
) -> None:
    _, free = finished
    plan = NestedPlan(
        methods=("logistic_regression",), n_folds=2, n_trials=5, min_gain=1.0
    )
    rows = run(table_of(), tmp_path, plan)
    tuned, default = (
        rows[rows["variant"] == name].reset_index() for name in ("tuned", "default")
    )
    assert (tuned["params"] == "{}").all()
    assert tuned["balanced"].tolist() == default["balanced"].tolist()
    assert tuned["inner_best"].tolist() == tuned["inner_default"].tolist()
    assert (rows["min_gain"] == 1.0).all()
    seen = free[free["variant"] == "tuned"]
    assert (seen["inner_best"] > seen["inner_default"]).any()


def test_a_fit_that_fails_is_a_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Broken:
        def fit(self, *_: object) -> None:
            raise RuntimeError("no memory\nat all")

    monkeypatch.setattr("qclmixnet.tuning.nested.make_untuned", lambda *_: Broken())
    rows = run(table_of(), tmp_path)
    default = rows[rows["variant"] == "default"]
    assert (default["status"] == "failed").all()
    assert (default["message"] == "RuntimeError: no memory at all").all()
    assert default["balanced"].isna().all()


def test_other_plans_and_other_tables_are_refused(
    finished: tuple[Path, pd.DataFrame],
) -> None:
    folder, _ = finished
    other = NestedPlan(methods=("logistic_regression",), n_folds=2, n_trials=6)
    with pytest.raises(InputError, match=r"another n_trials \(5 there, 6 now\)"):
        run(table_of(), folder, other)
    with pytest.raises(InputError, match=r"another checksum"):
        run(table_of(100), folder)


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("a,b\n1,2\n")
    with pytest.raises(InputError, match="does not hold rows of this kind"):
        run(table_of(), tmp_path)


def test_methods_without_a_space_are_refused() -> None:
    with pytest.raises(InputError, match="no search space for 'knn'; choose among qcl"):
        NestedPlan(methods=("knn",))
    with pytest.raises(InputError, match="named twice"):
        NestedPlan(methods=("catboost", "catboost"))
    with pytest.raises(InputError, match="no search space for nothing"):
        NestedPlan(methods=())
    with pytest.raises(InputError, match=r"`n_trials` must be .* got 0"):
        NestedPlan(n_trials=0)


def test_progress_and_stored_trials(tmp_path: Path) -> None:
    seen: list[NestedProgress] = []
    run_nested(
        table_of(),
        PLAN,
        rows=tmp_path / "rows.csv",
        storage=tmp_path / "trials.sqlite",
        on_progress=seen.append,
    )
    assert [(p.fold, p.search.done) for p in seen] == [
        (fold, done) for fold in (0, 1) for done in (1, 2, 3, 4, 5)
    ]
    names = [
        study_name_of("made up", "logistic_regression", fold=fold, seed=0)
        for fold in (0, 1, 2)
    ]
    studies = load_studies(tmp_path / "trials.sqlite", names)
    assert [len(study.trials) for study in studies] == [5, 5]
    assert [study.study_name for study in studies] == names[:2]
    space = default_space(make_untuned("logistic_regression", 0), n_rows=60)
    assert set(studies[0].trials[1].params) == set(space)
