"""What an earlier run was made with, where it differs from what is asked now."""

from qclmixnet.benchmark.record import RunDescription

__all__ = ["differences_in_words"]

_WORDS = {
    "n_folds": "number of folds",
    "n_seeds": "number of seeds",
    "time_limit_s": "time limit in seconds",
    "max_train_rows": "limit of training rows",
    "tuned": "choice of rules",
    "source": "file",
    "target": "target column",
    "drop": "list of dropped columns",
    "time_column": "time column",
    "gap": "gap",
    "group_column": "group column",
}


def differences_in_words(before: RunDescription, asked: RunDescription) -> list[str]:
    """Return a few words for each setting that two descriptions do not share.

    Args:
        before: of the run in the folder.
        asked: of the run that shall go on with it.

    Returns:
        For example ``["number of folds (2 there, 3 now)"]``; tables and methods are
        not compared.

    >>> two = RunDescription(("glass",), ("knn",), n_folds=2)
    >>> differences_in_words(two, RunDescription(("yeast",), ("knn",), n_folds=3))
    ['number of folds (2 there, 3 now)']
    """
    found = [
        f"{words} ({_told(getattr(before, name))} there, "
        f"{_told(getattr(asked, name))} now)"
        for name, words in _WORDS.items()
        if getattr(before, name) != getattr(asked, name)
    ]
    same_file = (before.source, before.target, before.drop) == (
        *(asked.source, asked.target, asked.drop),
    )
    if same_file and before.checksum != asked.checksum:
        found.append("content of the file (it has changed since)")
    return found


def _told(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(map(str, value)) or "none"
    return "none" if value == "" else str(value)
