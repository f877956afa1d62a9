import math

import numpy as np
import pytest
import torch

from qclmixnet.augment import mixup as module
from qclmixnet.augment.mixup import (
    DynamicMixup,
    draw_lambda,
    draw_partners,
    draw_random_partners,
    mix,
    mix_labels,
)
from qclmixnet.augment.neighbours import Neighbours, find_neighbours
from qclmixnet.core.errors import InputError

LABELS = np.array([0, 0, 0, 0, 0, 0, 1, 1, 2])
X = np.array(
    [[0.0], [1.0], [3.0], [6.0], [10.0], [15.0], [2.0], [9.0], [4.0]], dtype=np.float32
)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def ready(**options: object) -> DynamicMixup:
    mixup = DynamicMixup(LABELS, n_classes=3, **options)  # type: ignore[arg-type]
    mixup.refresh(X)
    return mixup


def assert_drawn_as(drawn: np.ndarray, weights: list[float]) -> None:
    """Chi-square test of the drawn row numbers at a fixed seed."""
    expected = np.array(weights) / sum(weights) * len(drawn)
    counts = np.bincount(drawn, minlength=len(weights))
    statistic = ((counts - expected) ** 2 / expected).sum()
    # Mean k - 1, standard deviation sqrt(2 (k - 1)): four deviations above the mean.
    freedom = len(weights) - 1
    assert statistic < freedom + 4 * math.sqrt(2 * freedom)


def test_unseen_rows_are_drawn_by_rarity_alone() -> None:
    # N / (C n_c) = 9 / (3 * 6), 9 / (3 * 2), 9 / (3 * 1) = 0.5, 1.5, 3.
    plan = ready(rarity_power=1.0).plan(40_000, generator())
    assert_drawn_as(plan.anchors.numpy(), [0.5] * 6 + [1.5] * 2 + [3.0])


def test_rarity_power_zero_draws_rows_evenly() -> None:
    plan = ready(rarity_power=0.0).plan(40_000, generator())
    assert_drawn_as(plan.anchors.numpy(), [1.0] * 9)


def test_losses_multiply_rarity_and_unseen_rows_get_the_mean() -> None:
    mixup = ready(rarity_power=0.5)
    mixup.record(torch.tensor([0, 1, 6, 8]), torch.tensor([1.0, 4.0, 2.0, 1.0]))
    low, middle, high = math.sqrt(0.5), math.sqrt(1.5), math.sqrt(3)
    weights = [low, 4 * low, 2 * low, 2 * low, 2 * low, 2 * low]  # mean of seen: 2
    weights += [2 * middle, 2 * middle, high]
    np.testing.assert_allclose(mixup._weights(), weights, rtol=1e-12)
    assert_drawn_as(mixup.plan(40_000, generator()).anchors.numpy(), weights)


def test_running_mean_starts_at_the_first_loss() -> None:
    mixup = ready(momentum=0.25, rarity_power=0.0)
    mixup.record(torch.tensor([3]), torch.tensor([8.0]))
    mixup.record(torch.tensor([3]), torch.tensor([4.0]))
    mixup.record(torch.tensor([3, 5]), torch.tensor([1.0, 2.0]))
    # 8, then 8 + 0.25 (4 - 8) = 7, then 7 + 0.25 (1 - 7) = 5.5.
    assert mixup._loss[3] == 5.5
    assert mixup._loss[5] == 2.0


def test_rows_repeated_in_a_batch_count_once_with_their_mean() -> None:
    mixup = ready(momentum=0.5)
    mixup.record(torch.tensor([2, 2]), torch.tensor([1.0, 3.0]))
    assert mixup._loss[2] == 2.0
    mixup.record(torch.tensor([2, 4, 2, 2]), torch.tensor([4.0, 9.0, 8.0, 6.0]))
    assert mixup._loss[2] == 4.0  # 2 + 0.5 (6 - 2)
    assert mixup._loss[4] == 9.0


