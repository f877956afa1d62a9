"""What a step spends on the bins of numbers, and on what becomes of them.

    python benchmarks/bin_vectors.py

Compares vectors that move to their members as columns, whole, with the form they had
before: as rows, eight numbers at a time. Four members, 256 rows, 16 bins, vectors of 8
numbers, a linear map to 32, as in the default preset; forward and backward together.
Prints processor milliseconds of both, in turns, and their ratio; the rows go to
`benchmarks/results/bin_vectors.csv`.
"""

from functools import partial
from pathlib import Path

import torch
from rows import write_rows
from torch.nn import functional as F
from turns import before_and_now

from qclmixnet.nn import StackedBinEmbedding, StackedLinear

ROWS = Path(__file__).parent / "results" / "bin_vectors.csv"
N_COLUMNS = (5, 10, 20, 50, 100, 200)
N_MEMBERS, N_ROWS, N_BINS, D_EMBEDDING, D_HIDDEN = 4, 256, 16, 8, 32
REPEATS = 41


def before(
    embedding: StackedBinEmbedding, linear: StackedLinear, bins: torch.Tensor
) -> torch.Tensor:
    """Bring the members to the front of rows."""
    n_columns = embedding.weight.shape[1]
    by_column = embedding.weight.permute(1, 2, 0, 3).reshape(n_columns, N_BINS, -1)
    vectors = torch.bmm(bins.transpose(0, 1), by_column)
    vectors = vectors.view(n_columns, len(bins), N_MEMBERS, D_EMBEDDING)
    vectors = vectors.permute(2, 1, 0, 3).flatten(2)
    out: torch.Tensor = linear(F.relu(vectors + embedding.bias))
    return out


def now(
    embedding: StackedBinEmbedding, linear: StackedLinear, bins: torch.Tensor
) -> torch.Tensor:
    """Do as the network does."""
    return linear.of_upright(embedding.upright(bins))


def main() -> None:
    """Measure, print and store."""
    torch.set_num_threads(1)
    rows = []
    for n_columns in N_COLUMNS:
        sources = [torch.Generator().manual_seed(seed) for seed in range(N_MEMBERS)]
        embedding = StackedBinEmbedding(
            n_columns, N_BINS, D_EMBEDDING, generators=sources
        )
        linear = StackedLinear(n_columns * D_EMBEDDING, D_HIDDEN, generators=sources)
        bins = torch.rand(N_ROWS, n_columns, N_BINS, generator=sources[0])
        back = torch.randn(N_MEMBERS, N_ROWS, D_HIDDEN, generator=sources[0])
        weights = [*embedding.parameters(), *linear.parameters()]

        def step(
            form, given=(embedding, linear, bins), weights=weights, back=back
        ) -> tuple[torch.Tensor, ...]:
            return torch.autograd.grad(form(*given), weights, back)

        torch.testing.assert_close(step(now), step(before), rtol=1e-4, atol=1e-4)
        times = before_and_now(
            partial(step, before),
            partial(step, now),
            repeats=REPEATS,
            ratio_digits=2,
        )
        row = {"columns": n_columns, **times}
        print(row, flush=True)
        rows.append(row)
    write_rows(ROWS, rows)


if __name__ == "__main__":
    main()
