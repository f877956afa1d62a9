"""A lesson that several learn together is learned as by one."""

import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from qclmixnet.estimators import member_learning
from qclmixnet.estimators.member_learning import Learned, Lesson, learn
from qclmixnet.estimators.tree_fitting import fit_trees
from qclmixnet.preprocessing import EncodedTable
from qclmixnet.training import CrossFitRecipe, MemberConfig, MemberSchedule, TreeConfig
from qclmixnet.training.checkpoint import Checkpoints


class Threads:
    """A team whose processes are threads, which leave what they say in one place."""

    def __init__(self, rank: int, said: list[Any], barrier: threading.Barrier) -> None:
        self.rank, self.size = rank, len(said)
        self._said, self._barrier = said, barrier

    def _hear(self, own: Any) -> list[Any]:
        self._said[self.rank] = own
        self._barrier.wait(60)
        heard = list(self._said)
        self._barrier.wait(60)
        return heard

    def sum(self, tensors: Sequence[Tensor]) -> list[Tensor]:
        heard = self._hear([tensor.detach().clone() for tensor in tensors])
        stacks = zip(*heard, strict=True)
        return [torch.stack(stack).sum(dim=0) for stack in stacks]

    def gather(self, part: Tensor, n_rows: int) -> Tensor:
        rows = part.new_empty(n_rows, *part.shape[1:])
        for rank, other in enumerate(self._hear(part.detach().clone())):
            rows[rank :: self.size] = other
        return rows

    def first_says(self, value: bool) -> bool:  # noqa: FBT001
        return bool(self._hear(value)[0])


@pytest.fixture(scope="module")
def lesson() -> Lesson:
    rng = np.random.default_rng(0)
    codes = rng.choice(3, size=300, p=[0.6, 0.3, 0.1]).astype(np.int64)
    x_num = (rng.normal(size=(300, 4)) + codes[:, None]).astype(np.float32)
    x_cat = ((codes[:, None] + rng.integers(2, size=(300, 1))) % 4).astype(np.int64)
    return Lesson(
        EncodedTable(x_num, x_cat, {}),
        (4,),
        codes,
        3,
        np.ones(300),
        rng.integers(4, size=300),
        CrossFitRecipe(
            members=MemberConfig(n_members=4, d_hidden=8),
            trees=TreeConfig(n_rounds=3),
            schedule=MemberSchedule(max_epochs=3, batch_size=50),
        ),
        torch.device("cpu"),
        member_seeds=(1, 2, 3, 4),
        order_seed=5,
        tree_seed=6,
    )


def together(n: int, call: Callable[[Threads], Learned]) -> list[Learned]:
    """Call a function in so many threads, each of one team."""
    said: list[Any] = [None] * n
    barrier, found = threading.Barrier(n), dict[int, Learned]()

    def run(rank: int) -> None:
        found[rank] = call(Threads(rank, said, barrier))

    threads = [threading.Thread(target=run, args=(rank,)) for rank in range(n)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [found[rank] for rank in range(n)]


@pytest.mark.parametrize("n_workers", [2, 3, 5])  # 5: more than there are folds
def test_trees_are_the_same_and_members_up_to_rounding(
    lesson: Lesson, n_workers: int
) -> None:
    alone = learn(lesson, checkpoints=None)
    assert alone.trees is not None
    for learned in together(n_workers, lambda team: _learn(lesson, team)):
        assert learned.trees is not None
        for name, tensor in alone.trees.state_dict().items():
            assert torch.equal(learned.trees.state_dict()[name], tensor), name
        for name, tensor in alone.network.state_dict().items():
            torch.testing.assert_close(
                learned.network.state_dict()[name], tensor, rtol=1e-3, atol=1e-5
            )
        assert learned.result.best_epoch == alone.result.best_epoch


def _learn(lesson: Lesson, team: Threads) -> Learned:
    return learn(lesson, checkpoints=None, team=team)


def test_trees_are_written_down_once_and_taken_up_by_all(
    lesson: Lesson, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    grown: list[Sequence[int]] = []

    def watched(*rest: Any, sets: Sequence[int], **more: Any) -> None:
        grown.append(sets)
        fit_trees(*rest, sets=sets, **more)

    monkeypatch.setattr(member_learning, "fit_trees", watched)

    def call(team: Threads) -> Learned:
        return learn(lesson, checkpoints=Checkpoints(tmp_path, fit="a"), team=team)

    first, again = together(2, call), together(2, call)
    assert sorted(map(list, grown)) == [[0, 2], [1, 3]]  # none the second time
    for one, other in zip(first, again, strict=True):
        assert one.trees is not None
        assert other.trees is not None
        assert torch.equal(one.trees.value, other.trees.value)
        losses = [[record.loss for record in x.result.history] for x in (one, other)]
        assert losses[0] == losses[1]
