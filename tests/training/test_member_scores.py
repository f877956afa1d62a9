import math
from dataclasses import replace
from typing import Any, Literal

import numpy as np
import pytest
import torch
from sklearn.metrics import f1_score, log_loss, recall_score

from qclmixnet.core.errors import InputError
from qclmixnet.preprocessing import EncodedTable
from qclmixnet.training import (
    CrossFitRecipe,
    EpochRecord,
    NeighbourMixConfig,
    TrainingData,
    TrainingResult,
    inference,
    member_outputs,
    members,
)
from qclmixnet.training.cross_fit import NEVER
from tests.training.small_members import (
    MIXUP,
    NO_MIXUP,
    SEEDS,
    Blobs,
    Fitted,
    build,
    fit,
    left_out_proba,
    make_folds,
    make_recipe,
    same,
    scored_weights,
)

# What is scored and kept.


@pytest.mark.parametrize(("n_members", "n_folds"), [(5, 3), (1, 3), (2, 2), (3, 4)])
def test_the_record_holds_the_scores_of_left_out_rows(
    blobs: Blobs, n_members: int, n_folds: int
) -> None:
    rng = np.random.default_rng(0)
    data = blobs(n_rows=120, weights=rng.uniform(0.2, 2, size=120))
    folds = make_folds(data, n_folds)
    folds[:5] = NEVER
    chosen = make_recipe(n_folds=n_folds, n_scores=1)
    fitted = fit(data, chosen, folds=folds, seeds=SEEDS[:n_members], n_binned=1)
    rows, proba = left_out_proba(fitted, data, folds, n_folds)
    assert set(rows) == {
        row for row, fold in enumerate(folds.tolist()) if 0 <= fold < n_members
    }
    truth, weights = data.labels[rows].numpy(), data.weights[rows].double().numpy()
    y_pred = proba.argmax(axis=1)
    (record,) = fitted.result.history
    assert record.log_loss == pytest.approx(
        log_loss(truth, proba, sample_weight=weights), rel=1e-5
    )
    assert record.macro_f1 == pytest.approx(
        f1_score(truth, y_pred, average="macro", sample_weight=weights)
    )
    assert record.macro_recall == pytest.approx(
        recall_score(truth, y_pred, average="macro", sample_weight=weights)
    )


def test_the_epoch_with_the_lowest_weighted_left_out_loss_is_kept(
    blobs: Blobs,
) -> None:
    data = blobs(n_rows=90)
    labels = data.labels.clone()
    labels[::4] = (labels[::4] + 1) % 3  # noise, to overfit to
    data = replace(data, labels=labels)
    folds, weights = make_folds(data), scored_weights(data)
    built = build(data, dropout=0.0)
    epochs, losses, kept = [], [], []

    def look(record: EpochRecord) -> None:
        # Without averaging, the scored weights are those of the network.
        now = Fitted(*built, result=TrainingResult(0, (), "finished"))
        rows, proba = left_out_proba(now, data, folds, 3)
        truth = data.labels[rows].numpy()
        losses.append(log_loss(truth, proba, sample_weight=weights[rows]))
        kept.append(now.weights)
        epochs.append(record.epoch)

    chosen = make_recipe(max_epochs=41, n_scores=10, learning_rate=0.02, average=0.0)
    fitted = fit(data, chosen, folds=folds, built=built, on_epoch=look)
    assert epochs == list(range(1, 42, 4))
    assert [record.epoch for record in fitted.result.history] == epochs
    best = int(np.argmin(losses))
    assert 0 < best < len(epochs) - 1
    assert fitted.result.best_epoch == epochs[best]
    assert fitted.result.stop_reason == "finished"
    assert same(fitted.weights, kept[best])
    assert not fitted.network.training


def test_scoring_changes_nothing_that_is_learned(blobs: Blobs) -> None:
    data = blobs(n_rows=90)
    often, once = (
        fit(data, make_recipe(max_epochs=6, n_scores=n_scores, mixup=MIXUP))
        for n_scores in (6, 1)
    )
    assert often.result.history[-1].loss == once.result.history[-1].loss
    assert often.result.history[-1].log_loss == once.result.history[-1].log_loss


