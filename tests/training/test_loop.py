from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from qclmixnet.core.errors import InputError
from qclmixnet.nn import OneHotInput, QCLMixNet
from qclmixnet.training import (
    EpochRecord,
    Recipe,
    TrainingData,
    TrainingResult,
    forward_in_parts,
    loop,
    train,
)
from qclmixnet.training.config import MixupConfig
from qclmixnet.training.inference import score

PAPER = Recipe()

Blobs = Callable[..., TrainingData]
Network = Callable[[], tuple[OneHotInput, QCLMixNet]]


def _with_schedule(**values: Any) -> Recipe:
    return replace(PAPER, schedule=replace(PAPER.schedule, **values))


def _fit(
    blobs: Blobs,
    network: Network,
    chosen: Recipe,
    *,
    held_out: bool = True,
    on_epoch: Callable[[EpochRecord], None] | None = None,
    seed: int = 0,
) -> tuple[OneHotInput, QCLMixNet, TrainingResult]:
    inputs, model = network()
    result = train(
        model,
        inputs,
        blobs(),
        held_out=blobs(seed=1) if held_out else None,
        recipe=chosen,
        generator=torch.Generator().manual_seed(seed),
        on_epoch=on_epoch,
    )
    return inputs, model, result


def test_separable_clusters_are_learned(blobs: Blobs, network: Network) -> None:
    _, _, result = _fit(blobs, network, _with_schedule(max_epochs=30))
    best = result.history[result.best_epoch - 1]
    assert (best.macro_f1 or 0) > 0.9
    assert result.history[-1].loss < result.history[0].loss


def test_the_best_epoch_by_macro_f1_then_log_loss_is_kept(
    blobs: Blobs, network: Network
) -> None:
    inputs, model, result = _fit(blobs, network, _with_schedule(max_epochs=25))
    keys = [(r.macro_f1 or 0, -(r.log_loss or 0)) for r in result.history]
    assert result.best_epoch == 1 + keys.index(max(keys))
    # The weights left in the model are those of that epoch: they score the same.
    kept = result.history[result.best_epoch - 1]
    again = score(model, inputs, blobs(seed=1))
    assert again is not None
    assert (again.macro_f1, again.macro_recall) == (kept.macro_f1, kept.macro_recall)
    assert again.log_loss == pytest.approx(kept.log_loss)


def test_same_seed_gives_the_same_bytes(blobs: Blobs, network: Network) -> None:
    chosen = _with_schedule(max_epochs=6)
    states = [_fit(blobs, network, chosen)[1].state_dict() for _ in range(2)]
    for name, value in states[0].items():
        assert torch.equal(value, states[1][name]), name
    other = _fit(blobs, network, chosen, seed=5)[1].state_dict()
    assert any(not torch.equal(v, other[name]) for name, v in states[0].items())


def test_torchs_global_randomness_is_neither_used_nor_changed(
    blobs: Blobs, network: Network
) -> None:
    before = torch.random.get_rng_state()
    _fit(blobs, network, _with_schedule(max_epochs=2))
    assert torch.equal(before, torch.random.get_rng_state())


def test_patience_ends_the_fit(blobs: Blobs, network: Network) -> None:
    _, _, result = _fit(blobs, network, _with_schedule(patience=3))
    assert result.stop_reason == "patience"
    assert len(result.history) == result.best_epoch + 3


def test_time_limit_finishes_one_epoch(blobs: Blobs, network: Network) -> None:
    _, _, result = _fit(blobs, network, _with_schedule(time_limit_s=1e-6))
    assert result.stop_reason == "time_limit"
    assert len(result.history) == 1


def test_interrupt_keeps_the_best_so_far(blobs: Blobs, network: Network) -> None:
    def interrupt(record: EpochRecord) -> None:
        if record.epoch == 4:
            raise KeyboardInterrupt

    _, model, result = _fit(blobs, network, PAPER, on_epoch=interrupt)
    assert result.stop_reason == "interrupted"
    assert len(result.history) == 4
    # Four epochs undisturbed, on the same long schedule, end in the same weights.
    steps = []
    same = _fit(blobs, network, PAPER, on_epoch=lambda r: steps.append(r.epoch))
    assert steps[:4] == [1, 2, 3, 4]
    assert same[2].history[3].loss == result.history[3].loss
    assert not model.training


