"""Every code block that a reader may copy from README.md and docs/ runs.

A page is run in an empty folder: its ``console`` commands first, then its Python
blocks as one program. Commands that are not run (pip, make) stand in ``sh`` blocks.
"""

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from mktestdocs import check_md_file

ROOT = Path(__file__).parents[2]
PAGES = [
    ROOT / "README.md",
    *sorted(
        page
        for page in (ROOT / "docs").rglob("*.md")
        if not {"_build", "auto_examples"} & set(page.parts)
    ),
]
CONSOLE = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PYTHON = re.compile(r"^```python$", re.MULTILINE)
PAGES_WITH_CODE = [
    page
    for page in PAGES
    if CONSOLE.search(page.read_text("utf-8")) or PYTHON.search(page.read_text("utf-8"))
]

# All commands of a page in one process of their own, as a reader's shell has no shape
# checker; torch is imported once.
RUN_ALL = """
import json, sys
from typer.testing import CliRunner
from qclmixnet.cli.main import app
results = [CliRunner().invoke(app, arguments) for arguments in json.load(sys.stdin)]
print(json.dumps([
    {"exit_code": r.exit_code, "stdout": r.stdout, "stderr": r.stderr} for r in results
]))
"""


def commands_of(page: Path) -> list[str]:
    blocks = CONSOLE.findall(page.read_text("utf-8"))
    lines = [line for block in blocks for line in block.splitlines()]
    return [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]


def run_commands(commands: list[str], folder: Path) -> list[dict[str, object]]:
    split = [shlex.split(command) for command in commands]
    strange = [words for words in split if words[0] != "qclmixnet"]
    assert not strange, f"{strange} belong in a `sh` block"
    done = subprocess.run(
        [sys.executable, "-c", RUN_ALL],
        input=json.dumps([words[1:] for words in split]),
        capture_output=True,
        text=True,
        check=True,
        cwd=folder,
    )
    results: list[dict[str, object]] = json.loads(done.stdout)
    return results


def keys_of(answer: object) -> set[str]:
    """Keys of the answer's first level, and of the scores inside it."""
    assert isinstance(answer, dict)
    scores = answer.get("scores")
    return set(answer) | (set(scores) if isinstance(scores, dict) else set())


@pytest.mark.parametrize(
    "page", PAGES_WITH_CODE, ids=lambda page: str(page.relative_to(ROOT))
)
def test_a_page_runs_from_top_to_bottom(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    commands = commands_of(page)
    results = run_commands(commands, tmp_path) if commands else []
    for command, result in zip(commands, results, strict=True):
        assert result["exit_code"] == 0, f"{command}\n{result['stderr']}"
        assert "Warning" not in str(result["stderr"]), f"{command}\n{result['stderr']}"
        if "--json" in command and page.name == "cli.md":
            named = page.read_text("utf-8")
            keys = keys_of(json.loads(str(result["stdout"])))
            unnamed = sorted(key for key in keys if f"`{key}`" not in named)
            assert not unnamed, f"{command}: keys not on the page: {unnamed}"
    check_md_file(page, memory=True)


def test_the_pages_are_found() -> None:
    names = {page.name for page in PAGES_WITH_CODE}
    assert {"README.md", "tutorial.md", "own-file.md", "pipelines.md"} <= names
