import pickle
import subprocess
import sys
import time

import numpy as np
import pytest

from qclmixnet import load_dataset
from qclmixnet.baselines import make_baseline

for library in ("xgboost", "lightgbm", "catboost", "imblearn"):
    pytest.importorskip(library)


@pytest.mark.parametrize("name", ["xgboost", "lightgbm", "catboost", "smote_xgboost"])
def test_a_time_limit_keeps_the_rounds_so_far(name: str) -> None:
    data = load_dataset("hypothyroid")
    start = time.monotonic()
    peer = make_baseline(name, time_limit_s=0.01).fit(data.frame, data.target)
    assert time.monotonic() - start < 30
    proba = peer.predict_proba(data.frame)
    # One or two rounds move little from where boosting starts, but they do move.
    assert np.ptp(proba[:, 0]) > 0
    assert pickle.loads(pickle.dumps(peer)).predict_proba(data.frame).tobytes() == (
        proba.tobytes()
    )


@pytest.mark.parametrize("name", ["xgboost", "lightgbm"])
def test_a_limit_that_is_not_reached_changes_nothing(name: str) -> None:
    data = load_dataset("newthyroid")
    limited, free = (
        make_baseline(name, time_limit_s=seconds).fit(data.frame, data.target)
        for seconds in (600, None)
    )
    assert limited.predict_proba(data.frame).tobytes() == (
        free.predict_proba(data.frame).tobytes()
    )


def test_importing_the_room_imports_no_optional_library() -> None:
    libraries = [
        *("xgboost", "lightgbm", "catboost", "imblearn"),
        *("pytabkit", "pytorch_tabnet", "torch_geometric"),
    ]
    script = (
        "import sys, qclmixnet.baselines; "
        f"print([m for m in {libraries} if m in sys.modules])"
    )
    run = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == "[]"
