import json
import math
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qclmixnet.core.errors import InputError
from qclmixnet.training import (
    CrossFitRecipe,
    EpochRecord,
    FocalConfig,
    LargeConfig,
    MemberConfig,
    MemberSchedule,
    NeighbourMixConfig,
)

TABLE_SIZES = [1, 2, 3, 50, 255, 256, 257, 511, 512, 1000, 3840, 20_000, 10**5, 10**6]


@pytest.mark.parametrize(
    ("n_rows", "batch_size", "steps_per_epoch", "n_epochs"),
    [
        (1, 1, 1, 150),  # 150 steps at least
        (100, 100, 1, 150),
        (511, 256, 1, 150),
        (512, 256, 2, 75),
        (1000, 256, 3, 50),  # 150 steps in 50 passes
        (2560, 256, 10, 25),
        (3840, 256, 15, 25),
        (20_480, 256, 80, 18),  # 1500 steps at most
        (38_400, 256, 150, 10),
        (10**6, 256, 3906, 10),  # 10 passes nevertheless
    ],
)
def test_the_length_follows_the_table(
    n_rows: int, batch_size: int, steps_per_epoch: int, n_epochs: int
) -> None:
    found = MemberSchedule().resolve(n_rows)
    assert found.batch_size == batch_size
    assert found.steps_per_epoch == steps_per_epoch
    assert found.n_epochs == n_epochs


@given(
    n_rows=st.sampled_from(TABLE_SIZES) | st.integers(1, 10**6),
    epochs=st.integers(1, 400),
    min_epochs=st.integers(1, 40),
    min_steps=st.integers(1, 3000),
    more_steps=st.integers(0, 3000),
    max_epochs=st.none() | st.integers(1, 400),
    batch_size=st.integers(2, 2000),
    n_scores=st.integers(1, 50),
)
def test_every_schedule_keeps_its_rules(
    n_rows: int,
    epochs: int,
    min_epochs: int,
    min_steps: int,
    more_steps: int,
    max_epochs: int | None,
    batch_size: int,
    n_scores: int,
) -> None:
    max_steps = min_steps + more_steps
    found = MemberSchedule(
        epochs=epochs,
        min_epochs=min_epochs,
        min_steps=min_steps,
        max_steps=max_steps,
        max_epochs=max_epochs,
        batch_size=batch_size,
        n_scores=n_scores,
    ).resolve(n_rows)
    assert found.batch_size == min(batch_size, n_rows)
    # As many whole batches as the table holds.
    left_over = n_rows - found.steps_per_epoch * found.batch_size
    assert 0 <= left_over < found.batch_size

    n_epochs, per_epoch = found.n_epochs, found.steps_per_epoch
    assert n_epochs >= 1
    if max_epochs is not None:
        assert n_epochs <= max_epochs
    if n_epochs * per_epoch > max_steps:  # only for the fewest passes
        assert n_epochs <= min_epochs
    if n_epochs != max_epochs:
        if n_epochs < epochs:  # cut short: one more pass would be too much
            assert (n_epochs + 1) * per_epoch > max_steps
            assert n_epochs >= min_epochs
        elif n_epochs > epochs:  # prolonged: one less would be too little
            assert (n_epochs - 1) * per_epoch < min_steps
        if n_epochs * per_epoch < min_steps:  # one pass more would be too much
            assert (n_epochs + 1) * per_epoch > max_steps

    assert 1 <= found.n_cycles <= 8
    if found.n_cycles > 1:
        assert found.n_cycles * n_epochs * per_epoch <= 8 * max_steps
        assert max_epochs is None or found.n_cycles * n_epochs <= max_epochs
    one_more = (found.n_cycles + 1) * n_epochs
    if found.n_cycles < 8 and (max_epochs is None or one_more <= max_epochs):
        assert one_more * per_epoch > 8 * max_steps
    assert [e for e in range(1, 3 * n_epochs + 1) if found.ends_cycle(e)] == [
        n_epochs,
        2 * n_epochs,
        3 * n_epochs,
    ]

    scored = [e for e in range(1, n_epochs + 1) if found.is_scored(e)]
    later = [e for e in range(n_epochs + 1, 2 * n_epochs + 1) if found.is_scored(e)]
    assert later == [e + n_epochs for e in scored]
    assert scored[-1] == n_epochs
    assert min(n_scores, n_epochs) <= len(scored) < 2 * n_scores
    assert len({b - a for a, b in pairwise(scored)}) <= 1


