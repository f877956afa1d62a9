"""What studies share that decide again with the parts of fitted models."""

import argparse
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from development import Table
from sklearn.metrics import f1_score, recall_score
from threads import one_thread

from qclmixnet import QCLMixNetClassifier
from qclmixnet.estimators import member_fitting
from qclmixnet.evaluation.protocol import Fold


def missing_tables(
    description: str | None, tables: Sequence[str], rows: Path
) -> Iterator[str]:
    """Yield the tables of the command line that have no rows yet; on one thread."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--tables", default=",".join(tables))
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    one_thread()
    done = set(pd.read_csv(rows)["table"]) if rows.exists() else set()
    yield from (name for name in options.tables.split(",") if name not in done)


def members_on_test(
    clf: QCLMixNetClassifier, data: Table, fold: Fold
) -> tuple[tuple[torch.Tensor, torch.Tensor], np.ndarray, np.ndarray]:
    """Return the test rows, their mean probabilities by members, and their classes.

    A class that was not learned is -1.
    """
    encoded = clf._encode(data.frame.iloc[fold.test])
    x_num, x_cat = torch.from_numpy(encoded.x_num), torch.from_numpy(encoded.x_cat)
    model = clf.state_.model
    logits = member_fitting.member_outputs(
        model.network, model.inputs, x_num, x_cat, output="logits"
    )
    place = {label: code for code, label in enumerate(clf.classes_)}
    truth = np.array([place.get(code, -1) for code in data.codes[fold.test]])
    return (x_num, x_cat), logits.softmax(dim=2).mean(dim=0).numpy(), truth


def scores_of(
    truth: np.ndarray, proba: np.ndarray, offsets: np.ndarray
) -> dict[str, float]:
    """Decide with offsets to the logarithms of probabilities, and score."""
    predicted = (np.log(np.maximum(proba, 1e-300)) + offsets).argmax(axis=1)
    by_class = {"labels": np.unique(truth), "average": "macro", "zero_division": 0}
    return {
        "macro_f1": round(f1_score(truth, predicted, **by_class), 6),
        "macro_recall": round(recall_score(truth, predicted, **by_class), 6),
    }