def test_parts_of_rows_are_as_good_as_all_at_once(
    blobs: Blobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = blobs(n_rows=90)
    names: list[Literal["logits", "representation"]] = ["logits", "representation"]
    whole = fit(data, make_recipe())
    outputs = [
        member_outputs(whole.network, whole.inputs, data.x_num, data.x_cat, output=name)
        for name in names
    ]
    assert outputs[0].shape == (5, 90, 3)
    assert outputs[1].shape == (5, 90, 8)
    monkeypatch.setattr(inference, "ROWS_AT_ONCE", 7)
    parts = fit(data, make_recipe())
    for name, expected in zip(names, outputs, strict=True):
        found = member_outputs(
            parts.network, parts.inputs, data.x_num, data.x_cat, output=name
        )
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
    for a, b in zip(whole.result.history, parts.result.history, strict=True):
        assert a.log_loss == pytest.approx(b.log_loss)
        assert a.macro_f1 == b.macro_f1


def test_of_many_left_out_rows_some_are_scored(
    blobs: Blobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(members, "_MAX_SCORED_ROWS", 20)
    data = blobs(n_rows=90)
    folds = make_folds(data)
    folds[:10] = NEVER
    chosen = make_recipe(n_scores=1)
    fitted = fit(data, chosen, folds=folds)
    rows, proba = left_out_proba(fitted, data, folds, 3)
    rows, proba = rows[::4], proba[::4]
    expected = -np.log(proba[np.arange(20), data.labels[rows].numpy()]).mean()
    assert fitted.result.history[0].log_loss == pytest.approx(expected, rel=1e-5)


# Early ends.


# Cycles of four epochs that learn fast.
IN_CYCLES: dict[str, Any] = {
    "max_epochs": None,
    "epochs": 4,
    "min_steps": 1,
    "learning_rate": 0.05,
}


def test_a_fit_goes_on_in_cycles_while_the_loss_falls_fast(blobs: Blobs) -> None:
    data = blobs(n_rows=130)
    once = fit(data, make_recipe(max_cycles=1, **IN_CYCLES))
    again = fit(data, make_recipe(max_cycles=3, cycle_gain=1e-9, **IN_CYCLES))
    steady = fit(data, make_recipe(max_cycles=3, cycle_gain=0.999, **IN_CYCLES))
    assert once.result.n_epochs == steady.result.n_epochs == 4
    assert same(once.weights, steady.weights)
    assert again.result.n_epochs == 12
    # The first cycle is the fit of one cycle, and the next ones begin fast again.
    for before, after in zip(once.result.history, again.result.history, strict=False):
        assert replace(after, seconds=before.seconds) == before
    rates = [record.learning_rate for record in again.result.history]
    assert rates[:4] == rates[4:8] == rates[8:]
    losses = [record.log_loss for record in again.result.history]
    assert None not in losses
    assert min(losses) < min(losses[:4])  # type: ignore[type-var, operator]


def test_a_fit_that_leaves_nothing_out_does_not_go_on(blobs: Blobs) -> None:
    # Rows that all members learn from fit better and better.
    data = blobs(n_rows=130)
    recipe = make_recipe(max_cycles=3, cycle_gain=1e-9, **IN_CYCLES)
    nothing = torch.full((data.n_rows,), NEVER)
    assert fit(data, recipe, folds=nothing).result.n_epochs == 4


def test_time_limit_finishes_and_scores_one_epoch(blobs: Blobs) -> None:
    chosen = make_recipe(n_scores=2, time_limit_s=1e-6)
    assert not chosen.schedule.resolve(240).is_scored(1)
    fitted = fit(blobs(), chosen)
    assert fitted.result.stop_reason == "time_limit"
    assert [record.epoch for record in fitted.result.history] == [1]
    assert fitted.result.best_epoch == 1


def test_time_that_runs_out_in_the_last_epoch_stops_nothing(blobs: Blobs) -> None:
    fitted = fit(blobs(), make_recipe(max_epochs=1, time_limit_s=1e-6))
    assert fitted.result.stop_reason == "finished"


def test_interrupt_keeps_the_best_so_far(blobs: Blobs) -> None:
    data = blobs()
    built = build(data)
    seen = []

    def interrupt(record: EpochRecord) -> None:
        seen.append([p.detach().clone() for p in built[1].parameters()])
        if record.epoch == 4:
            raise KeyboardInterrupt

    chosen = make_recipe(max_epochs=10, average=0.0)
    fitted = fit(data, chosen, built=built, on_epoch=interrupt)
    assert fitted.result.stop_reason == "interrupted"
    assert [record.epoch for record in fitted.result.history] == [1, 2, 3, 4]
    assert same(fitted.weights, seen[fitted.result.best_epoch - 1])
    assert not fitted.network.training
    undisturbed = fit(data, chosen).result.history[:4]
    assert [r.loss for r in undisturbed] == [r.loss for r in fitted.result.history]


def test_interrupt_before_the_first_score_is_an_interrupt(
    blobs: Blobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> float:
        raise KeyboardInterrupt

    monkeypatch.setattr(members._MemberFit, "_run_epoch", interrupted)
    with pytest.raises(KeyboardInterrupt):
        fit(blobs(), make_recipe())


def test_divergence_keeps_the_best_so_far(blobs: Blobs) -> None:
    data = blobs()
    built = build(data)

    def break_down(record: EpochRecord) -> None:
        if record.epoch == 3:
            with torch.no_grad():
                built[1].plain.weight[1] = math.inf

    fitted = fit(data, make_recipe(max_epochs=9), built=built, on_epoch=break_down)
    assert fitted.result.stop_reason == "diverged"
    assert [record.epoch for record in fitted.result.history] == [1, 2, 3]
    assert all(bool(weights.isfinite().all()) for weights in fitted.weights)
    undisturbed = fit(data, make_recipe(max_epochs=9))
    best = min(undisturbed.result.history[:3], key=lambda record: record.log_loss or 0)
    assert fitted.result.best_epoch == best.epoch


@pytest.mark.parametrize("batch_size", [32, 256])
def test_divergence_before_anything_is_kept_is_said_in_words(
    blobs: Blobs, batch_size: int
) -> None:
    # In one step per epoch the first loss is finite, but the first score is not.
    chosen = make_recipe(
        learning_rate=1e30, max_gradient_norm=1e30, batch_size=batch_size
    )
    with pytest.raises(InputError, match="Lower `learning_rate`, now 1e\\+30"):
        fit(blobs(), chosen)


def test_inputs_without_end_are_said_in_words(blobs: Blobs) -> None:
    data = blobs()
    data.x_num[7, 2] = math.inf
    built = build(blobs())
    with pytest.raises(InputError, match="Training diverged"):
        fit(data, make_recipe(), built=built)


# Tiny tables.


@pytest.mark.parametrize(
    "mixup", [NO_MIXUP, MIXUP, NeighbourMixConfig(mixed_fraction=0.1)]
)
@pytest.mark.parametrize("n_members", [1, 5])
def test_classes_of_one_row_are_learned_by_all_members(
    mixup: NeighbourMixConfig, n_members: int
) -> None:
    encoded = EncodedTable(
        x_num=np.array([[0, 1], [2, -1], [-2, 0.5]], dtype=np.float32),
        x_cat=np.array([[0], [1], [3]]),
        unseen={},
    )
    data = TrainingData.from_arrays(
        encoded, np.array([0, 1, 2]), np.ones(3), device=torch.device("cpu")
    )
    folds = make_folds(data)
    assert folds.tolist() == [NEVER] * 3
    chosen = make_recipe(mixup=mixup, max_epochs=120, learning_rate=0.02, n_scores=5)
    fitted = fit(data, chosen, folds=folds, seeds=SEEDS[:n_members], n_binned=1)
    logits = member_outputs(
        fitted.network, fitted.inputs, data.x_num, data.x_cat, output="logits"
    )
    assert (logits.argmax(dim=2) == data.labels).all()
    # With no row left out, all members judge all rows.
    log_p = logits.double().log_softmax(dim=2).mean(dim=0).log_softmax(dim=1)
    expected = -float(log_p.diagonal().mean())
    best = {record.epoch: record for record in fitted.result.history}[
        fitted.result.best_epoch
    ]
    assert best.log_loss == pytest.approx(expected, rel=1e-4)


def test_clusters_are_learned_by_the_default_recipe(blobs: Blobs) -> None:
    data, chosen = blobs(), CrossFitRecipe()
    fitted = fit(data, chosen, seeds=range(8), n_binned=4)
    assert fitted.result.stop_reason == "finished"
    best = max(record.macro_f1 or 0 for record in fitted.result.history)
    assert best > 0.9
    assert fitted.result.history[-1].loss < fitted.result.history[0].loss
