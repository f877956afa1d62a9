"""One small network that says what a classifier says, or is refused."""

from pathlib import Path

import numpy as np
import onnxruntime
import pandas as pd
import pytest
import torch

from qclmixnet import QCLMixNetClassifier
from qclmixnet.core.errors import InputError
from qclmixnet.export import compare_with_onnx, distil, export_onnx, student
from qclmixnet.nn import MemberInput, MemberNetwork
from qclmixnet.preprocessing import EncodedTable
from qclmixnet.training.student import train_student

RNG = np.random.default_rng(0)
N = 400
FRAME = pd.DataFrame(
    {
        "x": RNG.normal(size=N),
        "y": RNG.normal(size=N),
        "city": RNG.choice(["Ulm", "Bonn"], N),
    }
)
LABELS = np.where(FRAME["x"] + (FRAME["city"] == "Ulm") > 1, "rare", "common")


@pytest.fixture(scope="module")
def clf() -> QCLMixNetClassifier:
    out = QCLMixNetClassifier(max_epochs=20, random_state=0, device="cpu")
    return out.fit(FRAME, LABELS)


@pytest.fixture(scope="module")
def distilled(
    clf: QCLMixNetClassifier,
) -> tuple[QCLMixNetClassifier, student.Likeness]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(student, "_IN_ALL", 3_000)
        patch.setattr(student, "_N_STEPS", 500)
        return distil(clf, FRAME)


def test_a_student_says_what_the_classifier_says(
    clf: QCLMixNetClassifier,
    distilled: tuple[QCLMixNetClassifier, student.Likeness],
) -> None:
    small, likeness = distilled
    assert likeness.n_rows == N // 5
    assert likeness.same_labels >= 0.95
    assert likeness.least_of_a_class >= 0.8
    gap = np.abs(small.predict_proba(FRAME) - clf.predict_proba(FRAME)).mean()
    assert likeness.mean_difference == pytest.approx(gap, abs=0.02)
    assert gap < 0.03
    assert small.decision_rule_ == clf.decision_rule_
    assert small.state_.model.network.n_members == 1
    assert clf.state_.model.network.n_members == 8  # left as it was


def test_a_student_is_exported_without_trees(
    distilled: tuple[QCLMixNetClassifier, student.Likeness],
    clf: QCLMixNetClassifier,
    tmp_path: Path,
) -> None:
    small = distilled[0]
    path = export_onnx(small, tmp_path / "small.onnx")
    parity = compare_with_onnx(small, path, FRAME)
    assert parity.n_other_labels == 0
    assert parity.largest_difference < 1e-5
    assert (
        path.stat().st_size < export_onnx(clf, tmp_path / "m.onnx").stat().st_size / 2
    )
    assert len(onnxruntime.InferenceSession(path).get_inputs()) == 3


def test_the_same_seed_gives_the_same_student(
    clf: QCLMixNetClassifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(student, "_IN_ALL", 300)
    monkeypatch.setattr(student, "_N_STEPS", 5)
    monkeypatch.setattr(student, "LEAST_SAME", 0.0)
    monkeypatch.setattr(student, "LEAST_OF_A_CLASS", 0.0)
    few = FRAME.iloc[:150]
    one, other, third = (
        distil(clf, few, random_state=seed)[0].predict_proba(few) for seed in (1, 1, 2)
    )
    assert np.array_equal(one, other)
    assert not np.array_equal(one, third)


def test_a_student_that_learned_nothing_is_refused(
    clf: QCLMixNetClassifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    def learn_nothing(network: MemberNetwork, *_: object, **__: object) -> None:
        for parameter in network.parameters():
            parameter.data.zero_()

    monkeypatch.setattr(student, "_IN_ALL", 300)
    monkeypatch.setattr(student, "train_student", learn_nothing)
    with pytest.raises(
        InputError, match=r"does not say .* worst class .* at least 90%"
    ):
        distil(clf, FRAME)


def test_too_few_rows_are_refused(clf: QCLMixNetClassifier) -> None:
    with pytest.raises(InputError, match="at least 100 rows to learn from, got 99"):
        distil(clf, FRAME.iloc[:99])


def test_the_published_network_is_refused() -> None:
    paper = QCLMixNetClassifier("paper", max_epochs=1, random_state=0, device="cpu")
    with pytest.raises(InputError, match="is one network already"):
        distil(paper.fit(FRAME, LABELS), FRAME)


def test_rows_in_between_lie_between_two_rows() -> None:
    x_num = np.array([[0.0, 10.0], [1.0, 30.0]], dtype=np.float32)
    x_cat = np.array([[2, 5], [3, 7]])
    made = student.rows_between(EncodedTable(x_num, x_cat, {}), 2_000, RNG)
    assert made.n_rows == 2_000
    assert np.array_equal(made.x_num[:2], x_num)
    assert np.array_equal(made.x_cat[:2], x_cat)
    share = made.x_num[:, 0]
    assert share.min() >= 0
    assert share.max() <= 1
    # Both numbers of a row are equally far along the line.
    np.testing.assert_allclose(made.x_num[:, 1], 10 + 20 * share, rtol=1e-5)
    own, other = made.x_cat.T
    assert set(own) == {2, 3}
    assert set(other) == {5, 7}
    # Categories follow the share: the second row's where the numbers are near it.
    assert (own == 3)[share > 0.9].mean() > 0.8
    assert (own == 3)[share < 0.1].mean() < 0.2
    many = EncodedTable(np.zeros((9, 1), np.float32), np.zeros((9, 0), np.int64), {})
    assert student.rows_between(many, 5, RNG).n_rows == 18


def test_a_student_learns_the_probabilities_of_a_known_model() -> None:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(2_000, 3, generator=generator)
    logits = x @ torch.tensor([[1.0, 0.0], [0.0, -1.0], [0.5, 0.5]])
    said = torch.cat([logits, torch.zeros(len(x), 1)], dim=1).softmax(dim=1)
    network = MemberNetwork(
        n_plain=3,
        n_classes=3,
        dropout=0.0,
        input_norm=3**0.5,
        generators=[generator],
        pool_generator=generator,
    )
    inputs, no_codes = MemberInput(3, ()), torch.zeros((len(x), 0), dtype=torch.int64)
    train_student(network, inputs, x, no_codes, said, generator=generator, n_steps=600)
    assert not network.training
    fresh = torch.randn(500, 3, generator=generator)
    want = fresh @ torch.tensor([[1.0, 0.0], [0.0, -1.0], [0.5, 0.5]])
    want = torch.cat([want, torch.zeros(500, 1)], dim=1).softmax(dim=1)
    with torch.no_grad():
        found = network(fresh).logits[0].softmax(dim=1)
    assert float((found - want).abs().mean()) < 0.015