@pytest.mark.parametrize(
    ("losses", "unknown", "goes_on"),
    [
        # Ten epochs are a cycle; the last quarter of the first are epochs 8 to 10.
        ([1.0] * 7 + [0.95, 0.9, 0.9], 3.0, True),
        ([1.0] * 7 + [0.95, 0.91, 0.91], 3.0, False),
        ([0.5] + [1.0] * 8 + [0.46], 3.0, False),
        ([0.5] + [1.0] * 8 + [0.45], 3.0, True),
        ([1.0] * 7 + [0.85, 0.99, 0.99], 3.0, True),
        ([0.5, 0.01] + [0.009] * 8, 3.0, False),
        ([0.5] * 7 + [0.01] * 3, 3.0, False),
        ([0.5] * 7 + [0.011] * 3, 3.0, True),
        ([1.0] * 10 + [0.5] * 9 + [0.91], 3.0, True),
        ([1.0] * 10 + [2.0] * 9 + [0.9], 3.0, True),
        ([1.0] * 10 + [2.0] * 9 + [0.91], 3.0, False),
        ([0.8] + [1.0] * 29, 3.0, False),
        ([1.0] * 20 + [0.5] * 10, 3.0, True),
        ([1.0] * 60 + [0.5] * 10, 3.0, True),
        ([1.0] * 70 + [0.5] * 10, 3.0, False),  # the eighth cycle is the last
        ([None] * 10, 3.0, False),
        # Half of what the shares of the classes leave unknown.
        ([1.0] * 7 + [0.9] * 3, 1.81, True),
        ([1.0] * 7 + [0.9] * 3, 1.8, False),
    ],
)
def test_another_cycle_follows_while_the_loss_falls_fast(
    losses: list[float | None], unknown: float, *, goes_on: bool
) -> None:
    schedule = MemberSchedule(epochs=10, min_steps=1, cycle_gain=0.1)
    found = schedule.resolve(100)
    assert (found.n_epochs, found.n_cycles) == (10, 8)
    history = [
        EpochRecord(
            epoch=epoch,
            loss=1.0,
            terms={},
            learning_rate=0.1,
            macro_f1=None,
            macro_recall=None,
            log_loss=loss,
            seconds=0.0,
            mixup_seconds=0.0,
        )
        for epoch, loss in enumerate(losses, start=1)
    ]
    assert found.goes_on(history, unknown=unknown) is goes_on


def test_one_scored_epoch_says_nothing_about_a_fall() -> None:
    found = MemberSchedule(n_scores=1).resolve(100)
    only = EpochRecord(150, 1.0, {}, 0.1, None, None, 0.5, 0.0, 0.0)
    assert not found.goes_on([only], unknown=3.0)


def test_one_score_is_that_of_the_last_epoch() -> None:
    found = MemberSchedule(n_scores=1, max_epochs=7).resolve(100)
    assert [e for e in range(1, 8) if found.is_scored(e)] == [7]


@pytest.mark.parametrize("n_rows", [100, 1000, 10**5])
@pytest.mark.parametrize(("warmup_steps", "final_rate"), [(20, 0.05), (0, 1.0)])
def test_the_rate_rises_linearly_then_follows_the_cosine(
    n_rows: int, warmup_steps: int, final_rate: float
) -> None:
    schedule = MemberSchedule(
        learning_rate=0.5,
        min_steps=200,
        warmup_steps=warmup_steps,
        final_rate=final_rate,
    )
    found = schedule.resolve(n_rows)
    n_steps = found.n_epochs * found.steps_per_epoch
    rates = [found.rate(step) for step in range(n_steps)]
    for step in range(warmup_steps):
        assert rates[step] == pytest.approx(0.5 * (step + 1) / (warmup_steps + 1))
    assert rates[warmup_steps] == 0.5
    last = 0.5 * final_rate
    for step in range(warmup_steps, n_steps):
        angle = math.pi * (step - warmup_steps) / (n_steps - warmup_steps)
        expected = last + (0.5 - last) * (1 + math.cos(angle)) / 2
        assert rates[step] == pytest.approx(expected)
    # Each cycle is like the first.
    assert [found.rate(2 * n_steps + step) for step in range(n_steps)] == rates


def test_a_short_fit_warms_up_for_a_tenth_of_it() -> None:
    schedule = MemberSchedule(max_epochs=30, warmup_steps=20, learning_rate=1.0)
    rates = [schedule.resolve(10).rate(step) for step in range(30)]
    assert rates[:4] == pytest.approx([0.25, 0.5, 0.75, 1.0])
    single = replace(schedule, max_epochs=1).resolve(10)
    assert single.rate(0) == 1.0