def test_no_row_becomes_impossible() -> None:
    mixup = ready(rarity_power=0.0)
    mixup.record(torch.arange(9), torch.tensor([0.0, *([1.0] * 8)]))
    mean = 8 / 9
    assert mixup._weights()[0] == pytest.approx(0.01 * mean)
    mixup.record(torch.arange(9), torch.zeros(9))
    all_zero = ready(rarity_power=0.0)
    all_zero.record(torch.arange(9), torch.zeros(9))
    np.testing.assert_array_equal(all_zero._weights(), np.ones(9))


def test_a_record_is_seen_by_the_next_plan() -> None:
    mixup = ready()
    mixup.plan(1, generator())
    mixup.record(torch.arange(9), torch.tensor([1e-9] * 4 + [1.0] + [1e-9] * 4))
    share = (mixup.plan(5_000, generator()).anchors == 4).float().mean()
    assert share > 0.85


def test_record_keeps_no_gradient_and_takes_any_float() -> None:
    mixup = ready()
    focal = torch.ones(2, dtype=torch.float16, requires_grad=True)
    mixup.record(torch.tensor([0, 1], dtype=torch.int32), focal)
    assert mixup._loss[:2].tolist() == [1.0, 1.0]


def test_partners_are_the_same_class_neighbours_evenly() -> None:
    plan = ready(n_neighbors=2).plan(30_000, generator(5))
    expected = find_neighbours(X, k=2, labels=LABELS)
    for row in range(9):
        partners = plan.partners[plan.anchors == row].numpy()
        allowed = expected.indices[row, : expected.n_valid[row]].tolist() or [row]
        assert set(partners.tolist()) == set(allowed)
        place = np.array([allowed.index(partner) for partner in partners])
        if len(allowed) > 1:
            assert_drawn_as(place, [1.0] * len(allowed))


def test_partners_of_any_class_on_demand() -> None:
    plan = ready(n_neighbors=1, same_class=False).plan(2_000, generator())
    nearest = np.array([1, 0, 6, 8, 7, 4, 1, 4, 2])
    # Rows 2 and 6 are equally far from two others.
    sure = ~np.isin(plan.anchors.numpy(), [6, 8])
    np.testing.assert_array_equal(
        plan.partners.numpy()[sure], nearest[plan.anchors.numpy()[sure]]
    )


def test_refresh_follows_the_space_given() -> None:
    mixup = ready(n_neighbors=1)
    mixup.refresh(
        np.array([[0], [10], [1], [20], [11], [21], [0], [1], [5]], "float32")
    )
    plan = mixup.plan(1_000, generator())
    nearest = torch.tensor([2, 4, 0, 5, 1, 3, 7, 6, 8])
    assert torch.equal(plan.partners, nearest[plan.anchors])


def test_a_draw_at_the_upper_end_stays_inside(monkeypatch: pytest.MonkeyPatch) -> None:
    almost_one = 1 - 2**-53
    monkeypatch.setattr(
        module,
        "_uniform",
        lambda n, generator: torch.full((n,), almost_one, dtype=torch.float64),  # noqa: ARG005
    )
    plan = ready(n_neighbors=2).plan(4, generator())
    assert plan.anchors.tolist() == [8] * 4
    neighbours = Neighbours(np.array([[1, 2, 3]]), np.array([3]))
    assert draw_partners(torch.tensor([0]), neighbours, generator()).tolist() == [3]


@pytest.mark.parametrize("alpha", [0.1, 0.4, 1.0, 5.0])
def test_shares_follow_the_folded_beta_distribution(alpha: float) -> None:
    lam = draw_lambda(40_000, alpha, generator(2)).numpy()
    assert lam.min() >= 0.5
    assert lam.max() <= 1.0
    # Var(l) = 1 / (4 (2 alpha + 1)), and folding about 1/2 keeps (l - 1/2)^2.
    squares = (lam - 0.5) ** 2
    error = 4 * squares.std() / math.sqrt(len(lam))
    assert squares.mean() == pytest.approx(1 / (4 * (2 * alpha + 1)), abs=error)


