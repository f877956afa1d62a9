"""What the caller's table is: the one door for tables, labels, weights and files.

Everything a caller passes in is checked here, once, and leaves as plain NumPy arrays;
whatever is wrong ends in one ``InputError`` that names every column concerned.
"""

from qclmixnet.table.check import read_table
from qclmixnet.table.class_codes import class_codes
from qclmixnet.table.files import MISSING_MARKERS, read_file, write_file
from qclmixnet.table.infer import infer_schema, read_training_table
from qclmixnet.table.labels import read_labels, read_sample_weight
from qclmixnet.table.schema import ColumnSchema, Kind, Labels, Schema, Table
from qclmixnet.table.shards import ParquetShards
from qclmixnet.table.splits import stratified_holdout

__all__ = [
    "MISSING_MARKERS",
    "ColumnSchema",
    "Kind",
    "Labels",
    "ParquetShards",
    "Schema",
    "Table",
    "class_codes",
    "infer_schema",
    "read_file",
    "read_labels",
    "read_sample_weight",
    "read_table",
    "read_training_table",
    "stratified_holdout",
    "write_file",
]
