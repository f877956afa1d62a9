import math
from typing import Literal

import pytest
import torch
from torch import Tensor, nn
from torch.autograd import gradcheck

from qclmixnet.core.errors import InputError
from qclmixnet.losses import (
    BatchAllTripletLoss,
    BatchHardTripletLoss,
    FocalLoss,
    HybridLoss,
    HybridTerms,
    InterClassSeparation,
    IntraClassVariance,
    SupConLoss,
    weighted_mean,
)


def _batch(n_rows: int = 8) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(6)
    logits = torch.randn(n_rows, 4, dtype=torch.float64, generator=generator)
    projection = torch.randn(n_rows, 3, dtype=torch.float64, generator=generator)
    mixed = torch.rand(n_rows, 4, dtype=torch.float64, generator=generator)
    labels = torch.tensor([0, 1, 3, 0, 1, 3, 0, 0])[:n_rows]  # no row of class 2
    return logits, projection, mixed / mixed.sum(dim=1, keepdim=True), labels


def _judge(loss: HybridLoss, *batch: Tensor) -> HybridTerms:
    terms = loss(*batch)
    assert isinstance(terms, HybridTerms)
    return terms


@pytest.mark.parametrize("triplet", ["hard", "all"])
def test_every_term_is_its_own_loss_with_its_own_settings(
    triplet: Literal["hard", "all"],
) -> None:
    logits, projection, mixed, labels = _batch()
    loss = HybridLoss(
        4, 3, gamma=1.5, temperature=0.2, margin=0.7, triplet=triplet
    ).double()
    terms = _judge(loss, logits, projection, mixed, labels)
    margin_loss = BatchHardTripletLoss if triplet == "hard" else BatchAllTripletLoss
    expected = {
        "focal": FocalLoss(1.5)(logits, mixed),
        "intra": IntraClassVariance()(projection, labels, loss.centres),
        "inter": InterClassSeparation()(projection, labels, loss.centres),
        "supcon": SupConLoss(0.2)(projection, labels),
        "triplet": margin_loss(0.7)(projection, labels),
    }
    for name, values in expected.items():
        assert values.abs().max().item() > 0
        torch.testing.assert_close(terms.named()[name], values, rtol=0, atol=0)


def test_total_is_the_published_sum_for_labels_and_mixed_labels() -> None:
    logits, projection, mixed, labels = _batch()
    loss = HybridLoss(
        4,
        3,
        intra_weight=0.3,
        inter_weight=0.2,
        classification_weight=0.6,
        supcon_weight=0.5,
        triplet_weight=2.0,
    ).double()
    for target in (labels, mixed):
        named = _judge(loss, logits, projection, target, labels).named()
        for i, total in enumerate(named["total"].tolist()):
            focal, intra, inter, supcon, triplet = (
                named[name][i].item()
                for name in ("focal", "intra", "inter", "supcon", "triplet")
            )
            expected = 0.6 * (focal + 0.3 * intra + 0.2 * inter)
            contrast = 0.5 * supcon + 2.0 * triplet
            assert total == pytest.approx(expected + 0.4 * contrast)


def test_learned_weights_start_from_the_fixed_ones() -> None:
    settings = {"intra_weight": 0.3, "inter_weight": 0.0, "classification_weight": 0.6}
    fixed = HybridLoss(4, 3, **settings).double()  # type: ignore[arg-type]
    learned = HybridLoss(4, 3, **settings, balance="uncertainty").double()  # type: ignore[arg-type]
    assert not list(fixed.parameters())
    assert learned.log_scales is not None
    terms = _judge(learned, *_batch())
    # log(1 + exp(s)) with s = -log w, for the four terms whose weight is not 0.
    added = sum(math.log1p(1 / w) for w in (0.6, 0.18, 0.4, 0.4))
    expected = _judge(fixed, *_batch()).total + added
    torch.testing.assert_close(terms.total, expected)


