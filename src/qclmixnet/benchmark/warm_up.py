"""Imported by the process that fits are forked from, before the first of them.

Reading a first table makes libraries import modules that they had put off; without
this every fit would pay for that again, a twentieth of a second, more than many a fit.
Only numbers are read: nothing that starts a thread may run in the server.
"""

import pandas as pd

from qclmixnet.table import read_labels, read_training_table

__all__: list[str] = []

read_training_table(pd.DataFrame({"a": [1.0, 2.0, 4.0], "b": [3, 1, 1]}))
read_labels(pd.Series([0, 1, 0]), n_rows=3)
