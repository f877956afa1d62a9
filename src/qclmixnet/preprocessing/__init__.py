"""From a checked table to numbers: scaling, dates, category codes, missing values.

Statistics come from the training rows alone, and a row is encoded without a look at
the rows beside it. `LagFeatures` alone looks at other rows: at those before.
"""

from qclmixnet.preprocessing.bins import cut_points, quantile_edges
from qclmixnet.preprocessing.encoded import ColumnGroup, EncodedTable, RowSource
from qclmixnet.preprocessing.encoder import TableEncoder
from qclmixnet.preprocessing.lag_features import LagFeatures
from qclmixnet.preprocessing.level_order import rank_levels
from qclmixnet.preprocessing.levels import LevelCodes
from qclmixnet.preprocessing.numbers import DateColumn, NumberColumn
from qclmixnet.preprocessing.scaling import Scaling
from qclmixnet.preprocessing.scan import ScannedTable, scan_shards
from qclmixnet.preprocessing.stored_rows import RowFile, StoredRows, store_encoded

__all__ = [
    "ColumnGroup",
    "DateColumn",
    "EncodedTable",
    "LagFeatures",
    "LevelCodes",
    "NumberColumn",
    "RowFile",
    "RowSource",
    "Scaling",
    "ScannedTable",
    "StoredRows",
    "TableEncoder",
    "cut_points",
    "quantile_edges",
    "rank_levels",
    "scan_shards",
    "store_encoded",
]
