import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest

from qclmixnet.core.errors import InputError, MissingExtraError
from qclmixnet.metrics import Scores, score_predictions
from qclmixnet.report import draw_fit
from qclmixnet.training import EpochRecord


def make_scores(n_classes: int, labels: list[str] | None = None) -> Scores:
    rng = np.random.default_rng(0)
    truth = np.append(np.arange(n_classes), rng.integers(n_classes, size=200))
    proba = rng.dirichlet(np.ones(n_classes), size=len(truth))
    labels = labels or [f"class {k}" for k in range(n_classes)]
    return score_predictions(truth, proba.argmax(axis=1), proba, labels=labels)


def make_history(n_epochs: int, *, held_out: bool = True) -> list[EpochRecord]:
    return [
        EpochRecord(
            epoch=epoch,
            loss=2 / epoch,
            terms={},
            learning_rate=0.01,
            macro_f1=1 - 1 / epoch if held_out else None,
            macro_recall=1 - 0.8 / epoch if held_out else None,
            log_loss=1.0 if held_out else None,
            seconds=float(epoch),
            mixup_seconds=0.0,
        )
        for epoch in range(1, n_epochs + 1)
    ]


def texts_of(path: Path) -> str:
    """Return an SVG's texts; matplotlib keeps each as a comment beside its outline."""
    parser = ET.XMLParser(target=ET.TreeBuilder(insert_comments=True))
    tree = ET.parse(path, parser=parser)
    return "\n".join(element.text or "" for element in tree.iter())


@pytest.mark.parametrize(
    ("n_classes", "held_out"),
    [(2, True), (2, False), (5, True), (30, True), (60, True)],
)
def test_a_png_is_written(tmp_path: Path, n_classes: int, *, held_out: bool) -> None:
    path = tmp_path / "fit.png"
    history = make_history(4, held_out=held_out)
    draw_fit(make_scores(n_classes), history, best_epoch=3, title="A fit", path=path)
    content = path.read_bytes()
    assert content[:8] == b"\x89PNG\r\n\x1a\n"
    width, height = (int.from_bytes(content[i : i + 4]) for i in (16, 20))
    assert 1600 < width < 3000
    assert 700 < height < 2000


def test_the_picture_shows_scores_counts_and_the_kept_epoch(tmp_path: Path) -> None:
    scores = make_scores(2, ["common", "rare"])
    path = tmp_path / "fit.svg"
    draw_fit(scores, make_history(4), best_epoch=3, title="A fit", path=path)
    texts = texts_of(path)
    assert "A fit" in texts
    assert "kept: epoch 3" in texts
    assert f"macro-F1 {scores.macro_f1:.3f}" in texts
    assert f"rare  (n={scores.by_class[1].support})" in texts
    for row in scores.confusion:
        for count in row:
            assert f" {count} " in texts


def test_without_held_out_rows_only_the_loss_is_drawn(tmp_path: Path) -> None:
    path = tmp_path / "fit.svg"
    history = make_history(4, held_out=False)
    draw_fit(make_scores(2), history, best_epoch=4, title="A fit", path=path)
    texts = texts_of(path)
    assert "training loss" in texts
    assert "held-out" not in texts
    assert "kept" not in texts


def test_names_of_classes_are_cut_and_never_read_as_formulas(tmp_path: Path) -> None:
    labels = ["a very long name of a class", "$\\frac{$ and $x$"]
    path = tmp_path / "fit.svg"
    title = "costs in $ and $$"
    draw_fit(
        make_scores(2, labels), make_history(2), best_epoch=1, title=title, path=path
    )
    texts = texts_of(path)
    assert "a very long name …" in texts
    assert "of a class" not in texts


def test_one_epoch_is_enough(tmp_path: Path) -> None:
    path = tmp_path / "fit.pdf"
    draw_fit(make_scores(2), make_history(1), best_epoch=1, title="A fit", path=path)
    assert path.read_bytes().startswith(b"%PDF")


@pytest.mark.parametrize("name", ["nowhere/fit.png", "fit.docx"])
def test_a_picture_that_cannot_be_written_is_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    with pytest.raises(InputError, match="picture could not be written"):
        draw_fit(make_scores(2), make_history(1), best_epoch=1, title="t", path=path)


def test_without_matplotlib_the_extra_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'qclmixnet\[report\]'"):
        draw_fit(
            make_scores(2),
            make_history(1),
            best_epoch=1,
            title="t",
            path=tmp_path / "fit.png",
        )
