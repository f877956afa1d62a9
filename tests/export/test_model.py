"""An exported model says what the classifier says."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime
import pandas as pd
import pytest

from qclmixnet import QCLMixNetClassifier
from qclmixnet.core.errors import InputError
from qclmixnet.decision import (
    ArgmaxRule,
    BudgetRule,
    CostRule,
    DecisionRule,
    OffsetRule,
    ProbabilityScaling,
    ThresholdRule,
    defer,
    shift_prior,
)
from qclmixnet.export import compare_with_onnx, decisions, export_onnx, onnx_inputs
from qclmixnet.export.encoding import EncodedValues
from qclmixnet.export.graph import Graph, TensorInfo
from qclmixnet.export.trees import mean_of_trees
from qclmixnet.nn import BoostedTrees
from qclmixnet.training import recipe

RNG = np.random.default_rng(0)
N = 120
FRAME = pd.DataFrame(
    {
        "größe [cm]": np.where(np.arange(N) % 6 == 0, np.nan, RNG.normal(size=N)),
        "label": RNG.lognormal(0, 3, N),
        "city": pd.Series(RNG.choice(["Ulm", "Bonn", "Köln"], N)).where(
            RNG.random(N) < 0.9
        ),
        "member": RNG.random(N) < 0.5,
        "since": np.datetime64("2020-01-01", "us")
        + RNG.integers(0, 90_000_000_000_000, N),
    }
)
HARD = (
    np.nan_to_num(FRAME["größe [cm]"].to_numpy())
    + FRAME["member"]
    + RNG.normal(size=N) / 2
)
BINARY = np.where(np.quantile(HARD, 0.8) < HARD, "rare", "common")
THREE = np.digitize(HARD, np.quantile(HARD, [0.6, 0.9])) * 10
FEW = np.where(np.arange(N) < 3, 99, THREE)  # too few rows of a class for a leaf
NEW = FRAME.sample(N, replace=True, random_state=1).reset_index(drop=True)
NEW.loc[:5, "city"] = ["Rom", None, "Oslo", "Ulm", None, "Bonn"]
NEW.loc[3:9, ["größe [cm]", "label", "since"]] = None
NEW.loc[9:20, "größe [cm]"] *= 1e6
MEMBERS = recipe("default")
RICH = replace(
    MEMBERS,
    members=replace(MEMBERS.members, entangle=True, n_blocks=2, d_hidden=12),
    contrast=replace(MEMBERS.contrast, weight=0.1),
)
PAPER = recipe("paper")


def published(**changes: Any) -> object:
    return replace(PAPER, network=replace(PAPER.network, **changes))


NUMBERS = RNG.normal(size=(N, 4))
FITS: dict[str, tuple[object, object, dict[str, Any]]] = {
    "mixed, two classes": (FRAME, BINARY, {}),
    "mixed, three classes": (FRAME, THREE, {}),
    "mixed, a class without leaves": (FRAME, FEW, {}),
    "a category alone": (FRAME[["city"]], THREE, {}),
    "a boolean alone": (FRAME[["member"]], BINARY, {}),
    "no trees, truths": (FRAME, BINARY == "rare", {"n_tree_rounds": 0}),
    "numbers, floats": (NUMBERS, (THREE / 10), {"n_members": 4}),
    "waves and contrast": (FRAME, THREE.astype(np.int16), {"preset": RICH}),
    "all members see bins": (
        NUMBERS,
        BINARY,
        {
            "preset": replace(
                MEMBERS, members=replace(MEMBERS.members, binned_share=1.0)
            )
        },
    ),
    "no member sees bins": (
        FRAME,
        BINARY.astype(object),
        {
            "preset": replace(
                MEMBERS, members=replace(MEMBERS.members, binned_share=0.0)
            )
        },
    ),
    "published": (FRAME, BINARY, {"preset": "paper"}),
    "published, three classes": (FRAME, THREE, {"preset": "paper"}),
    "published, two heads, wide": (
        RNG.normal(size=(N, 261)),
        THREE,
        {"preset": published(d_token=4, n_heads=2)},
    ),
    **{
        f"published with {kind}": (
            FRAME,
            BINARY,
            {"preset": published(entanglement=kind)},
        )
        for kind in ("vector", "no_sinusoid", "scaling", "none")
    },
}


def fit(X: object, y: object, **arguments: Any) -> QCLMixNetClassifier:
    arguments = {"max_epochs": 2, "random_state": 0, "device": "cpu", **arguments}
    if isinstance(arguments.get("preset", "default"), str):
        return QCLMixNetClassifier(**arguments).fit(X, y)
    own = arguments["preset"]
    schedule = replace(own.schedule, max_epochs=arguments.pop("max_epochs"))
    arguments["preset"] = replace(own, schedule=schedule)
    return QCLMixNetClassifier(**arguments).fit(X, y)


@pytest.fixture(scope="module")
def clf() -> QCLMixNetClassifier:
    return fit(FRAME, THREE)


def score(
    path: Path, inputs: dict[str, Any]
) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options)
    proba, label = session.run(["probabilities", "label"], inputs)
    return proba, label


@pytest.mark.parametrize("case", FITS)
@pytest.mark.filterwarnings("ignore:Columns with levels:UserWarning")
@pytest.mark.filterwarnings("ignore:Classes with:UserWarning")
def test_probabilities_and_labels_are_those_of_the_classifier(
    case: str, tmp_path: Path
) -> None:
    X, y, arguments = FITS[case]
    fitted = fit(X, y, **arguments)
    path = export_onnx(fitted, tmp_path / "m.onnx")
    for rows in (X, NEW[list(X.columns)] if isinstance(X, pd.DataFrame) else -3 * X):  # type: ignore[operator]
        found = compare_with_onnx(fitted, path, rows)
        assert found.n_rows == N
        assert found.n_other_labels == 0
        assert found.largest_difference < 1e-5
    proba, label = score(path, dict(onnx_inputs(fitted, X)))
    np.testing.assert_allclose(proba.sum(axis=1), 1, rtol=1e-12)
    assert label.tolist() == fitted.predict(X).tolist()


def test_a_row_alone_is_the_row_among_others(
    clf: QCLMixNetClassifier, tmp_path: Path
) -> None:
    path = export_onnx(clf, tmp_path / "m.onnx")
    inputs = dict(onnx_inputs(clf, FRAME))
    proba, _ = score(path, inputs)
    one, _ = score(path, {name: values[7:8] for name, values in inputs.items()})
    np.testing.assert_allclose(one[0], proba[7], atol=1e-6)


def test_stated_prevalence_and_chosen_decisions_are_inside(
    clf: QCLMixNetClassifier, tmp_path: Path
) -> None:
    clf.calibrate_to({20: 0.4, 10: 0.1})
    clf.set_decision(min_recall={20: 0.8})
    path = export_onnx(clf, tmp_path / "m.onnx")
    found = compare_with_onnx(clf, path, FRAME)
    known = onnxruntime.InferenceSession(path).get_modelmeta().custom_metadata_map
    clf.calibrate_to(None)
    clf.set_decision("balanced")
    assert found.n_other_labels == 0
    assert found.largest_difference < 1e-5
    assert json.loads(known["stated_prevalence"])["20"] == pytest.approx(0.4)
    assert "a recall of '20' of at least 0.8" in known["decides_for"]
    assert json.loads(known["rule"])["kind"] == "threshold"


def test_the_file_says_what_it_is(clf: QCLMixNetClassifier, tmp_path: Path) -> None:
    path = export_onnx(clf, tmp_path / "m.onnx")
    session = onnxruntime.InferenceSession(path)
    known = session.get_modelmeta().custom_metadata_map
    assert json.loads(known["classes"]) == [0, 10, 20]
    columns = {c["column"]: c for c in json.loads(known["columns"])}
    assert {name: c["kind"] for name, c in columns.items()} == {
        "größe [cm]": "number",
        "label": "number",
        "city": "category",
        "member": "boolean",
        "since": "date",
    }
    # An output is called "label", so the column cannot be.
    assert columns["label"]["input"] == "label (column)"
    assert [i.name for i in session.get_inputs()] == [
        c["input"] for c in columns.values()
    ]


PROBA = np.concatenate(
    [
        RNG.dirichlet([1, 2, 1], 50),
        [[0.3, 0.3, 0.4], [0.25, 0.5, 0.25], [0, 0, 1], [1, 0, 0], [0.4, 0.2, 0.4]],
        [[0.25, 0.5, 0.25]] * 3,
    ]
)
RULES: tuple[DecisionRule | None, ...] = (
    None,
    ArgmaxRule(),
    OffsetRule(np.array([0.0, -0.5, 1.5]), "balanced", 0.0, 0.0, ""),
    CostRule(np.array([[0.0, 1, 2], [4, 0, 1], [0.5, 3, -1]])),
    ThresholdRule(1, 0.5),
    ThresholdRule(2, 0.0),
    ThresholdRule(0, 1.5),
    BudgetRule(1, 7),
    BudgetRule(0, 0),
    BudgetRule(2, 10_000),
)


@pytest.mark.parametrize("rule", RULES, ids=repr)
def test_a_rule_decides_the_same_also_on_ties(rule: DecisionRule | None) -> None:
    graph = Graph()
    codes = graph.name(decisions.decide(graph, "p", rule, 3), "codes")
    content = graph.to_bytes(
        [TensorInfo("p", "double", ("rows", 3))],
        [TensorInfo(codes, "int64", ("rows",))],
        {},
    )
    (found,) = onnxruntime.InferenceSession(content).run(None, {"p": PROBA})
    expected = PROBA.argmax(axis=1) if rule is None else rule.decide(PROBA)
    assert found.tolist() == expected.tolist()


def run_on_proba(graph: Graph, output: str, inputs: dict[str, Any]) -> Any:
    """Run a graph from probabilities to probabilities."""
    infos = [TensorInfo(name, "double", ("rows", 3)) for name in inputs]
    content = graph.to_bytes(infos, [TensorInfo(output, "double", ("rows", 3))], {})
    return onnxruntime.InferenceSession(content).run(None, inputs)[0]


@pytest.mark.parametrize("unknown", [(), (2,), (0, 2)])
def test_trees_are_blended_in_as_the_classifier_does(unknown: tuple[int, ...]) -> None:
    first, second = RNG.dirichlet([1, 1, 1], (2, 40))
    second[:3] = [[0, 0, 1], [0, 1, 0], [1, 0, 0]]
    graph = Graph()
    both = decisions.blend(graph, "a", "b", share=0.3, unknown=unknown, n_classes=3)
    found = run_on_proba(graph, graph.name(both, "p"), {"a": first, "b": second})
    expected = 0.7 * first + 0.3 * defer(second, first, unknown)
    np.testing.assert_allclose(found, expected, rtol=1e-13, atol=1e-15)


def test_calibration_and_stated_shares_are_those_of_the_classifier() -> None:
    scaling = ProbabilityScaling(1.7, 0.8, (0.0, 1.1, -0.4))
    trained, stated = np.array([0.7, 0.2, 0.1]), np.array([0.1, 0.1, 0.8])
    graph = Graph()
    scaled = decisions.scale(graph, "p", scaling)
    output = graph.name(decisions.restate(graph, scaled, trained, stated), "q")
    found = run_on_proba(graph, output, {"p": PROBA})
    expected = shift_prior(scaling(PROBA), trained, stated)
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-15)


def test_a_number_on_a_threshold_goes_left() -> None:
    trees = BoostedTrees(1, (), 2, n_sets=1, n_rounds=1, depth=2)
    limit = float(np.float32(0.1))
    infinite = float("inf")
    trees.threshold.copy_(trees.threshold.new_tensor([limit, infinite, 0.7]))
    trees.value.copy_(trees.value.new_tensor([1.0, -9, 2.0, 3.0]))
    graph = Graph()
    x = graph.cast("x", np.float32)
    proba = graph.name(mean_of_trees(graph, trees, EncodedValues(None, x, None)), "p")
    content = graph.to_bytes(
        [TensorInfo("x", "double", ("rows", 1))],
        [TensorInfo(proba, "double", ("rows", 2))],
        {},
    )
    values = np.array(
        [limit, np.nextafter(np.float32(limit), np.float32(1)), 0.8], dtype=np.float32
    )
    inputs = {"x": values[:, None].astype(np.float64)}
    (found,) = onnxruntime.InferenceSession(content).run(None, inputs)
    expected = 1 / (1 + np.exp(-np.array([1.0, 2.0, 3.0])))
    np.testing.assert_allclose(found[:, 1], expected, rtol=1e-6)


def test_places_that_cannot_be_written_are_refused(
    clf: QCLMixNetClassifier, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match="is a folder; name a file"):
        export_onnx(clf, tmp_path)
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(InputError, match="Cannot write to"):
        export_onnx(clf, tmp_path / "file" / "m.onnx")


def test_the_same_model_is_the_same_file(
    clf: QCLMixNetClassifier, tmp_path: Path
) -> None:
    clf.save(tmp_path / "saved")
    again = QCLMixNetClassifier.load(tmp_path / "saved")
    first = export_onnx(clf, tmp_path / "a.onnx").read_bytes()
    assert export_onnx(again, tmp_path / "b.onnx").read_bytes() == first
    assert [path.name for path in tmp_path.glob(".*")] == []


def test_without_the_extra_one_sentence_says_what_to_install(tmp_path: Path) -> None:
    hidden = "import sys; sys.modules['onnx'] = None; "
    done = subprocess.run(
        [sys.executable, "-c", f"{hidden}import qclmixnet.export"],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    sentence = "Exporting a model needs onnx, which is not installed. Install it with:"
    assert f"MissingExtraError: {sentence} pip install 'qclmixnet[onnx]'" in done.stderr


@pytest.mark.usefixtures("users_view")
def test_a_place_is_a_path(clf: QCLMixNetClassifier) -> None:
    with pytest.raises(InputError, match="`path` must be a path, got 3"):
        export_onnx(clf, 3)  # type: ignore[arg-type]


def test_a_file_of_something_else_is_no_model(
    clf: QCLMixNetClassifier, tmp_path: Path
) -> None:
    (tmp_path / "m.onnx").write_text("no model")
    with pytest.raises(InputError, match="cannot be used as the exported model"):
        compare_with_onnx(clf, tmp_path / "m.onnx", FRAME)


WRITE_SLOWLY = """
import os, sys, time
from pathlib import Path
from qclmixnet.export.model import _write_whole
fsync = os.fsync
def slow(handle):
    print("written", flush=True)
    time.sleep(60)
os.fsync = slow
_write_whole(Path(sys.argv[1]), b"half" * 100_000)
"""


def test_a_kill_while_writing_leaves_the_earlier_file(tmp_path: Path) -> None:
    target = tmp_path / "m.onnx"
    target.write_bytes(b"earlier")
    process = subprocess.Popen(
        [sys.executable, "-c", WRITE_SLOWLY, str(target)], stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"written\n"
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    assert target.read_bytes() == b"earlier"
    left = [path.name for path in tmp_path.iterdir() if path != target]
    assert all(name.startswith(".m.onnx-") for name in left)
