from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from qclmixnet import QCLMixNetClassifier
from qclmixnet.core.errors import InputError

Refuse = Callable[[Callable[[], object], str], None]


@pytest.fixture(scope="session")
def people() -> tuple[pd.DataFrame, pd.Series]:
    """A table with every kind of column, holes included, and two classes."""
    rng = np.random.default_rng(0)
    n = 60
    frame = pd.DataFrame(
        {
            "age": rng.integers(18, 80, n),
            "income": np.where(np.arange(n) % 7 == 0, np.nan, rng.normal(size=n)),
            "city": rng.choice(["Ulm", "Bonn", "Kiel"], n),
            "member": rng.random(n) < 0.5,
            "since": pd.Timestamp("2020-01-01")
            + pd.to_timedelta(rng.integers(0, 900, n), unit="D"),
        }
    )
    labels = pd.Series(np.where(np.arange(n) % 5 == 0, "rare", "common"), name="kind")
    return frame, labels


@pytest.fixture(scope="session")
def fitted(people: tuple[pd.DataFrame, pd.Series]) -> QCLMixNetClassifier:
    return QCLMixNetClassifier(max_epochs=1, random_state=0).fit(*people)


@pytest.fixture(scope="session")
def refuse() -> Refuse:
    """Ask that a call ends in one of our errors, raised by us, told by its words."""

    def check(call: Callable[[], object], words: str) -> None:
        with pytest.raises(InputError, match=words) as caught:
            call()
        assert type(caught.value).__module__ == "qclmixnet.core.errors"
        raised_in = str(caught.traceback[-1].frame.f_globals["__name__"])
        assert raised_in.startswith("qclmixnet.")
        assert str(caught.value).rstrip().endswith((".", "'"))

    return check
