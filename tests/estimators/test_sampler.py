import builtins
import importlib
import sys
from collections import Counter
from collections.abc import Callable

import jaxtyping
import numpy as np
import pandas as pd
import pytest
import torch
from imblearn.pipeline import Pipeline
from imblearn.utils import estimator_checks as imblearn_checks
from scipy import sparse
from sklearn.linear_model import LogisticRegression
from sklearn.utils import estimator_checks as sklearn_checks

from qclmixnet.core.errors import DataWarning, MissingExtraError
from qclmixnet.estimators.sampler import KNNMixupSampler


# Its own parametrize_with_checks hands pytest an iterator, which pytest 9 deprecates.
@pytest.mark.parametrize(
    ("estimator", "check"),
    list(imblearn_checks.estimator_checks_generator(KNNMixupSampler(random_state=0))),
    ids=lambda value: getattr(getattr(value, "func", None), "__name__", "sampler"),
)
def test_passes_the_checks_of_imbalanced_learn(
    estimator: KNNMixupSampler, check: Callable[[KNNMixupSampler], None]
) -> None:
    check(estimator)


def test_parameters_are_checked_as_imbalanced_learn_wants() -> None:
    imblearn_checks.check_param_validation("KNNMixupSampler", KNNMixupSampler())


@sklearn_checks.parametrize_with_checks(  # type: ignore[untyped-decorator]
    [KNNMixupSampler(random_state=0)]
)
def test_passes_the_checks_of_scikit_learn(
    estimator: KNNMixupSampler, check: Callable[[KNNMixupSampler], None]
) -> None:
    # Some hand arguments of a wrong type to the constructor, which must take them.
    jaxtyping.config.update("jaxtyping_disable", True)  # noqa: FBT003
    try:
        check(estimator)
    finally:
        jaxtyping.config.update("jaxtyping_disable", False)  # noqa: FBT003


