"""One small network in place of eight members, or of the trees too: is it worth it?

    python benchmarks/distillation.py

* parts: how an exported model's time divides among encoding, members and trees, by
  onnxruntime's own profile of blocks of 256 rows.
* speed: the exported model and the same with a student in place of its members.
* scores: the same pairs on held-out folds of six tables.

A student is one member with bins of the teacher's width or twice that, trained on what
the members' mean says about training rows and about rows in between them: numbers on
the line between two rows, categories of one of them. Trees, calibration and rule stay
the teacher's; the last student stands for the trees as well. Rows go to
`benchmarks/results/distillation.csv` and `distillation_speed.csv`; a table of
`docs/decisions/0015-distillation.md` each.
"""

import json
import re
import sys
import tempfile
import time
from collections.abc import Callable
from copy import copy, deepcopy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from crossval import _folds
from onnx_speed import BLOCK, N_TRAIN, make_table
from pages import interval, replace_table
from rows import append_row

from qclmixnet import QCLMixNetClassifier, load_dataset
from qclmixnet.estimators.models import MemberModel, for_inference
from qclmixnet.export import export_onnx, onnx_inputs
from qclmixnet.export.encoding import encode_columns
from qclmixnet.export.graph import Graph
from qclmixnet.export.members import mean_of_members
from qclmixnet.export.model import inputs_of
from qclmixnet.export.student import rows_between
from qclmixnet.export.trees import mean_of_trees
from qclmixnet.metrics import score_predictions
from qclmixnet.nn import MemberNetwork
from qclmixnet.preprocessing import EncodedTable
from qclmixnet.table import class_codes
from qclmixnet.training.rates import warm_cosine
from qclmixnet.training.stacked_adamw import StackedAdamW

HERE = Path(__file__).parent
SCORED = HERE / "results" / "distillation.csv"
TIMED = HERE / "results" / "distillation_speed.csv"
PAGE = HERE.parent / "docs" / "decisions" / "0015-distillation.md"
TABLES = ("german", "hypothyroid", "satimage", "wine_red", "yeast", "car")
N_FOLDS = 2
STUDENTS = {
    "student 32": "members, 32 wide",
    "student 64": "members, 64 wide",
    "whole 64": "members and trees, 64 wide",
}
N_STEPS, BATCH, POOL = 3_000, 256, 30_000
SCORES = ("macro_f1", "macro_recall", "log_loss")


def unscaled(proba: np.ndarray) -> np.ndarray:
    """Return probabilities as they are, in place of a calibration."""
    return proba


def imitated(model: MemberModel, method: str) -> MemberModel:
    """Return what a student imitates: the members, or the trees with them."""
    plain = replace(model, scaling=unscaled)
    return plain if method.startswith("whole") else without_trees(plain)


def without_trees(model: MemberModel) -> MemberModel:
    """Return the members alone."""
    return replace(model, trees=None, tree_share=0.0)


def student_of(
    model: MemberModel, encoded: EncodedTable, method: str, seed: int
) -> MemberModel:
    """Return the model with one network in place of what it imitates."""
    torch.set_num_threads(1)
    teacher = model.network
    generator = torch.Generator().manual_seed(seed)
    network = MemberNetwork(
        n_plain=model.inputs.n_plain,
        n_columns=model.inputs.n_columns,
        n_bins=model.inputs.n_bins,
        n_classes=teacher.n_classes,
        n_binned=1,
        d_hidden=int(method.split()[1]),
        dropout=0.0,
        input_norm=max(encoded.x_num.shape[1] ** 0.5, 1.0),
        generators=[generator],
        pool_generator=torch.Generator().manual_seed(seed),
    )
    rows = rows_between(encoded, POOL, np.random.default_rng(seed))
    target = torch.from_numpy(imitated(model, method).proba(rows)).float()
    inputs = deepcopy(model.inputs).float()
    plain, bins = inputs(torch.from_numpy(rows.x_num), torch.from_numpy(rows.x_cat))
    learn(network.train(), plain, bins, target, generator)
    for_inference(network)
    out = replace(model, network=network)
    return without_trees(out) if method.startswith("whole") else out


