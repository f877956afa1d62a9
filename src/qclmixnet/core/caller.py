"""Warnings that point at the caller's own line."""

import sys
import warnings

__all__ = ["warn_caller"]


def warn_caller(message: str, category: type[Warning]) -> None:
    """Warn at the first line outside this package, however deep the call was."""
    frame = sys._getframe(1)
    level = 2
    inside = ("qclmixnet", "jaxtyping", "beartype")
    while frame.f_back and frame.f_globals.get("__name__", "").startswith(inside):
        frame = frame.f_back
        level += 1
    warnings.warn(message, category, stacklevel=level)
