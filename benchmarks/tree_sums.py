"""What the trees of a fitted model cost for few and for many rows.

    python benchmarks/tree_sums.py

Compares the sums of `BoostedTrees` with the form they had before, in which every
comparison of every tree was made for every row and single bytes chose among the
answers. The trees are drawn, of the shape that the default preset grows: 4 sets of 50
rounds, 6 levels, thresholds at 255 cut points of each of 10 columns. Prints processor
milliseconds of both, in turns, and their ratio; the rows go to
`benchmarks/results/tree_sums.csv`.
"""

from functools import partial
from pathlib import Path

import torch
from rows import write_rows
from turns import before_and_now

from qclmixnet.nn import BoostedTrees

ROWS = Path(__file__).parent / "results" / "tree_sums.csv"
N_COLUMNS, N_CUTS, DEPTH = 10, 255, 6
N_CLASSES = (2, 5, 18)
N_ROWS = (1, 10, 100, 1_000, 10_000)
REPEATS = 11


def draw(n_classes: int) -> BoostedTrees:
    """Return trees of random comparisons and leaves."""
    generator = torch.Generator().manual_seed(0)
    trees = BoostedTrees(N_COLUMNS, (), n_classes, n_sets=4, n_rounds=50, depth=DEPTH)
    shape = trees.feature.shape
    trees.feature[:] = torch.randint(N_COLUMNS, shape, generator=generator)
    cuts = torch.randn(4, N_COLUMNS, N_CUTS, generator=generator)
    which = torch.randint(N_CUTS, shape, generator=generator)
    for fold in range(4):
        trees.threshold[fold] = cuts[fold][trees.feature[fold], which[fold]]
    trees.value[:] = torch.randn(trees.value.shape, generator=generator)
    return trees


def before(trees: BoostedTrees, x: torch.Tensor) -> torch.Tensor:
    """Make all comparisons, a round of a thousand rows at a time."""
    table = x.T.contiguous()
    n_sets, n_rounds, n_scores, n_inner = trees.feature.shape
    by_set = []
    for which in range(n_sets):
        parts = []
        for rows in torch.split(table, 1024, dim=1):
            at_once = max(1, (1 << 19) // (rows.shape[1] * n_scores * n_inner))
            total = torch.zeros(n_scores, rows.shape[1], dtype=torch.float64)
            for start in range(0, n_rounds, at_once):
                some = (which, slice(start, start + at_once))
                leaf = leaves(rows, trees.feature[some], trees.threshold[some])
                found = trees.value[some].flatten(0, 1).gather(1, leaf).double()
                total += found.view(-1, n_scores, rows.shape[1]).sum(dim=0)
            parts.append(total.T)
        by_set.append(torch.cat(parts))
    return torch.stack(by_set)


def leaves(
    table: torch.Tensor, feature: torch.Tensor, threshold: torch.Tensor
) -> torch.Tensor:
    """Choose among the answers to all comparisons, a byte for each."""
    beyond = table.index_select(0, feature.flatten(0, 1).T.flatten())
    beyond = beyond > threshold.flatten(0, 1).T.reshape(-1, 1)
    shape = (feature.shape[-1], threshold[..., 0].numel(), table.shape[1])
    answers = beyond.view(torch.uint8).view(shape)
    leaf = torch.zeros_like(answers[0], dtype=torch.int16)
    path: list[torch.Tensor] = []
    for level in range(DEPTH):
        left = answers[2**level - 1 : 2 ** (level + 1) - 1]
        for went_right in path:
            left, right = left.chunk(2)
            left = left ^ ((left ^ right) & went_right)
        path.append(left[0])
        leaf = 2 * leaf + left[0]
    return leaf.long()


def main() -> None:
    """Measure, print and store."""
    torch.set_num_threads(1)
    generator = torch.Generator().manual_seed(1)
    rows = []
    for n_classes in N_CLASSES:
        trees = draw(n_classes)
        for n_rows in N_ROWS:
            x = torch.randn(n_rows, N_COLUMNS, generator=generator)
            none = torch.zeros(n_rows, 0, dtype=torch.int64)
            new = trees(x, none)
            old = before(trees, x)
            torch.testing.assert_close(new[..., -old.shape[2] :], old)
            times = before_and_now(
                partial(before, trees, x),
                partial(trees, x, none),
                repeats=REPEATS,
                ratio_digits=1,
            )
            row = {"classes": n_classes, "rows": n_rows, **times}
            print(row, flush=True)
            rows.append(row)
    write_rows(ROWS, rows)


if __name__ == "__main__":
    main()
