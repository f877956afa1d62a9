"""The deep baselines, held against their libraries called by hand."""

import random
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from qclmixnet.baselines.deep import DEEP, Patience
from qclmixnet.baselines.isolation import _own_generators, isolated
from qclmixnet.baselines.peer import Peer
from qclmixnet.core.errors import InputError

CARDS = {card.name: card for card in DEEP}
N_ROWS = 60


@pytest.fixture
def table() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "size": rng.normal(size=N_ROWS),
            "weight": rng.normal(size=N_ROWS),
            "colour": rng.choice(["red", "green", "blue"], N_ROWS),
            "shape": rng.choice(["round", "square"], N_ROWS),
        }
    )
    frame.loc[3, "size"] = np.nan
    frame.loc[5, "colour"] = None
    return frame


@pytest.fixture
def labels(table: pd.DataFrame) -> np.ndarray:
    y = np.where(table["weight"] > 0.4, "heavy", "light").astype(object)
    y[:2] = "rare"  # two rows: none of them is held out by TabNet
    return y


def by_hand(table: pd.DataFrame) -> pd.DataFrame:
    """Medians for missing numbers, a level of its own for missing categories."""
    out = table.copy()
    for name in ("size", "weight"):
        out[name] = out[name].fillna(out[name].median())
    for name in ("colour", "shape"):
        levels = [*sorted(out[name].dropna().unique()), "(missing)"]
        texts = out[name].astype(object).fillna("(missing)")
        out[name] = pd.Categorical(texts, categories=levels)
    return out


@contextmanager
def by_itself() -> Iterator[None]:
    """One thread for a library, and no ear for its warnings of every kind."""
    n_threads = torch.get_num_threads()
    with (
        torch.random.fork_rng(),
        warnings.catch_warnings(),
        redirect_stdout(StringIO()),
    ):
        warnings.simplefilter("ignore")
        torch.set_num_threads(1)
        yield
    torch.set_num_threads(n_threads)


@pytest.mark.parametrize(
    ("name", "library_class"),
    [
        ("mlp", "MLP_RTDL_D_Classifier"),
        pytest.param("ft_transformer", "FTT_D_Classifier", marks=pytest.mark.slow),
        pytest.param("realmlp", "RealMLP_TD_Classifier", marks=pytest.mark.slow),
        pytest.param("tabm", "TabM_D_Classifier", marks=pytest.mark.slow),
    ],
)
def test_pytabkit_is_called_with_its_defaults(
    name: str,
    library_class: str,
    table: pd.DataFrame,
    labels: np.ndarray,
    tmp_path: Path,
) -> None:
    peer = Peer(CARDS[name], random_state=3).fit(table, labels)
    with by_itself():
        import pytabkit

        expected = getattr(pytabkit, library_class)(
            device="cpu", n_threads=1, random_state=3, tmp_folder=tmp_path
        )
        expected.fit(by_hand(table), labels)
        proba = expected.predict_proba(by_hand(table))
    assert list(expected.classes_) == list(peer.classes_)
    np.testing.assert_allclose(peer.predict_proba(table), proba, atol=1e-6)


def test_tabnet_is_called_with_its_defaults(
    table: pd.DataFrame, labels: np.ndarray
) -> None:
    from qclmixnet.table import stratified_holdout

    peer = Peer(CARDS["tabnet"], random_state=3).fit(table, labels)
    codes = np.unique(labels, return_inverse=True)[1]
    filled = by_hand(table)
    for name in ("colour", "shape"):
        filled[name] = filled[name].cat.codes
    x = filled.to_numpy(dtype=np.float32)
    rows, held_out = stratified_holdout(
        codes, fraction=0.2, generator=np.random.default_rng(3)
    )
    with by_itself():
        from pytorch_tabnet.tab_model import TabNetClassifier

        expected = TabNetClassifier(
            cat_idxs=[2, 3], cat_dims=[4, 3], cat_emb_dim=1, seed=3, device_name="cpu"
        )
        expected.fit(
            x[rows],
            codes[rows],
            eval_set=[(x[held_out], codes[held_out])],
            batch_size=len(rows),  # 1024 is more than there are
        )
        proba = expected.predict_proba(x)
    np.testing.assert_allclose(peer.predict_proba(table), proba, atol=1e-6)


@pytest.mark.parametrize("name", ["mlp", "tabnet"])
def test_same_seed_same_bits_and_nothing_left_behind(
    name: str,
    table: pd.DataFrame,
    labels: np.ndarray,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    before = generator_states()
    first = Peer(CARDS[name], random_state=1).fit(table, labels).predict_proba(table)
    assert generator_states() == before
    random.random()
    torch.rand(1)
    second = Peer(CARDS[name], random_state=1).fit(table, labels).predict_proba(table)
    other = Peer(CARDS[name], random_state=2).fit(table, labels).predict_proba(table)
    assert (first == second).all()
    assert (first != other).any()
    assert not list(tmp_path.iterdir())
    assert capfd.readouterr() == ("", "")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["ft_transformer", "realmlp", "tabm"])
