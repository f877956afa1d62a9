from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from qclmixnet.augment import MixPlan
from qclmixnet.losses import BatchHardTripletLoss, SupConLoss
from qclmixnet.nn import MemberInput, MemberNetwork
from qclmixnet.training import (
    CrossFitRecipe,
    NeighbourMixConfig,
    TrainingData,
    member_rows,
    members,
)
from qclmixnet.training.cross_fit import NEVER
from tests.training.small_members import (
    MIXUP,
    NO_MIXUP,
    SEEDS,
    Blobs,
    build,
    fit,
    in_double,
    make_folds,
    make_recipe,
    of_member,
    same,
    scored_weights,
)

# Members together and alone.


@pytest.mark.parametrize("contrast", [0.0, 0.3])
@pytest.mark.parametrize(
    "mixup", [NO_MIXUP, MIXUP, NeighbourMixConfig(mixed_fraction=1.5)]
)
def test_members_trained_together_are_the_members_trained_alone(
    blobs: Blobs, mixup: NeighbourMixConfig, contrast: float
) -> None:
    # In float64, where the order of a sum does not grow into a difference.
    data = in_double(blobs(n_rows=130))
    folds, n_members = make_folds(data), len(SEEDS)
    plan: dict[str, Any] = {"n_scores": 1, "max_epochs": 5, "max_gradient_norm": 0.3}
    chosen = make_recipe(mixup=mixup, contrast=contrast, **plan)
    width = 4 if contrast else 0
    together = fit(data, chosen, folds=folds, d_projection=width)
    assert together.result.best_epoch == 5
    for member, seed in enumerate(SEEDS):
        own = torch.where(folds == member % 3, 0, NEVER)
        binned = int(member >= n_members - 2)
        sizes: dict[str, Any] = {
            "seeds": [seed],
            "n_binned": binned,
            "d_projection": width,
        }
        alone = fit(data, chosen, folds=own, **sizes)
        start = build(data, **sizes)[1]
        assert not same(alone.weights, [*start.parameters()])
        expected = of_member(alone.weights, 0, 1)
        found = of_member(together.weights, member, n_members)
        assert len(found) == len(expected)
        for a, b in zip(found, expected, strict=True):
            torch.testing.assert_close(a, b, rtol=1e-8, atol=1e-10)


def _plain_losses(
    network: MemberNetwork,
    inputs: MemberInput,
    data: TrainingData,
    *,
    learns: list[bool],
    gamma: float,
    batches: list[list[tuple[int, int, float]]],
) -> Callable[[int, int], Tensor]:
    """Return a member's loss of a batch of mixed rows, summed one by one."""
    plain, bins = inputs(data.x_num, data.x_cat)
    weights = torch.from_numpy(scored_weights(data))
    one_hot = torch.eye(3, dtype=torch.float64)[data.labels]

    def loss_of(member: int, batch: int) -> Tensor:
        total = torch.zeros((), dtype=torch.float64)
        for a, p, lam in batches[batch]:
            if not (learns[a] and learns[p]):
                continue
            row = lam * plain[a] + (1 - lam) * plain[p]
            in_bins = lam * bins[a] + (1 - lam) * bins[p]
            target = lam * one_hot[a] + (1 - lam) * one_hot[p]
            log_p = network(row[None], in_bins[None]).logits[member, 0].log_softmax(0)
            loss = (target * (1 - log_p.exp()) ** gamma * -log_p).sum()
            total = total + weights[a] * loss
        return total / 32

    return loss_of