@pytest.mark.parametrize(
    ("n_members", "share", "n_binned"),
    [(8, 0.5, 4), (8, 0.0, 0), (8, 1.0, 8), (1, 0.4, 0), (5, 0.75, 4)],
)
def test_the_share_of_binned_members_is_rounded(
    n_members: int, share: float, n_binned: int
) -> None:
    sizes = MemberConfig(n_members=n_members, binned_share=share)
    assert sizes.n_binned == n_binned


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: MemberConfig(n_members=0), "`n_members` .* at least 1, got 0"),
        (lambda: MemberConfig(binned_share=1.5), "`binned_share` .* got 1.5"),
        (lambda: MemberConfig(n_bins=1), "`n_bins` .* at least 2, got 1"),
        (lambda: MemberConfig(n_blocks=-1), "`n_blocks` .* at least 0, got -1"),
        (lambda: MemberConfig(dropout=1.0), "`dropout` .* below 1, got 1.0"),
        (lambda: FocalConfig(gamma=-1), "`focal_gamma` .* got -1"),
        (lambda: FocalConfig(class_weight_power=2), "`class_weight` .* got 2"),
        (lambda: MemberSchedule(min_steps=0), "`min_steps` .* at least 1, got 0"),
        (lambda: MemberSchedule(max_epochs=0), "`max_epochs` .* at least 1, got 0"),
        (lambda: MemberSchedule(max_cycles=0), "`max_cycles` .* at least 1, got 0"),
        (lambda: MemberSchedule(cycle_gain=0), "`cycle_gain` .* above 0"),
        (lambda: MemberSchedule(batch_size=1), "`batch_size` .* at least 2, got 1"),
        (lambda: MemberSchedule(learning_rate=0), "`learning_rate` .* above 0"),
        (lambda: MemberSchedule(average=1.0), "`average` .* below 1, got 1.0"),
        (lambda: MemberSchedule(time_limit_s=0), "`time_limit_s` .* above 0, got 0"),
        (
            lambda: MemberSchedule(precision="half"),  # type: ignore[arg-type]
            "`precision` must be one of 'float32', 'bfloat16', got 'half'",
        ),
        (lambda: LargeConfig(n_rows=0), "`n_rows` .* at least 1, got 0"),
        (lambda: LargeConfig(width_factor=0), "`width_factor` .* at least 1, got 0"),
        (lambda: CrossFitRecipe(n_folds=0), "`n_folds` .* at least 1, got 0"),
        (lambda: CrossFitRecipe.from_dict({"colour": 3}), "Not a recipe: .*colour"),
        (
            lambda: CrossFitRecipe.from_dict({"schedule": {"patience": 3}}),
            "Not a recipe: .*patience",
        ),
    ],
)
@pytest.mark.usefixtures("users_view")
def test_values_out_of_range_are_named(
    build: Callable[[], object], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        build()


LARGE = {"n_rows": 5000, "n_classes": 3}


@pytest.mark.parametrize(
    ("n_rows", "n_classes", "large"),
    [(5000, 3, True), (4999, 3, False), (5000, 2, False), (10**6, 48, True)],
)
def test_large_tables_of_several_classes_have_wider_members_that_learn_longer(
    n_rows: int, n_classes: int, *, large: bool
) -> None:
    asked = CrossFitRecipe(
        members=MemberConfig(n_members=4, d_hidden=10),
        schedule=MemberSchedule(epochs=7, max_steps=900, learning_rate=0.5),
        large=LargeConfig(**LARGE, width_factor=3, steps_factor=5),
    )
    found = asked.for_table(n_rows, n_classes)
    if not large:
        assert found == asked
        return
    assert found == CrossFitRecipe(
        members=MemberConfig(n_members=4, d_hidden=30),
        schedule=MemberSchedule(epochs=35, max_steps=4500, learning_rate=0.5),
        large=LargeConfig(**LARGE, width_factor=1, steps_factor=1),
    )
    # What was followed can be asked for again.
    assert found.for_table(n_rows, n_classes) == found


def test_a_cross_fit_recipe_survives_json() -> None:
    chosen = CrossFitRecipe(
        scaling="standard",
        n_folds=3,
        members=MemberConfig(n_members=5, entangle=True),
        mixup=NeighbourMixConfig(n_neighbors=3),
        loss=FocalConfig(gamma=0.5),
        schedule=MemberSchedule(max_epochs=7, time_limit_s=3.5),
    )
    again = CrossFitRecipe.from_dict(json.loads(json.dumps(chosen.to_dict())))
    assert again == chosen
