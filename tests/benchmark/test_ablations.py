"""Variants of our method: each differs from its preset where its name says."""

from dataclasses import asdict

import numpy as np
import pytest

from qclmixnet import QCLMixNetClassifier
from qclmixnet.benchmark import (
    ABLATIONS,
    Subject,
    ablations_of,
    full_of,
    load_table,
    make_method,
    method_facts,
)
from qclmixnet.benchmark.methods import check_methods, decides_itself, modules_of
from qclmixnet.core.errors import InputError
from qclmixnet.training import recipe


def flat(values: dict[str, object], start: str = "") -> dict[str, object]:
    out: dict[str, object] = {}
    for name, value in values.items():
        if isinstance(value, dict):
            out |= flat(value, f"{start}{name}.")
        else:
            out[f"{start}{name}"] = value
    return out


@pytest.mark.parametrize("name", list(ABLATIONS))
def test_a_variant_differs_in_its_changes_and_nowhere_else(name: str) -> None:
    ablation = ABLATIONS[name]
    preset = flat(asdict(recipe(ablation.subject)))
    variant = flat(asdict(ablation.recipe()))
    differing = {place for place in preset if preset[place] != variant[place]}
    assert differing == set(ablation.changes)
    for place, value in ablation.changes.items():
        assert variant[place] == value


@pytest.mark.parametrize("subject", ["paper", "default"])
def test_only_the_whole_preset_changes_nothing(subject: Subject) -> None:
    same = [
        name
        for name in ablations_of(subject)
        if not ABLATIONS[name].changes and ABLATIONS[name].decision is None
    ]
    assert same == [full_of(subject)]


def test_names_and_titles_are_different() -> None:
    titles = {(a.subject, a.title) for a in ABLATIONS.values()}
    assert len(titles) == len(ABLATIONS)
    assert all(name == ABLATIONS[name].name for name in ABLATIONS)


def test_variants_are_methods_of_ours() -> None:
    names = ("paper.full", "default.argmax", "knn")
    assert check_methods(names) == names
    assert [decides_itself(name) for name in names] == [True, True, False]
    assert "qclmixnet.estimators" in modules_of(["paper.full"])
    facts = method_facts("paper.no_mixup")
    assert facts.family == "ours"
    assert "mixup.mixed_fraction=0.0" in facts.description
    assert "decision='argmax'" in method_facts("default.argmax").description
    with pytest.raises(InputError, match=r"no method 'paper\.no_cat'"):
        check_methods(["paper.no_cat"])


def test_the_whole_preset_is_the_preset() -> None:
    table = load_table("newthyroid")
    X, codes = table.frame.iloc[::3], table.codes[::3]
    made = make_method("paper.full", random_state=0, n_threads=1, time_limit_s=None)
    assert isinstance(made, QCLMixNetClassifier)
    made.set_params(max_epochs=3)
    plain = QCLMixNetClassifier(
        "paper", max_epochs=3, device="cpu", random_state=0
    ).fit(X, codes)
    assert np.array_equal(made.fit(X, codes).predict_proba(X), plain.predict_proba(X))


@pytest.mark.parametrize(
    "name",
    [
        *("paper.vector_gate", "paper.mixed_representation", "paper.focal_only"),
        *("default.no_cross_fitting", "default.all_three", "default.argmax"),
    ],
)
def test_variants_learn(name: str) -> None:
    table = load_table("newthyroid")
    learn, other = slice(None, None, 2), slice(1, None, 2)
    made = make_method(name, random_state=0, n_threads=1, time_limit_s=None)
    assert isinstance(made, QCLMixNetClassifier)
    made.set_params(max_epochs=20)
    made.fit(table.frame.iloc[learn], table.codes[learn])
    predicted = made.predict(table.frame.iloc[other])
    truth = table.codes[other]
    recalls = [(predicted[truth == k] == k).mean() for k in range(3)]
    assert np.mean(recalls) > 0.6  # chance is a third
    by_argmax = name.startswith("paper.") or name == "default.argmax"
    assert (made.decision_rule_ is None) == by_argmax