@pytest.mark.parametrize("mixup", [NO_MIXUP, MIXUP])
def test_one_epoch_is_the_plain_loop_over_members_steps_and_rows(
    blobs: Blobs, mixup: NeighbourMixConfig
) -> None:
    data = in_double(blobs(n_rows=70))
    data = replace(data, weights=torch.linspace(0.5, 1.5, 70, dtype=torch.float64))
    folds, n_members = make_folds(data), len(SEEDS)
    chosen = make_recipe(mixup=mixup, gamma=2.0, max_epochs=1, max_gradient_norm=0.5)
    fitted = fit(data, chosen, folds=folds, dropout=0.0)
    batches = _batches_of_first_epoch(data, folds, chosen)
    assert [len(batch) for batch in batches] == [48 if mixup is MIXUP else 32] * 2

    losses = []
    for member in range(n_members):
        inputs, network = build(data, dropout=0.0)
        loss_of = _plain_losses(
            network,
            inputs,
            data,
            learns=(folds != member % 3).tolist(),
            gamma=2.0,
            batches=batches,
        )
        parameters = list(network.parameters())
        averages = [p.detach().clone() for p in parameters]
        # The others' gradients are 0, so that the common norm is this member's own.
        plain_adamw = torch.optim.AdamW(
            parameters, betas=(0.9, 0.95), weight_decay=0.01
        )
        for step in range(2):
            loss = loss_of(member, step)
            plain_adamw.zero_grad(set_to_none=False)
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(parameters, 0.5)
            plain_adamw.param_groups[0]["lr"] = chosen.schedule.resolve(70).rate(step)
            plain_adamw.step()
            torch._foreach_lerp_(averages, [p.detach() for p in parameters], 0.2)
            losses.append(loss.detach())
        found = of_member(fitted.weights, member, n_members)
        expected = of_member(averages, member, n_members)
        for a, b in zip(found, expected, strict=True):
            torch.testing.assert_close(a, b, rtol=1e-7, atol=1e-9)
    mean = float(torch.stack(losses).mean())
    assert fitted.result.history[0].loss == pytest.approx(mean)


def _batches_of_first_epoch(
    data: TrainingData, folds: Tensor, recipe: CrossFitRecipe
) -> list[list[tuple[int, int, float]]]:
    """Draw again what the first epoch draws: anchors, partners and shares."""
    generator = torch.Generator().manual_seed(0)
    inputs, network = build(data)
    trainer = members._MemberFit(
        network, inputs, data, folds, recipe=recipe, generator=generator
    )
    order = torch.randperm(data.n_rows, generator=generator).tolist()
    size = recipe.schedule.batch_size
    batches = [
        [(row, row, 1.0) for row in order[start : start + size]]
        for start in range(0, data.n_rows - size + 1, size)
    ]
    plans = trainer._plan_epoch(len(batches))
    for batch, plan in zip(batches, plans, strict=False):  # without mixup no plans
        pairs = zip(plan.anchors, plan.partners, plan.lam, strict=True)
        batch += [(int(a), int(p), float(lam)) for a, p, lam in pairs]
    return batches


# What a member never sees.


@pytest.mark.parametrize("poisoned", ["features", "labels"])
def test_members_never_learn_from_the_rows_that_they_leave_out(
    blobs: Blobs, poisoned: str
) -> None:
    data = blobs(n_rows=150)
    folds = make_folds(data)
    hidden = torch.nonzero(folds == 0)[:, 0]
    x_num, x_cat, labels = data.x_num.clone(), data.x_cat.clone(), data.labels.clone()
    if poisoned == "features":
        x_num[hidden] = 1e4 * x_num[hidden].flip(0) - 777
        x_cat[hidden] = 3 - x_cat[hidden]
    else:  # the counts of the classes, hence their weights, stay as they are
        labels[hidden] = labels[hidden].flip(0)
    other = replace(data, x_num=x_num, x_cat=x_cat, labels=labels)
    chosen = make_recipe(n_scores=1)
    before = fit(data, chosen, folds=folds, built=build(data)).weights
    after = fit(other, chosen, folds=folds, built=build(data)).weights
    for member in range(len(SEEDS)):
        unchanged = same(
            of_member(before, member, len(SEEDS)),
            of_member(after, member, len(SEEDS)),
        )
        assert unchanged == (member % 3 == 0)


