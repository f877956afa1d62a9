"""Rows put together by class, against one stable sort."""

import numpy as np
import pytest

from qclmixnet.core import by_class
from qclmixnet.core.by_class import group_by_class


@pytest.mark.parametrize("rows_at_once", [1, 13, 1000])
@pytest.mark.parametrize("dtype", [np.int32, np.int64])
def test_parts_give_what_one_sort_gives(
    monkeypatch: pytest.MonkeyPatch, rows_at_once: int, dtype: type[np.integer]
) -> None:
    monkeypatch.setattr(by_class, "_ROWS_AT_ONCE", rows_at_once)
    rng = np.random.default_rng(1)
    codes = rng.choice(5, size=300, p=[0.7, 0.2, 0.0, 0.09, 0.01])
    rows = rng.permutation(300)[:200].astype(dtype)
    grouped, counts = group_by_class(rows, codes)
    wanted = rows[np.argsort(codes[rows], kind="stable")]
    assert grouped.dtype == dtype
    assert grouped.tolist() == wanted.tolist()
    assert counts.tolist() == np.bincount(codes[rows], minlength=5).tolist()


def test_no_rows_have_no_classes() -> None:
    grouped, counts = group_by_class(np.arange(0), np.arange(0))
    assert (len(grouped), len(counts)) == (0, 0)
