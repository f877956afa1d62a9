import math
from itertools import combinations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from torch import Tensor
from torch.autograd import gradcheck

from qclmixnet.core.errors import InputError
from qclmixnet.losses import ClassCentres, InterClassSeparation, IntraClassVariance

Term = IntraClassVariance | InterClassSeparation
both = pytest.mark.parametrize("make", [IntraClassVariance, InterClassSeparation])


def _centres(rows: list[list[float]], n_classes: int | None = None) -> ClassCentres:
    """Centres with class k at rows[k], in float64; later classes not seen."""
    centres = ClassCentres(n_classes or len(rows), len(rows[0])).double()
    values = torch.tensor(rows, dtype=torch.float64)
    centres.update(values, torch.arange(len(rows)))
    return centres


def _batch() -> tuple[Tensor, Tensor, ClassCentres]:
    generator = torch.Generator().manual_seed(5)
    projection = torch.randn(7, 2, dtype=torch.float64, generator=generator)
    centres = _centres([[0.0, 1.0], [0.5, -0.5], [-1.0, 0.2]], n_classes=4)
    return projection, torch.tensor([0, 1, 1, 3, 0, 3, 1]), centres


def _squared(a: list[float], b: list[float]) -> float:
    return sum((x - y) ** 2 for x, y in zip(a, b, strict=True))


def _minus_log_sigmoid(x: float) -> float:
    return math.log1p(math.exp(-x))


def _slow_inter(
    projection: list[list[float]], labels: list[int], centres: ClassCentres
) -> list[float]:
    values = []
    for row, label in zip(projection, labels, strict=True):
        away = [
            _squared(row, centre)
            for k, centre in enumerate(centres.centres.tolist())
            if k != label and centres.seen[k]
        ]
        mean = sum(away) / len(away) if away else 0.0
        values.append(_minus_log_sigmoid(mean) if away else 0.0)
    return values


def test_the_first_batch_sets_a_centre_and_the_next_moves_it_by_the_momentum() -> None:
    centres = ClassCentres(3, 1, momentum=0.25)
    centres.update(torch.tensor([[1.0], [3.0], [7.0]]), torch.tensor([0, 0, 2]))
    assert centres.centres.tolist() == [[2.0], [0.0], [7.0]]
    assert centres.seen.tolist() == [True, False, True]
    centres.update(torch.tensor([[10.0]]), torch.tensor([0]))
    assert centres.centres.tolist() == [[4.0], [0.0], [7.0]]


def test_momentum_one_keeps_only_the_last_batch() -> None:
    centres = ClassCentres(1, 1, momentum=1.0)
    for value in (1.0, 5.0):
        centres.update(torch.tensor([[value]]), torch.tensor([0]))
    assert centres.centres.tolist() == [[5.0]]


def test_a_class_with_a_mean_that_is_not_finite_is_passed_over() -> None:
    centres = ClassCentres(2, 1)
    rows = torch.tensor([[math.inf], [1.0], [math.nan]])
    centres.update(rows, torch.tensor([0, 1, 0]))
    assert centres.centres.tolist() == [[0.0], [1.0]]
    assert centres.seen.tolist() == [False, True]


def test_centres_take_no_gradient_and_travel_in_the_state() -> None:
    centres = ClassCentres(2, 1)
    rows = torch.tensor([[3.0]], requires_grad=True)
    centres.update(rows, torch.tensor([1]))
    assert not centres.centres.requires_grad
    copy = ClassCentres(2, 1)
    copy.load_state_dict(centres.state_dict())
    assert copy.centres.tolist() == [[0.0], [3.0]]
    assert copy.seen.tolist() == [False, True]


@both
def test_an_update_leaves_an_earlier_graph_usable(make: type[Term]) -> None:
    projection, labels, centres = _batch()
    projection.requires_grad_()
    values: Tensor = make()(projection, labels, centres)
    centres.update(projection, labels)
    (gradient,) = torch.autograd.grad(values.sum(), projection)
    assert gradient.abs().max().item() > 0


def test_intra_is_the_squared_distance_and_0_for_an_unseen_class() -> None:
    centres = _centres([[1.0, 1.0]], n_classes=2)
    rows = torch.tensor([[4.0, 5.0], [4.0, 5.0]], dtype=torch.float64)
    values: Tensor = IntraClassVariance()(rows, torch.tensor([0, 1]), centres)
    assert values.tolist() == [25.0, 0.0]


def test_intra_agrees_with_a_slow_loop() -> None:
    projection, labels, centres = _batch()
    points = centres.centres.tolist()
    expected = [
        _squared(row, points[label]) if bool(centres.seen[label]) else 0.0
        for row, label in zip(projection.tolist(), labels.tolist(), strict=True)
    ]
    values: Tensor = IntraClassVariance()(projection, labels, centres)
    assert values.tolist() == pytest.approx(expected)


def test_inter_is_log_2_on_top_of_the_other_centre() -> None:
    centres = _centres([[0.0], [1.0]])
    rows = torch.tensor([[1.0], [0.0]], dtype=torch.float64)
    values: Tensor = InterClassSeparation()(rows, torch.tensor([0, 0]), centres)
    assert values.tolist() == pytest.approx([math.log(2), math.log(1 + math.exp(-1))])


def test_inter_agrees_with_a_slow_loop() -> None:
    projection, labels, centres = _batch()
    expected = _slow_inter(projection.tolist(), labels.tolist(), centres)
    values: Tensor = InterClassSeparation()(projection, labels, centres)
    assert values.tolist() == pytest.approx(expected)


