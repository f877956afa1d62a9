"""What training does on a device whose numbers the CPU cannot see.

The device is torch's "meta": it has shapes and no numbers, so that any look at one, or
a copy to the CPU, is an error. Copies to it are counted.
"""

import threading
from typing import Any, Literal

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from qclmixnet.preprocessing import EncodedTable
from qclmixnet.training import (
    CrossFitRecipe,
    NeighbourMixConfig,
    TrainingData,
    data,
    member_rows,
    members,
)
from qclmixnet.training.data import StoredData
from qclmixnet.training.member_rows import InputRows
from qclmixnet.training.read_ahead import read_ahead
from qclmixnet.training.residency import free_memory, place_rows
from qclmixnet.training.stacked_adamw import StackedAdamW
from tests.training.small_members import (
    MIXUP,
    NO_MIXUP,
    Blobs,
    build,
    fit,
    make_folds,
    make_recipe,
    same,
)

META = torch.device("meta")


class _Copies(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts the tensors that go from the CPU to another device."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.n_copies = 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        out = func(*args, **(kwargs or {}))
        sources = [x for x in args if isinstance(x, Tensor) and x.device.type == "cpu"]
        if sources and isinstance(out, Tensor) and out.device.type != "cpu":
            self.n_copies += 1
        return out


def _table(rows: TrainingData) -> EncodedTable:
    return EncodedTable(rows.x_num.numpy(), rows.x_cat.numpy(), {})


def _away(rows: TrainingData, *, stored: bool) -> TrainingData | StoredData:
    """Return the rows with everything but what stays in files on the device."""
    labels, weights = rows.labels.to(META), rows.weights.to(META)
    if stored:
        return StoredData(_table(rows), labels, weights)
    return TrainingData(rows.x_num.to(META), rows.x_cat.to(META), labels, weights)


def _fit_away(
    rows: TrainingData, recipe: CrossFitRecipe, *, stored: bool
) -> members._MemberFit:
    """Begin a fit on the CPU, then move it."""
    inputs, network = build(rows, d_projection=4)
    generator = torch.Generator().manual_seed(0)
    out = members._MemberFit(
        network, inputs, rows, make_folds(rows), recipe=recipe, generator=generator
    )
    if out.mixup is not None:  # neighbours are looked for on the CPU, once
        out._plan_epoch(1)
    for module in (network, inputs):
        module.to(META)
    out.data = _away(rows, stored=stored)
    out.rows = InputRows(inputs, out.data)
    loss = out.loss
    loss._rows, loss._data = out.rows, out.data
    loss.folds, loss._by_class = loss.folds.to(META), loss._by_class.to(META)
    loss.member_fold = loss.member_fold.to(META)
    out.optimizer = StackedAdamW(
        list(network.parameters()),
        weight_decay=0.1,
        max_gradient_norm=1.0,
        average=0.9,
    )
    return out


@pytest.mark.parametrize("most_kept", [10**6, 0])
@pytest.mark.parametrize("contrast", [0.0, 0.3])
@pytest.mark.parametrize("mixup", [NO_MIXUP, MIXUP])
def test_steps_wait_for_no_device_and_send_nothing_to_it(
    blobs: Blobs,
    monkeypatch: pytest.MonkeyPatch,
    mixup: NeighbourMixConfig,
    contrast: float,
    most_kept: int,
) -> None:
    monkeypatch.setattr(member_rows, "_MAX_KEPT_NUMBERS", most_kept)
    n_copies = []
    for n_rows in (64, 256):  # epochs of 2 and of 8 steps
        told: list[int] = []
        recipe = make_recipe(mixup=mixup, contrast=contrast)
        fitting = _fit_away(blobs(n_rows=n_rows), recipe, stored=False)
        fitting.on_rows = told.append
        # The first look is at the loss of the whole epoch.
        with _Copies() as copies, pytest.raises(RuntimeError, match="meta tensors"):
            fitting._run_epoch(1)
        assert sum(told) == n_rows
        n_copies.append(copies.n_copies)
    assert 0 < n_copies[0] == n_copies[1] < 6


def test_rows_in_files_are_the_only_thing_that_steps_send(
    blobs: Blobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(member_rows, "_MAX_KEPT_NUMBERS", 0)
    n_copies = []
    for n_rows in (64, 256):
        fitting = _fit_away(blobs(n_rows=n_rows), make_recipe(), stored=True)
        with _Copies() as copies, pytest.raises(RuntimeError, match="meta tensors"):
            fitting._run_epoch(1)
        n_copies.append(copies.n_copies)
    # Reading ahead copies in a thread of its own, which is not counted.
    assert 0 < n_copies[0] == n_copies[1] < 6


def test_rows_are_read_ahead_in_the_order_of_the_epoch(
    blobs: Blobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = blobs(n_rows=70)
    taken: list[list[int]] = []
    whole = _table(rows)

    def take(self: EncodedTable, which: np.ndarray) -> EncodedTable:
        taken.append(which.tolist())
        return EncodedTable(self.x_num[which], self.x_cat[which], {})

    monkeypatch.setattr(EncodedTable, "take", take)
    monkeypatch.setattr(member_rows, "_MAX_KEPT_NUMBERS", 0)
    stored = StoredData(whole, rows.labels.to(META), rows.weights.to(META))
    order = torch.randperm(70, generator=torch.Generator().manual_seed(2))
    inputs = build(rows)[0].to(META)
    made = list(InputRows(inputs, stored).in_order(order, range(1, 4), batch_size=20))
    assert taken == [order[s * 20 : (s + 1) * 20].tolist() for s in (1, 2, 3)]
    assert [tuple(plain.shape) for _, (plain, _) in made] == [(20, 8), (20, 8), (10, 8)]


def test_read_batches_are_the_rows_that_were_asked_for(blobs: Blobs) -> None:
    rows = blobs(n_rows=50)
    stored = StoredData(_table(rows), rows.labels, rows.weights)
    order = torch.randperm(50, generator=torch.Generator().manual_seed(2))
    batches = torch.split(order, 16)
    for batch, (x_num, x_cat) in zip(batches, stored.ahead(batches), strict=True):
        assert torch.equal(x_num, rows.x_num[batch])
        assert torch.equal(x_cat, rows.x_cat[batch])


# Reading ahead.


def test_an_error_comes_in_its_turn_and_nothing_is_made_after_it() -> None:
    made = []

    def make(number: int) -> int:
        made.append(number)
        return 12 // number

    ahead = read_ahead(make, [4, 3, 0, 2, 1, 1, 1])
    assert (next(ahead), next(ahead)) == (3, 4)
    with pytest.raises(ZeroDivisionError):
        next(ahead)
    assert len(made) <= 5


def test_things_are_made_while_others_are_used_but_never_too_many() -> None:
    made: list[int] = []
    second = threading.Event()

    def make(number: int) -> int:
        made.append(number)
        if number == 1:
            second.set()
        return number

    ahead = read_ahead(make, iter(range(100)))
    assert next(ahead) == 0
    assert second.wait(timeout=30)
    ahead.close()  # type: ignore[attr-defined]
    assert max(made) <= 2


# Where rows live.


@pytest.mark.parametrize(
    ("free", "kind"), [(2 * 100 * 24, TrainingData), (2 * 100 * 24 - 1, StoredData)]
)
def test_rows_go_to_a_device_of_which_they_fill_half_at_most(
    blobs: Blobs, free: int, kind: type
) -> None:
    # A row is 4 numbers of 4 bytes and a code of 8, so 100 rows are 2,400 bytes.
    table, codes = _table(blobs(n_rows=100)), blobs(n_rows=100).labels.numpy()
    placed = place_rows(table, codes, np.ones(100), device=META, free=lambda _: free)
    assert type(placed) is kind
    assert placed.labels.device == META


class _InFiles:
    """Rows that are no table in memory."""

    def __init__(self, table: EncodedTable) -> None:
        self.table = table
        self.n_rows, self.n_num, self.n_cat = table.n_rows, table.n_num, table.n_cat

    def take(self, rows: np.ndarray) -> EncodedTable:
        return self.table.take(rows)


def test_rows_of_files_go_to_a_device_with_room_and_stay_on_the_cpu(
    blobs: Blobs,
) -> None:
    rows = blobs(n_rows=100)
    files, codes = _InFiles(_table(rows)), rows.labels.numpy()

    def placed(device: torch.device) -> object:
        return place_rows(
            files, codes, np.ones(100), device=device, free=lambda _: 10**9
        )

    assert isinstance(placed(META), TrainingData)
    assert isinstance(placed(torch.device("cpu")), StoredData)
    assert free_memory(torch.device("cpu")) == 0


def test_rows_moved_in_blocks_are_the_rows(
    blobs: Blobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(data, "_ROWS_IN_BLOCK", 32)
    rows, codes = blobs(n_rows=100), blobs(n_rows=100).labels.numpy()
    weights = np.random.default_rng(0).uniform(1, 2, size=100)
    cpu = torch.device("cpu")
    table = _table(rows)
    moved = TrainingData.from_rows(_InFiles(table), codes, weights, device=cpu)
    whole = TrainingData.from_arrays(table, codes, weights, device=cpu)
    for name in ("x_num", "x_cat", "labels", "weights"):
        assert torch.equal(getattr(moved, name), getattr(whole, name))


# Precision.


def _losses(
    rows: TrainingData, precision: Literal["float32", "bfloat16"]
) -> tuple[Tensor, list[Tensor]]:
    """Return the loss of one step and its gradients, dropout left out."""
    inputs, network = build(rows, dropout=0.0)
    fitting = members._MemberFit(
        network,
        inputs,
        rows,
        make_folds(rows),
        recipe=make_recipe(precision=precision),
        generator=torch.Generator().manual_seed(0),
    )
    which = torch.arange(rows.n_rows)
    loss = fitting.loss(which, fitting.rows(which), None)
    gradients = torch.autograd.grad(loss, list(network.parameters()))
    return loss.detach(), list(gradients)


def test_bfloat16_changes_a_loss_by_its_rounding_alone(blobs: Blobs) -> None:
    rows = blobs(n_rows=200)
    exact, gradients = _losses(rows, "float32")
    rounded, rough = _losses(rows, "bfloat16")
    assert not torch.equal(exact, rounded)  # it was not left out in silence
    # 8 bits: a product is off by 0.4 %, and a sum of many by less.
    torch.testing.assert_close(rounded, exact, rtol=5e-3, atol=0)
    for one, other in zip(gradients, rough, strict=True):
        assert other.dtype == torch.float32
        assert float((one - other).norm()) < 0.03 * float(one.norm()) + 1e-4


def test_bfloat16_learns_in_float32_and_as_well(blobs: Blobs) -> None:
    rows = blobs(n_rows=400)
    exact = fit(rows, make_recipe())
    rough = fit(rows, make_recipe(precision="bfloat16"))
    assert not same(exact.weights, rough.weights)
    assert {weight.dtype for weight in rough.weights} == {torch.float32}
    scores = [f.result.history[-1].macro_f1 for f in (exact, rough)]
    assert None not in scores
    assert scores[0] == pytest.approx(scores[1], abs=0.02)
    assert same(rough.weights, fit(rows, make_recipe(precision="bfloat16")).weights)
