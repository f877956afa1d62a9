"""The errors and warnings of this package, understood by foreign ``except`` clauses."""

__all__ = [
    "DataWarning",
    "FitWarning",
    "InputError",
    "InputTypeError",
    "MissingExtraError",
    "ModelFormatError",
    "QCLMixNetError",
]


class QCLMixNetError(Exception):
    """Base of every error that qclmixnet raises on purpose."""


class InputError(QCLMixNetError, ValueError):
    """Something the caller can fix: an argument, a table, a label, a file."""


class InputTypeError(InputError, TypeError):
    """An input of a kind that cannot be read as a table or as labels at all."""


class ModelFormatError(InputError):
    """A model folder that is damaged, edited, foreign, or from a newer version."""


class MissingExtraError(QCLMixNetError, ImportError):
    """An optional library is not installed; the message names the extra to install.

    Args:
        library: the distribution that is missing, for example ``"matplotlib"``.
        extra: the extra of qclmixnet that brings it, for example ``"report"``.
        purpose: what it is needed for, as the subject of a sentence.
    """

    def __init__(self, library: str, *, extra: str, purpose: str) -> None:
        super().__init__(
            f"{purpose} needs {library}, which is not installed. "
            f"Install it with: pip install 'qclmixnet[{extra}]'"
        )


class DataWarning(UserWarning):
    """The table can be used, but something in it deserves a look."""


class FitWarning(UserWarning):
    """The fit finished, but something in it deserves a look."""
