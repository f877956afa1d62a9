"""Pages that retell the code say what the code says."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import typer

from qclmixnet.baselines import list_baselines
from qclmixnet.baselines.reference import render_reference
from qclmixnet.cli.main import app
from qclmixnet.core.errors import InputError
from qclmixnet.table import infer_schema, read_file, read_labels, read_table
from qclmixnet.training import recipe

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"


def read(page: str) -> str:
    return (DOCS / page).read_text("utf-8")


def options() -> Iterator[tuple[str, str]]:
    group = typer.main.get_command(app)
    for name, command in getattr(group, "commands").items():  # noqa: B009
        for parameter in command.params:
            if parameter.param_type_name == "option":
                for flag in parameter.opts:
                    yield name, flag


@pytest.mark.parametrize(("command", "flag"), list(options()))
def test_the_cli_page_names_every_option(command: str, flag: str) -> None:
    sections = re.split(r"^## ", read("reference/cli.md"), flags=re.MULTILINE)
    section = [text for text in sections if text.startswith(f"`qclmixnet {command}")]
    assert len(section) == 1
    assert f"| `{flag}` |" in section[0]


def test_the_cli_page_invents_no_option() -> None:
    table = set(re.findall(r"^\| `(--\S+)` \|", read("reference/cli.md"), re.MULTILINE))
    assert table == {flag for _, flag in options()}


def flat(values: dict[str, object]) -> dict[str, object]:
    out: dict[str, object] = {}
    for key, value in values.items():
        if isinstance(value, dict):
            out |= {f"{key}.{inner}": item for inner, item in value.items()}
        else:
            out[key] = value
    return out


def test_the_presets_page_shows_the_recipes() -> None:
    text = read("explanation/presets.md")
    for name in ("default", "paper"):
        part = text.partition(f"## The recipe of the {name}\n")[2].partition("\n## ")[0]
        shown = dict(re.findall(r"^\| `(\S+)` \| `([^`]+)` \|$", part, re.MULTILINE))
        stored = flat(recipe(name).to_dict())
        assert shown == {key: repr(value) for key, value in stored.items()}


def test_the_method_page_lists_every_difference_to_the_paper() -> None:
    table = re.findall(r"\| `(\S+\.py)` \|$", read("explanation/method.md"), re.M)
    package = ROOT / "src" / "qclmixnet"
    spots = [
        path.relative_to(package).as_posix()
        for path in package.rglob("*.py")
        for _ in re.findall(r"DIFF\(paper\):", path.read_text("utf-8"))
    ]
    assert sorted(table) == sorted(spots)


def test_the_baselines_page_is_in_step_with_the_cards() -> None:
    assert read("reference/baselines.md") == render_reference(), (
        "run: python -m qclmixnet.baselines.reference > docs/reference/baselines.md"
    )
    rows = [line for line in render_reference().splitlines() if line[:3] == "| `"]
    assert [row.split("`")[1] for row in rows] == list(list_baselines())
    assert {row.count(" | ") for row in rows} == {4}


def file_of(folder: Path, content: bytes, name: str = "table.csv") -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


FRAME = pd.DataFrame({"age": [1.0, 2.0, 3.0]})
MISTAKES: dict[str, Callable[[Path], object]] = {
    "labels are missing": lambda _: read_labels(["a", None, "b"], n_rows=3),
    "holds fractions such as": lambda _: read_labels([0.5, 1.5], n_rows=2),
    "holds one class only": lambda _: read_labels(["a", "a"], n_rows=2),
    "contains infinity": lambda _: infer_schema(pd.DataFrame({"a": [1.0, np.inf]})),
    "holds lists, dicts or other nested cells": lambda _: infer_schema(
        pd.DataFrame({"a": [[1], [2]]})
    ),
    "No column can be learned from": lambda _: infer_schema(
        pd.DataFrame({"a": [1, 1]})
    ),
    "columns used in training": lambda _: read_table(
        pd.DataFrame({"height": [1.0]}), infer_schema(FRAME)
    ),
    "as in training": lambda _: read_table(
        pd.DataFrame({"age": ["old"]}), infer_schema(FRAME)
    ),
    "the same column name more than once": lambda folder: read_file(
        file_of(folder, b"a,a\n1,2\n")
    ),
    "correct that line": lambda folder: read_file(file_of(folder, b"a,b\n1,2,3\n")),
    "is not UTF-8 text": lambda folder: read_file(file_of(folder, b"a,b\n\xe9,1\n")),
    "has an unknown ending": lambda folder: read_file(file_of(folder, b"", "t.docx")),
}


@pytest.mark.parametrize("words", list(MISTAKES))
def test_the_page_on_errors_quotes_their_words(words: str, tmp_path: Path) -> None:
    assert f"| `{words}` |" in read("how-to/own-file.md")
    with pytest.raises(InputError) as caught:
        MISTAKES[words](tmp_path)
    assert words in " ".join(str(caught.value).split())
