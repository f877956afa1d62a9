"""What is public resolves, explains itself and has an API page; imports stay light."""

import inspect
import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import qclmixnet

ROOT = Path(__file__).parents[2]
PACKAGES = [
    "qclmixnet",
    "qclmixnet.augment",
    "qclmixnet.baselines",
    "qclmixnet.benchmark",
    "qclmixnet.core.errors",
    "qclmixnet.datasets",
    "qclmixnet.decision",
    "qclmixnet.estimators",
    "qclmixnet.evaluation",
    "qclmixnet.execution",
    "qclmixnet.export",
    "qclmixnet.losses",
    "qclmixnet.metrics",
    "qclmixnet.nn",
    "qclmixnet.preprocessing",
    "qclmixnet.reasons",
    "qclmixnet.report",
    "qclmixnet.table",
    "qclmixnet.training",
    "qclmixnet.tuning",
]
NAMES = [(package, n) for package in PACKAGES for n in import_module(package).__all__]
DIRECTIVE = re.compile(r"^\.\. auto(module|class|data):: (\S+)$", re.MULTILINE)


def resolve(package: str, name: str) -> object:
    return getattr(import_module(package), name)


def explains(package: str, name: str) -> bool:
    """Whether this is something that carries a docstring of its own."""
    value = resolve(package, name)
    return inspect.isclass(value) or inspect.isroutine(value)


def documented() -> set[str]:
    """Full names that the API pages' directives show."""
    found: set[str] = set()
    for page in (ROOT / "docs" / "reference" / "api").glob("*.md"):
        for kind, target in DIRECTIVE.findall(page.read_text("utf-8")):
            if kind == "module":  # shows classes and functions, not plain values
                names = import_module(target).__all__
                found |= {f"{target}.{n}" for n in names if explains(target, n)}
            else:
                found.add(target)
    return found


@pytest.mark.parametrize(("package", "name"), NAMES)
def test_a_public_name_resolves_and_has_a_docstring(package: str, name: str) -> None:
    value = resolve(package, name)
    if explains(package, name):
        assert (value.__doc__ or "").strip(), f"{package}.{name} has no docstring"


@pytest.mark.parametrize(("package", "name"), NAMES)
def test_a_public_name_has_an_api_page(package: str, name: str) -> None:
    pages = documented()
    if package == "qclmixnet":
        page = (ROOT / "docs" / "reference" / "api" / "index.md").read_text("utf-8")
        assert f"| `{name}` |" in page
        homes = {full.rpartition(".")[2] for full in pages} | {"__version__"}
        assert name in homes
    elif explains(package, name):
        assert f"{package}.{name}" in pages
    else:  # a value is shown from the module that explains it
        assert any(
            full.startswith(package) and full.endswith(f".{name}") for full in pages
        )


def test_the_package_lists_its_public_names() -> None:
    assert dir(qclmixnet) == sorted(qclmixnet.__all__)


def test_no_source_file_is_over_400_lines() -> None:
    files = (ROOT / "src").rglob("*.py")
    lengths = {path.name: len(path.read_text("utf-8").splitlines()) for path in files}
    assert {name: n for name, n in lengths.items() if n > 400} == {}


@pytest.mark.parametrize(
    ("statement", "heavy"),
    [
        ("import qclmixnet", "torch sklearn pandas"),
        ("import qclmixnet.cli.main", "torch sklearn pandas"),
        ("from qclmixnet import load_dataset", "torch"),
        ("import qclmixnet.nn, qclmixnet.losses, qclmixnet.augment", "sklearn pandas"),
    ],
)
def test_an_import_loads_no_more_than_it_needs(statement: str, heavy: str) -> None:
    code = f"{statement}; import sys; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert not set(heavy.split()) & set(done.stdout.split())
