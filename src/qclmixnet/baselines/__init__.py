"""Peers to compare with: each a library's own model behind `make_baseline`.

Importing this room imports scikit-learn alone; the library of a baseline is imported
when it is fitted.
"""

from qclmixnet.baselines.peer import BaselineCard, Peer
from qclmixnet.baselines.registry import baseline_card, list_baselines, make_baseline

__all__ = [
    "BaselineCard",
    "Peer",
    "baseline_card",
    "list_baselines",
    "make_baseline",
]