def test_uniform_shares_fill_the_half_evenly() -> None:
    lam = draw_lambda(20_000, 1.0, generator(3)).numpy()
    assert_drawn_as(((lam - 0.5) * 20).astype(int).clip(max=9), [1.0] * 10)


def test_same_generator_same_plan_and_global_generators_left_alone() -> None:
    torch_before = torch.random.get_rng_state()
    numpy_before = repr(np.random.get_state())  # noqa: NPY002
    plans = [ready().plan(500, generator(9)) for _ in range(2)]
    for name in ("anchors", "partners", "lam"):
        assert torch.equal(getattr(plans[0], name), getattr(plans[1], name))
    assert torch.equal(torch_before, torch.random.get_rng_state())
    assert repr(np.random.get_state()) == numpy_before  # noqa: NPY002


def test_successive_plans_differ() -> None:
    mixup, source = ready(), generator()
    assert not torch.equal(mixup.plan(100, source).lam, mixup.plan(100, source).lam)


def test_random_partners_are_all_other_rows_of_the_class_evenly() -> None:
    plan = DynamicMixup(LABELS, n_classes=3, partners="random").plan(
        20_000, generator()
    )
    for anchor in range(8):
        drawn = plan.partners[plan.anchors == anchor].numpy()
        others = [float(LABELS[k] == LABELS[anchor] and k != anchor) for k in range(9)]
        assert set(drawn) == set(np.flatnonzero(others))
        assert_drawn_as(drawn[drawn >= 0], [w + 1e-9 for w in others])
    alone = plan.partners[plan.anchors == 8]
    assert len(alone) > 0
    assert set(alone.tolist()) == {8}  # the only row of its class


def test_random_partners_of_any_class_are_all_other_rows() -> None:
    mixup = DynamicMixup(LABELS, n_classes=3, partners="random", same_class=False)
    plan = mixup.plan(9_000, generator())
    for anchor in range(9):
        drawn = set(plan.partners[plan.anchors == anchor].tolist())
        assert drawn == set(range(9)) - {anchor}