def test_learned_weights_settle_where_the_formula_says() -> None:
    loss = HybridLoss(4, 3, margin=2.0, balance="uncertainty").double()
    batch = _batch()
    _judge(loss, *batch)  # moves the centres, which stay from here on
    loss.eval()
    scales = loss.log_scales
    assert scales is not None
    optimizer = torch.optim.Adam([scales], lr=0.05)
    for _ in range(600):
        total = _judge(loss, *batch).total.mean()
        (scales.grad,) = torch.autograd.grad(total, [scales])
        optimizer.step()
    named = _judge(loss, *batch).named()
    for s, name in zip(scales.tolist(), loss.weights, strict=True):
        mean = named[name].mean().item()
        # The derivative of exp(-s) L + log(1 + exp(s)) is 0.
        assert math.exp(-s) * mean == pytest.approx(1 / (1 + math.exp(-s)), rel=0.01)


def test_names_come_in_the_order_of_the_formula() -> None:
    terms = _judge(HybridLoss(4, 3).double(), *_batch())
    assert list(terms.named()) == [
        "focal", "intra", "inter", "supcon", "triplet", "total",
    ]  # fmt: skip


class _Forbidden(nn.Module):
    def forward(self, *_: object) -> Tensor:
        raise AssertionError


@pytest.mark.parametrize(
    ("weight", "value", "unused"),
    [
        ("classification_weight", 0.0, ["focal", "intra", "inter"]),
        ("classification_weight", 1.0, ["supcon", "triplet"]),
        ("intra_weight", 0.0, ["intra"]),
        ("inter_weight", 0.0, ["inter"]),
        ("supcon_weight", 0.0, ["supcon"]),
        ("triplet_weight", 0.0, ["triplet"]),
    ],
)
def test_a_term_of_weight_zero_is_not_computed(
    weight: str, value: float, unused: list[str]
) -> None:
    weights = {"intra_weight": 0.1, "inter_weight": 0.1, "classification_weight": 0.5}
    weights |= {"supcon_weight": 1.0, "triplet_weight": 1.0, weight: value}
    loss = HybridLoss(
        4,
        3,
        intra_weight=weights["intra_weight"],
        inter_weight=weights["inter_weight"],
        classification_weight=weights["classification_weight"],
        supcon_weight=weights["supcon_weight"],
        triplet_weight=weights["triplet_weight"],
    ).double()
    for name in unused:
        setattr(loss, name, _Forbidden())
    named = _judge(loss, *_batch()).named()
    for name, values in named.items():
        assert (values.abs().max().item() == 0) == (name in unused)


def test_centres_move_in_training_only_and_before_the_terms() -> None:
    logits, projection, mixed, labels = _batch()
    loss = HybridLoss(4, 3).double()
    loss.eval()
    terms = _judge(loss, logits, projection, mixed, labels)
    assert not bool(loss.centres.seen.any())
    assert terms.intra.abs().max().item() == 0
    loss.train()
    terms = _judge(loss, logits, projection, mixed, labels)
    assert loss.centres.seen.tolist() == [True, True, False, True]
    own = torch.stack([projection[labels == k].mean(dim=0) for k in labels])
    torch.testing.assert_close(terms.intra, (projection - own).square().sum(dim=1))


def test_centres_stay_where_no_term_needs_them() -> None:
    loss = HybridLoss(4, 3, intra_weight=0.0, inter_weight=0.0).double()
    _judge(loss, *_batch())
    assert not bool(loss.centres.seen.any())


@pytest.mark.parametrize("triplet", ["hard", "all"])
def test_gradient_is_right(triplet: Literal["hard", "all"]) -> None:
    logits, projection, mixed, labels = _batch()
    loss = HybridLoss(4, 3, intra_weight=0.5, inter_weight=0.5, triplet=triplet)
    loss.double()
    _judge(loss, logits, projection, mixed, labels)
    loss.eval()  # in training the centres follow the rows, outside the gradient
    assert gradcheck(
        lambda x, z: loss(x, z, mixed, labels).total,
        (logits.requires_grad_(), projection.requires_grad_()),
    )


def test_a_batch_of_one_has_only_the_terms_that_need_no_partner() -> None:
    logits, projection, mixed, labels = _batch(n_rows=1)
    terms = _judge(HybridLoss(4, 3).double(), logits, projection, mixed, labels)
    assert terms.supcon.tolist() == [0.0]
    assert terms.triplet.tolist() == [0.0]
    assert terms.inter.tolist() == [0.0]
    torch.testing.assert_close(terms.total, 0.7 * terms.focal)