def test_interrupt_before_the_first_epoch_is_an_interrupt(
    blobs: Blobs, network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(loop._Fit, "run_epoch", interrupted)
    with pytest.raises(KeyboardInterrupt):
        _fit(blobs, network, PAPER)


def test_without_held_out_rows_the_last_epoch_is_kept(
    blobs: Blobs, network: Network
) -> None:
    _, _, result = _fit(blobs, network, _with_schedule(max_epochs=3), held_out=False)
    assert result.best_epoch == 3
    assert result.history[0].macro_f1 is None


def test_divergence_is_said_in_words(blobs: Blobs, network: Network) -> None:
    chosen = _with_schedule(learning_rate=1e30, max_gradient_norm=1e30)
    with pytest.raises(InputError, match="Lower `learning_rate`, now 1e\\+30"):
        _fit(blobs, network, chosen)


@pytest.mark.parametrize(
    "mixup",
    [
        MixupConfig(mixed_fraction=0.0),
        MixupConfig(same_class=False),
        MixupConfig(mixed_fraction=1.0, refresh_every=1),
        MixupConfig(partners="random", shares="uniform"),
        MixupConfig(space="representation"),
    ],
)
def test_every_form_of_mixup_learns(
    blobs: Blobs, network: Network, mixup: MixupConfig
) -> None:
    chosen = replace(_with_schedule(max_epochs=20), mixup=mixup)
    _, _, result = _fit(blobs, network, chosen)
    assert max(r.macro_f1 or 0 for r in result.history) > 0.85


def test_mixed_batch_is_the_convex_combination_of_its_parents(
    blobs: Blobs, network: Network
) -> None:
    inputs, model = network()
    data = blobs()
    fit = loop._Fit.prepare(
        model,
        inputs,
        data,
        recipe=replace(PAPER, mixup=MixupConfig(same_class=False)),
        generator=torch.Generator().manual_seed(0),
    )
    fit._find_neighbours(first=True)
    plan = next(fit._plan_epoch())
    assert plan is not None
    rows = torch.arange(5)
    x, target, hard, weights = fit._batch(rows, plan)
    dense = inputs(data.x_num, data.x_cat)
    for i, (a, p) in enumerate(zip(plan.anchors, plan.partners, strict=True)):
        lam = float(plan.lam[i])
        expected = lam * dense[a] + (1 - lam) * dense[p]
        torch.testing.assert_close(x[5 + i], expected)
        share = torch.zeros(3)
        share[data.labels[a]] += lam
        share[data.labels[p]] += 1 - lam
        torch.testing.assert_close(target[5 + i], share)
        assert hard[5 + i] == data.labels[a]
        assert weights[5 + i] == fit.row_weights[a]
    torch.testing.assert_close(x[:5], dense[:5])


def test_rows_can_be_mixed_as_representations(blobs: Blobs, network: Network) -> None:
    inputs, model = network()
    data = blobs()
    fit = loop._Fit.prepare(
        model,
        inputs,
        data,
        recipe=replace(PAPER, mixup=MixupConfig(space="representation")),
        generator=torch.Generator().manual_seed(0),
    )
    fit._find_neighbours(first=True)
    plan = next(fit._plan_epoch())
    assert plan is not None
    model.eval()  # so that a row's representation does not depend on its batch
    x, target, hard, weights = fit._batch(torch.arange(5), plan)
    output = fit._forward(x, plan)
    dense = inputs(data.x_num, data.x_cat)
    made = model.encoder(dense)
    assert len(output.logits) == len(target) == len(hard) == len(weights)
    torch.testing.assert_close(output.representation[:5], made[:5])
    for i, (a, p) in enumerate(zip(plan.anchors, plan.partners, strict=True)):
        lam = float(plan.lam[i])
        expected = lam * made[a] + (1 - lam) * made[p]
        torch.testing.assert_close(output.representation[5 + i], expected)
        torch.testing.assert_close(
            output.logits[5 + i], model.classifier(expected[None])[0]
        )


def test_random_partners_need_no_search(
    blobs: Blobs, network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError

    monkeypatch.setattr("qclmixnet.augment.mixup.find_neighbours", refuse)
    chosen = replace(_with_schedule(max_epochs=1), mixup=MixupConfig(partners="random"))
    _, _, result = _fit(blobs, network, chosen)
    assert result.n_epochs == 1


def test_row_weights_have_mean_one_and_follow_class_rarity(
    blobs: Blobs, network: Network
) -> None:
    inputs, model = network()
    data = blobs()
    chosen = replace(PAPER, loss=replace(PAPER.loss, class_weight_power=1.0))
    fit = loop._Fit.prepare(
        model, inputs, data, recipe=chosen, generator=torch.Generator()
    )
    assert float(fit.row_weights.mean()) == pytest.approx(1.0)
    totals = [float(fit.row_weights[data.labels == k].sum()) for k in range(3)]
    assert totals == pytest.approx([data.n_rows / 3] * 3)


def test_learning_rate_warms_up_then_falls_to_its_last_share() -> None:
    schedule = replace(PAPER.schedule, warmup_steps=10, final_rate=0.05)
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    cosine = loop._cosine_with_warmup(optimizer, schedule, 110)
    rates = []
    for _ in range(111):
        rates.append(cosine.get_last_lr()[0])
        optimizer.step()
        cosine.step()
    assert rates[0] == pytest.approx(1 / 11)
    assert rates[10] == pytest.approx(1.0)
    assert rates[60] == pytest.approx(0.05 + 0.95 * 0.5)
    assert rates[110] == pytest.approx(0.05)


def test_representation_does_not_depend_on_the_other_rows(
    blobs: Blobs, network: Network
) -> None:
    inputs, model = network()
    data = blobs()

    def represent(rows: TrainingData) -> torch.Tensor:
        return forward_in_parts(
            model, inputs, rows.x_num, rows.x_cat, output="representation"
        )

    whole = represent(data)
    few = represent(data.take(np.array([3, 77, 200])))
    torch.testing.assert_close(few, whole[[3, 77, 200]], rtol=1e-4, atol=1e-6)
