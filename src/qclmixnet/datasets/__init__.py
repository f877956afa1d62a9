"""Real imbalanced tables by name, with their provenance; local files and OpenML too.

The registry's tables are read from installed packages by file path, checked against a
stored checksum, and handed over as they are: nothing is imputed, scaled or encoded.
"""

from qclmixnet.datasets.cards import DatasetCard, DroppedColumn, TableNumbers
from qclmixnet.datasets.integrity import measure_table, table_checksum
from qclmixnet.datasets.keel import read_keel
from qclmixnet.datasets.loading import Dataset, load_dataset
from qclmixnet.datasets.registry import list_datasets

__all__ = [
    "Dataset",
    "DatasetCard",
    "DroppedColumn",
    "TableNumbers",
    "list_datasets",
    "load_dataset",
    "measure_table",
    "read_keel",
    "table_checksum",
]