def test_slow_ones_leave_nothing_behind_either(
    name: str,
    table: pd.DataFrame,
    labels: np.ndarray,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    before = generator_states()
    Peer(CARDS[name], time_limit_s=1.0).fit(table, labels).predict_proba(table)
    assert generator_states() == before
    assert not list(tmp_path.iterdir())
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("name", list(CARDS))
def test_each_class_has_its_column_and_unseen_levels_are_read(
    name: str, table: pd.DataFrame, labels: np.ndarray
) -> None:
    only_once = labels.copy()
    only_once[0] = "once"  # in the inner training part or in the held-out one
    peer = Peer(CARDS[name], random_state=0, time_limit_s=1.0).fit(table, only_once)
    strange = table.assign(colour="never seen")
    proba = peer.predict_proba(strange)
    assert list(peer.classes_) == ["heavy", "light", "once", "rare"]
    np.testing.assert_allclose(proba.sum(axis=1), 1)
    alone = peer.predict_proba(strange.iloc[[7]])
    np.testing.assert_allclose(alone[0], proba[7], atol=1e-6)


@pytest.mark.parametrize("columns", [["size"], ["shape"]])
@pytest.mark.parametrize("name", ["mlp", "tabnet"])
def test_one_column_of_one_kind_is_enough(
    name: str, columns: list[str], table: pd.DataFrame, labels: np.ndarray
) -> None:
    peer = Peer(CARDS[name]).fit(table[columns], labels)
    assert peer.predict_proba(table[columns]).shape == (N_ROWS, 3)


@pytest.mark.parametrize("name", ["tabm", "tabnet", "mlp"])
def test_the_time_limit_ends_the_fit(name: str) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(1500, 6))
    y = rng.integers(0, 2, size=1500)  # nothing to learn from, but rows to learn
    Peer(CARDS[name], time_limit_s=0.01).fit(x[:60], y[:60])  # imports
    start = time.monotonic()
    Peer(CARDS[name], time_limit_s=0.5).fit(x, y)
    assert time.monotonic() - start < 30  # one epoch of TabM is about 4 s


def test_a_library_has_threads_and_silence_of_its_own(
    capfd: pytest.CaptureFixture[str],
) -> None:
    before = generator_states()
    with isolated(5, n_threads=1, silenced=("loud",)):
        print("loud")  # noqa: T201
        warnings.warn_explicit("loud", UserWarning, "loud.py", 1, module="loud.er")
        with pytest.warns(UserWarning, match="ours"):
            warnings.warn("ours", UserWarning, stacklevel=1)
        assert torch.get_num_threads() == 1
    assert generator_states() == before
    assert capfd.readouterr() == ("", "")


def test_a_library_draws_from_generators_of_its_own() -> None:
    before = random.getstate(), generator_states()
    draws = []
    for _ in range(2):
        with _own_generators(5):
            draws.append((random.random(), np.random.rand(), float(torch.rand(1))))  # noqa: NPY002
    assert draws[0] == draws[1]
    assert (random.getstate(), generator_states()) == before


def test_patience_is_a_number_until_time_is_up() -> None:
    patience = Patience.until(2, time.monotonic() + 100)
    left: Any = patience
    left -= 1
    assert (patience, left, int(left)) == (2, 1, 1)
    assert not left < 0
    assert (left - 2) < 0
    assert hash(patience) == hash(2)


def test_patience_is_over_when_time_is_up() -> None:
    patience = Patience.until(2, time.monotonic() - 1)
    assert patience < 0
    assert (patience - 1) < 0
    assert patience == 1
    assert patience == 2
    assert patience != 0  # a new best epoch, which skorch has yet to store


def generator_states() -> tuple[object, ...]:
    """The global generators' states, comparable; beartype itself uses Python's."""
    legacy = np.random.get_state(legacy=False)  # noqa: NPY002
    return (
        str(legacy["state"]["key"].tolist()) + str(legacy["state"]["pos"]),
        torch.random.get_rng_state().numpy().tobytes(),
        torch.get_num_threads(),
    )


@pytest.mark.parametrize("name", list(CARDS))
def test_the_device_is_the_one_that_was_asked_for(
    name: str,
    table: pd.DataFrame,
    labels: np.ndarray,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = []

    class Told(Exception):  # noqa: N818 - no error
        """Enough has been seen."""

    def library(**arguments: object) -> None:
        asked.append(arguments.get("device", arguments.get("device_name")))
        raise Told

    with by_itself():
        import pytabkit
        from pytorch_tabnet import tab_model

        build = CARDS[name].build
        at = "TabNetClassifier" if name == "tabnet" else build.keywords["name"]  # type: ignore[attr-defined]
        monkeypatch.setattr(tab_model if name == "tabnet" else pytabkit, at, library)
    with pytest.raises(Told):
        Peer(CARDS[name]).fit(table, labels)
    if not torch.cuda.is_available():
        with pytest.raises(InputError, match="not available on this machine"):
            Peer(CARDS[name], device="cuda").fit(table, labels)
        monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(Told):
        Peer(CARDS[name], device="cuda").fit(table, labels)
    assert asked == ["cpu", "cuda"]