def imbalanced(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    X = np.concatenate([rng.normal(size=(40, 3)), 5 + rng.normal(size=(8, 3))])
    return X, np.repeat(["many", "few"], [40, 8])


def test_given_rows_come_first_and_new_rows_lie_between_same_class_neighbours() -> None:
    X, y = imbalanced()
    sampler = KNNMixupSampler(n_neighbors=2, random_state=3)
    X_more, y_more = sampler.fit_resample(X, y)
    np.testing.assert_array_equal(X_more[:48], X)
    np.testing.assert_array_equal(y_more[:48], y)
    assert Counter(y_more) == {"many": 40, "few": 40}
    few = X[40:]
    distance = np.linalg.norm(few[:, None] - few[None], axis=2)
    np.fill_diagonal(distance, np.inf)
    near = np.argsort(distance, axis=1)[:, :2]
    pairs = [(few[i], few[j]) for i in range(8) for j in near[i]]
    for row in X_more[48:]:
        # On the anchor's half of some anchor-partner segment.
        gaps = []
        for anchor, partner in pairs:
            along = partner - anchor
            share = np.clip((row - anchor) @ along / (along @ along), 0.0, 0.5)
            gaps.append(np.linalg.norm(anchor + share * along - row))
        assert min(gaps) < 1e-9


def test_same_seed_same_rows_and_other_seed_other_rows() -> None:
    X, y = imbalanced()
    first, _ = KNNMixupSampler(random_state=1).fit_resample(X, y)
    again, _ = KNNMixupSampler(random_state=1).fit_resample(X, y)
    other, _ = KNNMixupSampler(random_state=2).fit_resample(X, y)
    assert first.tobytes() == again.tobytes()
    assert first.tobytes() != other.tobytes()


def test_global_generators_are_left_alone() -> None:
    X, y = imbalanced()
    torch_before = torch.random.get_rng_state()
    numpy_before = repr(np.random.get_state())  # noqa: NPY002
    KNNMixupSampler().fit_resample(X, y)
    assert torch.equal(torch_before, torch.random.get_rng_state())
    assert repr(np.random.get_state()) == numpy_before  # noqa: NPY002


def test_single_row_is_repeated_with_a_warning() -> None:
    X = np.array([[0.0, 1.0], [1.0, 2.0], [2.0, 3.0], [9.1, 0.3]])
    with pytest.warns(DataWarning, match="Class 7 has a single row") as caught:
        X_more, y_more = KNNMixupSampler(random_state=0).fit_resample(X, [1, 1, 1, 7])
    assert len(caught) == 1
    np.testing.assert_array_equal(X_more[4:], [[9.1, 0.3], [9.1, 0.3]])
    assert y_more[4:] == [7, 7]


def test_neighbours_survive_a_large_offset_in_float64() -> None:
    # In float32 all of these are 1e9: only the centred values tell them apart.
    X = np.array([[1e9], [1e9 + 1], [1e9 + 10], [1e9 + 11], *([[0.0]] * 40)])
    y = np.repeat([1, 0], [4, 40])
    X_more, _ = KNNMixupSampler(n_neighbors=1, random_state=0).fit_resample(X, y)
    new = X_more[44:, 0] - 1e9
    assert (((new >= 0) & (new <= 1)) | ((new >= 10) & (new <= 11))).all()


def test_whole_number_columns_are_rounded_not_cut_off() -> None:
    frame = pd.DataFrame(
        {
            "count": [0, 0, 0, 0, 10, 11],
            "flag": [True, True, True, True, False, True],
            "amount": [0.5, 1.5, 2.5, 3.5, 0.25, 0.75],
        },
        index=list("abcdef"),
    )
    y = pd.Series([0, 0, 0, 0, 1, 1], index=frame.index, name="target")
    sampler = KNNMixupSampler({1: 200}, random_state=0)
    frame_more, y_more = sampler.fit_resample(frame, y)
    assert frame_more.dtypes.equals(frame.dtypes)
    assert y_more.name == "target"
    new = frame_more[6:]
    # The anchor keeps at least half, so a new row's count is that of its anchor.
    assert new["count"].eq(np.where(new["amount"] < 0.5, 10, 11)).all()
    assert new["flag"].eq(new["amount"] > 0.5).all()
    assert 60 < (new["count"] == 11).sum() < 140


def test_sparse_rows_match_dense_rows() -> None:
    X, y = imbalanced()
    X[X < 0.5] = 0.0
    dense, _ = KNNMixupSampler(random_state=0).fit_resample(X, y)
    thin, _ = KNNMixupSampler(random_state=0).fit_resample(sparse.csc_array(X), y)
    assert thin.format == "csc"
    np.testing.assert_array_equal(thin.toarray(), dense)


def test_balanced_classes_stay_as_they_are() -> None:
    X, y = imbalanced()[0][:8], np.repeat([0, 1], 4)
    X_more, y_more = KNNMixupSampler(random_state=0).fit_resample(X, y)
    np.testing.assert_array_equal(X_more, X)
    np.testing.assert_array_equal(y_more, y)


def test_works_inside_a_pipeline() -> None:
    X, y = imbalanced()
    model = Pipeline(
        [("grow", KNNMixupSampler(random_state=0)), ("fit", LogisticRegression())]
    )
    assert model.fit(X, y).score(X, y) == 1.0


def test_missing_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    real_import = builtins.__import__

    def no_imblearn(name: str, *args: object, **kwargs: object) -> object:
        if name.startswith("imblearn"):
            raise ModuleNotFoundError(name)
        return real_import(name, *args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(builtins, "__import__", no_imblearn)
    monkeypatch.delitem(sys.modules, "qclmixnet.estimators.sampler")
    with pytest.raises(MissingExtraError, match=r"qclmixnet\[sampler\]"):
        importlib.import_module("qclmixnet.estimators.sampler")
