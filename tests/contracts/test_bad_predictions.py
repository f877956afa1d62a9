"""What cannot be predicted, saved or loaded is one clear error."""

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from safetensors.numpy import load_file, save_file
from sklearn.exceptions import NotFittedError

from qclmixnet import QCLMixNetClassifier
from qclmixnet.core.errors import InputError, ModelFormatError

pytestmark = pytest.mark.usefixtures("users_view")

Refuse = Callable[[Callable[[], object], str], None]
People = tuple[pd.DataFrame, pd.Series]
Change = Callable[[pd.DataFrame], object]

BAD_TABLES: dict[str, tuple[Change, str]] = {
    "None": (lambda _: None, "got NoneType"),
    "dict": (lambda f: f.to_dict("list"), "got dict"),
    "no rows": (lambda f: f.iloc[:0], r"0 sample\(s\)"),
    "one column gone": (lambda f: f.drop(columns="city"), "lacks 1 of the 5.*'city'"),
    "all gone but one": (
        lambda f: f[["age"]],
        "lacks 4 of the 5.*'income', 'city', 'member', 'since'",
    ),
    "all renamed": (lambda f: f.add_prefix("x_"), "lacks 5 of the 5"),
    "infinity": (lambda f: f.assign(income=np.inf), "'income'.*infinity"),
    "text for a number": (
        lambda f: f.assign(age="old"),
        "'age'.*must be a number.*'old'",
    ),
    "several of another kind": (
        lambda f: f.assign(age="old", member="maybe", since=3),
        r"(?s)3 of 5 columns.*'age'.*'member'.*'since'",
    ),
    "dates for a category": (
        lambda f: f.assign(city=f["since"]),
        "'city'.*must be a category",
    ),
    "narrow array": (lambda f: f.to_numpy()[:, :4], "X has 4 features, but QCL"),
    "wide array": (lambda _: np.ones((3, 9)), "X has 9 features, but QCL"),
    "vector": (lambda f: f["age"].to_numpy(), "Expected 2D array"),
    "duplicate names": (
        lambda f: pd.concat([f, f[["age"]]], axis=1),
        "more than once: 'age'",
    ),
}


@pytest.mark.parametrize("case", BAD_TABLES)
@pytest.mark.parametrize("method", ["predict", "predict_proba", "embed"])
def test_a_bad_table_is_refused(
    case: str,
    method: str,
    people: People,
    fitted: QCLMixNetClassifier,
    refuse: Refuse,
) -> None:
    change, words = BAD_TABLES[case]
    refuse(lambda: getattr(fitted, method)(change(people[0])), words)


@pytest.mark.parametrize("method", ["predict", "predict_proba", "embed", "save"])
def test_an_unfitted_classifier_says_so(method: str, tmp_path: Path) -> None:
    argument = tmp_path if method == "save" else [[1.0]]
    with pytest.raises(NotFittedError, match="not fitted yet"):
        getattr(QCLMixNetClassifier(), method)(argument)


Damage = Callable[[Path], object]


def _edit(change: Callable[[dict[str, object]], object]) -> Damage:
    def damage(folder: Path) -> None:
        path = folder / "model.json"
        content = json.loads(path.read_text())
        change(content)
        path.write_text(json.dumps(content))

    return damage


def _forge(change: Callable[[dict[str, object]], object]) -> Damage:
    """Edit, and put the checksum right again."""

    def forged(content: dict[str, object]) -> None:
        change(content)
        content.pop("sha256")
        text = json.dumps(content, sort_keys=True, separators=(",", ":"))
        content["sha256"] = hashlib.sha256(text.encode()).hexdigest()

    return _edit(forged)


def _dict(value: object) -> dict[str, object]:
    assert isinstance(value, dict)
    return value


def _truncate(name: str) -> Damage:
    return lambda folder: os.truncate(folder / name, 100)


def _double_tensors(folder: Path) -> None:
    path = folder / "model.safetensors"
    tensors = load_file(path)
    save_file({name: np.asarray(v * 2) for name, v in tensors.items()}, path)


DAMAGES: dict[str, tuple[Damage, str]] = {
    "no tensors": (lambda f: (f / "model.safetensors").unlink(), "safetensors is miss"),
    "no json": (lambda f: (f / "model.json").unlink(), "model.json is missing"),
    "truncated tensors": (_truncate("model.safetensors"), "checksum of model.safe"),
    "truncated json": (_truncate("model.json"), "not valid JSON"),
    "empty json": (lambda f: (f / "model.json").write_text(""), "not valid JSON"),
    "binary json": (lambda f: (f / "model.json").write_bytes(b"\xff\x00"), "not valid"),
    "deep json": (lambda f: (f / "model.json").write_text("[" * 99999), "not valid"),
    "foreign json": (
        lambda f: (f / "model.json").write_text('{"a": 1}'),
        "does not hold a qclmixnet classifier",
    ),
    "json list": (lambda f: (f / "model.json").write_text("[]"), "does not hold"),
    "newer format": (_edit(lambda c: c.update(format=99)), "Upgrade qclmixnet"),
    "format as text": (_forge(lambda c: c.update(format="1")), "no format number"),
    "format of 0": (_forge(lambda c: c.update(format=0)), "no format number"),
    "no format": (_forge(lambda c: c.pop("format")), "no format number"),
    "edited classes": (
        _edit(lambda c: c.update(classes={"dtype": "object", "values": ["x", "y"]})),
        "checksum of model.json",
    ),
    "edited name": (_edit(lambda c: c.update(target_name="z")), "checksum of model.js"),
    "no checksum": (_edit(lambda c: c.pop("sha256")), "checksum of model.json"),
    "doubled tensors": (_double_tensors, "checksum of model.safetensors"),
    "forged without recipe": (_forge(lambda c: c.pop("recipe")), "not a model that"),
    "forged without tensors": (
        _forge(lambda c: c.pop("tensors_sha256")),
        "not a model that|damaged",
    ),
    "forged width": (
        _forge(lambda c: c.update(model={**_dict(c["model"]), "n_num": 3})),
        "not a model that",
    ),
    "forged edges": (
        _forge(lambda c: c.update(model={**_dict(c["model"]), "edges": [[1.0]]})),
        "not a model that",
    ),
    "forged rule": (_forge(lambda c: c.update(rule={})), "decision rule is damaged"),
    "forged schema": (
        _forge(lambda c: c.update(schema={"columns": [{}]})),
        "not a model that|damaged column",
    ),
}


