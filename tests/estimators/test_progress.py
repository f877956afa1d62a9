from dataclasses import replace

import pytest
from rich.progress import Progress

from qclmixnet.estimators.progress import RowsProgress, epoch_progress, rows_progress
from qclmixnet.training import EpochRecord

RECORD = EpochRecord(
    epoch=1,
    loss=0.25,
    terms={},
    learning_rate=0.1,
    macro_f1=0.5,
    macro_recall=0.5,
    log_loss=0.5,
    seconds=0.0,
    mixup_seconds=0.0,
)


def test_a_bar_of_rows_grows_by_its_length_when_a_fit_goes_on() -> None:
    bar = Progress(disable=True)
    progress = RowsProgress(bar, bar.add_task("learn", total=100, scores=""), 100)
    found = []
    for n_rows in (60, 40, 1, 99, 50):
        progress.on_rows(n_rows)
        found.append((bar.tasks[0].completed, bar.tasks[0].total))
    assert found == [(60, 100), (100, 100), (101, 200), (200, 200), (250, 300)]


def test_a_bar_of_epochs_ends_full_after_another_cycle(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with epoch_progress(4, shown=True) as on_epoch:
        assert on_epoch is not None
        for epoch in (2, 4, 6):
            on_epoch(replace(RECORD, epoch=epoch))
    assert "6/6" in capsys.readouterr().err


def test_nothing_is_shown_unasked(capsys: pytest.CaptureFixture[str]) -> None:
    with epoch_progress(4, shown=False) as on_epoch:
        assert on_epoch is None
    with rows_progress("learn", 4, shown=False) as progress:
        progress.on_rows(4)
        progress.on_epoch(RECORD)
    assert capsys.readouterr().err == ""