def test_random_partners_at_the_upper_end_stay_inside(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    top = 1 - 2.0**-53
    monkeypatch.setattr(module, "_uniform", lambda n, _: torch.full((n,), top).double())
    drawn = draw_random_partners(torch.arange(9), LABELS, generator())
    assert drawn.tolist() == [5, 5, 5, 5, 5, 4, 7, 6, 8]


def test_uniform_shares_are_those_of_smote() -> None:
    lam = ready(shares="uniform").plan(20_000, generator()).lam.numpy()
    counts, _ = np.histogram(lam, bins=10, range=(0, 1))
    assert counts.sum() == 20_000
    assert np.abs(counts - 2_000).max() < 4 * math.sqrt(2_000)


def test_labels_may_be_a_tensor_and_are_copied() -> None:
    labels = torch.from_numpy(LABELS.copy())
    mixup = DynamicMixup(labels, n_classes=3)
    labels[:] = 0
    mixup.refresh(X)
    expected = ready().plan(200, generator())
    assert torch.equal(mixup.plan(200, generator()).partners, expected.partners)


def test_an_empty_plan_is_allowed() -> None:
    plan = ready().plan(0, generator())
    assert len(plan.anchors) == len(plan.partners) == len(plan.lam) == 0


def test_mixed_row_is_the_weighted_sum() -> None:
    rng = np.random.default_rng(0)
    a, p = rng.normal(size=(2, 50, 4))
    lam = rng.uniform(size=50)
    mixed = mix(torch.from_numpy(a), torch.from_numpy(p), torch.from_numpy(lam))
    expected = np.array(
        [
            [lam[i] * a[i, j] + (1 - lam[i]) * p[i, j] for j in range(4)]
            for i in range(50)
        ]
    )
    np.testing.assert_allclose(mixed.numpy(), expected, rtol=1e-12, atol=1e-14)


def test_columns_both_rows_agree_on_do_not_move() -> None:
    x = torch.randn(1000, 3, generator=generator())
    lam = torch.rand(1000, generator=generator(1), dtype=torch.float64)
    mixed = mix(x, x.clone(), lam)
    assert torch.equal(mixed, x)
    assert mixed.dtype == torch.float32


def test_mixed_labels_by_hand() -> None:
    proba = mix_labels(
        torch.tensor([0, 2]), torch.tensor([1, 2]), torch.tensor([0.75, 0.6]), 3
    )
    expected = torch.tensor([[0.75, 0.25, 0.0], [0.0, 0.0, 1.0]])
    torch.testing.assert_close(proba, expected)


def test_same_class_mixing_gives_the_hard_label() -> None:
    plan = ready().plan(300, generator())
    labels = torch.from_numpy(LABELS)
    anchors, partners = labels[plan.anchors], labels[plan.partners]
    proba = mix_labels(anchors, partners, plan.lam, 3)
    assert torch.equal(proba, torch.nn.functional.one_hot(anchors, 3).float())


@pytest.mark.usefixtures("as_installed")
def test_shapes_that_do_not_belong_together_are_named() -> None:
    x, lam = torch.zeros(4, 2), torch.zeros(4)
    with pytest.raises(InputError, match=r"got \(4, 2\), \(1, 2\) and \(4,\)"):
        mix(x, x[:1], lam)
    with pytest.raises(InputError, match=r"got \(4, 2\), \(4, 2\) and \(1,\)"):
        mix(x, x, lam[:1])
    label = torch.zeros(4, dtype=torch.int64)
    with pytest.raises(InputError, match=r"got 4, 3 and 4"):
        mix_labels(label, label[:3], lam, 2)
    with pytest.raises(InputError, match=r"each of the 2 `rows`, got 1"):
        ready().record(torch.tensor([0, 1]), torch.zeros(1))
    with pytest.raises(InputError, match=r"hold the 9 rows of `labels`, got 8"):
        ready().refresh(X[:8])
    with pytest.raises(InputError, match=r"one class per row, got shape \(2, 2\)"):
        DynamicMixup(np.zeros((2, 2), int), n_classes=2)


@pytest.mark.usefixtures("as_installed")
def test_values_out_of_range_are_named() -> None:
    with pytest.raises(InputError, match=r"`alpha` .* above 0, got 0"):
        ready(alpha=0)
    with pytest.raises(InputError, match=r"`momentum` .* at most 1, got 1.5"):
        ready(momentum=1.5)
    with pytest.raises(InputError, match=r"`rarity_power` .* at least 0, got -1"):
        ready(rarity_power=-1)
    with pytest.raises(InputError, match=r"`n_neighbors` .* at least 1, got 0"):
        ready(n_neighbors=0)
    with pytest.raises(
        InputError, match=r"from 0 to 1 \(`n_classes` - 1\), got 0 to 2"
    ):
        DynamicMixup(LABELS, n_classes=2)
    with pytest.raises(InputError, match=r"`rows` must be from 0 to 8, got -1 to -1"):
        ready().record(torch.tensor([-1]), torch.zeros(1))
    with pytest.raises(InputError, match=r"`focal` must be finite .* got nan"):
        ready().record(torch.tensor([1]), torch.tensor([math.nan]))
    with pytest.raises(InputError, match=r"`n_mixed` .* at least 0, got -3"):
        ready().plan(-3, generator())
    with pytest.raises(InputError, match=r"`partners` must be .*'near'"):
        ready(partners="near")
    with pytest.raises(InputError, match=r"`shares` must be .*'beta'"):
        ready(shares="beta")
    with pytest.raises(InputError, match=r"call `refresh` first"):
        DynamicMixup(LABELS, n_classes=3).plan(1, generator())
