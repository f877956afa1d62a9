"""The clock of time limits, with hands that the tests move."""

import threading
import time
from dataclasses import dataclass

import pytest

from qclmixnet.core import clock
from qclmixnet.core.clock import MOST_WAITING, now, processor_clock, watch_seconds


@dataclass
class Hands:
    worked: float = 100.0
    passed: float = 5000.0

    def process_time(self) -> float:
        return self.worked

    def monotonic(self) -> float:
        return self.passed

    def move(self, *, worked: float, passed: float) -> None:
        self.worked += worked
        self.passed += passed


@pytest.fixture
def hands(monkeypatch: pytest.MonkeyPatch) -> Hands:
    made = Hands()
    monkeypatch.setattr(clock, "time", made)
    return made


def test_it_is_the_one_on_the_wall_by_default() -> None:
    before = time.monotonic()
    assert before <= now() <= time.monotonic()
    assert watch_seconds(3.0) == 3.0


def test_work_counts_whatever_passes_meanwhile(hands: Hands) -> None:
    with processor_clock(1):
        hands.move(worked=10.0, passed=11.0)
        assert now() == 10.0
        hands.move(worked=10.0, passed=40.0)
        assert now() == 20.0


def test_the_work_of_several_threads_is_divided(hands: Hands) -> None:
    with processor_clock(4):
        hands.move(worked=40.0, passed=11.0)
        assert now() == 10.0


def test_waiting_counts_a_fourth_of_working(hands: Hands) -> None:
    with processor_clock(1):
        hands.move(worked=1.0, passed=80.0)
        assert now() == 80.0 / MOST_WAITING == 20.0


def test_after_the_block_it_is_the_one_on_the_wall_again() -> None:
    with processor_clock(1):
        assert watch_seconds(3.0) == 3.0 * MOST_WAITING
        assert now() < 60
    assert watch_seconds(3.0) == 3.0
    assert now() == pytest.approx(time.monotonic(), abs=60)


def test_other_threads_see_the_same_clock(hands: Hands) -> None:
    seen: list[float] = []
    with processor_clock(1):
        hands.move(worked=7.0, passed=8.0)
        thread = threading.Thread(target=lambda: seen.append(now()))
        thread.start()
        thread.join()
    assert seen == [7.0]
