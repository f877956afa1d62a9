"""The two contrastive terms beside their plain forms over a matrix of pairs.

    python benchmarks/contrastive.py

Prints milliseconds of forward and backward, plain and ours in turn, and their ratio;
the plain forms' values are checked to be equal first. The rows go to
`benchmarks/results/contrastive.csv`.
"""

import csv
import statistics
import time
from pathlib import Path

import torch

from qclmixnet.losses import BatchHardTripletLoss, SupConLoss

ROWS = Path(__file__).parent / "results" / "contrastive.csv"
BATCHES = (384, 768, 1536)
REPEATS = 15


def plain_supcon(projection, labels):
    """Sum over a masked matrix of pairs."""
    z = torch.nn.functional.normalize(projection)
    itself = torch.eye(len(z), dtype=torch.bool)
    similarity = z @ z.T / 0.1
    others = similarity.masked_fill(itself, torch.finfo(z.dtype).min)
    log_share = similarity - others.logsumexp(dim=1, keepdim=True)
    positive = (labels[:, None] == labels) & ~itself
    counts = positive.sum(dim=1).clamp_min(1)
    return torch.where(positive, -log_share, 0.0).sum(dim=1) / counts


def plain_triplet(projection, labels):
    """Carry gradients through the whole matrix of distances."""
    z = torch.nn.functional.normalize(projection)
    itself = torch.eye(len(z), dtype=torch.bool)
    same = labels[:, None] == labels
    distance = torch.cdist(z, z, compute_mode="donot_use_mm_for_euclid_dist")
    farthest = distance.masked_fill(~(same & ~itself), -torch.inf).amax(dim=1)
    nearest = distance.masked_fill(same, torch.inf).amin(dim=1)
    return torch.relu(0.5 + farthest - nearest)


def milliseconds(loss, projection, labels) -> float:
    """Time one forward and backward pass."""
    started = time.perf_counter()
    loss(projection, labels).mean().backward()
    return (time.perf_counter() - started) * 1e3


def main() -> None:
    """Measure each term at each batch size."""
    terms = {
        "supcon": (plain_supcon, SupConLoss(0.1)),
        "triplet": (plain_triplet, BatchHardTripletLoss(0.5)),
    }
    ROWS.parent.mkdir(exist_ok=True)
    with ROWS.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["term", "batch", "plain_ms", "ours_ms", "ratio"])
        for batch in BATCHES:
            generator = torch.Generator().manual_seed(0)
            projection = torch.randn(batch, 8, generator=generator).requires_grad_()
            labels = torch.randint(5, (batch,), generator=generator)
            for name, (plain, ours) in terms.items():
                torch.testing.assert_close(
                    plain(projection, labels), ours(projection, labels)
                )
                times = [
                    [milliseconds(loss, projection, labels) for loss in (plain, ours)]
                    for _ in range(REPEATS)
                ]
                a, b = (
                    statistics.median(column) for column in zip(*times, strict=True)
                )
                row = [name, batch, f"{a:.2f}", f"{b:.2f}", f"{a / b:.1f}"]
                writer.writerow(row)
                print(*row)


if __name__ == "__main__":
    main()