def learn(network, plain, bins, target, generator) -> None:
    """Take steps towards the targets; leave the averaged weights."""
    parameters = list(network.parameters())
    optimizer = StackedAdamW(
        parameters, weight_decay=0.01, max_gradient_norm=1.0, average=0.99
    )
    for step in range(N_STEPS):
        rows = torch.randint(len(plain), (BATCH,), generator=generator)
        logits = network(plain[rows], None if bins is None else bins[rows]).logits[0]
        loss = -(target[rows] * logits.log_softmax(dim=1)).sum(dim=1).mean()
        rate = warm_cosine(step, N_STEPS, peak=4e-3, final_rate=0.02, warmup_steps=100)
        optimizer.step(torch.autograd.grad(loss, parameters), rate)
    with torch.no_grad():
        torch._foreach_copy_(parameters, optimizer.averages)


def with_student(clf: QCLMixNetClassifier, X, method: str) -> QCLMixNetClassifier:
    """Return the classifier with a student in it."""
    model = student_of(clf.state_.model, clf._encode(X), method, seed=0)
    out = copy(clf)
    out._adopt(replace(clf.state_, model=model))
    return out


def score(clf: QCLMixNetClassifier, X, y, classes) -> dict[str, float]:
    """Return the scores of some rows."""
    full = np.zeros((len(y), len(classes)))
    full[:, class_codes(clf.classes_, classes)] = clf.predict_proba(X)
    truth, said = class_codes(y, classes), class_codes(clf.predict(X), classes)
    scores = score_predictions(truth, said, full, labels=classes.tolist())
    return {name: round(getattr(scores, name), 6) for name in SCORES}


def run_scores() -> None:
    """Score teacher and students on the folds that are not stored yet."""
    done = set()
    if SCORED.exists():
        stored = pd.read_csv(SCORED)
        done = set(zip(stored["table"], stored["fold"], strict=True))
    for name in TABLES:
        X, y = load_dataset(name, return_X_y=True)
        classes = np.unique(np.asarray(y))
        for fold, (train, test) in enumerate(_folds(X, y, 0)):
            if fold >= N_FOLDS or (name, fold) in done:
                continue
            own, held = X.iloc[train], X.iloc[test]
            teacher = QCLMixNetClassifier(random_state=0, device="cpu")
            teacher.fit(own, y.iloc[train])
            said = teacher.predict(held)
            fits = {"teacher": teacher}
            fits |= {m: with_student(teacher, own, m) for m in STUDENTS}
            for method, clf in fits.items():
                same = float(np.mean(clf.predict(held) == said))
                found = score(clf, held, y.iloc[test], classes)
                key = {"table": name, "fold": fold, "method": method}
                append_row(SCORED, {**key, **found, "agreement": round(same, 5)})


