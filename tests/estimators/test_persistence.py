"""A saved classifier is the same classifier, or it is refused."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from qclmixnet import QCLMixNetClassifier
from qclmixnet.core.errors import InputError, ModelFormatError
from qclmixnet.estimators.diagnostics import Diagnostic
from qclmixnet.estimators.persistence import _digest, save_state
from qclmixnet.training import (
    CrossFitRecipe,
    LargeConfig,
    MemberConfig,
    MemberSchedule,
    recipe,
)

RNG = np.random.default_rng(0)
NUMBERS = RNG.normal(size=(40, 3))
MIXED = pd.DataFrame(
    {
        "x": np.where(np.arange(40) % 6 == 0, np.nan, NUMBERS[:, 0]),
        "city": RNG.choice(["Ulm", "Bonn", "Köln"], 40),
        "member": RNG.random(40) < 0.5,
        "since": pd.Timestamp("2020-01-01")
        + pd.to_timedelta(RNG.integers(0, 900, 40), unit="D"),
    }
)
PATTERN = np.arange(40) % 4 == 0
SMALL = replace(
    recipe("paper"),
    network=replace(recipe("paper").network, d_hidden=8, d_token=4, n_heads=2),
    schedule=replace(recipe("paper").schedule, max_epochs=1),
)


def fit(X: object, y: object, **arguments: Any) -> QCLMixNetClassifier:
    arguments = {"max_epochs": 2, "random_state": 0, **arguments}
    return QCLMixNetClassifier(**arguments).fit(X, y)


@pytest.fixture(scope="module")
def clf() -> QCLMixNetClassifier:
    return fit(MIXED, pd.Series(np.where(PATTERN, "rare", "common"), name="kind"))


FITS: dict[str, tuple[object, object, dict[str, object]]] = {
    "numbers": (NUMBERS, PATTERN.astype(int), {}),
    "mixed columns": (MIXED, np.where(PATTERN, "rare", "common"), {}),
    "booleans": (MIXED, PATTERN, {}),
    "text as objects": (NUMBERS, np.where(PATTERN, "ü", "b").astype(object), {}),
    "small integers": (NUMBERS, PATTERN.astype(np.int8), {}),
    "whole floats": (NUMBERS, PATTERN + 1.0, {}),
    "own recipe": (MIXED, PATTERN, {"preset": SMALL, "max_epochs": None}),
    "weights by label": (NUMBERS, PATTERN * 7, {"class_weight": {0: 1.0, 7: 3}}),
    "balanced": (NUMBERS, PATTERN, {"class_weight": "balanced"}),
    "generator": (NUMBERS, PATTERN, {"random_state": np.random.default_rng(1)}),
}


@pytest.mark.parametrize("case", FITS)
def test_predictions_are_the_same_bits(case: str, tmp_path: Path) -> None:
    X, y, arguments = FITS[case]
    before = fit(X, y, **arguments)
    before.save(tmp_path / "m")
    after = QCLMixNetClassifier.load(tmp_path / "m")
    assert (after.predict_proba(X) == before.predict_proba(X)).all()
    assert (after.embed(X) == before.embed(X)).all()
    assert after.classes_.dtype == before.classes_.dtype
    assert after.predict(X).tolist() == before.predict(X).tolist()


@pytest.mark.usefixtures("users_view")
def test_arguments_may_be_numbers_of_other_libraries(tmp_path: Path) -> None:
    before = fit(
        NUMBERS,
        PATTERN,
        preset="paper",
        max_epochs=np.int64(2),
        learning_rate=np.float32(0.01),
        patience=np.int32(9),
        margin=Fraction(1, 2),
        class_weight=np.float64(0.25),
        random_state=np.int64(3),
    )
    before.save(tmp_path / "m")
    after = QCLMixNetClassifier.load(tmp_path / "m")
    assert (after.predict_proba(NUMBERS) == before.predict_proba(NUMBERS)).all()
    assert after.max_epochs == 2
    assert after.margin == 0.5


def test_all_that_is_known_of_a_fit_comes_back(
    clf: QCLMixNetClassifier, tmp_path: Path
) -> None:
    clf.save(tmp_path / "m")
    after = QCLMixNetClassifier.load(tmp_path / "m", device="cpu")
    for name in (
        "schema_",
        "recipe_",
        "history_",
        "best_epoch_",
        "n_iter_",
        "stop_reason_",
        "target_name_",
        "n_features_in_",
    ):
        assert getattr(after, name) == getattr(clf, name), name
    assert after.feature_names_in_.tolist() == list(MIXED.columns)
    assert after.get_params() == {**clf.get_params(), "device": "cpu"}
    assert after.target_name_ == "kind"


def test_what_the_fit_noticed_comes_back_and_older_models_have_none(
    clf: QCLMixNetClassifier, tmp_path: Path
) -> None:
    noticed = Diagnostic("hubs", "note", "One row is near many.", 3.5, 3.0, "Look.")
    state = replace(clf.state_, diagnostics=(noticed,))
    save_state(state, tmp_path / "model")
    assert QCLMixNetClassifier.load(tmp_path / "model").diagnostics_ == (noticed,)
    # As a version wrote it that did not keep them.
    file = tmp_path / "model" / "model.json"
    content = json.loads(file.read_text("utf-8"))
    del content["diagnostics"], content["sha256"]
    content["sha256"] = _digest(content)
    file.write_text(json.dumps(content), encoding="utf-8")
    assert QCLMixNetClassifier.load(tmp_path / "model").diagnostics_ == ()


def test_class_weights_keep_their_labels_as_numbers(tmp_path: Path) -> None:
    fit(NUMBERS, PATTERN * 7, class_weight={0: 1.0, 7: 3}).save(tmp_path / "m")
    after = QCLMixNetClassifier.load(tmp_path / "m")
    assert after.class_weight == {0: 1.0, 7: 3}
    after.fit(NUMBERS, PATTERN * 7)


def test_a_recipe_comes_back_as_a_recipe(tmp_path: Path) -> None:
    fit(NUMBERS, PATTERN, preset=SMALL, max_epochs=None).save(tmp_path / "m")
    assert QCLMixNetClassifier.load(tmp_path / "m").preset == SMALL


def test_a_recipe_of_before_there_was_a_choice_of_precision_is_read() -> None:
    values = recipe("default").to_dict()
    schedule = values["schedule"]
    assert isinstance(schedule, dict)
    assert schedule.pop("precision") == "float32"
    assert CrossFitRecipe.from_dict(values) == recipe("default")


def test_a_fit_in_bfloat16_is_saved_with_its_precision(tmp_path: Path) -> None:
    rough = replace(recipe("default").schedule, precision="bfloat16", max_epochs=2)
    lean = replace(recipe("default"), schedule=rough)
    before = fit(NUMBERS, PATTERN, preset=lean, max_epochs=None)
    before.save(tmp_path / "m")
    after = QCLMixNetClassifier.load(tmp_path / "m", device="cpu")
    assert after.recipe_ == lean
    assert np.array_equal(after.predict_proba(NUMBERS), before.predict_proba(NUMBERS))


def test_saving_twice_gives_the_same_bytes(
    clf: QCLMixNetClassifier, tmp_path: Path
) -> None:
    for name in ("a", "b"):
        clf.save(tmp_path / name)
    QCLMixNetClassifier.load(tmp_path / "a", device=clf.device).save(tmp_path / "c")
    for name in ("model.json", "model.safetensors"):
        first = (tmp_path / "a" / name).read_bytes()
        assert (tmp_path / "b" / name).read_bytes() == first
    weights = (tmp_path / "c" / "model.safetensors").read_bytes()
    assert weights == (tmp_path / "a" / "model.safetensors").read_bytes()


def test_an_older_model_is_replaced(clf: QCLMixNetClassifier, tmp_path: Path) -> None:
    fit(NUMBERS, PATTERN).save(tmp_path / "m")
    clf.save(tmp_path / "m")
    assert QCLMixNetClassifier.load(tmp_path / "m").target_name_ == "kind"
    assert [path.name for path in tmp_path.iterdir()] == ["m"]


def test_missing_parents_are_made(clf: QCLMixNetClassifier, tmp_path: Path) -> None:
    clf.save(str(tmp_path / "a" / "b" / "m"))
    after = QCLMixNetClassifier.load(str(tmp_path / "a" / "b" / "m"))
    assert after.target_name_ == "kind"


def test_a_link_to_a_model_stays_a_link(
    clf: QCLMixNetClassifier, tmp_path: Path
) -> None:
    fit(NUMBERS, PATTERN).save(tmp_path / "m")
    (tmp_path / "link").symlink_to(tmp_path / "m")
    clf.save(tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert QCLMixNetClassifier.load(tmp_path / "m").target_name_ == "kind"


def _fail_at(
    monkeypatch: pytest.MonkeyPatch, method: str, nth: int, error: BaseException
) -> None:
    """Make the nth call of a method of `Path` raise, once."""
    calls = 0
    original: Callable[..., Any] = getattr(Path, method)

    def patched(self: Path, *args: Any, **kwargs: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == nth:
            raise error
        return original(self, *args, **kwargs)

    monkeypatch.setattr(Path, method, patched)


@pytest.mark.parametrize("error", [OSError("disk full"), KeyboardInterrupt()])
@pytest.mark.parametrize("older", [True, False])
@pytest.mark.parametrize(
    ("method", "nth"), [("write_bytes", 1), ("write_text", 1), ("rename", 1)]
)
def test_an_interrupted_save_leaves_a_whole_model_or_none(
    clf: QCLMixNetClassifier,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    method: str,
    nth: int,
    *,
    older: bool,
    error: BaseException,
) -> None:
    if older:
        fit(NUMBERS, PATTERN).save(tmp_path / "m")
    _fail_at(monkeypatch, method, nth, error)
    with pytest.raises((InputError, KeyboardInterrupt)):
        clf.save(tmp_path / "m")
    assert [p.name for p in tmp_path.iterdir()] == (["m"] if older else [])
    if older:
        assert QCLMixNetClassifier.load(tmp_path / "m").target_name_ is None


@pytest.mark.parametrize("error", [OSError("disk full"), KeyboardInterrupt()])
def test_an_interrupt_between_the_two_renames_brings_the_older_model_back(
    clf: QCLMixNetClassifier,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    error: BaseException,
) -> None:
    fit(NUMBERS, PATTERN).save(tmp_path / "m")
    _fail_at(monkeypatch, "rename", 2, error)
    with pytest.raises((InputError, KeyboardInterrupt)):
        clf.save(tmp_path / "m")
    assert QCLMixNetClassifier.load(tmp_path / "m").target_name_ is None
    assert [p.name for p in tmp_path.iterdir()] == ["m"]


def _flip(data: bytes, rng: np.random.Generator) -> bytes:
    place = int(rng.integers(len(data)))
    damaged = bytearray(data)
    damaged[place] ^= 1 << int(rng.integers(8))
    return bytes(damaged)


def _cut(data: bytes, rng: np.random.Generator) -> bytes:
    return data[: int(rng.integers(len(data)))]


@pytest.mark.parametrize("damage", [_flip, _cut])
@pytest.mark.parametrize("name", ["model.json", "model.safetensors"])
def test_damage_is_refused_or_harmless(
    clf: QCLMixNetClassifier,
    tmp_path: Path,
    name: str,
    damage: Callable[[bytes, np.random.Generator], bytes],
) -> None:
    clf.save(tmp_path / "m")
    whole = (tmp_path / "m" / name).read_bytes()
    expected = clf.predict_proba(MIXED)
    rng = np.random.default_rng(5)
    n_refused = 0
    for _ in range(100):
        (tmp_path / "m" / name).write_bytes(damage(whole, rng))
        try:
            after = QCLMixNetClassifier.load(tmp_path / "m")
        except ModelFormatError:
            n_refused += 1
        else:
            assert (after.predict_proba(MIXED) == expected).all()
    # Only white space of the JSON may change without a trace.
    assert n_refused == 100 if name == "model.safetensors" else n_refused > 50


def test_the_json_has_no_number_that_json_does_not_know(
    clf: QCLMixNetClassifier, tmp_path: Path
) -> None:
    clf.save(tmp_path / "m")

    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    text = (tmp_path / "m" / "model.json").read_text(encoding="utf-8")
    content = json.loads(text, parse_constant=refuse)
    assert content["format"] == 1
    assert content["target_name"] == "kind"


def test_a_copied_folder_is_the_same_model(
    clf: QCLMixNetClassifier, tmp_path: Path
) -> None:
    clf.save(tmp_path / "m")
    shutil.copytree(tmp_path / "m", tmp_path / "copy")
    after = QCLMixNetClassifier.load(tmp_path / "copy")
    assert (after.predict_proba(MIXED) == clf.predict_proba(MIXED)).all()


def test_a_fit_that_has_grown_with_its_table_comes_back(tmp_path: Path) -> None:
    asked = replace(
        recipe("default"),
        members=MemberConfig(n_members=4, d_hidden=5),
        schedule=MemberSchedule(epochs=2, min_steps=1),
        large=LargeConfig(n_rows=len(NUMBERS), n_classes=2, width_factor=3),
    )
    before = fit(NUMBERS, PATTERN, preset=asked, max_epochs=None)
    assert isinstance(before.recipe_, CrossFitRecipe)
    assert (before.recipe_.members.d_hidden, before.n_iter_) == (15, 4)
    before.save(tmp_path / "m")
    after = QCLMixNetClassifier.load(tmp_path / "m", device="cpu")
    assert after.recipe_ == before.recipe_
    assert after.preset == asked
    assert np.array_equal(after.predict_proba(NUMBERS), before.predict_proba(NUMBERS))