def test_rows_mixed_from_a_left_out_row_weigh_nothing(blobs: Blobs) -> None:
    data = blobs(n_rows=60)
    folds = make_folds(data)
    inputs, network = build(data, dropout=0.0)
    trainer = members._MemberFit(
        network,
        inputs,
        data,
        folds,
        recipe=make_recipe(mixup=MIXUP),
        generator=torch.Generator().manual_seed(0),
    )
    rows = torch.arange(8)
    hidden = torch.nonzero(folds == 0)[:4, 0]
    seen = torch.nonzero(folds == 1)[:4, 0]
    half = torch.full((4,), 0.5)

    def gradients(plan: MixPlan | None) -> list[list[Tensor]]:
        parameters = list(network.parameters())
        found = torch.autograd.grad(
            trainer.loss(rows, trainer.rows(rows), plan), parameters
        )
        return [of_member(found, member, len(SEEDS)) for member in range(len(SEEDS))]

    without = gradients(None)
    for anchors, partners in ((hidden, seen), (seen, hidden)):
        mixed = gradients(MixPlan(anchors, partners, half))
        for member, (a, b) in enumerate(zip(mixed, without, strict=True)):
            # Fold 0 is left out by members 0 and 3, fold 1 by 1 and 4.
            pairs = zip(a, b, strict=True)
            equal = all(torch.allclose(*pair, atol=1e-7) for pair in pairs)
            assert equal == (member % 3 in (0, 1))


# The source of randomness, and where inputs are kept.


def test_same_generators_give_the_same_bytes(blobs: Blobs) -> None:
    data, chosen = blobs(), make_recipe(mixup=MIXUP)
    one = fit(data, chosen)
    assert same(one.weights, fit(data, chosen).weights)
    assert not same(one.weights, fit(data, chosen, seed=1).weights)


def test_torchs_global_randomness_is_neither_used_nor_changed(blobs: Blobs) -> None:
    before = torch.random.get_rng_state()
    fit(blobs(), make_recipe(mixup=MIXUP))
    assert torch.equal(before, torch.random.get_rng_state())


@pytest.mark.parametrize("n_binned", [0, 2, 5])
@pytest.mark.parametrize("mixup", [NO_MIXUP, MIXUP])
def test_inputs_made_in_every_step_give_the_same_weights(
    blobs: Blobs,
    monkeypatch: pytest.MonkeyPatch,
    mixup: NeighbourMixConfig,
    n_binned: int,
) -> None:
    data, chosen = blobs(n_rows=100), make_recipe(mixup=mixup)
    kept = fit(data, chosen, n_binned=n_binned)
    monkeypatch.setattr(member_rows, "_MAX_KEPT_NUMBERS", 0)
    fresh = fit(data, chosen, n_binned=n_binned)
    assert same(kept.weights, fresh.weights)


# Contrastive losses.


def test_the_contrastive_losses_are_added_with_their_weight(blobs: Blobs) -> None:
    data = blobs(n_rows=40)
    inputs, network = build(data, d_projection=4, dropout=0.0)
    folds = make_folds(data)
    rows = torch.arange(32)
    totals = []
    for weight in (0.0, 0.4):
        fitting = members._MemberFit(
            network,
            inputs,
            data,
            folds,
            recipe=make_recipe(contrast=weight),
            generator=torch.Generator().manual_seed(0),
        )
        network.train()
        totals.append(fitting.loss(rows, fitting.rows(rows), None).item())
    plain, bins = inputs(data.x_num[rows], data.x_cat[rows])
    projection = network(plain, bins).projection
    assert projection is not None
    expected = 0.0
    for member in range(len(SEEDS)):
        own = folds[rows] != member % 3
        z, labels = projection[member, own], data.labels[rows][own]
        values = SupConLoss(0.1)(z, labels) + BatchHardTripletLoss(0.5)(z, labels)
        expected += float(
            (values.detach() * fitting.loss.weigh(rows)[own]).sum()
        ) / len(rows)
    assert totals[1] - totals[0] == pytest.approx(0.4 * expected, rel=1e-4)