def session_of(path: Path, *, profile: Path | None = None):
    """Open a model with one thread."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    if profile is not None:
        options.enable_profiling = True
        options.profile_file_prefix = str(profile)
    return onnxruntime.InferenceSession(
        path, options, providers=["CPUExecutionProvider"]
    )


def parts_of(clf: QCLMixNetClassifier, path: Path, inputs, folder: Path):
    """Return the share of each part in the time of blocks of rows."""
    borders = node_borders(clf)
    session = session_of(path, profile=folder / "profile")
    feeds = {name: values[:BLOCK] for name, values in inputs.items()}
    for _ in range(60):
        session.run(None, feeds)
    events = json.loads(Path(session.end_profiling()).read_text(encoding="utf-8"))
    taken = dict.fromkeys((*borders, "rest"), 0.0)
    for event in events:
        if event.get("cat") != "Node" or not event["name"].endswith("_kernel_time"):
            continue
        found = re.search(r"qclmixnet/[A-Za-z]+_(\d+)", event["name"])
        part = "rest" if found is None else part_of(int(found[1]), borders)
        taken[part] += event["dur"]
    whole = sum(taken.values())
    return {part: round(time_ / whole, 4) for part, time_ in taken.items()}


def node_borders(clf: QCLMixNetClassifier) -> dict[str, range]:
    """Return which nodes of the exported graph are whose."""
    state, graph = clf.state_, Graph()
    model = state.model
    encoded = encode_columns(graph, state.encoder, inputs_of(state))
    a = len(graph.nodes)
    mean_of_members(graph, model.network, model.inputs, encoded)
    b = len(graph.nodes)
    if model.trees is not None:
        mean_of_trees(graph, model.trees, encoded)
    c = len(graph.nodes)
    return {"encoding": range(a), "members": range(a, b), "trees": range(b, c)}


def part_of(node: int, borders: dict[str, range]) -> str:
    """Return the part that a node belongs to."""
    return next((part for part, own in borders.items() if node in own), "rest")


def timer(path: Path, inputs) -> Callable[[], dict[str, float]]:
    """Return what measures a model: single rows and blocks, in processor time."""
    session = session_of(path)
    n_rows = len(next(iter(inputs.values())))

    def run(start: int, stop: int) -> None:
        session.run(None, {k: v[start:stop] for k, v in inputs.items()})

    def measure() -> dict[str, float]:
        single = []
        for row in range(300):
            before = time.thread_time()
            run(row % n_rows, row % n_rows + 1)
            single.append(time.thread_time() - before)
        before, n_done = time.thread_time(), 0
        for start in range(0, min(n_rows, 4096) - BLOCK + 1, BLOCK):
            run(start, start + BLOCK)
            n_done += BLOCK
        per_s = n_done / (time.thread_time() - before)
        return {"single_ms": 1e3 * float(np.median(single)), "rows_per_s": per_s}

    return measure


def timed_tables():
    """Return the tables that are timed, and how many rows of them are learned from."""
    X, y = make_table(N_TRAIN + 4096)
    yield "made, 50 columns", X, pd.Series(y), N_TRAIN
    for name in ("satimage", "german"):
        X, y = load_dataset(name, return_X_y=True)
        yield name, X, y, len(X) // 2


def run_speed() -> None:
    """Time teachers and students, in turns."""
    TIMED.unlink(missing_ok=True)
    for name, X, y, n_train in timed_tables():
        own, held = X.iloc[:n_train], X.iloc[n_train:]
        clf = QCLMixNetClassifier(max_epochs=2, random_state=0, device="cpu")
        clf.fit(own, y.iloc[:n_train])
        inputs = onnx_inputs(clf, held)
        with tempfile.TemporaryDirectory() as folder_name:
            folder = Path(folder_name)
            fits = {"teacher": clf}
            fits |= {m: with_student(clf, own, m) for m in STUDENTS}
            paths = {m: export_onnx(f, folder / f"{m}.onnx") for m, f in fits.items()}
            timers = {method: timer(path, inputs) for method, path in paths.items()}
            turns = [{m: measure() for m, measure in timers.items()} for _ in range(7)]
            for method, path in paths.items():
                times = pd.DataFrame([turn[method] for turn in turns]).median()
                row = {"table": name, "method": method}
                row |= {key: float(f"{value:.4g}") for key, value in times.items()}
                append_row(TIMED, row | parts_of(fits[method], path, inputs, folder))


def title(method: str) -> str:
    """Return a model in words."""
    return f"student of {STUDENTS[method]}" if method in STUDENTS else "as fitted"


def of_speed(rows: pd.DataFrame) -> str:
    """Return times and shares as Markdown."""
    lines = [
        "| table | model | rows per processor second | a single row, ms | encoding "
        "| members | trees | rest |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in rows.to_dict("records"):
        shares = [f"{row[p]:.0%}" for p in ("encoding", "members", "trees", "rest")]
        cells = [row["table"], title(row["method"]), f"{row['rows_per_s']:,.0f}"]
        cells += [f"{row['single_ms']:.2f}", *shares]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def of_scores(rows: pd.DataFrame) -> str:
    """Return what students lose, table by table and on average, as Markdown."""
    means = rows.groupby(["table", "method"])[[*SCORES, "agreement"]].mean()
    lines = [
        "| table | student of | macro-F1 | macro recall | log-loss | same labels |",
        "|---|---|---|---|---|---|",
    ]
    for method, name in STUDENTS.items():
        lost = []
        for table in TABLES:
            less = means.loc[table, method] - means.loc[table, "teacher"]
            lost.append(less[list(SCORES)].to_numpy())
            cells = [f"{less[score]:+.3f}" for score in SCORES]
            same = f"{means.loc[(table, method), 'agreement']:.1%}"
            lines.append(f"| {table} | {name} | {' | '.join(cells)} | {same} |")
        cells = []
        for column in np.array(lost).T:
            low, high = interval(column)
            cells.append(f"**{column.mean():+.3f}** ({low:+.3f} to {high:+.3f})")
        lines.append(f"| all | {name} | {' | '.join(cells)} | |")
    return "\n".join(lines)


def main() -> None:
    """Run what is missing and put the tables into the page."""
    if "--speed" in sys.argv or not TIMED.exists():
        run_speed()
    if "--page" not in sys.argv:
        run_scores()
    replace_table(PAGE, of_speed(pd.read_csv(TIMED)), name="speed")
    replace_table(PAGE, of_scores(pd.read_csv(SCORED)), name="scores")


if __name__ == "__main__":
    main()