def test_extreme_outputs_give_finite_totals_and_gradients() -> None:
    rows = [[1e4, -1e4], [-1e4, 1e4], [1e4, 1e4], [0.0, 0.0]]
    logits = torch.tensor(rows, requires_grad=True)
    projection = torch.tensor(rows, requires_grad=True)
    labels = torch.tensor([1, 0, 1, 0])
    total = _judge(HybridLoss(2, 2), logits, projection, labels, labels).total
    gradients = torch.autograd.grad(total.sum(), (logits, projection))
    assert bool(total.isfinite().all())
    assert all(bool(gradient.isfinite().all()) for gradient in gradients)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_is_judged_in_float32(dtype: torch.dtype) -> None:
    logits, projection, _, labels = _batch()
    half = logits.to(dtype), projection.to(dtype)
    single = half[0].float(), half[1].float()
    expected = _judge(HybridLoss(4, 3), *single, labels, labels).named()
    terms = _judge(HybridLoss(4, 3), *half, labels, labels)
    for name, values in terms.named().items():
        torch.testing.assert_close(values, expected[name])


def test_following_the_rows_permutes_every_term() -> None:
    logits, projection, mixed, labels = _batch()
    order = torch.tensor([5, 2, 7, 0, 1, 6, 3, 4])
    one, other = HybridLoss(4, 3).double(), HybridLoss(4, 3).double()
    named = _judge(one, logits, projection, mixed, labels).named()
    permuted = _judge(
        other, logits[order], projection[order], mixed[order], labels[order]
    ).named()
    for name, values in named.items():
        torch.testing.assert_close(permuted[name], values[order])


def test_a_plain_loop_learns_the_labels_and_gathers_the_classes() -> None:
    generator = torch.Generator().manual_seed(7)
    x = torch.randn(40, 2, generator=generator)
    labels = (x[:, 0] > 0).long()
    weight = (0.1 * torch.randn(4, 2, generator=generator)).requires_grad_()
    loss = HybridLoss(2, 2, triplet="all")
    optimiser = torch.optim.Adam([weight], lr=0.1)
    totals = []
    for _ in range(40):
        outputs = x @ weight.T  # (batch, classes + d_projection)
        logits, projection = outputs[:, :2], outputs[:, 2:]
        total = weighted_mean(_judge(loss, logits, projection, labels, labels).total)
        (weight.grad,) = torch.autograd.grad(total, weight)
        optimiser.step()
        totals.append(total.item())
    assert totals[-1] < totals[0] / 2
    predicted = (x @ weight.T)[:, :2].argmax(dim=1)
    assert (predicted == labels).float().mean().item() > 0.95


def test_settings_out_of_range_are_refused() -> None:
    with pytest.raises(InputError, match=r"`intra_weight` .* at least 0, got -1\.0"):
        HybridLoss(2, 2, intra_weight=-1.0)
    with pytest.raises(InputError, match=r"`inter_weight` .* at least 0, got -1\.0"):
        HybridLoss(2, 2, inter_weight=-1.0)
    with pytest.raises(InputError, match=r"`classification_weight` .* got 1\.5"):
        HybridLoss(2, 2, classification_weight=1.5)


@pytest.mark.usefixtures("users_view")
def test_an_unknown_triplet_choice_is_refused() -> None:
    with pytest.raises(InputError, match=r"one of 'hard', 'all', got 'soft'"):
        HybridLoss(2, 2, triplet="soft")  # type: ignore[arg-type]


@pytest.mark.usefixtures("users_view")
@pytest.mark.parametrize("shape", [(8, 5), (7, 4), (8,)])
def test_logits_that_do_not_fit_are_refused(shape: tuple[int, ...]) -> None:
    _, projection, _, labels = _batch()
    with pytest.raises(InputError, match=r"`logits` must have shape \(8, 4\)"):
        HybridLoss(4, 3)(torch.zeros(shape), projection, labels, labels)
