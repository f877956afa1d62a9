"""The plan past one machine follows its model, and its page shows it."""

import importlib
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]
PIECES = {
    "look_s": 1e-5,
    "encode_s": 2e-5,
    "stored_bytes": 200.0,
    "order_s": 1e-7,
    "step_s": 2e-3,
    "row_s": 3e-5,
    "forward_s": 1e-5,
    "parameters": 1e5,
    "tree_cell_s": 1e-6,
    "message_s": 5e-5,
}


@pytest.fixture
def plan(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    return importlib.import_module("plan")


def test_a_sum_costs_its_messages_and_its_bytes(plan: ModuleType) -> None:
    assumed = plan.Assumed(bytes_per_s=1e9, latency_s=5e-5)
    # 400 kB: eight workers send 7/4 of it, by 14 messages in a ring or 6 by halves.
    sent = 1.75 * 4e5 / 1e9
    assert plan.sum_s(PIECES, 8, assumed, ring=True) == pytest.approx(14e-4 + sent)
    assert plan.sum_s(PIECES, 8, assumed, ring=False) == pytest.approx(6e-4 + sent)
    assert plan.sum_s(PIECES, 1, assumed, ring=True) == 0


def test_a_million_rows_on_four_workers_by_hand(plan: ModuleType) -> None:
    assumed = plan.Assumed(bytes_per_s=1e9, latency_s=5e-5)
    found = plan.as_built(PIECES, 10**6, 4, assumed)
    n_steps = 10 * (10**6 // 256)
    assert (found.n_steps, found.joint_batch) == (n_steps, 256)
    assert found.seconds == pytest.approx(
        {
            "look": 10,
            "encode": 20,
            "send": 3 * 0.2,
            "order": 1,
            "trees": 20,  # 20 million cells, the four folds side by side
            "learn": n_steps * (2e-3 + 64 * 3e-5),
            "sum": n_steps * (6e-4 + 1.5 * 4e-4),
            "score": (10 * 30_000 + 300_000) * 1e-5,
        }
    )
    assert found.bottleneck == "learn"
    assert found.hours == pytest.approx(sum(found.seconds.values()) / 3600)


def test_batches_grow_with_the_workers_while_enough_steps_are_left(
    plan: ModuleType,
) -> None:
    assumed = plan.Assumed()
    changed = plan.as_changed(PIECES, 10**9, 64, assumed)
    assert changed.joint_batch == 64 * 256
    small = plan.as_changed(PIECES, 10**6, 64, assumed)
    assert small.joint_batch == 10**7 // 1500
    assert small.n_steps >= plan.MIN_STEPS
    one = plan.as_changed(PIECES, 10**6, 1, assumed)
    other = plan.as_built(PIECES, 10**6, 1, assumed)
    for phase, seconds in one.seconds.items():
        assert seconds == pytest.approx(other.seconds[phase], rel=1e-3)


@pytest.mark.usefixtures("plan")
def test_the_measured_ratio_is_of_workers_with_one_thread() -> None:
    page = importlib.import_module("plan_page")
    assert page.measured_ratio([]) is None
    rows = [
        {"run": run, "way": way, "rows_per_s": speed, "cpu_s": seconds}
        for run, way, speed, seconds in (
            ("1", "2 Ray workers, 1 thread each", "999", "1"),
            ("2", "one process, 1 thread", "100", "10"),
            ("2", "one process, 2 threads", "110", "12"),
            ("2", "2 Ray workers, 1 thread each", "150", "12.5"),
        )
    ]
    assert page.measured_ratio(rows) == pytest.approx((1.5, 1.6))
    assert page.measured_ratio(rows[:2]) is None


def test_the_page_shows_what_the_pieces_give(plan: ModuleType) -> None:
    page = importlib.import_module("plan_page")
    text = page.PAGE.read_text("utf-8")
    shown = page.tables(plan.read_pieces(), plan.stored_rows(plan.SCALE))
    assert len(shown) == 6
    for table in shown.values():
        assert table in text


def test_the_model_is_near_the_fits_that_were_run(plan: ModuleType) -> None:
    page = importlib.import_module("plan_page")
    fits = [f for f in plan.stored_rows(plan.SCALE) if f["method"] == "qclmixnet"]
    shares = [
        3600
        * page.ten_passes(plan.read_pieces(), int(f["rows"])).hours
        / float(f["fit_cpu_s"])
        for f in importlib.import_module("scale").ten_passes(fits)
    ]
    assert len(shares) >= 3
    assert all(0.7 < share < 1.4 for share in shares)
