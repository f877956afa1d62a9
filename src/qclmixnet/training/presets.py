"""The recipes that have a name."""

from typing import Literal, overload

from qclmixnet.core.checks import check_choice
from qclmixnet.training.config import Recipe
from qclmixnet.training.member_config import CrossFitRecipe

__all__ = ["recipe"]


@overload
def recipe(preset: Literal["paper"]) -> Recipe: ...


@overload
def recipe(preset: Literal["default"]) -> CrossFitRecipe: ...


@overload
def recipe(preset: object) -> Recipe | CrossFitRecipe: ...


def recipe(preset: object) -> Recipe | CrossFitRecipe:
    """Return the recipe of a preset.

    Args:
        preset: "paper" for the published network, "default" for cross-fitted members,
            or a `Recipe` or `CrossFitRecipe`, which is returned as it is.

    Returns:
        The recipe.

    Raises:
        InputError: `preset` is none of these.

    >>> recipe("paper").mixup.n_neighbors
    5
    """
    if isinstance(preset, Recipe | CrossFitRecipe):
        return preset
    name = check_choice(preset, "preset", ["default", "paper"])
    return Recipe() if name == "paper" else CrossFitRecipe()