@pytest.mark.parametrize("case", DAMAGES)
def test_a_damaged_model_is_refused(
    case: str, fitted: QCLMixNetClassifier, tmp_path: Path, refuse: Refuse
) -> None:
    damage, words = DAMAGES[case]
    fitted.save(tmp_path / "model")
    damage(tmp_path / "model")
    refuse(lambda: QCLMixNetClassifier.load(tmp_path / "model"), words)
    with pytest.raises(ModelFormatError):
        QCLMixNetClassifier.load(tmp_path / "model")


def test_swapped_tensors_of_another_model_are_refused(
    people: People, fitted: QCLMixNetClassifier, tmp_path: Path, refuse: Refuse
) -> None:
    other = QCLMixNetClassifier(max_epochs=1, random_state=1).fit(*people)
    fitted.save(tmp_path / "a")
    other.save(tmp_path / "b")
    (tmp_path / "b" / "model.safetensors").replace(tmp_path / "a/model.safetensors")
    refuse(lambda: QCLMixNetClassifier.load(tmp_path / "a"), "checksum of model.safe")


PLACES: dict[str, tuple[Callable[[Path], object], str]] = {
    "missing folder": (lambda t: t / "nowhere", "no model folder"),
    "a file": (lambda t: t / "file.txt", "no model folder"),
    "an empty folder": (lambda t: t / "empty", "model.json is missing"),
    "a foreign folder": (lambda t: t / "foreign", "model.json is missing"),
    "a name too long": (lambda t: t / ("x" * 5000), "Cannot read|no model folder"),
    "None": (lambda _: None, "must be a path, got None"),
    "a number": (lambda _: 7, "must be a path, got 7"),
    "a zero byte": (lambda _: "a\0b", "must be a path"),
}


@pytest.fixture
def places(tmp_path: Path) -> Path:
    (tmp_path / "file.txt").write_text("text")
    (tmp_path / "empty").mkdir()
    (tmp_path / "foreign").mkdir()
    (tmp_path / "foreign" / "thesis.txt").write_text("years of work")
    return tmp_path


@pytest.mark.parametrize("case", PLACES)
def test_what_is_no_model_is_not_loaded(
    case: str, places: Path, refuse: Refuse
) -> None:
    make, words = PLACES[case]
    refuse(lambda: QCLMixNetClassifier.load(make(places)), words)  # type: ignore[arg-type]


def test_an_unknown_device_is_refused_at_load(
    fitted: QCLMixNetClassifier, tmp_path: Path, refuse: Refuse
) -> None:
    fitted.save(tmp_path / "m")
    refuse(lambda: QCLMixNetClassifier.load(tmp_path / "m", device="gpu"), "`device`")


BAD_DESTINATIONS: dict[str, tuple[Callable[[Path], object], str]] = {
    "a file": (lambda t: t / "file.txt", "exists and is not a model folder"),
    "a foreign folder": (lambda t: t / "foreign", "exists and is not a model folder"),
    "below a file": (lambda t: t / "file.txt" / "model", "is not a folder"),
    "a name too long": (lambda t: t / ("x" * 5000), "Cannot write"),
    "None": (lambda _: None, "must be a path, got None"),
}


@pytest.mark.parametrize("case", BAD_DESTINATIONS)
def test_a_model_is_not_saved_onto_something_else(
    case: str, places: Path, fitted: QCLMixNetClassifier, refuse: Refuse
) -> None:
    make, words = BAD_DESTINATIONS[case]
    refuse(lambda: fitted.save(make(places)), words)  # type: ignore[arg-type]
    assert (places / "foreign" / "thesis.txt").read_text() == "years of work"
    assert (places / "file.txt").read_text() == "text"


def test_a_folder_without_permission_is_refused(
    tmp_path: Path,
    fitted: QCLMixNetClassifier,
    monkeypatch: pytest.MonkeyPatch,
    refuse: Refuse,
) -> None:
    # Tests may run as root, for whom every folder is open.
    monkeypatch.setattr(os, "access", lambda *_: False)
    refuse(lambda: fitted.save(tmp_path / "m"), "no permission")


def test_an_argument_without_a_form_in_json_is_refused_at_save(
    people: People, tmp_path: Path
) -> None:
    clf = QCLMixNetClassifier(max_epochs=1).fit(*people)
    clf.state_.params["verbose"] = object()
    with pytest.raises(InputError, match="no form in JSON"):
        clf.save(tmp_path / "m")
    assert not (tmp_path / "m").exists()
