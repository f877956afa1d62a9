"""Hyper-parameters by name: what an estimator has, and a copy with others.

A `QCLMixNetClassifier` has the fields of its recipe, with dots between the parts
(``"trees.n_rounds"``); a `Peer` has the parameters of its card; any other estimator
has what ``get_params`` lists.
"""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any

from sklearn.base import clone

from qclmixnet.baselines import Peer
from qclmixnet.baselines.peer import check_parameters
from qclmixnet.core.errors import InputError
from qclmixnet.estimators import QCLMixNetClassifier
from qclmixnet.estimators.settings import recipe_arguments, resolve_recipe
from qclmixnet.tuning.space import Choice, Fraction, Space, Whole
from qclmixnet.tuning.spaces import PEER_DEFAULTS

__all__ = ["check_space", "default_values", "with_parameters"]


def with_parameters(estimator: Any, params: Mapping[str, object]) -> Any:  # noqa: ANN401
    """Return an unfitted copy with some hyper-parameters set.

    Args:
        estimator: any scikit-learn classifier.
        params: values by name.

    Returns:
        The copy; equal to the estimator when there are no values.

    Raises:
        InputError: the estimator has no such hyper-parameter, or a value is out of
            its range.
    """
    out = clone(estimator)
    if not params:
        return out
    if isinstance(out, Peer):
        check_parameters(out.card, params)
        return out.set_params(params={**(out.params or {}), **params})
    own = set(out.get_params())
    flat = {name: value for name, value in params.items() if name in own}
    others = {name: value for name, value in params.items() if name not in own}
    if flat:
        out.set_params(**flat)
    if not others:
        return out
    if not isinstance(out, QCLMixNetClassifier):
        raise _unknown(out, list(others), sorted(own))
    recipe: Any = resolve_recipe(out.get_params(deep=False))
    for name, value in others.items():
        recipe = _with_field(recipe, name.split("."), value, name)
    # The recipe holds what these arguments asked for; given again they would win.
    given = recipe_arguments(out.get_params(deep=False))
    return out.set_params(**dict.fromkeys(given), preset=recipe)


def default_values(estimator: Any, space: Space) -> dict[str, object]:  # noqa: ANN401
    """Return the estimator's present values, as far as the space holds them.

    Args:
        estimator: any scikit-learn classifier.
        space: what is searched.

    Returns:
        Values by name. A value that follows the table, or lies outside its range, is
        left out.
    """
    found = {name: _value(estimator, name) for name in space}
    return {name: v for name, v in found.items() if space[name].holds(v)}


def check_space(estimator: Any, space: object) -> Space:  # noqa: ANN401
    """Check that a space names hyper-parameters that the estimator has.

    Args:
        estimator: any scikit-learn classifier.
        space: what the caller gave.

    Returns:
        The space.

    Raises:
        InputError: it is no mapping from names to ranges, is empty, or names a
            hyper-parameter that is not there.
    """
    if not isinstance(space, Mapping) or not space:
        raise InputError(
            "`space` must map names of hyper-parameters to Fraction, Whole or Choice, "
            f"at least one, got {space!r}."
        )
    for name, entry in space.items():
        if not isinstance(entry, Fraction | Whole | Choice):
            raise InputError(
                f"`space[{name!r}]` must be a Fraction, Whole or Choice, got {entry!r}."
            )
        _value(estimator, name)
    return dict(space)


def _value(estimator: Any, name: str) -> object:  # noqa: ANN401
    """Return the present value of a hyper-parameter."""
    if isinstance(estimator, Peer):
        check_parameters(estimator.card, [name])
        known = {
            **PEER_DEFAULTS.get(estimator.card.name, {}),
            **(estimator.params or {}),
        }
        return known.get(name)
    own = estimator.get_params()
    if name in own:
        value: object = own[name]
        return value
    if not isinstance(estimator, QCLMixNetClassifier):
        raise _unknown(estimator, [name], sorted(own))
    config: Any = resolve_recipe(estimator.get_params(deep=False))
    for part in name.split("."):
        if not is_dataclass(config) or part not in {f.name for f in fields(config)}:
            raise _unknown(estimator, [name], _names_of(estimator))
        config = getattr(config, part)
    if is_dataclass(config):
        raise _unknown(estimator, [name], _names_of(estimator))
    return config


def _with_field(config: Any, path: list[str], value: object, name: str) -> Any:  # noqa: ANN401
    first, *rest = path
    if not is_dataclass(config) or first not in {f.name for f in fields(config)}:
        raise InputError(f"The recipe has no field {name!r}.")
    if rest:
        value = _with_field(getattr(config, first), rest, value, name)
    return replace(config, **{first: value})  # type: ignore[type-var]


def _names_of(estimator: QCLMixNetClassifier) -> list[str]:
    recipe = resolve_recipe(estimator.get_params(deep=False))
    names = []
    for field in fields(recipe):
        part = getattr(recipe, field.name)
        inner = [f.name for f in fields(part)] if is_dataclass(part) else []
        names += [f"{field.name}.{i}" for i in inner] or [field.name]
    return names


def _unknown(estimator: object, names: list[str], known: list[str]) -> InputError:
    listed = ", ".join(map(repr, names))
    return InputError(
        f"{type(estimator).__name__} has no hyper-parameter {listed}; choose among "
        f"{', '.join(known)}."
    )
