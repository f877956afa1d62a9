"""Tables from OpenML through scikit-learn, with errors that say what to do."""

import pandas as pd

from qclmixnet.core.errors import InputError
from qclmixnet.datasets.cards import DatasetCard
from qclmixnet.datasets.integrity import measure_table

__all__ = ["PREFIX", "load_openml"]

PREFIX = "openml:"


def load_openml(
    wanted: str, *, target: str | None
) -> tuple[pd.DataFrame, pd.Series, DatasetCard]:
    """Fetch a table from OpenML, or from scikit-learn's cache of it.

    Args:
        wanted: a name such as ``"credit-g"`` or a number such as ``"31"``.
        target: the label column; None takes the one OpenML states.

    Returns:
        The features, the labels, and a card made from what OpenML states.

    Raises:
        InputError: OpenML cannot be reached, has no such table, or states no
            single label column for it.
    """
    from sklearn.datasets import fetch_openml

    query = {"data_id": int(wanted)} if wanted.isdecimal() else {"name": wanted}
    column = "default-target" if target is None else target
    try:
        bunch = fetch_openml(
            **query, target_column=column, as_frame=True, parser="auto"
        )
    except OSError as error:  # urllib's URLError and HTTPError among them
        raise InputError(
            f"OpenML cannot be reached for {wanted!r} ({error}); check the network, "
            "or load a local file by its path."
        ) from error
    except (ValueError, KeyError) as error:
        raise InputError(f"OpenML has no table for {wanted!r}: {error}") from error
    frame, labels = bunch.data, bunch.target
    if not isinstance(labels, pd.Series):
        raise InputError(
            f"OpenML states no single label column for {wanted!r}; name one as "
            f"`target`. Columns are {', '.join(map(str, frame.columns))}."
        )
    details = getattr(bunch, "details", None) or {}
    card = DatasetCard(
        name=PREFIX + wanted,
        group="openml",
        task="As described at OpenML.",
        target=str(labels.name),
        source="OpenML",
        location=str(getattr(bunch, "url", None) or "https://www.openml.org"),
        licence=str(details.get("licence") or "not stated"),
        citation=str(details.get("citation") or "not stated"),
        numbers=measure_table(frame, labels),
    )
    return frame, labels, card
