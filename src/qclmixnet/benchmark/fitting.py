"""One fit in a process of its own: learn, predict, measure."""

import time
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from qclmixnet.benchmark.methods import decides_itself, make_method
from qclmixnet.core.clock import processor_clock

__all__ = ["FitJob", "FitResult", "fit_and_predict"]


@dataclass(frozen=True)
class FitJob:
    """What one fit needs; it holds no label of the rows to predict.

    Attributes:
        method: name of the method.
        X_train: rows to learn from.
        codes_train: class number of each.
        X_test: rows to predict.
        n_classes: classes of the whole table.
        random_state: seed of the model.
        n_threads: threads it may use.
        time_limit_s: for methods that can stop early, in processor seconds of each
            thread.
        device: where it is fitted, as torch names it.
    """

    method: str
    X_train: pd.DataFrame
    codes_train: npt.NDArray[np.int64]
    X_test: pd.DataFrame
    n_classes: int
    random_state: int
    n_threads: int
    time_limit_s: float
    device: str = "cpu"


@dataclass(frozen=True)
class FitResult:
    """What came of one fit.

    Attributes:
        proba: float64 of shape (n_test, n_classes); a class that the training part
            lacks has probability 0.
        predicted: class number that the method itself decides for each test row.
        fit_s: wall-clock seconds of the fit.
        fit_cpu_s: processor seconds of the fit, over all threads.
        predict_s: wall-clock seconds of the probabilities.
        device: what it was fitted on: ``"cpu"``, or the name of the GPU.
    """

    proba: npt.NDArray[np.float64]
    predicted: npt.NDArray[np.int64]
    fit_s: float
    fit_cpu_s: float
    predict_s: float
    device: str = "cpu"


def fit_and_predict(job: FitJob) -> FitResult:
    """Fit one method on the training rows and predict the test rows."""
    unfitted = make_method(
        job.method,
        random_state=job.random_state,
        n_threads=job.n_threads,
        time_limit_s=job.time_limit_s,
        device=job.device,
    )
    started, cpu_started = time.perf_counter(), time.process_time()
    with processor_clock(job.n_threads):
        clf = unfitted.fit(job.X_train, job.codes_train)
    fit_s = time.perf_counter() - started
    fit_cpu_s = time.process_time() - cpu_started
    started = time.perf_counter()
    known = clf.predict_proba(job.X_test)
    predict_s = time.perf_counter() - started
    proba = np.zeros((len(job.X_test), job.n_classes))
    proba[:, clf.classes_.astype(np.int64)] = known
    # A baseline decides for its most probable class; ours may have a rule of its own.
    predicted = (
        clf.predict(job.X_test).astype(np.int64)
        if decides_itself(job.method)
        else proba.argmax(axis=1)
    )
    return FitResult(
        proba, predicted, fit_s, fit_cpu_s, predict_s, _device_name(job.device)
    )


def _device_name(device: str) -> str:
    if not device.startswith("cuda"):
        return device
    import torch

    return torch.cuda.get_device_name(device)
