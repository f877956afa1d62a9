"""The option `--ray`, whose value may be left out."""

from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from qclmixnet.core.errors import InputError
from qclmixnet.execution import RayCluster, Workers
from qclmixnet.execution.ray_cluster import is_address

__all__ = ["CommandWithRay", "Ray", "cluster_of", "team_of", "workers_of"]

_FLAG = "--ray"
_OWN = "own"
_IN_TEAM = 2

Ray = Annotated[
    str | None,
    typer.Option(
        _FLAG,
        metavar="[ADDRESS]",
        help="Run on Ray: the cluster at HOST:PORT, the one that is found here "
        "('auto'), or without ADDRESS one of this machine, for this command alone.",
    ),
]


class CommandWithRay(TyperCommand):
    """A command that takes `--ray` with or without an address behind it."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # noqa: ANN401
        """Give a bare `--ray` the value that stands for a cluster of one's own."""
        return super().parse_args(ctx, _with_value(args))


def _with_value(args: list[str]) -> list[str]:
    """Write a bare `--ray` out; what follows is its value if it is an address.

    >>> _with_value(["--ray", "table.csv"]), _with_value(["--ray", "auto"])
    (['--ray=own', 'table.csv'], ['--ray', 'auto'])
    """
    end = args.index("--") if "--" in args else len(args)
    return [
        f"{_FLAG}={_OWN}"
        if word == _FLAG
        and place < end
        and not any(map(is_address, args[place + 1 :][:1]))
        else word
        for place, word in enumerate(args)
    ]


def cluster_of(ray: str | None) -> RayCluster | None:
    """Return the cluster that the option asks for, if it was given.

    Args:
        ray: value of the option.

    Returns:
        The cluster, not joined yet; None when the option was left out.

    Raises:
        InputError: the value is no address.
        MissingExtraError: Ray is not installed.
    """
    if ray is None:
        return None
    cluster = RayCluster("" if ray == _OWN else ray)
    cluster.require()
    return cluster


def workers_of(jobs: int | None, ray: str | None) -> Workers:
    """Return where fits run, and how many at a time.

    Args:
        jobs: value of `--jobs`.
        ray: value of `--ray`.

    Returns:
        The workers.
    """
    return Workers(jobs, cluster=cluster_of(ray))


def team_of(n_workers: int | None, ray: str | None) -> Workers | None:
    """Return who trains together.

    Args:
        n_workers: value of `--workers`.
        ray: value of `--ray`.

    Returns:
        The workers; None for this process alone.

    Raises:
        InputError: there are workers without Ray, or the value of `--ray` is no
            address.
        MissingExtraError: Ray is not installed.
    """
    cluster = cluster_of(ray)
    if cluster is not None:
        return Workers(n_workers or _IN_TEAM, cluster=cluster)
    if n_workers is None:
        return None
    raise InputError(
        f"--workers {n_workers} train together on Ray: add --ray, or leave it out."
    )