def test_inter_is_zero_while_no_other_class_was_seen() -> None:
    centres = _centres([[2.0]], n_classes=2)
    rows = torch.tensor([[2.0]], dtype=torch.float64)
    assert InterClassSeparation()(rows, torch.tensor([0]), centres).tolist() == [0.0]
    # Class 1 has no centre of its own yet, but keeps away from class 0.
    far: Tensor = InterClassSeparation()(rows, torch.tensor([1]), centres)
    assert far.tolist() == pytest.approx([math.log(2)])


def test_rows_at_their_centres_have_the_published_term_of_their_class() -> None:
    points = [[0.0, 1.0], [0.5, -0.5], [-1.0, 0.2], [2.0, 2.0]]
    rows = torch.tensor(points, dtype=torch.float64)
    values: Tensor = InterClassSeparation()(rows, torch.arange(4), _centres(points))
    published = [
        _minus_log_sigmoid(sum(_squared(c_k, c_j) for c_j in points) / 3)
        for c_k in points
    ]
    assert values.tolist() == pytest.approx(published)


def test_their_average_is_the_published_term_over_pairs_at_equal_distances() -> None:
    points = torch.eye(4, dtype=torch.float64)
    values = InterClassSeparation()(points, torch.arange(4), _centres(points.tolist()))
    pairs = [_squared(a, b) for a, b in combinations(points.tolist(), 2)]
    published = _minus_log_sigmoid(sum(pairs) / len(pairs))
    assert values.mean().item() == pytest.approx(published)


def test_their_average_is_never_below_the_published_term_over_pairs() -> None:
    # -log sigmoid is convex, and the mean over pairs is the mean of the rows' means.
    points = [[0.0, 1.0], [0.5, -0.5], [-1.0, 0.2], [2.0, 2.0]]
    rows = torch.tensor(points, dtype=torch.float64)
    values: Tensor = InterClassSeparation()(rows, torch.arange(4), _centres(points))
    pairs = [_squared(a, b) for a, b in combinations(points, 2)]
    published = _minus_log_sigmoid(sum(pairs) / len(pairs))
    assert published < values.mean().item()


@both
def test_gradient_is_right(make: type[Term]) -> None:
    projection, labels, centres = _batch()
    term = make()
    assert gradcheck(lambda z: term(z, labels, centres), projection.requires_grad_())


@both
def test_a_batch_of_one_has_the_value_it_has_among_others(make: type[Term]) -> None:
    projection, labels, centres = _batch()
    alone = make()(projection[1:2], labels[1:2], centres)
    torch.testing.assert_close(alone, make()(projection, labels, centres)[1:2])


@both
def test_extreme_rows_give_finite_values_and_gradients(make: type[Term]) -> None:
    centres = ClassCentres(3, 2)
    rows = torch.tensor([[1e4, -1e4], [-1e4, 1e4], [1e15, 0.0]], requires_grad=True)
    labels = torch.tensor([0, 1, 1])
    centres.update(rows, labels)
    values: Tensor = make()(rows, labels, centres)
    (gradient,) = torch.autograd.grad(values.sum(), rows)
    assert bool(values.isfinite().all() and gradient.isfinite().all())


@st.composite
def _batches(draw: st.DrawFn) -> tuple[Tensor, Tensor, list[int]]:
    n_rows = draw(st.integers(1, 6))
    rows = draw(arrays(np.float64, (n_rows, 2), elements=st.floats(-9, 9)))
    labels = draw(arrays(np.int64, n_rows, elements=st.integers(0, 3)))
    order = draw(st.permutations(range(n_rows)))
    return torch.from_numpy(rows), torch.from_numpy(labels), list(order)


@both
@settings(deadline=None, max_examples=50)
@given(batch=_batches())
def test_values_are_finite_not_negative_and_follow_their_rows(
    make: type[Term], batch: tuple[Tensor, Tensor, list[int]]
) -> None:
    projection, labels, order = batch
    _, _, centres = _batch()
    values: Tensor = make()(projection, labels, centres)
    assert bool(values.isfinite().all() and (values >= 0).all())
    permuted = make()(projection[order], labels[order], centres)
    torch.testing.assert_close(permuted, values[order])


@settings(deadline=None, max_examples=50)
@given(batch=_batches())
def test_centres_do_not_depend_on_the_order_of_rows(
    batch: tuple[Tensor, Tensor, list[int]],
) -> None:
    projection, labels, order = batch
    one, other = ClassCentres(4, 2).double(), ClassCentres(4, 2).double()
    one.update(projection, labels)
    other.update(projection[order], labels[order])
    torch.testing.assert_close(one.centres, other.centres)
    assert one.seen.tolist() == other.seen.tolist()


def test_wrong_settings_are_refused() -> None:
    with pytest.raises(InputError, match=r"`n_classes` .* at least 1, got 0"):
        ClassCentres(0, 1)
    with pytest.raises(InputError, match=r"`d_projection` .* at least 1, got 0"):
        ClassCentres(2, 0)
    with pytest.raises(InputError, match=r"`momentum` .* above 0 .* got 0\.0"):
        ClassCentres(2, 1, momentum=0.0)


@both
@pytest.mark.usefixtures("users_view")
def test_rows_that_do_not_fit_the_centres_are_refused(make: type[Term]) -> None:
    centres = ClassCentres(2, 3)
    with pytest.raises(InputError, match=r"3 columns .* got 1"):
        make()(torch.zeros(4, 1), torch.tensor([0, 0, 1, 1]), centres)
    with pytest.raises(InputError, match=r"each of the 4 rows, got 1"):
        make()(torch.zeros(4, 3), torch.tensor([0]), centres)
    with pytest.raises(InputError, match=r"in 0..1 for 2 classes, got 2"):
        make()(torch.zeros(1, 3), torch.tensor([2]), centres)
