"""An outlook on its way through JSON."""

import json

import numpy as np
import pytest

from qclmixnet.core.errors import ModelFormatError
from qclmixnet.decision import ArgmaxRule, HeldOut, Outlook, expect

CODES = np.array([0, 0, 0, 1, 1, 0])
ROWS = HeldOut(CODES, np.eye(3)[[0, 0, 1, 1, 0, 0]], np.ones(6))


@pytest.mark.parametrize("costs", [None, np.ones((3, 3))])
def test_it_survives_json(costs: np.ndarray | None) -> None:
    outlook = expect(ArgmaxRule(), ROWS, costs=costs)
    stored = json.dumps(outlook.to_dict(), allow_nan=False)
    assert Outlook.from_dict(json.loads(stored)) == outlook
    assert Outlook.from_dict(outlook.to_dict()) == outlook


@pytest.mark.parametrize(
    "change",
    [
        {"classes": None},
        {"classes": [1]},
        {"accuracy": None},
        {"accuracy": {"value": 1.0, "low": 0.5}},
        {"mcc": {"value": "1", "low": 0.5, "high": 1.0}},
        {"confusion": [["a"]]},
        {"note": 3},
    ],
)
def test_a_damaged_state_is_refused(change: dict[str, object]) -> None:
    state = expect(ArgmaxRule(), ROWS).to_dict() | change
    with pytest.raises(ModelFormatError, match="outlook of the decision rule"):
        Outlook.from_dict(state)


def test_an_empty_state_is_refused() -> None:
    with pytest.raises(ModelFormatError, match="damaged: 'note'"):
        Outlook.from_dict({})
