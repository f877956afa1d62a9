"""What a rule is expected to do, with how sure that is."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass

from qclmixnet.core.errors import ModelFormatError
from qclmixnet.core.estimate import Estimate
from qclmixnet.decision.checks import is_number

__all__ = ["ClassOutlook", "Outlook"]


@dataclass(frozen=True)
class ClassOutlook:
    """What a rule is expected to do with one class.

    Attributes:
        n_rows: held-out rows of the class: on so many the figures rest.
        recall: share of its rows that are predicted as it; None without held-out rows.
        precision: share of the rows predicted as it that are of it; None if no
            held-out row is predicted as it.
        f1: harmonic mean of the two; None if the class neither has rows nor is
            predicted.
        share: share of all rows that are predicted as it.
    """

    n_rows: int
    recall: Estimate | None
    precision: Estimate | None
    f1: Estimate | None
    share: Estimate


@dataclass(frozen=True)
class Outlook:
    """What a rule is expected to do on new rows like the held-out ones.

    Each figure has a 90 % interval: 5 % of what may be true lies below it, 5 % above.

    Attributes:
        classes: class by class, by number.
        accuracy: share of rows predicted right.
        macro_f1: mean F1 of the classes that occur or are predicted.
        macro_recall: mean recall of the classes with held-out rows.
        g_mean: geometric mean of these recalls.
        mcc: Matthews' correlation, multi-class form.
        mean_cost: mean cost of a row; None if no costs were stated.
        confusion: share of rows by true class, then by predicted class.
        cross_fitted: True if the rule was chosen anew without the rows that it is
            judged on.
        note: what to know about the figures, empty when there is nothing.
    """

    classes: tuple[ClassOutlook, ...]
    accuracy: Estimate
    macro_f1: Estimate
    macro_recall: Estimate
    g_mean: Estimate
    mcc: Estimate
    mean_cost: Estimate | None
    confusion: tuple[tuple[float, ...], ...]
    cross_fitted: bool
    note: str

    @property
    def n_rows(self) -> int:
        """Held-out rows that the figures rest on."""
        return sum(of.n_rows for of in self.classes)

    def to_dict(self) -> dict[str, object]:
        """Return the outlook as plain dicts, lists and numbers, fit for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, state: Mapping[str, object]) -> "Outlook":
        """Rebuild an outlook from what ``to_dict`` returned.

        Args:
            state: the dict, also after a way through JSON.

        Returns:
            An equal outlook.

        Raises:
            ModelFormatError: `state` is not what ``to_dict`` returns.
        """
        try:
            return _outlook(state)
        except (KeyError, TypeError, ValueError) as error:
            raise ModelFormatError(
                f"The stored outlook of the decision rule is damaged: {error}."
            ) from error


def _outlook(state: Mapping[str, object]) -> Outlook:
    note = state["note"]
    if not isinstance(note, str):
        raise TypeError(f"a note of {note!r}")
    return Outlook(
        classes=tuple(_class_outlook(of) for of in _list(state["classes"])),
        **{name: _estimate(state[name]) for name in _SCORES},
        mean_cost=_optional(state["mean_cost"]),
        confusion=tuple(
            tuple(_number(share) for share in _list(row))
            for row in _list(state["confusion"])
        ),
        cross_fitted=bool(state["cross_fitted"]),
        note=note,
    )


_SCORES = ("accuracy", "macro_f1", "macro_recall", "g_mean", "mcc")


def _class_outlook(state: object) -> ClassOutlook:
    of = _dict(state)
    return ClassOutlook(
        n_rows=int(_number(of["n_rows"])),
        recall=_optional(of["recall"]),
        precision=_optional(of["precision"]),
        f1=_optional(of["f1"]),
        share=_estimate(of["share"]),
    )


def _optional(state: object) -> Estimate | None:
    return None if state is None else _estimate(state)


def _estimate(state: object) -> Estimate:
    of = _dict(state)
    return Estimate(*(_number(of[name]) for name in ("value", "low", "high")))


def _number(value: object) -> float:
    if not is_number(value):
        raise TypeError(f"{value!r} is no number")
    return float(value)  # type: ignore[arg-type]


def _dict(value: object) -> Mapping[str, object]:
    if not isinstance(value, Mapping):
        raise TypeError(f"{value!r} holds no names")
    return value


def _list(value: object) -> list[object]:
    if not isinstance(value, list | tuple):
        raise TypeError(f"{value!r} is no list")
    return list(value)
