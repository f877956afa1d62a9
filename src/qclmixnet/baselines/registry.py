"""All baselines by their stable names."""

from collections.abc import Mapping
from typing import Any

from qclmixnet.baselines.boosting import BOOSTING
from qclmixnet.baselines.classical import CLASSICAL
from qclmixnet.baselines.deep import DEEP
from qclmixnet.baselines.graph import GRAPH
from qclmixnet.baselines.imbalance import IMBALANCE_AWARE
from qclmixnet.baselines.peer import BaselineCard, Peer
from qclmixnet.core.checks import check_choice

__all__ = ["baseline_card", "list_baselines", "make_baseline"]

_CARDS = {
    card.name: card for card in (*CLASSICAL, *IMBALANCE_AWARE, *BOOSTING, *DEEP, *GRAPH)
}


def list_baselines() -> tuple[str, ...]:
    """Return the stable names of the baselines, family by family.

    >>> len(list_baselines())
    20
    """
    return tuple(_CARDS)


def baseline_card(name: str) -> BaselineCard:
    """Return what is known about a baseline: title, family, libraries, settings.

    Args:
        name: one of `list_baselines`.

    Returns:
        Its card.

    Raises:
        InputError: there is no baseline of that name.

    >>> baseline_card("random_forest").title
    'Random forest'
    """
    return _CARDS[check_choice(name, "name", list(_CARDS))]


def make_baseline(
    name: str,
    *,
    random_state: int = 0,
    n_threads: int = 1,
    time_limit_s: float | None = None,
    params: Mapping[str, Any] | None = None,
    device: str = "cpu",
) -> Peer:
    """Return an unfitted baseline.

    Args:
        name: one of `list_baselines`.
        random_state: seed of the model.
        n_threads: threads that the library may use.
        time_limit_s: seconds after which a library that can stop early should return
            its best model so far; the others run on.
        params: the library's parameters to set, among the card's `parameters`.
        device: where the deep networks of pytabkit and pytorch-tabnet are fitted, as
            torch names it, for example ``"cuda"``; the others run on the processor.

    Returns:
        A classifier with ``fit``, ``predict_proba``, ``predict`` and ``classes_``.

    Raises:
        InputError: there is no baseline of that name.
    """
    return Peer(
        baseline_card(name),
        random_state=random_state,
        n_threads=n_threads,
        time_limit_s=time_limit_s,
        params=params,
        device=device,
    )
