"""How the rows of a run were split, in plain words."""

from qclmixnet.benchmark.record import RunDescription

__all__ = ["folds_in_words", "split_in_words"]


def split_in_words(asked: RunDescription) -> str:
    """Name the split in half a sentence.

    Args:
        asked: the description of a run.

    Returns:
        For example ``"5-fold cross-validation"``.

    >>> split_in_words(RunDescription(("own",), ("knn",), time_column="day"))
    "5 test blocks in the order of 'day'"
    """
    groups = f" by groups of {asked.group_column!r}" if asked.group_column else ""
    if not asked.time_column:
        return f"{asked.n_folds}-fold cross-validation{groups}"
    gap = f" with a gap of {asked.gap}" if asked.gap else ""
    order = f"{asked.n_folds} test blocks in the order of {asked.time_column!r}"
    return f"{order}{gap}{',' if groups else ''}{groups}"


def folds_in_words(asked: RunDescription) -> str:
    """Say how the folds were made.

    Args:
        asked: the description of a run.

    Returns:
        One to three sentences.

    >>> folds_in_words(RunDescription(("own",), ("knn",), n_folds=3))
    '3 stratified folds; identical rows stay together.'
    """
    repeats = (
        f", repeated {asked.n_seeds} times with other folds and other seeds"
        if asked.n_seeds > 1
        else ""
    )
    if asked.time_column:
        text = (
            f"{asked.n_folds} test blocks in the order of time, in the second half of "
            "the rows; each is learned from rows before it only. So are the inner "
            "predictions that tune the rule. The blocks are not alike: what changes "
            "with time is part of the differences between them."
        )
        if asked.group_column:
            text += (
                f" Rows of equal {asked.group_column!r} are never on both sides of a "
                "split."
            )
        return text
    if asked.group_column:
        return (
            f"{asked.n_folds} folds by class{repeats}; rows of equal "
            f"{asked.group_column!r} are never on both sides of a split, so that the "
            "shares of the classes are only about the same."
        )
    return f"{asked.n_folds} stratified folds{repeats}; identical rows stay together."
