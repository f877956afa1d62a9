import json
from collections.abc import Callable
from dataclasses import replace

import pytest

from qclmixnet.core.errors import InputError
from qclmixnet.training import (
    CrossFitRecipe,
    LossConfig,
    MixupConfig,
    NetworkConfig,
    Recipe,
    ScheduleConfig,
    recipe,
)


def test_the_published_numbers_are_the_paper_presets() -> None:
    paper = recipe("paper")
    assert isinstance(paper, Recipe)
    assert (paper.network.d_repr, paper.network.d_projection) == (32, 8)
    assert (paper.network.d_hidden, paper.network.d_token) == (64, 16)
    assert (paper.mixup.n_neighbors, paper.mixup.alpha) == (5, 0.4)
    assert paper.mixup.same_class
    loss = paper.loss
    assert (loss.gamma, loss.temperature, loss.margin) == (2.0, 0.1, 0.5)
    assert (loss.intra_weight, loss.inter_weight) == (0.01, 0.01)
    assert loss.classification_weight == 0.7
    assert paper.scaling == "standard"


def test_a_recipe_survives_json() -> None:
    chosen = replace(Recipe(), mixup=MixupConfig(n_neighbors=3))
    assert Recipe.from_dict(json.loads(json.dumps(chosen.to_dict()))) == chosen


@pytest.mark.parametrize(
    ("preset", "kind"), [("paper", Recipe), ("default", CrossFitRecipe)]
)
def test_a_preset_survives_json(
    preset: str, kind: type[Recipe] | type[CrossFitRecipe]
) -> None:
    chosen = recipe(preset)
    assert chosen == kind()
    assert kind.from_dict(json.loads(json.dumps(chosen.to_dict()))) == chosen


@pytest.mark.parametrize("chosen", [Recipe(max_levels=3), CrossFitRecipe(max_levels=3)])
def test_a_recipe_is_returned_as_it_is(chosen: Recipe | CrossFitRecipe) -> None:
    assert recipe(chosen) is chosen


def test_one_kind_of_recipe_is_not_read_as_the_other() -> None:
    with pytest.raises(InputError, match=r"Not a recipe: .*momentum"):
        CrossFitRecipe.from_dict(Recipe().to_dict())
    with pytest.raises(InputError, match=r"Not a recipe: .*epochs"):
        Recipe.from_dict(CrossFitRecipe().to_dict())


@pytest.mark.parametrize(
    ("n_rows", "expected"), [(10, 64), (1000, 64), (4000, 256), (10**6, 512)]
)
def test_batches_grow_with_the_table(n_rows: int, expected: int) -> None:
    assert ScheduleConfig().resolve_batch_size(n_rows) == expected
    assert ScheduleConfig(batch_size=7).resolve_batch_size(n_rows) == 7


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: recipe("papier"), "`preset` must be one of 'default', 'paper'"),
        (lambda: LossConfig(gamma=-1), "`focal_gamma` must be .* got -1"),
        (lambda: LossConfig(temperature=0), "`temperature` .* above 0, got 0"),
        (lambda: LossConfig(classification_weight=1.5), "at most 1, got 1.5"),
        (lambda: LossConfig(triplet="some"), "`triplet` must be one of"),  # type: ignore[arg-type]
        (lambda: MixupConfig(alpha=0), "`mixup_alpha` .* above 0, got 0"),
        (lambda: MixupConfig(n_neighbors=2.5), "whole number .* got 2.5"),  # type: ignore[arg-type]
        (lambda: ScheduleConfig(max_epochs=0), "`max_epochs` .* at least 1, got 0"),
        (lambda: ScheduleConfig(validation_fraction=1.0), "below 1, got 1.0"),
        (lambda: ScheduleConfig(time_limit_s=-3), "`time_limit_s` .* got -3"),
        (lambda: ScheduleConfig(learning_rate="fast"), "a number .* got 'fast'"),  # type: ignore[arg-type]
        (lambda: NetworkConfig(d_hidden=0), "`d_hidden` .* got 0"),
        (lambda: Recipe(scaling="none"), "`scaling` must be one of"),  # type: ignore[arg-type]
        (lambda: Recipe.from_dict({"colour": 3}), "Not a recipe: .*colour"),
    ],
)
@pytest.mark.usefixtures("users_view")
def test_values_out_of_range_are_named(
    build: Callable[[], object], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        build()
