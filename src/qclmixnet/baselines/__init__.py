"""Peers to compare with: each a library's own model behind `make_baseline`."""

from qclmixnet.baselines.classical import list_baselines, make_baseline

__all__ = ["list_baselines", "make_baseline"]
